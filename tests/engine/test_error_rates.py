"""The error rates of the statistical verdicts, measured by simulation, and their power.

Every simulation sits at the boundary of the claim, where an error is likeliest, and looks after every batch. A rate
that is at most alpha is measured below alpha + 3 standard errors of the simulation.
"""

import math

import numpy as np
import pytest

from verify.core.theorem import Comparison, Mean, Probability, Rate
from verify.engine.evidence import Tally
from verify.engine.verdict import ASYMPTOTIC_FROM, decide, mean_half_width, proportion_interval, slope_interval

from .test_verdict import claim, counts, draws

ALPHA = 0.05
BATCH = 20
LOOKS = np.arange(BATCH, 2001, BATCH)


def rng(*key):
    return np.random.default_rng(key)


def slack(runs, alpha=ALPHA):
    return 3 * math.sqrt(alpha * (1 - alpha) / runs)


def running(x):
    """The sums of x (runs, n) at every look."""
    return np.cumsum(x, axis=1)[:, LOOKS - 1]


def ever(condition):
    """The share of the runs in which the condition (runs, looks) holds at some look."""
    return float(condition.any(axis=1).mean())


# ------------------------------------------------------------------------------------------- probability, comparison


@pytest.mark.parametrize("delta", [0.01, 0.1, 0.5])
def test_a_true_probability_is_rarely_refuted_by_looking_often(delta):
    runs = 2000
    fails = running(rng(1).random((runs, LOOKS[-1])) < delta)
    low, _ = proportion_interval(fails, LOOKS, ALPHA)
    assert ever(low > delta) <= ALPHA + slack(runs)


def test_a_plain_interval_is_refuted_by_looking_often():
    """What the confidence sequence is for: Clopper-Pearson, right at any one look, errs several times too often."""
    from scipy.special import betainc

    runs, delta = 2000, 0.1
    fails = running(rng(1).random((runs, LOOKS[-1])) < delta)
    refuted = betainc(np.maximum(fails, 1), LOOKS - fails + 1.0, delta) <= ALPHA / 2  # P(Bin(n, delta) >= k)
    assert refuted[:, -1].mean() <= ALPHA
    assert ever(refuted) > ALPHA + 10 * slack(runs) / 3


def test_a_true_comparison_is_rarely_decided_at_one_half():
    runs = 2000
    wins = running(rng(2).random((runs, LOOKS[-1])) < 0.5)
    low, high = proportion_interval(wins, LOOKS, ALPHA)
    assert ever((low > 0.5) | (high < 0.5)) <= ALPHA + slack(runs)


@pytest.mark.parametrize("kind", [Probability(0.2), Comparison()], ids=lambda k: k.label)
def test_the_budget_covers_every_family(kind):
    """The verdict itself, on three families at their boundaries, looked at five times."""
    runs, looks, families = 300, 5, ("a", "b", "c")
    rate = kind.delta if isinstance(kind, Probability) else 0.5
    failures = rng(3).binomial(80, rate, (runs, looks, len(families))).cumsum(axis=1)
    wrong = 0
    for run in failures:
        words = set()
        for look, row in enumerate(run.tolist(), 1):
            n = 80 * look
            tallies = {f: Tally(n, n - k, k, wins=n - k, losses=k) for f, k in zip(families, row, strict=True)}
            words.add(decide(claim(kind), tallies, ALPHA).verdict)
        wrong += "violated" in words or (kind == Comparison() and "no violation" in words)
    assert wrong / runs <= ALPHA + slack(runs)


@pytest.mark.parametrize(("n", "delta"), [(100, 0.05), (1000, 0.05), (4096, 0.2), (4096, 0.001)])
def test_the_stated_failure_rate_is_noticed_half_of_the_time(n, delta):
    from scipy.stats import binom

    rate = decide(claim(Probability(delta)), {"random": counts(n)}).power["rate"]
    refuting = round(rate * n)
    assert decide(claim(Probability(delta)), {"random": counts(n - refuting, refuting)}).verdict == "violated"
    assert binom.sf(refuting - 1, n, rate) >= 0.5
    assert binom.sf(refuting - 1, n, rate - 1.5 / n) < 0.5  # and hardly a smaller one is
    assert delta < rate < delta + 7 * math.sqrt(delta * (1 - delta) / n) + 10 / n


# ------------------------------------------------------------------------------------------------------------- mean


def misses(x, alpha, sigma=None, start=0):
    """How often the sequence of the mean of x (runs, n) ever misses the truth, 0, from ``start`` draws on; with the
    standard deviation of the sample for ``sigma`` when it is None."""
    total, square = running(x), running(x * x)
    if sigma is None:
        sigma = np.sqrt(np.maximum(0, square - total**2 / LOOKS) / (LOOKS - 1))
    return ever((np.abs(total / LOOKS) > mean_half_width(sigma, LOOKS, alpha)) & (start <= LOOKS))


@pytest.mark.parametrize("p", [0.05, 0.5])
def test_a_true_mean_with_an_interval_is_rarely_refuted(p):
    runs = 2000
    x = (rng(4).random((runs, LOOKS[-1])) < p) - p
    assert misses(x, ALPHA, sigma=0.5) <= ALPHA + slack(runs)


# The law, centred; the factor of alpha that it may err by. Skewness: 0, 0, 2, 6.2. The last shows what the word
# "asymptotic" costs.
LAWS = {
    "uniform": (lambda r, size: r.random(size) - 0.5, 1),
    "normal": (lambda r, size: r.normal(size=size), 1),
    "exponential": (lambda r, size: r.exponential(size=size) - 1, 1),
    "lognormal": (lambda r, size: r.lognormal(size=size) - math.exp(0.5), 3),
}


@pytest.mark.parametrize("law", LAWS)
def test_a_true_mean_without_an_interval_is_rarely_refuted(law):
    runs, (draw, factor) = 2000, LAWS[law]
    x = draw(rng(5), (runs, int(LOOKS[-1])))
    for alpha in (0.05, 0.01):
        assert misses(x, alpha, start=ASYMPTOTIC_FROM) <= factor * alpha + slack(runs, alpha)


def test_a_plain_t_interval_of_a_mean_is_refuted_by_looking_often():
    x = rng(6).normal(size=(2000, LOOKS[-1]))
    z = np.abs(running(x)) / np.sqrt(LOOKS)
    assert ever(z > 1.96) > 3 * ALPHA


def test_the_stated_half_width_is_noticed():
    """A mean twice the half-width off is refuted nearly always, one that is off by it half of the time."""
    n, runs = 1000, 300
    half = decide(claim(Mean()), {"random": draws(rng(7).normal(size=n))}).power["half_width"]
    seen = {}
    for size in (0.5, 1.0, 2.0):
        x = rng(8).normal(size * half, 1.0, (runs, n))
        seen[size] = np.mean([decide(claim(Mean()), {"random": draws(row)}).verdict == "violated" for row in x])
    assert seen[0.5] < 0.15
    assert 0.35 < seen[1.0] < 0.65
    assert seen[2.0] > 0.99


# ------------------------------------------------------------------------------------------------------------- rate


@pytest.mark.parametrize("rungs", [3, 5, 9])
def test_the_slope_interval_covers_the_exponent(rungs):
    runs, exponent = 4000, -0.5
    x = np.log(2.0) * np.arange(rungs)
    slope, half = slope_interval(x, exponent * x + 0.3 * rng(9, rungs).normal(size=(runs, rungs)), ALPHA)
    missed = float(np.mean(np.abs(slope - exponent) > half))
    assert abs(missed - ALPHA) <= slack(runs)


def test_a_true_rate_is_refuted_as_often_as_stated():
    """The verdict itself on lognormal scatter, 40 draws to a rung: the interval is neither too narrow nor too wide."""
    runs, sizes = 400, 2.0 ** np.arange(6)
    r = rng(10)
    wrong = 0
    for _ in range(runs):
        measured = sizes[:, None] ** 0.5 * r.lognormal(sigma=0.5, size=(6, 40))
        tallies = {f"{s:g}": draws(row, s) for s, row in zip(sizes, measured, strict=True)}
        wrong += decide(claim(Rate(0.5), "=="), tallies, ALPHA).verdict == "violated"
    assert abs(wrong / runs - ALPHA) <= slack(runs)
