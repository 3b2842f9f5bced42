"""Every rule of `verify.checks` on every theorem of the catalogue."""

from __future__ import annotations

import pytest

from verify import checks
from verify.engine import campaign, catalogue
from verify.engine.ledger import Ledger

FULL = "as expected"  # the rule that makes a whole default run
PAIRS = [
    pytest.param(name, rule, id=f"{name}-{rule}".replace(" ", "_"), marks=[pytest.mark.slow] if rule == FULL else [])
    for name in catalogue.names()
    for rule in checks.RULES
]


@pytest.mark.parametrize(("name", "rule"), PAIRS)
def test_rule(name, rule, tmp_path):
    record = checks.apply(rule, catalogue.load(name), tmp_path)
    if record.status == "skipped":
        pytest.skip(record.reason)
    assert record.status == "passed", str(record)


@pytest.mark.parametrize("name", catalogue.names())
def test_an_eighth_of_the_default_run_is_as_expected(name, tmp_path):
    """What should hold does, and every control and false wording is refuted already, by a witness that was rechecked
    alone. So few draws need not decide a claim about probabilities, means or rates; they must not contradict it."""
    theorem = catalogue.load(name)
    chosen = campaign.Settings(backend="numpy", instances=max(theorem.instances // 8, min(theorem.instances, 256)))
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        result = campaign.run(theorem, theorem.parameters(), chosen, ledger, tmp_path)
    wrong = []
    for claim, found in zip(theorem.claims, result.claims, strict=True):
        if isinstance(claim.kind, checks.STATISTICAL):
            kept = claim.expects == "refuted" or found.verdict.verdict != "violated"
        else:
            kept = found.as_expected
            if claim.expects == "refuted":
                kept = kept and (tmp_path / name / found.witness["file"]).is_file()
        if not kept:
            wrong.append(f"{claim.name!r}: {found.verdict.summary}")
    assert not wrong, f"{result.command}: {'; '.join(wrong)}"
