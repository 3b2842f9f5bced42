"""Stability for strongly convex losses: the equality, the ridge, the ball, and steps that keep paths apart."""

from __future__ import annotations

import numpy as np
import pytest
from judge import draw, judge, one

from theorems.generalization import _stability as stability
from theorems.generalization.sgd_stability_strong import ENTERED, LONG_BALL, SHORT, SHORTER, THEOREM

TIME, TIGHT = "at time T", "without the ridge: G in place of L"
PLAIN = {"q": 0.5, "kind": stability.HUBER}
# 1/h + mu = 1/2 = beta, alpha = 2, 1 - alpha mu = 1/4.
LINEAR = one(
    x=[[1], [0], [1]],
    y=[64, 64, -64],
    h=8,
    copies=[1],
    alpha=[2, 2, 2],
    start=[0],
    mu=0.375,
    radius=16,
    **PLAIN,
)


def test_linear_losses_in_a_large_ball():
    judged = judge(THEOREM, LINEAR)
    assert judged.quantities["params"][0] == 2 * 2 / 2 * (1 + 1 / 4 + 1 / 16)
    assert judged.quantities["L"][0] == 7
    assert judged.word("linear losses attain it") == "holds"
    assert judged.ratio(TIGHT)[0] == pytest.approx(1, abs=1e-9)
    assert judged.ratio(TIME)[0] == pytest.approx(1 / 7, abs=1e-9)
    assert judged.word("contraction by 1 - alpha beta") == "violated"


def test_the_ball_brings_paths_together():
    """Radius 1: a hit ends at 1 and -1, another hit leaves it so."""
    judged = judge(THEOREM, LINEAR | one(radius=1))
    assert judged.quantities["params"][0] == np.mean([2, 2, 2, 2, 0.5, 0.5, 0.125, 0])
    assert judged.word("linear losses attain it").startswith("linear")


def test_one_hit_in_many_steps_comes_near_the_bounds_at_all_times():
    """alpha mu = 1/32 and L = 33/32 G: the hit in step t has shrunk by (31/32)^(128 - t) at the end."""
    judged = draw(THEOREM, LONG_BALL, 20)
    n, alpha, G, L = (judged.best(name) for name in ("n", "alpha", "G", "L"))
    assert pytest.approx(33 / 32 * G, rel=1e-12) == L
    moved = (1 - 1 / n) ** 127 / n * 2 * alpha * G * 32 * (1 - (31 / 32) ** 128)
    assert judged.best("params") == pytest.approx(moved, rel=1e-12)
    assert judged.ratio("weights, at all times").min() > 0.95
    assert judged.ratio("losses, at all times").min() > 0.92
    assert judged.ratio("half as far").min() > 1.9


def test_steps_of_one_over_mu_keep_paths_apart():
    """mu = 1/2, alpha = 2: only w_2 = 2 or -2 survives a step. Met at all in the first nine steps: 4 apart."""
    x = one(x=[[0.96, 0.28], [0, 1], [0.96, 0.28]], y=[64, 0, -64], h=0.0625, copies=[7], start=[0, 0], mu=0.5)
    x |= one(alpha=[2.0] * 10, radius=2, **PLAIN)
    judged = judge(THEOREM, x)
    last = 1 / 8 * 4  # the push is as long as the radius
    assert judged.quantities["params"][0] == pytest.approx(last + 7 / 8 * 4 * (1 - (7 / 8) ** 9), rel=1e-12)
    assert judged.quantities["L"][0] == 2
    assert judged.word("steps of any size") == "violated"
    assert judged.word(TIME) == SHORT


@pytest.mark.parametrize(
    ("alpha", "word", "sharper"), [(2.0, "holds", "holds"), (2.2, SHORTER, "holds"), (2.3, SHORTER, SHORT)]
)
def test_limits_of_the_step(alpha, word, sharper):
    """beta = 1/2, mu = 3/8: 1/beta = 2 and 2/(beta + mu) = 2.2857."""
    judged = judge(THEOREM, LINEAR | one(alpha=[alpha] * 3))
    assert judged.word("losses, at all times") == word
    assert judged.word("losses, steps up to 2/(beta+mu)") == sharper


def test_a_start_outside_the_ball_is_set_aside():
    assert judge(THEOREM, LINEAR | one(start=[17])).word(TIME) == ENTERED


def test_a_search_keeps_the_steps_equal():
    """The bounds speak of one alpha; a path with other steps later on is none of theirs."""
    repaired = THEOREM.repair(THEOREM.parameters(), LINEAR | one(alpha=[-2, 3, 1]))
    assert repaired["alpha"].tolist() == [[2, 2, 2]]
