import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verify.kit.dictionaries import (
    admitted,
    affine_hadamard,
    conference,
    golomb,
    identity_hadamard,
    simplex,
    transversal,
)

FAMILIES = [
    identity_hadamard(2),
    identity_hadamard(64),
    conference(5),
    conference(53),
    conference(229),
    simplex(2),
    simplex(40),
    affine_hadamard(2),
    affine_hadamard(4),
    affine_hadamard(8),
    transversal(6, 7),
    transversal(9, 11, signs=False),
    transversal(4, 13, 30, seed=3),
]
EPS = np.finfo(float).eps


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.name)
def test_the_coherence_is_that_of_the_gram(family):
    D = family.D
    gram = D.T @ D
    assert np.max(np.abs(np.diagonal(gram) - 1)) <= 8 * EPS
    np.fill_diagonal(gram, 0)
    assert abs(np.max(np.abs(gram)) - family.mu) <= 4 * family.n * EPS
    assert family.mu_squared == Fraction(family.mu**2).limit_denominator(10**6)
    assert not D.flags.writeable


@pytest.mark.parametrize("family", [f for f in FAMILIES if f.frame is not None], ids=lambda f: f.name)
def test_tight_frames_are_tight(family):
    defect = family.D @ family.D.T - family.frame * np.eye(family.n)
    assert np.max(np.abs(defect)) <= 4 * family.m * EPS


@pytest.mark.parametrize("family", [conference(53), simplex(40)], ids=lambda f: f.name)
def test_equiangular_families_attain_the_welch_bound(family):
    n, m = family.n, family.m
    assert family.mu_squared == Fraction(m - n, n * (m - 1))
    gram = np.abs(family.D.T @ family.D)[~np.eye(m, dtype=bool)]
    assert np.max(gram) - np.min(gram) <= 8 * n * EPS


@pytest.mark.parametrize(
    ("family", "shape", "limits"),
    [
        (identity_hadamard(16), (16, 32), (1, 1, 2)),
        (identity_hadamard(256), (256, 512), (4, 5, 8)),
        (conference(13), (7, 14), (1, 1, 2)),
        (conference(229), (115, 230), (4, 5, 8)),
        (affine_hadamard(8), (64, 576), (2, 2, 4)),
        (transversal(6, 7), (42, 49), (1, 2, 3)),
        (transversal(9, 11), (99, 121), (2, 3, 4)),
        (simplex(12), (12, 13), (3, 4, 6)),
        (simplex(100), (100, 101), (25, 33, 50)),
    ],
    ids=lambda v: getattr(v, "name", None),
)
def test_sizes_and_admitted_sparsities(family, shape, limits):
    assert family.D.shape == shape
    assert tuple(admitted(family.mu, Fraction(1, d)) for d in (4, 3, 2)) == limits


def test_a_rounded_coherence_does_not_admit_the_limit():
    assert admitted(1 / 8, 1 / 4) == 2
    assert admitted(1 / 8, 1 / 3) == 2
    assert admitted(0.12499999999999997, 1 / 3) == 2


@settings(deadline=None)
@given(st.integers(2, 2000), st.sampled_from([2, 3, 4]))
def test_admitted_is_exact_for_whole_inverse_coherences(inverse, divisor):
    # the largest whole k < (1 + inverse)/divisor
    assert admitted(1 / inverse, Fraction(1, divisor)) == (inverse + divisor) // divisor - 1


def test_affine_atoms_are_sparse_and_lines_meet_once():
    D = affine_hadamard(4).D
    assert np.all(np.count_nonzero(D, axis=0) == 4)
    lines = (D != 0)[:, ::4].astype(int)
    meets = lines.T @ lines
    assert np.all(meets[~np.eye(20, dtype=bool)] <= 1)
    assert np.all(lines.sum(axis=1) == 5)


def test_a_transversal_has_one_entry_in_each_group_and_is_drawn_again():
    D = transversal(4, 5, 12, seed=1).D
    assert np.all(np.count_nonzero(D.reshape(4, 5, 12), axis=1) == 1)
    transversal.cache_clear()
    assert np.array_equal(D, transversal(4, 5, 12, seed=1).D)
    assert not np.array_equal(D, transversal(4, 5, 12, seed=2).D)
    assert np.linalg.matrix_rank(transversal(4, 13, signs=False).D) == 4 * 13 - 4 + 1


@pytest.mark.parametrize(("filters", "taps", "channels"), [(1, 4, 1), (2, 5, 1), (3, 3, 2), (2, 7, 1), (4, 6, 2)])
def test_differences_of_a_golomb_bank_are_distinct(filters, taps, channels):
    bank = golomb(filters, taps, channels)
    assert bank.kernel.shape[:2] == (channels, filters)
    assert not bank.kernel.flags.writeable
    seen = set()
    for f in range(filters):
        places = np.argwhere(bank.kernel[:, f, :])
        assert len(places) == len({p for _, p in places}) == taps
        assert np.sum(bank.kernel[:, f, :] ** 2) == pytest.approx(1, abs=4 * EPS)
        for (a, p), (b, q) in itertools.permutations(map(tuple, places), 2):
            assert (a, b, p - q) not in seen
            seen.add((a, b, p - q))


def test_golomb_banks_are_short_repeatable_and_spread():
    assert golomb(1, 4).size == 7  # the perfect ruler
    assert golomb(2, 5).size <= 35
    golomb.cache_clear()
    first = golomb(2, 5, seed=1).kernel
    golomb.cache_clear()
    assert np.array_equal(first, golomb(2, 5, seed=1).kernel)
    wide = golomb(2, 5, seed=1, dilation=3).kernel
    assert np.array_equal(wide[..., ::3], first)
    assert np.count_nonzero(wide) == np.count_nonzero(first)
    assert (golomb(2, 3, signs=False).kernel >= 0).all()
    assert golomb(3, 1, 4, seed=3).mu_squared in (0, 1)
    assert golomb(1, 1).mu_squared == 0


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: identity_hadamard(12),
        lambda: conference(7),
        lambda: conference(9),
        lambda: simplex(1),
        lambda: affine_hadamard(6),
        lambda: transversal(4, 6),
        lambda: transversal(8, 7),
        lambda: transversal(3, 5, 26),
        lambda: golomb(0, 3),
        lambda: admitted(0.0, 0.5),
    ],
)
def test_impossible_parameters_are_refused(wrong):
    with pytest.raises(ValueError, match=r"must be|needs"):
        wrong()
