"""What a run prints: a table for people, JUnit XML for a build server."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from typing import Any

from verify.engine.result import ClaimResult, Result
from verify.report.text import number, ratio, value

HEADINGS = ("", "claim", "origin", "verdict", "decided", "violated", "undecided", "ratio", "could have noticed")
NUMBERS = range(4, 8)  # the columns that are set flush right


def table(result: Result) -> str:
    """One line for each claim: ✓ where the verdict is the expected one, ✗ where it is not; below, what was found for
    the user's data."""
    rows = [HEADINGS, *(_row(c) for c in result.claims)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = []
    for row in rows:
        cells = [
            text.rjust(w) if n in NUMBERS else text.ljust(w)
            for n, (text, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    if result.answer:
        widest = max(map(len, result.answer))
        lines += ["", "your data"]
        lines += [f"   {name.ljust(widest)}  {value(found)}" for name, found in result.answer.items()]
    if result.search:
        widest = max(len(s["claim"]) for s in result.search)
        lines += ["", "worst-case search: the ratio it started at and reached"]
        for s in result.search:
            climbed = f"{ratio(s['sampled'])} -> {ratio(s['ratio'])}"
            lines.append(f"   {s['claim'].ljust(widest)}  {climbed} from {s['family']}{_at(s['point'])}")
    return "\n".join(lines)


def _at(point: Mapping[str, Any]) -> str:
    """Where the point of a search differs from that of the run."""
    return " at " + " ".join(f"{name}={value(v)}" for name, v in point.items()) if point else ""


def _row(claim: ClaimResult) -> tuple[str, ...]:
    v = claim.verdict
    return (
        "✓" if claim.as_expected else "✗",
        claim.name,
        claim.origin,
        v.verdict,
        number(v.decided),
        number(v.violated),
        number(v.undecided),
        ratio(v.ratio_max),
        "" if v.verdict == "violated" else ", ".join(f"{name} {ratio(value)}" for name, value in v.power.items()),
    )


def junit(results: Sequence[Result]) -> str:
    """JUnit XML: a suite for each result, a case for each claim, a failure where the verdict is not the expected one.

    The claims of a run share its instances, so a case's ``time`` is its equal share of the run's. An interrupted run
    has one more case, which fails.
    """
    root = ElementTree.Element("testsuites")
    for result in results:
        point = " ".join(f"{name}={value}" for name, value in result.params.items())
        cases = [(c.name, "" if c.as_expected else _complaint(c)) for c in result.claims]
        if not result.finished:
            cases.append(("run to the end", "the run was interrupted"))
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=f"{result.theorem} {point}".strip(),
            tests=str(len(cases)),
            failures=str(sum(1 for _, complaint in cases if complaint)),
            errors="0",
            time=f"{result.seconds:.3f}",
        )
        for name, complaint in cases:
            share = f"{result.seconds / len(cases):.3f}"
            case = ElementTree.SubElement(suite, "testcase", classname=result.theorem, name=name, time=share)
            if complaint:
                ElementTree.SubElement(case, "failure", message=complaint)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _complaint(claim: ClaimResult) -> str:
    wanted = "no violation" if claim.expects == "holds" else "a violation"
    return f"expected {wanted}, found {claim.verdict.verdict}: {claim.verdict.summary}"
