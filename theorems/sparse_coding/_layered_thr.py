r"""What the theorems on layered thresholding share: instances with noise as large as the thresholds allow, the
recursion of the bounds, certified pursuits.

With the bound :math:`\varepsilon_{i-1}` on the error of the layer before, the threshold of a layer must lie between
``LOW`` and ``HIGH``. Both, and the next bound, are affine in :math:`\varepsilon_0`, so the largest
:math:`\varepsilon_0` for which no interval is empty comes from the intervals at 0 and at 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal

from pydantic import Field, model_validator

from theorems.sparse_coding import _instances as instances
from theorems.sparse_coding import _layered as layered
from theorems.sparse_coding._layered import Setting, side_by_side
from verify import Enclosure, Formula, Parameters
from verify.core.arrays import eps, namespace, to_numpy
from verify.kit import dictionaries, multilayer
from verify.kit.multilayer import Layer, LayerEstimate, Profile, Shrinkage

LOW = Formula("k * mu * largest + before")
HIGH = Formula("smallest - (k - 1) * mu * largest - before")

UNIT, NOISE = "unit columns", "|E|_P <= epsilon_0"
CONDITION, THRESHOLDS = "(a) at every layer", "(b) thresholds in their intervals"
EVEN, GLOBAL = "(a) without the contrast", "global norms"

END = 2.0**-20  # how far the ends of an interval are kept, as a share of it
INSIDE = 1 - 2.0**-16  # the noise stays below its bound by more than rounding
NEAR = 1 - 1e-6  # magnitudes that differ by more than rounding from the largest
LARGEST = 1024  # rows of a block
PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47)

ONE = Setting(1, 64, 2, 2, 2)


@dataclass(frozen=True)
class Method:
    """Hard or soft thresholding: the bound of the error at a layer, and models that meet the hypotheses with it: two
    and three strided convolutions, two layers with global norms, two convolutions of stride 1."""

    error: Formula
    two: Setting
    three: Setting
    whole: Setting
    stride_one: Setting

    def model(self, layers: int, norms: str) -> Setting:
        """The one with so many layers and such norms (three layers come with local ones)."""
        return {1: ONE, 2: self.whole if norms == "global" else self.two, 3: self.three}[layers]


HARD = Method(
    Formula("sqrt(patch) * (before + mu * (k - 1) * largest)"),
    two=Setting(2, 64, 6, 7, 2),
    three=Setting(3, 16, 4, 5, 1),
    whole=Setting(2, 4096, 6, 7, 2, local=False, norms="global"),
    stride_one=Setting(2, 128, 3, 3, 1, stride_one=True),
)
SOFT = Method(
    Formula("sqrt(patch) * (before + mu * (k - 1) * largest + threshold)"),
    two=Setting(2, 128, 14, 17, 2),
    three=Setting(3, 64, 7, 7, 1),
    whole=Setting(2, 1024, 4, 5, 1, local=False, norms="global"),
    stride_one=Setting(2, 400, 4, 5, 1, stride_one=True),
)


class Params(Parameters):
    """The model; 0 and `each`: that of the family."""

    layers: int = Field(0, ge=0, le=3, description="layers of the model; 0: the family's own")
    b: int = Field(
        0,
        ge=0,
        le=16384,
        description="rows of a block of the first layer, a power of 2 (of the whole signal with two layers and global "
        "norms, and for one layer); 0: the family's own",
    )
    c: int = Field(0, ge=0, le=47, description="taps of an atom of the further layers; 0: the family's own")
    k: int = Field(0, ge=0, le=47, description="non-zeros of the deepest code; 0: every k the family has, uniformly")
    contrast: float = Field(
        0.0, ge=0, le=1, description="least magnitude in the deepest code, whose largest is at most 1; 0: the family's"
    )
    norms: Literal["each", "local", "global"] = Field(
        "each", description="norms over patches and stripes, or over everything; each: the family's own"
    )

    @model_validator(mode="after")
    def _possible(self) -> Params:
        if self.b & (self.b - 1):
            raise ValueError(f"b={self.b} is no power of 2")
        if self.b > LARGEST and not (self.layers == 2 and self.norms == "global"):
            raise ValueError(f"b={self.b}: at most {LARGEST}; more only with layers=2 norms=global")
        return self


@dataclass(frozen=True)
class Family:
    """How a family draws: its own model (None: one layer, the simplex of 40 rows), where the noise is aimed, how near
    to 1 magnitudes are, whether thresholds are ``inside`` their intervals, the size of the noise, epsilon_0 = 1, and
    whether codes and taps have ``signs`` or are nonnegative."""

    aim: str
    own: Setting | None
    noise: Literal["random", "aligned", "off the support", "both", "none"]
    contrast: float = 0.9
    inside: bool = True
    size: float = INSIDE
    signs: bool = True


def places(c: int, k: int) -> int:
    """How many places a tap gets: the least prime with which there are k atoms of c taps without a common one."""
    return next(q for q in PRIMES if q >= max(c, k))


def setting(p: Params, own: Setting | None, method: Method) -> Setting | None:
    """The model of a family under the user's choices; None for the simplex. Stride 1 has sizes of its own only."""
    layers = p.layers or (own.layers if own else 1)
    norms = p.norms if p.norms != "each" else own.norms if own else "local"
    if own is None and layers == 1:
        return None
    if own is None or (layers, norms) != (own.layers, own.norms) or (own.stride_one and (p.b or p.c)):
        own = method.model(layers, norms)
    c, k = p.c or own.c, p.k or own.k
    return replace(own, b=p.b or own.b, c=c, g=places(c, k), k=k, norms=norms)


# ------------------------------------------------------------------------------------------- thresholds and noise


def recursion(
    mu: Any, found: Profile, radius: Any, error: Formula, choose: Callable[[int, Any, Any], Any]
) -> tuple[Any, Any]:
    """Thresholds (B, K), ``choose(layer, low, high)`` at each layer, and the widths of their intervals (B, K)."""
    xp = namespace(radius)
    chosen, widths, before = [], [], radius
    for i in range(found.k.shape[-1]):
        values = {name: getattr(found, name)[:, i] for name in ("k", "patch", "smallest", "largest")}
        values |= {"mu": mu[:, i], "before": before}
        low, high = LOW(values), HIGH(values)
        chosen.append(choose(i, low, high))
        widths.append(high - low)
        before = error({**values, "threshold": chosen[-1]})
    return xp.stack(chosen, axis=-1), xp.stack(widths, axis=-1)


def largest_noise(mu: Any, found: Profile, share: Any, error: Formula) -> Any:
    """The largest epsilon_0 (B,) for which no interval is empty, with the thresholds at the ``share`` (B, K) of their
    intervals; negative where some are empty without noise."""
    xp = namespace(share)
    zero = xp.zeros_like(share[:, 0])

    def at_share(i: int, low: Any, high: Any) -> Any:
        return low + share[:, i] * (high - low)

    least, most = (recursion(mu, found, zero + r, error, at_share)[1] for r in (0, 1))
    return xp.min(least / (least - most), axis=-1)


def _shares(draw: Any, layers: int, method: Method) -> Any:
    """Where in its interval a threshold lies: at an end, in the middle, anywhere. What a soft threshold takes away is
    an error of the next layer: before the last layer it is at the lower end."""
    xp = draw.xp
    fixed, anywhere = draw.choose((END, 0.5, 1 - END), layers), draw.uniform(layers, low=END, high=1 - END)
    share = xp.where(draw.coin()[:, None] > 0, fixed, anywhere)
    if method is SOFT:
        share = xp.concat([xp.full_like(share[:, 1:], END), share[:, :1]], axis=-1)
    return share


def _noise(draw: Any, kind: str, stacked: list[Layer], gammas: list[Any], radius: Any, tau: Any) -> Any:
    """Noise of patch norm ``radius``; ``tau`` are the thresholds if they are soft."""
    first = stacked[0]
    if kind == "both":
        both = (_noise(draw, one, stacked, gammas, radius, tau) for one in ("aligned", "off the support"))
        return first.scale(sum(both), radius)
    if kind == "aligned":
        aligned = multilayer.aligned_noise(stacked, gammas, radius, steps=8, soft=tau)
        return aligned if tau is not None else draw.sign()[:, None] * aligned
    if kind == "off the support":
        xp = draw.xp
        # In each block the atom off the support that is most correlated with the signal, and with that sign.
        correlation = first.fold(first.analysis(first.synthesis(gammas[0])))
        away = xp.where(first.fold(gammas[0]) == 0, xp.abs(correlation), -xp.ones_like(correlation))
        columns = xp.arange(away.shape[-1], device=away.device)
        here = columns[None, :] == xp.argmax(away, axis=-1)[:, None]
        one = xp.ones_like(correlation)
        push = xp.where(here, xp.where(correlation < 0, -one, one), 0 * one)
        return first.scale(first.synthesis(first.unfold(push)), radius)
    return first.scale(draw.normal(first.rows), radius)


def sample(draw: Any, p: Params, family: Family, method: Method) -> dict[str, Any]:
    """D1, D2, ... (1, n, m), the blocks; mu (1, K); windows (1, K, 3) int64; code (B, columns), the deepest;
    E (B, rows); radius (B,) = epsilon_0, 0.9 of the largest; thresholds (B, K)."""
    chosen = setting(p, family.own, method)
    contrast = p.contrast or family.contrast
    if chosen is None:
        x = _simplex(draw, p, contrast)
    else:
        chosen = replace(chosen, signs=family.signs)
        x = layered.dictionaries(draw, chosen)
        k = draw.integers(p.k or 1, chosen.k + 1)
        x["code"] = layered.code(draw, chosen, contrast, chosen.layers > 1 and not chosen.stride_one, k)
    stacked = layered.layers(x)
    gammas = multilayer.codes(stacked, x["code"])
    found = multilayer.profile(stacked, gammas)
    xp, mu, share = draw.xp, x["mu"], _shares(draw, len(stacked), method)
    limit = largest_noise(mu, found, share, method.error)
    radius = 0.9 * xp.where(limit > 0, limit, xp.zeros_like(limit)) * (0.0 if family.noise == "none" else 1.0)
    far = (draw.coin() > 0, draw.uniform(low=0.02, high=0.2), draw.uniform(low=1.2, high=2.0))

    def choose(i: int, low: Any, high: Any) -> Any:
        if family.inside:
            return low + share[:, i] * (high - low)
        return xp.where(far[0], far[1] * low, far[2] * (found.largest[:, i] + low))

    thresholds = recursion(mu, found, radius, method.error, choose)[0]
    E = family.size * _noise(draw, family.noise, stacked, gammas, radius, thresholds if method is SOFT else None)
    return {**x, "E": E, "radius": radius, "thresholds": thresholds}


def _simplex(draw: Any, p: Params, contrast: float) -> dict[str, Any]:
    """One layer, the simplex, with one sign, so that every coherence term works against the pursuit."""
    xp, n = draw.xp, p.b or 40
    made = dictionaries.simplex(n)
    k = draw.integers(p.k or 3, (p.k or n // 2) + 1)
    magnitudes = contrast + (1 - contrast) * draw.uniform(n + 1)
    code = xp.where(draw.ranks(n + 1) < k[:, None], magnitudes, xp.zeros_like(magnitudes))
    return {
        "D1": draw.backend.asarray(made.D)[None, ...],
        "mu": draw.backend.asarray([[made.mu]]),
        "windows": xp.asarray([[[n, n + 1, 1]]], device=draw.backend.device),
        "code": code,
    }


def repair(p: Params, x: Any, error: Formula) -> dict[str, Any]:
    """epsilon_0 below its largest value, noise within it, thresholds within their intervals."""
    xp = namespace(x["E"])
    stacked = layered.layers(x)
    found = multilayer.profile(stacked, multilayer.codes(stacked, x["code"]))
    mu = x["mu"]
    limit = largest_noise(mu, found, xp.full_like(x["thresholds"], END), error)
    radius = xp.minimum(xp.abs(x["radius"]), xp.where(limit > 0, 0.99 * limit, xp.zeros_like(limit)))
    length = stacked[0].patch_norm(x["E"])
    back = xp.where(length > INSIDE * radius, INSIDE * radius / length, xp.ones_like(length))

    def choose(i: int, low: Any, high: Any) -> Any:
        step = END * (high - low)
        return xp.maximum(xp.minimum(x["thresholds"][:, i], high - step), low + step)

    thresholds = recursion(mu, found, radius, error, choose)[0]
    return {**x, "radius": radius, "E": x["E"] * back[:, None], "thresholds": thresholds}


# ------------------------------------------------------------------------------------------- what is measured


@dataclass(frozen=True)
class Facts:
    """Of instances: layers, codes, a bound ``unit`` (B,) on the rounding of an entry, and what the bounds need, each an
    enclosure (B, K) or (1, K)."""

    stacked: list[Layer]
    gammas: list[Any]
    unit: Any
    quantities: dict[str, Enclosure]


def facts(x: Any, error: Formula) -> Facts:
    """The profile of the codes, and ``before``: epsilon_0, ..., epsilon_{K-1} by the recursion of the bound."""
    stacked = layered.layers(x)
    gammas = multilayer.codes(stacked, x["code"])
    found = multilayer.profile(stacked, gammas)
    unit = layered.rounding(stacked, gammas, x["E"])
    known = {
        "k": Enclosure.exact(found.k),
        "patch": Enclosure.exact(found.patch),
        "mu": Enclosure.around(x["mu"], 4 * eps(x["E"]) * x["mu"]),
        "smallest": Enclosure.around(found.smallest, unit[:, None]),
        "largest": Enclosure.around(found.largest, unit[:, None]),
        "threshold": Enclosure.exact(x["thresholds"]),
    }
    before = [Enclosure.exact(x["radius"])]
    for i in range(len(stacked) - 1):
        layer = {name: value.each(lambda a, i=i: a[:, i]) for name, value in known.items()}
        before.append(error.enclosure({**layer, "before": before[-1]}, x["radius"]))
    return Facts(stacked, gammas, unit, {**known, "before": side_by_side(before)})


def hypotheses(x: Any, error: Formula) -> dict[str, Any]:
    """The conditions at the worst layer, beyond rounding."""
    xp = namespace(x["E"])
    have = facts(x, error)
    low, high = (f.enclosure(have.quantities, x["E"]) for f in (LOW, HIGH))
    tau, radius = x["thresholds"], x["radius"]
    even = high + have.quantities["largest"] - have.quantities["smallest"]
    whole = all(s.length == 1 and (s.inputs, s.outputs) == (s.rows, s.columns) for s in have.stacked)
    noise = have.stacked[0].patch_norm(x["E"])
    columns = [instances.unit_columns(layer.A) for layer in have.stacked]
    return {
        UNIT: xp.min(xp.stack(columns, axis=-1), axis=-1),
        NOISE: radius - noise * (1 + 8 * x["E"].shape[-1] * eps(noise)),
        CONDITION: xp.min(high.lower - low.upper, axis=-1),
        EVEN: xp.min(even.lower - low.upper, axis=-1),
        THRESHOLDS: xp.min(xp.minimum(tau - low.upper, high.lower - tau), axis=-1),
        GLOBAL: xp.full_like(radius, 1.0 if whole else -1.0),
    }


def pursue(x: Any, have: Facts, shrink: Shrinkage) -> list[LayerEstimate]:
    """Layered thresholding of the noisy signal; what rounds is an error of the signal."""
    first = have.stacked[0]
    y = layered.signal(have.stacked, have.gammas) + x["E"]
    drift = have.unit * (first.inputs * first.length) ** 0.5
    return multilayer.layered_thresholding(have.stacked, y, x["thresholds"], shrink, drift)


def errors(have: Facts, estimates: list[LayerEstimate]) -> Enclosure:
    """The errors of the codes in patch norm, (B, K)."""
    xp = namespace(have.unit)
    found = [estimate.code - gamma for estimate, gamma in zip(estimates, have.gammas, strict=True)]
    size = xp.sqrt(have.quantities["patch"].value) * have.unit[:, None]
    spread = xp.stack([estimate.spread for estimate in estimates], axis=-1)
    return Enclosure.around(multilayer.patch_norms(have.stacked, found), spread + size)


def supports(x: Any, have: Facts, estimates: list[LayerEstimate], size: Callable[[Any], Any]) -> dict[str, Enclosure]:
    """``wrong``: how many entries of the estimates are zero where the code is not, or the reverse; ``reach``: the
    largest correlation off the support; ``least``: the smallest on it; each (B, K). What counts of a correlation is its
    ``size``."""
    xp = namespace(have.unit)
    found: dict[str, list[Enclosure]] = {"wrong": [], "reach": [], "least": []}
    for i, (estimate, gamma) in enumerate(zip(estimates, have.gammas, strict=True)):
        on, value = gamma != 0, size(estimate.correlation)
        tau, error = x["thresholds"][:, i], estimate.error
        wrong = xp.where(on, tau[:, None] - value, value - tau[:, None])  # by how much; a tie counts as wrong on it
        ends = [xp.sum(xp.astype(wrong > shift[:, None], tau.dtype), axis=-1) for shift in (0 * tau, error, -error)]
        found["wrong"].append(Enclosure(*ends))
        reach = xp.max(xp.where(on, xp.zeros_like(value), value), axis=-1)
        least = xp.min(xp.where(on, value, xp.full_like(value, xp.inf)), axis=-1)
        found["reach"].append(Enclosure.around(reach, error))
        found["least"].append(Enclosure.around(least, error))
    return {name: side_by_side(columns) for name, columns in found.items()}


# ------------------------------------------------------------------------------------------- the same by hand


def levels_by_hand(x: Any, shrink: Callable[[Any, float], Any]) -> list[tuple[Any, Any, Any]]:
    """Of one instance at each layer the code, the correlations and the estimate, block by block."""
    import numpy as np

    blocks = [x[f"D{i}"][0] for i in range(1, x["windows"].shape[1] + 1)]

    def blockwise(A: Any, v: Any) -> Any:
        return np.concatenate([A @ part for part in np.split(v, v.size // A.shape[1])])

    gammas = [x["code"][0]]
    for A in reversed(blocks[1:]):
        image = blockwise(A, gammas[0])
        gammas.insert(0, np.where(np.abs(image) > 1e-12 * np.abs(gammas[0]).max(), image, 0))
    found, at = [], blockwise(blocks[0], gammas[0]) + x["E"][0]
    for A, gamma, tau in zip(blocks, gammas, x["thresholds"][0], strict=True):
        z = blockwise(A.T, at)
        at = shrink(z, float(tau))
        found.append((gamma, z, at))
    return found


def by_hand(x: Any, error: Formula, shrink: Callable[[Any, float], Any], one_sided: bool = False) -> dict[str, Any]:
    """All that is measured of one instance, windows and supports listed one by one."""
    import numpy as np

    levels, windows = levels_by_hand(x, shrink), x["windows"][0]
    stripes = [_windows(level[0].size, w[1], 2 * w[2] - 1) for level, w in zip(levels, windows, strict=True)]
    patches = [_windows(level[0].size, w[0], w[2]) for level, w in zip(levels[:-1], windows[1:], strict=True)]
    seen = [*patches, [np.arange(levels[-1][0].size)]]  # of the last code: all of it

    rows: dict[str, list[float]] = {}
    before = float(x["radius"][0])
    for i, (gamma, z, at) in enumerate(levels):
        on, size = gamma != 0, z if one_sided else np.abs(z)
        found = {
            "k": max(np.count_nonzero(gamma[s]) for s in stripes[i]),
            "patch": max(np.count_nonzero(gamma[s]) for s in seen[i]),
            "mu": float(x["mu"][0, i]),
            "smallest": np.abs(gamma[on]).min(),
            "largest": np.abs(gamma[on]).max(),
            "threshold": float(x["thresholds"][0, i]),
            "before": before,
            "error": max(np.linalg.norm((at - gamma)[s]) for s in seen[i]),
            "wrong": np.count_nonzero((at != 0) != on),
            "reach": size[~on].max(initial=0.0),
            "least": size[on].min(),
        }
        before = float(error({name: np.float64(v) for name, v in found.items()}))
        for name, value in found.items():
            rows.setdefault(name, []).append(float(value))
    rounding = {name: 1e-12 if name in ("error", "reach", "least") else 0.0 for name in rows}
    return {n: Enclosure.around(np.asarray([v]), np.full((1, len(v)), rounding[n])) for n, v in rows.items()}


def exactly(x: Any, error: Formula) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Margins and quantities of hard thresholding of one small instance in exact arithmetic, nested lists of fractions
    without a batch axis. Columns count as unit to the rounding of their making."""
    from verify.core.formula import as_ball
    from verify.kit import exact as q

    blocks = [x[f"D{i}"] for i in range(1, len(x["windows"]) + 1)]

    def blockwise(M: Any, v: Any) -> list[Any]:
        width = len(M[0])
        return [entry for i in range(0, len(v), width) for entry in q.apply(M, v[i : i + width])]

    gammas = [x["code"]]
    for A in reversed(blocks[1:]):
        gammas.insert(0, blockwise(A, gammas[0]))
    windows = [[int(n) for n in w] for w in x["windows"]]
    stripes = [_windows(len(g), w[1], 2 * w[2] - 1) for g, w in zip(gammas, windows, strict=True)]
    patches = [_windows(len(g), w[0], w[2]) for g, w in zip(gammas[:-1], windows[1:], strict=True)]
    seen = [*patches, [range(len(gammas[-1]))]]

    def longest(v: Any, places: Any) -> Any:
        return as_ball(max(q.dot(part, part) for part in ([v[int(j)] for j in s] for s in places))).sqrt()

    rows: dict[str, list[Any]] = {}
    at, before = q.plus(blockwise(blocks[0], gammas[0]), x["E"]), as_ball(x["radius"])
    for i, (A, gamma) in enumerate(zip(blocks, gammas, strict=True)):
        beta = x["thresholds"][i]
        z = blockwise(q.transpose(A), at)
        at = [u if abs(u) > beta else 0 * u for u in z]
        found = {
            "k": max(sum(gamma[int(j)] != 0 for j in s) for s in stripes[i]),
            "patch": max(sum(gamma[int(j)] != 0 for j in s) for s in seen[i]),
            "mu": x["mu"][i],
            "smallest": min(abs(g) for g in gamma if g),
            "largest": max(map(abs, gamma)),
            "threshold": beta,
            "before": before,
            "error": longest(q.plus(at, gamma, -1), seen[i]),
            "wrong": sum((u != 0) != (g != 0) for u, g in zip(at, gamma, strict=True)),
            "reach": max((abs(u) for u, g in zip(z, gamma, strict=True) if not g), default=0),
            "least": min(abs(u) for u, g in zip(z, gamma, strict=True) if g),
        }
        before = error.ball(found)
        for name, value in found.items():
            rows.setdefault(name, []).append(value)
    levels = [dict(zip(rows, values, strict=True)) for values in zip(*rows.values(), strict=True)]
    ends = [(LOW.ball(level), HIGH.ball(level), level) for level in levels]
    defects = [abs(q.dot(c, c) - 1) - 16 * len(c) * Fraction(2) ** -52 for A in blocks for c in q.transpose(A)]

    def tau(level: dict[str, Any]) -> Any:
        return as_ball(level["threshold"])

    margins = {
        UNIT: [-max(defects)],
        NOISE: [as_ball(x["radius"]) - longest(x["E"], _windows(len(x["E"]), windows[0][0], windows[0][2]))],
        CONDITION: [high - low for low, high, _ in ends],
        EVEN: [high - low + as_ball(level["largest"] - level["smallest"]) for low, high, level in ends],
        THRESHOLDS: [gap for low, high, level in ends for gap in (tau(level) - low, high - tau(level))],
    }
    return {name: 1 if all(gap >= 0 for gap in gaps) else -1 for name, gaps in margins.items()}, rows


def _windows(size: int, channels: int, length: int) -> list[Any]:
    """The entries of each circular window."""
    import numpy as np

    positions = size // channels
    starts = range(positions) if length < positions else range(1)
    every = np.arange(size).reshape(positions, channels)
    return [every[np.arange(p, p + min(length, positions)) % positions].ravel() for p in starts]


# ------------------------------------------------------------------------------------------- shared data of theorems

FIXED = ("mu", "windows")

SYMBOLS = {
    "error": (r"\lVert\hat\Gamma_i-\Gamma_i\rVert^P_{2,\infty}", "largest error in a patch, at layer i"),
    "wrong": (
        r"|\mathrm{supp}\,\hat\Gamma_i\,\triangle\,\mathrm{supp}\,\Gamma_i|",
        "entries on the wrong side of the threshold",
    ),
    "reach": (r"\max_{j\notin T_i}|d_j^T\hat\Gamma_{i-1}|", "largest correlation off the support"),
    "least": (r"\min_{j\in T_i}|d_j^T\hat\Gamma_{i-1}|", "smallest correlation on the support"),
    "k": (r"\lVert\Gamma_i\rVert^S_{0,\infty}", "non-zeros in a stripe"),
    "patch": (r"\lVert\Gamma_i\rVert^P_{0,\infty}", "non-zeros in a patch"),
    "mu": (r"\mu(D_i)", "mutual coherence"),
    "smallest": (r"|\Gamma_i^{\min}|", "smallest magnitude of a non-zero"),
    "largest": (r"|\Gamma_i^{\max}|", "largest magnitude"),
    "threshold": (r"\beta_i", "threshold"),
    "before": (r"\varepsilon_{i-1}", "bound on the error of the layer before"),
}


def rescale(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Everything measured in a unit four times smaller."""
    return {**x, **{name: 4 * x[name] for name in ("code", "E", "radius", "thresholds")}}


def negate_atoms(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Atoms of the deepest layer negated, with the entries of the code that use them."""
    last = f"D{x['windows'].shape[1]}"
    s = draw.shared.sign(x["code"].shape[-1])
    return {**x, last: x[last] * s[:, None, :], "code": x["code"] * s}


def permute_atoms(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Atoms of the deepest layer, which lie in one stripe, in another order."""
    xp, last = namespace(x["code"]), f"D{x['windows'].shape[1]}"
    order = draw.shared.subset(x["code"].shape[-1], x["code"].shape[-1])[0, :]
    return {**x, **{name: xp.take(x[name], order, axis=-1) for name in (last, "code")}}


def admitted(norms: str, b: int, taps: Any, k: int, error: Formula) -> Any:
    """The largest epsilon_0 (B,), thresholds at their lower ends, of a code with k non-zeros, equal magnitudes and no
    taps in common, whose atoms have ``taps`` (B, K - 1) at the layers after the first; negative where there is none."""
    import numpy as np

    above = np.cumprod(taps[:, ::-1], axis=1)[:, ::-1]  # taps of an atom of the deepest layer, from the first layer on
    spread = np.concatenate([above, np.ones_like(taps[:, :1])], axis=1).astype(float)
    if norms == "global":
        stripe = patch = k * spread
    else:
        stripe = np.full_like(spread, k)
        patch = k * np.concatenate([taps, np.ones_like(taps[:, :1])], axis=1).astype(float)
    mu = np.concatenate([np.full((len(taps), 1), b**-0.5), 1 / taps], axis=1)
    size = spread**-0.5
    return largest_noise(mu, Profile(stripe, patch, size, size), np.zeros_like(size), error)


def cheapest(layers: int, norms: str, k: int, error: Formula) -> tuple[int, int] | None:
    """The smallest b, a power of 2 up to 2^20, and the first c with it that admit k; None where none does."""
    import numpy as np

    c = np.arange(2, PRIMES[-1] + 1)
    for b in (2**j for j in range(1, 21)):
        found = np.flatnonzero(admitted(norms, b, np.repeat(c[:, None], layers - 1, axis=1), k, error) > 0)
        if found.size:
            return b, int(c[found[0]])
    return None


def maps(error: Formula) -> dict[str, dict[str, Any]]:
    """Where the hypotheses can be met at all: a cell for each 1/mu_1 = 2^j and k, whatever the taps."""
    import itertools

    import numpy as np

    panels = {}
    for layers in (2, 3):
        taps = np.asarray(list(itertools.product(range(2, PRIMES[-1] + 1), repeat=layers - 1)))
        cells = []
        for j, k in itertools.product(range(1, 11), range(1, 11)):
            admits = [(admitted(norms, 4**j, taps, k, error) > 0).any() for norms in ("local", "global")]
            square = [j - 0.5, k - 0.5, j + 0.5, k - 0.5, j + 0.5, k + 0.5, j - 0.5, k + 0.5]
            cells.append([int(sum(admits)), square])
        colour = "0: nothing, 1: local norms alone, 2: global norms too"
        panels[f"{layers} layers"] = {"box": [0.5, 10.5], "colour": colour, "cells": cells}
    return panels


def advise(p: Params, x: Any, error: Formula) -> str:
    """Which layer admits nothing, and what would be admitted instead."""
    stacked = layered.layers(x)
    found = multilayer.profile(stacked, multilayer.codes(stacked, x["code"]))
    share = namespace(x["E"]).full_like(x["thresholds"], END)
    limit = float(to_numpy(largest_noise(x["mu"], found, share, error))[0])
    rows = zip(to_numpy(found.k)[0], to_numpy(x["mu"])[0], strict=True)
    told = ", ".join(f"layer {i} has k={k:g} and mu={mu:.4f}" for i, (k, mu) in enumerate(rows, 1))
    if limit > 0:
        return f"{told}; thresholds exist up to epsilon_0 = {limit:.4f}. The slide's claims need norms=global"
    norms = "global" if p.norms == "global" else "local"
    layers, k = len(stacked), p.k or 1
    least = cheapest(layers, norms, k, error)
    model = f"k={k} in {layers} layers with {norms} norms"
    needs = "no b and c at all" if least is None else f"b={least[0]} and c={least[1]} with magnitudes all equal"
    return f"{told}: no thresholds, whatever epsilon_0. What admits {model}: {needs}"
