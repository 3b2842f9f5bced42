"""The worst-case search on small theorems whose worst case is known."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from pydantic import Field, model_validator

from verify import Claim, Count, Enclosure, Every, Formula, Identity, Parameters, Theorem
from verify.core.arrays import Backend, namespace, norm1, norm2
from verify.core.theorem import Move
from verify.engine import campaign, search, witness
from verify.engine.ledger import Ledger
from verify.report import terminal

NUMPY = Backend("numpy")
N = 12


class Params(Parameters):
    """None."""


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """x (B, N) random on the sphere of radius size (B,)."""
    size = draw.uniform(low=0.5, high=2.0)
    return {"x": size[:, None] * draw.sphere(N), "size": size, "shared": draw.shared.normal(N)}


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """The size is the length; the first entry is positive; the size is a solver's legal input."""
    xp = namespace(x["x"])
    away = xp.abs(norm2(x["x"]) - x["size"])
    return {"on the sphere": 1e-9 * x["size"] - away, "first > 0": x["x"][:, 0], "size > 0": x["size"]}


def solve(p: Params, x: Any) -> dict[str, Any]:
    """|x|_1, at most sqrt(N) size, equal when all entries are alike. A negative size is refused, as a solver may."""
    xp = namespace(x["x"])
    if bool(xp.any(x["size"] < 0)):
        raise ValueError("a negative size")
    ones = xp.sum(x["x"], axis=-1)
    return {
        "length": norm1(x["x"]),
        "sum": ones,
        "size": x["size"],
        "unsure": Enclosure.around(norm1(x["x"]), 100 * x["size"]),
        "whole": xp.astype(xp.floor(norm1(x["x"])), xp.int64),
        "double": Enclosure.around(2 * ones + 1e-6 * x["size"] * (ones / x["size"]) ** 8, 1e-4 * x["size"]),
    }


def repair(p: Params, x: Any) -> dict[str, Any]:
    return {**x, "size": norm2(x["x"])}


GIVEN = ("on the sphere", "size > 0")
ROOT = math.sqrt(N) * (1 + 1e-12)
LENGTH = Claim("length", Every(), "length", Formula(f"{ROOT} * size"), GIVEN)
SUM = Claim("sum with a positive entry", Every(), "sum", Formula(f"{ROOT} * size"), (*GIVEN, "first > 0"))
RARE = Claim("false, rarely", Every(), "sum", Formula("3.3 * size"), GIVEN)
UNSURE = Claim("unsure", Every(), "unsure", Formula(f"{ROOT} * size"), GIVEN)
WHOLE = Claim("whole", Count(), "whole", Formula("7"), GIVEN)
DOUBLE = Claim("false far out", Identity(), "double", Formula("2 * sum"), GIVEN)


def theorem(*claims, **more):
    return Theorem(
        "spheres", "Norms", Params, sample, solve=solve, families={"random": "on spheres"}, claims=claims, sources=(),
        **{"hypotheses": hypotheses, "repair": repair, "instances": 256, "batch": 128, **more},
    )  # fmt: skip


def climb(claim, generations=1200, **more):
    """A search of so many generations, however slow the machine is."""
    one = theorem(claim, **more)
    return search.search(one, Params(), claim, "random", NUMPY, math.inf, seed=1, generations=generations)


def test_the_worst_case_is_reached_from_random_starts():
    found = climb(LENGTH)
    assert found.sampled < 0.97
    assert found.ratio > 0.999
    x = found.x["x"]
    assert x.shape == (1, N)
    assert found.x["shared"].shape == (1, N)
    # The squared distance of |x| from the level vector is 2 N (1 - ratio) in these units.
    assert np.abs(np.abs(x) * math.sqrt(N) / found.x["size"] - 1).max() <= math.sqrt(2 * N * (1 - found.ratio)) + 1e-6
    assert norm1(x)[0] / (ROOT * found.x["size"][0]) == pytest.approx(found.ratio, rel=1e-12)


def test_signs_are_found_too_and_the_trace_climbs():
    found = climb(SUM)
    assert found.ratio > 0.99
    evaluations, ratios = zip(*found.trace, strict=True)
    assert list(evaluations) == sorted(evaluations)
    assert list(ratios) == sorted(ratios)
    assert ratios[-1] == found.ratio
    assert found.evaluations >= evaluations[-1]


def test_the_search_is_repeatable():
    assert climb(SUM, 80).trace == climb(SUM, 80).trace


def test_hypotheses_are_evaluated_once_a_generation():
    calls = []
    climb(SUM, 20, hypotheses=lambda p, x: calls.append(1) or hypotheses(p, x))
    assert len(calls) == 1 + 20


def test_without_repair_equal_hypotheses_leave_only_what_keeps_them():
    found = climb(LENGTH, repair=None)
    assert found.ratio >= found.sampled
    assert abs(norm2(found.x["x"]) - found.x["size"])[0] <= 1e-9 * found.x["size"][0]


def test_a_declared_move_is_used():
    def level(draw, x, step):
        xp = namespace(x["x"])
        even = xp.sign(x["x"]) * (x["size"] / math.sqrt(N))[:, None]
        return {"x": even + 0 * draw.normal(N)}

    found = climb(LENGTH, repair=None, moves=(Move("level", level),))
    assert found.ratio == pytest.approx(1.0, rel=1e-9)
    assert found.evaluations < 2000  # attained: the search stops


def test_undecided_instances_are_not_climbed():
    found = climb(UNSURE, 100)
    assert math.isnan(found.ratio)
    assert found.x == {}


def test_counts_and_identities_are_climbed_by_their_defect():
    assert climb(WHOLE, 300).violated
    found = climb(DOUBLE)
    assert found.violated
    assert found.ratio > 0.9 * 1e-6 * N**4 / (2 * math.sqrt(N))  # the defect where all entries are alike
    assert 0 < found.sampled < 1e-3


def test_every_backend_climbs(backend):
    one = theorem(LENGTH)
    found = search.search(one, Params(), LENGTH, "random", backend, math.inf, seed=1, members=32, generations=60)
    assert found.ratio > max(found.sampled, 0.9)
    assert isinstance(found.x["x"], np.ndarray)


def test_a_violation_that_sampling_misses_refutes_the_claim(tmp_path):
    rare = theorem(RARE, LENGTH)
    plain, searched = (campaign.Settings(search=s) for s in (0.0, 60.0))
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        before = campaign.run(rare, Params(), plain, ledger, tmp_path)
        after = campaign.run(rare, Params(), searched, ledger, tmp_path)
        (again,) = campaign.stored(ledger)["spheres"]
    assert [c.verdict.verdict for c in before.claims] == ["no violation"] * 2
    assert [c.verdict.verdict for c in after.claims] == ["violated", "no violation"]
    assert not after.as_expected
    assert "the search found" in after.claims[0].verdict.summary
    record = after.claims[0].witness
    assert record["instance"] is None
    assert record["ratio"] > 1
    assert record["shrunk"]
    assert len(record["arrays"]["x"]) < N  # |x|_1 > 3.3 |x|_2 needs eleven entries
    assert record["file"].startswith("witness-")
    file = tmp_path / "spheres.py"
    file.write_text("from tests.engine.test_search import LENGTH, RARE, theorem\nTHEOREM = theorem(RARE, LENGTH)\n")
    lines = witness.replay(tmp_path / "spheres" / record["file"], str(file)).lines
    assert "shrunk from what the search found from instances of family 'random', seed 0" in lines
    assert "as a test:" in lines
    assert [s["claim"] for s in after.search] == ["false, rarely", "length"]
    assert json.dumps(after.to_json()["search"])
    assert after.claims[1].witness is None
    assert [s["file"] for s in again.search] == [s["file"] for s in after.search]
    about, x = witness._read(tmp_path / "spheres" / after.search[0]["file"])
    assert about["instance"] is None
    assert witness.recheck(rare, Params(), RARE, x)["confirmed"]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_witness_of_the_search_is_certified(tmp_path, dtype):
    """It is rechecked in double precision, also when it was found in single."""

    def exact(p, x):
        size = x["size"]
        tie = -abs(sum(v * v for v in x["x"]) - size * size)
        return {"on the sphere": tie, "first > 0": x["x"][0], "size > 0": size}, {"sum": sum(x["x"]), "size": size}

    claim = replace(RARE, bound=Formula("2.9 * size"))
    settings = campaign.Settings(search=20.0, dtype=dtype, backend="numpy")
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        result = campaign.run(theorem(claim, exact=exact), Params(), settings, ledger, tmp_path)
    record = result.claims[0].witness
    assert result.claims[0].verdict.verdict == "violated"
    assert record["instance"] is None
    assert record["shrunk"]
    assert record["certified"]


# ----------------------------------------------------------------------------------------------------- other points


class Sizes(Parameters):
    """A size, two other numbers, and what is not searched."""

    n: int = Field(8, ge=2, le=99, description="length")
    few: int = Field(2, ge=2, le=9, description="already the smallest")
    noise: float = Field(0.5, gt=0, le=1, description="factor")
    off: float = Field(0.0, ge=0, le=1, description="zero has no neighbours")
    free: float = Field(1.0, description="without a range")
    word: Literal["a", "b"] = Field("a", description="no number")
    yes: bool = Field(True, description="no number")

    @model_validator(mode="after")
    def together(self):
        if self.n == 5:
            raise ValueError("not five")
        return self


def of_length_n(draw: Any, p: Sizes, family: str) -> dict[str, Any]:
    if p.n == 7:
        raise RuntimeError("not seven")
    x = draw.normal(p.n)
    return {"x": x, "size": norm2(x)}


def sizes(*claims, **more):
    """|x|_1 against |x|_2, where n decides how far apart they can be."""
    solve = {"solve": lambda p, x: {"length": norm1(x["x"]), "size": x["size"]}}
    return replace(theorem(*claims), parameters=Sizes, sample=of_length_n, **{**solve, **more})


FEW = Claim("false for two", Every(), "length", Formula("(sqrt(n) - 1e-3 / n**9) * size"), GIVEN)


def test_other_points_are_small_admitted_different_and_by_the_seed():
    found = search.points(sizes(FEW), Sizes(), 0, 12)
    assert len(found) == len({repr(q) for q in found}) == 12
    assert found == search.points(sizes(FEW), Sizes(), 0, 12)
    assert found != search.points(sizes(FEW), Sizes(), 1, 12)
    assert found[0] == Sizes(n=2)
    assert all(2 <= q.n <= 8 and q.n != 5 and 0.05 <= q.noise <= 1 for q in found)
    assert all(Sizes(n=q.n, noise=q.noise) == q != Sizes() for q in found)
    assert {q.n for q in found} >= {2, 3, 4}
    assert any(q.n == 8 for q in found)
    assert any(q.noise == 0.5 for q in found[1:])
    left = search.points(sizes(FEW, fixed=("noise",)), Sizes(), 0, 12)
    assert {q.n for q in left} == {2, 3, 4, 6, 7}
    assert search.points(sizes(FEW, fixed=("noise", "n")), Sizes(), 0, 12) == []
    assert search.points(sizes(FEW, fixed=("noise",)), Sizes(n=2), 0, 12) == []


def test_a_claim_that_fails_at_another_point_is_refuted_there(tmp_path):
    """At n = 8 the claim is true to 1e-11, at n = 2 false by 1e-6."""
    settings = campaign.Settings(search=4.0, backend="numpy")
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        result = campaign.run(sizes(FEW), Sizes(), settings, ledger, tmp_path)
        (again,) = campaign.stored(ledger)["spheres"]
    (claim,) = result.claims
    assert claim.verdict.verdict == "violated"
    assert "the search found from 'random' at n=2; no violation in 256" in claim.verdict.summary
    (found,) = again.search
    assert found["point"] == claim.witness["point"] == {"n": 2}
    assert " n=2 search=worst effort=4s" in found["command"]
    assert claim.witness["arrays"]["x"] == [1, 1]
    about, x = witness._read(tmp_path / "spheres" / claim.witness["file"])
    assert about["params"]["n"] == 2
    assert x["x"].shape == (1, 2)
    assert "at n=2" in terminal.table(result)


def test_another_point_must_be_better_by_more_than_rounding():
    tight = replace(FEW, bound=Formula("sqrt(n) * size * (1 + 1e-12)"))
    level = Move("level", lambda draw, x, step: {"x": 0 * x["x"] + x["size"][:, None]})
    (found,) = search.worst(sizes(tight, moves=(level,)), Sizes(), NUMPY, 30.0, seed=0)
    assert found.p == Sizes()
    assert found.ratio == pytest.approx(1, rel=1e-11)
    assert found.evaluations > 10 * search.MEMBERS  # of all points


def test_a_search_of_several_points_is_repeatable(monkeypatch):
    monkeypatch.setattr(search, "STAGNATION", 40)
    one, two = (search.worst(sizes(FEW), Sizes(), NUMPY, math.inf, seed=3, climbs=2)[0] for _ in range(2))
    assert (one.trace, one.p, one.evaluations) == (two.trace, two.p, two.evaluations)


def test_time_that_is_left_goes_to_the_other_claims():
    level = Move("level", lambda draw, x, step: {"x": 0 * x["x"] + (x["size"] / math.sqrt(N))[:, None]})
    found = search.worst(theorem(UNSURE, LENGTH, SUM, moves=(level,)), Params(), NUMPY, 9.0, seed=1)
    assert [f.claim for f in found] == ["unsure", "length", "sum with a positive entry"]
    assert found[1].ratio == pytest.approx(1.0, rel=1e-9)
    assert math.isnan(found[0].ratio)
