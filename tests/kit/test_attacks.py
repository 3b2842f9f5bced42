"""Attacks: witnesses that are misclassified, never nearer than the exact margin."""

from __future__ import annotations

import numpy as np
import pytest

from tests.kit.test_jacobians import moved
from tests.kit.test_margins import KINDS, degenerate, he, linear
from verify.core.arrays import to_numpy
from verify.kit import attacks
from verify.kit.margins import input_margins


def test_margins_by_hand(backend):
    net = moved(linear([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]], [0.0, 0.0, 0.5]), backend)
    x = backend.asarray([[[2.0, 1.0]]])
    y = attacks.predicted(net, x)
    assert to_numpy(y).tolist() == [[0]]
    assert to_numpy(attacks.class_margins(net, x, y)).tolist() == [[[np.inf, 1.0, 3.5]]]
    assert to_numpy(attacks.smallest_margin(net, x, y)).tolist() == [[1.0]]
    assert to_numpy(attacks.margin_gradients(net, x, y)).tolist() == [[[[0, 0], [1, -1], [2, 0]]]]


def test_fgsm_is_one_step_in_the_maximum_norm(backend):
    net = moved(linear([[1.0, 2.0], [0.0, 0.0]], [0.0, 0.0]), backend)
    x = backend.asarray([[[1.0, 1.0]]])
    y = attacks.predicted(net, x)
    for radius, wrong in ((0.99, False), (1.01, True)):
        z = attacks.fgsm(net, x, y, backend.asarray([[radius]]))
        assert to_numpy(z)[0, 0].tolist() == pytest.approx([1 - radius, 1 - radius])
        assert bool(to_numpy(attacks.smallest_margin(net, z, y))[0, 0] <= 0) == wrong


def test_deepfool_is_exact_for_a_linear_classifier(backend):
    net = moved(linear([[1.0, 2.0], [-1.0, 0.5], [0.0, -3.0]], [0.1, 0.2, -0.3]), backend)
    x = backend.asarray([[[1.0, 0.5]]])
    found = attacks.deepfool(net, x, attacks.predicted(net, x))
    exact = float(to_numpy(input_margins(net, x).upper)[0, 0])
    assert float(to_numpy(found.distance)[0, 0]) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("slack", [0.0, 1e-3])
def test_never_nearer_than_the_margin(kind, slack):
    rng = np.random.default_rng(9)
    close = []
    for sizes in ((2, 6, 5, 3), (4, 5, 2)):
        net, x = degenerate(rng, kind, 10, sizes), rng.standard_normal((10, 2, sizes[0]))
        y = attacks.predicted(net, x)
        exact = input_margins(net, x, y, slack=slack)
        directions = rng.standard_normal((10, 4, 2, sizes[0]))
        found = [
            attacks.deepfool(net, x, y, slack=slack),
            attacks.multi_start(net, x, y, x[:, None] + directions, slack=slack),
            attacks.along(net, x, y, directions, np.asarray([0.1, 0.3, 1.0, 3.0]), slack),
        ]
        for attack in found:
            some = np.isfinite(attack.distance)
            assert np.all(attack.distance >= exact.lower)
            assert np.all(attacks.smallest_margin(net, attack.witness, y)[some] <= -slack)
            distance = np.linalg.norm(attack.witness - x, axis=-1)
            assert np.allclose(distance[some], attack.distance[some], rtol=1e-14, atol=0)
            assert np.all(attack.witness[~some] == x[~some])
        assert np.all(found[1].distance <= found[0].distance)
        some = np.isfinite(found[1].distance) & (exact.upper > 0)
        close += (found[1].distance[some] / exact.upper[some]).tolist()
    assert np.median(close) < 1.2


def test_no_boundary_is_not_found():
    net = linear([[1.0, 0.0], [1.0, 0.0]], [1.0, 0.0])
    x = np.asarray([[[0.0, 0.0]]])
    y = attacks.predicted(net, x)
    assert np.isinf(attacks.deepfool(net, x, y).distance[0, 0])
    assert np.isinf(attacks.multi_start(net, x, y, np.ones((1, 2, 1, 2))).distance[0, 0])


def test_attacks_on_the_strict_device(backend):
    rng = np.random.default_rng(10)
    net, x = he(rng, 3, (3, 5, 4, 3), 0.3), rng.standard_normal((3, 2, 3))
    directions = rng.standard_normal((3, 2, 2, 3))
    there, z, u = moved(net, backend), backend.asarray(x), backend.asarray(directions)
    y, labels = attacks.predicted(there, z), attacks.predicted(net, x)
    lengths = np.asarray([0.5, 2.0])
    pairs = [
        (
            attacks.multi_start(there, z, y, z[:, None, ...] + u),
            attacks.multi_start(net, x, labels, x[:, None] + directions),
        ),
        (
            attacks.along(there, z, y, u, backend.asarray(lengths)),
            attacks.along(net, x, labels, directions, lengths),
        ),
    ]
    for ours, plain in pairs:
        assert to_numpy(ours.distance).tolist() == plain.distance.tolist()
