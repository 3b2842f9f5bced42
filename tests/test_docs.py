"""The tutorial is run: its files are written, its commands and its Python executed, and what they print compared."""

from __future__ import annotations

import ast
import doctest
import math
import os
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from verify.engine import catalogue

ROOT = Path(__file__).resolve().parent.parent
TUTORIAL = ROOT / "docs" / "tutorial.md"
FENCE = re.compile(r"^(`{3,})(\w+)(?: (\w+)=(\S+))?\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?")
PROGRESS = re.compile(r"\S.*: [\d,]+( of [\d,]+)? instances, .*decided/s(, .*)?")  # printed on a slow machine only
CLOSE = 0.02  # relative: an instance at the edge may fall on the other side where the last bits differ
TINY = 1e-9  # what is only rounding


@dataclass(frozen=True)
class Block:
    kind: str
    key: str | None
    value: str | None
    text: str


def blocks() -> list[Block]:
    return [Block(*match.groups()[1:]) for match in FENCE.finditer(TUTORIAL.read_text(encoding="utf-8"))]


def same(line: str, expected: str) -> bool:
    """Equal but for spaces, numbers to two percent; ``...`` stands for anything."""
    if "..." in expected:
        parts = (r"\s+".join(map(re.escape, part.split())) for part in expected.split("..."))
        return re.fullmatch(r"\s*.*?\s*".join(parts), line.strip()) is not None
    texts = [NUMBER.sub("0", " ".join(text.split())) for text in (line, expected)]
    numbers = [[float(n.replace(",", "")) for n in NUMBER.findall(text)] for text in (line, expected)]
    return texts[0] == texts[1] and all(
        math.isclose(a, b, rel_tol=CLOSE, abs_tol=TINY) for a, b in zip(*numbers, strict=True)
    )


def compare(found: str, expected: str) -> None:
    lines = [line for line in found.strip().splitlines() if not PROGRESS.fullmatch(line)]
    wanted = expected.strip().splitlines()
    assert len(lines) == len(wanted), found
    for line, want in zip(lines, wanted, strict=True):
        assert same(line, want), f"printed  {line}\nexpected {want}"


def test_what_counts_as_the_same():
    assert same("a  4,096  0.8597", "a 4,090 0.86")
    assert not same("a 4,096", "a 3,000")
    assert not same("b 1", "a 1")
    assert same("17 passed in 3.2s", "... passed in ...")
    assert not same("1 failed in 3.2s", "... passed in ...")


def execute(block: Block, folder: Path) -> None:
    """Every command of a console block; the last one has the exit code that the block names."""
    runs = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block.text, re.MULTILINE)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    for number, (command, expected) in enumerate(runs, 1):
        words = shlex.split(command)
        assert words[0] == "python"
        done = subprocess.run(
            [sys.executable, *words[1:]],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            cwd=folder,
            env={**environment, "PYTHONUTF8": "1"},
            timeout=240,
            check=False,
        )
        code = int(block.value or 0) if number == len(runs) else 0
        assert done.returncode == code, f"{command}\n{done.stdout}"
        compare(done.stdout, expected)


def change(text: str, diff: str) -> str:
    """``text`` with the one place changed that the lines of ``diff`` without a + stand for."""
    lines = diff.splitlines(keepends=True)
    old, new = ("".join(line[1:] for line in lines if line[0] in " " + sign) for sign in "-+")
    assert text.count(old) == 1
    return text.replace(old, new)


class Checker(doctest.OutputChecker):
    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        wanted, found = want.strip().splitlines(), got.strip().splitlines()
        return len(wanted) == len(found) and all(map(same, found, wanted))


def session(block: Block, names: dict, report: list[str]) -> None:
    """The examples of a block of Python, with the names of the blocks before it."""
    test = doctest.DocTestParser().get_doctest(block.text, names, "tutorial", str(TUTORIAL), 0)
    runner = doctest.DocTestRunner(Checker(), verbose=False, optionflags=doctest.ELLIPSIS)
    runner.run(test, out=report.append, clear_globs=False)
    names.update(test.globs)


def test_the_tutorial_prints_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    report: list[str] = []
    for block in blocks():
        path = tmp_path / (block.value or "")
        if block.kind == "python":
            path.write_text(block.text, encoding="utf-8")
        elif block.kind == "diff":
            path.write_text(change(path.read_text(encoding="utf-8"), block.text), encoding="utf-8")
        elif block.kind == "console":
            execute(block, tmp_path)
        elif block.kind == "pycon":
            session(block, names, report)
            assert not report, "".join(report)
        else:
            assert block.kind == "toml"
            assert list(tomllib.loads(block.text)["project"]["entry-points"]) == [catalogue.GROUP]


@pytest.fixture
def first() -> str:
    """The theorem as the tutorial writes it first."""
    return next(block.text for block in blocks() if block.kind == "python")


def test_a_newcomers_forty_lines_get_verdict_page_and_witness_without_engine_code(first, tmp_path, monkeypatch):
    import verify

    monkeypatch.chdir(tmp_path)
    tree = ast.parse(first)
    code = [line for line in first.splitlines()[tree.body[0].end_lineno :] if line.strip()]
    assert len(code) <= 45
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= {"typing", "pydantic", "verify", "verify.core.arrays"}
    Path("sin_theta.py").write_text(first)
    assert "sin_theta" not in catalogue.names()

    result = verify.run("sin_theta.py", n=2, out="reports")
    assert result.verdicts == {"Lemma 3": "violated"}
    page = Path("reports/sin_theta/README.md").read_text()
    assert "**Witness.**" in page
    (witness,) = Path("reports/sin_theta").glob("*.npz")
    assert result.witness("Lemma 3").save("copy.npz").read_bytes() == witness.read_bytes()
    from verify import cli

    assert cli.main(["replay", "copy.npz", "theorem=sin_theta.py"]) == 0


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
