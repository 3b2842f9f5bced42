r"""Random networks have few regions: exact means, and a bound that does not see the depth.

A ReLU network with $`n_0`$ inputs and hidden widths $`n_1,\dots,n_L`$, $`N=n_1+\dots+n_L`$, has the pre-activations
$`z^l=W^lh^{l-1}+b^l`$ and $`h^l=\max(z^l,0)`$, $`h^0=x`$. An *activation region* of an open convex set is the interior,
where it is not empty, of the points of the set with one pattern of signs $`[z_i^l>0]`$; $`\#`$ is their number. Weights
and biases are independent and random, and the biases are $`N(0,\sigma^2)`$, $`\sigma>0`$.

**Theorem.** *(1) One layer in a ball.* $`n_0=d`$, one layer of $`N`$ neurons, weights $`N(0,\sigma_w^2)`$. In the open
ball of radius $`R\le\infty`$ about 0, with $`q^2=1+(R\sigma_w/\sigma)^2`$,

```math
\mathbb E\,\#=\sum_{k=0}^{\min(N,d)}\binom Nk\,p_k,\qquad p_0=1,\qquad
p_k=P\Big(\beta_k>\frac1{q^2}\Big),\qquad \beta_k\sim\mathrm{Beta}\Big(\frac{d+1-k}2,\frac k2\Big).
```

On an interval $`p_1=\frac2\pi\arctan(R\sigma_w/\sigma)`$; in a disc $`p_1=\sqrt{1-1/q^2}`$ and $`p_2=1-1/q`$.

*(2) One input, any depth,* in the interval $`(a,b)`$. Write $`y_z=z-b_z`$ for the pre-activation of a neuron without
its own bias, $`\Phi`$ for the normal distribution function, $`\varphi_\sigma`$ for the density of $`N(0,\sigma^2)`$.
For weights of any law, fixed ones included,

```math
\mathbb E\,\#=1+\sum_z\int_a^b\mathbb E\big[\lvert y_z'(x)\rvert\,\varphi_\sigma(y_z(x))\big]\,dx
=1+\sum_z\mathbb E\,\mathrm{TV}_{[a,b]}\,\Phi(y_z/\sigma).
```

For weights $`W^l_{ij}\sim N(0,2/n_{l-1})`$, with $`\Lambda_l`$ the length of the curve
$`x\mapsto(\sqrt{2/n_{l-1}}\,h^{l-1}(x),\sigma)`$, $`a\le x\le b`$, projected to the unit sphere,

```math
\mathbb E\,\#=1+\sum_{l=1}^L\frac{n_l}\pi\,\mathbb E\Lambda_l .
```

*(3) The bound.* One input, symmetric weights of variance $`2/n_{l-1}`$; on the right Gaussian ones:

```math
\mathbb E\,\#\le1+\frac{N(b-a)}{\sqrt\pi\,\sigma},\qquad\qquad
\mathbb E\,\#\le1+\frac{\sqrt2}\pi\cdot\frac{N(b-a)}\sigma .
```

It is linear in the number of neurons, and how they are stacked into layers does not enter.

*Proof of (1).* Almost surely the hyperplanes $`w_i\cdot x+b_i=0`$ are in general position, also with respect to the
sphere. Put them in one by one: a new one adds as many regions as the earlier ones cut its own part of the ball into. By
induction on the dimension this is the number of subsets of the earlier ones that meet inside the ball on the new
one, the empty subset included. So $`\#`$ is the number of subsets of at most $`d`$ hyperplanes that meet inside the
ball. In the coordinates $`(\sigma_wx,\sigma)`$ the hyperplane $`i`$ is orthogonal to
$`(w_i/\sigma_w,b_i/\sigma)`$, a Gaussian vector of $`\mathbb R^{d+1}`$. The vectors orthogonal to $`k`$ of these form a
uniformly random subspace $`V`$ of dimension $`d+1-k`$, and the $`k`$ hyperplanes meet in the ball when $`V`$ has a
vector at an angle below $`\arctan(R\sigma_w/\sigma)`$ with the last axis $`e`$: when $`\|P_Ve\|^2>1/q^2`$. By rotation
invariance $`\|P_Ve\|^2`$ has the law of the first $`d+1-k`$ squares of a uniformly random unit vector.

*Proof of (2).* Where the pattern is given, all pre-activations are affine, so its points are a convex set: an
interval. Hence $`\#`$ is 1 plus the number of places where the pattern changes. Neither $`y_z`$ nor an earlier neuron,
nor another one of the same layer, depends on $`b_z`$, which has a density. So almost surely $`-b_z`$ is none of the
finitely many values that $`y_z`$ has at its breakpoints, on its constant pieces, at $`a`$ and $`b`$ and at the isolated
zeros of those neurons: every zero of $`z`$ is a change of sign, and no two neurons vanish at one place. Thus
$`\#=1+\sum_z\#\{x:y_z(x)=-b_z\}`$. For a given $`y_z`$, piece by piece,
$`\int\#\{x:y_z(x)=\beta\}\,\varphi_\sigma(\beta)\,d\beta=\int_a^b\lvert y_z'\rvert\,\varphi_\sigma(y_z)\,dx`$, and on a
piece from $`u`$ to $`v`$ the right side is $`\lvert\Phi(y_z(v)/\sigma)-\Phi(y_z(u)/\sigma)\rvert`$. If the weights are
Gaussian, $`z(x)=\langle g,\gamma(x)\rangle`$ with $`\gamma`$ the curve above and $`g`$ a standard Gaussian vector
independent of it. Where $`h^{l-1}`$ is affine $`\gamma`$ runs along a segment, on the sphere along an arc of a great
circle shorter than $`\pi`$, and a random hyperplane through 0 meets this arc with probability length/$`\pi`$.

*Proof of (3).* Fix $`x`$. Changing the sign of all weights and the bias of one neuron of layer $`l-1`$ changes the sign
of its $`z`$ and not the law, so $`\mathbb E[z'^2;z>0]=\frac12\mathbb E[z'^2]`$, as $`z\ne0`$ almost surely. Hence a
neuron of layer $`l`$ has $`\mathbb E[y'^2]=\frac2{n_{l-1}}\sum_j\mathbb E[z_j'^2;z_j>0]`$, the average of
$`\mathbb E[z_j'^2]`$ over layer $`l-1`$. In the first layer it is $`2`$, so it is $`2`$ in all. Therefore
$`\mathbb E\lvert y'\rvert\le\sqrt2`$, and $`\varphi_\sigma\le1/(\sqrt{2\pi}\,\sigma)`$ in the first formula of (2)
gives the first bound. If the weights are Gaussian, $`y'`$ given the layers before is Gaussian, and
$`\mathbb E\lvert y'\rvert\le\sqrt{2/\pi}\cdot\sqrt2`$. $`\square`$

**Sharp.** (1) and (2) are equalities. Both constants of (3) are the best: one layer on $`(-R,R)`$ has
$`\mathbb E\,\#=1+N\frac2\pi\arctan(\sqrt2R/\sigma)`$ with Gaussian weights and
$`1+N(2\Phi(\sqrt2R/\sigma)-1)`$ with weights $`\pm\sqrt2`$, and both tend to the bounds as $`R/\sigma\to0`$. A deep
network on a long interval stays far below.

**More inputs.** Hanin and Rolnick bound the mean number of regions per unit of volume by $`(TN)^{n_0}/n_0!`$ with a
$`T`$ that does not see the depth. Its constant is far too large to be tested, so the run only reports: with two inputs,
$`N=24`$, in the whole plane, networks of 1, 2, 3, 4, 6, 8 and 12 layers. By the scaling $`x\mapsto cx`$ the count does
not depend on $`\sigma`$ there. At every depth most networks have fewer than $`N^2`$ regions, twice $`N^{n_0}/n_0!`$;
the mean is near $`N^2/2`$ while the layers are wide, and narrow layers, which die, have fewer. This is an observation
at these sizes, not a theorem.

**What the slide says.** That depth "folds the space into an exponential number of sets compared to the number of
parameters". Networks that do this exist: see `depth_regions`. Read as what a network of that depth typically does, it
is false.

**How it is checked.** Regions are counted exactly, in a ball with more than one dimension by the distances of the
intersections from 0. The two integrals of (2) are exact sums over the pieces of each network, so the network that
is counted is the one that is integrated, and the mean difference is 0 with a small variance. Only $`R/\sigma`$
matters, so mostly $`R=1`$: the interval is $`(-1,1)`$, with $`\sigma`$ one of several multiples of the parameter. All
weights have the variance $`2/n_{l-1}`$.

Kind: expectations over the draw of the network, each decided for every family; one comparison.

**Not covered.** Biases without a density, for which zeros may coincide; a bound with a stated constant for more than
one input; trained networks.
"""

from __future__ import annotations

import math
from typing import Any

from pydantic import Field

from theorems.bibliography import GIRYES2019, HANIN2019, OURS, SERRA2018
from verify import Claim, Comparison, Figure, Formula, Mean, Parameters, Source, Theorem, control, misreading
from verify.core.arrays import namespace
from verify.kit import random_networks as kit
from verify.kit.region_bounds import folding_count, zaslavsky
from verify.kit.regions import cells, count_activation
from verify.kit.relu import Network, integer_network
from verify.kit.subdivision import count_regions

PLANE_NEURONS = 24
DEPTHS = (1, 2, 3, 4, 6, 8, 12)
DISC, BALL = "one layer, disc", "one layer, ball of R^3"
INTERVAL, INTERVAL_SIGNS = "one layer, interval", "one layer, interval, weights are signs"
BALL_FULL, INTERVAL_FULL = "one layer, ball of R^3, small biases", "one layer, interval, small biases"
SHORT, SHORT_SIGNS = "one neuron, short interval", "one neuron, short interval, weight is a sign"
DEEP, DEEP_SIGNS = "deep, interval", "deep, interval, weights are signs"
PLANE = {f"plane, {n} layer{'s' if n > 1 else ''}": n for n in DEPTHS}
LARGE, SMALL = 5.0, 0.01  # sigma over sigma_b where the bounds are nearly attained, and where all hyperplanes meet
RADII = {INTERVAL_FULL: 0.25, SHORT: 1 / 512, SHORT_SIGNS: 1 / 512}  # R where it is not 1
SPREAD = (0.2, 0.5, 1.0, 2.5, 5.0)  # sigma over sigma_b in the deep families

ONE_LAYER, ONE_INPUT, GAUSSIAN, SIGNS = "one layer, R finite", "one input", "Gaussian weights", "weights are signs"
WHOLE = "two inputs, the whole plane"
MEETINGS = "N * p1 + N * (N - 1) / 2 * p2 + N * (N - 1) * (N - 2) / 6 * p3"
GAUSSIAN_BOUND = "sqrt(2) / pi * N * length / sigma"
SLIDE = Source(GIRYES2019, "slide 'Depth of the network'")


class Params(Parameters):
    """Sizes and scales. The plane has networks of 24 neurons."""

    neurons: int = Field(12, ge=1, le=30, description="neurons of the networks with one layer")
    width: int = Field(8, ge=1, le=32, description="width of the layers of the deep networks with one input")
    depth: int = Field(3, ge=1, le=12, description="number of these layers")
    sigma_b: float = Field(0.5, ge=0.05, le=20, description="sigma, where R = 1; the interval has multiples of it")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """W1 (B, n_1, n_0), b1 (B, n_1), W2, ...; sigma (B,); radius (1,), infinite for the whole plane and mostly 1, as
    only R/sigma matters; signs (1,), 1 where the weights are signs times a constant and 0 where they are Gaussian."""
    if family in PLANE:
        layers = PLANE[family]
        inputs, widths = 2, (PLANE_NEURONS // layers,) * layers
    elif family in (DEEP, DEEP_SIGNS):
        inputs, widths = 1, (p.width,) * p.depth
    else:
        inputs = {DISC: 2, BALL: 3, BALL_FULL: 3}.get(family, 1)
        widths = ({BALL_FULL: 5, SHORT: 1, SHORT_SIGNS: 1}.get(family, p.neurons),)
    if family in (DEEP, DEEP_SIGNS):
        sigma = p.sigma_b * draw.choose(SPREAD)
    else:
        sizes = {
            INTERVAL: LARGE,
            INTERVAL_SIGNS: LARGE,
            BALL_FULL: SMALL,
            INTERVAL_FULL: SMALL,
            SHORT: 0.1,
            SHORT_SIGNS: 0.1,
        }
        sigma = draw.full(p.sigma_b * sizes.get(family, 1.0))
    signs = family in (INTERVAL_SIGNS, SHORT_SIGNS, DEEP_SIGNS)
    network = kit.he_network(draw, inputs, widths, sigma, signs)
    return {
        **{f"W{number}": W for number, W in enumerate(network.weights, 1)},
        **{f"b{number}": b for number, b in enumerate(network.biases, 1)},
        "sigma": sigma,
        "radius": draw.backend.asarray([math.inf if family in PLANE else RADII.get(family, 1.0)]),
        "signs": draw.backend.asarray([float(signs)]),
    }


def _network(x: Any) -> Network:
    numbers = range(1, 1 + sum(name[0] == "W" for name in x))
    return Network(tuple(x[f"W{n}"] for n in numbers), tuple(x[f"b{n}"] for n in numbers))


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """Which of the parts is about the instance."""
    xp = namespace(x["sigma"])
    network, signs = _network(x), float(x["signs"][0])
    bounded = math.isfinite(float(x["radius"][0]))

    def margin(met: bool) -> Any:
        return xp.full_like(x["sigma"], 0.0 if met else -1.0)

    return {
        ONE_LAYER: margin(len(network.widths) == 1 and bounded),
        ONE_INPUT: margin(network.inputs == 1),
        GAUSSIAN: margin(signs == 0),
        SIGNS: margin(signs == 1),
        WHOLE: margin(network.inputs == 2 and not bounded),
    }


def _quantities(x: Any, regions: Any, variation: Any, arcs: Any) -> dict[str, Any]:
    """The named quantities from the counts and the integrals (B,)."""
    xp = namespace(x["sigma"])
    network, sigma, radius = _network(x), x["sigma"], float(x["radius"][0])
    d, widths, layers = network.inputs, network.widths, len(network.widths)
    reach = radius * math.sqrt(2 / d) / sigma

    def number(value: float) -> Any:
        return xp.full((1,), value, dtype=sigma.dtype, device=sigma.device)

    return {
        "regions": regions,
        "variation": variation,
        "arcs": arcs,
        **{f"p{k}": kit.meeting_probability(d, k, reach) for k in (1, 2, 3)},
        "sigma": sigma,
        "N": number(network.neurons),
        "length": number(2 * radius),
        "load": network.neurons * 2 * radius / sigma,
        "pi": number(math.pi),
        "layers": number(layers),
        "doubling": number(zaslavsky(network.neurons, d) * 2.0 ** (layers - 1)),
        "folds": number(folding_count(d, widths)),
    }


def solve(p: Params, x: Any) -> dict[str, Any]:
    """Exact counts, and integrals as sums over pieces."""
    xp = namespace(x["sigma"])
    network, sigma, radius = _network(x), x["sigma"], float(x["radius"][0])
    variation = arcs = xp.full_like(sigma, xp.nan)
    if network.inputs == 1:
        regions = count_regions(network, (-radius, radius))
        variation, arcs = kit.kac_rice(network, -radius, radius, sigma), kit.crofton(network, -radius, radius, sigma)
    elif math.isfinite(radius):
        regions = kit.regions_in_ball(x["W1"], x["b1"], radius)
    else:
        regions = count_regions(network, None)
    return _quantities(x, regions, variation, arcs)


def reference(p: Params, x: Any) -> dict[str, Any]:
    """Counts in exact integers and rationals, and the integrals by quadrature of their densities."""
    import numpy as np

    network, radius = _network(x), float(x["radius"][0])
    variation = arcs = math.nan
    if network.inputs == 1:
        regions = count_activation(cells(integer_network(network), (-radius, radius)))
        variation, arcs = kit.integrals_reference(network, -radius, radius, float(x["sigma"][0]), 20_000)
    elif math.isfinite(radius):
        regions = kit.regions_in_ball_reference(x["W1"][0], x["b1"][0], radius)
    else:
        regions = count_activation(cells(integer_network(network), None))
    return _quantities(x, np.asarray([regions]), np.asarray([variation]), np.asarray([arcs]))


def permute(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The neurons of the first layer in another order."""
    xp = namespace(x["W1"])
    n = x["W1"].shape[1]
    order = draw.shared.subset(n, n)[0, :]
    moved = {"W1": xp.take(x["W1"], order, axis=1), "b1": xp.take(x["b1"], order, axis=1)}
    return {**x, **moved, **({"W2": xp.take(x["W2"], order, axis=2)} if "W2" in x else {})}


def rescale(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """All lengths doubled: the biases, their deviation and the radius."""
    return {name: 2 * a if name[0] == "b" or name in ("sigma", "radius") else a for name, a in x.items()}


THEOREM = Theorem(
    "random_regions",
    "Random networks have few regions, at any depth",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    families={
        DISC: "(1) with two inputs",
        BALL: "(1) with three inputs",
        INTERVAL: "one input, Gaussian weights, large biases: the bound of (3) is nearly attained",
        INTERVAL_SIGNS: "the same for the bound for symmetric weights: each is a random sign times a constant",
        BALL_FULL: "five hyperplanes of which nearly all meet inside: a count with hardly any variance",
        INTERVAL_FULL: "the same on an interval",
        SHORT: "the bound of (3) on a small scale, with the variance of one neuron",
        SHORT_SIGNS: "the same for the bound for symmetric weights",
        DEEP: "one input, several layers, Gaussian weights",
        DEEP_SIGNS: "one input, several layers, weights that are signs times a constant",
        **{name: f"two inputs, {PLANE_NEURONS} neurons in {n} layers of equal width" for name, n in PLANE.items()},
    },
    shares={**dict.fromkeys(PLANE, 0.2), SHORT: 0.5, SHORT_SIGNS: 0.5, INTERVAL_FULL: 0.5},
    instances=14_850,
    claims=(
        Claim("one layer in a ball", Mean(), "regions", Formula(f"1 + {MEETINGS}"), (ONE_LAYER, GAUSSIAN), "=="),
        Claim("one input: total variation", Mean(), "regions", Formula("1 + variation"), (ONE_INPUT,), "=="),
        Claim("one input: length on the sphere", Mean(), "regions", Formula("1 + arcs"), (ONE_INPUT, GAUSSIAN), "=="),
        Claim("bound, Gaussian weights", Mean(), "regions", Formula(f"1 + {GAUSSIAN_BOUND}"), (ONE_INPUT, GAUSSIAN)),
        Claim(
            "bound, symmetric weights", Mean(), "regions", Formula("1 + N * length / (sqrt(pi) * sigma)"), (ONE_INPUT,)
        ),
        Claim(
            "observed: most have fewer than N^2",
            Comparison(),
            "regions",
            Formula("N**2"),
            (WHOLE,),
            source=Source(HANIN2019, "abstract", "the order of growth, free of depth; the constant 2 is observed here"),
        ),
        misreading(
            "slide: depth folds",
            Mean(),
            "regions",
            Formula("folds"),
            (WHOLE,),
            relation=">=",
            source=SLIDE,
            grade="loose",
            reading="a network has, on average, at least as many regions as folding gives its widths",
            because="random weights do not fold: the mean stays near N^2/2 or falls with depth",
            holds_when="there are weights that fold; see depth_regions",
        ),
        control(
            "each layer doubles the count",
            Mean(),
            "regions",
            Formula("doubling"),
            (WHOLE,),
            "at a fixed number of neurons depth does not raise the mean by a constant factor a layer",
            relation=">=",
        ),
        control(
            "one layer: 1 left out",
            Mean(),
            "regions",
            Formula(MEETINGS),
            (ONE_LAYER, GAUSSIAN),
            "without any hyperplane there is one region",
            relation="==",
        ),
        control(
            "one layer: ordered subsets",
            Mean(),
            "regions",
            Formula("1 + N * p1 + N * (N - 1) * p2 + N * (N - 1) * (N - 2) * p3"),
            (ONE_LAYER, GAUSSIAN),
            "the factorial of the number of hyperplanes is left out",
            relation="==",
        ),
        control(
            "one input: 1 left out",
            Mean(),
            "regions",
            Formula("variation"),
            (ONE_INPUT,),
            "breakpoints are one fewer than regions",
            relation="==",
        ),
        control(
            "length on the sphere, weights that are signs",
            Mean(),
            "regions",
            Formula("1 + arcs"),
            (ONE_INPUT, SIGNS),
            "the direction of the row of a neuron and its bias is no longer uniform",
            relation="==",
        ),
        control(
            "half the constant of the bound",
            Mean(),
            "regions",
            Formula(f"1 + {GAUSSIAN_BOUND} / 2"),
            (ONE_INPUT, GAUSSIAN),
            "one layer with large biases attains nine tenths of it",
        ),
        control(
            "Gaussian bound, weights that are signs",
            Mean(),
            "regions",
            Formula(f"1 + {GAUSSIAN_BOUND}"),
            (ONE_INPUT, SIGNS),
            "a weight of constant size has E|w| = sqrt(E w^2), a Gaussian one sqrt(2/pi) of it",
        ),
    ),
    sources=(
        Source(
            HANIN2019,
            "abstract",
            "at most of the order of N to the power n_0, whatever the depth; its constant is not tested",
        ),
        Source(SERRA2018, "section 3", "the number of regions of the folding weights, quoted there"),
        SLIDE,
        Source(OURS, "(1) to (3), above", "they may exist in the literature"),
    ),
    symbols={
        "regions": (r"\#", "activation regions"),
        "variation": (r"V", "total variation of Phi(y/sigma), summed over the neurons"),
        "arcs": (r"\sum_l\frac{n_l}{\pi}\Lambda_l", "lengths on the sphere, weighted and summed over the layers"),
        "p1": ("p_1", "probability that a hyperplane meets the ball"),
        "p2": ("p_2", "probability that two meet inside"),
        "p3": ("p_3", "probability that three meet inside"),
        "sigma": (r"\sigma", "standard deviation of the biases"),
        "N": ("N", "neurons"),
        "length": ("(b-a)", "length of the interval"),
        "load": (r"N(b-a)/\sigma", "what the bound is linear in"),
        "pi": (r"\pi", "half the circumference of the unit circle"),
        "layers": ("L", "layers"),
        "doubling": (r"2^{L-1}\mathrm Z(N,2)", "the count of one layer, doubled by every further layer"),
        "folds": ("F", "regions of the folding weights of these widths"),
    },
    figures=(
        Figure(
            "depth",
            "ladder",
            ("observed: most have fewer than N^2", "each layer doubles the count", "slide: depth folds"),
            "Regions of random networks with 24 neurons and two inputs against depth: about N^2/2, and fewer where the "
            "layers are narrow. Folding needs four neurons a layer: the weights that fold have more regions up to 6 "
            "layers, and layers of 3 or 2 cannot.",
            x="layers L",
            y="regions in the plane",
            against="layers",
        ),
        Figure(
            "interval",
            "ladder",
            ("one input: length on the sphere", "bound, Gaussian weights"),
            "Regions on an interval, Gaussian weights: the mean is given by the lengths on the sphere. The bound is "
            "nearly attained at the left end, by one layer with large biases; at the right end every neuron of three "
            "layers breaks about once.",
            x="N (b - a) / sigma",
            y="regions on the interval",
            against="load",
        ),
    ),
    invariances={"permute neurons": permute, "rescale": rescale},
    not_tested=("the bound of Hanin and Rolnick with its constant", "more than 24 neurons in the plane"),
)
