"""The enumeration by linear programs finds what the exact splitting finds, and each of its answers is a proof."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import combinations, product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit.test_regions import network, networks, random_network
from verify.kit import region_lp
from verify.kit.region_lp import enumerate_regions, exact_answer, is_witness, proves_empty
from verify.kit.regions import affine_forms, polytope_cells

UNIT = (Fraction(-1), Fraction(1))
BOXES = (UNIT, (Fraction(-7, 2), Fraction(10, 3)), (Fraction(0), Fraction(1, 3)))
boxes = st.sampled_from(BOXES)


def patterns(net, box):
    return {cell.pattern for cell in polytope_cells(net, box)}


def questions(net, found):
    """How often the neurons before left a neuron's form free: the prefixes of the patterns with such a form next."""
    forms, total, first = affine_forms(net), 0, 0
    for width in net.widths:
        for number in range(first, first + width):
            prefixes = {pattern[:number] for pattern in found}
            total += sum(any(forms(prefix[:first])[number - first][:-1]) for prefix in prefixes)
        first += width
    return total


@given(networks(inputs=st.integers(1, 4)), boxes)
@settings(max_examples=150, deadline=None)
def test_it_finds_what_the_splitting_finds(net, box):
    """Each free form has two sides: both hold a region found, or one is proved empty. So nothing is left out."""
    found = enumerate_regions(net, box)
    assert set(found.regions) == patterns(net, box)
    assert all(is_witness(net, box, pattern, x) for pattern, x in found.regions.items())
    assert found.certificates + len(found.regions) - 1 == questions(net, found.regions)


@given(networks(inputs=st.integers(1, 4)), boxes)
@settings(max_examples=60, deadline=None)
def test_exact_arithmetic_alone_finds_the_same(net, box):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(region_lp._Questions, "_proposal", lambda self, rows: (None, None))
        assert set(enumerate_regions(net, box).regions) == patterns(net, box)


def test_wrong_proposals_change_nothing():
    """Whatever the linear program's solver says, the answers are checked."""
    net = random_network(Random(0), 3, [5, 4], 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(region_lp._Questions, "_proposal", lambda self, rows: (None, [1] * len(rows)))
        assert set(enumerate_regions(net, UNIT).regions) == patterns(net, UNIT)


def test_ties_are_decided_exactly():
    """The third line touches the corner that the others leave: the largest t is 0, and no float can tell."""
    net = network(([[3, 0], [0, 7], [3, 7]], [-1, -1, -2]))
    found = enumerate_regions(net, UNIT)
    assert set(found.regions) == patterns(net, UNIT)
    assert (1, 1, 0) not in found.regions
    assert found.exact > 0


def test_forms_of_any_size():
    """Weights beyond the range of floats."""
    net = random_network(Random(4), 3, [4, 3], 5)
    large = replace(net, weights=(tuple(tuple(v << 3000 for v in row) for row in net.weights[0]), net.weights[1]))
    assert set(enumerate_regions(large, UNIT).regions) == patterns(large, UNIT)


# ----------------------------------------------------------------------------------------------------- known counts


def test_coordinate_hyperplanes():
    """Every pattern of eight neurons on eight inputs."""
    identity = [[int(i == j) for j in range(8)] for i in range(8)]
    assert set(enumerate_regions(network((identity, [0] * 8)), UNIT).regions) == set(product((0, 1), repeat=8))


def test_braid_arrangement():
    rows = [[(k == i) - (k == j) for k in range(5)] for i, j in combinations(range(5), 2)]
    assert len(enumerate_regions(network((rows, [0] * 10)), UNIT).regions) == 120


# ------------------------------------------------------------------------------------------------- the two proofs


@st.composite
def systems(draw):
    n, count = draw(st.integers(1, 4)), draw(st.integers(1, 6))
    entry = st.integers(-3, 3)
    return draw(st.lists(st.tuples(*[entry] * (n + 1)), min_size=count, max_size=count))


@given(systems(), st.lists(st.integers(0, 5), min_size=6, max_size=6))
@settings(max_examples=300, deadline=None)
def test_exact_answers(rows, other):
    """A witness, or multipliers that prove that there is none; where there is a witness, no multipliers prove it."""
    point, multipliers = exact_answer(rows)
    if point is None:
        assert proves_empty(rows, multipliers)
    else:
        *U, w = point
        assert all(abs(v) < w for v in U)
        assert all(sum(a * v for a, v in zip(row, point, strict=True)) > 0 for row in rows)
        assert not proves_empty(rows, other[: len(rows)])


def test_corrupted_multipliers_prove_nothing():
    """u > 1/2 and v > 1/2 and u + v < 1 have no common point; the sum of the three, 2 u - 1 + 2 v - 1 + 2 - 2 u - 2 v,
    is 0."""
    rows = [(2, 0, -1), (0, 2, -1), (-2, -2, 2)]
    assert proves_empty(rows, [1, 1, 1])
    for place, change in product(range(3), (-2, -1, 1)):
        corrupted = [1 + change * (k == place) for k in range(3)]
        assert not proves_empty(rows, corrupted)
    assert not proves_empty(rows, [0, 0, 0])
    assert not proves_empty(rows, [-1, -1, -1])


def test_the_faces_of_the_cube_take_part():
    """u > 1 has no point in the cube, u > 9/10 has."""
    assert proves_empty([(1, 0, -1)], [1])
    assert not proves_empty([(10, 0, -9)], [1])


def test_false_witnesses():
    net = network(([[1, 0]], [0]))
    assert is_witness(net, UNIT, (1,), (Fraction(1, 2), Fraction(0)))
    assert not is_witness(net, UNIT, (0,), (Fraction(1, 2), Fraction(0)))
    assert not is_witness(net, UNIT, (1,), (Fraction(3, 2), Fraction(0)))
    # The pattern at 0 is (0,), but of a line: no proof of a region.
    assert not is_witness(net, UNIT, (0,), (Fraction(0), Fraction(0)))


@pytest.mark.parametrize(("box", "words"), [(None, "needs a box"), ((Fraction(1), Fraction(1)), "no interior")])
def test_errors(box, words):
    with pytest.raises(ValueError, match=words):
        enumerate_regions(network(([[1]], [0])), box)
