r"""Convolutional sparse coding with stride 1 on a circle: coherence by FFT, stripes and patches by window sums.

The dictionary is that of :class:`verify.kit.operators.Convolution`: atom (b, p) is filter b of size n, put at the
position p of a grid of N positions. Two atoms overlap when their positions differ by less than n, so the *stripe* of an
atom is the 2n - 1 positions around its own, all filters, and a *patch* of the signal is the n positions an atom covers,
all channels; along an axis of N < 2n - 1 positions everything is in one stripe. In two dimensions the windows are
rectangles. Papyan, Sulam and Elad (2017) measure sparsity and noise by the largest of them,

.. math:: \|\Gamma\|_{0,\infty}^S=\max_p|\mathrm{supp}\,\Gamma\cap\mathrm{stripe}(p)|,\qquad
          \|E\|_{2,\infty}^P=\max_p\|E|_{\mathrm{patch}(p)}\|_2 .

Codes and signals are vectors (B, maps N), one map or channel after another.
"""

from __future__ import annotations

import math

from verify.core.arrays import Array, namespace
from verify.kit import convolutions
from verify.kit.convolutions import Grid


def correlations(kernel: Array, grid: Grid) -> Array:
    """The inner products of all pairs of atoms: kernel (B, channels, filters, ...) -> (B, filters, filters, lags...),
    entry [f, g, t] is that of filter f at 0 with filter g at t, t modulo ``lags``. An axis of size n in N positions has
    min(N, 2n - 1) lags: where n wraps around N, the transform has length N and folds the lags as the circle does.
    """
    convolutions.check(kernel, grid)
    xp = namespace(kernel)
    lags = tuple(min(n, 2 * s - 1) for n, s in zip(grid, kernel.shape[3:], strict=True))
    at = convolutions.transform(kernel, lags)
    products = xp.moveaxis(xp.matmul(xp.matrix_transpose(at), xp.conj(at)), 1, 3)
    half = (*lags[:-1], lags[-1] // 2 + 1)
    axes = tuple(range(3, 3 + len(lags)))
    return xp.fft.irfftn(xp.reshape(products, (*products.shape[:3], *half)), s=lags, axes=axes)


def coherence(kernel: Array, grid: Grid) -> Array:
    """The mutual coherence of the dictionary of unit filters: (B,)."""
    xp = namespace(kernel)
    found = xp.abs(correlations(kernel, grid))
    flat = xp.reshape(found, (*found.shape[:3], -1))
    same = xp.eye(found.shape[1], dtype=found.dtype, device=found.device)
    zero_lag = xp.concat([same[..., None], xp.zeros_like(flat[0, :, :, 1:])], axis=-1)
    return xp.max(xp.reshape(flat * (1 - zero_lag), (found.shape[0], -1)), axis=-1)


def window_sums(x: Array, window: Grid, centred: bool = False) -> Array:
    """The sums over the circular windows p, ..., p + w - 1 along each axis, or around p (w odd) where ``centred``:
    x (B, N_1, ...) -> the same shape; windows longer than the circle are the circle. Sums of numbers >= 0 are exact to
    a few units, and integers stay exact."""
    xp = namespace(x)
    for axis, w in enumerate(window, 1):
        whole = w >= x.shape[axis]
        left, start, block, length = min(w, x.shape[axis]), 0, x, 1
        total = xp.zeros_like(x)
        while left:  # blocks of 1, 2, 4, ... positions
            if left % 2:
                total = total + xp.roll(block, -start, axis=axis)
                start += length
            left //= 2
            block, length = block + xp.roll(block, -length, axis=axis), 2 * length
        x = xp.roll(total, w // 2, axis=axis) if centred and not whole else total
    return x


def stripe_counts(code: Array, grid: Grid, size: Grid) -> Array:
    """The non-zeros in the stripe around each position, filters of ``size``: code (B, filters N) -> (B, N) int64."""
    xp = namespace(code)
    here = _positions(xp.astype(code != 0, xp.int64), grid)
    return _flat(window_sums(here, tuple(2 * n - 1 for n in size), centred=True))


def stripe_sparsity(code: Array, grid: Grid, size: Grid) -> Array:
    """The largest count of a stripe: (B,) int64."""
    return namespace(code).max(stripe_counts(code, grid, size), axis=-1)


def patch_counts(x: Array, grid: Grid, size: Grid) -> Array:
    """The non-zeros in the patch of ``size`` that starts at each position: x (B, channels N) -> (B, N) int64."""
    xp = namespace(x)
    return _flat(window_sums(_positions(xp.astype(x != 0, xp.int64), grid), size))


def patch_norms(x: Array, grid: Grid, size: Grid) -> Array:
    """The Euclidean norm of the patch of ``size`` that starts at each position: x (B, channels N) -> (B, N)."""
    return namespace(x).sqrt(_flat(window_sums(_positions(x * x, grid), size)))


def _positions(x: Array, grid: Grid) -> Array:
    """The sums over the maps: (B, maps N) -> (B, N_1, ...)."""
    xp = namespace(x)
    return xp.reshape(xp.sum(xp.reshape(x, (x.shape[0], -1, math.prod(grid))), axis=1), (x.shape[0], *grid))


def _flat(x: Array) -> Array:
    return namespace(x).reshape(x, (x.shape[0], -1))
