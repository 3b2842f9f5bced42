r"""The two-layer LASSO and its nested iterative shrinkage (ML-ISTA, ML-FISTA), batched, with certificates.

The objective is :math:`F(\gamma)=f(D_2\gamma)+\lambda_1\|D_2\gamma\|_1+\lambda_2\|\gamma\|_1` with
:math:`f(a)=\tfrac12\|y-D_1a\|^2`. Its two 1-norms have no joint proximal map in closed form; the nested iteration
replaces the inner one by its gradient map of step mu,

.. math:: a=D_2\gamma,\quad u=\psi_{\mu\lambda_1}(a-\mu\nabla f(a)),\quad G=(a-u)/\mu,\quad
          \gamma^+=\psi_{t\lambda_2}(\gamma-tD_2^TG) .

Sources: Sulam, Aberdam, Beck and Elad (2018) for the iteration; the bounds are proved in the theorem `ml_ista`.

Shapes: D1 (B, n, m1), D2 (B, m1, m2), either of them shared with B = 1; y (B, n); lam1, lam2, mu, step (B,); points
(B, T, m2). Bounds on rounding count each product and sum of length n as n units (Higham 2002, chapter 3).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from verify.core.arrays import Array, dot, eps, namespace, norm1, norm2, norm_inf, rmatvec, smallest_normal
from verify.core.enclosure import Enclosure
from verify.kit import shrinkage


@dataclass(frozen=True)
class TwoLayerLasso:
    """The data of F."""

    D1: Array
    D2: Array
    y: Array
    lam1: Array
    lam2: Array

    def objective(self, points: Array) -> Enclosure:
        """F at the points, (B, T), with its rounding."""
        xp = namespace(self.y)
        a = _apply(self.D2, points)
        rest = _apply(self.D1, a) - self.y[:, None, :]
        lam1, lam2 = self.lam1[:, None], self.lam2[:, None]
        value = dot(rest, rest) / 2 + lam1 * norm1(a) + lam2 * norm1(points)
        size, scale = norm2(points), self.scale(points)
        ends = lam1 * _root(a) * _frobenius(self.D2)[:, None] * size + lam2 * _root(points) * size
        return Enclosure.around(value, self.unit * (4 * scale**2 + 2 * ends + xp.abs(value)))

    def lower_bound(self, w: Array, p: Array) -> Array:
        r"""A number that is at most min F in spite of rounding, (B,), from any w (B, n) and p (B, m1): with
        :math:`|p|\le\lambda_1` and :math:`\|D_2^T(D_1^Tw-p)\|_\infty\le\lambda_2`, which clipping p and shrinking both
        brings about, :math:`F\ge w^Ty-\tfrac12\|w\|^2` everywhere (weak duality)."""
        xp = namespace(self.y)
        p = xp.minimum(xp.maximum(p, -self.lam1[:, None]), self.lam1[:, None])
        reach = norm_inf(rmatvec(self.D2, rmatvec(self.D1, w) - p))
        off = _frobenius(self.D2) * (_frobenius(self.D1) * norm2(w) + norm2(p))
        reach = reach + 2 * self.unit * off
        tiny = smallest_normal(reach)
        share = (1 - self.unit) * self.lam2 / xp.maximum(reach, tiny * xp.ones_like(reach))
        w = xp.minimum(share, xp.ones_like(share))[:, None] * w
        return dot(w, self.y) - dot(w, w) / 2 - 2 * self.unit * norm2(w) * (norm2(self.y) + norm2(w))

    @property
    def unit(self) -> float:
        """What a chain of products with both matrices can be wrong by, relative to the magnitudes."""
        return (self.y.shape[-1] + sum(self.D2.shape[-2:]) + 16) * eps(self.y)

    def scale(self, points: Array) -> Array:
        """|D1| |D2| |gamma| + |y| in Frobenius norms, (B, T): no residual is longer."""
        return (_frobenius(self.D1) * _frobenius(self.D2))[:, None] * norm2(points) + norm2(self.y)[:, None]


@dataclass(frozen=True)
class Inner:
    """The inner step at points: a = D2 gamma, the gradient of f there, u and G, each (B, T, m1)."""

    a: Array
    gradient: Array
    u: Array
    G: Array


def inner(problem: TwoLayerLasso, mu: Array, points: Array) -> Inner:
    """The inner step of size mu."""
    a = _apply(problem.D2, points)
    gradient = _adjoint(problem.D1, _apply(problem.D1, a) - problem.y[:, None, :])
    mu = mu[:, None, None]
    u = _soft(a - mu * gradient, mu[:, 0, 0] * problem.lam1)
    return Inner(a, gradient, u, (a - u) / mu)


def step_from(problem: TwoLayerLasso, mu: Array, step: Array, points: Array) -> Array:
    """gamma^+ from each of the points, (B, T, m2)."""
    G = inner(problem, mu, points).G
    return _soft(points - step[:, None, None] * _adjoint(problem.D2, G), step * problem.lam2)


def ml_ista(problem: TwoLayerLasso, mu: Array, step: Array, start: Array) -> Iterator[tuple[Array, Array]]:
    """The pairs (gamma^t, gamma^(t+1)), t = 0, 1, ..., from gamma^0 = start (B, m2), without end."""
    point = start
    while True:
        image = step_from(problem, mu, step, point[:, None, :])[:, 0, :]
        yield point, image
        point = image


def ml_fista(problem: TwoLayerLasso, mu: Array, step: Array, start: Array) -> Iterator[tuple[Array, Array]]:
    """The same with FISTA's momentum on gamma: pairs of an extrapolated point and the iterate made of it."""
    point, before = start, start
    for t, after in shrinkage.momentum():
        image = step_from(problem, mu, step, point[:, None, :])[:, 0, :]
        yield point, image
        point, before = image + float((t - 1) / after) * (image - before), image


@dataclass(frozen=True)
class NearFixed:
    r"""What bounds :math:`F(\gamma)-\min F` at points with images :math:`\gamma^+`; all (B, T).

    ``residual`` is :math:`r=\|\gamma^+-\gamma\|`; ``drop`` is :math:`\lambda_1(\|a\|_1-\|u\|_1)`, ``excess`` is
    :math:`\lambda_1(\|a\|_1-\|u\|_1)-\mu\langle G-\nabla f(a),G\rangle` and at most ``ceiling``,
    :math:`2\mu\lambda_1\sqrt{m_1}\|G\|`; ``slack`` is
    :math:`r(\lambda_2\sqrt{m_2}+\|D_2^TG\|+(\|\gamma^+\|+b)/t)` with b a bound on the lengths of minimisers. Then
    F(gamma) - min F is at most excess + slack. ``rounding`` bounds the errors of excess, drop and ceiling, and
    ``moved`` that of the residual; it is inside the slack.
    """

    residual: Array
    drop: Array
    excess: Array
    ceiling: Array
    slack: Array
    rounding: Array
    moved: Array


def near_fixed(problem: TwoLayerLasso, mu: Array, step: Array, points: Array, images: Array, reach: Array) -> NearFixed:
    """The numbers of the bound, for images that were computed by :func:`step_from`; ``reach`` (B,) is b."""
    unit, t = problem.unit, step[:, None]
    at = inner(problem, mu, points)
    mu, lam1, lam2 = mu[:, None], problem.lam1[:, None], problem.lam2[:, None]
    F1, F2 = _frobenius(problem.D1)[:, None], _frobenius(problem.D2)[:, None]
    root1, root2 = _root(at.a), _root(points)
    subgradient, G = at.G - at.gradient, norm2(at.G)
    drop = lam1 * (norm1(at.a) - norm1(at.u))
    excess = drop - mu * dot(subgradient, at.G)

    scale, size = problem.scale(points), norm2(points)
    off = unit * (3 * F2 * size + 5 * mu * F1 * scale + mu * lam1 * root1)  # of a and u together
    off_G = off / mu + unit * G
    rounding = 4 * lam1 * root1 * (off + unit * (norm1(at.a) + norm1(at.u)))
    rounding = rounding + 2 * mu * (norm2(subgradient) + 2 * G) * (off_G + 3 * unit * F1 * scale)
    pull = norm2(_adjoint(problem.D2, at.G)) + F2 * (off_G + unit * G)
    moved = 2 * (unit * (size + norm2(images)) + t * F2 * (off_G + unit * G) + unit * t * lam2 * root2)
    residual = norm2(images - points)
    far = (norm2(images) + moved + reach[:, None]) / t
    slack = (residual + moved) * (lam2 * root2 + pull + far)
    return NearFixed(residual, drop, excess, 2 * mu * lam1 * root1 * G, slack, rounding, moved)


def _apply(D: Array, points: Array) -> Array:
    return namespace(D, points).matmul(points, namespace(D).matrix_transpose(D))


def _adjoint(D: Array, points: Array) -> Array:
    return namespace(D, points).matmul(points, D)


def _soft(u: Array, tau: Array) -> Array:
    """The soft threshold of all entries of an instance by its tau."""
    xp = namespace(u)
    return xp.reshape(shrinkage.soft_threshold(xp.reshape(u, (u.shape[0], -1)), tau), u.shape)


def _frobenius(D: Array) -> Array:
    xp = namespace(D)
    return xp.sqrt(xp.sum(D * D, axis=(-2, -1)))


def _root(v: Array) -> float:
    """The largest ratio of the 1-norm and the length."""
    return v.shape[-1] ** 0.5
