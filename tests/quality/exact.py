r"""Statements about identities, counts and existence: a true one and a false neighbour on the same instances."""

from __future__ import annotations

import itertools
from typing import Any

from verify import Count, Enclosure, Existence, Identity
from verify.core.arrays import Array, eps, namespace, norm2

from .for_every import vectors
from .planted import Params, Setting, false, rounded, true, unseen

# ----------------------------------------------------------------------------------------------------------- identities


def squared_norms(p: Params, x: Any) -> dict[str, Any]:
    v = x["x"]
    return {"norm": rounded(norm2(v), p.n), "square": rounded(namespace(v).sum(v * v, axis=-1), p.n)}


def logits(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """700, where exp is near the largest float, and two numbers that are smaller by 12 in one draw of 200, by 40 to 80
    in the others."""
    u = draw.uniform(2)
    xp = draw.xp
    near = draw.uniform()[:, None] < 1 / 200
    rest = xp.where(near, -12 + 0 * u, -40 - 40 * u)
    return {"z": xp.concat([xp.zeros_like(u[:, :1]), rest], axis=-1) + 700}


def sums_of_exponentials(p: Params, x: Any) -> dict[str, Any]:
    """(e^a + e^b + e^c) / e^a from the exponentials themselves, and from e^(b - a) and e^(c - a)."""
    xp = namespace(x["z"])
    z = x["z"]
    e = xp.exp(z)
    quotient = (e[:, 1] + e[:, 2]) / e[:, 0]
    direct = 1 + quotient
    shifted = 1 + xp.exp(z[:, 1] - z[:, 0]) + xp.exp(z[:, 2] - z[:, 0])
    return {
        "direct": Enclosure.around(direct, 8 * eps(z) * direct),
        "shifted": Enclosure.around(shifted, 8 * eps(z) * shifted),
    }


def two_matrices(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """A Gaussian 2 x 2 matrix, and one that is 1e-5 times Gaussian."""
    return {"A": draw.normal(2, 2), "B": 1e-5 * draw.normal(2, 2)}


def determinants(p: Params, x: Any) -> dict[str, Any]:
    def entries(m: Array) -> list[Enclosure]:
        return [Enclosure.exact(m[:, i, j]) for i in (0, 1) for j in (0, 1)]

    a, b = entries(x["A"]), entries(x["B"])
    c = [s + t for s, t in zip(a, b, strict=True)]
    names = {"sum": c[0] * c[3] - c[1] * c[2], "A": a[0] * a[3] - a[1] * a[2], "B": b[0] * b[3] - b[1] * b[2]}
    return {**names, "cross": a[0] * b[3] + b[0] * a[3] - a[1] * b[2] - b[1] * a[2]}


def series(p: Params, x: Any) -> dict[str, Any]:
    """1 + r + ... + r^9 by Horner's rule."""
    r = Enclosure.exact(x["r"])
    total = r * 0 + 1
    for _ in range(9):
        total = total * r + 1
    return {"sum": total, "r": x["r"]}


NORMS = Setting(vectors, squared_norms, families=("random", "flat"))
LOGITS = Setting(logits, sums_of_exponentials)
MATRICES = Setting(two_matrices, determinants)
SERIES = Setting(lambda draw, p, family: {"r": draw.uniform(low=0.25, high=0.3)}, series)
IDENTITIES = [
    true("square", NORMS, Identity(), "square", "norm**2", "by definition, up to rounding", relation="=="),
    false(
        "square_off_by_1e_5",
        NORMS,
        Identity(),
        "square",
        "1.00001 * norm**2",
        "off by 1e-5, where 1e-14 can be told",
        relation="==",
    ),
    true("shifted_exponentials", LOGITS, Identity(), "direct", "shifted", "e^a / e^b = e^(a - b)", relation="=="),
    false(
        "small_exponentials_dropped",
        LOGITS,
        Identity(),
        "direct",
        "1",
        "two terms of e^-12 = 6.1e-6 dropped, in one draw of 200; in the others they are below 1e-17",
        relation="==",
        chance=lambda: unseen(1 / 200, 4000),
    ),
    true(
        "determinant_of_a_sum",
        MATRICES,
        Identity(),
        "sum",
        "A + B + cross",
        "det is bilinear in the rows; products that cancel are enclosed",
        relation="==",
    ),
    false(
        "determinant_of_a_sum_without_cross_terms",
        MATRICES,
        Identity(),
        "sum",
        "A + B",
        "the cross terms are about 1e-5 of the determinant",
        relation="==",
    ),
    true("geometric_series", SERIES, Identity(), "sum", "geom(r, 10)", "by definition of geom", relation="=="),
    false(
        "geometric_series_not_cut",
        SERIES,
        Identity(),
        "sum",
        "1 / (1 - r)",
        "the tail from r^10 on is a share r^10 of the whole: 9.5e-7 to 5.9e-6",
        relation="==",
    ),
]

# --------------------------------------------------------------------------------------------------------------- counts


def letters(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """Four integers of 0, ..., 1199; two of them agree in one draw of 200."""
    return {"x": draw.integers(0, 1200, 4)}


def pairs(p: Params, x: Any) -> dict[str, Any]:
    """How many pairs are in rising order, in falling order, and tied."""
    xp = namespace(x["x"])
    v = x["x"]
    both = [(v[:, i], v[:, j]) for i, j in itertools.combinations(range(4), 2)]
    return {
        "up": sum(xp.astype(a < b, xp.int64) for a, b in both),
        "down": sum(xp.astype(a > b, xp.int64) for a, b in both),
        "tied": sum(xp.astype(a == b, xp.int64) for a, b in both),
    }


def coins(draw: Any, p: Params, family: str) -> dict[str, Any]:
    return {"heads": draw.integers(0, 2, 8)}


def runs(p: Params, x: Any) -> dict[str, Any]:
    """How many runs of equal coins there are."""
    xp = namespace(x["heads"])
    changes = xp.astype(x["heads"][:, 1:] != x["heads"][:, :-1], xp.int64)
    return {"runs": 1 + xp.sum(changes, axis=-1)}


def years(draw: Any, p: Params, family: str) -> dict[str, Any]:
    return {"year": draw.integers(1, 4001)}


def leap_years(p: Params, x: Any) -> dict[str, Any]:
    """Days of a year of the Gregorian calendar, and whether its number is divisible by 4, by 100, by 400."""
    xp = namespace(x["year"])
    by = {f"by{d}": xp.astype(x["year"] % d == 0, xp.int64) for d in (4, 100, 400)}
    leap = ((x["year"] % 4 == 0) & (x["year"] % 100 != 0)) | (x["year"] % 400 == 0)
    return {"days": xp.where(leap, xp.full_like(x["year"], 366), xp.full_like(x["year"], 365)), **by}


def exponents(draw: Any, p: Params, family: str) -> dict[str, Any]:
    return {"k": draw.integers(1, 31)}


def powers(p: Params, x: Any) -> dict[str, Any]:
    """k, k^2, 2 and 10 as integers, and 10^min(k, 18), which is below 2^63."""
    xp = namespace(x["k"])
    k = x["k"]
    whole = xp.ones_like(k)
    for step in range(18):
        whole = xp.where(k > step, 10 * whole, whole)
    return {"k": k, "square": k * k, "two": 0 * k + 2, "ten": 0 * k + 10, "one": 0 * k + 1, "whole": whole}


def large_integers(draw: Any, p: Params, family: str) -> dict[str, Any]:
    return {"a": 2**60 + draw.integers(0, 2**40), "b": draw.integers(0, 2**40)}


LETTERS = Setting(letters, pairs)
COINS = Setting(coins, runs)
YEARS = Setting(years, leap_years, instances=8000)
POWERS = Setting(exponents, powers)
LARGE = Setting(large_integers, lambda p, x: {**x, "sum": x["a"] + x["b"]})
COUNTS = [
    true("pairs", LETTERS, Count(), "up", "6 - down - tied", "of 4 numbers there are 6 pairs", relation="=="),
    false(
        "pairs_without_ties",
        LETTERS,
        Count(),
        "up",
        "6 - down",
        "false where two agree: a share 1 - 1199/1200 * 1198/1200 * 1197/1200 > 0.0049 of the draws",
        relation="==",
        chance=lambda: unseen(0.0049, 4000),
    ),
    true("runs", COINS, Count(), "runs", "8", "8 coins have at most 8 runs; attained by 2 of 256"),
    false(
        "runs_strict",
        COINS,
        Count(),
        "runs",
        "8 - 1",
        "8 runs are attained: < for <= is false for 2 of 256",
        chance=lambda: unseen(2 / 256, 4000),
    ),
    true("days", YEARS, Count(), "days", "365 + by4 - by100 + by400", "the Gregorian calendar", relation="=="),
    false(
        "days_without_the_rule_of_400",
        YEARS,
        Count(),
        "days",
        "365 + by4 - by100",
        "off by one day in one year of 400",
        relation="==",
        chance=lambda: unseen(1 / 400, 8000),
    ),
    true("squares", POWERS, Count(), "square", "two**k + 1", "k^2 <= 2^k but for 9 = 8 + 1 at k = 3"),
    false(
        "squares_off_by_one_at_3",
        POWERS,
        Count(),
        "square",
        "two**k",
        "9 > 8: false at k = 3 alone, by one",
        chance=lambda: unseen(1 / 30, 4000),
    ),
    true("powers_of_ten", POWERS, Count(), "one", "ten**k", "10^k >= 1, also where 64 bits do not hold it"),
    false("powers_of_ten_off_by_one", POWERS, Count(), "whole", "ten**k - 1", "10^k > 10^k - 1 for every k <= 18"),
    true("large_integers", LARGE, Count(), "sum", "a + b", "the same sum, above 2^53", relation="=="),
    false("large_integers_off_by_one", LARGE, Count(), "sum", "a + b - 1", "the sum is above 2^53 and one larger"),
]

# ------------------------------------------------------------------------------------------------------------ existence


def graphs(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """A random colouring of the edges of the complete graph on 5 or 6 vertices with two colours."""
    vertices = int(family)
    return {"red": draw.integers(0, 2, vertices * (vertices - 1) // 2)}


def triangles(p: Params, x: Any) -> dict[str, Any]:
    """How many triangles have one colour."""
    xp = namespace(x["red"])
    vertices = {10: 5, 15: 6}[x["red"].shape[1]]
    edge = {pair: i for i, pair in enumerate(itertools.combinations(range(vertices), 2))}
    count = xp.zeros_like(x["red"][:, 0])
    for a, b, c in itertools.combinations(range(vertices), 3):
        red = x["red"][:, edge[a, b]] + x["red"][:, edge[a, c]] + x["red"][:, edge[b, c]]
        count = count + xp.astype((red == 0) | (red == 3), xp.int64)
    return {"triangles": count}


def quotients(draw: Any, p: Params, family: str) -> dict[str, Any]:
    return {"p": draw.integers(1, 41), "q": draw.integers(1, 41)}


def lengths(p: Params, x: Any) -> dict[str, Any]:
    xp = namespace(x["x"])
    return {"one": rounded(xp.sum(xp.abs(x["x"]), axis=-1), p.n), "two": rounded(norm2(x["x"]), p.n)}


QUOTIENTS = Setting(quotients, lambda p, x: {"pell": x["p"] * x["p"] - 2 * x["q"] * x["q"]}, instances=8000)
LENGTHS = Setting(vectors, lengths, families=("random", "rare"), instances=8000)
EXISTENCE = [
    true(
        "ramsey_5",
        Setting(graphs, triangles, families=("5",)),
        Existence(),
        "triangles",
        "0",
        "a pentagon and its diagonals: 12 of the 1,024 colourings",
        chance=lambda: unseen(12 / 1024, 4000),
    ),
    false(
        "ramsey_6",
        Setting(graphs, triangles, families=("6",)),
        Existence(),
        "triangles",
        "0",
        "R(3, 3) = 6: each of the 32,768 colourings has at least two triangles of one colour",
    ),
    true(
        "pell",
        QUOTIENTS,
        Existence(),
        "pell",
        "1",
        "3^2 - 2 * 2^2 = 1 and 17^2 - 2 * 12^2 = 1: 2 of 1,600 pairs",
        relation="==",
        chance=lambda: unseen(2 / 1600, 8000),
    ),
    false("root_of_two", QUOTIENTS, Existence(), "pell", "0", "the root of 2 is irrational", relation="=="),
    true(
        "equal_magnitudes",
        LENGTHS,
        Existence(),
        "one",
        "(1 - 1e-9) * sqrt(n) * two",
        "attained where magnitudes are equal: one of 200 of one family",
        relation=">=",
        chance=lambda: unseen(1 / 200, 4000),
    ),
    false(
        "more_than_equal_magnitudes",
        LENGTHS,
        Existence(),
        "one",
        "(1 + 1e-9) * sqrt(n) * two",
        "|x|_1 <= sqrt(n) |x|_2",
        relation=">=",
    ),
]

STATEMENTS = [*IDENTITIES, *COUNTS, *EXISTENCE]
