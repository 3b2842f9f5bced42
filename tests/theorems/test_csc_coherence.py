"""Coherence by lags and eigenvalues by stripes: by hand, folded lags, equality for every sparsity."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import draw, judge

from theorems.sparse_coding.csc_coherence import BANK, LONG, THEOREM, UNIT

HOLDS = tuple(c.name for c in THEOREM.claims if c.expects == "holds")
LARGEST, SMALLEST = "largest eigenvalue", "smallest eigenvalue"


def instance(filters, code):
    kernel = np.asarray(filters, dtype=float)[None, None]
    return {"kernel": kernel, "code": np.asarray([code], dtype=float)}


def test_two_taps_by_hand():
    """(1, 1)/sqrt 2 on three positions: any two shifts share one tap, mu = 1/2; all three have the eigenvalue 2."""
    judged = judge(THEOREM, instance([[0.5**0.5] * 2], [[1, 1, 1]]))
    for claim in HOLDS:
        assert judged.word(claim) == "holds"
    assert judged.best("fourier")[0] == pytest.approx(0.5)
    assert (judged.best("k")[0], judged.best("narrow")[0], judged.best("taps")[0]) == (3, 1, 2)
    assert judged.best("largest")[0] == pytest.approx(2)
    assert judged.ratio(LARGEST)[0] == pytest.approx(1, abs=1e-12)
    assert judged.best("zero_lag")[0] == 0


def test_lags_that_wrap_around_by_hand():
    """(1, 1)/sqrt 2 on two positions: the two shifts are the same atom."""
    judged = judge(THEOREM, instance([[0.5**0.5] * 2], [[1, 1]]))
    assert judged.best("fourier")[0] == pytest.approx(1)
    assert judged.best("straight")[0] == pytest.approx(0.5)
    assert judged.word("no lags are added on a long circle") == judged.word("triangle sets: 1/taps") == LONG
    assert judged.word("no lags are added on any circle") == "violated"
    assert (judged.best("largest")[0], judged.best("smallest")[0]) == pytest.approx((2, 0), abs=1e-12)
    assert judged.word(LARGEST) == judged.word(SMALLEST) == "holds"


def test_windows_of_n_positions_miss_an_overlap_by_hand():
    """(1, 0, 1)/sqrt 2 at 0 and 2: the inner product 1/2 is not seen in windows of three positions."""
    judged = judge(THEOREM, instance([[0.5**0.5, 0, 0.5**0.5]], [[1, 0, 1, 0, 0, 0, 0]]))
    assert judged.best("largest")[0] == pytest.approx(1.5)
    assert (judged.best("k")[0], judged.best("narrow")[0]) == (2, 2)  # around position 1 both are there
    apart = judge(THEOREM, instance([[0.5**0.5, 0, 0, 0.5**0.5]], [[1, 0, 0, 1, 0, 0, 0, 0]]))
    assert (apart.best("k")[0], apart.best("narrow")[0]) == (2, 1)
    assert apart.word("stripes of n positions") == "violated"
    assert apart.ratio("stripes of n positions")[0] == pytest.approx(1.5)


@pytest.mark.parametrize("taps", [3, 5, 7])
def test_shifts_through_one_sample_attain_the_upper_end_for_every_sparsity(taps):
    judged = draw(THEOREM, "triangle sets, one sample", 60, taps=taps)
    k = judged.best("k")
    assert set(k.astype(int)) == set(range(2, 2 * taps + 1))
    assert judged.best("largest") == pytest.approx(1 + (k - 1) / taps, rel=1e-12)
    assert judged.word(LARGEST) == "holds"
    assert judged.word("one atom too few") == "violated"


def test_three_shifts_attain_the_lower_end():
    judged = draw(THEOREM, "triangle sets, triples", 40)
    k = judged.best("k")
    assert set(k.astype(int)) == {2, 3}
    assert judged.best("smallest") == pytest.approx(1 - (k - 1) / 5, rel=1e-12)
    assert judged.best("fourier")[0] == pytest.approx(1 / 5, rel=1e-14)


def test_filters_that_are_not_unit_are_set_aside_and_so_are_other_taps():
    judged = draw(THEOREM, "filters of any length", 16)
    assert judged.word(LARGEST) == judged.word(SMALLEST) == UNIT
    assert judged.word("coherence by transform") == "holds"
    assert judged.word("triangle sets: 1/taps") == BANK
    moved = draw(THEOREM, "triangle sets, random", 4).x
    moved["kernel"] = moved["kernel"] * (1 + 1e-9)
    assert judge(THEOREM, moved).word("triangle sets: 1/taps") == BANK


@pytest.mark.parametrize(
    ("filters", "word"),
    [
        ([[0.5**0.5, 0.5**0.5, 0]], "holds"),
        ([[1, 0, 0]], BANK),  # no two shifts meet
        ([[3**-0.5] * 3], BANK),  # 1 is twice a difference
        ([[0.5**0.5, 0.5**0.5, 0], [0.5**0.5, 0, 0.5**0.5]], "holds"),
        ([[0.5**0.5, 0.5**0.5, 0], [0, 0.5**0.5, -(0.5**0.5)]], BANK),  # 1 is a difference of both
        ([[0.6, 0.8, 0]], BANK),
    ],
)
def test_what_a_triangle_set_is(filters, word):
    assert judge(THEOREM, instance(filters, [[1, 0, 0, 0, 0]] * len(filters))).word("triangle sets: 1/taps") == word


def test_no_atoms_count_as_one():
    judged = judge(THEOREM, instance([[0.6, 0.8]], [[0, 0, 0, 0]]))
    assert judged.word(LARGEST) == judged.word(SMALLEST) == "holds"
    assert judged.best("k")[0] == 1


@given(N=st.integers(2, 30), n=st.integers(2, 12), m=st.integers(1, 3), k=st.integers(1, 20), seed=st.integers(0, 999))
@settings(max_examples=25, deadline=None)
def test_any_sizes(N, n, m, k, seed):
    for family in ("random filters", "lags that wrap around", "two shifts"):
        judged = draw(THEOREM, family, 4, seed, N=N, n=n, m=m, k=k)
        for claim in HOLDS:
            assert not {"violated"} & set(judged.words(claim))


def test_the_reference_measures_the_same():
    for family in THEOREM.families:
        judged = draw(THEOREM, family, 1)
        theirs = THEOREM.reference(judged.p, judged.x)
        for name in ("fourier", "straight", "aliased", "zero_lag", "gram"):
            assert theirs[name].value == pytest.approx(judged.best(name), abs=1e-13)
        for name in ("largest", "smallest", "k", "narrow", "taps"):
            assert theirs[name] == pytest.approx(judged.best(name), abs=1e-12)
