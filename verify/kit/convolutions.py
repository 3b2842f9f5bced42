r"""Circular convolutions and pooling as linear and Lipschitz maps: their norms, batched.

A kernel k (B, c_out, c_in, s) acts on signals of n positions with c_in channels, one of size s_1 x s_2 on grids of
n_1 x n_2: ``grid`` is (n,) or (n_1, n_2). With stride 1 the convolution is

.. math:: (Wx)_a(p)=\sum_b\sum_qk_{ab}(q)\,x_b(p-q\bmod n).

The Fourier transform over the positions splits it into one c_out x c_in matrix for each frequency (Sedghi, Gupta and
Long 2019), so :math:`\|W\|_2=\max_\omega\|\hat k(\omega)\|_2`, and :math:`\|W\|_F^2=n\|k\|_F^2` with n the number of
positions. Cross-correlation, which deep learning calls convolution, has the kernel mirrored and the same norms.

Signals are vectors (B, c n), channel after channel. A pooling layer acts on each channel, over the full windows that
start at the multiples of its stride.
"""

from __future__ import annotations

import itertools
import math

from verify.core.arrays import Array, namespace

Grid = tuple[int, ...]


def transform(kernel: Array, grid: Grid) -> Array:
    """The matrices of the frequencies, (B, frequencies, c_out, c_in), complex; of two conjugate frequencies of a real
    kernel one is enough. ValueError for a kernel longer than the grid."""
    check(kernel, grid)
    xp = namespace(kernel)
    at = xp.fft.rfftn(kernel, s=grid, axes=tuple(range(3, kernel.ndim)))
    return xp.moveaxis(xp.reshape(at, (*at.shape[:3], -1)), 3, 1)


def operator_norm(kernel: Array, grid: Grid) -> Array:
    """The largest singular value of the convolution: (B,)."""
    xp = namespace(kernel)
    return xp.max(xp.linalg.svdvals(transform(kernel, grid))[..., 0], axis=-1)


def frobenius_norm(kernel: Array, grid: Grid) -> Array:
    """The Frobenius norm of the matrix of the convolution: (B,)."""
    check(kernel, grid)
    return math.prod(grid) ** 0.5 * kernel_norm(kernel)


def kernel_norm(kernel: Array) -> Array:
    """The Frobenius norm of the kernel itself: (B,)."""
    xp = namespace(kernel)
    return xp.sqrt(xp.sum(kernel * kernel, axis=tuple(range(1, kernel.ndim))))


def dense(kernel: Array, grid: Grid) -> Array:
    """The matrix of the convolution: (B, c_out n, c_in n)."""
    check(kernel, grid)
    xp = namespace(kernel)
    for axis, size in enumerate(grid, 3):
        missing = (*kernel.shape[:axis], size - kernel.shape[axis], *kernel.shape[axis + 1 :])
        kernel = xp.concat([kernel, xp.zeros(missing, dtype=kernel.dtype, device=kernel.device)], axis=axis)
    B, outputs, inputs = kernel.shape[:3]
    d, n = len(grid), math.prod(grid)
    shifts = xp.zeros((1,) * (2 * d), dtype=xp.int64, device=kernel.device)
    for axis, size in enumerate(grid):
        at = xp.arange(size, dtype=xp.int64, device=kernel.device)
        both = tuple(size if i in (axis, d + axis) else 1 for i in range(2 * d))
        shifts = shifts * size + xp.reshape((at[:, None] - at[None, :]) % size, both)
    entries = xp.take(xp.reshape(kernel, (B, outputs, inputs, n)), xp.reshape(shifts, (-1,)), axis=3)
    blocks = xp.reshape(entries, (B, outputs, inputs, n, n))
    return xp.reshape(xp.permute_dims(blocks, (0, 1, 3, 2, 4)), (B, outputs * n, inputs * n))


def check(kernel: Array, grid: Grid) -> None:
    """ValueError for a kernel that is longer than the grid, or has another number of axes."""
    sizes = tuple(kernel.shape[3:])
    if len(sizes) != len(grid) or any(s > n for s, n in zip(sizes, grid, strict=True)):
        raise ValueError(f"a kernel of size {sizes} on a grid of size {grid}")


# --------------------------------------------------------------------------------------------------------- pooling


def windows(x: Array, grid: Grid, window: Grid, stride: Grid) -> Array:
    """The entries of the windows: x (B, c n) -> (B, c, number of windows, entries of a window)."""
    xp = namespace(x)
    starts = itertools.product(*(range(0, n - w + 1, t) for n, w, t in zip(grid, window, stride, strict=True)))
    steps = [math.prod(grid[axis + 1 :]) for axis in range(len(grid))]
    index = [
        [
            sum((s + o) * step for s, o, step in zip(start, offset, steps, strict=True))
            for offset in itertools.product(*map(range, window))
        ]
        for start in starts
    ]
    places = xp.asarray(index, device=x.device)
    channels = xp.reshape(x, (x.shape[0], -1, math.prod(grid)))
    taken = xp.take(channels, xp.reshape(places, (-1,)), axis=2)
    return xp.reshape(taken, (*channels.shape[:2], *places.shape))


def max_pool(x: Array, grid: Grid, window: Grid, stride: Grid) -> Array:
    """The largest entry of each window: x (B, c n) -> (B, c times the number of windows)."""
    xp = namespace(x)
    return xp.reshape(xp.max(windows(x, grid, window, stride), axis=-1), (x.shape[0], -1))


def average_pool(x: Array, grid: Grid, window: Grid, stride: Grid) -> Array:
    """The mean of each window: x (B, c n) -> (B, c times the number of windows)."""
    xp = namespace(x)
    return xp.reshape(xp.mean(windows(x, grid, window, stride), axis=-1), (x.shape[0], -1))


def overlap(grid: Grid, window: Grid, stride: Grid) -> int:
    """The largest number of windows that share an entry; 1 where they are disjoint."""
    return math.prod(min(-(-w // t), (n - w) // t + 1) for n, w, t in zip(grid, window, stride, strict=True))


def max_pool_lipschitz(grid: Grid, window: Grid, stride: Grid) -> float:
    r"""The Lipschitz constant :math:`\sqrt r` of max-pooling, r the overlap.

    A window's maximum moves by at most the largest move within it, and r windows share an entry; a single positive
    entry that lies in r windows attains it."""
    return math.sqrt(overlap(grid, window, stride))


def average_pool_lipschitz(grid: Grid, window: Grid, stride: Grid) -> float:
    r"""A Lipschitz constant :math:`\sqrt{r/p}` of average pooling over p entries, the root of the largest row sum times
    the largest column sum of its matrix; the smallest where the windows are disjoint."""
    return math.sqrt(overlap(grid, window, stride) / math.prod(window))
