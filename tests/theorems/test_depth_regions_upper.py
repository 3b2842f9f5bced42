"""Upper bounds on the number of regions: by hand, attained, and where the false neighbours fail."""

from __future__ import annotations

from itertools import product
from math import comb, prod

import numpy as np
import pytest
from judge import draw, judge, one

from theorems.expressivity.depth_regions_upper import THEOREM, ranked_bound
from verify.kit.region_bounds import layered_bound, product_bound, zaslavsky

HOLDS = tuple(c.name for c in THEOREM.claims if c.expects == "holds")
SUM = "at most the sum over J"
# Two neurons, then two lines that cross where both are active.
ELEVEN = one(W1=[[1, 0], [0, 1]], b1=[0, 0], W2=[[2, 1], [1, 2]], b2=[-2, -2], built=1)


def test_two_neurons_and_two_have_eleven_regions_and_no_more():
    judged = judge(THEOREM, ELEVEN)
    assert judged.quantities["regions"][0] == judged.quantities["layered"][0] == 11
    assert {judged.word(claim) for claim in HOLDS} == {"holds"}
    assert judged.ratio(SUM)[0] == 1


@pytest.mark.parametrize(
    ("inputs", "widths", "layered", "product"),
    [(2, (2, 2), 11, 16), (2, (2, 3), 16, 28), (2, (3, 3, 3), 208, 343), (2, (4, 4), 121, 121), (4, (2, 2), 11, 16)],
)
def test_the_bounds_by_hand(inputs, widths, layered, product):
    assert layered_bound(inputs, widths) == layered
    assert product_bound(inputs, widths) == product


@pytest.mark.parametrize("inputs", [1, 2, 3])
@pytest.mark.parametrize("widths", list(product((1, 2, 4), repeat=2)))
def test_full_ranks_change_nothing(inputs, widths):
    ranks = tuple(min(pair) for pair in zip(widths, (inputs, *widths), strict=False))
    assert ranked_bound(inputs, widths, ranks) == layered_bound(inputs, widths)


def test_rank_one_layers_cut_like_one_input():
    """With every rank 1 there are at most the products of one input; ranks of 0 cut nothing."""
    assert ranked_bound(3, (4, 4), (1, 1)) == prod(n + 1 for n in (4, 4))
    assert ranked_bound(3, (4, 4), (0, 2)) == 1


def test_the_family_after_two_neurons_attains_the_bound_at_every_width():
    judged = draw(THEOREM, "two neurons first", 40)
    regions, n = judged.quantities["regions"], judged.quantities["N"] - 2
    assert regions.tolist() == [comb(k, 2) + k + 1 + 2 * (k + 1) + 1 for k in n.tolist()]
    assert sorted(set(n.tolist())) == [1, 2, 3, 4]


def test_what_hill_climbing_found():
    judged = draw(THEOREM, "climbed", 60)
    found = set(zip(judged.quantities["regions"].tolist(), judged.quantities["layered"].tolist(), strict=True))
    assert found == {(22, 25), (34, 40), (26, 30)}


@pytest.mark.parametrize("family", THEOREM.families)
def test_no_family_violates_what_should_hold(family):
    judged = draw(THEOREM, family, 30, seed=1)
    for claim in HOLDS:
        assert "violated" not in judged.words(claim)
        assert "undecided" not in judged.words(claim)


def test_filled_up_networks_have_the_bounds_of_their_true_widths():
    wide = ELEVEN | one(
        W1=[[1, 0], [0, 1], [0, 0]],
        b1=[0, 0, -1],
        W2=[[2, 1, 0], [1, 2, 0], [0, 0, 0]],
        b2=[-2, -2, -1],
        W3=[[0, 0, 0]],
        b3=[-1],
    )
    a, b = judge(THEOREM, ELEVEN).quantities, judge(THEOREM, wide).quantities
    assert {name: v[0] for name, v in a.items()} == {name: v[0] for name, v in b.items()}


def test_a_constant_active_neuron_is_no_neuron():
    x = one(W1=[[0], [1]], b1=[1, 0], W2=[[1, -1]], b2=[0], built=0)  # 1 - rho(x): changes at 0 and 1
    judged = judge(THEOREM, x)
    assert (judged.quantities["N"][0], judged.quantities["regions"][0]) == (2, 3)
    assert judged.word(SUM) == "holds"


def test_one_bent_line_crosses_a_line_twice():
    """Two neurons and one: 7 regions, as many as three lines; with two inputs and widths 3, 2 there are more."""
    control = "the bound of one layer of all neurons"
    assert set(draw(THEOREM, "climbed", 20).words(control)) == {"violated"}
    assert judge(THEOREM, ELEVEN).word(control) == "holds"  # Z(4, 2) = 11
    assert draw(THEOREM, "three eights", 40).words(control).count("violated") >= 5  # 332 > 301, say


def test_depth_does_not_beat_one_layer_where_inputs_abound():
    x = one(W1=np.eye(4)[:2], b1=[0, 0], W2=[[2, 1], [1, 2]], b2=[-2, -2], built=0)
    judged = judge(THEOREM, x)
    assert judged.quantities["regions"][0] == 11 < judged.quantities["one_layer"][0] == 16
    assert judged.word("depth can beat the best single layer of as many neurons") == "violated"
    assert zaslavsky(4, 4) == 16


def test_the_reference_counts_the_same():
    for family in THEOREM.families:
        for number in range(3):
            judged = draw(THEOREM, family, 1, seed=number)
            theirs = THEOREM.reference(judged.p, judged.x)
            assert {n: v[0] for n, v in theirs.items()} == {n: v[0] for n, v in judged.quantities.items()}
