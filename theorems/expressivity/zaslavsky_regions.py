r"""One ReLU layer cuts the space into the regions of an arrangement of hyperplanes.

Unit $`i`$ of a layer $`x\mapsto\rho(Wx+b)`$ is active on one side of the hyperplane $`w_i\cdot x+b_i=0`$ of
$`\mathbb R^d`$. A unit with $`w_i=0`$ has none, and units whose $`(w_i,b_i)`$ are multiples of one another share one.
Let $`H_1,\dots,H_n`$ be the *distinct* hyperplanes of the layer and $`r`$ the number of regions, the connected
components of what they leave of the space. Points of one region have the same activation pattern, points of two regions
do not, and the layer acts on them by different affine maps. Write $`\mathrm Z(n,d)=\sum_{j\le d}\binom nj`$, and let
$`R`$ be the rank of $`W`$.

**Theorem.** (a) $`r\le\mathrm Z(n,R)\le\mathrm Z(n,d)`$. (b) $`r=\mathrm Z(n,d)`$ if and only if the hyperplanes are in
*general position*: every $`d`$ or fewer have independent normals, and no $`d+1`$ have a common point. (c)
$`r=\mathrm Z(n,R)`$ if they are so within their rank, that is, after $`\mathbb R^d`$ is divided by the kernel of
$`W`$. (d) Without biases, $`b=0`$ and $`n\ge1`$, $`r\le2\,\mathrm Z(n-1,R-1)`$, with equality if every $`R`$ or
fewer normals are independent. (e) In the plane

```math
r=1+n+\sum_v(m_v-1),
```

over the points $`v`$ in which lines meet, $`m_v\ge2`$ of them. (f) With the flats $`X`$, the non-empty intersections
of hyperplanes, and their Möbius numbers $`\mu`$, defined by $`\mu(\mathbb R^d)=1`$ and $`\sum_{Y\supseteq X}\mu(Y)=0`$
for the other flats $`X`$,

```math
r=\sum_X\lvert\mu(X)\rvert .
```

(g) Classical arrangements have closed forms:

| hyperplanes, $`i<j\le k`$ | regions |
| --- | --- |
| Boolean: $`x_i=0`$ | $`2^k`$ |
| braid: $`x_i=x_j`$ | $`k!`$ |
| type D: $`x_i=\pm x_j`$ | $`2^{k-1}k!`$ |
| type B: $`x_i=\pm x_j`$, $`x_i=0`$ | $`2^kk!`$ |
| Shi: $`x_i-x_j=0,1`$ | $`(k+1)^{k-1}`$ |
| Catalan: $`x_i-x_j=-1,0,1`$ | $`(2k)!/(k+1)!`$ |
| Linial: $`x_i-x_j=1`$ | $`2^{-k}\sum_l\binom kl(l+1)^{k-1}`$ |
| graphical: $`x_i=x_j`$ for the edges of a graph | its acyclic orientations |
| $`p`$ parallel lines, $`q`$ that cross them in parallel | $`(p+1)(q+1)`$ |
| $`k`$ lines through a point | $`2k`$ |

*Proof of (a) to (e).* Put the hyperplanes in one after another. A region of the earlier ones is convex, so $`H_i`$
either misses it or cuts it in two, and the regions that it cuts are, within $`H_i`$, the regions of the arrangement
that the earlier ones leave there. So $`r=1+\sum_ir_i`$ with $`r_i`$ the number of regions of at most $`i-1`$ distinct
hyperplanes of dimension $`d-1`$. By induction on $`d`$, $`r\le1+\sum_i\mathrm Z(i-1,d-1)=\mathrm Z(n,d)`$. Equality
asks of every $`i`$ that the earlier hyperplanes leave $`i-1`$ distinct ones in $`H_i`$, in general position there: that
is general position of them all. The arrangement is the product of one in $`\mathbb R^R`$ with the kernel of $`W`$,
which gives $`R`$ in place of $`d`$. Without biases the half-space $`w_1\cdot x>0`$ is the cone over the affine
hyperplane $`w_1\cdot x=1`$, which the others meet in at most $`n-1`$ hyperplanes, in general position if every $`R`$
normals are independent; the other half-space is its mirror image. In the plane $`r_i`$ is one more than the number
of points in which $`H_i`$ meets earlier lines, so every $`v`$ is counted by all of its lines but the first. $`\square`$

(f) is Zaslavsky's theorem; (g) follows from it and the characteristic polynomials in Stanley's lectures.

**How it is checked.** Every float is a rational number, so the layer is one of integers, up to positive factors that
move no hyperplane. The count is the sum $`1+\sum_ir_i`$ in exact integers; whether the hyperplanes are in general
position is decided apart from it, by eliminating in every $`d+1`$ of them; and what a run refutes is counted again by
(f), from the flats.

**Sharp.** Every layer in general position attains $`\mathrm Z(n,d)`$, so a count that is off by one is seen.

**What the slide says.** "Each DNN layer with ReLU divides the space by a hyper-plane": one hyperplane makes two
regions, and a layer of $`n`$ units in general position has $`\mathrm Z(n,d)`$. Each *unit* divides the space by a
hyperplane.

Kind: exact counts.

**Not covered.** More layers than one; the regions inside a box, which may be fewer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import cache
from itertools import combinations
from math import comb, factorial, gcd
from typing import Any

from pydantic import Field

from theorems.bibliography import GIRYES2019, OURS, SERRA2018, STANLEY2007, ZASLAVSKY1975
from verify import Claim, Count, Figure, Formula, Parameters, Source, Theorem, control, misreading
from verify.core.arrays import namespace, to_numpy
from verify.kit import arrangements
from verify.kit.arrangements import Row
from verify.kit.region_bounds import central, zaslavsky

GENERAL, NOT_GENERAL = "general position", "not in general position"
WITHIN_RANK = "general position within the rank"
NO_BIAS, GENERIC_NORMALS = "no bias", "generic normals"
PLANE, ONE, KNOWN = "d = 2", "n = 1", "closed form known"
Z = Formula("zaslavsky")
MAXIMUM = Source(STANLEY2007, "Lecture 2, Proposition 2.4", "from memory; proved on this page")
CLASSICAL = Source(STANLEY2007, "Lectures 2 and 5", "from memory: the characteristic polynomials behind (g)")
LAYER = Source(SERRA2018, "Section 2 and Lemma 2", "one layer has at most Z(n, d) regions")
SLIDE = Source(GIRYES2019, "slide 'Depth of the network'")


class Params(Parameters):
    """The sizes of the layers."""

    n: int = Field(8, ge=1, le=60, description="units of a random layer; how many of them cut is drawn from 1 to n")
    d: int = Field(3, ge=1, le=8, description="inputs of the random layers; the plane has its own families")
    weight: int = Field(1000, ge=1, le=10**6, description="largest magnitude of the integer weights that are not small")
    order: int = Field(4, ge=2, le=5, description="largest k of the classical arrangements")


# ------------------------------------------------------------------------------------------- the families

Closed = tuple[list[Row], int]  # an arrangement and the number of its regions by its closed form


def _lines(order: int) -> list[Closed]:
    sizes = range(1, order + 1)
    return [(arrangements.grid(p, q), (p + 1) * (q + 1)) for p in sizes for q in range(p + 1)] + [
        (arrangements.pencil(k), 2 * k) for k in range(2, 2 * order + 1)
    ]


def _reflections(order: int) -> list[Closed]:
    return [
        closed
        for k in range(2, order + 1)
        for closed in (
            (arrangements.boolean(k), 2**k),
            (arrangements.braid(k), factorial(k)),
            (arrangements.type_b(k), 2**k * factorial(k)),
            (arrangements.type_d(k), 2 ** (k - 1) * factorial(k)),
        )
    ]


def _deformations(order: int) -> list[Closed]:
    return [
        closed
        for k in range(2, order + 1)
        for closed in (
            (arrangements.shi(k), (k + 1) ** (k - 1)),
            (arrangements.catalan(k), factorial(2 * k) // factorial(k + 1)),
            (arrangements.linial(k), sum(comb(k, l) * (l + 1) ** (k - 1) for l in range(k + 1)) // 2**k),
        )
    ]


THREE_LINES = ((1, 0, 0), (0, 1, 0), (1, 1, 1))  # x = 0, y = 0, x + y + 1 = 0: a triangle and six regions around it
LISTED: dict[str, tuple[Callable[[int], list[Closed]], str]] = {
    "lines": (_lines, "parallel lines, grids and lines through a point"),
    "reflections": (_reflections, "mirrors of the groups of type A (braid), B and D, and the coordinate hyperplanes"),
    "deformations": (_deformations, "Shi, Catalan and Linial: parallel copies of the braid hyperplanes"),
}


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """W (B, n, d) and b (B, n), floats that hold integers, and, in the families that have one, closed (B,), the closed
    form of the number of regions, an integer. A unit that is there to fill the array has w = 0 and a bias that is not
    0."""
    xp, dtype, dev = draw.xp, draw.backend.float, draw.backend.device
    if family in LISTED:
        table = LISTED[family][0](p.order)
        most, wide = max(len(rows) for rows, _ in table), max(len(rows[0]) for rows, _ in table)
        padded = [
            [(*row[:-1], *[0] * (wide - len(row)), row[-1]) for row in rows]
            + [(*[0] * (wide - 1), -1)] * (most - len(rows))
            for rows, _ in table
        ]
        index = draw.integers(0, len(table))
        rows = xp.take(xp.asarray(padded, dtype=dtype, device=dev), index, axis=0)
        closed = xp.take(xp.asarray([count for _, count in table], dtype=xp.int64, device=dev), index, axis=0)
        return {**_disguise(draw, rows[..., :-1], rows[..., -1]), "closed": closed}
    if family == "graphs":
        vertices = p.order + 1
        rows = xp.asarray([arrangements.braid(vertices)], dtype=dtype, device=dev)
        kept = draw.integers(0, 2, rows.shape[1]) == 1
        closed = [_acyclic_orientations(vertices, tuple(flags)) for flags in to_numpy(kept).tolist()]
        x = _disguise(draw, *_only(kept, rows[..., :-1], rows[..., -1]))
        return {**x, "closed": xp.asarray(closed, dtype=xp.int64, device=dev)}

    def integers(top: int, *shape: int) -> Any:
        return draw.whole(-top, top + 1, *shape)

    if family == "three lines":
        rows = xp.asarray([THREE_LINES], dtype=dtype, device=dev) + draw.coin()[:, None, None] * integers(3, 3, 3)
        return {"W": rows[..., :-1], "b": rows[..., -1]}
    n, d = p.n, 2 if family == "small integers, plane" else p.d
    top = 3 if family.startswith("small") else p.weight
    W, b = integers(top, n, d), integers(top, n)
    if family == "no bias":
        W, b = integers(9, n, d), draw.full(0.0, n)
    elif family == "low rank":
        below = xp.arange(d, device=dev)[None, :] < draw.integers(1, max(2, d))[:, None]
        W = xp.matmul(integers(9, n, d), xp.where(below[..., None], integers(9, d, d), draw.full(0.0, d, d)))
    kept = xp.arange(n, device=dev)[None, :] < draw.integers(1, n + 1)[:, None]
    W, b = _only(kept, W, b)
    return {"W": W, "b": b}


def _only(kept: Any, W: Any, b: Any) -> tuple[Any, Any]:
    """The units that are kept; the others are never active."""
    xp = namespace(W)
    W, b = xp.broadcast_arrays(W, b[..., None])[0], b + xp.zeros_like(W[..., 0])
    return xp.where(kept[..., None], W, xp.zeros_like(W)), xp.where(kept, b, -xp.ones_like(b))


def _disguise(draw: Any, W: Any, b: Any) -> dict[str, Any]:
    """The same arrangement moved by a vector of integers, each unit times a small integer."""
    xp = draw.xp
    shift = draw.whole(-3, 4, W.shape[-1], 1)
    factor = draw.choose((-3, -2, -1, 1, 2, 3), W.shape[1])
    return {"W": factor[..., None] * W, "b": factor * (b + xp.matmul(W, shift)[..., 0])}


@cache
def _acyclic_orientations(vertices: int, kept: tuple[bool, ...]) -> int:
    """Of the graph on 0, ..., vertices - 1 with those of the edges 01, 02, ... that are kept. An orientation without
    cycles of a set S has sources: by inclusion and exclusion over independent sets I of sources,
    a(S) = sum of (-1)^(|I| + 1) a(S - I)."""
    edges = {pair for pair, keep in zip(combinations(range(vertices), 2), kept, strict=True) if keep}

    @cache
    def count(left: tuple[int, ...]) -> int:
        total = 0 if left else 1
        for size in range(1, len(left) + 1):
            for chosen in combinations(left, size):
                if edges.isdisjoint(combinations(chosen, 2)):
                    total -= (-1) ** size * count(tuple(v for v in left if v not in chosen))
        return total

    return count(tuple(range(vertices)))


# ------------------------------------------------------------------------------------------- the check


def _layers(x: Any) -> list[list[Row]]:
    """The units of each layer as rows (w, b) of integers. Every float is an integer over a power of two, so that of one
    row the largest denominator is a common one."""
    found = []
    for W, b in zip(to_numpy(x["W"]).tolist(), to_numpy(x["b"]).tolist(), strict=True):
        rows = []
        for w, c in zip(W, b, strict=True):
            ratios = [v.as_integer_ratio() for v in (*w, c)]
            common = max(q for _, q in ratios)
            rows.append(tuple(v * (common // q) for v, q in ratios))
        found.append(rows)
    return found


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """Each is met (0) or not (-1), decided in exact integers."""
    xp, d = namespace(x["W"]), x["W"].shape[-1]
    met: dict[str, list[bool]] = {}
    for rows in _layers(x):
        planes = arrangements.hyperplanes(rows)
        essential = arrangements.essential(planes)
        within = arrangements.general_position(essential)
        # Normals of which every min(n, d) are independent have that rank.
        general = within and arrangements.rank(planes) == min(len(planes), d)
        for name, holds in (
            (GENERAL, general),
            (NOT_GENERAL, not general),
            (WITHIN_RANK, within),
            (NO_BIAS, bool(planes) and not any(plane[-1] for plane in planes)),
            (GENERIC_NORMALS, arrangements.generic_normals(essential)),
            (PLANE, d == 2),
            (ONE, len(planes) == 1),
        ):
            met.setdefault(name, []).append(holds)
    like = {"dtype": x["W"].dtype, "device": x["W"].device}
    margins = {name: xp.asarray([0.0 if v else -1.0 for v in values], **like) for name, values in met.items()}
    return {**margins, KNOWN: xp.astype(_closed(x) - 1, x["W"].dtype)}


def _closed(x: Any) -> Any:
    """The closed form, 0 where there is none."""
    if "closed" in x:
        return x["closed"]
    xp = namespace(x["W"])
    return xp.zeros(x["W"].shape[0], dtype=xp.int64, device=x["W"].device)


def _quantities(x: Any, found: Iterable[tuple[int, int, int, int]]) -> dict[str, Any]:
    """The named quantities from (regions, n, rank, count by vertices or 0) of each layer."""
    xp, d = namespace(x["W"]), x["W"].shape[-1]
    columns: dict[str, list[int]] = {}
    for regions, n, rank, by_vertices in found:
        for name, value in (
            ("regions", regions),
            ("planes", n),
            ("rank", rank),
            ("by_vertices", by_vertices),
            ("zaslavsky", zaslavsky(n, d)),
            ("by_rank", zaslavsky(n, rank)),
            ("central", central(n, rank)),
            ("truncated", zaslavsky(n, d - 1)),
        ):
            columns.setdefault(name, []).append(value)
    arrays = {name: xp.asarray(values, dtype=xp.int64, device=x["W"].device) for name, values in columns.items()}
    return {**arrays, "closed": _closed(x)}


def _by_vertices(lines: Sequence[Row]) -> int:
    """1 + n + the sum of m_v - 1, from the points in which pairs of distinct lines meet."""
    through: dict[tuple[int, int, int], set[Row]] = {}
    for one, two in combinations(lines, 2):
        (a, b, c), (e, f, g) = one, two
        if w := a * f - b * e:
            X, Y = b * g - c * f, c * e - a * g
            common = gcd(X, Y, w) if w > 0 else -gcd(X, Y, w)
            through.setdefault((X // common, Y // common, w // common), set()).update((one, two))
    return 1 + len(lines) + sum(len(lines) - 1 for lines in through.values())


def solve(p: Params, x: Any) -> dict[str, Any]:
    """Every layer by insertion and restriction, in Python integers on the host."""
    d = x["W"].shape[-1]
    layers = map(arrangements.hyperplanes, _layers(x))
    return _quantities(
        x,
        (
            (
                arrangements.regions(planes),
                len(planes),
                arrangements.rank(planes),
                _by_vertices(planes) if d == 2 else 0,
            )
            for planes in layers
        ),
    )


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same for one instance from its flats, in fractions: the sum of their Möbius numbers' magnitudes."""
    forms = [[Fraction(float(v)) for v in (*w, c)] for w, c in zip(x["W"][0], x["b"][0], strict=True)]
    levels = _flats([form for form in forms if any(form[:-1])])
    mu: dict[int, int] = {}
    for level in levels:
        for flat in level:
            mu[flat] = -sum(m for larger, m in mu.items() if larger & flat == larger) if mu else 1
    n = len(levels[1]) if len(levels) > 1 else 0
    by_vertices = 0
    if x["W"].shape[-1] == 2:
        hyperplanes = levels[1] if n else []
        points = levels[2] if len(levels) > 2 else []
        by_vertices = 1 + n + sum(sum(line & v == line for line in hyperplanes) - 1 for v in points)
    return _quantities(x, [(sum(map(abs, mu.values())), n, len(levels) - 1, by_vertices)])


def _flats(forms: list[list[Fraction]]) -> list[list[int]]:
    """The flats of each codimension, a flat as the set (bits) of the forms that are 0 on it."""
    level: dict[int, list[list[Fraction]]] = {0: forms}  # the forms as they are on the flat
    levels = []
    while level:
        levels.append(list(level))
        below: dict[int, list[list[Fraction]]] = {}
        for forms in level.values():
            for pivot in forms:
                k = next((j for j, v in enumerate(pivot[:-1]) if v), None)
                if k is None:
                    continue  # 0 on the flat, or never 0 on it
                on = [[v - form[k] / pivot[k] * u for u, v in zip(pivot, form, strict=True)] for form in forms]
                below.setdefault(sum(1 << i for i, form in enumerate(on) if not any(form)), on)
        level = below
    return levels


# ------------------------------------------------------------------------------------------- what changes no count


def permute(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The units in another order."""
    n = x["W"].shape[1]
    order = draw.shared.subset(n, n)[0, :]
    take = namespace(x["W"]).take
    return {**x, "W": take(x["W"], order, axis=1), "b": take(x["b"], order, axis=1)}


def scale(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Every unit times a positive or negative number."""
    factor = draw.choose((-3.0, -0.25, 0.5, 5.0), x["W"].shape[1])
    return {**x, "W": factor[..., None] * x["W"], "b": factor * x["b"]}


def shear(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The inputs in other coordinates: the last one is added to each of them."""
    return {**x, "W": x["W"] + x["W"][..., -1:]}


THEOREM = Theorem(
    "zaslavsky_regions",
    "One ReLU layer has at most Z(n, d) regions, and exactly so many in general position",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    families={
        "generic": "integer weights, large enough to be in general position almost always",
        "small integers": "weights from -3 to 3: parallel and concurrent hyperplanes among them",
        "small integers, plane": "the same with two inputs",
        "three lines": "three units of two inputs: by hand x = 0, y = 0 and x + y + 1 = 0, seven regions",
        "no bias": "hyperplanes through the origin, weights from -9 to 9",
        "low rank": "weights of a rank below d",
        **{name: aim for name, (_, aim) in LISTED.items()},
        "graphs": "the braid hyperplanes of the edges of a random graph",
    },
    instances=5000,
    claims=(
        Claim("at most Z(n, d)", Count(), "regions", Z, source=LAYER),
        Claim("general position: Z(n, d)", Count(), "regions", Z, (GENERAL,), "==", source=MAXIMUM),
        Claim("fewer where not", Count(), "regions", Formula("zaslavsky - 1"), (NOT_GENERAL,), source=MAXIMUM),
        Claim("at most Z(n, rank)", Count(), "regions", Formula("by_rank")),
        Claim("general position within the rank", Count(), "regions", Formula("by_rank"), (WITHIN_RANK,), "=="),
        Claim("no bias: at most 2 Z(n - 1, rank - 1)", Count(), "regions", Formula("central"), (NO_BIAS,)),
        Claim(
            "no bias, generic normals: exactly so many",
            Count(),
            "regions",
            Formula("central"),
            (NO_BIAS, GENERIC_NORMALS),
            "==",
        ),
        Claim("in the plane, by the vertices", Count(), "regions", Formula("by_vertices"), (PLANE,), "=="),
        Claim("closed forms", Count(), "regions", Formula("closed"), (KNOWN,), "==", source=CLASSICAL),
        Claim(
            "slide: each unit divides the space in two",
            Count(),
            "regions",
            Formula("2"),
            (ONE,),
            "==",
            origin="giryes2019",
            source=SLIDE,
        ),
        misreading(
            "slide: each layer divides the space in two",
            Count(),
            "regions",
            Formula("2"),
            (),
            source=SLIDE,
            grade="loose",
            reading="a layer with ReLU, of any number of units, divides the space by one hyperplane: into two regions",
            because="every unit has a hyperplane of its own",
            holds_when="read unit for layer: n units divide the space by n hyperplanes",
        ),
        control(
            "2^n regions",
            Count(),
            "regions",
            Formula("2**planes"),
            (GENERAL,),
            "not every activation pattern occurs when n > d: three lines make 7 regions",
            "==",
        ),
        control(
            "2n regions in the plane",
            Count(),
            "regions",
            Formula("2 * planes"),
            (GENERAL, PLANE),
            "that counts the regions that are not bounded: three lines make 6 of them and a triangle",
            "==",
        ),
        control(
            "at most Z(n, d - 1)",
            Count(),
            "regions",
            Formula("truncated"),
            (GENERAL,),
            "the sum ends one term too early: it leaves out a region for each point in which d hyperplanes meet",
        ),
        control(
            "one region fewer",
            Count(),
            "regions",
            Formula("zaslavsky - 1"),
            (GENERAL,),
            "general position attains Z(n, d)",
        ),
        control(
            "Z(n, d) without bias",
            Count(),
            "regions",
            Z,
            (NO_BIAS, GENERIC_NORMALS),
            "all the hyperplanes meet in the origin: six lines through it make 12 regions, not 22",
            "==",
        ),
        control(
            "Z(n, d) in any position",
            Count(),
            "regions",
            Z,
            (),
            "parallel and concurrent hyperplanes make fewer regions: two parallel lines make 3, not 4",
            "==",
        ),
    ),
    sources=(
        Source(ZASLAVSKY1975, "Theorem A", "from memory: (f), and the count in general position"),
        MAXIMUM,
        CLASSICAL,
        LAYER,
        SLIDE,
        Source(OURS, "(a) to (e), above", "known; the proof is given so that the page needs nothing else"),
    ),
    symbols={
        "regions": ("r", "number of regions"),
        "planes": ("n", "number of distinct hyperplanes"),
        "rank": ("R", "rank of the weights"),
        "zaslavsky": (r"\mathrm{Z}(n,d)", "the largest number of regions of n hyperplanes"),
        "by_rank": (r"\mathrm{Z}(n,R)", "the largest number when the weights have rank R"),
        "central": (r"2\,\mathrm{Z}(n-1,R-1)", "the largest number without biases; 1 for n = 0"),
        "truncated": (r"\mathrm{Z}(n,d-1)", "the sum without its last term"),
        "by_vertices": (r"1+n+\sum_v(m_v-1)", "the count of the plane from its vertices; 0 in other dimensions"),
        "closed": (r"r_{\mathrm{closed}}", "closed form of the classical arrangement; 0 where there is none"),
    },
    figures=(
        Figure(
            "share",
            "ratio",
            ("at most Z(n, d)",),
            "The regions as a share of Z(n, d) against the number of hyperplanes: 1 in general position, and less with "
            "every parallel or concurrent set.",
            x="distinct hyperplanes n",
            y="r / Z(n, d)",
            against="planes",
        ),
        Figure(
            "regions",
            "cloud",
            ("at most Z(n, d)", "at most Z(n, rank)"),
            "The number of regions against the bounds by dimension and by rank; on the diagonal in general position.",
            x="bound",
            y="regions r",
        ),
    ),
    invariances={"permute units": permute, "scale units": scale, "change coordinates": shear},
    not_tested=("layers after the first", "the closed forms above order 5"),
)
