r"""Is the number of regions exponential in the number of parameters?

A ReLU network with $`n_0`$ inputs and $`L`$ layers of $`n_1,\dots,n_L`$ neurons has $`N=\sum_ln_l`$ neurons and
$`P=\sum_ln_l(n_{l-1}+1)`$ parameters, without the read-out. Let $`R`$ be the number of its activation regions. The
question has four answers, according to what is held fixed.

**Theorem.** (E) *Existence, growing depth.* For every $`L`$ there are weights for one input and widths
$`3,\dots,3`$ with

```math
R=4^L,\qquad P=12L-6,\qquad\log_2R=\frac{P+6}6 .
```

(F) *Fixed depth.* For all weights, $`R\le(1+N/L)^{n_0L}`$ and $`N\le P/2`$: at a fixed depth and number of inputs a
polynomial in $`P`$.

(G) *Random weights.* One input, independent Gaussian weights of variance 2/fan-in and biases of variance
$`\sigma^2>0`$: on an interval $`[a,b]`$

```math
\mathbb E\,R\le1+\frac{N(b-a)}{\sqrt\pi\,\sigma},
```

linear in the number of neurons, at every depth.

(H) *Few neurons.* With $`n_0\ge N`$ one layer of $`N`$ neurons has $`R=2^N`$ as soon as its weight vectors are linearly
independent, and a network of two layers or more has $`R<2^N`$, for all weights.

*Proof.* (E) Three neurons fold the interval $`(0,1)`$ with four pieces, each mapped onto the whole
(`depth_regions_1d`). (F) A region is cut by a layer into $`\mathrm Z(n_l,n_0)=\sum_{j\le n_0}\binom{n_l}j`$ parts at
most, and $`\mathrm Z(n,d)\le(1+n)^d`$: a set of at most $`d`$ of $`n`$ things is the set of values of a map
from $`d`$ places to the things and "none". The product of the $`1+n_l`$ is largest when they are equal. A neuron has a
weight and a bias at least. (G) A neuron's pre-activation is $`y+b`$ with $`b`$ independent of $`y`$, so by the formula
of Kac and Rice it changes sign $`\mathbb E\int_a^b\lvert y'\rvert\varphi_\sigma(y)\,dx`$ times on average, with
$`\varphi_\sigma\le1/(\sqrt{2\pi}\sigma)`$. And $`\mathbb E\,y'^2=2`$ in every layer: 2 in the first, and on the next
$`\frac2n\sum_i\mathbb E[y_i'^2;z_i>0]`$, where $`z_i>0`$ is as likely as not whatever $`y_i'^2`$, since
$`(W^l,b^l)`$ and $`(-W^l,-b^l)`$ have one law. So $`\mathbb E\lvert y'\rvert\le\sqrt2`$. Each change makes one more
region at most. (H) Independent hyperplanes show all sign patterns. In a deeper network the patterns in which the whole
first layer is inactive are one at most, where $`2^{N-n_1}`$ would be needed. $`\square`$

**What the slides say.** "The depth of the network folds the space into an exponential number of sets compared to the
number of parameters." That holds as (E): the *largest* number of sets, for the right weights, as the *depth* grows. It
does not hold for typical networks: by (G) the mean number is below any exponential of $`P`$ in the end, in the run
below $`2^{P/100}`$ from some 600 parameters on. And not at a fixed depth: by (F) width pays a polynomial number of
sets. With more inputs the same is known of random networks (Hanin and Rolnick): about $`N^{n_0}/n_0!`$ regions, see
`random_regions`.

**Sharp.** (E) and the first half of (H) are equalities. In (F) the power of $`P`$ is not the best one: with equal
widths $`P\approx(L-1)n^2`$, and the largest number of regions is of the order $`P^{n_0L/2}`$ for $`L\ge2`$. In (G)
one layer with large biases attains 0.8 of the slope, see `random_regions`; deep networks stay far below.

Kind: exact counts, networks that are built, all networks, and means over random ones.

**Not covered.** Trained networks; random networks of more than one input (`random_regions`).
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from pydantic import Field

from theorems.bibliography import GIRYES2019, HANIN2019, MONTUFAR2014, OURS, SERRA2018
from theorems.expressivity import _networks as networks
from verify import (
    Claim,
    Count,
    Enclosure,
    Every,
    Figure,
    Formula,
    Identity,
    Mean,
    Parameters,
    Source,
    Theorem,
    control,
    misreading,
)
from verify.core.arrays import eps, namespace, to_numpy
from verify.kit.random_networks import he_network
from verify.kit.region_bounds import layered_bound
from verify.kit.regions import cells, count_activation
from verify.kit.relu import Network, integer_network
from verify.kit.subdivision import count_regions

FOLDED, RANDOM, WIDE, SHALLOW, DEEP = "folding", "random", "two wide layers", "one layer", "two layers"
SPREAD, SHORT = "random, large biases", "one neuron, short interval"
KINDS = (FOLDED, RANDOM, WIDE, SHALLOW, DEEP, SPREAD, SHORT)
FOLDING, TYPICAL, TWO = "widths 3, folding", "random weights", "two layers"
INDEPENDENT, FEW = "one layer, independent weights", "two layers at least, as many inputs as neurons"
REACH = {SHORT: Fraction(1, 512)}  # networks of one input are counted in [-1, 1] or this, others in the whole space
SPREADS = {SPREAD: 10.0, SHORT: 0.05}  # sigma over the parameter, where it is another
WIDTHS = (3, 8, 16, 32)  # of the two wide layers
LARGEST = 2**62  # larger bounds are written as this number
DEPTH = Source(GIRYES2019, "slides 'Depth of the network' and 'Sample of related existing theory'")
AS_FOLDED = Formula("(P + 6) / 6")
SLOW = Formula("2**(P / 100)")


class Params(Parameters):
    """Depths and the law of the random networks."""

    layers: int = Field(6, ge=1, le=9, description="most layers of the networks that fold")
    random_layers: int = Field(16, ge=1, le=64, description="most layers of the random networks")
    width: int = Field(8, ge=1, le=64, description="width of the random networks")
    sigma: float = Field(0.5, ge=0.01, le=100, description="standard deviation of the random biases")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """W1 (B, n_1, n_0), b1 (B, n_1), ..., networks of fewer layers or neurons filled up; kind (B,), the number of the
    family."""
    if family == FOLDED:
        made = [networks.pad(_bare(networks.refolded(draw, (3,) * L)), (3,) * p.layers) for L in range(1, p.layers + 1)]
        network = networks.one_of(draw, made)
    elif family == RANDOM:
        network = he_network(draw, 1, (p.width,) * p.random_layers, draw.full(p.sigma))
        depth = draw.integers(1, p.random_layers + 1)
        kept = [draw.xp.astype(depth > number, draw.backend.float) for number in range(p.random_layers)]
        network = Network(
            tuple(W * k[:, None, None] for W, k in zip(network.weights, kept, strict=True)),
            tuple(b * k[:, None] - (1 - k[:, None]) for b, k in zip(network.biases, kept, strict=True)),
        )
    elif family in SPREADS:
        network = he_network(draw, 1, (1 if family == SHORT else p.width,), draw.full(SPREADS[family] * p.sigma))
    elif family == WIDE:
        widest = (max(WIDTHS),) * 2
        made = [networks.pad(_bare(networks.refolded(draw, (n, n))), widest) for n in WIDTHS]
        network = networks.one_of(draw, made)
    else:
        shape = {SHALLOW: (1, 4), DEEP: (2, 2)}[family]
        network = networks.random_network(draw, 4, *shape)
    return {**networks.named(network), "kind": draw.full(float(KINDS.index(family)))}


def _bare(network: Network) -> Network:
    """Without the read-out."""
    return Network(network.weights, network.biases)


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """What the network was built for, its depth, and independence by exact ranks."""
    like, network = x["kind"], networks.network(x)
    widths = networks.true_widths(network)
    layers, neurons = networks.count(widths > 0), namespace(widths).sum(widths, axis=-1)
    few = (neurons <= network.inputs) & (network.inputs > 1)  # those of one input are counted in an interval only
    single = (layers == 1) & (_rank(x["W1"]) == neurons)
    return {
        FOLDING: networks.margin(like == KINDS.index(FOLDED), like),
        TYPICAL: networks.margin((like == KINDS.index(RANDOM)) | (like >= KINDS.index(SPREAD)), like),
        TWO: networks.margin((like == KINDS.index(WIDE)) & (layers == 2), like),
        INDEPENDENT: networks.margin(few & single, like),
        FEW: networks.margin(few & (layers >= 2), like),
    }


def _rank(W: Any) -> Any:
    """Exact ranks of whole weights rounded to whole numbers, (B,) int64."""
    import numpy as np
    from flint import fmpz_mat

    ranks = [fmpz_mat(rows).rank() for rows in to_numpy(W).round().astype(int).tolist()]
    return namespace(W).asarray(np.asarray(ranks, dtype=np.int64), device=W.device)


def _quantities(p: Params, x: Any, regions: Any) -> dict[str, Any]:
    network = networks.network(x)
    widths, inputs = networks.true_widths(network), network.inputs
    xp = namespace(widths)
    before = xp.concat([xp.full_like(widths[:, :1], inputs), widths[:, :-1]], axis=-1)

    def polynomial(n: tuple[int, ...]) -> int:
        L = max(sum(k > 0 for k in n), 1)
        return min((L + sum(n)) ** (inputs * L) // L ** (inputs * L), LARGEST)

    def number(value: float) -> Any:
        return xp.full((1,), value, dtype=x["W1"].dtype, device=widths.device)

    sigma = xp.full_like(x["kind"], p.sigma)
    for family, size in SPREADS.items():
        sigma = xp.where(x["kind"] == KINDS.index(family), size * sigma, sigma)
    bits = xp.log2(xp.astype(regions, x["W1"].dtype))
    return {
        "regions": regions,
        "bits": Enclosure.around(bits, 4 * eps(bits) * xp.abs(bits)),
        "most": networks.tabulate(lambda n: min(layered_bound(inputs, n), LARGEST), widths),
        "patterns": networks.tabulate(lambda n: min(2 ** sum(n), LARGEST), widths),
        "polynomial": networks.tabulate(polynomial, widths),
        "P": xp.sum(widths * (before + 1), axis=-1),
        "N": xp.sum(widths, axis=-1),
        "twice": 2 * xp.sum(widths, axis=-1),
        "L": networks.count(widths > 0),
        "length": number(float(2 * _reach(x))),
        "sigma": sigma,
        "pi": number(math.pi),
    }


def _reach(x: Any) -> Fraction:
    """Half the length of the interval: a batch is of one family."""
    return REACH.get(KINDS[int(x["kind"][0])], Fraction(1))


def _box(x: Any) -> tuple[Fraction, Fraction] | None:
    return (-_reach(x), _reach(x)) if x["W1"].shape[-1] == 1 else None


def solve(p: Params, x: Any) -> dict[str, Any]:
    """The exact number of regions, in an interval for one input, else in the whole space."""
    return _quantities(p, x, count_regions(networks.network(x), _box(x)))


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same for one network, from its cells in integers."""
    import numpy as np

    network = networks.network(x)
    found = cells(integer_network(network), _box(x))
    return _quantities(p, x, np.asarray([count_activation(found)]))


THEOREM = Theorem(
    "depth_vs_params",
    "Regions against parameters: exponential in the depth, for the right weights",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    # What a network was built for is lost when its weights move.
    fixed=("kind", *(f"{name}{layer}" for name in "Wb" for layer in range(1, 65))),
    families={
        FOLDED: "one input, widths 3, up to 6 layers: 4^L regions",
        RANDOM: "one input, width 8, up to 16 layers, Gaussian",
        WIDE: f"one input, widths n, n with n = {', '.join(map(str, WIDTHS))}: folds once",
        SHALLOW: "4 inputs, at most 4 neurons in one layer",
        DEEP: "4 inputs, at most 2 + 2 neurons",
        SPREAD: "one input, one layer of width 8, where (G) is nearly attained",
        SHORT: "the same on a small scale, with the variance of one neuron",
    },
    shares={RANDOM: 3.0, WIDE: 0.5, SPREAD: 4.0, SHORT: 3.0},
    instances=2700,
    batch=200,
    batches={SPREAD: 2000, SHORT: 2000},
    claims=(
        Claim(
            "slides, as 'can': 4 to the L sets",
            Count(),
            "regions",
            Formula("4**L"),
            (FOLDING,),
            relation="==",
            origin="giryes2019",
            source=DEPTH,
        ),
        Claim(
            "... from 12 L - 6 parameters",
            Count(),
            "P",
            Formula("12 * L - 6"),
            (FOLDING,),
            relation="==",
            origin="giryes2019",
            source=DEPTH,
        ),
        Claim("a sixth of a bit a parameter", Identity(), "bits", AS_FOLDED, (FOLDING,)),
        Claim(
            "never more than the sum over J",
            Count(),
            "regions",
            Formula("most"),
            source=Source(SERRA2018, "Theorem 1", "proved in depth_regions_upper"),
        ),
        Claim("fixed depth: the sum is at most a polynomial", Count(), "most", Formula("polynomial")),
        Claim("two parameters a neuron", Count(), "twice", Formula("P")),
        Claim(
            "random weights: linear in the mean",
            Mean(),
            "regions",
            Formula("1 + N * length / (sqrt(pi) * sigma)"),
            (TYPICAL,),
        ),
        Claim("one layer makes all patterns", Count(), "regions", Formula("patterns"), (INDEPENDENT,), relation="=="),
        Claim("two layers do not", Count(), "regions", Formula("patterns - 1"), (FEW,)),
        misreading(
            "slides, of typical networks",
            Mean(),
            "regions",
            SLOW,
            (TYPICAL,),
            relation=">=",
            source=DEPTH,
            grade="loose",
            reading="a typical network has a number of sets that doubles with every hundred parameters of its depth",
            because="the mean number is at most linear in the number of neurons",
            holds_when="it is said of the largest number over all weights",
        ),
        misreading(
            "slides, of networks of two layers",
            Every(),
            "most",
            SLOW,
            (TWO,),
            relation=">=",
            source=DEPTH,
            grade="loose",
            reading="the largest number of sets doubles with every hundred parameters, at a fixed depth",
            because="at a fixed depth it is a polynomial in the widths",
            holds_when="the depth grows with the number of parameters",
        ),
        control(
            "every network has as many as the folding one",
            Every(),
            "bits",
            AS_FOLDED,
            (),
            "random weights fold next to nothing, and width does not pay like depth",
            relation=">=",
        ),
        control(
            "random weights: each layer doubles the mean",
            Mean(),
            "regions",
            Formula("2**L"),
            (TYPICAL,),
            "breakpoints are added, not multiplied",
            relation=">=",
        ),
        control(
            "two layers can beat one of as many neurons",
            Count(),
            "patterns",
            Formula("most"),
            (FEW,),
            "one layer has all patterns already",
        ),
    ),
    sources=(
        DEPTH,
        Source(SERRA2018, "Theorems 1 and 5, Appendix A", "from memory"),
        Source(MONTUFAR2014, "Theorem 4", "the first folds"),
        Source(HANIN2019, "the bound on the mean", "from memory: any number of inputs"),
        Source(OURS, "(F) and (G), above"),
    ),
    symbols={
        "regions": ("R", "number of activation regions, exact"),
        "bits": (r"\log_2R", "its logarithm"),
        "most": (r"\Sigma_J", "the largest number that the widths allow by the bound of Serra and coauthors"),
        "patterns": ("2^N", "number of patterns of N neurons"),
        "twice": ("2N", "twice the number of neurons"),
        "P": ("P", "number of parameters without the read-out"),
        "N": ("N", "number of neurons"),
        "L": ("L", "number of layers"),
        "polynomial": (r"\lfloor(1+N/L)^{n_0L}\rfloor", "the polynomial of (F), rounded down"),
        "length": ("(b-a)", "length of the interval"),
        "pi": (r"\pi", "3.14159..."),
        "sigma": (r"\sigma", "standard deviation of the random biases"),
        "kind": (r"\kappa", "number of the family"),
    },
    figures=(
        Figure(
            "parameters",
            "cloud",
            ("every network has as many as the folding one",),
            "The logarithm of the number of regions against P/6 + 1: the networks that fold are on the line, the "
            "others bend away from it.",
            x="P/6 + 1",
            y="log2 of the number of regions",
        ),
        Figure(
            "random",
            "ladder",
            ("random weights: linear in the mean", "slides, of typical networks"),
            "Random weights: the mean number of regions against the parameters, the line of (G), and an exponential.",
            x="parameters P",
            y="regions in [-1, 1]",
            against="P",
        ),
    ),
    invariances={"mirror": networks.mirror, "rescale": networks.rescale},
    not_tested=("more than 9 folding layers", "random networks of more than one input"),
)
