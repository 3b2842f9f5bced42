r"""LASSO instances for the rates of ISTA and FISTA, and what both measure on them.

An instance is A (B, m, d) or shared (1, m, d), X (B, m), lam and L (B,), a start and a comparison point z (B, d). The
minimiser is known by construction, so no solver is needed: with a residual :math:`\lambda w` and
:math:`A_j^Tw=\mathrm{sign}z_j` on the support of z, :math:`|A_j^Tw|\le1` off it, z minimises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from verify import Enclosure
from verify.core.arrays import eps, matvec, namespace, norm1, norm2, rmatvec, spectral_norm
from verify.kit import shrinkage

FAMILIES = {
    "random": "Gaussian A; z the minimiser, known by construction",
    "ill-conditioned": "columns of lengths between 1/30 and 1; z the minimiser",
    "any point": "Gaussian A; z on the way to the minimiser, beyond it, or beside",
    "near null": "a start along a column a tenth to 1e-4 as long as the others, lambda tuned to one t",
    "extremal": "a start along a column that is zero, lambda tuned to one t: the sharp constant",
    "scalar": "one measurement of one number, for wrong steps",
}
HORIZONS = (1, 2, 3, 5, 8, 50)  # the t that lambda is tuned to, and the last one

Positions = Callable[[int], tuple[float, ...]]  # S_1, ..., S_n: how far n steps go along a constant unit gradient
Method = Callable[..., Iterator[Any]]


def sample(draw: Any, p: Any, family: str, positions: Positions) -> dict[str, Any]:
    """The instances of a family. lambda tuned to t is :math:`LR/(2S_t)` with R the length of the start."""
    horizons = [h for h in HORIZONS if h < p.steps] + [p.steps]
    reach = draw.choose(tuple(positions(p.steps)[h - 1] for h in horizons))
    if family == "extremal":
        return _extremal(draw, reach)
    if family == "scalar":
        return _scalar(draw)
    G = draw.normal(p.m, p.d)
    if family == "near null":
        return _near_null(draw, G, reach)
    if family == "ill-conditioned":
        G = G * draw.log_uniform(1, p.d, low=10**-1.5, high=1.0)
    x = with_minimiser(draw, G, min(p.k, p.d))
    start = draw.coin()[:, None] * draw.normal(p.d)
    if family == "any point":
        along = draw.uniform(1, high=1.5)
        x["z"] = start + along * (x["z"] - start) + 0.3 * draw.coin()[:, None] * draw.normal(p.d)
    return {**x, "L": _above(x["A"]), "start": start}


def with_minimiser(draw: Any, G: Any, k: int) -> dict[str, Any]:
    """A, X, lam and the minimiser z with k non-zeros, from a matrix G whose columns are shortened where needed."""
    xp = draw.xp
    w = draw.normal(G.shape[-2])
    c = rmatvec(G, w)
    kth = xp.sort(xp.abs(c), axis=-1, descending=True)[:, k - 1 : k]
    w, c = w / kth, c / kth
    long = xp.maximum(xp.abs(c), xp.ones_like(c))
    A = G / long[:, None, :]
    values = xp.sign(c) * (0.1 + xp.abs(draw.normal(c.shape[-1])))
    z = xp.where(xp.abs(c) >= 1, values, xp.zeros_like(c))
    lam = draw.log_uniform(low=1e-3, high=3.0)
    return {"A": A, "X": matvec(A, z) + lam[:, None] * w, "lam": lam, "z": z}


def _near_null(draw: Any, G: Any, reach: Any) -> dict[str, Any]:
    """X = 0, so that 0 minimises; the start is 1 along the short column and may lie a little off it."""
    xp = draw.xp
    first = xp.arange(G.shape[-1], device=G.device)[None, None, :] == 0
    short = draw.log_uniform(1, 1, low=1e-4, high=1e-1)
    A = xp.where(first, short * G, G)
    L = _above(A)
    zero = draw.full(0.0, G.shape[-1])
    start = xp.where(first[:, 0, :], zero + 1.0, zero) + 0.1 * draw.coin()[:, None] * draw.normal(G.shape[-1])
    return {"A": A, "X": draw.full(0.0, G.shape[-2]), "lam": L / (2 * reach), "L": L, "start": start, "z": zero}


def _extremal(draw: Any, reach: Any) -> dict[str, Any]:
    """A = (0 1), X = 0, start (R, 0): every step goes lambda/L down lambda |z_1|. By hand R = 1 and L = 2; otherwise
    they are of several orders, which no bound of a wrong degree survives."""
    xp = draw.xp
    by_hand = draw.coin() == 0
    R = xp.where(by_hand, draw.full(1.0), draw.log_uniform(low=1e-2, high=1e2))
    L = xp.where(by_hand, draw.full(2.0), draw.log_uniform(low=1.0, high=10.0))
    zero = draw.full(0.0)
    return {
        "A": draw.backend.asarray([[[0.0, 1.0]]]),
        "X": draw.full(0.0, 1),
        "lam": L * R / (2 * reach),
        "L": L,
        "start": xp.stack([R, zero], axis=-1),
        "z": draw.full(0.0, 2),
    }


def _scalar(draw: Any) -> dict[str, Any]:
    """A = a, X = 0, lambda = 0, start 1. By hand a = 0.99, L = 1 (a long step overshoots) or a = 3, L = 10 (where
    |A| is far below its square)."""
    free = draw.coin()
    wide = draw.coin()
    a = 0.99 + 2.01 * wide - 0.03 * free * draw.uniform()
    return {
        "A": a[:, None, None],
        "X": draw.full(0.0, 1),
        "lam": draw.full(0.0),
        "L": 1 + 9 * wide,
        "start": draw.full(1.0, 1),
        "z": draw.full(0.0, 1),
    }


def _above(A: Any) -> Any:
    """|A|^2, rounded up."""
    return spectral_norm(A) ** 2 * (1 + 2 * norm_rounding(A))


def norm_rounding(A: Any) -> float:
    """The relative error of the computed |A|^2 is below this."""
    return 16 * max(A.shape[-2:]) * eps(A)


def hypotheses(p: Any, x: Any) -> dict[str, Any]:
    """L beyond the rounding of |A|; the zero column as the exact equations that the extremal instance needs."""
    xp = namespace(x["X"])
    start, zero = x["start"], xp.zeros_like(x["L"])
    beside = norm1(start) - xp.max(xp.abs(start), axis=-1)
    return {
        "L >= |A|^2": zero + x["L"] - spectral_norm(x["A"]) ** 2 * (1 + norm_rounding(x["A"])),
        "start on a zero column": -(norm2(matvec(x["A"], start)) + norm2(x["X"]) + norm2(x["z"]) + beside),
    }


def on_zero_column(x: Any) -> bool:
    """Whether the batch is of the extremal family, which alone is small enough for the sweep over lambda."""
    return x["A"].shape[-2:] == (1, 2)


def sweep(x: Any, method: Method, positions: Positions, steps: int) -> Any:
    """Of each extremal instance and each t: F after t steps with lambda tuned to that t, (B, steps).

    Every (instance, t) is a LASSO of its own; F(0) = 0. NaN for the other families."""
    xp = namespace(x["X"])
    if not on_zero_column(x):
        return xp.full((x["X"].shape[0], steps), xp.nan, dtype=x["X"].dtype, device=x["X"].device)

    def each(a: Any) -> Any:
        """The instance's array once for every t."""
        wide = xp.broadcast_to(a[:, None, ...], (a.shape[0], steps, *a.shape[1:]))
        return xp.reshape(wide, (-1, *a.shape[1:]))

    A = x["A"] if x["A"].shape[0] == 1 else each(x["A"])
    X, L, start = (each(x[name]) for name in ("X", "L", "start"))
    reach = xp.asarray(positions(steps), dtype=X.dtype, device=X.device)
    lam = xp.reshape((x["L"] * norm2(x["start"]))[:, None] / (2 * reach)[None, :], (-1,))
    found = []
    for t, z in enumerate(islice(method(A, X, lam, L, start), steps)):
        own = slice(t, None, steps)
        found.append(shrinkage.objectives(x["A"], X[own, :], lam[own], z[own, None, :]))
    return xp.concat(found, axis=-1)


def sweep_reference(x: Any, momentum: Callable[[int], float], positions: Positions, steps: int) -> Any:
    """The same for one instance, in one dimension: the second coordinate stays 0."""
    import numpy as np

    if not on_zero_column(x):
        return np.full((1, steps), np.nan)
    L, R = float(x["L"][0]), float(np.abs(x["start"]).sum())
    found = []
    for t, reach in enumerate(positions(steps), start=1):
        lam = L * R / (2 * reach)
        z = y = R
        for i in range(1, t + 1):
            new = max(y - lam / L, 0.0) if y > 0 else min(y + lam / L, 0.0)
            y, z = new + momentum(i) * (new - z), new
        found.append(lam * abs(z))
    return np.asarray([found])


def step_reference(x: Any, L: float, y: Any) -> Any:
    """One proximal step for one instance, in Gram form."""
    import numpy as np

    A, X, lam = x["A"][0], x["X"][0], float(x["lam"][0])
    u = y + (A.T @ X - (A.T @ A) @ y) / L
    return np.sign(u) * np.maximum(np.abs(u) - lam / L, 0)


def step_kernel(x: Any, L: Any, y: Any) -> Any:
    """One proximal step of the batch."""
    return shrinkage.proximal_step(x["A"], x["X"], x["lam"], L, y)


def measure(
    x: Any,
    iterates: Any,
    tuned: Any,
    rounding: Callable[[Any, Any, Any], Any],
    order: Callable[[Any], Any],
    positions: Positions,
    step: Callable[[Any, Any, Any], Any],
) -> dict[str, Any]:
    """The named quantities of the bounds from a trajectory (B, T + 1, d).

    ``rounding(lam, size, t)`` is a bound on what the rounding of t (1, T) steps adds to F, (B, T), when no iterate is
    longer than ``size`` (B,); ``tuned`` is the :func:`sweep`, and ``order(t)`` what its gaps are to be multiplied
    by."""
    xp = namespace(x["X"])
    T = iterates.shape[1] - 1
    value = _objective(x, iterates)
    at_z = _objective(x, x["z"][:, None, :])
    distance = norm2(x["start"] - x["z"])
    norm = spectral_norm(x["A"])
    start = x["start"]
    long = step(x, x["L"] / 1.9, step(x, x["L"] / 1.9, start))
    unsquared = step(x, norm + 0 * x["L"], start)
    t = xp.arange(1, T + 1, dtype=start.dtype, device=start.device)[None, :]
    reach = xp.asarray(positions(T), dtype=start.dtype, device=start.device)[None, :]
    # On the extremal LASSO no iterate is longer than the start, and lambda is largest for t = 1.
    R = norm2(start)
    swept = rounding(x["L"] * R / 2, R, t) + _unit(x) * xp.abs(tuned)
    delta = rounding(x["lam"], xp.max(norm2(iterates), axis=-1), t)
    return {
        "gap": value.each(lambda v: v[:, 1:]) - at_z,
        "value": value.each(lambda v: v[:, 1:]),
        "before": value.each(lambda v: v[:, :-1]),
        "needed": Enclosure.around(tuned, swept) * order(t) / (R**2 * x["L"])[:, None],
        "long": _moved(x, long, x["L"] / 1.9, 2) - at_z,
        "unsquared": _moved(x, unsquared, norm + 0 * x["L"], 1) - at_z,
        "size": Enclosure.around(distance, _unit(x) * distance),
        "L": x["L"],
        "norm": Enclosure.around(norm, norm_rounding(x["A"]) * norm),
        "t": t,
        "S": Enclosure.around(reach, eps(reach) * reach),
        "delta": delta,
    }


def _unit(x: Any) -> float:
    return (x["A"].shape[-1] + 8) * eps(x["X"])


def _objective(x: Any, points: Any) -> Enclosure:
    """F at points (B, T, d)."""
    data = (x["A"], x["X"], x["lam"])
    return Enclosure.around(shrinkage.objectives(*data, points), shrinkage.objective_rounding(*data, points))


def _moved(x: Any, z: Any, L: Any, steps: int) -> Enclosure:
    """F after ``steps`` exact steps of size 1/L from the start, which the computed ones led to z."""
    xp = namespace(z)
    data = (x["A"], x["X"], x["lam"])
    size = norm2(x["start"]) + norm2(z)
    off = steps * shrinkage.step_rounding(*data, L, size) * shrinkage.subgradient_bound(*data, size)
    value = _objective(x, z[:, None, :])
    return Enclosure(value.value, value.lower - 2 * off[:, None], value.upper + 2 * xp.abs(off)[:, None])


# ------------------------------------------------------------------------------- maps that keep the ratios


def permute(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The coordinates of the signal in another order."""
    d = x["z"].shape[-1]
    order = draw.shared.subset(d, d)[0, :]
    return {**x, **{name: namespace(x[name]).take(x[name], order, axis=-1) for name in ("A", "start", "z")}}


def flip(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Some coordinates of the signal negated."""
    s = draw.shared.sign(x["z"].shape[-1])
    return {**x, "A": x["A"] * s[:, None, :], "start": x["start"] * s, "z": x["z"] * s}


def rescale(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Signal and data four times, the matrix twice as large."""
    return {
        **x,
        "A": 2 * x["A"],
        "L": 4 * x["L"],
        "X": 8 * x["X"],
        "lam": 16 * x["lam"],
        "start": 4 * x["start"],
        "z": 4 * x["z"],
    }


INVARIANCES = {"permute coordinates": permute, "flip signs": flip, "rescale": rescale}
SYMBOLS = {
    "gap": ("F(z^t)-F(z)", "objective at the iterate above that at the comparison point"),
    "value": ("F(z^t)", "objective at the iterate"),
    "before": ("F(z^{t-1})", "objective one step earlier"),
    "long": ("F(z^2)-F(z)", "gap after two steps of size $`1.9/L`$"),
    "unsquared": ("F(z^1)-F(z)", r"gap after one step of size $`1/\lVert A\rVert`$"),
    "size": (r"\lVert z^0-z\rVert", "distance of the start from the comparison point"),
    "L": ("L", r"at least $`\lVert A\rVert^2`$; the step is $`1/L`$"),
    "norm": (r"\lVert A\rVert", "spectral norm"),
    "t": ("t", "iteration"),
    "S": ("S_t", "how far $`t`$ steps go along a constant unit gradient"),
    "lam": (r"\lambda", "weight of the 1-norm"),
    "start": ("z^0", "start"),
    "z": ("z", "comparison point"),
    "delta": (r"\delta", "bound on what the rounding of the steps adds to the objective"),
}
