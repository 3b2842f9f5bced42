"""Convolutional dictionaries as matrices: by hand, the corners, and what other boundaries and directions give."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import draw, judge, one

from theorems.sparse_coding.csc_matrix_identity import FULL, LINE, THEOREM, WHOLE

HOLDS = tuple(c.name for c in THEOREM.claims if c.expects == "holds")
REFUTED = tuple(c.name for c in THEOREM.claims if c.expects == "refuted")
# The filter (1, 2, 3) at the last position of four: 1 there, and 2, 3 at the first two.
HAND = one(kernel=[[[1, 2, 3]]], code=[[0, 0, 0, 1]], signal=[[1, 1, 0, 0]])


def test_an_atom_that_wraps_around_by_hand():
    judged = judge(THEOREM, HAND)
    for claim in HOLDS:
        assert judged.word(claim) == "holds"
    assert judged.best("forward")[0] == judged.best("backward")[0] == 5
    assert judged.best("corners")[0] == 6  # twice 3 * 2 / 2
    assert judged.best("linear")[0] == 3  # (2, 3, 0, 1) with zeros around the signal: (0, 0, 0, 1)
    assert judged.best("correlated")[0] == 2  # (0, 3, 2, 1)
    for claim in REFUTED:
        assert judged.word(claim) == "violated"


def test_away_from_the_end_the_boundary_does_not_matter():
    judged = judge(THEOREM, {**HAND, "code": np.asarray([[[1.0, 0, 0, 0]]])})
    assert judged.best("linear")[0] == 0
    assert judged.word("zeros around the signal") == "holds"
    assert judged.word("slide: banded") == "violated"


def test_a_symmetric_filter_of_odd_length_is_only_shifted():
    judged = judge(THEOREM, one(kernel=[[[0, 1, 0]]], code=[[1, 0, 0, 0, 0]], signal=[[1, 0, 0, 0, 0]]))
    assert judged.best("correlated")[0] == 1
    assert judged.word("entries in the corners") == FULL


def test_a_filter_of_length_one_scales():
    judged = judge(THEOREM, one(kernel=[[[2], [3]]], code=[[1, 2], [3, 4]], signal=[[5, 6]]))
    assert judged.word("slide: banded") == "holds"
    assert judged.best("forward")[0] == 5 * (2 + 9) + 6 * (4 + 12)
    for control in ("zeros around the signal", "flipped filters", "D^T X by convolution"):
        assert judged.word(control) == "holds"


@pytest.mark.parametrize(("value", "word"), [(1.0, "holds"), (0.5, WHOLE), (1e16, WHOLE)])
def test_counts_are_for_whole_numbers_whose_sums_are_exact(value, word):
    judged = judge(THEOREM, one(kernel=[[[1, value]]], code=[[1, 0, 2]], signal=[[1, 1, 1]]))
    assert judged.word("not one entry differs") == word


def test_images_have_corners_of_their_own():
    judged = draw(THEOREM, "images", 4)
    assert judged.word("entries in the corners") == LINE
    # 3 x 2 filters on 6 x 5 positions: 30 * 6 entries, of which (6 * 3 - 3)(5 * 2 - 1) do not wrap around
    assert (judged.best("corners") == 2 * 3 * (180 - 15 * 9)).all()


@given(N=st.integers(2, 12), n=st.integers(1, 12), m=st.integers(1, 3), seed=st.integers(0, 999))
@settings(max_examples=25, deadline=None)
def test_any_sizes(N, n, m, seed):
    for family in ("whole numbers", "channels", "filters as long as the signal"):
        judged = draw(THEOREM, family, 4, seed, N=N, n=n, m=m)
        for claim in HOLDS:
            assert set(judged.words(claim)) <= {"holds", "undecided"}
        assert (judged.best("corners") == judged.best("blocks") * min(n, N) * (min(n, N) - 1)).all()


def test_exact_arithmetic_gives_the_same():
    x = {"kernel": [[[1, 2, 3]]], "code": [[0, 0, 0, 1]], "signal": [[1, 1, 0, 0]]}
    fractions = {k: [[[Fraction(v) for v in w] for w in u] for u in a] if k == "kernel" else
                 [[Fraction(v) for v in u] for u in a] for k, a in x.items()}  # fmt: skip
    margins, found = THEOREM.exact(None, fractions)
    judged = judge(THEOREM, HAND)
    assert margins == {LINE: 0, FULL: 0}
    for name in ("linear", "correlated", "convolved", "corners"):
        assert found[name] == judged.best(name)[0]
    with pytest.raises(ValueError, match="one dimension"):
        THEOREM.exact(None, {"kernel": [], "signal": [], "code": [[[1]]]})


def test_the_reference_measures_the_same():
    for family in THEOREM.families:
        judged = draw(THEOREM, family, 1)
        theirs = THEOREM.reference(judged.p, judged.x)
        for name in ("corners", "linear", "correlated", "convolved", "delta"):
            assert theirs[name] == pytest.approx(judged.best(name), rel=1e-12)
