"""The records a theorem is made of."""

import dataclasses

import pytest
from pydantic import Field, ValidationError

from tests.engine import toys
from verify import Claim, Every, Formula, Parameters, Reference, Source, control, misreading
from verify.core.theorem import Theorem

BOUND = Formula("a * b")
SOURCE = Source(Reference("doe2020", "J. Doe", "A Bound", "Journal", 2020), "Theorem 1")


class Params(Parameters):
    n: int = Field(3, ge=1, le=9, description="size")


@pytest.mark.parametrize("bad", [{"n": 0}, {"n": 10}, {"n": "x"}, {"m": 1}, {"n": float("nan")}])
def test_parameters_refuse_what_is_out_of_range_or_unknown(bad):
    with pytest.raises(ValidationError):
        Params(**bad)


def test_parameters_are_frozen():
    with pytest.raises(ValidationError):
        Params().n = 4  # type: ignore[misc]


def test_a_control_is_a_claim_expected_to_be_refuted():
    made = control("half", Every(), "error", BOUND, ("given",), "it is attained")
    assert (made.origin, made.expects, made.because, made.given) == (
        "control",
        "refuted",
        "it is attained",
        ("given",),
    )


def test_a_misreading_has_the_key_of_its_document():
    made = misreading(
        "slide",
        Every(),
        "error",
        BOUND,
        (),
        source=SOURCE,
        grade="loose",
        reading="as printed",
        because="it fails",
        holds_when="squared",
    )
    assert (made.origin, made.expects, made.grade, made.source) == ("doe2020", "refuted", "loose", SOURCE)


def test_shares_are_of_families():
    with pytest.raises(ValueError, match="shares of hrad; its families are plain, hard"):
        _theorem(shares={"hard": 0.5, "hrad": 0.5})


def _theorem(**changes):
    model = next(t for t in vars(toys).values() if isinstance(t, Theorem))
    return dataclasses.replace(model, **changes)


def test_a_theorem_needs_a_plain_name_and_claims_of_different_names():
    with pytest.raises(ValueError, match="lower-case"):
        _theorem(name="My Bound")
    twice = (Claim("bound", Every(), "error", BOUND),) * 2
    with pytest.raises(ValueError, match="repeated: bound"):
        _theorem(claims=twice)


def test_an_unknown_claim_is_answered_with_the_known_ones():
    theorem = _theorem()
    with pytest.raises(KeyError, match=theorem.claims[0].name):
        theorem.claim("no such claim")


def test_the_docstring_is_that_of_the_module_of_the_sampler():
    assert _theorem().docstring.startswith(toys.__doc__.strip().splitlines()[0])
