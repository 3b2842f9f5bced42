r"""Covering numbers: internal, external and packing, and what a bound $`(C/\varepsilon)^k`$ can and cannot say.

Let $`A`$ be a totally bounded subset of a metric space $`X`$ and $`\varepsilon>0`$. $`N_{ext}(\varepsilon)`$ is the
least number of closed balls of radius $`\varepsilon`$ with centres in $`X`$ that cover $`A`$,
$`N_{int}(\varepsilon)`$ the same with centres in $`A`$, and $`P(\varepsilon)`$ the greatest number of points of $`A`$
with pairwise distances greater than $`\varepsilon`$.

**Theorem.** (a) None of the three increases with $`\varepsilon`$, and

```math
P(2\varepsilon)\le N_{ext}(\varepsilon)\le N_{int}(\varepsilon)\le P(\varepsilon),\qquad
N_{int}(2\varepsilon)\le N_{ext}(\varepsilon).
```

(b) The unit circle in the plane has, for $`\varepsilon<2`$, for $`\varepsilon<1`$ and for $`\varepsilon<2`$,

```math
N_{int}=\Bigl\lceil\frac\pi{2\arcsin(\varepsilon/2)}\Bigr\rceil,\quad
N_{ext}=\Bigl\lceil\frac\pi{\arcsin\varepsilon}\Bigr\rceil,\quad
P=\Bigl\lceil\frac\pi{\arcsin(\varepsilon/2)}\Bigr\rceil-1,
```

and 1 from there on; and $`N_{int}(\varepsilon)\le3\sqrt2/\varepsilon`$ for all $`\varepsilon\le2`$. (c) A subset of the
unit ball of $`\mathbb R^k`$ has $`P(\varepsilon)\le(1+2/\varepsilon)^k`$. The whole numbers of a ball of radius
$`R`$ in the plane have $`N_{ext}(\varepsilon)\ge\bigl((R-\tfrac12\sqrt2)/(\varepsilon+\tfrac12\sqrt2)\bigr)^2`$. (d)
With $`x=n/(2h+1)\ge1`$, squares of side $`2h+1`$ cover the discrete torus $`(\mathbb Z/n)^2`$ in the numbers
$`\lceil x\lceil x\rceil\rceil\le N\le\lceil x\rceil^2`$.

*Proof.* (a) A ball of radius $`\varepsilon`$ holds at most one of points more than $`2\varepsilon`$ apart. The points
of a largest packing cover, as no further one fits. A ball that meets $`A`$ lies in the ball of twice the radius about
one of its points of $`A`$. (b) A ball about a point of the circle cuts out an arc of $`4\arcsin(\varepsilon/2)`$, any
ball of radius $`\varepsilon<1`$ at most one of $`2\arcsin\varepsilon`$, and arcs of one length that add up to the
circle cover it. $`P`$ counts the corners of the largest regular polygon with sides above $`\varepsilon`$. For
$`2\sin\frac\pi{2(n+1)}\le\varepsilon<2\sin\frac\pi{2n}`$ the circle has $`N_{int}=n+1`$, so
$`\varepsilon N_{int}`$ stays below $`2(n+1)\sin\frac\pi{2n}`$, which is largest for $`n=2`$: $`3\sqrt2`$. (c) Balls
of radius $`\varepsilon/2`$ about a packing are disjoint, in the ball of radius $`1+\varepsilon/2`$. Every point of the
ball of radius $`R-\frac12\sqrt2`$ has a whole number within $`\frac12\sqrt2`$, so balls of radius
$`\varepsilon+\frac12\sqrt2`$ cover it: compare areas.
(d) Each of the $`n`$ rows needs $`\lceil x\rceil`$ of the squares, and a square meets $`2h+1`$ rows; $`\lceil x\rceil`$
intervals cover each side. $`\square`$

**How it is checked.** Finite sets by integer programs whose answers are proved by weights in whole numbers, distances
compared in whole numbers. The circle by the corners of a regular polygon: their covers by balls about points of the
circle, and covers that reach half a side farther, enclose its numbers; chords are compared exactly.

**Sharp.** All of (a) are equalities for a single point, (d) below for $`n=7`$, $`h=1`$: 7 squares, not 9. The constant
$`3\sqrt2`$ is approached from below at $`\varepsilon=\sqrt2`$. The exponent of the first
bound of (c) is needed for 19 points of the triangular lattice, which is the densest packing; for 1.8 in place of the 2
it takes more than a hundred. Of the bound by area nothing is lost for large $`R`$ and $`\varepsilon=R`$, where one ball
is enough: 1.1 times as much is false, but not before $`R=30`$. The half diagonal of
$`R`$ may be dropped, $`N\ge(R/(\varepsilon+\frac12\sqrt2))^2`$ for whole $`R\ge2`$ and whole centres: one ball has
$`\varepsilon\ge R`$; two or three have $`\varepsilon\ge R/\sqrt2`$, as one of them holds two of $`(\pm R,0)`$,
$`(0,\pm R)`$; more have, like all coverings of a convex set by two discs or more, a density of at least
$`2\pi/\sqrt{27}=1.2092`$ (Fejes Toth), which is enough from $`R=8`$ on, and below it is enough to count points (a
test). The half diagonal of $`\varepsilon`$ may be divided by 1.1: for $`\varepsilon<\frac12`$ every point needs its own
ball, and they are at least $`\pi(R-\frac12\sqrt2)^2`$; from there on the density is enough.

**What the documents say.** The slides: $`N_{\gamma/2}(\Upsilon)`$ gets smaller as $`\gamma`$ gets larger. So it does,
or it stays. The bound $`(C_M/\varepsilon)^k`$ of the paper behind them, for a $`k`$-dimensional manifold $`M`$, cannot
hold for all $`\varepsilon`$: it is below 1 once $`\varepsilon>C_M`$, and no covering number is. Which centres are
allowed has to be said: at $`\varepsilon=\frac12`$ the circle needs 7 balls about its points, and 6 otherwise.

Kind: exact counts, and inequalities for every instance.

**Not covered.** The constants $`C_M`$ of other manifolds; covering numbers of data.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import lru_cache
from typing import Any

from pydantic import Field

from theorems.bibliography import GIRYES2019, KOLMOGOROV1959, OURS, SOKOLIC2017
from verify import Claim, Count, Every, Figure, Formula, Parameters, Sharper, Source, Theorem, control
from verify.core.arrays import namespace, to_numpy
from verify.kit import covers

SLIDE = Source(GIRYES2019, "slides on the generalisation error and the input margin: the covering number")
CLASSICAL = Source(KOLMOGOROV1959, "Theorem IV", "from memory; proved on this page")
PLANE, BALL, TORUS, CIRCLE = "points of the plane", "whole numbers of a ball", "discrete torus", "circle"
INSIDE = "points of a ball"
SHORT, FINE = "radius <= 2", "polygon fine enough"
STEP, HEIGHT = 194, 168  # of a triangular lattice: 97^2 + 168^2 = 37633, and 194^2 = 37636
RADII = (0.5, 0.8, 1.0, 1.2, 1.4, 1.41421, 2.0, 5.0)


class Params(Parameters):
    """The sizes."""

    points: int = Field(7, ge=1, le=12, description="points of the random sets")
    centres: int = Field(5, ge=0, le=12, description="further points that may be centres")
    ball: int = Field(3, ge=2, le=5, description="largest radius of the balls of whole numbers")
    torus: int = Field(7, ge=3, le=9, description="largest side of a torus")
    corners: int = Field(31, ge=8, le=60, description="corners of the polygon in the circle")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """points (B, N, 2) with inside (B, N), 1 for those of A, the square of the radius, the side of the torus and the
    radius of the ball or 0, and whether A is all whole numbers of that ball, (B,); for the circle its
    radius and corners (B,). Floats; the points and the sides are whole."""
    xp, dtype, dev = draw.xp, draw.backend.float, draw.backend.device
    if family == "circle":
        radius = xp.where(draw.coin() > 0, draw.choose(RADII), draw.uniform(low=0.3, high=2.2))
        return {"radius": radius, "corners": draw.full(float(p.corners))}

    zero = draw.full(0.0)
    if family == "plane":
        inside = xp.asarray([[1.0] * p.points + [0.0] * p.centres], dtype=dtype, device=dev)
        points = draw.whole(0, 7, p.points + p.centres, 2)
        return {"points": points, "inside": inside, "square": draw.whole(1, 13), "side": zero, "ball": zero,
                "full": zero}  # fmt: skip
    if family == "around a centre":
        cross = xp.asarray([[[1.0, 0], [-1, 0], [0, 1], [0, -1], [0, 0]]], dtype=dtype, device=dev)
        points = cross * (1 + draw.coin() * draw.whole(1, 4))[:, None, None]
        square = xp.sum(points[:, 0, :] ** 2, axis=-1)
        inside = xp.asarray([[1.0, 1, 1, 1, 0]], dtype=dtype, device=dev)
        return {"points": points, "inside": inside, "square": square, "side": zero, "ball": zero,
                "full": zero}  # fmt: skip
    if family == "triangles":
        lattice = xp.asarray([_hexagon(2)], dtype=dtype, device=dev)
        points = xp.where(draw.coin()[:, None, None] > 0, lattice, xp.flip(lattice, axis=-1))
        rings, far = draw.choose((0.0, 1.0, 2.0, 2.0)), xp.max(xp.sum(lattice**2, axis=-1), axis=-1)
        within = xp.sum(points**2, axis=-1) <= (1.01 * (rings * STEP) ** 2)[:, None]
        return {"points": xp.where(within[..., None], points, 0 * points), "inside": draw.full(1.0, points.shape[1]),
                "square": draw.whole(37000, STEP**2 - 3), "side": zero, "ball": xp.sqrt(far) + zero,
                "full": zero}  # fmt: skip
    if family in ("balls", "small radii"):
        R = draw.whole(2, p.ball + 1)
        grid = _grid(-p.ball, p.ball)
        square = xp.floor(1 + draw.uniform() * R**2)
        square = xp.where(draw.uniform() < 0.1, 10**4 * R**2, square)  # one ball is far too large
        if family == "small radii":
            square = draw.choose((2.0**-10, 2.0**-4))
        points = xp.asarray([grid], dtype=dtype, device=dev)
        within = xp.sum(points**2, axis=-1) <= (R**2)[:, None]
        return {"points": xp.where(within[..., None], points, 0 * points), "inside": draw.full(1.0, len(grid)),
                "square": square, "side": zero, "ball": R, "full": zero + 1}  # fmt: skip
    n = draw.whole(3, p.torus + 1)
    points = xp.asarray([_grid(0, p.torus - 1)], dtype=dtype, device=dev)
    within = xp.max(points, axis=-1) < n[:, None]
    h = draw.whole(1, 3) * xp.astype(n >= 5, dtype)
    h = xp.where(n >= 5, h, zero + 1)
    return {"points": xp.where(within[..., None], points, 0 * points), "inside": draw.full(1.0, p.torus**2),
            "square": h**2, "side": n, "ball": zero, "full": zero}  # fmt: skip


def _hexagon(rings: int) -> list[list[float]]:
    """The points of a triangular lattice around 0, all but exactly: in whole numbers."""
    steps = range(-rings, rings + 1)
    return [[STEP * a + STEP / 2 * b, float(HEIGHT * b)] for a in steps for b in steps if abs(a + b) <= rings]


def _grid(low: int, high: int) -> list[list[float]]:
    return [[float(a), float(b)] for a in range(low, high + 1) for b in range(low, high + 1)]


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """Of which kind the set is, and what the statements about the circle need."""
    if "radius" in x:
        xp, zero = namespace(x["radius"]), 0 * x["radius"]
        squares, n = _squares(x["radius"]), int(x["corners"][0])
        fine = [covers.chord_at_most(Fraction(1, n), square) for square in squares]
        margin = xp.asarray([0.0 if f else -1.0 for f in fine], dtype=zero.dtype, device=zero.device)
        kind = dict.fromkeys((PLANE, INSIDE, BALL, TORUS), zero - 1)
        return {**kind, CIRCLE: zero, SHORT: 2 - x["radius"], FINE: margin}
    missed = 0 * x["square"] - 1
    xp = namespace(missed)
    flat = xp.where((x["side"] == 0) & (x["ball"] == 0), 0 * missed, missed)
    no_circle = dict.fromkeys((CIRCLE, SHORT, FINE), missed)
    return {PLANE: flat, INSIDE: x["ball"] - 1, BALL: x["full"] - 1, TORUS: x["side"] - 1, **no_circle}


# ------------------------------------------------------------------------------------------- the check


def _squares(radius: Any) -> list[Fraction]:
    """The squares of the radii, exactly as the floats have them."""
    return [Fraction(float(r)) ** 2 for r in to_numpy(radius)]


def _near(x: Any, scale: int) -> list[tuple[Any, Any]]:
    """Of each instance, which points of A are within ``scale`` radii of which points of X, and which points are A."""
    import numpy as np

    points = to_numpy(x["points"]).astype(np.int64)
    apart = np.abs(points[:, :, None, :] - points[:, None, :, :])
    side = to_numpy(x["side"]).astype(np.int64)[:, None, None]
    around = np.minimum(apart, side[..., None] - apart).max(axis=-1) ** 2
    squared = np.where(side > 0, around, (apart**2).sum(axis=-1))
    near = squared <= np.floor(scale**2 * to_numpy(x["square"])).astype(np.int64)[:, None, None]
    inside = np.broadcast_to(to_numpy(x["inside"]) > 0, points.shape[:2])
    return [(matrix[rows], rows) for matrix, rows in zip(near, inside, strict=True)]


Counter = Callable[[Any], int]


@lru_cache(maxsize=4096)
def _counted(counter: Counter, rows: bytes, shape: tuple[int, int]) -> int:
    import numpy as np

    return counter(np.frombuffer(rows, dtype=bool).reshape(shape))


def _remember(counter: Counter) -> Counter:
    """The same count, and no matrix twice: small balls and tori come again and again."""
    return lambda near: _counted(counter, near.tobytes(), near.shape)


def _cover(near: Any) -> int:
    return len(covers.smallest_cover(near))


def _packing(near: Any) -> int:
    return len(covers.largest_packing(near))


def _finite(x: Any, cover: Counter, packing: Counter) -> list[dict[str, int]]:
    """The numbers of each finite set."""
    found = []
    for (near, rows), (wide, _) in zip(_near(x, 1), _near(x, 2), strict=True):
        found.append(
            {
                "external": cover(near),
                "internal": cover(near[:, rows]),
                "internal_wide": cover(wide[:, rows]),
                "packing": packing(near[:, rows]),
                "packing_wide": packing(wide[:, rows]),
            }
        )
    return found


def _on_the_circle(square: Fraction, n: int, cover: Counter, packing: Counter) -> dict[str, int]:
    """The numbers of the corners of a regular polygon, and those that enclose the numbers of the circle."""
    import numpy as np

    steps = np.abs(np.arange(n)[:, None] - np.arange(n))
    steps = np.minimum(steps, n - steps)

    def within(extra: Fraction, scale: int = 1) -> Any:
        """Which corners are within the radius of one another when the arc between them is ``extra`` steps longer."""
        chords = [covers.chord_at_most(min((j + extra) / n, Fraction(1, 2)), scale**2 * square)
                  for j in range(n // 2 + 1)]  # fmt: skip
        return np.asarray(chords)[steps]

    def runs(turn: Fraction, limit: Fraction, spare: int) -> Any:
        """The corners in arcs that begin at a corner: as many as an arc holds of which ``turn`` times the number of
        its steps has a chord within ``limit``, with ``spare`` steps left over."""
        w = max((j for j in range(n) if covers.chord_at_most(min(j * turn, Fraction(1, 2)), limit)), default=0)
        width = min(max(w - spare, 0) + 1, n)
        offsets = (np.arange(n)[:, None] - np.arange(n)) % n
        return offsets < width

    everything = np.ones((n, 1), dtype=bool)
    ball, disc = Fraction(1, 2 * n), Fraction(1, n)
    zero, half, one = Fraction(0), Fraction(1, 2), Fraction(1)
    return {
        "internal": cover(within(zero)),
        "external": cover(everything if square >= 1 else runs(disc, 4 * square, 0)),
        "internal_wide": cover(within(zero, 2)),
        "packing": packing(within(zero)),
        "packing_wide": packing(within(zero, 2)),
        "internal_low": cover(runs(ball, square, 0)),
        "internal_high": cover(within(half)),
        "external_high": cover(everything if square >= 1 else runs(disc, 4 * square, 1)),
        "packing_high": packing(within(one)),
    }


def _quantities(x: Any, found: Iterable[dict[str, int]], circle: Iterable[tuple[int, int, int]]) -> dict[str, Any]:
    """The named quantities from the counts and the closed forms of each instance."""
    like = x["radius"] if "radius" in x else x["square"]
    xp = namespace(like)
    names = ("external", "internal", "internal_wide", "packing", "packing_wide", "internal_low", "internal_high",
             "external_high", "packing_high")  # fmt: skip
    found = list(found)
    columns = {name: [row.get(name, 0) for row in found] for name in names}
    for place, name in enumerate(("circle_internal", "circle_external", "circle_packing")):
        columns[name] = [row[place] for row in circle] if "radius" in x else [0] * len(found)
    columns["torus_low"], columns["torus_high"] = zip(*_torus(x, len(found)), strict=True)
    arrays = {name: xp.asarray(v, dtype=xp.int64, device=like.device) for name, v in columns.items()}
    if "radius" in x:
        return {**arrays, "greedy_low": 0 * arrays["external"], "greedy_high": 0 * arrays["external"],
                "radius": x["radius"], "R": 0 * x["radius"]}  # fmt: skip
    A = xp.where(x["inside"][..., None] > 0, x["points"], x["points"][:, :1, :])
    low, high = covers.greedy_sandwich(A, x["square"])
    return {**arrays, "greedy_low": low, "greedy_high": high, "radius": xp.sqrt(x["square"]), "R": x["ball"]}


def _torus(x: Any, size: int) -> list[tuple[int, int]]:
    """The bounds of (d), 0 where the set is no torus."""
    if "radius" in x:
        return [(0, 0)] * size
    pairs = zip(to_numpy(x["side"]), to_numpy(x["square"]), strict=True)
    return [covers.torus_bounds(int(n), math.isqrt(int(s)), 2) if n else (0, 0) for n, s in pairs]


def solve(p: Params, x: Any) -> dict[str, Any]:
    """Integer programs, proved, and closed forms decided exactly; on the host."""
    cover, packing = _remember(_cover), _remember(_packing)
    if "radius" not in x:
        return _quantities(x, _finite(x, cover, packing), ())
    n, squares = int(x["corners"][0]), _squares(x["radius"])
    forms = [(covers.circle_internal(s), covers.circle_external(s), covers.circle_packing(s)) for s in squares]
    return _quantities(x, (_on_the_circle(s, n, cover, packing) for s in squares), forms)


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same for one instance without integer programs: the size that weights and branching prove from below and
    from above, starting from what choices in turn give; the formulas of the circle in ball arithmetic."""
    from flint import arb, fmpq

    def cover(near: Any) -> int:
        left, found = near, 0
        while len(left):
            left, found = left[~left[:, left.sum(axis=0).argmax()]], found + 1
        return next(t for t in range(found, -1, -1) if covers.needs(near, t))

    def packing(near: Any) -> int:
        chosen: list[int] = []
        for point, row in enumerate(near):
            if not row[chosen].any():
                chosen.append(point)
        return next(t for t in range(len(chosen), len(near) + 1) if covers.fits(near, t))

    if "radius" not in x:
        return _quantities(x, _finite(x, cover, packing), ())

    def ceiling(value: Any) -> int:
        """Of a number that is whole where its ball holds a whole number."""
        return int(value.unique_fmpz() if value.unique_fmpz() is not None else value.ceil().unique_fmpz())

    (square,) = _squares(x["radius"])
    chord, pi = arb(fmpq(square.numerator, square.denominator)).sqrt(), arb.pi()
    forms = (
        1 if square >= 4 else ceiling(pi / (2 * (chord / 2).asin())),
        1 if square >= 1 else ceiling(pi / chord.asin()),
        1 if square >= 4 else ceiling(pi / (chord / 2).asin()) - 1,
    )
    return _quantities(x, [_on_the_circle(square, int(x["corners"][0]), cover, packing)], [forms])


def exchange(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The two coordinates exchanged; the circle as it is."""
    return x if "radius" in x else {**x, "points": namespace(x["points"]).flip(x["points"], axis=-1)}


def move(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """All points moved by three; the circle as it is."""
    return x if "radius" in x else {**x, "points": x["points"] + 3}


REGULAR = Formula("3 * sqrt(2) / radius")

THEOREM = Theorem(
    "covering_manifold",
    "Covering numbers: internal, external and packing, and what (C/eps)^k can say",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    families={
        "plane": "whole numbers in a square, some of them only centres",
        "around a centre": "four points around one that is not of the set",
        "balls": "all whole numbers in a ball of the plane",
        "small radii": "the same balls with radii below 1/2: every point needs its own",
        "triangles": "up to 19 points of a triangular lattice, the densest packing, in a ball",
        "tori": "discrete tori with squares",
        "circle": "radii by hand, at which the formulas jump, and others",
    },
    shares={"around a centre": 0.25, "balls": 0.25, "small radii": 0.1, "triangles": 0.1, "tori": 0.25},
    instances=450,
    batch=100,
    claims=(
        Claim("P(2 eps) <= N_ext", Count(), "packing_wide", Formula("external"), source=CLASSICAL),
        Claim("N_ext <= N_int", Count(), "external", Formula("internal"), source=CLASSICAL),
        Claim("N_int <= P", Count(), "internal", Formula("packing"), source=CLASSICAL),
        Claim("N_int(2 eps) <= N_ext", Count(), "internal_wide", Formula("external"), source=CLASSICAL),
        Claim(
            "slide: fewer balls of a larger radius",
            Count(),
            "internal_wide",
            Formula("internal"),
            origin="giryes2019",
            source=SLIDE,
        ),
        Claim("greedy choices: not more than N_ext", Count(), "greedy_low", Formula("external"), (PLANE,)),
        Claim("greedy choices: not fewer than N_int", Count(), "internal", Formula("greedy_high"), (PLANE,)),
        Claim("circle, N_int from below", Count(), "internal_low", Formula("circle_internal"), (CIRCLE,)),
        Claim("circle, N_int from above", Count(), "circle_internal", Formula("internal_high"), (CIRCLE, FINE)),
        Claim("circle, N_ext from below", Count(), "external", Formula("circle_external"), (CIRCLE,)),
        Claim("circle, N_ext from above", Count(), "circle_external", Formula("external_high"), (CIRCLE, FINE)),
        Claim("circle, P from below", Count(), "packing", Formula("circle_packing"), (CIRCLE,)),
        Claim("circle, P from above", Count(), "circle_packing", Formula("packing_high"), (CIRCLE, FINE)),
        Claim("circle: 3 sqrt 2 / eps", Every(), "circle_internal", REGULAR, (CIRCLE, SHORT)),
        Claim("ball: (1 + 2/eps)^2", Every(), "packing", Formula("(1 + 2 * R / radius)**2"), (INSIDE,)),
        Claim(
            "ball: by area",
            Every(),
            "external",
            Formula("((R - sqrt(2) / 2) / (radius + sqrt(2) / 2))**2"),
            (BALL,),
            relation=">=",
        ),
        Claim("torus: row by row", Count(), "external", Formula("torus_low"), (TORUS,), relation=">="),
        Claim("torus: side by side", Count(), "external", Formula("torus_high"), (TORUS,)),
        control(
            "the factor two left out",
            Count(),
            "packing",
            Formula("external"),
            (),
            "a ball may hold many points that are more than its radius apart",
        ),
        control(
            "centres outside never help",
            Count(),
            "internal",
            Formula("external"),
            (),
            "four points around one that is not of the set",
        ),
        control(
            "circle: the external formula for internal centres",
            Count(),
            "internal_low",
            Formula("circle_external"),
            (CIRCLE,),
            "at 1/2 the one says 7 and the other 6",
        ),
        control(
            "circle: 3 sqrt 2 / eps for all eps",
            Every(),
            "circle_internal",
            REGULAR,
            (CIRCLE,),
            "below 1 for large radii, and no set is covered by less than one ball",
        ),
        control(
            "circle: 4 / eps",
            Every(),
            "circle_internal",
            Formula("4 / radius"),
            (CIRCLE, SHORT),
            "just below the root of two three balls are needed",
        ),
        control(
            "torus: nothing beats a product",
            Count(),
            "external",
            Formula("torus_high"),
            (TORUS,),
            "seven squares of side 3 cover the torus of side 7, and 3 times 3 intervals are 9",
            relation=">=",
        ),
    ),
    sources=(
        CLASSICAL,
        Source(SOKOLIC2017, "on the covering numbers of manifolds", "from memory: the form (C_M / eps)^k"),
        SLIDE,
        Source(OURS, "(a) to (d), above", "known; the proofs are given so that the page needs nothing else"),
    ),
    symbols={
        "external": (r"N_{ext}(\varepsilon)", "balls with centres anywhere; of the corners in the circle's family"),
        "internal": (r"N_{int}(\varepsilon)", "balls with centres in the set"),
        "internal_wide": (r"N_{int}(2\varepsilon)", "the same with twice the radius"),
        "packing": (r"P(\varepsilon)", "largest packing"),
        "packing_wide": (r"P(2\varepsilon)", "largest packing at twice the distance"),
        "greedy_low": (r"G(2\varepsilon)", "points chosen as far as possible until all are within twice the radius"),
        "greedy_high": (r"G(\varepsilon)", "the same until all are within the radius"),
        "internal_low": (r"N_{-}", "balls about points of the circle that cover the corners of the polygon"),
        "internal_high": (r"N_{+}", "balls about corners that cover the circle, half a side farther"),
        "external_high": (r"N_{ext,+}", "balls anywhere that cover the circle, a side farther"),
        "packing_high": (r"P_{+}", "largest packing of corners at a distance smaller by a side"),
        "circle_internal": (r"\lceil\pi/(2\arcsin(\varepsilon/2))\rceil", "internal covering number of the circle"),
        "circle_external": (r"\lceil\pi/\arcsin\varepsilon\rceil", "external covering number of the circle"),
        "circle_packing": (r"\lceil\pi/\arcsin(\varepsilon/2)\rceil-1", "packing number of the circle"),
        "radius": (r"\varepsilon", "radius"),
        "R": ("R", "radius of the ball"),
        "torus_low": (r"\lceil x\lceil x\rceil\rceil", "squares needed by the rows"),
        "torus_high": (r"\lceil x\rceil^2", "squares in rows and columns"),
    },
    figures=(
        Figure(
            "circle",
            "ratio",
            ("circle: 3 sqrt 2 / eps", "circle: 3 sqrt 2 / eps for all eps"),
            "The internal covering number of the circle as a share of 3 sqrt 2 / eps: close to 1 just below the "
            "root of two, and above 1 for radii above 3 sqrt 2.",
            x="radius",
            y="N_int eps / (3 sqrt 2)",
            against="radius",
        ),
        Figure(
            "chain",
            "cloud",
            ("P(2 eps) <= N_ext", "N_ext <= N_int", "N_int <= P"),
            "The chain of (a) on all families.",
            x="bound",
            y="measured",
        ),
    ),
    sharper=(
        Sharper(
            "ball: by area",
            "two discs or more that cover a convex set have a density of 2 pi / sqrt(27) = 1.2092 (Fejes Toth)",
            Formula("max(1, 1.2092 * ((R - sqrt(2) / 2) / (radius + sqrt(2) / 2))**2 - 0.2092)"),
        ),
        *(
            Sharper("ball: by area", "a tenth less of the half diagonal, once: see Sharp", Formula(f"({less})**2"))
            for less in (
                "(R - sqrt(2) / 2.2) / (radius + sqrt(2) / 2)",
                "(R - sqrt(2) / 2) / (radius + sqrt(2) / 2.2)",
            )
        ),
    ),
    survivors={
        f"circle, N_int from below: without {CIRCLE!r}": "where the set is no circle 0 stands on both sides",
        "ball: by area: sqrt(2) / 2 dropped from R*": "(R / (eps + sqrt(2)/2))^2 bounds it too, see Sharp",
        f"torus: row by row: without {TORUS!r}": "where the set is no torus the right side is 0",
        "torus: row by row: the relation turned round": "in the plane it is an equality (McEliece and Taylor)",
    },
    invariances={"exchange coordinates": exchange, "move": move},
    not_tested=("sets of more than a hundred points", "dimensions above two"),
)
