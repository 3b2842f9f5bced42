r"""Basis pursuit is stable under bounded noise.

Let $`D\in\mathbb R^{n\times m}`$ have unit columns and mutual coherence $`\mu`$, $`y=D\alpha+v`$ with
$`\|v\|_2\le\varepsilon`$, and $`k=\|\alpha\|_0<\frac14\big(1+\frac1\mu\big)`$. Basis pursuit solves
$`\min\|a\|_1`$ subject to $`\|Da-y\|_2\le\varepsilon`$.

**Theorem.** Every solution $`\hat\alpha`$, and more generally every $`\bar a`$ with $`\|\bar a\|_1\le\|\alpha\|_1`$ and
$`\|D\bar a-y\|_2\le\varepsilon`$, obeys

```math
\|\bar a-\alpha\|_2^2\le\frac{4\varepsilon^2}{1-\mu(4k-1)} .
```

*Proof.* $`h=\bar a-\alpha`$ has $`\|Dh\|\le2\varepsilon`$ and $`\|h_{T^c}\|_1\le\|h_T\|_1`$ for the support $`T`$ of
$`\alpha`$, so $`\|h\|_1\le2\sqrt k\|h\|_2`$. For every $`h`$, $`\|Dh\|^2\ge(1+\mu)\|h\|_2^2-\mu\|h\|_1^2`$. Together
$`4\varepsilon^2\ge(1+\mu-4k\mu)\|h\|^2`$. $`\square`$

**What is checked** is the same proof without exactness. With $`\tau=(\|\bar a\|_1-\|\alpha\|_1)_+`$,
$`\eta=(\|D\bar a-y\|-\varepsilon)_+`$ and $`A=1-\mu(4k-1)`$,

```math
\|\bar a-\alpha\|_2\le\frac{2\mu\sqrt k\,\tau+\sqrt{4\mu^2k\tau^2+A(\mu\tau^2+(2\varepsilon+\eta)^2)}}{A} .
```

$`\tau`$ and $`\eta`$ are measured on the computed point (with their rounding), so the accuracy of the solver is inside
the inequality and no tolerance is left over. At $`\tau=\eta=0`$ it is the theorem. A solver that did not reach its
certified gap decides nothing.

**Sharp.** For feasible points the ratio tends to 1 on a simplex with flipped signs. For minimisers the worst noise is
known in closed form, $`v^\star=-\varepsilon D_Tg/\sqrt c`$ with $`g=G_T^{-1}s`$, $`c=s^Tg`$, and the ratio at $`k=1`$
is $`\sqrt{1-3\mu}`$, which tends to 1 as $`\mu\to0`$; near the largest admitted $`k`$ the bound is loose
(see `bp_stability_sharp`). Random noise alone stays below one half. Kind: inequality for every instance.

**The slide** states the theorem as above, and it is true as written (unit columns are assumed two slides earlier; the
minimiser need not be unique). Random dictionaries make it empty: a Gaussian 64 by 128 dictionary admits no $`k`$.

**Not covered.** Other norms of the noise; a constraint radius below $`\|v\|`$; the average case.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from theorems.bibliography import DONOHO2006, ELAD2018, OURS
from theorems.sparse_coding import _instances as instances
from verify import Claim, Every, Figure, Formula, Move, Sharper, Source, Theorem, control
from verify.core.arrays import namespace, to_numpy

QUARTER = Fraction(1, 4)
SPARSE, UNIT, NOISE, MINIMISER = "k < (1 + 1/mu)/4", "unit columns", "|v| <= epsilon", "a solution of basis pursuit"
_A = "(1 - mu * (4*k - 1))"
BOUND = Formula(
    f"(2 * mu * sqrt(k) * tau + sqrt(4 * mu**2 * k * tau**2 + {_A} * (mu * tau**2 + (2*epsilon + eta)**2))) / {_A}"
)
SLIDE = Source(ELAD2018, "slide 'Basis-Pursuit Success'")


class Params(instances.SolverParams):
    """The dictionary, the sparsity and the solver's effort."""


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """D (1, n, m); mu (1,); alpha (B, m); v (B, n); radius (B,) = epsilon; point (B, m) where no solver is asked."""
    return instances.noisy(draw, p, family, QUARTER)


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """The sparsity condition multiplied out, with a margin: k sits on lattice values of 1/mu."""
    xp = namespace(x["alpha"])
    k = instances.count(x["alpha"])
    return {
        SPARSE: 1 + x["mu"] - 4 * k * x["mu"] - instances.MARGIN,
        UNIT: instances.unit_columns(x["D"]),
        NOISE: instances.within(x["v"], x["radius"]),
        MINIMISER: xp.full_like(x["radius"], -1.0 if "point" in x else 1.0),
    }


def advise(p: Params, x: Any) -> str:
    """Which k the coherence of the drawn dictionary admits."""
    return instances.admitted_words(p, float(to_numpy(x["mu"])[0]), QUARTER, "k < (1 + 1/mu)/4")


GIVEN = (SPARSE, UNIT, NOISE)


THEOREM = Theorem(
    "bp_stability",
    "Basis pursuit is stable under bounded noise",
    Params,
    sample,
    hypotheses,
    instances.solve,
    reference=instances.reference,
    repair=instances.repair,
    moves=(Move("ascent of the noise", instances.ascend),),
    advise=advise,
    fixed=instances.EFFORT,
    families=instances.NOISY_FAMILIES,
    shares={name: 0.25 for name in instances.NOISY_FAMILIES if name.startswith("affine")},
    instances=10500,
    batch=1024,
    claims=(
        Claim("stability, feasible points", Every(), "error", BOUND, GIVEN),
        Claim(
            "slide, solutions",
            Every(),
            "error",
            BOUND,
            (*GIVEN, MINIMISER),
            origin="elad2018",
            source=SLIDE,
        ),
        control(
            "epsilon in place of 2 epsilon",
            Every(),
            "error",
            BOUND.where(epsilon="epsilon / 2"),
            GIVEN,
            "the worst noise moves the solution by nearly 2 epsilon",
        ),
        control(
            "2k - 1 in place of 4k - 1, feasible points",
            Every(),
            "error",
            Formula(BOUND.text.replace("4 * k - 1", "2 * k - 1")),
            GIVEN,
            "that is the constant of the sparsest solution; feasible points of no larger 1-norm exceed it",
        ),
        control(
            "square forgotten",
            Every(),
            "error",
            Formula("4 * epsilon**2 / (1 - mu * (4*k - 1)) + tau + eta"),
            GIVEN,
            "a length is compared with its square, which is smaller for small epsilon",
        ),
        control(
            "2 epsilon, whatever k",
            Every(),
            "solution_error",
            Formula("2 * epsilon + delta"),
            (*GIVEN, MINIMISER),
            "with k >= 2 atoms of negative inner products the error exceeds 2 epsilon",
        ),
    ),
    sources=(
        Source(DONOHO2006, "Theorem 3.1", "statement from memory, its limit on k confirmed; proved on this page"),
        SLIDE,
        Source(OURS, "the form without exactness, above"),
    ),
    symbols={
        "error": (r"\lVert\bar a-\alpha\rVert", "distance of the point from the true vector"),
        "solution_error": (r"\lVert\hat\alpha-\alpha\rVert", "the same, for polished solutions of basis pursuit"),
        "delta": (r"\delta", "rounding of a polished solution"),
        "epsilon": (r"\varepsilon", "bound on the noise, radius of the constraint"),
        "mu": (r"\mu", "mutual coherence"),
        "k": ("k", "non-zeros of the true vector"),
        "tau": (r"\tau", "excess of the computed 1-norm, with its rounding"),
        "eta": (r"\eta", "excess of the computed residual, with its rounding"),
    },
    figures=(
        Figure(
            "cloud",
            "cloud",
            ("stability, feasible points",),
            "Error against the bound: random noise stays far below, the worst noise and the flipped simplex reach it.",
            x="bound",
            y="measured error",
        ),
        Figure(
            "ratio",
            "ratio",
            ("stability, feasible points",),
            "Error over bound against the sparsity: the bound loosens as k grows towards its limit.",
            x="non-zeros k",
            y="error / bound",
            against="k",
        ),
    ),
    sharper=(
        Sharper(
            "slide, solutions",
            "Theorem B of bp_stability_sharp: solutions are within 2 epsilon/sqrt(1 - (k - 1) mu)",
            Formula("2 * epsilon / sqrt(1 - (k - 1) * mu)"),
        ),
    ),
    invariances={
        "negate atoms": instances.flip_signs,
        "permute atoms": instances.permute_atoms,
        "rescale": instances.rescale,
    },
    not_tested=("dictionaries larger than 64 by 576 in the default run", "other norms of the noise"),
)
