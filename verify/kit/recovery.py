r"""Exact recovery by l1 minimisation, decided with a certificate either way.

``min |z|_1 subject to A z = A Z`` has Z as its only solution exactly when no h other than 0 of the kernel of A lies in
the l1 descent cone at Z, so it depends on the signs s of Z alone. Two certificates decide it:

- *yes*: some nu has ``A_S^T nu = s`` and ``|a_j^T nu| < 1`` off S, and the columns A_S are independent (Fuchs 2004);
- *no*: some h of the kernel has ``<s, h_S> + |h_{S^c}|_1 < 0``: along it the norm falls.

Both come from one convex function of nu, half the squared distance from A^T nu to ``{v : v_S = s, |v_j| <= 1 off S}``,
by a theorem of the alternative. Where its minimum is 0, nu is the first. Elsewhere the difference h from the nearest
point v is the second: the gradient A h is 0, so ``<s, h_S> + |h_{S^c}|_1 = <v, h> = <A^T nu, h> - |h|^2 = -|h|^2``.
The function is piecewise quadratic, and Newton's method with a line search ends after some ten steps. The method need
not be believed: the certificates account for what is left of each equation.
"""

from __future__ import annotations

from verify.core.arrays import Array, dot, eps, matvec, namespace, norm2, rmatvec, take_batch
from verify.kit.basis_pursuit import padded_support, support_gram
from verify.kit.cones import L1DescentCone

STEPS = 100  # Newton steps, and one more for every three columns; ten are usual, half of that is rare
SEARCH = 48  # evaluations of the derivative in a line search; some steps are used to a ten-thousandth only


def recovered(A: Array, signs: Array) -> Array:
    """Whether l1 minimisation recovers the vectors with these signs: 1.0 or 0.0, certified, and NaN where neither
    certificate was found.

    A (B, m, d); signs (B, d), 0 off the support, not all 0 -> (B,) of the same floating dtype. Rows of A that are zero
    measure nothing: they pad smaller matrices.
    """
    xp = namespace(A, signs)
    batch, m, d = A.shape
    unit = eps(A)
    usable = xp.all(xp.isfinite(A), axis=(-2, -1))  # one NaN would stop the eigenvalues of the whole batch
    A = xp.where(usable[:, None, None], A, xp.zeros_like(A))
    level = 1 - 8 * unit**0.5  # off S, so that what Newton's method leaves over still fits below 1
    low_end, high_end = _box(signs, level)
    eye = xp.eye(m, dtype=A.dtype, device=A.device)
    support_sigma, sigma = _smallest_on_support(A, signs), _smallest_singular(A)
    longest = xp.max(xp.sum(A**2, axis=1), axis=-1) ** 0.5
    frobenius = xp.sum(A**2, axis=(-2, -1)) ** 0.5
    index, nu = xp.arange(batch, dtype=xp.int64, device=A.device), xp.zeros_like(A[:, :, 0])
    found: list[tuple[Array, Array]] = []
    last = STEPS + d // 3
    for step in range(last + 1):
        c = rmatvec(A, nu)
        h = c - xp.minimum(xp.maximum(c, low_end), high_end)
        gradient = matvec(A, h)
        rounding = 4 * d * unit * longest * norm2(nu)  # of each entry of c
        off = xp.max(xp.where(signs == 0.0, xp.abs(c), xp.zeros_like(c)), axis=-1) + rounding
        # A nu' that meets the equations on S exactly is no further away than what is left of them over sigma(A_S).
        defect = norm2(xp.where(signs == 0.0, xp.zeros_like(c), signs - c)) + d**0.5 * rounding
        yes = longest * defect < support_sigma * (1 - off)
        # The kernel has an h' with |h' - h|_1 <= sqrt(d) |A h| / sigma(A).
        left = norm2(gradient) + 4 * d * unit * frobenius * norm2(h)
        no = sigma * (L1DescentCone(signs).margin(h) - 4 * d**1.5 * unit * norm2(h)) > d**0.5 * left
        over = yes | no | (step == last)
        if bool(xp.any(over)):
            answer = xp.where(yes, 1.0 + 0 * sigma, xp.where(no, 0 * sigma, xp.full_like(sigma, xp.nan)))
            rows = xp.nonzero(over)[0]
            found.append((take_batch(index, rows), take_batch(answer, rows)))
            if bool(xp.all(over)):
                break
            rows = xp.nonzero(~over)[0]
            index, A, signs, low_end, high_end, nu, c, h, gradient, support_sigma, sigma, longest, frobenius = (
                xp.take(v, rows, axis=0)
                for v in (
                    *(index, A, signs, low_end, high_end, nu),
                    *(c, h, gradient, support_sigma, sigma, longest, frobenius),
                )
            )
        active = A * xp.astype(h != 0.0, A.dtype)[:, None, :]
        # The active columns may be fewer than the rows: a ridge that falls with the function keeps the first steps
        # short and does not hold the last ones up.
        share = 4 * unit + unit**0.5 / 16 * dot(h, h) / dot(signs, signs)
        ridge = (share * frobenius**2)[:, None, None] * eye
        move = -xp.linalg.solve(xp.matmul(active, xp.matrix_transpose(active)) + ridge, gradient[..., None])[..., 0]
        change = rmatvec(A, move)
        nu = nu + _length(c, change, low_end, high_end)[:, None] * move
    order = xp.argsort(xp.concat([part[0] for part in found]))
    answer = xp.take(xp.concat([part[1] for part in found]), order)
    return xp.where(usable, answer, xp.full_like(answer, xp.nan))


def critical_number(A: Array, signs: Array, guess: int) -> Array:
    """The smallest m for which the first m rows of A recover the vectors with these signs: A (B, d, d) invertible,
    signs (B, d), not all 0 -> (B,) of the same floating dtype, NaN where some decision on the way was not certified.

    More rows only shrink the kernel, so m is found by bisection, from ``guess`` on in growing strides.
    """
    xp = namespace(A, signs)
    batch, d = A.shape[0], A.shape[2]
    index = xp.arange(batch, dtype=xp.int64, device=A.device)
    low, high = xp.zeros_like(index), xp.full_like(index, d)  # no row fails, all rows succeed
    probe = xp.full_like(index, max(1, min(guess, d - 1)))
    found: list[tuple[Array, Array]] = []
    stride = 1
    while True:
        over = high - low <= 1
        if bool(xp.any(over)):
            rows = xp.nonzero(over)[0]
            found.append((take_batch(index, rows), xp.astype(take_batch(high, rows), A.dtype)))
            if bool(xp.all(over)):
                break
            rows = xp.nonzero(~over)[0]
            index, low, high, probe, A, signs = (xp.take(v, rows, axis=0) for v in (index, low, high, probe, A, signs))
        width = int(xp.max(probe))
        used = xp.arange(width, dtype=probe.dtype, device=probe.device)[None, :] < probe[:, None]
        answer = recovered(A[:, :width, :] * xp.astype(used, A.dtype)[:, :, None], signs)
        low, high = xp.where(answer == 0.0, probe, low), xp.where(answer == 1.0, probe, high)
        lost = xp.isnan(answer)
        if bool(xp.any(lost)):
            rows = xp.nonzero(lost)[0]
            found.append((take_batch(index, rows), take_batch(answer, rows)))
            if bool(xp.all(lost)):
                break
            rows = xp.nonzero(~lost)[0]
            index, low, high, A, signs = (xp.take(v, rows, axis=0) for v in (index, low, high, A, signs))
        up, down = xp.minimum(low + stride, high - 1), xp.maximum(high - stride, low + 1)
        probe = xp.where(high == d, up, xp.where(low == 0, down, (low + high) // 2))
        stride *= 2
    order = xp.argsort(xp.concat([part[0] for part in found]))
    return xp.take(xp.concat([part[1] for part in found]), order)


def _box(signs: Array, level: float) -> tuple[Array, Array]:
    """Lower and upper ends of the box {v : v_S = s, |v_j| <= level off S}."""
    xp = namespace(signs)
    free = level * xp.astype(signs == 0.0, signs.dtype)
    return signs - free, signs + free


def _length(c: Array, change: Array, low_end: Array, high_end: Array) -> Array:
    """The length in (0, 2] at which the function is least along a step, (B,): the zero of its derivative, which is
    piecewise linear and increases; by secants and halvings in turn."""
    xp = namespace(c)

    def slope(length: Array) -> Array:
        moved = c + length[:, None] * change
        return dot(moved - xp.minimum(xp.maximum(moved, low_end), high_end), change)

    low, high = xp.zeros_like(c[:, 0]), xp.full_like(c[:, 0], 2.0)
    at_low, at_high = slope(low), slope(high)
    tiny = 64 * eps(c) * xp.abs(at_low)
    middle = xp.ones_like(low)  # first: on a piece of its own, Newton's step has length 1
    for trial in range(SEARCH):
        at = slope(middle)
        if bool(xp.all(xp.abs(at) <= tiny)):
            break
        right = at > 0
        low, at_low = xp.where(right, low, middle), xp.where(right, at_low, at)
        high, at_high = xp.where(right, middle, high), xp.where(right, at, at_high)
        rise = at_high - at_low
        share = xp.where(rise > 0, -at_low / xp.where(rise > 0, rise, xp.ones_like(rise)), xp.ones_like(rise))
        share = xp.minimum(xp.maximum(share, 0.0), 1.0)
        middle = low + (high - low) * (share if trial % 2 == 0 else 0.5)
    return middle


def _smallest_on_support(A: Array, signs: Array) -> Array:
    """A lower bound of the smallest singular value of A_S, 0 where A_S is singular to working precision: (B,)."""
    xp = namespace(A)
    support, mask = padded_support(signs)
    _, gram = support_gram(A, support, mask)
    values = xp.linalg.eigvalsh(gram)  # the padding adds eigenvalues 1, which can only lower the bound
    smallest = values[:, 0] - 4 * A.shape[1] * eps(A) * values[:, -1]
    return xp.where(smallest > 0, smallest, xp.zeros_like(smallest)) ** 0.5


def _smallest_singular(A: Array) -> Array:
    """A lower bound of the smallest singular value of the rows of A that are not zero, to a factor of the fourth root
    of their number: (B,). |(A A^T)^{-1}|_F >= 1/sigma^2."""
    xp = namespace(A)
    gram = xp.matmul(A, xp.matrix_transpose(A))
    eye = xp.eye(A.shape[1], dtype=A.dtype, device=A.device)
    unused = xp.astype(xp.all(A == 0.0, axis=-1), A.dtype)[:, :, None] * eye
    ridge = 4 * A.shape[2] * eps(A) * xp.sum(gram * eye, axis=(-2, -1))[:, None, None] * eye
    inverse = xp.linalg.inv(gram + unused + ridge)
    size = xp.sum((inverse - unused) ** 2, axis=(-2, -1))  # 0 without any rows
    square = xp.where(size > 0, size, xp.ones_like(size)) ** -0.5 - ridge[:, 0, 0]  # the ridge has raised sigma^2
    return xp.where(square > 0, square, xp.zeros_like(square)) ** 0.5


def recovered_reference(A: Array, signs: Array, tolerance: float = 1e-5) -> bool:
    """Whether a linear program's solution (SciPy, HiGHS) is the vector of the signs, to a relative ``tolerance``: one
    instance on the host, A (m, d), signs (d,)."""
    import numpy as np
    from scipy.optimize import linprog

    d = len(signs)
    split = linprog(np.ones(2 * d), A_eq=np.hstack([A, -A]), b_eq=A @ signs, bounds=(0, None), method="highs")
    return bool(np.linalg.norm(split.x[:d] - split.x[d:] - signs) < tolerance * np.linalg.norm(signs))
