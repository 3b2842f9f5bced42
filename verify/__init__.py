"""Check theory with numbers: theorems that can be run. ``python -m verify --help``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from verify.core.enclosure import Enclosure
    from verify.core.formula import Formula
    from verify.core.theorem import Claim, Figure, Parameters, Reference, Sharper, Source, Theorem, control, misreading

# What a theorem file needs, imported when first asked for: nothing here may cost start-up time.
_PUBLIC = {
    "Enclosure": "verify.core.enclosure",
    "Formula": "verify.core.formula",
    "UsageError": "verify.grammar",
    "run": "verify.api",
    **dict.fromkeys(
        (
            "Claim",
            "Comparison",
            "Count",
            "Every",
            "Existence",
            "Figure",
            "Identity",
            "Mean",
            "Move",
            "Parameters",
            "Probability",
            "Rate",
            "Reference",
            "Sharper",
            "Source",
            "Theorem",
            "control",
            "misreading",
        ),
        "verify.core.theorem",
    ),
}


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        from importlib import import_module

        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'verify' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
