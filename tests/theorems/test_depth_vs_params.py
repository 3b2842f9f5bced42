"""Regions against parameters: the folding networks, random ones, fixed depth, many inputs."""

from __future__ import annotations

import numpy as np
import pytest
from judge import draw, judge, one

from theorems.expressivity.depth_vs_params import KINDS, THEOREM

HOLDS = tuple(c.name for c in THEOREM.claims if c.expects == "holds")
MANY = [c.name for c in THEOREM.claims if c.kind.label == "mean"]


def test_folding_doubles_twice_a_layer_and_pays_twelve():
    judged = draw(THEOREM, "folding", 30)
    q = judged.quantities
    assert set(q["L"].tolist()) == set(range(1, 7))
    assert q["regions"].tolist() == [4**L for L in q["L"].tolist()]
    assert q["P"].tolist() == [12 * L - 6 for L in q["L"].tolist()]
    assert judged.word("a sixth of a bit a parameter") == "holds"


def test_parameters_are_those_of_the_true_widths():
    x = one(W1=[[1], [2], [0]], b1=[0, 1, -1], W2=[[1, 1, 0]], b2=[-3], kind=KINDS.index("random"))
    judged = judge(THEOREM, x)
    assert judged.quantities["P"][0] == 2 * 2 + 3
    assert judged.quantities["N"][0] == 3


def test_the_mean_over_random_weights_is_linear_and_far_below_the_exponential():
    judged = draw(THEOREM, "random", 300)
    regions, N, P = (judged.quantities[name].astype(float) for name in ("regions", "N", "P"))
    line = 1 + 2 * N / (np.sqrt(np.pi) * judged.p.sigma)
    assert regions.mean() < line.mean() / 2
    deep = P > 600
    assert regions[deep].mean() < 2 ** (P[deep].min() / 100)
    # The bits a parameter fall.
    bits = np.log2(regions) / P
    assert bits[P > 800].mean() < bits[P < 100].mean() / 5


def test_the_line_of_the_mean_is_the_formula():
    claim = THEOREM.claim("random weights: linear in the mean")
    at = {"N": 10.0, "length": 2.0, "pi": np.pi, "sigma": 0.5}
    assert claim.bound(at) == pytest.approx(1 + 40 / np.sqrt(np.pi))


def test_at_a_fixed_depth_a_polynomial_is_the_most():
    judged = draw(THEOREM, "two wide layers", 12)
    q = judged.quantities
    assert q["regions"].tolist() == q["most"].tolist() == q["polynomial"].tolist()
    assert set(q["regions"].tolist()) == {16, 81, 17**2, 33**2}
    words = judged.words("slides, of networks of two layers")
    assert {n for n, w in zip(q["N"].tolist(), words, strict=True) if w == "violated"} == {64}  # 2^(1120 / 100) > 33^2


def test_many_inputs_one_layer_has_all_patterns():
    x = one(W1=np.eye(4), b1=[0, 0, 0, 0], kind=KINDS.index("one layer"))
    judged = judge(THEOREM, x)
    assert judged.quantities["regions"][0] == 16
    assert judged.word("one layer makes all patterns") == "holds"
    twice = x | one(W1=[[1, 0, 0, 0], [2, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    assert judge(THEOREM, twice).word("one layer makes all patterns") == "one layer, independent weights"


def test_many_inputs_two_layers_have_not():
    x = one(W1=np.eye(4)[:2], b1=[0, 0], W2=[[2, 1], [1, 2]], b2=[-2, -2], kind=KINDS.index("two layers"))
    judged = judge(THEOREM, x)
    assert judged.quantities["regions"][0] == 11
    assert judged.word("two layers do not") == "holds"
    assert judged.word("two layers can beat one of as many neurons") == "violated"


def test_large_bounds_are_cut_off():
    judged = draw(THEOREM, "random", 3, random_layers=40)
    assert judged.quantities["most"].max() <= 2**62
    assert judged.quantities["patterns"].max() == 2**62


@pytest.mark.parametrize("family", THEOREM.families)
def test_no_family_violates_what_should_hold(family):
    judged = draw(THEOREM, family, 20, seed=1)
    for claim in HOLDS:
        if claim not in MANY:
            assert not {"violated", "undecided"} & set(judged.words(claim))


def test_the_reference_counts_the_same():
    for family in THEOREM.families:
        for number in range(2):
            judged = draw(THEOREM, family, 1, seed=number)
            theirs = THEOREM.reference(judged.p, judged.x)
            assert theirs["regions"][0] == judged.quantities["regions"][0]
