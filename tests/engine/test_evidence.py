"""Merging evidence is associative and commutative, and evidence survives its way through JSON."""

import copy
import json
import math
import random
from dataclasses import asdict
from fractions import Fraction
from functools import reduce
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verify.core.arrays import Backend
from verify.engine import trial
from verify.engine.evidence import (
    BINS,
    EXTREMES,
    Evidence,
    Extreme,
    Sums,
    Tally,
    exact_sum,
    exact_total,
    keep_worst,
    sketch_of,
)

from . import toys

SIZE = 90
HOST = Backend("numpy")


def batch(start, stop, family="plain"):
    """The evidence of some instances of a toy with violations, set-aside instances, steps and figures."""
    return trial.run_batch(toys.PLAIN, toys.Params(scale=2.0), family, start, stop, 3, HOST)


def merged(parts):
    total = Evidence()
    for part in parts:
        total.merge(part)
    return total


def comparable(evidence):
    """Everything but the time."""
    data = evidence.to_json()
    del data["seconds"]
    return data


WHOLE = merged([batch(0, SIZE), batch(0, SIZE, "hard")])


@given(cuts=st.lists(st.integers(1, SIZE - 1), max_size=5), order=st.integers(0, 2**32), tree=st.integers(0, 2**32))
def test_any_split_in_any_order_and_any_grouping(cuts, order, tree):
    ends = [0, *sorted(set(cuts)), SIZE]
    parts = [batch(a, b, f) for a, b in pairwise(ends) for f in ("plain", "hard")]
    random.Random(order).shuffle(parts)
    choose = random.Random(tree)
    while len(parts) > 1:
        left = parts.pop(choose.randrange(len(parts)))
        right = parts.pop(choose.randrange(len(parts)))
        left.merge(right)
        parts.append(left)
    assert comparable(parts[0]) == comparable(WHOLE)  # every bit, of the sums too


def test_the_whole_says_what_was_drawn():
    """So that the test above compares something."""
    tally = WHOLE.tallies["false"]["hard"]
    assert (tally.drawn, tally.violated, tally.holds) == (SIZE, SIZE, 0)
    assert WHOLE.tallies["given"]["plain"].set_aside["large"] > 0
    assert len(tally.worst) == EXTREMES
    assert sum(tally.sketch.values()) == tally.decided
    assert WHOLE.figures["cloud"].keys() == {"plain", "hard"}
    assert len(WHOLE.figures["cloud"]["plain"]) == 2 * SIZE
    assert WHOLE.figures["curves"].keys() == {"plain"}
    assert WHOLE.figures["curves"]["plain"]["steps"] == [1, 2, 3, 4]


def test_json_round_trip():
    text = json.dumps(WHOLE.to_json())
    back = Evidence.from_json(json.loads(text))
    assert back == WHOLE
    assert json.dumps(back.to_json()) == text
    extreme = back.tallies["true"]["hard"].worst[0]
    assert isinstance(extreme, Extreme)
    assert isinstance(next(iter(back.tallies["true"]["hard"].sketch)), int)


def test_json_round_trip_of_what_is_not_finite():
    tally = Tally(drawn=2, violated=1, worst=[Extreme(math.inf, -1, "violated")], measured=Sums(1, math.inf, math.inf))
    evidence = Evidence({"c": {"f": tally}}, {}, 0.5)
    assert Evidence.from_json(json.loads(json.dumps(evidence.to_json()))) == evidence


def test_merging_leaves_the_other_as_it_was():
    one, other = batch(0, 30), batch(30, 60)
    before = copy.deepcopy(other)
    total = merged([one, other])
    total.merge(batch(60, 90))
    assert other == before


def test_total_pools_the_families():
    total = WHOLE.total("true")
    assert total.drawn == 2 * SIZE
    assert total.ratio_max == max(t.ratio_max for t in WHOLE.tallies["true"].values())
    assert WHOLE.total("absent") == Tally()


# ---------------------------------------------------------------------------------------------------------- tallies

OUTCOMES = st.sampled_from(["holds", "violated", "suspect"])
RATIOS = st.one_of(st.floats(0, 4), st.sampled_from([0.0, 1.0, math.inf]))


@given(st.lists(st.tuples(RATIOS, OUTCOMES), max_size=30), st.integers(0, 30))
def test_the_worst_of_parts_are_the_worst_of_all(rows, cut):
    extremes = [Extreme(ratio, -number, outcome) for number, (ratio, outcome) in enumerate(rows)]
    whole = keep_worst(extremes)
    assert keep_worst(keep_worst(extremes[:cut]) + keep_worst(extremes[cut:])) == whole
    assert keep_worst(extremes[::-1]) == whole
    for outcome in ("holds", "violated", "suspect"):
        kept = [e for e in whole if e.outcome == outcome]
        left = [e for e in extremes if e.outcome == outcome and e not in kept]
        assert len(kept) == min(EXTREMES, len(kept) + len(left))
        assert all(k.ratio > e.ratio or (k.ratio == e.ratio and k.instance < e.instance) for k in kept for e in left)


def test_counts_of_a_tally():
    tally = Tally(drawn=10, holds=3, violated=2, undecided=1, set_aside={"h": 4})
    assert (tally.decided, tally.eligible) == (5, 6)
    assert math.isnan(tally.ratio_max)
    tally.worst = [Extreme(9.0, -1, "suspect"), Extreme(0.5, -2, "holds")]
    assert tally.ratio_max == 0.5  # a suspect is not decided
    assert tally.worst[0].instance == 1
    assert Tally.from_json(json.loads(json.dumps(asdict(tally)))) == tally


def test_the_plainest_violation_survives():
    tallies = [Tally(plainest=p) for p in ([30, 5], [], [12, 9], [12, 7])]
    for order in (tallies, tallies[::-1]):
        total = Tally()
        for tally in order:
            total.merge(tally)
        assert total.plainest == [12, 7]


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=40), st.integers(0, 40))
def test_moments(values, cut):
    parts = [Sums.of(np.asarray(v, dtype=float)) for v in (values[:cut], values[cut:])]

    def add(a, b):
        a.add(b)
        return a

    total = reduce(add, parts, Sums())
    mean = math.fsum(values) / len(values)
    variance = math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1)
    scale = math.fsum(v * v for v in values)
    assert total.n == len(values)
    assert total.mean == pytest.approx(mean, rel=1e-12, abs=1e-12 * math.sqrt(scale))
    assert total.variance == pytest.approx(variance, rel=1e-9, abs=1e-12 * scale)
    assert total.variance >= 0


@given(st.lists(st.floats(-1e300, 1e300), max_size=12), st.integers(0, 2**32))
def test_sums_are_exact(values, order):
    """In rational arithmetic; and the same list in whatever order and however they are grouped."""
    found = exact_sum(values)
    exact = sum(map(Fraction, values), Fraction(0))
    assert sum(map(Fraction, found)) == exact
    assert found[0] == float(exact)
    assert all(abs(b) < abs(a) for a, b in pairwise(found))
    shuffled = random.Random(order).sample(values, len(values))
    cut = order % (len(values) + 1)
    assert exact_sum([*exact_sum(shuffled[:cut]), *exact_sum(shuffled[cut:])]) == found


@given(st.integers(0, 2**32), st.integers(0, 3000), st.sampled_from((0, 1, 30, 300)))
def test_large_arrays_are_summed_as_lists_are(seed, n, spread):
    draw = np.random.default_rng(seed)
    x = draw.standard_normal(n) * 2.0 ** draw.integers(-spread, spread, n, endpoint=True)
    for each in (x, np.abs(x), np.concatenate([x, -x]), x * 5e-324, np.full(n, 1 / 3)):
        assert exact_total(each) == exact_sum(each.tolist())


def test_large_arrays_that_overflow():
    for x in (np.full(1000, 1e308), np.full(1000, math.inf), np.asarray([1e308, -1e308] * 500)):
        assert exact_total(x) == exact_sum(x.tolist())
    assert math.isnan(exact_total(np.full(1000, math.nan))[0])


def test_a_sum_that_is_not_finite_stands_alone():
    assert exact_sum([]) == [0.0]
    assert exact_sum([1e308, 1e308, -1.0]) == [math.inf]
    assert exact_sum([math.inf, 1.0]) == [math.inf]
    assert math.isnan(exact_sum([math.nan, 1.0])[0])


def test_moments_of_too_few():
    assert math.isnan(Sums().mean)
    assert math.isnan(Sums(1, 2.0, 4.0).variance)


@given(st.floats(0, 1e9))
def test_bins_of_ratios_are_quarter_octaves(ratio):
    ((index, count),) = sketch_of([ratio]).items()
    assert count == 1
    assert 0 <= index < BINS
    if 0 < index < BINS - 1:
        assert 2 ** ((index - 48) / 4) <= ratio * (1 + 1e-12)
        assert ratio <= 2 ** ((index - 47) / 4) * (1 + 1e-12)


def test_bins_of_the_ends():
    assert sketch_of([0.0, -3.0, 1e-300]) == {0: 3}
    assert sketch_of([math.inf, 1e300, math.nan]) == {BINS - 1: 3}
    assert sketch_of([1.0, 1.0 - 1e-12, 1.0 + 1e-12]) == {47: 1, 48: 2}
    assert sketch_of([]) == {}
