"""Training and test errors in whole numbers: by hand, by enumeration, and the two signs."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from judge import draw, judge

from theorems.generalization.ge_definition import NO_ERROR, THEOREM, Params

SLIDE = "slide's sign: GE <= 0 passes without training errors"
RIGHT = "the right sign: GE <= 0 without training errors"
FALLS = "slide: training errors fall as L grows"
HOLDS = tuple(c.name for c in THEOREM.claims if c.expects == "holds")


def instance(table, weights, drawn) -> dict:
    return {"table": np.asarray([table]), "weights": np.asarray([weights], dtype=float), "drawn": np.asarray([drawn])}


def test_one_example_seen_of_two_by_hand():
    """The rule that is right where it looked and wrong elsewhere: no training error, a test error of a half."""
    judged = judge(THEOREM, instance([[1, 1], [0, 1], [1, 0], [0, 0]], [1, 1], [0, 0]), Params(L=2))
    assert judged.best("slide")[0] == -2  # L W (0 - 1/2)
    assert judged.best("absolute")[0] == 2
    assert judged.word(SLIDE) == "holds"
    assert judged.word(RIGHT) == "violated"
    assert judged.word("slide: GE = training - test") == "violated"
    # Seen are 0, 1 or both, with probabilities 1/4, 1/4 and 1/2: the mean test error is 1/4.
    assert judged.best("mean_test")[0] == Fraction(1, 4) * 2 * 2**3
    assert judged.best("mean_best")[0] == judged.best("mean_train")[0] == 0


def test_a_rule_alone_makes_everything_equal():
    judged = judge(THEOREM, instance([[1, 0, 0]], [1, 2, 3], [0, 1, 2, 2]))
    assert judged.best("mean_train")[0] == judged.best("mean_best")[0] == judged.best("mean_test")[0] > 0
    assert judged.best("left_out")[0] == judged.best("kept")[0] == 3
    assert (judged.best("now") == judged.best("later")).all()
    assert judged.best("expected")[0] == pytest.approx([1 / 6] * 4, rel=1e-15)
    assert judged.word("training finds the best rule") == judged.word(FALLS) == "holds"


def test_thresholds_with_labels_flipped_three_times_in_ten():
    """E_1 = 0, E_2 = P(x_1 < x_2 are labelled 1, 0 in this order)/2 * 2 orders, by enumeration; and the limit 0.3."""
    judged = draw(THEOREM, "thresholds", 400, L=6)
    three = (judged.x["weights"] == np.asarray([7, 3, 7, 3, 3, 7, 3, 7])).all(axis=1)
    assert 180 <= three.sum() <= 320
    expected = judged.best("expected")[np.flatnonzero(three)[0]]
    assert judged.best("risk")[three] == pytest.approx(0.3, rel=1e-15)
    assert expected[0] == 0

    def chance(x: int, y: int) -> Fraction:
        return Fraction(7 if y == (x >= 2) else 3, 40)

    # Two examples cannot both be fitted when a 1 is left of a 0, or both are at one place with both labels.
    apart = sum(chance(a, 1) * chance(b, 0) for a, b in product(range(4), repeat=2) if a <= b)
    assert expected[1] == pytest.approx(float(2 * apart / 2), rel=1e-14)
    assert (np.diff(expected) > 0).all()
    assert (expected < 0.3).all()
    assert judged.word(FALLS) == "violated"


def test_the_two_signs_of_one_false_bound():
    judged = draw(THEOREM, "labellings", 300)
    assert judged.word(SLIDE) == "holds"
    right = judged.words(RIGHT)
    assert set(right) <= {"violated", "holds"}
    assert right.count("violated") > 250
    seen = [len(set(row)) for row in judged.x["drawn"].tolist()]
    assert [w == "holds" for w in right] == [n == 4 for n in seen]


def test_errors_on_the_sample_set_aside():
    judged = judge(THEOREM, instance([[1, 0], [1, 1]], [1, 1], [0, 1, 1, 1]))
    assert judged.word(SLIDE) == NO_ERROR
    assert judged.best("slide")[0] == 2 * 1 - 4 * 1
    unlucky = judge(THEOREM, instance([[1, 0], [1, 1]], [1, 1], [0, 0, 0, 0]))
    assert unlucky.word("the slide's sign: GE <= 0 for every sample") == "violated"
    assert unlucky.word("training error <= best risk for every sample") == "violated"


@pytest.mark.parametrize("family", list(THEOREM.families))
def test_what_should_hold_does_and_examples_come_as_often_as_they_weigh(family):
    judged = draw(THEOREM, family, 600)
    for claim in HOLDS:
        assert set(judged.words(claim)) <= {"holds", NO_ERROR}
    weights, drawn = judged.x["weights"], judged.x["drawn"]
    share = (drawn[..., None] == np.arange(weights.shape[1])).mean(axis=(0, 1))
    expected = (weights / weights.sum(axis=1, keepdims=True)).mean(axis=0)
    assert share == pytest.approx(expected, abs=5 * 0.5 / np.sqrt(2400))


@pytest.mark.parametrize("family", list(THEOREM.families))
def test_ordered_samples_give_the_same(family):
    p = Params(L=3, places=3)
    judged = draw(THEOREM, family, 3, L=3, places=3)
    for i in range(3):
        theirs = THEOREM.reference(p, {name: a[min(i, len(a) - 1) :][:1] for name, a in judged.x.items()})
        for name, value in theirs.items():
            assert value[0] == pytest.approx(judged.best(name)[i], rel=1e-12), name
