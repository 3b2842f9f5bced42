"""What a kernel would take at the limits of the machine: its matrix products at the rate of a large product, or of the
memory that holds the factors where that is less, and all other operations at the rate of the memory that holds what
they touch.

The operations are counted, not guessed: arrays of a class of their own report every universal function that is called
with them. What NumPy does without one (sorting, gathering, LAPACK's factorisations, Python's integers) counts for
nothing, so the share of the limit is a lower bound.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar

import numpy as np

from verify.core.enclosure import Enclosure


class Counted(np.ndarray[Any, Any]):
    """An array whose operations are counted: ``seconds`` that products and the rest take at the limits."""

    seconds: ClassVar[dict[str, float]] = {}

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        plain = [_plain(x) for x in inputs]
        if out is not None:
            options["out"] = tuple(map(_plain, out))
        result = getattr(ufunc, method)(*plain, **options)
        results = result if isinstance(result, tuple) else (result,)
        touched = sum(np.asarray(x).nbytes for x in (*plain, *results))
        if ufunc is np.matmul:
            operations = 2 * plain[0].shape[-1] * results[0].size
            Counted.seconds["products"] += max(operations / product_rate(), touched / byte_rate(touched))
        elif not ufunc.signature:
            Counted.seconds["rest"] += touched / byte_rate(touched)
        if out is not None:
            return out[0] if len(out) == 1 else out
        found = tuple(x.view(Counted) if isinstance(x, np.ndarray) else x for x in results)
        return found if isinstance(result, tuple) else found[0]


def _plain(x: Any) -> Any:
    return np.asarray(x) if isinstance(x, Counted) else x


def count(theorem: Any, p: Any, x: Mapping[str, Any]) -> dict[str, float]:
    """The seconds at the limits of one core, of the ``products`` and of the ``rest``, of hypotheses and solve on the
    instances ``x``."""

    def counted(value: Any) -> Any:
        if isinstance(value, Enclosure):
            return value.each(counted)
        return value.view(Counted) if isinstance(value, np.ndarray) else value

    arrays = {name: counted(value) for name, value in x.items()}
    Counted.seconds = {"products": 0.0, "rest": 0.0}
    with np.errstate(all="ignore"):
        theorem.hypotheses(p, arrays)
        theorem.solve(p, arrays)
    return dict(Counted.seconds)


@cache
def product_rate(size: int = 512) -> float:
    """Operations a second of a float64 product of square matrices, one BLAS thread."""
    a = np.ones((size, size))
    return _best(lambda: a @ a, 2 * size**3)


def byte_rate(touched: int) -> float:
    """Bytes a second of a multiplication of float64 arrays that touches about so many bytes: at least those of the
    cache, 128 KiB, and no more than 64 MiB."""
    return _byte_rate(min(26, max(17, math.ceil(math.log2(max(1, touched))))))


@cache
def _byte_rate(octave: int) -> float:
    size = 2**octave // 24
    a, b, c = np.ones(size), np.ones(size), np.empty(size)
    return _best(lambda: np.multiply(a, b, out=c), 3 * a.nbytes)


def _best(run: Any, work: float) -> float:
    """The rate of a repeated ``run``, the best of twenty."""
    began = time.perf_counter()
    run()
    repeats = max(1, round(1e-3 / (time.perf_counter() - began)))
    seconds = []
    for _ in range(20):
        began = time.perf_counter()
        for _ in range(repeats):
            run()
        seconds.append((time.perf_counter() - began) / repeats)
    return work / min(seconds)
