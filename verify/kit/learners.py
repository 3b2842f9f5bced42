r"""Small fully connected ReLU classifiers, trained many at a time.

A batch of networks of one shape (:class:`~verify.kit.relu.Network` with a read-out of C outputs) is trained by
stochastic gradient descent with momentum or by Adam on the mean of a loss over minibatches, plus
:math:`\tfrac\lambda2\sum_l\|W^l\|_F^2` where there is weight decay. With :math:`z` the outputs at a point of class y,

* cross-entropy: :math:`\log\sum_je^{z_j}-z_y`,
* hinge (Crammer and Singer): :math:`\max(0,\,1+\max_{j\ne y}z_j-z_y)`.

Points are x (B, N, d), or (1, N, d) where all networks see the same; labels y (B, N) or (1, N), integers 0, ..., C - 1.
Minibatches are drawn with replacement from the stream of each network, so that a run can be repeated, and is the same
on every backend up to rounding. At a kink the gradient counts a neuron at 0 as inactive.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import array_api_compat

from verify.core.arrays import Array, namespace
from verify.core.streams import Draw
from verify.kit.random_networks import he_network
from verify.kit.relu import Network

Loss = Literal["cross-entropy", "hinge"]

CHUNK = 16  # steps whose minibatches are drawn at once
CACHE = 160_000  # parameters of the networks that are trained together on a host: what its cache holds
ADAM = (0.9, 0.999, 1e-8)  # decay of the mean, decay of the mean square, and what keeps the quotient finite


@dataclass(frozen=True)
class Training:
    """How networks are trained: ``steps`` of size ``rate``, each on ``batch`` points (None: on all of them).
    ``momentum`` belongs to sgd; ``decay`` is lambda. ValueError for a loss or an optimiser that is not known."""

    steps: int
    rate: float
    batch: int | None = 32
    loss: Loss = "cross-entropy"
    optimiser: Literal["sgd", "adam"] = "sgd"
    momentum: float = 0.9
    decay: float = 0.0

    def __post_init__(self) -> None:
        if self.loss not in ("cross-entropy", "hinge") or self.optimiser not in ("sgd", "adam"):
            raise ValueError(f"no such loss or optimiser: {self.loss!r}, {self.optimiser!r}")


def initial(draw: Draw, inputs: int, widths: tuple[int, ...], classes: int) -> Network:
    """Networks to start from: Gaussian weights of variance 2/fan-in, in the read-out 1/fan-in, and no biases."""
    hidden = he_network(draw, inputs, widths, draw.full(0.0))
    readout = draw.normal(classes, widths[-1]) / widths[-1] ** 0.5
    return Network(hidden.weights, hidden.biases, (readout, draw.full(0.0, classes)))


def train(network: Network, x: Array, y: Array, draw: Draw, how: Training) -> Network:
    """The networks after training; the ones given are left as they are. A longer run begins like a shorter one.

    ValueError for networks without a read-out, and for a draw of another size than the batch.
    """
    if draw.size != len(network):
        raise ValueError(f"a draw of {draw.size} instances for {len(network)} networks")
    xp = namespace(x)
    parameters = _parameters(network)
    targets = _one_hot(y, parameters[-1])
    blocks = _blocks(parameters)
    learners = [_Learner([a[rows, ...] for a in parameters], how) for rows in blocks]
    for first in range(0, how.steps, CHUNK):
        chosen = None if how.batch is None else draw.integers(0, x.shape[1], CHUNK, how.batch)
        for learner, rows in zip(learners, blocks, strict=True):
            own = [a if a.shape[0] == 1 else a[rows, ...] for a in (x, targets)]
            for number in range(first, min(first + CHUNK, how.steps)):
                points = own if chosen is None else [_rows(a, chosen[rows, number - first, :]) for a in own]
                learner.step(points[0], points[1], number)
    trained = [xp.concat(parts) for parts in zip(*(learner.parameters for learner in learners), strict=True)]
    return _network(trained)


def losses(network: Network, x: Array, y: Array, loss: Loss) -> Array:
    """The loss of every network at every point: (B, N)."""
    z = network.outputs(x)
    xp, target = namespace(z), _one_hot(y, z)
    at_label = xp.sum(z * target, axis=-1)
    if loss == "hinge":
        return _positive(1 + xp.max(_rivals(z, target), axis=-1) - at_label)
    top = xp.max(z, axis=-1)
    return top + xp.log(xp.sum(xp.exp(z - top[..., None]), axis=-1)) - at_label


def gradient(network: Network, x: Array, y: Array, loss: Loss, decay: float = 0.0) -> Network:
    """The gradient of the mean loss, and of the weight decay, with respect to each array of the networks."""
    parameters = _parameters(network)
    return _network(_gradients(parameters, x, _one_hot(y, parameters[-1]), loss, decay))


def error_rate(network: Network, x: Array, y: Array) -> Array:
    """The share of the points at which the largest output, the first of several, is not that of the label: (B,)."""
    z = network.outputs(x)
    xp = namespace(z)
    return xp.mean(xp.astype(xp.argmax(z, axis=-1) != y, z.dtype), axis=-1)


# ------------------------------------------------------------------------------------- the arrays of a network, flat


def _parameters(network: Network) -> list[Array]:
    """W^1, b^1, W^2, ..., the read-out last."""
    if network.readout is None:
        raise ValueError("a learner needs a read-out")
    layers = [*zip(network.weights, network.biases, strict=True), network.readout]
    return [a for layer in layers for a in layer]


def _network(parameters: list[Array]) -> Network:
    return Network(tuple(parameters[:-2:2]), tuple(parameters[1:-2:2]), (parameters[-2], parameters[-1]))


def _blocks(parameters: list[Array]) -> list[slice]:
    """Which networks are trained together: on a host as many as its cache holds, on a device all."""
    networks = parameters[0].shape[0]
    size = networks
    if not array_api_compat.is_cupy_namespace(namespace(parameters[0])):
        size = max(1, CACHE // sum(math.prod(a.shape[1:]) for a in parameters))
    return [slice(start, min(start + size, networks)) for start in range(0, networks, size)]


def _rows(a: Array, index: Array) -> Array:
    """Rows ``index`` (B, n) of a (B, N, k) or shared (1, N, k): (B, n, k)."""
    xp = namespace(a)
    if a.shape[0] > 1:
        index = index + a.shape[1] * xp.arange(a.shape[0], dtype=index.dtype, device=index.device)[:, None]
    flat = xp.reshape(a, (-1, a.shape[-1]))
    return xp.reshape(xp.take(flat, xp.reshape(index, (-1,)), axis=0), (*index.shape, a.shape[-1]))


def _one_hot(y: Array, like: Array) -> Array:
    """1 at the label and 0 elsewhere, over as many classes as the last axis of ``like`` has, in its dtype."""
    xp = namespace(y)
    return xp.astype(y[..., None] == xp.arange(like.shape[-1], dtype=y.dtype, device=y.device), like.dtype)


# ------------------------------------------------------------------------------------------------- forward, backward


class _Learner:
    """A block of networks and the state of its optimiser. Arrays are changed in place, as the standard allows."""

    def __init__(self, parameters: list[Array], how: Training):
        xp = namespace(parameters[0])
        self.how = how
        self.parameters = [xp.asarray(a, copy=True) for a in parameters]
        self._mean = [xp.zeros_like(a) for a in parameters]
        self._square = [xp.zeros_like(a) for a in parameters] if how.optimiser == "adam" else []

    def step(self, x: Array, target: Array, number: int) -> None:
        """Step ``number``, counted from 0."""
        gradients = _gradients(self.parameters, x, target, self.how.loss, self.how.decay)
        if self.how.optimiser == "sgd":
            for arrays in zip(self.parameters, gradients, self._mean, strict=True):
                _momentum_step(*arrays, self.how.rate, self.how.momentum)
        else:
            for four in zip(self.parameters, gradients, self._mean, self._square, strict=True):
                _adam_step(*four, self.how.rate, number + 1)


def _momentum_step(a: Array, g: Array, velocity: Array, rate: float, momentum: float) -> None:
    velocity *= momentum
    velocity += g
    a -= rate * velocity


def _adam_step(a: Array, g: Array, mean: Array, square: Array, rate: float, t: int) -> None:
    keep, keep_square, guard = ADAM
    mean *= keep
    mean += (1 - keep) * g
    square *= keep_square
    square += (1 - keep_square) * g * g
    a -= (rate / (1 - keep**t)) * mean / (namespace(a).sqrt(square / (1 - keep_square**t)) + guard)


def _gradients(parameters: list[Array], x: Array, target: Array, loss: Loss, decay: float) -> list[Array]:
    """The gradient of the mean loss and the decay with respect to every array."""
    xp = namespace(x)
    inputs = [x]
    for number in range(0, len(parameters), 2):
        z = xp.matmul(inputs[-1], xp.matrix_transpose(parameters[number]))
        z += parameters[number + 1][:, None, :]
        inputs.append(_positive(z) if number + 2 < len(parameters) else z)
    slope = _slope(inputs.pop(), target, loss)
    found: list[Array] = []
    for number in range(len(parameters) - 2, -1, -2):
        h = inputs.pop()
        weights = xp.matmul(xp.matrix_transpose(slope), h)
        if decay:
            weights += decay * parameters[number]
        found = [weights, xp.sum(slope, axis=1), *found]
        if number:
            slope = xp.matmul(slope, parameters[number])
            slope *= xp.astype(h > 0, slope.dtype)
    return found


def _slope(z: Array, target: Array, loss: Loss) -> Array:
    """The gradient of the mean loss with respect to the outputs z (B, N, C): (B, N, C)."""
    xp = namespace(z)
    if loss == "cross-entropy":
        slope = xp.exp(z - xp.max(z, axis=-1, keepdims=True))
        slope /= xp.sum(slope, axis=-1, keepdims=True)
        slope -= target
    else:
        rivals = _rivals(z, target)
        first = _one_hot(xp.argmax(rivals, axis=-1), z)
        active = 1 + xp.max(rivals, axis=-1) > xp.sum(z * target, axis=-1)
        slope = (first - target) * xp.astype(active, z.dtype)[..., None]
    slope /= z.shape[1]
    return slope


def _rivals(z: Array, target: Array) -> Array:
    """The outputs with that of the label out of the way."""
    xp = namespace(z)
    return xp.where(target > 0, xp.full_like(z, -xp.inf), z)


def _positive(z: Array) -> Array:
    xp = namespace(z)
    return xp.maximum(z, xp.zeros_like(z))
