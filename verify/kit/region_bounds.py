r"""How many regions a ReLU network can have: closed forms, in exact integers.

:math:`\mathrm Z(n,d)=\sum_{j\le d}\binom nj` is the largest number of regions of n hyperplanes in d dimensions. The
proofs are in the pages that use the bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import comb, prod


def zaslavsky(n: int, d: int) -> int:
    r""":math:`\mathrm Z(n,d)`; 0 for d < 0."""
    return sum(comb(n, j) for j in range(min(n, d) + 1))


def central(n: int, d: int) -> int:
    r"""Regions of n hyperplanes through the origin in general position, d >= 1:
    :math:`2\,\mathrm Z(n-1,d-1)`, and 1 for n = 0."""
    return 2 * zaslavsky(n - 1, d - 1) if n else 1


def product_bound(inputs: int, widths: Sequence[int]) -> int:
    r""":math:`\prod_l\mathrm Z(n_l,d_l)` with :math:`d_l=\min(n_0,\dots,n_l)` (Montufar 2017)."""
    return prod(zaslavsky(n, min(inputs, *widths[: number + 1])) for number, n in enumerate(widths))


def layered_bound(inputs: int, widths: Sequence[int]) -> int:
    r"""The sum of :math:`\prod_l\binom{n_l}{j_l}` over
    :math:`0\le j_l\le\min(n_0,n_1-j_1,\dots,n_{l-1}-j_{l-1},n_l)` (Serra, Tjandraatmadja, Ramalingam 2018, Theorem 1),
    by the recursion :math:`R(l,d)=\sum_j\binom{n_l}jR(l+1,\min(d,n_l-j))`."""
    layers = tuple(widths)

    @cache
    def rest(number: int, d: int) -> int:
        if number == len(layers):
            return 1
        n = layers[number]
        return sum(comb(n, j) * rest(number + 1, min(d, n - j)) for j in range(min(n, d) + 1))

    return rest(0, inputs)


def biasfree_bound(inputs: int, widths: Sequence[int]) -> int:
    r""":math:`2\,\mathrm Z(n_1-1,n_0-1)\prod_{l\ge2}\mathrm Z(n_l,\max(d_l-1,0))` with
    :math:`d_l=\min(n_0,\dots,n_{l-1})`, for networks whose biases are all 0."""
    later = (zaslavsky(n, max(min(inputs, *widths[: l + 1]) - 1, 0)) for l, n in enumerate(widths[1:]))
    return central(widths[0], inputs) * prod(later)


def folding_count(inputs: int, widths: Sequence[int]) -> int:
    r""":math:`\prod_{l<L}\lfloor n_l/n_0\rfloor^{n_0}\;\mathrm Z(n_L,n_0)` (Montufar, Pascanu, Cho, Bengio 2014)."""
    return prod((n // inputs) ** inputs for n in widths[:-1]) * zaslavsky(widths[-1], inputs)


def refolding_count(inputs: int, widths: Sequence[int]) -> int:
    r""":math:`\prod_{l<L}(\lfloor n_l/n_0\rfloor+1)^{n_0}\;\mathrm Z(n_L,n_0)` for :math:`n_l\ge3n_0`, l < L (Serra,
    Tjandraatmadja, Ramalingam 2018, Theorem 6)."""
    return prod((n // inputs + 1) ** inputs for n in widths[:-1]) * zaslavsky(widths[-1], inputs)
