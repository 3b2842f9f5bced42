r"""Planted statements: true ones must stand, false ones must fall, and what cannot be known must be left open.

Each has a known truth and one thing that makes it hard: equality attained, cancellation, an error of one per cent on
one instance of two hundred, an error in the seventh digit, a failure rate half again as large as allowed. A run of the
whole engine (plan, ledger, recheck, statistics) must say the right word for every seed.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from pydantic import Field

from verify import (
    Claim,
    Comparison,
    Count,
    Enclosure,
    Every,
    Existence,
    Formula,
    Identity,
    Mean,
    Parameters,
    Probability,
    Rate,
    Theorem,
)
from verify.core.arrays import eps, namespace, norm1, norm2, norm_inf
from verify.engine import campaign
from verify.engine.campaign import Settings
from verify.engine.ledger import Ledger

HOLDS, FALLS, OPEN, EMPTY = "no violation", "violated", "undecided", "vacuous"
SEEDS = (0, 1, 2)


class Params(Parameters):
    n: int = Field(6, ge=2, le=64)


def no_hypotheses(p: Params, x: Any) -> dict[str, Any]:
    return {}


def planted(
    name: str,
    sample: Any,
    solve: Any,
    *claims: Claim,
    hypotheses: Any = no_hypotheses,
    instances: int = 4000,
    **more: Any,
) -> Theorem:
    families = {f: f for f in more.pop("families", ("random",))}
    return Theorem(
        name, name, Params, sample, hypotheses, solve, families, claims, (), instances=instances, batch=1000, **more
    )


def claim(word: str, kind: Any, measured: str, bound: str, *given: str, relation: Any = "<=") -> Claim:
    """A claim called after the word that the run must say about it."""
    return Claim(f"{word}: {measured} {relation} {bound} ({kind})", kind, measured, Formula(bound), given, relation)


def rounded(value: Any, n: int) -> Enclosure:
    """A sum of n rounded terms."""
    xp = namespace(value)
    return Enclosure.around(value, 2 * n * eps(value) * xp.abs(value))


# ------------------------------------------------------------------------------- |x|_1 <= sqrt(n) |x|_2, sharp and rare


def vectors(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """Gaussian, or one in 200 with entries of equal magnitude, where the inequality is an equality."""
    xp = draw.xp
    g = draw.normal(p.n)
    flat = draw.uniform() < {"random": 0.0, "rare": 1 / 200, "flat": 0.5}[family]
    return {"x": xp.where(flat[:, None], 3 * draw.sign(p.n), g)}


def norms(p: Params, x: Any) -> dict[str, Any]:
    v = x["x"]
    return {"one": rounded(norm1(v), p.n), "two": rounded(norm2(v), p.n), "top": norm_inf(v)}


SHARP = planted(
    "equality_is_attained",
    vectors,
    norms,
    claim(HOLDS, Every(), "one", "sqrt(n) * two"),
    claim(HOLDS, Every(), "two", "one / sqrt(n)", relation=">="),
    claim(HOLDS, Every(), "top", "two * (1 + 1e-12)"),
    claim(FALLS, Every(), "one", "0.999999999 * sqrt(n) * two"),
    families=("random", "flat"),
)
RARE = planted(
    "one_per_cent_on_one_instance_of_200",
    vectors,
    norms,
    claim(FALLS, Every(), "one", "0.99 * sqrt(n) * two"),
    claim(HOLDS, Every(), "one", "1.01 * sqrt(n) * two"),
    claim(FALLS, Every(), "two", "one / (0.99 * sqrt(n))", relation=">="),
    families=("random", "rare"),
)
EXPONENT = planted(
    "exponent_of_n",
    vectors,
    norms,
    claim(FALLS, Every(), "one", "n**0.4 * two"),
    claim(HOLDS, Every(), "one", "n**0.6 * two"),
    claim(HOLDS, Every(), "two", "one"),
    claim(FALLS, Every(), "one", "n**(1/3) * two"),
)

# ----------------------------------------------------------------------------------------- near-degenerate instances


def pairs(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """Two positive numbers, in the family ``close`` equal but for the last digits."""
    a = draw.uniform(low=0.1, high=1.0)
    b = draw.uniform(low=0.1, high=1.0)
    return {"a": a, "b": a * (1 + 1e-9 * b) if family == "close" else b}


def numbers(p: Params, x: Any) -> dict[str, Any]:
    return {**x, "zero": 0 * x["a"]}


CANCELLING = planted(
    "cancellation",
    pairs,
    numbers,
    claim(HOLDS, Every(), "zero", "a**2 + b**2 - 2*a*b"),
    claim(HOLDS, Every(), "zero", "(a + b) / 2 - sqrt(a * b)"),
    claim(HOLDS, Every(), "a", "max(a, b)"),
    claim(FALLS, Every(), "zero", "a**2 + b**2 - 2*a*b - 1e-6 * (a * b) * (a - b)**2 - 1e-12"),
    claim(FALLS, Every(), "zero", "(a + b) / 2 - 1.001 * sqrt(a * b)"),
    families=("random", "close"),
    shares={"close": 0.5},
)

# ---------------------------------------------------------------------------------------------- hypotheses and steps


def above_one(p: Params, x: Any) -> dict[str, Any]:
    return {"x >= 1": x["x"] - 1, "x >= 3": x["x"] - 3}


def powers(p: Params, x: Any) -> dict[str, Any]:
    xp = namespace(x["x"])
    t = xp.arange(1, 41, dtype=x["x"].dtype, device=x["x"].device)[None, :]
    # One per cent below x up to the last of 40 steps, where it is one per cent above.
    late = xp.where(t == 40, 1.01 * xp.ones_like(t), 0.99 * xp.ones_like(t))
    return {"x": x["x"], "path": x["x"][:, None] * late, "t": t}


HYPOTHESES = planted(
    "hypotheses_and_steps",
    lambda draw, p, family: {"x": draw.uniform(low=0.5, high=2.0)},
    powers,
    claim(HOLDS, Every(), "x", "x**2", "x >= 1"),
    claim(FALLS, Every(), "x", "x**2"),
    claim(EMPTY, Every(), "x", "x**2", "x >= 3"),
    claim(FALLS, Every(), "path", "x"),
    claim(HOLDS, Every(), "path", "x * 1.0100001"),
    hypotheses=above_one,
)

# ---------------------------------------------------------------------------------------------- means, probabilities


def one_uniform(draw: Any, p: Params, family: str) -> dict[str, Any]:
    return {"u": draw.uniform(), "v": draw.uniform()}


def with_means(p: Params, x: Any) -> dict[str, Any]:
    xp = namespace(x["u"])
    return {**x, "half": 0 * x["u"] + 0.5, "normal": xp.sqrt(-2 * xp.log1p(-x["u"])) * xp.cos(2 * math.pi * x["v"])}


SHIFT = 2 * math.sqrt(1 / 12) / math.sqrt(1000)  # two standard errors of 1,000 draws: 0.018
MEANS = planted(
    "means",
    one_uniform,
    with_means,
    claim(HOLDS, Mean((-0.5, 0.5)), "u", "half", relation="=="),
    claim(FALLS, Mean(), "u", f"half + {SHIFT!r}", relation="=="),
    claim(FALLS, Mean((-0.5 - SHIFT, 0.5)), "u", f"half + {SHIFT!r}", relation="=="),
    claim(FALLS, Mean((-0.5, 0.5 + SHIFT)), "u", f"half - {SHIFT!r}"),
    claim(HOLDS, Mean((-0.5, 0.5 + SHIFT)), "u", f"half + {SHIFT!r}"),
    claim(HOLDS, Mean(), "normal", "0 * half", relation="=="),
    claim(FALLS, Mean(), "normal", "0 * half - 0.05"),
    instances=40_000,
)

DELTA = 0.04
PROBABILITIES = planted(
    "probabilities",
    one_uniform,
    with_means,
    claim(FALLS, Probability(DELTA), "u", f"{1 - 1.5 * DELTA!r} + 0 * v"),
    claim(HOLDS, Probability(DELTA), "u", f"{1 - DELTA!r} + 0 * v"),
    claim(HOLDS, Probability(DELTA), "u", f"{1 - 0.5 * DELTA!r} + 0 * v"),
    claim(FALLS, Probability(DELTA), "u", f"{1.5 * DELTA!r} + 0 * v", relation=">="),
    instances=12_000,
)

COMPARISONS = planted(
    "comparisons",
    one_uniform,
    with_means,
    claim(OPEN, Comparison(), "u", "v"),
    claim(HOLDS, Comparison(), "u", "v + 0.05"),
    claim(FALLS, Comparison(), "u", "v - 0.05"),
    instances=6000,
)

# ---------------------------------------------------------------------------------------------------- rates of growth

LADDER = (8, 16, 32, 64, 128, 256)


def averages(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """The mean of n normals, whose mean magnitude is sqrt(2 / (pi n)) exactly."""
    xp = draw.xp
    n = int(family)
    return {"mean": xp.sum(draw.normal(n), axis=-1) / n, "size": draw.full(float(n))}


RATES = planted(
    "rates",
    averages,
    lambda p, x: {"deviation": namespace(x["mean"]).abs(x["mean"]), "size": x["size"]},
    claim(HOLDS, Rate(-0.5), "deviation", "size", relation="=="),
    claim(FALLS, Rate(-0.6), "deviation", "size", relation="=="),
    claim(FALLS, Rate(-1.0), "deviation", "size"),
    claim(HOLDS, Rate(0.5), "deviation", "1 / size", relation="=="),
    families=[str(n) for n in LADDER],
    instances=18_000,
)

# ------------------------------------------------------------------------------------- identities, counts, existence


def sums(p: Params, x: Any) -> dict[str, Any]:
    xp = namespace(x["x"])
    v = x["x"]
    return {"norm": rounded(norm2(v), p.n), "square": rounded(xp.sum(v * v, axis=-1), p.n)}


IDENTITIES = planted(
    "identities",
    vectors,
    sums,
    claim(HOLDS, Identity(), "square", "norm**2", relation="=="),
    claim(FALLS, Identity(), "square", "norm**2 * 1.0000003", relation="=="),
    claim(FALLS, Identity(), "square", "norm**2 + 1e-9", relation="=="),
    claim(OPEN, Identity(1e-18), "square", "norm**2", relation="=="),
)


def orders(p: Params, x: Any) -> dict[str, Any]:
    """Inversions of a permutation and of its reverse, counted pair by pair."""
    xp = namespace(x["order"])
    o = x["order"]
    up = sum(xp.astype(o[:, i] < o[:, j], xp.int64) for i, j in itertools.combinations(range(p.n), 2))
    down = sum(xp.astype(o[:, i] > o[:, j], xp.int64) for i, j in itertools.combinations(range(p.n), 2))
    return {"twice": 2 * (up + down), "up": up, "down": down}


COUNTS = planted(
    "counts",
    lambda draw, p, family: {"order": draw.subset(p.n, p.n)},
    orders,
    claim(HOLDS, Count(), "twice", "n * (n - 1)", relation="=="),
    claim(FALLS, Count(), "twice", "n * (n - 1) + 1", relation="=="),
    claim(HOLDS, Count(), "up", "n * (n - 1) - down"),
    claim(FALLS, Count(), "twice", "n * (n - 1) - 1"),
    claim(OPEN, Count(), "twice", "n * (n - 1) / 1"),
)

EXISTENCE = planted(
    "existence",
    vectors,
    norms,
    claim(HOLDS, Existence(), "one", "0.9999999 * sqrt(n) * two", relation=">="),  # only where magnitudes are equal
    claim(FALLS, Existence(), "one", "1.0000001 * sqrt(n) * two", relation=">="),
    claim(FALLS, Existence(), "one", "0.999 * two"),
    claim(HOLDS, Existence(), "top", "0.45 * two"),
    families=("random", "rare"),
)

# ----------------------------------------------------------------------------------------------- a solver that fails


def sometimes_nan(p: Params, x: Any) -> dict[str, Any]:
    xp = namespace(x["u"])
    nan = xp.full_like(x["u"], xp.nan)
    return {
        "mostly": xp.where(x["v"] < 0.9, nan, x["u"]),
        "seldom": xp.where(x["v"] < 0.1, nan, x["u"]),
        "never": nan,
        "wide": Enclosure(x["u"], -xp.ones_like(nan), 3 * xp.ones_like(nan)),
        "one": xp.ones_like(nan),
    }


FAILING = planted(
    "a_solver_that_fails",
    one_uniform,
    sometimes_nan,
    claim(OPEN, Every(), "mostly", "one"),
    claim(HOLDS, Every(), "seldom", "one"),
    claim(FALLS, Every(), "seldom", "0.99 * one"),
    claim(OPEN, Every(), "never", "one"),
    claim(OPEN, Every(), "wide", "one"),
    claim(OPEN, Mean(), "never", "one"),
    claim(OPEN, Probability(0.05), "mostly", "one"),
    claim(OPEN, Comparison(), "never", "one"),
    claim(OPEN, Identity(), "wide", "wide", relation="=="),
)

THEOREMS = [t for t in globals().copy().values() if isinstance(t, Theorem)]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("theorem", THEOREMS, ids=lambda t: t.name)
def test_the_truth_is_found(theorem, seed, tmp_path):
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        result = campaign.run(theorem, theorem.parameters(), Settings(seed=seed, backend="numpy"), ledger, tmp_path)
    said = {c.name: c.verdict.verdict for c in result.claims}
    wanted = {c.name: c.name.split(":")[0] for c in theorem.claims}
    assert said == wanted, [c.verdict.summary for c in result.claims if said[c.name] != wanted[c.name]]


def test_every_kind_is_planted_true_and_false():
    words: dict[type, set[str]] = {}
    for theorem in THEOREMS:
        for c in theorem.claims:
            words.setdefault(type(c.kind), set()).add(c.name.split(":")[0])
    assert words.keys() == {Every, Probability, Mean, Rate, Identity, Count, Existence, Comparison}
    assert all({HOLDS, FALLS} <= found for found in words.values())
