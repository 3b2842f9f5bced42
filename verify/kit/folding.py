r"""ReLU networks that fold the cube :math:`(0,1)^{n_0}` onto itself, and cut it in the last layer: integer weights.

**One coordinate.** A fold is a piecewise linear map F of (0, 1) that maps each of its pieces onto :math:`(0,g)`, where
g is its *growth*. It is a read-out of p ReLUs, all forms of x:

- :func:`folding`, p pieces: :math:`F(x)=\rho(px)+2\sum_{i=1}^{p-1}(-1)^i\rho(px-i)`. The slopes are p, -p, p, ... on
  pieces of length 1/p, so each is mapped onto (0, 1): g = 1. (Montufar, Pascanu, Cho, Bengio 2014.)
- :func:`refolding`, p + 1 pieces, :math:`p\ge3`: with :math:`S=2p+1` and v = Sx, pieces of the widths 2, 2, 2, 1, 2,
  2, ... in v, with the slopes 1, -1, 1, -2, 1, -1, ... there, are each mapped onto (0, 2): g = 2. With B_i the
  breakpoints 2, 4, 6, 7, 9, ... and c_i the changes of slope -2, 2, -3, 3, -2, 2, ..., this is
  :math:`F=v+\sum_ic_i\rho(v-B_i)`, where v itself would cost a neuron. Neurons 2 and 3 are turned round instead:
  :math:`\rho(v-B)=\rho(B-v)+v-B`, and :math:`1+c_2+c_3=0`, so what is linear cancels and
  :math:`F=10+\sum_{i\ne2,3}c_i\rho(v-B_i)+\sum_{i=2,3}c_i\rho(B_i-v)`. The narrow piece is what makes it cancel.
  (Serra, Tjandraatmadja, Ramalingam 2018.)

A fold needs two units: a single ReLU is monotone, so it never comes back to a value that it has left.

**The network.** Every layer before the last has :math:`p=\lfloor n_l/n_0\rfloor` neurons for each coordinate, so it
maps each of :math:`p^{n_0}` (refolding: :math:`(p+1)^{n_0}`) boxes affinely onto the cube, with another pattern in
each; spare neurons have weight 0 and bias -1. The read-out is merged into the next weights. Hence a region of the cube
that the last layer makes comes back in every box of every layer: the network has

.. math:: \prod_{l<L}\lfloor n_l/n_0\rfloor^{n_0}\cdot r,\qquad\prod_{l<L}(\lfloor n_l/n_0\rfloor+1)^{n_0}\cdot r

activation regions in the cube, exactly, where r is the number of regions into which the last layer cuts the cube.

**The last layer** (:func:`moment_hyperplanes`). For distinct numbers t_i let
:math:`f_i(y)=t_i^{n_0}+\sum_{k<n_0}y_kt_i^k`: the value at t_i of a monic polynomial of degree n_0 with the
coefficients y. Any n_0 of the hyperplanes :math:`f_i=0` meet in one point, the coefficients of the polynomial with
those roots, and no other passes there. So they are in general position. With :math:`|t_i|\le T` the coefficient y_k is
at most :math:`\binom{n_0}kT^{n_0-k}` there, less than K: all these points are in the cube :math:`(-K,K)^{n_0}`, and as
every cell has one of them as a vertex (for :math:`n_L\ge n_0`), all cells meet it:
:math:`r=\mathrm Z(n_L,n_0)` (:func:`verify.kit.region_bounds.zaslavsky`). The cube is moved to (0, 1).

**Linear regions.** Across a hyperplane of the last layer, and across the edge of a box, the output map changes, if no
coordinate of the gradient of the read-out vanishes in a cell of the last layer; :func:`readout` makes it so, but in the
cell in which the whole last layer is inactive: mirror images of it that touch are one linear region. Whether there is
such a cell is a matter of the signs of the f_i. By divided differences
:math:`\sum_{i\le n_0}f_i/\prod_{j\ne i}(t_i-t_j)=1` for n_0 + 1 of them, so if their signs are those of these products
they are never all negative (:func:`awake`); and by Helly's theorem that is the only way to have no such cell
(:func:`awake_margin`).

Weights are integers in a floating dtype, and small ones, exact in float32 too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from itertools import combinations, pairwise
from math import comb
from typing import Any

from verify.core.arrays import Array, namespace
from verify.core.streams import Draw
from verify.kit.relu import Network


@dataclass(frozen=True)
class Fold:
    """One coordinate's fold: neuron i is :math:`\\rho(w_ix+b_i)`, and :math:`F=\\sum_ic_i\\rho(w_ix+b_i)+e` maps every
    piece of (0, 1) onto (0, growth). ``weights`` w, ``biases`` b, ``readout`` c, ``constant`` e."""

    weights: tuple[int, ...]
    biases: tuple[int, ...]
    readout: tuple[int, ...]
    constant: int
    growth: int


Maker = Callable[[int], Fold]  # of the number of neurons for a coordinate


def folding(p: int) -> Fold:
    """p pieces from p >= 1 neurons. ValueError otherwise."""
    if p < 1:
        raise ValueError(f"a fold needs a neuron for each coordinate, and there are {p}")
    return Fold((p,) * p, tuple(range(0, -p, -1)), (1, *(2 * (-1) ** i for i in range(1, p))), 0, 1)


def refolding(p: int) -> Fold:
    """p + 1 pieces from p >= 3 neurons. ValueError otherwise."""
    if p < 3:
        raise ValueError(f"a refold needs three neurons for each coordinate, and there are {p}")
    turned = (1, 2)  # counted from 0
    breaks = [2 * i + 2 - (i > 2) for i in range(p)]
    slopes = [(-1) ** k * (2 if k == 3 else 1) for k in range(p + 1)]
    changes = tuple(b - a for a, b in pairwise(slopes))
    side = [-1 if i in turned else 1 for i in range(p)]
    constant = -sum(changes[i] * breaks[i] for i in turned)
    return Fold(
        tuple(s * (2 * p + 1) for s in side),
        tuple(-s * b for s, b in zip(side, breaks, strict=True)),
        changes,
        constant,
        2,
    )


@cache
def folding_layers(inputs: int, widths: tuple[int, ...], maker: Maker) -> tuple[list[Any], list[Any], Any, Any, int]:
    """The layers that fold: weights and biases of each, and the read-out R (n_0, n), r (n_0,) with the side of the
    cube that it maps to; NumPy arrays of integers in float64. ValueError for widths that are too small."""
    import numpy as np

    R, r, side = np.eye(inputs), np.zeros(inputs), 1
    weights, biases = [], []
    for width in widths:
        fold = maker(width // inputs)
        p = len(fold.weights)
        A, bias = np.zeros((width, inputs)), np.full(width, -1.0)
        onwards = np.zeros((inputs, width))
        for j in range(inputs):
            own = slice(j * p, (j + 1) * p)
            A[own, j], onwards[j, own] = fold.weights, fold.readout
            bias[own] = side * np.asarray(fold.biases)
        weights.append(A @ R)
        biases.append(A @ r + bias)
        R, r, side = onwards, np.full(inputs, float(side * fold.constant)), side * fold.growth
    return weights, biases, R, r, side


def folding_network(
    widths: Sequence[int], maker: Maker, a: Array, c: Array, readout: tuple[Array, Array] | None = None
) -> Network:
    """Folding layers of all ``widths`` but the last, and the last layer :math:`\\rho(a\\cdot u+c)` of the cube's point
    u: a (B, n_L, n_0) and c (B, n_L). ValueError for widths that are too small for the fold."""
    xp = namespace(a, c)
    weights, biases, R, r, side = folding_layers(a.shape[-1], tuple(widths[:-1]), maker)

    def shared(rows: Any) -> Array:
        array = xp.asarray(rows, dtype=a.dtype, device=a.device)
        return xp.broadcast_to(array[None, ...], (a.shape[0], *array.shape))

    last = xp.matmul(a, shared(R))
    offset = xp.matmul(a, shared(r)[..., None])[..., 0] + side * c
    return Network((*map(shared, weights), last), (*map(shared, biases), offset), readout)


def random_folding_network(
    draw: Draw, inputs: int, widths: Sequence[int], maker: Maker, *, kept_awake: bool = False
) -> Network:
    """Networks with a last layer from :func:`moment_hyperplanes` with random t, flips and signs, and the read-out of
    :func:`readout`. In half of the draws, or in all that are to be ``kept_awake``, the signs are those of
    :func:`awake`, if n_L > n_0. ValueError for widths that are too small for the fold."""
    xp, n = draw.xp, widths[-1]
    chosen = draw.subset(2 * reach(n), n) - reach(n)  # -T, ..., T - 1
    t = xp.astype(xp.where(chosen < 0, chosen, chosen + 1), draw.backend.float)
    signs = draw.sign(n)
    if n > inputs:
        kept = xp.concat([awake(t, inputs), signs[:, inputs + 1 :]], axis=-1)
        signs = kept if kept_awake else xp.where(draw.coin()[:, None] > 0, kept, signs)
    V, zero = readout(n, inputs, t)
    pair = (xp.broadcast_to(V, (draw.size, 1, n)), xp.broadcast_to(zero, (draw.size, 1)))
    return folding_network(widths, maker, *moment_hyperplanes(t, draw.sign(inputs), signs), pair)


def last_layer(network: Network, maker: Maker) -> tuple[Array, Array, Array]:
    """a (B, n_L, n_0) and c (B, n_L) of a network of :func:`folding_network`, and how far the network is from what they
    make, (B,): the largest difference of a weight or bias, 0 for such a network.

    ValueError for widths that are too small for the fold."""
    xp = namespace(network.weights[0])
    *_, R, r, side = folding_layers(network.inputs, network.widths[:-1], maker)
    firsts = [next(i for i, v in enumerate(row) if v) for row in R.tolist()]  # the first neuron of each coordinate
    W, b = network.weights[-1], network.biases[-1]
    a = xp.stack([W[..., first] / float(R[j, first]) for j, first in enumerate(firsts)], axis=-1)
    c = (b - sum(a[..., j] * float(v) for j, v in enumerate(r))) / side
    made = folding_network(network.widths, maker, a, c)
    pairs = zip((*network.weights, *network.biases), (*made.weights, *made.biases), strict=True)
    differences = [xp.max(xp.reshape(xp.abs(ours - theirs), (len(network), -1)), axis=-1) for ours, theirs in pairs]
    return a, c, reduce(xp.maximum, differences)


def moment_hyperplanes(t: Array, flips: Array, signs: Array) -> tuple[Array, Array]:
    """The n forms of the docstring on the cube :math:`(0,1)^{n_0}`: distinct t (B, n), whole and not 0, in a floating
    dtype; ``flips`` (B, n_0), 1 or -1, mirror the coordinates, ``signs`` (B, n) the forms. -> a (B, n, n_0), c (B, n).

    All :math:`\\mathrm Z(n,n_0)` regions meet the cube if every |t| is at most :func:`reach`."""
    xp = namespace(t, flips, signs)
    inputs = flips.shape[-1]
    half = half_side(t.shape[-1], inputs)
    powers = xp.stack([t**k for k in range(inputs)], axis=-1) * flips[:, None, :]
    a = 2.0 * half * powers
    c = t**inputs - half * xp.sum(powers, axis=-1)
    return signs[..., None] * a, signs * c


def reach(n: int) -> int:
    """T: there are n distinct whole numbers with 0 < |t| <= T, and some to spare."""
    return n // 2 + 1


def half_side(n: int, inputs: int) -> int:
    """K, a power of two above every coefficient of a polynomial of degree n_0 whose roots are at most T."""
    largest = max(comb(inputs, k) * reach(n) ** (inputs - k) for k in range(inputs))
    return 1 << largest.bit_length()


def readout(n: int, inputs: int, like: Array) -> tuple[Array, Array]:
    """The weights 1, B, B^2, ... (1, 1, n) with :math:`B=T^{n_0-1}+1`, and the bias 0 (1, 1).

    The coordinates of the gradients of the forms are whole multiples of 2K between 2K and :math:`2KT^{n_0-1}` in
    magnitude, so the last one of a sum outweighs those before it, and no sum over some of them is 0."""
    xp = namespace(like)
    base = float(reach(n) ** (inputs - 1) + 1)
    V = xp.asarray([[[base**i for i in range(n)]]], dtype=like.dtype, device=like.device)
    return V, xp.zeros((1, 1), dtype=like.dtype, device=like.device)


def awake(t: Array, inputs: int) -> Array:
    """The signs (B, n_0 + 1) of :math:`\\prod_{j\\ne i}(t_i-t_j)` among the first n_0 + 1 of the distinct t (B, n):
    with these signs their forms are nowhere all negative. ValueError for fewer t."""
    xp = namespace(t)
    if t.shape[-1] <= inputs:
        raise ValueError(f"{inputs + 1} forms are needed, and there are {t.shape[-1]}")
    first = t[:, : inputs + 1]
    above = xp.sum(xp.astype(first[:, None, :] > first[:, :, None], t.dtype), axis=-1)
    return 1 - 2 * (above - 2 * xp.floor(above / 2))


def awake_margin(a: Array, c: Array) -> Array:
    """(B,): 1 where no point of the space has all forms a (B, n, n_0), c (B, n) negative, -1 elsewhere; for whole
    numbers, and forms in general position.

    Some n_0 + 1 of them are then never all negative (Helly), and have positive multipliers with which they add up to a
    positive constant. The multipliers are minors of a, up to sign: all of them have the sign of that constant."""
    xp = namespace(a, c)
    n, inputs = a.shape[-2:]
    chosen = [i for s in combinations(range(n), inputs + 1) for i in s]
    if not chosen:
        return -xp.ones_like(c[:, 0])
    index = xp.asarray(chosen, device=a.device)
    forms = xp.concat([a, c[..., None]], axis=-1)
    some = xp.reshape(
        xp.take(xp.astype(forms, xp.float64), index, axis=1), (-1, len(chosen) // (inputs + 1), inputs + 1, inputs + 1)
    )
    rows = [[some[..., i, k] for k in range(inputs)] for i in range(inputs + 1)]
    minors = [(-1) ** i * _determinant(rows[:i] + rows[i + 1 :]) for i in range(inputs + 1)]
    total = sum(m * some[..., i, inputs] for i, m in enumerate(minors))
    least = reduce(xp.minimum, [m * total for m in minors])
    return xp.where(xp.any(least > 0, axis=-1), xp.ones_like(c[:, 0]), -xp.ones_like(c[:, 0]))


def _determinant(rows: list[list[Array]]) -> Array:
    """By the first column; the entries are arrays of one shape."""
    if len(rows) == 1:
        return rows[0][0]
    terms = [
        (-1) ** i * row[0] * _determinant([other[1:] for k, other in enumerate(rows) if k != i])
        for i, row in enumerate(rows)
    ]
    return sum(terms[1:], terms[0])
