"""What the ledger has committed survives; nothing counts twice; what is wrong with a file is said."""

import math
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from verify.engine.ledger import SYNC, Ledger, LedgerError, run_key

EVIDENCE = {"tallies": {"c": {"random": {"drawn": 256, "sketch": {"48": 3}}}}, "figures": {}, "seconds": 0.25}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "folder" / "ledger.sqlite"


def child(code, *arguments):
    """A Python process that runs ``code``; its standard output is a pipe."""
    words = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


# ------------------------------------------------------------------------------------------------------------- keys


def test_a_key_depends_on_every_part_and_not_on_their_order():
    parts = {"theorem": "pgd", "params": {"d": 60, "k": 3}, "seed": 0, "dtype": "float64"}
    key = run_key(**parts)
    assert key == run_key(**{**dict(reversed(parts.items())), "params": {"k": 3, "d": 60}})
    others = [{**parts, "seed": 1}, {**parts, "params": {"d": 60, "k": 4}}, {**parts, "extra": None}]
    assert len({key, *(run_key(**other) for other in others)}) == 4
    assert key == "c002c11a1b41225cdc78e3aee6f288be"  # keys of earlier versions stay valid


def test_a_key_is_of_plain_values_only():
    with pytest.raises(ValueError, match="JSON"):
        run_key(x=math.nan)
    with pytest.raises(TypeError):
        run_key(x=object())


# ---------------------------------------------------------------------------------------------------------- storage


def test_batches_come_back_in_order_after_reopening(path):
    with Ledger(path) as ledger:
        ledger.record("run", "random", 256, 512, {**EVIDENCE, "seconds": 2.0})
        ledger.record("run", "random", 0, 256, EVIDENCE)
        ledger.record("run", "aimed", 0, 256, EVIDENCE)
        ledger.record("other", "random", 512, 600, EVIDENCE)
    with Ledger(path) as ledger:
        batches = [("aimed", 0, 256), ("random", 0, 256), ("random", 256, 512)]
        assert ledger.done("run") == set(batches)
        assert ledger.done("none") == set()
        rows = list(ledger.evidence("run"))
        assert [batch for batch, _ in rows] == batches
        assert [data["seconds"] for _, data in rows] == [0.25, 0.25, 2.0]
        assert rows[0][1] == EVIDENCE


def test_a_batch_recorded_twice_counts_once(path):
    with Ledger(path) as ledger:
        ledger.record("run", "random", 0, 256, EVIDENCE)
        ledger.record("run", "random", 0, 256, {"seconds": 9.0})
        assert [data for _, data in ledger.evidence("run")] == [EVIDENCE]


def test_a_commit_waits_for_the_disk_unless_one_did_just_now(path, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    with Ledger(path) as ledger:

        def waits(start):
            ledger.record("run", "random", start, start + 1, EVIDENCE)
            return ledger._pragma("synchronous") == 2

        assert waits(0)
        clock[0] += 0.9 * SYNC
        assert not waits(1)
        clock[0] += 0.2 * SYNC
        assert waits(2)
        ledger.record("run", "random", 3, 4, EVIDENCE)
        ledger.save_result("run", {"n": 1})
        assert ledger._pragma("synchronous") == 2
        assert not waits(4)
        assert len(ledger.done("run")) == 5


def test_a_run_that_has_begun_is_known_until_its_result_is_saved(path):
    with Ledger(path) as ledger:
        ledger.begin([("a", {"theorem": "pgd"}), ("b", {"theorem": "ipgd"})])
        ledger.begin([("a", {"theorem": "pgd", "seed": 1})])
    with Ledger(path) as ledger:
        assert ledger.begun() == [("b", {"theorem": "ipgd"}), ("a", {"theorem": "pgd", "seed": 1})]
        ledger.save_result("b", {"n": 1})
        assert ledger.begun() == [("a", {"theorem": "pgd", "seed": 1})]
        assert ledger.results() == [("b", {"n": 1})]


def test_a_ledger_of_the_first_format_is_taken_over(path):
    with Ledger(path) as ledger:
        ledger.record("run", "random", 0, 256, EVIDENCE)
        ledger._db.execute("DROP TABLE runs")
        ledger._db.execute("PRAGMA user_version = 1")
    with Ledger(path) as ledger:
        assert ledger.done("run") == {("random", 0, 256)}
        assert ledger.begun() == []
    Ledger(path).close()


def test_results_are_replaced_by_the_latest(path):
    with Ledger(path) as ledger:
        ledger.save_result("a", {"n": 1})
        ledger.save_result("b", {"n": 2, "ratio": math.inf})
        ledger.save_result("a", {"n": 3})
    with Ledger(path) as ledger:
        assert ledger.results() == [("b", {"n": 2, "ratio": math.inf}), ("a", {"n": 3})]


def test_nan_in_evidence_is_kept(path):
    with Ledger(path) as ledger:
        ledger.record("run", "random", 0, 1, {"ratio": math.nan})
        ((_, data),) = ledger.evidence("run")
        assert math.isnan(data["ratio"])


# ------------------------------------------------------------------------------------------------ killed, concurrent


def test_a_killed_writer_loses_nothing_it_has_committed(path):
    writer = child(
        """
        import itertools, sys
        from verify.engine.ledger import Ledger
        ledger = Ledger(sys.argv[1])
        for i in itertools.count():
            ledger.record("run", "random", i, i + 1, {"number": i, "filling": [j * 0.1 for j in range(2000)]})
            print(i, flush=True)
        """,
        path,
    )
    lines = [writer.stdout.readline() for _ in range(30)]
    os.kill(writer.pid, signal.SIGKILL)
    lines += writer.communicate(timeout=60)[0].splitlines()
    assert writer.returncode == -signal.SIGKILL
    committed = [int(line) for line in lines]
    assert len(committed) >= 30
    with Ledger(path) as ledger:
        numbers = [data["number"] for _, data in ledger.evidence("run")]
        # At most the one row whose number was not printed any more comes on top.
        assert numbers in (committed, [*committed, len(committed)])
        ledger.record("run", "random", len(numbers), len(numbers) + 1, EVIDENCE)
        assert len(ledger.done("run")) == len(numbers) + 1
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_processes_share_a_ledger(path):
    """Four writers that make the file at the same time; half of their batches are the same."""
    code = """
        import sys
        from verify.engine.ledger import Ledger
        with Ledger(sys.argv[1]) as ledger:
            for i in range(60):
                family = "shared" if i % 2 else sys.argv[2]
                ledger.record("run", family, i, i + 1, {"number": i})
        """
    writers = [child(code, path, f"own {i}") for i in range(4)]
    for writer in writers:
        assert writer.communicate(timeout=120)[1] == ""
        assert writer.returncode == 0
    with Ledger(path) as ledger:
        rows = list(ledger.evidence("run"))
    assert len(rows) == 4 * 30 + 30
    assert all(data["number"] == start for (_, start, _), data in rows)


def test_opening_waits_for_another_that_opens_the_same_new_file(path, monkeypatch):
    """Another process takes the write lock just before the write-ahead mode is set, and lets it go a while later."""
    path.parent.mkdir(parents=True)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    set_mode = Ledger._write_ahead

    def hindered(ledger):
        other.execute("BEGIN IMMEDIATE")
        threading.Timer(0.2, other.execute, ["COMMIT"]).start()
        set_mode(ledger)

    monkeypatch.setattr(Ledger, "_write_ahead", hindered)
    with Ledger(path) as ledger:
        assert ledger._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()


def test_a_ledger_that_stays_busy_is_said(path, monkeypatch):
    monkeypatch.setattr("verify.engine.ledger.WAIT", 0.05)
    with Ledger(path) as ledger, Ledger(path) as other:
        other._db.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="busy with another process"):
            ledger.record("run", "random", 0, 1, EVIDENCE)
        other._db.execute("ROLLBACK")
        ledger.record("run", "random", 0, 1, EVIDENCE)
        assert other.done("run") == {("random", 0, 1)}


# --------------------------------------------------------------------------------------------------- what is wrong


def fill(ledger, batches):
    for i in range(batches):
        ledger.record("run", "random", i, i + 1, {"x": [math.sin(i * 100 + j) for j in range(500)]})


def filled(path):
    with Ledger(path) as ledger:
        fill(ledger, 50)
    assert path.stat().st_size > 100_000
    return path


def test_a_file_of_something_else_is_left_alone(path):
    path.parent.mkdir(parents=True)
    path.write_text("instances,ratio\n" * 500)
    with pytest.raises(LedgerError, match="is not a database"):
        Ledger(path)
    assert path.read_text() == "instances,ratio\n" * 500


def test_a_database_of_another_program_is_left_alone(path):
    path.parent.mkdir(parents=True)
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE t (x)")
    db.close()
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="another program"):
        Ledger(path)
    assert path.read_bytes() == before


def test_a_ledger_of_another_format_is_said(path):
    Ledger(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(LedgerError, match="format 99"):
        Ledger(path)


@pytest.mark.parametrize("keep", [0.9, 0.5, 0.1, 5000, 700, 40])
def test_a_file_cut_short_is_said(path, keep):
    size = filled(path).stat().st_size
    os.truncate(path, int(keep * size) if keep < 1 else keep)
    with pytest.raises(LedgerError, match=r"damaged or cut short|not a database"), Ledger(path) as ledger:
        list(ledger.evidence("run"))


def test_overwritten_pages_are_said(path):
    filled(path)
    with open(path, "r+b") as file:
        file.seek(8192)
        file.write(b"\xa5" * (path.stat().st_size - 8192))
    with pytest.raises(LedgerError, match="damaged"), Ledger(path) as ledger:
        list(ledger.evidence("run"))


def test_damaged_evidence_is_said(path):
    with Ledger(path) as ledger:
        ledger.record("run", "random", 0, 1, EVIDENCE)
        ledger._db.execute("UPDATE batches SET evidence = substr(evidence, 1, 20)")
        with pytest.raises(LedgerError, match="damaged"):
            list(ledger.evidence("run"))


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match="cannot make the folder"):
        Ledger(tmp_path / "file" / "ledger.sqlite")
    with pytest.raises(LedgerError, match="cannot be opened"):
        Ledger(tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_or_file_without_permission_is_said(path):
    Ledger(path).close()
    path.chmod(0o444)
    path.parent.chmod(0o555)
    try:
        with pytest.raises(LedgerError, match="cannot be written"):
            Ledger(path)
        with pytest.raises(LedgerError, match="cannot be opened"):
            Ledger(path.with_name("new.sqlite"))
    finally:
        path.parent.chmod(0o755)


def test_a_ledger_that_may_not_write_is_said(path):
    with Ledger(path) as ledger:
        ledger._db.execute("PRAGMA query_only = ON")
        with pytest.raises(LedgerError, match="cannot be written"):
            ledger.record("run", "random", 0, 1, EVIDENCE)


def test_a_full_disk_is_said(path):
    with Ledger(path) as ledger:
        ledger._db.execute("PRAGMA max_page_count = 12")
        with pytest.raises(LedgerError, match="disk is full"):
            fill(ledger, 100)
        kept = len(ledger.done("run"))
    with Ledger(path) as ledger:
        assert len(list(ledger.evidence("run"))) == kept > 0


def test_a_closed_ledger_is_said(path):
    ledger = Ledger(path)
    ledger.close()
    with pytest.raises(LedgerError, match="closed"):
        ledger.done("run")
