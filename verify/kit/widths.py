r"""Gaussian widths and statistical dimensions of the descent cones of the l1 norm.

For a closed convex cone C and a standard Gaussian g, :math:`\delta(C)=\mathbb E\|P_C(g)\|^2` is the statistical
dimension and :math:`\omega(C)=\mathbb E\|P_C(g)\|` the Gaussian width of its unit ball; the norm is 1-Lipschitz in g,
so :math:`\omega^2\le\delta\le\omega^2+1`. For the l1 descent cone at a vector with k non-zeros of signs s on S the
distance from g to :math:`\tau\,\partial\|\cdot\|_1` has the square

.. math:: V(\tau)=\sum_{i\in S}(s_ig_i-\tau)^2+\sum_{j\notin S}(|g_j|-\tau)_+^2,\qquad
          \|P_C(g)\|^2=\min_{\tau\ge0}V(\tau),

because the polar cone is the union of these sets (Moreau). Hence :math:`\delta\le\inf_\tau\mathbb EV(\tau)`, in closed
form (:func:`l1_dimension`; Chandrasekaran, Recht, Parrilo, Willsky 2012; Amelunxen, Lotz, McCoy, Tropp 2014).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from verify.core.arrays import Array, Backend, dot, namespace, norm1, norm2
from verify.core.streams import Draw, tag
from verify.kit.cones import Cone
from verify.kit.projections import per_vector


def gaussian_length(m: int) -> float:
    r""":math:`b_m=\mathbb E\|g\|=\sqrt2\,\Gamma(\frac{m+1}2)/\Gamma(\frac m2)` for a standard Gaussian g of R^m;
    :math:`m/\sqrt{m+1}\le b_m\le\sqrt m`. ValueError for m < 0."""
    if m < 0:
        raise ValueError(f"gaussian_length: m = {m} is not a dimension")
    return math.sqrt(2) * math.exp(math.lgamma((m + 1) / 2) - math.lgamma(m / 2)) if m else 0.0


def excess_moments(tau: float) -> tuple[float, float, float]:
    r"""Of :math:`x=(|g|-\tau)_+`, g a standard normal number and tau >= 0: P(x > 0) = 2Q, E x = 2(phi - tau Q) and
    E x^2 = 2((1 + tau^2) Q - tau phi), with Q and phi the normal tail and density at tau."""
    tail = math.erfc(tau / math.sqrt(2)) / 2
    density = math.exp(-(tau**2) / 2) / math.sqrt(2 * math.pi)
    return 2 * tail, 2 * (density - tau * tail), 2 * ((1 + tau**2) * tail - tau * density)


@dataclass(frozen=True)
class L1Dimension:
    r"""Bounds of the statistical dimension: ``upper - loss <= delta <= upper``, with ``upper`` = d psi(k/d) the
    infimum of E V, ``tau`` where it is attained, and ``loss`` = Var V'(tau) / (4k) <= 3 - k tau^2/(d - k).

    ``expected_loss``, = Var V'(tau) / (2 E V''), is what d psi - delta tends to with d at fixed k/d, to second order:
    an approximation between 0 and 1, not a bound.
    """

    tau: float
    upper: float
    loss: float
    expected_loss: float


def l1_dimension(d: int, k: int) -> L1Dimension:
    r""":math:`d\psi(k/d)=\inf_{\tau\ge0}\{k(1+\tau^2)+2(d-k)[(1+\tau^2)Q(\tau)-\tau\varphi(\tau)]\}` and how far it
    can be from :math:`\delta`, for the l1 descent cone at a k-sparse vector of R^d.

    The derivative :math:`2(k\tau-(d-k)\mathbb Ex)` increases, so its root is found by bisection to the last bit; any
    tau gives an upper bound of delta, and a relative error of tau enters its value squared. There
    :math:`d\psi=k+2(d-k)Q(\tau)`.

    *Loss.* V is convex with V'' >= 2k, so :math:`V(\tau)-\min V\le V'(\tau)^2/4k`; at the root E V' = 0 and
    :math:`\mathrm{Var}V'=4[k+(d-k)(\mathbb Ex^2-(\mathbb Ex)^2)]`. As Q is log-concave,
    :math:`\mathbb Ex^2\le2(\mathbb Ex)^2/P(x>0)\le2\mathbb Ex/\tau`, so the loss is at most 3.

    ValueError unless 1 <= k <= d.
    """
    if not 1 <= k <= d:
        raise ValueError(f"l1_dimension: needs 1 <= k <= d, got k = {k}, d = {d}")
    low, high = 0.0, d / k  # E x <= E|g| < 1, so the derivative is positive at the upper end
    while low < (middle := (low + high) / 2) < high:
        if k * middle < (d - k) * excess_moments(middle)[1]:
            low = middle
        else:
            high = middle
    tau = high if k < d else 0.0
    active, mean, square = excess_moments(tau)
    spread = k + (d - k) * (square - mean**2)
    upper = k * (1 + tau**2) + (d - k) * square
    return L1Dimension(tau, upper, spread / k, spread / (k + (d - k) * active))


def distance_square(signs: Array, g: Array, tau: float) -> Array:
    """V(tau): the squared distance from g to tau times the subdifferential of the l1 norm.

    signs (B, d) or (1, d), 0 off the support; g (B, d) or (B, S, d) -> (B,) or (B, S)."""
    xp = namespace(signs, g)
    s = signs if g.ndim == 2 else signs[:, None, :]
    off = xp.abs(g) - tau
    off = xp.where(off > 0, off, xp.zeros_like(off))
    rest = xp.where(s == 0.0, off, s * g - tau)
    return dot(rest, rest)


def polar_square(signs: Array, g: Array) -> Array:
    r""":math:`\|P_{C^\circ}(g)\|^2` by sorting, a path that shares nothing with the projection onto C: by Moreau it is
    :math:`\|g\|^2-\|P_C(g)\|^2`.

    The threshold is :math:`\tau=\max(0,\max_n(\langle s,g_S\rangle+a_1+\dots+a_n)/(k+n))`, :math:`a_1\ge a_2\ge\dots`
    the magnitudes off the support, because :math:`\sum_j(a_j-\tau)_+=\max_n(a_1+\dots+a_n-n\tau)`. signs (B, d) or
    (1, d), not all zero; g (B, d) or (B, S, d) -> (B,) or (B, S).
    """
    xp = namespace(signs, g)
    s = signs if g.ndim == 2 else signs[:, None, :]
    magnitudes = xp.where(s == 0.0, xp.abs(g), xp.zeros_like(g))
    sums = xp.cumulative_sum(xp.sort(magnitudes, axis=-1, descending=True), axis=-1, include_initial=True)
    k, inner = per_vector(norm1(signs), g)[..., None], dot(s, g)[..., None]
    counts = xp.arange(sums.shape[-1], dtype=g.dtype, device=g.device)
    tau = xp.max((inner + sums) / (k + counts), axis=-1)[..., None]
    tau = xp.where(tau > 0, tau, xp.zeros_like(tau))
    part = xp.where(s == 0.0, xp.where(magnitudes < tau, magnitudes, tau), tau + xp.zeros_like(g))
    return dot(part, part)


@dataclass(frozen=True)
class Width:
    """Monte Carlo means with their standard errors: ``dimension`` of |P_C g|^2 and ``width`` of |P_C g|."""

    dimension: float
    dimension_error: float
    width: float
    width_error: float


def monte_carlo(cone: Cone, d: int, samples: int, backend: Backend, *, seed: int = 0, batch: int = 1024) -> Width:
    """Statistical dimension and width of one cone of R^d from ``samples`` >= 2 exact projections of Gaussian vectors
    of the named seed, ``batch`` at a time."""
    stream = tag("width", str(d))
    total = [0.0, 0.0, 0.0]
    for start in range(0, samples, batch):
        g = Draw(backend, seed, stream, start, min(start + batch, samples)).normal(d)
        length = norm2(cone.project(g))
        xp = namespace(length)
        total = [t + float(xp.sum(length**power)) for t, power in zip(total, (1, 2, 4), strict=True)]
    width, dimension, fourth = (t / samples for t in total)

    def error(second: float, mean: float) -> float:
        return math.sqrt(max(0.0, second - mean**2) / (samples - 1))

    return Width(dimension, error(fourth, dimension), width, error(dimension, width))


def l1_dimension_reference(d: int, k: int) -> float:
    """d psi(k/d) by quadrature of the moments and a search for the minimum, on the host."""
    from scipy.integrate import quad
    from scipy.optimize import minimize_scalar

    def mean(tau: float) -> Any:
        density = math.sqrt(2 / math.pi)
        tail, _ = quad(lambda u: u**2 * density * math.exp(-((u + tau) ** 2) / 2), 0, 40, epsabs=0, epsrel=1e-13)
        return k * (1 + tau**2) + (d - k) * tail

    best = minimize_scalar(mean, bounds=(0.0, math.sqrt(2 * math.log(d / k)) + 1), method="bounded")
    return float(min(best.fun, mean(0.0)))
