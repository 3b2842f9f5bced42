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
    that with two layers on one signal of ``b`` entries; ``c`` taps an atom, ``g`` places for each tap. ``norms``:
    "local" or "global".
    """

    layers: int
    b: int
    c: int
    g: int
    k: int
    local: bool = True
    norms: str = "local"
    signs: bool = True

    @property
    def model(self) -> Model:
        """The dictionaries, kept between batches."""
        if self.local:
            return multilayer.local_model(self.layers, self.b, self.c, self.g, signs=self.signs)
        return multilayer.global_model(self.b, self.c, self.g, self.g**2, signs=self.signs)


def dictionaries(draw: Any, setting: Setting) -> dict[str, Any]:
    """The arrays of a model, shared by the batch: D1, D2, ... (1, n, m), the blocks of the layers; mu (1, K), their
    exact coherences; windows (1, K, 3) int64, channels of input and output and length of the windows."""
    model = setting.model
    sizes = zip(model.blocks, model.copies, strict=True)
    stacked = [Layer(A[None], copies, *A.shape) for A, copies in sizes]
    if setting.norms == "global":
        stacked = [layer.globally() for layer in stacked]
    windows = draw.xp.asarray([[[s.inputs, s.outputs, s.length] for s in stacked]], device=draw.backend.device)
    blocks = {f"D{i}": draw.backend.asarray(A)[None, ...] for i, A in enumerate(model.blocks, 1)}
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


def code(draw: Any, setting: Setting, contrast: float, disjoint: bool) -> Any:
    """The deepest code, k entries of random sign and magnitude uniform on [contrast, 1]: (B, columns).

    ``disjoint``: its atoms are parallel lines of the design, which share no tap; any of the atoms otherwise."""
    xp, g = draw.xp, setting.g
    m = g * g
    values = draw.sign(m) * (contrast + (1 - contrast) * draw.uniform(m))
    if setting.layers == 1:
        raise ValueError("code: needs two layers at least")
    if disjoint:
        columns = xp.arange(m, dtype=xp.int64, device=values.device)
        rank = xp.take(draw.ranks(g), columns % g, axis=1)
        on = (columns[None, :] // g == draw.integers(0, g)[:, None]) & (rank < setting.k)
    else:
        on = draw.ranks(m) < setting.k
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
