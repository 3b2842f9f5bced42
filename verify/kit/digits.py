"""Handwritten digits: real data, small enough to travel with the package (see ``data/README.md`` for its licence)."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

CLASSES = 10
LARGEST = 16  # of a pixel


def digits() -> tuple[Any, Any]:
    """The 1797 test images of *Optical Recognition of Handwritten Digits* (E. Alpaydin, C. Kaynak; UCI Machine
    Learning Repository; CC BY 4.0): images (1797, 64) uint8, 8 x 8 pixels row by row from 0 to 16, and labels (1797,)
    uint8, NumPy arrays."""
    import numpy as np

    with (files(__package__) / "data" / "digits.npz").open("rb") as file, np.load(file, allow_pickle=False) as found:
        return found["images"], found["labels"]
