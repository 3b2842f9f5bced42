"""A new theorem: a commented file that runs at once, written where the user works.

What is written is the module beside this one, :mod:`verify.new.my_bound`, with its name replaced; so the style, the
types and the rules are checked on it like on any other code.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path

from verify.engine import catalogue
from verify.grammar import UsageError

TEMPLATE = "my_bound"
NAME = re.compile(r"[a-z][a-z0-9_]*")


def write(name: str, folder: Path) -> Path:
    """Writes ``folder/name.py`` and returns its path; ``name`` may end in ``.py``.

    Raises :class:`verify.grammar.UsageError` for a name that is none, that another theorem has or that would hide a
    Python module, for a file that is there already, and where nothing can be written.
    """
    name = name.removesuffix(".py")
    path = folder / f"{name}.py"
    if reason := _refused(name, path):
        raise UsageError([f"{name!r}: {reason}"])
    text = Path(__file__).with_name(f"{TEMPLATE}.py").read_text(encoding="utf-8")
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text.replace(TEMPLATE, name))
    except OSError as error:
        raise UsageError([f"{path} cannot be written: {error.strerror}"]) from None
    return path


def _refused(name: str, path: Path) -> str:
    """Why a theorem of this name cannot be written there; empty when it can."""
    if not NAME.fullmatch(name):
        better = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        hint = f"; {better} would do" if NAME.fullmatch(better) else ""
        return f"a name has lower-case letters, digits and _, and begins with a letter{hint}"
    if iskeyword(name):
        return "that is a word of Python"
    if name in catalogue.names():
        return "the catalogue has a theorem of that name"
    if path.exists():
        return f"{path.name} is there already; choose another name, or move it away"
    # The working directory comes first on Python's path: a file random.py there would be imported for `random`.
    if find_spec(name) is not None:
        return "there is a Python module of that name, which the file would hide"
    return ""
