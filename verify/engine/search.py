r"""Worst-case search: how close to its bound can a claim be driven, by a population that climbs the ratio.

A *population* of instances starts from random draws of one family. In each generation every member is changed by one
*move*, repaired where the theorem can, and kept if it still meets the claim's hypotheses, is decided, and its ratio
measured/bound (of an equality: its defect) has not fallen. Each member has a step size for each move, which grows with
success and shrinks with failure; now and then the worst members restart from the best. The search is told nothing of
the theorem but its functions: a theorem may declare moves of its own, and gets the generic ones of :data:`GENERIC`.

The ratio that is climbed is that of best values on instances that are decided in spite of solver error and rounding, so
a bad solve cannot pass for a bad instance. All kernels run on the population at once, on the run's device.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from verify.core.arrays import Array, Backend, namespace, to_numpy
from verify.core.streams import Draw, tag
from verify.core.theorem import Claim, Move, Parameters, Theorem
from verify.engine import trial

MEMBERS = 128  # of a population
FIRST_STEP, LARGEST_STEP, SMALLEST_STEP = 0.3, 3.0, 1e-9
GROWTH, DECAY = 1.6, 0.93  # of a step size: they balance at one success in seven or so
RESTART = 30  # generations between restarts
STAGNATION = 400  # generations without progress after which the search stops
PROGRESS = 1e-7  # relative; less is none
FAR = 1e6  # how many times larger than the largest entry drawn an entry may become: ratios often do not see a scale


@dataclass
class Search:
    """What a search from one family found: the largest ``ratio`` of a decided instance (NaN if none was), ``x`` that
    instance (NumPy, batch axis 1), ``sampled`` the largest ratio of the plain draws it started from, and ``trace``,
    pairs (evaluations, largest ratio so far). ``file`` is where the instance was saved."""

    claim: str
    family: str
    ratio: float = math.nan
    sampled: float = math.nan
    evaluations: int = 0
    violated: bool = False
    trace: list[tuple[int, float]] = field(default_factory=list)
    x: dict[str, Any] = field(default_factory=dict)
    file: str = ""

    def to_json(self) -> dict[str, Any]:
        """All but the instance, which is in its file."""
        return {k: v for k, v in self.__dict__.items() if k != "x"}


def worst(
    theorem: Theorem,
    p: Parameters,
    chosen: Backend,
    seconds: float,
    seed: int,
    say: Callable[[str], None] | None = None,
) -> list[Search]:
    """A search for every claim that is expected to hold and can be refuted by one instance, from every family: the best
    of the families for each claim. What one search leaves of its share of the time goes to the others."""
    claims = [c for c in theorem.claims if c.expects == "holds" and c.is_refuted_by_one]
    deadline = time.monotonic() + seconds
    left, found = len(claims) * len(theorem.families), []
    for claim in claims:
        tried = []
        for family in theorem.families:
            share = max(0.0, deadline - time.monotonic()) / left
            tried.append(search(theorem, p, claim, family, chosen, share, seed))
            left -= 1
        best = max(tried, key=lambda s: -math.inf if math.isnan(s.ratio) else s.ratio)
        best.evaluations = sum(s.evaluations for s in tried)
        best.x = _in_double(theorem, p, best.x)
        found.append(best)
        if say is not None:
            say(f"search: {claim.name}: {best.ratio:.9g} from {best.family!r}")
    return found


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
    began = time.monotonic()
    x = theorem.sample(trial.draw_for(theorem, p, family, 0, members, seed, chosen), p, family)
    value, violated = _objective(theorem, p, claim, x, _margins(theorem, p, x))
    found = Search(claim.name, family, evaluations=members)
    found.sampled = _keep_best(found, x, value, violated)
    movable = [name for name, a in x.items() if name not in theorem.fixed and _is_movable(a, members)]
    moves: tuple[Move | GenericMove, ...] = (*theorem.moves, *GENERIC)
    if not movable:
        return found
    import numpy as np

    limits = {name: FAR * float(namespace(x[name]).max(namespace(x[name]).abs(x[name]))) for name in movable}
    steps = np.full((len(moves), members), FIRST_STEP)
    stream, generation, last = tag(theorem.name, claim.name, family, "search"), 0, 0
    while generation < generations and generation - last < STAGNATION and not _tight(claim, found.ratio):
        if time.monotonic() - began >= seconds:
            break
        generation += 1
        draw = Draw(chosen, seed, stream, generation * members, (generation + 1) * members)
        number = (generation - 1) % len(moves)
        step = chosen.asarray(steps[number])
        with np.errstate(all="ignore"):
            y = _moved(moves[number], draw, x, movable, step, generation)
            y = theorem.repair(p, y) if theorem.repair else y
        # What misses a hypothesis is not solved: solvers may refuse it.
        margins = _margins(theorem, p, y)
        kept = _eligible(claim, margins, members) & _within(y, limits)
        y = _choose(chosen.asarray(kept), y, x)
        tried, wrong = _objective(theorem, p, claim, y, margins)
        better = kept & (tried >= value)
        grown = kept & (tried > value)
        steps[number] = np.clip(steps[number] * np.where(grown, GROWTH, DECAY), SMALLEST_STEP, LARGEST_STEP)
        x = _choose(chosen.asarray(better), y, x)
        value, violated = np.where(better, tried, value), np.where(better, wrong, violated)
        found.evaluations += members
        before = found.ratio
        _keep_best(found, x, value, violated)
        if not found.ratio <= before * (1 + PROGRESS) + 1e-300:
            last = generation
        if generation % RESTART == 0:
            x, value, violated = _restart(draw, chosen, x, value, violated, steps)
    return found


def _tight(claim: Claim, ratio: float) -> bool:
    """A bound attained to rounding: nothing is left to climb."""
    return not claim.is_equality and abs(ratio - 1) < 1e-12


def _margins(theorem: Theorem, p: Parameters, x: Mapping[str, Any]) -> dict[str, Any]:
    import numpy as np

    with np.errstate(all="ignore"):
        return theorem.hypotheses(p, x)


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


def _objective(
    theorem: Theorem, p: Parameters, claim: Claim, x: Mapping[str, Any], margins: Mapping[str, Any]
) -> tuple[Any, Any]:
    """The ratio of each instance that is eligible and decided, -inf elsewhere; and which are violated: NumPy (B,)."""
    import numpy as np

    with np.errstate(all="ignore"):
        out = trial.outcomes(claim, p, margins, theorem.solve(p, x))
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
