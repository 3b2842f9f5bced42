"""Thresholding against basis pursuit: closed forms of both errors, who wins on which side of the crossing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import draw, judge

from theorems.sparse_coding.thr_vs_bp import (
    EQUIANGULAR,
    FAMILIES,
    LITTLE,
    NEAR,
    NOISE,
    NOISES,
    PROPER,
    THEOREM,
    THIRD,
    UNIT,
    Params,
)
from verify.kit import dictionaries

THR, BP = "thresholding: error", "basis pursuit: error"
ONE, TWO, LEAST = (
    "one non-zero: thresholding is twice as near",
    "two non-zeros, little noise: basis pursuit is nearer",
    "two non-zeros: thresholding is wrong by the coherence",
)
SLIDE = "slide: basis pursuit is always nearer"


def one_spike(size, epsilon, along):
    """Identity and Hadamard, 64 rows; noise of length epsilon along the atom, or against it."""
    D = dictionaries.identity_hadamard(64).D
    alpha, v = np.zeros((1, 128)), np.zeros((1, 64))
    alpha[0, 3], v[0, 3] = size, along * NEAR * epsilon
    return {"D": D[None], "mu": np.asarray([1 / 8]), "alpha": alpha, "v": v, "radius": np.asarray([epsilon])}


@pytest.mark.parametrize(("along", "bp"), [(1, 0.3), (-1, 0.5)])
def test_one_spike_by_hand(along, bp):
    """Magnitude 1, epsilon 0.1: thresholding is wrong by epsilon, basis pursuit by 3 or 5 epsilon."""
    judged = judge(THEOREM, one_spike(1.0, 0.1, along))
    assert judged.best("thr_error") == pytest.approx([0.1], rel=1e-5)
    assert judged.best("bp_error") == pytest.approx([bp], rel=1e-5)
    assert judged.word(ONE) == judged.word(THR) == judged.word(BP) == "holds"
    assert judged.word(SLIDE) == "violated"


def test_a_spike_below_four_epsilon_is_lost():
    judged = judge(THEOREM, one_spike(0.25, 0.1, 1))
    assert judged.best("bp_error") == pytest.approx([0.25])
    assert judged.best("thr_error") == pytest.approx([0.1], rel=1e-5)
    assert judged.word(ONE) == "holds"


@pytest.mark.parametrize("k", [1, 2, 5, 13])
def test_the_simplex_attains_the_bound_of_basis_pursuit(k):
    judged = draw(THEOREM, "simplex, worst noise", 16, k=k)
    epsilon, room = judged.x["radius"], 1 - (k - 1) / 40
    assert judged.best("bp_error") == pytest.approx(epsilon * (4 * k**0.5 / room + NEAR / room**0.5), rel=1e-9)
    assert judged.word(BP) == "holds"
    assert (judged.ratio(BP) > 0.999999).all()
    assert judged.best("thr_error") == pytest.approx(k**0.5 * (k - 1) / 40 + NEAR * epsilon * room**0.5, rel=1e-9)


def test_opposite_signs_attain_the_lower_bound_of_thresholding():
    judged = draw(THEOREM, "simplex, noise against the coherence", 32)
    exact = 2**0.5 / 40 - NEAR * judged.x["radius"] * (1 + 1 / 40) ** 0.5
    assert judged.best("thr_error") == pytest.approx(np.abs(exact), rel=1e-7)
    assert judged.word(LEAST) == "holds"


def test_the_smallest_spike_that_is_admitted():
    judged = draw(THEOREM, "simplex, one non-zero", 64)
    assert judged.word(ONE) == "holds"
    assert judged.ratio(ONE).max() == pytest.approx(1 - 1 / 40, abs=2e-4)


def test_who_wins_depends_on_the_noise():
    """Conference frame, two entries of magnitude 1: the crossing of the bounds is at mu/6.5 = 0.0211."""
    judged = draw(THEOREM, "conference, noise", 400)
    epsilon = judged.x["radius"]
    assert np.unique(epsilon) == pytest.approx(np.asarray(NOISES))
    nearer = judged.best("bp_error") < judged.best("thr_error")
    assert nearer[epsilon < 0.0105].all()
    assert not nearer[epsilon > 0.05].any()


def test_in_two_bases_every_second_pair_is_orthogonal():
    """Both atoms in one half: thresholding has no coherence to suffer from, at any noise."""
    judged = draw(THEOREM, "identity and Hadamard, noise", 200)
    halves = (judged.x["alpha"][:, :64] != 0).sum(axis=1)
    nearer = judged.best("bp_error") < judged.best("thr_error")
    little = judged.x["radius"] < 0.005
    assert not nearer[halves != 1].any()
    assert nearer[(halves == 1) & little].all()


def test_contrast_hurts_thresholding_alone():
    judged = draw(THEOREM, "simplex, contrast", 200)
    contrast, epsilon = judged.best("contrast"), 0.002
    assert set(np.round(contrast)) == {1, 2, 4, 8, 16, 32, 64}
    assert judged.best("bp_error").max() < 7 * epsilon * 2**0.5
    lost = contrast == 64  # magnitudes 64 and 1: the correlations of others with the large one are 1.6
    assert judged.best("thr_error")[lost] == pytest.approx(np.ones(lost.sum()), abs=0.1)
    assert judged.best("thr_error")[contrast == 1].max() < 0.06


def test_k_at_its_limit_is_set_aside():
    """Simplex: 3 k = 1 + n exactly at n = 11, k = 4."""
    assert draw(THEOREM, "simplex, worst noise", 4, dictionary="simplex", n=11, k=4).word(BP) == THIRD
    assert draw(THEOREM, "simplex, worst noise", 4, dictionary="simplex", n=11, k=3).word(BP) == "holds"


def test_the_edges_of_the_other_hypotheses():
    spike = one_spike(1.0, 0.1, 1)
    assert judge(THEOREM, one_spike(2 * 0.1 / (1 - 1 / 8) * (1 - 1e-6), 0.1, 1)).word(THR) == PROPER
    assert judge(THEOREM, spike | {"v": 1.001 * spike["v"] / NEAR}).word(THR) == NOISE
    assert judge(THEOREM, spike | {"D": 1.001 * spike["D"]}).word(THR) == UNIT
    assert EQUIANGULAR in draw(THEOREM, "identity and Hadamard, noise", 4).word(LEAST)
    assert LITTLE in draw(THEOREM, "conference, noise", 32).words(TWO)


@pytest.mark.parametrize("family", FAMILIES)
def test_both_pursuits_agree_with_the_reference(family):
    judged = draw(THEOREM, family, 3)
    for i in range(3):
        alone = judged.alone(i)
        theirs = THEOREM.reference(judged.p, alone)
        size = np.linalg.norm(alone["alpha"])
        assert theirs["bp_error"].value[0] == pytest.approx(judged.best("bp_error")[i], abs=1e-10 * size)
        assert theirs["thr_error"].value[0] == pytest.approx(judged.best("thr_error")[i], abs=1e-10 * size)


@given(
    seed=st.integers(0, 2**32 - 1),
    dictionary=st.sampled_from(["identity and Hadamard", "conference", "simplex", "transversal"]),
    k=st.integers(1, 4),
    family=st.sampled_from(list(FAMILIES)),
)
@settings(max_examples=20, deadline=None)
def test_no_dictionary_violates(seed, dictionary, k, family):
    judged = draw(THEOREM, family, 8, seed, dictionary=dictionary, k=k)
    for claim in (THR, BP, ONE, TWO, LEAST, "slide: basis pursuit, 7.5"):
        assert "violated" not in judged.words(claim)


def test_advice():
    judged = draw(THEOREM, "conference, noise", 1, k=3)
    assert "k <= 2; k=3 was asked for" in THEOREM.advise(Params(k=3), judged.x)
