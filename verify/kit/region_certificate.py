r"""A certificate of how many activation regions a ReLU network has in a box, and its checker.

The certificate is plain JSON: the hidden layers of the network in exact rationals, the box
:math:`[\text{low},\text{high}]^{n_0}`, the number of activation regions that is claimed, and for each region its
pattern (the bits of all N hidden neurons, layer after layer; 1 is :math:`z>0`) and its vertices in homogeneous integers
:math:`(X_1,\dots,X_{n_0},w)`, w > 0, in lowest terms, for the point X/w; with two inputs counterclockwise.

:func:`check` trusts nobody: it composes its own affine forms, makes its own forward pass and its own triangulations, in
exact integers, and needs nothing outside Python's standard library. It demands, for every cell (s, v_1, ..., v_k),

1. the pattern s has N bits and no other cell has it;
2. the vertices are in lowest terms, distinct and in the box;
3. every vertex satisfies the closed sign constraints of s: :math:`z_i\ge0` where :math:`s_i=1` and :math:`z_i\le0`
   where :math:`s_i=0`, z_i being composed with the active sets that s lists;
4. the constraints (of signs and of the box) that are tight at a vertex have rank n_0;
5. with two inputs, all vertices off an edge (v_i, v_{i+1}) are strictly left of it: the order is strictly convex and
   winds once;
6. the convex hull, which the checker triangulates itself, has positive volume;
7. a forward pass at a mean of the vertices (with positive weights) has the pattern s;

and that

8. the volumes add up to the volume of the box, exactly;
9. the number claimed is the number of cells.

*Why this suffices.* Let P be the hull of a cell and s its pattern. The points where the :math:`z_i`, composed with s,
are > 0 for :math:`s_i=1` and <= 0 for :math:`s_i=0` are those whose pattern is s: layer after layer, the composed form
of a neuron is its pre-activation wherever the layers before have the pattern s. By (3) an affine :math:`z_i` with
:math:`s_i=1` is >= 0 on P, and by (7) it is > 0 at a point of P, so it is > 0 inside P; those with :math:`s_i=0` are
<= 0 on P. So every interior point of P has the pattern s, and by (6) there are such: s is the pattern of an activation
region. By (1) the interiors of two cells are disjoint, and by (8) they fill the box up to volume 0. A region that is
not listed would be a set with interior points, all of another pattern than those listed, and would leave a hole of
positive volume. So the cells are the regions, one for one, and (9) is their number.

By (4) every vertex listed is a vertex of the polytope of (3), so a certificate that passes lists exactly the vertices
of each region, and (5) makes their order fit to be drawn. Dropping one of the others is unsound. Without (6) a cell of
volume 0 adds a pattern. Without (7) a neuron that is 0 on a whole cell lets the cell be listed twice, one half of it as
active. If the volume were taken from the order listed, a polygon that winds twice would hide a missing cell.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import factorial, gcd, lcm, prod
from operator import mul
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from verify.kit.relu import Network

FORMAT = "activation regions of a ReLU network in a box, version 1"
KEYS = ("format", "layers", "box", "regions", "cells")

Point = tuple[int, ...]  # homogeneous
Layer = tuple[list[list[Fraction]], list[Fraction]]


class CertificateError(ValueError):
    """The certificate does not show what it claims; the message names the first condition that fails, and the cell."""


@dataclass(frozen=True)
class Checked:
    """What a certificate that passed has shown, and the lines to print."""

    regions: int
    lines: tuple[str, ...]


def write(
    path: str | Path, network: Network, box: tuple[Fraction, Fraction], cells: Iterable[Any], number: int = 0
) -> None:
    """Write the certificate for the network of that number in the batch and its cells in the box: each cell has a
    ``pattern`` (N bits) and ``vertices`` (homogeneous integers). Nothing is checked here. The read-out, which has no
    part in the patterns, is left out."""
    from verify.core.arrays import to_numpy

    layers = [
        {
            "weights": [[str(Fraction(v)) for v in row] for row in to_numpy(W)[number].astype(float).tolist()],
            "biases": [str(Fraction(v)) for v in to_numpy(b)[number].astype(float).tolist()],
        }
        for W, b in zip(network.weights, network.biases, strict=True)
    ]
    listed = [{"pattern": "".join(map(str, cell.pattern)), "vertices": cell.vertices} for cell in cells]
    values = (FORMAT, layers, [str(Fraction(v)) for v in box], len(listed))
    head = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in zip(KEYS, values, strict=False)]
    rows = ",\n".join(map(json.dumps, listed))
    Path(path).write_text("{" + ",\n".join([*head, f'"{KEYS[-1]}": [\n{rows}\n]']) + "}\n", encoding="ascii")


def check(path: str | Path) -> Checked:
    """Check the certificate in a file. Raises :class:`CertificateError` for the first condition that fails."""
    layers, (low, high), claimed, cells = _read(path)
    network = _Network(layers)
    volumes: dict[str, Fraction] = {}
    corners = set()
    for number, (pattern, vertices) in enumerate(cells, 1):
        try:
            _need(pattern not in volumes, "another cell has the same pattern")
            _check_vertices(network, low, high, pattern, vertices)
            volumes[pattern] = _volume(vertices)
            _need(volumes[pattern], "the volume is 0")
            # The sum of homogeneous vertices is their mean with weights w.
            found = network.pattern(tuple(map(sum, zip(*vertices, strict=True))))
            _need(found == pattern, f"a mean of the vertices has another pattern, {found}")
        except CertificateError as error:
            raise CertificateError(f"cell {number} (pattern {pattern}): {error}") from None
        corners.update(vertices)
    n = network.inputs
    total = _total(volumes) / factorial(n)
    whole = (high - low) ** n
    _need(
        total == whole,
        f"the volumes of the cells add up to {'less' if total < whole else 'more'} than the volume of the box, by "
        f"{float(abs(total / whole - 1)):.3g} of it",
    )
    _need(claimed == len(cells), f"{claimed} regions are claimed and {len(cells)} cells are listed")
    return Checked(
        claimed,
        (
            f"network: {n} inputs, hidden widths {', '.join(map(str, network.widths))}; box [{low}, {high}]^{n}",
            f"cells: {len(cells)} with {len(corners)} vertices; patterns distinct, signs right at every vertex, every "
            "cell convex, its pattern found by a forward pass",
            f"volumes: add up to {whole}, the volume of the box, exactly",
            f"activation regions in the box: {claimed}",
        ),
    )


def _need(condition: Any, message: str) -> None:
    if not condition:
        raise CertificateError(message)


# ------------------------------------------------------------------------------------------------------- the file


def _read(path: str | Path) -> tuple[list[Layer], tuple[Fraction, Fraction], int, list[tuple[str, list[Point]]]]:
    """What the file says, if it has the form of a certificate."""
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise CertificateError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise CertificateError(f"{path}: not JSON, or cut off ({error})") from None
    _need(type(data) is dict and sorted(data) == sorted(KEYS), f"{path}: not an object with the keys {', '.join(KEYS)}")
    _need(data["format"] == FORMAT, f"the format is {data['format']!r}; this checker reads {FORMAT!r}")
    _need(type(data["regions"]) is int, "the number of regions is not an integer")
    layers, columns = [], None
    for number, layer in enumerate(_items(data["layers"], "layers"), 1):
        where = f"layer {number}"
        _need(type(layer) is dict and sorted(layer) == ["biases", "weights"], f"{where}: not weights and biases")
        rows = [[_rational(v, where) for v in _items(row, where)] for row in _items(layer["weights"], where)]
        biases = [_rational(v, where) for v in _items(layer["biases"], where)]
        columns = columns or len(rows[0])
        _need(len(rows) == len(biases) and {*map(len, rows)} == {columns}, f"{where}: the shapes do not fit together")
        columns = len(rows)
        layers.append((rows, biases))
    box = [_rational(v, "box") for v in _items(data["box"], "box")]
    _need(len(box) == 2 and box[0] < box[1], "the box is not [low, high] with low < high")
    size, neurons = len(layers[0][0][0]) + 1, sum(len(biases) for _, biases in layers)
    cells = []
    for number, cell in enumerate(_items(data["cells"], "cells"), 1):
        where = f"cell {number}"
        _need(type(cell) is dict and sorted(cell) == ["pattern", "vertices"], f"{where}: not a pattern and vertices")
        pattern = cell["pattern"]
        _need(
            type(pattern) is str and len(pattern) == neurons and not set(pattern) - {"0", "1"},
            f"{where}: the pattern {pattern!r} is not {neurons} bits",
        )
        vertices = [tuple(_items(v, where)) for v in _items(cell["vertices"], where)]
        _need(
            all(len(v) == size and all(type(x) is int for x in v) for v in vertices),
            f"{where} (pattern {pattern}): a vertex is not {size} integers",
        )
        cells.append((pattern, vertices))
    return layers, (box[0], box[1]), data["regions"], cells


def _items(value: Any, where: str) -> list[Any]:
    _need(type(value) is list and value, f"{where}: a list is missing or empty")
    return value


def _rational(text: Any, where: str) -> Fraction:
    try:
        numerator, _, denominator = text.partition("/")
        return Fraction(int(numerator), int(denominator or "1"))
    except (AttributeError, ValueError, ZeroDivisionError):
        raise CertificateError(f'{where}: {text!r} is not a rational number, as "-3/8"') from None


# ---------------------------------------------------------------------------------------------------- the network


class _Network:
    """The hidden layers in integers. The row (W_i, b_i) of a neuron acts on (h, w), the activations before and the last
    homogeneous coordinate; rows of layer l are too large by one positive factor, which changes no sign."""

    def __init__(self, layers: list[Layer]):
        self.inputs = len(layers[0][0][0])
        self.widths = [len(biases) for _, biases in layers]
        self.starts = [sum(self.widths[:number]) for number in range(len(layers))]
        self.rows: list[list[list[int]]] = []
        scale = 1  # by how much the activations before are too large
        for weights, biases in layers:
            rows = [[*row, scale * bias] for row, bias in zip(weights, biases, strict=True)]
            factor = lcm(*(v.denominator for row in rows for v in row))
            self.rows.append([[int(factor * v) for v in row] for row in rows])
            scale *= factor
        self._forms: dict[str, list[Point]] = {}
        self._signs: dict[tuple[str, Point], tuple[int, int, list[Point]]] = {}

    def pattern(self, point: Point) -> str:
        """The pattern at a point with w > 0, by a forward pass."""
        *h, w = point
        found = ""
        for rows in self.rows:
            before = [*h, w]
            z = [sum(map(mul, row, before)) for row in rows]
            found += "".join("1" if v > 0 else "0" for v in z)
            h = [max(v, 0) for v in z]
        return found

    def layers(self, pattern: str) -> Iterable[tuple[str, str]]:
        """For each layer the part of the pattern before it, and its own."""
        return ((pattern[:i], pattern[i : i + width]) for i, width in zip(self.starts, self.widths, strict=True))

    def forms(self, before: str) -> list[Point]:
        """The pre-activations of the layer after those with the pattern ``before``, as linear forms of (X, w)."""
        if before not in self._forms:
            number = self.starts.index(len(before))
            h = [tuple(int(i == j) for j in range(self.inputs + 1)) for i in range(self.inputs)]
            if number:
                first = self.starts[number - 1]
                zero = (0,) * (self.inputs + 1)
                h = [
                    z if bit == "1" else zero for z, bit in zip(self.forms(before[:first]), before[first:], strict=True)
                ]
            columns = [*zip(*h, (0,) * self.inputs + (1,), strict=True)]
            self._forms[before] = [tuple(sum(map(mul, row, column)) for column in columns) for row in self.rows[number]]
        return self._forms[before]

    def signs(self, before: str, point: Point) -> tuple[int, int, list[Point]]:
        """Of the forms of one layer at a point: bit masks of those > 0 and of those < 0, the first neuron as the
        highest bit, and the forms that are 0."""
        key = before, point
        if key not in self._signs:
            forms = self.forms(before)
            values = [sum(map(mul, form, point)) for form in forms]
            self._signs[key] = (
                int("".join("1" if v > 0 else "0" for v in values), 2),
                int("".join("1" if v < 0 else "0" for v in values), 2),
                [form for form, v in zip(forms, values, strict=True) if not v],
            )
        return self._signs[key]


# ---------------------------------------------------------------------------------------------------- the geometry


def _check_vertices(network: _Network, low: Fraction, high: Fraction, pattern: str, vertices: list[Point]) -> None:
    """Conditions 2 to 5."""
    n = network.inputs
    _need(len({*vertices}) == len(vertices), "a vertex is listed twice")
    for vertex in vertices:
        *X, w = vertex
        _need(w > 0, f"vertex {vertex}: w is not positive")
        _need(gcd(*vertex) == 1, f"vertex {vertex}: not in lowest terms")
        lower = [low.denominator * x - low.numerator * w for x in X]
        upper = [high.numerator * w - high.denominator * x for x in X]
        _need(min(*lower, *upper) >= 0, f"vertex {vertex}: outside the box")
        tight: list[Sequence[int]] = [[int(i == j) for j in range(n)] for i in range(n) if not lower[i] or not upper[i]]
        neurons = 0
        for before, own in network.layers(pattern):
            positive, negative, zeros = network.signs(before, vertex)
            active = int(own, 2)
            wrong = positive & ~active | negative & active
            _need(
                not wrong,
                f"vertex {vertex}: neuron {neurons + len(own) - wrong.bit_length() + 1} has the wrong sign",
            )
            tight += [form[:-1] for form in zeros]
            neurons += len(own)
        _need(_rank(tight) == n, f"vertex {vertex}: not a vertex of the cell, the tight constraints have rank < {n}")
    if n == 2:
        for i, p in enumerate(vertices):
            others = [q for q in vertices if q not in (vertices[i - 1], p)]
            _need(
                all(_determinant([vertices[i - 1], p, q]) > 0 for q in others),
                "the vertices are not in counterclockwise, strictly convex order",
            )


def _volume(points: Sequence[Point]) -> Fraction:
    """n! times the volume of the convex hull of points of n dimensions: each point in turn is joined to the facets that
    it sees, those with it and the inside on different sides. A facet in whose plane the point lies is not seen."""
    simplex: list[Point] = []
    for p in points:
        if _rank([*simplex, p]) > len(simplex):
            simplex.append(p)
    if len(simplex) < len(points[0]):
        return Fraction(0)
    inside = tuple(map(sum, zip(*simplex, strict=True)))
    facets = [[*simplex[:i], *simplex[i + 1 :]] for i in range(len(simplex))]
    sides = [(facet, _determinant([*facet, inside])) for facet in facets]
    volume = Fraction(abs(_determinant(simplex)), prod(p[-1] for p in simplex))
    for p in points:
        if p in simplex:
            continue
        kept, seen = [], []
        for facet, side in sides:
            value = _determinant([*facet, p])
            if value * side < 0:
                volume += Fraction(abs(value), p[-1] * prod(q[-1] for q in facet))
                seen.append(facet)
            else:
                kept.append((facet, side))
        ridges = Counter(frozenset(facet) - {q} for facet in seen for q in facet)
        new = [[*ridge, p] for ridge, count in ridges.items() if count == 1]
        sides = kept + [(facet, _determinant([*facet, inside])) for facet in new]
    return volume


def _total(volumes: dict[str, Fraction]) -> Fraction:
    """The sum. Cells that differ in the last bits only are added first: together they are a region of the neurons
    before, so that the denominators stay those of a few vertices."""
    size = len(next(iter(volumes)))
    for length in range(size - 1, -1, -1):
        sums: dict[str, Fraction] = {}
        for pattern, volume in volumes.items():
            shorter = pattern[:length]
            sums[shorter] = sums[shorter] + volume if shorter in sums else volume
        volumes = sums
    return volumes[""]


def _rank(rows: Sequence[Sequence[int]]) -> int:
    left, rank = [*rows], 0
    for column in range(len(left[0]) if left else 0):
        pivot = next((row for row in left if row[column]), None)
        if pivot is not None:
            rank += 1
            left = [
                [pivot[column] * v - row[column] * u for u, v in zip(pivot, row, strict=True)]
                for row in left
                if row is not pivot
            ]
    return rank


def _determinant(rows: Sequence[Sequence[int]]) -> int:
    """By the elimination of Bareiss, whose divisions are exact."""
    left, sign, previous = [*rows], 1, 1
    while left:
        place = next((i for i, row in enumerate(left) if row[0]), None)
        if place is None:
            return 0
        head, *pivot = left.pop(place)
        sign *= (-1) ** place
        left = [[(head * v - row[0] * u) // previous for u, v in zip(pivot, row[1:], strict=True)] for row in left]
        previous = head
    return sign * previous
