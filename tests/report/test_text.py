import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verify.report import text


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (10240, "10,240"),
        (0.9983, "0.9983"),
        (3.2e-9, "3.2e-09"),
        (7.0, "7"),
        (0, "0"),
        (12345.6, "12,350"),
        (999.96, "1,000"),
        (123456789, "123,456,789"),
        (math.nan, "–"),
        (None, "–"),
        (-math.inf, "-∞"),
    ],
)
def test_numbers(value, written):
    assert text.number(value) == written


@given(st.floats(0.5, 2.0))
def test_a_ratio_reads_as_one_only_when_it_is_one(x):
    assert (text.ratio(x) == "1") == (x == 1)


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_apart_stay_apart_and_in_order(a, b):
    written = [float(w) for w in text.apart(a, b)]
    assert (written[0] < written[1]) == (a < b)


@given(st.integers(-999, 999), st.integers(0, 4))
def test_short_decimals_of_a_witness_are_exact(digits, places):
    value = digits / 10**places
    assert float(text.entry(value)) == value


def test_long_decimals_are_cut_to_six_digits():
    assert text.entry(1 / 3) == "0.333333"
    assert text.entry(123456789) == "123456789"


def test_values():
    assert text.value(0.123456789) == "0.123457"
    assert text.value(12345) == "12,345"
    assert text.value("a/b") == "a/b"
    assert text.value(True) == "True"
    assert text.value([[1, 2.5], [], None, math.nan]) == "[[1, 2.5], [], –, –]"
    assert text.value(list(range(text.LISTED))).endswith(", 23]")
    assert text.value(list(range(1000))).endswith(", 23, … 1,000 in all]")


def test_arrays():
    assert text.latex_array([[1, 0.5], [-2e-7, 0]]) == (
        r"\begin{bmatrix} 1 & 0.5 \\ -2 \cdot 10^{-7} & 0 \end{bmatrix}"
    )
    assert text.latex_array([0.7, 1.0]) == r"\left(0.7,\; 1\right)"
    assert text.latex_array([[[1]], [[2]]]).count("bmatrix") == 4
    assert text.latex_array(3.0) == "3"
    assert text.latex_array([]) == r"\left(\right)"
    assert text.latex_array(json.loads("[1, NaN]")) == r"\left(1,\; \text{–}\right)"


def test_a_cell_has_no_bare_bar_and_one_line():
    written = text.cell("a | b\n$`\\left|x\\right| + \\|y\\| + |z| \\\\ |w|`$ `p|q`")
    assert written.replace(r"\|", "").count("|") == 0
    assert "\n" not in written
    assert r"$`\left\lvert x\right\rvert{} + \Vert{}y\Vert{} + \vert{}z\vert{} \\ \vert{}w\vert{}`$" in written


def test_macros_that_github_refuses():
    written = text.github(r"\operatorname{sign} \operatorname*{arg} \mbox{a} \phantom{xx} \mboxes")
    assert written == r"\mathrm{sign} \mathrm{arg} \text{a} \; \mboxes"


def test_names_are_shown_letter_by_letter():
    assert text.plain("rho**t [x] <b> f(Z) <= R a_1 _b_") == r"rho\*\*t \[x\] \<b> f(Z) <= R a_1 \_b\_"
    assert text.plain(r"$`\rho_*`$ `a*b`") == r"$`\rho_*`$ `a*b`"
