"""Random networks: means against closed forms, the sharp constants, which claim is about which family."""

from __future__ import annotations

import math

import numpy as np
import pytest
from judge import draw

from theorems.expressivity.random_regions import (
    BALL,
    DEEP,
    DEEP_SIGNS,
    DISC,
    GAUSSIAN,
    INTERVAL,
    INTERVAL_SIGNS,
    ONE_INPUT,
    ONE_LAYER,
    PLANE,
    THEOREM,
    WHOLE,
)

ONE = "one layer in a ball"
VARIATION, ARCS = "one input: total variation", "one input: length on the sphere"


def bound(judged, claim):
    return THEOREM.claim(claim).bound(judged.quantities)


@pytest.mark.parametrize(
    ("family", "claims"),
    [
        (DISC, [ONE]),
        (BALL, [ONE]),
        (INTERVAL, [ONE, VARIATION, ARCS]),
        (INTERVAL_SIGNS, [VARIATION]),
        (DEEP, [VARIATION, ARCS]),
        (DEEP_SIGNS, [VARIATION]),
    ],
)
def test_the_means_are_equal(family, claims):
    judged = draw(THEOREM, family, 1200, seed=5)
    for claim in claims:
        difference = judged.best("regions") - bound(judged, claim)
        assert abs(difference.mean()) <= 5 * difference.std() / math.sqrt(1200)


def test_the_mean_in_a_disc_in_closed_form():
    judged = draw(THEOREM, DISC, 2, neurons=10, sigma_b=0.5)
    q = math.sqrt(5)  # R = 1, weights of variance 1
    assert bound(judged, ONE) == pytest.approx(1 + 10 * 2 / q + 45 * (1 - 1 / q))


def test_the_mean_on_an_interval_in_closed_form():
    judged = draw(THEOREM, INTERVAL, 2, neurons=10, sigma_b=0.1)
    value = 1 + 10 * 2 / math.pi * math.atan(math.sqrt(2) / 0.5)
    assert bound(judged, ONE) == pytest.approx(value)
    assert bound(judged, ARCS) == pytest.approx(value)


@pytest.mark.parametrize(
    ("family", "claim", "integral"),
    [
        (INTERVAL, "bound, Gaussian weights", "arcs"),
        (INTERVAL_SIGNS, "bound, symmetric weights", "variation"),
    ],
)
def test_both_constants_are_attained_by_large_biases(family, claim, integral):
    judged = draw(THEOREM, family, 3, sigma_b=20.0)
    ratio = judged.best(integral) / (bound(judged, claim) - 1)
    assert ((ratio > 0.9999) & (ratio < 1)).all()


@pytest.mark.parametrize("family", [DEEP, DEEP_SIGNS])
def test_the_bound_is_far_for_a_deep_network_with_small_biases(family):
    judged = draw(THEOREM, family, 200, sigma_b=0.05, depth=6)
    assert judged.best("regions").mean() < bound(judged, "bound, symmetric weights").mean() / 4


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_the_length_is_bounded_on_average_at_every_depth(depth):
    judged = draw(THEOREM, DEEP, 1000, depth=depth)
    slack = judged.best("arcs") - (bound(judged, "bound, Gaussian weights") - 1)
    assert slack.mean() < 5 * slack.std() / math.sqrt(1000)


def test_the_plane():
    """One layer has Z(24, 2) = 301 regions, and folding has what its formula says."""
    folds = {}
    for family, layers in PLANE.items():
        judged = draw(THEOREM, family, 12)
        assert judged.best("layers") == layers
        assert judged.best("doubling") == 301 * 2 ** (layers - 1)
        folds[layers] = int(judged.best("folds")[0])
        assert (judged.best("regions") <= 1.8 * 24**2 / 2).all()
    assert (draw(THEOREM, "plane, 1 layer", 5).best("regions") == 301).all()
    assert folds == {1: 301, 2: 2844, 3: 9472, 4: 16038, 6: 11264, 8: 7, 12: 4}


def test_the_count_in_the_plane_does_not_depend_on_the_biases():
    """The draws depend on the parameters, so the same instance is rescaled."""
    judged = draw(THEOREM, "plane, 3 layers", 20)
    x = {name: 0.125 * a if name[0] == "b" or name == "sigma" else a for name, a in judged.x.items()}
    assert (THEOREM.solve(judged.p, x)["regions"] == judged.best("regions")).all()


@pytest.mark.parametrize(
    ("family", "claim", "word"),
    [
        ("plane, 1 layer", ONE, ONE_LAYER),
        (DEEP, ONE, ONE_LAYER),
        (DISC, ARCS, ONE_INPUT),
        (DEEP_SIGNS, ARCS, GAUSSIAN),
        (INTERVAL_SIGNS, ONE, GAUSSIAN),
        (DEEP, "slide: depth folds", WHOLE),
        (DISC, "slide: depth folds", WHOLE),
    ],
)
def test_which_claims_a_family_does_not_serve(family, claim, word):
    assert draw(THEOREM, family, 3).word(claim) == word


@pytest.mark.parametrize("family", list(THEOREM.families))
def test_the_reference_counts_the_same(family):
    judged = draw(THEOREM, family, 4, seed=1)
    for i in range(4):
        alone = judged.alone(i)
        theirs = THEOREM.reference(judged.p, alone)
        assert theirs["regions"][0] == judged.best("regions")[i]
        for name in ("variation", "arcs"):
            assert np.isclose(theirs[name][0], judged.best(name)[i], atol=5e-3, equal_nan=True)


def test_the_length_on_the_sphere_needs_gaussian_weights():
    judged = draw(THEOREM, INTERVAL_SIGNS, 1500)
    difference = judged.best("regions") - bound(judged, "length on the sphere, weights that are signs")
    assert difference.mean() > 5 * difference.std() / math.sqrt(1500)
