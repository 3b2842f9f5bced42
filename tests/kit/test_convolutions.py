"""Convolutions and pooling: the definition entry by entry, closed forms, and constants that are attained."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from verify.core.arrays import backend, to_numpy
from verify.kit.convolutions import (
    average_pool,
    average_pool_lipschitz,
    dense,
    frobenius_norm,
    kernel_norm,
    max_pool,
    max_pool_lipschitz,
    operator_norm,
    overlap,
    transform,
)

SHAPES = [
    ((1, 1, 3), (5,)),
    ((3, 2, 4), (7,)),
    ((2, 4, 5), (5,)),
    ((2, 3, 2, 3), (4, 5)),
    ((4, 1, 3, 3), (3, 3)),
    ((1, 2, 1, 4), (2, 6)),
]


def kernel(shape: tuple[int, ...], size: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((size, *shape))


def line(*values: float) -> np.ndarray:
    return np.asarray([[[values]]], dtype=float)


def by_definition(k: np.ndarray, x: np.ndarray, grid: tuple[int, ...]) -> np.ndarray:
    """One kernel (c_out, c_in, ...) on one signal (c_in, *grid)."""
    out = np.zeros((len(k), *grid))
    for a, b in np.ndindex(k.shape[:2]):
        for p in np.ndindex(*grid):
            for q in np.ndindex(*k.shape[2:]):
                at = tuple((i - j) % n for i, j, n in zip(p, q, grid, strict=True))
                out[(a, *p)] += k[(a, b, *q)] * x[(b, *at)]
    return out


@pytest.mark.parametrize(("shape", "grid"), SHAPES)
def test_the_matrix_is_the_convolution(shape, grid):
    k = kernel(shape, 1)
    x = np.random.default_rng(1).standard_normal((shape[1], *grid))
    assert dense(k, grid)[0] @ x.ravel() == pytest.approx(by_definition(k[0], x, grid).ravel(), abs=1e-12)


@pytest.mark.parametrize(("shape", "grid"), SHAPES)
def test_norms_by_frequency_are_those_of_the_matrix(shape, grid):
    k = kernel(shape)
    W = dense(k, grid)
    values = np.linalg.svd(W, compute_uv=False)
    assert operator_norm(k, grid) == pytest.approx(values[:, 0], rel=1e-13)
    assert frobenius_norm(k, grid) == pytest.approx(np.linalg.norm(W, axis=(1, 2)), rel=1e-14)


def test_all_the_singular_values_in_one_dimension():
    k = kernel((2, 3, 4))
    grid = (6,)
    found = np.linalg.svd(transform(k, grid), compute_uv=False)
    both = np.concatenate([found, found[:, 1:-1]], axis=1)  # conjugate frequencies of 1 and 2
    dense_values = np.linalg.svd(dense(k, grid), compute_uv=False)
    assert np.sort(both.reshape(3, -1)) == pytest.approx(np.sort(dense_values), abs=1e-12)


@pytest.mark.parametrize(
    ("values", "n", "norm"),
    [((1, 1, 1), 7, 3), ((1, -1), 8, 2), ((1, -1), 7, 2 * math.cos(math.pi / 14)), ((5,), 4, 5), ((1, 0, 1), 4, 2)],
)
def test_kernels_by_hand(values, n, norm):
    k = line(*values)
    assert operator_norm(k, (n,))[0] == pytest.approx(norm, rel=1e-14)
    assert kernel_norm(k)[0] == pytest.approx(np.linalg.norm(values), rel=1e-15)
    assert frobenius_norm(k, (n,))[0] == pytest.approx(math.sqrt(n) * np.linalg.norm(values), rel=1e-15)


def test_a_kernel_longer_than_the_grid_is_refused():
    for f in (transform, operator_norm, frobenius_norm, dense):
        with pytest.raises(ValueError, match="on a grid"):
            f(line(1, 1, 1), (2,))
    with pytest.raises(ValueError, match="on a grid"):
        dense(line(1, 1), (2, 2))


POOLS = [((6,), (2,), (2,)), ((7,), (3,), (1,)), ((7,), (3,), (2,)), ((4, 5), (2, 2), (1, 2)), ((3,), (3,), (1,))]


def pool_matrix(grid: tuple[int, ...], window: tuple[int, ...], stride: tuple[int, ...]) -> np.ndarray:
    rows = []
    for start in itertools.product(*(range(0, n - w + 1, t) for n, w, t in zip(grid, window, stride, strict=True))):
        row = np.zeros(grid)
        row[tuple(slice(s, s + w) for s, w in zip(start, window, strict=True))] = 1
        rows.append(row.ravel())
    return np.stack(rows)


@pytest.mark.parametrize(("grid", "window", "stride"), POOLS)
def test_pooling_by_hand(grid, window, stride):
    M = pool_matrix(grid, window, stride)
    n = math.prod(grid)
    x = np.random.default_rng(0).standard_normal((4, 2 * n))
    channels = x.reshape(4, 2, 1, n)
    highest = np.where(M > 0, channels, -np.inf).max(axis=-1).reshape(4, -1)
    mean = ((M * channels).sum(axis=-1) / math.prod(window)).reshape(4, -1)
    assert np.array_equal(max_pool(x, grid, window, stride), highest)
    assert average_pool(x, grid, window, stride) == pytest.approx(mean, abs=1e-14)
    assert overlap(grid, window, stride) == M.sum(axis=0).max()


@pytest.mark.parametrize(("grid", "window", "stride"), POOLS)
def test_a_single_entry_attains_the_constant_of_max_pooling(grid, window, stride):
    spikes = np.eye(math.prod(grid))
    gains = np.linalg.norm(max_pool(spikes, grid, window, stride), axis=1)
    assert gains.max() == pytest.approx(max_pool_lipschitz(grid, window, stride), rel=1e-15)
    x, y = np.random.default_rng(0).standard_normal((2, 500, math.prod(grid)))
    moved = np.linalg.norm(max_pool(x, grid, window, stride) - max_pool(y, grid, window, stride), axis=1)
    assert (moved <= max_pool_lipschitz(grid, window, stride) * np.linalg.norm(x - y, axis=1)).all()


@pytest.mark.parametrize(("grid", "window", "stride"), POOLS)
def test_average_pooling_is_no_longer_than_its_bound(grid, window, stride):
    norm = np.linalg.norm(pool_matrix(grid, window, stride) / math.prod(window), 2)
    bound = average_pool_lipschitz(grid, window, stride)
    assert norm <= bound * (1 + 1e-14)
    if overlap(grid, window, stride) == 1:
        assert norm == pytest.approx(bound, rel=1e-14)


def test_the_strict_library_and_single_precision():
    for shape, grid in SHAPES:
        k = kernel(shape)
        pair = [where.asarray(k) for where in (backend("strict"), backend("numpy", "float32"))]
        for a, tolerance in zip(pair, (1e-12, 1e-5), strict=True):
            assert to_numpy(operator_norm(a, grid)) == pytest.approx(operator_norm(k, grid), rel=tolerance)
            assert to_numpy(dense(a, grid)) == pytest.approx(dense(k, grid), rel=tolerance)
            assert operator_norm(a, grid).dtype == a.dtype
    for grid, window, stride in POOLS:
        x = np.random.default_rng(0).standard_normal((2, math.prod(grid)))
        strict = backend("strict").asarray(x)
        for pool in (max_pool, average_pool):
            assert to_numpy(pool(strict, grid, window, stride)) == pytest.approx(
                pool(x, grid, window, stride), abs=1e-14
            )
