"""Learners: gradients against differences, optimisers against their definitions, the same run on every backend."""

from __future__ import annotations

import math

import numpy as np
import pytest

from verify.core.arrays import backend, to_numpy
from verify.core.streams import Draw
from verify.kit import learners
from verify.kit.learners import Training, error_rate, gradient, initial, losses, train
from verify.kit.relu import Network

LOSSES = ("cross-entropy", "hinge")


def draw(size: int, stream: int = 7, name: str = "numpy", dtype: str = "float64") -> Draw:
    return Draw(backend(name, dtype), 0, stream, 0, size)


def arrays(network: Network) -> list:
    return [to_numpy(a) for a in learners._parameters(network)]


def with_arrays(parts: list) -> Network:
    return learners._network(parts)


def task(size: int = 4, points: int = 9, name: str = "numpy") -> tuple:
    """Networks 5-6-4-3 with biases, own points and labels."""
    d = draw(size, 1, name)
    network = initial(d, 5, (6, 4), 3)
    biases = tuple(0.3 * d.normal(n) for n in (6, 4))
    network = Network(network.weights, biases, (network.readout[0], 0.3 * d.normal(3)))
    return network, d.normal(points, 5), d.integers(0, 3, points)


def moons(size: int, points: int = 200, name: str = "numpy") -> tuple:
    """Two half circles that no line separates."""
    d = draw(size, 3, name)
    y = d.integers(0, 2, points)
    angle = d.uniform(points, high=math.pi)
    side = d.xp.astype(1 - 2 * y, angle.dtype)
    shift = d.xp.astype(y, angle.dtype)
    x = d.xp.stack([side * d.xp.cos(angle) + shift, side * d.xp.sin(angle) + 0.5 * shift], axis=-1)
    return x + 0.05 * d.normal(points, 2), y


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_the_gradient_is_what_differences_say(loss, decay):
    network, x, y = task()
    h = 1e-6

    def value(parts: list) -> np.ndarray:
        penalty = sum((a**2).sum(axis=(1, 2)) for a in parts[::2])
        return losses(with_arrays(parts), x, y, loss).mean(axis=1) + decay / 2 * penalty

    found = arrays(gradient(network, x, y, loss, decay))
    parts = arrays(network)
    for number, a in enumerate(parts):
        for place in np.ndindex(a.shape[1:]):
            both = []
            for sign in (1, -1):
                moved = a.copy()
                moved[:, *place] += sign * h
                both.append(value([*parts[:number], moved, *parts[number + 1 :]]))
            assert found[number][:, *place] == pytest.approx((both[0] - both[1]) / (2 * h), abs=1e-8)


def test_losses_by_hand():
    """Outputs (2, 1, 0) at every point; labels 0, 1, 2."""
    network = Network((np.zeros((1, 1, 1)),), (np.zeros((1, 1)),), (np.zeros((1, 3, 1)), np.asarray([[2.0, 1.0, 0.0]])))
    x, y = np.zeros((1, 3, 1)), np.asarray([[0, 1, 2]])
    assert losses(network, x, y, "hinge")[0].tolist() == [0, 2, 3]
    total = math.log(math.exp(2) + math.exp(1) + 1)
    assert losses(network, x, y, "cross-entropy")[0] == pytest.approx([total - 2, total - 1, total], rel=1e-15)
    assert error_rate(network, x, y)[0] == pytest.approx(2 / 3)
    slope = arrays(gradient(network, x, y, "hinge"))[-1][0]
    # The margin of label 0 is exactly 1: no slope there. Of the others class 0 is the rival.
    assert slope == pytest.approx([2 / 3, -1 / 3, -1 / 3])


def test_huge_outputs_overflow_nowhere():
    network, x, y = task()
    far = with_arrays([1e200 * a if i == 4 else a for i, a in enumerate(arrays(network))])
    assert np.isfinite(losses(far, x, y, "cross-entropy")).all()
    assert all(np.isfinite(a).all() for a in arrays(gradient(far, x, y, "cross-entropy"))[-1:])


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_three_steps_on_all_points_by_the_definition_of_the_optimiser(optimiser):
    network, x, y = task()
    how = Training(3, 0.05, None, "cross-entropy", optimiser, momentum=0.8, decay=0.1)
    parts = arrays(network)
    first, second = ([np.zeros_like(a) for a in parts] for _ in range(2))
    for t in (1, 2, 3):
        slopes = arrays(gradient(with_arrays(parts), x, y, how.loss, how.decay))
        if optimiser == "sgd":
            first = [0.8 * v + g for v, g in zip(first, slopes, strict=True)]
            parts = [a - 0.05 * v for a, v in zip(parts, first, strict=True)]
        else:
            first = [0.9 * v + 0.1 * g for v, g in zip(first, slopes, strict=True)]
            second = [0.999 * v + 0.001 * g**2 for v, g in zip(second, slopes, strict=True)]
            parts = [
                a - 0.05 * (v / (1 - 0.9**t)) / (np.sqrt(s / (1 - 0.999**t)) + 1e-8)
                for a, v, s in zip(parts, first, second, strict=True)
            ]
    for ours, theirs in zip(arrays(train(network, x, y, draw(4), how)), parts, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-12, abs=1e-14)


def test_the_points_of_a_step_are_those_of_the_draw():
    """One step on a minibatch is the gradient at the points that the stream names, with repetitions."""
    network, x, y = task()
    how = Training(1, 0.5, 2)
    index = draw(4).integers(0, 9, learners.CHUNK, 2)[:, 0]
    points, labels = np.take_along_axis(x, index[..., None], axis=1), np.take_along_axis(y, index, axis=1)
    slopes = arrays(gradient(network, points, labels, "cross-entropy"))
    for before, after, g in zip(arrays(network), arrays(train(network, x, y, draw(4), how)), slopes, strict=True):
        assert after == pytest.approx(before - 0.5 * g, rel=1e-12, abs=1e-15)


def test_data_shared_by_all_is_the_same_as_data_repeated():
    network, x, y = task()
    how = Training(40, 0.1, 3)
    shared = train(network, x[:1], y[:1], draw(4), how)
    repeated = train(network, np.repeat(x[:1], 4, axis=0), np.repeat(y[:1], 4, axis=0), draw(4), how)
    for a, b in zip(arrays(shared), arrays(repeated), strict=True):
        assert a == pytest.approx(b, rel=1e-12, abs=1e-14)


def test_a_network_does_not_know_its_batch(monkeypatch):
    """The same run alone, in a batch, and in blocks of any size; and nothing is written into what was given."""
    network, x, y = task(6)
    kept = [a.copy() for a in arrays(network)]
    how = Training(40, 0.1, 3, "hinge", "adam", decay=0.01)
    together = arrays(train(network, x, y, draw(6), how))
    monkeypatch.setattr(learners, "CACHE", 200)  # two networks of 82 parameters
    blocks = arrays(train(network, x, y, draw(6), how))
    alone = with_arrays([a[2:3] for a in arrays(network)])
    stream = Draw(backend("numpy"), 0, 7, 2, 3)
    one = arrays(train(alone, x[2:3], y[2:3], stream, how))
    for a, b, c, before, now in zip(together, blocks, one, kept, arrays(network), strict=True):
        assert np.array_equal(a, b)
        assert a[2:3] == pytest.approx(c, rel=1e-9, abs=1e-12)
        assert np.array_equal(before, now)


def test_a_longer_run_begins_like_a_shorter_one():
    """Without momentum a run can be cut where a new chunk of minibatches is drawn, and carried on with the stream."""
    network, x, y = task()
    whole = train(network, x, y, draw(4), Training(learners.CHUNK + 5, 0.1, 3, momentum=0))
    stream = draw(4)
    half = train(network, x, y, stream, Training(learners.CHUNK, 0.1, 3, momentum=0))
    for a, b in zip(arrays(train(half, x, y, stream, Training(5, 0.1, 3, momentum=0))), arrays(whole), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize(("loss", "optimiser"), [("cross-entropy", "sgd"), ("hinge", "adam")])
@pytest.mark.parametrize("batch", [3, None])
def test_the_strict_library_trains_the_same(loss, optimiser, batch):
    how = Training(20, 0.05, batch, loss, optimiser, decay=0.01)
    found = []
    for name in ("numpy", "strict"):
        network, x, y = task(name=name)
        trained = train(network, x, y, draw(4, name=name), how)
        found.append([*arrays(trained), to_numpy(losses(trained, x, y, loss)), to_numpy(error_rate(trained, x, y))])
    for ours, theirs in zip(*found, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-12)


def test_single_precision_stays_single():
    d = draw(2, 1, dtype="float32")
    network = initial(d, 5, (6,), 3)
    trained = train(network, d.normal(9, 5), d.integers(0, 3, 9), draw(2, dtype="float32"), Training(5, 0.1))
    assert {a.dtype for a in arrays(trained)} == {np.dtype("float32")}


@pytest.mark.parametrize(("optimiser", "rate"), [("sgd", 0.1), ("adam", 0.01)])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_moons_are_learned(loss, optimiser, rate):
    x, y = moons(8)
    start = initial(draw(8, 4), 2, (16, 16), 2)
    curve = []
    for steps in (0, 20, 400):
        trained = train(start, x, y, draw(8, 5), Training(steps, rate, 32, loss, optimiser))
        curve.append((losses(trained, x, y, loss).mean(), error_rate(trained, x, y)))
    assert curve[0][0] > curve[1][0] > curve[2][0]
    assert curve[0][1].mean() > 0.2
    assert curve[2][1].max() <= 0.02


def test_weight_decay_keeps_weights_small():
    x, y = moons(8)
    start = initial(draw(8, 4), 2, (16, 16), 2)
    sizes = []
    for decay in (0.0, 0.05):
        trained = train(start, x, y, draw(8, 5), Training(300, 0.1, 32, decay=decay))
        sizes.append(sum((a**2).sum(axis=(1, 2)) for a in arrays(trained)[::2]))
    assert (sizes[1] < 0.5 * sizes[0]).all()


def test_a_start_has_the_stated_variances():
    network = initial(draw(200), 10, (40, 30), 5)
    scales = [2 / 10, 2 / 40, 1 / 30]
    for W, variance in zip(arrays(network)[::2], scales, strict=True):
        assert W.var() == pytest.approx(variance, rel=0.05)
    assert all(not b.any() for b in arrays(network)[1::2])


def test_what_is_refused():
    network, x, y = task()
    with pytest.raises(ValueError, match="read-out"):
        train(Network(network.weights, network.biases), x, y, draw(4), Training(1, 0.1))
    with pytest.raises(ValueError, match="3 instances for 4"):
        train(network, x, y, draw(3), Training(1, 0.1))
    with pytest.raises(ValueError, match="squared"):
        Training(1, 0.1, loss="squared")
