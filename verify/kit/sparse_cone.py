r"""The cone of the k-sparse vectors at a k-sparse point, by enumeration of supports.

For :math:`K=\Sigma_k` (vectors with at most k non-zeros) and a point Z of K, the cone
:math:`C=\mathrm{cone}(K-Z)=\{y-aZ: y\in\Sigma_k, a\ge0\}` is the union over supports T of size k of the half-spaces
:math:`\{y-aZ:\mathrm{supp}\,y\subseteq T,a\ge0\}` of :math:`W_T=\mathrm{span}(e_j,j\in T;Z)`. There are d choose k of
them, so everything here is for small d.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

from verify.core.arrays import Array, eps, namespace


@dataclass(frozen=True)
class SparseCone:
    """The cone at Z (B, d), with sparsity level k >= |Z|_0."""

    Z: Array
    k: int

    def _inside(self) -> Array:
        """0/1 rows of the supports T: (n_T, d)."""
        xp, d = namespace(self.Z), self.Z.shape[-1]
        rows = [[1.0 if j in T else 0.0 for j in range(d)] for T in combinations(range(d), min(self.k, d))]
        return xp.asarray(rows, dtype=self.Z.dtype, device=self.Z.device)

    def support_function(self, w: Array) -> Array:
        """``sup {<u, w> : u in C, |u| <= 1}`` for w (B, S, d): (B, S).

        On the half-space of T the supremum squared is |w_T|^2 + min(0, <w, Z'>)^2/|Z'|^2, Z' the part of Z outside T.
        """
        xp = namespace(w)
        inside = self._inside()
        outside_t = xp.matrix_transpose(1 - inside)
        Z = self.Z[:, None, :]
        on_support = xp.matmul(w * w, xp.matrix_transpose(inside))
        along = xp.matmul(w * Z, outside_t)
        length = xp.matmul(Z * Z, outside_t)
        empty = length == 0
        pull = xp.where(along < 0, along, xp.zeros_like(along))
        extra = pull**2 / xp.where(empty, xp.ones_like(length), length)
        return xp.sqrt(xp.max(on_support + extra, axis=-1))

    def rho_upper(self, M: Array) -> Array:
        r""":math:`\max_{T,T'}\|P_{W_T}MP_{W_{T'}}\|\ge\rho` for symmetric M (B, d, d), rounded outwards: (B,).

        It drops only the sign of the half-spaces.
        """
        xp = namespace(M)
        inside = self._inside()
        d = self.Z.shape[-1]
        rest = self.Z[:, None, :] * (1 - inside)[None, :, :]
        length = xp.sqrt(xp.sum(rest * rest, axis=-1, keepdims=True))
        rest = rest / xp.where(length > 0, length, xp.ones_like(length))
        diagonal = inside[:, :, None] * xp.eye(d, dtype=M.dtype, device=M.device)
        full = xp.broadcast_to(diagonal[None, ...], (self.Z.shape[0], *diagonal.shape))
        # Rows of a basis of W_T: e_j for j in T (zero rows elsewhere are dropped), then Z outside T, normalised.
        order = xp.argsort(inside, axis=-1, descending=True, stable=True)[:, : min(self.k, d)]
        kept = xp.take_along_axis(
            full, xp.broadcast_to(order[None, :, :, None], (*full.shape[:2], order.shape[-1], d)), axis=-2
        )
        basis = xp.concat([kept, rest[:, :, None, :]], axis=-2)
        image = xp.matmul(basis, M[:, None, :, :])
        best = xp.zeros_like(M[:, 0, 0])
        for T in range(inside.shape[0]):
            # The pairs (T, T') with T' >= T suffice: M is symmetric.
            blocks = xp.matmul(image[:, T:, :, :], xp.matrix_transpose(basis[:, T, :, :])[:, None, :, :])
            gram = xp.matmul(blocks, xp.matrix_transpose(blocks))
            largest = xp.max(xp.linalg.eigvalsh(gram)[..., -1], axis=-1)
            best = xp.maximum(best, xp.where(largest > 0, largest, xp.zeros_like(largest)))
        return xp.sqrt(best) * (1 + 32 * d * eps(M))
