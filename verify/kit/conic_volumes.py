r"""Conic intrinsic volumes of the descent cone of the l1 norm at a vector with k non-zeros of R^d.

The cone's faces are those of the cross-polytope that contain a face with k vertices: a face with k + n vertices, of
which there are :math:`2^n\binom{d-k}n`, gives one of dimension :math:`j=k-1+n`, and

.. math:: v_j=2^n\binom{d-k}n\,\beta\gamma,\qquad
   \beta=\frac1{\sqrt{2\pi}}\int\Phi\Bigl(\frac{it}{\sqrt{j+1}}\Bigr)^ne^{-t^2/2}dt,\qquad
   \gamma=\sqrt{\frac{j+1}\pi}\int_0^\infty e^{-(j+1)x^2}\operatorname{erf}(x)^{d-1-j}dx

for j < d, the internal angle between a simplex and its face (n entries with the covariance I - 1 1^T/(j+1) are
positive) and the external angle of the cross-polytope (Affentranger and Schneider 1992). Last,
:math:`v_d=P(\sqrt k\,g+\sum|g_i|\le0)`, n = d - k entries, by Laplace inversion. The integrals of complex functions are
taken along the line through the saddle, where nothing cancels, by the trapezoidal rule, which converges geometrically;
the real one by Gauss's rule between the points where its log-concave integrand is negligible. All are relatively
accurate to about 1e-11, however small; d may be as large as a float (the formulas never count to it).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

NODES = 200
NEGLIGIBLE = 40.0  # nats below the largest value


@dataclass(frozen=True)
class L1Law:
    """Of a Gaussian matrix with m = 0, 1, ... rows ``fails[m]`` = P(m_* > m) and ``works[m]`` = P(m_* <= m), each
    without cancellation; ``volumes`` v_0, v_1, ..., and their mean ``dimension`` and ``variance``."""

    volumes: Any
    fails: Any
    works: Any
    dimension: float
    variance: float


@lru_cache(maxsize=256)
def l1_law(d: float, k: int) -> L1Law:
    r"""The volumes, up to d or to where they fall below e^-700, and what the conic kinematic formula makes of them:
    :math:`P(m_*>m)=2(v_{m+1}+v_{m+3}+\dots)` and :math:`P(m_*\le m)=2(v_{m-1}+v_{m-3}+\dots)`, m < d. NumPy arrays.

    ValueError unless k and d are whole and 1 <= k < d.
    """
    import numpy as np

    if not (1 <= k < d and d == math.floor(d) and k == math.floor(k)):
        raise ValueError(f"l1_law: needs whole numbers 1 <= k < d, got k = {k}, d = {d}")
    logs = [-math.inf] * (k - 1)
    while len(logs) < d and not (len(logs) > k and logs[-1] < min(-700.0, logs[-2])):
        logs.append(_log_volume(d, k, len(logs)))
    if len(logs) == d:
        logs.append(_log_last(int(d) - k, k))
    v = np.exp(np.asarray(logs))
    fails, works = 2 * v, 2 * v
    for m in range(2, len(v)):
        works[m] += works[m - 2]
        fails[-1 - m] += fails[1 - m]
    places = np.arange(len(v))
    mean = float(v @ places)
    return L1Law(v, fails[1:], np.append(0.0, works[:-2]), mean, float(v @ (places - mean) ** 2))


def _log_volume(d: float, k: int, j: int) -> float:
    n = j - k + 1
    faces = n * math.log(2) + _log_falling(d - k, n) - math.lgamma(n + 1)
    return faces + _log_internal(n, j + 1) + _log_external(d - 1 - j, j + 1)


def _log_falling(a: float, n: int) -> float:
    """log of a (a - 1) ... (a - n + 1), without cancellation for a large."""
    import numpy as np

    return n * math.log(a) + float(np.sum(np.log1p(-np.arange(n) / a))) if n else 0.0


def _log_internal(n: int, vertices: int) -> float:
    import numpy as np

    if n == 0:
        return 0.0
    a = vertices**-0.5
    y = _zero(lambda y: y - n * a * _hazard(y * a), 0.0, n + 10.0)
    t = np.linspace(0.0, math.sqrt(2 * NEGLIGIBLE / (1 - n / vertices)), NODES)
    logs = n * _log_normal_tail(a * (y - 1j * t)) - (t + 1j * y) ** 2 / 2
    return _log_line(logs, t) - math.log(2 * math.pi) / 2


def _log_last(n: int, k: int) -> float:
    import numpy as np

    c = _zero(lambda c: n * (c - _hazard(c)) + k * c - 1 / c, 1e-9, 50.0)
    t = np.linspace(0.0, math.sqrt(2 * NEGLIGIBLE / k), NODES)
    z = c + 1j * t
    logs = n * (math.log(2) + _log_normal_tail(z) + z * z / 2) + k * z * z / 2 - np.log(z)
    return _log_line(logs, t) - math.log(2 * math.pi)


def _log_line(logs: Any, t: Any) -> float:
    """log of the integral of the real part over the whole line, symmetric, by the trapezoidal rule."""
    import numpy as np

    values = np.exp(logs - logs[0].real).real
    return float(logs[0].real + math.log((2 * values.sum() - values[0]) * (t[1] - t[0])))


def _log_external(e: float, vertices: int) -> float:
    import numpy as np
    from scipy.special import erfc

    if e == 0:
        return -math.log(2)

    def log(x: float) -> float:
        return e * math.log1p(-math.erfc(x)) - vertices * x * x

    def falls(x: float) -> float:
        return 2 * vertices * x - e * 2 / math.sqrt(math.pi) * math.exp(-x * x) / (1 - math.erfc(x))

    peak = _zero(falls, 1e-12, 26.5)
    top = log(peak)
    low = _zero(lambda x: log(x) - top + NEGLIGIBLE, 1e-12, peak)
    high = _zero(lambda x: top - log(x) - NEGLIGIBLE, peak, peak + 7.0)
    nodes, weights = _gauss()
    x = (low + high) / 2 + (high - low) / 2 * nodes
    total = float(weights @ np.exp(e * np.log1p(-erfc(x)) - vertices * x * x - top)) * (high - low) / 2
    return top + math.log(total) + math.log(vertices / math.pi) / 2


@lru_cache(maxsize=1)
def _gauss() -> tuple[Any, Any]:
    """Nodes and weights of Gauss's rule on [-1, 1]."""
    from numpy.polynomial.legendre import leggauss

    nodes, weights = leggauss(NODES)
    return nodes, weights


def _log_normal_tail(z: Any) -> Any:
    """log P(g > z) for complex z with a real part of at least 0."""
    import numpy as np
    from scipy.special import wofz

    return np.log(wofz(1j * z / math.sqrt(2)) / 2) - z * z / 2


def _hazard(x: float) -> float:
    """density over tail of the normal law at x >= 0."""
    from scipy.special import erfcx

    return math.sqrt(2 / math.pi) / erfcx(x / math.sqrt(2))


def _zero(function: Callable[[float], float], low: float, high: float) -> float:
    """Where an increasing function changes sign, by halving."""
    for _ in range(64):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return (low + high) / 2
