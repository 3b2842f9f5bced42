import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from verify.core.theorem import Theorem
from verify.engine import catalogue
from verify.engine.catalogue import CatalogueError, UnknownTheorem

THEOREM = '''"""A square is not negative.

The rest of the mathematics.
"""

from verify import Claim, Every, Formula, Parameters, Theorem


def sample(draw, p, family):
    return {"x": draw.normal(1)}


def hypotheses(p, x):
    return {}


def solve(p, x):
    return {"zero": 0 * x["x"][:, 0], "square": x["x"][:, 0] ** 2}


THEOREM = Theorem(
    "square", "A square is not negative", Parameters, sample, hypotheses, solve,
    families={"random": "normals"}, claims=(Claim("square", Every(), "zero", Formula("square")),), sources=(),
)
'''


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of theorems of its own, in place of the repository's."""
    root = tmp_path / "toy_theorems"
    for folder in (root, root / "algebra", root / "analysis", root / "_drafts"):
        folder.mkdir()
        (folder / "__init__.py").touch()
    (root / "bibliography.py").write_text("raise RuntimeError('imported')")
    (root / "_drafts" / "idea.py").write_text(THEOREM)
    (root / "algebra" / "square.py").write_text(THEOREM)
    (root / "algebra" / "_shared.py").touch()
    (root / "analysis" / "broken.py").write_text(
        '"""Cannot be imported."""\nimport sys\n\nraise ValueError("on line 4")\n'
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(catalogue, "PACKAGE", "toy_theorems")
    yield root
    for name in [n for n in sys.modules if n.startswith("toy_theorems")]:
        del sys.modules[name]


def user_file(folder, text, name="square.py"):
    path = folder / name
    path.write_text(text)
    return str(path)


def test_names_are_the_modules_of_areas_and_nothing_is_imported(package):
    assert catalogue.names() == ["broken", "square"]
    assert not [name for name in sys.modules if name.startswith("toy_theorems.")]


def test_title_is_read_without_importing(package):
    assert catalogue.title("square") == "A square is not negative."
    assert catalogue.title("broken") == "Cannot be imported."
    assert not [name for name in sys.modules if name.startswith("toy_theorems.")]
    (package / "analysis" / "bare.py").write_text("x = 1")
    (package / "analysis" / "wrong.py").write_text("x = = 1")
    assert (catalogue.title("bare"), catalogue.title("wrong")) == ("", "")


def test_load_by_name(package):
    theorem = catalogue.load("square")
    assert isinstance(theorem, Theorem)
    assert theorem.name == catalogue.where(theorem) == "square"
    assert theorem.docstring.startswith("A square")
    assert catalogue.load("square") is theorem


def test_an_unknown_name_is_answered_with_the_nearest(package):
    for ask in (catalogue.load, catalogue.title):
        with pytest.raises(UnknownTheorem, match="did you mean square") as error:
            ask("Sqare")
        assert (error.value.name, error.value.suggestions) == ("Sqare", ["square"])
    with pytest.raises(UnknownTheorem) as error:
        catalogue.load("zzzzzz")
    assert error.value.suggestions == []
    assert "did you mean" not in str(error.value)


def test_two_theorems_of_one_name_are_refused(package):
    user_file(package / "analysis", THEOREM)
    with pytest.raises(CatalogueError, match="two theorems have the name square"):
        catalogue.names()


def test_a_theorem_that_cannot_be_imported_is_one_line(package):
    with pytest.raises(CatalogueError, match=r"broken\.py cannot be imported: line 4: ValueError: on line 4"):
        catalogue.load("broken")


def test_entry_points_are_found(package, monkeypatch, tmp_path):
    (tmp_path / "toy_plugin.py").write_text(THEOREM.replace('"square", "A', '"plug", "A'))
    point = EntryPoint("plug", "toy_plugin", catalogue.GROUP)
    monkeypatch.setattr(catalogue, "entry_points", lambda group: [point] if group == catalogue.GROUP else [])
    assert catalogue.names() == ["broken", "plug", "square"]
    assert catalogue.title("plug") == "A square is not negative."
    assert "toy_plugin" not in sys.modules
    assert catalogue.load("plug").name == "plug"


def test_load_by_path(tmp_path, monkeypatch):
    path = user_file(tmp_path, THEOREM)
    theorem = catalogue.load(path)
    assert theorem.name == "square"
    assert theorem.docstring.startswith("A square")
    assert catalogue.where(theorem) == path
    monkeypatch.chdir(tmp_path)
    assert catalogue.where(theorem) == "square.py"
    assert catalogue.load("square.py") is not theorem


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x = 1", "has no THEOREM"),
        ("THEOREM = 3", "a THEOREM that is a int"),
        (THEOREM.replace('"square", "A', '"cube", "A'), "its name must be 'square'"),
        ("import numpy\n\nimport no_such_module\n", "line 3: ModuleNotFoundError: No module named 'no_such_module'"),
        ("x = = 1", r"SyntaxError: invalid syntax \(square.py, line 1\)"),
        ("import sys\nsys.exit(3)", "line 2: SystemExit: 3"),
        (THEOREM.replace('Formula("square")', 'Formula("square +")'), "FormulaError"),
    ],
)
def test_a_user_file_that_is_no_theorem_says_why_in_one_line(tmp_path, text, why):
    path = user_file(tmp_path, text)
    with pytest.raises(CatalogueError, match=why) as error:
        catalogue.load(path)
    assert str(error.value).startswith(path)
    assert "\n" not in str(error.value)


def test_no_such_file(tmp_path):
    with pytest.raises(CatalogueError, match="no such file"):
        catalogue.load(str(tmp_path / "none.py"))


def test_names_and_titles_need_no_heavy_import():
    code = (
        "import sys; from verify.engine import catalogue; [catalogue.title(n) for n in catalogue.names()]; "
        "print([m for m in ('numpy', 'pydantic', 'sympy') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
