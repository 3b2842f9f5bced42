"""One input: the product of all n + 1 is attained, but not after two neurons."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from judge import draw, judge, one

from theorems.expressivity.depth_regions_1d import REFOLDED, THEOREM
from verify.kit.relu import Network
from verify.kit.subdivision import count_regions

HOLDS = tuple(c.name for c in THEOREM.claims if c.expects == "holds")
SEVEN = one(
    W1=[[1], [-1]], b1=[0, 2], W2=[[1, 1], [1, 1]], b2=[-3, -4], V=[[1, 2]], c=[0], kind=1
)  # changes at -2, -1, 0, 2, 3, 4


def test_two_and_two_have_seven_regions():
    judged = judge(THEOREM, SEVEN)
    assert (judged.quantities["regions"][0], judged.quantities["product"][0]) == (7, 9)
    assert {judged.word(claim) for claim in HOLDS} <= {"holds", "a refolding network"}
    assert judged.word("two neurons first: attained") == "holds"


@pytest.mark.parametrize(
    ("control", "bound"),
    [
        ("the product of the widths", 4),
        ("Montúfar's lower bound is the maximum", 6),
        ("Raghu's order with the constant 1", 4),
        ("two neurons first can reach the product", 7),
    ],
)
def test_every_control_fails_on_it(control, bound):
    judged = judge(THEOREM, SEVEN)
    assert judged.word(control) == "violated"
    assert judged.outcomes[control].bound[0] == bound


def test_all_small_networks_with_two_neurons_first():
    """Every first layer with weights 1 or -1 and biases -1, 0, 1, then every neuron with weights and bias in
    -2, ..., 2: it changes twice at most."""
    first = [(w, b) for w in product((1, -1), repeat=2) for b in product((-1, 0, 1), repeat=2)]
    second = list(product(range(-2, 3), repeat=3))
    pairs = [(w, b, v) for w, b in first for v in second]
    network = Network(
        (
            np.asarray([[[a] for a in w] for w, _, _ in pairs], float),
            np.asarray([[v[:2]] for *_, v in pairs], float),
        ),
        (np.asarray([b for _, b, _ in pairs], float), np.asarray([[v[2]] for *_, v in pairs], float)),
    )
    assert count_regions(network).max() == 5


@pytest.mark.parametrize("family", REFOLDED)
def test_refolding_attains_the_product(family):
    judged = draw(THEOREM, family, 24)
    shapes = {np.prod([n + 1 for n in widths]) for widths in REFOLDED[family]}
    assert set(judged.quantities["regions"].tolist()) == shapes
    assert (judged.quantities["linear"] == judged.quantities["regions"]).all()
    assert (judged.quantities["folds"] < judged.quantities["regions"]).all()


def test_three_and_three_have_sixteen_where_montufar_has_twelve():
    judged = draw(THEOREM, "refolded, 2 layers", 12)
    rows = set(zip(judged.quantities["regions"].tolist(), judged.quantities["folds"].tolist(), strict=True))
    assert (16, 12) in rows


def test_a_dead_output_has_one_linear_region():
    judged = judge(THEOREM, SEVEN | one(V=[[0, 0]]))
    assert (judged.quantities["linear"][0], judged.quantities["regions"][0]) == (1, 7)


@pytest.mark.parametrize("family", THEOREM.families)
def test_no_family_violates_what_should_hold(family):
    judged = draw(THEOREM, family, 40, seed=1)
    for claim in HOLDS:
        assert not {"violated", "undecided"} & set(judged.words(claim))


def test_the_reference_counts_the_same():
    for family in THEOREM.families:
        for number in range(3):
            judged = draw(THEOREM, family, 1, seed=number)
            theirs = THEOREM.reference(judged.p, judged.x)
            assert {n: v[0] for n, v in theirs.items()} == {n: v[0] for n, v in judged.quantities.items()}
