r"""The linear regions of ReLU networks near given points, from the nearest on, with certified distances.

The *region* of a pattern :math:`s\in\{0,1\}^N` is the closed polyhedron of the points at which the affine
pre-activations that belong to the pattern have its signs: :math:`a_i\cdot z+b_i\ge0` where :math:`s_i=1`, and
:math:`\le0` where :math:`s_i=0`. On it the network is the affine map of the pattern, so the read-out of a pattern is
right at every point of its region, also when the region has no interior.

**The walk.** From the pattern at x, flip one neuron at a time, through facets that come nearer to x than a radius.
Every region that meets the ball is found: the segment from x to a point of it passes from region to region. Where it
passes at a point p at which several neurons are 0, all patterns that agree at p with the neurons that are not 0 have p
in their (closed) regions. They are linked by single flips, each through a facet that contains p. A neuron whose form is
identically 0 because everything before it is off is never flipped: it is 0 on all of the region, and where it matters,
behind another flip, it is no longer constant.

**Certified distances.** The distance from x to :math:`\{u:Gu\ge h\}` (in coordinates u = z - x, rows of norm 1) is
found by the dual active-set method of Goldfarb and Idnani, for all regions and facets of a round at once. Only its
multipliers count. For any :math:`y\ge0`,

.. math:: |u|\ \ge\ \frac{h\cdot y-e_h\cdot y}{|G^\top y|+e_G\cdot y},

where :math:`e_G` and :math:`e_h` bound the rounding errors of the rows. They come from *majorants*, the same sums of
products of magnitudes that give the forms. So a region is passed over only for a bound that proves it to be far:
nothing is dropped by a test of feasibility, which could make a margin too large. An empty region has a bound of about
10^13 times its violation; a region beyond ``radius`` need not be told from an empty one.

Source: D. Goldfarb, A. Idnani, "A numerically stable dual method for solving strictly convex quadratic programs", 1983.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from verify.core.arrays import to_numpy
from verify.kit.relu import Network

UNIT = 2.0**-53
DEPENDENT = 1e-12  # a unit row whose part outside the span of the active rows is shorter counts as dependent
FEASIBLE = 1e-13  # violations of unit rows up to this share of 1 + |h| count as none: it moves no certified bound
ROUND = 16  # regions of one point taken up together, where there are
ENOUGH = 256  # in all: fewer cost as much
NUMBERS = 2_000_000  # floats of one array, about, that are worked on together


class HostNetwork:
    """The networks as NumPy arrays in float64, with the affine forms of patterns. Layers are those of the record; the
    read-out, where there is one, is the last."""

    def __init__(self, network: Network) -> None:
        import numpy as np

        self.pairs = [*zip(network.weights, network.biases, strict=True)]
        self.pairs += [network.readout] if network.readout else []
        self.weights = [to_numpy(W).astype(np.float64) for W, _ in self.pairs]
        self.biases = [to_numpy(b).astype(np.float64) for _, b in self.pairs]
        if not all(np.isfinite(a).all() for a in [*self.weights, *self.biases]):
            raise ValueError("a weight or a bias is NaN or infinite")
        self.hidden, self.inputs, self.neurons = len(network.weights), network.inputs, network.neurons
        # A form's rounding error in units of its majorant: k products and a bias have k + 1 roundings. The last terms
        # are for what is done with the forms: differences of two, and sums of at most d + 1 of them.
        self.error = 1.01 * UNIT * (sum(W.shape[-1] + 1 for W in self.weights) + self.inputs + 8)

    @property
    def together(self) -> int:
        """How many regions are worked on together."""
        size = (self.inputs + 1) * self.weights[0].shape[1] + sum(W.shape[1] * W.shape[2] for W in self.weights[1:])
        return max(16, NUMBERS // (size + self.inputs * (4 * self.neurons + 2 * min(self.inputs, self.neurons))))

    def forward(self, net: Any, x: Any) -> tuple[Any, Any]:
        """Pre-activations (n, N) and read-out (n, outputs or 0) of network ``net[i]`` at x[i]: (n,), (n, d)."""
        import numpy as np

        h, found = x, []
        for number, (W, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            z = np.matmul(W[net], h[..., None])[..., 0] + b[net]
            if number < self.hidden:
                found.append(z)
                h = np.maximum(z, 0.0)
        return np.concatenate(found, axis=1), z if len(self.weights) > self.hidden else x[:, :0]

    def forms(self, net: Any, x: Any, pattern: Any) -> tuple[Any, Any]:
        """The affine forms of the hidden neurons and of the outputs where the pattern holds, (n, N + outputs, d + 1),
        in coordinates around x: the last entry is the value at x. Beside them their majorants."""
        import numpy as np

        form = majorant = x[:, :, None]
        found, first = [], 0
        for number, (W, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            if number == 0:
                value, size = (np.matmul(a[net], v[..., None]) for a, v in ((W, x), (np.abs(W), np.abs(x))))
                form, majorant = (np.concatenate(p, axis=-1) for p in ((W[net], value), (np.abs(W)[net], size)))
            else:
                form, majorant = np.matmul(W[net], form), np.matmul(np.abs(W)[net], majorant)
            form[..., -1] += b[net]
            majorant[..., -1] += np.abs(b)[net]
            found.append((form, majorant))
            if number < self.hidden:
                mask = pattern[:, first : first + W.shape[1], None]
                first += W.shape[1]
                form, majorant = form * mask, majorant * mask
        return np.concatenate([f for f, _ in found], axis=1), np.concatenate([m for _, m in found], axis=1)


def _down(d: int) -> float:
    """Takes off what a quotient with a norm of d numbers, or d + 1 in homogeneous coordinates, can gain by rounding."""
    return 1 - (d + 8) * UNIT


@dataclass
class Rows:
    r"""Constraints :math:`g\cdot u\ge h`, unit rows g (..., d), with bounds on the errors of g and h, and ``far``, a
    certified lower bound of the distance at which a row alone can hold. A row that may be zero constrains nothing,
    but it has its ``far``."""

    g: Any
    h: Any
    error_g: Any
    error_h: Any
    far: Any

    @classmethod
    def of(cls, forms: Any, majorants: Any, sign: Any, error: float, at_least: Any = 0.0) -> Rows:
        """The constraints sign (form) >= at_least."""
        import numpy as np

        norm = np.sqrt(np.sum(forms[..., :-1] ** 2, axis=-1))
        error_a = error * np.sqrt(np.sum(majorants[..., :-1] ** 2, axis=-1))
        error_v = error * (majorants[..., -1] + np.abs(at_least))
        missing = np.maximum(at_least - sign * forms[..., -1] - error_v, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            far = np.where(missing > 0, missing / (norm + error_a) * _down(forms.shape[-1]), 0.0)
        counts = norm > error_a
        scale = np.where(counts, 1 / np.where(counts, norm, 1.0), 0.0)
        return cls(
            forms[..., :-1] * (sign * scale)[..., None],
            np.where(counts, (at_least - sign * forms[..., -1]) * scale, -1.0),
            error_a * scale + 8 * UNIT,
            error_v * scale + 8 * UNIT * np.abs(forms[..., -1]) * scale,
            far,
        )

    def take(self, index: Any) -> Rows:
        return Rows(self.g[index], self.h[index], self.error_g[index], self.error_h[index], self.far[index])

    def join(self, more: Rows) -> Rows:
        """These constraints and more, of the same regions."""
        import numpy as np

        return Rows(
            np.concatenate([self.g, more.g], axis=1),
            np.concatenate([self.h, more.h], axis=1),
            np.concatenate([self.error_g, more.error_g], axis=1),
            np.concatenate([self.error_h, more.error_h], axis=1),
            np.concatenate([self.far, more.far], axis=1),
        )


@dataclass
class Projections:
    """n least-distance programs in progress: ``rows`` of the region ``region[i]``, and ``extra[i]`` as one more, which
    has the number M. ``u`` is optimal for the active rows, ``y`` >= 0 are their multipliers."""

    rows: Rows  # (regions, M)
    region: Any  # (n,)
    extra: Rows | None  # (n,)
    u: Any  # (n, d)
    y: Any  # (n, s + 1) with s = min(d, M + 1) slots, and a last one for the row being added
    active: Any  # (n, s + 1) numbers of rows, -1 for none
    normals: Any  # (n, s, d) the active rows
    inverse: Any  # (n, s, d) their pseudo-inverse, transposed
    feasible: Any  # (n,) bool: no row is violated at u, so u is the projection

    @classmethod
    def start(cls, rows: Rows) -> Projections:
        import numpy as np

        n, M, d = rows.g.shape
        s = min(d, M + 1)
        return cls(
            rows, np.arange(n), None, np.zeros((n, d)), np.zeros((n, s + 1)), np.full((n, s + 1), -1),
            np.zeros((n, s, d)), np.zeros((n, s, d)), np.zeros(n, dtype=bool),
        )  # fmt: skip

    def with_row(self, region: Any, extra: Rows) -> Projections:
        """Copies of the finished programs ``region``, each with a row more."""
        return Projections(
            self.rows, region, extra, self.u[region], self.y[region], self.active[region],
            self.normals[region], self.inverse[region], self.feasible[region],
        )  # fmt: skip

    def _row(self, i: Any, number: Any) -> tuple[Any, Any, Any, Any]:
        """g, h and their error bounds of the rows of that number of the programs i; number may have a second axis."""
        import numpy as np

        rows, extra = self.rows, self.extra
        last = rows.h.shape[1]
        if number.ndim == 2:
            i = i[:, None]
        inner = np.minimum(number, last - 1)
        found = [a[self.region[i], inner] for a in (rows.g, rows.h, rows.error_g, rows.error_h)]
        if extra is not None:
            out = number == last
            others = (extra.g[i], extra.h[i], extra.error_g[i], extra.error_h[i])
            found = [np.where(out[..., None] if a.ndim > out.ndim else out, b, a)
                     for a, b in zip(found, others, strict=True)]  # fmt: skip
        return found[0], found[1], found[2], found[3]

    def _most_violated(self, i: Any) -> tuple[Any, Any]:
        import numpy as np

        rows, region, u = self.rows, self.region[i], self.u[i]
        miss = rows.h[region] - np.matmul(rows.g[region], u[..., None])[..., 0]
        miss -= FEASIBLE * (1 + np.abs(rows.h[region]))
        if self.extra is not None:
            h = self.extra.h[i]
            more = h - np.sum(self.extra.g[i] * u, axis=-1) - FEASIBLE * (1 + np.abs(h))
            miss = np.concatenate([miss, more[:, None]], axis=1)
        number = np.argmax(miss, axis=1)
        return number, miss[np.arange(len(i)), number]

    def solve(self, limit: Any) -> Any:
        """Goes on until nothing is violated, or the distance is seen to be ``limit`` (n,) or more. Returns certified
        lower bounds of the distances, (n,)."""
        import numpy as np

        n, s = len(self.u), self.active.shape[1] - 1
        bound = np.zeros(n)
        adding = np.full(n, -1)
        self.feasible[:] = False
        alive = np.arange(n)
        for _ in range(8 * s + 40):  # more steps than are ever seen; stopping early leaves a bound that holds
            fresh = adding[alive] < 0
            if fresh.any():
                i = alive[fresh]
                number, miss = self._most_violated(i)
                done = miss <= 0
                self.feasible[i[done]] = True
                adding[i] = np.where(done, -1, number)
                self.y[i, s] = 0.0
                alive = np.concatenate([alive[~fresh], i[~done]])
            if not alive.size:
                break
            alive = self._step(alive, adding, bound, limit)
        self.active[:, s] = adding
        return np.maximum(bound, self._certified(np.arange(n), self.active, self.y))

    def _step(self, i: Any, adding: Any, bound: Any, limit: Any) -> Any:
        """One step of each program i towards its new row; returns the programs that go on."""
        import numpy as np

        s = self.active.shape[1] - 1
        g, h, _, _ = self._row(i, adding[i])
        N, P, y, u = self.normals[i], self.inverse[i], self.y[i], self.u[i]
        r = np.matmul(P, g[..., None])[..., 0]
        z = g - np.matmul(r[:, None, :], N)[:, 0]
        correction = np.matmul(P, z[..., None])[..., 0]  # projecting twice is enough
        r, z = r + correction, z - np.matmul(correction[:, None, :], N)[:, 0]
        square = np.sum(z * z, axis=-1)
        free = square > DEPENDENT**2
        blocking = r > 1e-14
        quotient = np.where(blocking, y[:, :s] / np.where(blocking, r, 1.0), np.inf)
        j = np.argmin(quotient, axis=1)
        every = np.arange(len(i))
        first = quotient[every, j]
        full = np.where(free, (h - np.sum(g * u, axis=-1)) / np.where(free, square, 1.0), np.inf)
        t = np.maximum(np.minimum(first, full), 0.0)

        ray = np.isinf(t)  # the rows contradict each other
        if ray.any():
            k = i[ray]
            multipliers = np.concatenate([np.maximum(-r[ray], 0.0), np.ones((len(k), 1))], axis=1)
            numbers = np.concatenate([self.active[k, :s], adding[k, None]], axis=1)
            bound[k] = np.maximum(bound[k], self._certified(k, numbers, multipliers))
            t = np.where(ray, 0.0, t)

        self.u[i] = u = u + np.where(free, t, 0.0)[:, None] * z
        y[:, :s] = np.maximum(y[:, :s] - t[:, None] * r, 0.0)
        y[:, s] += t
        self.y[i] = y

        added = (full <= first) & ~ray
        if added.any():
            k, rr, zz = i[added], r[added], z[added]
            slot = np.argmin(self.active[k, :s], axis=1)  # the empty ones have -1
            last = zz / square[added, None]
            inverse = P[added] - rr[:, :, None] * last[:, None, :]
            inverse[np.arange(len(k)), slot] = last
            self.inverse[k] = inverse
            self.normals[k, slot] = g[added]
            self.active[k, slot] = adding[k]
            self.y[k, slot] = y[added, s]
            self.y[k, s] = 0.0
            adding[k] = -1
        dropped = ~added & ~ray
        if dropped.any():
            k, jj = i[dropped], j[dropped]
            own = np.arange(len(k))
            inverse = P[dropped]
            row = inverse[own, jj]
            share = np.matmul(inverse, row[..., None])[..., 0] / np.sum(row * row, axis=-1)[:, None]
            inverse -= share[:, :, None] * row[:, None, :]
            inverse[own, jj] = 0.0
            self.inverse[k] = inverse
            self.normals[k, jj] = 0.0
            self.active[k, jj] = -1
            self.y[k, jj] = 0.0
        beyond = added & (np.sqrt(np.sum(u * u, axis=-1)) > limit[i] * (1 + 1e-12))
        return i[~ray & ~beyond]

    def _certified(self, i: Any, numbers: Any, y: Any) -> Any:
        """The bound of the docstring at multipliers y of the rows of these numbers, both (n, s + 1)."""
        import numpy as np

        g, h, error_g, error_h = self._row(i, np.maximum(numbers, 0))
        y = np.where(numbers >= 0, y, 0.0)
        above = np.sum(y * h, axis=1) - np.sum(y * error_h, axis=1)
        below = np.sqrt(np.sum(np.sum(y[..., None] * g, axis=1) ** 2, axis=-1)) + np.sum(y * error_g, axis=1)
        some = (above > 0) & (below > 0)
        return np.where(some, above / np.where(some, below, 1.0) * _down(g.shape[-1]), 0.0)


@dataclass
class Regions:
    """Regions taken up together: ``pattern[i]`` near the point ``owner[i]``, with a certified bound ``key[i]`` of the
    distance. ``forms`` and ``majorants`` (n, N + outputs, d + 1) are in coordinates around the point; the program of
    the projection onto the region is ``programs`` number ``place[i]``."""

    owner: Any
    pattern: Any
    key: Any
    forms: Any
    majorants: Any
    place: Any
    programs: Projections

    def parts(self, index: Any, extra: Rows, limit: Any) -> tuple[Any, Any, Any]:
        """Projects onto the parts of the regions ``index`` (n,) where a row more holds: certified bounds of the
        distances (n,), whether the projection was found, and its coordinates (n, d) around the point."""
        import numpy as np

        _, M, d = self.programs.rows.g.shape
        bound, found, u = np.zeros(len(index)), np.zeros(len(index), dtype=bool), np.zeros((len(index), d))
        size = max(16, NUMBERS // (d * (M + 3 * self.programs.active.shape[1])))
        for start in range(0, len(index), size):
            part = slice(start, start + size)
            program = self.programs.with_row(self.place[index[part]], extra.take(part))
            bound[part] = np.maximum(program.solve(limit[part]), extra.far[part])
            found[part], u[part] = program.feasible, program.u
        return bound, found, u

    def take(self, kept: Any) -> Regions:
        return Regions(
            self.owner[kept], self.pattern[kept], self.key[kept], self.forms[kept], self.majorants[kept],
            self.place[kept], self.programs,
        )  # fmt: skip


class Walk:
    """The walks from the points x (n, d) in the networks net (n,), out to ``radius`` (n,), which may be lowered between
    the rounds.

    ``passed`` (n,) is the least certified bound of what was passed over, ``visited`` (n,) the number of regions taken
    up, ``stopped`` (n,) whether the walk reached ``budget`` regions: then ``passed`` covers what was left open.
    ``domain`` = (A, c) keeps to the points with A z <= c.
    """

    def __init__(
        self, network: HostNetwork, net: Any, x: Any, radius: Any, budget: int, domain: tuple[Any, Any] | None = None
    ):
        import numpy as np

        self.network, self.net, self.x, self.radius, self.budget = network, net, x, radius, budget
        n = len(x)
        self.passed = np.full(n, np.inf)
        self.visited = np.zeros(n, dtype=np.int64)
        self.stopped = np.zeros(n, dtype=bool)
        self.walls = _walls(x, domain, network.error) if domain else None
        self.owner, self.pattern, self.order = np.arange(n), network.forward(net, x)[0] > 0, np.zeros(n)
        self.seen = set(_names(self.owner, self.pattern))

    def rounds(self) -> Iterator[Regions]:
        """The regions, some of every point at a time, the nearest first."""
        import numpy as np

        while self.owner.size:
            order = np.lexsort((self.order, self.owner))
            starts = np.flatnonzero(np.diff(self.owner[order], prepend=-1))
            rank = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
            most = max(1, min(max(ROUND, ENOUGH // len(starts)), self.network.together // len(starts)))
            chosen = rank < most
            now, later = order[chosen], order[~chosen]
            owner, pattern = self.owner[now], self.pattern[now]
            self.owner, self.pattern, self.order = self.owner[later], self.pattern[later], self.order[later]
            found = self._open(owner, pattern)
            near = (found.key < self.radius[owner]) & ~self.stopped[owner]
            self.close(owner[~near], found.key[~near])
            np.add.at(self.visited, owner, ~self.stopped[owner])
            self.stopped |= self.visited >= self.budget
            if near.any():
                found = found.take(near)
                yield found
                self._neighbours(found)

    def close(self, owner: Any, bound: Any) -> None:
        """Notes that something of the points ``owner`` was passed over that is at least ``bound`` away."""
        import numpy as np

        np.minimum.at(self.passed, owner, bound)

    def _open(self, owner: Any, pattern: Any) -> Regions:
        """The regions of the patterns, projected onto."""
        import numpy as np

        network = self.network
        forms, majorants = network.forms(self.net[owner], self.x[owner], pattern)
        hidden = slice(0, network.neurons)
        rows = Rows.of(forms[:, hidden], majorants[:, hidden], np.where(pattern, 1.0, -1.0), network.error)
        if self.walls is not None:
            rows = rows.join(self.walls.take(owner))
        programs = Projections.start(rows)
        key = np.maximum(programs.solve(self.radius[owner]), np.max(rows.far, axis=1))
        return Regions(owner, pattern, key, forms, majorants, np.arange(len(owner)), programs)

    def _neighbours(self, found: Regions) -> None:
        """Adds the regions behind the facets that come nearer than the radius."""
        import numpy as np

        n = self.network.neurons
        majorants = found.majorants[:, :n]
        other = Rows.of(found.forms[:, :n], majorants, np.where(found.pattern, -1.0, 1.0), self.network.error)
        near = other.far < self.radius[found.owner, None]
        moves = np.any(majorants[..., :-1] > 0, axis=-1)
        region, neuron = np.nonzero(moves & ~near)
        self.close(found.owner[region], other.far[region, neuron])
        region, neuron = np.nonzero(moves & near)
        owner, pattern = found.owner[region], found.pattern[region]
        pattern[np.arange(len(region)), neuron] ^= True
        new = np.asarray([name not in self.seen for name in _names(owner, pattern)], dtype=bool)
        region, neuron, owner, pattern = region[new], neuron[new], owner[new], pattern[new]
        distance, _, _ = found.parts(region, other.take((region, neuron)), self.radius[owner])
        near = distance < self.radius[owner]
        self.close(owner[~near], distance[~near])
        owner, pattern, distance = owner[near], pattern[near], distance[near]
        first = []
        for number, name in enumerate(_names(owner, pattern)):
            if name not in self.seen:
                self.seen.add(name)
                first.append(number)
        self.owner = np.concatenate([self.owner, owner[first]])
        self.pattern = np.concatenate([self.pattern, pattern[first]])
        self.order = np.concatenate([self.order, distance[first]])


def _names(owner: Any, pattern: Any) -> list[bytes]:
    """A name for each pair of a point and a pattern."""
    import numpy as np

    words = np.concatenate([owner.astype(np.uint32)[:, None].view(np.uint8), np.packbits(pattern, axis=1)], axis=1)
    return np.ascontiguousarray(words).view(f"V{words.shape[1]}")[:, 0].tolist()


def _walls(x: Any, domain: tuple[Any, Any], error: float) -> Rows:
    """The rows of A z <= c in coordinates around each point."""
    import numpy as np

    A, c = domain
    forms = np.zeros((len(x), len(c), x.shape[1] + 1))
    sizes = np.zeros_like(forms)
    forms[..., :-1], sizes[..., :-1] = -A, np.abs(A)
    forms[..., -1], sizes[..., -1] = c - x @ A.T, np.abs(c) + np.abs(x) @ np.abs(A).T
    return Rows.of(forms, sizes, np.ones(forms.shape[:2]), error)
