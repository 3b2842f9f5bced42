r"""What a run says: a verdict for each claim, with the evidence it stands on. Records only."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

from verify.engine.evidence import Evidence

Word = Literal["no violation", "violated", "undecided", "vacuous"]


@dataclass(frozen=True)
class Verdict:
    """The decision on one claim.

    ``decided``, ``violated``, ``undecided`` count instances; ``set_aside`` counts them by hypothesis. ``ratio_max``
    is the largest ratio measured/bound over decided instances (NaN where the kind has none). ``power`` says what the
    run could have noticed, by name (see :func:`verify.engine.verdict.decide`). ``summary`` is one line for a table.
    """

    verdict: Word
    decided: int
    violated: int
    undecided: int
    set_aside: dict[str, int]
    ratio_max: float
    power: dict[str, float]
    summary: str


@dataclass
class ClaimResult:
    """A claim's verdict beside what was expected, and the witness where the claim was violated.

    ``witness`` (None without one): ``family``, ``instance``, ``measured``, ``bound``, ``ratio``, ``step`` (None
    without steps), ``method`` (how it was rechecked), ``file`` (name of the .npz beside the page), ``arrays`` (the
    instance as nested lists; arrays of more than 40 numbers are left out), ``quantities`` (scalars of the recheck),
    ``shrunk`` (whether it was made smaller than it was drawn), ``certified`` (the proven excess in exact arithmetic),
    and of what a search found ``point`` (the parameters that are not those of the run).
    """

    name: str
    kind: str
    origin: str
    expects: str
    verdict: Verdict
    witness: dict[str, Any] | None = None

    @property
    def as_expected(self) -> bool:
        """A claim that holds must show no violation; one expected refuted must be violated."""
        return self.verdict.verdict == ("no violation" if self.expects == "holds" else "violated")


@dataclass
class Result:
    """One theorem at one point: everything a page or a JSON line needs.

    ``params`` are all parameters as plain values; ``instances`` maps each family to the number drawn; ``machine``
    holds versions and hardware in words; ``command`` remakes the run; ``finished`` is False for an interrupted run;
    ``advice`` says what would be admitted where a claim is vacuous; ``answer`` is what was found for the user's data;
    ``search`` what a worst-case search found, a record for each claim (see :class:`verify.engine.search.Search`);
    ``mutants`` how the mutants of the claims fared (see :mod:`verify.engine.mutate`).
    """

    theorem: str
    params: dict[str, Any]
    seed: int
    backend: str
    dtype: str
    seconds: float
    instances: dict[str, int]
    claims: list[ClaimResult]
    evidence: Evidence
    command: str
    machine: dict[str, str] = field(default_factory=dict)
    finished: bool = True
    advice: str = ""
    answer: dict[str, Any] = field(default_factory=dict)
    search: list[dict[str, Any]] = field(default_factory=list)
    mutants: list[dict[str, Any]] = field(default_factory=list)

    @property
    def as_expected(self) -> bool:
        return self.finished and all(c.as_expected for c in self.claims)

    def to_json(self) -> dict[str, Any]:
        """The object of ``format=json`` and of ``result.json``; NaN becomes null."""
        data = {
            "theorem": self.theorem,
            "params": self.params,
            "seed": self.seed,
            "backend": self.backend,
            "dtype": self.dtype,
            "as_expected": self.as_expected,
            "finished": self.finished,
            "seconds": round(self.seconds, 2),
            "instances": self.instances,
            "command": self.command,
            "advice": self.advice,
            "answer": self.answer,
            "search": self.search,
            "mutants": self.mutants,
            "claims": [
                {
                    "name": c.name,
                    "kind": c.kind,
                    "origin": c.origin,
                    "expects": c.expects,
                    "as_expected": c.as_expected,
                    "verdict": c.verdict.verdict,
                    "decided": c.verdict.decided,
                    "violated": c.verdict.violated,
                    "undecided": c.verdict.undecided,
                    "set_aside": c.verdict.set_aside,
                    "ratio_max": c.verdict.ratio_max,
                    "power": c.verdict.power,
                    "summary": c.verdict.summary,
                    "witness": c.witness,
                }
                for c in self.claims
            ],
        }
        return _plain(data)


def _plain(data: Any) -> Any:
    """JSON has no NaN and no infinity: they become null."""
    if isinstance(data, dict):
        return {k: _plain(v) for k, v in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(v) for v in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
