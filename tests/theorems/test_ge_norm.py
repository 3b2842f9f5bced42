"""Norm-based capacity: by hand, the open constant, the operator norm in whole numbers, scaled classifiers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from judge import draw, judge, one

from theorems.generalization import _rademacher as instances
from theorems.generalization.ge_norm import ALL, NETWORK, SHORT_NORM, THEOREM, TWO

HOLDS = tuple(c.name for c in THEOREM.claims if c.expects == "holds" and c.kind.label != "mean")
BOUND, OPEN = "at most 2^(d-1) S", "slide 2: 2^(K-1) for one hidden layer and w (open)"
OPERATOR, ERROR = "slide 1: the operator norm", "slides: the classification error"
SQUARE = "the mean square at most S^2"


def at(points, depth=2, **arrays):
    """One instance with these points and no network."""
    m, D = np.shape(points)
    plain = {"d": depth, "width": 4, "W": np.zeros((1, D)), "w": [0], "count": np.ones(m), "xi": np.ones(m)}
    return one(x=points, **{**plain, **arrays})


@pytest.mark.parametrize("depth", [1, 2, 3, 6])
def test_one_point_has_its_length_at_every_depth(depth):
    judged = judge(THEOREM, at([[3, 4]], depth))
    assert judged.best("complexity")[0] == pytest.approx(5, rel=1e-15)
    assert judged.ratio(BOUND)[0] == pytest.approx(2.0 ** (1 - depth), rel=1e-12)
    assert judged.word(BOUND) == "holds"
    assert judged.word("0.9 in place of 2^(d-1)") == "violated"


@pytest.mark.parametrize(("width", "word"), [(3, "holds"), (5, "violated"), (16, "violated")])
def test_one_neuron_can_have_all_the_norm(width, word):
    assert judge(THEOREM, at([[3, 4]], width=width)).word("Frobenius norm over sqrt(width)") == word


def test_three_points_whose_mean_square_is_above_four():
    """8, 1/2, 4, 4 for half of the signs."""
    judged = judge(THEOREM, at([[1, 0], [0, 1], [1, 1]]))
    assert judged.quantities["rms"][0] ** 2 == pytest.approx(4.125, rel=1e-13)
    assert judged.best("complexity")[0] == pytest.approx((8**0.5 + 0.5**0.5 + 4) / 4, rel=1e-13)
    assert judged.quantities["S"][0] == 2
    assert judged.word(SQUARE) == "violated"
    assert judged.word(OPEN) == "holds"


def test_a_repeated_point_refutes_the_rate_one_over_m():
    """E|S_8| = 8 C(8, 4) / 2^8 = 2.1875 for a unit point eight times."""
    judged = judge(THEOREM, at([[1, 0]] * 8))
    assert judged.best("complexity")[0] == pytest.approx(2.1875, rel=1e-13)
    assert judged.word("rate 1/m") == "violated"


def test_six_points_in_more_dimensions_are_the_most():
    assert judge(THEOREM, at(np.eye(6))).word(BOUND) == "holds"
    assert judge(THEOREM, at(np.eye(7))).word(BOUND) == ALL
    assert judge(THEOREM, at(np.eye(6), 3)).word(OPEN) == TWO


def test_the_dominating_point_comes_near_the_open_constant():
    judged = draw(THEOREM, instances.DOMINATING, 20)
    assert judged.word(OPEN) == "holds"
    assert 0.99 < judged.ratio(OPEN).max() < 1


def test_the_operator_norm_witness():
    judged = draw(THEOREM, instances.OPERATOR, 4)
    assert (judged.quantities["followed"] > 2.1 * judged.quantities["S"]).all()
    M = judged.x["W"] * instances.SCALE
    assert (np.round(M) == M).all()
    # |W|_2 <= 1 again: I - W W^T is diagonally dominant in exact arithmetic.
    rows = [[Fraction(int(v), instances.SCALE) for v in row] for row in M[0]]
    for i in range(0, 80, 13):
        gram = [sum((a * b for a, b in zip(rows[i], row, strict=True)), Fraction(0)) for row in rows]
        assert sum(abs(v) for v in gram) <= 1
    assert np.linalg.norm(judged.x["W"], 2, axis=(1, 2)).max() <= 1


def test_a_longer_matrix_is_set_aside():
    rows = np.eye(2)
    assert judge(THEOREM, at(np.eye(2), W=rows, w=[0, 0])).word(OPERATOR) == "holds"
    for wrong in (rows * (1 + 1 / instances.SCALE), rows + 2.0**-15, np.ones((2, 2)) / 2 + rows / 16, 0 * rows):
        assert judge(THEOREM, at(np.eye(2), W=wrong, w=[0, 0])).word(OPERATOR) == SHORT_NORM


def test_a_scaled_classifier():
    """Labels 1, 1, -1, -1, the sample e_1, e_2, e_1: no error on it, two errors on all four."""
    c = 1 / 16
    x = at(np.eye(4), xi=[1, 1, -1, -1], W=c * np.eye(4), w=[c] * 4, count=[2, 1, 0, 0])
    judged = judge(THEOREM, x)
    assert judged.quantities["gap"][0] == 0.5
    assert judged.outcomes[ERROR].bound[0] == pytest.approx(2 * 4 * c * c / 3**0.5, rel=1e-14)
    assert judged.word(ERROR) == "violated"
    # The same predictions with larger weights.
    assert judge(THEOREM, x | one(W=np.eye(4), w=[1] * 4)).word(ERROR) == "holds"


def test_by_hand_half_of_the_classifiers():
    judged = draw(THEOREM, NETWORK, 40)
    by_hand = (judged.x["count"] == [2, 1, 0, 0]).all(axis=1) & (judged.x["xi"] == [1, 1, -1, -1]).all(axis=1)
    assert 10 <= by_hand.sum() <= 30
    assert (judged.x["count"].sum(axis=1) == 3).all()
    assert {w for w, b in zip(judged.words(ERROR), by_hand, strict=True) if b} == {"violated"}


def test_drawn_signs_agree_with_all_signs_on_average():
    """Ten points on the plane, a thousand draws: the mean is about 0.8 S, and below S."""
    judged = draw(THEOREM, instances.MANY, 300, many=10)
    ratio = judged.quantities["drawn"] / judged.quantities["S"]
    assert 0.7 < ratio.mean() < 0.9


@pytest.mark.parametrize("family", THEOREM.families)
def test_the_reference_measures_the_same(family):
    judged = draw(THEOREM, family, 1)
    theirs = THEOREM.reference(judged.p, judged.x)
    for name in ("drawn", "followed", "rms", "gap"):
        assert theirs[name] == pytest.approx(judged.quantities[name], rel=1e-5, abs=1e-12, nan_ok=True)
    mine, other = judged.quantities["complexity"], theirs["complexity"]
    assert not (mine.lower > other.upper * (1 + 1e-6)).any()
    assert not (other.lower > mine.upper * (1 + 1e-6)).any()


@pytest.mark.parametrize("family", THEOREM.families)
def test_no_family_violates_what_should_hold(family):
    judged = draw(THEOREM, family, 12, seed=1)
    for claim in HOLDS:
        assert not {"violated", "undecided"} & set(judged.words(claim))
