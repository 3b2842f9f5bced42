"""Layered basis pursuit without noise: attained bounds, the limit of small weights, weights exactly 0."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import draw, judge

from theorems.sparse_coding.layered_bp_noiseless import FAMILIES, SIMPLEX, SPARSE, THEOREM, TOO_MANY, WIDE

CERTIFICATE, ERROR, ENTRIES = "equality: certificate at most kappa", "small weights: error", "small weights: entries"
ZERO = "slide: no error if no noise, weights exactly 0"


@pytest.mark.parametrize(("n", "k"), [(5, 2), (40, 1), (40, 20)])
def test_the_simplex_attains_kappa_and_the_error(n, k):
    judged = draw(THEOREM, SIMPLEX, 8, n=n, k=k)
    q = 1 - (k - 1) / n
    assert judged.best("certificate")[:, 0] == pytest.approx(k / n / q, rel=1e-12)
    survive = judged.x["weight"] / q < np.where(judged.x["code"] > 0, judged.x["code"], np.inf).min(axis=1)
    assert judged.ratio(ENTRIES)[survive] == pytest.approx(1, abs=1e-8)
    assert judged.word(ENTRIES) == judged.word(CERTIFICATE) == "holds"


def test_the_error_is_proportional_to_the_weight():
    x = draw(THEOREM, "two layers", 8).x
    small, smaller = (judge(THEOREM, {**x, "weight": w * x["weight"] * 1e-2}).best("entry") for w in (1.0, 0.1))
    assert smaller * 10 == pytest.approx(small, rel=1e-6)


def test_a_weight_of_exactly_zero_leaves_the_shortest_solution():
    """One spike of [I H/8]: D^T D/2 of it is half of the spike and 65 non-zeros, 0.707 away."""
    x = draw(THEOREM, SIMPLEX, 1, n=5, k=1).x
    from verify.kit.dictionaries import identity_hadamard

    made = identity_hadamard(64)
    code = np.eye(128)[:1]
    windows = np.asarray([[[64, 128, 1]]])
    judged = judge(THEOREM, {**x, "D1": made.D[None], "mu": np.asarray([[made.mu]]), "windows": windows, "code": code})
    assert judged.best("shortest") == pytest.approx([0.5**0.5])
    assert judged.word(ZERO) == "violated"
    assert np.count_nonzero(np.abs(made.D.T @ (made.D @ code[0])) > 1e-12) == 65


def test_without_redundancy_the_shortest_solution_is_the_only_one():
    judged = draw(THEOREM, "global norms", 4)
    assert judged.word(ZERO) == WIDE  # 21 atoms in 128 dimensions
    assert (judged.quantities["shortest"].lower <= 0).all()


def test_k_at_the_limit_is_set_aside():
    assert draw(THEOREM, SIMPLEX, 4, n=39, k=20).word(CERTIFICATE) == SPARSE
    assert draw(THEOREM, SIMPLEX, 4, n=39, k=19).word(CERTIFICATE) == "holds"
    assert draw(THEOREM, TOO_MANY, 4).word(ERROR) == SPARSE


def test_the_reference_agrees():
    judged = draw(THEOREM, "two layers", 2)
    for i in range(2):
        alone = judged.alone(i)
        theirs = THEOREM.reference(judged.p, alone)
        assert theirs["certificate"][0] == pytest.approx(judged.best("certificate")[i], rel=1e-9)
        assert theirs["entry"][0] == pytest.approx(judged.best("entry")[i], rel=1e-6)


@given(seed=st.integers(0, 2**31), family=st.sampled_from(sorted(FAMILIES)), contrast=st.floats(0.01, 1))
@settings(max_examples=6)
def test_nothing_that_should_hold_is_violated(seed, family, contrast):
    judged = draw(THEOREM, family, 2, seed, contrast=contrast)
    for claim in THEOREM.claims:
        if claim.expects == "holds":
            assert "violated" not in judged.words(claim.name)
