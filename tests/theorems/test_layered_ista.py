"""Layered iterative soft thresholding: the printed iteration, the distance of iterates, what enters a layer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import draw, judge

from theorems.sparse_coding import _layered as layered
from theorems.sparse_coding.layered_ista import CARRIED, FAMILIES, SHORT, STEP, THEOREM, TWO, _iterate
from verify.kit import dictionaries, lagrangian

PRINTED, CARRY, OBJECTIVE = (
    "slide: without 1/c in front of D^T",
    "what enters a layer is not magnified",
    "objective, ISTA",
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
