r"""The records a theorem is made of. They are data: the engine prints, decides and mutates them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from verify.core.formula import Formula

Relation = Literal["<=", ">=", "=="]
Grade = Literal["false", "misprint", "incomplete", "loose"]


class Parameters(BaseModel):
    """The parameters of a theorem: a frozen, validated record. Subclass it with annotated fields; each field's
    ``description`` is its help text and its constraints (``ge``, ``le``, ``Literal``) are its allowed range."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)


@dataclass(frozen=True)
class Reference:
    """An entry of the bibliography."""

    key: str
    authors: str
    title: str
    where: str
    year: int


@dataclass(frozen=True)
class Source:
    """Where a statement comes from: a reference, the place in it, and what we know of the text."""

    reference: Reference
    locator: str
    note: str = ""


# ---------------------------------------------------------------------------------------------- kinds of claim


@dataclass(frozen=True)
class Every:
    """For every instance (and every step, where the quantities carry one): measured <= bound.
    One decided instance with measured > bound refutes."""

    label = "every instance"


@dataclass(frozen=True)
class Probability:
    """``P(measured <= bound) >= 1 - delta`` over the draw of the instance."""

    delta: float
    label = "probability"


@dataclass(frozen=True)
class Mean:
    """``E[measured]`` against the mean of the bound. ``interval`` is a range that provably contains the difference
    measured - bound; without one the confidence sequence is asymptotic and says so."""

    interval: tuple[float, float] | None = None
    label = "mean"


@dataclass(frozen=True)
class Rate:
    """The order of growth: over the ladder of families, the slope of log E[measured] against log E[bound] is
    ``exponent`` (relation ``==``), or at most / at least it, up to ``within``: what terms of lower order may bend on a
    ladder of finite sizes."""

    exponent: float = 1.0
    within: float = 0.0
    label = "rate"


@dataclass(frozen=True)
class Identity:
    """measured = bound, within the enclosures; an enclosure wider than ``resolution`` (relative) decides nothing."""

    resolution: float = 1e-6
    label = "identity"


@dataclass(frozen=True)
class Count:
    """Exact integers: measured against bound with no tolerance."""

    label = "count"


@dataclass(frozen=True)
class Existence:
    """Some instance that the sampler builds has measured <= bound; one decided instance confirms."""

    label = "witness"


@dataclass(frozen=True)
class Comparison:
    """A beats B: on more than half of the draws, measured (A) < bound (B), paired draw by draw."""

    label = "comparison"


Kind = Every | Probability | Mean | Rate | Identity | Count | Existence | Comparison


@dataclass(frozen=True)
class Claim:
    """One assertion that can be decided by itself.

    ``given``: the names of the hypotheses it needs; instances that miss one are set aside. ``measured``: the name of
    a quantity of ``solve``. ``bound``: a formula of such names. ``relation``: how measured stands to bound.
    ``origin``: ``source``, ``control`` or the key of a document. ``expects``: ``holds`` or ``refuted``; a refuted one
    says ``because``, and a document's wording its ``grade``, the ``reading`` that fails and ``holds_when``, the
    reading that holds.
    """

    name: str
    kind: Kind
    measured: str
    bound: Formula
    given: tuple[str, ...] = ()
    relation: Relation = "<="
    origin: str = "source"
    expects: Literal["holds", "refuted"] = "holds"
    because: str = ""
    grade: Grade | None = None
    reading: str = ""
    holds_when: str = ""
    source: Source | None = None

    @property
    def is_equality(self) -> bool:
        """Whether it says that two numbers are equal; its ratio is then a relative defect."""
        return self.relation == "==" or isinstance(self.kind, Identity)

    @property
    def is_refuted_by_one(self) -> bool:
        """Whether one instance can refute it: it is of no statistics and asks for no existence."""
        return isinstance(self.kind, Every | Identity | Count)


def control(
    name: str,
    kind: Kind,
    measured: str,
    bound: Formula,
    given: tuple[str, ...],
    because: str,
    relation: Relation = "<=",
) -> Claim:
    """A control: a false neighbour of the claims, written to be caught."""
    return Claim(name, kind, measured, bound, given, relation, origin="control", expects="refuted", because=because)


def misreading(
    name: str,
    kind: Kind,
    measured: str,
    bound: Formula,
    given: tuple[str, ...],
    *,
    source: Source,
    grade: Grade,
    reading: str,
    because: str,
    holds_when: str,
    relation: Relation = "<=",
) -> Claim:
    """A document's wording that fails: where it is, the reading that fails and why, and the reading that holds."""
    return Claim(
        name,
        kind,
        measured,
        bound,
        given,
        relation,
        origin=source.reference.key,
        expects="refuted",
        because=because,
        grade=grade,
        reading=reading,
        holds_when=holds_when,
        source=source,
    )


@dataclass(frozen=True)
class Figure:
    """A figure of the page, made from what a run recorded.

    ``cloud``: measured against bound of ``claims``, one colour per family, with the diagonal.
    ``ratio``: measured/bound of ``claims`` against the quantity ``against``.
    ``curves``: measured and the bounds of ``claims`` along the steps, on the instance of ``family`` on which the
    first claim is tightest.
    ``ladder``: means of measured and bound of ``claims`` against the quantity ``against``, log-log, with fitted slopes.
    ``heat``: the mean of ``colour`` (a quantity; by default what the one claim measures) over cells (``against``,
    ``across``), the claim's bound drawn as a curve of ``across`` over ``against``.
    With ``family`` the other kinds show the families whose names begin with it.
    ``map``: coloured polygons of the plane, a panel for each record that ``maps`` of the theorem gives for it.
    """

    name: str
    kind: Literal["cloud", "ratio", "curves", "ladder", "heat", "map"]
    claims: tuple[str, ...]
    caption: str
    x: str
    y: str
    against: str | None = None
    across: str | None = None
    colour: str | None = None
    family: str | None = None


@dataclass(frozen=True)
class Sharper:
    """A true statement that the theorem does not claim, for mutants to be measured by: what ``claim`` (a name, or a
    pattern with * for several) measures has this ``bound`` too, but for a probability ``delta``, under the hypotheses
    ``given``; None: as in the claim. ``because`` says why, so that a reader can check it."""

    claim: str
    because: str
    bound: Formula | None = None
    delta: float | None = None
    given: tuple[str, ...] | None = None

    def of(self, claim: Claim) -> Claim:
        """The statement."""
        kind = claim.kind if self.delta is None else Probability(self.delta)
        given = claim.given if self.given is None else self.given
        return replace(claim, bound=self.bound or claim.bound, kind=kind, given=given)


Arrays = Mapping[str, Any]


@dataclass(frozen=True)
class Move:
    """What a worst-case search may change: ``apply(draw, x, step)`` returns the changed arrays of the instances ``x``,
    each member (B,) moved by about its own ``step`` relative to its size. Where a gradient of the ratio is known, a
    step along it is a move: its step sizes adapt as those of the others do."""

    name: str
    apply: Callable[[Any, dict[str, Any], Any], dict[str, Any]]


@dataclass(frozen=True)
class Theorem:
    r"""A theorem that can be run.

    ``sample(draw, p, family)`` returns named arrays, batch axis first (length 1: shared by the batch);
    ``hypotheses(p, x)`` returns named margins (B,), met where >= 0; ``solve(p, x)`` returns named quantities, (B,)
    or (B, T), arrays or :class:`~verify.core.enclosure.Enclosure`; ``reference(p, x)`` returns the same quantities
    for one instance (B = 1, NumPy, float64) by an independent path: it rechecks witnesses.

    ``families``: name -> what the family aims at; ``shares``: name -> how many instances it gets, relative to 1;
    ``batches``: name -> how many instances are solved at a time, where that is not ``batch``. A batch of a tenth of a
    second hides what the engine does for it, and one of some hundred megabytes still fits everywhere.
    ``symbols``: name -> (LaTeX, meaning) of the quantities. ``invariances``: name -> function(draw, x) that maps an
    instance to one with the same ratios. ``advise(p, x)`` says in words what would be admitted when nothing is.
    ``answer(p)`` says by name what the theorem's tools find for data that the user named in the parameters ({} without
    any); it raises ValueError for data that cannot be used. ``maps(p)`` gives for each figure of the kind ``map`` its
    panels: title -> ``{"box": [low, high], "colour": meaning, "cells": [[number, [x, y, x, y, ...]], ...]}``, and with
    ``"lines": [[label, [x, y, x, y, ...]], ...]`` curves (a single point: a mark) drawn over them. ``moves`` are what a
    worst-case search may change beside its generic moves; ``repair(p, x)`` makes instances meet again the hypotheses
    that tie their arrays together (a radius that is a norm, say); ``fixed`` names arrays and parameters that the search
    leaves alone.
    ``exact(p, x)`` gives for one small instance, nested lists of :class:`fractions.Fraction` without the batch axis,
    margins and quantities in exact arithmetic: fractions, integers or balls of python-flint that contain the truth,
    lists of them over the steps. It may leave out what it does not know, and add, under names that no claim uses, what
    a reader should see; it raises ValueError for an instance that it cannot take. It certifies witnesses (see
    :func:`verify.engine.witness.certify`).
    ``survivors``: "claim: change" -> why that mutant of the claim is true, so that no run can refute it; a * in the key
    stands for anything. ``sharper``: true statements that say more than a claim, for the same purpose (see
    :mod:`verify.engine.mutate`). ``unsettled``: keys as in ``survivors`` -> what is known of a mutant that is neither
    proved nor known to be false.
    """

    name: str
    title: str
    parameters: type[Parameters]
    sample: Callable[[Any, Any, str], dict[str, Any]]
    hypotheses: Callable[[Any, Arrays], dict[str, Any]]
    solve: Callable[[Any, Arrays], dict[str, Any]]
    families: Mapping[str, str]
    claims: tuple[Claim, ...]
    sources: tuple[Source, ...]
    reference: Callable[[Any, Arrays], dict[str, Any]] | None = None
    advise: Callable[[Any, Arrays], str] | None = None
    exact: Callable[[Any, Mapping[str, Any]], tuple[dict[str, Any], dict[str, Any]]] | None = None
    answer: Callable[[Any], dict[str, Any]] | None = None
    maps: Callable[[Any], dict[str, dict[str, Any]]] | None = None
    symbols: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    figures: tuple[Figure, ...] = ()
    moves: tuple[Move, ...] = ()
    repair: Callable[[Any, Arrays], dict[str, Any]] | None = None
    fixed: tuple[str, ...] = ()
    survivors: Mapping[str, str] = field(default_factory=dict)
    unsettled: Mapping[str, str] = field(default_factory=dict)
    sharper: tuple[Sharper, ...] = ()
    invariances: Mapping[str, Callable[[Any, dict[str, Any]], dict[str, Any]]] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)
    instances: int = 4096
    batch: int = 512
    batches: Mapping[str, int] = field(default_factory=dict)
    not_tested: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for what in ("shares", "batches"):
            if unknown := getattr(self, what).keys() - self.families.keys():
                strange, known = ", ".join(sorted(unknown)), ", ".join(self.families)
                raise ValueError(f"theorem {self.name}: {what} of {strange}; its families are {known}")
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.name):
            raise ValueError(f"theorem name {self.name!r}: use lower-case letters, digits and _")
        names = [c.name for c in self.claims]
        if repeated := {n for n in names if names.count(n) > 1}:
            raise ValueError(f"theorem {self.name}: claim names repeated: {', '.join(sorted(repeated))}")

    @property
    def weights(self) -> dict[str, float]:
        """The share of every family."""
        return {family: self.shares.get(family, 1.0) for family in self.families}

    def size(self, family: str) -> int:
        """How many instances of a family are solved at a time."""
        return self.batches.get(family, self.batch)

    def counts(self, total: int) -> dict[str, int]:
        """How many of ``total`` instances each family gets by its share, one at least."""
        every = sum(self.weights.values())
        return {family: max(1, round(total * share / every)) for family, share in self.weights.items()}

    @property
    def docstring(self) -> str:
        """The docstring of the module the theorem is written in: its mathematics."""
        return inspect.cleandoc(inspect.getmodule(self.sample).__doc__ or "")

    def claim(self, name: str) -> Claim:
        """The claim called ``name``; KeyError with the names there are otherwise."""
        for claim in self.claims:
            if claim.name == name:
                return claim
        raise KeyError(f"{self.name} has no claim {name!r}; it has {', '.join(c.name for c in self.claims)}")
