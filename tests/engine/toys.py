r"""Small theorems whose truth is known.

For $`u`$ uniform on $`[0,1)`$ and any scale $`s\ge0`$, $`su\le s`$. Every toy is a variation of it that the engine
must treat in a way of its own.
"""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path
from typing import Any

from pydantic import Field

from verify import Claim, Enclosure, Every, Figure, Formula, Parameters, Theorem
from verify.core.arrays import namespace

LOG = "VERIFY_TOY_LOG"  # names the file to which DIARY writes a line for each batch it solves


class Params(Parameters):
    """One scale."""

    scale: float = Field(1.0, ge=0, le=100, description="factor of the uniforms")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """u (B,): uniform on [0, 1), and close to 1 in the family ``hard``."""
    u = draw.uniform()
    return {"u": 1 - u / 16 if family == "hard" else u}


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """``large``: u >= 1/4. ``never`` is not met."""
    return {"large": x["u"] - 0.25, "never": -1 - x["u"]}


def solve(p: Params, x: Any) -> dict[str, Any]:
    """value (B,) = scale u; path (B, 4): scale u / t at t = 1, ..., 4."""
    xp = namespace(x["u"])
    t = xp.arange(1, 5, dtype=x["u"].dtype, device=x["u"].device)[None, :]
    return {"value": p.scale * x["u"], "path": p.scale * x["u"][:, None] / t, "t": t}


def diary(p: Params, x: Any) -> dict[str, Any]:
    """As ``solve``, slowly; a batch is told by its first number."""
    with Path(os.environ[LOG]).open("a") as log:
        log.write(f"{float(x['u'][0]).hex()}\n")
        log.flush()
    time.sleep(0.02)
    return solve(p, x)


def roll_call(p: Params, x: Any) -> dict[str, Any]:
    """As ``diary``, with the number of the process in place of the number of the batch."""
    with Path(os.environ[LOG]).open("a") as log:
        log.write(f"{os.getpid()}\n")
    time.sleep(0.05)
    return solve(p, x)


def is_marked(x: Any) -> bool:
    """True of a batch with a number below 1/64."""
    return bool((x["u"] < 1 / 64).any())


def hang(p: Params, x: Any) -> dict[str, Any]:
    """As ``solve``, but at one batch a search that takes for ever in C and lets no other thread run."""
    if is_marked(x):
        re.match(r"(a+)+$", "a" * 64 + "b")
    return solve(p, x)


def deadly(p: Params, x: Any) -> dict[str, Any]:
    """As ``solve``, but one batch kills its process."""
    if is_marked(x):
        os.kill(os.getpid(), signal.SIGKILL)
    return solve(p, x)


def greedy(p: Params, x: Any) -> dict[str, Any]:
    """As ``solve``, but more than ten instances do not fit the memory."""
    if x["u"].shape[0] > 10:
        raise MemoryError("Unable to allocate 8.00 EiB")
    return solve(p, x)


def heavy(p: Params, x: Any) -> dict[str, Any]:
    """As ``solve``, with four megabytes for each instance."""
    xp = namespace(x["u"])
    return {**solve(p, x), "value": p.scale * xp.max(x["u"][:, None] + xp.zeros((x["u"].shape[0], 2**18)), axis=-1)}


def factored(p: Params, x: Any) -> dict[str, Any]:
    """value = scale u by way of a 2x2 system, which is singular where u < 1/64, so that LAPACK refuses the batch."""
    import numpy as np

    u = x["u"]
    there = np.where(u < 1 / 64, 0.0, 1.0)
    A = there[:, None, None] * np.eye(2)
    return {**solve(p, x), "value": p.scale * np.linalg.solve(A, np.stack([u, u], axis=-1)[..., None])[:, 0, 0]}


def undefined(p: Params, x: Any) -> dict[str, Any]:
    """As ``solve``, but NaN where u < 1/64."""
    xp = namespace(x["u"])
    found = solve(p, x)
    return {**found, "value": xp.where(x["u"] < 1 / 64, xp.nan * x["u"], found["value"])}


def rough(p: Params, x: Any) -> dict[str, Any]:
    """As ``solve`` in float64; in float32 a tenth too large."""
    xp = namespace(x["u"])
    found = solve(p, x)
    return {**found, "value": found["value"] * (1.1 if x["u"].dtype == xp.float32 else 1.0)}


def half(p: Params, x: Any) -> dict[str, Any]:
    """A reference to which the value is half as large, so no bound of 0.6 is exceeded."""
    return {**solve(p, x), "value": 0.5 * p.scale * x["u"]}


def wide(p: Params, x: Any) -> dict[str, Any]:
    """``solve`` with an enclosure too wide to decide anything near a bound of 0.6."""
    found = solve(p, x)
    return {**found, "value": Enclosure.around(found["value"], 0 * x["u"] + 100.0)}


def advise(p: Params, x: Any) -> str:
    """Words with a number of the first instance."""
    return f"u is {float(x['u'][0]):.2f}; nothing is admitted"


def toy(name: str, claims: tuple[Claim, ...], solver: Any = solve, **more: Any) -> Theorem:
    """A theorem about u with two families of 1 : 1/2."""
    families = {"plain": "uniform", "hard": "close to 1"}
    return Theorem(
        name, "Toy", Params, sample, hypotheses, solver, families, claims, (), **{"shares": {"hard": 0.5}, **more}
    )


TRUE = Claim("true", Every(), "value", Formula("scale"))
FALSE = Claim("false", Every(), "value", Formula("0.6 * scale"), origin="control", expects="refuted", because="u > 0.6")
LARGE = Claim("given", Every(), "path", Formula("scale / t"), ("large",))
NEVER = Claim("never", Every(), "value", Formula("scale"), ("never",))
EVERY = (TRUE, FALSE, LARGE)

FIGURES = (
    Figure("cloud", "cloud", ("true", "false"), "", "", ""),
    Figure("ratio", "ratio", ("true",), "", "", "", against="value"),
    Figure("curves", "curves", ("given",), "", "", "", family="plain"),
)

PLAIN = toy("plain", EVERY, figures=FIGURES, instances=300, batch=64)
DIARY = toy("diary", EVERY, diary, figures=FIGURES, reference=solve, instances=1200, batch=30)
UNCONFIRMED = toy("unconfirmed", EVERY, reference=half, instances=300, batch=64)
WIDE = toy("wide", (TRUE, FALSE), wide, reference=solve, instances=300, batch=64)
WIDE_ALONE = toy("wide_alone", (TRUE, FALSE), wide, instances=300, batch=64)
EMPTY = toy("empty", (NEVER, TRUE), advise=advise, instances=100, batch=64)
ROLL_CALL = toy("roll_call", EVERY, roll_call, reference=solve, instances=1200, batch=30)
HANG = toy("hang", EVERY, hang, reference=solve, instances=90, batch=30)
DEADLY = toy("deadly", EVERY, deadly, reference=solve, instances=300, batch=30)
GREEDY = toy("greedy", EVERY, greedy, reference=solve, figures=FIGURES, instances=300, batch=64)
HEAVY = toy("heavy", EVERY, heavy, reference=solve, instances=300, batch=150)
FACTORED = toy("factored", EVERY, factored, reference=solve, instances=300, batch=64)
UNDEFINED = toy("undefined", EVERY, undefined, reference=solve, instances=300, batch=64)
ROUGH = toy("rough", EVERY, rough, instances=300, batch=64)
