"""The margin bound: exact probabilities by hand, the learners, the errors of drawn classifiers, what is false."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from judge import draw, judge

from theorems.expressivity import _networks as networks
from theorems.generalization.ge_margin import (
    CELLS,
    GRID,
    INTERVALS,
    NEAREST,
    PARTS,
    SIDE,
    THEOREM,
    WIDTHS,
    WORST,
    _all_sets,
    _network_error,
    cells_of_a_side,
    polygon_points,
)

SLIDE = "slide: |GE| <= sqrt(N/L), always"
EXACT = [c.name for c in THEOREM.claims if c.given[0] == "finite space" and c.expects == "holds"]


def space(places, labels, weights, *, gamma, size, classes, learner=NEAREST):
    whole = {"places": places, "labels": labels}
    single = {"gamma": gamma, "size": size, "classes": classes, "learner": learner}
    return {
        **{name: np.asarray([a], dtype=np.int64) for name, a in whole.items()},
        "weights": np.asarray([weights], dtype=float),
        **{name: np.asarray([v], dtype=np.int64) for name, v in single.items()},
    }


FOUR = space([0, 1, 2, 3], [0, 1, 2, 3], [1, 1, 1, 1], gamma=3, size=2, classes=4)


def probability(judged, name: str) -> float:
    return float(judged.best(name)[0] / judged.best("total")[0])


def test_four_labels_in_one_ball_fail_with_probability_one_quarter():
    judged = judge(THEOREM, FOUR)
    assert (judged.best("balls")[0], judged.best("pairs")[0], judged.best("total")[0]) == (1, 4, 16)
    assert judged.best("failing_slide")[0] == judged.best("certain")[0] == 4
    assert judged.best("largest")[0] == 0.75 > math.sqrt(1 / 2)
    assert judged.word(SLIDE) == "violated"
    assert judged.word("four labels: probability 1/4") == judged.word("four labels: always, given H") == "holds"
    assert judged.word("classes dropped: N for K") == "violated"
    assert all(judged.word(claim) in ("holds", "two classes") for claim in EXACT)


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (space([0, 1, 2, 3], [0, 1, 2, 3], [29, 29, 29, 13], gamma=3, size=2, classes=4), 0.2692),
        (space(range(10), range(10), [1] * 10, gamma=9, size=2, classes=10), 0.1),
        (space([0, 1, 2], [0, 1, 2], [1, 1, 1], gamma=2, size=3, classes=3), 1 / 9),
        (space([0, 1], [0, 1], [1, 1], gamma=1, size=5, classes=2), 1 / 16),
        # Two far cells with a label each: seen is one of them alone.
        (space([0, 100], [0, 1], [1, 1], gamma=10, size=9, classes=2), 2 * 2.0**-9),
    ],
)
def test_how_often_the_slides_bound_fails(x, expected):
    judged = judge(THEOREM, x)
    assert probability(judged, "failing_slide") == pytest.approx(expected, abs=1e-12)
    assert all(judged.word(claim) in ("holds", "two classes") for claim in EXACT)


def test_with_the_slides_sign_nothing_can_be_violated():
    judged = judge(THEOREM, FOUR)
    assert judged.best("signed")[0] == -3  # GE = -3/4 times W = 4
    assert judged.word("slide with its own sign of GE") == judged.word("which is never positive: no content") == "holds"


def test_the_probabilities_of_the_sets_add_up():
    x = space([0, 2, 3, 7], [0, 1, 1, 0], [1, 2, 3, 4], gamma=2, size=4, classes=2)
    counts, *_ = _all_sets(x)
    assert counts.sum() == 10**4
    assert counts.min() >= 0
    assert counts[0, 0] == 1  # four times the first point
    assert counts[0, -1] == 24 * 1 * 2 * 3 * 4


def test_two_far_cells_have_the_missing_mass():
    """P(one of two equal cells is not visited) = 2 / 2^L, and then half of the mass is missing."""
    x = space([0, 100], [0, 1], [1, 1], gamma=10, size=3, classes=2)
    judged = judge(THEOREM, x)
    assert judged.best("loss")[0] / (judged.best("total")[0] * 2) == 0.125
    assert judged.best("loss")[0] == judged.best("missing")[0]
    assert judged.word("(4) mean missing mass") == "holds"


def test_the_learners_on_three_points():
    """Places 0, 3, 4 with the labels 0, 1, 0 and gamma 2: the last two share a cell."""
    x = space([0, 3, 4], [0, 1, 0], [1, 1, 1], gamma=2, size=1, classes=2)
    for learner, errors in ((NEAREST, (1, 2, 1)), (CELLS, (1, 1, 1)), (WORST, (2, 2, 2))):
        _, found, *_ = _all_sets(x | {"learner": np.asarray([learner])})
        assert tuple(found[0, 2**k - 1] for k in range(3)) == errors, learner


def test_one_point_far_away_is_no_margin_for_the_others():
    x = space([0, 1, 2, 3, 4, 100], [0, 1, 0, 1, 0, 1], [1] * 6, gamma=4, size=5, classes=2)
    judged = judge(THEOREM, x)
    assert judged.word("the average margin") == "violated"
    assert judged.word("(4) mean missing mass") == "holds"


def test_balls_must_have_the_radius_of_half_a_margin():
    """Two places 2 apart with gamma = 1: balls of radius 1 see one cell, and the worst learner two."""
    x = space([0, 2], [0, 0], [1, 1], gamma=1, size=2, classes=2, learner=WORST)
    judged = judge(THEOREM, x)
    assert judged.best("balls")[0] == 2
    assert judged.best("missing_wide")[0] == 0
    assert judged.word("balls of radius gamma") == "violated"


@pytest.mark.parametrize("family", ["nearest neighbour", "label of the cell", "worst learner", "crowd and hermit"])
def test_the_multisets_measure_the_same(family):
    judged = draw(THEOREM, family, 20)
    for i in range(20):
        theirs = THEOREM.reference(judged.p, {name: a[i : i + 1] for name, a in judged.x.items()})
        for name in ("certain", "failing", "failing_slide", "loss", "loss_average", "missing", "signed"):
            assert theirs[name][0] == judged.best(name)[i], (i, name)


# ------------------------------------------------------------------------------------------------- draws


def test_a_side_has_so_many_cells():
    assert pytest.approx(2 * math.sin(math.pi / 12)) == SIDE
    assert GRID == (0.05, 0.1, 0.2)
    assert cells_of_a_side() == (11, 6, 3)
    ends = polygon_points(np.asarray([[0, 0]]), np.asarray([[0.0, 1.0]]))
    assert np.linalg.norm(ends[0, 1] - ends[0, 0]) == pytest.approx(SIDE)
    assert np.linalg.norm(ends, axis=-1) == pytest.approx(1)


def intervals(side, u):
    return {"side": np.asarray([side]), "u": np.asarray([u], dtype=float), "size": np.asarray([len(side)])}


def test_the_nearest_neighbour_on_two_sides_by_hand():
    """Points at 0.5 and 2.5, labels 0 and 1: the boundary is at 1.5, and everything from 4 on gets the label 1."""
    judged = judge(THEOREM, intervals([0, 1], [0.5, 0.5]))
    assert judged.best("error")[0] == pytest.approx(2 / 6)
    assert judged.best("unseen")[0] == pytest.approx([1 - 2 / (PARTS * c) for c in cells_of_a_side()])
    assert judged.word("error at most the mass not visited") == "holds"


def test_a_side_that_was_not_visited_has_the_label_of_its_nearest_neighbour():
    # The middle of 0.5 and 6.5 is 3.5: [2, 3] is called 0, and [4, 5] and [8, 9] are called 1.
    assert judge(THEOREM, intervals([0, 3], [0.5, 0.5])).best("error")[0] == pytest.approx(3 / 6)
    # The middles of 0, 6, 8 and 10 are 3, 7 and 9: [2, 3] is called 0, [4, 5] is called 1.
    assert judge(THEOREM, intervals([0, 3, 4, 5], [0.0] * 4)).best("error")[0] == pytest.approx(2 / 6)
    # One label alone is given to all.
    assert judge(THEOREM, intervals([2, 2], [0.25, 0.5])).best("error")[0] == pytest.approx(3 / 6)
    assert judge(THEOREM, intervals([0, 1, 2, 3, 4, 5], [0.9, 0.1] * 3)).best("error")[0] == 0


def test_every_drawn_classifier_is_within_the_mass_not_visited():
    for family in (INTERVALS, *WIDTHS):
        judged = draw(THEOREM, family, 32)
        assert judged.word("error at most the mass not visited") == "holds"
        assert (judged.best("error") > 0).sum() >= 3


@pytest.mark.parametrize("family", WIDTHS)
def test_the_error_of_a_network_agrees_with_many_points(family):
    judged = draw(THEOREM, family, 6, steps=60)
    network = networks.network(judged.x)
    error = _network_error(network)
    t = (np.arange(20_000) + 0.5) / 20_000
    side = np.arange(PARTS)[:, None] + np.zeros(len(t), dtype=int)
    points = polygon_points(side, t + 0 * side).reshape(1, -1, 2)
    for i in range(6):
        one = networks.network({name: a[i : i + 1] for name, a in judged.x.items()})
        wrong = np.argmax(one.outputs(points)[0], axis=-1) != side.reshape(-1) % 2
        assert error.value[i] == pytest.approx(wrong.mean(), abs=1e-3)
    assert (error.upper - error.lower <= 1e-9).all()


@pytest.mark.parametrize("family", [INTERVALS, *WIDTHS])
def test_the_reference_agrees_on_draws(family):
    judged = draw(THEOREM, family, 3)
    for i in range(3):
        theirs = THEOREM.reference(judged.p, {name: a[i : i + 1] for name, a in judged.x.items()})
        ours = judged.quantities["errors"].each(lambda a, i=i: a[i : i + 1])
        assert (theirs["errors"].lower <= ours.upper).all()
        assert (ours.lower <= theirs["errors"].upper).all()
        assert theirs["unseen"].value == pytest.approx(judged.best("unseen")[i : i + 1])


def test_repeated_points_are_those_that_were_drawn():
    judged = draw(THEOREM, INTERVALS, 20)
    for side, u, size in zip(judged.x["side"], judged.x["u"], judged.x["size"], strict=True):
        pairs = {*zip(side.tolist(), u.tolist(), strict=True)}
        assert len(pairs) == size


@pytest.mark.parametrize("L", [1, 2, 3, 7])
@pytest.mark.parametrize("K", [2, 3, 5])
def test_the_sharper_bounds_of_the_missing_mass(K, L):
    """Against its exact law, for random laws of the pairs and for those at which single terms are largest."""
    sets = np.asarray(list(product((False, True), repeat=K)))
    laws = [*np.random.default_rng(K * L).dirichlet([0.5] * K, 200), np.full(K, 1 / K)]
    laws += [
        np.asarray([*[1 / (L + 1)] * j, *[(1 - j / (L + 1)) / (K - j)] * (K - j)]) for j in range(1, min(K, L + 1))
    ]
    k = max(K, L + 1)
    for mu in laws:
        # No point outside a set of seen pairs, by inclusion and exclusion: the law of the set that is missed.
        within = (sets @ mu) ** L
        chance = [
            sum((-1) ** (a.sum() - b.sum()) * w for b, w in zip(sets, within, strict=True) if not (b & ~a).any())
            for a in sets
        ]
        missing = 1 - sets @ mu
        mean = float(missing @ chance)
        assert mean <= min((1 - 1 / k) ** L, K / (math.e * L), (K - 1) / (2 * L)) * (1 + 1e-12)
        for t in missing[missing > 1e-12]:
            tail = sum(c for c, u in zip(chance, missing, strict=True) if u >= t - 1e-12) - 1e-12
            assert tail <= (2**K - 2) * (1 - t) ** L * (1 + 1e-9)
            assert tail <= 2 ** (K - 1) * math.exp(-2 * L * t * t)
            assert t <= mean or tail <= math.exp(-L * (t - mean) ** 2)


def test_the_worst_network_on_far_cells_errs_on_all_that_it_missed():
    judged = draw(THEOREM, "far cells, 100 draws", 20)
    assert (judged.best("error") == judged.best("unseen")[:, 0]).all()
    assert abs(judged.best("error").mean() - (1 - 1 / 400) ** 100) < 0.02
