"""Every kind of claim, on tallies whose truth is known."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verify.core.formula import Formula
from verify.core.theorem import Claim, Comparison, Count, Every, Existence, Identity, Mean, Probability, Rate
from verify.engine.evidence import Extreme, Sums, Tally
from verify.engine.verdict import budget, decide, mean_half_width, proportion_interval, slope_interval

KINDS = (Every(), Count(), Identity(), Existence(), Probability(0.1), Mean(), Rate(), Comparison())
NAN = math.nan


def claim(kind, relation="<="):
    return Claim("claim", kind, "a", Formula("b"), relation=relation)


def counts(holds=0, violated=0, undecided=0, ratio=NAN, **more):
    """A tally with these outcomes and one extreme instance of this ratio."""
    outcome = "violated" if violated else "holds"
    worst = [Extreme(ratio, -7, outcome)] if holds + violated else []
    drawn = holds + violated + undecided + sum(more.get("set_aside", {}).values())
    return Tally(drawn=drawn, holds=holds, violated=violated, undecided=undecided, worst=worst, **more)


def sums(x):
    x = np.asarray(x, float)
    return Sums(len(x), float(x.sum()), float((x * x).sum()))


def draws(measured, bound=0.0, missing=0):
    """A tally with the moments of these draws, and ``missing`` draws without a finite value."""
    m, b = np.broadcast_arrays(np.asarray(measured, float), np.asarray(bound, float))
    wins, losses = int((m < b).sum()), int((m > b).sum())
    return Tally(
        drawn=len(m) + missing,
        holds=len(m) - losses,
        violated=losses,
        undecided=missing,
        nonfinite=missing,
        wins=wins,
        losses=losses,
        measured=sums(m),
        measured_low=sums(m),
        measured_high=sums(m),
        bound_low=sums(b),
        bound_high=sums(b),
        bound=sums(b),
        difference=sums(m - b),
    )


def word(kind, tally, relation="<=", alpha=0.01):
    tallies = tally if isinstance(tally, dict) else {"random": tally}
    return decide(claim(kind, relation), tallies, alpha).verdict


# ------------------------------------------------------------------------------------------------------ every kind


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.label)
@pytest.mark.parametrize(
    "tallies",
    [{}, {"random": Tally()}, {"random": counts(set_aside={"rip": 9}), "aimed": counts(set_aside={"rip": 1, "x": 2})}],
    ids=["no family", "nothing drawn", "all set aside"],
)
def test_nothing_eligible_is_vacuous(kind, tallies):
    verdict = decide(claim(kind), tallies)
    assert verdict.verdict == "vacuous"
    assert math.isnan(verdict.ratio_max)
    assert verdict.decided == verdict.violated == verdict.undecided == 0
    if verdict.set_aside:
        assert verdict.set_aside == {"rip": 10, "x": 2}
        assert "10 by 'rip'" in verdict.summary


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.label)
@pytest.mark.parametrize("n", [1, 2, 1000])
def test_nothing_decided_is_undecided(kind, n):
    tally = counts(undecided=n, nonfinite=n)
    for tallies in ({"random": tally}, {"random": tally, "aimed": tally, "extremal": tally}):
        verdict = decide(claim(kind), tallies)
        assert verdict.verdict == "undecided"
        assert verdict.undecided == n * len(tallies)


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.label)
def test_one_draw_gives_a_verdict_and_leaves_the_tally_alone(kind):
    for tally in (draws([1.0], 2.0), draws([3.0], 2.0), draws([2.0], 2.0)):
        before = dataclasses.asdict(tally)
        verdict = decide(claim(kind), {"random": tally})
        assert verdict.verdict in ("no violation", "violated", "undecided")
        assert "\n" not in verdict.summary
        assert dataclasses.asdict(tally) == before
        # One draw refutes nothing statistical, and no statistical pass rests on it.
        if isinstance(kind, Probability | Mean | Rate | Comparison):
            assert verdict.verdict == "undecided"


@given(
    st.sampled_from(KINDS),
    st.sampled_from(["<=", ">=", "=="]),
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300)), max_size=4),
    st.sampled_from([NAN, math.inf, 0.0, 0.5, -1.0]),
)
def test_any_tally_gives_a_verdict(kind, relation, outcomes, ratio):
    tallies = {f"family {i}": counts(*o, ratio=ratio, nonfinite=o[2]) for i, o in enumerate(outcomes)}
    verdict = decide(claim(kind, relation), tallies)
    assert verdict.verdict in ("no violation", "violated", "undecided", "vacuous")
    assert verdict.decided + verdict.undecided == sum(map(sum, outcomes))
    assert (verdict.verdict == "vacuous") == (verdict.decided + verdict.undecided == 0)
    assert "proved" not in verdict.summary


def test_a_budget_is_split_over_the_statistical_claims_only():
    assert budget([claim(k) for k in KINDS]) == pytest.approx(0.01 / 4)
    assert budget([claim(Every()), claim(Mean())], 0.05) == 0.05
    assert budget([claim(Every())]) == 0.01
    assert budget([]) == 0.01


# --------------------------------------------------------------------------------------- every, count and identity


def test_every_passes_with_the_constant_it_would_have_noticed():
    verdict = decide(claim(Every()), {"random": counts(10_000, ratio=0.5), "aimed": counts(240, ratio=0.99839)})
    assert verdict.verdict == "no violation"
    assert verdict.ratio_max == verdict.power["constant"] == 0.99839
    expected = "no violation in 10,240; largest ratio 0.9983; a constant below 0.9983 would have been noticed"
    assert verdict.summary == expected


def test_every_from_below_names_a_constant_above_one():
    verdict = decide(claim(Every(), ">="), {"random": counts(10, ratio=0.8)})
    assert verdict.power["constant"] == pytest.approx(1.25)
    assert "a constant above 1.25 would have been noticed" in verdict.summary


@pytest.mark.parametrize("kind", [Every(), Count(), Identity()], ids=lambda k: k.label)
def test_one_violated_instance_refutes(kind):
    tallies = {"random": counts(10**6, ratio=0.9), "aimed": counts(0, 1, 999, ratio=1.25)}
    verdict = decide(claim(kind), tallies)
    assert (verdict.verdict, verdict.violated, verdict.ratio_max) == ("violated", 1, 1.25)
    assert "violated in 1 of 1,001,000" in verdict.summary


@pytest.mark.parametrize("kind", [Every(), Count(), Identity()], ids=lambda k: k.label)
def test_a_pass_needs_half_of_the_instances_decided(kind):
    assert word(kind, counts(holds=50, undecided=50, ratio=0.5)) == "no violation"
    assert word(kind, counts(holds=49, undecided=51, ratio=0.5)) == "undecided"
    assert "1 undecided" in decide(claim(kind), {"random": counts(holds=9, undecided=1, ratio=0.5)}).summary


def test_undecided_instances_are_named():
    tally = counts(undecided=12, suspects=3, nonfinite=4)
    summary = decide(claim(Every()), {"random": tally}).summary
    assert summary == "undecided: 12 of 12 could not be decided, 3 suspect, 4 not finite"


def test_a_suspect_does_not_make_the_largest_ratio():
    tally = counts(10, undecided=1, ratio=0.5)
    tally.worst.append(Extreme(7.0, -1, "suspect"))
    assert decide(claim(Every()), {"random": tally}).ratio_max == 0.5


def test_a_nan_ratio_hides_no_other():
    tallies = {"a": counts(1, ratio=NAN), "b": counts(1, ratio=0.75), "c": counts(1, ratio=NAN)}
    assert decide(claim(Every()), tallies).ratio_max == 0.75
    alone = decide(claim(Every()), {"a": tallies["a"]})
    assert alone.verdict == "no violation"
    assert math.isnan(alone.power["constant"])


@pytest.mark.parametrize("ratio", [1.5, 0.0, -2.0])
def test_ratios_of_negative_values_give_no_constant(ratio):
    verdict = decide(claim(Every()), {"random": counts(10, ratio=ratio)})
    assert verdict.verdict == "no violation"
    assert math.isnan(verdict.power["constant"])
    assert "noticed" not in verdict.summary


def test_count_says_how_many_cases():
    power = decide(claim(Count()), {"random": counts(100, ratio=1.0), "all": counts(28, ratio=1.0)}).power
    assert power == {"constant": 1.0, "cases": 128.0}
    assert decide(claim(Count(), "=="), {"random": counts(5, ratio=0.0)}).power == {"defect": 0.0, "cases": 5.0}


def test_identity_says_the_largest_defect():
    verdict = decide(claim(Identity()), {"random": counts(100, ratio=3.00001e-15), "aimed": counts(1, ratio=1e-16)})
    assert verdict.power == {"defect": 3.00001e-15}
    assert "largest relative defect 3.001e-15" in verdict.summary


# -------------------------------------------------------------------------------------------------------- existence


@pytest.mark.parametrize(
    ("holds", "violated", "undecided", "expected"),
    [(1, 99, 5, "no violation"), (0, 9, 0, "violated"), (0, 9, 1, "undecided"), (0, 0, 1, "undecided")],
)
def test_existence(holds, violated, undecided, expected):
    verdict = decide(claim(Existence()), {"random": counts(0, violated), "built": counts(holds, 0, undecided)})
    assert verdict.verdict == expected
    assert verdict.power == {"built": holds}


# ------------------------------------------------------------------------------------------------------ probability


def test_the_interval_of_a_proportion_solves_its_equation():
    from scipy.special import betaln

    for k, n in ((0, 1), (1, 1), (3, 10), (0, 500), (500, 500), (400, 10**6)):
        for end in (float(e) for e in proportion_interval(k, n, 0.01)):
            if 0 < end < 1:
                likelihood = k * math.log(end) + (n - k) * math.log1p(-end)
                mixture = betaln(k + 0.5, n - k + 0.5) - betaln(0.5, 0.5) - likelihood
                assert mixture == pytest.approx(math.log(100), abs=1e-6)
    low, high = proportion_interval([0, 1], [1, 1], 0.01)
    assert (low[0], high[1]) == (0.0, 1.0)
    # One success of one draw: B(3/2, 1/2) / B(1/2, 1/2) = 1/2, so the end is alpha/2.
    assert low[1] == pytest.approx(0.005)
    assert high[0] == pytest.approx(0.995)


@given(st.integers(1, 5000), st.floats(0, 1), st.sampled_from([0.1, 0.01, 1e-6]))
def test_the_interval_of_a_proportion_contains_it_and_is_symmetric(n, share, alpha):
    k = round(share * n)
    low, high = proportion_interval(k, n, alpha)
    assert 0 <= low <= k / n <= high <= 1
    mirrored = proportion_interval(n - k, n, alpha)
    assert (1 - mirrored[1], 1 - mirrored[0]) == pytest.approx((float(low), float(high)), abs=1e-9)


@pytest.mark.parametrize(
    ("fails", "undecided", "expected"),
    [
        (0, 0, "no violation"),
        (50, 0, "no violation"),
        (90, 0, "violated"),
        (1000, 0, "violated"),
        (0, 40, "no violation"),
        (40, 60, "undecided"),
        (0, 1000, "undecided"),
    ],
)
def test_probability(fails, undecided, expected):
    assert word(Probability(0.05), counts(1000 - fails - undecided, fails, undecided)) == expected


def test_probability_decides_by_the_interval():
    for n in (20, 333, 4096):
        refuted = np.flatnonzero(proportion_interval(np.arange(n + 1), n, 0.01)[0] > 0.05).tolist()
        assert word(Probability(0.05), counts(n - refuted[0], refuted[0])) == "violated"
        assert word(Probability(0.05), counts(n - refuted[0] + 1, refuted[0] - 1)) == "no violation"
        power = decide(claim(Probability(0.05)), {"random": counts(n)}).power
        assert power["rate"] == refuted[0] / n
        assert power["upper"] == pytest.approx(float(proportion_interval(0, n, 0.01)[1]))


def test_too_few_draws_to_refute_anything_decide_nothing():
    verdict = decide(claim(Probability(0.05)), {"random": counts(1)})
    assert verdict.verdict == "undecided"
    assert math.isnan(verdict.power["rate"])
    assert word(Probability(0.05), counts(0, 1)) == "undecided"
    assert word(Probability(0.05), counts(0, 10)) == "violated"
    assert word(Probability(1.0), counts(10**4)) == "undecided"  # nothing could ever refute it


def test_a_failure_refutes_probability_one():
    assert word(Probability(0.0), counts(99, 1)) == "violated"
    assert word(Probability(0.0), counts(100)) == "no violation"


def test_families_share_the_error_budget():
    for kind, name in ((Probability(0.1), "upper"), (Comparison(), "low")):
        tally = draws(np.full(400, -1.0))
        several = decide(claim(kind), {"a": tally, "b": tally, "empty": Tally()}, 0.03).power
        alone = decide(claim(kind), {"a": tally}, 0.01).power
        assert several[name] == pytest.approx(alone[name])


def test_a_law_that_fails_is_not_hidden_by_the_others():
    bad, good = counts(800, 200), counts(9000)
    assert word(Probability(0.1), {"random": good, "heavy": bad}) == "violated"
    assert word(Probability(0.1), counts(9800, 200)) == "no violation"  # what pooling them would have said
    verdict = decide(claim(Probability(0.1)), {"random": good, "few": counts(50)})
    assert verdict.power["rate"] > 0.2
    assert "family 'few', the worst of 2" in verdict.summary


# ------------------------------------------------------------------------------------------------------------- mean


def normals(mean, n, seed=1):
    return draws(np.random.default_rng(seed).normal(mean, 1.0, n))


@pytest.mark.parametrize(
    ("relation", "mean", "expected"),
    [
        ("<=", -0.3, "no violation"),
        ("<=", 0.0, "no violation"),
        ("<=", 0.3, "violated"),
        (">=", 0.3, "no violation"),
        (">=", -0.3, "violated"),
        ("==", 0.0, "no violation"),
        ("==", 0.3, "violated"),
        ("==", -0.3, "violated"),
    ],
)
def test_mean_without_an_interval(relation, mean, expected):
    verdict = decide(claim(Mean(), relation), {"random": normals(mean, 2000)})
    assert verdict.verdict == expected
    assert "asymptotic" in verdict.summary
    assert verdict.power["half_width"] == pytest.approx(float(mean_half_width(1.0, 2000, 0.01)), rel=0.05)


@pytest.mark.parametrize(("p", "expected"), [(0.5, "no violation"), (0.4, "no violation"), (0.6, "violated")])
def test_mean_with_an_interval(p, expected):
    x = np.random.default_rng(2).random(3000) < p
    verdict = decide(claim(Mean((-0.5, 0.5))), {"random": draws(x, 0.5)})
    assert verdict.verdict == expected
    assert "asymptotic" not in verdict.summary
    assert verdict.power["half_width"] == pytest.approx(float(mean_half_width(0.5, 3000, 0.01)))


@pytest.mark.parametrize(("mean", "expected"), [(-3.0, "no violation"), (0.0, "no violation"), (0.5, "violated")])
def test_a_mean_without_an_interval_says_what_could_hide(mean, expected):
    n, alpha = 500, 0.02
    tally = normals(mean, n)
    verdict = decide(claim(Mean()), {"a": tally, "lower": normals(-9.0, n)}, alpha)
    assert verdict.verdict == expected
    rate, size, half = (verdict.power[name] for name in ("rare_rate", "rare_size", "half_width"))
    assert (1 - rate) ** n == pytest.approx(alpha / 2)  # two families
    there = tally.difference.mean
    assert size * rate == pytest.approx(there - half if expected == "violated" else max(abs(there), half))
    assert "rate below 0.009169 and size above" in verdict.summary
    assert decide(claim(Mean((-20.0, 20.0))), {"a": tally}).power.keys() == {"half_width"}


def test_an_asymptotic_sequence_needs_a_hundred_draws():
    assert word(Mean(), normals(5.0, 99)) == "undecided"
    assert word(Mean(), normals(5.0, 100)) == "violated"
    assert word(Mean((-20.0, 20.0)), normals(5.0, 99)) == "no violation"  # exact, and too wide to refute


def test_opposite_excesses_do_not_cancel():
    tallies = {"a": normals(0.3, 2000), "b": normals(-0.3, 2000)}
    assert word(Mean(), tallies, "==") == "violated"
    assert word(Mean(), tallies, "<=") == word(Mean(), tallies, ">=") == "violated"


def test_differences_outside_the_stated_interval_decide_nothing():
    half = np.concatenate([np.zeros(500), np.ones(500)])
    assert word(Mean((0.0, 1.0)), draws(half)) == "violated"
    assert word(Mean((0.0, 0.9)), draws(half)) == "undecided"
    assert word(Mean((2.0, 3.0)), draws(half)) == "undecided"


def test_missing_values_are_not_needed_for_a_violation():
    x = np.random.default_rng(3).normal(0.4, 0.05, 1000)
    assert word(Mean((-1.0, 1.0)), draws(x, missing=100)) == "violated"
    assert word(Mean((-1.0, 1.0)), draws(x, missing=500)) == "no violation"  # they could bring the mean below zero
    assert word(Mean(), draws(x)) == "violated"
    verdict = decide(claim(Mean()), {"random": draws(x, missing=1)})
    assert verdict.verdict == "no violation"
    assert "1 not finite, left out" in verdict.summary
    assert word(Mean(), draws(-x, missing=1000)) == "no violation"
    assert word(Mean(), draws(-x, missing=1001)) == "undecided"


def test_draws_that_never_differed_refute_no_mean_without_an_interval():
    """An indicator of probability 0.01, not seen in 200 draws, would otherwise refute E = 0.01."""
    unseen = draws(np.zeros(200), 0.01)
    assert word(Mean(), unseen, "==") == word(Mean(), unseen, ">=") == "undecided"
    assert word(Mean(), unseen, "<=") == "no violation"
    assert word(Mean((-0.01, 0.99)), unseen, "==") == "no violation"
    assert word(Mean(), draws(np.ones(200), 1.0), "==") == "no violation"


def test_rounding_is_not_a_violation_of_a_mean():
    x = np.random.default_rng(3).random(4096)
    assert word(Mean(), draws(x * (1 + 2**-52), x), "==") == "no violation"
    assert word(Mean(), draws(x * (1 + 1e-9), x), "==") == "violated"


def test_moments_that_overflow_decide_nothing():
    with np.errstate(over="ignore"):
        assert word(Mean(), draws(np.full(200, 1e200))) == "undecided"


# ------------------------------------------------------------------------------------------------------------- rate


def ladder(exponent, scatter=0.0, rungs=8, seed=0, constant=3.0):
    rng = np.random.default_rng(seed)
    sizes = 2.0 ** np.arange(rungs)
    values = constant * sizes**exponent * np.exp(scatter * rng.normal(size=rungs))
    return {f"n = {s:g}": draws([v] * 5, s) for s, v in zip(sizes, values, strict=True)}


@pytest.mark.parametrize("scatter", [0.0, 0.05])
@pytest.mark.parametrize(
    ("relation", "exponent", "expected"),
    [
        ("==", 1.0, "no violation"),
        ("==", 1.5, "violated"),
        ("==", 0.5, "violated"),
        ("<=", 0.5, "no violation"),
        ("<=", 1.5, "violated"),
        (">=", 1.5, "no violation"),
        (">=", 0.5, "violated"),
    ],
)
def test_rate(scatter, relation, exponent, expected):
    verdict = decide(claim(Rate(1.0), relation), ladder(exponent, scatter))
    assert verdict.verdict == expected
    assert verdict.power["low"] <= exponent <= verdict.power["high"]
    assert "8 sizes, mean bound 1 to 128" in verdict.summary


@pytest.mark.parametrize(
    ("relation", "exponent", "expected"),
    [
        ("==", 0.92, "no violation"), ("==", 1.08, "no violation"), ("==", 0.88, "violated"), ("==", 1.12, "violated"),
        ("<=", 1.08, "no violation"), ("<=", 1.12, "violated"), (">=", 0.92, "no violation"), (">=", 0.88, "violated"),
    ],
)  # fmt: skip
def test_a_rate_with_room_for_lower_order_terms(relation, exponent, expected):
    verdict = decide(claim(Rate(1.0, within=0.1), relation), ladder(exponent))
    assert verdict.verdict == expected
    assert "1 ± 0.1 stated" in verdict.summary


def test_rounding_is_not_a_violation_of_a_rate():
    for exponent in np.linspace(-3, 3, 301):
        for rungs in (3, 6):
            assert word(Rate(float(exponent)), ladder(exponent, rungs=rungs), "==", alpha=0.05) == "no violation"


def test_a_ladder_needs_three_rungs_of_different_size():
    assert word(Rate(1.0), ladder(1.0, rungs=2)) == "undecided"
    assert word(Rate(1.0), ladder(1.0, rungs=3)) == "no violation"
    assert word(Rate(1.0), {f: draws([2.0, 3.0], 1.0) for f in "abcd"}) == "undecided"


@pytest.mark.parametrize("bad", [draws([0.0], 1.0), draws([-1.0], 1.0), draws([1.0], -1.0), draws([1.0], missing=2)])
def test_a_rung_without_a_positive_mean_decides_nothing(bad):
    assert word(Rate(1.0), {**ladder(1.0), "bad": bad}) == "undecided"


def test_the_slope_interval_is_the_textbook_one():
    from scipy.stats import linregress, t

    rng = np.random.default_rng(5)
    x, y = rng.normal(size=7), rng.normal(size=7)
    slope, half = slope_interval(x, y, 0.02)
    fit = linregress(x, y)
    assert (float(slope), float(half)) == pytest.approx((fit.slope, t.ppf(0.99, 5) * fit.stderr))


# ------------------------------------------------------------------------------------------------------- comparison


@pytest.mark.parametrize(
    ("wins", "losses", "ties", "expected"),
    [
        (700, 300, 0, "no violation"),
        (300, 700, 0, "violated"),
        (510, 490, 0, "undecided"),
        (1000, 0, 0, "no violation"),
        (0, 1000, 0, "violated"),
        (150, 50, 800, "undecided"),
    ],
)
def test_comparison(wins, losses, ties, expected):
    x = np.concatenate([np.full(wins, -1.0), np.full(losses, 1.0), np.zeros(ties)])
    verdict = decide(claim(Comparison()), {"random": draws(x)})
    assert verdict.verdict == expected
    power = verdict.power
    assert power["low"] <= power["win_rate"] <= power["high"]
    assert power["effect"] == pytest.approx((losses - wins) / 1000)
    assert power["effect_half_width"] == pytest.approx(float(mean_half_width(x.std(ddof=1), 1000, 0.01)))


def test_a_comparison_holds_in_every_family_or_not_at_all():
    better, worse = draws(np.full(100, -1.0)), draws(np.full(100, 1.0))
    assert word(Comparison(), {"a": better, "b": better}) == "no violation"
    assert word(Comparison(), {"a": better, "b": worse}) == "violated"
    assert word(Comparison(), {"a": better, "b": draws(np.full(3, -1.0))}) == "undecided"


def test_undecided_comparisons_help_neither():
    assert word(Comparison(), draws(np.full(600, -1.0), missing=100)) == "no violation"
    assert word(Comparison(), draws(np.full(600, -1.0), missing=600)) == "undecided"
    assert word(Comparison(), draws(np.full(600, 1.0), missing=600)) == "undecided"
