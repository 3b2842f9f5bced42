"""Iterative shrinkage: closed forms, certificates that hold, rounding bounds against exact arithmetic."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verify.core.arrays import backend, to_numpy
from verify.kit import shrinkage


def instance(seed: int, batch: int, m: int, d: int, shared: bool = False):
    """A, X, lam, L and a start, with |A|^2 rounded up."""
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(1 if shared else batch, m, d))
    X, start = rng.normal(size=(batch, m)), rng.normal(size=(batch, d))
    L = np.broadcast_to(np.linalg.norm(A, 2, axis=(1, 2)) ** 2 * (1 + 1e-12), batch)
    lam = np.abs(X @ A[0]).max(axis=1) * 10 ** rng.uniform(-3, -0.1, batch)
    return A, X, lam, L, start


def test_soft_threshold_by_hand():
    u = np.asarray([[3.0, -3.0, 1.0, -1.0, 0.5, 0.0, np.inf]])
    assert shrinkage.soft_threshold(u, np.asarray([1.0])).tolist() == [[2.0, -2.0, 0.0, 0.0, 0.0, 0.0, np.inf]]
    assert np.isnan(shrinkage.soft_threshold(np.asarray([[np.nan]]), np.asarray([1.0]))).all()


def test_hard_and_one_sided_thresholds_by_hand():
    u, tau = np.asarray([[3.0, -3.0, 1.0, -1.0, 0.5, np.nan]]), np.asarray([1.0])
    assert shrinkage.hard_threshold(u, tau)[0, :5].tolist() == [3, -3, 0, 0, 0]
    assert shrinkage.one_sided_threshold(u, tau)[0, :5].tolist() == [2, 0, 0, 0, 0]
    assert shrinkage.one_sided_threshold(u, -tau)[0, :5].tolist() == [4, 0, 2, 0, 1.5]
    assert np.isnan(shrinkage.hard_threshold(u, tau)[0, 5])
    assert np.isnan(shrinkage.one_sided_threshold(u, tau)[0, 5])


def test_the_slides_number():
    """A = X = 1, lambda = 1/2: the iteration stands still at 1/2."""
    one = np.ones((1, 1))
    z = shrinkage.proximal_step(one[None], one, np.asarray([0.5]), np.ones(1), 0.5 * one)
    assert z.tolist() == [[0.5]]
    assert shrinkage.kkt_residual(one[None], one, np.asarray([0.5]), z).tolist() == [[0.0]]
    assert shrinkage.objectives(one[None], one, np.asarray([0.5]), z[:, None])[0, 0] == 0.375


def test_positions_of_fista_on_a_unit_gradient():
    assert shrinkage.fista_positions(8)[:2] == (1.0, 2.0)
    S = shrinkage.fista_positions(5000)
    assert [round(S[t - 1], 5) for t in (3, 5, 8)] == [3.28175, 6.6646, 13.73882]
    ratio = [(t + 1) ** 2 / (8 * S[t - 1]) for t in (1, 2, 3, 5, 8, 50, 500, 5000)]
    assert [round(r, 3) for r in ratio] == [0.5, 0.562, 0.609, 0.675, 0.737, 0.916, 0.986, 0.998]


def test_weights_of_fista():
    t = shrinkage.fista_weights(100)
    assert t[0] == 1
    for before, after in pairwise(t):
        assert after**2 - after == pytest.approx(before**2, rel=4 * np.finfo(float).eps)
    assert all(w >= (i + 1) / 2 for i, w in enumerate(t, start=1))
    assert sum(t) == pytest.approx(t[-1] ** 2, rel=1e-13)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), m=st.integers(1, 6), d=st.integers(1, 6), shared=st.booleans())
def test_the_certified_bound_is_below_every_value(seed, m, d, shared):
    A, X, lam, L, z = instance(seed, 5, m, d, shared)
    low = shrinkage.dual_lower_bound(A, X, lam, z)
    path = shrinkage.trajectory(shrinkage.fista(A, X, lam, L, z), z, 50)
    assert (low[:, None] <= shrinkage.objectives(A, X, lam, path)).all()


@pytest.mark.parametrize("shared", [False, True])
def test_lasso_is_solved_to_the_gap_it_certifies(shared):
    A, X, lam, L, _ = instance(1, 40, 8, 12, shared)
    found = shrinkage.lasso(A, X, lam, L, tolerance=1e-10)
    assert (found.gap <= 0.5e-10 * (X**2).sum(axis=1)).all()
    assert (found.gap >= 0).all()
    again = shrinkage.certified_gap(A, X, lam, found.z)
    assert again == pytest.approx(found.gap, abs=1e-12)  # every instance is back in its place
    assert (found.steps % shrinkage.CHECK == 0).all()
    assert len(set(found.steps.tolist())) > 3


def test_lasso_says_so_when_it_stops_early():
    A, X, lam, L, _ = instance(1, 8, 8, 12)
    found = shrinkage.lasso(A, X, lam * 1e-3, L, tolerance=1e-12, limit=7)
    assert (found.steps == 7).all()
    assert (found.gap > 0.5e-12 * (X**2).sum(axis=1)).all()


def test_lasso_beyond_the_largest_lambda_is_zero():
    A, X, _, L, _ = instance(2, 6, 8, 12)
    lam = 1.01 * np.abs(np.matmul(X[:, None, :], A)[:, 0]).max(axis=1)
    found = shrinkage.lasso(A, X, lam, L)
    assert (found.z == 0).all()
    assert (found.steps == shrinkage.CHECK).all()


def test_nothing_to_fit():
    A, X, lam, L, _ = instance(3, 3, 4, 5)
    assert (shrinkage.lasso(A, 0 * X, lam, L).gap == 0).all()
    assert (shrinkage.dual_lower_bound(A, X, 0 * lam, 0 * A[:, 0, :]) == 0).all()


def exact_step(A, X, lam, L, y):
    """A proximal step in rational arithmetic."""
    A, X, y = ([[Fraction(v) for v in row] for row in a] for a in (A, [X], [y]))
    lam, L, X, y = Fraction(lam), Fraction(L), X[0], y[0]
    r = [sum(a * b for a, b in zip(row, y, strict=True)) - x for row, x in zip(A, X, strict=True)]
    out = []
    for j, value in enumerate(y):
        u = value - sum(A[i][j] * r[i] for i in range(len(r))) / L
        out.append(max(abs(u) - lam / L, Fraction(0)) * (1 if u > 0 else -1))
    return out


def test_rounding_bounds_contain_the_rounding():
    A, X, lam, L, z = instance(4, 30, 3, 5)
    new = shrinkage.proximal_step(A, X, lam, L, z)
    bound = shrinkage.step_rounding(A, X, lam, L, np.linalg.norm(z, axis=1))
    value = shrinkage.objectives(A, X, lam, z[:, None])[:, 0]
    radius = shrinkage.objective_rounding(A, X, lam, z[:, None])[:, 0]
    worst = 0.0
    for i in range(30):
        exact = exact_step(A[i], X[i], lam[i], L[i], z[i])
        error = sum((Fraction(a) - b) ** 2 for a, b in zip(new[i], exact, strict=True))
        assert 0 < float(error) ** 0.5 <= bound[i]
        worst = max(worst, float(error) ** 0.5 / bound[i])
        rows = [[Fraction(v) for v in row] for row in A[i]]
        r = [
            sum(a * Fraction(v) for a, v in zip(row, z[i], strict=True)) - Fraction(x)
            for row, x in zip(rows, X[i], strict=True)
        ]
        F = sum(v * v for v in r) / 2 + Fraction(lam[i]) * sum(abs(Fraction(v)) for v in z[i])
        assert abs(float(F - Fraction(value[i]))) <= radius[i]
    assert worst > 1e-3  # a bound, and not a wild one


def test_subgradients_are_bounded():
    A, X, lam, _, z = instance(5, 50, 4, 6)
    g = shrinkage.kkt_residual(A, X, lam, z)
    assert (np.linalg.norm(g, axis=1) <= shrinkage.subgradient_bound(A, X, lam, np.linalg.norm(z, axis=1))).all()


def test_the_kkt_residual_is_the_smallest_subgradient():
    A, X, lam, _, z = instance(6, 50, 4, 6)
    z[:, ::2] = 0
    gradient = np.einsum("bmd,bm->bd", A, np.einsum("bmd,bd->bm", A, z) - X)
    # A subgradient at 0 is any number of [-lam, lam]; on a grid none is smaller.
    grid = np.linspace(-1, 1, 201)[:, None, None] * lam[None, :, None]
    free = np.abs(gradient + grid).min(axis=0)
    fixed = np.abs(gradient + lam[:, None] * np.sign(z))
    residual = np.abs(shrinkage.kkt_residual(A, X, lam, z))
    assert (residual <= np.where(z == 0, free, fixed) + 1e-12).all()
    assert (residual >= np.where(z == 0, free, fixed) - lam[:, None] / 100 - 1e-12).all()


@pytest.mark.parametrize("method", [shrinkage.ista, shrinkage.fista])
def test_a_shared_matrix_gives_what_its_copies_give(method):
    A, X, lam, L, z = instance(7, 6, 5, 8, shared=True)
    own = np.repeat(A, 6, axis=0)
    for a, b in islice(zip(method(A, X, lam, L, z), method(own, X, lam, L, z), strict=True), 20):
        assert a == pytest.approx(b, abs=1e-13)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_on_the_strict_backend(dtype):
    where = backend("strict", dtype)
    host = instance(8, 4, 5, 8)
    A, X, lam, L, z = (where.asarray(a) for a in host)
    for method in (shrinkage.ista, shrinkage.fista):
        path = shrinkage.trajectory(method(A, X, lam, L, z), z, 10)
        theirs = shrinkage.trajectory(method(*host[:4], host[4]), host[4], 10)
        assert path.dtype == where.float
        assert to_numpy(path) == pytest.approx(theirs, abs=1e-12 if dtype == "float64" else 1e-3)
    found = shrinkage.lasso(A, X, lam, L, tolerance=1e-2)
    assert found.gap.dtype == where.float
    assert (to_numpy(found.steps) > 0).all()
