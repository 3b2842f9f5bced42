"""The same evidence from every executor; workers that die, hang and run out of memory; schedulers that are lost."""

import concurrent.futures
import contextlib
import dataclasses
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from verify.core.arrays import Backend
from verify.engine import campaign, catalogue, executors, trial, work
from verify.engine.campaign import Settings
from verify.engine.executors import ExecutorError
from verify.engine.ledger import Ledger

from . import toys

ROOT = Path(__file__).resolve().parents[2]
TWO = Settings(backend="numpy", executor="processes:2")
needs_dask = pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="the extra 'distributed'")
COUNTS = ("drawn", "holds", "violated", "undecided", "suspects", "nonfinite", "wins", "losses", "set_aside")


def run(theorem, folder, settings=TWO, progress=None):
    with Ledger(folder / "ledger.sqlite") as ledger:
        return campaign.run(theorem, theorem.parameters(), settings, ledger, folder, progress)


def run_all(names, folder, settings):
    points = [(theorem, theorem.parameters()) for theorem in map(catalogue.load, names)]
    with Ledger(folder / "ledger.sqlite") as ledger:
        found = dict(campaign.run_all(points, settings, ledger, folder))
        assert not [result for result in found.values() if isinstance(result, Exception)]
        # What ends a point is in the ledger, and nothing is left of it among the runs that were cut off.
        assert ledger.begun() == []
        assert {r.theorem for results in campaign.stored(ledger).values() for r in results} == set(names)
    return [found[n] for n in range(len(points))]


def plain(result):
    data = json.loads(json.dumps(result.evidence.to_json()))
    del data["seconds"]
    return data


def same_evidence(found, told, exactly=True):
    """Counts are equal and ratios equal to nine digits; of toys every bit is."""
    assert found.instances == told.instances
    if exactly:
        assert plain(found) == plain(told)
    assert [c.verdict.verdict for c in found.claims] == [c.verdict.verdict for c in told.claims]
    for claim, families in told.evidence.tallies.items():
        for family, tally in families.items():
            other = found.evidence.tallies[claim][family]
            for count in COUNTS:
                assert getattr(other, count) == getattr(tally, count), (found.theorem, claim, family, count)
            assert other.ratio_max == pytest.approx(tally.ratio_max, rel=1e-9, abs=0, nan_ok=True)


def gone(process):
    """Whether a process has ended; one that nobody has waited for counts."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


# ------------------------------------------------------------------------------------------------- the same evidence

GRID = ("ista_rate", "xu_mannor", "ge_definition", "ista_form")
CHILD = """
import sys
from pathlib import Path
from tests.engine.test_executors import run_all
from verify.engine.campaign import Settings
run_all(sys.argv[3:], Path(sys.argv[1]), Settings(backend="numpy", executor="processes:2", instances=int(sys.argv[2])))
"""


def killed_and_resumed(names, folder, instances, kills):
    """A run that is killed ``kills`` times, each time when some more batches are there, and then goes on to its end."""
    command = [sys.executable, "-c", CHILD, str(folder), str(instances), *names]

    def recorded():
        if not (folder / "ledger.sqlite").exists():
            return 0
        with Ledger(folder / "ledger.sqlite") as ledger:
            return sum(len(ledger.done(key)) for key, _ in ledger.begun())

    for _ in range(kills):
        before, until = recorded(), time.monotonic() + 120
        process = subprocess.Popen(command, cwd=ROOT)
        while recorded() < before + 2 and process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        process.kill()
        assert process.wait() == -signal.SIGKILL, "the run was over before it could be killed"
    return run_all(names, folder, Settings(backend="numpy", instances=instances))


def same_from_all(names, folder, instances, kills=3):
    def done(executor):
        return run_all(names, folder / executor, Settings(backend="numpy", executor=executor, instances=instances))

    told = done("serial")
    found = [done("joblib:2"), killed_and_resumed(names, folder / "killed", instances, kills)]
    if importlib.util.find_spec("distributed") is not None:
        found.append(done("dask:local:2"))
    for results in found:
        for result, other in zip(results, told, strict=True):
            same_evidence(result, other, exactly=False)


def test_every_executor_and_a_run_that_is_killed_give_the_same_evidence(tmp_path):
    same_from_all(GRID, tmp_path, 60)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_executor_gives_the_same_evidence_of_the_whole_catalogue(tmp_path):
    same_from_all(catalogue.names(), tmp_path, 40)


def test_toys_are_equal_to_the_last_bit(tmp_path):
    settings = dataclasses.replace(TWO, executor="serial")
    told = run(toys.PLAIN, tmp_path / "serial", settings)
    result = run(toys.PLAIN, tmp_path / "two")
    same_evidence(result, told)
    assert [c.witness for c in result.claims] == [c.witness for c in told.claims]
    assert (tmp_path / "two" / "plain" / result.claims[1].witness["file"]).exists()
    assert result.command == told.command


# ------------------------------------------------------------------------------------------------------- what is sent


def test_a_theorem_of_the_catalogue_is_sent_by_name_and_another_as_its_record(tmp_path):
    assert work.source(catalogue.load("ista_rate")) == "ista_rate"
    assert work.source(toys.PLAIN) is toys.PLAIN
    path = tmp_path / "copied.py"
    path.write_text(Path(toys.__file__).read_text().replace('PLAIN = toy("plain"', 'THEOREM = PLAIN = toy("copied"'))
    assert work.source(catalogue.load(str(path))) == str(path)


def test_a_worker_with_other_code_computes_nothing():
    subject = work.Subject("ista_rate", "0-0", "{}", 0, "numpy", "float64")
    with pytest.raises(work.OtherCode, match="the same version"):
        subject.load()


# ----------------------------------------------------------------------------------------------------- dead workers


def test_a_killed_worker_costs_its_batch_and_no_other(tmp_path, monkeypatch):
    log = tmp_path / "log"
    monkeypatch.setenv(toys.LOG, str(log))
    killed = []

    def kill(progress):
        if progress.done >= 300 * (len(killed) + 1) and len(killed) < 2:
            killed.append(int(log.read_text().split()[-1]))
            os.kill(killed[-1], signal.SIGKILL)

    result = run(toys.ROLL_CALL, tmp_path, progress=kill)
    assert len(killed) == 2
    assert sum(result.instances.values()) == 1200
    assert result.evidence.failed == []
    # A pool falls as a whole: at most both workers' batches are done again, twice.
    assert 41 <= len(log.read_text().split()) <= 41 + 4
    same_evidence(result, run(toys.ROLL_CALL, tmp_path / "serial", Settings(backend="numpy")))


def test_workers_end_with_the_process_that_began_them(tmp_path, monkeypatch):
    log = tmp_path / "log"
    log.touch()
    code = (
        "import sys; from pathlib import Path; from tests.engine import toys; from tests.engine.test_executors import "
        "run; run(toys.ROLL_CALL, Path(sys.argv[1]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, env={**os.environ, toys.LOG: str(log)}
    )
    until = time.monotonic() + 60
    while len(set(log.read_text().split())) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    workers = {int(n) for n in log.read_text().split()}
    process.kill()
    process.wait()
    assert process.pid not in workers
    until = time.monotonic() + 20
    while not all(map(gone, workers)) and time.monotonic() < until:
        time.sleep(0.05)
    assert all(map(gone, workers))


def marked(theorem):
    host, p = Backend("numpy"), toys.Params()
    return [
        [family, start, stop]
        for family, start, stop in campaign.plan(theorem, Settings())
        if toys.is_marked(theorem.sample(trial.draw_for(theorem, p, family, start, stop, 0, host), p, family))
    ]


def left_out(theorem, folder, settings, why):
    """The marked batches are undecided and named, the others decided, and the next run tries the marked ones again."""
    lost = marked(theorem)
    batches = list(campaign.plan(theorem, Settings()))
    assert 0 < len(lost) < len(batches) / 2
    result = run(theorem, folder, settings)
    assert [failed[:3] for failed in result.evidence.failed] == lost
    assert all(why in reason for *_, reason in result.evidence.failed)
    count = sum(stop - start for _, start, stop in lost)
    for claim in result.claims:
        assert claim.verdict.undecided == count
    assert result.claims[0].verdict.decided == sum(result.instances.values()) - count == theorem.instances - count
    assert [c.verdict.verdict for c in result.claims] == ["no violation", "violated", "no violation"]
    with Ledger(folder / "ledger.sqlite") as ledger:
        ((key, _),) = ledger.results()
        assert len(ledger.done(key)) == len(batches) - len(lost)
    return result


def test_a_batch_that_kills_its_workers_is_undecided_and_named(tmp_path):
    left_out(toys.DEADLY, tmp_path, TWO, "its worker died 3 times")


def test_a_batch_that_hangs_is_undecided_and_named(tmp_path, capfd):
    """It hangs in C and holds the lock of the interpreter, so that nothing in its process can stop it."""
    result = left_out(toys.HANG, tmp_path, dataclasses.replace(TWO, limit=4.0), "not finished within 4 s")
    assert re.fullmatch(r"not finished within 4 s, at toys.py:[0-9]+ in hang", result.evidence.failed[0][3])
    assert "limit=4s" in result.command
    assert "Traceback" not in capfd.readouterr().err


def test_a_limit_needs_a_process_to_end(tmp_path):
    with pytest.raises(ExecutorError, match="needs executor=processes or dask"):
        run(toys.PLAIN, tmp_path, Settings(backend="numpy", limit=1.0))


# ------------------------------------------------------------------------------------------------------------- dask


@needs_dask
def test_a_hanging_batch_and_a_killed_worker_on_dask(tmp_path, monkeypatch):
    settings = dataclasses.replace(TWO, executor="dask:local:2", limit=4.0)
    left_out(toys.HANG, tmp_path, settings, "not finished within 4 s")


CLUSTER = """
import sys, time
import distributed
if __name__ == "__main__":
    cluster = distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0",
                                       memory_limit=0, silence_logs=50)
    print(cluster.scheduler_address, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A scheduler with one worker, in processes of its own: the first, and its address."""
    monkeypatch.setenv(toys.LOG, str(tmp_path / "log"))
    (tmp_path / "cluster.py").write_text(CLUSTER)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "cluster.py")], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    yield process, process.stdout.readline().strip()
    process.kill()
    process.communicate()


@needs_dask
def test_a_lost_scheduler_ends_the_run_and_keeps_what_is_finished(tmp_path, cluster):
    process, address = cluster
    settings = dataclasses.replace(TWO, executor=f"dask:{address}")

    def kill(progress):
        if progress.done >= 300:
            process.kill()

    with pytest.raises(ExecutorError, match="is gone; finished batches are kept"):
        run(toys.ROLL_CALL, tmp_path, settings, kill)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ((key, _),) = ledger.begun()
        kept = len(ledger.done(key))
        (half,) = campaign.unfinished(ledger, toys.ROLL_CALL)
        assert sum(half.instances.values()) >= 300
        assert not half.finished
    assert 10 <= kept < 41
    solved = len((tmp_path / "log").read_text().split())
    result = run(toys.ROLL_CALL, tmp_path, Settings(backend="numpy"))
    assert len((tmp_path / "log").read_text().split()) - solved == 41 - kept
    same_evidence(result, run(toys.ROLL_CALL, tmp_path / "serial", Settings(backend="numpy")))


@contextlib.contextmanager
def cluster_of_threads(**how):
    """A scheduler and one worker in this process."""
    import distributed

    quick = {
        "processes": False,
        "n_workers": 1,
        "threads_per_worker": 1,
        "dashboard_address": "127.0.0.1:0",
        "memory_limit": 0,
    }
    with distributed.LocalCluster(**{**quick, **how}, protocol="tcp", silence_logs=50) as cluster:
        yield cluster.scheduler_address


@needs_dask
def test_work_for_a_device_goes_to_workers_that_have_one(tmp_path):
    """A worker is known to have one by its resource."""
    with cluster_of_threads(resources={"GPU": 1}) as address:
        executor = executors.make(f"dask:{address}", gpu=True)
        try:
            assert executor.gpu
            future = executor.submit(divmod, 7, 3)
            assert executor.wait([future]) == {future}
            assert future.result() == (2, 1)
            (resources,) = (w["resources"] for w in executor._client.scheduler_info(n_workers=-1)["workers"].values())
            assert resources == {"GPU": 1}
        finally:
            executor.stop()


@needs_dask
def test_a_cluster_without_a_device_refuses_work_for_one(tmp_path):
    with cluster_of_threads() as address:
        settings = Settings(backend="cupy", executor=f"dask:{address}")
        with pytest.raises(ExecutorError, match="no worker of the cluster has a device; start them with `dask worker"):
            run(toys.PLAIN, tmp_path, settings)


@needs_dask
def test_workers_have_one_thread(tmp_path):
    with cluster_of_threads(threads_per_worker=2) as address, pytest.raises(ExecutorError, match="--nthreads 1"):
        executors.make(f"dask:{address}")


@needs_dask
@pytest.mark.slow
def test_no_scheduler_is_said(tmp_path):
    with pytest.raises(ExecutorError, match="no Dask scheduler answers there"):
        executors.make("dask:tcp://127.0.0.1:1")


def test_a_missing_package_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ExecutorError, match=r"needs the package distributed: .* install 'distributed>="):
        executors.make("dask:local:2")


# ---------------------------------------------------------------------------------------------- choosing and planning


def test_processes_are_taken_where_they_save_time():
    assert not executors.is_worth_it(60.0, 1)
    assert not executors.is_worth_it(5.0, 2)
    assert executors.is_worth_it(8.0, 2)
    assert executors.is_worth_it(4.0, 16)


def test_auto_goes_on_in_processes_when_that_pays(tmp_path, monkeypatch):
    monkeypatch.setenv(toys.LOG, str(tmp_path / "log"))
    monkeypatch.setattr(executors, "cores", lambda: 2)

    def where(instances):
        (tmp_path / "log").write_text("")
        run(toys.ROLL_CALL, tmp_path, Settings(backend="numpy", executor="auto", instances=instances, seed=instances))
        return [int(line) == os.getpid() for line in (tmp_path / "log").read_text().split()]

    assert all(where(600))  # a second of work
    here = where(6000)  # ten
    assert here[0]
    assert sum(here) < 5


class Pretended(executors.Serial):
    """Two workers in this process; what they were given is kept. Batches of ``long`` are said to take a second."""

    slots = workers = 2

    def __init__(self):
        self.given = []

    def submit(self, work, *arguments):
        future = super().submit(work, *arguments)
        if work.__name__ == "solve":
            self.given.append(arguments[0].subject.theorem.name)
            future.result()["seconds"] = 1.0 if self.given[-1] == "long" else 0.01
        return future


def test_the_longest_point_goes_first(tmp_path, monkeypatch):
    pretended = Pretended()
    monkeypatch.setattr(executors, "make", lambda *a, **k: pretended)
    points = [(dataclasses.replace(toys.PLAIN, name=name), toys.Params()) for name in ("short_0", "long", "short_1")]
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert len(list(campaign.run_all(points, Settings(backend="numpy"), ledger, tmp_path))) == 3
    assert set(pretended.given[:3]) == {"short_0", "long", "short_1"}  # one of each tells how long they take
    assert pretended.given.count("long") == 6
    last = max(n for n, name in enumerate(pretended.given) if name == "long")
    assert pretended.given[3 : last + 1].count("long") >= last - 3  # but for one that was begun before that was known


def slow(p, x):
    time.sleep(0.03)
    return toys.solve(p, x)


def test_a_budget_goes_where_a_decision_is_open(tmp_path):
    """Two points of equal cost: of one everything is decided, of the other a claim stays undecided."""
    settled = dataclasses.replace(toys.PLAIN, name="settled", solve=slow)

    def wide(p, x):
        time.sleep(0.03)
        return toys.wide(p, x)

    still_open = dataclasses.replace(toys.WIDE_ALONE, name="still_open", solve=wide)
    points = [(theorem, toys.Params()) for theorem in (settled, still_open)]
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        settings = Settings(backend="numpy", budget=3.0)
        found = dict(campaign.run_all(points, settings, ledger, tmp_path))
    drawn = [sum(found[n].instances.values()) for n in (0, 1)]
    assert 2.5 < drawn[1] / drawn[0] < 6
    assert campaign.weight(settled, found[0].evidence) == 1
    assert campaign.weight(still_open, found[1].evidence) == campaign.DECISIVE
    assert "budget=1.5s" in found[0].command


def test_one_point_that_fails_does_not_cost_the_others(tmp_path):
    def broken(p, x):
        raise ZeroDivisionError("division by zero")

    points = [(t, toys.Params()) for t in (dataclasses.replace(toys.PLAIN, name="broken", solve=broken), toys.PLAIN)]
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        found = dict(campaign.run_all(points, Settings(backend="numpy"), ledger, tmp_path))
    assert isinstance(found[0], trial.TrialError)
    assert found[1].as_expected


def test_futures_of_this_process_are_done_at_once():
    serial = executors.Serial()
    future = serial.submit(divmod, 7, 0)
    assert isinstance(future, concurrent.futures.Future)
    assert serial.wait([future]) == {future}
    assert isinstance(future.exception(), ZeroDivisionError)
    assert not serial.died(future)
