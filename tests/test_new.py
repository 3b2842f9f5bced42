"""`python -m verify new NAME`: what it writes runs at once and keeps every rule; what it cannot do it says."""

from __future__ import annotations

import json
import re

import pytest

from tests.test_cli import verify
from verify import UsageError, checks, new
from verify.engine import catalogue


def test_a_new_theorem_runs_at_once_as_the_users_own(tmp_path):
    said = verify("new", "my_bound", cwd=tmp_path, code=0).stdout
    assert said.splitlines()[0].startswith("wrote my_bound.py")
    (command,) = re.findall(r"python -m verify (\S+)", said)
    done = verify(command, cwd=tmp_path, code=0)
    assert "my_bound.py is run as your own code" in done.stderr
    assert done.stdout.splitlines()[-1] == "as expected"
    page = (tmp_path / "reports" / "my_bound" / "README.md").read_text()
    assert "Matrix Computations" in page
    assert "](cloud.svg)" in page


def test_at_other_sizes_it_is_as_expected_too(tmp_path):
    verify("new", "my_bound", cwd=tmp_path, code=0)
    done = verify("theorem=my_bound.py", "n=2,3,100", "instances=256", "format=json", cwd=tmp_path, code=0)
    assert [json.loads(line)["as_expected"] for line in done.stdout.splitlines()] == [True] * 3


def test_a_new_theorem_keeps_every_rule(tmp_path):
    theorem = catalogue.load(str(new.write("other_name", tmp_path)))
    records = checks.run(theorem, tmp_path)
    assert {r.status for r in records if r.rule != "gpu backend"} == {"passed"}, "\n".join(map(str, records))
    assert theorem.name == "other_name"
    assert sum(claim.origin == "control" for claim in theorem.claims) == 2
    assert len(theorem.families) == 2
    assert theorem.reference
    assert theorem.invariances
    assert theorem.figures


def test_the_bound_is_attained_and_both_controls_are_near_it(tmp_path):
    import verify

    result = verify.run(new.write("my_bound", tmp_path), instances=512)
    assert 1 - 1e-12 < result.ratio < 1
    assert {name: round(claim.verdict.ratio_max, 6) for name, claim in result.claims.items()} == {
        "sum of magnitudes": 1,
        "n - 1 for n": round((6 / 5) ** 0.5, 6),
        "normal entries": 1.25,
    }


def test_the_name_is_the_new_one_wherever_the_name_is(tmp_path):
    text = new.write("cauchy.py", tmp_path).read_text()
    assert "my_bound" not in text
    assert text.count("cauchy") == 2


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "mine.py").write_text("x = 1\n")
    done = verify("new", "mine", cwd=tmp_path, code=2)
    assert "mine.py is there already" in done.stderr
    assert (tmp_path / "mine.py").read_text() == "x = 1\n"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("My-Bound", "begins with a letter; my_bound would do"),
        ("2norm", "begins with a letter"),
        ("", "begins with a letter"),
        ("../bound", "begins with a letter; bound would do"),
        ("lambda", "a word of Python"),
        ("ipgd", "the catalogue has a theorem of that name"),
        ("random", "would hide"),
        ("numpy", "would hide"),
    ],
)
def test_a_name_that_cannot_be_is_refused_with_the_reason(name, reason, tmp_path):
    with pytest.raises(UsageError, match=re.escape(reason)) as error:
        new.write(name, tmp_path)
    assert str(error.value).startswith(repr(name))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="cannot be written: No such file"):
        new.write("my_bound", tmp_path / "none")


@pytest.mark.parametrize("tokens", [(), ("one", "two"), ("n=3",)])
def test_new_takes_one_name(tokens, tmp_path):
    assert "new takes one name" in verify("new", *tokens, cwd=tmp_path, code=2).stderr


def test_help_names_the_verb(tmp_path):
    assert "python -m verify new NAME" in verify("--help", cwd=tmp_path, code=0).stdout
    assert "did you mean new?" in verify("nwe", "my_bound", cwd=tmp_path, code=2).stderr
