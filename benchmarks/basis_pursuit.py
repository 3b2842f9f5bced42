"""Certified basis pursuit in batches against a loop over a parametrised CVXPY + CLARABEL problem, on one BLAS thread.

``python -m benchmarks.basis_pursuit`` prints a Markdown table; :func:`rows` gives the same as data. Both sides solve
the same instances in the same run, with random noise of length ``radius`` or with the worst noise. Ours are solved to
a certified relative gap of 1e-9, CLARABEL at its default settings. Every time is the best of three for the batch and
the mean over the loop, after one warm-up.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.markdown import markdown
from verify.core.arrays import Backend, backend, cupy_missing, to_numpy
from verify.kit.basis_pursuit import basis_pursuit, worst_noise
from verify.kit.dictionaries import Dictionary, affine_hadamard, identity_hadamard

CASES = ((identity_hadamard, 64, 2), (identity_hadamard, 256, 4), (affine_hadamard, 8, 2))
BATCH = 1024
LOOP = 12  # of the batch, evenly spread, are solved by the loop
GPU_BATCH = 16384


def instances(dictionary: Dictionary, k: int, batch: int, worst: bool) -> tuple[Any, Any]:
    """y (batch, n) and radius (batch,): k-sparse x with magnitudes log-uniform on [1/e, e^2], radius on [e^-5, 1]."""
    random = np.random.default_rng(0)
    D, m = dictionary.D, dictionary.m
    support = np.argsort(random.random((batch, m)), axis=1)[:, :k]
    signs = random.choice([-1.0, 1.0], (batch, k))
    x = np.zeros((batch, m))
    np.put_along_axis(x, support, signs * np.exp(random.uniform(-1, 2, (batch, k))), axis=1)
    radius = np.exp(random.uniform(-5, 0, batch))
    noise = random.standard_normal((batch, dictionary.n))
    noise *= radius[:, None] / np.linalg.norm(noise, axis=1, keepdims=True)
    if worst:
        noise = worst_noise(D[None], support, np.ones(support.shape, dtype=bool), signs, radius)[0]
    return x @ D.T + noise, radius


def best_of_three(task: Callable[[], Any]) -> float:
    """Seconds of the fastest of three runs after one warm-up."""
    task()
    times = []
    for _ in range(3):
        start = time.perf_counter()
        task()
        times.append(time.perf_counter() - start)
    return min(times)


def product_rate(n: int, m: int) -> float:
    """Operations a second of the float64 product (256, n) x (n, m): what the solver's iterations are made of."""
    random = np.random.default_rng(0)
    a, b = random.standard_normal((256, n)), random.standard_normal((n, m))
    repeats = max(1, round(2e9 / (512 * n * m)))
    return 512 * n * m * repeats / best_of_three(lambda: [a @ b for _ in range(repeats)])


def loop_seconds(dictionary: Dictionary, y: Any, radius: Any) -> float:
    """Mean seconds an instance of the parametrised CVXPY problem, compiled once."""
    import cvxpy

    x = cvxpy.Variable(dictionary.m)
    data, bound = cvxpy.Parameter(dictionary.n), cvxpy.Parameter(nonneg=True)
    problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.norm1(x)), [cvxpy.norm2(dictionary.D @ x - data) <= bound])
    times = []
    for i in range(-1, len(y)):  # the first one compiles
        data.value, bound.value = y[i], radius[i]
        start = time.perf_counter()
        problem.solve(solver=cvxpy.CLARABEL)
        times.append(time.perf_counter() - start)
    return statistics.fmean(times[1:])


def batch_seconds(where: Backend, dictionary: Dictionary, y: Any, radius: Any, path: int | None) -> tuple[float, Any]:
    """Seconds an instance of the batched solver on a backend, and its answer."""
    arrays = [where.asarray(v) for v in (dictionary.D[None], y, radius)]
    answer: Any = None

    def task() -> None:
        nonlocal answer
        answer = basis_pursuit(*arrays, path=path)
        to_numpy(answer.gap)  # waits for the device

    return best_of_three(task) / len(y), answer


def rows() -> list[dict[str, Any]]:
    """One row for each dictionary, noise and method: milliseconds an instance, their ratio, what the batch did."""
    with threadpool_limits(limits=1):
        return [row for family, size, k in CASES for worst in (False, True) for row in compare(family(size), k, worst)]


def compare(dictionary: Dictionary, k: int, worst: bool) -> list[dict[str, Any]]:
    """The rows of one dictionary and noise."""
    n, m = dictionary.n, dictionary.m
    y, radius = instances(dictionary, k, BATCH, worst)
    rate = product_rate(n, m)
    chosen = np.linspace(0, BATCH - 1, LOOP).astype(int)
    loop = loop_seconds(dictionary, y[chosen], radius[chosen])
    out = []
    for method, path in (("path, then gradient", None), ("gradient only", 0)):
        seconds, answer = batch_seconds(backend("numpy"), dictionary, y, radius, path)
        row = {
            "dictionary": dictionary.name,
            "size": f"{n}x{m}",
            "k": k,
            "noise": "worst" if worst else "random",
            "method": method,
            "batched ms": 1e3 * seconds,
            "CLARABEL loop ms": 1e3 * loop,
            "ratio": loop / seconds,
            "iterations (median)": float(np.median(answer.iterations)),
            "converged": float(np.mean(answer.converged)),
            "largest gap": float(np.max(answer.gap)),
            # Two products with D an iteration; Grams, certificates and elementwise work count as overhead.
            "share of product rate": 4 * n * m * float(np.mean(answer.iterations)) / seconds / rate,
        }
        if cupy_missing() is None:
            gpu, _ = batch_seconds(backend("cupy"), dictionary, *instances(dictionary, k, GPU_BATCH, worst), path)
            row["GPU ms"] = 1e3 * gpu
        out.append(row)
    return out


def table() -> str:
    """The rows as a Markdown table."""
    return markdown(rows())


if __name__ == "__main__":
    print(table())
