r"""Frequencies against probabilities: exact laws of multinomial counts, and the largest deviation over a class.

Counts :math:`n_i` of n independent draws from K cells with probabilities :math:`\mu_i=w_i/W`, w whole numbers of sum
W: every question on :math:`D=\sum_i|Wn_i-nw_i|`, which is nW times the 1-norm of the deviation of the frequencies, is
one of whole numbers. :func:`l1_tails` sums the law of D over a list of count vectors (:func:`count_vectors`) on the
arrays of a run, with an enclosure; :func:`l1_law` finds it cell by cell in integers of any size.

The largest deviation over a class of sets: :func:`kolmogorov_smirnov` (half-lines), :func:`kuiper` (intervals) and
:func:`comb_deviation` (a half-line in each of many parts) for points with a uniform law; :func:`half_plane_agreement`
and :func:`alternating_sums` for random labels. There a class
with values -1 and 1 deviates by :math:`\max_h|\sum_ih(x_i)\sigma_i|/2m`, because the labels :math:`\sigma_i` are fair
coins and every h errs with probability 1/2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import comb, factorial, prod
from typing import Any

from verify.core.arrays import Array, eps, namespace, smallest_normal
from verify.core.enclosure import Enclosure

# ------------------------------------------------------------------------------------------- multinomial counts


def compositions(n: int, cells: int) -> Iterator[tuple[int, ...]]:
    """All vectors of ``cells`` >= 1 whole numbers >= 0 of sum n; there are binom(n + cells - 1, cells - 1)."""
    if cells == 1:
        yield (n,)
        return
    for first in range(n + 1):
        for rest in compositions(n - first, cells - 1):
            yield (first, *rest)


def partitions(n: int, cells: int, most: int | None = None) -> Iterator[tuple[int, ...]]:
    """Those of the compositions that do not increase, with entries up to ``most``."""
    if cells == 0:
        if n == 0:
            yield ()
        return
    for first in range(min(n, n if most is None else most), -1, -1):
        if first * cells < n:
            return
        for rest in partitions(n - first, cells - 1, first):
            yield (first, *rest)


@lru_cache(maxsize=512)
def count_vectors(n: int, cells: int, symmetric: bool = False) -> tuple[Any, Any]:
    """The count vectors of n draws from ``cells`` cells, (C, cells) int64, and their chances under the uniform law,
    (C,) float64, each rounded once. ``symmetric``: one vector for all that differ by the order of the cells only, with
    the chance of them all."""
    import numpy as np

    vectors = list((partitions if symmetric else compositions)(n, cells))
    chances = []
    for counts in vectors:
        ways = factorial(n) // prod(map(factorial, counts))
        if symmetric:
            ways *= factorial(cells) // prod(map(factorial, Counter(counts).values()))
        chances.append(ways / cells**n)
    return np.asarray(vectors, dtype=np.int64).reshape(-1, cells), np.asarray(chances)


def l1_tails(weights: Array, counts: Array, chances: Array) -> tuple[Array, Enclosure]:
    r"""The tails of :math:`D=\sum_i|Wn_i-nw_i|` over lists of count vectors: the values of D (B, T) int64, each once
    and from the largest on, and :math:`P(D\ge D_j)` (B, T). A row with fewer values repeats its last one.

    ``weights`` (B, K) whole numbers >= 0 of sum W > 0; ``counts`` (B, C, K) int64 of sum n, 0 where a weight is 0;
    ``chances`` (B, C), the chances under the uniform law on the cells of positive weight, 0 for a vector that only
    fills the list. 2nW must stay below 2^63.

    The enclosure counts roundings: 4 units for each power, one for each base in it, product and sum.
    """
    xp = namespace(weights, counts, chances)
    whole = xp.astype(xp.round(weights), xp.int64)
    W, n = xp.sum(whole, axis=-1), xp.sum(counts, axis=-1)
    D = xp.sum(xp.abs(W[:, None, None] * counts - n[..., None] * whole[:, None, :]), axis=-1)
    K = xp.sum(xp.astype(whole > 0, weights.dtype), axis=-1, keepdims=True)
    base = K * weights / xp.sum(weights, axis=-1, keepdims=True)
    mass = chances * xp.prod(base[:, None, :] ** xp.astype(counts, weights.dtype), axis=-1)
    least = xp.min(xp.where(chances > 0, D, xp.full_like(D, 2**62)), axis=-1, keepdims=True)
    D = xp.where(chances > 0, D, least)  # a vector that fills the list goes to the last value, with no mass
    order = xp.argsort(-D, axis=-1)
    D = xp.take_along_axis(D, order, axis=-1)
    tail = xp.cumulative_sum(xp.take_along_axis(mass, order, axis=-1), axis=-1)
    within = xp.astype(D[:, :-1] == D[:, 1:], xp.uint8)  # more of the same value follow
    within = xp.concat([within, xp.zeros_like(within[:, :1])], axis=-1)
    values = xp.sum(1 - xp.astype(within, xp.int64), axis=-1, keepdims=True)
    most = int(xp.max(values))
    ends = xp.argsort(within, axis=-1)[:, :most]  # a stable sort keeps their order
    ends = xp.where(xp.arange(most, device=D.device)[None, :] < values, ends, xp.full_like(ends, D.shape[1] - 1))
    D, tail = xp.take_along_axis(D, ends, axis=-1), xp.take_along_axis(tail, ends, axis=-1)
    size, cells = counts.shape[1:]
    unit = (size + 6 * cells + 4) * eps(weights) + 3 * eps(weights) * xp.astype(n, weights.dtype)
    lost = size * smallest_normal(weights)  # what underflow can take away
    return D, Enclosure.around(tail, xp.max(unit, axis=-1, keepdims=True) * tail + lost)


def l1_law(weights: Sequence[int], n: int) -> dict[int, int]:
    r"""The exact law of D for one list of weights: value -> probability times :math:`W^n`, integers of any size.

    By induction over the cells: the words of c letters from the first cells, by their value of D."""
    W = sum(weights)
    words: dict[tuple[int, int], int] = {(0, 0): 1}
    for number, w in enumerate(weights, 1):
        longer: dict[tuple[int, int], int] = {}
        for (c, d), count in words.items():
            for more in range(n - c + 1) if number < len(weights) else (n - c,):
                key = c + more, d + abs(W * more - n * w)
                longer[key] = longer.get(key, 0) + count * comb(c + more, more) * w**more
        words = longer
    law: dict[int, int] = {}
    for (_, d), count in words.items():
        law[d] = law.get(d, 0) + count
    return law


def cell_counts(cells: Array, K: int) -> Array:
    """How often each of 0, ..., K - 1 is in a row: cells (B, n) int64 -> (B, K) int64, by sorting."""
    xp = namespace(cells)
    size = cells.shape[0]
    rows = K * xp.arange(size, dtype=cells.dtype, device=cells.device)
    ranked = xp.sort(xp.reshape(cells + rows[:, None], (-1,)))
    edges = xp.searchsorted(ranked, xp.arange(K * size + 1, dtype=cells.dtype, device=cells.device))
    return xp.reshape(xp.astype(edges[1:] - edges[:-1], xp.int64), (size, K))


# ------------------------------------------------------------------------------------------- largest deviations


def _sides(x: Array) -> tuple[Array, Array]:
    r"""The largest values of :math:`F_m(t)-t` and :math:`t-F_m(t)`, for x (B, m) in [0, 1]."""
    xp = namespace(x)
    m = x.shape[-1]
    ranked = xp.sort(x, axis=-1)
    before = xp.arange(m, dtype=x.dtype, device=x.device) / m
    return xp.max(before + 1 / m - ranked, axis=-1), xp.max(ranked - before, axis=-1)


def kolmogorov_smirnov(x: Array) -> Array:
    r""":math:`\sup_t|F_m(t)-t|`, the largest deviation over half-lines of the points x (B, m) of the uniform law on
    [0, 1], F_m the share of points up to t: -> (B,)."""
    above, below = _sides(x)
    return namespace(x).maximum(above, below)


def kuiper(x: Array) -> Array:
    r"""The largest deviation over intervals: the range of :math:`F_m(t)-t`, since an interval is a difference of two
    half-lines. x (B, m) in [0, 1] -> (B,)."""
    above, below = _sides(x)
    return above + below


def comb_deviation(x: Array, teeth: int) -> Array:
    r"""The largest deviation over the unions of one half-line in each of ``teeth`` equal parts of [0, 1], of the sets
    :math:`\bigcup_j[j/T,t_j)` with :math:`j/T\le t_j\le(j+1)/T`: the sum of the largest deviations of one sign in the
    parts. x (B, m) in [0, 1) -> (B,); rounded where a point lies within a unit of the end of a part."""
    xp = namespace(x)
    size, m = x.shape
    ranked = xp.sort(x, axis=-1)
    part = xp.astype(xp.floor(teeth * ranked), xp.int64)
    count = cell_counts(xp.minimum(part, xp.full_like(part, teeth - 1)), teeth)
    ends = xp.cumulative_sum(count, axis=-1)
    # The points of each part, side by side, as many places for each as the fullest needs.
    number = xp.arange(int(xp.max(count)), dtype=xp.int64, device=x.device)
    index = xp.minimum((ends - count)[..., None] + number, xp.full_like(number, m - 1))
    points = xp.reshape(xp.take_along_axis(ranked, xp.reshape(index, (size, -1)), axis=-1), index.shape)
    starts = xp.arange(teeth, dtype=x.dtype, device=x.device) / teeth
    excess = xp.astype(number + 1, x.dtype) / m - (points - starts[:, None])
    inside, zero = number < count[..., None], xp.zeros_like(excess)
    above = xp.sum(xp.max(xp.where(inside, excess, zero), axis=-1), axis=-1)
    short = xp.max(xp.where(inside, 1 / m - excess, zero), axis=-1)
    below = xp.sum(xp.maximum(short, 1 / teeth - xp.astype(count, x.dtype) / m), axis=-1)
    return xp.maximum(above, below)


def alternating_sums(values: Array, changes: int) -> Array:
    r"""The largest :math:`|\sum_ih_iv_i|` over all :math:`h\in\{-1,1\}^N` that change sign at most j times, j = 0, ...,
    ``changes``, by dynamic programming over the places: values (B, N) -> (B, changes + 1), exact for integers."""
    xp = namespace(values)
    signs = xp.asarray([[[1], [-1]]], dtype=values.dtype, device=values.device)  # of the last place, one a row
    best = signs * values[:, :1, None] + xp.zeros((1, 1, changes + 1), dtype=values.dtype, device=values.device)
    for i in range(1, values.shape[-1]):
        changed = xp.concat([best[..., :1], xp.flip(best, axis=1)[..., :-1]], axis=-1)
        best = signs * values[:, i, None, None] + xp.maximum(best, changed)
    return xp.max(best, axis=1)


def half_plane_agreement(points: Array, signs: Array) -> Array:
    r"""The largest :math:`|\sum_ih(x_i)\sigma_i|` over half-planes, h = 1 inside and -1 outside: points (B, m, 2) int64
    of magnitude below 2^28, no three on a line; signs (B, m) int64, -1 or 1; m >= 2 -> (B,) int64.

    A half-plane that cuts the points can be turned and moved, without a point crossing, until two of them lie on its
    line; from the line through two points both are free to go to either side. So the maximum is over the pairs, of the
    sum over the others plus 2.
    """
    xp = namespace(points, signs)
    m = points.shape[1]
    best = xp.abs(xp.sum(signs, axis=-1))  # the whole plane
    for i in range(m - 1):
        to = points - points[:, i : i + 1, :]
        x, y = to[..., 0], to[..., 1]
        # Twice the area of the triangle i, j, k; 0 for k = i and k = j.
        area = x[:, i + 1 :, None] * y[:, None, :] - y[:, i + 1 :, None] * x[:, None, :]
        others = xp.sum(xp.sign(area) * signs[:, None, :], axis=-1)
        best = xp.maximum(best, xp.max(xp.abs(others), axis=-1) + 2)
    return best
