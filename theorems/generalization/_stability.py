r"""Stability of stochastic gradient descent: what the three theorems measure, exactly.

A loss is $`f(w;z)=\varphi(\langle w,x\rangle-y)`$ with $`z=(x,y)`$ and one of five functions $`\varphi`$:

- Huber, $`u^2/2h`$ up to $`|u|=h`$ and $`|u|-h/2`$ beyond; for $`h=0`$ the absolute value,
- logistic, $`\log(1+e^{-u})`$,
- sigmoid, $`1/(1+e^u)`$,
- cosine, $`(1+\cos u)/2`$,
- hill, the Huber function with the other sign.

$`\varphi`$ is Lipschitz with the constant 1, 1, 1/4, 1/2, 1, its derivative with 1/h, 1/4, $`1/6\sqrt3`$, 1/2, 1/h. A
sample has $`n=1+\sum_kc_k`$ examples: one that is replaced, and $`c_k`$ copies of each of some others. So one of K
moves is made at every step, and all $`K^T`$ paths are followed (:mod:`verify.kit.sgd_paths`); of more than 16 steps,
those that meet the replaced example once or in every step (:func:`_some`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from verify.core.arrays import dot, eps, namespace, norm2
from verify.kit.sgd_paths import endpoints, expectation

HUBER, LOGISTIC, SIGMOID, COSINE, HILL = 0.0, 1.0, 2.0, 3.0, 4.0
SLOPES = {HUBER: 1.0, LOGISTIC: 1.0, SIGMOID: 1 / 4, COSINE: 1 / 2, HILL: 1.0}
BENDS = {LOGISTIC: 1 / 4, SIGMOID: 1 / (6 * 3**0.5), COSINE: 1 / 2}
FAR = 64.0  # targets so far away make the Huber loss linear
FOLLOWED, MANY = 16, 128  # of so many steps all sequences are followed, or some


def _by_kind(kind: Any, values: dict[float, Any]) -> Any:
    """The entry of each instance's own kind, a number or a function of no argument that computes it where needed."""
    xp = namespace(kind)
    found = xp.zeros_like(kind)
    for number, value in values.items():
        here = kind == number
        if bool(xp.any(here)):
            found = xp.where(here, (value() if callable(value) else value) + xp.zeros_like(kind), found)
    return found


def _sigmoid(u: Any) -> Any:
    """1 / (1 + exp(-u))."""
    xp = namespace(u)
    small = xp.exp(-xp.abs(u))
    return xp.where(u >= 0, 1 / (1 + small), small / (1 + small))


def loss(x: Any, u: Any) -> Any:
    """phi(u) for u (B, ...)."""
    xp = namespace(u)
    kind, h = (xp.reshape(x[name], (-1,) + (1,) * (u.ndim - 1)) for name in ("kind", "h"))

    def huber() -> Any:
        size, positive = xp.abs(u), xp.where(h > 0, h, xp.ones_like(h))
        return xp.where(size < h, u * u / (2 * positive), size - h / 2)

    return _by_kind(
        kind,
        {
            HUBER: huber,
            LOGISTIC: lambda: xp.logaddexp(-u, xp.zeros_like(u)),
            SIGMOID: lambda: _sigmoid(-u),
            COSINE: lambda: (1 + xp.cos(u)) / 2,
            HILL: lambda: -huber(),
        },
    )


def slope(x: Any, u: Any) -> Any:
    """phi'(u) for u (B, ...); of the absolute value at 0 the subgradient 0."""
    xp = namespace(u)
    kind, h = (xp.reshape(x[name], (-1,) + (1,) * (u.ndim - 1)) for name in ("kind", "h"))

    def huber() -> Any:
        positive = xp.where(h > 0, h, xp.ones_like(h))
        return xp.where(xp.abs(u) < h, u / positive, xp.sign(u))

    def bell() -> Any:
        s = _sigmoid(-u)
        return -s * (1 - s)

    return _by_kind(
        kind,
        {
            HUBER: huber,
            LOGISTIC: lambda: -_sigmoid(-u),
            SIGMOID: bell,
            COSINE: lambda: -xp.sin(u) / 2,
            HILL: lambda: -huber(),
        },
    )


def smoothness(x: Any) -> Any:
    """sup phi'' |x|^2 over the examples and test points, infinite for the absolute value: (B,)."""
    xp = namespace(x["x"])
    positive = xp.where(x["h"] > 0, x["h"], xp.ones_like(x["h"]))
    bend = xp.where(x["h"] > 0, 1 / positive, xp.full_like(positive, xp.inf))
    return _by_kind(x["kind"], {HUBER: bend, **BENDS, HILL: bend}) * _longest(x) ** 2


def _longest(x: Any) -> Any:
    return namespace(x["x"]).max(norm2(x["x"]), axis=-1)


def constants(x: Any) -> dict[str, Any]:
    """Of each instance, (B,): n; the largest |x| of its examples and test points; G = sup |phi'| |x|; the sum of the
    steps and of their squares."""
    xp = namespace(x["x"])
    return {
        "n": 1 + xp.sum(x["copies"], axis=-1),
        "length": _longest(x),
        "G": _by_kind(x["kind"], SLOPES) * _longest(x),
        "total": xp.sum(x["alpha"], axis=-1),
        "squares": dot(x["alpha"], x["alpha"]),
    }


def rounding(x: Any, growth: Any = 1.0) -> Any:
    r"""What rounding can add to a mean distance of two paths, (B,), for steps that multiply no distance by more than
    a factor whose product over the steps is ``growth``.

    A step errs by at most (d + 4) eps times the reach of the path, in which targets count, and the unit in which the
    loss bends (h, or 1 where there is none), as :math:`\alpha\beta\le2` times the error of u is of that size; the norm
    and the mean add d + T (K + 1) roundings of the distance.
    """
    xp = namespace(x["x"])
    d, T, K = x["x"].shape[-1], x["alpha"].shape[-1], x["copies"].shape[-1] + 1
    found = constants(x)
    unit = xp.where(x["kind"] == HUBER, x["h"], xp.ones_like(x["h"])) + xp.max(xp.abs(x["y"]), axis=-1)
    reach = norm2(x["start"]) + found["G"] * found["total"] + unit / found["length"]
    return 8 * T * (d + K + 8) * eps(x["x"]) * reach * growth


def _moves(x: Any, rows: tuple[int, ...], w: Any, t: int) -> Any:
    """Where step t leads from w (B, P, d) with each of the examples ``rows``: (B, P, K, d)."""
    xp = namespace(w)
    X = xp.stack([x["x"][:, k, :] for k in rows], axis=1)
    Y = xp.stack([x["y"][:, k] for k in rows], axis=1)
    mu, radius = x["mu"][:, None, None, None], x["radius"][:, None, None]
    a = x["alpha"][:, t][:, None, None, None]
    u = xp.matmul(w, xp.matrix_transpose(X)) - Y[:, None, :]
    new = (1 - a * mu) * w[:, :, None, :] - a * slope(x, u)[..., None] * X[:, None, :, :]
    size = norm2(new)
    outside = size > radius
    inward = xp.where(outside, radius / xp.where(outside, size, xp.ones_like(size)), xp.ones_like(size))
    return new * inward[..., None]


def _descend(x: Any, rows: tuple[int, ...]) -> Any:
    """The ends of all paths whose moves are the examples ``rows``: (B, K**T, d)."""
    return endpoints(lambda w, t: _moves(x, rows, w, t), x["start"], x["alpha"].shape[-1])


def _descend_some(x: Any, row: int, other: int) -> Any:
    """The ends of the paths that meet the example ``row`` in step 1, ..., T alone, and of that which meets it in every
    step; in all other steps they meet ``other``: (B, T + 1, d)."""
    xp = namespace(x["x"])
    T = x["alpha"].shape[-1]
    path = xp.arange(T + 1, device=x["x"].device)[None, :, None]
    w = xp.repeat(x["start"][:, None, :], T + 1, axis=1)
    for t in range(T):
        new = _moves(x, (row, other), w, t)
        w = xp.where((path == t) | (path == T), new[:, :, 0, :], new[:, :, 1, :])
    return w


def _losses(x: Any, w: Any, z: Any, y: Any) -> Any:
    """f(w; z) with its ridge: w (B, P, d), z (B, R, d), y (B, R) -> (B, P, R)."""
    xp = namespace(w)
    ridge = x["mu"][:, None] * dot(w, w) / 2
    return loss(x, xp.matmul(w, xp.matrix_transpose(z)) - y[:, None, :]) + ridge[..., None]


def measure(x: Any) -> dict[str, Any]:
    r"""The measured quantities, (B,), exact up to rounding.

    params: :math:`E\|w_T-w'_T\|`; losses: the largest :math:`E|f(w_T;z)-f(w'_T;z)|` over the rows of x, which hold the
    sample, the replacement and test points; gap: :math:`|E[R(w_T)-R_S(w_T)]|` for samples of n examples drawn from
    the first (probability q) and the last. Of more than 16 steps: see :func:`_some`.
    """
    xp = namespace(x["x"])
    K = x["copies"].shape[-1] + 1
    n = 1 + xp.sum(x["copies"], axis=-1)
    if x["alpha"].shape[-1] > FOLLOWED:
        return _some(x, n)
    chances = xp.concat([xp.ones_like(n)[:, None], x["copies"]], axis=-1) / n[:, None]
    others = tuple(range(1, K))
    w, v = _descend(x, (0, *others)), _descend(x, (K, *others))
    apart = xp.abs(_losses(x, w, x["x"], x["y"]) - _losses(x, v, x["x"], x["y"]))
    pool = [expectation(apart[..., k], chances) for k in range(x["x"].shape[1])]
    return {
        "params": expectation(norm2(w - v), chances),
        "losses": xp.max(xp.stack(pool, axis=-1), axis=-1),
        "gap": _gap(x, n, K),
    }


def on_hill(x: Any) -> Any:
    """Whether w has one entry and starts on the top of the other's hill, while along all paths the first and its
    replacement are linear, push in opposite directions, and no path leaves what is bent of the hill: (B,)."""
    xp = namespace(x["x"])
    if x["x"].shape[1:] != (3, 1):
        return xp.zeros(x["x"].shape[0], dtype=xp.bool, device=x["x"].device)
    first, y = x["x"][:, 0, 0], x["y"]
    reach = x["radius"] * xp.abs(first)
    apart = (xp.abs(y[:, 0]) >= reach + x["h"]) & (xp.abs(y[:, 2]) >= reach + x["h"]) & (y[:, 0] * y[:, 2] < 0)
    top = (y[:, 1] == 0) & (x["start"][:, 0] == 0) & xp.all(x["x"] == x["x"][:, :1, :], axis=(-2, -1)) & (first != 0)
    return apart & top & (reach <= x["h"]) & (x["kind"] == HILL) & (x["mu"] == 0)


def _hill_ends(x: Any) -> Any:
    """Where the paths :func:`on_hill` end that meet the first example in step 1, ..., T alone: (B, T, 1); else NaN.
    Met in step t, it has the weights |w| = alpha_t |x|, and each later step multiplies them by 1 + alpha beta, up to
    the radius."""
    xp = namespace(x["x"])
    alpha, size = x["alpha"], xp.abs(x["x"][:, :1, 0])
    growth = xp.log1p(alpha * smoothness(x)[:, None])
    later = xp.flip(xp.cumulative_sum(xp.flip(growth, axis=-1), axis=-1), axis=-1) - growth
    w = xp.minimum(alpha * size * xp.exp(later), x["radius"][:, None])
    return xp.where(on_hill(x)[:, None], w, xp.full_like(w, xp.nan))[..., None]


def _some(x: Any, n: Any) -> dict[str, Any]:
    """The same for many steps, counting only the sequences that meet the first example once or in every step, which can
    only make it smaller: :func:`on_hill` in closed form, elsewhere followed for one other example and up to MANY steps,
    NaN otherwise. The gap is that of n = 1, or of a law of one example, which is 0; NaN otherwise."""
    xp = namespace(n)
    T, q, K = x["alpha"].shape[-1], x["q"], x["copies"].shape[-1] + 1
    if K == 2 and T <= MANY:
        w, v = _descend_some(x, 0, 1), _descend_some(x, K, 1)
    else:
        w = _hill_ends(x)
        v = -w
    f, g = _losses(x, w, x["x"], x["y"]), _losses(x, v, x["x"], x["y"])
    several = xp.maximum(n, xp.full_like(n, 2.0))
    once = xp.where(n > 1, xp.exp((T - 1) * xp.log1p(-1 / several)) / n, xp.zeros_like(n))
    chances = xp.concat([xp.repeat(once[:, None], T, axis=-1), (1 / n[:, None]) ** T], axis=-1)[:, : w.shape[1]]
    alone = q * (1 - q) * xp.abs(f[:, -1, K] - f[:, -1, 0] + g[:, -1, 0] - g[:, -1, K])
    unknown = xp.where(q * (1 - q) == 0, xp.zeros_like(n), xp.full_like(n, xp.nan))
    return {
        "params": xp.sum(chances * norm2(w - v), axis=-1),
        "losses": xp.max(xp.sum(chances[..., None] * xp.abs(f - g), axis=1), axis=-1),
        "gap": xp.where((n == 1) & (w.shape[1] > T), alone, unknown),
    }


def _gap(x: Any, n: Any, last: int) -> Any:
    """|E[R - R_S]|: R - R_S = (q - j/n)(f(w; first) - f(w; last)) when the sample holds the first j times."""
    xp = namespace(n)
    two = xp.stack([x["x"][:, k, :] for k in (0, last)], axis=1)
    both = _losses(x, _descend(x, (0, last)), two, xp.stack([x["y"][:, k] for k in (0, last)], axis=1))
    difference, rare = both[..., 0] - both[..., 1], x["q"] <= 0.5
    q = xp.where(rare, x["q"], 1 - x["q"])  # of the rarer one, which is drawn j times: no chance underflows
    chance, found = (1 - q) ** n, xp.zeros_like(n)
    for j in range(int(xp.max(n)) + 1):
        share = xp.minimum(j / n, xp.ones_like(n))  # beyond n the chance is 0
        first = xp.where(rare, share, 1 - share)
        mean = expectation(difference, xp.stack([first, 1 - first], axis=-1))
        found = found + chance * (x["q"] - first) * mean
        chance = chance * (n - j) / (j + 1) * q / (1 - q)
    return xp.abs(found)


def measure_reference(x: Any) -> dict[str, Any]:
    """The same of one instance by recursion over the sequences, in Python floats."""
    import math

    import numpy as np

    X, Y = x["x"][0].astype(float), [float(v) for v in x["y"][0]]
    kind, h, mu, radius, q = (float(x[name][0]) for name in ("kind", "h", "mu", "radius", "q"))
    rates = [float(a) for a in x["alpha"][0]]
    copies = [float(c) for c in x["copies"][0]]
    n, K = 1 + sum(copies), len(copies) + 1

    def phi(u: float) -> float:
        if kind == HUBER:
            return abs(u) - h / 2 if abs(u) >= h else u * u / (2 * h)
        if kind == LOGISTIC:
            return math.log1p(math.exp(-u)) if u > 0 else math.log1p(math.exp(u)) - u
        if kind == HILL:
            return h / 2 - abs(u) if abs(u) >= h else -u * u / (2 * h)
        return (1 - math.tanh(u / 2)) / 2 if kind == SIGMOID else math.cos(u / 2) ** 2

    def derivative(u: float) -> float:
        if kind == HUBER:
            return max(-1.0, min(1.0, u / h)) if h > 0 else float((u > 0) - (u < 0))
        if kind == LOGISTIC:
            return (math.tanh(u / 2) - 1) / 2
        if kind == HILL:
            return -max(-1.0, min(1.0, u / h))
        return -(1 - math.tanh(u / 2) ** 2) / 4 if kind == SIGMOID else -math.sin(u / 2) * math.cos(u / 2)

    def f(w: Any, k: int) -> float:
        return phi(float(X[k] @ w) - Y[k]) + mu * float(w @ w) / 2

    def step(w: Any, k: int, t: int) -> Any:
        new = w - rates[t] * (derivative(float(X[k] @ w) - Y[k]) * X[k] + mu * w)
        size = math.sqrt(float(new @ new))
        return new * (radius / size) if size > radius else new

    ends: list[tuple[float, Any, Any]] = []

    def follow(chance: float, w: Any, v: Any, t: int) -> None:
        if t == len(rates):
            ends.append((chance, w, v))
            return
        follow(chance / n, step(w, 0, t), step(v, K, t), t + 1)
        for k, c in enumerate(copies, 1):
            if c:
                follow(chance * c / n, step(w, k, t), step(v, k, t), t + 1)

    start = x["start"][0].astype(float)
    chance, gap = (1 - 1 / n) ** (len(rates) - 1) / n, math.nan if 0 < q < 1 else 0.0
    followed = len(rates) <= FOLLOWED
    if not followed and (len(copies) > 1 or len(rates) > MANY):  # on a hill
        first, second = abs(float(X[0, 0])), float(X[1, 0])
        grown, params, found = 1.0, 0.0, [0.0] * len(X)
        for rate in reversed(rates):
            end = min(radius, rate * first * grown)
            params += 2 * end
            found = [
                total + abs(phi(first * end - y) - phi(-first * end - y)) for total, y in zip(found, Y, strict=True)
            ]
            grown *= 1 + rate * second**2 / h
        once = {"params": chance * params, "losses": chance * max(found), "gap": gap}
        return {name: np.asarray([value]) for name, value in once.items()}
    if followed:
        follow(1.0, start, start, 0)
    else:
        for path in range(len(rates) + 1):
            w = v = start
            for t in range(len(rates)):
                met = path in (t, len(rates))
                w, v = step(w, 0 if met else 1, t), step(v, K if met else 1, t)
            ends.append((n ** -len(rates) if path == len(rates) else chance, w, v))
    pool = [sum(p * abs(f(w, k) - f(v, k)) for p, w, v in ends) for k in range(len(X))]

    def alone(w: Any, met: int, t: int) -> Iterator[tuple[int, float]]:
        """How often the first was met, and the difference of the two losses at the end, of all paths of the two."""
        if t == len(rates):
            yield met, f(w, 0) - f(w, K)
            return
        yield from alone(step(w, 0, t), met + 1, t + 1)
        yield from alone(step(w, K, t), met, t + 1)

    if followed:
        gap, T, leaves = 0.0, len(rates), list(alone(start, 0, 0))
        for j in range(int(n) + 1):
            share = j / n
            mean = sum(share**met * (1 - share) ** (T - met) * value for met, value in leaves)
            gap += math.comb(int(n), j) * q**j * (1 - q) ** (int(n) - j) * (q - share) * mean
    elif n == 1:
        w, v = ends[-1][1:]
        gap = q * (1 - q) * (f(w, K) - f(w, 0) + f(v, 0) - f(v, K))
    return {
        "params": np.asarray([sum(p * math.sqrt(float((w - v) @ (w - v))) for p, w, v in ends)]),
        "losses": np.asarray([max(pool)]),
        "gap": np.asarray([abs(gap)]),
    }


def linear_margin(x: Any) -> Any:
    """Not negative where every loss is linear along all paths and the replacement turns the first example, the longest
    one, round: (B,)."""
    xp = namespace(x["x"])
    K, found = x["copies"].shape[-1] + 1, constants(x)
    reach = norm2(x["start"]) + found["length"] * found["total"]
    room = xp.min(xp.abs(x["y"]), axis=-1) - x["h"] - found["length"] * reach
    turned = norm2(x["x"][:, K, :] - x["x"][:, 0, :]) + xp.abs(x["y"][:, K] + x["y"][:, 0])
    longest = norm2(x["x"][:, 0, :]) - found["length"]
    other = xp.where(x["kind"] == HUBER, xp.zeros_like(room), xp.full_like(room, -1.0))
    return xp.minimum(xp.minimum(room, other), xp.minimum(-turned, longest))


def rows_in_ball(draw: Any, rows: int, d: int) -> Any:
    """Uniform directions of lengths between 0.3 and 1, one of them 1: (B, rows, d)."""
    g = draw.normal(rows, d)
    size = draw.uniform(rows, low=0.3, high=1.0)
    return g / norm2(g)[..., None] * (size / draw.xp.max(size, axis=-1, keepdims=True))[..., None]


def turned(draw: Any, x: Any) -> Any:
    """x (B, rows, d) with the last example, by a coin, the first one turned round."""
    flip = draw.coin()[:, None]
    last = (1 - flip) * x[:, -1, :] - flip * x[:, 0, :]
    return draw.xp.concat([x[:, :-1, :], last[:, None, :]], axis=1)


def instance(draw: Any, **arrays: Any) -> dict[str, Any]:
    """An instance; what is not named is at its plainest: h = 1, no ridge, no ball, w_0 = 0, two equally likely
    examples in the population."""
    one = draw.full(1.0)
    plain = {"h": one, "mu": 0 * one, "radius": draw.full(draw.xp.inf), "q": one / 2}
    return {**plain, "start": draw.full(0.0, arrays["x"].shape[-1]), **arrays}


MEASURED = {  # symbols of what measure() returns
    "params": (r"\mathbb E\lVert w_T-w'_T\rVert", "mean distance of the weights"),
    "losses": (r"\max_z\mathbb E\lvert f(w_T;z)-f(w'_T;z)\rvert", "mean difference of the losses"),
    "gap": (r"\lvert\mathbb E[R-R_S]\rvert", "generalisation gap for a law of two examples"),
}
ROUNDING = {
    "tau": (r"\tau", "what rounding can add to a distance"),
    "tau_loss": (r"\tau_f", "what rounding can add to a difference of losses"),
}
FIXED = ("kind", "copies", "mu", "radius")  # what a worst-case search leaves alone


def repair(p: Any, x: Any) -> dict[str, Any]:
    """No negative steps and widths, and a chance between 0 and 1."""
    xp = namespace(x["x"])
    return {**x, "alpha": xp.abs(x["alpha"]), "h": xp.abs(x["h"]), "q": xp.clip(xp.abs(x["q"]), 0.0, 1.0)}


SIZES, PACES = tuple(2.0**k for k in (-18, -6, -2, 0, 2, 6, 18)), tuple(2.0**k for k in (-6, -3, 0, 3, 6))


def in_other_units(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """A Huber instance with examples ``size`` times as long and steps ``pace`` times as large, powers of two: the same
    paths, size * pace times as large. A bound that holds for one unit only shows it."""
    size, pace = draw.choose(SIZES), draw.choose(PACES)
    weights, targets = size * pace, size * size * pace
    return {
        **x,
        "x": x["x"] * size[:, None, None],
        "y": x["y"] * targets[:, None],
        "h": x["h"] * targets,
        "alpha": x["alpha"] * pace[:, None],
        "mu": x["mu"] / pace,
        "radius": x["radius"] * weights,
        "start": x["start"] * weights[:, None],
    }


def pushed(draw: Any, alpha: float, copies: Any, **arrays: Any) -> dict[str, Any]:
    """MANY steps on the line: an example that pushes, its opposite for a replacement, copies (B, 1) of an other that
    does nothing, and a test point like the first."""
    one, nothing = draw.full(1.0, 1, 1), draw.full(0.0, 1, 1)
    return instance(
        draw,
        x=draw.xp.concat([one, nothing, one, one], axis=1),
        y=FAR * draw.backend.asarray([[1.0, 1.0, -1.0, 1.0]]) + draw.full(0.0, 4),
        kind=draw.full(HUBER),
        h=draw.full(8.0),
        copies=copies,
        alpha=draw.full(alpha, MANY),
        **arrays,
    )


Pair = tuple[float, float]


def plane(draw: Any, by_hand: Pair, angles: Pair, test: Pair) -> tuple[Any, Any]:
    """Examples in the plane whose steps tear paths apart: a far target along a direction near the first axis, ``by
    hand`` in half of the draws, that is replaced by the opposite target; an example that asks for w_2 = 0; and a test
    point with a far target. x (B, 4, 2) and y (B, 4)."""
    xp, free = draw.xp, draw.coin()[:, None]
    angle = draw.uniform(low=angles[0], high=angles[1])
    first = (1 - free) * draw.backend.asarray([by_hand]) + free * xp.stack([xp.cos(angle), xp.sin(angle)], axis=-1)
    rest = xp.broadcast_to(draw.backend.asarray([[0.0, 1.0], test]), (draw.size, 2, 2))
    x = xp.concat([first[:, None, :], rest[:, :1, :], first[:, None, :], rest[:, 1:, :]], axis=1)
    return x, xp.broadcast_to(draw.backend.asarray([[FAR, 0.0, -FAR, FAR]]), (draw.size, 4))


def first_steps(draw: Any, alpha: Any, steps: int, low: int) -> Any:
    """Steps of size alpha (B,), of which by a coin all or only some first ones are made, ``low`` at least: (B, T)."""
    xp = draw.xp
    free = draw.coin()
    made = free * draw.whole(min(low, steps), steps + 1) + (1 - free) * min(low, steps)
    place = xp.astype(xp.arange(steps, device=draw.backend.device), draw.backend.float)
    return xp.where(place[None, :] < made[:, None], alpha[:, None], draw.full(0.0, steps))


def swap(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The example and its replacement exchanged."""
    xp, K = draw.xp, x["copies"].shape[-1] + 1
    order = [K, *range(1, K), 0, *range(K + 1, x["x"].shape[1])]
    return {
        **x,
        "x": xp.stack([x["x"][:, k, :] for k in order], axis=1),
        "y": xp.stack([x["y"][:, k] for k in order], axis=1),
        "q": 1 - x["q"],
    }


def reflect(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Some coordinates negated."""
    s = draw.shared.sign(x["x"].shape[-1])
    return {**x, "x": x["x"] * s[:, None, :], "start": x["start"] * s}
