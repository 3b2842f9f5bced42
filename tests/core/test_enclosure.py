"""Enclosures contain the exact value, whatever the operations, and are not much wider than they must be.

The truth is computed in ball arithmetic of 400 bits from points of the intervals; an end that is NaN decides nothing,
and is never called wrong.
"""

import math

import numpy as np
import pytest
from flint import arb, ctx, fmpq
from hypothesis import given
from hypothesis import strategies as st

from verify.core.arrays import Backend, to_numpy
from verify.core.enclosure import Enclosure, enclose
from verify.core.formula import Formula

DTYPES = ("float64", "float32")
ONE = np.asarray([1.0])


def point(x):
    """A double as an exact ball."""
    return arb(fmpq(*float(x).as_integer_ratio()))


def contains(enclosure, truth):
    """Whether the exact ``truth`` can lie between the ends."""
    low, high = (float(to_numpy(end).reshape(-1)[0]) for end in (enclosure.lower, enclosure.upper))
    below = math.isfinite(low) and truth < point(low)
    above = math.isfinite(high) and truth > point(high)
    return not (below or above or low == math.inf or high == -math.inf)


def decided(enclosure):
    return bool(np.isfinite(to_numpy(enclosure.lower)).all() and np.isfinite(to_numpy(enclosure.upper)).all())


def enclosure_of(low, value, high, dtype="float64"):
    return Enclosure(*(np.asarray([x], dtype=dtype) for x in (value, low, high)))


def numbers(low, high, dtype="float64"):
    width = 32 if dtype == "float32" else 64
    return st.floats(low, high, width=width, allow_nan=False, allow_infinity=False)


@st.composite
def intervals(draw, dtype="float64", low=-1e6, high=1e6):
    """An enclosure and exact points in it: its ends, its value, and two rational points between."""
    ends = sorted(draw(numbers(low, high, dtype)) for _ in range(3))
    if draw(st.integers(0, 3)) == 0:  # a number known exactly
        ends = [ends[1]] * 3
    weights = (fmpq(0), fmpq(1), fmpq(1, 3), fmpq(6, 7))
    a, b = (fmpq(*ends[i].as_integer_ratio()) for i in (0, 2))
    return enclosure_of(*ends, dtype=dtype), [point(ends[1]), *(arb(a + (b - a) * w) for w in weights)]


# --------------------------------------------------------------------------------------------------- random formulas

LEAVES = st.sampled_from(["x", "y", "z", "0", "1", "2", "0.1", "1e-3", "7.7", "3e5", "1e-200"])
POWERS = st.sampled_from(["2", "t", "0.5", "1.5", "(1/3)", "(-1/2)", "(-2)", "0", "1e3", "z"])


def grow(inner):
    return st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*/"), inner),
        st.builds("(-{})".format, inner),
        st.builds("({}) ** {}".format, inner, POWERS),
        st.builds("{}({})".format, st.sampled_from(["sqrt", "exp", "log", "abs"]), inner),
        st.builds("{}({}, {})".format, st.sampled_from(["max", "min"]), inner, inner),
        st.builds("geom({}, t)".format, inner),
    )


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_a_random_formula_contains_its_exact_value(dtype, data):
    text = data.draw(st.recursive(LEAVES, grow, max_leaves=6))
    named = {n: data.draw(intervals(dtype, low=draw_low, high=9.0)) for n, draw_low in (("x", 0), ("y", -9), ("z", 0))}
    t = data.draw(st.integers(0, 40))
    check(text, named, t, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("operation", ["x + y", "x - y", "x * y", "x / y", "x**2", "abs(x)", "max(x, y)", "min(x, y)"])
@given(data=st.data())
def test_an_operation_on_any_intervals(dtype, operation, data):
    top = 2.0**100 if dtype == "float32" else 1e300
    named = {n: data.draw(intervals(dtype, -top, top)) for n in "xy"}
    check(operation, named, 0, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "operation", ["x**y", "x**t", "x**(-t)", "x**(1/3)", "sqrt(x)", "log(x)", "exp(y)", "geom(x, t)"]
)
@given(data=st.data())
def test_a_function_on_its_domain(dtype, operation, data):
    named = {"x": data.draw(intervals(dtype, 0.0, 50.0)), "y": data.draw(intervals(dtype, -40.0, 40.0))}
    check(operation, named, data.draw(st.integers(0, 300)), dtype)


def check(text, named, t, dtype):
    like = np.ones(1, dtype=dtype)
    formula = Formula(text)
    values = {**{n: e for n, (e, _) in named.items()}, "t": like * t}
    with np.errstate(all="ignore"):
        found = formula.enclosure(values, like)
    assert found.value.dtype == found.lower.dtype == found.upper.dtype == dtype
    with ctx.workprec(400):
        for index in range(5):
            truth = formula.ball({**{n: points[index] for n, (_, points) in named.items()}, "t": t})
            assert contains(found, truth), (text, named, t, found, truth)


# ----------------------------------------------------------------------------------------------------------- by hand


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "text",
    ["x + y", "x - y", "x * y", "x / y", "x**2", "x**y", "sqrt(x)", "exp(x)", "log(x)", "abs(-x)", "max(x, y)",
     "min(x, y)", "geom(y, 5)", "x**(1/3)", "x + 1", "x / 3"],
)  # fmt: skip
def test_an_operation_on_exact_numbers_is_sharp(text, dtype):
    """Within 64 units: an enclosure that is always the whole line would pass the tests above."""
    like = np.ones(1, dtype=dtype)
    found = Formula(text).enclosure({"x": 3.7 * like, "y": 1.3 * like}, like)
    width = float((found.upper - found.lower)[0])
    assert 0 <= width <= 64 * np.finfo(dtype).eps * abs(float(found.value[0]))
    assert found.lower[0] <= found.value[0] <= found.upper[0]


@pytest.mark.parametrize(("low", "high"), [(-1, 1), (0, 1), (-1, 0), (0, 0)])
def test_a_divisor_that_may_be_zero_has_the_whole_line(low, high):
    with np.errstate(all="ignore"):
        found = enclosure_of(2, 2, 3) / enclosure_of(low, (low + high) / 2, high)
    assert found.lower[0] == -math.inf
    assert found.upper[0] == math.inf
    assert math.isnan(found.value[0]) == (low == high)


def test_a_quotient_by_the_sides_of_zero():
    found = enclosure_of(2, 2.5, 3) / enclosure_of(-4, -2, -1)
    np.testing.assert_allclose([found.lower[0], found.upper[0]], [-3, -0.5], rtol=1e-15)
    assert (1 / enclosure_of(2, 4, 8)).upper[0] == pytest.approx(0.5, rel=1e-14)


@pytest.mark.parametrize("exponent", [0.5, 3, -1, ONE])
def test_a_power_of_what_may_be_negative_is_nan(exponent):
    with np.errstate(all="ignore"):
        found = enclosure_of(-1e-300, 1, 2) ** exponent
    assert math.isnan(found.lower[0])
    assert math.isnan(found.upper[0])
    assert not decided(found)


@pytest.mark.parametrize("text", ["sqrt(x)", "log(x)", "geom(x, 3)"])
def test_a_function_outside_its_domain_is_nan(text):
    with np.errstate(all="ignore"):
        assert math.isnan(Formula(text).enclosure({"x": enclosure_of(-1.0, 0.5, 1.0)}, ONE).lower[0])


def test_powers_with_an_uncertain_or_negative_exponent():
    base = enclosure_of(1.5, 2, 2.5)
    for exponent in (enclosure_of(-1, 0, 3), -0.5, np.asarray([-0.5]), enclosure_of(-0.5, -0.5, -0.5)):
        found = base**exponent
        assert found.lower[0] <= found.value[0] <= found.upper[0]
    found = base ** enclosure_of(-1, 0, 3)
    np.testing.assert_allclose([found.lower[0], found.upper[0]], [0.4, 2.5**3], rtol=1e-14)


def test_a_square_that_reaches_zero():
    found = enclosure_of(-3, 1, 2) ** 2
    assert found.lower[0] == 0
    assert found.upper[0] == pytest.approx(9, rel=1e-14)
    assert Formula("abs(x)").enclosure({"x": enclosure_of(-3, 1, 2)}, ONE).lower[0] == 0


@pytest.mark.parametrize(
    ("text", "x"), [("x * x", 1e-200), ("x**2", -1e-200), ("x**400", 0.1), ("exp(x)", -800), ("1e-300 / x", 1e200)]
)
def test_an_underflow_to_zero_contains_what_was_lost(text, x):
    """Zero is not the value, so it must not be the upper end of a bound."""
    found = Formula(text).enclosure({"x": x * ONE}, ONE)
    assert found.value[0] == found.lower[0] == 0 < found.upper[0] <= 3e-308


@pytest.mark.parametrize("x", [0.3, 0.541666666666667, 0.7, 0.9])
@pytest.mark.parametrize("text", ["x**t", "exp(-t * x)", "x**t * 1e-3", "x**t / 1e3", "(x**(t / 2))**2"])
def test_a_number_below_the_smallest_normal_contains_its_truth(text, x):
    """There a rounding may be as large as the number itself, up or down."""
    like = np.ones(1, dtype=np.float32)
    x, formula = float(np.float32(x)), Formula(text)
    for t in range(30, 900, 7):
        found = formula.enclosure({"x": x * like, "t": t * like}, like)
        with ctx.workprec(400):
            assert contains(found, formula.ball({"x": point(x), "t": t})), t


def test_a_true_zero_stays_exact():
    for text in ("0 * x", "x * y", "y**2", "y**3", "y / x", "sqrt(y)", "y + 0"):
        found = Formula(text).enclosure({"x": 7.7 * ONE, "y": 0 * ONE}, ONE)
        assert found.lower[0] == found.value[0] == found.upper[0] == 0, text


@pytest.mark.parametrize("text", ["1 / log(exp(x))", "1e10 / (x * 1e308)", "min(x * 1e308, 1)"])
def test_an_overflow_decides_nothing_wrong(text):
    with np.errstate(all="ignore"):
        found = Formula(text).enclosure({"x": 800 * ONE}, ONE)
    with ctx.workprec(400):
        assert contains(found, Formula(text).ball({"x": 800}))


def test_nan_at_an_end_makes_both_comparisons_false():
    bad = Enclosure(ONE, np.asarray([math.nan]), ONE)
    for found in (bad + 1, 2 * bad, 1 / bad, bad**2, bad - bad):
        assert not (found.upper[0] <= 1e9) or not (found.lower[0] >= -1e9)
        assert math.isnan(found.lower[0])


# -------------------------------------------------------------------------------------------- numbers and the dtype


@pytest.mark.parametrize("number", [0.1, 1 / 3, 2**24 + 1, -1e-3, 1e-200, -1e-44])
def test_a_number_that_float32_does_not_hold_is_rounded_outwards(backend, number):
    like = Backend(backend.name, "float32").asarray([1.0])
    for x in (number, backend.asarray([number])):
        found = enclose(x, like)
        assert found.lower.dtype == like.dtype
        assert float(to_numpy(found.lower).reshape(-1)[0]) < number < float(to_numpy(found.upper).reshape(-1)[0])


@pytest.mark.parametrize("number", [0, 1, -3, 0.5, 2**24, 1.25e5])
def test_a_number_that_float32_holds_is_exact(backend, number):
    like = Backend(backend.name, "float32").asarray([1.0])
    for x in (number, backend.asarray([number])):
        found = enclose(x, like)
        assert float(to_numpy(found.lower).reshape(-1)[0]) == number == float(to_numpy(found.upper).reshape(-1)[0])


def test_integers_beyond_the_mantissa_are_not_taken_for_their_neighbours(backend):
    like = backend.asarray([1.0])
    big, small = backend.asarray([2**53 + 1]), backend.asarray([2**53])
    assert bool(to_numpy(enclose(small, like).upper == enclose(small, like).lower)[0])
    assert bool(to_numpy(enclose(big, like).lower < enclose(big, like).upper)[0])
    assert float(to_numpy(enclose(2**53 + 1, like).upper)) > 2**53


def test_enclosures_pass_and_records_are_plain():
    e = Enclosure.around(ONE, 0.25 * ONE)
    assert enclose(e, ONE) is e
    assert (e.lower[0], e.value[0], e.upper[0]) == (0.75, 1.0, 1.25)
    assert (e.ndim, e.shape) == (1, (1,))
    assert e.each(lambda x: x[None, :]).shape == (1, 1)
    assert Enclosure.exact(ONE).lower is ONE
    assert (2 - e).value[0] == 1.0
    np.testing.assert_allclose([(-e).lower[0], (-e).upper[0]], [-1.25, -0.75])
    falling = e.monotone(lambda x: 1 / x, decreasing=True)
    assert falling.lower[0] < falling.value[0] < falling.upper[0]


def test_it_runs_on_every_library(backend):
    x = backend.asarray([0.5, 1.0, 2.0])
    e = Enclosure.around(x, 0.01 * x)
    text = "(x + y) * x / y - x**2 + x**3 + abs(-x) + sqrt(x) + exp(x) + log(x) + max(x, 1) + min(x, 2) + geom(x, 4)"
    values = {"x": e, "y": backend.asarray([3, 4, 5])}
    found = Formula(text).enclosure(values, x)
    host = Backend("numpy")
    same = Formula(text).enclosure(
        {"x": e.each(lambda a: host.asarray(to_numpy(a))), "y": host.asarray([3, 4, 5])}, host.asarray([1.0])
    )
    assert found.value.device == backend.device
    for side in ("value", "lower", "upper"):
        np.testing.assert_allclose(to_numpy(getattr(found, side)), getattr(same, side), rtol=1e-14)
