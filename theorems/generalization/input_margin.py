r"""The input margin of a ReLU classifier is at least its output margin over the norm of its Jacobian.

A network $`f(x)=V\rho(W^L\cdots\rho(W^1x+b^1)\cdots+b^L)+c`$ with $`\rho(t)=\max(t,0)`$ gives x the class y of its
largest output; $`V`$ counts as layer $`L+1`$. Let $`m_j(z)=f_y(z)-f_j(z)`$ and $`m=\min_{j\ne y}m_j(x)>0`$. The
*output margin* $`m/\sqrt2`$ is the distance of $`f(x)`$ to the nearest outputs that are not of class y. The *input
margin* is the distance of x itself to the nearest point that is not of class y,

```math
\gamma=\inf\{\lVert z-x\rVert:\ m_j(z)\le0\text{ for some }j\ne y\}.
```

$`J`$ is the Jacobian of $`f`$, at a kink that of every adjacent region, $`J_j`$ its row j, $`\lVert\cdot\rVert`$ of a
matrix its largest singular value.

**Theorem.** Let $`U`$ be the closed ball of radius $`\gamma`$ about x, or any larger convex set. Then

```math
\gamma\ \ge\ \frac{m}{\sup_U\max_{j\ne y}\lVert J_y-J_j\rVert}\ \ge\ \frac{m/\sqrt2}{\sup_U\lVert J\rVert}\ \ge\
\frac{m/\sqrt2}{\prod_l\lVert W^l\rVert}\ \ge\ \frac{m/\sqrt2}{\prod_l\lVert W^l\rVert_F}.
```

*Proof.* Let z be a nearest point with $`m_j(z)\le0`$; the segment from x to z is in $`U`$, and along it $`m_j`$ is
piecewise affine. So
$`m\le m_j(x)-m_j(z)=\int_0^1\langle(J_y-J_j)(z+t(x-z)),\,x-z\rangle\,dt\le\sup_U\lVert J_y-J_j\rVert\,\gamma`$. Next,
$`\lVert J_y-J_j\rVert=\lVert J^\top(e_y-e_j)\rVert\le\sqrt2\lVert J\rVert`$. Last,
$`J=VD^LW^L\cdots D^1W^1`$ with diagonal $`D^l`$ of zeros and ones, so $`\lVert J\rVert\le\prod_l\lVert W^l\rVert`$;
and no spectral norm is above the Frobenius norm. $`\square`$

The same holds inside any convex set $`U`$ that contains x, for the margin among its points.

**How it is decided.** $`\gamma`$ is found exactly: a walk over the linear regions from x on certifies that no nearer
point leaves the class, and ends at a boundary point that the network itself confirms. The suprema are maxima over all
regions of the ball (and over patterns that hold on a kink alone, which can only lower a bound); a sampled supremum is
too small, and would make false violations. $`\delta`$ bounds what rounding does to a bound, relatively. Ties count as
boundary, which is the stronger claim. A wording is refuted by the *strict* margin $`\gamma_\tau\ge\gamma`$, the
distance to a point with $`m_j\le-\tau`$: no violation hangs on a tie.

**Sharp.** The first inequality is an equality whenever the boundary is met in the region of x. The whole chain is one
where all weights are of rank one, $`W^l=u_lu_{l-1}^\top`$ with $`u_l\ge0`$, and the two outputs are
$`\pm(u_L\cdot h-t)`$, $`t>0`$ (family *aligned*).

**What the slides say.** Four slides print, for weights that act on rows,

```math
\gamma_{in}(X^i)\ \ge\ \frac{\gamma_{out}(X^i)}{\sup_{X\in\Upsilon}\lVert\frac{X}{\lVert X\rVert_2}J(X)\rVert_2}\ \ge\
\frac{\gamma_{out}(X^i)}{\prod_i\lVert W^i\rVert_2}\ \ge\ \frac{\gamma_{out}(X^i)}{\prod_i\lVert W^i\rVert_F}.
```

(a) *One variable.* For a network without biases $`XJ(X)=\Phi(X)`$, so the denominator is the gain along rays from the
origin only. Take $`f_1=\rho(24x_1+7x_2)-\rho(24x_1-7x_2)`$, $`f_2=\tfrac14\rho(-24x_1-7x_2)`$ and $`x=(0,1)`$. There
$`f=(7,0)`$. Beyond the line $`24x_1+7x_2=0`$, at the distance $`7/25=0.28`$, $`f_1\le0<f_2`$. But
$`\lVert f(u)\rVert\le13.44\lVert u\rVert`$ for every u (24·14/25, at $`u=(7,24)`$), and the bound would be
$`(7/\sqrt2)/13.44=0.368`$. On three of the slides the index under the sup is $`V`$, not $`X`$; if it is a base point of
its own and the direction $`X/\lVert X\rVert`$ is free, the supremum is $`\sup\lVert J\rVert`$, and the inequality is
the theorem. Its two last parts are true as printed.

(b) *The set of the supremum.* The slides take it over the data $`\Upsilon`$ and do not ask for a convex set. For
$`f_1(x)=\rho(5x+1)-\rho(5x-1)-1`$, $`f_2=0`$ and $`\Upsilon=\{-2,2\}`$ the Jacobian is 0 on the data, and the claimed
margin at 2 is infinite; it is 2. All points between the data count.

(c) *The score.* The slides do not define $`\gamma_{out}`$. In the paper, as we remember it, the score is
$`\min_j\sqrt2(e_y-e_j)^\top f(x)`$, twice the distance $`m/\sqrt2`$. With it the chain fails: for $`f(x)=x`$ in the
plane and $`x=(1,0)`$ it claims $`\sqrt2`$, and the margin is $`1/\sqrt2`$.

**Your own network.** `theorem=input_margin network=FILE data=FILE`: the network is an `.npz` archive with arrays W1,
b1, W2, b2, ... (W of shape (outputs, inputs), the last pair the read-out) or an `.onnx` model of a fully connected ReLU
network; the data is an `.npz` archive with x of shape (points, inputs) and, if you like, the classes y (points,),
counted from 0, or an `.npy` file with x alone. For every point you get the input margin, the four bounds, and the
nearest point at which another class is as good (`nearest=FILE.npy` saves these points). Where a network is too large
for its regions to be searched (`regions` sets how long), the margin lies between the best lower bound and the best
attack. With two inputs the network is drawn, with the balls of the first margins.

Kind: inequalities for every instance, decided on certified ends.

**Not covered.** Other norms than the Euclidean one; other non-linearities than the ReLU (the theorem holds for all
locally Lipschitz networks); convolutional layers, where $`\lVert W\rVert`$ is the norm of the whole operator.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from itertools import product
from operator import mul
from typing import Annotated, Any

from pydantic import Field

from theorems.bibliography import GIRYES2019, JAKUBOVITZ2018, OURS, SOKOLIC2017
from theorems.expressivity import _networks as networks
from theorems.generalization import _classifiers as classifiers
from verify import Claim, Enclosure, Every, Figure, Formula, Parameters, Source, Theorem, control, misreading
from verify.core.arrays import eps, namespace
from verify.core.formula import as_ball
from verify.kit.relu import Network

MARGIN = Source(GIRYES2019, "slide 'Input margin bound'", "again on 'GE and weight decay'")
JACOBIAN = Source(GIRYES2019, "slide 'Jacobian based regularization'")
OUTPUT = Source(GIRYES2019, "slide 'Output margin'")
PAPER = Source(SOKOLIC2017, "Theorem 4", "from memory; proved on this page with the score divided by 2")
FIRST_ORDER = Source(JAKUBOVITZ2018, "Section 3", "the linearised distance; from memory")

CLEAR = "x has a largest output"
PLANE = "two inputs, no biases"
TIGHT = 1e-9  # the two ends of an exact margin differ by this at most, relatively
TRAINED, ALIGNED, RADIAL, INTERVALS = "trained", "aligned", "one variable", "two intervals"
ONE, SIZES, THREE = "one hidden layer", "your sizes", "three hidden layers"
WORK = 6_000_000  # neurons times inputs times regions: about half a minute
EXACT_UNITS = 8  # up to which all activation patterns are gone through in exact arithmetic
HALVINGS = 5  # of each sector of the plane
LISTED = 12  # points of the user's data that are written out
SHOWN = 6  # inputs up to which the nearest points are
DRAWN = 8  # points whose margins are drawn


class Params(Parameters):
    """The sizes of one family, what counts as misclassified, and the user's own network and points."""

    inputs: int = Field(3, ge=1, le=8, description="number of inputs of the family 'your sizes'")
    widths: tuple[Annotated[int, Field(ge=1, le=16)], ...] = Field(
        (6, 6), min_length=1, max_length=4, description="its widths, layer by layer"
    )
    classes: int = Field(4, ge=2, le=10, description="its number of classes")
    tau: float = Field(
        0.001, gt=0, le=1, description="a wording is refuted only by points that are misclassified by at least tau"
    )
    network: str = Field("", description="your own network: path of a .npz or .onnx file")
    data: str = Field("", description="your own points: path of a .npz file with x and perhaps y, or of a .npy file")
    nearest: str = Field("", description="where to write the nearest points of another class (.npy); nowhere if empty")
    regions: int = Field(
        0,
        ge=0,
        le=10_000_000,
        description="largest number of linear regions searched for each of your points; 0: what takes half a minute",
    )


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """W1, b1, ..., V (B, C, n), c (B, C); x (B, d); data (B, P, d)."""
    if family == TRAINED:
        network, data = classifiers.trained(draw, (8, 8), 24)
        return classifiers.named(network, data[:, 0, :], data)
    if family == RADIAL:
        return _one_variable(draw)
    if family == INTERVALS:
        return _two_intervals(draw)
    if family == ALIGNED:
        network, x = classifiers.aligned(draw, 3, (3, 3))
        return classifiers.named(network, x, draw.xp.stack([x, -x], axis=1))
    inputs, widths, classes = {ONE: (2, (7,), 3), THREE: (4, (5, 5, 5), 2)}.get(family, (p.inputs, p.widths, p.classes))
    # Where all hidden units are 0 at the origin, each of their patterns is a region there: only where they are few.
    sigma = 0.3 * (draw.coin() if family == ONE else draw.full(1.0))
    network = classifiers.gaussian(draw, inputs, widths, classes, sigma)
    x, z = draw.normal(inputs), draw.normal(inputs)
    return classifiers.named(classifiers.opposed(network, x, z), x, draw.xp.stack([x, z], axis=1))


def _one_variable(draw: Any) -> dict[str, Any]:
    """The network of (a), in half of the draws by hand, else with other numbers in place of 24 and 7."""
    xp, coin = draw.xp, draw.coin()
    steep = 24.0 + coin * draw.uniform(low=0.0, high=80.0)
    flat = 7.0 - coin * draw.uniform(low=0.0, high=6.0)
    one, zero = draw.full(1.0), draw.full(0.0)
    W = xp.stack([xp.stack([s * steep, t * flat], axis=-1) for s, t in ((1, 1), (1, -1), (-1, -1))], axis=1)
    V = xp.stack([xp.stack([one, -one, zero], axis=-1), xp.stack([zero, zero, one / 4], axis=-1)], axis=1)
    x = xp.stack([zero, one], axis=-1)
    network = Network((W,), (draw.full(0.0, 3),), (V, draw.full(0.0, 2)))
    return classifiers.named(network, x, xp.stack([x, -x], axis=1))


def _two_intervals(draw: Any) -> dict[str, Any]:
    """The network of (b), in half of the draws by hand, else steeper or flatter and with x between 1 and 4."""
    xp, coin, one = draw.xp, draw.coin(), draw.full(1.0)
    slope = 5.0 + coin * draw.uniform(low=-3.0, high=5.0)
    x = (2.0 + coin * draw.uniform(low=-1.0, high=2.0))[:, None]
    W = xp.stack([slope, slope], axis=-1)[..., None]
    V = xp.stack([xp.stack([one, -one], axis=-1), draw.full(0.0, 2)], axis=1)
    biases, c = xp.stack([one, -one], axis=-1), xp.stack([-one, 0 * one], axis=-1)
    return classifiers.named(Network((W,), (biases,), (V, c)), x, xp.stack([x, -x], axis=1))


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """The largest output must be so in spite of 1000 times its rounding error."""
    network = networks.network(x)
    xp = namespace(x["x"])
    size = xp.max(xp.abs(xp.concat([*network.biases, network.readout[1]], axis=-1)), axis=-1)
    return {CLEAR: classifiers.clear_margin(network, x["x"])[1], PLANE: -size if network.inputs == 2 else -1 - size}


@dataclass(frozen=True)
class Found:
    """What a method found, (B,): the margins; the relative error of gamma and of the suprema; by how much the boundary
    point misses the boundary; and the suprema on the ball."""

    gamma: Enclosure
    strict: Enclosure
    gap: Any
    missed: Any
    pair: Any
    jacobian: Any
    radial: Any


def _quantities(x: Any, found: Found) -> dict[str, Any]:
    """The quantities of the claims."""
    from verify.kit.attacks import predicted
    from verify.kit.jacobians import NORM_ERROR, jacobians, norm_products, norms

    network, point = networks.network(x), x["x"][:, None, :]
    xp, like = namespace(x["x"]), x["x"]
    y = predicted(network, point)
    m, _ = classifiers.clear_margin(network, x["x"])
    spectral, frobenius = (product.value for product in norm_products(network))
    hidden = norm_products(Network(network.weights, network.biases))[0].value
    at_data = norms(jacobians(network, x["data"]), xp.broadcast_to(y, x["data"].shape[:2]))[0]
    rounding = classifiers.output_rounding(network, point)[:, 0] * 2 + found.missed
    largest = max(network.inputs, *network.widths, network.readout[0].shape[-2])
    eta = NORM_ERROR * largest * eps(like) * (len(network.widths) + 1)
    return {
        "gamma": found.gamma,
        "strict": found.strict,
        "m": m,
        "pair": found.pair,
        "jacobian": found.jacobian,
        "spectral": spectral,
        "frobenius": frobenius,
        "radial": found.radial,
        "hidden": hidden,
        "at_x": norms(jacobians(network, point), y)[2][:, 0],
        "at_data": xp.max(at_data, axis=-1),
        "eta": xp.full_like(m, eta),
        "delta": found.gap + eta + rounding / xp.where(m > 0, m, xp.ones_like(m)),
    }


def solve(p: Params, x: Any) -> dict[str, Any]:
    """Certified walks over linear regions for the margins and the suprema, the other norms from batched kernels."""
    from verify.kit.attacks import predicted
    from verify.kit.jacobians import sup_on_balls
    from verify.kit.margins import input_margins

    network, point, like = networks.network(x), x["x"][:, None, :], x["x"]
    xp = namespace(like)
    y = predicted(network, point)
    tie, strict = (input_margins(network, point, y, slack=slack, radius=classifiers.FAR) for slack in (0.0, p.tau))
    reach = xp.where(xp.isfinite(tie.upper), tie.upper, xp.zeros_like(tie.upper))
    sup = sup_on_balls(network, point, reach, y)
    plane = network.inputs == 2
    found = Found(
        *(classifiers.in_dtype_of(like, t.enclosure.each(lambda a: a[:, 0])) for t in (tie, strict)),
        _gap(like, tie.lower[:, 0], tie.upper[:, 0]),
        xp.astype(tie.residual[:, 0], like.dtype),
        sup.pair[:, 0],
        sup.spectral[:, 0],
        classifiers.radial_gain(network) if plane else xp.full_like(like[:, 0], xp.nan),
    )
    return _quantities(x, found)


def _gap(like: Any, lower: Any, upper: Any) -> Any:
    """The relative distance of the ends of a margin, but no more than that of an exact one."""
    xp = namespace(like)
    gap = xp.where((upper > 0) & xp.isfinite(upper), (upper - lower) / upper, xp.zeros_like(upper))
    return xp.astype(xp.minimum(gap, xp.full_like(gap, TIGHT)), like.dtype) + 8 * eps(like)


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same for one instance: Dijkstra over activation patterns with non-negative least squares, and the radial gain
    from a grid of directions with a Lipschitz constant."""
    import numpy as np

    network, point = networks.network(x), x["x"][0]
    y = int(np.argmax(network.outputs(x["x"][:, None, :])))
    error = 1e-6
    gamma, spectral, pair = classifiers.walk_reference(network, point, y)
    strict = classifiers.walk_reference(network, point, y, p.tau)[0]

    def about(value: float) -> Enclosure:
        return Enclosure.around(np.asarray([value]), np.asarray([error * value]))

    found = Found(
        about(gamma),
        about(strict),
        np.asarray([3 * error]),
        np.asarray([0.0]),
        np.asarray([pair]),
        np.asarray([spectral]),
        np.asarray([_radial_reference(network) if network.inputs == 2 else np.nan]),
    )
    return _quantities(x, found)


def _radial_reference(network: Network, directions: int = 200_000) -> float:
    """An upper bound of the largest |f(u)| over unit u: along a grid, and what may lie between its points."""
    import numpy as np

    angle = 2 * np.pi * np.arange(directions) / directions
    f = network.outputs(np.stack([np.cos(angle), np.sin(angle)], axis=-1)[None])[0]
    layers = [*(W[0] for W in network.weights), network.readout[0][0]]
    lipschitz = float(np.prod([np.linalg.norm(W, 2) for W in layers]))
    return float(np.max(np.linalg.norm(f, axis=1))) + lipschitz * np.pi / directions


def rescale(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The outputs four times as large."""
    return {**x, "V": 4 * x["V"], "c": 4 * x["c"]}


def flip(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Some inputs negated."""
    s = draw.shared.sign(x["x"].shape[-1])
    return {**x, "W1": x["W1"] * s[:, None, :], "x": x["x"] * s, "data": x["data"] * s[:, None, :]}


# ------------------------------------------------------------------------------------------- exact arithmetic


def exact(p: Params, x: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A network of few units and at most three inputs in rationals, with norms as balls.

    The strict margin is at most the distance of a rational point that is misclassified by tau or more. The Jacobian's
    supremum on the ball is at most its maximum over all patterns of the units. The other ends of the two are what the
    theorem says; they refute nothing. At a kink every adjacent pattern counts.
    """
    from verify.kit import exact as q

    depth = sum(name.startswith("W") for name in x)
    layers = [(x[f"W{k}"], x[f"b{k}"]) for k in range(1, depth + 1)]
    point, units = x["x"], sum(len(b) for _, b in layers)
    if len(point) > 3 or units > EXACT_UNITS:
        raise ValueError(f"only for at most three inputs and {EXACT_UNITS} units, not {len(point)} and {units}")
    f = _forward(layers, x["V"], x["c"], point)[0]
    y = f.index(max(f))
    m = min(f[y] - f[j] for j in range(len(f)) if j != y)
    z = _misclassified(layers, x, y, Fraction(p.tau))
    strict = q.norm2(q.plus(z, point, -1))

    def slope(J: Any) -> Any:
        return _largest(q.norm2(q.plus(J[y], J[j], -1)) for j in range(len(J)) if j != y)

    def over(patterns: Any, norm: Any) -> Any:
        return _largest(norm(_jacobian(layers, x["V"], pattern)) for pattern in patterns)

    steepest, scaled = over(product((0, 1), repeat=units), q.spectral).upper(), as_ball(m) / as_ball(2).sqrt()
    bare = not any(v for _, b in [*layers, (None, x["c"])] for v in b)
    found = {
        "strict": strict.upper().union((scaled / steepest).lower().min(strict)),
        "m": m,
        "jacobian": steepest.union((scaled / strict).lower().min(steepest)),
        "at_x": over(_forward(layers, x["V"], x["c"], point)[1], slope),
        "at_data": _largest(over(_forward(layers, x["V"], x["c"], z)[1], q.spectral) for z in x["data"]),
        "hidden": reduce(mul, (q.spectral(W) for W, _ in layers)),
        "delta": 0,
        "misclassified point": z,
        "its outputs": _forward(layers, x["V"], x["c"], z)[0],
    }
    if bare and len(point) == 2:
        found["radial"] = _radial_ball(layers, x["V"])
    return {CLEAR: m if m > 0 else -1, PLANE: 0 if "radial" in found else -1}, found


def _forward(layers: Any, V: Any, c: Any, z: Any) -> tuple[list[Fraction], list[tuple[int, ...]]]:
    """The outputs at z, and the activation patterns of the regions that z lies in."""
    from verify.kit.exact import apply, plus

    h, choices = list(z), []
    for W, b in layers:
        before = plus(apply(W, h), b)
        choices += [(0, 1) if v == 0 else (int(v > 0),) for v in before]
        h = [max(v, Fraction(0)) for v in before]
    return plus(apply(V, h), c), list(product(*choices))


def _jacobian(layers: Any, V: Any, pattern: tuple[int, ...]) -> list[list[Fraction]]:
    """The Jacobian where the units of the pattern are on."""
    from verify.kit import exact as q

    J, first = q.identity(len(layers[0][0][0])), 0
    for W, b in layers:
        on = pattern[first : first + len(b)]
        J = [[keep * v for v in row] for keep, row in zip(on, q.product(W, J), strict=True)]
        first += len(b)
    return q.product(V, J)


def _largest(balls: Iterable[Any]) -> Any:
    return reduce(lambda a, b: a.max(b), balls)


def _misclassified(layers: Any, x: Mapping[str, Any], y: int, tau: Fraction) -> list[Fraction]:
    """A rational point near x that the network puts into another class by tau or more: the one with the shortest
    decimals that is not 2 % farther than the nearest, which is found in floats."""
    import numpy as np

    from verify.kit.margins import input_margins

    def array(a: Any) -> Any:
        return np.asarray(a, dtype=float)[None]

    weights, biases = (tuple(array(layer[k]) for layer in layers) for k in (0, 1))
    network = Network(weights, biases, (array(x["V"]), array(x["c"])))
    margins = input_margins(network, array([x["x"]]), np.asarray([[y]]), slack=float(tau))
    near, reach = margins.witness[0, 0], float(margins.upper[0, 0])
    if not np.isfinite(reach):
        raise ValueError("no misclassified point is found")
    start = array(x["x"])[0]
    for decimals, further in product((1, 2, 3, 6, 9), (0.0, 1e-9, 1e-6, 1e-3, 1e-2)):
        target = start + (1 + further) * (near - start)
        z = [Fraction(round(float(v) * 10**decimals), 10**decimals) for v in target]
        f = _forward(layers, x["V"], x["c"], z)[0]
        close = float(np.linalg.norm(array(z)[0] - start)) <= 1.02 * reach
        if close and any(f[y] - f[j] <= -tau for j in range(len(f)) if j != y):
            return z
    raise ValueError("no rational point near the boundary is misclassified")


def _radial_ball(layers: Any, V: Any) -> Any:
    """The largest |f(u)|/|u| in the plane without biases, up to 0.06 %.

    The quadrants are cut along the kinks, exactly, and then halved. On a sector where f is linear, with unit rays g, h
    at an acute angle, u = a g + b h has a + b <= |u|/sqrt(g.h), so |f(u)| <= max(|f(g)|, |f(h)|) |u|/sqrt(g.h).
    """
    from verify.kit import exact as q

    axes = [[Fraction(a), Fraction(b)] for a, b in ((1, 0), (0, 1), (-1, 0), (0, -1))]
    stack = [(axes[k], axes[(k + 1) % 4], HALVINGS) for k in range(4)]
    attained = best = as_ball(0)
    while stack:
        g, h, left = stack.pop()
        kink, ends = None, [g, h]
        for W, _ in layers:
            ends = [q.apply(W, end) for end in ends]
            kink = next(((abs(b), abs(a)) for a, b in zip(*ends, strict=True) if a * b < 0), None)
            if kink:
                break
            ends = [[max(v, Fraction(0)) for v in end] for end in ends]
        if kink or left:
            one, two = kink or (Fraction(1 / math.hypot(*ray)) for ray in (g, h))
            middle = q.plus([one * v for v in g], h, two)
            stack += [(g, middle, left - (not kink)), (middle, h, left - (not kink))]
            continue
        lengths = [q.norm2(ray) for ray in (g, h)]
        gains = [q.norm2(q.apply(V, end)) / length for end, length in zip(ends, lengths, strict=True)]
        cosine = as_ball(q.dot(g, h)) / (lengths[0] * lengths[1])
        attained = _largest([attained, *gains])
        best = best.max(_largest(gains) / cosine.sqrt())
    return attained.union(best)


# ------------------------------------------------------------------------------------------- the user's network


def answer(p: Params) -> dict[str, Any]:
    """Margins, bounds and nearest points for the user's network and points; {} without them. ValueError for files that
    cannot be used."""
    if not (p.network or p.data):
        if p.nearest:
            raise ValueError("nearest= needs network= and data=: it is where the points nearest to yours are written")
        return {}
    if not (p.network and p.data):
        given, needed = ("network", "data") if p.network else ("data", "network")
        raise ValueError(f"{given}= needs {needed}= beside it: margins are measured at the points of your data")
    from verify.kit import network_files

    network = network_files.load(p.network)
    x, labels = _points(p.data, network.inputs)
    classes = network.readout[1].shape[-1]
    if classes < 2:
        raise ValueError(f"network={p.network}: it has one output; a classifier has one for each class, two at least")
    y = _classes(p.data, network, x, labels, classes)
    found = _measure(p, network, x, y)
    return _describe(found, x, y) | ({"nearest points": _write(p.nearest, found)} if p.nearest else {})


def _points(path: str, inputs: int) -> tuple[Any, Any]:
    """x (P, d) in float64, checked, and y as it is, or None."""
    from pathlib import Path

    import numpy as np

    here = f"data={path}"
    allowed = "an .npz archive with x (points, inputs) and perhaps y (points,), or an .npy file with x"
    if Path(path).suffix.lower() not in (".npz", ".npy"):
        raise ValueError(f"{here}: the suffix {Path(path).suffix!r} is not known; allowed is {allowed}")
    if not Path(path).is_file():
        raise ValueError(f"{here}: there is no such file")
    try:
        loaded = np.load(path, allow_pickle=False)
        arrays = {"x": loaded} if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
    except Exception as error:  # NumPy raises errors of many types for what is damaged
        raise ValueError(f"{here}: cannot be read ({error}); needed is {allowed}") from None
    if "x" not in arrays or set(arrays) - {"x", "y"}:
        raise ValueError(f"{here}: found arrays named {', '.join(map(repr, arrays)) or 'nothing'}; needed is {allowed}")
    x = arrays["x"]
    if x.dtype.kind not in "fiu" or x.dtype.itemsize > 8:
        raise ValueError(f"{here}: x has dtype {x.dtype}; allowed are integers and floats of at most 64 bits")
    if x.ndim != 2 or x.shape[1] != inputs or not len(x):
        raise ValueError(f"{here}: x has shape {x.shape}, and the network needs (points, {inputs})")
    if bad := np.flatnonzero(~np.isfinite(x).all(axis=1)).tolist():
        raise ValueError(f"{here}: NaN or infinite numbers in {_numbers(bad)}")
    return x.astype(np.float64), arrays.get("y")


def _classes(path: str, network: Network, x: Any, labels: Any, classes: int) -> Any:
    """The class of every point, (P,): that of the network, which must be the label where there is one."""
    import numpy as np

    from verify.kit.attacks import predicted

    here, found = f"data={path}", predicted(network, x[None])[0]
    if labels is None:
        return found
    if labels.shape != (len(x),) or labels.dtype.kind not in "iu":
        raise ValueError(
            f"{here}: y has shape {labels.shape} and dtype {labels.dtype}; needed are whole numbers, ({len(x)},)"
        )
    if outside := np.flatnonzero((labels < 0) | (labels >= classes)).tolist():
        raise ValueError(f"{here}: y must be 0, ..., {classes - 1}, as the network has {classes} outputs; it is not in "
                         f"{_numbers(outside)}")  # fmt: skip
    if wrong := np.flatnonzero(labels != found).tolist():
        raise ValueError(
            f"{here}: the network misclassifies {_numbers(wrong)}; a margin is measured from points of their class. "
            "Leave these out, or leave out y to measure from the network's own classes"
        )
    return found


def _numbers(index: list[int]) -> str:
    more = f" and {len(index) - 8} more" if len(index) > 8 else ""
    return f"point{'s' if len(index) > 1 else ''} {', '.join(map(str, index[:8]))}{more} (counted from 0)"


@dataclass(frozen=True)
class Measured:
    """Of every point, (P,): both ends of the margin, whether they agree, the witness (P, d) and its class (-1: none),
    and the four bounds (4, P), NaN where a supremum was not found."""

    lower: Any
    upper: Any
    exact: Any
    witness: Any
    rival: Any
    bounds: Any


def _measure(p: Params, network: Network, x: Any, y: Any) -> Measured:
    import numpy as np

    from verify.kit.attacks import class_margins, multi_start
    from verify.kit.jacobians import norm_products, sup_on_balls
    from verify.kit.margins import input_margins

    points, classes = x[None], y[None]
    m = np.min(class_margins(network, points, classes)[0], axis=-1)
    clear = np.maximum(m - classifiers.output_rounding(network, points)[0], 0.0)
    products = [clear / (2**0.5 * float(product.upper[0])) for product in norm_products(network)]
    starts = np.stack([np.roll(x, k, axis=0) for k in range(1, min(len(x), 9))] or [x])[None]
    attack = multi_start(network, points, classes, starts)
    upper, witness, lower = attack.distance[0], attack.witness[0], products[0]
    pair = jacobian = np.full(len(x), np.nan)
    budget = p.regions or WORK // (network.neurons * network.inputs * len(x))
    if budget > 1:
        margins = input_margins(network, points, classes, budget=budget)
        nearer = margins.upper[0] <= upper
        witness = np.where(nearer[:, None], margins.witness[0], witness)
        upper, lower = np.minimum(upper, margins.upper[0]), np.maximum(lower, margins.lower[0])
        found = np.isfinite(upper) & (upper - lower <= TIGHT * upper)
        sup = sup_on_balls(network, points, np.where(found, upper, 0.0)[None], classes, budget)
        known = found & sup.complete[0] & (clear > 0)
        pair, jacobian = (
            np.where(known, clear / np.where(known, s * (1 + TIGHT), 1.0), np.nan)
            for s in (sup.pair[0], sup.spectral[0] * 2**0.5)
        )
    lower = np.minimum(lower, upper)
    reached = np.isfinite(upper)
    rival = np.where(reached, np.argmin(class_margins(network, witness[None], classes)[0], axis=-1), -1)
    exact = reached & (upper - lower <= TIGHT * upper)
    return Measured(lower, upper, exact, witness, rival, np.stack([pair, jacobian, *products]))


def _write(path: str, found: Measured) -> str:
    """Saves the witnesses (points, inputs), NaN where none was found."""
    import numpy as np

    if not path.lower().endswith(".npy"):
        raise ValueError(f"nearest={path}: the name must end in .npy")
    try:
        np.save(path, np.where(found.rival[:, None] >= 0, found.witness, np.nan), allow_pickle=False)
    except OSError as error:
        raise ValueError(f"nearest={path}: cannot be written ({error.strerror})") from None
    return path


BOUNDS = ("|J_y - J_j|", "|J|", "prod |W|", "prod |W|_F")


def _describe(found: Measured, x: Any, y: Any) -> dict[str, Any]:
    import numpy as np

    says: dict[str, Any] = {
        "points": len(x),
        "margin known exactly": int(found.exact.sum()),
        "smallest margin": _between(found, int(np.argmin(found.upper))),
        "its point, counted from 0": int(np.argmin(found.upper)),
    }
    for point in range(min(len(x), LISTED)):
        bounds = ", ".join(f"{name}: {_short(b)}" for name, b in zip(BOUNDS, found.bounds[:, point], strict=True))
        where = f" at ({', '.join(map(_short, found.witness[point]))})" if x.shape[1] <= SHOWN else ""
        nearest = f"nearest is class {found.rival[point]}{where}" if found.rival[point] >= 0 else "no other class found"
        says[f"point {point}"] = f"class {y[point]}, margin {_between(found, point)}; bounds {bounds}; {nearest}"
    says |= {
        "classes": y.tolist(),
        "margins, at least": found.lower.tolist(),
        "margins, at most": _known(found.upper),
        **{f"bounds by {name}": _known(row) for name, row in zip(BOUNDS, found.bounds, strict=True)},
        "nearest classes": [int(j) if j >= 0 else None for j in found.rival],
    }
    return says


def _between(found: Measured, point: int) -> str:
    low, high = found.lower[point], found.upper[point]
    return _short(high) if found.exact[point] else f"between {_short(low)} and {_short(high)}"


def _short(value: float) -> str:
    return "unknown" if value != value else f"{value:.6g}"


def _known(values: Any) -> list[float | None]:
    return [float(v) if abs(v) < float("inf") else None for v in values]


# ------------------------------------------------------------------------------------------- drawn


def maps(p: Params) -> dict[str, dict[str, Any]]:
    """The network of (a) with its true and its claimed margin; a trained network, or the user's, with margin balls."""
    from verify.core.arrays import backend
    from verify.core.streams import Draw, tag

    draw = Draw(backend("numpy"), 0, tag("map of input_margin"), 0, 1)
    if p.network and p.data:
        from verify.kit import network_files

        network = network_files.load(p.network)
        title, x = "your network", _points(p.data, network.inputs)[0]
    else:
        network, data = classifiers.trained(draw, (8, 8), 24)
        title, x = "a network after training", data[0]
    balls = {} if network.inputs != 2 else {title: _balls(p, network, x[:DRAWN])}
    return {"radial": {"the printed bound is too large": _radial_map()}, "balls": balls}


def _radial_map() -> dict[str, Any]:
    import numpy as np

    W = np.asarray([[[24.0, 7.0], [24.0, -7.0], [-24.0, -7.0]]])
    V = np.asarray([[[1.0, -1.0, 0.0], [0.0, 0.0, 0.25]]])
    network = Network((W,), (np.zeros((1, 3)),), (V, np.zeros((1, 2))))
    x, margin = np.asarray([0.0, 1.0]), 7 / 25
    claimed = 7 / 2**0.5 / float(classifiers.radial_gain(network)[0])
    nearest = x - margin * np.asarray([24.0, 7.0]) / 25
    lines = [
        ("input margin", classifiers.circle(x, margin)),
        ("what the printed bound claims", classifiers.circle(x, claimed)),
        ("x", x[None]),
        ("nearest boundary point", nearest[None]),
    ]
    return classifiers.class_map(network, -0.5, 1.5, lines)


def _balls(p: Params, network: Network, x: Any) -> dict[str, Any]:
    import numpy as np

    from verify.kit.attacks import predicted

    found = _measure(p, network, x, predicted(network, x[None])[0])
    lines = [("points", point[None]) for point in x]
    lines += [
        ("input margin", classifiers.circle(point, radius))
        for point, radius, exact in zip(x, found.upper, found.exact, strict=True)
        if exact
    ]
    half = float(np.max(np.abs(x))) * 1.2 + 1e-9
    return classifiers.class_map(network, -half, half, lines)


PAIR = Formula("(1 - delta) * m / pair")
OUT = Formula("(1 - delta) * m / (sqrt(2) * jacobian)")
SPECTRAL = Formula("(1 - delta) * m / (sqrt(2) * spectral)")
FROBENIUS = Formula("(1 - delta) * m / (sqrt(2) * frobenius)")
CHAIN = (
    "difference of two rows of J",
    "slides, any direction: norm of J",
    "slides: product of spectral norms",
    "slides: product of Frobenius norms",
)

THEOREM = Theorem(
    "input_margin",
    "The input margin is at least the output margin over the norm of the Jacobian",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    exact=exact,
    answer=answer,
    maps=maps,
    families={
        ONE: "Gaussian weights, two inputs, seven units, three classes; in half of the draws without hidden biases",
        SIZES: "Gaussian weights and biases, with your inputs, widths and classes",
        THREE: "Gaussian weights and biases, four inputs, three layers of five units, two classes",
        TRAINED: "two layers of eight units trained on 24 points of the plane; x is one of them",
        ALIGNED: "whole-number weights of rank one that fit together: the chain is an equality",
        RADIAL: "(a) of this page: two inputs, no biases, steep across the rays",
        INTERVALS: "(b) of this page: one input, two data points, the Jacobian 0 at both",
    },
    shares={ONE: 5.0, SIZES: 5.0, THREE: 4.0, TRAINED: 4.0},
    instances=2730,
    batch=130,
    claims=(
        Claim(CHAIN[0], Every(), "gamma", PAIR, (CLEAR,), ">="),
        Claim(CHAIN[1], Every(), "gamma", OUT, (CLEAR,), ">=", origin="giryes2019", source=MARGIN),
        Claim(CHAIN[2], Every(), "gamma", SPECTRAL, (CLEAR,), ">=", origin="giryes2019", source=MARGIN),
        Claim(CHAIN[3], Every(), "gamma", FROBENIUS, (CLEAR,), ">=", origin="giryes2019", source=MARGIN),
        Claim("two rows of J against J", Every(), "pair", Formula("(1 + eta) * sqrt(2) * jacobian")),
        Claim(
            "slide: the Jacobian gives the better bound",
            Every(),
            "jacobian",
            Formula("(1 + eta) * spectral"),
            origin="giryes2019",
            source=JACOBIAN,
        ),
        Claim("spectral against Frobenius norms", Every(), "spectral", Formula("(1 + eta) * frobenius")),
        misreading(
            "slides: one variable in direction and Jacobian",
            Every(),
            "strict",
            OUT.where(jacobian="radial"),
            (CLEAR, PLANE),
            relation=">=",
            source=MARGIN,
            grade="misprint",
            reading="the supremum over all X of |X J(X)| / |X|, one X for both, and be it over the whole plane",
            because="without biases X J(X) is the output at X: the slope along rays says nothing of that across them",
            holds_when="the direction and the base point vary apart, as the index V under the sup suggests on three of "
            "the slides; the supremum is then that of the norm of J, and the other two bounds hold as printed",
        ),
        misreading(
            "slides: supremum over the data",
            Every(),
            "m",
            Formula("(1 + delta) * sqrt(2) * strict * at_data"),
            (CLEAR,),
            source=MARGIN,
            grade="incomplete",
            reading="the supremum of |J| over a set of data points that is not convex",
            because="the way to the boundary leads through points between the data, where J may be larger",
            holds_when="the set is convex and contains x, and the margin is measured in it; or it is the ball about x",
        ),
        misreading(
            "slide: the output margin is the score sqrt(2) m",
            Every(),
            "strict",
            Formula("(1 - delta) * sqrt(2) * m / jacobian"),
            (CLEAR,),
            relation=">=",
            source=OUTPUT,
            grade="loose",
            reading="the output margin, which the slide leaves undefined, is the score of the paper, min_j sqrt(2) "
            "(e_y - e_j)f(x), as we remember it",
            because="the normal of the boundary between two outputs is (e_y - e_j)/sqrt(2): the score is twice the "
            "distance",
            holds_when="the output margin is a distance in the space of outputs, min_j m_j / sqrt(2), as its name says",
        ),
        control(
            "the Jacobian at x alone",
            Every(),
            "m",
            Formula("(1 + delta) * strict * at_x"),
            (CLEAR,),
            "the linearised distance is not the distance: beyond the region of x the network may be steeper",
        ),
        control(
            "the output margin is m",
            Every(),
            "strict",
            Formula("(1 - delta) * m / jacobian"),
            (CLEAR,),
            "two outputs move towards each other: sqrt(2) is lost",
            ">=",
        ),
        control(
            "the product without the output layer",
            Every(),
            "strict",
            SPECTRAL.where(spectral="hidden"),
            (CLEAR,),
            "the output layer stretches too",
            ">=",
        ),
    ),
    sources=(
        MARGIN,
        JACOBIAN,
        OUTPUT,
        PAPER,
        FIRST_ORDER,
        Source(OURS, "the chain with its constants, above"),
    ),
    symbols={
        "gamma": (r"\gamma", "input margin, ties counted as boundary"),
        "strict": (r"\gamma_\tau", r"distance to a point misclassified by $`\tau`$ or more"),
        "m": ("m", r"$`\min_{j\ne y}f_y(x)-f_j(x)`$"),
        "pair": (r"J_{\mathrm{pair}}", r"$`\max_{j\ne y}\lVert J_y-J_j\rVert`$ over the ball of radius $`\gamma`$"),
        "jacobian": (r"J_{\sup}", r"$`\lVert J\rVert`$ over the ball of radius $`\gamma`$"),
        "spectral": (r"\Pi_2", r"$`\prod_l\lVert W^l\rVert`$, the read-out included"),
        "frobenius": (r"\Pi_F", r"$`\prod_l\lVert W^l\rVert_F`$, the read-out included"),
        "radial": (r"J_{\mathrm{rad}}", r"$`\sup_u\lVert J(u)u\rVert/\lVert u\rVert`$ over the plane"),
        "hidden": (r"\Pi_{\mathrm{hid}}", r"$`\prod_l\lVert W^l\rVert`$ without the read-out"),
        "at_x": ("J_x", r"$`\max_{j\ne y}\lVert J_y(x)-J_j(x)\rVert`$"),
        "at_data": (r"J_\Upsilon", r"$`\lVert J\rVert`$ over the data"),
        "eta": (r"\eta", "relative rounding error of the norms"),
        "delta": (
            r"\delta",
            "relative rounding error of a bound and of the margin, 1e-9 at most in float64 unless m is tiny",
        ),
        "tau": (r"\tau", "by how much a point must be misclassified to refute a wording"),
        **classifiers.symbols(3),
    },
    figures=(
        Figure(
            "radial",
            "map",
            (),
            "(a): x = (0, 1) and the two classes of the network by hand, by colour. The nearest point of the other "
            "class is at 0.28; the bound with one variable claims 0.368, and its circle crosses the boundary.",
            x="first input",
            y="second input",
        ),
        Figure(
            "balls",
            "map",
            (),
            "Exact input margins, and the predicted class by colour: each circle touches the decision boundary and "
            "does not cross it.",
            x="first input",
            y="second input",
        ),
        Figure(
            "chain",
            "cloud",
            CHAIN,
            "Input margin against each of the four lower bounds. The first is attained wherever the boundary is met in "
            "the region of x; only where the weights fit together are all four.",
            x="lower bound",
            y="input margin",
        ),
    ),
    invariances={"rescale the outputs": rescale, "flip inputs": flip},
    survivors={
        f"{claim}: without {CLEAR!r}": "without a largest output m is not positive, and gamma is at least 0"
        for claim in CHAIN
    },
    not_tested=("networks that are larger than a few dozen units, in the default run", "other norms than |x|_2"),
)
