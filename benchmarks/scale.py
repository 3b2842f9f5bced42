"""What workers gain, and what memory a run takes.

``python -m benchmarks.scale`` prints two Markdown tables. One BLAS thread; every time is the best of two, the ways
that are compared taken in turn.

- *workers*: a whole run in this process and on worker processes, from an empty ledger.
- *memory*: the largest resident size of a whole run in a process of its own: of a small one, of one with large batches,
  and of the same with ``memory=``.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from benchmarks.markdown import markdown

WORKERS = {"bp_stability": 64000, "pgd": 13250}
MEMORY = {"pgd": "512M", "layered_bp": "512M"}
ROUNDS = 2


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
            ("batch=4096, MB", ["batch=4096", "instances=20000"]),
            (f"and memory={budget}, MB", ["batch=4096", "instances=20000", f"memory={budget}"]),
        ):
            with tempfile.TemporaryDirectory() as out:
                command = [sys.executable, "-m", "verify", f"theorem={name}", "executor=serial", f"out={out}", *words]
                told = subprocess.run(
                    [sys.executable, "-c", code, *command], capture_output=True, text=True, check=True
                )
                row[title.replace(budget, "BUDGET")] = int(told.stdout) / 1024
        found.append({**row, "BUDGET": budget})
    return found


def table() -> str:
    """The two tables in Markdown."""
    with threadpool_limits(limits=1):
        return "\n\n".join(markdown(measure()) for measure in (workers, memory))


if __name__ == "__main__":
    print(table())
