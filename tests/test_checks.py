"""The rules of `verify.checks` find what is wrong: one broken line of a small theorem, one broken rule."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from verify import checks
from verify.core.theorem import Theorem
from verify.engine import catalogue, trial

TEXT = '''r"""The inner product is at most the product of the lengths.

For $`x,y\\in\\mathbb R^n`$: $`|\\langle x,y\\rangle|\\le|x||y|`$, with equality on parallel vectors. Kind: inequality
for every instance. Not covered: infinite dimensions.
"""

from typing import Any

from pydantic import Field

from verify import Claim, Every, Figure, Formula, Parameters, Reference, Source, Theorem
from verify.core.arrays import dot, eps, namespace, norm2


class Params(Parameters):
    n: int = Field(5, ge=1, le=100, description="how many numbers")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    x = draw.normal(p.n)
    y = draw.normal(p.n)
    if family == "parallel":
        y = draw.uniform(low=-2, high=2)[:, None] * x
    return {"x": x, "y": y}


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    return {"x is not 0": norm2(x["x"])}


def solve(p: Params, x: Any) -> dict[str, Any]:
    xp = namespace(x["x"])
    product = norm2(x["x"]) * norm2(x["y"])
    inner = xp.abs(dot(x["x"], x["y"]))
    return {"inner": inner, "product": product, "square": norm2(x["x"]) ** 2, "delta": 4 * p.n * eps(product) * product}


def reference(p: Params, x: Any) -> dict[str, Any]:
    import math

    inner = math.fsum((x["x"][0] * x["y"][0]).tolist())
    return {**solve(p, x), "inner": abs(inner) + 0 * x["x"][:, 0]}


def permute(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    order = draw.shared.subset(x["x"].shape[-1], x["x"].shape[-1])[0, :]
    return {name: namespace(a).take(a, order, axis=-1) for name, a in x.items()}


CAUCHY = Reference("cauchy1821", "A.-L. Cauchy", "Cours d'analyse", "Debure", 1821)
NOTE = Source(CAUCHY, "note II")
GIVEN = ("x is not 0",)
THEOREM = Theorem(
    "toy", "Inner products", Params, sample, hypotheses, solve, reference=reference,
    families={"random": "normals", "parallel": "y a multiple of x"},
    claims=(
        Claim("lengths", Every(), "inner", Formula("product + delta"), GIVEN),
        Claim(
            "note: square", Every(), "inner", Formula("square"), GIVEN, origin="cauchy1821", expects="refuted",
            because="y may be longer than x", grade="loose", reading="any y", holds_when="|y| <= |x|", source=NOTE,
        ),
        Claim(
            "nine tenths", Every(), "inner", Formula("0.9 * product"), GIVEN, origin="control", expects="refuted",
            because="parallel vectors attain the bound",
        ),
        Claim(
            "a half", Every(), "inner", Formula("product / 2"), GIVEN, origin="control", expects="refuted",
            because="parallel vectors attain the bound",
        ),
    ),
    sources=(NOTE,),
    symbols={
        "inner": (r"|\\langle x,y\\rangle|", "inner product"),
        "product": (r"\\|x\\|\\|y\\|", "product of the lengths"),
        "square": (r"\\|x\\|^2", "square of one length"),
        "delta": (r"\\delta", "rounding of a sum of n numbers"),
    },
    figures=(
        Figure("cloud", "cloud", ("lengths",), "Inner products.", x="bound", y="inner product"),
        Figure("curve", "curves", ("lengths",), "Inner products.", x="step", y="inner product", family="parallel"),
    ),
    invariances={"permute": permute},
    instances=256,
    batch=64,
)
'''


def user_file(folder: Path, *changes: tuple[str, str]) -> Theorem:
    """The toy theorem with some of its text replaced, as the user's own file."""
    text = TEXT
    for old, new in changes:
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times"
        text = text.replace(old, new)
    path = folder / "toy.py"
    path.write_text(text)
    return catalogue.load(str(path))


def broken(theorem: Theorem, scratch: Path) -> dict[str, str]:
    """The rules that fail and why. Without a device the rule of the device is skipped; with one it fails where the
    rule of the strict library does."""
    records = checks.run(theorem, scratch)
    assert [r.rule for r in records] == list(checks.RULES)
    return {r.rule: r.reason for r in records if r.status == "failed" and r.rule != "gpu backend"}


def test_a_users_file_that_keeps_every_rule(tmp_path):
    records = checks.run(user_file(tmp_path), tmp_path)
    assert len(records) == len(checks.RULES) == 16
    assert {r.status for r in records if r.rule != "gpu backend"} == {"passed"}
    assert str(records[0]) == "passed  documented"


PARALLEL = "        y = draw.uniform(low=-2, high=2)[:, None] * x\n"
RETURN = '    return {"x": x, "y": y}'
INNER = '    inner = xp.abs(dot(x["x"], x["y"]))'
DELTA = "4 * p.n * eps(product) * product"
MOVED = "    return {name: namespace(a).take(a, order, axis=-1) for name, a in x.items()}"
HALF = 'Formula("product / 2"), GIVEN, origin="control"'

BREAKS = {  # what is wrong: the rule that finds it, a part of what it says, and the lines that make it wrong
    "no kind": ("documented", "no 'Kind:'", (" Kind: inequality\n", "\n")),
    "what is not covered is not said": ("documented", "no 'Not covered'", (" Not covered: infinite dimensions.", "")),
    "no mathematics": ("documented", "no mathematics", ("For $`x,y", "For `x,y"), ("^n`$: $`|", "^n`: `|")),
    "no locator": ("documented", "has no locator", ("sources=(NOTE,)", 'sources=(Source(CAUCHY, " "),)')),
    "a symbol without meaning": (
        "documented",
        "without LaTeX and meaning: delta",
        ('        "delta": (r"\\delta", "rounding of a sum of n numbers"),\n', ""),
    ),
    "refuted without a reason": ("claims complete", "because of what", ('because="y may be longer than x", ', "")),
    "a false wording without a grade": ("claims complete", "has no grade", ('grade="loose", ', "")),
    "a false wording without its reading": ("claims complete", "reading", ('reading="any y", ', "")),
    "two claims whose witnesses would be one file": (
        "claims complete",
        "rename one",
        ('"a half", Every', '"Lengths?", Every'),
    ),
    "a wording without a locator": ("claims complete", "without a locator", (", source=NOTE,", ",")),
    "a wording of an unknown document": (
        "claims complete",
        "not among",
        ('origin="cauchy1821"', 'origin="euler1748"'),
    ),
    "one control": ("controls present", "1 controls", (HALF, 'Formula("product / 2"), GIVEN')),
    "a control that should hold": (
        "controls present",
        "'a half' is not expected to be refuted",
        (f'{HALF}, expects="refuted"', 'Formula("2 * product"), GIVEN, origin="control"'),
    ),
    "a parameter without a description": (
        "parameters described",
        "n has no description",
        (', description="how many numbers"', ""),
    ),
    "a parameter named like an option": (
        "parameters described",
        "named like run options: seed",
        ("\n\ndef sample", '    seed: int = Field(0, ge=0, description="mine")\n\n\ndef sample'),
    ),
    "a figure of an unknown family": ("figures named", "no such family", ('family="parallel")', 'family="nowhere")')),
    "a sampler that depends on the batch": (
        "repeatable",
        "another 'x' alone than in a batch",
        (RETURN, f"    x, y = x * draw.size, y * draw.size\n{RETURN}"),
    ),
    "a sampler that ignores the seed": (
        "repeatable",
        "seeds 0 and 1 give the same",
        (PARALLEL, "        x, y = draw.full(1.0, p.n), draw.full(-2.0, p.n)\n"),
    ),
    "a wrong dtype": (
        "shapes",
        "float32: 'y' has dtype float64",
        ("    y = draw.normal(p.n)\n", "    y = draw.xp.astype(draw.normal(p.n), draw.xp.float64)\n"),
    ),
    "a quantity of three axes": (
        "shapes",
        "'gram' has 3 axes",
        ('"delta": 4 * p.n', '"gram": x["x"][:, :, None] * x["y"][:, None, :], "delta": 4 * p.n'),
    ),
    "a family that serves no claim": (
        "eligible",
        "'null' is set aside under every claim",
        ('"parallel": "y a multiple of x"', '"parallel": "y a multiple of x", "null": "nothing"'),
        (RETURN, f'    if family == "null":\n        x = draw.xp.nan * x\n{RETURN}'),
    ),
    "a solver that mixes the batch": (
        "batch independent",
        "ratios",
        ("    product = norm2", '    product = (1 + 1e-7 * x["x"].shape[0]) * norm2'),
    ),
    "a call of one library": ("strict backend", "sum", (INNER, '    inner = xp.abs((x["x"] * x["y"]).sum(axis=-1))')),
    "rounding of one dtype for all": (
        "single precision",
        "'lengths': ",
        (INNER, '    inner = xp.abs(norm2(x["x"] + x["y"]) ** 2 - norm2(x["x"] - x["y"]) ** 2) / 4'),
        (DELTA, "1e-11 * (norm2(x['x']) + norm2(x['y'])) ** 2"),
    ),
    "a map that changes the ratios": (
        "invariant",
        "ratios",
        (MOVED, '    return {**x, "y": namespace(x["y"]).take(x["y"], order, axis=-1)}'),
    ),
    "a reference that contradicts": (
        "reference agrees",
        "decided differently",
        ("abs(inner) + 0", "2 * abs(inner) + 0"),
    ),
    "a control that is not refuted": (
        "as expected",
        "'a half' is no violation, refuted expected",
        ('Formula("product / 2")', 'Formula("2 * product")'),
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_one_broken_line_breaks_one_rule(name, tmp_path):
    rule, reason, *changes = BREAKS[name]
    found = broken(user_file(tmp_path, *changes), tmp_path)
    assert list(found) == [rule], found
    assert reason in found[rule]


def test_what_is_wrong_in_two_ways_breaks_two_rules(tmp_path):
    found = broken(user_file(tmp_path, ("sources=(NOTE,)", "sources=()")), tmp_path)
    assert found["documented"] == "no sources"
    assert "is not among the sources" in found["claims complete"]
    assert len(found) == 2
    found = broken(user_file(tmp_path, ('"product + delta"', '"0.99 * product + delta"')), tmp_path)
    assert "violated in float32" in found["single precision"]
    assert found["as expected"] == "'lengths' is violated, holds expected"
    assert len(found) == 2


def test_a_parameter_without_a_default_stops_what_needs_one_and_nothing_else(tmp_path):
    found = broken(user_file(tmp_path, ("Field(5, ge", "Field(ge")), tmp_path)
    assert found.pop("parameters described") == "parameter n has no default"
    assert "documented" not in found
    assert all(reason.startswith("ValidationError: ") for reason in found.values())


def test_an_engine_that_passes_nan_is_found(tmp_path, monkeypatch):
    """No theorem can break this rule: the engine keeps it, so the engine is broken here."""
    theorem, honest = user_file(tmp_path), trial.outcomes
    for word in ("holds", "violated"):

        def careless(*arguments, word=word):
            out = honest(*arguments)
            return dataclasses.replace(out, **{word: out.finite | ~np.isfinite(out.measured)})

        monkeypatch.setattr(trial, "outcomes", careless)
        record = checks.apply("nan is undecided", theorem, tmp_path)
        assert (record.status, "nan was decided" in record.reason) == ("failed", True)


def test_an_exception_fails_the_rule_with_its_type_and_hides_no_other(tmp_path):
    theorem = user_file(tmp_path, ("    import math\n", "    raise ArithmeticError('no path')\n"))
    found = broken(theorem, tmp_path)
    assert set(found) == {"reference agrees", "as expected"}
    assert found["reference agrees"] == "ArithmeticError: no path"


def test_what_is_not_declared_is_skipped_with_a_reason(tmp_path):
    theorem = user_file(tmp_path, (" reference=reference,", ""), ('    invariances={"permute": permute},\n', ""))
    records = {r.rule: r for r in checks.run(theorem, tmp_path)}
    assert str(records["reference agrees"]) == "skipped reference agrees: no reference is declared"
    assert str(records["invariant"]) == "skipped invariant: no invariances are declared"
    assert records["as expected"].status == "passed"
