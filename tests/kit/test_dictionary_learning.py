"""Layered dictionaries learned from signals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verify.kit import dictionary_learning as learning
from verify.kit.shrinkage import lasso


def test_the_largest_entries_are_kept_and_scaled():
    D = np.asarray([[[3.0, 0.0], [-4.0, 0.0], [1.0, 0.0]]])
    two = learning.keep_largest(D, 2)[0]
    assert np.abs(two.T - [[0.6, -0.8, 0], [0, 0, 0]]).max() < 1e-12
    assert learning.keep_largest(D, 1)[0].T.tolist() == [[0, -1, 0], [0, 0, 0]]
    assert learning.keep_largest(D, 5) == pytest.approx(learning.unit_columns(D))


def test_codes_of_an_orthogonal_dictionary_are_thresholded():
    X = np.asarray([[[3.0, 0.2], [-1.0, 2.0]]])
    found = learning.codes(np.eye(2)[None], X, 0.5, np.zeros((1, 2, 2)), 1)
    assert found[0] == pytest.approx(np.asarray([[2.5, 0], [-0.5, 1.5]]))
    best = learning.mean_objective(np.eye(2)[None], X, np.asarray([0.5]), 1)
    mean = ((0.5**2 + 0.5**2) / 2 + 0.5 * 3 + (0.2**2 + 0.5**2) / 2 + 0.5 * 1.5) / 2
    assert best.value == pytest.approx([mean])
    assert best.lower[0] <= mean <= best.upper[0]
    assert best.upper[0] - best.lower[0] < 1e-12


@given(seed=st.integers(0, 2**32 - 1), steps=st.integers(1, 60), weight=st.floats(0.01, 2))
@settings(max_examples=25, deadline=None)
def test_the_mean_objective_is_between_its_ends(seed, steps, weight):
    r = np.random.default_rng(seed)
    D, X = r.normal(size=(2, 6, 9)), r.normal(size=(1, 6, 4))
    found = learning.mean_objective(D, X, np.full(2, weight), steps)
    for b in range(2):
        A, y = np.repeat(D[b : b + 1], 4, axis=0), X[0].T
        L = np.full(4, np.linalg.norm(D[b], 2) ** 2)
        z = lasso(A, y, np.full(4, weight), L, tolerance=1e-12).z
        best = (((y - z @ D[b].T) ** 2).sum(1) / 2 + weight * np.abs(z).sum(1)).mean()
        assert found.lower[b] <= best * (1 + 1e-9) + 1e-12
        assert best <= found.upper[b] * (1 + 1e-9)


def test_a_planted_dictionary_is_represented_better_after_training():
    r = np.random.default_rng(3)
    truth = learning.unit_columns(r.normal(size=(1, 16, 20)))
    codes = r.normal(size=(1, 20, 300)) * (r.random((1, 20, 300)) < 0.1)
    X = truth @ codes
    start = X[:, :, :20] + 0.1 * r.normal(size=(1, 16, 20))
    (found,) = learning.train([start], [16], X, 0.05, 60, 5)
    before, after, best = (
        learning.mean_objective(learning.unit_columns(D), X, np.asarray([0.05]), 200).value[0]
        for D in (start, found, truth)
    )
    assert best < after < before
    assert after - best < 0.5 * (before - best)


def test_layers_keep_their_taps_and_members_do_not_see_each_other():
    r = np.random.default_rng(5)
    X, layers = r.normal(size=(3, 8, 30)), [r.normal(size=(3, 8, 5)), r.normal(size=(3, 5, 12))]
    before = [D.copy() for D in layers]
    found = learning.train(layers, [4, 2], X, 0.1, 5, 3)
    assert all((a == b).all() for a, b in zip(layers, before, strict=True))
    for D, s in zip(found, (4, 2), strict=True):
        assert (np.count_nonzero(D, axis=1) <= s).all()
        assert np.linalg.norm(D, axis=1) == pytest.approx(np.ones((3, D.shape[2])))
    alone = learning.train([D[1:2] for D in layers], [4, 2], X[1:2], 0.1, 5, 3)
    for D, one in zip(found, alone, strict=True):
        assert D[1:2] == pytest.approx(one, rel=1e-9)
