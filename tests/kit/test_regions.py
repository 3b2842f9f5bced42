"""The three splittings agree, tile the space, and give the counts of networks that can be counted by hand."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import combinations, pairwise, product
from math import factorial, prod
from random import Random

import pytest
from flint import fmpz_mat
from hypothesis import given, settings
from hypothesis import strategies as st

from verify.kit.region_bounds import layered_bound, zaslavsky
from verify.kit.regions import (
    affine_forms,
    box_vertices,
    cells,
    count_activation,
    count_linear,
    interval_cells,
    polygon_cells,
    polytope_cells,
)
from verify.kit.relu import IntegerNetwork

UNIT = (Fraction(-1), Fraction(1))
BOXES = (None, UNIT, (Fraction(-7, 2), Fraction(10, 3)))


def network(*layers, readout=None) -> IntegerNetwork:
    """A network of layers (W, b) in integers."""
    pairs = [(tuple(map(tuple, W)), tuple(b)) for W, b in [*layers, *([readout] if readout else [])]]
    weights, biases = zip(*pairs[: len(layers)], strict=True)
    return IntegerNetwork(weights, biases, pairs[-1] if readout else None, (1,) * len(pairs))


def random_network(rng: Random, inputs: int, widths, size: int) -> IntegerNetwork:
    columns = (inputs, *widths)
    rows = [
        ([[rng.randint(-size, size) for _ in range(m)] for _ in range(n)], [rng.randint(-size, size) for _ in range(n)])
        for m, n in [*pairwise(columns), (columns[-1], 1)]
    ]
    return network(*rows[:-1], readout=rows[-1])


few = st.integers(1, 3)


@st.composite
def networks(draw, inputs=few):
    widths = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    size = draw(st.sampled_from([1, 1, 3, 20]))
    return random_network(Random(draw(st.integers(0, 2**32 - 1))), draw(inputs), widths, size)


boxes = st.sampled_from(BOXES)


def as_sets(found):
    return Counter((cell.pattern, frozenset(cell.vertices)) for cell in found)


# ------------------------------------------------------------------------------------------------ the cells themselves


def facets(points, inputs):
    """The vertex sets of the facets of a cell, by trying every hyperplane through n_0 of its vertices."""
    found = set()
    for chosen in combinations(points, inputs):
        minors = [fmpz_mat([[*row[:j], *row[j + 1 :]] for row in chosen]).det() for j in range(inputs + 1)]
        normal = [(-1) ** j * minor for j, minor in enumerate(minors)]
        values = [sum(a * v for a, v in zip(normal, point, strict=True)) for point in points]
        if any(values) and (min(values) >= 0 or max(values) <= 0):
            found.add(frozenset(point for point, value in zip(points, values, strict=True) if not value))
    return found


def simplices(points, sides, dimension):
    """A triangulation: the cones from one vertex over the simplices of the facets that do not hold it."""
    if len(points) == dimension + 1:
        return [points]
    apex = min(points)
    found = []
    for side in sides:
        if apex not in side:
            ridges = [side & other for other in sides if other != side]
            ridges = [a for a in ridges if not any(a < b for b in ridges)]
            found += [part | {apex} for part in simplices(side, set(ridges), dimension - 1)]
    return found


def volume(points, inputs):
    total = Fraction(0)
    for part in simplices(frozenset(points), facets(points, inputs), inputs):
        determinant = fmpz_mat([list(p) for p in part]).det()
        total += Fraction(abs(int(determinant)), prod(p[-1] for p in part) * factorial(inputs))
    return total


@given(networks(), boxes)
@settings(max_examples=120, deadline=None)
def test_the_cells_tile_the_domain(net, box):
    """Each cell has the pattern of a point inside it; inside the domain each facet belongs to exactly two cells, so
    that no facet is a part of another; in a box the volumes add up."""
    found = cells(net, box)
    n = net.inputs
    for cell in found:
        *X, w = map(sum, zip(*cell.vertices, strict=True))
        assert cell.pattern == net.pattern([Fraction(v, w) for v in X])
    shared = Counter(side for cell in found for side in facets(cell.vertices, n))
    for side, number in shared.items():
        if box is None:
            outside = all(p[-1] == 0 for p in side)
        else:
            outside = any(len({Fraction(p[j], p[-1]) for p in side} | {end}) == 1 for j in range(n) for end in box)
        assert number == (1 if outside else 2)
    if box is not None:
        assert sum(volume(cell.vertices, n) for cell in found) == (box[1] - box[0]) ** n


@given(networks(inputs=st.just(1)), boxes)
@settings(max_examples=150, deadline=None)
def test_intervals_agree_with_polytopes(net, box):
    """And they are ordered; the linear regions are the changes of the output map along the line, plus 1."""
    found = interval_cells(net, box)
    assert as_sets(found) == as_sets(polytope_cells(net, box))
    assert all(a.vertices[1] == b.vertices[0] for a, b in pairwise(found))
    forms = affine_forms(net)
    changes = sum(forms(a.pattern) != forms(b.pattern) for a, b in pairwise(found))
    assert count_linear(net, found) == changes + 1


@given(networks(inputs=st.just(2)), boxes)
@settings(max_examples=200, deadline=None)
def test_polygons_agree_with_polytopes(net, box):
    """And their vertices turn to the left."""
    found = polygon_cells(net, box)
    assert as_sets(found) == as_sets(polytope_cells(net, box))
    for cell in found:
        v = cell.vertices
        for i in range(len(v)):
            assert fmpz_mat([list(v[i - 2]), list(v[i - 1]), list(v[i])]).det() > 0


@given(networks(), boxes)
@settings(max_examples=200, deadline=None)
def test_counts_are_in_order(net, box):
    found = cells(net, box)
    assert 1 <= count_linear(net, found) <= count_activation(found) <= layered_bound(net.inputs, net.widths)
    if box is not None:
        assert count_activation(found) == len(found) <= count_activation(cells(net))


# ------------------------------------------------------------------------------------------------------- known counts


@pytest.mark.parametrize(("inputs", "n"), [(1, 9), (2, 12), (3, 8), (4, 6), (5, 6)])
def test_hyperplanes_in_general_position(inputs, n):
    net = random_network(Random(1), inputs, [n], 10**6)
    assert count_activation(cells(net)) == zaslavsky(n, inputs)


def test_a_box_has_fewer_cells_than_the_space():
    """Eight planes in general position: one cell of the 93 is outside a cube of side 2000."""
    net = random_network(Random(12), 3, [8], 1000)
    far = (Fraction(-(10**9)), Fraction(10**9))
    near = (Fraction(-1000), Fraction(1000))
    assert [count_activation(cells(net, box)) for box in (None, far, near)] == [93, 93, 92]


@pytest.mark.parametrize("box", [None, UNIT])
@pytest.mark.parametrize(("n", "expected"), [(2, 2), (3, 6), (4, 24)])
def test_braid_arrangement(n, expected, box):
    """The hyperplanes x_i = x_j: one region for each order of the coordinates."""
    rows = [[(k == i) - (k == j) for k in range(n)] for i, j in combinations(range(n), 2)]
    assert count_activation(cells(network((rows, [0] * len(rows))), box)) == expected


@pytest.mark.parametrize("box", [None, UNIT])
def test_one_input_without_biases(box):
    rng = Random(3)
    widths = (1, 5, 5, 5)
    layers = [([[rng.randint(-9, 9) for _ in range(m)] for _ in range(n)], [0] * n) for m, n in pairwise(widths)]
    assert count_activation(cells(network(*layers), box)) == 2


@pytest.mark.parametrize("inputs", [1, 2, 3])
def test_layers_of_width_one(inputs):
    """One hyperplane per layer: L + 1 regions, here x_1 cut at 0, 1, 2, 3."""
    layers = [([[1] + [0] * (inputs - 1)], [0]), *[([[1]], [-1])] * 3]
    assert count_activation(cells(network(*layers))) == 5


def test_a_neuron_that_is_zero_on_a_cell_cuts_nothing():
    """rho(x), then rho(h): the second pre-activation is identically 0 for x < 0, and counts as inactive."""
    found = cells(network(([[1]], [0]), ([[1]], [0])), UNIT)
    assert [cell.pattern for cell in found] == [(0, 0), (1, 1)]


def test_a_neuron_that_touches_a_cell_cuts_nothing():
    """x + y >= 0 on the quadrant and 0 only at its corner."""
    quadrants = network(([[1, 0], [0, 1]], [0, 0]), ([[1, 1]], [0]))
    assert count_activation(cells(quadrants, UNIT)) == 4
    assert count_activation(cells(quadrants)) == 4


def test_diagonals_of_a_face_are_not_edges():
    """The hyperplanes x + y = 0, x = 0, y = 0 share a square of the cell x, y > 0; its diagonals, which lie on all
    three, have no vertex where z + w = 0 cuts them."""
    found = cells(network(([[1, 1, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1]], [0] * 4)), UNIT)
    (cell,) = (cell for cell in found if cell.pattern == (1, 1, 1, 1))
    square, triangle = product((0, 1), repeat=2), [(1, 1), (1, -1), (-1, 1)]
    assert set(cell.vertices) == {(*p, *q, 1) for p, q in product(square, triangle)}
    assert len(cell.vertices) == 12


def test_repeated_and_parallel_hyperplanes():
    net = network(([[1, 0], [2, 0], [-3, 0], [1, 0], [0, 0], [0, 0]], [0, 0, 0, 5, 1, -1]))
    assert count_activation(cells(net)) == 3
    assert count_activation(cells(net, UNIT)) == 2


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 3, 10]))
@settings(max_examples=100, deadline=None)
def test_two_layers_of_width_two_have_at_most_seven_pieces(seed, size):
    assert count_activation(cells(random_network(Random(seed), 1, [2, 2], size))) <= 7


def test_two_layers_of_width_two_reach_seven_pieces():
    """Breaks at -2 and 2 in the first layer, at -3, -1, 1, 3 in the second."""
    net = network(([[1], [-1]], [2, 2]), ([[2, 1], [1, 2]], [-5, -5]), readout=([[3, -2]], [0]))
    found = cells(net)
    breaks = {x for cell in found for x, w in cell.vertices if w}
    assert breaks == {0, -3, -2, -1, 1, 2, 3}  # the origin is where the two half-lines meet
    assert count_activation(found) == count_linear(net, found) == 7


# ------------------------------------------------------------------------------------------------------ linear regions


@pytest.mark.parametrize("box", BOXES)
def test_pieces_of_one_affine_map_are_joined(box):
    identity = network(([[1, 0], [-1, 0], [0, 1], [0, -1]], [0] * 4), readout=([[1, -1, 0, 0], [0, 0, 1, -1]], [0, 0]))
    found = cells(identity, box)
    assert (count_activation(found), count_linear(identity, found)) == (4, 1)


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize(("method", "more"), [(polygon_cells, 0), (polytope_cells, 0), (polytope_cells, 2)])
def test_pieces_without_a_common_facet_are_not_joined(method, more, box):
    """max(0, min(x, y)) + max(0, min(-x, -y)) is 0 on two opposite quadrants, and has two pieces on each other one.
    With two more inputs the quadrants share a square, whose four vertices are as many as a facet needs."""
    net = network(
        ([[*row, *[0] * more] for row in ([1, 0], [-1, 0], [1, -1], [-1, 1])], [0] * 4),
        ([[1, -1, -1, 0], [-1, 1, 0, -1]], [0, 0]),
        readout=([[1, 1]], [0]),
    )
    found = method(net, box)
    assert count_linear(net, found) == 6


@given(networks(), boxes)
@settings(max_examples=50, deadline=None)
def test_a_constant_output_has_one_linear_region(net, box):
    constant = IntegerNetwork(net.weights, net.biases, (((0,) * net.widths[-1],), (1,)), net.scales)
    assert count_linear(constant, cells(constant, box)) == 1


# -------------------------------------------------------------------------------------------------------------- errors


def test_errors():
    net = network(([[1, 2]], [3]))
    with pytest.raises(ValueError, match="read-out"):
        count_linear(net, cells(net))
    with pytest.raises(ValueError, match="one input"):
        interval_cells(net)
    with pytest.raises(ValueError, match="two inputs"):
        polygon_cells(network(([[1]], [3])))
    with pytest.raises(ValueError, match="no interior"):
        box_vertices((Fraction(1), Fraction(1)), 2)
