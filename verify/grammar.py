r"""The command line's ``key=value`` grammar.

A token is split at its first ``=``. In a value, a comma outside brackets separates the values of a sweep, ``a..b`` is
the range of integers a, a+1, ..., b, and ``[..]`` is one value that is a list. Several sweeps give the product of their
values, the last key fastest. Keys of :class:`RunOptions` say how to run; all others are parameters of the theorem.

Every mistake of a command line is collected, so that one :class:`UsageError` names them all, each with what was given,
what is allowed and where the limit comes from. Text is never evaluated as code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import product
from math import prod
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

if TYPE_CHECKING:
    from verify.core.theorem import Parameters

POINTS_MAX = 10_000  # of a sweep: more points than this are a slip of the pen, not a run
DEPTH_MAX = 8  # of nested brackets

_RANGE = re.compile(r"([+-]?[0-9]{1,18})\.\.([+-]?[0-9]{1,18})")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_DURATION = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(s|m|h)")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_SIZE = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(M|G|T)B?")
_BYTES = {"M": 2**20, "G": 2**30, "T": 2**40}
_COUNT = r"(:[1-9][0-9]{0,3})?"
_EXECUTOR = re.compile(rf"auto|serial|processes{_COUNT}|joblib{_COUNT}|dask:local{_COUNT}|dask:.+:[0-9]+")


class UsageError(Exception):
    """The command line cannot be run; ``mistakes`` holds one line for each mistake."""

    exit_code = 2

    def __init__(self, mistakes: Iterable[str]):
        self.mistakes = list(dict.fromkeys(mistakes))
        super().__init__("\n".join(self.mistakes))


@dataclass(frozen=True)
class Says:
    """Names the allowed values of a field in words, where its type does not."""

    text: str


def _duration(text: object) -> object:
    if not isinstance(text, str):
        return text
    if (match := _DURATION.fullmatch(text)) is None:
        raise ValueError("not a number with a unit")
    return float(match[1]) * _SECONDS[match[2]]


def _size(text: object) -> object:
    if not isinstance(text, str):
        return text
    if (match := _SIZE.fullmatch(text)) is None:
        raise ValueError("not a number with a unit")
    return int(float(match[1]) * _BYTES[match[2]])


def _executor(text: str) -> str:
    if _EXECUTOR.fullmatch(text) is None:
        raise ValueError("no such executor")
    return text


def _names(text: object) -> object:
    return tuple(name.strip() for name in text.split(",")) if isinstance(text, str) else text


class RunOptions(BaseModel):
    """How to run, beside the theorem's own parameters. ``budget`` is in seconds, for the whole command."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    theorem: Annotated[
        tuple[Annotated[str, Field(min_length=1)], ...],
        BeforeValidator(_names),
        Says("a name, the path of a .py file, several of these with commas, or all"),
    ] = Field(description="what to check")
    seed: int = Field(0, ge=0, le=2**64 - 1, description="key of the random streams")
    instances: int | None = Field(None, ge=1, description="instances drawn for each point")
    budget: Annotated[float | None, BeforeValidator(_duration), Says("a duration above 0 such as 30s, 10m or 2h")] = (
        Field(None, gt=0, description="time to stop after, shared by all points of the command")
    )
    search: Literal["none", "worst"] = Field("none", description="worst-case search after the sampling")
    mutate: Literal["no", "yes"] = Field("no", description="decide what slips of the pen could make of each claim")
    effort: Annotated[float, BeforeValidator(_duration), Says("a duration above 0 such as 30s, 10m or 2h")] = Field(
        60.0, gt=0, description="time of the worst-case search, at each point"
    )
    batch: int | None = Field(None, ge=1, description="instances solved together")
    backend: Literal["auto", "numpy", "cupy", "strict"] = Field("auto", description="array library")
    dtype: Literal["float64", "float32"] = Field("float64", description="floating-point type of the kernels")
    executor: Annotated[
        str,
        AfterValidator(_executor),
        Says("auto, serial, processes:N, dask:local:N or dask:ADDRESS such as dask:tcp://host:8786"),
    ] = Field("auto", description="where the work is done")
    memory: Annotated[int | None, BeforeValidator(_size), Says("a size such as 500M or 2G")] = Field(
        None, ge=2**20, description="memory for the sampling, shared by the processes"
    )
    limit: Annotated[float | None, BeforeValidator(_duration), Says("a duration above 0 such as 30s, 10m or 2h")] = (
        Field(None, gt=0, description="time of one batch, after which its process is ended")
    )
    out: Annotated[str, Says("a path")] = Field(
        "reports", min_length=1, description="directory of pages, witnesses and ledger"
    )
    format: Literal["table", "json", "junit"] = Field("table", description="form of the output")

    @model_validator(mode="after")
    def _can_be_ended(self) -> RunOptions:
        if self.limit is not None and self.executor == "serial":
            raise ValueError("a limit ends the process of a batch; take executor=processes or dask")
        return self


def split(tokens: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """The keys and values of ``key=value`` tokens, and the mistakes: no ``=``, no key, a key given twice."""
    given: dict[str, str] = {}
    mistakes = []
    for token in tokens:
        key, equals, value = token.partition("=")
        if not equals:
            mistakes.append(f"{shown(token)}: allowed is key=value, such as seed=1")
        elif not key:
            mistakes.append(f"{shown(token)}: there is no key before the =")
        elif key in given:
            mistakes.append(f"{shown(token)}: {shown(key)} was given before; sweep with a comma: {shown(key)}=1,2")
        else:
            given[key] = value
    return given, mistakes


def run_options(given: Mapping[str, str]) -> RunOptions:
    """The run options among ``given``; :class:`UsageError` otherwise. Other keys are passed over."""
    own = {key: text for key, text in given.items() if key in RunOptions.model_fields}
    made, mistakes = _check(RunOptions, own, own, "run option")
    if made is None:
        raise UsageError(mistakes)
    return made


def clashes(model: type[BaseModel]) -> list[str]:
    """The parameters of a theorem that a run option hides."""
    return [name for name in model.model_fields if name in RunOptions.model_fields]


def points(model: type[Parameters], given: Mapping[str, str], theorem: str = "the theorem") -> list[Parameters]:
    """The points that ``given`` asks for, in the order of the product; run options among it are passed over.

    ``theorem`` is the name messages use. Raises :class:`UsageError` with every mistake found.
    """
    mistakes = [
        f"{theorem}: its parameter {name} has the name of a run option; rename it in the theorem's file"
        for name in clashes(model)
    ]
    cells: dict[str, list[str]] = {}
    for key, text in given.items():
        if key in RunOptions.model_fields:
            continue
        if key not in model.model_fields:
            mistakes.append(f"{shown(f'{key}={text}')}: {_unknown(key, model, theorem)}")
            continue
        try:
            cells[key] = _cells(text)
        except UsageError as error:
            mistakes += [f"{shown(f'{key}={text}')}: {why}" for why in error.mistakes]
    if (count := prod(map(len, cells.values()))) > POINTS_MAX:
        sweeps = " x ".join(f"{key} ({len(values):,})" for key, values in cells.items() if len(values) > 1)
        raise UsageError([*mistakes, f"the sweep {sweeps} has {count:,} points; allowed are {POINTS_MAX:,} at most"])

    found: dict[str, Parameters] = {}
    for combination in product(*cells.values()):
        texts = dict(zip(cells, combination, strict=True))
        try:
            values = {key: _value(text) for key, text in texts.items()}
        except UsageError as error:
            raise UsageError([*mistakes, *error.mistakes]) from None
        made, wrong = _check(model, values, texts, f"parameter of {theorem}")
        mistakes += wrong
        if made is not None:
            found.setdefault(made.model_dump_json(), made)
    if mistakes:
        raise UsageError(mistakes)
    return list(found.values())


def suggest(word: str, known: Iterable[str]) -> list[str]:
    """The known words that look most like ``word``, best first."""
    plain = {name.lower(): name for name in known}
    return [plain[name] for name in get_close_matches(word.lstrip("-").lower(), plain, n=3, cutoff=0.5)]


def allowed(field: FieldInfo) -> str:
    """The allowed values of a field in words: its type and its range."""
    return _allowed(field.annotation, field.metadata)


# ------------------------------------------------------------------------------------------------- text to values


def _cells(text: str) -> list[str]:
    """The values of a sweep: ``text`` cut at the commas outside brackets, ranges written out."""
    depth, start, cells = 0, 0, []
    for i, letter in enumerate(text):
        depth += (letter == "[") - (letter == "]")
        if depth < 0:
            break
        if depth > DEPTH_MAX:
            raise UsageError([f"brackets are nested more than {DEPTH_MAX} deep"])
        if letter == "," and depth == 0:
            cells.append(text[start:i])
            start = i + 1
    if depth != 0:
        raise UsageError(["its brackets do not match"])
    cells.append(text[start:])
    return [value for cell in cells for value in _range(cell)]


def _range(cell: str) -> list[str]:
    match = _RANGE.fullmatch(cell)
    if match is None:
        return [cell]
    first, last = int(match[1]), int(match[2])
    if first > last:
        raise UsageError([f"the range {cell} is empty; write {last}..{first}"])
    if last - first >= POINTS_MAX:
        raise UsageError([f"the range {cell} has {last - first + 1:,} values; allowed are {POINTS_MAX:,} at most"])
    return [str(i) for i in range(first, last + 1)]


def _value(text: str) -> Any:
    """The text itself, or the list that its brackets hold."""
    if not (text.startswith("[") and text.endswith("]")):
        return text
    inside = text[1:-1]
    try:
        return [_value(cell) for cell in _cells(inside)] if inside else []
    except UsageError as error:
        raise UsageError(f"{shown(text)}: {why}" for why in error.mistakes) from None


# ---------------------------------------------------------------------------------------------------- validation

_Model = TypeVar("_Model", bound=BaseModel)


def _check(
    model: type[_Model], values: Mapping[str, Any], texts: Mapping[str, str], role: str
) -> tuple[_Model | None, list[str]]:
    """The validated record, or None and the mistakes; ``texts`` is what the user wrote for the keys of ``values``."""
    wrong: dict[str, str] = {}
    whole = []  # mistakes of the record rather than of one field
    typed = {}
    for key, value in values.items():
        field = model.model_fields[key]
        # pydantic reads `1_000`, ` 7 ` and, for an integer, `7.0`: the grammar takes plain numbers only.
        if (kind := _numeric(field)) and not all(kind.fullmatch(leaf) for leaf in _leaves(value)):
            wrong[key] = _mistake(model, key, texts[key], role)
        typed[key] = _literal(field.annotation, value)
    made = None
    try:
        made = model.model_validate(typed)
    except ValidationError as error:
        for e in error.errors(include_url=False, include_input=False):
            why = str(e["ctx"]["error"]) if e["type"] in ("value_error", "assertion_error") else ""
            key = str(e["loc"][0]) if e["loc"] else ""
            if not key:
                point = " ".join(f"{k}={t}" for k, t in texts.items()) or "the defaults"
                whole.append(f"{shown(point)}: {why or e['msg']} ({role})")
            elif e["type"] == "missing":
                wrong[key] = f"{key} is missing: {_rule(model, key, role)}"
            elif key not in texts:
                wrong.setdefault(key, f"{key}: its default is not allowed: {why or _rule(model, key, role)}")
            else:
                wrong.setdefault(key, _mistake(model, key, texts[key], role, why))
    if wrong or whole:
        # In the order the user wrote them; what is missing comes last.
        return None, [wrong.pop(key) for key in texts if key in wrong] + [*wrong.values(), *whole]
    return made, []


def _mistake(model: type[BaseModel], key: str, text: str, role: str, why: str = "") -> str:
    line = f"{shown(f'{key}={text}')}: " + (f"{why}; " if why else "") + _rule(model, key, role)
    return line + _hint(model, key, text)


def _rule(model: type[BaseModel], key: str, role: str) -> str:
    """What is allowed, and where that comes from."""
    field = model.model_fields[key]
    origin = f"{role}: {field.description}" if field.description else role
    return f"allowed is {allowed(field)} ({origin})"


def _hint(model: type[BaseModel], key: str, text: str) -> str:
    if _numeric(model.model_fields[key]) is _INTEGER and _NUMBER.fullmatch(text) and not _INTEGER.fullmatch(text):
        number = float(text)
        if abs(number) < 1e15 and number == int(number):
            return f"; write {key}={int(number)}"
    if model is RunOptions and key != "theorem" and ("," in text or _RANGE.fullmatch(text)):
        return "; run options take one value, only parameters are swept"
    return ""


def _unknown(key: str, model: type[BaseModel], theorem: str) -> str:
    known = [*model.model_fields, *RunOptions.model_fields]
    near = suggest(key, known)
    tail = f"did you mean {' or '.join(near)}? " if near else ""
    own, run = ", ".join(model.model_fields) or "none", ", ".join(RunOptions.model_fields)
    return f"{theorem} has no parameter {shown(key)}; {tail}(parameters: {own}; run options: {run})"


def shown(text: str) -> str:
    """``text`` as it was written, short and printable."""
    plain = text.encode("unicode_escape").decode() if not text.isprintable() else text
    return plain if len(plain) <= 80 else plain[:77] + "..."


# ------------------------------------------------------------------------------------------------ types in words


def _members(annotation: Any) -> list[Any]:
    """The types of a union but None, which no text stands for; the type itself otherwise."""
    if get_origin(annotation) in (Union, UnionType):
        return [a for a in get_args(annotation) if a is not NoneType]
    return [annotation]


def _numeric(field: FieldInfo) -> re.Pattern[str] | None:
    """How the numbers of a field that holds nothing else are written; None for other fields."""
    if any(isinstance(m, Says) for m in field.metadata):
        return None
    kinds = _leaf_types(field.annotation)
    if kinds == {int}:
        return _INTEGER
    return _NUMBER if kinds and kinds <= {int, float} else None


def _leaf_types(annotation: Any) -> set[Any]:
    if annotation is Ellipsis:
        return set()
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _leaf_types(args[0])
    if origin in (Union, UnionType, list, tuple):
        return set().union(*(_leaf_types(a) for a in args if a is not NoneType))
    return {annotation}


def _leaves(value: Any) -> list[str]:
    return [leaf for v in value for leaf in _leaves(v)] if isinstance(value, list) else [value]


def _literal(annotation: Any, value: Any) -> Any:
    """The member of a Literal that ``value`` writes, since pydantic takes no text for a number there."""
    for member in _members(annotation):
        if get_origin(member) is Literal:
            return next((a for a in get_args(member) if str(a) == value), value)
    return value


_BOUNDS = (("ge", ">= {}"), ("gt", "> {}"), ("le", "<= {}"), ("lt", "< {}"), ("multiple_of", "a multiple of {}"))
_SIZES = (("min_length", "at least {}"), ("max_length", "at most {}"))


def _allowed(annotation: Any, metadata: Iterable[Any]) -> str:
    metadata = [m for part in metadata for m in (part.metadata if isinstance(part, FieldInfo) else [part])]
    for part in metadata:
        if isinstance(part, Says):
            return part.text

    def limits(table: tuple[tuple[str, str], ...]) -> list[str]:
        found = ((wording, getattr(m, name, None)) for name, wording in table for m in metadata)
        return [wording.format(limit) for wording, limit in found if limit is not None]

    words = " or ".join(map(_type, _members(annotation)))
    if ranges := limits(_BOUNDS):
        words += " " + " and ".join(ranges)
    if sizes := limits(_SIZES):
        words += f", {' and '.join(sizes)} {'characters' if annotation is str else 'entries'} long"
    if patterns := [p for m in metadata if (p := getattr(m, "pattern", None))]:
        words += f" of the form {patterns[0]}"
    return words


def _type(annotation: Any) -> str:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _allowed(args[0], args[1:])
    if origin is Literal:
        return " or ".join(map(str, args)) if len(args) < 3 else "one of " + ", ".join(map(str, args))
    if origin is list or (origin is tuple and Ellipsis in args):
        return f"a list [..], each {_type(args[0])}"
    if origin is tuple:
        return f"a list of {len(args)}: [{', '.join(map(_type, args))}]"
    words = {int: "an integer", float: "a finite number", str: "a text", bool: "true or false"}
    return words.get(annotation) or str(getattr(annotation, "__name__", annotation))
