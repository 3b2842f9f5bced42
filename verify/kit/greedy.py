r"""Orthogonal matching pursuit, batched, with a bound on how far the computed residuals are from the exact ones.

At each step the atom most correlated with the residual joins the support S, and the residual becomes
:math:`r=y-D_Sa` with a the least-squares fit on S (Pati, Rezaiifar and Krishnaprasad 1993). Which atom leads is a
discrete question: two correlations closer than their errors are a tie that no float can break, so the errors come with
the path, and who asks for a support can tell a lead from a tie.

Shapes: D (1, n, m) shared or (B, n, m), columns of unit length; y (B, n).
"""

from __future__ import annotations

from dataclasses import dataclass

from verify.core.arrays import Array, eps, matvec, namespace, norm1, norm2, rmatvec
from verify.kit import basis_pursuit as bp


@dataclass(frozen=True)
class Path:
    """The steps 0, ..., K of a batch.

    ``choices`` (B, K) int64: the atoms in the order in which they were chosen, of equal correlations the first.
    ``fits`` (B, K + 1, K): the coefficients after i steps on the first i choices, 0 beyond them.
    ``residuals`` (B, K + 1, n). ``drift`` (B, K + 1) bounds the distance of a residual from the exact one for the same
    choices, and ``accuracy`` (B, K + 1) that of the coefficients; both are infinite where the atoms may be dependent.
    """

    choices: Array
    fits: Array
    residuals: Array
    drift: Array
    accuracy: Array

    def estimates(self, m: int, steps: Array) -> Array:
        """The coefficients after ``steps`` (B,) int64 steps in their places among m atoms: (B, m)."""
        xp = namespace(self.fits)
        fit = xp.take_along_axis(self.fits, steps[:, None, None], axis=1)[:, 0, :]
        atoms = xp.arange(m, dtype=self.choices.dtype, device=self.choices.device)[None, :]
        found = xp.zeros((fit.shape[0], m), dtype=fit.dtype, device=fit.device)
        for i in range(fit.shape[1]):
            found = xp.where(atoms == self.choices[:, i : i + 1], fit[:, i : i + 1], found)
        return found


def omp(D: Array, y: Array, steps: int) -> Path:
    r"""``steps`` steps of orthogonal matching pursuit, whatever the residual.

    The errors are bounded a posteriori: the computed r = y - D_S a is off the exact residual by
    :math:`\|D_SG^{-1}D_S^Tr\|\le\|D_S^Tr\|/\sqrt{\lambda_{\min}(G)}`, and a off the exact fit by
    :math:`\|D_S^Tr\|/\lambda_{\min}(G)`, with Gershgorin's bound for the smallest eigenvalue of the Gram G of S.

    ValueError unless 1 <= steps <= min(n, m).
    """
    xp = namespace(D, y)
    n, m = D.shape[-2:]
    if not 1 <= steps <= min(n, m):
        raise ValueError(f"omp: steps must be from 1 to min(n, m) = {min(n, m)}, got {steps}")
    atoms_of = xp.arange(m, dtype=xp.int64, device=y.device)[None, :]
    chosen = xp.zeros((y.shape[0], m), dtype=xp.bool, device=y.device)
    zero, residual = xp.zeros_like(y[:, 0]), y
    choices: list[Array] = []
    fits = [xp.zeros((y.shape[0], steps), dtype=y.dtype, device=y.device)]
    residuals, drift, accuracy = [y], [zero], [zero]
    for step in range(1, steps + 1):
        size = xp.abs(rmatvec(D, residual))
        best = xp.argmax(xp.where(chosen, -xp.ones_like(size), size), axis=-1)[:, None]
        choices.append(xp.astype(best, xp.int64))
        chosen = chosen | (atoms_of == best)
        support = xp.concat(choices, axis=-1)
        atoms, gram = bp.support_gram(D, support, xp.ones(support.shape, dtype=xp.bool, device=y.device))
        fit, residual = xp.zeros(support.shape, dtype=y.dtype, device=y.device), y
        for _ in range(2):  # a solve and one refinement
            fit = fit + bp.solve_gram(gram, matvec(atoms, residual)[..., None])[..., 0]
            residual = y - rmatvec(atoms, fit)
        rest = matvec(atoms, residual)
        unit = (n + step + 8) * eps(y)
        wrong = unit * (norm2(y) + norm1(fit))
        radius = norm2(rest) + 2 * step**0.5 * wrong
        off_diagonal = xp.sum(xp.abs(gram), axis=-1) - xp.abs(xp.linalg.diagonal(gram))
        least = xp.min(xp.linalg.diagonal(gram) - off_diagonal, axis=-1) - step * unit
        positive = least > 0
        least = xp.where(positive, least, xp.ones_like(least))
        infinite = xp.full_like(least, xp.inf)
        drift.append(xp.where(positive, radius / xp.sqrt(least) + wrong, infinite))
        accuracy.append(xp.where(positive, radius / least, infinite))
        residuals.append(residual)
        padding = xp.zeros((y.shape[0], steps - step), dtype=y.dtype, device=y.device)
        fits.append(xp.concat([fit, padding], axis=-1))
    return Path(
        xp.concat(choices, axis=-1),
        xp.stack(fits, axis=1),
        xp.stack(residuals, axis=1),
        xp.stack(drift, axis=-1),
        xp.stack(accuracy, axis=-1),
    )
