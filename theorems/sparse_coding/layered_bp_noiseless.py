r"""Layered basis pursuit without noise: exact with equality constraints, and nearly exact with small weights.

The model, the pursuit and the norms are those of `layered_bp`, with $`E=0`$; $`k_i=\|\Gamma_i\|^S_{0,\infty}`$,
$`k^P_i=\|\Gamma_i\|^P_{0,\infty}`$, $`q_i=1-(k_i-1)\mu_i`$, $`\kappa_i=k_i\mu_i/q_i`$.

**Theorem.** Let $`k_i<\frac12(1+\frac1{\mu_i})`$ for all $`i`$, that is $`\kappa_i<1`$.

(i) *Equality.* $`\hat\Gamma_i=\arg\min\|\Gamma\|_1`$ subject to $`D_i\Gamma=\hat\Gamma_{i-1}`$, from
$`\hat\Gamma_0=X`$ on, returns $`\hat\Gamma_i=\Gamma_i`$ at every layer.

(ii) *Small weights.* For every $`\xi_1>0`$ the Lagrangian pursuit of the first layer has its support in that of
$`\Gamma_1`$ and $`\|\hat\Gamma_1-\Gamma_1\|_\infty\le\xi_1/q_1`$. With $`\varepsilon_1=\sqrt{k_1^P}\,\xi_1/q_1`$ for
the noise that the next layer receives, and for the deeper layers weights
$`\xi_i>\frac{1+\kappa_i}{1-\kappa_i}\varepsilon_{i-1}`$ and
$`\varepsilon_i=\sqrt{k_i^P}\,(\varepsilon_{i-1}+\xi_i)/q_i`$ as in `layered_bp_sharp`, all supports are right and
$`\|\hat\Gamma_i-\Gamma_i\|_{2,\infty}^P\le\varepsilon_i`$, which is proportional to $`\xi_1`$.

*Proof.* (i) With $`s`$ the signs of $`\Gamma_i`$ on its support $`T`$, $`\nu=D_TG_T^{-1}s`$ has $`D_T^T\nu=s`$ and off
the support $`|d_j^T\nu|=|s^TG_T^{-1}D_T^Td_j|\le\|G_T^{-1}D_T^Td_j\|_1\le\kappa_i<1`$, where an atom meets at most
$`k_i`$ atoms of $`T`$. So $`\nu`$ certifies that $`\Gamma_i`$ is the only minimiser (`bp_noiseless`), and the next
layer starts from it. (ii) is `layered_bp_sharp` with $`\varepsilon_0=0`$ at the first layer, where the reach is at most
$`\kappa_1\xi_1<\xi_1`$. $`\square`$

**Sharp.** $`\kappa`$ is attained on the simplex. The error is $`\xi_1/q_1`$ exactly for equal signs there, and
$`\xi_1`$ for a single non-zero of any dictionary. Kind: inequality for every instance and layer.

**The slide** crosses out "error even if no noise" for layered basis pursuit. As a limit that is right: the error is
proportional to the weights, and any upper bound $`\varepsilon_0>0`$ of the noise may be used for them. Taken at its
word, $`\lambda_1=4\|E\|_2=0`$, the objective of the first layer is plain least squares: it has infinitely many
minimisers, and the shortest of them, which gradient methods from 0 find, is not $`\Gamma_1`$.

**Not covered.** Solving the equality form by a linear program (`bp_noiseless` does, at one layer).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from pydantic import Field

from theorems.bibliography import ELAD2018, FUCHS2004, OURS
from theorems.sparse_coding import _instances as instances
from theorems.sparse_coding import _layered as layered
from verify import Claim, Enclosure, Every, Figure, Formula, Parameters, Source, Theorem, control, misreading
from verify.core.arrays import eps, matvec, namespace, norm2, rmatvec
from verify.kit import basis_pursuit as bp
from verify.kit import dictionaries, multilayer

HALF = Fraction(1, 2)
SPARSE, WIDE = "stripes of Gamma_i < (1 + 1/mu_i)/2", "more atoms than rows at the first layer"
_Q = "(1 - (k - 1)*mu)"
KAPPA = Formula(f"k * mu / {_Q} + delta")
BOUND = Formula(f"sqrt(patch) * ((noise + xi) / {_Q} + slack)")
ENTRIES = Formula(f"(noise + xi) / {_Q} + slack")
SLIDE = Source(ELAD2018, "slide 'Success of the Layered BP'", "'error even if no noise', crossed out")

SETTINGS = {
    "two layers": layered.Setting(2, 64, 6, 7, 3),
    "three layers": layered.Setting(3, 64, 6, 7, 3),
    "stride 1": layered.Setting(2, 400, 3, 0, 2, stride_one=True),
    "global norms": layered.Setting(2, 128, 3, 7, 1, local=False, norms="global"),
}
SIMPLEX, TOO_MANY = "simplex", "too many"
FAMILIES = {
    **{name: f"{name}, random code" for name in SETTINGS},
    SIMPLEX: "one layer of a simplex, equal signs",
    TOO_MANY: "two layers with more non-zeros than the theorem admits",
}


class Params(Parameters):
    """The size of the simplex and the codes."""

    n: int = Field(40, ge=3, le=400, description="dimension of the simplex")
    k: int = Field(0, ge=0, le=199, description="non-zeros of the deepest code; 0: up to what is admitted")
    contrast: float = Field(0.2, gt=0, le=1, description="smallest over largest magnitude in the deepest code")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """D1, D2, ... (1, n, m), blocks of the layers; mu (1, K); windows (1, K, 3); code (B, m) the deepest code;
    weight (B,) = xi_1; factor (B,), the deeper weights over the smallest ones."""
    xp = draw.xp
    size = draw.log_uniform(low=0.001, high=1000.0)
    if family == SIMPLEX:
        made = dictionaries.simplex(p.n)
        D, mu = draw.backend.asarray(made.D)[None, ...], draw.backend.asarray([made.mu])
        top = max(1, dictionaries.admitted(made.mu, HALF))
        k = draw.integers(p.k, p.k + 1) if p.k else draw.integers(1, top + 1)
        x = {**layered.single(D, mu), "code": size[:, None] * xp.abs(instances.sparse_vector(draw, made.m, k))}
    else:
        own = SETTINGS["two layers" if family == TOO_MANY else family]
        least, most = (p.k, p.k) if p.k else (10, 20) if family == TOO_MANY else (1, own.k)
        k = draw.integers(least, most + 1)
        x = layered.dictionaries(draw, own)
        x["code"] = size[:, None] * layered.code(draw, own, p.contrast, False, k)
    x["weight"] = size * draw.log_uniform(low=1e-3, high=0.3)
    x["factor"] = 1 + draw.log_uniform(low=1e-6, high=3.0)
    return x


def _weighted(x: Any) -> dict[str, Any]:
    """The profile of the codes with the weights and the bounds on the noise that each layer receives, each (B, K)."""
    xp = namespace(x["code"])
    stacked = layered.layers(x)
    found = multilayer.profile(stacked, multilayer.codes(stacked, x["code"]))
    q = 1 - (found.k - 1) * x["mu"]
    kappa = found.k * x["mu"] / q
    noise, weights = [0 * x["weight"]], [x["weight"]]
    for i in range(found.k.shape[-1]):
        if i > 0:
            weights.append(x["factor"] * (1 + kappa[:, i]) / (1 - kappa[:, i]) * noise[-1])
        noise.append(xp.sqrt(found.patch[:, i]) * (noise[-1] + weights[-1]) / q[:, i])
    return {
        "k": found.k,
        "patch": found.patch,
        "mu": x["mu"],
        "noise": xp.stack(noise[:-1], axis=-1),
        "xi": xp.stack(weights, axis=-1),
    }


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """The conditions of every layer multiplied out, with a margin."""
    xp = namespace(x["code"])
    known = _weighted(x)
    one = xp.ones_like(x["weight"])
    return {
        SPARSE: xp.min(1 + known["mu"] - 2 * known["k"] * known["mu"], axis=-1) - instances.MARGIN,
        WIDE: one if x["D1"].shape[-1] > x["D1"].shape[-2] else -one,
    }


def _quantities(x: Any, pursue: Any, certificate: Any) -> dict[str, Any]:
    xp = namespace(x["code"])
    known = _weighted(x)
    stacked = layered.layers(x)
    gammas = multilayer.codes(stacked, x["code"])
    positive = xp.where(known["xi"] > 0, known["xi"], 1 + 0 * known["xi"])
    silence = 0 * layered.signal(stacked, gammas)
    found = pursue({**x, "E": silence, "xi": positive, "audit": 0 * x["weight"]})
    values, conditions = zip(
        *(certificate(layer, gamma) for layer, gamma in zip(stacked, gammas, strict=True)), strict=True
    )
    terms = stacked[0].A.shape[-2] + xp.max(known["k"])
    return {
        "reach": found["reach"],
        "entry": found["entry"].value,
        "error": found["error"].value,
        "slack": found["entry"].upper - found["entry"].value,
        "certificate": xp.stack(values, axis=-1),
        "delta": 16 * terms * eps(silence) * xp.stack(conditions, axis=-1),
        "shortest": _shortest(stacked[0], gammas[0]),
        **known,
    }


def _shortest(layer: Any, gamma: Any) -> Enclosure:
    """How far the shortest solution D^+ X of D Gamma = X is from Gamma_1: (B,)."""
    xp = namespace(gamma)
    A = layer.A
    frame = bp.Frame.of(A)
    folded = layer.fold(gamma)
    image = matvec(A, folded)
    solution = rmatvec(A, matvec(frame.inverse, image))
    size = norm2(layer.unfold(solution) - gamma)
    unsure = 64 * (A.shape[-2] + A.shape[-1]) * eps(gamma) * xp.max(frame.norm) ** 2 * norm2(gamma)
    return Enclosure.around(size, unsure)


def _certificate(layer: Any, gamma: Any) -> tuple[Any, Any]:
    xp = namespace(gamma)
    signs = xp.sign(layer.fold(gamma))
    support, mask = bp.padded_support(signs)
    found = bp.noiseless_certificate(layer.A, support, mask, xp.take_along_axis(signs, support, axis=-1))
    return layer.worst(found.value), layer.worst(found.condition)


def _certificate_reference(layer: Any, gamma: Any) -> tuple[Any, Any]:
    """Block by block, by least squares."""
    import numpy as np

    A, values, conditions = layer.A[0], [0.0], [1.0]
    for block in gamma.reshape(layer.blocks, -1):
        T = np.flatnonzero(block)
        if len(T):
            nu = np.linalg.lstsq(A[:, T].T, np.sign(block[T]), rcond=None)[0]
            values.append(np.delete(np.abs(A.T @ nu), T).max(initial=0.0))
            conditions.append(np.linalg.cond(A[:, T]) ** 2)
    return np.asarray([max(values)]), np.asarray([max(conditions)])


def solve(p: Params, x: Any) -> dict[str, Any]:
    """The certificate of the equality form, and the pursuit with weights on the predicted supports."""
    return _quantities(x, lambda y: layered.pursue(y, y["audit"], 1.0), _certificate)


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same from one instance by least squares and coordinate descent."""
    return _quantities(x, layered.pursue_reference, _certificate_reference)


def advise(p: Params, x: Any) -> str:
    """What the coherences admit."""
    return layered.admitted(x, HALF)


GIVEN = (SPARSE,)

THEOREM = Theorem(
    "layered_bp_noiseless",
    "Layered basis pursuit without noise: exact with equality, nearly exact with small weights",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    advise=advise,
    fixed=("factor",),
    families=FAMILIES,
    shares={"three layers": 0.4, "stride 1": 0.2, TOO_MANY: 0.1},
    instances=5000,
    batch=256,
    claims=(
        Claim("equality: certificate at most kappa", Every(), "certificate", KAPPA, GIVEN),
        Claim("small weights: no wrong atom", Every(), "reach", Formula("xi"), GIVEN),
        Claim("small weights: error", Every(), "error", BOUND, GIVEN),
        Claim("small weights: entries", Every(), "entry", ENTRIES, GIVEN),
        misreading(
            "slide: no error if no noise, weights exactly 0",
            Every(),
            "shortest",
            Formula("0"),
            (SPARSE, WIDE),
            source=SLIDE,
            grade="loose",
            reading="lambda_1 = 4 |E|_2 = 0, and the minimiser that gradient methods from 0 find",
            because="without a weight the objective is least squares, and its shortest minimiser is dense",
            holds_when="the weight tends to 0, or the pursuit with equality is meant",
        ),
        control(
            "exact for a positive weight",
            Every(),
            "entry",
            Formula("slack"),
            GIVEN,
            "the weight shrinks every entry",
        ),
        control(
            "certificate below 1 whatever the stripes",
            Every(),
            "certificate",
            Formula("1 + delta"),
            (),
            "with too many non-zeros an atom off the support explains the signal as well",
        ),
        control(
            "k - 1 in place of k in kappa",
            Every(),
            "certificate",
            Formula("(k - 1) * mu / (1 - (k - 2)*mu) + delta"),
            GIVEN,
            "kappa is attained on the simplex",
        ),
        control(
            "error without the noise of the layer before",
            Every(),
            "entry",
            Formula("xi + slack"),
            GIVEN,
            "atoms of negative inner products magnify the bias by 1/q",
        ),
    ),
    sources=(
        SLIDE,
        Source(FUCHS2004, "the dual certificate", "from memory; proved on this page"),
        Source(OURS, "both parts, layer by layer"),
    ),
    symbols={
        "certificate": (
            r"\max_{j\notin T_i}|d_j^TD_{T}G_T^{-1}s|",
            "value of the dual certificate off the support",
        ),
        "reach": (
            r"\max_{j\notin T_i}|d_j^T(\hat\Gamma_{i-1}-D_i\hat\Gamma_i)|",
            "largest correlation off the support",
        ),
        "error": (r"\lVert\hat\Gamma_i-\Gamma_i\rVert^P_{2,\infty}", "largest length of a patch of the error"),
        "entry": (r"\lVert\hat\Gamma_i-\Gamma_i\rVert_\infty", "largest error of an entry"),
        "shortest": (r"\lVert D_1^+X-\Gamma_1\rVert_2", "error of the shortest least-squares solution"),
        "delta": (r"\delta", "rounding of the certificate"),
        "slack": (r"\eta", "rounding of an entry of the computed minimiser"),
        "noise": (r"\varepsilon_{i-1}", "bound on the error that layer i receives"),
        "patch": (r"k^P_i", "largest number of non-zeros in a patch"),
        "k": ("k_i", "largest number of non-zeros in a stripe"),
        "mu": (r"\mu_i", "mutual coherence"),
        "xi": (r"\xi_i", "weight of the 1-norm"),
    },
    figures=(
        Figure(
            "error",
            "cloud",
            ("small weights: error",),
            "The error is proportional to the weight of the first layer: it tends to 0 with it.",
            x="bound on the error of a patch",
            y="measured error of a patch",
        ),
    ),
    invariances={"opposite signs": layered.flip, "rescale": layered.rescale},
    not_tested=("a linear program for the equality form",),
)
