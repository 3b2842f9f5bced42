r"""Linear maps with one interface: a dense matrix, a sparse one by tables of its entries, a convolution by FFT.

Each has ``synthesis(code) = D code``, ``analysis(x) = D^T x`` and its ``matrix`` D. Codes are (B, m), signals (B, n); a
map itself has a batch axis of length B, or 1 where the batch shares it. Sparse tables are always shared.

A convolutional dictionary is the map of :mod:`verify.kit.convolutions` with the channels of the signal as outputs and
one input for each filter, :math:`(D\Gamma)_a=\sum_bd_{ab}*\Gamma_b`: its kernel is (B, channels, filters, s) or (B,
channels, filters, s_1, s_2), a code holds one map after another, and its stride is 1. Analysis correlates, as the
layer of a convolutional network does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from verify.core.arrays import Array, matvec, namespace, rmatvec, to_numpy
from verify.kit import convolutions
from verify.kit.convolutions import Grid


class Operator(Protocol):
    """A linear map D from codes to signals."""

    def synthesis(self, code: Array) -> Array:
        """D code: (B, m) -> (B, n)."""

    def analysis(self, x: Array) -> Array:
        """D^T x: (B, n) -> (B, m)."""

    @property
    def matrix(self) -> Array:
        """D, (B, n, m) or (1, n, m)."""


@dataclass(frozen=True)
class Dense:
    """The map of a matrix, (B, n, m) or shared (1, n, m)."""

    matrix: Array

    def synthesis(self, code: Array) -> Array:
        """D code: (B, m) -> (B, n)."""
        return matvec(self.matrix, code)

    def analysis(self, x: Array) -> Array:
        """D^T x: (B, n) -> (B, m)."""
        return rmatvec(self.matrix, x)


@dataclass(frozen=True)
class Sparse:
    """The map of a sparse matrix that the batch shares, as gathers: column j has the ``values[0, j, :]`` at the rows
    ``rows[j, :]``, row i the ``weights[0, i, :]`` at the columns ``columns[i, :]``, filled up with zeros."""

    rows: Array
    values: Array
    columns: Array
    weights: Array

    @classmethod
    def of(cls, D: Array) -> Sparse:
        """The entries of D (1, n, m) that are not zero. ValueError unless its batch axis has length 1."""
        if D.shape[0] != 1:
            raise ValueError(f"Sparse.of: one matrix is shared by the batch, got {D.shape[0]}")
        return cls(*_entries(namespace(D).matrix_transpose(D)), *_entries(D))

    @classmethod
    def of_kernel(cls, kernel: Array, grid: Grid) -> Sparse:
        """The convolutional dictionary of a kernel (1, channels, filters, ...) with few taps; no matrix is made.
        ValueError unless its batch axis has length 1 and it fits into the grid."""
        convolutions.check(kernel, grid)
        if kernel.shape[0] != 1:
            raise ValueError(f"Sparse.of_kernel: one kernel is shared by the batch, got {kernel.shape[0]}")
        return cls(*_taps(kernel, grid, by_filter=True), *_taps(kernel, grid, by_filter=False))

    def synthesis(self, code: Array) -> Array:
        """D code: (B, m) -> (B, n)."""
        return _gather(code, self.columns, self.weights)

    def analysis(self, x: Array) -> Array:
        """D^T x: (B, n) -> (B, m)."""
        return _gather(x, self.rows, self.values)

    @property
    def matrix(self) -> Array:
        """D (1, n, m), by its action on unit vectors."""
        xp = namespace(self.values)
        unit = xp.eye(self.rows.shape[0], dtype=self.values.dtype, device=self.values.device)
        return xp.matrix_transpose(self.synthesis(unit))[None, ...]


@dataclass(frozen=True)
class Convolution:
    """The convolutional dictionary of a kernel (B, channels, filters, ...) on circular signals over ``grid``, by FFT of
    exactly that size. ValueError, when it is used, for a kernel longer than the grid."""

    kernel: Array
    grid: Grid

    @cached_property
    def _frequencies(self) -> Array:
        return convolutions.transform(self.kernel, self.grid)

    def synthesis(self, code: Array) -> Array:
        """D code: (B, filters n) -> (B, channels n)."""
        return self._apply(self._frequencies, code)

    def analysis(self, x: Array) -> Array:
        """D^T x: (B, channels n) -> (B, filters n)."""
        xp = namespace(x)
        return self._apply(xp.conj(xp.matrix_transpose(self._frequencies)), x)

    def _apply(self, matrices: Array, x: Array) -> Array:
        xp = namespace(x)
        axes = tuple(range(2, 2 + len(self.grid)))
        maps = xp.reshape(x, (x.shape[0], matrices.shape[-1], *self.grid))
        at = xp.fft.rfftn(maps, axes=axes)
        half = at.shape[2:]
        columns = xp.matrix_transpose(xp.reshape(at, (*at.shape[:2], -1)))[..., None]
        moved = xp.matrix_transpose(xp.matmul(matrices, columns)[..., 0])
        out = xp.fft.irfftn(xp.reshape(moved, (*moved.shape[:2], *half)), s=self.grid, axes=axes)
        return xp.reshape(out, (out.shape[0], -1))

    @property
    def matrix(self) -> Array:
        """D (B, channels n, filters n), entry by entry."""
        return convolutions.dense(self.kernel, self.grid)


# ------------------------------------------------------------------------------------------- tables of entries


def _gather(x: Array, index: Array, values: Array) -> Array:
    """The sums of ``values[0, i, :]`` times the entries ``index[i, :]`` of x."""
    xp = namespace(x)
    taken = xp.reshape(xp.take(x, xp.reshape(index, (-1,)), axis=1), (x.shape[0], *index.shape))
    return xp.sum(taken * values, axis=-1)


def _entries(M: Array) -> tuple[Array, Array]:
    """The columns (n, r) and values (1, n, r) of the entries of each row of M (1, n, m)."""
    xp = namespace(M)
    absent = xp.astype(M[0, ...] == 0, xp.int64)
    width = max(1, M.shape[2] - int(xp.min(xp.sum(absent, axis=-1))))
    index = xp.astype(xp.argsort(absent, axis=-1, stable=True)[:, :width], xp.int64)
    return index, xp.take_along_axis(M[0, ...], index, axis=-1)[None, ...]


def _taps(kernel: Array, grid: Grid, by_filter: bool) -> tuple[Array, Array]:
    """The entries of the columns of the dictionary (``by_filter``) or of its rows, from the taps of the kernel."""
    import numpy as np

    xp, host = namespace(kernel), to_numpy(kernel)[0]
    own, other = (1, 0) if by_filter else (0, 1)
    groups: list[list[Any]] = [[] for _ in range(host.shape[own])]
    for tap in np.argwhere(host):
        groups[tap[own]].append(tap)
    positions, width = math.prod(grid), max(1, *map(len, groups))
    index = np.zeros((len(groups), positions, width), dtype=np.int64)
    values = np.zeros(index.shape)
    place = np.arange(positions).reshape(grid)
    for group, taps in enumerate(groups):
        for t, tap in enumerate(taps):
            # Filter b at p has its tap q at p + q; what the signal has at p comes from the code at p - q.
            shift = -tap[2:] if by_filter else tap[2:]
            index[group, :, t] = tap[other] * positions + np.roll(place, shift, tuple(range(len(grid)))).ravel()
            values[group, :, t] = host[tuple(tap)]
    rows = len(groups) * positions
    return (
        xp.asarray(index.reshape(rows, width), device=kernel.device),
        xp.asarray(values.reshape(1, rows, width), dtype=kernel.dtype, device=kernel.device),
    )
