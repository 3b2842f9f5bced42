r"""Multi-layer sparse models and layered pursuits: :math:`X=D_1\Gamma_1,\ \Gamma_1=D_2\Gamma_2,\ \dots,\
\Gamma_{K-1}=D_K\Gamma_K` with all :math:`\Gamma_i` sparse.

A dictionary is :math:`D=I\otimes A`, a block A repeated along the diagonal: one block is a plain dictionary, many are a
convolution whose stride is the length of its filters; a circular convolution with stride 1 is one block whose windows
are told apart. Norms are taken over windows (Papyan, Sulam and Elad 2017):

- a *patch* is what one atom can see of its input, ``length`` neighbouring positions of ``inputs`` channels; the local
  norms :math:`\|v\|^P_{2,\infty}`, :math:`\|v\|^P_{0,\infty}` are the largest of :math:`\|\cdot\|_2`,
  :math:`\|\cdot\|_0` over the patches;
- a *stripe* is what one atom can interact with, ``2 length - 1`` positions of ``outputs`` channels; the local sparsity
  :math:`\|\Gamma\|^S_{0,\infty}` is the largest number of non-zeros in a stripe.

In a block dictionary every block is one position. Global norms are the case of one position that holds everything.

Shapes: a signal or code is (B, positions x channels), position after position. ``A`` (1, n, m) is shared by the batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from verify.core.arrays import Array, eps, matvec, namespace, norm2, rmatvec
from verify.core.enclosure import Enclosure
from verify.kit import convolutions, csc, dictionaries, lagrangian
from verify.kit.shrinkage import soft_threshold


@dataclass(frozen=True)
class Layer:
    """``D = I (x) A`` with ``blocks`` copies of ``A`` (1, n, m); windows of ``length`` positions, with ``inputs``
    channels on the side of the signal and ``outputs`` on the side of the code."""

    A: Array
    blocks: int
    inputs: int
    outputs: int
    length: int = 1

    @property
    def rows(self) -> int:
        """The length of D Gamma."""
        return self.blocks * self.A.shape[1]

    @property
    def columns(self) -> int:
        """The number of atoms."""
        return self.blocks * self.A.shape[2]

    def globally(self) -> Layer:
        """The same dictionary with global norms."""
        return replace(self, inputs=self.rows, outputs=self.columns, length=1)

    def fold(self, v: Array) -> Array:
        """(B, blocks x p) -> (B blocks, p): a problem on each block."""
        return namespace(v).reshape(v, (v.shape[0] * self.blocks, -1))

    def unfold(self, v: Array) -> Array:
        """The inverse of :meth:`fold`."""
        return namespace(v).reshape(v, (v.shape[0] // self.blocks, -1))

    def repeat(self, v: Array) -> Array:
        """A number for each instance, (B,) -> one for each block, (B blocks,)."""
        xp = namespace(v)
        return xp.reshape(xp.broadcast_to(v[:, None], (v.shape[0], self.blocks)), (-1,))

    def worst(self, v: Array) -> Array:
        """The largest over the blocks: (B blocks,) -> (B,)."""
        xp = namespace(v)
        return xp.max(xp.reshape(v, (-1, self.blocks)), axis=-1)

    def synthesis(self, code: Array) -> Array:
        """D Gamma: (B, columns) -> (B, rows)."""
        return self.unfold(matvec(self.A, self.fold(code)))

    def analysis(self, v: Array) -> Array:
        """D^T v: (B, rows) -> (B, columns)."""
        return self.unfold(rmatvec(self.A, self.fold(v)))

    def patch_norm(self, v: Array) -> Array:
        """The largest Euclidean norm of a patch of v (B, rows): (B,)."""
        xp = namespace(v)
        return xp.sqrt(_largest(v * v, self.inputs, self.length))

    def patch_count(self, v: Array) -> Array:
        """The largest number of non-zeros in a patch of v (B, rows): (B,), floats."""
        return _largest(_indicator(v), self.inputs, self.length)

    def stripe_count(self, code: Array) -> Array:
        """The largest number of non-zeros in a stripe of a code (B, columns): (B,), floats."""
        return _largest(_indicator(code), self.outputs, 2 * self.length - 1)

    def scale(self, v: Array, radius: Array) -> Array:
        """v (B, rows) scaled so that its patch norm is ``radius`` (B,): each patch by itself where patches do not
        overlap. Patches that are zero stay zero."""
        xp = namespace(v)
        if self.length > 1:
            patches, norms = v[:, None, :], self.patch_norm(v)[:, None, None]
        else:
            patches = xp.reshape(v, (v.shape[0], -1, self.inputs))
            norms = norm2(patches)[..., None]
        factor = radius[:, None, None] / xp.where(norms > 0, norms, xp.ones_like(norms))
        return xp.reshape(factor * patches, v.shape)


def _indicator(v: Array) -> Array:
    return namespace(v).astype(v != 0, v.dtype)


def _largest(weights: Array, channels: int, length: int) -> Array:
    """The largest sum over circular windows of ``length`` positions: weights (B, positions x channels) >= 0 -> (B,)."""
    xp = namespace(weights)
    sums = xp.sum(xp.reshape(weights, (weights.shape[0], -1, channels)), axis=-1)
    return xp.max(csc.window_sums(sums, (length,)), axis=-1)


# ---------------------------------------------------------------------------------------------- the models


@dataclass(frozen=True, eq=False)
class Model:
    """Blocks on the host, from the signal's side inwards: ``blocks[i]`` (n, m), NumPy float64, read-only, is repeated
    ``copies[i]`` times; ``mu`` are the exact coherences of the layers. ``windows[i]`` are the channels of the signal
    and of the code and the length of a :class:`Layer`; by default each block is a position."""

    name: str
    blocks: tuple[Any, ...]
    copies: tuple[int, ...]
    mu: tuple[float, ...]
    windows: tuple[tuple[int, int, int], ...] = ()

    def layers(self, cast: Callable[[Any], Array]) -> list[Layer]:
        """The layers, with blocks ``cast(A)``, A (1, n, m)."""
        windows = self.windows or [(*A.shape, 1) for A in self.blocks]
        parts = zip(self.blocks, self.copies, windows, strict=True)
        return [Layer(cast(A[None, ...]), copies, *window) for A, copies, window in parts]


def _spread_rows(D: Any, heights: int, random: Any, c: int) -> Any:
    """A transversal design of c groups, group x in random places of the x-th of c parts of ``heights`` rows."""
    import numpy as np

    g = D.shape[0] // c
    tall = np.zeros((c * heights, D.shape[1]))
    for part in range(c):
        places = part * heights + np.sort(random.choice(heights, size=g, replace=False))
        tall[places] = D[part * g : (part + 1) * g]
    tall.setflags(write=False)
    return tall


@lru_cache(maxsize=16)
def local_model(layers: int, b: int, c: int, g: int, *, signs: bool = True, seed: int = 0) -> Model:
    r"""A model in which every layer meets conditions on its local sparsity at once (strided convolutions).

    The first layer is ``[I H/sqrt b]`` on blocks of b rows, mu = 1/sqrt b. A further block takes c blocks of the layer
    below; its g^2 atoms are those of a transversal design, one tap +-1/sqrt c in each of the c blocks (all positive
    unless ``signs``), mu = 1/c. So a block of Gamma_{i-1} receives at most one tap of each atom, and the local sparsity
    does not grow on the way up, while the global one grows by c at a layer. The g places in a block are drawn: in the
    identity half alone the atoms of the first layer would be orthogonal. ValueError unless layers >= 1, b is a power of
    2, and g is a prime with c <= g <= 2b.
    """
    import numpy as np

    if layers < 1 or not g <= 2 * b:
        raise ValueError(f"local_model: needs layers >= 1 and g <= 2 b, got layers={layers}, b={b}, g={g}")
    random = np.random.default_rng(seed)
    first = dictionaries.identity_hadamard(b)
    blocks, mu = [first.D], [first.mu]
    for _ in range(1, layers):
        design = dictionaries.transversal(c, g, signs=signs, seed=int(random.integers(2**31)))
        blocks.append(_spread_rows(design.D, blocks[-1].shape[1], random, c))
        mu.append(design.mu)
    copies = tuple(c ** (layers - 1 - i) for i in range(layers))
    return Model(f"local({layers}, {b}, {c}, {g})", tuple(blocks), copies, tuple(mu))


@lru_cache(maxsize=16)
def global_model(n: int, c: int, g: int, m: int, *, signs: bool = True, seed: int = 0) -> Model:
    r"""Two layers whose conditions hold in the global norms: ``D_2`` is a transversal design of m atoms with c taps,
    mu = 1/c, and ``D_1`` has c g atoms of ``[I H/sqrt n]`` drawn from both halves, mu = 1/sqrt n. ValueError unless n
    is a power of 2, g is a prime >= c, m <= g^2 and c g <= 2n."""
    import numpy as np

    if c * g > 2 * n:
        raise ValueError(f"global_model: needs c g <= 2 n atoms, got c={c}, g={g}, n={n}")
    if n < 2 or n & (n - 1):
        raise ValueError(f"global_model: n must be a power of 2 and at least 2, got {n}")
    random = np.random.default_rng(seed)
    second = dictionaries.transversal(c, g, m, signs=signs, seed=int(random.integers(2**31)))
    rest = np.delete(np.arange(2 * n), [0, n])
    chosen = np.sort(np.concatenate([[0, n], random.choice(rest, c * g - 2, replace=False)]))
    row, place = np.arange(n)[:, None], chosen % n
    odd = np.bitwise_count(row & place) % 2
    D = np.where(chosen < n, (row == place).astype(float), (1.0 - 2.0 * odd) / math.sqrt(n))
    D.setflags(write=False)
    return Model(f"global({n}, {c}, {g}, {m})", (D, second.D), (1, 1), (1 / math.sqrt(n), second.mu))


@lru_cache(maxsize=16)
def stride_one_model(positions: int, c: int, filters: int = 2, *, signs: bool = True, seed: int = 0) -> Model:
    r"""Two convolutions of stride 1 on a circle, with filters of c taps that meet one another in one tap at most:
    mu = 1/c at both layers (:func:`verify.kit.dictionaries.golomb`). The filters of the second are dilated by the
    stripe of the first, so that no two taps of one of its atoms lie in a stripe. ValueError where the filters of the
    second could meet twice around the circle, unless ``positions`` is at least twice their length less one."""
    first = dictionaries.golomb(filters, c, signs=signs, seed=seed)
    second = dictionaries.golomb(filters, c, filters, dilation=2 * first.size - 1, signs=signs, seed=seed)
    if positions < 2 * second.size - 1:
        raise ValueError(f"stride_one_model: {c} taps need {2 * second.size - 1} positions, got {positions}")
    blocks = tuple(by_position(bank.kernel[None, ...], positions)[0] for bank in (first, second))
    for D in blocks:
        D.setflags(write=False)
    windows = tuple(bank.kernel.shape for bank in (first, second))
    return Model(f"stride 1({positions}, {c})", blocks, (1, 1), (first.mu, second.mu), windows)


def by_position(kernel: Array, positions: int) -> Array:
    """The matrix of a convolutional dictionary on a circle, position after position, of a kernel (B, channels, filters,
    size): (B, positions x channels, positions x filters)."""
    xp = namespace(kernel)
    D = convolutions.dense(kernel, (positions,))
    B, channels, filters, _ = kernel.shape
    blocks = xp.reshape(D, (B, channels, positions, filters, positions))
    return xp.reshape(xp.permute_dims(blocks, (0, 2, 1, 4, 3)), D.shape)


# ---------------------------------------------------------------------------------------------- codes


def codes(layers: Sequence[Layer], deepest: Array) -> list[Array]:
    """Gamma_1, ..., Gamma_K of the deepest code Gamma_K (B, columns).

    An entry in which taps cancel would be left at the size of its rounding; below 64 units of the largest entry of the
    code that made it, it is the zero that it stands for."""
    xp = namespace(deepest)
    found = [deepest]
    for layer in reversed(layers[1:]):
        image = layer.synthesis(found[0])
        least = 64 * eps(deepest) * xp.max(xp.abs(found[0]), axis=-1, keepdims=True)
        found.insert(0, xp.where(xp.abs(image) > least, image, xp.zeros_like(image)))
    return found


def effective(layers: Sequence[Layer]) -> list[Array]:
    r"""The blocks (1, n, m) of the effective dictionaries :math:`D^{(i)}=D_1D_2\cdots D_i`, each repeated as often as
    that of the layer i. Their columns need not be unit vectors, though those of every layer are."""
    blocks = [layers[0].A]
    for layer in layers[1:]:
        above, A = blocks[-1], layer.A
        parts = namespace(A).reshape(A, (-1, above.shape[-1], A.shape[-1]))
        product = namespace(A).matmul(above, parts)
        blocks.append(namespace(A).reshape(product, (1, -1, A.shape[-1])))
    return blocks


@dataclass(frozen=True)
class Profile:
    """What the theorems need of the codes, each (B, K): ``k`` the largest number of non-zeros in a stripe, ``patch``
    the largest in a patch (of the last code: all), and the ``smallest`` and ``largest`` magnitude of a non-zero (NaN
    for a code that is zero)."""

    k: Array
    patch: Array
    smallest: Array
    largest: Array


def profile(layers: Sequence[Layer], gammas: Sequence[Array]) -> Profile:
    """The profile of the codes of a model."""
    xp = namespace(*gammas)
    counts = [layer.patch_count(gamma) for layer, gamma in zip(layers[1:], gammas[:-1], strict=True)]
    sizes = [xp.abs(gamma) for gamma in gammas]
    low = [xp.min(xp.where(a > 0, a, xp.full_like(a, xp.inf)), axis=-1) for a in sizes]
    high = [xp.max(a, axis=-1) for a in sizes]
    zero = xp.stack(high, axis=-1) == 0
    nan = xp.full_like(xp.stack(high, axis=-1), xp.nan)
    return Profile(
        xp.stack([layer.stripe_count(gamma) for layer, gamma in zip(layers, gammas, strict=True)], axis=-1),
        xp.stack([*counts, _count(gammas[-1])], axis=-1),
        xp.where(zero, nan, xp.stack(low, axis=-1)),
        xp.where(zero, nan, xp.stack(high, axis=-1)),
    )


def patch_norms(layers: Sequence[Layer], errors: Sequence[Array]) -> Array:
    """The patch norms of vectors that live where the codes live, (B, K); of the last the Euclidean norm."""
    norms = [layer.patch_norm(error) for layer, error in zip(layers[1:], errors[:-1], strict=True)]
    return namespace(*errors).stack([*norms, norm2(errors[-1])], axis=-1)


# ---------------------------------------------------------------------------------------------- pursuits

Shrinkage = Callable[[Array, Array], Array]  # a vector (B, m) and a threshold (B,) to a vector


@dataclass(frozen=True)
class LayerEstimate:
    """A layer of layered thresholding: the ``correlation`` of the atoms with the estimate before, and the ``code`` that
    the threshold makes of it, (B, columns). No entry of the correlation is further than ``error`` (B,) from that of
    exact arithmetic, and the code, in its patch norm, no further than ``spread`` (B,): infinite, with everything after
    it, where a correlation is nearer to the threshold than its error, for then a hard threshold could jump."""

    correlation: Array
    code: Array
    error: Array
    spread: Array


def layered_thresholding(
    layers: Sequence[Layer],
    y: Array,
    thresholds: Array,
    shrink: Shrinkage = soft_threshold,
    input_error: Array | None = None,
) -> list[LayerEstimate]:
    """The estimates of the codes by ``Gamma_i = P(D_i^T Gamma_{i-1})`` from Gamma_0 = y (B, rows) on, with thresholds
    (B, K). With the one-sided soft threshold it is the forward pass of a ReLU network with biases -thresholds.

    ``input_error`` (B,) bounds the patch norm of an error of y. Rounding counts a unit of the dtype for each term."""
    xp = namespace(y, thresholds)
    estimates: list[LayerEstimate] = []
    at, spread = y, xp.zeros_like(thresholds[:, 0]) if input_error is None else input_error
    for i, layer in enumerate(layers):
        correlation, tau = layer.analysis(at), thresholds[:, i]
        error = spread + (layer.A.shape[-2] + 8) * eps(y) * layer.patch_norm(at)
        at = shrink(correlation, tau)
        size = xp.abs(correlation)
        alive = xp.astype(size > (tau - error)[:, None], size.dtype)
        count = layers[i + 1].patch_count(alive) if i + 1 < len(layers) else _count(alive)
        clear = xp.min(xp.abs(size - tau[:, None]), axis=-1) > error
        spread = xp.where(clear, xp.sqrt(count) * error, xp.full_like(error, xp.inf))
        estimates.append(LayerEstimate(correlation, at, error, spread))
    return estimates


@dataclass(frozen=True)
class LayerSolution:
    """A layer of layered basis pursuit: the minimiser ``code`` (B, columns) among the vectors on the given support,
    each entry within ``error`` (B,) of the exact one; ``reach``, ``is_minimiser`` and ``is_not`` as in
    :class:`verify.kit.lagrangian.Restricted`, over all blocks."""

    code: Array
    error: Array
    reach: Enclosure
    is_minimiser: Array
    is_not: Array


def layered_basis_pursuit(
    layers: Sequence[Layer], y: Array, xi: Array, supports: Sequence[Array]
) -> list[LayerSolution]:
    """Solves ``min |Gamma_{i-1} - D_i Gamma|^2 / 2 + xi_i |Gamma|_1`` layer by layer on the supports (non-zeros of
    arrays (B, columns)) that theory predicts: y (B, rows), xi (B, K) > 0.

    The objective is a sum over the blocks, so each is solved by itself (:func:`verify.kit.lagrangian.restricted`). The
    errors bound the distance from the pursuit in exact arithmetic: those of one layer are input errors of the next. A
    layer is certified only as far as the layers before it are.
    """
    xp = namespace(y, xi)
    solutions: list[LayerSolution] = []
    at, input_error = y, xp.zeros_like(xi[:, 0])
    for i, (layer, member) in enumerate(zip(layers, supports, strict=True)):
        weight, unsure = layer.repeat(xi[:, i]), layer.repeat(input_error)
        found = lagrangian.restricted(layer.A, layer.fold(at), weight, layer.fold(member), unsure)
        reach = found.reach.each(layer.worst)
        is_minimiser, is_not = reach.upper < xi[:, i], reach.lower > xi[:, i]
        if solutions:
            is_minimiser, is_not = is_minimiser & solutions[-1].is_minimiser, is_not & solutions[-1].is_minimiser
        at = layer.unfold(found.x)
        solutions.append(LayerSolution(at, layer.worst(found.error), reach, is_minimiser, is_not))
        input_error = solutions[-1].error * xp.sqrt(_count(member))
    return solutions


def aligned_noise(
    layers: Sequence[Layer], gammas: Sequence[Array], radius: Array, steps: int = 30, soft: Array | None = None
) -> Array:
    r"""Noise of patch norm ``radius`` (B,) that makes the error of layered hard thresholding at the deepest layer
    large, or of soft thresholding with the thresholds ``soft`` (B, K): (B, rows).

    With the supports fixed that error is affine in the noise, :math:`e_i=P_{T_i}(D_i^Te_{i-1}+D_i^TD_i\Gamma_i
    -\Gamma_i-\beta_i\,\mathrm{sign}\,\Gamma_i)`, without :math:`\beta_i` where the threshold is hard. Each step moves
    to the noise that is best for the error's linear part in the direction of the present error; from the signal itself
    on, which is optimal at one non-zero.
    """
    xp = namespace(radius, *gammas)
    masks = [_indicator(gamma) for gamma in gammas]
    biases = [layer.analysis(layer.synthesis(gamma)) - gamma for layer, gamma in zip(layers, gammas, strict=True)]
    if soft is not None:
        biases = [
            b - soft[:, i : i + 1] * xp.sign(gamma) for i, (b, gamma) in enumerate(zip(biases, gammas, strict=True))
        ]
    noise = layers[0].scale(layers[0].synthesis(gammas[0]), radius)
    for _ in range(steps):
        error = noise
        for layer, mask, bias in zip(layers, masks, biases, strict=True):
            error = mask * (layer.analysis(error) + bias)
        for layer, mask in zip(reversed(layers), reversed(masks), strict=True):
            error = layer.synthesis(mask * error)
        moved = layers[0].scale(error, radius)
        noise = xp.where(xp.any(error != 0, axis=-1)[:, None], moved, noise)
    return noise


def _count(v: Array) -> Array:
    return namespace(v).sum(_indicator(v), axis=-1)
