r"""Layered iterative soft thresholding solves layered basis pursuit, with the step 1/c in both places.

The pursuit is that of `layered_bp`: at layer $`i`$, with input $`b`$ (the estimate of the layer before),
$`F(\Gamma)=\frac12\|b-D_i\Gamma\|_2^2+\xi_i\|\Gamma\|_1`$. The iteration from $`\Gamma^0=0`$ is

```math
\Gamma^t=S_{\xi_i/c}\Big(\Gamma^{t-1}+\tfrac1cD_i^T\big(b-D_i\Gamma^{t-1}\big)\Big) ,\qquad
S_\beta(z)=\mathrm{sign}(z)\max(|z|-\beta,0) .
```

Write $`\hat\Gamma(b)`$ for the minimiser, $`T_i`$ for the support of $`\Gamma_i`$, and $`q_i=1-(k_i-1)\mu_i`$,
$`k_i=\|\Gamma_i\|^S_{0,\infty}`$.

**Theorem.** (A) If $`c\ge\lambda_{\max}(D_i^TD_i)`$, then
$`F(\Gamma^t)-F(\hat\Gamma)\le\frac{c\|\hat\Gamma\|_2^2}{4t}`$, and for FISTA $`\frac{2c\|\hat\Gamma\|_2^2}{(t+1)^2}`$.
(B) Let $`\hat\Gamma`$ be supported in $`T_i`$ with
$`\theta=\xi_i-\max_{j\notin T_i}|d_j^T(b-D_i\hat\Gamma)|>0`$. With $`g=F(\Gamma^t)-F(\hat\Gamma)`$,

```math
\|\Gamma^t-\hat\Gamma\|_2\le\sqrt{\frac{2g}{q_i}}+\frac{\sqrt{\mu_i(1+\mu_i)}}{q_i}\,\frac g\theta .
```

(C) If $`\hat\Gamma(b)`$ and $`\hat\Gamma(b+\delta)`$ are both supported in $`T_i`$, then
$`\|\hat\Gamma(b+\delta)-\hat\Gamma(b)\|_2\le\|\delta\|_2/\sqrt{q_i}`$. Under the hypotheses of `layered_bp` they are as
long as $`\|\delta\|_2<\varepsilon_{i-1}/3`$.

Together: after $`t`$ iterations at every layer the last estimate is within
$`\sum_ja_j\prod_{i>j}q_i^{-1/2}`$ of layered basis pursuit, $`a_j`$ being (B) at layer $`j`$ with its own input, as
long as the error that enters a layer stays below $`\varepsilon_{i-1}/3`$.

*Proof.* (A) is proved in `ista_rate` and `fista_rate` for every comparison point. (B) Let
$`h=\Gamma^t-\hat\Gamma`$, $`x=\|Dh\|`$ and $`a=\|h_{T^c}\|_1`$; the reach makes $`\frac12x^2+\theta a\le g`$. Drop the
index $`i`$. A stripe has at most $`k`$ entries of $`T`$, so $`\|D_Th_T\|^2\ge q\,\|h_T\|^2`$, an atom off $`T`$ has a
projection of at most $`\mu\sqrt{k/q}`$ onto the span of $`D_T`$, hence $`\sqrt q\,\|h_T\|\le x+\mu\sqrt{k/q}\,a`$, and

```math
x^2\ge q\,\|h_T\|^2-2\mu\sqrt k\,\|h_T\|\,a+(1+\mu)\|h_{T^c}\|^2-\mu a^2 ,
```

that is $`(1+\mu)\|h\|^2\le x^2+\mu\bigl(\sqrt k\,\|h_T\|+a\bigr)^2`$, where
$`\sqrt k\,\|h_T\|+a\le\sqrt{k/q}\,x+\frac{1+\mu}q\,a`$ because $`k\mu+q=1+\mu`$. So

```math
\|h\|^2\le\frac{x^2}q+\frac{2\mu\sqrt k}{q\sqrt q}\,xa+\frac{\mu(1+\mu)}{q^2}\,a^2
\le\Bigl(\frac x{\sqrt q}+\frac{\sqrt{\mu(1+\mu)}}q\,a\Bigr)^2 ,
```

as $`\mu\sqrt k\le\sqrt{\mu(1+\mu)}`$; and $`x\le\sqrt{2g}`$, $`a\le g/\theta`$.
(C) Let $`\Delta=\hat\Gamma(b+\delta)-\hat\Gamma(b)`$. Subtracting the
optimality conditions and monotonicity of the subdifferential give
$`\|D\Delta\|^2\le\langle D\Delta,\delta\rangle\le\|D\Delta\|\|\delta\|`$, and $`\|D\Delta\|\ge\sqrt{q_i}\,\|\Delta\|`$
on $`T_i`$. With $`\|\delta\|<\varepsilon_{i-1}/3`$ the noise of the layer is below $`\frac43\varepsilon_{i-1}`$, and
$`\xi_i=4\varepsilon_{i-1}`$ is three times that, which the theorem of `bp_lagrangian` allows for
$`\kappa_i<\frac12`$. $`\square`$

**Sharp.** (C) is attained on the simplex by $`\delta`$ along $`D_T\mathbf 1`$.

The constants of (A) cannot be lowered, even with one non-zero, one layer and no noise. Take an axis $`d_0`$ and $`N`$
atoms $`d_j=\alpha d_0+\sqrt{1-\alpha^2}\,s_j`$ around it, $`s_j`$ the vertices of a regular simplex orthogonal to it,
with $`c=\lambda_{\max}=1+N\alpha^2`$ and $`b=(R+\xi)d_0`$, so that $`\hat\Gamma=Re_0`$. The $`N`$ atoms move alike, and
while all entries are positive $`F`$ has curvature $`c`$ across a valley and none along it: the first step lands on its
floor, and each of the next goes $`w/c`$ along it, $`w=\xi(1-\alpha)\sqrt{N/c}`$ being its constant slope. With
$`\xi=\frac{c\alpha R}{(1-\alpha)(2t+c-1)}`$ they are positive for $`t`$ steps, and

```math
F(\Gamma^t)-F(\hat\Gamma)=\frac{(c-1)R^2}{2(2t+c-1)} ,
```

which is $`\left(1-\frac1c\right)\frac{2t}{2t+c-1}`$ of the bound: near 1 for $`t\gg c\gg1`$. FISTA goes $`S_t`$ times
as far as one step (`fista_rate`), which takes the place of $`t`$ in both formulas, and $`8S_t/(t+1)^2\to1`$. On the
other dictionaries the convergence is soon linear, far below (A).

(B) is attained in the limit on the simplex, by $`b=\beta D_T\mathbf 1`$. Where $`\xi`$ is far below $`\beta`$, the
first steps lead to an $`h`$ along $`-\mathbf 1`$ on all atoms, with $`Dh=0`$ and $`\|h\|=\sqrt{\mu(1+\mu)}\,a/q`$; in
the end $`h`$ is along $`-\mathbf 1`$ on $`T`$, where $`\|Dh\|=\sqrt q\,\|h\|`$. Kind: inequality for every instance and
layer.

**The slide** ('Layered Iterative Thresholding') has $`\Gamma+D^T(b-D\Gamma)`$ without the factor $`\frac1c`$, and the
threshold $`\xi/c`$: a slip of the slide or of its copy. That iteration minimises with the weight $`\xi/c`$ in place of
$`\xi`$ where $`\lambda_{\max}<2`$, and diverges for larger $`\lambda_{\max}`$. It is right for
$`c=1>\frac12\lambda_{\max}`$.

**Not covered.** Steps between $`\frac12\lambda_{\max}`$ and $`\lambda_{\max}`$, which also converge; linear rates.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import Field

from theorems.bibliography import BECK2009, ELAD2018, OURS, PAPYAN2017CNN
from theorems.sparse_coding import _instances as instances
from theorems.sparse_coding import _layered as layered
from verify import Claim, Every, Figure, Formula, Parameters, Source, Theorem, control, misreading
from verify.core.arrays import eps, matvec, namespace, norm2, rmatvec, to_numpy
from verify.kit import dictionaries, lagrangian, multilayer, shrinkage

SPARSE, NOISE = "stripes of Gamma_i < (1 + 1/mu_i)/3", "patches of E <= epsilon"
STEP, CARRIED = "c >= the largest eigenvalue", "what enters moves by less than epsilon_{i-1}/3"
RATE = Formula("c * size**2 / (4*t) + delta")
FAST = Formula("2 * c * size**2 / (t + 1)**2 + delta")
NEAR = Formula("sqrt(2*g / (1 - (k - 1)*mu)) + sqrt(mu*(1 + mu)) * g / (theta * (1 - (k - 1)*mu)) + slack")
CARRY = Formula("shift / sqrt(1 - (k - 1)*mu) + slack")
SLIDE = Source(ELAD2018, "slide 'Layered Iterative Thresholding'")

LIGHT = "light weights"
ONE = {
    "identity and Hadamard": (dictionaries.identity_hadamard, 64),
    "affine Hadamard": (dictionaries.affine_hadamard, 4),
    "simplex": (dictionaries.simplex, 40),
    LIGHT: (dictionaries.simplex, 9),
}
TWO, SHORT, VALLEY = "two layers", "steps too long", "valley"
FAMILIES = {
    **{name: f"one layer, {name}" for name in ONE},
    LIGHT: "one layer, a simplex, weights far below the entries, which are equal in half of the draws",
    TWO: "two layers with local norms: the iterations of the first feed the second",
    SHORT: "one layer, affine Hadamard, with c a third of the largest eigenvalue",
    VALLEY: "one layer, a hundred atoms around an axis, which is the code: the walk of the proof, half of them without "
    "noise and half of them of 300 steps",
}
ATOMS, COSINE, LONG = 100, 0.24**0.5, 300  # around the axis (c = 25); the coherence; steps of a long walk


class Params(Parameters):
    """The number of iterations."""

    steps: int = Field(
        20, ge=1, le=2000, description="most iterations at a layer; each instance takes 1, 2, ... or all"
    )


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """D1, D2, ... (1, n, m), blocks of the layers; mu (1, K); windows (1, K, 3); code (B, m) the deepest code;
    E (B, N); radius (B,) = epsilon; c (B, K); delta (B, N), a change of the input; t (B,) the iterations."""
    xp = draw.xp
    if family == TWO:
        own = layered.Setting(2, 64, 6, 7, 2)
        x = layered.dictionaries(draw, own)
        x["code"] = layered.code(draw, own, 0.3, False, draw.integers(1, 3))
    elif family == VALLEY:
        x = layered.single(draw.backend.asarray(_around_an_axis())[None, ...], draw.backend.asarray([COSINE]))
        x["code"] = draw.sign(1) * draw.backend.asarray([[1.0] + ATOMS * [0.0]])
    else:
        make, n = ONE["affine Hadamard" if family == SHORT else family]
        made = make(n)
        D, mu = draw.backend.asarray(made.D)[None, ...], draw.backend.asarray([made.mu])
        k = draw.integers(1, 1 + dictionaries.admitted(made.mu, 1 / 3))
        x = {**layered.single(D, mu), "code": instances.sparse_vector(draw, made.m, k)}
        if made.name.startswith("simplex"):
            x["code"] = xp.abs(x["code"])
        if family == LIGHT:
            plain = draw.coin()[:, None] > 0
            x["code"] = xp.where(plain, xp.sign(x["code"]), x["code"])
    x["code"] = x["code"] * draw.log_uniform(low=0.001, high=1000.0)[:, None]
    stacked = layered.layers(x)
    gammas = multilayer.codes(stacked, x["code"])
    found = multilayer.profile(stacked, gammas)
    growth = 7.5 * xp.sqrt(found.patch)
    reach = layered.growing(1 + 0 * growth[:, 0], growth)[:, :-1]
    x["radius"] = xp.min(found.smallest / (7.5 * reach), axis=-1) * draw.log_uniform(low=0.2, high=2.0)
    if family == LIGHT:
        x["radius"] = x["radius"] * draw.log_uniform(low=1e-4, high=0.1)
    x["E"] = stacked[0].scale(draw.normal(stacked[0].rows), x["radius"] / (1 + layered.SLACK))
    if family == LIGHT:
        x["E"] = xp.where(plain, xp.zeros_like(x["E"]), x["E"])
    largest = xp.stack([_largest_eigenvalue(layer.A) + 0 * x["radius"] for layer in stacked], axis=-1)
    # The smallest step of the simplex converges in a few iterations, to rounding.
    least = 3.0 if family == "simplex" else 1.0
    factor = draw.log_uniform(low=least, high=2 * least)
    x["c"] = largest * (xp.full_like(factor, 1 / 3) if family == SHORT else factor)[:, None]
    along = stacked[0].synthesis(xp.sign(gammas[0]))
    direction = xp.where(draw.coin()[:, None] > 0, along, draw.normal(stacked[0].rows))
    least = 0.3 if family == LIGHT else 0.01  # far above the rounding of the entries
    x["delta"] = direction * (x["radius"] * draw.uniform(low=least, high=0.33) / norm2(direction))[:, None]
    x["t"] = xp.floor(draw.log_uniform(low=1.0, high=p.steps + 1.0))
    if family == "simplex":
        x["t"] = xp.where(draw.coin() > 0, xp.full_like(x["t"], float(p.steps)), x["t"])
    return _walk(draw, x, largest[:, 0]) if family == VALLEY else x


def _walk(draw: Any, x: dict[str, Any], c: Any) -> dict[str, Any]:
    """The valley with the weight that is worst for ISTA or FISTA after its t steps, and smaller noise to match."""
    xp = draw.xp
    t = xp.where(draw.coin() > 0, xp.full_like(x["t"], float(LONG)), x["t"])
    table = draw.backend.asarray(shrinkage.fista_positions(int(to_numpy(xp.max(t)))))
    walked = xp.where(draw.coin() > 0, t, xp.take(table, xp.astype(t, xp.int64) - 1))
    weight = c * COSINE / ((1 - COSINE) * (2 * walked + c - 1))  # per unit of the minimiser
    radius = norm2(x["code"]) * weight / (1 + weight) / 4
    smaller = (radius / x["radius"])[:, None]
    E = smaller * x["E"] * xp.where(draw.coin() > 0, xp.ones_like(t), xp.zeros_like(t))[:, None]
    return {**x, "c": c[:, None], "t": t, "radius": radius, "E": E, "delta": smaller * x["delta"]}


@cache
def _around_an_axis() -> Any:
    """The axis and ATOMS unit vectors at the same angle to it, whose other parts are a regular simplex."""
    import numpy as np

    around = np.sqrt(1 - COSINE**2) * dictionaries.simplex(ATOMS - 1).D
    axis = np.eye(ATOMS, 1)
    return np.hstack([axis, np.vstack([np.full((1, ATOMS), COSINE), around])])


def _largest_eigenvalue(A: Any) -> Any:
    """Of A^T A, rounded up: (1,). The row sums of |A A^T|, which are exact for tight frames."""
    xp = namespace(A)
    gram = xp.matmul(A, xp.matrix_transpose(A))
    sums = xp.max(xp.sum(xp.abs(gram), axis=-1), axis=-1)
    exact = xp.linalg.eigvalsh(gram)[:, -1]
    return xp.minimum(sums, exact) * (1 + 64 * A.shape[-1] * eps(A))


def _known(x: Any) -> tuple[Any, Any, Any, Any]:
    """Layers, codes, their profile, and epsilon_0, ..., epsilon_K (B, K + 1)."""
    stacked = layered.layers(x)
    gammas = multilayer.codes(stacked, x["code"])
    found = multilayer.profile(stacked, gammas)
    return stacked, gammas, found, layered.growing(x["radius"], 7.5 * namespace(x["E"]).sqrt(found.patch))


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """The conditions of layered basis pursuit and of the steps."""
    xp = namespace(x["E"])
    stacked, _, found, _ = _known(x)
    rounding = 8 * (stacked[0].A.shape[-2] + 4) * eps(x["E"])
    largest = xp.stack([_largest_eigenvalue(layer.A) + 0 * x["radius"] for layer in stacked], axis=-1)
    return {
        SPARSE: xp.min(1 + x["mu"] - 3 * found.k * x["mu"], axis=-1) - instances.MARGIN,
        NOISE: x["radius"] * (1 + rounding) - stacked[0].patch_norm(x["E"]),
        STEP: xp.min(x["c"] - largest * (1 - rounding), axis=-1),
        CARRIED: x["radius"] / 3 - norm2(x["delta"]),
    }


def _iterate(layer: Any, b: Any, xi: Any, c: Any, t: Any, steps: int, correct: bool = True) -> Any:
    """The t-th iterates on folded blocks: b (B, n), xi, c and t (B,); as printed unless ``correct``."""
    xp = namespace(b)
    z = kept = 0 * rmatvec(layer.A, b)
    pull = c if correct else xp.ones_like(c)
    for step in range(1, steps + 1):
        z = shrinkage.soft_threshold(z + rmatvec(layer.A, b - matvec(layer.A, z)) / pull[:, None], xi / c)
        kept = xp.where((t == step)[:, None], z, kept)
    return kept


def _accelerated(layer: Any, b: Any, xi: Any, c: Any, t: Any, steps: int) -> Any:
    """The t-th iterate of FISTA."""
    xp = namespace(b)
    kept = 0 * rmatvec(layer.A, b)
    iterates = shrinkage.fista(layer.A, b, xi, c, kept)
    for step in range(1, steps + 1):
        kept = xp.where((t == step)[:, None], next(iterates), kept)
    return kept


def _measure(p: Params, x: Any, minimise: Any) -> dict[str, Any]:
    """Everything layer by layer; ``minimise(layer, b, xi, member)`` gives the minimiser of each block, a bound on its
    error in the 2-norm, and the largest correlation off the support."""
    xp = namespace(x["E"])
    stacked, gammas, found, bounds = _known(x)
    steps = int(to_numpy(xp.max(x["t"])))
    exact = computed = layered.signal(stacked, gammas) + x["E"]
    other = exact + x["delta"]
    rows: dict[str, list[Any]] = {}
    for i, (layer, gamma) in enumerate(zip(stacked, gammas, strict=True)):
        xi, c, t = (layer.repeat(v) for v in (4 * bounds[:, i], x["c"][:, i], x["t"]))
        member = layer.fold(gamma)
        b = layer.fold(computed)
        own, slack, reach = minimise(layer, b, xi, member)
        started = _iterate(layer, b, xi, c, t, steps)
        points = [started, _accelerated(layer, b, xi, c, t, steps), _iterate(layer, b, xi, c, t, steps, False), own]
        both = xp.stack(points, axis=1)
        values = shrinkage.objectives(layer.A, b, xi, both)
        rounding = xp.sum(shrinkage.objective_rounding(layer.A, b, xi, both[:, 0::3, :]), axis=-1)
        drift = t * shrinkage.step_rounding(layer.A, b, xi, c, norm2(own) + norm2(started))
        pull = shrinkage.subgradient_bound(layer.A, b, xi, norm2(own) + norm2(started))

        def total(v: Any, layer: Any = layer) -> Any:
            return xp.sum(xp.reshape(v, (-1, layer.blocks)), axis=-1)

        def length(v: Any, layer: Any = layer) -> Any:
            return norm2(layer.unfold(v))

        gaps = values - values[:, 3:]
        moved, more, _ = minimise(layer, layer.fold(other), xi, member)
        before, some, _ = minimise(layer, layer.fold(exact), xi, member)
        theta = 4 * bounds[:, i] - layer.worst(reach)
        unsure = layer.worst(slack + more + some) * (layer.blocks**0.5)
        g = total(gaps[:, 0] + rounding)
        row = {
            "gap": total(gaps[:, 0]),
            "fast": total(gaps[:, 1]),
            "printed": total(gaps[:, 2]),
            "size": length(own),
            "delta": total(2 * rounding + 2 * drift * pull),
            "distance": length(started - own),
            "g": xp.where(g > 0, g, xp.zeros_like(g)),
            "theta": xp.where(theta > 0, theta, xp.full_like(theta, xp.nan)),
            "moved": length(moved - before),
            "shift": norm2(other - exact),
            "slack": unsure,
        }
        for name, value in row.items():
            rows.setdefault(name, []).append(value)
        # The second layer starts from what the iterations left, and (C) compares it with the pursuit itself.
        exact, other = layer.unfold(before), layer.unfold(started)
        computed = other
    known = {name: xp.stack(values, axis=-1) for name, values in rows.items()}
    return {**known, "c": x["c"], "t": x["t"][:, None], "k": found.k, "mu": x["mu"]}


def solve(p: Params, x: Any) -> dict[str, Any]:
    """The iterations, and the minimisers on the predicted supports."""

    def minimise(layer: Any, b: Any, xi: Any, member: Any) -> Any:
        found = lagrangian.restricted(layer.A, b, xi, member)
        count = namespace(member).sum(namespace(member).astype(member != 0, b.dtype), axis=-1)
        return found.x, namespace(b).sqrt(count) * found.error, found.reach.upper

    return _measure(p, x, minimise)


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same with minimisers by coordinate descent, block by block."""
    import numpy as np

    def minimise(layer: Any, b: Any, xi: Any, member: Any) -> Any:
        A = layer.A[0]
        found, reach = np.zeros((len(b), A.shape[1])), np.zeros(len(b))
        for row in range(len(b)):
            T = np.flatnonzero(member[row])
            found[row, T] = lagrangian.descend(A[:, T], b[row], xi[row])
            reach[row] = np.delete(np.abs(A.T @ (b[row] - A @ found[row])), T).max(initial=0.0)
        return found, 1e-12 * (norm2(b) + xi), reach

    return _measure(p, x, minimise)


GIVEN = (SPARSE, NOISE)

THEOREM = Theorem(
    "layered_ista",
    "Layered iterative soft thresholding solves layered basis pursuit",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    fixed=("radius", "t", "c"),
    repair=layered.repair,
    families=FAMILIES,
    shares={TWO: 0.4, SHORT: 0.4},
    instances=3000,
    batch=128,
    claims=(
        Claim("objective, ISTA", Every(), "gap", RATE, (STEP,)),
        Claim("objective, FISTA", Every(), "fast", FAST, (STEP,)),
        Claim("distance of an iterate", Every(), "distance", NEAR, GIVEN),
        Claim("what enters a layer is not magnified", Every(), "moved", CARRY, (*GIVEN, CARRIED)),
        misreading(
            "slide: without 1/c in front of D^T",
            Every(),
            "printed",
            RATE,
            (STEP,),
            source=SLIDE,
            grade="misprint",
            reading="the step as printed, D^T(b - D Gamma) in full, with the threshold xi/c",
            because="it minimises with the weight xi/c, or diverges",
            holds_when="c = 1, and larger than half the largest eigenvalue; otherwise with 1/c in front of D^T",
        ),
        control(
            "c of a third of the largest eigenvalue",
            Every(),
            "gap",
            RATE,
            (SPARSE,),
            "the iteration diverges for c below half the largest eigenvalue",
        ),
        control(
            "FISTA like 1/t^3",
            Every(),
            "fast",
            Formula("2 * c * size**2 / (t + 1)**3 + delta"),
            (STEP,),
            "the first steps are not that fast",
        ),
        control(
            "what enters a layer is not magnified at all",
            Every(),
            "moved",
            Formula("shift + slack"),
            (*GIVEN, CARRIED),
            "a change along the sum of atoms with negative inner products is divided by the root of q",
        ),
    ),
    sources=(
        SLIDE,
        Source(BECK2009, "convergence of ISTA and FISTA", "proved in ista_rate and fista_rate"),
        Source(
            PAPYAN2017CNN, "layered iterative soft thresholding", "from memory: with 1/c, c above half the eigenvalue"
        ),
        Source(OURS, "(B) and (C)"),
    ),
    symbols={
        "gap": (r"F(\Gamma^t)-F(\hat\Gamma)", "excess of the objective, ISTA"),
        "fast": (r"F(\Gamma^t_{\mathrm{FISTA}})-F(\hat\Gamma)", "excess of the objective, FISTA"),
        "printed": (r"F(\Gamma^t_{\mathrm{printed}})-F(\hat\Gamma)", "excess of the objective, iteration as printed"),
        "size": (r"\lVert\hat\Gamma\rVert_2", "distance of the start from the minimiser"),
        "delta": (r"\delta_F", "rounding of objectives and steps"),
        "distance": (r"\lVert\Gamma^t-\hat\Gamma\rVert_2", "distance of the iterate from the minimiser"),
        "g": ("g", "excess of the objective, from above"),
        "theta": (r"\theta", "weight minus the largest correlation off the support"),
        "moved": (r"\lVert\hat\Gamma(b+\delta)-\hat\Gamma(b)\rVert_2", "by how much the minimiser moves"),
        "shift": (r"\lVert\delta\rVert_2", "by how much the input moves"),
        "slack": (r"\eta", "rounding of the computed minimisers"),
        "c": ("c", "the inverse step"),
        "t": ("t", "number of iterations"),
        "k": ("k_i", "largest number of non-zeros in a stripe"),
        "mu": (r"\mu_i", "mutual coherence"),
    },
    figures=(
        Figure(
            "objective",
            "cloud",
            ("objective, ISTA", "objective, FISTA"),
            "Excess of the objective against the bounds. Convergence is linear in the end, far below them; the points "
            "near the line are walks along a valley.",
            x="bound on the excess of the objective",
            y="measured excess",
        ),
    ),
    invariances={"opposite signs": layered.flip, "rescale": layered.rescale},
    survivors={
        "objective, FISTA: 1 times 1.1": "the proof of fista_rate gives c |z|^2/(2 t_t^2) with t_2 = 1.618 and "
        "increments of at least 1/2, so t_t >= (t + 1.1)/2 from t = 2 on; the first step is ISTA's, where c |z|^2/4 "
        "holds",
    },
    not_tested=("steps between one half and the whole of the largest eigenvalue", "more than two layers"),
)
