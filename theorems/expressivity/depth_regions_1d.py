r"""The exact maximal number of regions of a ReLU network with one input.

A network with one input and layers of $`n_1,\dots,n_L`$ neurons, $`h^l=\rho(W^lh^{l-1}+b^l)`$, cuts the line into
$`R`$ *activation regions*, the intervals on which no neuron changes between active ($`z>0`$) and inactive, and its
output is affine on $`R_\ell`$ maximal intervals, its *linear regions*. Constant neurons (weights 0) do not count.

**Theorem.** (1) For all weights and biases $`R_\ell\le R\le\prod_l(n_l+1)`$. (2) If $`n_l\ge3`$ for all $`l<L`$, the
product is the maximum: the network below has $`R=\prod_l(n_l+1)`$, and $`R_\ell=R`$ if $`n_L\ge2`$. (3) If $`L=2`$ and
$`n_1=2`$, the maximum is $`3+2n_2`$, less than the product $`3(n_2+1)`$: widths $`(2,2)`$ have at most 7 regions, never
8 or 9.

*Proof.* (1) On a region of the layers before, each of the $`n_l`$ neurons is affine and changes at most once, so the
region becomes at most $`n_l+1`$ of them. The output is affine on each.

(2) A layer of $`n\ge3`$ neurons can *fold* $`(0,1)`$ with $`n+1`$ pieces, each mapped onto the whole of an interval:
with $`v=(2n+1)x`$, pieces of the widths $`2,2,2,1,2,2,\dots`$, breakpoints $`B_i`$ between them, and the slopes
$`1,-1,1,-2,1,-1,\dots`$ each piece is mapped onto $`(0,2)`$. If $`c_i`$ is the change of slope at $`B_i`$, this map
is $`v+\sum_ic_i\rho(v-B_i)`$, where $`v`$ would cost a neuron. But $`\rho(v-B)=\rho(B-v)+v-B`$, so turning
the second and the third neuron round changes the linear part by $`(c_2+c_3)v=-v`$, and it is gone; the narrow piece is
there to make it so. Folds one after another, and a last layer whose neurons change at $`n_L`$ points inside, give the
product. The map from $`x`$ to the last layer is one to one on each piece, with different slopes on neighbours. So the
output changes at every point where something changes, unless two neighbouring pieces both end in a region where the
last layer is inactive; with two neurons in it that face each other there is no such region.

(3) Let the two neurons, scaled to slope 1, be $`\rho(x-p)`$ and $`\rho(q-x)`$. A neuron of the second layer has there
the slopes $`-\beta`$, $`\alpha-\beta`$, $`\alpha`$ where $`p<q`$. Three changes need slopes of alternating signs:
$`\beta<0`$ and $`\alpha>0`$ with $`\alpha-\beta<0`$, or $`\beta>0`$ and $`\alpha<0`$ with $`\alpha-\beta>0`$; neither
is possible. If $`p\ge q`$, or if both neurons have the same direction, one of at most three pieces is flat. So each
neuron of the second layer changes twice at most, and the first layer makes three regions. The network
$`h=(\rho(x),\rho(2-x))`$, $`z_k=h_1+h_2-2-k`$, $`k=1,\dots,n_2`$, changes at $`-k`$ and $`2+k`$: it has
$`3+2n_2`$ regions. $`\square`$

**What falls short of it.** Montúfar, Pascanu, Cho and Bengio fold with $`n_l`$ pieces, which gives
$`n_1\cdots n_{L-1}(n_L+1)`$: a lower bound of the maximum, not the maximum. Raghu and coauthors bound the number of
regions by $`O(k^{mn})`$ for depth $`n`$, width $`k`$ and $`m`$ inputs. For $`m=1`$ the constant in it is not 1, and it
must grow with the depth: the maximum is $`(k+1)^n`$.

**Sharp.** (1) by (2); (2) and (3) are equalities.

Kind: exact counts; every network, and networks that are built.

**Not covered.** The maximum where a layer before the last has two neurons and there are three layers or more; more
inputs (`depth_regions_upper`).
"""

from __future__ import annotations

from math import prod
from typing import Any

from pydantic import Field

from theorems.bibliography import MONTUFAR2014, OURS, RAGHU2017, SERRA2018
from theorems.expressivity import _networks as networks
from verify import Claim, Count, Figure, Formula, Parameters, Source, Theorem, control
from verify.core.arrays import namespace
from verify.kit.region_bounds import folding_count, product_bound
from verify.kit.regions import count_activation, count_linear, interval_cells
from verify.kit.relu import Network, integer_network
from verify.kit.subdivision import count_linear_regions, count_regions

TWO_FIRST = "two neurons first"
REFOLDED: dict[str, tuple[tuple[int, ...], ...]] = {
    "refolded, 2 layers": ((3, 2), (3, 3), (3, 4)),
    "refolded, 3 layers": ((3, 3, 3), (5, 3, 4), (4, 3, 2), (7, 7, 7)),
    "refolded, 4 layers": ((3, 3, 3, 3), (3, 4, 3, 2)),
}
TWO, BUILT, FOLDED = "two layers, n_1 = 2", "built with two neurons first", "a refolding network"
THEOREM_5 = Source(SERRA2018, "Theorem 5", "as the paper has it; proved on this page")


class Params(Parameters):
    """The sizes of the random networks."""

    width: int = Field(5, ge=1, le=12, description="most neurons in a layer of the family 'random'")
    layers: int = Field(4, ge=1, le=12, description="most layers in the family 'random'")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """W1 (B, n_1, 1), b1 (B, n_1), ..., and the read-out V (B, 1, n_L) and c (B, 1), in whole numbers, networks of
    fewer neurons filled up; kind (B,): 1 for the network of (3), 2 for those of (2), else 0."""
    if family in REFOLDED:
        shapes = REFOLDED[family]
        widest = tuple(map(max, zip(*shapes, strict=True)))
        made = [networks.pad(networks.refolded(draw, widths), widest) for widths in shapes]
        network, kind = networks.moved(draw, networks.one_of(draw, made)), draw.full(2.0)
    elif family == TWO_FIRST:
        network, kind = _two_first(draw)
    else:
        sizes = (2, 3) if family == "small" else (p.layers, p.width)
        network, kind = networks.random_network(draw, 1, *sizes, outputs=1), draw.full(0.0)
    return {**networks.named(network), "kind": kind}


def _two_first(draw: Any) -> tuple[Network, Any]:
    """(1; 2, n), n = 1, ..., 4: in half of the draws the network of (3), else random weights."""
    made = []
    for n in range(1, 5):
        layers = ((((1,), (-1,)), (0, 2)), (((1, 1),) * n, [-2 - k for k in range(1, n + 1)]))
        made.append(networks.pad(networks.fixed(draw, layers, ([[2**k for k in range(n)]], [0])), (2, 4)))
    by_hand = networks.one_of(draw, made)
    free = networks.random_network(draw, 1, 2, 4, full=True, outputs=1)
    free = Network(
        (free.weights[0][:, :2, :], free.weights[1][..., :2]), (free.biases[0][:, :2], free.biases[1]), free.readout
    )
    which = draw.integers(0, 2)
    network = networks.choose(which, (by_hand, free))
    return network, draw.xp.astype(which == 0, draw.backend.float)


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """What the widths are, and what the network was built for."""
    widths, like = networks.true_widths(networks.network(x)), x["kind"]
    two = (networks.count(widths > 0) == 2) & (widths[:, 0] == 2)
    return {
        TWO: networks.margin(two & (_second(widths) > 0), like),
        BUILT: networks.margin(like == 1, like),
        FOLDED: networks.margin(like == 2, like),
    }


def _second(widths: Any) -> Any:
    """n_2, 0 where there is no second layer."""
    return widths[:, 1] if widths.shape[-1] > 1 else 0 * widths[:, 0]


def _quantities(x: Any, regions: Any, linear: Any) -> dict[str, Any]:
    widths = networks.true_widths(networks.network(x))
    xp, rows = namespace(widths), networks.tabulate

    def layers(n: tuple[int, ...]) -> list[int]:
        return [k for k in n if k]

    return {
        "regions": regions,
        "linear": linear,
        "product": rows(lambda n: product_bound(1, n), widths),
        "folds": rows(lambda n: folding_count(1, layers(n) or [0]), widths),
        "widths": rows(lambda n: prod(layers(n)), widths),
        "n2": _second(widths),
        "L": networks.count(widths > 0),
        "k": xp.max(widths, axis=-1),
    }


def solve(p: Params, x: Any) -> dict[str, Any]:
    """The exact numbers of regions of the whole line."""
    network = networks.network(x)
    return _quantities(x, count_regions(network), count_linear_regions(network))


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same for one network, from its breakpoints in rationals."""
    import numpy as np

    network = integer_network(networks.network(x))
    found = interval_cells(network)
    return _quantities(x, np.asarray([count_activation(found)]), np.asarray([count_linear(network, found)]))


def rescale(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The line stretched: the input is twice as large."""
    return {**x, "W1": 2 * x["W1"]}


THEOREM = Theorem(
    "depth_regions_1d",
    "One input: the maximal number of regions is the product of all n + 1",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    # The weights of built networks are what their claims are about.
    fixed=("kind", "V", "c", *(f"{name}{layer}" for name in "Wb" for layer in range(1, 17))),
    families={
        "random": "whole weights between -S and S, S = 3, 10 or 100, some degenerate",
        "small": "the same, up to 3 + 3 neurons",
        TWO_FIRST: "widths 2 and n = 1, ..., 4: half by hand, half random",
        **{name: f"widths {', '.join(map(str, shapes))}" for name, shapes in REFOLDED.items()},
    },
    shares={"refolded, 3 layers": 0.1, "refolded, 4 layers": 0.1, "refolded, 2 layers": 0.2},
    instances=6800,
    batch=1024,
    claims=(
        Claim("at most the product", Count(), "regions", Formula("product"), source=THEOREM_5),
        Claim("no more linear regions than activation regions", Count(), "linear", Formula("regions")),
        Claim(
            "refolding attains the product",
            Count(),
            "regions",
            Formula("product"),
            (FOLDED,),
            relation="==",
            source=THEOREM_5,
        ),
        Claim(
            "refolding attains it in linear regions",
            Count(),
            "linear",
            Formula("product"),
            (FOLDED,),
            relation="==",
            source=THEOREM_5,
        ),
        Claim("two neurons first: at most 3 + 2 n_2", Count(), "regions", Formula("3 + 2 * n2"), (TWO,)),
        Claim("two neurons first: attained", Count(), "regions", Formula("3 + 2 * n2"), (BUILT,), relation="=="),
        control(
            "the product of the widths",
            Count(),
            "regions",
            Formula("widths"),
            (),
            "n points cut a line into n + 1 parts",
        ),
        control(
            "Montúfar's lower bound is the maximum",
            Count(),
            "regions",
            Formula("folds"),
            (),
            "three neurons fold with four pieces, and two and two have 7 regions where it says 6",
        ),
        control(
            "Raghu's order with the constant 1",
            Count(),
            "regions",
            Formula("k**L"),
            (),
            "(k + 1)^L is attained: what stands before k^L must grow with the depth",
        ),
        control(
            "two neurons first can reach the product",
            Count(),
            "product",
            Formula("3 + 2 * n2"),
            (TWO,),
            "a neuron of the second layer changes twice, not three times",
        ),
    ),
    sources=(
        THEOREM_5,
        Source(MONTUFAR2014, "Theorem 4", "as quoted by Serra, Tjandraatmadja and Ramalingam"),
        Source(RAGHU2017, "Theorem 1", "from memory"),
        Source(OURS, "two neurons first, above"),
    ),
    symbols={
        "regions": ("R", "number of activation regions, exact"),
        "linear": (r"R_\ell", "number of linear regions, exact"),
        "product": (r"\prod_l(n_l+1)", "the bound"),
        "folds": (r"\prod_{l<L}n_l\,(n_L+1)", "what folding with n_l pieces gives"),
        "widths": (r"\prod_ln_l", "product of the widths"),
        "n2": ("n_2", "neurons of the second layer"),
        "k": ("k", "largest width"),
        "L": ("L", "number of layers"),
        "kind": (r"\kappa", "1: the network of (3), 2: a network of (2)"),
        "V": ("V", "weights of the read-out"),
        "c": ("c", "bias of the read-out"),
        **networks.symbols(4),
    },
    figures=(
        Figure(
            "regions",
            "cloud",
            ("at most the product",),
            "Regions against the product: refolding is on the line, random networks fall behind.",
            x="product of all n + 1",
            y="regions",
        ),
    ),
    invariances={"mirror": networks.mirror, "rescale": rescale},
    not_tested=("more than 512 regions",),
)
