r"""A deep sparse representation with few non-zeros at every layer is the only one of its signal.

The deep coding problem asks for codes with $`X=D_1\Gamma_1`$, $`\Gamma_{i-1}=D_i\Gamma_i`$ and
$`\|\Gamma_i\|_0\le\lambda_i`$ for $`i=1,\dots,K`$. Let $`\mu_i`$ be the mutual coherence of the columns of $`D_i`$
divided by their lengths.

**Theorem.** (a) If $`\lambda_i<\frac12\big(1+\frac1{\mu_i}\big)`$ for all $`i`$, there is at most one solution. (b) If
$`\lambda_K<\frac12\big(1+\frac1{\mu(D_1D_2\cdots D_K)}\big)`$, the coherence that of the columns of the product divided
by their lengths, there is at most one too, whatever the codes above.

*Proof.* (a) Two solutions have $`D_1\Gamma_1=D_1\Gamma_1'`$, both with at most $`\lambda_1`$ non-zeros, so
$`\Gamma_1=\Gamma_1'`$ by `l0_uniqueness`, and so on down. (b) $`X=D_1D_2\cdots D_K\Gamma_K`$, and `l0_uniqueness`.
Dividing a column by its length multiplies an entry of the code and keeps its zeros. $`\square`$

With the largest number of non-zeros in a stripe for $`\|\Gamma_i\|_0`$ (a) is the case $`\varepsilon=0`$ of
`dcp_stability`, and is checked there. That the columns of the product have other lengths matters for stability, not for
uniqueness.

**What is checked.** Two layers of small dictionaries of whole numbers, with $`\lambda_i=\|\Gamma_i\|_0`$. For every set
of at most $`\lambda_1`$ places of $`\Gamma_1`$ and every set of atoms of $`D_2`$, exact ranks say whether another
solution lives there; the fewest non-zeros of another $`\Gamma_2`$ are exact, and so are the conditions.

**Sharp.** On a simplex of odd dimension, under one atom with equal taps on half of the places and one with the opposite
taps on the others, both signals are one: $`2\lambda_1=1+\frac1{\mu_1}`$. Two parallel atoms of $`D_2`$ have
$`2\lambda_2=1+\frac1{\mu_2}`$. Kind: exact counts.

**The slides** ('ML-CSC: Pursuit') pose the problem without a condition. Solutions need not exist: for dense $`D_2`$ the
codes above are dense and the model is empty.

**Not covered.** Uniqueness for almost all signals, which holds for more non-zeros.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from theorems.bibliography import ELAD2018, PAPYAN2017CNN, SULAM2018
from theorems.sparse_coding import _whole as whole
from theorems.sparse_coding._whole import PLANTED, RANDOM, SIMPLEX, WHOLE
from verify import Claim, Count, Figure, Formula, Source, Theorem, control
from verify.core.arrays import matvec, namespace
from verify.kit.coherence import fewest_others, least_spark, subset_ranks, subset_sizes

FIRST, SECOND = "k_1 < (1 + 1/mu_1)/2", "k_2 < (1 + 1/mu_2)/2"
FIRST_AT, SECOND_AT = "k_1 <= (1 + 1/mu_1)/2, rounded up", "k_2 <= (1 + 1/mu_2)/2, rounded up"
PRODUCT, PRODUCT_AT = "k_2 < (1 + 1/mu(D_1 D_2))/2", "k_2 <= (1 + 1/mu(D_1 D_2))/2, rounded up"
ONE_MORE = Formula("k2 + 1")
SPARSE, PARTS, PARALLEL = "sparse atoms", "parts of a dependence", "parallel atoms"
FAMILIES = {
    f"{SIMPLEX}, {SPARSE}": "a simplex beside orthogonal atoms, under atoms with one or two taps",
    f"{RANDOM}, {SPARSE}": "entries -2, ..., 2, under atoms with one or two taps",
    f"{SIMPLEX}, {PARTS}": "a simplex under two atoms whose signals are one: a part of its atoms, and the rest negated",
    f"{PLANTED}, {PARTS}": "the same on a first dictionary with one atom the sum of others, up to signs",
    f"{SIMPLEX}, {PARALLEL}": "a simplex under two atoms that are equal or opposite",
}


class Params(whole.WholeParams):
    """The sizes of the two dictionaries."""

    m: int = Field(6, ge=3, le=7, description="atoms of the first dictionary")
    atoms: int = Field(4, ge=2, le=5, description="atoms of the second dictionary")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """A1 (B, n, m), A2 (B, m, atoms) and code (B, atoms), the deepest code: whole numbers."""
    xp = draw.xp
    kind, second = family.split(", ")
    A1, h = whole.atoms(draw, p, kind)
    m, zero = A1.shape[-1], draw.full(0.0, A1.shape[-1])
    rank, apart = draw.ranks(m), draw.coin()[:, None] > 0
    columns = []
    for j in range(p.atoms):
        # One tap or two, on places of their own or anywhere.
        two = draw.uniform(1) < 0.4
        own = (rank == j) | (two & (rank == p.atoms + j))
        anywhere = draw.ranks(m) < xp.where(two, 2 + 0 * rank, 1 + 0 * rank)
        columns.append(xp.where(xp.where(apart, own, anywhere), draw.sign(m), zero))
    if second == PARTS:
        # Up to half of the dependent atoms; the signal of the others, negated, is the same.
        order = xp.where(h != 0, draw.uniform(m), draw.full(2.0, m))
        half = xp.floor(xp.sum(xp.astype(h != 0, h.dtype), axis=-1) / 2)
        few = 1 + xp.astype(xp.floor(draw.uniform() * half), xp.int64)
        part = xp.where(xp.argsort(xp.argsort(order, axis=-1), axis=-1) < few[:, None], h, zero)
        columns[:2] = [part, part - h]
    elif second == PARALLEL:
        columns[1] = draw.sign()[:, None] * columns[0]
    values = draw.choose((-2.0, -1.0, 1.0, 2.0), p.atoms)
    if second == SPARSE:
        more = apart & (draw.uniform(1) < 0.3)
        on = draw.ranks(p.atoms) < xp.where(more, 2 + 0 * rank[:, :1], 1 + 0 * rank[:, :1])
    else:
        on = xp.broadcast_to(xp.arange(p.atoms, device=A1.device)[None, :] == 0, values.shape)
    code = xp.where(on, values, 0 * values)
    return {"A1": A1, "A2": xp.stack(columns, axis=-1), "code": code}


def _stacked(x: Any) -> Any:
    """[A_1 A_2; A_2]: (B, n + m, atoms)."""
    xp = namespace(x["A1"])
    return xp.concat([xp.matmul(x["A1"], x["A2"]), x["A2"]], axis=-2)


def _count(v: Any) -> Any:
    xp = namespace(v)
    return xp.sum(xp.astype(v != 0, xp.int64), axis=-1)


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """Conditions in whole numbers: 2k < 1 + 1/mu says that 2k is less than 1 + 1/mu rounded up."""
    xp = namespace(x["A1"])
    product = xp.matmul(x["A1"], x["A2"])
    k1, k2 = _count(matvec(x["A2"], x["code"])), _count(x["code"])

    def margins(A: Any, k: Any, below: str, at: str) -> dict[str, Any]:
        # Of a dictionary with an atom 0 nothing is said.
        there = xp.min(xp.sum(A * A, axis=-2), axis=-1) > 0
        spare = least_spark(xp.where(there[:, None, None], A, xp.ones_like(A))) - 2 * k
        named = {below: spare - 1, at: spare}
        return {name: xp.astype(xp.where(there, v, -xp.ones_like(v)), A.dtype) for name, v in named.items()}

    numbers = xp.minimum(whole.hypotheses(x["A1"])[WHOLE], whole.hypotheses(_stacked(x), x["code"])[WHOLE])
    return {
        WHOLE: numbers,
        **margins(x["A1"], k1, FIRST, FIRST_AT),
        **margins(x["A2"], k2, SECOND, SECOND_AT),
        **margins(product, k2, PRODUCT, PRODUCT_AT),
    }


def solve(p: Params, x: Any) -> dict[str, Any]:
    """The sparsest other solution from the exact ranks of all sets of atoms, for every set of places of Gamma_1."""
    xp = namespace(x["A1"])
    A1, A2, code = x["A1"], x["A2"], x["code"]
    (B, m, atoms), n = A2.shape, A1.shape[-2]
    first = matvec(A2, code)
    k1 = _count(first)
    number = 2**m
    subsets = xp.arange(number, dtype=xp.int64, device=A1.device)
    bits = xp.asarray([1 << j for j in range(m)], dtype=xp.int64, device=A1.device)
    outside = (subsets[:, None] & bits) == 0  # (sets of places, m)

    product = xp.concat([xp.matmul(A1, A2), matvec(A1, first)[..., None]], axis=-1)
    below = xp.concat([A2, xp.zeros_like(first)[..., None]], axis=-1)
    rows = xp.where(outside[None, :, :, None], below[:, None, :, :], xp.zeros_like(below)[:, None, :, :])
    above = xp.broadcast_to(product[:, None, :, :], (B, number, n, atoms + 1))
    ranks = subset_ranks(xp.reshape(xp.concat([above, rows], axis=-2), (B * number, n + m, atoms + 1)))
    support = xp.reshape(xp.broadcast_to((code != 0)[:, None, :], (B, number, atoms)), (B * number, atoms))
    solves = xp.all((first == 0)[:, None, :] | ~outside, axis=-1)
    others = xp.reshape(fewest_others(ranks, support, xp.reshape(solves, (B * number,))), (B, number))
    sizes = xp.asarray(subset_sizes(m), dtype=xp.int64, device=A1.device)
    few = sizes[None, :] <= k1[:, None]
    return {
        "others": xp.min(xp.where(few, others, xp.full_like(others, atoms + 1)), axis=-1),
        "free": others[:, -1],
        "k2": _count(code),
    }


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same for one instance, in fractions."""
    import numpy as np

    first, second, code = (x[name][0].T.tolist() for name in ("A1", "A2", "code"))
    return {name: np.asarray([value]) for name, value in _counts(first, second, code).items()}


def _counts(first: list[Any], second: list[Any], code: list[Any]) -> dict[str, int]:
    """From the columns of the dictionaries."""
    k1 = sum(map(bool, whole.apply(second, code)))
    return {
        "others": whole.fewest_deep_others(first, second, code, k1),
        "free": whole.fewest_deep_others(first, second, code, len(first)),
        "k2": sum(map(bool, code)),
    }


def exact(p: Params, x: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The margins and the sparsest other solution, in fractions."""
    first, second = ([list(column) for column in zip(*x[name], strict=True)] for name in ("A1", "A2"))
    code, product = x["code"], [whole.apply(first, column) for column in second]
    if any(v.denominator > 1 for column in (*first, *second, code) for v in column):
        raise ValueError("the atoms or the code are not of whole numbers")
    k1, k2 = (sum(map(bool, v)) for v in (whole.apply(second, code), code))
    margins = {WHOLE: 0}
    layers = ((first, k1, FIRST, FIRST_AT), (second, k2, SECOND, SECOND_AT), (product, k2, PRODUCT, PRODUCT_AT))
    for columns, k, below, at in layers:
        spare = whole.least_spark(columns) - 2 * k if all(map(any, columns)) else -1
        margins |= {below: spare - 1, at: spare}
    return margins, _counts(first, second, code)


def repair(p: Params, x: Any) -> dict[str, Any]:
    """Whole numbers again."""
    return {name: whole.repair(a) for name, a in x.items()}


def negate(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Atoms of both layers negated, with the entries of the codes that use them."""
    s, r = (draw.shared.sign(size) for size in x["A2"].shape[-2:])
    return {"A1": x["A1"] * s[:, None, :], "A2": s[:, :, None] * x["A2"] * r[:, None, :], "code": x["code"] * r}


def permute(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Atoms of both layers in another order."""
    take = namespace(x["A1"]).take
    inner, outer = (draw.shared.subset(size, size)[0, :] for size in x["A2"].shape[-2:])
    return {
        "A1": take(x["A1"], inner, axis=-1),
        "A2": take(take(x["A2"], inner, axis=-2), outer, axis=-1),
        "code": take(x["code"], outer, axis=-1),
    }


THEOREM = Theorem(
    "dcp_uniqueness",
    "A deep sparse representation with few non-zeros at every layer is the only one of its signal",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    repair=repair,
    exact=exact,
    families=FAMILIES,
    shares={f"{SIMPLEX}, {SPARSE}": 3}
    | dict.fromkeys((f"{RANDOM}, {SPARSE}", f"{SIMPLEX}, {PARALLEL}", f"{PLANTED}, {PARTS}"), 0.5),
    instances=1500,
    batch=128,
    claims=(
        Claim("the only solution", Count(), "others", ONE_MORE, (WHOLE, FIRST, SECOND), relation=">="),
        Claim("the only code, by the product", Count(), "free", ONE_MORE, (WHOLE, PRODUCT), relation=">="),
        control(
            "the first layer at the limit",
            Count(),
            "others",
            ONE_MORE,
            (WHOLE, FIRST_AT, SECOND),
            "half of the atoms of a simplex, and the other half negated, have one image",
            relation=">=",
        ),
        control(
            "the second layer at the limit",
            Count(),
            "others",
            ONE_MORE,
            (WHOLE, FIRST, SECOND_AT),
            "parallel atoms exchange",
            relation=">=",
        ),
        control(
            "the deepest code alone",
            Count(),
            "free",
            ONE_MORE,
            (WHOLE, FIRST, SECOND),
            "another deepest code can be as sparse, if the code above it may be dense",
            relation=">=",
        ),
        control(
            "the product at the limit",
            Count(),
            "free",
            ONE_MORE,
            (WHOLE, PRODUCT_AT),
            "parallel products exchange",
            relation=">=",
        ),
    ),
    sources=(
        Source(PAPYAN2017CNN, "uniqueness of the deep coding problem", "from memory; proved on this page"),
        Source(SULAM2018, "uniqueness by the effective dictionary", "from memory; proved on this page"),
        Source(ELAD2018, "slide 'ML-CSC: Pursuit'", "the problem, without a condition"),
    ),
    symbols={
        "others": (
            r"\min\{\lVert\Gamma_2'\rVert_0:\lVert\Gamma_1'\rVert_0\le k_1\}",
            "fewest non-zeros of another deepest code, the code above as sparse as the given; exact, none: atoms + 1",
        ),
        "free": (r"\min\lVert\Gamma_2'\rVert_0", "the same, whatever the code above"),
        "k2": ("k_2", "non-zeros of the deepest code"),
    },
    figures=(
        Figure(
            "others",
            "cloud",
            ("the only solution", "the deepest code alone"),
            "Fewest non-zeros of another deepest code against those of the given one and one more: with the code above "
            "as sparse as the given, and whatever it is.",
            x="non-zeros and one more",
            y="non-zeros of another deepest code",
        ),
    ),
    invariances={"negate atoms": negate, "permute atoms": permute},
    not_tested=("more than two layers, and more than 7 atoms at the first",),
)
