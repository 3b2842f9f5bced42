r"""Projected stochastic gradient descent on strongly convex losses is stable however long it runs: $`2L^2/\mu n`$.

Let $`\Omega`$ be closed and convex, and let every $`f(\cdot;z)`$ be $`\mu`$-strongly convex, $`\beta`$-smooth, and
$`L`$-Lipschitz on $`\Omega`$. From $`w_0\in\Omega`$, which does not depend on the sample $`S=(z_1,\dots,z_n)`$, make
$`T`$ steps $`w_t=P_\Omega(w_{t-1}-\alpha\nabla f(w_{t-1};z_{i_t}))`$ with independent uniform indices. Let $`w'_t`$ be
the same with a sample that has another example in one place, and the same indices. $`R`$ is the expected loss over a
law of examples, $`R_S`$ the mean loss over $`S`$.

**Theorem.** If $`\alpha\le1/\beta`$, or only $`\alpha\le2/(\beta+\mu)`$, then for all $`T`$

```math
\mathbb E\lVert w_T-w'_T\rVert\le\frac{2\alpha L}n\sum_{t<T}(1-\alpha\mu)^t\le\frac{2L}{\mu n},\qquad
\sup_z\mathbb E\,|f(w_T;z)-f(w'_T;z)|\le\varepsilon=\frac{2L^2}{\mu n},
```

and for a sample of independent draws from any law $`|\mathbb E[R(w_T)-R_S(w_T)]|\le\varepsilon`$.

*Proof.* $`f-\frac\mu2\lVert\cdot\rVert^2`$ is convex and $`(\beta-\mu)`$-smooth, so
$`w\mapsto(1-\alpha\mu)w-\alpha\nabla(f-\frac\mu2\lVert\cdot\rVert^2)(w)`$ multiplies no distance by more than
$`1-\alpha\mu`$ when $`\alpha(\beta-\mu)\le2(1-\alpha\mu)`$, that is $`\alpha\le2/(\beta+\mu)`$; and
$`1/\beta\le2/(\beta+\mu)`$. $`P_\Omega`$ moves no two points apart. So with $`\delta_t=\lVert w_t-w'_t\rVert`$ a step
on the same example gives $`\delta_t\le(1-\alpha\mu)\delta_{t-1}`$. On the replaced one, which has probability $`1/n`$,
compare with the step of the other run on the same example: $`\delta_t\le(1-\alpha\mu)\delta_{t-1}+\alpha
\lVert\nabla f(w';z_1)-\nabla f(w';z'_1)\rVert`$. So
$`\mathbb E\,\delta_t\le(1-\alpha\mu)\mathbb E\,\delta_{t-1}+2\alpha L/n`$. The rest is as for convex losses
(`sgd_stability_convex`). $`\square`$

**Sharper.** Only the difference of two gradients at one point enters. For $`f(w;z)=g(w;z)+\frac\mu2\lVert w\rVert^2`$
the ridge cancels, and $`2L`$ may be replaced by $`2G`$ with $`G`$ the Lipschitz constant of $`g`$: in a ball of radius
$`r`$ around 0, $`L=G+\mu r`$. With that constant the first inequality is an equality for linear $`g`$,
$`z'_1=-z_1`$ and a ball that is not reached.

**The gap alone** is at most $`\sqrt2L^2/\mu n`$: as in `sgd_stability_convex`, with the path $`c`$ that stays where it
is when the index is $`i`$. Such a step of $`w_t`$ multiplies $`\lVert w_t-c\rVert`$ by at most $`1-\alpha\mu`$ and adds
at most $`\alpha\lVert\nabla f(c;z_i)\rVert\le\alpha L`$.

**The step matters.** The last bound has no $`\alpha`$ in it, and is false for steps that are too long: with
$`\alpha\mu=1`$ and $`g(w;z)=|w_2|`$, smoothed, two paths that differ in the sign of $`w_2`$ jump to and fro between
$`\pm\alpha`$ and never meet again, so that the distance grows with the probability that the replaced example was met
at all. Losses with a kink have no $`\beta`$, and no step is short enough.

**What the slides say.** "SGD serves as a regulariser in the training of neural networks". It is informal; for this
form of the result the losses must be strongly convex and smooth, and the iterates kept in a bounded set, because no
strongly convex loss is Lipschitz on all of space. The loss of a network is none of it.

**Instances.** The loss is $`\varphi(\langle w,x\rangle-y)`$. The rows of `x` are the example that is replaced, the
others, of which a sample holds `copies`, the replacement, and test points. `kind` is 0 for the Huber loss of scale
`h` and 1 for the logistic one. A target of 64 is so far away that the loss is linear.

Kind: expectations over the indices, computed exactly for each instance by following all sequences; of 128 steps those
that meet the replaced example once or in every step, which can only make it smaller.

**Not covered.** The supremum over all $`z`$: it is taken over the sample, the replacement and test points, which can
only make it smaller. Sets other than balls; steps that decrease like $`1/\mu t`$.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from theorems.bibliography import GIRYES2019, HARDT2016, OURS
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
from verify.core.arrays import namespace, norm2

ENTERED, SHORT, SHORTER = "start in the ball", "alpha <= 2/(beta+mu)", "alpha <= 1/beta"
LINEAR = "linear, z' = -z of norm G, ball not reached"
LOGISTIC, HUBER, TURNED, SMALL_BALL, STEEP = "logistic", "Huber", "linear", "linear, small ball", "steps too long"
LONG_BALL = "linear, small ball, many steps"
LIMIT, LIMIT_LOSS = Formula("2 * L / (mu * n) + tau"), Formula("2 * L**2 / (mu * n) + tau_loss")
THEOREM_39 = Source(HARDT2016, "Theorem 3.9 (stability) and Theorem 2.2 (generalisation)", "from memory; proved here")
REGULARISER = Source(GIRYES2019, "slide on SGD: 'SGD serves as a regulariser in the training of neural networks'")


class Params(Parameters):
    """The sizes: all sequences are followed, so the cost is 3^steps and 2^long."""

    d: int = Field(3, ge=1, le=64, description="number of weights in the families that are not of the plane")
    steps: int = Field(6, ge=1, le=9, description="steps of stochastic gradient descent")
    long: int = Field(10, ge=1, le=16, description="steps in the family of the plane, of 2^long sequences")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """x (B, rows, d) and y (B, rows): the example that is replaced, the others, the replacement, test points; copies
    (B, others); alpha (B, T), the same at all steps; start (B, d); kind and scale h of the loss, mu, radius of the
    ball, and the chance q of the first example (B,)."""
    xp = draw.xp
    if family == STEEP:
        x, y = stability.plane(draw, (0.96, 0.28), (0.1, 0.45), (0.0, 1.0))
        x = stability.instance(
            draw,
            x=x,
            y=y,
            kind=draw.full(stability.HUBER),
            h=draw.full(0.0625),
            copies=draw.choose((7.0, 9.0), 1),
            alpha=draw.full(2.0, p.long),
            mu=draw.full(0.5),
            radius=draw.full(2.0),
        )
        return stability.in_other_units(draw, x)
    if family == LONG_BALL:
        # The first step on the first example just reaches the ball, and L = G (1 + alpha mu).
        copies = draw.choose((49999.0, 99999.0), 1)
        x = stability.pushed(draw, 4.0, copies, mu=draw.full(1 / 128), radius=draw.full(4.0), q=draw.full(1.0))
        return stability.in_other_units(draw, x)
    copies = draw.whole(1, 4, 2)
    if family in (TURNED, SMALL_BALL):
        rest = draw.choose((-0.25, 0.0, 0.25), 2, p.d) / max(1.0, 0.25 * p.d**0.5)
        first = xp.concat([draw.full(1.0, 1, 1), draw.full(0.0, 1, p.d - 1)], axis=-1)
        y = stability.FAR * draw.sign(4)
        small = family == SMALL_BALL
        # 1/h + mu = beta = 1/alpha, or hardly any ridge.
        weak = float(small) * draw.coin()
        mu, alpha = draw.full(0.125 if small else 0.375), draw.full(4.0 if small else 2.0)
        mu = mu * (1 - weak) + weak / 1024
        x = stability.instance(
            draw,
            x=xp.concat([first, rest if not small else 0 * rest, first], axis=1),
            y=xp.concat([y[:, :3], -y[:, :1]], axis=1),
            kind=draw.full(stability.HUBER),
            h=draw.full(8.0),
            copies=copies + 3 if small else copies,
            alpha=alpha[:, None] + draw.full(0.0, p.steps),
            mu=mu,
            radius=4 + 28 * weak if small else draw.choose((16.0, 32.0)),
            q=draw.choose((0.25, 0.5)),
        )
        return stability.in_other_units(draw, x)
    x = stability.rows_in_ball(draw, 4, p.d)
    radius = draw.log_uniform(low=0.5, high=5.0)
    x = stability.instance(
        draw,
        x=stability.turned(draw, x) if family == LOGISTIC else x,
        y=draw.full(0.0, 4) if family == LOGISTIC else draw.normal(4),
        kind=draw.full(stability.LOGISTIC if family == LOGISTIC else stability.HUBER),
        h=draw.log_uniform(low=0.05, high=2.0),
        copies=copies,
        mu=draw.log_uniform(low=0.05, high=2.0),
        radius=radius,
        q=draw.uniform(low=0.1, high=0.9),
        start=radius[:, None] * draw.uniform(1, high=0.999) * draw.sphere(p.d),
    )
    largest = 2 / (stability.smoothness(x) + 2 * x["mu"])
    # One rounding below the limit, so that none is set aside.
    alpha = draw.log_uniform(low=0.1, high=1.0) * (1 - 1e-6) * largest
    return {**x, "alpha": alpha[:, None] + draw.full(0.0, p.steps)}


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """Where it starts; the step against the smoothness beta = sup phi'' |x|^2 + mu; the extremal case, in which the
    path stays within |start| + G/mu."""
    xp = namespace(x["x"])
    found, alpha = stability.constants(x), x["alpha"][:, 0]
    beta = stability.smoothness(x) + x["mu"]
    free = x["radius"] - norm2(x["start"]) - found["G"] / x["mu"]
    return {
        ENTERED: x["radius"] - norm2(x["start"]),
        SHORT: xp.minimum(2 - alpha * (beta + x["mu"]), alpha),
        SHORTER: xp.minimum(1 - alpha * beta, alpha),
        LINEAR: xp.minimum(stability.linear_margin(x), free),
    }


def _quantities(x: Any, measured: dict[str, Any]) -> dict[str, Any]:
    """The named quantities from the measured ones."""
    xp = namespace(x["x"])
    found, alpha = stability.constants(x), x["alpha"][:, 0]
    L = found["G"] + x["mu"] * x["radius"]
    tau = stability.rounding(x)
    beta = stability.smoothness(x) + x["mu"]
    return {
        **measured,
        "params_about": Enclosure.around(measured["params"], tau),
        "L": L,
        "G": found["G"],
        "n": found["n"],
        "mu": x["mu"],
        "alpha": alpha,
        "rho": 1 - alpha * x["mu"],
        "rho_beta": xp.abs(1 - alpha * beta),
        "T": xp.full_like(alpha, float(x["alpha"].shape[-1])),
        "tau": tau,
        "tau_loss": 2 * L * tau,
    }


def solve(p: Params, x: Any) -> dict[str, Any]:
    """All sequences at once."""
    return _quantities(x, stability.measure(x))


def reference(p: Params, x: Any) -> dict[str, Any]:
    """One sequence after the other."""
    return _quantities(x, stability.measure_reference(x))


def repair(p: Params, x: Any) -> dict[str, Any]:
    """The same step at all times."""
    x = stability.repair(p, x)
    return {**x, "alpha": x["alpha"][:, :1] + 0 * x["alpha"]}


THEOREM = Theorem(
    "sgd_stability_strong",
    "Projected stochastic gradient descent on strongly convex losses is stable at all times",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    repair=repair,
    fixed=stability.FIXED,
    families={
        LOGISTIC: "ridge and logistic loss, examples in the unit ball, all steps allowed",
        HUBER: "ridge and Huber regression from flat to steep, all steps allowed",
        TURNED: "ridge and linear losses, an example turned round, a ball that is not reached: the extremal case",
        SMALL_BALL: "the same with other examples that are 0 and a ball so small that L is near G",
        LONG_BALL: "the same in 128 steps, of which one of very many examples rarely gets two: nearly as far as the "
        "bound at all times",
        STEEP: "steps of 1/mu, many times 1/beta: once apart, the paths do not meet again",
    },
    instances=1600,
    batch=128,
    claims=(
        Claim("at time T", Every(), "params", Formula("2 * alpha * L / n * geom(rho, T) + tau"), (ENTERED, SHORT)),
        Claim("weights, at all times", Every(), "params", LIMIT, (ENTERED, SHORTER)),
        Claim("losses, at all times", Every(), "losses", LIMIT_LOSS, (ENTERED, SHORTER)),
        Claim("losses, steps up to 2/(beta+mu)", Every(), "losses", LIMIT_LOSS, (ENTERED, SHORT)),
        Claim("the generalisation gap is no larger", Every(), "gap", LIMIT_LOSS, (ENTERED, SHORT)),
        Claim(
            "without the ridge: G in place of L",
            Every(),
            "params",
            Formula("2 * alpha * G / n * geom(rho, T) + tau"),
            (ENTERED, SHORT),
            source=Source(OURS, "sharper, above"),
        ),
        Claim(
            "linear losses attain it",
            Identity(),
            "params_about",
            Formula("2 * alpha * G / n * geom(rho, T)"),
            (ENTERED, SHORT, LINEAR),
            "==",
        ),
        misreading(
            "slides: for networks of ReLUs",
            Every(),
            "losses",
            LIMIT_LOSS,
            (ENTERED,),
            source=REGULARISER,
            grade="incomplete",
            reading="with a ridge the losses move by 2 L^2 / (mu n) at all times, whatever their smoothness and step",
            because="at a kink paths that differ by little part, and a ridge does not bring them together again",
            holds_when="the losses are beta-smooth and alpha <= 2/(beta+mu)",
        ),
        control(
            "half as far",
            Every(),
            "params",
            Formula("L / (mu * n) + tau"),
            (ENTERED, SHORTER),
            "two gradients of length L can be opposite",
        ),
        control(
            "n squared",
            Every(),
            "params",
            Formula("2 * L / (mu * n**2) + tau"),
            (ENTERED, SHORTER),
            "the replaced example is met T/n times, not T/n^2 times",
        ),
        control(
            "contraction by 1 - alpha beta",
            Every(),
            "params",
            Formula("2 * alpha * G / n * geom(rho_beta, T) + tau"),
            (ENTERED, SHORTER),
            "a distance along which the losses are flat shrinks by 1 - alpha mu only",
        ),
        control(
            "steps of any size",
            Every(),
            "params",
            LIMIT,
            (ENTERED,),
            "steps that are too long keep paths apart for ever",
        ),
    ),
    sources=(
        THEOREM_39,
        REGULARISER,
        Source(OURS, "the step up to 2/(beta+mu) and the constant G, above"),
    ),
    symbols={
        **stability.MEASURED,
        "params_about": (r"\mathbb E\lVert w_T-w'_T\rVert", "the same within what rounding can do"),
        "L": ("L", "Lipschitz constant of the losses in the ball"),
        "G": ("G", "Lipschitz constant without the ridge"),
        "n": ("n", "number of examples"),
        "mu": (r"\mu", "strong convexity"),
        "alpha": (r"\alpha", "step"),
        "rho": (r"1-\alpha\mu", "contraction"),
        "rho_beta": (r"\lvert1-\alpha\beta\rvert", "contraction where the losses are steepest"),
        "T": ("T", "number of steps"),
        **stability.ROUNDING,
    },
    figures=(
        Figure(
            "moves",
            "ratio",
            ("without the ridge: G in place of L", "steps of any size"),
            "Mean distance of the weights over the bound at time T, attained by linear losses, and over the limit for "
            "all times, which steps that are too long exceed, here 1/mu.",
            x="factor of a step, 1 - alpha mu",
            y="measured / bound",
            against="rho",
        ),
    ),
    sharper=(
        Sharper(
            "the generalisation gap is no larger",
            "two independent draws of z_i lead half as far apart in the square as opposite ones: see The gap alone",
            Formula("sqrt(2) * L**2 / (mu * n) + tau_loss"),
        ),
    ),
    invariances={"exchange the samples": stability.swap, "reflect": stability.reflect},
    not_tested=("more than 128 steps", "more than 16 where the replaced example is met again"),
)
