"""Statistical dimensions against closed forms, quadrature and another path; the proved loss; Monte Carlo."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verify.core.arrays import backend as make
from verify.core.arrays import norm2, to_numpy
from verify.kit import widths
from verify.kit.cones import L1DescentCone, Subspace

EPS = np.finfo(float).eps


def ones(d: int, k: int) -> np.ndarray:
    return np.where(np.arange(d) < k, 1.0, 0.0)[None]


def wedge(k: int) -> float:
    """delta at d = k + 1: the cone is R^(k-1) times a plane wedge of half-angle arctan sqrt(k)."""
    return k - 0.5 + 2 * math.atan(math.sqrt(k)) / math.pi


def test_lengths_of_gaussian_vectors():
    assert widths.gaussian_length(0) == 0
    assert widths.gaussian_length(1) == pytest.approx(math.sqrt(2 / math.pi), rel=1e-14)
    assert widths.gaussian_length(2) == pytest.approx(math.sqrt(math.pi / 2), rel=1e-14)
    for m in (1, 2, 3, 10, 1000, 10**6):
        assert m / math.sqrt(m + 1) <= widths.gaussian_length(m) <= math.sqrt(m)
    with pytest.raises(ValueError, match="not a dimension"):
        widths.gaussian_length(-1)


@pytest.mark.parametrize("tau", [0.0, 0.3, 1.0, 2.5, 4.0])
def test_moments_of_the_excess_by_quadrature(tau):
    from scipy.integrate import quad

    found = widths.excess_moments(tau)
    for power, moment in enumerate(found):
        value, _ = quad(lambda u, n=power: u**n * math.exp(-((u + tau) ** 2) / 2), 0, 40, epsabs=0, epsrel=1e-12)
        assert moment == pytest.approx(math.sqrt(2 / math.pi) * value, rel=1e-10)


@pytest.mark.parametrize(
    ("d", "k", "value"), [(100, 5, 20.39), (400, 4, 24.50), (400, 40, 131.52), (1000, 10, 61.24), (60, 3, 12.2)]
)
def test_known_values(d, k, value):
    assert widths.l1_dimension(d, k).upper == pytest.approx(value, abs=0.05)


@given(d=st.integers(1, 2000), share=st.floats(0, 1))
def test_the_infimum_and_what_it_loses(d, share):
    k = max(1, round(share * d))
    known = widths.l1_dimension(d, k)
    active, mean, _ = widths.excess_moments(known.tau)
    assert k <= known.upper <= d * (1 + 4 * EPS)
    assert known.upper == pytest.approx(k + (d - k) * active, rel=1e-12)
    assert abs(k * known.tau - (d - k) * mean) <= 8 * d * EPS
    for tau in (0.9 * known.tau, 1.1 * known.tau + 1e-3):
        assert k * (1 + tau**2) + (d - k) * widths.excess_moments(tau)[2] >= known.upper * (1 - 4 * EPS)
    assert 0 < known.expected_loss <= 1
    assert known.expected_loss <= known.loss <= 3
    if k < d:
        assert known.loss <= 3 - k * known.tau**2 / (d - k) + 1e-9
        assert known.loss < 2 * math.sqrt(d / k)
        assert known.upper <= 2 * k * math.log(d / k) + 1.25 * k


@pytest.mark.parametrize(("d", "k"), [(2, 1), (20, 1), (100, 50), (100, 99), (1000, 10)])
def test_the_infimum_by_quadrature_and_search(d, k):
    assert widths.l1_dimension(d, k).upper == pytest.approx(widths.l1_dimension_reference(d, k), rel=1e-9)


def test_a_half_space():
    assert widths.l1_dimension(7, 7).upper == 7  # delta is 6.5


@pytest.mark.parametrize("k", [0, -1, 6])
def test_refuses_a_support_that_does_not_fit(k):
    with pytest.raises(ValueError, match="1 <= k <= d"):
        widths.l1_dimension(5, k)


@pytest.mark.parametrize("k", [1, 2, 5, 30, 1000])
def test_bounds_hold_where_the_dimension_is_known(k):
    known = widths.l1_dimension(k + 1, k)
    assert known.upper - known.loss <= wedge(k) <= known.upper


@given(seed=st.integers(0, 2**32 - 1), d=st.integers(1, 30), whole=st.booleans())
def test_polar_square_is_what_the_projection_leaves(seed, d, whole):
    rng = np.random.default_rng(seed)
    signs = rng.choice([-1.0, 1.0], size=(6, d)) * (rng.random((6, d)) < 0.4)
    signs[:, 0] = 1.0
    g = rng.integers(-2, 3, size=(6, 3, d)).astype(float) if whole else rng.normal(size=(6, 3, d))
    left = norm2(g - L1DescentCone(signs).project(g)) ** 2
    size = (g**2).sum(axis=-1)
    assert (np.abs(widths.polar_square(signs, g) - left) <= 16 * d * EPS * (1 + size)).all()
    assert (np.abs(widths.polar_square(signs, g[:, 1]) - left[:, 1]) <= 16 * d * EPS * (1 + size[:, 1])).all()


@given(seed=st.integers(0, 2**32 - 1), d=st.integers(2, 20), tau=st.floats(0, 4))
def test_distances_to_scaled_subdifferentials_are_no_shorter(seed, d, tau):
    rng = np.random.default_rng(seed)
    signs = rng.choice([-1.0, 1.0], size=(1, d)) * (np.arange(d) < d // 2)
    g = rng.normal(size=(5, d))
    nearest = np.where(signs == 0, np.clip(g, -tau, tau), tau * signs)
    distance = widths.distance_square(signs, g, tau)
    assert np.abs(distance - ((g - nearest) ** 2).sum(axis=1)).max() <= 1e-12 * (1 + (g**2).sum())
    assert (norm2(L1DescentCone(signs).project(g)) ** 2 <= distance + 1e-12 * (1 + (g**2).sum())).all()
    assert np.abs(widths.distance_square(signs, g[:, None, :], tau)[:, 0] - distance).max() <= 1e-12


def test_monte_carlo_where_the_answer_is_known():
    found = widths.monte_carlo(L1DescentCone(ones(4, 3)), 4, 20_000, make("numpy"), batch=5000)
    assert abs(found.dimension - wedge(3)) <= 5 * found.dimension_error
    assert found.width**2 <= found.dimension <= found.width**2 + 1 + 5 * found.dimension_error
    line = Subspace(np.eye(6)[None, :, :3])
    found = widths.monte_carlo(line, 6, 20_000, make("numpy"), batch=3000)
    assert abs(found.dimension - 3) <= 5 * found.dimension_error
    assert found.dimension_error == pytest.approx(math.sqrt(6 / 20_000), rel=0.05)
    assert abs(found.width - widths.gaussian_length(3)) <= 5 * found.width_error
    again = widths.monte_carlo(line, 6, 20_000, make("numpy"), batch=4096)
    assert again.dimension == pytest.approx(found.dimension, rel=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_strict_backend_agrees(dtype):
    strict, host = make("strict", dtype), make("numpy", dtype)
    g = np.random.default_rng(0).normal(size=(4, 2, 9))
    for function in (
        lambda b: widths.polar_square(b.asarray(ones(9, 3)), b.asarray(g)),
        lambda b: widths.distance_square(b.asarray(ones(9, 3)), b.asarray(g), 0.7),
    ):
        got = function(strict)
        assert got.device == strict.device
        assert np.abs(to_numpy(got) - function(host)).max() <= 256 * np.finfo(dtype).eps
    a, b = (widths.monte_carlo(L1DescentCone(x.asarray(ones(9, 3))), 9, 64, x) for x in (strict, host))
    assert a.dimension == pytest.approx(b.dimension, rel=1e-5)
