"""Nonconvex projected gradient descent: two points, the golden ratio, the level of the set."""

from __future__ import annotations

import numpy as np
import pytest
from judge import draw, judge, one

from theorems.inverse_problems.pgd_nonconvex import THEOREM, Params

EPS = np.finfo(float).eps
GOLDEN = (1 + 5**0.5) / 2
FACTOR2 = "factor 2, any closed set"
TRUE = (FACTOR2, "golden ratio, k-sparse", "one step, golden ratio", "one step, factor 2")


def two_points(r: float) -> dict:
    """K = {0, 1}, Z = 0, M = r, start at the wrong point."""
    return one(A=[[(1 - r) ** 0.5]], Z=[0], E=[0], mu=1, start=[1], other=[[1]])


def golden(zeta: float) -> dict:
    """A = I, k = 1, Z = (0, zeta), one step to the first coordinate."""
    return one(A=np.eye(2), Z=[0, zeta], E=[1 + 2.0**-30, 1 - zeta], mu=1, start=[0, 0], level=1)


def test_two_points_recover_below_one_half_and_stay_above():
    below, above = judge(THEOREM, two_points(0.49)), judge(THEOREM, two_points(0.51))
    assert (below.best("error") == 0).all()
    assert (above.best("error") == 1).all()
    for judged, r in ((below, 0.49), (above, 0.51)):
        assert judged.best("rho")[0] == pytest.approx(r, abs=4 * EPS)
        assert judged.word(FACTOR2) == judged.word("one step, factor 2") == "holds"
    assert above.word("factor 3/2") == above.word("golden ratio for every set") == above.word("factor 1") == "violated"
    assert below.word("factor 3/2") == below.word("factor 1") == "holds"


def test_the_factor_3_2_claims_the_rate_0765():
    out = judge(THEOREM, two_points(0.51), Params(steps=1)).outcomes["factor 3/2"]
    assert (out.measured[0], round(out.bound[0], 3)) == (1, 0.765)


def test_two_points_are_not_sparse_vectors():
    assert judge(THEOREM, two_points(0.51)).word("golden ratio, k-sparse") == "K is k-sparse"


def test_the_golden_ratio_is_attained():
    judged = judge(THEOREM, golden(GOLDEN))
    assert (judged.best("error")[0] / judged.best("reach")[0]) == pytest.approx(1.6180340, abs=5e-8)
    assert judged.ratio("one step, golden ratio")[0] == pytest.approx(1, abs=2.0**-29)
    assert judged.word("one step, golden ratio") == judged.word("one step, factor 2") == "holds"
    assert judged.word("one step, 1.6") == "violated"


@pytest.mark.parametrize("zeta", [1.05, 1.3, 1.5, 1.7, 2.0])
def test_the_closed_form_of_one_step(zeta):
    """|h| / sup = sqrt((1 + zeta^2) / (1 + (zeta - 1)^2)), largest at the golden ratio."""
    judged = judge(THEOREM, golden(zeta), Params(steps=1))
    ratio = judged.best("error")[0, 0] / judged.best("reach")[0, 0]
    assert ratio == pytest.approx(((1 + zeta**2) / (1 + (zeta - 1) ** 2)) ** 0.5, abs=2.0**-29)
    assert ratio <= GOLDEN


def test_three_points_attain_the_factor_2_twice():
    judged = draw(THEOREM, "three points", 64)
    q = judged.quantities
    r = judged.best("rho")
    assert r.max() == pytest.approx(3)
    expected = 2 * q["xi"][:, None] * np.stack([1 + 0 * r, 1 + 2 * r], axis=-1)
    assert judged.best("error")[:, :2] == pytest.approx(expected, rel=2.0**-14)
    assert judged.word(FACTOR2) == "holds"


def test_one_golden_step_from_afar():
    """h = (4, -phi) goes to (1, -phi), so the bound is attained with rho = 0.27."""
    judged = draw(THEOREM, "golden, far start", 64)
    error, rate, size = judged.best("error")[:, 0], judged.best("rho"), judged.quantities["size"]
    assert (error <= GOLDEN * rate * size * (1 + 1e-12)).all()
    assert (error / (GOLDEN * rate * size)).max() == pytest.approx(1, abs=2.0**-29)
    assert rate.min() < 0.28
    assert judged.word("golden ratio, k-sparse") == "holds"


def test_a_long_step_triples_the_error():
    judged = draw(THEOREM, "diverging", 32, steps=4)
    quiet = np.linalg.norm(judged.x["E"], axis=1) == 0
    assert judged.best("error")[quiet] == pytest.approx(np.broadcast_to(3.0 ** np.arange(1, 5), (quiet.sum(), 4)))
    assert judged.best("error")[~quiet][:, 0].min() == pytest.approx((1 + GOLDEN**2) ** 0.5)


def test_a_level_above_the_sparsity_of_the_signal():
    """n = (1/5, b, b, b, b), 4 b^2 = 24/25: over the cone at Z the rate is 0.28, and 2 * 0.28 < 1/25 + 3 b^2."""
    b = 0.24**0.5
    n = np.asarray([0.2, b, b, b, b])
    Z = [1, 0, 0, 0, 0]
    x = one(A=np.eye(5) - np.outer(n, n), Z=Z, E=np.zeros(5), mu=1, start=np.zeros(5), level=4)
    judged = judge(THEOREM, x)
    assert judged.best("rho_Z")[0] == pytest.approx(0.28, abs=1e-12)
    error = judged.best("error")[0]
    assert error[5:] / error[4:-1] == pytest.approx(0.76, abs=1e-9)
    assert judged.word("slide: f(Z) <= R") == "violated"
    assert judged.word(FACTOR2) == "holds"  # over the cone of K itself
    assert judge(THEOREM, x | one(level=1)).word(FACTOR2) == "holds"
    assert judge(THEOREM, x | one(level=0)).word("slide: f(Z) <= R") == "f(Z) <= R"


def test_a_start_outside_the_set():
    c = 0.8
    points = {"Z": [0, 0], "start": [0, 1], "other": [[1, 0]]}
    x = one(A=[[1, -c], [0, (1 - c**2) ** 0.5]], E=[0, 0], mu=1, **points)
    judged = judge(THEOREM, x, Params(steps=1))
    assert abs(judged.best("rho")[0]) <= 4 * EPS
    assert judged.best("error")[0, 0] == 1
    assert judged.word("slide: any start") == "violated"
    assert judged.word(FACTOR2) == "start in K"
    inside = judge(THEOREM, x | one(start=[1, 0]), Params(steps=1))
    assert inside.word("slide: any start") == inside.word(FACTOR2) == "holds"


@pytest.mark.parametrize("start", [[0, 1e-300, 1], [1, 1, 0]])
def test_a_start_with_too_many_entries_is_set_aside(start):
    x = one(A=np.eye(3), Z=[1, 0, 0], E=np.zeros(3), mu=1, level=1)
    assert judge(THEOREM, x | one(start=start)).word(FACTOR2) == "start in K"
    assert judge(THEOREM, x | one(start=[0, 0, 1])).word(FACTOR2) == "holds"


def test_noise_needs_its_term():
    judged = draw(THEOREM, "sparse, noisy", 32)
    assert all(judged.word(claim) == "holds" for claim in TRUE)
    assert judged.word("slide, without noise") == "no noise"
    assert "violated" in judged.words("slide: no noise term")


@pytest.mark.parametrize("family", ["sparse", "sparse, noisy", "golden", "loose level"])
def test_the_rate_is_an_enclosure(family):
    rate = draw(THEOREM, family, 16).quantities["rho"]
    assert (rate.lower <= rate.upper).all()
    assert (rate.lower >= 0).all()


def test_the_reference_follows_the_same_trajectory():
    judged = draw(THEOREM, "sparse, noisy", 4)
    for i in range(4):
        alone = judged.alone(i)
        theirs = THEOREM.reference(judged.p, alone)["error"]
        assert np.abs(theirs[0] - judged.best("error")[i]).max() <= judged.p.steps * judged.quantities["delta"][i]
