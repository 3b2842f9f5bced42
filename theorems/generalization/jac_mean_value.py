r"""The mean-value bound on a segment: no Jacobian on it is needed at a point chosen in advance, one somewhere suffices.

Let $`z:\mathbb R^d\to\mathbb R^C`$ be a ReLU network with Jacobian $`J`$, $`x\ne x'`$ two points,
$`\Delta x=x'-x`$ and $`\Delta z=z(x')-z(x)`$. Along the segment $`z`$ is affine on finitely many pieces, of lengths
$`w_1,\dots,w_T`$ relative to the whole, with Jacobians $`J_1,\dots,J_T`$. (Where a piece runs inside the kink of a
neuron, $`J_i`$ is the Jacobian of any region beside it.)

**Theorem.**

```math
\Delta z=\Bigl(\sum_iw_iJ_i\Bigr)\Delta x=\Bigl(\int_0^1J(x+t\Delta x)\,dt\Bigr)\Delta x,\qquad
\frac{\lVert\Delta z\rVert}{\lVert\Delta x\rVert}\ \le\ \sum_iw_i\lVert J_i\rVert_2\ \le\ \max_i\lVert J_i\rVert_2
\ \le\ \max_i\lVert J_i\rVert_F .
```

*Proof.* On piece $`i`$ the network moves by $`w_iJ_i\Delta x`$, also inside a kink: there the neuron is 0 along the
piece, and its derivative in the direction $`\Delta x`$ is 0 on both sides. Sum, and take norms. $`\square`$

**What the slide says.** There is an $`x''`$ on the segment with
$`\lVert\Delta z\rVert^2/\lVert\Delta x\rVert^2\le\sum_k\lVert\nabla z_k(x'')\rVert^2=\lVert J(x'')\rVert_F^2`$. This is
true as it stands: take $`x''`$ on the piece whose Jacobian has the largest norm. It is not the mean-value theorem for
each $`z_k`$, which would give another point for each; and the equality $`\Delta z=J(x'')\Delta x`$ is false for more
than one output, even if a kink may stand for all Jacobians between those beside it: on a closed curve, such as
$`(\cos t,\sin t)`$ on $`[0,2\pi]`$, $`\Delta z=0`$ and the slope is nowhere 0. The slide does not need it.

**How it is measured.** The pieces are found layer by layer, as the zeros of functions that are affine between the
zeros found before, so the maxima are over *all* pieces. A maximum over sampled points would be too small and would
fake violations. Every rounding error is bounded by the same sums with magnitudes in place of numbers
($`\delta`$ for the outputs, the ends of $`\lVert J\rVert`$).

Kind: an identity, relative to the terms of its sums, and inequalities for every segment.

**Sharp.** All three are equalities when the segment lies in one piece, along the first right singular vector of a
Jacobian of rank one.

**Not covered.** Smooth activations, where the sum is an integral; residual connections and pooling.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

from pydantic import Field

from theorems.bibliography import GIRYES2019, JAKUBOVITZ2018, OURS
from theorems.expressivity import _networks as networks
from verify import Claim, Enclosure, Every, Figure, Formula, Identity, Parameters, Source, Theorem, control
from verify.core.arrays import eps, namespace, norm2, smallest_normal, spectral_norm, to_numpy
from verify.kit.jacobians import NORM_ERROR, breakpoints, jacobians, jacobians_of, sup_on_segments
from verify.kit.random_networks import he_network
from verify.kit.relu import Network

SLIDE = Source(GIRYES2019, "slide 'Why does it work?'")
APART = "x' is not x"
SMOOTH = "no kink at x or x'"


class Params(Parameters):
    """Sizes of the random networks; the other families have their own."""

    d: int = Field(6, ge=1, le=512, description="number of inputs")
    width: int = Field(10, ge=1, le=512, description="neurons of each of the two hidden layers")
    outputs: int = Field(4, ge=1, le=512, description="number of outputs")


# ------------------------------------------------------------------------------------------------------- instances


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """A network with its read-out V, c, and the ends ``start`` and ``end`` (B, d) of a segment."""
    if family == "one piece":
        return _one_piece(draw, p)
    if family == "closed curve":
        return _closed_curve(draw)
    if family == "step":
        return _step(draw)
    if family == "random":
        network = he_network(draw, p.d, (p.width, p.width), draw.choose((0.0, 0.3)))
        readout = (draw.normal(p.outputs, p.width) / p.width**0.5, draw.full(0.0, p.outputs))
        start, reach = draw.normal(p.d), draw.choose((0.1, 1.0, 4.0))
        step = reach[:, None] * draw.sphere(p.d)
        return {
            **networks.named(Network(network.weights, network.biases, readout)),
            "start": start,
            "end": start + step,
        }
    network = networks.random_network(draw, 2, 1 if family == "whole numbers" else 2, 3, (2,), outputs=2)
    x = networks.named(network)
    start, end = (draw.whole(-3, 4, 2) for _ in range(2))
    if family == "inside a kink":
        xp, step = draw.xp, end - start
        across = xp.stack([-step[:, 1], step[:, 0]], axis=-1)
        x["W1"] = xp.concat([across[:, None, :], x["W1"][:, 1:, :]], axis=1)
        x["b1"] = xp.concat([-xp.sum(across * start, axis=-1, keepdims=True), x["b1"][:, 1:]], axis=1)
    return {**x, "start": start, "end": end}


def _one_piece(draw: Any, p: Params) -> dict[str, Any]:
    """z = A (x + 8), whose neurons are all active near 0, from 0 along the first right singular vector of A: in half of
    the draws A = u v^T and x' = v, of small whole numbers; all of it or a 64th of it."""
    xp = draw.xp

    def whole(n: int) -> Any:
        return draw.choose((-2.0, -1.0, 1.0, 2.0), n)

    u, v = whole(p.outputs), whole(p.d)
    A, factor = draw.normal(p.outputs, p.d), draw.choose((1.0, 1 / 64))
    top = xp.linalg.svd(A, full_matrices=False)[2][:, 0, :]
    coin = draw.coin()[:, None]
    A = factor[:, None, None] * xp.where(coin[..., None] > 0, A, u[:, :, None] * v[:, None, :])
    one = xp.eye(p.d, dtype=A.dtype, device=A.device)
    identity = xp.broadcast_to(one[None, ...], (draw.size, p.d, p.d))
    network = Network((identity,), (draw.full(8.0, p.d),), (A, draw.full(0.0, p.outputs)))
    return {**networks.named(network), "start": draw.full(0.0, p.d), "end": xp.where(coin > 0, top, v)}


def _closed_curve(draw: Any) -> dict[str, Any]:
    """(cos, sin) in four straight pieces, from (1, 0) around and back; by hand each piece takes a time of 1."""
    xp = draw.xp
    times = 1 + draw.coin()[:, None] * draw.uniform(4)
    begin = xp.cumulative_sum(times, axis=-1) - times
    turns = draw.backend.asarray([[-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [1.0, 1.0]])
    slopes = xp.matrix_transpose(turns / times[..., None])
    changes = xp.concat([slopes[..., :1], slopes[..., 1:] - slopes[..., :-1]], axis=-1)
    network = Network(
        (draw.full(1.0, 4, 1),), (-begin,), (changes, draw.full(0.0, 2) + draw.backend.asarray([1.0, 0.0]))
    )
    return {**networks.named(network), "start": draw.full(0.0, 1), "end": xp.sum(times, axis=-1, keepdims=True)}


def _step(draw: Any) -> dict[str, Any]:
    """z = relu(a x + 1) - relu(a x - 1), from -r to r, where it is flat; by hand a = 1 and r = 2."""
    coin, xp = draw.coin()[:, None], draw.xp
    slope, reach = 1 + coin * draw.uniform(1, high=9.0), 2 + coin * draw.uniform(1)
    ones = draw.backend.asarray([1.0, -1.0])
    network = Network(
        (xp.stack([slope, slope], axis=1),),
        (draw.full(0.0, 2) + ones,),
        (draw.full(0.0, 1, 2) + ones, draw.full(0.0, 1)),
    )
    return {**networks.named(network), "start": -reach, "end": reach}


# ------------------------------------------------------------------------------------------------------- quantities


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """The length of the segment, and how far the pre-activations at its ends are from 0, less their rounding errors."""
    xp, network = namespace(x["start"]), networks.network(x)
    ends = xp.stack([x["start"], x["end"]], axis=1)
    least = smallest_normal(ends)  # a margin of exactly 0 would count as met
    error = network.pre_activation_errors(xp.max(xp.abs(ends), axis=1, keepdims=True))
    away = xp.abs(network.pre_activations(ends)) - error
    return {APART: norm2(x["end"] - x["start"]) - least, SMOOTH: xp.min(away, axis=(1, 2)) - least}


def _measure(x: Any, weights: Any, J: Any, spectral: Any, frobenius: Any) -> dict[str, Any]:
    """The quantities, from the weights (B, T) of the pieces, 0 for none, their Jacobians (B, T, C, d), and the largest
    norms."""
    xp, network = namespace(x["start"]), networks.network(x)
    ends = xp.stack([x["start"], x["end"]], axis=1)
    z, step = network.outputs(ends), x["end"] - x["start"]
    change = z[:, 1, :] - z[:, 0, :]
    moves = xp.matmul(J, step[:, None, :, None])[..., 0]
    real = weights > 0
    at_ends = jacobians(network, ends)
    error = network.output_errors(xp.max(xp.abs(ends), axis=1, keepdims=True))[:, 0, :]
    # A piece begins and ends where a pre-activation is 0 up to its rounding error, which passes to the outputs.
    pieces = xp.sum(xp.astype(real, weights.dtype), axis=-1)
    delta = 4 * (1 + pieces) * norm2(error)
    defect = norm2(change - xp.sum(weights[..., None] * moves, axis=1))
    rows = xp.where(real[..., None], norm2(J), xp.zeros_like(norm2(J)))
    at_both = xp.sqrt(xp.sum(at_ends * at_ends, axis=(-2, -1)))
    secant, length = norm2(change), norm2(step)
    return {
        "secant": secant,
        "length": length,
        "quotient": (secant / xp.where(length > 0, length, xp.ones_like(length))) ** 2,
        "mean": xp.sum(weights * spectral_norm(J), axis=-1),
        "spectral": spectral,
        "frobenius": frobenius,
        "defect": Enclosure(defect, xp.maximum(defect - delta, xp.zeros_like(delta)), defect + delta),
        "size": norm2(error) / eps(error),
        "gap": _gap(change, moves),
        "here": at_both[:, 0],
        "ends": xp.max(at_both, axis=-1),
        "steepest": xp.max(rows, axis=(1, 2)),
        "pieces": pieces,
        "delta": delta,
    }


def _gap(change: Any, moves: Any) -> Any:
    """How far ``change`` (B, C) is from the moves J dx (B, T, C) and, at a breakpoint, from all between the two beside
    it: the least distance from the polygon that joins them, (B,)."""
    xp = namespace(moves)
    following = xp.concat([moves[:, 1:, :], moves[:, -1:, :]], axis=1)
    side, off = following - moves, change[:, None, :] - moves
    square = xp.sum(side * side, axis=-1)
    share = xp.sum(side * off, axis=-1) / xp.where(square > 0, square, xp.ones_like(square))
    share = xp.clip(share, 0.0, 1.0)
    return xp.min(norm2(off - share[..., None] * side), axis=-1)


def solve(p: Params, x: Any) -> dict[str, Any]:
    """All pieces from the batched breakpoints; the largest norms over them with what rounding can have done."""
    xp, network = namespace(x["start"]), networks.network(x)
    start, end = x["start"][:, None, :], x["end"][:, None, :]
    t = breakpoints(network, start, end)[:, 0, :]
    weights = t[:, 1:] - t[:, :-1]
    middle = (t[:, 1:] + t[:, :-1]) / 2
    z = network.pre_activations(start + middle[..., None] * (end - start))
    error = network.pre_activation_errors(xp.maximum(xp.abs(start), xp.abs(end)))
    J = jacobians_of(network, xp.astype(z > error, z.dtype))
    y = xp.zeros((len(network), 1), dtype=xp.int64, device=z.device)
    top = sup_on_segments(network, start, end, y)
    # A product of matrices has the rounding errors of the product of their magnitudes.
    magnitudes = Network(tuple(map(xp.abs, network.weights)), network.biases, (xp.abs(x["V"]), x["c"]))
    product = jacobians_of(magnitudes, xp.ones_like(z[:, :1, :]))[:, 0, ...]
    operations = sum(W.shape[-1] + 2 for W in (*network.weights, x["V"]))
    lost = operations * eps(z) * xp.sqrt(xp.sum(product * product, axis=(-2, -1)))

    def enclosed(norm: Any) -> Enclosure:
        return Enclosure.around(norm, NORM_ERROR * max(J.shape[-2:]) * eps(norm) * norm + lost)

    return _measure(x, weights, J, enclosed(top.spectral[:, 0]), enclosed(top.frobenius[:, 0]))


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same for one segment, with breakpoints and patterns in exact rationals."""
    import numpy as np

    pieces = _exact_pieces(x)
    weights = np.asarray([[float(b - a) for a, b, _ in pieces]])
    layers = len(networks.network(x).weights)
    found = []
    for *_, pattern in pieces:
        J = x["W1"][0]
        for number, active in enumerate(pattern, 1):
            following = x["V"] if number == layers else x[f"W{number + 1}"]
            J = following[0] @ (np.asarray(active, dtype=float)[:, None] * J)
        found.append(J)
    norms = [[np.linalg.norm(J, order) for J in found] for order in (2, "fro")]
    spectral, frobenius = (Enclosure.around(np.asarray([max(n)]), 1e-12 * np.asarray([max(n)])) for n in norms)
    return _measure(x, weights, np.asarray([found]), spectral, frobenius)


def _exact_pieces(x: Any) -> list[tuple[Fraction, Fraction, list[list[bool]]]]:
    """Begin, end and pattern (layer by layer) of the pieces of the one segment. On each piece a layer has the affine
    forms a + b t; a neuron that is 0 all along is inactive."""
    start, end = ([Fraction(v) for v in x[name][0].tolist()] for name in ("start", "end"))
    whole = [(a, b - a) for a, b in zip(start, end, strict=True)]
    pieces: list[Any] = [(Fraction(0), Fraction(1), [], whole)]
    network = networks.network(x)
    for W, bias in zip(network.weights, network.biases, strict=True):
        rows = [[Fraction(v) for v in row] for row in to_numpy(W)[0].tolist()]
        shifts = [Fraction(v) for v in to_numpy(bias)[0].tolist()]
        cut = []
        for low, high, pattern, forms in pieces:
            z = [
                (sum(w * a for w, (a, _) in zip(row, forms, strict=True)) + s,
                 sum(w * b for w, (_, b) in zip(row, forms, strict=True)))
                for row, s in zip(rows, shifts, strict=True)
            ]  # fmt: skip
            zeros = {-a / b for a, b in z if b and low < -a / b < high}
            for left, right in pairwise([low, *sorted(zeros), high]):
                middle = (left + right) / 2
                active = [a + b * middle > 0 for a, b in z]
                after = [(a, b) if on else (Fraction(0), Fraction(0)) for (a, b), on in zip(z, active, strict=True)]
                cut.append((left, right, [*pattern, active], after))
        pieces = cut
    return [(low, high, pattern) for low, high, pattern, _ in pieces]


# ------------------------------------------------------------------------------------------------------- invariances


def rescale(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Twice the segment in half the units."""
    return {**x, "W1": x["W1"] / 2, "start": 2 * x["start"], "end": 2 * x["end"]}


def turn_back(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The segment the other way round."""
    return {**x, "start": 1.0 * x["end"], "end": 1.0 * x["start"]}


THEOREM = Theorem(
    "jac_mean_value",
    "The mean-value bound on a segment, with all pieces of it",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    families={
        "random": "He networks with two hidden layers, with and without biases; segments short and long",
        "whole numbers": "one hidden layer of three neurons, weights between -2 and 2, segments between grid points",
        "inside a kink": "two such layers, and a neuron that is 0 all along the segment",
        "one piece": "an affine map along its first singular vector, half of them of rank one: all are equalities",
        "closed curve": "one input, two outputs that go around and come back",
        "step": "one input and one output that is flat, rises and is flat again",
    },
    shares={"one piece": 0.5, "closed curve": 0.3, "step": 0.2},
    instances=9000,
    claims=(
        Claim("the integral of the Jacobian", Identity(), "size", Formula("size + defect"), (), "=="),
        Claim("mean of the spectral norm", Every(), "secant", Formula("mean * length + delta")),
        Claim("largest spectral norm", Every(), "secant", Formula("spectral * length + delta")),
        Claim("largest Frobenius norm", Every(), "secant", Formula("frobenius * length + delta")),
        Claim(
            "slide: the quotient of the squares",
            Every(),
            "quotient",
            Formula("(frobenius + delta / length)**2"),
            (APART,),
            origin="giryes2019",
            source=SLIDE,
        ),
        control(
            "the Jacobian at x",
            Every(),
            "secant",
            Formula("here * length + delta"),
            (SMOOTH,),
            "the network may be steeper further on: it may be flat at x",
        ),
        control(
            "the Jacobians at both ends",
            Every(),
            "secant",
            Formula("ends * length + delta"),
            (SMOOTH,),
            "the steep piece may lie between them",
        ),
        control(
            "equality with a Jacobian of the segment",
            Every(),
            "gap",
            Formula("delta"),
            (),
            "each output has a mean slope somewhere, but not all at the same point: a closed curve has none",
        ),
        control(
            "the steepest output alone",
            Every(),
            "secant",
            Formula("steepest * length + delta"),
            (),
            "all outputs may be steep together: z = (t, t) has gradients of norm 1 and moves by sqrt(2)",
        ),
    ),
    sources=(
        Source(JAKUBOVITZ2018, "Section 3", "from memory; proved on this page"),
        SLIDE,
        Source(OURS, "the proof and the exact pieces, above"),
    ),
    symbols={
        "secant": (r"\lVert\Delta z\rVert", "how far the outputs move"),
        "length": (r"\lVert\Delta x\rVert", "length of the segment"),
        "quotient": (r"\lVert\Delta z\rVert^2/\lVert\Delta x\rVert^2", "the slide's quotient"),
        "mean": (r"\textstyle\sum_iw_i\lVert J_i\rVert_2", "mean of the spectral norm along the segment"),
        "spectral": (r"\textstyle\max_i\lVert J_i\rVert_2", "largest spectral norm on the segment"),
        "frobenius": (r"\textstyle\max_i\lVert J_i\rVert_F", "largest Frobenius norm on the segment"),
        "defect": (r"\textstyle\lVert\Delta z-\sum_iw_iJ_i\Delta x\rVert", "what the integral misses"),
        "size": (r"\lVert M\rVert", "sums of the magnitudes of all products that make the outputs, as a scale"),
        "gap": (
            r"\textstyle\min_J\lVert\Delta z-J\Delta x\rVert",
            "what the best single Jacobian misses, of a piece or between those of two neighbours",
        ),
        "here": (r"\lVert J(x)\rVert_F", "Frobenius norm at the start"),
        "ends": (r"\max(\lVert J(x)\rVert_F,\lVert J(x')\rVert_F)", "the larger one at the two ends"),
        "steepest": (r"\textstyle\max_{i,k}\lVert\nabla z_k\rVert", "largest gradient of a single output"),
        "pieces": ("T", "number of pieces of the segment"),
        "delta": (r"\delta", "rounding of the outputs and of the pieces"),
        **networks.symbols(2),
        "V": ("V", "weights of the read-out"),
        "c": ("c", "biases of the read-out"),
        "start": ("x", "start of the segment"),
        "end": ("x'", "end of the segment"),
    },
    figures=(
        Figure(
            "norms",
            "ratio",
            ("mean of the spectral norm", "largest spectral norm", "largest Frobenius norm"),
            "How much of each bound is used, over the number of pieces of the segment. In one piece only the direction "
            "counts; with many, the largest norm is no longer near the mean.",
            x="pieces of the segment",
            y="|z(x') - z(x)| / bound",
            against="pieces",
        ),
        Figure(
            "start",
            "cloud",
            ("the Jacobian at x",),
            "With the Jacobian at x alone in the bound: above the diagonal the network is steeper further on.",
            x="|J(x)| |x' - x|",
            y="|z(x') - z(x)|",
        ),
    ),
    survivors={
        f"slide: the quotient of the squares: without {APART!r}": "where x' is x nothing moves",
        "the integral of the Jacobian: defect dropped from size + defect": "a number is equal to itself",
    },
    invariances={"rescale": rescale, "turn back": turn_back},
    not_tested=("smooth activations", "networks with more than two hidden layers in this run"),
)
