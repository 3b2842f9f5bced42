r"""Layered basis pursuit: no wrong atom at any layer, and an error that grows by a known factor.

The multi-layer model is $`X=D_1\Gamma_1,\ \Gamma_1=D_2\Gamma_2,\ \dots,\ \Gamma_{K-1}=D_K\Gamma_K`$ with unit columns
and coherences $`\mu_i`$; $`Y=X+E`$. Layered basis pursuit puts $`\hat\Gamma_0=Y`$ and

```math
\hat\Gamma_i=\arg\min_\Gamma\tfrac12\|\hat\Gamma_{i-1}-D_i\Gamma\|_2^2+\xi_i\|\Gamma\|_1 ,\qquad i=1,\dots,K .
```

Norms are local: $`\|\Gamma\|^S_{0,\infty}`$ is the largest number of non-zeros in a *stripe*, all atoms that meet one
atom; $`\|v\|^P_{2,\infty}`$ and $`\|v\|^P_{0,\infty}`$ are the largest length and number of non-zeros of a *patch*,
what one atom of the next layer sees (at the last layer: everything). Declaring everything to be one stripe and one
patch gives the global norms; the theorem and its proof are the same.

**Theorem.** Let $`\|E\|^P_{2,\infty}\le\varepsilon_0`$ with $`\varepsilon_0>0`$,
$`\|\Gamma_i\|^S_{0,\infty}<\frac13\big(1+\frac1{\mu_i}\big)`$ for all $`i`$, and $`\xi_i=4\varepsilon_{i-1}`$, where

```math
\varepsilon_i=7.5^i\,\varepsilon_0\prod_{j\le i}\sqrt{\|\Gamma_j\|^P_{0,\infty}} .
```

Then at every layer (1) the support of $`\hat\Gamma_i`$ is contained in that of $`\Gamma_i`$; (2)
$`\|\hat\Gamma_i-\Gamma_i\|^P_{2,\infty}\le\varepsilon_i`$; (3) every entry of $`\Gamma_i`$ of magnitude above
$`7.5\,\varepsilon_{i-1}=\varepsilon_i/\sqrt{\|\Gamma_i\|^P_{0,\infty}}`$ is found; (4) $`\hat\Gamma_i`$ is the unique
minimiser.

*Proof.* By induction $`E_{i-1}=\hat\Gamma_{i-1}-\Gamma_{i-1}`$ has $`|d_j^TE_{i-1}|\le\varepsilon_{i-1}`$ for every
atom $`d_j`$ of $`D_i`$, because an atom of unit length sees one patch. An atom meets at most
$`\|\Gamma_i\|^S_{0,\infty}`$ atoms of the support, so `bp_lagrangian` holds with that number for $`k`$: claims 1 and 4,
and $`\|\hat\Gamma_i-\Gamma_i\|_\infty<7.5\,\varepsilon_{i-1}`$, hence claim 3. The error vanishes off the support, so a
patch of it has at most $`\|\Gamma_i\|^P_{0,\infty}`$ non-zeros: claim 2. $`\square`$

**What is checked.** Each layer's minimiser is computed on the support that the theorem predicts, with a bound on its
error; the *reach*, the largest correlation of an atom off the support with the residual, certifies claims 1 and 4 when
it is below $`\xi_i`$. Errors of a layer are carried into the next. On part of the instances a solver on all atoms is
run and must not dispute the minimiser. The model is never empty: dictionaries with exactly known coherence and sparse
columns keep every layer's condition, where random dictionaries admit nothing.

**Sharp.** Noise of length $`\varepsilon`$ moves one entry by at most $`\varepsilon/\sqrt{1-(k-1)\mu}`$, so at one layer
7.5 could be 7.23, and on the simplex entries reach 0.92 of the bound; so does the error where a patch is one entry. In
the global norms all entries together cannot: the length of the error stays below 0.825 of the bound, at every layer,
and near 0.79 of it at the third of three. The bias of the weights is deterministic, so random noise too gives more than
one half. With one non-zero and noise against it the first layer has exactly $`\frac23`$. Kind: inequality for every
instance and layer.

**The slide** ('Success of the Layered BP') has the global norms and does not say what the weights are: incomplete. It
is true with $`\xi_i=4\varepsilon_{i-1}`$ and false for weights of the size of the noise. "Greater than" in its third
claim means magnitude. Its "error even if no noise" is crossed out rightly: the error tends to 0 with
$`\varepsilon_0`$; with $`E=0`$ and weights exactly 0 there is nothing left to choose among the solutions
(`layered_bp_noiseless`).

**Not covered.** Weights other than $`4\varepsilon_{i-1}`$ (`layered_bp_sharp`); the iterations that find the minimisers
(`layered_ista`).
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, Literal

from pydantic import Field, model_validator

from theorems.bibliography import ELAD2018, OURS, PAPYAN2017CNN
from theorems.sparse_coding import _instances as instances
from theorems.sparse_coding import _layered as layered
from verify import Claim, Every, Figure, Formula, Parameters, Source, Theorem, control, misreading
from verify.core.arrays import eps, matvec, namespace, norm2, to_numpy
from verify.kit import dictionaries, lagrangian, multilayer

THIRD = Fraction(1, 3)
LARGEST = 16384  # entries of a signal
SPARSE, HALF_SPARSE = "stripes of Gamma_i < (1 + 1/mu_i)/3", "stripes of Gamma_i < (1 + 1/mu_i)/2"
NOISE, WEIGHTS, GLOBAL, AUDITED = (
    "patches of E <= epsilon",
    "xi_i = 4 epsilon_{i-1}",
    "global norms",
    "a full solver was run",
)
BOUND = Formula("7.5 * sqrt(patch) * noise")
UNROLLED = Formula("7.5**layer * epsilon * roots")
SLIDE = Source(ELAD2018, "slide 'Success of the Layered BP'")
OF_SLIDE = "slide: error in the global norms, weights as above"


SETTINGS = {
    "two layers": layered.Setting(2, 64, 6, 7, 2),
    "three layers": layered.Setting(3, 64, 6, 7, 2),
    "stride 1": layered.Setting(2, 400, 3, 0, 2, stride_one=True),
    "global norms": layered.Setting(2, 128, 3, 7, 1, local=False, norms="global"),
    "global norms, wide": layered.Setting(2, 2048, 6, 7, 2, local=False, norms="global"),
}
RANDOM, AGAINST = "random", "against"
ONE_WEIGHT, ONE_ENTRY, ONE_DENSE = "one layer, other weights", "one layer, one entry", "one layer, beyond one third"
ONE_PATCH, ONE_NONZERO, ONE_DEEP = "two layers, one entry", "two layers, one non-zero", "three layers, all entries"
FAMILIES = {
    **{f"{name}, {RANDOM}": f"{name}: noise in a random direction, every patch at its bound" for name in SETTINGS},
    **{f"{name}, {AGAINST}": f"{name}: noise against the signal, every patch at its bound" for name in SETTINGS},
    ONE_WEIGHT: "one layer of [I H/8]: noise and signs drive one atom off the support; weight epsilon or 40 epsilon",
    ONE_ENTRY: "one layer of a simplex at its limit: equal signs, and noise against one entry",
    ONE_PATCH: "the same under a layer whose atoms see one entry each: a patch of the error is an entry",
    ONE_NONZERO: "[I H/8] under an identity, in the global norms: no root of a count",
    ONE_DEEP: "a simplex at its limit over two identities, equal signs: all entries of the third layer",
    ONE_DENSE: "one layer of a simplex, k between the two limits: noise and signs drive one atom off the support",
}


class Params(Parameters):
    """The model and the noise."""

    model: Literal["each", "local", "global"] = Field(
        "each", description="local or global norms with the sizes below, or each family's own model"
    )
    layers: int = Field(2, ge=2, le=4, description="number of layers of a chosen local model")
    b: int = Field(64, ge=2, le=4096, description="rows of a block of the first layer of a chosen model, a power of 2")
    c: int = Field(6, ge=2, le=32, description="taps of an atom of the deeper layers")
    g: int = Field(7, ge=2, le=67, description="places for a tap, a prime >= c")
    k: int = Field(0, ge=0, le=64, description="non-zeros of the deepest code; 0: 1 or 2")
    contrast: float = Field(0.2, gt=0, le=1, description="smallest over largest magnitude in the deepest code")
    noise: float = Field(0, ge=0, description="epsilon; 0: around the largest at which claim 3 says something")
    gap: float = Field(1e-9, gt=0, le=1e-2, description="certified relative duality gap of the full solver")

    @model_validator(mode="after")
    def _possible(self) -> Params:
        if self.model == "each":
            return self
        atoms, room = (self.g, 2 * self.b) if self.model == "local" else (self.c * self.g, 2 * self.b)
        rows = self.b * (self.c ** (self.layers - 1) if self.model == "local" else 1)
        if self.b & (self.b - 1):
            raise ValueError(f"b={self.b} is no power of 2")
        if not (self.c <= self.g and all(self.g % divisor for divisor in range(2, math.isqrt(self.g) + 1))):
            raise ValueError(f"g={self.g} is not a prime that is at least c={self.c}")
        if atoms > room:
            raise ValueError(f"b={self.b} has only 2b={room} atoms at the first layer, and the taps take {atoms}")
        if rows > LARGEST:
            raise ValueError(f"signals of {rows} entries: at most {LARGEST}; take smaller b, c or fewer layers")
        return self


def setting(p: Params, family: str) -> layered.Setting:
    """The family's own model, or the one chosen."""
    if p.model == "each":
        return SETTINGS[family.rsplit(", ", 1)[0]]
    local = p.model == "local"
    return layered.Setting(p.layers if local else 2, p.b, p.c, p.g, p.k or 2, local=local, norms=p.model)


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """D1, D2, ... (1, n, m), blocks of the layers; mu (1, K); windows (1, K, 3); code (B, m) the deepest code;
    E (B, N); radius (B,) = epsilon; xi (B, K) the weights; audit (B,) 1 where a full solver is run."""
    if p.model == "each" and family in ONE:
        return _one_layer(draw, p, family)
    xp = draw.xp
    own = setting(p, family)
    x = layered.dictionaries(draw, own)
    k = draw.integers(1, own.k + 1) if not p.k else draw.integers(p.k, p.k + 1)
    scale = draw.log_uniform(low=0.001, high=1000.0)
    x["code"] = scale[:, None] * layered.code(draw, own, p.contrast, False, k)
    stacked = layered.layers(x)
    gammas = multilayer.codes(stacked, x["code"])
    found = multilayer.profile(stacked, gammas)
    growth = 7.5 * xp.sqrt(found.patch)
    # Claim 3 says something at layer i for epsilon_{i-1} below |Gamma_i^min| / 7.5.
    reach = layered.growing(1 + 0 * growth[:, 0], growth)[:, :-1]
    largest = xp.min(found.smallest / (7.5 * reach), axis=-1)
    x["radius"] = draw.full(p.noise) if p.noise else largest * draw.log_uniform(low=0.2, high=5.0)
    rows = stacked[0].rows
    direction = draw.normal(rows) if family.endswith(RANDOM) else -layered.signal(stacked, gammas)
    x["E"] = stacked[0].scale(direction, x["radius"] / (1 + layered.SLACK))
    x["xi"] = 4 * layered.growing(x["radius"], growth)[:, :-1]
    x["audit"] = xp.astype(draw.uniform() < (1 / 64 if own.layers > 2 or own.stride_one else 1 / 8), x["E"].dtype)
    return x


ONE = {
    ONE_WEIGHT: (dictionaries.identity_hadamard, 64, 1, 2),
    ONE_ENTRY: (dictionaries.simplex, 100, 25, 33),
    ONE_PATCH: (dictionaries.simplex, 100, 25, 33),
    ONE_NONZERO: (dictionaries.identity_hadamard, 64, 1, 1),
    ONE_DEEP: (dictionaries.simplex, 100, 25, 33),
    ONE_DENSE: (dictionaries.simplex, 40, 14, 20),
}


def _one_layer(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """A dictionary of known coherence, by itself or among identities, with k in a range that the family gives."""
    xp = draw.xp
    make, n, low, high = ONE[family]
    made = make(n)
    D, mu = draw.backend.asarray(made.D)[None, ...], draw.backend.asarray([made.mu])
    k = draw.integers(p.k, p.k + 1) if p.k else draw.integers(low, high + 1)
    radius = draw.log_uniform(low=0.001, high=1000.0)
    member = instances.sparse_vector(draw, made.m, k)
    signs, direction = lagrangian.victims(D, member)
    factor = draw.choose((1.0, 40.0)) if family == ONE_WEIGHT else draw.full(4.0)
    q = 1 - (xp.astype(k, D.dtype) - 1) * mu
    inverse = 1 / xp.where(q > 0, q, xp.ones_like(q))  # a k that is asked for may be beyond every limit
    # Entries that survive, or that the weight alone puts out.
    bias = (factor * radius * inverse)[:, None]
    sizes = xp.where(draw.coin()[:, None] > 0, xp.abs(member) + 4 * bias, (1 - 1e-3) * bias)
    if family in (ONE_ENTRY, ONE_PATCH):
        # On the simplex G_T^{-1} = (I + mu inverse 1 1^T)/(1 + mu), and the victim's signs are equal.
        last = xp.astype(xp.abs(member) == xp.max(xp.abs(member), axis=-1, keepdims=True), D.dtype)
        row = last + (mu * inverse)[:, None] * xp.abs(xp.sign(member))
        direction = matvec(D, row)
        direction = direction / norm2(direction)[:, None]
        moved = xp.sqrt((1 + mu * inverse) / (1 + mu))
        # The entry that the noise works against survives, or is just put out.
        out = (1 - 1e-3) * (bias + (moved * radius)[:, None])
        sizes = xp.where((last > 0) & (draw.coin()[:, None] > 0), out, xp.abs(member) + 4 * bias)
    x = {**_stack(D, mu, family), "code": xp.where(member == 0, xp.zeros_like(member), signs * sizes)}
    stacked = layered.layers(x)
    growth = 7.5 * xp.sqrt(multilayer.profile(stacked, multilayer.codes(stacked, x["code"])).patch)
    bounds = layered.growing(radius, growth)[:, :-1]
    # The last layer receives errors of the size for which the code was made.
    shrink = radius / bounds[:, -1]
    radius, bounds = radius * shrink, bounds * shrink[:, None]
    E = (radius / (1 + layered.SLACK))[:, None] * direction
    return {**x, "E": E, "radius": radius, "xi": factor[:, None] * bounds, "audit": draw.full(0.0)}


def _stack(D: Any, mu: Any, family: str) -> dict[str, Any]:
    """The layer D (1, n, m) among the identities that the family puts below and above it."""
    xp, (n, m) = namespace(D), D.shape[-2:]
    below, above = {ONE_PATCH: ([], [1]), ONE_NONZERO: ([], [m]), ONE_DEEP: ([n, n], [])}.get(family, ([], []))
    one, other = (
        [xp.eye(size, dtype=D.dtype, device=D.device)[None, :, :] for size in side] for side in (below, above)
    )
    blocks = [*one, D, *other]
    coherences = [mu if A is D else xp.zeros_like(mu) for A in blocks]
    windows = [[*A.shape[1:], 1] for A in blocks]
    return {
        **{f"D{i}": A for i, A in enumerate(blocks, 1)},
        "mu": xp.stack(coherences, axis=-1),
        "windows": xp.asarray([windows], device=D.device),
    }


def _profile(x: Any) -> tuple[Any, Any]:
    """The profile of the codes, and epsilon_0, ..., epsilon_K (B, K + 1)."""
    stacked = layered.layers(x)
    found = multilayer.profile(stacked, multilayer.codes(stacked, x["code"]))
    return found, layered.growing(x["radius"], 7.5 * namespace(x["E"]).sqrt(found.patch))


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """The conditions of every layer multiplied out, with a margin: the limits sit on lattice values of 1/mu."""
    xp = namespace(x["E"])
    found, bounds = _profile(x)
    first = layered.layers(x)[0]
    rounding = 8 * (first.A.shape[-2] + x["xi"].shape[-1]) * eps(x["E"])
    one = xp.ones_like(x["radius"])
    weights = xp.max(xp.abs(x["xi"] / (4 * bounds[:, :-1]) - 1), axis=-1)
    return {
        SPARSE: xp.min(1 + x["mu"] - 3 * found.k * x["mu"], axis=-1) - instances.MARGIN,
        HALF_SPARSE: xp.min(1 + x["mu"] - 2 * found.k * x["mu"], axis=-1) - instances.MARGIN,
        NOISE: x["radius"] * (1 + rounding) - first.patch_norm(x["E"]),
        WEIGHTS: rounding - weights,
        GLOBAL: one if layered.is_global(x) else -one,
        AUDITED: x["audit"] - 0.5,
    }


def solve(p: Params, x: Any) -> dict[str, Any]:
    """The pursuit on the predicted supports with its certificates."""
    return {**layered.pursue(x, x["audit"], p.gap), **_known(x)}


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same from one instance by coordinate descent."""
    return {**layered.pursue_reference(x), **_known(x)}


def _known(x: Any) -> dict[str, Any]:
    xp = namespace(x["E"])
    found, bounds = _profile(x)
    roots = xp.sqrt(found.patch)
    layer = 1 + xp.arange(roots.shape[-1], dtype=xp.int64, device=x["E"].device)
    return {
        "roots": layered.growing(1 + 0 * x["radius"], roots)[:, 1:],
        "patch": found.patch,
        "noise": bounds[:, :-1],
        "epsilon": x["radius"][:, None],
        "layer": xp.astype(layer, x["E"].dtype)[None, :],
        "xi": x["xi"],
    }


def advise(p: Params, x: Any) -> str:
    """What each layer admits and has."""
    found, _ = _profile(x)
    told = [
        f"layer {i}: coherence {mu:.4f} admits {dictionaries.admitted(mu, THIRD)} in a stripe, the code has {k:g}"
        for i, (mu, k) in enumerate(zip(to_numpy(x["mu"])[0].tolist(), to_numpy(found.k)[0].tolist(), strict=True), 1)
    ]
    return "; ".join(told) + "; larger b and c admit more"


GIVEN = (SPARSE, NOISE, WEIGHTS)
SHARES = {
    **{f"three layers, {noise}": 0.4 for noise in (RANDOM, AGAINST)},
    **{f"stride 1, {noise}": 0.15 for noise in (RANDOM, AGAINST)},
    **{f"global norms, wide, {noise}": 0.5 for noise in (RANDOM, AGAINST)},
    **dict.fromkeys(ONE, 0.2),
}

THEOREM = Theorem(
    "layered_bp",
    "Layered basis pursuit: no wrong atom at any layer, and an error that grows by a known factor",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    repair=layered.repair,
    advise=advise,
    fixed=("radius", "xi", "audit"),
    families=FAMILIES,
    shares=SHARES,
    instances=12500,
    batch=256,
    claims=(
        Claim("no wrong atom, unique minimiser", Every(), "reach", Formula("xi"), GIVEN),
        Claim("error", Every(), "error", BOUND, GIVEN),
        Claim("entries", Every(), "entry", Formula("7.5 * noise"), GIVEN),
        Claim("large entries are found", Every(), "lost", Formula("7.5 * noise"), GIVEN),
        Claim("the full solver agrees", Every(), "dispute", Formula("0"), (*GIVEN, AUDITED)),
        Claim(
            OF_SLIDE,
            Every(),
            "error",
            UNROLLED,
            (*GIVEN, GLOBAL),
            origin="elad2018",
            source=SLIDE,
        ),
        misreading(
            "slide: supports whatever the weights",
            Every(),
            "reach",
            Formula("xi"),
            (SPARSE, NOISE, GLOBAL),
            source=SLIDE,
            grade="incomplete",
            reading="the weights lambda_i are free: the slide names no choice",
            because="with a weight of the size of the noise the noise itself is coded, by atoms off the support",
            holds_when="lambda_i = 4 epsilon_{i-1}",
        ),
        control(
            "one half in place of one third",
            Every(),
            "reach",
            Formula("xi"),
            (HALF_SPARSE, NOISE, WEIGHTS),
            "beyond kappa = 3/4 even noise of length epsilon can need more than 4 epsilon",
        ),
        control(
            "5 in place of 7.5",
            Every(),
            "error",
            Formula("5**layer * epsilon * roots"),
            GIVEN,
            "5 is the factor of a single non-zero; the inverse of the Gram adds up to one half",
        ),
        control(
            "growth without the roots of the counts",
            Every(),
            "error",
            Formula("7.5**layer * epsilon"),
            GIVEN,
            "every non-zero of a patch carries the bias of the weight",
        ),
        control(
            "entries above 4 epsilon_{i-1} are found",
            Every(),
            "lost",
            Formula("4 * noise"),
            GIVEN,
            "noise against an entry adds to the weight",
        ),
    ),
    sources=(
        Source(PAPYAN2017CNN, "theorem on layered basis pursuit", "from memory; proved on this page"),
        SLIDE,
        Source(OURS, "the certificate by the minimiser on the predicted support"),
    ),
    symbols={
        "reach": (
            r"\max_{j\notin T_i}|d_j^T(\hat\Gamma_{i-1}-D_i\hat\Gamma_i)|",
            "largest correlation off the support",
        ),
        "error": (r"\lVert\hat\Gamma_i-\Gamma_i\rVert^P_{2,\infty}", "largest length of a patch of the error"),
        "entry": (r"\lVert\hat\Gamma_i-\Gamma_i\rVert_\infty", "largest error of an entry"),
        "lost": (r"\max_{\hat\Gamma_{i,j}=0}|\Gamma_{i,j}|", "largest entry that was not found"),
        "dispute": (r"\Delta_i", "by how much a full solver's point contradicts the minimiser"),
        "epsilon": (r"\varepsilon_0", "bound on the patches of the noise"),
        "noise": (r"\varepsilon_{i-1}", "bound on the noise that layer i receives"),
        "roots": (r"\prod_{j\le i}\sqrt{\lVert\Gamma_j\rVert^P_{0,\infty}}", "roots of the counts in a patch"),
        "patch": (r"\lVert\Gamma_i\rVert^P_{0,\infty}", "largest number of non-zeros in a patch"),
        "layer": ("i", "number of the layer"),
        "xi": (r"\xi_i", "weight of the 1-norm"),
    },
    figures=(
        Figure(
            "cloud",
            "cloud",
            ("error",),
            "Error of the tightest layer against the bound: the bias of the weights keeps it near.",
            x="bound on the error of a patch",
            y="measured error of a patch",
        ),
        Figure(
            "layers",
            "curves",
            ("error",),
            "Error at each layer and its bound, on the tightest instance of three layers.",
            x="layer",
            y="error of a patch",
            family=f"three layers, {AGAINST}",
        ),
    ),
    survivors={
        "no wrong atom, unique minimiser: all of it times 0.9": "true: for noise bounded in length the reach is at "
        "most epsilon + 4 kappa epsilon, which is below 0.75 xi",
        f"{OF_SLIDE}: all of it times 0.9": "true in the global norms: the error is at most "
        "epsilon/sqrt(q) + 4 sqrt(k) epsilon/q, q = 1 - (k - 1) mu > 2k/(3k - 1), below 0.825 of the bound",
        f"{OF_SLIDE}: without {GLOBAL!r}": "true: it is the theorem",
        "the full solver agrees: the relation turned round": "true: a positive part is not negative",
        f"the full solver agrees: without {SPARSE!r}": "true: the proof needs a reach below the weight alone",
        f"the full solver agrees: without {AUDITED!r}": "true: elsewhere there is no solver to disagree",
    },
    invariances={"opposite signs": layered.flip, "rescale": layered.rescale},
    not_tested=("weights other than those of the theorem", "more than three layers in the default run"),
)
