r"""Statements that a run cannot decide, true or not: it must say so, and it must not call them violated.

A solver that stopped early, draws that are too few or that tie, values that are no numbers, a stated range that is
wrong, a violation that no recheck confirms; and claims of which no instance meets the hypotheses.
"""

from __future__ import annotations

from typing import Any

from verify import Comparison, Count, Enclosure, Every, Existence, Identity, Mean, Probability, Rate
from verify.core.arrays import namespace

from .by_chance import LADDER, sizes
from .for_every import quadratics, stopped, two_uniforms
from .planted import OPEN, Params, Setting, empty, left_open, misjudged


def failing(p: Params, x: Any) -> dict[str, Any]:
    """Of a uniform u: mostly and always NaN; an enclosure of width 4; one whose ends are in the wrong order; and what
    a solver says that stopped early, 0.2 above u where u - 0.2 is certified."""
    xp = namespace(x["u"])
    u = x["u"]
    nan = xp.full_like(u, xp.nan)
    return {
        **x,
        "mostly": xp.where(x["v"] < 0.9, nan, u),
        "never": nan,
        "wide": Enclosure.around(u, 2 + 0 * u),
        "crossed": Enclosure(u, u + 0.2, u - 0.2),
        "early": Enclosure(u + 0.2, u - 0.2, u + 0.2),
        "one": 1 + 0 * u,
    }


def wrong_kernel(p: Params, x: Any) -> dict[str, Any]:
    return {"u": 2 * x["u"]}


def early_growth(p: Params, x: Any) -> dict[str, Any]:
    """The root of the size, given as the size by a solver that certifies the root as a lower end."""
    return {"size": x["size"], "root": Enclosure(x["size"], namespace(x["size"]).sqrt(x["size"]), x["size"])}


def late(p: Params, x: Any) -> dict[str, Any]:
    return {"u > 0.99": x["u"] - 0.99, "u >= 1": x["u"] - 1}


FAILING = Setting(two_uniforms, failing, hypotheses=late)
LADDER_OF_EARLY = Setting(sizes, early_growth, families=LADDER, instances=24)
STATEMENTS = [
    left_open(
        "stopped_too_early",
        Setting(quadratics, stopped, families=("stopped",)),
        Every(),
        "least",
        "-0.5 * size",
        "true; the value given back is above the bound in every run, its certificate below",
    ),
    left_open("mostly_nan", FAILING, Every(), "mostly", "1", "true, but 9 of 10 are no numbers"),
    left_open("always_nan", FAILING, Every(), "never", "1", "no number at all"),
    left_open("too_wide", FAILING, Every(), "wide", "1", "true, but known to 2 only"),
    left_open("ends_crossed", FAILING, Every(), "crossed", "u", "a certificate that contradicts itself proves nothing"),
    left_open("identity_too_wide", FAILING, Identity(), "wide", "u", "true, but known to 2 only", relation="=="),
    left_open(
        "identity_too_sharp",
        FAILING,
        Identity(1e-18),
        "u",
        "u * one * one",
        "true, but rounding is 1e-15",
        relation="==",
    ),
    left_open("count_of_floats", FAILING, Count(), "one", "1", "true, but a float is no count", relation="=="),
    left_open(
        "not_confirmed",
        Setting(two_uniforms, wrong_kernel, reference=lambda p, x: {"u": x["u"]}),
        Every(),
        "u",
        "1",
        "true; the kernel gives twice the truth, which the reference does not confirm",
    ),
    left_open(
        "not_built",
        Setting(two_uniforms, wrong_kernel, reference=lambda p, x: {"u": x["u"]}),
        Existence(),
        "u",
        "1",
        "false: no u is 1; the kernel gives twice the truth, which the reference does not confirm",
        relation=">=",
    ),
    left_open(
        "coin_toss",
        Setting(two_uniforms, failing, instances=6000),
        Comparison(),
        "u",
        "v",
        "false: neither is smaller more often; no number of draws can show it",
        chance=lambda: misjudged(Comparison(), 6000, 0.5, OPEN),
    ),
    left_open("ties", FAILING, Comparison(), "one", "1", "false: it is always a tie"),
    left_open("comparison_of_nan", FAILING, Comparison(), "never", "1", "no number at all"),
    left_open("probability_mostly_nan", FAILING, Probability(0.05), "mostly", "1", "true, but 9 of 10 are no numbers"),
    left_open(
        "probability_of_few",
        FAILING,
        Probability(0.99999999),
        "u",
        "2",
        "true, but among few draws not even failing always would be noticed",
        given=("u > 0.99",),
    ),
    left_open("mean_of_nan", FAILING, Mean(), "never", "1", "no number at all"),
    left_open("mean_of_few", FAILING, Mean(), "u", "0", "few draws for an asymptotic sequence", given=("u > 0.99",)),
    left_open("mean_of_one_value", FAILING, Mean(), "one", "0", "draws that never differ may hide a rare event"),
    left_open("mean_beyond_its_range", FAILING, Mean((-0.1, 0.1)), "u", "0.5", "u - 1/2 leaves [-0.1, 0.1]"),
    left_open("mean_of_early_values", FAILING, Mean(), "early", "0.5", "E u = 1/2, but known to 0.2 only"),
    left_open("rate_of_early_values", LADDER_OF_EARLY, Rate(0.5), "root", "size", "the exponent of the root is 1/2"),
    empty("nothing_eligible", FAILING, Every(), "u", "1", "no u is 1", given=("u >= 1",)),
    empty("nothing_eligible_for_a_mean", FAILING, Mean(), "u", "1", "no u is 1", given=("u >= 1",)),
]
