r"""Recovery by l1 minimisation sets in at the statistical dimension, and on average exactly half a row above it.

Let $`Z\in\mathbb R^d`$ have $`k`$ non-zeros with signs $`s`$, $`1\le k<d`$, let $`C`$ be the descent cone of the
$`\ell_1`$ norm at $`Z`$, and $`A`$ have independent Gaussian rows. Write $`m_*`$ for the smallest number of rows with
which $`\min\|z\|_1`$ subject to $`Az=AZ`$ has $`Z`$ as its only solution; more rows only shrink the kernel, so
recovery holds from $`m_*`$ on. Let $`\delta=\mathbb E\|P_C(g)\|^2`$, and $`d\psi(k/d)-\ell\le\delta\le d\psi(k/d)`$ the
bounds of the page `gaussian_width_l1` ($`\ell\le3`$).

**Theorem.**

```math
\mathbb E\,m_*=\delta+\tfrac12,\qquad
P(m_*>m)\le e^{-\frac12(m\log\frac m\delta-m+\delta)}\ (m\ge\delta),\qquad
P(m_*\le m)\le e^{-\frac12(m\log\frac m\delta-m+\delta)}\ (m\le\delta),
```

and with $`\sigma^2=2\min(\delta,d-\delta)`$ at least half of all $`A`$ have $`m_*\le\delta+\sigma+1`$, at least half
$`m_*\ge\delta-\sigma`$.

*Proof.* Recovery fails with $`m`$ rows when the kernel, a uniformly random subspace of dimension $`d-m`$, meets $`C`$
outside 0. Let $`v_0,\dots,v_d`$ be the conic intrinsic volumes of $`C`$, a probability distribution, and $`J`$ a number
drawn from it. By the conic kinematic formula $`P(m_*>m)=2(v_{m+1}+v_{m+3}+\dots)`$ for $`0\le m<d`$. Summing over $`m`$
counts $`2v_j`$ once for each of the $`\lceil j/2\rceil`$ numbers $`m=j-1,j-3,\dots\ge0`$, so
$`\mathbb E\,m_*=\mathbb E J+P(J\text{ odd})`$; and $`\mathbb EJ=\delta`$ by the Steiner formula, $`P(J\text{ odd})=
\frac12`$ by the Gauss-Bonnet formula, as $`C`$ is no subspace.

The same formulas give $`P(J\ge m+1)\le P(m_*>m)\le P(J\ge m)`$ (Amelunxen and others), so the tails are those of
$`J`$. By the Steiner formula $`M(\xi)=\mathbb Ee^{\xi\|P_C(g)\|^2}=\mathbb E(1-2\xi)^{-J/2}`$. The logarithmic Sobolev
inequality for $`e^{\xi\|P_C(g)\|^2}`$, whose exponent has a gradient of squared length $`4\xi^2\|P_C(g)\|^2`$, reads
$`\xi M'-M\log M\le2\xi^2M'`$, that is $`(\xi^{-1}\log M)'\le2(\log M)'`$; integrated from 0,
$`\log M\le\delta\xi/(1-2\xi)`$ for $`\xi<\frac12`$. With $`e^{2\eta}=1/(1-2\xi)`$ this is
$`\mathbb Ee^{\eta J}\le\exp(\frac\delta2(e^{2\eta}-1))`$: $`J/2`$ is no wilder than a Poisson number of mean
$`\delta/2`$, whose Chernoff bounds are the tails above, and $`\mathrm{Var}J\le2\delta`$. The polar cone has the
volumes in reverse order, so $`\mathrm{Var}J\le2(d-\delta)`$ too, and Cantelli's inequality gives the last claim.
$`\square`$

**Known.** The tails are those of McCoy and Tropp (2014). Theorem II of Amelunxen, Lotz, McCoy and Tropp: with
$`a_\eta=\sqrt{8\log(4/\eta)}`$, recovery succeeds with probability at least $`1-\eta`$ when
$`m\ge\delta+a_\eta\sqrt d`$ and at most $`\eta`$ when $`m\le\delta-a_\eta\sqrt d`$. It says something only where
$`a_\eta\sqrt d<\min(\delta,d-\delta)`$: with $`\eta=\frac12`$ from $`d=67`$ on where $`\delta=d/2`$, and from about
$`d=400`$ on where $`k/d=0.05`$. The family with a larger $`d`$ is there for it; `large_d=1000 large_k=50 batch=8` takes
it further, at about a second for each matrix. The mean is a corollary of the kinematic formula that we have not found
stated.

**How it is checked.** $`m_*`$ is found by bisection with exact decisions: a recovery by a dual vector that is strictly
feasible off the support, a failure by a vector of the kernel in the interior of $`C`$, both with room for what
rounding leaves of the equations. On the other side of the identity stands the mean of $`\|P_C(g)\|^2`$ over
independent Gaussian vectors, with $`V(\tau)`$, whose mean $`d\psi`$ is known, as a control variate. A bound in
$`\delta`$ is used with the end of $`[d\psi-\ell,d\psi]`$ that makes it weaker. Where $`m`$ is drawn uniformly from
$`0,\dots,d-1`$, $`d`$ times the frequency of failures has the mean $`\mathbb E\,m_*`$ again: the area below the
transition.

**Sharp.** The mean is an equality. The width of the transition is of the order $`\sqrt{\min(\delta,d-\delta)}`$; the
constants of the tails are not the best ones.

Kind: expectations and probabilities over the draw of $`A`$, each decided for every number of non-zeros.

**Not covered.** Other random matrices, for which the place is the same and the mean is not exact; noise; signals that
are nearly sparse.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from pydantic import Field

from theorems.bibliography import AMELUNXEN2014, GIRYES2019, MCCOY2014, OURS
from verify import Claim, Figure, Formula, Mean, Parameters, Probability, Sharper, Source, Theorem, control
from verify.core.arrays import dot, namespace
from verify.kit import recovery, widths
from verify.kit.cones import L1DescentCone, l1_cone_reference

LARGE = "a larger d"
SHARES = {f"k = d/{n}": Fraction(1, n) for n in (60, 20, 10, 6, 4, 3, 2)}
ALMOST_ALL, SMALLEST = "k = d - 1", "k = 1, d = 2"
VECTORS = 16  # Gaussian vectors an instance, for its estimate of delta
GRID, ABOVE, BELOW, MEANINGFUL = "m is drawn", "m >= d psi", "0 < m <= d psi - l", "bounds between 0 and d"
SIGMA = "sqrt(2 * min(psi, d - psi + l))"
ALMT = "sqrt(8 * log(8) * d)"
TAIL = Formula("exp(-(m * log(m / delta) - m + delta) / 2)")
THEOREM_II = Source(AMELUNXEN2014, "Theorem II", "from memory")
TAILS = Source(MCCOY2014, "concentration of the intrinsic volumes", "from memory; proved on this page")


class Params(Parameters):
    """The sizes."""

    d: int = Field(60, ge=4, le=400, description="length of the signal; k is a share of it")
    large_d: int = Field(80, ge=4, le=2000, description="the same in the family of Theorem II")
    large_k: int = Field(15, ge=1, le=1000, description="non-zeros in the family of Theorem II, fewer than large_d")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """A (B, d, d), whose first m rows are the m-th matrix; signs (1, d), ones on the first k places, which the law of A
    does not see; g (B, VECTORS, d); m (B,) uniform on 0, ..., d - 1, or -1 where none is drawn."""
    d, k = p.d, p.d - 1
    if family == LARGE:
        d, k = p.large_d, min(p.large_k, p.large_d - 1)
    elif family == SMALLEST:
        d, k = 2, 1
    elif family != ALMOST_ALL:
        k = max(1, int(SHARES[family] * d))
    m = draw.full(-1.0) if family in (LARGE, ALMOST_ALL) else draw.whole(0, d)
    signs = draw.backend.asarray([[1.0] * k + [0.0] * (d - k)])
    return {"A": draw.normal(d, d), "signs": signs, "g": draw.normal(VECTORS, d), "m": m}


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """On which side of the threshold m lies, and whether Theorem II says anything."""
    xp = namespace(x["m"])
    m, known = x["m"], _known(x)
    d = x["signs"].shape[-1]
    reach = (8 * math.log(8) * d) ** 0.5
    low, high = known.upper - known.loss - reach, known.upper + reach
    return {
        GRID: m,
        ABOVE: m - known.upper,
        BELOW: xp.where(m > 0, known.upper - known.loss - m, xp.full_like(m, -1.0)),
        MEANINGFUL: xp.full_like(m, min(low, d - high)),
    }


def _known(x: Any) -> widths.L1Dimension:
    xp = namespace(x["signs"])
    return widths.l1_dimension(x["signs"].shape[-1], round(float(xp.sum(xp.abs(x["signs"][0, :])))))


def _quantities(x: Any, critical: Any, projected: Any) -> dict[str, Any]:
    """The named quantities from m_* (B,) and P_C(g) (B, VECTORS, d)."""
    xp = namespace(critical)
    known, d = _known(x), x["signs"].shape[-1]
    loss = widths.distance_square(x["signs"], x["g"], known.tau) - dot(projected, projected)
    fails = xp.where(x["m"] < critical, xp.ones_like(critical), xp.zeros_like(critical))
    fails = xp.where(xp.isnan(critical), critical, fails)

    def number(value: float) -> Any:
        return xp.full((1,), value, dtype=critical.dtype, device=critical.device)

    return {
        "critical": critical,
        "dimension": known.upper - xp.mean(loss, axis=-1),
        "fails": fails,
        "succeeds": 1 - fails,
        "area": d * fails,
        "m": x["m"],
        "psi": number(known.upper),
        "l": number(known.loss),
        "d": number(d),
        "k": xp.sum(xp.abs(x["signs"]), axis=-1),
    }


def solve(p: Params, x: Any) -> dict[str, Any]:
    """The critical numbers by certified bisection."""
    xp = namespace(x["A"])
    signs = xp.broadcast_to(x["signs"], x["A"].shape[::2])
    critical = recovery.critical_number(x["A"], signs, round(_known(x).upper))
    return _quantities(x, critical, L1DescentCone(x["signs"]).project(x["g"]))


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same from one instance by linear programs and projections by bisection."""
    import numpy as np

    A, signs = x["A"][0], x["signs"][0]
    low, high = 0, len(signs)
    while high - low > 1:
        middle = (low + high) // 2
        success = recovery.recovered_reference(A[:middle], signs)
        low, high = (low, middle) if success else (middle, high)
    projected = np.stack([l1_cone_reference(g, signs) for g in x["g"][0]])[None]
    return _quantities(x, np.asarray([float(high)]), projected)


def permute(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The coordinates of the signal in another order."""
    d = x["signs"].shape[-1]
    order = draw.shared.subset(d, d)[0, :]
    take = namespace(x["A"]).take
    return {**x, **{name: take(x[name], order, axis=-1) for name in ("A", "signs", "g")}}


def rescale(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The measurements a quarter as large."""
    return {**x, "A": x["A"] / 4}


THEOREM = Theorem(
    "phase_transition",
    "Exact recovery by l1 minimisation sets in at the statistical dimension",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    families={
        **{name: f"{float(100 * share):.3g} % of the entries are not zero" for name, share in SHARES.items()},
        ALMOST_ALL: "the narrowest transition: m_* is d or d - 1",
        SMALLEST: "m_* is 1 or 2, each for half of all A: a tenth of the half row shows",
        LARGE: "large enough for Theorem II to say something",
    },
    shares={SMALLEST: 5.0},
    instances=11350,
    batch=400,
    claims=(
        Claim("E m_* = delta + 1/2", Mean(), "critical", Formula("dimension + 1 / 2"), relation="=="),
        Claim("E m_* <= d psi + 1/2", Mean(), "critical", Formula("psi + 1 / 2")),
        Claim("E m_* >= d psi - l + 1/2", Mean(), "critical", Formula("psi - l + 1 / 2"), relation=">="),
        Claim("failures over all m", Mean(), "area", Formula("psi + 1 / 2"), (GRID,)),
        Claim("failures above", Mean((-1, 1)), "fails", TAIL.where(delta="psi"), (ABOVE,), source=TAILS),
        Claim("successes below", Mean((-1, 1)), "succeeds", TAIL.where(delta="(psi - l)"), (BELOW,), source=TAILS),
        Claim("half recover at delta + sigma + 1", Probability(0.5), "critical", Formula(f"psi + {SIGMA} + 1")),
        Claim(
            "half fail below delta - sigma", Probability(0.5), "critical", Formula(f"psi - l - {SIGMA}"), relation=">="
        ),
        Claim(
            "Theorem II: recovery",
            Probability(0.5),
            "critical",
            Formula(f"psi + {ALMT}"),
            (MEANINGFUL,),
            source=THEOREM_II,
        ),
        Claim(
            "Theorem II: failure",
            Probability(0.5),
            "critical",
            Formula(f"psi - l - {ALMT}"),
            (MEANINGFUL,),
            relation=">=",
            source=THEOREM_II,
        ),
        control(
            "E m_* = delta",
            Mean(),
            "critical",
            Formula("dimension"),
            (),
            "half a row more is needed: the Gauss-Bonnet formula",
            relation="==",
        ),
        control(
            "half recover at 2k",
            Probability(0.5),
            "critical",
            Formula("2 * k"),
            (),
            "2k rows identify Z, and l1 needs more while k < d/3",
        ),
        control(
            "half fail below k log d",
            Probability(0.5),
            "critical",
            Formula("k * log(d)"),
            (),
            "the right order, and too large as a threshold as soon as k is not small beside d",
            relation=">=",
        ),
    ),
    sources=(
        THEOREM_II,
        TAILS,
        Source(GIRYES2019, "slide 'PGD convergence rate'", "implicit: m against the squared width"),
        Source(OURS, "the mean, above", "a corollary of the conic kinematic formula"),
    ),
    symbols={
        "critical": ("m_*", "smallest number of rows that recover"),
        "dimension": (r"\hat\delta", "unbiased estimate of the statistical dimension"),
        "fails": (r"1[m_*>m]", "whether m rows fail"),
        "succeeds": (r"1[m_*\leq m]", "success with m rows"),
        "area": (r"d\cdot1[m_*>m]", "d where m rows fail"),
        "m": ("m", "number of rows, uniform on 0, ..., d - 1"),
        "psi": (r"d\psi", "upper bound of the statistical dimension"),
        "l": (r"\ell", "what it can be too large by"),
        "d": ("d", "length of the signal"),
        "k": ("k", "non-zeros of the signal"),
    },
    figures=(
        Figure(
            "transition",
            "heat",
            ("failures over all m",),
            "Success of recovery over (k, m): it sets in at the statistical dimension, drawn as its upper bound and a "
            "half row.",
            x="non-zeros k",
            y="rows m",
            against="k",
            across="m",
            colour="succeeds",
        ),
        Figure(
            "critical",
            "ladder",
            ("E m_* <= d psi + 1/2", "half recover at delta + sigma + 1"),
            "The critical number of rows, its mean and range, against d psi: the mean is on the line.",
            x="d psi(k/d)",
            y="rows",
            against="psi",
        ),
    ),
    invariances={"permute coordinates": permute, "rescale": rescale},
    sharper=tuple(
        sharper
        for name, sign in (("Theorem II: recovery", "+"), ("Theorem II: failure", "-"))
        for sharper in (
            Sharper(
                name,
                "the tails at m <= d are at most exp(-(m - delta)^2/(4 d)) = 1/64, and no m is above d",
                delta=1 / 64,
                given=(),
            ),
            Sharper(
                name,
                "Cantelli's inequality: the claims of half",
                Formula(f"psi + {SIGMA} + 1" if sign == "+" else f"psi - l - {SIGMA}"),
                given=(),
            ),
        )
    ),
    not_tested=("d above 80 in the default run",),
)
