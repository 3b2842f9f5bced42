"""Widths of l1 descent cones by exact projections, in batches, against loops, on one BLAS thread.

``python -m benchmarks.widths`` prints a Markdown table. *All*: 10^5 Gaussian vectors of length 1000, drawn and
projected, until the mean of ``|P_C g|^2`` and its standard error stand. *Projection* alone: microseconds a vector of
the batched kernel, of a NumPy loop that sorts each vector, and of a loop over a parametrised CVXPY problem and
CLARABEL, on the same vectors. ``d psi`` is the upper bound of the mean.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.basis_pursuit import best_of_three
from benchmarks.markdown import markdown
from verify.core.arrays import Backend, backend, cupy_missing, norm2
from verify.kit import widths
from verify.kit.cones import L1DescentCone

D, SAMPLES, BATCH = 1000, 100_000, 1024
LOOP = {"sort": 512, "CLARABEL": 4}  # of the batch, that the loops project


def project_by_sorting(g: Any, k: int) -> Any:
    """P_C(g) of one vector, the signal's non-zeros positive and first."""
    magnitudes = np.sort(np.abs(g[k:]))[::-1]
    sums = np.concatenate([[0.0], np.cumsum(magnitudes)])
    tau = max(0.0, float(np.max((g[:k].sum() + sums) / (k + np.arange(len(sums))))))
    return np.concatenate([g[:k] - tau, np.sign(g[k:]) * np.maximum(np.abs(g[k:]) - tau, 0.0)])


def sort_seconds(g: Any, k: int) -> float:
    """Seconds a vector of the NumPy loop, after checking that it projects to the same points."""
    ours = L1DescentCone(_signs(k)).project(g)
    theirs = np.stack([project_by_sorting(v, k) for v in g])
    assert np.abs(ours - theirs).max() < 1e-10
    return best_of_three(lambda: [project_by_sorting(v, k) for v in g]) / len(g)


def conic_seconds(g: Any, k: int) -> float:
    """Mean seconds a vector of the parametrised CVXPY problem, compiled once."""
    import cvxpy

    h, target = cvxpy.Variable(D), cvxpy.Parameter(D)
    descent = [cvxpy.sum(h[:k]) + cvxpy.norm1(h[k:]) <= 0]
    problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares(h - target)), descent)
    times = []
    for vector in (g[0], *g):  # the first one compiles
        target.value = vector
        start = time.perf_counter()
        problem.solve(solver=cvxpy.CLARABEL)
        times.append(time.perf_counter() - start)
    return statistics.fmean(times[1:])


def _signs(k: int) -> Any:
    return np.where(np.arange(D) < k, 1.0, 0.0)[None]


def _all(where: Backend, k: int) -> tuple[float, widths.Width]:
    """Seconds of the whole estimate, and the estimate."""
    cone = L1DescentCone(where.asarray(_signs(k)))
    widths.monte_carlo(cone, D, 2 * BATCH, where, batch=BATCH)
    start = time.perf_counter()
    found = widths.monte_carlo(cone, D, SAMPLES, where, batch=BATCH)
    return time.perf_counter() - start, found


def rows() -> list[dict[str, Any]]:
    """One row for each number of non-zeros."""
    out = []
    random = np.random.default_rng(0)
    with threadpool_limits(limits=1):
        for k in (1, 50):
            g = random.standard_normal((BATCH, D))
            cone = L1DescentCone(_signs(k))
            alone = best_of_three(lambda cone=cone, g=g: norm2(cone.project(g))) / BATCH
            sort = sort_seconds(g[: LOOP["sort"]], k)
            conic = conic_seconds(g[: LOOP["CLARABEL"]], k)
            seconds, found = _all(backend("numpy"), k)
            row = {
                "d": D,
                "k": k,
                "10^5 samples, all (s)": seconds,
                "projection (us)": 1e6 * alone,
                "sorting loop (us)": 1e6 * sort,
                "ratio": sort / alone,
                "CLARABEL loop (us)": 1e6 * conic,
                "ratio to CLARABEL": conic / alone,
                "mean": f"{found.dimension:.3f} +- {found.dimension_error:.3f}",
                "d psi": f"{widths.l1_dimension(D, k).upper:.3f}",
            }
            if cupy_missing() is None:
                row["GPU, all (s)"] = _all(backend("cupy"), k)[0]
            out.append(row)
    return out


def table() -> str:
    """The rows as a Markdown table."""
    return markdown(rows())


if __name__ == "__main__":
    print(table())
