"""What the theorems on labels of several layers share: the label's function, how errors of codes move it, and weights
that follow them."""

from __future__ import annotations

from typing import Any

from theorems.sparse_coding._layered import side_by_side
from verify import Enclosure, Formula
from verify.core.arrays import dot, eps, namespace, norm1, norm2


def weights(draw: Any, errors: list[Any], along: bool, low: float, high: float) -> dict[str, Any]:
    """Weights w1, ... (B, columns): random, or ``along`` the errors (B, columns) where there are any, and then of
    lengths between ``low`` and ``high``."""
    xp, found = draw.xp, {}
    for i, error in enumerate(errors, 1):
        size = norm2(error)[:, None]
        w = draw.normal(error.shape[-1])
        if along:
            w = xp.where(size > 0, error / xp.where(size > 0, size, xp.ones_like(size)), w)
        found[f"w{i}"] = draw.log_uniform(low=low, high=high)[:, None] * w
    return found


def offset(found: dict[str, Enclosure], margin: float) -> Any:
    """The offset (B,) at which |f| is ``margin`` times R and the errors work against its sign, from what `read` says at
    the offset 0."""
    xp, signed = namespace(found["f"].value), found["signed"].value
    sign = xp.where(signed > 0, -xp.ones_like(signed), xp.ones_like(signed))
    return sign * margin * found["R"].value - found["f"].value


def read(x: Any, gammas: list[Any], codes: list[Any], unsure: list[Any], unit: Any) -> dict[str, Enclosure]:
    """The label's function ``f`` (B,) of the codes ``gammas`` and its ``margin`` |f|; how far ``codes`` move it,
    ``signed`` and as ``change`` in magnitude, with the parts ``moved`` (B, K) of the layers in magnitude; ``weight``
    and ``count`` (B, K), the length of the weights on the supports, and the non-zeros; ``flipped``: 1 where the label
    changes. No entry of a code is further than its ``unsure`` (B,) from the truth, none of gammas than ``unit`` (B,).
    """
    xp = namespace(unit)
    f, parts, sizes, counts = Enclosure.exact(x["offset"]), [], [], []
    for i, (gamma, code, error) in enumerate(zip(gammas, codes, unsure, strict=True), 1):
        w, on = x[f"w{i}"], xp.astype(gamma != 0, gamma.dtype)
        parts.append(Enclosure.around(dot(w, code - gamma), norm1(w) * error))
        f = f + Enclosure.around(dot(w, gamma), norm1(w) * unit)
        size = norm2(w * on)
        sizes.append(Enclosure.around(size, 4 * w.shape[-1] * eps(w) * size))
        counts.append(Enclosure.exact(xp.sum(on, axis=-1)))
    signed = sum(parts[1:], parts[0])
    left = (f + signed) * xp.sign(f.value)
    flipped = [xp.astype(end <= 0, unit.dtype) for end in (left.value, left.upper, left.lower)]
    magnitudes = {"moved": side_by_side(parts), "change": signed, "margin": f}
    return {
        **{name: Formula("abs(z)").enclosure({"z": z}, unit) for name, z in magnitudes.items()},
        "f": f,
        "signed": signed,
        "weight": side_by_side(sizes),
        "count": side_by_side(counts),
        "flipped": Enclosure(*flipped),
    }


def margin(bounds: Enclosure) -> dict[str, Enclosure]:
    """What is enough: ``R`` (B,), the sum of the bounds (B, K) of the layers, and ``deepest``, the last of them."""
    columns = [bounds.each(lambda a, i=i: a[:, i]) for i in range(bounds.value.shape[-1])]
    return {"R": sum(columns[1:], columns[0]), "deepest": columns[-1]}


def above(found: dict[str, Enclosure], share: float) -> Any:
    """The margin of |f| > share R, which is strict."""
    gap = found["margin"].lower - share * found["R"].upper
    return namespace(gap).where(gap > 0, gap, -namespace(gap).ones_like(gap))


def by_hand(x: Any, codes: list[tuple[Any, Any]], formula: Formula, known: dict[str, Any]) -> dict[str, Any]:
    """For one instance from its codes and those found, NumPy (columns,): the quantities of `read` and `margin`, with
    the bound of a layer by its formula."""
    import numpy as np

    w = [x[f"w{i}"][0] for i in range(1, len(codes) + 1)]
    f = x["offset"][0] + sum(v @ gamma for v, (gamma, _) in zip(w, codes, strict=True))
    moved = np.asarray([[v @ (found - gamma) for v, (gamma, found) in zip(w, codes, strict=True)]])
    weight = np.asarray([[np.linalg.norm(v[gamma != 0]) for v, (gamma, _) in zip(w, codes, strict=True)]])
    count = np.asarray([[float(np.count_nonzero(gamma)) for gamma, _ in codes]])
    bounds = formula({**known, "weight": weight, "count": count})
    numbers = {"change": abs(moved.sum()), "margin": abs(f), "R": bounds.sum(), "deepest": bounds[0, -1]}
    flipped = float(f * (f + moved.sum()) <= 0)
    return {
        **{name: Enclosure.around(np.asarray([v]), np.asarray([1e-11 * abs(v)])) for name, v in numbers.items()},
        "moved": Enclosure.around(np.abs(moved), 1e-11 * np.abs(moved) + 1e-13),
        "flipped": Enclosure.exact(np.asarray([flipped])),
        "weight": Enclosure.exact(weight),
        "count": Enclosure.exact(count),
    }


def turn(x: dict[str, Any], factor: float = -1) -> dict[str, Any]:
    """The weights times a factor."""
    return {**x, **{f"w{i}": factor * x[f"w{i}"] for i in range(1, x["windows"].shape[1] + 1)}}


def negate(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The other label: f negated."""
    return {**turn(x), "offset": -x["offset"]}


def rescale(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """f measured in a unit four times smaller."""
    return {**turn(x, 4), "offset": 4 * x["offset"]}


SYMBOLS = {
    "flipped": (r"[\mathrm{sign}\,\hat f\ne\mathrm{sign}\,f]", "1 where the label changes"),
    "change": (r"|\hat f-f|", "how far the label's function moves"),
    "moved": (r"|w_i^T(\hat\Gamma_i-\Gamma_i)|", "the part of layer i"),
    "R": ("R", "the margin that is enough"),
    "deepest": ("R_K", "the part of R that the deepest layer makes"),
    "weight": (r"\lVert(w_i)_{T_i}\rVert_2", "size of the weights on the support"),
    "count": ("|T_i|", "all non-zeros of a code"),
    "norms": (r"\sum_i\lVert w_i\rVert_2", "size of the weights"),
    "epsilon": (r"\varepsilon_0", "bound on the noise"),
}
