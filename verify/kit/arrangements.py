r"""Arrangements of hyperplanes in exact integers: how many regions they cut the space into.

A hyperplane :math:`a\cdot x+c=0` of :math:`\mathbb R^d`, d >= 1, is a row :math:`(a_1,\dots,a_d,c)` of integers, and an
arrangement is a list of rows of one length. Rows that are multiples of one another are one hyperplane; a row whose
normal a is 0 is none. Where hyperplanes :math:`H_1,\dots,H_n` are put in one after another, :math:`H_i` splits as many
regions as the earlier ones cut it itself into:

.. math:: r(H_1,\dots,H_n)=1+\sum_i r\bigl(\{H_1,\dots,H_{i-1}\}\text{ within }H_i\bigr),

and the right side lives in dimension d - 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations, product
from math import gcd

Row = tuple[int, ...]  # (a_1, ..., a_d, c)


def hyperplanes(rows: Iterable[Sequence[int]]) -> list[Row]:
    """The distinct hyperplanes among integer rows, in the order of their first appearance: without common factors, the
    first non-zero entry of the normal positive."""
    found: dict[Row, None] = {}
    for row in rows:
        lead = next(filter(None, row[:-1]), 0)
        if lead:
            factor = gcd(*row) if lead > 0 else -gcd(*row)
            found[tuple([v // factor for v in row])] = None
    return list(found)


def regions(rows: Iterable[Sequence[int]]) -> int:
    """The number of regions, the connected components of what the hyperplanes leave of the space; 1 without any.

    It costs about as many steps of integer arithmetic as there are regions.
    """
    return _regions(hyperplanes(rows))


def _regions(planes: list[Row]) -> int:
    if not planes or len(planes[0]) == 2:  # points on a line
        return 1 + len(planes)
    if len(planes[0]) == 3:
        return 1 + sum(1 + _points(planes[:i], line) for i, line in enumerate(planes))
    total = 1
    for i, plane in enumerate(planes):
        last = max(j for j, v in enumerate(plane[:-1]) if v)
        total += _regions(hyperplanes(_eliminate(planes[:i], plane, last)))
    return total


def _points(lines: list[Row], line: Row) -> int:
    """The number of distinct points in which ``lines`` meet ``line``."""
    a, b, c = line
    forms = [(b * e - a * f, b * g - c * f) if b else (f, a * g - c * e) for e, f, g in lines]
    forms = [form for form in forms if form[0]]
    try:
        # Python rounds the quotient of two integers correctly: equal points never give two floats.
        if len({g / e for e, g in forms}) == len(forms):
            return len(forms)
    except OverflowError:
        pass  # a quotient too large for a float
    return len(hyperplanes(forms))


def _eliminate(rows: Iterable[Sequence[int]], pivot: Sequence[int], k: int) -> list[Row]:
    """Column ``k``, whose entry in ``pivot`` is not 0, eliminated: each row a non-zero integer times itself, less the
    multiple of the pivot that makes it 0 in that column, which is left out."""
    p, rest = pivot[k], (*pivot[:k], *pivot[k + 1 :])
    return [tuple([p * v - row[k] * u for u, v in zip(rest, (*row[:k], *row[k + 1 :]), strict=True)]) for row in rows]


# ------------------------------------------------------------------------------------------- general position


def rank(rows: Iterable[Sequence[int]]) -> int:
    """The rank of the normals."""
    return len(_independent_columns(rows))


def essential(rows: Iterable[Sequence[int]]) -> list[Row]:
    """The same arrangement in as many dimensions as its normals have rank: their columns are cut down to independent
    ones. The regions correspond, because an arrangement is a product of its essential part with a linear space."""
    rows = list(rows)
    kept = _independent_columns(rows)
    return [(*(row[j] for j in kept), row[-1]) for row in rows]


def _independent_columns(rows: Iterable[Sequence[int]]) -> list[int]:
    """The columns of the normals that are independent of those before them."""
    left = [tuple(row[:-1]) for row in rows]
    kept: list[int] = []
    for j in range(len(left[0]) if left else 0):
        pivot = next((row for row in left if row[0]), None)
        if pivot is None:
            left = [row[1:] for row in left]
        else:
            kept.append(j)
            left.remove(pivot)
            left = _eliminate(left, pivot, 0)
    return kept


def general_position(rows: Iterable[Sequence[int]]) -> bool:
    """Whether every d or fewer of the distinct hyperplanes have independent normals and no d + 1 have a common point.

    Every subset of d + 1 is eliminated, and nothing is counted: the answer does not rest on :func:`regions`.
    """
    planes = hyperplanes(rows)
    return generic_normals(planes) and (not planes or _independent(planes, len(planes[0])))


def generic_normals(rows: Iterable[Sequence[int]]) -> bool:
    """Whether every d or fewer of the distinct hyperplanes have independent normals."""
    planes = hyperplanes(rows)
    normals = [plane[:-1] for plane in planes]
    return not planes or _independent(normals, min(len(planes), len(normals[0])))


def _independent(rows: Sequence[Sequence[int]], size: int) -> bool:
    """Whether every ``size`` of the rows are linearly independent."""
    if size == 1:
        return all(any(row) for row in rows)
    for i in range(len(rows) - size + 1):
        k = next((j for j, v in enumerate(rows[i]) if v), None)
        if k is None or not _independent(_eliminate(rows[i + 1 :], rows[i], k), size - 1):
            return False
    return True


# ------------------------------------------------------------------------------------------- classical arrangements


def _differences(n: int, pairs: Iterable[tuple[int, int]], constants: Iterable[int]) -> list[Row]:
    """x_i - x_j = c for every pair and constant."""
    return [(*(int(k == i) - int(k == j) for k in range(n)), -c) for (i, j), c in product(pairs, tuple(constants))]


def graphical(n: int, edges: Iterable[tuple[int, int]]) -> list[Row]:
    """x_i = x_j for the edges ij of a graph on 0, ..., n - 1."""
    return _differences(n, edges, (0,))


def braid(n: int) -> list[Row]:
    """x_i = x_j for all i < j <= n."""
    return graphical(n, combinations(range(n), 2))


def shi(n: int) -> list[Row]:
    """x_i - x_j = 0 and 1 for all i < j <= n."""
    return _differences(n, combinations(range(n), 2), (0, 1))


def catalan(n: int) -> list[Row]:
    """x_i - x_j = -1, 0 and 1 for all i < j <= n."""
    return _differences(n, combinations(range(n), 2), (-1, 0, 1))


def linial(n: int) -> list[Row]:
    """x_i - x_j = 1 for all i < j <= n."""
    return _differences(n, combinations(range(n), 2), (1,))


def boolean(n: int) -> list[Row]:
    """x_i = 0 for all i <= n."""
    return [(*(int(k == i) for k in range(n)), 0) for i in range(n)]


def type_d(n: int) -> list[Row]:
    """x_i = x_j and x_i = -x_j for all i < j <= n."""
    opposite = [(*(int(k in pair) for k in range(n)), 0) for pair in combinations(range(n), 2)]
    return braid(n) + opposite


def type_b(n: int) -> list[Row]:
    """x_i = 0, and x_i = x_j and x_i = -x_j for all i < j <= n."""
    return boolean(n) + type_d(n)


def resonance(n: int) -> list[Row]:
    """The sum of x_i over every non-empty set of indices is 0."""
    return [(*x, 0) for x in product((0, 1), repeat=n) if any(x)]


def threshold(n: int) -> list[Row]:
    """w_0 plus the sum of w_i over every set of indices is 0, in n + 1 dimensions. A region is a Boolean function of n
    variables that one unit computes."""
    return [(1, *x, 0) for x in product((0, 1), repeat=n)]


def grid(p: int, q: int) -> list[Row]:
    """p parallel lines of the plane, and q that cross them."""
    return [*((1, 0, -i) for i in range(p)), *((0, 1, -j) for j in range(q))]


def pencil(n: int) -> list[Row]:
    """n lines of the plane through one point."""
    return [(1, k, 0) for k in range(n)]
