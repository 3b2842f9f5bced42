"""What the theorems on Gaussian matrices share: the width of the l1 descent cone, and rates with certain ends."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist
from typing import Any

from verify import Enclosure
from verify.core.arrays import backend, eps, namespace, to_numpy
from verify.kit import descent, rho, widths
from verify.kit.cones import L1DescentCone

SAMPLES = 16384  # of a width
MISSED = 1e-12  # probability, over those samples, that a width is outside its ends


def signs(draw: Any, d: int, k: int) -> Any:
    """The signs of a signal whose first k entries are positive, (1, d): a Gaussian matrix does not see which."""
    return draw.backend.asarray([[1.0] * k + [0.0] * (d - k)])


@lru_cache(maxsize=64)
def width_ends(d: int, k: int) -> tuple[float, float, float]:
    r"""The width :math:`\omega=\mathbb E\|P_C(g)\|` of the l1 descent cone: a Monte Carlo mean between two ends.

    The norm is a 1-Lipschitz function of g, so a mean of n of them is off by s with probability at most
    :math:`2e^{-ns^2/2}`; and :math:`\delta-1\le\omega^2\le\delta` with the closed form that brackets :math:`\delta`.
    """
    bounds = widths.l1_dimension(d, k)
    host = backend("numpy")
    cone = L1DescentCone(host.asarray([[1.0] * k + [0.0] * (d - k)]))
    mean = widths.monte_carlo(cone, d, SAMPLES, host).width
    s = math.sqrt(2 * math.log(2 / MISSED) / SAMPLES)
    low, high = math.sqrt(max(0.0, bounds.upper - bounds.loss - 1)), math.sqrt(bounds.upper)
    low, high = max(low, mean - s), min(high, mean + s)
    return min(max(mean, low), high), low * (1 - 1e-12), high * (1 + 1e-12)


def quantile(delta: float) -> float:
    """The q that a standard normal number exceeds with probability ``delta``."""
    return -NormalDist().inv_cdf(delta)


def deviation(delta: float) -> float:
    r"""tau with :math:`P(F\le\mathbb EF-\tau)\le\delta` for every 1-Lipschitz function F of independent standard normal
    numbers: :math:`q+\varphi(q)-q\delta` with the density :math:`\varphi` at q = quantile(delta).

    If :math:`P(F\le c)=\delta` then :math:`P(F\le c+x)\ge\Phi(x-q)` by isoperimetry, so
    :math:`\mathbb EF-c\le\int_0^\infty P(F>c+x)\,dx\le\mathbb E(g+q)_+=\tau`, g standard normal; (g + q)_+ attains it.
    """
    q = quantile(delta)
    return q + NormalDist().pdf(q) - q * delta


def constant(like: Any, value: float) -> Enclosure:
    """A number computed to a few roundings, for every instance of the batch (B, ...)."""
    xp = namespace(like)
    full = xp.full((like.shape[0],), value, dtype=like.dtype, device=like.device)
    return Enclosure.around(full, 4 * eps(like) * xp.abs(full))


def width(like: Any, k: int) -> Enclosure:
    """The width of the l1 descent cone at k-sparse signals, for every instance of the batch (B, m, d)."""
    value, low, high = (constant(like, v) for v in width_ends(like.shape[-1], k))
    return Enclosure(value.value, low.lower, high.upper)


def bracket(A: Any, mu: Any, row: Any, starts: Any, certify: bool) -> Enclosure:
    r"""rho of ``M = I - mu A^T A`` on the l1 descent cone with signs ``row`` (1, d), the error of M within the ends.

    The lower end, which is the value too, is attained by a pair of the cone that an ascent found; the upper end is
    the certificate of the semidefinite relaxation where ``certify`` is true (on the host), else the larger of 1 and
    :math:`\mu\|A\|^2-1`, as the eigenvalues of M lie between 1 and :math:`1-\mu\|A\|^2`.
    """
    xp = namespace(A)
    M = descent.gradient_map(A, mu)
    error = descent.gradient_map_rounding(A, mu)
    lower, _ = rho.ascent_lower(M, L1DescentCone(row), starts, steps=60)
    lower = xp.maximum(lower - error, xp.zeros_like(lower))
    if not certify:
        most = mu * descent.largest_eigenvalue_of_gram(A) * (1 + 8 * sum(A.shape[-2:]) * eps(A)) - 1
        return Enclosure(lower, lower, xp.maximum(most, xp.ones_like(most)) + error)
    found = [rho.lifted_upper(matrix, to_numpy(row)[0]) * (1 + eps(M)) for matrix in to_numpy(M)]
    return Enclosure(lower, lower, xp.asarray(found, dtype=M.dtype, device=M.device) + error)
