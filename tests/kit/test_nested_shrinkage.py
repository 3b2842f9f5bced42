"""The two-layer LASSO: the forward pass, fixed points by hand, certificates, rounding against exact arithmetic."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice

import cvxpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verify.core.arrays import to_numpy
from verify.kit import nested_shrinkage as nested
from verify.kit import shrinkage


def instance(seed: int, batch: int = 4, n: int = 6, m1: int = 8, m2: int = 5):
    """A problem, admitted steps, and points (B, 3, m2)."""
    rng = np.random.default_rng(seed)
    D1, D2 = rng.normal(size=(batch, n, m1)), rng.normal(size=(batch, m1, m2))
    lam1, lam2 = rng.uniform(0.05, 0.5, size=(2, batch))
    problem = nested.TwoLayerLasso(D1, D2, rng.normal(size=(batch, n)), lam1, lam2)
    mu = 1 / np.linalg.norm(D1, 2, axis=(1, 2)) ** 2
    return problem, mu, mu / np.linalg.norm(D2, 2, axis=(1, 2)) ** 2, rng.normal(size=(batch, 3, m2))


def by_hand(mu: float):
    """D1 = I, D2 = (1, 1/2)^T, y = (2, -1), both weights 1/10."""
    tenth = np.asarray([0.1])
    D2 = np.asarray([[[1.0], [0.5]]])
    problem = nested.TwoLayerLasso(np.eye(2)[None], D2, np.asarray([[2.0, -1.0]]), tenth, tenth)
    return problem, np.asarray([mu]), np.asarray([mu / 1.25])


def test_the_first_iterate_is_a_forward_pass():
    problem, *_ = instance(0)
    one = np.ones(4)
    _, image = next(nested.ml_ista(problem, one, one, np.zeros((4, 5))))
    for b in range(4):
        hidden = shrinkage.soft_threshold((problem.D1[b].T @ problem.y[b])[None], problem.lam1[b : b + 1])
        assert image[b] == pytest.approx(
            shrinkage.soft_threshold(hidden @ problem.D2[b], problem.lam2[b : b + 1])[0], abs=1e-14
        )


@pytest.mark.parametrize(("mu", "fixed", "value"), [(1.0, 1.08, 1.879), (0.5, 1.08, 1.879), (0.3, 1.0, 1.875)])
def test_fixed_points_by_hand(mu, fixed, value):
    problem, mu, t = by_hand(mu)
    for method in (nested.ml_ista, nested.ml_fista):
        *_, (point, image) = islice(method(problem, mu, t, np.zeros((1, 1))), 400)
        assert point[0, 0] == image[0, 0] == pytest.approx(fixed, abs=1e-12)
        assert problem.objective(point[:, None]).value[0, 0] == pytest.approx(value, abs=1e-12)
    assert problem.lower_bound(np.asarray([[1.0, -1.5]]), np.asarray([[0.1, 0.1]]))[0] == pytest.approx(1.875)


def test_one_layer_is_ista():
    """With lambda_1 = 0 and D1 = I the inner step of size 1 is the gradient of the LASSO with the matrix D2."""
    rng = np.random.default_rng(3)
    D2, y, lam = rng.normal(size=(2, 6, 9)), rng.normal(size=(2, 6)), np.asarray([0.2, 0.3])
    problem = nested.TwoLayerLasso(np.eye(6)[None], D2, y, 0 * lam, lam)
    L = np.linalg.norm(D2, 2, axis=(1, 2)) ** 2
    start = rng.normal(size=(2, 9))
    for ours, theirs in ((nested.ml_ista, shrinkage.ista), (nested.ml_fista, shrinkage.fista)):
        pairs = islice(zip(ours(problem, np.ones(2), 1 / L, start), theirs(D2, y, lam, L, start), strict=False), 20)
        for (_, image), z in pairs:
            assert image == pytest.approx(z, abs=1e-12)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_the_lower_bound_is_below_every_value(seed):
    problem, _, _, points = instance(seed)
    rng = np.random.default_rng(seed + 1)
    low = problem.lower_bound(rng.normal(size=(4, 6)), rng.normal(size=(4, 8)))
    assert (low[:, None] <= problem.objective(points).lower).all()
    assert (low <= problem.objective(0 * points[:, :1]).lower[:, 0]).all()


def test_the_bound_contains_the_gap_that_a_solver_finds():
    problem, mu, t, points = instance(5)
    images = nested.step_from(problem, mu, t, points)
    reach = problem.objective(0 * points[:, :1]).upper[:, 0] / problem.lam2
    found = nested.near_fixed(problem, mu, t, points, images, reach)
    value = problem.objective(points).value
    for b in range(4):
        gamma = cvxpy.Variable(5)
        a = problem.D2[b] @ gamma
        fit = cvxpy.sum_squares(problem.D1[b] @ a - problem.y[b]) / 2
        least = cvxpy.Problem(
            cvxpy.Minimize(fit + problem.lam1[b] * cvxpy.norm1(a) + problem.lam2[b] * cvxpy.norm1(gamma))
        ).solve(solver=cvxpy.CLARABEL)
        assert (value[b] - least <= (found.excess + found.slack)[b] + 1e-6).all()
        assert least <= value[b].min() + 1e-6
    assert (found.excess <= found.ceiling + found.rounding).all()


@given(seed=st.integers(0, 2**32 - 1), size=st.integers(-4, 4))
@settings(max_examples=10)
def test_the_rounding_contains_the_rounding(seed, size):
    problem, mu, t, points = instance(seed, 1, 2, 3, 2)
    points = 10.0**size * points
    images = nested.step_from(problem, mu, t, points)
    found = nested.near_fixed(problem, mu, t, points, images, np.zeros(1))
    value = problem.objective(points)
    D1, D2, y, *rest = (
        np.vectorize(Fraction, otypes=[object])(v[0]) for v in (problem.D1, problem.D2, problem.y, points)
    )
    lam1, lam2, mu, t = (Fraction(v[0]) for v in (problem.lam1, problem.lam2, mu, t))

    def soft(v, tau):
        return np.asarray([max(abs(u) - tau, Fraction(0)) * (1 if u > 0 else -1) for u in v], dtype=object)

    for i, point in enumerate(rest[0]):
        a = D2 @ point
        F = sum((D1 @ a - y) ** 2) / 2 + lam1 * sum(abs(a)) + lam2 * sum(abs(point))
        assert value.lower[0, i] <= F <= value.upper[0, i]
        gradient = D1.T @ (D1 @ a - y)
        u = soft(a - mu * gradient, mu * lam1)
        G = (a - u) / mu
        drop = lam1 * (sum(abs(a)) - sum(abs(u)))
        excess = drop - mu * sum((G - gradient) * G)
        assert abs(Fraction(found.drop[0, i]) - drop) <= Fraction(found.rounding[0, i])
        assert abs(Fraction(found.excess[0, i]) - excess) <= Fraction(found.rounding[0, i])
        image = soft(point - t * (D2.T @ G), t * lam2)
        off = sum((Fraction(v) - e) ** 2 for v, e in zip(images[0, i], image, strict=True))
        assert off <= Fraction(found.moved[0, i]) ** 2


def test_the_strict_library_agrees(backend):
    problem, mu, t, points = instance(7)
    moved = nested.TwoLayerLasso(
        *(backend.asarray(v) for v in (problem.D1, problem.D2, problem.y, problem.lam1, problem.lam2))
    )
    images = nested.step_from(moved, backend.asarray(mu), backend.asarray(t), backend.asarray(points))
    assert to_numpy(images) == pytest.approx(nested.step_from(problem, mu, t, points), abs=1e-12)
    found = moved.objective(backend.asarray(points))
    assert to_numpy(found.value) == pytest.approx(problem.objective(points).value, abs=1e-11)
