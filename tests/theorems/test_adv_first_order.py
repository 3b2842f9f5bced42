"""The first-order distance: by hand, the region statement on exact margins, and where the wordings fail."""

from __future__ import annotations

import math

import numpy as np
import pytest
from judge import draw, judge, one

from theorems.generalization.adv_first_order import THEOREM

SLIDE, DISTANCE = "slide: gap over sqrt(2) |J|_F", "slide: d* read as the distance"
INSIDE, OUTSIDE = "inside the region d* is the margin", "else the margin is at least r"
# z_1 = 0.5 + 0.01 (x - 1) - 100 relu(0.9 - x), z_2 = 0.
KINK = one(W1=[[1], [-1]], b1=[0, 0.9], V=[[0.01, -100], [0, 0]], c=[0.49, 0], x=[1])


def affine(J, z, shift: float = 40.0):
    """z(x) = J x + z near 0, whose kinks are at x_i = -shift."""
    J = np.asarray(J, dtype=float)
    d = J.shape[1]
    return one(W1=np.eye(d), b1=[shift] * d, V=J, c=np.asarray(z) - J.sum(axis=1) * shift, x=np.zeros(d))


def test_steep_beyond_a_kink():
    judged = judge(THEOREM, KINK)
    assert judged.best("first")[0] == pytest.approx(50)
    assert judged.best("kink")[0] == pytest.approx(0.1)
    # 0.5 - 0.01 u = 100 (u - 0.1) at the distance u.
    assert judged.best("margin")[0] == pytest.approx(10.5 / 100.01, rel=1e-8)
    assert judged.word(SLIDE) == "holds"
    assert judged.word(DISTANCE) == "violated"
    assert judged.outcomes[DISTANCE].bound[0] == pytest.approx(50 / math.sqrt(2))
    assert judged.word(OUTSIDE) == "holds"
    assert judged.word(INSIDE) == "d* <= r"


def test_opposite_rows_attain_the_bound():
    judged = judge(THEOREM, affine([[3, 4], [-3, -4]], [1, -1]))
    assert judged.best("first")[0] == pytest.approx(0.2)
    assert judged.ratio(SLIDE)[0] == pytest.approx(1, abs=1e-9)
    assert judged.ratio("without sqrt(2)")[0] == pytest.approx(math.sqrt(2), abs=1e-9)
    assert judged.word("without sqrt(2)") == judged.word("the spectral norm without sqrt(2)") == "violated"
    assert judged.word(INSIDE) == "holds"


def test_with_a_third_row_only_the_spectral_bound_is_attained():
    judged = judge(THEOREM, affine([[1, 0], [-1, 0], [0, 1]], [1, -1, -9]))
    assert judged.ratio("with the spectral norm")[0] == pytest.approx(1, abs=1e-9)
    assert judged.ratio(SLIDE)[0] == pytest.approx(math.sqrt(2 / 3), abs=1e-9)


def test_flat_beyond_a_kink_the_margin_is_more():
    """z_1 - z_2 = 1 - relu(1/2 - x) at x = 0 has d* = 1/2 to the right, where it never falls to 0."""
    x = one(W1=[[1], [-1]], b1=[0.5, 0.5], V=[[-1, 0], [0, 0]], c=[1, 0], x=[0])
    judged = judge(THEOREM, x)
    assert judged.best("first")[0] == pytest.approx(0.5)
    assert judged.best("margin")[0] == pytest.approx(0.5)
    further = judge(THEOREM, x | one(W1=[[1], [1]], b1=[0.5, -0.25], V=[[-1, 0.75], [0, 0]]))
    # 1/2 - x up to x = 1/4, then 1/4 - (x - 1/4)/4.
    assert further.best("first")[0] == pytest.approx(0.5)
    assert further.best("kink")[0] == pytest.approx(0.25)
    assert further.best("margin")[0] == pytest.approx(1.25, rel=1e-8)
    assert further.word("the margin is at most d*") == "violated"
    assert further.word(OUTSIDE) == "holds"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"x": [0.9]}, "no kink at x"),
        ({"V": [[0, -100], [0, 0]]}, "the linearised network has a boundary"),
        ({"c": [-0.01, 0]}, "x has a largest output"),
    ],
)
def test_what_the_theorem_does_not_speak_of_is_set_aside(change, word):
    assert judge(THEOREM, KINK | one(**change)).word(SLIDE) == word


@pytest.mark.parametrize("family", ["random", "trained", "whole numbers"])
def test_every_instance_has_one_of_the_two_statements(family):
    judged = draw(THEOREM, family, 100)
    inside, outside = judged.words(INSIDE), judged.words(OUTSIDE)
    for a, b in zip(inside, outside, strict=True):
        assert "violated" not in (a, b)
        if a == "d* <= r":
            assert b == "holds"
        elif a == "holds":
            assert b == "d* > r"
    assert inside.count("holds") >= 5
    assert outside.count("holds") >= 20


def test_the_margin_of_a_trained_network_is_often_below_the_bound():
    judged = draw(THEOREM, "trained", 100)
    assert 20 <= judged.words(DISTANCE).count("violated") <= 90


def test_the_reference_measures_the_same():
    for family in THEOREM.families:
        judged = draw(THEOREM, family, 4)
        for i in range(4):
            x = {name: a[i : i + 1] for name, a in judged.x.items()}
            theirs = THEOREM.reference(judged.p, x)
            if judged.words(SLIDE)[i] != "holds":
                continue
            for name in ("margin", "strict", "first", "kink"):
                assert theirs[name].value[0] == pytest.approx(judged.best(name)[i], rel=3e-6), (family, i, name)
