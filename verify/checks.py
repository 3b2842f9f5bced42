r"""The rules that every theorem must pass, ours and the user's.

    from verify import checks
    for record in checks.run(THEOREM):
        print(record)

Each rule is one function of :data:`RULES`. It gets a theorem and a scratch folder and returns None, or a
reason why it does not apply; it raises :class:`Broken` with what is wrong. :func:`run` turns that into records, so that
one broken rule hides no other, and their number says how many rules ran.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verify import grammar
from verify.core.arrays import Backend, BackendUnavailable, backend
from verify.core.enclosure import Enclosure
from verify.core.theorem import Theorem
from verify.engine import campaign, catalogue, trial, witness, work
from verify.engine.evidence import Evidence
from verify.engine.ledger import Ledger
from verify.engine.verdict import STATISTICAL as STATISTICAL

FEW = 6  # instances where one by one is asked for
SOME = 24  # instances of a family where a batch is asked for
ELIGIBLE = 0.05  # of the instances drawn at the defaults, at least this share must meet a claim's hypotheses


class Broken(AssertionError):
    """A rule is broken; the message says by what."""


@dataclass(frozen=True)
class Record:
    """What one rule found: ``status`` is ``passed``, ``failed`` or ``skipped``, with the reason of the last two."""

    rule: str
    status: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.status:8s}{self.rule}" + (f": {self.reason}" if self.reason else "")


def run(theorem: Theorem, scratch: Path) -> list[Record]:
    """One record for every rule; ``scratch`` is a folder for ledgers and witnesses."""
    return [apply(name, theorem, scratch) for name in RULES]


def apply(name: str, theorem: Theorem, scratch: Path) -> Record:
    """The record of one rule. An exception that is not :class:`Broken` fails the rule too, with its type and text."""
    try:
        with work.one_thread():
            reason = RULES[name](theorem, scratch)
    except Broken as error:
        return Record(name, "failed", str(error))
    except Exception as error:
        return Record(name, "failed", f"{type(error).__name__}: {error}")
    return Record(name, "passed") if reason is None else Record(name, "skipped", reason)


def _demand(condition: Any, message: str) -> None:
    if not bool(condition):
        raise Broken(message)


# ------------------------------------------------------------------------------------------------- what is written


def documented(theorem: Theorem, scratch: Path) -> str | None:
    """The docstring states the theorem, its kind and what is not covered; sources have locators; symbols meanings."""
    text = theorem.docstring
    for needed in ("Kind:", "Not covered"):
        _demand(needed in text, f"the docstring has no {needed!r}")
    _demand("$`" in text or "```math" in text, "the docstring has no mathematics in $`..`$ or a math fence")
    _demand(theorem.sources, "no sources")
    for source in theorem.sources:
        _demand(source.locator.strip(), f"source {source.reference.key} has no locator")
    used = {n for c in theorem.claims for n in (c.measured, *c.bound.names)}
    unnamed = used - set(theorem.symbols)
    _demand(not unnamed, f"symbols without LaTeX and meaning: {', '.join(sorted(unnamed))}")


def claims_complete(theorem: Theorem, scratch: Path) -> str | None:
    """A refuted claim says why; a document's wording has its source, and if refuted its grade and both readings."""
    keys = {s.reference.key for s in theorem.sources}
    files = [witness.slug(claim.name) for claim in theorem.claims]
    for claim in theorem.claims:
        same = files.count(witness.slug(claim.name)) == 1
        _demand(same, f"{claim.name!r}: its witness file would have the name of another claim's; rename one")
        if claim.expects == "refuted":
            _demand(claim.because, f"{claim.name!r} is expected refuted and does not say because of what")
        if claim.origin in ("source", "control"):
            continue
        _demand(claim.origin in keys, f"{claim.name!r}: origin {claim.origin!r} is not among the sources")
        _demand(claim.source, f"{claim.name!r} is a document's wording without a locator")
        if claim.expects == "refuted":
            _demand(claim.grade, f"{claim.name!r} has no grade")
            _demand(claim.reading, f"{claim.name!r} does not give the reading that fails")


def controls_present(theorem: Theorem, scratch: Path) -> str | None:
    """At least two controls, all expected to be refuted, and at least one claim that is expected to hold."""
    controls = [c for c in theorem.claims if c.origin == "control"]
    _demand(len(controls) >= 2, f"{len(controls)} controls; at least two are needed")
    for control in controls:
        _demand(control.expects == "refuted", f"control {control.name!r} is not expected to be refuted")
    _demand(any(c.expects == "holds" for c in theorem.claims), "no claim is expected to hold")


def parameters_described(theorem: Theorem, scratch: Path) -> str | None:
    """Every parameter has a default and a description, and none has the name of a run option."""
    for name, field in theorem.parameters.model_fields.items():
        _demand(field.description, f"parameter {name} has no description")
        _demand(not field.is_required(), f"parameter {name} has no default")
    clashes = grammar.clashes(theorem.parameters)
    _demand(not clashes, f"parameters named like run options: {', '.join(clashes)}")


def figures_named(theorem: Theorem, scratch: Path) -> str | None:
    """Figures name claims and families that exist, and the axes that their kind needs."""
    for figure in theorem.figures:
        for name in figure.claims:
            theorem.claim(name)
        where = f"figure {figure.name}"
        if figure.family is not None:
            named = [f for f in theorem.families if f.startswith(figure.family)]
            _demand(figure.family in named if figure.kind == "curves" else bool(named), f"{where}: no such family")
        _demand(figure.against or figure.kind in ("cloud", "curves", "map"), f"{where}: against what?")
        _demand(figure.kind != "map" or theorem.maps, f"{where}: the theorem has no maps")
        _demand(
            figure.kind != "heat" or (figure.across and len(figure.claims) == 1), f"{where}: one claim, across what"
        )


# ------------------------------------------------------------------------------------------------- what is drawn


def _batch(theorem: Theorem, family: str, start: int, stop: int, chosen: Backend, seed: int = 0) -> dict[str, Any]:
    p = theorem.parameters()
    return theorem.sample(trial.draw_for(theorem, p, family, start, stop, seed, chosen), p, family)


def repeatable(theorem: Theorem, scratch: Path) -> str | None:
    """The same seed gives the same instances, alone and in a batch; another seed gives others."""
    import numpy as np

    host = backend("numpy")
    for family in theorem.families:
        x = _batch(theorem, family, 0, SOME, host)
        alone = _batch(theorem, family, 3, 4, host)
        other = _batch(theorem, family, 0, SOME, host, seed=1)
        for name, a in x.items():
            row = a if a.shape[0] == 1 else a[3:4]
            _demand(
                np.allclose(row, alone[name], rtol=1e-12, atol=1e-12, equal_nan=True),
                f"{family}: instance 3 has another {name!r} alone than in a batch",
            )
        same = all(np.array_equal(x[n], other[n], equal_nan=True) for n in x)
        _demand(not same, f"{family}: seeds 0 and 1 give the same instances")


def shapes(theorem: Theorem, scratch: Path) -> str | None:
    """Batch axis first (length B, or 1 when shared), floats of the run's dtype, quantities (B,) or (B, T)."""
    import numpy as np

    p = theorem.parameters()
    for dtype in ("float64", "float32"):
        chosen = backend("numpy", dtype)
        for family in theorem.families:
            x = _batch(theorem, family, 0, FEW, chosen)
            with np.errstate(all="ignore"):
                named = {**theorem.hypotheses(p, x), **theorem.solve(p, x)}
            for name, value in {**x, **named}.items():
                array = value.value if isinstance(value, Enclosure) else value
                where = f"{family}, {dtype}: {name!r}"
                _demand(array.shape[:1] in ((FEW,), (1,)), f"{where} has shape {array.shape}, not batch first")
                if array.dtype.kind == "f":
                    _demand(str(array.dtype) == dtype, f"{where} has dtype {array.dtype}")
                _demand(name in x or array.ndim <= 2, f"{where} has {array.ndim} axes; a quantity has at most two")


def eligible(theorem: Theorem, scratch: Path) -> str | None:
    """At the defaults every claim has eligible instances, and every family serves some claim."""
    evidence = _run(theorem)
    for claim in theorem.claims:
        total = evidence.total(claim.name)
        _demand(
            total.eligible >= ELIGIBLE * total.drawn / len(theorem.families),
            f"{claim.name!r}: {total.eligible} of {total.drawn} instances are eligible; set aside {total.set_aside}",
        )
    for family in theorem.families:
        served = any(evidence.tallies[c.name][family].eligible for c in theorem.claims)
        _demand(served, f"family {family!r} is set aside under every claim")


def _run(theorem: Theorem, name: str = "numpy", dtype: str = "float64") -> Evidence:
    """The evidence of a short run over all families."""
    evidence = Evidence()
    for family in theorem.families:
        p, chosen = theorem.parameters(), backend(name, dtype)
        evidence.merge(trial.run_batch(theorem, p, family, 0, SOME, 0, chosen))
    return evidence


# ------------------------------------------------------------------------------------------------- how it is decided


def _decided(theorem: Theorem, family: str, x: Any) -> Iterator[tuple[str, trial.Outcomes]]:
    import numpy as np

    p = theorem.parameters()
    with np.errstate(all="ignore"):
        margins, quantities = theorem.hypotheses(p, x), theorem.solve(p, x)
        for claim in theorem.claims:
            yield claim.name, trial.outcomes(claim, p, margins, quantities)


def batch_independent(theorem: Theorem, scratch: Path) -> str | None:
    """Instances solved in a batch and one by one have the same outcomes, and ratios to nine digits."""
    host = backend("numpy")
    for family in theorem.families:
        together = dict(_decided(theorem, family, _batch(theorem, family, 0, FEW, host)))
        for i in range(FEW):
            for name, alone in _decided(theorem, family, _batch(theorem, family, i, i + 1, host)):
                both = together[name]
                where = f"{family}, {name!r}, instance {i}"
                _demand(both.missed[i] == alone.missed[0], f"{where}: eligible in one and not in the other")
                if both.missed[i] < 0:
                    contradict = (both.holds[i] and alone.violated[0]) or (both.violated[i] and alone.holds[0])
                    _demand(not contradict, f"{where}: decided differently")
                    _demand(_close(both.ratio[i], alone.ratio[0]), f"{where}: ratios {both.ratio[i]}, {alone.ratio[0]}")


def _close(a: float, b: float, digits: float = 1e-9) -> bool:
    """Agreement to nine digits; ratios above 1e6 compare a plateau with rounding, and agree in their logarithm."""
    if not (math.isfinite(a) and math.isfinite(b)):
        return a == b or (math.isnan(a) and math.isnan(b))
    if min(abs(a), abs(b)) > 1e6:
        return abs(math.log(abs(a) / abs(b))) < 1
    return abs(a - b) <= digits * max(1.0, abs(a), abs(b))


def strict_backend(theorem: Theorem, scratch: Path) -> str | None:
    """The strict array library on its fake device gives the outcomes and ratios that NumPy gives."""
    try:
        other = backend("strict")
    except BackendUnavailable as error:
        return str(error)
    _same_on(theorem, other)


def gpu_backend(theorem: Theorem, scratch: Path) -> str | None:
    """CuPy gives the outcomes and ratios that NumPy gives."""
    try:
        other = backend("cupy")
    except BackendUnavailable as error:
        return str(error)
    _same_on(theorem, other)


def _same_on(theorem: Theorem, other: Backend) -> None:
    host = backend("numpy")
    for family in theorem.families:
        ours = dict(_decided(theorem, family, _batch(theorem, family, 0, FEW, host)))
        for name, theirs in _decided(theorem, family, _batch(theorem, family, 0, FEW, other)):
            mine = ours[name]
            for i in range(FEW):
                where = f"{family}, {name!r}, instance {i}, {other.name}"
                _demand(mine.missed[i] == theirs.missed[i], f"{where}: eligible on one backend only")
                if mine.missed[i] < 0:
                    contradict = (mine.holds[i] and theirs.violated[i]) or (mine.violated[i] and theirs.holds[i])
                    _demand(not contradict, f"{where}: decided differently")
                    agree = _close(mine.ratio[i], theirs.ratio[i], 1e-7)
                    _demand(agree, f"{where}: ratios {mine.ratio[i]}, {theirs.ratio[i]}")


def single_precision(theorem: Theorem, scratch: Path) -> str | None:
    """In float32 nothing that is expected to hold is violated: rounding never passes for a violation."""
    evidence = _run(theorem, "numpy", "float32")
    for claim in theorem.claims:
        if claim.expects == "holds" and claim.is_refuted_by_one:
            total = evidence.total(claim.name)
            _demand(not total.violated, f"{claim.name!r}: {total.violated} violated in float32")


def nan_is_undecided(theorem: Theorem, scratch: Path) -> str | None:
    """NaN and infinity in a measured quantity decide nothing."""
    import numpy as np

    p, host = theorem.parameters(), backend("numpy")
    for family in theorem.families:
        x = _batch(theorem, family, 0, FEW, host)
        with np.errstate(all="ignore"):
            margins, quantities = theorem.hypotheses(p, x), theorem.solve(p, x)
            for claim in theorem.claims:
                measured = quantities[claim.measured]
                shape = (measured.value if isinstance(measured, Enclosure) else measured).shape
                for bad in (np.nan, np.inf):
                    out = trial.outcomes(claim, p, margins, {**quantities, claim.measured: np.full(shape, bad)})
                    passed = (out.missed < 0) & (out.holds | out.violated)
                    _demand(not passed.any(), f"{family}, {claim.name!r}: {bad} was decided")


def invariant(theorem: Theorem, scratch: Path) -> str | None:
    """The declared maps of instances leave outcomes and ratios of the claims that should hold as they are.

    A false claim need not be invariant: a forgotten square is seen by rescaling."""
    if not theorem.invariances:
        return "no invariances are declared"
    host, p = backend("numpy"), theorem.parameters()
    for label, change in theorem.invariances.items():
        for family in theorem.families:
            x = _batch(theorem, family, 0, FEW, host)
            moved = change(trial.draw_for(theorem, p, f"{family}/{label}", 0, FEW, 0, host), dict(x))
            before = dict(_decided(theorem, family, x))
            for name, after in _decided(theorem, family, moved):
                if theorem.claim(name).expects == "refuted":
                    continue
                for i in range(FEW):
                    where = f"{label}, {family}, {name!r}, instance {i}"
                    _demand(before[name].missed[i] == after.missed[i], f"{where}: eligible before or after only")
                    if after.missed[i] < 0:
                        agree = _close(before[name].ratio[i], after.ratio[i], 1e-6)
                        _demand(agree, f"{where}: ratios {before[name].ratio[i]}, {after.ratio[i]}")


def reference_agrees(theorem: Theorem, scratch: Path) -> str | None:
    """The independent path never decides the other way, on a few instances of every family."""
    import numpy as np

    if theorem.reference is None:
        return "no reference is declared"
    p, host = theorem.parameters(), backend("numpy")
    for family in theorem.families:
        for i in range(2):
            x = _batch(theorem, family, i, i + 1, host)
            with np.errstate(all="ignore"):
                margins, ours, theirs = theorem.hypotheses(p, x), theorem.solve(p, x), theorem.reference(p, x)
                for claim in theorem.claims:
                    a, b = (trial.outcomes(claim, p, margins, q) for q in (ours, theirs))
                    contradict = (a.holds[0] and b.violated[0]) or (a.violated[0] and b.holds[0])
                    _demand(
                        a.missed[0] >= 0 or not contradict,
                        f"{family}, {claim.name!r}, instance {i}: decided differently",
                    )


def as_expected(theorem: Theorem, scratch: Path) -> str | None:
    """A default run is as expected: what should hold does, every control and false wording is refuted, and each
    witness is still one when it is replayed from its file."""
    p = theorem.parameters()
    with Ledger(scratch / "ledger.sqlite") as ledger:
        result = campaign.run(theorem, p, campaign.Settings(backend="numpy"), ledger, scratch)
    wrong = [f"{c.name!r} is {c.verdict.verdict}, {c.expects} expected" for c in result.claims if not c.as_expected]
    _demand(not wrong, "; ".join(wrong))
    for claim in result.claims:
        if claim.witness is not None:
            path = scratch / theorem.name / claim.witness["file"]
            replayed = witness.replay(path, theorem_file=catalogue.where(theorem))
            _demand(replayed.confirmed, f"{claim.name!r}: its witness is not confirmed by replay")


RULES: dict[str, Callable[[Theorem, Path], str | None]] = {
    rule.__name__.replace("_", " "): rule
    for rule in (
        documented,
        claims_complete,
        controls_present,
        parameters_described,
        figures_named,
        repeatable,
        shapes,
        eligible,
        batch_independent,
        strict_backend,
        gpu_backend,
        single_precision,
        nan_is_undecided,
        invariant,
        reference_agrees,
        as_expected,
    )
}
