r"""Uniqueness, stability and recovery in convolutional sparse coding need few non-zeros in a stripe, not in all.

The atoms $`d_j`$ of $`D`$ have unit length and coherence $`\mu`$. Each sees a window of the signal, its *patch*, and
meets the atoms of its *stripe* $`N(j)`$ only: of the block of a dictionary $`I\otimes A`$, or of the $`2n-1`$ positions
around it for filters of length $`n`$ and stride 1. Let $`\|\Gamma\|^S_{0,\infty}`$ be the largest number of non-zeros
in a stripe and $`\|E\|^P_{2,\infty}`$ the largest length of a patch; write $`k=\|\Gamma\|^S_{0,\infty}`$,
$`k'=\|\Gamma'\|^S_{0,\infty}`$, $`h=\Gamma-\Gamma'`$.

**Theorem.** (a) $`\|h\|_\infty\le\|D^TDh\|_\infty+(k+k'-1)\mu\|h\|_\infty`$. So two codes of one signal have
$`k+k'\ge1+\frac1\mu`$, and one with $`k<\frac12(1+\frac1\mu)`$ has the least of its signal. (b) If both are within
$`\varepsilon`$ of one signal and $`(k+k'-1)\mu<1`$,

```math
\|\Gamma-\Gamma'\|_2\le\frac{2\varepsilon}{\sqrt{1-(k+k'-1)\mu}} .
```

Let $`(k-1)\mu<1`$, $`\kappa=\frac{k\mu}{1-(k-1)\mu}`$, which is below 1 if and only if $`k<\frac12(1+\frac1\mu)`$, and
$`T`$, $`s`$ support and signs of $`\Gamma`$. (c) $`\|D_{T^c}^TD_TG_T^{-1}s\|_\infty\le\kappa`$; below 1 it certifies
that basis pursuit recovers $`\Gamma`$ from $`D\Gamma`$. (d) With $`Y=D\Gamma+E`$, $`|d_j^TE|\le\varepsilon`$ for all
$`j`$ and $`x`$ the minimiser of $`\frac12\|Y-Dx\|^2+\xi\|x\|_1`$ among the vectors supported in $`T`$,

```math
\max_{j\notin T}|d_j^T(Y-Dx)|\le(1+\kappa)\varepsilon+\kappa\xi,\qquad
\|x-\Gamma\|_\infty\le\frac{\varepsilon+\xi}{1-(k-1)\mu} ,
```

and if the first is below $`\xi`$, $`x`$ is the only minimiser over all codes. (e)
$`|d_j^TE|\le\|d_j\|\,\|E\|^P_{2,\infty}`$ for atoms of any length.

*Proof.* Counts of stripes are subadditive. (a) At $`p`$ with $`|h_p|=\|h\|_\infty`$, row $`p`$ of $`D^TDh-h`$ has at
most $`k+k'-1`$ terms, of size at most $`\mu\|h\|_\infty`$; if $`Dh=0`$ divide by it. (b) $`\|Dh\|\le2\varepsilon`$, and
by Gershgorin's circles the Gram of the support of $`h`$ has no eigenvalue below $`1-(k+k'-1)\mu`$. (c), (d) as in
`bp_noiseless` and `bp_lagrangian`, where the count enters only through $`\|G_T-I\|_{\infty\to\infty}\le(k-1)\mu`$ and
the at most $`k`$ entries of $`D_T^Td_j`$. (e) is Cauchy and Schwarz on the window. $`\square`$

The number of all non-zeros appears nowhere: it grows with the signal, while the conditions stay as they are.

**What is checked.** The stripes are counted in whole numbers, $`1/\mu`$ is whole and exact. In (d) the minimiser comes
with a bound on its error.

**Sharp.** All of it on blocks that are simplices: (a) and (b) for every $`k`$, $`k'`$ by codes of opposite signs on
disjoint supports, (c) and (d) as for one simplex, in all blocks at once. With stride 1, (b) is attained by three shifts
that meet pairwise with a negative product of the signs. Two filters commute, $`d_1*d_2=d_2*d_1`$: two codes of one
signal. (e) by an atom. Kind: inequalities for every instance, and counts.

**The slides** count all the non-zeros of a layer, $`\|\Gamma_i\|_0`$, where the papers count stripes; what they state
is the weaker. The stability of basis pursuit under a bound on the length of the whole noise is not local, see
`csc_bp_ball_local`.

**Not covered.** Greedy pursuits; strides between 1 and the length of a filter.
"""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import Any

from pydantic import Field

from theorems.bibliography import OURS, PAPYAN2017
from theorems.sparse_coding._instances import MARGIN
from verify import Claim, Count, Enclosure, Every, Figure, Formula, Parameters, Source, Theorem, control
from verify.core.arrays import eps, namespace, norm2, norm_inf
from verify.kit import basis_pursuit as bp
from verify.kit import csc, dictionaries, lagrangian, multilayer
from verify.kit.multilayer import Layer

UNIT, SAME, PAIR = "unit atoms", "codes of one signal", "(k + k' - 1) mu < 1"
SINGLE, SPARSE, NOISE = "(k - 1) mu < 1", "k < (1 + 1/mu)/2", "|d_j^T E| <= epsilon"
SLACK = 1e-9  # by which a hypothesis is met where the bound is attained: far above the rounding
KAPPA = "(k * mu / (1 - (k - 1)*mu))"
PAIRS = Formula("2 * radius / sqrt(1 - (k + other - 1)*mu) + delta_d")
ENTRIES = Formula("(epsilon + xi) / (1 - (k - 1)*mu)")

FAMILIES = {
    "simplex blocks, random": "simplices as blocks, random codes and noise",
    "simplex blocks, reach attained": "opposite signs, and noise that drives an atom off the support, in every block",
    "simplex blocks, error attained": "opposite signs, and noise against the signs, in every block",
    "simplex blocks, one signal": "two codes of one signal, as sparse as they can be",
    "Hadamard blocks, victims": "Dirac and Hadamard bases as blocks, signs and noise that drive one atom of each",
    "simplex blocks, shorter atoms": "simplices whose atoms are not unit vectors but of length sqrt(1/2)",
    "shifts, random": "filters of stride 1 with exact coherence, a few spikes here and there",
    "shifts, triples": "three shifts that meet pairwise, at several places; noise along an atom",
    "shifts, chains": "three shifts of which the outer ones do not meet",
    "shifts, commuting filters": "two codes of one signal: each filter is the code of the other",
    "shifts, longer atoms": "filters whose taps are 1 and -1; noise along an atom",
}


class Params(Parameters):
    """The sizes of the dictionaries."""

    n: int = Field(20, ge=3, le=40, description="dimension of a simplex, 1/mu")
    blocks: int = Field(5, ge=1, le=20, description="blocks of a block dictionary")
    taps: int = Field(4, ge=3, le=6, description="taps of a filter of stride 1, 1/mu")
    places: int = Field(2, ge=1, le=4, description="places on the circle that hold spikes, far from one another")


# ------------------------------------------------------------------------------------------- instances


@lru_cache(maxsize=16)
def _differences(taps: int, places: int, kind: str) -> Any:
    """Differences h of two codes (R, atoms), NumPy, the same at every place: on three atoms that meet pairwise with a
    negative product, the eigenvector of 1 - 2 mu; on three of which the outer ones are n or more positions apart, that
    of 1 - sqrt 2 mu. The first two atoms of a group are the positive rows of the mask (R, atoms)."""
    import numpy as np

    bank = dictionaries.golomb(2, taps)
    n, positions = bank.size, _positions(taps, places)
    D, atoms = multilayer.by_position(bank.kernel[None, ...], positions)[0], 2 * positions
    near = [2 * t + f for t in range(-n + 1, n) for f in (0, 1)]
    meets = {(i, j): round(float(taps * D[:, i] @ D[:, j])) for i in near for j in near if i < j}
    found = []
    for i, j in itertools.combinations(near, 2):
        if kind == "triples" and i == near[-1] - 1:
            continue
        if kind == "triples" and meets[i, j] and 0 in (i, j):
            for l in near:
                if l > j and meets[i, l] * meets[j, l] * meets[i, j] < 0:
                    found.append(((i, 1.0), (l, -meets[i, l]), (j, -meets[i, j])))
        if kind == "chains" and i < 0 < j and j // 2 - i // 2 >= n and meets[i, 0] and meets[0, j]:
            found.append(((0, 2**0.5), (i, -meets[i, 0]), (j, -meets[0, j])))
    h, first = np.zeros((len(found), atoms)), np.zeros((len(found), atoms))
    for row, group in enumerate(found):
        for place in range(places):
            for number, (atom, value) in enumerate(group):
                at = (atom + place * atoms // places) % atoms
                h[row, at], first[row, at] = value, number < 2
    return h, first


def _positions(taps: int, places: int) -> int:
    """Positions of a circle with room for as many groups of atoms of which no two are in one stripe."""
    return 4 * dictionaries.golomb(2, taps).size * places


def _dictionary(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """Shared: A (1, n, m), the block, or kernel (1, 1, 2, n), the filters; inverse (1,) int64, one over the largest
    inner product of two atoms."""
    if family.startswith("shifts"):
        name, made, inverse = "kernel", dictionaries.golomb(2, p.taps).kernel, p.taps
    else:
        D = dictionaries.simplex(p.n) if family.startswith("simplex") else dictionaries.identity_hadamard(16)
        name, made, inverse = "A", D.D, round(1 / D.mu)
    square = 1 / 2 if family.endswith("shorter atoms") else p.taps if family.endswith("longer atoms") else 1
    return {
        name: draw.backend.asarray(square**0.5 * made)[None, ...],
        "inverse": draw.xp.asarray([round(inverse / square)], dtype=draw.xp.int64, device=draw.backend.device),
    }


def _layer(x: Any) -> Layer:
    """The dictionary of an instance."""
    atoms = x["code"].shape[-1]
    if "A" in x:
        return Layer(x["A"], atoms // x["A"].shape[-1], *x["A"].shape[1:])
    _, channels, filters, size = x["kernel"].shape
    return Layer(multilayer.by_position(x["kernel"], atoms // filters), 1, channels, filters, size)


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """The dictionary; code and second (B, atoms); E (B, n), the noise; radius and xi (B,)."""
    xp = draw.xp
    x = _dictionary(draw, p, family)
    radius = draw.log_uniform(low=0.01, high=10.0)
    if family.startswith("shifts"):
        code, second = _shift_codes(draw, p, family)
    else:
        code, second = _block_codes(draw, p, family, x["A"].shape[-1])
    layer = _layer({**x, "code": code})
    xi = radius * (1 + SLACK + draw.coin() * draw.uniform(high=8.0))
    noise = draw.normal(layer.rows)
    if family.endswith("victims"):
        signs, direction = lagrangian.victims(x["A"], layer.fold(code))
        code, noise = layer.unfold(signs) * xp.abs(code), layer.unfold(direction)
    elif family.endswith(("attained", "shorter atoms")):
        w = _attaining(code, p.n, p.blocks, family)
        noise = layer.synthesis(w)
    elif family.endswith(("triples", "longer atoms")):
        places = draw.ranks(layer.columns)
        noise = layer.synthesis(xp.astype(places == 0, radius.dtype))
    noise = noise * (radius / (norm_inf(layer.analysis(noise)) * (1 + SLACK)))[:, None]
    if family.endswith("attained"):
        noise = noise * (1 + draw.coin() * draw.coin())[:, None]  # more than epsilon in a quarter of the draws
    k = layer.stripe_count(code)
    gap = 1 - (k - 1) / xp.astype(x["inverse"], radius.dtype)
    # Large enough to survive the pursuit, whatever the signs.
    size = 2 * (radius + xi) / xp.where(gap > 0, gap, xp.ones_like(gap))
    return {**x, "code": size[:, None] * code, "second": size[:, None] * second, "E": noise, "radius": radius, "xi": xi}


def _block_codes(draw: Any, p: Params, family: str, m: int) -> tuple[Any, Any]:
    """k and k' entries of each block on disjoint supports."""
    xp, blocks = draw.xp, p.blocks
    top = 2 if family.startswith("Hadamard") else max(1, p.n // 2)
    k, other = draw.integers(1, top + 1), draw.integers(1, top + 1)
    if family.endswith(("one signal", "shorter atoms")):
        k = draw.integers(1, p.n + family.endswith("one signal"))
        rest = p.n + 1 - k
        other = xp.minimum(rest, other) if family.endswith("shorter atoms") else rest
    order = xp.argsort(xp.argsort(draw.uniform(blocks, m), axis=-1), axis=-1)
    first, last = order < k[:, None, None], order >= m - other[:, None, None]
    if family.endswith(("random", "victims")):
        values = draw.sign(blocks, m) * draw.uniform(blocks, m, low=1.0, high=3.0)
    else:
        sign = -1.0 if family.endswith(("reach attained", "shorter atoms")) else 1.0
        values = sign * (xp.astype(first, draw.backend.float) - xp.astype(last, draw.backend.float))
    zero = xp.zeros_like(values)
    flat = (draw.size, blocks * m)
    return xp.reshape(xp.where(first, values, zero), flat), xp.reshape(xp.where(last, values, zero), flat)


def _attaining(code: Any, n: int, blocks: int, family: str) -> Any:
    """Correlations of the noise with the atoms of simplices, sums 0 in each block. On a simplex D^T D w = (1 + mu) w.
    The atom at the edge is the first that is not in the support."""
    xp = namespace(code)
    on = xp.reshape(xp.astype(code != 0, code.dtype), (code.shape[0], blocks, -1))
    k = xp.sum(on, axis=-1, keepdims=True)
    if family.endswith("error attained"):
        return xp.reshape(-on + k / (n + 1 - k) * (1 - on), code.shape)
    edge = xp.argmin(on, axis=-1)[..., None] == xp.arange(n + 1, device=code.device)
    pushed = on + xp.astype(edge, code.dtype)
    return xp.reshape(pushed - (k + 1) / (n - k) * (1 - pushed), code.shape)


def _shift_codes(draw: Any, p: Params, family: str) -> tuple[Any, Any]:
    """Codes of a few spikes at each place, turned around the circle."""
    import numpy as np

    xp = draw.xp
    bank, m = dictionaries.golomb(2, p.taps), 2 * _positions(p.taps, p.places)
    if family.endswith(("random", "longer atoms")):
        # Two spikes and two others within a filter's length, at places that are four filters apart.
        width = m // p.places
        inside = xp.arange(width, device=draw.backend.device) >= 2 * bank.size
        order = draw.uniform(p.places, width) + xp.astype(inside, draw.backend.float)
        rank = xp.argsort(xp.argsort(order, axis=-1), axis=-1)
        values = draw.sign(p.places, width) * draw.uniform(p.places, width, low=1.0, high=3.0)
        zero = xp.zeros_like(values)
        pair = [xp.where(rank < 2, values, zero), xp.where((rank > 1) & (rank < 4), values, zero)]
        code, second = (xp.reshape(a, (draw.size, m)) for a in pair)
    elif family.endswith("commuting filters"):
        taps = bank.kernel[0]
        made = np.zeros((2, m))
        made[0, 0 : 2 * bank.size : 2], made[1, 1 : 2 * bank.size : 2] = taps[1], taps[0]
        both = draw.backend.asarray(made * p.taps**0.5)
        scale = draw.uniform(low=1.0, high=3.0)[:, None]
        code, second = scale * both[:1, :], scale * both[1:, :]
    else:
        h, first = (draw.backend.asarray(a) for a in _differences(p.taps, p.places, family.split(", ")[1]))
        chosen = draw.integers(0, h.shape[0])
        h, first = xp.take(h, chosen, axis=0), xp.take(first, chosen, axis=0)
        code, second = h * first, h * (first - 1)
    turned = (xp.arange(m, device=draw.backend.device)[None, :] + 2 * draw.integers(0, m // 2)[:, None]) % m
    index = xp.astype(turned, xp.int64)
    return xp.take_along_axis(code, index, axis=-1), xp.take_along_axis(second, index, axis=-1)


# ------------------------------------------------------------------------------------------- what is measured


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """The conditions multiplied out, with a margin; noise to its rounding; codes that differ and have one signal."""
    layer = _layer(x)
    xp = namespace(x["code"])
    mu = 1 / xp.astype(x["inverse"], x["code"].dtype)
    k, other = layer.stripe_count(x["code"]), layer.stripe_count(x["second"])
    h = x["code"] - x["second"]
    height, pulled = norm_inf(h), norm_inf(layer.analysis(layer.synthesis(h)))
    rounding = 8 * layer.A.shape[-2] * eps(height)
    return {
        UNIT: 0 * k + 2 * rounding - xp.max(xp.abs(xp.sum(layer.A**2, axis=-2) - 1), axis=-1),
        SAME: xp.where(height > 0, max(SLACK, 4 * eps(h) * h.shape[-1]) * height - pulled, -xp.ones_like(height)),
        PAIR: 1 - (k + other - 1) * mu - MARGIN,
        SINGLE: 1 - (k - 1) * mu - MARGIN,
        SPARSE: 1 + mu - 2 * k * mu - MARGIN,
        NOISE: x["radius"] * (1 + rounding) - norm_inf(layer.analysis(x["E"])),
    }


def solve(p: Params, x: Any) -> dict[str, Any]:
    """The certificate block by block, and the minimiser on the support with its certificate."""
    layer = _layer(x)
    xp = namespace(x["code"])
    signs = layer.fold(xp.sign(x["code"]))
    support, mask = bp.padded_support(signs)
    found = bp.noiseless_certificate(layer.A, support, mask, xp.take_along_axis(signs, support, axis=-1))

    def worst(v: Any) -> Any:
        return xp.max(xp.reshape(v, (-1, layer.blocks)), axis=-1)

    y = layer.synthesis(x["code"]) + x["E"]
    (solved,) = multilayer.layered_basis_pursuit([layer], y, x["xi"][:, None], [x["code"]])
    return _measure(x, worst(found.value), worst(found.condition), solved.code, solved.error, solved.reach)


def _measure(x: Any, certificate: Any, condition: Any, a: Any, error: Any, reach: Enclosure) -> dict[str, Any]:
    layer = _layer(x)
    xp = namespace(x["code"])
    h = x["code"] - x["second"]
    image = layer.synthesis(h)
    positions = xp.reshape(xp.astype(h != 0, h.dtype), (h.shape[0], -1, layer.outputs))
    narrow = csc.window_sums(xp.sum(positions, axis=-1), (layer.length,))
    unit = 16 * (layer.A.shape[-2] + layer.A.shape[-1] + 8) * eps(h)
    inverse = x["inverse"]
    k, other = layer.stripe_count(x["code"]), layer.stripe_count(x["second"])
    counts = xp.astype(k + other, xp.int64)
    radius = xp.max(xp.abs(x["code"]), axis=-1) * 8 * eps(h)
    return {
        "height": norm_inf(h),
        "pulled": norm_inf(layer.analysis(image)),
        "delta_u": unit * norm2(h),
        "total": counts,
        "inverse": inverse,
        "distance": norm2(h),
        "radius": norm2(image) / 2,
        "delta_d": unit * norm2(h),
        "certificate": certificate,
        "delta_c": unit * condition,
        "reach": reach,
        "entry": Enclosure.around(norm_inf(a - x["code"]), error + radius),
        "seen": norm_inf(layer.analysis(x["E"])),
        "patch": layer.patch_norm(x["E"]),
        "longest": xp.sqrt(xp.max(xp.sum(layer.A**2, axis=-2), axis=-1)),
        "delta_e": unit * norm2(x["E"]),
        "epsilon": x["radius"],
        "xi": x["xi"],
        "k": k,
        "other": other,
        "narrow": xp.max(narrow, axis=-1),
        "mu": Enclosure.around(1 / xp.astype(inverse, h.dtype), eps(h) / xp.astype(inverse, h.dtype)),
        "nonzeros": xp.sum(xp.astype(x["code"] != 0, h.dtype), axis=-1),
    }


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same for one instance on the whole dictionary: least squares, and the signs of the code where they are
    those of the solution, coordinate descent elsewhere."""
    import numpy as np

    layer = _layer(x)
    D = np.kron(np.eye(layer.blocks), layer.A[0])
    code = x["code"][0]
    T = np.flatnonzero(code)
    nu = np.linalg.lstsq(D[:, T].T, np.sign(code[T]), rcond=None)[0]
    values = np.linalg.svd(D[:, T], compute_uv=False)
    regular = len(T) <= D.shape[0] and values[-1] > 1e-6  # otherwise the atoms are dependent
    certificate = np.delete(np.abs(D.T @ nu), T).max(initial=0.0) if regular else np.nan
    y, xi = D @ code + x["E"][0], float(x["xi"][0])
    a, s = np.zeros_like(code), np.sign(code[T])
    if regular:
        a[T] = np.linalg.lstsq(D[:, T], y, rcond=None)[0] - xi * np.linalg.solve(D[:, T].T @ D[:, T], s)
    if not (regular and (a[T] * s >= 0).all()):
        # Columns of one length l: with D/l and l x the problem is the same, its weight divided by l.
        length = np.linalg.norm(D[:, 0])
        a[T] = lagrangian.descend(D[:, T] / length, y, xi / length) / length
    error = 1e-9 * (np.abs(code).max() + np.linalg.norm(y) + xi) if regular else np.inf
    off = np.delete(np.abs(D.T @ (y - D @ a)), T).max(initial=0.0)
    reach = Enclosure.around(np.asarray([off]), np.asarray([values[0] * error]))
    condition = (values[0] / values[-1]) ** 2 if regular else np.inf
    one = np.asarray
    return _measure(x, one([certificate]), one([condition]), a[None], one([error]), reach)


def repair(p: Params, x: Any) -> dict[str, Any]:
    """Noise that reaches some atom by more than epsilon, shortened; radius and weight positive."""
    xp = namespace(x["E"])
    layer = _layer(x)
    radius = xp.abs(x["radius"])
    reach = norm_inf(layer.analysis(x["E"])) * (1 + SLACK)
    back = xp.where(reach > radius, radius / reach, xp.ones_like(reach))
    return {**x, "E": x["E"] * back[:, None], "radius": radius, "xi": xp.abs(x["xi"])}


def rescale(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Everything measured in a unit four times smaller."""
    return {**x, **{name: 4 * x[name] for name in ("code", "second", "E", "radius", "xi")}}


def negate(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Codes and noise with the other sign."""
    return {**x, **{name: -x[name] for name in ("code", "second", "E")}}


def turn(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Codes and noise moved by one position, or one block."""
    layer = _layer(x)
    roll = namespace(x["code"]).roll
    moved = {name: roll(x[name], layer.outputs, axis=-1) for name in ("code", "second")}
    return {**x, **moved, "E": roll(x["E"], layer.inputs, axis=-1)}


THEOREM = Theorem(
    "csc_uniqueness_stability",
    "Convolutional sparse coding: uniqueness, stability and recovery by the non-zeros of a stripe",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    repair=repair,
    fixed=("A", "kernel", "inverse"),
    families=FAMILIES,
    instances=3600,
    claims=(
        Claim(
            "differences of codes",
            Every(),
            "height",
            Formula("pulled + (k + other - 1)*mu*height + delta_u"),
            (UNIT,),
        ),
        Claim("codes of one signal", Count(), "total", Formula("1 + inverse"), (UNIT, SAME), relation=">="),
        Claim("stability of codes", Every(), "distance", PAIRS, (UNIT, PAIR)),
        Claim("certificate of recovery", Every(), "certificate", Formula(f"{KAPPA} + delta_c"), (UNIT, SINGLE)),
        Claim("recovery by basis pursuit", Every(), "certificate", Formula("1"), (UNIT, SPARSE)),
        Claim(
            "reach of the pursuit",
            Every(),
            "reach",
            Formula(f"(1 + {KAPPA}) * epsilon + {KAPPA} * xi"),
            (UNIT, SINGLE, NOISE),
        ),
        Claim("entries of the pursuit", Every(), "entry", ENTRIES, (UNIT, SINGLE, NOISE)),
        Claim("noise seen by an atom", Every(), "seen", Formula("longest * patch + delta_e")),
        control(
            "codes of one signal, one more",
            Count(),
            "total",
            Formula("2 + inverse"),
            (UNIT, SAME),
            "a simplex has codes of one signal with 1 + 1/mu non-zeros together",
            relation=">=",
        ),
        control(
            "stability, windows of n positions",
            Every(),
            "distance",
            Formula("2 * radius / sqrt(1 - (narrow - 1)*mu) + delta_d"),
            (UNIT, PAIR),
            "an atom meets others on both sides, which are no two of them in a window of n positions",
        ),
        control(
            "stability, one atom less",
            Every(),
            "distance",
            Formula(PAIRS.text.replace("- 1) * mu", "- 2) * mu")),
            (UNIT, PAIR),
            "codes of opposite signs on a simplex attain the bound",
        ),
        control(
            "certificate with k - 1",
            Every(),
            "certificate",
            Formula("(k - 1) * mu / (1 - (k - 2)*mu) + delta_c"),
            (UNIT, SINGLE),
            "equal signs on a simplex attain kappa",
        ),
        control(
            "error of the weight alone",
            Every(),
            "entry",
            Formula("xi / (1 - (k - 1)*mu)"),
            (UNIT, SINGLE, NOISE),
            "noise against the signs adds epsilon",
        ),
    ),
    sources=(
        Source(PAPYAN2017, "uniqueness, stability and pursuits with local counts", "from memory; proved on this page"),
        Source(OURS, "(a) with what is left of D^T D h, and (b) for two counts, above"),
    ),
    symbols={
        "height": (r"\lVert h\rVert_\infty", "largest entry of the difference of the codes"),
        "pulled": (r"\lVert D^TDh\rVert_\infty", "largest entry of its image and back"),
        "total": ("k+k'", "non-zeros of both codes in a stripe"),
        "inverse": (r"\mu^{-1}", "one over the coherence"),
        "distance": (r"\lVert\Gamma-\Gamma'\rVert_2", "distance of the codes"),
        "radius": (r"\varepsilon", "half the distance of their signals"),
        "certificate": (r"\lVert D_{T^c}^TD_TG_T^{-1}s\rVert_\infty", "value of the dual certificate off the support"),
        "reach": (r"\max_{j\notin T}|d_j^T(Y-Dx)|", "largest correlation off the support"),
        "entry": (r"\lVert x-\Gamma\rVert_\infty", "largest error of an entry"),
        "seen": (r"\max_j|d_j^TE|", "largest correlation of the noise"),
        "longest": (r"\max_j\lVert d_j\rVert", "length of the longest atom"),
        "patch": (r"\lVert E\rVert^P_{2,\infty}", "largest length of a patch of the noise"),
        "epsilon": (r"\varepsilon", "bound on the correlations of the noise"),
        "xi": (r"\xi", "weight of the 1-norm"),
        "mu": (r"\mu", "coherence"),
        "k": ("k", "non-zeros of the code in a stripe"),
        "other": ("k'", "non-zeros of the second code in a stripe"),
        "narrow": (r"\lVert h\rVert^n_{0,\infty}", "non-zeros of the difference in a window of n positions"),
        "nonzeros": (r"\lVert\Gamma\rVert_0", "all non-zeros of the code"),
        "delta_u": (r"\delta", "rounding of the image"),
        "delta_d": (r"\delta'", "rounding of a distance"),
        "delta_c": (r"\delta''", "rounding of the certificate"),
        "delta_e": (r"\delta'''", "rounding of a correlation of the noise"),
    },
    figures=(
        Figure(
            "stability",
            "ratio",
            ("stability of codes",),
            "Distance over bound against the number of all non-zeros of the code, which no bound contains: simplices "
            "in all blocks and triples of shifts attain it.",
            x="all non-zeros",
            y="distance / bound",
            against="nonzeros",
        ),
        Figure(
            "pursuit",
            "cloud",
            ("reach of the pursuit", "entries of the pursuit"),
            "Reach and error of the pursuit against their bounds, attained in all blocks at once.",
            x="bound",
            y="measured",
        ),
    ),
    survivors={
        f"differences of codes: {change}": "the height stands on both sides, with nothing negative beside it"
        for change in (
            "(k + other - 1) * mu dropped from (k + other - 1) * mu * height",
            "pulled and height exchanged",
        )
    },
    invariances={"rescale": rescale, "negate": negate, "turn": turn},
    not_tested=("signals of more than two hundred entries", "strides between 1 and the length of a filter"),
)
