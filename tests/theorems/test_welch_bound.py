"""The bound of Welch: frames and filter banks that attain it, the edges, and where the false neighbours fail."""

from __future__ import annotations

import numpy as np
import pytest
from judge import draw, judge, one

from theorems.sparse_coding.welch_bound import CLIMBED, FAMILIES, FILTERS, SHORT, THEOREM, TIGHT, UNIT, WIDE
from verify.kit import dictionaries

WELCH, LOCAL, BANK, ATTAINED = "Welch", "atoms that meet", "filters", "attained"
NEAR = "a filter meets only s positions"
HOLDS = (WELCH, LOCAL, BANK, ATTAINED)


@pytest.mark.parametrize(
    ("family", "mu", "attained"),
    [
        ("conference", 13**-0.5, (WELCH, LOCAL)),
        ("simplex", 1 / 6, (WELCH, LOCAL)),
        ("simplices side by side", 1 / 3, (LOCAL,)),
        ("filters, two taps", 5**-0.5, (LOCAL, BANK)),
        ("filters, ruler", 1 / 3, (LOCAL, BANK)),
        ("filters, icosahedron", 5**-0.5, (WELCH, LOCAL)),
    ],
)
def test_what_is_made_to_attain_the_bound_does(family, mu, attained):
    judged = draw(THEOREM, family, 32)
    made = np.asarray(judged.words(ATTAINED)) == "holds"
    assert 8 <= made.sum() <= 24
    assert set(np.asarray(judged.words(ATTAINED))[~made]) == {TIGHT}
    assert judged.best("mu")[made] == pytest.approx(np.full(made.sum(), mu), abs=1e-12)
    for claim in (WELCH, LOCAL, BANK):
        ratios = judged.ratio(claim)[made]
        if claim in attained:
            assert ratios == pytest.approx(np.ones(made.sum()), abs=1e-10)
        else:
            assert (ratios < 0.9).all() or set(judged.words(claim)) == {FILTERS}


@pytest.mark.parametrize("family", FAMILIES)
def test_no_family_violates_what_should_hold(family):
    judged = draw(THEOREM, family, 40, seed=3)
    for claim in HOLDS:
        assert set(judged.words(claim)) <= {"holds", UNIT, FILTERS, TIGHT}


def test_affine_lines_nearly_attain_the_bound_of_atoms_that_meet():
    """16 points, 80 atoms of coherence 1/4; an atom meets 4 (1 + 16): (80 - 16)/(16 * 67) is 0.0597, mu^2 is 0.0625."""
    judged = draw(THEOREM, "affine lines", 32)
    assert set(judged.best("w").tolist()) == {68.0}
    assert judged.best("mu").min() == pytest.approx(0.25, abs=1e-12)
    assert judged.ratio(LOCAL).max() == pytest.approx((64 / (16 * 67)) ** 0.5 / 0.25, abs=1e-9)


def test_climbed_filters_refute_what_random_ones_do_not():
    climbed, random = draw(THEOREM, "filters, climbed", 64), draw(THEOREM, "filters, random", 64, filters=2, gap=3)
    assert climbed.x["filters"].shape[1:] == random.x["filters"].shape[1:] == (2, CLIMBED)
    assert 0.31 < climbed.best("mu").min() < 0.33  # the bound is 13^(-1/2) = 0.2774
    assert climbed.words(NEAR).count("violated") > 10
    assert random.word(NEAR) == "holds"


@pytest.mark.parametrize("gap", [0, 1, 3, 9])
def test_the_circle_may_be_shorter_than_two_filters(gap):
    judged = draw(THEOREM, "filters, random", 16, filters=2, taps=4, gap=gap)
    assert judged.word(BANK) == judged.word(LOCAL) == "holds"
    assert set(judged.best("w").tolist()) == {2.0 * min(4 + gap, 7)}


def test_one_filter_says_nothing():
    judged = draw(THEOREM, "filters, random", 4, filters=1)
    assert judged.word(BANK) == "holds"
    assert judged.word(WELCH) == WIDE
    assert (judged.ratio(BANK) <= 0).all()


def test_short_columns_are_set_aside_and_refute_the_control():
    judged = draw(THEOREM, SHORT, 16)
    assert judged.word(WELCH) == UNIT
    assert judged.word("columns of any length") == "violated"
    x = draw(THEOREM, "simplex", 4).x
    assert judge(THEOREM, {"D": x["D"] * (1 + 1e-9)}).word(WELCH) == UNIT


def test_a_square_dictionary_is_set_aside():
    assert judge(THEOREM, {"D": np.eye(3)[None]}).word(WELCH) == WIDE


def test_one_dimension_less_fails_on_the_conference_frame_by_its_closed_form():
    """q = 13: 0.2774 against 0.2998."""
    judged = judge(THEOREM, {"D": dictionaries.conference(13).D[None]})
    assert judged.word("one dimension less") == "violated"
    assert judged.ratio("one dimension less")[0] == pytest.approx((7 / 6) ** 0.5, abs=1e-10)


def test_taps_beyond_the_last_are_set_aside():
    x = one(filters=[[1, 0, 0, 0], [0, 0, 0, 1]], taps=3)
    assert judge(THEOREM, x).word(BANK) == FILTERS
    assert judge(THEOREM, {**x, "taps": np.asarray([4.0])}).word(BANK) == "holds"


def test_the_repair_makes_columns_and_taps_what_they_were():
    for family in ("random", "filters, ruler"):
        x = draw(THEOREM, family, 4).x
        name = "filters" if "filters" in x else "D"
        moved = THEOREM.repair(THEOREM.parameters(), {**x, name: x[name] + 0.3})
        assert judge(THEOREM, moved).word(LOCAL) == "holds"


@pytest.mark.parametrize("family", FAMILIES)
def test_the_reference_finds_the_same(family):
    judged = draw(THEOREM, family, 2)
    for i in range(2):
        theirs = THEOREM.reference(judged.p, {name: a[i : i + 1] for name, a in judged.x.items()})
        for name in ("mu", "w", "n", "m", "f", "s"):
            assert theirs[name][0] == pytest.approx(judged.best(name)[i], abs=1e-12)
