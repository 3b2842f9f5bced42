"""What the engine costs beside the kernels, what workers gain, what memory a run takes, how cost grows with size.

``python -m benchmarks.scale`` prints four Markdown tables. One BLAS thread; every time is the best of three, the ways
that are compared taken in turn.

- *overhead*: the seconds of all batches of a plan, by the theorem's functions alone (sample, hypotheses, solve), by
  the engine (deciding and gathering as well), and of recording them in the ledger.
- *workers*: a whole run in this process and on worker processes, from an empty ledger.
- *memory*: the largest resident size of a whole run in a process of its own, with and without ``memory=``.
- *growth*: seconds an instance against a size, and the slope of their logarithms.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

OVERHEAD = ("pgd", "bp_stability", "layered_bp", "input_margin", "depth_regions_upper", "ge_vc")
WORKERS = {"bp_stability": 16000, "layered_thr": 12000}
MEMORY = {"layered_bp": "256M", "bp_stability": "128M"}
GROWTH = (
    (
        "bp_stability",
        "n",
        (32, 64, 128, 256),
        {"dictionary": "identity and Hadamard"},
        "identity and Hadamard, random noise",
    ),
    ("pgd", "d", (50, 100, 200, 400), {}, None),
    ("layered_bp", "b", (32, 64, 128, 256), {"model": "local", "c": 6, "k": 1}, "two layers, random"),
)
ROUNDS = 3


def overhead() -> list[dict[str, Any]]:
    """A record for each theorem of OVERHEAD."""
    import numpy as np

    from verify.core.arrays import backend
    from verify.engine import campaign, catalogue, trial
    from verify.engine.ledger import Ledger

    host, found = backend("numpy"), []
    for name in OVERHEAD:
        theorem = catalogue.load(name)
        p = theorem.parameters()
        plan = list(campaign.plan(theorem, campaign.Settings(instances=max(512, theorem.instances // 4))))
        best = {"kernels": np.inf, "engine": np.inf, "recording": np.inf}
        for round_ in range(ROUNDS + 1):  # the first warms the caches
            spent = dict.fromkeys(best, 0.0)
            with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.sqlite") as ledger:
                for family, start, stop in plan:
                    began = time.perf_counter()
                    with np.errstate(all="ignore"):
                        x = theorem.sample(trial.draw_for(theorem, p, family, start, stop, 0, host), p, family)
                        theorem.hypotheses(p, x)
                        theorem.solve(p, x)
                    middle = time.perf_counter()
                    evidence = trial.run_batch(theorem, p, family, start, stop, 0, host)
                    decided = time.perf_counter()
                    ledger.record("key", family, start, stop, evidence.to_json())
                    end = time.perf_counter()
                    spent["kernels"] += middle - began
                    spent["engine"] += decided - middle
                    spent["recording"] += end - decided
            if round_:
                best = {what: min(best[what], spent[what]) for what in best}
        found.append(
            {
                "theorem": name,
                "instances": sum(stop - start for _, start, stop in plan),
                "kernels s": best["kernels"],
                "engine s": best["engine"],
                "engine / kernels": best["engine"] / best["kernels"],
                "recording / engine": best["recording"] / best["engine"],
            }
        )
    return found


def workers() -> list[dict[str, Any]]:
    """A record for each theorem of WORKERS."""
    import os

    from verify.engine import campaign, catalogue
    from verify.engine.ledger import Ledger

    names = ["serial", *(f"processes:{n}" for n in range(1, (os.cpu_count() or 1) + 1))]
    found = []
    for name, instances in WORKERS.items():
        theorem = catalogue.load(name)
        best = dict.fromkeys(names, float("inf"))
        for _ in range(ROUNDS):
            for executor in names:
                settings = campaign.Settings(instances=instances, executor=executor, backend="numpy")
                with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.sqlite") as ledger:
                    began = time.perf_counter()
                    campaign.run(theorem, theorem.parameters(), settings, ledger, Path(folder))
                    best[executor] = min(best[executor], time.perf_counter() - began)
        row: dict[str, Any] = {"theorem": name, "instances": instances}
        found.append({**row, **{f"{executor}, s": seconds for executor, seconds in best.items()}})
    return found


def memory() -> list[dict[str, Any]]:
    """A record for each theorem of MEMORY."""
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], capture_output=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    found = []
    for name, budget in MEMORY.items():
        row: dict[str, Any] = {"theorem": name}
        for title, words in (
            ("64 instances, MB", ["instances=64", "batch=2"]),
            ("free, MB", []),
            (f"memory={budget}, MB", [f"memory={budget}"]),
        ):
            with tempfile.TemporaryDirectory() as out:
                command = [sys.executable, "-m", "verify", f"theorem={name}", "executor=serial", f"out={out}", *words]
                told = subprocess.run(
                    [sys.executable, "-c", code, *command], capture_output=True, text=True, check=True
                )
                row[title.replace(budget, "BUDGET")] = int(told.stdout) / 1024
        found.append({**row, "BUDGET": budget})
    return found


def growth() -> list[dict[str, Any]]:
    """A record for each theorem and size of GROWTH."""
    import numpy as np

    from verify.core.arrays import backend
    from verify.engine import catalogue, trial

    host, found = backend("numpy"), []
    for name, size, values, fixed, chosen in GROWTH:
        theorem = catalogue.load(name)
        family = chosen or next(iter(theorem.families))
        each = []
        for value in values:
            p = theorem.parameters(**{size: value}, **fixed)
            trial.run_batch(theorem, p, family, 0, 2, 1, host)
            times = []
            for _ in range(ROUNDS):
                began = time.perf_counter()
                trial.run_batch(theorem, p, family, 0, 256, 0, host)
                times.append(time.perf_counter() - began)
            each.append(1e3 * min(times) / 256)
        slope = float(np.polyfit(np.log(values[1:]), np.log(each[1:]), 1)[0])
        row: dict[str, Any] = {"theorem": name, "size": f"{size} = {', '.join(map(str, values))}"}
        found.append({**row, "ms an instance": ", ".join(f"{ms:.3g}" for ms in each), "slope, last three": slope})
    return found


def table() -> str:
    """The four tables in Markdown."""
    parts = []
    with threadpool_limits(limits=1):
        for measure in (overhead, workers, memory, growth):
            rows = measure()
            lines = ["| " + " | ".join(rows[0]) + " |", "|" + " --- |" * len(rows[0])]
            for row in rows:
                cells = (f"{v:.3g}" if isinstance(v, float) else str(v) for v in row.values())
                lines.append("| " + " | ".join(cells) + " |")
            parts.append("\n".join(lines))
    return "\n\n".join(parts)


if __name__ == "__main__":
    print(table())
