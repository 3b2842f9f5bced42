"""Inexact projected gradient descent: the numbers of the failing readings, the identity with the exact method."""

from __future__ import annotations

import numpy as np
import pytest
from judge import draw, judge, one

from theorems.inverse_problems import pgd
from theorems.inverse_problems.ipgd import THEOREM, Params
from verify.engine import witness

EPS = np.finfo(float).eps
COMPATIBLE, ANY, STEP = "corrected, P compatible", "corrected, any linear P", "one step, no supremum"
TRUE = (STEP, COMPATIBLE, ANY)
GENERAL = ("coordinates", "coordinates, noisy", "coordinates, noisy, m = 2d")

SMALL = one(A=np.eye(2), P=np.diag([1, 0]), Z=[0.1, 0.05], E=[0, 0], mu=1, radius=0.15)
LOOSE = one(A=[[1, 0.5]], P=np.eye(2), Z=[1, 0], E=[0], mu=0.8, radius=2)
LARGE = one(A=[[1, -10]], P=np.diag([1, 0]), Z=[1, 0.05], E=[0], mu=1, radius=1.05)


def tilted_line(n: int = 100, sigma: float = 0.02, delta: float = 0.16128) -> dict:
    """P = p p^T and M = v v^T, v between p and the direction of Z - cos p."""
    Z = np.eye(n + 1)[0]
    p = np.concatenate([[(1 - sigma**2) ** 0.5], np.full(n, sigma / n**0.5)])
    w = Z - p[0] * p
    v = delta**0.5 * p + (1 - delta) ** 0.5 * w / np.linalg.norm(w)
    A = np.eye(n + 1) - np.outer(v, v)
    return one(A=A, P=np.outer(p, p), Z=Z, E=np.zeros(n + 1), mu=1, radius=1)


def test_a_small_signal_and_an_absolute_epsilon():
    judged = judge(THEOREM, SMALL)
    out = judged.outcomes["slide: absolute epsilon"]
    assert judged.word("slide: absolute epsilon") == "violated"
    assert out.measured[0] == pytest.approx(0.05, abs=8 * EPS)
    assert out.bound[0] == pytest.approx(2 * 0.05 * 0.0125**0.5, abs=1e-12)
    assert round(out.bound[0], 4) == 0.0112


def test_a_small_signal_attains_the_corrected_bound():
    judged = judge(THEOREM, SMALL)
    assert judged.word(COMPATIBLE) == judged.word("slide, where it is true") == "holds"
    assert judged.ratio(COMPATIBLE)[0] == pytest.approx(1, abs=1e-12)
    assert judged.word("half of epsilon") == "violated"


def test_a_loose_radius_fails_from_the_eighth_step_on():
    before, after = (judge(THEOREM, LOOSE, Params(steps=steps)) for steps in (7, 8))
    assert (before.word("slide: f(Z) <= R"), after.word("slide: f(Z) <= R")) == ("holds", "violated")
    out = after.outcomes["slide: f(Z) <= R"]
    assert (round(out.measured[0], 4), round(out.bound[0], 4)) == (0.4472, 0.4305)
    assert {after.word(claim) for claim in TRUE} == {"R = f(Z)"}


def test_a_large_step():
    """rho_P = 0 and the iterate is (1/2, 0): error 0.502, and 0.1 is claimed."""
    judged = judge(THEOREM, LARGE)
    assert judged.best("error")[0] == pytest.approx((0.25 + 0.0025) ** 0.5, abs=1e-12)
    out = judged.outcomes["slide: any step size"]
    assert judged.word("slide: any step size") == "violated"
    assert (round(out.measured[0], 3), round(out.bound[0], 6)) == (0.502, 0.1)
    assert judged.word("slide, where it is true") == "mu <= 2/|A|^2"
    assert [judged.word(claim) for claim in TRUE] == ["holds"] * 3
    assert judged.word("cross term left out") == "violated"


def test_the_step_size_at_which_the_slide_is_true():
    for share, word in ((1.99, "holds"), (2.01, "mu <= 2/|A|^2")):
        assert judge(THEOREM, LARGE | one(mu=share / 101)).word("slide, where it is true") == word


def test_a_projector_whose_iterates_leave_its_range():
    judged = judge(THEOREM, tilted_line(), Params(steps=2))
    out = judged.outcomes["slide: any orthogonal P"]
    assert judged.word("slide: any orthogonal P") == "violated"
    assert (out.step[0], round(out.measured[0], 5), round(out.bound[0], 5)) == (2, 0.03669, 0.03200)
    assert round(out.ratio[0], 3) == 1.146
    assert judged.best("epsilon_phi")[0] == pytest.approx(0.002388, abs=5e-7)
    assert judged.best("epsilon")[0] == pytest.approx(0.02, abs=1e-12)
    assert judged.best("rho")[0] == pytest.approx(0.16128, abs=1e-12)
    assert judged.word(COMPATIBLE) == "PK in K"
    assert judged.word(ANY) == judged.word(STEP) == "holds"


def test_a_projector_of_rank_two_in_three_dimensions():
    """Exactly: P^2 = P, mu |A|^2 = 131/66 < 2, and the slide's bound is exceeded."""
    n = np.asarray([1, 6, 6])
    A = [[5, -4.5, -4.5], [0, 4, -4]]
    x = one(A=A, P=np.eye(3) - np.outer(n, n) / 73, Z=[1, 0, 0], E=[0, 0], mu=1 / 33, radius=1)
    p, claim = Params(steps=3), THEOREM.claim("slide: any orthogonal P")
    judged, found = judge(THEOREM, x, p), witness.recheck(THEOREM, p, claim, x)
    assert judged.word(claim.name) == "violated"
    assert [judged.word(c) for c in TRUE] == ["holds", "PK in K", "holds"]
    assert (found["confirmed"], found["step"], round(found["ratio"], 4)) == (True, 2, 1.0237)
    assert witness.certify(THEOREM, p, claim, x).excess > 0.0037


def test_near_the_plane_by_hand_it_fails_too():
    judged = draw(THEOREM, "reflected plane", 64, steps=4)
    words = judged.words("slide: any orthogonal P")
    assert set(words) == {"violated"}


@pytest.mark.parametrize(
    ("n", "sigma", "delta", "ratio"),
    [(20, 0.02, 0.16128, 1.010), (20, 0.002, 0.203, 1.057), (100, 0.02, 0.16128, 1.146)],
)
def test_the_tilted_line_in_other_sizes(n, sigma, delta, ratio):
    judged = judge(THEOREM, tilted_line(n, sigma, delta))
    assert judged.ratio("slide: any orthogonal P")[0] == pytest.approx(ratio, abs=6e-4)


def test_over_the_cone_of_the_signal_alone_recovery_in_one_step_is_claimed():
    x = one(A=np.eye(2), P=np.eye(2), Z=[1, 0], E=[0, 0], mu=0.5, radius=1)
    judged = judge(THEOREM, x)
    assert judged.best("error")[0] == pytest.approx(0.5 ** np.arange(1, 31), abs=1e-15)
    assert judged.word("slide: cone of the smaller set") == "violated"
    assert judged.word("slide, where it is true") == "holds"


def test_noise_is_missing_on_the_slide():
    x = one(A=np.eye(2), P=np.eye(2), Z=[1, 0], E=[-0.3, 0.3], mu=1, radius=1)
    judged = judge(THEOREM, x)
    assert judged.best("error")[0] == pytest.approx(0.3 * 2**0.5, abs=8 * EPS)
    assert judged.word("slide: no noise term") == "violated"
    assert judged.word("slide, where it is true") == "no noise"
    assert judged.ratio(COMPATIBLE)[0] == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("family", GENERAL)
def test_a_compatible_projector_makes_it_projected_gradient_descent(family):
    """For the matrix A P, the signal P Z and the noise E + A (I - P) Z: the same iterates, so that the squared errors
    differ by |(I - P)Z|^2."""
    judged = draw(THEOREM, family, 16)
    x = judged.x
    kept = (x["P"] @ x["Z"][..., None])[..., 0]
    lost = x["Z"] - kept
    exact = {
        "A": x["A"] @ x["P"],
        "Z": kept,
        "E": x["E"] + (x["A"] @ lost[..., None])[..., 0],
        "mu": x["mu"],
        "radius": x["radius"],
        "start": 0 * kept,
    }
    errors = pgd.solve(pgd.Params(steps=judged.p.steps), exact)["error"]
    bound = judged.p.steps * judged.quantities["delta"][:, None]
    expected = np.sqrt(errors**2 + (lost**2).sum(axis=-1)[:, None])
    assert (np.abs(judged.best("error") - expected) <= 2 * bound).all()


@pytest.mark.parametrize(("share", "cap"), [(1, 0.5), (2, 1.0)])
def test_the_cross_term_is_at_most_one_half_or_one(share, cap):
    """c <= 1/2 for mu <= 1/|A|^2 and c <= 1 for mu <= 2/|A|^2."""
    x = draw(THEOREM, "coordinates", 32).x
    x = x | {"mu": share * np.linalg.norm(x["A"], 2, axis=(1, 2)) ** -2}
    c = judge(THEOREM, x, Params(steps=1)).quantities["c"]
    M = np.eye(40) - x["mu"][:, None, None] * (np.swapaxes(x["A"], 1, 2) @ x["A"])
    exact = np.linalg.norm(x["P"] @ M @ (np.eye(40) - x["P"]), 2, axis=(1, 2))
    assert (exact <= cap * (1 + 64 * EPS)).all()
    assert (c.lower <= exact * (1 + 64 * EPS)).all()
    assert (exact <= c.upper).all()


def test_the_one_sided_form_holds_for_maps_that_are_no_projectors():
    rng = np.random.default_rng(1)
    x = draw(THEOREM, "coordinates, noisy", 32, d=12, m=8, q=6).x
    judged = judge(THEOREM, x | {"P": 0.3 * rng.normal(size=(32, 12, 12))}, Params(steps=20))
    assert judged.word(ANY) == judged.word(STEP) == "holds"
    assert judged.word(COMPATIBLE) == "P is an orthogonal projector"
    rate, M = judged.quantities["rho_1"], np.eye(12) - x["mu"][:, None, None] * (np.swapaxes(x["A"], 1, 2) @ x["A"])
    norm = np.linalg.norm(judged.x["P"] @ M, 2, axis=(1, 2))
    assert (norm.max() > 1) & (rate.lower <= norm * (1 + 64 * EPS)).all()
    assert (norm <= rate.upper).all()
    assert (rate.upper <= norm * (1 + 1e-10)).all()


@pytest.mark.parametrize(
    ("change", "claim", "missed"),
    [
        ({"radius": 0.15 + 1e-9}, COMPATIBLE, "R = f(Z)"),
        ({"radius": 0.15 - 1e-9}, ANY, "R = f(Z)"),
        ({"radius": 0.15 - 1e-9}, "slide: f(Z) <= R", "f(Z) <= R"),
        ({"P": [[1, 0], [1e-9, 0]]}, COMPATIBLE, "P is an orthogonal projector"),
        ({"P": [[1 - 1e-9, 0], [0, 0]]}, COMPATIBLE, "P is an orthogonal projector"),
        ({"P": [[0.9, 0.3], [0.3, 0.1]]}, COMPATIBLE, "PK in K"),
        ({"P": [[0.5, 0.5], [0.5, 0.5]]}, COMPATIBLE, "holds"),
        ({"P": [[np.nan, 0], [0, 0]]}, COMPATIBLE, "P is an orthogonal projector"),
        ({"E": [0, 1e-150]}, "slide, where it is true", "no noise"),
        ({"mu": np.nan}, "slide, where it is true", "mu <= 2/|A|^2"),
    ],
)
def test_what_is_slightly_off_is_set_aside(change, claim, missed):
    assert judge(THEOREM, SMALL | one(**change)).word(claim) == missed


@pytest.mark.parametrize("family", [*GENERAL, "tilted range", "tilted line", "reflected plane"])
def test_what_is_proved_holds_in_every_family(family):
    judged = draw(THEOREM, family, 32, steps=10)
    for claim in TRUE:
        assert set(judged.words(claim)) <= {"holds", "PK in K"}


def test_a_violation_needs_a_certified_rate():
    """Where PMP is no contraction its rate may be 1 for all that the batch knows: an error above the slide's bound is
    a lead there, and no violation."""
    judged = draw(THEOREM, "coordinates, noisy", 64)
    claim = "slide: no noise term"
    outside = judged.ratio(claim) > 1
    found = [word for word, beyond in zip(judged.words(claim), outside, strict=True) if beyond]
    assert "undecided" in found
    assert set(found) <= {"undecided", "mu <= 2/|A|^2"}


def test_the_cross_term_is_attained():
    """rho = 0, and every iterate misses (I - P)Z and a times as much of the range of P."""
    judged = draw(THEOREM, "cross term", 32, steps=3)
    a, lost = judged.x["A"][:, 0, 1], judged.x["Z"][:, 1]
    assert judged.best("rho") == pytest.approx(np.zeros(32), abs=1e-12)
    assert judged.best("error") == pytest.approx(np.broadcast_to((np.sqrt(1 + a**2) * lost)[:, None], (32, 3)))
    assert judged.word("corrected, P compatible") == judged.word("slide, where it is true") == "holds"


def test_the_first_step_may_lead_away():
    judged = draw(THEOREM, "overshoot", 8, steps=1)
    assert judged.best("error").max() == pytest.approx(1.8**0.5 * 0.9**0.5)
    assert judged.word("corrected, P compatible") == "holds"
    assert judged.word("slide, where it is true") == "mu <= 2/|A|^2"
