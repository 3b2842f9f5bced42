r"""Tests of a theorem in one line, for pytest: every rule of :mod:`verify.checks` and one property.

    from verify.testing import suite

    test_my_bound = suite("my_bound.py")        # or: class TestMyBound(suite("my_bound.py")): ...

Each rule is a test of its own, ``test_my_bound::test_strict_backend`` for one. The property is that at any admitted
parameters, family and seed nothing that is expected to hold is violated; Hypothesis draws them (:func:`parameters`).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from verify import checks
from verify.core.arrays import backend
from verify.core.theorem import Parameters, Theorem
from verify.engine import campaign, catalogue, trial


def suite(theorem: str | Path, examples: int = 15) -> type:
    """A class of tests for the theorem of that name, or of that file; a path is relative to the file that calls.

    ``examples`` is how many points the property draws. Raises :class:`verify.engine.catalogue.CatalogueError` when
    there is no such theorem.
    """
    where = str(theorem)
    if where.endswith(".py"):
        caller = sys._getframe(1).f_globals.get("__file__")
        where = str(Path(caller).resolve().parent / where) if caller else where
    name = catalogue.load(where).name

    # Pytest takes a class that says it is a test whatever its name is.
    body: dict[str, Any] = {"__doc__": f"The rules and the property of {name}.", "__test__": True}
    for rule in checks.RULES:
        body[f"test_{rule.replace(' ', '_')}"] = _rule(rule, where)
    body["test_nothing_that_should_hold_is_violated"] = _property(where, examples)
    return type(f"Test_{name}", (), body)


def _rule(rule: str, where: str) -> Callable[[Any, Path], None]:
    def test(self: Any, tmp_path: Path) -> None:
        record = checks.apply(rule, catalogue.load(where), tmp_path)
        if record.status == "skipped":
            pytest.skip(record.reason)
        if record.status == "failed":
            pytest.fail(str(record), pytrace=False)

    test.__doc__ = checks.RULES[rule].__doc__
    return test


def _property(where: str, examples: int) -> Callable[[Any], None]:
    @given(data=st.data())
    @settings(max_examples=examples, deadline=None)
    def test(self: Any, data: st.DataObject) -> None:
        theorem = catalogue.load(where)  # anew, as the rules do: a message names the file of what was loaded last
        nothing_is_violated(theorem, data, parameters(theorem.parameters))

    test.__doc__ = "At any admitted parameters, family and seed nothing that is expected to hold is violated."
    return test


def nothing_is_violated(theorem: Theorem, data: st.DataObject, points: st.SearchStrategy[Parameters]) -> None:
    """Draws a point, a family and a seed, decides a few instances, and asserts that the count of outcomes is complete
    and that no claim that should hold on each instance is violated."""
    p = data.draw(points, label="parameters")
    family = data.draw(st.sampled_from(sorted(theorem.families)), label="family")
    seed = data.draw(st.integers(0, 2**63 - 1), label="seed")
    size = data.draw(st.integers(4, 8), label="instances")
    evidence = trial.run_batch(theorem, p, family, 0, size, seed, backend("numpy"))
    where = f"family {family!r}; {command(theorem, p, seed, size)}"
    for claim in theorem.claims:
        tally = evidence.tallies[claim.name][family]
        counted = tally.holds + tally.violated + tally.undecided + sum(tally.set_aside.values())
        assert tally.drawn == counted == size, f"{claim.name!r}: {tally}; {where}"
        if claim.expects == "holds" and claim.is_refuted_by_one:
            assert not tally.violated, f"{claim.name!r}: {tally.violated} of {size} violated; {where}"


def command(theorem: Theorem, p: Parameters, seed: int, size: int) -> str:
    """The command that draws the first ``size`` instances of every family."""
    shares = theorem.weights.values()
    total = math.ceil(size * sum(shares) / min(shares))
    return campaign.command(theorem, p, campaign.Settings(seed=seed, instances=total, backend="numpy"))


@st.composite
def parameters(draw: Any, kind: type[Parameters], **fields: st.SearchStrategy[Any]) -> Parameters:
    """Small parameters of a theorem: each of :func:`small`, or of the strategy of its name in ``fields``. Points that
    the record does not admit are drawn again."""
    chosen = {
        name: draw(fields[name] if name in fields else small(field), label=name)
        for name, field in kind.model_fields.items()
    }
    try:
        return kind(**chosen)
    except ValidationError:
        reject()


def small(field: FieldInfo) -> st.SearchStrategy[Any]:
    """Values from the smallest allowed to the default; any of a list of choices; otherwise the default."""
    default = field.get_default(call_default_factory=True)
    if get_origin(field.annotation) is Literal:
        return st.sampled_from(get_args(field.annotation))
    if isinstance(default, bool):
        return st.booleans()
    if not isinstance(default, int | float):
        return st.just(default)
    at_least, above = _limits(field, "ge"), _limits(field, "gt")
    if not (at_least or above):
        return st.just(default)
    if isinstance(default, int):
        return st.integers(max([*map(int, at_least), *(int(v) + 1 for v in above)]), default)
    low = max(at_least + above)
    return st.floats(low, default, exclude_min=low in above, allow_subnormal=False)


def _limits(field: FieldInfo, name: str) -> list[float]:
    return [v for m in field.metadata if (v := getattr(m, name, None)) is not None]
