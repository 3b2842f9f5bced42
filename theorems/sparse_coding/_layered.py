"""What the theorems on layered pursuits share: instances of multi-layer models, and what the bounds need of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from verify.core.arrays import eps, namespace, to_numpy
from verify.kit import multilayer
from verify.kit.multilayer import Layer, Model


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
