"""Two members of a multi-layer model with near signals: hand-made pairs that attain each bound, and one that no bound
by the coherence of the products covers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import draw, judge

from theorems.sparse_coding import dcp_stability as module
from theorems.sparse_coding.dcp_stability import APART, FAMILIES, FEW, LOUD, NOISE, SHORT, SPARSE, THEOREM, UNIT

CHAIN, UNIONS, PRODUCTS = "layer by layer", "layer by layer, by the unions", "by the products"
UNIT_PRODUCTS, ANY_LENGTH = "by products with unit columns", "by products with columns of any length"


def test_a_short_product_by_hand():
    """|D_1 D_2 e_1|^2 = 3/4, so with Gamma = e_1 beside 0 the squared error is (16/3) epsilon^2."""
    judged = draw(THEOREM, "three atoms", 4)
    epsilon, error = judged.x["radius"], judged.best("error")[:, 1]
    np.testing.assert_allclose(error**2, 16 / 3 * epsilon**2, rtol=1e-12)
    assert judged.best("coherence")[0, 1] == pytest.approx(0, abs=1e-15)
    assert judged.best("nu")[0, 1] == pytest.approx(0.75, abs=1e-14)
    assert judged.word(UNIT_PRODUCTS) == module.UNIT_PRODUCTS
    assert judged.word(ANY_LENGTH) == "violated"
    assert judged.ratio(ANY_LENGTH) == pytest.approx(np.full(4, (4 / 3) ** 0.5), abs=1e-11)
    assert judged.word(PRODUCTS) == "holds"
    assert judged.ratio(PRODUCTS) == pytest.approx(np.ones(4), abs=1e-11)


@pytest.mark.parametrize("k", [1, 4, 10])
def test_equal_taps_on_a_simplex_attain_everything(k):
    """1 - (2 lambda_1 - 1) mu_1 with lambda_1 = 2k at both layers; the products have nu = 1 - 1/n and M = 2/n."""
    judged = draw(THEOREM, "simplex, equal taps", 8, n=40, k=k)
    for claim in (CHAIN, UNIONS, PRODUCTS):
        assert judged.word(claim) == "holds"
        assert judged.ratio(claim) == pytest.approx(np.ones(8), abs=1e-10)
    exact = 2 * judged.x["radius"] / (1 - (4 * k - 1) / 40) ** 0.5
    np.testing.assert_allclose(judged.best("error"), exact[:, None] + np.zeros((1, 2)), rtol=1e-10)
    assert judged.best("nu")[0] == pytest.approx([1, 1 - 1 / 40], abs=1e-13)
    assert judged.best("M")[0] == pytest.approx([1 / 40, 2 / 40], abs=1e-13)


def test_unit_products_on_a_simplex_attain_the_remembered_form():
    judged = draw(THEOREM, "simplex, unit products", 32, n=40)
    assert judged.word(UNIT_PRODUCTS) == "holds"
    assert judged.word(CHAIN) == UNIT
    assert judged.ratio(UNIT_PRODUCTS) == pytest.approx(np.ones(32), abs=1e-10)


def test_opposite_taps_attain_the_unions_alone():
    """h_2 = e_1 + e_2 with mu_2 = 3/5, and h_1 equal on the two places that both atoms use."""
    judged = draw(THEOREM, "simplex, opposite taps", 8)
    assert judged.ratio(UNIONS) == pytest.approx(np.ones(8), abs=1e-10)
    assert (judged.best("u") == 2).all()
    first = (1 - 3 / 40) / (1 - 1 / 40)  # lambda_1 = 2: the chain has 1 - 3 mu_1 where h_1 has 1 - mu_1
    assert judged.ratio(CHAIN) == pytest.approx(np.full(8, first**0.5), abs=1e-10)
    D2 = judged.x["D2"][0]
    gram = np.abs(D2.T @ D2) - np.eye(D2.shape[1])
    assert gram.max() == pytest.approx(0.6, abs=1e-15)


def test_neither_bound_is_the_better_one():
    for name in ("three layers", "global norms"):
        q = draw(THEOREM, f"{name}, aligned pairs", 4, k=1).quantities
        chain = q["before"] / np.sqrt(1 - (2 * q["lam"] - 1) * q["mu"])
        product = (2 * q["epsilon"] + q["eta"]) / np.sqrt(q["nu"] - (2 * q["lam"] - 1) * q["M"])
        assert (1.1 * product < chain)[:, -1].all()
        two = draw(THEOREM, f"{name}, aligned pairs", 4, k=2)
        assert two.word(CHAIN) == "holds"
        assert two.word(PRODUCTS) == module.POSITIVE


def test_stripes_of_the_last_layer_do_not_bound_what_products_do_across_them():
    """Codes that are dense under an identity: lambda_2 = 1, but the products meet."""
    judged = draw(THEOREM, "stride 1, under the identity", 16)
    assert judged.word(PRODUCTS) == APART
    assert judged.word(CHAIN) == "holds"
    q = judged.quantities
    crowded = q["lam"][:, 0] == 2
    bound = 2 * q["epsilon"][:, 0] / np.sqrt(q["nu"][:, 1] - (2 * q["lam"][:, 1] - 1) * q["M"][:, 1])
    assert (q["lam"][:, 1] == 1).any()
    assert (q["error"][:, 1] > 1.05 * bound)[crowded & (q["lam"][:, 1] == 1)].any()


def test_the_edges_of_the_hypotheses():
    x = draw(THEOREM, "simplex, equal taps", 4, n=39, k=9).x
    assert judge(THEOREM, x).word(CHAIN) == "holds"
    assert judge(THEOREM, {**x, "radius": x["radius"] * (1 - 1e-9)}).word(CHAIN) == NOISE
    assert draw(THEOREM, LOUD, 4).word(PRODUCTS) == NOISE
    at = draw(THEOREM, "simplex, equal taps", 4, n=39, k=10)  # 2 lambda_1 = 40 = 1 + 1/mu_1
    assert at.word(CHAIN) == SPARSE
    assert at.word(UNIONS) == FEW
    assert at.word(PRODUCTS) == module.POSITIVE
    assert draw(THEOREM, SHORT, 4).word(CHAIN) == UNIT
    assert draw(THEOREM, SHORT, 4).word(PRODUCTS) == "holds"


def test_codes_of_one_signal_are_equal():
    """epsilon = 0 leaves nothing but the rounding: the solution is unique."""
    x = draw(THEOREM, "two layers, random pairs", 4).x
    same = {**x, "other": x["code"].copy(), "E": 0 * x["E"], "radius": 0 * x["radius"]}
    judged = judge(THEOREM, same)
    assert judged.word(CHAIN) == "holds"
    assert (judged.best("error") == 0).all()


@pytest.mark.parametrize("family", ["three layers, aligned pairs", "global norms, random pairs"])
def test_the_reference_finds_the_same(family):
    judged = draw(THEOREM, family, 2)
    for i in range(2):
        alone = judged.alone(i)
        theirs = THEOREM.reference(judged.p, alone)
        np.testing.assert_allclose(theirs["error"][0], judged.best("error")[i], rtol=1e-12)
        np.testing.assert_allclose(theirs["eta"][0], judged.best("eta")[i], atol=1e-9 * judged.x["radius"][i])


@given(seed=st.integers(0, 2**31), family=st.sampled_from(sorted(FAMILIES)), n=st.integers(8, 60))
@settings(max_examples=15)
def test_nothing_that_should_hold_is_violated(seed, family, n):
    judged = draw(THEOREM, family, 2, seed, n=n)
    for claim in (CHAIN, UNIONS, PRODUCTS, UNIT_PRODUCTS):
        assert not {"violated", "undecided"} & set(judged.words(claim))
