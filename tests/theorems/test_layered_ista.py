"""Layered iterative soft thresholding: the printed iteration, the distance of iterates, what enters a layer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import draw, judge

from theorems.sparse_coding import _layered as layered
from theorems.sparse_coding.layered_ista import CARRIED, FAMILIES, LIGHT, SHORT, STEP, THEOREM, TWO, VALLEY, _iterate
from verify.kit import dictionaries, lagrangian, shrinkage

PRINTED, CARRY, OBJECTIVE, FAST, DISTANCE = (
    "slide: without 1/c in front of D^T",
    "what enters a layer is not magnified",
    "objective, ISTA",
    "objective, FISTA",
    "distance of an iterate",
)


def layer_of(made):
    return layered.layers({**layered.single(made.D[None], np.asarray([made.mu])), "code": np.zeros((1, made.m))})[0]


def test_the_printed_iteration_minimises_with_another_weight():
    """Ten atoms of a conference frame, largest eigenvalue below 2: the weight is xi/c."""
    made = dictionaries.conference(29)
    D = made.D[:, :10]
    layer = layered.Layer(D[None], 1, *D.shape)
    random = np.random.default_rng(0)
    b = random.normal(size=(1, made.n))
    c = np.asarray([np.linalg.eigvalsh(D.T @ D)[-1]])
    assert 1 < c[0] < 2
    xi, t = np.asarray([0.3]), np.asarray([3000.0])
    printed, right = (_iterate(layer, b, xi, c, t, 3000, correct)[0] for correct in (False, True))
    wanted, wrong = lagrangian.descend(D, b[0], 0.3), lagrangian.descend(D, b[0], 0.3 / c[0])
    assert np.linalg.norm(printed - wrong) < 1e-9
    assert np.linalg.norm(right - wanted) < 1e-9
    assert np.linalg.norm(printed - wanted) > 0.05


def test_the_printed_iteration_diverges_on_redundant_dictionaries():
    made = dictionaries.affine_hadamard(4)  # D D^T = 5 I
    b = made.D[:, :1].T.copy()
    z = _iterate(layer_of(made), b, np.asarray([0.1]), np.asarray([5.0]), np.asarray([60.0]), 60, False)
    assert np.abs(z).max() > 1e12
    judged = draw(THEOREM, "affine Hadamard", 64)
    assert "violated" in judged.words(PRINTED)


def test_with_c_one_both_iterations_are_the_same():
    made = dictionaries.identity_hadamard(16)
    b, xi, t = np.ones((1, 16)), np.asarray([0.1]), np.asarray([7.0])
    one = np.ones(1)
    assert (_iterate(layer_of(made), b, xi, one, t, 7, True) == _iterate(layer_of(made), b, xi, one, t, 7, False)).all()


def test_steps_too_long_are_set_aside_and_diverge():
    judged = draw(THEOREM, SHORT, 64)
    assert judged.word(OBJECTIVE) == STEP
    assert "violated" in judged.words("c of a third of the largest eigenvalue")


def test_the_change_of_the_minimiser_is_attained_on_the_simplex():
    judged = draw(THEOREM, "simplex", 128)
    assert judged.word(CARRY) == "holds"
    assert judged.ratio(CARRY).max() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("steps", [1, 20, 200])
def test_a_walk_along_the_valley_ends_where_the_closed_form_says(steps):
    """Every step of it, those of the worst weight and those of other weights: F(z^t) - min F."""
    judged = draw(THEOREM, VALLEY, 32, steps=steps)
    assert {judged.word(name) for name in (OBJECTIVE, FAST, DISTANCE, CARRY)} == {"holds"}
    c, t, R = (judged.best(name)[:, 0] for name in ("c", "t", "size"))
    quiet = (judged.x["E"] == 0).all(axis=-1)
    assert quiet.any()
    assert not quiet.all()
    assert c == pytest.approx(25)
    walked = np.asarray(shrinkage.fista_positions(300))[t.astype(int) - 1]
    weight, cosine = 4 * judged.x["radius"], np.sqrt(0.24)
    slope = weight * (1 - cosine) * np.sqrt(100 / c)
    for name, S in (("gap", t), ("fast", walked)):
        tuned = quiet & np.isclose(weight, c * cosine * R / ((1 - cosine) * (2 * S + c - 1)), rtol=1e-9)
        assert tuned.any()
        expected = (c - 1) * R**2 / (2 * (2 * S + c - 1))
        assert judged.best(name)[tuned, 0] == pytest.approx(expected[tuned], rel=1e-7)
        in_use = quiet & (S * slope / c < np.sqrt((c - 1) / c) * R / 2)  # as long as with the worst weight
        along = slope * R * np.sqrt(1 - 1 / c) - slope**2 / c * (S + (c - 1) / 2)
        assert judged.best(name)[in_use, 0] == pytest.approx(along[in_use], rel=1e-7)


def test_long_walks_come_near_the_constants_of_both_rates():
    judged = draw(THEOREM, VALLEY, 64)
    assert judged.ratio(OBJECTIVE).max() == pytest.approx((1 - 1 / 25) * 600 / 624, rel=1e-5)
    S = shrinkage.fista_positions(300)[-1]
    assert judged.ratio(FAST).max() == pytest.approx((1 - 1 / 25) * 301**2 / (8 * S + 4 * 24), rel=1e-4)


def test_a_light_weight_attains_the_distance():
    """On the floor Dh = 0, and h is the same on all atoms of the simplex."""
    judged = draw(THEOREM, LIGHT, 512)
    distance, g, theta, k, t, R = (judged.best(name)[:, 0] for name in ("distance", "g", "theta", "k", "t", "size"))
    plain = (judged.x["E"] == 0).all(axis=-1) & (t > 11) & (judged.x["radius"] < 1e-4 * R)
    assert {1, 2, 3} == set(k[plain])
    largest = np.sqrt(10) / (10 - k) * g / theta
    assert distance[plain] == pytest.approx(largest[plain], rel=1e-3)
    assert 0.99 < judged.ratio(DISTANCE).max() <= 1


def test_an_input_that_moves_too_far_is_set_aside():
    x = draw(THEOREM, "simplex", 8).x
    assert judge(THEOREM, {**x, "delta": x["delta"] * 40}).word(CARRY) == CARRIED


def test_more_iterations_come_nearer():
    x = draw(THEOREM, TWO, 8).x
    few, many = (judge(THEOREM, {**x, "t": np.full(8, float(t))}).best("distance") for t in (3, 300))
    assert (many < 1e-3 * few + 1e-12 * few.max()).all()


def test_the_reference_agrees():
    judged = draw(THEOREM, TWO, 2)
    for i in range(2):
        alone = judged.alone(i)
        theirs = THEOREM.reference(judged.p, alone)
        for name in ("gap", "fast", "distance", "moved"):
            assert theirs[name][0] == pytest.approx(
                judged.best(name)[i], rel=1e-6, abs=1e-9 * judged.best("size")[i].max()
            )


@given(seed=st.integers(0, 2**31), family=st.sampled_from(sorted(FAMILIES)), steps=st.integers(1, 60))
@settings(max_examples=10)
def test_nothing_that_should_hold_is_violated(seed, family, steps):
    judged = draw(THEOREM, family, 3, seed, steps=steps)
    for claim in THEOREM.claims:
        if claim.expects == "holds":
            assert "violated" not in judged.words(claim.name)
