"""Decides instances that a test made, by the functions of a theorem and the rules of the engine.

This folder is no package: one called ``theorems`` would hide the theorems.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from verify.core.arrays import backend
from verify.core.enclosure import Enclosure
from verify.core.theorem import Parameters, Theorem
from verify.engine import trial


@dataclass(frozen=True)
class Judged:
    """Instances with their quantities and outcomes."""

    theorem: Theorem
    p: Parameters
    x: dict[str, Any]
    quantities: dict[str, Any]
    outcomes: dict[str, trial.Outcomes]

    def words(self, claim: str) -> list[str]:
        """Of each instance: holds, violated, undecided, or the hypothesis by which it is set aside."""
        out, given = self.outcomes[claim], self.theorem.claim(claim).given
        return [
            given[missed] if missed >= 0 else "violated" if violated else "holds" if holds else "undecided"
            for missed, holds, violated in zip(out.missed, out.holds, out.violated, strict=True)
        ]

    def word(self, claim: str) -> str:
        """The one word that all instances share."""
        (word,) = set(self.words(claim))
        return word

    def alone(self, i: int) -> dict[str, Any]:
        """Instance i by itself, with a batch axis of length 1."""
        return {name: a if a.shape[0] == 1 else a[i : i + 1] for name, a in self.x.items()}

    def ratio(self, claim: str) -> Any:
        """measured/bound at its largest step, (B,)."""
        return self.outcomes[claim].ratio

    def best(self, name: str) -> Any:
        """The best value of a quantity."""
        quantity = self.quantities[name]
        return quantity.value if isinstance(quantity, Enclosure) else quantity


def judge(theorem: Theorem, x: dict[str, Any], p: Parameters | None = None) -> Judged:
    """All claims of the theorem on the instances ``x`` (NumPy, batch first)."""
    p = theorem.parameters() if p is None else p
    with np.errstate(all="ignore"):
        margins, quantities = theorem.hypotheses(p, x), theorem.solve(p, x)
        decided = {c.name: trial.outcomes(c, p, margins, quantities) for c in theorem.claims}
    return Judged(theorem, p, x, quantities, decided)


def draw(theorem: Theorem, family: str, size: int, seed: int = 0, **params: Any) -> Judged:
    """The first ``size`` instances of a family, decided."""
    p = theorem.parameters(**params)
    x = theorem.sample(trial.draw_for(theorem, p, family, 0, size, seed, backend("numpy")), p, family)
    return judge(theorem, x, p)


def one(**arrays: Any) -> dict[str, Any]:
    """One instance from nested numbers: a batch axis of length 1 in front, floats unless ``level`` (a whole number)."""
    return {name: np.asarray([v], dtype=None if name == "level" else float) for name, v in arrays.items()}
