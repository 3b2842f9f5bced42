"""The critical number of rows: closed forms, both sides of the kinematic formula, linear programs, the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from judge import draw, judge

from theorems.inverse_problems.phase_transition import (
    ALMOST_ALL,
    DENSE,
    DRAWN,
    EVEN,
    LARGE,
    MEANINGFUL,
    SKEW,
    SMALLEST,
    TALL,
    THEOREM,
    Params,
)
from verify.core.formula import Formula
from verify.kit.conic_volumes import l1_law
from verify.kit.widths import l1_dimension

MEAN = "E m_* = delta + 1/2"


def test_the_narrowest_transition_has_a_closed_form():
    """k = d - 1: d - 1 rows leave a line, which meets the wedge of the cone with probability 2 arctan(sqrt k)/pi."""
    size = 1500
    judged = draw(THEOREM, ALMOST_ALL, size, d=6)
    critical = judged.best("critical")
    assert set(critical) <= {4.0, 5.0, 6.0}
    p = 2 * math.atan(math.sqrt(5)) / math.pi
    assert abs((critical == 6).mean() - p) <= 5 * math.sqrt(p * (1 - p) / size)
    delta = 5 - 0.5 + p
    for name, value in (("critical", delta + 0.5), ("dimension", delta)):
        found = judged.best(name)
        assert abs(found.mean() - value) <= 5 * found.std() / math.sqrt(size)


def test_in_the_plane_half_of_all_rows_are_enough():
    judged = draw(THEOREM, SMALLEST, 2000)
    critical = judged.best("critical")
    assert set(critical) == {1.0, 2.0}
    assert abs(critical.mean() - 1.5) <= 5 * 0.5 / math.sqrt(2000)
    assert abs(judged.best("dimension").mean() - 1) <= 5 * judged.best("dimension").std() / math.sqrt(2000)


@pytest.mark.parametrize(("family", "k"), [("k = d/20", 2), ("k = d/4", 10), ("k = d/2", 20)])
def test_half_a_row_above_the_dimension(family, k):
    judged = draw(THEOREM, family, 300, d=40)
    critical, dimension = judged.best("critical"), judged.best("dimension")
    assert not np.isnan(critical).any()
    difference = critical - dimension
    assert abs(difference.mean() - 0.5) <= 5 * difference.std() / math.sqrt(300)
    known = l1_dimension(40, k)
    assert known.upper - known.loss <= dimension.mean() <= known.upper


def test_matrices_fail_as_often_as_the_volumes_say():
    judged = draw(THEOREM, "k = d/6", 400, d=24)
    x, critical, law = judged.x, judged.best("critical"), l1_law(24, 4)
    assert ((x["m"] >= 0) & (x["m"] < 24) & (x["m"] == np.floor(x["m"]))).all()
    assert (judged.best("fails") == (x["m"] < critical)).all()
    assert (judged.best("chance") == law.fails[x["m"].astype(int)]).all()
    for m in range(24):
        p = law.fails[m]
        assert abs((critical > m).mean() - p) <= 5 * math.sqrt(max(0.0, p * (1 - p)) / 400) + 1e-3
    assert judged.best("area")[0] == pytest.approx(law.dimension + 0.5, rel=1e-12)


def test_probabilities_are_those_of_one_side():
    judged = draw(THEOREM, "k = d/6", 2, d=24)
    delta, m = judged.best("delta")[0], np.arange(24)
    assert ((judged.best("above")[0] > 0) == (m >= delta)).all()
    assert ((judged.best("below")[0] > 0) == ((m >= 4) & (m <= delta))).all()
    assert (judged.best("up")[0] == np.maximum(m, delta)).all()
    assert judged.best("down")[0][0] == 1


def test_medians():
    """In the plane every m_* from 1 to 2 is a median, and which end counts is left open."""
    judged = draw(THEOREM, SMALLEST, 1)
    for name in ("median", "upper_median"):
        ends = judged.quantities[name]
        assert (ends.lower[0], ends.upper[0]) == (1, 2)
    skew, even = draw(THEOREM, SKEW, 1), draw(THEOREM, EVEN, 1)
    assert skew.best("median")[0] > skew.best("delta")[0] + 1
    assert even.best("upper_median")[0] < even.best("delta")[0]


def test_the_tail_is_one_at_the_threshold_and_falls_on_both_sides():
    bound = THEOREM.claim("failures above").bound
    at = {m: bound({"up": np.asarray([float(m)]), "delta": np.asarray([12.0])})[0] for m in (6, 12, 18, 24, 36)}
    assert at[12] == 1
    assert at[36] < at[24] < at[18] < 1
    assert at[6] < 1
    assert at[24] == pytest.approx(math.exp(-(24 * math.log(2) - 12) / 2))


def test_no_better_exponent_holds_for_one_entry_among_very_many():
    judged = draw(THEOREM, TALL, 12)
    assert judged.word("failures above") == judged.word("successes below") == "holds"
    assert judged.word(MEAN) == DRAWN
    huge = judged.x["tens"] == 64
    assert huge.any()
    for measured, rows in (("above", "up"), ("below", "down")):
        wrong = Formula(f"exp(-({rows} * log({rows} / delta) - {rows} + delta) / 1.8)")
        bound = wrong({"delta": judged.best("delta")[huge, None], rows: judged.best(rows)[huge]})
        assert (judged.best(measured)[huge] > bound).any()


def test_theorem_ii_speaks_in_the_larger_family_alone():
    judged = draw(THEOREM, LARGE, 4)
    assert judged.x["A"].shape == (4, 80, 80)
    assert judged.word("Theorem II: recovery") == judged.word("Theorem II: failure") == "holds"
    assert draw(THEOREM, DENSE, 2).word("Theorem II: recovery") == "holds"
    assert draw(THEOREM, "k = d/3", 2).word("Theorem II: recovery") == MEANINGFUL
    assert draw(THEOREM, LARGE, 1, large_d=66, large_k=13).word("Theorem II: recovery") == MEANINGFUL


def test_the_bound_of_theorem_ii():
    value = Formula(THEOREM.claim("Theorem II: recovery").bound.text)(
        {"delta": np.asarray([200.0]), "d": np.asarray([1000.0])}
    )
    assert value[0] - 200 == pytest.approx(129, abs=0.1)


def test_a_broken_matrix_decides_nothing():
    judged = draw(THEOREM, "k = d/4", 3, d=12)
    x = {name: a.copy() for name, a in judged.x.items()}
    x["A"][1] = np.nan
    again = judge(THEOREM, x, judged.p)
    for claim in (MEAN, "failures at each m"):
        assert again.words(claim)[1] == "undecided"
        assert [again.words(claim)[i] for i in (0, 2)] == [judged.words(claim)[i] for i in (0, 2)]


@pytest.mark.parametrize("family", ["k = d/60", "k = d/2", ALMOST_ALL])
def test_linear_programs_find_the_same(family):
    p = Params(d=16)
    judged = draw(THEOREM, family, 6, d=16)
    for i in range(6):
        alone = judged.alone(i)
        theirs = THEOREM.reference(p, alone)
        for name in ("critical", "dimension", "fails"):
            assert theirs[name][0] == pytest.approx(judged.best(name)[i], abs=1e-9)
