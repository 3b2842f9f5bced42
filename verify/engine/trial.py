r"""One batch: sample -> margins -> solve -> outcomes -> evidence.

An outcome is decided on enclosures. With relation ``<=`` an instance *holds* when the upper end of the measured side
is at most the lower end of the bound at every step, and is *violated* when at some step the lower end of the measured
side exceeds the upper end of the bound. Anything else, NaN and infinity included, is *undecided*.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from verify.core.arrays import Array, Backend, is_array, namespace, some, to_numpy
from verify.core.enclosure import Enclosure, enclose, once
from verify.core.formula import Common, align
from verify.core.streams import Draw, tag
from verify.core.theorem import Claim, Comparison, Count, Figure, Identity, Mean, Parameters, Rate, Theorem
from verify.engine.evidence import CLOUD, EXTREMES, SMALL, SUMS, Evidence, Extreme, Sums, Tally, keep_worst, sketch_of

BY_MEANS = (Mean, Rate, Comparison)  # the kinds whose verdict rests on means
CURVE_STEPS = 256  # a recorded curve keeps at most this many steps


class TrialError(RuntimeError):
    """A theorem's function failed or returned something that is not of the contract; the message says where."""


@dataclass(frozen=True)
class Outcomes:
    """Of each instance under one claim; NumPy arrays of shape (B,).

    ``missed`` is the index in ``claim.given`` of the first hypothesis not met, -1 when all are. ``holds``,
    ``violated`` and ``finite`` are meaningful where nothing is missed. ``ratio``, ``measured`` and ``bound`` are best
    values at the step of the largest ratio, ``step``, counted from 1: entry j of a quantity (B, T) is step j + 1.
    ``ends`` are the lower and upper ends of measured and of bound at that step.
    """

    missed: Any
    holds: Any
    violated: Any
    finite: Any
    ratio: Any
    measured: Any
    bound: Any
    step: Any
    ends: Any


def draw_for(theorem: Theorem, p: Parameters, family: str, start: int, stop: int, seed: int, backend: Backend) -> Draw:
    """The stream of the instances ``start .. stop-1`` of a family at a point."""
    point = json.dumps(p.model_dump(mode="json"), sort_keys=True)
    return Draw(backend, seed, tag(theorem.name, point, family), start, stop)


def values_of(p: Parameters, quantities: Mapping[str, Any]) -> dict[str, Any]:
    """The names a bound may use: the quantities of ``solve`` and the numeric parameters."""
    numbers = {k: v for k, v in p if isinstance(v, int | float) and not isinstance(v, bool)}
    return {**numbers, **quantities}


def outcomes(
    claim: Claim,
    p: Parameters,
    margins: Mapping[str, Array],
    quantities: Mapping[str, Any],
    common: Common | None = None,
) -> Outcomes:
    """Decides one claim on a batch; ``common`` holds what its bound shares with those of other claims on the batch.

    Raises :class:`TrialError` for a name that solve or hypotheses did not return."""
    import numpy as np

    values = values_of(p, quantities)
    for needed, there in (((claim.measured, *claim.bound.names), values), (claim.given, margins)):
        if absent := [n for n in needed if n not in there]:
            raise TrialError(f"claim {claim.name!r} uses {', '.join(absent)}; there are {', '.join(there)}")
    measured, bound = sides(claim, values, common)
    xp = namespace(measured.value)
    size = measured.value.shape[0]
    if claim.is_equality:
        holds, violated, ratio = _agreement(claim, measured, bound)
    else:
        small, large = (measured, bound) if claim.relation == "<=" else (bound, measured)
        holds, violated = small.upper <= large.lower, small.lower > large.upper
        ratio = _ratio(xp, small.value, large.value)
    finite = xp.isfinite(measured.value) & xp.isfinite(bound.value)
    if isinstance(claim.kind, Count):
        holds, violated = _whole_numbers(claim, values, bound)
    holds, violated = holds & finite, violated & finite

    if measured.value.size == size:  # no steps, or one
        step = xp.zeros((size,), dtype=xp.int64, device=ratio.device)

        def rows(a: Array) -> Array:
            return xp.reshape(a, (size,))

        at_step = every = any_of = rows
    else:

        def rows(a: Array) -> Array:
            return xp.reshape(a, (size, -1))

        numbers = xp.where(xp.isnan(ratio), xp.full_like(ratio, -xp.inf), ratio) if some(~finite) else ratio
        step = xp.argmax(rows(numbers), axis=-1)
        place = step + xp.arange(size, device=ratio.device) * (ratio.size // size)

        def at_step(a: Array) -> Array:
            return xp.take(xp.reshape(a, (-1,)), place)

        # A reduction over few steps takes ten times as long as a count of all that settles most batches.
        def any_of(a: Array) -> Array:
            return xp.any(rows(a), axis=-1) if some(a) else xp.zeros((size,), dtype=xp.bool, device=a.device)

        def every(a: Array) -> Array:
            return ~any_of(~a)

    missed = np.full(size, -1)
    for number, name in reversed(list(enumerate(claim.given))):
        missed = np.where(to_numpy(margins[name]) >= 0, missed, number)  # a NaN margin is not met
    values_there = once(lambda a: to_numpy(at_step(a)))
    return Outcomes(
        missed,
        to_numpy(every(holds)),
        to_numpy(any_of(violated)),
        to_numpy(every(finite)),
        values_there(ratio),
        values_there(measured.value),
        values_there(bound.value),
        to_numpy(step) + 1,
        tuple(map(values_there, (measured.lower, measured.upper, bound.lower, bound.upper))),
    )


def _whole_numbers(claim: Claim, values: Mapping[str, Any], about: Enclosure) -> tuple[Array, Array]:
    """Counts are compared as the integers they are; ``about`` is the bound in floats, which do not wrap round. What is
    not in integers, or may not fit in 63 bits, decides nothing."""
    xp = namespace(about.value)
    exact = claim.bound(values)
    if not (_integral(values[claim.measured]) and _integral(exact)):
        none = xp.zeros(about.value.shape, dtype=xp.bool, device=about.value.device)
        return none, none
    like = values[claim.measured]
    bound = exact if is_array(exact) else xp.full_like(xp.astype(like, xp.int64), exact)
    pair = align({"measured": xp.astype(like, xp.int64), "bound": xp.astype(bound, xp.int64)})
    m, b = xp.broadcast_arrays(pair["measured"], pair["bound"])
    # Integers wrap round modulo 2^64, so a result that is known to lie within 63 bits is right whatever came before.
    there = xp.astype(b, about.value.dtype)
    safe = (about.lower > -(2.0**62)) & (about.upper < 2.0**62) & (there >= about.lower) & (there <= about.upper)
    holds = {"<=": m <= b, ">=": m >= b, "==": m == b}[claim.relation]
    return holds & safe, ~holds & safe


def _integral(x: Any) -> bool:
    if isinstance(x, Enclosure):
        return False
    if not is_array(x):
        return isinstance(x, int)
    return namespace(x).isdtype(x.dtype, "integral")


def sides(claim: Claim, values: Mapping[str, Any], common: Common | None = None) -> tuple[Enclosure, Enclosure]:
    """The measured quantity and the bound as floating enclosures of one shape, batch axis first; ``common`` as in
    :func:`outcomes`.

    A bound is evaluated in outward rounding, so its own arithmetic can neither make nor hide a violation.
    """
    measured = values[claim.measured]
    array = measured.value if isinstance(measured, Enclosure) else measured
    xp = namespace(array)
    like = array if xp.isdtype(array.dtype, "real floating") else xp.astype(array, xp.float64)
    bound = claim.bound.enclosure(values, like, common)
    sides = align({"measured": enclose(measured, like).uncrossed, "bound": bound})
    m, b = sides["measured"], sides["bound"]
    shape = m.shape if m.shape == b.shape else xp.broadcast_arrays(m.value, b.value)[0].shape

    def fit(end: Array) -> Array:
        return end if end.shape == shape else xp.broadcast_to(end, shape)

    return m.each(fit), b.each(fit)


def _ratio(xp: Any, small: Array, large: Array) -> Array:
    """small/large, with 0/0 = 0 and x/0 = inf."""
    zero = large == 0
    if not some(zero):
        return small / large
    quotient = small / xp.where(zero, xp.ones_like(large), large)
    at_zero = xp.where(small > 0, xp.full_like(small, xp.inf), xp.zeros_like(small))
    return xp.where(zero, at_zero, quotient)


def _agreement(claim: Claim, measured: Enclosure, bound: Enclosure) -> tuple[Array, Array, Array]:
    """For identities: apart -> violated; overlapping and sharper than the resolution -> holds. The ratio is the
    relative defect."""
    xp = namespace(measured.value)
    scale = xp.maximum(xp.abs(measured.value), xp.abs(bound.value))
    apart = (measured.lower > bound.upper) | (measured.upper < bound.lower)
    resolution = claim.kind.resolution if isinstance(claim.kind, Identity) else 0.0
    width = (measured.upper - measured.lower) + (bound.upper - bound.lower)
    sharp = width <= resolution * scale
    return ~apart & sharp, apart, _ratio(xp, xp.abs(measured.value - bound.value), scale)


def written_length(x: Mapping[str, Any], wanted: Any = True) -> Any:
    """How many characters it takes to write down each instance that is ``wanted`` (B,), and 0 for the others; None
    where an instance has more than SMALL numbers."""
    import numpy as np

    rows = [to_numpy(a) for a in x.values()]
    if sum(a[0].size for a in rows) > SMALL:
        return None
    wanted = np.broadcast_to(wanted, max(len(a) for a in rows))
    lengths = np.zeros(len(wanted), dtype=int)
    for i in np.flatnonzero(wanted):
        lengths[i] = sum(len(repr(v)) for a in rows for v in a[i % len(a)].astype(float).ravel().tolist())
    return lengths


def tally(claim: Claim, out: Outcomes, start: int, written: Any = None) -> Tally:
    """The evidence of one claim from one batch whose first instance has number ``start``; ``written`` (B,) are the
    lengths of :func:`written_length`, 0 for instances that are not to be written down."""
    import numpy as np

    eligible = out.missed < 0
    holds, violated = eligible & out.holds, eligible & out.violated
    undecided = eligible & ~out.holds & ~out.violated
    suspect = undecided & out.finite & (out.ratio > 1) & ~isinstance(claim.kind, Identity)

    worst = []
    for name, mask in (("violated", violated), ("suspect", suspect), ("holds", holds)):
        if mask.sum() > EXTREMES:
            least = np.partition(_where(mask, out.ratio), -EXTREMES)[-EXTREMES]
            # Of equal ratios the first: keep_worst orders them.
            above, equal = (np.flatnonzero(mask & r) for r in (out.ratio > least, out.ratio == least))
            index = [*above, *equal[:EXTREMES]]
        else:
            index = [*np.flatnonzero(mask)]
        worst += [Extreme(float(out.ratio[i]), -(start + int(i)), name) for i in index]

    plainest: list[int] = []
    if written is not None and (known := violated & (written > 0)).any():
        first = np.argmin(np.where(known, written, np.iinfo(written.dtype).max))
        plainest = [int(written[first]), start + int(first)]
    paired = isinstance(claim.kind, Comparison)
    return Tally(
        drawn=len(out.missed),
        holds=int(holds.sum()),
        violated=int(violated.sum()),
        undecided=int(undecided.sum()),
        suspects=int(suspect.sum()),
        nonfinite=int((undecided & ~out.finite).sum()),
        wins=int((holds & (out.measured < out.bound)).sum()) if paired else 0,
        losses=int((violated & (out.measured > out.bound)).sum()) if paired else 0,
        set_aside={claim.given[i]: int(n) for i, n in enumerate(np.bincount(out.missed[~eligible])) if n},
        worst=keep_worst(worst),
        plainest=plainest,
        sketch=sketch_of(_where(holds | violated, out.ratio)),
        **(_moments(out, eligible) if isinstance(claim.kind, BY_MEANS) else {}),
    )


def _where(mask: Any, x: Any) -> Any:
    """The entries of x (B,) where the mask is true; mostly it is everywhere."""
    return x if mask.all() else x[mask]


def _moments(out: Outcomes, eligible: Any) -> dict[str, Sums]:
    """The moments of a tally, by name: over the eligible instances with finite values."""
    import numpy as np

    counted = eligible & np.isfinite(out.measured) & np.isfinite(out.bound)
    m, b, *ends = (x[counted].astype(float) for x in (out.measured, out.bound, *out.ends))
    found: list[tuple[Any, Sums]] = []
    for x in (m, b, m - b, *ends):
        same = next((sums for other, sums in found if np.array_equal(x, other)), None)
        found.append((x, Sums.of(x) if same is None else replace(same)))
    return dict(zip(SUMS, (sums for _, sums in found), strict=True))


def run_batch(
    theorem: Theorem, p: Parameters, family: str, start: int, stop: int, seed: int, backend: Backend
) -> Evidence:
    """Samples, solves and decides the instances ``start .. stop-1`` of a family.

    Raises :class:`TrialError` when a function of the theorem raises; the message names the batch to repeat it.
    """
    import numpy as np

    began = time.perf_counter()
    try:
        with np.errstate(all="ignore"):  # what is not finite is counted as undecided, by name; a warning adds nothing
            return _run_batch(theorem, p, family, start, stop, seed, backend, began)
    except TrialError:
        raise
    except Exception as error:
        where = f"{theorem.name}, family {family!r}, instances {start}..{stop - 1}, seed {seed}, {p!r}"
        raise TrialError(f"{type(error).__name__} in {where}: {error}") from error


def _run_batch(
    theorem: Theorem, p: Parameters, family: str, start: int, stop: int, seed: int, backend: Backend, began: float
) -> Evidence:
    import numpy as np

    x = theorem.sample(draw_for(theorem, p, family, start, stop, seed, backend), p, family)
    margins = theorem.hypotheses(p, x)
    quantities = theorem.solve(p, x)
    common = Common(c.bound for c in theorem.claims)
    decided = {c.name: outcomes(c, p, margins, quantities, common) for c in theorem.claims}
    violated = [out.violated & (out.missed < 0) for out in decided.values()]
    early = np.arange(start, stop) < CLOUD
    written = written_length(x, np.any(violated, axis=0) & early) if violated and early.any() else None
    evidence = Evidence(
        {c.name: {family: tally(c, decided[c.name], start, written)} for c in theorem.claims},
        _figures(theorem, p, family, start, decided, quantities),
    )
    evidence.seconds = time.perf_counter() - began
    return evidence


def _figures(
    theorem: Theorem,
    p: Parameters,
    family: str,
    start: int,
    decided: Mapping[str, Outcomes],
    quantities: Mapping[str, Any],
) -> dict[str, dict[str, Any]]:
    """The rows and curves that the figures of the page are drawn from."""
    found: dict[str, dict[str, Any]] = {}
    for figure in theorem.figures:
        data: Any
        if figure.kind == "map":
            continue  # drawn from no instance
        if figure.kind == "curves":
            data = (
                None
                if figure.family not in (None, family)
                else _curves(figure.claims, theorem, p, start, decided, quantities)
            )
        elif family.startswith(figure.family or ""):
            data = _rows(figure, start, decided, values_of(p, quantities))
        else:
            continue
        if data:
            found[figure.name] = {family: data}
    return found


def _rows(figure: Figure, start: int, decided: Mapping[str, Outcomes], values: Mapping[str, Any]) -> list[list[float]]:
    """A row for each eligible instance and claim: instance, number of the claim, and what the kind of figure shows.

    cloud: measured, bound. ratio: against, ratio. ladder: against, measured, bound. heat: against, across, colour (or
    measured), bound.
    """
    import numpy as np

    axes = [values[name] for name in (figure.against, figure.across) if name is not None]
    rows: list[list[float]] = []
    for number, name in enumerate(figure.claims):
        out = decided[name]
        index = np.flatnonzero(out.missed[: max(0, CLOUD - start)] < 0)
        shown = [out.ratio] if figure.kind == "ratio" else [out.measured, out.bound]
        if figure.colour is not None:
            shown[0] = _column(values[figure.colour], out.step)
        columns = [_column(a, out.step) for a in axes] + shown
        columns = [np.broadcast_to(a, out.missed.shape)[index].astype(float).tolist() for a in columns]
        rows += map(list, zip((start + index).tolist(), [number] * len(index), *columns, strict=True))
    return sorted(rows)


def _column(x: Any, step: Any) -> Any:
    """A quantity (B, ...) or a parameter as a NumPy column of length B or 1; of steps those ``step`` (B,), counted
    from 1."""
    import numpy as np

    rows = np.atleast_1d(to_numpy(x.value if isinstance(x, Enclosure) else x) if not isinstance(x, int | float) else x)
    rows = rows.reshape(len(rows), -1)
    return rows[:, 0] if rows.shape[1] == 1 else rows[np.arange(len(rows)), step - 1]


def _curves(
    claims: tuple[str, ...], theorem: Theorem, p: Parameters, start: int, decided: Any, quantities: Any
) -> dict[str, Any] | None:
    """Measured and bound along the steps for every claim, on the batch's tightest instance of the first claim."""
    import numpy as np

    first = decided[claims[0]]
    ratio = np.where((first.missed < 0) & np.isfinite(first.ratio), first.ratio, -np.inf)
    best = int(np.argmax(ratio))
    if ratio[best] == -np.inf:
        return None
    values = values_of(p, quantities)
    record: dict[str, Any] = {"ratio": float(ratio[best]), "instance": start + best, "measured": {}, "bound": {}}
    for name in claims:
        for side, full in zip(("measured", "bound"), sides(theorem.claim(name), values), strict=True):
            record[side][name] = [float(v) for v in to_numpy(full.value)[best].reshape(-1)[:CURVE_STEPS]]
        record["steps"] = list(range(1, len(record["measured"][name]) + 1))
    return record
