r"""Exact arithmetic for instances that are small enough to write down: rationals, and balls where a root is taken.

Vectors and matrices are lists (of lists) of :class:`fractions.Fraction`. What is irrational is a ball of python-flint,
an ``arb`` that provably contains the truth, at the working precision of the caller.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from verify.core.formula import as_ball

Vector = Sequence[Fraction]
Matrix = Sequence[Vector]
Ray = tuple[int, ...]

POWER = 7  # a spectral norm is known to within 2**-POWER log(d) / 2, relatively
CLOSE, SPLITS = 1e-3, 600  # a supremum over cones is known to within CLOSE, or as far as so many splits lead
SCALE = 2**16  # to which halves of a cone are rounded


def dot(u: Vector, v: Vector) -> Fraction:
    """The inner product of two vectors of one length."""
    return sum((a * b for a, b in zip(u, v, strict=True)), Fraction(0))


def apply(M: Matrix, v: Vector) -> list[Fraction]:
    """M v."""
    return [dot(row, v) for row in M]


def transpose(M: Matrix) -> list[list[Fraction]]:
    """The transpose of a matrix with at least one row."""
    return [list(column) for column in zip(*M, strict=True)]


def product(M: Matrix, N: Matrix) -> list[list[Fraction]]:
    """M N."""
    columns = transpose(N)
    return [[dot(row, column) for column in columns] for row in M]


def plus(u: Vector, v: Vector, factor: Fraction | int = 1) -> list[Fraction]:
    """u + factor v."""
    return [a + factor * b for a, b in zip(u, v, strict=True)]


def identity(d: int) -> list[list[Fraction]]:
    """The identity matrix of size d."""
    return [[Fraction(int(i == j)) for j in range(d)] for i in range(d)]


def norm1(v: Vector) -> Fraction:
    """The sum of the magnitudes."""
    return sum(map(abs, v), Fraction(0))


def norm2(v: Vector) -> Any:
    """The Euclidean length, a ball."""
    return as_ball(dot(v, v)).sqrt()


def l1_ball(y: Vector, radius: Fraction) -> list[Fraction]:
    r"""The Euclidean projection of y onto the l1 ball: soft thresholding at the level :math:`\max_j(S_j-R)/j`, with
    :math:`S_j` the sum of the j largest magnitudes."""
    if norm1(y) <= radius:
        return list(y)
    sums = itertools.accumulate(sorted(map(abs, y), reverse=True))
    level = max((total - radius) / count for count, total in enumerate(sums, 1))
    return [max(abs(v) - level, Fraction(0)) * (1 if v > 0 else -1) for v in y]


def spectral(M: Matrix) -> Any:
    r"""The largest singular value, a ball: :math:`\lambda^n\le\mathrm{tr}\,B^n\le r\lambda^n` for the smaller of the
    two Gram matrices B, of size r, its largest eigenvalue :math:`\lambda` and :math:`n=2^{POWER-1}`."""
    wide = M if len(M) <= len(M[0]) else transpose(M)
    B = [[as_ball(entry) for entry in row] for row in product(wide, transpose(wide))]
    size = range(len(B))
    for _ in range(POWER - 1):
        B = [[sum(B[i][k] * B[k][j] for k in size) for j in size] for i in size]
    trace = sum(B[i][i] for i in size)
    if trace.is_zero():
        return trace
    roots = [(trace / part).root(2**POWER) for part in (1, len(B))]
    return roots[0].union(roots[1])


def smallest_minor(M: Matrix) -> Fraction:
    """The smallest principal minor of a symmetric matrix: >= 0 exactly when the matrix is positive semidefinite."""
    chosen = (c for n in range(1, len(M) + 1) for c in itertools.combinations(range(len(M)), n))
    return min(_determinant([[M[i][j] for j in c] for i in c]) for c in chosen)


def _determinant(M: Matrix) -> Fraction:
    if not M:
        return Fraction(1)
    first, rest = M[0], M[1:]
    minors = ([[*row[:j], *row[j + 1 :]] for row in rest] for j in range(len(first)))
    return sum(((-1) ** j * first[j] * _determinant(minor) for j, minor in enumerate(minors)), Fraction(0))


# ---------------------------------------------------------------------------------------------- suprema over cones


def descent_cones(z: Vector) -> list[list[Ray]]:
    r"""The descent cone of the l1 norm at z, for at most three entries, cut into cones spanned by independent rays.

    In the orthant with the signs e it is :math:`\{g\ge0:\sum_Pg\le\sum_Ng\}` of the magnitudes g, N the places where
    the entry of z has the sign -e; its rays are :math:`e_i` and :math:`e_i+e_j`, i in N, j in P. No cone for z = 0.
    """
    d, found = len(z), []
    if d > 3:
        raise ValueError(f"the cone of {d} entries is not cut into simple ones; at most 3 are")
    for signs in itertools.product((1, -1), repeat=d):
        down = [i for i in range(d) if signs[i] * z[i] < 0]
        up = [i for i in range(d) if i not in down]

        def ray(*places: int, signs: tuple[int, ...] = signs) -> Ray:
            return tuple(signs[k] if k in places else 0 for k in range(d))

        if len(down) == 2 and up:
            i, k, j = *down, up[0]
            found += [[ray(i), ray(k), ray(i, j)], [ray(k), ray(i, j), ray(k, j)]]
        elif down:
            found.append([*map(ray, down), *(ray(i, j) for i in down for j in up)])
    return found


def largest_form(M: Matrix, left: Sequence[Sequence[Ray]], right: Sequence[Sequence[Ray]]) -> Any:
    r""":math:`\sup\{u^TMv:u\in\bigcup left,v\in\bigcup right,|u|,|v|\le1\}`, at least 0, a ball.

    For cones K and L with unit rays g and h, :math:`u=\sum a_ig_i` has :math:`\sum a_i\le1/\sqrt c` with c the smallest
    inner product of two of its rays, so the supremum over a pair is at most the largest :math:`g^TMh` over
    :math:`\sqrt{cc'}`, and at most the norm. The pair with the largest bound is cut in halves until the bound is close
    to a value that is attained.
    """
    from flint import arb

    norm, zero, ticket = spectral(M).upper(), arb(0), itertools.count()
    attained = zero
    queue: list[Any] = []

    def add(K: Sequence[Ray], L: Sequence[Ray]) -> None:
        nonlocal attained
        images = [apply(M, [Fraction(c) for c in h]) for h in L]
        lengths = [[norm2([Fraction(c) for c in r]) for r in cone] for cone in (K, L)]
        values = [
            as_ball(dot([Fraction(c) for c in g], image)) / (a * b)
            for g, a in zip(K, lengths[0], strict=True)
            for image, b in zip(images, lengths[1], strict=True)
        ]
        top = zero
        for value in values:
            top, attained = top.max(value.upper()), attained.max(value.lower())
        narrow = _narrowness(K, lengths[0]) * _narrowness(L, lengths[1])
        bound = norm if not narrow > 0 else (top / narrow.sqrt()).upper().min(norm)
        heapq.heappush(queue, (-float(bound), next(ticket), bound, K, L))

    for K, L in itertools.product(left, right):
        add(K, L)
    for _ in range(SPLITS):
        if not queue or queue[0][2] <= attained * (1 + CLOSE):
            break
        _, _, _, K, L = heapq.heappop(queue)
        wider = _widest(K) <= _widest(L)
        for half in _halves(K if wider else L):
            add(half, L) if wider else add(K, half)
    upper = attained
    for _, _, bound, _, _ in queue:
        upper = upper.max(bound)
    return attained.union(upper)


def _narrowness(rays: Sequence[Ray], lengths: Sequence[Any]) -> Any:
    """The smallest inner product of two of the unit vectors along the rays."""
    smallest = as_ball(1)
    for i, j in itertools.combinations(range(len(rays)), 2):
        smallest = smallest.min(
            as_ball(sum(a * b for a, b in zip(rays[i], rays[j], strict=True))) / lengths[i] / lengths[j]
        )
    return smallest


def _cosine(g: Ray, h: Ray) -> float:
    return sum(a * b for a, b in zip(g, h, strict=True)) / math.hypot(*g) / math.hypot(*h)


def _widest(rays: Sequence[Ray]) -> float:
    """The cosine of the widest angle between two rays."""
    return min((_cosine(g, h) for g, h in itertools.combinations(rays, 2)), default=1.0)


def _halves(rays: Sequence[Ray]) -> list[list[Ray]]:
    """The cone cut between the two rays that are farthest apart; itself if it is a ray."""
    if len(rays) == 1:
        return [list(rays)]
    i, j = min(itertools.combinations(range(len(rays)), 2), key=lambda pair: _cosine(rays[pair[0]], rays[pair[1]]))
    # Whole multiples of the two rays: the middle lies between them exactly, and half way up to rounding.
    one, two = (max(1, round(SCALE * max(math.hypot(*rays[k]) for k in (i, j)) / math.hypot(*rays[n]))) for n in (i, j))
    middle = [one * a + two * b for a, b in zip(rays[i], rays[j], strict=True)]
    common = math.gcd(*middle)
    between = tuple(c // common for c in middle)
    return [[between if n == k else ray for n, ray in enumerate(rays)] for k in (i, j)]
