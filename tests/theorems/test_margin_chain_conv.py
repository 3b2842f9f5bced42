"""Convolutions and pooling in the margin bound: the two equalities by hand, and what each factor is for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from judge import draw, judge

from theorems.generalization.margin_chain_conv import DISJOINT, OTHER, THEOREM, Params

MARGIN = "input margin"
KERNEL = "slide: the norm of the kernel"
POOLING = "survey: any pooling"
HOLDS = tuple(c.name for c in THEOREM.claims if c.expects == "holds")


def instance(kernel, V, c, x, y, window=1, stride=1) -> dict:
    found = {name: np.asarray([v], dtype=float) for name, v in (("V", V), ("c", c), ("x", x), ("y", y))}
    kernel = np.asarray(kernel, dtype=float).reshape(1, 1, 1, -1)
    return {"kernel": kernel, **found, "window": np.asarray([window]), "stride": np.asarray([stride])}


SUMS = instance([1, 1, 1], [[1] * 4, [-1] * 4], [-6, 6], [1] * 4, [0.5] * 4)
ENTRY = instance([1], [[1, 1, 0], [-1, -1, 0]], [-1, 1], [0, 1, 0, 0], [0, 0.5, 0, 0], window=2)


def test_a_constant_signal_by_hand():
    """Outputs (6, -6) at x and (0, 0) at y, which is at the distance 1; the product is sqrt 8 times 3."""
    judged = judge(THEOREM, SUMS)
    assert judged.best("out")[0] == pytest.approx(6 * math.sqrt(2), rel=1e-15)
    assert judged.best("distance")[0] == 1
    assert judged.best("operator")[0] == pytest.approx(3, rel=1e-15)
    assert judged.best("kernel_norm")[0] == pytest.approx(math.sqrt(3), rel=1e-15)
    assert judged.best("frobenius")[0] == pytest.approx(math.sqrt(12), rel=1e-15)
    assert judged.ratio(MARGIN)[0] == pytest.approx(1, abs=1e-12)
    assert judged.word(KERNEL) == "violated"
    assert judged.ratio(KERNEL)[0] == pytest.approx(math.sqrt(3), abs=1e-12)
    for claim in HOLDS:
        assert judged.word(claim) == "holds"


def test_an_entry_that_two_windows_share_by_hand():
    judged = judge(THEOREM, ENTRY)
    assert judged.best("max_factor")[0] == math.sqrt(2)
    assert judged.best("out")[0] == pytest.approx(math.sqrt(2), rel=1e-15)
    assert judged.ratio(MARGIN)[0] == pytest.approx(1, abs=1e-12)
    assert judged.word(POOLING) == "violated"
    assert judged.ratio(POOLING)[0] == pytest.approx(math.sqrt(2), abs=1e-12)
    assert judged.word("survey: any pooling, disjoint windows") == DISJOINT


def test_disjoint_windows_need_no_factor():
    judged = judge(THEOREM, {**ENTRY, "V": np.asarray([[[1.0, 0], [-1, 0]]]), "c": np.asarray([[-0.5, 0.5]]),
                             "stride": np.asarray([2])})  # fmt: skip
    assert judged.best("max_factor")[0] == 1
    assert judged.word(POOLING) == judged.word("survey: any pooling, disjoint windows") == "holds"
    assert judged.ratio(MARGIN)[0] == pytest.approx(1, abs=1e-12)


def test_a_point_of_the_same_class_is_set_aside():
    judged = judge(THEOREM, {**SUMS, "y": np.full((1, 4), 0.75)})
    assert judged.word(MARGIN) == judged.word(KERNEL) == OTHER
    assert judged.word("the network") == "holds"


@pytest.mark.parametrize(("n", "word"), [(5, "violated"), (6, "holds")])
def test_zeros_around_the_signal(n, word):
    """(1, -1): 2 cos(pi / (2n + 2)) with zeros, 2 cos(pi / 2n) on an odd circle and 2 on an even one."""
    judged = judge(THEOREM, instance([1, -1], [[1] * n, [-1] * n], [0, 0], [1] + [0] * (n - 1), [0] * n))
    assert judged.best("padded")[0] == pytest.approx(2 * math.cos(math.pi / (2 * n + 2)), rel=1e-14)
    assert judged.best("operator")[0] == pytest.approx(2 * math.cos(math.pi / (2 * n)) if n % 2 else 2, rel=1e-14)
    assert judged.word("zero padding: the same grid") == word
    assert judged.word("zero padding") == "holds"


def test_alternating_signals_have_more_gain_than_constant_ones():
    judged = judge(THEOREM, instance([1, -1], [[1] * 4, [-1] * 4], [0, 0], [1, -1, 1, -1], [0] * 4))
    assert judged.best("still")[0] == 0
    assert judged.best("change")[0] == pytest.approx(4 * math.sqrt(2), rel=1e-15)
    assert judged.word("the gain of constant signals") == "violated"


def test_the_softmax_reaches_a_half_near_a_tie():
    x = {**SUMS, "x": np.full((1, 4), 0.5 + 1e-4)}
    judged = judge(THEOREM, x)
    assert judged.best("soft")[0] / judged.best("change")[0] == pytest.approx(0.5, abs=1e-6)
    assert judged.word("softmax") == "holds"
    assert judged.word("softmax with a quarter") == "violated"


def test_two_dimensions_have_the_norms_of_their_frequencies():
    judged = draw(THEOREM, "images", 40)
    assert judged.x["kernel"].shape[3:] == (2, 3)
    assert judged.word("operator norm") == judged.word("Frobenius norm") == "holds"
    assert (judged.best("frobenius") > judged.best("operator")).all()


@pytest.mark.parametrize("family", list(THEOREM.families))
def test_half_the_points_or_more_are_of_another_class_and_near_it(family):
    judged = draw(THEOREM, family, 200)
    words = judged.words(MARGIN)
    assert set(words) <= {"holds", OTHER}
    assert words.count("holds") > 60
    for claim in HOLDS:
        assert set(judged.words(claim)) <= {"holds", OTHER, DISJOINT}


@pytest.mark.parametrize("family", list(THEOREM.families))
def test_the_reference_measures_the_same(family):
    judged = draw(THEOREM, family, 3)
    for i in range(3):
        theirs = THEOREM.reference(Params(), {n: a[min(i, len(a) - 1) :][:1] for n, a in judged.x.items()})
        for name, value in theirs.items():
            ours = np.broadcast_to(judged.best(name), 3)[i]
            assert getattr(value, "value", value)[0] == pytest.approx(ours, rel=1e-10, abs=1e-12), name
