r"""Exact against inexact projected gradient descent: faster at first, overtaken later, and by how much.

The two iterations start at 0 with $`X=AZ`$, $`\mu=1/\|A\|^2`$, $`K=\{\|z\|_1\le\|Z\|_1\}`$ and a projector $`P`$ that
keeps $`q`$ of $`d`$ coordinates,

```math
z^{t+1}=\phi_K\big(z^t+\mu A^T(X-Az^t)\big),\qquad\hat Z^{t+1}=\phi_K\big(P(\hat Z^t+\mu A^T(X-A\hat Z^t))\big),
```

with the rates $`\rho=\sup u^TMv`$ and $`\rho_P=\sup u^TPMPv`$ over unit vectors of the descent cone $`C`$ at $`Z`$. One
non-zero of $`Z`$ is outside the range of $`P`$: $`\epsilon=\|(I-P)Z\|/\|Z\|`$.

**Statements.** (1) *Floor.* $`\|\hat Z^t-Z\|\ge\epsilon\|Z\|`$ for every $`t\ge1`$. (2) *Order of the rates.* If $`P`$
keeps the support of $`Z`$, then $`\rho_P\le\rho`$. (3) *Race.* For Gaussian $`A`$ with $`m<d`$ the inexact iteration is
ahead at $`t=20`$, and behind in the end. (4) Its error ends between $`\epsilon\|Z\|`$ and $`2\epsilon\|Z\|`$.

*Proof of (1), (2).* $`P`$ maps $`K`$ into $`K`$, so iterates lie in the range of $`P`$ (see `ipgd`), and no point of it
is nearer to $`Z`$ than $`PZ`$. If $`P`$ keeps the support then $`PC\subseteq C`$, as dropping entries off the support
only lowers $`\|h_{S^c}\|_1`$, and $`u^TPMPv\le\rho\|Pu\|\|Pv\|`$. $`\square`$ (3) and (4) are observations at the sizes
below, decided over the draw of $`A`$ and $`Z`$; they are none of every $`A`$. With a hundredth of a column that $`P`$
drops, $`\rho`$ nears 1 though the iteration hardly sees it, and the errors cross before the bounds. With five times the
column of the entry that $`P`$ drops, the inexact error ends above twice $`\epsilon\|Z\|`$ in half of the draws. When
$`P`$ drops an entry of the support, (2) is an observation too, compared by ascent values.

**What the slide says.** "Convergence rate comparison" of the tutorial reads

```math
\rho_P^t+\frac{1-\rho_P^t}{1-\rho_P}(2+\rho_P)\epsilon\overset{(a)}\approx\rho_P^t+\epsilon
\overset{(b)}\approx\rho_P^t\overset{(c)}\ll\rho^t ,
```

(a) as $`\epsilon`$ is negligible against $`\rho_P`$, (b) for small $`t`$, (c) as $`\rho_P\ll\rho`$. In (a) a factor is
dropped: $`\frac{2+\rho_P}{1-\rho_P}`$ is at least 2, and 59 at $`\rho_P=0.95`$. So $`\rho_P^t+\epsilon`$ is neither
near the bound nor a bound itself; as an estimate of the error that is *seen* it is right within a factor of 2. (b) is
right at $`t=20`$. (c) is not seen at these sizes: rates such as 0.95 against 0.97, so at $`t=20`$ a factor below 2. The
gain is a factor in the number of iterations, between one and two, not an order.

**How it is checked.** The errors are enclosed: steps are nonexpansive for $`\mu\le1/\|A\|^2`$, so rounding adds up to
at most $`t\delta`$. Of the rates the *ascent value* is attained by vectors of the cone; the upper end is the norm, or
in the small family the certificate of `pgd_rho`. *Refuted* is decided with ends that are certain. Kind: comparison,
paired draw by draw; inequality at every step.

**Not covered.** Other projectors (see `ipgd`); noise; how the rates depend on the width of $`PC`$.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from theorems.bibliography import GIRYES2018, GIRYES2019, OURS
from verify import (
    Claim,
    Comparison,
    Enclosure,
    Every,
    Figure,
    Formula,
    Parameters,
    Probability,
    Source,
    Theorem,
    control,
)
from verify.core.arrays import eps, matvec, namespace, norm1, norm2, rmatvec, to_numpy
from verify.kit import descent, rho
from verify.kit.cones import L1DescentCone, l1_cone_reference
from verify.kit.projections import l1_ball, l1_ball_reference

SLIDE = Source(GIRYES2019, "slide 'Convergence rate comparison'")

SMALL = 8  # length of the signal where rates are certified by the relaxation
SIZES = {  # d, m, q, epsilon
    "d = 200, m = 80, eps = 0.02": (200, 80, 40, 0.02),
    "d = 200, m = 80, eps = 0.1": (200, 80, 40, 0.1),
    "d = 200, m = 150, eps = 0.02": (200, 150, 40, 0.02),
    "d = 400, m = 120, eps = 0.02": (400, 120, 60, 0.02),
    "m = 6d": (60, 360, 20, 0.1),
    "small": (SMALL, 5, 5, 0.1),
    "P keeps the support": (SMALL, 5, 5, 0.0),
    "a short column": (24, 120, 10, 0.02),
    "a long column": (24, 60, 16, 0.05),
}
SCALES = {"a short column": 0.01, "a long column": 5.0}  # of the last column, and of that of the entry outside
RACE, TALL, KEPT = "m < d, d at least 200", "M is a contraction", "P keeps the support"
EARLY = 20  # the step at which the slide's "small t" is taken


class Params(Parameters):
    """The signal and the length of the runs."""

    k: int = Field(6, ge=2, le=12, description="non-zeros of the signal, one of them outside the range of P")
    steps: int = Field(300, ge=20, le=5000, description="iterations t = 1..steps")
    starts: int = Field(6, ge=1, le=256, description="starts of the ascent")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """A (B, m, d); Z (B, d); kept (1, d), the diagonal of P; starts (B, S, d) of the ascents."""
    d, m, q, size = SIZES[family]
    k = 3 if d == SMALL else p.k
    xp = draw.xp
    inside = draw.sign(k - 1) * draw.uniform(k - 1, low=0.3, high=1.0)
    last = draw.sign(1) * (size / (1 - size**2) ** 0.5) * norm2(inside)[:, None]
    Z = xp.concat([inside, last, draw.full(0.0, d - k)] if size else [inside, draw.full(0.0, d - k + 1)], axis=-1)
    lost = [0.0] if size else [1.0]
    kept = [1.0] * (k - 1) + lost + [1.0] * (q - k) + [0.0] * (d - q)
    scale = [1.0] * d
    scale[d - 1 if family == "a short column" else k - 1] = SCALES.get(family, 1.0)
    return {
        "A": draw.normal(m, d) * draw.backend.asarray(scale),
        "Z": Z,
        "kept": draw.backend.asarray([kept]),
        "starts": draw.normal(p.starts, d),
    }


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """What a family is for."""
    xp, (_, m, d) = namespace(x["A"]), x["A"].shape
    one = xp.ones((1,), dtype=x["A"].dtype, device=x["A"].device)
    return {
        RACE: one * (1.0 if m < d and d >= 200 else -1.0),
        TALL: one * (1.0 if m >= 6 * d else -1.0),
        KEPT: -norm2(x["Z"] * (1 - x["kept"])),
    }


def _quantities(x: Any, exact: Any, inexact: Any, rate: Enclosure, rate_P: Enclosure) -> dict[str, Any]:
    """The named quantities from two trajectories (B, T + 1, d) and two rates."""
    xp = namespace(x["A"])
    A, Z = x["A"], x["Z"]
    L = descent.largest_eigenvalue_of_gram(A)
    size = norm2(Z)[:, None]
    t = xp.arange(1, exact.shape[1], dtype=A.dtype, device=A.device)[None, :]

    def error(iterates: Any) -> Enclosure:
        delta = descent.step_rounding(A, 1 / L, L, iterates, Z, xp.zeros_like(A[:, :, 0]))
        radius = t * delta[:, None] / size + 8 * A.shape[-1] * eps(A)
        return Enclosure.around(norm2(iterates[:, 1:, :] - Z[:, None, :]) / size, radius)

    seen, seen_P = error(exact), error(inexact)
    epsilon = norm2(Z * (1 - x["kept"])) / size[:, 0]
    low, low_P = rate.lower[:, None], rate_P.lower[:, None]
    geometric = (1 - low_P**t) / (1 - low_P)
    printed = low_P**t + geometric * (2 + low_P) * epsilon[:, None]
    return {
        "exact": seen,
        "inexact": seen_P,
        "exact_early": seen.each(lambda e: e[:, EARLY - 1]),
        "inexact_early": seen_P.each(lambda e: e[:, EARLY - 1]),
        "plateau": seen_P.each(lambda e: e[:, -1]),
        "epsilon": epsilon,
        "t": t,
        "rho": rate,
        "rho_P": rate_P,
        "attained": rate.lower,
        "attained_P": rate_P.lower,
        "early_P": rate_P.each(lambda r: r**EARLY),
        "printed": printed,
        "crossing": _first(seen_P.value > seen.value, A.dtype),
        "crossing_bounds": _first(printed > low**t, A.dtype),
    }


def _first(over: Any, dtype: Any) -> Any:
    """The first step, counted from 1, at which ``over`` (B, T) is true; T + 1 where it never is: (B,)."""
    xp = namespace(over)
    steps = xp.arange(1, over.shape[1] + 1, device=over.device)[None, :]
    first = xp.min(xp.where(over, steps, xp.full_like(steps, over.shape[1] + 1)), axis=-1)
    return xp.astype(first, dtype)


def _rates(x: Any, low: Any, low_P: Any) -> tuple[Enclosure, Enclosure]:
    """The rates from values attained; upper ends are the norms, and certificates where d = SMALL."""
    xp, A = namespace(x["A"]), x["A"]
    mu = 1 / descent.largest_eigenvalue_of_gram(A)
    # The step is 1/|A|^2 up to the rounding of an eigenvalue, which moves M by as much.
    error = descent.gradient_map_rounding(A, mu) + 8 * (A.shape[-1] + A.shape[-2]) * eps(A)
    M = descent.gradient_map(A, mu)
    PMP = M * x["kept"][:, None, :] * x["kept"][:, :, None]
    found = []
    for form, value in ((M, low), (PMP, low_P)):
        lower = xp.maximum(value - error, xp.zeros_like(value))
        # 0 <= M <= I for this step, so the norm is 1 unless A has full column rank.
        upper = xp.ones_like(lower) if A.shape[-2] < A.shape[-1] else rho.norm_upper(form)
        if A.shape[-1] == SMALL:
            rows = zip(to_numpy(form), to_numpy(xp.sign(x["Z"])), strict=True)
            bounds = [rho.lifted_upper(matrix, row) * (1 + eps(A)) for matrix, row in rows]
            upper = xp.minimum(upper, xp.asarray(bounds, dtype=A.dtype, device=A.device))
        found.append(Enclosure(lower, lower, upper + error))
    return found[0], found[1]


def solve(p: Params, x: Any) -> dict[str, Any]:
    """Trajectories and ascents from the batched kernels."""
    xp, A, Z = namespace(x["A"]), x["A"], x["Z"]
    mu = 1 / descent.largest_eigenvalue_of_gram(A)
    M = descent.gradient_map(A, mu)
    kept = x["kept"]
    offset = mu[:, None] * rmatvec(A, matvec(A, Z))
    radius = norm1(Z)

    def project(z: Any) -> Any:
        return l1_ball(z, radius)

    start = xp.zeros_like(Z)
    exact = descent.projected_gradient(M, offset, project, start, p.steps)
    inexact = descent.projected_gradient(M * kept[:, :, None], offset * kept, project, start, p.steps)
    cone = L1DescentCone(xp.sign(Z))
    low, _ = rho.ascent_lower(M, cone, x["starts"], steps=60)
    low_P, _ = rho.ascent_lower(M * kept[:, None, :] * kept[:, :, None], cone, x["starts"], steps=60)
    return _quantities(x, exact, inexact, *_rates(x, low, low_P))


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same from one instance: residual-form steps, ascents one vector at a time, bisection projections."""
    import numpy as np

    A, Z, kept = x["A"][0], x["Z"][0], x["kept"][0]
    mu = 1 / float(np.linalg.norm(A, 2)) ** 2
    radius = float(norm1(Z))
    X = A @ Z
    runs = []
    for mask in (np.ones_like(kept), kept):
        iterates = [np.zeros_like(Z)]
        for _ in range(p.steps):
            z = iterates[-1]
            iterates.append(l1_ball_reference(mask * (z + mu * (A.T @ (X - A @ z))), radius))
        runs.append(np.stack(iterates)[None])

    def climb(mask: Any) -> float:
        v = x["starts"][0, 0]
        for _ in range(120):  # two half steps of the other path each
            u = l1_cone_reference(v, np.sign(Z))
            u = mask * (u / np.linalg.norm(u))
            v = mask * (u - mu * (A.T @ (A @ u)))
        return float(np.linalg.norm(l1_cone_reference(v, np.sign(Z))))

    low, low_P = (np.asarray([climb(mask)]) for mask in (np.ones_like(kept), kept))
    return _quantities(x, *runs, *_rates(x, low, low_P))


def _slide(name: str, kind: Any, measured: str, bound: str, given: str, **more: Any) -> Claim:
    """A reading of the slide."""
    return Claim(name, kind, measured, Formula(bound), (given,), origin="giryes2019", source=SLIDE, **more)


THEOREM = Theorem(
    "ipgd_compare",
    "Exact against inexact projected gradient descent: rates, floor and crossing",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    fixed=("starts",),
    families={
        **{name: f"Gaussian A, P keeps {q} coordinates" for name, (_, _, q, _) in SIZES.items()},
        "m = 6d": "Gaussian A with a norm of M below 1: rates certified by the norm",
        "a short column": "a column that P drops made short: rho is near 1, and the iteration hardly sees it",
        "a long column": "the column of the entry outside the range of P made long: it pulls the others along",
        "small": "rates certified by the semidefinite relaxation",
        "P keeps the support": "the same, epsilon = 0",
    },
    shares={"d = 400, m = 120, eps = 0.02": 0.6},
    instances=340,
    batch=16,
    claims=(
        Claim("ahead at step 20", Comparison(), "inexact_early", Formula("exact_early"), (RACE,)),
        Claim("never below epsilon", Every(), "inexact", Formula("epsilon"), (), ">="),
        Claim("ends below 2 epsilon", Probability(0.1), "plateau", Formula("2 * epsilon"), (RACE,)),
        Claim("smaller rate (ascent values)", Comparison(), "attained_P", Formula("attained"), (RACE,)),
        Claim("smaller rate, P keeps the support", Every(), "rho_P", Formula("rho"), (KEPT,)),
        Claim("the bounds cross before the errors", Comparison(), "crossing_bounds", Formula("crossing"), (RACE,)),
        _slide(
            "slide (a), as an estimate of the error",
            Probability(0.1),
            "inexact",
            "2 * (attained_P**t + epsilon)",
            RACE,
        ),
        _slide("slide (b), at step 20", Probability(0.1), "epsilon", "attained_P**20 / 2", RACE),
        _slide(
            "slide (a): near the bound",
            Every(),
            "printed",
            "2 * (attained_P**t + epsilon)",
            RACE,
            expects="refuted",
            because="the factor (2 + rho_P)/(1 - rho_P) is dropped; it is at least 2, and 59 at rho_P = 0.95",
            grade="loose",
            reading="the bound is within a factor of 2 of rho_P^t + epsilon",
            holds_when="the error that is seen is meant, not its bound",
        ),
        _slide(
            "slide (a): rho_P^t + epsilon as a bound",
            Every(),
            "inexact",
            "rho_P**t + epsilon",
            TALL,
            expects="refuted",
            because="errors of earlier steps add up, the floor is above epsilon",
            grade="loose",
            reading="the error is at most (rho_P^t + epsilon)|Z|",
            holds_when="with the factor (2 + rho_P)/(1 - rho_P), or up to a factor of 2",
        ),
        _slide(
            "slide (c): rho_P^t << rho^t",
            Every(),
            "early_P",
            "rho**20 / 10",
            RACE,
            expects="refuted",
            because="the rates are near each other: at step 20 their powers differ by a factor below 2",
            grade="loose",
            reading="at step 20 the power of rho_P is a tenth of that of rho or less",
            holds_when="<< stands for a gain in the number of iterations",
        ),
        control(
            "ahead at every step",
            Every(),
            "inexact",
            Formula("exact"),
            (RACE,),
            "the exact iteration goes on to 0, the inexact one stops at its floor",
        ),
        Claim(
            "the floor is epsilon/(1 - rho_P)",
            Every(),
            "plateau",
            Formula("epsilon / (1 - attained_P)"),
            (RACE,),
            ">=",
            origin="control",
            expects="refuted",
            because="the errors of the steps do not add up along one direction",
        ),
    ),
    sources=(
        Source(GIRYES2018, "comparison of convergence rates", "abstract read only; proved and measured here"),
        SLIDE,
        Source(OURS, "(1), (2) and their proofs, above"),
    ),
    symbols={
        "exact": (r"\lVert z^t-Z\rVert/\lVert Z\rVert", "relative error of the exact iteration"),
        "inexact": (r"\lVert\hat Z^t-Z\rVert/\lVert Z\rVert", "relative error of the inexact iteration"),
        "exact_early": (r"\lVert z^{20}-Z\rVert/\lVert Z\rVert", "the exact iteration's at step 20"),
        "inexact_early": (r"\lVert\hat Z^{20}-Z\rVert/\lVert Z\rVert", "the inexact iteration's at step 20"),
        "plateau": (r"\lVert\hat Z^T-Z\rVert/\lVert Z\rVert", "the inexact iteration's at the last step"),
        "epsilon": (r"\epsilon", r"$`\lVert(I-P)Z\rVert/\lVert Z\rVert`$"),
        "t": ("t", "iteration"),
        "rho": (r"\rho", "rate of the exact iteration, between ends that are certain"),
        "rho_P": (r"\rho_P", "rate of the inexact iteration, between ends that are certain"),
        "attained": (r"\rho_-", "ascent value of the exact rate"),
        "attained_P": (r"\rho_{P-}", "ascent value of the inexact rate"),
        "early_P": (r"\rho_P^{20}", "its power at step 20"),
        "printed": (
            r"\rho_{P-}^t+\frac{1-\rho_{P-}^t}{1-\rho_{P-}}(2+\rho_{P-})\epsilon",
            "the slide's bound at the ascent value",
        ),
        "crossing": (r"t^\star", "first step at which the exact iteration is ahead"),
        "crossing_bounds": (r"t^\star_{bounds}", "first step at which its bound is ahead"),
    },
    figures=(
        Figure(
            "race",
            "curves",
            ("ahead at every step",),
            "Relative error of the inexact iteration (measured) and of the exact one (bound): ahead at first, "
            "overtaken when it reaches its floor.",
            x="iteration t",
            y="relative error",
            family="d = 200, m = 80, eps = 0.02",
        ),
        Figure(
            "estimate",
            "curves",
            ("slide (a), as an estimate of the error", "slide (a): near the bound"),
            "The error, the slide's bound (measured: near the bound), and twice its shortened form.",
            x="iteration t",
            y="relative error",
            family="d = 200, m = 150, eps = 0.02",
        ),
        Figure(
            "floor",
            "cloud",
            ("ends below 2 epsilon", "the floor is epsilon/(1 - rho_P)"),
            "Where the inexact iteration ends: between epsilon and 2 epsilon, far below epsilon/(1 - rho_P).",
            x="bound",
            y="relative error at the last step",
        ),
    ),
    survivors={
        **{
            f"{name}: {change}": f"an observation at these sizes as the claim is one: {seen} in every draw"
            for name, seen, changes in (
                ("ends below 2 epsilon", "the last error is below 1.31 epsilon", ("* times 0.9", "a tenth of delta")),
                (
                    "slide (a), as an estimate of the error",
                    "the error is below 1.31 (rho_P^t + epsilon)",
                    ("* times 0.9", "exponent * one more", "a tenth of delta"),
                ),
                (
                    "slide (b), at step 20",
                    "epsilon is below rho_P^22/2 and rho_P^20/2.5",
                    ("* times 0.9", "* times 1.1", "exponent * one more", "a tenth of delta"),
                ),
            )
            for change in changes
        },
        "slide (a), as an estimate of the error: attained_P and epsilon exchanged": "the rates are above 1/2 here, and "
        "the error is never above that of the start",
    },
    not_tested=("other projectors and noise", "signals longer than 400 entries"),
)
