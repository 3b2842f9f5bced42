"""Suprema of Rademacher sums: by hand, by a fine circle, by another solver, and by each other."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.optimize import lsq_linear

from verify.core.arrays import backend, to_numpy
from verify.kit.rademacher import (
    deep_values,
    follow_with_operator_norm_one,
    half_of_all_signs,
    obvious_suprema,
    plane_suprema,
    suprema,
)

CORNER = [[1, 0], [0, 1], [1, 1]]


def test_half_of_all_signs():
    assert half_of_all_signs(3, np.zeros(1)).tolist() == [[1, 1, 1], [1, 1, -1], [1, -1, 1], [1, -1, -1]]
    assert half_of_all_signs(1, np.zeros(1)).tolist() == [[1.0]]


@pytest.mark.parametrize(
    ("points", "xi", "value"),
    [
        ([[3, 4]], [1], 5),
        ([[3, 4]], [-1], 5),
        (CORNER, [1, 1, 1], 8**0.5),
        (CORNER, [1, 1, -1], 0.5**0.5),  # at (1, -1)/sqrt(2), where the third point is at rest
        (CORNER, [1, -1, 1], 2),  # 2 w_1 while w_2 >= 0
        (CORNER, [1, -1, -1], 2),
        ([[1, 0], [1, 0], [1, 0]], [1, 1, -1], 1),
        ([[1, 0], [-1, 0]], [1, 1], 1),
        ([[1, 0], [-1, 0]], [1, -1], 1),
        ([[1, 0], [0, 1]], [1, -1], 1),
        ([[0, 0], [0, 2]], [1, 1], 2),
        ([[0, 0]], [1], 0),
    ],
)
def test_by_hand(points, xi, value):
    x, xi = np.asarray([points], float), np.asarray([xi], float)
    assert plane_suprema(x, xi[None])[0, 0] == pytest.approx(value, rel=1e-14)
    found = suprema(x, xi)
    assert found.lower[0, 0] <= value <= found.upper[0, 0]
    assert found.upper[0, 0] - found.lower[0, 0] <= 1e-6


@pytest.mark.parametrize("m", [1, 2, 5, 20])
def test_no_direction_of_a_fine_circle_does_better(m):
    rng = np.random.default_rng(m)
    x, xi = rng.normal(size=(4, m, 2)), rng.choice([-1.0, 1.0], (4, 3, m))
    angle = np.linspace(0, 2 * np.pi, 20_001)
    w = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    seen = np.abs(np.einsum("wbm,bsm->bsw", np.maximum(np.einsum("wd,bmd->wbm", w, x), 0), xi)).max(axis=-1)
    found = plane_suprema(x, xi)
    assert (seen <= found * (1 + 1e-13)).all()
    step = np.pi / 20_000  # the sum is Lipschitz in w
    assert (found <= seen + step * np.linalg.norm(x, axis=-1).sum(axis=-1)[:, None]).all()


def test_the_plane_and_any_dimension_agree():
    x = np.random.default_rng(0).normal(size=(10, 5, 2))
    signs = half_of_all_signs(5, x)
    exact, found = plane_suprema(x, signs[None]), suprema(x, signs)
    assert (found.lower <= exact * (1 + 1e-13)).all()
    assert (exact <= found.upper).all()
    assert found.value == pytest.approx(exact, rel=1e-6)


def test_a_few_iterations_enclose_too():
    x = np.random.default_rng(1).normal(size=(10, 5, 2))
    signs = half_of_all_signs(5, x)
    exact, found = plane_suprema(x, signs[None]), suprema(x, signs, iterations=2)
    assert (found.lower <= exact * (1 + 1e-13)).all()
    assert (exact <= found.upper).all()
    assert (found.upper - found.lower).max() > 1e-3


def test_box_least_squares_by_another_solver():
    x = np.random.default_rng(2).normal(size=(1, 6, 4))
    xi = np.asarray([1.0, -1, -1, 1, 1, -1])
    best = 0.0
    for signs in (xi, -xi):
        plus, minus = x[0][signs > 0], x[0][signs < 0]
        for chosen in product((0, 1), repeat=3):
            target = np.asarray(chosen) @ plus
            left = target - minus.T @ lsq_linear(minus.T, target, bounds=(0, 1), tol=1e-14).x
            best = max(best, np.linalg.norm(left))
    found = suprema(x, xi[None])
    assert found.lower[0, 0] <= best * (1 + 1e-9)
    assert found.value[0, 0] == pytest.approx(best, rel=1e-6)


def test_twelve_points_are_the_most():
    x = np.random.default_rng(3).normal(size=(1, 12, 3))
    found = suprema(x, np.ones((1, 12)))
    best = max(np.linalg.norm(x[0][list(c)].sum(axis=0)) for c in ([*map(bool, c)] for c in product((0, 1), repeat=12)))
    assert found.value[0, 0] == pytest.approx(best, rel=1e-12)  # of the longest sum every point is active
    with pytest.raises(ValueError, match="12 points are allowed"):
        suprema(np.ones((1, 13, 2)), np.ones((1, 13)))


def test_what_is_obvious():
    x = np.asarray([[[3.0, 4.0], [0, 1], [2, 0]]])
    assert obvious_suprema(x, np.asarray([[[1.0, 1, -1], [-1, -1, -1], [-1, 1, 1]]])).tolist() == [[6, 8, 5]]


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_deep_values_lie_below_what_is_obvious_and_near_two_layers(depth):
    x = np.random.default_rng(4).normal(size=(6, 4, 3))
    signs = half_of_all_signs(4, x)
    found = deep_values(x, signs[None], depth, 6, 60)
    assert (found <= obvious_suprema(x, signs[None]) * (1 + 1e-12)).all()
    two = suprema(x, signs)
    if depth == 2:
        assert (found <= two.upper).all()
    assert found.mean() >= 0.85 * two.lower.mean()


def test_a_network_of_many_layers_follows_one_point():
    """f(x) = |x| is the supremum at every depth."""
    x = np.asarray([[[3.0, 4.0]]])
    assert deep_values(x, np.ones((1, 1, 1)), 4, 6, 200)[0, 0] == pytest.approx(5, rel=0.02)


def test_operator_norm_one_follows_better_than_frobenius_norm_one():
    rng = np.random.default_rng(5)
    x, xi = rng.choice([-1.0, 1.0], (1, 300, 40)), rng.choice([-1.0, 1.0], (3, 300))
    lengths = []
    for steps in (0, 2):
        W = follow_with_operator_norm_one(x, xi, steps)
        assert np.matmul(W, W.transpose(0, 2, 1)) == pytest.approx(np.broadcast_to(np.eye(40), W.shape), abs=1e-12)
        sums = np.einsum("bm,bmk->bk", xi, np.maximum(x @ W.transpose(0, 2, 1), 0))
        lengths.append(np.linalg.norm(sums, axis=1) / np.sqrt(300 * 40))
    assert (lengths[1] > lengths[0]).all()
    assert (lengths[1] > 1.7).all()


def test_the_strict_library_gives_the_same():
    strict = backend("strict")
    rng = np.random.default_rng(6)
    x, xi = rng.normal(size=(2, 4, 2)), rng.choice([-1.0, 1.0], (2, 4))
    signs = half_of_all_signs(4, x)
    X, XI, S = (strict.asarray(v) for v in (x, xi, signs))
    assert to_numpy(half_of_all_signs(4, X)).tolist() == signs.tolist()
    assert to_numpy(plane_suprema(X, S[None, ...])) == pytest.approx(plane_suprema(x, signs[None]), rel=1e-12)
    assert to_numpy(suprema(X, S, 20).upper) == pytest.approx(suprema(x, signs, 20).upper, rel=1e-12)
    deep = deep_values(X, S[None, ...], 3, 4, 10)
    assert to_numpy(deep) == pytest.approx(deep_values(x, signs[None], 3, 4, 10), rel=1e-9)
    assert to_numpy(obvious_suprema(X, S[None, ...])) == pytest.approx(obvious_suprema(x, signs[None]), rel=1e-12)
    W = follow_with_operator_norm_one(X, XI, 1)
    assert to_numpy(W) == pytest.approx(follow_with_operator_norm_one(x, xi, 1), rel=1e-9, abs=1e-12)
