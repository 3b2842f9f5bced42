r"""A lower bound on the number of activation regions: the distinct patterns of random points, each of them certain.

A point counts only where every pre-activation is further from 0 than rounding can explain. Then no neuron is at 0
there, so the pattern holds in a neighbourhood of the point: it is the pattern of an activation region, of the box the
point is in and of the whole space. Distinct patterns are distinct regions, and their number is at most that of all
regions, whatever the dtype.

*Rounding.* Let :math:`u=\varepsilon/2` be the unit roundoff, :math:`\hat h` the activations of a layer of n neurons as
computed and :math:`|\hat h-h|\le e`, and let products be summed in any order, in the precision of the dtype and with
gradual underflow. Then :math:`|\hat z-z|\le|W|e+\gamma_{n+1}(|W||\hat h|+|b|)` with :math:`\gamma_m=mu/(1-mu)`
(N. Higham, "Accuracy and Stability of Numerical Algorithms", 2002, section 3.1). The two majorants are computed too,
each at least :math:`1-\gamma_{n+1}` times its value, and so is the bound, in four more operations. With
:math:`k=2(n+4)\varepsilon\le1/8`

.. math:: (1+k)\,|W|e+k\,(|W||\hat h|+|b|)+(n+1)\,\mathtt{smallest\_normal},

as computed, is therefore a bound, since :math:`(1+k)(1-\gamma_{n+1})(1-u)^4\ge1` and
:math:`k(1-\gamma_{n+1})(1-u)^4\ge\gamma_{n+1}`, and since the last term covers all products that underflow. After the
ReLU, which is exact, the same bound holds, and the error is 0 where the neuron is certainly inactive. Where something
overflows, no comparison is true and the point is dropped.
"""

from __future__ import annotations

from verify.core.arrays import Array, eps, namespace, smallest_normal
from verify.core.streams import Draw
from verify.kit.relu import Network

BITS = 62  # of a word of int64, which stays positive


def sampled_regions(network: Network, draw: Draw, points: int, low: float, high: float) -> Array:
    """A lower bound on the number of activation regions of each network in [low, high]^n_0, from so many uniform
    points: (B,) int64. ``low`` and ``high`` are numbers of the dtype of the run."""
    xp = draw.xp
    x = draw.uniform(points, network.inputs, low=low, high=high)
    return distinct_patterns(network, xp.clip(x, low, high))


def distinct_patterns(network: Network, x: Array) -> Array:
    """The number of distinct certain patterns of each network at the points x (B, P, n_0) or, shared, (1, P, n_0):
    (B,) int64. Patterns are compared bit by bit: there is no hash that could collide."""
    words, kept = certain_patterns(network, x)
    xp = namespace(x)
    # Uncertain points last, then by one word after the other: a stable sort by the last key first.
    keys = [xp.astype(~kept, xp.int64), *(words[..., i] for i in range(words.shape[-1]))]
    order = xp.argsort(keys[-1], axis=-1, stable=True)
    for key in keys[-2::-1]:
        moved = xp.take_along_axis(key, order, axis=-1)
        order = xp.take_along_axis(order, xp.argsort(moved, axis=-1, stable=True), axis=-1)
    rows = xp.stack([xp.take_along_axis(key, order, axis=-1) for key in keys], axis=-1)
    certain = rows[..., 0] == 0
    new = xp.any(rows[:, 1:, :] != rows[:, :-1, :], axis=-1)
    return xp.sum(xp.astype(certain[:, :1], xp.int64), axis=-1) + xp.sum(
        xp.astype(certain[:, 1:] & new, xp.int64), axis=-1
    )


def certain_patterns(network: Network, x: Array) -> tuple[Array, Array]:
    """The patterns at the points x (B, P, n_0) or (1, P, n_0), packed into words (B, P, M) int64, each of at most
    :data:`BITS` neurons of one layer; and where they are certain, (B, P). A neuron that is 0 around a point makes it
    uncertain.

    Raises ValueError for a layer so wide that the dtype gives no bound on its rounding.
    """
    xp = namespace(x)
    tiny = smallest_normal(x)
    h, error = x, xp.zeros_like(x)
    words, certain = [], []
    for W, b in zip(network.weights, network.biases, strict=True):
        n = W.shape[-1]
        k = 2 * (n + 4) * eps(x)
        if k > 1 / 8:
            raise ValueError(f"a layer of {n} inputs is too wide for {x.dtype}: rounding may be as large as its sums")
        turned = xp.matrix_transpose(W)
        sizes = xp.abs(turned)
        z = xp.matmul(h, turned) + b[:, None, :]
        majorant = xp.matmul(xp.abs(h), sizes) + xp.abs(b)[:, None, :]
        error = (1 + k) * xp.matmul(error, sizes) + k * majorant + (n + 1) * tiny
        certain.append(xp.all(xp.abs(z) > error, axis=-1))
        words += _pack(z > 0)
        error = xp.where(z < -error, xp.zeros_like(error), error)
        h = xp.maximum(z, xp.zeros_like(z))
    return xp.stack(words, axis=-1), xp.all(xp.stack(certain, axis=-1), axis=-1)


def _pack(bits: Array) -> list[Array]:
    """(B, P, n) of bits as words (B, P) of int64."""
    xp = namespace(bits)
    found = []
    n = bits.shape[-1]
    for start in range(0, n, BITS):
        part = xp.astype(bits[..., start : min(start + BITS, n)], xp.int64)
        powers = xp.asarray([1 << i for i in range(part.shape[-1])], dtype=xp.int64, device=bits.device)
        found.append(xp.sum(part * powers, axis=-1))
    return found
