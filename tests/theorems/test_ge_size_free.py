"""The root of the depth: the two forms, depth two and three, and what depends on the size after all."""

from __future__ import annotations

import math

import numpy as np
import pytest
from judge import draw, judge, one

from theorems.generalization import _rademacher as instances
from theorems.generalization.ge_size_free import THEOREM, THREE, TWO

HOLDS = tuple(c.name for c in THEOREM.claims if c.expects == "holds" and c.kind.label != "mean")
BOUND, PUBLISHED, SLIDES = "the complexity", "the published form", "slides: independent of the network size"
BELOW = "below 2^(d-1) from three layers on"


def at(points, depth=2, width=4):
    """One instance with these points."""
    m, D = np.shape(points)
    return one(x=points, d=depth, width=width, W=np.zeros((1, D)), w=[0], count=np.ones(m), xi=np.ones(m))


@pytest.mark.parametrize("depth", [1, 2, 3, 6])
def test_the_constants(depth):
    judged = judge(THEOREM, at([[3, 4]], depth))
    rooted = 1 + math.sqrt(2 * math.log(2) * (depth - 1))
    assert judged.outcomes[BOUND].bound[0] == pytest.approx(5 * rooted, rel=1e-12)
    assert judged.outcomes[PUBLISHED].bound[0] == pytest.approx(5 * (1 + math.sqrt(2 * math.log(2) * depth)), rel=1e-12)
    assert judged.word(BOUND) == judged.word(PUBLISHED) == "holds"
    assert judged.best("rooted")[0] == pytest.approx(rooted, rel=1e-12)


@pytest.mark.parametrize(("depth", "word"), [(2, "violated"), (3, "holds"), (6, "holds")])
def test_smaller_than_two_to_the_depth_from_three_layers_on(depth, word):
    judged = judge(THEOREM, at([[3, 4]], depth))
    assert judged.word("below 2^(d-1) at every depth") == word
    assert judged.word(BELOW) == (THREE if depth == 2 else word)


@pytest.mark.parametrize(("width", "word"), [(2, "undecided"), (3, "violated"), (16, "violated")])
def test_weights_of_magnitude_one(width, word):
    """f(x) = h |x|_1 is reached, of which h |x| is sure: 3 exceeds 2.18."""
    judged = judge(THEOREM, at([[1, 0]], width=width))
    assert judged.quantities["wide"].value[0] == width
    assert judged.word(SLIDES) == word
    assert judge(THEOREM, at([[1, 0]], 3)).word(SLIDES) == TWO


def test_the_data_ten_times_as_large():
    assert judge(THEOREM, at([[1, 0]])).word("the radius of the data dropped") == "holds"
    assert judge(THEOREM, at([[10, 0]])).word("the radius of the data dropped") == "violated"


def test_the_complexity_does_not_grow_with_the_depth():
    words = [judge(THEOREM, at([[3, 4]], d)).word("the complexity grows like 2^(d-1)") for d in (2, 3, 6)]
    assert words == [THREE, "violated", "violated"]


def test_linear_maps_are_exact():
    judged = judge(THEOREM, at([[1, 0], [0, 1]], 1))
    assert judged.best("complexity")[0] == pytest.approx(2**0.5, rel=1e-15)
    assert judged.ratio(BOUND)[0] == pytest.approx(1, abs=1e-12)


def test_searched_depths_lie_between_two_layers_and_the_obvious():
    for family in (instances.THREE, instances.SIX):
        judged = draw(THEOREM, family, 5)
        complexity = judged.quantities["complexity"]
        two = judge(THEOREM, judged.x | {"d": np.full(5, 2.0)}).quantities["complexity"]
        assert (complexity.value >= two.lower).all()
        assert (complexity.upper > complexity.value).all()


def test_operator_norms_exceed_two_point_eighteen():
    judged = draw(THEOREM, instances.OPERATOR, 4)
    assert judged.word("operator norms") == "violated"


@pytest.mark.parametrize("family", THEOREM.families)
def test_no_family_violates_what_should_hold(family):
    judged = draw(THEOREM, family, 12, seed=1)
    for claim in HOLDS:
        assert not {"violated", "undecided"} & set(judged.words(claim))


def test_the_factor_of_the_moments_is_below_its_two_closed_forms():
    """min over k of ((1 + 2^(1/2k)) / 2)^(d-1) ((2k-1)!!)^(1/2k), up to a million layers."""
    k = np.unique(np.round(np.geomspace(1, 1e6, 4000)))
    logarithm = np.asarray([math.lgamma(2 * v + 1) - math.lgamma(v + 1) - v * math.log(2) for v in k])
    layer = np.log1p((2 ** (1 / (2 * k)) - 1) / 2)
    for d in [*range(2, 100), *np.geomspace(100, 1e6, 50).round()]:
        factor = np.min((d - 1) * layer + logarithm / (2 * k))
        assert factor <= math.log1p(math.sqrt(math.log(2) * (d - 1)))
        assert factor <= (d - 1) * math.log((1 + math.sqrt(2)) / 2) * (1 + 1e-12)


def test_one_constant_is_proved_for_six_layers_and_not_for_seven():
    """min over k of the factor against 1 + sqrt(2 ln 2)."""

    def factor(d):
        odd = (math.prod(range(1, 2 * k, 2)) ** (1 / (2 * k)) for k in range(1, 40))
        return min(o * ((1 + 2 ** (1 / (2 * k))) / 2) ** (d - 1) for k, o in enumerate(odd, 1))

    assert factor(6) < 2.07 < 1 + math.sqrt(2 * math.log(2)) < factor(7)


@pytest.mark.parametrize("family", [instances.PLANE, instances.CIRCLE, instances.SPACE])
def test_two_layers_have_at_most_the_sharper_factor(family):
    judged = draw(THEOREM, family, 16)
    assert (judged.quantities["complexity"].upper <= (1 + math.sqrt(2)) / 2 * judged.best("S")).all()
