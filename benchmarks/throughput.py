"""Decided instances per second of every theorem on one core, and the time to its first verdict from a cold start."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from typing import Any


def rows() -> list[dict[str, Any]]:
    """One record a theorem: ``theorem``, ``decided`` per second (summed over its claims / claims), ``instances`` per
    second, ``first`` seconds of the whole process for 64 instances."""
    from threadpoolctl import threadpool_limits

    from verify.core.arrays import backend
    from verify.engine import campaign, catalogue, trial
    from verify.engine.evidence import Evidence

    found = []
    host = backend("numpy")
    for name in catalogue.names():
        theorem = catalogue.load(name)
        p = theorem.parameters()
        settings = campaign.Settings(instances=max(512, theorem.instances // 4))
        evidence, drawn = Evidence(), 0
        with threadpool_limits(limits=1, user_api="blas"):
            for family in theorem.families:  # warm caches: dictionaries, imports
                trial.run_batch(theorem, p, family, 0, 2, 1, host)
            began = time.perf_counter()
            for family, start, stop in campaign.plan(theorem, settings):
                evidence.merge(trial.run_batch(theorem, p, family, start, stop, 0, host))
                drawn += stop - start
            seconds = time.perf_counter() - began
        decided = max(evidence.total(c.name).decided for c in theorem.claims)
        found.append(
            {"theorem": name, "instances": drawn / seconds, "decided": decided / seconds, "first": _first(name)}
        )
    return found


def _first(name: str) -> float:
    with tempfile.TemporaryDirectory() as out:
        began = time.perf_counter()
        command = [sys.executable, "-m", "verify", f"theorem={name}", "instances=64", f"out={out}", "format=json"]
        subprocess.run(command, capture_output=True, check=False)  # 64 instances need not refute every control
        return time.perf_counter() - began


def table() -> str:
    """The records as a Markdown table."""
    lines = [
        "| theorem | instances/s | decided/s (best claim) | first verdict, cold |",
        "| --- | --: | --: | --: |",
    ]
    lines += [
        f"| `{r['theorem']}` | {r['instances']:,.0f} | {r['decided']:,.0f} | {r['first']:.1f} s |" for r in rows()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
