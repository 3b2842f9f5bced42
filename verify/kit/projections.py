r"""Euclidean projections onto the constraint sets of sparse recovery: the l1 ball and the k-sparse vectors.

Projecting onto an l1 ball, and onto a descent cone of the l1 norm (:mod:`verify.kit.cones`), means finding one
number, the threshold :math:`\tau`. :func:`threshold` finds it by Newton's method on a convex piecewise linear
function, without a sort: the steps approach the root from the left, each one drops coordinates from the active set
for good, and the step on the last piece lands on the root. So it ends after at most d + 1 steps (four to nine in
practice); the last root is computed from the data alone, so rounding does not build up.

Sources: M. Held, P. Wolfe, H. Crowder, "Validation of subgradient optimization", 1974 (the threshold by sorting);
C. Michelot, "A finite algorithm for finding the projection of a point onto the canonical simplex of R^n", 1986 (the
finite iteration); T. Blumensath, M. Davies, "Iterative thresholding for sparse approximations", 2008 (H_k).
"""

from __future__ import annotations

import math
from typing import Any

from verify.core.arrays import Array, namespace, norm1


def threshold(a: Array, slope: Array, intercept: Array) -> Array:
    r"""The smallest :math:`\tau\ge0` with :math:`\sum_j(a_j-\tau)_+\le\text{slope}\cdot\tau+\text{intercept}`.

    a (..., d) >= 0; slope and intercept (...) floating, slope 0 or >= 1, and intercept >= 0 where slope is 0 -> (...).
    The error is at most :math:`2d\,\varepsilon\,(|a|_1+|\text{intercept}|)/(n+\text{slope})`, n the number of active
    coordinates.
    """
    xp = namespace(a)
    ones = xp.ones(a.shape[-1], dtype=a.dtype, device=a.device)
    # Two roots to the left of the one sought: those of the sum over the largest coordinate, and over all (a - tau).
    tau = xp.maximum((xp.max(a, axis=-1) - intercept) / (1.0 + slope), 0.0)
    tau = xp.maximum(tau, (xp.matmul(a, ones) - intercept) / (a.shape[-1] + slope))
    last = None
    for _ in range(a.shape[-1] + 1):
        mask = xp.astype(a > tau[..., None], a.dtype)
        active = xp.matmul(mask, ones)
        # With nothing active and no slope this is <= 0. A root to the left of tau can only be rounding.
        tau = xp.maximum(tau, (xp.vecdot(mask, a) - intercept) / xp.maximum(active + slope, 1.0))
        if last is not None and bool(xp.all(active == last)):
            break
        last = active
    return tau


def shrink(y: Array, tau: Array) -> Array:
    r"""Soft thresholding :math:`\mathrm{sign}(y_j)(|y_j|-\tau)_+`: y (..., d), tau (...) -> (..., d)."""
    t = tau[..., None]
    return y - namespace(y, tau).clip(y, -t, t)


def per_vector(x: Array, y: Array) -> Array:
    """x (B,) or (1,), one number an instance, shaped to broadcast with the vectors of y (B, ..., d): (B, 1, ...)."""
    return namespace(x).reshape(x, (x.shape[0],) + (1,) * (y.ndim - 2))


def l1_ball(y: Array, radius: Array) -> Array:
    r"""The point of :math:`\{z:\|z\|_1\le\text{radius}\}` nearest to y.

    y (B, ..., d), radius (B,) or (1,) >= 0, same floating dtype -> like y. A point of the ball is returned as it is.
    The error in the 2-norm is a few :math:`d\,\varepsilon\,\|y\|_2`, and the result may leave the ball by that much.
    """
    xp = namespace(y, radius)
    a = xp.abs(y)
    bound = per_vector(radius, y)
    tau = threshold(a, xp.zeros_like(bound), bound)
    # The threshold sums in its own order; the ball is the one of norm1, so that Z stays in the ball of radius |Z|_1.
    return shrink(y, xp.where(norm1(y) <= bound, xp.zeros_like(tau), tau))


def hard_threshold(y: Array, k: int) -> Array:
    """H_k: the k entries of largest magnitude, the others set to zero; of equal magnitudes the smaller index stays.

    y (..., d) -> (..., d): a nearest point of the set of k-sparse vectors. Raises :class:`ValueError` for k < 0.
    """
    if k < 0:
        raise ValueError(f"k = {k}: a number of entries cannot be negative")
    xp = namespace(y)
    d = y.shape[-1]
    if k == 0 or k >= d:
        return xp.zeros_like(y) if k == 0 else y
    a = xp.abs(y)
    least = xp.sort(a, axis=-1)[..., d - k][..., None]
    above = a > least
    tied = xp.astype(a == least, xp.int64)
    room = k - xp.sum(xp.astype(above, xp.int64), axis=-1, keepdims=True)
    keep = above | ((tied > 0) & (xp.cumulative_sum(tied, axis=-1) <= room))
    return xp.where(keep, y, xp.zeros_like(y))


def l1_ball_reference(y: Any, radius: float) -> Any:
    """:func:`l1_ball` of one vector y (d,) by sorting, with exactly rounded sums: a witness is rechecked by it."""
    import numpy as np

    y = np.asarray(y, dtype=float)
    falling = sorted(np.abs(y).tolist(), reverse=True)
    if math.fsum(falling) <= radius:
        return y.copy()
    # tau is the largest of the roots that the n largest magnitudes alone would give.
    tau = max((math.fsum(falling[:n]) - radius) / n for n in range(1, len(falling) + 1))
    return np.sign(y) * np.maximum(np.abs(y) - tau, 0.0)
