r"""Statements about probabilities, means, rates and comparisons: a true one and a false neighbour on like instances.

What a run may say by bad luck is calculated for each: exactly (a binomial count against the rule of the verdict), or
by the inequality that is named. A mean's sequence has half-width ``h = half_width(sigma, n)``. A true inequality whose
slack is positive is refuted only if the sample's mean crosses it. A false one that is off by ``d`` is missed only if
the sample's mean falls short by ``d - h``.
"""

from __future__ import annotations

import math
from typing import Any

from verify import Comparison, Mean, Probability, Rate
from verify.core.arrays import Array, namespace
from verify.engine.campaign import ALPHA

from .for_every import two_uniforms
from .planted import FALSE, TRUE, Params, Setting, false, far, half_width, misjudged, true

MANY = 20_000


def from_uniforms(**quantities: Any) -> Any:
    """The solver that computes each quantity from u and v."""

    def solve(p: Params, x: Any) -> dict[str, Any]:
        return {**x, "zero": 0 * x["u"], **{name: f(x["u"], x["v"]) for name, f in quantities.items()}}

    return solve


def setting(n: int = MANY, **quantities: Any) -> Setting:
    return Setting(two_uniforms, from_uniforms(**quantities), instances=n)


def normal(u: Array, v: Array) -> Array:
    """A standard normal (Box and Muller)."""
    xp = namespace(u)
    return xp.sqrt(-2 * xp.log1p(-u)) * xp.cos(2 * math.pi * v)


def event(rate: float) -> Any:
    """1 with probability ``rate``, else 0."""
    return lambda u, v: namespace(u).astype(u < rate, u.dtype)


# -------------------------------------------------------------------------------------------------------- probabilities


def cauchy(u: Array, v: Array) -> Array:
    return namespace(u).tan(math.pi * (u - 0.5))


def two_signs(u: Array, v: Array) -> Array:
    """The sum of two signs."""
    xp = namespace(u)
    return xp.sign(u - 0.5) + xp.sign(v - 0.5)


def partly_unknown(u: Array, v: Array) -> Array:
    """A uniform; one in 50 is not a number."""
    xp = namespace(u)
    return xp.where(v < 0.02, xp.full_like(u, xp.nan), u)


def uneven(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """A failure with the probability that the family is called after."""
    return {"fails": event(float(family))(draw.uniform(), None)}


def far_out(delta: float) -> float:
    """The t with P(|Cauchy| > t) = delta."""
    return math.tan(math.pi * (1 - delta) / 2)


UNIFORM = setting(top=lambda u, v: u)
CAUCHY = setting(size=lambda u, v: namespace(u).abs(cauchy(u, v)))
SIGNS = setting(4000, size=lambda u, v: namespace(u).abs(two_signs(u, v)))
UNKNOWN = setting(top=partly_unknown)
EVEN = Setting(uneven, lambda p, x: dict(x), families=("0.05", "0.01", "0.001"), instances=3 * MANY)
UNEVEN = Setting(uneven, lambda p, x: dict(x), families=("0.07", "0.01", "0.001"), instances=3 * MANY)
CAUCHY_RATE = 2 / math.pi * math.atan(1 / (0.6 * far_out(0.02)))  # P(|C| > t) = 2/pi atan(1/t)
PROBABILITIES = [
    true(
        "failure_rate_exactly_delta",
        UNIFORM,
        Probability(0.05),
        "top",
        "0.95",
        "P(u > 0.95) = 0.05",
        chance=lambda: misjudged(Probability(0.05), MANY, 0.05, TRUE),
    ),
    false(
        "failure_rate_above_delta",
        UNIFORM,
        Probability(0.05),
        "top",
        "0.935",
        "P(u > 0.935) = 0.065 where 0.05 is allowed",
        chance=lambda: misjudged(Probability(0.05), MANY, 0.065, FALSE),
    ),
    true(
        "cauchy_tail",
        CAUCHY,
        Probability(0.02),
        "size",
        f"{far_out(0.02)!r}",
        "P(|C| <= t) = 2/pi atan(t): exactly delta, for a law without a mean",
        chance=lambda: misjudged(Probability(0.02), MANY, 0.02, TRUE),
    ),
    false(
        "cauchy_tail_cut",
        CAUCHY,
        Probability(0.02),
        "size",
        f"0.75 * {far_out(0.02)!r}",
        "at 0.6 of the quantile the tail is 2/pi atan(1/t) = 0.0333",
        chance=lambda: misjudged(Probability(0.02), MANY, CAUCHY_RATE, FALSE),
    ),
    true(
        "hoeffding",
        SIGNS,
        Probability(2 * math.exp(-1)),
        "size",
        "1.99",
        "P(|S| >= t) <= 2 exp(-t^2 / (2 m)) for m signs; m = t = 2: 1/2 <= 0.736",
        chance=lambda: misjudged(Probability(2 * math.exp(-1)), 4000, 0.5, TRUE),
    ),
    false(
        "hoeffding_on_one_side",
        SIGNS,
        Probability(math.exp(-1)),
        "size",
        "1.99",
        "the factor 2 of the two sides is dropped: 1/2 > 0.368",
        chance=lambda: misjudged(Probability(math.exp(-1)), 4000, 0.5, FALSE),
    ),
    true(
        "rare_failure",
        UNIFORM,
        Probability(0.001),
        "top",
        "0.999",
        "P(u > 0.999) = 0.001",
        chance=lambda: misjudged(Probability(0.001), MANY, 0.001, TRUE),
    ),
    false(
        "rare_failure_one_in_200",
        UNIFORM,
        Probability(0.001),
        "top",
        "0.995",
        "P(u > 0.995) = 0.005",
        chance=lambda: misjudged(Probability(0.001), MANY, 0.005, FALSE),
    ),
    true(
        "partly_unknown",
        UNKNOWN,
        Probability(0.1),
        "top",
        "0.95",
        "fails in 0.05 * 0.98; with the unknown ones at most 0.069",
        chance=lambda: misjudged(Probability(0.1), MANY, 0.069, TRUE),
    ),
    false(
        "partly_unknown_above_delta",
        UNKNOWN,
        Probability(0.1),
        "top",
        "0.87",
        "fails in 0.13 * 0.98 = 0.1274 whatever the unknown ones are",
        chance=lambda: misjudged(Probability(0.1), MANY, 0.1274, FALSE),
    ),
    true(
        "every_family_within_delta",
        EVEN,
        Probability(0.05),
        "fails",
        "0",
        "the rates are 0.05, 0.01 and 0.001",
        chance=lambda: misjudged(Probability(0.05), MANY, 0.05, TRUE, 3),
    ),
    false(
        "one_family_above_delta",
        UNEVEN,
        Probability(0.05),
        "fails",
        "0",
        "the rates are 0.07, 0.01 and 0.001; pooled 0.027 and no violation",
        chance=lambda: misjudged(Probability(0.05), MANY, 0.07, FALSE, 3),
    ),
]

# ---------------------------------------------------------------------------------------------------------------- means


def lognormal(u: Array, v: Array) -> Array:
    """Mean sqrt(e), second moment e^2, kurtosis e^4 + 2 e^3 + 3 e^2 - 3."""
    return namespace(u).exp(normal(u, v))


def pareto(u: Array, v: Array) -> Array:
    """The Pareto law of exponent 5: mean 5/4, second moment 5/3, kurtosis 73.8."""
    return (1 - u) ** (-1 / 5)


def disaster(u: Array, v: Array) -> Array:
    """About 0.01, and -100 with probability 2e-4: the mean is below 0.011 - 0.02."""
    xp = namespace(u)
    return xp.where(v < 2e-4, xp.full_like(u, -100.0), 0.01 * (1 + 0.1 * u))


def outburst(u: Array, v: Array) -> Array:
    """-1, and 4999 with probability 0.002: the mean is 9."""
    return 5000 * event(0.002)(u, v) - 1


def unseen_disaster(u: Array, v: Array) -> Array:
    """About 0.01, and -1e9 with probability 1e-9: the mean is below 0.011 - 1."""
    xp = namespace(u)
    return xp.where(v < 1e-9, xp.full_like(u, -1e9), 0.01 * (1 + 0.1 * u))


LONG = 40_000  # draws of a mean
COIN_HALF = half_width(0.5, LONG)
UNIFORM_SD, PARETO_SD = math.sqrt(1 / 12), math.sqrt(5 / 48)
LOGNORMAL_SD = math.sqrt(math.exp(2) - math.exp(1))
LOGNORMAL_KURTOSIS = math.exp(4) + 2 * math.exp(3) + 3 * math.exp(2) - 3


def coins(rate: float, low: float, high: float) -> float:
    """P(the mean of LONG coins with ``rate`` is below ``low`` or above ``high``), exactly."""
    from scipy.stats import binom

    return float(binom.cdf(math.ceil(low * LONG) - 1, LONG, rate) + binom.sf(math.floor(high * LONG), LONG, rate))


def few_outbursts() -> float:
    """P(so few outbursts among LONG draws that the sequence contains 0), exactly: k of them have a deviation of at most
    5000 sqrt(k / LONG) LONG / (LONG - 1)."""
    from scipy.stats import binom

    k = 1
    while 5000 * k / LONG - 1 <= half_width(5000 * math.sqrt(k / LONG) * LONG / (LONG - 1), LONG):
        k += 1
    return float(binom.cdf(k - 1, LONG, 0.002))


def student(half: float, n: int) -> float:
    """P(the mean of n standard normals is beyond ``half`` sample deviations), exactly."""
    from scipy.stats import t

    return float(2 * t.sf(half * math.sqrt(n), n - 1))


def wide(kurtosis: float, factor: float = 3.0) -> float:
    """P(the sample's deviation is above ``factor`` times the law's) <= this, by Chebyshev for the squares."""
    return (kurtosis - 1) / (LONG * (factor**2 - 1) ** 2)


MEAN = setting(
    LONG,
    coin=event(0.02),
    disaster=disaster,
    outburst=outburst,
    unseen=unseen_disaster,
    steady=lambda u, v: 0.01 * (1 + 0.1 * u),
    unknown=partly_unknown,
    near=lambda u, v: u + 1e-6 * v,  # a method that differs from u by a millionth
    normal=normal,
    lognormal=lognormal,
    pareto=pareto,
)
MEANS = [
    true(
        "mean_of_a_uniform",
        MEAN,
        Mean((-0.5, 0.5)),
        "u",
        "0.5",
        "E u = 1/2, an equality",
        relation="==",
        chance=lambda: 2 * far(COIN_HALF, UNIFORM_SD, LONG),
    ),
    # The sample's deviation is above 1.05 times that of a uniform with probability below 1e-38 (Hoeffding).
    false(
        "mean_of_a_uniform_off_by_3_per_cent",
        MEAN,
        Mean(),
        "u",
        "0.485",
        "E u = 1/2: off by 0.015, where the half-width is 0.0057",
        relation="==",
        chance=lambda: far(0.015 - half_width(1.05 * UNIFORM_SD, LONG), UNIFORM_SD, LONG),
    ),
    true(
        "skewed_coin",
        MEAN,
        Mean((-0.02, 0.98)),
        "coin",
        "0.02",
        "E = 0.02, near the end of its range",
        relation="==",
        chance=lambda: coins(0.02, 0.02 - COIN_HALF, 0.02 + COIN_HALF),
    ),
    false(
        "skewed_coin_off_by_0_015",
        MEAN,
        Mean((-0.005, 0.995)),
        "coin",
        "0.005",
        "E = 0.02: off by 0.015, where the half-width is 0.0098",
        chance=lambda: coins(0.02, 0.005 + COIN_HALF, 1.0),
    ),
    true(
        "rare_disaster",
        MEAN,
        Mean((-101.0, 1.0)),
        "disaster",
        "0",
        "E < -0.009, though 9,998 of 10,000 draws are above 0; no draw is above 0.011, the half-width is 1.0",
    ),
    false(
        "no_disaster",
        MEAN,
        Mean((0.0, 0.02)),
        "steady",
        "0",
        "every draw is at least 0.01, the half-width is 0.0002",
    ),
    true(
        "frequent_outburst",
        MEAN,
        Mean(),
        "outburst",
        "0",
        "E = 9, though 998 of 1,000 draws are below 0; about 80 of them are not",
        relation=">=",
        chance=few_outbursts,
    ),
    false(
        "frequent_outburst_above_0",
        MEAN,
        Mean(),
        "outburst",
        "0",
        "E = 9, though 998 of 1,000 draws are below 0",
        chance=few_outbursts,
    ),
    true(
        "paired_difference",
        MEAN,
        Mean((-0.6e-6, 0.6e-6)),
        "near",
        "u + 0.5e-6",
        "E v = 1/2, an equality under a common part a million times larger",
        relation="==",
        chance=lambda: 2 * far(half_width(0.6, LONG), UNIFORM_SD, LONG),
    ),
    false(
        "paired_difference_off_by_15e_9",
        MEAN,
        Mean(),
        "near",
        "u + 0.485e-6",
        "E v = 1/2: off by 1.5e-8, where the half-width is 5.7e-9",
        relation="==",
        chance=lambda: far(0.015 - half_width(1.05 * UNIFORM_SD, LONG), UNIFORM_SD, LONG),
    ),
    # With Y = u - c where it is known and 0 or the worst of the interval where not, of a range of length 1 (Hoeffding).
    true(
        "mean_partly_unknown",
        MEAN,
        Mean((-0.5, 0.5)),
        "unknown",
        "0.5",
        "E u = 1/2, an equality; one in 50 is unknown and may be anything in the interval",
        chance=lambda: far(COIN_HALF + 0.02 * 0.5, 0.5, LONG),
    ),
    false(
        "mean_partly_unknown_off_by_0_05",
        MEAN,
        Mean((-0.45, 0.55)),
        "unknown",
        "0.45",
        "E u = 1/2: above 0.45 even if every unknown one were 0",
        chance=lambda: far(0.98 * 0.05 - 0.02 * 0.45 - COIN_HALF, 0.5, LONG),
    ),
    true(
        "mean_of_a_normal",
        MEAN,
        Mean(),
        "normal",
        "0",
        "E = 0, an equality",
        relation="==",
        chance=lambda: student(half_width(1.0, LONG), LONG),
    ),
    false(
        "mean_of_a_normal_off_by_a_twentieth",
        MEAN,
        Mean(),
        "normal",
        "-0.05",
        "E = 0: off by 0.05 deviations, where the half-width is 0.02",
        chance=lambda: far(0.05 - half_width(1.05, LONG), 1.0, LONG),
    ),
    true(
        "mean_of_a_lognormal",
        MEAN,
        Mean(),
        "lognormal",
        f"{math.exp(0.5) - 0.08!r}",
        "E = sqrt(e); a nonnegative mean is seldom far below its expectation, however heavy the other tail",
        relation=">=",
        chance=lambda: far(0.08, math.exp(1), LONG),
    ),
    false(
        "mean_of_a_lognormal_too_small",
        MEAN,
        Mean(),
        "lognormal",
        "1.44",
        "E = sqrt(e) = 1.649: off by 0.209, where the half-width is below 0.127",
        chance=lambda: (
            far(math.exp(0.5) - 1.44 - half_width(3 * LOGNORMAL_SD, LONG), math.exp(1), LONG) + wide(LOGNORMAL_KURTOSIS)
        ),
    ),
    true(
        "mean_of_a_pareto_law",
        MEAN,
        Mean(),
        "pareto",
        "1.21",
        "E = 5/4, with infinite fifth moment; nonnegative as well",
        relation=">=",
        chance=lambda: far(0.04, math.sqrt(5 / 3), LONG),
    ),
    false(
        "mean_of_a_pareto_law_off_by_5_per_cent",
        MEAN,
        Mean(),
        "pareto",
        "1.19",
        "E = 5/4: off by 0.06, where the half-width is below 0.019",
        chance=lambda: far(0.06 - half_width(3 * PARETO_SD, LONG), math.sqrt(5 / 3), LONG) + wide(73.8),
    ),
]

# What no run can see: the mean is negative for the sake of one draw in 10^9, and the word of the run is wrong, but for
# what it says could hide. Event: rate and size; a run of LONG draws sees it with probability 4e-5.
UNSEEN = (1e-9, 1e9)
HIDDEN = [
    false("unseen_disaster", MEAN, Mean(), "unseen", "0", "true: E < -0.98"),
    true("unseen_disaster_below_0", MEAN, Mean(), "unseen", "0", "false: E < -0.98", relation=">="),
    true("unseen_disaster_equal", MEAN, Mean(), "unseen", "0.0105", "false: E < -0.98", relation="=="),
]

# ---------------------------------------------------------------------------------------------------------------- rates

LADDER = tuple(str(2**i) for i in range(3, 9))
LARGE_SIZES = tuple(str(4**i) for i in range(3, 9))  # 64 to 65,536
RUNG = 3000


def sizes(draw: Any, p: Params, family: str) -> dict[str, Any]:
    return {"size": draw.full(float(family)), "g": draw.normal()}


def growths(p: Params, x: Any) -> dict[str, Any]:
    """deviation: of a mean of n normals; moves: n log2 n, what sorting by merging n = 2^k numbers moves; curved:
    sqrt(n) + 1."""
    xp = namespace(x["size"])
    n = x["size"]
    return {
        "size": n,
        "deviation": xp.abs(x["g"]) / xp.sqrt(n),
        "moves": n * xp.log2(n),
        "curved": xp.sqrt(n) + 1,
    }


def slope_off(distance: float) -> float:
    """P(the slope of the mean deviations is off by ``distance`` to one side).

    The logarithm of a rung's mean is taken for normal; its deviation is sqrt(pi/2 - 1) / sqrt(RUNG), and the slope's
    is that over the root of the sum of squares of log n about their mean, SLOPE_SD.
    """
    from scipy.stats import norm

    return float(norm.sf(distance / SLOPE_SD))


def interval_wider(half: float) -> float:
    """P(the t interval of the slope has a half-width above ``half``), for normal errors."""
    from scipy.stats import chi2, t

    rungs = len(LADDER)
    return float(chi2.sf((rungs - 2) * (half / (t.ppf(1 - ALPHA / 2, rungs - 2) * SLOPE_SD)) ** 2, rungs - 2))


SLOPE_SD = math.sqrt(math.pi / 2 - 1) / math.sqrt(RUNG * 17.5 * math.log(2) ** 2)
NOISY = Setting(sizes, growths, families=LADDER, instances=RUNG * len(LADDER))
GROWING = Setting(sizes, growths, families=LARGE_SIZES, instances=4 * len(LARGE_SIZES))
RATES = [
    true(
        "deviation_of_a_mean",
        NOISY,
        Rate(-0.45),
        "deviation",
        "size",
        "E = sqrt(2 / (pi n)), the exponent -1/2",
        chance=lambda: slope_off(0.05),
    ),
    false(
        "deviation_of_a_mean_off_by_a_tenth",
        NOISY,
        Rate(-0.6),
        "deviation",
        "size",
        "the exponent is -1/2",
        relation="==",
        chance=lambda: slope_off(0.03) + interval_wider(0.07),
    ),
    true("merge_sort", GROWING, Rate(1.0), "moves", "size * log(size)", "n log2 n, a multiple", relation="=="),
    false(
        "merge_sort_without_log", GROWING, Rate(1.0), "moves", "size", "d log(n log n) / d log n = 1 + 1/log n > 1.09"
    ),
    true("curved", GROWING, Rate(0.5), "curved", "size", "d log(sqrt n + 1) / d log n < 1/2 everywhere"),
    false(
        "curved_off_by_a_tenth",
        GROWING,
        Rate(0.4),
        "curved",
        "size",
        "d log(sqrt n + 1) / d log n rises from 0.44 at 64 to 0.498 at 65,536",
    ),
]

# ---------------------------------------------------------------------------------------------------------- comparisons


def gamble(u: Array, v: Array) -> Array:
    """Below 1/2, and 10 with probability 0.3."""
    xp = namespace(u)
    return xp.where(v < 0.3, xp.full_like(u, 10.0), u / 2)


def hair(u: Array, v: Array) -> Array:
    """u + 1e-12 with probability 0.55, else u - 1e-12."""
    xp = namespace(u)
    return xp.where(v < 0.55, u + 1e-12, u - 1e-12)


COMPARED = setting(
    gamble=gamble, safe=lambda u, v: 0.5 + u / 2, hair=hair, later=lambda u, v: v + 0.05, sooner=lambda u, v: v - 0.05
)
COMPARISONS = [
    true(
        "ahead",
        COMPARED,
        Comparison(),
        "u",
        "later",
        "P(u < v + 0.05) = 1 - 0.95^2 / 2 = 0.54875",
        chance=lambda: misjudged(Comparison(), MANY, 0.45125, TRUE),
    ),
    false(
        "ahead_reversed",
        COMPARED,
        Comparison(),
        "u",
        "sooner",
        "P(u < v - 0.05) = 0.45125",
        chance=lambda: misjudged(Comparison(), MANY, 0.54875, FALSE),
    ),
    true(
        "mostly_better_worse_on_average",
        COMPARED,
        Comparison(),
        "gamble",
        "safe",
        "wins 0.7 of the draws and loses 9 or more in the others",
        chance=lambda: misjudged(Comparison(), MANY, 0.3, TRUE),
    ),
    false(
        "better_on_average_mostly_worse",
        COMPARED,
        Comparison(),
        "safe",
        "gamble",
        "the mean is smaller, but it loses 0.7 of the draws",
        chance=lambda: misjudged(Comparison(), MANY, 0.7, FALSE),
    ),
    true(
        "by_a_hair",
        COMPARED,
        Comparison(),
        "u",
        "hair",
        "wins 0.55 of the draws, by 1e-12",
        chance=lambda: misjudged(Comparison(), MANY, 0.45, TRUE),
    ),
    false(
        "by_a_hair_reversed",
        COMPARED,
        Comparison(),
        "hair",
        "u",
        "loses 0.55 of the draws, by 1e-12",
        chance=lambda: misjudged(Comparison(), MANY, 0.55, FALSE),
    ),
]

STATEMENTS = [*PROBABILITIES, *MEANS, *RATES, *COMPARISONS]
