"""Lagrangian basis pursuit: both halves of the theorem are attained, the edges of the weight, the full solver."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import draw, judge

from theorems.sparse_coding import bp_lagrangian
from theorems.sparse_coding.bp_lagrangian import FAMILIES, FOUR, LARGE, LENGTH, NOISE, SPARSE, SPARSER, THEOREM
from verify.core.arrays import backend
from verify.engine import trial
from verify.kit import dictionaries

REACH, ENTRIES, RIGHT = "reach, noise bounded at the atoms", "entries", "no wrong atom"


@pytest.mark.parametrize("n", [5, 12, 40])
def test_the_largest_error_is_attained_on_the_simplex(n):
    for k in range(1, (n - 1) // 2 + 1):
        judged = draw(THEOREM, "simplex, error attained", 8, dictionary="simplex", n=n, k=k)
        assert judged.word(ENTRIES) == "holds"
        survives = np.abs(judged.x["alpha"]).max(axis=1) > judged.best("entry") * 1.5
        assert judged.ratio(ENTRIES)[survives] == pytest.approx(1, abs=1e-8)
        assert judged.best("lost")[~survives] == pytest.approx(judged.best("entry")[~survives])


@pytest.mark.parametrize("n", [5, 12, 40])
def test_the_reach_is_attained_on_the_simplex(n):
    for k in range(1, (n - 1) // 2 + 1):
        judged = draw(THEOREM, "simplex, reach attained", 8, dictionary="simplex", n=n, k=k)
        assert judged.ratio(REACH).max() == pytest.approx(1, abs=1e-8)
        assert set(judged.words(RIGHT)) <= {"holds", LARGE}


def test_the_closed_form_at_one_atom():
    """E = -epsilon s d: the error is exactly epsilon + xi, which is 5/7.5 of the bound at xi = 4 epsilon."""
    D = dictionaries.identity_hadamard(64)
    alpha = np.zeros((1, 128))
    alpha[0, 3] = 1.0
    x = {"D": D.D[None], "mu": np.asarray([D.mu]), "alpha": alpha, "v": -0.01 * D.D[:, 3][None]}
    judged = judge(THEOREM, {**x, "radius": np.asarray([0.01]), "xi": np.asarray([0.04])})
    assert judged.best("entry") == pytest.approx([0.05])
    assert judged.ratio("entries at xi = 4 epsilon") == pytest.approx([5 / 7.5])
    assert judged.word("4.5 in place of 7.5") == "violated"


def test_a_weight_of_epsilon_lets_the_victim_in():
    """The excess over the weight on [I H/8] at k = 2 is what the restricted minimiser gives in closed form."""
    judged = draw(THEOREM, "identity and Hadamard, weight epsilon", 200, k=2)
    assert judged.word("xi = epsilon is enough") == "violated"
    assert judged.ratio("xi = epsilon is enough").max() == pytest.approx(1.25, abs=0.06)
    assert not set(judged.words(RIGHT)) - {LARGE}


@pytest.mark.parametrize(("k", "wrong"), [(13, "holds"), (19, "violated")])
def test_one_half_needs_more_than_four_epsilon(k, wrong):
    judged = draw(THEOREM, "simplex, reach attained", 16, dictionary="simplex", n=40, k=k)
    words = set(judged.words("one half in place of one third at xi = 4 epsilon"))
    assert wrong in words
    assert words <= {wrong, FOUR}


def test_the_edges_of_the_hypotheses():
    x = draw(THEOREM, "simplex, error attained", 8, dictionary="simplex", n=41, k=14).x  # 3k = 1 + 1/mu
    assert judge(THEOREM, x).word("entries at xi = 4 epsilon") == SPARSER
    x = draw(THEOREM, "simplex, random noise", 8, dictionary="simplex", n=39, k=20).x  # 2k = 1 + 1/mu
    assert judge(THEOREM, x).word(REACH) == SPARSE
    x = draw(THEOREM, "conference, random noise", 8, k=2).x
    assert judge(THEOREM, {**x, "v": x["v"] * (1 + 1e-8)}).word(REACH) == NOISE
    x = draw(THEOREM, "conference, victim", 8, k=2).x
    assert judge(THEOREM, {**x, "v": x["v"] * (1 + 1e-8)}).word("reach, noise bounded in length") == LENGTH


@given(seed=st.integers(0, 2**31), family=st.sampled_from(sorted(FAMILIES)), k=st.integers(0, 3))
@settings(max_examples=25)
def test_nothing_that_should_hold_is_violated(seed, family, k):
    judged = draw(THEOREM, family, 4, seed, k=k)
    for claim in THEOREM.claims:
        if claim.expects == "holds":
            assert "violated" not in judged.words(claim.name)


def test_a_wrong_minimiser_is_disputed():
    """The certified gap of the full solver leaves no room for a point a thousandth away."""
    x = draw(THEOREM, "identity and Hadamard, random noise", 16, k=2).x
    assert judge(THEOREM, x).word("the full solver agrees") in ("holds", LARGE)
    y = x["alpha"] @ x["D"][0].T + x["v"]
    found = bp_lagrangian.lagrangian.restricted(x["D"], y, x["xi"], x["alpha"])
    full = bp_lagrangian.shrinkage.lasso(x["D"], y, x["xi"], np.full(16, 2 + 1e-9))
    wrong = bp_lagrangian._measure(x, found.x * 1.001, found.error, found.reach, full.z, full.gap)
    assert (wrong["dispute"][(found.x != 0).any(axis=1)] > 0).all()


def test_the_phase_diagram_shows_its_own_families_alone():
    host = backend("numpy")
    seen = {f: trial.run_batch(THEOREM, THEOREM.parameters(), f, 0, 8, 0, host).figures for f in FAMILIES}
    assert {f for f in FAMILIES if "phase" in seen[f]} == {f for f in FAMILIES if f.startswith("phase")}
    assert "reach" in seen["simplex, victim"]
