r"""The large step $`\mu=1/m`$: the rate is a constant between 2 and 2.5 times the width over $`\sqrt m`$.

Let $`A\in\mathbb R^{m\times d}`$ have independent standard normal entries, $`C`$ a closed convex cone, $`B`$ the unit
ball, $`M=I-\frac1mA^TA`$, $`\rho=\sup_{u,v\in C\cap B}u^TMv`$,
$`\omega=\mathbb E\sup_{v\in C\cap B}\langle g,v\rangle`$ and $`b_m=\mathbb E\|g_m\|`$ for standard normal vectors
$`g\in\mathbb R^d`$, $`g_m\in\mathbb R^m`$.

**Theorem.** For every $`t\ge0`$, with probability at least $`1-2e^{-t^2/2}`$,

```math
\rho\le\tfrac52a+a^2,\qquad a=\frac{\omega+t+0.36}{\sqrt m}+1-\frac{b_m}{\sqrt m} .
```

*Proof.* $`4u^TMv=\big[\|u+v\|^2-\tfrac1m\|A(u+v)\|^2\big]+\big[\tfrac1m\|A(u-v)\|^2-\|u-v\|^2\big]`$. As $`C`$ is
convex, $`u+v\in C`$, and by Gordon's escape theorem $`\|A(u+v)\|\ge(b_m-\omega-t)\|u+v\|`$ with probability at least
$`1-e^{-t^2/2}`$. By the inequality of Sudakov and Fernique and the concentration of a 2-Lipschitz function,
$`\|A(u-v)\|\le b_m\|u-v\|+2(\omega+t+0.36)`$ for all $`u,v\in C\cap B`$ with the same probability, where
$`0.36\ge\frac12\sqrt{1/2}\ge\mathbb E(\|g_m\|-b_m)_+`$. With $`\sigma=\|u-v\|`$ and $`\|u+v\|^2\le4-\sigma^2`$ the sum
is at most $`2a(4-\sigma^2)+4a\sigma+4a^2\le10a+4a^2`$, the largest value being at $`\sigma=1`$; for $`a>1`$ the first
bracket is at most $`4-\sigma^2\le2a(4-\sigma^2)`$ anyway. $`\square`$ The bound is below 1 for $`a<0.351`$, that is for
about $`m>8.1(\omega+t)^2`$.

**Sharper.** The two events may have deviations of their own, with Gaussian tails. The second is the upper tail of a
convex function, whose median is no larger than its mean: $`2q`$ for $`2t`$ with probability $`P(g_1>q)`$, by
isoperimetry. The first has $`\tau`$ for $`t`$ as in `pgd_step_small`. On a subspace of dimension $`r`$ the singular
values are in this way within $`b_m+\omega+q`$ and $`b_m-\omega-\tau`$; besides $`\|A\|^2\le\sum A_{ij}^2`$, a
$`\chi^2`$, with equality for one row. So at these sizes and $`t`$ the theorem holds with a tenth of the probability,
and with $`\frac94`$ in place of $`\frac52`$.

**What the slide says.** For $`\mu=1/m`$ the tutorial has $`\rho=O(\omega/\sqrt m)`$. It is true once
$`\omega\lesssim\sqrt m`$, and the hidden constant is at least 2: for a subspace $`\rho\to2a+a^2`$ with
$`a=\omega/\sqrt m`$, so that contraction needs about $`m>5.8\,\omega^2`$. For $`m`$ below $`\omega^2`$ the square takes
over, the order in $`\omega/\sqrt m`$ is 2 and not 1, and the iteration may diverge.

**How it is checked.** On a subspace of dimension $`r`$, which a rotation turns into $`\mathbb R^r`$, $`\rho=\|M\|`$ and
$`\omega=b_r`$: every decision there is certain. For the descent cone of the $`\ell_1`$ norm at a 4-sparse signal of
length 200 the *ascent value* is attained by vectors of the cone: **an excess of it over the bound is certain, its
staying below is evidence only as far as the ascent reached** $`\rho`$ (see `pgd_rho`). The width is enclosed as in
`pgd_step_small`.

**Sharp.** The constant 2 is: on subspaces $`\rho/(2a+a^2)`$ with $`t=0`$ is near 1. The $`\frac52`$ comes from the
proof; $`\rho`$ over the bound stays below about 0.8 even at $`t=0`$. On the ladder the square still counts, and bends
the exponents by a few hundredths. Kind: probability over the draw of $`A`$; rate.

**Not covered.** Other cones; matrices that are not Gaussian; certified upper ends for the $`\ell_1`$ cone.
"""

from __future__ import annotations

import math
from typing import Any

from pydantic import Field

from theorems.bibliography import GIRYES2019, GORDON1988, OURS, OYMAK2018
from theorems.inverse_problems import _gaussian
from verify import Claim, Enclosure, Figure, Formula, Parameters, Probability, Rate, Sharper, Source, Theorem, control
from verify.core.arrays import eps, namespace, to_numpy
from verify.kit import descent, rho, widths

A = Formula("(omega + t + 0.36) / sqrt(m) + 1 - b / sqrt(m)")
BOUND = Formula("5/2 * a + a**2").where(a=A)
ORDER = Formula("omega / sqrt(m)")
# The proof before its last simplifications: the largest value over y = sigma/2 in [0, 1] of
# (1 - y^2) C + (B y + S)^2 - y^2, with B = b_m/sqrt(m), C = 1 - (B - (omega + lo)/sqrt(m))_+^2 and
# S = (omega + up + 0.36)/sqrt(m).
_B, _S = "(b / sqrt(m))", "((omega + up + 0.36) / sqrt(m))"
_C = f"(1 - max({_B} - (omega + lo) / sqrt(m), 0)**2)"
_Y = f"min({_B} * {_S} / ({_C} + 1 - {_B}**2), 1)"
PROOF = Formula(f"{_C} + {_S}**2 + 2 * {_B} * {_S} * y - ({_C} + 1 - {_B}**2) * y**2").where(y=_Y)
# On a subspace of dimension r <= omega^2 + 1/2, by its singular values or by the sum of the squares of its entries.
_EDGES = "max((b + omega + up)**2 / m - 1, 1 - max(b - omega - lo, 0)**2 / m)"
_ENTRIES = "max(r + 2 * sqrt(r * x / m) + 2 * x / m - 1, 1)"
SINGULAR = Formula(f"min({_EDGES}, {_ENTRIES})").where(r="(omega**2 + 1/2)")
SLIDE = Source(GIRYES2019, "slides 'PGD convergence rate' and 'Inaccurate projection'")

CONE = {f"cone, m = {m}": m for m in (100, 200, 400, 800, 1600, 3200)}
PLANES = {"subspace, r = 5": (5, 100), "subspace, r = 20": (20, 400), "subspace, r = 80": (80, 1600)}
LARGE = {
    "subspace, r = 100, m = 4000": (100, 4000),
    "subspace, r = 500, m = 100": (500, 100),
    **{f"subspace, r = {r}, m = 1": (r, 1) for r in (1000, 10_000, 40_000)},
}
FEW = {f"subspace, m = {m}": (80, m) for m in (2, 4, 8, 16, 32)}

SPACE, LADDER, TOO_FEW = "C is a subspace", "on the ladder in m", "on the ladder below omega^2"


def failure(t: float) -> float:
    """The probability that the theorem allows."""
    return 2 * math.exp(-(t**2) / 2)


class Params(Parameters):
    """Sizes of the cone; the rungs of the ladders are fixed."""

    d: int = Field(200, ge=2, le=2048, description="length of the signal of the l1 descent cone")
    k: int = Field(4, ge=1, le=256, description="non-zeros of the signal")
    starts: int = Field(8, ge=1, le=256, description="starts of the ascent")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """A (B, m, d), and signs (1, d), starts (B, S, d) for the l1 descent cone; without them C is the whole space,
    which a subspace of dimension d is after a rotation."""
    if family in CONE:
        A = draw.normal(CONE[family], p.d)
        row = _gaussian.signs(draw, p.d, min(p.k, p.d))
        return {"A": A, "signs": row, "starts": draw.normal(p.starts, p.d)}
    r, m = (PLANES | LARGE | FEW)[family]
    return {"A": draw.normal(m, r)}


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """What a family is for."""
    xp, shape = namespace(x["A"]), x["A"].shape

    def known(met: bool) -> Any:
        return xp.full((shape[0],), 1.0 if met else -1.0, dtype=x["A"].dtype, device=x["A"].device)

    return {
        SPACE: known("signs" not in x),
        LADDER: known("signs" in x),
        TOO_FEW: known("signs" not in x and shape[-2:] in {(m, r) for r, m in FEW.values()}),
    }


def solve(p: Params, x: Any) -> dict[str, Any]:
    """The rate between its ends, and the numbers of the bounds."""
    xp, A = namespace(x["A"]), x["A"]
    m, d = A.shape[-2:]
    mu = xp.full((A.shape[0],), 1 / m, dtype=A.dtype, device=A.device)
    if "signs" in x:
        rate = _gaussian.bracket(A, mu, x["signs"], x["starts"], certify=False)
        omega = _gaussian.width(A, int(to_numpy(x["signs"]).sum()))
    else:
        rate = _norm(A)
        omega = _gaussian.constant(A, widths.gaussian_length(d))
    return {
        "rho": rate,
        "attained": rate.lower,
        "omega": omega,
        "b": _gaussian.constant(A, widths.gaussian_length(m)),
        "m": xp.full_like(mu, float(m)),
        "a": omega.value / m**0.5,
    }


def _norm(A: Any) -> Enclosure:
    """|I - A^T A/m| (B,), from the smaller of the two Gram matrices."""
    xp, (m, d) = namespace(A), A.shape[-2:]
    if d <= m:
        mu = xp.full((A.shape[0],), 1 / m, dtype=A.dtype, device=A.device)
        M = descent.gradient_map(A, mu)
        value = xp.max(xp.abs(xp.linalg.eigvalsh(M)), axis=-1)
        return Enclosure.around(value, rho.rounding(M) + descent.gradient_map_rounding(A, mu))
    gram = xp.matmul(A, xp.matrix_transpose(A)) / m
    values = xp.abs(1 - xp.linalg.eigvalsh(gram))
    value = xp.maximum(xp.max(values, axis=-1), xp.ones_like(values[:, 0]))  # A has a kernel
    # An entry of the Gram matrix is a sum of d products: its error is at most d roundings of the trace.
    trace = xp.sum(A * A, axis=(-2, -1)) / m
    return Enclosure.around(value, rho.rounding(gram) + 4 * (d + m) * eps(A) * trace)


def _constant(name: str, bound: str, because: str) -> Claim:
    """A smaller bound in w = omega / sqrt(m), at the probability that the theorem states for t = 2."""
    return control(name, Probability(failure(2)), "rho", Formula(bound).where(w=ORDER), (SPACE,), because)


def _sharper(t: float, delta: float) -> tuple[Sharper, Sharper]:
    """What the proof gives at these sizes for the probability ``delta``, and what is known of subspaces."""
    share = 0.95 if delta == failure(t) else 0.89
    up, lo = _gaussian.quantile(share * delta), _gaussian.deviation((1 - share) * delta)
    proof = f"the proof before its last simplifications, by isoperimetry with {up:.2f} and {lo:.2f} in place of t"
    up_, lo_ = _gaussian.quantile(0.98 * delta), _gaussian.deviation(0.02 * delta)
    singular = f"singular values within b + omega + {up_:.2f} and b - omega - {lo_:.2f}, and the tail of |A|_F"
    return (
        Sharper(f"*, t = {t}", f"{proof}, at these sizes", PROOF.where(up=up, lo=lo), delta, ()),
        Sharper(f"subspace, t = {t}", singular, SINGULAR.where(up=up_, lo=lo_, x=-math.log(delta)), delta),
    )


THEOREM = Theorem(
    "pgd_step_large",
    "Projected gradient descent with the step 1/m: the rate from the Gaussian width",
    Params,
    sample,
    hypotheses,
    solve,
    fixed=("starts",),
    families={
        **dict.fromkeys(CONE, "l1 descent cone at k-sparse signals: a rung of the ladder"),
        **{name: f"dimension {r} with {m} measurements: rho = |M|" for name, (r, m) in PLANES.items()},
        **{name: f"dimension {r}, m = {m}: where other terms of the bound matter" for name, (r, m) in LARGE.items()},
        **dict.fromkeys(FEW, "dimension 80 with fewer measurements than that: a rung of the ladder below omega^2"),
    },
    shares={"cone, m = 3200": 0.6, **dict.fromkeys(PLANES, 2.0)},
    instances=740,
    batch=16,
    claims=(
        Claim("subspace, t = 2", Probability(failure(2)), "rho", BOUND.where(t=2), (SPACE,)),
        Claim("subspace, t = 2.5", Probability(failure(2.5)), "rho", BOUND.where(t=2.5), (SPACE,)),
        Claim("cone, ascent value, t = 2", Probability(failure(2)), "attained", BOUND.where(t=2)),
        Claim("cone, ascent value, t = 2.5", Probability(failure(2.5)), "attained", BOUND.where(t=2.5)),
        Claim("rho falls as the root of m", Rate(-0.5, within=0.05), "attained", Formula("m"), (LADDER,), "=="),
        Claim(
            "slide, order of the rate",
            Rate(1.0, within=0.1),
            "attained",
            ORDER,
            (LADDER,),
            "==",
            origin="giryes2019",
            source=SLIDE,
        ),
        Claim(
            "slide: the order at every m",
            Rate(1.0),
            "rho",
            ORDER,
            (TOO_FEW,),
            "<=",
            origin="giryes2019",
            expects="refuted",
            because="below omega^2 measurements the square of omega/sqrt(m) takes over",
            grade="incomplete",
            reading="rho is of the order omega/sqrt(m) for every m, here m = 2..32 at omega = 8.9",
            holds_when="omega is at most of the order of sqrt(m)",
            source=SLIDE,
        ),
        _constant("constant 1", "w", "on a subspace rho is near 2 w + w^2"),
        _constant("constant 1.5", "1.5 * w", "on a subspace rho is near 2 w + w^2"),
        _constant("constant 2, no square, no slack", "2 * w", "on a subspace rho is near 2 w + w^2, above 2 w"),
    ),
    sources=(
        Source(OYMAK2018, "main theorem on projected gradient descent", "from memory; the form here is proved above"),
        SLIDE,
        Source(GORDON1988, "escape through a mesh", "from memory"),
        Source(OURS, "the theorem and its proof, above"),
    ),
    symbols={
        "rho": (r"\rho", "the rate, between ends that are certain"),
        "attained": (r"\rho_-", "ascent value: attained by vectors of the cone, so at most the rate"),
        "omega": (r"\omega", "Gaussian width of the cone in the unit ball"),
        "b": ("b_m", "mean length of a standard normal vector"),
        "m": ("m", "number of measurements"),
        "a": (r"\omega/\sqrt m", "width over the root of the number of measurements"),
    },
    figures=(
        Figure(
            "order",
            "ladder",
            ("slide, order of the rate",),
            "rho of the l1 descent cone against omega/sqrt(m): of order 1, with a constant near 2.",
            x="omega / sqrt(m)",
            y="rho, and omega / sqrt(m)",
            against="a",
        ),
        Figure(
            "constant",
            "ratio",
            ("constant 2, no square, no slack",),
            "rho over 2 omega/sqrt(m) on subspaces: near 1 and above while omega < sqrt(m); below omega^2 measurements "
            "the square takes over.",
            x="omega / sqrt(m)",
            y="rho / (2 omega / sqrt(m))",
            against="a",
        ),
        Figure(
            "bound",
            "cloud",
            ("subspace, t = 2", "cone, ascent value, t = 2"),
            "The rate against its bound, draw by draw.",
            x="bound at t = 2",
            y="rho",
        ),
    ),
    sharper=(
        Sharper("*, t = *", "the theorem holds for every closed convex cone", given=()),
        *(s for t in (2, 2.5) for delta in (failure(t), failure(t) / 10) for s in _sharper(t, delta)),
    ),
    unsettled={
        "cone, ascent value, t = 2: 2 dropped from omega + 2": "true on these subspaces, where 2 does for the 5/2 of "
        "the proof and the rest pays for t. With many measurements half-lines fail with probability 0.09, where 0.27 "
        "is allowed, and orthants of up to 10 dimensions no more often. The factor 2 for every cone would settle it",
    },
    not_tested=("upper ends of rho for the l1 descent cone", "m above 4000"),
)
