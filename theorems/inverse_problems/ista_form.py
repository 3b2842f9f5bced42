r"""Which objective iterative shrinkage minimises, and when it stands still.

Let $`F(z)=\tfrac12\lVert X-Az\rVert^2+\lambda\lVert z\rVert_1`$ and, for a step $`\mu>0`$,

```math
T(z)=\psi_{\lambda\mu}\bigl(z+\mu A^T(X-Az)\bigr),\qquad\psi_\tau(u)=\mathrm{sign}(u)(|u|-\tau)_+ .
```

**Theorem.** $`z=T(z)`$ if and only if $`z`$ minimises $`F`$, if and only if
$`A_i^T(X-Az)=\lambda\,\mathrm{sign}z_i`$ on the support of $`z`$ and $`|A_i^T(X-Az)|\le\lambda`$ off it. In numbers,
with $`g(z)`$ the smallest subgradient of $`F`$ at $`z`$: for all $`z`$, $`v`$ and $`\mu>0`$

```math
\lVert z-T(z)\rVert\le\mu\lVert g(z)\rVert,\qquad F(z)\le F(v)+\lVert g(z)\rVert\lVert z-v\rVert,
```

and when $`\mu\le2/\lVert A\rVert^2`$

```math
\mu\lVert g(T(z))\rVert\le\lVert z-T(z)\rVert,\qquad\lVert T(v)-z\rVert\le\lVert v-z\rVert+\lVert z-T(z)\rVert .
```

*Proof.* $`\psi_\tau`$ is the proximal map of $`\tau\lVert\cdot\rVert_1`$ and moves no two points apart. With
$`\nabla`$ the gradient of the quadratic and $`s`$ a subgradient of $`\lambda\lVert\cdot\rVert_1`$ at $`z`$,
$`z=\psi_{\lambda\mu}(z+\mu s)`$ and $`T(z)=\psi_{\lambda\mu}(z-\mu\nabla)`$, so
$`\lVert z-T(z)\rVert\le\mu\lVert s+\nabla\rVert`$; take the smallest. The second is convexity. Optimality of $`T(z)`$
says that $`(\tfrac1\mu I-A^TA)(z-T(z))`$ is a subgradient of $`F`$ there, and the norm of that matrix is at most
$`1/\mu`$. Last, $`I-\mu A^TA`$ moves no two points apart, so $`T`$ does not. $`\square`$

The first and the third together are the equivalence, in a form that a computation can check: no tolerance says what
counts as standing still. They are equalities where no entry changes its sign and $`A^TA(z-T(z))`$ vanishes, and so is
the second for $`v`$ on the way from $`z`$ to $`T(z)`$.

**Certificate.** Any $`w`$ with $`\lVert A^Tw\rVert_\infty\le\lambda`$ has
$`w^TX-\tfrac12\lVert w\rVert^2\le F(v)`$ for every $`v`$ (weak duality); a multiple of the residual at $`z`$ is such a
$`w`$.

**What the slides say.** (a) That the iteration solves $`\min\lVert X-AZ\rVert^2+\lambda\lVert Z\rVert_1`$: a factor 2
is lost. For $`A=X=1`$, $`\lambda=\tfrac12`$ that objective is least at 0.75, and the iteration stands still at 0.5.
With $`2\lambda`$ in the objective (or $`\tfrac12`$ before the square) it is right; the family of solutions over all
$`\lambda`$ is the same. (b) That shrinkage is $`\arg\min_{\tilde Z}\lVert U-\tilde Z\rVert+\lambda f(\tilde Z)`$:
squares are left out, as in other places of the slides. As printed, in one dimension, the map returns $`U`$ for
$`\lambda<1`$ and 0 for $`\lambda>1`$. Right is $`\tfrac12\lVert U-\tilde Z\rVert^2+\lambda f(\tilde Z)`$. (c) Theorem
9 has $`A\in\mathbb R^{d\times m}`$, everywhere else $`A\in\mathbb R^{m\times d}`$. (d) A figure shows the error
$`\lVert z^t-Z\rVert`$ against $`t`$. That error need not fall: only the objective and the distance to a minimiser do.

Kind: inequalities for every instance, which together say that two sets are equal.

**Not covered.** Penalties other than the 1-norm; how fast the iteration gets there (see `ista_rate`).
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from pydantic import Field

from theorems.bibliography import BECK2009, GIRYES2019, OURS
from theorems.inverse_problems import _lasso as instances
from verify import Claim, Enclosure, Every, Figure, Formula, Parameters, Source, Theorem, control, misreading
from verify.core.arrays import dot, eps, matvec, namespace, norm1, norm2, rmatvec, spectral_norm
from verify.kit import shrinkage

OBJECTIVE = Source(GIRYES2019, "slide 'l1 minimization case'")
PROXIMAL = Source(GIRYES2019, "slide 'LISTA' (the second)")
SHORT = "mu <= 2/|A|^2"


class Params(Parameters):
    """Sizes of the random families; the scalar one has its own."""

    d: int = Field(30, ge=2, le=4096, description="length of the signal")
    m: int = Field(20, ge=1, le=4096, description="number of measurements")
    k: int = Field(4, ge=1, le=4096, description="non-zeros of the signal or the minimiser")
    steps: int = Field(50, ge=1, le=2000, description="iterations whose distances are measured")
    noise: float = Field(0.3, ge=0, le=100, description="standard deviation of the noise in the family 'noisy'")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """A (B, m, d), X (B, m), lam and mu (B,); a point z, a point v to compare with, a start and the signal (B, d)."""
    if family == "scalar":
        return _scalar(draw)
    if family == "flat":
        return _flat(draw)
    G = draw.normal(p.m, p.d)
    x = instances.with_minimiser(draw, G, min(p.k, p.d))
    if family == "noisy":
        signal = x["z"]
        x = {**x, "A": G, "X": matvec(G, signal) + p.noise * draw.normal(p.m), "lam": draw.full(0.1)}
    else:
        signal = x["z"]
    if family == "any point":
        x["z"] = x["z"] * draw.coin()[:, None] + draw.normal(p.d) * draw.log_uniform(1, low=1e-6, high=1.0)
        reach = draw.log_uniform(low=0.1, high=10.0)
    else:
        reach = draw.full(1.0) if family == "noisy" else draw.choose((0.5, 1.0, 1.9))
    v = x["z"] + draw.log_uniform(1, low=1e-3, high=1.0) * draw.normal(p.d)
    mu = reach / spectral_norm(x["A"]) ** 2
    return {**x, "mu": mu, "v": v, "start": draw.full(0.0, p.d), "signal": signal}


def _scalar(draw: Any) -> dict[str, Any]:
    """A = 1, lambda = 1/2, z = X - 1/2 the minimiser of F, v = X - 1/4 that of the slide's objective; X = 1 by hand."""
    X = 1 + draw.coin()[:, None] * draw.uniform(1)
    return {
        "A": draw.full(1.0, 1, 1),
        "X": X,
        "lam": draw.full(0.5),
        "mu": draw.choose((0.5, 1.0)),
        "z": X - 0.5,
        "v": X - 0.25,
        "start": draw.full(0.0, 1),
        "signal": 1.0 * X,
    }


def _flat(draw: Any) -> dict[str, Any]:
    """A = (0 1), X = 0: on the zero column F is lambda |z_1|, here at z and at a v between z and 0, or beside it."""
    first = draw.xp.stack([draw.full(1.0), draw.full(0.0)], axis=-1)
    z = draw.log_uniform(low=0.1, high=100.0)[:, None] * first
    beside = draw.coin() * draw.log_uniform(low=1e-6, high=0.1)
    return {
        "A": 1 - first[:, None, :],
        "X": draw.full(0.0, 1),
        "lam": draw.log_uniform(low=0.01, high=10.0),
        "mu": draw.choose((0.5, 1.0, 1.9)),
        "z": z,
        "v": z * draw.uniform(1) + beside[:, None] * (1 - first),
        "start": draw.full(0.0, 2),
        "signal": 1.0 * z,
    }


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """The step against the spectral norm, with what the norm may be wrong by."""
    norm = spectral_norm(x["A"]) ** 2 * (1 + instances.norm_rounding(x["A"]))
    return {"mu > 0": x["mu"], SHORT: 2 - x["mu"] * norm}


def _measure(x: Any, iterates: Any, after: Any, lazy: Any, residual: Any, residual_after: Any) -> dict[str, Any]:
    """The quantities of the claims. after = T(z), lazy = T(z) with the threshold lambda, and the smallest subgradients
    at z and after."""
    xp = namespace(x["X"])
    A, X, lam, mu, z, v = (x[name] for name in ("A", "X", "lam", "mu", "z", "v"))
    one = shrinkage.step_rounding(A, X, lam, 1 / mu, xp.maximum(norm2(z), norm2(after)))
    walk = shrinkage.step_rounding(A, X, lam, 1 / mu, xp.maximum(norm2(z), xp.max(norm2(iterates), axis=-1)))
    points = xp.stack([z, v], axis=1)

    def value(weight: Any) -> tuple[Enclosure, Enclosure]:
        """F with another weight of the 1-norm, at z and at v."""
        radius = shrinkage.objective_rounding(A, X, weight, points)
        both = Enclosure.around(shrinkage.objectives(A, X, weight, points), radius)
        return both.each(lambda f: f[:, 0]), both.each(lambda f: f[:, 1])

    here, there = value(lam)
    slide_here, slide_there = value(lam / 2)
    U, tau = z + mu[:, None] * rmatvec(A, X - matvec(A, z)), lam * mu
    off = U - after
    slope = norm2(residual)
    distance = norm2(iterates - z[:, None, :])
    error = norm2(iterates - x["signal"][:, None, :])

    def about(a: Any) -> Enclosure:
        """A norm or a sum of d terms, rounded."""
        return Enclosure.around(a, 2 * (A.shape[-1] + 8) * eps(X) * xp.abs(a))

    return {
        "mu": mu,
        "fixed": norm2(z - after),
        "lazy": norm2(z - lazy),
        "kkt": slope,
        "kkt_after": norm2(residual_after),
        "slope": Enclosure(slope, xp.maximum(slope - one / mu, 0 * slope), slope + one / mu),
        "apart": about(norm2(z - v)),
        "here": here,
        "there": there,
        "slide_here": slide_here * 2,
        "slide_there": slide_there * 2,
        "twice_here": here * 2,
        "twice_there": there * 2,
        "dual": shrinkage.dual_lower_bound(A, X, lam, z),
        "prox": about(dot(off, off) / 2 + tau * norm1(after)),
        "prox_v": about(dot(U - v, U - v) / 2 + tau * norm1(v)),
        "step_v": about(norm2(after - v)),
        "printed": about(norm2(off) + tau * norm1(after)),
        "printed_U": about(tau * norm1(U)),
        "distance": distance[:, 1:],
        "distance_before": distance[:, :-1],
        "error": error[:, 1:],
        "error_before": error[:, :-1],
        # Two computed steps or subgradients are compared; the rest is the rounding of their norms.
        "delta": 4 * one,
        "walk_delta": 4 * walk,
        "prox_delta": 4 * one * (norm2(U) + norm2(v) + A.shape[-1] ** 0.5 * tau),
    }


def solve(p: Params, x: Any) -> dict[str, Any]:
    """One step from z, the subgradients, and the trajectory from the start, from the batched kernels."""
    data = (x["A"], x["X"], x["lam"])
    L = 1 / x["mu"]
    after = shrinkage.proximal_step(*data, L, x["z"])
    lazy = shrinkage.proximal_step(x["A"], x["X"], x["lam"] * L, L, x["z"])
    iterates = shrinkage.trajectory(shrinkage.ista(*data, L, x["start"]), x["start"], p.steps)
    residuals = (shrinkage.kkt_residual(*data, z) for z in (x["z"], after))
    return _measure(x, iterates, after, lazy, *residuals)


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same for one instance: steps in Gram form, subgradients entry by entry."""
    import numpy as np

    A, X, lam = x["A"][0], x["X"][0], float(x["lam"][0])
    L = 1 / float(x["mu"][0])

    def step(z: Any) -> Any:
        return instances.step_reference(x, L, z[0])[None]

    def residual(z: Any) -> Any:
        found = []
        for a, entry in zip(A.T, z[0], strict=True):
            slope = float(a @ (A @ z[0] - X))
            nearest = -lam * np.sign(entry) if entry else float(np.clip(slope, -lam, lam))
            found.append(slope - nearest)
        return np.asarray([found])

    def iterates() -> Any:
        z = x["start"]
        while True:
            z = step(z)
            yield z

    after = step(x["z"])
    lazy = instances.step_reference({**x, "lam": x["lam"] * L}, L, x["z"][0])[None]
    path = np.stack([x["start"], *islice(iterates(), p.steps)], axis=1)
    return _measure(x, path, after, lazy, residual(x["z"]), residual(after))


POINTS = ("z", "v", "start", "signal")


def flip(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Some coordinates of the signal negated. Nothing is rounded otherwise, so that even what is rounding alone, the
    step from a minimiser, keeps its ratio; another order of the coordinates would change it."""
    s = draw.shared.sign(x["z"].shape[-1])
    return {**x, "A": x["A"] * s[:, None, :], **{name: x[name] * s for name in POINTS}}


def rescale(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Points and data four times, the matrix twice as large."""
    scaled = {"A": 2 * x["A"], "X": 8 * x["X"], "lam": 16 * x["lam"], "mu": x["mu"] / 4}
    return {**x, **scaled, **{name: 4 * x[name] for name in POINTS}}


THEOREM = Theorem(
    "ista_form",
    "Iterative shrinkage stands still exactly at the minimisers of the LASSO",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    families={
        "minimiser": "z the minimiser, known by construction",
        "any point": "z anywhere, near a minimiser or far, and steps up to ten times the usual one",
        "noisy": "z the signal, the data noisy: the iterates come near it and leave",
        "scalar": "one measurement of one number: the slides' objectives by hand",
        "flat": "the objective is linear between z and v, or nearly: the inequalities are equalities",
    },
    shares={"scalar": 0.5},
    instances=7000,
    claims=(
        Claim("standing still: at most mu |g|", Every(), "fixed", Formula("mu * kkt + delta"), ("mu > 0",)),
        Claim(
            "after a step mu |g| is at most its length",
            Every(),
            "kkt_after",
            Formula("(fixed + delta) / mu"),
            ("mu > 0", SHORT),
        ),
        Claim("no better point than |g| allows", Every(), "here", Formula("there + slope * apart")),
        Claim("the dual value is below every objective value", Every(), "dual", Formula("there")),
        Claim(
            "no step leads away from a minimiser",
            Every(),
            "distance",
            Formula("distance_before + fixed + walk_delta"),
            ("mu > 0", SHORT),
        ),
        Claim(
            "slide, the norm squared and halved",
            Every(),
            "prox",
            Formula("prox_v - step_v**2 / 2 + prox_delta"),
            ("mu > 0",),
            origin="giryes2019",
            source=PROXIMAL,
        ),
        Claim(
            "slide, with 2 lambda in the objective",
            Every(),
            "twice_here",
            Formula("twice_there + 2 * slope * apart"),
            origin="giryes2019",
            source=OBJECTIVE,
        ),
        misreading(
            "slide: lambda in the objective",
            Every(),
            "slide_here",
            Formula("slide_there + 2 * slope * apart"),
            (),
            source=OBJECTIVE,
            grade="misprint",
            reading="where the iteration with threshold lambda mu stands still, |X - AZ|^2 + lambda |Z|_1 is least",
            because="the gradient of the square is 2 A^T(AZ - X): half of it must be balanced by lambda",
            holds_when="1/2 stands before the square, or 2 lambda before the norm: the path over lambda is the same",
        ),
        misreading(
            "slide: the norm not squared",
            Every(),
            "printed",
            Formula("printed_U + prox_delta"),
            ("mu > 0",),
            source=PROXIMAL,
            grade="loose",
            reading="psi(U) minimises |U - Z| + lambda f(Z)",
            because="with small lambda nothing is gained by leaving U: the map would return U itself",
            holds_when="the norm is squared and halved; the slides leave squares out in other places too",
        ),
        control(
            "threshold lambda in place of lambda mu",
            Every(),
            "lazy",
            Formula("mu * kkt + delta"),
            ("mu > 0",),
            "it stands still at the minimiser for lambda / mu",
        ),
        control(
            "the error never increases",
            Every(),
            "error",
            Formula("error_before + walk_delta"),
            ("mu > 0", SHORT),
            "the objective says nothing of the distance to the signal: iterates fit the noise in the end",
        ),
    ),
    sources=(
        Source(BECK2009, "Section 1.2 and Lemma 2.3", "from memory; proved on this page"),
        OBJECTIVE,
        PROXIMAL,
        Source(OURS, "the inequalities, above"),
    ),
    symbols={
        "mu": (r"\mu", "step size"),
        "lam": (r"\lambda", "weight of the 1-norm"),
        "start": ("z^0", "start"),
        "signal": ("Z", "signal"),
        "fixed": (r"\lVert z-T(z)\rVert", "how far a step leads"),
        "lazy": (r"\lVert z-\psi_\lambda(\dots)\rVert", r"the same with the threshold $`\lambda`$"),
        "kkt": (r"\lVert g(z)\rVert", r"smallest subgradient of $`F`$ at $`z`$"),
        "kkt_after": (r"\lVert g(T(z))\rVert", "smallest subgradient after a step"),
        "slope": (r"\lVert g(z)\rVert", "the same, enclosed"),
        "apart": (r"\lVert z-v\rVert", "distance of the two points"),
        "here": ("F(z)", "objective at the point"),
        "there": ("F(v)", "objective at the other point"),
        "slide_here": (r"\lVert X-Az\rVert^2+\lambda\lVert z\rVert_1", "the slide's objective"),
        "slide_there": (r"\lVert X-Av\rVert^2+\lambda\lVert v\rVert_1", "the same at the other point"),
        "twice_here": (r"\lVert X-Az\rVert^2+2\lambda\lVert z\rVert_1", "the slide's objective, with $`2\\lambda`$"),
        "twice_there": (r"\lVert X-Av\rVert^2+2\lambda\lVert v\rVert_1", "the same at the other point"),
        "dual": (r"w^TX-\tfrac12\lVert w\rVert^2", "dual value of a multiple of the residual, rounded down"),
        "prox": (
            r"\tfrac12\lVert U-\psi_\tau(U)\rVert^2+\tau\lVert\psi_\tau(U)\rVert_1",
            r"what shrinkage minimises, $`U=z+\mu A^T(X-Az)`$ and $`\tau=\lambda\mu`$",
        ),
        "prox_v": (r"\tfrac12\lVert U-v\rVert^2+\tau\lVert v\rVert_1", "the same at the other point"),
        "step_v": (r"\lVert\psi_\tau(U)-v\rVert", "distance of the other point from the shrunken one"),
        "printed": (
            r"\lVert U-\psi_\tau(U)\rVert+\tau\lVert\psi_\tau(U)\rVert_1",
            "what the slide says shrinkage minimises",
        ),
        "printed_U": (r"\tau\lVert U\rVert_1", r"the same at $`U`$"),
        "distance": (r"\lVert z^t-z\rVert", "distance of the iterate from the point"),
        "distance_before": (r"\lVert z^{t-1}-z\rVert", "distance one step earlier"),
        "error": (r"\lVert z^t-Z\rVert", "distance of the iterate from the signal"),
        "error_before": (r"\lVert z^{t-1}-Z\rVert", "distance one step earlier"),
        "delta": (r"\delta", "rounding of a step and of a subgradient"),
        "walk_delta": (r"\delta''", "rounding of a step of the iteration and of a distance"),
        "prox_delta": (r"\delta'", "rounding of what shrinkage minimises"),
    },
    figures=(
        Figure(
            "error",
            "curves",
            ("the error never increases",),
            "Distance to the signal with noisy data: it falls, and rises again while the objective goes on falling.",
            x="iteration t",
            y="distance from the signal",
            family="noisy",
        ),
        Figure(
            "cloud",
            "cloud",
            ("standing still: at most mu |g|",),
            "How far a step leads against the smallest subgradient: near a minimiser the two agree.",
            x="mu |g(z)|",
            y="|z - T(z)|",
        ),
    ),
    invariances={"flip signs": flip, "rescale": rescale},
    not_tested=("penalties other than the 1-norm",),
)
