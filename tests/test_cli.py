import importlib
import importlib.util
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from verify import cli
from verify.engine import catalogue
from verify.engine.campaign import Progress
from verify.engine.ledger import Ledger

ROOT = Path(__file__).resolve().parent.parent

MEANS = '''"""The geometric mean is at most the arithmetic mean.

For positive x: (x_1 ... x_n)^(1/n) <= (x_1 + ... + x_n)/n, with equality for equal entries.
"""

from typing import Any

from pydantic import Field

from verify import Claim, Every, Formula, Parameters, Reference, Source, Theorem


class Params(Parameters):
    n: int = Field(4, ge=2, le=1000, description="how many numbers")
    shift: float = Field(0.0, ge=-9, le=9, description="subtracted from every number")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    return {"x": draw.uniform(p.n, low=0.1, high=1.0) - p.shift}


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    from verify.core.arrays import namespace

    return {"positive": namespace(x["x"]).min(x["x"], axis=-1)}


def solve(p: Params, x: Any) -> dict[str, Any]:
    from verify.core.arrays import namespace

    xp = namespace(x["x"])
    geometric = xp.exp(xp.mean(xp.log(xp.maximum(x["x"], 0.001 * xp.ones_like(x["x"]))), axis=-1))
    return {"geometric": geometric, "arithmetic": xp.mean(x["x"], axis=-1)}


def advise(p: Params, x: Any) -> str:
    return "take shift=0"


CAUCHY = Reference("cauchy1821", "A.-L. Cauchy", "Cours d'analyse", "Debure", 1821)
THEOREM = Theorem(
    "means", "Means", Params, sample, hypotheses, solve,
    families={"random": "uniforms"},
    claims=(
        Claim("means", Every(), "geometric", Formula("arithmetic"), given=("positive",)),
        Claim("nine tenths", Every(), "geometric", Formula("0.9 * arithmetic"), given=("positive",),
              origin="control", expects="refuted", because="equal numbers have equal means"),
    ),
    sources=(Source(CAUCHY, "note II"),), advise=advise, instances=512, batch=128,
)
'''


def verify(*tokens, cwd, code=None):
    """The command as a user runs it; its exit code must be ``code`` where one is given."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "verify", *tokens]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, check=False, timeout=120)
    if code is not None:
        assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def here(tmp_path):
    (tmp_path / "means.py").write_text(MEANS)
    return tmp_path


@pytest.mark.parametrize("tokens", [(), ("-h",), ("--help",), ("theorem=means", "--help")])
def test_help(tokens, tmp_path):
    assert "Exit codes" in verify(*tokens, cwd=tmp_path, code=0).stdout


def test_help_and_list_import_nothing_heavy():
    code = (
        "import sys; from verify import cli; cli.main(['--help']); cli.main(['list']); "
        "print([m for m in ('numpy', 'pydantic', 'sympy', 'rich') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "[]"


def test_list_names_every_theorem(tmp_path):
    lines = verify("list", cwd=tmp_path, code=0).stdout.splitlines()
    assert [line.split()[0] for line in lines] == catalogue.names()


def test_list_takes_nothing(tmp_path):
    assert "list takes nothing" in verify("list", "m=3", cwd=tmp_path, code=2).stderr


def test_show_prints_mathematics_parameters_and_claims(here):
    shown = verify("show", "means.py", cwd=here, code=0).stdout
    for part in (
        "with equality for equal entries",
        "n = 4  an integer >= 2 and <= 1000; how many numbers",
        "given positive: geometric <= 0.9 * arithmetic",
        "expected: refuted, because equal numbers",
        "random: uniforms",
        "Cauchy",
    ):
        assert part in shown


def test_an_unknown_theorem_is_answered_with_the_nearest(tmp_path):
    name = catalogue.names()[0]
    done = verify(f"theorem={name}x", cwd=tmp_path, code=2)
    assert f"did you mean {name}" in done.stderr
    assert not (tmp_path / "reports").exists()


def test_an_unknown_verb_is_answered_with_the_nearest(here):
    assert "did you mean doctor" in verify("docter", cwd=here, code=2).stderr
    assert "did you mean theorem=means.py" in verify("means.py", cwd=here, code=2).stderr
    assert "verbs are" in verify("zzzzzz", cwd=here, code=2).stderr


def test_an_unknown_key_is_answered_with_the_nearest(here):
    done = verify("theorem=means.py", "shft=1", cwd=here, code=2)
    assert "did you mean shift" in done.stderr


def test_every_mistake_is_reported_before_the_work_starts(here):
    done = verify("theorem=means.py", "n=-1", "shift=nan", "seed=x", "seed=1", "batch=0", cwd=here, code=2)
    assert "5 mistakes" in done.stderr
    for part in (
        "n=-1: allowed is an integer >= 2 and <= 1000",
        "shift=nan: allowed is a finite number >= -9 and <= 9",
        "seed=x: allowed is an integer >= 0",
        "seed=1: seed was given before",
        "batch=0",
    ):
        assert part in done.stderr
    assert done.stdout == ""
    assert not (here / "reports").exists()


def test_a_missing_theorem_is_asked_for(tmp_path):
    assert "theorem is missing" in verify("m=3", cwd=tmp_path, code=2).stderr


def test_a_file_that_is_no_theorem(tmp_path):
    (tmp_path / "broken.py").write_text("x = 1 / 0")
    done = verify("theorem=broken.py", cwd=tmp_path, code=2)
    assert "broken.py cannot be imported: line 1: ZeroDivisionError" in done.stderr


def test_a_file_in_place_of_the_directory_of_the_output(here):
    (here / "taken").write_text("")
    for out in ("taken", "taken/below"):
        done = verify("theorem=means.py", f"out={out}", cwd=here, code=2)
        assert f"out={out}: no directory that can be written" in done.stderr
        assert done.stdout == ""


def test_a_backend_that_is_not_there_is_refused_before_the_work_starts(here):
    from verify.core.arrays import cupy_missing

    if cupy_missing() is None:
        pytest.skip("CuPy works here")
    assert "backend=cupy: CuPy" in verify("theorem=means.py", "backend=cupy", cwd=here, code=2).stderr


def test_a_run_prints_a_table_its_page_and_the_verdict_last(here):
    done = verify("theorem=means.py", cwd=here, code=0)
    assert "means.py is run as your own code" in done.stderr
    *_, page, last = done.stdout.splitlines()
    assert last == "as expected"
    assert (here / page.removeprefix("page: ")).is_file()
    assert (here / "reports" / "ledger.sqlite").is_file()


def test_a_sweep_gives_a_json_line_for_each_point_and_nothing_else(here):
    done = verify("theorem=means.py", "n=2..3", "shift=0,-1", "instances=64", "format=json", cwd=here, code=0)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(r["params"]["n"], r["params"]["shift"]) for r in found] == [(2, 0), (2, -1), (3, 0), (3, -1)]
    assert all(r["as_expected"] for r in found)
    assert done.stderr.splitlines()[-1] == "as expected"


def test_the_points_of_a_command_share_its_budget_equally(here):
    tokens = ("theorem=means.py", "n=2,3", "instances=64", "budget=1m", "format=json")
    found = [json.loads(line)["command"] for line in verify(*tokens, cwd=here, code=0).stdout.splitlines()]
    assert found == [f"python -m verify theorem=means.py n={n} instances=64 budget=30s" for n in (2, 3)]


def test_a_control_that_is_not_refuted_is_not_as_expected(here):
    # Of two numbers many are nearly equal and refute it; the means of 1000 have a ratio near exp(E log x)/E x = 0.86.
    done = verify("theorem=means.py", "n=2,1000", "instances=64", cwd=here, code=1)
    last = done.stdout.splitlines()[-1]
    assert last == "NOT as expected: means n=1000: nine tenths (no violation, expected refuted)"


def test_a_vacuous_run_names_the_hypothesis_and_gives_advice(here):
    done = verify("theorem=means.py", "shift=2", "instances=64", cwd=here, code=1)
    assert "vacuous: means: no instance was eligible: 64 miss 'positive'" in done.stdout
    assert "advice: take shift=0" in done.stdout
    assert "means (vacuous, expected no violation)" in done.stdout.splitlines()[-1]


def test_junit(here):
    done = verify("theorem=means.py", "shift=2", "instances=64", "format=junit", cwd=here, code=1)
    root = ElementTree.fromstring(done.stdout)
    assert len(list(root.iter("testcase"))) == 2
    assert len(list(root.iter("failure"))) == 2


def test_a_theorem_that_fails_in_the_run_is_could_not_run_and_costs_no_other(here):
    raising = MEANS.replace('"means", "Means"', '"raising", "Means"').replace("xp.exp(", "xp.no_such_function(")
    (here / "raising.py").write_text(raising)
    done = verify("theorem=raising.py,means.py", "format=json", cwd=here, code=2)
    assert [json.loads(line)["theorem"] for line in done.stdout.splitlines()] == ["means"]
    assert "no_such_function" in done.stderr


def test_replay_confirms_a_witness(here):
    verify("theorem=means.py", cwd=here, code=0)
    (witness,) = (here / "reports").rglob("*.npz")
    assert "say theorem=means.py" in verify("replay", str(witness), cwd=here, code=2).stderr
    page = (here / "reports" / "means" / "README.md").read_text()
    (command,) = set(re.findall(r"python -m verify replay [^`\n]*", page))
    assert "violated" in verify(*command.split()[3:], cwd=here, code=0).stdout


def test_replay_of_what_is_no_witness(here):
    assert "could not run" in verify("replay", "means.py", cwd=here, code=2).stderr
    assert "could not run" in verify("replay", "none.npz", cwd=here, code=2).stderr
    assert "replay takes one file" in verify("replay", cwd=here, code=2).stderr


def test_report_makes_the_pages_again(here):
    assert "holds no ledger.sqlite" in verify("report", cwd=here, code=2).stderr
    page = here / verify("theorem=means.py", cwd=here, code=0).stdout.splitlines()[-2].removeprefix("page: ")
    before = page.read_bytes()
    page.unlink()
    assert "means is not in the catalogue" in verify("report", cwd=here, code=0).stderr
    verify("report", "theorem=means.py", cwd=here, code=0)
    assert page.read_bytes() == before
    assert "report takes out=, theorem=" in verify("report", "n=3", cwd=here, code=2).stderr


def finished_batches(path):
    """The number of batches that a ledger holds of runs that have not ended."""
    if not path.is_file():
        return 0
    with Ledger(path) as ledger:
        return sum(len(ledger.done(key)) for key, _ in ledger.begun())


def test_interrupted_keeps_what_is_finished_and_says_how_to_go_on(here):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "verify", "theorem=means.py", "budget=10m"]
    # Under nohup or in the background of a script the signal is ignored, and a child inherits that.
    ignored = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=here, env=environment
        )
    finally:
        signal.signal(signal.SIGINT, ignored)
    ledger = here / "reports" / "ledger.sqlite"
    until = time.monotonic() + 60
    while finished_batches(ledger) < 3 and run.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    _, errors = run.communicate(timeout=60)
    assert run.returncode == 130, errors
    assert "finished batches are kept in" in errors
    assert "python -m verify theorem=means.py budget=10m" in errors
    assert "Traceback" not in errors
    page = verify("report", "theorem=means.py", cwd=here, code=0).stdout.splitlines()[0]
    text = (here / page).read_text()
    assert "the run was interrupted; what it had finished is below" in text
    assert re.search(r"[0-9,]+ violations seen in batches, not rechecked yet", text)
    result = json.loads((here / page).with_name("result.json").read_text())
    assert not result["finished"]
    assert result["claims"][0]["decided"] > 256
    # What ends says more than what was cut off.
    verify("theorem=means.py", cwd=here, code=0)
    verify("report", "theorem=means.py", cwd=here, code=0)
    assert json.loads((here / page).with_name("result.json").read_text())["finished"]


def test_two_runs_on_one_ledger_both_finish_and_count_nothing_twice(here):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "verify", "theorem=means.py", "instances=4096", "format=json"]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=here, env=environment) for _ in range(2)]
    found = [json.loads(run.communicate(timeout=120)[0]) for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    for result in found:
        del result["seconds"]
        assert [c["decided"] for c in result["claims"]] == [4096, 4096]
    assert found[0] == found[1]
    with Ledger(here / "reports" / "ledger.sqlite") as ledger:
        ((key, _),) = ledger.results()
        assert sum(stop - start for _, start, stop in ledger.done(key)) == 4096


@pytest.mark.parametrize("executor", ["thread", "processes:0", "dask:", "dask:local:x"])
def test_an_executor_that_does_not_exist_is_refused(executor, here):
    done = verify("theorem=means.py", f"executor={executor}", "memory=2", "limit=1", cwd=here, code=2)
    assert f"executor={executor}: no such executor; allowed is auto, serial, processes:N" in done.stderr
    assert "memory=2: not a number with a unit; allowed is a size such as 500M or 2G" in done.stderr
    assert "limit=1: not a number with a unit" in done.stderr
    done = verify("theorem=means.py", "executor=serial", "limit=1s", cwd=here, code=2)
    assert "take executor=processes or dask" in done.stderr


def test_doctor(tmp_path):
    done = verify("doctor", cwd=tmp_path, code=0)
    found = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    for name in ("Python", "cores", "memory", "numpy", "joblib", "solvers", "BLAS", "driver", "CuPy", "free"):
        assert found[name]
    assert "CLARABEL" in found["solvers"]
    assert found["backend=numpy"].startswith("works: a 384x384 product at ")
    assert found["executor=processes"].startswith("works: a worker answered after ")
    installed = importlib.util.find_spec("distributed") is not None
    assert found["executor=dask"].startswith("can be had" if installed else "needs the package")
    assert not (tmp_path / "reports").exists()


def test_without_the_dependencies_the_command_says_what_to_do(tmp_path):
    # -S -I: an interpreter that sees the standard library only, as a bare system Python does.
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from verify.__main__ import main; sys.exit(main())"
    environment = {**os.environ, "VERIFY_HANDED_OVER": "1"}
    bare = [sys.executable, "-S", "-I", "-c", code, "list"]
    done = subprocess.run(bare, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 2
    assert "run `make` first" in done.stderr


def test_without_the_dependencies_the_command_is_handed_to_the_installed_environment(tmp_path):
    if not (ROOT / ".venv" / "bin" / "python").is_file():
        pytest.skip("no .venv in the repository")
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from verify.__main__ import main; sys.exit(main())"
    environment = {k: v for k, v in os.environ.items() if k != "VERIFY_HANDED_OVER"} | {"PYTHONPATH": str(ROOT)}
    bare = [sys.executable, "-S", "-I", "-c", code, "list"]
    done = subprocess.run(bare, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == catalogue.names()


def test_progress_is_a_line_now_and_then_where_it_is_not_drawn(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with cli._watch("means n=4") as show:
        for second in range(12):
            now[0] = float(second)
            show(Progress(100 * second, 1200, 100.0, 0.998 if second > 5 else math.nan, 12.0 - second))
        now[0] = 99.0
        show(Progress(1200, None, 100.0, 0.998, math.inf))
    assert capsys.readouterr().err.splitlines() == [
        "means n=4: 500 of 1,200 instances, 100 decided/s, 7 s left",
        "means n=4: 1,000 of 1,200 instances, 100 decided/s, largest ratio 0.998, 2 s left",
        "means n=4: 1,200 instances, 100 decided/s, largest ratio 0.998",
    ]


def test_an_error_that_is_a_surprise_is_could_not_run_and_never_not_as_expected(monkeypatch, capsys):
    monkeypatch.setattr(catalogue, "names", lambda: 1 / 0)
    assert cli.main(["list"]) == 2
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(cli.ANSWERS))
def test_the_errors_that_answer_the_user_exist(name):
    module, _, kind = name.rpartition(".")
    assert issubclass(getattr(importlib.import_module(module), kind), Exception)
