"""Exact against inexact projected gradient descent: who is ahead when, floors, and rates."""

from __future__ import annotations

import numpy as np
import pytest
from judge import draw

from theorems.inverse_problems.ipgd_compare import SIZES, THEOREM

EARLY = "d = 200, m = 80, eps = 0.02"


@pytest.fixture(scope="module")
def race():
    return draw(THEOREM, EARLY, 6)


def test_ahead_at_first_and_behind_in_the_end(race):
    assert race.word("ahead at step 20") == "holds"
    assert race.word("ahead at every step") == "violated"
    crossing = race.best("crossing")
    assert ((crossing > 20) & (crossing < 300)).all()
    exact, inexact = race.best("exact"), race.best("inexact")
    for i, t in enumerate(crossing.astype(int)):
        assert inexact[i, t - 1] > exact[i, t - 1]
        assert (inexact[i, 1 : t - 1] <= exact[i, 1 : t - 1]).all()
    assert (race.best("crossing_bounds") < crossing).all()


def test_the_floor_is_between_one_and_two_epsilon(race):
    assert race.best("epsilon") == pytest.approx(np.full(6, SIZES[EARLY][3]))
    floor = race.best("plateau") / race.best("epsilon")
    assert ((floor > 1) & (floor < 1.5)).all()
    assert race.word("never below epsilon") == "holds"
    assert race.word("the floor is epsilon/(1 - rho_P)") == "violated"


def test_the_slide_drops_a_large_factor(race):
    assert race.word("slide (a): near the bound") == "violated"
    assert race.word("slide (a), as an estimate of the error") == "holds"
    assert race.word("slide (c): rho_P^t << rho^t") == "violated"
    assert (race.best("attained_P") < race.best("attained")).all()


def test_the_shortened_bound_is_exceeded_where_the_rate_is_certified():
    judged = draw(THEOREM, "m = 6d", 6)
    assert judged.word("slide (a): rho_P^t + epsilon as a bound") == "violated"
    assert (judged.quantities["rho_P"].upper < 1).all()


def test_keeping_the_support_never_raises_the_rate():
    judged = draw(THEOREM, "P keeps the support", 24, steps=20)
    words = judged.words("smaller rate, P keeps the support")
    assert words.count("holds") >= 18
    assert "violated" not in words
    assert not judged.best("epsilon").any()


def test_a_short_column_is_seen_by_the_rate_and_not_by_the_errors():
    """The cone holds the unit vector of its coordinate less 1/k of each sign, squared length 1 + 1/k, and A takes it to
    length (m/k)^(1/2) only."""
    judged = draw(THEOREM, "a short column", 12)
    assert np.linalg.norm(judged.x["A"][:, :, -1], axis=-1) == pytest.approx(np.full(12, 120**0.5 / 100), rel=0.3)
    assert (judged.best("attained") > 0.9).all()
    assert (judged.best("crossing_bounds") > judged.best("crossing")).sum() >= 9


def test_a_long_column_pulls_the_others_along():
    judged = draw(THEOREM, "a long column", 24)
    floor = judged.best("plateau") / judged.best("epsilon")
    assert (floor > 2).sum() >= 8
    assert judged.word("never below epsilon") == "holds"
