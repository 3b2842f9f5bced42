"""The mean-value bound: by hand, in exact pieces, at kinks; the false neighbours where they fail and where not."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from judge import draw, judge, one

from theorems.generalization.jac_mean_value import THEOREM, _exact_pieces

HOLDS = tuple(c.name for c in THEOREM.claims if c.expects == "holds")
STEP = one(W1=[[1], [1]], b1=[1, -1], V=[[1, -1]], c=[0], start=[-2], end=[2])
DIAMOND = one(
    W1=[[1]] * 4, b1=[0, -1, -2, -3], V=[[-1, 0, 2, 0], [1, -2, 0, 2]], c=[1, 0], start=[0], end=[4]
)  # (1, 0), (0, 1), (-1, 0), (0, -1) and back


def test_a_step_moves_by_two_and_has_slope_one_in_its_middle():
    judged = judge(THEOREM, STEP)
    assert judged.best("secant")[0] == 2
    assert judged.best("length")[0] == 4
    assert judged.best("spectral")[0] == judged.best("frobenius")[0] == 1
    assert judged.best("mean")[0] == 0.5
    assert judged.best("here")[0] == judged.best("ends")[0] == 0
    assert judged.best("pieces")[0] == 3
    assert judged.ratio("mean of the spectral norm")[0] == pytest.approx(1, abs=1e-12)
    assert judged.ratio("slide: the quotient of the squares")[0] == pytest.approx(0.25, abs=1e-12)
    assert judged.word("the Jacobian at x") == judged.word("the Jacobians at both ends") == "violated"
    # One output has the mean slope 1/2 between those on the two sides of a kink.
    assert judged.word("equality with a Jacobian of the segment") == "holds"


def test_a_closed_curve_comes_back_and_no_jacobian_says_so():
    judged = judge(THEOREM, DIAMOND)
    assert judged.best("secant")[0] == 0
    # Between (-1, 1) and (-1, -1) the shortest is (-1, 0), times the length 4.
    assert judged.best("gap")[0] == 4
    assert judged.word("equality with a Jacobian of the segment") == "violated"
    assert all(judged.word(claim) == "holds" for claim in HOLDS)


def test_two_equal_outputs_move_by_the_square_root_of_two():
    x = one(W1=[[1]], b1=[0], V=[[1], [1]], c=[0, 0], start=[0], end=[3])
    judged = judge(THEOREM, x)
    assert judged.word("the steepest output alone") == "violated"
    assert judged.ratio("the steepest output alone")[0] == pytest.approx(2**0.5, abs=1e-12)
    assert judged.ratio("largest Frobenius norm")[0] == pytest.approx(1, abs=1e-12)


def test_with_rank_one_along_the_singular_vector_every_bound_is_attained():
    judged = draw(THEOREM, "one piece", 60)
    assert judged.ratio("largest spectral norm") == pytest.approx(1, abs=1e-11)
    frobenius = judged.ratio("largest Frobenius norm")
    assert 10 <= np.sum(frobenius > 1 - 1e-11) <= 50
    assert frobenius.max() <= 1


def test_a_neuron_that_is_zero_all_along_counts_on_either_side():
    """z = 3 relu(x1) - relu(-x1) + relu(x2) along x1 = 0: both 3 and 1 are slopes beside it, and neither is used."""
    x = one(W1=[[1, 0], [-1, 0], [0, 1]], b1=[0, 0, 0], V=[[3, -1, 1]], c=[0], start=[0, 1], end=[0, 3])
    judged = judge(THEOREM, x)
    assert judged.best("secant")[0] == 2
    assert judged.best("defect")[0] == 0
    assert judged.best("mean")[0] == 1
    assert judged.best("spectral")[0] == pytest.approx(17**0.5)  # both active: (4, 1)
    assert all(judged.word(claim) == "holds" for claim in HOLDS)
    assert judged.word("the Jacobian at x") == "no kink at x or x'"


def test_a_segment_of_length_zero_is_set_aside_where_it_divides():
    judged = judge(THEOREM, STEP | one(end=[-2]))
    assert judged.word("slide: the quotient of the squares") == "x' is not x"
    assert judged.word("largest Frobenius norm") == "holds"


def test_the_exact_pieces_by_hand():
    pieces = _exact_pieces(STEP)
    assert [(a, b) for a, b, _ in pieces] == [
        (Fraction(0), Fraction(1, 4)), (Fraction(1, 4), Fraction(3, 4)), (Fraction(3, 4), Fraction(1)),
    ]  # fmt: skip
    assert [pattern for *_, pattern in pieces] == [[[False, False]], [[True, False]], [[True, True]]]


@pytest.mark.parametrize("family", [f for f in THEOREM.families if f != "inside a kink"])
def test_the_rationals_measure_the_same(family):
    judged = draw(THEOREM, family, 12)
    for i in range(12):
        x = {name: a[i : i + 1] for name, a in judged.x.items()}
        theirs = THEOREM.reference(judged.p, x)
        for name in ("mean", "secant", "here"):
            assert theirs[name] == pytest.approx(judged.best(name)[i : i + 1], rel=1e-9, abs=1e-12)
        # Where neurons vanish together a float may count a Jacobian more.
        assert theirs["frobenius"].value[0] <= judged.quantities["frobenius"].upper[i]


def test_a_denser_look_finds_no_steeper_place():
    judged = draw(THEOREM, "random", 30)
    x, t = judged.x, np.linspace(0, 1, 801)[None, :, None]
    from theorems.expressivity._networks import network
    from verify.kit.jacobians import jacobians

    J = jacobians(network(x), x["start"][:, None, :] + t * (x["end"] - x["start"])[:, None, :])
    sampled = np.sqrt(np.sum(J**2, axis=(2, 3))).max(axis=1)
    assert (sampled <= judged.quantities["frobenius"].upper).all()
    assert np.median(sampled / judged.best("frobenius")) > 1 - 1e-9
