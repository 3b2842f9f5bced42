"""Which objective iterative shrinkage minimises: the slides' by hand, the equivalence at minimisers and elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from judge import draw, judge, one

from theorems.inverse_problems.ista_form import THEOREM

HOLDS = tuple(c.name for c in THEOREM.claims if c.expects == "holds")
HAND = one(A=[[1]], X=[1], lam=0.5, mu=1, z=[0.5], v=[0.75], start=[0], signal=[1])


def test_the_slides_objective_is_least_at_three_quarters():
    judged = judge(THEOREM, HAND)
    out = judged.outcomes["slide: lambda in the objective"]
    assert judged.word("slide: lambda in the objective") == "violated"
    assert (out.measured[0], out.bound[0]) == (0.5, 0.4375)
    assert judged.best("fixed")[0] == judged.best("kkt")[0] == 0
    assert judged.word("slide, with 2 lambda in the objective") == "holds"


@pytest.mark.parametrize(("lam", "least"), [(0.5, 1.5), (1.5, 0.0)])
def test_with_an_unsquared_norm_the_map_returns_everything_or_nothing(lam, least):
    U = 1.5
    grid = np.linspace(-0.5, 2.5, 3001)
    assert grid[np.argmin(np.abs(U - grid) + lam * np.abs(grid))] == pytest.approx(least, abs=1e-9)
    x = HAND | one(X=[U], lam=lam, z=[max(U - lam, 0)], v=[least])
    judged = judge(THEOREM, x)
    assert judged.word("slide, the norm squared and halved") == "holds"
    # Shrinkage gives 1 for lambda = 1/2, where U itself is better; for lambda = 3/2 both give 0.
    assert judged.word("slide: the norm not squared") == ("violated" if lam < 1 else "holds")


def test_every_claim_that_should_hold_does_so_by_hand():
    judged = judge(THEOREM, HAND)
    for claim in HOLDS:
        assert judged.word(claim) == "holds"


def test_at_a_minimiser_a_step_is_rounding():
    judged = draw(THEOREM, "minimiser", 50)
    assert (judged.best("fixed") <= judged.quantities["delta"]).all()
    assert (judged.best("mu") * judged.best("kkt") <= judged.quantities["delta"]).all()
    assert (judged.best("delta") <= 1e-10).all()


def test_a_step_is_as_long_as_the_subgradient_where_no_sign_changes():
    """z = (1, 0), A = I: the step is mu g on the support and nothing happens off it."""
    x = one(A=np.eye(2), X=[2, 0.1], lam=0.5, mu=0.5, z=[1, 0], v=[0, 0], start=[0, 0], signal=[1, 0])
    judged = judge(THEOREM, x)
    assert judged.best("kkt")[0] == 0.5
    assert judged.best("fixed")[0] == 0.25
    assert judged.ratio("standing still: at most mu |g|")[0] == pytest.approx(1, abs=1e-12)


def test_where_the_objective_is_linear_the_inequalities_are_equalities():
    judged = draw(THEOREM, "flat", 64)
    there, slope, apart, mu, lam = (judged.best(name) for name in ("there", "slope", "apart", "mu", "kkt"))
    straight = judged.x["v"][:, 1] == 0
    assert straight.any()
    assert judged.best("here")[straight] == pytest.approx((there + slope * apart)[straight], rel=1e-12)
    assert lam == pytest.approx(judged.x["lam"])
    stays = judged.x["z"][:, 0] > mu * lam
    assert judged.best("fixed")[stays] == pytest.approx((mu * lam)[stays])
    assert judged.best("kkt_after")[stays] == pytest.approx(lam[stays])


@pytest.mark.parametrize(("mu", "word"), [(1e-3, "holds"), (2 - 1e-9, "holds"), (2 + 1e-9, "mu <= 2/|A|^2")])
def test_steps_that_are_too_long_are_set_aside(mu, word):
    claim = "no step leads away from a minimiser"
    assert judge(THEOREM, HAND | one(mu=mu)).word(claim) == word


def test_the_threshold_lambda_stands_still_elsewhere():
    judged = judge(THEOREM, HAND | one(mu=0.5))
    assert judged.word("threshold lambda in place of lambda mu") == "violated"
    assert judged.best("lazy")[0] == 0.25  # 1/2 + 1/4 - 1/2 = 1/4
    # With mu = 1 it is the same map.
    assert judge(THEOREM, HAND).word("threshold lambda in place of lambda mu") == "holds"


def test_with_noise_the_iterates_come_near_the_signal_and_leave():
    judged = draw(THEOREM, "noisy", 200)
    words = judged.words("the error never increases")
    assert 5 <= words.count("violated") <= 150
    assert judged.word("no step leads away from a minimiser") == "holds"
    error = judged.best("error")
    rises = (np.diff(error, axis=1) > judged.quantities["walk_delta"][:, None]).any(axis=1)
    assert rises.tolist() == [w == "violated" for w in words]  # none rises in its first step


def test_the_reference_measures_the_same():
    for family in THEOREM.families:
        judged = draw(THEOREM, family, 1)
        theirs = THEOREM.reference(judged.p, judged.x)
        for name in ("fixed", "kkt", "lazy", "error"):
            scale = 1 + np.abs(judged.best(name)).max()
            assert theirs[name] == pytest.approx(judged.best(name), rel=1e-9, abs=1e-12 * scale)
