"""FISTA: the extremal LASSO and its numbers, the controls at the t that catches them."""

from __future__ import annotations

import numpy as np
import pytest
from judge import draw, judge, one

from theorems.inverse_problems.fista_rate import THEOREM, Params
from verify.kit.shrinkage import fista_positions

BOUND = "Beck-Teboulle, every comparison point"
# Worst cases of performance estimation at L = R = 1 (PEPit), the same for minimisers and any comparison point.
PEP = {1: 0.25, 2: 0.125, 3: 0.0761787, 5: 0.0375114, 8: 0.0181966}


def extremal(t: int):
    lam = 1 / (2 * fista_positions(t)[-1])
    return one(A=[[0, 1]], X=[0], lam=lam, L=1 + 1e-9, start=[1, 0], z=[0, 0])


@pytest.mark.parametrize(
    ("t", "ratio"),
    [(1, 0.5), (2, 0.5625), (3, 0.609), (5, 0.675), (8, 0.737), (50, 0.916), (500, 0.986)],
)
def test_the_extremal_lasso_comes_near_the_bound(t, ratio):
    judged = judge(THEOREM, extremal(t))
    out = judged.outcomes[BOUND]
    assert judged.word(BOUND) == "holds"
    assert out.measured[0] / out.bound[0] >= ratio - 5e-4  # at its own t; it may be larger at another
    gap = judged.best("gap")[0, t - 1]
    assert (t + 1) ** 2 / 2 * gap == pytest.approx(ratio, abs=5e-4)


def test_the_worst_cases_are_those_of_performance_estimation():
    judged = judge(THEOREM, extremal(1), Params(steps=8))
    needed = judged.best("needed")[0]
    for t, value in PEP.items():
        assert needed[t - 1] / (t + 1) ** 2 == pytest.approx(value, abs=1e-6)
        assert 1 / (4 * fista_positions(8)[t - 1]) == pytest.approx(value, abs=1e-6)
    assert judged.word("the constant that S_t needs") == "holds"


@pytest.mark.parametrize(
    ("control", "t", "word"),
    [
        ("1.9 in place of 2", 500, "violated"),
        ("1.9 in place of 2", 50, "holds"),
        ("(t + 2)^2 in place of (t + 1)^2", 1, "violated"),
        ("(t + 2)^2 in place of (t + 1)^2", 3, "holds"),
    ],
)
def test_controls_are_caught_where_they_can_be(control, t, word):
    """An instance tuned to t tests t; the steps end there, so that no other t is looked at."""
    assert judge(THEOREM, extremal(t), Params(steps=max(2, t))).word(control) == word


def test_the_control_at_one_is_exactly_nine_eighths():
    out = judge(THEOREM, extremal(1), Params(steps=2)).outcomes["(t + 2)^2 in place of (t + 1)^2"]
    assert (out.step[0], out.ratio[0]) == (1, pytest.approx(9 / 8, abs=1e-8))


def test_fista_is_not_monotone():
    judged = draw(THEOREM, "random", 8)
    assert judged.word("the objective never increases") == "violated"
    assert judged.word(BOUND) == "holds"


def test_the_momentum_of_another_sequence_is_no_control():
    """t_i / t_(i+1) stays inside the bound on random LASSOs, so nothing would be caught by it."""
    x = draw(THEOREM, "random", 20).x
    A, X, L, lam = x["A"], x["X"], x["L"][:, None], x["lam"][:, None]

    def F(z):
        r = np.matmul(A, z[..., None])[..., 0] - X
        return (r**2).sum(axis=1) / 2 + lam[:, 0] * np.abs(z).sum(axis=1)

    z, y, t = x["start"], x["start"], 1.0
    for i in range(1, 101):
        u = y - np.matmul((np.matmul(A, y[..., None])[..., 0] - X)[:, None, :], A)[:, 0] / L
        new = np.sign(u) * np.maximum(np.abs(u) - lam / L, 0)
        after = (1 + (1 + 4 * t * t) ** 0.5) / 2
        y, z, t = new + t / after * (new - z), new, after
        bound = 2 * L[:, 0] * ((x["start"] - x["z"]) ** 2).sum(axis=1) / (i + 1) ** 2
        assert (F(z) - F(x["z"]) <= bound).all()


def test_the_reference_measures_the_same():
    for family in THEOREM.families:
        judged = draw(THEOREM, family, 1, steps=60)
        theirs = THEOREM.reference(judged.p, judged.x)
        for name in ("gap", "unsquared", "needed"):
            mine = judged.quantities[name]
            slack = judged.quantities["delta"] if name == "gap" else 0
            both = (theirs[name].lower <= mine.upper + slack) & (mine.lower - slack <= theirs[name].upper)
            assert (both | np.isnan(mine.lower)).all()
