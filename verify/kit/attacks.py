r"""Attacks on ReLU classifiers, many networks and points at once: misclassified points near x.

``y`` is the class to leave. The margin of class j at z is :math:`m_j(z)=f_y(z)-f_j(z)`, and z counts as
*misclassified* where :math:`\min_{j\ne y}m_j(z)\le-\tau` (``slack`` :math:`\tau\ge0`): with :math:`\tau=0` a tie is
enough. The distance to a misclassified point is an upper bound of the input margin, whatever the attack.

Sources: I. Goodfellow, J. Shlens, C. Szegedy, "Explaining and harnessing adversarial examples", 2015 (FGSM);
S. Moosavi-Dezfooli, A. Fawzi, P. Frossard, "DeepFool: a simple and accurate method to fool deep neural networks", 2016.
"""

from __future__ import annotations

from dataclasses import dataclass

from verify.core.arrays import Array, namespace, norm2
from verify.kit.jacobians import jacobians
from verify.kit.relu import Network

OVERSHOOT = 0.02
BISECTIONS = 60


@dataclass(frozen=True)
class Attack:
    """``witness`` (B, P, d), misclassified by the network's own float64 evaluation wherever ``distance`` (B, P), its
    Euclidean distance from x, is finite; where no such point was found the distance is inf and the witness x."""

    witness: Array
    distance: Array


def predicted(network: Network, x: Array) -> Array:
    """The class of the largest output at x (B, P, d), the first one of equals: (B, P) int64."""
    xp = namespace(x)
    return xp.astype(xp.argmax(network.outputs(x), axis=-1), xp.int64)


def class_margins(network: Network, x: Array, y: Array) -> Array:
    r"""All :math:`m_j(x)=f_y(x)-f_j(x)` at x (B, P, d) for the classes y (B, P), inf at j = y: (B, P, C)."""
    xp = namespace(x)
    f = network.outputs(x)
    own = _is_class(y, f.shape[-1])
    mine = xp.sum(xp.where(own, f, xp.zeros_like(f)), axis=-1, keepdims=True)
    return xp.where(own, xp.full_like(f, xp.inf), mine - f)


def smallest_margin(network: Network, x: Array, y: Array) -> Array:
    r""":math:`\min_{j\ne y}m_j(x)`, (B, P)."""
    return namespace(x).min(class_margins(network, x, y), axis=-1)


def margin_gradients(network: Network, x: Array, y: Array) -> Array:
    r"""The gradients :math:`J_y-J_j` of all :math:`m_j` at x, (B, P, C, d), zero at j = y."""
    xp = namespace(x)
    J = jacobians(network, x)
    own = _is_class(y, J.shape[-2])[..., None]
    return xp.sum(xp.where(own, J, xp.zeros_like(J)), axis=-2, keepdims=True) - J


def fgsm(network: Network, x: Array, y: Array, radius: Array) -> Array:
    r"""The points :math:`x-r\,\mathrm{sign}\nabla m_j(x)` with j the class of the smallest margin, radius r (B, P) in
    the maximum norm: (B, P, d). One step, not always misclassified."""
    xp = namespace(x)
    m = class_margins(network, x, y)
    nearest = _is_class(xp.argmin(m, axis=-1), m.shape[-1])[..., None]
    G = margin_gradients(network, x, y)
    return x - radius[..., None] * xp.sign(xp.sum(xp.where(nearest, G, xp.zeros_like(G)), axis=-2))


def deepfool(
    network: Network, x: Array, y: Array, start: Array | None = None, steps: int = 30, slack: float = 0.0
) -> Attack:
    """DeepFool from ``start`` (x itself where none is given), then back towards x by bisection.

    Each step goes, a little beyond, to the nearest zero of the linearised margins. x and start (B, P, d), y (B, P)."""
    xp = namespace(x)
    z = x if start is None else start
    for _ in range(steps):
        m, G = class_margins(network, z, y), margin_gradients(network, z, y)
        inside = xp.min(m, axis=-1) > -slack
        if not bool(xp.any(inside)):
            break
        square = xp.sum(G * G, axis=-1)
        gap = m + slack
        usable = (square > 0) & (gap < xp.inf)
        square = xp.where(usable, square, xp.ones_like(square))
        far = xp.where(usable, gap, xp.full_like(gap, xp.inf)) / xp.sqrt(square)
        j = _is_class(xp.argmin(far, axis=-1), far.shape[-1]) & usable
        share = xp.where(j, gap / square, xp.zeros_like(gap))
        step = xp.sum(share[..., None] * G, axis=-2) * (1 + OVERSHOOT)
        z = z - xp.where(inside[..., None], step, xp.zeros_like(step))
    return back_to_boundary(network, x, y, z, slack)


def along(network: Network, x: Array, y: Array, directions: Array, lengths: Array, slack: float = 0.0) -> Attack:
    """The nearest misclassified point found on rays from x: directions (B, S, P, d) and lengths (T,), rising. The first
    misclassified of the points x + length * direction is taken back to the boundary."""
    xp = namespace(x)
    best = Attack(x, xp.full((*x.shape[:-1],), xp.inf, dtype=x.dtype, device=x.device))
    for s in range(directions.shape[1]):
        z, found = x, xp.zeros(x.shape[:-1], dtype=xp.bool, device=x.device)
        for t in range(lengths.shape[0]):
            trial = x + lengths[t] * directions[:, s, ...]
            hit = ~found & (smallest_margin(network, trial, y) <= -slack)
            z, found = xp.where(hit[..., None], trial, z), found | hit
        best = better(best, back_to_boundary(network, x, y, z, slack))
    return best


def multi_start(network: Network, x: Array, y: Array, starts: Array, steps: int = 30, slack: float = 0.0) -> Attack:
    """The best of DeepFool from x and from each of ``starts`` (B, S, P, d)."""
    best = deepfool(network, x, y, None, steps, slack)
    for s in range(starts.shape[1]):
        best = better(best, deepfool(network, x, y, starts[:, s, ...], steps, slack))
    return best


def better(one: Attack, other: Attack) -> Attack:
    """The nearer witness of each point."""
    xp = namespace(one.distance)
    nearer = other.distance < one.distance
    return Attack(
        xp.where(nearer[..., None], other.witness, one.witness), xp.where(nearer, other.distance, one.distance)
    )


def back_to_boundary(network: Network, x: Array, y: Array, z: Array, slack: float = 0.0) -> Attack:
    """The misclassified points z (B, P, d) moved towards x by bisection as far as they stay misclassified."""
    xp = namespace(x)
    found = smallest_margin(network, z, y) <= -slack
    low = xp.zeros_like(x[..., 0])
    high = xp.ones_like(low)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        out = smallest_margin(network, x + middle[..., None] * (z - x), y) <= -slack
        low, high = xp.where(out, low, middle), xp.where(out, middle, high)
    # At high = 1 the point is z itself, not x + (z - x), which may round to a point on the other side.
    moved = xp.where((high < 1)[..., None], x + high[..., None] * (z - x), z)
    witness = xp.where(found[..., None], moved, x)
    distance = norm2(witness - x)
    return Attack(witness, xp.where(found, distance, xp.full_like(distance, xp.inf)))


def _is_class(y: Array, classes: int) -> Array:
    """y (...) as a mask (..., C)."""
    xp = namespace(y)
    return y[..., None] == xp.arange(classes, dtype=y.dtype, device=y.device)
