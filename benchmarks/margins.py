"""Exact input margins of ReLU classifiers per second, against a loop over single programs, one BLAS thread.

``python -m benchmarks.margins`` prints a Markdown table. The *random* networks are those of the theorem on input
margins: 2 to 4 inputs, 1 to 3 hidden layers of 3 to 7 units, 2 to 4 classes, Gaussian He weights, biases 0 or
0.3 N(0, 1), points N(0, I), 40 shapes with 20 networks each. Networks without a boundary, for which every region within
the radius is visited, are among them. ``gap`` is the largest (upper - lower) / upper. The rival is the walk in plain
Python: regions from a heap, nearest first, every projection by SciPy's non-negative least squares, with the same
radius, on the same networks. It is not certified, and starts from no attack. ``ratio`` is its time over ours, and
``apart`` the largest relative difference of the margins found.
"""

from __future__ import annotations

import heapq
import time
from itertools import count, pairwise
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.markdown import markdown
from verify.kit.attacks import predicted
from verify.kit.margins import Margins, input_margins
from verify.kit.relu import Network

SHAPES, EACH = 40, 20  # the random shapes and the networks of each
LARGER = (((2, 50, 2), 20), ((2, 20, 20, 2), 20), ((5, 12, 12, 3), 20))
RADIUS = 1e3

Batch = tuple[Network, Any]  # networks and points (B, 1, d)


def classifiers(random: Any, batch: int, sizes: tuple[int, ...], sigma: float) -> Batch:
    """Networks with inputs, hidden widths and classes ``sizes``, and a point for each."""
    pairs = [
        (random.standard_normal((batch, n, m)) * np.sqrt(2 / m), sigma * random.standard_normal((batch, n)))
        for m, n in pairwise(sizes)
    ]
    network = Network(tuple(W for W, _ in pairs[:-1]), tuple(b for _, b in pairs[:-1]), pairs[-1])
    return network, random.standard_normal((batch, 1, sizes[0]))


def random_shapes(random: Any) -> list[Batch]:
    """The random networks, shape after shape."""
    found = []
    for _ in range(SHAPES):
        hidden = random.integers(3, 8, size=random.integers(1, 4))
        sizes = tuple(int(n) for n in (random.integers(2, 5), *hidden, random.integers(2, 5)))
        found.append(classifiers(random, EACH, sizes, float(random.choice([0.0, 0.3]))))
    return found


def plain_margin(network: Network, number: int, x: Any, y: int) -> float:
    """The margin of one network at x (d,), one program at a time; inf where there is no boundary within the radius."""
    layers = [(W[number], b[number]) for W, b in zip(network.weights, network.biases, strict=True)]
    assert network.readout is not None
    V, c = (a[number] for a in network.readout)
    start = tuple((network.pre_activations(x[None, None])[number, 0] > 0).tolist())
    order = count()
    heap: list[Any] = [(0.0, next(order), start)]
    visited = set()
    while heap:
        distance, _, pattern = heapq.heappop(heap)
        if pattern is None or distance > RADIUS:
            return distance if pattern is None else np.inf
        if pattern in visited:
            continue
        visited.add(pattern)
        form, rows, first = np.concatenate([np.eye(len(x)), x[:, None]], axis=1), [], 0
        for W, b in layers:
            form = W @ form
            form[:, -1] += b
            rows.append(form)
            form = form * np.asarray(pattern[first : first + len(b)])[:, None]
            first += len(b)
        signed = np.where(pattern, 1.0, -1.0)[:, None] * np.concatenate(rows)
        lengths = np.linalg.norm(signed[:, :-1], axis=1)
        moves = np.flatnonzero(lengths > 1e-12)
        unit = signed[moves] / lengths[moves, None]
        out = V @ form + np.concatenate([np.zeros((len(c), len(x))), c[:, None]], axis=1)
        for j in range(len(c)):
            if j != y:
                heapq.heappush(heap, (_least_distance(unit, out[j] - out[y]), next(order), None))
        for i, row in zip(moves, unit, strict=True):
            flipped = (*pattern[:i], not pattern[i], *pattern[i + 1 :])
            if flipped not in visited and (d := _least_distance(unit, -row)) < np.inf:
                heapq.heappush(heap, (d, next(order), flipped))
    return np.inf


def _least_distance(rows: Any, more: Any) -> float:
    """min |u| with a.u + v >= 0 for all rows (a, v), inf where that is empty."""
    from scipy.optimize import nnls

    length = np.linalg.norm(more[:-1])
    if length < 1e-12:
        if more[-1] < 0:
            return np.inf
    else:
        rows = np.concatenate([rows, more[None] / length])
    E = np.concatenate([rows[:, :-1].T, -rows[None, :, -1]])
    target = np.zeros(len(E))
    target[-1] = 1.0
    y, residual = nnls(E, target, maxiter=1000)
    return np.inf if residual < 1e-9 else float(np.linalg.norm((E @ y - target)[:-1]) / residual**2)


def row(name: str, batches: list[Batch]) -> dict[str, Any]:
    """One row of the table."""
    input_margins(*batches[0], radius=RADIUS)
    start = time.perf_counter()
    found: list[Margins] = [input_margins(network, x, radius=RADIUS) for network, x in batches]
    seconds = (time.perf_counter() - start) / sum(len(network) for network, _ in batches)
    upper, lower = (np.concatenate([getattr(m, end)[:, 0] for m in found]) for end in ("upper", "lower"))
    exact = np.concatenate([[s == "exact" for (s,) in m.status] for m in found])

    apart, start = 0.0, time.perf_counter()
    for (network, x), ours in zip(batches, found, strict=True):
        y = predicted(network, x)
        for k in range(len(network)):
            theirs = plain_margin(network, k, x[k, 0], int(y[k, 0]))
            if ours.status[k][0] == "exact":
                apart = max(apart, abs(theirs / ours.upper[k, 0] - 1))
    plain = (time.perf_counter() - start) / len(upper)
    return {
        "networks": name,
        "number": len(upper),
        "exact": int(exact.sum()),
        "no boundary": sum(s == "no boundary" for m in found for (s,) in m.status),
        "regions, mean": float(np.mean(np.concatenate([m.regions for m in found]))),
        "margins/s": 1 / seconds,
        "gap": float(np.max(1 - lower[exact] / upper[exact])),
        "plain/s": 1 / plain,
        "ratio": plain / seconds,
        "apart": apart,
    }


def rows() -> list[dict[str, Any]]:
    """A row for the random networks and one for each larger shape."""
    random = np.random.default_rng(0)
    with threadpool_limits(limits=1):
        found = [row("random", random_shapes(random))]
        for sizes, batch in LARGER:
            found.append(row("-".join(map(str, sizes)), [classifiers(random, batch, sizes, 0.3)]))
    return found


def table() -> str:
    """The rows as a Markdown table."""
    return markdown(rows())


if __name__ == "__main__":
    print(table())
