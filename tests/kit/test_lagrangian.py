"""Lagrangian basis pursuit on a support: closed forms, the certificate against a full solver and against CVXPY."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verify.core.arrays import to_numpy
from verify.kit import lagrangian, shrinkage
from verify.kit.dictionaries import conference, identity_hadamard, simplex


def instance(D, k, batch, seed, epsilon):
    """k-sparse alpha with unit entries and noise on the sphere of radius epsilon."""
    random = np.random.default_rng(seed)
    alpha = np.zeros((batch, D.shape[1]))
    chosen = np.argsort(random.random(alpha.shape), axis=1)[:, :k]
    np.put_along_axis(alpha, chosen, random.choice([-1.0, 1.0], (batch, k)), axis=1)
    noise = random.normal(size=(batch, D.shape[0]))
    return alpha, alpha @ D.T + epsilon * noise / np.linalg.norm(noise, axis=1, keepdims=True)


def test_one_atom_is_soft_thresholded(backend):
    D = backend.asarray(identity_hadamard(4).D)[None, ...]
    y = backend.asarray([[2.0, 0.0, 0.0, 0.0]])
    member = backend.asarray([[1.0] + 7 * [0.0]])
    found = lagrangian.restricted(D, y, backend.asarray([0.5]), member)
    assert to_numpy(found.x)[0].tolist() == [1.5] + 7 * [0.0]
    assert to_numpy(found.reach.value)[0] == pytest.approx(0.25)  # 0.5 e_1 on an atom of H/2
    assert bool(found.is_minimiser[0])
    assert not bool(found.is_not[0])


def test_a_small_entry_is_switched_off_and_nothing_is_left_on_an_empty_support():
    D = simplex(5).D[None]
    member = np.asarray([[1.0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]])
    y = np.stack([D[0] @ [1.0, 0.01, 0, 0, 0, 0], D[0] @ [1.0, 0, 0, 0, 0, 0]])
    found = lagrangian.restricted(D, y, np.asarray([0.3, 0.3]), member)
    assert found.x[0, 1] == 0
    assert found.x[0, 0] == pytest.approx(0.7 - 0.01 / 5, abs=1e-14)
    assert not found.x[1].any()
    assert found.is_not[1]  # 1 > 0.3 on the atom left out


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32), k=st.integers(1, 4), log_epsilon=st.floats(-4, -0.5))
def test_what_is_certified_is_what_a_full_solver_finds(seed, k, log_epsilon):
    D = identity_hadamard(64).D
    epsilon = 10**log_epsilon
    alpha, y = instance(D, k, 8, seed, epsilon)
    xi = np.full(8, 4 * epsilon)
    found = lagrangian.restricted(D[None], y, xi, alpha)
    full = shrinkage.lasso(D[None], y, xi, np.full(8, 2.0 + 1e-12), tolerance=1e-10)
    distance = np.linalg.norm(found.x - full.z, axis=1)
    # F is strongly convex on the support and grows off it by xi - reach; so a small gap is a small distance
    assert (found.error < 1e-12 * (1 + np.abs(alpha).max())).all()
    sure = found.is_minimiser
    slack = np.maximum(xi - found.reach.value, 1e-300)
    most = np.sqrt(4 * np.maximum(full.gap, 0)) + 2 * np.maximum(full.gap, 0) / slack + 1e-9
    assert (distance[sure] <= most[sure]).all()
    off = np.abs(np.where(alpha == 0, full.z, 0)).max(axis=1)
    assert (off[found.is_not] > 0).all()


def test_a_support_too_small_is_not_certified_and_a_minimiser_is_not_denied():
    D = conference(53).D
    alpha, y = instance(D, 3, 200, 1, 1e-3)
    short = alpha * (np.cumsum(alpha != 0, axis=1) <= 2)
    found = lagrangian.restricted(D[None], y, np.full(200, 0.01), short)
    assert found.is_not.all()
    assert not found.is_minimiser.any()
    assert not lagrangian.restricted(D[None], y, np.full(200, 0.01), alpha).is_not.any()


def test_an_input_error_covers_every_input_within_it():
    D = identity_hadamard(64).D
    alpha, y = instance(D, 2, 50, 2, 0.01)
    random = np.random.default_rng(3)
    shift = random.normal(size=y.shape)
    shift *= 0.02 / np.linalg.norm(shift, axis=1, keepdims=True)
    xi, error = np.full(50, 0.1), np.full(50, 0.02)
    wide = lagrangian.restricted(D[None], y, xi, alpha, error)
    moved = lagrangian.restricted(D[None], y + shift, xi, alpha)
    assert (np.abs(wide.x - moved.x).max(axis=1) <= wide.error).all()
    assert (np.abs(wide.reach.value - moved.reach.value) <= wide.reach.upper - wide.reach.value).all()
    assert (wide.error >= 0.02).all()


def test_no_contraction_no_certificate():
    D = np.asarray([[[1.0, 0.8, 0.8], [0.0, 0.6, -0.6]]])  # coherent: |G - I| has a row sum above 1
    found = lagrangian.restricted(D, np.asarray([[1.0, 0.2]]), np.asarray([0.1]), np.ones((1, 3)))
    assert np.isinf(found.error[0])
    assert not found.is_minimiser[0]
    assert not found.is_not[0]


def test_against_cvxpy():
    import cvxpy as cp

    D = conference(13).D
    alpha, y = instance(D, 1, 3, 5, 0.05)
    xi = 0.2
    found = lagrangian.restricted(D[None], y, np.full(3, xi), alpha)
    assert found.is_minimiser.all()
    for row in range(3):
        x = cp.Variable(D.shape[1])
        cp.Problem(cp.Minimize(cp.sum_squares(y[row] - D @ x) / 2 + xi * cp.norm1(x))).solve(solver=cp.CLARABEL)
        assert np.abs(x.value - found.x[row]).max() < 1e-4


def test_the_victim_is_reached_as_far_as_the_formula_says(backend):
    """xi |G_T^{-1} D_T^T d_j|_1 plus the length of the noise times that of the rest of d_j."""
    D = conference(53).D
    random = np.random.default_rng(7)
    member = np.zeros((20, 54))
    np.put_along_axis(member, np.argsort(random.random((20, 54)), axis=1)[:, :3], 1.0, axis=1)
    signs, noise = (to_numpy(a) for a in lagrangian.victims(backend.asarray(D)[None, ...], backend.asarray(member)))
    assert (np.abs(signs) == member).all()
    for row in range(20):
        T = np.flatnonzero(member[row])
        weights = np.linalg.lstsq(D[:, T], D, rcond=None)[0]
        sizes = np.abs(weights).sum(axis=0)
        sizes[T] = -1
        reached = np.delete(D.T @ (noise[row] + D[:, T] @ np.linalg.solve(D[:, T].T @ D[:, T], signs[row, T])), T)
        rest = D - D[:, T] @ weights
        assert np.abs(D[:, T].T @ noise[row]).max() < 1e-14
        assert np.linalg.norm(noise[row]) == pytest.approx(1)
        best = sizes.max()
        candidates = best + np.linalg.norm(rest, axis=0)[sizes > best * (1 - 2e-6)]
        assert np.abs(reached).max() >= candidates.min() - 1e-5
