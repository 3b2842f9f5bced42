"""Mutants of small theorems: which are noticed, which say less, which cannot be."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from verify import Claim, Comparison, Count, Every, Formula, Identity, Probability, Rate, Sharper
from verify.core.arrays import Backend
from verify.core.formula import FormulaError
from verify.engine import campaign, mutate
from verify.engine.ledger import Ledger
from verify.report import pages

from . import toys

NUMPY = Backend("numpy")


def explanations(theorem):
    """The explanations of the survivors by what was changed."""
    found = mutate.mutate(theorem, theorem.parameters(), NUMPY, 0, 0.01)
    return {m["change"]: m["explained"] for m in found if m["outcome"] == "survives"}


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


def test_variants_that_are_equal_are_none():
    changes = [what for what, _ in Formula("(a - b)**2 / (sqrt(m) + sqrt(n))").variants()]
    assert "a and b exchanged" not in changes
    assert "m and n exchanged" not in changes
    assert "2 times 0.9" in [what for what, _ in Formula("1 - max(b - w - 2, 0) / sqrt(m)").variants()]
    assert {"a and m exchanged", "exponent of (a - b) ** 2 one more"} <= set(changes)
    assert [what for what, _ in Formula("7 * a").variants()] == [
        "all of it times 0.9",
        "all of it times 1.1",
        "7 dropped from 7 * a",
    ]
    assert "1 dropped from log(1)" not in [what for what, _ in Formula("a / log(1 + 0)").variants()]


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
    hard = replace(toys.toy("three", (idle,), instances=300, batch=64), families={"hard": "close to 1"}, shares={})
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
    twice = replace(padded, bound=Formula("2 * scale + delta"))
    changed = [[change for change, _ in mutate._mutants(twice, fixed)] for fixed in ((), {"delta"})]
    assert ["scale and delta exchanged" in changes for changes in changed] == [True, False]


def test_a_mutant_that_another_claim_implies_is_explained():
    loose = Claim("loose", Every(), "value", Formula("2 * scale"))
    assert explanations(toys.toy("loose", (loose,), instances=300))["all of it times 0.9"] == ""
    both = explanations(toys.toy("loose", (loose, toys.TRUE), instances=300))
    assert both["all of it times 0.9"] == "says no more than 'true'"
    # A bound in other quantities explains nothing: it may be as large as what is measured.
    equal = Claim("equal", Identity(), "value", Formula("value"))
    assert explanations(toys.toy("loose", (loose, equal), instances=300))["all of it times 0.9"] == ""
    # A claim under more hypotheses does not speak of all instances.
    partly = replace(toys.TRUE, given=("large",))
    assert explanations(toys.toy("loose", (loose, partly), instances=300))["all of it times 0.9"] == ""


def test_a_mutant_that_a_sharper_statement_implies_is_explained():
    half = Claim("half", Probability(0.5), "value", Formula("1.5 * scale"), ("large",))
    why = "u is below 1"
    sharper = (Sharper("ha*", why, Formula("scale"), 0.0, ()),)
    found = explanations(toys.toy("sharper", (half,), instances=3000, sharper=sharper))
    assert found["all of it times 0.9"] == found["a tenth of delta"] == found["without 'large'"] == why
    kept = (Sharper("half", why, Formula("scale")),)
    found = explanations(toys.toy("sharper", (half,), instances=3000, sharper=kept))
    assert found["all of it times 0.9"] == why
    assert found["a tenth of delta"] == found["without 'large'"] == ""


def test_a_bound_that_is_no_number_says_nothing():
    """A root of a negative number, everywhere or where it would not be weaker."""
    rooted = Claim("rooted", Every(), "value", Formula("scale * sqrt(2 - scale)"))
    theorem = toys.toy("rooted", (rooted,), instances=60)
    found = {m["change"]: m["outcome"] for m in mutate.mutate(theorem, toys.Params(), NUMPY, 0, 0.01)}
    assert found["scale dropped from 2 - scale"] == "weaker"
    found = {m["change"] for m in mutate.mutate(theorem, toys.Params(scale=1.9), NUMPY, 0, 0.01)}
    assert "2 times 0.9" not in found
    assert "2 times 1.1" in found


def test_a_hypothesis_without_which_nothing_can_be_decided_is_untested():
    def solve(p, x):
        from verify.core.arrays import namespace

        found = toys.solve(p, x)
        return {**found, "value": namespace(x["u"]).where(x["u"] >= 0.25, found["value"], 0 * x["u"] + math.nan)}

    needed = Claim("needed", Every(), "value", Formula("scale"), ("large",))
    assert mutants(toys.toy("needed", (needed,), solve, instances=300))["needed: without 'large'"] == "untested"


def test_an_order_of_growth_has_no_factor_and_an_equality_no_other_side():
    rate = Claim("rate", Rate(1.0), "value", Formula("scale"), relation="==")
    equal = Claim("equal", Identity(), "value", Formula("value"))
    changes = [change for claim in (rate, equal) for change, _ in mutate._mutants(claim, ())]
    assert changes == ["exponent 0.75", "exponent 1.25", "all of it times 0.9", "all of it times 1.1"]


def test_a_rate_against_a_constant_is_none():
    def solve(p, x):
        return {**toys.solve(p, x), "size": 2 + 0 * x["u"]}

    rate = Claim("rate", Rate(1.0), "value", Formula("u_size * size"), relation="==")
    theorem = toys.toy("rate", (rate,), lambda p, x: {**solve(p, x), "u_size": 1 + x["u"]}, instances=60)
    changes = {m["change"] for m in mutate.mutate(theorem, toys.Params(), NUMPY, 0, 0.01)}
    assert "size dropped from u_size * size" in changes
    assert "u_size dropped from u_size * size" not in changes


def test_a_comparison_that_the_run_confirms_is_explained():
    ahead = Claim("ahead", Comparison(), "value", Formula("scale"))
    plain = replace(toys.toy("ahead", (ahead,), instances=900), families={"plain": "uniform"}, shares={"plain": 1.0})
    assert explanations(plain)["all of it times 0.9"] == mutate.CONFIRMED


def test_the_score_counts_what_is_not_explained():
    some = [
        {"outcome": o, "explained": e}
        for o, e in (("refuted", ""), ("survives", ""), ("survives", "true"), ("weaker", ""))
    ]
    assert mutate.score(some) == 0.5
    assert math.isnan(mutate.score([]))
    idle = Claim("idle", Every(), "value", Formula("scale"), ("large",))
    told = toys.toy("told", (idle,), instances=300, batch=64, survivors={"idle: without *": "u <= 1 always"})
    (found,) = [m for m in mutate.mutate(told, toys.Params(), NUMPY, 0, 0.01) if m["change"].startswith("without")]
    assert (found["outcome"], found["explained"]) == ("survives", "u <= 1 always")
    asked = replace(told, survivors={}, unsettled={"idle: without *": "nobody knows", "idle: all *": "refuted anyway"})
    some = mutate.mutate(asked, toys.Params(), NUMPY, 0, 0.01)
    assert {m["change"]: m["explained"] for m in some if m["outcome"] == "open"} == {"without 'large'": "nobody knows"}
    assert mutate.score(some) == 1


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
