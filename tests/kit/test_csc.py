"""Convolutional dictionaries: coherence against the Gram, stripes and patches against their definition."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verify.core.arrays import backend, to_numpy
from verify.kit import convolutions, csc
from verify.kit.dictionaries import golomb

SHAPES = [
    ((1, 2, 4), (12,)),
    ((2, 3, 3), (5,)),
    ((1, 2, 5), (8,)),  # 8 < 2 * 5 - 1: the lags wrap around
    ((1, 1, 4), (4,)),
    ((2, 2, 2, 3), (4, 7)),
    ((1, 2, 3, 2), (4, 2)),
]


def unit(shape, size=2, seed=0):
    k = np.random.default_rng(seed).standard_normal((size, *shape))
    return k / np.sqrt(np.sum(k * k, axis=(1, *range(3, k.ndim)), keepdims=True))


def gram_coherence(k, grid):
    D = convolutions.dense(k, grid)
    gram = np.abs(np.swapaxes(D, 1, 2) @ D)
    gram[:, range(gram.shape[1]), range(gram.shape[1])] = 0
    return gram.max(axis=(1, 2))


@pytest.mark.parametrize(("shape", "grid"), SHAPES)
def test_the_coherence_is_that_of_the_gram(shape, grid):
    k = unit(shape)
    assert csc.coherence(k, grid) == pytest.approx(gram_coherence(k, grid), abs=1e-14)


@pytest.mark.parametrize(("shape", "grid"), SHAPES)
def test_correlations_are_the_inner_products_of_atoms(shape, grid):
    k = unit(shape, 1)
    D = convolutions.dense(k, grid)[0]
    filters, N = shape[1], np.prod(grid)
    gram = (D.T @ D).reshape(filters, N, filters, N)
    found = csc.correlations(k, grid)[0]
    for f, g in np.ndindex(filters, filters):
        for at, t in enumerate(np.ndindex(*grid)):
            signed = [i if i < s else i - n for i, n, s in zip(t, grid, shape[2:], strict=True)]
            inside = all(-s < i < s for i, s in zip(signed, shape[2:], strict=True))
            value = found[(f, g, *(i % m for i, m in zip(signed, found.shape[2:], strict=True)))] if inside else 0
            assert gram[f, 0, g, at] == pytest.approx(value, abs=1e-14)


def test_lags_that_wrap_around_add_up():
    """(1, 1, 1)/sqrt 3 on a circle of 4: the shifts by 1 and by -3 are one atom, 2/3; by 2 it is 1/3 twice."""
    k = np.ones((1, 1, 1, 3)) / 3**0.5
    assert csc.correlations(k, (4,))[0, 0, 0] == pytest.approx([1, 2 / 3, 2 / 3, 2 / 3])
    assert csc.correlations(k, (5,))[0, 0, 0] == pytest.approx([1, 2 / 3, 1 / 3, 1 / 3, 2 / 3])
    # a constant filter as long as the circle is every shift of itself
    assert csc.coherence(np.ones((1, 1, 1, 4)) / 2, (4,))[0] == pytest.approx(1)
    assert csc.coherence(np.ones((1, 1, 1, 1)), (4,))[0] == 0


def by_hand(x, grid, size, stripe):
    """The entries of each window, position by position."""
    maps = x.reshape(len(x), -1, *grid)
    starts = [range(-n + 1, n) if stripe else range(n) for n in size]
    found = []
    for p in np.ndindex(*grid):
        cells = {
            tuple((i + o) % n for i, o, n in zip(p, offset, grid, strict=True)) for offset in itertools.product(*starts)
        }
        found.append(np.stack([maps[(slice(None), slice(None), *cell)] for cell in sorted(cells)], axis=-1))
    return np.stack(found, axis=1).reshape(len(x), len(found), -1)


@given(
    grid=st.one_of(st.tuples(st.integers(1, 12)), st.tuples(st.integers(1, 5), st.integers(1, 5))),
    data=st.data(),
    maps=st.integers(1, 3),
    seed=st.integers(0, 999),
)
@settings(max_examples=60, deadline=None)
def test_stripes_and_patches_by_definition(grid, data, maps, seed):
    size = tuple(data.draw(st.integers(1, n)) for n in grid)
    random = np.random.default_rng(seed)
    x = random.standard_normal((2, maps * int(np.prod(grid))))
    x *= random.random(x.shape) < 0.4
    stripes, patches = by_hand(x, grid, size, True), by_hand(x, grid, size, False)
    counts = np.count_nonzero(stripes, axis=2)
    assert np.array_equal(csc.stripe_counts(x, grid, size), counts)
    assert np.array_equal(csc.stripe_sparsity(x, grid, size), counts.max(axis=1))
    assert np.array_equal(csc.patch_counts(x, grid, size), np.count_nonzero(patches, axis=2))
    assert csc.patch_norms(x, grid, size) == pytest.approx(np.linalg.norm(patches, axis=2), rel=1e-14)


def test_a_patch_is_what_an_atom_covers_and_a_stripe_what_meets_it():
    """Against the dictionary itself, all of whose taps are positive."""
    grid, size = (9,), (3,)
    D = convolutions.dense(np.ones((1, 2, 2, 3)), grid)[0]
    for j in range(D.shape[1]):
        unit_code = np.zeros((1, D.shape[1]))
        unit_code[0, j] = 1
        assert np.array_equal(np.flatnonzero(csc.stripe_counts(unit_code, grid, size)), np.unique(
            np.flatnonzero(D[:, j] @ D) % 9))  # fmt: skip
        covered = (D[:, j] != 0).astype(float)[None]
        assert csc.patch_counts(covered, grid, size)[0, j % 9] == 6
        assert csc.patch_counts(covered, grid, size).max() == 6


@pytest.mark.parametrize("bank", [golomb(1, 4), golomb(2, 5), golomb(3, 4, 2, seed=2), golomb(2, 3, signs=False),
                                  golomb(2, 6, 2, dilation=9)], ids=lambda b: f"{b.name}-{b.size}")  # fmt: skip
def test_the_coherence_of_a_golomb_bank_is_exact(bank):
    for N in (2 * bank.size - 1, 2 * bank.size + 4):
        whole = np.rint(bank.kernel * bank.kernel[bank.kernel != 0].max() ** -1)
        taps = int(np.abs(whole[:, 0]).sum())
        D = convolutions.dense(whole[None], (N,))[0]
        gram = np.abs(D.T @ D)
        assert np.array_equal(np.diagonal(gram), np.full(len(gram), taps))
        np.fill_diagonal(gram, 0)
        assert gram.max() == 1
        assert bank.mu_squared * taps * taps == 1
        assert csc.coherence(bank.kernel[None], (N,))[0] == pytest.approx(bank.mu, abs=1e-14)


def test_other_backends():
    for shape, grid in SHAPES:
        k = unit(shape)
        code = np.random.default_rng(3).standard_normal((2, shape[1] * int(np.prod(grid))))
        code[np.abs(code) < 0.7] = 0
        for where, tolerance in ((backend("strict"), 1e-13), (backend("numpy", "float32"), 1e-6)):
            mu = csc.coherence(where.asarray(k), grid)
            assert mu.dtype == where.float
            assert to_numpy(mu) == pytest.approx(csc.coherence(k, grid), abs=tolerance)
            counts = csc.stripe_counts(where.asarray(code), grid, shape[2:])
            assert counts.dtype == where.xp.int64
            assert np.array_equal(to_numpy(counts), csc.stripe_counts(code, grid, shape[2:]))
            norms = to_numpy(csc.patch_norms(where.asarray(code), grid, shape[2:]))
            assert norms == pytest.approx(csc.patch_norms(code, grid, shape[2:]), rel=1e-6)


def test_a_kernel_longer_than_the_grid_is_refused():
    with pytest.raises(ValueError, match="on a grid"):
        csc.coherence(np.ones((1, 1, 1, 3)), (2,))
