r"""What a planted statement is, and how often a run may be wrong about it by bad luck.

A statement is one claim whose truth is known by proof. Most come in pairs, one true and one false, on the same
instances. ``chance`` bounds the probability that a run says another word than it must: 0 where it is below 1e-30 at
sight, else calculated from the law of the instances and from the rule of the verdict.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field

from verify import Claim, Comparison, Enclosure, Formula, Parameters, Probability, Theorem
from verify.core.arrays import eps, namespace
from verify.engine.campaign import ALPHA
from verify.engine.evidence import Tally
from verify.engine.verdict import decide, mean_half_width

TRUE, FALSE, OPEN, EMPTY = "no violation", "violated", "undecided", "vacuous"


class Params(Parameters):
    n: int = Field(6, ge=2, le=64, description="length of a vector")


def no_hypotheses(p: Params, x: Any) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Setting:
    """Instances and what is computed of them: what the statements of a pair share."""

    sample: Any
    solve: Any
    families: tuple[str, ...] = ("random",)
    shares: Mapping[str, float] = field(default_factory=dict)
    instances: int = 4000
    hypotheses: Any = no_hypotheses
    reference: Any = None


@dataclass(frozen=True)
class Statement:
    """A theorem of one claim, the word a run must say of it, and the bound on the chance of another word."""

    theorem: Theorem
    word: str
    chance: Callable[[], float]

    @property
    def name(self) -> str:
        return self.theorem.name

    @property
    def claim(self) -> Claim:
        return self.theorem.claims[0]


def planted(word: str) -> Any:
    """The maker of the statements of which a run must say ``word``."""

    def make(
        name: str,
        setting: Setting,
        kind: Any,
        measured: str,
        bound: str,
        why: str,
        *,
        relation: Any = "<=",
        given: tuple[str, ...] = (),
        chance: Callable[[], float] = lambda: 0.0,
    ) -> Statement:
        claim = Claim(
            "claim",
            kind,
            measured,
            Formula(bound),
            given,
            relation,
            origin="control" if word == FALSE else "source",
            expects="refuted" if word == FALSE else "holds",
            because=why,
        )
        theorem = Theorem(
            name,
            name.replace("_", " "),
            Params,
            setting.sample,
            setting.hypotheses,
            setting.solve,
            {f: f for f in setting.families},
            (claim,),
            (),
            reference=setting.reference,
            shares=setting.shares,
            instances=setting.instances,
            batch=4000,
        )
        return Statement(theorem, word, chance)

    return make


true, false, left_open, empty = planted(TRUE), planted(FALSE), planted(OPEN), planted(EMPTY)


def rounded(value: Any, n: int) -> Enclosure:
    """A sum of ``n`` nonnegative terms, each of one rounded operation, or its square root."""
    return Enclosure.around(value, n * eps(value) * namespace(value).abs(value))


def between(draw: Any, chance: float, seldom: Any, mostly: Any) -> Any:
    """``seldom`` in a share ``chance`` of the draws, ``mostly`` in the others; (B,) or (B, n)."""
    xp = draw.xp
    u = draw.uniform()
    return xp.where(xp.reshape(u, u.shape + (1,) * (mostly.ndim - 1)) < chance, seldom, mostly)


# ----------------------------------------------------------------------------------------------- the chance of bad luck


def unseen(rate: float, n: int) -> float:
    """P(none of n draws has what a share ``rate`` of them has)."""
    return (1 - rate) ** n


def misjudged(kind: Probability | Comparison, n: int, rate: float, word: str, families: int = 1) -> float:
    """P(another word), exactly, where each of ``n`` draws of one family fails (the comparison: is lost) independently
    with probability ``rate``, and every other one holds (is won). ``families`` share the error budget."""
    from scipy.stats import binom

    claim = Claim("claim", kind, "", Formula("0"))

    def says(k: int) -> str:
        return decide(claim, {"": Tally(n, n - k, k, wins=n - k, losses=k)}, ALPHA / families).verdict

    words = (TRUE, OPEN, FALSE)  # in this order as k grows
    rank = words.index(word)
    first, after = (bisect_left(range(n + 1), r, key=lambda k: words.index(says(k))) for r in (rank, rank + 1))
    return float(binom.cdf(first - 1, n, rate) + binom.sf(after - 1, n, rate))


def half_width(sigma: float, n: int) -> float:
    """Of the confidence sequence that decides a mean, with ``sigma`` for the deviation."""
    return float(mean_half_width(sigma, n, ALPHA))


def far(deviation: float, sigma: float, n: int) -> float:
    """P(a mean of ``n`` draws is above its expectation by ``deviation``) <= exp(-n deviation^2 / (2 sigma^2)) for a law
    of standard deviation ``sigma`` that is strictly sub-Gaussian: a normal, a uniform, a fair coin. For the other side
    of a nonnegative law with second moment ``sigma^2`` as well."""
    return math.exp(-n * max(0.0, deviation) ** 2 / (2 * sigma**2))
