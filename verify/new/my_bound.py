r"""The sum of magnitudes is at most the square root of n times the length.

Replace this text by your theorem: the page shows it as its statement. Say every hypothesis and every constant.

**Theorem.** For every $`x\in\mathbb R^n`$

```math
\lVert x\rVert_1\le\sqrt n\,\lVert x\rVert_2 .
```

*Proof.* Cauchy and Schwarz, with the vector of the signs of $`x`$. $`\square`$ Sharp: all magnitudes equal.

Kind: inequality for every instance.

**Not covered.** Sequences without an end.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from verify import Claim, Every, Figure, Formula, Parameters, Reference, Source, Theorem, control
from verify.core.arrays import eps, namespace, norm1, norm2

# The paper your bound is from, and the place in it.
GOLUB = Reference("golub2013", "G. H. Golub, C. F. Van Loan", "Matrix Computations", "Johns Hopkins, 4th edition", 2013)
SOURCE = Source(GOLUB, "Section 2.2.2")
# A bound is written once, of the names that `solve` returns and of the parameters. delta is what rounding may add.
BOUND = Formula("sqrt(n) * length + delta")


class Params(Parameters):
    """Each with a default, its range and a description: `python -m verify theorem=my_bound.py n=2..8` sweeps it."""

    n: int = Field(6, ge=2, le=1000, description="how many entries the vector has")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """x (B, n). Draws have the batch in front; the hard instances that your proof points to get their own family."""
    if family == "equal magnitudes":
        return {"x": draw.sign(p.n) * draw.log_uniform(1, low=0.1, high=10.0)}
    return {"x": draw.normal(p.n)}


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """Margins (B,), met where >= 0. An instance that misses one is set aside under the claims that need it."""
    return {"x is not 0": norm2(x["x"]) - 1e-30}


def solve(p: Params, x: Any) -> dict[str, Any]:
    """The quantities of the claims, (B,) each. Array functions come from the namespace, so that this runs on a GPU."""
    length = norm2(x["x"])
    return {"sum": norm1(x["x"]), "length": length, "delta": 16 * p.n * eps(length) * length}


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same of one instance (B = 1, NumPy) in another way: it rechecks every violation before you hear of it."""
    import math

    entries = x["x"][0].tolist()
    there = namespace(x["x"]).asarray
    found = {"sum": math.fsum(map(abs, entries)), "length": math.hypot(*entries), "delta": 0.0}
    return {name: there([value]) for name, value in found.items()}


def flip(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """A change that leaves the ratio of every true claim as it is."""
    return {"x": x["x"] * draw.sign(x["x"].shape[-1])}


THEOREM = Theorem(
    "my_bound",
    "A sum of magnitudes against the length",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    families={"random": "normal entries", "equal magnitudes": "the bound is attained"},
    claims=(
        Claim("sum of magnitudes", Every(), "sum", BOUND, ("x is not 0",)),
        # Controls are false neighbours: a run that does not refute them could not have noticed an error of yours.
        control("n - 1 for n", Every(), "sum", BOUND.where(n="n - 1"), ("x is not 0",), "equal magnitudes attain it"),
        control(
            "normal entries", Every(), "sum", BOUND.where(n="0.64 * n"), ("x is not 0",), "random draws stay near it"
        ),
    ),
    sources=(SOURCE,),
    symbols={
        "n": ("n", "how many entries"),
        "sum": (r"\lVert x\rVert_1", "sum of magnitudes"),
        "length": (r"\lVert x\rVert_2", "length"),
        "delta": (r"\delta", "what the rounding of the sums may add"),
    },
    figures=(Figure("cloud", "cloud", ("sum of magnitudes",), "Sum against bound.", x="bound", y="sum of magnitudes"),),
    invariances={"flip signs": flip},
)
