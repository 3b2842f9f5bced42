"""Projected gradient descent: the numbers of the counterexamples, equality on subspaces, the edges."""

from __future__ import annotations

import numpy as np
import pytest
from judge import draw, judge, one

from theorems.inverse_problems.pgd import THEOREM, Params
from verify.core.formula import Formula

EPS = np.finfo(float).eps
TRUE = ("one step, no supremum", "contraction with noise")

LOOSE = one(A=[[1, 0.5]], Z=[1, 0], E=[0], mu=0.8, radius=2, start=[0, 0])
NOISY = one(A=np.eye(2), Z=[1, 0], E=[-0.3, 0.3], mu=1, radius=1, start=[0, 0])
OUTSIDE = one(A=[[1, 0], [0, 0.5]], Z=[1, 0], E=[0, 0], mu=1, radius=1, start=[1, 0.25])


def test_the_rate_of_a_row_in_the_plane_is_nine_tenths():
    rate = judge(THEOREM, LOOSE).quantities["rho"]
    assert rate.lower[0] <= 0.9 <= rate.upper[0]
    assert rate.upper[0] - rate.lower[0] <= 1e-12


def test_a_loose_radius_fails_from_the_eighth_step_on():
    before, after = (judge(THEOREM, LOOSE, Params(steps=steps)) for steps in (7, 8))
    assert (before.word("slide: f(Z) <= R"), after.word("slide: f(Z) <= R")) == ("holds", "violated")
    out = after.outcomes["slide: f(Z) <= R"]
    assert (out.step[0], round(out.measured[0], 4), round(out.bound[0], 4)) == (8, 0.4472, 0.4305)
    assert judge(THEOREM, LOOSE, Params(steps=200)).best("error")[0, -1] == pytest.approx(0.2**0.5, abs=8 * EPS)
    for claim in TRUE:
        assert after.word(claim) == "R = f(Z)"


def test_with_noise_the_slide_claims_recovery_and_the_error_is_0424():
    judged = judge(THEOREM, NOISY)
    assert judged.word("slide: no noise term") == "violated"
    assert judged.word("slide, without noise") == "no noise"
    out = judged.outcomes["slide: no noise term"]
    assert out.measured[0] == pytest.approx(0.3 * 2**0.5, abs=8 * EPS)
    assert abs(out.bound[0]) <= 1e-13  # rho = 0: what is left is the rounding of a step
    # The noise lies in the cone, so the corrected bound is attained.
    assert [judged.word(claim) for claim in TRUE] == ["holds", "holds"]
    assert judged.ratio("contraction with noise")[0] == pytest.approx(1, abs=1e-12)


def test_a_start_outside_the_ball():
    judged = judge(THEOREM, OUTSIDE, Params(steps=1))
    out = judged.outcomes["slide: any start"]
    assert judged.word("slide: any start") == "violated"
    assert out.measured[0] == pytest.approx(0.75 * 0.25 / 2**0.5)
    assert out.bound[0] == pytest.approx(0.375 * 0.25)
    assert judged.word("contraction with noise") == "start in K"


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_equality_on_a_subspace_at_every_step(noise):
    """Z is an eigenvector of the compression and the noise is along it: error = bound, up to the rounding of the
    steps, which is what delta adds to the bound."""
    judged = draw(THEOREM, "subspace", 64, noise=noise)
    values = judged.quantities
    assert judged.best("error").shape == (64, 40)
    exact = THEOREM.claim("contraction with noise").bound.where(delta=0)(values | {"rho": judged.best("rho")})
    rounding = Formula("geom(rho, t) * delta")(values | {"rho": judged.best("rho")})
    assert (np.abs(judged.best("error") - exact) <= rounding[..., :]).all()
    assert judged.word("contraction with noise") == "holds"
    assert judged.ratio("contraction with noise").min() >= 1 - 1e-11


def test_equality_with_a_rate_above_1():
    judged = draw(THEOREM, "subspace, diverging", 16, steps=10)
    growth = judged.best("error") / judged.best("rho")[:, None] ** np.arange(1, 11)
    assert growth == pytest.approx(np.ones((16, 10)))
    assert judged.best("rho").min() > 1.4
    assert judged.word("contraction with noise") == "holds"


def test_half_the_noise_term_is_caught_on_a_subspace():
    judged = draw(THEOREM, "subspace", 32)
    noisy = np.linalg.norm(judged.x["E"], axis=1) > 0
    assert 0 < noisy.sum() < 32
    assert judged.words("half the noise term") == ["violated" if n else "holds" for n in noisy]


def test_aligned_signals_come_near_the_bound():
    """The start loses little: the random family does not see what the aligned one does."""
    aligned, random = (draw(THEOREM, family, 64) for family in ("aligned", "random"))
    assert aligned.word("contraction with noise") == "holds"
    assert aligned.ratio("contraction with noise").max() > 0.9
    assert np.median(aligned.ratio("contraction with noise")) > np.median(random.ratio("contraction with noise"))


def test_the_rate_on_the_support_is_too_small():
    judged = draw(THEOREM, "noisy, m = 6d", 16)
    assert (judged.best("rho_support") < judged.quantities["rho"].lower).all()


@pytest.mark.parametrize(
    ("change", "missed"),
    [
        ({"radius": 1 + 1e-9}, "R = f(Z)"),
        ({"radius": 1 - 1e-9}, "R = f(Z)"),
        ({"radius": np.nan}, "R = f(Z)"),
        ({"start": [0.6, 0.4 + 1e-9]}, "start in K"),
        ({"start": [0.6, np.nan]}, "start in K"),
    ],
)
def test_what_is_slightly_off_is_set_aside(change, missed):
    judged = judge(THEOREM, NOISY | one(**change))
    for claim in TRUE:
        assert judged.word(claim) == missed


def test_a_start_on_the_border_is_inside():
    assert judge(THEOREM, NOISY | one(start=[0.6, -0.4])).word("contraction with noise") == "holds"


def test_a_loose_radius_is_not_below_f():
    assert judge(THEOREM, LOOSE | one(radius=1 - 1e-9)).word("slide: f(Z) <= R") == "f(Z) <= R"
    assert judge(THEOREM, LOOSE | one(radius=1)).word("slide: f(Z) <= R") == "holds"


@pytest.mark.parametrize("scale", [0.0, 1e-3, 1e-2])
def test_a_signal_that_the_measurements_hardly_see(scale):
    """Every iterate is tiny beside Z: the rounding of a step is that of Z, not that of the iterates."""
    rng = np.random.default_rng(0)
    A = rng.normal(size=(200, 2, 60))
    A[:, :, :3] *= scale
    Z = np.concatenate([rng.normal(size=(200, 3)), np.zeros((200, 57))], axis=1)
    x = {
        "A": A,
        "Z": Z,
        "E": np.zeros((200, 2)),
        "mu": np.linalg.norm(A, 2, axis=(1, 2)) ** -2,
        "radius": np.abs(Z).sum(axis=1),
        "start": 0 * Z,
    }
    judged = judge(THEOREM, x, Params(steps=5))
    assert judged.word("one step, no supremum") == "holds"
    # Where A Z = 0 the rate is exactly 1, and the rounding of rho alone is larger than what is at stake.
    assert set(judged.words("contraction with noise")) <= ({"undecided", "holds"} if scale == 0 else {"holds"})


def test_the_reference_follows_the_same_trajectory():
    judged = draw(THEOREM, "noisy", 2, d=12, m=8, k=2)
    for i in range(2):
        alone = {name: a[i : i + 1] for name, a in judged.x.items()}
        theirs = THEOREM.reference(judged.p, alone)
        bound = judged.p.steps * judged.quantities["delta"][i]
        assert np.abs(theirs["error"][0] - judged.best("error")[i]).max() <= bound
        mine = judged.quantities["rho"]
        assert mine.lower[i] <= theirs["rho"].upper[0]
        assert theirs["rho"].lower[0] <= mine.upper[i]
