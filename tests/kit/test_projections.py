"""The projections are nearest points, to rounding."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verify.core.arrays import backend, to_numpy
from verify.kit.projections import hard_threshold, l1_ball, l1_ball_reference, threshold

EPS = np.finfo(float).eps


def draw(seed: int, B: int, d: int, whole: bool = False) -> np.ndarray:
    """Gaussian vectors, or vectors of small whole numbers, which are full of ties and zeros."""
    rng = np.random.default_rng(seed)
    return rng.integers(-2, 3, size=(B, d)).astype(float) if whole else rng.normal(size=(B, d))


def tolerance(y: np.ndarray) -> float:
    """A few d eps |y|: the error that the projection documents."""
    return 8 * y.shape[-1] * EPS * max(1.0, np.linalg.norm(y, axis=-1).max())


vectors = given(seed=st.integers(0, 2**32 - 1), d=st.integers(1, 30), share=st.floats(0.0, 1.3), whole=st.booleans())


@vectors
@settings(max_examples=200, deadline=None)
def test_l1_ball_is_the_nearest_point(seed, d, share, whole):
    """z is in the ball, and <y - z, w - z> <= 0 for every w of the ball, that is for its corners."""
    y = draw(seed, 8, d, whole)
    radius = share * np.abs(y).sum(axis=1)
    z = l1_ball(y, radius)
    bound = tolerance(y)
    assert (np.abs(z).sum(axis=1) <= radius + bound).all()
    residual = y - z
    corners = radius * np.abs(residual).max(axis=1)
    assert (corners - (residual * z).sum(axis=1) <= bound * np.maximum(1.0, np.abs(y).sum(axis=1))).all()
    assert np.abs(l1_ball(z, radius) - z).max() <= bound
    reference = np.stack([l1_ball_reference(v, r) for v, r in zip(y, radius, strict=True)])
    assert np.abs(z - reference).max() <= bound


@vectors
@settings(max_examples=50, deadline=None)
def test_l1_ball_is_nonexpansive(seed, d, share, whole):
    y = draw(seed, 16, d, whole)
    radius = np.full(1, share * np.abs(y).sum(axis=1).mean())
    z = l1_ball(y, radius)
    for i, j in itertools.combinations(range(16), 2):
        assert np.linalg.norm(z[i] - z[j]) <= np.linalg.norm(y[i] - y[j]) + tolerance(y)


def test_l1_ball_leaves_points_inside_bit_for_bit():
    y = draw(0, 20, 7)
    inside = np.abs(y).sum(axis=1)
    assert (l1_ball(y, inside) == y).all()
    assert (l1_ball(np.zeros((2, 4)), np.zeros(2)) == 0).all()
    assert np.abs(l1_ball(y, np.zeros(1))).max() <= tolerance(y)


def test_l1_ball_survives_scales_and_ties():
    """Magnitudes far apart, equal magnitudes, and a sum that rounds."""
    for y, radius in (
        ([1e8, 1.0, 1e-8], 1.0),
        ([1e-300, 1e-300], 1e-300),
        ([0.1] * 10, 0.3),
        ([1.0, -1.0, 1.0], 1.0),
        ([1.0, 1.0 - EPS, 1.0 - 2 * EPS], 1e-3),
    ):
        vector = np.asarray([y])
        z = l1_ball(vector, np.asarray([radius]))[0]
        assert np.abs(z - l1_ball_reference(y, radius)).max() <= 8 * len(y) * EPS * np.abs(y).max()


def test_threshold_needs_every_step_when_each_drops_one_coordinate():
    """Magnitudes that grow geometrically shed one coordinate a step: the loop must not stop early."""
    a = 1.0 / 4.0 ** np.arange(40)[None, :]
    radius = np.asarray([1e-30])
    tau = threshold(a, np.zeros(1), radius)
    assert abs(np.maximum(a - tau[:, None], 0.0).sum() - radius[0]) <= 4 * EPS
    spread = np.arange(1.0, 201.0)[None, :]
    tau = threshold(spread, np.zeros(1), np.asarray([4000.0]))
    assert np.maximum(spread - tau[:, None], 0.0).sum() == pytest.approx(4000.0, rel=1e-13)


def test_middle_axes_share_the_radius_of_their_instance():
    y = np.random.default_rng(2).normal(size=(3, 5, 6))
    radius = np.asarray([0.5, 1.0, 2.0])
    z = l1_ball(y, radius)
    for b in range(3):
        assert np.abs(z[b] - l1_ball(y[b], np.full(5, radius[b]))).max() <= tolerance(y)


def test_hard_threshold_keeps_the_largest_and_the_first_of_equals():
    y = np.asarray([[1.0, -3.0, 2.0, 3.0], [1.0, 1.0, -1.0, 1.0], [0.0, 0.0, 5.0, 0.0]])
    assert (hard_threshold(y, 2) == [[0, -3, 0, 3], [1, 1, 0, 0], [0, 0, 5, 0]]).all()
    assert (hard_threshold(y, 1) == [[0, -3, 0, 0], [1, 0, 0, 0], [0, 0, 5, 0]]).all()
    assert (hard_threshold(y, 0) == 0).all()
    assert (hard_threshold(y, 4) == y).all()
    assert (hard_threshold(y, 9) == y).all()
    with pytest.raises(ValueError, match="negative"):
        hard_threshold(y, -1)


@pytest.mark.parametrize("whole", [False, True])
def test_hard_threshold_is_a_nearest_sparse_vector(whole):
    y = draw(5, 30, 6, whole)
    for k in range(7):
        z = hard_threshold(y, k)
        assert (np.count_nonzero(z, axis=1) <= k).all()
        supports = itertools.combinations(range(6), k)
        best = np.min([np.delete(y, list(T), axis=1).__pow__(2).sum(axis=1) for T in supports], axis=0)
        assert np.abs(((y - z) ** 2).sum(axis=1) - best).max() <= tolerance(y)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_strict_backend_agrees(dtype):
    strict, host = backend("strict", dtype), backend("numpy", dtype)
    y, radius = draw(7, 6, 9), np.abs(draw(8, 6, 1))[:, 0]
    for f in (lambda b: l1_ball(b.asarray(y), b.asarray(radius)), lambda b: hard_threshold(b.asarray(y), 3)):
        got, expected = f(strict), f(host)
        assert got.device == strict.device
        assert got.dtype == strict.float
        assert np.abs(to_numpy(got) - expected).max() <= 64 * np.finfo(dtype).eps
