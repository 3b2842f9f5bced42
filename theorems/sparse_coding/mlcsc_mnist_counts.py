r"""What a multi-layer convolutional dictionary can look like: sizes of effective atoms, shares of zeros, and a slide.

Layer $`i`$ of a multi-layer convolutional dictionary has $`f_i`$ filters of $`n_i`$ taps along each axis and
$`f_{i-1}`$ channels, $`f_0=1`$, so $`e_i=n_i^2f_{i-1}`$ entries each in the plane; its atoms are their shifts by
multiples of the stride $`s_i`$. The columns of $`D_1\cdots D_i`$ are the *effective atoms*.

**Theorem.** (a) An effective atom extends along each axis over at most

```math
N_i=n_1+(n_2-1)s_1+(n_3-1)s_1s_2+\dots+(n_i-1)s_1\cdots s_{i-1}
```

places, and over exactly so many if no tap is negative and the first and the last are positive. (b) Filters of length 1
have a non-zero each: of the entries of a layer at most the share $`1-1/e_i`$ is 0.

*Proof.* Atom $`b`$ of $`i`$ layers is $`h_b(p)=\sum_{a,q}g_a(p-Sq)\,d_{ab}(q)`$ with the effective atoms $`g_a`$ of the
layers before and $`S=s_1\cdots s_{i-1}`$: these start at most $`(n_i-1)S`$ places apart. Without negative taps nothing
cancels. (b) is counting. $`\square`$

**What is checked.** Effective atoms are multiplied out, along one axis, from taps that are whole numbers. A share that
is printed in hundredths of a percent is read in its favour: $`z`$ of them leave
$`\lfloor(10000-z+\frac12)f_ie_i/10000\rfloor`$ non-zeros at most (or all). Everything is exact.

**The slide** on a model trained on MNIST, as its text stands: $`D_1`$, 32 filters of $`7\times7`$, 99.99 % of zeros;
$`D_2`$, 128 filters of $`3\times3`$, 99.09 %; $`D_3`$, 1024 filters of $`2\times2`$, dense; effective atoms of
$`7\times7`$, $`15\times15`$, $`28\times28`$. These numbers do not go together. 32 filters of 49 entries need 32
non-zeros, and 99.99 % of zeros leave none. And 15 is $`7+2s_1`$ with $`s_1=4`$ only; then $`15+4s_2`$ is never 28.
(99.09 % is possible for $`3\times3`$ filters with 32 channels.) The paper has, from memory, a dense $`D_1`$ of stride
2, $`5\times5\times32`$ with 99.09 % and $`7\times7\times128`$ with 99.89 %: that makes effective atoms of 7, 15 and 27
places, 28 with one of padding, and seven taps a filter. So the text of the slide is a slip of the pen or of a
transcription, of no consequence for the lecture. Kind: exact counts.

**Not covered.** What the trained dictionaries were; layers beyond the third.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from theorems.bibliography import ELAD2018, OURS, SULAM2018
from verify import Claim, Count, Figure, Formula, Parameters, Source, Theorem, control, misreading
from verify.core.arrays import namespace

LAYERS = 3
WINDOW = 7  # taps that a filter has room for
FILTERS = 2  # of each layer, that are multiplied out
ANY, POSITIVE, SINGLE, SLIDE, PAPER = "any taps", "positive taps", "one tap each", "slide", "paper"
KINDS = (ANY, POSITIVE, SINGLE, SLIDE, PAPER)
SIZES = {SLIDE: (7, 3, 2), PAPER: (7, 5, 7)}
COUNTS = (32, 128, 1024)
ZEROS = {SLIDE: (9999, 9909, 0), PAPER: (0, 9909, 9989)}  # hundredths of a percent
STRIDES = 13  # of the slide, most that could be: 28 - 15 in steps of one tap
EXTENTS = (7, 15, 28)
FULL, DRAWN, FIFTEEN = "no negative tap, the outer ones positive", "shares of filters that are not 0", "15 after two"
ON_SLIDE, IN_PAPER = "the layers of the slide", "the layers of the paper"
TWO, THREE = Formula("n1 + (n2 - 1) * s1"), Formula("n1 + (n2 - 1) * s1 + (n3 - 1) * s1 * s2")
MNIST = Source(ELAD2018, "slide 'A Small Taste: Model Training (MNIST)'", "as its text stands")


class Params(Parameters):
    """The sizes of the drawn layers."""

    taps: int = Field(7, ge=1, le=WINDOW, description="most taps of a filter, along an axis")
    stride: int = Field(4, ge=1, le=16, description="largest stride")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """k1 (B, 1, 2, w), k2 and k3 (B, 2, 2, w): taps [channel, filter, place]; per layer (B, 3): n, strides (the last
    one idle), filters, entries of a filter, zeros in hundredths of a percent; kind (B,), the number of the family."""
    xp = draw.xp
    kind = draw.full(float(KINDS.index(family)))
    if family in SIZES:
        n = draw.backend.asarray([[float(v) for v in SIZES[family]]]) + draw.full(0.0, LAYERS)
        strides = draw.whole(1, STRIDES + 1, LAYERS)
        if family == PAPER:
            strides = draw.backend.asarray([[2.0, 1.0, 1.0]]) + draw.full(0.0, LAYERS)
        else:  # half of the draws make 15 places
            four = xp.concat([draw.full(4.0, 1), strides[:, 1:]], axis=-1)
            strides = xp.where(draw.coin()[:, None] > 0, four, strides)
    else:
        n, strides = draw.whole(1, p.taps + 1, LAYERS), draw.whole(1, p.stride + 1, LAYERS)
    kernels = [_taps(draw, family, n[:, i], FILTERS if i else 1) for i in range(LAYERS)]
    if family in SIZES:
        channels = (1, *COUNTS[:-1])
        entries = [size**2 * channels[i] for i, size in enumerate(SIZES[family])]
        printed = (draw.backend.asarray([[float(v) for v in row]]) for row in (COUNTS, entries, ZEROS[family]))
        filters, entries, zeros = (row + draw.full(0.0, LAYERS) for row in printed)
    else:
        filters = draw.full(float(FILTERS), LAYERS)
        entries = xp.concat([n[:, :1], FILTERS * n[:, 1:]], axis=-1)
        taps = xp.stack([xp.sum(xp.astype(k != 0, k.dtype), axis=(1, 2, 3)) for k in kernels], axis=-1)
        zeros = xp.floor(10000 - 10000 * taps / (filters * entries) + 0.5)
    layers = {"n": n, "strides": strides, "filters": filters, "entries": entries, "zeros": zeros, "kind": kind}
    return {**{f"k{i + 1}": k for i, k in enumerate(kernels)}, **layers}


def _taps(draw: Any, family: str, n: Any, channels: int) -> Any:
    """Filters (B, channels, 2, w) with whole taps on the first n (B,) places."""
    xp = draw.xp
    shape = (channels, FILTERS, WINDOW)
    place = xp.arange(WINDOW, dtype=n.dtype, device=n.device)[None, None, None, :]
    n = n[:, None, None, None]
    if family == SINGLE:
        at = xp.floor(draw.uniform(1, FILTERS, 1) * n)
        channel = xp.arange(channels, dtype=xp.int64, device=n.device)[None, :, None, None]
        here = (place == at) & (channel == draw.integers(0, channels, 1, FILTERS, 1))
        return xp.astype(here, n.dtype)
    taps = draw.whole(-3, 4, *shape) if family == ANY else draw.whole(0, 4, *shape)
    if family != ANY:
        taps = taps + xp.astype((place == 0) | (place == n - 1), n.dtype)
    return xp.where(place < n, taps, xp.zeros_like(taps))


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """The signs of the taps; whose layers they are; of the drawn ones that no filter is 0."""
    xp, kind = namespace(x["kind"]), x["kind"]
    kernels = [_masked(x, i) for i in range(LAYERS)]
    least = xp.stack([xp.min(k, axis=(1, 2, 3)) for k in kernels], axis=-1)
    outer = [xp.min(_ends(k, x["n"][:, i]), axis=(1, 2)) for i, k in enumerate(kernels)]
    sizes = [xp.min(xp.max(xp.abs(k), axis=(1, 3)), axis=-1) for k in kernels]

    def margin(met: Any) -> Any:
        return xp.where(met, xp.ones_like(kind), -xp.ones_like(kind))

    drawn = kind <= KINDS.index(SINGLE)
    return {
        FULL: margin(xp.all(least >= 0, axis=-1) & xp.all(xp.stack(outer, axis=-1) > 0, axis=-1)),
        DRAWN: margin(drawn & xp.all(xp.stack(sizes, axis=-1) > 0, axis=-1)),
        ON_SLIDE: margin(kind == KINDS.index(SLIDE)),
        IN_PAPER: margin(kind == KINDS.index(PAPER)),
        FIFTEEN: margin(x["n"][:, 0] + (x["n"][:, 1] - 1) * x["strides"][:, 0] == EXTENTS[1]),
    }


def _masked(x: Any, i: int) -> Any:
    """The taps of layer i + 1 within their window."""
    kernel = x[f"k{i + 1}"]
    xp = namespace(kernel)
    place = xp.arange(WINDOW, dtype=kernel.dtype, device=kernel.device)[None, None, None, :]
    return xp.where(place < x["n"][:, i][:, None, None, None], kernel, xp.zeros_like(kernel))


def _ends(kernel: Any, n: Any) -> Any:
    """The smaller of the first and the last tap, (B, channels, filters)."""
    xp = namespace(kernel)
    last = xp.astype(n - 1, xp.int64)[:, None, None, None]
    at = xp.broadcast_to(last, (*kernel.shape[:3], 1))
    return xp.minimum(kernel[..., 0], xp.take_along_axis(kernel, at, axis=-1)[..., 0])


def solve(p: Params, x: Any) -> dict[str, Any]:
    """The effective atoms multiplied out, place by place."""
    xp = namespace(x["n"])
    atoms, stride, extents = _masked(x, 0)[:, 0, :, :], xp.ones_like(x["n"][:, 0]), []
    for i in range(LAYERS):
        if i:
            stride = stride * x["strides"][:, i - 1]
            atoms = _compose(atoms, _masked(x, i), xp.astype(stride, xp.int64))
        extents.append(_extent(atoms))
    return _quantities(x, *extents[1:])


def _compose(atoms: Any, kernel: Any, stride: Any) -> Any:
    """sum_{a,q} g_a(p - S q) d_ab(q): atoms (B, a, L), kernel (B, a, b, w), S (B,) -> (B, b, L + (w - 1) max S)."""
    xp = namespace(atoms)
    room = (kernel.shape[-1] - 1) * int(xp.max(stride))
    padded = xp.concat([atoms, xp.zeros((*atoms.shape[:2], room), dtype=atoms.dtype, device=atoms.device)], axis=-1)
    place = xp.arange(padded.shape[-1], dtype=xp.int64, device=atoms.device)[None, :]
    total = xp.zeros((atoms.shape[0], kernel.shape[2], padded.shape[-1]), dtype=atoms.dtype, device=atoms.device)
    for q in range(kernel.shape[-1]):
        at = place - q * stride[:, None]
        inside = xp.broadcast_to((at >= 0)[:, None, :], padded.shape)
        index = xp.broadcast_to(xp.where(at >= 0, at, xp.zeros_like(at))[:, None, :], padded.shape)
        moved = xp.where(inside, xp.take_along_axis(padded, index, axis=-1), xp.zeros_like(padded))
        total = total + xp.matmul(xp.matrix_transpose(kernel[..., q]), moved)
    return total


def _extent(atoms: Any) -> Any:
    """Places from the first to the last non-zero of the longest atom: (B, f, L) -> (B,) int64."""
    xp = namespace(atoms)
    there = xp.astype(atoms != 0, xp.int64)
    length = there.shape[-1]
    first, last = xp.argmax(there, axis=-1), length - 1 - xp.argmax(xp.flip(there, axis=-1), axis=-1)
    return xp.max(xp.where(xp.any(atoms != 0, axis=-1), last - first + 1, xp.zeros_like(last)), axis=-1)


def _quantities(x: Any, two: Any, three: Any) -> dict[str, Any]:
    """Whole numbers; those of each layer (B, 3)."""
    xp = namespace(two)

    def whole(a: Any) -> Any:
        return xp.astype(xp.round(a), xp.int64)

    n, strides = whole(x["n"]), whole(x["strides"])
    filters, total = whole(x["filters"]), whole(x["filters"]) * whole(x["entries"])
    return {
        "extent2": two,
        "extent3": three,
        "miss": xp.abs(two - EXTENTS[1]) + xp.abs(three - EXTENTS[2]),
        "filters": filters,
        "room": xp.minimum((20001 - 2 * whole(x["zeros"])) * total // 20000, total),
        **{f"n{i + 1}": n[:, i] for i in range(LAYERS)},
        **{f"s{i + 1}": strides[:, i] for i in range(LAYERS - 1)},
    }


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same for one instance: effective atoms as tables of places."""
    import numpy as np

    found = _multiplied_out({name: a[0].tolist() for name, a in x.items()})
    return _quantities(x, *(np.asarray([extent]) for extent in found))


def _multiplied_out(x: dict[str, Any]) -> list[int]:
    """The extents after two and three layers, from nested lists of numbers."""
    atoms: list[dict[int, Any]] = [dict(enumerate(taps[: int(x["n"][0])])) for taps in x["k1"][0]]
    stride, extents = 1, []
    for i in range(1, LAYERS):
        stride *= int(x["strides"][i - 1])
        made: list[dict[int, Any]] = []
        for b in range(FILTERS):
            table: dict[int, Any] = {}
            for a, atom in enumerate(atoms):
                for q, tap in enumerate(x[f"k{i + 1}"][a][b][: int(x["n"][i])]):
                    for place, value in atom.items():
                        table[place + stride * q] = table.get(place + stride * q, 0) + value * tap
            made.append(table)
        atoms = made
        places = [[place for place, value in table.items() if value] for table in atoms]
        extents.append(max((max(used) - min(used) + 1 for used in places if used), default=0))
    return extents


def swap(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The two filters of the first layer exchanged."""
    xp = namespace(x["k1"])
    return {**x, "k1": xp.flip(x["k1"], axis=2), "k2": xp.flip(x["k2"], axis=1)}


def rescale(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Filters twice as long."""
    return {**x, **{name: 2 * x[name] for name in ("k1", "k2", "k3")}}


THEOREM = Theorem(
    "mlcsc_mnist_counts",
    "Sizes and zeros of a multi-layer convolutional dictionary",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    fixed=("n", "strides", "filters", "entries", "zeros", "kind"),
    families={
        ANY: "whole taps from -3 to 3, sizes up to 7, strides up to 4",
        POSITIVE: "taps from 0 to 4, the outer ones at least 1",
        SINGLE: "a single tap a filter",
        SLIDE: "the layers of the slide, with strides from 1 to 13",
        PAPER: "the layers of the paper, with strides 2 and 1",
    },
    instances=2500,
    batch=1024,
    claims=(
        Claim("two layers", Count(), "extent2", TWO, (FULL,), relation="=="),
        Claim("three layers", Count(), "extent3", THREE, (FULL,), relation="=="),
        Claim("never more", Count(), "extent3", THREE),
        Claim("a filter has a tap", Count(), "filters", Formula("room"), (DRAWN,)),
        Claim(
            "paper: shares of zeros",
            Count(),
            "filters",
            Formula("room"),
            (IN_PAPER,),
            source=Source(SULAM2018, "experiments", "from memory"),
        ),
        Claim("paper: 27 places", Count(), "extent3", Formula("27"), (IN_PAPER, FULL), relation="=="),
        Claim("no strides make 15 and 28", Count(), "miss", Formula("1"), (ON_SLIDE, FULL), relation=">="),
        misreading(
            "slide: shares of zeros",
            Count(),
            "filters",
            Formula("room"),
            (ON_SLIDE,),
            source=MNIST,
            grade="misprint",
            reading="the 32 filters of 7 by 7 in the first layer have 99.99 % of zeros",
            because="that leaves none of their 1568 entries, and each filter needs one",
            holds_when="the shares are those of the paper: a dense first layer, 99.09 % and 99.89 %",
        ),
        misreading(
            "slide: 28 by 28",
            Count(),
            "extent3",
            Formula("28"),
            (ON_SLIDE, FULL, FIFTEEN),
            relation="==",
            source=MNIST,
            grade="misprint",
            reading="filters of 7, 3 and 2 taps, with strides that make 15 places in two layers, make 28 in three",
            because="15 asks for the stride 4, and 15 + 4 s is never 28",
            holds_when="the filters are those of the paper, 7, 5 and 7 with strides 2 and 1, and a place of padding",
        ),
        control(
            "strides ignored",
            Count(),
            "extent3",
            Formula("n1 + n2 + n3 - 2"),
            (FULL,),
            "a stride spreads the taps of all later layers",
            relation="==",
        ),
        control(
            "a stride for its own layer",
            Count(),
            "extent3",
            Formula("n1 + (n2 - 1) * s2 + (n3 - 1) * s1 * s2"),
            (),
            "the taps of a layer are spread by the strides of the layers before",
        ),
    ),
    sources=(
        MNIST,
        Source(SULAM2018, "experiments", "from memory"),
        Source(OURS, "the counts, above", "known; given so that the page needs nothing else"),
    ),
    symbols={
        "extent2": ("N_2", "places that an effective atom of two layers extends over"),
        "extent3": ("N_3", "the same of three layers"),
        "miss": (r"\lvert N_2-15\rvert+\lvert N_3-28\rvert", "how far they are from those of the slide"),
        "filters": ("f_i", "filters of each layer"),
        "room": (r"\lfloor(10000-z_i+\frac12)f_ie_i/10000\rfloor", "non-zeros that the printed share leaves at most"),
        **{f"n{i}": (f"n_{i}", f"taps along an axis in layer {i}") for i in (1, 2, 3)},
        **{f"s{i}": (f"s_{i}", f"stride of layer {i}") for i in (1, 2)},
    },
    figures=(
        Figure(
            "extent",
            "cloud",
            ("never more", "strides ignored"),
            "Places of an effective atom of three layers against the formula, and against the one without strides.",
            x="formula",
            y="places",
        ),
    ),
    invariances={"swap filters": swap, "rescale": rescale},
    not_tested=("more than three layers", "more than two filters a layer multiplied out", "two axes at once"),
)
