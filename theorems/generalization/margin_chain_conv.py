r"""Convolutions and pooling in the margin bound: the norm is that of the operator, and pooling has a factor of its own.

A *circular convolution* $`W`$ with stride 1 acts on $`n`$ positions (or $`n=n_1n_2`$ of a grid) with $`c_{in}`$
channels by a kernel $`k\in\mathbb R^{c_{out}\times c_{in}\times s}`$, no longer than the grid. $`\hat k(\omega)`$ is
its Fourier transform over the grid, a $`c_{out}\times c_{in}`$ matrix for each frequency. *Pooling* replaces each
window of $`p`$ entries of a channel by its maximum or mean; $`r`$ is the largest number of windows that share an entry,
1 where they are disjoint.

**Theorem.** (a)

```math
\lVert W\rVert_2=\max_\omega\lVert\hat k(\omega)\rVert_2,\qquad\lVert W\rVert_F=\sqrt n\,\lVert k\rVert_F .
```

(b) With zeros around the signal in place of the circle, the norm is at most that of the circular convolution on a grid
longer by $`s-1`$. (c) Max-pooling is $`\sqrt r`$-Lipschitz in the Euclidean norm, and no less; pooling by means is
$`\sqrt{r/p}`$-Lipschitz, and no less where windows are disjoint. (d) A *residual block* $`x+U\rho(Wx)`$ is
$`(1+\lVert U\rVert_2\lVert W\rVert_2)`$-Lipschitz, the *softmax* $`\frac12`$-Lipschitz. (e) For the network
$`f(x)=V\,\mathrm{pool}(\rho(Wx))+c`$ with maxima, which puts $`x`$ into the class of its largest output, with margin
$`m(x)>0`$ over the others and $`\gamma_{out}=m(x)/\sqrt2`$, every $`y`$ that it does not put there has

```math
\lVert x-y\rVert\ \ge\ \frac{\gamma_{out}(x)}{\lVert V\rVert_2\sqrt r\,\lVert W\rVert_2}\ \ge\
\frac{\gamma_{out}(x)}{\lVert V\rVert_F\sqrt r\,\lVert W\rVert_F} .
```

*Proof.* (a) The unitary Fourier transform turns $`W`$ into blocks $`\hat k(\omega)`$. Every row of $`W`$ for an output
channel holds that channel's entries of $`k`$, and there are $`n`$ rows. (b) The matrix is a part of the larger one:
what wraps around meets zeros. (c) A maximum moves by no more than the entry that moves most, so the squares add up to
at most $`r\lVert u-v\rVert^2`$; one positive entry in $`r`$ windows attains it. The matrix of the means has row sums 1
and column sums at most $`r/p`$. (d) The Jacobian of the softmax with values $`s`$ is
$`\mathrm{diag}(s)-ss^T`$, whose rows have absolute sums $`2s_i(1-s_i)\le\frac12`$. (e) With the Lipschitz constant
$`\Lambda`$ of $`f`$, the difference of two outputs moves by at most $`\sqrt2\Lambda\lVert x-y\rVert`$, and it has to
move by $`m(x)`$. $`\square`$

**Sharp.** (e) is an equality for the kernel $`(1,1,1)`$, constant signals and a readout along them, and for a single
entry under overlapping windows.

**What the documents say.** (i) The slides put $`\prod_i\lVert W^i\rVert_2`$ and $`\prod_i\lVert W^i\rVert_F`$ into the
denominator, and note that $`W`$ often is a convolution. True of the matrix of the operator; with the Frobenius norm of
the *kernel*, which is what is stored and penalised, it fails: $`(1,1,1)`$ has the norm $`\sqrt3`$, the operator 3. (ii)
The survey says of such bounds that they are general to types of non-linearities and pooling. The product of the norms
of the weights needs the factor of the pooling layers as well: windows of two with stride 1 on $`(0,1,0,0)`$ have the
gain $`\sqrt2`$. For disjoint windows nothing is missing.

Kind: identities, and inequalities for every instance.

**Not covered.** Strides of convolutions above 1, which leave out rows and can only lower the norm; deeper networks,
whose factors multiply; zero padding in (e), which (b) reduces to it.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

from pydantic import Field

from theorems.bibliography import GIRYES2019, OURS, SEDGHI2019, SOKOLIC2017, VIDAL2017
from verify import Claim, Enclosure, Every, Figure, Formula, Identity, Parameters, Source, Theorem, control, misreading
from verify.core.arrays import eps, matvec, namespace, norm2, spectral_norm
from verify.kit import convolutions

SLIDE = Source(GIRYES2019, "slides 'Input margin bound' and 'Convolutional neural networks'")
SURVEY = Source(VIDAL2017, "Section V.B")
OTHER, DISJOINT = "y is not in the class of x", "disjoint windows"


class Params(Parameters):
    """The sizes of the random families."""

    n: int = Field(9, ge=4, le=16, description="positions of a signal")
    image: int = Field(4, ge=3, le=8, description="side of an image")
    channels: int = Field(2, ge=1, le=4, description="channels of the input; the convolution has one more")
    size: int = Field(3, ge=1, le=4, description="length of a kernel of a signal")
    classes: int = Field(3, ge=2, le=8, description="outputs")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """kernel (B, c_out, c_in, s) or (B, c_out, c_in, s_1, s_2), V (B, classes, ...), c (B, classes), x and y
    (B, c_in n); window and stride (1,), the same along both sides."""
    xp, full = draw.xp, draw.full
    window, stride = 1, 1
    if family == "constant signals":
        # By hand the kernel (1, 1, 1) on x = (1, 1, 1, 1): V rho(W x) = (12, -12), and half of it with y = x / 2.
        kernel = 1 + draw.coin()[:, None, None, None] * draw.uniform(1, 1, 3)
        x = full(1.0, 4)
        row = full(1.0, 1, 4)
        half = 2 * xp.sum(kernel, axis=-1)[..., 0]
    elif family == "one entry":
        # Windows of two with stride 1 on x = (0, a, 0, 0): two of them see a.
        a = 1 + draw.coin() * draw.uniform()
        kernel, window = full(1.0, 1, 1, 1), 2
        x = xp.stack([0 * a, a, 0 * a, 0 * a], axis=-1)
        row = xp.asarray([[[1.0, 1.0, 0.0]]], dtype=a.dtype, device=a.device) + full(0.0, 1, 1)
        half = a[:, None]
    else:
        return _random(draw, p, family)
    return {
        "kernel": kernel,
        "V": xp.concat([row, -row], axis=1),
        "c": xp.concat([-half, half], axis=1),
        "x": x,
        "y": x / 2,
        **_pooling(draw, window, stride),
    }


def _pooling(draw: Any, window: int, stride: int) -> dict[str, Any]:
    like = {"dtype": draw.xp.int64, "device": draw.backend.device}
    return {"window": draw.xp.asarray([window], **like), "stride": draw.xp.asarray([stride], **like)}


def _random(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """A network and two points; y is where the segment to another point leaves the class of x, if it does."""
    xp = draw.xp
    window, stride = {"signals": (3, 1), "images": (2, 2), "differences": (1, 1)}[family]
    inputs, outputs, sides, sizes = p.channels, p.channels + 1, (p.n,), (min(p.size, p.n),)
    if family == "images":
        sides, sizes = (p.image, p.image), (2, 3)
    kernel = draw.normal(outputs, inputs, *sizes)
    if family == "differences":
        inputs, outputs, sides = 1, 1, (5,)
        pair = xp.asarray([[[[1.0, -1.0]]]], dtype=kernel.dtype, device=kernel.device)
        kernel = pair + draw.coin()[:, None, None, None] * draw.whole(-1, 2, 1, 1, 2)
    pooled = outputs * math.prod((side - window) // stride + 1 for side in sides)
    x = {
        "kernel": kernel,
        "V": draw.normal(p.classes, pooled),
        "c": draw.normal(p.classes),
        "x": draw.normal(inputs * math.prod(sides)),
        **_pooling(draw, window, stride),
    }
    far, near = draw.normal(inputs * math.prod(sides)), x["x"]
    W, label = convolutions.dense(kernel, sides), _label(_forward(x, near)["outputs"])
    for _ in range(30):
        middle = (near + far) / 2
        inside = (_margin(_forward(x, middle, W)["outputs"], label) > 0)[:, None]
        near, far = xp.where(inside, middle, near), xp.where(inside, far, middle)
    return {**x, "y": far}


# ------------------------------------------------------------------------------------------- the network


def _geometry(x: Any) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """The grid, and the window and the stride along each of its sides."""
    sides = x["kernel"].ndim - 3
    positions = x["x"].shape[-1] // x["kernel"].shape[2]
    grid = (positions,) if sides == 1 else (math.isqrt(positions),) * 2
    return grid, (int(x["window"][0]),) * sides, (int(x["stride"][0]),) * sides


def _forward(x: Any, point: Any, W: Any = None) -> dict[str, Any]:
    """What the layers make of a point (B, c_in n)."""
    xp = namespace(point)
    grid, window, stride = _geometry(x)
    z = matvec(convolutions.dense(x["kernel"], grid) if W is None else W, point)
    hidden = xp.maximum(z, xp.zeros_like(z))
    pooled = convolutions.max_pool(hidden, grid, window, stride)
    return {
        "hidden": hidden,
        "pooled": pooled,
        "averaged": convolutions.average_pool(hidden, grid, window, stride),
        "outputs": matvec(x["V"], pooled) + x["c"],
    }


def _label(outputs: Any) -> Any:
    """1 at the largest output, the first of several, and 0 elsewhere."""
    xp = namespace(outputs)
    numbers = xp.arange(outputs.shape[-1], device=outputs.device)
    return xp.astype(xp.argmax(outputs, axis=-1)[:, None] == numbers, outputs.dtype)


def _margin(outputs: Any, label: Any) -> Any:
    """The output of the label less the largest other one."""
    xp = namespace(outputs)
    others = xp.where(label > 0, xp.full_like(outputs, -xp.inf), outputs)
    return xp.sum(outputs * label, axis=-1) - xp.max(others, axis=-1)


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """The class of y, and the windows."""
    xp = namespace(x["x"])
    outputs = [_forward(x, x[name])["outputs"] for name in ("x", "y")]
    overlap = convolutions.overlap(*_geometry(x))
    return {OTHER: -_margin(outputs[1], _label(outputs[0])), DISJOINT: xp.full_like(x["x"][:, 0], 1.0 - overlap)}


def solve(p: Params, x: Any) -> dict[str, Any]:
    """Norms from frequencies and from singular values of the whole matrix."""
    xp = namespace(x["x"])
    grid, _, _ = _geometry(x)
    kernel = x["kernel"]
    longer = tuple(n + s - 1 for n, s in zip(grid, kernel.shape[3:], strict=True))
    inside = [all(a < n for a, n in zip(at, grid, strict=True)) for at in itertools.product(*map(range, longer))]
    kept = [i for i, keep in enumerate(inside * kernel.shape[2]) if keep]
    padded = xp.take(convolutions.dense(kernel, longer), xp.asarray(kept, device=kernel.device), axis=2)
    norms = {
        "operator": convolutions.operator_norm(kernel, grid),
        "longer": convolutions.operator_norm(kernel, longer),
        "padded": spectral_norm(padded),
        "readout": spectral_norm(x["V"]),
    }
    return _quantities(x, convolutions.dense(kernel, grid), norms)


def _quantities(x: Any, W: Any, norms: dict[str, Any]) -> dict[str, Any]:
    """The named quantities from the matrix of the convolution and the norms."""
    xp = namespace(x["x"])
    kernel, V = x["kernel"], x["V"]
    grid, window, stride = _geometry(x)
    layers = [_forward(x, x[name], W) for name in ("x", "y")]
    apart = {name: norm2(layers[0][name] - layers[1][name]) for name in layers[0]}
    out = _margin(layers[0]["outputs"], _label(layers[0]["outputs"])) / 2**0.5
    blocks = [x[name] + matvec(xp.matrix_transpose(W), layer["hidden"])
              for name, layer in zip(("x", "y"), layers, strict=True)]  # fmt: skip
    frobenius = xp.sqrt(xp.sum(W * W, axis=(-2, -1)))
    # An entry of a layer is a sum of so many products; a magnitude is that of the same sum with all signs equal.
    terms = eps(W) * (W.shape[-1] + W.shape[-2] + 8)
    size = frobenius * (norm2(x["x"]) + norm2(x["y"]))
    wide = xp.sqrt(xp.sum(V * V, axis=(-2, -1)))
    r = convolutions.overlap(grid, window, stride)

    def about(value: Any, scale: Any) -> Enclosure:
        return Enclosure.around(value, 4 * terms * scale)

    def number(value: float) -> Any:
        return xp.full((1,), value, dtype=W.dtype, device=W.device)

    centred = [_softmax(layer["outputs"]) for layer in layers]
    still = xp.sum(kernel, axis=tuple(range(3, kernel.ndim)))
    return {
        **norms,
        "dense": about(spectral_norm(W), frobenius),
        "frequencies": about(norms["operator"], frobenius),
        "dense_frobenius": about(frobenius, frobenius),
        "frobenius": about(convolutions.frobenius_norm(kernel, grid), frobenius),
        "kernel_norm": convolutions.kernel_norm(kernel),
        "still": spectral_norm(still),
        "readout_frobenius": wide,
        "max_factor": number(convolutions.max_pool_lipschitz(grid, window, stride)),
        "mean_factor": number(convolutions.average_pool_lipschitz(grid, window, stride)),
        "hidden": apart["hidden"],
        "pooled": apart["pooled"],
        "averaged": apart["averaged"],
        "change": apart["outputs"],
        "soft": norm2(centred[0] - centred[1]),
        "block": norm2(blocks[0] - blocks[1]),
        "out": out,
        "distance": norm2(x["x"] - x["y"]),
        "delta": 8 * terms * (r**0.5 * wide * size + norm2(x["c"])),
        "delta_h": 8 * terms * r**0.5 * size,
        "delta_b": 8 * terms * (1 + frobenius) * (size + norm2(x["x"]) + norm2(x["y"])),
        "delta_w": 16 * terms * frobenius,
        "delta_s": 8 * (V.shape[-2] + 8) * eps(W) * (1 + sum(xp.max(xp.abs(z["outputs"]), axis=-1) for z in layers)),
    }


def _softmax(outputs: Any) -> Any:
    xp = namespace(outputs)
    raised = xp.exp(outputs - xp.max(outputs, axis=-1, keepdims=True))
    return raised / xp.sum(raised, axis=-1, keepdims=True)


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same for one instance: the matrices entry by entry, the transform as a sum of exponentials."""
    import numpy as np

    kernel = x["kernel"][0]
    grid, _, _ = _geometry(x)
    outputs, inputs, *sizes = kernel.shape
    longer = tuple(n + s - 1 for n, s in zip(grid, sizes, strict=True))

    def matrix(to: tuple[int, ...], wrap: bool) -> Any:
        W = np.zeros((outputs, *to, inputs, *grid))
        for at in np.ndindex(*grid):
            for q in np.ndindex(*sizes):
                place = tuple((i + j) % n if wrap else i + j for i, j, n in zip(at, q, to, strict=True))
                W[(slice(None), *place, slice(None), *at)] += kernel[(slice(None), slice(None), *q)]
        return W.reshape(outputs * math.prod(to), inputs * math.prod(grid))

    def operator(to: tuple[int, ...]) -> float:
        largest = 0.0
        for omega in np.ndindex(*to):
            total = np.zeros((outputs, inputs), dtype=complex)
            for q in np.ndindex(*sizes):
                turn = sum(a * b / n for a, b, n in zip(omega, q, to, strict=True))
                total += kernel[(slice(None), slice(None), *q)] * np.exp(-2j * np.pi * turn)
            largest = max(largest, float(np.linalg.norm(total, 2)))
        return largest

    norms = {
        "operator": operator(grid),
        "longer": operator(longer),
        "padded": np.linalg.norm(matrix(longer, False), 2),
        "readout": math.sqrt(np.linalg.eigvalsh(x["V"][0] @ x["V"][0].T)[-1]),
    }
    return _quantities(x, matrix(grid, True)[None], {name: np.asarray([v]) for name, v in norms.items()})


def relabel(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The classes in another order."""
    K = x["c"].shape[-1]
    order = draw.shared.subset(K, K)[0, :]
    take = namespace(x["c"]).take
    return {**x, "V": take(x["V"], order, axis=1), "c": take(x["c"], order, axis=1)}


def reorder(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The input channels in another order."""
    xp, inputs = namespace(x["x"]), x["kernel"].shape[2]
    order = draw.shared.subset(inputs, inputs)[0, :]

    def moved(point: Any) -> Any:
        channels = xp.reshape(point, (point.shape[0], inputs, -1))
        return xp.reshape(xp.take(channels, order, axis=1), point.shape)

    return {**x, "kernel": xp.take(x["kernel"], order, axis=2), "x": moved(x["x"]), "y": moved(x["y"])}


PRODUCT = Formula("readout * max_factor * operator * distance + delta")

THEOREM = Theorem(
    "margin_chain_conv",
    "Convolutions and pooling in the margin bound: operator norms, and a factor for overlapping windows",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    families={
        "signals": "several channels, windows of three with stride 1",
        "images": "two dimensions, disjoint windows of four",
        "differences": "kernels near (1, -1) on five positions",
        "constant signals": "the equality of (e): by hand (1, 1, 1) on four positions",
        "one entry": "the equality of (e) for overlapping windows",
    },
    instances=3000,
    claims=(
        Claim("operator norm", Identity(), "dense", Formula("frequencies"), relation="=="),
        Claim("Frobenius norm", Identity(), "dense_frobenius", Formula("frobenius"), relation="=="),
        Claim("zero padding", Every(), "padded", Formula("longer + delta_w")),
        Claim("max-pooling", Every(), "pooled", Formula("max_factor * hidden + delta_h")),
        Claim("pooling by means", Every(), "averaged", Formula("mean_factor * hidden + delta_h")),
        Claim("residual block", Every(), "block", Formula("(1 + operator**2) * distance + delta_b")),
        Claim("softmax", Every(), "soft", Formula("change / 2 + delta_s")),
        Claim("the network", Every(), "change", PRODUCT),
        Claim("input margin", Every(), "out", PRODUCT, (OTHER,)),
        Claim(
            "slide: products of Frobenius norms",
            Every(),
            "out",
            PRODUCT.where(readout="readout_frobenius", operator="frobenius"),
            (OTHER,),
            origin="giryes2019",
            source=SLIDE,
        ),
        Claim(
            "survey: any pooling, disjoint windows",
            Every(),
            "out",
            PRODUCT.where(max_factor=1),
            (OTHER, DISJOINT),
            origin="vidal2017",
            source=SURVEY,
        ),
        misreading(
            "slide: the norm of the kernel",
            Every(),
            "out",
            PRODUCT.where(readout="readout_frobenius", operator="kernel_norm"),
            (OTHER,),
            source=SLIDE,
            grade="loose",
            reading="the Frobenius norm of a convolution is that of the numbers in its kernel",
            because="every number of the kernel stands in n rows of the matrix: (1, 1, 1) has gain 3 and norm sqrt 3",
            holds_when="W is the matrix of the operator: sqrt n times the norm of the kernel",
        ),
        misreading(
            "survey: any pooling",
            Every(),
            "out",
            PRODUCT.where(max_factor=1),
            (OTHER,),
            source=SURVEY,
            grade="loose",
            reading="the product of the norms of the weights bounds the margin whatever the pooling",
            because="an entry that several windows share is counted several times",
            holds_when="windows are disjoint, pooling has its factor, or the Jacobian of the whole network is taken",
        ),
        control(
            "the gain of constant signals",
            Every(),
            "change",
            PRODUCT.where(operator="still"),
            (),
            "other frequencies may have more: (1, -1) has gain 0 there, and 2 for alternating signals",
        ),
        control(
            "zero padding: the same grid",
            Every(),
            "padded",
            Formula("operator + delta_w"),
            (),
            "the circle may be too short for the worst frequency: (1, -1) on an odd number of positions",
        ),
        control(
            "the readout left out",
            Every(),
            "out",
            PRODUCT.where(readout=1),
            (OTHER,),
            "the last layer stretches like the others",
        ),
        control(
            "softmax with a quarter",
            Every(),
            "soft",
            Formula("change / 4 + delta_s"),
            (),
            "a quarter is the slope of one sigmoid: two outputs move apart by both of theirs",
        ),
    ),
    sources=(
        Source(SEDGHI2019, "Theorem 6", "the singular values of a circular convolution; from memory"),
        Source(SOKOLIC2017, "Theorem 4", "the chain of margins; from memory"),
        SLIDE,
        SURVEY,
        Source(OURS, "(a) to (e), above"),
    ),
    symbols={
        "dense": (r"\lVert W\rVert_2", "largest singular value of the matrix of the convolution"),
        "frequencies": (r"\max_\omega\lVert\hat k(\omega)\rVert_2", "the same from the frequencies"),
        "operator": (r"\max_\omega\lVert\hat k(\omega)\rVert_2", "norm of the convolution"),
        "dense_frobenius": (r"\lVert W\rVert_F", "Frobenius norm of the matrix of the convolution"),
        "frobenius": (r"\sqrt n\,\lVert k\rVert_F", "the same from the kernel"),
        "kernel_norm": (r"\lVert k\rVert_F", "Frobenius norm of the kernel"),
        "still": (r"\lVert\hat k(0)\rVert_2", "gain of constant signals"),
        "longer": (r"\lVert W_{n+s-1}\rVert_2", "norm of the convolution on the longer grid"),
        "padded": (r"\lVert W_0\rVert_2", "norm with zeros around the signal"),
        "readout": (r"\lVert V\rVert_2", "norm of the readout"),
        "readout_frobenius": (r"\lVert V\rVert_F", "Frobenius norm of the readout"),
        "max_factor": (r"\sqrt r", "factor of max-pooling"),
        "mean_factor": (r"\sqrt{r/p}", "factor of pooling by means"),
        "hidden": (r"\lVert u-v\rVert", r"distance of the hidden layers $`u=\\rho(Wx)`$ and $`v=\\rho(Wy)`$"),
        "pooled": (r"\lVert\max(u)-\max(v)\rVert", "distance after max-pooling"),
        "averaged": (r"\lVert\mathrm{mean}(u)-\mathrm{mean}(v)\rVert", "distance after pooling by means"),
        "change": (r"\lVert f(x)-f(y)\rVert", "distance of the outputs"),
        "soft": (r"\lVert\sigma(f(x))-\sigma(f(y))\rVert", "distance after the softmax"),
        "block": (r"\lVert x+W^Tu-y-W^Tv\rVert", "distance after a residual block"),
        "out": (r"\gamma_{out}(x)", "output margin over the root of two"),
        "distance": (r"\lVert x-y\rVert", "distance of the points"),
        "delta": (r"\delta", "rounding of the outputs"),
        "delta_h": (r"\delta'", "rounding of the hidden layers"),
        "delta_b": (r"\delta''", "rounding of the residual block"),
        "delta_w": (r"\delta'''", "rounding of a norm"),
        "delta_s": (r"\delta_\sigma", "rounding of the softmax"),
    },
    figures=(
        Figure(
            "margin",
            "cloud",
            ("input margin", "slide: the norm of the kernel", "survey: any pooling"),
            "The output margin against the product of the norms times the distance of a point of another class: with "
            "the norms of the operators and the factor of the pooling it stays below the diagonal.",
            x="product times distance",
            y="output margin",
        ),
    ),
    invariances={"relabel classes": relabel, "reorder channels": reorder},
    not_tested=("grids above 16 positions", "more than one convolution"),
)
