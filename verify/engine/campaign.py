r"""A run: a plan of batches over theorems and points, an executor, the ledger, and in the end a verdict on each claim.

The plan gives every family its share of the instances and cuts it into batches. A batch is committed to the ledger
before it counts, so a run that is killed goes on where it stopped: the same command finds its finished batches by a
key made of the theorem, the code, the parameters, the seed, the backend and the dtype. Batches are computed by workers
(:mod:`verify.engine.work`, :mod:`verify.engine.executors`), and only this process writes the ledger; what it holds of a
point is merged in a fixed order, so that the evidence does not depend on the executor.

With workers the longest points go first, by what they took before or by their first batches. A time budget is shared by
all points, more of it where a decision is open (:func:`weight`). A worker that dies costs its batch's time: the batch
is tried again, by itself and in smaller pieces, and one that has ended :data:`DEATHS` workers, or that is out of time,
is undecided, named, and left out of the ledger, so that the next run tries it again.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import math
import os
import platform
import re
import shlex
import tempfile
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from verify.core.arrays import Backend, backend
from verify.core.theorem import Claim, Comparison, Existence, Mean, Parameters, Probability, Rate, Theorem
from verify.engine import catalogue, executors, mutate, search, trial, verdict, witness, work
from verify.engine.evidence import Evidence, Tally
from verify.engine.ledger import Batch, Ledger, run_key
from verify.engine.result import ClaimResult, Result, Verdict
from verify.engine.work import Subject, Task, code_digest

ALPHA = 0.01  # the error budget of a run, split over its statistical claims
DEATHS = 3  # workers that a batch may end, tried by itself
DEVICE = 64  # how much larger a batch is on a device, which is idle with what keeps one core busy
DECISIVE, STATISTICAL = 4.0, 2.0  # how much more of a budget an open decision gets, and a rate that can be narrowed


@dataclass(frozen=True)
class Settings:
    """How to run: ``instances`` per point (None: the theorem's own number), ``budget`` in seconds for the sampling of
    all points (None: none), ``batch`` instances at a time (None: the theorem's own), ``backend`` and ``dtype`` by name,
    ``search`` seconds of worst-case search after the sampling (0: none), ``mutate`` whether mutants of the claims are
    decided, ``executor`` by name (see :mod:`verify.engine.executors`), ``memory`` in bytes for all processes that
    sample together (None: what there is), ``limit`` in seconds for a batch (None: whatever it takes)."""

    seed: int = 0
    instances: int | None = None
    budget: float | None = None
    batch: int | None = None
    backend: str = "auto"
    dtype: str = "float64"
    search: float = 0.0
    mutate: bool = False
    executor: str = "serial"
    memory: int | None = None
    limit: float | None = None

    @classmethod
    def of(cls, options: Any) -> Settings:
        """The settings that the run options of a command name."""
        same = ("seed", "instances", "budget", "batch", "backend", "dtype", "executor", "memory", "limit")
        search = options.effort if options.search == "worst" else 0.0
        return cls(search=search, mutate=options.mutate == "yes", **{name: getattr(options, name) for name in same})


@dataclass(frozen=True)
class Progress:
    """How far a run is, over all its points: instances done and planned (None under a budget alone), decisions (of an
    instance under a claim) per second, the largest ratio of a decided instance under a claim expected to hold, seconds
    left."""

    done: int
    total: int | None
    rate: float
    ratio_max: float
    seconds_left: float


class Interrupted(KeyboardInterrupt):
    """Ctrl-C: every finished batch is in the ledger, and the same command goes on from there."""


def plan(theorem: Theorem, settings: Settings, on_device: bool = False) -> Iterator[tuple[str, int, int]]:
    """(family, start, stop) batch by batch, the families in turn, so that a budget cuts them evenly.

    With a budget and no number of instances the plan has no end. A batch is solved in pieces that fit the memory."""
    endless = settings.budget is not None and settings.instances is None
    total = settings.instances or theorem.instances
    shares = theorem.weights
    counts = dict.fromkeys(shares, math.inf) if endless else theorem.counts(total)
    starts = dict.fromkeys(shares, 0)
    while waiting := [f for f in shares if starts[f] < counts[f]]:
        # The family that is furthest behind its share goes next.
        family = min(waiting, key=lambda f: (starts[f] / shares[f], list(shares).index(f)))
        size = settings.batch or theorem.size(family) * (DEVICE if on_device else 1)
        stop = int(min(starts[family] + size, counts[family]))
        yield family, starts[family], stop
        starts[family] = stop


def run(
    theorem: Theorem,
    p: Parameters,
    settings: Settings,
    ledger: Ledger,
    out: Path,
    progress: Callable[[Progress], None] | None = None,
) -> Result:
    """Runs one theorem at one point and returns its result; witnesses are saved under ``out/<theorem>/``.

    Raises :class:`verify.core.arrays.BackendUnavailable`, :class:`verify.engine.trial.TrialError`,
    :class:`verify.engine.executors.ExecutorError`, :class:`verify.engine.ledger.LedgerError`, and :class:`Interrupted`
    on Ctrl-C.
    """
    with closing(run_all([(theorem, p)], settings, ledger, out, progress)) as found:
        ((_, result),) = found
    if isinstance(result, Exception):
        raise result
    return result


def run_all(
    points: Sequence[tuple[Theorem, Parameters]],
    settings: Settings,
    ledger: Ledger,
    out: Path,
    progress: Callable[[Progress], None] | None = None,
) -> Generator[tuple[int, Result | Exception], None, None]:
    """Runs theorems at points as one plan and gives (number of the point, result), each as soon as it is there. In
    place of a result the error that it met: one point that fails does not cost the others.

    Raises :class:`verify.core.arrays.BackendUnavailable`, :class:`verify.engine.executors.ExecutorError`,
    :class:`verify.engine.ledger.LedgerError`, which end the run, and :class:`Interrupted` on Ctrl-C. Close the
    generator to end the workers.
    """
    campaign = _Campaign(points, settings, ledger, out, progress)
    try:
        yield from campaign.results()
    except KeyboardInterrupt:
        raise Interrupted from None
    finally:
        campaign.executor.stop()


@dataclass
class _Point:
    """A theorem at a point, on its way: what is planned, in flight, and done."""

    number: int
    theorem: Theorem
    p: Parameters
    key: str
    subject: Subject
    batches: Iterator[Batch]  # of the plan, those that are not in the ledger
    counted: list[Batch]
    instances: int | None  # that are planned; None without end
    answer: dict[str, Any]
    earlier: float = math.nan  # seconds an instance took in earlier runs
    flying: int = 0
    spent: float = 0.0  # seconds of workers
    sampled: int = 0  # instances of this run
    seen: Evidence = field(default_factory=Evidence)  # of this run, under a budget: where a decision is open
    lost: dict[Batch, Evidence] = field(default_factory=dict)
    concluded: bool = False
    failed: bool = False
    _weighed: tuple[int, float] = (0, 1.0)  # after how many instances the weight was looked at, and what it was
    _waiting: Batch | None = None

    def next(self) -> Batch | None:
        """The next batch, which stays the next until it is taken."""
        if self._waiting is None:
            self._waiting = next(self.batches, None)
        return self._waiting

    def take(self) -> Batch:
        batch, self._waiting = self.next(), None
        assert batch is not None
        return batch

    def end(self) -> None:
        """No batch is begun any more."""
        self.batches, self._waiting = iter(()), None

    @property
    def done(self) -> int:
        return sum(stop - start for _, start, stop in [*self.counted, *self.lost])

    @property
    def pace(self) -> float:
        """Seconds an instance takes; NaN while nobody knows."""
        return self.spent / self.sampled if self.sampled else self.earlier

    @property
    def length(self) -> float:
        """Seconds the whole point takes in one process, as far as anybody knows."""
        return 0.0 if math.isnan(self.pace) else self.pace * (self.instances or 0)

    @property
    def used(self) -> float:
        """Seconds of workers it has had, those in flight included."""
        each = self.spent / max(1, len(self.counted)) if self.spent else 1.0
        return self.spent + self.flying * each

    @property
    def weight(self) -> float:
        """Its weight in the sharing of a budget, looked at again whenever the evidence has doubled."""
        if self.sampled >= max(1, 2 * self._weighed[0]):
            self._weighed = (self.sampled, weight(self.theorem, self.seen))
        return self._weighed[1]


@dataclass
class _Flight:
    """Work that an executor has: a batch, or the conclusion of a point (``batch`` None) from its ``evidence``."""

    point: _Point
    batch: Batch | None = None
    evidence: Evidence | None = None
    alone: bool = False  # nothing else is in flight, so that it is known who ends a worker
    deaths: int = 0  # workers it ended
    note: Path | None = None
    why: str = ""  # it is given up

    def bury(self, limit: float | None) -> bool:
        """Its worker, or one beside it, died: whether it is tried again, by itself."""
        said = self.note.read_text() if self.note is not None and self.note.exists() else ""
        if said:
            self.why = f"not finished within {limit:g} s{_place(said, self.point.theorem)}"
        self.deaths += self.alone
        if self.deaths >= DEATHS:
            self.why = f"its worker died {DEATHS} times"
        self.alone = True
        return not self.why


def _place(said: str, theorem: Theorem) -> str:
    """Where a worker was, of the tracebacks of its threads: the innermost line of the theorem, or else of all."""
    thread = next((thread for thread in said.split("hread 0x") if f'"{work.__file__}"' in thread), "")
    frames = re.findall(r'File "(.*)", line ([0-9]+) in (.*)', thread)
    own = [frame for frame in frames if frame[0] == theorem.sample.__code__.co_filename]
    return "".join(f", at {Path(file).name}:{line} in {name}" for file, line, name in (own or frames)[:1])


class _Campaign:
    """One plan over all points; see :func:`run_all`."""

    def __init__(
        self,
        points: Sequence[tuple[Theorem, Parameters]],
        settings: Settings,
        ledger: Ledger,
        out: Path,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self.settings, self.ledger, self.out, self.progress = settings, ledger, out, progress
        self.began = time.monotonic()
        self.size = len(points)
        self.executor = self._executor()
        self.failures: list[tuple[int, Exception]] = []
        try:
            self.chosen = self._backend()
            self.points = self._open(points)
        except BaseException:
            self.executor.stop()
            raise
        self.open = list(self.points)  # those with batches to begin
        self.ending: deque[_Point] = deque()  # those to conclude
        self.current: _Point | None = None
        self.flying: dict[concurrent.futures.Future[Any], _Flight] = {}
        self.again: deque[_Flight] = deque()  # what a dead worker had, or may have had
        self.ratio, self.decided = math.nan, 0
        self.scratch: str | None = None  # where workers that are out of time say where they were

    def _executor(self) -> executors.Serial:
        settings = self.settings
        if settings.limit is not None and settings.executor == "serial":
            raise executors.ExecutorError("limit= ends the process of a batch: it needs executor=processes or dask")
        name = settings.executor
        if name == "auto" and settings.limit is not None:
            name = "processes"
        return executors.make(name, gpu=settings.backend in ("cupy", "auto"))

    def _backend(self) -> Backend:
        """Where the workers are elsewhere, what they have counts, and not what this process has."""
        name = self.settings.backend
        if self.executor.gpu is None:
            return backend(name, self.settings.dtype)
        if name == "cupy" and not self.executor.gpu:
            raise executors.ExecutorError(
                "backend=cupy: no worker of the cluster has a device; start them with `dask worker --resources GPU=1`"
            )
        return Backend(
            "cupy" if self.executor.gpu and name == "auto" else name.replace("auto", "numpy"), self.settings.dtype
        )

    def _open(self, points: Sequence[tuple[Theorem, Parameters]]) -> list[_Point]:
        """What there is to do at each point; the ledger learns of the runs that begin."""
        settings, chosen = self.settings, self.chosen
        facts = machine(chosen if self.executor.gpu is None else Backend("numpy"))
        endless = settings.budget is not None and settings.instances is None
        several = len(points) > 1 and settings.executor != "serial"
        earlier = _earlier(self.ledger) if several else {}
        opened, begun = [], []
        for number, (theorem, p) in enumerate(points):
            try:
                answer = _answer(theorem, p)  # first: data that cannot be used must not cost a run
            except trial.TrialError as error:
                self.failures.append((number, error))
                continue
            code = code_digest(theorem)
            about = {
                "theorem": theorem.name,
                "code": code,
                "params": p.model_dump(mode="json"),
                "seed": settings.seed,
                "backend": chosen.name,
                "dtype": chosen.dtype,
            }
            key = run_key(**about)
            sent = work.source(theorem) if self.executor.isolated else theorem
            total = sum(theorem.counts(settings.instances or theorem.instances).values())
            counted: list[Batch] = []
            opened.append(
                _Point(
                    number=number,
                    theorem=theorem,
                    p=p,
                    key=key,
                    subject=Subject(sent, code, p.model_dump_json(), settings.seed, chosen.name, chosen.dtype),
                    batches=_unfinished(plan(theorem, settings, chosen.name == "cupy"), self.ledger.done(key), counted),
                    counted=counted,
                    instances=None if endless else total,
                    answer=answer,
                    earlier=earlier.get(theorem.name, math.nan),
                )
            )
            begun.append((key, {**about, "command": self._command(theorem, p), "machine": facts}))
        self.ledger.begin(begun)
        return opened

    # ------------------------------------------------------------------------------------------------------ the loop

    def results(self) -> Iterator[tuple[int, Result | Exception]]:
        """(number, result) of each point as it ends."""
        yield from self.failures
        with tempfile.TemporaryDirectory(prefix="verify-") if self.settings.limit else nullcontext() as scratch:
            self.scratch = scratch
            while True:
                self._widen()
                self._fill()
                if not self.flying:
                    return
                for flight, future in self._landed():
                    if (found := self._take(flight, future)) is not None:
                        yield found

    def _widen(self) -> None:
        """``auto``: worker processes take over as soon as that pays; a device is kept busy by one."""
        if self.settings.executor != "auto" or self.executor.isolated or self.chosen.name == "cupy":
            return
        seconds = self._seconds_left()
        if not executors.is_worth_it(seconds, 1000) or not executors.is_worth_it(seconds, executors.cores()):
            return
        self.executor = executors.Processes()
        for point in self.points:
            point.subject = replace(point.subject, theorem=work.source(point.theorem))

    def _fill(self) -> None:
        """Hands work in until the executor has enough."""
        while len(self.flying) < self.executor.slots and not any(f.alone for f in self.flying.values()):
            if self.again and self.flying:
                return
            flight = self.again.popleft() if self.again else self._next()
            if flight is None:
                return
            self.flying[self._launch(flight)] = flight
            flight.point.flying += 1

    def _next(self) -> _Flight | None:
        """The conclusion of a point whose batches are done, or the next batch."""
        late = self.settings.budget is not None and time.monotonic() - self.began > self.settings.budget
        for point in self.open:
            if late and (point.counted or point.lost or point.flying):
                point.end()
            if point.next() is None and not point.flying and not point.concluded:
                point.concluded = True
                self.ending.append(point)
        self.open = [point for point in self.open if point.next() is not None or not point.concluded]
        if self.ending:
            return _Flight(self.ending.popleft())
        ready = [point for point in self.open if point.next() is not None]
        if not ready:
            return None
        point = self._choose(ready)
        return _Flight(point, point.take())

    def _choose(self, ready: list[_Point]) -> _Point:
        """Whose batch goes next. Under a budget: the point that has had least for its weight. Otherwise, for workers:
        first a batch of each point of which nobody knows how long it takes, then the longest point to its end."""
        if self.settings.budget is not None:
            return min(ready, key=lambda point: (point.used / point.weight, point.number))
        if self.executor.workers == 1:
            return ready[0]
        unknown = next((point for point in ready if math.isnan(point.pace) and not point.flying), None)
        if unknown is not None:
            return unknown
        if self.current not in ready:
            self.current = max(ready, key=lambda point: (point.length, -point.number))
        return self.current

    def _launch(self, flight: _Flight) -> concurrent.futures.Future[Any]:
        subject, settings = flight.point.subject, self.settings
        if flight.batch is None:
            evidence = self._gather(flight.point)
            flight.evidence = evidence
            return self.executor.submit(conclude, subject, evidence.to_json(), settings)
        family, start, stop = flight.batch
        if self.scratch is not None:
            index = list(flight.point.theorem.families).index(family)
            flight.note = Path(self.scratch) / f"{flight.point.number}-{index}-{start}"
        task = Task(
            subject,
            family,
            start,
            stop,
            # What has ended a worker may have been too large for the machine.
            piece=max(1, (stop - start) >> flight.deaths) if flight.deaths else None,
            memory=self.share,
            limit=settings.limit,
            note=None if flight.note is None else str(flight.note),
        )
        return self.executor.submit(work.solve, task)

    @property
    def share(self) -> int | None:
        """The bytes that each process may take: this one and every worker get the same."""
        if self.settings.memory is None:
            return None
        return self.settings.memory // (self.executor.workers + 1 if self.executor.isolated else 1)

    def _landed(self) -> Iterator[tuple[_Flight, concurrent.futures.Future[Any]]]:
        """What has been done; what a dead worker had goes back, or is lost."""
        done = self.executor.wait(self.flying)
        if self.executor.falls_together and any(map(self.executor.died, done)):
            done = concurrent.futures.wait(self.flying).done
        dead = {future for future in done if self.executor.died(future)}
        if dead:
            self.executor.mend()
        landed = [(self.flying.pop(future), future) for future in list(self.flying) if future in done]
        for flight, future in landed:
            flight.point.flying -= 1
            if future in dead and flight.bury(self.settings.limit):
                self.again.append(flight)
            else:
                yield flight, future

    def _take(self, flight: _Flight, future: concurrent.futures.Future[Any]) -> tuple[int, Result | Exception] | None:
        """Keeps what has been done; the result of a point that has ended, or its error."""
        point = flight.point
        if flight.batch is not None and flight.why:
            family, start, stop = flight.batch
            point.lost[flight.batch] = work.unsolved(point.theorem, family, start, stop, flight.why)
        elif (error := future.exception()) is not None:
            if not isinstance(error, Exception):
                raise error
            if point.failed:
                return None
            point.failed = point.concluded = True
            point.end()
            if flight.why:
                error = trial.TrialError(f"{point.theorem.name}: {flight.why} while the violations were rechecked")
            return point.number, error
        elif flight.batch is not None:
            self._record(point, flight.batch, future.result())
        if not point.failed:
            self._show()
        if flight.batch is not None or point.failed:
            return None
        assert flight.evidence is not None
        return point.number, self._result(point, flight.evidence, future.result())

    def _record(self, point: _Point, batch: Batch, data: dict[str, Any]) -> None:
        self.ledger.record(point.key, *batch, data)
        found = Evidence.from_json({**data, "figures": {}})
        point.counted.append(batch)
        point.spent += found.seconds
        point.sampled += batch[2] - batch[1]
        if self.settings.budget is not None:
            point.seen.merge(found)
        tallies = [(c, found.tallies[c.name][batch[0]]) for c in point.theorem.claims]
        self.decided += sum(tally.decided for _, tally in tallies)
        seen = [tally.ratio_max for claim, tally in tallies if claim.expects == "holds"]
        self.ratio = max([r for r in (*seen, self.ratio) if not math.isnan(r)], default=math.nan)

    def _show(self) -> None:
        if self.progress is None:
            return
        elapsed = time.monotonic() - self.began
        total = None if any(p.instances is None for p in self.points) else sum(p.instances or 0 for p in self.points)
        left = self._seconds_left() / self.executor.workers
        if self.settings.budget is not None:
            left = min(math.inf if math.isnan(left) else left, self.settings.budget - elapsed)
        done = sum(point.done for point in self.points)
        self.progress(Progress(done, total, self.decided / max(elapsed, 1e-9), self.ratio, max(0.0, left)))

    def _seconds_left(self) -> float:
        """The seconds that one process would need for what is left; NaN while nobody knows."""
        if any(point.instances is None for point in self.points):
            assert self.settings.budget is not None
            return (self.settings.budget - (time.monotonic() - self.began)) * self.executor.workers
        left = [((point.instances or 0) - point.done, point.pace) for point in self.points if not point.failed]
        known = [pace for _, pace in left if not math.isnan(pace)]
        if not any(count for count, _ in left):
            return 0.0
        usual = sum(known) / len(known) if known else math.nan
        return sum(count * (usual if math.isnan(pace) else pace) for count, pace in left if count > 0)

    # ----------------------------------------------------------------------------------------------- what was found

    def _gather(self, point: _Point) -> Evidence:
        """The merged evidence of the batches that count, in a fixed order, so that sums round alike."""
        wanted = set(point.counted)
        rows = [(batch, data) for batch, data in self.ledger.evidence(point.key) if batch in wanted]
        evidence = Evidence()
        for _, data in sorted(rows, key=lambda row: row[0]):
            evidence.merge(Evidence.from_json(data))
        for batch in sorted(point.lost):
            evidence.merge(point.lost[batch])
        return evidence

    def _result(self, point: _Point, evidence: Evidence, found: dict[str, Any]) -> Result:
        """The result of a point, saved with the files of its witnesses."""
        theorem, settings = point.theorem, self.settings
        folder = self.out / theorem.name
        for name, content in found["files"].items():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        evidence.figures.update(found["maps"])
        drawn = [*point.counted, *point.lost]
        result = Result(
            theorem=theorem.name,
            params=point.p.model_dump(mode="json"),
            seed=settings.seed,
            backend=self.chosen.name,
            dtype=self.chosen.dtype,
            seconds=point.spent + found["seconds"],
            instances={f: sum(stop - start for g, start, stop in drawn if g == f) for f in theorem.families},
            claims=found["claims"],
            evidence=evidence,
            command=self._command(theorem, point.p),
            machine=found["machine"],
            advice=found["advice"],
            answer=point.answer,
            search=found["search"],
            mutants=found["mutants"],
        )
        saved = {**result.to_json(), "evidence": evidence.to_json(), "machine": result.machine}
        self.ledger.save_result(point.key, saved)
        point.seen = Evidence()
        return result

    def _command(self, theorem: Theorem, p: Parameters) -> str:
        """The command of one point, with its share of the budget."""
        budget = self.settings.budget
        return command(theorem, p, replace(self.settings, budget=budget and budget / self.size))


def _unfinished(batches: Iterator[Batch], finished: set[Batch], counted: list[Batch]) -> Iterator[Batch]:
    """The batches that are not finished; those that are go to ``counted``."""
    for batch in batches:
        if batch in finished:
            counted.append(batch)
        else:
            yield batch


def weight(theorem: Theorem, evidence: Evidence) -> float:
    """How much more of a budget a point gets than one whose claims are all decided: :data:`DECISIVE` while a verdict is
    not the expected one, :data:`STATISTICAL` while more draws narrow a rate or a mean."""
    alpha = verdict.budget(theorem.claims, ALPHA)
    for claim in theorem.claims:
        word = verdict.decide(claim, evidence.tallies.get(claim.name, {}), alpha).verdict
        if word != ("no violation" if claim.expects == "holds" else "violated"):
            return DECISIVE
    return STATISTICAL if any(isinstance(c.kind, verdict.STATISTICAL) for c in theorem.claims) else 1.0


def _earlier(ledger: Ledger) -> dict[str, float]:
    """Seconds an instance took, by theorem: of the results the ledger holds the one saved last."""
    found = {}
    for _, data in ledger.results():
        if drawn := sum(data["instances"].values()):
            found[data["theorem"]] = data["evidence"]["seconds"] / drawn
    return found


def conclude(subject: Subject, evidence: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """What a run says at the end of a point, from its evidence: verdicts with rechecked witnesses, mutants, searches.
    Files are given as bytes by name, so that it may be done on another machine."""
    began = time.monotonic()
    theorem, p, chosen = subject.load()
    seen = Evidence.from_json(evidence)
    with tempfile.TemporaryDirectory(prefix="verify-") as folder, work.one_thread():
        out = Path(folder)
        claims = [_conclude(theorem, p, c, seen, settings.seed, out) for c in theorem.claims]
        alpha = verdict.budget(theorem.claims, ALPHA)
        mutants = mutate.mutate(theorem, p, chosen, settings.seed, alpha) if settings.mutate else []
        found = search.worst(theorem, p, chosen, settings.search, settings.seed) if settings.search else []
        for one in found:
            _keep(theorem, p, one, claims, settings, out)
        return {
            "claims": claims,
            "mutants": mutants,
            "search": [one.to_json() for one in found],
            "maps": theorem.maps(p) if theorem.maps else {},
            "advice": _advice(theorem, p, claims, settings, chosen),
            "machine": machine(chosen),
            "files": {path.name: path.read_bytes() for path in sorted((out / theorem.name).glob("*"))},
            "seconds": time.monotonic() - began,
        }


def _conclude(theorem: Theorem, p: Parameters, claim: Claim, evidence: Evidence, seed: int, out: Path) -> ClaimResult:
    """The verdict on a claim, its violation rechecked and saved."""
    tallies = evidence.tallies.get(claim.name, {})
    found, unconfirmed = None, 0
    if isinstance(claim.kind, Existence):
        seen = sum(t.holds for t in tallies.values())
        if seen and not witness.built(theorem, p, claim, tallies, seed):
            unconfirmed = seen
    elif not isinstance(claim.kind, Probability | Mean | Rate | Comparison):
        found = witness.confirm(theorem, p, claim, tallies, seed)
        tallies = {f: _copy(t) for f, t in tallies.items()}
        if found is None or found[0].suspect:
            for tally in tallies.values():  # what no recheck confirms is not a violation
                unconfirmed += tally.violated
                tally.undecided, tally.violated = tally.undecided + tally.violated, 0
        if found is not None and found[0].suspect:
            tally = tallies[found[0].family]
            tally.undecided, tally.violated = tally.undecided - 1, tally.violated + 1
    decision = verdict.decide(claim, tallies, verdict.budget(theorem.claims, ALPHA))
    if unconfirmed and found is None:
        decision = _unconfirmed(claim, decision, unconfirmed)
    record = None
    if found is not None and decision.verdict == "violated":
        file = f"witness-{witness.slug(claim.name)}{_point(theorem, p)}.npz"
        record = _saved(theorem, p, claim, *found[1:], seed, out / theorem.name / file)
    return ClaimResult(claim.name, claim.kind.label, claim.origin, claim.expects, decision, record)


def _saved(
    theorem: Theorem, p: Parameters, claim: Claim, x: dict[str, Any], record: dict[str, Any], seed: int, path: Path
) -> dict[str, Any]:
    """The record of a witness, which is saved, with the name of its file."""
    witness.save(path, theorem, p, claim, x, record, seed)
    return {**{k: v for k, v in record.items() if k not in ("confirmed", "outcome")}, "file": path.name}


def _keep(
    theorem: Theorem, p: Parameters, found: search.Search, claims: list[ClaimResult], settings: Settings, out: Path
) -> None:
    """Saves the worst instance of a search, rechecked alone. One that violates its claim refutes it, and is shrunk and
    certified as those of the samples are."""
    if not found.x:
        return
    claim, at = theorem.claim(found.claim), found.p
    record = {"family": found.family, "instance": None, **witness.recheck(theorem, at, claim, found.x)}
    found.file = f"worst-{witness.slug(claim.name)}{_point(theorem, p)}.npz"
    witness.save(out / theorem.name / found.file, theorem, at, claim, found.x, record, settings.seed)
    found.point = {name: value for name, value in at if value != getattr(p, name)}
    found.command = command(theorem, at, settings)
    index = next(i for i, c in enumerate(claims) if c.name == claim.name)
    seen = claims[index].verdict
    if seen.verdict == "violated":
        return
    if settled := witness.settle(theorem, at, claim, found.x, found.family, None):
        where = "".join(f" {name}={value}" for name, value in found.point.items())
        source = f"{found.family!r}{' at' + where if where else ''}"
        summary = f"violated by an instance that the search found from {source}; {seen.summary}"
        changed = replace(seen, verdict="violated", summary=summary, ratio_max=max(record["ratio"], seen.ratio_max))
        file = f"witness-{witness.slug(claim.name)}{_point(theorem, p)}.npz"
        kept = _saved(theorem, at, claim, *settled, settings.seed, out / theorem.name / file)
        claims[index] = replace(claims[index], verdict=changed, witness={**kept, "point": found.point})


def _point(theorem: Theorem, p: Parameters) -> str:
    """What tells the files of a point from those of the defaults."""
    return "" if p == theorem.parameters() else "-" + hashlib.blake2b(repr(p).encode(), digest_size=4).hexdigest()


def _copy(tally: Tally) -> Tally:
    return Tally.from_json(asdict(tally))


def _unconfirmed(
    claim: Claim, decision: Verdict, count: int, why: str = "none confirmed when rechecked alone"
) -> Verdict:
    what = "with the property" if isinstance(claim.kind, Existence) else "violations"
    note = f"{count:,} {what} seen in batches, {why}"
    return Verdict(**{**asdict(decision), "verdict": "undecided", "summary": note})


def _answer(theorem: Theorem, p: Parameters) -> dict[str, Any]:
    """What the theorem's tools say of the user's own data."""
    try:
        return theorem.answer(p) if theorem.answer else {}
    except ValueError as error:
        raise trial.TrialError(f"{theorem.name}: {error}") from error


def _advice(theorem: Theorem, p: Parameters, claims: list[ClaimResult], settings: Settings, chosen: Backend) -> str:
    if theorem.advise is None or all(c.verdict.verdict != "vacuous" for c in claims):
        return ""
    family = next(iter(theorem.families))
    x = theorem.sample(trial.draw_for(theorem, p, family, 0, 1, settings.seed, chosen), p, family)
    return theorem.advise(p, x)


def stored(ledger: Ledger) -> dict[str, list[Result]]:
    """The results the ledger holds, by theorem: what `report` remakes the pages from. Of a point that was run several
    times (by older code, with more instances) the one saved last."""
    latest: dict[str, dict[str, Any]] = {}
    for _, data in ledger.results():
        point = run_key(**{k: data[k] for k in ("theorem", "params", "seed", "backend", "dtype")})
        latest.pop(point, None)
        latest[point] = data
    found: dict[str, list[Result]] = {}
    for data in latest.values():
        claims = [
            ClaimResult(
                c["name"],
                c["kind"],
                c["origin"],
                c["expects"],
                Verdict(
                    c["verdict"],
                    c["decided"],
                    c["violated"],
                    c["undecided"],
                    c["set_aside"],
                    _number(c["ratio_max"]),
                    {k: _number(v) for k, v in c["power"].items()},
                    c["summary"],
                ),
                c["witness"],
            )
            for c in data["claims"]
        ]
        same = (
            "theorem",
            "params",
            "seed",
            "backend",
            "dtype",
            "seconds",
            "instances",
            "command",
            "machine",
            "finished",
        )
        result = Result(
            **{k: data[k] for k in same},
            claims=claims,
            evidence=Evidence.from_json(data["evidence"]),
            advice=data["advice"],
            answer=data["answer"],
            mutants=data.get("mutants", []),
            search=[
                {"point": {}, **s, "ratio": _number(s["ratio"]), "sampled": _number(s["sampled"])}
                for s in data.get("search", [])
            ],
        )
        found.setdefault(result.theorem, []).append(result)
    return found


def unfinished(ledger: Ledger, theorem: Theorem) -> list[Result]:
    """What the ledger holds of runs of the theorem that were cut off: their batches, with no violation rechecked."""
    found = []
    for key, about in ledger.begun():
        if about["theorem"] != theorem.name or about["code"] != code_digest(theorem):
            continue
        evidence = Evidence()
        counted: list[Batch] = []
        for (family, start, stop), data in ledger.evidence(key):
            if counted and counted[-1][0] == family and start < counted[-1][2]:
                continue  # of batches cut otherwise, whose instances are there already
            counted.append((family, start, stop))
            evidence.merge(Evidence.from_json(data))
        if not counted:
            continue
        alpha = verdict.budget(theorem.claims, ALPHA)
        claims = []
        for claim in theorem.claims:
            decision = verdict.decide(claim, evidence.tallies.get(claim.name, {}), alpha)
            total = evidence.total(claim.name)
            existence = isinstance(claim.kind, Existence)
            if seen := total.holds if existence else total.violated if claim.is_refuted_by_one else 0:
                decision = _unconfirmed(claim, decision, seen, "not rechecked yet")
            claims.append(ClaimResult(claim.name, claim.kind.label, claim.origin, claim.expects, decision))
        found.append(
            Result(
                **{k: about[k] for k in ("theorem", "params", "seed", "backend", "dtype", "command", "machine")},
                seconds=evidence.seconds,
                instances={f: sum(stop - start for g, start, stop in counted if g == f) for f in theorem.families},
                claims=claims,
                evidence=evidence,
                finished=False,
            )
        )
    return found


def _number(x: float | None) -> float:
    return math.nan if x is None else x


def command(theorem: Theorem, p: Parameters, settings: Settings) -> str:
    """The command line that remakes the run."""
    words = [f"python -m verify theorem={shlex.quote(catalogue.where(theorem))}"]
    plain = type(p)()
    words += [f"{name}={shlex.quote(str(value))}" for name, value in p if value != getattr(plain, name)]
    usual = Settings()
    for name in ("seed", "instances", "batch", "dtype"):
        if (value := getattr(settings, name)) != getattr(usual, name):
            words.append(f"{name}={value}")
    if settings.mutate:
        words.append("mutate=yes")
    if settings.search:
        words.append(f"search=worst effort={settings.search:g}s")
    if settings.budget is not None:
        words.append(f"budget={settings.budget:g}s")
    if settings.limit is not None:
        words.append(f"limit={settings.limit:g}s executor=processes")
    if settings.backend != "auto":
        words.append(f"backend={settings.backend}")
    return " ".join(words)


def machine(chosen: Backend) -> dict[str, str]:
    """The hardware and versions a page names."""
    from importlib.metadata import version

    facts = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        **{name: version(name) for name in ("numpy", "scipy", "cvxpy")},
    }
    if chosen.name == "cupy":
        import cupy

        properties = cupy.cuda.runtime.getDeviceProperties(chosen.device.id)
        facts["device"] = f"{properties['name'].decode()}, CuPy {cupy.__version__}"
    return facts
