"""Every reference has one name and one key: a second would silently take the place of the first."""

from __future__ import annotations

import ast
from pathlib import Path

from theorems import bibliography
from verify.core.theorem import Reference


def test_no_name_and_no_key_is_given_twice():
    tree = ast.parse(Path(bibliography.__file__).read_text(encoding="utf-8"))
    names = [target.id for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    keys = [entry.key for entry in vars(bibliography).values() if isinstance(entry, Reference)]
    assert len(names) == len({*names}) == len(keys) == len({*keys})
