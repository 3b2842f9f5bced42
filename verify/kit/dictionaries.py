r"""Dictionaries with unit columns whose mutual coherence is known exactly.

The mutual coherence of D (n, m) with unit columns (atoms) d_j is mu(D) = max_{i != j} |<d_i, d_j>|. Guarantees for
sparse recovery ask for k < fraction (1 + 1/mu), and these families have 1/mu (or its square) a whole number, so that
the limit is often attained: the coherence of a rounded Gram then admits a k that the theorem excludes. Each family
therefore carries its exact coherence, and :func:`admitted` tests the condition with a margin.

Sources: Donoho and Huo (2001) for [I H/sqrt n]; Paley (1933), Lemmens and Seidel (1973) and Strohmer and Heath (2003)
for the equiangular frames; DeVore (2007) for columns that are lines over a finite field; Kløve (1989) for sets of
whole numbers whose differences are all distinct.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

MARGIN = 1e-9  # of the strict inequalities in k: far above the rounding of mu, far below any gap between admitted k


@dataclass(frozen=True, eq=False)
class Dictionary:
    """A dictionary on the host: ``D`` (n, m), NumPy float64, read-only, with unit columns.

    ``mu_squared`` is the exact square of the mutual coherence; ``frame`` is the constant c of a tight frame,
    ``D D^T = c I``, and None where D is not tight.
    """

    name: str
    D: Any
    mu_squared: Fraction
    frame: float | None

    @cached_property
    def mu(self) -> float:
        """The mutual coherence: the exact one, rounded once."""
        return math.sqrt(self.mu_squared)

    @property
    def n(self) -> int:
        """The length of a signal."""
        return self.D.shape[0]

    @property
    def m(self) -> int:
        """The number of atoms."""
        return self.D.shape[1]


def admitted(mu: float, fraction: float | Fraction) -> int:
    """The largest k with ``k < fraction (1 + 1/mu)``, tested as ``k mu / fraction < 1 + mu`` by a margin of 1e-9.

    ValueError unless 0 < mu <= 1 and fraction > 0.
    """
    if not (0 < mu <= 1 and fraction > 0):
        raise ValueError(f"admitted: needs 0 < mu <= 1 and fraction > 0, got mu={mu}, fraction={fraction}")
    k = math.ceil(float(fraction) * (1 + 1 / mu))
    while k > 0 and not k * mu / float(fraction) < 1 + mu - MARGIN:
        k -= 1
    return k


@lru_cache(maxsize=32)
def identity_hadamard(n: int) -> Dictionary:
    """``[I_n, H_n / sqrt n]``, n x 2n, with mu = 1/sqrt n and D D^T = 2 I. ValueError unless n >= 2 is a power of 2."""
    import numpy as np

    D = np.concatenate([np.eye(n), _hadamard(n) / math.sqrt(n)], axis=1)
    return _dictionary(f"identity_hadamard({n})", D, Fraction(1, n), 2.0)


@lru_cache(maxsize=32)
def conference(q: int) -> Dictionary:
    r"""The equiangular tight frame of the Paley conference matrix C of order q + 1: ``D^T D = I + C / sqrt q``.

    D is (q+1)/2 x (q+1) with every |<d_i, d_j>| = mu = 1/sqrt q and D D^T = 2 I: since C^2 = q I and tr C = 0,
    half the Gram is an orthogonal projection P of rank (q+1)/2, and D = sqrt 2 Q^T for any orthonormal basis Q of its
    range. ValueError unless q is a prime that is 1 modulo 4.
    """
    import numpy as np

    if q % 4 != 1 or not _is_prime(q):
        raise ValueError(f"conference: q must be a prime that is 1 modulo 4, got {q}")
    squares = {i * i % q for i in range(1, q)}
    residue = np.asarray([0] + [1 if i in squares else -1 for i in range(1, q)])
    C = np.ones((q + 1, q + 1))
    C[0, 0] = 0
    C[1:, 1:] = residue[(np.arange(q)[:, None] - np.arange(q)) % q]
    P = (np.eye(q + 1) + C / math.sqrt(q)) / 2
    # The basis that Gram-Schmidt makes of the first columns is unique, unlike eigenvectors of a repeated eigenvalue.
    # The second pass, on P Q, removes the error that ill-conditioned columns leave in the first.
    Q = P[:, : (q + 1) // 2]
    for _ in range(2):
        Q, R = np.linalg.qr(P @ Q)
        Q = Q * np.sign(np.diagonal(R))
    return _dictionary(f"conference({q})", Q.T / np.sqrt(np.sum(Q.T**2, axis=0)), Fraction(1, q), 2.0)


@lru_cache(maxsize=32)
def simplex(n: int) -> Dictionary:
    """The n + 1 vertices of a regular simplex in R^n: Gram ``(1 + 1/n) I - 1/n``, mu = 1/n, D D^T = (1 + 1/n) I.

    The rows are Helmert's: orthonormal and orthogonal to the vector of ones. ValueError unless n >= 2.
    """
    import numpy as np

    if n < 2:
        raise ValueError(f"simplex: n must be at least 2, got {n}")
    rows = np.arange(1, n + 1)[:, None]
    columns = np.arange(n + 1)
    helmert = np.where(columns < rows, 1.0, np.where(columns == rows, -1.0 * rows, 0.0)) / np.sqrt(rows * (rows + 1))
    return _dictionary(f"simplex({n})", math.sqrt(1 + 1 / n) * helmert, Fraction(1, n * n), 1 + 1 / n)


@lru_cache(maxsize=8)
def affine_hadamard(q: int) -> Dictionary:
    r"""The lines of the affine plane over GF(q), each carrying the q rows of H_q / sqrt q: q^2 x q^2 (q+1).

    A row is a point, a column a line with signs. Atoms on one line are orthogonal and two lines meet in at most one
    point, so mu = 1/q; every atom has q entries, and D D^T = (q + 1) I. ValueError unless q >= 2 is a power of 2.
    """
    import numpy as np

    H = _hadamard(q)
    table = _multiplication(q)
    point = np.arange(q)
    lines = [q * point + (table[slope, point] ^ shift) for slope in range(q) for shift in range(q)]
    lines += [q * abscissa + point for abscissa in range(q)]
    D = np.zeros((q * q, len(lines), q))
    for j, line in enumerate(lines):
        D[line, j, :] = H.T / math.sqrt(q)
    return _dictionary(f"affine_hadamard({q})", D.reshape(q * q, -1), Fraction(1, q * q), q + 1.0)


@lru_cache(maxsize=32)
def transversal(c: int, g: int, m: int | None = None, *, signs: bool = True, seed: int = 0) -> Dictionary:
    r"""Sparse columns of any height: c groups of g rows; column (a, b) has one entry +-1/sqrt c per group x, at the
    row (a x + b) mod g of the group.

    Two columns share at most one row, so mu = 1/c (0 where no two of the chosen columns meet). All g^2 columns in the
    order of (a, b), or ``m`` of them drawn without repetition; ``signs`` draws the signs, without it all entries are
    positive (and the rank of the full D drops to c g - c + 1). ValueError unless g is a prime >= c >= 1 and
    1 <= m <= g^2.
    """
    import numpy as np

    m = g * g if m is None else m
    if not (_is_prime(g) and 1 <= c <= g and 1 <= m <= g * g):
        raise ValueError(f"transversal: needs a prime g >= c >= 1 and 1 <= m <= g^2, got c={c}, g={g}, m={m}")
    random = np.random.default_rng(seed)
    chosen = np.arange(g * g) if m == g * g else np.sort(random.choice(g * g, size=m, replace=False))
    slope, shift = np.divmod(chosen, g)
    group = np.arange(c)[:, None]
    entries = np.zeros((c, g, m))
    sign = random.choice([-1.0, 1.0], size=(c, m)) if signs else np.ones((c, m))
    entries[group, (slope * group + shift) % g, np.arange(m)] = sign
    tall = entries.reshape(c * g, m)
    overlaps = np.abs(tall.T @ tall) - c * np.eye(m)
    name = f"transversal({c}, {g}{'' if m == g * g else f', {m}'})"
    return _dictionary(name, tall / math.sqrt(c), Fraction(int(overlaps.max()) ** 2, c * c), None)


@dataclass(frozen=True, eq=False)
class FilterBank:
    """Unit filters of a convolutional dictionary on the host: ``kernel`` (channels, filters, size), NumPy float64,
    read-only. ``mu_squared`` is the exact square of the mutual coherence of their shifts on every circle of at least
    2 size - 1 positions."""

    name: str
    kernel: Any
    mu_squared: Fraction

    @cached_property
    def mu(self) -> float:
        """The mutual coherence: the exact one, rounded once."""
        return math.sqrt(self.mu_squared)

    @property
    def size(self) -> int:
        """The length of a filter."""
        return self.kernel.shape[2]


@lru_cache(maxsize=32)
def golomb(
    filters: int, taps: int, channels: int = 1, *, dilation: int = 1, signs: bool = True, seed: int = 0
) -> FilterBank:
    r"""Filters of ``taps`` entries +-1/sqrt taps, any two shifts of which share at most one entry: mu = 1/taps.

    The positions form a difference triangle set: the differences of two taps of one filter, each with the channels of
    the two, are all distinct, also from those of the other filters. For if f at 0 and g at t shared two entries, the
    two taps of f and the two of g would have the same difference. A greedy search in random order finds one, in a span
    that grows from the least conceivable; it depends on ``seed`` alone. No two taps of a filter have the same position.
    ``dilation`` spreads the positions to its multiples; ``signs`` draws the signs, without it all are positive.
    mu = 0 where no two shifts meet, which takes a single tap or as many channels as taps. ValueError unless all the
    numbers are at least 1.
    """
    import numpy as np

    if min(filters, taps, channels, dilation) < 1:
        raise ValueError(f"golomb: needs numbers of at least 1, got {(filters, taps, channels, dilation)}")
    drawn = random.Random(seed)
    span = max(taps, filters * taps * (taps - 1) // (2 * channels) + 1)
    while (found := _triangle_set(filters, taps, channels, span, drawn)) is None:
        span += max(1, span // 16)
    kernel = np.zeros((channels, filters, dilation * (span - 1) + 1))
    for f, places in enumerate(found):
        for channel, position in places:
            kernel[channel, f, dilation * position] = drawn.choice([-1.0, 1.0]) if signs else 1.0
    used = [{channel for channel, _ in places} for places in found]
    meet = filters * taps > sum(map(len, used)) or any(a & b for i, a in enumerate(used) for b in used[:i])
    kernel /= math.sqrt(taps)
    kernel.setflags(write=False)
    name = f"golomb({filters}, {taps}, {channels})"
    return FilterBank(name, kernel, Fraction(int(meet), taps * taps))


def _triangle_set(
    filters: int, taps: int, channels: int, span: int, drawn: random.Random, attempts: int = 10
) -> list[list[tuple[int, int]]] | None:
    """Of each filter its taps (channel, position), or None where the greedy search did not find them."""
    for _ in range(attempts):
        used: set[tuple[int, int, int]] = set()
        bank: list[list[tuple[int, int]]] = []
        for _ in range(filters):
            places = [(channel, position) for channel in range(channels) for position in range(span)]
            drawn.shuffle(places)
            chosen: list[tuple[int, int]] = []
            for a, p in places:
                new = [key for b, q in chosen for key in ((a, b, p - q), (b, a, q - p))]
                apart = all(p != q for _, q in chosen)
                if len(chosen) < taps and apart and len({*new}) == len(new) and used.isdisjoint(new):
                    used.update(new)
                    chosen.append((a, p))
            bank.append(chosen)
        if all(len(chosen) == taps for chosen in bank):
            return bank
    return None


def _dictionary(name: str, D: Any, mu_squared: Fraction, frame: float | None) -> Dictionary:
    D.setflags(write=False)  # it is shared by all who ask for it
    return Dictionary(name, D, mu_squared, frame)


def _hadamard(n: int) -> Any:
    """Sylvester's Hadamard matrix of order n, entries +-1."""
    import numpy as np

    if n < 2 or n & (n - 1):
        raise ValueError(f"the order of a Sylvester matrix must be a power of 2 and at least 2, got {n}")
    H = np.ones((1, 1))
    while len(H) < n:
        H = np.block([[H, H], [H, -H]])
    return H


def _multiplication(q: int) -> Any:
    """The multiplication table of GF(q), q = 2^r: elements are polynomials over GF(2), written as bits; their sum is
    the exclusive or."""
    import numpy as np

    r = q.bit_length() - 1

    def reduce(product: int, modulus: int) -> int:
        while product.bit_length() >= modulus.bit_length():
            product ^= modulus << (product.bit_length() - modulus.bit_length())
        return product

    def multiply(a: int, b: int) -> int:
        product = 0
        for bit in range(b.bit_length()):
            product ^= (a << bit) * (b >> bit & 1)
        return product

    divisors = range(2, 1 << (r // 2 + 1))
    modulus = next(p for p in range(q, 2 * q) if all(reduce(p, d) for d in divisors))
    return np.asarray([[reduce(multiply(a, b), modulus) for b in range(q)] for a in range(q)])


def _is_prime(p: int) -> bool:
    return p >= 2 and all(p % d for d in range(2, math.isqrt(p) + 1))
