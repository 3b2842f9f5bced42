r"""Projected gradient descent, exact and with an inexact projection, batched.

The iteration is :math:`z^{t+1}=\phi(P(z^t+\mu A^T(X-Az^t)))` with :math:`\phi` a Euclidean projection and P a linear
map (the identity for plain projected gradient descent). It is written with :math:`M=I-\mu A^TA`, so that a step is
one product with a d x d matrix: :math:`z^{t+1}=\phi(PMz^t+\mu PA^TX)`.
"""

from __future__ import annotations

from collections.abc import Callable

from verify.core.arrays import Array, eps, matvec, namespace, norm2


def gradient_map(A: Array, mu: Array) -> Array:
    """``M = I - mu A^T A``: A (B, m, d), mu (B,) -> (B, d, d)."""
    xp = namespace(A)
    identity = xp.eye(A.shape[-1], dtype=A.dtype, device=A.device)
    return identity - mu[:, None, None] * xp.matmul(xp.matrix_transpose(A), A)


def gradient_map_rounding(A: Array, mu: Array) -> Array:
    """A bound on the error of the computed ``M = I - mu A^T A`` in the Frobenius norm, hence on that of every
    ``u^T M v`` of unit vectors: (B,).

    An entry of the Gram matrix is a sum of m products, at most m roundings of the product of the magnitudes; its
    multiple and the difference add one each.
    """
    xp = namespace(A)
    m, d = A.shape[-2:]
    return eps(A) * ((m + 4) * mu * xp.sum(A * A, axis=(-2, -1)) + d)


def largest_eigenvalue_of_gram(A: Array) -> Array:
    """``|A|^2`` for A (B, m, d), from the smaller of the two Gram matrices: (B,)."""
    xp = namespace(A)
    At = xp.matrix_transpose(A)
    gram = xp.matmul(A, At) if A.shape[-2] <= A.shape[-1] else xp.matmul(At, A)
    return xp.linalg.eigvalsh(gram)[..., -1]


def projected_gradient(
    step: Array, offset: Array, project: Callable[[Array], Array], start: Array, steps: int
) -> Array:
    """The iterates ``z^0, ..., z^steps`` of ``z <- project(step z + offset)``.

    step (B, d, d), offset (B, d), start (B, d); returns (B, steps + 1, d).
    """
    xp = namespace(step, start)
    iterates = [start]
    for _ in range(steps):
        iterates.append(project(matvec(step, iterates[-1]) + offset))
    return xp.stack(iterates, axis=1)


def step_rounding(A: Array, mu: Array, gram_norm: Array, iterates: Array, Z: Array, E: Array) -> Array:
    r"""A bound on the rounding error of one computed step, (B,).

    With u the unit roundoff, products of lengths m and d and the projection err by at most
    ``8 (m + d + 8) u ((1 + mu |A|^2) s + mu |A| |E|)``, s the largest norm of an iterate. A computed trajectory is an
    exact trajectory of the theorem with an extra error vector of at most this norm at each step, which is how it
    enters the bounds.
    """
    xp = namespace(A, iterates)
    m, d = A.shape[-2:]
    size = xp.maximum(xp.max(norm2(iterates), axis=-1), norm2(Z))
    scale = (1 + mu * gram_norm) * size + mu * xp.sqrt(gram_norm) * norm2(E)
    return 4 * (m + d + 8) * eps(A) * scale
