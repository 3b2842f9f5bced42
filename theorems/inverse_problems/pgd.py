r"""Projected gradient descent contracts at the rate of the descent cone.

Let $`A\in\mathbb R^{m\times d}`$, $`X=AZ+E`$, $`\mu>0`$ and $`K=\{f\le R\}`$ with $`f`$ convex. Projected gradient
descent is $`\hat Z^{t+1}=\phi_K(\hat Z^t+\mu A^T(X-A\hat Z^t))`$ with $`\phi_K`$ the Euclidean projection onto
$`K`$. Write $`M=I-\mu A^TA`$, $`h_t=\hat Z^t-Z`$, $`B`$ for the unit ball and

```math
C=\overline{\mathrm{cone}}(K-Z),\qquad \rho=\sup_{u,v\in C\cap B}u^TMv,\qquad
\xi=\mu\sup_{u\in C\cap B}u^TA^TE=\mu\|P_C(A^TE)\| .
```

**Theorem (corrected).** If $`R=f(Z)`$, $`f`$ is convex and $`\hat Z^0\in K`$, then for every $`t`$

```math
\|h_{t+1}\|\le\|P_C(Mh_t+\mu A^TE)\|,\qquad
\|h_t\|\le\rho^t\|h_0\|+\frac{1-\rho^t}{1-\rho}\,\xi ,
```

where the fraction is $`t`$ when $`\rho=1`$. No condition on $`A`$, $`\mu`$ or $`E`$ is needed; Gaussian matrices only
make $`\rho`$ small.

*Proof.* With $`D=K-Z`$, $`h_{t+1}`$ is the projection $`P_D(y)`$ of $`y=Mh_t+\mu A^TE`$. As $`0\in D`$ and $`D`$ is
convex, $`\langle y-p,-p\rangle\le0`$ for $`p=P_D(y)`$, so $`\|p\|^2\le\langle y,p\rangle`$; dividing by
$`\|p\|`$ and using $`p\in C`$ gives $`\|p\|\le\sup_{u\in C\cap B}u^Ty=\|P_C(y)\|`$. Since $`h_t\in C`$,
$`u^TMh_t\le\rho\|h_t\|`$, and the recursion follows. $`\square`$

**Rounding.** A computed trajectory is an exact one with an extra error of at most $`\delta`$ in each step, so
$`\delta`$ stands beside $`\xi`$ in the bound, and no tolerance is needed anywhere.

**Where $`\rho`$ comes from.** Here $`f=\|\cdot\|_1`$ (the cone depends on the signs of $`Z`$ alone) or $`K`$ is a
subspace. $`\rho`$ is an enclosure: its lower end is attained by a pair of vectors of the cone found from the
directions of the trajectory, its upper end is certified (a spectral norm, or the faces of the cone in small
dimensions). A bound evaluated at the lower end is smaller than the true one, so *holds* is decided with it, and
*violated* only with the upper end.

**What the slide says.** Theorem 8 of the tutorial has $`f`$ proper, $`f(Z)\le R`$, and
$`\|\hat Z^t-Z\|\le(\kappa_f\rho)^t\|Z\|`$ with $`\kappa_f=1`$ for convex $`f`$. It is true for $`E=0`$, $`R=f(Z)`$,
$`\hat Z^0=0\in K`$. It fails when noise is there and the bound has no term for it, when $`R>f(Z)`$ (the iterates then
leave the cone at $`Z`$), and when the start is not in $`K`$ (zero need not be, when $`f`$ is not a norm).

**Sharp.** On a subspace, with $`Z`$ an eigenvector of the compression of $`M`$ and the noise along it, both
inequalities are equalities for all $`t`$. Kind: inequality for every instance, at every step.

**Not covered.** Nonconvex $`f`$ (see `pgd_nonconvex`); how $`\rho`$ depends on $`m`$ for Gaussian $`A`$; other sets
than $`\ell_1`$ balls and subspaces.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from theorems.bibliography import GIRYES2019, OURS, OYMAK2018
from verify import Claim, Enclosure, Every, Figure, Formula, Parameters, Source, Theorem, control, misreading
from verify.core.arrays import eps, matvec, namespace, norm1, norm2, rmatvec
from verify.kit import descent, rho
from verify.kit.cones import L1DescentCone, Subspace
from verify.kit.projections import l1_ball, l1_ball_reference

BOUND = Formula("rho**t * size + geom(rho, t) * (xi + delta)")
SLIDE = Source(GIRYES2019, "slide 'Theory for PGD' (Theorem 8)")
EXACT_STEPS = 64  # the most that are made in exact arithmetic


class Params(Parameters):
    """Sizes of the general families; the families aimed at a misprint have their own."""

    d: int = Field(60, ge=2, le=4096, description="length of the signal")
    m: int = Field(40, ge=1, le=8192, description="number of measurements")
    k: int = Field(3, ge=1, le=64, description="non-zeros of the signal")
    steps: int = Field(40, ge=1, le=2000, description="iterations t = 1..steps")
    noise: float = Field(0.3, ge=0, le=100, description="standard deviation of the entries of E, where there is noise")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """A (B, m, d); Z, start (B, d); E (B, m); mu, radius (B,); Q (B, d, r) when K is the range of Q.

    In a family aimed at a wording half of the draws are its hand-made instance, the others lie near it.
    """
    if family == "loose radius":
        return _loose_radius(draw)
    if family == "start outside":
        return _start_outside(draw)
    if family == "noise by hand":
        return _noise_by_hand(draw)
    m = 6 * p.d if family == "noisy, m = 6d" else p.m
    A = draw.normal(m, p.d)
    L = descent.largest_eigenvalue_of_gram(A)
    if family == "subspace":
        return _on_a_subspace(draw, p, A, 1 / L)
    if family == "subspace, diverging":
        return _diverging(draw, p, A)
    Z = _sparse(draw, p)
    if family == "aligned":
        mu = 1 / L
        Z = _aligned(draw, descent.gradient_map(A, mu), Z)
    else:
        rule = draw.integers(0, 3)
        xp = draw.xp
        fixed = xp.where(rule == 1, draw.full((m**0.5 + p.d**0.5) ** -2), draw.full(1 / m))
        mu = xp.where(rule == 0, 1 / L, fixed)
    E = (p.noise if family.startswith("noisy") else 0.0) * draw.normal(m)
    return {"A": A, "Z": Z, "E": E, "mu": mu, "radius": norm1(Z), "start": 0 * Z}


def _sparse(draw: Any, p: Params) -> Any:
    """k standard normal entries at random places."""
    xp = draw.xp
    rank = draw.ranks(p.d)
    values = draw.normal(p.d)
    return xp.where(rank < p.k, values, xp.zeros_like(values))


def _aligned(draw: Any, M: Any, Z: Any) -> Any:
    """Z with the same signs and magnitudes that put -Z along the maximiser v of v^T M v over the cone, as far as an
    h with support in that of Z can lie there."""
    xp = draw.xp
    signs = xp.sign(Z)
    cone = L1DescentCone(signs)
    starts = cone.project(draw.normal(4, Z.shape[-1]))
    _, v = rho.ascent_lower(M, cone, starts, steps=30)
    pull = -signs * v
    return signs * xp.where(pull > 1e-3, pull, xp.full_like(pull, 1e-3))


def _on_a_subspace(draw: Any, p: Params, A: Any, mu: Any) -> dict[str, Any]:
    """K = range Q, Z the top eigenvector of Q^T M Q, and the noise (half of the draws) along it: equality for all t."""
    xp = draw.xp
    Q, _ = xp.linalg.qr(draw.normal(p.d, 2 * p.k))
    AQ = xp.matmul(A, Q)
    _, vectors = xp.linalg.eigh(xp.matmul(xp.matrix_transpose(AQ), AQ))
    z = vectors[..., 0]  # the smallest eigenvalue of Q^T A^T A Q is the largest of Q^T M Q
    noisy = draw.coin()
    return {
        "A": A,
        "Z": matvec(Q, z),
        "E": -(p.noise * noisy)[:, None] * matvec(AQ, z),
        "mu": mu,
        "radius": draw.full(0.0),
        "start": draw.full(0.0, p.d),
        "Q": Q,
    }


def _diverging(draw: Any, p: Params, A: Any) -> dict[str, Any]:
    """K = range Q, no noise, mu at 2.5 to 4 over the largest eigenvalue of Q^T A^T A Q and Z its eigenvector: rho is
    between 1.5 and 3, and the error grows by it at each step."""
    xp = draw.xp
    Q, _ = xp.linalg.qr(draw.normal(p.d, 2 * p.k))
    AQ = xp.matmul(A, Q)
    values, vectors = xp.linalg.eigh(xp.matmul(xp.matrix_transpose(AQ), AQ))
    return {
        "A": A,
        "Z": matvec(Q, vectors[..., -1]),
        "E": draw.full(0.0, p.m),
        "mu": draw.uniform(low=2.5, high=4.0) / values[..., -1],
        "radius": draw.full(0.0),
        "start": draw.full(0.0, p.d),
        "Q": Q,
    }


def _loose_radius(draw: Any) -> dict[str, Any]:
    """A = (1, a), mu = 1/|A|^2, Z = (1, 0), R = 2: by hand a = 1/2, where rho = 0.9 and the error stays at 0.4472."""
    xp = draw.xp
    free = draw.coin()
    a = 0.5 + 0.2 * free * draw.normal()
    one, zero = draw.full(1.0), draw.full(0.0)
    return {
        "A": xp.stack([one, a], axis=-1)[:, None, :],
        "Z": xp.stack([one, zero], axis=-1),
        "E": draw.full(0.0, 1),
        "mu": 1 / (1 + a**2),
        "radius": 2 * one,
        "start": draw.full(0.0, 2),
    }


def _noise_by_hand(draw: Any) -> dict[str, Any]:
    """A = I, mu = 1, Z = (1, 0), E = (-0.3, 0.3): the error is 0.424 for ever, while rho = 0 claims 0."""
    zero = draw.full(0.0, 2)
    free = draw.coin()[:, None]
    return {
        "A": draw.full(1.0, 2, 2) * draw.backend.asarray([[1.0, 0.0], [0.0, 1.0]])[None, :, :],
        "Z": zero + draw.backend.asarray([[1.0, 0.0]]),
        "E": draw.backend.asarray([[-0.3, 0.3]]) + 0.05 * free * draw.normal(2),
        "mu": draw.full(1.0),
        "radius": draw.full(1.0),
        "start": zero,
    }


def _start_outside(draw: Any) -> dict[str, Any]:
    """A = diag(1, a), mu = 1, Z = (1, 0), R = 1, start (1, r): by hand a = 1/2, r = 1/4.

    In coordinates moved by c = -start this is f(z) = |z - c|_1 with the usual start 0, which f puts outside K.
    rho = (1 - a^2)/2, while the first step leaves (1 - a^2) r / sqrt(2)."""
    xp = draw.xp
    free = draw.coin()
    a = 0.5 + free * (draw.uniform(low=0.2, high=0.8) - 0.5)
    r = 0.25 + free * (draw.uniform(low=0.05, high=0.45) - 0.25)
    one, zero = draw.full(1.0), draw.full(0.0)
    rows = [xp.stack([one, zero], axis=-1), xp.stack([zero, a], axis=-1)]
    return {
        "A": xp.stack(rows, axis=-2),
        "Z": xp.stack([one, zero], axis=-1),
        "E": draw.full(0.0, 2),
        "mu": one,
        "radius": one,
        "start": xp.stack([one, r], axis=-1),
    }


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """Equalities and inclusions, true by construction up to the rounding of sums of d numbers."""
    xp = namespace(x["Z"])
    slack = 4 * x["Z"].shape[-1] * eps(x["Z"])
    if "Q" in x:

        def outside(z: Any) -> Any:
            return norm2(z - matvec(x["Q"], rmatvec(x["Q"], z)))

        radius = loose = slack * norm2(x["Z"]) - outside(x["Z"])
        inside = slack * norm2(x["start"]) - outside(x["start"])
    else:
        size = norm1(x["Z"])
        radius = slack * size - xp.abs(x["radius"] - size)
        loose = x["radius"] - size + slack * size
        inside = x["radius"] * (1 + slack) - norm1(x["start"])
    return {
        "R = f(Z)": radius,
        "f(Z) <= R": loose,
        "start in K": inside,
        "no noise": -norm2(x["E"]),
        "f is the l1 norm": xp.full_like(x["mu"], -1.0 if "Q" in x else 1.0),
    }


def repair(p: Params, x: Any) -> dict[str, Any]:
    """R = f(Z), a positive step, the start 0 and, on a subspace, orthonormal columns and Z in their range again."""
    xp = namespace(x["Z"])
    x = {**x, "mu": xp.abs(x["mu"]), "start": 0 * x["start"]}
    if "Q" not in x:
        return {**x, "radius": norm1(x["Z"])}
    Q, _ = xp.linalg.qr(x["Q"])
    return {**x, "Q": Q, "Z": matvec(Q, rmatvec(Q, x["Z"])), "radius": 0 * x["radius"]}


def _geometry(x: Any) -> tuple[Any, Any]:
    """The projection onto K and the cone C."""
    if "Q" in x:
        cone = Subspace(x["Q"])
        return cone.project, cone
    return (lambda z: l1_ball(z, x["radius"])), L1DescentCone(namespace(x["Z"]).sign(x["Z"]))


def _support_rate(x: Any, k: int) -> Any:
    """|I - mu A_S^T A_S|: the rate on the support of Z alone (its k largest entries)."""
    xp = namespace(x["A"])
    order = xp.argsort(xp.abs(x["Z"]), axis=-1, descending=True)[:, :k]
    columns = xp.take_along_axis(x["A"], order[:, None, :], axis=-1)
    gram = xp.matmul(xp.matrix_transpose(columns), columns)
    ends = 1 - x["mu"][:, None] * xp.linalg.eigvalsh(gram)
    return xp.max(xp.abs(ends), axis=-1)


def _quantities(x: Any, M: Any, iterates: Any, cone: Any, rate: Enclosure, k: int) -> dict[str, Any]:
    """The named quantities of the bounds, from M (B, d, d) and a trajectory (B, T + 1, d)."""
    xp = namespace(x["A"])
    A, E, mu = x["A"], x["E"], x["mu"]
    h = iterates - x["Z"][:, None, :]
    push = mu[:, None] * rmatvec(A, E)
    moved = xp.matmul(h[:, :-1, :], M) + push[:, None, :]  # M is symmetric
    return {
        "error": norm2(h[:, 1:, :]),
        "projected": norm2(cone.project(moved)),
        "t": xp.arange(1, h.shape[1], dtype=A.dtype, device=A.device)[None, :],
        "rho": rate,
        "rho_support": _support_rate(x, min(k, A.shape[-1])),
        "size": norm2(h[:, 0, :]),
        "xi": norm2(cone.project(push)),
        "delta": descent.step_rounding(A, mu, descent.largest_eigenvalue_of_gram(A), iterates, x["Z"], E),
    }


def _subspace_rate(M: Any, Q: Any) -> Enclosure:
    """rho = |Q^T M Q| for the range of Q."""
    xp = namespace(M)
    compressed = xp.matmul(xp.matmul(xp.matrix_transpose(Q), M), Q)
    value = xp.max(xp.abs(xp.linalg.eigvalsh((compressed + xp.matrix_transpose(compressed)) / 2)), axis=-1)
    return Enclosure.around(value, rho.rounding(compressed))


def solve(p: Params, x: Any) -> dict[str, Any]:
    """Trajectory, rate and noise term from the batched kernels."""
    xp = namespace(x["A"])
    A, mu = x["A"], x["mu"]
    project, cone = _geometry(x)
    M = descent.gradient_map(A, mu)
    offset = mu[:, None] * rmatvec(A, matvec(A, x["Z"]) + x["E"])
    iterates = descent.projected_gradient(M, offset, project, x["start"], p.steps)
    if "Q" in x:
        rate = _subspace_rate(M, x["Q"])
    else:
        _, seed = rho.seeded_lower(M, cone, iterates - x["Z"][:, None, :])
        lower, _ = rho.ascent_lower(M, cone, seed[:, None, :], steps=8)
        upper = rho.norm_upper(M)
        if A.shape[-1] <= 3:
            upper = xp.minimum(upper, rho.enumerated_upper(M, xp.sign(x["Z"])))
        rate = Enclosure(lower, lower, upper)
    return _quantities(x, M, iterates, cone, rate, p.k)


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same from one instance by an independent path: residual-form steps, bisection projections, certified rho."""
    import numpy as np

    A, Z, mu = x["A"][0], x["Z"][0], float(x["mu"][0])
    X = A @ Z + x["E"][0]
    z = x["start"][0].astype(float)
    iterates = [z]
    for _ in range(p.steps):
        y = z + mu * (A.T @ (X - A @ z))
        z = x["Q"][0] @ (x["Q"][0].T @ y) if "Q" in x else l1_ball_reference(y, float(x["radius"][0]))
        iterates.append(z)
    _, cone = _geometry(x)
    M = descent.gradient_map(x["A"], x["mu"])
    if "Q" in x:
        rate = _subspace_rate(M, x["Q"])
    else:
        ends = rho.sandwich(M[0], np.sign(Z))
        rate = Enclosure(*(np.asarray([v]) for v in (ends.lower, ends.lower, ends.upper)))
    return _quantities(x, M, np.stack(iterates)[None], cone, rate, p.k)


def exact(p: Params, x: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """An instance with the l1 norm and at most three coordinates: rational iterates, and rho as a ball.

    Only the first steps are made, because the denominators grow from one to the next; delta is 0.
    """
    from verify.kit import exact as q

    if "Q" in x or len(x["Z"]) > 3:
        raise ValueError("only for the l1 norm in at most three dimensions")
    A, Z, E, (mu, radius, start) = x["A"], x["Z"], x["E"], (x[name] for name in ("mu", "radius", "start"))
    X = q.plus(q.apply(A, Z), E)
    adjoint = q.transpose(A)
    M = [q.plus(one, row, -mu) for one, row in zip(q.identity(len(Z)), q.product(adjoint, A), strict=True)]
    cone, push = q.descent_cones(Z), [[mu * v] for v in q.apply(adjoint, E)]
    z, errors = start, []
    for _ in range(min(p.steps, EXACT_STEPS)):
        z = q.l1_ball(q.plus(z, q.apply(adjoint, q.plus(X, q.apply(A, z), -1)), mu), radius)
        errors.append(q.norm2(q.plus(z, Z, -1)))
    margins = {
        "R = f(Z)": -abs(radius - q.norm1(Z)),
        "f(Z) <= R": radius - q.norm1(Z),
        "start in K": radius - q.norm1(start),
        "no noise": -q.norm1(E),
        "f is the l1 norm": 1,
    }
    return margins, {
        "error": errors,
        "t": list(range(1, len(errors) + 1)),
        "rho": q.largest_form(M, cone, cone),
        "size": q.norm2(q.plus(start, Z, -1)),
        "xi": q.largest_form(push, cone, [[(1,)]]),
        "delta": 0,
    }


def permute(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The coordinates of the signal in another order."""
    order = draw.shared.subset(x["Z"].shape[-1], x["Z"].shape[-1])[0, :]
    xp = namespace(x["Z"])
    moved = {name: xp.take(x[name], order, axis=-1) for name in ("A", "Z", "start")}
    if "Q" in x:
        moved["Q"] = xp.take(x["Q"], order, axis=-2)
    return {**x, **moved}


def flip(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Some coordinates of the signal negated."""
    s = draw.shared.sign(x["Z"].shape[-1])
    moved = {"A": x["A"] * s[:, None, :], "Z": x["Z"] * s, "start": x["start"] * s}
    if "Q" in x:
        moved["Q"] = x["Q"] * s[..., None]
    return {**x, **moved}


def rescale(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Signal and noise four times as large."""
    return {**x, **{name: 4 * x[name] for name in ("Z", "E", "start", "radius")}}


THEOREM = Theorem(
    "pgd",
    "Projected gradient descent: linear rate of the descent cone (convex constraint)",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    exact=exact,
    repair=repair,
    families={
        "random": "Gaussian A, no noise, three step sizes",
        "noisy": "Gaussian A and Gaussian noise, m < d",
        "noisy, m = 6d": "as noisy with M a contraction: a missing noise term shows with certainty",
        "noise by hand": "A = I in the plane, where rho = 0",
        "aligned": "-Z along the maximiser over the cone: the start loses as little as possible",
        "subspace": "K a subspace, Z and the noise along one eigenvector: equality at every step",
        "subspace, diverging": "the same without noise, with a long step and rho above 1",
        "loose radius": "R = 2 f(Z) in the plane, by hand and near it",
        "start outside": "a start outside K in the plane, by hand and near it",
    },
    shares={
        "noisy, m = 6d": 0.25,
        "noise by hand": 0.5,
        "subspace": 0.5,
        "subspace, diverging": 0.1,
        "loose radius": 0.5,
        "start outside": 0.5,
    },
    instances=13250,
    batch=256,
    claims=(
        Claim("one step, no supremum", Every(), "error", Formula("projected + delta"), ("R = f(Z)", "start in K")),
        Claim("contraction with noise", Every(), "error", BOUND, ("R = f(Z)", "start in K")),
        Claim(
            "slide, without noise",
            Every(),
            "error",
            BOUND.where(xi=0),
            ("R = f(Z)", "start in K", "no noise"),
            origin="giryes2019",
            source=SLIDE,
        ),
        misreading(
            "slide: no noise term",
            Every(),
            "error",
            BOUND.where(xi=0),
            ("R = f(Z)", "start in K"),
            source=SLIDE,
            grade="incomplete",
            reading="X = AZ + E with any E, and the bound rho^t |Z|",
            because="the noise E enters the iteration and not the bound",
            holds_when="E = 0, or with the term (1 - rho^t)/(1 - rho) xi",
        ),
        misreading(
            "slide: f(Z) <= R",
            Every(),
            "error",
            BOUND.where(xi=0),
            ("f(Z) <= R", "start in K", "no noise", "f is the l1 norm"),
            source=SLIDE,
            grade="false",
            reading="any R >= f(Z), rho over the descent cone of f at Z",
            because="with R > f(Z) the iterates leave the cone at Z, over which rho is taken",
            holds_when="R = f(Z)",
        ),
        misreading(
            "slide: any start",
            Every(),
            "error",
            BOUND.where(xi=0),
            ("R = f(Z)", "no noise"),
            source=SLIDE,
            grade="incomplete",
            reading="f any convex function and the start 0, also where f(0) > R",
            because="h_0 is not in the cone when the start is not in K",
            holds_when="the start lies in K, as 0 does when f is a norm",
        ),
        control(
            "rate on the support only",
            Every(),
            "error",
            BOUND.where(rho="rho_support"),
            ("R = f(Z)", "start in K", "f is the l1 norm"),
            "the iterates move off the support of Z before they return to it",
        ),
        control(
            "half the noise term",
            Every(),
            "error",
            BOUND.where(xi="xi / 2"),
            ("R = f(Z)", "start in K"),
            "on a subspace the noise term is attained",
        ),
    ),
    sources=(
        Source(OYMAK2018, "main theorem on projected gradient descent", "statement from memory; proved on this page"),
        SLIDE,
        Source(OURS, "the corrected theorem and its proof, above"),
    ),
    symbols={
        "rho": (r"\rho", "supremum of $`u^TMv`$ over unit vectors of the cone"),
        "rho_support": (r"\rho_S", r"$`\lVert I-\mu A_S^TA_S\rVert`$ on the support of $`Z`$"),
        "t": ("t", "iteration"),
        "size": (r"\lVert h_0\rVert", "distance of the start from the signal"),
        "xi": (r"\xi", "largest push of the noise along the cone"),
        "delta": (r"\delta", "bound on the rounding of one computed step"),
        "error": (r"\lVert h_t\rVert", "distance of the iterate from the signal"),
        "projected": (r"\lVert P_C(Mh_t+\mu A^TE)\rVert", "length of the step's projection onto the cone"),
    },
    figures=(
        Figure(
            "error",
            "curves",
            ("contraction with noise", "slide: no noise term"),
            "Error at each iteration with noise: the corrected bound stays above it, the slide's falls below.",
            x="iteration t",
            y="error (distance from the signal)",
            family="noisy, m = 6d",
        ),
        Figure(
            "cloud",
            "cloud",
            ("contraction with noise",),
            "Error against the corrected bound, at the iteration where their ratio is largest.",
            x="bound",
            y="measured error",
        ),
    ),
    invariances={"permute coordinates": permute, "flip signs": flip, "rescale": rescale},
    survivors={
        "one step, no supremum: without 'start in K'": "|P_D(y)|^2 <= <y, P_D(y)> for D = K - Z and any y, "
        "wherever it came from",
    },
    not_tested=("sets other than l1 balls and subspaces", "signals longer than a few hundred entries"),
)
