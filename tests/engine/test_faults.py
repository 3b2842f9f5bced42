"""Kills at random moments, full disks, damaged ledgers, clocks that jump: what is finished is neither lost nor counted
twice, and what is wrong is said."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from verify.engine import campaign, catalogue
from verify.engine.campaign import Settings
from verify.engine.ledger import Ledger, LedgerError

from . import toys
from .test_campaign import first_numbers, plain_evidence, recorded
from .test_executors import gone

ROOT = Path(__file__).resolve().parents[2]
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")

CHILD = """
import sys
from pathlib import Path
from tests.engine import toys
from tests.engine.test_faults import run
run(toys.DIARY, Path(sys.argv[1]), executor="processes:2")
"""


def run(theorem, folder, **settings):
    with Ledger(folder / "ledger.sqlite") as ledger:
        return campaign.run(theorem, theorem.parameters(), Settings(**{"backend": "numpy", **settings}), ledger, folder)


# ------------------------------------------------------------------------------------------------------------- kills


def workers(parent):
    """The worker processes of a run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            of = int(path.read_text().rpartition(")")[2].split()[1])
            words = path.with_name("cmdline").read_bytes()
        except OSError:  # it has just ended
            continue
        if of == parent and b"popen_loky" in words:
            found.append(int(path.parent.name))
    return found


def killed_at_random(folder, seed, kills):
    """A run of DIARY that is killed ``kills`` times, its main process or a worker, each time somewhere in the next few
    batches, and begun again where it has ended; then it goes on to its end. Returns the numbers of main and of worker
    processes that were killed."""
    moments, batches, log = random.Random(seed), first_numbers(), folder / "log"
    folder.mkdir()
    log.touch()
    environment = {**os.environ, toys.LOG: str(log)}
    count = {"main": 0, "worker": 0}
    process = None

    def solved():
        return log.read_text().split()

    for _ in range(kills):
        if process is None or process.poll() is not None:
            done, before = {batches[b] for b in recorded(folder)}, len(solved())
            if len(done) >= len(batches) - 4:
                break
            process = subprocess.Popen([sys.executable, "-c", CHILD, str(folder)], cwd=ROOT, env=environment)
        goal, until = len(solved()) + moments.randint(1, 4), time.monotonic() + 120
        while len(solved()) < goal and process.poll() is None and time.monotonic() < until:
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.04))
        if process.poll() is not None:
            break
        there = workers(process.pid)
        victim = "main" if moments.random() < 0.5 or not there else "worker"
        os.kill(process.pid if victim == "main" else moments.choice(there), signal.SIGKILL)
        count[victim] += 1
        if victim == "main":
            assert process.wait() == -signal.SIGKILL
            until = time.monotonic() + 60
            while not all(map(gone, there)) and time.monotonic() < until:  # they look for their parent now and then
                time.sleep(0.01)
            # What was in the ledger when this run began was not done again.
            assert not done & set(solved()[before:])
    if process is not None and process.poll() is None:
        assert process.wait(timeout=120) == 0
    return count


def goes_on_to_the_same_end(folder, undisturbed, monkeypatch):
    """The killed run does what is left, and nothing else; its evidence is that of an undisturbed one."""
    batches, log = first_numbers(), folder / "log"
    done, before = {batches[b] for b in recorded(folder)}, len(log.read_text().split())
    monkeypatch.setenv(toys.LOG, str(log))
    result = run(toys.DIARY, folder)
    assert sorted(log.read_text().split()[before:]) == sorted(set(batches.values()) - done)
    assert plain_evidence(result) == plain_evidence(undisturbed)
    assert [c.witness for c in result.claims] == [c.witness for c in undisturbed.claims]
    with sqlite3.connect(folder / "ledger.sqlite") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


@pytest.fixture
def undisturbed(tmp_path, monkeypatch):
    monkeypatch.setenv(toys.LOG, str(tmp_path / "undisturbed.log"))
    return run(toys.DIARY, tmp_path / "undisturbed")


@linux
def test_kills_at_random_moments(tmp_path, undisturbed, monkeypatch):
    count = killed_at_random(tmp_path / "run", 5, 3)
    assert count["main"] >= 1
    assert count["worker"] >= 1
    goes_on_to_the_same_end(tmp_path / "run", undisturbed, monkeypatch)


@linux
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_fifty_kills_at_random_moments(tmp_path, undisturbed, monkeypatch):
    total = {"main": 0, "worker": 0}
    trial = 0
    while sum(total.values()) < 50:
        folder = tmp_path / f"run {trial}"
        for victim, n in killed_at_random(folder, 100 + trial, 5).items():
            total[victim] += n
        goes_on_to_the_same_end(folder, undisturbed, monkeypatch)
        trial += 1
        assert trial < 40
    assert min(total.values()) >= 15


# ---------------------------------------------------------------------------------------------------- disk and files

CUT = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
from verify import cli
sys.exit(cli.main(sys.argv[2:]))
"""
COMMAND = ("theorem=ista_form", "instances=2000", "batch=50", "backend=numpy", "executor=serial", "format=json")


def verify(*tokens, cwd, largest=None):
    """The command as a user runs it, where no file may be larger than ``largest`` bytes."""
    head = ["-m", "verify"] if largest is None else ["-c", CUT, str(largest)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *head, *tokens], capture_output=True, text=True, cwd=cwd, env=environment, check=False
    )
    assert "Traceback" not in done.stderr
    return done


def test_a_disk_that_is_full_ends_the_run_and_costs_nothing_that_is_finished(tmp_path):
    pytest.importorskip("resource")
    done = verify(*COMMAND, cwd=tmp_path, largest=250_000)
    assert done.returncode == 2
    assert "could not run: the ledger" in done.stderr
    assert "disk" in done.stderr
    with Ledger(tmp_path / "reports" / "ledger.sqlite") as ledger:
        ((key, _),) = ledger.begun()
        kept = ledger.done(key)
        assert 0 < len(kept) < 40
        before = dict(ledger.evidence(key))
    done = verify(*COMMAND, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with Ledger(tmp_path / "reports" / "ledger.sqlite") as ledger:
        after = dict(ledger.evidence(key))
    planned = list(campaign.plan(catalogue.load("ista_form"), Settings(instances=2000, batch=50)))
    assert sorted(after) == sorted(planned)
    assert {batch: after[batch] for batch in kept} == before  # wall times included: they were not done again


def test_a_ledger_that_is_cut_short_is_said_and_left_as_it_is(tmp_path):
    assert verify(*COMMAND, cwd=tmp_path).returncode == 0
    path = tmp_path / "reports" / "ledger.sqlite"
    os.truncate(path, path.stat().st_size // 2)
    before = path.read_bytes()
    for tokens in (COMMAND, ("report",)):
        done = verify(*tokens, cwd=tmp_path)
        assert done.returncode == 2
        assert "is damaged or cut short; move it away and run again" in done.stderr
    assert path.read_bytes() == before


def test_a_ledger_that_cannot_be_written_costs_no_work(tmp_path, monkeypatch):
    monkeypatch.setenv(toys.LOG, str(tmp_path / "log"))
    (tmp_path / "log").touch()
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger._db.execute("PRAGMA query_only = ON")
        with pytest.raises(LedgerError, match="cannot be written"):
            campaign.run(toys.DIARY, toys.Params(), Settings(backend="numpy"), ledger, tmp_path)
    assert (tmp_path / "log").read_text() == ""


# ------------------------------------------------------------------------------------------------------------- clock


def test_a_clock_that_jumps_changes_nothing(tmp_path, undisturbed, monkeypatch):
    """Durations are measured by a clock that is never set; that of the wall may say what it likes."""
    jumps = random.Random(0)
    monkeypatch.setattr(time, "time", lambda: jumps.choice((0.0, 1e9, 4e9)) + jumps.random())
    monkeypatch.setenv(toys.LOG, str(tmp_path / "log"))
    seen = []
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        settings = Settings(backend="numpy", budget=60.0, instances=toys.DIARY.instances)
        result = campaign.run(toys.DIARY, toys.Params(), settings, ledger, tmp_path, seen.append)
    assert plain_evidence(result) == plain_evidence(undisturbed)
    assert all(0 <= progress.seconds_left < 60 for progress in seen)
    assert 0 < result.seconds < 60
