r"""Deep sparse representations of neighbouring signals are close, layer by layer or by the effective dictionaries.

The deep coding problem asks for codes with $`\|Y-D_1\Gamma_1\|_2\le\varepsilon`$, $`\Gamma_{i-1}=D_i\Gamma_i`$ and
$`\|\Gamma_i\|^S_{0,\infty}\le\lambda_i`$ for $`i=1,\dots,K`$. Let $`\mu_i`$ be the coherence of $`D_i`$ and
$`D^{(i)}=D_1D_2\cdots D_i`$ the effective dictionaries. Norms of codes count the non-zeros in a stripe, all atoms that
meet one atom, as in `layered_bp`; with everything one stripe they are $`\|\Gamma_i\|_0`$.

**Theorem.** Let $`\{\Gamma_i\}`$ and $`\{\hat\Gamma_i\}`$ both be solutions.
(a) If the columns of all $`D_i`$ are unit vectors and $`\lambda_i<\frac12\big(1+\frac1{\mu_i}\big)`$, then

```math
\|\hat\Gamma_i-\Gamma_i\|_2^2\le4\varepsilon^2\prod_{j=1}^i\frac1{1-(2\lambda_j-1)\mu_j} ,
```

and also with $`u_j-1`$ for $`2\lambda_j-1`$, where $`u_j\le2\lambda_j`$ counts in a stripe the places where
$`\Gamma_j`$ or $`\hat\Gamma_j`$ is not 0. (b) Let patches not overlap (block dictionaries, and the global norms). With
$`\nu_i`$ the smallest squared length of a column of $`D^{(i)}`$ and $`M_i`$ the largest inner product of two of them,

```math
\|\hat\Gamma_i-\Gamma_i\|_2^2\le\frac{4\varepsilon^2}{\nu_i-(2\lambda_i-1)M_i}
```

where the denominator is positive. If the columns of $`D^{(i)}`$ are unit vectors, this is
$`4\varepsilon^2/(1-(2\lambda_i-1)\mu(D^{(i)}))`$.

*Proof.* Let $`h_i=\hat\Gamma_i-\Gamma_i`$. Then $`\|D_1h_1\|=\|D^{(i)}h_i\|\le2\varepsilon`$ and $`h_{i-1}=D_ih_i`$. A
row of the Gram of the atoms that $`h_i`$ uses has a 1 and at most $`u_i-1`$ further entries that are not 0, so by
Gershgorin $`\|D_ih_i\|^2\ge(1-(u_i-1)\mu_i)\|h_i\|^2`$: (a). Where patches do not overlap $`D^{(i)}`$ has the blocks of
$`D_i`$, its atoms meet no others, and Gershgorin for its Gram is (b). $`\square`$

Neither bound is the better one: (b) knows the products, (a) the layers. For signs at their worst (b) has
$`1-(2\lambda_2-1)\mu_2-(2c\lambda_2-1)\mu_1`$, $`c`$ the taps of an atom of $`D_2`$, where (a) has
$`(1-(2c\lambda_2-1)\mu_1)(1-(2\lambda_2-1)\mu_2)`$, which is larger. In the runs (b) is smaller by a tenth for one
non-zero under three layers, and says nothing for two where (a) does.

**Unit columns of the products.** (b) is remembered from the literature in the form of its last sentence. The products
of dictionaries with unit columns do not have them, and without them that form fails: for
$`\langle d_1,d_2\rangle=\frac14`$, an atom $`(1,-1,0)/\sqrt2`$ of $`D_2`$ and another orthogonal to it, the products
are orthogonal, $`\mu(D^{(2)})=0`$, and a single atom of squared length $`\frac34`$ makes the squared error
$`\frac{16}3\varepsilon^2`$. It is a condition to impose; whether a paper does could not be checked.

**What is checked.** Nothing hard is solved: any two members of the model, with the noise in the middle of their
signals, are solutions. The excess of the residual over $`\varepsilon`$ and the rounding of the codes are $`\eta`$, and
$`2\varepsilon+\eta`$ stands for $`2\varepsilon`$.

**Sharp.** Both are attained on a simplex over atoms of $`D_2`$ with equal taps on disjoint places, where
$`\mu_2=0`$: at both layers and for every $`\lambda_2`$. With two overlapping taps of opposite signs (a) is attained in
the form with $`u_j`$ and $`\mu_2=\frac35`$. Kind: inequality for every instance and layer.

**The slide** poses the problem and gives no bound; an abstract mentions improved ones without a formula. With
$`\varepsilon=0`$ the solution is unique (`dcp_uniqueness`).

**Not covered.** The version with $`\|\Gamma_{i-1}-D_i\Gamma_i\|\le\varepsilon_i`$ between the layers, whose bound grows
faster.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Any

from pydantic import Field

from theorems.bibliography import ELAD2018, OURS, PAPYAN2017CNN, SULAM2018
from theorems.sparse_coding import _instances as instances
from theorems.sparse_coding import _layered as layered
from verify import Claim, Every, Figure, Formula, Parameters, Source, Theorem, control
from verify.core.arrays import eps, namespace, norm2, to_numpy
from verify.kit import dictionaries, multilayer
from verify.kit.coherence import coherence, off_diagonal, unit

HALF = Fraction(1, 2)
SPARSE, FEW, UNIT, NOISE = "lambda_i < (1 + 1/mu_i)/2", "u_i < 1 + 1/mu_i", "unit columns of D_i", "|E| <= epsilon"
APART, POSITIVE = "patches do not overlap", "(2 lambda_i - 1) M_i < nu_i"
UNIT_PRODUCTS, NORMAL = "unit columns of the products", "lambda_i < (1 + 1/mu(D_1...D_i))/2"
CHAIN = Formula("before / sqrt(1 - (2*lam - 1)*mu)")
UNIONS = Formula("before_u / sqrt(1 - (u - 1)*mu)")
EFFECTIVE = Formula("(2*epsilon + eta) / sqrt(nu - (2*lam - 1)*M)")
PRODUCTS = Formula("(2*epsilon + eta) / sqrt(1 - (2*lam - 1)*coherence)")

SETTINGS = {
    "two layers": layered.Setting(2, 16, 4, 5, 2),
    "three layers": layered.Setting(3, 16, 4, 5, 2),
    "global norms": layered.Setting(2, 256, 4, 5, 2, local=False, norms="global"),
}
RANDOM, ALIGNED = "random pairs", "aligned pairs"
NORMALISED = "two layers, unit products"
EQUAL, OPPOSITE, EQUAL_UNIT = "simplex, equal taps", "simplex, opposite taps", "simplex, unit products"
SHORT, LOUD, THREE = "simplex, short atoms", "simplex, loud", "three atoms"
UNDER_IDENTITY = "stride 1, under the identity"
FAMILIES = {
    **{f"{name}, {RANDOM}": f"{name}: two codes, noise between their signals" for name in SETTINGS},
    **{
        f"{name}, {ALIGNED}": f"{name}: a difference on atoms whose products are as aligned as can be"
        for name in SETTINGS
    },
    NORMALISED: "aligned pairs of two layers, the atoms of the second scaled so that the products are unit vectors",
    EQUAL: "a simplex under atoms with two equal taps on places of their own",
    EQUAL_UNIT: "the same, scaled so that the products are unit vectors",
    OPPOSITE: "a simplex under pairs of atoms with taps of opposite signs on the same places",
    SHORT: "equal taps, atoms of length 1/2 at the second layer",
    LOUD: "equal taps, noise longer than epsilon",
    UNDER_IDENTITY: "a convolution of stride 1 under an identity, whose stripes are single positions",
    THREE: "two atoms with inner product 1/4 under an atom that is their difference: a short product",
}


class Params(Parameters):
    """The size of the simplex and the codes."""

    n: int = Field(40, ge=8, le=400, description="dimension of the simplex")
    k: int = Field(0, ge=0, le=64, description="non-zeros of the deepest codes; 0: up to what is admitted")
    contrast: float = Field(0.2, gt=0, le=1, description="smallest over largest magnitude in a random deepest code")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """D1, D2, ... (1, n, m), blocks of the layers; mu (1, K); windows (1, K, 3); code and other (B, m), the deepest
    codes of the two; E (B, N); radius (B,) = epsilon."""
    xp = draw.xp
    if family in (EQUAL, OPPOSITE, EQUAL_UNIT, SHORT, LOUD, THREE):
        x = _small(draw, p, family)
    elif family == UNDER_IDENTITY:
        x = _under_identity(draw)
    else:
        name, _, kind = family.partition(", ")
        own = SETTINGS[name]
        x = layered.dictionaries(draw, own)
        most = p.k or own.k
        k = draw.integers(p.k or 1, most + 1)
        if kind == RANDOM:
            x["code"], x["other"] = (layered.code(draw, own, p.contrast, False, k) for _ in range(2))
        else:
            m = x[f"D{own.layers}"].shape[-1]
            products = multilayer.effective(layered.layers({**x, "code": draw.full(0.0, m)}))[-1]
            x["code"], x["other"] = _aligned(draw, products, k, most)
    if family in (NORMALISED, EQUAL_UNIT):
        products = multilayer.effective(layered.layers(x))[-1]
        lengths = xp.sqrt(xp.sum(products * products, axis=-2, keepdims=True))
        x = {**x, "D2": x["D2"] / lengths, "mu": xp.stack([x["mu"][:, 0], coherence(unit(x["D2"]))], axis=-1)}
    if family == SHORT:
        x["D2"] = x["D2"] / 2
    scale = draw.log_uniform(low=0.1, high=10.0)[:, None]
    x["code"], x["other"] = scale * x["code"], scale * x["other"]
    repaired = repair(p, x)
    if family == LOUD:
        return {**repaired, "radius": draw.uniform(low=0.4, high=0.8) * repaired["radius"]}
    if not family.endswith(RANDOM):
        return repaired
    free = instances.random_noise(draw, repaired["E"].shape[-1], draw.uniform(high=0.5) * repaired["radius"])
    E = repaired["E"] + free
    return {**repaired, "E": E, "radius": xp.maximum(norm2(E), norm2(2 * repaired["E"] - E))}


def _aligned(draw: Any, D: Any, k: Any, most: int) -> tuple[Any, Any]:
    """Two codes whose difference is s, the signs of 2k atoms that lean against each other: -s on k of them, and s on
    the others."""
    xp, m = draw.xp, D.shape[-1]
    s = instances.aligned_atoms(draw, D, 2 * k, 2 * most)
    order = xp.where(s != 0, draw.uniform(m), draw.full(2.0, m))
    first = xp.argsort(xp.argsort(order, axis=-1), axis=-1) < k[:, None]
    zero = xp.zeros_like(s)
    return xp.where(first, -s, zero), xp.where(first, zero, s)


def _under_identity(draw: Any) -> dict[str, Any]:
    """Two filters with four taps, and codes with up to two non-zeros in a stripe of their convolution."""
    xp, bank = draw.xp, dictionaries.golomb(2, 4)
    D = multilayer.by_position(draw.backend.asarray(bank.kernel)[None, ...], 60)
    k = draw.integers(1, 3)
    code, other = _aligned(draw, D, k, 2)
    return {
        "D1": D,
        "D2": xp.eye(D.shape[-1], dtype=D.dtype, device=D.device)[None, ...],
        "mu": draw.backend.asarray([[bank.mu, 0.0]]),
        "windows": xp.asarray([[bank.kernel.shape, (2, 2, 1)]], device=D.device),
        "code": code,
        "other": other,
    }


def _small(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """The models whose products lean against each other as much as the bounds allow."""
    if family == THREE:
        x = _arrays(draw, *_three_atoms())
        code = draw.sign()[:, None] * draw.backend.asarray([[1.0, 0.0]])
        return {**x, "code": code, "other": 0 * code}
    if family == OPPOSITE:
        x = _arrays(draw, *_opposite_taps(p.n))
        pair = draw.xp.astype(draw.ranks(x["D2"].shape[-1] // 2) == 0, draw.backend.float)
        zero = draw.xp.zeros_like(pair)
        return {**x, "code": draw.xp.concat([-pair, zero], axis=-1), "other": draw.xp.concat([zero, pair], axis=-1)}
    x = layered.over_simplex(draw, p.n, 2)
    m = x["D2"].shape[-1]
    top = max(1, dictionaries.admitted(1 / p.n, HALF) // 2)  # two taps to an atom
    k = draw.integers(p.k or 1, (p.k or min(top, m // 2)) + 1)[:, None]
    rank, one = draw.ranks(m), draw.full(1.0, m)
    code = draw.xp.where(rank < k, -one, 0 * one)
    return {**x, "code": code, "other": draw.xp.where((rank >= k) & (rank < 2 * k), one, 0 * one)}


def _arrays(draw: Any, first: Any, second: Any, mu: list[float]) -> dict[str, Any]:
    """The arrays of two layers in global norms."""
    windows = draw.xp.asarray([[(*first.shape, 1), (*second.shape, 1)]], device=draw.backend.device)
    blocks = {f"D{i}": draw.backend.asarray(D)[None, ...] for i, D in enumerate((first, second), 1)}
    return {**blocks, "mu": draw.backend.asarray([mu]), "windows": windows}


def _three_atoms() -> tuple[Any, Any, list[float]]:
    """D_1 with the inner product 1/4 and D_2 with their difference, on the host."""
    import numpy as np

    first = np.asarray([[1.0, 0.25, 0.0], [0.0, 15**0.5 / 4, 0.0], [0.0, 0.0, 1.0]])
    return first, np.asarray([[0.5**0.5, 0.0], [-(0.5**0.5), 0.0], [0.0, 1.0]]), [0.25, 0.0]


@lru_cache(maxsize=8)
def _opposite_taps(n: int) -> tuple[Any, Any, list[float]]:
    """A simplex, and pairs of atoms with the taps 3 and -1, -1 and 3 over the root of 10, on the host."""
    import numpy as np

    made = dictionaries.simplex(n)
    pairs = np.arange(made.m // 2)
    second = np.zeros((made.m, 2 * len(pairs)))
    for side in (0, 1):
        second[2 * pairs + side, pairs + side * len(pairs)] = 0.9**0.5
        second[2 * pairs + 1 - side, pairs + side * len(pairs)] = -(0.1**0.5)
    return made.D, second, [made.mu, 0.6]


def _both(x: Any) -> tuple[list[multilayer.Layer], list[Any], list[Any]]:
    """The layers and the codes of the two members."""
    stacked = layered.layers(x)
    return stacked, multilayer.codes(stacked, x["code"]), multilayer.codes(stacked, x["other"])


def repair(p: Params, x: Any) -> dict[str, Any]:
    """The noise in the middle of the two signals again, epsilon its length."""
    stacked, *both = _both(x)
    at, beside = (layered.signal(stacked, gammas) for gammas in both)
    E = (beside - at) / 2
    return {**x, "E": E, "radius": norm2(E)}


def _known(x: Any) -> dict[str, Any]:
    """The counts lam and u, and of the products nu, M and the coherence, each (B, K) or (1, K)."""
    stacked, gammas, others = _both(x)
    xp = namespace(x["E"])
    lam, u = [], []
    for layer, a, b in zip(stacked, gammas, others, strict=True):
        lam.append(xp.maximum(layer.stripe_count(a), layer.stripe_count(b)))
        u.append(layer.stripe_count(xp.maximum(xp.abs(a), xp.abs(b))))
    products = multilayer.effective(stacked)
    return {
        "lam": xp.stack(lam, axis=-1),
        "u": xp.stack(u, axis=-1),
        "mu": x["mu"],
        "nu": xp.stack([xp.min(xp.sum(D * D, axis=-2), axis=-1) for D in products], axis=-1),
        "M": xp.stack([xp.max(off_diagonal(D), axis=(-2, -1)) for D in products], axis=-1),
        "coherence": xp.stack([coherence(unit(D)) for D in products], axis=-1),
    }


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """The conditions of all layers multiplied out, with a margin."""
    xp = namespace(x["E"])
    known, stacked = _known(x), layered.layers(x)
    lam, u, mu = known["lam"], known["u"], known["mu"]
    products = multilayer.effective(stacked)
    apart = all(layer.length == 1 for layer in stacked)
    rounding = 64 * sum(layer.A.shape[-2] for layer in stacked) * eps(x["E"])
    lengths = [xp.max(xp.abs(xp.sum(D * D, axis=-2) - 1), axis=-1) for D in products]
    coherent = known["coherence"]
    return {
        SPARSE: xp.min(1 + mu - 2 * lam * mu, axis=-1) - instances.MARGIN,
        FEW: xp.min(1 + mu - u * mu, axis=-1) - instances.MARGIN,
        UNIT: xp.min(xp.stack([instances.unit_columns(layer.A) for layer in stacked], axis=-1), axis=-1),
        NOISE: instances.within(x["E"], x["radius"]),
        APART: (1.0 if apart else -1.0) * xp.ones_like(x["radius"]),
        POSITIVE: xp.min(known["nu"] - (2 * lam - 1) * known["M"], axis=-1) - instances.MARGIN,
        UNIT_PRODUCTS: rounding - xp.max(xp.stack(lengths, axis=-1), axis=-1),
        NORMAL: xp.min(1 + coherent - 2 * lam * coherent, axis=-1) - instances.MARGIN,
    }


def _quantities(x: Any, errors: Any, excess: Any) -> dict[str, Any]:
    """From the errors (B, K) and what the residual exceeds epsilon by (B,)."""
    xp = namespace(excess)
    known, (stacked, gammas, others) = _known(x), _both(x)
    sizes = sum(layer.columns**0.5 for layer in stacked) + stacked[0].rows ** 0.5
    rounding = sum(layered.rounding(stacked, codes, x["E"]) for codes in (gammas, others))
    eta = xp.where(excess > 0, excess, xp.zeros_like(excess)) + sizes * rounding

    def bounds(factors: Any) -> Any:
        """2 epsilon + eta over the roots of the layers before."""
        inverse = 1 / xp.sqrt(xp.where(factors > 0, factors, xp.ones_like(factors)))
        return layered.growing(2 * x["radius"] + eta, inverse)[:, :-1]

    return {
        "error": errors,
        "before": bounds(1 - (2 * known["lam"] - 1) * known["mu"]),
        "before_u": bounds(1 - (known["u"] - 1) * known["mu"]),
        "epsilon": x["radius"][:, None],
        "eta": eta[:, None],
        **known,
    }


def solve(p: Params, x: Any) -> dict[str, Any]:
    """The distances of the codes and the residual of the other signal."""
    stacked, gammas, others = _both(x)
    errors = [norm2(b - a) for a, b in zip(gammas, others, strict=True)]
    residual = x["E"] - stacked[0].synthesis(others[0] - gammas[0])
    return _quantities(x, namespace(x["E"]).stack(errors, axis=-1), norm2(residual) - x["radius"])


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same for one instance, the difference carried up in extended precision."""
    import numpy as np

    h = np.asarray(x["other"][0], dtype=np.longdouble) - x["code"][0]
    errors = [np.linalg.norm(h)]
    for layer in reversed(layered.layers(x)):
        blocks = h.reshape(layer.blocks, -1)
        h = np.concatenate([layer.A[0].astype(np.longdouble) @ block for block in blocks])
        errors.insert(0, np.linalg.norm(h))
    residual = np.linalg.norm(x["E"][0] - h) - x["radius"][0]
    return _quantities(x, np.asarray([errors[1:]], dtype=float), np.asarray([residual], dtype=float))


def advise(p: Params, x: Any) -> str:
    """What the coherences admit."""
    admits = [dictionaries.admitted(mu, HALF) if mu else "any" for mu in to_numpy(x["mu"])[0].tolist()]
    return f"the coherences admit {', '.join(map(str, admits))} non-zeros in a stripe at layers 1, 2, ..."


def flip(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Every signal and code with the other sign."""
    return {**x, **{name: -x[name] for name in ("code", "other", "E")}}


def exchange(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The two members in each other's place, and the noise as the other sees it."""
    stacked, gammas, others = _both(x)
    E = x["E"] - stacked[0].synthesis(others[0] - gammas[0])
    return {**x, "code": x["other"], "other": x["code"], "E": E}


def rescale(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Everything measured in a unit four times smaller."""
    return {**x, **{name: 4 * x[name] for name in ("code", "other", "E", "radius")}}


GIVEN = (SPARSE, UNIT, NOISE)

THEOREM = Theorem(
    "dcp_stability",
    "Deep sparse representations of neighbouring signals are close",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    repair=repair,
    advise=advise,
    families=FAMILIES,
    shares={
        **{f"{name}, {kind}": 0.5 for name in ("three layers", "global norms") for kind in (RANDOM, ALIGNED)},
        **dict.fromkeys((SHORT, LOUD, UNDER_IDENTITY, THREE), 0.3),
    },
    instances=3000,
    batch=4096,
    claims=(
        Claim("layer by layer", Every(), "error", CHAIN, GIVEN),
        Claim("layer by layer, by the unions", Every(), "error", UNIONS, (FEW, UNIT, NOISE)),
        Claim("by the products", Every(), "error", EFFECTIVE, (POSITIVE, NOISE, APART)),
        Claim("by products with unit columns", Every(), "error", PRODUCTS, (NORMAL, UNIT_PRODUCTS, NOISE, APART)),
        control(
            "by products with columns of any length",
            Every(),
            "error",
            PRODUCTS,
            (NORMAL, UNIT, NOISE, APART),
            "atoms of unit length with a positive inner product have a short difference, and the coherence of the "
            "products does not see how short",
        ),
        control(
            "lambda - 1 in place of 2 lambda - 1",
            Every(),
            "error",
            Formula(CHAIN.text.replace("2 * lam", "lam")),
            GIVEN,
            "the difference of two codes has up to twice as many non-zeros",
        ),
        control(
            "the factor of the last layer alone",
            Every(),
            "error",
            CHAIN.where(before="2 * epsilon + eta"),
            GIVEN,
            "the layers above bring the signals of different codes together too",
        ),
        control(
            "epsilon in place of 2 epsilon",
            Every(),
            "error",
            CHAIN.where(before="before / 2"),
            GIVEN,
            "both signals may be epsilon away from Y, on opposite sides",
        ),
        control(
            "noise of any length",
            Every(),
            "error",
            CHAIN,
            (SPARSE, UNIT),
            "the other member is feasible, but the true one is not",
        ),
    ),
    sources=(
        Source(PAPYAN2017CNN, "stability of the deep coding problem", "relaxed between the layers; from memory"),
        Source(
            SULAM2018, "stability by the effective dictionary", "from memory; proved on this page, unit columns given"
        ),
        Source(ELAD2018, "slide 'ML-CSC: Pursuit'", "the problem, without a bound"),
        Source(OURS, "the chain, the unions, and products of any length, above"),
    ),
    symbols={
        "error": (r"\lVert\hat\Gamma_i-\Gamma_i\rVert", "distance of the two codes"),
        "before": (
            r"\bigl(2\varepsilon+\eta\bigr)\prod_{j<i}(1-(2\lambda_j-1)\mu_j)^{-1/2}",
            "bound of the layer before",
        ),
        "before_u": (
            r"\bigl(2\varepsilon+\eta\bigr)\prod_{j<i}(1-(u_j-1)\mu_j)^{-1/2}",
            "bound of the layer before, by the unions",
        ),
        "epsilon": (r"\varepsilon", "bound on the noise, radius of the constraint"),
        "eta": (r"\eta", "excess of the computed residual, and the rounding of the codes"),
        "lam": (r"\lambda_i", "largest number of non-zeros in a stripe of one of the two codes"),
        "u": ("u_i", "largest number of places in a stripe where one of the two codes is not 0"),
        "mu": (r"\mu_i", "mutual coherence of the layer"),
        "nu": (r"\nu_i", "smallest squared length of a column of the product of the layers so far"),
        "M": ("M_i", "largest inner product of two such columns"),
        "coherence": (r"\mu(D^{(i)})", "mutual coherence of these columns divided by their lengths"),
    },
    figures=(
        Figure(
            "ratio",
            "ratio",
            ("layer by layer", "by the products"),
            "Distance of the codes over its bounds against the sparsity: both are attained on the simplex.",
            x="non-zeros in a stripe",
            y="distance / bound",
            against="lam",
        ),
        Figure(
            "products",
            "cloud",
            ("by products with unit columns", "by products with columns of any length"),
            "The bound by the coherence of the products: with unit columns, and without.",
            x="bound on the distance",
            y="distance of the codes",
        ),
    ),
    invariances={"opposite signs": flip, "exchange": exchange, "rescale": rescale},
    not_tested=("more than three layers", "inequalities between the layers"),
)
