"""Coherence, eigenvalues on supports, exact ranks and sparks: by hand and by brute force."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from flint import fmpz_mat
from hypothesis import given, settings
from hypothesis import strategies as st

from verify.core.arrays import backend, to_numpy
from verify.kit import dictionaries
from verify.kit.basis_pursuit import padded_support
from verify.kit.coherence import (
    PRIME,
    SUBSETS,
    certified_spark,
    coherence,
    fewest_others,
    largest_minor,
    least_eigenvalue,
    least_spark,
    meetings,
    spark,
    subset_ranks,
    subset_sizes,
    unit,
)

SIMPLEX = np.eye(4) * 4 - 1  # columns of a simplex in three dimensions, times its height


def spark_by_minors(A: np.ndarray) -> int:
    m = A.shape[1]
    for k in range(1, m + 1):
        if any(fmpz_mat(A[:, list(s)].astype(int).tolist()).rank() < k for s in combinations(range(m), k)):
            return k
    return m + 1


@pytest.mark.parametrize("family", [dictionaries.conference(13), dictionaries.transversal(4, 5)], ids=lambda f: f.name)
def test_the_coherence_of_families_known_exactly(family):
    assert coherence(family.D[None])[0] == pytest.approx(family.mu, abs=family.n * np.finfo(float).eps)


def test_unit_columns_and_rows():
    x = np.asarray([[[3.0, 0.0], [4.0, 0.0]]])
    assert unit(x)[0].tolist() == [[0.6, 0.0], [0.8, 0.0]]
    assert unit(x, axis=-1)[0].tolist() == [[1.0, 0.0], [1.0, 0.0]]


def test_which_columns_meet():
    D = np.asarray([[[1.0, 0.0, 2.0], [0.0, -1.0, 1.0], [0.0, 0.0, 0.0]]])
    assert meetings(D)[0].tolist() == [[1, 0, 1], [0, 1, 1], [1, 1, 1]]


@pytest.mark.parametrize("name", ["numpy", "strict"])
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 4), m=st.integers(1, 6), most=st.integers(1, 30))
@settings(max_examples=30, deadline=None)
def test_ranks_and_spark_are_those_of_whole_numbers(name, seed, n, m, most):
    A = np.random.default_rng(seed).integers(-most, most + 1, size=(3, n, m)).astype(float)
    ranks = subset_ranks(backend(name).asarray(A))
    found = to_numpy(ranks)
    for one, row in zip(A, found, strict=True):
        for number, rank in enumerate(row):
            chosen = [j for j in range(m) if number >> j & 1]
            assert rank == (fmpz_mat(one[:, chosen].astype(int).tolist()).rank() if chosen else 0)
    assert to_numpy(spark(ranks)).tolist() == [spark_by_minors(one) for one in A]


def test_minors_below_the_prime_are_not_lost():
    """A determinant of PRIME itself would be, and Hadamard's inequality says so."""
    lost = np.asarray([[[float(PRIME), 0.0], [0.0, 1.0]]])
    assert subset_ranks(lost)[0].tolist() == [0, 0, 1, 1]
    assert largest_minor(lost)[0] >= PRIME
    kept = np.asarray([[[float(PRIME - 1), 0.0], [0.0, 1.0]]])
    assert subset_ranks(kept)[0].tolist() == [0, 1, 1, 2]
    assert largest_minor(kept)[0] < PRIME


def test_the_largest_minor_is_that_of_the_longest_columns():
    assert largest_minor(np.asarray([[[3.0, 0.0, 0.1], [4.0, 2.0, 0.0]]]))[0] == pytest.approx(10.0)


def test_more_subsets_than_can_be_listed_are_refused():
    with pytest.raises(ValueError, match="more than"):
        subset_ranks(np.ones((1, 2, SUBSETS.bit_length())))
    assert subset_sizes(3) == [0, 1, 1, 2, 1, 2, 2, 3]


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 3), m=st.integers(1, 5), k=st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_the_fewest_non_zeros_of_another_representation(seed, n, m, k):
    """By least squares on every set of columns."""
    random = np.random.default_rng(seed)
    A = random.integers(-1, 2, size=(n, m)).astype(float)
    a = np.where(np.arange(m) < k, random.choice([-1.0, 1.0, 2.0], size=m), 0.0)
    found = fewest_others(subset_ranks(np.concatenate([A, (A @ a)[:, None]], axis=1)[None]), (a != 0)[None])[0]
    size = [s for s in range(m + 1) for S in combinations(range(m), s) if another(A, a, list(S))]
    assert found == min(size, default=m + 1)


def test_another_solution_of_a_system_that_the_vector_does_not_solve():
    """x + y = 1 has (1, 0) and (0, 1); of x + y = 2 the vector (1, 0) is none, and (2, 0) is another."""
    A, support = np.asarray([[1.0, 1.0]]), np.asarray([[True, False]])
    for target, solves, fewest in ((1.0, True, 1), (2.0, False, 1), (0.0, False, 0)):
        ranks = subset_ranks(np.concatenate([A, [[target]]], axis=1)[None])
        assert fewest_others(ranks, support, np.asarray([solves]))[0] == fewest
    both = subset_ranks(np.asarray([[[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]]))  # the only solution is (1, 1)
    assert fewest_others(both, np.asarray([[True, True]]), np.asarray([True]))[0] == 3
    assert fewest_others(both, np.asarray([[True, True]]), np.asarray([False]))[0] == 2


def another(A: np.ndarray, a: np.ndarray, S: list[int]) -> bool:
    """Whether some b != a of the columns S has A b = A a: the system of A_S b_S = A a, solved in floats."""
    target = A @ a
    b = np.linalg.lstsq(A[:, S], target, rcond=None)[0] if S else np.zeros(0)
    if not np.allclose(A[:, S] @ b, target, atol=1e-9):
        return False
    whole = np.zeros_like(a)
    whole[S] = b
    return bool(np.linalg.matrix_rank(A[:, S]) < len(S)) if S and np.allclose(whole, a) else not np.allclose(whole, a)


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 4), m=st.integers(2, 6), most=st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_the_least_spark_is_rounded_up_exactly(seed, n, m, most):
    A = np.random.default_rng(seed).integers(1, most + 1, size=(n, m))
    gram = [[int(v) for v in row] for row in A.T @ A]
    square = max(Fraction(gram[i][j] ** 2, gram[i][i] * gram[j][j]) for i, j in combinations(range(m), 2))
    t = next(t for t in range(1, 10**4) if t * t * square >= 1)
    assert least_spark(A[None].astype(float))[0] == min(t + 1, m + 1)


@pytest.mark.parametrize("n", [2, 3, 6])
def test_the_simplex_has_the_least_spark(n):
    A = ((n + 1) * np.eye(n + 1) - 1)[None]
    assert least_spark(A)[0] == spark(subset_ranks(A))[0] == n + 1


def test_orthogonal_columns_have_no_spark():
    assert spark(subset_ranks(np.eye(3)[None]))[0] == least_spark(np.eye(3)[None])[0] == 4


def test_certified_sparks():
    """General position; the conference frame; three atoms that only rounding makes independent."""
    D = np.random.default_rng(0).standard_normal((2, 3, 6))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    found = certified_spark(D)
    assert found.lower.tolist() == found.upper.tolist() == [4, 4]
    frame = certified_spark(dictionaries.conference(5).D[None])
    assert (frame.lower[0], frame.upper[0]) == (4, 4)
    flat = D.copy()
    flat[:, :, 5] = flat[:, :, 0] + flat[:, :, 1]
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    open_ = certified_spark(flat)
    assert (open_.lower.tolist(), open_.upper.tolist()) == ([3, 3], [4, 4])


@pytest.mark.parametrize("k", [1, 2, 5, 11])
def test_the_smallest_eigenvalue_of_a_simplex_is_the_bound_of_gershgorin(k):
    D = dictionaries.simplex(12).D[None]
    support, mask = padded_support(np.asarray([[1.0] * k + [0.0] * (13 - k), [1.0] + [0.0] * 12]))
    value, rounding = least_eigenvalue(D, support, mask)
    assert abs(value[0] - (1 - (k - 1) / 12)) <= rounding[0]
    assert abs(value[1] - 1) <= rounding[1] < 1e-13
