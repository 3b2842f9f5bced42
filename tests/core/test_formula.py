"""A formula is refused or means the same everywhere: arrays, enclosures, balls, SymPy, text."""

import copy
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from flint import arb, ctx, fmpq
from hypothesis import given
from hypothesis import strategies as st

from verify.core.arrays import Backend, to_numpy
from verify.core.enclosure import Enclosure
from verify.core.formula import FUNCTIONS, Common, Formula, FormulaError, align

ONE = np.asarray([1.0])

# ---------------------------------------------------------------------------------------------------------- grammar

REFUSED = {
    "calls of methods": ["x.sum()", "sqrt(x)(y)", "(lambda: 1)()", "__import__('os').abort()", "f(x)", "eval(x)"],
    "attributes": ["x.y", "x.__class__", "().__class__.__bases__"],
    "subscripts": ["x[0]", "x[1:2]", "x[()]"],
    "lambdas and comprehensions": ["lambda: x", "lambda x: x", "[x for x in y]", "{x: y for x in z}", "(x for x in y)"],
    "text": ["'x'", "b'x'", "f'{x}'", "'a' * 3", "\"\"\"x\"\"\""],
    "comparisons and logic": ["x < 1", "x == y", "x in y", "not x", "x and y", "x or y", "x if y else z"],
    "keywords and stars": ["max(x, y, key=z)", "sqrt(x, **y)", "max(*x)", "max(**x)", "*x", "min(x, *y)"],
    "unknown functions": ["sin(x)", "open(x)", "Max(x, y)", "sqrt.sqrt(x)"],
    "wrong arity": ["sqrt()", "sqrt(x, y)", "max(x)", "max(x, y, z)", "geom(x)", "abs(x, y)"],
    "functions as names": ["sqrt", "max + 1", "sqrt(sqrt)", "geom(max, 3)"],
    "other operators": ["x // y", "x % y", "x @ y", "x & y", "x | y", "x ^ y", "x << 1", "~x", "+x"],
    "other constants": ["True", "None", "1j", "...", "x + False", "1e400", "x * 1e999"],
    "collections": ["[x]", "(x, y)", "{x}", "{x: y}", "()"],
    "statements": ["x = 1", "import os", "x; y", "del x", "x\ny", "(x := 1)", "await x", "yield x", "pass"],
    "nothing": ["", "   ", "#x", "()", "x +", "* x", "((x)", "x y", "2x", "x\x00"],
    "too much": ["(" * 500 + "x" + ")" * 500, "-" * 20000 + "x", "x + " * 20000 + "x", "9" * 9999],
}  # fmt: skip


@pytest.mark.parametrize("text", [t for texts in REFUSED.values() for t in texts], ids=lambda t: repr(t)[:40])
def test_what_is_not_of_the_grammar_is_refused(text):
    with pytest.raises(FormulaError):
        Formula(text)


def test_refusals_say_what_is_wrong():
    for text, words in (
        ("x * y.z", "'y.z' is not of the grammar"),
        ("1 + sin(x)", "unknown function sin; known are abs, exp"),
        ("max(x)", "max takes 2 arguments, not 1"),
        ("sqrt + 1", "sqrt is a function"),
        ("x +", "is not a formula"),
    ):
        with pytest.raises(FormulaError, match=re.escape(words)):
            Formula(text)


@given(st.text(max_size=30))
def test_any_text_is_a_formula_or_a_formula_error(text):
    try:
        formula = Formula(text)
    except FormulaError:
        return
    assert Formula(formula.text) == formula


def test_no_code_runs(tmp_path):
    target = tmp_path / "made"
    for text in (f"open({str(target)!r}, 'w')", f"__import__('pathlib').Path({str(target)!r}).touch()"):
        with pytest.raises(FormulaError):
            Formula(text)
    assert not target.exists()


# ------------------------------------------------------------------------------------------------- text, names, where


def test_names_come_in_the_order_of_appearance():
    assert Formula("b * a + sqrt(c - a) / b**t").names == ("b", "a", "c", "t")
    assert Formula("2 + 3").names == ()


MEANINGS = {
    "(a - b) - c": lambda a, b, c: (a - b) - c,
    "a - (b - c)": lambda a, b, c: a - (b - c),
    "-(a + b)": lambda a, b, c: -(a + b),
    "(-a)**2": lambda a, b, c: (-a) ** 2,
    "-a**2": lambda a, b, c: -(a**2),
    "a**b**c": lambda a, b, c: a**b**c,
    "(a**b)**c": lambda a, b, c: (a**b) ** c,
    "a / (b * c)": lambda a, b, c: a / (b * c),
    "2 * -a": lambda a, b, c: 2 * -a,
    "sqrt(a - b)": lambda a, b, c: math.sqrt(a - b),
    "1e-05 * a": lambda a, b, c: 1e-05 * a,
}


@pytest.mark.parametrize("text", MEANINGS)
def test_text_keeps_the_meaning(text):
    formula = Formula(text)
    values = {"a": 2.5, "b": 1.5, "c": 3.0}
    assert formula(values) == MEANINGS[text](**values)
    assert Formula(formula.text) == formula
    assert hash(Formula(formula.text)) == hash(formula)
    assert repr(formula) == f"Formula({formula.text!r})"
    assert formula != Formula("a")


def test_where_puts_numbers_names_and_formulas():
    bound = Formula("rho**t * size + geom(rho, t) * xi")
    assert bound.where(xi=0).text == "rho ** t * size + geom(rho, t) * 0"
    assert bound.where(rho="a + b").text == "(a + b) ** t * size + geom(a + b, t) * xi"
    assert bound.where(rho=-0.5, t=Formula("2 * t")).text == "(-0.5) ** (2 * t) * size + geom(-0.5, 2 * t) * xi"
    assert bound.where(size="xi", xi="size").text == "rho ** t * xi + geom(rho, t) * size"  # at once, not in turn
    assert bound.text == "rho**t * size + geom(rho, t) * xi".replace("**", " ** ")  # the original stays
    with pytest.raises(FormulaError, match="has no mu, nu; it has rho, t, size, xi"):
        bound.where(mu=1, nu=2, xi=0)
    with pytest.raises(FormulaError):
        bound.where(xi="__import__('os')")
    with pytest.raises(FormulaError):
        bound.where(xi=math.inf * 0 + 1j)


@given(a=st.integers(-9, 9), b=st.integers(-9, 9))
def test_where_is_substitution(a, b):
    formula = Formula("x - y * (x - 2*y)")
    assert formula.where(x=a, y=b)({}) == formula({"x": a, "y": b}) == formula.where(x="u - 1")({"u": a + 1, "y": b})


def test_a_missing_name_is_named():
    with pytest.raises(KeyError, match="xi"):
        Formula("a + xi")({"a": 1.0})


# ------------------------------------------------------------------------------------------------- one meaning of all

TEXTS = (
    "x + y * z",
    "(x - y) / (x + z)",
    "x**3 - y**t",
    "(x + y)**0.5 * z**(-2)",
    "x**(1/3)",
    "x**y",
    "-x**2 + abs(y - z)",
    "exp(-x) * log(1 + y)",
    "sqrt(x**2 + y**2 + z**2)",
    "max(x, y) - min(y, z)",
    "max(x, 1) + min(0.5, y)",
    "geom(x, t) * y + x**t * z",
    "2 * y / sqrt(4 + x * (4*t - 1))",
    "(1 + sqrt(5)) / 2 * x + 0.1",
    "(2 * x * sqrt(t) * y + sqrt(4 * x**2 * t * y**2 + z * (x * y**2 + (2*z + y)**2))) / z",
)
POSITIVE = st.floats(0.125, 8)


@pytest.mark.parametrize("text", TEXTS)
@given(x=POSITIVE, y=POSITIVE, z=POSITIVE, t=st.integers(1, 12))
def test_every_reading_of_a_formula_agrees(text, x, y, z, t):
    formula = Formula(text)
    values = {"x": x * ONE, "y": y * ONE, "z": z * ONE, "t": t * ONE}
    found = float(formula(values)[0])
    enclosure = formula.enclosure(values, ONE)
    numbers = {n: {"x": x, "y": y, "z": z, "t": t}[n] for n in formula.names}
    with ctx.workprec(200):
        ball = formula.ball({n: fmpq(*float(v).as_integer_ratio()) for n, v in numbers.items()})
        exact = float(ball.mid())
        # A double in the formula is read as that double by the ball, and as the decimal by SymPy.
        assert enclosure.lower[0] <= exact * (1 + math.copysign(2**-52, exact))
        assert exact * (1 - math.copysign(2**-52, exact)) <= enclosure.upper[0]
    assert enclosure.lower[0] <= found <= enclosure.upper[0]
    terms = Formula(text.replace(" - ", " + ").removeprefix("-"))  # the size of what may cancel
    assert float((enclosure.upper - enclosure.lower)[0]) <= 1e-13 * float(terms(values)[0])


@pytest.mark.parametrize("text", TEXTS)
def test_sympy_means_the_same(text):
    formula = Formula(text)
    expression = formula.sympy()
    rng = np.random.default_rng(3)
    for _ in range(3):
        values = {n: int(rng.integers(1, 9)) if n == "t" else float(rng.uniform(0.2, 4)) for n in formula.names}
        substituted = {symbol: values[symbol.name] for symbol in expression.free_symbols}
        wanted = float(formula({n: v * ONE for n, v in values.items()})[0])
        assert float(expression.subs(substituted)) == pytest.approx(wanted, rel=1e-12, abs=1e-12)


def test_a_ball_contains_the_value_of_uncertain_arguments():
    with ctx.workprec(100):
        ball = Formula("x * y - sqrt(x)").ball({"x": arb(2, 0.01), "y": 3})
        assert ball.contains(arb(2) * 3 - arb(2).sqrt())
        assert ball.rad() > 0.02


@pytest.mark.parametrize("text", TEXTS)
def test_every_reading_works_on_every_library(backend, text):
    host = Backend("numpy")
    columns = {"x": [0.5, 1.0, 2.0], "y": [3.0, 0.2, 1.0], "z": [1.0, 2.0, 0.7], "t": [1.0, 4.0, 3.0]}
    here = {n: backend.asarray(v) for n, v in columns.items()}
    there = {n: host.asarray(v) for n, v in columns.items()}
    formula = Formula(text)
    np.testing.assert_allclose(to_numpy(formula(here)), formula(there), rtol=1e-14)
    assert formula(here).device == backend.device


# ------------------------------------------------------------------------------------------------------------- geom


def geom(rho, t, name="numpy"):
    rho, t = (Backend(name).asarray([float(v)]) for v in (rho, t))
    return float(to_numpy(Formula("geom(r, t)")({"r": rho, "t": t}))[0])


@pytest.mark.parametrize("name", ["numpy", "strict"])
@pytest.mark.parametrize("t", [0, 1, 2, 3, 17, 500])
@pytest.mark.parametrize(
    "rho", [0, 5e-324, 1e-300, 1e-17, 1e-3, 0.3, 0.5, 0.9, 1 - 2**-53, 1, 1 + 2**-52, 1 + 1e-9, 1.5, 2, 4]
)
def test_geom_is_the_sum(rho, t, name):
    with ctx.workprec(300):
        wanted = float(sum((arb(fmpq(*float(rho).as_integer_ratio())) ** i for i in range(t)), arb(0)).mid())
    slack = 4 * 2.0**-52 * (2 + t * math.log(max(rho, 1)))  # that of the enclosure
    assert geom(rho, t, name) == pytest.approx(wanted, rel=slack, abs=0)
    found = Formula("geom(r, t)").enclosure({"r": rho * ONE, "t": t * ONE}, ONE)
    assert found.lower[0] <= wanted <= found.upper[0]


def test_geom_below_zero_and_of_numbers():
    assert math.isnan(geom(-0.5, 3))
    rho = np.asarray([0.5, 1.0, 2.0])
    np.testing.assert_allclose(Formula("geom(r, 3)")({"r": rho}), [1.75, 3, 7], rtol=1e-15)
    np.testing.assert_allclose(Formula("geom(0.5, t)")({"t": np.asarray([1.0, 2.0])}), [1, 1.5], rtol=1e-15)


def test_geom_of_an_interval_around_one():
    rho = Enclosure(ONE, ONE - 0.1, ONE + 0.1)
    found = Formula("geom(r, 10)").enclosure({"r": rho}, ONE)
    assert found.value[0] == 10
    assert found.lower[0] == pytest.approx((1 - 0.9**10) / 0.1, rel=1e-12)
    assert found.upper[0] == pytest.approx((1.1**10 - 1) / 0.1, rel=1e-12)


# ------------------------------------------------------------------------------------------------ shapes and dtypes


def test_the_batch_meets_the_batch(backend):
    """(B,) with (B, T) by the first axis, also where B = T, and a shared (1, T)."""
    b, t = backend.asarray([10.0, 20.0, 30.0]), backend.asarray([[1.0, 2.0, 3.0]])
    both = backend.asarray([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])
    host = {"b": np.asarray([[10.0], [20.0], [30.0]]), "t": to_numpy(t), "m": to_numpy(both)}
    formula = Formula("b * m + geom(0.5, t) + max(b, t)")
    wanted = Formula("b * m + 2 - 2 * 0.5**t + max(b, t)")(host)
    values = {"b": b, "t": t, "m": both}
    np.testing.assert_allclose(to_numpy(formula(values)), wanted, rtol=1e-14)
    found = formula.enclosure({**values, "b": Enclosure.exact(b)}, both)
    np.testing.assert_allclose(to_numpy(found.value), wanted, rtol=1e-14)
    assert found.shape == (3, 3)


def test_align_adds_axes_at_the_end():
    aligned = align({"a": np.ones(3), "b": np.ones((3, 2, 4)), "c": Enclosure.exact(np.ones((3, 2))), "d": 5})
    assert aligned["a"].shape == (3, 1, 1)
    assert aligned["b"].shape == (3, 2, 4)
    assert aligned["c"].shape == (3, 2, 1)
    assert aligned["d"] == 5


def test_integers_stay_integers(backend):
    n = backend.asarray([3, 50])
    found = Formula("n * (n - 1) + 2 * max(n, 7)")({"n": n})
    assert found.dtype == backend.xp.int64
    np.testing.assert_array_equal(to_numpy(found), [20, 2550])
    assert Formula("2**n + 1")({"n": 70}) == 2**70 + 1


@pytest.mark.parametrize("text", ["max(n, 0.5)", "min(n, 0.5)", "max(2.5, n)"])
def test_a_fraction_beside_an_integer_is_not_cut_off(text):
    n = np.asarray([0, 1, 9])
    pick = max if "max" in text else min
    number = 2.5 if "2.5" in text else 0.5
    np.testing.assert_array_equal(Formula(text)({"n": n}), [pick(number, int(v)) for v in n])


def test_an_enclosure_has_the_dtype_and_device_of_its_like(backend):
    like = Backend(backend.name, "float32").asarray([1.0, 2.0])
    found = Formula("n / 3 + x").enclosure({"n": backend.asarray([1, 2]), "x": 0.1}, like)
    for end in (found.value, found.lower, found.upper):
        assert end.dtype == like.dtype
        assert end.device == like.device
    constant = Formula("1 + 1").enclosure({}, like)
    assert constant.lower.dtype == like.dtype


# ------------------------------------------------------------------------------------------------------ common parts

BOUNDS = ("2 * sqrt(x * y) + z", "sqrt(x * y) / z", "exp(-z) * (x * y)", "sqrt(x * y) / z", "x * y * 1.0", "x - y")


def test_what_formulas_share_is_computed_once_and_changes_nothing(backend, monkeypatch):
    rng = np.random.default_rng(0)
    x, y, z = (backend.asarray(rng.uniform(0.5, 2, 5)) for _ in range(3))
    values = {"x": Enclosure.around(x, 0.01 * x), "y": y, "z": z}
    alone = [Formula(text).enclosure(values, x) for text in BOUNDS]
    roots = []
    counted = replace(FUNCTIONS["sqrt"], enclosure=lambda v: roots.append(v) or v.monotone(backend.xp.sqrt))
    monkeypatch.setitem(FUNCTIONS, "sqrt", counted)
    formulas = [Formula(text) for text in BOUNDS]
    common = Common(formulas)
    for formula, wanted in zip(formulas, alone, strict=True):
        found = formula.enclosure(values, x, common)
        for end in ("value", "lower", "upper"):
            np.testing.assert_array_equal(to_numpy(getattr(found, end)), to_numpy(getattr(wanted, end)))
    assert len(roots) == 1
    assert len(common.parts) == 3  # x * y, its root, and the quotient that is there twice
    assert len(common.results) == 3


def test_a_part_is_shared_only_in_its_own_shape_and_dtype():
    """(B,) beside (B, T) is (B, 1) there; a bound of float32 is not one of float64."""
    b, m = np.asarray([1.0, 2.0]), np.ones((2, 3))
    short, long = Formula("sqrt(b)"), Formula("sqrt(b) * m")
    common = Common([short, long, short])
    assert short.enclosure({"b": b}, b, common).shape == (2,)
    assert long.enclosure({"b": b, "m": m}, m, common).shape == (2, 3)
    single = b.astype(np.float32)
    assert short.enclosure({"b": b}, single, common).value.dtype == np.float32
    assert short.enclosure({"b": b}, b, common).value.dtype == np.float64


def test_a_copied_formula_shares_as_the_original_does():
    """As one does that was sent to a worker: both are made anew from the text."""
    formulas = [Formula("2 * sqrt(x * y)"), Formula("3 * sqrt(x * y)")]
    Common(formulas)  # which numbers the parts of the originals
    copies = copy.deepcopy(formulas)
    assert copies == formulas
    assert copies[0] is not formulas[0]
    assert Common(copies).parts == Common(formulas).parts
    assert len(Common(copies).parts) == 1
    found = [formula.enclosure({"x": ONE, "y": 4 * ONE}, ONE, Common(copies)).value[0] for formula in copies]
    assert found == [4, 6]


# ------------------------------------------------------------------------------------------------------------ LaTeX


@pytest.mark.parametrize("text", [*TEXTS, *(f"{n}({', '.join('xyz'[: f.arity])})" for n, f in FUNCTIONS.items())])
def test_latex_has_no_macro_that_github_refuses(text):
    latex = Formula(text).latex({"x": r"\rho"})
    assert r"\operatorname" not in latex
    assert latex.count("{") == latex.count("}")
    if "x" in Formula(text).names:
        assert r"\rho" in latex


def test_latex_uses_the_symbols():
    latex = Formula("rho**t * size").latex({"rho": r"\rho", "size": r"\|h_0\|"})
    assert sorted(latex.split()) == [r"\rho^{t}", r"\|h_0\|"]
    assert Formula("2 * eps / 3").latex({"eps": r"\varepsilon"}) == r"\frac{2 \varepsilon}{3}"
