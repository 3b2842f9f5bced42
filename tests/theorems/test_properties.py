"""At any admitted parameters, family and seed nothing that is expected to hold is violated."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args, get_origin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from theorems.sparse_coding import _instances as instances
from verify.checks import STATISTICAL
from verify.core.arrays import backend
from verify.core.theorem import Parameters, Theorem
from verify.engine import campaign, catalogue, trial

SIZES = {  # orders at which each dictionary exists
    "each": [0],
    "identity and Hadamard": [2, 16, 64],
    "conference": [5, 13, 29],
    "simplex": [2, 3, 11, 16],
    "affine Hadamard": [2, 4],
    "transversal": [3, 5, 9],
    "gaussian": [8],
}


def small(field: FieldInfo) -> st.SearchStrategy[Any]:
    """Values from the smallest allowed to the default; any of a list of choices; of a text the default."""
    if get_origin(field.annotation) is Literal:
        return st.sampled_from(get_args(field.annotation))
    if not isinstance(field.default, int | float):
        return st.just(field.default)
    limits = [getattr(m, "ge", None) for m in field.metadata]
    low = max((v for v in limits if v is not None), default=field.default)
    if isinstance(field.default, int):
        return st.integers(low, field.default)
    return st.floats(low, field.default, allow_subnormal=False)


@st.composite
def parameters(draw: Any, kind: type[Parameters]) -> Parameters:
    """Small parameters: below the defaults, and for a dictionary an order at which it exists."""
    chosen = {name: draw(small(field), label=name) for name, field in kind.model_fields.items()}
    if issubclass(kind, instances.DictionaryParams):
        chosen["n"] = draw(st.sampled_from(SIZES[chosen["dictionary"]]), label="n")
        chosen["k"] = draw(st.integers(0, 4), label="k")
    return kind(**chosen)


def replay(theorem: Theorem, p: Parameters, seed: int, size: int) -> str:
    """The command that draws the first ``size`` instances of every family."""
    shares = [theorem.shares.get(family, 1.0) for family in theorem.families]
    total = math.ceil(size * sum(shares) / min(shares))
    return campaign.command(theorem, p, campaign.Settings(seed=seed, instances=total, backend="numpy"))


@pytest.mark.parametrize("name", catalogue.names())
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_nothing_that_should_hold_is_violated(name, data):
    theorem = catalogue.load(name)
    p = data.draw(parameters(theorem.parameters), label="parameters")
    family = data.draw(st.sampled_from(sorted(theorem.families)), label="family")
    seed = data.draw(st.integers(0, 2**63 - 1), label="seed")
    size = data.draw(st.integers(4, 8), label="instances")
    evidence = trial.run_batch(theorem, p, family, 0, size, seed, backend("numpy"))
    where = f"family {family!r}; {replay(theorem, p, seed, size)}"
    for claim in theorem.claims:
        tally = evidence.tallies[claim.name][family]
        counted = tally.holds + tally.violated + tally.undecided + sum(tally.set_aside.values())
        assert tally.drawn == counted == size, f"{claim.name!r}: {tally}; {where}"
        if claim.expects == "holds" and not isinstance(claim.kind, STATISTICAL):
            assert not tally.violated, f"{claim.name!r}: {tally.violated} of {size} violated; {where}"


@pytest.mark.parametrize("name", catalogue.names())
def test_the_command_of_a_failure_draws_what_failed(name):
    """Every family gets at least the instances that were drawn."""
    theorem = catalogue.load(name)
    words = replay(theorem, theorem.parameters(), 7, 8).split()
    assert words[:4] == ["python", "-m", "verify", f"theorem={name}"]
    total = int(next(w for w in words if w.startswith("instances=")).split("=")[1])
    drawn = dict.fromkeys(theorem.families, 0)
    for family, start, stop in campaign.plan(theorem, campaign.Settings(instances=total)):
        drawn[family] += stop - start
    assert min(drawn.values()) >= 8
    assert "seed=7" in words
