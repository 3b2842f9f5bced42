r"""How many regions a ReLU network can have at most, layer by layer.

A network with $`n_0`$ inputs and $`L`$ layers of $`n_1,\dots,n_L`$ neurons is $`h^0=x`$,
$`h^l=\rho(W^lh^{l-1}+b^l)`$, $`\rho(t)=\max(t,0)`$; $`N=n_1+\dots+n_L`$. Its *activation regions* are the patterns of
active neurons ($`z>0`$) whose points have an interior; let $`R`$ be their number. Write
$`\mathrm Z(n,d)=\sum_{j\le d}\binom nj`$.

**Theorem.** For all weights and biases, degenerate ones included,

```math
R\le\sum_{j\in J}\prod_{l=1}^L\binom{n_l}{j_l}\le\prod_{l=1}^L\mathrm Z(n_l,d_l)\le2^N,\qquad
J=\{j:0\le j_l\le\min(n_0,n_1-j_1,\dots,n_{l-1}-j_{l-1},n_l)\},
```

with $`d_l=\min(n_0,\dots,n_l)`$. The first sum stays a bound when $`J`$ demands also
$`j_l\le\min(r_1,\dots,r_l)`$, where $`r_l`$ is the rank of $`W^l`$.

*Proof.* Let $`S`$ be a region of the layers before $`l`$ on which $`h^{l-1}`$, an affine function there, has rank
$`d`$. In $`S`$ the $`n_l`$ neurons are hyperplanes whose normals span a space of dimension $`e\le\min(d,r_l)`$ at most,
so they cut $`S`$ into no more than $`\mathrm Z(n_l,e)`$ parts (Zaslavsky). No more than $`\binom{n_l}j`$ of them have
a given number $`j`$ of inactive neurons, and on such a part $`h^l`$ has rank $`\min(e,n_l-j)`$ at most. Let
$`R_l(d)`$ be the most parts that the layers from $`l`$ on can make of a region of rank $`d`$; it does not decrease with
$`d`$. So the worst parts are those with the fewest inactive neurons, and all of them are allowed for by

```math
R_l(d)\le\sum_{j=0}^{\min(n_l,e)}\binom{n_l}jR_{l+1}\bigl(\min(e,n_l-j)\bigr),\qquad R_{L+1}=1.
```

The sum written out is the one over $`J`$. Without the $`n_l-j_l`$ in $`J`$ it would be the product, and
$`\mathrm Z(n,d)\le2^n`$. $`\square`$

**Sharp.** One layer in general position. Two inputs, two neurons, then any number $`n`$: the lines
$`(n+1-k)h_1+kh_2=k(n+1-k)`$, $`k=1,\dots,n`$, touch a parabola, so no three meet, and any two meet where
$`h_1,h_2>0`$. They cut the quadrant where both neurons are active into $`\mathrm Z(n,2)`$ parts, the two where one is
active into $`n+1`$, the last into one: the bound. Three neurons first, or three layers: hill climbing on the number of
regions came to 34 of 40 for $`(n_0;n_1,n_2)=(2;3,3)`$, to 22 of 25 for $`(2;3,2)`$ and to 26 of 30 for
$`(2;2,2,2)`$. For one input the bound is the product of all $`n_l+1`$ where they are at least 2, see
`depth_regions_1d`.

**What "exponential" can mean.** At a fixed depth nothing is exponential: with no layer wider than $`n`$ there are at
most $`(n+1)^{n_0L}`$ regions, a polynomial in the width. Only the degree grows, with the depth. And $`2^N`$, the one
bound that is exponential in the number of neurons, is met by a single layer with $`n_0\ge N`$ inputs, and by no deeper
network at all: where the first layer is inactive, nothing else changes. So "exponential" is a statement on growing
depth at a fixed number of inputs, and there on the *largest* number of regions (see `depth_vs_params`).

Kind: exact counts, every network.

**Not covered.** Linear regions (never more than activation regions); how many regions a trained or a random network
has; bounds that know more of the weights than their ranks.
"""

from __future__ import annotations

from itertools import product
from math import comb, prod
from typing import Any

from pydantic import Field

from theorems.bibliography import MONTUFAR2014, MONTUFAR2017, OURS, SERRA2018, ZASLAVSKY1975
from theorems.expressivity import _networks as networks
from verify import Claim, Count, Figure, Formula, Parameters, Source, Theorem, control
from verify.core.arrays import namespace, to_numpy
from verify.kit.region_bounds import layered_bound, product_bound, zaslavsky
from verify.kit.regions import cells, count_activation
from verify.kit.relu import Network, integer_network
from verify.kit.subdivision import count_regions

TWO_FIRST, CLIMBED, EIGHTS, FOUR, LOW_RANK = "two neurons first", "climbed", "three eights", "4 inputs", "low rank"
INPUTS = {"1 input": 1, "2 inputs": 2, "3 inputs": 3}
BUILT, DEEP = "built to attain the bound", "two layers at least"
THEOREM_1 = Source(SERRA2018, "Theorem 1", "as the paper has it; proved on this page")
# Networks of many regions, found by hill climbing: weights and biases of each layer.
RECORDS: tuple[tuple[tuple[Any, Any], ...], ...] = (
    ((((0, -8), (-5, 4), (6, -6)), (0, 2, 2)), (((-7, 5, 3), (-2, 7, 1)), (-6, -8))),
    ((((-4, 4), (-4, -2), (9, 5)), (-6, -3, 9)), (((9, -5, -1), (-1, 2, 5), (-4, 7, 1)), (3, -7, -4))),
    ((((7, 5), (-5, 1)), (1, 8)), (((-7, -8), (7, 3)), (6, -5)), (((-2, -9), (-7, -4)), (4, 6))),
)


class Params(Parameters):
    """The sizes of the random networks."""

    width: int = Field(4, ge=1, le=8, description="most neurons in a layer of the random families")
    layers: int = Field(4, ge=1, le=8, description="most layers in the random families")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """W1 (B, n_1, n_0), b1 (B, n_1), ..., whole numbers, networks of fewer neurons filled up; built (B,), 1 where the
    network is made to attain the bound."""
    if family == TWO_FIRST:
        return {**networks.named(networks.moved(draw, _two_first(draw))), "built": draw.full(1.0)}
    if family == CLIMBED:
        shapes = [[len(b) for _, b in record] for record in RECORDS]
        widest = [max(row[l] for row in shapes if l < len(row)) for l in range(max(map(len, shapes)))]
        network = networks.one_of(draw, [networks.pad(networks.fixed(draw, r), widest) for r in RECORDS])
        network = networks.moved(draw, network)
    elif family == EIGHTS:
        network = networks.random_network(draw, 2, 3, 8, full=True)
    elif family == FOUR:
        network = networks.random_network(draw, 4, 2, 2)
    elif family == LOW_RANK:
        network = networks.random_network(draw, 3, p.layers, p.width, rank=2)
    else:
        network = networks.random_network(draw, INPUTS[family], p.layers, p.width)
    return {**networks.named(network), "built": draw.full(0.0)}


def _two_first(draw: Any) -> Network:
    """(2; 2, n), n = 1, ..., 4, with the lines of the docstring."""
    one = ((1, 0), (0, 1)), (0, 0)
    made = []
    for n in range(1, 5):
        lines = range(1, n + 1)
        two = [(n + 1 - k, k) for k in lines], [-k * (n + 1 - k) for k in lines]
        made.append(networks.pad(networks.fixed(draw, (one, two)), (2, 4)))
    return networks.one_of(draw, made)


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """Which networks are built to attain the bound, and which are deep."""
    widths = networks.true_widths(networks.network(x))
    return {BUILT: x["built"] - 1, DEEP: networks.margin(networks.count(widths > 0) >= 2, x["W1"])}


def _quantities(x: Any, regions: Any, layered: Any, ranked: Any) -> dict[str, Any]:
    network = networks.network(x)
    xp, widths, inputs = namespace(x["W1"]), networks.true_widths(network), network.inputs
    rows = networks.tabulate

    def short(n: tuple[int, ...]) -> int:
        return prod(zaslavsky(k, inputs - 1) for k in n)

    return {
        "regions": regions,
        "layered": layered,
        "ranked": ranked,
        "product": rows(lambda n: product_bound(inputs, n), widths),
        "short": rows(short, widths),
        "one_layer": rows(lambda n: zaslavsky(sum(n), inputs), widths),
        "N": xp.sum(widths, axis=-1),
        "L": networks.count(widths > 0),
        "n": xp.max(widths, axis=-1),
        "n0": xp.full((1,), inputs, dtype=widths.dtype, device=widths.device),
    }


def solve(p: Params, x: Any) -> dict[str, Any]:
    """The exact number of regions in the whole space, and the bounds by the recursion of the proof."""
    network = networks.network(x)
    widths, inputs = networks.true_widths(network), network.inputs
    xp, depth = namespace(widths), widths.shape[-1]
    both = xp.concat([widths, _ranks(network)], axis=-1)
    return _quantities(
        x,
        count_regions(network),
        networks.tabulate(lambda n: layered_bound(inputs, n), widths),
        networks.tabulate(lambda row: ranked_bound(inputs, row[:depth], row[depth:]), both),
    )


def ranked_bound(inputs: int, widths: tuple[int, ...], ranks: tuple[int, ...]) -> int:
    """The recursion of the proof with e = min(d, r_l)."""
    if not widths:
        return 1
    n, e = widths[0], min(inputs, ranks[0])
    rest = (ranked_bound(min(e, n - j), widths[1:], ranks[1:]) for j in range(min(n, e) + 1))
    return sum(comb(n, j) * value for j, value in enumerate(rest))


def _ranks(network: Network) -> Any:
    """The ranks of all W^l, (B, L) int64, in exact integers."""
    import numpy as np
    from flint import fmpz_mat

    ranks = [[fmpz_mat(rows).rank() for rows in to_numpy(W).astype(int).tolist()] for W in network.weights]
    like = network.weights[0]
    return namespace(like).asarray(np.asarray(ranks, dtype=np.int64).T, device=like.device)


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same for one network: cells in integers, the bounds by the sum over J, ranks from singular values."""
    import numpy as np

    network = networks.network(x)
    widths = [int((W[0] != 0).any(axis=1).sum()) for W in network.weights]
    ranks = [int(np.linalg.matrix_rank(W[0])) for W in network.weights]

    def over_J(caps: list[int]) -> Any:
        total = 0
        for j in product(*(range(n + 1) for n in widths)):
            left = [n - k for n, k in zip(widths, j, strict=True)]
            if all(j[l] <= min(network.inputs, *left[:l], *caps[: l + 1]) for l in range(len(j))):
                total += prod(map(comb, widths, j))
        return np.asarray([total])

    found = count_activation(cells(integer_network(network)))
    return _quantities(x, np.asarray([found]), over_J(widths), over_J(ranks))


THEOREM = Theorem(
    "depth_regions_upper",
    "How many regions a ReLU network can have at most",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    families={
        **dict.fromkeys(INPUTS, "whole weights between -S and S, S = 3, 10 or 100, some degenerate"),
        LOW_RANK: "3 inputs; every weight matrix of rank 1 or 2",
        FOUR: "4 inputs, at most 2 + 2 neurons: more inputs than neurons, or as many",
        TWO_FIRST: "2 inputs, widths 2 and n = 1, ..., 4: the bound is attained",
        CLIMBED: "2 inputs, found by hill climbing on the number of regions",
        EIGHTS: "2 inputs, widths 8, 8, 8: too wide to look degenerate",
    },
    shares={LOW_RANK: 0.4, FOUR: 0.1, TWO_FIRST: 0.1, CLIMBED: 0.1, EIGHTS: 0.05},
    instances=12000,
    claims=(
        Claim("at most the sum over J", Count(), "regions", Formula("layered"), source=THEOREM_1),
        Claim(
            "at most the product",
            Count(),
            "regions",
            Formula("product"),
            source=Source(MONTUFAR2017, "the product bound", "as quoted by Serra, Tjandraatmadja and Ramalingam"),
        ),
        Claim(
            "at most 2 to the number of neurons",
            Count(),
            "regions",
            Formula("2**N"),
            source=Source(MONTUFAR2014, "the bound 2^N", "as quoted by Serra, Tjandraatmadja and Ramalingam"),
        ),
        Claim("the sum is at most the product", Count(), "layered", Formula("product")),
        Claim("with the ranks", Count(), "regions", Formula("ranked"), source=Source(SERRA2018, "after Theorem 1")),
        Claim("the ranks can only help", Count(), "ranked", Formula("layered")),
        Claim("the sum is attained after two neurons", Count(), "regions", Formula("layered"), (BUILT,), relation="=="),
        Claim("polynomial at a fixed depth", Count(), "regions", Formula("(n + 1)**(n0 * L)")),
        Claim("two layers do not reach 2 to the N", Count(), "regions", Formula("2**N - 1"), (DEEP,)),
        control(
            "one dimension less in every layer",
            Count(),
            "regions",
            Formula("short"),
            (),
            "the rank of a layer's input can be n_0, and then n_0 hyperplanes can meet in a point",
        ),
        control(
            "the bound of one layer of all neurons",
            Count(),
            "regions",
            Formula("one_layer"),
            (),
            "hyperplanes of a deeper layer are bent, and meet those of the first more than once",
        ),
        control(
            "depth can beat the best single layer of as many neurons",
            Count(),
            "one_layer",
            Formula("layered"),
            (DEEP,),
            "with as many inputs as neurons one layer makes all 2^N patterns, and no deeper network does",
        ),
    ),
    sources=(
        THEOREM_1,
        Source(MONTUFAR2017, "the product bound", "as quoted by Serra, Tjandraatmadja and Ramalingam"),
        Source(MONTUFAR2014, "the bound 2^N", "as quoted by Serra, Tjandraatmadja and Ramalingam"),
        Source(ZASLAVSKY1975, "Theorem A", "from memory: the regions of an arrangement"),
        Source(OURS, "the networks that attain the bound, above"),
    ),
    symbols={
        "regions": ("R", "number of activation regions, exact"),
        "layered": (r"\Sigma_J", "the sum over J"),
        "ranked": (r"\Sigma_J'", "the same with the ranks of the weights"),
        "product": (r"\prod_l\mathrm Z(n_l,d_l)", "the product bound"),
        "short": (r"\prod_l\mathrm Z(n_l,n_0-1)", "one dimension less"),
        "one_layer": (r"\mathrm Z(N,n_0)", "most regions of one layer of all neurons"),
        "N": ("N", "number of neurons"),
        "L": ("L", "number of layers"),
        "n": ("n", "largest width"),
        "n0": ("n_0", "number of inputs"),
        "built": (r"\beta", "1 where the network is made to attain the bound"),
        **networks.symbols(4),
    },
    figures=(
        Figure(
            "regions",
            "cloud",
            ("at most the sum over J",),
            "Regions against the bound: on the line after two neurons, and far below it for random networks of more.",
            x="the sum over J",
            y="regions",
        ),
        Figure(
            "neurons",
            "ratio",
            ("at most the sum over J",),
            "Regions over the bound, against the number of neurons.",
            x="neurons N",
            y="regions / bound",
            against="N",
        ),
    ),
    invariances={"swap neurons": networks.swap, "rescale": networks.rescale},
    not_tested=("more than 4 inputs", "more than 24 neurons"),
)
