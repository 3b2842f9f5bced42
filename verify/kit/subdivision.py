r"""Exact numbers of regions of many ReLU networks at once: the whole polyhedral complex, split neuron by neuron.

A domain (a cube, or the whole space as a fan of :math:`n_0+1` cones) is a complex of faces of all dimensions
:math:`k\le d=n_0`, each with the list of its facets. The hyperplane of one neuron splits every face that has vertices
on both sides into a positive part, a negative part and the *cut* between them, a face one dimension lower whose facets
are the cuts of its facets. All networks of a batch, all cells and all faces are split together by array operations, in
any dimension and on any backend; neighbours share their faces.

**Exact signs.** All of it is combinatorics but for the sign of a neuron at a vertex. A face of dimension k carries the
exterior product of d - k affine forms that vanish on it, so the homogeneous coordinates of a vertex are the minors of
d forms, and a sign is that of a determinant of d + 1 forms. Beside every number x stands a *majorant* m, the same sum
of products of magnitudes, and :math:`|\tilde x-x|\le c\,u\,m` with c counted from the number of operations. A sign is
taken from floats where :math:`|\tilde x|>c\,u\,m`, or where the weights are integers and :math:`m<2^{53}`, so that no
operation was rounded. Every other sign is found in integers of any size, from the way in which the vertex was made. So
the counts are exact for the network given, degenerate ones included: a vertex may lie on a hyperplane, and then the cut
goes through it.

**The last layer in the plane** need not be split, only counted: a polygon that m lines cross, no three of them in one
point and no two on its boundary, falls into 1 + m parts and one more for every two lines that meet in it, which is
when each separates the ends of the other's chord. Networks for which floats cannot certify all of this are split.

**Counting.** A neuron that is 0 on a cell is inactive there and cuts nothing. In a cube every cell is an activation
region. In the fan a region may be cut into several pieces by the walls between the cones, so patterns are counted.

The method keeps vertices and edges with signs as edge subdivision does (Berzins 2023), and adds the faces between,
which make it independent of general position, and the certificates of the signs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import combinations, product
from math import gcd, lcm
from typing import Any

from verify.core.arrays import Array, namespace, put, to_numpy
from verify.kit.region_bounds import zaslavsky
from verify.kit.relu import Form, IntegerNetwork, Network, integer_network

Box = tuple[float | Fraction, float | Fraction]  # the cube [low, high]^n_0
UNIT = 2.0**-53
EXACT = 2.0**53  # below it sums and products of integers are not rounded
CELLS = 30_000  # about so many cells are split together: more leave the cache
TRIPLES = 2_000_000  # most triples of lines for which the last layer is counted without a split
POSITIVE, NEGATIVE, CROSSED = 1, 2, 3  # on which sides of a hyperplane a face has vertices; 0 for neither


def count_regions(network: Network, box: Box | None = None) -> Array:
    """The numbers of activation regions of each network, (B,) int64: of patterns whose points have an interior, in the
    cube ``box = (low, high)`` of every coordinate (numbers of float64 or rationals whose numerators and denominators
    are), or in the whole space. ValueError for an empty box or weights that are not finite."""
    return _in_parts(network, lambda part: _count(part, box))


def _count(network: Network, box: Box | None) -> Array:
    if box is None or network.inputs != 2:
        return subdivide(network, box).activation_regions()
    found = Subdivision(network, box)
    for _ in network.weights[1:]:
        found.enter()
        found.split()
    found.enter()
    counts, sure = found.planar_counts()
    xp = namespace(counts)
    (rest,) = xp.nonzero(~sure)
    if not rest.shape[0]:
        return counts
    taken = Network(*(tuple(xp.take(a, rest, axis=0) for a in part) for part in (network.weights, network.biases)))
    return put(counts, rest, subdivide(taken, box).activation_regions())


def count_linear_regions(network: Network, box: Box | None = None) -> Array:
    """The numbers of linear regions of each network, (B,) int64: the largest connected open sets on which the outputs
    are affine, that is unions of activation regions that share facets and the affine map of the read-out.

    ValueError for a network without a read-out, and as in :func:`count_regions`."""
    return _in_parts(network, lambda part: subdivide(part, box).linear_regions())


def _in_parts(network: Network, count: Any) -> Array:
    """The counts of a batch, so many networks at a time as fit."""
    xp = namespace(network.weights[0])
    size = max(1, CELLS // zaslavsky(network.neurons, network.inputs))
    parts = [count(_slice(network, i, min(i + size, len(network)))) for i in range(0, len(network), size)]
    return parts[0] if len(parts) == 1 else xp.concat(parts)


def _slice(network: Network, start: int, stop: int) -> Network:
    pair = network.readout
    return Network(
        tuple(W[start:stop, ...] for W in network.weights),
        tuple(b[start:stop, ...] for b in network.biases),
        (pair[0][start:stop, ...], pair[1][start:stop, ...]) if pair else None,
    )


# ------------------------------------------------------------------------------------------- exterior products
#
# A number and its majorant stand side by side: arrays (R, 2, C), the numbers first.


@cache
def _products(size: int, grade: int) -> list[list[tuple[int, int, bool]]]:
    """The exterior product of a vector of grade ``grade`` and a form, both in ``size`` dimensions: for each component
    (a set of grade + 1 indices, in the order of ``combinations``) its grade + 1 terms, as a component of the one, an
    index of the other and whether the term is subtracted."""
    place = {s: i for i, s in enumerate(combinations(range(size), grade))}
    return [
        [(place[s[:t] + s[t + 1 :]], index, (grade - t) % 2 == 1) for t, index in enumerate(s)]
        for s in combinations(range(size), grade + 1)
    ]


def _wedge(vectors: Array, forms: Array, grade: int) -> Array:
    """(R, 2, C(d + 1, grade)) and (R, 2, d + 1) -> (R, 2, C(d + 1, grade + 1))."""
    xp = namespace(vectors)
    minus = xp.asarray([-1.0, 1.0], dtype=xp.float64, device=vectors.device)  # majorants are never subtracted
    found = []
    for terms in _products(forms.shape[-1], grade):
        total = None
        for left, right, subtracted in terms:
            term = vectors[:, :, left] * forms[:, :, right]
            term = term * minus if subtracted else term
            total = term if total is None else total + term
        found.append(total)
    return xp.stack(found, axis=-1)


def _values(forms: Array, points: Array) -> Array:
    """Forms at points: (R, d + 1, ...) and (R, d + 1) -> (R, ...)."""
    total = None
    for j in range(points.shape[-1]):
        column = points[:, j, None] if forms.ndim == 3 else points[:, j]
        term = forms[:, j, ...] * column
        total = term if total is None else total + term
    return total


def _point(vectors: Array) -> Array:
    """The points v (R, 2, d + 1) for which h . v is the exterior product of ``vectors``, of grade d, and h."""
    xp, d = namespace(vectors), vectors.shape[-1] - 1
    signs = [[(-1.0) ** (d - t) for t in range(d + 1)], [1.0] * (d + 1)]
    # The set without index t is number d - t in the order of combinations.
    return xp.flip(vectors, axis=-1) * xp.asarray(signs, dtype=xp.float64, device=vectors.device)


def _annihilator(points: Sequence[Form], d: int) -> list[int]:
    """The exterior product of d - k forms that vanish on k + 1 independent points, by its components."""
    minors: dict[tuple[int, ...], int] = {(): 1}
    for grade, point in enumerate(points):
        minors = {
            s: sum((-1) ** (grade - t) * minors[s[:t] + s[t + 1 :]] * point[i] for t, i in enumerate(s))
            for s in combinations(range(d + 1), grade + 1)
        }
    found = []
    for s in combinations(range(d + 1), d + 1 - len(points)):
        rest = tuple(i for i in range(d + 1) if i not in s)
        found.append((-1) ** sum(i > j for i in rest for j in s) * minors[rest])
    return found


# ------------------------------------------------------------------------------------------- the domain


@dataclass(frozen=True)
class _Domain:
    """The complex to start from, in integers. ``faces[k]`` lists the faces of dimension k; of each
    ``span``: k + 1 independent vertices; ``facets``: numbers in ``faces[k - 1]`` (of an edge, its vertices);
    ``root``: a form of ``positive`` that is positive on it."""

    vertices: list[Form]
    faces: list[list[_Face]]
    positive: list[Form]


@dataclass(frozen=True)
class _Face:
    span: list[int]
    facets: list[int]
    root: int


def _cube(d: int, box: Box) -> _Domain:
    low, high = (Fraction(v) for v in box)
    if not low < high:
        raise ValueError(f"the box [{box[0]}, {box[1]}] is empty: its ends must increase")
    scale = lcm(low.denominator, high.denominator)
    ends = (int(low * scale), int(high * scale))
    kinds: list[list[tuple[int, ...]]] = [[] for _ in range(d + 1)]  # 0, 1: fixed at an end; 2: free
    for kind in product((0, 1, 2), repeat=d):
        kinds[kind.count(2)].append(kind)

    def face(k: int, kind: tuple[int, ...]) -> _Face:
        free = [i for i, t in enumerate(kind) if t == 2]
        # The corner with all free coordinates low, and those with one of them high.
        corners = [tuple(int(t == 1 or i == up) for i, t in enumerate(kind)) for up in (-1, *free)]
        facets = [(*kind[:i], end, *kind[i + 1 :]) for i in free for end in (0, 1)]
        return _Face([kinds[0].index(c) for c in corners], [kinds[k - 1].index(f) for f in facets], 0)

    faces = [[face(k, kind) for kind in level] for k, level in enumerate(kinds)]
    return _Domain([(*(ends[t] for t in kind), scale) for kind in kinds[0]], faces, [(0,) * d + (1,)])


def _fan(d: int) -> _Domain:
    """The origin (vertex 0) and the directions e_1, ..., e_d and -(1, ..., 1); a cone leaves out one direction."""
    directions = [(*(int(i == j) for j in range(d)), 0) for i in range(d)] + [(*(-1,) * d, 0)]
    sets = [[s for s in combinations(range(d + 2), k + 1) if sum(v > 0 for v in s) <= d] for k in range(d + 1)]

    def face(k: int, s: tuple[int, ...]) -> _Face:
        facets = [sets[k - 1].index(s[:t] + s[t + 1 :]) for t in range(k + 1)] if k else []
        return _Face(list(s), facets, next(i for i in range(d + 1) if i + 1 not in s))

    # Root i leaves out direction i: its form is 1 on the origin and on the other directions.
    positive = [(*(-d if j == i else 1 for j in range(d)), 1) for i in range(d)] + [(1,) * (d + 1)]
    faces = [[face(k, s) for s in level] for k, level in enumerate(sets)]
    return _Domain([(0,) * d + (1,), *directions], faces, positive)


# ------------------------------------------------------------------------------------------- the complex


class _Rows:
    """An array that grows at the end; its room is doubled when it is full."""

    def __init__(self, start: Array):
        self._room, self.size = start, start.shape[0]

    @property
    def all(self) -> Array:
        return self._room[: self.size, ...]

    def append(self, rows: Array) -> None:
        end = self.size + rows.shape[0]
        if end > self._room.shape[0]:
            xp, shape = namespace(rows), (2 * end, *self._room.shape[1:])
            room = xp.zeros(shape, dtype=self._room.dtype, device=self._room.device)
            room[: self.size, ...] = self.all
            self._room = room
        self._room[self.size : end, ...] = rows
        self.size = end

    def put(self, index: Array, rows: Array) -> None:
        self._room[: self.size, ...] = put(self.all, index, rows)

    def set_column(self, column: int, values: Array) -> None:
        self._room[: self.size, column] = values


@dataclass
class _Faces:
    """All faces of one dimension k >= 1. ``vectors`` (R, 2, C): forms that vanish on each, multiplied; ``about``
    (R, 2): parent and root. Facets: ``ends`` (R, 2) of edges; of others the pairs (``face[i]``, ``facet[i]``)."""

    vectors: _Rows
    about: _Rows
    ends: _Rows
    face: _Rows
    facet: _Rows

    def pairs(self) -> tuple[Array, Array]:
        """The faces and their facets, pair by pair."""
        if not self.ends.size:
            return self.face.all, self.facet.all
        xp, ends = namespace(self.ends.all), self.ends.all
        rows = xp.arange(ends.shape[0], device=ends.device)
        return xp.concat([rows, rows]), xp.concat([ends[:, 0], ends[:, 1]])


@dataclass(frozen=True)
class _Layer:
    """What a layer sees. Its parents are the P cells of the layers before it, sorted by ``network`` (P,); ``before``
    (P,) are their own parents one layer earlier and ``active`` (P, m) the pattern of that layer; ``forms`` and
    ``majorants`` (P, d + 1, n) are those of the pre-activations, wrong by ``error`` times u times the majorants."""

    network: Array
    before: Array
    active: Array
    forms: Array
    majorants: Array
    error: float

    def of(self, parent: Array, neuron: Array | int) -> Array:
        """The form of a neuron in the cells of a parent, with its majorant: (R, 2, d + 1)."""
        xp, (_, size, neurons) = namespace(self.forms), self.forms.shape
        steps = neurons * xp.arange(size, device=self.forms.device)
        place = xp.reshape((parent * (size * neurons) + neuron)[:, None] + steps, (-1,))
        sides = [xp.reshape(xp.take(xp.reshape(a, (-1,)), place), (-1, size)) for a in (self.forms, self.majorants)]
        return xp.stack(sides, axis=1)


class Subdivision:
    """The complex of all regions of a batch of networks in a domain; see :func:`subdivide`."""

    def __init__(self, network: Network, box: Box | None):
        self.network, self.d = network, network.inputs
        W = network.weights[0]
        self.xp, self.device = namespace(W), W.device
        xp, d, count = self.xp, self.d, len(network)
        self.domain = _fan(d) if box is None else _cube(d, box)
        pairs = [*zip(network.weights, network.biases, strict=True), *([network.readout] if network.readout else [])]
        self._pairs = [tuple(xp.astype(a, xp.float64) for a in pair) for pair in pairs]
        whole = xp.ones((count,), dtype=xp.bool, device=self.device)
        for a in (a for pair in self._pairs for a in pair):
            rows = xp.reshape(a, (count, -1))
            if not bool(xp.all(xp.isfinite(rows))):
                raise ValueError("a weight or a bias is NaN or infinite")
            whole = whole & xp.all(rows == xp.round(rows), axis=-1)
        self._whole = whole
        self._positive = xp.asarray(self.domain.positive, dtype=xp.float64, device=self.device)
        self._layers: list[_Layer] = []
        self._exact: dict[int, _Exact] = {}
        self._begin(count)

    def _ints(self, values: Any) -> Array:
        return self.xp.asarray(values, dtype=self.xp.int64, device=self.device)

    def _begin(self, count: int) -> None:
        """A copy of the domain for each network; the parent of its faces is the network's number."""
        xp, d, domain = self.xp, self.d, self.domain

        def copies(values: Any, step: int = 0) -> Array:
            """``values`` (R, ...) once for each network, numbers of faces moved on by ``step``."""
            rows = self._ints(values)
            shift = xp.reshape(step * xp.arange(count, device=self.device), (count, *(1,) * rows.ndim))
            return xp.reshape(rows[None, ...] + shift, (-1, *rows.shape[1:]))

        def floats(rows: Sequence[Sequence[int]]) -> Array:
            """The same of integers of any size, rounded; the guard has room for it."""
            try:
                once = xp.asarray([[float(v) for v in row] for row in rows], dtype=xp.float64, device=self.device)
            except OverflowError:
                raise ValueError("the ends of the box have too many digits: take numbers with fewer") from None
            return xp.reshape(xp.broadcast_to(once, (count, *once.shape)), (-1, once.shape[-1]))

        points = floats(domain.vertices)
        self._points = _Rows(xp.stack([points, xp.abs(points)], axis=1))
        self._parent = _Rows(copies([0] * len(domain.vertices), 1))
        made = [[0, 0, -1, v, 0] for v in range(len(domain.vertices))]
        self._made = _Rows(copies(made))  # ends of the edge, layer (-1: by the domain), parent, neuron
        self._faces: list[_Faces] = []
        for k, level in enumerate(domain.faces):
            if not k:
                continue
            vectors = [_annihilator([domain.vertices[v] for v in face.span], d) for face in level]
            numbers = floats(vectors)
            about = copies([[0, face.root] for face in level])
            about[:, 0] = copies([0] * len(level), 1)
            below = len(domain.faces[k - 1])
            ends = copies([face.facets for face in level], below) if k == 1 else self._ints([])
            pairs = [] if k == 1 else [(i, g) for i, face in enumerate(level) for g in face.facets]
            owners, facets = (
                copies([pair[side] for pair in pairs], step) for side, step in ((0, len(level)), (1, below))
            )
            rows = (xp.stack([numbers, xp.abs(numbers)], axis=1), about, ends, owners, facets)
            self._faces.append(_Faces(*map(_Rows, rows)))
        self._signs = self._bits = _Rows(xp.zeros((0, 0), dtype=xp.int8, device=self.device))

    # ---------------------------------------------------------------------------------------- layers

    def enter(self) -> None:
        """Makes the cells of the layers so far the parents of the next one, or of the read-out."""
        xp, d, number = self.xp, self.d, len(self._layers)
        W, b = self._pairs[number]
        cells = self._faces[-1].about.all[:, 0]
        if number:
            last = self._layers[-1]
            of = xp.take(last.network, cells)
            order = xp.argsort(of, stable=True)
            network, before = xp.take(of, order), xp.take(cells, order)
            active = xp.take(self._bits.all, order, axis=0)
            place = xp.argsort(order, stable=True)
            error = last.error + W.shape[-1] + 2
            on = xp.astype(active, xp.float64)[:, None, :]
            forms = self._compose(xp.take(last.forms, before, axis=0) * on, network, W)
            majorants = self._compose(xp.take(last.majorants, before, axis=0) * on, network, xp.abs(W))
        else:
            network = before = xp.arange(len(self.network), device=self.device)
            place = xp.take(network, cells)
            active = xp.zeros((len(self.network), 0), dtype=xp.bool, device=self.device)
            forms, error = xp.concat([xp.matrix_transpose(W), xp.zeros_like(b[:, None, :])], axis=1), 0.0
            majorants = xp.abs(forms)
        bias = xp.take(b, network, axis=0)
        forms[:, d, :] = forms[:, d, :] + bias
        majorants[:, d, :] = majorants[:, d, :] + xp.abs(bias)
        self._layers.append(_Layer(network, before, active, forms, majorants, error))
        # Every face takes a cell that contains it for its parent.
        parent = place
        for k in range(d, 0, -1):
            self._faces[k - 1].about.set_column(0, parent)
            face, facet = self._faces[k - 1].pairs()
            size = self._faces[k - 2].about.size if k > 1 else self._points.size
            parent = put(xp.zeros((size,), dtype=xp.int64, device=self.device), facet, xp.take(parent, face))
        self._parent = _Rows(parent)

    def _compose(self, forms: Array, network: Array, W: Array) -> Array:
        """W times the forms (P, d + 1, m) of the layer before, each by the weights of its own network: one batched
        product over networks, whose rows are filled up to the longest."""
        xp, (count, size, _) = self.xp, forms.shape
        across = xp.matrix_transpose(W)
        if len(self.network) == 1:
            return xp.reshape(xp.matmul(xp.reshape(forms, (count * size, -1)), across[0, ...]), (count, size, -1))
        numbers = xp.arange(len(self.network), device=self.device)
        start = xp.searchsorted(network, numbers)
        longest = int(xp.max(xp.searchsorted(network, numbers, side="right") - start))
        rows = xp.minimum(start[:, None] + xp.arange(longest, device=self.device), self._ints(count - 1))
        padded = xp.take(forms, xp.reshape(rows, (-1,)), axis=0)
        found = xp.matmul(xp.reshape(padded, (len(self.network), longest * size, -1)), across)
        place = network * longest + xp.arange(count, device=self.device) - xp.take(start, network)
        return xp.take(xp.reshape(found, (-1, size, W.shape[-2])), place, axis=0)

    def split(self) -> None:
        """Splits the complex by all neurons of the layer that was entered last."""
        xp, layer = self.xp, self._layers[-1]
        self._prepare()
        neurons = layer.forms.shape[-1]
        self._signs = _Rows(self._signs_at(0, self._points.size, 0))
        self._bits = _Rows(xp.zeros((self._faces[-1].about.size, neurons), dtype=xp.bool, device=self.device))
        for neuron in range(neurons):
            self._split_by(neuron)

    # ---------------------------------------------------------------------------------------- signs

    def _prepare(self) -> None:
        """What the signs of the entered layer need."""
        layer = self._layers[-1]
        self._largest = layer.majorants[:, 0, :]
        for j in range(1, self.d + 1):
            self._largest = self.xp.maximum(self._largest, layer.majorants[:, j, :])
        # d + 1 forms and the rounding of their product, with room for the rounding of the bound.
        self._guard = 1.25 * UNIT * ((self.d + 1) * (layer.error + self.d + 4))

    def _signs_at(self, start: int, stop: int, first: int) -> Array:
        """The signs of the neurons from ``first`` on at the vertices start .. stop - 1: int8 (V, n - first)."""
        xp, layer = self.xp, self._layers[-1]
        size = max(1, 2**22 // layer.forms.shape[-1])
        parts = [self._signs_of(i, min(i + size, stop), first) for i in range(start, stop, size)]
        return (
            xp.concat(parts)
            if parts
            else xp.zeros((0, layer.forms.shape[-1] - first), dtype=xp.int8, device=self.device)
        )

    def _signs_of(self, start: int, stop: int, first: int) -> Array:
        xp, layer = self.xp, self._layers[-1]
        parent, points = self._parent.all[start:stop], self._points.all[start:stop, ...]
        # Rows are taken before columns are cut: of what is not contiguous the whole would be copied first.
        forms = xp.take(layer.forms, parent, axis=0)[:, :, first:]
        value = _values(forms, points[:, 0, :])
        largest = xp.take(self._largest, parent, axis=0)[:, first:] * xp.sum(points[:, 1, :], axis=-1)[:, None]
        unrounded = xp.take(xp.take(self._whole, layer.network), parent)[:, None] & (largest < EXACT)
        sure = (xp.abs(value) > self._guard * largest) | unrounded
        found = xp.astype(xp.sign(value), xp.int8)
        if not bool(xp.all(sure)):
            found = self._resolve(found, sure, start, first)
        return found

    def _resolve(self, found: Array, sure: Array, start: int, first: int) -> Array:
        """The signs that the bound by the largest coefficients leaves open: by the full majorant, then in integers."""
        import numpy as np

        xp, layer = self.xp, self._layers[-1]
        row, column = xp.nonzero(~sure)
        vertex, neuron = row + start, column + first
        parent, points = xp.take(self._parent.all, vertex), xp.take(self._points.all, vertex, axis=0)
        value, majorant = (xp.sum((layer.of(parent, neuron) * points)[:, side, :], axis=-1) for side in (0, 1))
        unrounded = xp.take(xp.take(self._whole, layer.network), parent) & (majorant < EXACT)
        sure = (xp.abs(value) > self._guard * majorant) | unrounded
        signs = np.array(to_numpy(xp.sign(value)))
        for i in np.flatnonzero(to_numpy(~sure)):
            signs[i] = self._exactly(int(parent[int(i)])).sign(
                int(vertex[int(i)]), int(parent[int(i)]), int(neuron[int(i)])
            )
        flat = xp.asarray(signs.astype(np.int8), device=self.device)
        return xp.reshape(put(xp.reshape(found, (-1,)), row * found.shape[1] + column, flat), found.shape)

    def _exactly(self, parent: int) -> _Exact:
        """The integers of the network that a parent of the current layer belongs to."""
        number = int(self._layers[-1].network[parent])
        if number not in self._exact:
            self._exact[number] = _Exact(self, integer_network(self.network, number))
        return self._exact[number]

    # ---------------------------------------------------------------------------------------- splitting

    def _split_by(self, neuron: int) -> None:
        """Splits every face that has vertices on both sides of the neuron's hyperplane. A crossed face keeps its number
        for its positive part; the negative parts, and then the cuts of the faces one dimension higher, get new ones."""
        xp, d = self.xp, self.d
        sign = self._signs.all[:, neuron]
        states = [xp.astype(sign > 0, xp.int8) * POSITIVE + xp.astype(sign < 0, xp.int8) * NEGATIVE]
        for level in self._faces:
            states.append(self._states(level, states[-1]))
        self._bits.set_column(neuron, (states[d] == POSITIVE) | (states[d] == CROSSED))
        crossed = [xp.nonzero(state == CROSSED)[0] for state in states]
        if not crossed[d].shape[0]:
            return
        # Before anything is moved: where each crossed face stands among them, and the faces that lie in the hyperplane.
        rank = [self._number(state.shape[0], index) for state, index in zip(states, crossed, strict=True)]
        apex = [self._lying(k, states) for k in range(d)] if bool(xp.any(sign == 0)) else None
        size = [state.shape[0] for state in states]
        first = [size[k] + crossed[k].shape[0] for k in range(d)]  # the number of the first cut of dimension k
        for k, level in enumerate(self._faces, 1):
            index = crossed[k]
            about, vectors = xp.take(level.about.all, index, axis=0), xp.take(level.vectors.all, index, axis=0)
            cut = _wedge(vectors, self._layers[-1].of(about[:, 0], neuron), d - k)
            cuts = first[k - 1] + xp.arange(index.shape[0], device=self.device)
            if k == 1:
                self._add_points(_point(cut), about, xp.take(level.ends.all, index, axis=0), neuron)
                self._halve(level.ends, index, sign, cuts)
            else:
                below = self._faces[k - 2]
                below.about.append(about)
                below.vectors.append(cut)
                self._bound(level, k, states, rank, apex, first)
                self._share(level, index, states[k - 1 : k + 1], rank[k - 1 : k + 1], size[k - 1 : k + 1], cuts)
            level.about.append(about)
            level.vectors.append(vectors)
        rows = xp.take(self._bits.all, crossed[d], axis=0)
        rows[:, neuron] = xp.zeros((rows.shape[0],), dtype=xp.bool, device=self.device)
        self._bits.append(rows)

    def _states(self, level: _Faces, below: Array) -> Array:
        """On which sides the faces have vertices, from the states of their facets."""
        xp = self.xp
        if level.ends.size:
            ends = level.ends.all
            return xp.bitwise_or(xp.take(below, ends[:, 0]), xp.take(below, ends[:, 1]))
        face, facet = level.pairs()
        state = xp.take(below, facet)
        found = xp.zeros((level.about.size,), dtype=xp.int8, device=self.device)
        for side in (POSITIVE, NEGATIVE):
            there = face[xp.bitwise_and(state, xp.asarray(side, dtype=xp.int8, device=self.device)) > 0]
            mark = xp.zeros((level.about.size,), dtype=xp.int8, device=self.device)
            found = found + put(mark, there, xp.asarray(side, dtype=xp.int8, device=self.device))
        return found

    def _number(self, size: int, index: Array) -> Array:
        """(size,): i at index[i]."""
        xp = self.xp
        none = xp.zeros((size,), dtype=xp.int64, device=self.device)
        return put(none, index, xp.arange(index.shape[0], device=self.device))

    def _lying(self, k: int, states: Sequence[Array]) -> Array:
        """For each face of dimension k its facet that lies in the hyperplane, -1 where there is none: of a face that
        is not crossed and does not lie in it there is one at most."""
        xp = self.xp
        none = xp.full(states[k].shape, -1, dtype=xp.int64, device=self.device)
        if not k:
            return none
        face, facet = self._faces[k - 1].pairs()
        there = xp.take(states[k - 1], facet) == 0
        return put(none, face[there], facet[there])

    def _bound(self, level: _Faces, k: int, states: Any, rank: Any, apex: Any, first: Any) -> None:
        """The facets of the cuts of the faces of dimension k: the cuts of their facets, and the faces in the
        hyperplane of those facets that only touch it."""
        xp, below = self.xp, self._faces[k - 2]
        face, facet = level.pairs()
        inside = xp.take(states[k], face) == CROSSED
        face, facet = face[inside], facet[inside]
        through = xp.take(states[k - 1], facet) == CROSSED
        owners, numbers = face[through], first[k - 2] + xp.take(rank[k - 1], facet[through])
        if apex is not None:
            touching = xp.take(apex[k - 1], facet)
            there = ~through & (touching >= 0)
            owners, numbers = xp.concat([owners, face[there]]), xp.concat([numbers, touching[there]])
        many = self._points.size if k == 2 else self._faces[k - 3].about.size
        keys = xp.take(rank[k], owners) * many + numbers
        # Sorted by the face, and once where two facets meet the hyperplane in the same face.
        keys = xp.sort(keys) if apex is None else xp.unique_values(keys)
        if below.ends.size:
            below.ends.append(xp.reshape(keys % many, (-1, 2)))
        else:
            below.face.append(first[k - 1] + keys // many)
            below.facet.append(keys % many)

    def _share(self, level: _Faces, index: Array, states: Any, rank: Any, size: Any, cuts: Array) -> None:
        """The facets of the faces of one dimension, shared out to their two parts; both get the cut."""
        xp = self.xp
        face, facet = level.pairs()
        inside = xp.take(states[1], face) == CROSSED
        (rows,) = xp.nonzero(inside)
        owner, below = xp.take(face, rows), xp.take(facet, rows)
        negative = size[1] + xp.take(rank[1], owner)
        state = xp.take(states[0], below)
        through = state == CROSSED
        level.face.put(rows[state == NEGATIVE], negative[state == NEGATIVE])
        minus = size[1] + xp.arange(index.shape[0], device=self.device)
        level.face.append(xp.concat([negative[through], index, minus]))
        level.facet.append(xp.concat([size[0] + xp.take(rank[0], below[through]), cuts, cuts]))

    def _halve(self, ends: _Rows, index: Array, sign: Array, cuts: Array) -> None:
        """The two parts of the crossed edges, the positive one first."""
        xp = self.xp
        pair = xp.take(ends.all, index, axis=0)
        up = xp.take(sign, pair[:, 0]) > 0
        ends.put(index, xp.stack([xp.where(up, pair[:, 0], pair[:, 1]), cuts], axis=-1))
        ends.append(xp.stack([cuts, xp.where(up, pair[:, 1], pair[:, 0])], axis=-1))

    def _add_points(self, points: Array, about: Array, ends: Array, neuron: int) -> None:
        """New vertices on crossed edges: turned to the side where the form of their root is positive."""
        import numpy as np

        xp, start, count = self.xp, self._points.size, points.shape[0]
        form = xp.take(self._positive, about[:, 1], axis=0)
        value = xp.sum(points[:, 0, :] * form, axis=-1)
        sure = xp.abs(value) > self._guard * xp.sum(points[:, 1, :] * xp.abs(form), axis=-1)
        turned = points * xp.stack([xp.sign(value), xp.ones_like(value)], axis=-1)[:, :, None]
        layers = xp.full((count,), len(self._layers) - 1, dtype=xp.int64, device=self.device)
        neurons = xp.full_like(layers, neuron)
        self._made.append(xp.stack([ends[:, 0], ends[:, 1], layers, about[:, 0], neurons], axis=-1))
        self._parent.append(about[:, 0])
        self._points.append(turned)
        if not bool(xp.all(sure)):
            index = np.flatnonzero(~to_numpy(sure))
            rows = [self._exactly(int(about[int(i), 0])).rounded(start + int(i)) for i in index]
            self._points.put(self._ints(start + index), xp.asarray(rows, dtype=xp.float64, device=self.device))
        before = self._signs.all
        old = (xp.take(before, ends[:, 0], axis=0) + xp.take(before, ends[:, 1], axis=0))[:, :neuron]
        here = xp.zeros((count, 1), dtype=xp.int8, device=self.device)
        later = self._signs_at(start, start + count, neuron + 1)
        self._signs.append(xp.concat([xp.sign(old), here, later], axis=-1))

    # ---------------------------------------------------------------------------------------- counting

    def activation_regions(self) -> Array:
        """(B,) int64: the number of regions of each network."""
        xp = self.xp
        number = xp.arange(len(self.network), device=self.device)  # of the pattern so far
        for layer in self._layers:
            number = _distinct(xp.take(number, layer.before), layer.active)
        if len(self._layers) == len(self.network.weights):
            cells = self._faces[-1].about.all[:, 0]
            number, of = _distinct(xp.take(number, cells), self._bits.all), xp.take(self._layers[-1].network, cells)
        else:
            of = self._layers[-1].network
        return self._tally(xp.take(of, xp.unique_all(number).indices))

    def _tally(self, of: Array) -> Array:
        """(B,) how often each network's number is in ``of``."""
        xp = self.xp
        ranked, numbers = xp.sort(of), xp.arange(len(self.network), device=self.device)
        return xp.searchsorted(ranked, numbers, side="right") - xp.searchsorted(ranked, numbers)

    def planar_counts(self) -> tuple[Array, Array]:
        """Two inputs, a box, the last layer entered and not split: the number of regions of each network, (B,) int64,
        and where it is certain, (B,) bool."""
        xp, layer = self.xp, self._layers[-1]
        self._prepare()
        edges, polygons, neurons = self._faces[0], self._faces[1], layer.forms.shape[-1]
        of = xp.take(layer.network, polygons.about.all[:, 0])
        signs, ends = self._signs_at(0, self._points.size, 0), edges.ends.all
        sure = self._tally(xp.take(layer.network, self._parent.all)[xp.any(signs == 0, axis=-1)]) == 0
        # The points where lines cross edges.
        across = xp.take(signs, ends[:, 0], axis=0) * xp.take(signs, ends[:, 1], axis=0)
        certain = xp.take(sure, xp.take(layer.network, edges.about.all[:, 0]))
        edge, neuron = xp.nonzero((across < 0) & certain[:, None])
        lines = layer.of(xp.take(edges.about.all[:, 0], edge), neuron)
        points = _point(_wedge(xp.take(edges.vectors.all, edge, axis=0), lines, 1))
        upright = xp.sign(points[:, 0, 2])
        doubtful = ~(xp.abs(points[:, 0, 2]) > self._guard * points[:, 1, 2])
        points = points * xp.stack([upright, xp.ones_like(upright)], axis=-1)[:, :, None]
        # Each lies on two polygons, or on one at the border. A line has two of them on a polygon it crosses: its chord.
        face, facet = polygons.pairs()
        order = xp.argsort(facet, stable=True)
        ranked, owner = xp.take(facet, order), xp.take(face, order)
        first = xp.searchsorted(ranked, edge)
        second = xp.minimum(first + 1, self._ints(ranked.shape[0] - 1))
        inner = (xp.take(ranked, second) == edge) & (second > first)
        number = xp.arange(edge.shape[0], device=self.device)
        keys = xp.concat([xp.take(owner, first) * neurons + neuron, (xp.take(owner, second) * neurons + neuron)[inner]])
        order = xp.argsort(keys, stable=True)
        chord = xp.reshape(xp.take(xp.concat([number, number[inner]]), order), (-1, 2))
        keys = xp.take(keys, order)[::2]
        polygon = keys // neurons
        lines = layer.of(xp.take(polygons.about.all[:, 0], polygon), keys % neurons)
        network = xp.take(of, polygon)
        doubtful = xp.any(xp.reshape(xp.take(doubtful, xp.reshape(chord, (-1,))), (-1, 2)), axis=-1)
        sure = sure & (self._tally(network[doubtful]) == 0)
        # Two chords of a polygon: does the later line separate the ends of the earlier chord?
        begin = xp.searchsorted(polygon, polygon)
        end = xp.searchsorted(polygon, polygon, side="right")
        later, earlier = _runs(begin, xp.arange(polygon.shape[0], device=self.device))
        line = xp.take(lines, later, axis=0)
        sides = []
        for column in (0, 1):
            at = xp.take(points, xp.take(chord[:, column], earlier), axis=0)
            sides.append(self._certified(line, at))
        side = sides[0] * sides[1]
        sure = sure & (self._tally(xp.take(network, later)[side == 0]) == 0)
        meet = side < 0
        first_line, second_line = earlier[meet], later[meet]
        # Where two lines meet in a polygon no third one may pass.
        if int(xp.sum(xp.take(end, second_line) - second_line - 1)) > TRIPLES:
            return self._tally(of), xp.zeros_like(sure)
        pair, third = _runs(second_line + 1, xp.take(end, second_line))
        apex = _point(_wedge(xp.take(lines, first_line, axis=0), xp.take(lines, second_line, axis=0), 1))
        value = self._certified(xp.take(lines, third, axis=0), xp.take(apex, pair, axis=0))
        sure = sure & (self._tally(xp.take(network, third)[value == 0]) == 0)
        return self._tally(of) + self._tally(network) + self._tally(xp.take(network, second_line)), sure

    def _certified(self, forms: Array, points: Array) -> Array:
        """The signs of forms at points, 0 where they are not certain: (R, 2, d + 1) each -> (R,)."""
        xp = self.xp
        value, majorant = (_values(forms[:, side, :], points[:, side, :]) for side in (0, 1))
        return xp.where(xp.abs(value) > self._guard * majorant, xp.sign(value), xp.zeros_like(value))

    def patterns(self) -> Array:
        """(R, N) bool: the activation pattern of every cell."""
        xp, cells = self.xp, self._faces[-1].about.all[:, 0]
        found = [] if len(self._layers) > len(self.network.weights) else [self._bits.all]
        for layer in reversed(self._layers[1:]):
            found.append(xp.take(layer.active, cells, axis=0))
            cells = xp.take(layer.before, cells)
        return xp.concat(found[::-1], axis=-1)

    def polygons(self) -> list[Any]:
        """The cells of two inputs in a box, each with its vertices counterclockwise: NumPy (k, 2)."""
        import numpy as np

        points = to_numpy(self._points.all)[:, 0, :]
        ends = to_numpy(self._faces[0].ends.all)
        face, facet = (to_numpy(a) for a in self._faces[1].pairs())
        face, vertex = np.unique(np.stack([np.repeat(face, 2), ends[facet].reshape(-1)]), axis=1)
        x = points[vertex, :2] / points[vertex, 2:]
        count = np.bincount(face)
        middle = np.stack([np.bincount(face, weights=x[:, i]) / count for i in (0, 1)], axis=-1)
        away = x - middle[face]
        order = np.lexsort((np.arctan2(away[:, 1], away[:, 0]), face))
        return np.split(x[order], np.cumsum(count)[:-1])

    def linear_regions(self) -> Array:
        """(B,) int64: the number of linear regions of each network."""
        import numpy as np

        labels = self.linear_labels()
        cells = to_numpy(self._faces[-1].about.all)[:, 0]
        of = to_numpy(self._layers[-1].network)[cells]
        pairs = np.unique(np.stack([of, labels], axis=-1), axis=0)
        return self._ints(np.bincount(pairs[:, 0], minlength=len(self.network)))

    def linear_labels(self) -> Any:
        """(R,) NumPy integers: cells have the same label when they are pieces of one linear region."""
        import numpy as np
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        if self.network.readout is None:
            raise ValueError("the network has no read-out, so it has no outputs that could be affine")
        if len(self._layers) == len(self.network.weights):
            self.enter()
        one, two = self._neighbours()
        same = self._same_output(one, two)
        size = self._faces[-1].about.size
        links = coo_array((np.ones(int(same.sum())), (one[same], two[same])), shape=(size, size))
        return connected_components(links, directed=False)[1]

    def _neighbours(self) -> tuple[Any, Any]:
        """The pairs of cells that share a facet, NumPy."""
        import numpy as np

        face, facet = (to_numpy(a) for a in self._faces[-1].pairs())
        order = np.argsort(facet, kind="stable")
        face, facet = face[order], facet[order]
        shared = np.flatnonzero(facet[1:] == facet[:-1])
        return face[shared], face[shared + 1]

    def _same_output(self, one: Any, two: Any) -> Any:
        """Whether cells have the same affine map of the outputs, NumPy."""
        import numpy as np

        layer, parent = self._layers[-1], to_numpy(self._faces[-1].about.all)[:, 0]
        forms, majorants = to_numpy(layer.forms), to_numpy(layer.majorants)
        whole = to_numpy(self._whole)[to_numpy(layer.network)]
        one, two = parent[one], parent[two]
        difference, majorant = np.abs(forms[one] - forms[two]), majorants[one] + majorants[two]
        apart = (difference > 1.25 * UNIT * (layer.error + 4) * majorant).any(axis=(1, 2))
        unrounded = whole[one] & (majorant < EXACT).all(axis=(1, 2))
        apart |= unrounded & (difference > 0).any(axis=(1, 2))
        same = ~apart
        number = len(self._layers) - 1
        for i in np.flatnonzero(same & ~unrounded):
            exact = self._exactly(int(one[i]))
            same[i] = exact.forms(number, int(one[i])) == exact.forms(number, int(two[i]))
        return same


def _runs(begin: Array, end: Array) -> tuple[Array, Array]:
    """The pairs (i, j) with begin[i] <= j < end[i]."""
    xp = namespace(begin)
    count = end - begin
    i = xp.repeat(xp.arange(begin.shape[0], device=begin.device), count)
    skipped = xp.cumulative_sum(count) - count
    return i, xp.take(begin - skipped, i) + xp.arange(i.shape[0], device=begin.device)


def _distinct(number: Array, bits: Array) -> Array:
    """(R,) integers, equal where ``number`` (R,) and all ``bits`` (R, n) are."""
    xp = namespace(number)
    for first in range(0, bits.shape[1], 32):
        word = xp.astype(bits[:, first : min(first + 32, bits.shape[1])], xp.int64)
        powers = xp.asarray([1 << i for i in range(word.shape[1])], dtype=xp.int64, device=bits.device)
        number = xp.unique_inverse(number * 2**32 + xp.sum(word * powers, axis=-1)).inverse_indices
    return number


def subdivide(network: Network, box: Box | None = None) -> Subdivision:
    """The complex of the activation regions of every network in the domain. ValueError as in :func:`count_regions`."""
    found = Subdivision(network, box)
    for _ in network.weights:
        found.enter()
        found.split()
    return found


class _Exact:
    """One network of a subdivision in integers: signs at vertices from the way they were made."""

    def __init__(self, subdivision: Subdivision, network: IntegerNetwork):
        self._of, self._network = subdivision, network
        self._points: dict[int, Form] = {}
        self._forms: dict[tuple[int, int], tuple[Form, ...]] = {}

    def sign(self, vertex: int, parent: int, neuron: int) -> int:
        """The sign of a neuron of the current layer, in the cells of a parent, at a vertex."""
        value = _dot(self.forms(len(self._of._layers) - 1, parent)[neuron], self.point(vertex))
        return (value > 0) - (value < 0)

    def forms(self, number: int, parent: int) -> tuple[Form, ...]:
        """The forms of layer ``number`` (counted from 0, the read-out last) in the cells of a parent of it."""
        if (number, parent) not in self._forms:
            layer = self._of._layers[number]
            if number:
                before = self.forms(number - 1, int(layer.before[parent]))
                pattern = [int(bit) for bit in to_numpy(layer.active[parent, :])]
                start = self._network.active(before, pattern)
            else:
                start = self._network.start()
            self._forms[number, parent] = self._network.layer(number, start)
        return self._forms[number, parent]

    def point(self, vertex: int) -> Form:
        """A vertex in primitive integer coordinates, on the positive side of its root."""
        waiting = [vertex]
        while waiting:
            v = waiting[-1]
            one, two, number, parent, neuron = (int(i) for i in to_numpy(self._of._made.all[v, :]))
            if number < 0:
                self._points[v] = self._of.domain.vertices[parent]
            elif missing := [u for u in (one, two) if u not in self._points]:
                waiting += missing
                continue
            else:
                form = self.forms(number, parent)[neuron]
                a, b = self._points[one], self._points[two]
                x, y = abs(_dot(form, b)), abs(_dot(form, a))
                joined = [x * s + y * t for s, t in zip(a, b, strict=True)]
                divisor = gcd(*joined)
                self._points[v] = tuple(s // divisor for s in joined)
            waiting.pop()
        return self._points[vertex]

    def rounded(self, vertex: int) -> list[list[float]]:
        """The vertex in floats and its majorant; scaled so that a rounded one does not look like an integer."""
        point = self.point(vertex)
        shift = max(0, max(abs(s).bit_length() for s in point) - 60)
        values = [s / (1 << shift) for s in point]
        size = [2.0**60] * len(point) if shift else [abs(float(s)) for s in point]
        return [values, size]


def _dot(form: Form, point: Form) -> int:
    return sum(a * b for a, b in zip(form, point, strict=True))
