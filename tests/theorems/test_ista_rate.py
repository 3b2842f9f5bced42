"""ISTA: the extremal LASSO, the sharp constant at every comparison point, wrong steps by hand."""

from __future__ import annotations

import numpy as np
import pytest
from judge import draw, judge, one

from theorems.inverse_problems.ista_rate import THEOREM, Params

SHARP = "sharp, every comparison point"
CLASSICAL = "Beck-Teboulle, every comparison point"
# Worst cases of performance estimation at L = R = 1 (PEPit), the same for minimisers and any comparison point.
PEP = {1: 0.25, 2: 0.125, 3: 0.08333, 5: 0.05, 8: 0.03125}


def extremal(t: int, L: float = 1.0, R: float = 1.0):
    return one(A=[[0, 1]], X=[0], lam=L * R / (2 * t), L=L + 1e-9, start=[R, 0], z=[0, 0])


@pytest.mark.parametrize("t", [1, 2, 5, 10, 50])
def test_the_extremal_lasso_needs_all_of_a_quarter_and_half_of_a_half(t):
    judged = judge(THEOREM, extremal(t), Params(steps=60))
    assert judged.ratio(SHARP)[0] == pytest.approx(1, abs=1e-8)
    assert judged.ratio(CLASSICAL)[0] == pytest.approx(0.5, abs=1e-8)
    assert judged.outcomes[SHARP].step[0] == t
    assert judged.word("1/5 in place of 1/4") == "violated"


def test_the_worst_cases_are_those_of_performance_estimation():
    judged = judge(THEOREM, extremal(1), Params(steps=8))
    needed = judged.best("needed")[0]
    for t, value in PEP.items():
        assert needed[t - 1] / t == pytest.approx(value, abs=1e-5)
    assert judged.word("1/4 is needed at every t") == "holds"


def test_a_column_that_is_not_zero_is_set_aside():
    x = extremal(1) | one(A=[[1e-9, 1]])
    judged = judge(THEOREM, x)
    assert judged.word("1/4 is needed at every t") == "start on a zero column"
    assert judged.word(SHARP) == "holds"


@pytest.mark.parametrize(
    ("L", "word"), [(1 - 1e-9, "L >= |A|^2"), (np.nan, "L >= |A|^2"), (1 + 1e-9, "holds"), (7.0, "holds")]
)
def test_a_step_that_is_too_long_is_set_aside(L, word):
    assert judge(THEOREM, extremal(1) | one(L=L)).word(SHARP) == word


def test_two_long_steps_on_a_parabola():
    """A = 1, lambda = 0: F falls by 0.81 a step, and 0.656 is left of t F at t = 2 where 1/2 is allowed."""
    x = one(A=[[1]], X=[0], lam=0, L=1 + 1e-12, start=[1], z=[0])
    judged = judge(THEOREM, x)
    assert judged.best("long")[0, 0] == pytest.approx(0.32805, abs=1e-9)
    assert judged.word("step 1.9/L with the constant of 1/L") == "violated"


def test_the_square_of_the_norm_is_needed():
    x = one(A=[[3]], X=[0], lam=0, L=10, start=[1], z=[0])
    judged = judge(THEOREM, x)
    assert judged.best("unsquared")[0, 0] == pytest.approx(18)  # z = -2
    assert judged.word("L = |A| in place of |A|^2") == "violated"


def test_the_sharp_constant_holds_at_points_that_are_no_minimisers():
    judged = draw(THEOREM, "any point", 200)
    assert judged.word(SHARP) == "holds"
    assert 0.2 < judged.ratio(SHARP).max() < 1


def test_minimisers_are_known_by_construction():
    from verify.kit import shrinkage

    for family in ("random", "ill-conditioned"):
        x = draw(THEOREM, family, 50).x
        assert (shrinkage.certified_gap(x["A"], x["X"], x["lam"], x["z"]) <= 1e-10 * (x["X"] ** 2).sum(axis=1)).all()
        assert ((x["z"] != 0).sum(axis=1) == Params().k).all()


def test_a_start_at_the_comparison_point():
    x = one(A=[[0, 1]], X=[1], lam=0.5, L=1.1, start=[0, 0.5], z=[0, 0.5])
    assert judge(THEOREM, x).word(SHARP) == "holds"


def test_the_potential_of_the_proof_does_not_increase():
    """t (F(z^t) - F(z)) + L/2 |z^t - z|^2 + t^2/(2L) |w_t|^2, along trajectories of every family."""
    for family in THEOREM.families:
        judged = draw(THEOREM, family, 20)
        A, X, lam, L, z, y = (judged.x[name] for name in ("A", "X", "lam", "L", "z", "start"))
        L, lam = (np.broadcast_to(a, z.shape[:1])[:, None] for a in (L, lam))

        def gradient(z, A=A, X=X):
            return np.matmul((np.matmul(A, z[..., None])[..., 0] - X)[:, None, :], A)[:, 0]

        def F(z, A=A, X=X, lam=lam):
            r = np.matmul(A, z[..., None])[..., 0] - X
            return (r**2).sum(axis=1) / 2 + lam[:, 0] * np.abs(z).sum(axis=1)

        before = L[:, 0] / 2 * ((y - z) ** 2).sum(axis=1)
        for t in range(1, 40):
            u = y - gradient(y) / L
            new = np.sign(u) * np.maximum(np.abs(u) - lam / L, 0)
            w = L * (y - new) - gradient(y) + gradient(new)
            y = new
            potential = t * (F(y) - F(z)) + L[:, 0] / 2 * ((y - z) ** 2).sum(axis=1)
            potential += t**2 / (2 * L[:, 0]) * (w**2).sum(axis=1)
            # t F(z) may be far larger than the potential, and is what is rounded.
            assert (potential <= before + 1e-12 * (before + t * F(z))).all()
            before = potential


def test_the_reference_measures_the_same():
    for family in THEOREM.families:
        judged = draw(THEOREM, family, 2)
        for i in range(2):
            alone = {name: a[i : i + 1] if a.shape[0] > 1 else a for name, a in judged.x.items()}
            theirs = THEOREM.reference(judged.p, alone)
            for name in ("gap", "long", "unsquared", "needed"):
                mine = judged.quantities[name]
                lower, upper = (np.broadcast_to(a, judged.best(name).shape)[i] for a in (mine.lower, mine.upper))
                slack = judged.quantities["delta"][i] if name == "gap" else 0
                both = (theirs[name].lower[0] <= upper + slack) & (lower - slack <= theirs[name].upper[0])
                assert (both | np.isnan(lower)).all()
