r"""How small the mutual coherence can be: the bound of Welch, and its form for convolutions.

Let $`D\in\mathbb R^{n\times m}`$, $`m>n`$, have unit columns (atoms) $`d_j`$. Their mutual coherence is
$`\mu=\max_{i\ne j}\lvert\langle d_i,d_j\rangle\rvert`$. Let $`w`$ be the number of atoms whose non-zeros meet those
of an atom, itself included, on average over the atoms; $`w\le m`$.

**Theorem.**

```math
\mu\ge\sqrt{\frac{m-n}{n(w-1)}}\ge\sqrt{\frac{m-n}{n(m-1)}} .
```

In particular, for $`f`$ unit filters of $`s`$ taps and all their shifts on a circle of $`N\ge s`$ positions,

```math
\mu\ge\sqrt{\frac{f-1}{f\min(N,2s-1)-1}}\ge\sqrt{\frac{f-1}{f(2s-1)-1}} .
```

*Proof.* $`G=D^TD`$ has at most $`n`$ non-zero eigenvalues, with the sum $`m`$, so
$`\|G\|_F^2\ge m^2/n`$. The diagonal holds $`m`$ of it; the rest lies in $`m(w-1)`$ places at most, and
$`m(w-1)\mu^2\ge m^2/n-m`$. A convolution has $`m=fN`$, $`n=N`$, and an atom meets the shifts of every filter by less
than $`s`$: $`w\le f\min(N,2s-1)`$. $`\square`$

The literature asks for $`N\ge2s-1`$, below which the $`2s-1`$ shifts are not distinct on the circle: then there are
only $`N`$ of them, and the bound is larger still.

**Sharp.** Equality means $`DD^T=\frac mnI`$ and one and the same $`\lvert\langle d_i,d_j\rangle\rvert`$ for all atoms
that meet. With $`w=m`$: equiangular tight frames, as the simplex and the conference frames; with $`w<m`$: simplices
side by side. Convolutions: two filters $`(\cos\theta,\pm\sin\theta)`$ with $`\tan2\theta=2`$ have
$`\mu=1/\sqrt5`$; the four of taps $`\pm1/\sqrt3`$ at the places 0, 2, 3 of a perfect ruler, with the signs of a
simplex, have $`\mu=1/3`$; and $`(0,1,\pm\varphi)`$ with the golden ratio $`\varphi`$, on a circle of three positions,
make the six diagonals of an icosahedron, $`\mu=1/\sqrt5`$. Random filters stay far above; the families climb.
Kind: inequality for every instance.

**The slide** defines the mutual coherence, for normalised columns. Without that nothing holds: columns of length 1/2
have a quarter of the coherence.

**Not covered.** For most sizes the bound is not attained: $`m\le n(n+1)/2`$ is necessary with $`w=m`$; for two
filters of four taps the best that was found is 0.3104, and the bound 0.2773. Complex entries.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pydantic import Field

from theorems.bibliography import ELAD2018, OURS, PAPYAN2017, WELCH1974
from verify import Claim, Every, Figure, Formula, Parameters, Source, Theorem, control
from verify.core.arrays import eps, namespace
from verify.kit import dictionaries
from verify.kit.coherence import coherence, meetings, off_diagonal, unit
from verify.kit.convolutions import dense

UNIT, WIDE, FILTERS = "unit columns", "more atoms than rows", "a convolution"
TIGHT = "tight, with equal inner products"
SHORT = "columns too short"
WELCH = Formula("sqrt((m - n) / (n * (m - 1))) - delta")
LOCAL = Formula("sqrt((m - n) / (n * (w - 1))) - delta")
FILTER_BANK = Formula("sqrt((f - 1) / (f * (2*s - 1) - 1)) - delta")
CIRCLE = 9  # positions of the filter banks that are made to attain the bound
CLIMBED = 7  # positions of those that climbed, two filters of four taps
FAMILIES = {
    "random": "Gaussian atoms",
    "conference": "the equiangular frame of 14 atoms in 7 dimensions, turned; half of them disturbed",
    "simplex": "the simplex in 6 dimensions, turned; half of them disturbed",
    "simplices side by side": "three simplices in three dimensions each; half of them disturbed",
    "affine lines": "16 points, 20 lines of four points each, with signs; half of them disturbed",
    SHORT: "Gaussian atoms of length 1/2",
    "filters, random": "Gaussian filters on a circle",
    "filters, climbed": "two filters of four taps that climbed; half of them disturbed",
    "filters, two taps": "the two filters of two taps that attain the bound; half of them disturbed",
    "filters, ruler": "the four filters of four taps that attain the bound; half of them disturbed",
    "filters, icosahedron": "two filters of three taps on three positions; half of them disturbed",
}


class Params(Parameters):
    """The sizes of the random families."""

    n: int = Field(8, ge=1, le=64, description="rows of the random dictionaries")
    m: int = Field(16, ge=2, le=128, description="atoms of the random dictionaries")
    filters: int = Field(3, ge=1, le=8, description="random filters")
    taps: int = Field(4, ge=1, le=16, description="taps of a random filter")
    gap: int = Field(2, ge=0, le=32, description="positions of the circle of the random filters beyond their taps")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """D (B, n, m); of a convolution filters (B, f, N), filled up with zeros to the circle, and taps (B,)."""
    if family in ("random", SHORT):
        D = draw.normal(p.n, p.m)
        return {"D": unit(D) * (0.5 if family == SHORT else 1.0)}
    if family == "filters, random":
        return _bank(draw, draw.normal(p.filters, p.taps), p.taps + p.gap)
    if family.startswith("filters"):
        taps, positions = _banks(family)
        taps = draw.xp.take(draw.backend.asarray(taps), draw.integers(0, len(taps)), axis=0)
        return _bank(draw, _disturbed(draw, taps), positions)
    D = _disturbed(draw, draw.backend.asarray(_frame(family))[None, ...])
    if family in ("conference", "simplex"):  # a reflection moves the frame as a whole
        u = draw.sphere(D.shape[1])[..., None]
        D = D - 2 * u * draw.xp.sum(u * D, axis=1, keepdims=True)
    return {"D": unit(D * draw.sign(D.shape[-1])[:, None, :])}


def _frame(family: str) -> Any:
    import numpy as np

    if family == "simplices side by side":
        return np.kron(np.eye(3), dictionaries.simplex(3).D)
    made = {"conference": dictionaries.conference, "simplex": dictionaries.simplex}
    orders = {"conference": 13, "simplex": 6, "affine lines": 4}
    return made.get(family, dictionaries.affine_hadamard)(orders[family]).D


def _disturbed(draw: Any, x: Any) -> Any:
    """Half of the draws as they are, in the others each entry by up to a tenth; zeros stay."""
    noise = draw.coin()[:, None, None] * draw.uniform(*x.shape[1:], low=-0.1, high=0.1)
    return x * (1 + noise)


def _bank(draw: Any, taps: Any, positions: int) -> dict[str, Any]:
    """Unit filters of random sign with these taps (B, f, s)."""
    xp = draw.xp
    f, s = taps.shape[1:]
    bank = unit(taps, -1) * draw.sign(f)[..., None]
    return {"filters": xp.concat([bank, draw.full(0.0, f, positions - s)], axis=-1), "taps": draw.full(float(s))}


@lru_cache
def _banks(family: str) -> tuple[Any, int]:
    """Filter banks (banks, f, s) of small coherence, and the positions of their circle."""
    import numpy as np

    if family == "filters, climbed":
        return _climbed(2, 4, CLIMBED), CLIMBED
    golden = (1 + 5**0.5) / 2
    angle = np.arctan(2) / 2
    made: dict[str, tuple[Any, int]] = {
        "filters, two taps": ([[np.cos(angle), np.sin(angle)], [np.cos(angle), -np.sin(angle)]], CIRCLE),
        "filters, ruler": ([[1, 0, 1, 1], [1, 0, -1, -1], [-1, 0, 1, -1], [-1, 0, -1, 1]], CIRCLE),
        "filters, icosahedron": ([[0, 1, golden], [0, 1, -golden]], 3),
    }
    taps, positions = made[family]
    return np.asarray([taps], dtype=float), positions


def _climbed(f: int, s: int, positions: int) -> Any:
    """32 random banks, changed 1500 times each where that lowers the coherence, by steps that grow with success."""
    import numpy as np

    random = np.random.default_rng(0)

    def height(taps: Any) -> Any:
        filled = np.concatenate([taps, np.zeros((*taps.shape[:2], positions - s))], axis=-1)
        return coherence(dense(filled[:, None], (positions,)))

    best = unit(random.standard_normal((32, f, s)), -1)
    least, step = height(best), np.full(32, 0.3)
    for _ in range(1500):
        tried = unit(best + step[:, None, None] * random.standard_normal(best.shape), -1)
        found = height(tried)
        lower = found < least
        best, least = np.where(lower[:, None, None], tried, best), np.where(lower, found, least)
        step = np.clip(step * np.where(lower, 1.6, 0.97), 1e-6, 1.0)
    return best


def _dictionary(x: Any) -> Any:
    """The matrix D (B, n, m)."""
    return dense(x["filters"][:, None, :, :], (x["filters"].shape[-1],)) if "filters" in x else x["D"]


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """Unit columns to their rounding; that there are enough atoms; no taps where there should be none."""
    D = _dictionary(x)
    xp, (n, m) = namespace(D), D.shape[-2:]
    defect = xp.max(xp.abs(xp.sum(D * D, axis=-2) - 1), axis=-1)
    outside = -xp.ones_like(defect)
    if "filters" in x:
        beyond = xp.arange(n, dtype=D.dtype, device=D.device)[None, :] >= x["taps"][:, None]
        outside = -xp.max(xp.where(beyond[:, None, :], xp.abs(x["filters"]), xp.zeros_like(x["filters"])), axis=(1, 2))
    return {
        UNIT: 16 * n * eps(D) - defect,
        WIDE: xp.full_like(defect, float(m - n - 1)),
        FILTERS: outside,
        TIGHT: 16 * n * eps(D) - _distance(D),
    }


def _distance(D: Any) -> Any:
    """How far D is from equality: from D D^T = (m/n) I, relatively, and from equal |<d_i, d_j>| where atoms meet."""
    xp, (n, m) = namespace(D), D.shape[-2:]
    frame = xp.matmul(D, xp.matrix_transpose(D)) * (n / m) - xp.eye(n, dtype=D.dtype, device=D.device)
    inner, others = off_diagonal(D), meetings(D) - xp.eye(m, dtype=D.dtype, device=D.device)
    spread = others * (xp.max(inner, axis=(-2, -1), keepdims=True) - inner)
    return xp.maximum(xp.max(xp.abs(frame), axis=(-2, -1)), xp.max(spread, axis=(-2, -1)))


def _quantities(x: Any, mu: Any, w: Any, n: int, m: int) -> dict[str, Any]:
    xp = namespace(mu)
    return {
        "mu": mu,
        "w": w,
        "n": xp.full_like(mu, float(n)),
        "m": xp.full_like(mu, float(m)),
        "f": xp.full_like(mu, float(x["filters"].shape[1] if "filters" in x else 1)),
        "s": x.get("taps", xp.ones_like(mu)),
        "delta": xp.full_like(mu, 32 * n * eps(mu)),
    }


def solve(p: Params, x: Any) -> dict[str, Any]:
    """The coherence from the Gram of all atoms, and which of them meet."""
    D = _dictionary(x)
    n, m = D.shape[-2:]
    return _quantities(x, coherence(D), namespace(D).sum(meetings(D), axis=(-2, -1)) / m, n, m)


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same for one instance, pair by pair; of a convolution from the correlations of its filters."""
    import numpy as np

    if "filters" not in x:
        D = x["D"][0]
        n, m = D.shape
        pairs = [(D[:, i], D[:, j]) for i in range(m) for j in range(m) if i != j]
        meet = 1 + sum(bool(np.any((a != 0) & (b != 0))) for a, b in pairs) / m
        return _quantities(x, np.asarray([max(abs(a @ b) for a, b in pairs)]), np.asarray([meet]), n, m)
    bank = x["filters"][0]
    f, N = bank.shape
    shifted = [
        (a, np.roll(b, t)) for i, a in enumerate(bank) for j, b in enumerate(bank) for t in range(N) if i != j or t
    ]
    meet = 1 + sum(bool(np.any((a != 0) & (b != 0))) for a, b in shifted) / f
    return _quantities(x, np.asarray([max(abs(a @ b) for a, b in shifted)]), np.asarray([meet]), N, f * N)


def repair(p: Params, x: Any) -> dict[str, Any]:
    """Columns of length 1 again, and no taps beyond the last."""
    if "filters" not in x:
        return {**x, "D": unit(x["D"])}
    xp, bank = namespace(x["filters"]), x["filters"]
    inside = xp.arange(bank.shape[-1], dtype=bank.dtype, device=bank.device)[None, :] < x["taps"][:, None]
    return {**x, "filters": unit(xp.where(inside[:, None, :], bank, xp.zeros_like(bank)), -1)}


def negate(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Atoms or filters negated."""
    if "filters" in x:
        return {**x, "filters": x["filters"] * draw.shared.sign(x["filters"].shape[1])[..., None]}
    return {**x, "D": x["D"] * draw.shared.sign(x["D"].shape[-1])[:, None, :]}


def permute(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Atoms or filters in another order."""
    name, axis = ("filters", 1) if "filters" in x else ("D", 2)
    size = x[name].shape[axis]
    return {**x, name: namespace(x[name]).take(x[name], draw.shared.subset(size, size)[0, :], axis=axis)}


GIVEN = (UNIT, WIDE)
SLIDE = Source(ELAD2018, "slide 'The Mutual Coherence'", "the definition")


THEOREM = Theorem(
    "welch_bound",
    "How small the mutual coherence can be",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    repair=repair,
    fixed=("taps",),
    families=FAMILIES,
    instances=4400,
    batch=2048,
    batches={"affine lines": 512},
    claims=(
        Claim("Welch", Every(), "mu", WELCH, GIVEN, relation=">="),
        Claim("atoms that meet", Every(), "mu", LOCAL, GIVEN, relation=">="),
        Claim("filters", Every(), "mu", FILTER_BANK, (UNIT, FILTERS), relation=">="),
        Claim("attained", Every(), "mu", Formula(LOCAL.text.replace("- delta", "+ delta")), (*GIVEN, TIGHT)),
        control(
            "one dimension less",
            Every(),
            "mu",
            Formula("sqrt((m - n) / ((n - 1) * (m - 1))) - delta"),
            GIVEN,
            "equiangular tight frames attain the bound",
            relation=">=",
        ),
        control(
            "a filter meets only s positions",
            Every(),
            "mu",
            Formula("sqrt((f - 1) / (f * s - 1)) - delta"),
            (UNIT, FILTERS),
            "it meets 2s - 1, and the best filters use them all; random ones do not show it",
            relation=">=",
        ),
        control(
            "columns of any length",
            Every(),
            "mu",
            WELCH,
            (WIDE,),
            "columns of length 1/2 have a quarter of the coherence",
            relation=">=",
        ),
    ),
    sources=(
        Source(WELCH1974, "the bound on the largest inner product", "from memory; proved on this page"),
        Source(PAPYAN2017, "the bound for convolutional dictionaries", "from memory; proved on this page"),
        Source(OURS, "the bound with w, and the filters that attain it", "they may exist in the literature"),
        SLIDE,
    ),
    symbols={
        "mu": (r"\mu", "mutual coherence"),
        "n": ("n", "rows; of a convolution the positions"),
        "m": ("m", "atoms; of a convolution all shifts of all filters"),
        "w": ("w", "atoms whose non-zeros meet those of an atom, itself included, on average"),
        "f": ("f", "filters"),
        "s": ("s", "taps of a filter"),
        "delta": (r"\delta", "rounding of the inner products"),
    },
    figures=(
        Figure(
            "cloud",
            "cloud",
            ("atoms that meet",),
            "Coherence against the bound with w: frames and filters made to attain it are on the line, disturbed ones "
            "leave it, random ones stay far above.",
            x="bound",
            y="coherence",
        ),
        Figure(
            "filters",
            "ratio",
            ("filters", "a filter meets only s positions"),
            "Bound over coherence of the filter banks, against the taps: with s in place of 2s - 1 the bound is "
            "exceeded by the banks that climbed or were made to attain the right one.",
            x="taps s",
            y="bound / coherence",
            against="s",
        ),
    ),
    survivors={
        f"filters: without {FILTERS!r}": "a dictionary that is no convolution counts as one filter, and "
        "the bound of one filter is 0",
    },
    invariances={"negate atoms": negate, "permute atoms": permute},
    not_tested=(
        "dictionaries of more than 96 atoms in the default run",
        "complex entries",
        "filters in two dimensions",
    ),
)
