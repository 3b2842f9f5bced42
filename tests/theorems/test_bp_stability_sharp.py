"""The best constants: attained on the simplex for every k, and the two atoms beyond the range of Theorem B."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import draw, judge

from theorems.sparse_coding import _instances as instances
from theorems.sparse_coding.bp_stability_sharp import (
    FEASIBLE,
    HALF,
    MINIMISER,
    NOISE,
    QUARTER,
    SPARSE,
    SPARSER,
    THEOREM,
)
from verify.kit import dictionaries

A, B, CLASSICAL = "A, feasible points", "B, solutions", "classical bound"


@pytest.mark.parametrize("n", [5, 12, 40, 100])
def test_theorem_a_is_attained_for_every_k(n):
    """On the flipped simplex, for all k < (n + 1)/2."""
    top = dictionaries.admitted(1 / n, HALF)
    assert top == n // 2
    for k in range(1, top + 1):
        judged = draw(THEOREM, "simplex, feasible points", 2, dictionary="simplex", n=n, k=k)
        assert judged.word(A) == "holds"
        assert np.abs(judged.ratio(A) - 1).max() <= 1e-9, k
        without = judged.ratio("A without sqrt(1 + mu)")
        assert judged.word("A without sqrt(1 + mu)") == "violated"
        assert without == pytest.approx(np.full(2, (1 + 1 / n) ** 0.5), rel=1e-9)


@pytest.mark.parametrize("n", [11, 12, 40])
def test_theorem_b_is_attained_by_the_worst_noise_for_every_k(n):
    """On the simplex with equal signs, for all k <= (n + 1)/4."""
    for k in range(1, (n + 1) // 4 + 1):
        judged = draw(THEOREM, "simplex, worst noise", 2, dictionary="simplex", n=n, k=k)
        assert judged.word(B) == "holds"
        assert np.abs(judged.ratio(B) - 1).max() <= 1e-9, k
        assert judged.word("B with k - 2 in place of k - 1") == "violated"


@pytest.mark.parametrize("name", instances.STANDARD)
def test_theorem_b_is_attained_at_one_atom_by_every_dictionary(name):
    judged = draw(THEOREM, f"{name}, worst noise", 8, k=1)
    assert judged.word(B) == "holds"
    assert np.abs(judged.ratio(B) - 1).max() <= 1e-9


def test_two_atoms_exceed_theorem_b_beyond_its_range():
    judged = draw(THEOREM, "two atoms", 64)
    claim = "B for k < (1 + 1/mu)/2"
    assert judged.word(B) == SPARSER
    assert judged.word(A) == "holds"
    error = judged.best("solution_error")
    hand = error.max()
    assert hand == pytest.approx((1.9 / (2 * 0.9 * 0.1)) ** 0.5, abs=1e-4)
    assert round(float(hand), 3) == 3.249
    alpha = judged.x["alpha"][np.argmax(error)]
    assert alpha == pytest.approx([3.77385, 0], abs=1e-5)
    assert set(judged.words(claim)) <= {"violated", "holds"}
    assert judged.words(claim)[int(np.argmax(error))] == "violated"


def test_a_is_smaller_than_the_classical_bound_by_an_identity():
    sympy = pytest.importorskip("sympy")
    k, mu = sympy.symbols("k mu")
    difference = (1 + mu - 2 * k * mu) ** 2 - (1 + mu) * (1 + mu - 4 * k * mu)
    assert sympy.expand(difference - 4 * k**2 * mu**2) == 0
    theta = 1 - (k - 1) * mu
    assert sympy.expand((1 - (2 * k - 1) * mu) ** 2 + 4 * k * mu * theta - (1 + mu) ** 2) == 0
    kappa = k * mu / theta
    assert sympy.simplify((1 + kappa) / (1 + mu) - 1 / theta) == 0


@given(
    mu=st.floats(0.01, 0.9), tau=st.floats(0, 5), eta=st.floats(0, 5), epsilon=st.floats(0.01, 1), share=st.floats(0, 1)
)
@settings(max_examples=60, deadline=None)
def test_the_form_without_exactness_at_an_exact_point_and_elsewhere(mu, tau, eta, epsilon, share):
    """(1 + mu) h^2 = e^2 + mu (2 sqrt(k) P + tau)^2, where q = sqrt(theta) P is the root of the proof's
    q^2 - e q = mu (k P^2 + sqrt(k) tau P); Theorem A is the case tau = eta = 0."""
    k = 1 + share * max(0.0, 0.99 * (1 + 1 / mu) / 2 - 1)
    values = {"mu": mu, "k": k, "tau": tau, "eta": eta, "epsilon": epsilon}
    e, theta = 2 * epsilon + eta, 1 - (k - 1) * mu
    P = (e * theta**0.5 + mu * k**0.5 * tau) / (1 - (2 * k - 1) * mu)
    assert theta * P**2 - e * theta**0.5 * P == pytest.approx(mu * (k * P**2 + k**0.5 * tau * P), rel=1e-9)
    h = FEASIBLE(values)
    assert (1 + mu) * h**2 == pytest.approx(e**2 + mu * (2 * k**0.5 * P + tau) ** 2, rel=1e-12)
    exact = FEASIBLE({**values, "tau": 0.0, "eta": 0.0})
    assert exact == pytest.approx(2 * epsilon * (1 + mu) ** 0.5 / (1 - (2 * k - 1) * mu), rel=1e-9)


@pytest.mark.parametrize(("n", "k"), [(5, 3), (11, 6), (39, 20)])
def test_k_at_one_half_is_set_aside(n, k):
    for family in ("simplex, feasible points", "simplex, random noise"):
        assert draw(THEOREM, family, 4, dictionary="simplex", n=n, k=k).word(A) == SPARSE
        assert draw(THEOREM, family, 4, dictionary="simplex", n=n, k=k - 1).word(A) == "holds"


@pytest.mark.parametrize(("n", "k"), [(7, 2), (11, 3), (19, 5)])
def test_k_at_one_quarter_belongs_to_theorem_b_and_not_to_the_classical_bound(n, k):
    judged = draw(THEOREM, "simplex, worst noise", 4, dictionary="simplex", n=n, k=k)
    assert judged.word(B) == judged.word(A) == "holds"
    assert judged.word(CLASSICAL) == judged.word("slide: better bounds exist") == QUARTER
    beyond = draw(THEOREM, "simplex, worst noise", 4, dictionary="simplex", n=n, k=k + 1)
    assert beyond.word(B) == SPARSER


def test_theorem_b_is_about_solutions_only():
    judged = draw(THEOREM, "simplex, feasible points", 4, k=5)
    assert judged.word(B) == MINIMISER
    assert (judged.ratio(B) > 1).all() or np.isnan(judged.ratio(B)).all()


def test_a_solution_that_is_not_polished_decides_nothing_of_theorem_b():
    judged = draw(THEOREM, "affine Hadamard, random noise", 8, iterations=1, k=2)
    assert judged.word(B) == "undecided"


def test_noise_just_above_epsilon_is_set_aside():
    x = draw(THEOREM, "simplex, worst noise", 8, k=3).x
    for claim in (A, B):
        assert judge(THEOREM, x | {"v": (1 + 1e-9) * x["v"]}).word(claim) == NOISE


def test_the_classical_bound_blows_up_near_its_limit_and_a_does_not():
    """At the largest k below one quarter A is 4/sqrt(1 + mu) epsilon or less, and the ratio of the two is small."""
    judged = draw(THEOREM, "simplex, random noise", 4, dictionary="simplex", n=100, k=25)
    assert Fraction(101, 4) > 25
    assert judged.word("slide: better bounds exist") == "holds"
    assert (judged.best("A") <= 4 / 1.01**0.5 * judged.x["radius"]).all()
    assert (judged.ratio("slide: better bounds exist") < 0.25).all()
