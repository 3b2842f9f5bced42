"""Batched iterative shrinkage on one BLAS thread: steps per second, and LASSOs per second against scikit-learn.

``python -m benchmarks.shrinkage`` prints a Markdown table; :func:`rows` gives the same as data. The instances share
one Gaussian matrix. The rival is a loop over scikit-learn's ``Lasso`` (coordinate descent, compiled), where it is
installed; both sides are asked for the same duality gap relative to |X|^2 / 2, and both answers are certified by the
same function, whose largest value stands in the table. Every time is the best of three after one warm-up.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.basis_pursuit import best_of_three
from benchmarks.markdown import markdown
from verify.kit import shrinkage

CASES = ((20, 30), (128, 256), (256, 512))  # m, d
BATCH = 1024
LOOP = 16  # of the batch, evenly spread, are solved by the loop
STEPS = 50
GAP = 1e-6


def instances(m: int, d: int) -> tuple[Any, ...]:
    """A (1, m, d), X (BATCH, m), lam and L (BATCH,): d/20 non-zeros, noise of a tenth, lambda a tenth to a hundredth of
    the largest useful one."""
    random = np.random.default_rng(0)
    A = random.standard_normal((1, m, d)) / m**0.5
    Z = random.standard_normal((BATCH, d)) * (random.random((BATCH, d)) < 1 / 20)
    X = Z @ A[0].T + 0.1 * random.standard_normal((BATCH, m))
    lam = np.abs(X @ A[0]).max(axis=1) * 10 ** random.uniform(-2, -1, BATCH)
    L = np.full(BATCH, np.linalg.norm(A[0], 2) ** 2 * (1 + 1e-12))
    return A, X, lam, L


def loop(A: Any, X: Any, lam: Any) -> tuple[float, Any] | None:
    """Seconds an instance of scikit-learn's Lasso, and its answers; None without scikit-learn."""
    try:
        from sklearn.linear_model import Lasso
    except ImportError:
        return None
    matrix = np.asfortranarray(A[0])
    answers: list[Any] = []

    def task() -> None:
        answers[:] = [
            # Its objective is ours over m, and its tolerance is relative to |X|^2.
            Lasso(alpha=weight / A.shape[1], tol=GAP / 2, fit_intercept=False, max_iter=100_000).fit(matrix, data).coef_
            for data, weight in zip(X, lam, strict=True)
        ]

    return best_of_three(task) / len(X), np.stack(answers)


def rate(method: Any, data: tuple[Any, ...]) -> float:
    """Steps of one instance a second."""
    start = np.zeros((BATCH, data[0].shape[-1]))

    def task() -> None:
        for _ in islice(method(*data, start), STEPS):
            pass

    return BATCH * STEPS / best_of_three(task)


def rows() -> list[dict[str, Any]]:
    """One record for each size."""
    with threadpool_limits(limits=1):
        return [measure(m, d) for m, d in CASES]


def measure(m: int, d: int) -> dict[str, Any]:
    """The record of one size."""
    A, X, lam, L = data = instances(m, d)
    found: list[Any] = []

    def task() -> None:
        found[:] = [shrinkage.lasso(A, X, lam, L, tolerance=GAP)]

    seconds = best_of_three(task) / BATCH
    answer = found[0]
    scale = (X**2).sum(axis=1) / 2
    row: dict[str, Any] = {
        "size": f"{m}x{d}",
        "ISTA steps/s": rate(shrinkage.ista, data),
        "FISTA steps/s": rate(shrinkage.fista, data),
        "batched ms": 1e3 * seconds,
        "steps (median)": float(np.median(answer.steps)),
        "largest gap": float(np.max(answer.gap / scale)),
    }
    chosen = np.linspace(0, BATCH - 1, LOOP).astype(int)
    rival = loop(A, X[chosen], lam[chosen])
    if rival is None:
        return {**row, "Lasso loop ms": "not installed", "its largest gap": "", "ratio": ""}
    gap = shrinkage.certified_gap(A, X[chosen], lam[chosen], rival[1]) / scale[chosen]
    return {
        **row,
        "Lasso loop ms": 1e3 * rival[0],
        "its largest gap": float(np.max(gap)),
        "ratio": rival[0] / seconds,
    }


def table() -> str:
    """The rows as a Markdown table."""
    return markdown(rows())


if __name__ == "__main__":
    print(table())
