"""`verify.testing`: one line makes the tests of a theorem, and they fail where the theorem is wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from pydantic import Field, model_validator

from verify import checks, new, testing
from verify.core.theorem import Parameters
from verify.engine import catalogue

pytest_plugins = ["pytester"]
ROOT = Path(__file__).resolve().parent.parent
ITEMS = [*(f"test_{rule.replace(' ', '_')}" for rule in checks.RULES), "test_nothing_that_should_hold_is_violated"]


@pytest.fixture
def own(pytester, monkeypatch):
    """A folder of the user's own with a theorem, and pytest as the user runs it: the outcome by test."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    new.write("my_bound", pytester.path)

    def run(text, *changes):
        path = pytester.path / "my_bound.py"
        for old, fresh in changes:
            assert path.read_text().count(old) == 1
            path.write_text(path.read_text().replace(old, fresh))
        pytester.makepyfile(test_my_bound=text)
        done = pytester.runpytest_subprocess("-v", "-rfs", "-p", "no:cacheprovider")
        lines = (re.match(r"test_my_bound\.py::(\w+)::(\w+) (PASSED|FAILED|SKIPPED)", line) for line in done.outlines)
        return {found[2]: found[3] for found in lines if found}, done

    return run


LINE = 'from verify.testing import suite\n\ntest_my_bound = suite("my_bound.py", examples=5)\n'
CLASS = 'from verify.testing import suite\n\n\nclass TestMine(suite("my_bound.py", examples=5)):\n    pass\n'


@pytest.mark.parametrize("text", [LINE, CLASS], ids=["line", "class"])
def test_every_rule_and_the_property_is_a_test(text, own):
    outcomes, done = own(text)
    assert list(outcomes) == ITEMS
    assert set(outcomes.values()) - {"SKIPPED"} == {"PASSED"}
    assert [name for name, word in outcomes.items() if word == "SKIPPED"] in ([], ["test_gpu_backend"])
    assert done.ret == 0


def test_a_broken_rule_fails_its_own_test_with_one_line(own):
    outcomes, done = own(LINE, ('"n - 1 for n", Every(), "sum", BOUND.where(n="n - 1")', '"n", Every(), "sum", BOUND'))
    assert [name for name, word in outcomes.items() if word == "FAILED"] == ["test_as_expected"]
    done.stdout.fnmatch_lines(["failed  as expected: 'n' is no violation, refuted expected"])
    assert done.ret == 1


def test_the_property_finds_what_fails_at_other_parameters_only(own):
    """The bound is right at the default n = 6 and wrong below, so that every rule is kept."""
    outcomes, done = own(LINE, ('Formula("sqrt(n) * length + delta")', 'Formula("sqrt(n * n / 6) * length + delta")'))
    assert [name for name, word in outcomes.items() if word == "FAILED"] == [ITEMS[-1]]
    done.stdout.re_match_lines(
        [r".*'sum of magnitudes': \d of \d violated; .*python -m verify theorem=.*my_bound.py n="]
    )


def test_a_theorem_that_is_not_there_stops_the_collection_with_its_reason(own):
    _, done = own(LINE.replace("my_bound.py", "none.py"))
    assert done.ret == pytest.ExitCode.INTERRUPTED
    done.stdout.fnmatch_lines(["*none.py: no such file"])


def test_a_theorem_of_the_catalogue_by_its_name(own):
    outcomes, _ = own('from verify.testing import suite\n\ntest_it = suite("ista_form", examples=1)\n')
    assert list(outcomes) == ITEMS
    assert "FAILED" not in outcomes.values()


def test_a_path_is_relative_to_the_file_that_calls(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    new.write("my_bound", tmp_path)
    with pytest.raises(catalogue.CatalogueError, match=re.escape(str(Path(__file__).parent / "my_bound.py"))):
        testing.suite("my_bound.py")
    assert testing.suite(tmp_path / "my_bound.py").__doc__ == "The rules and the property of my_bound."


# ------------------------------------------------------------------------------------------------- the strategies


class Sizes(Parameters):
    d: int = Field(9, ge=2, description="")
    m: int = Field(5, gt=1, le=8, description="")
    step: float = Field(0.5, gt=0, le=2, description="")
    shift: float = Field(0.0, ge=-3, description="")
    level: float = Field(0.25, description="")
    shape: Literal["ball", "cube"] = Field("ball", description="")
    exact: bool = Field(False, description="")
    file: str | None = Field(None, description="")
    weights: tuple[float, ...] = Field(default_factory=lambda: (1.0, 2.0), description="")

    @model_validator(mode="after")
    def fewer(self):
        if self.m > self.d:
            raise ValueError("m <= d")
        return self


@given(p=testing.parameters(Sizes))
def test_parameters_lie_between_the_least_allowed_and_the_default(p):
    assert 2 <= p.m <= 5
    assert p.m <= p.d <= 9
    assert 0 < p.step <= 0.5
    assert -3 <= p.shift <= 0
    assert (p.level, p.file, p.weights) == (0.25, None, (1.0, 2.0))


@pytest.mark.parametrize(
    "reached",
    [
        lambda p: p.d == p.m == 2,
        lambda p: (p.d, p.m) == (9, 5),
        lambda p: p.shape == "cube" and p.exact,
        lambda p: p.step < 1e-3,
        lambda p: p.shift == -3,
    ],
)
def test_both_ends_and_every_choice_are_drawn(reached):
    find(testing.parameters(Sizes), reached, settings=settings(max_examples=5000))


def test_a_field_may_have_its_own_strategy():
    points = testing.parameters(Sizes, d=st.just(40), m=st.sampled_from([3, 8]))
    assert find(points, lambda p: p.m == 8).d == 40
    with pytest.raises(NoSuchExample):
        find(points, lambda p: p.m not in (3, 8) or p.d != 40)


@st.composite
def dictionaries(draw, kind):
    """Parameters that hang together: the size is one at which the dictionary exists."""
    name, sizes = draw(st.sampled_from([("conference", [5, 13]), ("simplex", [2, 3])]))
    fields = {"dictionary": st.just(name), "n": st.sampled_from(sizes), "k": st.integers(0, 4)}
    return draw(testing.parameters(kind, **fields))


@given(data=st.data())
@settings(max_examples=3, suppress_health_check=[HealthCheck.too_slow])
def test_the_property_serves_theorems_whose_parameters_hang_together(data):
    theorem = catalogue.load("bp_noiseless")
    testing.nothing_is_violated(theorem, data, dictionaries(theorem.parameters))
