r"""Stochastic gradient descent with steps $`c/t`$ is stable without convexity, with a constant that grows with time.

Let every $`f(\cdot;z)`$ have values in $`[0,1]`$, be $`L`$-Lipschitz and $`\beta`$-smooth (its gradient
$`\beta`$-Lipschitz); it need not be convex. From $`w_0`$, which does not depend on the sample $`S=(z_1,\dots,z_n)`$,
$`n\ge2`$, make $`T`$ steps $`w_t=w_{t-1}-\alpha_t\nabla f(w_{t-1};z_{i_t})`$ with independent uniform indices, and let
$`w'_t`$ be the same with a sample that has another example in one place, and the same indices. $`R`$ is the expected
loss over a law of examples, $`R_S`$ the mean loss over $`S`$.

**Theorem.** If $`\alpha_t\le c/t`$ for all $`t`$, then with $`Q=\beta c`$

```math
\sup_z\mathbb E\,|f(w_T;z)-f(w'_T;z)|\le\varepsilon=\frac{1+1/Q}{n-1}\,(2cL^2)^{1/(Q+1)}\,T^{Q/(Q+1)},
```

and for a sample of independent draws from any law $`|\mathbb E[R(w_T)-R_S(w_T)]|\le\varepsilon`$.

*Proof.* Let $`\delta_t=\lVert w_t-w'_t\rVert`$. A step on the same example multiplies it by $`1+\alpha_t\beta`$ at
most, one on the replaced example, of probability $`1/n`$, adds $`2\alpha_tL`$ at most. So for every $`t_0\le T`$, on
the event that the replaced example is not met in the first $`t_0`$ steps,

```math
\mathbb E[\delta_T]\le g_{t_0}
=\frac{2L}n\sum_{t>t_0}\alpha_t\prod_{k>t}\Bigl(1+\bigl(1-\tfrac1n\bigr)\alpha_k\beta\Bigr),\qquad
\mathbb E\,|f(w_T;z)-f(w'_T;z)|\le\frac{t_0}n+Lg_{t_0}.
```

The first summand is at least the chance of the other event, on which the difference is at most 1. With
$`q=(1-1/n)Q`$ the product is at most $`\exp(q\sum_{k=t+1}^T1/k)\le(T/t)^q`$, so the right side is at most
$`\phi(t_0)=\frac{t_0}n+AT^q\sum_{t>t_0}t^{-q-1}`$ with $`A=2cL^2/n`$. For real $`\tau=t_0+s`$ between two whole
numbers the better of the two has a value of at most $`(1-s)\phi(t_0)+s\phi(t_0+1)=\frac\tau
n+AT^q\bigl((1-s)(t_0+1)^{-q-1}+ \sum_{t>t_0+1}t^{-q-1}\bigr)\le\frac\tau n+AT^q\int_\tau^\infty t^{-q-1}dt=\frac\tau
n+\frac Aq(T/\tau)^q`$. As $`\frac Aq=\frac{2L^2}{\beta(n-1)}`$ and $`q\le Q`$, for every real $`0<\tau\le T`$ the
stability is at most $`\frac1{n-1}\bigl(\tau+\frac{2L^2}\beta(T/\tau)^Q\bigr)`$. Take $`\tau=(2cL^2T^Q)^{1/(Q+1)}`$.
If this exceeds $`T`$, the bound exceeds $`T/n`$, and so the chance that the replaced example is met at all. The gap is
bounded as for convex losses (`sgd_stability_convex`). $`\square`$

As we remember it, the published proof takes $`t_0`$ real from the start; the step between whole numbers closes that.

**Known.** With $`\beta\to\infty`$ the bound tends to $`T/(n-1)`$ and says nothing that the chance of meeting the
replaced example does not say. For networks of ReLUs, which have no $`\beta`$, the theorem has no content.

**Sharp?** The recursion $`g_0`$ is nearly attained at the top of the cosine, and $`t_0/n+Lg_{t_0}`$ with the best
$`t_0`$ comes close; $`\varepsilon`$ itself stayed at about twice what was measured.

**What the slides say.** "SGD serves as a regulariser in the training of neural networks". Networks make the losses
nonconvex. The bound $`2L^2\sum\alpha_t/n`$ of the convex case does not hold for them, however small the steps, when
there are many: for the loss $`(1+\cos(w-y))/2`$ examples at the top of the cosine drive two paths apart. What holds is
the theorem above.

**Instances.** The loss is $`\varphi(\langle w,x\rangle-y)`$. The rows of `x` are the example that is replaced, the
others, of which a sample holds `copies`, the replacement, and test points. `kind` is 2 for the sigmoid loss and 3 for
the cosine.

Kind: expectations over the indices, computed exactly for each instance by following all sequences.

**Not covered.** The supremum over all $`z`$: it is taken over the sample, the replacement and test points, which can
only make it smaller. Losses of networks; sampling without replacement.
"""

from __future__ import annotations

import math
from typing import Any

from pydantic import Field

from theorems.bibliography import GIRYES2019, HARDT2016, OURS
from theorems.generalization import _stability as stability
from verify import Claim, Every, Figure, Formula, Parameters, Sharper, Source, Theorem, control, misreading
from verify.core.arrays import namespace

SIGMOID, COSINE, TOP = "sigmoid", "cosine", "top of the cosine"
SHORT = "alpha <= 2/beta"
BOUND = Formula(
    "(1 + 1 / (beta * c)) / (n - 1) * (2 * c * L**2)**(1 / (beta * c + 1)) * T**(beta * c / (beta * c + 1))"
)
THEOREM_312 = Source(HARDT2016, "Theorem 3.12 (stability) and Theorem 2.2 (generalisation)", "from memory; proved here")
REGULARISER = Source(GIRYES2019, "slide on SGD: 'SGD serves as a regulariser in the training of neural networks'")


class Params(Parameters):
    """The sizes: all sequences are followed, so the cost is 3^steps, and 2^long at the top of the cosine."""

    d: int = Field(3, ge=1, le=64, description="number of weights in the random families")
    steps: int = Field(6, ge=1, le=9, description="steps of stochastic gradient descent")
    long: int = Field(9, ge=1, le=16, description="steps at the top of the cosine")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """x (B, rows, d) and y (B, rows): the example that is replaced, the others, the replacement, test points; copies
    (B, others); alpha (B, T); start (B, d); kind of the loss and the chance q of the first example (B,)."""
    x = _in_plain_units(draw, p, family)
    # The same paths with the weights in another unit: L, beta and the steps change, and what is measured does not.
    size = draw.choose(stability.SIZES)
    return {
        **x,
        "x": x["x"] * size[:, None, None],
        "alpha": x["alpha"] / size[:, None] ** 2,
        "start": x["start"] / size[:, None],
    }


def _in_plain_units(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """The same with examples of length 1 at most."""
    if family == TOP:
        # sin(pi/2) = 1: the first example pushes hardest; w = 0 is the top of the other's loss.
        free = draw.coin()[:, None]
        y = draw.backend.asarray([[1.5, 0.0, -1.5, 1.5]]) + free * draw.uniform(4, low=-0.05, high=0.05)
        return stability.instance(
            draw,
            x=draw.full(1.0, 4, 1),
            y=y,
            kind=draw.full(stability.COSINE),
            copies=draw.choose((9.0, 19.0), 1),
            alpha=draw.full(0.5, p.long),
        )
    x = stability.rows_in_ball(draw, 4, p.d)
    y = draw.uniform(4, low=-math.pi, high=math.pi)
    x = stability.instance(
        draw,
        x=stability.turned(draw, x),
        y=y if family == COSINE else 0.5 * y,
        kind=draw.full(stability.COSINE if family == COSINE else stability.SIGMOID),
        copies=draw.whole(1, 4, 2),
        q=draw.uniform(low=0.1, high=0.9),
        start=draw.normal(p.d) * draw.coin()[:, None],
    )
    c = draw.log_uniform(low=0.1, high=4.0) / stability.smoothness(x)
    return {**x, "alpha": c[:, None] / _times(x["y"], p.steps)}


def _times(like: Any, steps: int) -> Any:
    """1, ..., T as floats: (1, T)."""
    xp = namespace(like)
    return xp.astype(xp.arange(1, steps + 1, device=like.device), like.dtype)[None, :]


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """What the convex case asks of the steps; the theorem's own c is the smallest that the steps allow."""
    return {SHORT: 2 - namespace(x["x"]).max(x["alpha"], axis=-1) * stability.smoothness(x)}


def _quantities(x: Any, measured: dict[str, Any]) -> dict[str, Any]:
    """The named quantities from the measured ones."""
    xp = namespace(x["x"])
    found, beta, alpha = stability.constants(x), stability.smoothness(x), x["alpha"]
    n, L, T = found["n"], found["G"], alpha.shape[-1]
    growth, after = xp.ones_like(n), xp.zeros_like(n)
    worst, tails = xp.ones_like(n), [after]
    for t in range(T - 1, -1, -1):
        after = after + 2 * L / n * alpha[:, t] * growth
        growth = growth * (1 + (1 - 1 / n) * alpha[:, t] * beta)
        worst = worst * (1 + alpha[:, t] * beta)
        tails.insert(0, after)
    tau = stability.rounding(x, worst)
    return {
        **measured,
        "L": L,
        "beta": beta,
        "c": xp.max(alpha * _times(alpha, T), axis=-1),
        "n": n,
        "T": xp.full_like(n, float(T)),
        "total": found["total"],
        "grown": after,
        "tails": xp.stack(tails, axis=-1),
        "t0": _times(alpha, T + 1) - 1,
        "exponent": beta * xp.max(alpha * _times(alpha, T), axis=-1),
        "tau": tau,
        "tau_loss": 2 * L * tau + 16 * T * xp.finfo(tau.dtype).eps,
    }


def solve(p: Params, x: Any) -> dict[str, Any]:
    """All sequences at once."""
    return _quantities(x, stability.measure(x))


def reference(p: Params, x: Any) -> dict[str, Any]:
    """One sequence after the other."""
    return _quantities(x, stability.measure_reference(x))


THEOREM = Theorem(
    "sgd_stability_nonconvex",
    "Stochastic gradient descent with decreasing steps is stable without convexity",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    repair=stability.repair,
    fixed=stability.FIXED,
    families={
        SIGMOID: "sigmoid loss, examples in the unit ball, steps c/t",
        COSINE: "cosine loss with targets all over its period, steps c/t",
        TOP: "one weight at the top of the cosine of all other examples, equal steps: paths part as fast as they can",
    },
    instances=1200,
    batch=64,
    claims=(
        Claim("losses move by epsilon", Every(), "losses", BOUND),
        Claim("the generalisation gap is no larger", Every(), "gap", BOUND),
        Claim("weights move by g_0, any steps", Every(), "params", Formula("grown + tau")),
        Claim("losses, for every t_0", Every(), "losses", Formula("t0 / n + L * tails + tau_loss")),
        misreading(
            "slides: for networks as in the convex case",
            Every(),
            "losses",
            Formula("2 * L**2 * total / n + tau_loss"),
            (SHORT,),
            source=REGULARISER,
            grade="incomplete",
            reading="smooth losses, convex or not, move by 2 L^2 sum(alpha) / n when steps are at most 2/beta",
            because="where a loss is concave a step multiplies differences by up to 1 + alpha beta",
            holds_when="the losses are convex; without that with the exponents of the theorem",
        ),
        control(
            "no growth with time",
            Every(),
            "losses",
            Formula("(1 + 1 / (beta * c)) / (n - 1) * (2 * c * L**2)**(1 / (beta * c + 1)) + tau_loss"),
            (),
            "the chance of meeting the replaced example grows with T",
        ),
        control(
            "n squared",
            Every(),
            "losses",
            Formula(f"({BOUND.text}) / n + tau_loss"),
            (),
            "the replaced example is met T/n times, not T/n^2 times",
        ),
        control(
            "no growth after a hit",
            Every(),
            "params",
            Formula("2 * L * total / n + tau"),
            (SHORT,),
            "that is the convex case: concave losses multiply what differs",
        ),
    ),
    sources=(
        THEOREM_312,
        REGULARISER,
        Source(OURS, "the step between whole numbers t_0, above"),
    ),
    symbols={
        **stability.MEASURED,
        "L": ("L", "Lipschitz constant of the losses"),
        "beta": (r"\beta", "smoothness of the losses"),
        "c": ("c", r"the largest of t times the t-th step"),
        "exponent": (r"\beta c", "the exponent Q"),
        "n": ("n", "number of examples"),
        "T": ("T", "number of steps"),
        "total": (r"\sum_t\alpha_t", "sum of the steps"),
        "grown": ("g_0", "the recursion from the first step on"),
        "tails": ("g_{t_0}", "the recursion from the step after t_0 on"),
        "t0": ("t_0", "steps in which the replaced example is not met"),
        **stability.ROUNDING,
    },
    figures=(
        Figure(
            "moves",
            "cloud",
            ("losses move by epsilon", "slides: for networks as in the convex case"),
            "Mean difference of the losses against the theorem's bound and against that of the convex case.",
            x="bound",
            y="mean difference",
        ),
        Figure(
            "exponent",
            "ratio",
            ("losses move by epsilon",),
            "Measured over bound against Q.",
            x="beta c",
            y="measured / bound",
            against="exponent",
        ),
    ),
    sharper=(
        Sharper("losses move by epsilon", "losses lie between 0 and 1", Formula("1")),
        Sharper("the generalisation gap is no larger", "losses lie between 0 and 1", Formula("1")),
    ),
    invariances={"exchange the samples": stability.swap, "reflect": stability.reflect},
    not_tested=("more than 16 steps", "more than 20 examples"),
)
