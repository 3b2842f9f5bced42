r"""Batched basis pursuit with certificates: ``min |x|_1 subject to |D x - y|_2 <= radius``.

The dual is ``max y^T nu - radius |nu|_2 subject to |D^T nu|_inf <= 1``. Any pair (x, nu) gives a certified gap
(:func:`certify`), so nothing has to be believed about the way a point was found. Three ways work together:

- :func:`follow_path` follows the solution path of the Lagrangian form from its empty end to the radius asked for
  (Osborne, Presnell and Turlach 2000; Efron et al. 2004), one atom in or out at an event. Sparse solutions are a few
  events away; ties and long paths are left to the next way.
- the primal-dual hybrid gradient method with a running average and restarts (Chambolle and Pock 2011; Applegate,
  Hinder, Lu and Lubin 2023) progresses on every instance.
- :func:`polish` solves the optimality conditions on the support and signs that either of them found, to machine
  precision, and accepts the solution where all the conditions hold.

Arrays: D (1, n, m) shared by the batch or (B, n, m); y (B, n); radius (B,) >= 0. Supports are padded: ``support``
(B, k) int64 with ``mask`` (B, k) bool. Kernels return the dtype they are given.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from verify.core.arrays import (
    Array,
    dot,
    eps,
    matvec,
    namespace,
    norm1,
    norm2,
    norm_inf,
    rmatvec,
    smallest_normal,
    take_batch,
)

CHECK = 25  # gradient steps between two certificates
CHUNK = 256  # instances that are solved together on a CPU: their iterates stay in its cache
STEP = 0.99  # the gradient method's step as a share of the largest that is allowed


@dataclass(frozen=True)
class BasisPursuit:
    """Solutions of a batch, each with its certificate.

    ``x`` (B, m) has ``residual = |D x - y| <= radius`` up to rounding, ``nu`` (B, n) is dual feasible, and
    ``|x|_1 <= minimum + gap * max(|x|_1, tiny)``. ``converged``: x is feasible and the gap asked for was reached.
    ``polished``: (x, nu) meets the optimality conditions to machine precision. ``iterations`` counts the events of the
    path and the gradient steps; each costs two products with D.
    """

    x: Array
    nu: Array
    gap: Array
    residual: Array
    iterations: Array
    converged: Array
    polished: Array


def basis_pursuit(
    D: Array,
    y: Array,
    radius: Array,
    *,
    gap: float = 1e-9,
    max_iterations: int = 4000,
    path: int | None = None,
) -> BasisPursuit:
    """Solves a batch to the certified relative duality gap ``gap`` (in float32 ask for no less than about 1e-3).

    ``path``: how many events of the solution path are followed before the gradient method takes over (default: as
    many as cost less than about 1000 gradient steps; 0: none). An instance that is not solved within
    ``max_iterations`` is an answer, not an error: ``converged`` is False and its certificate says how far it came.

    ValueError on shapes that do not fit, a negative radius, or ``max_iterations < 1``.
    """
    xp = namespace(D, y, radius)
    batch = y.shape[0]
    if D.ndim != 3 or y.ndim != 2 or D.shape[0] not in (1, batch) or D.shape[1] != y.shape[1]:
        raise ValueError(f"basis_pursuit: needs D (1 or B, n, m) and y (B, n), got {D.shape} and {y.shape}")
    if radius.shape != (batch,) or bool(xp.any(radius < 0)):
        raise ValueError("basis_pursuit: needs one radius >= 0 for each instance")
    if max_iterations < 1:
        raise ValueError(f"basis_pursuit: max_iterations must be at least 1, got {max_iterations}")
    if path is None:
        # K events cost about (2/3) n K^3 operations for the Grams of the supports, a gradient step 4 n m.
        path = round((6000 * D.shape[2]) ** (1 / 3))
    frame = Frame.of(D)
    size = CHUNK if D.device == "cpu" else batch
    parts = []
    for first in range(0, batch, size):
        rows = xp.arange(first, min(first + size, batch), device=y.device)
        problem = Problem(frame, y, radius).take(rows)
        parts.append(_solve(problem, gap, max_iterations, min(path, max_iterations)))
    return _concat(parts)


# ------------------------------------------------------------------------------------------------- certificates


@dataclass(frozen=True)
class Frame:
    """A dictionary with what the solver needs of it: ``D`` (1 or B, n, m), its spectral norm ``norm`` (1 or B,), and
    ``inverse`` (1 or B, n, n), the pseudo-inverse of D D^T."""

    D: Array
    norm: Array
    inverse: Array

    @classmethod
    def of(cls, D: Array) -> Frame:
        """Singular values of D below ``sqrt(n eps) |D|`` count as zero."""
        xp = namespace(D)
        values, vectors = xp.linalg.eigh(xp.matmul(D, xp.matrix_transpose(D)))
        largest = values[:, -1]
        kept = values > D.shape[1] * eps(D) * largest[:, None]
        inverse = xp.where(kept, 1 / xp.where(kept, values, xp.ones_like(values)), xp.zeros_like(values))
        return cls(D, xp.sqrt(largest), xp.matmul(vectors * inverse[:, None, :], xp.matrix_transpose(vectors)))


@dataclass(frozen=True)
class Problem:
    """A batch of instances: ``frame`` of D, ``y`` (B, n), ``radius`` (B,)."""

    frame: Frame
    y: Array
    radius: Array

    def take(self, rows: Array) -> Problem:
        """The instances ``rows``."""
        return Problem(_rows(self.frame, rows), take_batch(self.y, rows), take_batch(self.radius, rows))


@dataclass(frozen=True)
class Certificate:
    """A pair of feasible points and what it proves: ``|x|_1 <= minimum + gap * max(|x|_1, tiny)``; ``feasible`` says
    whether ``residual = |D x - y|`` is at most the radius, up to rounding; where it is not, the gap is infinite."""

    x: Array
    nu: Array
    gap: Array
    residual: Array
    feasible: Array


def certify(problem: Problem, x: Array, nu: Array) -> Certificate:
    r"""Feasible points made from any x (B, m) and nu (B, n), and their duality gap relative to ``max(|x|_1, tiny)``.

    Where r = D x - y leaves the ball, x moves by ``-(1 - theta) D^+ r``: r splits into its part in the range of D and
    a rest r_0 that no x can change, and theta = min(1, sqrt(radius^2 - |r_0|^2) / |r - r_0|). nu is divided by
    ``max(1, |D^T nu|_inf)``. The gap ``|x|_1 - y^T nu + radius |nu|`` includes a bound of its own rounding: sums of p
    terms are taken to be right to p units of the dtype.
    """
    xp = namespace(x)
    D, y, radius = problem.frame.D, problem.y, problem.radius
    n, m = y.shape[1], x.shape[1]
    unit, tiny = eps(x), smallest_normal(x)
    rounding = n * unit * (norm2(y) + norm1(x))
    r = matvec(D, x) - y
    outside = norm2(r) > radius + rounding
    if bool(xp.any(outside)):
        z = rmatvec(D, matvec(problem.frame.inverse, r))
        inside = matvec(D, z)
        room = xp.sqrt(_nonnegative(radius**2 - xp.sum((r - inside) ** 2, axis=-1)))
        length = norm2(inside)
        theta = xp.where(length > room, room / _positive(length), xp.ones_like(room))
        x = xp.where(outside[:, None], x - (1 - theta)[:, None] * z, x)
        r = matvec(D, x) - y
    residual = norm2(r)
    feasible = residual <= radius + 2 * rounding
    steepest = norm_inf(rmatvec(D, nu)) + n * unit * norm2(nu)
    nu = nu / xp.where(steepest > 1, steepest, xp.ones_like(steepest))[:, None]
    size, length = norm1(x), norm2(nu)
    gap = size - dot(y, nu) + radius * length + unit * (m * size + n * (norm2(y) + radius) * length)
    gap = gap / xp.where(size > tiny, size, tiny * xp.ones_like(size))
    return Certificate(x, nu, xp.where(feasible, gap, xp.full_like(gap, xp.inf)), residual, feasible)


# ----------------------------------------------------------------------------------------- solutions on a support


def padded_support(signs: Array) -> tuple[Array, Array]:
    """The non-zero places of ``signs`` (B, m), in order, padded to the longest: support (B, k), mask (B, k)."""
    xp = namespace(signs)
    member = signs != 0
    count = xp.sum(xp.astype(member, xp.int64), axis=-1)
    width = max(int(xp.max(count)), 1)
    slots = xp.arange(width, dtype=xp.int64, device=signs.device)[None, :]
    mask = slots < count[:, None]
    columns = xp.nonzero(member)[1]
    if columns.shape[0] == 0:
        return xp.zeros(mask.shape, dtype=xp.int64, device=signs.device), mask
    before = (xp.cumulative_sum(count) - count)[:, None]
    place = xp.where(mask, before + slots, xp.zeros_like(before + slots))
    return xp.reshape(xp.take(xp.astype(columns, xp.int64), xp.reshape(place, (-1,))), mask.shape), mask


def spread(values: Array, signs: Array) -> Array:
    """Values on padded supports (B, k) in their places among all columns (B, m): those where ``signs`` is not 0."""
    xp = namespace(values)
    member = signs != 0
    slot = xp.cumulative_sum(xp.astype(member, xp.int64), axis=-1) - 1
    slot = xp.where(member, slot, xp.zeros_like(slot))
    return xp.where(member, xp.take_along_axis(values, slot, axis=-1), xp.zeros_like(signs))


def support_gram(D: Array, support: Array, mask: Array) -> tuple[Array, Array]:
    """The atoms of padded supports as rows (B, k, n), zero where padded, and their Gram (B, k, k) with ones on the
    padded diagonal."""
    xp = namespace(D, support)
    atoms_first = xp.matrix_transpose(D)
    m, n = atoms_first.shape[1:]
    batch, width = support.shape
    if D.shape[0] > 1:
        support = support + m * xp.arange(batch, dtype=support.dtype, device=D.device)[:, None]
    atoms = xp.take(xp.reshape(atoms_first, (-1, n)), xp.reshape(support, (-1,)), axis=0)
    atoms = xp.reshape(atoms, (batch, width, n)) * xp.astype(mask, D.dtype)[..., None]
    padding = xp.astype(~mask, D.dtype)[:, :, None] * xp.eye(width, dtype=D.dtype, device=D.device)
    return atoms, xp.matmul(atoms, xp.matrix_transpose(atoms)) + padding


def solve_gram(gram: Array, right: Array) -> Array:
    """``gram^{-1} right`` for Grams (B, k, k) with unit diagonal and right-hand sides (B, k, p).

    A ridge of the size of the rounding keeps the elimination of a singular Gram from stopping the whole batch; what
    comes out for it is large and fails every certificate.
    """
    xp = namespace(gram)
    width = gram.shape[-1]
    ridge = 4 * width * eps(gram)
    return xp.linalg.solve(gram + ridge * xp.eye(width, dtype=gram.dtype, device=gram.device), right)


@dataclass(frozen=True)
class OnSupport:
    """The optimality conditions on supports T with signs s, solved for every multiplier t (padded entries are zero).

    The solution is ``x_T = fit - t g`` with residual ``y - D x = rest + t dual``, where g = G_T^{-1} s,
    fit = G_T^{-1} D_T^T y, rest = y - D_T fit and dual = D_T g, so D_T^T rest = 0 and D_T^T dual = s;
    ``steepness`` c = s^T g = |dual|^2.
    """

    support: Array
    mask: Array
    signs: Array
    g: Array
    steepness: Array
    fit: Array
    rest: Array
    dual: Array

    @classmethod
    def of(cls, D: Array, y: Array, signs: Array) -> OnSupport:
        """On the supports and signs that ``signs`` (B, m), of entries -1, 0 and 1, describes."""
        xp = namespace(D, y)
        support, mask = padded_support(signs)
        s = xp.where(
            mask, xp.take_along_axis(signs, support, axis=-1), xp.zeros(mask.shape, dtype=y.dtype, device=y.device)
        )
        atoms, gram = support_gram(D, support, mask)
        solved = solve_gram(gram, xp.stack([s, matvec(atoms, y)], axis=-1))
        g, fit = solved[..., 0], solved[..., 1]
        rest = y - rmatvec(atoms, fit)
        n = y.shape[-1]
        # n atoms leave no rest, and a rest of the size of its rounding is none.
        full = xp.sum(xp.astype(mask, xp.int64), axis=-1) >= n
        significant = ~full & (norm2(rest) > n * eps(y) * (norm2(y) + norm1(fit)))
        rest = xp.where(significant[:, None], rest, xp.zeros_like(rest))
        return cls(support, mask, s, g, dot(s, g), fit, rest, rmatvec(atoms, g))

    def multiplier(self, radius: Array) -> Array:
        """The t >= 0 at which the residual has the length ``radius``, from ``|rest|^2 + t^2 c = radius^2``; NaN where
        it is longer even at t = 0."""
        xp = namespace(self.rest)
        length = norm2(self.rest)
        square = (radius - length) * (radius + length) / _positive(self.steepness)
        return xp.sqrt(xp.where(square >= 0, square, xp.full_like(square, xp.nan)))


def polish(D: Array, y: Array, radius: Array, signs: Array) -> tuple[Array, Array, Array]:
    r"""The solution whose support and signs are ``signs`` (B, m), of entries -1, 0 and 1, to machine precision.

    Returns x (B, m), nu (B, n) and accepted (B,): whether they meet the optimality conditions, namely the multiplier
    t exists, every x_T has its sign, and ``|D^T nu|_inf <= 1`` up to rounding, with nu = (y - D x)/t (for t = 0 its
    limit, dual). Then x is a minimiser, and the only one if the atoms of T are independent and the inequality is
    strict off T (Fuchs 2004).
    """
    xp = namespace(D, y)
    on = OnSupport.of(D, y, signs)
    # One refinement: D_T^T rest, which nu magnifies by 1/t, falls from the rounding of y to the rounding of the rest.
    again = OnSupport.of(D, on.rest, signs)
    on = replace(on, fit=on.fit + again.fit, rest=again.rest)
    t = on.multiplier(radius)
    exists = t >= 0
    t = xp.where(exists, t, xp.zeros_like(t))
    coefficients = on.fit - t[:, None] * on.g
    nu = on.dual + on.rest / _positive(t)[:, None]
    signed = xp.all((coefficients * on.signs > 0) | ~on.mask, axis=-1)
    rounding = 16 * y.shape[-1] * eps(y) * (1 + norm2(nu))
    accepted = exists & signed & (norm_inf(rmatvec(D, nu)) <= 1 + rounding)
    return spread(coefficients, signs), nu, accepted


def follow_path(D: Array, y: Array, radius: Array, events: int) -> tuple[Array, Array]:
    r"""Follows the minimisers of ``|y - D x|^2 / 2 + t |x|_1`` from t = |D^T y|_inf, where x = 0, down to the t at
    which the residual has the length ``radius``, or over ``events`` changes of the support.

    Between two events x and the residual are affine in t (:class:`OnSupport`), so the next event is the largest t
    below at which an atom off T reaches ``|d_j^T (y - D x)| = t``, a coefficient reaches zero, or the residual the
    radius. Everything is computed anew from the signs, so errors do not add up.

    Returns the signs (B, m) there and the number of supports visited (B,) int64. Ties (several atoms at one t) may
    lead astray: the signs are a proposal that :func:`polish` accepts or not.
    """
    xp = namespace(D, y)
    batch, m = y.shape[0], D.shape[2]
    columns = xp.arange(m, dtype=xp.int64, device=y.device)[None, :]
    correlation = rmatvec(D, y)
    first = xp.argmax(xp.abs(correlation), axis=-1)[:, None]
    signs = xp.where(columns == first, xp.sign(correlation), xp.zeros_like(correlation))
    index = xp.arange(batch, dtype=xp.int64, device=y.device)
    done: list[tuple[Array, Array, Array]] = []
    for event in range(1, events + 1):
        on = OnSupport.of(D, y, signs)
        a, b = rmatvec(D, on.rest), rmatvec(D, on.dual)  # d_j^T (y - D x) = a_j + t b_j
        side = xp.sign(a)
        closing = 1 - side * b
        reach = xp.where((closing > 0) & (signs == 0), side * a / _positive(closing), xp.zeros_like(a))
        leaving = (on.g * on.signs < 0) & (on.fit * on.signs < 0)
        vanish = xp.where(leaving, on.fit / xp.where(leaving, on.g, xp.ones_like(on.g)), xp.zeros_like(on.g))
        enter_at, leave_at = xp.max(reach, axis=-1), xp.max(vanish, axis=-1)
        next_at = xp.maximum(enter_at, leave_at)
        reached = on.multiplier(radius) >= next_at  # False where there is no multiplier
        over = reached | ~(next_at > 0) | (event == events)
        if bool(xp.any(over)):
            rows = xp.nonzero(over)[0]
            count = xp.full(rows.shape, event, dtype=xp.int64, device=y.device)
            done.append((take_batch(index, rows), take_batch(signs, rows), count))
        if bool(xp.all(over)):
            break
        entering = xp.argmax(reach, axis=-1)[:, None]
        dropping = xp.take_along_axis(on.support, xp.argmax(vanish, axis=-1)[:, None], axis=-1)
        enters = (enter_at >= leave_at)[:, None]
        signs = xp.where(columns == xp.where(enters, entering, dropping), xp.where(enters, side, 0 * side), signs)
        if bool(xp.any(over)):
            rows = xp.nonzero(~over)[0]
            index, signs, y, radius, D = (take_batch(v, rows) for v in (index, signs, y, radius, D))
    order = xp.argsort(xp.concat([part[0] for part in done]))
    signs, count = (xp.take(xp.concat([part[i] for part in done]), order, axis=0) for i in (1, 2))
    return signs, count


# -------------------------------------------------------------------------------------------- the gradient method


@dataclass(frozen=True)
class _Run:
    """The instances on which the gradient method runs.

    It runs on ``D / scale``, of norm 0.99, with unit steps. The primal weight w of an instance, which divides its
    primal step and multiplies its dual one, is then nothing but its unit of length: the method solves for ``w y`` and
    ``w radius``; its ``x`` is w scale times the instance's, its ``nu`` is scale times the instance's for any w. The
    sums run over the steps since the last restart.
    """

    index: Array  # place in the batch
    weight: Array
    x: Array
    nu: Array
    sum_x: Array
    sum_nu: Array
    steps: Array  # since the last restart
    restart_x: Array  # where the last restart was, in the instance's units
    restart_nu: Array
    restart_gap: Array
    last_gap: Array
    signs: Array  # of x at the last check


def _gradient(problem: Problem, gap: float, limit: int) -> BasisPursuit:
    """At most ``limit`` >= 1 steps of the primal-dual hybrid gradient method, a polish where the signs have settled."""
    xp = namespace(problem.y)
    y = problem.y
    batch, n = y.shape
    start = rmatvec(problem.frame.D, matvec(problem.frame.inverse, y))
    weight = n**0.5 / (4 * _positive(norm2(y)))
    scale = problem.frame.norm / STEP
    infinite = xp.full_like(weight, xp.inf)
    run = _Run(
        index=xp.arange(batch, dtype=xp.int64, device=y.device),
        weight=weight,
        x=start * (weight * scale)[:, None],
        nu=xp.zeros_like(y),
        sum_x=xp.zeros_like(start),
        sum_nu=xp.zeros_like(y),
        steps=xp.zeros_like(weight),
        restart_x=start,
        restart_nu=xp.zeros_like(y),
        restart_gap=infinite,
        last_gap=infinite,
        signs=xp.sign(start),
    )
    finished: list[tuple[Array, BasisPursuit]] = []
    taken = 0
    while True:
        steps = min(CHECK, limit - taken)
        taken += steps
        run = _advance(problem, run, steps)
        scale = problem.frame.norm / STEP
        x = run.x / (run.weight * scale)[:, None]
        nu = run.nu / scale[:, None]
        mean_x = run.sum_x / (run.steps * run.weight * scale)[:, None]
        mean_nu = run.sum_nu / (run.steps * scale)[:, None]
        last, mean = certify(problem, x, nu), certify(problem, mean_x, mean_nu)
        averaging = mean.gap < last.gap
        best = _where(averaging, mean, last)
        signs = xp.sign(x)
        settled = xp.all(signs == run.signs, axis=-1)
        polished = xp.zeros_like(settled)
        if bool(xp.any(settled)):
            x_exact, nu_exact, accepted = polish(
                problem.frame.D, problem.y, problem.radius, xp.where(settled[:, None], signs, xp.zeros_like(signs))
            )
            exact = certify(problem, x_exact, nu_exact)
            polished = accepted & _solved(exact, gap)
            best = _where(polished, exact, best)
        over = _solved(best, gap) | xp.isnan(best.gap) | (taken == limit)
        if bool(xp.any(over)):
            rows = xp.nonzero(over)[0]
            finished.append(
                (take_batch(run.index, rows), _result(_rows(best, rows), taken, gap, take_batch(polished, rows)))
            )
        if bool(xp.all(over)):
            break

        # Restart from the better point where its gap has fallen enough, or falls no more, or long after the last time.
        fallen = best.gap <= 0.2 * run.restart_gap
        stalled = (best.gap <= 0.8 * run.restart_gap) & (best.gap > run.last_gap)
        restart = fallen | stalled | (run.steps >= 0.36 * taken)
        x = xp.where(averaging[:, None], mean_x, x)
        nu = xp.where(averaging[:, None], mean_nu, nu)
        moved_x, moved_nu = norm2(x - run.restart_x), norm2(nu - run.restart_nu)
        unit = eps(x)
        moved = restart & (moved_x > unit * norm2(x)) & (moved_nu > unit * norm2(nu))
        unit_weight = n**0.5 / (4 * _positive(norm2(problem.y)))  # the start; without a solution nu has no bound
        ratio = xp.where(moved, moved_nu, unit_weight) / xp.where(moved, moved_x, xp.ones_like(moved_x))
        balanced = xp.minimum(xp.maximum(xp.sqrt(run.weight * ratio), unit_weight / 1e6), unit_weight * 1e6)
        weight = xp.where(moved, balanced, run.weight)
        again = restart[:, None]
        run = _Run(
            index=run.index,
            weight=weight,
            x=xp.where(again, x * (weight * scale)[:, None], run.x),
            nu=xp.where(again, nu * scale[:, None], run.nu),
            sum_x=xp.where(again, xp.zeros_like(x), run.sum_x),
            sum_nu=xp.where(again, xp.zeros_like(nu), run.sum_nu),
            steps=xp.where(restart, xp.zeros_like(weight), run.steps),
            restart_x=xp.where(again, x, run.restart_x),
            restart_nu=xp.where(again, nu, run.restart_nu),
            restart_gap=xp.where(restart, best.gap, run.restart_gap),
            last_gap=xp.where(restart, xp.full_like(best.gap, xp.inf), best.gap),
            signs=signs,
        )
        if bool(xp.any(over)):
            rows = xp.nonzero(~over)[0]
            run, problem = _rows(run, rows), problem.take(rows)
    return _ordered(finished)


def _advance(problem: Problem, run: _Run, steps: int) -> _Run:
    """``steps`` steps x' = S_1(x + D^T nu), u = nu + y - D (2 x' - x), nu' = u (1 - radius/|u|)_+."""
    D = problem.frame.D / (problem.frame.norm / STEP)[:, None, None]
    xp = namespace(D)
    y, radius = run.weight[:, None] * problem.y, run.weight * problem.radius
    x, nu, image = run.x, run.nu, matvec(D, run.x)
    sum_x, sum_nu = run.sum_x, run.sum_nu
    for _ in range(steps):
        z = rmatvec(D, nu)
        z = z + x
        x = z - xp.clip(z, -1.0, 1.0)
        before, image = image, matvec(D, x)
        u = nu + y - 2 * image + before
        length = norm2(u)
        nu = u * xp.where(length > radius, 1 - radius / _positive(length), xp.zeros_like(length))[:, None]
        sum_x, sum_nu = sum_x + x, sum_nu + nu
    return replace(run, x=x, nu=nu, sum_x=sum_x, sum_nu=sum_nu, steps=run.steps + float(steps))


def _solve(problem: Problem, gap: float, max_iterations: int, events: int) -> BasisPursuit:
    """The path and a polish; then the gradient method on what they left unsolved."""
    xp = namespace(problem.y)
    D, y, radius = problem.frame.D, problem.y, problem.radius
    if events == 0:
        return _gradient(problem, gap, max_iterations)
    signs, count = follow_path(D, y, radius, events)
    x, nu, accepted = polish(D, y, radius, signs)
    empty = norm2(y) <= radius  # then x = 0 is the solution
    x = xp.where(empty[:, None], xp.zeros_like(x), x)
    nu = xp.where(empty[:, None], xp.zeros_like(nu), nu)
    certificate = certify(problem, x, nu)
    solved = (accepted | empty) & _solved(certificate, gap)
    result = _result(certificate, count, gap, solved)
    if bool(xp.all(solved)) or events == max_iterations:
        return result
    kept, left = xp.nonzero(solved)[0], xp.nonzero(~solved)[0]
    rest = _gradient(problem.take(left), gap, max_iterations - events)
    rest = replace(rest, iterations=rest.iterations + take_batch(count, left))
    return _ordered([(kept, _rows(result, kept)), (left, rest)] if kept.shape[0] else [(left, rest)])


def _solved(certificate: Certificate, gap: float) -> Array:
    return certificate.gap <= gap


def _result(certificate: Certificate, iterations: Any, gap: float, polished: Array) -> BasisPursuit:
    xp = namespace(certificate.gap)
    if isinstance(iterations, int):
        iterations = xp.full(polished.shape, iterations, dtype=xp.int64, device=polished.device)
    c = certificate
    return BasisPursuit(c.x, c.nu, c.gap, c.residual, iterations, _solved(c, gap), polished)


# ------------------------------------------------------------------------------------------------------- records


def _rows(record: Any, rows: Array) -> Any:
    """A record of arrays with only the instances ``rows``; what the batch shares stays as it is."""
    return type(record)(*(take_batch(getattr(record, f.name), rows) for f in fields(record)))


def _where(condition: Array, a: Certificate, b: Certificate) -> Certificate:
    xp = namespace(condition)

    def choose(u: Array, v: Array) -> Array:
        return xp.where(condition if u.ndim == 1 else condition[:, None], u, v)

    return Certificate(*(choose(getattr(a, f.name), getattr(b, f.name)) for f in fields(Certificate)))


def _concat(parts: list[BasisPursuit]) -> BasisPursuit:
    xp = namespace(parts[0].x)
    return BasisPursuit(*(xp.concat([getattr(p, f.name) for p in parts]) for f in fields(BasisPursuit)))


def _ordered(parts: list[tuple[Array, BasisPursuit]]) -> BasisPursuit:
    """The instances of all parts in the order of their indices."""
    xp = namespace(parts[0][0])
    return _rows(_concat([part for _, part in parts]), xp.argsort(xp.concat([index for index, _ in parts])))


def _nonnegative(v: Array) -> Array:
    return namespace(v).where(v > 0, v, 0 * v)


def _positive(v: Array) -> Array:
    """A divisor: ``v`` where it is positive, 1 elsewhere."""
    xp = namespace(v)
    return xp.where(v > 0, v, xp.ones_like(v))


# ------------------------------------------------------------------------------------------- closed forms, reference


@dataclass(frozen=True)
class NoiselessCertificate:
    """``value`` = |D_{T^c}^T D_T G_T^{-1} s|_inf (B,), and the ``smallest`` eigenvalue and ``condition`` number of
    G_T (B,). ``value < 1`` with ``smallest > 0`` proves the x with this support and signs to be the only minimiser of
    |a|_1 subject to D a = D x. ``value`` is NaN where G_T is singular to working precision."""

    value: Array
    smallest: Array
    condition: Array


def noiseless_certificate(D: Array, support: Array, mask: Array, signs: Array) -> NoiselessCertificate:
    """The certificate of exact recovery (Fuchs 2004) on padded supports with signs (B, k)."""
    xp = namespace(D, signs)
    atoms, gram = support_gram(D, support, mask)
    g = _direction(gram, mask, signs)
    value = xp.abs(rmatvec(D, rmatvec(atoms, g)))
    columns = xp.arange(D.shape[2], dtype=support.dtype, device=support.device)[None, :]
    for i in range(support.shape[1]):
        inside = (columns == support[:, i : i + 1]) & mask[:, i : i + 1]
        value = xp.where(inside, xp.zeros_like(value), value)
    # The padding adds eigenvalues 1, which lie between the others: their mean is 1.
    eigenvalues = xp.linalg.eigvalsh(gram)
    smallest, largest = eigenvalues[:, 0], eigenvalues[:, -1]
    regular = smallest > gram.shape[-1] * eps(gram) * largest
    infinite = xp.full_like(smallest, xp.inf)
    return NoiselessCertificate(
        xp.where(regular, xp.max(value, axis=-1), xp.full_like(smallest, xp.nan)),
        smallest,
        xp.where(regular, largest / _positive(smallest), infinite),
    )


def worst_noise(D: Array, support: Array, mask: Array, signs: Array, radius: Array) -> tuple[Array, Array, Array]:
    r"""The noise ``v = -radius D_T g / sqrt c`` that moves basis pursuit furthest along the signs, with
    g = G_T^{-1} s (B, k) and c = s^T g (B,): returns (v, g, c).

    For x with support T, signs s and ``|x_j| > 2 radius |g_j| / sqrt c``, where :func:`noiseless_certificate` is
    below 1, the only solution for y = D x + v is ``x_T - 2 radius g / sqrt c``, with dual D_T g.
    """
    atoms, gram = support_gram(D, support, mask)
    g = _direction(gram, mask, signs)
    c = dot(signs, g)
    root = namespace(c).sqrt(_nonnegative(c))
    return -(radius / _positive(root))[:, None] * rmatvec(atoms, g), g, c


def _direction(gram: Array, mask: Array, signs: Array) -> Array:
    xp = namespace(gram)
    return solve_gram(gram, xp.where(mask, signs, xp.zeros_like(signs))[..., None])[..., 0]


def reference_basis_pursuit(D: Any, y: Any, radius: float) -> tuple[Any, str]:
    """One instance on the host by CVXPY and CLARABEL, the independent path of a recheck: D (n, m), y (n,) NumPy.

    Returns x (m,) and the solver's status; at the default settings the objective is right to about 1e-7 and the ball
    is left by up to about 1e-8.
    """
    import cvxpy

    x = cvxpy.Variable(D.shape[1])
    problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.norm1(x)), [cvxpy.norm2(D @ x - y) <= radius])
    problem.solve(solver=cvxpy.CLARABEL)
    return x.value, problem.status
