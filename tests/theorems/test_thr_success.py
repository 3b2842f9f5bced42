"""Thresholding: the ends of the interval, attained bounds, ties, and what is set aside."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import draw, judge, one

from theorems.sparse_coding import _instances as instances
from theorems.sparse_coding.thr_success import HALF, INSIDE, NO_CONTRAST, SPARSE, THEOREM, UNIT, Params
from verify.kit import dictionaries

OFF, ON, SUPPORT = "correlations off the support", "correlations on the support", "support and signs"
HARD, SOFT, FIT = "error, hard", "error, soft", "least squares on the support found"
BELOW, ABOVE = "threshold 0.1 % below the interval", "threshold 0.1 % above the interval"
ATOMS = [[1.0, -0.28, 0.28], [0.0, 0.96, 0.0], [0.0, 0.0, 0.96]]


def three(alpha, v=(0, 0, 0), place=0.5):
    """The three atoms by hand."""
    x = one(alpha=alpha, v=v, place=place)
    return judge(THEOREM, x | {"D": np.asarray([ATOMS]), "mu": np.asarray([0.28])})


def test_three_atoms_by_hand():
    """alpha = (1, 0.9, 0): correlations 0.748, 0.62, 0.20944; the interval is [0.56, 0.62)."""
    judged = three((1, 0.9, 0))
    assert judged.best("off")[0] == pytest.approx(0.20944)
    assert judged.best("on")[0] == pytest.approx(0.62)
    assert judged.best("beta")[0] == pytest.approx(0.59)
    assert judged.best("error")[0] == pytest.approx(0.28)
    assert judged.best("soft_error")[0] == pytest.approx(0.28 + 0.59)
    assert all(judged.word(claim) == "holds" for claim in (OFF, ON, SUPPORT, HARD, SOFT, FIT))
    assert judged.ratio(ON)[0] == pytest.approx(1, abs=1e-12)


def test_one_atom_at_both_ends():
    """alpha = (1, 0, 0): the interval is [0.28, 1), reached by the other two atoms, which it leaves out."""
    assert three((1, 0, 0), place=0.0).word(SUPPORT) == "undecided"
    assert three((1, 0, 0), place=1e-9).word(SUPPORT) == "holds"
    assert three((1, 0, 0), place=1 - 1e-9).word(SUPPORT) == "holds"
    for place in (1.0, -1e-9, 2.0, np.nan):
        assert three((1, 0, 0), place=place).word(SUPPORT) == INSIDE
    for claim in (BELOW, ABOVE):
        assert three((1, 0, 0)).word(claim) == "violated"
    assert three((1, 0, 0)).best("wrong_below")[0] == 2
    assert three((1, 0, 0)).best("wrong_above")[0] == 1


def test_what_is_a_tie_in_floats_is_decided_in_rationals():
    q = Fraction
    x = {"D": [[q(1), q(-7, 25), q(7, 25)], [q(0), q(24, 25), q(0)], [q(0), q(0), q(24, 25)]], "mu": q(7, 25)}
    for place, wrong in ((q(0), 0), (q(-1, 10**9), 2), (q(1), 1)):
        margins, found = THEOREM.exact(Params(), x | {"alpha": [q(1), q(0), q(0)], "v": [q(0)] * 3, "place": place})
        assert found["wrong"] == wrong
        assert (margins[INSIDE] >= 0) == (wrong == 0)
        assert margins[UNIT] == 0
        assert (found["off"], found["on"]) == (q(7, 25), 1)


def test_contrast_is_needed():
    """alpha = (1, 1/4, 0): the third atom has 0.2604, the second -0.03."""
    judged = three((1, 0.25, 0))
    assert judged.word(SUPPORT) == SPARSE
    assert judged.word("contrast forgotten") == "violated"
    assert judged.best("off")[0] == pytest.approx(0.2604)
    assert judged.best("on")[0] == pytest.approx(-0.03)


def test_contrast_on_the_simplex_of_forty():
    """Twenty entries, one of them a tenth of the others: 4.78 off the support, 3.75 the other way on it."""
    D = dictionaries.simplex(40).D[None]
    alpha = np.r_[1.0, np.full(19, 10.0), np.zeros(21)][None]
    judged = judge(THEOREM, {"D": D, "mu": np.asarray([1 / 40]), "alpha": alpha, **one(v=np.zeros(40), place=0.5)})
    assert judged.word("contrast forgotten") == "violated"
    assert judged.word(SUPPORT) == SPARSE
    assert judged.best("off")[0] == pytest.approx(191 / 40)
    assert judged.best("on")[0] == pytest.approx(-150 / 40)


@pytest.mark.parametrize("name", instances.STANDARD)
def test_the_bounds_are_attained(name):
    """Where a victim has as many correlated atoms as are asked for, at every k."""
    for k in {1, dictionaries.admitted(draw(THEOREM, f"{name}, random", 1).x["mu"][0], HALF)}:
        off = draw(THEOREM, f"{name}, victim off", 16, k=k)
        assert off.word(OFF) == "holds"
        assert off.ratio(OFF).max() == pytest.approx(1, abs=1e-10)
        on = draw(THEOREM, f"{name}, victim on", 16, k=k)
        assert on.word(ON) == on.word(SOFT) == "holds"
        for claim in (ON, HARD, SOFT):
            decided = np.asarray(on.words(claim)) == "holds"
            assert on.ratio(claim)[decided].max() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("k", [1, 2, 10, 20])
def test_the_simplex_attains_least_squares_at_every_k(k):
    judged = draw(THEOREM, "simplex, victim on", 32, k=k)
    assert np.nanmax(judged.ratio(FIT)) == pytest.approx(1, abs=1e-8)
    assert set(judged.words(FIT)) <= {"holds", "undecided"}


@pytest.mark.parametrize(("n", "k"), [(7, 4), (19, 10), (39, 20)])
def test_k_exactly_at_the_limit_is_set_aside(n, k):
    for family in ("simplex, random", "simplex, victim off", "simplex, victim on"):
        assert draw(THEOREM, family, 4, dictionary="simplex", n=n, k=k).word(SUPPORT) == SPARSE
    below = draw(THEOREM, "simplex, random", 8, dictionary="simplex", n=n, k=k - 1)
    assert set(below.words(SUPPORT)) <= {"holds", "undecided"}


def test_noise_at_the_limit_is_set_aside():
    """For alpha = (1, 0, 0) the noise may have correlations below 0.36."""
    for size, word in ((0.36 - 1e-8, "holds"), (0.36, SPARSE), (0.37, SPARSE)):
        assert three((1, 0, 0), v=(-size, 0, 0)).word(SUPPORT) == word


def test_only_the_condition_with_contrast_is_missed():
    judged = three((1, 0.5, 0))
    assert judged.word(SUPPORT) == SPARSE
    assert NO_CONTRAST not in judged.words("contrast forgotten")


def test_columns_that_are_not_unit_are_set_aside():
    x = draw(THEOREM, "simplex, random", 4).x
    assert judge(THEOREM, x | {"D": x["D"] * (1 + 1e-9)}).word(OFF) == UNIT


def test_nothing_to_find():
    assert three((0, 0, 0)).word(SUPPORT) == SPARSE


@given(
    alpha=st.tuples(*[st.floats(-2, 2, width=32)] * 3),
    v=st.tuples(*[st.floats(-0.125, 0.125, width=32)] * 3),
    place=st.floats(0, 0.999),
)
@settings(max_examples=100)
def test_floats_never_contradict_rationals(alpha, v, place):
    judged = three(alpha, v, place)
    x = {name: np.vectorize(Fraction, otypes=[object])(a[0]).tolist() for name, a in judged.x.items()}
    _, found = THEOREM.exact(judged.p, x)
    wrong = judged.quantities["wrong"]
    assert wrong.lower[0] <= found["wrong"] <= wrong.upper[0]
    delta = judged.best("delta")[0]
    for name in ("off", "on", "epsilon", "beta"):
        assert abs(judged.best(name)[0] - float(found[name])) <= delta or not np.any(alpha)
    for name in ("error", "soft_error"):
        enclosure = judged.quantities[name]
        assert enclosure.lower[0] - delta <= float(found[name]) <= enclosure.upper[0] + 2 * delta
