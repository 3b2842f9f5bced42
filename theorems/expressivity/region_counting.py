r"""How many regions has this network, exactly: methods that share no arithmetic give the same numbers.

Let $`z^l_i`$ be the pre-activations of a ReLU network with $`n_0`$ inputs and $`N`$ hidden neurons. The *activation
pattern* at $`x`$ is the vector of the bits $`[z^l_i(x)>0]`$, so a neuron at exactly 0 is inactive.

- An **activation region** is the interior of the set of points with one pattern, where that is not empty. It is convex.
  A neuron that is 0 on a whole region counts as inactive there and cuts nothing.
- A **linear region** is a largest connected open set on which the outputs are affine: a union of activation regions
  that share facets and the affine map of the read-out. Regions that touch in less than a facet are not joined.

Both are counted in the **box** $`[-h,h]^{n_0}`$ and in the whole **space**: four numbers, which differ.

**Theorem.** (1) On a domain cut into convex polytopes on whose interiors no neuron changes its bit, the number of
activation regions is the number of distinct patterns of the pieces. (2) $`\mathrm{linear}\le\mathrm{activation}`$, and
$`\mathrm{box}\le\mathrm{space}`$ for activation regions. (3) Points at each of which no pre-activation is 0 lie in
regions, so their distinct patterns are no more than the regions of a box that holds them. (4) The activation regions
are at most the sum of the page `depth_regions_upper`.

*Proof.* (1) The pieces of one pattern lie in one region, since a region is the interior of a convex set, and every
region holds an interior point of a piece. (2) Each linear region holds an activation region, and each activation
region lies in one linear region. A region of the box is a part of the region of the space that has its pattern. (3)
Where no pre-activation is 0 the pattern is the same nearby. (4) is proved there. $`\square`$

**How it is counted.** *Splitter*: the complex of all faces of a batch of networks, split neuron by neuron by array
operations; a sign is taken from floats where a bound on all rounding allows it, and in integers of any size where it
does not. *Integers*: breakpoints, polygons or polytopes of one network, cell by cell, in exact integers; every float is
a dyadic rational, so this is exact for the network given. *Linear programmes*: a search over patterns, where each
region has a rational point and each empty side a rational certificate, checked. *Certificate*: the list of all cells
with their vertices, checked in rationals by a program that trusts none of the others: distinct patterns, convex cells
with the signs they claim, positive volumes that add up to the volume of the box exactly. *Points*: patterns of points
at which rounding could change no sign; a lower bound.

**Your own network.** `theorem=region_counting network=FILE half=8`: FILE is `.npz` with arrays W1, b1, W2, b2, ... (W
of shape (outputs, inputs), the last pair the affine read-out), or the `.onnx` model of a fully connected ReLU network.
The four counts are `box`, `space`, `linear_box`, `linear_space`; with two inputs the regions are drawn.
`certificate=cells.json` writes the certificate of `box`, which `python -m verify replay cells.json` checks on any
machine.

**Sharp.** All comparisons of methods are equalities. Kind: counts, in exact integers.

**Not covered.** Activations other than ReLU; more than five inputs by the splitter (up to twelve neurons or so by
linear programmes, in the box); the linear regions of networks whose weights are not known exactly.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

from pydantic import Field

from theorems.bibliography import GIRYES2019, MONTUFAR2014, OURS, SERRA2018
from theorems.expressivity import _networks as networks
from verify import Claim, Count, Figure, Formula, Parameters, Source, Theorem, control
from verify.core.arrays import namespace, to_numpy

SPLITTABLE = 5  # inputs
LARGEST = 3_000_000  # cells that Z(N, n_0) may foresee for a user's network
ENUMERABLE = 5000  # the same where there are more inputs than can be split
POINTS = 400
SMALL = "at most three neurons in the first layer"
SIZES = {"one input": (1, 5), "two inputs": (2, 4), "signs": (2, 4), "floats": (2, 4), "three inputs": (3, 3)}


class Params(Parameters):
    """The box, and the user's own network."""

    half: float = Field(8.0, ge=2**-20, le=2**20, description="h: the box is [-h, h] in every coordinate")
    network: str = Field("", description="your own network: path of a .npz or .onnx file")
    certificate: str = Field("", description="where to write the certificate of its count in the box; none if empty")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """W1, b1, W2, b2 of two hidden layers and the read-out V (B, 2, n), c (B, 2)."""
    if family == "planes":
        W = draw.xp.floor(draw.uniform(8, 3, low=-1000.0, high=1001.0))
        b = draw.xp.floor(draw.uniform(8, low=-1000.0, high=1001.0)) * p.half
        one = networks.fixed(draw, [([[0.0] * 3] * 8, [0.0] * 8), ([[0.0] * 8], [-1.0])], ([[1.0]], [0.0]))
        return networks.named(type(one)((W, one.weights[1]), (b, one.biases[1]), one.readout))
    if family == "by hand":
        return networks.named(networks.one_of(draw, [networks.fixed(draw, *case) for case in BY_HAND]))
    inputs, width = SIZES[family]
    if family == "floats":
        network = networks.random_network(draw, inputs, 2, width, full=True, outputs=2)
        noise = tuple(draw.normal(width, n) for n in (inputs, width)), tuple(draw.normal(width) for _ in range(2))
        return networks.named(type(network)(*noise, network.readout))
    sizes = (1,) if family == "signs" else (3, 10, 100)
    return networks.named(networks.random_network(draw, inputs, 2, width, sizes, outputs=2))


# Two inputs, two layers of two neurons, one output: what each is for.
BY_HAND = [
    # The second neuron is inactive where the first changes: 3 activation and 2 linear regions.
    ([([[1, 0], [0, 0]], [0, -1]), ([[1, 0], [0, 0]], [-1, -1])], ([[1, 0]], [0])),
    # rho(x), then rho(h): 0 on x < 0, where it must not be counted twice.
    ([([[1, 0], [0, 0]], [0, -1]), ([[1, 0], [0, 0]], [0, -1])], ([[1, 0]], [0])),
    # Two lines that meet outside the box [-8, 8]: 3 regions there, 4 in the plane.
    ([([[2, 0], [2, 2]], [-14, -31]), ([[1, 0], [0, 1]], [0, 0])], ([[1, 2]], [0])),
    # Only points between two near lines have the middle pattern.
    ([([[1000, 0], [1000, 0]], [0, -1]), ([[1, 0], [0, 1]], [0, 0])], ([[1, 1]], [0])),
]


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """The slow methods are used on small networks alone."""
    neurons = networks.count(namespace(x["b1"]).any(x["W1"] != 0, axis=-1))
    return {SMALL: networks.margin(neurons <= 3, x["b1"])}


def solve(p: Params, x: Any) -> dict[str, Any]:
    """The splitter's counts on the run's arrays; the integer methods on the host."""
    from verify.kit import region_sampling
    from verify.kit.subdivision import count_linear_regions, count_regions

    network, box = networks.network(x), (-p.half, p.half)
    found = {
        "box": count_regions(network, box),
        "space": count_regions(network, None),
        "linear_box": count_linear_regions(network, box),
        "linear_space": count_linear_regions(network, None),
        "seen": region_sampling.distinct_patterns(network, _points(p, network)),
    }
    return found | _exact(p, x, network, "cells")


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same by the integer counters, those of any number of inputs in place of the splitter."""
    network = networks.network(x)
    exact = _exact(p, x, network, "polytope_cells")
    seen = solve(p, x)["seen"]
    return {
        **{name: exact[f"exact_{name}"] for name in ("box", "space", "linear_box", "linear_space")},
        "seen": seen,
        **exact,
    }


def _points(p: Params, network: Any) -> Any:
    """(1, POINTS, n_0): points spread evenly over the box, by multiples of powers of the root of t^(n+1) = t + 1."""
    import numpy as np

    n, W = network.inputs, network.weights[0]
    root = 1.5
    for _ in range(60):
        root = (1 + root) ** (1 / (n + 1))
    steps = root ** -np.arange(1.0, n + 1)
    x = (2 * ((0.5 + steps * np.arange(1.0, POINTS + 1)[:, None]) % 1) - 1) * p.half
    return namespace(W).asarray(x[None], dtype=W.dtype, device=W.device)


def _exact(p: Params, x: Any, network: Any, method: str) -> dict[str, Any]:
    """Counts in exact integers by the cells of ``regions``, one network at a time, and the bound."""
    import numpy as np

    from verify.kit import regions
    from verify.kit.region_bounds import layered_bound
    from verify.kit.relu import integer_network

    half = Fraction(p.half)
    small = to_numpy(hypotheses(p, x)[SMALL]) >= 0
    rows: dict[str, list[int]] = {}
    for number in range(len(network)):
        one = integer_network(network, number)
        counts = {}
        for domain, ends in (("box", (-half, half)), ("space", None)):
            cells = getattr(regions, method)(one, ends)
            counts[f"exact_{domain}"] = regions.count_activation(cells)
            counts[f"exact_linear_{domain}"] = regions.count_linear(one, cells)
        proved = _proved(network, number, one, half) if small[number] else (0, 0)
        counts |= {"enumerated": proved[0], "certified": proved[1]}
        for name, value in counts.items():
            rows.setdefault(name, []).append(value)
    like = x["b1"]
    found = {
        name: namespace(like).asarray(np.asarray(v, dtype=np.int64), device=like.device) for name, v in rows.items()
    }
    widths = networks.true_widths(network)
    return found | {"bound": networks.tabulate(lambda w: layered_bound(network.inputs, w), widths)}


def _proved(network: Any, number: int, one: Any, half: Fraction) -> tuple[int, int]:
    """The number of regions by linear programmes, and the number that a certificate shows."""
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from verify.kit import region_certificate, region_lp, regions

    enumerated = len(region_lp.enumerate_regions(one, (-half, half)).regions)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "cells.json"
        region_certificate.write(path, network, (-half, half), regions.cells(one, (-half, half)), number)
        return enumerated, region_certificate.check(path).regions


# ------------------------------------------------------------------------------------------- the user's network


def answer(p: Params) -> dict[str, Any]:
    """The counts for the network of the user's file; {} without one. ValueError for a file that cannot be used."""
    if not p.network:
        if p.certificate:
            raise ValueError("certificate= needs network=: it is the certificate of that network's count")
        return {}
    from verify.kit import network_files
    from verify.kit.region_bounds import layered_bound, zaslavsky
    from verify.kit.subdivision import subdivide

    network = network_files.load(p.network)
    inputs, widths = network.inputs, network.widths
    says: dict[str, Any] = {"inputs": inputs, "widths": ", ".join(map(str, widths)), "neurons": network.neurons}
    foreseen, box = zaslavsky(network.neurons, inputs), (-p.half, p.half)
    if foreseen > (LARGEST if inputs <= SPLITTABLE else ENUMERABLE):
        return says | _between(p, network)
    if inputs > SPLITTABLE:
        return says | _enumerated(p, network)
    for name, domain in (("box", box), ("space", None)):
        found = subdivide(network, domain)
        says[name] = int(found.activation_regions()[0])
        says[f"linear_{name}"] = int(found.linear_regions()[0])
    says["at_most"] = layered_bound(inputs, widths)
    if p.certificate:
        says["certificate"] = _certify(p, network)
    return says


def _between(p: Params, network: Any) -> dict[str, Any]:
    """Where there are too many regions to count: a number that is certain to be there and one that cannot be
    exceeded."""
    from verify.core.arrays import backend
    from verify.core.streams import Draw
    from verify.kit.region_bounds import layered_bound
    from verify.kit.region_sampling import sampled_regions

    if p.certificate:
        raise ValueError(f"network={p.network}: too many regions are to be expected for a certificate; none was made")
    seen = sampled_regions(network, Draw(backend("numpy"), 0, 0, 0, 1), 100_000, -p.half, p.half)
    return {"at_least": int(seen[0]), "at_most": layered_bound(network.inputs, network.widths), "method": "sampled"}


def _enumerated(p: Params, network: Any) -> dict[str, Any]:
    from verify.kit.region_lp import enumerate_regions
    from verify.kit.relu import integer_network

    if p.certificate:
        raise ValueError(f"network={p.network}: certificates are made for up to {SPLITTABLE} inputs")
    found = enumerate_regions(integer_network(network), (-Fraction(p.half), Fraction(p.half)))
    return {"box": len(found.regions), "method": f"linear programmes, {found.certificates} certificates of emptiness"}


def _certify(p: Params, network: Any) -> str:
    """Writes the certificate, reads it back and checks it."""
    from verify.kit import region_certificate, regions
    from verify.kit.relu import integer_network

    half = Fraction(p.half)
    try:
        cells = regions.cells(integer_network(network), (-half, half))
        region_certificate.write(p.certificate, network, (-half, half), cells)
    except OSError as error:
        raise ValueError(f"certificate={p.certificate}: cannot be written ({error.strerror})") from None
    return f"{p.certificate}: {region_certificate.check(p.certificate).regions} regions, checked"


def maps(p: Params) -> dict[str, dict[str, Any]]:
    """The regions after each layer: of the user's network if it has two inputs, else of a random one."""
    from verify.core.arrays import backend
    from verify.core.streams import Draw, tag
    from verify.kit import network_files
    from verify.kit.region_maps import layer_maps
    from verify.kit.relu import Network

    if p.network:
        network = network_files.load(p.network)
        return {"map": layer_maps(network, (-p.half, p.half)) if network.inputs == 2 else {}}
    draw = Draw(backend("numpy"), 0, tag("map of region_counting"), 0, 1)
    widths = (2, 8, 8, 8)
    pairs = [(draw.normal(n, m) * (2 / m) ** 0.5, draw.normal(n)) for m, n in pairwise(widths)]
    weights, biases = zip(*pairs, strict=True)
    return {"map": layer_maps(Network(weights, biases), (-4, 4))}


COUNTS = {
    "box": ("r_h", "activation regions in the box, by the splitter"),
    "space": ("r", "activation regions in the whole space, by the splitter"),
    "linear_box": (r"\ell_h", "linear regions in the box, by the splitter"),
    "linear_space": (r"\ell", "linear regions in the whole space, by the splitter"),
}
THEOREM = Theorem(
    "region_counting",
    "Exact numbers of activation and linear regions, by methods that share no arithmetic",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    answer=answer,
    maps=maps,
    families={
        "one input": "up to two layers of up to five neurons, whole weights up to 3, 10 or 100",
        "two inputs": "up to two layers of up to four neurons, the same weights",
        "three inputs": "up to two layers of up to three neurons, the same weights",
        "signs": "two inputs, weights -1, 0 and 1: parallel, equal and concurrent lines, neurons that are 0 on cells",
        "floats": "two inputs, Gaussian weights",
        "planes": "eight planes in space, so far apart that some of their regions lie outside the box",
        "by hand": "a dead neuron, a neuron that is 0 on a cell, lines that meet outside the box, lines 1/1000 apart",
    },
    shares={"planes": 0.3, "by hand": 0.2},
    instances=900,
    batch=128,
    claims=(
        *(
            Claim(f"{name.replace('_', ' ')}: splitter and integers", Count(), name, Formula(f"exact_{name}"), (), "==")
            for name in COUNTS
        ),
        Claim("box: linear programmes with certificates", Count(), "box", Formula("enumerated"), (SMALL,), "=="),
        Claim("box: certified list of cells", Count(), "box", Formula("certified"), (SMALL,), "=="),
        Claim("points see no more", Count(), "seen", Formula("box")),
        Claim("box <= space", Count(), "box", Formula("space")),
        Claim("linear <= activation, box", Count(), "linear_box", Formula("box")),
        Claim("linear <= activation, space", Count(), "linear_space", Formula("space")),
        Claim("at most the bound over layers", Count(), "space", Formula("bound")),
        control("the box shows all regions", Count(), "space", Formula("box"), (), "some lie far out"),
        control(
            "linear = activation",
            Count(),
            "linear_box",
            Formula("box"),
            (),
            "where a neuron changes that is dead downstream the outputs do not notice",
            "==",
        ),
        control("points see all", Count(), "seen", Formula("box"), (), "thin regions are missed", ">="),
        control(
            "one more than the integers",
            Count(),
            "box",
            Formula("exact_box + 1"),
            (),
            "counts are exact: an error of one is seen",
            "==",
        ),
    ),
    sources=(
        Source(MONTUFAR2014, "definitions of linear regions and activation patterns", "from memory"),
        Source(SERRA2018, "Theorem 1", "the bound of (4)"),
        Source(GIRYES2019, "slide 'Depth of the network'", "for which the counts are needed"),
        Source(OURS, "the methods, above"),
    ),
    symbols={
        **COUNTS,
        **{
            f"exact_{name}": (rf"\bar{{{symbol}}}", f"{meaning.partition(',')[0]}, in integers")
            for name, (symbol, meaning) in COUNTS.items()
        },
        "enumerated": (r"r_{\mathrm{LP}}", "regions in the box that linear programmes find and prove to be all"),
        "certified": (r"r_{\mathrm{cert}}", "regions in the box that a certificate lists, as its checker finds"),
        "seen": (r"r_{\mathrm{seen}}", f"distinct certain patterns of {POINTS} points in the box"),
        "bound": (r"R(n_0;n_1,\dots,n_L)", "sum of products of binomials of `depth_regions_upper`"),
        **networks.symbols(2),
        "V": ("V", "weights of the read-out"),
        "c": ("c", "biases of the read-out"),
    },
    figures=(
        Figure(
            "map",
            "map",
            (),
            "The regions of a network with two inputs after each of its layers. The lines of a neuron bend where they "
            "cross those of earlier layers.",
            x="first input",
            y="second input",
        ),
        Figure(
            "points",
            "ratio",
            ("points see no more",),
            f"The share of the regions of the box that {POINTS} evenly spread points see: sampling is a lower bound.",
            x="regions in the box",
            y="regions seen / regions",
            against="exact_box",
        ),
    ),
    not_tested=("networks with more than three inputs or two layers in this run", "convolutional networks"),
)
