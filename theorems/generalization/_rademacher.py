r"""Rademacher complexity of ReLU networks: the instances and what the two theorems measure.

For points $`x_1,\dots,x_m`$ and depth $`d`$ the *complexity* is $`\mathbb E_\xi\sup_f|\sum_i\xi_if(x_i)|`$ over
networks of d weight layers without biases, of any widths, whose Frobenius norms multiply to 1: m times the empirical
Rademacher complexity, with the magnitude inside. All 2^m signs are gone through where m is small, elsewhere they are
drawn.
"""

from __future__ import annotations

import math
from typing import Any

from pydantic import Field

from verify import Parameters
from verify.core.arrays import eps, namespace, norm2
from verify.core.enclosure import Enclosure
from verify.kit import rademacher

WIDTH, ASCENT = 6, 40  # neurons and steps of the search among deeper networks
ITERATIONS = 120
MOST = 9  # points whose signs are all gone through, in the plane; six elsewhere
SCALE = 2**14  # an operator-norm witness is a matrix of whole numbers over this
ALL, DRAWN, TWO, SHORT_NORM = "all signs", "signs drawn", "two layers", "W made for the signs, |W|_2 <= 1"
ONE_POINT, DOMINATING, PLANE, CIRCLE, TRIPLE = "one point", "a dominating point", "plane", "circle", "three points"
SPACE, LINEAR, MANY, OPERATOR = "space", "one layer", "many points", "operator norm"
THREE, SIX, ONE_POINT_DEEP = "three layers", "six layers", "one point, twelve layers"
ONE_LAYER, LONG = "one point, one layer", "many points, one long"
DEPTHS = {LINEAR: 1, SPACE: 2, THREE: 3, SIX: 6}


class Params(Parameters):
    """The sizes."""

    D: int = Field(4, ge=2, le=32, description="dimension of the points in the families that are not of the plane")
    many: int = Field(40, ge=10, le=1000, description="points of the plane whose signs are drawn")
    directions: int = Field(80, ge=2, le=512, description="dimension in the family of the operator norm")
    signs: int = Field(600, ge=2, le=20000, description="points in the family of the operator norm")


def points(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """The instance of a family.

    x (B, m, D), shared in the family with the operator norm; signs xi (B, m); depth d (B,); a width (B,) that limits
    nothing; a network W (B, h, D), w (B, h), all 0 where there is none; counts (B, m) of the points in a sample.
    """
    xp = draw.xp
    if family == OPERATOR:
        x, xi = draw.shared.sign(p.signs, p.directions), draw.sign(p.signs)
        W = rademacher.follow_with_operator_norm_one(x, xi, 2)
        # A little smaller, so that rounding to whole numbers keeps the norm below 1; the hypothesis checks it exactly.
        W = xp.round(W * (SCALE * (1 - 2**-8))) / SCALE
        return instance(draw, x, 2.0, xi=xi, W=W)
    if family in (ONE_POINT, ONE_POINT_DEEP):
        x = draw.whole(1, 10, 1, 2)
        return instance(draw, x, 2.0 if family == ONE_POINT else 12.0)
    if family == ONE_LAYER:
        return instance(draw, draw.normal(1, 2), 1.0)
    if family == TRIPLE:
        x = draw.backend.asarray([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]])
        return instance(draw, x + 0.1 * draw.coin()[:, None, None] * draw.normal(3, 2), 2.0)
    if family == DOMINATING:
        x = draw.normal(5, 2)
        factor = draw.log_uniform(1, low=10, high=100)[..., None]
        return instance(draw, xp.concat([factor * x[:, :1, :], x[:, 1:, :]], axis=1), 2.0)
    if family == CIRCLE:
        angle = draw.uniform(1, high=2 * math.pi) + 2 * math.pi * _range(draw, MOST) / MOST
        return instance(draw, xp.stack([xp.cos(angle), xp.sin(angle)], axis=-1), 2.0)
    if family in (MANY, LONG):
        x = draw.normal(p.many, 2)
        if family == LONG:
            x = xp.concat([draw.log_uniform(1, low=100, high=1000)[..., None] * x[:, :1, :], x[:, 1:, :]], axis=1)
        return instance(draw, x, 2.0)
    if family == PLANE:
        return instance(draw, draw.normal(6, 2) * draw.log_uniform(6, low=0.5, high=2)[..., None], 2.0)
    return instance(draw, draw.normal(5, p.D), float(DEPTHS[family]))


def _range(draw: Any, n: int) -> Any:
    xp = draw.xp
    return xp.astype(xp.arange(n, device=draw.backend.device), draw.backend.float)[None, :]


def instance(draw: Any, x: Any, depth: float, **arrays: Any) -> dict[str, Any]:
    """The points with signs drawn, and without a network."""
    m, D = x.shape[-2:]
    W = arrays.get("W", draw.full(0.0, 1, D))
    plain = {
        "d": draw.full(depth),
        "width": draw.whole(2, 17),
        "w": draw.full(0.0, W.shape[1]),
        "count": draw.full(1.0, m),
        "xi": draw.sign(m),
    }
    return {**plain, **arrays, "x": x, "W": W}


def enumerated(x: Any) -> bool:
    """Whether all signs are gone through."""
    m, D = x["x"].shape[-2:]
    return m <= MOST if D == 2 else m <= 6


def drawn(x: Any) -> bool:
    """Whether the drawn signs are followed exactly: in the plane, by more points."""
    m, D = x["x"].shape[-2:]
    return D == 2 and m > MOST


def hypotheses(x: Any) -> dict[str, Any]:
    """Which signs are followed, the depth, and the operator norm of a W made for the drawn signs."""
    xp = namespace(x["d"])
    yes = xp.ones_like(x["d"])
    return {
        ALL: yes if enumerated(x) else -yes,
        DRAWN: yes if drawn(x) else -yes,
        TWO: -xp.abs(x["d"] - 2),
        SHORT_NORM: xp.where(xp.sum(x["w"] ** 2, axis=-1) > 0, -yes, operator_margin(x)),
    }


def operator_margin(x: Any) -> Any:
    """2^28 less the largest row sum of |M M^T|, in whole numbers, where M = 2^14 W is whole: not negative only if
    |W|_2 <= 1 exactly. -1 without a W, or where M is not whole. (B,)."""
    xp = namespace(x["W"])
    M = xp.astype(xp.round(x["W"] * SCALE), xp.int64)
    largest = xp.max(xp.sum(xp.abs(xp.matmul(M, xp.matrix_transpose(M))), axis=-1), axis=-1)
    whole = xp.all(xp.astype(M, x["W"].dtype) == x["W"] * SCALE, axis=(-2, -1)) & (largest > 0)
    return xp.where(whole, xp.astype(SCALE**2 - largest, x["W"].dtype), xp.full_like(x["d"], -1.0))


def _about(x: Any, two: Enclosure, found: Any, obvious: Any) -> dict[str, Any]:
    """The complexity at depth d, from two-layer suprema, deeper values found, and obvious upper ends, all (B, S)."""
    xp = namespace(x["x"])

    def mean(a: Any) -> Any:
        return xp.mean(a, axis=-1)

    if int(x["d"][0]) <= 2:
        value, lower, upper = (mean(a) for a in (two.value, two.lower, two.upper))
    else:
        value = lower = mean(xp.maximum(two.lower, found))
        upper = mean(obvious)
    return {
        "complexity": Enclosure(value, xp.minimum(lower, value), xp.maximum(upper, value)),
        "rms": xp.sqrt(mean(two.lower**2)),
    }


def measure(x: Any) -> dict[str, Any]:
    """complexity, an enclosure, and the root mean square of the two-layer suprema, from all signs; of the drawn signs
    the supremum (drawn); the length of the followed sum for the network given (followed). (B,), NaN where not
    measured."""
    xp = namespace(x["x"])
    points, nothing = x["x"], xp.full_like(x["d"], xp.nan)
    found = {"complexity": Enclosure.exact(nothing), "rms": nothing, "drawn": nothing}
    depth = int(x["d"][0])
    if enumerated(x):
        signs = rademacher.half_of_all_signs(points.shape[-2], points)
        if depth == 1:
            two = Enclosure.exact(norm2(xp.matmul(signs[None, :, :], points)))
        elif points.shape[-1] == 2:
            two = Enclosure.exact(rademacher.plane_suprema(points, signs[None, :, :]))
        else:
            two = rademacher.suprema(points, signs, ITERATIONS)
        deeper = obvious = two.value
        if depth > 2:
            deeper = rademacher.deep_values(points, signs[None, :, :], depth, WIDTH, ASCENT)
            obvious = rademacher.obvious_suprema(points, signs[None, :, :])
        found.update(_about(x, two, deeper, obvious))
    if drawn(x):
        found["drawn"] = rademacher.plane_suprema(points, x["xi"][:, None, :])[:, 0]
    z = xp.matmul(points, xp.matrix_transpose(x["W"]))
    followed = xp.sum(x["xi"][..., None] * xp.maximum(z, xp.zeros_like(z)), axis=1)
    return {**found, "followed": norm2(followed)}


def measure_reference(x: Any) -> dict[str, Any]:
    """The same of one instance: in the plane arc by arc, elsewhere by a solver of box least squares; what depth adds is
    not searched."""
    import numpy as np

    points, nothing = x["x"][0].astype(float), np.asarray([math.nan])
    found = {"complexity": Enclosure.exact(nothing), "rms": nothing, "drawn": nothing}
    one_sided = _arcs if points.shape[-1] == 2 else _boxes
    if enumerated(x):
        signs = rademacher.half_of_all_signs(len(points), points)
        if x["d"][0] == 1:
            two = np.asarray([[float(np.linalg.norm(s @ points)) for s in signs]])
        else:
            two = np.asarray([[max(one_sided(points, s), one_sided(points, -s)) for s in signs]])
        obvious = np.asarray([[max(sum(math.hypot(*p) for p in points[s == e]) for e in (1, -1)) for s in signs]])
        found.update(_about(x, Enclosure.exact(two), two, obvious))
    if drawn(x):
        xi = x["xi"][0]
        found["drawn"] = np.asarray([max(_arcs(points, xi), _arcs(points, -xi))])
    total = np.zeros(len(x["W"][0]))
    for sign, point in zip(x["xi"][0], points, strict=True):
        total += sign * np.maximum(x["W"][0] @ point, 0)
    return {**found, "followed": np.asarray([float(np.linalg.norm(total))])}


def _arcs(points: Any, xi: Any) -> float:
    """sup over unit w of sum xi_i relu(w.x_i) in the plane: on each arc between directions orthogonal to points the
    length of the active sum, if it lies there, and the ends."""
    import numpy as np

    turns = sorted((math.atan2(y, x) + s * math.pi / 2) % (2 * math.pi) for x, y in points for s in (1, -1))
    best = 0.0
    for start, stop in zip(turns, [*turns[1:], turns[0] + 2 * math.pi], strict=True):
        middle = (start + stop) / 2
        active = points @ [math.cos(middle), math.sin(middle)] > 0
        v = (xi * active) @ points
        direction = math.atan2(v[1], v[0])
        offset = (direction - start) % (2 * math.pi)
        best = max(best, float(np.hypot(*v)) if offset <= stop - start else 0.0)
        best = max(best, *(float(v @ [math.cos(a), math.sin(a)]) for a in (start, stop)))
    return best


def _boxes(points: Any, xi: Any) -> float:
    """The same in any dimension, by minimax: max over subsets of the signs 1 of a distance to a zonotope."""
    from itertools import product

    import numpy as np
    from scipy.optimize import lsq_linear

    plus, minus = points[xi > 0], points[xi < 0]
    best = 0.0
    for chosen in product((0, 1), repeat=len(plus)):
        target = np.asarray(chosen, dtype=float) @ plus if len(plus) else np.zeros(points.shape[1])
        if len(minus):
            target = target - minus.T @ lsq_linear(minus.T, target, bounds=(0, 1), tol=1e-14).x
        best = max(best, float(np.linalg.norm(target)))
    return best


def sizes(x: Any) -> dict[str, Any]:
    """S = sqrt(sum |x_i|^2), the largest |x_i|, m, d, the width, and what rounding can add to a sum, (B,)."""
    xp = namespace(x["x"])
    length = norm2(x["x"])
    m, D = x["x"].shape[-2:]
    none = xp.zeros_like(x["d"])
    return {
        "S": xp.sqrt(xp.sum(length**2, axis=-1)) + none,
        "B": xp.max(length, axis=-1) + none,
        "m": none + float(m),
        "d": x["d"],
        "width": x["width"],
        "tau": 8 * (m + D + 8) * eps(x["x"]) * xp.sum(length, axis=-1) + none,
    }


def rotate(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The coordinates of the points in reverse order and negated, and with them the rows of W."""
    xp = namespace(x["x"])
    return {**x, "x": -xp.flip(x["x"], axis=-1), "W": -xp.flip(x["W"], axis=-1)}


def rescale(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Points four times as large."""
    return {**x, "x": 4 * x["x"]}


FAMILIES = {
    ONE_POINT: "one point of the plane: the complexity is its length",
    ONE_LAYER: "one Gaussian point of the plane, linear maps: the same, and the bound",
    DOMINATING: "one point of five is much longer: close to the constant 1 from below",
    PLANE: "six Gaussian points of the plane of various lengths, all signs",
    CIRCLE: "nine points on a circle, all signs",
    SPACE: "five Gaussian points in more dimensions, all signs",
    THREE: "the same with three weight layers, searched",
    SIX: "the same with six weight layers, searched",
    MANY: "many Gaussian points of the plane, signs drawn",
    LONG: "the same, and one is much longer",
    OPERATOR: "points of signs, and W made for drawn signs with operator norm at most 1",
}
BOTH = "(1 + 2^(1/p)) / 2 for each activation, see Sharp? of ge_size_free"
LEAST = (
    "min(1 + sqrt(log(2) * (d - 1)), ((1 + sqrt(2)) / 2) ** (d - 1))"  # times S: proved, and smaller than both bounds
)
OPEN = (
    "open. Nothing above S was found: neither for two layers, where the suprema are exact and steps uphill from points "
    "drawn at random, 2 to 9 in the plane and 2 to 6 in four dimensions, end where one point is all, which has S; nor "
    "from below for 3 and 6 layers. What is proved is min(1.21^(d-1), 1 + sqrt(ln 2 (d-1))) in place of 1"
)
FIXED = ("d", "width", "xi", "count")  # a search leaves depths whole and signs signs
SHARES = {MANY: 2.0, LONG: 1.2, ONE_LAYER: 0.5, OPERATOR: 1.3, SPACE: 0.6, THREE: 0.6, SIX: 0.6}

SYMBOLS = {
    "complexity": (r"\mathbb E_\xi\sup_f\lvert\sum_i\xi_if(x_i)\rvert", "the complexity, over all signs"),
    "drawn": (r"\sup_f\lvert\sum_i\xi_if(x_i)\rvert", "the supremum for the drawn signs, two layers"),
    "rms": (r"(\mathbb E_\xi\sup_f\lvert\sum_i\xi_if(x_i)\rvert^2)^{1/2}", "its root mean square, two layers"),
    "followed": (r"\lVert\sum_i\xi_i\sigma(Wx_i)\rVert", "what the given W makes of the drawn signs"),
    "S": (r"\sqrt{\sum_i\lVert x_i\rVert^2}", "size of the points"),
    "B": (r"\max_i\lVert x_i\rVert", "largest length of a point"),
    "m": ("m", "number of points"),
    "d": ("d", "number of weight layers"),
    "width": ("h", "width of the hidden layers"),
    "tau": (r"\tau", "what rounding can add to a sum"),
}
