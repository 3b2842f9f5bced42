r"""Mutual coherence, and what it says of small sets of atoms: their Gram, their rank, the spark.

The mutual coherence of unit columns d_1, ..., d_m is mu = max_{i != j} |<d_i, d_j>|. By Gershgorin the eigenvalues of
the Gram of k of them lie within (k - 1) mu of 1. The *spark* is the smallest number of dependent columns.

Ranks are exact for whole numbers: they are computed modulo the prime :data:`PRIME`, and a minor that is smaller than it
is 0 exactly when it is 0 modulo it. Hadamard's inequality (:func:`largest_minor`) says whether all minors are.
"""

from __future__ import annotations

import itertools

from verify.core.arrays import Array, eps, namespace
from verify.core.enclosure import Enclosure
from verify.kit.basis_pursuit import support_gram

PRIME = 2**31 - 1
SUBSETS = 2**14  # of the columns, at most


def unit(x: Array, axis: int = -2) -> Array:
    """The vectors along an axis divided by their lengths, those that are 0 as they are."""
    xp = namespace(x)
    lengths = xp.sqrt(xp.sum(x * x, axis=axis, keepdims=True))
    return x / xp.where(lengths > 0, lengths, xp.ones_like(lengths))


def off_diagonal(D: Array) -> Array:
    """|<d_i, d_j>| with zeros on the diagonal: D (B, n, m) -> (B, m, m)."""
    xp = namespace(D)
    gram = xp.matmul(xp.matrix_transpose(D), D)
    eye = xp.eye(D.shape[-1], dtype=xp.bool, device=D.device)
    return xp.where(eye, xp.zeros_like(gram), xp.abs(gram))


def coherence(D: Array) -> Array:
    """The mutual coherence of unit columns, with an error of at most ``n eps``: D (B, n, m) -> (B,)."""
    return namespace(D).max(off_diagonal(D), axis=(-2, -1))


def meetings(D: Array) -> Array:
    """Which columns have a non-zero in the same place, 1.0 or 0.0; the others have the inner product 0 exactly:
    D (B, n, m) -> (B, m, m)."""
    xp = namespace(D)
    there = xp.astype(D != 0, D.dtype)
    return xp.astype(xp.matmul(xp.matrix_transpose(there), there) > 0, D.dtype)


def least_eigenvalue(D: Array, support: Array, mask: Array) -> tuple[Array, Array]:
    """The smallest eigenvalue of the Gram of k unit columns, and a bound on its rounding, both (B,).

    D (B, n, m) or shared; support, mask (B, k) as of :func:`verify.kit.basis_pursuit.padded_support`. An entry of the
    Gram is rounded by at most ``n eps``, the eigenvalues by some ``k eps`` of the largest, which is at most k.
    """
    xp = namespace(D)
    _, gram = support_gram(D, support, mask)  # the padding adds eigenvalues 1, and the smallest is at most 1
    value = xp.linalg.eigvalsh(gram)[:, 0]
    k = xp.sum(xp.astype(mask, D.dtype), axis=-1)
    return value, 4 * eps(D) * k * (D.shape[-2] + k)


# ------------------------------------------------------------------------------------------------ ranks and sparks


def largest_minor(A: Array) -> Array:
    """An upper bound of the magnitudes of all minors, by Hadamard's inequality: A (B, n, m) -> (B,)."""
    xp = namespace(A)
    lengths = xp.sort(xp.sqrt(xp.sum(A * A, axis=-2)), axis=-1, descending=True)[:, : min(A.shape[-2:])]
    return xp.prod(xp.maximum(lengths, xp.ones_like(lengths)), axis=-1)


def subset_sizes(m: int) -> list[int]:
    """The sizes of the subsets of m things: subset number S holds thing j when bit j of S is 1."""
    return [number.bit_count() for number in range(2**m)]


def subset_ranks(A: Array) -> Array:
    """The rank of every subset of the columns: A (B, n, m), whole numbers, of any dtype -> (B, 2^m) int64, subsets
    numbered as in :func:`subset_sizes`. Exact where :func:`largest_minor` is less than :data:`PRIME`.

    Column after column each matrix is taken on both without it and with it, all other columns reduced by a pivot of it
    modulo the prime. ValueError for more than :data:`SUBSETS` subsets.
    """
    xp = namespace(A)
    if 2 ** A.shape[-1] > SUBSETS:
        raise ValueError(f"the subsets of {A.shape[-1]} columns are more than {SUBSETS}")
    rest = (xp.astype(A, xp.int64) % PRIME)[:, None, :, :]  # (B, subsets so far, n, columns to come)
    rank = xp.zeros(rest.shape[:2], dtype=xp.int64, device=A.device)
    while rest.shape[-1]:
        column, others = rest[..., :1], rest[..., 1:]
        found = xp.any(column != 0, axis=(-2, -1))
        pivot = xp.argmax(xp.astype(column != 0, xp.int64), axis=-2, keepdims=True)
        row = xp.take_along_axis(others, xp.broadcast_to(pivot, (*pivot.shape[:-1], others.shape[-1])), axis=-2)
        reduced = (others * xp.take_along_axis(column, pivot, axis=-2) - column * row) % PRIME
        reduced = xp.where(found[..., None, None], reduced, others)  # the row of the pivot has become 0
        rest = xp.concat([others, reduced], axis=1)
        rank = xp.concat([rank, rank + xp.astype(found, xp.int64)], axis=1)
    return rank


def spark(ranks: Array) -> Array:
    """The spark from the ranks of all subsets (B, 2^m), and m + 1 where all columns are independent: (B,) int64."""
    xp = namespace(ranks)
    sizes = xp.asarray(subset_sizes(ranks.shape[-1].bit_length() - 1), dtype=xp.int64, device=ranks.device)
    none = xp.full_like(ranks, ranks.shape[-1].bit_length())
    return xp.min(xp.where(ranks < sizes, sizes, none), axis=-1)


def fewest_others(ranks: Array, support: Array, solves: Array | None = None) -> Array:
    """The fewest non-zeros of a vector b other than a with A b = y, and m + 1 if there is none: (B,) int64.

    ``ranks`` (B, 2^(m+1)): :func:`subset_ranks` of the columns of A and y after them; ``support`` (B, m): a != 0;
    ``solves`` (B,): A a = y, everywhere by default. Such a b within the columns S exists when they are dependent, if S
    holds the support of a solution a, and otherwise when y depends on them.
    """
    xp = namespace(ranks)
    number = ranks.shape[-1] // 2
    m = number.bit_length() - 1
    alone, beside = ranks[:, :number], ranks[:, number:]
    sizes = xp.asarray(subset_sizes(m), dtype=xp.int64, device=ranks.device)
    bits = xp.asarray([1 << j for j in range(m)], dtype=xp.int64, device=ranks.device)
    own = xp.sum(xp.where(support, bits, xp.zeros_like(bits)), axis=-1)[:, None]
    subsets = xp.arange(number, dtype=xp.int64, device=ranks.device)
    inside = (subsets & own) == own
    inside = inside if solves is None else inside & solves[:, None]
    there = xp.where(inside, alone < sizes, beside == alone)
    return xp.min(xp.where(there, sizes, xp.full_like(alone, m + 1)), axis=-1)


def least_spark(A: Array) -> Array:
    r""":math:`\min(\lceil1+1/\mu\rceil,m+1)` of the columns divided by their lengths: A (B, n, m), whole numbers, no
    column 0, the products of four entries of :math:`A^TA` times m^2 below 2^63 -> (B,) int64, exact.

    :math:`t\ge1/\mu` says :math:`t^2\langle a_i,a_j\rangle^2\ge\|a_i\|^2\|a_j\|^2` of some pair.
    """
    xp = namespace(A)
    whole = xp.astype(A, xp.int64)
    gram = xp.matmul(xp.matrix_transpose(whole), whole)
    m = A.shape[-1]
    eye = xp.eye(m, dtype=xp.int64, device=A.device)
    squares = xp.sum(gram * eye, axis=-1)
    lengths, inner = squares[:, :, None] * squares[:, None, :], (gram * (1 - eye)) ** 2
    least = xp.ones_like(squares[:, 0])
    for t in range(1, m + 1):
        least = least + xp.astype(~xp.any(t * t * inner >= lengths, axis=(-2, -1)), xp.int64)
    return xp.minimum(least + 1, xp.full_like(least, m + 1))


def certified_spark(D: Array) -> Enclosure:
    """The spark of unit columns D (B, n, m), n < m, as an enclosure of whole numbers (B,): sets of columns count as
    independent where the smallest eigenvalue of their Gram exceeds its rounding. The best value is the upper end,
    n + 1, where the lower is; else the lower."""
    xp = namespace(D)
    n, m = D.shape[-2:]
    gram = xp.matmul(xp.matrix_transpose(D), D)
    flat = xp.reshape(gram, (gram.shape[0], m * m))
    lower = xp.full_like(flat[:, 0], 2.0)
    sure = lower > 0
    for k in range(2, n + 1):
        sets = list(itertools.combinations(range(m), k))
        places = xp.asarray([[i * m + j for i in s for j in s] for s in sets], device=D.device)
        chosen = xp.reshape(xp.take(flat, xp.reshape(places, (-1,)), axis=1), (flat.shape[0], len(sets), k, k))
        least = xp.min(xp.linalg.eigvalsh(chosen)[..., 0], axis=-1)
        sure = sure & (least > 4 * eps(D) * k * (n + k))
        lower = lower + xp.astype(sure, D.dtype)
    return Enclosure(lower, lower, xp.full_like(lower, n + 1.0))
