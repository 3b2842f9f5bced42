"""ML-FISTA: the fixed points of ML-ISTA, counts of iterations, the bound at extrapolated points."""

from __future__ import annotations

import numpy as np
import pytest
from judge import draw, judge

from theorems.sparse_coding import _two_layers as instances
from theorems.sparse_coding import ml_ista
from theorems.sparse_coding.ml_fista import MANY, THEOREM

NEAR, SOONER = "near-fixed points are near-optimal", "sooner than ML-ISTA"
FIRST, MONOTONE = "first abstract: to the optimum like 1/k^2", "the residual never grows"
RANDOM = [f"mu = {c:g}/|D1|^2" for c in instances.SHARES]


def test_it_ends_where_ml_ista_ends():
    judged = draw(THEOREM, "by hand", 16)
    assert judged.best("gap")[:, -1] == pytest.approx(np.full(16, 0.004), abs=1e-9)
    assert judged.word(FIRST) == "violated"
    assert judged.word(NEAR) == "holds"
    assert judged.word(SOONER) == MANY
    fast = draw(THEOREM, RANDOM[0], 4, steps=1200)
    slow = judge(ml_ista.THEOREM, fast.x, ml_ista.Params(steps=1200))
    assert slow.best("gap")[:, -1] == pytest.approx(fast.best("gap")[:, -1], abs=1e-5)
    assert (fast.best("gap")[:, -1] > 1e-4).all()


@pytest.mark.parametrize("family", RANDOM)
def test_it_is_sooner_on_random_problems(family):
    judged = draw(THEOREM, family, 24)
    assert (judged.best("fast") < judged.best("slow")).mean() > 0.9
    assert judged.best("slow").max() <= judged.p.steps
    assert judged.word(NEAR) == "holds"


def test_iterations_are_counted_until_the_residual_is_small():
    judged = draw(THEOREM, RANDOM[0], 6, steps=800)
    for i in range(6):
        alone = {name: a[i : i + 1] for name, a in judged.x.items()}
        points = [alone["start"][0]]
        for _ in range(800):
            points.append(instances.step_reference(alone, points[-1]))
        residuals = np.linalg.norm(np.diff(points, axis=0), axis=1)
        assert judged.best("slow")[i] == np.argmax(np.append(residuals, 0) <= 1e-4)


def test_momentum_lengthens_the_steps_of_a_constant_pull():
    judged = draw(THEOREM, "constant pull", 8)
    assert judged.word(MONOTONE) == "violated"
    assert judged.word(NEAR) == "holds"
