r"""The first-order distance to the decision boundary: at least the output gap over $`\sqrt2\lVert J\rVert_F`$.

Let $`z:\mathbb R^d\to\mathbb R^C`$ be the outputs of a ReLU classifier that is differentiable at $`x`$, with Jacobian
$`J`$ and rows $`J_k`$, and let $`k^*`$ be the class of the strictly largest output. The boundary of the network
*linearised at* $`x`$ between the classes $`k^*`$ and $`k`$ is a hyperplane. The distance to the nearest one is

```math
d^*=\min_{k\ne k^*}\frac{z_{k^*}(x)-z_k(x)}{\lVert J_{k^*}-J_k\rVert}.
```

Let $`\gamma`$ be the input margin, the distance from $`x`$ to the nearest point at which another class is at least as
good, and $`r`$ the distance from $`x`$ to the nearest kink: the boundary of its linear region.

**Theorem.** With $`\mathrm{gap}=\min_{k\ne k^*}(z_{k^*}-z_k)`$,

```math
d^*\ \ge\ \frac{\mathrm{gap}}{\sqrt2\,\lVert J\rVert_2}\ \ge\ \frac{\mathrm{gap}}{\sqrt2\,\lVert J\rVert_F};\qquad
d^*\le r\ \Rightarrow\ \gamma=d^*;\qquad d^*>r\ \Rightarrow\ \gamma\ge r .
```

*Proof.* $`J_{k^*}-J_k=(e_{k^*}-e_k)^TJ`$, and $`e_{k^*}-e_k`$ has norm $`\sqrt2`$. In the open ball of radius $`r`$
the network is the linearised one, and at distance less than $`d^*`$ that one has the class $`k^*`$: so
$`\gamma\ge\min(d^*,r)`$. If $`d^*\le r`$, the nearest point of the linearised boundary lies in the closed region, where
the network is still the linearised one. $`\square`$

The distance to the nearest kink is $`r=\min_i\lvert a_i\rvert/\lVert\nabla a_i\rVert`$ over the pre-activations
$`a_i`$ of all layers.

**Sharp.** The first two are equalities if and only if $`J_k=-J_{k^*}`$ for the class of the minimum, and, for the
second, all other rows vanish.

**What the slide says.** That $`d^*`$, "a first-order approximation of the distance to the closest decision boundary",
is at least $`\mathrm{gap}/(\sqrt2\lVert J(x)\rVert_F)`$. This is true. It must not be read as a bound on the distance
itself: $`z_1=0.5+0.01(x-1)-100\,\mathrm{relu}(0.9-x)`$, $`z_2=0`$ at $`x=1`$ has $`d^*=50`$ and the bound 35.4, and the
boundary is 0.105 away. A bound on $`\gamma`$ needs the largest Jacobian on the way, not the one at $`x`$: see
`input_margin`. Nor is $`d^*`$ an upper bound: beyond a kink the network may be flatter.

**How it is measured.** $`\gamma`$ is enclosed by a walk over the linear regions (see `input_margin`); $`d^*`$ and
$`r`$ are enclosed by bounds on all rounding errors. Wordings about $`\gamma`$ are refuted only where a point that is
misclassified by $`\tau`$ lies too near.

Kind: inequalities for every instance; an identity inside the linear region.

**Not covered.** Other norms than the Euclidean one, for which the dual norm of $`J_{k^*}-J_k`$ takes its place; other
activations, where there is no region on which $`d^*`$ is exact.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from theorems.bibliography import GIRYES2019, JAKUBOVITZ2018, OURS
from theorems.expressivity import _networks as networks
from theorems.generalization import _classifiers as classifiers
from verify import Claim, Enclosure, Every, Figure, Formula, Identity, Parameters, Source, Theorem, control, misreading
from verify.core.arrays import eps, matvec, namespace, norm2, spectral_norm
from verify.kit.attacks import predicted
from verify.kit.jacobians import jacobians
from verify.kit.relu import Network

SLIDE = Source(GIRYES2019, "slide 'Why does it work?' (of Jacobian regularisation), the distance")

CLEAR, SMOOTH, SLOPED = "x has a largest output", "no kink at x", "the linearised network has a boundary"
INSIDE, OUTSIDE = "d* <= r", "d* > r"
AT_X = (CLEAR, SMOOTH, SLOPED)
BY_FROBENIUS, BY_SPECTRAL = "slide: gap over sqrt(2) |J|_F", "with the spectral norm"
INSIDE_CLAIM, OUTSIDE_CLAIM = "inside the region d* is the margin", "else the margin is at least r"
ALGEBRA = "it holds for any outputs and any matrix J; where the linearised network has no boundary, d* is infinite"


class Params(Parameters):
    """The sizes of the random families, and what counts as misclassified."""

    d: int = Field(3, ge=1, le=8, description="inputs of the family 'random'")
    width: int = Field(6, ge=1, le=16, description="neurons of each of its two hidden layers")
    classes: int = Field(3, ge=2, le=10, description="its classes")
    tau: float = Field(
        0.001, gt=0, le=1, description="a wording is refuted only by points that are misclassified by at least tau"
    )


# ------------------------------------------------------------------------------------------------------- instances


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """A network W1, b1, ..., V, c and the point x (B, d)."""
    if family == "random":
        network = classifiers.gaussian(draw, p.d, (p.width, p.width), p.classes, 0.3 * draw.coin())
        x, z = draw.normal(p.d), draw.normal(p.d)
        return classifiers.named(classifiers.opposed(network, x, z), x)
    if family == "trained":
        network, data = classifiers.trained(draw, (8, 8), 24)
        return classifiers.named(network, data[:, 0, :])
    if family == "whole numbers":
        network = networks.random_network(draw, 2, 1, 4, (2, 5), full=True, outputs=2)
        x, z = (draw.whole(-3, 4, 2) for _ in range(2))
        return classifiers.named(classifiers.opposed(network, x, z), x)
    if family == "a kink on the way":
        return _kink(draw)
    return _affine(draw, opposite=family == "opposite rows")


def _kink(draw: Any) -> dict[str, Any]:
    """z_1 = 0.5 + 0.01 (x - 1) - s relu(0.9 - x) and z_2 = 0 at x = 1; by hand s = 100."""
    xp, zero = draw.xp, draw.full(0.0)
    steep = 100 + draw.coin() * draw.uniform(low=-60.0, high=100.0)
    V = xp.stack([xp.stack([zero + 0.01, -steep], axis=-1), xp.stack([zero, zero], axis=-1)], axis=1)
    fixed = networks.fixed(draw, [([[1.0], [-1.0]], [0.0, 0.9])], ([[0.0, 0.0]] * 2, [0.49, 0.0]))
    return classifiers.named(Network(fixed.weights, fixed.biases, (V, fixed.readout[1])), draw.full(1.0, 1))


def _affine(draw: Any, opposite: bool) -> dict[str, Any]:
    """z = A (x + 40) + c, whose kinks are far away: rows of very different sizes, or two opposite rows of small whole
    numbers and, by hand, no others."""
    xp = draw.xp
    if opposite:
        row = draw.choose((-2.0, -1.0, 1.0, 2.0), 3)
        rest = draw.coin()[:, None, None] * draw.normal(2, 3) * 0.01
        A = xp.concat([row[:, None, :], -row[:, None, :], rest], axis=1)
        top = draw.backend.asarray([1.0, -1.0, -8.0, -8.0])
        x, z = draw.full(0.0, 3), draw.full(0.0, 4) + top
    else:
        A = draw.log_uniform(5, 1, low=0.01, high=10.0) * draw.normal(5, 4)
        x, z = draw.normal(4), draw.normal(5) * draw.log_uniform(1, low=0.1, high=10.0)
    d = A.shape[-1]
    one = xp.broadcast_to(xp.eye(d, dtype=A.dtype, device=A.device)[None, ...], (draw.size, d, d))
    c = z - xp.sum(A * (x + 40)[:, None, :], axis=-1)
    return classifiers.named(Network((one,), (draw.full(40.0, d),), (A, c)), x)


# ------------------------------------------------------------------------------------------------------- quantities


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """The largest output in spite of 1000 times its rounding error; the rest from the enclosures of d* and r."""
    xp = namespace(x["x"])
    network = networks.network(x)
    first, kink, smooth = _first_order(network, x["x"], xp.zeros_like(x["x"][:, 0]))
    none = -xp.ones_like(smooth)
    finite = xp.isfinite(first.upper)
    return {
        CLEAR: classifiers.clear_margin(network, x["x"])[1],
        SMOOTH: smooth,
        SLOPED: xp.where(finite, -none, none),
        INSIDE: xp.where(finite, kink.lower - first.upper, none),
        OUTSIDE: xp.where(finite, first.lower - kink.upper, none),
    }


def _first_order(network: Network, x: Any, missed: Any) -> tuple[Enclosure, Enclosure, Any]:
    """d* and r at x (B, d) with all rounding errors, where the outputs may be wrong by ``missed`` (B,) more. And how
    far the pre-activations are from 0, less their errors: where that is negative the region of x is not certain."""
    xp = namespace(x)
    z, J, z_error, J_error = _forms(network, x)
    hidden = network.neurons
    own = predicted(network, x[:, None, :]) == xp.arange(z.shape[1] - hidden, device=x.device)

    def own_and(a: Any, sign: float) -> Any:
        """Of an array (B, N + C, ...): that of the class k*, plus or minus those of all classes."""
        a = a[:, hidden:, ...]
        mask = xp.reshape(own, (*own.shape, *(1,) * (a.ndim - 2)))
        return xp.sum(xp.where(mask, a, xp.zeros_like(a)), axis=1, keepdims=True) + sign * a

    gaps = own_and(z, -1.0)
    first = _least_quotient(
        xp.where(own, xp.full_like(gaps, xp.inf), gaps),
        own_and(J, -1.0),
        own_and(z_error, 1.0) + missed[:, None],
        own_and(J_error, 1.0),
    )
    size = xp.abs(z[:, :hidden])
    kink = _least_quotient(size, J[:, :hidden, :], z_error[:, :hidden], J_error[:, :hidden, :])
    return first, kink, xp.min(size - z_error[:, :hidden], axis=-1)


def _forms(network: Network, x: Any) -> tuple[Any, Any, Any, Any]:
    """Values (B, N + C) and gradients (B, N + C, d) of all pre-activations and outputs at x (B, d), and bounds of their
    rounding errors: majorants, with a unit for each operation."""
    xp = namespace(x)
    one = xp.eye(x.shape[-1], dtype=x.dtype, device=x.device)
    rows = xp.broadcast_to(one[None, ...], (x.shape[0], *one.shape))
    value, size, magnitudes, operations = x, xp.abs(x), rows, 4
    found: tuple[list[Any], ...] = ([], [], [], [])
    for W, b in (*zip(network.weights, network.biases, strict=True), network.readout):
        value, size = matvec(W, value) + b, matvec(xp.abs(W), size) + xp.abs(b)
        rows, magnitudes = xp.matmul(W, rows), xp.matmul(xp.abs(W), magnitudes)
        operations += W.shape[-1] + 2
        unit = operations * eps(x)
        for parts, new in zip(found, (value, rows, unit * size, unit * magnitudes), strict=True):
            parts.append(new)
        active = xp.astype(value > 0, x.dtype)
        value, size = value * active, size * active
        rows, magnitudes = rows * active[..., None], magnitudes * active[..., None]
    values, gradients, value_errors, row_errors = (xp.concat(parts, axis=1) for parts in found)
    return values, gradients, value_errors, row_errors


def _least_quotient(values: Any, rows: Any, value_errors: Any, row_errors: Any) -> Enclosure:
    """The smallest value / |row| over the second axis, inf where there is none: values (B, n), rows (B, n, d)."""
    xp = namespace(values)
    norms = norm2(rows)
    errors = norm2(row_errors) + (rows.shape[-1] + 4) * eps(norms) * norms
    infinite, unit = xp.full_like(values, xp.inf), 4 * eps(values)

    def least(above: Any, below: Any) -> Any:
        quotients = xp.where(below > 0, above / xp.where(below > 0, below, xp.ones_like(below)), infinite)
        return xp.min(quotients, axis=-1)

    low = least(xp.maximum(values - value_errors, xp.zeros_like(values)), norms + errors)
    return Enclosure(least(values, norms), low * (1 - unit), least(values + value_errors, norms - errors) * (1 + unit))


def _quantities(x: Any, margin: Enclosure, strict: Enclosure, missed: Any) -> dict[str, Any]:
    """The quantities of the claims; the point that was found on the boundary misses it by ``missed`` (B,)."""
    xp, network = namespace(x["x"]), networks.network(x)
    first, kink, _ = _first_order(network, x["x"], missed)
    J = jacobians(network, x["x"][:, None, :])[:, 0, ...]
    return {
        "margin": margin,
        "strict": strict,
        "first": first,
        "kink": kink,
        "reach": xp.where(xp.isfinite(kink.value), 1 / (1 + first.value / kink.value), xp.ones_like(first.value)),
        "gap": classifiers.clear_margin(network, x["x"])[0],
        "frobenius": xp.sqrt(xp.sum(J * J, axis=(-2, -1))),
        "spectral": spectral_norm(J),
        # The first two inequalities hold for the numbers J and z as computed: the rest is the rounding of quotients.
        "delta": first.value - first.lower + 16 * (J.shape[-1] * J.shape[-2] + 8) * eps(J) * first.value,
    }


def solve(p: Params, x: Any) -> dict[str, Any]:
    """Closed forms on the run's arrays, and the margins by certified walks over linear regions."""
    from verify.kit.margins import input_margins

    network, point, like = networks.network(x), x["x"][:, None, :], x["x"]
    xp = namespace(like)
    y = predicted(network, point)
    # m_j <= -tau is a tie of the network whose output of class y is tau larger.
    V, c = network.readout
    larger = c + p.tau * xp.astype(y == xp.arange(c.shape[-1], device=c.device), c.dtype)
    ties, strict = (
        input_margins(Network(network.weights, network.biases, (V, shift)), point, y) for shift in (c, larger)
    )

    def ends(found: Any) -> Enclosure:
        """The margins; where no boundary was found, the radius that was searched is the best value."""
        low, high = found.lower[:, 0], found.upper[:, 0]
        return classifiers.in_dtype_of(like, Enclosure(xp.where(xp.isfinite(high), high, low), low, high))

    missed = xp.where(xp.isfinite(ties.upper), ties.residual, xp.zeros_like(ties.residual))[:, 0]
    return _quantities(x, ends(ties), ends(strict), xp.astype(missed, like.dtype))


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same for one instance: Dijkstra over activation patterns with non-negative least squares; d* and r layer by
    layer, neuron by neuron."""
    import numpy as np

    def about(v: float, error: float) -> Enclosure:
        return Enclosure(*(np.asarray([v * factor]) for factor in (1.0, 1 - error, 1 + error)))

    network, point = networks.network(x), x["x"][0]
    y = int(np.argmax(network.outputs(x["x"][:, None, :])))
    margins = (classifiers.walk_reference(network, point, y, slack)[0] for slack in (0.0, p.tau))
    found = _quantities(x, *(about(m, 3e-6) for m in margins), np.zeros(1))
    layers = [*zip(network.weights, network.biases, strict=True), network.readout]
    value, rows, kinks = point, np.eye(len(point)), [np.inf]
    for number, (W, b) in enumerate(layers):
        value, rows = W[0] @ value + b[0], W[0] @ rows
        if number < len(layers) - 1:
            kinks += [abs(v) / np.linalg.norm(g) for v, g in zip(value, rows, strict=True) if np.any(g)]
            rows = np.where(value[:, None] > 0, rows, 0.0)
            value = np.maximum(value, 0.0)
    others = [k for k in range(len(value)) if k != y]
    steep = [k for k in others if np.any(rows[k] != rows[y])]
    first = min((float((value[y] - value[k]) / np.linalg.norm(rows[y] - rows[k])) for k in steep), default=np.inf)

    return found | {
        "first": about(first, 1e-9),
        "kink": about(min(kinks), 1e-9),
        "gap": np.asarray([min(float(value[y] - value[k]) for k in others)]),
        "frobenius": np.asarray([np.linalg.norm(rows)]),
        "spectral": np.asarray([np.linalg.norm(rows, 2)]),
        "delta": np.asarray([2e-9 * first]),
    }


# ------------------------------------------------------------------------------------------------------- invariances


def rescale(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The inputs in half the units."""
    return {**x, "W1": x["W1"] / 2, "x": 2 * x["x"]}


def flip(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Some inputs negated."""
    s = draw.shared.sign(x["x"].shape[-1])
    return {**x, "W1": x["W1"] * s[:, None, :], "x": x["x"] * s}


BOUND = Formula("gap / (sqrt(2) * frobenius)")
THEOREM = Theorem(
    "adv_first_order",
    "The first-order distance to the boundary is at least the gap over sqrt(2) |J|",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    families={
        "random": "Gaussian networks with two hidden layers, with and without biases, a boundary on the way to a point",
        "trained": "networks trained on points of the plane, at a training point",
        "whole numbers": "one hidden layer of four neurons, weights up to 2 or 5, two classes, points of a grid",
        "affine": "five outputs with gradients of very different sizes, no kink near",
        "opposite rows": "J_k = -J_k* and no other rows, or small ones: the bounds are attained",
        "a kink on the way": "flat at x, steep beyond a kink nearby",
    },
    shares={"trained": 0.5, "whole numbers": 2.0, "affine": 2.0},
    instances=3000,
    claims=(
        Claim(
            BY_FROBENIUS,
            Every(),
            "first",
            Formula("gap / (sqrt(2) * frobenius) - delta"),
            AT_X,
            ">=",
            origin="giryes2019",
            source=SLIDE,
        ),
        Claim(BY_SPECTRAL, Every(), "first", Formula("gap / (sqrt(2) * spectral) - delta"), AT_X, ">="),
        Claim(INSIDE_CLAIM, Identity(), "margin", Formula("first"), (*AT_X, INSIDE), "=="),
        Claim(OUTSIDE_CLAIM, Every(), "margin", Formula("kink"), (*AT_X, OUTSIDE), ">="),
        misreading(
            "slide: d* read as the distance",
            Every(),
            "strict",
            BOUND,
            AT_X,
            relation=">=",
            source=SLIDE,
            grade="loose",
            reading="the decision boundary is no nearer than gap / (sqrt(2) |J(x)|_F)",
            because="beyond a kink the network may be steeper: the Jacobian at x does not know",
            holds_when="d* is the distance to the boundary of the network linearised at x, as the slide says; for the "
            "distance itself, when d* <= r, or with the largest Jacobian on the ball",
        ),
        control(
            "without sqrt(2)",
            Every(),
            "first",
            Formula("gap / frobenius - delta"),
            AT_X,
            "two opposite rows: J_k* - J_k is twice as long as each, J only sqrt(2) times",
            ">=",
        ),
        control(
            "the spectral norm without sqrt(2)",
            Every(),
            "first",
            Formula("gap / spectral - delta"),
            AT_X,
            "the same two rows",
            ">=",
        ),
        control(
            "the margin is at most d*",
            Every(),
            "margin",
            Formula("first"),
            AT_X,
            "beyond a kink the network may be flatter",
        ),
        control(
            "the margin is at least r",
            Every(),
            "margin",
            Formula("kink"),
            AT_X,
            "the boundary may run through the linear region of x",
            ">=",
        ),
    ),
    sources=(
        Source(JAKUBOVITZ2018, "Section 3", "from memory; proved on this page"),
        SLIDE,
        Source(OURS, "the statement about the linear region, above"),
    ),
    symbols={
        "margin": (r"\gamma", "input margin, enclosed"),
        "strict": (r"\gamma_\tau", r"distance to the nearest point that is misclassified by $`\tau`$"),
        "first": ("d^*", "first-order distance"),
        "kink": ("r", "distance to the nearest kink"),
        "reach": ("r/(r+d^*)", "from one half on, the first-order distance is exact"),
        "gap": (r"\mathrm{gap}", "largest output less the second largest"),
        "frobenius": (r"\lVert J\rVert_F", "Frobenius norm of the Jacobian at x"),
        "spectral": (r"\lVert J\rVert_2", "spectral norm of the Jacobian at x"),
        "delta": (r"\delta", "rounding of the quotients"),
        **classifiers.symbols(2),
    },
    figures=(
        Figure(
            "exact",
            "ratio",
            ("the margin is at most d*",),
            "The margin over the first-order distance: 1 where the linear region reaches far enough, to the right of "
            "one half, and less or more where it does not.",
            x="r / (r + d*)",
            y="margin / first-order distance",
            against="reach",
        ),
        Figure(
            "bound",
            "cloud",
            ("slide: gap over sqrt(2) |J|_F", "slide: d* read as the distance"),
            "The slide's bound under the first-order distance, and, as it must not be read, under the distance itself.",
            x="gap / (sqrt(2) |J|_F)",
            y="distance",
        ),
    ),
    survivors={
        **{f"{slide}: without {h!r}": ALGEBRA for slide in (BY_FROBENIUS, BY_SPECTRAL) for h in AT_X},
        f"{INSIDE_CLAIM}: without {CLEAR!r}": "where two outputs are largest, d* and the margin are 0",
        f"{OUTSIDE_CLAIM}: without {SMOOTH!r}": "on a kink r = 0",
    },
    invariances={"rescale": rescale, "flip": flip},
    not_tested=("other norms", "networks with more than two hidden layers in this run"),
)
