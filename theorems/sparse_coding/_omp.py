"""What the theorems on orthogonal matching pursuit share: what its path says of the support, with its errors.

Instances: D (1, n, m) with unit columns, alpha (B, m), v (B, n), radius (B,), mu (1,)."""

from __future__ import annotations

from typing import Any

from theorems.sparse_coding import _instances as instances
from verify import Enclosure
from verify.core.arrays import eps, matvec, namespace, norm1, norm2, norm_inf, rmatvec
from verify.kit import greedy


def smallest(alpha: Any) -> Any:
    """The smallest magnitude of the non-zeros (B,), 0 where there are none."""
    xp = namespace(alpha)
    size = xp.abs(alpha)
    return xp.min(xp.where(size > 0, size, xp.max(size, axis=-1, keepdims=True)), axis=-1)


def rounding(x: Any) -> Any:
    """A bound on the error of y, and of a correlation of the noise, (B,)."""
    n, m = x["D"].shape[-2:]
    return (m + 34 * n + 32) * eps(x["v"]) * (norm1(x["alpha"]) + norm2(x["v"]))


def pursue(x: Any) -> greedy.Path:
    """The batched pursuit, over as many steps as the longest support of the batch."""
    steps = int(namespace(x["v"]).max(instances.count(x["alpha"])))
    y = matvec(x["D"], x["alpha"]) + x["v"]
    return greedy.omp(x["D"], y, max(1, min(steps, *x["D"].shape[-2:])))


def plain_path(x: Any) -> greedy.Path:
    """That of one instance, least squares by a factorisation at every step."""
    import numpy as np

    D, alpha = x["D"][0], x["alpha"][0]
    y = D @ alpha + x["v"][0]
    steps = max(1, min(np.count_nonzero(alpha), *D.shape))
    fits, residuals, choices = np.zeros((steps + 1, steps)), [y], []
    for i in range(1, steps + 1):
        size = np.abs(D.T @ residuals[-1])
        size[choices] = -1
        choices.append(int(np.argmax(size)))
        fits[i, :i] = np.linalg.lstsq(D[:, choices], y, rcond=None)[0]
        residuals.append(y - D[:, choices] @ fits[i, :i])
    off_by = np.full((1, steps + 1), 64 * rounding(x)[0] * np.linalg.cond(D[:, choices]) ** 2)
    return greedy.Path(np.asarray([choices]), fits[None], np.asarray([residuals]), off_by, off_by)


def fit(x: Any, path: greedy.Path) -> tuple[Any, Any]:
    """The coefficients after k steps (B, m), and a bound on their error (B,) for the atoms chosen."""
    xp, alpha = namespace(x["alpha"]), x["alpha"]
    k = xp.sum(xp.astype(alpha != 0, xp.int64), axis=-1)
    end = xp.minimum(k, path.choices.shape[1] + 0 * k)  # more steps than n there are not
    off_by = xp.take_along_axis(path.accuracy, end[:, None], axis=-1)[:, 0]
    # The error of y moves the fit by at most 1/sqrt(1 - (k - 1) mu) <= sqrt(2) of itself.
    return path.estimates(alpha.shape[-1], end), off_by + 4 * rounding(x)


def measure(x: Any, path: greedy.Path) -> dict[str, Any]:
    """The quantities from the path, over the steps 1, ..., k; what follows a first wrong atom repeats its step."""
    xp = namespace(x["alpha"])
    D, alpha, unit = x["D"], x["alpha"], rounding(x)
    steps = path.choices.shape[1]
    on = alpha != 0
    k = xp.sum(xp.astype(on, xp.int64), axis=-1)
    size = xp.abs(xp.matmul(path.residuals[:, :-1, :], D))
    zero = xp.zeros_like(size)
    best_on = xp.max(xp.where(on[:, None, :], size, zero), axis=-1)
    best_off = xp.max(xp.where(on[:, None, :], zero, size), axis=-1)
    right = xp.take_along_axis(xp.astype(on, xp.int64), path.choices, axis=-1)
    kept = xp.cumulative_prod(right, axis=-1)
    last = xp.minimum(k - 1, xp.sum(kept, axis=-1))[:, None]
    number = xp.arange(steps, dtype=k.dtype, device=k.device)[None, :]
    step = xp.maximum(xp.minimum(number + 0 * last, last), 0 * last)

    left, gone = [], xp.zeros_like(on)
    atoms = xp.arange(alpha.shape[-1], dtype=k.dtype, device=k.device)[None, :]
    for i in range(steps):
        left.append(norm_inf(xp.where(gone, xp.zeros_like(alpha), alpha)))
        gone = gone | (atoms == path.choices[:, i : i + 1])

    def at_step(values: Any) -> Any:
        return xp.take_along_axis(values, step, axis=-1)

    lead, most = at_step(best_on - best_off), at_step(xp.stack(left, axis=-1))
    doubt = at_step(2 * path.drift[:, :-1]) + 4 * unit[:, None]
    clear = xp.all(xp.abs(lead) > doubt, axis=-1)
    found = xp.all(lead > doubt, axis=-1)
    missed = xp.astype(k - xp.sum(xp.astype(number < k[:, None], k.dtype) * right, axis=-1), alpha.dtype)
    nothing, all_of_it = 0 * missed, xp.astype(k, alpha.dtype)
    count = xp.where(found, nothing, missed)

    # The residual before step i + 1 is no longer than r: OMP stops after i steps.
    length, error = norm2(path.residuals), path.drift + 2 * unit[:, None]

    def first(short: Any) -> Any:
        going = xp.cumulative_prod(xp.astype(~short, xp.int64), axis=-1)
        return xp.astype(xp.sum(going, axis=-1), alpha.dtype)

    radius = x["radius"][:, None]
    unknown = xp.full_like(missed, xp.inf)
    stop = Enclosure(
        first(length <= radius),
        xp.where(clear, first(length - error <= radius), nothing),
        xp.where(clear & xp.any(length + error <= radius, axis=-1), first(length + error <= radius), unknown),
    )
    estimate, off_by = fit(x, path)
    apart = norm2(estimate - alpha) - off_by
    return {
        "lost": most - lead,
        "left": most,
        "missed": Enclosure(count, xp.where(clear, count, nothing), xp.where(clear, count, all_of_it)),
        "steps": stop,
        "error": xp.where(clear, xp.maximum(apart, xp.zeros_like(apart)), xp.full_like(apart, xp.nan)),
        "k": all_of_it,
        "mu": x["mu"],
        "epsilon": norm_inf(rmatvec(D, x["v"])),
        "size": norm2(x["v"]),
        "delta": doubt,
    }
