"""A run: its plan, the same evidence for any batches, going on after a kill, and what counts as a violation."""

import dataclasses
import itertools
import json
import math
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from verify.core.arrays import Backend
from verify.engine import campaign, catalogue, trial, witness
from verify.engine.campaign import Interrupted, Settings, plan
from verify.engine.ledger import Ledger

from . import toys

ROOT = Path(__file__).resolve().parents[2]
HOST = Settings(backend="numpy")


def run(theorem, folder, settings=HOST, progress=None, **parameters):
    with Ledger(folder / "ledger.sqlite") as ledger:
        return campaign.run(theorem, theorem.parameters(**parameters), settings, ledger, folder, progress)


def verdicts(result):
    return {c.name: c.verdict.verdict for c in result.claims}


# ------------------------------------------------------------------------------------------------------------- plan


def planned(theorem, **settings):
    return list(plan(theorem, Settings(**settings)))


def three_families(**more):
    return dataclasses.replace(toys.PLAIN, families=dict.fromkeys("abc", ""), **more)


def test_a_plan_covers_every_instance_once():
    theorem = three_families(shares={"b": 2.5, "c": 0.3})
    batches = planned(theorem, instances=1000, batch=64)
    for family, wanted in (("a", 263), ("b", 658), ("c", 79)):
        mine = [(a, b) for f, a, b in batches if f == family]
        assert mine[0][0] == 0
        assert mine[-1][1] == wanted == round(1000 * theorem.shares.get(family, 1) / 3.8)
        assert all(stop == start for (_, stop), (start, _) in itertools.pairwise(mine))
        assert all(b - a == 64 for a, b in mine[:-1])


def test_a_plan_takes_the_theorem_s_own_numbers_and_leaves_no_family_out():
    assert planned(toys.PLAIN)[-1][2] == 200
    assert planned(toys.PLAIN)[0] == ("plain", 0, 64)
    assert planned(toys.PLAIN, instances=1) == [("plain", 0, 1), ("hard", 0, 1)]


def test_a_family_may_have_batches_of_its_own_and_a_device_has_larger_ones():
    theorem = three_families(shares={}, batch=100, batches={"b": 30})

    def sizes(on_device=False, **settings):
        found = plan(theorem, Settings(instances=30_000, **settings), on_device)
        first = [(family, stop - start) for family, start, stop in itertools.islice(found, 40)]
        return {family: {size for other, size in first if other == family} for family in "abc"}

    assert sizes() == {"a": {100}, "b": {30}, "c": {100}}
    assert sizes(batch=7) == {"a": {7}, "b": {7}, "c": {7}}
    assert sizes(on_device=True)["b"] == {30 * campaign.DEVICE, 10_000 % (30 * campaign.DEVICE)}
    with pytest.raises(ValueError, match="batches of d; its families are a, b, c"):
        three_families(shares={}, batches={"d": 3})


def test_families_take_turns_by_their_shares():
    """At any moment no family is ahead of its share by more than one batch."""
    theorem = three_families(shares={"b": 2.0, "c": 0.5})
    done = dict.fromkeys("abc", 0)
    for family, start, stop in itertools.islice(plan(theorem, Settings(budget=1.0, batch=10)), 300):
        assert start == done[family]
        done[family] = stop
        progress = {f: done[f] / theorem.shares.get(f, 1.0) for f in "abc"}
        assert max(progress.values()) - min(progress.values()) <= 10 / 0.5
    assert min(done.values()) > 0


def test_a_budget_alone_has_no_end_and_with_a_number_it_has():
    assert sum(1 for _ in itertools.islice(plan(toys.PLAIN, Settings(budget=1.0)), 5000)) == 5000
    assert planned(toys.PLAIN, budget=1.0, instances=90) == planned(toys.PLAIN, instances=90)


# ---------------------------------------------------------------------------------------------------- same evidence

SMALL = {"pgd_nonconvex": {"d": 6, "m": 40, "steps": 6}, "bp_stability": {}}


def same_evidence(name, folder, instances, batches):
    theorem = catalogue.load(name)
    settings = [dataclasses.replace(HOST, instances=instances, batch=batch) for batch in (instances, *batches)]
    results = [run(theorem, folder, s, **SMALL[name]) for s in settings]
    whole = results[0]
    assert whole.evidence.tallies.keys() == {c.name for c in theorem.claims}
    for other in results[1:]:
        assert other.instances == whole.instances
        assert verdicts(other) == verdicts(whole)
        for claim, families in whole.evidence.tallies.items():
            for family, tally in families.items():
                found = other.evidence.tallies[claim][family]
                for count in ("drawn", "holds", "violated", "undecided", "suspects", "nonfinite", "set_aside"):
                    assert getattr(found, count) == getattr(tally, count), (claim, family, count)
                assert found.ratio_max == pytest.approx(tally.ratio_max, rel=1e-9, abs=0, nan_ok=True), (claim, family)
    return whole


@pytest.mark.parametrize("name", SMALL)
def test_any_batches_give_the_same_evidence(name, tmp_path):
    whole = same_evidence(name, tmp_path, 1024, (64, 250))
    assert whole.as_expected


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_any_batches_give_the_same_evidence_of_many(name, tmp_path):
    assert same_evidence(name, tmp_path, 4096, (64, 1000)).as_expected


def test_a_finer_run_does_not_count_the_batches_of_a_coarser_one(tmp_path):
    for batch in (100, 64, 100):
        result = run(toys.PLAIN, tmp_path, dataclasses.replace(HOST, batch=batch))
        assert result.instances == {"plain": 200, "hard": 100}
        assert result.evidence.total("true").drawn == 300


def test_a_longer_run_goes_on_from_a_shorter_one(tmp_path, monkeypatch):
    monkeypatch.setenv(toys.LOG, str(tmp_path / "log"))
    # Batches of 30: 160 and 80 instances are 6 and 3, then 320 and 160 are 11 and 6, of which 5 and 2 are known.
    for instances, solved in ((240, 9), (240, 9), (480, 9 + 6 + 4)):
        run(toys.DIARY, tmp_path, dataclasses.replace(HOST, instances=instances))
        assert len((tmp_path / "log").read_text().split()) == solved


# ----------------------------------------------------------------------------------------------------------- resume

CHILD = """
import sys
from pathlib import Path
from tests.engine import toys
from tests.engine.test_campaign import run
run(toys.DIARY, Path(sys.argv[1]))
"""


def plain_evidence(result):
    data = json.loads(json.dumps(result.evidence.to_json()))
    del data["seconds"]
    return data


def first_numbers():
    """Batch of DIARY -> its first number, as the diary writes it."""
    p, host = toys.Params(), Backend("numpy")
    numbers = {}
    for family, start, stop in planned(toys.DIARY):
        x = toys.sample(trial.draw_for(toys.DIARY, p, family, start, stop, 0, host), p, family)
        numbers[family, start, stop] = float(x["u"][0]).hex()
    return numbers


def recorded(folder):
    """The batches in the ledger of the one run there is."""
    if not (folder / "ledger.sqlite").exists():
        return set()
    chosen = Backend("numpy")
    p = toys.Params()
    parts = {"theorem": "diary", "code": campaign.code_digest(toys.DIARY), "params": p.model_dump(mode="json")}
    key = campaign.run_key(**parts, seed=0, backend=chosen.name, dtype=chosen.dtype)
    with Ledger(folder / "ledger.sqlite") as ledger:
        return ledger.done(key)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_killed_run_redoes_no_finished_batch(tmp_path, monkeypatch, seed):
    batches = first_numbers()
    assert len(batches) == len(set(batches.values())) == 41
    log = tmp_path / "killed.log"
    log.touch()
    moments = random.Random(seed)
    environment = {**os.environ, toys.LOG: str(log)}
    kills = 0
    for goal in sorted(moments.sample(range(1, 38), 4)):
        done = {batches[b] for b in recorded(tmp_path)}
        before = log.read_text().split()
        if len(before) >= goal:
            continue
        process = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], cwd=ROOT, env=environment)
        deadline = time.monotonic() + 60
        while len(log.read_text().split()) < goal and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.03))
        process.kill()
        assert process.wait() == -9, "the run was over before it could be killed"
        kills += 1
        solved = log.read_text().split()[len(before) :]
        assert solved
        assert not done & set(solved)
        # Every batch that was solved is recorded, but for the one in work when the kill came.
        assert len({batches[b] for b in recorded(tmp_path)} & set(solved)) >= len(solved) - 1
    assert kills >= 2

    monkeypatch.setenv(toys.LOG, str(log))
    done, before = {batches[b] for b in recorded(tmp_path)}, log.read_text().split()
    assert 0 < len(done) < len(batches)
    resumed = run(toys.DIARY, tmp_path)
    assert set(log.read_text().split()[len(before) :]) == set(batches.values()) - done

    monkeypatch.setenv(toys.LOG, str(tmp_path / "undisturbed.log"))
    undisturbed = run(toys.DIARY, tmp_path / "undisturbed")
    assert plain_evidence(resumed) == plain_evidence(undisturbed)
    assert (
        verdicts(resumed)
        == verdicts(undisturbed)
        == {"true": "no violation", "false": "violated", "given": "no violation"}
    )
    assert [c.witness for c in resumed.claims] == [c.witness for c in undisturbed.claims]


def test_ctrl_c_keeps_what_is_finished(tmp_path, monkeypatch):
    log = tmp_path / "log"
    monkeypatch.setenv(toys.LOG, str(log))

    def stop(progress):
        if progress.done >= 150:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        run(toys.DIARY, tmp_path, progress=stop)
    assert sum(b - a for _, a, b in recorded(tmp_path)) == 150
    run(toys.DIARY, tmp_path)
    assert len(log.read_text().split()) == 41


# ------------------------------------------------------------------------------------------------- rechecks, vacuous


def test_a_toy_is_decided_and_its_witness_saved(tmp_path):
    result = run(toys.PLAIN, tmp_path)
    assert verdicts(result) == {"true": "no violation", "false": "violated", "given": "no violation"}
    assert result.as_expected
    assert result.finished
    record = result.claims[1].witness
    assert record["ratio"] > 1
    assert (tmp_path / "plain" / record["file"]).exists()
    assert result.claims[0].witness is None
    assert "python -m verify theorem=plain" in result.command


def test_a_violation_that_the_reference_does_not_confirm_is_undecided(tmp_path):
    result = run(toys.UNCONFIRMED, tmp_path)
    claim = result.claims[1]
    assert claim.verdict.verdict == "undecided"
    assert claim.verdict.violated == 0
    assert claim.verdict.undecided == result.evidence.total("false").violated > 100
    assert "violations seen in batches, none confirmed when rechecked alone" in claim.verdict.summary
    assert claim.witness is None
    assert not result.as_expected
    assert not list(tmp_path.rglob("*.npz"))


def test_suspects_that_the_reference_confirms_are_violations(tmp_path):
    result = run(toys.WIDE, tmp_path)
    found = result.claims[1]
    seen = result.evidence.total("false")
    assert (seen.violated, seen.holds) == (0, 0)
    assert seen.suspects > 100
    assert found.verdict.verdict == "violated"
    assert found.verdict.violated == 1
    assert found.verdict.undecided == seen.undecided - 1
    assert found.witness["method"] == "independent reference"
    assert result.claims[0].verdict.verdict == "undecided"


def test_suspects_without_a_sharper_reference_stay_undecided(tmp_path):
    assert verdicts(run(toys.WIDE_ALONE, tmp_path)) == {"true": "undecided", "false": "undecided"}


def test_a_run_with_nothing_eligible_is_vacuous_and_gives_advice(tmp_path):
    result = run(toys.EMPTY, tmp_path)
    assert verdicts(result) == {"never": "vacuous", "true": "no violation"}
    assert result.claims[0].verdict.set_aside == {"never": 100}
    assert not result.as_expected
    assert result.advice.endswith("nothing is admitted")
    assert run(toys.PLAIN, tmp_path).advice == ""


def test_a_solver_that_is_stopped_early_decides_nothing(tmp_path):
    """One iteration of a solver that needs many: no claim passes, and none that holds is violated."""
    theorem = catalogue.load("bp_stability")
    for parameters in ({"dictionary": "conference"}, {}):
        result = run(theorem, tmp_path, dataclasses.replace(HOST, instances=256), iterations=1, **parameters)
        for claim in result.claims:
            assert claim.verdict.verdict != "no violation"
            if claim.expects == "holds":
                assert claim.verdict.verdict == "undecided"
                assert claim.verdict.violated == 0
        assert result.evidence.total("slide, solutions").nonfinite > 100


def test_what_an_unfinished_solver_decides_is_what_a_finished_one_decides():
    """Instance by instance: some are solved by the first iteration, and nothing comes from the others."""
    theorem, host = catalogue.load("bp_stability"), Backend("numpy")
    p = theorem.parameters()
    few = theorem.parameters(iterations=1)
    unfinished = 0
    for family in theorem.families:
        x = theorem.sample(trial.draw_for(theorem, p, family, 0, 24, 0, host), p, family)
        margins = theorem.hypotheses(p, x)
        with np.errstate(all="ignore"):
            quantities = [theorem.solve(q, x) for q in (few, p)]
        for claim in theorem.claims:
            early, late = (trial.outcomes(claim, p, margins, q) for q in quantities)
            decided = (early.missed < 0) & (early.holds | early.violated)
            unfinished += int((~decided & (late.holds | late.violated)).sum())
            np.testing.assert_array_equal(early.holds[decided], late.holds[decided])
            np.testing.assert_array_equal(early.violated[decided], late.violated[decided])
    assert unfinished > 100


# ------------------------------------------------------------------------------------------- budget, points, numbers


def test_a_budget_ends_a_run_after_at_least_one_batch(tmp_path, monkeypatch):
    monkeypatch.setenv(toys.LOG, str(tmp_path / "log"))
    tiny = run(toys.DIARY, tmp_path, dataclasses.replace(HOST, budget=1e-9))
    assert sum(tiny.instances.values()) == 30
    began = time.monotonic()
    short = run(toys.DIARY, tmp_path, dataclasses.replace(HOST, budget=0.3))
    assert 0.25 < time.monotonic() - began < 5
    assert sum(short.instances.values()) > 30
    assert "budget=0.3s" in short.command


def test_two_points_are_two_runs(tmp_path):
    one, two = run(toys.PLAIN, tmp_path), run(toys.PLAIN, tmp_path, scale=2.0)
    assert one.params == {"scale": 1.0}
    assert two.params == {"scale": 2.0}
    assert one.claims[1].witness["file"] != two.claims[1].witness["file"]
    assert len(list((tmp_path / "plain").glob("*.npz"))) == 2
    assert "scale=2.0" in two.command
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        stored = campaign.stored(ledger)["plain"]
    assert [r.params for r in stored] == [{"scale": 1.0}, {"scale": 2.0}]
    for result, again in zip((one, two), stored, strict=True):
        assert verdicts(again) == verdicts(result)
        assert again.evidence == result.evidence
        assert again.command == result.command


def test_seeds_dtypes_and_libraries_are_runs_of_their_own(tmp_path):
    settings = [
        HOST,
        Settings(seed=1, backend="numpy"),
        Settings(dtype="float32", backend="numpy"),
        Settings(backend="strict"),
    ]
    results = [run(toys.PLAIN, tmp_path, s) for s in settings]
    host, other, single, strict = (r.evidence.total("true") for r in results)
    assert other.worst != host.worst
    assert strict.worst == host.worst
    assert single.ratio_max == pytest.approx(host.ratio_max, rel=1e-6)
    assert single.worst != host.worst
    for result in results:
        assert verdicts(result) == verdicts(results[0])


def test_progress_goes_up_to_the_end(tmp_path):
    seen = []
    run(toys.PLAIN, tmp_path, progress=seen.append)
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    assert seen[-1].done == seen[-1].total == 300
    assert seen[-1].seconds_left == 0
    assert seen[0].rate > 0
    assert 0.9 < seen[-1].ratio_max <= 1
    again = []
    run(toys.PLAIN, tmp_path, progress=again.append)
    assert math.isnan(again[-1].ratio_max)  # nothing was fresh


def test_an_error_of_the_theorem_names_the_batch(tmp_path):
    def broken(p, x):
        raise np.linalg.LinAlgError("singular")

    theorem = dataclasses.replace(toys.PLAIN, solve=broken)
    with pytest.raises(trial.TrialError, match=r"LinAlgError in plain, family 'plain', instances 0..63, seed 0"):
        run(theorem, tmp_path)


def test_code_has_a_digest_of_its_file(tmp_path):
    assert campaign.code_digest(toys.PLAIN) == campaign.code_digest(toys.DIARY)
    source = Path(toys.__file__).read_text()
    copies = []
    for text in (source, source + "\n# changed\n"):
        path = tmp_path / "copied.py"
        path.write_text(text.replace('PLAIN = toy("plain"', 'THEOREM = PLAIN = toy("copied"'))
        copies.append(campaign.code_digest(catalogue.load(str(path))))
    assert copies[0] != copies[1]


def test_the_smallest_confirmed_instance_is_the_witness():
    """Leads: the plainest, then violations of each family in turn, then suspects."""
    from verify.engine.evidence import Extreme, Tally

    tallies = {
        "a": Tally(worst=[Extreme(3.0, -7, "violated"), Extreme(2.0, -8, "violated"), Extreme(9.0, -1, "suspect")]),
        "b": Tally(worst=[Extreme(2.5, -4, "violated"), Extreme(0.9, -5, "holds")], plainest=[3, 44]),
    }
    found = [(lead.family, lead.instance, lead.suspect) for lead in witness.leads(tallies)]
    assert found == [("b", 44, False), ("a", 7, False), ("b", 4, False), ("a", 8, False), ("a", 1, True)]
