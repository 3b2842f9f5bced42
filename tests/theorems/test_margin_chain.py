"""Norms and scaling: the examples by hand, equality where weights fit together, identities on random networks."""

from __future__ import annotations

import numpy as np
import pytest
from judge import draw, judge, one

from theorems.expressivity import _networks as networks
from theorems.generalization.margin_chain import (
    ALIGNED,
    BARE,
    BIASED,
    CLEAR,
    HAND,
    KEPT,
    SOME,
    THEOREM,
    UNBIASED,
    _step,
    shrunk,
)
from verify.engine import trial

NORMS, FROBENIUS = "J against spectral norms", "slides: spectral against Frobenius norms"
RELU, TANH = "slide, for the ReLU: J is constant around x", "slide: J is piecewise constant, for every non-linearity"
OUTPUTS, MARGIN = "weights and biases shrink: outputs s^K times", "weights and biases shrink: the same margin"
BOUND, THROUGH = "weights and biases shrink: the same bound", "no biases: f(x) = J(x) x"
BOUNDING, LARGER = "slide: bounding the weights increases the margin", "smaller weights, larger margin"
REVERSED, HIDDEN = "Frobenius norms at most spectral norms", "the output layer left out of the product"
ALONE = "weights alone shrink: outputs s^K times"

UNIT = one(W1=[[1]], b1=[0], V=[[1], [0]], c=[0, 1], x=[2], data=[[2], [0]], s=0.75, u=[1])


def test_bounding_the_weights_by_hand():
    """Weights times 3/4: the boundary of rho(x) against 1 moves from 1 to 16/9, so the margin of 2 falls to 2/9."""
    judged = judge(THEOREM, UNIT)
    assert judged.best("gamma") == pytest.approx(1, rel=1e-12)
    assert judged.best("gamma_kept") == pytest.approx(2 / 9 + 0.001 * 16 / 9, rel=1e-9)
    assert judged.word(BOUNDING) == judged.word(ALONE) == "violated"
    assert judged.best("gamma_s") == pytest.approx(1, rel=1e-12)
    assert judged.best("outputs_s")[0] == pytest.approx([2 * 0.75**2, 0.75**2], rel=1e-12)
    assert judged.word(MARGIN) == judged.word(OUTPUTS) == judged.word(BOUND) == "holds"
    assert judged.word(THROUGH) == UNBIASED


def test_shrunk_too_far_the_class_is_another():
    judged = judge(THEOREM, {**UNIT, "s": np.asarray([0.5])})
    assert judged.word(BOUNDING) == KEPT
    assert judged.best("gamma_s") == pytest.approx(1, rel=1e-12)


def test_tanh_by_hand():
    """x = 2, and x' = 2 + 0.9 * 2: tanh bends between them, the ReLU does not."""
    judged = judge(THEOREM, UNIT)
    x, new = 2.0, 3.8
    bend = np.tanh(new) - np.tanh(x) - (1 - np.tanh(x) ** 2) * (new - x)
    assert judged.best("bend_tanh") == pytest.approx(abs(bend), rel=1e-12)
    assert judged.best("bend")[0] <= 1e-15
    assert judged.word(RELU) == "holds"
    assert judged.word(TANH) == "violated"


def test_norms_are_attained_where_weights_fit_together():
    judged = draw(THEOREM, ALIGNED, 40)
    for name in (NORMS, FROBENIUS):
        assert judged.word(name) == "holds"
        assert judged.ratio(name) == pytest.approx(1, abs=1e-9)
    assert judged.word(HIDDEN) == "violated"
    assert judged.word(REVERSED) == "holds"


@pytest.mark.parametrize("family", [BARE, BIASED])
def test_random_networks(family):
    judged = draw(THEOREM, family, 80, seed=3)
    for name in (NORMS, FROBENIUS, RELU):
        assert judged.word(name) == "holds"
    for name in (OUTPUTS, MARGIN, BOUND):
        assert set(judged.words(name)) <= {"holds", CLEAR}
        assert judged.words(name).count("holds") >= 50
    assert judged.word(REVERSED) == "violated"
    assert set(judged.words(LARGER)) <= {"violated", CLEAR}
    assert set(judged.words(THROUGH)) <= ({"holds", CLEAR} if family == BARE else {CLEAR, UNBIASED})
    if family == BARE:
        assert set(judged.words(BOUNDING)) <= {SOME, CLEAR}
        assert set(judged.words(ALONE)) <= {"holds", CLEAR}
    else:
        assert {"violated", "holds"} <= set(judged.words(BOUNDING))
        assert set(judged.words(ALONE)) <= {"violated", CLEAR}


def test_a_wrong_power_is_noticed():
    judged = draw(THEOREM, BIASED, 20)
    for name in (OUTPUTS, MARGIN):
        claim = THEOREM.claim(name)
        wrong = {**judged.quantities}
        wrong |= {"layers": wrong["layers"] + 1, "gamma": wrong["gamma"] * 1.00001}
        out = trial.outcomes(claim, judged.p, THEOREM.hypotheses(judged.p, judged.x), wrong)
        assert (out.violated | (out.missed >= 0)).all()


def test_shrunk_by_layers():
    """The bias of layer l is multiplied by s^l."""
    net = networks.network(draw(THEOREM, BIASED, 3).x)
    s = np.asarray([0.5, 0.25, 0.75])
    small, kept = shrunk(net, s), shrunk(net, s, biases=False)
    pairs = zip((*net.biases, net.readout[1]), (*small.biases, small.readout[1]), strict=True)
    for power, (old, new) in enumerate(pairs, 1):
        assert new == pytest.approx(old * s[:, None] ** power)
    for old, new, other in zip(net.weights, small.weights, kept.weights, strict=True):
        assert new == pytest.approx(old * s[:, None, None])
        assert np.array_equal(new, other)
    assert np.array_equal(kept.readout[1], net.readout[1])


def test_the_step_changes_no_unit():
    for family in THEOREM.families:
        judged = draw(THEOREM, family, 30, seed=2)
        net, x = networks.network(judged.x), judged.x["x"][:, None, :]
        moved = x + _step(net, judged.x)[:, None, :]
        before, after = net.pre_activations(x), net.pre_activations(moved)
        sure = np.abs(before) > 1e-12
        assert ((before > 0) == (after > 0))[sure].all()


def test_the_reference_finds_the_same():
    for family in (BARE, BIASED, ALIGNED, HAND):
        judged = draw(THEOREM, family, 3, seed=4)
        for i in range(3):
            theirs = THEOREM.reference(judged.p, {name: a[i : i + 1] for name, a in judged.x.items()})
            assert theirs["norm"] == pytest.approx(judged.best("norm")[i : i + 1], rel=1e-9)
            if judged.words(MARGIN)[i] == "holds":
                assert theirs["gamma"].value == pytest.approx(judged.best("gamma")[i : i + 1], rel=1e-6)
                assert theirs["gamma_s"].value == pytest.approx(judged.best("gamma_s")[i : i + 1], rel=1e-6)
