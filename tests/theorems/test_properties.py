"""At any admitted parameters, family and seed nothing that is expected to hold is violated."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theorems.sparse_coding import _instances as instances
from verify import testing
from verify.core.theorem import Parameters
from verify.engine import campaign, catalogue

SIZES = {  # orders at which each dictionary exists
    "each": [0],
    "identity and Hadamard": [2, 16, 64],
    "conference": [5, 13, 29],
    "simplex": [2, 3, 11, 16],
    "affine Hadamard": [2, 4],
    "transversal": [3, 5, 9],
    "gaussian": [8],
}


@st.composite
def with_dictionary(draw: Any, kind: type[Parameters]) -> Parameters:
    """Small parameters, and an order at which the dictionary exists."""
    name = draw(st.sampled_from(sorted(SIZES)), label="dictionary")
    fields = {"dictionary": st.just(name), "n": st.sampled_from(SIZES[name]), "k": st.integers(0, 4)}
    return draw(testing.parameters(kind, **fields))


@pytest.mark.parametrize("name", catalogue.names())
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_nothing_that_should_hold_is_violated(name, data):
    theorem = catalogue.load(name)
    kind = theorem.parameters
    points = with_dictionary(kind) if issubclass(kind, instances.DictionaryParams) else testing.parameters(kind)
    testing.nothing_is_violated(theorem, data, points)


@pytest.mark.parametrize("name", catalogue.names())
def test_the_command_of_a_failure_draws_what_failed(name):
    """Every family gets at least the instances that were drawn."""
    theorem = catalogue.load(name)
    words = testing.command(theorem, theorem.parameters(), 7, 8).split()
    assert words[:4] == ["python", "-m", "verify", f"theorem={name}"]
    total = int(next(w for w in words if w.startswith("instances=")).split("=")[1])
    drawn = dict.fromkeys(theorem.families, 0)
    for family, start, stop in campaign.plan(theorem, campaign.Settings(instances=total)):
        drawn[family] += stop - start
    assert min(drawn.values()) >= 8
    assert "seed=7" in words
