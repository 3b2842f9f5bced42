"""Layered basis pursuit on one BLAS thread: layers decided per second, against loops over CVXPY and scikit-learn.

``python -m benchmarks.layered`` prints a Markdown table; :func:`rows` gives the same as data. A layer is a Lagrangian
basis pursuit with noise at its bound and the weight 4 epsilon, on [I H/sqrt n] at the largest k below (1 + 1/mu)/3.
Ours minimises on the support that theory predicts and certifies the answer over all atoms; the rivals minimise over
all atoms: a parametrised problem of CVXPY with CLARABEL at its default settings, and scikit-learn's coordinate descent,
where it is installed, at the tolerance 1e-10. The accuracy of ours is its proven bound on the error of an entry, that
of the rivals their largest distance from ours, in units of epsilon. Times are the best of three after a warm-up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.basis_pursuit import best_of_three
from benchmarks.markdown import markdown
from verify.kit import lagrangian
from verify.kit.dictionaries import admitted, identity_hadamard

CASES = ((64, 4096, 32, 32), (1024, 1024, 4, 8))  # n, batch, instances of the CVXPY and of the scikit-learn loop
EPSILON = 0.05


def instances(n: int, batch: int) -> tuple[Any, Any, Any]:
    """D (1, n, 2n), Y (B, n) and the codes (B, 2n), entries of magnitude 1 to 2."""
    made = identity_hadamard(n)
    random = np.random.default_rng(0)
    k = admitted(made.mu, 1 / 3)
    code = np.zeros((batch, made.m))
    places = np.argsort(random.random(code.shape), axis=1)[:, :k]
    values = random.choice([-1.0, 1.0], (batch, k)) * random.uniform(1, 2, (batch, k))
    np.put_along_axis(code, places, values, axis=1)
    noise = random.standard_normal((batch, n))
    noise *= EPSILON / np.linalg.norm(noise, axis=1, keepdims=True)
    return made.D[None], code @ made.D.T + noise, code


def conic(D: Any, Y: Any, xi: float) -> tuple[float, Any]:
    """Seconds an instance of the CVXPY loop, and its answers."""
    import cvxpy

    y, x = cvxpy.Parameter(D.shape[0]), cvxpy.Variable(D.shape[1])
    problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares(y - D @ x) / 2 + xi * cvxpy.norm1(x)))
    answers: list[Any] = []

    def task() -> None:
        answers.clear()
        for row in Y:
            y.value = row
            problem.solve(solver=cvxpy.CLARABEL)
            answers.append(x.value.copy())

    return best_of_three(task) / len(Y), np.stack(answers)


def descent(D: Any, Y: Any, xi: float) -> tuple[float, Any] | None:
    """Seconds an instance of the scikit-learn loop, and its answers; None without scikit-learn."""
    try:
        from sklearn.linear_model import Lasso
    except ImportError:
        return None
    matrix = np.asfortranarray(D)
    answers: list[Any] = []

    def task() -> None:
        answers[:] = [
            Lasso(alpha=xi / len(row), tol=1e-10, fit_intercept=False, max_iter=100_000).fit(matrix, row).coef_
            for row in Y
        ]

    return best_of_three(task) / len(Y), np.stack(answers)


def rows() -> list[dict[str, Any]]:
    """One record for each size."""
    with threadpool_limits(limits=1):
        return [measure(*case) for case in CASES]


def measure(n: int, batch: int, by_cone: int, by_descent: int) -> dict[str, Any]:
    """The record of one size."""
    D, Y, code = instances(n, batch)
    xi = np.full(batch, 4 * EPSILON)
    found: list[Any] = []

    def task() -> None:
        found[:] = [lagrangian.restricted(D, Y, xi, code)]

    seconds = best_of_three(task) / batch
    ours = found[0]
    row: dict[str, Any] = {
        "layer": f"{n}x{2 * n}, k = {int(np.count_nonzero(code[0]))}",
        "decided/s": float(ours.is_minimiser.mean() / seconds),
        "decided": float(ours.is_minimiser.mean()),
        "error bound": float(ours.error.max() / EPSILON),
    }
    for name, rival in (("CLARABEL", conic(D[0], Y[:by_cone], xi[0])), ("Lasso", descent(D[0], Y[:by_descent], xi[0]))):
        if rival is None:
            row |= {f"{name} loop/s": "not installed", f"{name} distance": "", f"ratio to {name}": ""}
            continue
        distance = float(np.abs(rival[1] - ours.x[: len(rival[1])]).max() / EPSILON)
        row |= {f"{name} loop/s": 1 / rival[0], f"{name} distance": distance, f"ratio to {name}": rival[0] / seconds}
    return row


def table() -> str:
    """The rows as a Markdown table."""
    return markdown(rows())


if __name__ == "__main__":
    print(table())
