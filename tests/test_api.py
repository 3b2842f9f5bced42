"""`verify.run`: the command line's words, errors and numbers from Python, and a result that shows itself."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure as Canvas

import verify
from tests.test_cli import MEANS
from tests.test_cli import verify as command_line
from verify import cli, new
from verify.core.theorem import Identity
from verify.engine import campaign, catalogue
from verify.engine.trial import TrialError


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory with two theorems of the user's own, and a place for temporary files beside it."""
    work, spare = tmp_path / "work", tmp_path / "spare"
    work.mkdir()
    spare.mkdir()
    (work / "means.py").write_text(MEANS)
    new.write("my_bound", work)
    monkeypatch.chdir(work)
    monkeypatch.setattr(tempfile, "tempdir", str(spare))
    return work


def test_import_costs_nothing():
    code = "import sys, verify; dir(verify); print([m for m in ('numpy', 'pydantic', 'scipy') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
    assert {"run", "UsageError"} <= set(dir(verify))


def test_a_theorem_of_the_catalogue_with_a_parameter(here):
    result = verify.run("ipgd", m=100, instances=140)
    assert result.result.params["m"] == 100
    assert result.page is None
    assert sum(result.result.instances.values()) == pytest.approx(140, abs=10)
    assert result.verdicts == {name: claim.verdict.verdict for name, claim in result.claims.items()}


def test_the_numbers_are_those_of_the_command_line(here):
    options = {"n": 3, "seed": 5, "instances": 256, "dtype": "float32"}
    ours = verify.run("my_bound.py", **options).result.to_json()
    words = [f"{key}={value}" for key, value in options.items()]
    theirs = json.loads(command_line("theorem=my_bound.py", *words, "format=json", cwd=here, code=0).stdout)
    for record in (ours, theirs):
        record.pop("seconds")
    assert json.loads(json.dumps(ours)) == theirs


def test_every_run_option_reaches_the_run_as_it_does_on_the_command_line(here, monkeypatch):
    seen = []

    def caught(points, settings, *rest):
        seen.append(settings)
        raise TrialError("caught")

    monkeypatch.setattr(campaign, "run_all", caught)
    plain = {"seed": 3, "instances": 64, "batch": 8, "backend": "numpy", "dtype": "float32", "search": "worst"}
    plain |= {"executor": "processes:3", "memory": "2G"}
    with pytest.raises(TrialError, match="caught"):
        verify.run("means.py", **plain, budget=90, effort=0.5, limit=60, mutate=True)
    words = [f"{key}={value}" for key, value in plain.items()]
    assert cli.main(["theorem=means.py", *words, "budget=1.5m", "effort=0.5s", "limit=1m", "mutate=yes"]) == 2
    ours, theirs = seen
    assert ours == theirs
    usual = campaign.Settings()
    assert all(getattr(ours, f.name) != getattr(usual, f.name) for f in dataclasses.fields(usual))


@pytest.mark.parametrize("kind", ["text", "path", "record"])
def test_a_theorem_by_path_or_by_its_record(kind, here):
    given = {"text": "my_bound.py", "path": here / "my_bound.py", "record": catalogue.load("my_bound.py")}[kind]
    result = verify.run(given, n=3, instances=128)
    assert result.verdict == "as expected"
    assert result.verdicts["n - 1 for n"] == "violated"
    assert list(result.witness("n - 1 for n").arrays) == ["x"]


def test_nothing_is_written_unless_asked(here, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    result = verify.run("my_bound.py", instances=64)
    repr(result), result._repr_html_(), result.plot()
    assert sorted(p for p in tmp_path.rglob("*") if "__pycache__" not in p.parts) == before


def test_out_keeps_what_the_command_line_keeps(here):
    result = verify.run("my_bound.py", instances=128, out="kept")
    assert result.page == Path("kept/my_bound/README.md")
    assert "my_bound" in Path("kept/README.md").read_text()
    names = {claim.witness["file"] for claim in result.claims.values() if claim.witness}
    assert {path.name for path in Path("kept/my_bound").glob("*.npz")} == names
    pages = {path: path.read_bytes() for path in Path("kept").rglob("README.md")}
    command_line("theorem=my_bound.py", "instances=128", "out=kept", cwd=here, code=0)
    assert {path: path.read_bytes() for path in Path("kept").rglob("README.md")} == pages


@pytest.mark.parametrize(
    ("options", "field", "value"),
    [
        ({"seed": np.int64(7)}, "seed", 7),
        ({"dtype": "float32"}, "dtype", "float32"),
        ({"backend": "strict"}, "backend", "strict"),
        ({"n": np.float64(4).astype(int)}, "params", {"n": 4, "shift": 0.0}),
        ({"shift": -1e-3, "n": None}, "params", {"n": 4, "shift": -1e-3}),
        ({"budget": 30}, "instances", {"random": 64}),
        ({"budget": "1m", "batch": 8}, "instances", {"random": 64}),
    ],
)
def test_options_and_parameters_are_python_values(options, field, value, here):
    assert getattr(verify.run("means.py", instances=64, **options).result, field) == value


@pytest.mark.parametrize(
    ("theorem", "given", "mistakes"),
    [
        ("ipgdd", {}, ["there is no theorem 'ipgdd'; did you mean ipgd"]),
        ("ipgdd", {"seed": -1}, ["there is no theorem 'ipgdd'", "seed=-1: allowed is an integer >= 0"]),
        ("all", {}, ["there is no theorem 'all'"]),
        ("none.py", {}, ["none.py: no such file"]),
        ("means.py", {"shft": 1}, ["shft=1: means has no parameter shft; did you mean shift?"]),
        ("means.py", {"sed": 1}, ["sed=1: means has no parameter sed; did you mean seed"]),
        (
            "means.py",
            {"n": -1, "shift": math.nan, "batch": 0},
            ["batch=0: allowed is", "n=-1: allowed is an integer >= 2 and <= 1000", "shift=nan: allowed is a finite"],
        ),
        ("means.py", {"n": 2.0}, ["n=2.0: allowed is an integer >= 2 and <= 1000"]),
        ("means.py", {"n": [2, 3]}, ["n=[2,3]: allowed is an integer"]),
        ("means.py", {"n": np.arange(2)}, ["n=[0,1]: allowed is an integer"]),
        ("means.py", {"n": "2,3"}, ["a call runs one point, and n=2,3 asks for 2"]),
        ("means.py", {"n": "2..4"}, ["a call runs one point, and n=2..4 asks for 3"]),
        ("means.py", {"budget": -1}, ["budget=-1s: "]),
        ("means.py", {"format": "json"}, ["format is of the command line"]),
        ("means.py", {"backend": "nmpy"}, ["backend=nmpy: allowed is one of auto, numpy"]),
    ],
)
def test_every_mistake_is_reported_as_the_command_line_does(theorem, given, mistakes, here):
    with pytest.raises(verify.UsageError) as error:
        verify.run(theorem, **given)
    assert len(error.value.mistakes) == len(mistakes)
    for line, start in zip(error.value.mistakes, mistakes, strict=True):
        assert line.startswith(start)
    assert sorted(path.name for path in here.iterdir() if path.suffix) == ["means.py", "my_bound.py"]


def test_a_backend_that_is_not_there(here):
    from verify.core.arrays import cupy_missing

    if cupy_missing() is None:
        pytest.skip("CuPy works here")
    with pytest.raises(verify.UsageError, match="backend=cupy: CuPy"):
        verify.run("means.py", backend="cupy")


def test_a_record_is_not_kept_since_its_code_may_be_nowhere(here):
    """A ledger counts old batches for the same code only, and the code of a record need not be in a file."""
    with pytest.raises(verify.UsageError, match=r"out=kept: needs the theorem by its name"):
        verify.run(catalogue.load("means.py"), out="kept")
    assert not Path("kept").exists()


def test_a_record_that_was_made_in_a_cell(here):
    """As in a notebook: the code is in no file."""
    cell = f"{MEANS}\nimport verify\n\nprint(verify.run(THEOREM, n=2, instances=64).verdict)\n"
    done = subprocess.run([sys.executable, "-"], input=cell, capture_output=True, text=True, check=True)
    assert done.stdout == "as expected\n"


def test_a_theorem_that_fails(here):
    Path("means.py").write_text(MEANS.replace("xp.exp(", "xp.no_such_function("))
    with pytest.raises(TrialError, match="no_such_function"):
        verify.run("means.py")


def test_a_witness_is_an_instance_that_anyone_can_check(here, capsys):
    result = verify.run("my_bound.py", n=3, instances=128)
    witness = result.witness("n - 1 for n")
    x = witness.arrays["x"]
    assert x.shape == (3,)
    assert witness.measured == pytest.approx(np.abs(x).sum(), rel=1e-12)
    assert witness.bound == pytest.approx(2**0.5 * np.linalg.norm(x), rel=1e-12)
    assert witness.measured > witness.bound
    first, second = repr(witness).splitlines()
    assert re.fullmatch(r"n - 1 for n: measured [\d.]+, bound [\d.]+, ratio [\d.]+", first)
    assert second.startswith("  x = [")
    assert witness.save("witness.npz") == Path("witness.npz")
    assert cli.main(["replay", "witness.npz", "theorem=my_bound.py"]) == 0
    assert "violated" in capsys.readouterr().out


def test_a_claim_that_was_not_violated_has_no_witness_and_one_that_is_not_there_is_an_error(here):
    result = verify.run("my_bound.py", instances=128)
    assert result.witness("sum of magnitudes") is None
    with pytest.raises(KeyError, match="it has sum of magnitudes, n - 1 for n"):
        result.witness("no claim")


def test_one_word_for_the_whole_is_what_decides_the_exit_code(here):
    assert verify.run("means.py", n=2, instances=64).verdict == "as expected"
    found = verify.run("means.py", n=1000, instances=64)
    assert found.verdict == "not as expected"
    assert found.verdicts == {"means": "no violation", "nine tenths": "no violation"}


def test_the_ratio_is_that_of_the_theorems_own_claims_for_every_instance(here):
    theorem = catalogue.load("my_bound.py")
    found = verify.run(theorem, instances=128)
    assert found.ratio == found.claims["sum of magnitudes"].verdict.ratio_max
    equal = dataclasses.replace(theorem.claims[0], kind=Identity())
    for claims in (theorem.claims[1:], (equal,)):
        other = dataclasses.replace(theorem, claims=claims, figures=())
        assert math.isnan(verify.run(other, instances=128).ratio)


def test_a_result_prints_as_the_command_does(here):
    result = verify.run("my_bound.py", n=3, instances=128)
    printed = command_line("theorem=my_bound.py", "n=3", "instances=128", cwd=here, code=0).stdout.splitlines()
    lines = repr(result).splitlines()
    assert lines == [printed[0], *result.table.splitlines(), "as expected"]
    assert result.table.splitlines() == printed[1:-2]


def test_a_vacuous_result_gives_advice(here):
    result = verify.run("means.py", shift=2, instances=64)
    assert result.verdicts["means"] == "vacuous"
    for shown in (repr(result), result._repr_markdown_(), result._repr_html_()):
        assert "advice: take shift=0" in shown


def test_figures_are_those_of_matplotlib(here):
    result = verify.run("my_bound.py", instances=128)
    (figure,) = result.plot().values()
    assert isinstance(figure, Canvas)
    figure.savefig("cloud.png")
    assert Path("cloud.png").read_bytes().startswith(b"\x89PNG")
    assert verify.run("means.py", instances=64).plot() == {}


def test_a_notebook_shows_the_claims_and_the_figures(here):
    theorem = catalogue.load("my_bound.py")
    named = dataclasses.replace(theorem.claims[0], name=r"$`\lVert x\rVert_1`$ | <b>")
    figure = dataclasses.replace(theorem.figures[0], claims=(named.name,), caption="Sum & bound of $`x`$.")
    changed = dataclasses.replace(theorem, claims=(named, *theorem.claims[1:]), figures=(figure,))
    result = verify.run(changed, n=3, instances=128)

    html = result._repr_html_()
    assert "<b>my_bound n=3: A sum of magnitudes against the length</b>: as expected" in html
    assert html.count("<tr>") == 1 + len(result.claims)
    assert r"$\lVert x\rVert_1$ | &lt;b&gt; (source)" in html
    assert "<code>sum &lt;= sqrt(n - 1) * length + delta</code>" in html
    assert html.count('<img alt="cloud" src="data:image/svg+xml;base64,') == 1
    assert "Sum &amp; bound of $x$." in html

    *_, first, _, third = result._repr_markdown_().splitlines()
    assert first.startswith(r"| ✓ | $\lVert x\rVert_1$ \| \<b> (source) | `sum <= sqrt(n) * length + delta` | no viol")
    assert third.startswith("| ✓ | normal entries (control) | `sum <= sqrt(0.64 * n) * length + delta` | violated in")


PLUGIN = """\
Metadata-Version: 2.1
Name: toy-theorems
Version: 1.0
"""


def test_the_theorems_of_an_installed_package_are_in_the_catalogue(tmp_path, monkeypatch):
    """A distribution as an installer leaves it: its metadata names the entry points."""
    site, work = tmp_path / "site", tmp_path / "work"
    info = site / "toy_theorems-1.0.dist-info"
    for folder in (info, site / "toy_theorems", work):
        folder.mkdir(parents=True)
    (info / "METADATA").write_text(PLUGIN)
    (info / "entry_points.txt").write_text("[verify.theorems]\ntoy_means = toy_theorems.averages\n")
    (site / "toy_theorems" / "__init__.py").write_text("")
    (site / "toy_theorems" / "averages.py").write_text(MEANS.replace('"means", "Means"', '"toy_means", "Means"'))
    monkeypatch.syspath_prepend(site)
    monkeypatch.chdir(work)

    assert "toy_means" in catalogue.names()
    assert catalogue.title("toy_means") == "The geometric mean is at most the arithmetic mean."
    assert "toy_theorems.averages" not in sys.modules
    result = verify.run("toy_means", n=2, instances=256, out="reports")
    assert result.verdict == "as expected"
    assert result.result.command == "python -m verify theorem=toy_means n=2 instances=256"
    (file,) = Path("reports/toy_means").glob("*.npz")
    assert cli.main(["replay", str(file)]) == 0
    with pytest.raises(verify.UsageError, match="did you mean toy_means"):
        verify.run("toy_mean")
