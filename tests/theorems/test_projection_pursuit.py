"""Projection pursuit: closed forms on a simplex and of two leaning atoms, cancellations, short products, OMP."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import draw, judge

from theorems.sparse_coding.projection_pursuit import (
    BESIDE,
    CLEAR,
    CROSSING,
    FAMILIES,
    FIRST,
    GREEDY,
    LAYERED,
    LOUD,
    NOISE,
    SPARSE,
    THEOREM,
    UNIT,
    VICTIM,
)

ATOMS, ERROR, SHARP, ABOVE = "no wrong atom", "error", "error, sharp", "supports above"
FOUND, GREEDILY = "OMP: the support", "OMP: error"


@pytest.mark.parametrize("k", [1, 2, 4])
def test_equal_taps_on_a_simplex_attain_the_sharp_bounds(k):
    """Products of squared length 1 - 2/40 and inner product -3/40: mu = 3/38, and no growth as mu_2 = 0."""
    judged = draw(THEOREM, "simplex, equal taps", 16, k=k)
    assert judged.best("mu")[0, 0] == pytest.approx(3 / 38, abs=1e-13)
    assert judged.best("w")[:, 0] == pytest.approx(np.full(16, (1 - 2 / 40) ** 0.5), abs=1e-13)
    q = 1 - (k - 1) * 3 / 38
    error = judged.x["radius"] * (q**-0.5 + 4 * k**0.5 / q) / (1 - 2 / 40) ** 0.5
    alive = (judged.best("error")[:, 1] / error) > 0.99  # no entry was put out
    assert alive.sum() > 4
    assert judged.ratio(SHARP)[alive] == pytest.approx(np.ones(alive.sum()), abs=1e-6)
    assert set(judged.words(GREEDILY)) <= {"holds", GREEDY}
    assert judged.ratio(GREEDILY)[np.asarray(judged.words(GREEDILY)) == "holds"] == pytest.approx(1, abs=1e-6)


def test_leaning_atoms_attain_both_layers():
    """mu = 11/61 between the products; mu_2 = (24/25)^2, so the error grows by the root of 1 + mu_2."""
    judged = draw(THEOREM, "leaning atoms", 16)
    assert judged.best("mu")[0, 0] == pytest.approx(11 / 61, abs=1e-14)
    assert judged.best("growth")[0] == pytest.approx([(1 + (24 / 25) ** 2) ** 0.5, 1], abs=1e-14)
    q = 1 - 11 / 61
    w = 7 / 25 * (1 + 25 / 36) ** 0.5
    deepest = judged.x["radius"] * (q**-0.5 + 4 * 2**0.5 / q) / w
    alive = judged.best("error")[:, 1] > 0.99 * deepest
    assert alive.sum() > 4
    expected = deepest[:, None] * np.asarray([[(1 + (24 / 25) ** 2) ** 0.5, 1]])
    np.testing.assert_allclose(judged.best("error")[alive], expected[alive], rtol=1e-6)
    assert judged.word(SHARP) == "holds"
    assert "violated" in judged.words("no growth on the way up")


def test_short_products_have_large_errors():
    judged = draw(THEOREM, "short products", 16)
    assert judged.best("w")[:, 0].min() == pytest.approx(0.2**0.5, abs=1e-14)
    assert judged.word(ERROR) == "holds"
    assert "violated" in judged.words("lengths of the products left out")


def test_atoms_that_cancel_leave_a_ghost():
    judged = draw(THEOREM, CROSSING, 16)
    assert judged.word(ABOVE) == CLEAR
    assert judged.words("supports above, whatever vanishes").count("violated") > 8
    assert judged.word(ERROR) == "holds"
    assert judged.best("ghost")[:, 1].max() == 0


def test_the_two_bounds_beside_each_other():
    """One atom under three taps: 7.5 w sqrt 3 times smaller, with w^2 = 1 - 2 mu_1 exactly."""
    judged = draw(THEOREM, "simplex, equal taps", 4, k=1)
    assert judged.word(BESIDE) == "holds"
    assert judged.ratio(BESIDE) == pytest.approx(np.ones(4), abs=1e-12)
    times = judged.best("layered") / judged.best("deepest")
    assert times == pytest.approx(np.full((4, 1), 7.5 * 3**0.5 * (1 - 2 / 40) ** 0.5), rel=1e-12)
    assert (times > 6 * 3**0.5).all()
    assert draw(THEOREM, "simplex, halved", 4).word(BESIDE) == FIRST
    assert draw(THEOREM, "two layers, random", 4).word(BESIDE) == LAYERED


def test_the_estimate_is_a_member_of_the_model():
    """Whatever the noise the error above is D_2 times the one below, and nothing is lost by a layer without growth."""
    judged = draw(THEOREM, "simplex, equal taps", 8)
    error = judged.best("error")
    np.testing.assert_allclose(error[:, 0], error[:, 1], rtol=1e-12)


def test_omp_beyond_its_condition_takes_the_victim():
    judged = draw(THEOREM, VICTIM, 64)
    words = np.asarray(judged.words(FOUND))
    assert set(words) <= {"holds", GREEDY}
    missed = judged.best("missed")[:, 0]
    assert (missed[words == "holds"] == 0).all()
    assert missed[words == GREEDY].max() > 0


def test_a_minimiser_with_a_wrong_atom_is_not_passed_off_as_one_without():
    judged = draw(THEOREM, LOUD, 32)
    weight = 4 * judged.x["radius"]
    wrong = judged.quantities["reach"].lower[:, 0] > weight
    assert wrong.any()
    assert np.isinf(judged.quantities["error"].upper[wrong]).all()
    assert (judged.quantities["ghost"].lower[wrong, 1] > 0).all()


def test_the_edges_of_the_hypotheses():
    x = draw(THEOREM, "two layers, against", 4).x
    assert judge(THEOREM, {**x, "E": x["E"] * (1 + 1e-6)}).word(ERROR) == NOISE
    assert judge(THEOREM, {**x, "D2": x["D2"] * (1 + 1e-9)}).word(ERROR) == UNIT
    assert draw(THEOREM, "two layers, random", 4, k=3).word(ATOMS) == SPARSE


@pytest.mark.parametrize("family", ["two layers, against", "three layers, random", "leaning atoms"])
def test_the_reference_finds_the_same(family):
    judged = draw(THEOREM, family, 2)
    for i in range(2):
        alone = judged.alone(i)
        theirs = THEOREM.reference(judged.p, alone)
        for name in ("error", "reach", "greedy"):
            mine, other = judged.quantities[name], theirs[name]
            assert (mine.lower[i] <= other.upper[0]).all()
            assert (other.lower[0] <= mine.upper[i]).all()


@given(seed=st.integers(0, 2**31), family=st.sampled_from(sorted(FAMILIES)), contrast=st.floats(0.05, 1))
@settings(max_examples=15)
def test_nothing_that_should_hold_is_violated(seed, family, contrast):
    judged = draw(THEOREM, family, 2, seed, contrast=contrast)
    for claim in THEOREM.claims:
        if claim.expects == "holds":
            assert "violated" not in judged.words(claim.name)
