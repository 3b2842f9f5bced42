r"""Regions of a ReLU network without biases.

The slides and the survey write a network as $`\Phi(X)=\psi(W^K\cdots\psi(W^2\psi(W^1X)))`$, without biases. Here
$`\psi(t)=\max(t,0)`$, there are $`n_0`$ inputs, $`L=K`$ layers of $`n_1,\dots,n_L`$ neurons, and $`R`$ is the number of
activation regions: of patterns of active neurons whose points have an interior. Write
$`\mathrm Z(n,d)=\sum_{j\le d}\binom nj`$, which is 0 for $`d<0`$, and leave constant neurons (weights 0) out.

**Theorem.** For all weights, degenerate ones included, with $`d_l=\min(n_0,\dots,n_{l-1})`$,

```math
R\le2\,\mathrm Z(n_1-1,n_0-1)\prod_{l=2}^L\mathrm Z\bigl(n_l,\max(d_l-1,0)\bigr).
```

For one input this is 2, at every depth and width, and $`R=2`$ whenever a weight of the first layer is not 0. One layer
in general position attains it.

*Proof.* Without biases every region is a cone. The first layer is a central arrangement: at most
$`2\,\mathrm Z(n_1-1,n_0-1)`$ regions, as many as in general position. In a region of the layers before $`l`$ the map
$`x\mapsto h^{l-1}`$ is linear, of a rank $`r\le d_l`$. If $`r=0`$ nothing is cut. Otherwise its image is an open cone
of dimension $`r`$ on which $`\sum_ih_i>0`$, because the active neurons are positive there and the others 0. So every
part that the next neurons make of the cone meets the slice $`\sum_ih_i=1`$, which is convex of dimension $`r-1`$:
they are no more than $`\mathrm Z(n_l,r-1)`$. With one input a region is a half-line, and $`r-1=0`$. $`\square`$

A width $`n_l`$ does not limit its own factor, as it does for networks with biases (`depth_regions_upper`): two neurons
and then one, on two inputs, have 5 regions.

**Sharper.** A part with $`j`$ inactive neurons has rank $`n_l-j`$ at most, there are no more than $`\binom{n_l}j`$
parts of a cone like that, and in the first layer a region with $`j`$ inactive neurons lies opposite to one with
$`n_1-j`$ (if all its neurons have a weight other than 0). With
$`C_l(0)=C_{L+1}(r)=1`$,

```math
C_l(r)=\sum_{j<r}\binom{n_l}jC_{l+1}\bigl(\min(r,n_l-j)\bigr),\qquad
R\le C=\max_p\sum_{j\le n_1/2}p_j\,\bigl(C_2(\min(n_0,n_1-j))+C_2(\min(n_0,j))\bigr)
```

over whole numbers $`p_j`$ of opposite pairs, $`\sum_jp_j=\mathrm Z(n_1-1,n_0-1)`$, with $`p_j\le\binom{n_1}j`$, or half
of it where $`2j=n_1`$. (Fewer pairs give less.) It is attained by two inputs, two neurons and then any number $`n`$:
$`n+4`$, where the theorem allows $`4(n+1)`$. With three or four neurons first, hill climbing on the number of regions
stayed below it: 12 of 15 for $`(n_0;n_1,n_2)=(2;3,3)`$, 24 of 36 for $`(2;4,4)`$.

**What the slides say.** They write the formula without biases, and claim that depth folds the space into a number of
sets that is exponential in the number of parameters. For the formula as it is typeset that fails at $`n_0=1`$, where
there are two sets at any depth; and with more inputs the networks that fold, by Montúfar, Pascanu, Cho and Bengio, can
have more regions than any network without biases of the same widths: 99 and 60 for $`(n_0;n_1,n_2)=(2;6,4)`$. It is a
matter of notation: let the data have a coordinate that is always 1. One neuron in each layer, of weight 1, carries it
on ($`\psi(1)=1`$), its weights are biases, and on the slice where it is 1 the network is any network with biases. With
$`n_l`$ neurons besides it the last family folds a line into $`\prod_l(n_l+1)`$ sets.

Kind: exact counts, every network.

**Not covered.** Networks with biases (`depth_regions_upper`); linear regions.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations, product
from math import comb, prod
from typing import Any

from pydantic import Field

from theorems.bibliography import GIRYES2019, MONTUFAR2014, OURS, VIDAL2017, ZASLAVSKY1975
from theorems.expressivity import _networks as networks
from verify import Claim, Count, Figure, Formula, Parameters, Source, Theorem, control, misreading
from verify.core.arrays import namespace, to_numpy
from verify.kit.region_bounds import biasfree_bound, central, folding_count, refolding_count, zaslavsky
from verify.kit.regions import cells, count_activation
from verify.kit.relu import Network, integer_network
from verify.kit.subdivision import count_regions

ONE_LAYER, TWO_FIRST, WIDE, CONSTANT = "one layer", "two neurons first", "six, then four", "constant coordinate"
SMALL = "1 input, 2 + 2 neurons"
INPUTS = {"1 input": 1, "2 inputs": 2, "3 inputs": 3}
ONE, MORE, GENERIC = "one input", "two inputs at least", "one layer in general position"
BUILT, CARRIED = "built to attain C", "a constant coordinate, folded"
FORMULA = Source(GIRYES2019, "slides 'Deep neural networks' and 'Depth of the network'")


class Params(Parameters):
    """The sizes of the random networks."""

    width: int = Field(4, ge=1, le=8, description="most neurons in a layer of the random families")
    layers: int = Field(3, ge=1, le=8, description="most layers in the random families")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """W1 (B, n_1, n_0), W2 (B, n_2, n_1), ..., whole numbers, networks of fewer neurons filled up with zeros; kind
    (B,): 1 for networks that attain C, 2 for those that fold the slice on which their last input is 1, else 0."""
    kind = 0.0
    if family == TWO_FIRST:
        network, kind = _two_first(draw), 1.0
    elif family == CONSTANT:
        shapes = ((3, 2), (3, 4), (4, 3), (3, 3, 3))
        biased = [networks.refolded(draw, widths) for widths in shapes]
        network, kind = networks.one_of(draw, [networks.pad(_carried(n), (5, 4, 3)) for n in biased]), 2.0
    elif family == ONE_LAYER:
        network = networks.random_network(draw, 3, 1, 6, biases=False)
    elif family == SMALL:
        network = networks.random_network(draw, 1, 2, 2, biases=False, full=True)
    elif family == WIDE:
        network = networks.random_network(draw, 2, 2, 6, biases=False, full=True)
        network = Network(
            (network.weights[0], network.weights[1][:, :4, :]), (network.biases[0], network.biases[1][:, :4])
        )
    else:
        network = networks.random_network(draw, INPUTS[family], p.layers, p.width, biases=False)
    return {**networks.named(network, biases=False), "kind": draw.full(kind)}


def _two_first(draw: Any) -> Network:
    """(2; 2, n), n = 1, ..., 4: every later line passes through the quadrant where both neurons are active."""
    made = []
    for n in range(1, 5):
        lines = [(n + 1 - k, -k) for k in range(1, n + 1)]
        layers = (((1, 0), (0, 1)), (0, 0)), (lines, (0,) * n)
        made.append(networks.pad(networks.fixed(draw, layers), (2, 4)))
    return networks.moved(draw, networks.one_of(draw, made))


def _carried(network: Network) -> Network:
    """The network without biases that has one more input, and is the given one where this input is 1: its layers are
    (W, b), and but for the last a row (0, 1) that carries the input on."""
    xp = namespace(network.weights[0])
    made = []
    for W, b in zip(network.weights, network.biases, strict=True):
        rows = xp.concat([W, b[..., None]], axis=-1)
        carrier = xp.concat([xp.zeros_like(W[:, :1, :]), xp.ones_like(W[:, :1, :1])], axis=-1)
        made.append(xp.concat([rows, carrier], axis=1))
    made[-1] = made[-1][:, :-1, :]
    return Network(tuple(made), tuple(xp.zeros_like(W[..., 0]) for W in made))


def _slice(network: Network) -> Network:
    """The network where its last input is 1, as one of the other inputs, with biases in the first layer."""
    first, *later = network.weights
    return Network((first[..., :-1], *later), (first[..., -1], *network.biases[1:]))


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """The number of inputs, general position by exact ranks, and what the network was built for."""
    network, like = networks.network(x), x["kind"]
    xp, widths = namespace(like), networks.true_widths(network)
    one = xp.full(like.shape, network.inputs == 1, device=like.device)
    single = networks.count(widths > 0) == 1
    return {
        ONE: networks.margin(one, like),
        MORE: networks.margin(xp.logical_not(one), like),
        GENERIC: networks.margin(single & _general_position(x["W1"]), like),
        BUILT: networks.margin(like == 1, like),
        CARRIED: networks.margin(like == 2, like),
    }


def _general_position(W: Any) -> Any:
    """Whether any n_0 of the rows that are not 0 are linearly independent (all of them where they are fewer), in exact
    integers: (B,)."""
    import numpy as np
    from flint import fmpz_mat

    def independent(rows: list[list[int]]) -> bool:
        true = [row for row in rows if any(row)]
        k = min(len(true), W.shape[-1])
        return all(fmpz_mat(list(chosen)).rank() == k for chosen in combinations(true, k) if k)

    found = np.asarray([independent(rows) for rows in to_numpy(W).astype(int).tolist()])
    return namespace(W).asarray(found, device=W.device)


def paired_bound(inputs: int, widths: tuple[int, ...]) -> int:
    """The bound C of the docstring: the largest sum takes the best pairs first."""
    values = _pair_values(inputs, widths)
    left, total = zaslavsky(widths[0] - 1, inputs - 1), 0
    if not widths[0]:
        return 1
    for value, room in sorted(values, reverse=True):
        total += value * min(room, left)
        left -= min(room, left)
    return total


def _pair_values(inputs: int, widths: tuple[int, ...]) -> list[tuple[int, int]]:
    """For each j <= n_1/2 what an opposite pair can become, and how many pairs there can be."""

    @cache
    def parts(number: int, rank: int) -> int:
        if number == len(widths) or not rank:
            return 1
        n = widths[number]
        return sum(comb(n, j) * parts(number + 1, min(rank, n - j)) for j in range(min(n + 1, rank)))

    n = widths[0]
    return [
        (parts(1, min(inputs, n - j)) + parts(1, min(inputs, j)), comb(n, j) // (2 if 2 * j == n else 1))
        for j in range(n // 2 + 1)
    ]


def _quantities(x: Any, regions: Any, sliced: Any, cones: Any, paired: Any) -> dict[str, Any]:
    network = networks.network(x)
    widths, inputs = networks.true_widths(network), network.inputs
    rows = networks.tabulate

    def with_own(n: tuple[int, ...]) -> int:
        return central(n[0], inputs) * prod(
            zaslavsky(k, max(min(inputs, *n[: l + 1]) - 1, 0)) for l, k in enumerate(n) if l
        )

    def layers(n: tuple[int, ...]) -> tuple[int, ...]:
        """Without the filling at the end; 0 alone where nothing is left."""
        last = max((l for l, k in enumerate(n) if k), default=0)
        return n[: last + 1]

    def carried(n: tuple[int, ...]) -> int:
        *first, last = layers(n)
        return refolding_count(inputs - 1, [*(k - 1 for k in first), last]) if inputs > 1 else 1

    return {
        "regions": regions,
        "slice": sliced,
        "cones": cones,
        "paired": paired,
        "own": rows(with_own, widths),
        "folds": rows(lambda n: folding_count(inputs, layers(n)), widths),
        "carried": rows(carried, widths),
        "one_layer": rows(lambda n: zaslavsky(n[0], inputs), widths),
        "central": rows(lambda n: central(n[0], inputs), widths),
    }


def solve(p: Params, x: Any) -> dict[str, Any]:
    """The exact numbers of regions in the whole space and in the slice where the last input is 1 (a point for one
    input), and the bounds."""
    network = networks.network(x)
    widths, inputs = networks.true_widths(network), network.inputs
    regions = count_regions(network)
    return _quantities(
        x,
        regions,
        count_regions(_slice(network)) if inputs > 1 else namespace(regions).ones_like(regions),
        networks.tabulate(lambda n: biasfree_bound(inputs, n), widths),
        networks.tabulate(lambda n: paired_bound(inputs, n), widths),
    )


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same for one network: cells in integers, the formula of the theorem, and the maximum over all p."""
    import numpy as np

    network = networks.network(x)
    inputs, widths = network.inputs, [int((W[0] != 0).any(axis=1).sum()) for W in network.weights]

    def counted(of: Network) -> Any:
        return np.asarray([count_activation(cells(integer_network(of)))])

    def Z(n: int, d: int) -> int:
        return sum(comb(n, j) for j in range(d + 1))

    first = 2 * Z(widths[0] - 1, inputs - 1) if widths[0] else 1
    later = [Z(n, max(min([inputs, *widths[:l]]) - 1, 0)) for l, n in enumerate(widths) if l]
    best = 1
    if widths[0]:
        values = _pair_values(inputs, tuple(widths))
        choices = product(*(range(room + 1) for _, room in values))
        sums = [sum(k * v for k, (v, _) in zip(q, values, strict=True)) for q in choices if sum(q) == first // 2]
        best = max(sums)
    sliced = counted(_slice(network)) if inputs > 1 else np.asarray([1])
    return _quantities(x, counted(network), sliced, np.asarray([first * prod(later)]), np.asarray([best]))


THEOREM = Theorem(
    "depth_regions_biasfree",
    "Without biases one input has two regions, at every depth",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    families={
        **dict.fromkeys(INPUTS, "whole weights between -S and S, S = 3, 10 or 100, some degenerate"),
        SMALL: "small enough to follow by hand",
        ONE_LAYER: "3 inputs, up to 6 neurons",
        TWO_FIRST: "2 inputs, widths 2 and n = 1, ..., 4: C is attained",
        WIDE: "2 inputs, widths 6 and 4: folding with biases makes 99 regions",
        CONSTANT: "2 inputs, the second carried on: networks that fold a line",
    },
    shares={"1 input": 0.3, SMALL: 0.1, ONE_LAYER: 0.3, TWO_FIRST: 0.1, WIDE: 0.1, CONSTANT: 0.1},
    instances=7500,
    claims=(
        Claim("at most the product of cones", Count(), "regions", Formula("cones")),
        Claim("one input: two half-lines", Count(), "regions", Formula("cones"), (ONE,), relation="=="),
        Claim(
            "one layer in general position",
            Count(),
            "regions",
            Formula("central"),
            (GENERIC,),
            relation="==",
            source=Source(ZASLAVSKY1975, "central arrangements", "from memory"),
        ),
        Claim("opposite regions: at most C", Count(), "regions", Formula("paired")),
        Claim("C is at most the product", Count(), "paired", Formula("cones")),
        Claim("C is attained after two neurons", Count(), "regions", Formula("paired"), (BUILT,), relation="=="),
        Claim(
            "slides, with a coordinate that is always 1",
            Count(),
            "slice",
            Formula("carried"),
            (CARRIED,),
            relation="==",
            origin="giryes2019",
            source=FORMULA,
        ),
        misreading(
            "slides, one input: as many sets as folding gives",
            Count(),
            "folds",
            Formula("cones"),
            (ONE,),
            source=FORMULA,
            grade="incomplete",
            reading="a network of the form psi(W^K...psi(W^1 X)) can fold a line into as many sets as its layers allow",
            because="without biases a network is affine on each half-line, at every depth: two sets at most",
            holds_when="the data have a coordinate that is always 1: then its weights are biases",
        ),
        control(
            "two inputs at least: as many regions as folding gives",
            Count(),
            "folds",
            Formula("cones"),
            (MORE,),
            "folds need biases; without them one dimension is lost",
        ),
        control(
            "one layer cuts as with biases",
            Count(),
            "regions",
            Formula("one_layer"),
            (GENERIC,),
            "hyperplanes through 0 make fewer regions as soon as there are more of them than inputs",
            relation="==",
        ),
        control(
            "a layer's own width limits its factor",
            Count(),
            "regions",
            Formula("own"),
            (),
            "one neuron cuts a cone of dimension 2 in two: its slice has dimension 1, not 0",
        ),
    ),
    sources=(
        FORMULA,
        Source(VIDAL2017, "equation (1)", "the same formula"),
        Source(MONTUFAR2014, "Theorem 4", "the folds, which need biases"),
        Source(ZASLAVSKY1975, "central arrangements", "from memory"),
        Source(OURS, "the bounds, above"),
    ),
    symbols={
        "regions": ("R", "number of activation regions, exact"),
        "slice": ("R_1", "number of activation regions where the last input is 1"),
        "cones": (
            r"2\,\mathrm Z(n_1-1,n_0-1)\prod_{l\geq2}\mathrm Z(n_l,\max(d_l-1,0))",
            "the bound of the theorem (1 where the first layer is 0)",
        ),
        "paired": ("C", "the sharper bound"),
        "own": (r"2\,\mathrm Z(n_1-1,n_0-1)\prod_{l\geq2}\mathrm Z(n_l,\max(d_{l+1}-1,0))", "with the own width"),
        "folds": (
            r"\prod_{l<L}\lfloor n_l/n_0\rfloor^{n_0}\,\mathrm Z(n_L,n_0)",
            "regions that folding with biases makes at these widths",
        ),
        "carried": (r"\prod_{l<L}n_l\,(n_L+1)", "regions of the folds of a line, whose layers have a neuron less"),
        "one_layer": (r"\mathrm Z(n_1,n_0)", "regions of one layer with biases in general position"),
        "central": (r"2\,\mathrm Z(n_1-1,n_0-1)", "regions of one layer in general position"),
        "kind": (r"\kappa", "1: made to attain C, 2: made to fold"),
        **networks.symbols(3, biases=False),
    },
    figures=(
        Figure(
            "regions",
            "cloud",
            ("at most the product of cones", "opposite regions: at most C"),
            "Regions against the two bounds: with one input two, or one where the first layer is 0.",
            x="bound",
            y="regions",
        ),
    ),
    invariances={"swap neurons": networks.swap, "rescale": networks.rescale},
    not_tested=("more than 3 inputs", "more than 12 neurons"),
)
