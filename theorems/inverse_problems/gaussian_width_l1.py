r"""The descent cone of the l1 norm has statistical dimension d psi(k/d), up to three.

Let $`Z\in\mathbb R^d`$ have $`k`$ non-zeros with signs $`s`$ on $`S`$, $`1\le k<d`$, and let
$`C=\{h:\langle s,h_S\rangle+\|h_{S^c}\|_1\le0\}`$ be the descent cone of the $`\ell_1`$ norm at $`Z`$. With $`g`$ a
standard Gaussian vector, $`\delta=\mathbb E\|P_C(g)\|^2`$ is its statistical dimension and
$`\omega=\mathbb E\sup_{u\in C,\|u\|\le1}\langle g,u\rangle=\mathbb E\|P_C(g)\|`$ its Gaussian width. Let $`Q`$ and
$`\varphi`$ be the tail and the density of a standard normal number, $`x=(|g_1|-\tau)_+`$, and

```math
d\,\psi(k/d)=\inf_{\tau\ge0}\Big\{k(1+\tau^2)+2(d-k)\big[(1+\tau^2)Q(\tau)-\tau\varphi(\tau)\big]\Big\} .
```

**Theorem.** With $`\tau`$ where the infimum is attained,

```math
d\psi-\ell\le\delta\le d\psi,\qquad \ell=1+\frac{d-k}k\mathrm{Var}(x)\le3-\frac{k\tau^2}{d-k},\qquad
\omega^2\le\delta\le\omega^2+1,\qquad \delta\le2k\log\frac dk+\frac54k .
```

*Proof.* The polar cone of $`C`$ is the union of the sets $`\tau\,\partial\|Z\|_1`$, $`\tau\ge0`$, so Moreau's
decomposition $`\|g\|^2=\|P_C(g)\|^2+\|P_{C^\circ}(g)\|^2`$ gives, for every $`g`$,

```math
\|P_C(g)\|^2=\min_{\tau\ge0}V(\tau),\qquad V(\tau)=\sum_{i\in S}(s_ig_i-\tau)^2+\sum_{j\notin S}(|g_j|-\tau)_+^2 .
```

$`\mathbb EV(\tau)`$ is the expression in braces, so $`\delta\le d\psi`$. It is strictly convex; at its minimum
$`k\tau=(d-k)\mathbb Ex`$, hence $`\mathbb EV'=0`$ there, and $`d\psi=k+2(d-k)Q(\tau)`$. As $`V''\ge2k`$,
$`V(\tau)-\min V\le V'(\tau)^2/4k`$, whose mean is $`\mathrm{Var}V'(\tau)/4k=\ell`$: the lower bound. The number
$`\mathbb E[x^2]=\int_0^\infty4uQ(\tau+u)\,du`$ is at most $`2(\mathbb Ex)^2/2Q(\tau)`$ because $`Q`$ is log-concave,
and $`\mathbb Ex/2Q=\varphi/Q-\tau\le1/\tau`$, so $`(d-k)\mathbb E[x^2]\le2(d-k)\mathbb Ex/\tau=2k`$ and
$`\ell\le3-k\tau^2/(d-k)`$. The norm $`\|P_C(g)\|`$ is 1-Lipschitz in $`g`$, so its variance is at most 1 (Gaussian
Poincaré inequality). The last bound is the choice $`\tau^2=2\log(d/k)`$ in $`\mathbb EV`$ (Chandrasekaran and others).
$`\square`$

**Known.** Amelunxen, Lotz, McCoy and Tropp have $`\delta\ge d\psi-2\sqrt{d/k}`$, which says nothing for $`k=1`$,
$`d=100`$; $`\ell`$ needs no more than their argument, and is smaller wherever $`k<4d/9`$.

**How far the bound is off.** To second order $`d\psi-\delta`$ is $`\mathrm{Var}V'/2\mathbb EV''
=1-\frac{k\tau^2}{d\psi}\cdot\frac d{d-k}`$, a number between 0 and 1: 0.27 at $`(d,k)=(1000,1)`$, 0.50 at
$`(100,5)`$, 0.77 at $`(100,50)`$. The runs agree; that it is always below 1 is not proved here.

**What the slide says.** $`\omega^2=O(k\log d)`$. True: $`\omega^2\le\delta\le4k\log d`$ for $`d\ge2`$ by the last
bound. Sharper with $`d/k`$ in the logarithm; no constant below 2 would do for $`k=1`$ and large $`d`$.

**How it is checked.** Each draw is a pair of independent Gaussian vectors with their exact projections. Moreau's
identity is checked draw by draw, $`\|P_{C^\circ}(g)\|`$ by a sort that shares no code with the projection, and so is
$`\|P_C(g)\|^2\le V(\tau)`$; the expectations are decided by confidence sequences, the loss $`d\psi-\delta`$ through
$`V(\tau)-\|P_C(g)\|^2`$, which has this mean and varies little. Half the squared difference of the two lengths of a
pair has the mean $`\mathrm{Var}\|P_C(g)\|=\delta-\omega^2`$.

Kind: expectations, each decided at every size; two identities draw by draw.

**Not covered.** Other norms; signals that are nearly sparse; $`k=d`$, where $`C`$ is a half-space and
$`\delta=d-\frac12`$.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from theorems.bibliography import AMELUNXEN2014, CHANDRASEKARAN2012, GIRYES2019, OURS
from verify import Claim, Enclosure, Every, Figure, Formula, Identity, Mean, Parameters, Source, Theorem, control
from verify.core.arrays import dot, eps, namespace, norm2
from verify.kit import widths
from verify.kit.cones import L1DescentCone, l1_cone_reference

CHOSEN = "d, k of the parameters"
SIZES = ((20, 1), (100, 1), (100, 5), (100, 20), (100, 50), (400, 4), (400, 40), (1000, 1), (1000, 10))
FAMILIES = {f"d = {d}, k = {k}": (d, k) for d, k in SIZES}
SPARSE = "k < d"
SLIDE = Source(GIRYES2019, "slide 'PGD convergence rate'")
ALMT = Source(AMELUNXEN2014, "Propositions 4.5 and 4.7", "from memory")


class Params(Parameters):
    """The size of one family; the others have their own."""

    d: int = Field(200, ge=2, le=100_000, description="length of the signal")
    k: int = Field(10, ge=1, le=100_000, description="non-zeros of the signal, fewer than d")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """signs (1, d), ones on the first k places; g (B, 2, d). The law of g does not see which places and signs."""
    d, k = FAMILIES.get(family, (p.d, min(p.k, p.d)))
    return {"signs": draw.backend.asarray([[1.0] * k + [0.0] * (d - k)]), "g": draw.normal(2, d)}


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """The cone is no half-space."""
    d, k = _size(x)
    return {SPARSE: namespace(x["g"]).full_like(x["g"][:, 0, 0], d - 1 - k)}


def _size(x: Any) -> tuple[int, int]:
    xp = namespace(x["signs"])
    return x["signs"].shape[-1], round(float(xp.sum(xp.abs(x["signs"][0, :]))))


def _quantities(x: Any, projected: Any) -> dict[str, Any]:
    """The named quantities, means over the pair where nothing else is said, from P_C(g) (B, 2, d)."""
    xp = namespace(x["g"])
    signs, g = x["signs"], x["g"]
    d, k = _size(x)
    known = widths.l1_dimension(d, k)
    squares, lengths = dot(projected, projected), norm2(projected)
    at_tau = widths.distance_square(signs, g, known.tau)
    whole = dot(g, g)

    def mean(pair: Any) -> Any:
        return xp.mean(pair, axis=-1)

    def enclosed(value: Any) -> Enclosure:
        """Sums of d squares, of vectors with an error of a few d roundings of g: 16 d roundings of |g|^2 in all."""
        return Enclosure.around(value, 16 * d * eps(g) * mean(whole))

    def number(value: float) -> Any:
        return xp.full((1,), value, dtype=g.dtype, device=g.device)

    square = mean(squares)
    return {
        "square": enclosed(square),
        "moreau": enclosed(mean(whole - widths.polar_square(signs, g))),
        "at_tau": enclosed(mean(at_tau)),
        "loss": mean(at_tau - squares),
        "share": square / d,
        "variance": (lengths[:, 0] - lengths[:, 1]) ** 2 / 2,
        "psi": number(known.upper),
        "largest_loss": number(known.loss),
        "sparsity": number(k / d),
        "d": number(d),
        "k": number(k),
    }


def solve(p: Params, x: Any) -> dict[str, Any]:
    """Projections by the batched kernel."""
    return _quantities(x, L1DescentCone(x["signs"]).project(x["g"]))


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same with projections by bisection, and d psi by quadrature."""
    import numpy as np

    projected = np.stack([[l1_cone_reference(g, x["signs"][0]) for g in pair] for pair in x["g"]])
    return {**_quantities(x, projected), "psi": np.asarray([widths.l1_dimension_reference(*_size(x))])}


def permute(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The coordinates in another order."""
    d = x["signs"].shape[-1]
    order = draw.shared.subset(d, d)[0, :]
    return {name: namespace(a).take(a, order, axis=-1) for name, a in x.items()}


def flip(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Some coordinates of the signal and of the Gaussian vectors negated."""
    s = draw.shared.sign(x["signs"].shape[-1])
    return {"signs": x["signs"] * s, "g": x["g"] * s[:, None, :]}


THEOREM = Theorem(
    "gaussian_width_l1",
    "Gaussian width of the l1 descent cone: d psi(k/d), up to three",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    families={
        **dict.fromkeys(FAMILIES, "Gaussian vectors at this size"),
        CHOSEN: "Gaussian vectors at a size of your choice",
    },
    instances=40000,
    batch=2000,
    claims=(
        Claim("Moreau's identity", Identity(), "square", Formula("moreau"), (SPARSE,), relation="=="),
        Claim("draw by draw: at most V(tau)", Every(), "square", Formula("at_tau"), (SPARSE,)),
        Claim("E V(tau) = d psi", Mean(), "at_tau", Formula("psi"), (SPARSE,), relation="=="),
        Claim("delta/d <= psi(k/d)", Mean(), "share", Formula("psi / d"), (SPARSE,)),
        Claim("d psi - delta <= l", Mean(), "loss", Formula("largest_loss"), (SPARSE,)),
        Claim("d psi - delta <= 2 sqrt(d/k)", Mean(), "loss", Formula("2 * sqrt(d / k)"), (SPARSE,), source=ALMT),
        Claim("delta - omega^2 <= 1", Mean(), "variance", Formula("1"), (SPARSE,)),
        Claim(
            "delta/d <= 2 (k/d) log(d/k) + (5/4)(k/d)",
            Mean(),
            "share",
            Formula("sparsity * (2 * log(1 / sparsity) + 5 / 4)"),
            (SPARSE,),
            source=Source(CHANDRASEKARAN2012, "Proposition 3.10", "from memory"),
        ),
        Claim(
            "slide: omega^2 = O(k log d)",
            Mean(),
            "square",
            Formula("4 * k * log(d)"),
            (SPARSE,),
            origin="giryes2019",
            source=SLIDE,
            reading="the constant 4 for every d >= 2; delta, which is at least omega^2, is measured",
        ),
        control(
            "5/4 k left out",
            Mean(),
            "share",
            Formula("sparsity * 2 * log(1 / sparsity)"),
            (SPARSE,),
            "half of the entries non-zero: 2k log 2 is 69 at d = 100, and delta is 82",
        ),
        control(
            "k log d with constant 1",
            Mean(),
            "square",
            Formula("k * log(d)"),
            (SPARSE,),
            "k = 1 needs a constant of 2 in the limit; at d = 1000 delta is 9.2, and log d is 6.9",
        ),
        control(
            "d psi is exact to 1/4",
            Mean(),
            "loss",
            Formula("1 / 4"),
            (SPARSE,),
            "the minimum over tau stands inside the expectation of delta, and outside that of d psi",
        ),
        control(
            "delta - omega^2 <= 1/2",
            Mean(),
            "variance",
            Formula("1 / 2"),
            (SPARSE,),
            "subspaces stay below 1/2; here the number of active coordinates varies too",
        ),
    ),
    sources=(
        ALMT,
        Source(CHANDRASEKARAN2012, "Proposition 3.10", "from memory; checked on a grid in the tests"),
        SLIDE,
        Source(OURS, "the lower bound d psi - l and its proof, above", "it may exist in the literature"),
    ),
    symbols={
        "square": (r"\lVert P_C(g)\rVert^2", "squared length of the projection"),
        "moreau": (r"\lVert g\rVert^2-\lVert P_{C^\circ}(g)\rVert^2", "the same from the polar cone"),
        "at_tau": (r"V(\tau)", "squared distance from the scaled subdifferential"),
        "loss": (r"V(\tau)-\lVert P_C(g)\rVert^2", "its mean is what d psi exceeds delta by"),
        "share": (r"\lVert P_C(g)\rVert^2/d", "its mean is delta/d"),
        "variance": (r"(\lVert P_C(g)\rVert-\lVert P_C(g')\rVert)^2/2", "its mean is the variance of the length"),
        "psi": (r"d\psi(k/d)", "the infimum of the mean of V"),
        "largest_loss": (r"\ell", "the bound of the loss"),
        "sparsity": ("(k/d)", "share of the entries that are not zero"),
        "d": ("d", "length of the signal"),
        "k": ("k", "non-zeros of the signal"),
    },
    figures=(
        Figure(
            "dimension",
            "ladder",
            ("delta/d <= psi(k/d)", "delta/d <= 2 (k/d) log(d/k) + (5/4)(k/d)"),
            "Statistical dimension over d against the share of non-zeros, for d from 20 to 1000: one curve for all, "
            "which psi follows from above.",
            x="share of non-zeros k/d",
            y="statistical dimension over d",
            against="sparsity",
        ),
        Figure(
            "loss",
            "ladder",
            ("d psi - delta <= l", "d psi - delta <= 2 sqrt(d/k)"),
            "How much d psi exceeds the statistical dimension: below one in the mean, and bounded by three; the "
            "classical bound grows without limit.",
            x="share of non-zeros k/d",
            y="d psi - delta",
            against="sparsity",
        ),
    ),
    invariances={"permute coordinates": permute, "flip signs": flip},
    survivors={
        "d psi - delta <= 2 sqrt(d/k): *": "l <= sqrt(d/k) for all k < d: both are 1 at k = d, and l stays below 3",
        "slide: omega^2 = O(k log d): *": "delta <= k (2 log(d/k) + 5/4), below 3.6 k log d from d = 3 on, and 1 at "
        "d = 2",
        **dict.fromkeys(
            (f"delta/d <= 2 (k/d) log(d/k) + (5/4)(k/d): {change}" for change in ("1 * 0.9", "5 * 0.9", "4 * 1.1")),
            "psi(s) <= s (2 log(1/s) + 1), which is less: both sides over s are functions of one variable",
        ),
        **dict.fromkeys(
            (f"delta/d <= 2 (k/d) log(d/k) + (5/4)(k/d): {change}" for change in ("all * 0.9", "2 * 0.9")),
            "psi(s) is less for every s above e^-50, so for every d up to 100,000, the largest that can be asked for; "
            "below e^-100 it is false",
        ),
    },
    not_tested=("d above 1000 in the default run",),
)
