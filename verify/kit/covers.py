r"""Covering and packing numbers: exact ones of finite sets, a sandwich of large sets, closed forms.

For a subset A of a metric space X and a radius :math:`\varepsilon`,

* :math:`N_{ext}(\varepsilon)` is the least number of closed balls with centres in X that cover A,
* :math:`N_{int}(\varepsilon)` the same with centres in A,
* :math:`P(\varepsilon)` the greatest number of points of A with pairwise distances greater than :math:`\varepsilon`.

A finite set enters as the Boolean matrix of what is within the radius, so that the caller decides, exactly where the
distances are integers, which pairs are. What an integer program finds is then proved by weights that are checked in
integers (:func:`smallest_cover`, :func:`largest_packing`): no answer rests on the solver's tolerance.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from verify.core.arrays import Array, namespace

SCALE = 2.0**40  # weights are integers over it

# ----------------------------------------------------------------------------------------------------- finite sets


def squared_distances(x: Array, y: Array) -> Array:
    """x (B, N, d), y (B, M, d) -> (B, N, M), term by term: exact for integers whose squares the dtype holds."""
    xp = namespace(x)
    difference = x[:, :, None, :] - y[:, None, :, :]
    return xp.sum(difference * difference, axis=-1)


def smallest_cover(near: Any) -> tuple[int, ...]:
    """The numbers of the fewest columns of the Boolean ``near`` (N points, M centres; NumPy) that have an entry in
    every row.

    HiGHS finds them; that they cover, and that no fewer do, is proved apart from it. ValueError for a point without
    a centre; RuntimeError when the proof fails, because the solver's answer was not the smallest.
    """
    import numpy as np

    near = np.asarray(near, dtype=bool)
    if not near.any(axis=1).all():
        raise ValueError("a point is near no centre")
    found = _integer_program(near, least=True)
    if not near[:, found].any(axis=1).all() or not needs(near, len(found)):
        raise RuntimeError("the cover found by HiGHS could not be proved to be the smallest")
    return found


def needs(near: Any, size: int) -> bool:
    r"""Whether every cover has at least ``size`` centres.

    Weights :math:`k_i\ge0` of the points, of which no centre covers more than w, show that :math:`t` centres cover at
    most :math:`tw\ge\sum_ik_i`; they come from the dual of the linear relaxation, rounded to integers. Where they do
    not suffice, one of the centres of the point that has the fewest is taken, each in turn.
    """
    import numpy as np

    if size <= 0:
        return True
    if not len(near):
        return False
    centres = near.sum(axis=1)
    if not centres.all():
        return True  # a point that no centre is left for
    weights = np.floor(_relaxation(near.T)[0] * SCALE).astype(np.int64)
    if weights.sum() > (size - 1) * (weights @ near).max():
        return True
    left = near.copy()
    for centre in np.flatnonzero(near[np.argmin(centres)]):
        if not needs(left[~left[:, centre]], size - 1):
            return False
        left[:, centre] = False
    return True


def largest_packing(near: Any) -> tuple[int, ...]:
    """The numbers of the most points no two of which are near: ``near`` (N, N) Boolean, symmetric; NumPy.

    HiGHS finds them; that no more fit is proved apart from it. RuntimeError when that fails.
    """
    import numpy as np

    near = np.asarray(near, dtype=bool) | np.eye(len(near), dtype=bool)
    found = _integer_program(_cliques(near), least=False)
    if near[np.ix_(found, found)].sum() != len(found) or not fits(near, len(found)):
        raise RuntimeError("the packing found by HiGHS could not be proved to be the largest")
    return found


def fits(near: Any, size: int) -> bool:
    r"""Whether every packing has at most ``size`` points.

    Weights :math:`k_Q\ge0` of sets of points that are pairwise near, with which every point has a total of at least w,
    show that a packing of t points has :math:`tw\le\sum_Qk_Q`. Where they do not suffice, a point that is near the
    most is put in, then left out.
    """
    import numpy as np

    if len(near) <= size:
        return True
    if size <= 0:
        return False
    cliques = _cliques(near)
    weights = np.ceil(_relaxation(cliques)[1] * SCALE).astype(np.int64)
    if weights.sum() < (size + 1) * (weights @ cliques).min():
        return True
    point = int(np.argmax(near.sum(axis=1)))
    apart, rest = np.flatnonzero(~near[point]), np.delete(np.arange(len(near)), point)
    return fits(near[np.ix_(apart, apart)], size - 1) and fits(near[np.ix_(rest, rest)], size)


def _integer_program(rows: Any, least: bool) -> tuple[int, ...]:
    """The fewest columns with an entry in every row, or the most with at most one entry in every row."""
    import numpy as np
    from scipy.optimize import Bounds, LinearConstraint, milp

    ones = np.ones(rows.shape[1])
    limits = (1, np.inf) if least else (-np.inf, 1)
    found = milp(
        ones if least else -ones,
        integrality=ones,
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(rows.astype(float), *limits),
    )
    if not found.success:
        raise RuntimeError(f"HiGHS: {found.message}")
    return tuple(int(i) for i in np.flatnonzero(found.x > 0.5))


def _relaxation(rows: Any) -> tuple[Any, Any]:
    """The largest sum of weights >= 0 of the columns of which no row has more than 1, and the multipliers of the rows:
    the smallest sum of weights of the rows with which every column has 1."""
    import numpy as np
    from scipy.optimize import linprog

    found = linprog(-np.ones(rows.shape[1]), A_ub=rows.astype(float), b_ub=np.ones(len(rows)), method="highs")
    if not found.success:
        raise RuntimeError(f"HiGHS: {found.message}")
    return np.maximum(found.x, 0), np.maximum(-found.ineqlin.marginals, 0)


def _cliques(near: Any) -> Any:
    """Sets of points that are pairwise near, as rows, with every near pair in one of them: each starts from a pair
    that has none yet and takes in what fits."""
    import numpy as np

    open_pairs, found = near.copy(), []
    for point in range(len(near)):
        while open_pairs[point].any():
            members = np.zeros(len(near), dtype=bool)
            members[[point, int(np.argmax(open_pairs[point]))]] = True
            common = near[members].all(axis=0)
            while (rest := common & ~members).any():
                new = np.argmax(rest)
                members[new] = True
                common &= near[new]
            open_pairs[np.ix_(members, members)] = False
            found.append(members)
    return np.stack(found)


# ------------------------------------------------------------------------------------------------------- large sets


def farthest_first(x: Array, count: int) -> Array:
    """Points chosen one after another, each the farthest from those before it, the first the first given: x (B, N, d)
    -> (B, count), the squares of the distances of the farthest point of the set from the first 1, ..., count chosen."""
    xp = namespace(x)
    chosen = x[:, :1, :]
    nearest = squared_distances(x, chosen)[..., 0]
    found = [xp.max(nearest, axis=-1)]
    for _ in range(count - 1):
        index = xp.broadcast_to(xp.argmax(nearest, axis=-1)[:, None, None], chosen.shape)
        chosen = xp.take_along_axis(x, index, axis=1)
        nearest = xp.minimum(nearest, squared_distances(x, chosen)[..., 0])
        found.append(xp.max(nearest, axis=-1))
    return xp.stack(found, axis=-1)


def greedy_sandwich(x: Array, square: Array) -> tuple[Array, Array]:
    """Numbers between which both covering numbers of x (B, N, d) lie at the radius whose square is ``square`` (B,):
    (B,), (B,) int64.

    Points chosen by :func:`farthest_first` until all others are within a radius r cover with that radius, and are
    more than r apart: at r they are no fewer than N_int(r), at 2r no more than P(2r) <= N_ext(r). Ties are decided by
    the computed squared distances.
    """
    xp = namespace(x)
    radii = farthest_first(x, x.shape[1])

    def chosen(limit: Array) -> Array:
        return 1 + xp.sum(xp.astype(radii > limit[:, None], xp.int64), axis=-1)

    return chosen(4 * square), chosen(square)


# ------------------------------------------------------------------------------------------------------ closed forms


def chord_at_most(turn: Fraction, square: Fraction) -> bool:
    """Whether the chord of an arc of the unit circle that is ``turn`` of a full turn has a square of at most
    ``square``; exact."""
    from flint import arb, ctx, fmpq

    # The square of the chord is 2 - 2 cos(2 pi turn), rational only for these arcs (Niven).
    folded = min(turn % 1, 1 - turn % 1)
    rational = {Fraction(0): 0, Fraction(1, 6): 1, Fraction(1, 4): 2, Fraction(1, 3): 3, Fraction(1, 2): 4}
    if folded in rational:
        return rational[folded] <= square
    before = ctx.prec
    try:
        while True:
            chord = 2 - 2 * arb.cos_pi_fmpq(2 * fmpq(folded.numerator, folded.denominator))
            difference = chord - arb(fmpq(square.numerator, square.denominator))
            if not difference.contains(0):
                return bool(difference < 0)
            ctx.prec *= 2
    finally:
        ctx.prec = before


def circle_internal(square: Fraction) -> int:
    r"""N_int of the unit circle in the plane at the radius whose square is ``square`` > 0:
    :math:`\lceil\pi/(2\arcsin(\varepsilon/2))\rceil`, and 1 from :math:`\varepsilon=2` on."""
    return _first(lambda n: chord_at_most(Fraction(1, 2 * n), square))


def circle_external(square: Fraction) -> int:
    r"""N_ext of the unit circle, centres anywhere in the plane: :math:`\lceil\pi/\arcsin\varepsilon\rceil`, and 1 from
    :math:`\varepsilon=1` on."""
    return 1 if square >= 1 else _first(lambda n: n > 1 and chord_at_most(Fraction(1, n), 4 * square))


def circle_packing(square: Fraction) -> int:
    r"""P of the unit circle: the greatest n with :math:`2\sin(\pi/n)>\varepsilon`, and 1 from :math:`\varepsilon=2`
    on."""
    return 1 if square >= 4 else _first(lambda n: n > 1 and chord_at_most(Fraction(1, n), square)) - 1


def _first(covers: Callable[[int], bool]) -> int:
    """The least n >= 1 from which on ``covers`` is true."""
    high = 1
    while not covers(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if covers(middle) else (middle, high)
    return high


def ball_bounds(k: int, radius: float) -> tuple[float, float]:
    r"""Between which the covering numbers of the unit ball of :math:`\mathbb R^k` lie:
    :math:`\varepsilon^{-k}` by volume, :math:`(1+2/\varepsilon)^k` by disjoint balls about a packing; for
    :math:`\varepsilon\le1`. The upper one holds for every subset of the ball."""
    return radius**-k, (1 + 2 / radius) ** k


def torus_bounds(n: int, h: int, k: int) -> tuple[int, int]:
    r"""Between which the covering number of the discrete torus :math:`(\mathbb Z/n)^k` lies with cubes of side
    :math:`2h+1\le n`: :math:`\lceil\frac n{2h+1}\lceil\frac n{2h+1}\cdots\rceil\rceil`, k times, below, and
    :math:`\lceil\frac n{2h+1}\rceil^k` above.

    Below: each of the n slices is covered by what meets it, in one dimension less, and a cube meets 2h + 1 of them.
    """
    side, lower = 2 * h + 1, 1
    for _ in range(k):
        lower = -(-n * lower // side)
    return lower, math.ceil(Fraction(n, side)) ** k
