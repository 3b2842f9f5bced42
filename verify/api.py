r"""Running a theorem from Python: ``verify.run("ipgd", m=200)``.

The same words as on the command line, the same errors, the same numbers; the result shows itself in a notebook.
"""

from __future__ import annotations

import math
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

from verify import grammar
from verify.core.arrays import BackendUnavailable, backend
from verify.core.theorem import Every, Parameters, Theorem
from verify.engine import campaign, catalogue
from verify.engine.ledger import Ledger
from verify.engine.result import ClaimResult, Result, Word
from verify.report import figures, pages, terminal, text

DURATIONS = ("budget", "effort", "limit")  # run options that are seconds where they are given as numbers
SWITCHES = ("mutate",)  # run options that are yes or no

_T = TypeVar("_T")


def run(theorem: str | os.PathLike[str] | Theorem, **given: Any) -> Run:
    """Runs one theorem at one point.

    ``theorem`` is a name of the catalogue, the path of your own ``.py`` file, or a record that you made. The keywords
    are the theorem's parameters and the run options of the command line (``seed``, ``instances``, ``budget`` in
    seconds or as ``"10m"``, ``batch``, ``backend``, ``dtype``, ``executor``, ``memory`` as ``"2G"`` and so on); None
    means the default. Nothing is kept unless ``out`` names a folder: there the ledger, the witnesses and the page go,
    as on the command line, and a run that was interrupted goes on.

    Raises :class:`verify.UsageError` with every mistake in ``given``, as the command line reports them,
    :class:`verify.engine.trial.TrialError` when a function of the theorem fails, and
    :class:`verify.engine.executors.ExecutorError` where the workers cannot be had.
    """
    found, p, options = _read(theorem, {key: value for key, value in given.items() if value is not None})
    kept = given.get("out") is not None
    with ExitStack() as stack:
        out = Path(options.out if kept else stack.enter_context(tempfile.TemporaryDirectory(prefix="verify-")))
        ledger = stack.enter_context(Ledger(out / "ledger.sqlite"))
        result = campaign.run(found, p, campaign.Settings.of(options), ledger, out)
        witnesses = {
            claim.name: Witness(claim.name, claim.witness, (out / found.name / claim.witness["file"]).read_bytes())
            for claim in result.claims
            if claim.witness is not None
        }
        page = pages.write_page(found, [result], out) if kept else None
        if kept:
            pages.write_index(out)
    return Run(found, result, witnesses, page)


@dataclass(frozen=True, repr=False)
class Witness:
    """An instance that violates ``claim``: ``record`` is what the recheck found (see
    :class:`verify.engine.result.ClaimResult`), ``file`` the bytes of the file that ``python -m verify replay`` takes.
    """

    claim: str
    record: Mapping[str, Any]
    file: bytes = field(repr=False)

    @property
    def measured(self) -> float:
        return self.record["measured"]

    @property
    def bound(self) -> float:
        return self.record["bound"]

    @property
    def arrays(self) -> dict[str, Any]:
        """The instance: NumPy arrays by name, without the batch axis."""
        import numpy as np

        with np.load(BytesIO(self.file), allow_pickle=False) as data:
            return {name[2:]: data[name][0] for name in data.files if name.startswith("x_")}

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the file; ``python -m verify replay PATH`` checks it anywhere."""
        target = Path(path)
        target.write_bytes(self.file)
        return target

    def __repr__(self) -> str:
        at = "" if self.record["step"] is None else f" at step {self.record['step']}"
        measured, bound = text.apart(self.measured, self.bound)
        lines = [f"{self.claim}: measured {measured}, bound {bound}{at}, ratio {text.ratio(self.record['ratio'])}"]
        lines += [f"  {name} = {text.value(value)}" for name, value in self.record["arrays"].items()]
        return "\n".join(lines)


@dataclass(frozen=True, repr=False)
class Run:
    """What a run found. ``result`` is the engine's whole record, ``witnesses`` the instances that violate a claim, by
    claim, and ``page`` the page that was written (None unless ``out`` was given)."""

    theorem: Theorem
    result: Result
    witnesses: Mapping[str, Witness]
    page: Path | None

    @property
    def verdict(self) -> str:
        """``as expected``, or ``not as expected``: of the whole run, what decides the exit code of the command."""
        return "as expected" if self.result.as_expected else "not as expected"

    @property
    def verdicts(self) -> dict[str, Word]:
        """The verdict on each claim in a word or two: ``no violation``, ``violated``, ``undecided``, ``vacuous``."""
        return {claim.name: claim.verdict.verdict for claim in self.result.claims}

    @property
    def claims(self) -> dict[str, ClaimResult]:
        """What was found for each claim: its verdict with counts and power, and what was expected."""
        return {claim.name: claim for claim in self.result.claims}

    @property
    def ratio(self) -> float:
        """The largest ratio measured/bound under a claim of the theorem itself for every instance: any smaller
        constant would have been refuted. NaN without such a claim."""
        own = [c.name for c in self.theorem.claims if c.origin == "source" and isinstance(c.kind, Every)]
        ratios = [c.verdict.ratio_max for c in self.result.claims if c.name in own]
        return max((r for r in ratios if not math.isnan(r)), default=math.nan)

    @property
    def table(self) -> str:
        """The table of the command line."""
        return terminal.table(self.result)

    def witness(self, claim: str) -> Witness | None:
        """The instance that violates ``claim``, None where it was not violated; KeyError when there is no such
        claim."""
        return self.witnesses.get(self.theorem.claim(claim).name)

    def plot(self) -> dict[str, Any]:
        """The figures of the page by name, as Matplotlib figures."""
        drawn = {}
        for figure in self.theorem.figures:
            data = self.result.evidence.figures.get(figure.name, {})
            if any(data.values()):
                drawn[figure.name] = figures.draw(figure, self.theorem, data)
        return drawn

    def __repr__(self) -> str:
        return "\n".join([self._title(), self.table, *self._advice(), self.verdict])

    def _title(self) -> str:
        point = " ".join(f"{name}={value}" for name, value in self.result.params.items())
        return f"{self.theorem.name} {point}".strip() + f": {self.theorem.title}"

    def _advice(self) -> list[str]:
        return [f"advice: {self.result.advice}"] if self.result.advice else []

    def _rows(self) -> list[tuple[str, str, str, str]]:
        """Mark, name, statement and finding of each claim."""
        return [
            (
                "✓" if found.as_expected else "✗",
                f"{claim.name} ({claim.origin})",
                f"{claim.measured} {claim.relation} {claim.bound.text}",
                found.verdict.summary,
            )
            for claim, found in zip(self.theorem.claims, self.result.claims, strict=True)
        ]

    def _repr_markdown_(self) -> str:
        lines = [f"**{_inline(text.plain(self._title()))}**: {self.verdict}", ""]
        lines += ["| | Claim | States | Seen |", "| --- | --- | --- | --- |"]
        for mark, name, statement, seen in self._rows():
            cells = (mark, _inline(text.plain(name)), f"`{statement}`", text.plain(seen))
            lines.append(f"| {' | '.join(map(text.cell, cells))} |")
        lines += [f"\n{_inline(text.plain(line))}" for line in self._advice()]
        return "\n".join(lines) + "\n"

    def _repr_html_(self) -> str:
        heads = "".join(f"<th>{head}</th>" for head in ("", "Claim", "States", "Seen"))
        rows = "".join(
            f"<tr><td>{mark}</td><td>{_inline(escape(name))}</td><td><code>{escape(statement)}</code></td>"
            f"<td>{escape(seen)}</td></tr>"
            for mark, name, statement, seen in self._rows()
        )
        below = [f"<p>{_inline(escape(line))}</p>" for line in self._advice()]
        captions = {figure.name: figure.caption for figure in self.theorem.figures}
        for name, fig in self.plot().items():
            below.append(f"<p>{_image(fig, name)}<br>{_inline(escape(captions[name]))}</p>")
        title = f"<p><b>{_inline(escape(self._title()))}</b>: {self.verdict}</p>"
        return f"{title}<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>{''.join(below)}"


def _inline(words: str) -> str:
    """Mathematics as notebooks read it: between plain dollars."""
    return re.sub(r"\$`([^`]*)`\$", r"$\1$", words)


def _image(fig: Any, name: str) -> str:
    """The figure inside an ``img`` tag, where the names in its SVG cannot meet those of another figure."""
    from base64 import b64encode

    with tempfile.TemporaryDirectory(prefix="verify-") as folder:
        path = Path(folder) / "figure.svg"
        figures.save(fig, path)
        return f'<img alt="{escape(name)}" src="data:image/svg+xml;base64,{b64encode(path.read_bytes()).decode()}">'


# ------------------------------------------------------------------------------------------------- what was given


def _read(
    theorem: str | os.PathLike[str] | Theorem, given: Mapping[str, Any]
) -> tuple[Theorem, Parameters, grammar.RunOptions]:
    """The theorem, the point and the run options; every mistake in one :class:`verify.UsageError`."""
    texts = {key: _text(key, value) for key, value in given.items()}
    mistakes: list[str] = []

    def attempt(work: Callable[..., _T], *args: Any) -> _T | None:
        try:
            return work(*args)
        except grammar.UsageError as error:
            mistakes.extend(error.mistakes)
        except (catalogue.CatalogueError, BackendUnavailable) as error:
            mistakes.append(str(error))
        return None

    if "format" in texts:
        mistakes.append("format is of the command line; a result has .table, .result.to_json() and shows itself")
    if isinstance(theorem, Theorem):
        found: Theorem | None = theorem
        if "out" in texts:
            # What a ledger holds counts again only for the same code, and that of a record may be nowhere on disk.
            mistakes.append(f"out={texts['out']}: needs the theorem by its name or the path of its file")
    else:
        found = attempt(catalogue.load, os.fspath(theorem))
    options = attempt(grammar.run_options, {"theorem": found.name if found else "unknown", **texts})
    if options and not options.executor.startswith("dask"):  # there the workers need it, and this process does not
        attempt(backend, options.backend, options.dtype)
    points = found and attempt(grammar.points, found.parameters, texts, found.name)
    if points and len(points) > 1:
        mistakes.append(f"a call runs one point, and {grammar.shown(' '.join(_sweeps(texts)))} asks for {len(points)}")
    if mistakes or not (found and points and options):
        raise grammar.UsageError(mistakes)
    return found, points[0], options


def _sweeps(texts: Mapping[str, str]) -> list[str]:
    own = {key: value for key, value in texts.items() if key not in grammar.RunOptions.model_fields}
    return [f"{key}={value}" for key, value in own.items() if "," in value or ".." in value]


def _text(key: str, value: Any) -> str:
    """The value as it is written on the command line."""
    if hasattr(value, "tolist"):  # a number or an array of NumPy
        value = value.tolist()
    if isinstance(value, list | tuple):
        return f"[{','.join(_text(key, entry) for entry in value)}]"
    if key in SWITCHES and isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value}s" if key in DURATIONS and isinstance(value, int | float) else str(value)
