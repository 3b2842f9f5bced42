"""How far the generic search gets on theorems of the catalogue whose worst case is known, from random starts alone.

It is not told the closed forms. Beside each ratio stands that of as many random draws as the search evaluated.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from verify.core.arrays import Backend, namespace, norm1
from verify.core.theorem import Parameters, Theorem
from verify.engine import catalogue, search, trial

pytestmark = pytest.mark.slow
NUMPY = Backend("numpy")
SECONDS = 60.0


def random_draws(theorem: Theorem, p: Parameters, claim: str, family: str, instances: int) -> float:
    """The largest ratio of so many plain draws."""
    best = -np.inf
    for start in range(0, instances, theorem.size(family)):
        out = trial.run_batch(theorem, p, family, start, start + theorem.size(family), 1, NUMPY)
        best = np.fmax(best, out.tallies[claim][family].ratio_max)
    return float(best)


def climb(theorem: Theorem, p: Parameters, claim: str, family: str, **more: Any) -> search.Search:
    """The search, and what random draws reach with as many instances (5,000 at most)."""
    found = search.search(theorem, p, theorem.claim(claim), family, NUMPY, SECONDS, **more)
    sampled = random_draws(theorem, p, claim, family, min(found.evaluations, 5000))
    print(f"{theorem.name}, {family}: random {sampled:.4f}, search {found.ratio:.6f}, {found.evaluations} evaluations")
    assert found.ratio > sampled
    return found


def exactly(theorem: Theorem, k: int) -> Theorem:
    """The theorem with the further hypothesis of exactly k non-zeros: fewer would be another, worse, case."""

    def hypotheses(p: Any, x: Any) -> dict[str, Any]:
        margins, alpha = theorem.hypotheses(p, x), x["alpha"]
        xp = namespace(alpha)
        count = xp.sum(xp.astype(alpha != 0, alpha.dtype), axis=-1)
        return {**margins, "exactly k": 0.5 - xp.abs(count - k)}

    claims = tuple(replace(c, given=(*c.given, "exactly k")) for c in theorem.claims)
    return replace(theorem, hypotheses=hypotheses, claims=claims)


def test_bp_stability_reaches_its_closed_form():
    """64 x 128, k = 2: the closed form is that of the family of worst noise."""
    theorem = exactly(catalogue.load("bp_stability"), 2)
    p = theorem.parameters(dictionary="identity and Hadamard", n=64, k=2)
    known = random_draws(theorem, p, "slide, solutions", "identity and Hadamard, worst noise", 2048)
    found = climb(theorem, p, "slide, solutions", "identity and Hadamard, random noise")
    assert found.ratio >= 0.95 * known


def test_bp_stability_sharp_reaches_one_from_random_points():
    """Any point may be tried, as the bound contains its infeasibility; the simplex attains the bound."""
    sharp = catalogue.load("bp_stability_sharp")
    family, claim = "simplex, feasible points", "A, feasible points"

    def sample(draw: Any, p: Any, family: str) -> dict[str, Any]:
        x = sharp.sample(draw, p, "simplex, random noise")
        return {**x, "point": x["alpha"] + x["radius"][:, None] * draw.normal(x["alpha"].shape[-1])}

    theorem = replace(sharp, sample=sample)
    p = theorem.parameters(dictionary="simplex", n=5)
    assert climb(theorem, p, claim, family).ratio >= 0.95


def test_pgd_reaches_the_hand_tuned_ratio_on_the_ball():
    theorem = catalogue.load("pgd")
    p = theorem.parameters(d=6, m=8, k=2, steps=20)
    assert climb(theorem, p, "contraction with noise", "random", members=64).ratio >= 0.95 * 0.93


def test_pgd_reaches_one_on_subspaces():
    pgd = catalogue.load("pgd")

    def sample(draw: Any, p: Any, family: str) -> dict[str, Any]:
        x = pgd.sample(draw, p, "subspace")
        return pgd.repair(p, {**x, "Z": draw.normal(p.d), "E": 0.3 * draw.normal(p.m)})

    theorem = replace(pgd, sample=sample)
    p = theorem.parameters(d=8, m=6, k=1, steps=20)
    found = climb(theorem, p, "contraction with noise", "subspace", members=64)
    assert found.ratio >= 0.95
    assert np.isfinite(norm1(found.x["Z"])).all()


def test_jac_mean_value_reaches_one():
    theorem = catalogue.load("jac_mean_value")
    p = theorem.parameters(d=3, width=4, outputs=2)
    assert climb(theorem, p, "largest spectral norm", "random", members=64).ratio >= 0.95


def test_sgd_stability_convex_reaches_one():
    theorem = catalogue.load("sgd_stability_convex")
    p = theorem.parameters(d=2, steps=4)
    assert climb(theorem, p, "weights move by 2 L sum(alpha) / n", "Huber", members=64).ratio >= 0.95
