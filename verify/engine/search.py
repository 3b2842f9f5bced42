r"""Worst-case search: how close to its bound can a claim be driven, by a population that climbs the ratio.

A *population* of instances starts from random draws of one family. In each generation every member is changed by one
*move*, repaired where the theorem can, and kept if it still meets the claim's hypotheses, is decided, and its ratio
measured/bound (of an equality: its defect) has not fallen. Each member has a step size for each move, which grows with
success and shrinks with failure; now and then the worst members restart from the best. The search is told nothing of
the theorem but its functions: a theorem may declare moves of its own, and gets the generic ones of :data:`GENERIC`.

Sizes and other numbers among the parameters do not move within a population. An outer search tries other points
(:func:`points`) and drops the worse half of them again and again.

The ratio that is climbed is that of best values on instances that are decided in spite of solver error and rounding, so
a bad solve cannot pass for a bad instance. All kernels run on the population at once, on the run's device.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from pydantic import ValidationError

from verify.core.arrays import Array, Backend, namespace, to_numpy
from verify.core.streams import Draw, tag
from verify.core.theorem import Claim, Move, Parameters, Theorem
from verify.engine import trial

MEMBERS, FEWEST = 128, 16  # of a population
ENTRIES = 2**21  # of a population that has more than the fewest members
FIRST_STEP, LARGEST_STEP, SMALLEST_STEP = 0.3, 3.0, 1e-9
GROWTH, DECAY = 1.6, 0.93  # of a step size: they balance at one success in seven or so
RESTART = 30  # generations between restarts
STAGNATION = 400  # generations without progress after which the search stops
PROGRESS = 1e-7  # relative; less is none
CLIMBS = 12  # at other points than the run's
FIRST_RUNG = 16  # generations before the first halving
TRIES = 8  # points drawn for one that is admitted
FAR = 1e6  # how many times larger than the largest entry drawn an entry may become: ratios often do not see a scale


@dataclass
class Search:
    """What a search from one family found: the largest ``ratio`` of a decided instance (NaN if none was), ``x`` that
    instance (NumPy, batch axis 1) at the point ``p``, ``sampled`` the largest ratio of the plain draws it started from,
    and ``trace``, pairs (evaluations, largest ratio so far). ``file`` is where the instance was saved, ``point`` what
    the point has that the run's has not, and ``command`` searches there."""

    claim: str
    family: str
    p: Parameters
    ratio: float = math.nan
    sampled: float = math.nan
    evaluations: int = 0
    violated: bool = False
    trace: list[tuple[int, float]] = field(default_factory=list)
    x: dict[str, Any] = field(default_factory=dict)
    file: str = ""
    point: dict[str, Any] = field(default_factory=dict)
    command: str = ""

    def to_json(self) -> dict[str, Any]:
        """All but the instance and its point, which are in its file."""
        return {k: v for k, v in self.__dict__.items() if k not in ("x", "p")}


def worst(
    theorem: Theorem, p: Parameters, chosen: Backend, seconds: float, seed: int, climbs: int = CLIMBS
) -> list[Search]:
    """A search for every claim that is expected to hold and can be refuted by one instance: from every family at the
    point ``p``, and from ``climbs`` pairs of a family and another point (see :func:`points`). What one claim leaves of
    its share of the time goes to the others.

    Half of a claim's time goes to successive halving: the better half of the climbs goes on for twice as many
    generations, until one is left. In the other half they are finished, the best first. So the result is the same in
    every run that has the time for it.
    """
    claims = [c for c in theorem.claims if c.expects == "holds" and c.is_refuted_by_one]
    if not claims:
        return []
    deadline, found = time.monotonic() + seconds, []
    starts = _starts(theorem, p, chosen, seed, climbs, deadline - 0.75 * seconds)
    for number, claim in enumerate(claims):
        share = max(0.0, deadline - time.monotonic()) / (len(claims) - number)
        found.append(_worst_of(theorem, claim, starts, chosen, share, seed))
    return found


def _starts(theorem: Theorem, p: Parameters, chosen: Backend, seed: int, climbs: int, until: float) -> list[_Start]:
    """Where the climbs of every claim start: the families at ``p``, then, until the time is up, other points."""
    members = _members(theorem, p, chosen)
    starts = [_start(theorem, p, family, chosen, seed, members) for family in theorem.families]
    others, families = points(theorem, p, seed, climbs), list(theorem.families)
    # Every point with a family of its own, then with the next one.
    pairs = sorted(product(range(len(others)), range(len(families))), key=lambda ij: (sum(ij) % len(families), ij))
    for i, j in pairs[:climbs]:
        if time.monotonic() > until:
            break
        with suppress(Exception):  # a sampler may refuse sizes that do not go together
            starts.append(_start(theorem, others[i], families[j], chosen, seed, members))
    return starts


def _worst_of(
    theorem: Theorem, claim: Claim, starts: list[_Start], chosen: Backend, seconds: float, seed: int
) -> Search:
    began = time.monotonic()
    pool = [_Climb(theorem, claim, start, chosen, seed) for start in starts]
    racing, rung = pool, 0
    while len(racing) > 1:
        until = time.monotonic() + max(0.0, began + seconds / 2 - time.monotonic()) / (len(racing).bit_length() - 1)
        for number, climb in enumerate(racing):
            climb.go(max(0.0, until - time.monotonic()) / (len(racing) - number), FIRST_RUNG * 2**rung)
        racing, rung = sorted(racing, key=_Climb.rank)[: len(racing) // 2], rung + 1
    for climb in sorted(pool, key=_Climb.rank):
        if not _tight(claim, min(pool, key=_Climb.rank).found.ratio):
            climb.go(began + seconds - time.monotonic())

    best = pool[0]
    for climb in pool[1:]:  # the first, unless another is better by more than rounding
        if climb.rank() < best.rank() and not climb.found.ratio <= best.found.ratio * (1 + PROGRESS):
            best = climb
    best.found.evaluations = sum(climb.found.evaluations for climb in pool)
    best.found.x = _in_double(theorem, best.p, best.found.x)
    return best.found


def _members(theorem: Theorem, p: Parameters, chosen: Backend) -> int:
    """How many instances a population has: fewer of large ones, as all populations are there at once."""
    family = next(iter(theorem.families))
    one = theorem.sample(trial.draw_for(theorem, p, family, 0, 1, 0, chosen), p, family)
    return min(MEMBERS, max(FEWEST, ENTRIES // sum(math.prod(a.shape) for a in one.values())))


def points(theorem: Theorem, p: Parameters, seed: int, count: int) -> list[Parameters]:
    """At most so many other points at which claims may be worse, by the seed.

    A whole number goes from the smallest that is allowed to that of ``p``, so that no instance costs more than those of
    ``p``; any other number goes to a tenth of its own and ten times it, within its range. Both are drawn uniformly in
    their logarithm. Fields without a range, those that the theorem names as ``fixed``, and all that are not numbers
    stay. The first point has the smallest sizes; every other one after it differs in one field only.
    """
    ranges = {name: found for name in type(p).model_fields if (found := _range(theorem, p, name))}
    if not ranges:
        return []
    tries: list[dict[str, float]] = [{name: low for name, (low, _) in ranges.items() if isinstance(low, int)}]
    draw = Draw(Backend("numpy"), seed, tag(theorem.name, "points"), 0, TRIES * count)
    for number, row in enumerate(draw.uniform(len(ranges)).tolist()):
        drawn = {name: _between(low, high, u) for u, (name, (low, high)) in zip(row, ranges.items(), strict=True)}
        one = list(ranges)[number // 2 % len(ranges)]
        tries.append({one: drawn[one]} if number % 2 else drawn)
    admitted: list[Parameters] = []
    for change in tries:
        with suppress(ValidationError):
            q = type(p).model_validate({**p.model_dump(), **change})
            if q != p and q not in admitted and len(admitted) < count:
                admitted.append(q)
    return admitted


def _range(theorem: Theorem, p: Parameters, name: str) -> tuple[float, float] | None:
    """The least and the largest value of a field in the search; None where it stays."""
    info, value = type(p).model_fields[name], getattr(p, name)
    ends = {end: getattr(m, end) for m in info.metadata for end in ("ge", "gt", "le", "lt") if hasattr(m, end)}
    low, high = ends.get("ge", ends.get("gt")), ends.get("le", ends.get("lt", math.inf))
    if name in theorem.fixed or info.annotation not in (int, float) or low is None:
        return None
    if info.annotation is int:
        least = math.ceil(low) if "ge" in ends else math.floor(low) + 1
        return (least, value) if least < value else None
    return (max(low, value / 10), min(high, 10 * value)) if value > 0 and low >= 0 else None


def _between(low: float, high: float, u: float) -> float:
    """The point of [low, high] at u in [0, 1), uniform in the logarithm, of integers in that of the rank."""
    if isinstance(low, int):
        return low - 1 + int((high - low + 2) ** u)
    return low * (high / low) ** u


def _in_double(theorem: Theorem, p: Parameters, x: dict[str, Any]) -> dict[str, Any]:
    """The instance in double precision, tied together again where it was found in single: a recheck is in double."""
    short = {name: a for name, a in x.items() if a.dtype.kind == "f" and a.dtype.itemsize < 8}
    double = {**x, **{name: a.astype("float64") for name, a in short.items()}}
    return theorem.repair(p, double) if short and theorem.repair else double


def search(
    theorem: Theorem,
    p: Parameters,
    claim: Claim,
    family: str,
    chosen: Backend,
    seconds: float,
    seed: int = 0,
    members: int = MEMBERS,
    generations: float = math.inf,
) -> Search:
    """Climbs for at most so many seconds and generations, from the first instances of the family's stream."""
    climb = _Climb(theorem, claim, _start(theorem, p, family, chosen, seed, members), chosen, seed)
    climb.go(seconds, generations)
    return climb.found


@dataclass(frozen=True)
class _Start:
    """The first instances of a family at a point, and what is computed of them: the same for every claim."""

    p: Parameters
    family: str
    x: dict[str, Any]
    margins: Mapping[str, Any]
    quantities: Mapping[str, Any]


def _start(theorem: Theorem, p: Parameters, family: str, chosen: Backend, seed: int, members: int) -> _Start:
    import numpy as np

    x = theorem.sample(trial.draw_for(theorem, p, family, 0, members, seed, chosen), p, family)
    with np.errstate(all="ignore"):
        return _Start(p, family, x, theorem.hypotheses(p, x), theorem.solve(p, x))


class _Climb:
    """The population of one family at one point, climbing for one claim: it can go on where it stopped."""

    def __init__(self, theorem: Theorem, claim: Claim, start: _Start, chosen: Backend, seed: int):
        import numpy as np

        self.theorem, self.p, self.claim, self.chosen = theorem, start.p, claim, chosen
        self.x = x = start.x
        self.members = members = max(a.shape[0] for a in x.values())
        self.value, self.violated = _ratios(claim, start.p, start.margins, start.quantities)
        self.found = Search(claim.name, start.family, start.p, evaluations=members)
        self.found.sampled = _keep_best(self.found, x, self.value, self.violated)
        self.movable = [name for name, a in x.items() if name not in theorem.fixed and _is_movable(a, members)]
        self.limits = {name: FAR * _largest(x[name]) for name in self.movable}
        self.moves: tuple[Move | GenericMove, ...] = (*theorem.moves, *GENERIC)
        self.steps = np.full((len(self.moves), members), FIRST_STEP)
        self.seed, self.stream = seed, tag(theorem.name, claim.name, start.family, "search")
        self.generation = self.last = 0

    def rank(self) -> float:
        """The smaller the better; NaN ratios come last."""
        return math.inf if math.isnan(self.found.ratio) else -self.found.ratio

    def go(self, seconds: float, generations: float = math.inf) -> None:
        """Climbs on for at most so many seconds and generations, until nothing is gained."""
        ends, stop = time.monotonic() + seconds, self.generation + generations
        while self.movable and self.generation < stop and time.monotonic() < ends:
            if self.generation - self.last >= STAGNATION or _tight(self.claim, self.found.ratio):
                break
            self._generation()

    def _generation(self) -> None:
        import numpy as np

        self.generation += 1
        x, members, found = self.x, self.members, self.found
        draw = Draw(self.chosen, self.seed, self.stream, self.generation * members, (self.generation + 1) * members)
        number = (self.generation - 1) % len(self.moves)
        step = self.chosen.asarray(self.steps[number])
        with np.errstate(all="ignore"):
            y = _moved(self.moves[number], draw, x, self.movable, step, self.generation)
            y = self.theorem.repair(self.p, y) if self.theorem.repair else y
            margins = self.theorem.hypotheses(self.p, y)
        kept = _eligible(self.claim, margins, members) & _within(y, self.limits)
        y = _choose(self.chosen.asarray(kept), y, x)  # what misses a hypothesis is not solved: solvers may refuse it
        with np.errstate(all="ignore"):
            tried, wrong = _ratios(self.claim, self.p, margins, self.theorem.solve(self.p, y))
        better, grown = kept & (tried >= self.value), kept & (tried > self.value)
        factor = np.where(grown, GROWTH, DECAY)
        self.steps[number] = np.clip(self.steps[number] * factor, SMALLEST_STEP, LARGEST_STEP)
        self.x = _choose(self.chosen.asarray(better), y, x)
        self.value, self.violated = np.where(better, tried, self.value), np.where(better, wrong, self.violated)
        found.evaluations += members
        before = found.ratio
        _keep_best(found, self.x, self.value, self.violated)
        if not found.ratio <= before * (1 + PROGRESS) + 1e-300:
            self.last = self.generation
        if self.generation % RESTART == 0:
            self.x, self.value, self.violated = _restart(
                draw, self.chosen, self.x, self.value, self.violated, self.steps
            )


def _tight(claim: Claim, ratio: float) -> bool:
    """A bound attained to rounding: nothing is left to climb."""
    return not claim.is_equality and abs(ratio - 1) < 1e-12


def _eligible(claim: Claim, margins: Mapping[str, Any], size: int) -> Any:
    """Which instances meet the claim's hypotheses: NumPy (B,)."""
    import numpy as np

    met = np.ones(size, dtype=bool)
    for name in claim.given:
        met &= np.broadcast_to(to_numpy(margins[name]), (size,)) >= 0
    return met


def _within(x: Mapping[str, Any], limits: Mapping[str, float]) -> Any:
    """Which instances have no entry that is not finite or beyond its limit: NumPy (B,)."""
    import numpy as np

    inside = []
    for name, limit in limits.items():
        rows = to_numpy(x[name])
        inside.append((np.abs(rows) <= limit).reshape(rows.shape[0], -1).all(axis=-1))
    return np.logical_and.reduce(inside)


def _ratios(claim: Claim, p: Parameters, margins: Mapping[str, Any], quantities: Mapping[str, Any]) -> tuple[Any, Any]:
    """The ratio of each instance that is eligible and decided, -inf elsewhere; and which are violated: NumPy (B,)."""
    import numpy as np

    with np.errstate(all="ignore"):
        out = trial.outcomes(claim, p, margins, quantities)
    counts = (out.missed < 0) & (out.holds | out.violated) & np.isfinite(out.ratio)
    return np.where(counts, out.ratio, -np.inf), counts & out.violated


def _keep_best(found: Search, x: Mapping[str, Any], value: Any, violated: Any) -> float:
    """Records the best member if it is better than what was found; returns its ratio, NaN if nothing was decided."""
    import numpy as np

    best = int(np.argmax(value))
    if not np.isfinite(value[best]):
        return math.nan
    if not value[best] <= found.ratio:
        found.ratio, found.violated = float(value[best]), bool(violated[best])
        found.x = {name: to_numpy(a if a.shape[0] == 1 else a[best : best + 1, ...]) for name, a in x.items()}
        found.trace.append((found.evaluations, found.ratio))
    return float(value[best])


def _restart(draw: Draw, chosen: Backend, x: Any, value: Any, violated: Any, steps: Any) -> tuple[Any, Any, Any]:
    """The worst quarter of the members become copies of members of the best quarter, with large steps."""
    import numpy as np

    order = np.argsort(value)
    quarter = len(order) // 4
    parents = to_numpy(draw.integers(0, max(1, quarter)))[:quarter]
    index = np.arange(len(order))
    index[order[:quarter]] = order[-max(1, quarter) :][parents]
    steps[:, order[:quarter]] = FIRST_STEP
    rows = chosen.asarray(index)
    moved = {n: a if a.shape[0] == 1 else namespace(a).take(a, rows, axis=0) for n, a in x.items()}
    return moved, value[index], violated[index]


def _largest(a: Array) -> float:
    xp = namespace(a)
    return float(xp.max(xp.abs(a)))


def _is_movable(a: Array, members: int) -> bool:
    return a.shape[0] == members and bool(namespace(a).isdtype(a.dtype, "real floating")) and a.size > 0


def _choose(better: Array, y: Mapping[str, Any], x: Mapping[str, Any]) -> dict[str, Any]:
    """The changed member where it is better."""

    def pick(new: Array, old: Array) -> Array:
        xp = namespace(old)
        return old if old.shape[0] == 1 else xp.where(xp.reshape(better, (-1,) + (1,) * (old.ndim - 1)), new, old)

    return {name: pick(y[name], old) for name, old in x.items()}


def _moved(
    move: Move | GenericMove, draw: Draw, x: Mapping[str, Any], movable: Sequence[str], step: Array, generation: int
) -> dict[str, Any]:
    """The population changed by one move. A generic one changes one array, or, every third time, all of them."""
    if isinstance(move, Move):
        return {**x, **move.apply(draw, dict(x), step)}
    turn = generation // len(GENERIC)
    names = movable if turn % 3 == 2 else [movable[turn % len(movable)]]
    return {**x, **{name: move.apply(draw, x[name], step) for name in names}}


# ------------------------------------------------------------------------------------------- the generic moves


@dataclass(frozen=True)
class GenericMove:
    """A change of one array (B, ...) by a step (B,): ``apply(draw, a, step)``."""

    name: str
    apply: Callable[[Draw, Array, Array], Array]


def _wide(step: Array, a: Array) -> Array:
    return namespace(a).reshape(step, (-1,) + (1,) * (a.ndim - 1))


def _size(a: Array) -> Array:
    """The root mean square of each member's entries, that of all where it is 0, 1 where all are: (B, 1, ...)."""
    xp = namespace(a)
    own = xp.sqrt(xp.mean(xp.reshape(a * a, (a.shape[0], -1)), axis=-1))
    whole = xp.sqrt(xp.mean(a * a))
    whole = xp.where(whole > 0, whole, xp.ones_like(whole))
    return _wide(xp.where(own > 0, own, whole * xp.ones_like(own)), a)


def _everywhere(draw: Draw, a: Array, step: Array) -> Array:
    return a + _wide(step, a) * _size(a) * draw.normal(*a.shape[1:])


def _in_proportion(draw: Draw, a: Array, step: Array) -> Array:
    """Zeros stay zero."""
    return a * namespace(a).exp(_wide(step, a) * draw.normal(*a.shape[1:]))


def _one_entry(draw: Draw, a: Array, step: Array) -> Array:
    xp = namespace(a)
    u = draw.uniform(*a.shape[1:])
    flat = xp.reshape(u, (a.shape[0], -1))
    here = xp.reshape(flat == xp.max(flat, axis=-1, keepdims=True), a.shape)
    return xp.where(here, _everywhere(draw, a, step), a)


def _flip(draw: Draw, a: Array, step: Array) -> Array:
    """Each entry changes its sign with probability 1/size, and the first of the smallest draw always."""
    xp = namespace(a)
    u = draw.uniform(*a.shape[1:])
    flat = xp.reshape(u, (a.shape[0], -1))
    least = xp.min(flat, axis=-1, keepdims=True)
    here = xp.reshape((flat == least) | (flat < 1 / flat.shape[-1]), a.shape)
    return xp.where(here, -a, a)


def _swap(draw: Draw, a: Array, step: Array) -> Array:
    """Two places of the last axis exchanged."""
    xp = namespace(a)
    if a.ndim < 2:
        return a
    n = a.shape[-1]
    i, j = (xp.reshape(draw.integers(0, n), (-1,) + (1,) * (a.ndim - 1)) for _ in range(2))
    places = xp.broadcast_to(xp.arange(n, dtype=i.dtype, device=a.device), a.shape)
    return xp.take_along_axis(a, xp.where(places == i, j, xp.where(places == j, i, places)), axis=-1)


def _scale(draw: Draw, a: Array, step: Array) -> Array:
    return a * _wide(namespace(a).exp(step * draw.normal()), a)


def _difference(draw: Draw, a: Array, step: Array) -> Array:
    """Moved along the difference of two other members, as in differential evolution."""
    xp = namespace(a)
    one, two = (xp.take(a, draw.integers(0, a.shape[0]), axis=0) for _ in range(2))
    return a + _wide(draw.uniform(low=0.0, high=1.0), a) * (one - two)


def _cross(draw: Draw, a: Array, step: Array) -> Array:
    """About half of the entries from another member."""
    xp = namespace(a)
    other = xp.take(a, draw.integers(0, a.shape[0]), axis=0)
    return xp.where(draw.uniform(*a.shape[1:]) < 0.5, other, a)


GENERIC = (
    GenericMove("everywhere", _everywhere),
    GenericMove("one entry", _one_entry),
    GenericMove("in proportion", _in_proportion),
    GenericMove("scale", _scale),
    GenericMove("difference", _difference),
    GenericMove("signs", _flip),
    GenericMove("swap", _swap),
    GenericMove("cross", _cross),
)
