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

    def _bases(self) -> Array:
        """Rows of an orthonormal basis of each W_T, e_j for j in T and then Z outside T, normalised or 0:
        (B, n_T, k + 1, d)."""
        inside, Z = self._inside(), self.Z
        xp, d = namespace(Z), Z.shape[-1]
        rest = Z[:, None, :] * (1 - inside)[None, :, :]
        length = xp.sqrt(xp.sum(rest * rest, axis=-1, keepdims=True))
        rest = rest / xp.where(length > 0, length, xp.ones_like(length))
        diagonal = inside[:, :, None] * xp.eye(d, dtype=Z.dtype, device=Z.device)
        full = xp.broadcast_to(diagonal[None, ...], (Z.shape[0], *diagonal.shape))
        # The rows of coordinates outside T are 0: they are dropped.
        order = xp.argsort(inside, axis=-1, descending=True, stable=True)[:, : min(self.k, d)]
        kept = xp.take_along_axis(
            full, xp.broadcast_to(order[None, :, :, None], (*full.shape[:2], order.shape[-1], d)), axis=-2
        )
        return xp.concat([kept, rest[:, :, None, :]], axis=-2)

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

    def project(self, v: Array) -> Array:
        """A nearest point of the cone to each v (B, S, d): <v, p> = |p|^2 and |p| is the support function of v."""
        xp = namespace(v)
        inside = self._inside()
        Z = self.Z[:, None, :]
        outside_t = xp.matrix_transpose(1 - inside)
        along, length = xp.matmul(v * Z, outside_t), xp.matmul(Z * Z, outside_t)
        pull = xp.minimum(along, xp.zeros_like(along)) / xp.where(length == 0, xp.ones_like(length), length)
        pull = xp.where(length == 0, xp.zeros_like(pull), pull)
        best = xp.argmax(xp.matmul(v * v, xp.matrix_transpose(inside)) + pull * along, axis=-1, keepdims=True)
        mask = xp.reshape(xp.take(inside, xp.reshape(best, (-1,)), axis=0), v.shape)
        return v * mask + xp.take_along_axis(pull, best, axis=-1) * Z * (1 - mask)

    def rho(self, M: Array) -> tuple[Array, Array]:
        r""":math:`\rho` for symmetric M (B, d, d), rounded downwards and upwards: (B,), (B,).

        On a pair of half-spaces of :math:`W_T,W_{T'}`, a maximiser (u, v) inside both is a top singular pair of M
        between the two spaces, with both signs right after at most one common change of sign. If it is on the edge of
        one, that is in the span of :math:`e_j,j\in T`, the sign of that one is free, and the other is no constraint.
        Where rounding leaves it open whether a pair is inside, it counts for the upper number and not for the lower.
        """
        xp = namespace(M)
        basis = self._bases()
        n, rank = basis.shape[1], basis.shape[2]
        image = xp.matmul(basis, M[:, None, :, :])
        error = 16 * self.Z.shape[-1] * eps(M) * xp.sqrt(xp.sum(M * M, axis=(-2, -1)))[:, None]
        low = high = xp.zeros_like(M[:, 0, 0])
        for T in range(n):
            blocks = xp.matmul(image[:, T:, :, :], xp.matrix_transpose(basis[:, T, :, :])[:, None, :, :])
            left, values, right = xp.linalg.svd(blocks, full_matrices=False)
            gap = xp.minimum(values[..., 0] - values[..., 1], 2 * values[..., 0])
            known = gap > 16 * error
            slack = 4 * error / xp.where(known, gap, xp.ones_like(gap)) + 8 * rank * eps(M)
            x, y = left[..., rank - 1, 0], right[..., 0, rank - 1]
            may = ~known | ((x <= slack) & (y <= slack)) | ((x >= -slack) & (y >= -slack))
            does = known & (((x <= -slack) & (y <= -slack)) | ((x >= slack) & (y >= slack)))
            edge = xp.maximum(
                xp.linalg.svdvals(blocks[..., : rank - 1, :])[..., 0],
                xp.linalg.svdvals(blocks[..., :, : rank - 1])[..., 0],
            )
            low = xp.maximum(low, xp.max(xp.where(does, values[..., 0], edge) - error, axis=-1))
            high = xp.maximum(high, xp.max(xp.where(may, values[..., 0], edge) + error, axis=-1))
        return low, high

    def rho_upper(self, M: Array) -> Array:
        r""":math:`\max_{T,T'}\|P_{W_T}MP_{W_{T'}}\|\ge\rho` for symmetric M (B, d, d), rounded outwards: (B,).

        It drops only the sign of the half-spaces.
        """
        xp = namespace(M)
        d = self.Z.shape[-1]
        basis = self._bases()
        image = xp.matmul(basis, M[:, None, :, :])
        best = xp.zeros_like(M[:, 0, 0])
        for T in range(basis.shape[1]):
            # The pairs (T, T') with T' >= T suffice: M is symmetric.
            blocks = xp.matmul(image[:, T:, :, :], xp.matrix_transpose(basis[:, T, :, :])[:, None, :, :])
            gram = xp.matmul(blocks, xp.matrix_transpose(blocks))
            largest = xp.max(xp.linalg.eigvalsh(gram)[..., -1], axis=-1)
            best = xp.maximum(best, xp.where(largest > 0, largest, xp.zeros_like(largest)))
        return xp.sqrt(best) * (1 + 32 * d * eps(M))
