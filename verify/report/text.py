r"""Numbers, mathematics and user text as they are written on pages and terminals. Strings in, strings out."""

from __future__ import annotations

import math
import re
from typing import Any

GREEK = re.compile("alpha|beta|gamma|delta|epsilon|eta|theta|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|phi|psi|omega")
LISTED = 24  # entries of a list that are written
VERBATIM = re.compile(r"(\$`[^`]*`\$|`[^`]*`)")  # inline mathematics, as GitHub reads it, and code


def number(x: float | None, digits: int = 4) -> str:
    """``x`` to ``digits`` significant digits: 10,240; 0.9983; 3.2e-09. Integers keep every digit; NaN and None are a
    dash."""
    if x is None or math.isnan(x):
        return "–"
    if math.isinf(x):
        return "∞" if x > 0 else "-∞"
    if x == int(x) and abs(x) < 1e15:
        return f"{int(x):,}"
    if 1e-4 <= abs(x) < 1e7:
        rounded = float(f"{x:.{digits}g}")
        return f"{int(rounded):,}" if abs(rounded) >= 10 ** (digits - 1) else f"{rounded:g}"
    return f"{x:.{digits}g}"


def ratio(x: float | None) -> str:
    """A ratio, written so that it reads as 1 only when it is 1: 0.9983, 1 - 3.2e-09."""
    if x is not None and x != 1 and number(x) == "1":
        return f"1 {'-' if x < 1 else '+'} {number(abs(x - 1), 2)}"
    return number(x)


def entry(x: float | None) -> str:
    """An entry of a witness: all digits of a short decimal such as 0.7, else six significant ones."""
    if x is None or not math.isfinite(x):
        return number(x)
    if x == int(x) and abs(x) < 1e15:
        return str(int(x))
    return repr(x) if len(repr(abs(x))) <= 8 else f"{x:.6g}"


def apart(a: float | None, b: float | None) -> tuple[str, str]:
    """Two numbers with as many digits as it takes to tell them apart, six at least."""
    if a is None or b is None or a == b:
        return entry(a), entry(b)
    digits = next((n for n in range(6, 17) if f"{a:.{n}g}" != f"{b:.{n}g}"), 17)
    return f"{a:.{digits}g}", f"{b:.{digits}g}"


def value(x: Any) -> str:
    """A setting or an answer: numbers to six digits, a list in brackets, by its first :data:`LISTED` entries."""
    if isinstance(x, list | tuple):
        more = [f"… {number(len(x))} in all"] if len(x) > LISTED else []
        return f"[{', '.join([*map(value, x[:LISTED]), *more])}]"
    is_number = x is None or (isinstance(x, int | float) and not isinstance(x, bool))
    return number(x, 6) if is_number else str(x)


def latex_number(text: str) -> str:
    r"""A written number as LaTeX: 3.2e-09 becomes ``3.2 \cdot 10^{-9}``."""
    text = text.replace("∞", r"\infty").replace(",", "{,}").replace("–", r"\text{–}")
    return re.sub(r"e([+-]\d+)", lambda m: rf" \cdot 10^{{{int(m[1])}}}", text)


def latex_array(value: Any) -> str:
    """Nested lists as LaTeX: a number, a row (one axis), a matrix (two), a list of those (more)."""
    if not isinstance(value, list):
        return latex_number(entry(value))
    if _depth(value) == 2:
        rows = (" & ".join(map(latex_array, row)) for row in value)
        return r"\begin{bmatrix} " + r" \\ ".join(rows) + r" \end{bmatrix}"
    return r"\left(" + r",\; ".join(map(latex_array, value)) + r"\right)"


def _depth(value: Any) -> int:
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


def latex_name(name: str) -> str:
    r"""A name that has no symbol: ``x`` stays, ``mu`` is Greek, ``step_size`` becomes ``\mathrm{step\_size}``."""
    if len(name) == 1:
        return name
    escaped = name.replace("_", r"\_")
    return f"\\{name}" if GREEK.fullmatch(name) else rf"\mathrm{{{escaped}}}"


def github(markdown: str) -> str:
    r"""The macros that GitHub refuses (``\operatorname``, ``\mbox``, ``\phantom``) replaced by ones that it takes."""
    markdown = re.sub(r"\\operatorname\*?", r"\\mathrm", markdown)
    markdown = re.sub(r"\\mbox(?![a-zA-Z])", r"\\text", markdown)
    return re.sub(r"\\phantom\s*\{[^{}]*\}", r"\\;", markdown)


def bars(latex: str) -> str:
    r"""LaTeX without the character that ends a cell of a table: ``\vert`` and ``\Vert`` are the same signs."""
    latex = re.sub(r"\\left\s*\|", r"\\left\\lvert ", latex)
    latex = re.sub(r"\\right\s*\|", r"\\right\\rvert{}", latex)
    signs = {"|": r"\vert{}", r"\|": r"\Vert{}"}
    return re.sub(r"\\\\|\\\||\|", lambda m: signs.get(m[0], m[0]), latex)


def cell(markdown: str) -> str:
    """Markdown for one cell of a table: one line, no bare bar; mathematics keeps its meaning."""
    pieces = VERBATIM.split(" ".join(markdown.split()))
    return "".join(bars(p) if p.startswith("$`") else p.replace("|", r"\|") for p in pieces)


def plain(text: str) -> str:
    """A name, a title or a remark as Markdown that shows it letter by letter, except mathematics and code."""
    special = re.compile(r"([\\*\[\]]|(?<!\w)_|_(?!\w)|<(?=[A-Za-z/!?]))")
    pieces = VERBATIM.split(" ".join(text.split()))
    return "".join(p if n % 2 else special.sub(r"\\\1", p) for n, p in enumerate(pieces))
