"""ML-ISTA: the hand witness, minimisers by construction, bounds that are attained, the edges of the steps."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from judge import draw, judge, one

from theorems.sparse_coding import _two_layers as instances
from theorems.sparse_coding.ml_ista import INNER, POSITIVE, STEP, THEOREM, Params

NEAR, EXCESS = "near-fixed points are near-optimal", "the excess is of the order of mu"
MONOTONE, SLIDE = "the residual never grows", "slide: near-fixed points get arbitrarily close"
FIRST, ANY = "first abstract: to the optimum like 1/k", "any outer step"
RANDOM = [f"mu = {c:g}/|D1|^2" for c in instances.SHARES]


def by_hand(mu=1.0, start=1.08, **more):
    x = one(
        D1=np.eye(2), D2=[[1.0], [0.5]], y=[2.0, -1.0], lam1=0.1, lam2=0.1, mu=mu, step=mu / 1.25, start=[start],
        z=[1.0], w=[1.0, -1.5], p=[0.1, 0.1],
    )  # fmt: skip
    return judge(THEOREM, x | one(**more))


@pytest.mark.parametrize("mu", [1.0, 0.5])
def test_the_fixed_point_by_hand_is_no_minimiser(mu):
    judged = by_hand(mu)
    assert judged.best("gap") == pytest.approx(np.full((1, 300), 0.004), abs=1e-12)
    assert judged.quantities["gap"].lower.min() > 0.0039
    assert judged.best("moved").max() < 1e-14
    assert judged.word(FIRST) == "violated"
    assert judged.word(NEAR) == judged.word(SLIDE) == judged.word(MONOTONE) == "holds"
    assert judged.best("excess")[0, 0] == pytest.approx(0.108)


def test_at_a_small_inner_step_it_is_the_minimiser():
    judged = by_hand(0.3, start=0.0)
    assert judged.best("gap")[0, -1] == pytest.approx(0, abs=1e-12)
    assert judged.best("excess")[0, -1] == pytest.approx(0, abs=1e-12)
    assert judged.word(FIRST) == "holds"


def test_from_the_minimiser_the_iteration_leaves():
    judged = by_hand(1.0, start=1.0)
    assert judged.best("gap")[0, 0] == pytest.approx(0, abs=1e-12)
    assert judged.best("gap")[0, -1] == pytest.approx(0.004, abs=1e-9)


def test_the_witness_is_exact_in_rationals():
    q = Fraction
    tenth, one_ = q(1, 10), q(1)
    x = {
        "D1": [[one_, q(0)], [q(0), one_]], "D2": [[one_], [q(1, 2)]], "y": [q(2), q(-1)], "lam1": tenth, "lam2": tenth,
        "mu": one_, "step": q(4, 5), "start": [q(27, 25)], "z": [one_], "w": [one_, q(-3, 2)], "p": [tenth, tenth],
    }  # fmt: skip
    margins, found = THEOREM.exact(Params(), x)
    assert margins[INNER] == 0
    assert margins[STEP] > 0
    assert len(found["gap"]) == 300
    assert all(gap.contains(found["gap"][0]) for gap in found["gap"])
    assert abs(float(found["gap"][0]) - 0.004) < 1e-15
    assert found["moved"][-1] == 0
    _, elsewhere = THEOREM.exact(Params(), x | {"start": [q(0)], "step": q(1, 2)})
    assert len(elsewhere["gap"]) < 10


@pytest.mark.parametrize("family", RANDOM)
def test_the_minimiser_is_known_to_rounding(family):
    judged = draw(THEOREM, family, 24)
    gap = judged.quantities["gap"]
    assert (gap.upper - gap.lower).max() < 1e-10
    assert gap.upper.min() >= 0
    data = instances.problem(judged.x)
    assert data.objective(judged.x["z"][:, None]).value[:, 0] == pytest.approx(
        data.lower_bound(judged.x["w"], judged.x["p"]), abs=1e-10
    )
    assert np.count_nonzero(judged.x["z"]) == 24 * 3
    image = np.einsum("bij,bj->bi", judged.x["D2"], judged.x["z"])
    assert ((np.abs(image) < 1e-12).sum(axis=1) >= 8).all()
    assert judged.word(NEAR) == judged.word(MONOTONE) == judged.word(EXCESS) == judged.word(SLIDE) == "holds"


def test_the_smaller_mu_the_nearer_the_bound():
    last = [draw(THEOREM, family, 24, steps=2000) for family in RANDOM[:2]]
    ratio = [np.median(j.best("gap")[:, -1] / j.best("excess")[:, -1]) for j in last]
    assert 0.5 < ratio[0] < ratio[1] <= 1
    assert ratio[1] > 0.9
    gaps = [np.median(j.best("gap")[:, -1]) for j in last]
    assert gaps[1] < 0.6 * gaps[0]


def test_the_excess_attains_its_bound():
    judged = draw(THEOREM, "u = 0", 16)
    assert judged.best("excess")[:, 0] / judged.best("ceiling")[:, 0] == pytest.approx(np.ones(16), abs=1e-9)
    assert judged.word(EXCESS) == "holds"
    assert judged.word("half of the ceiling") == "violated"


def test_a_constant_pull_keeps_the_residual():
    judged = draw(THEOREM, "constant pull", 8)
    first = judged.best("moved")[:, 0]
    assert first == pytest.approx(judged.x["step"] * (judged.x["lam1"] + judged.x["lam2"]), rel=1e-9)
    assert judged.ratio(MONOTONE) == pytest.approx(np.ones(8), abs=1e-9)
    assert judged.word(MONOTONE) == "holds"


def test_long_steps_diverge():
    judged = draw(THEOREM, "long step", 16, steps=20)
    assert set(judged.words(MONOTONE)) == {INNER, STEP}
    assert set(judged.words(ANY)) == {INNER, "violated"}


def test_the_edges_of_the_steps():
    assert by_hand(1.0, step=1.2).word(MONOTONE) == "holds"
    assert by_hand(1.0, step=1.2 * (1 + 1e-12)).word(MONOTONE) == STEP
    assert by_hand(1.0 + 1e-12).word(MONOTONE) == INNER
    for name in ("mu", "step", "lam1", "lam2"):
        assert by_hand(**{name: 0.0}).word(NEAR) == POSITIVE


def test_a_wrong_certificate_decides_nothing():
    """The minimum lies between the ends whatever they are; when they are far apart the misreading is undecided."""
    judged = by_hand(w=[0.0, 0.0], z=[1.5])
    assert judged.quantities["gap"].lower.max() < 0.004 < judged.quantities["gap"].upper.min()
    assert judged.word(FIRST) == "undecided"
