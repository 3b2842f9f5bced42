"""Certified recovery against linear programs and by hand; critical numbers of rows; edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verify.core.arrays import backend as make
from verify.core.arrays import to_numpy
from verify.kit import recovery
from verify.kit.widths import l1_dimension


def draw(seed: int, batch: int, m: int, d: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    signs = rng.choice([-1.0, 1.0], size=(batch, d))
    return rng.normal(size=(batch, m, d)), np.where(rng.random((batch, d)).argsort(axis=1) < k, signs, 0.0)


@given(seed=st.integers(0, 2**32 - 1), d=st.integers(2, 16), rows=st.floats(0, 1), sparsity=st.floats(0, 1))
@settings(max_examples=60)
def test_linear_programs_agree(seed, d, rows, sparsity):
    m, k = max(1, round(rows * (d - 1))), max(1, round(sparsity * d))
    A, signs = draw(seed, 4, m, d, k)
    found = recovery.recovered(A, signs)
    for matrix, s, answer in zip(A, signs, found, strict=True):
        if not np.isnan(answer):
            assert bool(answer) == recovery.recovered_reference(matrix, s)


@pytest.mark.parametrize(("d", "k"), [(40, 2), (40, 8), (40, 20)])
def test_at_the_threshold_everything_is_decided(d, k):
    A, signs = draw(1, 1000, round(l1_dimension(d, k).upper), d, k)
    found = recovery.recovered(A, signs)
    assert not np.isnan(found).any()
    assert 0.3 < found.mean() < 0.7


def test_one_row_by_hand():
    """A = (1, a): with signs (1, 0) the kernel is along (-a, 1), a descent direction exactly when |a| > 1."""
    signs = np.asarray([[1.0, 0.0]])
    for a, answer in ((0.5, 1.0), (-0.9, 1.0), (1.1, 0.0), (-3.0, 0.0)):
        assert recovery.recovered(np.asarray([[[1.0, a]]]), signs) == answer
    assert np.isnan(recovery.recovered(np.asarray([[[1.0, 1.0]]]), signs)).all()  # (1, 0) and (0, 1) are both solutions


def test_a_singular_support_is_not_recovered_with_certainty():
    """Two equal columns on the support: (1, 1) and (2, 0) have the same norm and the same image."""
    A = np.asarray([[[1.0, 1.0, 0.1], [0.5, 0.5, -0.2]]])
    assert recovery.recovered(A, np.asarray([[1.0, 1.0, 0.0]]))[0] != 1.0
    assert recovery.recovered(A, np.asarray([[1.0, -1.0, 0.0]]))[0] == 0.0  # A Z = 0, and 0 is shorter


def test_zero_rows_and_scale_change_nothing():
    A, signs = draw(2, 200, 12, 20, 4)
    padded = np.concatenate([A, np.zeros((200, 5, 20))], axis=1)
    found = recovery.recovered(A, signs)
    assert 0.1 < found.mean() < 0.9
    assert (recovery.recovered(padded, signs) == found).all()
    for scale in (1e-6, 1e6):
        assert (recovery.recovered(scale * A, signs) == found).all()


def test_without_measurements_and_with_broken_ones():
    A, signs = draw(8, 4, 6, 12, 2)
    A[1], A[2, 3, 4] = 0.0, np.nan
    A[3, 0, 0] = np.inf
    found = recovery.recovered(A, signs)
    assert found[0] == recovery.recovered(A[:1], signs[:1])[0]
    assert found[1] == 0.0
    assert np.isnan(found[2:]).all()


@pytest.mark.parametrize("guess", [1, 6, 20, 1000])
def test_critical_numbers_from_any_guess(guess):
    A, signs = draw(3, 24, 12, 12, 3)
    found = recovery.critical_number(A, signs, guess)
    for matrix, s, m in zip(A, signs, found.astype(int), strict=True):
        assert m == 12 or recovery.recovered_reference(matrix[:m], s)
        assert m == 1 or not recovery.recovered_reference(matrix[: m - 1], s)


def test_a_full_support_needs_every_row():
    A, signs = draw(4, 16, 6, 6, 6)
    assert (recovery.critical_number(A, signs, 3) == 6).all()
    assert (recovery.critical_number(A[:, :1, :1], signs[:, :1], 1) == 1).all()


def test_what_is_lost_on_the_way_is_nan():
    A, signs = draw(5, 4, 8, 8, 2)
    A[1, 2:5] = np.nan
    found = recovery.critical_number(A, signs, 4)
    assert np.isnan(found).tolist() == [False, True, False, False]


def test_strict_backend_agrees():
    strict = make("strict")
    A, signs = draw(6, 6, 10, 10, 2)
    got = recovery.critical_number(strict.asarray(A), strict.asarray(signs), 5)
    assert got.device == strict.device
    assert (to_numpy(got) == recovery.critical_number(A, signs, 5)).all()


def test_single_precision_never_contradicts():
    A, signs = draw(7, 400, 18, 30, 5)
    double = recovery.recovered(A, signs)
    single = recovery.recovered(A.astype(np.float32), signs.astype(np.float32))
    assert single.dtype == np.float32
    decided = ~np.isnan(single) & ~np.isnan(double)
    assert decided.mean() > 0.9
    assert (single[decided] == double[decided]).all()
