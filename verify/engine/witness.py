r"""Witnesses: instances that violate a claim, rechecked alone before they count.

A violation seen in a batch is only a lead. The instance is made again alone from its number, in float64 on the CPU,
and decided from the quantities of ``theorem.reference``, the independent path (``solve`` where the theorem has none).
Only a confirmed instance is saved as a witness, as plain arrays that :func:`replay` rechecks anywhere. What an
existence claim rests on is rechecked in the same way (:func:`built`). Where the
theorem has an ``exact`` function, :func:`certify` decides it once more without any rounding, in rationals and balls.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from verify.core.arrays import Backend
from verify.core.enclosure import Enclosure
from verify.core.formula import as_ball
from verify.core.theorem import Claim, Parameters, Theorem
from verify.engine import catalogue
from verify.engine.evidence import SMALL, Tally
from verify.engine.trial import Outcomes, draw_for, outcomes, values_of, written_length

TRIES = 6  # leads rechecked for one claim before it is called unconfirmed
SHORT = 100  # largest denominator of a rational that stands for a float
LONG = 10**9  # its numerator is smaller
BITS = 128  # of the ball arithmetic of a certificate
LARGEST = 20_000  # numbers of an instance that are worth writing as rationals


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
    """The smallest instance among the leads that is still violated alone, shrunk: its lead, arrays and record.

    None when no lead is confirmed. The record is that of :func:`settle`.
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
        if found := settle(theorem, p, claim, x, lead.family, lead.instance):
            return lead, *found
    return None


def settle(
    theorem: Theorem, p: Parameters, claim: Claim, x: Mapping[str, Any], family: str, instance: int | None
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The instance shrunk, and its record, if it violates the claim alone; ``instance`` is its number in the family,
    None if a search found it.

    The record is the ``witness`` of :class:`verify.engine.result.ClaimResult`, without its file; ``shrunk`` says
    whether the arrays are shorter than those given, and ``certified`` what exact arithmetic proves of them (empty if it
    does not prove the violation).
    """
    from verify.engine import shrink

    record = recheck(theorem, p, claim, x)
    if not record["confirmed"]:
        return None
    shorter = shrink.shrink(theorem, p, claim, x, family)
    shrunk = shrink.cost(shorter) < shrink.cost(x)
    says = {"shrunk": shrunk, "certified": _certified(theorem, p, claim, shorter)}
    found = recheck(theorem, p, claim, shorter) if shrunk else record
    return shorter, {"family": family, "instance": instance, **found, **says}


def built(theorem: Theorem, p: Parameters, claim: Claim, tallies: Mapping[str, Tally], seed: int) -> bool:
    """Whether one of the instances that were seen to have the property of an existence claim has it alone, too."""
    seen = [(f, e) for f, tally in tallies.items() for e in tally.worst if e.outcome == "holds"]
    for family, extreme in sorted(seen, key=lambda pair: pair[1])[:TRIES]:
        draw = draw_for(theorem, p, family, extreme.instance, extreme.instance + 1, seed, Backend("numpy", "float64"))
        if recheck(theorem, p, claim, theorem.sample(draw, p, family))["outcome"] == "holds":
            return True
    return False


def _certified(theorem: Theorem, p: Parameters, claim: Claim, x: Mapping[str, Any]) -> str:
    try:
        return certify(theorem, p, claim, x).text
    except NotCertified:
        return ""


def recheck(theorem: Theorem, p: Parameters, claim: Claim, x: Mapping[str, Any]) -> dict[str, Any]:
    """Decides one claim on one instance (NumPy arrays, batch axis 1) by the independent path."""
    import numpy as np

    with np.errstate(all="ignore"):
        quantities = solved_alone(theorem, p, x)
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


def solved_alone(theorem: Theorem, p: Parameters, x: Mapping[str, Any]) -> dict[str, Any]:
    """The quantities of one instance by the independent path."""
    return (theorem.reference or theorem.solve)(p, x)


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
        "shrunk": record.get("shrunk", False),
        **{k: record[k] for k in ("family", "instance", "measured", "bound", "ratio", "step")},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {f"x_{name}": np.asarray(a) for name, a in x.items()}
    np.savez_compressed(path, allow_pickle=False, about=np.asarray(json.dumps(about, sort_keys=True)), **arrays)


def slug(text: str) -> str:
    """A file name made of the words of ``text``."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60]


def _origin(about: Mapping[str, Any]) -> str:
    shrunk = "shrunk from " if about.get("shrunk") else ""
    if about["instance"] is None:
        return f"{shrunk}what the search found from instances"
    return f"{shrunk}instance {about['instance']}"


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
    if wrong := [name for name, a in x.items() if a.dtype.kind not in "biuf"]:
        raise WitnessError(f"{path} does not fit its theorem: {', '.join(wrong)} is not of real numbers")
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
    lines += [f"  {name} = {written(x[name][0].tolist())}" for name in record["arrays"]]
    lines += [f"  {name} = {value:.12g}" for name, value in record["quantities"].items()]
    at = "" if record["step"] is None else f" at step {record['step']}"
    lines += [
        f"measured {record['measured']:.12g}, bound {record['bound']:.12g}{at}, ratio {record['ratio']:.9g}",
        f"recheck ({record['method']}): {record['outcome']}",
    ]
    certified = False
    if theorem.exact is not None:
        try:
            certificate = certify(theorem, p, claim, x)
            lines += [f"certified in exact arithmetic: {certificate.text}", *(f"  {q}" for q in certificate.quantities)]
            certified = True
        except NotCertified as error:
            lines.append(f"not certified in exact arithmetic: {error}")
    if record["confirmed"]:
        lines += ["", "as a test:", "", *_test(path, theorem_file or name, p, claim, x, certified)]
    return Replay(lines, record["confirmed"])


def _test(
    path: str | Path, theorem: str, p: Parameters, claim: Claim, x: Mapping[str, Any], certified: bool
) -> list[str]:
    """The lines of a pytest file that reproduces the witness; an instance too long to write down is read from its
    file."""
    import numpy as np

    head = f"def test_{slug(claim.name).replace('-', '_')}():"
    if sum(a.size for a in x.values()) > 2 * SMALL or not all(np.isfinite(a).all() for a in x.values()):
        file = [json.dumps(str(path)), *([json.dumps(theorem)] if theorem not in catalogue.names() else [])]
        return [
            "from verify.engine import witness",
            "",
            "",
            head,
            f"    assert witness.replay({', '.join(file)}).confirmed",
        ]
    plain = type(p)()
    given = [f"{k}={v!r}" for k, v in p.model_dump(mode="json").items() if v != plain.model_dump(mode="json")[k]]
    return [
        "import numpy as np",
        "",
        "from verify.engine import catalogue, witness",
        "",
        "",
        head,
        f"    theorem = catalogue.load({json.dumps(theorem)})",
        f"    claim, p = theorem.claim({json.dumps(claim.name)}), theorem.parameters({', '.join(given)})",
        "    x = {",
        *(f'        "{name}": np.asarray([{written(a[0].tolist())}], "{a.dtype.name}"),' for name, a in x.items()),
        "    }",
        '    assert witness.recheck(theorem, p, claim, x)["confirmed"]',
        *(["    assert witness.certify(theorem, p, claim, x).excess > 0"] if certified else []),
    ]


# ---------------------------------------------------------------------------------------------------- exact arithmetic


class NotCertified(ValueError):
    """Exact arithmetic does not prove the violation; the message says why."""


@dataclass(frozen=True)
class Certificate:
    """A proof by computation that the instance violates the claim: ``excess`` > 0 is a lower end of the ``difference``,
    at ``step`` (None without steps); ``quantities`` are what it was computed from, as text."""

    difference: str
    excess: Fraction
    step: int | None
    quantities: list[str]

    @property
    def text(self) -> str:
        """The certificate in a line; its number is rounded down."""
        at = "" if self.step is None else f" at step {self.step}"
        return f"{self.difference} >= {_decimal(self.excess, ROUND_FLOOR)}{at}"


def rational(value: float) -> Fraction:
    """The rational that a float is, or the short one that rounds to it. ValueError or OverflowError if not finite."""
    exact = Fraction(value)
    short = exact.limit_denominator(SHORT)
    return short if float(short) == value else exact


def written(value: Any) -> str:
    """A number, or nested lists of numbers, as text: short rationals as fractions, which Python reads as the same
    floats."""
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, bool) or not math.isfinite(value):
        return str(value)
    fraction = rational(value)
    return str(fraction) if fraction.denominator <= SHORT and abs(fraction.numerator) < LONG else repr(value)


def certify(theorem: Theorem, p: Parameters, claim: Claim, x: Mapping[str, Any]) -> Certificate:
    """Decides the claim on one instance (NumPy arrays, batch axis 1) by ``theorem.exact``, where nothing is rounded.

    A float of the arrays counts as the rational that it is, or as one with a denominator of at most :data:`SHORT` that
    rounds to it. Raises :class:`NotCertified` if a hypothesis or the violation is not proved.
    """
    from flint import ctx

    if theorem.exact is None:
        raise NotCertified("the theorem has no exact arithmetic")
    if not claim.is_refuted_by_one:
        raise NotCertified("a claim of this kind is not decided by one instance")
    if (size := sum(a.size for a in x.values())) > LARGEST:
        raise NotCertified(f"an instance of {size:,} numbers is too large")
    with ctx.workprec(BITS):
        try:
            margins, found = theorem.exact(p, {name: _rationals(a[0].tolist()) for name, a in x.items()})
        except Exception as error:  # arrays read from a file may be of any shape
            raise NotCertified(str(error) or type(error).__name__) from error
        for name in claim.given:
            if name not in margins:
                raise NotCertified(f"the hypothesis {name!r} is not decided")
            if not margins[name] >= 0:
                raise NotCertified(f"the hypothesis {name!r} is not met exactly")
        numbers = {name: rational(v) for name, v in values_of(p, {}).items()}
        return _decided(theorem, claim, numbers, found)


def _rationals(value: Any) -> Any:
    return [_rationals(v) for v in value] if isinstance(value, list) else rational(value)


def _decided(
    theorem: Theorem, claim: Claim, numbers: Mapping[str, Fraction], quantities: Mapping[str, Any]
) -> Certificate:
    """The step with the largest proved excess."""
    found = {**numbers, **quantities}
    used = (claim.measured, *(n for n in claim.bound.names if n != claim.measured))
    if absent := [name for name in used if name not in found]:
        raise NotCertified(f"exact arithmetic does not give {', '.join(absent)}")
    lengths = {len(found[name]) for name in used if isinstance(found[name], list)}
    equal = claim.is_equality
    words = "|measured - bound|" if equal else "measured - bound" if claim.relation == "<=" else "bound - measured"
    best: tuple[Fraction, int] | None = None
    for step in range(min(lengths, default=1)):
        here = {name: as_ball(_at(found[name], step)) for name in used}
        difference = here[claim.measured] - claim.bound.ball(here)
        excess = abs(difference) if equal else difference if claim.relation == "<=" else -difference
        low = excess.lower()
        if low.is_finite() and low > 0 and (best is None or _fraction(low) > best[0]):
            best = _fraction(low), step
    if best is None:
        raise NotCertified("the excess over the bound is not proved to be positive")
    known = {name for c in theorem.claims for name in (c.measured, *c.bound.names)}
    shown = {name: _at(found[name], best[1]) for name in used}
    shown |= {name: value for name, value in quantities.items() if name not in known}
    lines = [f"{name} = {_shown(value)}" for name, value in shown.items()]
    return Certificate(words, best[0], best[1] + 1 if lengths else None, lines)


def _at(value: Any, step: int) -> Any:
    return value[step] if isinstance(value, list) else value


def _fraction(point: Any) -> Fraction:
    """The rational that a ball of radius 0 is."""
    mantissa, exponent = point.man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


def _decimal(value: Fraction, rounding: str, digits: int = 6) -> str:
    number = Context(prec=digits, rounding=rounding).divide(Decimal(value.numerator), Decimal(value.denominator))
    return f"{number.normalize():f}" if abs(number.adjusted()) <= digits else f"{number.normalize()}"


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"({', '.join(map(_shown, value))})"
    if isinstance(value, int | Fraction):
        return str(value)
    low, high = _fraction(value.lower()), _fraction(value.upper())
    if high - low <= Fraction(max(abs(low), abs(high)), 10**9):
        return value.str(10, radius=False)
    return f"between {_decimal(low, ROUND_FLOOR)} and {_decimal(high, ROUND_CEILING)}"
