r"""Exact counts of the regions of one ReLU network, in integers.

An *activation region* of a network is the interior of the set of points with one activation pattern
(:mod:`verify.kit.relu`), where that interior is not empty. It is convex. A *linear region* is a maximal connected open
set on which the output is affine: a union of activation regions that are joined through facets and share one affine
output map.

The counters split a start, a box or the whole space, into cells, layer after layer. On a cell of the layers before,
every neuron of the next layer is an affine form. It cuts the cell if it takes both signs at the cell's vertices; then
both parts are cells. Otherwise the whole cell is on one side: a form that is identically 0, or 0 only on the boundary,
cuts nothing, and one that is nowhere positive is inactive. So no lower-dimensional pattern is ever listed.

Points are homogeneous: (X, w) with w > 0 is the point X/w, and (X, 0) the direction X at infinity. A cell is the cone
over its vertices in these coordinates. The whole space is the union of n_0 + 1 cells, each spanned by the origin and
n_0 of the directions :math:`e_1,\dots,e_{n_0},-\mathbf 1`; hence several cells may carry one pattern.

The cells meet face to face: a form has the same values on a shared facet from both sides, since the network is
continuous, so it cuts the facet from both sides or from none. Two cells are neighbours exactly where their shared
vertices span a facet. (Two cells never share a facet at infinity: sets that hold translates of one open cone overlap.)
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import combinations, product
from math import gcd, lcm
from operator import mul

from verify.kit.relu import Form, IntegerNetwork

Box = tuple[Fraction, Fraction]  # the cube [low, high]^n_0
Point = tuple[int, ...]  # homogeneous: X_1, ..., X_n0, w >= 0; primitive


@dataclass(frozen=True)
class Cell:
    """A full-dimensional convex cell on whose interior the activation pattern is constant.

    ``pattern`` is that of all N neurons. ``vertices`` are homogeneous integer points with greatest common divisor 1
    and w >= 0; with one input from left to right, with two inputs counterclockwise, else in no order.
    """

    pattern: tuple[int, ...]
    vertices: tuple[Point, ...]


def cells(network: IntegerNetwork, box: Box | None = None) -> list[Cell]:
    """The cells of the network in a box, or in the whole space, by the fastest method for its number of inputs.
    ValueError for a box without interior."""
    method = {1: interval_cells, 2: polygon_cells}.get(network.inputs, polytope_cells)
    return method(network, box)


def interval_cells(network: IntegerNetwork, box: Box | None = None) -> list[Cell]:
    """The cells of a network with one input, from left to right, by its breakpoints. ValueError for more inputs."""
    if network.inputs != 1:
        raise ValueError(f"interval_cells: needs one input, got {network.inputs}")
    pieces = [_Interval(box_vertices(box, 1))] if box else [_Interval(((-1, 0), (0, 1))), _Interval(((0, 1), (1, 0)))]
    found = _subdivide(network, pieces)
    # The mediant of the ends is inside the interval, also where one end is at infinity.
    return sorted(found, key=lambda cell: Fraction(*map(sum, zip(*cell.vertices, strict=True))))


def polygon_cells(network: IntegerNetwork, box: Box | None = None) -> list[Cell]:
    """The cells of a network with two inputs, by cutting convex polygons. ValueError for another number of inputs."""
    if network.inputs != 2:
        raise ValueError(f"polygon_cells: needs two inputs, got {network.inputs}")
    if box:
        a, b, c, d = box_vertices(box, 2)
        return _subdivide(network, [_Polygon((a, c, d, b))])
    origin, *rays = _fan(2)
    return _subdivide(network, [_Polygon((origin, rays[i], rays[(i + 1) % 3])) for i in range(3)])


def polytope_cells(network: IntegerNetwork, box: Box | None = None) -> list[Cell]:
    """The cells of a network with any number of inputs, by the double description of convex polytopes."""
    n = network.inputs
    if box:
        points = box_vertices(box, n)
        facets = [sum(1 << (2 * i + side) for i, side in enumerate(sides)) for sides in product((0, 1), repeat=n)]
        return _subdivide(network, [_Polytope(points, tuple(facets), 1 << 2 * n)])
    fan = _fan(n)
    opposite = tuple(((1 << n + 1) - 1) ^ (1 << i) for i in range(n + 1))  # a vertex is off the facet opposite to it
    pieces = [_Polytope((*fan[:i], *fan[i + 1 :]), opposite, 1 << n + 1) for i in range(1, n + 2)]
    return _subdivide(network, pieces)


def count_activation(found: Iterable[Cell]) -> int:
    """The number of activation regions: of distinct patterns among all cells of :func:`cells`."""
    return len({cell.pattern for cell in found})


def count_linear(network: IntegerNetwork, found: Sequence[Cell]) -> int:
    """The number of linear regions of the read-out, from all cells of :func:`cells` or of one of its methods: the
    unions of cells that are joined through facets and share one affine output map.

    ValueError for a network without a read-out.
    """
    if network.readout is None:
        raise ValueError("count_linear: the network has no read-out")
    forms = affine_forms(network)
    groups = defaultdict(list)
    for cell in found:
        groups[forms(cell.pattern)].append(cell)
    return sum(_components(group, network.inputs) for group in groups.values())


def affine_forms(network: IntegerNetwork) -> Callable[[tuple[int, ...]], tuple[Form, ...]]:
    """The function that maps a pattern of the first l layers to the pre-activations of the next layer, or to the
    read-out after layer L, as affine forms on the points of this pattern. It remembers what it has composed."""
    starts = {sum(network.widths[:number]): number for number in range(len(network.widths) + 1)}

    @cache
    def forms(pattern: tuple[int, ...]) -> tuple[Form, ...]:
        number = starts[len(pattern)]
        if not number:
            return network.layer(0, network.start())
        first = len(pattern) - network.widths[number - 1]
        return network.layer(number, network.active(forms(pattern[:first]), pattern[first:]))

    return forms


def box_ends(box: Box) -> Box:
    """Low and high as Fractions. ValueError for a box without interior."""
    low, high = map(Fraction, box)
    if low >= high:
        raise ValueError(f"the box [{low}, {high}] has no interior")
    return low, high


def box_vertices(box: Box, inputs: int) -> tuple[Point, ...]:
    """The 2^n_0 vertices of a box, the last coordinate varying fastest. ValueError for a box without interior."""
    low, high = box_ends(box)
    scale = lcm(low.denominator, high.denominator)
    ends = int(low * scale), int(high * scale)
    return tuple(primitive((*corner, scale)) for corner in product(ends, repeat=inputs))


def _fan(n: int) -> tuple[Point, ...]:
    """The origin and the directions e_1, ..., e_n, -1."""
    rays = (tuple(int(i == j) for j in range(n + 1)) for i in range(n))
    return ((0,) * n + (1,), *rays, (-1,) * n + (0,))


def primitive(point: Point) -> Point:
    """The point divided by the greatest common divisor of its coordinates."""
    shared = gcd(*point)
    return point if shared == 1 else tuple(v // shared for v in point)


def _between(p: Point, m: Point, at_p: int, at_m: int) -> Point:
    """The zero, on the edge from p to m, of a form whose values there are ``at_p`` > 0 and ``at_m`` < 0."""
    return primitive(tuple(at_p * b - at_m * a for a, b in zip(p, m, strict=True)))


# ---------------------------------------------------------------------------------------------------- the splitting


@dataclass(frozen=True)
class _Interval:
    points: tuple[Point, ...]  # left, right

    def cut(self, form: Form, values: Sequence[int]) -> tuple[_Interval, _Interval]:
        left, right = self.points
        slope, offset = form
        root = primitive((-offset, slope) if slope > 0 else (offset, -slope))
        parts = _Interval((left, root)), _Interval((root, right))
        return parts if slope > 0 else parts[::-1]


@dataclass(frozen=True)
class _Polygon:
    points: tuple[Point, ...]  # counterclockwise

    def cut(self, form: Form, values: Sequence[int]) -> tuple[_Polygon, _Polygon]:
        minus, plus = [], []
        for p, q, at_p, at_q in zip(
            self.points, self.points[1:] + self.points[:1], values, [*values[1:], values[0]], strict=True
        ):
            if at_p <= 0:
                minus.append(p)
            if at_p >= 0:
                plus.append(p)
            if at_p * at_q < 0:
                new = _between(p, q, at_p, at_q) if at_p > 0 else _between(q, p, at_q, at_p)
                minus.append(new)
                plus.append(new)
        return _Polygon(tuple(minus)), _Polygon(tuple(plus))


@dataclass(frozen=True)
class _Polytope:
    """A cell with the bit mask of the cutting hyperplanes through each vertex; ``fresh`` is the next unused bit."""

    points: tuple[Point, ...]
    masks: tuple[int, ...]
    fresh: int

    def cut(self, form: Form, values: Sequence[int]) -> tuple[_Polytope, _Polytope]:
        inputs = len(form) - 1
        vertices = [*zip(self.points, self.masks, values, strict=True)]
        plus = [vertex for vertex in vertices if vertex[2] > 0]
        minus = [vertex for vertex in vertices if vertex[2] < 0]
        # Where exactly n_0 hyperplanes pass through each vertex, two vertices on n_0 - 1 of them are joined.
        simple = all(mask.bit_count() == inputs for mask in self.masks)
        shared = [(p, mask | self.fresh) for p, mask, value in vertices if not value]
        for p, mask_p, at_p in plus:
            for m, mask_m, at_m in minus:
                common = mask_p & mask_m
                if common.bit_count() >= inputs - 1 and (
                    simple or sum(common & mask == common for mask in self.masks) == 2
                ):
                    shared.append((_between(p, m, at_p, at_m), common | self.fresh))
        return self._part(minus, shared), self._part(plus, shared)

    def _part(self, own: list[tuple[Point, int, int]], shared: list[tuple[Point, int]]) -> _Polytope:
        points = (*(p for p, _, _ in own), *(p for p, _ in shared))
        masks = (*(mask for _, mask, _ in own), *(mask for _, mask in shared))
        return _Polytope(points, masks, self.fresh << 1)


_Piece = _Interval | _Polygon | _Polytope


def _subdivide(network: IntegerNetwork, pieces: Sequence[_Piece]) -> list[Cell]:
    """The cells of the network in the union of the pieces."""
    forms = affine_forms(network)
    found: list[tuple[tuple[int, ...], _Piece]] = [((), piece) for piece in pieces]
    for _ in network.widths:
        found = [
            (pattern + tuple(bits), part)
            for pattern, piece in found
            for bits, part in _split(piece, forms(pattern))
        ]  # fmt: skip
    return [Cell(pattern, piece.points) for pattern, piece in found]


def _split(piece: _Piece, forms: Sequence[Form]) -> list[tuple[list[int], _Piece]]:
    """The parts into which one layer cuts a piece, each with the activity of the neurons of the layer."""
    bits, cutting = [], []
    for number, form in enumerate(forms):
        values = _values(form, piece.points)
        bits.append(int(max(values) > 0))
        if bits[-1] and min(values) < 0:
            cutting.append(number)
    parts = [(bits, piece)]
    for number in cutting:
        form, before, parts = forms[number], parts, []
        for known, part in before:
            values = _values(form, part.points)
            if max(values) <= 0:
                parts.append(([*known[:number], 0, *known[number + 1 :]], part))
            elif min(values) >= 0:
                parts.append((known, part))
            else:
                minus, plus = part.cut(form, values)
                parts += [([*known[:number], 0, *known[number + 1 :]], minus), (known, plus)]
    return parts


def _values(form: Form, points: Sequence[Point]) -> list[int]:
    return [sum(map(mul, form, point)) for point in points]


# --------------------------------------------------------------------------------------------------- neighbourhoods


def _components(group: Sequence[Cell], inputs: int) -> int:
    """The number of unions of cells joined through facets."""
    touching = defaultdict(list)
    for number, cell in enumerate(group):
        for vertex in cell.vertices:
            touching[vertex].append(number)
    contacts = Counter(pair for numbers in touching.values() for pair in combinations(numbers, 2))
    parent = list(range(len(group)))

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    for (a, b), shared in contacts.items():
        if shared >= inputs and root(a) != root(b) and _span(group[a], group[b]) == inputs:
            parent[root(a)] = root(b)
    return sum(root(number) == number for number in range(len(group)))


def _span(a: Cell, b: Cell) -> int:
    """The dimension of the face that two cells share, plus 1."""
    from flint import fmpz_mat

    return fmpz_mat([list(vertex) for vertex in set(a.vertices) & set(b.vertices)]).rank()
