"""The pages: one for each theorem, and an index of them, as Markdown that GitHub renders.

They are made from results alone, so they can be remade without a run, and equal results give equal bytes: wall times
stand in ``result.json`` only.
"""

from __future__ import annotations

import json
import math
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from verify.core.theorem import Claim, Comparison, Existence, Identity, Mean, Probability, Rate, Theorem
from verify.engine import mutate
from verify.engine.catalogue import where
from verify.engine.evidence import Evidence, Tally
from verify.engine.result import Result
from verify.report import figures, text
from verify.report.text import cell, plain

RELATIONS = {"<=": r"\le", ">=": r"\ge", "==": "="}
BREAKS = {"<=": "exceeds", ">=": "falls below", "==": "differs from"}
WORDINGS = {
    "false": "false wording",
    "misprint": "misprint",
    "incomplete": "incomplete wording",
    "loose": "loose wording",
    None: "wording",
}
PRINTED = 10  # the longest axis of an array of a witness that is printed
RULES = {
    "every instance": "one decided instance on the wrong side of the bound, at any step, refutes the claim.",
    "probability": "a confidence sequence for the rate of failures, valid at whatever time the run stops, against "
    "$`\\delta`$.",
    "mean": "a confidence sequence for the mean of measured - bound, against 0; without a stated range of the "
    "difference it cannot know of events too rare to be seen, and says of which.",
    "rate": "the exponent fitted over the ladder of families, with its confidence interval.",
    "identity": "both sides must overlap within enclosures that are sharp enough to decide; the ratio is the relative "
    "defect.",
    "count": "integers in exact arithmetic, with no tolerance.",
    "witness": "one decided instance with the property confirms the claim.",
    "comparison": "the sign of measured - bound, paired draw by draw, must be negative on more than half of the draws.",
}


def write_page(theorem: Theorem, results: Sequence[Result], out: Path) -> Path:
    """Writes ``out/<theorem>/``: the page README.md, its figures, and result.json (a list when there are several
    points). Returns the path of the page. Raises ValueError without results."""
    if not results:
        raise ValueError(f"{theorem.name}: a page needs a result")
    folder = out / theorem.name
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "README.md"
    _write(page, _render("theorem.md.j2", _theorem_page(theorem, results, folder)))
    records = [{"title": theorem.title, **r.to_json(), "machine": r.machine} for r in results]
    for claim in (c for record in records for c in record["claims"]):
        claim["grade"] = theorem.claim(claim["name"]).grade
    _write(folder / "result.json", _json(records if len(records) > 1 else records[0]))
    return page


def write_index(out: Path) -> Path:
    """Writes ``out/README.md``, the list of the pages there are, from the result.json beside each. Returns its path.

    Raises ValueError for a result.json that is not one of ours.
    """
    rows = []
    for path in sorted(out.glob("*/result.json")):
        if not path.with_name("README.md").exists():
            continue
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            rows.append(_index_row(path.parent.name, data if isinstance(data, list) else [data]))
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise ValueError(f"{path} is not the result of a run: {error!r}") from error
    index = out / "README.md"
    out.mkdir(parents=True, exist_ok=True)
    _write(index, _render("index.md.j2", {"rows": rows}))
    return index


# ------------------------------------------------------------------------------------------ one theorem


def _theorem_page(theorem: Theorem, results: Sequence[Result], folder: Path) -> dict[str, Any]:
    """Everything the template lays out, as strings."""
    latex = {name: symbol for name, (symbol, _) in theorem.symbols.items()}
    settings = [{**r.params, "seed": r.seed, "backend": r.backend, "dtype": r.dtype} for r in results]
    varying = [name for name in settings[0] if len({repr(s.get(name)) for s in settings}) > 1]
    labels = [", ".join(f"{name} = {text.value(s[name])}" for name in varying) for s in settings]
    numbers = {claim.name: f"C{n}" for n, claim in enumerate(theorem.claims, 1)}
    return {
        "title": plain(theorem.title),
        "headline": _headline(results, labels, numbers),
        "answers": _answers(results, labels),
        "statement": theorem.docstring,
        "sources": [_source(s) for s in theorem.sources],
        "symbols": [(symbol, meaning) for symbol, meaning in theorem.symbols.values()],
        "hypotheses": _hypotheses(theorem, numbers),
        "parameters": _parameters(theorem, settings),
        "families": [(f, aim, sum(r.instances.get(f, 0) for r in results)) for f, aim in theorem.families.items()],
        "points": [
            {
                "label": label,
                "result": result,
                "verdicts": [(numbers[c.name], c) for c in result.claims],
                "evidence": _evidence(theorem, result.evidence, numbers),
            }
            for label, result in zip(labels, results, strict=True)
        ],
        "varying": varying,
        "settings": [[text.value(s[name]) for name in varying] for s in settings],
        "claims": [
            _claim(theorem, claim, numbers[claim.name], results, labels, latex, folder) for claim in theorem.claims
        ],
        "figures": _draw(theorem, results, folder),
        "mutants": _mutants(results, numbers),
        "searches": [(numbers[s["claim"]], s, _point(s["point"])) for r in results for s in r.search],
        "search_commands": list(dict.fromkeys(s["command"] for r in results for s in r.search if s["point"])),
        "search_figure": _draw_search(results, folder),
        "rules": [(label, RULES[label]) for label in dict.fromkeys(c.kind.label for c in theorem.claims)],
        "independent": theorem.reference is not None,
        "not_tested": theorem.not_tested,
        "machine": _machine(results),
        "commands": list(dict.fromkeys(r.command for r in results)),
    }


def _headline(results: Sequence[Result], labels: Sequence[str], numbers: Mapping[str, str]) -> dict[str, Any]:
    """The verdict of the run in a line, and what was not as expected."""
    groups: dict[str, dict[str, bool]] = {"holds": {}, "refuted": {}, "control": {}}
    problems = []
    for result, label in zip(results, labels, strict=True):
        at = f" at {label}" if label else ""
        if not result.finished:
            problems.append(f"the run{at} was interrupted; what it had finished is below")
        for family, start, stop, why in result.evidence.failed[:PRINTED]:
            problems.append(f"undecided{at}: {plain(family)} {start}..{stop - 1}: {plain(why)}")
        if (more := len(result.evidence.failed) - PRINTED) > 0:
            problems.append(f"undecided{at}: and {more:,} more")
        for c in result.claims:
            group = "holds" if c.expects == "holds" else "control" if c.origin == "control" else "refuted"
            groups[group][c.name] = groups[group].get(c.name, True) and c.as_expected
            if not c.as_expected:
                expected = "no violation" if c.expects == "holds" else "a violation"
                problems.append(
                    f"{numbers[c.name]} ({plain(c.name)}){at}: {c.verdict.verdict}, where {expected} was expected"
                )
        if result.advice:
            problems.append(f"what would be admitted{at}: {plain(result.advice)}")
    words = {
        "holds": "statements without a violation",
        "refuted": "wordings refuted",
        "control": "controls caught",
    }
    counts = [f"{sum(seen.values())} of {len(seen)} {words[g]}" for g, seen in groups.items() if seen]
    return {
        "as_expected": all(r.as_expected for r in results),
        "counts": counts,
        "instances": sum(sum(r.instances.values()) for r in results),
        "points": len(results),
        "problems": problems,
    }


def _answers(results: Sequence[Result], labels: Sequence[str]) -> list[tuple[str, Sequence[tuple[str, str]]]]:
    """What was found for the user's data: the points, empty where it is the same at all, and name and value."""
    seen: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for result, label in zip(results, labels, strict=True):
        seen.setdefault(tuple((name, text.value(found)) for name, found in result.answer.items()), []).append(label)
    return [("; ".join(at) if len(seen) > 1 else "", rows) for rows, at in seen.items() if rows]


def _claim(
    theorem: Theorem,
    claim: Claim,
    number: str,
    results: Sequence[Result],
    labels: Sequence[str],
    latex: Mapping[str, str],
    folder: Path,
) -> dict[str, Any]:
    """One claim: its statement, how it fared over all points, and the first witness against it."""
    seen = [(c, label) for r, label in zip(results, labels, strict=True) for c in r.claims if c.name == claim.name]
    verdicts = Counter(c.verdict.verdict for c, _ in seen)
    witness = next(((c.witness, label) for c, label in seen if c.witness), None)
    ratios = [c.verdict.ratio_max for c, _ in seen if not math.isnan(c.verdict.ratio_max)]
    return {
        "number": number,
        "claim": claim,
        "results": [c for c, _ in seen],
        "as_expected": all(c.as_expected for c, _ in seen),
        "verdict": ", ".join(word if len(seen) == 1 else f"{word} ({n})" for word, n in verdicts.items()),
        "decided": sum(c.verdict.decided for c, _ in seen),
        "undecided": sum(c.verdict.undecided for c, _ in seen),
        "set_aside": sum(sum(c.verdict.set_aside.values()) for c, _ in seen),
        "ratio": max(ratios, default=math.nan),
        "noticed": seen[0][0].verdict.summary
        if len(seen) == 1
        else f"as expected at {sum(c.as_expected for c, _ in seen)} of {len(seen)} points",
        "statement": _statement(claim, latex),
        "where": _source(claim.source) if claim.source else "",
        "witness": _witness(theorem, claim, *witness, latex, folder) if witness else None,
    }


def _statement(claim: Claim, latex: Mapping[str, str]) -> str:
    """The assertion in LaTeX."""
    measured = latex.get(claim.measured) or text.latex_name(claim.measured)
    bound = claim.bound.latex(latex)
    relation = RELATIONS[claim.relation]
    match claim.kind:
        case Probability(delta=delta):
            inside = rf"{measured} {relation} {bound}"
            return rf"\mathbb{{P}}\left\{{ {inside} \right\}} \ge 1 - {text.latex_number(text.entry(delta))}"
        case Mean():
            return rf"\mathbb{{E}}\left[{measured}\right] {relation} \mathbb{{E}}\left[{bound}\right]"
        case Rate(exponent=exponent, within=within):
            room = rf" \pm {text.latex_number(text.entry(within))}" if within else ""
            slope = (
                rf"\frac{{\mathrm{{d}}\log \mathbb{{E}}\left[{measured}\right]}}"
                rf"{{\mathrm{{d}}\log \mathbb{{E}}\left[{bound}\right]}}"
            )
            return rf"{slope} {relation} {text.latex_number(text.entry(exponent))}{room}"
        case Identity():
            return rf"{measured} = {bound}"
        case Existence():
            return rf"\exists:\quad {measured} {relation} {bound}"
        case Comparison():
            return rf"\mathbb{{P}}\left\{{ {measured} < {bound} \right\}} > \tfrac{{1}}{{2}}"
        case _:
            return rf"{measured} {relation} {bound}"


def _witness(
    theorem: Theorem, claim: Claim, witness: Mapping[str, Any], label: str, latex: Mapping[str, str], folder: Path
) -> dict[str, Any]:
    """A witness in numbers that a reader can check by hand."""

    def name(key: str) -> str:
        return latex.get(key) or text.latex_name(key)

    measured, bound = text.apart(witness["measured"], witness["bound"])
    short = {key: value for key, value in witness["arrays"].items() if _longest(value) <= PRINTED}
    used = {k: v for k, v in witness["quantities"].items() if k != claim.measured}
    own = [f"theorem={shlex.quote(where(theorem))}"] if where(theorem) != theorem.name else []
    return {
        **witness,
        "label": ", ".join(filter(None, (label, _point(witness.get("point", {}))))),
        "shrunk": witness.get("shrunk", False),
        "certified": witness.get("certified", ""),
        "breaks": BREAKS[claim.relation],
        "measured": f"{name(claim.measured)} = {text.latex_number(measured)}",
        "bound": text.latex_number(bound),
        "arrays": [f"{name(key)} &= {text.latex_array(value)}" for key, value in short.items()],
        "quantities": [f"{name(key)} = {text.latex_number(text.entry(value))}" for key, value in used.items()],
        "replay": " ".join(["python -m verify replay", shlex.quote(_from_here(folder / witness["file"])), *own]),
    }


def _point(point: Mapping[str, Any]) -> str:
    """The parameters in words."""
    return ", ".join(f"{name} = {text.value(value)}" for name, value in point.items())


def _longest(value: Any) -> int:
    """The length of the longest axis of nested lists."""
    return max([len(value), *map(_longest, value)]) if isinstance(value, list) else 1


def _from_here(path: Path) -> str:
    """The path as it is typed in the working directory."""
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.as_posix()


def _source(source: Any) -> str:
    r = source.reference
    parts = [plain(r.authors), f"*{plain(r.title)}*", plain(r.where), str(r.year)]
    entry = f"{', '.join(filter(None, parts))}: {plain(source.locator)}"
    return entry + (f" ({plain(source.note)})" if source.note else "")


def _hypotheses(theorem: Theorem, numbers: Mapping[str, str]) -> list[tuple[str, str]]:
    """Each hypothesis with the claims that need it."""
    needed: dict[str, list[str]] = {}
    for claim in theorem.claims:
        for name in claim.given:
            needed.setdefault(name, []).append(numbers[claim.name])
    return [(name, ", ".join(claims)) for name, claims in needed.items()]


def _parameters(theorem: Theorem, settings: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """Name, values over the points, meaning; then seed, backend and dtype."""
    fields = theorem.parameters.model_fields
    meanings = {"seed": "of the random streams", "backend": "array library", "dtype": "of the batches"}
    rows = []
    for name in settings[0]:
        values = ", ".join(dict.fromkeys(text.value(s[name]) for s in settings))
        meaning = meanings.get(name, "") if name not in fields else fields[name].description or ""
        rows.append((name, values, meaning))
    return rows


def _evidence(theorem: Theorem, evidence: Evidence, numbers: Mapping[str, str]) -> list[tuple[str, str, Tally, str]]:
    """Claim, family, tally and the median of its ratios."""
    return [
        (numbers[claim.name], family, tally, _median(tally.sketch))
        for claim in theorem.claims
        for family in theorem.families
        if (tally := evidence.tallies.get(claim.name, {}).get(family))
    ]


def _median(sketch: Mapping[int, int]) -> str:
    """The middle of the bin that holds the median ratio, two digits: a bin is 19% wide."""
    half, total = sum(sketch.values()) / 2, 0
    for key in sorted(sketch):
        total += sketch[key]
        if total >= half > 0:
            return "about " + text.number(2 ** ((key - 47.5) / 4), 2) if key else "0 or tiny"
    return text.number(None)


def _draw(theorem: Theorem, results: Sequence[Result], folder: Path) -> list[dict[str, str]]:
    """Draws the figures from the pooled points; a figure without data is listed without a file."""
    pooled = Evidence()
    for result in results:
        pooled.merge(result.evidence)
    drawn = []
    for figure in theorem.figures:
        path = folder / f"{'-'.join(figure.name.split())}.svg"
        data = pooled.figures.get(figure.name, {})
        if any(data.values()):
            figures.save(figures.draw(figure, theorem, data), path)
        drawn.append(
            {
                "name": figure.name,
                "caption": figure.caption,
                "file": path.name if any(data.values()) else "",
                "over": f" {'The tightest of' if figure.kind == 'curves' else 'Over'} all points.",
            }
        )
    return drawn


def _mutants(results: Sequence[Result], numbers: Mapping[str, str]) -> dict[str, Any] | None:
    """The score, the counts by outcome and the mutants that were not refuted, of the first point that has any."""
    mutants = next((r.mutants for r in results if r.mutants), None)
    if mutants is None:
        return None
    counts = Counter(m["outcome"] for m in mutants)
    left = [(numbers[m["claim"]], m) for m in mutants if m["outcome"] in ("survives", "open", "untested")]
    return {"score": mutate.score(mutants), "counts": counts, "total": len(mutants), "left": left}


def _draw_search(results: Sequence[Result], folder: Path) -> str:
    """Draws how the searches climbed; the name of the file, empty without any that has a ratio to show."""
    climbs = {s["claim"]: s["trace"] for r in results for s in r.search if len(s["trace"]) > 1}
    if not climbs:
        return ""
    figures.save(figures.draw_search(climbs), folder / "search.svg")
    return "search.svg"


def _machine(results: Sequence[Result]) -> list[tuple[str, str]]:
    facts: dict[str, dict[str, None]] = {}
    for result in results:
        for name, value in result.machine.items():
            facts.setdefault(name, {})[value] = None
    return [(name, "; ".join(values)) for name, values in facts.items()]


# ------------------------------------------------------------------------------------------ the index


def _index_row(name: str, records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the index says of one theorem, over all its points."""
    claims = [c for record in records for c in record["claims"]]
    # Of a probability some instances may exceed the bound, and of an identity the ratio is a defect.
    mine = [c for c in claims if c["origin"] == "source" and c["kind"] == "every instance"]
    ratios = [c["ratio_max"] for c in mine if c["ratio_max"] is not None]
    points = [f"at {_count(len(records), 'point')}"] if len(records) > 1 else []
    return {
        "name": name,
        "title": records[0]["title"],
        "as_expected": all(record["as_expected"] for record in records),
        "instances": sum(sum(record["instances"].values()) for record in records),
        "found": [*_statements(claims), *_refuted(claims), *points],
        "ratio": max(ratios, default=math.nan),
    }


def _statements(claims: Sequence[Mapping[str, Any]]) -> list[str]:
    """In words: how the claims that should hold fared, each by its worst verdict over the points."""
    words = ("violated", "vacuous", "undecided", "no violation")
    worst: dict[str, str] = {}
    for c in claims:
        if c["expects"] == "holds":
            worst[c["name"]] = min(c["verdict"], worst.get(c["name"], words[-1]), key=words.index)
    found = []
    for word in words:
        names = [name for name, verdict in worst.items() if verdict == word]
        statements = _count(len(names), "statement")
        if names and word == words[-1]:
            cases = sum(c["decided"] for c in claims if c["name"] in names)
            found.append(f"{statements} without a violation in {_count(cases, 'case')}")
        elif names:
            found.append(f"**{statements} {word}**")
    return found


def _refuted(claims: Sequence[Mapping[str, Any]]) -> list[str]:
    """In words: how many of the claims that should be refuted were, at some point, by their grade."""
    groups: dict[str, dict[str, bool]] = {}
    for c in claims:
        if c["expects"] == "refuted":
            kind = "control" if c["origin"] == "control" else WORDINGS[c["grade"]]
            group = groups.setdefault(kind, {})
            group[c["name"]] = group.get(c["name"], False) or c["verdict"] == "violated"
    found = []
    for kind in (*WORDINGS.values(), "control"):
        if kind in groups:
            caught, of = sum(groups[kind].values()), len(groups[kind])
            some = "" if caught == of else f"{caught} of "
            found.append(f"{some}{_count(of, kind)} {'caught' if kind == 'control' else 'refuted'}")
    return found


def _count(n: int, noun: str) -> str:
    return f"{text.number(n)} {noun}{'' if n == 1 else 's'}"


# ------------------------------------------------------------------------------------------ the files


def _render(template: str, context: Mapping[str, Any]) -> str:
    """The template filled in. User text reaches it as values only, never as a template."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=StrictUndefined,
        autoescape=False,  # the output is Markdown
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        number=text.number, ratio=text.ratio, plain=plain, cell=cell, text=lambda t: cell(plain(t)), aside=_aside
    )
    return text.github(environment.get_template(template).render(context))


def _aside(counts: Mapping[str, int]) -> str:
    """Set aside, by hypothesis, for a cell."""
    return ", ".join(f"{text.number(n)} ({plain(name)})" for name, n in counts.items()) or "0"


def _json(value: Any) -> str:
    return json.dumps(_finite(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: both become null."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _write(path: Path, content: str) -> None:
    path.write_text(content, encoding="utf-8", newline="\n")
