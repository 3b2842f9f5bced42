r"""Projected gradient descent on nonconvex sets: the factor 2, and the golden ratio for sparse vectors.

Let $`K`$ be any closed set, $`Z\in K`$, $`\phi_K`$ any nearest point (it need not be unique),
$`C=\overline{\mathrm{cone}}(K-Z)`$, $`B`$ the unit ball, $`X=AZ+E`$, $`M=I-\mu A^TA`$, $`h_t=\hat Z^t-Z`$ for
$`\hat Z^{t+1}=\phi_K(\hat Z^t+\mu A^T(X-A\hat Z^t))`$, and

```math
\rho=\sup_{u,v\in C\cap B}u^TMv,\qquad \xi=\mu\sup_{u\in C\cap B}u^TA^TE .
```

**Theorem.** If $`\hat Z^0\in K`$, then for every $`t`$

```math
\|h_t\|\le(2\rho)^t\|h_0\|+2\,\frac{1-(2\rho)^t}{1-2\rho}\,\xi .
```

For $`K=\Sigma_k`$, the vectors with at most $`k`$ non-zeros (iterative hard thresholding), 2 may be replaced by
$`\varphi=\frac{1+\sqrt5}2`$ in all three places; one step obeys
$`\|h_{t+1}\|\le\varphi\sup_{u\in C\cap B}u^T(Mh_t+\mu A^TE)`$.

*Proof.* $`h_{t+1}`$ is a nearest point $`p`$ of $`D=K-Z`$ to $`y=Mh_t+\mu A^TE`$. As $`0\in D`$,
$`\|y-p\|^2\le\|y\|^2`$, so $`\|p\|^2\le2\langle y,p\rangle`$ and $`\|p\|\le2\sup_{u\in C\cap B}u^Ty`$. For
$`\Sigma_k`$ let $`b=y+Z`$, $`S=\mathrm{supp}\,Z`$, and let $`|T|=k`$ contain the support of the thresholded $`b`$, with
$`|b_j|\ge|b_i|`$ for $`j\in T\not\ni i`$. With $`\beta=\|b_{T\setminus S}\|`$, $`\zeta=\|Z_{S\setminus T}\|`$,
$`x=\|(b-Z)_{S\cap T}\|`$ one has $`\langle b,Z\rangle_{S\setminus T}\le\beta\zeta`$, the half-space of
$`\mathrm{span}(e_j,j\in T;Z)`$ gives $`\sup^2\ge x^2+\beta^2+(\zeta-\beta)_+^2`$, and
$`\|p\|^2=x^2+\beta^2+\zeta^2`$. The largest value of $`\frac{\beta^2+\zeta^2}{\beta^2+(\zeta-\beta)_+^2}`$ is
$`\varphi^2`$, at $`\zeta=\varphi\beta`$. $`\square`$

**Sharp.** $`K=\{Z,Z+h\}`$ and $`M=rI`$ along $`h`$: descent stays at the wrong point for ever as soon as $`r>\frac12`$,
so neither the factor 2 nor the threshold $`2\rho<1`$ can be improved for general sets. For $`\Sigma_k`$ the golden
ratio is attained by $`k=1`$, $`Z=(0,\varphi)`$, $`b=(1,1)`$. Kind: inequality for every instance, at every step.

**What the slide says.** Theorem 8 with $`\kappa_f=2`$ for nonconvex $`f`$: $`\|h_t\|\le(2\rho)^t\|Z\|`$ with
$`f(Z)\le R`$ and start 0. The factor is right; noise, radius and start fail as they do for convex $`f`$ (see `pgd`).

**How it is measured.** The supremum over the cone of $`\Sigma_k`$ at $`Z`$ is computed exactly by enumeration of
supports; of finite sets, over the rays. $`\rho`$ is an enclosure: from below by the directions of the trajectory,
which certifies *holds*; from above by the maximum over pairs of supports of $`\|P_{W_T}MP_{W_{T'}}\|`$, which
certifies *violated*. $`\delta`$ bounds the rounding of a step and stands beside $`\xi`$.

**Not covered.** Large dimensions (the enumeration has $`\binom dk`$ supports); sets other than $`\Sigma_k`$ and two or
three points; how $`\rho`$ depends on $`m`$ for Gaussian $`A`$.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from theorems.bibliography import GIRYES2019, OURS, OYMAK2018, SHEN2018
from verify import Claim, Enclosure, Every, Figure, Formula, Parameters, Source, Theorem, control, misreading
from verify.core.arrays import dot, eps, matvec, namespace, norm2, rmatvec, to_numpy
from verify.kit import descent
from verify.kit.projections import hard_threshold
from verify.kit.sparse_cone import SparseCone

GOLDEN = "(1 + sqrt(5)) / 2"
BOUND = Formula("(kappa * rho)**t * size + kappa * geom(kappa * rho, t) * (xi + delta)")
SLIDE = Source(GIRYES2019, "slide 'Theory for PGD' (Theorem 8, kappa_f = 2)")
LEVEL, BELOW, START, QUIET, SPARSE = "R = f(Z)", "f(Z) <= R", "start in K", "no noise", "K is k-sparse"


class Params(Parameters):
    """Sizes of the general families; the families made by hand have their own."""

    d: int = Field(10, ge=3, le=14, description="length of the signal; the cone is enumerated")
    m: int = Field(150, ge=1, le=4096, description="number of measurements; contraction needs m >> k log d")
    k: int = Field(2, ge=1, le=3, description="non-zeros of the signal, and the level of K")
    steps: int = Field(20, ge=1, le=500, description="iterations t = 1..steps")
    noise: float = Field(0.3, ge=0, le=100, description="standard deviation of the entries of E, where there is noise")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """A (B, m, d); Z, start (B, d); E (B, m); mu (B,); level (1,) the k of K, or other (B, n, d), the points
    of K beside Z."""
    if family in BY_HAND:
        return BY_HAND[family](draw)
    xp = draw.xp
    A = draw.normal(p.m, p.d)
    rank = draw.ranks(p.d)
    values = draw.normal(p.d)
    Z = xp.where(rank < p.k, values, xp.zeros_like(values))
    rule = draw.integers(0, 3)
    fixed = xp.where(rule == 1, draw.full(1.0 / p.m), draw.full(1.5 / p.m))
    mu = xp.where(rule == 0, 1 / descent.largest_eigenvalue_of_gram(A), fixed)
    E = (p.noise if family == "sparse, noisy" else 0.0) * draw.normal(p.m)
    return {"A": A, "Z": Z, "E": E, "mu": mu, "start": 0 * Z, "level": _level(draw, p.k)}


def _level(draw: Any, k: int) -> Any:
    return draw.backend.asarray([k])


def _rows(draw: Any, *rows: tuple[Any, ...]) -> Any:
    """A batch of small matrices from entries that are numbers or (B,)."""
    one = draw.full(1.0)
    return draw.xp.stack([draw.xp.stack([e * one for e in row], axis=-1) for row in rows], axis=-2)


def _two_points(draw: Any) -> dict[str, Any]:
    """d = 1, K = {0, 1}, Z = 0, start 1, M = r: by hand r = 0.51, and the error stays 1."""
    r = 0.51 + draw.coin() * draw.uniform(low=0, high=0.4)
    A = draw.xp.sqrt(1 - r)[:, None, None]
    zero = draw.full(0.0, 1)
    other = 1 + zero[:, None, :]
    return {"A": A, "Z": zero, "E": zero, "mu": draw.full(1.0), "start": 1 + zero, "other": other}


def _three_points(draw: Any) -> dict[str, Any]:
    """K = {0, p, q} in the plane, Z = 0, start 0, M = r [[-1, 1], [1, -1]], a push of x (1, 1): by hand r = 3, x = 1.

    p and q are on the axes, a little shorter than the theorem allows at t = 1 and 2, so that descent goes to them."""
    free = draw.coin()
    r = 3 - free * draw.uniform(high=2.9)
    x = (1 - free) + free * draw.log_uniform(low=1e-2, high=1e2)
    root, short, zero = draw.xp.sqrt(r), 1 - 2.0**-16, draw.full(0.0, 2)
    p = 2 * x * short
    q = 2 * (r * p + x) * short
    return {
        "A": _rows(draw, (1, 0), (0, 1), (root, -root)),
        "Z": zero,
        "E": _rows(draw, (x, x, 0))[:, 0, :],
        "mu": draw.full(1.0),
        "start": zero,
        "other": _rows(draw, (p, 0), (0, q)),
    }


def _golden(draw: Any) -> dict[str, Any]:
    """A = I, mu = 1, k = 1, Z = (0, z), Z + E = (1 + 2^-30, 1): by hand z is the golden ratio."""
    z = (1 + 5**0.5) / 2 + draw.coin() * draw.uniform(low=-0.4, high=0.6)
    Z = _rows(draw, (0, z))[:, 0, :]
    return {
        "A": _rows(draw, (1, 0), (0, 1)),
        "Z": Z,
        "E": _rows(draw, (1 + 2.0**-30, 1))[:, 0, :] - Z,
        "mu": draw.full(1.0),
        "start": 0 * Z,
        "level": _level(draw, 1),
    }


def _golden_start(draw: Any) -> dict[str, Any]:
    """K = 1-sparse in the plane, Z = (0, z), no noise, start (s, 0), M the multiple of a reflection that takes
    start - Z to (1 + 2^-30, 1) - Z: by hand z is the golden ratio, s = 4 and rho = 0.27."""
    xp = draw.xp
    z = (1 + 5**0.5) / 2 + draw.coin() * draw.uniform(low=-0.4, high=0.6)
    s = 4 + draw.coin() * draw.uniform(low=-1, high=4)
    h, y = _rows(draw, (s, -z))[:, 0, :], _rows(draw, (1 + 2.0**-30, 1 - z))[:, 0, :]
    ratio = norm2(y) / norm2(h)
    w = h / norm2(h)[:, None] - y / norm2(y)[:, None]
    w = w / norm2(w)[:, None] * xp.sqrt(2 * ratio)[:, None]
    eye = xp.sqrt(1 - ratio)
    Z = _rows(draw, (0, z))[:, 0, :]
    A = _rows(draw, (eye, 0), (0, eye), (w[:, 0], w[:, 1]))
    zero = draw.full(0.0, 3)
    start = _rows(draw, (s, 0))[:, 0, :]
    return {"A": A, "Z": Z, "E": zero, "mu": draw.full(1.0), "start": start, "level": _level(draw, 1)}


def _diverging(draw: Any) -> dict[str, Any]:
    """K = 1-sparse in the plane, M = -3 I: the start 0, Z = (1, 0) and no noise, or the start Z = (0, golden ratio)
    with the noise of ``golden``."""
    noisy = draw.coin()
    z = (1 + 5**0.5) / 2 * (1 + 0.1 * draw.coin() * draw.uniform())
    Z = _rows(draw, ((1 - noisy), noisy * z))[:, 0, :]
    return {
        "A": _rows(draw, (2, 0), (0, 2)),
        "Z": Z,
        "E": _rows(draw, (noisy * (0.5 + 2.0**-31), noisy * (1 - z) / 2))[:, 0, :],
        "mu": draw.full(1.0),
        "start": noisy[:, None] * Z,
        "level": _level(draw, 1),
    }


def _loose_level(draw: Any) -> dict[str, Any]:
    """K = 4-sparse, Z = e_1 of R^5, A^T A = I - n n^T with n = (s, b, b, b, b), mu = 1: by hand s = 1/5.

    Over the cone of the 1-sparse vectors at Z, rho = s^2 + b^2; one of the four small entries is thresholded away
    at each step, and what is left contracts by s^2 + 3 b^2 > 2 rho.
    """
    s = 0.2 + draw.coin() * draw.uniform(low=-0.08, high=0.04)
    b = draw.xp.sqrt((1 - s**2) / 4)
    n = _rows(draw, (s, b, b, b, b))
    Z = _rows(draw, (1, 0, 0, 0, 0))[:, 0, :]
    eye = draw.backend.asarray([[float(i == j) for j in range(5)] for i in range(5)])
    A = eye - draw.xp.matmul(draw.xp.matrix_transpose(n), n)
    return {"A": A, "Z": Z, "E": 0 * Z, "mu": draw.full(1.0), "start": 0 * Z, "level": _level(draw, 4)}


def _start_outside(draw: Any) -> dict[str, Any]:
    """K = {Z, Z + e_1}, Z = 0, start e_2 outside K, M = [[0, c], [c, 0]]: by hand c = 4/5.

    rho = 0, so recovery in one step is claimed; the first step goes to the wrong point."""
    c = 0.8 + draw.coin() * draw.uniform(low=-0.25, high=0.15)
    A = _rows(draw, (1, -c), (0, draw.xp.sqrt(1 - c**2)))
    zero = draw.full(0.0, 2)
    first, second = (_rows(draw, row) for row in ((1, 0), (0, 1)))
    return {"A": A, "Z": zero, "E": zero, "mu": draw.full(1.0), "start": second[:, 0, :], "other": first}


BY_HAND = {
    "two points": _two_points,
    "three points": _three_points,
    "golden": _golden,
    "golden, far start": _golden_start,
    "diverging": _diverging,
    "loose level": _loose_level,
    "start outside": _start_outside,
}


def _count(z: Any) -> Any:
    xp = namespace(z)
    return xp.sum(xp.astype(z != 0, z.dtype), axis=-1)


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """Margins in numbers of non-zeros for sparse K, in distances to the points otherwise."""
    xp = namespace(x["Z"])
    Z, start = x["Z"], x["start"]
    if "level" in x:
        k = xp.astype(x["level"], Z.dtype)
        level, inside = k - _count(Z), k - _count(start)
        exact = -level
    else:
        exact = level = xp.zeros_like(x["mu"])
        inside = -xp.min(norm2(start[:, None, :] - _points(x)), axis=-1)
    return {
        LEVEL: exact,
        BELOW: level,
        START: inside,
        QUIET: -norm2(x["E"]),
        SPARSE: xp.full_like(x["mu"], 1.0 if "level" in x else -1.0),
    }


def _points(x: Any) -> Any:
    """Those of K, Z first: (B, n + 1, d)."""
    return namespace(x["Z"]).concat([x["Z"][:, None, :], x["other"]], axis=1)


def _project(x: Any, z: Any) -> Any:
    """A nearest point of K."""
    if "level" in x:
        return hard_threshold(z, int(to_numpy(x["level"])[0]))
    xp, points = namespace(z), _points(x)
    nearest = xp.argmin(norm2(z[:, None, :] - points), axis=-1)
    return xp.take_along_axis(points, nearest[:, None, None], axis=1)[:, 0, :]


def solve(p: Params, x: Any) -> dict[str, Any]:
    """Trajectory by matrix-form steps."""
    A, Z, mu = x["A"], x["Z"], x["mu"]
    offset = mu[:, None] * rmatvec(A, matvec(A, Z) + x["E"])
    M = descent.gradient_map(A, mu)
    return _quantities(x, descent.projected_gradient(M, offset, lambda z: _project(x, z), x["start"], p.steps))


def _quantities(x: Any, iterates: Any) -> dict[str, Any]:
    """The named quantities of the bounds, from a trajectory (B, T + 1, d)."""
    xp = namespace(iterates)
    A, Z, E, mu = x["A"], x["Z"], x["E"], x["mu"]
    M = descent.gradient_map(A, mu)
    h = iterates - Z[:, None, :]
    push = mu[:, None] * rmatvec(A, E)
    image = xp.matmul(h, M)
    moved = image[:, :-1, :] + push[:, None, :]
    if "level" in x:
        cone = SparseCone(Z, int(to_numpy(x["level"])[0]))
        lengths = norm2(h)
        direction = image / xp.where(lengths > 0, lengths, xp.ones_like(lengths))[..., None]
        in_cone = (_count(iterates) <= cone.k) & (lengths > 0)
        gains = xp.where(in_cone, cone.support_function(direction), xp.zeros_like(lengths))
        lower, upper = xp.max(gains, axis=-1), cone.rho_upper(M)
        # Over the cone of f's own level set at Z, which is smaller where f(Z) < R.
        sparsity = int(to_numpy(xp.max(_count(Z))))
        at_Z = SparseCone(Z, max(1, sparsity)).rho_upper(M)
        push_sup = cone.support_function(push[:, None, :])[:, 0]
        step_sup = cone.support_function(moved)
    else:
        rays = x["other"] - Z[:, None, :]
        rays = rays / norm2(rays)[..., None]

        def largest(v: Any) -> Any:
            """Over the rays, and 0 at least: (B, n, ...) -> (B, ...)."""
            v = xp.max(v, axis=1)
            return xp.where(v > 0, v, xp.zeros_like(v))

        across = xp.matmul(xp.matmul(rays, M), xp.matrix_transpose(rays))
        lower = upper = at_Z = largest(xp.max(across, axis=-1))
        push_sup = largest(dot(rays, push[:, None, :]))
        step_sup = largest(xp.matmul(rays, xp.matrix_transpose(moved)))
    unit = 64 * eps(A)
    rate = Enclosure(lower, lower * (1 - unit), xp.maximum(lower, upper) * (1 + unit))
    return {
        "error": norm2(h[:, 1:, :]),
        "reach": step_sup,
        "t": xp.arange(1, h.shape[1], dtype=A.dtype, device=A.device)[None, :],
        "rho": rate,
        "rho_Z": Enclosure(at_Z, xp.zeros_like(at_Z), at_Z * (1 + unit)),
        "kappa": xp.full_like(mu, 2.0),
        "size": norm2(h[:, 0, :]),
        "xi": push_sup,
        "delta": descent.step_rounding(A, mu, descent.largest_eigenvalue_of_gram(A), iterates, Z, E),
    }


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same trajectory of one instance from residual-form steps, with ties of thresholding as in the kernel."""
    import numpy as np

    A, Z, mu = x["A"][0], x["Z"][0], float(x["mu"][0])
    X = A @ Z + x["E"][0]
    z = x["start"][0].astype(float)
    iterates = [z]
    for _ in range(p.steps):
        y = z + mu * (A.T @ (X - A @ z))
        if "level" in x:
            kept = np.argsort(-np.abs(y), kind="stable")[: int(x["level"][0])]
            z = np.zeros_like(y)
            z[kept] = y[kept]
        else:
            z = min((Z, *x["other"][0]), key=lambda point: np.linalg.norm(y - point))
        iterates.append(z)
    return _quantities(x, np.stack(iterates)[None])


def flip(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Some coordinates of the signal negated."""
    s = draw.shared.sign(x["Z"].shape[-1])
    signed = {name: x[name] * s for name in ("Z", "start", "other") if name in x}
    return {**x, "A": x["A"] * s[:, None, :], **signed}


GOLDEN_STEP = Formula(f"{GOLDEN} * reach + delta")

THEOREM = Theorem(
    "pgd_nonconvex",
    "Projected gradient descent on nonconvex sets: the factor 2, and the golden ratio for sparse vectors",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    families={
        "sparse": "k-sparse signals, Gaussian A, no noise, three step sizes",
        "sparse, noisy": "the same with Gaussian noise",
        "two points": "K = {0, 1} on the line: the factor 2 cannot be smaller",
        "three points": "K = {0, p, q} in the plane with noise: two steps attain the factor 2",
        "golden": "hard thresholding in the plane: one step attains the golden ratio",
        "golden, far start": "the same without noise, from a distance of four steps: rho is small",
        "diverging": "hard thresholding in the plane with rho = 3",
        "loose level": "K of higher level than the signal, R^5",
        "start outside": "a start outside K = {Z, Z + e_1}",
    },
    shares={
        "two points": 0.5,
        "three points": 0.3,
        "golden": 0.5,
        "golden, far start": 0.3,
        "diverging": 0.3,
        "loose level": 0.3,
        "start outside": 0.5,
    },
    instances=4700,
    batch=200,
    claims=(
        Claim("factor 2, any closed set", Every(), "error", BOUND, (BELOW, START)),
        Claim("golden ratio, k-sparse", Every(), "error", BOUND.where(kappa=GOLDEN), (BELOW, START, SPARSE)),
        Claim("one step, golden ratio", Every(), "error", GOLDEN_STEP, (BELOW, START, SPARSE)),
        Claim("one step, factor 2", Every(), "error", Formula("2 * reach + delta"), (BELOW, START)),
        Claim(
            "slide, without noise",
            Every(),
            "error",
            BOUND.where(xi=0),
            (BELOW, START, QUIET),
            origin="giryes2019",
            source=SLIDE,
        ),
        misreading(
            "slide: no noise term",
            Every(),
            "error",
            BOUND.where(xi=0),
            (LEVEL, START),
            source=SLIDE,
            grade="incomplete",
            reading="X = AZ + E with any E, and the bound (2 rho)^t |Z|",
            because="the noise E enters the iteration and not the bound",
            holds_when="E = 0, or with the noise term",
        ),
        misreading(
            "slide: f(Z) <= R",
            Every(),
            "error",
            BOUND.where(xi=0, rho="rho_Z"),
            (BELOW, START, QUIET, SPARSE),
            source=SLIDE,
            grade="false",
            reading="K of level R > f(Z), rho over the cone of f's level set at Z",
            because="rho is taken over the cone of a smaller set than the one projected on",
            holds_when="R = f(Z), or the cone of K itself",
        ),
        misreading(
            "slide: any start",
            Every(),
            "error",
            BOUND.where(xi=0),
            (LEVEL, QUIET),
            source=SLIDE,
            grade="incomplete",
            reading="a start that is not in K",
            because="h_0 is not in the cone when the start is not in K",
            holds_when="the start lies in K",
        ),
        control(
            "factor 1",
            Every(),
            "error",
            BOUND.where(kappa=1),
            (LEVEL, START),
            "a nonconvex projection can double the distance",
        ),
        control(
            "factor 3/2",
            Every(),
            "error",
            BOUND.where(kappa=1.5),
            (LEVEL, START),
            "the wrong one of two points is a fixed point",
        ),
        control(
            "golden ratio for every set",
            Every(),
            "error",
            BOUND.where(kappa=GOLDEN),
            (LEVEL, START),
            "the golden ratio is special to sparse vectors",
        ),
        control(
            "one step, 1.6",
            Every(),
            "error",
            Formula("1.6 * reach + delta"),
            (LEVEL, START, SPARSE),
            "the golden ratio is attained",
        ),
    ),
    sources=(
        Source(OYMAK2018, "main theorem, nonconvex case", "statement from memory; proved on this page"),
        Source(SHEN2018, "tight bound of hard thresholding", "a relative of the golden step, from memory"),
        SLIDE,
        Source(OURS, "the golden ratio for the cone of sparse vectors, above"),
    ),
    symbols={
        "rho": (r"\rho", "supremum of $`u^TMv`$ over unit vectors of the cone of K at Z"),
        "rho_Z": (r"\rho_Z", "the same over the cone of the vectors that are as sparse as Z"),
        "kappa": (r"\kappa", "2"),
        "t": ("t", "iteration"),
        "size": (r"\lVert h_0\rVert", "distance of the start from the signal"),
        "xi": (r"\xi", "largest push of the noise along the cone"),
        "delta": (r"\delta", "bound on the rounding of one computed step"),
        "error": (r"\lVert h_t\rVert", "distance of the iterate from the signal"),
        "reach": (r"\sup_{u\in C\cap B}u^T(Mh_t+\mu A^TE)", "largest push of the step along the cone"),
    },
    figures=(
        Figure(
            "error",
            "curves",
            ("factor 2, any closed set", "slide: no noise term"),
            "Error at each iteration with noise, with the bound and with the slide's, which has no noise term.",
            x="iteration t",
            y="error (distance from the signal)",
            family="sparse, noisy",
        ),
        Figure(
            "cloud",
            "cloud",
            ("one step, golden ratio",),
            "Distance after one step against the golden-ratio bound, at the step where their ratio is largest.",
            x="bound",
            y="measured distance",
        ),
    ),
    invariances={"flip signs": flip},
    survivors={
        "one step, * 'start in K'": "|p|^2 <= 2 <y, p> for a nearest point p of K - Z to any y, wherever it came from",
    },
    not_tested=("dimensions above 14", "sets other than sparse vectors and two or three points"),
)
