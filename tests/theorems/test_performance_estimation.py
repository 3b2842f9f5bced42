"""An outside check of the worst cases of ISTA and FISTA: performance estimation, a semidefinite program that knows
nothing of the LASSO (PEPit, of the extra ``pep``; skipped without it)."""

from __future__ import annotations

import pytest

from verify.kit.shrinkage import fista_positions, fista_weights

pytest.importorskip("PEPit")
pytestmark = pytest.mark.filterwarnings("ignore")  # those of PEPit and of the solver it picks


def worst_case(steps: int, fast: bool, minimiser: bool, length: float = 1.0) -> float:
    """The largest F(z^t) - F(z) over 1-smooth convex f and convex h with |z^0 - z| <= 1, and z a minimiser or any
    point."""
    from PEPit import PEP
    from PEPit.functions import ConvexFunction, SmoothConvexFunction
    from PEPit.primitive_steps import proximal_step

    problem = PEP()
    f, h = problem.declare_function(SmoothConvexFunction, L=1), problem.declare_function(ConvexFunction)
    total = f + h
    z = total.stationary_point() if minimiser else problem.set_initial_point()
    least = total(z) if minimiser else f(z) + h(z)
    x = y = problem.set_initial_point()
    problem.set_initial_condition((x - z) ** 2 <= 1)
    weights = fista_weights(steps + 1)
    for i in range(steps):
        new, _, h_new = proximal_step(y - length * f.gradient(y), h, length)
        y = new + (weights[i] - 1) / weights[i + 1] * (new - x) if fast else new
        x = new
    problem.set_performance_metric(f(x) + h_new - least)
    return problem.solve(verbose=0, solver="CLARABEL")  # its gap is 1e-8; the default solver stops at 1e-4


@pytest.mark.parametrize("minimiser", [True, False])
@pytest.mark.parametrize("t", [1, 2, 3, 5, 8])
def test_ista_needs_a_quarter(t, minimiser):
    assert worst_case(t, fast=False, minimiser=minimiser) == pytest.approx(1 / (4 * t), rel=1e-6)


@pytest.mark.parametrize("minimiser", [True, False])
@pytest.mark.parametrize("t", [1, 2, 3, 5, 8])
def test_fista_needs_what_the_extremal_lasso_needs(t, minimiser):
    assert worst_case(t, fast=True, minimiser=minimiser) == pytest.approx(1 / (4 * fista_positions(t)[-1]), rel=1e-6)


@pytest.mark.parametrize(("t", "value"), [(1, 0.9**2 / 2), (2, 0.9**4 / 2), (4, 0.9**8 / 2)])
def test_long_steps_on_a_parabola_are_the_worst_case(t, value):
    assert worst_case(t, fast=False, minimiser=True, length=1.9) == pytest.approx(value, rel=1e-6)
