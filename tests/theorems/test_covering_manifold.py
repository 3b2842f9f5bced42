"""Covering numbers: a single point, a hidden centre, a torus, the circle; brute force, and what encloses the circle."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from judge import draw, judge

from theorems.generalization.covering_manifold import BALL, CIRCLE, FINE, INSIDE, PLANE, SHORT, THEOREM, TORUS, Params

CHAIN = ("P(2 eps) <= N_ext", "N_ext <= N_int", "N_int <= P", "N_int(2 eps) <= N_ext")
HOLDS = tuple(c.name for c in THEOREM.claims if c.expects == "holds")


def finite(points, inside=None, square=1.0, side=0.0, ball=0.0, full=0.0) -> dict:
    inside = [1.0] * len(points) if inside is None else inside
    named = {"points": points, "inside": inside, "square": square, "side": side, "ball": ball, "full": full}
    return {name: np.asarray([v], dtype=float) for name, v in named.items()}


def circle(*radii: float, corners: int = 31) -> dict:
    return {"radius": np.asarray(radii), "corners": np.full(len(radii), float(corners))}


def numbers(judged, *names: str) -> list[int]:
    return [int(judged.best(name)[0]) for name in names]


def test_a_point_alone_makes_everything_one():
    judged = judge(THEOREM, finite([[2, 3]]))
    assert numbers(judged, "external", "internal", "packing", "packing_wide", "internal_wide") == [1] * 5
    for claim in CHAIN:
        assert judged.ratio(claim)[0] == 1


def test_four_points_around_one_that_is_not_of_the_set():
    judged = judge(THEOREM, finite([[1, 0], [-1, 0], [0, 1], [0, -1], [0, 0]], [1, 1, 1, 1, 0]))
    assert numbers(judged, "external", "internal", "packing", "packing_wide") == [1, 4, 4, 1]
    assert judged.word("centres outside never help") == judged.word("the factor two left out") == "violated"
    # Four balls about the points, one of twice the radius.
    assert numbers(judged, "greedy_low", "greedy_high") == [1, 4]


def test_seven_squares_cover_the_torus_of_side_seven():
    grid = [[a, b] for a in range(7) for b in range(7)]
    judged = judge(THEOREM, finite(grid, side=7.0))
    assert numbers(judged, "external", "torus_low", "torus_high") == [7, 7, 9]
    assert judged.word("torus: nothing beats a product") == "violated"
    assert judged.word("torus: row by row") == "holds"
    assert judged.word("ball: by area") == BALL
    assert judged.word("greedy choices: not more than N_ext") == PLANE


def test_the_whole_numbers_of_a_ball():
    disc = [[a, b] for a in range(-2, 3) for b in range(-2, 3) if a * a + b * b <= 4]
    judged = judge(THEOREM, finite(disc, square=2.0, ball=2.0, full=1.0))
    assert len(disc) == 13
    assert judged.best("external")[0] == brute_cover(disc, 2)
    area, packing = judged.outcomes["ball: by area"], judged.outcomes["ball: (1 + 2/eps)^2"]
    assert area.bound[0] == pytest.approx(((2 - 0.5**0.5) / (2**0.5 + 0.5**0.5)) ** 2, rel=1e-14)
    assert packing.bound[0] == pytest.approx((1 + 2 * 2**0.5) ** 2, rel=1e-14)


def test_below_a_half_every_point_needs_a_ball():
    judged = draw(THEOREM, "small radii", 12, ball=4)
    points = {2: 13, 3: 29, 4: 49}
    for i, R in enumerate(judged.x["ball"]):
        assert [judged.best(name)[i] for name in ("external", "internal_wide", "packing_wide")] == [points[R]] * 3


def test_points_of_a_triangular_lattice_are_a_packing_that_no_smaller_exponent_allows():
    judged = draw(THEOREM, "triangles", 40)
    square, packing = judged.x["square"], judged.best("packing")
    assert set(packing) == {1, 7, 19}
    rooted = 1 + 2 * judged.x["ball"] / np.sqrt(square)
    assert (packing <= rooted**2).all()
    assert (rooted[packing == 19] ** 1.8 < 19).all()
    assert set(judged.words("ball: by area")) == {BALL}


def test_the_half_diagonal_of_the_radius_may_be_dropped():
    """Balls about whole numbers hold as many points of the ball as the one at 0, at most; from 8 on the density."""
    assert 2 * math.pi / 27**0.5 * (1 - 0.5**0.5 / 8) ** 2 > 1
    for R in range(2, 8):
        squares = [a * a + b * b for a in range(-R, R + 1) for b in range(-R, R + 1)]
        size = sum(s <= R * R for s in squares)
        for square in range(1, R * R):
            fewest = -(-size // sum(s <= square for s in squares))
            assert fewest >= (R / (square**0.5 + 0.5**0.5)) ** 2


def brute_cover(points, square) -> int:
    p = np.asarray(points)
    near = ((p[:, None] - p) ** 2).sum(axis=-1) <= square
    return next(t for t in range(1, len(p) + 1) for s in combinations(range(len(p)), t) if near[:, s].any(axis=1).all())


def test_small_sets_by_brute_force():
    judged = draw(THEOREM, "plane", 30, points=6, centres=0)
    for i in range(30):
        points, square = judged.x["points"][i], judged.x["square"][i]
        assert judged.best("internal")[i] == judged.best("external")[i] == brute_cover(points, square)
        assert judged.best("internal_wide")[i] == brute_cover(points, 4 * square)


@pytest.mark.parametrize(
    ("radius", "internal", "external", "packing"), [(0.5, 7, 6, 12), (1.0, 3, 1, 5), (1.2, 3, 1, 4), (2.0, 1, 1, 1)]
)
def test_the_circle_by_hand(radius, internal, external, packing):
    judged = judge(THEOREM, circle(radius))
    found = numbers(judged, "circle_internal", "circle_external", "circle_packing")
    assert found == [internal, external, packing]
    for claim in HOLDS:
        assert judged.word(claim) in ("holds", PLANE, INSIDE, BALL, TORUS)


def test_the_polygon_closes_in_on_the_circle():
    """With more corners both sides meet the formula, apart from radii near a jump."""
    judged = judge(THEOREM, circle(0.37, 0.55, 0.83, 1.27, 1.6, corners=96))
    for low, value, high in (
        ("internal_low", "circle_internal", "internal_high"),
        ("external", "circle_external", "external_high"),
        ("packing", "circle_packing", "packing_high"),
    ):
        assert (judged.best(low) <= judged.best(value)).all()
        assert (judged.best(value) <= judged.best(high)).all()
        assert (judged.best(high) - judged.best(low) <= 3).all()


def test_the_constant_of_the_circle():
    judged = judge(THEOREM, circle(1.41421, 4.2, 4.3))
    words = judged.words("circle: 3 sqrt 2 / eps for all eps")
    assert words == ["holds", "holds", "violated"]
    assert judged.ratio("circle: 3 sqrt 2 / eps")[0] == pytest.approx(1, abs=1e-5)
    assert judged.words("circle: 4 / eps") == ["violated", SHORT, SHORT]


def test_a_polygon_too_coarse_says_nothing_from_above():
    judged = judge(THEOREM, circle(0.2))
    assert judged.word("circle, N_int from above") == FINE
    assert judged.word("circle, N_int from below") == "holds"
    assert judge(THEOREM, finite([[0, 0]])).word("circle, N_int from below") == CIRCLE


def test_the_external_formula_at_a_half():
    judged = judge(THEOREM, circle(0.5))
    assert judged.word("circle: the external formula for internal centres") == "violated"
    assert judged.best("internal_low")[0] == 7 == math.ceil(math.pi / (2 * math.asin(0.25)))


@pytest.mark.parametrize("family", list(THEOREM.families))
def test_the_reference_counts_the_same(family):
    p = Params(torus=5)
    judged = draw(THEOREM, family, 3, torus=5)
    for i in range(3):
        theirs = THEOREM.reference(p, {n: a[min(i, len(a) - 1) :][:1] for n, a in judged.x.items()})
        for name, value in theirs.items():
            assert value[0] == pytest.approx(judged.best(name)[i], rel=1e-12), name
