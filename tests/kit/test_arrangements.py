"""Exact counts of regions: known values, invariances, general position, and linear programs as a second opinion."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verify.kit import arrangements
from verify.kit.arrangements import essential, general_position, generic_normals, hyperplanes, rank, regions
from verify.kit.region_bounds import central, zaslavsky


def moment_curve(n: int, d: int) -> list[tuple[int, ...]]:
    """Hyperplanes (1, t, ..., t^d): any d + 1 rows, and any d normals, have a Vandermonde determinant."""
    return [tuple(t**k for k in range(d + 1)) for t in range(1, n + 1)]


def rows_of(d: int, most: int, top: int = 3) -> st.SearchStrategy[list[tuple[int, ...]]]:
    entry = st.integers(-top, top)
    return st.lists(st.tuples(*[entry] * (d + 1)), max_size=most)


@st.composite
def arrangement(draw: st.DrawFn) -> list[tuple[int, ...]]:
    """Up to seven hyperplanes of one to four dimensions with small entries, repeated and zero normals among them."""
    return draw(rows_of(draw(st.integers(1, 4)), 7))


# ------------------------------------------------------------------------------------------- known values

# From the On-Line Encyclopedia of Integer Sequences.
GENERIC = {
    2: (1, 2, 4, 7, 11, 16, 22, 29),  # A000124
    3: (1, 2, 4, 8, 15, 26, 42, 64),  # A000125
    4: (1, 2, 4, 8, 16, 31, 57, 99),  # A000127
    5: (1, 2, 4, 8, 16, 32, 63, 120),  # A006261
}
CLASSICAL = {
    arrangements.braid: (1, (1, 2, 6, 24, 120, 720)),  # A000142
    arrangements.shi: (1, (1, 3, 16, 125, 1296)),  # A000272
    arrangements.catalan: (1, (1, 4, 30, 336, 5040)),  # A001761
    arrangements.linial: (1, (1, 2, 7, 36, 246, 2104)),  # A007889
    arrangements.boolean: (1, (2, 4, 8, 16, 32)),  # A000079
    arrangements.type_b: (1, (2, 8, 48, 384, 3840)),  # A000165
    arrangements.type_d: (1, (1, 4, 24, 192, 1920)),  # A002866
    arrangements.threshold: (0, (2, 4, 14, 104, 1882, 94572)),  # A000609
    arrangements.resonance: (1, (2, 6, 32, 370, 11292)),  # A034997
}


@pytest.mark.parametrize("d", GENERIC)
def test_hyperplanes_in_general_position(d):
    counts = tuple(regions(moment_curve(n, d)) for n in range(8))
    assert counts == GENERIC[d] == tuple(zaslavsky(n, d) for n in range(8))
    assert all(general_position(moment_curve(n, d)) for n in range(8))


@pytest.mark.parametrize("family", CLASSICAL, ids=lambda f: f.__name__)
def test_classical_arrangements(family):
    first, values = CLASSICAL[family]
    assert tuple(regions(family(n)) for n in range(first, first + len(values))) == values


@pytest.mark.parametrize("n", range(3, 8))
def test_acyclic_orientations_of_cycles_and_paths(n):
    path = [(i, i + 1) for i in range(n - 1)]
    assert regions(arrangements.graphical(n, path)) == 2 ** (n - 1)
    assert regions(arrangements.graphical(n, [*path, (0, n - 1)])) == 2**n - 2


@pytest.mark.parametrize(("p", "q"), [(1, 0), (4, 0), (1, 1), (3, 4), (5, 5)])
def test_grids(p, q):
    assert regions(arrangements.grid(p, q)) == (p + 1) * (q + 1)


@pytest.mark.parametrize("n", range(1, 8))
def test_hyperplanes_through_the_origin(n):
    assert regions(arrangements.pencil(n)) == 2 * n
    for d in range(1, 5):
        through = [(*row[:-1], 0) for row in moment_curve(n, d)]
        # In one dimension they are one point.
        assert regions(through) == (central(n, d) if d > 1 else 2)


def test_many_hyperplanes():
    assert regions(moment_curve(300, 2)) == 45_151
    assert regions(moment_curve(60, 3)) == zaslavsky(60, 3)


# ------------------------------------------------------------------------------------------- what is counted


def test_what_is_no_hyperplane_of_its_own_is_dropped():
    rows = [(2, -4, 6), (-1, 2, -3), (0, 0, 5), (0, 0, 0), (0, -3, 0)]
    assert hyperplanes(rows) == [(1, -2, 3), (0, 1, 0)]
    assert regions(rows) == 4
    assert regions([]) == regions([(0, 0, 1)]) == 1


@pytest.mark.parametrize("far", [10**20, 10**200, 10**400])
def test_points_that_floats_cannot_tell_apart(far):
    axis = (0, 1, 0)
    assert regions([(1, 1, -far), (1, 2, -far - 1), axis]) == 7  # they cross it at far and far + 1
    assert regions([(1, 1, -far), (1, 2, -far), axis]) == 6  # both at far
    assert regions([(far, 1, -1), (far + 1, 2, -1), axis]) == 7  # at 1 / far and 1 / (far + 1)


@given(arrangement(), st.data())
def test_order_factors_and_coordinates_do_not_matter(rows, data):
    count = regions(rows)
    shuffled = data.draw(st.permutations(rows))
    factors = data.draw(st.lists(st.sampled_from([-3, -1, 2]), min_size=len(rows), max_size=len(rows)))
    assert regions([tuple(f * v for v in row) for f, row in zip(factors, shuffled, strict=True)]) == count
    shift = data.draw(st.integers(-2, 2))
    assert regions([(*row[:-1], row[-1] + shift * row[0]) for row in rows]) == count
    sheared = [(row[0], *(v + 2 * row[0] for v in row[1:-1]), row[-1]) for row in rows]
    assert regions(sheared) == count
    assert regions([(*row[-2::-1], row[-1]) for row in rows]) == count


@given(arrangement())
def test_one_more_hyperplane_never_lowers_the_count(rows):
    if rows:
        assert regions(rows[:-1]) <= regions(rows) <= 2 * regions(rows[:-1])
        assert (regions(rows) == regions(rows[:-1])) == (hyperplanes(rows) == hyperplanes(rows[:-1]))


@given(arrangement(), arrangement())
def test_the_regions_of_a_product_multiply(one, two):
    if one and two:
        d, e = len(one[0]) - 1, len(two[0]) - 1
        both = [(*row[:-1], *[0] * e, row[-1]) for row in one] + [(*[0] * d, *row) for row in two]
        assert regions(both) == regions(one) * regions(two)


@given(arrangement())
def test_at_most_zaslavskys_number_for_the_rank(rows):
    planes = hyperplanes(rows)
    assert regions(rows) <= zaslavsky(len(planes), rank(planes))


@given(arrangement())
def test_the_maximum_is_attained_in_general_position_and_nowhere_else(rows):
    planes = hyperplanes(rows)
    d = len(rows[0]) - 1 if rows else 0
    assert (regions(rows) == zaslavsky(len(planes), d)) == general_position(rows)


def sign_vectors(rows: list[tuple[int, ...]]) -> int:
    """The sign vectors for which a linear program finds a point away from every hyperplane."""
    import numpy as np
    from scipy.optimize import linprog

    planes = hyperplanes(rows)
    if not planes:
        return 1
    A = np.asarray(planes, dtype=float)
    d = A.shape[1] - 1
    found = 0
    for signs in product((-1, 1), repeat=len(planes)):
        # max t, t <= 1, subject to s_i (a_i x + c_i) >= t
        s = np.asarray(signs)[:, None]
        solved = linprog(
            [0] * d + [-1],
            A_ub=np.hstack([-s * A[:, :-1], np.ones((len(planes), 1))]),
            b_ub=(s * A[:, -1:])[:, 0],
            bounds=[(None, None)] * d + [(None, 1)],
        )
        assert solved.status == 0
        found += solved.x[-1] > 1e-6
    return found


@pytest.mark.parametrize(
    "rows",
    [
        moment_curve(5, 2),
        moment_curve(5, 3),
        arrangements.grid(2, 2),
        arrangements.pencil(4),
        arrangements.braid(3),
        arrangements.shi(3),
        arrangements.linial(4),
        arrangements.type_d(3),
        [(1, 2, -1, 0), (2, 4, -2, 3), (0, 1, 1, 1), (1, 3, 0, 1), (1, 0, 0, 0)],
    ],
    ids=lambda rows: f"{len(rows)} in {len(rows[0]) - 1} dimensions",
)
def test_linear_programs_find_the_same_regions(rows):
    assert sign_vectors(rows) == regions(rows)


@pytest.mark.slow
@given(st.integers(1, 3).flatmap(lambda d: rows_of(d, 5, 2)))
def test_linear_programs_find_the_same_regions_of_any_arrangement(rows):
    assert sign_vectors(rows) == regions(rows)


# ------------------------------------------------------------------------------------------- general position


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], True),
        ([(1, 0, 0)], True),
        ([(1, 0, 0), (0, 1, 0), (1, 1, 1)], True),
        ([(1, 0, 0), (0, 1, 0), (1, 1, 0)], False),  # concurrent
        ([(1, 0, 0), (2, 0, 1)], False),  # parallel
        ([(1, 0, 0), (2, 0, 0)], True),  # one line, twice
        ([(1, 0, 0, 0), (0, 1, 0, 0)], True),  # fewer than d
        ([(1, 0, 0, 0), (0, 1, 0, 0), (1, 1, 0, 5)], False),  # dependent normals, no common point
        ([(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (1, 1, 1, 0)], False),  # four planes through a point
        ([(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (1, 1, 1, 1)], True),
        ([(2, 1), (3, 1)], True),  # two points
        ([(1, 0), (1, 1), (1, 2)], True),
    ],
)
def test_general_position_by_hand(rows, expected):
    assert general_position(rows) == expected


def determinant(rows: list[tuple[int, ...]]) -> int:
    """By the first row."""
    if not rows:
        return 1
    minors = ([(*row[:j], *row[j + 1 :]) for row in rows[1:]] for j in range(len(rows)))
    return sum((-1) ** j * v * determinant(minor) for j, (v, minor) in enumerate(zip(rows[0], minors, strict=True)))


@given(st.integers(1, 3).flatmap(lambda d: rows_of(d, 6, 4)))
def test_general_position_by_determinants(rows):
    planes = hyperplanes(rows)
    if planes and len(planes) >= len(planes[0]) - 1:
        d = len(planes[0]) - 1
        normals = all(determinant([plane[:-1] for plane in some]) for some in combinations(planes, d))
        assert generic_normals(rows) == normals
        assert general_position(rows) == (normals and all(map(determinant, map(list, combinations(planes, d + 1)))))


@given(arrangement())
def test_the_rank_is_the_size_of_the_largest_minor_that_is_not_zero(rows):
    normals = [row[:-1] for row in rows]
    d = len(normals[0]) if rows else 0
    sizes = [
        size
        for size in range(1, min(len(rows), d) + 1)
        for some in combinations(normals, size)
        for columns in combinations(range(d), size)
        if determinant([tuple(row[j] for j in columns) for row in some])
    ]
    assert rank(rows) == max(sizes, default=0)


@given(arrangement())
def test_the_essential_part_has_the_same_regions(rows):
    reduced = essential(rows)
    assert all(len(row) == rank(rows) + 1 for row in reduced)
    assert rank(reduced) == rank(rows)
    assert regions(reduced) == regions(rows)


def test_exact_where_floats_round():
    """Three lines that meet at (1/3, 1/7), and three that miss each other there by 1e-12."""
    x, y = Fraction(1, 3), Fraction(1, 7)

    def through(a: int, b: int, off: Fraction) -> tuple[int, ...]:
        c = -(a * x + b * y) + off
        return (a * c.denominator, b * c.denominator, c.numerator)

    lines = [through(1, 1, Fraction(0)), through(2, -5, Fraction(0))]
    assert regions([*lines, through(7, 3, Fraction(0))]) == 6
    assert regions([*lines, through(7, 3, Fraction(1, 10**12))]) == 7
