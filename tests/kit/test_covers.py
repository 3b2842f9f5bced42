"""Covers and packings: brute force, closed forms, what is known of tori, and proofs that refuse what is false."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest

from verify.core.arrays import backend, to_numpy
from verify.kit import covers
from verify.kit.covers import (
    ball_bounds,
    chord_at_most,
    circle_external,
    circle_internal,
    circle_packing,
    farthest_first,
    fits,
    greedy_sandwich,
    largest_packing,
    needs,
    smallest_cover,
    squared_distances,
    torus_bounds,
)

RADII = (0.2, 0.35, 0.5, 0.8, 1.2)


def brute_cover(near: np.ndarray) -> int:
    columns = range(near.shape[1])
    return next(t for t in range(1, len(near) + 1) for s in combinations(columns, t) if near[:, s].any(axis=1).all())


def brute_packing(near: np.ndarray) -> int:
    points = range(len(near))
    apart = ~near
    return max(t for t in points for s in combinations(points, t + 1) if apart[np.ix_(s, s)].sum() == t * (t + 1)) + 1


def points(seed: int, n: int, d: int = 2, top: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, top, (1, n, d)).astype(float)


def polygon(n: int, radius: float) -> np.ndarray:
    steps = np.abs(np.arange(n)[:, None] - np.arange(n))
    return 2 * np.sin(np.pi * steps / n) <= radius


def torus(n: int, h: int, k: int) -> np.ndarray:
    grid = np.stack(np.meshgrid(*[np.arange(n)] * k), axis=-1).reshape(-1, k)
    apart = np.abs(grid[:, None] - grid)
    return np.minimum(apart, n - apart).max(axis=-1) <= h


@pytest.mark.parametrize("seed", range(12))
def test_small_sets_by_brute_force(seed):
    x = points(seed, 9)
    distance = squared_distances(x, x)[0]
    for square in (1, 2, 4, 9):
        near = distance <= square
        cover, packing = smallest_cover(near), largest_packing(near)
        assert near[:, cover].any(axis=1).all()
        assert len(cover) == brute_cover(near)
        assert not (near & ~np.eye(9, dtype=bool))[np.ix_(packing, packing)].any()
        assert len(packing) == brute_packing(near)


@pytest.mark.parametrize("seed", range(6))
def test_other_centres_than_the_points(seed):
    near = squared_distances(points(seed, 8), points(seed + 100, 11, top=7))[0] <= 8
    if near.any(axis=1).all():
        assert len(smallest_cover(near)) == brute_cover(near)


def test_what_cannot_be_covered():
    with pytest.raises(ValueError, match="near no centre"):
        smallest_cover(np.asarray([[True], [False]]))


@pytest.mark.parametrize("seed", range(6))
def test_no_proof_of_what_is_false(seed):
    near = squared_distances(points(seed, 10), points(seed, 10))[0] <= 4
    size, most = len(smallest_cover(near)), len(largest_packing(near))
    assert [needs(near, t) for t in range(size + 3)] == [t <= size for t in range(size + 3)]
    assert [fits(near, t) for t in range(most + 2)] == [t >= most for t in range(most + 2)]


def test_a_solver_that_is_wrong_is_found_out(monkeypatch):
    near = np.ones((3, 3), dtype=bool)
    monkeypatch.setattr(covers, "_integer_program", lambda rows, least: (0, 1) if least else ())
    with pytest.raises(RuntimeError, match="smallest"):
        smallest_cover(near)
    with pytest.raises(RuntimeError, match="largest"):
        largest_packing(near)


@pytest.mark.parametrize(("radius", "count"), list(zip(RADII, (17, 9, 7, 4, 3), strict=True)))
def test_a_polygon_of_180_points(radius, count):
    """Balls of h steps on either side: ceil(180 / (2h + 1)) of them."""
    near = polygon(180, radius)
    assert len(smallest_cover(near)) == count == -(-180 // int(near[0].sum()))
    h = (near[0].sum() - 1) // 2
    assert len(largest_packing(near)) == 180 // (h + 1)


@pytest.mark.parametrize("n", [4, 5, 6, 7, 8, 9])
def test_squares_on_a_torus_attain_the_lower_bound(n):
    lower, upper = torus_bounds(n, 1, 2)
    assert len(smallest_cover(torus(n, 1, 2))) == lower <= upper
    assert (torus_bounds(7, 1, 2), torus_bounds(7, 1, 1)) == ((7, 9), (3, 3))


def test_the_circle_at_known_radii():
    squares = [Fraction(r).limit_denominator(100) ** 2 for r in RADII]
    assert [circle_internal(s) for s in squares] == [16, 9, 7, 4, 3]
    assert [circle_external(s) for s in squares] == [16, 9, 6, 4, 1]
    # Radii at which a regular polygon just covers, or just does not pack: decided without rounding.
    assert [circle_internal(Fraction(s)) for s in (1, 2, 4)] == [3, 2, 1]
    assert [circle_external(Fraction(s, 4)) for s in (1, 2, 3, 4)] == [6, 4, 3, 1]
    assert [circle_packing(Fraction(s)) for s in (1, 2, 3, 4)] == [5, 3, 2, 1]
    below = 1 - Fraction(1, 10**30)
    assert [f(below) for f in (circle_internal, circle_external, circle_packing)] == [4, 3, 6]


def test_the_circle_elsewhere_by_its_formulas():
    for radius in np.random.default_rng(0).uniform(0.02, 0.99, 40):
        square = Fraction(radius) ** 2
        assert circle_internal(square) == math.ceil(math.pi / (2 * math.asin(radius / 2)))
        assert circle_external(square) == math.ceil(math.pi / math.asin(radius))
        assert circle_packing(square) == math.ceil(math.pi / math.asin(radius / 2)) - 1


def test_chords():
    assert chord_at_most(Fraction(1, 6), Fraction(1))
    assert not chord_at_most(Fraction(1, 6), 1 - Fraction(1, 10**40))
    assert chord_at_most(Fraction(5, 6), Fraction(1))
    assert chord_at_most(Fraction(0), Fraction(0))
    assert chord_at_most(Fraction(1, 5), Fraction(1382, 1000))  # (5 - sqrt 5)/2 = 1.38196...
    assert not chord_at_most(Fraction(1, 5), Fraction(13819, 10000))


@pytest.mark.parametrize("name", ["numpy", "strict"])
def test_farthest_first_by_hand(name):
    """0, 1, 5, 9 on a line: first 0, then 9, then 5, then 1."""
    where = backend(name)
    x = where.asarray([[[0.0], [1.0], [5.0], [9.0]]])
    assert to_numpy(farthest_first(x, 4)).tolist() == [[81, 16, 1, 0]]
    lower, upper = greedy_sandwich(where.asarray(np.repeat(to_numpy(x), 3, axis=0)), where.asarray([1.0, 16.0, 81.0]))
    assert to_numpy(upper).tolist() == [3, 2, 1]
    assert to_numpy(lower).tolist() == [3, 2, 1]


@pytest.mark.parametrize("seed", range(8))
def test_the_sandwich_holds(seed):
    x = points(seed, 25)
    distance = squared_distances(x, x)[0]
    for square in (1.0, 2.0, 5.0, 9.0):
        lower, upper = (int(v[0]) for v in greedy_sandwich(x, np.asarray([square])))
        assert lower <= len(smallest_cover(distance <= square)) <= upper


def test_bounds_of_the_ball():
    assert ball_bounds(2, 0.5) == (4, 25)
    n = 400
    inside = (np.random.default_rng(0).random((n, 2)) * 2 - 1)[None]
    inside = inside[:, (inside[0] ** 2).sum(axis=1) <= 1]
    upper = greedy_sandwich(inside, np.asarray([0.25]))[1][0]
    assert 4 <= upper <= 25
