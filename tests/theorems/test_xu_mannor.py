"""The worst rule by brute force over all rules, the regression from its definition, and what the controls miss."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from judge import draw, judge

from theorems.generalization.xu_mannor import COLUMNS, DELTA, FIVE, LAWS, RANGES, REGRESSION, ROWS, THEOREM, reference

HALVED, PRINTED = "halved: with probability 1 - delta", "Theorem 1 as printed"
NO_LOG, AFTER = "halved, without ln(1/delta)", "cells chosen after the sample"


def training_set(weights, counts, losses=None):
    """One training set on cells without a meaning."""
    losses = [0] * len(weights) if losses is None else losses
    whole = {"counts": np.asarray([counts]), "losses": np.asarray([losses])}
    return {"weights": np.asarray([weights], dtype=float), **whole}


@pytest.mark.parametrize(("weights", "counts"), [((1, 1), (3, 1)), ((3, 1, 2), (1, 0, 4)), ((1, 1, 5), (2, 2, 2))])
def test_no_rule_on_the_cells_does_worse(weights, counts):
    """GE is convex in the losses, so rules with the losses 0 and M contain a worst one."""
    n, W = sum(counts), sum(weights)
    off = [Fraction(w, W) - Fraction(c, n) for w, c in zip(weights, counts, strict=True)]
    worst = max(abs(sum(a * b for a, b in zip(off, loss, strict=True))) for loss in product((0, 1), repeat=len(off)))
    judged = judge(THEOREM, training_set(weights, counts))
    assert worst == sum(map(abs, off)) / 2
    assert abs(judged.best("gap")[0] - worst) < 1e-15
    assert judged.word("the worst rule has M S/2") == "holds"


def test_a_scale_of_the_loss_changes_nothing():
    one = draw(THEOREM, "ten cells", 8)
    large = judge(THEOREM, one.x, THEOREM.parameters(M=5))
    assert np.allclose(5 * one.best("gap"), large.best("gap"), rtol=1e-14)
    for name in (HALVED, PRINTED):
        assert np.allclose(one.ratio(name), large.ratio(name), rtol=1e-13)


@pytest.mark.parametrize("family", [name for name in LAWS if name != "more cells than draws"])
def test_the_counts_have_the_means_of_their_law(family):
    weights, n, _ = LAWS[family]
    size = 400
    counts = draw(THEOREM, family, size).x["counts"]
    assert (counts.sum(axis=1) == n).all()
    mu = np.asarray(weights) / sum(weights)
    spread = np.sqrt(n * mu * (1 - mu) / size)
    assert (np.abs(counts.mean(axis=0) - n * mu) <= 5 * spread).all()


def test_two_cells_exceed_the_bound_without_the_logarithm_as_often_as_a_binomial_number_does():
    exact = sum(math.comb(50, j) for j in range(51) if abs(j / 50 - 0.5) > math.sqrt(4 * math.log(2) / 50) / 2) / 2**50
    assert 0.11 < exact < 0.13
    size = 2000
    words = draw(THEOREM, "two cells", size).words(NO_LOG)
    assert abs(words.count("violated") / size - exact) <= 5 * math.sqrt(exact / size)


def exceeds(n, allowed):
    """The largest probability, over the laws on two cells, of sqrt(n) S > allowed: it jumps where a frequency is at
    the edge, and that is looked at from both sides."""
    frequency, t = np.arange(n + 1) / n, allowed / (2 * math.sqrt(n))
    p = np.concatenate([frequency + t + 1e-9, frequency - t - 1e-9, [0.5]])
    p = p[(p > 0) & (p < 1)][:, None]
    chances = (
        np.asarray([math.comb(n, j) for j in range(n + 1)]) * p ** np.arange(n + 1) * (1 - p) ** (n - np.arange(n + 1))
    )
    return float((chances * (np.abs(frequency - p) > t)).sum(axis=1).max(initial=0))


@pytest.mark.parametrize(
    ("root", "low", "high"),
    [
        (math.sqrt(4 * math.log(2) + 2), 0.0625, 0.063),
        (math.sqrt(4 * math.log(2) + math.log(20)), 0.031, 0.032),
        (math.sqrt(4 * math.log(2) + 2 * math.log(20)) / 1.1, 0.011, 0.012),
        (math.sqrt(4 * math.log(2) + 1.8 * math.log(20)), 0.006, 0.007),
        (math.sqrt(4 * math.log(2) + 2 * math.log(20)), 0.0045, 0.0046),
    ],
)
def test_what_two_cells_exceed(root, low, high):
    """The mutants that are called open, and the one that five draws refute."""
    assert low <= max(exceeds(n, root) for n in range(1, 60)) <= high


def test_many_draws_from_any_number_of_cells_allow_a_smaller_constant():
    """The quantile by isoperimetry, up to where McDiarmid's inequality takes over."""
    K = np.arange(2, 1200)
    smallest = np.sqrt(2 * K * math.log(2) + 2 * math.log(20)) / 1.1
    assert (np.sqrt(2 * (K - 1) / math.pi) + 1.6449 <= smallest).all()
    assert (np.sqrt(K - 1) + math.sqrt(2 * math.log(20)) <= smallest)[K >= 1129].all()


def test_five_draws_from_two_equal_cells():
    judged = draw(THEOREM, FIVE, 2000)
    assert abs((judged.best("gap") == 0.5).mean() - 1 / 16) <= 5 * math.sqrt(1 / 16 / 2000)
    assert math.sqrt((4 * math.log(2) + 2) / 5) / 2 < 0.5


def test_cells_chosen_after_the_sample_by_hand():
    """50 draws that differ, from 1000 equal cells: GE is the mass of what was not seen."""
    judged = judge(THEOREM, training_set([1] * 1000, [1] * 50 + [0] * 950))
    assert judged.best("gap")[0] == 0.95
    assert judged.word(AFTER) == "violated"
    assert judged.word(HALVED) == "holds"
    assert abs(math.sqrt((4 * math.log(2) + 2 * math.log(1 / DELTA)) / 50) / 2 - 0.209) < 1e-3


def test_the_cells_of_the_regression_have_the_law_that_is_stated():
    x = draw(THEOREM, REGRESSION, 300).x
    w = x["weights"][0].reshape(COLUMNS, ROWS)
    assert (w.sum(axis=1) == 12).all()
    assert all(((w[i] > 0) == [low <= r < high for r in range(ROWS)]).all() for i, (low, high) in enumerate(RANGES))
    assert (np.floor(x["y"] * ROWS) == x["cells"] % ROWS).all()
    assert (x["counts"] == [np.bincount(row, minlength=COLUMNS * ROWS) for row in x["cells"]]).all()


def test_the_expected_loss_of_the_regression_by_fresh_draws():
    """The definition itself: the loss on many draws that were not used, within five standard deviations."""
    judged = draw(THEOREM, REGRESSION, 3, n=20)
    fresh = draw(THEOREM, REGRESSION, 1, seed=9, n=100_000).x
    columns, y = fresh["cells"][0] // ROWS, fresh["y"][0]
    for i in range(3):
        mine = judged.x["cells"][i] // ROWS
        values = judged.x["y"][i]
        mean = np.asarray([values[mine == c].mean() if (mine == c).any() else 0.5 for c in range(COLUMNS)])
        observed, losses = np.abs(mean[mine] - values).mean(), np.abs(mean[columns] - y)
        estimate = abs(losses.mean() - observed)
        assert abs(estimate - judged.best("gap")[i]) <= 5 * losses.std() / math.sqrt(len(losses))
        alone = {name: a if len(a) == 1 else a[i : i + 1] for name, a in judged.x.items()}
        assert abs(reference(judged.p, alone)["gap"].value[0] - judged.best("gap")[i]) < 1e-14


def test_the_regression_is_robust_with_a_quarter():
    """Two values of y in one row differ by at most 1/4, and so do the losses."""
    x = draw(THEOREM, REGRESSION, 5).x
    for cells, y in zip(x["cells"], x["y"], strict=True):
        for cell in set(cells.tolist()):
            assert np.ptp(y[cells == cell]) <= 1 / ROWS


def test_one_column_that_was_not_seen_is_predicted_by_a_half():
    judged = draw(THEOREM, REGRESSION, 64, n=2)
    for i in range(64):
        alone = {name: a if len(a) == 1 else a[i : i + 1] for name, a in judged.x.items()}
        assert abs(reference(judged.p, alone)["gap"].value[0] - judged.best("gap")[i]) < 1e-14
