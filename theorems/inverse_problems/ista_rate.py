r"""ISTA: the objective falls like 1/t, with the exact constant.

Let $`F(z)=\tfrac12\lVert X-Az\rVert^2+\lambda\lVert z\rVert_1`$, $`L\ge\lVert A\rVert^2`$ and

```math
z^{t+1}=\psi_{\lambda/L}\bigl(z^t-\tfrac1LA^T(Az^t-X)\bigr),\qquad\psi_\tau(u)=\mathrm{sign}(u)(|u|-\tau)_+ .
```

**Theorem.** For every start $`z^0`$, every $`t\ge1`$ and *every* comparison point $`z`$

```math
F(z^t)-F(z)\le\frac{L\lVert z^0-z\rVert^2}{2t}\quad\text{(Beck and Teboulle)},\qquad
F(z^t)-F(z)\le\frac{L\lVert z^0-z\rVert^2}{4t}\quad\text{(sharp)}.
```

No minimiser is needed, so no certificate of one is: an inexact $`z`$ can neither make nor hide a violation.

*Proof.* Write $`F=f+h`$ with $`f`$ the quadratic, $`a=z^i-z^{i+1}`$, $`e=\nabla f(z^i)-\nabla f(z^{i+1})`$ and
$`w_{i+1}=La-e`$, a subgradient of $`F`$ at $`z^{i+1}`$ (optimality of the step). As $`f`$ is convex and $`L`$-smooth,
$`\langle e,a\rangle\ge\lVert e\rVert^2/L`$, hence (i) $`\langle e,w_{i+1}\rangle\ge0`$.

(ii) Convexity of $`f`$ at $`z^i`$ and of $`h`$ at $`z^{i+1}`$, and
$`f(z^{i+1})-f(z^i)+\langle\nabla f(z^i),a\rangle\le\langle e,a\rangle-\lVert e\rVert^2/2L`$, give

```math
F(z^{i+1})-F(z)\le\tfrac L2\bigl(\lVert z^i-z\rVert^2-\lVert z^{i+1}-z\rVert^2\bigr)-\tfrac1{2L}\lVert w_{i+1}\rVert^2 .
```

(iii) Convexity at $`z^{i+1}`$, with $`\lVert e\rVert^2/2L`$ to spare for $`f`$, gives

```math
F(z^{i+1})-F(z^i)\le-\tfrac1{2L}\bigl(\lVert w_{i+1}\rVert^2+\lVert w_{i+1}+e\rVert^2\bigr),
```

so $`F`$ never increases. The sum of (ii) over the steps is the first bound.

(iv) Monotonicity, $`\langle w_i-w_{i+1},a\rangle\ge\lVert e\rVert^2/L`$, gives
$`\lVert w_{i+1}\rVert^2\le\lVert w_i\rVert^2-\lVert e\rVert^2`$ for $`i\ge1`$.

Now add $`i`$ times (iii) to (ii). With (i) and (iv)

```math
V_t=t\,(F(z^t)-F(z))+\tfrac L2\lVert z^t-z\rVert^2+\tfrac{t^2}{2L}\lVert w_t\rVert^2
```

does not increase, and $`V_0=\tfrac L2\lVert z^0-z\rVert^2`$. Since
$`F(z^t)-F(z)\le\lVert w_t\rVert\lVert z^t-z\rVert`$, the last two terms are at least $`t\,(F(z^t)-F(z))`$ (arithmetic
and geometric mean). So $`2t\,(F(z^t)-F(z))\le V_0`$, the second bound. $`\square`$

The proof uses nothing of the LASSO but that $`f`$ is convex and $`L`$-smooth and $`h`$ convex. For minimisers the sharp
constant is that of performance estimation (Taylor, Hendrickx, Glineur); that it holds for every comparison point is
proved above, and performance estimation agrees for $`t\le8`$.

**Sharp.** Both for the class and for the LASSO: $`A=(0\ 1)`$, $`X=0`$, $`z^0=(R,0)`$, $`\lambda=LR/(2t)`$. Every step
goes $`\lambda/L`$ down $`\lambda|z_1|`$, and after $`t`$ of them $`F(z^t)=LR^2/(4t)`$. So 1/4 is attained at every
$`t`$, and the classical 1/2 is twice what is needed.

**Rounding.** An exact step moves no two points apart, so after $`t`$ computed steps the iterate is at most $`t`$
roundings of one step from the exact one; times the largest subgradient that is the $`\delta`$ in the bounds.

**What the slides say.** The tutorial gives the iteration without a rate; see `ista_form` for its objective.

Kind: inequality for every instance, at every step; the sharp instance is an identity.

**Not covered.** Steps shorter or longer than $`1/L`$; the distance to the signal, about which the rate says nothing.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from pydantic import Field

from theorems.bibliography import BECK2009, OURS, TAYLOR2017
from theorems.inverse_problems import _lasso as instances
from verify import Claim, Every, Figure, Formula, Identity, Parameters, Source, Theorem, control
from verify.core.arrays import namespace
from verify.kit import shrinkage

CLASSICAL = Formula("L * size**2 / (2*t) + delta")
SHARP = Formula("L * size**2 / (4*t) + delta")
STEP = "L >= |A|^2"
FLAT = "start on a zero column"


class Params(Parameters):
    """Sizes of the general families; the extremal and the scalar ones have their own."""

    d: int = Field(30, ge=2, le=4096, description="length of the signal")
    m: int = Field(20, ge=1, le=4096, description="number of measurements")
    k: int = Field(4, ge=1, le=4096, description="non-zeros of the minimiser")
    steps: int = Field(100, ge=2, le=2000, description="iterations t = 1..steps")


def positions(steps: int) -> tuple[float, ...]:
    """How far ISTA has gone after 1, ..., steps steps along a constant unit gradient."""
    return tuple(float(t) for t in range(1, steps + 1))


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """A (B, m, d), X (B, m), lam and L (B,), start and the comparison point z (B, d)."""
    return instances.sample(draw, p, family, positions)


def _measure(x: Any, iterates: Any, tuned: Any, step: Any) -> dict[str, Any]:
    A, X, L = x["A"], x["X"], x["L"]

    def rounding(lam: Any, size: Any, t: Any) -> Any:
        # The factor 2 covers the exact iterates, which are at most t roundings longer than the computed ones.
        one = 2 * shrinkage.step_rounding(A, X, lam, L, size) * shrinkage.subgradient_bound(A, X, lam, size)
        return one[:, None] * t

    return instances.measure(x, iterates, tuned, rounding, lambda t: t, positions, step)


def solve(p: Params, x: Any) -> dict[str, Any]:
    """The trajectory, and the sweep over lambda on the extremal instances, from the batched kernel."""
    data = (x["A"], x["X"], x["lam"], x["L"], x["start"])
    iterates = shrinkage.trajectory(shrinkage.ista(*data), x["start"], p.steps)
    tuned = instances.sweep(x, shrinkage.ista, positions, p.steps)
    return _measure(x, iterates, tuned, instances.step_kernel)


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same for one instance: steps in Gram form, the sweep in one dimension."""

    def iterates() -> Any:
        z = x["start"]
        while True:
            z = instances.step_reference(x, float(x["L"][0]), z[0])[None]
            yield z

    path = namespace(x["X"]).stack([x["start"], *islice(iterates(), p.steps)], axis=1)
    tuned = instances.sweep_reference(x, lambda i: 0.0, positions, p.steps)
    return _measure(x, path, tuned, lambda x, L, y: instances.step_reference(x, float(L[0]), y[0])[None])


THEOREM = Theorem(
    "ista_rate",
    "ISTA: the objective falls like 1/t, with the exact constant 1/4",
    Params,
    sample,
    instances.hypotheses,
    solve,
    reference=reference,
    families=instances.FAMILIES,
    shares={"extremal": 0.1, "scalar": 0.1},
    instances=4200,
    claims=(
        Claim("Beck-Teboulle, every comparison point", Every(), "gap", CLASSICAL, (STEP,)),
        Claim("sharp, every comparison point", Every(), "gap", SHARP, (STEP,)),
        Claim("the objective never increases", Every(), "value", Formula("before + delta"), (STEP,)),
        Claim("1/4 is needed at every t", Identity(), "needed", Formula("1/4"), (STEP, FLAT), relation="=="),
        Claim("Beck-Teboulle's 1/2 is enough", Every(), "needed", Formula("1/2"), (STEP, FLAT)),
        control(
            "1/5 in place of 1/4",
            Every(),
            "gap",
            Formula("L * size**2 / (5*t) + delta"),
            (STEP,),
            "1/4 is attained on the extremal LASSO",
        ),
        control(
            "step 1.9/L with the constant of 1/L",
            Every(),
            "long",
            Formula("L * size**2 / (2*2)"),
            (STEP,),
            "a step of nearly 2/L reflects the iterate at the minimiser of a parabola and hardly shrinks it",
        ),
        control(
            "L = |A| in place of |A|^2",
            Every(),
            "unsquared",
            Formula("norm * size**2 / 2"),
            (STEP,),
            "for |A| > 2 a step of 1/|A| leads away from the minimiser of a parabola",
        ),
    ),
    sources=(
        Source(BECK2009, "Theorem 3.1", "from memory; proved on this page"),
        Source(TAYLOR2017, "exact rate of the proximal gradient method", "from memory; proved on this page"),
        Source(OURS, "the sharp constant for every comparison point, above"),
    ),
    symbols={
        **instances.SYMBOLS,
        "needed": (
            r"\frac t{LR^2}\bigl(F_t(z^t)-\min F_t\bigr)",
            r"constant needed at $`t`$ by the extremal LASSO whose $`\lambda`$ is tuned to $`t`$",
        ),
    },
    figures=(
        Figure(
            "constant",
            "curves",
            ("Beck-Teboulle's 1/2 is enough", "1/4 is needed at every t"),
            "The constant that the worst LASSO needs at each t, the one whose lambda is tuned to that t: half of the "
            "classical constant, and all of the sharp one.",
            x="iteration t",
            y="t (F(z^t) - F(z)) / (L R^2)",
            family="extremal",
        ),
        Figure(
            "cloud",
            "cloud",
            ("sharp, every comparison point",),
            "Gap against the sharp bound, at the iteration where their ratio is largest.",
            x="bound",
            y="gap",
        ),
    ),
    invariances=instances.INVARIANCES,
    not_tested=("signals longer than a few hundred entries", "more than 2000 steps"),
)
