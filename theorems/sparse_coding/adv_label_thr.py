r"""How much noise leaves the label of a layered-thresholding classifier alone.

The codes of `layered_thr`, $`X=D_1\Gamma_1`$, $`\Gamma_{i-1}=D_i\Gamma_i`$, give a signal its label, the sign of
$`f=c+\sum_iw_i^T\Gamma_i`$. From $`Y=X+E`$ layered thresholding finds $`\hat\Gamma_i`$, and the label found is the sign
of $`\hat f=c+\sum_iw_i^T\hat\Gamma_i`$.

**Theorem.** Under the hypotheses of `layered_thr`, with $`T_i=\mathrm{supp}\,\Gamma_i`$,

```math
|\hat f-f|\le R=\sum_i\lVert(w_i)_{T_i}\rVert_2\,\sqrt{|T_i|}\,
\bigl(\varepsilon_{i-1}+\mu_i(k_i-1)|\Gamma_i^{\max}|\bigr)
```

for hard thresholds. For soft ones $`\beta_i`$ is added in the brackets, and the hypotheses and the $`\varepsilon_i`$
are those of `layered_thr_soft`. So no noise with $`\lVert E\rVert^P_{2,\infty}\le\varepsilon_0`$ changes the label if
$`|f|>R`$.

*Proof.* The supports are found, and every entry on them is wrong by at most the bracket: this is the proof of
`layered_thr` before it takes norms over patches. So $`\lVert\hat\Gamma_i-\Gamma_i\rVert_2\le\sqrt{|T_i|}(\ldots)`$, the
difference lives on $`T_i`$, and $`|w_i^T(\hat\Gamma_i-\Gamma_i)|`$ is at most the product. $`\square`$

It is the number of all non-zeros that counts, also where sparsity and noise are measured locally: the label looks at
the whole code.

**Sharp.** With one non-zero in every stripe, noise along the signal and $`w_i`$ along the errors, $`\hat f`$ moves by
R (soft: noise against the signal). A margin just below R is then lost.

**The slides** put the label as above and announce bounds on the adversarial noise that guarantee it; they print none.
The paper has the label depend on the deepest code alone, which is $`w_i=0`$ for the others.

Kind: inequality for every instance, and a label that never changes.

**Not covered.** Several classes (differences of two of their $`f`$ take the place of $`f`$); the average case; labels
from basis pursuit (`adv_label_bp`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from theorems.bibliography import ELAD2018, OURS, ROMANO2020
from theorems.sparse_coding import _labels as labels
from theorems.sparse_coding import _layered_thr as instances
from theorems.sparse_coding._layered_thr import (
    CONDITION,
    HARD,
    NOISE,
    ONE,
    SOFT,
    THRESHOLDS,
    UNIT,
    Family,
    Method,
    Params,
)
from verify import Claim, Enclosure, Every, Figure, Formula, Source, Theorem, control
from verify.core.arrays import namespace, norm2
from verify.kit import shrinkage

LAYER = Formula("weight * sqrt(count) * (before + mu * (k - 1) * largest)")
SOFT_LAYER = Formula("weight * sqrt(count) * (soft_before + mu * (k - 1) * largest + threshold)")
LAYERS = {HARD: LAYER, SOFT: SOFT_LAYER}
SHRINK = {HARD: shrinkage.hard_threshold, SOFT: shrinkage.soft_threshold}
ZERO = Formula("0")
MARGIN, SOFT_MARGIN, NEARLY = "|f| > R", "soft: |f| > R", "|f| > 0.9 R"
GIVEN = (UNIT, NOISE, CONDITION, THRESHOLDS)
SOFTLY = (UNIT, NOISE, f"soft: {CONDITION}", f"soft: {THRESHOLDS}")


@dataclass(frozen=True)
class Labelled:
    """How a family draws: its codes, the method that thresholds are made for, whether weights are random or along the
    errors, and what share of R the margin is."""

    codes: Family
    method: Method = HARD
    along: bool = True
    margin: float = 1.0001


ALONG = "aligned noise, weights along the errors"
SMALL = replace(HARD.two, k=1)
FAMILIES = {
    "two layers, random": Labelled(Family("random noise and weights", HARD.two, "random"), along=False),
    "two layers, worst": Labelled(Family(ALONG, HARD.two, "aligned")),
    "three layers, random": Labelled(Family("random noise and weights", HARD.three, "random"), along=False),
    "three layers, worst": Labelled(Family(ALONG, HARD.three, "aligned")),
    "global norms, worst": Labelled(Family(f"two layers, {ALONG}", HARD.whole, "aligned", 0.99)),
    "one layer, worst": Labelled(Family(f"identity and Hadamard, {ALONG}", ONE, "aligned")),
    "soft, random": Labelled(Family("random noise and weights, soft thresholds", SMALL, "random"), SOFT, along=False),
    "soft, worst": Labelled(Family(f"{ALONG}, soft thresholds", SMALL, "aligned"), SOFT),
    "margin too small": Labelled(Family("three layers, 95 hundredths of R", HARD.three, "aligned"), margin=0.95),
    "soft, margin too small": Labelled(Family("95 hundredths of R", SMALL, "aligned"), SOFT, margin=0.95),
}


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """The arrays of `_layered_thr.sample`, weights w1, ... (B, columns) and the offset (B,). Errors work against the
    sign of f."""
    chosen = FAMILIES[family]
    x = instances.sample(draw, p, chosen.codes, chosen.method)
    have = instances.facts(x, chosen.method.error)
    estimates = instances.pursue(x, have, SHRINK[chosen.method])
    errors = [estimate.code - gamma for estimate, gamma in zip(estimates, have.gammas, strict=True)]
    x |= {**labels.weights(draw, errors, chosen.along, 0.5, 2.0), "offset": draw.full(0.0)}
    return {**x, "offset": labels.offset(measure(x, chosen.method), chosen.margin)}


def measure(x: Any, method: Method) -> dict[str, Enclosure]:
    """What `_labels.read` says of the codes found, the bound ``R`` (B,) with what it takes, and ``deepest``, its last
    part."""
    xp = namespace(x["E"])
    have = instances.facts(x, method.error)
    estimates = instances.pursue(x, have, SHRINK[method])
    unsure = [xp.where(xp.isfinite(e.spread), e.error + have.unit, e.spread) for e in estimates]
    found = labels.read(x, have.gammas, [e.code for e in estimates], unsure, have.unit)
    known = {**have.quantities, **found}
    bounds = LAYERS[method].enclosure({**known, "soft_before": known["before"]}, x["E"])
    return {**known, **labels.margin(bounds)}


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """Those of `layered_thr` and of `layered_thr_soft`, and the margins beyond rounding."""
    hard, soft = (measure(x, method) for method in (HARD, SOFT))
    softly = instances.hypotheses(x, SOFT.error)
    return {
        **instances.hypotheses(x, HARD.error),
        **{f"soft: {name}": softly[name] for name in (CONDITION, THRESHOLDS)},
        MARGIN: labels.above(hard, 1.0),
        NEARLY: labels.above(hard, 0.9),
        SOFT_MARGIN: labels.above(soft, 1.0),
    }


def _both(x: Any, hard: dict[str, Any], soft: dict[str, Any]) -> dict[str, Any]:
    """The quantities of both methods by name."""
    xp = namespace(x["E"])
    norms = xp.stack([norm2(x[f"w{i}"]) for i in range(1, x["windows"].shape[1] + 1)], axis=-1)
    softly = {f"soft_{name}": soft[name] for name in ("before", "moved", "change", "R", "flipped")}
    return {**hard, **softly, "norms": xp.sum(norms, axis=-1), "epsilon": x["radius"]}


def solve(p: Params, x: Any) -> dict[str, Any]:
    """How far the label moves, and how far it may, by hard and by soft thresholding."""
    return _both(x, measure(x, HARD), measure(x, SOFT))


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same for one instance, block by block."""
    return _both(x, _by_hand(x, HARD), _by_hand(x, SOFT))


def _by_hand(x: Any, method: Method) -> dict[str, Any]:
    import numpy as np

    def shrink(z: Any, tau: float) -> Any:
        return z * (np.abs(z) > tau) if method is HARD else np.sign(z) * np.maximum(np.abs(z) - tau, 0)

    found = instances.by_hand(x, method.error, shrink)
    codes = [(gamma, at) for gamma, _, at in instances.levels_by_hand(x, shrink)]
    known = {name: value.value for name, value in found.items()}
    return {**found, **labels.by_hand(x, codes, LAYERS[method], {**known, "soft_before": known["before"]})}


def repair(p: Params, x: Any) -> dict[str, Any]:
    """Noise and thresholds back into their bounds."""
    return instances.repair(p, x, HARD.error)


def advise(p: Params, x: Any) -> str:
    """Which layer admits nothing, and what would be admitted instead."""
    return instances.advise(p, x, HARD.error)


THEOREM = Theorem(
    "adv_label_thr",
    "Noise that leaves the label of a thresholding classifier alone",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    repair=repair,
    advise=advise,
    fixed=instances.FIXED,
    families={name: made.codes.aim for name, made in FAMILIES.items()},
    instances=5000,
    survivors={
        "the label stays: the relation turned round": "0 and 1 are not negative",
        "soft: the label stays: the relation turned round": "0 and 1 are not negative",
    },
    claims=(
        Claim("the label stays", Every(), "flipped", ZERO, (*GIVEN, MARGIN)),
        Claim("f moves by at most R", Every(), "change", Formula("R"), GIVEN),
        Claim("the part of a layer", Every(), "moved", LAYER, GIVEN),
        Claim("soft: the label stays", Every(), "soft_flipped", ZERO, (*SOFTLY, SOFT_MARGIN)),
        Claim("soft: f moves by at most R", Every(), "soft_change", Formula("soft_R"), SOFTLY),
        Claim("soft: the part of a layer", Every(), "soft_moved", SOFT_LAYER, SOFTLY),
        control(
            "nine tenths of R are enough",
            Every(),
            "flipped",
            ZERO,
            (*GIVEN, NEARLY),
            "with weights along the errors f moves by R, and a margin of 0.95 R is lost",
        ),
        control(
            "errors of patches",
            Every(),
            "moved",
            Formula(LAYER.text.replace("count", "patch")),
            GIVEN,
            "the weights see the errors of all patches together",
        ),
        control(
            "the deepest layer alone",
            Every(),
            "change",
            Formula("deepest"),
            GIVEN,
            "the codes before it are wrong too, and have their weights",
        ),
        control(
            "as if the weights were applied to the noise",
            Every(),
            "change",
            Formula("norms * epsilon"),
            GIVEN,
            "the errors of the codes are larger than the noise of a patch",
        ),
        control(
            "the same R for soft thresholds",
            Every(),
            "soft_change",
            Formula("R"),
            SOFTLY,
            "a soft threshold takes the threshold from every entry",
        ),
    ),
    sources=(
        Source(ELAD2018, "slide 'Where are the Labels?'", "the form of the label; no bound is printed"),
        Source(ROMANO2020, "layered thresholding", "labels of the deepest code; from memory, proved on this page"),
        Source(OURS, "labels of all layers, above"),
    ),
    symbols={
        **{name: instances.SYMBOLS[name] for name in ("k", "patch", "mu", "largest", "threshold", "before")},
        **labels.SYMBOLS,
        "soft_flipped": (r"[\mathrm{sign}\,\hat f^S\ne\mathrm{sign}\,f]", "the same with soft thresholds"),
        "soft_change": (r"|\hat f^S-f|", "the same with soft thresholds"),
        "soft_moved": (r"|w_i^T(\hat\Gamma^S_i-\Gamma_i)|", "the same with soft thresholds"),
        "soft_R": ("R^S", "the same for soft thresholds"),
        "soft_before": (r"\varepsilon^S_{i-1}", "bound on the error of the layer before, soft"),
    },
    figures=(
        Figure(
            "margin",
            "cloud",
            ("f moves by at most R",),
            "How far the noise moves f, against the margin R that is enough: with one non-zero in every stripe and "
            "weights along the errors all of it is needed; random noise and weights need a tenth, or much less.",
            x="R",
            y="|f found - f|",
        ),
    ),
    invariances={"rescale": labels.rescale, "negate the label": labels.negate},
    not_tested=("several classes", "weights that were learned"),
)
