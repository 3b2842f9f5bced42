"""Regions of one layer: small layers by hand, the wrong counts, the closed forms, and the flats as a second path."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from judge import draw, judge, one

from theorems.expressivity.zaslavsky_regions import LISTED, THEOREM, _acyclic_orientations
from verify.kit import arrangements
from verify.kit.region_bounds import zaslavsky

HOLDS = tuple(c.name for c in THEOREM.claims if c.expects == "holds")
TRIANGLE = one(W=[[1, 0], [0, 1], [1, 1]], b=[0, 0, 1])
WRONG = {
    "slide: each layer divides the space in two": 2,
    "2^n regions": 8,
    "2n regions in the plane": 6,
    "at most Z(n, d - 1)": 4,
    "one region fewer": 6,
}


def test_three_lines_make_seven_regions():
    judged = judge(THEOREM, TRIANGLE)
    assert judged.best("regions")[0] == judged.best("zaslavsky")[0] == judged.best("by_vertices")[0] == 7
    for claim in HOLDS:
        assert judged.word(claim) in ("holds", *THEOREM.claim(claim).given)
    for claim, bound in WRONG.items():
        assert judged.word(claim) == "violated"
        assert judged.outcomes[claim].bound[0] == bound


@pytest.mark.parametrize("claim", WRONG)
def test_the_wrong_counts_are_refuted_by_the_triangle_drawn(claim):
    assert "violated" in draw(THEOREM, "three lines", 8).words(claim)


def test_without_bias_six_lines_make_twelve_regions():
    judged = judge(THEOREM, one(W=[[1, k] for k in range(6)], b=[0] * 6))
    assert judged.best("regions")[0] == judged.best("central")[0] == 12
    assert judged.word("no bias, generic normals: exactly so many") == "holds"
    claim = "Z(n, d) without bias"
    assert judged.word(claim) == "violated"
    assert judged.outcomes[claim].bound[0] == 22


def test_without_bias_dependent_normals_make_fewer():
    """x = 0, y = 0, x + y = 0 and z = 0: 6 times 2, where four generic planes make 14."""
    judged = judge(THEOREM, one(W=[[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]], b=[0] * 4))
    assert (judged.best("regions")[0], judged.best("central")[0]) == (12, 14)
    assert judged.word("no bias: at most 2 Z(n - 1, rank - 1)") == "holds"
    assert judged.word("no bias, generic normals: exactly so many") == "generic normals"


def test_parallel_lines():
    judged = judge(THEOREM, one(W=[[1, 2]] * 4, b=[0, 1, 2, 3]))
    assert judged.best("regions")[0] == judged.best("by_rank")[0] == 5
    assert judged.best("rank")[0] == 1
    assert judged.word("general position within the rank") == "holds"
    assert judged.word("general position: Z(n, d)") == "general position"
    assert judged.word("fewer where not") == "holds"
    assert judged.word("Z(n, d) in any position") == "violated"


def test_units_that_share_a_hyperplane_count_once_and_constant_units_do_not():
    judged = judge(THEOREM, one(W=[[1, 2], [-2, -4], [0, 0], [0, 0]], b=[3, -6, -1, 2]))
    assert (judged.best("planes")[0], judged.best("regions")[0]) == (1, 2)
    assert judged.word("slide: each unit divides the space in two") == "holds"
    assert judged.word("slide: each layer divides the space in two") == "holds"
    nothing = judge(THEOREM, one(W=[[0, 0]], b=[1]))
    assert (nothing.best("planes")[0], nothing.best("regions")[0]) == (0, 1)
    assert nothing.word("slide: each unit divides the space in two") == "n = 1"


def test_weights_that_are_not_integers_are_taken_as_they_are():
    """Of the floats nearest to 0.1, 0.2 and 0.3 the last is not the sum of the others; 3/8 is that of 1/8 and 1/4."""
    apart = judge(THEOREM, one(W=[[1, 0], [0, 1], [1, 1]], b=[-0.1, -0.2, -0.3]))
    assert apart.best("regions")[0] == 7
    eighths = judge(THEOREM, one(W=[[1, 0], [0, 1], [1, 1]], b=[-0.125, -0.25, -0.375]))
    assert eighths.best("regions")[0] == 6
    with pytest.raises((ValueError, OverflowError)):
        judge(THEOREM, one(W=[[np.nan, 0]], b=[1]))


@pytest.mark.parametrize("family", THEOREM.families)
def test_every_claim_holds_and_the_flats_count_the_same(family):
    judged = draw(THEOREM, family, 12)
    for claim in HOLDS:
        assert set(judged.words(claim)) <= {"holds", *THEOREM.claim(claim).given}
    for i in range(12):
        x = {name: a[i : i + 1] for name, a in judged.x.items()}
        theirs = THEOREM.reference(judged.p, x)
        assert theirs.keys() == judged.quantities.keys()
        for name, value in theirs.items():
            assert value[0] == judged.best(name)[i], name


def test_what_the_families_aim_at():
    generic = draw(THEOREM, "generic", 64)
    assert generic.words("general position: Z(n, d)").count("holds") >= 60
    assert set(generic.best("planes")) == set(range(1, 9))
    low = draw(THEOREM, "low rank", 64)
    assert (low.best("rank") < 3).all()
    assert low.words("general position within the rank").count("holds") >= 48
    small = draw(THEOREM, "small integers, plane", 64).words("general position: Z(n, d)")
    assert 8 <= small.count("holds") <= 56
    assert draw(THEOREM, "no bias", 64).word("no bias: at most 2 Z(n - 1, rank - 1)") == "holds"
    for family in (*LISTED, "graphs"):
        assert draw(THEOREM, family, 64).word("closed forms") == "holds"


@pytest.mark.parametrize("order", [2, 3, 5])
def test_every_listed_arrangement_has_its_closed_form(order):
    for table, _ in LISTED.values():
        for rows, closed in table(order):
            assert arrangements.regions(rows) == closed


def test_one_wrong_closed_form_is_seen():
    judged = draw(THEOREM, "reflections", 32)
    closed = judged.x["closed"].copy()
    closed[5] += 1
    words = judge(THEOREM, {**judged.x, "closed": closed}).words("closed forms")
    assert [i for i, word in enumerate(words) if word == "violated"] == [5]


def test_acyclic_orientations_one_by_one():
    """Every orientation of every graph on four vertices, tried by removing vertices without incoming edges."""
    pairs = list(combinations(range(4), 2))

    def acyclic(arrows: list[tuple[int, int]]) -> bool:
        left = set(range(4))
        while sources := {v for v in left if not any(b == v and a in left for a, b in arrows)}:
            left -= sources
        return not left

    for kept in product((False, True), repeat=len(pairs)):
        edges = [pair for pair, keep in zip(pairs, kept, strict=True) if keep]
        oriented = product(*([(a, b), (b, a)] for a, b in edges))
        assert _acyclic_orientations(4, kept) == sum(acyclic(list(arrows)) for arrows in oriented)


@pytest.mark.parametrize(("n", "d"), [(1, 1), (5, 1), (12, 2), (6, 4), (3, 6)])
def test_other_sizes(n, d):
    judged = draw(THEOREM, "generic", 16, n=n, d=d, weight=10**6)
    assert judged.best("planes").max() <= n
    expected = [zaslavsky(int(k), d) for k in judged.best("planes")]
    assert judged.best("regions").tolist() == expected
