r"""Norms of a Jacobian and of its weights; and what happens to the margin when the weights shrink.

A network $`f(x)=V\rho(W^L\cdots\rho(W^1x+b^1)\cdots+b^L)+c`$ with $`\rho(t)=\max(t,0)`$ has $`K=L+1`$ layers;
$`W^K=V`$ and $`b^K=c`$. $`J(x)=VD^LW^L\cdots D^1W^1`$ is its Jacobian at x, where $`D^l`$ is diagonal, with ones for
the active units of layer l and zeros for the others. $`\lVert\cdot\rVert`$ is the spectral norm.

**Theorem.** (1) $`\lVert J(x)\rVert\le\prod_l\lVert W^l\rVert\le\prod_l\lVert W^l\rVert_F`$ at every x. (2) $`J`$ is
constant on the linear regions: $`f(x')-f(x)=J(x)(x'-x)`$ wherever the same units are active at x and x'. (3) Replace
$`W^l`$ by $`sW^l`$ and $`b^l`$ by $`s^lb^l`$, with one $`s>0`$ for all l. Then $`f`$ becomes $`s^Kf`$: every class
stays as it is, and so does the input margin

```math
\gamma=\inf\{\lVert z-x\rVert:\ f_y(z)\le f_j(z)\text{ for some }j\ne y\},
```

and the bound $`m/(\sqrt2\prod_l\lVert W^l\rVert)`$ on it, where $`m=\min_{j\ne y}f_y(x)-f_j(x)`$. (4) Without biases
$`f(x)=J(x)x`$.

*Proof.* (1) $`\lVert D^l\rVert\le1`$, and a sum of squared singular values is at least the largest of them. (2) On the
points of one pattern the network is a product of affine maps. (3) $`\rho(st)=s\rho(t)`$: layer by layer, the values of
layer l become $`s^l`$ times as large. The sets that define $`\gamma`$ are the same, and numerator and denominator of
the bound grow alike. (4) $`\rho(t)=[t>0]\,t`$, so $`\rho(W^lh)=D^lW^lh`$. $`\square`$

**Sharp.** All of (1) is an equality for layers of rank one that fit together, $`W^l=u_lu_{l-1}^\top`$ with
$`u_l\ge0`$ (family *aligned*). (2) to (4) are identities.

**What the slides say.** (a) "Bounding the weights increases the input margin." It is true of the lower *bound*
$`m/(\sqrt2\prod_l\lVert W^l\rVert_F)`$ if the output margin m is kept: then smaller weights give a larger bound. Shrink
the weights themselves, and m shrinks too. By (3) the margin and its bound do not move at all where biases shrink along
or are absent, as in the slides' notation. Where biases are kept, the margin may fall: for $`f_1=\rho(x)`$, $`f_2=1`$
and x = 2 it is 1. With both weights times 3/4 it is 2/9: $`f_1=\tfrac9{16}\rho(x)`$ still has x in class 1, but the
boundary is now at 16/9. Trained networks are another matter: training with a penalty on the weights looks for other
networks, and does not rescale one.

(b) "$`J(\cdot)`$ is piecewise constant." True for ReLU, leaky ReLU and max-pooling, by (2). With a smooth non-linearity
$`J`$ is continuous, and would have to be constant.

Kind: inequalities for every instance, and identities within the rounding of the outputs and the ends of the margins.

**Not covered.** Convolutions, for which $`\lVert W\rVert`$ is the norm of the whole operator; what training with weight
decay does to the margin; the bound on the input margin itself, which is on the page `input_margin`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import Field

from theorems.bibliography import GIRYES2019, OURS, SOKOLIC2017
from theorems.expressivity import _networks as networks
from theorems.generalization import _classifiers as classifiers
from verify import Claim, Enclosure, Every, Figure, Formula, Identity, Parameters, Source, Theorem, control, misreading
from verify.core.arrays import eps, namespace, norm2, spectral_norm
from verify.kit.relu import Network

MARGIN = Source(GIRYES2019, "slide 'Input margin bound'")
DECAY = Source(GIRYES2019, "slide 'GE and weight decay'")
JACOBIAN = Source(GIRYES2019, "slide 'Jacobian based regularization'")
PAPER = Source(SOKOLIC2017, "Theorem 4", "the chain of norms; from memory, proved on this page")

CLEAR = "x has a largest output"
UNBIASED = "no biases"
KEPT = "the shrunk weights give x the same class"
SOME = "a bias above 1e-6"
BARE, BIASED, ALIGNED, HAND = "no biases", "biases", "aligned", "one input"
POINTS = 8


class Params(Parameters):
    """How far the weights shrink, and what counts as misclassified."""

    shrink: float = Field(0.1, ge=0.05, le=0.9, description="smallest factor s of the random weights; the largest is 1")
    tau: float = Field(
        0.001, gt=0, le=1, description="a wording is refuted only by points that are misclassified by at least tau"
    )


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """W1, b1, ..., V (B, C, n), c (B, C); x (B, d); data (B, P, d), points for the norms, x first; s (B,); u (B, d), a
    direction of length 1."""
    xp = draw.xp
    s = draw.uniform(low=p.shrink, high=1.0)
    if family == HAND:
        network, s = _by_hand(draw)
        x = draw.full(2.0, 1)
        z = 0 * x
    elif family == ALIGNED:
        network, x = classifiers.aligned(draw, 3, (3, 3))
        z = -x
    else:
        inputs, widths = (3, (5, 4)) if family == BARE else (2, (5, 4))
        x, z = draw.normal(inputs), draw.normal(inputs)
        network = classifiers.gaussian(draw, inputs, widths, 3, draw.full(0.0 if family == BARE else 0.5))
        network = (classifiers.opposed_without_biases if family == BARE else classifiers.opposed)(network, x, z)
    others = x[:, None, :] + draw.normal(POINTS - 2, x.shape[-1])
    data = xp.concat([x[:, None, :], z[:, None, :], others], axis=1)
    return {**classifiers.named(network, x, data), "s": s, "u": draw.sphere(x.shape[-1])}


def _by_hand(draw: Any) -> tuple[Network, Any]:
    """The network of (a) and s = 3/4, in half of the draws; else another weight and a larger s."""
    xp, coin, one = draw.xp, draw.coin(), draw.full(1.0)
    W = (1.0 + coin * draw.uniform())[:, None, None]
    V, c = xp.stack([one, 0 * one], axis=-1)[..., None], xp.stack([0 * one, one], axis=-1)
    return Network((W,), (draw.full(0.0, 1),), (V, c)), 0.75 + coin * draw.uniform(high=0.2)


def shrunk(network: Network, s: Any, biases: bool = True) -> Network:
    """All weights times s (B,), and the biases of layer l times s^l, or as they are."""

    def layer(number: int, W: Any, b: Any) -> tuple[Any, Any]:
        return s[:, None, None] * W, s[:, None] ** float(number) * b if biases else 1 * b

    pairs = [*zip(network.weights, network.biases, strict=True), network.readout]
    *hidden, readout = [layer(number, *pair) for number, pair in enumerate(pairs, 1)]
    return Network(tuple(W for W, _ in hidden), tuple(b for _, b in hidden), readout)


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """The largest output must be so in spite of 1000 times its rounding error, before and after."""
    from verify.kit.attacks import predicted, smallest_margin

    network, point = networks.network(x), x["x"][:, None, :]
    xp = namespace(x["x"])
    kept = shrunk(network, x["s"], biases=False)
    left = smallest_margin(kept, point, predicted(network, point)) - 1000 * classifiers.output_rounding(kept, point)
    bias = xp.max(xp.abs(xp.concat([*network.biases, network.readout[1]], axis=-1)), axis=-1)
    return {
        CLEAR: classifiers.clear_margin(network, x["x"])[1],
        UNBIASED: -bias,
        SOME: bias - 1e-6,
        KEPT: left[:, 0],
    }


@dataclass(frozen=True)
class Found:
    """What a method found: the margins of the network, of all shrunk and of the weights shrunk, enclosures of (B,);
    J at all points (B, P, C, d)."""

    gamma: Enclosure
    gamma_s: Enclosure
    gamma_kept: Enclosure
    J: Any


def _quantities(x: Any, found: Found) -> dict[str, Any]:
    from verify.kit.jacobians import NORM_ERROR, norm_products

    network, point, s = networks.network(x), x["x"][:, None, :], x["s"]
    xp, layers = namespace(s), len(network.widths) + 1

    def outputs(net: Network) -> Enclosure:
        f = net.outputs(point)
        return Enclosure.around(f[:, 0, :], xp.broadcast_to(classifiers.output_rounding(net, point), f[:, 0, :].shape))

    def margin(net: Network) -> Enclosure:
        m = classifiers.clear_margin(net, x["x"])[0]
        return Enclosure.around(m, classifiers.output_rounding(net, point)[:, 0])

    def through(v: Any) -> Any:
        return xp.matmul(found.J[:, 0, :, :], v[..., None])[..., 0]

    f = outputs(network)
    small = shrunk(network, s)
    spectral, frobenius = norm_products(network)
    step = _step(network, x)
    x_new = x["x"] + step
    step = x_new - x["x"]
    rounding = xp.maximum(*(classifiers.output_rounding(network, z)[:, 0] for z in (point, x_new[:, None, :])))
    change = network.outputs(x_new[:, None, :])[:, 0, :] - f.value
    widest = max(network.inputs, *network.widths, f.shape[-1])
    return {
        "gamma": found.gamma,
        "gamma_s": found.gamma_s,
        "gamma_kept": found.gamma_kept,
        "norm": spectral_norm(found.J),
        "spectral": spectral.value,
        "frobenius": frobenius.value,
        "hidden": norm_products(Network(network.weights, network.biases))[0].value,
        "eta": xp.full_like(s, NORM_ERROR * widest * eps(s) * (layers + 1)),
        "outputs": f,
        "outputs_s": outputs(small),
        "outputs_kept": outputs(shrunk(network, s, biases=False)),
        "through_J": Enclosure.around(through(x["x"]), 2 * (f.upper - f.value)),
        "m": margin(network),
        "bound_s": margin(small) / norm_products(small)[0],
        "product": spectral,
        "s": s,
        "layers": xp.full_like(s, float(layers)),
        "bend": norm2(change - through(step)),
        "bend_tanh": _bend_tanh(network, x["x"], step),
        "rounding": 4 * f.shape[-1] ** 0.5 * rounding,
    }


def _step(network: Network, x: Any) -> Any:
    """(B, d): nine tenths of the way along u for which no unit can change its sign: its pre-activation changes by at
    most its weights' norm and those of the layers before it for each unit of length."""
    xp = namespace(x["x"])
    z, first, reach = network.pre_activations(x["x"][:, None, :])[:, 0, :], 0, []
    before = xp.ones_like(x["s"])
    for W in network.weights:
        steepest = norm2(W) * before[:, None]
        free = steepest > 0
        away = xp.abs(z[:, first : first + W.shape[1]]) / xp.where(free, steepest, xp.ones_like(steepest))
        reach.append(xp.where(free, away, xp.full_like(away, xp.inf)))
        first += W.shape[1]
        before = before * spectral_norm(W)
    return 0.9 * xp.min(xp.concat(reach, axis=-1), axis=-1)[:, None] * x["u"]


def _bend_tanh(network: Network, x: Any, step: Any) -> Any:
    """|f(x + step) - f(x) - J(x) step| with tanh in place of the ReLU."""
    xp = namespace(x)
    here, there, moved = x, x + step, step
    for W, b in zip(network.weights, network.biases, strict=True):
        here, there, moved = (xp.matmul(W, v[..., None])[..., 0] for v in (here, there, moved))
        here, there = xp.tanh(here + b), xp.tanh(there + b)
        moved = (1 - here * here) * moved
    V = network.readout[0]
    return norm2(xp.matmul(V, (there - here - moved)[..., None])[..., 0])


def solve(p: Params, x: Any) -> dict[str, Any]:
    """Exact margins of the three networks, and Jacobians by activation patterns."""
    from verify.kit.jacobians import jacobians

    like = x["x"]
    network, point, y, s = _host(x)
    found = [
        classifiers.margin_with_rounding(net, point, y, slack)
        for net, slack in (
            (network, 0.0),
            (shrunk(network, s), 0.0),
            (shrunk(network, s, biases=False), p.tau),
        )
    ]
    margins = (classifiers.in_dtype_of(like, margin) for margin in found)
    return _quantities(x, Found(*margins, jacobians(networks.network(x), x["data"])))


def _host(x: Any) -> tuple[Network, Any, Any, Any]:
    """The network, the point (B, 1, d), its class (B, 1) and s in float64 on the host: shrinking must not round to the
    dtype of the run."""
    import numpy as np

    from verify.core.arrays import to_numpy
    from verify.kit.attacks import predicted

    y = to_numpy(predicted(networks.network(x), x["x"][:, None, :]))
    host = {name: to_numpy(a).astype(np.float64) for name, a in x.items()}
    return networks.network(host), host["x"][:, None, :], y, host["s"]


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same for one instance: margins by Dijkstra over activation patterns, Jacobians row by row."""
    import numpy as np

    network, _, y, s = _host(x)
    point = x["x"][0]

    def margin(net: Network, slack: float = 0.0) -> Enclosure:
        value = classifiers.walk_reference(net, point, int(y[0, 0]), slack)[0]
        return Enclosure.around(np.asarray([value]), np.asarray([1e-6 * value]))

    def jacobian(z: Any) -> Any:
        h, J = z, np.eye(len(z))
        for W, b in zip(network.weights, network.biases, strict=True):
            a = W[0] @ h + b[0]
            J = np.stack([row @ J if value > 0 else 0 * J[0] for row, value in zip(W[0], a, strict=True)])
            h = np.maximum(a, 0)
        return network.readout[0][0] @ J

    return _quantities(
        x,
        Found(
            margin(network),
            margin(shrunk(network, s)),
            margin(shrunk(network, s, biases=False), p.tau),
            np.stack([jacobian(z) for z in x["data"][0]])[None],
        ),
    )


def rebalance(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The first layer four times as large and the next a quarter: the same network and the same products."""
    after = "W2" if "W2" in x else "V"
    return {**x, "W1": 4 * x["W1"], "b1": 4 * x["b1"], after: x[after] / 4}


SAME = Formula("s**layers * outputs")

THEOREM = Theorem(
    "margin_chain",
    "Norms of Jacobians and weights, and why shrinking the weights leaves the margin alone",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    families={
        BARE: "Gaussian weights, three inputs, layers of five and four units, three classes",
        BIASED: "the same with two inputs and biases",
        ALIGNED: "whole-number weights of rank one that fit together: all norms are attained",
        HAND: "(a) of this page: one input, one unit, two classes",
    },
    shares={BARE: 3.0, BIASED: 3.0},
    instances=1600,
    batch=100,
    claims=(
        Claim("J against spectral norms", Every(), "norm", Formula("(1 + eta) * spectral"), source=PAPER),
        Claim(
            "slides: spectral against Frobenius norms",
            Every(),
            "spectral",
            Formula("(1 + eta) * frobenius"),
            origin="giryes2019",
            source=MARGIN,
        ),
        Claim(
            "slide, for the ReLU: J is constant around x",
            Every(),
            "bend",
            Formula("rounding"),
            origin="giryes2019",
            source=JACOBIAN,
        ),
        Claim("weights and biases shrink: outputs s^K times", Identity(), "outputs_s", SAME, (CLEAR,), "=="),
        Claim("weights and biases shrink: the same margin", Identity(), "gamma_s", Formula("gamma"), (CLEAR,), "=="),
        Claim(
            "weights and biases shrink: the same bound",
            Identity(),
            "bound_s",
            Formula("m / product"),
            (CLEAR,),
            "==",
        ),
        Claim("no biases: f(x) = J(x) x", Identity(), "outputs", Formula("through_J"), (CLEAR, UNBIASED), "=="),
        misreading(
            "slide: bounding the weights increases the margin",
            Every(),
            "gamma_kept",
            Formula("gamma"),
            (CLEAR, SOME, KEPT),
            relation=">=",
            source=DECAY,
            grade="loose",
            reading="of one network with its weights shrunk and its biases kept, the input margin is no smaller",
            because="the output margin shrinks with the weights, and against the biases it can shrink faster",
            holds_when="it speaks of the lower bound m / (sqrt(2) prod |W|_F) at a given output margin m; the margin "
            "itself may rise or fall, and without biases it does not move when all weights shrink",
        ),
        misreading(
            "slide: J is piecewise constant, for every non-linearity",
            Every(),
            "bend_tanh",
            Formula("rounding"),
            (),
            source=JACOBIAN,
            grade="incomplete",
            reading="for any element-wise non-linearity, here tanh, J is constant around x",
            because="J of a smooth network is continuous: if it were piecewise constant it would be constant",
            holds_when="the non-linearity is piecewise linear, such as the ReLU, or max-pooling",
        ),
        control(
            "smaller weights, larger margin",
            Every(),
            "gamma_s",
            Formula("1.001 * gamma"),
            (CLEAR,),
            "it is the same, whatever s",
            ">=",
        ),
        control(
            "Frobenius norms at most spectral norms",
            Every(),
            "frobenius",
            Formula("(1 + eta) * spectral"),
            (),
            "a matrix of rank two or more has several singular values, and the Frobenius norm adds them up",
        ),
        control(
            "the output layer left out of the product",
            Every(),
            "norm",
            Formula("(1 + eta) * hidden"),
            (),
            "the output layer stretches too",
        ),
        control(
            "weights alone shrink: outputs s^K times",
            Identity(),
            "outputs_kept",
            SAME,
            (CLEAR,),
            "the bias of layer l must shrink s^l times",
            "==",
        ),
    ),
    sources=(MARGIN, DECAY, JACOBIAN, PAPER, Source(OURS, "the proofs, above")),
    symbols={
        "norm": (r"\lVert J(x_i)\rVert", "at each of eight points"),
        "spectral": (r"\Pi_2", r"$`\prod_l\lVert W^l\rVert`$, the read-out included"),
        "frobenius": (r"\Pi_F", r"$`\prod_l\lVert W^l\rVert_F`$, the read-out included"),
        "hidden": (r"\Pi_{\mathrm{hid}}", r"$`\prod_l\lVert W^l\rVert`$ without the read-out"),
        "eta": (r"\eta", "relative rounding error of the norms"),
        "gamma": (r"\gamma", "input margin"),
        "gamma_s": (r"\gamma_s", "input margin with weights and biases shrunk"),
        "gamma_kept": (r"\gamma_\tau'", r"with weights alone shrunk, distance to a point misclassified by $`\tau`$"),
        "outputs": ("f(x)", "outputs, one by one"),
        "outputs_s": ("f_s(x)", "outputs with weights and biases shrunk"),
        "outputs_kept": ("f'(x)", "outputs with weights alone shrunk"),
        "through_J": ("J(x)x", "the Jacobian times the point"),
        "m": ("m", r"$`\min_{j\ne y}f_y(x)-f_j(x)`$"),
        "product": (r"\Pi", r"$`\prod_l\lVert W^l\rVert`$, from above"),
        "bound_s": (r"m_s/\Pi_s", "the same quotient with weights and biases shrunk"),
        "s": ("s", "factor of the weights"),
        "layers": ("K", "number of layers, the read-out included"),
        "bend": (r"\lVert f(x')-f(x)-J(x)(x'-x)\rVert", "x' so near that no unit can change its sign"),
        "bend_tanh": (r"\lVert\cdot\rVert_{\tanh}", "the same with tanh in place of the ReLU"),
        "rounding": (r"\varepsilon", "rounding error of these outputs"),
        "tau": (r"\tau", "by how much a point must be misclassified to refute a wording"),
        "u": ("u", "direction from x to x'"),
        **classifiers.symbols(2),
    },
    figures=(
        Figure(
            "kept",
            "cloud",
            ("slide: bounding the weights increases the margin", "weights and biases shrink: the same margin"),
            "The input margin after shrinking against the one before. Left, weights alone, biases kept: above the "
            "line shrinking helps, below it harms. Right, biases along with the weights: nothing changes.",
            x="margin before",
            y="margin after",
        ),
        Figure(
            "norms",
            "cloud",
            ("J against spectral norms", "slides: spectral against Frobenius norms"),
            "Left: the norm of the Jacobian against the product of spectral norms. Right: that against the product of "
            "Frobenius norms. Both are attained by weights of rank one that fit together.",
            x="bound",
            y="norm",
        ),
    ),
    survivors={
        f"weights and biases shrink: *: without {CLEAR!r}": "outputs, margins and bounds scale so at every x",
        f"no biases: f(x) = J(x) x: without {CLEAR!r}": "f is positively homogeneous, whichever output is the largest",
    },
    invariances={"move a factor between layers": rebalance},
    not_tested=("convolutional layers", "training with weight decay"),
)
