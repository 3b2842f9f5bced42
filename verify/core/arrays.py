r"""Array namespaces, devices and dtypes: one code path for NumPy, CuPy and the strict array library.

A kernel never names a library. It asks its arguments for their namespace (:func:`namespace`), uses only functions
of the array API standard, and returns arrays on the device it was given. Axis 0 of every array is the batch; an
array whose axis 0 has length 1 is shared by the whole batch (:func:`matvec` then runs one matrix product).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from typing import Any

import array_api_compat

Array = Any  # an array of any library that follows the array API standard

BACKENDS = ("numpy", "cupy", "strict")
DTYPES = ("float64", "float32")


class BackendUnavailable(RuntimeError):
    """The array library asked for cannot be used here; the message says why and what to install."""


@dataclass(frozen=True)
class Backend:
    """An array library, its device and the floating dtype of a run.

    ``name`` is ``numpy``, ``cupy`` or ``strict`` (array-api-strict on its fake device ``device1``, where any call
    that is not of the standard, or that mixes devices, fails); ``dtype`` is ``float64`` or ``float32``.

    Raises :class:`BackendUnavailable` when the library or its device is missing.
    """

    name: str = "numpy"
    dtype: str = "float64"

    @cached_property
    def xp(self) -> Any:
        """The namespace of the array library, in its array-API-compatible form."""
        if self.name == "numpy":
            return _numpy()
        if self.name == "strict":
            try:
                return import_module("array_api_strict")
            except ImportError as error:
                raise BackendUnavailable("backend=strict needs the package array-api-strict (extra 'test')") from error
        if self.name == "cupy":
            if (reason := cupy_missing()) is not None:
                raise BackendUnavailable(f"backend=cupy: {reason}")
            # CuPy's products in float32 have 24 bits, but for one variable, which it reads at the first of them, and
            # another of cuBLAS; with 11 bits (TF32) no rounding bound here would be true.
            os.environ.update(CUPY_TF32="0", NVIDIA_TF32_OVERRIDE="0")
            import_module("cupyx").seterr(linalg="raise")  # CuPy hides failed factorisations by default, per thread
            return import_module("array_api_compat.cupy")
        raise BackendUnavailable(f"backend={self.name!r}: allowed are {', '.join(BACKENDS)} and auto")

    @cached_property
    def device(self) -> Any:
        """The device new arrays are put on."""
        if self.name == "strict":
            return self.xp.Device("device1")
        if self.name == "cupy":
            import cupy

            return cupy.cuda.Device()
        return "cpu"

    @property
    def float(self) -> Any:
        """The floating dtype of the run, as the namespace names it."""
        return getattr(self.xp, self.dtype)

    def asarray(self, values: Any) -> Array:
        """``values`` (nested numbers or a NumPy array) on the device; floats get the dtype of the run."""
        import numpy as np

        host = np.asarray(values)
        dtype = self.float if host.dtype.kind == "f" else None
        return self.xp.asarray(host, dtype=dtype, device=self.device, copy=True)


def backend(name: str = "auto", dtype: str = "float64") -> Backend:
    """The backend called ``name``; ``auto`` is CuPy where a device answers and NumPy elsewhere."""
    if dtype not in DTYPES:
        raise BackendUnavailable(f"dtype={dtype!r}: allowed are {', '.join(DTYPES)}")
    if name == "auto":
        name = "numpy" if cupy_missing() else "cupy"
    chosen = Backend(name, dtype)
    _ = chosen.xp
    return chosen


def cupy_missing() -> str | None:
    """Why CuPy cannot be used here, or None when it can."""
    try:
        import cupy
    except ImportError:
        return "CuPy is not installed; `make` installs it where it finds an NVIDIA driver"
    try:
        available = cupy.cuda.is_available()
    except Exception as error:  # CuPy raises its own driver errors here, of several types
        return f"CuPy finds no usable device ({error})"
    return None if available else "CuPy is installed but finds no CUDA device"


def namespace(*arrays: Array) -> Any:
    """The array-API namespace that the arrays share (Python numbers are passed over)."""
    for x in arrays:
        if type(x).__module__ != "numpy":
            return array_api_compat.array_namespace(*arrays)
    return _numpy()  # asked for so often that a second look shows


@cache
def _numpy() -> Any:
    return import_module("array_api_compat.numpy")


def device(x: Array) -> Any:
    """The device ``x`` lives on."""
    return array_api_compat.device(x)


def is_array(x: Any) -> bool:
    """Whether ``x`` is an array of a library that follows the standard."""
    return array_api_compat.is_array_api_obj(x)


def to_numpy(x: Array) -> Any:
    """``x`` as a NumPy array on the host."""
    import numpy as np

    if isinstance(x, np.ndarray | np.generic):
        return np.asarray(x)
    if array_api_compat.is_cupy_array(x):
        return x.get()
    if hasattr(x, "to_device"):  # array-api-strict
        import array_api_strict

        return np.asarray(x.to_device(array_api_strict.Device("CPU_DEVICE")))
    return np.asarray(x)


def some(mask: Array) -> bool:
    """Whether any entry of a mask is true; counting them takes a third of the time of asking."""
    return bool(namespace(mask).count_nonzero(mask) > 0)


def eps(x: Array) -> float:
    """The distance from 1 to the next number of the dtype of ``x``: twice its unit roundoff."""
    return _limits(namespace(x), x.dtype)[0]


def smallest_normal(x: Array) -> float:
    """The smallest number of the dtype of ``x`` that has all its digits."""
    return _limits(namespace(x), x.dtype)[1]


@cache
def _limits(xp: Any, dtype: Any) -> tuple[float, float]:
    info = xp.finfo(dtype)
    return float(info.eps), float(info.smallest_normal)


def matvec(A: Array, x: Array) -> Array:
    """``A x``: A (B, m, d) or shared (1, m, d), x (B, d) -> (B, m). A shared A costs one matrix product."""
    xp = namespace(A, x)
    if A.shape[0] == 1:
        return xp.matmul(x, xp.matrix_transpose(A)[0, ...])
    return xp.matmul(A, x[..., None])[..., 0]


def rmatvec(A: Array, y: Array) -> Array:
    """``A^T y``: A (B, m, d) or shared (1, m, d), y (B, m) -> (B, d)."""
    return matvec(namespace(A).matrix_transpose(A), y)


def dot(x: Array, y: Array) -> Array:
    """Inner products over the last axis."""
    return namespace(x, y).sum(x * y, axis=-1)


def norm2(x: Array) -> Array:
    """Euclidean norms over the last axis."""
    xp = namespace(x)
    return xp.sqrt(xp.sum(x * x, axis=-1))


def norm1(x: Array) -> Array:
    """Sums of magnitudes over the last axis."""
    xp = namespace(x)
    return xp.sum(xp.abs(x), axis=-1)


def norm_inf(x: Array) -> Array:
    """Largest magnitudes over the last axis."""
    xp = namespace(x)
    return xp.max(xp.abs(x), axis=-1)


def spectral_norm(A: Array) -> Array:
    """Largest singular values: A (B, m, d) -> (B,), relative error of a few units of the dtype."""
    return namespace(A).linalg.svdvals(A)[..., 0]


def take_batch(x: Array, index: Array) -> Array:
    """Rows ``index`` of the batch axis; an array shared by the batch is returned as it is."""
    return x if x.shape[0] == 1 else namespace(x).take(x, index, axis=0)


def put(x: Array, index: Array, values: Array) -> Array:
    """``x`` with ``values`` in the rows ``index`` (integers; where one is repeated the values must be equal): in place
    where the library can, which the standard cannot."""
    if not array_api_compat.is_array_api_strict_namespace(namespace(x)):
        x[index] = values
        return x
    xp = namespace(x)
    if index.shape[0] == 0:
        return x
    order = xp.argsort(index)
    ranked, rows = xp.take(index, order), xp.arange(x.shape[0], device=x.device)
    place = xp.minimum(xp.searchsorted(ranked, rows), xp.full_like(rows, index.shape[0] - 1))
    there = xp.take(ranked, place) == rows
    new = xp.take(xp.broadcast_to(values, index.shape + x.shape[1:]), xp.take(order, place), axis=0)
    return xp.where(xp.reshape(there, (-1,) + (1,) * (x.ndim - 1)), new, x)
