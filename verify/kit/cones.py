r"""Closed convex cones: descent cones of the l1 norm, and subspaces, behind one interface.

The descent cone of :math:`\|\cdot\|_1` at a signal Z with support S and signs s is

.. math:: C=\{h:\langle s,h_S\rangle+\|h_{S^c}\|_1\le0\},

the closed cone of the directions in which the norm does not grow at first; it depends on Z through its signs alone.
:math:`P_C(y)` is :math:`y_S-\tau s` on S and soft thresholding at :math:`\tau` off S, where :math:`\tau\ge0` is the
smallest number with :math:`\sum_{j\notin S}(|y_j|-\tau)_+\le k\tau-\langle s,y_S\rangle`, k = |S| (the optimality
conditions of the projection; Oymak, Recht, Soltanolkotabi, "Sharp time-data tradeoffs for linear inverse problems",
2018, use this cone; the formula is derived from the conditions, not taken from there). Hence
:math:`\sup_{u\in C,\|u\|\le1}u^Ty=\|P_C(y)\|`, which holds for every closed convex cone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

from verify.core.arrays import Array, dot, namespace, norm1, norm2
from verify.kit.projections import per_vector, threshold


class Cone(Protocol):
    """A closed convex cone for each instance, or one for all."""

    def project(self, v: Array) -> Array:
        """The nearest points of the cone: v (B, d), or (B, S, d) with S vectors an instance -> like v."""

    def margin(self, h: Array) -> Array:
        """How far inside the cone h (B, d) or (B, S, d) is, in the units of h -> (B,) or (B, S); >= 0 means inside."""


@dataclass(frozen=True)
class L1DescentCone:
    """The descent cone of the l1 norm at signals with the given signs.

    signs (B, d) or (1, d), of the floating dtype of the vectors: the sign of the signal on its support and 0 off it,
    so that supports may differ between instances. An empty support gives the cone {0}; a full one a half-space.
    """

    signs: Array

    def project(self, v: Array) -> Array:
        """P_C(v), with an error of a few d eps |v| in the 2-norm."""
        xp = namespace(self.signs, v)
        s = _spread(self.signs, v)
        off = s == 0.0
        size = per_vector(norm1(self.signs), v)
        tau = threshold(xp.where(off, xp.abs(v), xp.zeros_like(v)), size, -dot(s, v))[..., None]
        return v - xp.where(off, xp.clip(v, -tau, tau), tau * s)

    def margin(self, h: Array) -> Array:
        r""":math:`-(\langle s,h_S\rangle+\|h_{S^c}\|_1)`."""
        xp = namespace(self.signs, h)
        s = _spread(self.signs, h)
        return -xp.sum(xp.where(s == 0.0, xp.abs(h), s * h), axis=-1)


@dataclass(frozen=True)
class Subspace:
    """The subspaces spanned by the orthonormal columns of Q (B, d, r) or (1, d, r)."""

    Q: Array

    def project(self, v: Array) -> Array:
        """Q Q^T v."""
        xp = namespace(self.Q, v)
        if self.Q.shape[0] == 1:
            Q = self.Q[0, ...]
            return xp.matmul(xp.matmul(v, Q), xp.matrix_transpose(Q))
        rows = v if v.ndim == 3 else v[:, None, :]
        p = xp.matmul(xp.matmul(rows, self.Q), xp.matrix_transpose(self.Q))
        return p if v.ndim == 3 else p[:, 0, :]

    def margin(self, h: Array) -> Array:
        """Minus the distance to the subspace."""
        return -norm2(h - self.project(h))


def _spread(signs: Array, v: Array) -> Array:
    """signs (B, d) shaped to broadcast with v (B, d) or (B, S, d)."""
    return signs if v.ndim == 2 else signs[:, None, :]


def l1_cone_reference(v: Any, signs: Any) -> Any:
    """:meth:`L1DescentCone.project` of one vector: v, signs (d,) -> (d,), by bisection down to neighbouring numbers
    with exactly rounded sums. The path a witness is rechecked by."""
    import numpy as np

    v, signs = np.asarray(v, dtype=float), np.asarray(signs, dtype=float)
    off = signs == 0.0
    magnitudes = np.abs(v[off]).tolist()
    terms = (signs * v)[~off].tolist()

    def excess(tau: float) -> float:
        """Falls in tau; at most 0 from the threshold on."""
        return math.fsum([max(a - tau, 0.0) for a in magnitudes] + [t - tau for t in terms])

    low, high = 0.0, max([0.0, *magnitudes, *map(abs, terms)])
    if excess(low) <= 0.0:
        high = low
    while low < (middle := low + (high - low) / 2) < high:
        low, high = (middle, high) if excess(middle) > 0.0 else (low, middle)
    return np.where(off, np.sign(v) * np.maximum(np.abs(v) - high, 0.0), v - high * signs)
