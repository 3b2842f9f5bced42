r"""What the theorems on counting regions share: networks of small whole weights, stored by name, and their true widths.

A neuron whose weights are all 0 is a constant: it cuts nothing, and with its value in the biases of the next layer the
network is the same without it. So the *true* width of a layer is its number of neurons with a weight other than 0.
Networks of several widths and depths stand in one batch as networks of one shape, filled up with neurons of weight 0
and bias -1 at the end of a layer, and with layers of them at the end: their true widths are those without the filling.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from verify.core.arrays import Array, namespace, to_numpy
from verify.core.streams import Draw
from verify.kit import folding
from verify.kit.relu import Network

# ------------------------------------------------------------------------------------------- stored by name


def named(network: Network, *, biases: bool = True) -> dict[str, Array]:
    """The arrays of an instance: W1, b1, W2, b2, ..., and V and c of a read-out; or without the biases."""
    found = {}
    for number, (W, b) in enumerate(zip(network.weights, network.biases, strict=True), 1):
        found |= {f"W{number}": W} | ({f"b{number}": b} if biases else {})
    return found | (dict(zip("Vc", network.readout, strict=True)) if network.readout else {})


def network(x: Any) -> Network:
    """The network of an instance; where it names no biases they are 0."""
    weights = tuple(x[f"W{number}"] for number in range(1, 1 + sum(name.startswith("W") for name in x)))
    biases = tuple(x.get(f"b{number}", _zeros(W[..., 0])) for number, W in enumerate(weights, 1))
    return Network(weights, biases, (x["V"], x["c"]) if "V" in x else None)


def _zeros(like: Array) -> Array:
    return namespace(like).zeros_like(like)


def symbols(layers: int, biases: bool = True) -> dict[str, tuple[str, str]]:
    """LaTeX and meaning of the arrays of an instance."""
    found = {}
    for number in range(1, layers + 1):
        found[f"W{number}"] = (f"W^{number}", f"weights of layer {number}, a row for each neuron")
        if biases:
            found[f"b{number}"] = (f"b^{number}", f"biases of layer {number}")
    return found


# ------------------------------------------------------------------------------------------- samplers


def random_network(
    draw: Draw,
    inputs: int,
    layers: int,
    width: int,
    sizes: tuple[int, ...] = (3, 10, 100),
    *,
    biases: bool = True,
    rank: int | None = None,
    full: bool = False,
    outputs: int = 0,
) -> Network:
    """Whole weights and biases, uniform between -S and S with S one of ``sizes``; the number of layers and their widths
    uniform too, up to ``layers`` and ``width``, or these numbers where ``full``. Without biases the filling has bias 0.

    With ``rank`` the weights of a layer are a product of matrices of that rank or one less, with entries up to 3."""
    xp = draw.xp
    S = draw.choose(tuple(map(float, sizes)))

    def whole(*shape: int, most: Array = S) -> Array:
        m = xp.reshape(most, (draw.size, *(1,) * len(shape)))
        return xp.minimum(xp.floor(draw.uniform(*shape) * (2 * m + 1)), 2 * m) - m

    depth, alive = draw.integers(layers if full else 1, layers + 1), draw.full(1.0, inputs)
    made: tuple[list[Array], list[Array]] = ([], [])
    for number in range(layers):
        places = xp.arange(width, device=alive.device)[None, :]
        here = (places < draw.integers(width if full else 1, width + 1)[:, None]) & (number < depth)[:, None]
        if rank is None:
            W = whole(width, alive.shape[-1])
        else:
            three, kept = draw.full(3.0), draw.integers(rank - 1, rank + 1)
            inner = xp.astype(xp.arange(rank, device=alive.device)[None, :] < kept[:, None], S.dtype)
            W = xp.matmul(whole(width, rank, most=three) * inner[:, None, :], whole(rank, alive.shape[-1], most=three))
        b = whole(width) if biases else draw.full(0.0, width)
        made[1].append(xp.where(here, b, draw.full(-1.0 if biases else 0.0, width)))
        here = xp.astype(here, S.dtype)
        made[0].append(W * here[..., None] * alive[:, None, :])
        alive = here
    readout = (whole(outputs, width), whole(outputs)) if outputs else None
    return Network(tuple(made[0]), tuple(made[1]), readout)


def fixed(draw: Draw, layers: Sequence[tuple[Any, Any]], readout: tuple[Any, Any] | None = None) -> Network:
    """One network of the numbers given, a pair of weights and biases for each layer, for the whole batch."""

    def batch(values: Any) -> Array:
        array = draw.xp.astype(draw.backend.asarray(values), draw.backend.float)
        return draw.xp.broadcast_to(array[None, ...], (draw.size, *array.shape))

    weights, biases = zip(*layers, strict=True)
    return Network(tuple(map(batch, weights)), tuple(map(batch, biases)), readout and tuple(map(batch, readout)))


def refolded(draw: Draw, widths: Sequence[int]) -> Network:
    """One input: the refolding network of these widths (at least 3 before the last), its last layer drawn at random and
    nowhere all inactive if it has two neurons."""
    return folding.random_folding_network(draw, 1, widths, folding.refolding, kept_awake=True)


def pad(network: Network, widths: Sequence[int]) -> Network:
    """The network filled up to the widths given, which may be of more layers where it has no read-out."""
    weights, biases = list(network.weights), list(network.biases)
    like = weights[0]
    for n in widths[len(weights) :]:
        weights.append(_filled(like[:, :0, :0], (n, widths[len(weights) - 1]), 0.0))
        biases.append(_filled(like[:, :0, 0], (n,), -1.0))
    columns = (network.inputs, *widths)
    weights = [_filled(W, (n, c), 0.0) for W, (c, n) in zip(weights, pairwise(columns), strict=True)]
    biases = [_filled(b, (n,), -1.0) for b, n in zip(biases, widths, strict=True)]
    if network.readout is None:
        return Network(tuple(weights), tuple(biases))
    V, c = network.readout
    return Network(tuple(weights), tuple(biases), (_filled(V, (V.shape[-2], widths[-1]), 0.0), c))


def _filled(a: Array, shape: tuple[int, ...], value: float) -> Array:
    """``a`` (B, ...) enlarged at the ends of its other axes to ``shape``."""
    xp = namespace(a)
    for axis, size in enumerate(shape, 1):
        more = (*a.shape[:axis], size - a.shape[axis], *a.shape[axis + 1 :])
        a = xp.concat([a, xp.full(more, value, dtype=a.dtype, device=a.device)], axis=axis)
    return a


def one_of(draw: Draw, networks: Sequence[Network]) -> Network:
    """For each instance one of the networks, all of one shape."""
    return choose(draw.integers(0, len(networks)), networks)


def choose(index: Array, networks: Sequence[Network]) -> Network:
    """For each instance the network of its number ``index`` (B,); all are of one shape, with a read-out or without."""

    def pick(arrays: Sequence[Array]) -> Array:
        chosen = arrays[0]
        for number, array in enumerate(arrays[1:], 1):
            here = namespace(index).reshape(index == number, (-1,) + (1,) * (array.ndim - 1))
            chosen = namespace(array).where(here, array, chosen)
        return chosen

    weights = tuple(map(pick, zip(*(n.weights for n in networks), strict=True)))
    biases = tuple(map(pick, zip(*(n.biases for n in networks), strict=True)))
    pairs = [n.readout for n in networks if n.readout]
    return Network(weights, biases, (pick([V for V, _ in pairs]), pick([c for _, c in pairs])) if pairs else None)


def moved(draw: Draw, network: Network) -> Network:
    """In half of the draws the network itself, else the same in other whole coordinates: x = Uy + v with a triangular U
    that has 1 or -1 on the diagonal. The numbers of regions of the whole space stay as they are."""
    xp = draw.xp
    coin, inputs = draw.coin(), network.inputs
    one = xp.eye(inputs, dtype=coin.dtype, device=coin.device)
    above = xp.triu(xp.ones_like(one), k=1)
    U = draw.sign(inputs)[:, None, :] * one + xp.floor(draw.uniform(inputs, inputs, low=-2.0, high=3.0)) * above
    U = one + coin[:, None, None] * (U - one)
    v = coin[:, None, None] * xp.floor(draw.uniform(inputs, 1, low=-3.0, high=4.0))
    W, b = network.weights[0], network.biases[0]
    weights = (xp.matmul(W, U), *network.weights[1:])
    return Network(weights, (b + xp.matmul(W, v)[..., 0], *network.biases[1:]), network.readout)


# ------------------------------------------------------------------------------------------- invariances


def mirror(draw: Draw, x: dict[str, Array]) -> dict[str, Array]:
    """All inputs with the other sign."""
    return {**x, "W1": -x["W1"]}


def swap(draw: Draw, x: dict[str, Array]) -> dict[str, Array]:
    """The neurons of the first layer in the opposite order."""
    flip = namespace(x["W1"]).flip
    axes = {"W1": 1, "b1": 1, "W2": 2}
    return {**x, **{name: flip(x[name], axis=axis) for name, axis in axes.items() if name in x}}


def rescale(draw: Draw, x: dict[str, Array]) -> dict[str, Array]:
    """The first layer twice as large, and the later biases with it."""
    grown = [name for name in x if name == "W1" or (name[0] == "b" and name[1:].isdigit())]
    return {**x, **{name: 2 * x[name] for name in grown}}


# ------------------------------------------------------------------------------------------- true widths


def true_widths(network: Network) -> Array:
    """n_1, ..., n_L without constant neurons: (B, L) int64."""
    xp = namespace(network.weights[0])
    return xp.stack([count(xp.any(W != 0, axis=-1)) for W in network.weights], axis=-1)


def count(true: Array) -> Array:
    """How many are true along the last axis, int64."""
    xp = namespace(true)
    return xp.sum(xp.astype(true, xp.int64), axis=-1)


def tabulate(f: Callable[[tuple[int, ...]], int], rows: Array) -> Array:
    """f of each of the rows of whole numbers (B, k): (B,) int64. f is called once for each distinct row, on the host;
    OverflowError for values beyond 64 bits."""
    import numpy as np

    distinct, index = np.unique(to_numpy(rows), axis=0, return_inverse=True)
    values = np.asarray([f(tuple(map(int, row))) for row in distinct], dtype=np.int64)
    return namespace(rows).asarray(values[np.reshape(index, -1)], device=rows.device)


def margin(met: Array, like: Array) -> Array:
    """A hypothesis that is met or not: 1 or -1, (B,), in the dtype of ``like``."""
    xp = namespace(like)
    one = xp.ones(met.shape, dtype=like.dtype, device=like.device)
    return xp.where(met, one, -one)
