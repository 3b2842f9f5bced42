"""Brackets of the rate of projected gradient descent per second, against loops over SciPy and CVXPY, one BLAS thread.

``python -m benchmarks.rho`` prints a Markdown table. All methods see the same Gaussian instances, m = 3d/4,
mu = 1/|A|^2, the l1 descent cone at a signal with d/20 non-zeros. *Ascent*: a batch, each instance from 8 starts with
60 steps, against SciPy's SLSQP from 8 starts on the same smooth problem (v split into positive parts off the support),
one instance at a time. *Certificate*: the semidefinite relaxation of one instance at a time, its bound evaluated in
ball arithmetic, against CVXPY with Clarabel on the relaxation as it is written in the literature, compiled anew for
each instance, whose value is no certificate. The columns of values say that both found the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.markdown import markdown
from verify.kit import descent, rho
from verify.kit.cones import L1DescentCone

ASCENT = ((40, 64, 2), (400, 16, 0))  # d, batch, instances of the rival's loop: SLSQP takes minutes at d = 400
CERTIFICATE = ((10, 16, 4), (20, 4, 2), (40, 1, 0))
STARTS, STEPS = 8, 60


def instances(d: int, batch: int) -> tuple[Any, Any, Any]:
    """M (batch, d, d), signs (1, d), starts (batch, STARTS, d)."""
    random = np.random.default_rng(0)
    A = random.standard_normal((batch, 3 * d // 4, d))
    M = descent.gradient_map(A, 1 / descent.largest_eigenvalue_of_gram(A))
    signs = np.zeros((1, d))
    signs[0, : max(1, d // 20)] = 1.0
    return M, signs, random.standard_normal((batch, STARTS, d))


def slsqp(M: Any, signs: Any, starts: Any) -> float:
    """max v^T M v over the cone and the unit ball, from the given starts, by SciPy."""
    from scipy.optimize import minimize

    on = signs != 0
    k, q = int(on.sum()), int((~on).sum())
    lift = np.zeros((signs.size, k + 2 * q))
    lift[on, np.arange(k)] = 1.0
    lift[~on, k + np.arange(q)] = 1.0
    lift[~on, k + q + np.arange(q)] = -1.0
    form = lift.T @ M @ lift
    normal = np.concatenate([signs[on], np.ones(2 * q)])
    constraints = [
        {"type": "ineq", "fun": lambda x: -normal @ x, "jac": lambda x: -normal},
        {"type": "ineq", "fun": lambda x: 1 - x @ x, "jac": lambda x: -2 * x},
    ]
    bounds = [(None, None)] * k + [(0, None)] * (2 * q)
    cone = L1DescentCone(signs[None])
    best = 0.0
    directions = cone.project(starts[None])[0]
    for v in directions / np.linalg.norm(directions, axis=1, keepdims=True):
        x = np.concatenate([v[on], np.maximum(v[~on], 0), np.maximum(-v[~on], 0)])
        found = minimize(
            lambda x: -x @ form @ x,
            x,
            jac=lambda x: -2 * form @ x,
            bounds=bounds,
            constraints=constraints,
            method="SLSQP",
        )
        best = max(best, -found.fun)
    return best


def plain_relaxation(M: Any, signs: Any) -> float:
    """The semidefinite relaxation in its primal form, built and compiled for one instance."""
    import cvxpy as cp

    on = signs != 0
    k, q = int(on.sum()), int((~on).sum())
    N = k + 2 * q
    lift = np.zeros((signs.size, N))
    lift[on, np.arange(k)] = 1.0
    lift[~on, k + np.arange(q)] = 1.0
    lift[~on, k + q + np.arange(q)] = -1.0
    G = np.vstack([np.eye(2 * q, N, k), -np.concatenate([signs[on], np.ones(2 * q)])])
    V = cp.Variable((N, N), PSD=True)
    pairs = [V[k + j, k + q + j] == 0 for j in range(q)]
    problem = cp.Problem(cp.Maximize(cp.trace(lift.T @ M @ lift @ V)), [cp.trace(V) <= 1, G @ V @ G.T >= 0, *pairs])
    return float(problem.solve(solver=cp.CLARABEL))


def timed(task: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of the faster of two runs, and the answer."""
    seconds, answer = [], None
    for _ in range(2):
        began = time.perf_counter()
        answer = task()
        seconds.append(time.perf_counter() - began)
    return min(seconds), answer


def bracket(M: Any, signs: Any, starts: Any) -> tuple[Any, list[float]]:
    """Both ends of the batch: attained (batch,), certified one by one."""
    low, _ = rho.ascent_lower(M, L1DescentCone(signs), starts, STEPS)
    return low, [rho.lifted_upper(form, signs[0]) for form in M]


def rows() -> list[dict[str, Any]]:
    """One row for each method and size: brackets per second of both sides, their ratio, and how far apart their values
    are on the instances that both have."""
    found = []
    with threadpool_limits(limits=1):
        for d, batch, few in ASCENT:
            M, signs, starts = instances(d, batch)
            cone = L1DescentCone(signs)
            seconds, (value, _) = timed(partial(rho.ascent_lower, M, cone, starts, STEPS))
            row = {"work": "ascent", "d": d, "ours, 1/s": batch / seconds}
            if few:
                began = time.perf_counter()
                theirs = [slsqp(M[i], signs[0], starts[i]) for i in range(few)]
                rival = (time.perf_counter() - began) / few
                row |= {"rival": "SLSQP loop", "rival, 1/s": 1 / rival, "ratio": batch / seconds * rival}
                row["ours - theirs"] = float(np.min(value[:few] - theirs))
            found.append(row)
        for d, batch, few in CERTIFICATE:
            M, signs, starts = instances(d, batch)
            rho.lifted_upper(M[0], signs[0])  # compiles
            seconds, (low, high) = timed(partial(bracket, M, signs, starts))
            row = {"work": "ascent and certificate", "d": d, "ours, 1/s": batch / seconds}
            if few:
                began = time.perf_counter()
                theirs = [plain_relaxation(M[i], signs[0]) for i in range(few)]
                rival = (time.perf_counter() - began) / few
                row |= {"rival": "CVXPY loop", "rival, 1/s": 1 / rival, "ratio": batch / seconds * rival}
                row["ours - theirs"] = float(np.max(np.abs(np.asarray(high[:few]) - theirs)))
            row["widest bracket"] = float(np.max(np.asarray(high) - low))
            found.append(row)
    return found


COLUMNS = ("work", "d", "ours, 1/s", "rival", "rival, 1/s", "ratio", "ours - theirs", "widest bracket")


def table() -> str:
    """The rows as a Markdown table."""
    return markdown([{name: row.get(name) for name in COLUMNS} for row in rows()])


if __name__ == "__main__":
    print(table())
