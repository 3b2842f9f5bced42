"""The rate from the Gaussian width, for the two step sizes of the tutorial, and the numbers behind the bounds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from judge import draw

from theorems.inverse_problems import _gaussian
from theorems.inverse_problems.pgd_step_large import THEOREM as LARGE
from theorems.inverse_problems.pgd_step_small import SHARPER
from theorems.inverse_problems.pgd_step_small import THEOREM as SMALL
from verify.kit import widths


def test_the_width_lies_between_its_ends():
    """delta - 1 <= omega^2 <= delta <= d psi; with k = d = 1 the cone is a half-line and omega = E max(g, 0)."""
    for d, k in ((1, 1), (20, 1), (100, 2), (200, 4)):
        value, low, high = _gaussian.width_ends(d, k)
        assert low <= value <= high
        assert high - low <= 0.13
        assert high**2 <= widths.l1_dimension(d, k).upper * (1 + 1e-9)
    value, low, high = _gaussian.width_ends(1, 1)
    assert low <= 1 / math.sqrt(2 * math.pi) <= high


def test_small_step_by_hand():
    """At m = 80, d = 100: the bound is 1 - ((b - omega - 2)/(sqrt 80 + 10 + 2))^2."""
    judged = draw(SMALL, "slide's step", 4)
    b, omega = judged.best("b")[0], judged.best("omega")[0]
    assert b == pytest.approx(math.sqrt(80) * (1 - 1 / 320), abs=1e-4)
    bound = SMALL.claim("ascent value, t = 2").bound({k: judged.best(k) for k in ("b", "omega", "m", "d")})
    assert bound[0] == pytest.approx(1 - ((b - omega - 2) / (math.sqrt(80) + 12)) ** 2)


def test_the_certified_family_is_decided_at_both_ends():
    judged = draw(SMALL, "certified", 12)
    rate = judged.quantities["rho"]
    assert ((rate.upper - rate.lower) / (1 - rate.upper) <= 1e-6).all()
    assert set(judged.words("certified, t = 2")) <= {"holds", "violated"}


def test_without_the_square_the_formula_is_of_another_order():
    """Along m at d = 100 the gap over the squared formula stays near 1, over the slide's it grows."""
    ratios = {}
    for family in ("m = 40", "m = 300"):
        judged = draw(SMALL, family, 16)
        values = {k: judged.best(k) for k in ("b", "omega", "m", "d")}
        gap = judged.best("gap").mean()
        squared, printed = (
            SMALL.claim(name).bound(values).mean()
            for name in ("order of the gap, with the square", "slide: order of the gap")
        )
        ratios[family] = gap / squared, gap / printed
    assert all(0.85 < squared < 1.25 for squared, _ in ratios.values())
    assert ratios["m = 300"][1] > 3 * ratios["m = 40"][1]


def test_the_slides_step_pays_for_an_indefinite_form():
    judged = draw(SMALL, "slide's step", 24)
    assert (judged.best("over") > 0).any()
    assert set(judged.words("ascent value, t = 2")) == {"mu = 1/|A|^2"}
    assert judged.words("ascent value, any step, t = 2").count("holds") >= 20


def test_near_the_transition_the_rate_is_one_at_times():
    judged = draw(SMALL, "near the transition", 24)
    rate = judged.best("attained")
    assert 4 <= (rate > 1 - 1e-3).sum() < 24
    assert (rate <= 1).all()


def test_a_subspace_has_a_rate_near_two_a_plus_a_square():
    judged = draw(LARGE, "subspace, r = 80", 16)
    a = judged.best("a")
    assert a == pytest.approx(np.full(16, widths.gaussian_length(80) / 40))
    assert judged.best("rho") / (2 * a + a**2) == pytest.approx(np.ones(16), abs=0.2)
    assert judged.words("subspace, t = 2").count("holds") == 16
    assert judged.words("constant 1.5").count("violated") == 16


@pytest.mark.parametrize("family", ["subspace, r = 5", "subspace, m = 8"])
def test_the_norm_from_either_gram_matrix(family):
    judged = draw(LARGE, family, 4)
    rate = judged.quantities["rho"]
    for A, low, high in zip(judged.x["A"], rate.lower, rate.upper, strict=True):
        direct = np.linalg.norm(np.eye(A.shape[1]) - A.T @ A / len(A), 2)
        assert low <= direct <= high <= low + 1e-10


def test_one_row_and_many_columns():
    judged = draw(LARGE, "subspace, r = 40000, m = 1", 4)
    assert judged.best("rho") == pytest.approx((judged.x["A"][:, 0, :] ** 2).sum(axis=-1) - 1)
    assert judged.ratio("subspace, t = 2").min() > 0.95


def test_on_the_whole_space_the_rate_is_one_minus_the_squared_condition():
    judged = draw(SMALL, "whole space", 3)
    values = np.linalg.svd(judged.x["A"], compute_uv=False)
    assert judged.best("rho") == pytest.approx(1 - (values[:, -1] / values[:, 0]) ** 2)
    assert judged.words("certified, t = 2") == ["holds"] * 3


def test_on_a_line_a_long_step_takes_the_bound_twice_over():
    """rho = mu |A|^2 - 1 = over, and 1 - mu |A|^2 + 2 over is the same number."""
    judged = draw(SMALL, "line, long step", 3)
    assert judged.best("rho") == pytest.approx(np.full(3, 5.0))
    assert judged.best("over") == pytest.approx(np.full(3, 5.0))
    assert (judged.ratio("ascent value, any step, t = 2") > 0.9).all()


def test_the_guarantee_needs_its_width_and_both_sizes():
    """Without omega it asks too much where omega is large, without d where d is large beside m."""
    few, long = draw(SMALL, "whole space, few measurements", 8), draw(SMALL, "long signal", 4)
    for judged in (few, long):
        assert judged.word("slide, as a guarantee with constant 1") == "holds"
    m, d = 684, 400
    assert (1 - few.best("rho") < math.sqrt(m) / (m + d)).sum() >= 4
    assert (1 - long.best("attained") < (math.sqrt(78) - long.best("omega")) / 78).all()


@pytest.mark.parametrize("delta", [0.27, 0.027, 0.001])
def test_the_deviation_is_attained(delta):
    """By F = (g + q)_+, which is 0 with probability delta, and has the mean tau."""
    q, tau = _gaussian.quantile(delta), _gaussian.deviation(delta)
    g = np.linspace(-q, 12, 400_001)
    density = np.exp(-(g**2) / 2) / math.sqrt(2 * math.pi)
    assert np.trapezoid((g + q) * density, g) == pytest.approx(tau, rel=1e-8)
    assert np.trapezoid(density, g) == pytest.approx(1 - delta, rel=1e-8)


def test_the_sharper_bound_solves_its_equation():
    values = {"b": 12.0, "omega": 3.0, "m": 150.0, "d": 100.0, "tau": 0.8}
    kappa = math.sqrt(1 - SHARPER(values))
    assert 9 - kappa * (math.sqrt(150) + 10) == pytest.approx(0.8 * math.sqrt(1 + kappa**2))
    assert SHARPER({**values, "omega": 11.5}) == 1


def test_above_the_transition_the_guarantee_fails():
    judged = draw(SMALL, "above the transition", 24)
    words = judged.words("slide: as a guarantee with constant 1, above the transition")
    assert words.count("violated") >= 8
    assert set(judged.words("slide, as a guarantee with constant 1")) == {"sqrt(m) > omega + 6"}


def test_below_the_squared_width_the_square_takes_over():
    few, more = (draw(LARGE, f"subspace, m = {m}", 16).best("rho").mean() for m in (2, 32))
    assert few / more > 6  # first order would be 4


def test_the_cone_has_a_constant_near_two():
    judged = draw(LARGE, "cone, m = 800", 4)
    ratio = judged.best("attained") / judged.best("a")
    assert ((ratio > 1.4) & (ratio < 2.5)).all()
    assert judged.words("cone, ascent value, t = 2.5") == ["holds"] * 4
