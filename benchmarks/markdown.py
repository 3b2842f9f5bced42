"""Rows of a benchmark as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table of the rows, whose columns are those of the first; floats have three digits."""
    columns = list(rows[0])
    lines = [columns, ["---"] * len(columns), *([cell(row.get(name)) for name in columns] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cell(value: Any) -> str:
    """A value as the text of a cell; None is a dash."""
    return "–" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)
