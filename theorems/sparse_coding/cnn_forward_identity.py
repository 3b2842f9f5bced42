r"""The forward pass of a ReLU network is layered soft nonnegative thresholding.

For $`\beta\in\mathbb R^m`$, of any signs, let $`S^+_\beta(z)=\max(z-\beta,0)`$ entry by entry, and for $`\beta\ge0`$
let $`S_\beta(z)=\mathrm{sign}(z)\max(|z|-\beta,0)`$. *Layered thresholding* with dictionaries $`D_i`$ and thresholds
$`\beta_i`$ makes $`\hat\Gamma_i=S^+_{\beta_i}(D_i^T\hat\Gamma_{i-1})`$ from $`\hat\Gamma_0=Y`$. A *forward pass* makes
$`h_i=\mathrm{ReLU}(b_i+W_i^Th_{i-1})`$ from $`h_0=Y`$; in a convolutional layer $`W_i^Th`$ is the correlation with the
filters, kept at every $`s`$-th position where the stride is $`s`$, and $`b_i`$ is constant on a map.

**Theorem.** With $`D_i=W_i`$ and $`\beta_i=-b_i`$ the two are the same, $`\hat\Gamma_i=h_i`$ for all $`i`$, whatever
the signs of the biases; a stride keeps a subset of the columns of $`D_i`$. Each layer solves a pursuit of its own:

```math
\tfrac12\lVert\Gamma-\hat\Gamma_i\rVert^2\le J_i(\Gamma)-J_i(\hat\Gamma_i)\ \text{ for all }\Gamma\ge0,\qquad
J_i(\Gamma)=\tfrac12\lVert\Gamma-D_i^T\hat\Gamma_{i-1}\rVert^2+\langle\beta_i,\Gamma\rangle .
```

For $`\beta\ge0`$, $`S_\beta(z)=S^+_\beta(z)-S^+_\beta(-z)`$.

*Proof.* $`\mathrm{ReLU}(z+b)=\max(z-\beta,0)`$; a convolutional layer is $`D_i^T`$ of the matrix whose columns are the
shifted filters (`csc_matrix_identity`). With $`z=D_i^T\hat\Gamma_{i-1}`$ and $`u=\hat\Gamma_i-z+\beta_i\ge0`$,
$`J_i(\Gamma)-J_i(\hat\Gamma_i)=\tfrac12\lVert\Gamma-\hat\Gamma_i\rVert^2+\langle u,\Gamma-\hat\Gamma_i\rangle`$, and
$`\langle u,\hat\Gamma_i\rangle=0`$. At most one of $`S^+_\beta(\pm z)`$ is not 0. $`\square`$

**What is checked.** The network computes correlations tap by tap, the pursuit multiplies by the transposed matrix of
the dictionary or by its Fourier transform. On whole numbers not one entry may differ from the matrix; otherwise the
layers may be $`\delta_i`$ apart, to which a layer of $`l`$ products adds $`l`$ roundings (a transform $`\log_2N`$ at
each stage), and which the next layer stretches by at most the sum of the magnitudes in its kernel. No dictionary here
needs unit columns.

**Sharp.** The inequality of the pursuit is an equality for $`\Gamma`$ supported in the support of $`\hat\Gamma_i`$.

**The slides** say that the layered (soft nonnegative) thresholding and the forward pass are the very same thing. They
are. A positive bias is a negative threshold: the identity holds, and the sense of a threshold, that it removes small
entries, is gone. Kind: identity, count of entries, and inequality for every instance.

**Not covered.** Pooling; what the layers recover (`layered_thr_soft`). The reduction of signed codes to nonnegative
ones by $`[D,-D]`$ is no way around it, as that dictionary has coherence 1.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from theorems.bibliography import ELAD2018, OURS, PAPYAN2017CNN
from verify import Claim, Count, Every, Figure, Formula, Parameters, Source, Theorem, control
from verify.core.arrays import eps, namespace, norm2
from verify.kit import exact as rational
from verify.kit.operators import Convolution, Dense, Operator
from verify.kit.shrinkage import soft_threshold

SLIDE = Source(ELAD2018, "slide 'Consider this for Solving the DCP'")
WHOLE, NONNEGATIVE = "whole numbers whose sums are exact", "the point is nonnegative"
ROUNDING = Formula("delta")
SHAPES = {  # channels of all layers, grid, sizes of the filters, stride of the first layer
    "dense layers": ((6, 8, 10, 7), (1,), ((1,),) * 3, 1),
    "convolutions": ((1, 3, 4), (15,), ((4,), (3,)), 1),
    "images": ((1, 2, 3), (6, 5), ((3, 2), (2, 2)), 1),
    "stride": ((2, 3, 3), (16,), ((5,), (3,)), 2),
}


class Params(Parameters):
    """How the numbers are drawn; the families have sizes of their own."""

    largest: int = Field(5, ge=1, le=20, description="largest whole number of weights, biases and inputs")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """Y (B, c_0, ...); of layer i the kernel Wi (B, c_{i-1}, c_i, ...) and the biases bi (B, c_i); a point other
    (B, c_K, ...) >= 0; stride (1,)."""
    xp = draw.xp
    name = "convolutions" if family in ("real numbers", "positive biases", "points on the support") else family
    channels, grid, sizes, stride = SHAPES[name]

    def numbers(*shape: int) -> Any:
        if family == "real numbers":
            return draw.normal(*shape)
        return draw.whole(-p.largest, p.largest + 1, *shape)

    x = {"Y": numbers(channels[0], *grid)}
    for i, (inputs, outputs, size) in enumerate(zip(channels, channels[1:], sizes, strict=False), 1):
        x[f"W{i}"] = numbers(inputs, outputs, *size)
        bias = numbers(outputs)
        x[f"b{i}"] = xp.abs(bias) + 1 if family == "positive biases" else bias
    x["stride"] = xp.asarray([stride], dtype=xp.int64, device=draw.backend.device)
    last = _network(x)[-1]
    other = numbers(*last.shape[1:])
    x["other"] = other if family == "real numbers" else xp.abs(other)
    if family == "points on the support":
        x["other"] = last * draw.uniform(*last.shape[1:], high=2.0)
    return x


# ------------------------------------------------------------------------------------------- the network


def _layers(x: Any) -> list[tuple[Any, Any, int]]:
    """Kernel, biases and stride of each layer."""
    count = sum(name.startswith("W") for name in x)
    return [(x[f"W{i}"], x[f"b{i}"], int(x["stride"][0]) if i == 1 else 1) for i in range(1, count + 1)]


def _network(x: Any, direction: int = 1) -> list[Any]:
    """The layers of the forward pass (B, c_i, ...), correlations tap by tap; convolutions in the other direction."""
    h, found = x["Y"], []
    for kernel, bias, stride in _layers(x):
        xp = namespace(kernel)
        axes = tuple(range(2, h.ndim))
        total: Any = 0.0
        for q in itertools.product(*map(range, kernel.shape[3:])):
            moved = xp.roll(h, tuple(-direction * shift for shift in q), axis=axes)
            tap = kernel[(..., *q)]
            total = total + xp.sum(xp.reshape(tap, tap.shape + (1,) * len(q)) * moved[:, :, None, ...], axis=1)
        z = _strided(total, stride) + _constant(bias, total.ndim)
        h = xp.maximum(z, xp.zeros_like(z))
        found.append(h)
    return found


def _strided(maps: Any, stride: int) -> Any:
    return maps[(slice(None), slice(None), *([slice(None, None, stride)] * (maps.ndim - 2)))]


def _constant(bias: Any, ndim: int) -> Any:
    return namespace(bias).reshape(bias, bias.shape + (1,) * (ndim - 2))


# ------------------------------------------------------------------------------------------- the pursuit


def _one_sided(z: Any, beta: Any) -> Any:
    xp = namespace(z)
    return xp.maximum(z - beta, xp.zeros_like(z))


def _pursuit(x: Any, way: Any, shrink: Any = _one_sided, sign: int = -1) -> tuple[list[Any], list[Any]]:
    """What layered thresholding makes of Y with thresholds ``sign`` times the biases, and the D^T Gamma it shrinks."""
    gamma, found, shrunk = x["Y"], [], []
    for kernel, bias, stride in _layers(x):
        grid = tuple(gamma.shape[2:])
        operator: Operator = way(kernel, grid)
        xp = namespace(gamma)
        maps = xp.reshape(operator.analysis(xp.reshape(gamma, (gamma.shape[0], -1))), (-1, kernel.shape[2], *grid))
        z = _strided(maps, stride)
        gamma = shrink(z, _constant(sign * bias, z.ndim))
        shrunk.append(z)
        found.append(gamma)
    return found, shrunk


def _by_matrix(kernel: Any, grid: tuple[int, ...]) -> Operator:
    return Dense(Convolution(kernel, grid).matrix)


def _hard(z: Any, beta: Any) -> Any:
    xp = namespace(z)
    return xp.where(z > beta, z, xp.zeros_like(z))


def _two_sided(z: Any, beta: Any) -> Any:
    xp = namespace(z)
    return xp.sign(z) * xp.maximum(xp.abs(z) - beta, xp.zeros_like(z))


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """Whole numbers small enough for exact sums; a point in the domain of the pursuit."""
    xp = namespace(x["Y"])
    arrays = [x["Y"], *(a for kernel, bias, _ in _layers(x) for a in (kernel, bias))]
    uneven = sum(xp.max(xp.abs(_flat(a - xp.round(a))), axis=-1) for a in arrays)
    size = xp.sum(xp.abs(_flat(x["Y"])), axis=-1)
    for kernel, bias, _ in _layers(x):
        size = _stretch(kernel) * size + xp.sum(xp.abs(bias), axis=-1)
    exact = (uneven == 0) & (size < 1 / eps(size))
    return {
        WHOLE: xp.where(exact, xp.ones_like(size), -xp.ones_like(size)),
        NONNEGATIVE: xp.min(_flat(x["other"]), axis=-1),
    }


def _flat(a: Any) -> Any:
    return namespace(a).reshape(a, (a.shape[0], -1))


def _stretch(kernel: Any) -> Any:
    """A bound on the norm of the layer: (B,)."""
    return namespace(kernel).sum(namespace(kernel).abs(_flat(kernel)), axis=-1)


def solve(p: Params, x: Any) -> dict[str, Any]:
    """The network tap by tap; the pursuit by matrices and by Fourier transforms."""
    return _quantities(x, _network(x), _network(x, -1))


def _quantities(x: Any, network: list[Any], flipped: list[Any]) -> dict[str, Any]:
    """How far layers are from those of the network, (B, K), and the pursuit of the last layer."""
    xp = namespace(x["Y"])
    pursuit, shrunk = _pursuit(x, _by_matrix)

    def apart(layers: list[Any]) -> Any:
        return xp.stack([norm2(_flat(a - b)) for a, b in zip(layers, network, strict=True)], axis=-1)

    wrong = [xp.sum(xp.astype(_flat(a != b), xp.int64), axis=-1) for a, b in zip(pursuit, network, strict=True)]
    size, deltas = norm2(_flat(x["Y"])), []
    delta = xp.zeros_like(size)
    for (kernel, bias, _), gamma in zip(_layers(x), pursuit, strict=True):
        terms = kernel.shape[1] * math.prod(kernel.shape[3:]) + 24 * math.log2(2 * math.prod(gamma.shape[2:])) + 8
        wide = norm2(bias) * math.prod(gamma.shape[2:]) ** 0.5
        delta = _stretch(kernel) * delta + 4 * eps(size) * terms * (_stretch(kernel) * (size + delta) + wide)
        deltas.append(delta)
        size = norm2(_flat(gamma))

    z, gamma, other = (_flat(a) for a in (shrunk[-1], pursuit[-1], x["other"]))
    beta = _flat(xp.zeros_like(pursuit[-1]) - _constant(_layers(x)[-1][1], pursuit[-1].ndim))
    # J(other) - J(gamma), in the order in which least cancels.
    excess = xp.sum((other - gamma) * ((other + gamma) / 2 - z + beta), axis=-1)
    sizes = norm2(gamma) + norm2(other) + norm2(z) + norm2(beta)
    threshold = xp.abs(_layers(x)[0][1][:, 0])
    first = _flat(shrunk[0])
    split = _one_sided(first, threshold[:, None]) - _one_sided(-first, threshold[:, None])
    return {
        "matrix": apart(pursuit),
        "fourier": apart(_pursuit(x, Convolution)[0]),
        "differing": xp.stack(wrong, axis=-1),
        "plus": apart(_pursuit(x, _by_matrix, sign=1)[0]),
        "hard": apart(_pursuit(x, _by_matrix, _hard)[0]),
        "signed": apart(_pursuit(x, _by_matrix, _two_sided)[0]),
        "flipped": apart(flipped),
        "delta": xp.stack(deltas, axis=-1),
        "distance": xp.sum((other - gamma) ** 2, axis=-1),
        "excess": excess,
        "delta_j": 4 * (z.shape[-1] + 8) * eps(z) * sizes**2,
        "unsplit": xp.sum(xp.astype(split != soft_threshold(first, threshold), xp.int64), axis=-1),
    }


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same for one instance, the network by SciPy's correlation and convolution with periodic boundaries."""
    import numpy as np
    from scipy import ndimage

    def network(direction: int) -> list[Any]:
        h, found = x["Y"][0], []
        for kernel, bias, stride in _layers(x):
            out = []
            for f in range(kernel.shape[2]):
                total = np.full(h.shape[1:], bias[0, f])
                for channel, written in zip(h, kernel[0, :, f], strict=True):
                    taps = written if direction == 1 else np.flip(written)
                    # SciPy centres the filter; the origin moves its first (or last) tap to the position itself.
                    origin = [-(n // 2) if direction == 1 else (n - 1) // 2 for n in taps.shape]
                    total = total + ndimage.correlate(channel, taps, mode="wrap", origin=origin)
                out.append(np.maximum(total, 0)[(slice(None, None, stride),) * total.ndim])
            h = np.stack(out)
            found.append(h[None])
        return found

    return _quantities(x, network(1), network(-1))


def exact(p: Params, x: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """In one dimension, in rational numbers: the network and what the controls compute."""
    if isinstance(x["Y"][0][0], list):
        raise ValueError("exact arithmetic takes signals of one dimension")
    count = sum(name.startswith("W") for name in x)
    strides = [int(x["stride"])] + [1] * (count - 1)

    def layers(act: Any, direction: int = 1) -> list[Any]:
        h, found = x["Y"], []
        for i, stride in enumerate(strides, 1):
            kernel, bias = x[f"W{i}"], x[f"b{i}"]
            N, n = len(h[0]), len(kernel[0][0])
            maps = []
            for f, b in enumerate(bias):
                sums = [
                    sum(kernel[a][f][q] * h[a][(at + direction * q) % N] for a in range(len(h)) for q in range(n))
                    for at in range(0, N, stride)
                ]
                maps.append([act(z, b) for z in sums])
            h = maps
            found.append(h)
        return found

    def two_sided(z: Any, b: Any) -> Any:
        return (1 if z > 0 else -1 if z < 0 else 0) * max(abs(z) + b, 0)

    ways = {
        "plus": layers(lambda z, b: max(z - b, 0)),
        "hard": layers(lambda z, b: z if z > -b else 0),
        "signed": layers(two_sided),
        "flipped": layers(lambda z, b: max(z + b, 0), -1),
    }
    network = layers(lambda z, b: max(z + b, 0))

    def apart(made: list[Any]) -> list[Any]:
        pairs = zip(made, network, strict=True)
        return [rational.norm2([u - v for s, t in zip(a, b, strict=True) for u, v in zip(s, t, strict=True)])
                for a, b in pairs]  # fmt: skip

    return {}, {**{name: apart(made) for name, made in ways.items()}, "delta": [0] * count}


def _scaled(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Inputs, biases and the point in another unit."""
    return {name: a if name.startswith("W") or name == "stride" else 4 * a for name, a in x.items()}


def _rescaled(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The first layer doubled, and all biases with it."""
    return {name: 2 * a if name[0] in "bo" or name == "W1" else a for name, a in x.items()}


THEOREM = Theorem(
    "cnn_forward_identity",
    "The forward pass of a ReLU network is layered soft nonnegative thresholding",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    exact=exact,
    families={
        "dense layers": "three dense layers, whole numbers",
        "convolutions": "two convolutional layers, whole numbers",
        "images": "two convolutional layers in two dimensions, whole numbers",
        "stride": "stride 2 in the first of two convolutional layers, whole numbers",
        "real numbers": "two convolutional layers, Gaussian numbers, points of any sign",
        "positive biases": "biases that are negative thresholds",
        "points on the support": "equality: points supported where the last layer is active",
    },
    instances=2800,
    batch=1024,
    claims=(
        Claim("slide: the very same thing", Every(), "matrix", ROUNDING, origin="elad2018", source=SLIDE),
        Claim("not one entry differs", Count(), "differing", Formula("0"), (WHOLE,), relation="=="),
        Claim("by Fourier transform", Every(), "fourier", ROUNDING),
        Claim("a layer minimises", Every(), "distance", Formula("2 * excess + delta_j"), (NONNEGATIVE,)),
        Claim("soft thresholding in two parts", Count(), "unsplit", Formula("0"), relation="=="),
        control(
            "thresholds equal to the biases",
            Every(),
            "plus",
            ROUNDING,
            (),
            "a bias is a threshold with its sign turned round",
        ),
        control(
            "hard thresholding",
            Every(),
            "hard",
            ROUNDING,
            (),
            "what passes the threshold is lowered by it in a network",
        ),
        control("two-sided thresholding", Every(), "signed", ROUNDING, (), "a ReLU network drops what is negative"),
        control(
            "flipped filters",
            Every(),
            "flipped",
            ROUNDING,
            (),
            "synthesis convolves, so analysis and the network correlate",
        ),
        control(
            "a layer minimises, without the half",
            Every(),
            "distance",
            Formula("excess + delta_j"),
            (NONNEGATIVE,),
            "on the support of the layer the excess is half the squared distance",
        ),
    ),
    sources=(
        SLIDE,
        Source(PAPYAN2017CNN, "layered thresholding and the forward pass", "from memory; proved on this page"),
        Source(OURS, "the inequality of the pursuit, above"),
    ),
    symbols={
        "matrix": (r"\lVert\hat\Gamma_i-h_i\rVert", "distance of the two at a layer, the pursuit by matrices"),
        "fourier": (r"\lVert\hat\Gamma_i-h_i\rVert", "distance of the two at a layer, the pursuit by transforms"),
        "differing": (r"\#\{\hat\Gamma_i\ne h_i\}", "entries that differ at a layer, the pursuit by matrices"),
        "plus": (r"\lVert\hat\Gamma_i^{\beta=b}-h_i\rVert", "the same with thresholds b"),
        "hard": (r"\lVert\hat\Gamma_i^{hard}-h_i\rVert", "the same with one-sided hard thresholding"),
        "signed": (r"\lVert\hat\Gamma_i^{\pm}-h_i\rVert", "the same with two-sided soft thresholding"),
        "flipped": (r"\lVert h_i^{conv}-h_i\rVert", "with convolutions in place of correlations"),
        "delta": (r"\delta_i", "rounding of the layers up to this one"),
        "distance": (
            r"\lVert\Gamma-\hat\Gamma_K\rVert^2",
            "squared distance of a nonnegative point from the last layer",
        ),
        "excess": (r"\Delta J_K", "what the point has more in the objective of the last layer"),
        "delta_j": (r"\delta_J", "rounding of the objective"),
        "unsplit": (
            r"\#\{S_\beta\ne S_\beta^+(z)-S_\beta^+(-z)\}",
            "entries of the first layer at which the two parts do not give the soft threshold",
        ),
    },
    figures=(
        Figure(
            "pursuit",
            "cloud",
            ("a layer minimises",),
            "The squared distance of a nonnegative point from a layer against twice its excess in the objective of the "
            "layer: equal for points on its support.",
            x="twice the excess",
            y="squared distance",
        ),
    ),
    invariances={"units": _scaled, "a layer rescaled": _rescaled},
    fixed=("stride",),
    not_tested=("more than three layers", "images larger than 6 by 5"),
)
