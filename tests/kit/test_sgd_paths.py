"""All paths of stochastic gradient descent: places, probabilities, and a loop over sequences."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from verify.core.arrays import backend, to_numpy
from verify.kit.sgd_paths import endpoints, expectation

ROOTS = np.asarray([[0.5, -1.0, 2.0], [1.0, 0.25, -0.5]])  # move k of instance b: w <- w - (w - root) / 2^(t + 1)


def halfway(roots):
    return lambda w, t: w[:, :, None, :] - (w[:, :, None, :] - roots[:, None, :, None]) / 2 ** (t + 1)


def test_the_paths_stand_in_the_order_of_their_moves():
    found = endpoints(halfway(ROOTS), np.zeros((2, 1)), 3)
    assert found.shape == (2, 27, 1)
    for b, roots in enumerate(ROOTS):
        for place, moves in enumerate(product(range(3), repeat=3)):
            w = 0.0
            for t, k in enumerate(moves):
                w -= (w - roots[k]) / 2 ** (t + 1)
            assert found[b, place, 0] == w


def test_without_steps_there_is_the_start():
    start = np.asarray([[3.0, 4.0]])
    assert endpoints(halfway(ROOTS[:1]), start, 0).tolist() == [[[3.0, 4.0]]]
    assert expectation(np.asarray([[7.0]]), np.asarray([[0.5, 0.5]])).tolist() == [7.0]


def test_the_expectation_weighs_each_path():
    p = np.asarray([[0.5, 0.25, 0.25], [0.125, 0.125, 0.75]])
    values = np.arange(18.0).reshape(2, 9) ** 2
    for b in range(2):
        by_hand = sum(p[b, i] * p[b, j] * values[b, 3 * i + j] for i, j in product(range(3), repeat=2))
        assert expectation(values, p)[b] == by_hand


@pytest.mark.parametrize("T", [1, 4, 6])
def test_equal_examples_are_one_move(T):
    """Four examples of which three are equal: 4^T paths, or 2^T with the probabilities 1/4 and 3/4."""
    four, two = np.asarray([[2.0, -1.0, -1.0, -1.0]]), np.asarray([[2.0, -1.0]])
    start = np.ones((1, 1))
    long = expectation(np.abs(endpoints(halfway(four), start, T)[..., 0]), np.full((1, 4), 0.25))
    short = expectation(np.abs(endpoints(halfway(two), start, T)[..., 0]), np.asarray([[0.25, 0.75]]))
    assert long == pytest.approx(short, rel=1e-14)


def test_the_number_of_hits_is_binomial():
    """Move 0 counts: after T steps the mean count is T/n and its square T/n (1 - 1/n) + (T/n)^2."""

    def count(w, t):
        return np.stack([w + 1, w], axis=2)

    hits = endpoints(count, np.zeros((1, 1)), 10)[..., 0]
    p = np.asarray([[1 / 8, 7 / 8]])
    assert expectation(hits, p)[0] == 10 / 8
    assert expectation(hits**2, p)[0] == 10 / 8 * 7 / 8 + (10 / 8) ** 2


def test_the_strict_library_gives_the_same():
    strict = backend("strict")
    roots, start = strict.asarray(ROOTS), strict.asarray(np.zeros((2, 1)))
    p = strict.asarray(np.full((2, 3), 1 / 3))
    found = expectation(endpoints(halfway(roots), start, 4)[..., 0], p)
    expected = expectation(endpoints(halfway(ROOTS), np.zeros((2, 1)), 4)[..., 0], np.full((2, 3), 1 / 3))
    assert to_numpy(found) == pytest.approx(expected, rel=1e-14)
