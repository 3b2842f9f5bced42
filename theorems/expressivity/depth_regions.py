r"""Depth can fold the input space into exponentially many regions; nothing says that it does.

A ReLU network has $`n_0`$ inputs and layers $`h^l=\rho(W^lh^{l-1}+b^l)`$ of widths $`n_1,\dots,n_L`$, with
$`\rho(t)=\max(t,0)`$. An *activation region* is a set of points with one pattern of active neurons, if it has an
interior. A *linear region* of a read-out is a largest connected open set on which it is affine: it is made of
activation regions that share facets, so there are at most as many. Let
$`\mathrm Z(n,d)=\sum_{j=0}^d\binom nj`$.

**Theorem** (Montúfar, Pascanu, Cho, Bengio). If $`n_l\ge n_0`$ for every $`l`$, there are weights with at least

```math
P=\prod_{l=1}^{L-1}\Bigl\lfloor\frac{n_l}{n_0}\Bigr\rfloor^{n_0}\,\mathrm Z(n_L,n_0)
```

regions. **Theorem** (Serra, Tjandraatmadja, Ramalingam). If also $`n_l\ge3n_0`$ for $`l<L`$, there are weights with at
least $`Q=\prod_{l<L}\bigl(\lfloor n_l/n_0\rfloor+1\bigr)^{n_0}\,\mathrm Z(n_L,n_0)`$.

Both speak of the *maximum* over the weights. The networks built here have small integer weights, and in the cube
$`(0,1)^{n_0}`$ exactly $`P`$ or $`Q`$ activation regions.

*Proof.* With $`p=\lfloor n/n_0\rfloor`$ neurons for the coordinate $`u`$, the read-out

```math
F(u)=\rho(pu)+2\sum_{i=1}^{p-1}(-1)^i\rho(pu-i)
```

has the slopes $`p,-p,p,\dots`$ on $`p`$ intervals of length $`1/p`$: it maps each of them onto $`(0,1)`$, with another
pattern on each. So a layer maps each of $`p^{n_0}`$ boxes affinely onto the cube, and whatever regions the later layers
make there come back in every box. $`F`$ is merged into the next weights; neurons that are left over never act. In the
last layer neuron $`i`$ is $`t_i^{n_0}+\sum_{k<n_0}y_kt_i^k`$ for distinct $`t_i`$, with $`y`$ the point of the cube,
moved and scaled. Where $`n_0`$ of them vanish, $`y`$ holds the coefficients of the monic polynomial with those roots,
so no other vanishes there: the hyperplanes are in general position, and all their meeting points lie in the cube when
it is large enough. Every cell has one of them as a vertex, so all $`\mathrm Z(n_L,n_0)`$ cells meet the cube. For
$`Q`$ the pieces have the widths 2, 2, 2, 1, 2, 2, ... and two neurons are turned round, which saves the neuron that
carries $`u`$ itself; it needs $`1/w_3=1/w_0+1/w_1`$, which is why one piece is narrow and three neurons are needed.
$`\square`$

**Linear regions.** Take a read-out $`V`$ for which no sum over some neurons of $`V_i`$ times the gradient of the last
layer's form $`i`$ has a coordinate 0. Then the output map changes across every wall between two regions but one kind:
mirror images of the cell in which the whole last layer is inactive carry the same constant, and are one linear region
where they touch. So there are $`P`$ (or $`Q`$) linear regions too if the last layer is nowhere all inactive. With
$`n_L>n_0`$ the signs of its neurons can be chosen so, because then $`\mathrm Z(n_L,n_0)<2^{n_L}`$ patterns appear; the
products $`\prod_{j\ne i}(t_i-t_j)`$ over $`n_0+1`$ neurons have the right signs, by divided differences.

**What one unit can do.** *With one neuron in each layer there are at most $`L+1`$ regions, for every $`n_0`$.* Always
at most one region carries a function that is not constant. The next neuron cuts that region alone, and is constant on
one of the two parts. If all weights are above 0 and all biases but the first below 0, each layer does cut it, and the
number is $`L+1`$. $`\square`$ A single ReLU flattens one side of its hyper-plane and folds nothing: along a line it
never turns back. A fold takes two units for each coordinate, and indeed $`P`$ does not grow with depth where
$`\lfloor n_l/n_0\rfloor=1`$.

**What the slides say.** "Each DNN layer with ReLU divides the space by a hyper-plane, folding one part of it. Thus, the
depth of the network folds the space into an exponential number of sets compared to the number of parameters"; later,
depth "provides an exponential complexity compared to the number parameters". Word for word, one hyper-plane for each
layer makes at most $`L+1`$ sets. Read with units for layers it is the theorem above, if one adds that there *are* such
networks: for random weights of the same widths the number is far smaller. Last, the networks of the slides and of the
survey have no biases. With one input they have two sets at most, however deep: every pre-activation at $`x>0`$ is $`x`$
times its value at 1. A constant coordinate appended to the data gives all biases back.

Kind: counts, in exact arithmetic, on networks built for the purpose and on random ones.

Sharp: the counts in the cube are equal to $`P`$ and $`Q`$. The maximum over all weights is larger: $`Q>P`$ shows it.

**Not covered.** The exact maximum; the number of regions that training finds; how the number grows with the number of
parameters. $`P`$ and $`Q`$ are checked at the widths listed, and at yours.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, reduce
from math import prod
from typing import Annotated, Any

from pydantic import Field, model_validator

from theorems.bibliography import GIRYES2019, MONTUFAR2014, OURS, SERRA2018, VIDAL2017
from theorems.expressivity import _networks as instances
from verify import Claim, Count, Figure, Formula, Parameters, Source, Theorem, control, misreading
from verify.core.arrays import namespace
from verify.kit import folding
from verify.kit.region_bounds import folding_count, layered_bound, refolding_count, zaslavsky
from verify.kit.relu import Network, integer_network

PRODUCT = Source(MONTUFAR2014, "Theorem 4", "the formula read in Serra et al., Section 3; proved on this page")
LARGER = Source(SERRA2018, "Theorem 6", "proved on this page")
UPPER = Source(SERRA2018, "Theorem 1")
DEPTH = Source(GIRYES2019, "slide 'Depth of the network'")
RELATED = Source(GIRYES2019, "slide 'Sample of related existing theory'")
NOTATION = Source(GIRYES2019, "slide 'Deep neural networks'")

CUBE = (0.0, 1.0)
MOST = 20_000  # regions of the user's network
FOLDED = "layers before the last fold the cube"
REFOLDED = "layers before the last refold the cube"
GENERAL = "the last layer cuts the cube into Z(n_L, n_0)"
AWAKE = "the last layer is nowhere all inactive"
WIDE = "n_l >= n_0"
NARROW = "one neuron in each layer"
STEPS = "later weights above 0 and later biases below 0"
ONE = "one input"
UNBIASED = "no biases"
DEEP = "one input and five layers"

MAKERS = {FOLDED: folding.folding, REFOLDED: folding.refolding}
FOLDING = (
    (1, (2, 2)),
    (1, (3, 3, 3)),
    (1, (4, 3, 5)),
    (1, (2, 2, 2, 2)),
    (1, (3, 3, 3, 3, 3)),
    (2, (4, 3)),
    (2, (4, 4)),
    (2, (6, 4)),
    (2, (8, 6)),
    (2, (4, 4, 4)),
    (2, (6, 6, 5)),
    (2, (4, 4, 4, 4)),
    (3, (6, 4)),
    (3, (6, 5)),
    (3, (9, 5)),
    (3, (6, 6, 4)),
)
REFOLDING = ((1, (3, 3, 3, 3, 3)), (2, (6, 4)), (2, (6, 6)), (2, (6, 6, 5)), (3, (9, 4)))
RANDOM = ((1, (3, 3, 3, 3, 3)), (2, (8, 8)))
TINY, YOURS, YOURS_RANDOM = "tiny, at random", "your widths, folded", "your widths, at random"
FORGOTTEN, HALF = "no biases, one input", "fold with half of the slope"
STAIRS, SINGLE = "one neuron in each layer", "one neuron in each layer, at random"


def title(what: str, inputs: int, widths: tuple[int, ...]) -> str:
    """The name of a family."""
    return f"{what} ({inputs}; {', '.join(map(str, widths))})"


def _named(what: str, cases: tuple[tuple[int, tuple[int, ...]], ...]) -> dict[str, tuple[int, tuple[int, ...]]]:
    return {title(what, *case): case for case in cases}


FOLDS, REFOLDS, DRAWN = _named("fold", FOLDING), _named("refold", REFOLDING), _named("random", RANDOM)


class Params(Parameters):
    """Widths of the user's own network, and the weights of the random ones."""

    inputs: int = Field(2, ge=1, le=4, description="number of inputs n_0 of the families 'your widths'")
    widths: tuple[Annotated[int, Field(ge=1, le=64)], ...] = Field(
        (5, 5, 3), min_length=2, max_length=12, description="their widths n_1, ..., n_L, each at least n_0"
    )
    size: int = Field(9, ge=1, le=1000, description="random weights and biases are whole numbers up to this magnitude")

    @model_validator(mode="after")
    def _feasible(self) -> Params:
        if min(self.widths) < self.inputs:
            raise ValueError(
                f"the theorem needs widths of at least inputs={self.inputs}, and one is {min(self.widths)}"
            )
        expected = max(folding_count(self.inputs, self.widths), zaslavsky(sum(self.widths), self.inputs))
        if expected > MOST:
            raise ValueError(f"about {expected:,} regions are expected, more than the {MOST:,} that are counted here")
        return self


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """W1 (B, n_1, n_0), b1 (B, n_1), ..., and the read-out V (B, 1, n_L), c (B, 1): whole numbers."""
    return instances.named(_network(draw, p, family))


def _network(draw: Any, p: Params, family: str) -> Network:
    if family in FOLDS:
        return folding.random_folding_network(draw, *FOLDS[family], folding.folding)
    if family in REFOLDS:
        return folding.random_folding_network(draw, *REFOLDS[family], folding.refolding)
    if family in DRAWN:
        return _random(draw, *DRAWN[family], p.size)
    if family == YOURS:
        return folding.random_folding_network(draw, p.inputs, p.widths, folding.folding)
    if family == YOURS_RANDOM:
        return _random(draw, p.inputs, p.widths, p.size)
    if family == TINY:
        return _random(draw, 1, (2, 2), 1)
    if family == SINGLE:
        return _random(draw, 2, (1, 1, 1, 1), p.size)
    if family == STAIRS:
        return _staircase(draw, 5)
    if family == HALF:  # half the image and the biases, or the image and twice the biases: the same signs
        made = folding.random_folding_network(draw, 2, (4, 4), folding.folding)
        return Network(made.weights, (made.biases[0], 2 * made.biases[1]), made.readout)
    made = _random(draw, 1, (3, 3, 3, 3, 3), p.size)
    return Network(made.weights, tuple(0 * b for b in made.biases), made.readout)


def _random(draw: Any, inputs: int, widths: tuple[int, ...], size: int) -> Network:
    before = (inputs, *widths)
    weights = tuple(draw.whole(-size, size + 1, n, m) for n, m in zip(widths, before, strict=False))
    biases = tuple(draw.whole(-size, size + 1, n) for n in widths)
    return Network(weights, biases, (draw.whole(-size, size + 1, 1, widths[-1]), draw.full(0.0, 1)))


def _staircase(draw: Any, depth: int) -> Network:
    """One input and one neuron in each layer: each cuts what the layers before have left, inside the cube."""
    weights = (draw.whole(16, 21, 1, 1), *(draw.whole(1, 3, 1, 1) for _ in range(depth - 1)))
    biases = tuple(-draw.whole(1, 4, 1) for _ in range(depth))
    return Network(weights, biases, (draw.full(1.0, 1, 1), draw.full(0.0, 1)))


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """The folds are recognised by their weights, and the last layer is read in the coordinates of the cube."""
    from verify.kit.subdivision import count_regions

    network = instances.network(x)
    xp, W = namespace(x["W1"]), network.weights[0]
    n, inputs, widths = network.widths[-1], network.inputs, network.widths

    def fixed(value: float) -> Any:
        return xp.full((len(network),), float(value), dtype=W.dtype, device=W.device)

    a = xp.zeros((len(network), n, inputs), dtype=W.dtype, device=W.device)
    c = xp.zeros((len(network), n), dtype=W.dtype, device=W.device)
    margins = {}
    for name, maker in MAKERS.items():
        if min(widths[:-1]) // inputs < (3 if name == REFOLDED else 1):
            margins[name] = fixed(-1)
            continue
        own_a, own_c, difference = folding.last_layer(network, maker)
        margins[name] = -difference
        same = difference == 0
        a = xp.where(same[:, None, None], own_a, a)
        c = xp.where(same[:, None], own_c, c)
    cut = count_regions(Network((a,), (c,)), CUBE) - zaslavsky(n, inputs)
    bias = xp.max(xp.abs(xp.concat(network.biases, axis=-1)), axis=-1)
    return {
        **margins,
        GENERAL: xp.astype(cut, W.dtype),
        AWAKE: folding.awake_margin(a, c),
        WIDE: fixed(min(widths) - inputs),
        NARROW: fixed(1 - max(widths)),
        STEPS: _steps(network),
        ONE: fixed(1 - inputs),
        UNBIASED: -bias,
        DEEP: fixed(min(len(widths) - 5, 1 - inputs)),
    }


def _steps(network: Network) -> Any:
    """(B,): whether the first layer cuts, and all later weights are above 0 and all later biases below 0."""
    xp = namespace(network.weights[0])
    later = [*network.weights[1:], *(-b[..., None] for b in network.biases[1:])]
    least = reduce(xp.minimum, [xp.min(a, axis=(1, 2)) for a in later])
    return instances.margin(xp.any(network.weights[0] != 0, axis=(1, 2)) & (least > 0), least)


@cache
def _bounds(inputs: int, widths: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """What depends on the widths alone: numbers, and rows of one number for each layer."""
    depth = len(widths)
    folds = [n // inputs for n in widths[:-1]]
    grown = [prod(folds[:l]) ** inputs for l in range(1, depth)]
    return {
        "product": (folding_count(inputs, widths),),
        "larger": (refolding_count(inputs, widths),),
        "flat": (prod(folds) * zaslavsky(widths[-1], inputs),),
        "short": (prod(folds) ** inputs * zaslavsky(widths[-1], inputs - 1),),
        "upper": (layered_bound(inputs, widths),),
        "exponential": (2**depth,),
        "stairs": (depth + 1,),
        "upper_by_layer": tuple(layered_bound(inputs, widths[:l]) for l in range(1, depth + 1)),
        "boxes": (*grown, folding_count(inputs, widths)),
    }


def _quantities(x: Any, count: Callable[[Network, Any], Any], linear: Any) -> dict[str, Any]:
    """The quantities of the claims, from a counter of activation regions in a cube or everywhere."""
    network = instances.network(x)
    xp, dev = namespace(x["W1"]), x["W1"].device
    layers = range(1, len(network.widths) + 1)
    grown = xp.stack([count(Network(network.weights[:l], network.biases[:l]), CUBE) for l in layers], axis=-1)
    fixed = {
        name: xp.asarray([values] if name in ("upper_by_layer", "boxes") else list(values), dtype=xp.int64, device=dev)
        for name, values in _bounds(network.inputs, network.widths).items()
    }
    return {**fixed, "grown": grown, "regions": grown[:, -1], "everywhere": count(network, None), "linear": linear}


def solve(p: Params, x: Any) -> dict[str, Any]:
    """All networks of the batch at once, split as one complex."""
    from verify.kit.subdivision import count_linear_regions, count_regions

    return _quantities(x, count_regions, count_linear_regions(instances.network(x), CUBE))


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same for one instance: polygons and polytopes cut one after the other, in whole numbers."""
    from fractions import Fraction

    import numpy as np

    from verify.kit.regions import cells, count_activation, count_linear

    def found(network: Network, box: Any) -> Any:
        return cells(integer_network(network), box and tuple(map(Fraction, box)))

    def count(network: Network, box: Any) -> Any:
        return np.asarray([count_activation(found(network, box))])

    network = instances.network(x)
    linear = count_linear(integer_network(network), found(network, CUBE))
    return _quantities(x, count, np.asarray([linear]))


def permute(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The neurons of the last layer in another order."""
    network, xp = instances.network(x), namespace(x["W1"])
    order = draw.shared.subset(network.widths[-1], network.widths[-1])[0, :]
    W, b, (V, c) = network.weights[-1], network.biases[-1], network.readout
    readout = (xp.take(V, order, axis=2), c)
    weights, biases = (
        (*network.weights[:-1], xp.take(W, order, axis=1)),
        (*network.biases[:-1], xp.take(b, order, axis=1)),
    )
    return instances.named(Network(weights, biases, readout))


def rescale(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The last layer four times as large."""
    depth = len(instances.network(x).widths)
    return {**x, f"W{depth}": 4 * x[f"W{depth}"], f"b{depth}": 4 * x[f"b{depth}"]}


def answer(p: Params) -> dict[str, Any]:
    """What the theorems say of the user's widths."""
    if p.inputs == Params().inputs and p.widths == Params().widths:
        return {}
    three = min(p.widths[:-1]) >= 3 * p.inputs
    return {
        "folding has at least": folding_count(p.inputs, p.widths),
        **({"refolding has at least": refolding_count(p.inputs, p.widths)} if three else {}),
        "no network has more than": layered_bound(p.inputs, p.widths),
    }


COUNT = Count()


def maps(p: Params) -> dict[str, dict[str, Any]]:
    """The regions of a folding network of two inputs, layer by layer."""
    from verify.core.arrays import backend
    from verify.core.streams import Draw, tag
    from verify.kit.region_maps import layer_maps

    draw = Draw(backend("numpy"), 0, tag("map of depth_regions"), 0, 1)
    network = folding.random_folding_network(draw, 2, (4, 4, 4), folding.folding)
    return {"map": layer_maps(type(network)(network.weights, network.biases), (0, 1))}


THEOREM = Theorem(
    "depth_regions",
    "Depth can fold the input space into exponentially many regions",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    answer=answer,
    maps=maps,
    families={
        **{name: f"folding: {folding_count(*case):,} regions in the cube" for name, case in FOLDS.items()},
        **{
            name: f"refolding: {refolding_count(*case):,} regions in the cube; folding has {folding_count(*case):,}"
            for name, case in REFOLDS.items()
        },
        HALF: "(2; 4, 4), but slopes p/2 in place of p: each box is mapped onto half of the cube in each coordinate",
        **{name: f"random whole weights, where folding has {folding_count(*case):,}" for name, case in DRAWN.items()},
        TINY: "(1; 2, 2) with weights and biases -1, 0, 1: networks to check by hand",
        FORGOTTEN: "(1; 3, 3, 3, 3, 3), random weights, biases 0: the slides' notation",
        STAIRS: "(1; 1, 1, 1, 1, 1): each layer divides what is left, as often as it can",
        SINGLE: "(2; 1, 1, 1, 1), random whole weights",
        YOURS: "folding at your own widths; the default ones leave a neuron of each layer over",
        YOURS_RANDOM: "random whole weights at your own widths",
    },
    claims=(
        Claim(
            "folding attains the product", COUNT, "regions", Formula("product"), (FOLDED, GENERAL), "==", source=PRODUCT
        ),
        Claim(
            "refolding attains the larger product",
            COUNT,
            "regions",
            Formula("larger"),
            (REFOLDED, GENERAL),
            "==",
            source=LARGER,
        ),
        Claim("each fold multiplies", COUNT, "grown", Formula("boxes"), (FOLDED, GENERAL), "=="),
        Claim("linear regions of the folding", COUNT, "linear", Formula("product"), (FOLDED, GENERAL, AWAKE), "=="),
        Claim("linear regions of the refolding", COUNT, "linear", Formula("larger"), (REFOLDED, GENERAL, AWAKE), "=="),
        Claim("no more linear than activation regions", COUNT, "linear", Formula("regions")),
        Claim("the cube has no more than the space", COUNT, "regions", Formula("everywhere")),
        Claim("no network has more", COUNT, "everywhere", Formula("upper"), source=UPPER),
        Claim("no network has more, layer by layer", COUNT, "grown", Formula("upper_by_layer"), (DEEP,), source=UPPER),
        Claim("one neuron in each layer: at most L + 1", COUNT, "everywhere", Formula("stairs"), (NARROW,)),
        Claim(
            "one neuron in each layer: L + 1 is reached",
            COUNT,
            "everywhere",
            Formula("stairs"),
            (NARROW, STEPS),
            "==",
        ),
        Claim("one input, no biases: at most 2", COUNT, "everywhere", Formula("2"), (ONE, UNBIASED)),
        misreading(
            "slide: one hyper-plane for each layer",
            COUNT,
            "everywhere",
            Formula("exponential"),
            (NARROW,),
            relation=">=",
            source=DEPTH,
            grade="loose",
            reading="each of L layers divides the space by one hyper-plane, and so there are 2^L sets",
            because="a single ReLU folds nothing: it flattens one side, and what is constant is never cut again",
            holds_when="each unit divides the space, and a layer has two or more for each input: then some network of "
            "those widths has exponentially many regions, which is the theorem",
        ),
        misreading(
            "slide: every network",
            COUNT,
            "everywhere",
            Formula("product"),
            (WIDE,),
            relation=">=",
            source=RELATED,
            grade="loose",
            reading="depth provides every network of these widths with at least P regions",
            because="weights that fold are special: random ones of the same widths have far fewer regions",
            holds_when="it says that there are such networks, as the theorem that it cites does",
        ),
        misreading(
            "slides: no biases",
            COUNT,
            "everywhere",
            Formula("product"),
            (ONE, UNBIASED),
            relation=">=",
            source=NOTATION,
            grade="incomplete",
            reading="the formula of the network as it is printed, psi(W^K ... psi(W^1 X)), with one input",
            because="every pre-activation at x > 0 is x times its value at 1: two sets at most, at every depth",
            holds_when="a constant coordinate is appended to the data, which gives every layer its biases",
        ),
        control(
            "the maximum is the product",
            COUNT,
            "regions",
            Formula("product"),
            (WIDE,),
            "it is a lower bound of the maximum: refolding has more at the same widths, and so has a staircase of "
            "single neurons",
        ),
        control(
            "the exponent forgotten",
            COUNT,
            "regions",
            Formula("flat"),
            (FOLDED, GENERAL),
            "every coordinate folds by itself: the boxes of a layer are p^n_0",
            "==",
        ),
        control(
            "the last sum stops a term early",
            COUNT,
            "regions",
            Formula("short"),
            (FOLDED, GENERAL),
            "n_0 hyperplanes meet in a point, and each such point has a region of its own",
            "==",
        ),
        control(
            "half of the slope is enough",
            COUNT,
            "regions",
            Formula("product"),
            (FOLDED,),
            "a region of the last layer that the image of the folds does not reach is in no box",
            ">=",
        ),
        control(
            "linear regions whatever the signs",
            COUNT,
            "linear",
            Formula("product"),
            (FOLDED, GENERAL),
            "mirror images of the cell in which the last layer is all inactive are one linear region",
            "==",
        ),
    ),
    sources=(
        PRODUCT,
        LARGER,
        UPPER,
        DEPTH,
        RELATED,
        NOTATION,
        Source(VIDAL2017, "equation (1)", "the network, without biases"),
        Source(OURS, "one neuron in each layer, and the last layer from the moment curve, above"),
    ),
    symbols={
        "regions": ("R", "activation regions in the cube"),
        "linear": (r"R_{\mathrm{lin}}", "linear regions in the cube"),
        "everywhere": (r"R_{\mathrm{all}}", "activation regions in the whole space"),
        "grown": ("R_l", "activation regions in the cube of the first l layers, l = 1, ..., L"),
        "product": ("P", r"$`\prod_{l<L}\lfloor n_l/n_0\rfloor^{n_0}\,\mathrm Z(n_L,n_0)`$, of folding"),
        "larger": ("Q", r"$`\prod_{l<L}(\lfloor n_l/n_0\rfloor+1)^{n_0}\,\mathrm Z(n_L,n_0)`$, of refolding"),
        "boxes": ("P_l", r"$`\prod_{k\le l}\lfloor n_k/n_0\rfloor^{n_0}`$ for l < L, and $`P`$ for l = L"),
        "flat": ("P'", r"$`\prod_{l<L}\lfloor n_l/n_0\rfloor\,\mathrm Z(n_L,n_0)`$"),
        "short": ("P''", r"$`\prod_{l<L}\lfloor n_l/n_0\rfloor^{n_0}\,\mathrm Z(n_L,n_0-1)`$"),
        "upper": ("U", r"$`\sum_j\prod_l\binom{n_l}{j_l}`$ over $`j_l\le\min(n_0,n_1-j_1,\dots,n_{l-1}-j_{l-1},n_l)`$"),
        "upper_by_layer": ("U_l", r"$`U`$ of the first l layers"),
        "exponential": ("2^L", "sets, if every layer doubled them"),
        "stairs": ("L+1", "one more than the number of layers"),
        **instances.symbols(5),
        "V": ("V", "weights of the read-out"),
        "c": ("c", "bias of the read-out"),
    },
    figures=(
        Figure(
            "map",
            "map",
            (),
            "Folding with two inputs and three layers of four neurons: each of the first two layers folds both "
            "coordinates once, so whatever the last one cuts comes back in 16 squares, every second one mirrored.",
            x="first input",
            y="second input",
        ),
        Figure(
            "depth",
            "curves",
            ("no network has more, layer by layer", "each fold multiplies"),
            "Regions in the cube of the first l layers, one input. Refolding reaches the upper bound, folding its own "
            "product; random weights and one neuron in each layer do not grow like that. Without biases there is one "
            "region in the cube, and the other at x < 0.",
            x="layers l",
            y="activation regions",
        ),
        Figure(
            "counts",
            "ladder",
            ("folding attains the product", "refolding attains the larger product"),
            "Regions in the cube, a point for each case, against the product of folding: folding attains it and "
            "refolding its own.",
            x="P",
            y="activation regions",
            against="product",
        ),
        Figure(
            "every",
            "ratio",
            ("slide: every network", "slides: no biases"),
            "How many times larger the product of folding is than the number of regions in the whole space: networks "
            "that fold have at least P, others of the same widths far fewer.",
            x="P",
            y="P / regions",
            against="product",
        ),
    ),
    invariances={"permute the last layer": permute, "rescale the last layer": rescale},
    shares={TINY: 8.0, **dict.fromkeys((*DRAWN, FORGOTTEN, SINGLE, YOURS_RANDOM), 4.0)},
    instances=12 * 52,
    batch=48,
    not_tested=("widths with more than 4,096 regions in the default run", "more than three inputs, but at your widths"),
)
