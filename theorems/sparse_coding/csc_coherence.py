r"""The coherence of a convolutional dictionary by lags, and the eigenvalues of supports by stripes.

The atoms of $`D`$ are the $`m`$ unit filters $`d_f`$ of length $`n`$ at all the $`N\ge n`$ positions of a circle. With
zeros after the filter, $`(d_f\star d_g)(\tau)=\sum_pd_f(p)\,d_g(p-\tau)`$. The *stripe* of a position are the $`2n-1`$
positions around it (all of them if $`N<2n-1`$), and $`\|\Gamma\|^S_{0,\infty}`$ is the largest number of non-zeros of a
code $`\Gamma`$ in a stripe. In two dimensions positions, lengths and windows are pairs.

**Theorem.** (a) The inner product of $`d_f`$ at 0 and $`d_g`$ at $`t`$ is
$`\sum_{\tau\equiv t\bmod N}(d_f\star d_g)(\tau)`$, so

```math
\mu(D)=\max_{(f,t)\ne(g,0)}\Big|\sum_{\tau\equiv t\bmod N}(d_f\star d_g)(\tau)\Big| ,
```

which a Fourier transform of length $`\min(N,2n-1)`$ computes. (b) If $`N\ge2n-1`$ no two lags are added, and $`\mu`$
does not depend on $`N`$. (c) Filters with $`c`$ taps $`\pm1/\sqrt c`$ at the places of a difference triangle set have
$`\mu=1/c`$. (d) For the support $`T`$ of a code with $`k=\|\Gamma\|^S_{0,\infty}`$, all eigenvalues of $`G_T=D_T^TD_T`$
obey

```math
1-(k-1)\mu\le\lambda\le1+(k-1)\mu .
```

*Proof.* (a) is the sum over a circle, and a circular correlation of length $`L`$ adds the lags that agree modulo $`L`$;
of length $`2n-1`$ it adds none. (b) $`|\tau|<n`$. (c) Two shifts that share two taps would repeat a difference. (d)
Atoms whose positions differ by $`n`$ or more do not meet, so a row of $`G_T`$ has at most $`k-1`$ entries other than
its 1, of size at most $`\mu`$; use Gershgorin's circles. $`\square`$

**What is checked.** (a) against the Gram of the matrix, both with their rounding; the stripes are counted in whole
numbers, not by transforms. (d) with the computed $`\mu`$ and the rounding $`\delta`$ of the eigenvalues.

**Sharp.** Shifts of filters of (c) that all pass through one sample have, up to signs, $`G_T=I+\mu(ss^T-I)`$ with
$`s_i=\pm1`$: the upper end is attained for every $`k\le cm`$. The lower end is attained by two of them, and by three
that meet in three samples with a negative product of the signs.

**The slides** define $`\mu`$ for any dictionary and show the stripe of the convolutional one; nothing of this is in
them. Kind: identities, and inequalities for every instance.

**Not covered.** Strides; the lower bounds on $`\mu`$ that hold for every bank of filters.
"""

from __future__ import annotations

import itertools
import math
from functools import lru_cache
from typing import Any

from pydantic import Field

from theorems.bibliography import ELAD2018, KLOVE1989, OURS, PAPYAN2017
from verify import Claim, Enclosure, Every, Figure, Formula, Identity, Parameters, Source, Theorem, control
from verify.core.arrays import eps, namespace
from verify.kit import convolutions, csc, dictionaries
from verify.kit.basis_pursuit import padded_support, support_gram

UNIT, BANK, LONG = "unit filters", "taps of a difference triangle set", "N >= 2n - 1"
SLIDES = Source(ELAD2018, "slides 'The Mutual Coherence' and 'The CSC Dictionary'")
MU = Formula("gram")

FAMILIES = {
    "random filters": "random filters and spikes",
    "images": "random filters in two dimensions",
    "lags that wrap around": "circles shorter than 2n - 1",
    "filters of any length": "filters that are not unit vectors",
    "two shifts": "two spikes of one filter, more than half its length apart",
    "triangle sets, random": "exact coherence, random spikes",
    "triangle sets, short circle": "taps of a triangle set whose lags wrap around",
    "triangle sets, one sample": "shifts through one sample: the upper end is attained",
    "triangle sets, triples": "two or three shifts: the lower end is attained",
}


class Params(Parameters):
    """Sizes of the random families; a filter is cut to the length of the circle."""

    N: int = Field(24, ge=2, le=64, description="positions of the circle")
    n: int = Field(5, ge=2, le=16, description="length of a filter")
    m: int = Field(2, ge=1, le=4, description="filters")
    k: int = Field(6, ge=1, le=24, description="non-zeros of a random code, at most")
    taps: int = Field(5, ge=3, le=7, description="taps of the filters with exact coherence")


# ------------------------------------------------------------------------------------------- instances


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """kernel (B, 1, m, n) or (B, 1, m, n_1, n_2); code (B, m, N) or (B, m, N_1, N_2)."""
    xp = draw.xp
    if family.startswith("triangle sets"):
        bank = dictionaries.golomb(2, p.taps)
        N = bank.size + bank.size // 2 if family.endswith("short circle") else 2 * bank.size - 1
        kernel = draw.backend.asarray(bank.kernel)[None, ...]
        if family.endswith(("one sample", "triples")):
            code = _placed(draw, _cliques(p.taps, family.endswith("one sample")), (2, N))
        else:
            code = _spikes(draw, (2, N), p.k)
        if not family.endswith("triples"):
            kernel = kernel * draw.sign(*kernel.shape[1:])
        return {"kernel": kernel, "code": code}
    size: tuple[int, ...] = (min(p.n, p.N),)
    grid: tuple[int, ...] = (p.N,)
    if family == "images":
        size, grid = (3, 2), (5, 4)
    if family == "lags that wrap around":
        grid = (min(p.N, size[0] + size[0] // 2),)
    kernel = draw.normal(1, p.m, *size)
    kernel = kernel / xp.sqrt(xp.sum(kernel**2, axis=tuple(range(3, kernel.ndim)), keepdims=True))
    code = _spikes(draw, (p.m, *grid), p.k)
    if family == "two shifts":
        apart = draw.integers(size[0] // 2 + 1, max(size[0], size[0] // 2 + 2))
        at = xp.arange(p.N, device=code.device)[None, :]
        there = (at == 0) | (at == apart[:, None])
        code = xp.concat([xp.astype(there, code.dtype)[:, None, :], xp.zeros_like(code[:, 1:, :])], axis=1)
    if family == "filters of any length":
        kernel = kernel * xp.reshape(draw.log_uniform(low=0.5, high=2.0), (-1, 1, 1, 1))
    return {"kernel": kernel, "code": code}


def _spikes(draw: Any, shape: tuple[int, ...], most: int) -> Any:
    """1, ..., ``most`` signs at random places."""
    xp = draw.xp
    rank = xp.reshape(draw.ranks(math.prod(shape)), (draw.size, *shape))
    k = xp.reshape(draw.integers(1, most + 1), (-1,) + (1,) * len(shape))
    return xp.where(rank < k, draw.sign(*shape), draw.full(0.0, *shape))


def _placed(draw: Any, cliques: tuple[tuple[int, ...], ...], shape: tuple[int, int]) -> Any:
    """The first 2, 3, ... atoms of one of the cliques, shifted around the circle."""
    import numpy as np

    xp, (m, N) = draw.xp, shape
    rank = np.full((len(cliques), m * N), m * N)
    for row, clique in zip(rank, cliques, strict=True):
        row[list(clique)] = range(len(clique))
    table = xp.asarray(rank, dtype=xp.int64, device=draw.backend.device)
    chosen = xp.take(table, draw.integers(0, len(cliques)), axis=0)
    k = draw.integers(2, len(cliques[0]) + 1)
    on = xp.reshape(xp.astype(chosen < k[:, None], draw.backend.float), (draw.size, m, N))
    places = (xp.arange(N, device=draw.backend.device)[None, :] + draw.integers(0, N)[:, None]) % N
    index = xp.broadcast_to(xp.astype(places, xp.int64)[:, None, :], on.shape)
    return xp.take_along_axis(on, index, axis=-1) * draw.sign(m, N)


@lru_cache(maxsize=16)
def _cliques(taps: int, star: bool) -> tuple[tuple[int, ...], ...]:
    """Sets of atoms that meet pairwise: all that pass through one sample; or three whose inner products have a negative
    product."""
    import numpy as np

    bank = dictionaries.golomb(2, taps)
    N = 2 * bank.size - 1
    D = convolutions.dense(bank.kernel[None], (N,))[0]
    if star:
        through = np.flatnonzero(D[0])
        return tuple(tuple(int(i) for i in np.roll(through, s)) for s in range(len(through)))
    gram = np.rint(taps * D.T @ D)
    found = []
    for first in (0, N):
        near = [int(j) for j in np.flatnonzero(gram[first]) if j != first]
        triples = ((first, i, j) for i, j in itertools.combinations(near, 2))
        found += [(a, b, c) for a, b, c in triples if gram[a, b] * gram[b, c] * gram[a, c] < 0]
    return tuple(found)


# ------------------------------------------------------------------------------------------- what is measured


def _sizes(x: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The grid and the size of a filter."""
    return tuple(x["code"].shape[2:]), tuple(x["kernel"].shape[3:])


def _taps(kernel: Any) -> Any:
    """The non-zeros of each filter of a kernel (B, 1, m, entries): (B, m)."""
    xp = namespace(kernel)
    return xp.sum(xp.astype(kernel != 0, kernel.dtype), axis=(1, 3))


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """Unit filters and the taps of a triangle set, to the rounding of their construction; no lags that wrap around."""
    xp = namespace(x["code"])
    grid, size = _sizes(x)
    kernel = xp.reshape(x["kernel"], (*x["kernel"].shape[:3], -1))
    lengths = xp.sum(kernel**2, axis=(1, 3))
    count = _taps(kernel)
    rooted = xp.abs(kernel) * xp.sqrt(count)[:, None, :, None]
    off = xp.max(xp.reshape(xp.abs(rooted - xp.round(rooted)), (kernel.shape[0], -1)), axis=-1)
    even = xp.all((count == count[:, :1]) & (count > 1), axis=-1) & (off <= 8 * eps(off))
    used = xp.astype(x["kernel"] != 0, kernel.dtype)
    shared = csc.coherence(used, tuple(2 * n - 1 for n in size))  # taps that two shifts share, a whole number
    folds = any(2 * n - 1 > N for N, n in zip(grid, size, strict=True))
    return {
        UNIT: 16 * kernel.shape[3] * eps(kernel) - xp.max(xp.abs(lengths - 1), axis=-1),
        BANK: xp.where(even & (shared < 1.5), xp.ones_like(off), -xp.ones_like(off)),
        LONG: xp.full_like(off, -1.0 if folds else 1.0),
    }


def solve(p: Params, x: Any) -> dict[str, Any]:
    """Coherences by transform and from the Gram, and the extreme eigenvalues of the Gram of the support."""
    xp = namespace(x["code"])
    kernel, code = x["kernel"], x["code"]
    grid, size = _sizes(x)
    D = convolutions.dense(kernel, grid)
    gram = xp.matmul(xp.matrix_transpose(D), D)
    off = xp.abs(gram) * (1 - xp.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device))
    flat = xp.reshape(code, (code.shape[0], -1))
    support, mask = padded_support(flat)
    _, small = support_gram(D, support, mask)
    values = xp.linalg.eigvalsh(small)  # the padding adds eigenvalues 1, which lie between the extreme ones
    here = xp.reshape(xp.sum(xp.astype(code != 0, xp.int64), axis=1), (code.shape[0], *grid))
    odd = tuple(n - 1 + n % 2 for n in size)
    narrow = xp.max(xp.reshape(csc.window_sums(here, odd, centred=True), (code.shape[0], -1)), axis=-1)
    coherences = {
        "fourier": csc.coherence(kernel, grid),
        "straight": csc.coherence(kernel, tuple(2 * n - 1 for n in size)),
        "aliased": csc.coherence(kernel, size),
        "gram": xp.max(xp.reshape(off, (off.shape[0], -1)), axis=-1),
    }
    return _quantities(x, coherences, values[:, -1], values[:, 0], csc.stripe_sparsity(flat, grid, size), narrow)


def _quantities(
    x: Any, coherences: dict[str, Any], largest: Any, smallest: Any, stripe: Any, narrow: Any
) -> dict[str, Any]:
    xp = namespace(x["code"])
    kernel = xp.reshape(x["kernel"], (*x["kernel"].shape[:3], -1))
    together = xp.abs(xp.matmul(kernel[:, 0, ...], xp.matrix_transpose(kernel[:, 0, ...])))
    zero_lag = together * (1 - xp.eye(together.shape[-1], dtype=together.dtype, device=together.device))
    # Inner products of filters: a roundoff for each product, and log2 of the length for each stage of a transform.
    longest = xp.max(xp.sum(kernel**2, axis=(1, 3)), axis=-1)
    radius = 4 * eps(kernel) * (kernel.shape[-1] + 24 * math.log2(4 * kernel.shape[-1])) * longest
    radius = radius + xp.zeros_like(largest)  # filters may be shared by the batch
    coherences = {name: mu + xp.zeros_like(largest) for name, mu in coherences.items()}
    found = {name: Enclosure.around(mu, radius) for name, mu in coherences.items()}
    taps = xp.max(_taps(kernel), axis=-1)
    k = xp.astype(stripe, largest.dtype)
    k = xp.maximum(k, xp.ones_like(k))  # of no atoms the eigenvalues count as 1
    total = xp.astype(xp.sum(xp.astype(x["code"] != 0, xp.int64), axis=tuple(range(1, x["code"].ndim))), k.dtype)
    return {
        **found,
        "zero_lag": Enclosure.around(
            xp.max(xp.reshape(zero_lag, (zero_lag.shape[0], -1)), axis=-1) + 0 * radius, radius
        ),
        "taps": taps,
        "mu": coherences["gram"],
        "largest": largest,
        "smallest": xp.maximum(smallest, xp.zeros_like(smallest)),
        "k": k,
        "narrow": xp.astype(narrow, k.dtype),
        "delta": radius * (k + 4 * total),
    }


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same for one instance: atoms one by one, lags by NumPy's sums, stripes by distances around the circle."""
    import numpy as np

    kernel, code = x["kernel"][0, 0], x["code"][0]
    grid, size = _sizes(x)
    atoms = []
    for f, at in itertools.product(range(len(kernel)), np.ndindex(*grid)):
        atom = np.zeros(grid)
        for q in np.ndindex(*size):
            atom[tuple((i + j) % n for i, j, n in zip(at, q, grid, strict=True))] += kernel[(f, *q)]
        atoms.append((f, at, atom.ravel()))

    def coherence(around: tuple[int, ...]) -> float:
        best = 0.0
        for f, g in itertools.product(range(len(kernel)), repeat=2):
            sums: dict[tuple[int, ...], float] = {}
            for a, b in itertools.product(np.ndindex(*size), repeat=2):
                lag = tuple((i - j) % n for i, j, n in zip(a, b, around, strict=True))
                sums[lag] = sums.get(lag, 0.0) + kernel[(f, *a)] * kernel[(g, *b)]
            best = max(best, *(abs(v) for lag, v in sums.items() if f != g or any(lag)), 0.0)
        return best

    D = np.stack([atom for _, _, atom in atoms], axis=1)
    gram = np.abs(D.T @ D)
    np.fill_diagonal(gram, 0)
    T = np.flatnonzero(code.ravel())
    values = np.linalg.svd(D[:, T], compute_uv=False) ** 2 if len(T) else np.ones(1)
    smallest = 0.0 if len(T) > D.shape[0] else values[-1]

    def largest_count(reach: tuple[int, ...]) -> int:
        places = [atoms[j][1] for j in T]

        def near(a: Any, b: Any) -> bool:
            gaps = [min((i - j) % n, (j - i) % n) for i, j, n in zip(a, b, grid, strict=True)]
            return all(gap <= most for gap, most in zip(gaps, reach, strict=True))

        return max(sum(near(at, place) for place in places) for at in np.ndindex(*grid))

    coherences = {
        "fourier": coherence(grid),
        "straight": coherence(tuple(2 * n - 1 for n in size)),
        "aliased": coherence(size),
        "gram": gram.max(),
    }
    return _quantities(
        x,
        {name: np.asarray([v]) for name, v in coherences.items()},
        np.asarray([values[0]]),
        np.asarray([smallest]),
        np.asarray([largest_count(tuple(n - 1 for n in size))]),
        np.asarray([largest_count(tuple((n - 1) // 2 for n in size))]),
    )


def repair(p: Params, x: Any) -> dict[str, Any]:
    """Filters of unit length again."""
    xp = namespace(x["kernel"])
    kernel = x["kernel"]
    length = xp.sqrt(xp.sum(kernel**2, axis=(1, *range(3, kernel.ndim)), keepdims=True))
    return {**x, "kernel": kernel / xp.where(length > 0, length, xp.ones_like(length))}


# ------------------------------------------------------------------------------------------- symmetries


def turn(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The code moved around the circle."""
    xp = namespace(x["code"])
    return {**x, "code": xp.roll(x["code"], 3, axis=2)}


def mirror(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Filters and code read backwards."""
    xp = namespace(x["code"])
    axes = tuple(range(2, x["code"].ndim))
    return {**x, "kernel": xp.flip(x["kernel"], axis=tuple(a + 1 for a in axes)), "code": xp.flip(x["code"], axis=axes)}


def reorder(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The filters in another order, some of them negated."""
    xp, m = namespace(x["code"]), x["code"].shape[1]
    order, signs = draw.shared.subset(m, m)[0, :], draw.shared.sign(m)
    kernel = xp.take(x["kernel"], order, axis=2)
    signs = xp.reshape(signs, (1, 1, m) + (1,) * (kernel.ndim - 3))
    return {**x, "kernel": kernel * signs, "code": xp.take(x["code"], order, axis=1)}


THEOREM = Theorem(
    "csc_coherence",
    "The coherence of a convolutional dictionary by lags, and the eigenvalues of supports by stripes",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    repair=repair,
    families=FAMILIES,
    shares={name: 0.25 for name in FAMILIES if name.startswith("triangle")},
    instances=2400,
    batch=2048,
    batches={name: 512 for name in FAMILIES if name.startswith("triangle")},
    claims=(
        Claim("coherence by transform", Identity(), "fourier", MU, relation="=="),
        Claim("no lags are added on a long circle", Identity(), "straight", MU, (LONG,), relation="=="),
        Claim("triangle sets: 1/taps", Identity(), "fourier", Formula("1 / taps"), (BANK, LONG), relation="=="),
        Claim("largest eigenvalue", Every(), "largest", Formula("1 + (k - 1)*mu + delta"), (UNIT,)),
        Claim("smallest eigenvalue", Every(), "smallest", Formula("1 - (k - 1)*mu - delta"), (UNIT,), relation=">="),
        control(
            "no lags are added on any circle",
            Identity(),
            "straight",
            MU,
            (),
            "on fewer than 2n - 1 positions two overlaps at both ends add up",
            relation="==",
        ),
        control(
            "a transform of length n",
            Identity(),
            "aliased",
            MU,
            (LONG,),
            "it adds the lags that agree modulo n",
            relation="==",
        ),
        control(
            "filters in place only",
            Identity(),
            "zero_lag",
            MU,
            (),
            "shifts of a filter meet each other and the other filters",
            relation="==",
        ),
        control(
            "stripes of n positions",
            Every(),
            "largest",
            Formula("1 + (narrow - 1)*mu + delta"),
            (UNIT,),
            "two shifts that are more than half a filter apart still overlap",
        ),
        control(
            "one atom too few",
            Every(),
            "largest",
            Formula("1 + (k - 2)*mu + delta"),
            (UNIT,),
            "shifts through one sample attain the upper end",
        ),
    ),
    sources=(
        SLIDES,
        Source(PAPYAN2017, "coherence and stripes of the convolutional model", "from memory; proved on this page"),
        Source(KLOVE1989, "difference triangle sets", "definition"),
        Source(OURS, "(a) to (d), above"),
    ),
    symbols={
        "fourier": (r"\mu_{\min(N,2n-1)}", "coherence by a transform of that length"),
        "straight": (r"\mu_{2n-1}", "coherence by a transform of length 2n - 1"),
        "aliased": (r"\mu_n", "coherence by a transform of length n"),
        "zero_lag": (r"\max_{f\ne g}|\langle d_f,d_g\rangle|", "coherence of the filters in place"),
        "gram": (r"\mu(D)", "coherence from the Gram of all atoms"),
        "taps": ("c", "number of taps of a filter"),
        "mu": (r"\mu", "coherence"),
        "largest": (r"\lambda_{\max}(G_T)", "largest eigenvalue of the Gram of the support"),
        "smallest": (r"\lambda_{\min}(G_T)", "smallest eigenvalue of the Gram of the support"),
        "k": (r"\lVert\Gamma\rVert^S_{0,\infty}", "largest number of non-zeros in a stripe"),
        "narrow": (r"\lVert\Gamma\rVert^n_{0,\infty}", "the same in windows of n positions around the centre"),
        "delta": (r"\delta", "rounding of eigenvalues and coherence"),
    },
    figures=(
        Figure(
            "largest",
            "ratio",
            ("largest eigenvalue", "stripes of n positions"),
            "The largest eigenvalue over its bound against the number of non-zeros in a stripe: shifts through one "
            "sample attain it for every k. Windows of n positions miss atoms that overlap.",
            x="non-zeros in a stripe",
            y="largest eigenvalue / bound",
            against="k",
        ),
        Figure(
            "smallest",
            "ratio",
            ("smallest eigenvalue",),
            "The bound over the smallest eigenvalue: two or three shifts attain it.",
            x="non-zeros in a stripe",
            y="bound / smallest eigenvalue",
            against="k",
        ),
    ),
    survivors={
        "smallest eigenvalue: all of it times 0.9": "the smallest eigenvalue is never negative, so it is at least 0.9 "
        "times the bound where that is positive, and where it is not",
    },
    invariances={"turn": turn, "mirror": mirror, "reorder filters": reorder},
    not_tested=("circles longer than a hundred positions", "more than four filters"),
)
