"""What the run would notice of slips in the claims: at least nine false mutants of ten, and no idle explanation."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase

import pytest

from verify.core.arrays import backend
from verify.engine import campaign, catalogue, mutate, trial, verdict
from verify.engine.evidence import Evidence

ENOUGH = 0.9


@pytest.mark.slow
@pytest.mark.parametrize("name", catalogue.names())
def test_nine_false_mutants_of_ten_are_refuted(name):
    theorem = catalogue.load(name)
    alpha = verdict.budget(theorem.claims, campaign.ALPHA)
    mutants = mutate.mutate(theorem, theorem.parameters(), backend("numpy"), 0, alpha)
    left = [f"{m['claim']}: {m['change']}" for m in mutants if m["outcome"] == "survives" and not m["explained"]]
    assert not mutate.score(mutants) < ENOUGH, left  # there may be none
    standing = [f"{m['claim']}: {m['change']}" for m in mutants if m["outcome"] != "refuted"]
    for key in (*theorem.survivors, *theorem.unsettled):
        assert any(fnmatchcase(mutant, key) for mutant in standing), f"{key!r} speaks of no mutant that stands"


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in catalogue.names() if catalogue.load(name).sharper])
def test_sharper_statements_are_not_refuted(name):
    theorem, p = catalogue.load(name), catalogue.load(name).parameters()
    holding = [c for c in theorem.claims if c.expects == "holds"]
    stated = [
        replace(sharper.of(claim), name=f"{claim.name}: {number}")
        for number, sharper in enumerate(theorem.sharper)
        for claim in holding
        if fnmatchcase(claim.name, sharper.claim)
    ]
    assert {c.name.rpartition(": ")[2] for c in stated} == {str(number) for number in range(len(theorem.sharper))}
    alone, evidence = replace(theorem, claims=tuple(stated), figures=()), Evidence()
    for family, count in theorem.counts(theorem.instances).items():
        for start in range(0, count, theorem.size(family)):
            stop = min(start + theorem.size(family), count)
            evidence.merge(trial.run_batch(alone, p, family, start, stop, 0, backend("numpy")))
    for claim in stated:
        found = verdict.decide(claim, evidence.tallies[claim.name], campaign.ALPHA / len(stated))
        assert found.verdict != "violated", f"{claim.name}, {claim.bound.text}: {found.summary}"
