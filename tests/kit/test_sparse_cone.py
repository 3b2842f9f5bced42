"""The cone of sparse vectors at a sparse point: its support function and the rate against sampling and enumeration."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verify.core.arrays import backend, to_numpy
from verify.kit.sparse_cone import SparseCone

EPS = np.finfo(float).eps


def points(seed: int, B: int, d: int, k: int) -> np.ndarray:
    """Vectors with at most k non-zeros, fewer among them, and one with exactly k."""
    rng = np.random.default_rng(seed)
    Z = np.zeros((B, d))
    for i in range(B):
        n = k if i == 0 else rng.integers(0, k + 1)
        Z[i, rng.permutation(d)[:n]] = rng.normal(size=n)
    return Z


def sampled(rng: np.random.Generator, Z: np.ndarray, k: int, n: int) -> np.ndarray:
    """n unit vectors y - a Z with k-sparse y and a >= 0: (n, d)."""
    d = Z.size
    y = np.zeros((n, d))
    for row in y:
        row[rng.permutation(d)[:k]] = rng.normal(size=k)
    u = y - rng.choice([0.0, 0.1, 1.0, 10.0], size=(n, 1)) * rng.random((n, 1)) * Z
    return u / np.linalg.norm(u, axis=1, keepdims=True)


def maximiser(w: np.ndarray, Z: np.ndarray, k: int) -> np.ndarray:
    """The longest projection of w onto a half-space {y - a Z : supp y in T, a >= 0}, by least squares."""
    d = w.size
    best = np.zeros(d)
    for T in combinations(range(d), min(k, d)):
        basis = np.eye(d)[:, list(T)]
        wide = np.column_stack([basis, -Z])
        a = np.linalg.lstsq(wide, w, rcond=None)[0]
        inside = a[-1] >= 0 or not np.delete(Z, T).any()
        p = wide @ a if inside else basis @ (basis.T @ w)
        best = p if np.linalg.norm(p) > np.linalg.norm(best) else best
    return best


@given(seed=st.integers(0, 2**32 - 1), d=st.integers(1, 7), k=st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_no_vector_of_the_cone_exceeds_the_support_function(seed, d, k):
    k = min(k, d)
    rng = np.random.default_rng(seed)
    Z = points(seed, 3, d, k)
    w = rng.normal(size=(3, 2, d))
    found = SparseCone(Z, k).support_function(w)
    assert found.shape == (3, 2)
    for i in range(3):
        u = sampled(rng, Z[i], k, 200)
        assert ((u @ w[i].T).max(axis=0) <= found[i] * (1 + 16 * d * EPS)).all()


@given(seed=st.integers(0, 2**32 - 1), d=st.integers(1, 6), k=st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_the_support_function_is_attained(seed, d, k):
    """By the longest of the projections onto the half-spaces, which is a vector of the cone."""
    k = min(k, d)
    Z = points(seed, 2, d, k)
    w = np.random.default_rng(seed).normal(size=(2, 1, d))
    found = SparseCone(Z, k).support_function(w)[:, 0]
    for i in range(2):
        p = maximiser(w[i, 0], Z[i], k)
        assert np.linalg.norm(p) == pytest.approx(found[i], rel=1e-10)
        assert p @ w[i, 0] == pytest.approx(found[i] * np.linalg.norm(p), rel=1e-10)


def test_the_half_space_has_a_sign():
    """Z = e_1, k = 1: the cone holds -Z + e_2, and not Z + e_2."""
    cone = SparseCone(np.asarray([[1.0, 0.0]]), 1)
    w = np.asarray([[[-1.0, 1.0], [1.0, 1.0]]])
    assert cone.support_function(w)[0] == pytest.approx([2**0.5, 1.0])


def test_the_whole_space_and_the_line():
    w = np.random.default_rng(0).normal(size=(2, 3, 4))
    Z = points(1, 2, 4, 4)
    for k in (4, 9):  # a level of d or more is the whole space
        assert SparseCone(Z, k).support_function(w) == pytest.approx(np.linalg.norm(w, axis=-1))
    assert SparseCone(0 * Z, 1).support_function(w) == pytest.approx(np.abs(w).max(axis=-1))


def symmetric(seed: int, B: int, d: int) -> np.ndarray:
    M = np.random.default_rng(seed).normal(size=(B, d, d))
    return (M + np.swapaxes(M, 1, 2)) / 2


@given(seed=st.integers(0, 2**32 - 1), d=st.integers(1, 6), k=st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_rho_upper_is_above_every_pair_of_the_cone(seed, d, k):
    k = min(k, d)
    rng = np.random.default_rng(seed)
    Z, M = points(seed, 3, d, k), symmetric(seed, 3, d)
    upper = SparseCone(Z, k).rho_upper(M)
    for i in range(3):
        u = sampled(rng, Z[i], k, 60)
        assert np.abs(u @ M[i] @ u.T).max() <= upper[i]
        # The best partner of each v: the support function of M v.
        gains = SparseCone(Z[i : i + 1], k).support_function((u @ M[i])[None])
        assert gains.max() <= upper[i]


@pytest.mark.parametrize(("d", "k"), [(1, 1), (4, 1), (5, 2), (5, 3), (3, 3), (4, 9)])
def test_rho_upper_is_the_largest_norm_over_pairs_of_supports(d, k):
    Z, M = points(d * k, 3, d, min(k, d)), symmetric(d + k, 3, d)
    upper = SparseCone(Z, k).rho_upper(M)
    for i in range(3):
        bases = []
        for T in combinations(range(d), min(k, d)):
            rest = Z[i].copy()
            rest[list(T)] = 0
            size = np.linalg.norm(rest)
            bases.append(np.column_stack([np.eye(d)[:, list(T)], *([rest / size] if size else [])]))
        exact = max(np.linalg.norm(a.T @ M[i] @ b, 2) for a in bases for b in bases)
        assert exact <= upper[i] <= exact * (1 + 64 * d * EPS)


def test_rho_upper_of_a_multiple_of_the_identity():
    Z = points(3, 2, 6, 2)
    assert SparseCone(Z, 2).rho_upper(-0.3 * np.eye(6)[None].repeat(2, axis=0)) == pytest.approx([0.3, 0.3])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_strict_backend_agrees(dtype):
    strict, host = backend("strict", dtype), backend("numpy", dtype)
    Z, M, w = points(5, 4, 6, 2), symmetric(6, 4, 6), np.random.default_rng(7).normal(size=(4, 3, 6))
    for f, x in (("support_function", w), ("rho_upper", M)):
        got = getattr(SparseCone(strict.asarray(Z), 2), f)(strict.asarray(x))
        assert got.device == strict.device
        assert str(got.dtype).endswith(dtype)
        expected = getattr(SparseCone(host.asarray(Z), 2), f)(host.asarray(x))
        assert np.abs(to_numpy(got) - expected).max() <= 256 * np.finfo(dtype).eps
