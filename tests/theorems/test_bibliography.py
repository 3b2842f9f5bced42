"""Every reference once: two papers of one name would silently become one."""

from __future__ import annotations

import ast
from pathlib import Path

from theorems import bibliography
from verify.core.theorem import Reference


def test_no_name_and_no_key_is_used_twice():
    tree = ast.parse(Path(bibliography.__file__).read_text(encoding="utf-8"))
    names = [node.targets[0].id for node in tree.body if isinstance(node, ast.Assign)]
    assert len(names) == len(set(names)) > 30
    keys = [entry.key for entry in vars(bibliography).values() if isinstance(entry, Reference)]
    assert len(keys) == len(set(keys)) == len(names)
