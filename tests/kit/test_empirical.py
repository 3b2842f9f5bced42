"""Laws of counts by two paths, and largest deviations against brute force over the class."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, pairwise, product
from math import comb, factorial, prod

import numpy as np
import pytest

from verify.core.arrays import backend, to_numpy
from verify.kit import empirical


@pytest.mark.parametrize(("n", "cells"), [(0, 3), (1, 1), (4, 2), (5, 3), (3, 5)])
def test_compositions_are_all_vectors_of_the_sum_once(n, cells):
    found = list(empirical.compositions(n, cells))
    assert sorted(found) == sorted(v for v in product(range(n + 1), repeat=cells) if sum(v) == n)
    assert len(found) == comb(n + cells - 1, cells - 1)
    assert sorted(empirical.partitions(n, cells)) == sorted({tuple(sorted(v, reverse=True)) for v in found})


@pytest.mark.parametrize("symmetric", [False, True])
def test_chances_under_the_uniform_law_add_up_to_one(symmetric):
    counts, chances = empirical.count_vectors(7, 4, symmetric)
    assert (counts.sum(axis=1) == 7).all()
    assert abs(chances.sum() - 1) < 1e-14
    if not symmetric:
        for vector, chance in zip(counts.tolist(), chances, strict=True):
            assert chance == factorial(7) // prod(map(factorial, vector)) / 4**7


def brute_law(weights, n):
    """The law of D over all words."""
    W, law = sum(weights), {}
    for word in product(range(len(weights)), repeat=n):
        d = sum(abs(W * word.count(i) - n * w) for i, w in enumerate(weights))
        law[d] = law.get(d, 0) + prod(weights[i] for i in word)
    return law


@pytest.mark.parametrize(
    ("weights", "n"), [((1, 1), 5), ((3, 1), 4), ((1, 2, 3), 5), ((4, 1, 1, 1), 4), ((0, 1, 2), 3)]
)
def test_the_law_cell_by_cell_is_that_of_all_words(weights, n):
    law = empirical.l1_law(weights, n)
    assert {d: p for d, p in law.items() if p} == {d: p for d, p in brute_law(weights, n).items() if p}
    assert sum(law.values()) == sum(weights) ** n


def tails_of(law, W, n):
    total, out = 0, {}
    for d in sorted(law, reverse=True):
        total += law[d]
        out[d] = Fraction(total, W**n)
    return out


@pytest.mark.parametrize("name", ["numpy", "strict"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_tails_enclose_the_exact_ones(name, dtype):
    chosen = backend(name, dtype)
    rows, n = [(1, 1, 1), (1, 2, 3), (98, 1, 1)], 9
    counts, chances = (np.repeat(a[None], len(rows), axis=0) for a in empirical.count_vectors(n, 3))
    weights = chosen.asarray(np.asarray(rows, dtype=float))
    D, tail = empirical.l1_tails(weights, chosen.asarray(counts), chosen.asarray(chances))
    D, low, high = (to_numpy(a) for a in (D, tail.lower, tail.upper))
    for row, weight in enumerate(rows):
        exact = tails_of(empirical.l1_law(weight, n), sum(weight), n)
        assert set(D[row].tolist()) == set(exact)
        assert D[row].tolist() == sorted(exact, reverse=True) + [min(exact)] * (D.shape[1] - len(exact))
        for j, d in enumerate(D[row].tolist()):
            assert Fraction(float(low[row, j])) <= exact[d] <= Fraction(float(high[row, j]))
            assert high[row, j] - low[row, j] <= 1e3 * np.finfo(dtype).eps * high[row, j] + 1e-30


def test_one_vector_for_each_order_of_equal_cells_gives_the_same_tails():
    weights = np.ones((1, 4))
    full, few = (
        empirical.l1_tails(weights, *(a[None] for a in empirical.count_vectors(8, 4, symmetric)))
        for symmetric in (False, True)
    )
    ends = [dict(zip(D[0].tolist(), tail.value[0], strict=True)) for D, tail in (full, few)]
    assert ends[0].keys() == ends[1].keys()
    assert all(abs(ends[0][d] - t) < 1e-13 for d, t in ends[1].items())


def test_vectors_that_fill_the_list_change_nothing():
    counts, chances = empirical.count_vectors(3, 2)
    more = np.concatenate([counts, np.zeros((2, 2), dtype=np.int64)])[None], np.concatenate([chances, [0, 0]])[None]
    D, tail = empirical.l1_tails(np.asarray([[1.0, 2.0]]), *more)
    short, exact = empirical.l1_tails(np.asarray([[1.0, 2.0]]), counts[None], chances[None])
    assert (short == D).all()
    assert np.allclose(tail.value, exact.value, rtol=1e-15)
    assert abs(tail.value[0, -1] - 1) < 1e-15


@pytest.mark.parametrize("name", ["numpy", "strict"])
def test_cells_are_counted(name):
    chosen = backend(name)
    cells = np.random.default_rng(0).integers(0, 5, (7, 30))
    found = to_numpy(empirical.cell_counts(chosen.asarray(cells), 5))
    assert (found == [np.bincount(row, minlength=5) for row in cells]).all()


def test_half_lines_and_intervals_by_brute_force():
    x = np.random.default_rng(1).random((5, 9))
    ks, kuiper = empirical.kolmogorov_smirnov(x), empirical.kuiper(x)
    for row, one, two in zip(x, ks, kuiper, strict=True):
        ends = sorted([0.0, *row, 1.0])
        lines = [abs(f(row, t) - t) for t in ends for f in (_below, _up_to)]
        assert abs(max(lines) - one) < 1e-15
        intervals = [
            abs((f(row, t) - g(row, s)) - (t - s)) for s, t in combinations(ends, 2) for f in SIDES for g in SIDES
        ]
        points = [1 / len(row)]  # an interval of one point
        assert abs(max(intervals + points) - two) < 1e-15


def _below(row, t):
    return (row < t).mean()


def _up_to(row, t):
    return (row <= t).mean()


SIDES = (_below, _up_to)


@pytest.mark.parametrize("name", ["numpy", "strict"])
def test_alternating_sums_by_brute_force(name):
    chosen = backend(name)
    values = np.random.default_rng(2).integers(-5, 6, (6, 8))
    found = to_numpy(empirical.alternating_sums(chosen.asarray(values), 4))
    for row, best in zip(values, found, strict=True):
        for j in range(5):
            allowed = [h for h in product((-1, 1), repeat=8) if sum(a != b for a, b in pairwise(h)) <= j]
            assert best[j] == max(abs(np.dot(h, row)) for h in allowed)


def dichotomies(points):
    """All sets that a half-plane cuts off: the order of the points changes only at the normals of their pairs."""
    critical = [np.arctan2(p[0] - q[0], q[1] - p[1]) for p in points for q in points if p != q]
    angles = sorted(critical)
    found = set()
    for a, b in zip(angles, [*angles[1:], angles[0] + 2 * np.pi], strict=True):
        w = np.cos((a + b) / 2), np.sin((a + b) / 2)
        ranked = sorted(range(len(points)), key=lambda i: w[0] * points[i][0] + w[1] * points[i][1])
        found |= {frozenset(ranked[:cut]) for cut in range(len(points) + 1)}
    return found


@pytest.mark.parametrize("name", ["numpy", "strict"])
@pytest.mark.parametrize("m", [2, 3, 4, 7, 10])
def test_half_planes_by_all_the_sets_they_cut_off(name, m):
    chosen, rng = backend(name), np.random.default_rng(m)
    points, signs = rng.integers(-(2**20), 2**20, (4, m, 2)), rng.choice([-1, 1], (4, m))
    found = to_numpy(empirical.half_plane_agreement(chosen.asarray(points), chosen.asarray(signs)))
    for p, s, best in zip(points.tolist(), signs, found, strict=True):
        sets = dichotomies([tuple(q) for q in p])
        assert len(sets) == m * m - m + 2
        assert best == max(abs(s.sum() - 2 * s[list(cut)].sum()) for cut in sets)


@pytest.mark.parametrize("teeth", [1, 2, 5])
def test_combs_deviate_by_the_sum_over_their_teeth(teeth):
    """Against all unions: in each tooth the end is 0, at a point, just before it, or the end of the tooth."""
    x = np.random.default_rng(teeth).random((20, 6))
    for row, found in zip(x, empirical.comb_deviation(x, teeth), strict=True):
        each = []
        for j in range(teeth):
            ends = [(0, 0.0)]
            inside = np.sort(row[np.floor(teeth * row) == j]) - j / teeth
            for i, t in enumerate(inside):
                ends += [(i, t), (i + 1, t)]
            each.append([*ends, (len(inside), 1 / teeth)])
        sums = [sum(n / 6 - t for n, t in chosen) for chosen in product(*each)] if teeth < 5 else []
        low, high = (sum(f(n / 6 - t for n, t in ends) for ends in each) for f in (min, max))
        assert abs(found - max(high, -low)) < 1e-14
        assert not sums or abs(found - max(map(abs, sums))) < 1e-14
    assert np.allclose(empirical.comb_deviation(x, 1), empirical.kolmogorov_smirnov(x))
