"""Pairs of sparse vectors with near images, between which the noise lies: what the theorems on the sparsest
representation under noise share. Nothing hard is solved: they hold for all such pairs."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from theorems.sparse_coding import _instances as instances
from verify.core.arrays import eps, matvec, namespace, norm1, norm2, to_numpy
from verify.kit import dictionaries

HALF = Fraction(1, 2)
SPARSE, UNIT, NOISE, AS_SPARSE = "k < (1 + 1/mu)/2", "unit columns", "|v| <= epsilon", "no more non-zeros than alpha"
FEW = "u < 1 + 1/mu"
GIVEN = (SPARSE, UNIT, NOISE, AS_SPARSE)
RANDOM, ALIGNED, DENSE = "random pairs", "aligned pairs", "identity and Hadamard, dense"
FAMILIES = {
    **{f"{name}, {RANDOM}": "two sparse vectors on random atoms, noise between them" for name in instances.STANDARD},
    **{f"{name}, {ALIGNED}": "the difference on atoms as aligned as can be" for name in instances.STANDARD},
    DENSE: "a difference that has no image, with many non-zeros",
}


def sample(draw: Any, p: instances.DictionaryParams, family: str) -> dict[str, Any]:
    """D (1, n, m); mu (1,); alpha (B, m); v (B, n); radius (B,) = epsilon; point (B, m), the other vector."""
    xp = draw.xp
    D, mu = instances.dictionary(draw, p, family)
    n, m = D.shape[-2:]
    k = instances.sparsity(draw, p, mu, HALF)
    alpha = instances.sparse_vector(draw, m, k)
    if family == DENSE and m == 2 * n:
        z = draw.normal(n)
        h = xp.concat([-matvec(D[:, :, n:], z), z], axis=-1)
    elif family.endswith(RANDOM):
        h = instances.sparse_vector(draw, m, xp.minimum(draw.integers(1, m + 1), k)) - alpha
    else:
        alpha, h = _aligned_pair(draw, p, D, mu, k)
    v = matvec(D, h) / 2
    if family.endswith(RANDOM):
        v = v + instances.random_noise(draw, n, draw.uniform(low=0, high=0.5) * norm2(v))
    radius = xp.maximum(norm2(v), norm2(matvec(D, h) - v))
    if family == DENSE:
        radius = draw.log_uniform(low=0.006737946999085467, high=1.0)
    return {"D": D, "mu": mu, "alpha": alpha, "v": v, "radius": radius, "point": alpha + h}


def _aligned_pair(draw: Any, p: instances.DictionaryParams, D: Any, mu: Any, k: Any) -> tuple[Any, Any]:
    """alpha and h: h = s on u = k + 1, ..., 2k aligned atoms; alpha is -h on the first u - k of them, so that
    alpha + h is 0 there, 0 on the last u - k, and arbitrary on the others."""
    xp, m = draw.xp, D.shape[-1]
    most = 2 * max(p.k, dictionaries.admitted(float(to_numpy(mu)[0]), HALF))
    apart = xp.astype(xp.floor(draw.uniform() * xp.astype(k, D.dtype)), xp.int64) + 1
    u = k + apart
    h = instances.aligned_atoms(draw, D, u, min(most, m)) * draw.log_uniform(low=0.1, high=10.0)[:, None]
    order = xp.where(h != 0, draw.uniform(m), draw.full(2.0, m))
    rank = xp.argsort(xp.argsort(order, axis=-1), axis=-1)
    common = draw.log_uniform(m, low=2.0, high=20.0) * draw.sign(m)
    first, last = rank < apart[:, None], rank >= k[:, None]
    return xp.where(first, -h, xp.where(last, xp.zeros_like(h), common)), h


def hypotheses(x: Any) -> dict[str, Any]:
    """The sparsity condition multiplied out, with a margin: k sits on lattice values of 1/mu."""
    k = instances.count(x["alpha"])
    return {
        SPARSE: 1 + x["mu"] - 2 * k * x["mu"] - instances.MARGIN,
        FEW: 1 + x["mu"] - instances.count(union(x)) * x["mu"] - instances.MARGIN,
        UNIT: instances.unit_columns(x["D"]),
        NOISE: instances.within(x["v"], x["radius"]),
        AS_SPARSE: k - instances.count(x["point"]),
    }


def union(x: Any) -> Any:
    """Positive where alpha or the other vector is not 0: (B, m)."""
    xp = namespace(x["alpha"])
    return xp.maximum(xp.abs(x["alpha"]), xp.abs(x["point"]))


def known(x: Any, excess: Any) -> dict[str, Any]:
    """What the bounds need; eta is what the residual of the other vector exceeds epsilon by, with its rounding."""
    xp, (n, m) = namespace(excess), x["D"].shape[-2:]
    size = norm1(x["alpha"]) + norm1(x["point"]) + norm2(x["v"])
    return {
        "epsilon": x["radius"],
        "eta": xp.where(excess > 0, excess, xp.zeros_like(excess)) + 4 * eps(excess) * (n + m) * size,
        "k": instances.count(x["alpha"]),
        "u": instances.count(union(x)),
        "mu": x["mu"],
    }


def excess(x: Any) -> Any:
    """The length of the residual of the other vector, less epsilon: (B,)."""
    y = matvec(x["D"], x["alpha"]) + x["v"]
    return norm2(matvec(x["D"], x["point"]) - y) - x["radius"]


def reference_excess(x: Any) -> Any:
    """The same for one instance, on the atoms in use alone, with sums that are rounded once."""
    import math

    import numpy as np

    D, v, step = x["D"][0], x["v"][0], x["point"][0] - x["alpha"][0]
    used = np.flatnonzero(union(x)[0])
    residual = [math.fsum([*(D[i, j] * step[j] for j in used), -v[i]]) for i in range(D.shape[0])]
    return np.asarray([math.sqrt(math.fsum(t * t for t in residual)) - x["radius"][0]])


def repair(p: Any, x: Any) -> dict[str, Any]:
    """The noise in the middle of the two images again, epsilon its length."""
    v = matvec(x["D"], x["point"] - x["alpha"]) / 2
    return {**x, "v": v, "radius": norm2(v)}
