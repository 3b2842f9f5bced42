r"""Enclosures: a best value between a lower and an upper end that contain the truth.

Where a quantity comes with a certificate (a duality gap, a sandwich, a rounding bound), it is returned as an
:class:`Enclosure`. Formulas evaluate on enclosures by interval arithmetic, rounded outwards by a few units of the
dtype at each operation, so a claim decided on the ends is decided in spite of solver error and rounding. An end that
nobody knows is NaN, which makes every comparison with it false; what may be undefined, the root of what may be
negative, has two of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from operator import mul, truediv
from typing import Any

from verify.core.arrays import Array, eps, is_array, namespace, smallest_normal, some


@dataclass(frozen=True)
class Enclosure:
    """``lower <= truth <= upper`` with ``value`` the best estimate; three arrays of one shape."""

    value: Array
    lower: Array
    upper: Array

    @classmethod
    def exact(cls, x: Array) -> Enclosure:
        """The enclosure of a number known exactly."""
        return cls(x, x, x)

    @classmethod
    def around(cls, value: Array, radius: Array) -> Enclosure:
        """``value`` with an error of at most ``radius``."""
        return cls(value, value - radius, value + radius)

    @property
    def ndim(self) -> int:
        return self.value.ndim

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def is_exact(self) -> bool:
        """Whether value and ends are one array."""
        return self.lower is self.value is self.upper

    @property
    def uncrossed(self) -> Enclosure:
        """The same with NaN for ends that have crossed: they contain nothing, and what is computed from them must not
        decide anything."""
        return self if self.lower is self.upper else self._without_ends(self.lower > self.upper)

    @property
    def defined(self) -> Enclosure:
        """The same with NaN at both ends where one is NaN: what may be undefined has no other end."""
        if self.lower is self.upper:
            return self
        xp = namespace(self.value)
        return self._without_ends(xp.isnan(self.lower) | xp.isnan(self.upper))

    def _without_ends(self, mask: Array) -> Enclosure:
        """The same with NaN for the ends where the mask is true."""
        if not some(mask):
            return self
        xp = namespace(self.value)
        nan = xp.full_like(self.value, xp.nan)
        return Enclosure(self.value, xp.where(mask, nan, self.lower), xp.where(mask, nan, self.upper))

    def each(self, f: Any) -> Enclosure:
        """``f`` of value and ends; ``f`` must keep their order (reshaping, indexing, a monotone function)."""
        of = once(f)
        return Enclosure(of(self.value), of(self.lower), of(self.upper))

    @property
    def _ends(self) -> tuple[Array, ...]:
        """Both ends, or the one array that is both."""
        return (self.lower,) if self.lower is self.upper else (self.lower, self.upper)

    def _outward(self) -> Enclosure:
        unit = 4 * eps(self.value)
        below = unit * abs(self.lower)
        above = below if self.lower is self.upper else unit * abs(self.upper)
        return Enclosure(self.value, self.lower - below, self.upper + above)

    def __neg__(self) -> Enclosure:
        return Enclosure(-self.value, -self.upper, -self.lower)

    def __add__(self, other: Any) -> Enclosure:
        o = enclose(other, self.value)
        value = self.value + o.value
        if self.is_exact and o.is_exact:
            return Enclosure.exact(value)._outward()
        return Enclosure(value, self.lower + o.lower, self.upper + o.upper)._outward()

    __radd__ = __add__

    def __sub__(self, other: Any) -> Enclosure:
        return self + (-enclose(other, self.value))

    def __rsub__(self, other: Any) -> Enclosure:
        return (-self) + other

    def __mul__(self, other: Any) -> Enclosure:
        o = enclose(other, self.value)
        return _combined(mul, self, o, o._ends)._outward()

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Enclosure:
        o = enclose(other, self.value)
        xp = namespace(o.value)
        # A divisor that may be zero has no finite quotient: its reciprocal is the whole line, not a guess.
        crosses = (o.lower <= 0) & (o.upper >= 0)
        if not some(crosses):
            return _combined(truediv, self, o, o._ends[::-1])._outward()
        one = xp.ones_like(o.value)
        safe = Enclosure(*(xp.where(crosses, one, end) for end in (o.value, o.lower, o.upper)))
        quotient = _combined(truediv, self, safe, safe._ends[::-1])
        infinite = xp.full_like(o.value, xp.inf)
        known_zero = crosses & (o.lower == o.upper)
        value = self.value / xp.where(known_zero, one, o.value)
        nan = xp.full_like(o.value, xp.nan)
        return Enclosure(
            xp.where(known_zero, nan, value),
            xp.where(crosses, -infinite, quotient.lower),
            xp.where(crosses, infinite, quotient.upper),
        )._outward()

    def __rtruediv__(self, other: Any) -> Enclosure:
        return enclose(other, self.value) / self

    def __pow__(self, exponent: Any) -> Enclosure:
        """``x**t`` for a base >= 0 (NaN where it may be negative), and the square of any base."""
        if not isinstance(exponent, Enclosure) and not is_array(exponent) and exponent == 2:
            return self.square()
        t = enclose(exponent, self.value)
        xp = namespace(self.value)
        nan = xp.full_like(self.value, xp.nan)

        power = once(lambda base, t: xp.where(base >= 0, base, nan) ** t)
        # t log x is bilinear, so the extreme powers are at corners.
        pairs = [(base, e) for base in self._ends for e in t._ends]
        corners = [c for base, e in pairs for c in around_underflow(power(base, e), base)]
        return Enclosure(power(self.value, t.value), *_range(corners))._outward()

    def square(self) -> Enclosure:
        """The square, with a lower end of 0 when the enclosure contains 0."""
        value = self.value**2
        if self.is_exact:
            return Enclosure(value, *around_underflow(value, self.value, self.value))._outward()
        low, high = _range([c for x in self._ends for c in around_underflow(x**2, x, x)])
        if self.lower is not self.upper:
            xp = namespace(self.value)
            inside = (self.lower < 0) & (self.upper > 0)
            low = xp.where(inside, xp.zeros_like(low), low)
        return Enclosure(value, low, high)._outward()

    def monotone(self, f: Any, decreasing: bool = False) -> Enclosure:
        """``f`` of the enclosure, for a monotone ``f`` computed to a few units of the dtype; NaN at both ends where it
        is NaN at one."""
        out = self.each(f)
        return (Enclosure(out.value, out.upper, out.lower) if decreasing else out)._outward().defined


def _combined(f: Any, one: Enclosure, other: Enclosure, ends: tuple[Array, ...]) -> Enclosure:
    """The product of two enclosures, or their quotient; ``ends`` are those of the other, for a quotient in reverse."""

    def corner(a: Array, b: Array) -> tuple[Array, Array]:
        return around_underflow(f(a, b), a, b)

    value = f(one.value, other.value)
    if one.is_exact and other.is_exact:
        return Enclosure(value, *around_underflow(value, one.value, other.value))
    if len(one._ends) == len(ends) == 2 and not some((one.lower < 0) | (ends[0] < 0) | (ends[1] < 0)):
        return Enclosure(value, corner(one.lower, ends[0])[0], corner(one.upper, ends[1])[1])
    return Enclosure(value, *_range([c for a in one._ends for b in ends for c in corner(a, b)]))


def enclose(x: Any, like: Array) -> Enclosure:
    """``x`` (an enclosure, an array or a number) as an enclosure on the device and of the dtype of the floating array
    ``like``: exact where that dtype holds the number, rounded outwards where it does not."""
    if isinstance(x, Enclosure):
        return x
    xp = namespace(like)
    if not is_array(x):
        number = xp.asarray(float(x), dtype=like.dtype, device=like.device)
        size = abs(float(x))
        short = (math.frexp(size)[0] * 2 / eps(like)).is_integer()
        held = float(x) == x and (size == 0 or (short and size >= smallest_normal(like)))
        return Enclosure.exact(number) if held else _rounded(number, xp.full_like(number, math.copysign(1, x)))
    if x.dtype == like.dtype:
        return Enclosure.exact(x)
    cast = xp.astype(x, like.dtype)
    whole = xp.isdtype(x.dtype, "integral")
    held = abs(x) <= int(2 / eps(like)) if whole else xp.astype(cast, x.dtype) == x
    if not some(~held):
        return Enclosure.exact(cast)
    wide = _rounded(cast, xp.astype(xp.sign(x), like.dtype))
    return Enclosure(cast, xp.where(held, cast, wide.lower), xp.where(held, cast, wide.upper))


def _rounded(x: Array, sign: Array) -> Enclosure:
    """The enclosure of a number of this sign that was rounded to ``x``."""
    return Enclosure(x, *_range(list(around_underflow(x, sign))))._outward()


def around_underflow(x: Array, *factors: Array) -> tuple[Array, Array]:
    """Two numbers between which a truth lies that was computed as ``x``, has the sign of the product of the
    ``factors``, and may be too small for a relative error of a few units; where it is not, and where the sign is 0,
    ``x`` twice."""
    xp = namespace(x)
    smallest = smallest_normal(x)
    lost = abs(x) < smallest
    if not some(lost):
        return x, x
    for factor in factors:
        lost = lost & (factor != 0)  # otherwise it is 0, and nothing is lost
    if not some(lost):
        return x, x
    sign = smallest
    for factor in factors:
        sign = sign * xp.sign(factor)
    return xp.where(lost, xp.zeros_like(x), x), xp.where(lost, x + sign, x)


def _range(corners: list[Array]) -> tuple[Array, Array]:
    """The least and the largest, one array where all are the same array."""
    xp = namespace(*corners)
    low = high = corners[0]
    for c in corners[1:]:
        if c is not low or c is not high:
            low, high = xp.minimum(low, c), xp.maximum(high, c)
    return low, high


def once(f: Any) -> Any:
    """``f``, computed once for the same arrays, which the caller keeps: most ends are the best value itself."""
    known: dict[tuple[int, ...], Any] = {}

    def found(*arrays: Array) -> Any:
        key = tuple(map(id, arrays))
        if key not in known:
            known[key] = f(*arrays)
        return known[key]

    return found
