"""Finished batches on disk: one SQLite file, one row for each batch, written before the batch counts.

The file is in write-ahead mode. A process that is killed loses nothing it has recorded. A machine that loses power
may lose the batches of the last moment: to wait for the disk takes as long as a part of a quick batch, so a batch that
is recorded less than :data:`SYNC` seconds after a commit that waited does not wait itself. The next commit that waits
takes it along, and the beginnings and results of runs always wait. Several processes may use one ledger; a writer
waits for the others up to :data:`WAIT` seconds. The file must be on a local disk, because the write-ahead mode needs
memory shared between its users.
"""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pydantic_core

WAIT = 30.0  # seconds to wait for another process's write
SYNC = 0.2  # seconds of batches that may be lost with the power
_MAGIC = 0x76726679  # "vrfy": SQLite's application_id of a ledger
_FORMAT = 2  # user_version; raise it when the tables change

_TABLES = """
CREATE TABLE batches (
    key TEXT, family TEXT, start INTEGER, stop INTEGER, evidence BLOB NOT NULL, PRIMARY KEY (key, family, start, stop)
);
CREATE TABLE results (key TEXT PRIMARY KEY, result BLOB NOT NULL);
"""
_RUNS = "CREATE TABLE runs (key TEXT PRIMARY KEY, about BLOB NOT NULL)"  # begun and not ended; since format 2

Batch = tuple[str, int, int]  # family, first instance, one past the last


class LedgerError(RuntimeError):
    """The ledger cannot be opened, read or written; the message says which file, why, and what to do."""


def run_key(**parts: Any) -> str:
    """A digest of all that a run's numbers depend on; ``parts`` are JSON values, and their order does not matter.

    Raises TypeError or ValueError for what is not JSON, NaN and infinity included.
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


class Ledger:
    """The ledger at ``path``, made with its folders when it is not there. A context manager.

    Every method raises :class:`LedgerError`, and every write is committed when it returns.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._synced = -math.inf  # when a commit waited for the disk
        with self._errors():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, timeout=WAIT, isolation_level=None)
            try:
                self._open()
            except BaseException:
                self._db.close()
                raise

    def _open(self) -> None:
        # Taking the write lock first serialises two processes that make the same file, and finds out at once whether
        # the file may be written.
        self._db.execute("BEGIN IMMEDIATE")
        magic = self._pragma("application_id")
        if magic == 0 and self._db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
            for statement in (*_TABLES.split(";"), _RUNS):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA application_id = {_MAGIC}")
            self._db.execute(f"PRAGMA user_version = {_FORMAT}")
        elif magic != _MAGIC:
            raise LedgerError(f"{self.path} is a database of another program, not a ledger; choose another path")
        elif (version := self._pragma("user_version")) == 1:
            self._db.execute(_RUNS)
            self._db.execute(f"PRAGMA user_version = {_FORMAT}")
        elif version != _FORMAT:
            raise LedgerError(f"{self.path} is a ledger of format {version}, and this program reads format {_FORMAT}")
        self._db.execute("COMMIT")
        self._write_ahead()

    def _write_ahead(self) -> None:
        # SQLite does not wait when another process is opening the same new file just now; so this does.
        began = time.monotonic()
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() - began > WAIT:
                    raise
                time.sleep(0.01)

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---------------------------------------------------------------------------------------------------- batches

    def done(self, key: str) -> set[Batch]:
        """The batches of a run that are recorded."""
        with self._errors():
            return set(self._db.execute("SELECT family, start, stop FROM batches WHERE key = ?", (key,)))

    def record(self, key: str, family: str, start: int, stop: int, evidence: dict[str, Any]) -> None:
        """Records the evidence of a finished batch. A batch that is there already stays as it is."""
        row = key, family, start, stop, _pack(evidence)
        with self._writing(wait=time.monotonic() - self._synced >= SYNC):
            self._db.execute("INSERT OR IGNORE INTO batches VALUES (?, ?, ?, ?, ?)", row)

    def evidence(self, key: str) -> Iterator[tuple[Batch, dict[str, Any]]]:
        """The recorded batches of a run and their evidence, by family and instance."""
        query = "SELECT family, start, stop, evidence FROM batches WHERE key = ? ORDER BY family, start, stop"
        with self._errors():
            for family, start, stop, packed in self._db.execute(query, (key,)):
                yield (family, start, stop), _unpack(packed)

    # -------------------------------------------------------------------------------------- results and witnesses

    def begin(self, runs: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Says of runs (key, about) what their batches are of, until :meth:`save_result` ends them."""
        rows = [(key, _pack(about)) for key, about in runs]
        with self._writing():
            self._db.executemany("INSERT OR REPLACE INTO runs VALUES (?, ?)", rows)

    def begun(self) -> list[tuple[str, dict[str, Any]]]:
        """The runs that are under way or were cut off, and what they are of; the one begun last at the end."""
        with self._errors():
            rows = self._db.execute("SELECT key, about FROM runs ORDER BY rowid")
            return [(key, _unpack(packed)) for key, packed in rows]

    def save_result(self, key: str, result: dict[str, Any]) -> None:
        """Stores the result of a run in place of the one it had; the run has ended."""
        with self._writing():
            self._db.execute("INSERT OR REPLACE INTO results VALUES (?, ?)", (key, _pack(result)))
            self._db.execute("DELETE FROM runs WHERE key = ?", (key,))

    def results(self) -> list[tuple[str, dict[str, Any]]]:
        """The latest result of every run, the one saved last at the end."""
        with self._errors():
            rows = self._db.execute("SELECT key, result FROM results ORDER BY rowid")
            return [(key, _unpack(packed)) for key, packed in rows]

    @contextmanager
    def _writing(self, wait: bool = True) -> Iterator[None]:
        """A transaction; it waits for the disk, or leaves that to the next one that does."""
        with self._errors():
            self._db.execute(f"PRAGMA synchronous = {'FULL' if wait else 'NORMAL'}")
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                yield
            if wait:
                self._synced = time.monotonic()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """SQLite's and the system's errors as :class:`LedgerError`."""
        try:
            yield
        except OSError as error:
            raise LedgerError(f"cannot make the folder of the ledger {self.path}: {error.strerror}") from error
        except zlib.error as error:
            raise LedgerError(f"the ledger {self.path} is damaged ({error}); {_START_AGAIN}") from error
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary code, without its detail
            raise LedgerError(f"the ledger {self.path} {_REASONS.get(code, 'failed')} ({error})") from error


_START_AGAIN = "move it away and run again"
_REASONS = {
    sqlite3.SQLITE_NOTADB: f"is not a database; choose another path, or {_START_AGAIN}",
    sqlite3.SQLITE_CORRUPT: f"is damaged or cut short; {_START_AGAIN}",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; is its folder writable?",
    sqlite3.SQLITE_READONLY: "cannot be written; are the file and its folder writable?",
    sqlite3.SQLITE_BUSY: f"has been busy with another process for {WAIT:g} seconds",
    sqlite3.SQLITE_FULL: "cannot grow: the disk is full",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk reports an error",
}


def _pack(data: dict[str, Any]) -> bytes:
    # A higher level saves a tenth of the room and takes four times as long, which shows beside quick batches.
    return zlib.compress(pydantic_core.to_json(data, inf_nan_mode="constants"), 1)


def _unpack(packed: bytes) -> Any:
    return pydantic_core.from_json(zlib.decompress(packed))
