r"""Layered dictionaries learned from signals, many at a time: :math:`\min\sum_t\tfrac12\|x_t-D_1\cdots D_K\gamma_t\|^2
+\lambda\|\gamma_t\|_1` over codes and over layers with unit columns of at most :math:`s_i` non-zeros, the *taps*.

Steps on the codes alternate with a projected gradient step on each layer; this is a heuristic, of which nothing is
promised. The value of a dictionary for given signals is certified (:func:`mean_objective`).

Shapes: layers D_i (B, n_{i-1}, n_i), signals X (B, n_0, T) or (1, n_0, T), one in each column; codes (B, n_K, T).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import pairwise

from verify.core.arrays import Array, eps, namespace
from verify.core.enclosure import Enclosure
from verify.kit.shrinkage import fista_weights


def keep_largest(D: Array, taps: int) -> Array:
    """Of every column of D (B, n, m) the ``taps`` >= 1 entries that are largest in magnitude (all that are equal to the
    last of them), scaled to length 1; columns that are 0 stay 0."""
    xp = namespace(D)
    if taps < D.shape[-2]:
        sizes = xp.sort(xp.abs(D), axis=-2, descending=True)
        D = xp.where(xp.abs(D) >= sizes[:, taps - 1 : taps, :], D, xp.zeros_like(D))
    return unit_columns(D)


def unit_columns(D: Array) -> Array:
    """The columns of D (B, n, m) scaled to length 1; those that are 0 stay 0."""
    xp = namespace(D)
    length = xp.sqrt(xp.sum(D * D, axis=-2, keepdims=True))
    return D / xp.where(length > 0, length, xp.ones_like(length))


def product(layers: Sequence[Array]) -> Array:
    """D_1 D_2 ... D_K."""
    return reduce(namespace(layers[0]).matmul, layers)


def codes(D: Array, X: Array, lam: float, start: Array, steps: int) -> Array:
    """The codes (B, m, T) after ``steps`` of FISTA from ``start`` (B, m, T)."""
    xp = namespace(D, X)
    transposed = xp.matrix_transpose(D)
    gram, c = xp.matmul(transposed, D), xp.matmul(transposed, X)
    L = _largest_row(gram)
    weights = fista_weights(steps + 1)
    z = point = start
    for t, after in pairwise(weights):
        u = point - (xp.matmul(gram, point) - c) / L
        new = u - xp.minimum(xp.maximum(u, -lam / L), lam / L)
        z, point = new, new + ((t - 1) / after) * (new - z)
    return z


def train(layers: Sequence[Array], taps: Sequence[int], X: Array, lam: float, rounds: int, steps: int) -> list[Array]:
    """The layers after ``rounds`` of ``steps`` on the codes and one on every layer, from the given ones with at most
    ``taps`` non-zeros a column. A step on a layer is twice as long as its Lipschitz bound by row sums allows, for these
    bounds are large; the layers given are left as they are."""
    xp = namespace(X, *layers)
    found = [keep_largest(D, s) for D, s in zip(layers, taps, strict=True)]
    shape = (found[-1].shape[0], found[-1].shape[-1], X.shape[-1])
    gamma = xp.zeros(shape, dtype=X.dtype, device=X.device)
    for _ in range(rounds):
        gamma = codes(product(found), X, lam, gamma, steps)
        for i, s in enumerate(taps):
            right = reduce(lambda v, D: xp.matmul(D, v), reversed(found[i + 1 :]), gamma)
            left = product(found[:i]) if i else None
            image = xp.matmul(found[i], right)
            rest = X - (image if left is None else xp.matmul(left, image))
            down = rest if left is None else xp.matmul(xp.matrix_transpose(left), rest)
            L = _largest_row(xp.matmul(right, xp.matrix_transpose(right)))
            if left is not None:
                L = L * _largest_row(xp.matmul(xp.matrix_transpose(left), left))
            slope = xp.matmul(down, xp.matrix_transpose(right))
            found[i] = keep_largest(found[i] + 2 * slope / xp.where(L > 0, L, xp.ones_like(L)), s)
    return found


def mean_objective(D: Array, X: Array, lam: Array, steps: int) -> Enclosure:
    r"""The mean over the signals of :math:`\min_\gamma\tfrac12\|x_t-D\gamma\|^2+\lambda_t\|\gamma\|_1`, (B,), between
    its value at the codes after ``steps`` of FISTA and the dual bound at their residuals; lam (B,) > 0.

    Of each signal :math:`w=r\min(1,\lambda/\|D^Tr\|_\infty)` has :math:`w^Tx-\frac12\|w\|^2` below the minimum.
    Rounding counts a unit for each of n + m + 8 terms, of the size of the signal."""
    xp = namespace(D, X)
    weight = lam[:, None, None]
    gamma = codes(D, X, weight, xp.matmul(xp.matrix_transpose(D), 0 * X), steps)
    unit = (D.shape[-2] + D.shape[-1] + 8) * eps(D)
    r = X - xp.matmul(D, gamma)
    size, square = xp.sum(X * X, axis=-2), xp.sum(r * r, axis=-2)
    price = xp.sum(xp.abs(gamma), axis=-2)
    upper = square / 2 + lam[:, None] * price
    longest = xp.sqrt(xp.max(xp.sum(D * D, axis=-2), axis=-1))[:, None]
    reach = xp.max(xp.abs(xp.matmul(xp.matrix_transpose(D), r)), axis=-2) + unit * longest * xp.sqrt(square)
    most = (1 - unit) * lam[:, None]
    w = r * (most / xp.maximum(reach, most))[:, None, :]
    lower = xp.sum(w * X, axis=-2) - xp.sum(w * w, axis=-2) / 2
    # |D gamma| <= longest |gamma|_1 bounds every product that was rounded.
    doubt = 4 * unit * (size + (longest * price) ** 2 + lam[:, None] * price)
    value, low, high = (xp.mean(a, axis=-1) for a in (upper, lower - doubt, upper + doubt))
    return Enclosure(value, low, high)


def _largest_row(gram: Array) -> Array:
    """The largest sum of magnitudes of a row, (B, 1, 1): a bound on the largest eigenvalue."""
    xp = namespace(gram)
    return xp.max(xp.sum(xp.abs(gram), axis=-1, keepdims=True), axis=-2, keepdims=True)
