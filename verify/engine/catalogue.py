r"""The catalogue: where theorems are found.

A theorem's name is the stem of its file. It is looked for in the areas (subpackages) of the package of theorems, then
among the entry points of the group ``verify.theorems``, whose names are theorem names and whose values are modules;
anything that ends in ``.py`` is the path of the user's own file. Names and titles are read without importing a theorem.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pkgutil
import sys
import traceback
from collections.abc import Callable
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verify.core.theorem import Theorem

PACKAGE = "theorems"
GROUP = "verify.theorems"
_USER = "verify_user_theorem_"  # the module of the user's file x.py is verify_user_theorem_x


class CatalogueError(Exception):
    """A theorem cannot be loaded; the message says which and why."""


class UnknownTheorem(CatalogueError):
    """No theorem has this name; ``suggestions`` are the names most like it."""

    def __init__(self, name: str, suggestions: list[str]):
        self.name, self.suggestions = name, suggestions
        near = f"did you mean {' or '.join(suggestions)}? " if suggestions else ""
        super().__init__(f"there is no theorem {name!r}; {near}`python -m verify list` shows all")


def names() -> list[str]:
    """The names of all theorems, sorted."""
    return sorted({*_files(), *_plugins()})


def load(name_or_path: str) -> Theorem:
    """The theorem of that name, or of the user's own file at that path, which is run as it is.

    Raises :class:`UnknownTheorem`, and :class:`CatalogueError` for a file that cannot be imported, holds no
    ``THEOREM``, or holds one whose name is not the stem of the file.
    """
    if name_or_path.endswith(".py"):
        path = Path(name_or_path)
        if not path.is_file():
            raise CatalogueError(f"{path}: no such file")
        return _theorem(lambda: _execute(path), path.stem, str(path))
    if (file := _files().get(name_or_path)) is not None:
        module = f"{PACKAGE}.{file.parent.name}.{file.stem}"
        return _theorem(lambda: importlib.import_module(module), file.stem, str(file))
    if (plugin := _plugins().get(name_or_path)) is not None:
        return _theorem(lambda: importlib.import_module(plugin.module), plugin.name, plugin.value)
    raise UnknownTheorem(name_or_path, get_close_matches(name_or_path.lower(), names(), n=3, cutoff=0.5))


def where(theorem: Theorem) -> str:
    """What :func:`load` finds the theorem by: its name, or the path of the user's file."""
    file = Path(theorem.sample.__code__.co_filename)
    if not theorem.sample.__module__.startswith(_USER):
        return theorem.name
    return file.relative_to(Path.cwd()).as_posix() if file.is_relative_to(Path.cwd()) else file.as_posix()


def title(name: str) -> str:
    """The first line of the docstring of a theorem's file; empty where there is none to read."""
    if (path := _files().get(name)) is None:
        if (plugin := _plugins().get(name)) is None:
            raise UnknownTheorem(name, get_close_matches(name.lower(), names(), n=3, cutoff=0.5))
        spec = importlib.util.find_spec(plugin.module)
        if spec is None or spec.origin is None:
            return ""
        path = Path(spec.origin)
    try:
        docstring = ast.get_docstring(ast.parse(path.read_bytes()))
    except (OSError, SyntaxError, ValueError):
        return ""
    return docstring.strip().splitlines()[0] if docstring and docstring.strip() else ""


def _files() -> dict[str, Path]:
    """Name -> file of the theorems in the areas of the package."""
    spec = importlib.util.find_spec(PACKAGE)
    found: dict[str, Path] = {}
    for root in (spec.submodule_search_locations or []) if spec else []:
        for area in pkgutil.iter_modules([root]):
            if not area.ispkg or area.name.startswith("_"):
                continue
            folder = Path(root) / area.name
            for module in pkgutil.iter_modules([str(folder)]):
                if module.ispkg or module.name.startswith("_"):
                    continue
                path = folder / f"{module.name}.py"
                if (other := found.setdefault(module.name, path)) != path:
                    raise CatalogueError(f"two theorems have the name {module.name}: {other} and {path}")
    return found


def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _execute(path: Path) -> ModuleType:
    """The module of the user's file, run afresh."""
    name = _USER + path.stem
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # the file's own classes look themselves up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _theorem(load_module: Callable[[], ModuleType], name: str, origin: str) -> Theorem:
    """``THEOREM`` of the module, whose name must be ``name``; every failure becomes one line about ``origin``."""
    try:
        module = load_module()
    except (Exception, SystemExit) as error:
        raise CatalogueError(f"{origin} cannot be imported: {_brief(error, origin)}") from error
    from verify.core.theorem import Theorem

    theorem = getattr(module, "THEOREM", None)
    if not isinstance(theorem, Theorem):
        found = "no THEOREM" if theorem is None else f"a THEOREM that is a {type(theorem).__name__}"
        raise CatalogueError(f"{origin} has {found}; it must set THEOREM = Theorem(...)")
    if theorem.name != name:
        raise CatalogueError(f"{origin} holds the theorem {theorem.name!r}; its name must be {name!r}, as the file's")
    return theorem


def _brief(error: BaseException, origin: str) -> str:
    """Kind, message and the last line of the file itself that led to the error."""
    text = " ".join(str(error).split())
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {text}"
    stem = Path(origin).name
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).name == stem]
    return (f"line {lines[-1]}: " if lines else "") + f"{type(error).__name__}: {text}"
