"""Jacobians against differences, suprema against exact rational breakpoints, all patterns, and samples."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import pytest

from tests.kit.test_margins import KINDS, degenerate, forms, he, least_distance, network
from verify.core.arrays import to_numpy
from verify.kit.jacobians import (
    breakpoints,
    jacobians,
    norm_products,
    norms,
    sup_on_balls,
    sup_on_segments,
)
from verify.kit.relu import Network


def moved(net: Network, backend) -> Network:
    pairs = [(backend.asarray(W), backend.asarray(b)) for W, b in zip(net.weights, net.biases, strict=True)]
    V, c = net.readout
    return Network(tuple(W for W, _ in pairs), tuple(b for _, b in pairs), (backend.asarray(V), backend.asarray(c)))


def largest(J, y) -> list[float]:
    """The three norms of Jacobians (n, C, d), their maxima."""
    pair = max(np.linalg.norm(M[y] - row) for M in J for row in M)
    return [max(np.linalg.norm(M, 2) for M in J), max(np.linalg.norm(M) for M in J), pair]


def exact_pieces(net: Network, start, end) -> list[tuple[int, ...]]:
    """The patterns of the pieces of one segment, breakpoints and signs in rationals."""
    layers = [(net.weights[i][0].tolist(), net.biases[i][0].tolist()) for i in range(len(net.weights))]
    start, end = [Fraction(float(v)) for v in start], [Fraction(float(v)) for v in end]

    def values(t: Fraction, depth: int) -> list[list[Fraction]]:
        h, found = [a + t * (b - a) for a, b in zip(start, end, strict=True)], []
        for W, bias in layers[: depth + 1]:
            rows = zip(W, bias, strict=True)
            z = [sum(Fraction(w) * v for w, v in zip(row, h, strict=True)) + Fraction(c) for row, c in rows]
            found.append(z)
            h = [max(v, Fraction(0)) for v in z]
        return found

    t = [Fraction(0), Fraction(1)]
    for depth in range(len(layers)):
        new = set(t)
        for a, b in pairwise(t):
            for p, q in zip(values(a, depth)[-1], values(b, depth)[-1], strict=True):
                if p * q < 0:
                    new.add(a + (b - a) * p / (p - q))
        t = sorted(new)
    return [tuple(int(v > 0) for layer in values((a + b) / 2, len(layers)) for v in layer) for a, b in pairwise(t)]


@pytest.mark.parametrize("sizes", [(2, 5, 3), (4, 6, 5, 2), (3, 4, 4, 4, 4)])
def test_jacobians_are_derivatives(backend, sizes):
    rng = np.random.default_rng(0)
    net, x = he(rng, 3, sizes, 0.3), rng.standard_normal((3, 5, sizes[0]))
    J = to_numpy(jacobians(moved(net, backend), backend.asarray(x)))
    assert J.shape == (3, 5, sizes[-1], sizes[0])
    h = 1e-7
    for i in range(sizes[0]):
        e = h * np.eye(sizes[0])[i]
        assert np.allclose((net.outputs(x + e) - net.outputs(x - e)) / (2 * h), J[..., i], atol=1e-6)


def test_a_network_without_readout_has_no_jacobian():
    net = Network((np.ones((1, 2, 2)),), (np.zeros((1, 2)),))
    with pytest.raises(ValueError, match="read-out"):
        jacobians(net, np.zeros((1, 1, 2)))


def test_norms_of_one_matrix():
    J = np.asarray([[[3.0, 0.0], [0.0, 4.0], [0.0, 0.0]]])
    spectral, frobenius, pair = norms(J, np.asarray([0]))
    assert spectral[0] == pytest.approx(4, rel=1e-15)
    assert frobenius[0] == pytest.approx(5, rel=1e-15)
    assert pair[0] == pytest.approx(5, rel=1e-15)


def test_norm_products(backend):
    net = network(([[2.0, 0.0], [0.0, 1.0]], [0, 0]), ([[3.0, 4.0], [0.0, 0.0]], [0, 0]))
    spectral, frobenius = norm_products(moved(net, backend))
    for found, value in ((spectral, 10.0), (frobenius, np.sqrt(5) * 5)):
        low, high = float(to_numpy(found.lower)[0]), float(to_numpy(found.upper)[0])
        assert low < value < high
        assert high - low < 1e-12


def test_segment_through_one_kink():
    """f_1 = relu(5x + 1) - relu(5x - 1) - 1: flat but between -1/5 and 1/5."""
    net = network(([[5.0], [5.0]], [1.0, -1.0]), ([[1.0, -1.0], [0.0, 0.0]], [-1.0, 0.0]))
    start, end = np.asarray([[[2.0], [2.0], [2.0]]]), np.asarray([[[0.25], [0.1], [-2.0]]])
    found = sup_on_segments(net, start, end, np.zeros((1, 3), dtype=int))
    for values in (found.spectral, found.frobenius, found.pair):
        assert values[0].tolist() == pytest.approx([0.0, 5.0, 5.0])
    assert found.regions.tolist() == [[1, 2, 3]]
    assert breakpoints(net, start, end)[0, 2].tolist() == pytest.approx([0, 0.45, 0.55, 1.0])


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_segment_inside_a_kink_takes_both_sides(sign):
    """f = (relu(+-x_1), 0) along x_1 = 0: J is 0 or (+-1, 0)."""
    net = network(([[sign, 0.0], [0.0, 1.0]], [0.0, 0.0]), ([[1.0, 0.0], [0.0, 0.0]], [0.0, 0.0]))
    start, end = np.asarray([[[0.0, 1.0]]]), np.asarray([[[0.0, 2.0]]])
    found = sup_on_segments(net, start, end, np.zeros((1, 1), dtype=int))
    assert found.spectral[0, 0] == 1.0
    assert bool(found.complete[0, 0])


def test_dead_layers_are_no_kinks():
    """A dead layer makes all that follows 0 on a whole piece, which is no kink of the network."""
    net = network((-np.eye(2), [0, 0]), (np.ones((20, 2)), np.zeros(20)), (np.ones((2, 20)), [0, 0]))
    found = sup_on_segments(net, np.asarray([[[1.0, 2.0]]]), np.asarray([[[2.0, 1.0]]]), np.zeros((1, 1), dtype=int))
    assert bool(found.complete[0, 0])
    assert found.spectral[0, 0] == 0.0
    assert found.regions[0, 0] == 1


def test_too_many_kinks_are_said():
    net = network((np.ones((13, 2)) * [[1.0, 0.0]], np.zeros(13)), (np.ones((2, 13)), [0, 0]))
    found = sup_on_segments(net, np.asarray([[[0.0, 1.0]]]), np.asarray([[[0.0, 2.0]]]), np.zeros((1, 1), dtype=int))
    assert not bool(found.complete[0, 0])
    assert np.isinf(found.spectral[0, 0])


@pytest.mark.parametrize("kind", KINDS)
def test_segments_in_rationals(kind):
    """Never below the exact pieces, and equal to them where no kink is run along."""
    rng = np.random.default_rng(2)
    for sizes in ((2, 4, 3), (3, 5, 4, 2), (2, 3, 3, 3, 2)):
        net = degenerate(rng, kind, 1, sizes)
        start, end = rng.integers(-8, 9, (2, 1, 4, sizes[0])) / 4
        y = rng.integers(0, sizes[-1], (1, 4))
        found = sup_on_segments(net, start, end, y)
        for s in range(4):
            pieces = exact_pieces(net, start[0, s], end[0, s])
            J = [forms(net, 0, pattern)[1][:, :-1] for pattern in pieces]
            expected = largest(J, y[0, s])
            got = [float(a[0, s]) for a in (found.spectral, found.frobenius, found.pair)]
            assert all(g >= e * (1 - 1e-12) for g, e in zip(got, expected, strict=True))
            if kind in ("generic", "no biases", "dead", "duplicated") and np.any(start[0, s] != end[0, s]):
                assert got == pytest.approx(expected, rel=1e-12, abs=1e-14)


def test_segments_never_below_samples(backend):
    rng = np.random.default_rng(3)
    net = he(rng, 4, (5, 12, 12, 12, 3), 0.3)
    start, end = rng.standard_normal((2, 4, 6, 5))
    y = rng.integers(0, 3, (4, 6))
    found = sup_on_segments(moved(net, backend), backend.asarray(start), backend.asarray(end), backend.asarray(y))
    t = np.linspace(0, 1, 1001)
    sampled = norms(jacobians(net, (start[:, :, None] + t[:, None] * (end - start)[:, :, None]).reshape(4, -1, 5)),
                    np.repeat(y, len(t), axis=1))  # fmt: skip
    for got, values in zip((found.spectral, found.frobenius, found.pair), sampled, strict=True):
        top = values.reshape(4, 6, -1).max(axis=-1)
        assert np.all(to_numpy(got) >= top * (1 - 1e-12))
        assert np.mean(to_numpy(got) <= top * (1 + 1e-12)) > 0.8  # few pieces are shorter than a thousandth


def test_ball_by_hand():
    net = network(([[5.0], [5.0]], [1.0, -1.0]), ([[1.0, -1.0], [0.0, 0.0]], [-1.0, 0.0]))
    x = np.asarray([[[2.0], [2.0], [2.0], [0.0]]])
    radius = np.asarray([[1.7999, 1.8, 4.0, 0.0]])
    found = sup_on_balls(net, x, radius, np.zeros((1, 4), dtype=int))
    assert found.spectral[0].tolist() == pytest.approx([0.0, 5.0, 5.0, 5.0])
    assert found.regions[0].tolist() == [1, 2, 3, 1]
    with pytest.raises(ValueError, match="radius"):
        sup_on_balls(net, x, np.full((1, 4), np.inf), np.zeros((1, 4), dtype=int))


@pytest.mark.parametrize("kind", KINDS)
def test_balls_by_all_patterns(kind):
    rng = np.random.default_rng(6)
    for sizes in ((2, 5, 3), (3, 3, 3, 2)):
        net = degenerate(rng, kind, 2, sizes)
        x, radius = rng.standard_normal((2, 1, sizes[0])), np.full((2, 1), 0.9)
        y = np.zeros((2, 1), dtype=int)
        found = sup_on_balls(net, x, radius, y)
        assert np.all(found.complete)
        for b in range(2):
            near = []
            for pattern in product((0, 1), repeat=net.neurons):
                hidden, out = forms(net, b, pattern)
                region = np.where(np.asarray(pattern) > 0, 1.0, -1.0)[:, None] * hidden
                size = np.linalg.norm(region[:, :-1], axis=1)
                values = region[:, :-1] @ x[b, 0] + region[:, -1]
                flat = size < 1e-12
                if np.any(values[flat] < -1e-9):
                    continue
                G, h = region[~flat, :-1] / size[~flat, None], -values[~flat] / size[~flat]
                if np.all(h <= 1e-12) or least_distance(G, h) <= 0.9:
                    near.append(out[:, :-1])
            got = [float(a[b, 0]) for a in (found.spectral, found.frobenius, found.pair)]
            assert got == pytest.approx(largest(near, 0), rel=1e-9, abs=1e-12)


def test_balls_never_below_samples():
    rng = np.random.default_rng(7)
    net, x = he(rng, 5, (3, 8, 8, 3), 0.3), rng.standard_normal((5, 1, 3))
    y = np.zeros((5, 1), dtype=int)
    found = sup_on_balls(net, x, np.full((5, 1), 0.5), y)
    u = rng.standard_normal((5, 20_000, 3))
    z = x + 0.5 * u / np.linalg.norm(u, axis=-1, keepdims=True) * rng.random((5, 20_000, 1))
    sampled = norms(jacobians(net, z), np.zeros((5, 20_000), dtype=int))
    for got, values in zip((found.spectral, found.frobenius, found.pair), sampled, strict=True):
        assert np.all(got[:, 0] >= values.max(axis=1) * (1 - 1e-12))


def test_a_ball_over_budget_has_no_finite_sup():
    rng = np.random.default_rng(7)
    net, x = he(rng, 1, (3, 8, 8, 3), 0.3), rng.standard_normal((1, 1, 3))
    found = sup_on_balls(net, x, np.full((1, 1), 50.0), np.zeros((1, 1), dtype=int), budget=5)
    assert not bool(found.complete[0, 0])
    assert np.isinf(found.spectral[0, 0])
