"""Labelings of threshold networks on the line, three ways; the table of the page; what random networks do."""

from __future__ import annotations

from itertools import pairwise, product
from math import comb

import numpy as np
import pytest
from judge import draw, judge

from theorems.generalization.vc_threshold_count import THEOREM, UNITS, realised, reference, searched


@pytest.mark.parametrize("k", UNITS)
@pytest.mark.parametrize("n", range(1, 7))
def test_three_counts_of_labelings_agree(k, n):
    few = sum(sum(a != b for a, b in pairwise(bits)) <= k for bits in product((0, 1), repeat=n))
    assert few == 2 * sum(comb(n - 1, j) for j in range(k + 1)) == searched(k, n)
    points = np.arange(10, 10 + k + 3)[None, ::-1] ** 2
    if n <= k + 3:
        assert realised(points, k)[0, n - 1] == few


def test_the_table_of_the_page():
    rows = []
    for k in UNITS:
        judged = draw(THEOREM, f"k = {k}", 4)
        rows += {(k, int(v), int(e)) for v, e in zip(judged.best("V"), judged.best("E"), strict=True)}
    assert rows == [(1, 2, 4), (2, 3, 7), (3, 4, 10), (4, 5, 13)]
    table = "".join(f"| {k} | {v} | {e} |\n" for k, v, e in rows)
    assert table in THEOREM.docstring + "\n"


@pytest.mark.parametrize("k", UNITS)
def test_both_paths_agree(k):
    judged = draw(THEOREM, f"k = {k}", 6)
    for i in range(6):
        other = reference(judged.p, {name: a[i : i + 1] for name, a in judged.x.items()})
        for name, values in judged.quantities.items():
            assert (other[name][0] == values[i if len(values) > 1 else 0]).all()


def test_a_unit_by_hand():
    """1[x >= 3] + 1[x <= 5] - 3/2 > 0 between 3 and 5: two units, two changes."""
    x = {"t": [9, 1, 4, 6, 2], "w": [1, -1], "b": [-3, 5], "v": [2, 2], "c": -3}
    judged = judge(THEOREM, {name: np.asarray([value]) for name, value in x.items()})
    assert judged.best("changes")[0] == 2
    assert judged.best("labelings")[0].tolist() == [2, 4, 8, 14, 22]
    assert judged.best("V")[0] == 3
    assert judged.word("one change fewer") == "violated"


def test_points_close_together_are_told_apart():
    """Neighbouring whole numbers, for which the threshold is a half."""
    assert realised(np.asarray([[0, 1, 2, 3, 4]]), 2)[0].tolist() == [2, 4, 8, 14, 22]
