r"""Layered basis pursuit for half as many again non-zeros, with the smallest weights and nearly tight constants.

The model, the pursuit and the norms are those of `layered_bp`; $`k_i=\|\Gamma_i\|^S_{0,\infty}`$,
$`k^P_i=\|\Gamma_i\|^P_{0,\infty}`$, $`q_i=1-(k_i-1)\mu_i`$ and

```math
\kappa_i=\frac{k_i\mu_i}{q_i} ,\qquad \kappa_i<1\iff k_i<\tfrac12\Big(1+\frac1{\mu_i}\Big) .
```

**Theorem.** Let $`k_i<\frac12(1+\frac1{\mu_i})`$ for all $`i`$, $`\|E\|^P_{2,\infty}\le\varepsilon_0`$ and

```math
\xi_i>\frac{1+\kappa_i}{1-\kappa_i}\,\varepsilon_{i-1} ,\qquad
\varepsilon_i=\sqrt{k^P_i}\;\frac{\varepsilon_{i-1}+\xi_i}{q_i} .
```

Then at every layer the support of $`\hat\Gamma_i`$ is contained in that of $`\Gamma_i`$, the minimiser is unique,
$`\|\hat\Gamma_i-\Gamma_i\|^P_{2,\infty}\le\varepsilon_i`$, and every entry above $`(\varepsilon_{i-1}+\xi_i)/q_i`$ is
found. Where patches do not overlap (block dictionaries, and the global norms) weights
$`\xi_i>\varepsilon_{i-1}/(1-\kappa_i)`$ are enough for all of this, and in the global norms the error is at most

```math
\varepsilon_i=\frac{\varepsilon_{i-1}}{\sqrt{q_i}}+\frac{\sqrt{k_i}\,\xi_i}{q_i} .
```

*Proof.* As for `layered_bp`, with the theorem of `bp_lagrangian` in place of its corollary. Where patches do not
overlap the problem falls apart into blocks, each with noise of length at most $`\varepsilon_{i-1}`$, and the second
part of that theorem applies. In the global norms the error of the restricted minimiser is
$`G_T^{-1}(D_T^TE_{i-1}-\xi z)`$ with $`|z|\le1`$; the first term is at most
$`\|E_{i-1}\|/\sqrt{\lambda_{\min}(G_T)}`$ long, the second $`\xi\sqrt{k_i}/\lambda_{\min}(G_T)`$, and
$`\lambda_{\min}(G_T)\ge q_i`$. $`\square`$

With $`\xi_i=4\varepsilon_{i-1}`$ and the one-third condition the first recursion gives at most $`7.5\sqrt{k^P_i}`$ a
layer, the theorem of `layered_bp`. The smallest weights give at most 6 a layer there (local) and about 2 for small
$`\kappa`$.

**Sharp.** On the simplex the reach comes as near to the weight, and the error to its bound in the global norms, as the
runs resolve: with one victim atom $`j`$ the reach is $`\varepsilon\|(I-P_T)d_j\|+\kappa\xi`$, and for negative
inner products along the signs both terms of the error are attained together. In the local norms each half of one layer
is attained (`bp_lagrangian`) under the weaker hypothesis $`|d_j^TE|\le\varepsilon`$. Kind: inequality for every
instance and layer.

**The slide** stops at one third and 7.5; it says nothing of this.

**Not covered.** Weights that differ between the atoms of a layer.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from pydantic import Field

from theorems.bibliography import ELAD2018, OURS
from theorems.sparse_coding import _instances as instances
from theorems.sparse_coding import _layered as layered
from verify import Claim, Every, Figure, Formula, Parameters, Source, Theorem, control
from verify.core.arrays import eps, matvec, namespace, norm2
from verify.kit import dictionaries, lagrangian, multilayer

HALF = Fraction(1, 2)
SPARSE, NOISE = "stripes of Gamma_i < (1 + 1/mu_i)/2", "patches of E <= epsilon"
GLOBAL, APART = "global norms", "patches do not overlap"
LARGE, ENOUGH = "xi_i (1 - kappa_i) > (1 + kappa_i) epsilon_{i-1}", "xi_i (1 - kappa_i) > epsilon_{i-1}"
_Q = "(1 - (k - 1)*mu)"
KAPPA = f"(k * mu / {_Q})"
ENTRIES = Formula(f"(noise + xi) / {_Q}")
BOUND = Formula(f"sqrt(patch) * (noise + xi) / {_Q}")
REACH = Formula(f"noise + {KAPPA} * xi")
LENGTH = Formula(f"noise / sqrt({_Q}) + sqrt(k) * xi / {_Q}")

SETTINGS = {
    "two layers": layered.Setting(2, 64, 6, 7, 3),
    "three layers": layered.Setting(3, 64, 6, 7, 3),
    "stride 1": layered.Setting(2, 400, 3, 0, 2, stride_one=True),
    "global norms": layered.Setting(2, 128, 3, 7, 1, local=False, norms="global"),
}
SIMPLEX = {
    "simplex, error attained": "one layer: equal signs and noise along them",
    "simplex, victim": "one layer: noise and signs that drive one atom off the support",
    "simplex, weight too small": "the same with a weight 5 % below the smallest",
}
FAMILIES = {
    **{f"{name}, random": f"{name}: noise in a random direction, every patch at its bound" for name in SETTINGS},
    **{f"{name}, against": f"{name}: noise against the signal, every patch at its bound" for name in SETTINGS},
    **SIMPLEX,
}


class Params(Parameters):
    """The size of the simplex, the codes and the weights."""

    n: int = Field(40, ge=3, le=400, description="dimension of the simplex")
    k: int = Field(0, ge=0, le=199, description="non-zeros of the deepest code; 0: up to what is admitted")
    contrast: float = Field(0.2, gt=0, le=1, description="smallest over largest magnitude in the deepest code")
    surplus: float = Field(1e-6, ge=0, le=100, description="weight over the smallest one, less 1, at the least")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """D1, D2, ... (1, n, m), blocks of the layers; mu (1, K); windows (1, K, 3); code (B, m) the deepest code;
    E (B, N); radius (B,) = epsilon; factor (B,), every weight over the smallest one."""
    if family in SIMPLEX:
        return _simplex(draw, p, family)
    xp = draw.xp
    own = SETTINGS[family.rsplit(", ", 1)[0]]
    x = layered.dictionaries(draw, own)
    k = draw.integers(p.k, p.k + 1) if p.k else draw.integers(1, own.k + 1)
    x["code"] = layered.code(draw, own, p.contrast, False, k)
    stacked = layered.layers(x)
    gammas = multilayer.codes(stacked, x["code"])
    # Noise at which some entries of every layer survive and some need not.
    x["radius"] = draw.log_uniform(low=1e-6, high=1e-2)
    direction = draw.normal(stacked[0].rows) if family.endswith("random") else -layered.signal(stacked, gammas)
    x["E"] = stacked[0].scale(direction, x["radius"] / (1 + layered.SLACK))
    # The smallest weights, twice them, which are enough everywhere, and any.
    others = xp.where(draw.coin() > 0, 2 + 0 * x["radius"], draw.log_uniform(low=1.0, high=30.0))
    x["factor"] = (1 + p.surplus) * xp.where(draw.coin() > 0, 1 + 0 * x["radius"], others)
    return x


def _simplex(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """One layer of the simplex; on it G_T^{-1} 1 = 1/q, so equal signs attain every norm of the inverse Gram."""
    xp = draw.xp
    made = dictionaries.simplex(p.n)
    D, mu = draw.backend.asarray(made.D)[None, ...], draw.backend.asarray([made.mu])
    top = max(1, dictionaries.admitted(made.mu, HALF))
    k = draw.integers(p.k, p.k + 1) if p.k else draw.integers(1, top + 1)
    radius = draw.log_uniform(low=0.001, high=1000.0)
    member = instances.sparse_vector(draw, made.m, k)
    signs, direction = lagrangian.victims(D, member)
    if family == "simplex, error attained":
        direction = -matvec(D, signs)
        direction = direction / norm2(direction)[:, None]
    factor = draw.full(0.95) if family.endswith("too small") else (1 + p.surplus) * draw.choose((1.0, 2.0, 30.0))
    kf = xp.astype(k, D.dtype)
    q = 1 - (kf - 1) * mu
    kappa = xp.minimum(kf * mu / q, 0.999 + 0 * q)
    # Entries that survive, or that weight and noise just put out.
    moved = (factor / (1 - kappa) / q + 1 / xp.sqrt(kf * q)) * radius
    out = (draw.coin() > 0) & (draw.full(float(family.endswith("attained"))) > 0)
    sizes = xp.where(out[:, None], (1 - 1e-3) * moved[:, None], xp.abs(member) + 4 * moved[:, None])
    code = xp.where(member == 0, xp.zeros_like(member), signs * sizes)
    E = (radius / (1 + layered.SLACK))[:, None] * direction
    return {**layered.single(D, mu), "code": code, "E": E, "radius": radius, "factor": factor}


def _weighted(x: Any) -> dict[str, Any]:
    """The profile of the codes with the weights and the bounds on the noise that each layer receives, each (B, K)."""
    xp = namespace(x["E"])
    stacked = layered.layers(x)
    found = multilayer.profile(stacked, multilayer.codes(stacked, x["code"]))
    k, mu = found.k, x["mu"]
    q = 1 - (k - 1) * mu
    kappa = k * mu / q
    everywhere = layered.is_global(x)
    noise, weights = [x["radius"]], []
    for i in range(k.shape[-1]):
        weights.append(x["factor"] * noise[-1] / (1 - kappa[:, i]))
        if everywhere:
            noise.append(noise[-1] / xp.sqrt(q[:, i]) + xp.sqrt(k[:, i]) * weights[-1] / q[:, i])
        else:
            noise.append(xp.sqrt(found.patch[:, i]) * (noise[-1] + weights[-1]) / q[:, i])
    return {
        "k": k,
        "patch": found.patch,
        "mu": mu,
        "kappa": kappa,
        "noise": xp.stack(noise[:-1], axis=-1),
        "xi": xp.stack(weights, axis=-1),
    }


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """The conditions of every layer multiplied out."""
    xp = namespace(x["E"])
    known = _weighted(x)
    first = layered.layers(x)[0]
    rounding = 8 * (first.A.shape[-2] + known["xi"].shape[-1]) * eps(x["E"])
    one = xp.ones_like(x["radius"])
    room = known["xi"] * (1 - known["kappa"])
    return {
        SPARSE: xp.min(1 + known["mu"] - 2 * known["k"] * known["mu"], axis=-1) - instances.MARGIN,
        NOISE: x["radius"] * (1 + rounding) - first.patch_norm(x["E"]),
        GLOBAL: one if layered.is_global(x) else -one,
        APART: one if all(layer.length == 1 for layer in layered.layers(x)) else -one,
        LARGE: xp.min(room - (1 + known["kappa"]) * known["noise"], axis=-1),
        ENOUGH: xp.min(room - known["noise"], axis=-1),
    }


def _quantities(x: Any, pursue: Any) -> dict[str, Any]:
    known = _weighted(x)
    # Where a layer admits nothing its weight is negative, and there is nothing to solve.
    positive = namespace(x["E"]).where(known["xi"] > 0, known["xi"], 1 + 0 * known["xi"])
    found = pursue({**x, "xi": positive, "audit": 0 * x["radius"]})
    return {**{name: found[name] for name in ("reach", "entry", "error", "lost")}, **known}


def solve(p: Params, x: Any) -> dict[str, Any]:
    """The pursuit on the predicted supports with its certificates."""
    return _quantities(x, lambda y: layered.pursue(y, y["audit"], 1.0))


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same from one instance by coordinate descent."""
    return _quantities(x, layered.pursue_reference)


def advise(p: Params, x: Any) -> str:
    """What the coherences admit."""
    return layered.admitted(x, HALF)


WHATEVER = "true: it holds of the minimiser on the support, whatever the weight"
LOCAL, BLOCKS, WHOLE = (SPARSE, NOISE, LARGE), (SPARSE, NOISE, APART, ENOUGH), (SPARSE, NOISE, GLOBAL, ENOUGH)

THEOREM = Theorem(
    "layered_bp_sharp",
    "Layered basis pursuit up to one half, with the smallest weights and nearly tight constants",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    repair=layered.repair,
    advise=advise,
    fixed=("radius", "factor"),
    families=FAMILIES,
    shares={f"{name}, {noise}": 0.2 for name in ("three layers", "stride 1") for noise in ("random", "against")},
    instances=8000,
    batch=512,
    claims=(
        Claim("no wrong atom", Every(), "reach", Formula("xi"), LOCAL),
        Claim("entries", Every(), "entry", ENTRIES, LOCAL),
        Claim("error", Every(), "error", BOUND, LOCAL),
        Claim("large entries are found", Every(), "lost", ENTRIES, LOCAL),
        Claim("no wrong atom, smallest weights", Every(), "reach", Formula("xi"), BLOCKS),
        Claim("reach", Every(), "reach", REACH, BLOCKS),
        Claim("error, global norms", Every(), "error", LENGTH, WHOLE),
        control(
            "5 % below the smallest weight",
            Every(),
            "reach",
            Formula("xi"),
            (SPARSE, NOISE, APART),
            "the victim of a simplex is reached by nearly all that the proof allows",
        ),
        control(
            "k - 1 in place of k in kappa",
            Every(),
            "reach",
            Formula("noise + (k - 1) * mu / (1 - (k - 2)*mu) * xi"),
            BLOCKS,
            "on the simplex the norm of the coefficients of the victim is kappa",
        ),
        control(
            "error without the noise, global norms",
            Every(),
            "error",
            Formula(f"sqrt(k) * xi / {_Q}"),
            WHOLE,
            "noise along the signs adds to the bias of the weight",
        ),
        control(
            "error of independent entries, global norms",
            Every(),
            "error",
            Formula("noise + sqrt(k) * xi"),
            WHOLE,
            "atoms of negative inner products magnify the bias by 1/q",
        ),
    ),
    sources=(
        Source(OURS, "the theorem of bp_lagrangian, layer by layer"),
        Source(ELAD2018, "slide 'Success of the Layered BP'", "the version with one third and 7.5"),
    ),
    symbols={
        "reach": (
            r"\max_{j\notin T_i}|d_j^T(\hat\Gamma_{i-1}-D_i\hat\Gamma_i)|",
            "largest correlation off the support",
        ),
        "error": (r"\lVert\hat\Gamma_i-\Gamma_i\rVert^P_{2,\infty}", "largest length of a patch of the error"),
        "entry": (r"\lVert\hat\Gamma_i-\Gamma_i\rVert_\infty", "largest error of an entry"),
        "lost": (r"\max_{\hat\Gamma_{i,j}=0}|\Gamma_{i,j}|", "largest entry that was not found"),
        "noise": (r"\varepsilon_{i-1}", "bound on the noise that layer i receives"),
        "patch": (r"k^P_i", "largest number of non-zeros in a patch"),
        "k": ("k_i", "largest number of non-zeros in a stripe"),
        "mu": (r"\mu_i", "mutual coherence"),
        "xi": (r"\xi_i", "weight of the 1-norm"),
    },
    figures=(
        Figure(
            "error",
            "cloud",
            ("error", "error, global norms"),
            "Error against its bounds: those of the global norms are attained on the simplex.",
            x="bound on the error of a patch",
            y="measured error of a patch",
        ),
    ),
    survivors={
        **{f"{claim}: without {LARGE!r}": WHATEVER for claim in ("entries", "error", "large entries are found")},
        **{f"{claim}: without {ENOUGH!r}": WHATEVER for claim in ("reach", "error, global norms")},
    },
    invariances={"opposite signs": layered.flip, "rescale": layered.rescale},
    not_tested=("more than three layers",),
)
