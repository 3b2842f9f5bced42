"""Folding: the counts by the literal numbers, the wordings by hand, the edges, what a user may ask."""

from __future__ import annotations

import numpy as np
import pytest
from judge import draw, judge, one
from pydantic import ValidationError

from theorems.expressivity.depth_regions import (
    AWAKE,
    FOLDED,
    FORGOTTEN,
    GENERAL,
    HALF,
    NARROW,
    REFOLDED,
    SINGLE,
    STAIRS,
    STEPS,
    THEOREM,
    TINY,
    UNBIASED,
    WIDE,
    YOURS,
    YOURS_RANDOM,
    Params,
)

FOLDING, REFOLDING = "folding attains the product", "refolding attains the larger product"
COUNTS = {
    "fold (1; 2, 2)": 6,
    "fold (1; 3, 3, 3)": 36,
    "fold (1; 4, 3, 5)": 72,
    "fold (1; 2, 2, 2, 2)": 24,
    "fold (1; 3, 3, 3, 3, 3)": 324,
    "fold (2; 4, 3)": 28,
    "fold (2; 4, 4)": 44,
    "fold (2; 6, 4)": 99,
    "fold (2; 8, 6)": 352,
    "fold (2; 4, 4, 4)": 176,
    "fold (2; 6, 6, 5)": 1296,
    "fold (2; 4, 4, 4, 4)": 704,
    "fold (3; 6, 4)": 120,
    "fold (3; 6, 5)": 208,
    "fold (3; 9, 5)": 702,
    "fold (3; 6, 6, 4)": 960,
    "refold (1; 3, 3, 3, 3, 3)": 1024,
    "refold (2; 6, 4)": 176,
    "refold (2; 6, 6)": 352,
    "refold (2; 6, 6, 5)": 4096,
    "refold (3; 9, 4)": 960,
}


@pytest.mark.parametrize(("family", "count"), COUNTS.items())
def test_the_counts(family, count):
    judged = draw(THEOREM, family, 4)
    assert judged.best("regions").tolist() == [count] * 4
    claim = FOLDING if family.startswith("fold") else REFOLDING
    assert judged.word(claim) == "holds"
    linear = "linear regions of the folding" if family.startswith("fold") else "linear regions of the refolding"
    assert set(judged.words(linear)) <= {"holds", AWAKE}


def test_the_families_are_the_listed_cases():
    assert {f for f in THEOREM.families if f.startswith(("fold (", "refold ("))} == set(COUNTS)
    for family, count in COUNTS.items():
        assert f"{count:,} regions in the cube" in THEOREM.families[family]


def test_layers_multiply():
    judged = draw(THEOREM, "fold (2; 4, 4, 4, 4)", 2)
    assert judged.best("grown").tolist() == [[4, 16, 64, 704]] * 2
    assert draw(THEOREM, "refold (1; 3, 3, 3, 3, 3)", 1).best("grown").tolist() == [[4, 16, 64, 256, 1024]]


@pytest.mark.parametrize("family", ["fold (1; 2, 2)", "fold (2; 4, 3)", "fold (3; 6, 4)"])
def test_an_inactive_last_layer_can_lose_linear_regions(family):
    judged = draw(THEOREM, family, 48)
    words = judged.words("linear regions of the folding")
    assert words.count("holds") >= 12
    lost = judged.best("linear") < judged.best("product")
    assert lost.any()
    assert all(word == AWAKE for word, less in zip(words, lost, strict=True) if less)
    assert judged.words("linear regions whatever the signs") == ["violated" if less else "holds" for less in lost]
    assert (judged.best("linear") <= judged.best("regions")).all()


def test_a_changed_weight_is_no_fold():
    judged = draw(THEOREM, "fold (2; 4, 4)", 2)
    x = {name: a.copy() for name, a in judged.x.items()}
    x["W1"][1, 0, 0] += 1
    assert judge(THEOREM, x).words(FOLDING) == ["holds", FOLDED]


def test_hyperplanes_that_leave_the_cube_are_set_aside():
    """Moved by the side of the cube, the last layer is outside of it and cuts nothing there."""
    judged = draw(THEOREM, "fold (2; 4, 4)", 2)
    x = {name: a.copy() for name, a in judged.x.items()}
    x["b2"][1] += 100 * np.abs(x["W2"][1]).max()
    again = judge(THEOREM, x)
    assert again.words(FOLDING) == ["holds", GENERAL]
    assert again.best("regions").tolist() == [44, 4]


def test_half_of_the_slope_loses_regions():
    judged = draw(THEOREM, HALF, 24)
    assert judged.word(FOLDING) == GENERAL
    assert (judged.best("regions") < 44).all()
    assert judged.word("half of the slope is enough") == "violated"


def test_one_neuron_in_each_layer_by_hand():
    """x > 1/8, then x > 2/8, ..., x > 5/8: six regions, not 32; a negative weight ends it."""
    stairs = {f"{name}{l}": value for l in range(1, 6) for name, value in (("W", [[8 if l == 1 else 1]]), ("b", [-1]))}
    judged = judge(THEOREM, one(**stairs, V=[[1]], c=[0]))
    assert judged.best("everywhere").tolist() == judged.best("regions").tolist() == [6]
    assert judged.word("one neuron in each layer: at most L + 1") == "holds"
    assert judged.word("one neuron in each layer: L + 1 is reached") == "holds"
    assert judged.word("slide: one hyper-plane for each layer") == "violated"
    ended = judge(THEOREM, one(**{**stairs, "W2": [[-1]]}, V=[[1]], c=[0]))
    assert ended.best("everywhere").tolist() == [2]
    assert ended.word("one neuron in each layer: L + 1 is reached") == STEPS


def test_one_neuron_in_each_layer_never_exceeds_its_bound():
    stairs = draw(THEOREM, STAIRS, 50)
    assert (stairs.best("everywhere") == 6).all()
    assert stairs.word("one neuron in each layer: L + 1 is reached") == "holds"
    judged = draw(THEOREM, SINGLE, 200)
    assert judged.word("one neuron in each layer: at most L + 1") == "holds"
    assert judged.word("slide: every network") == WIDE
    assert set(judged.best("everywhere").tolist()) >= {2, 3}
    assert draw(THEOREM, TINY, 2).word("one neuron in each layer: at most L + 1") == NARROW


def test_two_units_fold_and_one_does_not():
    """(1; 2, 1): the tent and one more hyper-plane make 4 regions; of the widths (1; 1, 1) none makes more than 3."""
    tent = one(W1=[[2], [2]], b1=[0, -1], W2=[[2, -4]], b2=[-1], V=[[1]], c=[0])
    judged = judge(THEOREM, tent)
    assert judged.best("regions").tolist() == [4]
    assert judged.word(FOLDING) == "holds"
    single = judge(THEOREM, one(W1=[[2]], b1=[0], W2=[[2]], b2=[-1], V=[[1]], c=[0]))
    assert single.best("everywhere").tolist() == [3]


def test_without_biases_there_are_two_sets_at_every_depth():
    judged = draw(THEOREM, FORGOTTEN, 50)
    assert set(judged.best("everywhere").tolist()) <= {1, 2}
    assert judged.word("one input, no biases: at most 2") == "holds"
    assert judged.word("slides: no biases") == "violated"
    hand = judge(THEOREM, one(W1=[[1], [-1]], b1=[0, 0], W2=[[1, 0], [0, 1]], b2=[0, 0], V=[[1, 1]], c=[0]))
    assert hand.best("everywhere").tolist() == [2]
    assert hand.best("product").tolist() == [6]
    biased = judge(THEOREM, one(W1=[[1], [-1]], b1=[0, 1], W2=[[1, 0], [0, 1]], b2=[0, 0], V=[[1, 1]], c=[0]))
    assert biased.word("slides: no biases") == UNBIASED


def test_random_weights_have_far_fewer():
    judged = draw(THEOREM, "random (2; 8, 8)", 100)
    assert judged.best("product").tolist() == [592]
    assert judged.best("everywhere").max() < 300
    assert judged.word("slide: every network") == "violated"
    deep = draw(THEOREM, "random (1; 3, 3, 3, 3, 3)", 100)
    assert deep.best("everywhere").max() < 40
    assert draw(THEOREM, "fold (2; 4, 4)", 4).word("slide: every network") == "holds"
    assert judged.word(FOLDING) == FOLDED
    assert judged.word(REFOLDING) == REFOLDED


def test_the_product_is_no_maximum():
    judged = draw(THEOREM, "refold (2; 6, 4)", 2)
    assert judged.best("product").tolist() == [99]
    assert judged.word("the maximum is the product") == "violated"
    assert draw(THEOREM, "fold (2; 6, 4)", 2).word("the maximum is the product") == "holds"


def test_off_by_one_and_the_exponent():
    judged = draw(THEOREM, "fold (2; 4, 4)", 1)
    assert judged.best("flat").tolist() == [22]
    assert judged.best("short").tolist() == [20]
    assert judged.word("the exponent forgotten") == judged.word("the last sum stops a term early") == "violated"
    assert draw(THEOREM, "fold (1; 3, 3, 3)", 1).word("the exponent forgotten") == "holds"  # n_0 = 1


@pytest.mark.parametrize(
    ("inputs", "widths", "product"),
    [(2, (6, 6, 4), 891), (1, (4, 2), 12), (3, (3, 5, 4), 15), (4, (8, 5), 496), (2, (2, 2), 4)],
)
def test_your_widths(inputs, widths, product):
    judged = draw(THEOREM, YOURS, 4, inputs=inputs, widths=widths)
    assert judged.best("regions").tolist() == [product] * 4
    assert judged.word(FOLDING) == "holds"
    random = draw(THEOREM, YOURS_RANDOM, 4, inputs=inputs, widths=widths)
    assert random.word("no network has more") == "holds"


@pytest.mark.parametrize(
    ("inputs", "widths", "why"),
    [
        (2, (4, 1), "widths of at least inputs=2, and one is 1"),
        (2, (20, 20, 20), "about 2,110,000 regions are expected, more than the 20,000"),
        (2, (4,), "at least 2 items"),
        (0, (4, 4), "greater than or equal to 1"),
    ],
)
def test_widths_that_cannot_be_used(inputs, widths, why):
    with pytest.raises(ValidationError, match=why):
        Params(inputs=inputs, widths=widths)


def test_the_answer():
    assert THEOREM.answer(Params()) == {}
    assert THEOREM.answer(Params(widths=(6, 6, 4))) == {
        "folding has at least": 891,
        "refolding has at least": 2816,
        "no network has more than": 5324,
    }
    assert "refolding has at least" not in THEOREM.answer(Params(widths=(4, 4)))


def test_the_reference_counts_the_same():
    for family in THEOREM.families:
        judged = draw(THEOREM, family, 2)
        for i in range(2):
            theirs = THEOREM.reference(judged.p, {name: a[i : i + 1] for name, a in judged.x.items()})
            for name in ("regions", "everywhere", "linear", "grown"):
                assert theirs[name].tolist() == [judged.best(name)[i].tolist()]
