"""Forward passes and layered thresholding: by hand, with strides, and what other thresholds give."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import draw, judge

from theorems.sparse_coding.cnn_forward_identity import NONNEGATIVE, THEOREM, WHOLE
from verify.engine.witness import certify

HOLDS = tuple(c.name for c in THEOREM.claims if c.expects == "holds")
MINIMISES = "a layer minimises"


def instance(Y, W1, b1, other, stride=1, **more):
    floats = {"Y": Y, "W1": W1, "b1": b1, "other": other, **more}
    return {k: np.asarray([v], dtype=float) for k, v in floats.items()} | {"stride": np.asarray([stride])}


# The filter (1, 2) on (3, 0, 1): correlations 3, 2, 1 + 2 * 3 = 7; with the bias -2: 1, 0, 5.
HAND = instance([[3, 0, 1]], [[[1, 2]]], [-2], [[1, 0, 5]])


def test_one_filter_by_hand():
    judged = judge(THEOREM, HAND)
    for claim in HOLDS:
        assert judged.word(claim) == "holds"
    assert judged.best("plus")[0] == pytest.approx(np.linalg.norm([5 - 1, 4 - 0, 9 - 5]))
    assert judged.best("hard")[0] == pytest.approx(np.linalg.norm([3 - 1, 0, 7 - 5]))  # 2 is not above its threshold 2
    assert judged.best("signed")[0] == 0
    # convolved: 3 + 2, 0 + 6, 1 + 0, less 2
    assert judged.best("flipped")[0] == pytest.approx(np.linalg.norm([3 - 1, 4 - 0, 0 - 5]))
    assert judged.best("distance")[0] == judged.best("excess")[0] == 0


def test_a_point_on_the_support_is_an_equality_and_one_off_it_is_not():
    on = judge(THEOREM, {**HAND, "other": np.asarray([[[2.0, 0, 3]]])})
    assert (on.best("distance")[0], on.best("excess")[0]) == (5, 2.5)
    z = {**HAND, "b1": np.asarray([[-3.0]]), "other": np.asarray([[[0.0, 1, 4]]])}  # layer (0, 0, 4), 2 - 3 < 0
    off = judge(THEOREM, z)
    assert (off.best("distance")[0], off.best("excess")[0]) == (1, 1.5)
    assert off.word(MINIMISES) == "holds"


def test_negative_points_are_set_aside_and_can_do_better():
    judged = judge(THEOREM, {**HAND, "b1": np.asarray([[-3.0]]), "other": np.asarray([[[0.0, -1, 4]]])})
    assert judged.word(MINIMISES) == NONNEGATIVE
    assert judged.best("excess")[0] == -0.5


def test_a_stride_keeps_every_second_position():
    x = instance([[3, 0, 1, 4]], [[[1, 2]]], [-2], [[1, 7]], stride=2)
    judged = judge(THEOREM, x)
    assert judged.best("distance")[0] == 0  # correlations 3, 2, 9, 10, kept 3 and 9
    for claim in HOLDS:
        assert judged.word(claim) == "holds"


def test_without_biases_hard_thresholding_is_the_same():
    judged = judge(THEOREM, {**HAND, "b1": np.asarray([[0.0]])})
    for control in ("thresholds equal to the biases", "hard thresholding"):
        assert judged.word(control) == "holds"


def test_one_position_has_no_direction():
    judged = draw(THEOREM, "dense layers", 8)
    assert judged.word("flipped filters") == "holds"
    assert judged.best("matrix").shape == (8, 3)


@pytest.mark.parametrize(("value", "word"), [(2.0, "holds"), (0.5, WHOLE), (1e16, WHOLE)])
def test_counts_are_for_whole_numbers_whose_sums_are_exact(value, word):
    assert judge(THEOREM, {**HAND, "b1": np.asarray([[value]])}).word("not one entry differs") == word


@given(seed=st.integers(0, 9999), largest=st.integers(1, 20), family=st.sampled_from(sorted(THEOREM.families)))
@settings(max_examples=25, deadline=None)
def test_any_sizes_of_numbers(seed, largest, family):
    judged = draw(THEOREM, family, 3, seed, largest=largest)
    for claim in HOLDS:
        assert set(judged.words(claim)) <= {"holds", WHOLE, NONNEGATIVE}


def test_exact_arithmetic_gives_the_same_and_certifies():
    def fractions(v):
        return [fractions(u) for u in v] if isinstance(v, list) else Fraction(v)

    judged = judge(THEOREM, HAND)
    _, found = THEOREM.exact(None, {k: fractions(a[0].tolist()) for k, a in HAND.items()})
    for name in ("plus", "hard", "signed", "flipped"):
        assert float(found[name][0]) == pytest.approx(judged.best(name)[0, 0], rel=1e-12)
    for name in ("thresholds equal to the biases", "hard thresholding", "flipped filters"):
        assert certify(THEOREM, judged.p, THEOREM.claim(name), HAND)
    with pytest.raises(ValueError, match="one dimension"):
        THEOREM.exact(None, {"Y": [[[1]]]})


def test_the_reference_measures_the_same():
    for family in THEOREM.families:
        judged = draw(THEOREM, family, 1)
        theirs = THEOREM.reference(judged.p, judged.x)
        for name in ("plus", "hard", "signed", "flipped", "excess", "delta"):
            assert theirs[name] == pytest.approx(judged.best(name), rel=1e-9, abs=1e-9)
