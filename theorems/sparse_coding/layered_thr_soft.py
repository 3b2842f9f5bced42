r"""Layered soft thresholding and the forward pass of a network find every support, with a larger error.

The model, the norms and the conditions are those of `layered_thr`: $`X=D_1\Gamma_1`$, $`\Gamma_{i-1}=D_i\Gamma_i`$,
and $`Y=X+E`$ is given. Now $`\hat\Gamma_i=S_{\beta_i}(D_i^T\hat\Gamma_{i-1})`$ with the soft threshold
$`S_\beta(z)=\mathrm{sign}(z)(|z|-\beta)_+`$, or with the one-sided $`S^+_\beta(z)=(z-\beta)_+=\mathrm{ReLU}(z-\beta)`$:
the forward pass of a network with weights $`D_i^T`$ and biases $`-\beta_i`$.

**Theorem.** Let $`\lVert E\rVert^P_{2,\infty}\le\varepsilon_0`$ and at every layer

```math
\varepsilon_i=\sqrt{\lVert\Gamma_i\rVert^P_{0,\infty}}\,
\bigl(\varepsilon_{i-1}+\mu_i(k_i-1)|\Gamma_i^{\max}|+\beta_i\bigr),
```

and with these $`\varepsilon_i`$ the thresholds in the intervals (b) of `layered_thr`. Then
$`\mathrm{supp}\,\hat\Gamma_i=\mathrm{supp}\,\Gamma_i`$ and
$`\lVert\hat\Gamma_i-\Gamma_i\rVert^P_{2,\infty}\le\varepsilon_i`$ for all i. If all $`\Gamma_i\ge0`$ the same holds of
the one-sided threshold.

*Proof.* That of `layered_thr` with one more term: on the support a soft threshold takes $`\beta_i`$ from a correlation
that is within $`\varepsilon_{i-1}+\mu_i(k_i-1)|\Gamma_i^{\max}|`$ of $`\Gamma_{i,j}`$ and has its sign, because it is
larger than $`\beta_i`$. One-sided: on the support correlations are positive and above $`\beta_i`$, off it they are at
most $`\beta_i`$, whatever their sign. $`\square`$

With or without noise $`\beta_1\ge k_1\mu_1|\Gamma_1^{\max}|`$ is in $`\varepsilon_1`$, and the intervals of the second
layer suffer from it. So thresholds before the last layer are taken at their lower ends, and far smaller coherences are
needed than for hard thresholds.

**Sharp.** With one non-zero in a stripe and noise against the signal, $`E\parallel-X`$, the error is $`\varepsilon_i`$
at every layer; the threshold is most of it, so even random noise comes near. The coherence term is attained on a
simplex with equal signs.

**The slides** say that the stability of the forward pass is guaranteed if the codes are sparse and the noise is
bounded. That is true by this theorem, with these thresholds. The $`\varepsilon_L^i`$ printed beside it are those of
hard thresholding; a reader who takes them for the forward pass is wrong by $`\sqrt{\lVert\Gamma_i\rVert_0}\,\beta_i`$
even without noise. Signed codes cannot be saved by $`[D,-D]`$, whose coherence is 1: the one-sided theorem is one of
nonnegative codes.

Kind: inequality for every instance, at every layer; the support is exact.

**Not covered.** Biases that differ between atoms; pooling; trained networks, whose weights have no small coherence.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from theorems.bibliography import ELAD2018, PAPYAN2017CNN
from theorems.sparse_coding import _layered_thr as instances
from theorems.sparse_coding._layered_thr import (
    CONDITION,
    GLOBAL,
    HARD,
    NEAR,
    NOISE,
    ONE,
    SOFT,
    THRESHOLDS,
    UNIT,
    Family,
    Params,
)
from verify import Claim, Every, Figure, Formula, Source, Theorem, control, misreading
from verify.core.arrays import namespace
from verify.kit import multilayer, shrinkage

ZERO = Formula("0")
PRINTED = HARD.error.where(before="printed_before")
NONNEGATIVE = "nonnegative codes"
GIVEN = (UNIT, NOISE, CONDITION, THRESHOLDS)
SLIDE = Source(ELAD2018, "slide 'Success of the Layered-THR', remark on the forward pass")

SMALL = replace(HARD.two, k=1)

FAMILIES = {
    "two layers, random noise": Family("strided convolutions, k = 1 or 2; local norms", SOFT.two, "random", 0.98),
    "two layers, aligned noise": Family("noise that makes the deepest error large", SOFT.two, "aligned", 0.98),
    "three layers, aligned noise": Family("strided convolutions, k = 1", SOFT.three, "aligned"),
    "stride 1, aligned noise": Family("convolutions on a circle, overlapping patches", SOFT.stride_one, "aligned"),
    "forward pass, random noise": Family("two layers, codes and taps >= 0", SOFT.two, "random", 0.98, signs=False),
    "forward pass, aligned noise": Family("the same, noise against it", SOFT.two, "aligned", 0.98, signs=False),
    "global norms, random noise": Family("1024 rows, no windows, codes >= 0", SOFT.whole, "random", signs=False),
    "global norms, aligned noise": Family("the same, noise against the signal", SOFT.whole, "aligned", signs=False),
    "one layer, aligned noise": Family("identity and Hadamard, k = 1 or 2", ONE, "aligned"),
    "simplex, no noise": Family("one layer whose coherence terms attain the bounds", None, "none", NEAR),
    "simplex, contrast": Family("the same with unequal magnitudes", None, "none", 0.6),
    "thresholds outside": Family("two layers, thresholds outside their intervals", SMALL, "random", inside=False),
    "too much noise": Family("two layers, noise of three times its bound", SMALL, "both", size=3),
}


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """See `_layered_thr.sample`."""
    return instances.sample(draw, p, FAMILIES[family], SOFT)


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """The conditions at the worst layer, beyond rounding, and whether no code has a negative entry."""
    xp = namespace(x["E"])
    gammas = multilayer.codes(instances.layered.layers(x), x["code"])
    lowest = xp.min(xp.stack([xp.min(gamma, axis=-1) for gamma in gammas], axis=-1), axis=-1)
    return {**instances.hypotheses(x, SOFT.error), NONNEGATIVE: lowest}


def solve(p: Params, x: Any) -> dict[str, Any]:
    """Supports and errors layer by layer, with soft and with one-sided thresholds."""
    xp = namespace(x["E"])
    have = instances.facts(x, SOFT.error)
    soft = instances.pursue(x, have, shrinkage.soft_threshold)
    one_sided = instances.pursue(x, have, shrinkage.one_sided_threshold)
    forward = instances.supports(x, have, one_sided, lambda z: z)
    return {
        **have.quantities,
        "printed_before": instances.facts(x, HARD.error).quantities["before"],
        "wrong": instances.supports(x, have, soft, xp.abs)["wrong"],
        "error": instances.errors(have, soft),
        "forward_wrong": forward["wrong"],
        "forward_error": instances.errors(have, one_sided),
    }


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same from the matrices themselves, one instance at a time."""
    import numpy as np

    def soft(z: Any, tau: float) -> Any:
        return np.sign(z) * np.maximum(np.abs(z) - tau, 0)

    found = instances.by_hand(x, SOFT.error, soft)
    forward = instances.by_hand(x, SOFT.error, lambda z, tau: np.maximum(z - tau, 0), one_sided=True)
    return {
        **found,
        "printed_before": instances.by_hand(x, HARD.error, soft)["before"],
        "forward_wrong": forward["wrong"],
        "forward_error": forward["error"],
    }


def repair(p: Params, x: Any) -> dict[str, Any]:
    """Noise and thresholds back into their bounds."""
    return instances.repair(p, x, SOFT.error)


def advise(p: Params, x: Any) -> str:
    """Which layer admits nothing, and what would be admitted instead."""
    return instances.advise(p, x, SOFT.error)


THEOREM = Theorem(
    "layered_thr_soft",
    "Layered soft thresholding and the forward pass find every support",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    repair=repair,
    advise=advise,
    fixed=instances.FIXED,
    families={name: family.aim for name, family in FAMILIES.items()},
    shares={name: 0.5 for name in FAMILIES if name[:3] in ("two", "thr", "str", "for")},
    instances=5000,
    batch=256,
    survivors={
        "soft: supports: the relation turned round": "a number of entries is never negative",
        "forward pass: supports: the relation turned round": "a number of entries is never negative",
    },
    claims=(
        Claim("soft: supports", Every(), "wrong", ZERO, GIVEN),
        Claim("soft: error", Every(), "error", SOFT.error, GIVEN),
        Claim("forward pass: supports", Every(), "forward_wrong", ZERO, (*GIVEN, NONNEGATIVE)),
        Claim("forward pass: error", Every(), "forward_error", SOFT.error, (*GIVEN, NONNEGATIVE)),
        misreading(
            "slide: the printed bound for the forward pass",
            Every(),
            "forward_error",
            PRINTED,
            (*GIVEN, NONNEGATIVE, GLOBAL),
            source=SLIDE,
            grade="loose",
            reading="the printed bounds, which are those of hard thresholding, hold for the forward pass as well",
            because="a soft threshold takes the threshold from every entry, with or without noise",
            holds_when="stability is meant in words, as the slide says it; the bounds then need the thresholds added",
        ),
        control(
            "the bound of hard thresholding",
            Every(),
            "error",
            PRINTED,
            GIVEN,
            "a soft threshold takes the threshold from every entry",
        ),
        control(
            "the threshold outside the root",
            Every(),
            "error",
            Formula("sqrt(patch) * (before + mu * (k - 1) * largest) + threshold"),
            GIVEN,
            "every entry of a patch loses the threshold",
        ),
        control(
            "the smallest magnitude in place of the largest",
            Every(),
            "error",
            SOFT.error.where(largest="smallest"),
            GIVEN,
            "the large entries disturb the small ones, not the reverse",
        ),
        control(
            "one-sided thresholds for signed codes",
            Every(),
            "forward_wrong",
            ZERO,
            GIVEN,
            "negative entries are lost",
        ),
        control(
            "thresholds anywhere",
            Every(),
            "wrong",
            ZERO,
            (UNIT, NOISE, CONDITION),
            "a threshold far below its interval lets atoms off the support in, one far above it leaves all out",
        ),
        control(
            "any noise",
            Every(),
            "error",
            SOFT.error,
            (UNIT, CONDITION, THRESHOLDS),
            "noise of three times its bound adds to the error",
        ),
    ),
    sources=(
        Source(PAPYAN2017CNN, "layered soft thresholding and the forward pass", "from memory; proved on this page"),
        SLIDE,
    ),
    symbols={
        **{name: instances.SYMBOLS[name] for name in instances.SYMBOLS if name not in ("reach", "least")},
        "forward_error": (r"\lVert\hat\Gamma^+_i-\Gamma_i\rVert^P_{2,\infty}", "the same for one-sided thresholds"),
        "forward_wrong": (
            r"|\mathrm{supp}\,\hat\Gamma^+_i\,\triangle\,\mathrm{supp}\,\Gamma_i|",
            "the same for one-sided thresholds",
        ),
        "printed_before": (r"\varepsilon_L^{i-1}", "the bound of hard thresholding at the layer before"),
    },
    figures=(
        Figure(
            "layers",
            "curves",
            ("soft: error", "the bound of hard thresholding"),
            "The error at each layer against its bound, which noise against the signal attains. The bound of hard "
            "thresholding is far below. The code is nonnegative, so that this is the forward pass.",
            x="layer i",
            y="largest error in a patch",
            family="forward pass, aligned noise",
        ),
        Figure(
            "cloud",
            "cloud",
            ("soft: error",),
            "Error against the bound, at the layer where their ratio is largest. The threshold is most of the error, "
            "so random noise is near the bound too.",
            x="bound",
            y="error",
        ),
    ),
    invariances={"rescale": instances.rescale, "permute atoms": instances.permute_atoms},
    not_tested=("thresholds above their lower ends before the last layer", "more than three layers"),
)
