r"""``python -m verify doctor``: what works on this machine, and what to install for what does not."""

from __future__ import annotations

import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from verify.core.arrays import BackendUnavailable, backend, cupy_missing, eps, to_numpy

LIBRARIES = ("numpy", "scipy", "cvxpy", "sympy", "python-flint", "array-api-compat", "pydantic", "matplotlib")


def examine(out: Path) -> tuple[list[str], bool]:
    """The findings, a line each, and whether the NumPy path works."""
    tests = {name: _self_test(name) for name in ("numpy", "strict", "cupy")}
    lines = [
        f"Python       {platform.python_version()} on {platform.system()} {platform.machine()}",
        f"cores        {_cores()} usable of {os.cpu_count()}",
        *(f"{name:12} {_version(name)}" for name in LIBRARIES),
        f"solvers      {_solvers()}",
        f"BLAS         {_blas()}",
        f"CuPy         {_cupy()}",
        f"free disk    {_free(out)}",
        *(f"backend={name:6} {found}" for name, (found, _) in tests.items()),
    ]
    return lines, tests["numpy"][1]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing: run `make`"


def _cores() -> int:
    """The cores this process may use, which a container may hold below those of the machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _solvers() -> str:
    try:
        import cvxpy
    except ImportError as error:
        return f"cvxpy cannot be imported: {error}"
    return ", ".join(cvxpy.installed_solvers())


def _blas() -> str:
    import numpy  # noqa: F401 - loads its BLAS
    from threadpoolctl import threadpool_info

    pools = [
        f"{p.get('internal_api')} {p.get('version')}, threads {p.get('num_threads')}"
        for p in threadpool_info()
        if p.get("user_api") == "blas"
    ]
    return "; ".join(dict.fromkeys(pools)) or "unknown"


def _cupy() -> str:
    if (reason := cupy_missing()) is not None:
        return reason
    import cupy

    found = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)
    return f"{cupy.__version__} on {found['name'].decode()}, CUDA {cupy.cuda.runtime.runtimeGetVersion()}"


def _free(out: Path) -> str:
    """Free space where ``out`` is or would be made."""
    place = next(p for p in (out.absolute(), *out.absolute().parents) if p.is_dir())
    return f"{shutil.disk_usage(place).free / 2**30:,.1f} GiB at {place}"


def _self_test(name: str) -> tuple[str, bool]:
    """Whether the backend makes NumPy's own Philox words, and a 16x32 product right to rounding."""
    import numpy as np

    from verify.core.streams import philox_words

    try:
        chosen = backend(name)
    except BackendUnavailable as error:
        return str(error).removeprefix(f"backend={name}: "), False
    try:
        numbers = chosen.xp.asarray(np.asarray([0, 7], dtype=np.uint64), device=chosen.device)
        words = to_numpy(philox_words(numbers, 3, 5, 2, 40))
        told = [np.random.Philox(key=[3, 5], counter=[0, 0, n, 2]).random_raw(40) for n in (0, 7)]
        if not np.array_equal(words, told):
            return "FAILED: its random words differ from NumPy's", False
        A = np.random.default_rng(0).standard_normal((16, 32))
        B = chosen.asarray(A)
        defect = np.abs(to_numpy(chosen.xp.matmul(B, chosen.xp.matrix_transpose(B))) - A @ A.T)
        # A sum of 32 products in any order is off by at most 32 units of rounding of the sum of magnitudes; twice.
        if not np.all(defect <= 2 * 32 * eps(B) * (np.abs(A) @ np.abs(A).T)):
            return f"FAILED: a 16x32 matrix product is off by {defect.max():.1e}", False
    except Exception as error:  # whatever a broken installation raises is the finding
        return f"FAILED: {type(error).__name__}: {error}", False
    return "works", True
