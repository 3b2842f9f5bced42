"""The steps of projected gradient methods against plain loops, and the bound of their rounding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verify.core.arrays import backend, to_numpy
from verify.kit import descent
from verify.kit.projections import l1_ball, l1_ball_reference

BACKENDS = [(name, dtype) for name in ("numpy", "strict") for dtype in ("float64", "float32")]


def problem(seed: int, B: int, m: int, d: int, stiff: float = 1.0) -> dict[str, np.ndarray]:
    """A (B, m, d), mu (B,) up to 2/|A|^2, Z (B, d) of magnitude ``stiff``, E (B, m)."""
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(B, m, d))
    mu = 2 * rng.random(B) * np.linalg.norm(A, 2, axis=(1, 2)) ** -2
    return {"A": A, "mu": mu, "Z": stiff * rng.normal(size=(B, d)), "E": 0.3 * rng.normal(size=(B, m))}


def trajectory(x: dict[str, np.ndarray], i: int, radius: float, steps: int) -> np.ndarray:
    """Residual-form steps of one instance from 0, projected by the reference."""
    A, mu = x["A"][i], x["mu"][i]
    X = A @ x["Z"][i] + x["E"][i]
    z = np.zeros(A.shape[1])
    out = [z]
    for _ in range(steps):
        z = l1_ball_reference(z + mu * (A.T @ (X - A @ z)), radius)
        out.append(z)
    return np.stack(out)


def computed(x: dict[str, np.ndarray], chosen, steps: int):
    """The kernels on a backend: iterates, the bound of their rounding, and M, on the host."""
    y = {name: chosen.asarray(a) for name, a in x.items()}
    A, mu = y["A"], y["mu"]
    xp = chosen.xp
    M = descent.gradient_map(A, mu)
    signal = xp.matmul(A, y["Z"][..., None])[..., 0] + y["E"]
    offset = mu[:, None] * xp.matmul(xp.matrix_transpose(A), signal[..., None])[..., 0]
    radius = xp.sum(xp.abs(y["Z"]), axis=-1)
    iterates = descent.projected_gradient(M, offset, lambda z: l1_ball(z, radius), 0 * y["Z"], steps)
    norm = descent.largest_eigenvalue_of_gram(A)
    delta = descent.step_rounding(A, mu, norm, iterates, y["Z"], y["E"])
    for a in (M, iterates, delta, norm):
        assert a.device == A.device
        assert a.dtype == A.dtype
    return to_numpy(iterates), to_numpy(delta), to_numpy(M)


@pytest.mark.parametrize(("name", "dtype"), BACKENDS)
@pytest.mark.parametrize("m", [2, 5, 9])
def test_the_trajectory_is_that_of_a_plain_loop(name, dtype, m):
    """M is a contraction, and so is the projection: the errors of the steps add up at most."""
    chosen = backend(name, dtype)
    rounded = {key: a.astype(dtype).astype(float) for key, a in problem(m, 4, m, 5).items()}
    iterates, delta, _ = computed(rounded, chosen, 12)
    assert iterates.shape == (4, 13, 5)
    for i in range(4):
        radius = float(np.abs(rounded["Z"][i].astype(dtype)).sum())
        plain = trajectory(rounded, i, radius, 12)
        apart = np.linalg.norm(iterates[i] - plain, axis=-1)
        assert (apart <= np.arange(13) * delta[i]).all()


@pytest.mark.parametrize("stiff", [1.0, 1e4, 1e-4])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_step_rounding_bounds_the_error_of_each_computed_step(stiff, dtype):
    """One exact step from each computed iterate: how far the next computed one is from it. The signal may be much
    larger than the iterates, and the measurements hardly see it."""
    x = problem(7, 6, 3, 8, stiff)
    x["A"][3:, :, :4] *= 1e-3
    x["Z"][3:, 4:] = 0
    x["mu"] = np.linalg.norm(x["A"], 2, axis=(1, 2)) ** -2
    x = {key: a.astype(dtype).astype(np.longdouble) for key, a in x.items()}
    iterates, delta, _ = computed({k: a.astype(float) for k, a in x.items()}, backend("numpy", dtype), 10)
    worst = 0.0
    for i in range(6):
        A, mu = x["A"][i], x["mu"][i]
        X = A @ x["Z"][i] + x["E"][i]
        radius = float(np.abs(x["Z"][i].astype(dtype)).sum())
        for z, after in zip(iterates[i, :-1].astype(np.longdouble), iterates[i, 1:], strict=True):
            exact = l1_ball_reference((z + mu * (A.T @ (X - A @ z))).astype(float), radius)
            apart = float(np.linalg.norm(after.astype(float) - exact))
            assert apart <= delta[i]
            worst = max(worst, apart / delta[i])
    if dtype == "float32":  # in float64 the loop to compare with rounds as much
        assert worst > 1e-4  # the bound is one of this error, and no larger scale


@given(seed=st.integers(0, 2**32 - 1), m=st.integers(1, 12), d=st.integers(1, 12), scale=st.integers(-20, 20))
@settings(max_examples=60, deadline=None)
def test_step_rounding_is_positive_and_scales_with_signal_and_noise(seed, m, d, scale):
    x = problem(seed, 3, m, d)
    norm = descent.largest_eigenvalue_of_gram(x["A"])
    iterates = np.random.default_rng(seed).normal(size=(3, 4, d))
    factor = 2.0**scale

    def delta(f: float) -> np.ndarray:
        return descent.step_rounding(x["A"], x["mu"], norm, f * iterates, f * x["Z"], f * x["E"])

    assert (delta(1.0) > 0).all()
    assert delta(factor) == pytest.approx(factor * delta(1.0), rel=1e-14)
    unit = np.finfo(float).eps
    assert (delta(1.0) >= unit * np.linalg.norm(iterates, axis=-1).max(axis=-1)).all()
    assert (delta(1.0) >= unit * np.linalg.norm(x["Z"], axis=-1)).all()
    zero = descent.step_rounding(x["A"], x["mu"], norm, 0 * iterates, 0 * x["Z"], 0 * x["E"])
    assert (zero == 0).all()  # a step from 0 to 0 has no rounding


@pytest.mark.parametrize(("name", "dtype"), BACKENDS)
@pytest.mark.parametrize(("m", "d"), [(3, 7), (7, 3), (1, 4), (4, 1), (5, 5)])
def test_the_gram_norm_and_the_gradient_map(name, dtype, m, d):
    chosen = backend(name, dtype)
    x = problem(m * d, 4, m, d)
    A = chosen.asarray(x["A"])
    eps = float(np.finfo(dtype).eps)
    norms = to_numpy(descent.largest_eigenvalue_of_gram(A))
    exact = np.linalg.norm(x["A"], 2, axis=(1, 2)) ** 2
    assert norms == pytest.approx(exact, rel=16 * (m + d) * eps)
    _, _, M = computed(x, chosen, 1)
    plain = np.stack([np.eye(d) - s * a.T @ a for a, s in zip(x["A"], x["mu"], strict=True)])
    assert np.abs(M - plain).max() <= 16 * (m + d) * eps
    assert np.abs(M - np.swapaxes(M, 1, 2)).max() <= 16 * (m + d) * eps


def test_the_start_is_the_first_iterate_and_no_step_is_allowed():
    start = np.asarray([[1.0, 2.0]])
    found = descent.projected_gradient(np.eye(2)[None], np.zeros((1, 2)), lambda z: z, start, 0)
    assert found.shape == (1, 1, 2)
    assert (found[:, 0] == start).all()
