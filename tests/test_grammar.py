from typing import Annotated, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, model_validator

from verify.core.theorem import Parameters
from verify.grammar import POINTS_MAX, RunOptions, UsageError, allowed, clashes, points, run_options, split, suggest


class Params(Parameters):
    m: int = Field(3, ge=1, le=900, description="rows")
    noise: float = Field(1.0, gt=0, description="size of the noise")
    widths: tuple[Annotated[int, Field(ge=1)], ...] = Field((1,), min_length=1, description="layer widths")
    order: Literal[1, 2] = 1
    fast: bool = False
    norm: Literal["l1", "l2", "max"] = "l1"


def mistakes(**given):
    with pytest.raises(UsageError) as error:
        points(Params, given, "toy")
    assert error.value.exit_code == 2
    return error.value.mistakes


def test_split_cuts_at_the_first_equals_sign():
    assert split(["out=a=b", "m="]) == ({"out": "a=b", "m": ""}, [])


def test_split_refuses_repeats_bare_words_and_missing_keys_together():
    given, wrong = split(["m=1", "m=2", "=3", "word"])
    assert given == {"m": "1"}
    assert len(wrong) == 3
    assert "given before" in wrong[0]
    assert "no key" in wrong[1]
    assert "key=value" in wrong[2]


def test_no_keys_is_the_default_point():
    assert points(Params, {}) == [Params()]


def test_sweeps_are_the_product_in_the_order_given_the_last_key_fastest():
    found = points(Params, {"noise": "1,2.5", "m": "5..7,9"})
    assert [(p.noise, p.m) for p in found] == [(n, m) for n in (1.0, 2.5) for m in (5, 6, 7, 9)]


def test_ranges_include_both_ends_and_may_be_one_number():
    assert [p.m for p in points(Params, {"m": "4..4"})] == [4]


def test_brackets_are_one_value_and_a_comma_between_them_sweeps():
    assert [p.widths for p in points(Params, {"widths": "[1..3,8],[4]"})] == [(1, 2, 3, 8), (4,)]


def test_values_of_each_type():
    (p,) = points(Params, {"noise": "1e-3", "order": "2", "fast": "true", "norm": "max"})
    assert (p.noise, p.order, p.fast, p.norm) == (1e-3, 2, True, "max")


def test_a_point_asked_for_twice_is_run_once():
    assert len(points(Params, {"m": "1,01,1..2"})) == 2


def test_run_options_are_passed_over():
    assert points(Params, {"seed": "3", "theorem": "toy"}) == [Params()]


def test_every_mistake_is_reported_with_value_range_and_origin():
    wrong = mistakes(m="-1", noise="nan", order="3", norm="l3", widths="[1,0]", fast="maybe")
    assert wrong == [
        "m=-1: allowed is an integer >= 1 and <= 900 (parameter of toy: rows)",
        "noise=nan: allowed is a finite number > 0 (parameter of toy: size of the noise)",
        "order=3: allowed is 1 or 2 (parameter of toy)",
        "norm=l3: allowed is one of l1, l2, max (parameter of toy)",
        "widths=[1,0]: allowed is a list [..], each an integer >= 1, at least 1 entries long "
        "(parameter of toy: layer widths)",
        "fast=maybe: allowed is true or false (parameter of toy)",
    ]


def test_a_bad_cell_of_a_sweep_is_reported_once():
    assert len(mistakes(m="0,3", noise="1,2,3")) == 1


@pytest.mark.parametrize("text", ["1_0", " 7 ", "7 ", "", "1,", "0x10", "٣", "five", "5.5", "9" * 5000, "[1]", "1..x"])
def test_integers_are_written_plainly(text):
    assert "an integer" in mistakes(m=text)[0]


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e400", "1_0.5", " 1", "", "1e", "0", "-2"])
def test_numbers_are_finite_and_written_plainly(text):
    assert "a finite number > 0" in mistakes(noise=text)[0]


@pytest.mark.parametrize(("text", "hint"), [("1e2", "write m=100"), ("5.0", "write m=5")])
def test_a_hint_for_integers_written_as_floats(text, hint):
    assert hint in mistakes(m=text)[0]


@pytest.mark.parametrize("key", ["M", "mm", "--m", "nois", "Widths"])
def test_an_unknown_key_is_answered_with_the_nearest(key):
    (line,) = mistakes(**{key: "3"})
    assert "toy has no parameter" in line
    assert "did you mean" in line


def test_a_run_option_misspelt_is_suggested_too():
    assert "did you mean seed" in mistakes(sead="3")[0]


def test_an_unknown_key_and_a_bad_value_are_reported_together():
    assert len(mistakes(kk="3", m="0")) == 2


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[1,[2]", "do not match"),
        ("1]", "do not match"),
        ("][", "do not match"),
        ("[" * 400 + "]" * 400, "nested more than"),
        ("5..3", "write 3..5"),
        (f"1..{POINTS_MAX + 1}", "at most"),
        ("0..999999999999999999", "at most"),
        ("[5..3]", "write 3..5"),
    ],
)
def test_brackets_and_ranges_that_cannot_be_read(text, why):
    assert why in mistakes(m=text)[0]


def test_a_sweep_of_too_many_points_is_refused_before_it_is_made():
    (line,) = mistakes(m="1..900", noise="1..900")
    assert "810,000 points" in line
    assert "10,000" in line


def test_a_rule_of_the_whole_record_names_the_point():
    class Ordered(Parameters):
        k: int = 1
        m: int = 2

        @model_validator(mode="after")
        def _order(self):
            if self.k > self.m:
                raise ValueError("k is at most m")
            return self

    with pytest.raises(UsageError) as error:
        points(Ordered, {"k": "1,5,6", "m": "3"}, "toy")
    assert error.value.mistakes == [
        "k=5 m=3: k is at most m (parameter of toy)",
        "k=6 m=3: k is at most m (parameter of toy)",
    ]


def test_a_required_parameter_is_asked_for():
    class Required(Parameters):
        k: int = Field(ge=1, description="non-zeros")

    with pytest.raises(UsageError, match=r"k is missing: allowed is an integer >= 1 \(parameter of toy: non-zeros\)"):
        points(Required, {}, "toy")


def test_a_parameter_named_as_a_run_option_is_a_mistake_of_the_theorem():
    class Clash(Parameters):
        seed: int = 1
        k: int = 1

    assert clashes(Clash) == ["seed"]
    assert clashes(Params) == []
    with pytest.raises(UsageError, match="its parameter seed has the name of a run option"):
        points(Clash, {"k": "1"})


def test_run_options_read_durations_and_lists_of_names():
    options = run_options({"theorem": "a,my_bound.py", "budget": "1.5m", "seed": "7", "k": "passed over"})
    assert options.theorem == ("a", "my_bound.py")
    assert (options.budget, options.seed, options.out) == (90.0, 7, "reports")
    assert [run_options({"theorem": "a", "budget": b}).budget for b in ("30s", "10m", "2h")] == [30, 600, 7200]


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("seed", "-1"),
        ("seed", str(2**64)),
        ("seed", "1,2"),
        ("instances", "0"),
        ("instances", "1e9999"),
        ("batch", "0"),
        ("budget", "90"),
        ("budget", "0s"),
        ("budget", "-3s"),
        ("budget", "inf"),
        ("budget", "9" * 400 + "h"),
        ("backend", "torch"),
        ("dtype", "float16"),
        ("out", ""),
        ("format", "xml"),
        ("theorem", ""),
        ("theorem", "a,,b"),
    ],
)
def test_run_options_have_ranges(key, text):
    with pytest.raises(UsageError) as error:
        run_options({"theorem": "a", key: text})
    (line,) = error.value.mistakes
    assert line.startswith(f"{key}=")
    assert "allowed is" in line
    assert "run option" in line


def test_run_options_report_together_and_say_that_they_are_not_swept():
    with pytest.raises(UsageError) as error:
        run_options({"seed": "1,2", "batch": "0"})
    assert [line.split(":")[0] for line in error.value.mistakes] == ["seed=1,2", "batch=0", "theorem is missing"]
    assert "only parameters are swept" in error.value.mistakes[0]


def test_allowed_names_types_without_ranges():
    class Plain(Parameters):
        pair: tuple[int, float] = (1, 2.0)
        word: str = Field("x", pattern="[a-z]+")
        maybe: int | None = None

    words = [allowed(f) for f in Plain.model_fields.values()]
    assert words == ["a list of 2: [an integer, a finite number]", "a text of the form [a-z]+", "an integer"]


def test_suggest_ignores_case_and_dashes():
    assert suggest("--Theorm", RunOptions.model_fields)[0] == "theorem"
    assert suggest("zzzz", RunOptions.model_fields) == []


# Texts near the grammar's own letters reach further than arbitrary ones; both are tried.
TEXT = st.text(st.sampled_from("0123456789.,[]=-+eE_ nai\ud800٣"), max_size=24) | st.text(max_size=12)
KEY = st.sampled_from([*Params.model_fields, *RunOptions.model_fields, "k"]) | st.text(max_size=8)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(KEY, TEXT), max_size=4))
def test_any_text_gives_points_or_a_usage_error(pairs):
    given, wrong = split([f"{key}={text}" for key, text in pairs])
    for read in (lambda: points(Params, given, "toy"), lambda: run_options(given)):
        lines: list[str] = ["fine"]
        try:
            read()
        except UsageError as error:
            lines = error.mistakes
        assert lines
        assert all("\n" not in line for line in [*lines, *wrong])


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(1, 900), min_size=1, max_size=5, unique=True),
    st.lists(st.floats(1e-300, 1e300), min_size=1, max_size=5, unique=True),
)
def test_what_is_written_is_what_is_read(ms, noises):
    given = {"m": ",".join(map(str, ms)), "noise": ",".join(map(repr, noises))}
    assert [(p.m, p.noise) for p in points(Params, given)] == [(m, n) for m in ms for n in noises]


@pytest.mark.parametrize(
    ("text", "size"), [("500M", 500 * 2**20), ("2G", 2**31), ("1.5GB", 3 * 2**29), ("0.25T", 2**38), ("1M", 2**20)]
)
def test_sizes(text, size):
    assert run_options({"theorem": "toy", "memory": text}).memory == size


@pytest.mark.parametrize("text", ["2", "G", "-1G", "0.1M", "2g", "1e3M", "infG"])
def test_what_is_no_size(text):
    with pytest.raises(UsageError, match="memory="):
        run_options({"theorem": "toy", "memory": text})


@pytest.mark.parametrize(
    "name",
    ["auto", "serial", "processes", "processes:4", "joblib:2", "dask:local", "dask:local:3", "dask:tcp://a.b:8786"],
)
def test_executors(name):
    assert run_options({"theorem": "toy", "executor": name}).executor == name


def test_a_limit_needs_a_process_to_end():
    with pytest.raises(UsageError, match="a limit ends the process of a batch; take executor=processes or dask"):
        run_options({"theorem": "toy", "executor": "serial", "limit": "5s"})
    assert run_options({"theorem": "toy", "limit": "5s"}).limit == 5
