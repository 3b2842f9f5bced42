r"""Few atoms of an incoherent dictionary are independent: the spark is at least 1 + 1/mu.

Let $`D\in\mathbb R^{n\times m}`$ have unit columns (atoms) and mutual coherence $`\mu`$. The *spark* of $`D`$ is the
smallest number of dependent atoms; it says how sparse a vector $`h\ne0`$ with $`Dh=0`$ can be.

**Theorem.** If the atoms are dependent,

```math
1+\frac1\mu\le\mathrm{spark}(D)\le\mathrm{rank}(D)+1 .
```

*Proof.* Let $`Dh=0`$, $`h\ne0`$, with $`k`$ non-zeros. Then
$`0=\|Dh\|^2\ge\|h\|_2^2-\mu\sum_{i\ne j}|h_ih_j|=(1+\mu)\|h\|_2^2-\mu\|h\|_1^2`$, and $`\|h\|_1^2\le k\|h\|_2^2`$: so
$`1+\mu\le k\mu`$. Any $`\mathrm{rank}(D)+1`$ atoms are dependent. $`\square`$

**What is checked.** Of whole numbers $`A`$, whose columns divided by their lengths are the atoms, the spark is exact:
the ranks of all sets of columns are computed modulo a prime that is larger than every minor. And
$`\lceil1+1/\mu\rceil`$ is exact, from the entries of $`A^TA`$: $`t\ge1/\mu`$ says
$`t^2\langle a_i,a_j\rangle^2\ge\|a_i\|^2\|a_j\|^2`$ for some pair. Where all atoms are independent both count as
$`m+1`$. Of other dictionaries all sets of atoms are gone through too, and a set is independent where the smallest
eigenvalue of its Gram exceeds its rounding: the spark is known where this proves all sets of one size independent and
the next size is $`n+1`$, and lies between the two otherwise.

**Sharp.** Both bounds are attained by the simplex, alone or beside orthogonal atoms: $`\mu=1/n`$, and no $`n`$ of its
$`n+1`$ atoms are dependent. The upper bound is attained by atoms in general position, as Gaussian ones. In between:
the identity and the Hadamard matrix of order 4 have $`\mu=1/2`$, spark 4 and rank 4; the conference frame of six atoms
in the space has $`1+1/\mu=3.24`$ and spark 4, that of fourteen in seven dimensions 4.61 and 8.
Kind: exact counts, and inequality for every instance.

**The slides** speak of "sufficiently sparse" representations; this is the first meaning of it (`l0_uniqueness`).

**Not covered.** Dictionaries too large to go through all sets: to find the spark is hard in general, which is why a
bound by $`\mu`$ is wanted.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

from theorems.bibliography import DONOHO2003, GRIBONVAL2003
from theorems.sparse_coding import _whole as whole
from theorems.sparse_coding._instances import unit_columns
from theorems.sparse_coding._whole import NONZERO, WHOLE
from verify import Claim, Count, Enclosure, Every, Figure, Formula, Source, Theorem, control
from verify.core.arrays import eps, namespace
from verify.kit import dictionaries
from verify.kit.coherence import certified_spark, coherence, least_spark, spark, subset_ranks, unit

CONFERENCE, GAUSSIAN = "conference", "Gaussian"
FAMILIES = {
    **whole.FAMILIES,
    CONFERENCE: "nine of the fourteen atoms of the conference frame in seven dimensions",
    GAUSSIAN: "as many Gaussian atoms as there are whole ones",
}
DEPENDENT = "dependent atoms"
LOWER = Formula("1 + 1 / mu - delta")


class Params(whole.WholeParams):
    """The sizes of the random families."""


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """A (B, n, m), whole numbers; or D (B, n, m) with unit columns."""
    xp = draw.xp
    if family == GAUSSIAN:
        return {"D": unit(draw.normal(p.n, p.m))}
    if family == CONFERENCE:
        D = draw.backend.asarray(dictionaries.conference(13).D)[None, ...]
        chosen = draw.subset(14, 9)
        D = D * draw.sign(14)[:, None, :]
        return {"D": xp.take_along_axis(D, xp.broadcast_to(chosen[:, None, :], (draw.size, 7, 9)), axis=-1)}
    return {"A": whole.atoms(draw, p, family)[0]}


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """Of whole numbers that they are, and that no column is 0; of others unit columns, more than rows."""
    if "A" in x:
        ranks = subset_ranks(x["A"])
        return {
            **whole.hypotheses(x["A"]),
            DEPENDENT: namespace(ranks).astype(x["A"].shape[-1] - ranks[:, -1] - 1, x["A"].dtype),
        }
    margin = unit_columns(x["D"])
    xp, (n, m) = namespace(margin), x["D"].shape[-2:]
    return {WHOLE: -xp.ones_like(margin), NONZERO: margin, DEPENDENT: xp.full_like(margin, float(m - n - 1))}


def solve(p: Params, x: Any) -> dict[str, Any]:
    """The spark from the exact ranks of all sets of columns, or certified by the eigenvalues of their Grams."""
    if "D" in x:
        zero = namespace(x["D"]).zeros(x["D"].shape[:1], dtype=namespace(x["D"]).int64, device=x["D"].device)
        return _quantities(x["D"], zero, zero, zero, certified_spark(x["D"]))
    A = x["A"]
    xp, ranks = namespace(A), subset_ranks(A)
    found = spark(ranks)
    return _quantities(unit(A), found, least_spark(A), ranks[:, -1], Enclosure.exact(xp.astype(found, A.dtype)))


def _quantities(D: Any, exact: Any, least: Any, rank: Any, certified: Enclosure) -> dict[str, Any]:
    """The named quantities, those of whole numbers 0 elsewhere. An error of n eps in mu is one of n eps/mu^2 in 1/mu;
    the columns have a share."""
    mu = coherence(D)
    return {
        "spark": exact,
        "least": least,
        "rank": rank,
        "certified": certified,
        "mu": mu,
        "delta": 32 * D.shape[-2] * eps(mu) / mu**2,
    }


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same for one instance: ranks in fractions; or singular values of all sets of columns."""
    import numpy as np

    if "D" in x:
        D, (n, m) = x["D"][0], x["D"].shape[-2:]

        def independent(k: int) -> bool:
            sets = combinations(range(m), k)
            return min(np.linalg.svd(D[:, list(s)], compute_uv=False)[-1] for s in sets) > 16 * n * k * eps(D)

        low = next((float(k) for k in range(2, n + 1) if not independent(k)), n + 1.0)
        zero = np.zeros(1, dtype=np.int64)
        ends = (np.asarray([v]) for v in (low, low, n + 1.0))
        return _quantities(x["D"], zero, zero, zero, Enclosure(*ends))
    A = x["A"]
    columns = A[0].T.tolist()
    found = np.asarray([whole.spark(columns)])
    least, rank = np.asarray([whole.least_spark(columns)]), np.asarray([whole.rank(columns)])
    return _quantities(unit(A), found, least, rank, Enclosure.exact(found.astype(A.dtype)))


def repair(p: Params, x: Any) -> dict[str, Any]:
    """Whole numbers, or unit columns, again."""
    if "A" in x:
        return {"A": whole.repair(x["A"])}
    return {"D": unit(x["D"])}


def exact(p: Params, x: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The spark of whole numbers in fractions."""
    from verify.core.formula import as_ball

    if "A" not in x:
        raise ValueError("the atoms are not of whole numbers")
    columns = [list(column) for column in zip(*x["A"], strict=True)]
    nonzero = all(any(column) for column in columns)
    if not nonzero or any(v.denominator > 1 for column in columns for v in column):
        raise ValueError("the atoms are not of whole numbers, or one is 0")
    found, rank = whole.spark(columns), whole.rank(columns)
    mu = as_ball(whole.coherence_squared(columns)).sqrt()
    quantities = {"spark": found, "least": whole.least_spark(columns), "rank": rank, "certified": found}
    return {WHOLE: 0, NONZERO: 0, DEPENDENT: len(columns) - rank - 1}, {**quantities, "mu": mu, "delta": 0}


def negate(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Atoms negated."""
    return {name: a * draw.shared.sign(a.shape[-1])[:, None, :] for name, a in x.items()}


def permute(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Atoms in another order."""
    return {
        name: namespace(a).take(a, draw.shared.subset(a.shape[-1], a.shape[-1])[0, :], axis=-1) for name, a in x.items()
    }


THEOREM = Theorem(
    "spark_bound",
    "Few atoms of an incoherent dictionary are independent",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    repair=repair,
    exact=exact,
    families=FAMILIES,
    shares={CONFERENCE: 0.25, GAUSSIAN: 0.5},
    instances=3000,
    batch=1024,
    claims=(
        Claim("at least 1 + 1/mu, exactly", Count(), "spark", Formula("least"), (WHOLE, NONZERO), relation=">="),
        Claim("at least 1 + 1/mu", Every(), "certified", LOWER, (NONZERO, DEPENDENT), relation=">="),
        Claim("at most one more than the rank", Count(), "spark", Formula("rank + 1"), (WHOLE,)),
        control(
            "one more",
            Count(),
            "spark",
            Formula("least + 1"),
            (WHOLE, NONZERO, DEPENDENT),
            "the simplex attains the bound",
            relation=">=",
        ),
        control(
            "twice 1/mu",
            Every(),
            "certified",
            Formula("1 + 2 / mu - delta"),
            (NONZERO, DEPENDENT),
            "the simplex, and the identity and the Hadamard matrix of order 4: spark 4, not 5",
            relation=">=",
        ),
        control(
            "general position",
            Count(),
            "spark",
            Formula("rank + 1"),
            (WHOLE, DEPENDENT),
            "atoms may be dependent for other reasons than the dimension",
            relation=">=",
        ),
    ),
    sources=(
        Source(DONOHO2003, "the spark and its bound by the coherence", "from memory; proved on this page"),
        Source(GRIBONVAL2003, "the same for unions of bases", "from memory"),
    ),
    symbols={
        "spark": (r"\mathrm{spark}", "smallest number of dependent columns, exact; m + 1 if there is none"),
        "certified": (r"\mathrm{spark}(D)", "the same, for every dictionary, between proved ends"),
        "least": (r"\lceil1+1/\mu\rceil", "exact, and at most m + 1"),
        "rank": (r"\mathrm{rank}", "the rank, exact"),
        "mu": (r"\mu", "mutual coherence"),
        "delta": (r"\delta", "rounding of 1/mu"),
    },
    figures=(
        Figure(
            "cloud",
            "cloud",
            ("at least 1 + 1/mu",),
            "The spark against 1 + 1/mu: the simplex attains it in every dimension.",
            x="1 + 1/mu",
            y="spark",
        ),
    ),
    survivors=dict.fromkeys(
        (f"at least 1 + 1/mu, exactly: without {WHOLE!r}", f"at most one more than the rank: without {WHOLE!r}"),
        "the exact counts of other dictionaries are not known and stand at 0",
    ),
    invariances={"negate atoms": negate, "permute atoms": permute},
    not_tested=("more than 9 atoms in the default run",),
)
