r"""Oracle errors in two layers: the holistic estimate is no worse than the layered one and the projection.

Let $`y=D_1D_2\gamma+E`$, where $`E`$ has independent entries of mean 0 and variance $`\sigma^2`$, and let an oracle
give the support of $`\gamma`$ ($`s`$ columns of $`D_2`$, the others are left out here) and that of $`D_2\gamma`$. The
rows of $`D_2`$ off the inner support form $`\Phi`$ ($`\ell`$ rows, rank $`\varrho<s`$), those on it $`B`$, and the
columns of $`D_1`$ on it $`A`$. So $`\Phi\gamma=0`$; let $`Z`$ be an orthonormal basis of $`\ker\Phi`$,
$`D=D_1D_2`$ and $`M=D^TD`$. Three least-squares estimates:

- *layered*: first the inner code, $`A^+y`$, then $`B^+A^+y`$;
- *projection*: the deepest code alone, $`D^+y`$, and $`D_2D^+y`$ for the inner one;
- *holistic*: the deepest code in the kernel, $`Z(DZ)^+y`$, and $`D_2Z(DZ)^+y`$.

**Theorem.** Let $`D`$ have full column rank. The mean squared errors are $`\sigma^2`$ times

```math
\lVert A^+\rVert_F^2,\ \lVert B^+A^+\rVert_F^2;\qquad
\lVert D_2D^+\rVert_F^2,\ \mathrm{tr}\,M^{-1};\qquad
\lVert D_2Z(DZ)^+\rVert_F^2,\ \mathrm{tr}\,(Z^TMZ)^{-1}
```

in the inner and the deepest layer, and

```math
\mathrm{tr}\,M^{-1}\le\frac s{\lambda_{\min}(M)},\qquad
\mathrm{tr}\,(Z^TMZ)^{-1}\le\frac{s-\varrho}{\lambda_{\min}(M)} .
```

In both layers the holistic error is at most the projection's, and at most the layered one's wherever that estimate
exists ($`A`$, and for the deepest layer $`B`$, of full column rank).

*Proof.* All are linear, $`Ky`$, and exact without noise, so the error is $`KE`$ with mean square
$`\sigma^2\lVert K\rVert_F^2`$. In the model $`y=(DZ)\theta+E`$ all three are unbiased estimates of $`Z\theta`$ and of
$`D_2Z\theta`$, and least squares in it is the best linear unbiased one (Gauss and Markov). The eigenvalues of
$`Z^TMZ`$ are at least $`\lambda_{\min}(M)`$. $`\square`$

**What is checked.** The traces, with their rounding, on dense dictionaries whose $`\gamma`$ is drawn from the kernel
(*synthesis* of signals that obey both layers), and by the errors of the holistic estimate on drawn noise.

**Sharp.** With orthonormal columns both bounds are equalities. Where the directions that $`\Phi`$ forbids hardly cost
anything, all three estimates have nearly the same error in both layers.

**What the slides say.** That there are performance bounds for the oracle in various strategies, and a provable holistic
pursuit: no formula, so nothing of it is refuted here. Between the layered estimate and the projection there is no
order, as two controls show; for $`D_1=D_2=I`$ in the plane the projection has twice the error. Kind: inequality for
every instance; mean.

**Not covered.** Supports that have to be found; the alternating pursuit of the paper; biased estimates.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from pydantic import Field

from theorems.bibliography import ABERDAM2019, ELAD2018, OURS
from verify import Claim, Every, Figure, Formula, Mean, Parameters, Source, Theorem, control
from verify.core.arrays import eps, namespace, norm2, spectral_norm

PROJECTION = Formula("(1 + delta) * sigma**2 * s / least")
HOLISTIC = Formula("(1 + delta) * sigma**2 * (s - rank) / least")
FULL, KERNEL = "D of full column rank", "rank of Phi below s"
LAYER1, LAYER2, MANY = "A of full column rank", "B of full column rank", "sixteen draws of noise"
TINY = 1e-7  # of a singular value relative to the norms, below which nothing is said
DRAWS = 16


class Params(Parameters):
    """Sizes of the random families."""

    n: int = Field(30, ge=2, le=512, description="length of the signal")
    m: int = Field(20, ge=2, le=512, description="length of the inner code")
    s: int = Field(12, ge=2, le=512, description="non-zeros of the deepest code")


FAMILIES = {
    "many zeros": "dense; s - 1 rows off the inner support: the layered estimate has few columns",
    "few zeros": "dense; a quarter as many, so that the layered estimate exists in both layers",
    "few inner atoms": "dense; as many as columns of D_2, so that the layered estimate of the deepest code is biased",
    "dependent rows": "dense; half of the rows off the inner support are combinations of the others",
    "orthonormal": "D_1 and D_2 with orthonormal columns",
    "cheap directions": "what Phi forbids is amplified a thousand times: little is gained by knowing it",
    "by hand": "D_1 = diag(1, 1/2), D_2 = I",
    "by hand, dependent": "D_1 = I, D_2 with two parallel rows, M = I",
}


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """D1 (B, n, m); B (B, m - l, s); Phi = mix base with base (B, r, s) of independent rows and mix (B, l, r); gamma
    (B, s), to be projected onto the kernel; E (B, R, n); sigma (B,)."""
    xp, asarray = draw.xp, draw.backend.asarray
    if family.startswith("by hand"):
        return _by_hand(draw, family)
    s = min(p.s, p.m, p.n)
    rank = s - 1 if family == "many zeros" else max(1, s // 4)
    m = {"cheap directions": s + rank, "few inner atoms": s}.get(family, p.m)
    depend = max(0, min(rank, m - s)) if family == "dependent rows" else 0
    n = max(p.n, m) if family in ("orthonormal", "cheap directions") else p.n
    D1, D2 = draw.normal(n, m) / n**0.5, draw.normal(m, s) / m**0.5
    if family in ("orthonormal", "cheap directions"):
        D1 = _orthonormal(D1)
    if family == "orthonormal":
        D2 = _orthonormal(D2)
    if family == "cheap directions":
        turn = _orthonormal(draw.normal(s, s))
        one = xp.eye(s, dtype=D1.dtype, device=D1.device)[None, ...]
        last = xp.matmul(_orthonormal(draw.normal(rank, rank)), one[:, s - rank :, :])
        D2 = xp.matmul(xp.concat([one + 0 * turn, last], axis=1), turn)
        D1 = D1 * asarray([1.0] * (s - rank) + [1000.0] * (2 * rank))
    top = m - rank - depend
    mix = xp.eye(rank, dtype=D1.dtype, device=D1.device)[None, ...] + 0 * D1[:, :1, :1]
    return {
        "D1": D1,
        "B": D2[:, :top, :],
        "base": D2[:, top : top + rank, :],
        "mix": xp.concat([mix, draw.normal(depend, rank)], axis=1) if depend else mix,
        "gamma": draw.normal(s),
        "E": draw.normal(DRAWS, n),
        "sigma": draw.log_uniform(low=0.1, high=10.0),
    }


def _by_hand(draw: Any, family: str) -> dict[str, Any]:
    """Two entries, a half of them moved; or M = I with two parallel rows (3/5 and 4/5 of the third unit vector)."""
    asarray, free = draw.backend.asarray, draw.coin()
    half = 0.5 + 0.25 * free * draw.uniform()
    one, zero = draw.full(1.0), draw.full(0.0)
    if family == "by hand":
        D1 = draw.xp.stack([draw.xp.stack([one, zero], axis=-1), draw.xp.stack([zero, half], axis=-1)], axis=1)
        rows = {"B": [[[1.0, 0.0]]], "base": [[[0.0, 1.0]]], "mix": [[[1.0]]]}
    else:
        D1 = draw.xp.eye(4, dtype=one.dtype, device=one.device)[None, ...]
        rows = {"B": [[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]], "base": [[[0.0, 0.0, 1.0]]], "mix": [[[0.6], [0.8]]]}
    n, s = D1.shape[-1], len(rows["B"][0][0])
    return {
        "D1": D1,
        **{name: asarray(value) for name, value in rows.items()},
        "gamma": draw.normal(s),
        "E": draw.normal(1, n),
        "sigma": one,
    }


def _orthonormal(G: Any) -> Any:
    """An orthonormal basis of the columns, in a batch."""
    return namespace(G).linalg.qr(G)[0]


def _parts(x: Any) -> tuple[Any, Any, Any, Any]:
    """D2 with all its rows, D, Z and A."""
    xp = namespace(x["D1"])
    D2 = xp.concat([x["B"], xp.matmul(x["mix"], x["base"])], axis=1)
    Z = xp.matrix_transpose(xp.linalg.svd(x["base"], full_matrices=True)[2][:, x["base"].shape[1] :, :])
    return D2, xp.matmul(x["D1"], D2), Z, x["D1"][:, :, : x["B"].shape[1]]


def _smallest(G: Any) -> Any:
    """The smallest singular value of a matrix of full column rank; 0 where it has more columns than rows."""
    values = namespace(G).linalg.svdvals(G)[:, -1]
    return values if G.shape[-1] <= G.shape[-2] else 0 * values


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """The ranks, as singular values that are not tiny."""
    D2, D, Z, A = _parts(x)
    zero = 0 * x["sigma"]
    norm = spectral_norm(x["D1"])

    def clear(G: Any, scale: Any) -> Any:
        return zero + _smallest(G) - TINY * scale

    xp = namespace(D)
    rows = clear(xp.matrix_transpose(x["base"]), spectral_norm(x["base"]))
    return {
        FULL: clear(D, norm * spectral_norm(D2)),
        KERNEL: xp.minimum(rows, clear(x["mix"], spectral_norm(x["mix"]))) if Z.shape[-1] else zero - 1,
        LAYER1: clear(A, norm),
        LAYER2: clear(x["B"], spectral_norm(D2)),
        MANY: zero + (x["E"].shape[1] - DRAWS),
    }


def _quantities(x: Any, estimates: dict[str, Any], least: Any, most: Any, unit: Any, errors: Any) -> dict[str, Any]:
    """The named errors from the matrices of the estimates; ``unit`` is the relative rounding of each."""
    xp = namespace(x["sigma"])
    square = x["sigma"] ** 2
    zero = 0 * square

    found = {name: square * xp.sum(K * K, axis=(-2, -1)) for name, K in estimates.items()}
    return {
        **found,
        "seen": errors / found["holistic"],
        "least": zero + least,
        "most": zero + most,
        "delta": 4 * unit,
        "sigma": x["sigma"],
        "s": zero + float(x["base"].shape[-1]),
        "rank": zero + float(x["base"].shape[1]),
        "rows": zero + float(x["mix"].shape[1]),
    }


def solve(p: Params, x: Any) -> dict[str, Any]:
    """The estimates by pseudo-inverses of batches, and the holistic one on the drawn noise."""
    xp = namespace(x["D1"])
    D2, D, Z, A = _parts(x)
    inner = xp.linalg.pinv(xp.matmul(D, Z))
    whole, first = xp.linalg.pinv(D), xp.linalg.pinv(A)
    holistic = xp.matmul(Z, inner)
    estimates = {
        "holistic": holistic,
        "holistic_inner": xp.matmul(D2, holistic),
        "projection": whole,
        "projection_inner": xp.matmul(D2, whole),
        "layered": xp.matmul(xp.linalg.pinv(x["B"]), first),
        "layered_inner": first,
    }
    # A relative change of D, A or B by some units changes a pseudo-inverse by as many times the condition number.
    n, m = x["D1"].shape[-2:]
    norms = spectral_norm(x["D1"]) * spectral_norm(D2)
    worst = norms / _positive(_smallest(D))
    if A.shape[-1] <= n:
        worst = xp.maximum(worst, spectral_norm(A) / _positive(_smallest(A)))
    if x["B"].shape[-1] <= x["B"].shape[-2]:
        worst = worst + spectral_norm(x["B"]) / _positive(_smallest(x["B"]))
    unit = 64 * (n + m) * eps(D) * worst
    gamma = xp.matmul(Z, xp.matmul(xp.matrix_transpose(Z), x["gamma"][..., None]))[..., 0]
    y = xp.matmul(D, gamma[..., None])[..., 0][:, None, :] + x["sigma"][:, None, None] * x["E"]
    apart = norm2(xp.matmul(y, xp.matrix_transpose(holistic)) - gamma[:, None, :])
    values = xp.linalg.svdvals(D)
    return _quantities(x, estimates, values[:, -1] ** 2, values[:, 0] ** 2, unit, xp.mean(apart**2, axis=-1))


def _positive(v: Any) -> Any:
    xp = namespace(v)
    return xp.where(v > 0, v, xp.ones_like(v))


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same for one instance: kernels and least squares by SciPy, traces of inverses."""
    import numpy as np
    from scipy.linalg import lstsq, null_space

    D1, B, Phi = x["D1"][0], x["B"][0], x["mix"][0] @ x["base"][0]
    D2 = np.concatenate([B, Phi])
    D, A, Z = D1 @ D2, D1[:, : len(B)], null_space(Phi)
    one = np.eye(len(D1))
    holistic, whole, first = (Z @ lstsq(D @ Z, one)[0], lstsq(D, one)[0], lstsq(A, one)[0])
    estimates = {
        "holistic": holistic,
        "holistic_inner": D2 @ holistic,
        "projection": whole,
        "projection_inner": D2 @ whole,
        "layered": lstsq(B, first)[0],
        "layered_inner": first,
    }
    values = np.linalg.eigvalsh(D.T @ D)
    worst = (
        max(np.linalg.cond(G) for G in (D, A, B)) * np.linalg.norm(D1, 2) * np.linalg.norm(D2, 2) / values[-1] ** 0.5
    )
    unit = np.asarray([256 * sum(D1.shape) * eps(D) * worst * np.linalg.cond(D)])
    gamma = Z @ (Z.T @ x["gamma"][0])
    apart = (D @ gamma + x["sigma"][0] * x["E"][0]) @ holistic.T - gamma
    errors = np.asarray([np.mean(np.sum(apart**2, axis=-1))])
    alone = {name: K[None] for name, K in estimates.items()}
    return _quantities(x, alone, values[:1], values[-1:], unit, errors)


def permute(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The deepest atoms, and the inner ones of the support, in another order."""
    xp = namespace(x["D1"])
    take, (top, s) = xp.take, x["B"].shape[-2:]
    inner, outer = draw.shared.subset(top, top)[0, :], draw.shared.subset(s, s)[0, :]
    D1 = xp.concat([take(x["D1"][:, :, :top], inner, axis=-1), x["D1"][:, :, top:]], axis=-1)
    B = take(take(x["B"], inner, axis=-2), outer, axis=-1)
    return {**x, "D1": D1, "B": B, **{name: take(x[name], outer, axis=-1) for name in ("base", "gamma")}}


def turn(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The signal turned, and measured in another unit."""
    n = x["D1"].shape[-2]
    Q = _orthonormal(draw.shared.normal(n, n))
    xp = namespace(Q)
    E = xp.matmul(x["E"], xp.matrix_transpose(Q))
    return {**x, "D1": 4 * xp.matmul(Q, x["D1"]), "E": E, "sigma": 4 * x["sigma"]}


def exact(p: Params, x: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The traces in rationals, of at most four columns; the extreme eigenvalues as balls."""
    from flint import fmpq, fmpq_mat

    from verify.kit import exact as q

    D1, B, base, square = x["D1"], x["B"], x["base"], x["sigma"] ** 2
    s, rank = len(base[0]), len(base)
    if s > 4:
        raise ValueError(f"only for at most four columns, not {s}")
    D2 = [*B, *q.product(x["mix"], base)]

    def gram(G: Any) -> Any:
        return q.product(q.transpose(G), G)

    def inverse(G: Any) -> Any:
        found = fmpq_mat([[fmpq(v.numerator, v.denominator) for v in row] for row in G]).inv()
        size = range(len(G))
        return [[Fraction(int(found[i, j].p), int(found[i, j].q)) for j in size] for i in size]

    def trace(G: Any) -> Fraction:
        return sum((G[i][i] for i in range(len(G))), Fraction(0))

    D, A = q.product(D1, D2), [row[: len(B)] for row in D1]
    M = gram(D)
    # The covariance of least squares under the constraints base gamma = 0, without a basis of the kernel.
    C = inverse(M)
    across = q.product(base, C)
    taken = q.product(q.transpose(across), q.product(inverse(q.product(across, q.transpose(base))), across))
    holistic = [q.plus(row, other, -1) for row, other in zip(C, taken, strict=True)]
    found = {
        name + place: square * trace(q.product(q.product(rows, K), q.transpose(rows)))
        for name, K in (("holistic", holistic), ("projection", C))
        for place, rows in (("", q.identity(s)), ("_inner", D2))
    }
    found["layered_inner"] = square * trace(inverse(gram(A)))
    if len(B) >= s:
        back = q.product(inverse(gram(B)), q.transpose(B))
        found["layered"] = square * trace(q.product(q.product(back, inverse(gram(A))), q.transpose(back)))
    # Inverses exist: the ranks are full.
    return {FULL: 1, KERNEL: s - rank - 1, LAYER1: 1, LAYER2: len(B) - s}, {
        **found,
        "least": 1 / q.spectral(C),
        "most": q.spectral(M),
        "delta": 0,
        "sigma": x["sigma"],
        "s": s,
        "rank": rank,
        "rows": len(x["mix"]),
    }


THEOREM = Theorem(
    "holistic_oracle",
    "Oracle errors in two layers: holistic is no worse than layered and projection",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    exact=exact,
    families=FAMILIES,
    shares={name: 0.1 for name in FAMILIES if name.startswith("by hand")},
    instances=2600,
    claims=(
        Claim("projection, deepest layer", Every(), "projection", PROJECTION, (FULL, KERNEL)),
        Claim("holistic, deepest layer", Every(), "holistic", HOLISTIC, (FULL, KERNEL)),
        Claim(
            "holistic <= projection, deepest", Every(), "holistic", Formula("(1 + delta) * projection"), (FULL, KERNEL)
        ),
        Claim(
            "holistic <= projection, inner",
            Every(),
            "holistic_inner",
            Formula("(1 + delta) * projection_inner"),
            (FULL, KERNEL),
        ),
        Claim(
            "holistic <= layered, deepest",
            Every(),
            "holistic",
            Formula("(1 + delta) * layered"),
            (FULL, KERNEL, LAYER1, LAYER2),
        ),
        Claim(
            "holistic <= layered, inner",
            Every(),
            "holistic_inner",
            Formula("(1 + delta) * layered_inner"),
            (FULL, KERNEL, LAYER1),
        ),
        Claim("mean squared error", Mean(), "seen", Formula("1"), (FULL, KERNEL, MANY), relation="=="),
        control(
            "projection <= layered, inner",
            Every(),
            "projection_inner",
            Formula("(1 + delta) * layered_inner"),
            (FULL, KERNEL, LAYER1),
            "the projection uses the atoms off the inner support as well",
        ),
        control(
            "layered <= projection, inner",
            Every(),
            "layered_inner",
            Formula("(1 + delta) * projection_inner"),
            (FULL, KERNEL, LAYER1),
            "the layered estimate of the inner code does not know that it is sparse below",
        ),
        control(
            "all rows counted, not the independent ones",
            Every(),
            "holistic",
            HOLISTIC.where(rank="rows"),
            (FULL, KERNEL),
            "dependent rows of Phi forbid nothing new",
        ),
        control(
            "the largest eigenvalue",
            Every(),
            "holistic",
            HOLISTIC.where(least="most"),
            (FULL, KERNEL),
            "the errors are those of the weakest directions",
        ),
    ),
    sources=(
        Source(ELAD2018, "slide 'Fresh from the Oven (2)'", "performance bounds for the oracle, no formula"),
        Source(ABERDAM2019, "oracle estimators", "from memory, for the setting; formulas derived on this page"),
        Source(OURS, "the theorem and its proof, above"),
    ),
    symbols={
        "holistic": (r"\sigma^2\lVert Z(DZ)^+\rVert_F^2", "error of the holistic estimate, deepest layer"),
        "holistic_inner": (r"\sigma^2\lVert D_2Z(DZ)^+\rVert_F^2", "error of the holistic estimate, inner layer"),
        "projection": (r"\sigma^2\,\mathrm{tr}\,M^{-1}", "error of the projection, deepest layer"),
        "projection_inner": (r"\sigma^2\lVert D_2D^+\rVert_F^2", "error of the projection, inner layer"),
        "layered": (r"\sigma^2\lVert B^+A^+\rVert_F^2", "error of the layered estimate, deepest layer"),
        "layered_inner": (r"\sigma^2\lVert A^+\rVert_F^2", "error of the layered estimate, inner layer"),
        "seen": (
            r"\lVert\hat\gamma-\gamma\rVert^2/\sigma^2\lVert Z(DZ)^+\rVert_F^2",
            "squared error of the holistic estimate over its expectation, mean of sixteen draws of noise",
        ),
        "delta": (r"\delta", "relative rounding of both sides"),
        "least": (r"\lambda_{\min}(M)", "smallest eigenvalue"),
        "most": (r"\lambda_{\max}(M)", "largest eigenvalue"),
        "sigma": (r"\sigma", "standard deviation of the noise"),
        "s": ("s", "non-zeros of the deepest code"),
        "rank": (r"\varrho", "independent rows off the inner support"),
        "rows": (r"\ell", "rows off the inner support"),
    },
    figures=(
        Figure(
            "deepest",
            "cloud",
            ("holistic <= projection, deepest",),
            "Deepest layer: the holistic error against the projection's.",
            x="projection",
            y="holistic",
        ),
        Figure(
            "inner",
            "cloud",
            ("projection <= layered, inner",),
            "Inner layer: the projection against the layered estimate, on both sides of the diagonal.",
            x="layered",
            y="projection",
        ),
    ),
    invariances={"permute atoms": permute, "turn and rescale": turn},
    survivors={"mean squared error: without 'sixteen draws of noise'": "a mean is one for any number of draws"},
    not_tested=("codes of more than twenty entries in the default run",),
)
