"""The vectorised splitter: against the integer counters, on every backend, and where floats alone go wrong."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verify.core.arrays import to_numpy
from verify.kit import regions, subdivision
from verify.kit.region_bounds import central, layered_bound, zaslavsky
from verify.kit.relu import Network, integer_network
from verify.kit.subdivision import count_linear_regions, count_regions, subdivide

BOX = (Fraction(-2), Fraction(3))


def draw(seed, size, inputs, widths, law, outputs=2):
    """``size`` networks; ``law`` draws an array of weights from a generator and a shape."""
    random, dims = np.random.default_rng(seed), (inputs, *widths, outputs)
    pairs = [(law(random, (size, b, a)), law(random, (size, b))) for a, b in pairwise(dims)]
    weights, biases = zip(*pairs[:-1], strict=True)
    return Network(weights, biases, pairs[-1])


LAWS = {
    "signs": lambda r, s: r.integers(-1, 2, size=s).astype(float),
    "small": lambda r, s: r.integers(-3, 4, size=s).astype(float),
    "eighths": lambda r, s: r.integers(-5, 6, size=s) / 8,  # not integers: zeros are found by exact arithmetic
    "large": lambda r, s: r.integers(-9, 10, size=s) * 1e7,  # the majorants leave what floats hold exactly
    "gaussian": lambda r, s: r.standard_normal(s),
}


def exact(network, number, box):
    """Activation and linear regions by the integer counters."""
    one = integer_network(network, number)
    found = regions.cells(one, box)
    return regions.count_activation(found), regions.count_linear(one, found)


@given(
    law=st.sampled_from(sorted(LAWS)),
    inputs=st.integers(1, 3),
    widths=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    seed=st.integers(0, 2**32 - 1),
    boxed=st.booleans(),
)
def test_counts_are_those_of_the_integer_counters(law, inputs, widths, seed, boxed):
    network, box = draw(seed, 4, inputs, widths, LAWS[law]), BOX if boxed else None
    counts = zip(count_regions(network, box), count_linear_regions(network, box), strict=True)
    assert [tuple(map(int, pair)) for pair in counts] == [exact(network, number, box) for number in range(4)]


@pytest.mark.parametrize("law", sorted(LAWS))
@pytest.mark.parametrize("box", [None, BOX])
@pytest.mark.parametrize(("inputs", "widths"), [(1, (6, 6)), (2, (7, 6)), (2, (5, 4, 4)), (3, (6, 4)), (4, (5, 3))])
def test_counts_of_larger_networks(law, box, inputs, widths):
    network = draw(7, 2, inputs, widths, LAWS[law])
    assert [int(n) for n in count_regions(network, box)] == [exact(network, i, box)[0] for i in range(2)]


@pytest.mark.parametrize("inputs", [1, 2, 3, 4, 5])
def test_one_generic_layer_has_as_many_regions_as_hyperplanes_can_cut(inputs):
    network = draw(3, 3, inputs, (6,), LAWS["gaussian"])
    assert set(map(int, count_regions(network))) == {zaslavsky(6, inputs)}
    biasless = Network(network.weights, tuple(0 * b for b in network.biases))
    assert set(map(int, count_regions(biasless))) == {central(6, inputs)}
    assert set(map(int, count_regions(biasless, (-1, 1)))) == {central(6, inputs)}


def test_every_backend_counts_alike(backend):
    for inputs, widths in ((1, (4, 3)), (2, (5, 4)), (3, (4, 3))):
        for law in ("small", "eighths", "gaussian"):
            host = draw(11, 5, inputs, widths, LAWS[law])
            there = Network(*(tuple(map(backend.asarray, part)) for part in (host.weights, host.biases, host.readout)))
            for box in (None, (-2, 3)):
                for count in (count_regions, count_linear_regions):
                    assert to_numpy(count(there, box)).tolist() == count(host, box).tolist()


def test_a_batch_is_cut_in_parts_without_a_trace(monkeypatch):
    network = draw(5, 12, 2, (4, 4), LAWS["gaussian"])
    whole = count_regions(network, BOX)
    monkeypatch.setattr(subdivision, "CELLS", 1)
    assert count_regions(network, BOX).tolist() == whole.tolist()


def test_counts_without_splitting_the_last_layer_are_those_of_the_whole_complex():
    for law in sorted(LAWS):
        network = draw(13, 20, 2, (6, 7), LAWS[law])
        assert count_regions(network, BOX).tolist() == subdivide(network, BOX).activation_regions().tolist()


def test_three_lines_through_a_point_are_not_taken_for_a_triangle():
    """0.1 + 0.1 is 0.2 in binary too, so the lines x = 0.1, y = 0.1, x + y = 0.2 meet; 0.1 + 0.2 is not 0.3."""
    for corner, third, count in (((0.1, 0.1), 0.2, 6), ((0.1, 0.2), 0.3, 7)):
        W, b = np.asarray([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]]), np.asarray([[-corner[0], -corner[1], -third]])
        assert int(count_regions(Network((W,), (b,)), (-1, 1))[0]) == count
        assert int(count_regions(Network((W,), (b,)))[0]) == count


def test_a_line_along_the_border_of_the_box_or_through_its_corner_cuts_as_it_should():
    border = Network((np.asarray([[[1.0, 0.0]]]),), (np.asarray([[-1.0]]),))
    corner = Network((np.asarray([[[1.0, 1.0]]]),), (np.asarray([[-2.0]]),))
    diagonal = Network((np.asarray([[[1.0, -1.0]]]),), (np.asarray([[0.0]]),))
    assert [int(count_regions(n, (-1, 1))[0]) for n in (border, corner, diagonal)] == [1, 1, 2]
    assert [int(count_regions(n)[0]) for n in (border, corner, diagonal)] == [2, 2, 2]


def test_a_neuron_that_is_zero_on_a_cell_does_not_divide_it():
    """rho(x), then rho(h): on x < 0 the second neuron is 0, and counts as inactive."""
    one, zero = np.asarray([[[1.0]]]), np.asarray([[0.0]])
    assert int(count_regions(Network((one, one), (zero, zero)))[0]) == 2


def test_the_whole_space_has_more_regions_than_a_box():
    """Eight planes in space: 93 cells, one of which lies beyond the box."""
    network = next(
        net
        for net in (
            draw(seed, 1, 3, (8,), lambda r, s: r.integers(-1000, 1001, size=s).astype(float)) for seed in range(99)
        )
        if int(count_regions(net, (-1000, 1000))[0]) < 93
    )
    assert int(count_regions(network)[0]) == zaslavsky(8, 3) == 93


def test_adjacent_cells_with_one_output_map_are_one_linear_region():
    """The second neuron is off wherever the first one changes: 3 activation regions and 2 linear ones."""
    W1, b1 = np.asarray([[[1.0]]]), np.asarray([[0.0]])
    W2, b2 = np.asarray([[[1.0]]]), np.asarray([[-1.0]])
    readout = np.asarray([[[1.0]]]), np.asarray([[0.0]])
    network = Network((W1, W2), (b1, b2), readout)
    assert int(count_regions(network)[0]) == 3
    assert int(count_linear_regions(network)[0]) == 2
    with pytest.raises(ValueError, match="no read-out"):
        count_linear_regions(Network((W1,), (b1,)))


@pytest.mark.parametrize("box", [(-0.05, 0.05), (-1 / 3, 1 / 3), (Fraction(-1, 3), Fraction(22, 7)), (0.1, 1e6)])
def test_the_ends_of_a_box_may_be_any_numbers(box):
    for law in sorted(LAWS):
        network = draw(23, 4, 2, (5, 4), LAWS[law])
        assert [int(n) for n in count_regions(network, box)] == [
            exact(network, i, tuple(map(Fraction, box)))[0] for i in range(4)
        ]
    three = draw(23, 2, 3, (4, 3), LAWS["gaussian"])
    assert [int(n) for n in count_regions(three, box)] == [
        exact(three, i, tuple(map(Fraction, box)))[0] for i in range(2)
    ]


def test_bad_input_is_refused():
    network = draw(1, 1, 2, (3,), LAWS["small"])
    with pytest.raises(ValueError, match="empty"):
        count_regions(network, (1, 1))
    with pytest.raises(ValueError, match="too many digits"):
        count_regions(network, (-1e-300, 1e-300))
    with pytest.raises(ValueError, match="NaN or infinite"):
        count_regions(Network((network.weights[0] * np.nan,), network.biases))


# ------------------------------------------------------------------------------- floats alone


def float_only(network, number, low, high):
    """Polygons split layer by layer in plain floats, each sign as it comes."""
    cells = [
        (
            [np.asarray(p, dtype=float) for p in ((low, low), (high, low), (high, high), (low, high))],
            np.eye(2),
            np.zeros(2),
        )
    ]
    for weights, biases in zip(network.weights, network.biases, strict=True):
        W, b, split = weights[number], biases[number], []
        for polygon, A, c in cells:
            pieces = [(polygon, [])]
            for w, t in zip(W @ A, W @ c + b, strict=True):
                halves = []
                for vertices, pattern in pieces:
                    values = [w @ v + t for v in vertices]
                    if max(values) <= 0 or min(values) >= 0:
                        halves.append((vertices, [*pattern, max(values) > 0]))
                        continue
                    for side in (1, -1):
                        part = []
                        for i, v in enumerate(vertices):
                            x, y = side * values[i - 1], side * values[i]
                            if x * y < 0:
                                part.append(vertices[i - 1] + (v - vertices[i - 1]) * (x / (x - y)))
                            if y >= 0:
                                part.append(v)
                        halves.append((part, [*pattern, side > 0]))
                pieces = halves
            split += [
                (v, np.diag(np.asarray(p, float)) @ W @ A, np.diag(np.asarray(p, float)) @ (W @ c + b))
                for v, p in pieces
            ]
        cells = split
    return len(cells)


def test_floats_alone_are_wrong_on_small_integer_weights_and_the_guarded_count_is_right():
    network = draw(17, 40, 2, (6, 6, 5), LAWS["small"])
    ours = [int(n) for n in count_regions(network, (-10, 10))]
    truth = [exact(network, i, (Fraction(-10), Fraction(10)))[0] for i in range(40)]
    naive = [float_only(network, i, -10.0, 10.0) for i in range(40)]
    assert ours == truth
    assert sum(a != b for a, b in zip(naive, truth, strict=True)) >= 5
    generic = draw(17, 4, 2, (6, 6, 5), LAWS["gaussian"])
    assert [float_only(generic, i, -10.0, 10.0) for i in range(4)] == [
        int(n) for n in count_regions(generic, (-10, 10))
    ]


def test_signs_that_floats_leave_open_are_found_in_integers():
    """Eighths are no integers, so every vertex on a hyperplane goes to exact arithmetic; the counts do not change when
    all weights are multiplied by 8, which needs none."""
    eighths = draw(19, 10, 2, (5, 4), LAWS["eighths"])
    found = subdivide(eighths, (-2, 3))
    assert found._exact
    scaled = Network(
        tuple(8 * W for W in eighths.weights), tuple(8 ** (i + 1) * b for i, b in enumerate(eighths.biases)), None
    )
    whole = subdivide(scaled, (-2, 3))
    assert not whole._exact
    assert found.activation_regions().tolist() == whole.activation_regions().tolist()


@pytest.mark.slow
@settings(max_examples=3000)
@given(seed=st.integers(0, 2**32 - 1), law=st.sampled_from(sorted(LAWS)), inputs=st.integers(1, 3))
def test_counts_never_exceed_the_bound(seed, law, inputs):
    network = draw(seed, 16, inputs, (4, 3, 4), LAWS[law])
    assert max(map(int, count_regions(network))) <= layered_bound(inputs, (4, 3, 4))
