"""Random networks: closed forms, exact rationals, quadrature, and arrangements made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from verify.core.arrays import backend, to_numpy
from verify.core.streams import Draw
from verify.kit.random_networks import (
    crofton,
    he_network,
    integrals_reference,
    kac_rice,
    meeting_probability,
    pieces,
    regions_in_ball,
    regions_in_ball_reference,
)
from verify.kit.regions import cells
from verify.kit.relu import Network, integer_network


def draw(size: int, name: str = "numpy") -> Draw:
    return Draw(backend(name), 0, 7, 0, size)


def network(inputs: int, widths: tuple[int, ...], size: int, sigma: float = 0.5, signs: bool = False) -> Network:
    return he_network(draw(size), inputs, widths, np.full(size, sigma), signs)


def one(net: Network, i: int) -> Network:
    return Network(tuple(W[i : i + 1] for W in net.weights), tuple(b[i : i + 1] for b in net.biases))


def test_the_weights_have_variance_two_over_fan_in():
    net = network(3, (40, 50), 100, sigma=0.7)
    assert net.widths == (40, 50)
    for W, b in zip(net.weights, net.biases, strict=True):
        assert W.var() * W.shape[-1] == pytest.approx(2, rel=0.05)
        assert b.std() == pytest.approx(0.7, rel=0.05)


def test_weights_that_are_signs_have_one_size():
    net = network(1, (4, 5), 10, signs=True)
    assert np.abs(net.weights[0]) == pytest.approx(math.sqrt(2))
    assert np.abs(net.weights[1]) == pytest.approx(math.sqrt(1 / 2))
    assert {-1, 1} == set(np.sign(net.weights[1]).ravel())


@pytest.mark.parametrize("reach", [0.1, 1.0, 7.0])
def test_meeting_probabilities_in_closed_form(reach):
    q = math.sqrt(1 + reach**2)
    closed = {
        (1, 1): 2 / math.pi * math.atan(reach),
        (2, 1): reach / q,
        (2, 2): 1 - 1 / q,
        (3, 2): 1 - 1 / q**2,
        (1, 2): 0,
        (2, 3): 0,
    }
    for (d, k), value in closed.items():
        assert meeting_probability(d, k, np.asarray([reach]))[0] == pytest.approx(value, abs=1e-14)


def test_everything_meets_in_the_whole_space():
    for d in (1, 2, 3):
        for k in range(1, d + 1):
            assert meeting_probability(d, k, np.asarray([math.inf]))[0] == 1
    with pytest.raises(ValueError, match="k >= 1"):
        meeting_probability(2, 0, np.asarray([1.0]))


@pytest.mark.parametrize(("radius", "count"), [(0.5, 1), (0.999, 1), (1.001, 4), (1.999, 4), (2.001, 7)])
def test_the_lines_of_a_triangle(radius, count):
    """Three lines at the distance 1 from 0, whose intersections are at the distance 2."""
    angles = 2 * np.pi * np.arange(3) / 3
    W, b = np.stack([np.cos(angles), np.sin(angles)], axis=-1)[None], np.full((1, 3), -1.0)
    assert regions_in_ball(W, b, radius)[0] == count == regions_in_ball_reference(W[0], b[0], radius)


def test_coordinate_planes_and_fewer_hyperplanes_than_dimensions():
    assert regions_in_ball(np.eye(3)[None], np.zeros((1, 3)), 1.0)[0] == 8
    assert regions_in_ball(np.eye(3)[None, :2], np.zeros((1, 2)), 1.0)[0] == 4
    assert regions_in_ball(np.eye(3)[None, :1], np.full((1, 1), 2.0), 1.0)[0] == 1


@pytest.mark.parametrize(("inputs", "n"), [(1, 6), (2, 8), (3, 6)])
def test_regions_in_a_ball_against_exact_rationals(inputs, n):
    net = network(inputs, (n,), 8)
    for radius in (0.25, 1.0, math.inf):
        found = regions_in_ball(net.weights[0], net.biases[0], radius)
        for i in range(8):
            assert found[i] == regions_in_ball_reference(net.weights[0][i], net.biases[0][i], radius)
    assert len(set(regions_in_ball(net.weights[0], net.biases[0], math.inf))) == 1


def test_pieces_of_a_network_made_by_hand():
    """rho(x), rho(-x), then rho(|x| - 1/2): breakpoints 0 of layer 1; layer 2 is given with both ends."""
    net = Network(
        (np.asarray([[[1.0], [-1.0]]]), np.asarray([[[1.0, 1.0]]]), np.asarray([[[1.0]]])),
        (np.zeros((1, 2)), np.asarray([[-0.5]]), np.zeros((1, 1))),
    )
    found = [(x[0].tolist(), h[0].tolist()) for x, h in pieces(net, -2.0, 1.0)]
    assert found[0] == ([-2.0, 1.0], [[-2.0], [1.0]])
    assert found[1] == ([-2.0, 0.0, 0.0, 1.0], [[0.0, 2.0], [0.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    x, h = found[2]
    assert sorted(set(x)) == [-2.0, -0.5, 0.0, 0.5, 1.0]
    assert [max(abs(v) - 0.5, 0) for v in x] == [row[0] for row in h]


@pytest.mark.parametrize("signs", [False, True])
def test_pieces_end_where_the_exact_ones_do(signs):
    net = network(1, (5, 4, 6), 10, signs=signs)
    last = Network((*net.weights, np.ones((10, 1, 6))), (*net.biases, np.full((10, 1), 1e9)))
    *_, (x, h) = pieces(last, -1.0, 1.0)
    assert h.shape == (10, x.shape[1], 6)
    for i in range(10):
        exact = [float(v[0]) / float(v[1]) for cell in cells(integer_network(net, i), (-1, 1)) for v in cell.vertices]
        found = x[i][: 1 + np.sum(x[i] < 1)]
        assert found == pytest.approx(sorted(set(exact)), abs=1e-12)


def test_one_neuron():
    """w = 1 on [-1, 1], sigma = 1/2: P(|b| < 1), and the angle between (-sqrt 2, 1/2) and (sqrt 2, 1/2)."""
    net, sigma = Network((np.ones((1, 1, 1)),), (np.full((1, 1), 0.3),)), np.asarray([0.5])
    assert kac_rice(net, -1.0, 1.0, sigma)[0] == pytest.approx(math.erf(math.sqrt(2)))
    assert crofton(net, -1.0, 1.0, sigma)[0] == pytest.approx(2 / math.pi * math.atan(2 * math.sqrt(2)))


@pytest.mark.parametrize(("widths", "signs"), [((12,), False), ((8, 8, 8), False), ((6, 6), True), ((2, 2, 2), True)])
def test_integrals_against_quadrature(widths, signs):
    net = network(1, widths, 6, signs=signs)
    sigma = np.full(6, 0.5)
    ours = np.stack([kac_rice(net, -1.0, 1.0, sigma), crofton(net, -1.0, 1.0, sigma)], axis=-1)
    for i in range(6):
        assert ours[i] == pytest.approx(integrals_reference(one(net, i), -1.0, 1.0, 0.5, 40_000), abs=2e-3)


def test_each_network_has_its_own_sigma():
    net = network(1, (5, 5), 4)
    sigma = np.asarray([0.1, 0.5, 1.0, 5.0])
    for integral in (kac_rice, crofton):
        together = integral(net, -1.0, 1.0, sigma)
        alone = [integral(one(net, i), -1.0, 1.0, sigma[i : i + 1])[0] for i in range(4)]
        assert together == pytest.approx(alone, rel=1e-13)


def test_the_strict_library_finds_the_same():
    host, strict = (he_network(draw(4, name), 1, (5, 4), draw(4, name).full(0.5)) for name in ("numpy", "strict"))
    sigmas = draw(4).full(0.5), draw(4, "strict").full(0.5)
    for integral in (kac_rice, crofton):
        ours, theirs = (integral(net, -1.0, 1.0, s) for net, s in zip((host, strict), sigmas, strict=True))
        assert to_numpy(theirs) == pytest.approx(ours, rel=1e-12)
    theirs = regions_in_ball(strict.weights[0], strict.biases[0], 1.0)
    assert (to_numpy(theirs) == regions_in_ball(host.weights[0], host.biases[0], 1.0)).all()
