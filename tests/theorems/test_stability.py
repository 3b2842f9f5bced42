"""What the three theorems on stochastic gradient descent share: the losses, and two independent ways to measure."""

from __future__ import annotations

import numpy as np
import pytest
from judge import draw, one

from theorems.generalization import _stability as stability
from verify.engine import catalogue

THEOREMS = tuple(catalogue.load(f"sgd_stability_{losses}") for losses in ("convex", "nonconvex", "strong"))
every_family = pytest.mark.parametrize(
    ("theorem", "family"),
    [pytest.param(t, family, id=f"{t.name}-{family}") for t in THEOREMS for family in t.families],
)


@every_family
def test_the_reference_measures_the_same(theorem, family):
    for seed in range(3):
        judged = draw(theorem, family, 1, seed=seed)
        theirs = theorem.reference(judged.p, judged.x)
        for name in ("params", "losses", "gap"):
            assert theirs[name] == pytest.approx(judged.quantities[name], rel=1e-9, abs=1e-13)


@every_family
def test_no_family_violates_what_should_hold(theorem, family):
    judged = draw(theorem, family, 60, seed=1)
    for claim in theorem.claims:
        if claim.expects == "holds":
            assert not {"violated", "undecided"} & set(judged.words(claim.name))


@pytest.mark.parametrize("kind", sorted(stability.SLOPES))
def test_slopes_are_derivatives_and_no_larger_than_stated(kind):
    u = np.linspace(-9, 9, 1801)[None]
    x = one(kind=kind, h=0.7)
    step = 1e-6
    by_differences = (stability.loss(x, u + step) - stability.loss(x, u - step)) / (2 * step)
    slopes = stability.slope(x, u)
    assert slopes == pytest.approx(by_differences, abs=2e-6)
    assert np.abs(slopes).max() <= stability.SLOPES[kind] + 1e-15
    bend = np.abs(np.diff(slopes) / np.diff(u)).max()
    stated = stability.smoothness(one(kind=kind, h=0.7, x=[[1]]))[0]
    assert 0.99 * stated <= bend <= stated * (1 + 1e-9)


def test_losses_far_out_do_not_overflow():
    u = np.asarray([[-1e4, 1e4]])
    assert stability.loss(one(kind=stability.LOGISTIC, h=1), u).tolist() == [[1e4, 0.0]]
    assert stability.slope(one(kind=stability.LOGISTIC, h=1), u).tolist() == [[-1.0, 0.0]]
    assert stability.loss(one(kind=stability.SIGMOID, h=1), u).tolist() == [[1.0, 0.0]]
