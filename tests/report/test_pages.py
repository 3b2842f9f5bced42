import dataclasses
import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from verify.report import write_index, write_page

from . import fake

PLAIN = dataclasses.replace(fake.THEOREM, figures=())
FORBIDDEN = (r"\operatorname", r"\mbox", r"\phantom")


@pytest.fixture
def out(tmp_path, monkeypatch):
    """``reports`` in an empty working directory, as the replay commands of a page name it."""
    monkeypatch.chdir(tmp_path)
    return Path("reports")


def files(out):
    return {p.as_posix(): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}


def sweep():
    return [fake.result(points=3, k=k) for k in (3, 5)]


def vacuous():
    """The source claim had nothing to decide, and a claim that should hold was violated."""
    result = fake.result(points=3)
    nothing = dataclasses.replace(
        result.claims[0].verdict, verdict="vacuous", decided=0, ratio_max=float("nan"), power={}, summary="nothing"
    )
    result.claims[0] = dataclasses.replace(result.claims[0], verdict=nothing)
    result.claims[1] = dataclasses.replace(
        result.claims[1],
        verdict=dataclasses.replace(result.claims[1].verdict, verdict="violated"),
        witness=result.claims[2].witness,
    )
    result.advice = "k <= 2 is admitted"
    result.evidence.figures = {}
    return result


RUNS = {"point": lambda: [fake.result(points=3)], "sweep": sweep, "unexpected": lambda: [vacuous()]}


@pytest.mark.parametrize("run", RUNS)
def test_page_is_as_kept_and_github_can_render_it(run, out, snapshot):
    written = write_page(fake.THEOREM, RUNS[run](), out).read_text(encoding="utf-8")
    assert written == snapshot
    assert not [macro for macro in FORBIDDEN if macro in written]
    for link in re.findall(r"\]\(([^)]+\.svg)\)", written):
        assert (out / "fake" / link).exists()
    # Every table has as many cells in each row as in its head.
    lines = written.splitlines()
    for head, rule in pairwise(lines):
        if re.fullmatch(r"\|( -+:? \|)+", rule):
            columns = rule.count("|")
            rows = lines[lines.index(head) :]
            for row in rows[: next(n for n, r in enumerate([*rows, ""]) if not r.startswith("|"))]:
                assert row.replace(r"\|", "").count("|") == columns, row
    # Blocks are set apart by one blank line.
    assert "\n\n\n" not in written
    assert all(lines[n - 1] == "" for n, line in enumerate(lines) if n and line.startswith("#"))


def test_writing_again_changes_no_byte(out):
    for _ in range(2):
        write_page(fake.THEOREM, sweep(), out)
        write_index(out)
        before = locals().get("before") or files(out)
    assert files(out) == before


def test_wall_time_stays_out_of_the_page(out):
    first = fake.result(points=3)
    page = write_page(PLAIN, [first], out)
    before = page.read_bytes()
    first.seconds = 99.0
    first.evidence.seconds = 98.0
    assert write_page(PLAIN, [first], out).read_bytes() == before


def test_a_refuted_wording_is_told_in_full(out):
    written = write_page(PLAIN, [fake.result(points=3)], out).read_text(encoding="utf-8")
    section = written[written.index("### C3.") : written.index("### C4.")]
    for part in (
        "**Grade:** incomplete",
        "slide 7",
        r"any E, and the bound rho\*\*t |h_0|",
        "the noise enters the iteration and not the bound",
        "**The reading that holds:** E = 0",
        r"$`\|h_t\| = 0.447214`$ exceeds the bound $`0.348678`$ at step 10",
        r"\begin{bmatrix} 1 & 0.5 \\ 0.333333 & -2 \cdot 10^{-7} \end{bmatrix}",
        "independent reference",
        "python -m verify replay reports/fake/witness-doe2019.npz",
    ):
        assert part in section


def test_what_was_not_expected_stands_first(out):
    written = write_page(PLAIN, [vacuous()], out).read_text(encoding="utf-8")
    head = written[: written.index("## Statement")]
    assert "**Not as expected.** 0 of 2 statements without a violation" in head
    assert "C1 (contraction): vacuous, where no violation was expected" in head
    assert "C2 (often): violated, where no violation was expected" in head
    assert "k <= 2 is admitted" in head


def test_an_interrupted_run_is_not_as_expected(out):
    result = fake.result(points=3)
    result.finished = False
    head = write_page(PLAIN, [result], out).read_text(encoding="utf-8")[:400]
    assert "**Not as expected.**" in head
    assert "interrupted" in head


def test_what_could_not_be_computed_is_named(out):
    result = fake.result(points=3)
    why = "not finished within 2 s, at fake.py:7 in solve"
    result.evidence.failed = [["noisy", 60 * i, 60 * i + 60, why] for i in range(12)]
    written = write_page(PLAIN, [result], out).read_text(encoding="utf-8")
    head = written[: written.index("## Statement")]
    assert f"- undecided: noisy 0..59: {why}\n" in head
    assert "noisy 540..599" in head
    assert "noisy 600" not in head
    assert "- undecided: and 2 more" in head


def test_result_json_is_strict_and_one_object_for_one_point(out):
    def refuse(constant):
        raise AssertionError(constant)

    path = write_page(PLAIN, [vacuous()], out).with_name("result.json")
    assert json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)["claims"][0]["ratio_max"] is None
    write_page(PLAIN, sweep(), out)
    assert len(json.loads(path.read_text(encoding="utf-8"))) == 2


def test_what_the_search_found_is_shown_with_its_point(out):
    result = fake.result(points=3)
    command = "python -m verify theorem=fake d=2 search=worst effort=60s"
    found = {"family": "noisy", "sampled": 0.5, "ratio": 1.25, "evaluations": 4096, "trace": [(128, 0.5), (4096, 1.25)]}
    result.search = [
        {"claim": "contraction", **found, "file": "worst-contraction.npz", "point": {"d": 2}, "command": command},
        {"claim": "often", **found, "file": "worst-often.npz", "point": {}, "command": "not needed"},
    ]
    slide = next(c for c in result.claims if c.witness)
    record = {"instance": None, "shrunk": True, "certified": "measured - bound >= 0.25", "point": {"d": 2}}
    result.claims[0].witness = {**slide.witness, **record}
    written = write_page(PLAIN, [result], out).read_text(encoding="utf-8")
    assert "Family *noisy*, found by the worst-case search, shrunk at d = 2:" in written
    assert "Certified in exact arithmetic: measured - bound >= 0.25." in written
    assert "| C1 | contraction | noisy at d = 2 | 0.5 | 1.25 | 4,096 | [worst-contraction.npz]" in written
    assert "| C2 | often | noisy | 0.5 |" in written
    assert f"```\n{command}\n```" in written
    assert "not needed" not in written
    assert "![The largest ratio as the search goes on.](search.svg)" in written


def test_user_text_is_never_a_template(out):
    title = "{{ 7 * 7 }}{% raise %}"
    theorem = dataclasses.replace(PLAIN, title=title)
    assert "{{ 7 \\* 7 }}{% raise %}" in write_page(theorem, [fake.result(points=3)], out).read_text(encoding="utf-8")


def test_replay_names_the_place_the_page_is_in(tmp_path, out):
    written = write_page(PLAIN, [fake.result(points=3)], tmp_path / "else where")
    assert "replay 'else where/fake/witness-doe2019.npz'" in written.read_text(encoding="utf-8")


def test_what_was_found_for_the_users_data_stands_first(out):
    result = fake.result(points=3)
    result.answer = {"mutual coherence $`\\mu`$": 0.4567891, "support | found": [1, 5, None], "recovered": "yes"}
    written = write_page(PLAIN, [result], out).read_text(encoding="utf-8")
    section = written[written.index("## Your data") : written.index("## Statement")]
    assert section.splitlines()[2:] == [
        "| | Value |",
        "| --- | --- |",
        "| mutual coherence $`\\mu`$ | 0.456789 |",
        r"| support \| found | \[1, 5, –\] |",
        "| recovered | yes |",
        "",
    ]
    assert json.loads((out / "fake" / "result.json").read_text(encoding="utf-8"))["answer"] == result.answer
    assert "Your data" not in write_page(PLAIN, [fake.result(points=3)], out).read_text(encoding="utf-8")


def test_answers_that_differ_name_their_points(out):
    results = [fake.result(points=3, k=k) for k in (3, 5, 7, 9)]
    for result, least in zip(results, (0.5, 0.25, 0.5), strict=False):
        result.answer = {"least": least}
    written = write_page(PLAIN, results, out).read_text(encoding="utf-8")
    section = written[written.index("## Your data") : written.index("## Statement")]
    assert re.findall(r"^At .*|.*0\..*", section, re.MULTILINE) == [
        "At k = 3; k = 7:",
        "| least | 0.5 |",
        "At k = 5:",
        "| least | 0.25 |",
    ]
    for result in results:
        result.answer = {"least": 0.5}
    written = write_page(PLAIN, results, out).read_text(encoding="utf-8")
    assert "\nAt " not in written
    assert written.count("| least | 0.5 |") == 1


def test_a_source_without_a_place_has_no_empty_part(out):
    source = dataclasses.replace(fake.SLIDES, reference=dataclasses.replace(fake.SLIDES.reference, where=""), note="")
    written = write_page(dataclasses.replace(PLAIN, sources=(source,)), [fake.result(points=3)], out)
    assert "- J. Doe, *Slides | second edition*, 2019: slide 7\n" in written.read_text(encoding="utf-8")


def test_no_page_depends_on_where_the_working_directory_is(tmp_path, monkeypatch):
    written = []
    for place in (tmp_path / "a", tmp_path / "b"):
        place.mkdir()
        monkeypatch.chdir(place)
        for out in (Path("reports"), place / "reports"):
            write_page(PLAIN, [fake.result(points=3)], out)
            write_index(out)
            written.append(files(Path("reports")))
    assert all(pages == written[0] for pages in written)
    assert not [name for name, content in written[0].items() if str(tmp_path).encode() in content]


def test_the_index_says_what_was_found_in_words(out):
    def found(theorem, *results):
        write_page(theorem, results, out)
        rows = write_index(out).read_text(encoding="utf-8").splitlines()
        return next(row for row in rows if row.startswith("| [fake]")).split(" | ")[2]

    assert found(PLAIN, fake.result(points=3)) == (
        "2 statements without a violation in 20,406 cases; 1 incomplete wording refuted; 1 control caught"
    )
    assert found(PLAIN, *sweep()).endswith("; at 2 points")
    missed = vacuous()
    missed.claims[3].verdict = dataclasses.replace(missed.claims[3].verdict, verdict="undecided")
    assert found(PLAIN, missed) == (
        "**1 statement violated**; **1 statement vacuous**; 1 incomplete wording refuted; 0 of 1 control caught"
    )
    # A statement counts by its worst point, a wording by the point that refutes it.
    assert found(PLAIN, fake.result(points=3), missed).startswith(
        "**1 statement violated**; **1 statement vacuous**; 1 "
    )
    loose = dataclasses.replace(PLAIN.claims[2], grade="loose")
    claims = (*PLAIN.claims[:2], loose, *PLAIN.claims[3:])
    assert "1 loose wording refuted" in found(dataclasses.replace(PLAIN, claims=claims), fake.result(points=3))


def test_index(out, snapshot):
    write_page(PLAIN, [fake.result(points=3)], out)
    write_page(dataclasses.replace(PLAIN, name="other"), [vacuous(), vacuous()], out)
    (out / "stray").mkdir()
    (out / "stray" / "result.json").write_text("{}")  # no page beside it
    assert write_index(out).read_text(encoding="utf-8") == snapshot


def test_index_names_a_file_that_is_not_a_result(out):
    write_page(PLAIN, [fake.result(points=3)], out).with_name("result.json").write_text("[{]")
    with pytest.raises(ValueError, match=r"fake/result\.json is not the result of a run"):
        write_index(out)


def test_an_index_of_nothing(out):
    assert "0 theorems" in write_index(out).read_text(encoding="utf-8")


def test_a_page_needs_a_result(out):
    with pytest.raises(ValueError, match="needs a result"):
        write_page(PLAIN, [], out)
