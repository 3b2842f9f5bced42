r"""What a worker does: one batch, within its memory and its time, whatever process it runs in.

A batch stays one row of the ledger however it is solved. It is solved in pieces where the memory is too small for the
whole, and in halves where a factorisation of LAPACK fails, down to the one instance that it fails for: that one is
undecided, counted and named, and its neighbours are decided. Instances are keyed by number, so pieces are the same
instances.
"""

from __future__ import annotations

import faulthandler
import hashlib
import os
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from verify.core.arrays import Backend
from verify.core.theorem import Parameters, Theorem
from verify.engine import catalogue, trial
from verify.engine.evidence import Evidence, Tally
from verify.engine.trial import TrialError

PROBE = (2, 8)  # instances on which the bytes of one are measured
LARGER = (32, 128)  # and again where they fit, because what one batch needs once may hide what each instance needs
SAFETY = 0.7  # the share of the free memory that a batch is planned for


class OtherCode(RuntimeError):
    """A worker has other code than the process that sent it the work; what it computed would not count."""


@dataclass(frozen=True)
class Subject:
    """A theorem at a point, as it is sent to a worker.

    ``theorem`` is a name or path that the catalogue loads, or the record itself; ``code`` the digest of the code that
    must be found there; ``params`` the parameters as JSON."""

    theorem: str | Theorem
    code: str
    params: str
    seed: int
    backend: str
    dtype: str

    def load(self) -> tuple[Theorem, Parameters, Backend]:
        """Raises :class:`OtherCode` where the code differs, and what the catalogue raises."""
        theorem = _load(self.theorem, self.code) if isinstance(self.theorem, str) else self.theorem
        return theorem, theorem.parameters.model_validate_json(self.params), Backend(self.backend, self.dtype)


@dataclass(frozen=True)
class Task:
    """The instances ``start .. stop-1`` of a family: at most ``piece`` at a time, within ``memory`` bytes of the
    process, in at most ``limit`` seconds (None: whatever it takes). ``note`` names the file to which a worker that is
    out of time writes where it was."""

    subject: Subject
    family: str
    start: int
    stop: int
    piece: int | None = None
    memory: int | None = None
    limit: float | None = None
    note: str | None = None


def source(theorem: Theorem) -> str | Theorem:
    """What another process finds the theorem by: name or path where its file holds it, and else the record itself."""
    module = sys.modules.get(theorem.sample.__module__)
    if getattr(module, "THEOREM", None) is not theorem:
        return theorem
    where = catalogue.where(theorem)
    return str(Path(where).resolve()) if where.endswith(".py") else where


@cache
def _load(where: str, code: str) -> Theorem:
    theorem = catalogue.load(where)
    if code_digest(theorem) != code:
        raise OtherCode(f"{theorem.name}: a worker has other code; install the same version on every machine")
    return theorem


def solve(task: Task) -> dict[str, Any]:
    """The evidence of a batch, as JSON values.

    Raises :class:`TrialError` when a function of the theorem fails, or one instance alone does not fit the memory. A
    batch that is out of time ends its process.
    """
    theorem, p, chosen = task.subject.load()
    with one_thread(), _watched(task):
        return _solve(theorem, p, chosen, task).to_json()


def one_thread() -> Any:
    """A context with one BLAS thread: the bits of a product change with the number of threads, and the batches are
    small."""
    return _libraries("scipy.linalg" in sys.modules).limit(limits=1, user_api="blas")


@cache
def _libraries(scipy: bool) -> Any:
    """The libraries that have threads, SciPy's own among them once it is there: to look for them takes as long as a
    quick batch."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _solve(theorem: Theorem, p: Parameters, chosen: Backend, task: Task) -> Evidence:
    seed, family, at = task.subject.seed, task.family, task.start
    key = theorem.name, task.subject.params, family
    size = min(task.stop - task.start, task.piece or task.stop)
    if task.memory is not None or chosen.name == "cupy":
        fitting = partial(_fitting, theorem, chosen, family, task.memory)
        if key not in _bytes:
            fixed, each = _measured(theorem, p, chosen, family, seed)
            for n in LARGER:
                if n <= min(size, fitting(fixed, each)):
                    peak = _peak(chosen, partial(trial.run_batch, theorem, p, family, 0, n, seed, chosen))
                    each = max(each, peak / n)
            _bytes[key] = fixed, each
        size = min(size, fitting(*_bytes[key]))
    parts: list[Evidence] = []
    refused = None
    while at < task.stop:
        size = min(size, _fits.get(key, size), task.stop - at)
        try:
            parts.append(trial.run_batch(theorem, p, family, at, at + size, seed, chosen))
            at += size
            continue
        except TrialError as error:
            failure, kind = error.with_traceback(None), error.__cause__
            if kind is not None:
                kind.__traceback__ = None  # it would keep the arrays of the batch alive
        if out_of_memory(kind):
            _release(chosen)
            if size == 1:
                raise TrialError(f"{failure}; the memory is too small for one instance")
            _fits[key] = size // 2
        elif _singular(kind):
            refused = refused or failure
            parts.append(_in_halves(theorem, p, chosen, family, at, at + size, seed, str(kind)))
            at += size
        else:
            raise failure
    found = _joined(parts)
    lost = sum(stop - start for _, start, stop, _ in found.failed)
    if refused is not None and lost == task.stop - task.start > 1:
        raise refused  # what fails for every instance is no property of an instance
    return found


_fits: dict[tuple[str, str, str], int] = {}  # how many instances did fit, where more did not
_bytes: dict[tuple[str, str, str], tuple[float, float]] = {}  # of (theorem, point, family): see _measured


def _joined(parts: list[Evidence]) -> Evidence:
    for part in parts[1:]:
        parts[0].merge(part)
    return parts[0]


def _in_halves(
    theorem: Theorem, p: Parameters, chosen: Backend, family: str, start: int, stop: int, seed: int, why: str
) -> Evidence:
    """The evidence of a batch for which a factorisation failed: halved until the instances it fails for stand alone."""
    if stop - start == 1:
        return unsolved(theorem, family, start, stop, why)
    middle = (start + stop) // 2
    parts = []
    for low, high in ((start, middle), (middle, stop)):
        try:
            parts.append(trial.run_batch(theorem, p, family, low, high, seed, chosen))
        except TrialError as error:
            if not _singular(error.__cause__):
                raise
            parts.append(_in_halves(theorem, p, chosen, family, low, high, seed, str(error.__cause__)))
    return _joined(parts)


def unsolved(theorem: Theorem, family: str, start: int, stop: int, why: str) -> Evidence:
    """The evidence of instances that could not be computed: every claim is undecided on them."""
    tallies = {c.name: {family: Tally(drawn=stop - start, undecided=stop - start)} for c in theorem.claims}
    return Evidence(tallies, failed=[[family, start, stop, why]])


def _singular(error: BaseException | None) -> bool:
    """Whether LAPACK refused a matrix: singular, not definite, or an iteration that did not converge."""
    from numpy.linalg import LinAlgError

    return isinstance(error, LinAlgError)


# --------------------------------------------------------------------------------------------------------- memory


def out_of_memory(error: BaseException | None) -> bool:
    """Whether the host or the device had no memory left; CuPy's error is of a type of its own."""
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"


def _release(chosen: Backend) -> None:
    """Gives the blocks that CuPy keeps for later back to the device."""
    if chosen.name == "cupy":
        import cupy

        cupy.get_default_memory_pool().free_all_blocks()


def _measured(theorem: Theorem, p: Parameters, chosen: Backend, family: str, seed: int) -> tuple[float, float]:
    """(bytes of a batch of none, bytes of each instance), from the peaks of two small batches."""

    def batch(n: int) -> None:
        trial.run_batch(theorem, p, family, 0, n, seed, chosen)

    batch(1)  # what is constructed once is not of a batch
    few, many = (_peak(chosen, partial(batch, n)) for n in PROBE)
    each = max(1.0, (many - few) / (PROBE[1] - PROBE[0]))
    return max(0.0, few - PROBE[0] * each), each


def _peak(chosen: Backend, run: Callable[[], Any]) -> int:
    """The most bytes that arrays took while ``run`` ran."""
    if chosen.name == "cupy":
        import cupy

        pool = cupy.get_default_memory_pool()
        pool.free_all_blocks()
        before = pool.total_bytes()
        run()
        return pool.total_bytes() - before  # a pool keeps what it has had
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _fitting(theorem: Theorem, chosen: Backend, family: str, memory: int | None, fixed: float, each: float) -> int:
    """How many instances fit, on the host into what the process has not taken of its ``memory``, on a device into what
    is free, of which it may take as much (None: all)."""
    if chosen.name == "cupy":
        import cupy

        free = cupy.cuda.runtime.memGetInfo()[0] + cupy.get_default_memory_pool().free_bytes()
        taken, memory = 0, free if memory is None else min(memory, free)
    else:
        assert memory is not None
        taken = resident()
    count = int((SAFETY * (memory - taken) - fixed) / each)
    if count < 1:
        raise TrialError(
            f"memory: {theorem.name}, family {family!r}, needs about {_mebibytes(taken + (fixed + each) / SAFETY)} in "
            f"this process to solve one instance, of which the program itself takes {_mebibytes(taken)}; its share is "
            f"{_mebibytes(memory)}"
        )
    return count


def _mebibytes(size: float) -> str:
    return f"{size / 2**20:,.0f}M"


def resident() -> int:
    """The bytes that this process holds in memory; where the system does not say, the most it ever held."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024


# ----------------------------------------------------------------------------------------------------------- time


@contextmanager
def _watched(task: Task) -> Iterator[None]:
    """Ends the process when the time is over. The watch needs no bytecode to run, so no kernel can block it."""
    if task.limit is None:
        yield
        return
    note: Any = sys.__stderr__
    with suppress(OSError):  # on another machine there is no such folder
        note = open(task.note, "w") if task.note else note  # noqa: SIM115
    faulthandler.dump_traceback_later(task.limit, exit=True, file=note)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        if note is not sys.__stderr__:
            note.close()


# ----------------------------------------------------------------------------------------------------------- code


@cache
def _engine_digest() -> str:
    import verify

    digest = hashlib.blake2b(digest_size=8)
    root = Path(str(verify.__file__)).parent
    for folder in ("core", "kit", "engine"):
        for path in sorted((root / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def code_digest(theorem: Theorem) -> str:
    """A digest of the code that decides: a batch computed by other code never counts."""
    source = Path(theorem.sample.__code__.co_filename)
    if not source.exists():
        return f"{_engine_digest()}-interactive"
    shared = sorted(source.parent.glob("_*.py")) if (source.parent / "__init__.py").exists() else []
    own = hashlib.blake2b(b"".join(path.read_bytes() for path in [source, *shared]), digest_size=8).hexdigest()
    return f"{_engine_digest()}-{own}"
