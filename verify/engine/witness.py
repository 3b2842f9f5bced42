r"""Witnesses: instances that violate a claim, rechecked alone before they count.

A violation seen in a batch is only a lead. The instance is made again alone from its number, in float64 on the CPU,
and decided from the quantities of ``theorem.reference``, the independent path (``solve`` where the theorem has none).
Only a confirmed instance is saved as a witness, as plain arrays that :func:`replay` rechecks anywhere.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verify.core.arrays import Backend
from verify.core.enclosure import Enclosure
from verify.core.theorem import Claim, Parameters, Theorem
from verify.engine import catalogue
from verify.engine.evidence import SMALL, Tally
from verify.engine.trial import Outcomes, draw_for, outcomes, values_of, written_length

TRIES = 6  # leads rechecked for one claim before it is called unconfirmed


class WitnessError(ValueError):
    """The file is not a witness that can be replayed; the message says what is wrong."""


@dataclass(frozen=True)
class Lead:
    """An instance that looked violated in a batch."""

    family: str
    instance: int
    suspect: bool  # True when the batch itself could not decide it


def leads(tallies: Mapping[str, Tally]) -> list[Lead]:
    """The instances worth rechecking: the plainest, then decided violations, largest ratios first, families in turn."""
    found = []
    for family, tally in tallies.items():
        if tally.plainest:
            found.append((False, -1, Lead(family, tally.plainest[1], False)))
        for rank, extreme in enumerate(e for e in tally.worst if e.outcome != "holds"):
            found.append(
                (extreme.outcome == "suspect", rank, Lead(family, extreme.instance, extreme.outcome == "suspect"))
            )
    return [lead for *_, lead in sorted(found, key=lambda item: item[:2])]


def confirm(
    theorem: Theorem, p: Parameters, claim: Claim, tallies: Mapping[str, Tally], seed: int
) -> tuple[Lead, dict[str, Any], dict[str, Any]] | None:
    """The smallest instance among the leads that is still violated alone: its lead, arrays and record.

    None when no lead is confirmed. The record is the ``witness`` of :class:`verify.engine.result.ClaimResult`,
    without its file.
    """
    host = Backend("numpy", "float64")
    instances = []
    for lead in leads(tallies):
        draw = draw_for(theorem, p, lead.family, lead.instance, lead.instance + 1, seed, host)
        x = theorem.sample(draw, p, lead.family)
        # The shortest to write down first: the witness should be one that a reader can check by hand.
        length = written_length(x)
        instances.append((math.inf if length is None else length[0], lead, x))
    instances.sort(key=lambda item: (item[1].suspect, item[0]))
    for _, lead, x in instances[:TRIES]:
        record = recheck(theorem, p, claim, x)
        if record["confirmed"]:
            return lead, x, {"family": lead.family, "instance": lead.instance, **record}
    return None


def recheck(theorem: Theorem, p: Parameters, claim: Claim, x: Mapping[str, Any]) -> dict[str, Any]:
    """Decides one claim on one instance (NumPy arrays, batch axis 1) by the independent path."""
    import numpy as np

    path = theorem.reference or theorem.solve
    with np.errstate(all="ignore"):
        quantities = path(p, x)
        out: Outcomes = outcomes(claim, p, theorem.hypotheses(p, x), quantities)
    used = {claim.measured, *claim.bound.names}
    scalars = {}
    for name, value in values_of(p, quantities).items():
        best = value.value if isinstance(value, Enclosure) else value
        if name in used and np.size(best) == 1:
            scalars[name] = float(np.reshape(best, -1)[0])
    return {
        "confirmed": bool(out.missed[0] < 0 and out.violated[0]),
        "outcome": _word(claim, out),
        "measured": float(out.measured[0]),
        "bound": float(out.bound[0]),
        "ratio": float(out.ratio[0]),
        "step": int(out.step[0]) if _has_steps(quantities[claim.measured]) else None,
        "method": "independent reference" if theorem.reference else "the same solver, alone in float64 on the CPU",
        "quantities": scalars,
        "arrays": {name: a[0].tolist() for name, a in x.items() if a.size <= SMALL},
    }


def _has_steps(quantity: Any) -> bool:
    return quantity.ndim > 1


def _word(claim: Claim, out: Outcomes) -> str:
    if out.missed[0] >= 0:
        return f"set aside: {claim.given[out.missed[0]]}"
    return "violated" if out.violated[0] else "holds" if out.holds[0] else "undecided"


def save(
    path: Path,
    theorem: Theorem,
    p: Parameters,
    claim: Claim,
    x: Mapping[str, Any],
    record: Mapping[str, Any],
    seed: int,
) -> None:
    """Writes the instance and what is needed to recheck it as an .npz without pickles."""
    import numpy as np

    about = {
        "format": 1,
        "theorem": catalogue.where(theorem),
        "params": p.model_dump(mode="json"),
        "claim": claim.name,
        "seed": seed,
        **{k: record[k] for k in ("family", "instance", "measured", "bound", "ratio", "step")},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {f"x_{name}": np.asarray(a) for name, a in x.items()}
    np.savez_compressed(path, allow_pickle=False, about=np.asarray(json.dumps(about, sort_keys=True)), **arrays)


def slug(text: str) -> str:
    """A file name made of the words of ``text``."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60]


def _origin(about: Mapping[str, Any]) -> str:
    return "found by search from instances" if about["instance"] is None else f"instance {about['instance']}"


@dataclass(frozen=True)
class Replay:
    """What a replay found: ``lines`` to print, and whether the violation is still one."""

    lines: list[str]
    confirmed: bool


def _read(path: str | Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the file says about the instance, and its arrays."""
    import numpy as np

    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as data:
            about = json.loads(str(data["about"]))
            x = {name[2:]: data[name] for name in data.files if name.startswith("x_")}
    except FileNotFoundError:
        raise WitnessError(f"no such file: {path}") from None
    except Exception as error:  # a damaged archive raises errors of zipfile, zlib, tokenize and more
        raise WitnessError(f"{path} is not a witness file: {error}") from error
    if not isinstance(about, dict) or about.get("format") != 1:
        found = about.get("format") if isinstance(about, dict) else about
        raise WitnessError(f"{path} has format {found!r}; this version reads format 1")
    texts = ("theorem", "claim", "family")
    if not all(isinstance(about.get(k), str) for k in texts) or not {"params", "instance", "seed"} <= about.keys():
        raise WitnessError(f"{path} does not say which instance of which theorem it is")
    return about, x


def replay(path: str | Path, theorem_file: str | None = None) -> Replay:
    """Rechecks a saved witness alone. Raises :class:`WitnessError` for a file that is not one.

    A witness of a theorem outside the catalogue names the file it came from, but that file is run only when the user
    names it as ``theorem_file``: a witness must not choose what code runs.
    """
    about, x = _read(path)
    name = about["theorem"]
    if name not in catalogue.names() and theorem_file is None:
        raise WitnessError(f"{path} is of the user's theorem {name}; say theorem={name} to run that file")
    theorem = catalogue.load(theorem_file or name)
    if theorem.name != Path(name).stem:
        raise WitnessError(f"{path} is of the theorem {name}, not of {theorem.name}")
    try:
        claim = theorem.claim(about["claim"])
    except KeyError as error:
        raise WitnessError(str(error.args[0])) from error
    try:
        p = theorem.parameters(**about["params"])
        record = recheck(theorem, p, claim, x)
    except Exception as error:  # the theorem's functions may raise anything on arrays that are not of their shapes
        raise WitnessError(f"{path} does not fit its theorem: {type(error).__name__}: {error}") from error
    relation = claim.relation
    lines = [
        f"{theorem.name}: {claim.name} ({claim.origin})",
        f"claims {claim.measured} {relation} {claim.bound.text}",
        f"{_origin(about)} of family {about['family']!r}, seed {about['seed']}",
    ]
    lines += [f"  {name} = {value}" for name, value in record["arrays"].items()]
    lines += [f"  {name} = {value:.12g}" for name, value in record["quantities"].items()]
    at = "" if record["step"] is None else f" at step {record['step']}"
    lines += [
        f"measured {record['measured']:.12g}, bound {record['bound']:.12g}{at}, ratio {record['ratio']:.9g}",
        f"recheck ({record['method']}): {record['outcome']}",
    ]
    return Replay(lines, record["confirmed"])
