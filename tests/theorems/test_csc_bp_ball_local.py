"""The block construction: its numbers by hand, by solvers, certified, and where the local inequality breaks."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import draw, judge

from theorems.sparse_coding.csc_bp_ball_local import (
    INVERTIBLE,
    LARGE,
    LIMIT,
    LOCAL,
    THEOREM,
    WEIGHT,
)
from verify.engine.witness import NotCertified, certify

TEMPTING = "slide: stability, counted in stripes"
HOLDS = tuple(c.name for c in THEOREM.claims if c.expects == "holds")


def blocks(mu, T, epsilon=1.0, n=5.0):
    return {"mu": np.asarray([mu]), "epsilon": np.asarray([epsilon]), "n": np.asarray([n]),
            "T": np.asarray([np.atleast_1d(np.asarray(T, dtype=float))])}  # fmt: skip


@pytest.mark.parametrize(("T", "square"), [(10, 0.0573), (1000, 16.0786), (3000, 27.0342), (30000, 42.3140)])
def test_the_squared_error_by_hand(T, square):
    """mu = 0.245: s = 0.02 and n/s = 250. At T = 3000, lambda^2 = 1/3250 and block 0 has 10^0.5 - lambda/0.02."""
    judged = judge(THEOREM, blocks(0.245, T))
    assert judged.best("error")[0, 0] == pytest.approx(square, abs=5e-5)
    assert judged.word(TEMPTING) == ("violated" if T >= 1000 else "holds")  # 4/(1 - 3 mu) = 15.0943
    assert judged.word("its limit for many blocks") == "holds"


def test_the_limit_counts_the_blocks_that_are_not_empty():
    judged = judge(THEOREM, blocks(0.245, 1e15))
    assert judged.best("error")[0, 0] == pytest.approx(51, rel=1e-5)  # 1 + 1/s
    assert judged.word("the limit without the blocks that are not empty") == "violated"
    assert pytest.approx(51, rel=1e-12) == LIMIT({"epsilon": 1.0, "n": 5.0, "mu": 0.245})


def test_554_blocks_of_eight_atoms_are_the_first():
    s = 0.02506868813686622
    first = judge(THEOREM, blocks((1 - s) / 7, 554, n=8.0))
    before = judge(THEOREM, blocks((1 - s) / 7, 553, n=8.0))
    assert first.word(TEMPTING) == "violated"
    assert before.word(TEMPTING) == "holds"


@pytest.mark.parametrize(("mu", "words"), [(0.2, {"holds", "violated"}), (0.34, {LOCAL}), (0.25, {INVERTIBLE})])
def test_edges_of_the_hypotheses(mu, words):
    """Blocks of two atoms are invertible up to mu = 1, but the local condition ends at 1/3; five atoms end at 1/4."""
    judged = judge(THEOREM, blocks(mu, 1e4, n=2.0 if mu == 0.34 else 5.0))
    assert set(judged.words(TEMPTING)) <= words


def test_the_excess_is_certified_from_rational_numbers():
    found = certify(THEOREM, THEOREM.parameters(), THEOREM.claim(TEMPTING), blocks(49 / 200, 1000))
    assert Fraction(98, 100) < found.excess < Fraction(99, 100)  # 16.0786 - 15.0943
    with pytest.raises(NotCertified):
        certify(THEOREM, THEOREM.parameters(), THEOREM.claim(TEMPTING), blocks(49 / 200, 100))
    for broken in (blocks(0.25, 1000), blocks(0.245, 10.5), blocks(0.245, 10, n=4.5)):
        with pytest.raises(NotCertified):
            certify(THEOREM, THEOREM.parameters(), THEOREM.claim(TEMPTING), broken)


def test_the_solver_finds_the_closed_form():
    for family in ("solved, one", "solved, many"):
        judged = draw(THEOREM, family, 32)
        words = np.asarray(judged.words("the solution in closed form"))
        assert set(words) == {"holds", LARGE}
        there = words == "holds"
        assert judged.best("solved")[there] == pytest.approx(judged.best("error")[there, 0], rel=1e-8)


def test_weights_of_the_lagrangian_form():
    judged = draw(THEOREM, "solved, many", 64)
    enough = judged.best("relative") >= 1
    words = judged.words("any weight keeps block 0 empty")
    assert [w == "holds" for w in words] == enough.tolist()
    assert set(judged.words("Lagrangian form: block 0 stays empty")) == {"holds", WEIGHT}
    assert 0.1 < enough.mean() < 0.9


@given(n=st.integers(2, 12), T=st.integers(1, 8), seed=st.integers(0, 999))
@settings(max_examples=10, deadline=None)
def test_any_sizes(n, T, seed):
    judged = draw(THEOREM, "solved, many", 3, seed, n=n, T=T)
    for claim in HOLDS:
        assert set(judged.words(claim)) <= {"holds", LARGE, WEIGHT, "undecided"}


@pytest.mark.slow
def test_a_conic_solver_on_a_thousand_blocks():
    """5005 unknowns: the error is above the local bound by a margin a hundred times the solver's accuracy."""
    import cvxpy as cp
    import scipy.sparse as sp

    mu, n, T = 0.245, 5, 1000
    values, vectors = np.linalg.eigh((1 + mu) * np.eye(n) - mu)
    A = vectors * np.sqrt(values) @ vectors.T
    D = sp.kron(sp.eye(T + 1), A).tocsc()
    alpha = np.zeros((T + 1, n))
    alpha[1:, 0] = 1
    noise = np.zeros((T + 1, n))
    noise[0] = A @ np.ones(n) / np.sqrt(n * values[0])
    x = cp.Variable(n * (T + 1))
    y = D @ alpha.ravel() + noise.ravel()
    cp.Problem(cp.Minimize(cp.norm1(x)), [cp.norm(D @ x - y) <= 1]).solve(solver=cp.CLARABEL)
    square = np.sum((x.value - alpha.ravel()) ** 2)
    assert square == pytest.approx(judge(THEOREM, blocks(mu, T)).best("error")[0, 0], abs=1e-2)
    assert square > 4 / (1 - 3 * mu) + 0.9
