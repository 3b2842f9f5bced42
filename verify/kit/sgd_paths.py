r"""Stochastic gradient descent, all of it: every sequence of examples at once, hence exact expectations.

At each of T steps one of K moves is made, the k-th with probability :math:`p_k` whatever came before. There are
:math:`K^T` paths. They are grown a step at a time, the path with moves :math:`k_1,\dots,k_T` in the place of the
number :math:`k_1\dots k_T` written in base K, so two runs that meet the same examples are compared place by place.
Examples that are equal are one move: with two of them among n the cost is :math:`2^T`, not :math:`n^T`.
"""

from __future__ import annotations

from collections.abc import Callable

from verify.core.arrays import Array, namespace


def endpoints(step: Callable[[Array, int], Array], start: Array, steps: int) -> Array:
    """Where all paths end: ``step(w, t)`` maps points w (B, P, d) to the points after each move, (B, P, K, d).

    start (B, d); returns (B, K**steps, d), the start itself without steps.
    """
    xp = namespace(start)
    w = start[:, None, :]
    for t in range(steps):
        moved = step(w, t)
        w = xp.reshape(moved, (moved.shape[0], moved.shape[1] * moved.shape[2], moved.shape[3]))
    return w


def expectation(values: Array, probabilities: Array) -> Array:
    """The mean of one number of every path: values (B, K**T), probabilities (B, K) -> (B,).

    The last step is averaged first, so every sum has K terms: the relative error is T (K + 1) roundings.
    """
    xp = namespace(values, probabilities)
    B, K = probabilities.shape
    while values.shape[1] > 1:
        values = xp.sum(xp.reshape(values, (B, values.shape[1] // K, K)) * probabilities[:, None, :], axis=-1)
    return values[:, 0]
