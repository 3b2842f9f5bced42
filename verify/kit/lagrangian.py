r"""Lagrangian basis pursuit on a known support, certified: ``min |y - D x|^2 / 2 + xi |x|_1``.

Where theory says that the minimiser lives on a support T, the problem restricted to T is all that has to be solved. Its
optimality conditions :math:`x=S_\xi\big(c-(G_T-I)x\big)`, :math:`G_T=D_T^TD_T`, :math:`c=D_T^Ty`, are a contraction in
the largest norm with the factor :math:`q=\|G_T-I\|_{\infty\to\infty}`, because the soft threshold S moves no two
numbers apart. So the restricted minimiser is found by iterating, to an error that the last step bounds. If further
:math:`|d_j^T(y-D_Tx)|<\xi` off T it is the unique minimiser over all atoms (Fuchs 2004; Tropp 2006).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from verify.core.arrays import Array, dot, eps, matvec, namespace, norm1, norm2, norm_inf, rmatvec
from verify.core.enclosure import Enclosure
from verify.kit.basis_pursuit import padded_support, solve_gram, spread, support_gram
from verify.kit.shrinkage import soft_threshold

STEPS = 400  # of the contraction, at most; a factor below 1/2 needs 55


@dataclass(frozen=True)
class Restricted:
    """Restricted minimisers ``x`` (B, m), each entry within ``error`` (B,) of the exact one (infinite where q >= 1).

    ``reach`` (B,) encloses the largest ``|d_j^T (y - D x)|`` off the support, 0 where nothing is off it.
    ``is_minimiser``: it is below xi for certain, so x is the unique minimiser over all atoms, up to the error;
    ``is_not``: it is above xi for certain, so every minimiser uses an atom off the support.
    """

    x: Array
    error: Array
    reach: Enclosure
    is_minimiser: Array
    is_not: Array


def restricted(D: Array, y: Array, xi: Array, member: Array, input_error: Array | None = None) -> Restricted:
    """Minimises over the vectors that vanish where ``member`` (B, m) is 0: D (1 or B, n, m) with unit columns,
    y (B, n), xi (B,) > 0.

    With ``input_error`` (B,) the certificates hold for every y' with ``|y' - y|_2`` at most that; rounding is counted
    as one unit of the dtype for each of n + k terms of a sum.
    """
    xp = namespace(D, y)
    support, mask = padded_support(member)
    atoms, gram = support_gram(D, support, mask)
    width, n = support.shape[-1], y.shape[-1]
    off = gram - xp.eye(width, dtype=gram.dtype, device=gram.device)
    q = xp.max(xp.sum(xp.abs(off), axis=-1), axis=-1)
    c = matvec(atoms, y)
    x = soft_threshold(c, xi)
    unit = (n + width + 8) * eps(y)
    for _ in range(STEPS):
        new = soft_threshold(c - matvec(off, x), xi)
        moved = norm_inf(new - x)
        x = new
        if not bool(xp.any((q < 1) & (moved > unit * (norm_inf(x) + xi)))):
            break
    drift = unit * (norm2(y) + norm1(x)) + (0 if input_error is None else input_error)
    left = norm_inf(soft_threshold(c - matvec(off, x), xi) - x)
    room = 1 - q * (1 + unit)
    error = xp.where(
        room > 0, (left + drift) / xp.where(room > 0, room, xp.ones_like(room)), xp.full_like(room, xp.inf)
    )
    correlation = rmatvec(D, y - rmatvec(atoms, x))
    outside = xp.where(member == 0, xp.abs(correlation), xp.zeros_like(correlation))
    reach = Enclosure.around(xp.max(outside, axis=-1), 2 * drift + width * error)
    return Restricted(spread(x, member), error, reach, reach.upper < xi, reach.lower > xi)


def dispute(D: Array, code: Array, member: Array, theta: Array, u: Array, gap: Array) -> Array:
    r"""By how much a point u (B, m) with certified gap (B,) contradicts that ``code`` (B, m) is the minimiser: (B,).

    A minimiser supported in the non-zeros of ``member`` whose reach is theta (B,) below xi has
    :math:`F(u)-F\ge\frac12\|D(u-x)\|^2+\theta\|u_{T^c}\|_1` for every u, and the gap is at least the left side. What
    the right side has beyond the gap is the dispute, 0 without one; NaN where theta is not positive."""
    xp = namespace(D, code)
    away = matvec(D, u - code)
    outside = norm1(xp.where(member == 0, u, xp.zeros_like(u)))
    growth = dot(away, away) / 2 + theta * outside
    over = growth * (1 - 64 * D.shape[-1] * eps(code)) - gap
    return xp.where(theta > 0, xp.where(over > 0, over, xp.zeros_like(over)), xp.full_like(over, xp.nan))


def victims(D: Array, member: Array) -> tuple[Array, Array]:
    r"""What drives an atom off the support hardest: signs (B, m) on the supports ``member`` (B, m) and a unit noise
    direction (B, n).

    Off the support :math:`d_j^T(y-D_Tx)=d_j^T(I-P_T)E+\xi\,z^TG_T^{-1}D_T^Td_j`, z the signs of x. The victim is the
    atom with the largest :math:`\|G_T^{-1}D_T^Td_j\|_1`, the signs are those of that vector, and the noise is along
    :math:`(I-P_T)d_j`: both terms are then as large as they can be for this atom.
    """
    xp = namespace(D, member)
    support, mask = padded_support(member)
    atoms, gram = support_gram(D, support, mask)
    weights = solve_gram(gram, xp.matmul(atoms, D))  # (B, k, m): column j is G_T^{-1} D_T^T d_j
    sizes = xp.sum(xp.abs(weights), axis=-2)
    columns = xp.arange(member.shape[-1], dtype=xp.int64, device=member.device)
    first = sizes * (1 - 1e-6 * xp.astype(columns, D.dtype) / member.shape[-1])  # of equals, whatever the rounding
    victim = xp.argmax(xp.where(member == 0, first, xp.full_like(sizes, -1.0)), axis=-1)[:, None]
    at = xp.take_along_axis(weights, xp.broadcast_to(victim[:, None, :], (*weights.shape[:2], 1)), axis=-1)[..., 0]
    ones = xp.ones_like(at)
    signs = spread(xp.where(at < -1e-6, -ones, ones), member)
    atom = matvec(D, xp.astype(columns[None, :] == xp.astype(victim, xp.int64), D.dtype))
    rest = atom - rmatvec(atoms, at)
    length = norm2(rest)
    return signs, rest / xp.where(length > 0, length, xp.ones_like(length))[:, None]


def descend(D: Any, y: Any, xi: float, sweeps: int = 2000) -> Any:
    """The minimiser of one instance by cyclic coordinate descent, the independent path of a recheck: NumPy arrays
    D (n, k) with unit columns, y (n,) -> (k,)."""
    import numpy as np

    x, r = np.zeros(D.shape[1]), y.copy()
    for _ in range(sweeps):
        before = x.copy()
        for j in range(len(x)):
            c = x[j] + D[:, j] @ r
            new = np.sign(c) * max(abs(c) - xi, 0.0)
            if new != x[j]:
                r += (x[j] - new) * D[:, j]
                x[j] = new
        if np.abs(x - before).max(initial=0.0) <= 1e-15 * np.abs(x).max(initial=0.0):
            break
    return x
