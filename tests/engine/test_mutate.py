"""Mutants of small theorems: which are noticed, which say less, which cannot be."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from verify import Claim, Count, Every, Formula
from verify.core.arrays import Backend
from verify.core.formula import FormulaError
from verify.engine import campaign, mutate
from verify.engine.ledger import Ledger
from verify.report import pages

from . import toys

NUMPY = Backend("numpy")


def mutants(theorem, **params):
    found = mutate.mutate(theorem, theorem.parameters(**params), NUMPY, 0, 0.01)
    return {f"{m['claim']}: {m['change']}": m["outcome"] for m in found}


def test_variants_of_a_formula_change_one_place_each():
    found = dict(Formula("rho**t * size + sqrt(xi) / 2").variants())
    texts = {formula.text for formula in found.values()}
    assert len(texts) == len(found)
    assert {
        "0.9 * (rho ** t * size + sqrt(xi) / 2)",
        "rho ** t * size",
        "rho ** (t - 1) * size + sqrt(xi) / 2",
        "rho ** t * size + xi / 2",
        "rho ** t * size + sqrt(xi)",
        "rho ** t * xi + sqrt(size) / 2",
    } <= texts
    assert all(isinstance(formula, Formula) for formula in found.values())
    assert [f.text for _, f in Formula("max(a, 3)").variants()][2:] == [
        "min(a, 3)",
        "max(a, 2.7)",
        "max(a, 3.3000000000000003)",
    ]
    with pytest.raises(FormulaError):
        Formula("a.b")


def test_stronger_bounds_are_refuted_and_weaker_ones_are_known_as_such():
    found = mutants(toys.toy("one", (toys.TRUE,), instances=300, batch=64))
    assert found["true: all of it times 0.9"] == "refuted"
    assert found["true: all of it times 1.1"] == "weaker"
    assert found["true: the relation turned round"] == "refuted"


def test_a_dropped_hypothesis_is_refuted_survives_or_is_untested():
    needed = Claim("needed", Every(), "value", Formula("4 * value * value"), ("large",))
    idle = Claim("idle", Every(), "value", Formula("scale"), ("large",))
    found = mutants(toys.toy("two", (needed, idle), instances=300, batch=64))
    assert found["needed: without 'large'"] == "refuted"
    assert found["idle: without 'large'"] == "survives"
    hard = replace(toys.toy("three", (idle,), instances=300, batch=64), families={"hard": "close to 1"})
    assert mutants(hard)["idle: without 'large'"] == "untested"


def test_counts_are_made_strict():
    exact = Claim("whole", Count(), "number", Formula("most"))

    def solve(p, x):
        from verify.core.arrays import namespace

        xp = namespace(x["u"])
        number = xp.astype(xp.floor(8 * x["u"]), xp.int64)
        return {"number": number, "most": xp.full_like(number, 7)}

    found = mutants(toys.toy("counts", (exact,), solve, instances=300, batch=64))
    assert found["whole: one less"] == "refuted"
    assert found["whole: one more"] == "weaker"


def test_what_cannot_be_evaluated_is_no_mutant():
    """An integer to a negative power."""

    def solve(p, x):
        from verify.core.arrays import namespace

        xp = namespace(x["u"])
        zero = xp.astype(xp.floor(x["u"]), xp.int64)
        return {"number": zero + 1, "base": zero + 2, "power": zero}

    powers = Claim("powers", Count(), "number", Formula("base ** power"))
    found = mutants(toys.toy("powers", (powers,), solve, instances=60, batch=64))
    assert found["powers: one less"] == "refuted"
    assert "powers: exponent of base ** power one less" not in found


def test_terms_for_rounding_may_be_dropped():
    def solve(p, x):
        found = toys.solve(p, x)
        return {**found, "delta": 1e-6 + 0 * x["u"]}

    padded = Claim("padded", Every(), "value", Formula("scale + delta"))
    theorem = toys.toy(
        "padded", (padded,), solve, instances=60, batch=64, symbols={"delta": ("d", "rounding of a product")}
    )
    found = {m["change"]: m for m in mutate.mutate(theorem, toys.Params(), NUMPY, 0, 0.01)}
    assert found["delta dropped from scale + delta"]["explained"] == mutate.ROUNDING
    assert not found["scale dropped from scale + delta"]["explained"]


def test_the_score_counts_what_is_not_explained():
    some = [
        {"outcome": o, "explained": e}
        for o, e in (("refuted", ""), ("survives", ""), ("survives", "true"), ("weaker", ""))
    ]
    assert mutate.score(some) == 0.5
    assert math.isnan(mutate.score([]))
    idle = Claim("idle", Every(), "value", Formula("scale"), ("large",))
    told = toys.toy("told", (idle,), instances=300, batch=64, survivors={"idle: without 'large'": "u <= 1 always"})
    (found,) = [m for m in mutate.mutate(told, toys.Params(), NUMPY, 0, 0.01) if m["change"].startswith("without")]
    assert found["explained"] == "u <= 1 always"


def test_a_run_with_mutants_says_so_on_its_page(tmp_path):
    theorem = toys.PLAIN
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        result = campaign.run(theorem, toys.Params(), campaign.Settings(mutate=True), ledger, tmp_path)
        (again,) = campaign.stored(ledger)["plain"]
    assert again.mutants == result.mutants
    page = pages.write_page(theorem, [result], tmp_path).read_text()
    assert "## Mutations" in page
    assert f"Of {len(result.mutants)} mutants" in page
    assert "mutate=yes" in result.command
