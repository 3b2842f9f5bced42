"""What every theorem costs: decided instances a second, on one core and on all, and where the time goes.

Each is measured on the batches of a default run, after one batch of every family has warmed the caches. One BLAS
thread.

- *instances/s* on one core: sampled, solved, decided and recorded; *decided/s*: those of them that the claim decides
  which decides most. *All cores*: by which factor a worker process for each core is faster on the same batches.
- *engine/kernels*: the time of the batches over that of the theorem's own functions (sample, hypotheses, solve); in
  brackets the same of whole batches of all families, by their shares, in the middle of a long run, where no instance
  is drawn or written down. *recording*: the share of the ledger in all, and in brackets likewise.
- *limit*: the least time at which the machine could do the products and the other operations of one batch of the first
  family, over the time they take (:mod:`benchmarks.limits`), and the share of the products in it.
- *memory*: the most that the arrays of a batch take, over the families.
- *slope*: of the logarithm of the time of an instance against that of a size that is doubled twice, for the size with
  the largest slope among the whole-number parameters.
- *first verdict*: a whole process from a cold start with 64 instances, page and figures included.
"""

from __future__ import annotations

import math
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from benchmarks import limits
from benchmarks.markdown import markdown
from verify.core.arrays import Backend
from verify.core.theorem import Parameters, Theorem
from verify.engine import campaign, catalogue, executors, trial, work
from verify.engine.evidence import CLOUD, Evidence
from verify.engine.ledger import Batch, Ledger

HOST = Backend("numpy")
SIZED: dict[str, Any] = {  # where the default size stands for several
    "bp_stability": ({"n": 64}, {"dictionary": "identity and Hadamard"}),
}
COLUMNS = {
    "theorem": "theorem",
    "rate": "instances/s",
    "decided": "decided/s",
    "factor": "all cores",
    "engine": "engine/kernels",
    "recording": "recording",
    "limit": "limit",
    "memory": "memory",
    "slope": "slope",
    "first": "first verdict",
}


def row(name: str, pool: executors.Serial) -> tuple[dict[str, str], dict[str, float]]:
    """The measures of one theorem, as text by column, and its seconds in all; ``pool`` has a worker for each core."""
    theorem = catalogue.load(name)
    p = theorem.parameters()
    for family in theorem.families:
        trial.run_batch(theorem, p, family, 0, theorem.size(family), 1, HOST)
    plan = list(campaign.plan(theorem, campaign.Settings()))
    seconds = {"kernels": 0.0, "engine": 0.0, "recording": 0.0}
    evidence, drawn = Evidence(), sum(stop - start for _, start, stop in plan)
    with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.sqlite") as ledger:
        for batch in plan:
            found, times = _batch(theorem, p, batch, ledger)
            seconds = {what: seconds[what] + spent for what, spent in zip(seconds, times, strict=True)}
            evidence.merge(found)
    alone = seconds["engine"] + seconds["recording"]
    family = next(iter(theorem.families))
    x = theorem.sample(trial.draw_for(theorem, p, family, 0, theorem.size(family), 0, HOST), p, family)
    least = limits.count(theorem, p, x)
    share, products = sum(least.values()) / _solving(theorem, p, x), least["products"] / max(sum(least.values()), 1e-12)
    over, kept = _steady(theorem, p)
    cells = {
        "theorem": f"`{name}`",
        "rate": f"{drawn / alone:,.0f}",
        "decided": f"{max(evidence.total(c.name).decided for c in theorem.claims) / alone:,.0f}",
        "factor": f"{alone / _together(theorem, p, plan, pool):.2f}",
        "engine": f"{seconds['engine'] / seconds['kernels']:.2f} ({over:.2f})",
        "recording": f"{100 * seconds['recording'] / alone:.1f} % ({100 * kept:.1f} %)",
        "limit": f"{100 * share:.0f} % ({100 * products:.0f} %)",
        "memory": f"{max(_peak(theorem, p, f) for f in theorem.families) / 2**20:,.0f} MiB",
        "slope": _slope(theorem, p, family),
        "first": f"{_first(name):.1f} s",
    }
    return cells, seconds


def _batch(theorem: Theorem, p: Parameters, batch: Batch, ledger: Ledger) -> tuple[Evidence, tuple[float, ...]]:
    """The evidence of a batch, and the seconds of its kernels alone, of the engine with them, and of the ledger."""
    kernels = _kernels(theorem, p, *batch)
    began = time.perf_counter()
    found = trial.run_batch(theorem, p, *batch, 0, HOST)
    decided = time.perf_counter()
    ledger.record("key", *batch, found.to_json())
    return found, (kernels, decided - began, time.perf_counter() - decided)


def _kernels(theorem: Theorem, p: Parameters, family: str, start: int, stop: int) -> float:
    """Seconds of the theorem's own functions on a batch."""
    began = time.perf_counter()
    with np.errstate(all="ignore"):
        x = theorem.sample(trial.draw_for(theorem, p, family, start, stop, 0, HOST), p, family)
        theorem.hypotheses(p, x)
        theorem.solve(p, x)
    return time.perf_counter() - began


def _solving(theorem: Theorem, p: Parameters, x: Any) -> float:
    """Seconds of hypotheses and solve, the best of three."""
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        with np.errstate(all="ignore"):
            theorem.hypotheses(p, x)
            theorem.solve(p, x)
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def _together(theorem: Theorem, p: Parameters, plan: list[Any], pool: executors.Serial) -> float:
    """Seconds of the whole plan on the workers, which have the theorem's first batches behind them."""
    code = work.code_digest(theorem)
    subject = work.Subject(work.source(theorem), code, p.model_dump_json(), 0, HOST.name, HOST.dtype)
    warm = [pool.submit(work.solve, work.Task(subject, f, 0, 2)) for f in theorem.families for _ in range(pool.workers)]
    for future in warm:
        future.result()
    began = time.perf_counter()
    for future in [pool.submit(work.solve, work.Task(subject, *batch)) for batch in plan]:
        future.result()
    return time.perf_counter() - began


def _steady(theorem: Theorem, p: Parameters) -> tuple[float, float]:
    """Engine over kernels, and the share of recording, in the middle of a long run: over the families by their shares,
    of each three batches, the quickest for the engine and the mean for recording, which waits for the disk at times."""
    kernels = engine = recording = 0.0
    with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.sqlite") as ledger:
        for family, share in theorem.weights.items():
            times = []
            for number in range(3):
                start = CLOUD + number * theorem.size(family)
                times.append(_batch(theorem, p, (family, start, start + theorem.size(family)), ledger)[1])
            weight = share / theorem.size(family)
            kernels += weight * min(t for t, _, _ in times)
            engine += weight * min(t for _, t, _ in times)
            recording += weight * sum(t for _, _, t in times) / len(times)
    return engine / kernels, recording / (engine + recording)


def _peak(theorem: Theorem, p: Parameters, family: str) -> int:
    """The most bytes that a batch takes."""
    tracemalloc.start()
    try:
        trial.run_batch(theorem, p, family, 0, theorem.size(family), 0, HOST)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _slope(theorem: Theorem, p: Parameters, family: str) -> str:
    """The largest slope, with the size it is of."""
    best = (-math.inf, "")
    sizes = {name: value for name, value in p if isinstance(value, int) and not isinstance(value, bool) and value > 1}
    fixed: dict[str, Any] = {}
    if theorem.name in SIZED:
        sizes, fixed = SIZED[theorem.name]
    for name, value in sizes.items():
        times: dict[int, float] = {}
        for size in (value, 2 * value, 4 * value):
            if max(times.values(), default=0) > 1:
                break
            try:
                point = theorem.parameters(**{**p.model_dump(), **fixed, name: size})
                times[size] = min(_kernels(theorem, point, family, 0, min(128, theorem.size(family))) for _ in range(3))
            except (ValidationError, ValueError, trial.TrialError):
                continue  # no such size, or none that goes with the others
        if len(times) > 1:
            best = max(best, (float(np.polyfit(np.log(list(times)), np.log(list(times.values())), 1)[0]), name))
    return f"{best[0]:.1f} in {best[1]}" if best[1] else "–"


def _first(name: str) -> float:
    with tempfile.TemporaryDirectory() as out:
        began = time.perf_counter()
        command = [sys.executable, "-m", "verify", f"theorem={name}", "instances=64", f"out={out}", "format=json"]
        subprocess.run(command, capture_output=True, check=False)  # 64 instances need not refute every control
        return time.perf_counter() - began


def table() -> str:
    """The measures of every theorem as a Markdown table, and of the catalogue as a whole."""
    rows = []
    pool, total = executors.Processes(), {"kernels": 0.0, "engine": 0.0, "recording": 0.0}
    try:
        with work.one_thread():
            for name in catalogue.names():
                cells, seconds = row(name, pool)
                rows.append({title: cells[column] for column, title in COLUMNS.items()})
                total = {what: total[what] + seconds[what] for what in total}
    finally:
        pool.stop()
    product, inside, outside = limits.product_rate(), limits.byte_rate(1), limits.byte_rate(2**26)
    measured = (
        f"{product / 1e9:.0f} GFLOP/s of products, {inside / 1e9:.0f} GB/s in the cache, {outside / 1e9:.0f} beyond"
    )
    times = total["engine"] / total["kernels"]
    share = 100 * total["recording"] / (total["engine"] + total["recording"])
    whole = f"All default runs together: kernels {total['kernels']:.0f} s, engine {times:.3f} times that"
    facts = f"{whole}, recording {share:.2f} % of all. {pool.workers} cores; the limits of one: {measured}."
    return f"{markdown(rows)}\n\n{facts}"


if __name__ == "__main__":
    print(table())
