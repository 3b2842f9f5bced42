r"""Unions of subspaces: the width is the root of the dimension, plus the root of the logarithm of their number.

Let $`W_1,\dots,W_L`$ be subspaces of $`\mathbb R^d`$ of dimension $`r\ge1`$ with orthoprojectors $`P_i`$, and $`K`$
their union: the supports of a mixture of $`L`$ Gaussians. With $`g`$ a standard Gaussian vector and
$`b_r=\mathbb E\|g_r\|=\sqrt2\,\Gamma(\frac{r+1}2)/\Gamma(\frac r2)\in[r/\sqrt{r+1},\sqrt r]`$, the width of $`K`$ is
$`\omega=\mathbb E\sup_{u\in K,\|u\|\le1}\langle g,u\rangle=\mathbb E\max_i\|P_ig\|`$.

**Theorem.**

```math
b_r\ \le\ \omega\ \le\ b_r+\sqrt{2\log L} .
```

The same upper bound, with $`(b_r+b_{r+1})/2`$ in place of $`b_r`$, holds for the cone $`C=\overline{\mathrm{cone}}
(K-Z)`$ at a point $`Z`$ of one of the subspaces, over which the rate of projected gradient descent is taken.

*Proof.* Each $`\|P_ig\|`$ has mean $`b_r`$ and is a 1-Lipschitz function of $`g`$, so
$`\mathbb E\exp(\lambda(\|P_ig\|-b_r))\le e^{\lambda^2/2}`$; by Jensen's inequality
$`\lambda\,\mathbb E\max_i(\|P_ig\|-b_r)\le\log L+\lambda^2/2`$, and $`\lambda=\sqrt{2\log L}`$ gives the upper bound.
For the cone, let $`Z\in W_1`$. Then $`C`$ is the union of $`W_1`$ and of the half-spaces
$`\{w-aZ:w\in W_i,a\ge0\}`$ of the spaces $`W_i+\mathbb RZ`$. With $`n_i`$ the unit vector along $`-(Z-P_iZ)`$, the
supremum over the $`i`$-th is $`(\|P_ig\|^2+\langle g,n_i\rangle_+^2)^{1/2}`$: 1-Lipschitz, and of mean
$`(b_r+b_{r+1})/2`$, because the sign of $`\langle g,n_i\rangle`$ is independent of all the squares. $`\square`$

**Sharp.** For $`L=1`$ both sides are $`b_r`$. For orthogonal lines ($`r=1`$, $`L=d`$) the width
$`\omega=\mathbb E\max_i|g_i|`$ is $`\sqrt{2\log L}`$ to first order. So neither term can be left out.

**What the slide says.** "GMM with $`k`$ Gaussians: $`\omega^2=O(k)`$". With $`k`$ the number of Gaussians it is false:
*one* Gaussian of full rank in $`\mathbb R^r`$ has $`\omega^2=b_r^2\ge r-1`$, which grows with $`r`$ while
$`k=1`$ stays. It holds with $`k=r`$ the dimension of each component and a bounded number $`L`$ of them:
$`\omega\le(1+\sqrt{2\log L})\sqrt r`$. (With $`k`$ the number of components of a bounded dimension it holds too, and
$`O(\log k)`$ would.)

Kind: expectations, each decided at every size; the growth with the dimension by a fitted exponent; one identity draw
by draw, the theorem of Pythagoras for orthogonal subspaces that fill the space.

**Not covered.** Components of different dimensions; Gaussians that are not degenerate but nearly so.
"""

from __future__ import annotations

import math
from typing import Any

from pydantic import Field

from theorems.bibliography import GIRYES2016, GIRYES2019, OURS
from verify import (
    Claim,
    Enclosure,
    Figure,
    Formula,
    Identity,
    Mean,
    Parameters,
    Rate,
    Source,
    Theorem,
    control,
    misreading,
)
from verify.core.arrays import dot, eps, namespace
from verify.kit.widths import gaussian_length

CHOSEN = "L, r, d of the parameters"
ONE = {f"one Gaussian, r = {r}": (1, r, r) for r in (2, 5, 10, 20, 50, 100)}
RANDOM = {f"L = {L}, r = {r}": (L, r, 100) for L, r in ((1, 20), (10, 5), (100, 5), (1000, 1))}
MANY = {"L = 20000, r = 1": (20_000, 1, 400)}
ORTHOGONAL = {"orthogonal lines": (100, 1, 100), "orthogonal subspaces": (20, 5, 100)}
SIZES = {**ONE, **RANDOM, **MANY, **ORTHOGONAL}
COMPLETE, SINGLE = "orthogonal and complete", "one Gaussian of full rank"
SLIDE = Source(GIRYES2019, "slide 'PGD convergence rate'")


class Params(Parameters):
    """The size of one family; the others have their own."""

    L: int = Field(50, ge=1, le=100_000, description="number of subspaces")
    r: int = Field(3, ge=1, le=10_000, description="dimension of each; counted as d where it is larger")
    d: int = Field(60, ge=1, le=10_000, description="dimension of the space")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """bases (1, L, d, r), orthonormal columns, one union for the whole family: random, or parts of one orthonormal
    basis; g (B, d); Z (1, d), a unit vector of the first subspace."""
    xp = draw.xp
    L, r, d = SIZES.get(family, (p.L, min(p.r, p.d), p.d))
    if L * r == d:
        whole, _ = xp.linalg.qr(draw.shared.normal(d, d))
        bases = xp.permute_dims(xp.reshape(whole, (1, d, L, r)), (0, 2, 1, 3))
    else:
        bases, _ = xp.linalg.qr(draw.shared.normal(L, d, r))
    Z = xp.sum(bases[:, 0, :, :], axis=-1) / r**0.5
    return {"bases": bases, "g": draw.normal(d), "Z": Z}


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """What the guard and the ladder of single Gaussians need."""
    xp = namespace(x["g"])
    L, d, r = x["bases"].shape[1:]
    one = xp.ones((1,), dtype=x["g"].dtype, device=x["g"].device)
    frame = _frame(x)
    defect = xp.max(
        xp.abs(xp.matmul(frame, xp.matrix_transpose(frame)) - xp.eye(d, dtype=one.dtype, device=one.device))
    )
    return {
        COMPLETE: (64 * d * eps(one) - defect) * one if L * r == d else -one,
        SINGLE: one if (L, r) == (1, d) else -one,
    }


def _frame(x: Any) -> Any:
    """The bases side by side: (d, L r)."""
    xp = namespace(x["bases"])
    _, L, d, r = x["bases"].shape
    return xp.reshape(xp.permute_dims(x["bases"][0, ...], (1, 0, 2)), (d, L * r))


def _quantities(x: Any, squares: Any, beyond: Any) -> dict[str, Any]:
    """From |P_i g|^2 (B, L) and <g, n_i>_+^2 (B, L)."""
    xp = namespace(x["g"])
    _, L, d, r = x["bases"].shape
    largest = xp.max(squares, axis=-1)

    def number(value: float) -> Any:
        return xp.full((1,), value, dtype=largest.dtype, device=largest.device)

    whole = dot(x["g"], x["g"])
    # Each square is that of r inner products of d terms.
    total = Enclosure.around(xp.sum(squares, axis=-1), 16 * (d + L) * eps(whole) * whole)
    return {
        "length": xp.sqrt(largest),
        "square": largest,
        "tangent": xp.sqrt(xp.max(squares + beyond, axis=-1)),
        "total": total,
        "whole": Enclosure.around(whole, 4 * d * eps(whole) * whole),
        "b": number(gaussian_length(r)),
        "b_next": number(gaussian_length(r + 1)),
        "r": number(r),
        "logL": number(math.log(L)),
        "size": number(r**0.5 + (2 * math.log(L)) ** 0.5),
    }


def solve(p: Params, x: Any) -> dict[str, Any]:
    """All inner products by one matrix product."""
    xp = namespace(x["g"])
    _, L, d, r = x["bases"].shape
    frame = _frame(x)
    inner = xp.reshape(xp.matmul(x["g"], frame), (-1, L, r))
    of_Z = xp.reshape(xp.matmul(x["Z"], frame), (1, L, r))
    # |Z - P_i Z| and <g, P_i Z - Z>; where Z lies in W_i the half-space is W_i itself.
    distance = xp.sqrt(xp.clip(1 - dot(of_Z, of_Z), 0.0, 1.0))
    outside = distance > 64 * d * eps(distance) ** 0.5
    along = dot(inner, of_Z) - dot(x["g"], x["Z"])[:, None]
    along = xp.where(outside, along / xp.where(outside, distance, xp.ones_like(distance)), xp.zeros_like(along))
    along = xp.where(along > 0, along, xp.zeros_like(along))
    return _quantities(x, dot(inner, inner), along**2)


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same from one instance by projectors and the distances to them."""
    import numpy as np

    g, Z = x["g"][0], x["Z"][0]
    squares, beyond = [], []
    for basis in x["bases"][0]:
        squares.append(float(g @ g - np.linalg.norm(g - basis @ (basis.T @ g)) ** 2))
        normal = basis @ (basis.T @ Z) - Z
        length = float(np.linalg.norm(normal))
        beyond.append(max(0.0, float(g @ normal) / length) ** 2 if length > 1e-6 else 0.0)
    return _quantities(x, np.asarray([squares]), np.asarray([beyond]))


def rotate(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The whole space rotated."""
    xp = draw.xp
    U, _ = xp.linalg.qr(draw.shared.normal(x["g"].shape[-1], x["g"].shape[-1]))
    turn = xp.matrix_transpose(U)[0, ...]
    return {
        "bases": xp.matmul(U[:, None, :, :], x["bases"]),
        "g": xp.matmul(x["g"], turn),
        "Z": xp.matmul(x["Z"], turn),
    }


THEOREM = Theorem(
    "gaussian_width_gmm",
    "Gaussian width of a union of subspaces (mixtures of Gaussians)",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    families={
        **dict.fromkeys(ONE, "the whole space: one Gaussian of full rank"),
        **dict.fromkeys(RANDOM, "random subspaces of R^100"),
        **dict.fromkeys(MANY, "so many lines of R^400 that the logarithm outweighs their dimension"),
        **dict.fromkeys(ORTHOGONAL, "subspaces that fill R^100: as far from one another as can be"),
        CHOSEN: "random subspaces at a size of your choice (orthogonal where L r = d)",
    },
    shares=dict.fromkeys(MANY, 0.2),
    instances=48500,
    batch=2000,
    batches=dict.fromkeys(ONE, 10_000) | dict.fromkeys(MANY, 200),
    claims=(
        Claim("omega <= b_r + sqrt(2 log L)", Mean(), "length", Formula("b + sqrt(2 * logL)")),
        Claim("omega >= b_r", Mean(), "length", Formula("b"), relation=">="),
        Claim("tangent cone", Mean(), "tangent", Formula("(b + b_next) / 2 + sqrt(2 * logL)")),
        Claim("Pythagoras", Identity(), "total", Formula("whole"), (COMPLETE,), relation="=="),
        Claim(
            "one Gaussian: omega^2 grows like its dimension", Rate(), "square", Formula("r"), (SINGLE,), relation="=="
        ),
        Claim(
            "slide: omega^2 = O(k), k the dimension",
            Mean(),
            "length",
            Formula("(1 + sqrt(2 * logL)) * sqrt(r)"),
            origin="giryes2019",
            source=SLIDE,
            reading="k the dimension of each component, the constant a function of their number",
        ),
        misreading(
            "slide: omega^2 = O(k), k the number of Gaussians",
            Rate(exponent=0),
            "square",
            Formula("r"),
            (SINGLE,),
            source=SLIDE,
            grade="false",
            reading="k = 1 Gaussian, whatever its dimension: omega^2 is bounded",
            because="one Gaussian of full rank: omega^2 grows in proportion to the dimension",
            holds_when="k is the dimension of each component, and their number is bounded",
        ),
        control("no logarithm", Mean(), "length", Formula("b"), (), "a thousand lines: omega is 3.3, and b_1 is 0.8"),
        control(
            "r + log L in the square",
            Mean(),
            "length",
            Formula("sqrt(r + logL)"),
            (),
            "a thousand lines: omega^2 is 11, and 1 + log 1000 is 7.9",
        ),
        control(
            "half the logarithm",
            Mean(),
            "length",
            Formula("b + sqrt(logL / 2)"),
            (),
            "a hundred orthogonal lines: omega is 2.7, and the bound is 2.3",
        ),
    ),
    sources=(
        Source(GIRYES2016, "section on the Gaussian mean width", "from memory: omega = O(sqrt(k + log L))"),
        SLIDE,
        Source(OURS, "the constants and the cone, above"),
    ),
    symbols={
        "length": (r"\max_i\lVert P_ig\rVert", "its mean is the width of the union"),
        "square": (r"\max_i\lVert P_ig\rVert^2", "the square; its mean is between omega^2 and omega^2 + 1"),
        "tangent": (r"\sup_{u\in C,\lVert u\rVert\le1}\langle g,u\rangle", "the same over the cone at a point"),
        "total": (r"\sum_i\lVert P_ig\rVert^2", "sum over all components"),
        "whole": (r"\lVert g\rVert^2", "squared length of the Gaussian vector"),
        "b": ("b_r", "mean length of a Gaussian vector of the component"),
        "b_next": ("b_{r+1}", "the same in one dimension more"),
        "r": ("r", "dimension of each component"),
        "logL": (r"\log L", "logarithm of their number"),
        "size": (r"(\sqrt r+\sqrt{2\log L})", "root of the dimension plus root of twice the logarithm"),
    },
    figures=(
        Figure(
            "width",
            "ladder",
            ("omega <= b_r + sqrt(2 log L)",),
            "Width of all unions against the root of their dimension plus the root of twice the logarithm of their "
            "number: on the bound for one subspace, and three quarters of it for many.",
            x="sqrt(r) + sqrt(2 log L)",
            y="width",
            against="size",
        ),
        Figure(
            "one",
            "ladder",
            ("one Gaussian: omega^2 grows like its dimension",),
            "One Gaussian of full rank: the squared width grows in proportion to its dimension, with the number of "
            "Gaussians fixed at 1.",
            x="dimension r",
            y="squared width",
            against="r",
        ),
    ),
    invariances={"rotate": rotate},
    survivors={
        **dict.fromkeys(
            ("omega <= b_r + sqrt(2 log L): 2 times 0.9", "slide: omega^2 = O(k), k the dimension: 2 times 0.9"),
            "by Royen's inequality omega is at most the mean of the largest of L independent lengths of Gaussian "
            "vectors, which is 0.7 less than this for 1 < L <= 100,000, the largest that can be asked for; it is false "
            "at L = e^200",
        ),
        "tangent cone: 2 times 0.9": "the half-spaces lie in L subspaces of dimension r + 1, for which the same "
        "comparison leaves 0.7 up to L = 100,000, more than b_{r+1} - b_r; at L = e^200 it is false",
    },
    not_tested=("more than 20 000 components in the default run",),
)
