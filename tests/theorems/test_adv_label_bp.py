"""Labels from layered basis pursuit: how much of the margin is needed, and what it must count."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import draw, judge

from theorems.sparse_coding import _layered as layered
from theorems.sparse_coding.adv_label_bp import FAMILIES, MARGIN, SPARSE, THEOREM, WEIGHTS, measure

LABEL, MOVES, PART, ENTRIES = (
    "the label stays",
    "f moves by at most R",
    "the part of a layer",
    "the part of a layer, entry by entry",
)


def with_margin(x, share):
    """The offset at which |f| is so much of R, on the same side."""
    found = measure(x)
    f = found["f"].value
    return x | {"offset": x["offset"] + np.sign(f) * share * found["R"].value - f}


def test_one_spike_by_hand():
    """The simplex with one spike: the error is 4 epsilon + epsilon, and R = 7.5 |w| epsilon, whatever else w is."""
    judged = draw(THEOREM, "simplex, worst", 8, k=1)
    on = judged.x["code"] != 0
    w, epsilon = np.abs(judged.x["w1"][on]), judged.x["radius"]
    assert judged.best("change") == pytest.approx(5 * w * epsilon)
    assert judged.best("R") == pytest.approx(7.5 * w * epsilon)
    heavy = judge(THEOREM, judged.x | {"w1": np.where(on, judged.x["w1"], 100.0)}, judged.p)
    assert heavy.best("change") == pytest.approx(judged.best("change"))
    assert heavy.best("R") == pytest.approx(judged.best("R"))


@pytest.mark.parametrize("k", [1, 20, 33])
def test_the_simplex_in_closed_form(k):
    """With equal signs and noise along them the error is epsilon/sqrt(q) + 4 sqrt(k) epsilon/q long."""
    q = 1 - (k - 1) / 100
    judged = draw(THEOREM, "simplex, worst", 4, k=k)
    length = 1 / q**0.5 + 4 * k**0.5 / q
    assert judged.ratio(MOVES) == pytest.approx(np.full(4, length / (7.5 * k**0.5)), rel=1e-6)
    entry = (4 / q + ((1 + 1 / (100 * q)) / 1.01) ** 0.5) / 7.5
    assert draw(THEOREM, "simplex, one entry", 4, k=k).ratio(ENTRIES) == pytest.approx(np.full(4, entry), rel=1e-6)


def test_the_constant_where_patches_do_not_overlap():
    """The length of the error in a block over 7.5 sqrt(k), at the least q of k non-zeros: largest for k = 12."""
    k = np.arange(1, 10**5)
    q = 2 * k / (3 * k - 1)
    share = (1 / np.sqrt(k * q) + 4 / q) / 7.5
    assert share.max() == share[11] == pytest.approx(0.82426, abs=1e-5)
    assert share.max() < 0.825
    judged = draw(THEOREM, "simplex, worst", 4, k=33)
    assert judged.word("where patches do not overlap") == "holds"
    assert (judged.ratio("where patches do not overlap") > 0.98).all()


def test_where_the_pursuit_is_not_certified_nothing_is_decided():
    """Weights so small that the noise is coded by other atoms."""
    x = draw(THEOREM, "two layers, random", 4).x
    judged = judge(THEOREM, x | {"xi": 1e-3 * x["xi"]})
    assert judged.word("whatever the weights of the pursuit") == "undecided"


def test_beyond_the_limit_nothing_is_said():
    judged = draw(THEOREM, "simplex, worst", 2, k=34)
    assert judged.word(LABEL) == SPARSE
    assert "admit [33]" in THEOREM.advise(judged.p, judged.x)
    x = draw(THEOREM, "two layers, worst", 2).x
    assert judge(THEOREM, x | {"xi": 1.01 * x["xi"]}).word(LABEL) == WEIGHTS


@pytest.mark.parametrize("family", ["simplex, worst", "three layers, worst"])
def test_the_label_is_lost_where_f_moves_past_it(family):
    """At a margin just below what f does move, and not at one just above; only beyond R is that promised."""
    judged = draw(THEOREM, family, 4, k=1)
    moves = judged.ratio(MOVES)
    for share, lost in ((0.999, 1), (1.001, 0)):
        again = judge(THEOREM, with_margin(judged.x, share * moves))
        assert (again.best("flipped") == lost).all()
        assert again.word(LABEL) == MARGIN
    assert judged.word(LABEL) == "holds"


def test_the_tolerated_noise_is_where_the_margin_is_used_up():
    judged = draw(THEOREM, "three layers, worst", 4)
    ratio = judged.best("margin") / judged.best("R")
    assert judged.best("tolerated") == pytest.approx(ratio * judged.x["radius"])
    half = draw(THEOREM, "margin too small", 4)
    assert half.word("noise that changes a label") == "holds"
    assert half.ratio("noise that changes a label") == pytest.approx(np.full(4, 0.5))


def test_all_nonzeros_count_not_those_of_a_patch():
    """Three layers, four taps: 16 non-zeros in the first code, 4 of them in a patch; each is wrong by 5 epsilon."""
    judged = draw(THEOREM, "three layers, worst", 4, noise=0.5)
    assert judged.best("count").tolist() == [[16, 4, 1]] * 4
    assert judged.best("patch").tolist() == [[4, 4, 1]] * 4
    assert judged.ratio("errors of patches") == pytest.approx(np.full(4, 2 * 5 / 7.5))


def test_the_label_of_the_deepest_code_alone():
    x = draw(THEOREM, "three layers, worst", 4).x
    judged = judge(THEOREM, x | {"w1": 0 * x["w1"], "w2": 0 * x["w2"]})
    assert judged.best("R") == pytest.approx(judged.best("deepest"))
    assert judged.word(MOVES) == "holds"


@pytest.mark.parametrize("family", ["two layers, random", "three layers, worst", "stride 1, worst", "simplex, worst"])
def test_every_quantity_agrees_with_coordinate_descent(family):
    judged = draw(THEOREM, family, 1)
    for name, value in THEOREM.reference(judged.p, judged.x).items():
        theirs = getattr(value, "value", value)
        assert theirs == pytest.approx(judged.best(name), rel=1e-7, abs=1e-10), name


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(4, 60),
    contrast=st.floats(0.01, 1),
    noise=st.floats(0.01, 100),
    share=st.floats(1.001, 10),
    family=st.sampled_from([name for name in FAMILIES if "stride" not in name]),
)
@settings(max_examples=15, deadline=None)
def test_no_choice_of_the_parameters_loses_a_label(seed, n, contrast, noise, share, family):
    judged = draw(THEOREM, family, 2, seed, n=n, contrast=contrast, noise=noise)
    moved = judge(THEOREM, with_margin(judged.x, share), judged.p)
    for claim in (LABEL, MOVES, PART, ENTRIES):
        assert "violated" not in moved.words(claim)
    assert MARGIN not in moved.words(LABEL)


def test_repair():
    x = draw(THEOREM, "two layers, worst", 4).x
    louder = layered.repair(None, x | {"E": 3 * x["E"]})
    assert judge(THEOREM, louder).word(MOVES) == "holds"
