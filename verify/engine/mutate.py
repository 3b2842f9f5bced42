r"""Mutations: what a slip of the pen could make of each claim, and whether the run would have noticed.

Every claim that is expected to hold is changed in one place at a time: the formula of its bound (see
:meth:`verify.core.formula.Formula.variants`), its relation, a hypothesis that it needs, the probability or the exponent
that it states. Each mutant is decided on the same instances by the same rules, and is

- ``refuted``: the run notices it;
- ``weaker``: on every eligible instance its bound is at least as generous as that of the claim, so it says less and is
  rightly not refuted;
- ``untested``: a dropped hypothesis that every drawn instance met;
- ``survives``: none of these. Either the mutant is true, or the instances are not nasty enough.

The *score* is the share of the refuted among the refuted and the surviving. A theorem may explain mutants that survive
because they are true (``Theorem.survivors``); those do not count, and neither do those that differ from the claim only
in what is added for rounding (quantities whose meaning says so), which is 0 in exact arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from verify.core.arrays import Backend, to_numpy
from verify.core.theorem import Claim, Comparison, Count, Existence, Parameters, Probability, Rate, Relation, Theorem
from verify.engine import trial, verdict
from verify.engine.evidence import Tally

FLIPPED: dict[Relation, Relation] = {"<=": ">=", ">=": "<="}
INSTANCES = 256  # of each family, at most
ROUNDING = "differs from the claim in terms for rounding alone"


@dataclass(frozen=True)
class Mutant:
    """One changed claim and how it fared; ``statement`` is measured, relation and bound as text."""

    claim: str
    change: str
    statement: str
    outcome: str  # refuted | weaker | untested | survives
    ratio: float | None  # the largest ratio of a decided instance: how near it came
    explained: str = ""


def score(mutants: Sequence[Mapping[str, Any]]) -> float:
    """The share of the refuted among the refuted and the unexplained survivors; NaN without any."""
    refuted = sum(m["outcome"] == "refuted" for m in mutants)
    missed = sum(m["outcome"] == "survives" and not m["explained"] for m in mutants)
    return refuted / (refuted + missed) if refuted + missed else float("nan")


def mutate(theorem: Theorem, p: Parameters, chosen: Backend, seed: int, alpha: float) -> list[dict[str, Any]]:
    """Decides every mutant of every claim that is expected to hold, on the first instances of every family; a record
    of :class:`Mutant` for each. A statistical claim gets the error budget ``alpha``."""
    import numpy as np

    claims = [c for c in theorem.claims if c.expects == "holds"]
    mutants = [(claim, change, mutant) for claim in claims for change, mutant in _mutants(claim)]
    tallies: list[dict[str, Tally]] = [{} for _ in mutants]
    generous, freed, senseless = [True] * len(mutants), [False] * len(mutants), set()
    alike, small = [True] * len(mutants), _rounding(theorem)
    with np.errstate(all="ignore"):
        for family, count in theorem.counts(theorem.instances).items():
            for start in range(0, min(count, INSTANCES), theorem.batch):
                stop = min(start + theorem.batch, count, INSTANCES)
                draw = trial.draw_for(theorem, p, family, start, stop, seed, chosen)
                x = theorem.sample(draw, p, family)
                margins, quantities = theorem.hypotheses(p, x), theorem.solve(p, x)
                originals = {c.name: _decide(c, p, margins, quantities) for c in claims}
                sharp = {**quantities, **{name: quantities[name] * 0 for name in small & quantities.keys()}}
                for i, (claim, _, mutant) in enumerate(mutants):
                    try:
                        out, bound = _decide(mutant, p, margins, quantities)
                    except (ValueError, ArithmeticError, TypeError):
                        senseless.add(i)  # an integer to a negative power, say
                        continue
                    tallies[i].setdefault(family, Tally()).merge(trial.tally(mutant, out, start))
                    was, before = originals[claim.name]
                    eligible = was.missed < 0
                    generous[i] &= _at_least_as_generous(claim, bound, before, eligible)
                    freed[i] |= bool(((out.missed < 0) & ~eligible).any())
                    alike[i] &= _alike(mutant, claim, p, sharp)
    found = []
    for i, (claim, change, mutant) in enumerate(mutants):
        if i in senseless:
            continue
        decision = verdict.decide(mutant, tallies[i], alpha)
        dropped = len(mutant.given) < len(claim.given)
        same_side = mutant.relation == claim.relation and mutant.kind == claim.kind
        if decision.verdict == "violated":
            outcome = "refuted"
        elif dropped and not freed[i]:
            outcome = "untested"
        elif not dropped and same_side and generous[i]:
            outcome = "weaker"
        else:
            outcome = "survives"
        statement = f"{mutant.measured} {mutant.relation} {mutant.bound.text}"
        explained = theorem.survivors.get(f"{claim.name}: {change}", "") if outcome == "survives" else ""
        if outcome == "survives" and same_side and not dropped and alike[i]:
            explained = ROUNDING
        ratio = decision.ratio_max if math.isfinite(decision.ratio_max) else None
        found.append(asdict(Mutant(claim.name, change, statement, outcome, ratio, explained)))
    return found


def _rounding(theorem: Theorem) -> set[str]:
    """The quantities that stand for rounding, by the meaning the theorem gives them."""
    return {name for name, (_, meaning) in theorem.symbols.items() if "rounding" in meaning}


def _alike(mutant: Claim, claim: Claim, p: Parameters, sharp: Mapping[str, Any]) -> bool:
    """Whether two bounds are the same where nothing is added for rounding."""
    import numpy as np

    values = trial.values_of(p, sharp)
    one, other = (to_numpy(trial.sides(c, values)[1].value) for c in (mutant, claim))
    one, other = (b.reshape(b.shape[0], -1) for b in (one, other))
    return bool(np.allclose(one, other, rtol=1e-12, atol=0, equal_nan=True))


def _mutants(claim: Claim) -> Iterator[tuple[str, Claim]]:
    """Each change of a claim, in words, and the changed claim."""
    for what, bound in claim.bound.variants(whole_numbers=isinstance(claim.kind, Count)):
        yield what, replace(claim, bound=bound)
    if claim.relation in FLIPPED and not isinstance(claim.kind, Existence | Comparison):
        yield "the relation turned round", replace(claim, relation=FLIPPED[claim.relation])
    for name in claim.given:
        yield f"without {name!r}", replace(claim, given=tuple(n for n in claim.given if n != name))
    if isinstance(claim.kind, Probability):
        yield "a tenth of delta", replace(claim, kind=Probability(claim.kind.delta / 10))
    if isinstance(claim.kind, Rate):
        for step in (-0.25, 0.25):
            yield f"exponent {claim.kind.exponent + step:g}", replace(claim, kind=Rate(claim.kind.exponent + step))


def _decide(claim: Claim, p: Parameters, margins: Mapping[str, Any], quantities: Mapping[str, Any]) -> tuple[Any, Any]:
    """The outcomes of a batch, and the best values of its bound (B, ...)."""
    _, bound = trial.sides(claim, trial.values_of(p, quantities))
    return trial.outcomes(claim, p, margins, quantities), to_numpy(bound.value)


def _at_least_as_generous(claim: Claim, bound: Any, before: Any, eligible: Any) -> bool:
    """Whether whatever meets the claim meets the mutant, as far as these instances show."""
    import numpy as np

    if claim.is_equality or isinstance(claim.kind, Rate):
        return False
    new, old = (
        np.reshape(np.broadcast_to(b, (len(eligible), *b.shape[1:])), (len(eligible), -1)) for b in (bound, before)
    )
    room = 1e-12 * np.abs(old)
    wide = new >= old - room if claim.relation == "<=" else new <= old + room
    known = np.isfinite(old)
    return bool((wide | ~known)[eligible].all())
