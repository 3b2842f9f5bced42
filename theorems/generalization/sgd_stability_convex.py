r"""Stochastic gradient descent on smooth convex losses is stable: one example of n moves it by $`2L\sum\alpha_t/n`$.

Let every $`f(\cdot;z)`$ be convex, $`L`$-Lipschitz and $`\beta`$-smooth (its gradient $`\beta`$-Lipschitz). From
$`w_0`$, which does not depend on the sample $`S=(z_1,\dots,z_n)`$, make $`T`$ steps
$`w_t=w_{t-1}-\alpha_t\nabla f(w_{t-1};z_{i_t})`$ with independent uniform indices $`i_t`$. Let $`w'_t`$ be the same
with the sample $`S'`$, which has another example in one place, and the same indices. $`R`$ is the expected loss over a
law of examples, $`R_S`$ the mean loss over $`S`$.

**Theorem.** If $`\alpha_t\le2/\beta`$ for all $`t`$, then

```math
\mathbb E\lVert w_T-w'_T\rVert\le\frac{2L}n\sum_{t\le T}\alpha_t,\qquad
\sup_z\mathbb E\,|f(w_T;z)-f(w'_T;z)|\le\varepsilon=\frac{2L^2}n\sum_{t\le T}\alpha_t,
```

and for a sample of independent draws from any law $`|\mathbb E[R(w_T)-R_S(w_T)]|\le\varepsilon`$.

*Proof.* Let $`\delta_t=\lVert w_t-w'_t\rVert`$. For convex $`\beta`$-smooth $`f`$,
$`\langle\nabla f(w)-\nabla f(w'),w-w'\rangle\ge\frac1\beta\lVert\nabla f(w)-\nabla f(w')\rVert^2`$, so a step on the
same example gives $`\delta_t^2\le\delta_{t-1}^2-\alpha_t(\frac2\beta-\alpha_t)\lVert\nabla f(w)-\nabla f(w')\rVert^2
\le\delta_{t-1}^2`$. With probability $`1/n`$ the index is that of the replaced example, and then
$`\delta_t\le\delta_{t-1}+2\alpha_tL`$. So $`\mathbb E\,\delta_t\le\mathbb E\,\delta_{t-1}+2\alpha_tL/n`$, from
$`\delta_0=0`$. The second is $`L`$ times the first. For the third let $`z'_1,\dots,z'_n`$ be independent of $`S`$ with
the same law, and $`S^i`$ the sample $`S`$ with $`z'_i`$ in the place $`i`$: by exchangeability
$`\mathbb ER_S(w(S))=\mathbb E\frac1n\sum_if(w(S^i);z'_i)`$ and $`\mathbb ER(w(S))=\mathbb E\frac1n\sum_if(w(S);z'_i)`$.
$`\square`$

**Sharp.** For the linear loss and $`z'_1=-z_1`$ with $`\lVert z_1\rVert=L`$ every step on the first example adds
$`2\alpha_tz_1`$ to $`w-w'`$ and nothing else changes it: the first two are equalities. For a law that puts $`q`$ on
$`z_1`$ and $`1-q`$ on $`-z_1`$, $`\mathbb E[R-R_S]=4q(1-q)L^2\sum\alpha_t/n`$: half the bound at $`q=\frac12`$.

**The gap alone** is at most $`\sqrt2L^2\sum\alpha_t/n`$. Fix the indices and all examples but $`z_i`$. Then
$`w_T=\Phi(z_i)`$, and with $`S^i`$ it is $`\Phi(z'_i)`$, independent and of the same law. Let $`c`$ be the end of the
path that makes no step when the index is $`i`$. Every other step moves no two points apart, so
$`\lVert\Phi(z)-c\rVert\le L\sum_{i_t=i}\alpha_t`$ for all $`z`$, and
$`\mathbb E\lVert\Phi(z_i)-\Phi(z'_i)\rVert\le(2\,\mathbb E\lVert\Phi(z_i)-c\rVert^2)^{1/2}
\le\sqrt2L\sum_{i_t=i}\alpha_t`$. Take the mean over the indices, and over $`i`$.

No smaller constant holds for all laws. Let $`n=1`$, $`z`$ uniform on $`K`$ orthogonal directions, $`f(w;z)`$ the Huber
loss, of slope $`L`$ and scale $`h=L/\beta`$, of the distance of $`w`$ from $`\rho e_z`$, $`\rho=h+s`$ and
$`s=L\sum\alpha_t`$. Then $`w_T=se_z`$, and
$`\mathbb E[R-R_S]=(1-\frac1K)L\bigl((\rho^2+s^2)^{1/2}-\rho+s\bigr)`$ tends to $`\sqrt2Ls`$ for large $`K`$ and
$`s/h`$. Such losses are not drawn here. A law of two examples gives half of $`\varepsilon`$ at most, as
$`\mathbb E\lVert\Phi(z_i)-\Phi(z'_i)\rVert\le\frac12\cdot2L\sum_{i_t=i}\alpha_t`$.

**The step matters.** For every $`\beta`$ and $`\alpha>2/\beta`$ there is an instance in the plane, with two examples
and two steps, that violates the first inequality. The first example pushes along $`(\cos\theta,\sin\theta)`$, its
replacement the other way, and the other has the loss $`\beta w_2^2/2`$ near 0. If the push comes first, the second
step multiplies the small difference of $`2\alpha L\sin\theta`$ in $`w_2`$ by $`1-\alpha\beta<-1`$; so
$`\delta_2>2\alpha L`$, while each other sequence is as in the linear case. By hand, $`L=\alpha=1`$, $`\beta=4`$ and
the push $`(0.96,0.28)`$: the four sequences end 4, 2.4, 2 and 0 apart, on average 2.1, and the bound is 2.

**Without smoothness**, for all convex $`L`$-Lipschitz losses and all steps,

```math
\mathbb E\lVert w_T-w'_T\rVert\le2L\Bigl(\sum_{t\le T}\alpha_t^2\Bigr)^{1/2}+\frac{2L}n\sum_{t\le T}\alpha_t .
```

*Proof.* A step on the same example: $`\delta_t^2\le\delta_{t-1}^2+4\alpha_t^2L^2`$, as subgradients are monotone. By
induction $`\delta_t\le2L(\sum_{s\le t}\alpha_s^2)^{1/2}+2L\sum_{s\le t}\alpha_s1[i_s=1]`$. $`\square`$ For one
example, $`n=1`$, and linear losses the second term is attained, and the first is small beside it when $`T`$ is large.
Where $`n\ll T\ll n^2`$ the first is the larger, and its 2 cannot be less than $`\sqrt2`$: let all examples but $`z_1`$
have the loss $`L\max_{k\le2T}(\langle w,e_k\rangle)_+`$, and let $`z_1`$ have a linear loss that pushes a little along
$`\sum_{k\le T}e_k-\sum_{k>T}e_k`$, $`z'_1`$ against it. Once $`z_1`$ was met, $`w`$ takes its steps along
$`e_k`$, $`k\le T`$, each once, $`w'`$ along the others, and $`\delta_t^2`$ grows by about $`2\alpha^2L^2`$. In one
dimension $`\delta_t\le\max(\delta_{t-1},2\alpha_tL-\delta_{t-1})`$: with equal steps the theorem's bound on
$`\mathbb E\,\delta_T`$ then holds for every convex $`L`$-Lipschitz loss, and two dimensions are needed to break it.

**What the slides say.** "SGD serves as a regulariser in the training of neural networks", with this paper as the
source; the survey speaks of "modifications for SGD". The sentence is informal. The guarantee behind it needs smooth
losses and small steps. A loss with a kink, as networks of ReLUs have it, is not covered: with the absolute value in
place of the square near 0 the losses in the plane, too, move further apart than $`\varepsilon`$.

**Instances.** The loss is $`\varphi(\langle w,x\rangle-y)`$. The rows of `x` are the example that is replaced, the
others, of which a sample holds `copies`, the replacement, and test points. `kind` is 0 for the Huber loss of scale
`h` (`h` = 0: the absolute value) and 1 for the logistic one. A target of 64 is so far away that the loss is linear.

Kind: expectations over the indices, computed exactly for each instance by following all sequences.

**Not covered.** The supremum over all $`z`$: it is taken over the sample, the replacement and test points, which can
only make it smaller. Sampling without replacement; averaged iterates.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from theorems.bibliography import GIRYES2019, HARDT2016, OURS, VIDAL2017
from theorems.generalization import _stability as stability
from verify import (
    Claim,
    Enclosure,
    Every,
    Figure,
    Formula,
    Identity,
    Parameters,
    Sharper,
    Source,
    Theorem,
    control,
    misreading,
)
from verify.core.arrays import namespace

PARAMS, LOSSES = Formula("2 * L * total / n + tau"), Formula("2 * L**2 * total / n + tau_loss")
STEP, LINEAR = "alpha <= 2/beta", "linear, z' = -z of norm L"
LOGISTIC, HUBER, TURNED, STEEP, KINK = "logistic", "Huber", "linear", "steps too long", "absolute value"
ALONE, EVERY = "one example", "every convex Lipschitz loss, every step"
THEOREM_38 = Source(HARDT2016, "Theorem 3.8 (stability) and Theorem 2.2 (generalisation)", "from memory; proved here")
REGULARISER = Source(GIRYES2019, "slide on SGD: 'SGD serves as a regulariser in the training of neural networks'")


class Params(Parameters):
    """The sizes: all sequences are followed, so the cost is 3^steps."""

    d: int = Field(3, ge=1, le=64, description="number of weights in the families that are not of the plane")
    steps: int = Field(6, ge=1, le=9, description="steps of stochastic gradient descent")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """x (B, rows, d) and y (B, rows): the example that is replaced, the others, the replacement, test points; copies
    (B, others); alpha (B, T); start (B, d); kind and scale h of the loss and the chance q of the first example (B,)."""
    xp = draw.xp
    if family in (STEEP, KINK):
        by_hand, angles = ((0.96, 0.28), (0.1, 0.45)) if family == STEEP else ((0.99, 0.1), (0.02, 0.2))
        x, y = stability.plane(draw, by_hand, angles, (0.94, -0.32))
        x = stability.instance(
            draw,
            x=x,
            y=y,
            kind=draw.full(stability.HUBER),
            h=draw.full(0.25 if family == STEEP else 0.0),
            copies=draw.choose((1.0, 3.0), 1) if family == STEEP else draw.choose((7.0, 9.0), 1),
            alpha=stability.first_steps(draw, draw.full(1.0), p.steps, 2),
        )
        return stability.in_other_units(draw, x)
    if family == ALONE:
        return stability.in_other_units(
            draw, stability.pushed(draw, 0.25, draw.full(0.0, 1), q=draw.choose((0.25, 0.5)))
        )
    copies = draw.whole(1, 4, 2)
    if family == TURNED:
        rest = draw.choose((-0.5, 0.0, 0.5), 2, p.d) / max(1.0, 0.5 * p.d**0.5)
        first = xp.concat([draw.full(1.0, 1, 1), draw.full(0.0, 1, p.d - 1)], axis=-1)
        y = stability.FAR * draw.sign(4)
        x = stability.instance(
            draw,
            x=xp.concat([first, rest, first], axis=1),
            y=xp.concat([y[:, :3], -y[:, :1]], axis=1),
            kind=draw.full(stability.HUBER),
            h=draw.full(8.0),
            copies=xp.concat([copies[:, :1], copies[:, 1:] * draw.coin()[:, None]], axis=-1),
            alpha=draw.choose((0.25, 0.5, 1.0), p.steps),
            q=draw.choose((0.25, 0.5)),
        )
        return stability.in_other_units(draw, x)
    x = stability.rows_in_ball(draw, 4, p.d)
    x = stability.instance(
        draw,
        x=stability.turned(draw, x) if family == LOGISTIC else x,
        y=draw.full(0.0, 4) if family == LOGISTIC else draw.normal(4),
        kind=draw.full(stability.LOGISTIC if family == LOGISTIC else stability.HUBER),
        h=draw.log_uniform(low=0.05, high=2.0),
        copies=copies,
        q=draw.uniform(low=0.1, high=0.9),
        start=draw.normal(p.d) * draw.coin()[:, None],
    )
    # One rounding below the limit, so that none is set aside.
    alpha = draw.log_uniform(low=0.05, high=1.0) * (1 - 1e-6) * 2 / stability.smoothness(x)
    return {**x, "alpha": alpha[:, None] + draw.full(0.0, p.steps)}


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """Steps of at least 0 and at most 2 over the smoothness; the extremal case."""
    xp = namespace(x["x"])
    longest, shortest = xp.max(x["alpha"], axis=-1), xp.min(x["alpha"], axis=-1)
    short = xp.minimum(2 - longest * stability.smoothness(x), shortest)
    return {STEP: short, LINEAR: stability.linear_margin(x)}


def _quantities(x: Any, measured: dict[str, Any]) -> dict[str, Any]:
    """The named quantities from the measured ones."""
    found = stability.constants(x)
    tau = stability.rounding(x)
    tau_loss = 2 * found["G"] * tau
    return {
        **measured,
        "params_about": Enclosure.around(measured["params"], tau),
        "losses_about": Enclosure.around(measured["losses"], tau_loss),
        "gap_about": Enclosure.around(measured["gap"], tau_loss),
        "L": found["G"],
        "n": found["n"],
        "total": found["total"],
        "squares": found["squares"],
        "reach": stability.smoothness(x) * namespace(tau).max(x["alpha"], axis=-1),
        "q": x["q"],
        "tau": tau,
        "tau_loss": tau_loss,
    }


def solve(p: Params, x: Any) -> dict[str, Any]:
    """All sequences at once."""
    return _quantities(x, stability.measure(x))


def reference(p: Params, x: Any) -> dict[str, Any]:
    """One sequence after the other."""
    return _quantities(x, stability.measure_reference(x))


THEOREM = Theorem(
    "sgd_stability_convex",
    "Stochastic gradient descent on smooth convex losses is uniformly stable",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    repair=stability.repair,
    fixed=stability.FIXED,
    families={
        LOGISTIC: "logistic loss in the unit ball, a label flipped or an example exchanged, all steps allowed",
        HUBER: "Huber regression from flat to steep, all steps allowed",
        TURNED: "linear losses and an example turned round: the extremal case",
        ALONE: "linear losses, a sample of the one example that is turned round, 128 steps",
        STEEP: "steps of 4/beta tear apart in w_2 what differs a little",
        KINK: "the same where the loss has a kink, which is smooth for no beta",
    },
    instances=1600,
    batch=128,
    claims=(
        Claim("weights move by 2 L sum(alpha) / n", Every(), "params", PARAMS, (STEP,)),
        Claim("losses move by 2 L^2 sum(alpha) / n", Every(), "losses", LOSSES, (STEP,)),
        Claim("the generalisation gap is no larger", Every(), "gap", LOSSES, (STEP,)),
        Claim(
            "linear losses: weights attain it",
            Identity(),
            "params_about",
            Formula("2 * L * total / n"),
            (LINEAR,),
            "==",
        ),
        Claim(
            "linear losses: losses attain it",
            Identity(),
            "losses_about",
            Formula("2 * L**2 * total / n"),
            (LINEAR,),
            "==",
        ),
        Claim(
            "linear losses: the gap",
            Identity(),
            "gap_about",
            Formula("4 * q * (1 - q) * L**2 * total / n"),
            (LINEAR,),
            "==",
        ),
        Claim(
            EVERY,
            Every(),
            "params",
            Formula("2 * L * sqrt(squares) + 2 * L * total / n + tau"),
            source=Source(OURS, "without smoothness, above"),
        ),
        misreading(
            "slides: for networks of ReLUs",
            Every(),
            "losses",
            LOSSES,
            (),
            source=REGULARISER,
            grade="incomplete",
            reading="L-Lipschitz losses, those of ReLU networks included, move by 2 L^2 sum(alpha) / n",
            because="at a kink two paths that differ by little make different steps, and part; the same happens for "
            "smooth losses when a step is longer than 2/beta",
            holds_when="losses are smooth, and no step is longer than 2/beta; without that with 2 L^2 |alpha| more",
        ),
        control(
            "half as far",
            Every(),
            "params",
            Formula("L * total / n + tau"),
            (STEP,),
            "two gradients of length L can be opposite",
        ),
        control(
            "n squared",
            Every(),
            "losses",
            Formula("2 * L**2 * total / n**2 + tau_loss"),
            (STEP,),
            "the replaced example is met T/n times, not T/n^2 times",
        ),
        control(
            "steps of any size",
            Every(),
            "params",
            PARAMS,
            (),
            "a step longer than 2/beta multiplies differences by more than 1",
        ),
        control(
            "the gap is at most a quarter",
            Every(),
            "gap",
            Formula("L**2 * total / (2 * n) + tau_loss"),
            (STEP,),
            "it is half of the bound for linear losses and q = 1/2",
        ),
    ),
    sources=(
        THEOREM_38,
        REGULARISER,
        Source(VIDAL2017, "section on generalisation: 'modifications for SGD'", "named only"),
        Source(OURS, "sharpness in the step, and the bound without smoothness, above"),
    ),
    symbols={
        **stability.MEASURED,
        "params_about": (r"\mathbb E\lVert w_T-w'_T\rVert", "the same within what rounding can do"),
        "losses_about": (r"\max_z\mathbb E\lvert f(w_T;z)-f(w'_T;z)\rvert", "the same within what rounding can do"),
        "gap_about": (r"\lvert\mathbb E[R-R_S]\rvert", "the same within what rounding can do"),
        "L": ("L", "Lipschitz constant of the losses"),
        "n": ("n", "number of examples"),
        "total": (r"\sum_t\alpha_t", "sum of the steps"),
        "squares": (r"\sum_t\alpha_t^2", "sum of their squares"),
        "reach": (r"\beta\max_t\alpha_t", "the longest step against the smoothness"),
        "q": ("q", "chance of the first of the two examples"),
        **stability.ROUNDING,
    },
    figures=(
        Figure(
            "moves",
            "ratio",
            ("weights move by 2 L sum(alpha) / n", "steps of any size"),
            "Mean distance of the weights over the bound: linear losses attain it, steps that are too long exceed it.",
            x="examples n",
            y="measured / bound",
            against="n",
        ),
        Figure(
            "step",
            "ratio",
            ("weights move by 2 L sum(alpha) / n",),
            "Measured over bound against the step, up to its limit.",
            x="beta alpha",
            y="measured / bound",
            against="reach",
        ),
    ),
    sharper=(
        Sharper(
            "the generalisation gap is no larger",
            "two independent draws of z_i lead half as far apart in the square as opposite ones: see The gap alone",
            Formula("sqrt(2) * L**2 * total / n + tau_loss"),
        ),
    ),
    unsettled={
        f"{EVERY}: 2 times 0.9": "2 L sqrt(sum alpha^2) is enough, and sqrt(2) in place of 2 is needed (see Without "
        "smoothness); the proof takes two gradients at each step for opposite and at right angles to w - w', which "
        "steps on the same convex loss cannot be for long. Largest ratio of the default run with 1.8: 0.93, where the "
        "other term is all but everything"
    },
    invariances={"exchange the samples": stability.swap, "reflect": stability.reflect},
    not_tested=("more than 9 steps with more than one example", "more than 10 examples"),
)
