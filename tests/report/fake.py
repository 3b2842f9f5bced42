r"""A contraction, by hand.

Let $`h_t\in\mathbb R^d`$ with $`\|h_{t+1}\|\le\rho\|h_t\|`$. Then

```math
\|h_t\|\le\rho^t\|h_0\| .
```

*Proof.* Induction; $`\operatorname{diag}(1,\dots)`$ is here because GitHub refuses the macro. $`\square`$
"""

from __future__ import annotations

import math
import random
from typing import Any

from pydantic import Field

from verify import Claim, Every, Figure, Formula, Parameters, Probability, Reference, Source, Theorem
from verify.engine.evidence import Evidence, Extreme, Tally
from verify.engine.result import ClaimResult, Result, Verdict

SLIDES = Source(Reference("doe2019", "J. Doe", "Slides | second edition", "UAI", 2019), "slide 7", "from memory")
BOUND = Formula("rho**t * size + abs(xi)")


class Params(Parameters):
    d: int = Field(60, ge=1, description="length of the signal")
    k: int = Field(3, ge=1, description="non-zeros | of the signal")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    raise NotImplementedError("the fake is never run")


THEOREM = Theorem(
    "fake",
    "A contraction: $`\\rho^t`$ and [brackets]",
    Params,
    sample,
    lambda p, x: {},
    lambda p, x: {},
    families={
        "random": "Gaussian",
        "noisy": "Gaussian | with noise",
        "aligned": "hard",
        "plane": "by hand",
        "e": "ends",
    },
    claims=(
        Claim("contraction", Every(), "error", BOUND, ("R = f(Z)", "start in K")),
        Claim("often", Probability(0.05), "error", Formula("2 * size / sqrt(k)"), ("start in K",)),
        Claim(
            "slide: no noise | at all",
            Every(),
            "error",
            BOUND.where(xi=0),
            ("R = f(Z)",),
            origin="doe2019",
            expects="refuted",
            because="the noise enters the iteration and not the bound",
            grade="incomplete",
            reading="any E, and the bound rho**t |h_0|",
            holds_when="E = 0",
            source=SLIDES,
        ),
        Claim(
            "half the rate",
            Every(),
            "error",
            BOUND.where(rho="rho / 2"),
            origin="control",
            expects="refuted",
            because="the rate is attained",
        ),
    ),
    sources=(SLIDES,),
    symbols={
        "rho": (r"\rho", "the rate"),
        "t": ("t", "step"),
        "size": (r"\|h_0\|", r"first error $`|h_0|`$ | in norm"),
        "xi": (r"\xi", "noise"),
        "error": (r"\|h_t\|", "error"),
    },
    figures=(
        Figure("cloud", "cloud", ("contraction",), "Error against the bound $`\\rho^t`$.", "bound", "error (distance)"),
        Figure("two clouds", "cloud", ("contraction", "often"), "Both bounds.", "bound", "error (distance)"),
        Figure(
            "ratio",
            "ratio",
            ("contraction", "slide: no noise | at all"),
            "Ratio against sparsity.",
            "non-zeros k",
            "error / bound",
            against="k",
        ),
        Figure("widths", "ratio", ("contraction",), "Ratio against width.", "width", "error / bound", against="size"),
        Figure(
            "error",
            "curves",
            ("contraction", "slide: no noise | at all"),
            "Error at each step.",
            "iteration t",
            "error (distance)",
        ),
        Figure(
            "ladder",
            "ladder",
            ("contraction", "slide: no noise | at all"),
            "Means against width.",
            "width $`n`$",
            "error (distance)",
            against="n",
        ),
        Figure(
            "heat",
            "heat",
            ("contraction",),
            "Where the error is small.",
            "non-zeros k",
            "measurements m",
            against="k",
            across="m",
        ),
    ),
    not_tested=("signals longer than 60",),
)


def evidence(points: int = 400, seed: int = 0) -> Evidence:
    """Rows as a run records them: mostly on the allowed side, with a zero, a NaN and an infinity among them."""
    rng, more = random.Random(seed), random.Random(seed + 1)
    found = Evidence()
    for number, family in enumerate(THEOREM.families):
        cloud, both, ratio, widths = [], [], [], []
        for i in range(points):
            bound = math.exp(rng.gauss(number - 2, 1.5))
            tight = min(1.0, rng.betavariate(4, 1.2)) * (1 if number else 0.6)
            cloud.append([i, 0, tight * bound, bound])
            both += [[i, 0, tight * bound, bound], [i, 1, tight * bound * rng.uniform(0.1, 1.4), bound]]
            k = rng.randint(1, 8)
            ratio += [[i, 0, float(k), tight], [i, 1, float(k), tight * (1 + 0.1 * k * (number == 1))]]
            widths.append([i, 0, math.exp(rng.uniform(0, 8)), tight ** rng.uniform(1, 20)])
        if family == "e":
            cloud += [[points, 0, 0.0, 1.0], [points + 1, 0, math.nan, 1.0], [points + 2, 0, 1.0, math.inf]]
            widths += [[points, 0, 2.0, 0.0], [points + 1, 0, math.inf, 0.5]]
        width = 32.0 * 2**number
        ladder = [
            [i, n, width, more.betavariate(4, 2) * width**-0.5, size * width**-0.5]
            for i in range(points)
            for n, size in enumerate((1.0, 0.5))
        ]
        heat = []
        for i in range(points):
            k, m = float(more.randint(1, 10)), 4.0 * more.randint(1, 12)
            if m > k:
                heat.append([i, 0, k, m, 1 / (1 + math.exp((m - 4 * k - 5) / 3)), 4 * k + 9])
        rows = {"cloud": cloud, "two clouds": both, "ratio": ratio, "widths": widths, "ladder": ladder, "heat": heat}
        for name, recorded in rows.items():
            found.figures.setdefault(name, {})[family] = recorded
        steps = list(range(40))
        noise = 0.02 * (number % 2)
        error = [0.8**t * 0.95 + noise * (1 - 0.8**t) for t in steps]
        found.figures.setdefault("error", {})[family] = {
            "ratio": 0.95,
            "instance": number,
            "steps": steps,
            "measured": dict.fromkeys(("contraction", "slide: no noise | at all"), error),
            "bound": {
                "contraction": [0.8**t + noise for t in steps],
                "slide: no noise | at all": [0.8**t if family != "e" or t < 30 else 0.0 for t in steps],
            },
        }
    for claim in THEOREM.claims:
        for family in THEOREM.families:
            bad = claim.expects == "refuted" and family in ("noisy", "e")
            aside = {claim.given[0]: 12} if claim.given and family == "random" else {}
            found.tallies.setdefault(claim.name, {})[family] = Tally(
                drawn=2048,
                holds=2048 - 5 - sum(aside.values()) - 100 * bad,
                violated=100 * bad,
                undecided=5,
                set_aside=aside,
                worst=[Extreme(1.28 if bad else 0.9999999968, -3, "violated" if bad else "holds")],
                sketch={40: 900, 46: 800, 47: 343},
            )
    return found


def result(points: int = 400, **params: Any) -> Result:
    """A run as expected: the claims hold, the slide and the control are refuted."""
    seen = evidence(points)
    claims = []
    for claim in THEOREM.claims:
        total = seen.total(claim.name)
        word = "violated" if total.violated else "no violation"
        verdict = Verdict(
            word,  # type: ignore[arg-type]
            total.decided,
            total.violated,
            total.undecided,
            total.set_aside,
            total.ratio_max,
            {"smallest wrong constant": 0.9999999968} if word == "no violation" else {},
            f"{word}; a constant below 1 - 3.2e-09 | would show",
        )
        witness = None
        if total.violated:
            witness = {
                "family": "noisy",
                "instance": 3,
                "measured": 0.4472135954999579,
                "bound": 0.3486784401,
                "ratio": 1.2825960,
                "step": 10,
                "method": "independent reference",
                "file": f"witness-{claim.origin}.npz",
                "arrays": {"A": [[1.0, 0.5], [1 / 3, -2e-07]], "Z": [1.0, 0.0], "mu": 0.8, "step_size": [[[1]], [[2]]]},
                "quantities": {"rho": 0.9, "size": 1.0, "error": 0.4472135954999579, "k": 3.0},
            }
        claims.append(ClaimResult(claim.name, claim.kind.label, claim.origin, claim.expects, verdict, witness))
    return Result(
        theorem="fake",
        params=Params(**params).model_dump(),
        seed=0,
        backend="numpy",
        dtype="float64",
        seconds=1.234,
        instances=dict.fromkeys(THEOREM.families, 2048),
        claims=claims,
        evidence=seen,
        command=" ".join(["python -m verify theorem=fake", *(f"{k}={v}" for k, v in params.items())]),
        machine={"python": "3.11", "system": "Linux, 2 cores"},
    )
