r"""The rate of projected gradient descent on a cone, :math:`\rho=\sup_{u,v\in C\cap B}u^TMv`, between two bounds.

B is the unit ball and C a closed convex cone, so :math:`0\le\rho\le\|M\|`. Deciding :math:`\rho\le r` is NP-hard for
the l1 descent cone, even with k = 1 and M positive semidefinite (:math:`\rho` encodes the clique number of a graph
through T. Motzkin, E. Straus, "Maxima for graphs and a new proof of a theorem of Turan", 1965). So there are

* lower bounds, attained by a feasible pair: :func:`seeded_lower`, :func:`ascent_lower`, on arrays, any cone;
* upper bounds: :func:`norm_upper` on arrays, any cone; :func:`enumerated_upper` (exact, small d) and
  :func:`lifted_upper` (a semidefinite relaxation with a certificate) for the l1 descent cone.

Every bound is rounded outwards, by :func:`rounding` or, the certificate, by ball arithmetic, so lower <= rho <= upper
holds in floating-point numbers too. A symmetric M is expected by the upper bounds; what M has of a skew part is added
to them, which costs nothing more than rounding for a matrix that is symmetric up to rounding, and keeps them valid for
any other.

When :math:`M\succeq0`, Cauchy-Schwarz for the form M gives :math:`\rho=\sup_{v\in C\cap B}v^TMv`. The iteration and
:math:`\rho` are of S. Oymak, B. Recht, M. Soltanolkotabi, "Sharp time-data tradeoffs for linear inverse problems",
2018; the bounds and their proofs are ours.
"""

from __future__ import annotations

import itertools
import math
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from verify.core.arrays import Array, eps, namespace, norm2, to_numpy
from verify.kit.cones import Cone, L1DescentCone

ENUMERATED = 6  # largest d whose faces a sandwich enumerates: 2 * 3^(d-k) eigenvalue problems of size d
LIFTED_PSD, LIFTED_BILINEAR = 40, 30  # largest lifted size k + 2(d - k) a sandwich solves, each about a second
BALL_BITS = 128  # of the ball arithmetic that evaluates certificates


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
    float64. See :func:`enumerated` for the proof.
    """
    return enumerated(M, signs, bilinear=False)[0]


def enumerated(M: Array, signs: Array, bilinear: bool = True) -> tuple[Array, Array]:
    r"""The exact :math:`\rho` on the l1 descent cone, rounded upwards, and a v of the cone that attains it up to
    rounding (where no eigenvalues are tied): M (B, d, d) or (1, d, d), signs (B, d) or (1, d) -> (B,), (B, d).

    Where M is positive semidefinite up to rounding by the faces of the cone, elsewhere by pairs of faces (or not at
    all, with ``bilinear`` false): 4 * 9^(d-k) / 2 singular value problems of size d, for d - k up to 4. Host, float64.

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

    The eigenvalue problem on L is that of :math:`WMW-c(I-W)`, W the projector on L, c > 0. For any symmetric M the
    same holds of pairs of faces and of top singular pairs (u, v) of :math:`WMW'`: turning u and v together towards a
    larger singular pair raises :math:`u^TMv`, so local maximisers on a product of spheres are global ones too, and
    the half circle turns both.
    """
    import numpy as np

    xp = namespace(M, signs)
    matrices, rows = to_numpy(M).astype(float), to_numpy(signs).astype(float)
    batch = max(len(matrices), len(rows))
    shift = np.broadcast_to(_psd_shift(matrices, to_numpy(rounding(M))), batch)
    finite = np.broadcast_to(np.isfinite(matrices).all(axis=(1, 2)), batch)
    matrices = np.broadcast_to(matrices, (batch, *matrices.shape[1:]))
    rows = np.broadcast_to(rows, (batch, rows.shape[1]))
    upper, best = np.full(batch, math.inf), np.zeros(rows.shape)
    for row in np.unique(rows, axis=0):
        mine = np.flatnonzero((rows == row).all(axis=1) & finite)
        if not row.any():
            upper[mine] = 0.0  # the cone is {0}
            continue
        patterns, W = _faces(row)
        for i in mine:
            if math.isfinite(shift[i]):
                value, best[i] = _face_maximum(matrices[i], row, patterns, W)
                upper[i] = value + 2 * shift[i]
            elif bilinear:
                upper[i], best[i] = _pair_maximum(matrices[i], row, patterns, W)
    upper = upper * (1 + 2 * eps(M))  # up, then rounded to the dtype of M
    return xp.asarray(upper, dtype=M.dtype, device=M.device), xp.asarray(best, dtype=M.dtype, device=M.device)


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


def _face_maximum(M: Any, row: Any, patterns: Any, W: Any) -> tuple[float, Any]:
    """The largest eigenvalue over the faces kept, rounded upwards, and its vector: M (d, d) of NumPy, the faces of
    :func:`_faces`."""
    import numpy as np

    d = row.size
    symmetric, skew = _split(M[None])
    error = 2 * float(rounding(M[None])[0])  # two products with a projector, and the eigenvalue
    values, vectors = np.linalg.eigh(W @ symmetric @ W - np.linalg.norm(M) * (np.eye(d) - W))
    top = values[:, -1]
    gap = top - values[:, -2] if d > 1 else np.full(len(top), math.inf)
    simple = gap > 16 * error
    slack = _slack(d, error, gap, simple)
    forward, backward = (_inside(sign * vectors[:, :, -1], patterns, row, slack) for sign in (1.0, -1.0))
    kept = forward | backward
    kept[len(top) // 2] = True  # no coordinate off S, constraint active: the subspace
    ties = 0.0 if simple.all() else 18 * d * error  # 16 errors, and one for each of the two eigenvalues
    best = int(np.argmax(np.where(kept, top, -math.inf)))
    v = vectors[best, :, -1] * (1.0 if forward[best] else -1.0)
    return max(0.0, float(top[best])) + ties + error + float(skew[0]), v


def _pair_maximum(M: Any, row: Any, patterns: Any, W: Any) -> tuple[float, Any]:
    """The largest singular value over the pairs of faces kept, rounded upwards, and its right vector."""
    import numpy as np

    d = row.size
    symmetric, skew = _split(M[None])
    error = 2 * float(rounding(M[None])[0])
    moved = W @ symmetric
    subspace = len(W) // 2
    best, v, tied = 0.0, np.zeros(d), False
    for f in range(len(W)):
        # M is symmetric, so the pairs (f, g) with g >= f suffice.
        left, values, right = np.linalg.svd(moved[f] @ W[f:])
        top, gap = values[:, 0], values[:, 0] - values[:, 1] if d > 1 else np.full(len(values), math.inf)
        gap = np.minimum(gap, 2 * top)  # an eigenvalue's distance to the others of the form [[0, K], [K^T, 0]]
        simple = gap > 16 * error
        slack = _slack(d, error, gap, simple)
        u, w = left[:, :, 0], right[:, 0, :]
        forward, backward = (
            _inside(sign * u, patterns[f : f + 1], row, slack) & _inside(sign * w, patterns[f:], row, slack)
            for sign in (1.0, -1.0)
        )
        kept = forward | backward
        if f == subspace:
            kept[0] = True
        tied = tied or not simple.all()
        i = int(np.argmax(np.where(kept, top, -math.inf)))
        if kept[i] and top[i] > best:
            best, v = float(top[i]), w[i] * (1.0 if forward[i] else -1.0)
    return best + (36 * d * error if tied else 0.0) + error + float(skew[0]), v


def _slack(d: int, error: float, gap: Any, simple: Any) -> Any:
    """How far outside its face rounding can put a simple top vector, in the units of the constraints of a face: the
    vector moves by at most 2 error / gap (Davis, Kahan, 1970; Wedin, 1972), a constraint by sqrt(d) times that."""
    import numpy as np

    return math.sqrt(d) * (4 * error / np.where(simple, gap, 1.0) + 8 * d * np.finfo(float).eps)


def _inside(v: Any, patterns: Any, row: Any, slack: Any) -> Any:
    """Whether v (F, d) lies in the faces with the given patterns (F, d) or (1, d), up to slack (F,)."""
    sizes = patterns * v  # s_j v_j on S, |v_j| off S
    return (sizes[:, row == 0.0] >= -slack[:, None]).all(axis=1) & (sizes.sum(axis=1) <= slack)


def lifted_upper(M: Any, signs: Any) -> float:
    r""":math:`\rho` on the l1 descent cone, bounded by a semidefinite relaxation: M (d, d), signs (d,) on the host.

    Solves for the multipliers of :func:`lifted_certificate` that give the least bound (with cvxpy and Clarabel), and
    evaluates that bound: a solver that stops early or fails can only loosen it. Never above the norm of M. Not exact
    in general: on a matrix made from the 5-cycle it is 2.3 % above :math:`\rho`. Infinite if M is not finite.
    """
    import cvxpy as cp
    import numpy as np

    M, signs = np.asarray(M, dtype=float), np.asarray(signs, dtype=float)
    if not np.isfinite(M).all():
        return math.inf
    if not signs.any():
        return 0.0
    norm = max(_top(M), _top(-M)) + _skew(M)
    symmetric = (M + M.T) / 2
    scale = np.linalg.norm(symmetric)
    if scale == 0.0:
        return norm
    # The price of a shift to a semidefinite form should be below what the solver resolves, or it is not worth paying.
    forms = 1 if np.linalg.eigvalsh(symmetric)[0] >= -1e-8 * scale else 2
    lift, _, _ = _lifting(signs)
    on = np.flatnonzero(signs)
    lift[:, : on.size] *= signs[on]  # coordinates in which every sign is 1, so that one compiled problem serves all
    problem, form, Y, delta = _relaxation(on.size, signs.size - on.size, forms)
    form.value = lift.T @ (symmetric / scale) @ lift
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an inaccurate solution loosens the bound, and nothing else
            problem.solve(solver=cp.CLARABEL)
    except cp.SolverError:
        return norm
    if Y[0].value is None:
        return norm
    multipliers = scale * np.asarray([y.value for y in Y], dtype=float)
    pairing = np.zeros(0) if delta is None else scale * np.asarray(delta.value, dtype=float)
    return min(norm, lifted_certificate(M, signs, multipliers, pairing))


@lru_cache(maxsize=64)
def _relaxation(k: int, q: int, forms: int) -> tuple[Any, Any, list[Any], Any]:
    """The problem of the least bound of :func:`lifted_certificate` for k signs of 1 and q zeros, compiled once: the
    problem, its parameter (the lifted form), and the multipliers, Y and (for q > 0) delta."""
    import cvxpy as cp
    import numpy as np

    _, G, _ = _lifting(np.concatenate([np.ones(k), np.zeros(q)]))
    N = k + 2 * q
    form = cp.Parameter((N, N), symmetric=True)
    bound = cp.Variable(nonneg=True)
    Y = [cp.Variable((len(G), len(G)), symmetric=True) for _ in range(forms)]
    delta = cp.Variable(q) if q else None
    pairing: Any = 0.0
    if q:
        p, n = np.eye(N)[:, k : k + q], np.eye(N)[:, k + q :]
        pairing = p @ cp.diag(delta) @ n.T
        pairing = pairing + pairing.T
    blocks = [form + G.T @ sum(Y) @ G + pairing]
    if forms == 2:
        blocks.append(-form + G.T @ (Y[0] - Y[1]) @ G + pairing)
    constraints = [y >= 0 for y in Y] + [bound * np.eye(N) - K >> 0 for K in blocks]
    return cp.Problem(cp.Minimize(bound), constraints), form, Y, delta


def lifted_certificate(M: Any, signs: Any, Y: Any, delta: Any) -> float:
    r"""An upper bound of :math:`\rho` on the l1 descent cone that is valid for any multipliers, good or bad.

    M (d, d), signs (d,), k of them not 0; q = d - k, r = 2q + 1; delta (q,); Y (1, r, r) or (2, r, r); of NumPy, the
    numbers of M and of the multipliers taken as they are, as dyadic rationals.

    *Proof.* Write :math:`h=Lx`, :math:`x=(a,p,n)`, with :math:`h_S=a`, :math:`h_{S^c}=p-n`, p and n the parts of
    :math:`h_{S^c}`; then :math:`\|x\|=\|h\|`, :math:`p_jn_j=0`, and :math:`h\in C` is :math:`Gx\ge0`, G the rows p,
    n, :math:`-s^Ta-1^Tp-1^Tn`. Let D be symmetric with :math:`D_{p_jn_j}=\delta_j` and 0 elsewhere. For :math:`Y\ge0`
    entrywise, :math:`x^TG^TYGx\ge0=x^TDx`. So for :math:`M\succeq0`, and :math:`\lambda^+` the largest eigenvalue or 0,

    .. math:: \rho=\sup v^TMv\le\lambda^+(L^TML+G^TYG+D).

    For :math:`M\succeq-\sigma I` this costs :math:`2\sigma` more: :math:`\rho(M)\le\sigma+\rho(M+\sigma I)
    \le2\sigma+\sup v^TMv`. For any symmetric M and two multipliers, lift u to x and v to y. With
    :math:`Y_0,Y_1\ge0` the sum :math:`x^TG^TY_0Gx+y^TG^TY_0Gy+2x^TG^TY_1Gy\ge0`, and adding it to :math:`2u^TMv`
    gives a form in :math:`(x\pm y)/\sqrt2` with the blocks :math:`\pm L^TML+G^T(Y_0\pm Y_1)G+D`; as
    :math:`\|x\|^2+\|y\|^2\le2`, :math:`\rho` is at most the larger :math:`\lambda^+` of the two. (For a symmetric M
    this loses nothing against the relaxation of twice the size: averaging its multipliers over the swap of u and v
    gives multipliers of this form.)

    Multipliers are symmetrised, clipped at 0, and set to 0 where not finite: those numbers are the certificate. From
    there on everything is evaluated in ball arithmetic, the eigenvalues by :func:`_top`, so neither a solver nor
    rounding can put the result below :math:`\rho`. Infinite if M is not finite.
    """
    import numpy as np
    from flint import arb_mat, ctx

    M, signs = np.asarray(M, dtype=float), np.asarray(signs, dtype=float)
    if not np.isfinite(M).all():
        return math.inf
    Y = np.where(np.isfinite(Y), Y, 0.0)
    Y = np.maximum(Y / 2 + np.swapaxes(Y, -1, -2) / 2, 0.0)
    lift, G, pairs = _lifting(signs)
    D = np.zeros((len(lift.T), len(lift.T)))
    for t, pair in zip(delta, pairs, strict=True):
        D[pair] = D[pair[::-1]] = t if math.isfinite(t) else 0.0
    with ctx.workprec(BALL_BITS):
        # A column of the lifting has one entry, 1 or -1, so the lifted form has the entries of M, without rounding.
        form, rows, pairing = (arb_mat(a.tolist()) for a in (lift.T @ M @ lift, G, D))
        first, *second = (rows.transpose() * arb_mat(y.tolist()) * rows for y in Y)
        if second:
            blocks = [form + first + second[0] + pairing, first - second[0] + pairing - form]
        else:
            blocks = [form + first + pairing]
        top = max(_ball_top(K) for K in blocks)
    price = 0.0 if second else 2 * max(0.0, _top(-M))
    return _above(max(0.0, top) + price + _skew(M))


def _top(M: Any) -> float:
    """An upper bound of the largest eigenvalue of the symmetric part of M (d, d) of NumPy, in ball arithmetic."""
    from flint import arb_mat, ctx

    with ctx.workprec(BALL_BITS):
        return _ball_top(arb_mat(M.tolist()))


def _ball_top(K: Any) -> float:
    r"""The same for a matrix of balls.

    With :math:`S=(K+K^T)/2`, and any t and W at all,
    :math:`tI-S=WW^T-(WW^T+S-tI)\succeq-\|WW^T+S-tI\|I`, hence :math:`\lambda_{\max}(S)\le t+\|WW^T+S-tI\|`. From
    the eigenvalues of floating-point arithmetic, t the largest and :math:`W=V(tI-\Lambda)^{1/2}`, that norm is rounding
    error, and balls bound it by its largest row sum whatever its cause.
    """
    import numpy as np
    from flint import arb, arb_mat

    S = (K + K.transpose()) / 2
    middle = np.asarray([[float(x) for x in row] for row in S.table()])
    if not np.isfinite(middle).all():
        return math.inf
    values, vectors = np.linalg.eigh(middle)
    t = float(values[-1])
    W = arb_mat((vectors * np.sqrt(t - values)).tolist())
    residual = W * W.transpose() + S
    for i in range(len(values)):
        residual[i, i] -= t
    norm = arb(0)
    for row in residual.table():
        norm = norm.max(sum((abs(x) for x in row), arb(0)))
    return _above(float((t + norm).upper()))


def _skew(M: Any) -> float:
    """An upper bound of the Frobenius norm of the skew part of M, which bounds what it adds to u^T M v."""
    import numpy as np

    return _above(float(np.linalg.norm(M - M.T)) / 2 * (1 + 4 * M.size * np.finfo(float).eps))


def _above(x: float) -> float:
    """A number above everything that a few operations on doubles can have rounded to x."""
    return math.nextafter(x + 8 * abs(x) * math.ulp(1.0), math.inf)


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


@dataclass(frozen=True)
class Sandwich:
    """``lower <= rho <= upper``, and the name of the way in which the upper bound was found."""

    lower: float
    upper: float
    method: str


def sandwich(M: Any, signs: Any, lifted: tuple[int, int] = (LIFTED_PSD, LIFTED_BILINEAR)) -> Sandwich:
    """The best bounds of rho on the l1 descent cone that this module has: M (d, d), signs (d,).

    On the host, one symmetric M at a time, without knowledge of any trajectory: ascent from 64 fixed Gaussian starts;
    the norm, the faces where M is positive semidefinite and d <= ENUMERATED, and the relaxation where its size is at
    most ``lifted`` (for a positive semidefinite M, and for any other).
    """
    import numpy as np

    M, signs = np.asarray(M, dtype=float)[None], np.asarray(signs, dtype=float)[None]
    if not np.isfinite(M).all():
        return Sandwich(0.0, math.inf, "M is not finite")
    d = signs.shape[1]
    starts = np.random.default_rng(0).normal(size=(1, 64, d))
    lower, _ = ascent_lower(M, L1DescentCone(signs), starts, steps=100)
    uppers = [(float(norm_upper(M)[0]), "spectral norm")]
    psd = math.isfinite(_psd_shift(M, rounding(M))[0])
    if psd and d <= ENUMERATED:
        uppers.append((float(enumerated_upper(M, signs)[0]), "enumeration of faces"))
    if 2 * d - int(np.count_nonzero(signs)) <= lifted[0 if psd else 1]:
        uppers.append((lifted_upper(M[0], signs[0]), "semidefinite certificate"))
    upper, method = min(uppers)
    return Sandwich(float(lower[0]), upper, method)
