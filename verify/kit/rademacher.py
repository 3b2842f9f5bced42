r"""Rademacher sums of ReLU networks: how well a network can follow given signs.

For points :math:`x_1,\dots,x_m`, signs :math:`\xi` and :math:`\sigma(t)=\max(t,0)` let

.. math:: s(\xi)=\sup_{\|w\|=1}\Bigl|\sum_i\xi_i\sigma(w\cdot x_i)\Bigr| .

It is the supremum over all networks with one hidden layer of any width, :math:`f(x)=\sum_kv_k\sigma(w_k\cdot x)` with
:math:`\|v\|\,\|W\|_F\le1`. The sum is linear in w on the cones that the lines :math:`w\cdot x_i=0` cut out.
"""

from __future__ import annotations

from itertools import product

from verify.core.arrays import Array, eps, namespace, norm2
from verify.core.enclosure import Enclosure

ITERATIONS = 400  # of the accelerated projected gradient method


def half_of_all_signs(m: int, like: Array) -> Array:
    """The 2^(m-1) sign vectors whose first entry is 1, one row each; their negatives give the same suprema."""
    xp = namespace(like)
    rows = [(1.0, *rest) for rest in product((1.0, -1.0), repeat=m - 1)]
    return xp.asarray(rows, dtype=like.dtype, device=like.device)


def _values(x: Array, w: Array, xi: Array) -> Array:
    """|sum_i xi_i relu(w.x_i)|: x (B, m, D), w (B, S, N, D) or (B, 1, N, D), xi (B, S, m) or (1, S, m) -> (B, S, N)."""
    xp = namespace(x)
    z = xp.matmul(w, xp.matrix_transpose(x)[:, None, :, :])
    return xp.abs(xp.matmul(xp.maximum(z, xp.zeros_like(z)), xi[..., None])[..., 0])


def plane_suprema(x: Array, xi: Array) -> Array:
    r"""s(xi) for points of the plane: x (B, m, 2), xi (B, S, m) or (1, S, m) -> (B, S).

    The 2m directions orthogonal to the points, sorted by their angles, cut the circle into arcs. On an arc the sum is
    :math:`w\cdot v` with v the sum of the :math:`\xi_ix_i` of the active points, so its supremum is at an end of the
    arc, or at :math:`\pm v/\|v\|` if that lies on it. All these directions are tried: each value is one that is taken,
    and the largest is the supremum. A direction misplaced by rounding changes a value by as little as it was moved.
    """
    xp = namespace(x)
    normal = xp.stack([-x[..., 1], x[..., 0]], axis=-1)
    ends = xp.concat([normal, -normal], axis=1)  # 0 for a point at 0, which cuts nothing
    size = norm2(ends)[..., None]
    ends = ends / xp.where(size > 0, size, xp.ones_like(size))
    angles = xp.sort(xp.atan2(ends[..., 1], ends[..., 0]), axis=-1)
    following = xp.concat([angles[:, 1:], angles[:, :1] + 2 * xp.pi], axis=-1)
    middle = (angles + following) / 2
    inside = xp.stack([xp.cos(middle), xp.sin(middle)], axis=-1)
    active = xp.astype(xp.matmul(inside, xp.matrix_transpose(x)) > 0, x.dtype)
    v = xp.matmul(active[:, None, :, :], xi[..., None] * x[:, None, :, :])
    size = norm2(v)[..., None]
    v = v / xp.where(size > 0, size, xp.ones_like(size))
    at_ends = xp.max(_values(x, ends[:, None, :, :], xi), axis=-1)
    return xp.maximum(at_ends, xp.maximum(*(xp.max(_values(x, u, xi), axis=-1) for u in (v, -v))))


def suprema(x: Array, xi: Array, iterations: int = ITERATIONS) -> Enclosure:
    r"""s(xi) in any dimension, enclosed: x (B, m, D) and xi (S, m) with m <= 12 -> (B, S).

    With :math:`P` the places of 1 and :math:`N` those of -1, minimax gives

    .. math:: \sup_{\|w\|\le1}\sum_i\xi_i\sigma(w\cdot x_i)=\max_{A\subseteq P}\min_{\lambda\in[0,1]^N}
              \Bigl\|\sum_Ax_i-\sum_N\lambda_jx_j\Bigr\| ,

    and s is the larger of this for xi and -xi. The least squares problems, 2^|P| + 2^|N| for each row of xi, are solved
    together by an accelerated projected gradient method. Any lambda gives an upper end, and the direction of what is
    left a lower one, so the enclosure holds however far the iteration went. Raises ValueError for m > 12.
    """
    xp = namespace(x)
    m = x.shape[1]
    if m > 12:
        raise ValueError(f"{m} points: 2^{m} least squares problems are too many, 12 points are allowed")
    lower, upper = [], []
    for row in range(xi.shape[0]):
        signs = xi[row, :]
        ends = [_one_sided(x, s, iterations) for s in (signs, -signs)]
        lower.append(xp.maximum(ends[0][0], ends[1][0]))
        upper.append(xp.maximum(ends[0][1], ends[1][1]))
    low, high = xp.stack(lower, axis=-1), xp.stack(upper, axis=-1)
    room = 4 * (m + x.shape[-1]) * eps(x) * xp.sum(norm2(x), axis=-1)[:, None]
    return Enclosure(low, low - room, high + room)


def _one_sided(x: Array, signs: Array, iterations: int) -> tuple[Array, Array]:
    """Both ends, (B,), of the supremum without the magnitude, for signs (m,)."""
    xp = namespace(x)
    plus = [float(s) > 0 for s in signs]
    rows = [[float(a) for a in choice] for choice in product(*((0, 1) if p else (0,) for p in plus))]
    chosen = xp.asarray(rows, dtype=x.dtype, device=x.device)  # (A, m)
    free = xp.asarray([0.0 if p else 1.0 for p in plus], dtype=x.dtype, device=x.device)
    target = xp.matmul(chosen[None, :, :], x)  # (B, A, D)
    moved = free[:, None] * x
    steepest = xp.sum(moved * moved, axis=(-2, -1))[:, None, None]
    step = 1 / xp.where(steepest > 0, steepest, xp.ones_like(steepest))
    lam = xp.zeros((x.shape[0], *chosen.shape), dtype=x.dtype, device=x.device)
    ahead, weight = lam, 1.0
    for _ in range(iterations if not all(plus) else 0):
        left = target - xp.matmul(ahead, moved)
        new = xp.clip(ahead + step * xp.matmul(left, xp.matrix_transpose(moved)), 0.0, 1.0)
        following = (1 + (1 + 4 * weight**2) ** 0.5) / 2
        ahead, lam, weight = new + (weight - 1) / following * (new - lam), new, following
    left = target - xp.matmul(lam, moved)
    size = norm2(left)
    w = left / xp.where(size > 0, size, xp.ones_like(size))[..., None]
    z = xp.matmul(w, xp.matrix_transpose(x))
    taken = xp.sum(signs * xp.maximum(z, xp.zeros_like(z)), axis=-1)
    taken = xp.maximum(xp.max(taken, axis=-1), xp.zeros_like(taken[:, 0]))  # w = 0 is allowed
    return taken, xp.max(size, axis=-1)


def obvious_suprema(x: Array, xi: Array) -> Array:
    """The larger of sum |x_i| over the signs 1 and over the signs -1: (B, S). No network with a hidden layer whose
    norms multiply to 1 follows the signs better, at any depth, as its last hidden layer is not negative."""
    xp = namespace(x)
    size = norm2(x)[:, None, :]
    plus = xp.sum(size * xp.astype(xi > 0, x.dtype), axis=-1)
    return xp.maximum(plus, xp.sum(size, axis=-1) - plus)


def deep_values(x: Array, xi: Array, depth: int, width: int, steps: int) -> Array:
    """What gradient ascent finds of the supremum over networks with ``depth`` >= 2 weight layers of Frobenius norm 1,
    hidden ones of ``width`` neurons: x (B, m, D), xi (1, S, m) or (B, S, m) -> (B, S), lower bounds of the suprema.

    From Gaussian layers, always the same ones, each layer moves along its normalised gradient by a step that shrinks,
    and back to norm 1; the best value is kept.
    """
    import numpy as np

    xp = namespace(x)
    B, S = x.shape[0], xi.shape[1]
    rng = np.random.default_rng(0)
    shapes = [(width, x.shape[-1]), *[(width, width)] * (depth - 2), (1, width)]
    layers = [
        _unit(xp.asarray(rng.standard_normal((1, S, *shape)), dtype=x.dtype, device=x.device)) for shape in shapes
    ]
    points = xp.broadcast_to(x[:, None, :, :], (B, S, *x.shape[1:]))
    best = xp.zeros((B, S), dtype=x.dtype, device=x.device)
    for number in range(steps):
        hidden = [points]
        for W in layers[:-1]:
            z = xp.matmul(hidden[-1], xp.matrix_transpose(W))
            hidden.append(xp.maximum(z, xp.zeros_like(z)))
        out = xp.sum(xi * xp.matmul(hidden[-1], xp.matrix_transpose(layers[-1]))[..., 0], axis=-1)
        best = xp.maximum(best, xp.abs(out))
        back = (xp.sign(out)[..., None] * xi)[..., None]  # derivative by each network's output, (B, S, m, 1)
        gradients = []
        for W, h in zip(reversed(layers), reversed(hidden), strict=True):
            gradients.append(xp.matmul(xp.matrix_transpose(back), h))
            back = xp.matmul(back, W) * xp.astype(h > 0, x.dtype)
        rate = 1 / (1 + number / 4)
        layers = [_unit(W + rate * _unit(g)) for W, g in zip(layers, reversed(gradients), strict=True)]
    return best


def _unit(W: Array) -> Array:
    """Each matrix over its Frobenius norm; 0 stays 0."""
    xp = namespace(W)
    size = xp.sqrt(xp.sum(W * W, axis=(-2, -1), keepdims=True))
    return W / xp.where(size > 0, size, xp.ones_like(size))


def follow_with_operator_norm_one(x: Array, xi: Array, steps: int) -> Array:
    r"""Orthogonal W (B, D, D) whose :math:`\|\sum_i\xi_i\sigma(Wx_i)\|` is large: x (B, m, D) or (1, m, D), xi (B, m).

    The rows start as eigenvectors of :math:`\sum_i\xi_ix_ix_i^T`, each with the sign that makes the two halves of
    :math:`\sigma(t)=(t+|t|)/2` agree. Each step goes half way to the gradient, of the same norm, and from there to the
    nearest orthogonal matrix, where that is better.
    """
    xp = namespace(x)
    weighted = xi[..., None] * x
    _, vectors = xp.linalg.eigh(xp.matmul(xp.matrix_transpose(weighted), x))
    W = xp.matrix_transpose(vectors)
    z = xp.matmul(x, vectors)
    halves = xp.sum(xi[..., None] * z, axis=1) * xp.sum(xi[..., None] * xp.abs(z), axis=1)
    W = W * xp.where(halves < 0, -xp.ones_like(halves), xp.ones_like(halves))[..., None]
    total, gradient = _followed(x, xi, W)
    for _ in range(steps):
        U, _, Vt = xp.linalg.svd(_unit(gradient) + _unit(W), full_matrices=False)
        new = xp.matmul(U, Vt)
        new_total, new_gradient = _followed(x, xi, new)
        better = new_total > total
        W = xp.where(better[:, None, None], new, W)
        gradient = xp.where(better[:, None, None], new_gradient, gradient)
        total = xp.where(better, new_total, total)
    return W


def _followed(x: Array, xi: Array, W: Array) -> tuple[Array, Array]:
    """|sum xi_i relu(W x_i)|, (B,), and the gradient of half its square by W, (B, D, D)."""
    xp = namespace(x)
    z = xp.matmul(x, xp.matrix_transpose(W))
    total = xp.sum(xi[..., None] * xp.maximum(z, xp.zeros_like(z)), axis=1)
    active = xi[..., None] * xp.astype(z > 0, x.dtype)
    return norm2(total), total[..., None] * xp.matmul(xp.matrix_transpose(active), x)
