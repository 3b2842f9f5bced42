"""What the theorems on one dictionary share: dictionaries by family, sparse vectors, margins of the sparsity."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Literal

from pydantic import Field

from verify import Enclosure, Parameters
from verify.core.arrays import eps, matvec, namespace, norm1, norm2, rmatvec, to_numpy
from verify.kit import basis_pursuit as bp
from verify.kit import dictionaries

MARGIN = 1e-9  # of strict inequalities between k and the coherence, which sit on lattice values
GAUSSIAN = "gaussian"

STANDARD = {
    "identity and Hadamard": lambda n: dictionaries.identity_hadamard(n or 64),
    "conference": lambda n: dictionaries.conference(n or 53),
    "simplex": lambda n: dictionaries.simplex(n or 40),
    "affine Hadamard": lambda n: dictionaries.affine_hadamard(n or 8),
    "transversal": lambda n: dictionaries.transversal(*((n, n + 2) if n else (9, 11))),
}
SMALL = {"small simplex": lambda n: dictionaries.simplex(n or 5)}  # nearly the largest coherence that admits a non-zero
Name = Literal["each", "identity and Hadamard", "conference", "simplex", "affine Hadamard", "transversal", "gaussian"]


class DictionaryParams(Parameters):
    """Which dictionary, and how sparse."""

    dictionary: Name = Field("each", description="one dictionary for every family, or each family's own")
    n: int = Field(
        0,
        ge=0,
        le=4096,
        description="size of a chosen dictionary (length of the signal; q of conference and affine Hadamard, c of "
        "transversal); 0: the standard size, for gaussian 64",
    )
    k: int = Field(0, ge=0, le=512, description="non-zeros of alpha; 0: every k that is admitted, drawn uniformly")


def dictionary(draw: Any, p: DictionaryParams, family: str) -> tuple[Any, Any]:
    """D (1, n, m) and its exact coherence mu (1,), shared by the family; of a Gaussian D the computed one."""
    xp = draw.xp
    if p.dictionary == GAUSSIAN:
        n = p.n or 64
        D = draw.shared.normal(n, 2 * n)
        D = D / xp.sqrt(xp.sum(D * D, axis=-2, keepdims=True))
        gram = xp.abs(xp.matmul(xp.matrix_transpose(D), D))
        off = gram * (1 - xp.eye(2 * n, dtype=D.dtype, device=D.device))
        return D, xp.max(off, axis=(-2, -1))
    known = {**STANDARD, **SMALL}
    name = next(name for name in known if family.startswith(name)) if p.dictionary == "each" else p.dictionary
    made = known[name](p.n if p.dictionary != "each" else 0)
    return draw.backend.asarray(made.D)[None, ...], draw.backend.asarray([made.mu])


def sparsity(draw: Any, p: DictionaryParams, mu: Any, limit: Fraction) -> Any:
    """k (B,) int64: ``p.k``, or uniform on 1, ..., the largest k < limit (1 + 1/mu) (1 where none is admitted)."""
    top = max(1, dictionaries.admitted(float(to_numpy(mu)[0]), limit))
    return draw.integers(p.k, p.k + 1) if p.k else draw.integers(1, top + 1)


def sparse_vector(draw: Any, m: int, k: Any, signs: Any = None) -> Any:
    """k random entries of random sign (or of ``signs``) and magnitude log-uniform on [e^-1, e^2]: (B, m)."""
    xp = draw.xp
    rank = draw.ranks(m)
    values = draw.log_uniform(m, low=0.36787944117144233, high=7.38905609893065)
    values = values * (draw.sign(m) if signs is None else signs)
    return xp.where(rank < k[:, None], values, xp.zeros_like(values))


def most_correlated(draw: Any, D: Any, k: Any) -> tuple[Any, Any]:
    """A random victim among the atoms, as 1 among zeros (B, m), and the k atoms most correlated with it: the signs of
    their correlations (B, m), 0 elsewhere. Ties are broken at random, so that equiangular frames give all supports."""
    xp = draw.xp
    m = D.shape[-1]
    gram = xp.matmul(xp.matrix_transpose(D), D)[0, ...]
    gram = gram - xp.eye(m, dtype=D.dtype, device=D.device)
    number = draw.integers(0, m)
    correlation = xp.take(gram, number, axis=0)
    order = xp.argsort(xp.abs(correlation) + 1e-6 * draw.uniform(m), axis=-1, descending=True)
    inside = xp.argsort(order, axis=-1) < k[:, None]
    atoms = xp.arange(m, dtype=number.dtype, device=D.device)[None, :]
    victim = xp.astype(atoms == number[:, None], D.dtype)
    return victim, xp.where(inside, xp.sign(correlation), xp.zeros_like(correlation))


def aligned_atoms(draw: Any, D: Any, u: Any, most: int) -> Any:
    """Signs s (B, m), 0 but on u <= most atoms, chosen so that each s_j <d_j, sum of those before> is as far below 0 as
    it can be: where all s_i s_j <d_i, d_j> are -mu, no u atoms can have a smaller eigenvalue than |D s|^2/u."""
    xp = draw.xp
    gram = xp.matmul(xp.matrix_transpose(D), D)[0, ...]
    m = D.shape[-1]
    places = xp.arange(m, dtype=xp.int64, device=D.device)[None, :]
    at = draw.integers(0, m)
    signs = xp.astype(places == at[:, None], D.dtype)
    correlation = xp.take(gram, at, axis=0)  # with the signed sum so far
    ties = 1e-6 * draw.uniform(m)  # are broken at random
    for step in range(1, most):
        at = xp.argmax(xp.abs(correlation) + ties - 1e3 * xp.abs(signs), axis=-1)
        chosen = xp.astype((places == at[:, None]) & (step < u[:, None]), D.dtype)
        sign = -xp.sign(xp.sum(chosen * correlation, axis=-1, keepdims=True))
        signs = signs + sign * chosen
        correlation = correlation + sign * xp.take(gram, at, axis=0)
    return signs


def count(alpha: Any) -> Any:
    """The number of non-zeros, as a float: (B,)."""
    xp = namespace(alpha)
    return xp.sum(xp.astype(alpha != 0, alpha.dtype), axis=-1)


def unit_columns(D: Any) -> Any:
    """Margin of unit columns, to the rounding of their construction: (1,) or (B,)."""
    xp = namespace(D)
    return 16 * D.shape[-2] * eps(D) - xp.max(xp.abs(xp.sum(D * D, axis=-2) - 1), axis=-1)


def admitted_words(p: DictionaryParams, mu: float, limit: Fraction, text: str) -> str:
    """What to say when the sparsity condition set everything aside."""
    top = dictionaries.admitted(min(mu, 1.0), limit)
    bound = float(limit) * (1 + 1 / mu)
    found = f"the coherence is {mu:.4f}, so {text} admits k < {bound:.3f}"
    if top == 0:
        return f"{found}: no k >= 1 at all; dictionaries with small exact coherence are the other choices"
    return f"{found}, that is k <= {top}; k={p.k} was asked for"


def flip_signs(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Atoms negated, with the entries of the vectors that use them."""
    s = draw.shared.sign(x["D"].shape[-1])
    moved = {name: x[name] * s for name in ("alpha", "point", "w") if name in x}
    return {**x, "D": x["D"] * s[:, None, :], **moved}


def permute_atoms(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Atoms in another order."""
    xp = namespace(x["D"])
    order = draw.shared.subset(x["D"].shape[-1], x["D"].shape[-1])[0, :]
    return {**x, **{name: xp.take(x[name], order, axis=-1) for name in ("D", "alpha", "point", "w") if name in x}}


def rescale(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Everything measured in a unit four times smaller."""
    return {**x, **{name: 4 * x[name] for name in ("alpha", "v", "radius", "point", "xi", "c") if name in x}}


def random_noise(draw: Any, n: int, radius: Any) -> Any:
    """Uniform on the sphere of the given radius: (B, n)."""
    return radius[:, None] * draw.sphere(n)


def repair(p: DictionaryParams, x: Any) -> dict[str, Any]:
    """Noise that left the ball back on its sphere; where k is given, only the k largest entries of alpha kept."""
    xp = namespace(x["v"])
    length = norm2(x["v"])
    back = xp.where(length > x["radius"], x["radius"] / length, xp.ones_like(length))
    alpha = x["alpha"]
    if p.k and p.k < alpha.shape[-1]:
        least = xp.sort(xp.abs(alpha), axis=-1)[:, -p.k - 1, None]
        alpha = xp.where(xp.abs(alpha) > least, alpha, xp.zeros_like(alpha))
    return {**x, "v": x["v"] * back[:, None], "alpha": alpha}


def within(v: Any, radius: Any) -> Any:
    """Margin of |v|_2 <= radius, to the rounding of the norm."""
    return radius * (1 + 8 * v.shape[-1] * eps(v)) - norm2(v)


# ---------------------------------------- noisy instances of basis pursuit


class SolverParams(DictionaryParams):
    """The dictionary, the sparsity and the solver's effort."""

    gap: float = Field(1e-9, gt=0, le=1e-2, description="certified relative duality gap asked of the solver")
    iterations: int = Field(4000, ge=1, le=100000, description="most iterations of the solver")


EFFORT = ("gap", "iterations")  # of the solver: a worst-case search leaves them alone
NOISY_FAMILIES = {
    **{f"{name}, random noise": f"{name}, noise uniform on the sphere" for name in STANDARD},
    **{f"{name}, worst noise": f"{name}, the closed-form worst noise" for name in (*STANDARD, *SMALL)},
    **{
        f"{name}, feasible points": "no solver: the feasible points of the flipped simplex that nearly attain the bound"
        for name in ("simplex", *SMALL)
    },
}


def noisy(draw: Any, p: SolverParams, family: str, limit: Fraction) -> dict[str, Any]:
    """D (1, n, m); mu (1,); alpha (B, m); v (B, n); radius (B,) = epsilon; point (B, m) where no solver is asked."""
    D, mu = dictionary(draw, p, family)
    n, m = D.shape[-2:]
    k = sparsity(draw, p, mu, limit)
    radius = draw.log_uniform(low=0.006737946999085467, high=20.0)
    if family.endswith("feasible points") and p.dictionary in ("each", "simplex"):
        return flipped_simplex(draw, D, mu, k, radius)
    # On the simplex equal signs make every coherence term work against recovery.
    signs = draw.full(1.0, m) if family.endswith("simplex, worst noise") else None
    alpha = sparse_vector(draw, m, k, signs)
    v = random_noise(draw, n, radius)
    if family.endswith("worst noise"):
        support, mask = bp.padded_support(draw.xp.sign(alpha))
        picked = draw.xp.take_along_axis(draw.xp.sign(alpha), support, axis=-1)
        v, g, c = bp.worst_noise(D, support, mask, picked, radius)
        alpha = _raised(alpha, support, mask, g, c, radius)
    return {"D": D, "mu": mu, "alpha": alpha, "v": v, "radius": radius}


def ascend(draw: Any, x: dict[str, Any], step: Any) -> dict[str, Any]:
    r"""The noise moved along the gradient of the error, and back onto its sphere.

    While the solution keeps the support T and the signs s, its error is
    :math:`e=D_T^+v-\|P_Tv\|g/\sqrt c` with :math:`g=(D_T^TD_T)^{-1}s`, :math:`c=s^Tg`, and the gradient of
    :math:`\|e\|^2/2` in v is :math:`(D_T^+)^Te-P_Tv\,\langle g,e\rangle/(\sqrt c\|P_Tv\|)`.
    """
    xp, v = namespace(x["v"]), x["v"]
    signs = xp.sign(x["alpha"])
    support, mask = bp.padded_support(signs)
    atoms, gram = bp.support_gram(x["D"], support, mask)
    s = xp.where(mask, xp.take_along_axis(signs, support, axis=-1), xp.zeros_like(signs[:, :1]))
    inside, g = (bp.solve_gram(gram, a[..., None])[..., 0] for a in (matvec(atoms, v), s))
    shadow, root = rmatvec(atoms, inside), xp.sqrt(xp.sum(s * g, axis=-1))
    size = norm2(shadow)
    error = inside - (size / root)[:, None] * g
    pull = xp.sum(g * error, axis=-1) / (root * size)
    slope = rmatvec(atoms, bp.solve_gram(gram, error[..., None])[..., 0]) - pull[:, None] * shadow
    moved = v + (step * norm2(v) / norm2(slope))[:, None] * slope
    return {"v": moved * (x["radius"] / norm2(moved))[:, None]}


def _raised(alpha: Any, support: Any, mask: Any, g: Any, c: Any, radius: Any) -> Any:
    """Magnitudes of at least 3 epsilon |g| / sqrt c, so that the worst noise switches no entry off."""
    xp = namespace(alpha)
    least = xp.where(mask, 3 * radius[:, None] * xp.abs(g) / xp.sqrt(c)[:, None], xp.zeros_like(g))
    columns = xp.arange(alpha.shape[-1], dtype=support.dtype, device=alpha.device)
    floor = xp.zeros_like(alpha)
    for i in range(support.shape[-1]):  # a scatter, column by column: supports are short
        here = (columns[None, :] == support[:, i : i + 1]) & mask[:, i : i + 1]
        floor = xp.where(here, least[:, i : i + 1], floor)
    return xp.sign(alpha) * xp.maximum(xp.abs(alpha), floor)


def flipped_simplex(draw: Any, D: Any, mu: Any, k: Any, radius: Any) -> dict[str, Any]:
    """h_T = -1, h_{T^c} = k/(n + 1 - k), scaled so that |Dh| = 2 epsilon, with v = Dh/2 and alpha_T = 2 |h_T|.

    The atoms of T are those with flipped signs, so D h is as short as |h|_1 <= 2 sqrt(k) |h| allows."""
    xp = draw.xp
    m = D.shape[-1]
    kf = xp.astype(k, D.dtype)[:, None]
    rank = draw.ranks(m)
    on = rank < k[:, None]
    one = draw.full(1.0, m)
    h = xp.where(on, -one, (kf / (m - kf)) * one)
    flips = xp.where(on, -one, one)  # D diag(flips) has the inner products -flips_i flips_j / n
    image = matvec(D, flips * h)
    scale = (2 * radius / norm2(image))[:, None]
    # In the coordinates of the given D: h -> flips * h, so that D itself stays shared by the batch.
    alpha = xp.where(on, 2 * scale * flips, xp.zeros_like(h))
    step = scale * flips * h
    return {"D": D, "mu": mu, "alpha": alpha, "v": scale * image / 2, "radius": radius, "point": alpha + step}


def measure(x: Any, a: Any, trusted: Any, exact: Any, accuracy: Any) -> dict[str, Any]:
    """What the bounds need of a point a (B, m).

    ``error`` is NaN, hence undecided, where the point is not ``trusted`` to be a solution to the gap asked for;
    ``solution_error`` is NaN unless it is ``exact``, that is within ``accuracy`` (B,) of a solution, and encloses the
    error of that solution. ``delta`` is the rounding of a solution known exactly.
    """
    xp = namespace(a)
    alpha = x["alpha"]
    n, m = x["D"].shape[-2:]
    y = matvec(x["D"], alpha) + x["v"]
    rounding = 4 * eps(a)

    def positive(z: Any) -> Any:
        return xp.where(z > 0, z, xp.zeros_like(z))

    error = norm2(a - alpha)
    nan = xp.full_like(error, xp.nan)
    return {
        "error": xp.where(trusted, error, nan),
        "solution_error": Enclosure.around(xp.where(exact, error, nan), accuracy),
        "tau": positive(norm1(a) - norm1(alpha)) + rounding * m * norm1(alpha),
        "eta": positive(norm2(matvec(x["D"], a) - y) - x["radius"]) + rounding * (n + m) * (norm1(a) + norm2(y)),
        "delta": 16 * rounding * m * norm2(alpha),
        "epsilon": x["radius"],
        "k": count(alpha),
        "mu": x["mu"],
    }


def solve(p: SolverParams, x: Any) -> dict[str, Any]:
    """The computed solution, or the point that the sampler made. In float32 the gap asked for is about 1e-3."""
    xp = namespace(x["alpha"])
    zero = xp.zeros_like(x["radius"])
    if "point" in x:
        return measure(x, x["point"], zero == 0, zero > 0, zero)
    y = matvec(x["D"], x["alpha"]) + x["v"]
    gap = max(p.gap, 1e4 * eps(y))
    found = bp.basis_pursuit(x["D"], y, x["radius"], gap=gap, max_iterations=p.iterations)
    return measure(x, found.x, found.converged, found.polished, zero)


def reference(p: SolverParams, x: Any) -> dict[str, Any]:
    """The same from one instance by CVXPY and CLARABEL, whose solutions are good to about 1e-4 of their length."""
    import numpy as np

    if "point" in x:
        return solve(p, x)
    y = x["D"][0] @ x["alpha"][0] + x["v"][0]
    a, status = bp.reference_basis_pursuit(x["D"][0], y, float(x["radius"][0]))
    if a is None:
        a, status = np.full_like(x["alpha"][0], np.nan), "failed"
    solved = np.asarray([status == "optimal"])
    return measure(x, a[None], solved, solved, 1e-4 * norm2(x["alpha"]))
