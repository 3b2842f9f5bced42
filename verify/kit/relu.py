r"""Fully connected ReLU networks: a batch of one shape in floats, and one network in exact integers.

Layer l of a network with n_0 inputs and hidden widths n_1, ..., n_L is :math:`h^l=\rho(W^lh^{l-1}+b^l)` with
:math:`\rho(t)=\max(t,0)`; an affine read-out may follow. The *activation pattern* at a point is the vector of the
:math:`s_i^l=[z_i^l>0]` of all N hidden neurons: a neuron at exactly 0 counts as inactive.

On the points of one pattern every pre-activation is affine. Forms are written in homogeneous coordinates: the form
:math:`(a,c)\in\mathbb R^{n_0+1}` is :math:`x\mapsto a\cdot x+c`, and a point :math:`(X,w)` with w > 0 stands for X/w,
with w = 0 for the direction X at infinity.

Every float is a dyadic rational, so a network of floats is a network of integers up to positive factors that change
no sign (:func:`integer_network`): counts that are exact for the integers are exact for the network given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from verify.core.arrays import Array, eps, namespace, to_numpy

Form = tuple[int, ...]  # n_0 + 1 integers


@dataclass(frozen=True)
class Network:
    """A batch of networks of one shape: ``weights[l]`` (B, n_{l+1}, n_l) and ``biases[l]`` (B, n_{l+1}) of the hidden
    layers, and ``readout``, weights (B, outputs, n_L) and biases (B, outputs), where there is one.

    Raises ValueError for arrays whose shapes do not fit together.
    """

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    readout: tuple[Array, Array] | None = None

    def __post_init__(self) -> None:
        pairs = [*zip(self.weights, self.biases, strict=True), *([self.readout] if self.readout else [])]
        if not self.weights:
            raise ValueError("a network needs a hidden layer")
        columns = self.weights[0].shape[-1]
        for number, (W, b) in enumerate(pairs, 1):
            if W.ndim != 3 or W.shape[-1] != columns or b.shape != W.shape[:-1] or W.shape[0] != len(self):
                raise ValueError(
                    f"layer {number}: weights {tuple(W.shape)} and biases {tuple(b.shape)} where "
                    f"({len(self)}, n, {columns}) and ({len(self)}, n) are needed"
                )
            columns = W.shape[-2]

    def __len__(self) -> int:
        """The number of networks."""
        return self.weights[0].shape[0]

    @property
    def inputs(self) -> int:
        """n_0."""
        return self.weights[0].shape[-1]

    @property
    def widths(self) -> tuple[int, ...]:
        """n_1, ..., n_L."""
        return tuple(W.shape[-2] for W in self.weights)

    @property
    def neurons(self) -> int:
        """N, the number of hidden neurons."""
        return sum(self.widths)

    def pre_activations(self, x: Array) -> Array:
        """z of all neurons, layer after layer, at points x (B, P, n_0) or (1, P, n_0): (B, P, N)."""
        xp = namespace(x)
        h, found = x, []
        for W, b in zip(self.weights, self.biases, strict=True):
            z = xp.matmul(h, xp.matrix_transpose(W)) + b[:, None, :]
            h = xp.maximum(z, xp.zeros_like(z))
            found.append(z)
        return xp.concat(found, axis=-1)

    def outputs(self, x: Array) -> Array:
        """The affine read-out at points x (B, P, n_0): (B, P, outputs). ValueError for a network without one."""
        if self.readout is None:
            raise ValueError("the network has no read-out")
        xp = namespace(x)
        z = self.pre_activations(x)[..., -self.widths[-1] :]
        V, c = self.readout
        return xp.matmul(xp.maximum(z, xp.zeros_like(z)), xp.matrix_transpose(V)) + c[:, None, :]

    def pre_activation_errors(self, size: Array) -> Array:
        """Bounds of the rounding errors of :meth:`pre_activations` at points whose coordinates have magnitudes of at
        most ``size`` (B, P, n_0): (B, P, N).

        They are majorants, the same sums of the magnitudes of all terms, with a unit of the dtype for each operation.
        """
        return namespace(size).concat(self._errors(size)[: len(self.weights)], axis=-1)

    def output_errors(self, size: Array) -> Array:
        """The same of :meth:`outputs`: (B, P, outputs). ValueError for a network without a read-out."""
        if self.readout is None:
            raise ValueError("the network has no read-out")
        return self._errors(size)[-1]

    def _errors(self, size: Array) -> list[Array]:
        xp = namespace(size)
        found, operations = [], 4
        for W, b in (*zip(self.weights, self.biases, strict=True), *([self.readout] if self.readout else [])):
            size = xp.matmul(size, xp.matrix_transpose(xp.abs(W))) + xp.abs(b)[:, None, :]
            operations += W.shape[-1] + 2
            found.append(operations * eps(size) * size)
        return found


@dataclass(frozen=True)
class IntegerNetwork:
    """One network in integers: ``weights[l][i]`` are the n_l weights of neuron i, ``biases[l][i]`` its bias.

    ``scales[l]`` is the positive integer by which the pre-activations of layer l, and last those of the read-out, are
    too large; it changes no sign and no equality of affine maps.
    """

    weights: tuple[tuple[tuple[int, ...], ...], ...]
    biases: tuple[tuple[int, ...], ...]
    readout: tuple[tuple[tuple[int, ...], ...], tuple[int, ...]] | None
    scales: tuple[int, ...]

    @property
    def inputs(self) -> int:
        return len(self.weights[0][0])

    @property
    def widths(self) -> tuple[int, ...]:
        return tuple(map(len, self.biases))

    def start(self) -> tuple[Form, ...]:
        """The forms of the inputs themselves, what layer 1 acts on."""
        return tuple(tuple(int(i == j) for j in range(self.inputs + 1)) for i in range(self.inputs))

    def layer(self, number: int, before: Sequence[Form]) -> tuple[Form, ...]:
        """The forms of the pre-activations of layer ``number`` (counted from 0; the read-out is number L) where those
        of the layer before it, after its ReLU, are ``before``."""
        pairs = [*zip(self.weights, self.biases, strict=True), *([self.readout] if self.readout else [])]
        return tuple(
            (*(sum(w * f[j] for w, f in zip(row, before, strict=True) if w) for j in range(self.inputs)),
             sum(w * f[-1] for w, f in zip(row, before, strict=True) if w) + bias)
            for row, bias in zip(*pairs[number], strict=True)
        )  # fmt: skip

    def active(self, forms: Sequence[Form], pattern: Sequence[int]) -> tuple[Form, ...]:
        """The forms after the ReLU where ``pattern`` says which neurons are active."""
        zero = (0,) * (self.inputs + 1)
        return tuple(form if on else zero for form, on in zip(forms, pattern, strict=True))

    def pattern(self, point: Sequence[Fraction | int]) -> tuple[int, ...]:
        """The activation pattern of all neurons at a point of n_0 rationals, by an exact forward pass."""
        h: list[Fraction | int] = list(point)
        found: list[int] = []
        for rows, biases in zip(self.weights, self.biases, strict=True):
            z = [sum(w * v for w, v in zip(row, h, strict=True)) + b for row, b in zip(rows, biases, strict=True)]
            found += [int(v > 0) for v in z]
            h = [max(v, 0) for v in z]
        return tuple(found)


def integer_network(network: Network, number: int = 0) -> IntegerNetwork:
    """The network of that number in the batch, in integers. ValueError for weights that are not finite."""
    pairs = [*zip(network.weights, network.biases, strict=True), *([network.readout] if network.readout else [])]
    weights, biases, scales = [], [], []
    scale = 1  # by how much the layer before is too large
    for W, b in pairs:
        rows, bias = (to_numpy(a)[number].astype(float) for a in (W, b))
        shared = max(_denominator(rows.reshape(-1)), _denominator(bias) // scale, 1)
        weights.append(tuple(tuple(_whole(v, shared) for v in row) for row in rows.tolist()))
        scale *= shared
        biases.append(tuple(_whole(v, scale) for v in bias.tolist()))
        scales.append(scale)
    readout = (weights.pop(), biases.pop()) if network.readout else None
    return IntegerNetwork(tuple(weights), tuple(biases), readout, tuple(scales))


def _denominator(values: Any) -> int:
    """The largest denominator: of dyadic numbers it is a multiple of all the others."""
    try:
        return max((Fraction(v).denominator for v in values.tolist()), default=1)
    except (ValueError, OverflowError):
        raise ValueError("a weight or a bias is NaN or infinite") from None


def _whole(value: float, scale: int) -> int:
    number = Fraction(value) * scale
    assert number.denominator == 1
    return number.numerator
