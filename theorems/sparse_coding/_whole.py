"""Small dictionaries of whole numbers, on which ranks and sparsest representations are exact: their atoms are the
columns of A divided by their lengths, which changes neither."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from math import isqrt
from typing import Any

from pydantic import Field

from verify import Parameters
from verify.core.arrays import matvec, namespace
from verify.kit.coherence import PRIME, largest_minor

RANDOM, TERNARY, PLANTED, SIMPLEX, HADAMARD = (
    "whole numbers",
    "ternary",
    "planted",
    "simplex",
    "identity and Hadamard",
)
FAMILIES = {
    RANDOM: "entries -2, ..., 2",
    TERNARY: "entries -1, 0, 1, half of them 0",
    PLANTED: "the same, one atom the sum of up to three others, up to signs",
    SIMPLEX: "a simplex of any dimension, beside orthogonal atoms",
    HADAMARD: "the identity and the Hadamard matrix of order 4",
}
PLANTING = (PLANTED, SIMPLEX, HADAMARD)
LARGEST = 9  # entry that a search may make
WHOLE, NONZERO = "whole numbers", "no atom is 0"
_SYLVESTER = ((1, 1, 1, 1), (1, -1, 1, -1), (1, 1, -1, -1), (1, -1, -1, 1))


class WholeParams(Parameters):
    """The sizes of the random families."""

    n: int = Field(4, ge=1, le=7, description="rows of the random dictionaries of whole numbers")
    m: int = Field(7, ge=3, le=9, description="atoms of the random dictionaries, and of those with a simplex")


def atoms(draw: Any, p: WholeParams, family: str) -> tuple[Any, Any]:
    """A (B, n, m), whole numbers in the dtype of the run, and h (B, m) with A h = 0: on the simplex, on the atoms that
    were planted, on two and two of identity and Hadamard matrix, else 0. Atoms have random signs and a random order."""
    xp, m = draw.xp, p.m
    if family == HADAMARD:
        import numpy as np

        A = draw.backend.asarray(np.concatenate([np.eye(4), np.asarray(_SYLVESTER, dtype=float)], axis=1)[None])
        h = draw.backend.asarray([[2.0, 0, 2, 0, -1, -1, 0, 0]])
    elif family == SIMPLEX:
        eye = xp.eye(m, dtype=draw.backend.float, device=draw.backend.device)[None, ...]
        size = draw.whole(3, m + 1)  # of the simplex, one more than its dimension
        places = xp.arange(m, dtype=draw.backend.float, device=draw.backend.device)[None, :]
        h = xp.astype(places < size[:, None], draw.backend.float)
        A = (1 + (size[:, None, None] - 1) * h[:, None, :]) * eye - h[:, :, None] * h[:, None, :]
    else:
        random = family == RANDOM
        A = draw.whole(-2, 3, p.n, m) if random else draw.choose((-1.0, 0.0, 0.0, 1.0), p.n, m)
        h = draw.full(0.0, m)
        if family == PLANTED:
            rank, size = draw.ranks(m - 1), draw.integers(1, 4)
            h = xp.where(rank < size[:, None], draw.sign(m - 1), draw.full(0.0, m - 1))
            A = xp.concat([A[..., :-1], -xp.sum(A[..., :-1] * h[:, None, :], axis=-1, keepdims=True)], axis=-1)
            h = xp.concat([h, draw.full(1.0, 1)], axis=-1)
    s, order = draw.sign(h.shape[-1]), draw.ranks(h.shape[-1])
    A, h = A * s[:, None, :], h * s
    places = xp.broadcast_to(order[:, None, :], A.shape)
    return xp.take_along_axis(A, places, axis=-1), xp.take_along_axis(h, order, axis=-1)


def hypotheses(A: Any, alpha: Any = None) -> dict[str, Any]:
    """Whole entries, those of alpha (B, m) too, and minors of A and A alpha below the prime; no column 0."""
    xp = namespace(A)
    shortest = xp.min(xp.sum(A * A, axis=-2), axis=-1)
    broken = xp.max(xp.abs(A - xp.round(A)), axis=(-2, -1))
    if alpha is not None:
        A = xp.concat([A, matvec(A, alpha)[..., None]], axis=-1)
        broken = xp.maximum(broken, xp.max(xp.abs(alpha - xp.round(alpha)), axis=-1))
    return {
        WHOLE: xp.where(broken > 0, -broken, PRIME / 2 - largest_minor(A)),
        NONZERO: shortest - 0.5,
    }


def repair(A: Any) -> Any:
    """Whole numbers of moderate size again."""
    xp = namespace(A)
    return xp.minimum(xp.maximum(xp.round(A), xp.full_like(A, -LARGEST)), xp.full_like(A, LARGEST))


# ------------------------------------------------------------------------------- one dictionary, in exact arithmetic


def rank(columns: list[Any]) -> int:
    """The rank of some columns, of whole numbers or fractions."""
    from flint import fmpq, fmpq_mat

    entries = [[Fraction(v) for v in column] for column in columns]
    return fmpq_mat([[fmpq(v.numerator, v.denominator) for v in column] for column in entries]).rank() if columns else 0


def spark(columns: list[Any]) -> int:
    """The smallest number of dependent columns, and m + 1 if there are none."""
    for size in range(1, len(columns) + 1):
        if any(rank(list(chosen)) < size for chosen in combinations(columns, size)):
            return size
    return len(columns) + 1


def fewest_others(columns: list[Any], alpha: Any) -> int:
    """The fewest non-zeros of a vector other than alpha with the same image, and m + 1 if there is none."""
    m, support = len(columns), {j for j, v in enumerate(alpha) if v}
    image = apply(columns, alpha)
    for size in range(m + 1):
        for S in combinations(range(m), size):
            chosen = [columns[j] for j in S]
            alone = rank(chosen)
            if alone < size if support <= set(S) else rank([*chosen, image]) == alone:
                return size
    return m + 1


def fewest_deep_others(first: list[Any], second: list[Any], deepest: Any, most: int) -> int:
    """The same of the deepest code of two layers, the columns of A_1 and A_2, among those whose image under A_2 has
    ``most`` non-zeros at most: for every set of so many places, the image vanishes at all others."""
    m, height = len(second), len(first)
    support = {j for j, v in enumerate(deepest) if v}
    products = [apply(first, column) for column in second]
    x, code = apply(products, deepest), apply(second, deepest)
    for size in range(m + 1):
        for S in combinations(range(m), size):
            for places in combinations(range(height), min(most, height)):
                rest = [i for i in range(height) if i not in places]
                chosen = [[*products[j], *(second[j][i] for i in rest)] for j in S]
                solves = support <= set(S) and not any(code[i] for i in rest)
                alone = rank(chosen)
                if alone < size if solves else rank([*chosen, [*x, *(0 for _ in rest)]]) == alone:
                    return size
    return m + 1


def apply(columns: list[Any], vector: Any) -> list[Any]:
    """The combination of the columns."""
    return [sum(a * v for a, v in zip(row, vector, strict=True)) for row in zip(*columns, strict=True)]


def coherence_squared(columns: list[Any]) -> Fraction:
    """The square of the mutual coherence of the columns divided by their lengths; 1 where a column is 0."""

    def inner(a: Any, b: Any) -> Fraction:
        return sum((Fraction(v) * Fraction(w) for v, w in zip(a, b, strict=True)), Fraction(0))

    if not all(map(any, columns)):
        return Fraction(1)
    return max(inner(a, b) ** 2 / (inner(a, a) * inner(b, b)) for a, b in combinations(columns, 2))


def least_spark(columns: list[Any]) -> int:
    """1 + 1/mu rounded up, but not more than m + 1."""
    square = coherence_squared(columns)
    if square == 0:
        return len(columns) + 1
    root = isqrt(square.denominator // square.numerator)
    return min(1 + root + (root * root * square < 1), len(columns) + 1)
