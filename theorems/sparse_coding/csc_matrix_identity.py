r"""A sum of circular convolutions is a product with banded circulant blocks, and its adjoint is a correlation.

A signal of $`N`$ positions and $`c`$ channels is made of $`m`$ maps $`\Gamma_b\in\mathbb R^N`$ by filters
$`d_{ab}\in\mathbb R^n`$, $`n\le N`$: $`X_a=\sum_bd_{ab}*\Gamma_b`$ with the *circular* convolution
$`(d*\Gamma)(p)=\sum_{q<n}d(q)\,\Gamma(p-q\bmod N)`$. In two dimensions $`p`$, $`q`$, $`n`$ and $`N`$ are pairs.

**Theorem.** (a) $`X=D\Gamma`$ with the blocks $`C^{ab}`$, $`C^{ab}_{p,t}=d_{ab}(p-t\bmod N)`$ for $`p-t\bmod N<n`$ and
0 elsewhere: each is circulant, holds a single filter with all its shifts, and is banded modulo $`N`$. In one dimension
exactly $`n(n-1)/2`$ of its entries lie outside the band $`0\le p-t<n`$, in a corner, if no tap is 0. (b) Over the
positions, $`X=\sum_tP_t^TD_L\gamma_t`$: $`D_L`$ has the filters as columns, $`\gamma_t`$ is what the maps have at
$`t`$, and $`P_t^T`$ puts $`n`$ values at $`t,\dots,t+n-1`$ modulo $`N`$. (c) The Fourier transform of length $`N`$
turns $`D`$ into one $`c\times m`$ matrix for each frequency. (d) $`D^TX`$ is the correlation
$`(D^TX)_b(p)=\sum_{a,q}d_{ab}(q)\,X_a(p+q)`$, which is what a convolutional network computes.

*Proof.* Substitute $`t=p-q`$; tap $`q`$ lies in the corner for the last $`q`$ positions $`t`$. (b) is the same sum in
another order, (c) that shifts are diagonal in the Fourier basis, (d) is
$`\langle D\Gamma,X\rangle=\langle\Gamma,D^TX\rangle`$ for all of them. $`\square`$

**What is checked.** Whole numbers make the sums exact, and not one entry may differ between the definition, the matrix,
the patches and the transform, which alone is rounded. Real numbers may differ by $`\delta`$, in which a sum of $`l`$
products counts as $`l`$ roundings and a transform as $`\log_2N`$ of them at each of its stages.

**The slides** write $`X=\sum_id_i*\Gamma_i=[C^1\dots C^m]\Gamma`$ with $`C^i`$ banded and circulant. True with the
circular convolution, which "circulant" says; "banded" then holds modulo $`N`$. With zeros around the signal the blocks
are banded and not circulant. Kind: identities, and counts of entries.

**Not covered.** Strides, which keep a subset of the columns; other boundaries.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from theorems.bibliography import ELAD2018, OURS, PAPYAN2017
from verify import (
    Claim,
    Count,
    Enclosure,
    Every,
    Figure,
    Formula,
    Identity,
    Parameters,
    Source,
    Theorem,
    control,
    misreading,
)
from verify.core.arrays import eps, namespace
from verify.kit.operators import Convolution, Dense

SUM = Source(ELAD2018, "slide 'CSC'")
MATRIX = Source(ELAD2018, "slide 'CSC in Matrix Form'")
WHOLE, LINE, FULL = "whole numbers whose sums are exact", "one dimension", "no tap is 0"
NONE, ROUNDING = Formula("0"), Formula("delta")


class Params(Parameters):
    """Sizes; a filter longer than the signal is cut to its length."""

    N: int = Field(24, ge=2, le=64, description="positions of a signal")
    n: int = Field(5, ge=1, le=16, description="length of a filter")
    side: int = Field(6, ge=2, le=9, description="side of an image; its filters are 3 by 2")
    m: int = Field(3, ge=1, le=5, description="filters")
    channels: int = Field(2, ge=1, le=3, description="channels of the signal in the family of that name")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """kernel (B, c, m, n) or (B, c, m, n_1, n_2); code (B, m, N) or (B, m, N_1, N_2); signal (B, c, ...)."""
    channels = p.channels if family == "channels" else 1
    grid = (p.side, p.side - 1) if family == "images" else (p.N,)
    size = (min(3, p.side), min(2, p.side - 1)) if family == "images" else (min(p.n, p.N),)
    if family == "filters as long as the signal":
        grid = size
    shapes = {"kernel": (channels, p.m, *size), "code": (p.m, *grid), "signal": (channels, *grid)}
    if family == "real numbers":
        return {name: draw.normal(*shape) for name, shape in shapes.items()}
    made = {name: draw.sign(*shape) * draw.whole(1, 6, *shape) for name, shape in shapes.items()}
    if family == "single atoms":
        made |= {"kernel": draw.whole(-5, 6, *shapes["kernel"]), "code": _one_of(draw, made["code"])}
    return made


def _one_of(draw: Any, code: Any) -> Any:
    """All but one entry of each code (B, m, N) set to 0."""
    xp = draw.xp
    places = xp.reshape(draw.ranks(math.prod(code.shape[1:])), code.shape)
    return xp.where(places == 0, code, xp.zeros_like(code))


# ------------------------------------------------------------------------------------------- several ways of one sum


def _by_taps(kernel: Any, maps: Any, direction: int = 1, around: bool = True) -> Any:
    """The sum over the taps q of shifted maps (B, m, ...): what is at p comes from p - q, or from p + q in the other
    direction, and where it comes from outside the grid only if ``around``."""
    xp = namespace(kernel)
    axes = tuple(range(2, maps.ndim))
    total: Any = 0.0
    for q in itertools.product(*map(range, kernel.shape[3:])):
        moved = xp.roll(maps, tuple(direction * shift for shift in q), axis=axes)
        for axis, shift in zip(axes, q, strict=True):
            if not around:
                here = xp.arange(maps.shape[axis], device=maps.device) >= shift
                moved = moved * xp.reshape(xp.astype(here, maps.dtype), (-1,) + (1,) * (maps.ndim - 1 - axis))
        tap = kernel[(..., *q)]
        total = total + xp.sum(xp.reshape(tap, tap.shape + (1,) * len(q)) * moved[:, None, ...], axis=2)
    return total


def _by_patches(kernel: Any, code: Any) -> Any:
    """What each position adds is made first, D_L gamma_t (B, c n, N); then each of its entries is put in its place."""
    xp = namespace(kernel)
    B, channels, filters, *size = kernel.shape
    local = xp.reshape(xp.moveaxis(kernel, 2, -1), (B, channels * math.prod(size), filters))
    patches = xp.matmul(local, xp.reshape(code, (B, filters, -1)))
    patches = xp.reshape(patches, (B, channels, math.prod(size), *code.shape[2:]))
    axes = tuple(range(2, code.ndim))
    places = itertools.product(*map(range, size))
    return sum(xp.roll(patches[:, :, i, ...], q, axis=axes) for i, q in enumerate(places))


def _entries(D: Any, kernel: Any, grid: tuple[int, ...]) -> dict[str, Any]:
    """Counts of entries of D: that differ from the next one on their diagonal, outside the band modulo N, and twice
    those outside the band that does not wrap around."""
    xp = namespace(D)
    B, channels, filters, *size = kernel.shape
    blocks = xp.reshape(D, (B, channels, *grid, filters, *grid))
    d = len(grid)
    uneven = xp.zeros((B,), dtype=xp.int64, device=D.device)
    cyclic = xp.ones((*grid, *grid), dtype=xp.bool, device=D.device)
    band = cyclic
    for axis, (N, n) in enumerate(zip(grid, size, strict=True)):
        moved = xp.roll(blocks, (1, 1), axis=(2 + axis, 3 + d + axis))
        uneven = uneven + xp.sum(xp.astype(moved != blocks, xp.int64), axis=tuple(range(1, blocks.ndim)))
        at = xp.arange(N, device=D.device)
        shape = tuple(N if i in (axis, d + axis) else 1 for i in range(2 * d))
        apart = xp.reshape(at[:, None] - at[None, :], shape)
        cyclic = cyclic & (apart % N < n)
        band = band & (apart >= 0) & (apart < n)

    def outside(inside: Any) -> Any:
        used = xp.reshape(blocks != 0, (B, channels, *grid, filters, *grid))
        there = xp.reshape(inside, (1, 1, *grid, 1, *grid))
        return xp.sum(xp.astype(used & ~there, xp.int64), axis=tuple(range(1, used.ndim)))

    return {"uneven": uneven, "outside_cyclic": outside(cyclic), "corners": 2 * outside(band)}


def _whole(x: Any) -> Any:
    """Margin of whole numbers, of which a sum of all products of kernel, code and signal is exact in the dtype."""
    xp = namespace(x["code"])
    arrays = [xp.reshape(x[name], (x[name].shape[0], -1)) for name in ("kernel", "code", "signal")]
    uneven = sum(xp.max(xp.abs(a - xp.round(a)), axis=-1) for a in arrays)
    size = math.prod(xp.sum(xp.abs(a), axis=-1) for a in arrays)
    return xp.where((uneven == 0) & (size < 1 / eps(x["code"])), xp.ones_like(size), -xp.ones_like(size))


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """Where the claims on whole numbers and on entries apply."""
    xp = namespace(x["code"])
    taps = xp.abs(xp.reshape(x["kernel"], (x["kernel"].shape[0], -1)))
    least = xp.min(taps, axis=-1)
    return {
        WHOLE: _whole(x),
        LINE: xp.full_like(least, 3.0 - x["code"].ndim),
        FULL: xp.where(least > 0, least, -xp.ones_like(least)),
    }


def _flat(a: Any) -> Any:
    return namespace(a).reshape(a, (a.shape[0], -1))


def solve(p: Params, x: Any) -> dict[str, Any]:
    """The largest differences between the definition and the other ways, and how many entries differ."""
    kernel, code, signal = x["kernel"], x["code"], x["signal"]
    grid = tuple(code.shape[2:])
    fourier = Convolution(kernel, grid)
    D = fourier.matrix
    dense = Dense(D)
    made = {
        "matrix": dense.synthesis(_flat(code)),
        "patches": _flat(_by_patches(kernel, code)),
        "fourier": fourier.synthesis(_flat(code)),
        "linear": _flat(_by_taps(kernel, code, around=False)),
        "correlated": _flat(_by_taps(kernel, code, -1)),
    }
    back = {"adjoint": dense.analysis(_flat(signal)), "adjoint_fourier": fourier.analysis(_flat(signal))}
    transposed = namespace(kernel).moveaxis(kernel, 2, 1)
    back["convolved"] = _flat(_by_taps(transposed, signal))
    return _quantities(
        x,
        made,
        back,
        _flat(_by_taps(kernel, code)),
        _flat(_by_taps(transposed, signal, -1)),
        _entries(D, kernel, grid),
    )


def _quantities(
    x: Any, made: dict[str, Any], back: dict[str, Any], X: Any, correlation: Any, counts: dict[str, Any]
) -> dict[str, Any]:
    xp = namespace(X)
    kernel, code, signal = x["kernel"], x["code"], x["signal"]
    _, channels, filters, *size = kernel.shape
    apart = {name: xp.max(xp.abs(v - X), axis=-1) for name, v in made.items()}
    apart |= {name: xp.max(xp.abs(v - correlation), axis=-1) for name, v in back.items()}
    # An entry is a sum of so many products, and the sum of their magnitudes at most |kernel| |code|. A transform adds
    # log2 N roundings at each of its three stages, relative to the length of what it transforms.
    terms = max(channels, filters) * math.prod(size) + 24 * math.log2(2 * math.prod(code.shape[2:]))
    length = [xp.sqrt(xp.sum(_flat(a) ** 2, axis=-1)) for a in (kernel, code, signal)]
    unit = 4 * eps(X) * terms * (max(channels, filters) * math.prod(size)) ** 0.5 * length[0]

    inner = unit * math.prod(code.shape[1:]) ** 0.5 * length[1] * length[2]

    def differing(wanted: Any, *ways: Any) -> Any:
        return sum(xp.sum(xp.astype(v != wanted, xp.int64), axis=-1) for v in ways)

    def whole(number: int) -> Any:
        return xp.full((1,), number, dtype=xp.int64, device=X.device)

    return {
        **apart,
        **counts,
        "differing": differing(X, made["matrix"], made["patches"], xp.round(made["fourier"])),
        "differing_back": differing(correlation, back["adjoint"], xp.round(back["adjoint_fourier"])),
        "forward": Enclosure.around(xp.sum(made["matrix"] * _flat(signal), axis=-1), inner),
        "backward": Enclosure.around(xp.sum(_flat(code) * back["adjoint"], axis=-1), inner),
        "delta": unit * length[1],
        "delta_back": unit * length[2],
        "blocks": whole(channels * filters),
        "taps": whole(size[0]),
    }


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same for one instance, index by index."""
    import numpy as np

    kernel, code, signal = (x[name][0] for name in ("kernel", "code", "signal"))
    channels, filters, *size = kernel.shape
    grid = code.shape[1:]
    names = ("X", "linear", "correlated", "correlation", "convolved")
    out = {name: np.zeros_like(code if name[:2] in ("co",) and name != "correlated" else signal) for name in names}
    counts = {"uneven": 0, "outside_cyclic": 0, "corners": 0}
    for a, b in np.ndindex(channels, filters):
        for at in np.ndindex(*grid):
            for q in np.ndindex(*size):
                tap = kernel[(a, b, *q)]
                raw = tuple(i + j for i, j in zip(at, q, strict=True))
                to = tuple(i % n for i, n in zip(raw, grid, strict=True))
                out["X"][(a, *to)] += tap * code[(b, *at)]
                out["linear"][(a, *to)] += tap * code[(b, *at)] * (raw == to)
                out["correlated"][(a, *at)] += tap * code[(b, *to)]
                out["correlation"][(b, *at)] += tap * signal[(a, *to)]
                out["convolved"][(b, *to)] += tap * signal[(a, *at)]
                counts["corners"] += 2 * int(raw != to and tap != 0)
    flat = {name: v.reshape(1, -1) for name, v in out.items()}
    made = dict.fromkeys(("matrix", "patches", "fourier"), flat["X"])
    made |= {name: flat[name] for name in ("linear", "correlated")}
    back = dict.fromkeys(("adjoint", "adjoint_fourier"), flat["correlation"]) | {"convolved": flat["convolved"]}
    whole = {name: np.asarray([v]) for name, v in counts.items()}
    return _quantities(x, made, back, flat["X"], flat["correlation"], whole)


def exact(p: Params, x: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """In one dimension, in rational numbers: what the controls compute, and the entries outside the band."""
    kernel, code, signal = x["kernel"], x["code"], x["signal"]
    if isinstance(code[0][0], list):
        raise ValueError("exact arithmetic takes signals of one dimension")
    N, n = len(code[0]), len(kernel[0][0])

    def convolved(maps: Any, tap: Any, outputs: int, sign: int, around: bool = True) -> list[Any]:
        found = []
        for a in range(outputs):
            for p in range(N):
                places = [(q, p - sign * q) for q in range(n) if around or 0 <= p - sign * q < N]
                found.append(sum(tap(a, b)[q] * maps[b][t % N] for b in range(len(maps)) for q, t in places))
        return found

    def forth(a: int, b: int) -> Any:
        return kernel[a][b]

    def back(b: int, a: int) -> Any:
        return kernel[a][b]

    X = convolved(code, forth, len(kernel), 1)
    correlation = convolved(signal, back, len(code), -1)
    ways = {
        "linear": (X, convolved(code, forth, len(kernel), 1, around=False)),
        "correlated": (X, convolved(code, forth, len(kernel), -1)),
        "convolved": (correlation, convolved(signal, back, len(code), 1)),
    }
    found = {name: max(abs(u - v) for u, v in zip(*pair, strict=True)) for name, pair in ways.items()}
    corners = 2 * sum(q for row in kernel for taps in row for q, tap in enumerate(taps) if tap)
    return {LINE: 0, FULL: 0}, {**found, "corners": corners, "delta": 0, "delta_back": 0}


def maps(p: Params) -> dict[str, dict[str, Any]]:
    """The dictionary of two filters on twelve positions, filter by filter and position by position."""
    kernel = [[4, 3, 2, 1], [-4, -3, -2, -1]]
    N = 12

    def panel(column: Any) -> dict[str, Any]:
        cells = []
        for b, taps in enumerate(kernel):
            for t in range(N):
                for q, tap in enumerate(taps):
                    left, low = column(b, t), (t + q) % N
                    cells.append([tap, [left, low, left + 1, low, left + 1, low + 1, left, low + 1]])
        return {"box": [0, 2 * N], "colour": "entry", "cells": cells}

    return {
        "dictionary": {
            "filter by filter: two circulant blocks": panel(lambda b, t: b * N + t),
            "position by position: a band of blocks of two columns": panel(lambda b, t: 2 * t + b),
        }
    }


THEOREM = Theorem(
    "csc_matrix_identity",
    "A sum of circular convolutions is a product with banded circulant blocks",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    exact=exact,
    maps=maps,
    families={
        "whole numbers": "whole numbers, one channel",
        "channels": "whole numbers, several channels",
        "images": "whole numbers in two dimensions",
        "single atoms": "whole numbers, one non-zero in the code: the columns themselves",
        "filters as long as the signal": "whole numbers, no entry of a block is 0",
        "real numbers": "Gaussian numbers",
    },
    instances=3000,
    batch=2048,
    claims=(
        Claim("slide: the sum is D Gamma", Every(), "matrix", ROUNDING, origin="elad2018", source=MATRIX),
        Claim("position by position", Every(), "patches", ROUNDING),
        Claim("by Fourier transform", Every(), "fourier", ROUNDING),
        Claim("D^T X is a correlation", Every(), "adjoint", Formula("delta_back")),
        Claim("D^T X by Fourier transform", Every(), "adjoint_fourier", Formula("delta_back")),
        Claim("not one entry differs", Count(), "differing", NONE, (WHOLE,), relation="=="),
        Claim("not one entry differs on the way back", Count(), "differing_back", NONE, (WHOLE,), relation="=="),
        Claim("the adjoint", Identity(), "forward", Formula("backward"), relation="=="),
        Claim("slide: circulant", Count(), "uneven", NONE, relation="==", origin="elad2018", source=MATRIX),
        Claim("banded modulo N", Count(), "outside_cyclic", NONE, relation="=="),
        Claim(
            "entries in the corners",
            Count(),
            "corners",
            Formula("blocks * taps * (taps - 1)"),
            (LINE, FULL),
            relation="==",
        ),
        misreading(
            "slide: banded",
            Count(),
            "corners",
            NONE,
            (),
            source=MATRIX,
            grade="loose",
            reading="an entry is 0 unless 0 <= p - t < n",
            because="a filter put at one of the last n - 1 positions goes on at the first",
            holds_when="positions are counted modulo N, as circulant says",
        ),
        control(
            "zeros around the signal",
            Every(),
            "linear",
            ROUNDING,
            (),
            "what leaves the signal at its end comes back at its beginning",
        ),
        control(
            "flipped filters",
            Every(),
            "correlated",
            ROUNDING,
            (),
            "a correlation reads the filter the other way",
        ),
        control(
            "D^T X by convolution",
            Every(),
            "convolved",
            Formula("delta_back"),
            (),
            "the adjoint of a shift is the shift back",
        ),
    ),
    sources=(
        SUM,
        MATRIX,
        Source(PAPYAN2017, "the model and its local dictionary", "from memory; proved on this page"),
        Source(OURS, "(a) to (d), above"),
    ),
    symbols={
        "matrix": (r"\lVert\sum_bd_b*\Gamma_b-D\Gamma\rVert_\infty", "definition against matrix"),
        "patches": (r"\lVert\sum_bd_b*\Gamma_b-\sum_tP_t^TD_L\gamma_t\rVert_\infty", "definition against patches"),
        "fourier": (r"\lVert\sum_bd_b*\Gamma_b-F^{-1}\hat D F\Gamma\rVert_\infty", "definition against transform"),
        "adjoint": (r"\lVert d\star X-D^TX\rVert_\infty", "correlation against matrix"),
        "adjoint_fourier": (r"\lVert d\star X-F^{-1}\hat D^* FX\rVert_\infty", "correlation against transform"),
        "differing": (r"\#\{X\ne D\Gamma\}", "entries of the matrix, the patches or the rounded transform that differ"),
        "differing_back": (
            r"\#\{d\star X\ne D^TX\}",
            "entries of the matrix or the rounded transform that differ from the correlation",
        ),
        "forward": (r"\langle D\Gamma,X\rangle", "inner product of signals"),
        "backward": (r"\langle\Gamma,D^TX\rangle", "inner product of codes"),
        "uneven": (
            r"\#\{C_{p,t}\ne C_{p-1,t-1}\}",
            "entries of the blocks that differ from the next one on their diagonal",
        ),
        "outside_cyclic": (r"\#\{C_{p,t}\ne0,\ p-t\bmod N\ge n\}", "entries other than 0 outside the band modulo N"),
        "corners": (r"2\,\#\{C_{p,t}\ne0,\ p<t\}", "twice the number of entries other than 0 outside the band"),
        "blocks": ("cm", "number of blocks"),
        "taps": ("n", "length of a filter"),
        "linear": (r"\lVert X_0-D\Gamma\rVert_\infty", "with zeros around the signal"),
        "correlated": (r"\lVert d\star\Gamma-D\Gamma\rVert_\infty", "with the filters read the other way"),
        "convolved": (r"\lVert d*X-D^TX\rVert_\infty", "convolution in place of the correlation"),
        "delta": (r"\delta", "rounding of a synthesis"),
        "delta_back": (r"\delta'", "rounding of an analysis"),
    },
    figures=(
        Figure(
            "dictionary",
            "map",
            ("slide: circulant", "slide: banded"),
            "The dictionary of two filters on twelve positions. Filter by filter it is two circulant blocks, whose "
            "bands wrap around into a corner; position by position it is one band of blocks of two columns.",
            x="column",
            y="position of the signal",
        ),
    ),
    invariances={
        "units": lambda draw, x: {**x, "kernel": 4 * x["kernel"], "code": 2 * x["code"], "signal": 8 * x["signal"]},
        "negated code": lambda draw, x: {**x, "code": -x["code"]},
    },
    not_tested=("signals longer than 64 positions", "images larger than 9 by 8"),
)
