"""Labels read off the sparsest representation: the margin at which they may change, in closed form on the simplex."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import draw, judge

from theorems.sparse_coding._pairs import AS_SPARSE, DENSE, FAMILIES, NOISE
from theorems.sparse_coding.adv_label_p0 import HALF_MARGIN, MARGIN, THEOREM
from verify.kit import dictionaries

LABEL, CHANGE, UNION = "the label", "change of a score", "change of a score, by the union"


def exchange(n: int, k: int, factor: float, **more: np.ndarray) -> dict[str, np.ndarray]:
    """On the simplex: alpha is -1 on k atoms, the other vector 1 on k others, weights 1 on all of them, and a margin of
    ``factor`` times 2 |w| epsilon / sqrt(1 - (2k - 1) mu) = |w| |h| = 2k."""
    D = dictionaries.simplex(n).D[None]
    places = np.arange(n + 1)[None]
    alpha, point = np.where(places < k, -1.0, 0.0), np.where((places >= k) & (places < 2 * k), 1.0, 0.0)
    v = (point - alpha) @ D[0].T / 2
    pair = {"alpha": alpha, "v": v, "radius": np.linalg.norm(v, axis=1), "point": point}
    w = np.where(places < 2 * k, 1.0, 0.0)[:, None, :]
    return {"D": D, "mu": np.asarray([1 / n]), **pair, "w": w, "c": np.asarray([[k - 2 * k * factor]]), **more}


@pytest.mark.parametrize(("n", "k"), [(2, 1), (9, 1), (12, 6), (40, 20)])
def test_the_margin_decides_on_the_simplex(n, k):
    """The score of alpha is c - k = -2k factor and that of the other vector 2k (1 - factor)."""
    kept, lost = judge(THEOREM, exchange(n, k, 1 + 1e-6)), judge(THEOREM, exchange(n, k, 1 - 1e-6))
    assert kept.word(LABEL) == "holds"
    assert lost.word(LABEL) == MARGIN
    assert lost.word("half of the margin") == "violated"
    assert lost.ratio(CHANGE)[0] == lost.ratio(UNION)[0] == pytest.approx(1, abs=1e-11)


def test_half_of_the_margin():
    assert judge(THEOREM, exchange(9, 2, 0.5 - 1e-9)).word("half of the margin") == HALF_MARGIN
    assert judge(THEOREM, exchange(9, 2, 0.5 + 1e-9)).word("half of the margin") == "violated"


def test_the_condition_on_k_is_the_margin():
    """k < (1 + (1 - (2 |w| epsilon / |f|)^2) / mu) / 2, for every k that the coherence admits."""
    n = 40
    for k in range(1, 21):
        for factor in (0.8, 0.999, 1.001, 1.5):
            x = exchange(n, k, factor)
            f = abs(x["c"][0, 0] + x["w"][0, 0] @ x["alpha"][0])
            short = 2 * np.linalg.norm(x["w"]) * x["radius"][0] / f
            below = k < (1 + n * (1 - short**2)) / 2
            assert below == (judge(THEOREM, x).word(LABEL) == "holds")


def test_several_classes_are_scores_of_the_label_against_the_others():
    """The label argmax_u (b_u + a_u^T alpha) stays while all the differences keep their sign."""
    judged = draw(THEOREM, "conference, random pairs", 64, classes=5)
    assert judged.x["w"].shape == (64, 4, 54)
    kept = np.asarray(judged.words(LABEL)) == "holds"
    assert kept.sum() > 16
    scores = [judged.x["c"] + np.einsum("brm,bm->br", judged.x["w"], judged.x[name]) for name in ("alpha", "point")]
    assert (scores[0] > 0).all()
    assert (scores[1][kept] > 0).all()


def test_a_score_within_its_rounding_is_undecided():
    x = exchange(9, 2, 1.0)
    middle = {**x, "point": x["alpha"].copy(), "v": 0 * x["v"]}
    judged = judge(THEOREM, {**middle, "c": np.asarray([[2.0]])})  # the score is exactly 0
    assert judged.word("whatever the margin") == "undecided"
    assert judged.word(LABEL) == MARGIN


def test_weights_off_the_support_count():
    """Weights on the atoms of the other vector alone: the support of alpha sees none of the change."""
    x = exchange(9, 2, 2.0)
    x["w"] = np.where(x["point"] > 0, 1.0, 0.0)[:, None, :]
    judged = judge(THEOREM, x)
    assert judged.best("own")[0, 0] == 0
    assert judged.word("weights on the support of alpha") == "violated"
    assert judged.word(CHANGE) == "holds"


def test_the_edges_of_the_hypotheses():
    x = exchange(9, 2, 2.0)
    assert judge(THEOREM, {**x, "radius": x["radius"] * (1 - 1e-9)}).word(LABEL) == NOISE
    assert draw(THEOREM, DENSE, 16).word(LABEL) == AS_SPARSE
    assert "violated" in draw(THEOREM, DENSE, 64).words("any feasible point")


def test_the_reference_finds_the_same():
    judged = draw(THEOREM, "transversal, random pairs", 3)
    for i in range(3):
        alone = judged.alone(i)
        theirs = THEOREM.reference(judged.p, alone)
        np.testing.assert_allclose(theirs["moved"][0], judged.best("moved")[i], rtol=1e-10)
        np.testing.assert_array_equal(theirs["flipped"].value[0], judged.best("flipped")[i])


@given(seed=st.integers(0, 2**31), family=st.sampled_from(sorted(FAMILIES)), classes=st.integers(2, 6))
@settings(max_examples=15)
def test_nothing_that_should_hold_is_violated(seed, family, classes):
    judged = draw(THEOREM, family, 4, seed, classes=classes)
    for claim in (LABEL, CHANGE, UNION):
        assert not {"violated", "undecided"} & set(judged.words(claim))
