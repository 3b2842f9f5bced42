r"""``python -m verify doctor``: what works on this machine, and what to install for what does not."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from verify.core.arrays import BackendUnavailable, backend, cupy_missing, eps, to_numpy
from verify.engine import executors, work

LIBRARIES = ("numpy", "scipy", "cvxpy", "sympy", "python-flint", "array-api-compat", "pydantic", "matplotlib", "joblib")
SIDE = 384  # of the matrices whose product is timed


def examine(out: Path) -> tuple[list[str], bool]:
    """The findings, a line each, and whether the NumPy path works."""
    tests = {name: _self_test(name) for name in ("numpy", "strict", "cupy")}
    found = {
        "Python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "cores": f"{executors.cores()} usable of {os.cpu_count()}",
        "memory": _memory(),
        **{name: _version(name) for name in LIBRARIES},
        "solvers": _solvers(),
        "BLAS": _blas(),
        "driver": _driver(),
        "CuPy": _cupy(),
        "free disk": _free(out),
        **{f"backend={name}": said for name, (said, _) in tests.items()},
        "executor=processes": _processes(),
        "executor=dask": _dask(),
    }
    lines = [f"{name:18} {said}" for name, said in found.items()]
    return lines, tests["numpy"][1]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing: run `make`"


def _memory() -> str:
    """What the system says of its memory, and what a container leaves of it."""
    try:
        facts = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        total, free = (int(facts[name].split()[0]) / 2**20 for name in ("MemTotal", "MemAvailable"))
    except (OSError, KeyError, ValueError):
        return "unknown"
    words = f"{free:,.1f} GiB free of {total:,.1f}"
    try:
        held = int(Path("/sys/fs/cgroup/memory.max").read_text())
    except (OSError, ValueError):
        return words
    return f"{words}, of which this container may take {held / 2**30:,.1f}"


def _driver() -> str:
    """What the driver of NVIDIA says of its devices."""
    if shutil.which("nvidia-smi") is None:
        return "no nvidia-smi here: without an NVIDIA device everything runs on NumPy"
    asked = ["nvidia-smi", "--query-gpu=driver_version,name,memory.free,memory.total", "--format=csv,noheader"]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return f"nvidia-smi fails ({error}): install the driver of the device"
    return "; ".join(said.split("\n")[:-1]) or "no device"


def _processes() -> str:
    """Whether a worker process starts, sees this code, and does something."""
    began = time.monotonic()
    try:
        pool = executors.Processes(1)
        try:
            found = pool.submit(work.resident).result(timeout=60)
        finally:
            pool.stop()
    except Exception as error:  # whatever a broken installation raises is the finding
        return f"FAILED: {type(error).__name__}: {error}"
    return f"works: a worker answered after {time.monotonic() - began:.1f} s and takes {found / 2**20:,.0f} MiB"


def _dask() -> str:
    try:
        return f"can be had: distributed {version('distributed')}"
    except PackageNotFoundError:
        return f"needs the package distributed: {executors.install('distributed>=2026.1')}"


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

    runtime = cupy.cuda.runtime
    found = runtime.getDeviceProperties(cupy.cuda.Device().id)
    free, total = (size / 2**30 for size in runtime.memGetInfo())
    return (
        f"{cupy.__version__} on {found['name'].decode()}, {free:,.1f} GiB free of {total:,.1f}, "
        f"CUDA {runtime.runtimeGetVersion()}, driver for CUDA {runtime.driverGetVersion()}"
    )


def _free(out: Path) -> str:
    """Free space where ``out`` is or would be made."""
    place = next(p for p in (out.absolute(), *out.absolute().parents) if p.is_dir())
    return f"{shutil.disk_usage(place).free / 2**30:,.1f} GiB at {place}"


def _self_test(name: str) -> tuple[str, bool]:
    """Whether the backend makes NumPy's own Philox words, and a product right to rounding, and how fast."""
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
        A = np.random.default_rng(0).standard_normal((SIDE, SIDE))
        B = chosen.asarray(A)
        to_numpy(chosen.xp.matmul(B, B)[0, 0])  # the first product loads the library
        began = time.perf_counter()
        product = to_numpy(chosen.xp.matmul(B, chosen.xp.matrix_transpose(B)))
        seconds = time.perf_counter() - began
        # A sum of n products in any order is off by at most n units of rounding of the sum of magnitudes; twice.
        some, every = A[:8].astype(np.longdouble), A.T.astype(np.longdouble)
        share = float(np.max(np.abs(product[:8] - some @ every) / (2 * SIDE * eps(B) * (np.abs(some) @ np.abs(every)))))
        size = f"a {SIDE}x{SIDE} product"
        if not share <= 1:
            return f"FAILED: {size} is off by {share:.3g} times what rounding allows", False
    except Exception as error:  # whatever a broken installation raises is the finding
        return f"FAILED: {type(error).__name__}: {error}", False
    speed = 2e-9 * SIDE**3 / seconds
    return f"works: {size} at {speed:,.1f} GFLOP/s, off by {share:.2g} of what rounding allows", True
