r"""The rate of projected gradient descent on a cone, :math:`\rho=\sup_{u,v\in C\cap B}u^TMv`, between two bounds.

B is the unit ball and C a closed convex cone, so :math:`0\le\rho\le\|M\|`. Deciding :math:`\rho\le r` is NP-hard for
the l1 descent cone, even with k = 1 and M positive semidefinite (:math:`\rho` encodes the clique number of a graph
through T. Motzkin, E. Straus, "Maxima for graphs and a new proof of a theorem of Turan", 1965). So there are

* lower bounds, attained by a feasible pair: :func:`seeded_lower`, :func:`ascent_lower`, on arrays, any cone;
* upper bounds: :func:`norm_upper` on arrays, any cone; :func:`enumerated_upper` (exact, small d) and
  :func:`lifted_upper` (a semidefinite relaxation with a certificate) for the l1 descent cone.

Every bound is rounded outwards by :func:`rounding`, so lower <= rho <= upper holds in floating-point numbers too. A
symmetric M is expected by the upper bounds; what M has of a skew part is added to them, which costs nothing more than
rounding for a matrix that is symmetric up to rounding, and keeps them valid for any other.

When :math:`M\succeq0`, Cauchy-Schwarz for the form M gives :math:`\rho=\sup_{v\in C\cap B}v^TMv`. The iteration and
:math:`\rho` are of S. Oymak, B. Recht, M. Soltanolkotabi, "Sharp time-data tradeoffs for linear inverse problems",
2018; the bounds and their proofs are ours.
"""

from __future__ import annotations

import itertools
import math
import warnings
from typing import Any

from verify.core.arrays import Array, eps, namespace, norm2, to_numpy
from verify.kit.cones import Cone, L1DescentCone

ENUMERATED = 6  # largest d whose faces a sandwich enumerates: 2 * 3^(d-k) eigenvalue problems of size d
LIFTED_PSD, LIFTED_BILINEAR = 40, 30  # largest lifted size k + 2(d - k) a sandwich solves, each about a second


def rounding(M: Array) -> Array:
    r""":math:`8d\,\varepsilon\|M\|_F`: a bound of the rounding error of :math:`\|P_C(Mv)\|`, :math:`\|v\|\le1`, and
    of the eigenvalues of M. M (B, d, d) -> (B,).

    The product Mv costs at most :math:`d\,\varepsilon\|M\|_F`, each of the two projections (of v, and of Mv)
    :math:`3d\,\varepsilon\|M\|`, and the norm :math:`d\,\varepsilon\|M\|`.
    """
    xp = namespace(M)
    return 8 * M.shape[-1] * eps(M) * xp.sqrt(xp.sum(M * M, axis=(-2, -1)))


# ------------------------------------------------------------------------------------------------- lower bounds


def seeded_lower(M: Array, cone: Cone, directions: Array) -> tuple[Array, Array]:
    r"""The best of :math:`\|P_C(Mv)\|` over the given directions v, which is attained by :math:`u=P_C(Mv)/\|P_C(Mv)\|`.

    M (B, d, d) or (1, d, d), directions (B, S, d) of any length -> the value (B,) and its v (B, d), |v| <= 1. A
    direction outside C is projected onto it first, so a direction that is rounding noise does no harm; a zero counts
    as the pair (0, 0).
    """
    return _best(M, cone, _feasible(cone, directions))


def ascent_lower(M: Array, cone: Cone, starts: Array, steps: int) -> tuple[Array, Array]:
    r"""Alternating ascent :math:`u\leftarrow P_C(Mv)/\|\cdot\|`, :math:`v\leftarrow P_C(M^Tu)/\|\cdot\|`.

    M, which need not be symmetric, (B, d, d) or (1, d, d); starts (B, S, d) -> the best value (B,) and its v (B, d),
    with :math:`\|v\|\le1`. Each half step maximises over one side, so the value never falls, and it is at least
    that of :func:`seeded_lower` on the same starts, up to rounding. A start that is zero stays zero.
    """
    xp = namespace(M, starts)
    first = v = _feasible(cone, starts)
    adjoint = xp.matrix_transpose(M)
    for _ in range(steps):
        u = _unit(cone.project(_apply(M, v)))
        v = _unit(cone.project(_apply(adjoint, u)))
    return _best(M, cone, xp.concat([first, _feasible(cone, v)], axis=1))


def _best(M: Array, cone: Cone, candidates: Array) -> tuple[Array, Array]:
    """The largest |P_C(Mv)| over feasible candidates v (B, S, d), rounded down, and its v (B, d)."""
    xp = namespace(M, candidates)
    values = norm2(cone.project(_apply(M, candidates)))
    best = xp.argmax(values, axis=1, keepdims=True)
    chosen = (xp.arange(values.shape[1], device=values.device)[None, :] == best)[..., None]
    v = xp.sum(xp.where(chosen, candidates, xp.zeros_like(candidates)), axis=1)
    return xp.maximum(xp.max(values, axis=1) - rounding(M), 0.0), v


def _apply(M: Array, v: Array) -> Array:
    """M v for each of S vectors: M (B, d, d) or (1, d, d), v (B, S, d) -> (B, S, d)."""
    xp = namespace(M, v)
    if M.shape[0] == 1:
        return xp.reshape(xp.matmul(xp.reshape(v, (-1, v.shape[-1])), xp.matrix_transpose(M)[0, ...]), v.shape)
    return xp.matmul(v, xp.matrix_transpose(M))


def _unit(v: Array) -> Array:
    """v / |v| over the last axis, 0 for 0."""
    xp = namespace(v)
    length = norm2(v)[..., None]
    return v / xp.where(length == 0.0, xp.ones_like(length), length)


def _feasible(cone: Cone, v: Array) -> Array:
    """Points of the cone and the unit ball, up to a few d eps: v / |v|, projected."""
    xp = namespace(v)
    p = cone.project(_unit(v))
    length = norm2(p)[..., None]
    # Far from the cone the projection is small, and scaling it up would scale its rounding error up.
    return p / xp.where(length > 0.5, length, xp.ones_like(length))


# ------------------------------------------------------------------------------------------------- upper bounds


def norm_upper(M: Array) -> Array:
    r""":math:`\rho\le\|M\|`, the largest eigenvalue in magnitude: M (B, d, d) -> (B,); infinite if M is not finite."""
    xp = namespace(M)
    symmetric, skew = _split(M)
    finite = xp.all(xp.isfinite(M), axis=(-2, -1))
    symmetric = xp.where(finite[:, None, None], symmetric, xp.zeros_like(M))
    norm = xp.max(xp.abs(xp.linalg.eigvalsh(symmetric)), axis=-1) + skew + rounding(M)
    return xp.where(finite, norm, xp.full_like(norm, xp.inf))


def enumerated_upper(M: Array, signs: Array) -> Array:
    r"""The exact :math:`\rho` on the l1 descent cone for :math:`M\succeq0`, rounded upwards, by enumerating faces.

    M (B, d, d) or (1, d, d), signs (B, d) or (1, d) -> (B,); infinite where M is not positive semidefinite up to
    rounding. Costs 2 * 3^(d-k) eigenvalue problems of size d an instance: for d up to about 6. Runs on the host, in
    float64.

    *Why.* A face F of C is given by the signs off S (each -1, 0 or 1) and by whether the constraint is active. A
    maximiser v of :math:`v^TMv` over :math:`C\cap B`, if not 0, lies in the relative interior of one face F. Near v
    the cone contains the span L of F, so v is a local maximiser of the form on the sphere of L, hence a top
    eigenvector of the form on L: local maximisers on a sphere are global ones. So :math:`\rho` is the largest top
    eigenvalue over the faces that contain a top eigenvector, and a face may be left out

    * if its top eigenvalue is simple and both unit eigenvectors are outside F by more than rounding can explain;
    * if the gap below its top eigenvalue is at most :math:`\gamma` and F is not a subspace. For -v is not in F then,
      so the half circle from v through a second eigenvector to -v leaves F; where it does, a smaller face has a point
      whose value is at least :math:`\rho-\gamma`. Going down the faces, this happens at most d times, so all that
      such faces can add is :math:`d\gamma`. The only face that is a subspace, :math:`\{h:h_{S^c}=0,\langle
      s,h_S\rangle=0\}`, is kept.

    The eigenvalue problem on L is that of :math:`WMW-c(I-W)`, W the projector on L, c > 0.
    """
    import numpy as np

    xp = namespace(M, signs)
    matrices, rows = to_numpy(M).astype(float), to_numpy(signs).astype(float)
    batch = max(len(matrices), len(rows))
    shift = np.broadcast_to(_psd_shift(matrices, to_numpy(rounding(M))), batch)
    matrices = np.broadcast_to(matrices, (batch, *matrices.shape[1:]))
    rows = np.broadcast_to(rows, (batch, rows.shape[1]))
    upper = np.full(batch, math.inf)
    for row in np.unique(rows, axis=0):
        mine = np.flatnonzero((rows == row).all(axis=1) & np.isfinite(shift))
        if not row.any():
            upper[mine] = 0.0  # the cone is {0}
            continue
        patterns, W = _faces(row)
        for i in mine:
            upper[i] = _face_maximum(matrices[i], row, patterns, W) + 2 * shift[i]
    return xp.asarray(upper * (1 + 2 * eps(M)), dtype=M.dtype, device=M.device)  # up, then rounded to the dtype of M


def _faces(row: Any) -> tuple[Any, Any]:
    """The faces of the cone with signs row (d,): the signs on and off the support (F, d), and the projectors (F, d, d)
    on their spans. The first half of the faces has the constraint inactive, the second half active."""
    import numpy as np

    free = np.flatnonzero(row == 0.0)
    patterns = np.tile(row, (3**free.size, 1))
    patterns[:, free] = list(itertools.product((0.0, 1.0, -1.0), repeat=free.size))
    span = np.zeros((*patterns.shape, row.size))
    span[:, np.arange(row.size), np.arange(row.size)] = patterns != 0.0
    normal = patterns / np.linalg.norm(patterns, axis=1, keepdims=True)
    return np.tile(patterns, (2, 1)), np.concatenate([span, span - normal[:, :, None] * normal[:, None, :]])


def _face_maximum(M: Any, row: Any, patterns: Any, W: Any) -> float:
    """The largest eigenvalue over the faces kept, rounded upwards: M (d, d) of NumPy, the faces of :func:`_faces`."""
    import numpy as np

    d = row.size
    symmetric, skew = _split(M[None])
    error = 2 * float(rounding(M[None])[0])  # two products with a projector, and the eigenvalue
    values, vectors = np.linalg.eigh(W @ symmetric @ W - np.linalg.norm(M) * (np.eye(d) - W))
    top = values[:, -1]
    gap = top - values[:, -2] if d > 1 else np.full(len(top), math.inf)

    # The eigenvector moves by at most 2 error / gap (Davis, Kahan, 1970), and the constraint by sqrt(d) times that.
    simple = gap > 16 * error
    slack = math.sqrt(d) * (4 * error / np.where(simple, gap, 1.0) + 8 * d * np.finfo(float).eps)
    inside = np.zeros(len(top), dtype=bool)
    for sign in (1.0, -1.0):
        sizes = sign * patterns * vectors[:, :, -1]  # s_j v_j on S, |v_j| off S
        inside |= (sizes[:, row == 0.0] >= -slack[:, None]).all(axis=1) & (sizes.sum(axis=1) <= slack)
    inside[len(top) // 2] = True  # no coordinate off S, constraint active: the subspace
    ties = 0.0 if simple.all() else 18 * d * error  # 16 errors, and one for each of the two eigenvalues
    return max(0.0, float(top[inside].max())) + ties + error + float(skew[0])


def lifted_upper(M: Any, signs: Any) -> float:
    r""":math:`\rho` on the l1 descent cone, bounded by a semidefinite relaxation: M (d, d), signs (d,) on the host.

    Solves for the multipliers of :func:`lifted_certificate` that give the least bound (with cvxpy and Clarabel), and
    evaluates that bound: a solver that stops early or fails can only loosen it. Never above :func:`norm_upper`. Not
    exact in general: on a matrix made from the 5-cycle it is 2.3 % above :math:`\rho`. Infinite if M is not finite.
    """
    import cvxpy as cp
    import numpy as np

    M, signs = np.asarray(M, dtype=float), np.asarray(signs, dtype=float)
    if not np.isfinite(M).all():
        return math.inf
    norm = float(norm_upper(M[None])[0])
    if not signs.any():
        return 0.0
    symmetric = (M + M.T) / 2
    scale = np.linalg.norm(symmetric)
    if scale == 0.0:
        return norm
    lift, G, pairs = _lifting(signs)
    lifted = lift.T @ (symmetric / scale) @ lift
    forms = 1 if math.isfinite(_psd_shift(M[None], rounding(M[None]))[0]) else 2

    bound = cp.Variable(nonneg=True)
    Y = [cp.Variable((len(G), len(G)), symmetric=True) for _ in range(forms)]
    delta = [cp.Variable() for _ in pairs]
    pairing = sum(t * _pair(pair, len(lifted)) for t, pair in zip(delta, pairs, strict=True))
    blocks = [lifted + G.T @ sum(Y) @ G + pairing]
    if forms == 2:
        blocks.append(-lifted + G.T @ (Y[0] - Y[1]) @ G + pairing)
    constraints = [y >= 0 for y in Y] + [bound * np.eye(len(lifted)) - K >> 0 for K in blocks]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an inaccurate solution loosens the bound, and nothing else
            cp.Problem(cp.Minimize(bound), constraints).solve(solver=cp.CLARABEL)
    except cp.SolverError:
        return norm
    if Y[0].value is None:
        return norm
    multipliers = scale * np.asarray([y.value for y in Y], dtype=float)
    return min(
        norm, lifted_certificate(M, signs, multipliers, scale * np.asarray([t.value for t in delta], dtype=float))
    )


def lifted_certificate(M: Any, signs: Any, Y: Any, delta: Any) -> float:
    r"""An upper bound of :math:`\rho` on the l1 descent cone that is valid for any multipliers, good or bad.

    M (d, d), signs (d,), k of them not 0; q = d - k, r = 2q + 1; delta (q,); Y (1, r, r) for :math:`M\succeq0` up to
    rounding, (2, r, r) for any symmetric M; all of NumPy. Returns infinity where (1, r, r) comes with another M.

    *Proof.* Write :math:`h=Lx`, :math:`x=(a,p,n)`, with :math:`h_S=a`, :math:`h_{S^c}=p-n`, p and n the parts of
    :math:`h_{S^c}`; then :math:`\|x\|=\|h\|`, :math:`p_jn_j=0`, and :math:`h\in C` is :math:`Gx\ge0`, G the rows p,
    n, :math:`-s^Ta-1^Tp-1^Tn`. Let D be symmetric with :math:`D_{p_jn_j}=\delta_j` and 0 elsewhere. For :math:`Y\ge0`
    entrywise, :math:`x^TG^TYGx\ge0=x^TDx`. So for :math:`M\succeq0`, and :math:`\lambda^+` the largest eigenvalue or 0,

    .. math:: \rho=\sup v^TMv\le\lambda^+(L^TML+G^TYG+D).

    For any symmetric M, lift u to x and v to y. With :math:`Y_0,Y_1\ge0` the sum
    :math:`x^TG^TY_0Gx+y^TG^TY_0Gy+2x^TG^TY_1Gy\ge0`, and adding it to :math:`2u^TMv` gives a form in
    :math:`(x\pm y)/\sqrt2` with the blocks :math:`\pm L^TML+G^T(Y_0\pm Y_1)G+D`; as :math:`\|x\|^2+\|y\|^2\le2`,
    :math:`\rho` is at most the larger :math:`\lambda^+` of the two. (For a symmetric M this loses nothing against the
    relaxation of twice the size: averaging its multipliers over the swap of u and v gives multipliers of this form.)

    Multipliers are symmetrised, clipped at 0, and set to 0 where not finite. An entry of a block is a sum of at most
    ten terms, so :math:`10^{-14}N` times the Frobenius norm of the sums of their magnitudes, N the size of a block,
    exceeds the rounding error of the sums and of the eigenvalue.
    """
    import numpy as np

    M = np.asarray(M, dtype=float)
    Y = np.where(np.isfinite(Y), Y, 0.0)
    Y = np.maximum((Y + np.swapaxes(Y, -1, -2)) / 2, 0.0)
    shift = float(_psd_shift(M[None], rounding(M[None]))[0]) if len(Y) == 1 else 0.0
    lift, G, pairs = _lifting(np.asarray(signs, dtype=float))
    symmetric, skew = _split(M[None])
    lifted = lift.T @ symmetric[0] @ lift
    D = np.zeros_like(lifted)
    for t, pair in zip(delta, pairs, strict=True):
        D[pair] = D[pair[::-1]] = t if math.isfinite(t) else 0.0
    size = np.linalg.norm(np.abs(lifted) + np.abs(G).T @ Y.sum(axis=0) @ np.abs(G) + np.abs(D))
    blocks = [lifted + G.T @ Y.sum(axis=0) @ G + D]
    if len(Y) == 2:
        blocks.append(-lifted + G.T @ (Y[0] - Y[1]) @ G + D)
    top = max(0.0, float(np.linalg.eigvalsh(np.stack(blocks)).max()))
    return top + 1e-14 * len(lifted) * float(size) + float(skew[0]) + 2 * shift


def _lifting(signs: Any) -> tuple[Any, Any, list[tuple[int, int]]]:
    """L (d, N), G (2q+1, N) and the index pairs (p_j, n_j) of the lifting h = L x."""
    import numpy as np

    on, off = np.flatnonzero(signs), np.flatnonzero(signs == 0.0)
    k, q = on.size, off.size
    lift = np.zeros((signs.size, k + 2 * q))
    lift[on, np.arange(k)] = 1.0
    lift[off, k + np.arange(q)] = 1.0
    lift[off, k + q + np.arange(q)] = -1.0
    G = np.eye(2 * q + 1, k + 2 * q, k)
    G[-1] = -np.concatenate([signs[on], np.ones(2 * q)])
    return lift, G, [(k + j, k + q + j) for j in range(q)]


def _pair(pair: tuple[int, int], size: int) -> Any:
    """The symmetric 0/1 matrix with ones at (p, n) and (n, p)."""
    import numpy as np

    E = np.zeros((size, size))
    E[pair] = E[pair[::-1]] = 1.0
    return E


def _split(M: Array) -> tuple[Array, Array]:
    r"""The symmetric part, and the Frobenius norm of the skew part, which bounds what it adds to :math:`u^TMv`."""
    xp = namespace(M)
    transposed = xp.matrix_transpose(M)
    skew = (M - transposed) / 2
    return (M + transposed) / 2, xp.sqrt(xp.sum(skew * skew, axis=(-2, -1)))


def _psd_shift(M: Any, allowed: Any) -> Any:
    r"""How much to add to the diagonal to make M (B, d, d) of NumPy certainly positive semidefinite; infinite where
    an eigenvalue is below minus the allowed rounding (B,) of what M was computed in.

    With t added, :math:`\rho(M)\le t+\rho(M+tI)\le2t+\sup v^TMv`: the price is 2t.
    """
    import numpy as np

    finite = np.isfinite(M).all(axis=(1, 2))
    M = np.where(finite[:, None, None], M, 0.0)
    error = rounding(M)
    least = np.linalg.eigvalsh(_split(M)[0])[:, 0]
    return np.where(finite & (least >= -allowed), np.maximum(error - least, 0.0), math.inf)


def sandwich_host(M: Any, signs: Any) -> tuple[float, float]:
    """The best lower and upper bound of rho on the l1 descent cone that this module has: M (d, d), signs (d,).

    On the host, one symmetric M at a time, without knowledge of any trajectory: ascent from 64 fixed Gaussian starts;
    the norm, the faces where M is positive semidefinite and d <= ENUMERATED, and the relaxation where it is small.
    """
    import numpy as np

    M, signs = np.asarray(M, dtype=float)[None], np.asarray(signs, dtype=float)[None]
    if not np.isfinite(M).all():
        return 0.0, math.inf
    d = signs.shape[1]
    lifted_size = 2 * d - int(np.count_nonzero(signs))
    starts = np.random.default_rng(0).normal(size=(1, 64, d))
    lower, _ = ascent_lower(M, L1DescentCone(signs), starts, steps=100)
    uppers = [float(norm_upper(M)[0])]
    psd = math.isfinite(_psd_shift(M, rounding(M))[0])
    if psd and d <= ENUMERATED:
        uppers.append(float(enumerated_upper(M, signs)[0]))
    if lifted_size <= (LIFTED_PSD if psd else LIFTED_BILINEAR):
        uppers.append(lifted_upper(M[0], signs[0]))
    return float(lower[0]), min(uppers)
