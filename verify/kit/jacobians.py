r"""Jacobians of ReLU networks, and the exact suprema of their norms on segments and balls.

On an activation region the network is affine, with Jacobian
:math:`J=VD^LW^L\cdots D^1W^1`, :math:`D^l=\mathrm{diag}(s^l)`. So a supremum over a set is a maximum over the regions
that meet it (:func:`sup_on_segments`, :func:`sup_on_balls`). At a kink J means the Jacobians of all regions around it.
A region that is counted without being there can only raise the maximum, which is the safe side wherever the supremum
is a denominator or a bound; a sampled maximum is too small and is not offered. Norms of single matrices have a relative
error of a few units of the dtype, see :data:`NORM_ERROR`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import product
from typing import Any

from verify.core.arrays import Array, device, eps, namespace, norm2, spectral_norm, to_numpy
from verify.core.enclosure import Enclosure
from verify.kit.region_walk import HostNetwork, Walk
from verify.kit.relu import Network

NORM_ERROR = 32  # relative error of a spectral or Frobenius norm, in units of the dtype and of the larger dimension
SHORTEST = 1e-13  # a shorter share of a segment is not told from a point: breakpoints have rounding errors
KINKED = 12  # neurons that may be 0 together on a piece; all their on-off patterns are taken


@dataclass(frozen=True)
class JacobianSup:
    r"""Largest norms over the regions of a set, (B, P): ``spectral`` of :math:`|J|_2`, ``frobenius`` of :math:`|J|_F`,
    ``pair`` of :math:`\max_{j\ne y}|J_y-J_j|_2`. ``regions`` (int64) is the number of patterns looked at. Where
    ``complete`` is false the search was stopped and the norms are inf."""

    spectral: Array
    frobenius: Array
    pair: Array
    regions: Array
    complete: Array


def jacobians(network: Network, x: Array) -> Array:
    """J at the points x (B, P, d) or (1, P, d): (B, P, outputs, d). A neuron at exactly 0 counts as inactive.
    ValueError for a network without a read-out."""
    z = network.pre_activations(x)
    return jacobians_of(network, namespace(x).astype(z > 0, z.dtype))


def jacobians_of(network: Network, active: Array) -> Array:
    """J of activation patterns, zeros and ones (B, P, N) of the dtype of the weights: (B, P, outputs, d)."""
    if network.readout is None:
        raise ValueError("the network has no read-out")
    xp = namespace(active)
    J = network.weights[0][:, None, ...]
    first = 0
    for width, W in zip(network.widths, (*network.weights[1:], network.readout[0]), strict=True):
        J = xp.matmul(W[:, None, ...], active[..., first : first + width, None] * J)
        first += width
    return J


def norms(J: Array, y: Array) -> tuple[Array, Array, Array]:
    r""":math:`|J|_2`, :math:`|J|_F` and :math:`\max_j|J_y-J_j|_2` of J (..., C, d) and classes y (...)."""
    xp = namespace(J)
    own = (y[..., None] == xp.arange(J.shape[-2], dtype=y.dtype, device=device(J)))[..., None]
    rival = xp.sum(xp.where(own, J, xp.zeros_like(J)), axis=-2, keepdims=True) - J
    frobenius = xp.sqrt(xp.sum(J * J, axis=(-2, -1)))
    return spectral_norm(J), frobenius, xp.max(norm2(rival), axis=-1)


def norm_products(network: Network) -> tuple[Enclosure, Enclosure]:
    r""":math:`\prod_l|W_l|_2` and :math:`\prod_l|W_l|_F` over all layers, the read-out included: two enclosures of
    (B,), from the stated errors of the single norms."""
    xp = namespace(network.weights[0])
    layers = [*network.weights, *([network.readout[0]] if network.readout else [])]

    def enclosed(value: Array, W: Array) -> Enclosure:
        return Enclosure.around(value, NORM_ERROR * max(W.shape[-2:]) * eps(value) * value)

    spectral = [enclosed(spectral_norm(W), W) for W in layers]
    frobenius = [enclosed(xp.sqrt(xp.sum(W * W, axis=(-2, -1))), W) for W in layers]
    return reduce(Enclosure.__mul__, spectral), reduce(Enclosure.__mul__, frobenius)


# ------------------------------------------------------------------------------------------------------- segments


def breakpoints(network: Network, start: Array, end: Array) -> Array:
    r"""Where on the segments x(t) = start + t (end - start) a neuron changes its sign: (B, S, T), rising from 0 to 1
    and filled up with ones. On a piece between two neighbours, every pre-activation is affine up to rounding.

    Layer by layer: between the breakpoints of the layers before, a pre-activation is affine in t, so its zeros come
    from its values there. A value within its rounding error counts as 0, so a piece on which no neuron exceeds its
    error is not told from a point. start and end (B, S, d)."""
    xp = namespace(start)
    errors = _value_error(network, start, end)
    t = xp.zeros_like(start[..., :1])
    t = xp.concat([t, t + 1.0], axis=-1)
    first = 0
    for width in network.widths:
        z = _along(network, start, end, t)[..., first : first + width]
        z = xp.where(xp.abs(z) <= errors[..., None, first : first + width], xp.zeros_like(z), z)
        first += width
        left, right = z[..., :-1, :], z[..., 1:, :]
        crosses = left * right < 0
        share = xp.where(crosses, left / xp.where(crosses, left - right, xp.ones_like(left)), xp.zeros_like(left))
        new = t[..., :-1, None] + share * (t[..., 1:] - t[..., :-1])[..., None]
        new = xp.where(crosses, new, xp.ones_like(new))
        t = xp.sort(xp.concat([t, xp.reshape(new, (*t.shape[:2], -1))], axis=-1), axis=-1)
        inner = int(xp.max(xp.sum(xp.astype(t < 1, xp.int64), axis=-1)))
        t = t[..., : inner + 1]
    return t


def _along(network: Network, start: Array, end: Array, t: Array) -> Array:
    """Pre-activations at the places t (B, S, T) of the segments: (B, S, T, N)."""
    xp = namespace(start)
    x = start[..., None, :] + t[..., None] * (end - start)[..., None, :]
    z = network.pre_activations(xp.reshape(x, (x.shape[0], -1, x.shape[-1])))
    return xp.reshape(z, (*x.shape[:-1], network.neurons))


def sup_on_segments(network: Network, start: Array, end: Array, y: Array) -> JacobianSup:
    r"""The largest norms of J on the segments from start to end, (B, S, d) both, for classes y (B, S): over all
    pieces, at their midpoints, but for pieces shorter than 1e-13 of the segment.

    A neuron that is 0 there, up to rounding, gives both Jacobians: the segment runs inside its kink. ``complete`` is
    false where more than 12 neurons are. All on the device of start but for those pieces, which are done on the host.
    """
    xp = namespace(start)
    t = breakpoints(network, start, end)
    middle = (t[..., :-1] + t[..., 1:]) / 2
    z = _along(network, start, end, middle)
    real = t[..., 1:] - t[..., :-1] > SHORTEST
    active = xp.astype(z > 0, z.dtype)
    B, S, T, N = active.shape
    J = jacobians_of(network, xp.reshape(active, (B, S * T, N)))
    labels = xp.reshape(xp.broadcast_to(y[..., None], (B, S, T)), (B, S * T))
    found = [xp.where(real, xp.reshape(v, (B, S, T)), xp.zeros_like(middle)) for v in norms(J, labels)]
    tops = [xp.max(v, axis=-1) for v in found]
    regions = xp.sum(xp.astype(real, xp.int64), axis=-1)
    complete = xp.ones((B, S), dtype=xp.bool, device=device(z))
    zero = real[..., None] & (xp.abs(z) <= _value_error(network, start, end)[..., None, :])
    varying = xp.reshape(_varying(network, xp.reshape(active, (B, S * T, N))), (B, S, T, N)) > 0
    kinked = xp.any(zero & varying, axis=-1)
    smooth = JacobianSup(tops[0], tops[1], tops[2], regions, complete)
    return _with_kinks(network, active, zero, kinked, y, smooth) if bool(xp.any(kinked)) else smooth


def _varying(network: Network, active: Array) -> Array:
    """Which forms can be other than constant where the pattern (B, P, N) holds: not those that are 0 or constant
    because all that enters them is off. Ones and zeros (B, P, N)."""
    xp = namespace(active)
    found: list[Array] = []
    first = 0
    for number, (width, W) in enumerate(zip(network.widths, network.weights, strict=True)):
        enters = xp.astype(W != 0, W.dtype)
        if number == 0:
            paths = xp.broadcast_to(xp.sum(enters, axis=-1)[:, None, :], (*active.shape[:2], width))
        else:
            before = found[-1] * active[..., first - network.widths[number - 1] : first]
            paths = xp.matmul(before, xp.matrix_transpose(enters))
        found.append(xp.astype(paths > 0, W.dtype))
        first += width
    return xp.concat(found, axis=-1)


def _value_error(network: Network, start: Array, end: Array) -> Array:
    """Bounds of the rounding errors of the pre-activations on the segments, (B, S, N): those at the larger of the two
    ends, coordinate by coordinate."""
    xp = namespace(start)
    return network.pre_activation_errors(xp.maximum(xp.abs(start), xp.abs(end)))


def _with_kinks(
    network: Network, active: Array, zero: Array, kinked: Array, y: Array, found: JacobianSup
) -> JacobianSup:
    """The norms found, raised on the kinked pieces (B, S, T) by those of all patterns of the neurons that are zero."""
    import numpy as np

    host = HostNetwork(network)
    patterns, zeros, labels = to_numpy(active) > 0, to_numpy(zero), to_numpy(y)
    tops = [to_numpy(a).astype(np.float64) for a in (found.spectral, found.frobenius, found.pair)]
    largest, regions, complete = np.stack(tops), to_numpy(found.regions).copy(), to_numpy(found.complete).copy()
    for b, s, piece in zip(*np.nonzero(to_numpy(kinked)), strict=True):
        J = _around(host, int(b), patterns[b, s, piece], zeros[b, s, piece])
        if J is None:
            complete[b, s] = False
            continue
        values = norms(J, np.full(len(J), labels[b, s]))
        largest[:, b, s] = np.maximum(largest[:, b, s], [float(np.max(v)) for v in values])
        regions[b, s] += len(J) - 1
    largest = np.where(complete, largest, np.inf)
    xp, where = namespace(active), device(active)
    spectral, frobenius, pair = (xp.asarray(a, dtype=active.dtype, device=where) for a in largest)
    return JacobianSup(spectral, frobenius, pair, xp.asarray(regions, device=where), xp.asarray(complete, device=where))


def _around(host: HostNetwork, net: int, pattern: Any, zero: Any) -> Any:
    """The Jacobians (n, outputs, d) of the patterns that differ from this one in neurons that are ``zero``, but for
    those whose forms are constant because all that enters them is off; None for more than 2^12 patterns."""
    import numpy as np

    patterns, first = pattern[None], 0
    for W in host.weights[: host.hidden]:
        layer = np.arange(first, first + W.shape[1])
        first += W.shape[1]
        grown = []
        for one, both in zip(patterns, _varies(host, net, patterns)[:, layer] & zero[layer], strict=True):
            if both.sum() > KINKED:
                return None
            choices = np.repeat(one[None], 2 ** both.sum(), axis=0)
            choices[:, layer[both]] = np.asarray([*product((False, True), repeat=int(both.sum()))])
            grown.append(choices)
        patterns = np.concatenate(grown)
        if len(patterns) > 2**KINKED:
            return None
    return _host_forms(host, net, patterns)[0][:, host.neurons :, :-1]


def _varies(host: HostNetwork, net: int, patterns: Any) -> Any:
    return (_host_forms(host, net, patterns)[1][:, : host.neurons, :-1] > 0).any(axis=-1)


def _host_forms(host: HostNetwork, net: int, patterns: Any) -> Any:
    import numpy as np

    return host.forms(np.full(len(patterns), net), np.zeros((len(patterns), host.inputs)), patterns)


# ---------------------------------------------------------------------------------------------------------- balls


def sup_on_balls(network: Network, x: Array, radius: Array, y: Array, budget: int = 20_000) -> JacobianSup:
    """The largest norms of J on the closed balls about x (B, P, d) with ``radius`` (B, P), for classes y (B, P): over
    all regions that are not proved to be farther than the radius (:mod:`verify.kit.region_walk`).

    Regions without an interior are among them: in a network without biases all 2^N patterns meet the origin, so a ball
    that reaches it should be taken a little smaller, as (1 - 1e-9) times the margin. ``complete`` is false where more
    than ``budget`` regions are near. Work is done on the host in float64. ValueError for a radius that is negative or
    not finite.
    """
    import numpy as np

    if network.readout is None:
        raise ValueError("the network has no read-out")
    host = HostNetwork(network)
    B, d = len(network), network.inputs
    points = np.broadcast_to(to_numpy(x).astype(np.float64), (B, *x.shape[1:])).reshape(-1, d)
    radii = np.broadcast_to(to_numpy(radius).astype(np.float64), (B, x.shape[1])).reshape(-1)
    labels = np.broadcast_to(to_numpy(y), (B, x.shape[1])).reshape(-1)
    if not np.all(np.isfinite(radii) & (radii >= 0)):
        raise ValueError("a radius must be finite and not negative")
    net = np.repeat(np.arange(B), x.shape[1])
    largest = np.zeros((3, len(points)))
    regions, complete = np.zeros(len(points), dtype=np.int64), np.ones(len(points), dtype=bool)
    for start in range(0, len(points), host.together):
        part = slice(start, start + host.together)
        # The walk takes what is nearer than the radius; the balls are closed.
        walk = Walk(host, net[part], points[part], radii[part] * (1 + 1e-12) + 1e-300, budget)
        for found in walk.rounds():
            owner = start + found.owner
            values = norms(found.forms[:, host.neurons :, :d], labels[owner])
            for top, value in zip(largest, values, strict=True):
                np.maximum.at(top, owner, value)
        regions[part], complete[part] = walk.visited, ~walk.stopped
    xp, where = namespace(x), device(x)
    tops = (xp.asarray(a.reshape(B, -1), dtype=x.dtype, device=where) for a in np.where(complete, largest, np.inf))
    spectral, frobenius, pair = tops
    counts, whole = (xp.asarray(a.reshape(B, -1), device=where) for a in (regions, complete))
    return JacobianSup(spectral, frobenius, pair, counts, whole)
