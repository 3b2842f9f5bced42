"""Exact region counts against the public tools, same networks in the same run, on one thread.

``python -m benchmarks.regions`` prints a Markdown table. *Ours* counts a batch of networks exactly; *integers* is the
splitter in Python integers that the tests compare it with. ``regioncam`` (compiled, float32, two inputs) and
``relucent`` (a linear programme for each wall; its first cells only) take one network at a time; a column is absent
where its package is. Weights are drawn in float32, so that all see the same numbers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.markdown import markdown
from verify.core.arrays import backend, cupy_missing, to_numpy
from verify.kit import regions
from verify.kit.relu import Network, integer_network
from verify.kit.subdivision import count_regions

HALF = 8.0
CASES = {  # inputs, widths: networks in the batch, and of them how many the integer splitter counts
    (2, (16, 16)): (128, 8),
    (2, (64, 64)): (8, 1),
    (2, (64, 64, 64)): (2, 1),
    (2, (128, 128)): (2, 1),
    (3, (16, 16, 16)): (4, 1),
    (4, (12, 12)): (4, 1),
}
CELLS_OF_LP = 100


def networks(inputs: int, widths: tuple[int, ...], size: int) -> Network:
    """He weights, biases of standard deviation 1/2."""
    random, pairs = np.random.default_rng(0), []
    for m, n in pairwise((inputs, *widths)):
        W, b = random.standard_normal((size, n, m)) * (2 / m) ** 0.5, random.standard_normal((size, n)) / 2
        pairs.append((W.astype(np.float32).astype(float), b.astype(np.float32).astype(float)))
    weights, biases = zip(*pairs, strict=True)
    return Network(weights, biases)


def best(run: Callable[[], Any], times: int = 3) -> tuple[float, Any]:
    """The least processor time of so many runs, and the result."""
    found: list[tuple[float, Any]] = []
    for _ in range(times):
        start = time.process_time()
        result = run()
        found.append((time.process_time() - start, result))
    return min(found, key=lambda pair: pair[0])


def by_integers(network: Network, number: int) -> int:
    """The count of one network in exact integers."""
    return len(regions.cells(integer_network(network, number), (Fraction(-HALF), Fraction(HALF))))


def by_regioncam(network: Network, number: int) -> int:
    """The count of one network by regioncam, in float32."""
    camera = import_module("regioncam").Regioncam(size=HALF)
    for W, b in zip(network.weights, network.biases, strict=True):
        camera.linear(W[number].T.astype(np.float32), b[number].astype(np.float32))
        camera.relu()
    return int(camera.num_faces)


def by_relucent(network: Network, number: int) -> int:
    """The first cells that relucent finds by breadth-first search."""
    relucent, model = import_module("relucent"), import_module("relucent.model.model")
    layers = []
    for W, b in zip(network.weights, network.biases, strict=True):
        layers += [model.LinearLayer(W[number], b[number]), model.ReLULayer()]
    cells = relucent.Complex(model.ReLUNetwork(layers))
    cells.bfs(max_polys=CELLS_OF_LP, nworkers=1, verbose=0)
    return len(cells)


def installed(name: str) -> bool:
    """Whether a rival can be imported."""
    try:
        import_module(name)
    except ImportError:
        return False
    return True


def rows() -> list[dict[str, Any]]:
    """One row for each shape."""
    out = []
    with threadpool_limits(limits=1):
        for (inputs, widths), (size, few) in CASES.items():
            network = networks(inputs, widths, size)
            seconds, counts = best(lambda network=network: count_regions(network, (-HALF, HALF)))
            exact, slow = best(lambda network=network, few=few: [by_integers(network, i) for i in range(few)], 1)
            assert slow == counts[:few].tolist()
            row: dict[str, Any] = {
                "network": f"({inputs}; {','.join(map(str, widths))})",
                "regions, mean": float(np.mean(counts)),
                "ours, regions/s": float(np.sum(counts)) / seconds,
                "integers, regions/s": sum(slow) / exact,
            }
            if installed("regioncam"):
                some = range(min(size, 16)) if inputs == 2 else ()
                times, theirs = best(lambda network=network, some=some: [by_regioncam(network, i) for i in some])
                row["regioncam, regions/s"] = sum(theirs) / times if theirs else None
                row["ratio"] = row["ours, regions/s"] * times / sum(theirs) if theirs else None
                wrong = sum(a != b for a, b in zip(theirs, counts.tolist(), strict=False))
                row["its counts that differ"] = f"{wrong} of {len(theirs)}" if theirs else None
            if installed("relucent"):
                times, found = best(lambda network=network: by_relucent(network, 0), 1)
                row["relucent, regions/s"] = found / times
            if cupy_missing() is None:
                there = backend("cupy")
                moved = Network(*(tuple(map(there.asarray, part)) for part in (network.weights, network.biases)))
                start = time.perf_counter()
                to_numpy(count_regions(moved, (-HALF, HALF)))
                row["GPU, regions/s"] = float(np.sum(counts)) / (time.perf_counter() - start)
            out.append(row)
    return out


def table() -> str:
    """The rows as a Markdown table."""
    return markdown(rows())


if __name__ == "__main__":
    print(table())
