r"""The frequencies of K cells are near their probabilities, in the 1-norm: Bretagnolle, Huber and Carol.

Let $`n\ge1`$ independent draws fall into cell $`i`$ of $`K\ge2`$ with probability $`\mu_i`$, let $`n_i`$ be the number
of those that fall into it, and $`S=\sum_{i=1}^K\lvert n_i/n-\mu_i\rvert`$.

**Theorem.** For every $`\lambda\ge0`$

```math
P(S\ge\lambda)\le(2^K-2)\,e^{-n\lambda^2/2}\le2^K\,e^{-n\lambda^2/2}.
```

The second form is the one of Bretagnolle, Huber and Carol, on which the robustness bound of Xu and Mannor rests (page
`xu_mannor`); the first is that of Weissman and others.

*Proof.* Since $`\sum_i(n_i/n-\mu_i)=0`$, the cells with $`n_i/n>\mu_i`$ carry half of $`S`$: with
$`\hat\mu(A)=\sum_{i\in A}n_i/n`$ and $`\mu(A)=\sum_{i\in A}\mu_i`$,

```math
S=2\max_A\,(\hat\mu(A)-\mu(A)).
```

The empty set and the set of all cells give 0. So $`S\ge\lambda>0`$ asks that one of the other $`2^K-2`$ sets has
$`\hat\mu(A)-\mu(A)\ge\lambda/2`$. For each of them $`\hat\mu(A)`$ is a mean of $`n`$ independent numbers in $`[0,1]`$,
and Hoeffding's inequality gives $`e^{-2n(\lambda/2)^2}`$. For $`\lambda=0`$ the bound is at least 1. $`\square`$

**How it is checked.** No sampling: the sample space is finite. With whole weights, $`\mu_i=w_i/W`$, all count vectors
$`(n_1,\dots,n_K)`$ are listed, with their probabilities, in the order of $`nWS=\sum_i\lvert Wn_i-nw_i\rvert`$, which is
a whole number. The sums from the largest on are the tails at every value that $`S`$ takes; between two of them the tail
is constant and the bound falls, so nothing else needs a look. Sums come with a bound on all rounding. What a run
refutes is decided again from the law of $`nWS`$ in whole numbers, built up cell by cell.

**Sharp.** One draw and two cells of probability 1/2: $`S=1`$ always, and $`2e^{-1/2}=1.213`$. So the first form cannot
have a constant below $`\frac{\sqrt e}2(2^K-2)=0.824\,(2^K-2)`$ for all $`K`$ and $`n`$, and it does have this one:

```math
P(S\ge\lambda)\le\sqrt e\,(2^{K-1}-1)\,e^{-n\lambda^2/2}.
```

*Proof.* Together the sets $`A`$ and their complements ask for $`\lvert\hat\mu(A)-\mu(A)\rvert\ge t=\lambda/2`$, so it
is to be shown for a binomial number $`X`$ with mean $`np`$ that $`P(\lvert X-np\rvert\ge nt)\le\sqrt e\,e^{-2nt^2}`$.
This is trivial for $`2nt^2\le\frac12`$; otherwise each side has at most half of it. Let $`k\ge np+nt`$ be whole. If
$`k=n`$, then $`P(X\ge k)e^{2n(1-p)^2}=(p\,e^{2(1-p)^2})^n`$ increases with $`p\le1-\frac1{2\sqrt n}`$, to $`\sqrt
e\,(1-\frac1{2\sqrt n})^n\le\frac12\sqrt e`$. If $`k<n`$, let $`Q`$ be the binomial law with mean $`k`$: then $`P(X\ge
k)\le e^{-2n(k/n-p)^2}Q(X\ge k)`$, and $`Q(X\ge k)\le\frac34`$, because a binomial number whose mean is a whole number,
neither 0 nor $`n`$, is below it with probability at least $`\frac14`$ (Doerr). $`\square`$

The exponent is the right one for $`K=2`$ and small $`\lambda`$; Chernoff's inequality and
$`\mathrm{KL}\ge\frac12\lambda^2+\frac1{36}\lambda^4`$ (Kullback) give $`(2^K-2)e^{-n(\lambda^2/2+\lambda^4/36)}`$. The
count of sets is generous when $`K`$ is large: at $`K=12`$ and equal cells tail over bound stays below 0.02.

Kind: inequality for every law, every $`n`$ and every $`\lambda`$, on exact tails.

**Not covered.** Draws that are not independent; more than 12 cells in the default run, for which `xu_mannor` has
samples.
"""

from __future__ import annotations

from functools import lru_cache
from math import comb
from typing import Any

from pydantic import Field

from theorems.bibliography import DOERR2018, KULLBACK1967, OURS, WEISSMAN2003, XU2012
from verify import Claim, Enclosure, Every, Figure, Formula, Parameters, Sharper, Source, Theorem, control
from verify.core.arrays import eps, namespace
from verify.kit import empirical

MANY, LONG = "many equal cells", "K = 2, many draws"
TIMES = 10  # so many times the draws in the family with many
CELLS, DRAWS = range(8, 13), range(8, 21)  # of the family with many cells
BOUND = Formula("(2**K - 2) * exp(-n * lam**2 / 2)")
PRINTED = Formula("2**K * exp(-n * lam**2 / 2)")
ROOT_E = Formula("sqrt(exp(1)) * (2**(K - 1) - 1) * exp(-n * lam**2 / 2)")
KULLBACK = Formula("(2**K - 2) * exp(-n * (lam**2 / 2 + lam**4 / 36))")
WEISSMAN = Source(WEISSMAN2003, "Theorem 2.1", "from memory; proved on this page")
ROBUSTNESS = Source(XU2012, "equation (3)", "where the inequality is quoted with 2^K")


class Params(Parameters):
    """How far the lists go."""

    n: int = Field(40, ge=1, le=60, description="largest number of draws in the families of 2 to 6 cells")
    vectors: int = Field(1000, ge=10, le=20000, description="most count vectors in a list; it limits n for many cells")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """weights (B, K), whole numbers; n (B,). With many cells K is drawn too, and weights of 0 fill up."""
    xp, dtype = draw.xp, draw.backend.float
    if family == MANY:
        K = draw.integers(CELLS.start, CELLS.stop)
        places = xp.arange(CELLS[-1], device=draw.backend.device)[None, :]
        return {
            "weights": xp.astype(places < K[:, None], dtype),
            "n": draw.whole(DRAWS.start, DRAWS.stop),
        }
    K, most = (2, TIMES * p.n) if family == LONG else (int(family[-1]), 0)
    ones, heavy = draw.full(1.0, K), draw.whole(2, 10)
    steps = xp.arange(K, 0, -1, dtype=dtype, device=draw.backend.device)[None, :]
    laws = (ones, xp.where(steps == K, heavy[:, None], ones), steps * ones, draw.whole(1, 10, K))
    which = draw.integers(0, len(laws))[:, None]
    weights = laws[0]
    for number, law in enumerate(laws):
        weights = xp.where(which == number, law, weights)
    return {"weights": weights, "n": draw.whole(1, (most or most_draws(K, p)) + 1)}


def most_draws(K: int, p: Params) -> int:
    """The largest number of draws, up to p.n, whose list of count vectors is not too long; at least 1."""
    return max(1, *(n for n in range(1, p.n + 1) if comb(n + K - 1, K - 1) <= p.vectors))


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """None: the draws are independent by the law that is summed over."""
    return {}


@lru_cache(maxsize=32)
def _lists(K: int, most: int) -> tuple[Any, Any]:
    """The count vectors (most, C, K) and chances (most, C) for n = 1, ..., most, filled up to one length."""
    return _stack([empirical.count_vectors(n, K) for n in range(1, most + 1)], K)


@lru_cache(maxsize=1)
def _equal_lists() -> tuple[Any, Any]:
    """The same for equal cells, up to the order of the cells: an entry for each K of CELLS and n of DRAWS."""
    return _stack([empirical.count_vectors(n, K, symmetric=True) for K in CELLS for n in DRAWS], CELLS[-1])


def _stack(lists: list[tuple[Any, Any]], K: int) -> tuple[Any, Any]:
    import numpy as np

    length = max(len(chances) for _, chances in lists)
    counts, chances = np.zeros((len(lists), length, K), dtype=np.int64), np.zeros((len(lists), length))
    for row, (c, p) in enumerate(lists):
        counts[row, : len(p), : c.shape[1]], chances[row, : len(p)] = c, p
    return counts, chances


def solve(p: Params, x: Any) -> dict[str, Any]:
    """The tails at every value of S, from the list of all count vectors."""
    weights, n = x["weights"], x["n"]
    xp = namespace(weights)
    draws, K = xp.astype(n, xp.int64), xp.astype(xp.sum(xp.astype(weights > 0, weights.dtype), axis=-1), xp.int64)
    if weights.shape[-1] == CELLS[-1]:
        counts, chances = _equal_lists()
        row = (K - CELLS.start) * len(DRAWS) + draws - DRAWS.start
    else:
        cells = weights.shape[-1]
        counts, chances = _lists(cells, TIMES * p.n if cells == 2 else most_draws(cells, p))
        length = comb(int(xp.max(draws)) + cells - 1, cells - 1)  # of the longest list of these instances
        counts, chances = counts[:, :length], chances[:, :length]
        row = draws - 1
    counts = xp.take(xp.asarray(counts, device=weights.device), row, axis=0)
    chances = xp.take(xp.asarray(chances, dtype=weights.dtype, device=weights.device), row, axis=0)
    D, tail = empirical.l1_tails(weights, counts, chances)
    return _quantities(x, xp.astype(D, weights.dtype), tail)


def _quantities(x: Any, D: Any, tail: Enclosure) -> dict[str, Any]:
    """The named quantities from the values of nWS, at most 2^24, and their tails, both (B, T)."""
    xp, n = namespace(D), x["n"]
    lam = D / (n * xp.sum(x["weights"], axis=-1))[:, None]
    return {
        "tail": tail,
        "lam": Enclosure.around(lam, 2 * eps(lam) * lam),
        "K": xp.sum(xp.astype(x["weights"] > 0, D.dtype), axis=-1),
        "n": n,
    }


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same for one law, from the law of nWS in whole numbers, cell by cell."""
    from fractions import Fraction

    import numpy as np

    weights = [int(w) for w in x["weights"][0] if w > 0]
    n, total = int(x["n"][0]), 0
    law, tails = empirical.l1_law(weights, n), []
    for D in sorted(law, reverse=True):
        total += law[D]
        tails.append((D, float(Fraction(total, sum(weights) ** n))))
    D, tail = (np.asarray([column], dtype=float) for column in zip(*tails, strict=True))
    return _quantities(x, D, Enclosure.around(tail, eps(tail) * tail))


def permute(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The cells in another order, where the list has all orders."""
    K = x["weights"].shape[-1]
    order = draw.shared.subset(K, K)[0, :]
    return x if CELLS[-1] == K else {**x, "weights": namespace(x["weights"]).take(x["weights"], order, axis=-1)}


THEOREM = Theorem(
    "bhc_multinomial",
    "Bretagnolle, Huber and Carol: frequencies are near probabilities, on exact tails",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    families={
        **{
            f"K = {K}": f"{K} cells, equal or not, whole weights up to 9; up to {most_draws(K, Params())} draws"
            for K in range(2, 7)
        },
        LONG: f"two cells, up to {TIMES * Params().n} draws: the exponent",
        MANY: f"{CELLS.start} to {CELLS[-1]} equal cells, {DRAWS.start} to {DRAWS[-1]} draws",
    },
    instances=1800,
    batch=1024,
    batches={LONG: 256},
    claims=(
        Claim("Weissman: 2^K - 2 sets", Every(), "tail", BOUND, source=WEISSMAN),
        Claim("Bretagnolle, Huber and Carol: 2^K", Every(), "tail", PRINTED, source=ROBUSTNESS),
        control(
            "the exponent doubled",
            Every(),
            "tail",
            Formula("2**K * exp(-n * lam**2)"),
            (),
            "Hoeffding's inequality holds for half of S: lambda/2 is squared",
        ),
        control(
            "2K in place of 2^K",
            Every(),
            "tail",
            Formula("2 * K * exp(-n * lam**2 / 2)"),
            (),
            "the union is over sets of cells, not over cells; from nine cells on it shows",
        ),
        control(
            "a set and its complement counted once",
            Every(),
            "tail",
            Formula("(2**(K - 1) - 1) * exp(-n * lam**2 / 2)"),
            (),
            "a set may be too full and too empty: two events",
        ),
    ),
    sources=(
        ROBUSTNESS,
        WEISSMAN,
        Source(DOERR2018, "the lower bound 1/4", "from memory; for the constant sqrt(e)"),
        Source(KULLBACK1967, "the refined inequality", "from memory; for the sharper exponent"),
        Source(OURS, "the proof, above", "known; given so that the page needs nothing else"),
    ),
    symbols={
        "tail": (r"P(S\geq\lambda)", "exact tail of the 1-norm of the deviation"),
        "lam": (r"\lambda", "the values that S takes"),
        "K": ("K", "number of cells"),
        "n": ("n", "number of draws"),
        "weights": ("w", "whole weights: the cells have the probabilities w_i / W"),
    },
    figures=(
        Figure(
            "ratio",
            "ratio",
            ("Weissman: 2^K - 2 sets",),
            "Largest tail over bound of every law: close for two cells and few draws, far below for many cells, where "
            "the sets overlap.",
            x="draws n",
            y="largest tail / bound",
            against="n",
        ),
        Figure(
            "sets",
            "ratio",
            ("Weissman: 2^K - 2 sets", "2K in place of 2^K"),
            "The same against the number of cells, beside the control: 2K is enough up to eight cells, not from nine "
            "on.",
            x="cells K",
            y="largest tail / bound",
            against="K",
        ),
    ),
    invariances={"permute cells": permute},
    sharper=(
        Sharper("*", "see Sharp: a binomial deviation has the constant sqrt(e)", ROOT_E),
        Sharper("*", "see Sharp: Chernoff's inequality, and Kullback's", KULLBACK),
    ),
    not_tested=("more than 12 cells", "more than 40 draws from more than two cells"),
)
