r"""A run: a plan of batches, an executor, the ledger, and in the end a verdict for each claim.

The plan gives every family its share of the instances and cuts it into batches. A batch is committed to the ledger
before it counts, so a run that is killed goes on where it stopped: the same command finds its finished batches by a
key made of the theorem, the code, the parameters, the seed, the backend and the dtype.
"""

from __future__ import annotations

import hashlib
import math
import os
import platform
import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from verify.core.arrays import Backend, backend
from verify.core.theorem import Claim, Comparison, Existence, Mean, Parameters, Probability, Rate, Theorem
from verify.engine import catalogue, mutate, search, trial, verdict, witness
from verify.engine.evidence import Evidence, Tally
from verify.engine.ledger import Ledger, run_key
from verify.engine.result import ClaimResult, Result, Verdict

ALPHA = 0.01  # the error budget of a run, split over its statistical claims


@dataclass(frozen=True)
class Settings:
    """How to run: ``instances`` per point (None: the theorem's own number), ``budget`` in seconds (None: none),
    ``batch`` instances at a time (None: the theorem's own), ``backend`` and ``dtype`` by name, ``search`` seconds of
    worst-case search after the sampling (0: none), ``mutate`` whether mutants of the claims are decided."""

    seed: int = 0
    instances: int | None = None
    budget: float | None = None
    batch: int | None = None
    backend: str = "auto"
    dtype: str = "float64"
    search: float = 0.0
    mutate: bool = False


@dataclass(frozen=True)
class Progress:
    """How far a run is: instances done and planned (None under a budget alone), instances per second, the largest
    ratio of a decided instance under a claim expected to hold, seconds left."""

    done: int
    total: int | None
    rate: float
    ratio_max: float
    seconds_left: float


class Interrupted(KeyboardInterrupt):
    """Ctrl-C: every finished batch is in the ledger, and the same command goes on from there."""


def plan(theorem: Theorem, settings: Settings) -> Iterator[tuple[str, int, int]]:
    """(family, start, stop) batch by batch, the families in turn, so that a budget cuts them evenly.

    With a budget and no number of instances the plan has no end."""
    endless = settings.budget is not None and settings.instances is None
    total = settings.instances or theorem.instances
    shares = theorem.shares
    counts = dict.fromkeys(shares, math.inf) if endless else theorem.counts(total)
    size = settings.batch or theorem.batch
    starts = dict.fromkeys(shares, 0)
    while waiting := [f for f in shares if starts[f] < counts[f]]:
        # The family that is furthest behind its share goes next.
        family = min(waiting, key=lambda f: (starts[f] / shares[f], list(shares).index(f)))
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
    :class:`verify.engine.ledger.LedgerError`, and :class:`Interrupted` on Ctrl-C.
    """
    from threadpoolctl import threadpool_limits

    chosen = backend(settings.backend, settings.dtype)
    key = run_key(
        theorem=theorem.name,
        code=code_digest(theorem),
        params=p.model_dump(mode="json"),
        seed=settings.seed,
        backend=chosen.name,
        dtype=chosen.dtype,
    )
    began = time.monotonic()
    answer = _answer(theorem, p)  # first: data that cannot be used must not cost a run
    # One BLAS thread: the bits of a product change with the number of threads, and the batches are small.
    with threadpool_limits(limits=1, user_api="blas"):
        batches = _run_batches(theorem, p, settings, chosen, ledger, key, began, progress)
        evidence = _gather(ledger, key, batches)
        evidence.figures.update(theorem.maps(p) if theorem.maps else {})
        claims = [_conclude(theorem, p, c, evidence, settings.seed, out) for c in theorem.claims]
        alpha = verdict.budget(theorem.claims, ALPHA)
        mutants = mutate.mutate(theorem, p, chosen, settings.seed, alpha) if settings.mutate else []
        found = search.worst(theorem, p, chosen, settings.search, settings.seed) if settings.search else []
        for one in found:
            _keep(theorem, p, one, claims, settings.seed, out)
    result = Result(
        theorem=theorem.name,
        params=p.model_dump(mode="json"),
        seed=settings.seed,
        backend=chosen.name,
        dtype=chosen.dtype,
        seconds=time.monotonic() - began,
        instances={f: sum(stop - start for g, start, stop in batches if g == f) for f in theorem.families},
        claims=claims,
        evidence=evidence,
        command=command(theorem, p, settings),
        machine=machine(chosen),
        advice=_advice(theorem, p, claims, settings, chosen),
        answer=answer,
        search=[one.to_json() for one in found],
        mutants=mutants,
    )
    ledger.save_result(key, {**result.to_json(), "evidence": evidence.to_json(), "machine": result.machine})
    return result


def _run_batches(
    theorem: Theorem,
    p: Parameters,
    settings: Settings,
    chosen: Backend,
    ledger: Ledger,
    key: str,
    began: float,
    progress: Callable[[Progress], None] | None,
) -> list[tuple[str, int, int]]:
    """Runs what the ledger does not hold yet; returns the batches that count."""
    finished = ledger.done(key)
    total = None if settings.budget and not settings.instances else settings.instances or theorem.instances
    counted: list[tuple[str, int, int]] = []
    done, fresh, ratio = 0, 0, math.nan
    try:
        for family, start, stop in plan(theorem, settings):
            if settings.budget is not None and time.monotonic() - began > settings.budget and counted:
                break
            if (family, start, stop) not in finished:
                batch = trial.run_batch(theorem, p, family, start, stop, settings.seed, chosen)
                ledger.record(key, family, start, stop, batch.to_json())
                fresh += stop - start
                seen = [batch.tallies[c.name][family].ratio_max for c in theorem.claims if c.expects == "holds"]
                ratio = max([r for r in (*seen, ratio) if not math.isnan(r)], default=math.nan)
            counted.append((family, start, stop))
            done += stop - start
            if progress is not None:
                rate = fresh / max(time.monotonic() - began, 1e-9)
                ends = [(total - done) / rate] if total and rate else []
                ends += [settings.budget - (time.monotonic() - began)] if settings.budget else []
                progress(Progress(done, total, rate, ratio, max(0.0, min(ends, default=math.inf))))
    except KeyboardInterrupt:
        raise Interrupted from None
    return counted


def _gather(ledger: Ledger, key: str, batches: list[tuple[str, int, int]]) -> Evidence:
    """The merged evidence of the batches, in a fixed order, so that sums round alike."""
    wanted = set(batches)
    rows = [(batch, data) for batch, data in ledger.evidence(key) if batch in wanted]
    evidence = Evidence()
    for _, data in sorted(rows, key=lambda row: row[0]):
        evidence.merge(Evidence.from_json(data))
    return evidence


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
        decision = _unconfirmed(decision, unconfirmed)
    record = None
    if found is not None and decision.verdict == "violated":
        record = _saved(theorem, p, claim, *found[1:], seed, out)
    return ClaimResult(claim.name, claim.kind.label, claim.origin, claim.expects, decision, record)


def _saved(
    theorem: Theorem, p: Parameters, claim: Claim, x: dict[str, Any], record: dict[str, Any], seed: int, out: Path
) -> dict[str, Any]:
    """The record of a witness that is saved, with the name of its file."""
    file = f"witness-{witness.slug(claim.name)}{_point(theorem, p)}.npz"
    witness.save(out / theorem.name / file, theorem, p, claim, x, record, seed)
    return {**{k: v for k, v in record.items() if k not in ("confirmed", "outcome")}, "file": file}


def _keep(
    theorem: Theorem, p: Parameters, found: search.Search, claims: list[ClaimResult], seed: int, out: Path
) -> None:
    """Saves the worst instance of a search, rechecked alone. One that violates its claim refutes it, and is shrunk and
    certified as those of the samples are."""
    if not found.x:
        return
    claim = theorem.claim(found.claim)
    record = {"family": found.family, "instance": None, **witness.recheck(theorem, p, claim, found.x)}
    found.file = f"worst-{witness.slug(claim.name)}{_point(theorem, p)}.npz"
    witness.save(out / theorem.name / found.file, theorem, p, claim, found.x, record, seed)
    index = next(i for i, c in enumerate(claims) if c.name == claim.name)
    seen = claims[index].verdict
    if seen.verdict == "violated":
        return
    if settled := witness.settle(theorem, p, claim, found.x, found.family, None):
        summary = f"violated by an instance that the search found from {found.family!r}; {seen.summary}"
        changed = replace(seen, verdict="violated", summary=summary, ratio_max=max(record["ratio"], seen.ratio_max))
        claims[index] = replace(claims[index], verdict=changed, witness=_saved(theorem, p, claim, *settled, seed, out))


def _point(theorem: Theorem, p: Parameters) -> str:
    """What tells the files of a point from those of the defaults."""
    return "" if p == theorem.parameters() else "-" + hashlib.blake2b(repr(p).encode(), digest_size=4).hexdigest()


def _copy(tally: Tally) -> Tally:
    return Tally.from_json(asdict(tally))


def _unconfirmed(decision: Verdict, count: int) -> Verdict:
    what = "with the property" if decision.verdict == "no violation" else "violations"
    note = f"{count:,} {what} seen in batches, none confirmed when rechecked alone"
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
                {**s, "ratio": _number(s["ratio"]), "sampled": _number(s["sampled"])} for s in data.get("search", [])
            ],
        )
        found.setdefault(result.theorem, []).append(result)
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
    if settings.backend != "auto":
        words.append(f"backend={settings.backend}")
    return " ".join(words)


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
