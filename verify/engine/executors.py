r"""Where the work of a run is done: in this process, in processes of this machine, or on a Dask cluster.

Every executor takes a function and its arguments and gives a future; :mod:`verify.engine.campaign` keeps as many in
flight as the executor has ``slots``. Evidence does not depend on the executor: workers compute batches, and the process
that holds the ledger records them and merges them in a fixed order.

==========================  ===========================================================================================
``serial``                  this process
``processes[:N]``           N worker processes of this machine (joblib's loky), as many as there are cores by default;
                            ``joblib[:N]`` is the same
``dask:local[:N]``          a Dask cluster of N workers, started on this machine for the run
``dask:ADDRESS``            the Dask scheduler at ADDRESS (``tcp://host:8786``), whose workers see this code; on
                            backend=cupy the workers started with ``--resources GPU=1``
``auto``                    serial, and processes as soon as they would save :data:`WORTH` seconds
==========================  ===========================================================================================
"""

from __future__ import annotations

import concurrent.futures
import os
import sys
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

WORTH = 3.0  # seconds that worker processes must save: twice what it takes to start them
SILENCE = 60.0  # seconds without any worker after which a cluster is given up
KEPT = "finished batches are kept, and the same command goes on from there"


class ExecutorError(RuntimeError):
    """The workers cannot be had, or are gone; the message says what to do. What was finished is in the ledger."""


class Serial:
    """Work is done when it is handed in, in this process."""

    slots = workers = 1
    isolated = False  # whether a worker can die without this process
    falls_together = False  # whether one dead worker takes with it what the others are doing
    gpu: bool | None = None  # whether workers have a device; None: ask this process

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(work(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future

    def wait(self, flying: Collection[Future[Any]]) -> set[Future[Any]]:
        """Those that are done, one at least. Raises :class:`ExecutorError` when none can be any more."""
        return concurrent.futures.wait(flying, return_when=concurrent.futures.FIRST_COMPLETED).done

    def died(self, future: Future[Any]) -> bool:
        """Whether the worker died over it."""
        return False

    def mend(self) -> None:
        """Makes the executor take work again after a worker has died."""

    def stop(self) -> None:
        """Ends the workers, whatever they do."""


class Processes(Serial):
    """Worker processes of this machine, each with one BLAS thread; a pool falls as a whole and is started again."""

    isolated = falls_together = True

    def __init__(self, workers: int | None = None) -> None:
        self.workers = self.slots = workers or cores()
        self._start()

    def _start(self) -> None:
        import warnings

        from joblib.externals.loky import ProcessPoolExecutor

        # Workers that have grown are replaced between two batches, which needs no warning.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
        single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self._pool = ProcessPoolExecutor(self.workers, env=single, initializer=_begin, initargs=(os.getpid(),))

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        from joblib.externals.loky import BrokenProcessPool

        try:
            return self._pool.submit(work, *arguments)
        except BrokenProcessPool:  # a worker died since the last look
            self.mend()
            return self._pool.submit(work, *arguments)

    def died(self, future: Future[Any]) -> bool:
        from joblib.externals.loky import BrokenProcessPool

        return isinstance(future.exception(), BrokenProcessPool)

    def mend(self) -> None:
        self.stop()
        self._start()

    def stop(self) -> None:
        self._pool.shutdown(wait=True, kill_workers=True)


def _begin(parent: int) -> None:
    """The first thing a worker process does: leave Ctrl-C to its parent, and end when that is gone."""
    import signal
    import threading

    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class Dask(Serial):
    """The workers of a Dask scheduler, or of one that is started here (``local``)."""

    isolated = True

    def __init__(self, where: str, gpu: bool = False) -> None:
        try:
            import dask
            import distributed
        except ImportError:
            missing = f"needs the package distributed: {install('distributed>=2026.1')}"
            raise ExecutorError(f"executor=dask:{where} {missing}") from None
        self._cluster = None
        address: Any = where
        if where.partition(":")[0] == "local":
            # A batch whose worker died comes back at once, and the campaign decides what to do with it.
            with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
                self._cluster = address = distributed.LocalCluster(
                    n_workers=int(where.partition(":")[2] or cores()),
                    threads_per_worker=1,
                    dashboard_address="127.0.0.1:0",
                    memory_limit=0,
                    silence_logs=50,
                )
        try:
            self._client = distributed.Client(address, timeout=10)
            threads = self._client.nthreads()
        except (OSError, ValueError, distributed.comm.core.CommClosedError) as error:
            raise ExecutorError(f"executor=dask:{where}: no Dask scheduler answers there ({error})") from error
        self._where, self._asked, self._seen = where, time.monotonic(), time.monotonic()
        known = self._client.scheduler_info(n_workers=-1)["workers"]
        self.gpu = any("GPU" in worker.get("resources", {}) for worker in known.values())
        self._resources = {"GPU": 1} if self.gpu and gpu else None
        self._theirs: dict[Future[Any], Any] = {}
        try:
            self._count(threads)
        except ExecutorError:
            self.stop()
            raise

    def _count(self, threads: dict[str, int]) -> None:
        if crowded := [address for address, n in threads.items() if n > 1]:
            # The threads of a process share one watch, one memory and one number of BLAS threads.
            raise ExecutorError(f"Dask worker {crowded[0]} has several threads; start workers with --nthreads 1")
        self.workers = max(1, len(threads))
        self.slots = 2 * self.workers  # one waits at each worker, so that the network costs no time
        if threads:
            self._seen = time.monotonic()

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        # The client's own executor never ends a future whose result went down with its worker; hence two futures.
        ours: Future[Any] = Future()
        self._theirs[ours] = self._client.submit(work, *arguments, pure=False, resources=self._resources)
        return ours

    def wait(self, flying: Collection[Future[Any]]) -> set[Future[Any]]:
        import distributed

        while True:
            if time.monotonic() - self._asked > 5.0:
                self._asked = time.monotonic()
                self._look()
            if self._client.status in ("closing", "closed"):
                raise ExecutorError(f"the Dask scheduler at {self._where} is gone; {KEPT}")
            try:
                distributed.wait([self._theirs[f] for f in flying], timeout=1.0, return_when="FIRST_COMPLETED")
            except TimeoutError:
                continue
            except concurrent.futures.CancelledError as error:
                raise ExecutorError(f"the Dask scheduler at {self._where} is gone; {KEPT}") from error
            done = {ours for ours in flying if self._theirs[ours].done() and self._land(ours)}
            if done:
                return done

    def _land(self, ours: Future[Any]) -> bool:
        """Fetches a result or an error. Not if it was lost on the way: then it is computed again."""
        try:
            ours.set_result(self._theirs[ours].result(timeout=30))
        except TimeoutError:
            return False
        except concurrent.futures.CancelledError as error:
            raise ExecutorError(f"the Dask scheduler at {self._where} is gone; {KEPT}") from error
        except Exception as error:
            ours.set_exception(error)
        del self._theirs[ours]
        return True

    def _look(self) -> None:
        """Workers may come and go."""
        try:
            threads = self._client.nthreads()
        except Exception as error:
            raise ExecutorError(f"the Dask scheduler at {self._where} is gone ({error}); {KEPT}") from error
        self._count(threads)
        if time.monotonic() - self._seen > SILENCE:
            raise ExecutorError(
                f"the Dask scheduler at {self._where} has had no worker for {SILENCE:g} seconds; {KEPT}"
            )

    def died(self, future: Future[Any]) -> bool:
        from distributed import KilledWorker

        return isinstance(future.exception(), KilledWorker)

    def stop(self) -> None:
        # The run has what it wanted: a cluster that is slow to go, or gone, must not spoil it.
        with suppress(Exception):
            self._client.close(timeout=20)
        with suppress(Exception):
            if self._cluster is not None:
                self._cluster.close(timeout=20)


def install(package: str) -> str:
    """How to install a package beside this one; an environment made by `make` has no pip of its own."""
    head = f"{sys.executable} -m pip" if find_spec("pip") else f"{Path(sys.executable).with_name('uv')} pip"
    return f"{head} install '{package}'"


def cores() -> int:
    """The cores this process may use: those of the machine, less what an affinity or a container takes away."""
    from joblib.externals.loky import cpu_count

    return cpu_count()


def make(name: str, gpu: bool = False) -> Serial:
    """The executor called ``name``; ``auto`` begins in this process. ``gpu``: whether the work needs a device.

    Raises :class:`ExecutorError` where its workers cannot be had.
    """
    kind, _, rest = name.partition(":")
    if kind in ("processes", "joblib"):
        return Processes(int(rest) if rest else None)
    return Dask(rest, gpu) if kind == "dask" else Serial()


def is_worth_it(seconds: float, workers: int) -> bool:
    """Whether ``seconds`` of work in one process would be done so much sooner by workers that starting them pays."""
    return seconds * (1 - 1 / workers) > WORTH
