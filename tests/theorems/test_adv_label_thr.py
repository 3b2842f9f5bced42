"""Labels from layered thresholding: the margin that is enough is needed, and what it must count."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import draw, judge

from theorems.sparse_coding import _layered_thr as instances
from theorems.sparse_coding.adv_label_thr import FAMILIES, HARD, MARGIN, SOFT, SOFT_MARGIN, THEOREM, Params, measure

LABEL, MOVES, PART = "the label stays", "f moves by at most R", "the part of a layer"


def with_margin(x, share, method):
    """The offset at which |f| is so much of R, on the same side."""
    found = measure(x, method)
    f = found["f"].value
    return x | {"offset": x["offset"] + np.sign(f) * share * found["R"].value - f}


@pytest.mark.parametrize("family", ["two layers, worst", "three layers, worst"])
def test_one_nonzero_needs_all_of_the_margin(family):
    judged = draw(THEOREM, family, 32, k=1)
    assert (judged.ratio(MOVES) > 0.9999).all()
    assert judged.word(LABEL) == "holds"
    below = judge(THEOREM, with_margin(judged.x, 0.9999, HARD), judged.p)
    assert below.word(LABEL) == MARGIN
    assert (below.best("flipped") == 1).all()


def test_soft_thresholds_need_all_of_theirs():
    judged = draw(THEOREM, "soft, worst", 32)
    assert judged.word("soft: the label stays") == "holds"
    assert (judged.ratio("soft: f moves by at most R") > 0.9999).all()
    below = judge(THEOREM, with_margin(judged.x, 0.9999, SOFT), judged.p)
    assert below.word("soft: the label stays") == SOFT_MARGIN
    assert (below.best("soft_flipped") == 1).all()
    assert (below.best("soft_R") > below.best("R")).all()


def test_one_spike_by_hand():
    """Identity and Hadamard, one spike, noise epsilon along it, weight w there: R = |w| epsilon, whatever else w is."""
    judged = draw(THEOREM, "one layer, worst", 16, k=1)
    on = judged.x["code"] != 0
    w = np.abs(judged.x["w1"][on])
    assert judged.best("R") == pytest.approx(w * judged.x["radius"])
    assert judged.best("change") == pytest.approx(w * judged.x["radius"] * instances.INSIDE)
    heavy = judge(THEOREM, judged.x | {"w1": np.where(on, judged.x["w1"], 100.0)}, judged.p)
    assert heavy.best("R") == pytest.approx(judged.best("R"))
    assert heavy.best("change") == pytest.approx(judged.best("change"))


def test_the_label_of_the_deepest_code_alone():
    x = draw(THEOREM, "three layers, worst", 8, k=1).x
    alone = x | {"w1": 0 * x["w1"], "w2": 0 * x["w2"]}
    judged = judge(THEOREM, alone)
    assert judged.best("R") == pytest.approx(judged.best("deepest"))
    assert judged.word(MOVES) == "holds"
    assert (judged.ratio(MOVES) > 0.9999).all()


def test_all_nonzeros_count_not_those_of_a_patch():
    """Three layers, four taps: 16 non-zeros in the first code, 4 of them in a patch."""
    judged = draw(THEOREM, "three layers, worst", 8, k=1)
    assert judged.best("count").tolist() == [[16, 4, 1]] * 8
    assert judged.best("patch").tolist() == [[4, 4, 1]] * 8
    assert judged.ratio("errors of patches") == pytest.approx(np.full(8, 2), rel=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_quantity_agrees_with_the_matrices(family):
    judged = draw(THEOREM, family, 2)
    for i in range(2):
        alone = judged.alone(i)
        for name, value in THEOREM.reference(judged.p, alone).items():
            if name in judged.quantities and name != "error":
                rows = judged.best(name)
                theirs = getattr(value, "value", value)
                ours = rows[i if rows.shape[0] > 1 else 0]
                assert theirs[0] == pytest.approx(ours, rel=1e-8, abs=1e-10), name


@given(
    seed=st.integers(0, 2**32 - 1),
    layers=st.sampled_from([1, 2, 3]),
    b=st.sampled_from([16, 64]),
    c=st.integers(2, 4),
    k=st.integers(1, 2),
    share=st.floats(1.001, 10),
    family=st.sampled_from(list(FAMILIES)),
)
@settings(max_examples=12, deadline=None)
def test_no_choice_of_the_parameters_loses_a_label(seed, layers, b, c, k, share, family):
    judged = draw(THEOREM, family, 4, seed, layers=layers, b=b, c=c, k=k)
    moved = judge(THEOREM, with_margin(judged.x, share, HARD), judged.p)
    for claim in (LABEL, MOVES, PART):
        assert "violated" not in moved.words(claim)
    missed = [word == MARGIN for word in moved.words(LABEL)]
    assert not any(missed & (judged.best("R") > 0))  # without noise R may be 0, and then f is 0 too


def test_advice_and_repair():
    judged = draw(THEOREM, "two layers, worst", 2, layers=3, k=2)
    assert "b=32 and c=20" in THEOREM.advise(judged.p, judged.x)
    x = draw(THEOREM, "two layers, worst", 4).x
    assert judge(THEOREM, THEOREM.repair(Params(), x | {"E": 3 * x["E"]})).word(MOVES) == "holds"
