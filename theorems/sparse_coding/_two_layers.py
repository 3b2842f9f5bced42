r"""Instances of the two-layer LASSO whose minimiser is known by construction, and what its iterations measure on them.

An instance is D1 (B, n, m1), D2 (B, m1, m2), y (B, n), lam1, lam2, mu and step (B,), a start (B, m2), the minimiser z
(B, m2) and its dual certificate w (B, n), p (B, m1). With :math:`p\in\lambda_1\partial\|D_2z\|_1`,
:math:`D_2^T(D_1^Tw-p)\in\lambda_2\partial\|z\|_1` and :math:`y=D_1D_2z+w` weak duality is tight at z. Nothing has to be
believed about it: whatever z, w and p are, F(z) is above min F and the dual value of (w, p) below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from pydantic import Field

from verify import Enclosure, Parameters
from verify.core.arrays import eps, matvec, namespace, norm2, rmatvec, spectral_norm
from verify.kit import nested_shrinkage as nested

POSITIVE, INNER, STEP = "mu, t, lambda > 0", "mu <= 1/|D1|^2", "t <= 3 mu/(2 |D2|^2)"
SHARES = (1.0, 0.3, 0.1)  # of the longest inner step
LONGEST = 1.49  # the outer step as a multiple of mu/|D2|^2

Method = Callable[[nested.TwoLayerLasso, Any, Any, Any], Iterator[tuple[Any, Any]]]


class SizeParams(Parameters):
    """Sizes of the random families; the others have their own."""

    n: int = Field(12, ge=1, le=512, description="length of the signal")
    m1: int = Field(16, ge=2, le=512, description="length of the inner representation")
    m2: int = Field(12, ge=1, le=512, description="length of the deepest representation")
    k: int = Field(3, ge=1, le=512, description="non-zeros of the minimiser")
    zeros: int = Field(8, ge=0, le=512, description="zeros of its image under D2")


FAMILIES = {
    **{f"mu = {c:g}/|D1|^2": "dense random dictionaries; zeros in both layers of the minimiser" for c in SHARES},
    "by hand": "D1 = I, D2 = (1, 1/2)^T: a fixed point that is no minimiser",
    "constant pull": "D1 = 0: the residual stays as it is until the iterate arrives",
    "u = 0": "a point at which the excess is as large as it can be",
}


def sample(draw: Any, p: SizeParams, family: str, longest: float) -> dict[str, Any]:
    """The instances of a family; the outer step is ``longest`` times mu/|D2|^2 in the random ones."""
    if family == "by hand":
        return _by_hand(draw, longest)
    if family == "constant pull":
        return _constant_pull(draw, longest)
    if family == "u = 0":
        return _at_the_kink(draw)
    x = _with_minimiser(draw, p)
    share = float(family.removeprefix("mu = ").removesuffix("/|D1|^2"))
    mu = share / above(x["D1"])
    # From near the minimiser, or from 0.
    start = x["z"] * (draw.coin() * (1 + 0.1 * draw.uniform()))[:, None]
    return {**x, "mu": mu, "step": longest * mu / above(x["D2"]), "start": start}


def _with_minimiser(draw: Any, p: SizeParams) -> dict[str, Any]:
    """Rows of D2 are made orthogonal to z, columns off its support shortened, columns of D1 moved along w."""
    xp = draw.xp
    k, zeros = min(p.k, p.m1, p.m2), min(p.zeros, p.m1 - 1)
    lam1, lam2 = (draw.log_uniform(low=0.03, high=0.3) for _ in range(2))
    z = draw.sign(p.m2) * draw.uniform(p.m2, low=0.5, high=2.0)
    on = draw.ranks(p.m2) < k
    z = xp.where(on, z, xp.zeros_like(z))
    none = draw.ranks(p.m1) < zeros
    D2 = draw.normal(p.m1, p.m2) / p.m1**0.5
    rows = matvec(D2, z) / xp.sum(z * z, axis=-1, keepdims=True)
    D2 = D2 - xp.where(none, rows, xp.zeros_like(rows))[:, :, None] * z[:, None, :]
    # G with D2^T G = lam2 sign(z) on the support, as near as possible to a random one.
    G = draw.log_uniform(1, low=0.1, high=1.0) * draw.normal(p.m1)
    gram = xp.matmul(xp.matrix_transpose(D2), D2)
    both = on[:, :, None] & on[:, None, :]
    gram = xp.where(both, gram, xp.zeros_like(gram)) + xp.astype(~on, gram.dtype)[:, :, None] * xp.eye(
        p.m2, dtype=gram.dtype, device=gram.device
    )
    lacking = xp.where(on, lam2[:, None] * xp.sign(z) - rmatvec(D2, G), xp.zeros_like(z))
    G = G + matvec(D2, xp.linalg.solve(gram, lacking[..., None])[..., 0])
    steep = xp.abs(rmatvec(D2, G)) / (0.9 * lam2[:, None])
    D2 = D2 / xp.where(on, xp.ones_like(steep), xp.maximum(steep, xp.ones_like(steep)))[:, None, :]
    a = xp.where(none, xp.zeros_like(rows), matvec(D2, z))
    slope = xp.where(none, draw.uniform(p.m1, low=-1.0, high=1.0), xp.sign(a)) * lam1[:, None]
    w = draw.normal(p.n)
    D1 = draw.normal(p.n, p.m1) / p.n**0.5
    lacking = (G + slope - rmatvec(D1, w)) / xp.sum(w * w, axis=-1, keepdims=True)
    D1 = D1 + w[:, :, None] * lacking[:, None, :]
    return {"D1": D1, "D2": D2, "y": matvec(D1, a) + w, "lam1": lam1, "lam2": lam2, "z": z, "w": w, "p": slope}


def _by_hand(draw: Any, longest: float) -> dict[str, Any]:
    """y = (2, -1), lambda_1 = lambda_2 = 1/10: the fixed point 1.08 has F = 1.879, the minimiser 1 has 1.875."""
    xp, asarray = draw.xp, draw.backend.asarray
    mu = draw.choose((1.0, 0.5))
    near = draw.coin() * draw.uniform(low=-0.05, high=0.05)
    return {
        "D1": asarray([[[1.0, 0.0], [0.0, 1.0]]]),
        "D2": asarray([[[1.0], [0.5]]]),
        "y": asarray([[2.0, -1.0]]) + 0 * mu[:, None],
        "lam1": draw.full(0.1),
        "lam2": draw.full(0.1),
        "mu": mu,
        "step": longest * mu / 1.25,
        "start": xp.stack([1.08 + near], axis=-1),
        "z": draw.full(1.0, 1),
        "w": asarray([[1.0, -1.5]]) + 0 * mu[:, None],
        "p": draw.full(0.1, 2),
    }


def _constant_pull(draw: Any, longest: float) -> dict[str, Any]:
    """D1 = 0 and D2 = 1: every step goes t (lambda_1 + lambda_2) down."""
    lam1, lam2 = (draw.log_uniform(low=0.03, high=0.3) for _ in range(2))
    zero, mu = draw.full(0.0, 1), draw.uniform(low=0.1, high=1.0)
    start = draw.uniform(1, low=10.0, high=100.0)
    return {
        "D1": draw.backend.asarray([[[0.0]]]),
        "D2": draw.backend.asarray([[[1.0]]]),
        "y": zero,
        "lam1": lam1,
        "lam2": lam2,
        "mu": mu,
        "step": longest * mu,
        "start": start,
        "z": zero,
        "w": zero,
        "p": zero,
    }


def _at_the_kink(draw: Any) -> dict[str, Any]:
    """D1 = I, D2 a column of three ones: at the start a = mu G, u = 0 and grad f = G + lambda_1, entry by entry."""
    xp = draw.xp
    lam1 = draw.log_uniform(low=0.03, high=0.3)
    G, mu = draw.uniform(low=1.0, high=2.0), draw.uniform(low=0.1, high=1.0) + 3 * draw.coin()
    three = draw.full(1.0, 3)
    # Every entry of y is c, and the minimiser solves a problem of one number.
    c, reach = mu * G - G - lam1, lam1 + 0.1 / 3
    z = c - xp.minimum(xp.maximum(c, -reach), reach)
    return {
        "D1": draw.backend.asarray([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]]),
        "D2": draw.backend.asarray([[[1.0], [1.0], [1.0]]]),
        "y": three * c[:, None],
        "lam1": lam1,
        "lam2": draw.full(0.1),
        "mu": mu,
        "step": mu / 3,
        "start": (mu * G)[:, None],
        "z": z[:, None],
        "w": three * (c - z)[:, None],
        "p": three * xp.minimum(xp.maximum(c, -lam1), lam1)[:, None],
    }


def above(D: Any) -> Any:
    """|D|^2, rounded up."""
    return spectral_norm(D) ** 2 * (1 + 2 * _norm_rounding(D))


def _norm_rounding(D: Any) -> float:
    """The relative error of the computed |D|^2 is below this."""
    return 16 * max(D.shape[-2:]) * eps(D)


def hypotheses(p: Any, x: Any) -> dict[str, Any]:
    """The two steps, up to the rounding of the norms, which moves the residuals by less than their own rounding."""
    inner, outer = (spectral_norm(D) ** 2 * (1 - _norm_rounding(D)) for D in (x["D1"], x["D2"]))
    xp = namespace(x["mu"])
    least = xp.minimum(xp.minimum(x["mu"], x["step"]), xp.minimum(x["lam1"], x["lam2"]))
    return {
        POSITIVE: xp.where(least > 0, least, -xp.ones_like(least)),
        INNER: 1 - x["mu"] * inner,
        STEP: 1.5 * x["mu"] - x["step"] * outer,
    }


def problem(x: Any) -> nested.TwoLayerLasso:
    """The data of F."""
    return nested.TwoLayerLasso(x["D1"], x["D2"], x["y"], x["lam1"], x["lam2"])


def measure(x: Any, points: Any, images: Any) -> dict[str, Any]:
    """The named quantities from points (B, T, m2) and their images."""
    xp = namespace(points)
    data, mu, step = problem(x), x["mu"], x["step"]
    value, at_z = data.objective(points), data.objective(x["z"][:, None, :])
    off = value.upper - value.value
    zero = data.objective(0 * x["z"][:, None, :])
    above_minimum = xp.minimum(at_z.upper, zero.upper)[:, 0]
    low = data.lower_bound(x["w"], x["p"])
    minimum = Enclosure(above_minimum, low, above_minimum).each(lambda v: v[:, None])
    found = nested.near_fixed(data, mu, step, points, images, above_minimum / x["lam2"])
    i = xp.arange(1, points.shape[1] + 1, dtype=points.dtype, device=points.device)[None, :]
    return {
        "gap": -minimum + value.value,
        "excess": found.excess,
        "drop": found.drop,
        "ceiling": found.ceiling,
        "slack": found.slack,
        "delta": 2 * found.rounding + 2 * off,
        "moved": found.residual[:, 1:],
        "before": found.residual[:, :-1],
        "delta_moved": found.moved[:, 1:] + found.moved[:, :-1],
        "mu": mu,
        "lam1": x["lam1"],
        "G": norm2(nested.inner(data, mu, points).G),
        "rows": 0 * mu + float(x["D2"].shape[-2]),
        "size": norm2(x["start"] - x["z"]),
        "step": step,
        "i": i,
    }


def solve(x: Any, method: Method, steps: int) -> dict[str, Any]:
    """The quantities along the iteration."""
    xp = namespace(x["start"])
    pairs = list(islice(method(problem(x), x["mu"], x["step"], x["start"]), steps))
    points, images = (xp.stack([pair[side] for pair in pairs], axis=1) for side in (0, 1))
    return measure(x, points, images)


def step_reference(x: Any, point: Any) -> Any:
    """One step for one instance, in Gram form."""
    import numpy as np

    D1, D2, mu, t = x["D1"][0], x["D2"][0], float(x["mu"][0]), float(x["step"][0])

    def soft(u: Any, tau: float) -> Any:
        return np.sign(u) * np.maximum(np.abs(u) - tau, 0)

    a = D2 @ point
    u = soft(a + mu * (D1.T @ x["y"][0] - (D1.T @ D1) @ a), mu * float(x["lam1"][0]))
    return soft(point - t / mu * (D2.T @ (a - u)), t * float(x["lam2"][0]))


# ------------------------------------------------------------------------------- maps that keep the ratios


def permute(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The atoms of both layers in another order."""
    inner, outer = (draw.shared.subset(m, m)[0, :] for m in x["D2"].shape[-2:])
    take = namespace(x["y"]).take
    return {
        **x,
        "D1": take(x["D1"], inner, axis=-1),
        "D2": take(take(x["D2"], inner, axis=-2), outer, axis=-1),
        "p": take(x["p"], inner, axis=-1),
        **{name: take(x[name], outer, axis=-1) for name in ("start", "z")},
    }


def flip(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Atoms of both layers negated."""
    s, r = (draw.shared.sign(m) for m in x["D2"].shape[-2:])
    return {
        **x,
        "D1": x["D1"] * s[:, None, :],
        "D2": s[:, :, None] * x["D2"] * r[:, None, :],
        "p": x["p"] * s,
        **{name: x[name] * r for name in ("start", "z")},
    }


def rescale(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Signal, codes and weights four times as large."""
    return {**x, **{name: 4 * x[name] for name in ("y", "lam1", "lam2", "start", "z", "w", "p")}}


INVARIANCES = {"permute atoms": permute, "negate atoms": flip, "rescale": rescale}
SYMBOLS = {
    "gap": (r"F(\gamma)-\min F", "objective at the point above its minimum, between certified ends"),
    "excess": (
        r"\lambda_1(\lVert a\rVert_1-\lVert u\rVert_1)-\mu\langle G-\nabla f(a),G\rangle",
        "duality gap that a fixed point has",
    ),
    "drop": (r"\lambda_1(\lVert a\rVert_1-\lVert u\rVert_1)", "what the inner step takes from the inner 1-norm"),
    "ceiling": (r"2\mu\lambda_1\sqrt{m_1}\lVert G\rVert", "the most that the excess can be"),
    "slack": (
        r"r\bigl(\lambda_2\sqrt{m_2}+\lVert D_2^TG\rVert+\tfrac{\lVert\gamma^+\rVert+b}t\bigr)",
        r"what $`\gamma`$ lacks of a fixed point, with $`r=\lVert\gamma^+-\gamma\rVert`$ and "
        r"$`b=F(0)/\lambda_2`$ or smaller",
    ),
    "delta": (r"\delta", "rounding of the excess and of F"),
    "moved": (r"\lVert\gamma^{i+1}-\gamma^i\rVert", "residual"),
    "before": (r"\lVert\gamma^i-\gamma^{i-1}\rVert", "residual one step earlier"),
    "delta_moved": (r"\delta_r", "rounding of two residuals"),
    "mu": (r"\mu", "inner step"),
    "lam1": (r"\lambda_1", "weight of the inner 1-norm"),
    "G": (r"\lVert G\rVert", "length of the gradient map"),
    "rows": ("m_1", "length of the inner representation"),
    "size": (r"\lVert\gamma^0-\gamma^\star\rVert", "distance of the start from the minimiser"),
    "step": ("t", "outer step"),
    "i": ("i", "iteration"),
}
