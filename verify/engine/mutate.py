r"""Mutations: what a slip of the pen could make of each claim, and whether the run would have noticed.

Every claim that is expected to hold is changed in one place at a time: the formula of its bound (see
:meth:`verify.core.formula.Formula.variants`), its relation, a hypothesis that it needs, the probability or the exponent
that it states. Each mutant is decided on the same instances by the same rules, and is

- ``refuted``: the run notices it;
- ``weaker``: on every eligible instance its bound is at least as generous as that of the claim, so it says less and is
  rightly not refuted;
- ``untested``: a dropped hypothesis without which no further instance could be decided;
- ``open``: it was not refuted, and the theorem says that it is neither proved nor known to be false, and what is known
  of it (``Theorem.unsettled``);
- ``survives``: none of these. Either the mutant is true, or the instances are not nasty enough.

A mutant whose bound is a number on no eligible instance is none, and neither is a rate against a constant, or with a
factor before its bound, or an exchange with a term for rounding.

The *score* is the share of the refuted among the refuted and the surviving that nothing explains: the open ones do not
count, and a page shows how many they are. What may explain a survivor is that it is true:

- it says no more than the claim where nothing is added for rounding (quantities whose meaning says so), no more than
  another claim of the theorem that is expected to hold and has a bound in the same quantities, or no more than a
  sharper statement (``Theorem.sharper``); the bounds are compared on every eligible instance, without what is added
  for rounding;
- it is a comparison, which speaks of the laws that were drawn and no others, and the run confirms it of them;
- the theorem says why (``Theorem.survivors``).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from verify.core.arrays import Backend, to_numpy
from verify.core.formula import Common
from verify.core.theorem import (
    Claim,
    Comparison,
    Count,
    Every,
    Existence,
    Identity,
    Mean,
    Parameters,
    Probability,
    Rate,
    Relation,
    Theorem,
)
from verify.engine import trial, verdict
from verify.engine.evidence import Tally

FLIPPED: dict[Relation, Relation] = {"<=": ">=", ">=": "<="}
INSTANCES = 256  # of each family, at most, where no claim is statistical
ROUNDING = "says no more than the claim but for terms for rounding"
CONFIRMED = "a comparison speaks of the laws that were drawn, and of these the run confirms the mutant"


@dataclass(frozen=True)
class Mutant:
    """One changed claim and how it fared; ``statement`` is measured, relation and bound as text."""

    claim: str
    change: str
    statement: str
    outcome: str  # refuted | weaker | untested | open | survives
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
    rounding = _rounding(theorem)
    mutants = [(claim, change, mutant) for claim in claims for change, mutant in _mutants(claim, rounding)]
    facts = [_facts(theorem, claim, mutant) for claim, _, mutant in mutants]
    tallies: list[dict[str, Tally]] = [{} for _ in mutants]
    generous, freed, senseless = [True] * len(mutants), [False] * len(mutants), set()
    says = [False] * len(mutants)
    ranges = [(math.inf, -math.inf)] * len(mutants)
    most = theorem.instances if any(isinstance(c.kind, verdict.STATISTICAL) for c in claims) else INSTANCES
    with np.errstate(all="ignore"):
        for family, count in theorem.counts(theorem.instances).items():
            for start in range(0, min(count, most), theorem.size(family)):
                stop = min(start + theorem.size(family), count, most)
                draw = trial.draw_for(theorem, p, family, start, stop, seed, chosen)
                x = theorem.sample(draw, p, family)
                margins, quantities = theorem.hypotheses(p, x), theorem.solve(p, x)
                common = Common([c.bound for c in claims] + [mutant.bound for _, _, mutant in mutants])
                originals = {c.name: _decide(c, p, margins, quantities, common) for c in claims}
                exact = {**quantities, **{name: quantities[name] * 0 for name in rounding & quantities.keys()}}
                for i, (claim, _, mutant) in enumerate(mutants):
                    try:
                        out, bound = _decide(mutant, p, margins, quantities, common)
                    except (ValueError, ArithmeticError, TypeError):
                        senseless.add(i)  # an integer to a negative power, say
                        continue
                    tallies[i].setdefault(family, Tally()).merge(trial.tally(mutant, out, start))
                    was, before = originals[claim.name]
                    eligible, allowed = was.missed < 0, out.missed < 0
                    generous[i] &= _at_least_as_generous(claim, bound, before, eligible)
                    freed[i] |= bool((allowed & ~eligible & out.finite).any())
                    says[i] |= _is_a_number(bound)[allowed].any() or not _is_a_number(before)[eligible].any()
                    if isinstance(mutant.kind, Rate) and allowed.any():
                        seen = bound[allowed] if len(bound) > 1 else bound
                        ranges[i] = min(ranges[i][0], float(seen.min())), max(ranges[i][1], float(seen.max()))
                    if facts[i]:
                        new = _bound(mutant, p, exact)
                        facts[i] = [
                            (why, f)
                            for why, f in facts[i]
                            if _at_least_as_generous(mutant, new, _bound(f, p, exact), allowed)
                        ]
    found = []
    for i, (claim, change, mutant) in enumerate(mutants):
        low, high = ranges[i]
        if i in senseless or not says[i] or (isinstance(mutant.kind, Rate) and high - low <= 1e-9 * abs(high)):
            continue
        decision = verdict.decide(mutant, tallies[i], alpha)
        dropped = len(mutant.given) < len(claim.given)
        same_side = mutant.relation == claim.relation and mutant.kind == claim.kind
        if decision.verdict == "violated":
            outcome = "refuted"
        elif dropped and not freed[i]:
            outcome = "untested"
        elif not dropped and same_side and not mutant.is_equality and generous[i]:
            outcome = "weaker"
        else:
            outcome = "survives"
        explained = ""
        if outcome == "survives":
            confirmed = isinstance(mutant.kind, Comparison) and decision.verdict == "no violation"
            implied = [why for why, _ in facts[i]] + [CONFIRMED] * confirmed
            explained = next(iter([*_told(theorem.survivors, claim, change), *implied]), "")
        if outcome == "survives" and not explained and (known := _told(theorem.unsettled, claim, change)):
            outcome, explained = "open", known[0]
        statement = f"{mutant.measured} {mutant.relation} {mutant.bound.text}"
        ratio = decision.ratio_max if math.isfinite(decision.ratio_max) else None
        found.append(asdict(Mutant(claim.name, change, statement, outcome, ratio, explained)))
    return found


def _told(reasons: Mapping[str, str], claim: Claim, change: str) -> list[str]:
    """What a theorem says of a mutant."""
    return [why for key, why in reasons.items() if fnmatchcase(f"{claim.name}: {change}", key)]


def _rounding(theorem: Theorem) -> set[str]:
    """The quantities that stand for rounding, by the meaning the theorem gives them."""
    return {name for name, (_, meaning) in theorem.symbols.items() if "rounding" in meaning}


def _facts(theorem: Theorem, claim: Claim, mutant: Claim) -> list[tuple[str, Claim]]:
    """The true statements that may imply a mutant, should its bound be no smaller, each with words for it."""
    others = [c for c in theorem.claims if c.expects == "holds" and c != claim]
    # A bound in other quantities may be as near to what is measured as the instances are to each other.
    known = [(f"says no more than {c.name!r}", c) for c in others if set(c.bound.names) <= set(claim.bound.names)]
    known += [(s.because, s.of(claim)) for s in theorem.sharper if fnmatchcase(claim.name, s.claim)]
    if _rounding(theorem) & set(claim.bound.names):
        known.insert(0, (ROUNDING, claim))
    return [(why, fact) for why, fact in known if _speaks_for(fact, mutant)]


def _speaks_for(fact: Claim, mutant: Claim) -> bool:
    """Whether one implies the other for the mere reason that their bounds are in order."""
    one, other = fact.kind, mutant.kind
    if isinstance(one, Every | Identity | Count):
        kinds = isinstance(other, Every | Identity | Count | Mean | Probability)
    elif isinstance(one, Probability) and isinstance(other, Probability):
        kinds = one.delta <= other.delta
    else:
        kinds = one == other and not isinstance(other, Comparison | Existence)
    sides = fact.is_equality or (fact.relation == mutant.relation and not mutant.is_equality)
    return kinds and sides and fact.measured == mutant.measured and set(fact.given) <= set(mutant.given)


def _mutants(claim: Claim, rounding: Collection[str]) -> Iterator[tuple[str, Claim]]:
    """Each change of a claim, in words, and the changed claim; what stands for ``rounding`` stays in its place."""
    for what, bound in claim.bound.variants(whole_numbers=isinstance(claim.kind, Count), fixed=rounding):
        if isinstance(claim.kind, Rate) and what.startswith("all of it"):
            continue  # an order of growth is one up to a factor
        yield what, replace(claim, bound=bound)
    if not claim.is_equality and not isinstance(claim.kind, Existence | Comparison):
        yield "the relation turned round", replace(claim, relation=FLIPPED[claim.relation])
    for name in claim.given:
        yield f"without {name!r}", replace(claim, given=tuple(n for n in claim.given if n != name))
    if isinstance(claim.kind, Probability):
        yield "a tenth of delta", replace(claim, kind=Probability(claim.kind.delta / 10))
    if isinstance(claim.kind, Rate):
        for step in (-0.25, 0.25):
            yield (
                f"exponent {claim.kind.exponent + step:g}",
                replace(claim, kind=replace(claim.kind, exponent=claim.kind.exponent + step)),
            )


def _decide(
    claim: Claim, p: Parameters, margins: Mapping[str, Any], quantities: Mapping[str, Any], common: Common
) -> tuple[Any, Any]:
    """The outcomes of a batch, and the best values of its bound (B, ...)."""
    return trial.outcomes(claim, p, margins, quantities, common), _bound(claim, p, quantities, common)


def _bound(claim: Claim, p: Parameters, quantities: Mapping[str, Any], common: Common | None = None) -> Any:
    """The best values of a bound (B, ...)."""
    return to_numpy(trial.sides(claim, trial.values_of(p, quantities), common)[1].value)


def _is_a_number(bound: Any) -> Any:
    """Whether a bound (B, ...) is a number at some step: (B,)."""
    import numpy as np

    return np.isfinite(bound).reshape(len(bound), -1).any(axis=-1)


def _at_least_as_generous(claim: Claim, bound: Any, before: Any, eligible: Any) -> bool:
    """Whether whatever meets a claim with the bound ``before`` meets it with ``bound`` too, as far as these instances
    show. A bound that is no number says nothing."""
    import numpy as np

    new, old = (
        np.reshape(np.broadcast_to(b, (len(eligible), *b.shape[1:])), (len(eligible), -1)) for b in (bound, before)
    )
    room = 1e-12 * np.abs(old)
    if claim.is_equality or isinstance(claim.kind, Rate):
        wide = np.abs(new - old) <= room
    else:
        wide = new >= old - room if claim.relation == "<=" else new <= old + room
    return bool((wide | np.isnan(new) | ~np.isfinite(old))[eligible].all())
