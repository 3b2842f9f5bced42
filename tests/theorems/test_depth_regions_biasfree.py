"""Networks without biases: two half-lines, cones, and the constant coordinate that restores everything."""

from __future__ import annotations

import numpy as np
import pytest
from judge import draw, judge, one

from theorems.expressivity import _networks as networks
from theorems.expressivity.depth_regions_biasfree import THEOREM, _carried, _slice, paired_bound
from verify.kit.region_bounds import biasfree_bound
from verify.kit.relu import Network
from verify.kit.subdivision import count_regions

HOLDS = tuple(c.name for c in THEOREM.claims if c.expects == "holds")
SLIDES = "slides, one input: as many sets as folding gives"
DEEP = one(W1=[[1], [-1]], W2=[[1, 2], [3, -1]], W3=[[1, -1], [2, 1]], kind=0)


def test_one_input_has_two_half_lines_at_every_depth():
    judged = judge(THEOREM, DEEP)
    assert judged.quantities["regions"][0] == 2
    assert judged.word("one input: two half-lines") == "holds"
    assert judged.word(SLIDES) == "violated"  # 2 * 2 * 3 sets by folding with biases
    assert judged.quantities["folds"][0] == 12


def test_a_first_layer_of_zeros_leaves_one_region():
    judged = judge(THEOREM, DEEP | one(W1=[[0], [0]]))
    assert judged.quantities["regions"][0] == judged.quantities["cones"][0] == 1
    assert judged.word("one input: two half-lines") == "holds"


def test_zeros_in_the_first_layer_cut_only_from_another_neuron():
    judged = judge(THEOREM, DEEP | one(W1=[[0], [-2]]))
    assert judged.quantities["regions"][0] == 2


def test_six_lines_through_zero_have_twelve_regions():
    x = one(W1=[[1, 0], [0, 1], [1, 1], [1, -1], [1, 2], [2, 1]], kind=0)
    judged = judge(THEOREM, x)
    assert judged.quantities["regions"][0] == judged.quantities["central"][0] == 12
    assert judged.quantities["one_layer"][0] == 22
    assert judged.word("one layer in general position") == "holds"
    assert judged.word("one layer cuts as with biases") == "violated"
    # Two equal lines are not in general position.
    twice = one(W1=[[1, 0], [2, 0], [1, 1]], kind=0)
    assert judge(THEOREM, twice).word("one layer in general position") == "one layer in general position"


def test_general_position_is_decided_in_integers():
    """The rows are independent by one unit in 10^8."""
    x = one(W1=[[9999, 10000], [10000, 10001]], kind=0)
    assert judge(THEOREM, x).word("one layer in general position") == "holds"


def test_two_neurons_and_one_have_five_regions():
    judged = judge(THEOREM, one(W1=np.eye(2), W2=[[1, -1]], kind=1))
    assert judged.quantities["regions"][0] == judged.quantities["paired"][0] == 5
    assert judged.word("a layer's own width limits its factor") == "violated"
    assert judged.word("C is attained after two neurons") == "holds"


@pytest.mark.parametrize("n", range(1, 5))
def test_after_two_neurons_c_is_n_plus_four(n):
    assert paired_bound(2, (2, n)) == n + 4
    assert biasfree_bound(2, (2, n)) == 4 * (n + 1)


def test_c_by_hand():
    """Three lines: three opposite pairs, each of a region with two active neurons and one with one."""
    assert paired_bound(2, (3, 3)) == 3 * 4 + 3
    assert paired_bound(1, (5, 5, 5)) == 2
    assert paired_bound(3, (0, 2)) == 1
    assert paired_bound(3, (3,)) == 8


def test_folding_with_biases_makes_more_regions_than_any_network_without():
    judged = draw(THEOREM, "six, then four", 5)
    assert judged.quantities["folds"][0] == 99
    assert judged.quantities["cones"].tolist() == [60] * 5
    assert judged.word("two inputs at least: as many regions as folding gives") == "violated"


def test_the_constant_coordinate_carries_the_biases():
    judged = draw(THEOREM, "constant coordinate", 40)
    assert judged.word("slides, with a coordinate that is always 1") == "holds"
    assert set(judged.quantities["slice"].tolist()) == {12, 20, 64}
    assert (judged.quantities["slice"] < judged.quantities["regions"]).all()


def test_the_slice_of_a_carried_network_is_the_network():
    rng = np.random.default_rng(0)
    W = tuple(rng.integers(-3, 4, s).astype(float) for s in ((5, 3, 2), (5, 2, 3)))
    b = tuple(rng.integers(-3, 4, s).astype(float) for s in ((5, 3), (5, 2)))
    network = Network(W, b)
    carried = _carried(network)
    assert carried.widths == (4, 2)
    assert not any(bias.any() for bias in carried.biases)
    assert count_regions(_slice(carried)).tolist() == count_regions(network).tolist()


def test_the_true_widths_leave_the_filling_out():
    x = one(W1=[[1, 0], [0, 1], [0, 0]], W2=[[1, -1, 0], [0, 0, 0]], kind=0)
    assert networks.true_widths(networks.network(x)).tolist() == [[2, 1]]
    assert judge(THEOREM, x).quantities["regions"][0] == 5


@pytest.mark.parametrize("family", THEOREM.families)
def test_no_family_violates_what_should_hold(family):
    judged = draw(THEOREM, family, 30, seed=1)
    for claim in HOLDS:
        assert not {"violated", "undecided"} & set(judged.words(claim))


def test_the_reference_counts_the_same():
    for family in THEOREM.families:
        for number in range(3):
            judged = draw(THEOREM, family, 1, seed=number)
            theirs = THEOREM.reference(judged.p, judged.x)
            assert {n: v[0] for n, v in theirs.items()} == {n: v[0] for n, v in judged.quantities.items()}
