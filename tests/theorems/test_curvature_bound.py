"""Outer products and Hessians: the parabola by hand, derivatives against differences, curvature of circles."""

from __future__ import annotations

import numpy as np
import pytest
from judge import draw, judge, one

from theorems.generalization.curvature_bound import CONVEX, REGULAR, THEOREM, tanh_derivatives

HESSIANS = "slide: with the Hessians"
CURVATURE = "slide: the curvature of the boundary"
HOLDS = tuple(c.name for c in THEOREM.claims if c.expects == "holds")
PARABOLA = one(J=[[0.5], [0]], H=[[[0.5]], [[0]]], x=[1])


def test_the_parabola_by_hand():
    judged = judge(THEOREM, PARABOLA)
    assert judged.best("q")[0] == 0.5
    assert judged.best("N")[0] == judged.best("outer")[0] == 0.25
    assert judged.word(HESSIANS) == "violated"
    assert judged.word(CURVATURE) == REGULAR  # a boundary of one input is a point
    for claim in HOLDS:
        assert judged.word(claim) == "holds"


@pytest.mark.parametrize(("a", "word"), [(0.25, "violated"), (1.25, "holds")])
def test_the_hessian_scales_with_z_and_the_bound_with_its_square(a, word):
    judged = judge(THEOREM, one(J=[[a], [0]], H=[[[a]], [[0]]], x=[1]))
    assert judged.word(HESSIANS) == word
    assert judged.best("scaled_q")[0] == pytest.approx(2 * judged.best("scaled_N")[0], rel=1e-15)


def test_a_line_has_no_curvature():
    """z = (u_1^2 / 2, 0) at (2, 3)."""
    judged = judge(THEOREM, one(J=[[2, 0], [0, 0]], H=[[[1, 0], [0, 0]], np.zeros((2, 2))], x=[2, 3]))
    assert judged.best("along")[0] == 0
    assert judged.best("q")[0] == 4
    assert judged.word(CURVATURE) == "violated"


def test_a_circle_has_the_curvature_one_over_its_radius():
    """z = (|u|^2 / 2, 0) at (3, 4): t^T H t / |grad| = 1/5."""
    judged = judge(THEOREM, one(J=[[3, 4], [0, 0]], H=[np.eye(2), np.zeros((2, 2))], x=[3, 4]))
    assert judged.best("along")[0] / 25 / 5 == pytest.approx(1 / 5, rel=1e-14)
    assert judged.best("own")[0] == 25


def test_concave_outputs_and_flat_gradients_are_set_aside():
    judged = judge(THEOREM, one(J=[[1, 1], [1, 1]], H=[-np.eye(2), np.zeros((2, 2))], x=[1, 0]))
    assert judged.word("Hessians: some multiple of z exceeds the bound by half") == CONVEX
    assert judged.word(CURVATURE) == REGULAR
    assert judged.word("Hessians like outer products: never negative") == "violated"


def test_derivatives_of_tanh_networks_are_what_differences_say():
    random = np.random.default_rng(0)
    W, V, x = random.standard_normal((1, 6, 4)), random.standard_normal((1, 3, 6)), random.standard_normal((1, 4))
    found = tanh_derivatives(W, V, x)
    h = 1e-5
    for i, e in enumerate(np.eye(4)):
        up, down = ((V @ np.tanh(W @ (x + s * h * e)[..., None]))[0, :, 0] for s in (1, -1))
        assert found["J"][0, :, i] == pytest.approx((up - down) / (2 * h), abs=1e-8)
        up, down = (tanh_derivatives(W, V, x + s * h * e)["J"][0] for s in (1, -1))
        assert found["H"][0, :, i] == pytest.approx((up - down) / (2 * h), abs=1e-8)


def test_one_row_is_the_equality():
    judged = draw(THEOREM, "one row", 50)
    for claim in HOLDS[:4]:
        assert judged.word(claim) == "holds"
        assert judged.ratio(claim) == pytest.approx(1, abs=1e-12)


def test_where_the_hessians_fail():
    shares = {family: draw(THEOREM, family, 400).words(HESSIANS).count("violated") / 400 for family in THEOREM.families}
    assert shares["parabola"] > 0.5
    assert 0 < shares["tanh networks"] < 0.3


def test_the_spectral_norm_is_below_the_frobenius_norm_by_what_the_rows_share():
    J = np.asarray([[[3.0, 0], [0, 4]]])
    judged = judge(THEOREM, {"J": J, "H": np.zeros((1, 2, 2, 2)), "x": np.asarray([[0.0, 1.0]])})
    assert judged.best("spectral")[0] == pytest.approx(16, rel=1e-14)
    assert judged.best("N")[0] == 25
    assert judged.best("sum")[0] == judged.best("largest_row")[0] == 16


@pytest.mark.parametrize("family", list(THEOREM.families))
def test_the_reference_measures_the_same(family):
    judged = draw(THEOREM, family, 5)
    for i in range(5):
        theirs = THEOREM.reference(judged.p, {name: a[i : i + 1] for name, a in judged.x.items()})
        for name, value in theirs.items():
            scale = 1e-11 * (judged.best("N")[i] + judged.best("delta_h")[i] * 1e12)
            assert value[0] == pytest.approx(judged.best(name)[i], rel=1e-9, abs=scale), name
