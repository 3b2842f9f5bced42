"""The l1 descent cone's width: extremal vectors, the numbers of the page, the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from judge import draw, judge

from theorems.inverse_problems.gaussian_width_l1 import CHOSEN, FAMILIES, SPARSE, THEOREM, Params
from verify.kit import widths

EXACT = ("Moreau's identity", "draw by draw: at most V(tau)")


def made(signs, g):
    """One instance: a pair of equal vectors."""
    return {"signs": np.asarray([signs], dtype=float), "g": np.asarray([[g, g]], dtype=float)}


def mean(values):
    """The mean and its standard error."""
    return values.mean(), values.std() / math.sqrt(len(values))


def test_vectors_inside_the_cone_and_inside_its_polar():
    inside = judge(THEOREM, made([1, 0, 0], [-3, 1, 1]))
    assert inside.best("square")[0] == 11
    assert inside.word("Moreau's identity") == "holds"
    polar = judge(THEOREM, made([1, 0, 0], [2, 1, -2]))
    assert polar.best("square")[0] == pytest.approx(0, abs=1e-14)
    assert polar.word("draw by draw: at most V(tau)") == "holds"
    assert polar.word("Moreau's identity") == "undecided"  # nothing is left to compare to six digits


def test_the_scaled_subdifferential_that_is_nearest_gives_equality():
    tau = widths.l1_dimension(3, 1).tau
    judged = judge(THEOREM, made([1, 0, 0], [tau - 2, tau + 1, -tau - 1]))  # 2 on S against 1 + 1 off it
    assert judged.best("square")[0] == pytest.approx(6, rel=1e-14)
    assert judged.best("loss")[0] == pytest.approx(0, abs=1e-13)
    for claim in EXACT:
        assert judged.word(claim) in ("holds", "undecided")  # equality up to rounding


@pytest.mark.parametrize("family", [*FAMILIES, CHOSEN])
def test_draws_of_every_size(family):
    judged = draw(THEOREM, family, 200)
    d, k = FAMILIES.get(family, (200, 10))
    known = widths.l1_dimension(d, k)
    assert judged.x["g"].shape == (200, 2, d)
    assert (judged.best("d")[0], judged.best("k")[0]) == (d, k)
    assert judged.best("psi")[0] == known.upper
    assert "violated" not in judged.words("Moreau's identity")
    assert judged.word("draw by draw: at most V(tau)") == "holds"
    for name, value in (("at_tau", known.upper), ("loss", known.expected_loss)):
        found, error = mean(judged.best(name))
        assert abs(found - value) <= 5 * error + (0.1 if name == "loss" else 0)
    found, error = mean(judged.best("square"))
    assert known.upper - known.loss - 5 * error <= found <= known.upper + 5 * error


@pytest.mark.parametrize(("d", "k", "delta"), [(100, 5, 19.97), (400, 4, 24.07), (400, 40, 130.67), (1000, 10, 60.94)])
def test_the_numbers_of_an_earlier_monte_carlo_run(d, k, delta):
    judged = draw(THEOREM, CHOSEN, 2000 if d < 1000 else 500, d=d, k=k)
    # The loss varies little, so d psi minus its mean is a sharp estimate of delta; the numbers were right to 0.15.
    found, error = mean(judged.best("loss"))
    assert abs(widths.l1_dimension(d, k).upper - found - delta) <= 5 * error + 0.3


def test_what_the_controls_leave_out():
    half = draw(THEOREM, "d = 100, k = 50", 500)
    found, error = mean(half.best("square"))
    assert found - 5 * error > 100 * math.log(2)
    one = draw(THEOREM, "d = 1000, k = 1", 500)
    found, error = mean(one.best("square"))
    assert found - 5 * error > math.log(1000)
    found, error = mean(one.best("variance"))
    assert found - 3 * error > 0.5
    assert found - 5 * error < 1


def test_a_half_space_is_set_aside():
    judged = draw(THEOREM, CHOSEN, 4, d=5, k=9)
    assert judged.x["signs"].tolist() == [[1.0] * 5]
    for claim in THEOREM.claims:
        assert judged.word(claim.name) == SPARSE


def test_the_reference_finds_the_same():
    judged = draw(THEOREM, "d = 20, k = 1", 2)
    for i in range(2):
        theirs = THEOREM.reference(Params(), {"signs": judged.x["signs"], "g": judged.x["g"][i : i + 1]})
        assert theirs["square"].value[0] == pytest.approx(judged.best("square")[i], abs=1e-12)
        assert theirs["psi"][0] == pytest.approx(judged.best("psi")[0], rel=1e-9)
