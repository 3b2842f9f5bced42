"""Orthogonal matching pursuit: by hand, against least squares and rationals, ties, both array libraries."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq, fmpq_mat
from hypothesis import given, settings
from hypothesis import strategies as st

from verify.core.arrays import to_numpy
from verify.kit import dictionaries, greedy


def unit_columns(rng, *shape):
    D = rng.normal(size=shape)
    return D / np.linalg.norm(D, axis=-2, keepdims=True)


def test_three_atoms_by_hand():
    """y = (2, 1, 0): e_1 is 2, then the residual (0, 1, 0) leaves 0.96 for the second and nothing for the third."""
    D = np.asarray([[[1.0, -0.28, 0.28], [0.0, 0.96, 0.0], [0.0, 0.0, 0.96]]])
    path = greedy.omp(D, np.asarray([[2.0, 1.0, 0.0]]), 2)
    assert path.choices.tolist() == [[0, 1]]
    assert path.residuals[0] == pytest.approx(np.asarray([[2, 1, 0], [0, 1, 0], [0, 0, 0]]), abs=1e-15)
    assert path.fits[0] == pytest.approx(np.asarray([[0, 0], [2, 0], [2 + 0.28 / 0.96, 1 / 0.96]]), abs=1e-15)
    assert path.estimates(3, np.asarray([1]))[0] == pytest.approx([2, 0, 0])
    assert path.estimates(3, np.asarray([2]))[0] == pytest.approx([2 + 7 / 24, 25 / 24, 0])
    assert path.estimates(3, np.asarray([0])).tolist() == [[0, 0, 0]]


@pytest.mark.parametrize("shared", [True, False])
def test_every_step_is_least_squares_on_the_leading_atoms(shared):
    rng = np.random.default_rng(0)
    D, y = unit_columns(rng, 1 if shared else 6, 12, 30), rng.normal(size=(6, 12))
    path = greedy.omp(D, y, 5)
    for b in range(6):
        atoms, chosen = D[0 if shared else b], list(path.choices[b])
        assert len(set(chosen)) == 5
        for i in range(6):
            S = chosen[:i]
            fit = np.linalg.lstsq(atoms[:, S], y[b], rcond=None)[0]
            assert path.fits[b, i, :i] == pytest.approx(fit, abs=1e-12)
            assert (path.fits[b, i, i:] == 0).all()
            assert path.residuals[b, i] == pytest.approx(y[b] - atoms[:, S] @ fit, abs=1e-12)
            if i < 5:
                assert chosen[i] == np.argmax(np.abs(atoms.T @ path.residuals[b, i]))


@given(seed=st.integers(0, 2**32 - 1), size=st.integers(-8, 8))
@settings(max_examples=15)
def test_the_errors_contain_the_errors(seed, size):
    """Against least squares in rationals for the same choices."""
    rng = np.random.default_rng(seed)
    D = dictionaries.simplex(6).D[None]
    y = 10.0**size * rng.normal(size=(1, 6))
    path = greedy.omp(D, y, 3)
    exact = [[Fraction(v) for v in row] for row in D[0].T]
    target = [Fraction(v) for v in y[0]]
    for i in range(1, 4):
        A = [exact[j] for j in path.choices[0, :i]]
        gram = [[sum(p * q for p, q in zip(u, v, strict=True)) for v in A] for u in A]
        right = [[sum(p * q for p, q in zip(u, target, strict=True))] for u in A]
        as_matrix = [fmpq_mat([[fmpq(v.numerator, v.denominator) for v in row] for row in M]) for M in (gram, right)]
        fit = as_matrix[0].solve(as_matrix[1])
        fit = [Fraction(int(fit[a, 0].p), int(fit[a, 0].q)) for a in range(i)]
        rest = [t - sum(f * u[r] for f, u in zip(fit, A, strict=True)) for r, t in enumerate(target)]
        off = sum((Fraction(v) - e) ** 2 for v, e in zip(path.fits[0, i, :i], fit, strict=True))
        apart = sum((Fraction(v) - e) ** 2 for v, e in zip(path.residuals[0, i], rest, strict=True))
        assert off <= Fraction(path.accuracy[0, i]) ** 2
        assert apart <= Fraction(path.drift[0, i]) ** 2
        assert path.drift[0, i] <= 1e-12 * np.linalg.norm(y)


def test_dependent_atoms_have_no_accuracy():
    path = greedy.omp(np.asarray([[[1.0, 1.0], [0.0, 0.0]]]), np.asarray([[2.0, 1.0]]), 2)
    assert np.isfinite(path.drift[0, 1])
    assert np.isinf(path.drift[0, 2])
    assert np.isinf(path.accuracy[0, 2])


def test_of_equal_correlations_the_first_is_taken():
    assert greedy.omp(np.eye(4)[None], np.asarray([[1.0, -2.0, 2.0, 0.0]]), 3).choices.tolist() == [[1, 2, 0]]


def test_the_strict_library_agrees(backend):
    rng = np.random.default_rng(1)
    D, y = unit_columns(rng, 1, 8, 16), rng.normal(size=(5, 8))
    ours, theirs = greedy.omp(D, y, 4), greedy.omp(backend.asarray(D), backend.asarray(y), 4)
    for name in ("choices", "fits", "residuals"):
        assert to_numpy(getattr(theirs, name)) == pytest.approx(getattr(ours, name), abs=1e-13)


@pytest.mark.parametrize("steps", [0, 5])
def test_the_number_of_steps_is_checked(steps):
    with pytest.raises(ValueError, match="from 1 to min"):
        greedy.omp(np.eye(4)[None], np.ones((1, 4)), steps)
