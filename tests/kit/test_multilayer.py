"""Multi-layer models and layered pursuits: windows by brute force, local sparsity, pursuits against full solvers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verify.core.arrays import to_numpy
from verify.kit import dictionaries, multilayer, shrinkage


def stack(model, cast=np.asarray):
    """The layers of a model."""
    return model.layers(cast)


def deepest(layer, k, batch, seed):
    random = np.random.default_rng(seed)
    gamma = np.zeros((batch, layer.columns))
    np.put_along_axis(
        gamma, np.argsort(random.random(gamma.shape), axis=1)[:, :k], random.choice([-1.0, 1.0], (batch, k)), 1
    )
    return gamma


@given(seed=st.integers(0, 2**32), positions=st.integers(1, 12), channels=st.integers(1, 3), length=st.integers(1, 14))
def test_windows_by_brute_force(seed, positions, channels, length):
    v = np.random.default_rng(seed).normal(size=(2, positions * channels)) * (np.arange(positions * channels) % 3 > 0)
    layer = multilayer.Layer(np.eye(positions * channels)[None], 1, channels, channels, length)
    at = v.reshape(2, positions, channels)

    def largest(size, value):
        size = min(size, positions)
        windows = [at[:, [(p + i) % positions for i in range(size)]] for p in range(positions)]
        return np.max([value(w.reshape(2, -1)) for w in windows], axis=0)

    np.testing.assert_allclose(layer.patch_norm(v), largest(length, lambda w: np.linalg.norm(w, axis=1)), rtol=1e-14)
    assert (layer.patch_count(v) == largest(length, lambda w: np.count_nonzero(w, axis=1))).all()
    assert (layer.stripe_count(v) == largest(2 * length - 1, lambda w: np.count_nonzero(w, axis=1))).all()


def test_a_layer_is_its_block_diagonal_matrix(backend):
    A = np.random.default_rng(0).normal(size=(3, 4))
    layer = multilayer.Layer(backend.asarray(A)[None, ...], 2, 3, 4)
    D = np.kron(np.eye(2), A)
    code, v = np.random.default_rng(1).normal(size=(5, 8)), np.random.default_rng(2).normal(size=(5, 6))
    np.testing.assert_allclose(to_numpy(layer.synthesis(backend.asarray(code))), code @ D.T, atol=1e-14)
    np.testing.assert_allclose(to_numpy(layer.analysis(backend.asarray(v))), v @ D, atol=1e-14)
    assert (layer.rows, layer.columns) == D.shape


@pytest.mark.parametrize(("layers", "k"), [(2, 1), (2, 2), (3, 1), (3, 2)])
def test_the_local_sparsity_does_not_grow(layers, k):
    stacked = stack(multilayer.local_model(layers, 64, 6, 7))
    gammas = multilayer.codes(stacked, deepest(stacked[-1], k, 20, 3))
    found = multilayer.profile(stacked, gammas)
    assert (found.k <= k).all()
    assert (found.k[:, -1] == k).all()
    assert (np.count_nonzero(gammas[0], axis=1) > 5 * k ** (layers > 2)).all()
    assert (found.patch[:, 0] <= 6 * k).all()
    signal = stacked[0].synthesis(gammas[0])
    assert signal.shape == (20, 64 * 6 ** (layers - 1))


@pytest.mark.parametrize(
    "model",
    [
        multilayer.local_model(3, 16, 3, 5),
        multilayer.global_model(128, 4, 5, 20),
        multilayer.stride_one_model(100, 3, 1),
        multilayer.stride_one_model(99, 3),
    ],
)
def test_exact_coherences(model):
    for A, mu in zip(model.blocks, model.mu, strict=True):
        gram = A.T @ A
        assert np.abs(np.diagonal(gram) - 1).max() < 1e-14
        assert np.abs(gram - np.diag(np.diagonal(gram))).max() == pytest.approx(mu, abs=1e-14)


def test_the_columns_of_the_global_model_are_those_of_identity_and_hadamard():
    D, full = multilayer.global_model(16, 3, 5, 9).blocks[0], dictionaries.identity_hadamard(16).D
    places = [np.flatnonzero((full == column[:, None]).all(axis=0)) for column in D.T]
    assert [len(p) for p in places] == [1] * 15
    assert (np.diff(np.concatenate(places)) > 0).all()


def test_stride_one_is_a_convolution_whose_atoms_fit_their_windows():
    stacked = stack(multilayer.stride_one_model(99, 3))
    for layer in stacked:
        D = layer.A[0].reshape(99, layer.inputs, 99, layer.outputs)
        for p in (1, 60, 98):
            np.testing.assert_array_equal(D[:, :, p], np.roll(D[:, :, 0], p, axis=0))
        assert not D[layer.length :, :, 0].any()
        assert (np.count_nonzero(layer.A[0], axis=0) == 3).all()
    gammas = multilayer.codes(stacked, np.eye(stacked[-1].columns))
    found = multilayer.profile(stacked, gammas)
    assert (found.k == 1).all()
    assert (found.patch == [3, 1]).all()


def test_taps_that_cancel_leave_a_zero():
    stacked = stack(multilayer.local_model(3, 64, 6, 7))
    gammas = multilayer.codes(stacked, deepest(stacked[-1], 2, 200, 8))
    found = multilayer.profile(stacked, gammas)
    assert found.smallest[:, 0].min() == pytest.approx(1 / 6)  # of products of two taps +-1/sqrt 6
    assert found.patch[:, 0].min() < found.patch[:, 0].max()  # some did cancel


def test_bad_models_are_refused():
    with pytest.raises(ValueError, match="g <= 2 b"):
        multilayer.local_model(2, 4, 3, 11)
    with pytest.raises(ValueError, match="2 n atoms"):
        multilayer.global_model(8, 4, 5, 3)
    with pytest.raises(ValueError, match="power of 2"):
        multilayer.global_model(24, 4, 5, 3)
    with pytest.raises(ValueError, match="3 taps need 91 positions"):
        multilayer.stride_one_model(90, 3)


def test_noise_is_scaled_patch_by_patch():
    layer = multilayer.Layer(np.eye(3)[None], 2, 3, 3)
    v = layer.scale(np.asarray([[3.0, 0, 4, 0, 0, 0], [1, 0, 0, 0, 2, 0]]), np.asarray([10.0, 1.0]))
    assert v.tolist() == [[6, 0, 8, 0, 0, 0], [1, 0, 0, 0, 1, 0]]
    overlapping = multilayer.Layer(np.eye(6)[None], 1, 1, 1, 3)
    w = overlapping.scale(v, np.asarray([1.0, 1.0]))
    assert overlapping.patch_norm(w) == pytest.approx([1, 1])


def test_one_nonzero_attains_the_error_of_layered_hard_thresholding():
    """With k = 1 everywhere the bound sqrt(patch) eps is attained at every layer by noise along the signal."""
    stacked = stack(multilayer.local_model(2, 64, 6, 7))
    gammas = multilayer.codes(stacked, deepest(stacked[-1], 1, 10, 4))
    radius = np.full(10, 0.05)
    noise = multilayer.aligned_noise(stacked, gammas, radius)
    assert stacked[0].patch_norm(noise) == pytest.approx(radius)
    y = stacked[0].synthesis(gammas[0]) + noise

    found = multilayer.layered_thresholding(stacked, y, np.full((10, 2), 0.2), shrinkage.hard_threshold)
    errors = multilayer.patch_norms(stacked, [a.code - b for a, b in zip(found, gammas, strict=True)])
    assert errors[:, 0] == pytest.approx(0.05 * np.sqrt(6))
    assert errors[:, 1] == pytest.approx(0.05 * np.sqrt(6))


@pytest.mark.parametrize("shrink", [shrinkage.hard_threshold, shrinkage.soft_threshold, shrinkage.one_sided_threshold])
def test_the_rounding_of_layered_thresholding_is_enclosed(shrink):
    """Single precision is that of numbers rounded to it, up to the error it reports; what is near a threshold is left
    open after it."""
    stacked = stack(multilayer.local_model(2, 16, 3, 5))
    single = stack(multilayer.local_model(2, 16, 3, 5), lambda A: A.astype(np.float32))
    exact = [replace(layer, A=layer.A.astype(float)) for layer in single]
    y = np.random.default_rng(0).normal(size=(20, stacked[0].rows)).astype(np.float32)
    tau = np.full((20, 2), 1.0, dtype=np.float32)
    ours = multilayer.layered_thresholding(single, y, tau, shrink)
    true = multilayer.layered_thresholding(exact, y.astype(float), tau.astype(float), shrink)
    for one, other in zip(ours, true, strict=True):
        assert (np.abs(one.correlation - other.correlation).max(axis=1) <= one.error).all()
        assert (
            np.linalg.norm(one.code - other.code, axis=1) <= 6**0.5 * one.spread
        ).all()  # patches are thirds at least
        assert one.spread.max() < 1e-3
    near = np.where(np.arange(20) == 3, np.abs(ours[0].correlation[3]).max(), 1).astype(np.float32)
    moved = multilayer.layered_thresholding(single, y, np.stack([near, tau[:, 1]], axis=1), shrink)
    assert np.isfinite(moved[0].error).all()
    assert np.flatnonzero(np.isinf(moved[0].spread)).tolist() == [3]
    assert np.flatnonzero(np.isinf(moved[1].error)).tolist() == [3]
    assert (moved[0].error <= multilayer.layered_thresholding(single, y, tau, shrink, near)[0].error).all()


@pytest.mark.parametrize("k", [1, 2])
def test_layered_basis_pursuit_against_the_full_solver(k):
    stacked = stack(multilayer.local_model(2, 64, 6, 7))
    gammas = multilayer.codes(stacked, deepest(stacked[-1], k, 6, 5))
    random = np.random.default_rng(6)
    noise = stacked[0].scale(random.normal(size=(6, stacked[0].rows)), np.full(6, 1e-3))
    xi = np.asarray([[4e-3, 4 * 7.5e-3 * np.sqrt(6 * k)]] * 6)
    found = multilayer.layered_basis_pursuit(stacked, stacked[0].synthesis(gammas[0]) + noise, xi, gammas)
    at = stacked[0].synthesis(gammas[0]) + noise
    for layer, solution, weight in zip(stacked, found, xi.T, strict=True):
        assert solution.is_minimiser.all()
        L = np.full(6 * layer.blocks, np.linalg.norm(layer.A[0], 2) ** 2 * (1 + 1e-12))
        full = shrinkage.lasso(layer.A, layer.fold(at), np.repeat(weight, layer.blocks), L, tolerance=1e-12)
        at = layer.unfold(full.z)
        assert np.abs(at - solution.code).max() < 1e-5
        assert (solution.error < 1e-12).all()


def test_layered_pursuits_run_on_the_strict_library(backend):
    stacked = stack(multilayer.local_model(2, 16, 3, 5), backend.asarray)
    plain = stack(multilayer.local_model(2, 16, 3, 5))
    code = deepest(plain[-1], 1, 4, 7)
    gammas = multilayer.codes(stacked, backend.asarray(code))
    noise = multilayer.aligned_noise(stacked, gammas, backend.asarray([0.01] * 4))
    y = stacked[0].synthesis(gammas[0]) + noise
    xi = backend.asarray([[0.04, 0.6]] * 4)
    found = multilayer.layered_basis_pursuit(stacked, y, xi, gammas)
    thresholded = multilayer.layered_thresholding(stacked, y, xi)
    profile = multilayer.profile(stacked, gammas)
    expected = multilayer.layered_basis_pursuit(plain, to_numpy(y), to_numpy(xi), [to_numpy(g) for g in gammas])
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(to_numpy(one.code), other.code, atol=1e-13)
    assert to_numpy(thresholded[-1].code).shape == code.shape
    assert to_numpy(profile.k).tolist() == [[1, 1]] * 4


@pytest.mark.parametrize(
    "model",
    [
        multilayer.local_model(3, 4, 2, 3),
        multilayer.global_model(16, 3, 5, 7),
        multilayer.stride_one_model(60, 2),
    ],
    ids=lambda model: model.name,
)
def test_effective_dictionaries_are_the_products(model, backend):
    stacked = stack(model, backend.asarray)
    whole = None
    for layer, block in zip(stacked, multilayer.effective(stacked), strict=True):
        D = np.kron(np.eye(layer.blocks), to_numpy(layer.A)[0])
        whole = D if whole is None else whole @ D
        np.testing.assert_allclose(np.kron(np.eye(layer.blocks), to_numpy(block)[0]), whole, atol=1e-14)
