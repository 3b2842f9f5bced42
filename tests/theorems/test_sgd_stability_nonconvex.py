"""Stability without convexity: the top of the cosine, the recursion, and whole numbers t_0."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from judge import draw, judge, one

from theorems.generalization import _stability as stability
from theorems.generalization.sgd_stability_nonconvex import THEOREM

EPSILON, EVERY = "losses move by epsilon", "losses, for every t_0"
SLIDES = "slides: for networks as in the convex case"
TOP = one(
    x=[[1], [1], [1]],
    y=[math.pi / 2, 0, -math.pi / 2],
    h=1,
    mu=0,
    radius=math.inf,
    q=0.5,
    kind=stability.COSINE,
    copies=[9],
    alpha=[0.5, 0.5],
    start=[0],
    atoms=1,
)


def test_two_steps_at_the_top_of_the_cosine():
    """A push of 1/4 each way, and a step at the top that adds sin(1/4) / 4."""
    judged = judge(THEOREM, TOP)
    one_push, twice = 0.5, 2 * (0.25 + math.cos(0.25) / 4)
    after = 2 * (0.25 + math.sin(0.25) / 4)
    expected = 0.01 * twice + 0.09 * (after + one_push)
    assert judged.quantities["params"][0] == pytest.approx(expected, rel=1e-12)
    assert judged.quantities["grown"][0] == pytest.approx(0.05 * (1 + 0.9 * 0.25) + 0.05, rel=1e-12)
    assert judged.word("no growth after a hit") == "violated"


def test_the_convex_bound_fails_after_nine_steps():
    judged = draw(THEOREM, "top of the cosine", 20)
    assert judged.word(SLIDES) == "violated"
    assert judged.word(EPSILON) == "holds"


def test_the_theorem_by_hand():
    """Steps c/t with c = 4, L = beta = 1/2, n = 10, T = 2: Q = 2, (2 c L^2)^(1/3) = 2^(1/3), T^(2/3) = 2^(2/3)."""
    judged = judge(THEOREM, TOP | one(alpha=[4, 2]))
    out = judged.outcomes[EPSILON]
    assert out.bound[0] == pytest.approx(1.5 / 9 * 2, rel=1e-10)


def test_the_bound_is_never_below_the_best_whole_number():
    """epsilon >= min over t_0 of t_0/n + L g, for constants drawn at random and steps c/t: the proof's last part."""
    rng = np.random.default_rng(0)
    for _ in range(500):
        n, T = rng.integers(2, 50), rng.integers(1, 60)
        L, beta, c = 10.0 ** rng.uniform(-2, 1, 3)
        t = np.arange(1, T + 1)
        growth = np.cumprod((1 + (1 - 1 / n) * beta * c / t)[::-1])[::-1] / (1 + (1 - 1 / n) * beta * c / t)
        terms = 2 * L / n * c / t * growth
        tails = np.append(np.cumsum(terms[::-1])[::-1], 0)
        best = min(1.0, (np.arange(T + 1) / n + L * tails).min())
        Q = beta * c
        epsilon = (1 + 1 / Q) / (n - 1) * (2 * c * L**2) ** (1 / (Q + 1)) * T ** (Q / (Q + 1))
        assert best <= epsilon * (1 + 1e-12)


def test_the_sums_from_t_zero_on():
    judged = draw(THEOREM, "cosine", 4)
    tails, n, L = (judged.quantities[k] for k in ("tails", "n", "L"))
    assert tails.shape == (4, 7)
    assert (tails[:, -1] == 0).all()
    assert (np.diff(tails, axis=1) < 0).all()
    assert tails[:, 5] == pytest.approx(2 * L / n * judged.x["alpha"][:, 5], rel=1e-12)
    assert judged.outcomes[EVERY].holds.all()


def on_hill(alpha, copies):
    """A hill of curvature 1 on [-1/2, 1/2], and pushes of slope 1 to either side."""
    return one(
        x=[[1], [1], [1]],
        y=[-3, 0, 3],
        h=1,
        mu=0,
        radius=0.5,
        q=1,
        kind=stability.HILL,
        copies=[copies],
        alpha=alpha,
        start=[0],
        atoms=1,
    )


def test_the_hill_attains_the_recursion():
    """alpha = 1/8, 1/16: the first push grows by 1 + 1/16; no path leaves the interval, so E delta is g_0."""
    judged = judge(THEOREM, on_hill([1 / 8, 1 / 16], 3))
    expected = 2 / 4 * (1 / 8 * (1 + 3 / 4 / 16) + 1 / 16)
    for name in ("params", "losses", "grown"):
        assert judged.quantities[name][0] == pytest.approx(expected, rel=1e-14)
    assert judged.ratio(EVERY)[0] == pytest.approx(1, rel=1e-12)


def test_one_hit_among_many_steps(monkeypatch):
    """The closed form against all sequences: with n examples it leaves out what T steps meet twice, a share of T/n."""
    x = on_hill(4 / np.arange(1, 7), 999)
    followed = stability.measure(x)
    monkeypatch.setattr(stability, "FOLLOWED", 2)
    for many, ways in product((2, 6), (stability.measure, stability.measure_reference)):
        monkeypatch.setattr(stability, "MANY", many)
        once = ways(x)
        for name in ("params", "losses"):
            assert 0 <= 1 - once[name][0] / followed[name][0] <= 0.01
        assert once["gap"][0] == 0
    moved = ways(x | one(q=0.5))
    assert math.isnan(moved["gap"][0])


def test_many_steps_decide_nothing_beside_the_top():
    x = on_hill([0.001] * (stability.MANY + 1), 9)
    assert judge(THEOREM, x).word(EPSILON) == "holds"
    assert judge(THEOREM, x | one(start=[0.1])).word(EPSILON) == "undecided"


def test_epsilon_is_attained_on_the_hill():
    """beta = 2 L^2 = 2 and Q = 20: the ratio tends to 1 with the number of steps."""
    ratios = [
        judge(THEOREM, on_hill(10 / np.arange(1, T + 1), 1e12) | one(h=0.5)).ratio(EPSILON)[0]
        for T in (100, 1000, 10000)
    ]
    assert np.diff(ratios).min() > 0
    assert 0.995 < ratios[-1] < 1


def test_losses_of_a_larger_range_move_further():
    judged = judge(THEOREM, on_hill([100.0], 1) | one(h=4, radius=2, y=[-9, 0, 9]))
    assert judged.word(EPSILON) == "losses vary by 1 at most"
    assert judged.quantities["losses"][0] == 2


def test_orthogonal_examples_are_learnt_in_one_step():
    """The gap is the chance that one of the sample is met, but for the chance that a new one is among them."""
    T, n, atoms = 3, 5, 2.0**20
    x = on_hill([4.0] * T, n - 1) | one(x=[[1], [0], [0]], y=[-2, 0, 0], start=[-0.5], q=1 / atoms, atoms=atoms)
    assert judge(THEOREM, x).quantities["gap"][0] == pytest.approx(1 - (1 - 1 / n) ** T, abs=1e-5)
