"""Dense, sparse and convolutional maps: one interface, one map, on every backend."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verify.core.arrays import backend, to_numpy
from verify.kit import convolutions, dictionaries
from verify.kit.operators import Convolution, Dense, Sparse

SHAPES = [
    ((1, 3, 4), (9,)),
    ((2, 3, 4), (4,)),
    ((3, 1, 1), (5,)),
    ((1, 2, 2, 3), (4, 5)),
    ((2, 2, 3, 3), (3, 4)),
]


def kernel(shape, size=1, seed=0, sparse=False):
    random = np.random.default_rng(seed)
    k = random.standard_normal((size, *shape))
    return k * (random.random(k.shape) < 0.5) if sparse else k


def pair(D, batch=3, seed=1):
    random = np.random.default_rng(seed)
    return random.standard_normal((batch, D.shape[2])), random.standard_normal((batch, D.shape[1]))


def by_definition(k, code, grid):
    """One kernel (channels, filters, ...) and one code (filters, *grid)."""
    out = np.zeros((len(k), *grid))
    for a, b in np.ndindex(k.shape[:2]):
        for p in np.ndindex(*grid):
            for q in np.ndindex(*k.shape[2:]):
                at = tuple((i + j) % n for i, j, n in zip(p, q, grid, strict=True))
                out[(a, *at)] += k[(a, b, *q)] * code[(b, *p)]
    return out


@pytest.mark.parametrize(("shape", "grid"), SHAPES)
@pytest.mark.parametrize("sparse", [False, True])
def test_three_ways_are_one_map(shape, grid, sparse):
    k = kernel(shape, sparse=sparse)
    D = convolutions.dense(k, grid)
    code, x = pair(D)
    wanted = np.stack([by_definition(k[0], c.reshape(-1, *grid), grid).ravel() for c in code])
    for way in (Dense(D), Sparse.of(D), Sparse.of_kernel(k, grid), Convolution(k, grid)):
        assert way.matrix == pytest.approx(D, abs=1e-15)
        assert way.synthesis(code) == pytest.approx(wanted, abs=1e-12)
        assert way.analysis(x) == pytest.approx(x @ D[0], abs=1e-12)
        assert np.sum(way.synthesis(code) * x, axis=1) == pytest.approx(np.sum(code * way.analysis(x), axis=1))


@pytest.mark.parametrize(("shape", "grid"), SHAPES)
def test_a_kernel_for_each_instance(shape, grid):
    k = kernel(shape, 3)
    D = convolutions.dense(k, grid)
    code, x = pair(D)
    for way in (Dense(D), Convolution(k, grid)):
        assert way.synthesis(code) == pytest.approx(np.einsum("bij,bj->bi", D, code), abs=1e-12)
        assert way.analysis(x) == pytest.approx(np.einsum("bij,bi->bj", D, x), abs=1e-12)


def test_gathers_are_exact_for_whole_numbers_and_as_long_as_the_columns():
    random = np.random.default_rng(0)
    D = (random.integers(-3, 4, (1, 12, 20)) * (random.random((1, 12, 20)) < 0.2)).astype(float)
    D[0, :, 4] = 0
    D[0, 5, :] = 0
    S = Sparse.of(D)
    assert S.rows.shape == (20, np.count_nonzero(D[0], axis=0).max())
    assert S.columns.shape == (12, np.count_nonzero(D[0], axis=1).max())
    code, x = (np.rint(4 * v) for v in pair(D))
    assert np.array_equal(S.synthesis(code), code @ D[0].T)
    assert np.array_equal(S.analysis(x), x @ D[0])
    assert np.array_equal(S.matrix, D)
    empty = Sparse.of(np.zeros((1, 2, 3)))
    assert np.array_equal(empty.synthesis(np.ones((1, 3))), np.zeros((1, 2)))


def test_tables_of_a_filter_bank_need_no_matrix():
    bank = dictionaries.golomb(2, 5)
    S = Sparse.of_kernel(bank.kernel[None], (2048,))
    assert S.rows.shape == (4096, 5)
    assert S.columns.shape == (2048, 10)
    code, x = np.random.default_rng(0).standard_normal((2, 2, 4096))
    x = x[:, :2048]
    F = Convolution(bank.kernel[None], (2048,))
    assert S.synthesis(code) == pytest.approx(F.synthesis(code), abs=1e-12)
    assert S.analysis(x) == pytest.approx(F.analysis(x), abs=1e-12)


@pytest.mark.parametrize(("shape", "grid"), SHAPES)
def test_other_backends(shape, grid):
    k = kernel(shape, sparse=True)
    D = convolutions.dense(k, grid)
    code, x = pair(D)
    for where, tolerance in ((backend("strict"), 1e-12), (backend("numpy", "float32"), 1e-5)):
        a = where.asarray(k)
        for way in (
            Dense(where.asarray(D)),
            Sparse.of(where.asarray(D)),
            Sparse.of_kernel(a, grid),
            Convolution(a, grid),
        ):
            made = way.synthesis(where.asarray(code)), way.analysis(where.asarray(x))
            assert made[0].dtype == made[1].dtype == a.dtype
            assert to_numpy(made[0]) == pytest.approx(code @ D[0].T, abs=tolerance)
            assert to_numpy(made[1]) == pytest.approx(x @ D[0], abs=tolerance)


@given(n=st.integers(1, 9), size=st.integers(1, 9), filters=st.integers(1, 3), seed=st.integers(0, 999))
@settings(max_examples=40, deadline=None)
def test_shifting_the_code_shifts_the_signal(n, size, filters, seed):
    size = min(size, n)
    k = kernel((1, filters, size), seed=seed)
    code = np.random.default_rng(seed).standard_normal((1, filters, n))
    way = Convolution(k, (n,))
    shifted = way.synthesis(np.roll(code, 1, axis=2).reshape(1, -1))
    assert shifted == pytest.approx(np.roll(way.synthesis(code.reshape(1, -1)), 1, axis=1), abs=1e-12)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="one matrix"):
        Sparse.of(np.ones((2, 3, 3)))
    with pytest.raises(ValueError, match="one kernel"):
        Sparse.of_kernel(np.ones((2, 1, 1, 3)), (4,))
    for make in (lambda k: Sparse.of_kernel(k, (2,)), lambda k: Convolution(k, (2,)).synthesis(np.ones((1, 2)))):
        with pytest.raises(ValueError, match="on a grid"):
            make(np.ones((1, 1, 1, 3)))
