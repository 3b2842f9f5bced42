r"""What the theorems on margins share: small ReLU classifiers with points, stored by name, and slow independent checks.

An instance holds the arrays of its network (W1, b1, ..., and V, c of the read-out, see
:mod:`theorems.expressivity._networks`), ``x`` (B, d), the point whose margin is meant, and where a theorem speaks of
data also ``data`` (B, P, d), of which x is one. The class of x is the one that the network gives it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from theorems.expressivity import _networks as networks
from verify.core.arrays import Array, device, eps, namespace, norm2, to_numpy
from verify.core.enclosure import Enclosure
from verify.core.streams import Draw
from verify.kit.attacks import predicted, smallest_margin
from verify.kit.relu import Network

FAR = 30.0  # boundaries are looked for up to here: the samplers have one within it
TRAINING_STEPS, TRAINING_RATE = 200, 0.05


def named(network: Network, x: Array, data: Array | None = None) -> dict[str, Array]:
    """The arrays of an instance, x (B, d) and data (B, P, d)."""
    return {**networks.named(network), "x": x, **({} if data is None else {"data": data})}


def symbols(layers: int) -> dict[str, tuple[str, str]]:
    """LaTeX and meaning of the arrays of an instance."""
    return {
        **networks.symbols(layers),
        "V": ("V", "weights of the read-out, a row for each class"),
        "c": ("c", "biases of the read-out"),
        "x": ("x", "the point"),
        "data": (r"\Upsilon", "the data, a row for each point; x is the first"),
    }


# ------------------------------------------------------------------------------------------------- samplers


def gaussian(draw: Draw, inputs: int, widths: tuple[int, ...], classes: int, sigma: Array) -> Network:
    """Gaussian weights of variance 2/fan-in, in the read-out 1/fan-in; Gaussian biases of deviation sigma (B,) in the
    hidden layers, none in the read-out."""
    from verify.kit.random_networks import he_network

    hidden = he_network(draw, inputs, widths, sigma)
    V = draw.normal(classes, widths[-1]) / widths[-1] ** 0.5
    return Network(hidden.weights, hidden.biases, (V, draw.full(0.0, classes)))


def opposed(network: Network, x: Array, z: Array) -> Network:
    """The network with the output biases for which f(z) = -f(x), at x and z (B, d). What is largest at x is smallest
    at z, so z is in another class and there is a boundary between them, unless f(x) = f(z) before."""
    xp = namespace(x)
    V, c = network.readout
    f = network.outputs(xp.stack([x, z], axis=1))
    return Network(network.weights, network.biases, (V, c - xp.mean(f, axis=1)))


def opposed_without_biases(network: Network, x: Array, z: Array) -> Network:
    """The same without biases in the read-out: what the sum of the last hidden values at x and z gives is taken away
    from V."""
    xp = namespace(x)
    V, c = network.readout
    last = network.pre_activations(xp.stack([x, z], axis=1))[..., -network.widths[-1] :]
    s = xp.sum(xp.maximum(last, xp.zeros_like(last)), axis=1)
    square = xp.sum(s * s, axis=-1)
    unit = s / xp.where(square > 0, square, xp.ones_like(square))[:, None]
    return Network(network.weights, network.biases, (V - xp.matmul(V, s[..., None]) * unit[:, None, :], c))


def aligned(draw: Draw, inputs: int, widths: tuple[int, ...]) -> tuple[Network, Array]:
    r"""Rank-one layers :math:`W^l=u_lu_{l-1}^\top` of small whole numbers, :math:`u_l\ge0` for l > 0, a read-out
    :math:`\pm u_L^\top h\mp t`, and x with :math:`u_0\cdot x>0`: the singular vectors fit together, no unit is
    inactive on the way from x to the boundary :math:`u_L\cdot h=t>0`, and every norm on the way is attained."""
    xp = draw.xp

    def whole(n: int, low: float) -> Array:
        u = xp.floor(draw.uniform(n, low=low, high=4.0))
        return xp.concat([xp.maximum(u[:, :1], xp.ones_like(u[:, :1])), u[:, 1:]], axis=-1)

    u = [whole(inputs, -3.0), *(whole(n, 0.0) for n in widths)]
    weights = tuple(new[:, :, None] * old[:, None, :] for old, new in pairwise(u))
    x = 2.0 * u[0]
    value = xp.ones_like(x[:, 0])
    for now in u:
        value = value * xp.sum(now * now, axis=-1)
    t = 2.0 * value * draw.choose((0.25, 0.5, 0.75))
    V = xp.stack([u[-1], -u[-1]], axis=1)
    zeros = tuple(draw.full(0.0, n) for n in widths)
    return Network(weights, zeros, (V, xp.stack([-t, t], axis=-1))), x


def trained(draw: Draw, widths: tuple[int, ...], points: int) -> tuple[Network, Array]:
    r"""Networks trained on points of the square :math:`[-1,1)^2` whose two classes are the sign of
    :math:`(x_1-a)(x_2-b)`, and their training points (B, points, 2).

    It starts from uniform numbers and goes on on the host: so all backends get the same network to the last bit.
    """
    import numpy as np

    from verify.kit.learners import Training, train

    xp, like = draw.xp, draw.full(0.0)
    sizes = (2, *widths, 2)
    host = [to_numpy(draw.uniform(n, m, low=-1.0, high=1.0)).astype(float) * (6 / m) ** 0.5 for m, n in pairwise(sizes)]
    data = draw.uniform(points, 2, low=-1.0, high=1.0)
    split = to_numpy(draw.uniform(1, 2, low=-0.3, high=0.3)).astype(float)
    away = to_numpy(data).astype(float) - split
    labels = (away[..., 0] * away[..., 1] > 0).astype(np.int64)
    *hidden, V = host
    start = Network(tuple(hidden), tuple(np.zeros(W.shape[:2]) for W in hidden), (V, np.zeros(V.shape[:2])))
    how = Training(TRAINING_STEPS, TRAINING_RATE, batch=None, optimiser="adam")
    found = train(start, to_numpy(data).astype(float), labels, draw, how)

    def back(a: Any) -> Array:
        return xp.asarray(a, dtype=like.dtype, device=like.device)

    V, c = found.readout
    return Network(tuple(map(back, found.weights)), tuple(map(back, found.biases)), (back(V), back(c))), data


# ------------------------------------------------------------------------------------------------- what is measured


def output_rounding(network: Network, x: Array) -> Array:
    """A bound on the rounding errors of each difference of two outputs at x (B, P, d), (B, P)."""
    xp = namespace(x)
    return 2 * xp.max(network.output_errors(xp.abs(x)), axis=-1)


def clear_margin(network: Network, x: Array) -> tuple[Array, Array]:
    """At x (B, d) the smallest :math:`m_j` for the class that the network gives, and the same less 1000 roundings."""
    point = x[:, None, :]
    m = smallest_margin(network, point, predicted(network, point))[:, 0]
    return m, m - 1000 * output_rounding(network, point)[:, 0]


def margin_with_rounding(network: Network, x: Any, y: Any, slack: float = 0.0) -> Enclosure:
    """The input margins of networks (NumPy) at x (B, 1, d) for the classes y (B, 1), up to FAR, as (B,): the certified
    ends, moved apart by what a rounding error in each weight and a witness beside the boundary may change.

    Errors in the outputs are turned into distances by the slope of the margin on the last millionth of the way to the
    boundary; where it has none, as beside a dead region, the ends are infinite.
    """
    import numpy as np

    from verify.kit.margins import input_margins

    found = input_margins(network, x, y, slack=slack, radius=FAR)
    near = found.witness + 1e-6 * (x - found.witness)
    error = output_rounding(network, found.witness) + found.residual
    rise = smallest_margin(network, near, y) + slack - found.residual
    sloping = np.isfinite(found.upper) & (rise > 4 * error)
    radius_of_error = np.where(sloping, 4 * error * 1e-6 * found.upper / np.where(sloping, rise, 1.0), np.inf)
    return Enclosure(found.upper, found.lower - radius_of_error, found.upper + radius_of_error).each(lambda a: a[:, 0])


def in_dtype_of(like: Array, found: Enclosure) -> Enclosure:
    """The ends of a float64 enclosure in the dtype and on the device of ``like``, rounded outwards."""
    xp = namespace(like)

    def cast(a: Array) -> Array:
        return xp.asarray(to_numpy(a), dtype=like.dtype, device=device(like))

    unit = 2 * eps(like)
    return Enclosure(cast(found.value), cast(found.lower) * (1 - unit), cast(found.upper) * (1 + unit))


def radial_gain(network: Network) -> Array:
    r""":math:`\sup_{u\ne0}|J(u)u|/|u|` for two inputs, (B,), exact up to rounding where there are no biases.

    Then the regions are cones. The breakpoints along the sides of a square are those of all directions, and on the
    cone between two of them :math:`|Ju|^2/|u|^2` is largest at the top singular direction or at an end.
    """
    from verify.kit.jacobians import breakpoints, jacobians

    W = network.weights[0]
    xp, where = namespace(W), device(W)
    corner = xp.asarray([[1.0, -1.0], [1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0]], dtype=W.dtype, device=where)
    start = xp.broadcast_to(corner, (len(network), 4, 2))
    end = xp.roll(start, -1, axis=1)
    t = breakpoints(network, start, end)
    u = start[:, :, None, :] + t[..., None] * (end - start)[:, :, None, :]
    a, b = u[:, :, :-1, :], u[:, :, 1:, :]
    J = xp.reshape(jacobians(network, xp.reshape((a + b) / 2, (len(network), -1, 2))), (*a.shape[:3], -1, 2))
    G = xp.matmul(xp.matrix_transpose(J), J)
    angle = xp.atan2(2 * G[..., 0, 1], G[..., 0, 0] - G[..., 1, 1]) / 2
    top = xp.stack([xp.cos(angle), xp.sin(angle)], axis=-1)
    inside = _cross(a, top) * _cross(top, b) >= 0

    def gain(v: Array) -> Array:
        return norm2(xp.matmul(J, v[..., None])[..., 0]) / norm2(v)

    ends = xp.maximum(gain(a), gain(b))
    return xp.max(xp.where(inside, xp.maximum(gain(top), ends), ends), axis=(1, 2))


def _cross(a: Array, b: Array) -> Array:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


# ------------------------------------------------------------------------------------------------- drawn


def class_map(network: Network, low: float, high: float, lines: Any) -> dict[str, Any]:
    """The record of a map (see ``maps`` of :class:`~verify.core.theorem.Theorem`) of one network of two inputs: its
    activation regions in the square, cut along the decision boundary and coloured by class, the boundary, and the
    curves ``lines``, pairs of a label and points (n, 2)."""
    from itertools import combinations

    import numpy as np

    from verify.kit.subdivision import subdivide

    V, c = network.readout
    pairs = np.asarray([*combinations(range(V.shape[1]), 2)])
    ties = V[:, pairs[:, 0]] - V[:, pairs[:, 1]], c[:, pairs[:, 0]] - c[:, pairs[:, 1]]
    found = subdivide(Network((*network.weights, ties[0]), (*network.biases, ties[1])), (low, high))
    digits = 4 - int(np.floor(np.log10(high - low)))
    cells, boundary = [], []
    for polygon in found.polygons():
        own = int(predicted(network, np.mean(polygon, axis=0)[None, None])[0, 0])
        cells.append([own, np.round(polygon, digits).reshape(-1).tolist()])
        f = network.outputs(polygon[None])[0]
        beyond = np.min(np.where(np.arange(f.shape[1]) == own, np.inf, f[:, own, None] - f), axis=1)
        tied = beyond <= 1e-9 * (1 + np.max(np.abs(f)))
        for k in np.flatnonzero(tied & np.roll(tied, -1)):
            end = (k + 1) % len(polygon)
            if own < int(predicted(network, _past(polygon, k, end))[0, 0]):
                boundary.append(np.round(polygon[[k, end]], digits))
    drawn = [("decision boundary", segment) for segment in boundary]
    drawn += [(label, np.round(curve, digits)) for label, curve in lines]
    return {
        "box": [low, high],
        "colour": "",
        "cells": cells,
        "lines": [[label, curve.reshape(-1).tolist()] for label, curve in drawn],
    }


def _past(polygon: Any, k: int, end: int) -> Any:
    """A point a little outside of the polygon (n, 2), counterclockwise, beyond the middle of one side: (1, 1, 2)."""
    import numpy as np

    side = polygon[end] - polygon[k]
    outwards = np.asarray([side[1], -side[0]])
    return ((polygon[k] + polygon[end]) / 2 + 1e-6 * outwards / np.linalg.norm(side))[None, None]


def circle(centre: Any, radius: float, corners: int = 120) -> Any:
    """A closed polygon (corners + 1, 2) in place of a circle."""
    import numpy as np

    angle = np.linspace(0, 2 * np.pi, corners + 1)
    return np.asarray(centre) + radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1)


# ------------------------------------------------------------------------------------------------- independent checks


def walk_reference(network: Network, x: Any, y: int, slack: float = 0.0) -> tuple[float, float, float]:
    """The input margin of one network (NumPy) at x (d,), and the largest |J|_2 and max_j |J_y - J_j|_2 over the regions
    that are no farther: (margin, spectral, pair), right to about 1e-7 relatively; the margin is inf without a boundary.

    Dijkstra's algorithm over the activation patterns. The distance to a region, to a part of it or to a facet is a
    least-distance program, solved as a problem of non-negative least squares (Lawson and Hanson).
    """
    from heapq import heappop, heappush
    from itertools import count

    import numpy as np

    layers = [(W[0], b[0]) for W, b in zip(network.weights, network.biases, strict=True)]
    V, c = network.readout[0][0], network.readout[1][0]

    def forms(pattern: Any) -> tuple[Any, Any]:
        A, found, first = np.eye(len(x) + 1), [], 0
        for W, b in layers:
            z = np.column_stack([W, b]) @ A
            found.append(z)
            A = np.vstack([pattern[first : first + len(b), None] * z, np.eye(len(x) + 1)[-1]])
            first += len(b)
        return np.concatenate(found), np.column_stack([V, c]) @ A

    ticket, margin, spectral, pair = count(), np.inf, 0.0, 0.0
    start = np.concatenate([_hidden(layers, x)]) > 0
    queue: list[Any] = [(0.0, next(ticket), tuple(start.tolist()))]
    seen: set[Any] = set()
    while queue and queue[0][0] <= margin * (1 + 1e-7):
        _, _, pattern = heappop(queue)
        if pattern in seen:
            continue
        seen.add(pattern)
        hidden, out = forms(np.asarray(pattern, dtype=float))
        J = out[:, :-1]
        spectral = max(spectral, float(np.linalg.norm(J, 2)))
        pair = max(pair, *(float(np.linalg.norm(J[y] - J[j])) for j in range(len(J)) if j != y))
        rows = np.where(np.asarray(pattern)[:, None], hidden, -hidden)
        moving = np.linalg.norm(rows[:, :-1], axis=1) > 1e-12
        for j in range(len(out)):
            if j != y:
                beyond = out[j] - out[y] - slack * np.eye(len(x) + 1)[-1]
                margin = min(margin, _least_distance(np.vstack([rows[moving], beyond]), x))
        for i in np.flatnonzero(moving):
            flipped = (*pattern[:i], not pattern[i], *pattern[i + 1 :])
            if flipped not in seen:
                distance = _least_distance(np.vstack([rows[moving], -rows[i]]), x)
                if distance < np.inf:
                    heappush(queue, (distance, next(ticket), flipped))
    return margin, spectral, pair


def _hidden(layers: Any, x: Any) -> Any:
    import numpy as np

    h, found = x, []
    for W, b in layers:
        found.append(W @ h + b)
        h = np.maximum(found[-1], 0.0)
    return np.concatenate(found)


def _least_distance(rows: Any, x: Any) -> float:
    """The distance from x to the points where all forms ``rows`` (n, d + 1) are >= 0, inf where there is none."""
    import numpy as np
    from scipy.optimize import nnls

    size = np.linalg.norm(rows[:, :-1], axis=1)
    values = rows[:, :-1] @ x + rows[:, -1]
    flat = size <= 1e-12
    if np.any(values[flat] < 0):
        return float(np.inf)
    G, h = rows[~flat, :-1] / size[~flat, None], -values[~flat] / size[~flat]
    if np.all(h <= 0):
        return 0.0
    E, target = np.vstack([G.T, h]), np.eye(len(x) + 1)[-1]
    weights, residual = nnls(E, target, maxiter=10_000)
    r = E @ weights - target
    if residual < 1e-9 or r[-1] > -1e-14:
        return float(np.inf)
    u = -r[:-1] / r[-1]
    return float(np.linalg.norm(u)) if np.all(G @ u >= h - 1e-7 * (1 + np.abs(h))) else float(np.inf)
