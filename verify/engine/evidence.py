r"""What a batch leaves behind. Merging is associative and commutative, so order and workers never matter.

A :class:`Tally` is the evidence on one claim from one family; :class:`Evidence` holds a tally for every (claim,
family) of one theorem at one point, and the data of its figures. Everything is plain numbers, strings and lists:
:meth:`Evidence.to_json` is what the ledger stores.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

EXTREMES = 3  # how many of the worst instances of a tally are remembered
CLOUD = 400  # instances of a family that are looked at one by one: drawn in a cloud, written down
SMALL = 40  # an instance of at most this many numbers can be written down
SUMS = ("measured", "bound", "difference", "measured_low", "measured_high", "bound_low", "bound_high")
LARGE = 400  # numbers, from which on arrays are summed faster than lists
BINS = 64  # of the sketch of the ratios: bin i holds ratios in [2^((i-48)/4), 2^((i-47)/4))


@dataclass(frozen=True, order=True)
class Extreme:
    """One instance and its ratio measured/bound; ordered by ratio, ties by the smaller instance number."""

    ratio: float
    minus_instance: int
    outcome: str  # holds | violated | suspect

    @property
    def instance(self) -> int:
        """The number of the instance in its family's stream."""
        return -self.minus_instance


def exact_sum(terms: Iterable[float]) -> list[float]:
    """The sum without any rounding: the float nearest to it, the float nearest to what that leaves, and so on. It is
    the same list for any terms of the same sum. A sum that is no finite float stands alone."""
    terms = list(terms)
    parts: list[float] = []
    while True:
        try:
            nearest = math.fsum(terms)
        except OverflowError:
            return [float(sum(terms))]
        if not math.isfinite(nearest) or not parts or nearest:
            parts.append(nearest)
        if not nearest or not math.isfinite(nearest):
            return parts
        terms.append(-nearest)


def exact_total(x: Any) -> list[float]:
    """:func:`exact_sum` of an array (n,) of floats. A large one is cut across: the leading bits of all numbers, as many
    as add up without rounding, then the next ones."""
    import numpy as np

    parts, rest, bits = [], x, 51 - len(x).bit_length()
    while len(x) >= LARGE and (top := float(np.abs(rest).max())):
        if not top < 2.0**900:
            return exact_sum(x.tolist())
        big = 1.5 * 2.0 ** (math.frexp(top)[1] + 52 - bits)  # so large that its last bit is the last one of the part
        part = (rest + big) - big
        parts.append(float(part.sum()))
        rest = rest - part
    return exact_sum(parts if len(x) >= LARGE else x.tolist())


@dataclass
class Sums:
    """Moments of a number: count, sum, sum of squares. The two sums are rounded once, whatever they are merged from:
    ``total_rest`` and ``square_rest`` hold what they leave."""

    n: int = 0
    total: float = 0.0
    square: float = 0.0
    total_rest: list[float] = field(default_factory=list)
    square_rest: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, numbers: Any) -> Sums:
        """The moments of an array (n,) of floats."""
        total, *total_rest = exact_total(numbers)
        square, *square_rest = exact_total(numbers * numbers)
        return cls(len(numbers), total, square, total_rest, square_rest)

    def add(self, other: Sums) -> None:
        if not other.n:
            return
        self.n += other.n
        terms = self.total, *self.total_rest, other.total, *other.total_rest
        self.total, *self.total_rest = exact_sum(terms)
        terms = self.square, *self.square_rest, other.square, *other.square_rest
        self.square, *self.square_rest = exact_sum(terms)

    @property
    def mean(self) -> float:
        return self.total / self.n if self.n else math.nan

    @property
    def variance(self) -> float:
        """The unbiased sample variance; NaN below two numbers."""
        if self.n < 2:
            return math.nan
        return max(0.0, (self.square - self.total**2 / self.n) / (self.n - 1))


@dataclass
class Tally:
    """The evidence on one claim from one family.

    ``drawn`` instances split into ``holds + violated + undecided + sum(set_aside.values())``. A *suspect* is an
    undecided instance whose best values exceed the bound (its enclosure is too wide to say); ``nonfinite`` counts the
    undecided instances with NaN or infinity. ``worst`` are the violated, suspect and holding instances of largest
    ratio, :data:`EXTREMES` of each outcome. ``plainest`` is the violated instance that is shortest to write down, of
    the first :data:`CLOUD` of the family, as [characters, number], empty where instances have more than :data:`SMALL`
    numbers. ``measured``, ``bound``, ``difference`` (measured - bound) are moments over the instances with finite
    values that were not set aside, and ``measured_low`` to ``bound_high`` those of the ends of their enclosures; they
    are kept for the kinds that are decided by means, :data:`verify.engine.trial.BY_MEANS`. ``wins``/``losses`` count
    the decided signs of measured - bound (a win is measured < bound).
    """

    drawn: int = 0
    holds: int = 0
    violated: int = 0
    undecided: int = 0
    suspects: int = 0
    nonfinite: int = 0
    wins: int = 0
    losses: int = 0
    set_aside: dict[str, int] = field(default_factory=dict)
    worst: list[Extreme] = field(default_factory=list)
    plainest: list[int] = field(default_factory=list)
    sketch: dict[int, int] = field(default_factory=dict)
    measured: Sums = field(default_factory=Sums)
    bound: Sums = field(default_factory=Sums)
    difference: Sums = field(default_factory=Sums)
    measured_low: Sums = field(default_factory=Sums)
    measured_high: Sums = field(default_factory=Sums)
    bound_low: Sums = field(default_factory=Sums)
    bound_high: Sums = field(default_factory=Sums)

    @property
    def decided(self) -> int:
        return self.holds + self.violated

    @property
    def eligible(self) -> int:
        """Instances that met the hypotheses."""
        return self.holds + self.violated + self.undecided

    @property
    def ratio_max(self) -> float:
        """The largest ratio over the decided instances; NaN when there is none."""
        ratios = [e.ratio for e in self.worst if e.outcome != "suspect"]
        return max(ratios) if ratios else math.nan

    def merge(self, other: Tally) -> None:
        """Adds ``other``, the evidence of disjoint instances."""
        for name in ("drawn", "holds", "violated", "undecided", "suspects", "nonfinite", "wins", "losses"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        _add(self.set_aside, other.set_aside)
        _add(self.sketch, other.sketch)
        for sums in SUMS:
            getattr(self, sums).add(getattr(other, sums))
        self.worst = keep_worst(self.worst + other.worst)
        self.plainest = min(filter(None, (self.plainest, other.plainest)), default=[])

    def to_json(self) -> dict[str, Any]:
        sums = {name: vars(getattr(self, name)) for name in SUMS}
        return {**vars(self), **sums, "worst": [vars(extreme) for extreme in self.worst]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Tally:
        sums = {name: Sums(**data[name]) for name in SUMS}
        worst = [Extreme(**e) for e in data["worst"]]
        sketch = {int(k): v for k, v in data["sketch"].items()}
        return cls(**{**data, **sums, "worst": worst, "sketch": sketch})


def _add(counts: dict[Any, int], more: dict[Any, int]) -> None:
    for key, count in more.items():
        counts[key] = counts.get(key, 0) + count


def keep_worst(extremes: list[Extreme]) -> list[Extreme]:
    """The :data:`EXTREMES` largest of each outcome."""
    kept = []
    for outcome in ("violated", "suspect", "holds"):
        kept += sorted((e for e in extremes if e.outcome == outcome), reverse=True)[:EXTREMES]
    return kept


def sketch_of(ratios: Any) -> dict[int, int]:
    """How many of the ratios (n,) are in each bin that has any; what is not positive is in the first, the infinite and
    NaN in the last."""
    import numpy as np

    # Exponent and mantissa as the bits have them: a tenth of the time of a search among the ends of the bins.
    bits = np.asarray(ratios, dtype=np.float64).view(np.int64)
    mantissa, bins = bits & (2**52 - 1), 4 * ((bits >> 52) - 1023) + 48
    for quarter in (1, 2, 3):
        bins += mantissa >= int((2 ** (quarter / 4) - 1) * 2**52)
    counts = np.bincount(np.clip(bins, 0, BINS - 1))
    return {int(bin): int(counts[bin]) for bin in np.flatnonzero(counts)}


@dataclass
class Evidence:
    """The evidence of one theorem at one point: ``tallies[claim][family]`` and ``figures[figure][family]``.

    ``failed`` names the instances that could not be computed, as [family, start, stop, why]: they are undecided.
    Figure data: for ``curves`` a record with the ratio that chose it, for a ``map`` its panels by title in place of
    families, for the other kinds a list of rows.
    """

    tallies: dict[str, dict[str, Tally]] = field(default_factory=dict)
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: float = 0.0
    failed: list[list[Any]] = field(default_factory=list)

    def merge(self, other: Evidence) -> None:
        """Adds ``other``, the evidence of other batches."""
        self.seconds += other.seconds
        self.failed = sorted(self.failed + other.failed)
        for claim, tallies in other.tallies.items():
            mine = self.tallies.setdefault(claim, {})
            for family, tally in tallies.items():
                mine.setdefault(family, Tally()).merge(tally)
        for figure, families in other.figures.items():
            shown = self.figures.setdefault(figure, {})
            for family, data in families.items():
                if family not in shown:
                    shown[family] = data
                elif isinstance(data, list):
                    shown[family] = sorted(shown[family] + data)
                elif "ratio" in data and (data["ratio"], -data["instance"]) > (
                    shown[family]["ratio"],
                    -shown[family]["instance"],
                ):
                    shown[family] = data

    def total(self, claim: str) -> Tally:
        """The tally of a claim over all families. Extremes lose their family: use ``tallies`` to find an instance."""
        out = Tally()
        for tally in self.tallies.get(claim, {}).values():
            out.merge(tally)
        return out

    def to_json(self) -> dict[str, Any]:
        return {
            "tallies": {c: {f: t.to_json() for f, t in fs.items()} for c, fs in self.tallies.items()},
            "figures": self.figures,
            "seconds": self.seconds,
            "failed": self.failed,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Evidence:
        tallies = {c: {f: Tally.from_json(t) for f, t in fs.items()} for c, fs in data["tallies"].items()}
        return cls(tallies, dict(data["figures"]), data["seconds"], data.get("failed", []))
