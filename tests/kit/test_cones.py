"""Cone projections against Moreau's decomposition, a bisection and a conic solver."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verify.core.arrays import backend, to_numpy
from verify.kit.cones import L1DescentCone, Subspace, l1_cone_reference

EPS = np.finfo(float).eps


def draw(seed: int, B: int, d: int, whole: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Signs with supports of every size, empty and full ones among them, and vectors (whole: full of ties)."""
    rng = np.random.default_rng(seed)
    signs = rng.choice([-1.0, 1.0], size=(B, d)) * (rng.random((B, d)) < rng.random((B, 1)))
    signs[0], signs[-1] = 0.0, 1.0
    return signs, rng.integers(-2, 3, size=(B, d)).astype(float) if whole else rng.normal(size=(B, d))


def polar_excess(signs: np.ndarray, w: np.ndarray) -> np.ndarray:
    """How far w (B, d) is from the polar cone {t (s on S, [-1, 1] off S) : t >= 0}: 0 inside."""
    on = signs != 0.0
    out = []
    for s, v, S in zip(signs, w, on, strict=True):
        if not S.any():
            out.append(0.0)  # the polar of {0} is everything
            continue
        t = float((s * v)[S].mean())
        out.append(max(0.0, -t, np.abs(v - t * s)[S].max(), np.abs(v[~S]).max(initial=0.0) - t))
    return np.asarray(out)


@given(seed=st.integers(0, 2**32 - 1), d=st.integers(1, 25), whole=st.booleans())
@settings(max_examples=200, deadline=None)
def test_moreau_decomposition(seed, d, whole):
    """v = p + (v - p) with p in C, v - p in the polar cone, and the two orthogonal: this characterises P_C(v)."""
    signs, v = draw(seed, 8, d, whole)
    cone = L1DescentCone(signs)
    p = cone.project(v)
    bound = 8 * d * EPS * max(1.0, np.linalg.norm(v, axis=1).max())
    assert (cone.margin(p) >= -bound * d).all()
    assert (polar_excess(signs, v - p) <= bound).all()
    assert (np.abs((p * (v - p)).sum(axis=1)) <= bound * np.maximum(1.0, np.linalg.norm(v, axis=1))).all()
    assert np.abs(cone.project(p) - p).max() <= bound
    assert np.abs(cone.project(3.0 * v) - 3.0 * p).max() <= 3 * bound
    reference = np.stack([l1_cone_reference(y, s) for y, s in zip(v, signs, strict=True)])
    assert np.abs(p - reference).max() <= bound


@given(seed=st.integers(0, 2**32 - 1), d=st.integers(1, 25))
@settings(max_examples=50, deadline=None)
def test_projection_is_nonexpansive(seed, d):
    signs, v = draw(seed, 8, d)
    w = v + np.random.default_rng(seed + 1).normal(size=v.shape) * 0.1
    cone = L1DescentCone(signs)
    moved = np.linalg.norm(cone.project(v) - cone.project(w), axis=1)
    assert (moved <= np.linalg.norm(v - w, axis=1) + 8 * d * EPS * np.linalg.norm(v, axis=1).max()).all()


def test_edges_of_the_l1_descent_cone():
    v = np.asarray([[1.0, -2.0, 0.5]])
    empty = L1DescentCone(np.zeros((1, 3)))
    assert (empty.project(v) == 0).all()
    assert empty.margin(v)[0] == -3.5
    full = np.asarray([[1.0, -1.0, 1.0]])  # a half-space, which v is outside of by <s, v> = 3.5
    assert np.abs(L1DescentCone(full).project(v) - (v - 3.5 / 3 * full)).max() <= 4 * EPS
    signs = np.asarray([[1.0, 0.0, 0.0]])
    cone = L1DescentCone(signs)
    inside = np.asarray([[-1.0, 0.25, 0.5]])
    assert (cone.project(inside) == inside).all()
    assert cone.margin(inside)[0] == 0.25
    boundary = np.asarray([[-0.75, 0.25, 0.5]])
    assert (cone.project(boundary) == boundary).all()
    polar = np.asarray([[2.0, 1.0, -1.5]])
    assert np.abs(cone.project(polar)).max() <= 8 * EPS
    assert (cone.project(np.zeros((1, 3))) == 0).all()


def test_conic_solver_agrees():
    cp = pytest.importorskip("cvxpy")
    signs, v = draw(3, 8, 7)
    p = L1DescentCone(signs).project(v)
    for s, y, mine in zip(signs, v, p, strict=True):
        h = cp.Variable(7)
        descent = s @ h + cp.norm1(h[np.flatnonzero(s == 0.0)]) if (s == 0.0).any() else s @ h
        cp.Problem(cp.Minimize(cp.sum_squares(h - y)), [descent <= 0]).solve(solver=cp.CLARABEL)
        assert np.abs(h.value - mine).max() <= 1e-5  # the solver stops at a gap of 1e-8, and errs by its root


def test_seeds_of_an_instance_share_its_cone():
    signs, _ = draw(4, 5, 6)
    v = np.random.default_rng(5).normal(size=(5, 3, 6))
    cone = L1DescentCone(signs)
    for i in range(3):
        assert np.abs(cone.project(v)[:, i] - cone.project(v[:, i])).max() <= 64 * EPS
        assert np.abs(cone.margin(v)[:, i] - cone.margin(v[:, i])).max() <= 64 * EPS
    shared = L1DescentCone(signs[2:3])
    assert np.abs(shared.project(v)[2] - cone.project(v)[2]).max() <= 64 * EPS


@pytest.mark.parametrize("shared", [False, True])
def test_subspace(shared):
    rng = np.random.default_rng(6)
    Q = np.linalg.qr(rng.normal(size=(1 if shared else 4, 6, 2)))[0]
    v = rng.normal(size=(4, 3, 6))
    cone = Subspace(Q)
    p = cone.project(v)
    assert np.abs(np.swapaxes(Q, 1, 2) @ np.swapaxes(v - p, 1, 2)).max() <= 64 * EPS
    assert np.abs(cone.project(v[:, 0]) - p[:, 0]).max() <= 64 * EPS
    assert (cone.margin(p) >= -64 * EPS).all()
    assert (cone.margin(v) < -0.1).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_strict_backend_agrees(dtype):
    strict, host = backend("strict", dtype), backend("numpy", dtype)
    signs, v = draw(9, 5, 8)
    stack = np.random.default_rng(1).normal(size=(5, 2, 8))
    Q = np.linalg.qr(np.random.default_rng(2).normal(size=(5, 8, 3)))[0]
    for make in (lambda b: L1DescentCone(b.asarray(signs)), lambda b: Subspace(b.asarray(Q))):
        for x in (v, stack):
            for f in ("project", "margin"):
                got = getattr(make(strict), f)(strict.asarray(x))
                assert got.device == strict.device
                expected = getattr(make(host), f)(host.asarray(x))
                assert np.abs(to_numpy(got) - expected).max() <= 128 * np.finfo(dtype).eps
