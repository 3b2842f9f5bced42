"""What the theorems on layered pursuits share: instances of multi-layer models, and what the bounds need of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from verify import Enclosure
from verify.core.arrays import eps, namespace, norm_inf, put, take_batch, to_numpy
from verify.kit import dictionaries as kit
from verify.kit import lagrangian, multilayer, shrinkage
from verify.kit.multilayer import Layer, Model

SLACK = 1e-9  # by which noise stays inside its bound: far above the rounding
SOLVER_STEPS = 400  # of a solver on all atoms; with a gap left over it disputes less


@dataclass(frozen=True)
class Setting:
    """A model with the number of non-zeros of its deepest code.

    ``local`` tells the model with local sparsity (strided convolutions; blocks of ``b`` rows at the first layer) from
    that with two layers on one signal of ``b`` entries; ``c`` taps an atom, ``g`` places for each tap. ``stride_one``:
    instead of both, two convolutions of stride 1 on ``b`` positions. ``norms``: "local" or "global".
    """

    layers: int
    b: int
    c: int
    g: int
    k: int
    local: bool = True
    norms: str = "local"
    signs: bool = True
    stride_one: bool = False

    @property
    def model(self) -> Model:
        """The dictionaries, kept between batches."""
        if self.stride_one:
            return multilayer.stride_one_model(self.b, self.c, signs=self.signs)
        if self.local:
            return multilayer.local_model(self.layers, self.b, self.c, self.g, signs=self.signs)
        return multilayer.global_model(self.b, self.c, self.g, self.g**2, signs=self.signs)


def dictionaries(draw: Any, setting: Setting) -> dict[str, Any]:
    """The arrays of a model, shared by the batch: D1, D2, ... (1, n, m), the blocks of the layers; mu (1, K), their
    exact coherences; windows (1, K, 3) int64, channels of input and output and length of the windows."""
    model = setting.model
    stacked = model.layers(draw.backend.asarray)
    if setting.norms == "global":
        stacked = [layer.globally() for layer in stacked]
    windows = draw.xp.asarray([[[s.inputs, s.outputs, s.length] for s in stacked]], device=draw.backend.device)
    blocks = {f"D{i}": layer.A for i, layer in enumerate(stacked, 1)}
    return {**blocks, "mu": draw.backend.asarray([list(model.mu)]), "windows": windows}


def over_simplex(draw: Any, n: int, taps: int) -> dict[str, Any]:
    """The same arrays for two layers in global norms: a simplex in n dimensions, under as many atoms as there is room
    for with ``taps`` equal taps on places of their own. Their products lean against each other like those of a
    simplex."""
    import numpy as np

    made = kit.simplex(n)
    count = made.m // taps
    second = np.zeros((made.m, count))
    second[np.arange(taps * count), np.repeat(np.arange(count), taps)] = taps**-0.5
    windows = draw.xp.asarray([[[n, made.m, 1], [made.m, count, 1]]], device=draw.backend.device)
    blocks = {f"D{i}": draw.backend.asarray(D)[None, ...] for i, D in enumerate((made.D, second), 1)}
    return {**blocks, "mu": draw.backend.asarray([[made.mu, 0.0]]), "windows": windows}


def layers(x: Any) -> list[Layer]:
    """The layers of an instance, from the signal's side; ``x["code"]`` (B, columns) is the deepest code."""
    windows = to_numpy(x["windows"])[0].tolist()
    blocks = [x[f"D{i}"] for i in range(1, len(windows) + 1)]
    size, found = x["code"].shape[-1], []
    for A, window in zip(reversed(blocks), reversed(windows), strict=True):
        copies = size // A.shape[-1]
        found.insert(0, Layer(A, copies, *window))
        size = copies * A.shape[-2]
    return found


def code(draw: Any, setting: Setting, contrast: float, disjoint: bool, k: Any = None) -> Any:
    """The deepest code, k entries (those of the setting, or (B,) int64) of random sign, all positive unless the setting
    has ``signs``, and of magnitude uniform on [contrast, 1]: (B, columns).

    ``disjoint``: its atoms are parallel lines of a design, which share no tap; any of the atoms otherwise."""
    xp, g = draw.xp, setting.g
    m = setting.model.blocks[-1].shape[1]
    values = contrast + (1 - contrast) * draw.uniform(m)
    values = values * draw.sign(m) if setting.signs else values
    count = setting.k if k is None else k[:, None]
    if disjoint:
        columns = xp.arange(m, dtype=xp.int64, device=values.device)
        rank = xp.take(draw.ranks(g), columns % g, axis=1)
        on = (columns[None, :] // g == draw.integers(0, g)[:, None]) & (rank < count)
    else:
        on = draw.ranks(m) < count
    return xp.where(on, values, xp.zeros_like(values))


def signal(stacked: list[Layer], gammas: list[Any]) -> Any:
    """X = D_1 Gamma_1: (B, rows)."""
    return stacked[0].synthesis(gammas[0])


def rounding(stacked: list[Layer], gammas: list[Any], E: Any) -> Any:
    """A bound on what rounding can do to an entry of X + E or of a code, in units of their size: (B,)."""
    xp = namespace(E)
    terms = sum(layer.A.shape[-2] + layer.A.shape[-1] for layer in stacked)
    sizes = [xp.max(xp.abs(v), axis=-1) for v in (*gammas, E)]
    return 4 * terms * eps(E) * sum(sizes)


def side_by_side(columns: list[Enclosure]) -> Enclosure:
    """Enclosures (B,) as one, (B, K)."""
    xp = namespace(columns[0].value)
    return Enclosure(*(xp.stack([getattr(c, end) for c in columns], axis=-1) for end in ("value", "lower", "upper")))


def is_global(x: Any) -> bool:
    """Whether the norms of an instance are global at every layer."""
    return all(layer == layer.globally() for layer in layers(x))


# ------------------------------------------------------------------------------------- layered basis pursuit


def single(D: Any, mu: Any) -> dict[str, Any]:
    """The arrays of a single layer with the dictionary D (1, n, m), in global norms."""
    xp = namespace(D)
    n, m = D.shape[-2:]
    return {"D1": D, "mu": mu[:, None], "windows": xp.asarray([[[n, m, 1]]], device=D.device)}


def growing(radius: Any, factors: Any) -> Any:
    """radius, radius f_1, radius f_1 f_2, ...: the bounds on the noise that each layer receives, and at the end on the
    error of the last: radius (B,), factors (B, K) -> (B, K + 1)."""
    xp = namespace(radius, factors)
    found = [radius]
    for i in range(factors.shape[-1]):
        found.append(found[-1] * factors[:, i])
    return xp.stack(found, axis=-1)


def repair(p: Any, x: Any) -> dict[str, Any]:
    """Noise that left its bound scaled back."""
    xp = namespace(x["E"])
    first = layers(x)[0]
    size = first.patch_norm(x["E"])
    back = xp.where(size > x["radius"], x["radius"] / (size * (1 + SLACK)), xp.ones_like(size))
    return {**x, "E": x["E"] * back[:, None]}


def admitted(x: Any, limit: Fraction) -> str:
    """How many non-zeros in a stripe the coherences admit below limit (1 + 1/mu)."""
    found = [kit.admitted(mu, limit) for mu in to_numpy(x["mu"])[0].tolist()]
    return f"the coherences admit {', '.join(map(str, found))} non-zeros in a stripe at layers 1, 2, ..."


def flip(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Every signal and code with the other sign."""
    return {**x, **{name: -x[name] for name in ("code", "E", "delta") if name in x}}


def rescale(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Everything measured in a unit four times smaller."""
    return {**x, **{name: 4 * x[name] for name in ("code", "E", "radius", "xi", "delta", "weight") if name in x}}


def pursue(x: Any, audit: Any, gap: float) -> dict[str, Any]:
    """What layered basis pursuit with the weights xi (B, K) does to D_1 Gamma_1 + E, layer by layer, each (B, K):
    ``reach``, the largest correlation of an atom off the support with the residual; ``error``, the patch norm of the
    error, ``entry``, its largest entry, and ``lost``, the largest entry of Gamma_i that was not found. ``dispute``:
    for the instances that ``audit`` (B,) marks with 1, by how much a solver on all atoms contradicts it, NaN for
    others."""
    xp = namespace(x["E"])
    stacked = layers(x)
    gammas = multilayer.codes(stacked, x["code"])
    y = signal(stacked, gammas) + x["E"]
    found = multilayer.layered_basis_pursuit(stacked, y, x["xi"], gammas)
    slack = rounding(stacked, gammas, x["E"])
    errors = [solution.code - gamma for solution, gamma in zip(found, gammas, strict=True)]
    counts = multilayer.profile(stacked, gammas).patch
    unsure = xp.stack([solution.error + slack for solution in found], axis=-1)
    lost = [
        xp.max(xp.where(xp.abs(s.code) <= s.error[:, None], xp.abs(g), xp.zeros_like(g)), axis=-1)
        for s, g in zip(found, gammas, strict=True)
    ]
    return {
        "reach": side_by_side([solution.reach for solution in found]),
        "error": Enclosure.around(multilayer.patch_norms(stacked, errors), xp.sqrt(counts) * unsure),
        "entry": Enclosure.around(xp.stack([norm_inf(e) for e in errors], axis=-1), unsure),
        "lost": Enclosure.around(xp.stack(lost, axis=-1), unsure),
        "dispute": _disputes(stacked, y, x["xi"], gammas, found, audit, gap),
    }


def _disputes(stacked: Any, y: Any, xi: Any, gammas: Any, found: Any, audit: Any, gap: float) -> Any:
    """The disputes of FISTA on all atoms, of each layer with its computed input."""
    xp = namespace(y)
    rows = xp.nonzero(audit > 0)[0]
    disputes = []
    inputs = [y, *(solution.code for solution in found[:-1])]
    for i, (layer, at, gamma, solution) in enumerate(zip(stacked, inputs, gammas, found, strict=True)):
        nan = xp.full_like(xi[:, i], xp.nan)
        if rows.shape[0] == 0:
            disputes.append(nan)
            continue
        folded, member, code = (layer.fold(take_batch(v, rows)) for v in (at, gamma, solution.code))
        weight = layer.repeat(take_batch(xi[:, i], rows))
        theta = weight - layer.repeat(take_batch(solution.reach.upper, rows))
        rows_gram = xp.matmul(layer.A, xp.matrix_transpose(layer.A))  # its row sums bound the squared norm of A
        L = xp.max(xp.sum(xp.abs(rows_gram), axis=-1)) * (1 + 64 * layer.A.shape[-1] * eps(y)) + 0 * weight
        full = shrinkage.lasso(layer.A, folded, weight, L, tolerance=max(gap, 1e4 * eps(y)), limit=SOLVER_STEPS)
        over = lagrangian.dispute(layer.A, code, member, theta, full.z, full.gap)
        disputes.append(put(nan, rows, layer.worst(over)))
    return xp.stack(disputes, axis=-1)


def descents(x: Any) -> Iterator[tuple[Layer, Any, Any, Any]]:
    """Of one instance by coordinate descent on the supports, block by block: each layer, its code Gamma_i (columns,),
    what it receives (blocks, n), and what layered basis pursuit makes of it (blocks, m)."""
    import numpy as np

    stacked = layers(x)
    gammas = multilayer.codes(stacked, x["code"])
    at = (signal(stacked, gammas) + x["E"])[0]
    for layer, gamma, xi in zip(stacked, gammas, x["xi"][0], strict=True):
        A, blocks = layer.A[0], at.reshape(layer.blocks, -1)
        code = np.zeros((layer.blocks, A.shape[1]))
        for b, (y, member) in enumerate(zip(blocks, gamma[0].reshape(layer.blocks, -1), strict=True)):
            T = np.flatnonzero(member)
            code[b, T] = lagrangian.descend(A[:, T], y, xi)
        yield layer, gamma[0], blocks, code
        at = code.reshape(-1)


def pursue_reference(x: Any) -> dict[str, Any]:
    """One instance by coordinate descent, block by block: the quantities of :func:`pursue`."""
    import numpy as np

    stacked = layers(x)
    gammas = multilayer.codes(stacked, x["code"])
    found: dict[str, list[float]] = {name: [] for name in ("reach", "entry", "lost", "dispute")}
    errors, unsure = [], []
    for (layer, truth, blocks, code), xi in zip(descents(x), x["xi"][0], strict=True):
        A, members, reach = layer.A[0], truth.reshape(code.shape), 0.0
        full = np.full(code.shape, np.nan)
        for b, (y, member) in enumerate(zip(blocks, members, strict=True)):
            if x["audit"][0]:
                full[b] = lagrangian.descend(A, y, xi)
            outside = np.abs(A.T @ (y - A @ code[b]))[member == 0]
            reach = max(reach, outside.max(initial=0.0))
        weight = np.full(layer.blocks, xi)
        gap = shrinkage.certified_gap(layer.A, blocks, weight, full)
        over = lagrangian.dispute(layer.A, code, members, weight - reach, full, gap)
        at = code.reshape(-1)
        error = 1e-9 * (np.abs(truth).max() + np.linalg.norm(x["E"]) + xi)
        found["reach"].append(reach)
        found["entry"].append(np.abs(at - truth).max())
        found["lost"].append(np.abs(truth[np.abs(at) <= error]).max(initial=0.0))
        found["dispute"].append(over.max())
        errors.append((at - truth)[None])
        unsure.append(error)
    counts = multilayer.profile(stacked, gammas).patch
    sure = {name: np.asarray([values]) for name, values in found.items()}
    wide = np.asarray([unsure])
    return {
        "reach": Enclosure.around(sure["reach"], wide),
        "entry": Enclosure.around(sure["entry"], wide),
        "lost": Enclosure.around(sure["lost"], wide),
        "error": Enclosure.around(multilayer.patch_norms(stacked, errors), np.sqrt(counts) * wide),
        "dispute": sure["dispute"],
    }
