r"""Small theorems whose truth is known.

For $`u`$ uniform on $`[0,1)`$ and any scale $`s\ge0`$, $`su\le s`$. Every toy is a variation of it that the engine
must treat in a way of its own.
"""

from __future__ import annotations

import os
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
