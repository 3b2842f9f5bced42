"""Each class by its two paths, its growth function by enumeration, and the deep network unit by unit."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations, pairwise, product

import numpy as np
import pytest
from judge import draw, judge

from theorems.generalization.ge_vc import (
    DELTA,
    FEW,
    FINE,
    INTERVALS,
    KOLMOGOROV,
    LINES,
    MANY,
    NETS,
    PAPER,
    PLANES,
    STAGES,
    THEOREM,
    Params,
    dimension_and_growth,
    kolmogorov_quantile,
    memorising_table,
    parameters,
    reference,
    shattering_layers,
    shattering_outputs,
)

ONE_SIDE = "half-lines, one side counted"
SMALL = {"m": 30, "few": 15, "planes": 14, "nets": 25, "k": 3}


def alone(x, i):
    return {name: a if len(a) == 1 else a[i : i + 1] for name, a in x.items()}


@pytest.mark.parametrize(
    "family", [*(FEW, LINES, INTERVALS, PLANES, NETS, PAPER), *(f"deep, B = {B}" for B in STAGES[:2])]
)
def test_both_paths_agree(family):
    judged = draw(THEOREM, family, 5, **SMALL)
    for i in range(5):
        other = reference(judged.p, alone(judged.x, i))
        assert abs(np.ravel(getattr(other["D"], "value", other["D"]))[0] - judged.best("D")[i]) < 1e-14
        for name in ("points", "parameters", "wrong"):
            assert other[name][0] == judged.best(name)[i]


@pytest.mark.parametrize("n", range(1, 7))
def test_growth_functions_by_enumeration(n):
    p, places = Params(k=3), range(n)
    lines = {frozenset(places[:cut]) for cut in range(n + 1)}
    intervals = {frozenset(places[i:j]) for i in range(n + 1) for j in range(i, n + 1)}
    nets = {bits for bits in product((0, 1), repeat=n) if sum(a != b for a, b in pairwise(bits)) <= 3}
    for family, sets in ((LINES, lines), (INTERVALS, intervals), (NETS, nets)):
        V, _, growth = dimension_and_growth(p, family, n)
        assert growth == len(sets)
        assert (growth == 2**n) == (n <= V)
    V, E, growth = dimension_and_growth(p, PLANES, n)
    assert (V, E) == (3, 3)
    assert (growth == 2**n) == (n <= V)


@pytest.mark.parametrize("family", [FEW, INTERVALS, PLANES, NETS])
@pytest.mark.parametrize("m", [10, 100, 10_000])
def test_the_bounds_are_in_their_order(family, m):
    """Sauer's lemma, and that the number of parameters bounds the growth function."""
    V, E, growth = dimension_and_growth(Params(), family, 2 * m)
    assert math.log(growth) <= V * math.log(2 * math.e * m / V)
    assert math.log(growth) <= E * math.log(2 * math.e * m)


def test_half_lines_by_hand():
    """Two points at 1/4 and 1/2: the frequency jumps to 1 where the length is 1/2."""
    judged = judge(THEOREM, {"kind": np.asarray([0.0]), "x": np.asarray([[0.5, 0.25]])})
    assert judged.best("D")[0] == 0.5


def test_half_lines_have_kolmogorovs_law():
    """P(sqrt(m) D > c) is near 2 exp(-2 c^2): 0.05 at the quantile and 0.1 where one side is counted."""
    size = 3000
    judged = draw(THEOREM, LINES, size, m=500)
    for claim, c in ((KOLMOGOROV, math.sqrt(math.log(2 / DELTA) / 2)), (ONE_SIDE, math.sqrt(math.log(1 / DELTA) / 2))):
        rate = judged.words(claim).count("violated") / size
        law = 2 * sum((-1) ** (j - 1) * math.exp(-2 * j * j * c * c) for j in range(1, 5))
        assert abs(rate - law) <= 5 * math.sqrt(law / size)
    mean = math.sqrt(math.pi / 2) * math.log(2)  # of Kolmogorov's law, 0.869
    assert abs(judged.best("D").mean() * math.sqrt(500) / mean - 1) < 0.05


def test_the_quantile_of_twenty_examples_in_fractions():
    """The probability of D <= d as an entry of a power of a matrix (Durbin; Marsaglia, Tsang and Wang), exactly."""

    def law(m, d):
        k = math.ceil(m * d)
        h, size = k - m * d, 2 * k - 1
        H = [[Fraction(int(i - j + 1 >= 0)) for j in range(size)] for i in range(size)]
        for i in range(size):
            H[i][0] -= h ** (i + 1)
            H[size - 1][i] -= h ** (size - i)
        H[size - 1][0] += max(2 * h - 1, Fraction(0)) ** size
        H = [[v / math.factorial(max(i - j + 1, 0)) for j, v in enumerate(row)] for i, row in enumerate(H)]
        row = [Fraction(int(j == k - 1)) for j in range(size)]
        for _ in range(m):
            row = [sum(a * H[i][j] for i, a in enumerate(row)) for j in range(size)]
        return row[k - 1] * Fraction(math.factorial(m), m**m)

    assert law(1, Fraction(3, 4)) == Fraction(1, 2)  # D = max(x, 1 - x)
    q = Fraction(kolmogorov_quantile(20)).limit_denominator(10**5)
    assert law(20, q * Fraction(9999, 10_000)) < 1 - Fraction(DELTA).limit_denominator(100)
    assert law(20, q * Fraction(10_001, 10_000)) > 1 - Fraction(DELTA).limit_denominator(100)


@pytest.mark.parametrize(("family", "m", "share"), [(FEW, 20, 0.968), (LINES, 2000, 0.997), (MANY, 150_000, 0.9996)])
def test_the_quantile_of_half_lines_by_two_paths(family, m, share):
    """Massart's bound is below by little, and the law of one side gives the same."""
    judged = draw(THEOREM, family, 1)
    other = reference(judged.p, judged.x)["quantile"].value[0]
    assert other == pytest.approx(kolmogorov_quantile(m), rel=1e-5)
    assert share < judged.ratio("half-lines: Massart's constant")[0] < 1


def test_many_teeth_deviate_by_more_than_the_exchange_of_m_and_V_allows():
    judged = draw(THEOREM, FINE, 3)
    m, V = judged.best("m")[0], judged.best("V")[0]
    assert 0 < 2 * math.e * V - m < 1
    assert (judged.best("D") > math.sqrt(8 / V * (m * math.log(2 * math.e * V / m) + math.log(4 / DELTA)))).all()


def test_the_bound_of_thresholds_is_below_a_half_for_deep_networks_from_9083_stages_on():
    def below(B):
        m = B**3 // 2
        return 8 / m * (parameters(B * B, B) * math.log(2 * math.e * m) + math.log(4 / DELTA)) < 0.25

    assert not any(map(below, range(12, 9083)))
    assert all(map(below, range(9083, 40_000)))
    judged = draw(THEOREM, PAPER, 5)
    assert set(judged.words("the bound of thresholds for deep ReLU networks")) == {"violated"}
    assert (judged.best("points") == judged.x["stages"] ** 3).all()


@pytest.mark.parametrize(("A", "B"), [(1, 1), (2, 3), (3, 2), (5, 4)])
def test_the_deep_network_fits_every_labeling(A, B):
    if A * B <= 10:
        tables = np.asarray(list(product((0, 1), repeat=A * B))).reshape(-1, A, B)
    else:
        tables = np.random.default_rng(0).integers(0, 2, (50, A, B))
    assert (shattering_outputs(tables) == tables).all()


@pytest.mark.parametrize(("A", "B"), [(1, 1), (4, 3), (9, 5)])
def test_its_parameters_are_the_entries_of_its_matrices(A, B):
    table = np.random.default_rng(B).integers(0, 2, (A, B))
    layers = shattering_layers(table)
    assert sum(W.size + v.size for W, v in layers) == parameters(A, B) == 5 * A + 67 * B - 2
    assert len(layers) - 1 == 2 * B + 2
    for (W, _), (following, _) in pairwise(layers):
        assert len(W) == following.shape[1]


def test_it_has_fewer_parameters_than_points_from_twelve_stages_on():
    assert next(B for B in range(1, 60) if parameters(B * B, B) < B**3) == 12
    assert all(parameters(B * B, B) < B**3 for B in range(12, 1000))
    assert (parameters(400, 20), 20**3) == (3338, 8000)


def test_the_constant_one_fails_from_502_stages_on():
    def below(B):
        points, m = B**3, B**3 // 2
        return math.sqrt(parameters(B * B, B) * math.log(m) / m) < (1 - 1 / points) ** m

    assert not any(map(below, range(8, 502)))
    assert all(map(below, range(502, 2000)))


def test_the_memorising_network_is_right_where_it_has_looked():
    judged = draw(THEOREM, "deep, B = 8", 4)
    outputs = shattering_outputs(memorising_table(judged.x)).reshape(4, -1)
    labels = judged.x["labels"].reshape(4, -1)
    for i in range(4):
        seen = np.isin(np.arange(512), judged.x["drawn"][i])
        assert ((outputs[i] == labels[i]) == seen).all()
        assert judged.best("D")[i] == (~seen).mean()


def test_half_planes_shatter_three_points_and_not_four():
    """Of four points one is in the triangle of the others, or they are convex: two labelings are missing."""
    triangle = [[0, 0], [900, 1], [1, 900]]
    for signs in product((-1, 1), repeat=3):
        assert deviation(triangle, signs) == 0.5
    found = {signs: deviation([*triangle, [200, 201]], signs) for signs in product((-1, 1), repeat=4)}
    assert sorted(s for s, d in found.items() if d < 0.5) == [(-1, -1, -1, 1), (1, 1, 1, -1)]
    convex = [[0, 0], [900, 1], [1, 900], [901, 903]]
    bad = [s for s in product((-1, 1), repeat=4) if deviation(convex, s) < 0.5]
    assert sorted(bad) == [(-1, 1, 1, -1), (1, -1, -1, 1)]


def deviation(points, signs):
    kind = float(list(THEOREM.families).index(PLANES))
    x = {"kind": np.asarray([kind]), "points": np.asarray([points]), "signs": np.asarray([signs])}
    return judge(THEOREM, x).best("D")[0]


def test_intervals_by_hand():
    x = np.asarray([[0.1, 0.2, 0.3, 0.9]])
    ends = [0.0, *x[0], 1.0]
    best = 0.0
    for s, t in combinations(ends, 2):
        for left, right in product((True, False), repeat=2):
            inside = ((x[0] > s) | (left & (x[0] == s))) & ((x[0] < t) | (right & (x[0] == t)))
            best = max(best, abs(inside.mean() - (t - s)))
    assert (
        abs(
            judge(THEOREM, {"kind": np.asarray([float(list(THEOREM.families).index(INTERVALS))]), "x": x}).best("D")[0]
            - best
        )
        < 1e-15
    )
