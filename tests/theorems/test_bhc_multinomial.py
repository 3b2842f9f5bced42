"""Exact tails of the 1-norm: closed forms, the smallest failures of the false neighbours, both paths alike."""

from __future__ import annotations

import math
from math import comb

import numpy as np
import pytest
from judge import draw, judge, one

from theorems.generalization.bhc_multinomial import CELLS, DRAWS, MANY, THEOREM, Params, most_draws, reference
from verify.kit.empirical import l1_law

SHARPER, PRINTED = "Weissman: 2^K - 2 sets", "Bretagnolle, Huber and Carol: 2^K"
DOUBLED, FEW = "the exponent doubled", "2K in place of 2^K"


def many(K, n):
    """One instance with K equal cells, as the family has it."""
    return one(weights=[1.0] * K + [0.0] * (CELLS[-1] - K), n=float(n))


def test_one_draw_of_a_fair_coin_is_the_sharpest_case():
    judged = judge(THEOREM, one(weights=[1, 1], n=1))
    assert abs(judged.ratio(SHARPER)[0] - math.exp(0.5) / 2) < 1e-14
    assert abs(judged.ratio(PRINTED)[0] - math.exp(0.5) / 4) < 1e-14
    assert draw(THEOREM, "K = 2", 256).ratio(SHARPER).max() <= math.exp(0.5) / 2 + 1e-14


@pytest.mark.parametrize("n", [2, 5, 10])
def test_all_draws_alike_refute_the_exponent_doubled(n):
    """lambda = 1 with two equal cells: 2^(1 - n) against 4 e^(-n)."""
    judged = judge(THEOREM, one(weights=[1, 1], n=n))
    tail = judged.best("tail")[0]
    assert abs(tail[judged.best("lam")[0] == 1].max() - 2 ** (1 - n)) < 1e-15
    assert (judged.word(DOUBLED) == "violated") == (2 ** (1 - n) > 4 * math.exp(-n))


@pytest.mark.parametrize("n", [1, 2, 3, 7, 40, 400])
def test_a_binomial_deviation_has_the_constant_root_e(n):
    """P(|X - np| >= nt) <= sqrt(e) exp(-2 n t^2), with equality for one fair coin; and Kullback's form."""
    from scipy.stats import binom

    largest = 0.0
    for share in np.linspace(0.02, 0.98, 49):
        k = np.arange(n + 1)
        t = np.abs(k / n - share)
        tail = binom.sf(np.ceil(n * (share + t) - 1e-9) - 1, n, share)
        tail = tail + binom.cdf(np.floor(n * (share - t) + 1e-9), n, share)
        tail = np.minimum(tail, 1)
        likely = tail > 1e-290
        largest = max(largest, np.exp(np.log(tail[likely]) + 2 * n * t[likely] ** 2).max())
        assert (tail <= 2 * np.exp(-n * (2 * t**2 + 4 * t**4 / 9)) * (1 + 1e-9) + 1e-290).all()
    assert largest <= math.exp(0.5) * (1 + 1e-12)
    assert n > 1 or abs(largest - math.exp(0.5)) < 1e-12


def test_two_cells_have_binomial_tails():
    judged = judge(THEOREM, one(weights=[2, 1], n=6))
    lam, tail = judged.best("lam")[0], judged.best("tail")[0]
    for value in np.unique(lam):
        exact = sum(comb(6, j) * 2**j / 3**6 for j in range(7) if 2 * abs(j / 6 - 2 / 3) >= value - 1e-12)  # n_1 = j
        assert abs(tail[np.flatnonzero(lam == value)[-1]] - exact) < 1e-14


@pytest.mark.parametrize(("K", "n", "word"), [(8, 16, "holds"), (9, 8, "violated"), (10, 10, "violated")])
def test_where_2K_sets_begin_to_be_too_few(K, n, word):
    judged = judge(THEOREM, many(K, n))
    assert judged.word(FEW) == word
    assert judged.word(SHARPER) == "holds"


def test_ten_draws_from_ten_cells_by_hand():
    """The witness of the page: S >= 1.2 with probability 0.0179, more than 20 exp(-7.2) = 0.0149."""
    law = l1_law([1] * 10, 10)
    exact = sum(p for d, p in law.items() if d >= 120) / 10**10
    judged = judge(THEOREM, many(10, 10))
    lam, tail = judged.best("lam")[0], judged.best("tail")[0]
    found = tail[np.flatnonzero(lam == 1.2)[-1]]
    assert abs(found - exact) < 1e-14
    assert abs(exact - 0.0179) < 1e-4
    assert exact > 20 * math.exp(-7.2)


@pytest.mark.parametrize("family", THEOREM.families)
def test_both_paths_give_the_same_tails(family):
    judged = draw(THEOREM, family, 6)
    for i in range(6):
        x = {name: a[i : i + 1] for name, a in judged.x.items()}
        quantities = reference(judged.p, x)
        lam, tail = judged.best("lam")[i], judged.best("tail")[i]
        for value, exact in zip(quantities["lam"].value[0], quantities["tail"].value[0], strict=True):
            where = np.flatnonzero(np.isclose(lam, value, rtol=1e-14, atol=0))
            assert abs(tail[where[-1]] - exact) <= 1e-13 * exact


def test_lists_stay_within_their_length():
    p = Params(vectors=1000)
    assert [most_draws(K, p) for K in range(2, 7)] == [40, 40, 16, 9, 7]
    assert most_draws(6, Params(vectors=10)) == 1
    assert most_draws(2, Params(n=1)) == 1


def test_the_family_with_many_cells_draws_all_its_sizes():
    x = draw(THEOREM, MANY, 400).x
    assert set(x["weights"].sum(axis=1)) == set(map(float, CELLS))
    assert set(x["n"]) == set(map(float, DRAWS))
