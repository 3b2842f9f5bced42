r"""Iterative shrinkage for the LASSO, batched: ISTA, FISTA, and certificates that need no solver.

The objective is :math:`F(z)=\tfrac12\|X-Az\|^2+\lambda\|z\|_1`, L is at least :math:`\|A\|^2`, and a step is
:math:`z\leftarrow\psi_{\lambda/L}(y-A^T(Ay-X)/L)` with the soft threshold :math:`\psi`. Shapes everywhere: A (B, m, d)
or shared (1, m, d), X (B, m), lam and L (B,), points (B, d), and iterates (B, T, d).

Every function here that says *rounding* returns a bound in which each product and sum of length n counts as n unit
roundoffs (Higham, Accuracy and Stability of Numerical Algorithms, 2002, chapter 3), with ``|A|_F`` for the norm of
the matrix of magnitudes.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, localcontext
from functools import cache
from itertools import islice
from typing import NamedTuple

from verify.core.arrays import Array, dot, eps, matvec, namespace, norm1, norm2, norm_inf, rmatvec, take_batch

CHECK = 20  # steps of `lasso` between two certificates, which cost about two steps


def soft_threshold(u: Array, tau: Array) -> Array:
    r""":math:`\psi_\tau(u)=\mathrm{sign}(u)(|u|-\tau)_+`, entry by entry; u (B, d), tau (B,) >= 0. NaN stays NaN."""
    xp = namespace(u, tau)
    return u - xp.minimum(xp.maximum(u, -tau[:, None]), tau[:, None])


def one_sided_threshold(u: Array, tau: Array) -> Array:
    r""":math:`(u-\tau)_+`, entry by entry, the layer of a ReLU network with the bias -tau; u (B, d), tau (B,)."""
    xp = namespace(u, tau)
    return xp.maximum(u - tau[:, None], xp.zeros_like(u))


def hard_threshold(u: Array, tau: Array) -> Array:
    """u where |u| > tau and 0 elsewhere; u (B, d), tau (B,) >= 0. NaN stays NaN."""
    xp = namespace(u, tau)
    return xp.where(xp.abs(u) <= tau[:, None], xp.zeros_like(u), u)


def proximal_step(A: Array, X: Array, lam: Array, L: Array, y: Array) -> Array:
    """One step of iterative shrinkage from y (B, d), with step size 1/L."""
    return soft_threshold(y - rmatvec(A, matvec(A, y) - X) / L[:, None], lam / L)


def ista(A: Array, X: Array, lam: Array, L: Array, start: Array) -> Iterator[Array]:
    """The iterates z^1, z^2, ... of ISTA from z^0 = start, without end."""
    z = start
    while True:
        z = proximal_step(A, X, lam, L, z)
        yield z


def fista(A: Array, X: Array, lam: Array, L: Array, start: Array) -> Iterator[Array]:
    """The iterates z^1, z^2, ... of FISTA from z^0 = y^1 = start, without end (Beck and Teboulle 2009)."""
    z = y = start
    for t, after in momentum():
        new = proximal_step(A, X, lam, L, y)
        y = new + float((t - 1) / after) * (new - z)
        z = new
        yield z


def trajectory(iterates: Iterator[Array], start: Array, steps: int) -> Array:
    """``start`` and the first ``steps`` iterates, (B, steps + 1, d)."""
    return namespace(start).stack([start, *islice(iterates, steps)], axis=1)


def momentum() -> Iterator[tuple[Decimal, Decimal]]:
    r"""The pairs :math:`t_i,t_{i+1}` of FISTA, :math:`t_1=1,\ t_{i+1}=\tfrac12(1+\sqrt{1+4t_i^2})`, to 40 digits: so
    every number made of them is rounded once."""
    t = Decimal(1)
    while True:
        with localcontext(prec=40):
            after = (1 + (1 + 4 * t * t).sqrt()) / 2
        yield t, after
        t = after


@cache
def fista_weights(steps: int) -> tuple[float, ...]:
    """The weights t_1, ..., t_steps of FISTA, each rounded once."""
    return tuple(float(t) for t, _ in islice(momentum(), steps))


@cache
def fista_positions(steps: int) -> tuple[float, ...]:
    r"""S_1, ..., S_steps: how far FISTA has gone after t steps of size 1 along a constant unit gradient, each rounded
    once; :math:`8S_t/(t+1)^2` falls to 1. ISTA goes t."""
    before = position = Decimal(0)
    found, y = [], Decimal(0)
    for t, after in islice(momentum(), steps):
        with localcontext(prec=40):
            before, position = position, y + 1
            y = position + (t - 1) / after * (position - before)
        found.append(float(position))
    return tuple(found)


def objectives(A: Array, X: Array, lam: Array, iterates: Array) -> Array:
    """F at each of the points: iterates (B, T, d) -> (B, T)."""
    residual = _residuals(A, X, iterates)
    return dot(residual, residual) / 2 + lam[:, None] * norm1(iterates)


def objective_rounding(A: Array, X: Array, lam: Array, iterates: Array) -> Array:
    """A bound on the rounding of :func:`objectives`, (B, T)."""
    unit = _unit(A)
    data = _frobenius(A)[:, None] * norm2(iterates) + norm2(X)[:, None]
    return unit * (norm2(_residuals(A, X, iterates)) * data + lam[:, None] * norm1(iterates)) + (unit * data) ** 2


def step_rounding(A: Array, X: Array, lam: Array, L: Array, size: Array) -> Array:
    """A bound on the distance between :func:`proximal_step` computed and exact at a point of norm at most ``size``
    (B,), (B,). The soft threshold moves no two points apart, so the errors of its two arguments are all there is."""
    pull = _frobenius(A) * (_frobenius(A) * size + norm2(X)) / L
    return _unit(A) * (size + pull + A.shape[-1] ** 0.5 * lam / L)


def subgradient_bound(A: Array, X: Array, lam: Array, size: Array) -> Array:
    """A bound on the norms of all subgradients of F at points of norm at most ``size`` (B,): (B,)."""
    return _frobenius(A) * (_frobenius(A) * size + norm2(X)) + A.shape[-1] ** 0.5 * lam


def kkt_residual(A: Array, X: Array, lam: Array, z: Array) -> Array:
    r"""The smallest subgradient of F at z, (B, d): with :math:`g=A^T(Az-X)` it is :math:`g_i+\lambda\,\mathrm{sign}z_i`
    on the support and :math:`\psi_\lambda(g)_i` off it. It is 0 exactly at the minimisers."""
    xp = namespace(A, z)
    g = rmatvec(A, matvec(A, z) - X)
    return xp.where(z == 0, soft_threshold(g, lam), g + lam[:, None] * xp.sign(z))


def dual_lower_bound(A: Array, X: Array, lam: Array, z: Array) -> Array:
    r"""A number that is at most :math:`\min F`, in spite of rounding: (B,).

    Any w with :math:`\|A^Tw\|_\infty\le\lambda` has :math:`F\ge w^TX-\tfrac12\|w\|^2` everywhere (weak duality). Here w
    is the best feasible multiple of the residual at z, so that the bound is attained at a minimiser.
    """
    xp = namespace(A, z)
    unit = _unit(A)
    r = X - matvec(A, z)
    longest = xp.sqrt(xp.max(xp.sum(A * A, axis=-2), axis=-1))
    reach = norm_inf(rmatvec(A, r)) + unit * longest * norm2(r)
    positive = reach > 0
    most = (1 - unit) * lam / xp.where(positive, reach, xp.ones_like(reach))
    size = dot(r, r)
    best = dot(r, X) / xp.where(size > 0, size, xp.ones_like(size))
    w = xp.where(positive, xp.minimum(xp.maximum(best, -most), most), best)[:, None] * r
    return dot(w, X) - dot(w, w) / 2 - unit * norm2(w) * (norm2(w) + norm2(X))


class Solution(NamedTuple):
    """``z`` (B, d), ``gap`` (B,): an upper bound on F(z) - min F that holds in spite of rounding, and the number of
    ``steps`` (B,) after which the instance stopped."""

    z: Array
    gap: Array
    steps: Array


def lasso(A: Array, X: Array, lam: Array, L: Array, tolerance: float = 1e-9, limit: int = 20_000) -> Solution:
    """Minimises F from z = 0 by FISTA, restarted where it goes uphill (O'Donoghue and Candes 2015), until the gap is
    at most ``tolerance`` times F(0) = |X|^2 / 2. Instances that are done leave the batch; one that is not done after
    ``limit`` steps comes back with the gap it has."""
    xp = namespace(A, X)
    z = y = xp.zeros((X.shape[0], A.shape[-1]), dtype=A.dtype, device=A.device)
    t = xp.ones_like(lam)
    target = tolerance * dot(X, X) / 2
    rows = xp.arange(X.shape[0], device=A.device)
    left: list[tuple[Array, ...]] = []
    for step in range(1, limit + 1):
        new = proximal_step(A, X, lam, L, y)
        uphill = dot(y - new, new - z) > 0
        t = xp.where(uphill, xp.ones_like(t), t)
        after = (1 + xp.sqrt(1 + 4 * t * t)) / 2
        y, z, t = new + ((t - 1) / after)[:, None] * (new - z), new, after
        if step % CHECK and step < limit:
            continue
        gap = certified_gap(A, X, lam, z)
        done = (gap <= target) | (step == limit)
        leave, stay = (xp.nonzero(mask)[0] for mask in (done, ~done))
        number = xp.full(leave.shape, step, dtype=rows.dtype, device=rows.device)
        left.append((xp.take(rows, leave), xp.take(z, leave, axis=0), xp.take(gap, leave), number))
        if stay.shape[0] == 0:
            break
        if leave.shape[0]:
            rows, target, lam, L, t = (xp.take(a, stay) for a in (rows, target, lam, L, t))
            A, X, z, y = (take_batch(a, stay) for a in (A, X, z, y))
    numbers, *found = (xp.concat(parts) for parts in zip(*left, strict=True))
    return Solution(*(xp.take(a, xp.argsort(numbers), axis=0) for a in found))


def certified_gap(A: Array, X: Array, lam: Array, z: Array) -> Array:
    """An upper bound on F(z) - min F that holds in spite of rounding, (B,)."""
    point = z[:, None, :]
    upper = objectives(A, X, lam, point) + objective_rounding(A, X, lam, point)
    return upper[:, 0] - dual_lower_bound(A, X, lam, z)


def _residuals(A: Array, X: Array, iterates: Array) -> Array:
    xp = namespace(A, iterates)
    return xp.matmul(iterates, xp.matrix_transpose(A)) - X[:, None, :]


def _frobenius(A: Array) -> Array:
    xp = namespace(A)
    return xp.sqrt(xp.sum(A * A, axis=(-2, -1)))


def _unit(A: Array) -> float:
    """What products of lengths m and d and a few more operations can be wrong by, relative to their magnitudes; it is
    twice the bound, which covers the rounding of the bound itself."""
    return (A.shape[-2] + A.shape[-1] + 8) * eps(A)
