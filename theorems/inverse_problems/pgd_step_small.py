r"""The small step $`\mu=1/\|A\|^2`$: the gap of the rate is the square of what the slide has.

Let $`A\in\mathbb R^{m\times d}`$ have independent standard normal entries, $`C`$ a closed cone, $`B`$ the unit ball,
$`M=I-\mu A^TA`$, $`\rho=\sup_{u,v\in C\cap B}u^TMv`$, $`g_m`$ a standard normal vector of $`\mathbb R^m`$ and

```math
\omega=\mathbb E\sup_{v\in C\cap B}\langle g_d,v\rangle,\qquad
b_m=\mathbb E\|g_m\|=\sqrt2\,\frac{\Gamma((m+1)/2)}{\Gamma(m/2)},\qquad\frac m{\sqrt{m+1}}\le b_m\le\sqrt m .
```

**Theorem (corrected).** Let $`t\ge0`$. For any $`\mu>0`$, with probability at least $`1-e^{-t^2/2}`$,

```math
\rho\le1-\mu\,(b_m-\omega-t)_+^2+2\,(\mu\|A\|^2-1)_+ .
```

For $`\mu=1/\|A\|^2`$, with probability at least $`1-2e^{-t^2/2}`$,

```math
\rho\le1-\Big(\frac{(b_m-\omega-t)_+}{\sqrt m+\sqrt d+t}\Big)^2 .
```

*Proof.* If $`\mu\|A\|^2\le1`$ then $`M\succeq0`$ and, by Cauchy-Schwarz for the form $`M`$,
$`\rho=\sup_{v\in C\cap B}v^TMv=1-\mu\inf_{v\in C,\|v\|=1}\|Av\|^2`$. In general put $`\epsilon=(\mu\|A\|^2-1)_+`$: then
$`M+\epsilon I\succeq0`$ and $`\rho(M)\le\epsilon+\rho(M+\epsilon I)`$. Gordon's escape theorem gives
$`\inf_{v\in C,\|v\|=1}\|Av\|\ge b_m-\omega-t`$ with probability at least $`1-e^{-t^2/2}`$; it needs no convexity. The
norm exceeds $`\sqrt m+\sqrt d+t`$ with probability at most $`e^{-t^2/2}`$ (Davidson and Szarek). $`\square`$

**Sharper.** For $`\mu=1/\|A\|^2`$ the deviations need not be added. Let $`\kappa\in[0,1]`$ and
$`F=\inf_{v\in C,\|v\|=1}\|Av\|-\kappa\|A\|`$. Where $`F`$ has a gradient it is
$`\frac{Av}{\|Av\|}v^T-\kappa\frac{Aw}{\|Aw\|}w^T`$ with a minimiser $`v`$ and the first right singular vector $`w`$
(without the first term where the infimum is 0). As $`\langle Av,Aw\rangle=\|A\|^2\langle v,w\rangle`$, the inner
product $`\frac{\langle Av,Aw\rangle\langle v,w\rangle}{\|Av\|\|Aw\|}`$ of the two matrices is not negative, so $`F`$ is
$`\sqrt{1+\kappa^2}`$-Lipschitz. Its mean is at least $`b_m-\omega-\kappa(\sqrt m+\sqrt d)`$. So
$`\rho\le1-\kappa^2`$ with probability at least $`1-\delta`$ where

```math
b_m-\omega-\kappa(\sqrt m+\sqrt d)=\tau\sqrt{1+\kappa^2},\qquad
\tau=q+\varphi(q)-q\,\delta,\quad\delta=P(g_1>q)
```

(isoperimetry, with the normal density $`\varphi`$; see `_gaussian`): at $`\delta=2e^{-2}`$ with
$`0.78\sqrt{1+\kappa^2}`$ where the theorem has $`2(1+\kappa)`$.

**What the slide says.** For $`\mu=(\sqrt m+\sqrt d)^{-2}`$ the tutorial has
$`\rho=1-O\big(\frac{\sqrt m-\omega}{m+d}\big)`$. As an order of growth this is false: the numerator lacks a square,
most likely a lost exponent, and the two sides do not even scale alike. On the ladder $`d=50,\dots,400`$ with
$`m=\frac34d`$, $`k=d/50`$ the gap $`1-\rho`$ and the squared formula stay where they are, while the slide's falls as
$`1/\sqrt d`$. Read as a guarantee, $`\rho\le1-c\frac{\sqrt m-\omega}{m+d}`$, it is true and weak with $`c=1`$ when
$`x=\sqrt m-\omega\ge6`$: with $`\kappa^2=\frac x{m+d}\le\frac16`$ the left side above is at least
$`x-0.1-\sqrt{2x}>2.4`$. Nearer to the phase transition chance decides: for $`1<x<2`$ it fails in half of the draws, and
for $`0<x<1`$ with every $`c>0`$ in a good part, because $`C`$ meets the null space of $`A`$ and $`\rho=1`$ then.

**How it is checked.** Here $`C`$ is the descent cone of the $`\ell_1`$ norm at a $`k`$-sparse signal, whose width is
enclosed by a Monte Carlo mean of 16384 exact projections $`\pm0.06`$, outside of which it is with probability
$`10^{-12}`$, and by the closed form of `gaussian_width_l1`. In the family *certified* both ends of $`\rho`$ are certain
(see `pgd_rho`). On the larger families only the lower end is: the *ascent value* is attained by vectors of the cone, so
**an excess of it over the bound is certain, while its staying below is evidence only as far as the ascent reached**
$`\rho`$. The claims on it say so in their names. In the certified family the ascent reached the certified value to
$`10^{-8}`$ of the gap; on the ladders eight times the starts and six times the steps lowered the gap by less than 1 %
in each of 80 draws tried. The fitted exponent uses $`1-`$ the ascent value and $`t=0`$.

**Sharp.** At $`t=0`$ the bound is exceeded in about four draws of ten, and $`1-\rho`$ over the squared formula scatters
around 1.04: constant and exponent are right. The smallest gain is a little above $`b_m-\omega`$ in the mean, so the
quotient falls, to 1.03 at $`m=300`$, and the fitted exponent is near 0.96 where it is 1 in the limit: hence some room.
Kind: probability over the draw of $`A`$; rate.

**Not covered.** Cones other than those of the $`\ell_1`$ norm; matrices that are not Gaussian; certified upper ends
beyond about 20 coordinates.
"""

from __future__ import annotations

import math
from typing import Any

from pydantic import Field

from theorems.bibliography import DAVIDSON2001, GIRYES2019, GORDON1988, OURS, OYMAK2018
from theorems.inverse_problems import _gaussian
from verify import (
    Claim,
    Enclosure,
    Figure,
    Formula,
    Parameters,
    Probability,
    Rate,
    Sharper,
    Source,
    Theorem,
    misreading,
)
from verify.core.arrays import eps, namespace, to_numpy
from verify.kit import descent, rho, widths

BOUND = Formula("1 - (max(b - omega - t, 0) / (sqrt(m) + sqrt(d) + t))**2")
# 1 - kappa^2 with b - omega - kappa (sqrt(m) + sqrt(d)) = tau (1 + kappa^2)^(1/2).
SHARPER = Formula("1 - max(c * s - tau * sqrt(max(s**2 + c**2 - tau**2, 0)), 0)**2 / (s**2 - tau**2)**2").where(
    c="(b - omega)", s="(sqrt(m) + sqrt(d))"
)
ANY_STEP = Formula("1 - mu * max(b - omega - t, 0)**2 + 2 * over")
SQUARED = Formula("((b - omega) / (sqrt(m) + sqrt(d)))**2")
PRINTED = Formula("(sqrt(m) - omega) / (m + d)")
SLIDE = Source(GIRYES2019, "slides 'PGD convergence rate' and 'Inaccurate projection'")

LADDER_D = {f"d = {d}": (d, 3 * d // 4, d // 50) for d in (50, 100, 150, 200, 300, 400)}
LADDER_M = {f"m = {m}": (100, m, 2) for m in (40, 60, 90, 135, 200, 300)}
OTHERS = {
    "slide's step": (100, 80, 2),
    "short step": (100, 80, 2),
    "near the transition": (100, 12, 2),
    "above the transition": (100, 20, 2),
    "long signal": (500, 78, 1),
}
SIZES = LADDER_D | LADDER_M | OTHERS
WHOLE = {  # C = R^d: d, m
    "whole space": (300, 1200),
    "whole space, few measurements": (400, 684),
    "whole space, short signal": (4, 400),
    "line, long step": (1, 10_000),
}

NORM_STEP, ALONG_D, ALONG_M = "mu = 1/|A|^2", "on the ladder in d", "on the ladder in m"
CERTIFIED, AWAY = "upper end certified", "sqrt(m) > omega + 6"
NEAR, ABOVE = "omega < sqrt(m) < omega + 1", "omega + 1 < sqrt(m) < omega + 2"


def failure(t: float, events: int = 2) -> float:
    """The probability that the theorem allows."""
    return events * math.exp(-(t**2) / 2)


class Params(Parameters):
    """Sizes of the certified family; the rungs of the ladders are fixed."""

    d: int = Field(10, ge=2, le=20, description="length of the signal of the certified family")
    m: int = Field(40, ge=1, le=4096, description="number of measurements of the certified family")
    k: int = Field(1, ge=1, le=20, description="non-zeros of the signal of the certified family")
    starts: int = Field(8, ge=1, le=256, description="starts of the ascent")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """A (B, m, d); mu (B,); kind (1,), the ladder; signs (1, d) of the signal and starts (B, S, d) of the ascent for
    the l1 descent cone, without which C is the whole space."""
    d, m, k = (*WHOLE[family], 0) if family in WHOLE else SIZES.get(family, (p.d, p.m, min(p.k, p.d)))
    A = draw.normal(m, d)
    if family == "slide's step":
        mu = draw.full((m**0.5 + d**0.5) ** -2)
    else:
        share = {"short step": 0.01, "line, long step": 6.0}.get(family, 1.0)
        mu = share / descent.largest_eigenvalue_of_gram(A)
    certified = family == "certified" or family in WHOLE
    kind = 1 if family in LADDER_D else 2 if family in LADDER_M else 3 if certified else 0
    x = {"A": A, "mu": mu, "kind": draw.backend.asarray([kind])}
    return x if k == 0 else {**x, "signs": _gaussian.signs(draw, d, k), "starts": draw.normal(p.starts, d)}


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """What a family is for, and whether m is clear of the phase transition."""
    xp, A = namespace(x["A"]), x["A"]
    m, d = A.shape[-2:]
    kind = int(to_numpy(x["kind"])[0])
    low, high = _gaussian.width_ends(d, _sparsity(x))[1:] if "signs" in x else (widths.gaussian_length(d),) * 2
    over = xp.abs(x["mu"] * descent.largest_eigenvalue_of_gram(A) - 1)

    def known(margin: float) -> Any:
        return xp.full_like(x["mu"], margin)

    return {
        NORM_STEP: 16 * (m + d) * eps(A) - over,
        ALONG_D: known(1.0 if kind == 1 else -1.0),
        ALONG_M: known(1.0 if kind == 2 else -1.0),
        CERTIFIED: known(1.0 if kind == 3 else -1.0),
        AWAY: known(m**0.5 - high - 6),
        NEAR: known(min(m**0.5 - high, low + 1 - m**0.5)),
        ABOVE: known(min(m**0.5 - high - 1, low + 2 - m**0.5)),
    }


def _sparsity(x: Any) -> int:
    return int(to_numpy(x["signs"]).sum())


def solve(p: Params, x: Any) -> dict[str, Any]:
    """The rate between its ends, and the numbers of the bounds."""
    xp, A, mu = namespace(x["A"]), x["A"], x["mu"]
    m, d = A.shape[-2:]
    if "signs" in x:
        rate = _gaussian.bracket(A, mu, x["signs"], x["starts"], certify=bool(to_numpy(x["kind"])[0] == 3))
        omega = _gaussian.width(A, _sparsity(x))
    else:
        M = descent.gradient_map(A, mu)
        value = xp.max(xp.abs(xp.linalg.eigvalsh(M)), axis=-1)
        rate = Enclosure.around(value, rho.rounding(M) + descent.gradient_map_rounding(A, mu))
        omega = _gaussian.constant(A, widths.gaussian_length(d))
    # The step is 1/|A|^2 up to the rounding of an eigenvalue, which moves M by as much.
    slack = 8 * (m + d) * eps(A)
    rate = Enclosure(rate.value - slack, rate.lower - slack, rate.upper + slack)
    over = mu * descent.largest_eigenvalue_of_gram(A) - 1
    zero = xp.zeros_like(over)
    over = Enclosure(*(xp.maximum(over + s, zero) for s in (0.0, -slack, slack)))
    return {
        "rho": rate,
        "attained": rate.lower,
        "gap": 1 - rate.value,
        "omega": omega,
        "b": _gaussian.constant(A, widths.gaussian_length(m)),
        "mu": mu,
        "over": over,
        "m": xp.full_like(mu, float(m)),
        "d": xp.full_like(mu, float(d)),
    }


def _claim(name: str, bound: Formula, t: float, given: tuple[str, ...], events: int = 2, **more: Any) -> Claim:
    """A bound that may fail with the probability of the theorem."""
    measured = more.pop("measured", "attained")
    return Claim(name, Probability(failure(t, events)), measured, bound, given, **more)


THEOREM = Theorem(
    "pgd_step_small",
    "Projected gradient descent with the step 1/|A|^2: the rate from the Gaussian width",
    Params,
    sample,
    hypotheses,
    solve,
    fixed=("starts",),
    families={
        **{name: f"m = {m}, k = {k}: a rung of the ladder with fixed shape" for name, (_, m, k) in LADDER_D.items()},
        **dict.fromkeys(LADDER_M, "d = 100, k = 2: a rung of the ladder towards many measurements"),
        "slide's step": "d = 100, m = 80, k = 2, mu = (sqrt m + sqrt d)^-2: M is at times indefinite",
        "short step": "d = 100, m = 80, k = 2, a hundredth of the step",
        "whole space": "C = R^300, m = 1200: rho is known, and omega and sqrt(d) are large beside t",
        "whole space, few measurements": "C = R^400, m = 684: omega is large beside sqrt(m) - omega",
        "whole space, short signal": "C = R^4, m = 400: m is large beside d",
        "line, long step": "C = R, m = 10000, mu = 6/|A|^2: rho is -M",
        "near the transition": "d = 100, m = 12, k = 2: sqrt(m) just above omega",
        "above the transition": "d = 100, m = 20, k = 2: sqrt(m) between omega + 1 and omega + 2",
        "long signal": "d = 500, m = 78, k = 1: d is large beside m",
        "certified": "small, both ends of rho certain",
    },
    shares={
        **dict.fromkeys(LADDER_M, 2.0),
        "d = 300": 0.8,
        "d = 400": 0.5,
        "long signal": 0.5,
        "whole space": 0.5,
        "whole space, few measurements": 0.5,
        "certified": 2.0,
        "near the transition": 9.0,
        "above the transition": 2.0,
    },
    instances=1550,
    batch=24,
    claims=(
        _claim("certified, t = 2", BOUND.where(t=2), 2, (NORM_STEP, CERTIFIED), measured="rho"),
        _claim("certified, t = 2.5", BOUND.where(t=2.5), 2.5, (NORM_STEP, CERTIFIED), measured="rho"),
        _claim("ascent value, t = 2", BOUND.where(t=2), 2, (NORM_STEP,)),
        _claim("ascent value, t = 2.5", BOUND.where(t=2.5), 2.5, (NORM_STEP,)),
        _claim("ascent value, any step, t = 2", ANY_STEP.where(t=2), 2, (), events=1),
        Claim("order of the gap, with the square", Rate(1.0, within=0.07), "gap", SQUARED, (ALONG_M,), "=="),
        Claim(
            "slide: order of the gap",
            Rate(1.0),
            "gap",
            PRINTED,
            (ALONG_D,),
            "==",
            origin="giryes2019",
            expects="refuted",
            because="the numerator lacks a square: the formula falls along the ladder, the gap does not",
            grade="false",
            reading="1 - rho is of the order (sqrt(m) - omega)/(m + d)",
            holds_when="with the square of the numerator",
            source=SLIDE,
        ),
        Claim(
            "slide, as a guarantee with constant 1",
            Probability(failure(2)),
            "attained",
            Formula("1 - (sqrt(m) - omega) / (m + d)"),
            (NORM_STEP, AWAY),
            origin="giryes2019",
            source=SLIDE,
        ),
        misreading(
            "slide: as a guarantee near the transition",
            Probability(0.1),
            "attained",
            Formula("1 - 0.1 * (sqrt(m) - omega) / (m + d)"),
            (NORM_STEP, NEAR),
            source=SLIDE,
            grade="incomplete",
            reading="rho <= 1 - c (sqrt(m) - omega)/(m + d) for every m > omega^2, here with c = 0.1",
            because="the cone meets the null space of A in a good part of the draws, and rho = 1 there",
            holds_when="sqrt(m) > omega + 6",
        ),
        misreading(
            "slide: as a guarantee with constant 1, above the transition",
            Probability(failure(2)),
            "attained",
            Formula("1 - (sqrt(m) - omega) / (m + d)"),
            (NORM_STEP, ABOVE),
            source=SLIDE,
            grade="incomplete",
            reading="rho <= 1 - (sqrt(m) - omega)/(m + d) where sqrt(m) is between omega + 1 and omega + 2",
            because="the square of sqrt(m) - omega is not large beside sqrt(m) - omega itself, and chance decides",
            holds_when="sqrt(m) > omega + 6",
        ),
        _claim(
            "t dropped",
            BOUND.where(t=0),
            2.5,
            (NORM_STEP,),
            origin="control",
            expects="refuted",
            because="without t about four draws of ten exceed the bound",
        ),
        _claim(
            "half of the width",
            BOUND.where(t=2, omega="omega / 2"),
            2,
            (NORM_STEP,),
            origin="control",
            expects="refuted",
            because="the smallest gain over the cone is near b - omega",
        ),
        _claim(
            "norm of A taken as sqrt(m)",
            Formula("1 - max(b - omega - 2, 0)**2 / m"),
            2,
            (NORM_STEP,),
            origin="control",
            expects="refuted",
            because="the step is 1/|A|^2, and |A| is near sqrt(m) + sqrt(d)",
        ),
        Claim(
            "order without the square",
            Rate(1.0),
            "gap",
            Formula("(b - omega) / (sqrt(m) + sqrt(d))"),
            (ALONG_M,),
            "==",
            origin="control",
            expects="refuted",
            because="the exponent is 2",
        ),
    ),
    sources=(
        Source(OYMAK2018, "main theorem on projected gradient descent", "from memory; the form here is proved above"),
        SLIDE,
        Source(GORDON1988, "escape through a mesh", "from memory"),
        Source(DAVIDSON2001, "Theorem II.13, the norm of a Gaussian matrix", "from memory"),
        Source(OURS, "the corrected theorem and its proof, above"),
    ),
    symbols={
        "rho": (r"\rho", "the rate, between ends that are certain"),
        "attained": (r"\rho_-", "ascent value: attained by vectors of the cone, so at most the rate"),
        "gap": (r"1-\rho_-", "gap of the ascent value"),
        "omega": (r"\omega", "Gaussian width of the cone in the unit ball"),
        "b": ("b_m", "mean length of a standard normal vector"),
        "mu": (r"\mu", "step size"),
        "over": (r"(\mu\lVert A\rVert^2-1)_+", "how far the form is from semidefinite"),
        "m": ("m", "number of measurements"),
        "d": ("d", "length of the signal"),
    },
    figures=(
        Figure(
            "order",
            "ladder",
            ("order of the gap, with the square", "order without the square"),
            "1 - rho along m at d = 100, k = 2: the squared formula lies on it, the unsquared one has half its slope.",
            x="number of measurements m",
            y="1 - rho, and the formulas",
            against="m",
        ),
        Figure(
            "slide",
            "ladder",
            ("slide: order of the gap",),
            "1 - rho along d at m = 3d/4, k = d/50 stays; the slide's formula falls like 1/sqrt(d).",
            x="length of the signal d",
            y="1 - rho, and the slide's formula",
            against="d",
        ),
        Figure(
            "rate",
            "cloud",
            ("ascent value, t = 2",),
            "The rate against its bound, draw by draw, on the ladder in m.",
            x="bound at t = 2",
            y="rho (ascent value)",
            family="m = ",
        ),
    ),
    sharper=(
        *(
            Sharper(
                claim,
                f"the gain over |A| deviates as one function: {tau:.2f} (1 + kappa^2)^(1/2) in place of t (1 + kappa)",
                SHARPER.where(tau=tau),
                delta,
                (NORM_STEP,),
            )
            for claim, t in (
                ("certified, t = 2", 2),
                ("ascent value, t = 2", 2),
                ("slide, as a guarantee with constant 1", 2),
                ("certified, t = 2.5", 2.5),
                ("ascent value, t = 2.5", 2.5),
            )
            for delta in (failure(t), failure(t) / 10)
            for tau in [_gaussian.deviation(delta)]
        ),
        Sharper(
            "ascent value, any step, t = 2",
            "the smallest gain is 1-Lipschitz in A: by isoperimetry 1.17 does in place of 2",
            ANY_STEP.where(t=_gaussian.deviation(failure(2, 1))),
        ),
    ),
    unsettled={
        "ascent value, any step, t = 2: a tenth of delta": "no draw fails, and on a half-line, where the gain is "
        "|g_m|, one in 3000 does; but for any cone Gordon's inequality and isoperimetry give 0.023, not 0.0135",
    },
    not_tested=("upper ends of rho beyond 20 coordinates", "signals longer than 500 entries"),
)
