"""The few array operations that kernels share, on every array library."""

import importlib.util
import os
import sys
import types

import numpy as np
import pytest

from verify.core import arrays
from verify.core.arrays import Backend, BackendUnavailable

RNG = np.random.default_rng(7)
A, SHARED = RNG.normal(size=(3, 4, 5)), RNG.normal(size=(1, 4, 5))
X, Y = RNG.normal(size=(3, 5)), RNG.normal(size=(3, 4))
EPS = 2.0**-52


def same(got, wanted, units=16):
    """Equal to a few units of float64, on the device the kernel was given."""
    host = arrays.to_numpy(got)
    assert host.shape == wanted.shape
    np.testing.assert_allclose(host, wanted, rtol=units * EPS, atol=units * EPS)


def test_an_array_goes_to_the_device_and_back(backend):
    x = backend.asarray(A)
    assert arrays.device(x) == backend.device
    assert x.dtype == backend.float
    assert arrays.is_array(x)
    assert not arrays.is_array(1.0)
    assert arrays.namespace(x, 2.0) is backend.xp
    back = arrays.to_numpy(x)
    assert isinstance(back, np.ndarray)
    np.testing.assert_array_equal(back, A)


def test_asarray_copies_keeps_integers_and_gives_floats_the_dtype_of_the_run(backend):
    host = A.copy()
    x = backend.asarray(host)
    host[:] = 0
    np.testing.assert_array_equal(arrays.to_numpy(x), A)
    assert backend.asarray([1, 2]).dtype == backend.xp.int64
    assert backend.asarray([True]).dtype == backend.xp.bool
    assert Backend(backend.name, "float32").asarray(A).dtype == backend.xp.float32


@pytest.mark.parametrize("matrix", [A, SHARED], ids=["one each", "shared"])
def test_products(backend, matrix):
    wide = np.broadcast_to(matrix, A.shape)
    same(arrays.matvec(backend.asarray(matrix), backend.asarray(X)), np.einsum("bij,bj->bi", wide, X))
    same(arrays.rmatvec(backend.asarray(matrix), backend.asarray(Y)), np.einsum("bij,bi->bj", wide, Y))


def test_norms(backend):
    x, z = backend.asarray(X), backend.asarray(X[::-1].copy())
    same(arrays.dot(x, z), (X * X[::-1]).sum(-1))
    same(arrays.norm2(x), np.linalg.norm(X, axis=-1))
    same(arrays.norm1(x), np.abs(X).sum(-1))
    same(arrays.norm_inf(x), np.abs(X).max(-1))
    same(arrays.spectral_norm(backend.asarray(A)), np.linalg.norm(A, 2, axis=(1, 2)))


def test_rows_of_the_batch(backend):
    index = backend.asarray([2, 0])
    same(arrays.take_batch(backend.asarray(A), index), A[[2, 0]])
    shared = backend.asarray(SHARED)
    assert arrays.take_batch(shared, index) is shared


@pytest.mark.parametrize(("dtype", "unit"), [("float64", 2.0**-52), ("float32", 2.0**-23)])
def test_eps(backend, dtype, unit):
    assert arrays.eps(Backend(backend.name, dtype).asarray([1.0])) == unit


def test_backends_by_name():
    assert arrays.backend("numpy", "float32") == Backend("numpy", "float32")
    assert arrays.backend().name == ("numpy" if arrays.cupy_missing() else "cupy")
    with pytest.raises(BackendUnavailable, match="numpy, cupy, strict and auto"):
        arrays.backend("torch")
    with pytest.raises(BackendUnavailable, match="float64, float32"):
        arrays.backend("numpy", "float16")


@pytest.mark.skipif(importlib.util.find_spec("cupy") is not None, reason="CuPy is installed")
def test_a_missing_library_is_named():
    with pytest.raises(BackendUnavailable, match="CuPy is not installed"):
        arrays.backend("cupy")


def test_the_strict_library_refuses_to_mix_devices():
    strict = Backend("strict")
    with pytest.raises(ValueError, match="device"):
        strict.asarray(X) + strict.xp.asarray(X)


def test_cupy_is_told_to_multiply_in_full_precision_and_to_report_failures(monkeypatch):
    """CuPy is not here: this says what it is told before its first product."""
    told = {}
    monkeypatch.setattr(arrays, "cupy_missing", lambda: None)
    monkeypatch.setitem(sys.modules, "cupyx", types.SimpleNamespace(seterr=lambda **how: told.update(how)))
    monkeypatch.setitem(sys.modules, "array_api_compat.cupy", types.SimpleNamespace(float32="float32"))
    monkeypatch.setenv("CUPY_TF32", "1")
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "1")
    assert arrays.Backend("cupy", "float32").float == "float32"
    assert (os.environ["CUPY_TF32"], os.environ["NVIDIA_TF32_OVERRIDE"]) == ("0", "0")
    assert told == {"linalg": "raise"}
