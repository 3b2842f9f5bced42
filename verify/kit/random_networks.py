r"""Random ReLU networks, and how many regions they have on average: what integral geometry says.

*One layer in a ball.* Hyperplanes in general position cut an open convex set into as many regions as there are
subsets of them whose intersection meets the set (:func:`regions_in_ball`). For Gaussian hyperplanes the probability
that k of them meet inside a ball has a closed form (:func:`meeting_probability`).

*One input.* Between two neighbouring breakpoints of the layer before, a pre-activation is affine, so integrals along
the interval are sums over pieces (:func:`pieces`), without an error of quadrature: the total variation of
:math:`\Phi(y/\sigma)` (:func:`kac_rice`) and the length of a curve on a sphere (:func:`crofton`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations

from verify.core.arrays import Array, namespace, norm2, to_numpy
from verify.core.streams import Draw
from verify.kit.relu import Network


def he_network(draw: Draw, inputs: int, widths: tuple[int, ...], sigma: Array, signs: bool = False) -> Network:
    """Independent weights of mean 0 and variance 2/fan-in, Gaussian or (``signs``) a sign times the deviation, and
    independent Gaussian biases of standard deviation sigma (B,)."""
    weights, biases, columns = [], [], inputs
    for n in widths:
        weights.append(math.sqrt(2 / columns) * (draw.sign(n, columns) if signs else draw.normal(n, columns)))
        biases.append(sigma[:, None] * draw.normal(n))
        columns = n
    return Network(tuple(weights), tuple(biases))


# ----------------------------------------------------------------------------------------------- one layer, a ball


def regions_in_ball(W: Array, b: Array, radius: float) -> Array:
    r"""Regions of the hyperplanes :math:`w_i\cdot x+b_i=0` in the open ball about 0: W (B, n, d) in general position,
    b (B, n) -> (B,) int64.

    The flat of the hyperplanes of a subset S lies at the distance :math:`\sqrt{b_S^\top(W_SW_S^\top)^{-1}b_S}` from
    0. The count is exact unless this distance and the radius agree up to rounding; then that subset may be counted
    either way. Subsets that are linearly dependent to the last bit raise the error of the array library.
    """
    xp = namespace(W)
    size, n, d = W.shape
    count = xp.ones((size,), dtype=xp.int64, device=W.device)
    for k in range(1, min(n, d) + 1):
        index = xp.asarray([i for subset in combinations(range(n), k) for i in subset], device=W.device)
        normals = xp.reshape(xp.take(W, index, axis=1), (size, -1, k, d))
        offsets = xp.reshape(xp.take(b, index, axis=1), (size, -1, k, 1))
        gram = xp.matmul(normals, xp.matrix_transpose(normals))
        squares = xp.sum(offsets * xp.linalg.solve(gram, offsets), axis=(-2, -1))
        count = count + xp.sum(xp.astype(squares < radius**2, xp.int64), axis=-1)
    return count


def regions_in_ball_reference(W: Array, b: Array, radius: float) -> int:
    """The same for one arrangement, W (n, d) and b (n,), in exact rationals."""
    from fractions import Fraction

    from flint import fmpq, fmpq_mat

    def exact(value: float) -> fmpq:
        return fmpq(*Fraction(float(value)).as_integer_ratio())

    rows, offsets = [[exact(v) for v in row] for row in to_numpy(W)], [exact(v) for v in to_numpy(b)]
    square = exact(radius) ** 2 if math.isfinite(radius) else None
    count = 1
    for k in range(1, min(len(rows), len(rows[0])) + 1):
        for subset in combinations(range(len(rows)), k):
            normals, c = fmpq_mat([rows[i] for i in subset]), fmpq_mat([[offsets[i]] for i in subset])
            distance = c.transpose() * (normals * normals.transpose()).solve(c)
            count += square is None or distance[0, 0] < square
    return count


def meeting_probability(d: int, k: int, reach: Array) -> Array:
    r"""The probability that k hyperplanes of :math:`\mathbb R^d` have a common point in the open ball of radius
    R about 0, for independent :math:`w\sim N(0,\sigma_w^2I)`, :math:`b\sim N(0,\sigma_b^2)` and
    ``reach`` :math:`=R\sigma_w/\sigma_b` (B,), which may be infinite: (B,), 0 for k > d.

    In the scaling :math:`(\sigma_wx,\sigma_b)` a hyperplane is the orthogonal complement of a uniformly random
    direction of :math:`\mathbb R^{d+1}`; k of them leave a uniformly random subspace V of dimension d + 1 - k, and
    they meet in the ball when V comes closer to the last axis e than the angle arctan(reach), that is when
    :math:`|P_Ve|^2>1/(1+\text{reach}^2)`; this square has the law Beta((d+1-k)/2, k/2). ValueError for k < 1.
    """
    from scipy.special import betainc

    if k < 1:
        raise ValueError(f"meeting_probability: needs k >= 1, got {k}")
    xp = namespace(reach)
    if k > d:
        return xp.zeros_like(reach)
    value = betainc(k / 2, (d + 1 - k) / 2, to_numpy(1 - 1 / (1 + reach**2)))
    return xp.asarray(value, dtype=reach.dtype, device=reach.device)


# ------------------------------------------------------------------------------------------- one input, any depth


def pieces(network: Network, low: float, high: float) -> Iterator[tuple[Array, Array]]:
    """For every layer l the points (B, P) at which h^{l-1} may break in [low, high], in increasing order and with both
    ends, and h^{l-1} (B, P, n_{l-1}) there; one input. Networks with fewer points repeat the upper end."""
    xp = namespace(network.weights[0])
    like = network.biases[0][:, :1]
    x = xp.concat([xp.full_like(like, low), xp.full_like(like, high)], axis=-1)
    for number, n in enumerate(network.widths):
        h = x[..., None]
        if number:
            z = Network(network.weights[:number], network.biases[:number]).pre_activations(h)
            h = xp.maximum(z, xp.zeros_like(z))[..., -network.widths[number - 1] :]
        yield x, h
        z = xp.matmul(h, xp.matrix_transpose(network.weights[number])) + network.biases[number][:, None, :]
        left, right = z[:, :-1, :], z[:, 1:, :]
        crosses = (left > 0) != (right > 0)
        share = left / xp.where(crosses, left - right, xp.ones_like(left))
        start, step = x[:, :-1, None], x[:, 1:, None] - x[:, :-1, None]
        roots = xp.where(crosses, start + share * step, xp.full_like(left, high))
        x = xp.sort(xp.concat([x, xp.reshape(roots, (x.shape[0], (x.shape[1] - 1) * n))], axis=-1), axis=-1)
        x = x[:, : 1 + int(xp.max(xp.sum(xp.astype(x < high, xp.int64), axis=-1)))]


def kac_rice(network: Network, low: float, high: float, sigma: Array) -> Array:
    r"""The sum over all neurons of the total variation of :math:`\Phi(y/\sigma)` on [low, high], y the pre-activation
    without its own bias, sigma (B,): (B,). Given everything but the neuron's own bias, which is
    :math:`N(0,\sigma^2)`, this is the expected number of its zeros."""
    from scipy.special import ndtr

    xp = namespace(network.weights[0])
    total = xp.zeros_like(network.biases[0][:, 0])
    for (_, h), W in zip(pieces(network, low, high), network.weights, strict=True):
        y = xp.matmul(h, xp.matrix_transpose(W))
        level = xp.asarray(ndtr(to_numpy(y / sigma[:, None, None])), dtype=y.dtype, device=y.device)
        total = total + xp.sum(xp.abs(level[:, 1:, :] - level[:, :-1, :]), axis=(-2, -1))
    return total


def crofton(network: Network, low: float, high: float, sigma: Array) -> Array:
    r"""The sum over the layers of :math:`n_l/\pi` times the length of the curve
    :math:`x\mapsto(\sqrt{2/n_{l-1}}\,h^{l-1}(x),\sigma)` on [low, high], projected to the unit sphere, sigma (B,):
    (B,).

    Given the layers before, this is the expected number of zeros of layer l with Gaussian weights of variance
    :math:`2/n_{l-1}`: a piece of the curve is an arc of a great circle, and a Gaussian hyperplane through 0 separates
    its ends with probability angle/:math:`\pi`.
    """
    xp = namespace(network.weights[0])
    total = xp.zeros_like(network.biases[0][:, 0])
    for (_, h), n in zip(pieces(network, low, high), network.widths, strict=True):
        point = xp.concat([math.sqrt(2 / h.shape[-1]) * h, xp.zeros_like(h[..., :1]) + sigma[:, None, None]], axis=-1)
        unit = point / norm2(point)[..., None]
        before, after = unit[:, :-1, :], unit[:, 1:, :]
        angles = 2 * xp.atan2(norm2(after - before), norm2(after + before))
        total = total + n / math.pi * xp.sum(angles, axis=-1)
    return total


def integrals_reference(network: Network, low: float, high: float, sigma: float, points: int) -> tuple[float, float]:
    r"""The integrals of :func:`kac_rice` and :func:`crofton` for the first network of the batch, by the midpoint rule
    on densities with derivatives in forward mode: :math:`|y'|\varphi_\sigma(y)` summed over the neurons, and
    :math:`\frac n\pi\sqrt{AC-B^2}/A` with :math:`A=\frac2n|h|^2+\sigma^2`, :math:`B=\frac2n h\cdot h'` and
    :math:`C=\frac2n|h'|^2`. The integrands jump, so the error is of the order 1/points."""
    import numpy as np

    x = low + (high - low) * (np.arange(points) + 0.5) / points
    h, slope = x[:, None], np.ones((points, 1))
    first = second = 0.0
    for W, b in zip(network.weights, network.biases, strict=True):
        weights, bias = to_numpy(W)[0].astype(float), to_numpy(b)[0].astype(float)
        y, rate = h @ weights.T, slope @ weights.T
        first += np.sum(np.abs(rate) * np.exp(-((y / sigma) ** 2) / 2)) / (math.sqrt(2 * math.pi) * sigma)
        v = 2 / h.shape[1]
        a, c = v * np.sum(h * h, axis=1) + sigma**2, v * np.sum(slope * slope, axis=1)
        gram = np.maximum(a * c - (v * np.sum(h * slope, axis=1)) ** 2, 0)
        second += len(bias) / math.pi * np.sum(np.sqrt(gram) / a)
        z = y + bias
        h, slope = np.maximum(z, 0), np.where(z > 0, rate, 0)
    step = (high - low) / points
    return float(first * step), float(second * step)
