r"""The activation regions of one ReLU network in a box, by linear programs, each answer proved in rationals.

The regions are refined neuron by neuron. On a region of the neurons before, the next neuron is an affine form. If the
form is constant, it decides the neuron's activity. Else each side on which the region's witness point is not yet
strictly inside is a question: is there a point of the box at which finitely many affine forms are all positive? With
the box mapped to the cube :math:`|u|_\infty\le1` and the forms :math:`r_k(u)=a_k\cdot u+c_k`, it is answered by

- a *witness*: a rational point inside the cube with all :math:`r_k(u)>0`, or
- a *certificate* that there is none: rational multipliers :math:`y\ge0`, :math:`y\ne0`, with
  :math:`\lvert\sum_ky_ka_k\rvert_1+\sum_ky_kc_k\le0`. The left side is the largest value of :math:`\sum_ky_kr_k` on
  the cube, and it would be positive at a witness. (The absolute values of the sum's entries are the multipliers of the
  faces of the cube.)

By linear programming duality exactly one of the two exists. HiGHS proposes one by solving :math:`\max t` subject to
:math:`r_k(u)\ge t`, rows normalised; the proposal counts only after a check in integers. Where that fails, as often
where the largest t is exactly 0, a simplex method in rationals decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import takewhile
from math import isqrt, lcm
from operator import mul
from typing import Any

from verify.kit.regions import Box, Point, affine_forms, box_ends, primitive
from verify.kit.relu import Form, IntegerNetwork

BITS = (10, 50)  # a float point is rounded to this many binary digits: few first, they make short witnesses


@dataclass(frozen=True)
class Enumeration:
    """All activation regions of a network in a box.

    ``regions`` maps each pattern to a rational point of its region, the proof that the region is there
    (:func:`is_witness`). ``certificates`` is the number of checked proofs that a side is empty. Every question that
    was not answered by a witness was answered by one, so no region is missing. ``exact`` of all answers came from the
    simplex method in rationals.
    """

    regions: dict[tuple[int, ...], tuple[Fraction, ...]]
    certificates: int
    exact: int


def enumerate_regions(network: IntegerNetwork, box: Box) -> Enumeration:
    """The activation regions of the network in the box, for any number of inputs.

    ValueError without a box, or for one without interior: with no bound on the points, no certificate need exist.
    """
    if box is None:
        raise ValueError("enumerate_regions: needs a box, not the whole space")
    low, high = box_ends(box)
    scale = lcm(low.denominator, high.denominator)
    across, middle = int((high - low) * scale), int((high + low) * scale)
    first_of: list[int] = []  # for each neuron, how many are in the layers before its own
    for width in network.widths:
        first_of += [len(first_of)] * width
    forms = affine_forms(network)
    questions = _Questions(network.inputs)
    regions: dict[tuple[int, ...], tuple[Fraction, ...]] = {}
    pending: list[tuple[tuple[int, ...], Point, tuple[Form, ...]]] = [((), (0,) * network.inputs + (1,), ())]
    while pending:
        pattern, point, rows = pending.pop()
        if len(pattern) == len(first_of):
            *U, w = point
            x = tuple(Fraction(across * v + middle * w, 2 * scale * w) for v in U)
            assert _has_pattern(network, forms, pattern, x)
            regions[pattern] = x
            continue
        first = first_of[len(pattern)]
        *a, c = forms(pattern[:first])[len(pattern) - first]
        if not any(a):
            pending.append(((*pattern, int(c > 0)), point, rows))
            continue
        row = (*(across * v for v in a), 2 * scale * c + middle * sum(a))
        sides = primitive(tuple(-v for v in row)), primitive(row)
        inside = [point if _at(side, point) > 0 else questions.answer((*rows, side)) for side in sides]
        for bit, there in enumerate(inside):
            if there is not None:
                # Where the other side is empty, this one is the whole region, and no constraint.
                kept = (*rows, sides[bit]) if None not in inside else rows
                pending.append(((*pattern, bit), there, kept))
    return Enumeration(regions, questions.certificates, questions.exact)


def is_witness(network: IntegerNetwork, box: Box, pattern: tuple[int, ...], x: Sequence[Fraction]) -> bool:
    """Whether the point x of the box proves that ``pattern`` has an activation region there: the pattern at x is
    this one, and no inactive neuron is 0 at x unless its form is constant. Then all points near x have the pattern.
    ValueError for a box without interior."""
    low, high = box_ends(box)
    return all(low <= v <= high for v in x) and _has_pattern(network, affine_forms(network), pattern, x)


def proves_empty(rows: Sequence[Form], multipliers: Sequence[int]) -> bool:
    r"""Whether the multipliers, one per row, prove that no point u of the cube has all :math:`a_k\cdot u+c_k>0`."""
    if min(multipliers) < 0 or not any(multipliers):
        return False
    used = [(y, row) for y, row in zip(multipliers, rows, strict=True) if y]
    *a, c = (sum(y * row[j] for y, row in used) for j in range(len(rows[0])))
    return sum(abs(v) for v in a) + c <= 0


def exact_answer(rows: Sequence[Form]) -> tuple[Point | None, list[int] | None]:
    r"""A witness for the rows and None, or None and the multipliers of a certificate.

    The simplex method with Bland's rule, in rationals, on the dual program: the least
    :math:`\sum_j(p_j+q_j)+\sum_ky_kc_k` with :math:`\sum_ky_ka_k=p-q`, :math:`\sum_ky_k=1`, :math:`y,p,q\ge0`. It
    starts with the last row alone, and stops where the value is no longer positive.
    """
    from flint import fmpq

    n, count = len(rows[0]) - 1, len(rows)
    unit = [tuple(int(i == j) for i in range(n + 1)) for j in range(n)]
    columns = [(*row[:-1], 1) for row in rows] + [tuple(-v for v in e) for e in unit] + unit
    costs = [row[-1] for row in rows] + [1] * (2 * n)
    *a, _ = rows[-1]
    basis = [count + j + (n if v < 0 else 0) for j, v in enumerate(a)] + [count - 1]
    inverse = [[fmpq(v if a[j] < 0 else -v) for v in (*unit[j][:-1], -a[j])] for j in range(n)]
    inverse.append([fmpq(int(j == n)) for j in range(n + 1)])
    while True:
        prices: list[Any] = [
            sum(costs[k] * row[j] for k, row in zip(basis, inverse, strict=True)) for j in range(n + 1)
        ]
        entering = next((k for k, column in enumerate(columns) if costs[k] < sum(map(mul, prices, column))), None)
        if prices[n] <= 0 or entering is None:
            break
        change = [sum(map(mul, row, columns[entering])) for row in inverse]
        _, _, leaving = min((inverse[i][n] / d, basis[i], i) for i, d in enumerate(change) if d > 0)
        pivot = [v / change[leaving] for v in inverse[leaving]]
        inverse = [[v - d * p for v, p in zip(row, pivot, strict=True)] for row, d in zip(inverse, change, strict=True)]
        inverse[leaving] = pivot
        basis[leaving] = entering
    value = prices[n]
    if value <= 0:
        known = dict(zip(basis, (row[n] for row in inverse), strict=True))
        return None, _whole([known.get(k, fmpq(0)) for k in range(count)])[:-1]
    # At -prices all rows are >= value. A step towards the centre keeps half of it, and leaves the cube's boundary.
    step = value / (2 * (value + max(abs(row[-1]) for row in rows)))
    return tuple(_whole([(step - 1) * v for v in prices[:n]])), None


def _whole(values: Sequence[Any]) -> list[int]:
    """Rationals as integers over one denominator, which comes last."""
    scale = lcm(*(int(v.q) for v in values))
    return [*(int((v * scale).p) for v in values), scale]


class _Questions:
    """Answers whether there is a point of the cube at which all rows are positive; one HiGHS object for all."""

    def __init__(self, inputs: int) -> None:
        from highspy import Highs, kHighsInf

        self.certificates = self.exact = 0
        self.rows: list[Form] = []  # those that HiGHS has
        self.norms: list[int] = []
        self.infinity = kHighsInf
        self.highs = Highs()
        for option, value in (("output_flag", False), ("threads", 1), ("presolve", "off")):
            self.highs.setOptionValue(option, value)
        for _ in range(inputs):
            self.highs.addCol(0.0, -1.0, 1.0, 0, [], [])
        self.highs.addCol(-1.0, -kHighsInf, kHighsInf, 0, [], [])  # t; HiGHS takes the minimum of -t

    def answer(self, rows: tuple[Form, ...]) -> Point | None:
        """A witness, or None where a certificate was found."""
        if proves_empty(rows[-1:], [1]):
            self.certificates += 1
            return None
        point, multipliers = self._proposal(rows)
        if point is None and (multipliers is None or not proves_empty(rows, multipliers)):
            self.exact += 1
            point, multipliers = exact_answer(rows)
            assert proves_empty(rows, multipliers or [0]) if point is None else _is_inside(rows, point)
        self.certificates += point is None
        return point

    def _proposal(self, rows: tuple[Form, ...]) -> tuple[Point | None, list[int] | None]:
        """A checked witness, or unchecked multipliers, or neither."""
        from highspy import HighsModelStatus

        self._load(rows)
        self.highs.run()
        if self.highs.getModelStatus() != HighsModelStatus.kOptimal:
            return None, None
        solution = self.highs.getSolution()
        *u, t = solution.col_value
        if t <= 0:
            shift = 52 + max(self.norms).bit_length()
            pairs = zip(solution.row_dual, self.norms, strict=True)
            return None, [int(Fraction(max(y, 0.0)) * (1 << shift)) // norm for y, norm in pairs]
        rounded = (_rounded(u, bits) for bits in BITS)
        return next((point for point in rounded if _is_inside(rows, point)), None), None

    def _load(self, rows: tuple[Form, ...]) -> None:
        """Gives HiGHS the rows. It keeps those that the question before has too."""
        kept = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(self.rows, rows, strict=False)))
        if kept < len(self.rows):
            self.highs.deleteRows(len(self.rows) - kept, [*range(kept, len(self.rows))])
        del self.rows[kept:], self.norms[kept:]
        for row in rows[kept:]:
            *a, c = row
            norm = isqrt(sum(v * v for v in a))
            self.rows.append(row)
            self.norms.append(norm)
            # The cube is on both sides of the row, so that |c| < |a|_1, and the floats are of moderate size.
            self.highs.addRow(-c / norm, self.infinity, len(row), [*range(len(row))], [*(v / norm for v in a), -1.0])


def _rounded(u: Sequence[float], bits: int) -> Point:
    """A point near u inside the cube."""
    scale = 1 << bits
    return primitive((*(max(1 - scale, min(scale - 1, round(v * scale))) for v in u), scale))


def _has_pattern(
    network: IntegerNetwork,
    forms: Callable[[tuple[int, ...]], tuple[Form, ...]],
    pattern: tuple[int, ...],
    x: Sequence[Fraction],
) -> bool:
    """Whether the pattern at x is this one, and no form that is not constant is 0 there."""
    scale = lcm(*(v.denominator for v in x))
    point = (*(int(v * scale) for v in x), scale)
    firsts = [sum(network.widths[:number]) for number in range(len(network.widths))]
    at_x = (_at(form, point) for first in firsts for form in forms(pattern[:first]) if any(form[:-1]))
    return network.pattern(x) == pattern and all(at_x)


def _is_inside(rows: Sequence[Form], point: Point) -> bool:
    """Whether all rows are positive at a point, which is not on the cube's boundary."""
    return all(abs(v) < point[-1] for v in point[:-1]) and all(_at(row, point) > 0 for row in rows)


def _at(form: Sequence[int], point: Sequence[Any]) -> Any:
    """w times the value of the form at a homogeneous point."""
    return sum(map(mul, form, point))
