"""Layered basis pursuit up to one half: the smallest weight and the error are attained on the simplex."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import draw, judge

from theorems.sparse_coding.layered_bp_sharp import APART, ENOUGH, FAMILIES, LARGE, NOISE, SPARSE, THEOREM

SMALLEST, ERROR = "no wrong atom, smallest weights", "error, global norms"


@pytest.mark.parametrize("n", [5, 12, 40])
def test_the_error_is_attained_on_the_simplex(n):
    for k in range(1, (n + 1) // 2):
        judged = draw(THEOREM, "simplex, error attained", 8, n=n, k=k)
        survive = (judged.best("lost") == 0)[:, 0]
        assert judged.ratio(ERROR)[survive] == pytest.approx(1, abs=1e-8)
        assert judged.ratio(ERROR).max() < 1 + 1e-12


@pytest.mark.parametrize(("n", "k", "over"), [(40, 2, 1.049), (40, 10, 1.033)])
def test_five_percent_below_the_smallest_weight_is_too_small(n, k, over):
    """The victim is reached by epsilon |(I - P_T) d_j| + kappa xi, in closed form on the simplex."""
    judged = draw(THEOREM, "simplex, weight too small", 8, n=n, k=k)
    mu = 1 / n
    q = 1 - (k - 1) * mu
    kappa = k * mu / q
    rest = (1 - k * mu**2 / q) ** 0.5
    exact = rest * (1 - kappa) / 0.95 + kappa
    assert judged.ratio("5 % below the smallest weight") == pytest.approx(exact, abs=1e-8)
    assert exact == pytest.approx(over, abs=0.003)
    assert judged.word(SMALLEST) == ENOUGH


def test_k_at_the_limit_is_set_aside():
    assert draw(THEOREM, "simplex, victim", 4, n=39, k=20).word(SMALLEST) == SPARSE
    assert draw(THEOREM, "simplex, victim", 4, n=39, k=19).word(SMALLEST) == "holds"


def test_the_edges_of_the_hypotheses():
    x = draw(THEOREM, "two layers, against", 8).x
    assert judge(THEOREM, {**x, "E": x["E"] * (1 + 1e-8)}).word(SMALLEST) == NOISE
    assert judge(THEOREM, {**x, "factor": np.full(8, 1 - 1e-9)}).word(SMALLEST) == ENOUGH
    assert judge(THEOREM, {**x, "factor": np.ones(8)}).word("no wrong atom") == LARGE
    assert judge(THEOREM, {**x, "factor": np.full(8, 2.0)}).word("no wrong atom") == "holds"
    assert draw(THEOREM, "stride 1, random", 2).word(SMALLEST) == APART


def test_four_times_the_noise_is_covered():
    """At one third and xi = 4 epsilon the recursion is at most 7.5 sqrt(patch)."""
    judged = draw(THEOREM, "two layers, random", 16, k=2)
    quantities = judged.quantities
    q = 1 - (quantities["k"] - 1) * quantities["mu"]
    assert (5 / q < 7.5).all()


def test_the_reference_agrees():
    judged = draw(THEOREM, "two layers, against", 2)
    for i in range(2):
        alone = judged.alone(i)
        theirs = THEOREM.reference(judged.p, alone)
        for name in ("reach", "error", "entry", "lost"):
            mine, other = judged.quantities[name], theirs[name]
            assert (mine.lower[i] <= other.upper[0]).all()
            assert (other.lower[0] <= mine.upper[i]).all()


@given(seed=st.integers(0, 2**31), family=st.sampled_from(sorted(FAMILIES)), surplus=st.floats(0, 10))
@settings(max_examples=12)
def test_nothing_that_should_hold_is_violated(seed, family, surplus):
    judged = draw(THEOREM, family, 2, seed, surplus=surplus)
    for claim in THEOREM.claims:
        if claim.expects == "holds":
            assert "violated" not in judged.words(claim.name)
