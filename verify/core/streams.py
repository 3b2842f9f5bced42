r"""Random numbers that do not depend on the batch, the worker or the device.

Word ``i`` of draw ``c`` of instance ``n`` is word ``i`` of

    numpy.random.Philox(key=[seed, tag], counter=[0, 0, n, c]).random_raw(...)

where ``tag`` is a 64-bit digest of (theorem, point, family). So any one instance can be made again alone, any split
into batches gives the same instances, and integers and uniforms agree bit for bit on every backend; normals agree
to the last bits, because log, cos and sin of different libraries do.
"""

from __future__ import annotations

import hashlib
import math
from typing import Any

from verify.core.arrays import Array, Backend, namespace

_MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)  # Philox4x64 of Salmon et al., "Parallel random numbers", 2011
_WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
_MASK = (1 << 64) - 1
_SHARED = _MASK  # the instance number that stands for "the whole batch"
_HOST_WORDS = 192  # from this many words an instance, NumPy's own generator beats the array form


def tag(*parts: str) -> int:
    """A 64-bit digest of the strings; it keys the streams of a (theorem, point, family)."""
    digest = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8)
    return int.from_bytes(digest.digest(), "little")


def philox_words(instances: Array, seed: int, stream: int, draw: int, n: int) -> Array:
    """The first ``n`` words of each instance: instances (B,) uint64 -> (B, n) uint64, by array operations alone."""
    xp = namespace(instances)
    dev = instances.device

    def const(value: int) -> Array:
        return xp.asarray(value & _MASK, dtype=xp.uint64, device=dev)

    low, half = const(0xFFFFFFFF), const(32)

    def mul(a: Array, m: int) -> tuple[Array, Array]:
        """High and low 64 bits of the 128-bit product ``a m``, from 32-bit halves."""
        bh, bl, ah, al = const(m >> 32), const(m & 0xFFFFFFFF), a >> half, a & low
        ll, lh, hl = al * bl, al * bh, ah * bl
        mid = (ll >> half) + (lh & low) + (hl & low)
        return ah * bh + (lh >> half) + (hl >> half) + (mid >> half), a * const(m)

    blocks = -(-n // 4)
    zero = xp.zeros((instances.shape[0], blocks), dtype=xp.uint64, device=dev)
    # NumPy raises its counter before the first block, so blocks count from 1.
    x0 = zero + xp.astype(xp.arange(1, blocks + 1, device=dev), xp.uint64)[None, :]
    x1, x2, x3 = zero, zero + instances[:, None], zero + const(draw)
    k0, k1 = seed, stream
    for _ in range(10):
        (h0, l0), (h1, l1) = mul(x0, _MULTIPLIERS[0]), mul(x2, _MULTIPLIERS[1])
        x0, x1, x2, x3 = h1 ^ x1 ^ const(k0), l1, h0 ^ x3 ^ const(k1), l0
        k0, k1 = k0 + _WEYL[0], k1 + _WEYL[1]
    words = xp.stack([x0, x1, x2, x3], axis=-1)
    return xp.reshape(words, (instances.shape[0], 4 * blocks))[:, :n]


class Draw:
    """Draws for the instances ``start .. stop-1`` of one stream, on one backend.

    Every method takes the shape of one instance and returns an array with the batch in front. ``draw.shared`` draws
    what the whole stream shares (a matrix, say): its arrays have a batch axis of length 1 and are the same in every
    batch. Methods must be called in the same order for every batch: each call takes the next draw number.
    """

    def __init__(self, backend: Backend, seed: int, stream: int, start: int, stop: int):
        self.backend = backend
        self.xp = backend.xp
        self.size = stop - start
        self._numbers = range(start, stop)
        self._seed = seed & _MASK
        self._stream = stream
        self._calls = 0
        self._shared: Draw | None = None

    @property
    def shared(self) -> Draw:
        """Draws that are the same for every instance of the stream; their batch axis has length 1."""
        if self._shared is None:
            self._shared = Draw(self.backend, self._seed, self._stream, _SHARED, _SHARED + 1)
        return self._shared

    def words(self, n: int) -> Array:
        """(B, n) raw 64-bit words, dtype uint64."""
        call, self._calls = self._calls, self._calls + 1
        xp, dev = self.xp, self.backend.device
        if self.backend.name == "numpy" and n >= _HOST_WORDS:
            return self._host_words(call, n)
        import numpy as np

        numbers = xp.asarray(np.asarray(self._numbers, dtype=np.uint64), device=dev)
        return philox_words(numbers, self._seed, self._stream, call, n)

    def _host_words(self, call: int, n: int) -> Any:
        import numpy as np

        out = np.empty((self.size, n), dtype=np.uint64)
        generator = np.random.Philox(key=np.array([self._seed, self._stream], dtype=np.uint64))
        state = generator.state
        for row, number in enumerate(self._numbers):
            state["state"]["counter"] = np.array([0, 0, number, call], dtype=np.uint64)
            state["buffer_pos"], state["has_uint32"] = 4, 0
            generator.state = state
            out[row] = generator.random_raw(n)
        return out

    def _float64(self, shape: tuple[int, ...]) -> Array:
        xp = self.xp
        words = self.words(math.prod(shape))
        bits = words >> xp.asarray(11, dtype=xp.uint64, device=self.backend.device)
        return xp.reshape(xp.astype(bits, xp.float64) * 2.0**-53, (self.size, *shape))

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Array:
        """Uniforms on [low, high), equal to ``numpy.random.Generator.random`` on [0, 1) in float64; elsewhere a number
        may round to ``high``."""
        u = self._float64(shape)
        return self.xp.astype(low + (high - low) * u, self.backend.float)

    def log_uniform(self, *shape: int, low: float, high: float) -> Array:
        """Numbers whose logarithm is uniform on [log low, log high)."""
        return self.xp.exp(self.uniform(*shape, low=math.log(low), high=math.log(high)))

    def normal(self, *shape: int) -> Array:
        """Standard normals (Box-Muller)."""
        xp = self.xp
        n = math.prod(shape)
        half = -(-n // 2)
        u = self._float64((2 * half,))
        radius = xp.sqrt(-2.0 * xp.log1p(-u[:, :half]))
        angle = 2.0 * math.pi * u[:, half:]
        both = xp.concat([radius * xp.cos(angle), radius * xp.sin(angle)], axis=-1)
        return xp.astype(xp.reshape(both[:, :n], (self.size, *shape)), self.backend.float)

    def integers(self, low: int, high: int, *shape: int) -> Array:
        """Integers low, ..., high - 1 with equal probability (to 2^-53), dtype int64."""
        xp = self.xp
        return low + xp.astype(xp.floor(self._float64(shape) * float(high - low)), xp.int64)

    def whole(self, low: int, high: int, *shape: int) -> Array:
        """The same numbers as :meth:`integers`, low, ..., high - 1, in the floating dtype of the run."""
        return self.xp.astype(self.integers(low, high, *shape), self.backend.float)

    def sign(self, *shape: int) -> Array:
        """-1 or 1, each with probability 1/2."""
        xp = self.xp
        u = self._float64(shape)
        return xp.astype(xp.where(u < 0.5, -xp.ones_like(u), xp.ones_like(u)), self.backend.float)

    def coin(self) -> Array:
        """0 or 1, each with probability 1/2, as a float: (B,). A family aimed at one instance made by hand adds a coin
        times something random to it, so that half of its draws are the instance itself."""
        return self.whole(0, 2)

    def choose(self, values: tuple[float, ...], *shape: int) -> Array:
        """One of the numbers ``values`` with equal probability."""
        xp = self.xp
        table = self.backend.asarray([float(v) for v in values])
        index = self.integers(0, len(values), *shape)
        return xp.reshape(xp.take(table, xp.reshape(index, (-1,))), (self.size, *shape))

    def subset(self, m: int, k: int) -> Array:
        """A uniformly random ordered choice of ``k`` of the numbers 0..m-1: (B, k), dtype int64."""
        return self.xp.astype(self.xp.argsort(self._float64((m,)), axis=-1)[:, :k], self.xp.int64)

    def ranks(self, m: int) -> Array:
        """A uniformly random permutation of 0..m-1 at each instance: (B, m), dtype int64; the places of rank below k
        are a uniformly random subset, for any k, also one that varies with the instance."""
        return self.xp.astype(self.xp.argsort(self.xp.argsort(self._float64((m,)), axis=-1), axis=-1), self.xp.int64)

    def sphere(self, d: int) -> Array:
        """A uniformly random unit vector of R^d: (B, d)."""
        g = self.normal(d)
        return g / self.xp.sqrt(self.xp.sum(g * g, axis=-1, keepdims=True))

    def full(self, value: float, *shape: int) -> Array:
        """A constant array, so that samplers need no namespace of their own."""
        return self.xp.full((self.size, *shape), value, dtype=self.backend.float, device=self.backend.device)
