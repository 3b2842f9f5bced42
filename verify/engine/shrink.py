r"""Shrinking: a witness with fewer coordinates, more zeros and shorter numbers that still violates its claim.

The steps are greedy and know nothing of the theorem: drop coordinates, set entries to 0, round them to short rationals,
turn signs to +; before them, arrays with very large or very small entries are scaled by a power of two, because a
search drifts where a ratio does not see the scale. One is kept only if it makes the instance shorter to write down (of
the scaling this is not asked), the hypotheses of the claim still
hold, and the independent path still finds the violation. Three more things keep the instance in the domain of the
theorem, where the hypotheses do not say all of it:

* ``theorem.repair`` ties the arrays together again after each step, unless the first instance is about breaking the tie
  (it is not its own repair);
* what all draws of the family have in common (:data:`COMMON`: no negative entries, symmetry, unit columns, ...) stays;
* no claim that should hold is violated by it, unless the first instance violates it already.

Integer arrays (labels, sizes, switches) lose coordinates with the others, and their entries stay. Arrays that the
theorem names as ``fixed``, and those that all draws of a batch share (a dictionary and its coherence, say), are left
alone. There is no chance in it, and the work is counted in entries: only the limit in seconds of this process, which is
there for slow solvers, can make two runs differ.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Any

from verify.core.arrays import Backend, to_numpy
from verify.core.theorem import Claim, Parameters, Theorem
from verify.engine import trial, witness

DENOMINATORS = (1, 2, 3, 4, 5, 8, 10, 12, 16, 20, 25, 50, 100)
WORK = 60_000  # entries of the instances tried for one witness, each counted as SMALLEST at least
SMALLEST = 50
SECONDS = 2.0
LARGEST = 10_000  # entries of an instance that is worth shrinking
ROWS = 1024  # magnitudes whose lengths are found together
ENTRIES = 64  # up to which entries are changed one by one, not only an array at a time
DRAWS = 16  # of which the common features are taken
CLOSE = 1e-9
ORDINARY = 64.0  # an array whose largest entry is beyond this, or below its inverse, is scaled to entries below 1

Instance = dict[str, Any]


def shrink(
    theorem: Theorem,
    p: Parameters,
    claim: Claim,
    x: Mapping[str, Any],
    family: str | None = None,
    *,
    seconds: float = SECONDS,
    work: int = WORK,
) -> Instance:
    """A shorter instance that violates the claim, or ``x`` (NumPy arrays, batch axis 1) if none is found.

    ``family`` is the one that the instance came from; without it the features common to all families are kept.
    """
    if sum(a.size for a in x.values()) > LARGEST:
        return dict(x)
    common, shared = _common(theorem, p, family)
    fixed = shared | set(theorem.fixed)
    search = _Search(theorem, p, claim, dict(x), common, fixed, time.process_time() + seconds, work)
    if not search.settle():
        return dict(x)
    _scaled(search)
    before = math.inf
    while cost(search.x) < before and not search.over:
        before = cost(search.x)
        for step in (_drop, _zeros, _rounded, _signs):
            step(search)
    return search.x if cost(search.x) < cost(x) else dict(x)


def cost(x: Mapping[str, Any]) -> int:
    """How long the instance is to write down: for each entry the characters that
    :func:`verify.engine.witness.written` takes and one more, for a zero one in all."""
    return sum(sum(map(_length, a.ravel().tolist())) if a.size <= ENTRIES else _cost_of_many(a) for a in x.values())


@lru_cache(maxsize=4096)
def _length(value: float) -> int:
    return 1 if value == 0 else 1 + len(witness.written(value))


def _cost_of_many(a: Any) -> int:
    """The same, once for each magnitude and all denominators together."""
    import numpy as np

    flat = np.ravel(a).astype(float)
    sizes, counts = np.unique(np.abs(flat[flat != 0]), return_counts=True)
    total = flat.size + int((flat < 0).sum())
    q = np.arange(1, witness.SHORT + 1)
    for first in range(0, sizes.size, ROWS):
        left, times = sizes[first : first + ROWS], counts[first : first + ROWS]
        numerators = np.rint(left[:, None] * q)
        short = (numerators / q == left[:, None]) & (numerators < witness.LONG)
        found, at = short.any(axis=1), np.argmax(short, axis=1)
        numerator = numerators[np.arange(left.size), at]
        digits = np.floor(np.log10(np.where(found, np.maximum(numerator, 1), 1))) + 1
        denominator = np.where(at > 0, np.floor(np.log10(q[at])) + 2, 0)  # with its bar
        total += int((times * (digits + denominator))[found].sum())
        total += sum(
            n * len(repr(value)) for value, n in zip(left[~found].tolist(), times[~found].tolist(), strict=True)
        )
    return total


@dataclass
class _Search:
    theorem: Theorem
    p: Parameters
    claim: Claim
    x: Instance
    common: Mapping[str, list[Callable[[Any], bool]]]
    fixed: Set[str]
    deadline: float
    left: int
    ties: bool = False
    others: list[Claim] = field(default_factory=list)

    @property
    def over(self) -> bool:
        return self.left <= 0 or time.process_time() > self.deadline

    def settle(self) -> bool:
        """Whether the first instance is violated; whether it is its own repair, and which of the claims that should
        hold it does not violate."""
        self.ties = self.theorem.repair is not None and self._tied(self.x) is self.x
        self.others = [
            c for c in self.theorem.claims if c.expects == "holds" and c is not self.claim and c.is_refuted_by_one
        ]
        decided = self._outcomes(self.x, [self.claim, *self.others])
        if decided is None:
            return False
        self.others = [c for c, wrong in zip(self.others, decided[1:], strict=True) if not wrong]
        return decided[0]

    def keep(self, y: Instance, longest: float | None = None) -> bool:
        """Takes the changed instance if it is still a witness, and shorter than ``longest``: than the last one."""
        longest = cost(self.x) if longest is None else longest
        if self.over or cost(y) >= longest:
            return False
        self.left -= max(SMALLEST, sum(a.size for a in y.values()))
        y = self._tied(y) if self.ties else y
        if cost(y) >= longest or not self._eligible(y):
            return False
        decided = self._outcomes(y, [self.claim, *self.others])
        if decided is None or not decided[0] or any(decided[1:]):
            return False
        self.x = y
        return True

    def _tied(self, y: Instance) -> Instance:
        """The instance itself if it is its own repair up to rounding or cannot be repaired, else its repair."""
        import numpy as np

        assert self.theorem.repair is not None
        try:
            with np.errstate(all="ignore"):
                repaired = dict(self.theorem.repair(self.p, y))
                same = all(np.allclose(repaired[name], y[name], rtol=CLOSE, atol=0) for name in y)
        except Exception:  # of shapes or values that the theorem's functions do not take: it is not eligible either
            return y
        return y if same else repaired

    def _eligible(self, y: Instance) -> bool:
        """Whether the instance has what its draws have in common and meets the hypotheses of the claim."""
        import numpy as np

        try:
            with np.errstate(all="ignore"):
                if not all(test(a) for name, a in y.items() for test in self.common.get(name, ())):
                    return False
                margins = self.theorem.hypotheses(self.p, y)
                return all(bool(np.all(np.asarray(margins[name]) >= 0)) for name in self.claim.given)
        except Exception:  # as above
            return False

    def _outcomes(self, y: Instance, claims: list[Claim]) -> list[bool] | None:
        """Which claims the instance violates, None if the theorem cannot take it."""
        import numpy as np

        try:
            with np.errstate(all="ignore"):
                margins, found = self.theorem.hypotheses(self.p, y), witness.solved_alone(self.theorem, self.p, y)
                decided = [trial.outcomes(c, self.p, margins, found) for c in claims]
        except Exception:  # as above
            return None
        return [bool(out.missed[0] < 0 and out.violated[0]) for out in decided]


# --------------------------------------------------------------------------------------------------------- the steps


def _scaled(search: _Search) -> None:
    """Brings the largest entry of all arrays together, then of each, into [1/2, 1)."""
    import numpy as np

    names = _changeable(search)
    for group in (names, *([name] for name in names)):
        largest = max((float(np.abs(search.x[name]).max()) for name in group), default=0.0)
        if 0 < largest < math.inf and not 1 / ORDINARY <= largest <= ORDINARY:
            factor = 2.0 ** -math.frexp(largest)[1]
            search.keep({**search.x, **{name: search.x[name] * factor for name in group}}, math.inf)


def _changeable(search: _Search) -> list[str]:
    return [n for n, a in search.x.items() if n not in search.fixed and a.dtype.kind == "f" and a.size]


def _drop(search: _Search) -> None:
    """Leaves out coordinates, an index of every axis of one length in all arrays: halves first, then less."""
    import numpy as np

    def lengths() -> set[int]:
        return {n for name, a in search.x.items() if name not in search.fixed for n in a.shape[1:] if n > 1}

    def without(n: int, start: int, size: int) -> Instance:
        y = dict(search.x)
        for name in y.keys() - search.fixed:
            for axis in range(1, y[name].ndim):
                if y[name].shape[axis] == n:
                    y[name] = np.delete(y[name], slice(start, start + size), axis=axis)
        return y

    for length in sorted(lengths(), reverse=True):
        n, size = length, max(1, length // 2)
        while size and n > 1:
            # From the end on, so that what is left keeps its place.
            start, tried = n - size, 0
            while start >= 0 and n > size and tried <= length:
                tried += 1
                if search.keep(without(n, start, size)):
                    n -= size
                start = min(start, n) - size
            size //= 2


def _zeros(search: _Search) -> None:
    _change(search, lambda value: [0.0])


def _rounded(search: _Search) -> None:
    _change(search, lambda value: [float(Fraction(math.floor(value * q + 0.5), q)) for q in DENOMINATORS])


def _signs(search: _Search) -> None:
    _change(search, lambda value: [abs(value)])


def _change(search: _Search, values: Callable[[float], list[float]]) -> None:
    """Tries the values for whole arrays, then for single entries; of a matrix that has to be symmetric, for pairs."""
    import numpy as np

    for name in _changeable(search):
        if not np.isfinite(search.x[name]).all():
            continue
        for number in range(len(values(1.0))):
            if search.over:
                return
            flat = [values(v)[number] for v in search.x[name].ravel().tolist()]
            new = np.asarray(flat, dtype=search.x[name].dtype).reshape(search.x[name].shape)
            if search.keep({**search.x, name: new}):
                break
        if sum(a.size for a in search.x.values()) > ENTRIES:
            continue
        together = _symmetric in search.common.get(name, ())
        for place in _places(search.x[name], together):
            old = float(search.x[name][place[0]])
            for value in values(old):
                if _length(value) < _length(old):
                    new = search.x[name].copy()
                    for index in place:
                        new[index] = value
                    if search.keep({**search.x, name: new}):
                        break


def _places(a: Any, together: bool) -> Iterator[list[tuple[int, ...]]]:
    import numpy as np

    for index in np.ndindex(a.shape):
        mirrored = (*index[:-2], index[-1], index[-2]) if together else index
        if index <= mirrored:
            yield [index] if index == mirrored else [index, mirrored]


# ------------------------------------------------------------------------------------------------ what draws have


def _not_negative(a: Any) -> bool:
    return bool((a >= 0).all())


def _positive(a: Any) -> bool:
    return bool((a > 0).all())


def _at_most_one(a: Any) -> bool:
    return bool((abs(a) <= 1).all())


def _of_size_one(a: Any) -> bool:
    return bool((abs(a) == 1).all())


def _whole(a: Any) -> bool:
    return bool((a == a.round()).all())


def _symmetric(a: Any) -> bool:
    return a.ndim > 2 and a.shape[-1] == a.shape[-2] and bool((a == a.swapaxes(-1, -2)).all())


def _rising(a: Any) -> bool:
    return a.ndim > 1 and bool((a[..., 1:] >= a[..., :-1]).all())


def _shares(a: Any) -> bool:
    return a.ndim > 1 and bool((abs(a.sum(axis=-1) - 1) <= CLOSE).all())


def _unit_rows(a: Any) -> bool:
    return a.ndim > 1 and bool((abs((a * a).sum(axis=-1) - 1) <= CLOSE).all())


def _unit_columns(a: Any) -> bool:
    return a.ndim > 2 and bool((abs((a * a).sum(axis=-2) - 1) <= CLOSE).all())


def _different_rows(a: Any) -> bool:
    import numpy as np

    if a.ndim < 3:
        return False
    same = (a[:, :, None, ...] == a[:, None, :, ...]).reshape(*a.shape[:2], a.shape[1], -1).all(axis=-1)
    return not bool((same & ~np.eye(a.shape[1], dtype=bool)).any())


def _balanced(a: Any) -> bool:
    return a.ndim > 1 and bool((abs(a.sum(axis=-1)) <= CLOSE * abs(a).sum(axis=-1)).all())


COMMON: tuple[Callable[[Any], bool], ...] = (
    _not_negative,
    _positive,
    _at_most_one,
    _of_size_one,
    _whole,
    _symmetric,
    _rising,
    _shares,
    _unit_rows,
    _unit_columns,
    _different_rows,
    _balanced,
)


def _common(
    theorem: Theorem, p: Parameters, family: str | None
) -> tuple[dict[str, list[Callable[[Any], bool]]], set[str]]:
    """For each array the features of :data:`COMMON` that all draws have; and the arrays that the draws share."""
    import numpy as np

    seen: dict[str, list[Any]] = {}
    for one in theorem.families if family is None else (family,):
        draw = trial.draw_for(theorem, p, one, 0, DRAWS, 0, Backend("numpy", "float64"))
        for name, a in theorem.sample(draw, p, one).items():
            seen.setdefault(name, []).append(to_numpy(a))
    with np.errstate(all="ignore"):
        features = {
            name: [test for test in COMMON if all(a.dtype.kind in "fiu" and test(a) for a in arrays)]
            for name, arrays in seen.items()
        }
    return features, {name for name, arrays in seen.items() if any(len(a) == 1 for a in arrays)}
