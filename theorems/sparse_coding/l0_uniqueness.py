r"""A representation with fewer than half of 1 + 1/mu non-zeros is the only one so sparse.

Let $`D`$ have unit columns (atoms) and mutual coherence $`\mu`$, and let $`x=D\alpha`$ with $`k=\|\alpha\|_0`$.

**Theorem.** (a) Every $`\beta\ne\alpha`$ with $`D\beta=x`$ has $`\|\beta\|_0\ge1+\frac1\mu-k`$. (b) So if
$`k<\frac12\big(1+\frac1\mu\big)`$, then $`\|\beta\|_0>k`$: $`\alpha`$ is the only solution of
$`\min\|\alpha\|_0`$ subject to $`x=D\alpha`$. (c) For any $`u`$ atoms $`U`$

```math
\lambda_{\min}(D_U^TD_U)\ge1-(u-1)\mu ,
```

so two different vectors with $`k`$ non-zeros each have images that are apart by at least
$`\sqrt{1-(2k-1)\mu}`$ times their distance.

*Proof.* (a) $`h=\beta-\alpha`$ has $`Dh=0`$ and at most $`\|\alpha\|_0+\|\beta\|_0`$ non-zeros, and the spark is
at least $`1+1/\mu`$ (`spark_bound`). (b) follows, and (c) is Gershgorin: a row of the Gram has a 1 and
$`u-1`$ entries of size at most $`\mu`$. $`\square`$

**What is checked.** (a) and (b) on small dictionaries of whole numbers: all sets of atoms are gone through in exact
arithmetic for the sparsest other representation of $`x`$, with exact coherence and exact conditions, because
$`2k=1+1/\mu`$ is common there. (c) on large dictionaries too, with $`\delta`$ the rounding of an
eigenvalue.

**Sharp.** All three are attained on the simplex, $`\mu=1/n`$, whose atoms sum to 0. For odd $`n`$ and
$`k=\frac{n+1}2`$, exactly at the limit, $`k`$ of its atoms and the negatives of the others have one image: two sparsest
representations. (c) is attained by any atoms with inner products $`-\mu`$ up to signs, which the conference frame, the
lines of an affine plane and transversals have, up to some size.
Kind: exact counts, and inequality for every instance.

**The slides** pose $`\min\|\alpha\|_0`$ subject to $`x=D\alpha`$ and say that it is hard in general. That the answer
can be checked, by counting its non-zeros, they do not say.

**Not covered.** Uniqueness for almost all $`x`$, which holds for more non-zeros; local counts for convolutions.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from theorems.bibliography import DONOHO2003, ELAD2018, GRIBONVAL2003
from theorems.sparse_coding import _instances as instances
from theorems.sparse_coding import _whole as whole
from theorems.sparse_coding._whole import NONZERO, WHOLE
from verify import Claim, Count, Every, Figure, Formula, Source, Theorem, control
from verify.core.arrays import eps, matvec, namespace
from verify.kit.basis_pursuit import padded_support
from verify.kit.coherence import coherence, fewest_others, least_eigenvalue, least_spark, subset_ranks, unit

RANDOM = ("conference", "transversal")
FAMILIES = {
    **{
        name: f"{text}; alpha a part of the dependent atoms, or random" if name in whole.PLANTING else text
        for name, text in whole.FAMILIES.items()
    },
    **{f"{name}, random atoms": "any number of atoms up to 1 + 1/mu" for name in RANDOM},
    **{f"{name}, chosen atoms": "one after the other, the most aligned with a sum" for name in instances.STANDARD},
}
SPARSE, AT_MOST, TWICE = "k < (1 + 1/mu)/2", "k <= (1 + 1/mu)/2, rounded up", "k < 1 + 1/mu"
PAIR = "two atoms at least"
ONE_MORE = Formula("k + 1")
GIVEN = (WHOLE, NONZERO)


class Params(whole.WholeParams):
    """The sizes of the small dictionaries, and how sparse."""

    k: int = Field(4, ge=1, le=8, description="most non-zeros of alpha on the small dictionaries")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """A (B, n, m) and alpha (B, m), whole numbers; or D (1, n, m) and its mu (1,). union (B, m): U, 1 or 0."""
    xp = draw.xp
    if family in whole.FAMILIES:
        A, h = whole.atoms(draw, p, family)
        m = A.shape[-1]
        k = draw.integers(1, min(p.k, m) + 1)
        random = xp.where(draw.ranks(m) < k[:, None], draw.choose((-2.0, -1.0, 1.0, 2.0), m), draw.full(0.0, m))
        # The first k of the atoms of h in a random order.
        order = xp.where(h != 0, draw.uniform(m), draw.full(2.0, m))
        first = xp.argsort(xp.argsort(order, axis=-1), axis=-1) < k[:, None]
        part = xp.where(first, h, xp.zeros_like(h))
        planted = (draw.coin()[:, None] > 0) & xp.any(h != 0, axis=-1, keepdims=True)
        alpha = xp.where(planted, part, random)
        return {"A": A, "alpha": alpha, "union": xp.astype((alpha != 0) | (h != 0), A.dtype)}
    name = next(name for name in instances.STANDARD if family.startswith(name))
    made = instances.STANDARD[name](0)
    D, m = draw.backend.asarray(made.D)[None, ...], made.m
    u = draw.integers(2, int(1 / made.mu) + 2)
    if family.endswith("random atoms"):
        union = xp.astype(draw.ranks(m) < u[:, None], D.dtype)
    else:
        union = draw.xp.abs(instances.aligned_atoms(draw, D, u, int(1 / made.mu) + 1))
    return {"D": D, "mu": draw.backend.asarray([made.mu]), "union": union}


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """Conditions on k in whole numbers: 2k < 1 + 1/mu says that 2k is less than 1 + 1/mu rounded up."""
    pair = instances.count(x["union"]) - 2
    if "D" in x:
        margin = instances.unit_columns(x["D"])
        never = dict.fromkeys((WHOLE, SPARSE, AT_MOST, TWICE), -namespace(margin).ones_like(margin))
        return {**never, NONZERO: margin, PAIR: pair}
    xp, least, k = namespace(x["A"]), least_spark(x["A"]), _count(x["alpha"])
    conditions = {SPARSE: least - 1 - 2 * k, AT_MOST: least - 2 * k, TWICE: least - 1 - k}
    numbers = {name: xp.astype(margin, x["A"].dtype) for name, margin in conditions.items()}
    return {**whole.hypotheses(x["A"], x["alpha"]), **numbers, PAIR: pair}


def _count(alpha: Any) -> Any:
    xp = namespace(alpha)
    return xp.sum(xp.astype(alpha != 0, xp.int64), axis=-1)


def solve(p: Params, x: Any) -> dict[str, Any]:
    """The sparsest other representation from the exact ranks of all sets of columns; the eigenvalue on the union."""
    xp = namespace(x["union"])
    if "D" in x:
        zero = xp.zeros(x["union"].shape[0], dtype=xp.int64, device=x["union"].device)
        return {"others": zero, "least": zero, "k": zero, **_eigenvalue(x["D"], x["mu"], x["union"])}
    A, alpha = x["A"], x["alpha"]
    ranks = subset_ranks(xp.concat([A, matvec(A, alpha)[..., None]], axis=-1))
    D = unit(A)
    return {
        "others": fewest_others(ranks, alpha != 0),
        "least": least_spark(A),
        "k": _count(alpha),
        **_eigenvalue(D, coherence(D), x["union"]),
    }


def _eigenvalue(D: Any, mu: Any, union: Any) -> dict[str, Any]:
    support, mask = padded_support(union)
    value, rounding = least_eigenvalue(D, support, mask)
    u = instances.count(union)
    return {"dip": 1 - value, "u": u, "mu": mu, "delta": rounding + 32 * u * D.shape[-2] * eps(D)}


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same for one instance: ranks in fractions, the eigenvalue as the square of a singular value."""
    import numpy as np

    inside = x["union"][0] != 0
    counts, mu = {name: np.zeros(1, dtype=np.int64) for name in ("others", "least", "k")}, x.get("mu")
    if "A" in x:
        columns, alpha = x["A"][0].T.tolist(), x["alpha"][0].tolist()
        found = whole.fewest_others(columns, alpha), whole.least_spark(columns), sum(map(bool, alpha))
        counts = {name: np.asarray([value]) for name, value in zip(counts, found, strict=True)}
        mu = np.asarray([float(whole.coherence_squared(columns)) ** 0.5])
    D = x["D"] if "D" in x else unit(x["A"])
    atoms = D[0][:, inside]
    spread = np.linalg.svd(atoms, compute_uv=False)
    value = spread[-1] ** 2 if atoms.shape[1] <= atoms.shape[0] else 0.0
    return {**counts, **_eigenvalue(D, mu, x["union"]), "dip": np.asarray([1 - value])}


def repair(p: Params, x: Any) -> dict[str, Any]:
    """Whole numbers, or unit columns, again."""
    if "D" in x:
        return {**x, "D": unit(x["D"])}
    return {**x, "A": whole.repair(x["A"]), "alpha": whole.repair(x["alpha"])}


def exact(p: Params, x: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The sparsest other representation on a dictionary of whole numbers, in fractions."""
    if "A" not in x:
        raise ValueError("the atoms are not of whole numbers")
    columns = [list(column) for column in zip(*x["A"], strict=True)]
    if not all(map(any, columns)) or any(v.denominator > 1 for row in (*columns, x["alpha"]) for v in row):
        raise ValueError("the atoms or alpha are not of whole numbers, or an atom is 0")
    least, k = whole.least_spark(columns), sum(map(bool, x["alpha"]))
    margins = {WHOLE: 0, NONZERO: 0, SPARSE: least - 1 - 2 * k, AT_MOST: least - 2 * k, TWICE: least - 1 - k}
    return margins, {"others": whole.fewest_others(columns, x["alpha"]), "least": least, "k": k}


def negate(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Atoms negated, with the entries of alpha that use them."""
    s = draw.shared.sign(x["union"].shape[-1])
    moved = {name: x[name] * s[:, None, :] for name in ("A", "D") if name in x}
    return {**x, **moved, **({"alpha": x["alpha"] * s} if "alpha" in x else {})}


def permute(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Atoms in another order."""
    m = x["union"].shape[-1]
    order = draw.shared.subset(m, m)[0, :]
    named = (name for name in ("A", "D", "alpha", "union") if name in x)
    return {**x, **{name: namespace(x[name]).take(x[name], order, axis=-1) for name in named}}


THEOREM = Theorem(
    "l0_uniqueness",
    "A representation with few non-zeros is the only one so sparse",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    repair=repair,
    fixed=("union", "mu"),
    exact=exact,
    families=FAMILIES,
    shares={name: 0.1 if name.startswith("affine") else 0.5 for name in FAMILIES if name not in whole.FAMILIES},
    instances=5000,
    batch=1024,
    claims=(
        Claim("the only one so sparse", Count(), "others", ONE_MORE, (*GIVEN, SPARSE), relation=">="),
        Claim("two representations", Count(), "others", Formula("least - k"), GIVEN, relation=">="),
        Claim("few atoms are nearly orthogonal", Every(), "dip", Formula("(u - 1) * mu + delta"), (NONZERO, PAIR)),
        control(
            "at the limit",
            Count(),
            "others",
            ONE_MORE,
            (*GIVEN, AT_MOST),
            "half of the atoms of a simplex, and the other half negated, have one image",
            relation=">=",
        ),
        control(
            "as many as are independent",
            Count(),
            "others",
            ONE_MORE,
            (*GIVEN, TWICE),
            "these atoms are independent, but two such sets together need not be",
            relation=">=",
        ),
        control(
            "whatever the coherence",
            Count(),
            "others",
            ONE_MORE,
            GIVEN,
            "parallel atoms exchange",
            relation=">=",
        ),
        control(
            "u - 2 in place of u - 1",
            Every(),
            "dip",
            Formula("(u - 2) * mu + delta"),
            (NONZERO, PAIR),
            "atoms with inner products -mu up to signs attain the bound",
        ),
    ),
    sources=(
        Source(DONOHO2003, "uniqueness by the spark", "from memory; proved on this page"),
        Source(GRIBONVAL2003, "uniqueness by the coherence", "from memory; proved on this page"),
        Source(ELAD2018, "slide 'Atom Decomposition'", "the problem, without a condition"),
    ),
    symbols={
        "others": (r"\min\lVert\beta\rVert_0", "fewest non-zeros of another representation, exact; m + 1 if none"),
        "k": ("k", "non-zeros of alpha"),
        "least": (r"\lceil1+1/\mu\rceil", "exact, and at most m + 1"),
        "dip": (r"1-\lambda_{\min}(D_U^TD_U)", "how far the smallest eigenvalue of the Gram of the atoms U is below 1"),
        "u": ("u", "number of the atoms U"),
        "mu": (r"\mu", "mutual coherence"),
        "delta": (r"\delta", "rounding of the eigenvalue"),
    },
    figures=(
        Figure(
            "eigenvalue",
            "ratio",
            ("few atoms are nearly orthogonal",),
            "How far the smallest eigenvalue is below 1, over the bound, against the number of atoms: attained on the "
            "simplex for any number, on the others for some.",
            x="atoms u",
            y="(1 - eigenvalue) / bound",
            against="u",
        ),
        Figure(
            "others",
            "cloud",
            ("two representations",),
            "The fewest non-zeros of another representation against what the coherence leaves: attained on the "
            "simplex.",
            x="1 + 1/mu - k, rounded up",
            y="non-zeros of another representation",
        ),
    ),
    survivors={
        f"two representations: without {WHOLE!r}": "the counts of other dictionaries are not known and stand at 0",
        f"few atoms are nearly orthogonal: without {PAIR!r}": "the Gram of one atom is 1, up to rounding",
    },
    invariances={"negate atoms": negate, "permute atoms": permute},
    not_tested=("uniqueness on more than 9 atoms in the default run",),
)
