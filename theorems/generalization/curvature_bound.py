r"""The Jacobian bounds the outer products of the gradients, not the Hessians that they stand for.

Let $`z:\mathbb R^d\to\mathbb R^K`$ be twice differentiable at $`x`$, with the Jacobian $`J`$, rows $`J_k`$, and the
Hessians $`H_k`$ of its entries. $`\lVert J\rVert_2`$ is the largest singular value.

**Theorem.** (a) For all $`k_1\ne k_2`$, with the outer products $`G_k=J_k^TJ_k`$,

```math
x^T(G_{k_1}-G_{k_2})x\le\sum_k(J_kx)^2\le\lVert J\rVert_2^2\lVert x\rVert^2\le\lVert J\rVert_F^2\lVert x\rVert^2 .
```

(b) With the Hessians in place of the $`G_k`$ no such bound holds: if $`q=x^T(H_{k_1}-H_{k_2})x>0`$ then, with
$`N=\lVert J\rVert_F^2\lVert x\rVert^2`$, the function $`cz`$ has $`cq>c^2N`$ for every $`0<c<q/N`$: at $`c=q/(2N)`$
twice as much. (c) If all $`\lvert t^T(H_{k_1}-H_{k_2})t\rvert\le\kappa\lVert J_{k_1}-J_{k_2}
\rVert`$ for the unit vectors $`t`$ along the boundary, $`(J_{k_1}-J_{k_2})t=0`$, then $`\kappa`$ bounds the curvature
of the set $`z_{k_1}-z_{k_2}=\mathrm{const}`$ through $`x`$, and $`q`$ is bounded by no multiple of it.

*Proof.* (a) The left side is $`(J_{k_1}x)^2-(J_{k_2}x)^2`$, the sum is $`\lVert Jx\rVert^2`$. (b) The Jacobian of
$`cz`$ is $`cJ`$, its Hessians are $`cH_k`$. (c) A curve in the set with unit speed and velocity $`t`$ has
$`t^T(H_{k_1}-H_{k_2})t=-(J_{k_1}-J_{k_2})\cdot\ddot\gamma`$, so the part of its acceleration across the set is at most
$`\kappa`$. For $`z=(\frac12u_1^2,\,0)`$ all these sets are planes, $`\kappa=0`$, and $`q=x_1^2`$. $`\square`$

**Sharp.** (a) is an equality throughout when only $`J_{k_1}`$ is not 0 and $`x`$ is a multiple of it.

**What the slide says.** That with $`H_k\approx J_k^TJ_k`$ the curvature of the decision boundary
$`F=z_{k_1}-z_{k_2}=0`$ at $`x`$ obeys
$`x^T(H_{k_1}-H_{k_2})x\le\sum_k(J_kx)^2\le\lVert J\rVert_F^2\lVert x\rVert_2^2`$. As an inequality for the $`G_k`$
it is right. It does not carry over to the Hessians: $`z=(\frac14u^2,\,0)`$ at $`x=1`$ has $`\frac12`$ on the left and
$`\frac14`$ on the right. The outer products scale with the square of $`z`$ and the Hessians with $`z`$; the former are
never negative, the latter may be; and a ReLU network has $`H_k=0`$ almost everywhere. (The outer products of the
gradients approximate the Hessian of a *loss* of $`z`$, near its minimum.) Nor is $`x^THx`$ the curvature of the
boundary, which is seen along the boundary, see (c).

Kind: inequalities for every instance.

**Not covered.** What the Jacobian penalty does to the curvature of trained networks.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from theorems.bibliography import GIRYES2019, JAKUBOVITZ2018, OURS
from verify import Claim, Every, Figure, Formula, Parameters, Sharper, Source, Theorem, control, misreading
from verify.core.arrays import dot, eps, matvec, namespace, norm2, spectral_norm

SLIDE = Source(GIRYES2019, "slide 'Why does it work?' (of Jacobian regularisation), the curvature")
MULTIPLE = "Hessians: some multiple of z exceeds the bound by half"
CONVEX, REGULAR = "q > 0", "the boundary is a smooth curve or surface"


class Params(Parameters):
    """The sizes."""

    d: int = Field(5, ge=1, le=64, description="inputs")
    K: int = Field(3, ge=2, le=32, description="outputs; the first two are compared")
    hidden: int = Field(10, ge=1, le=256, description="units of the tanh networks")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """The derivatives of z at x: J (B, K, d), H (B, K, d, d), and x (B, d)."""
    xp = draw.xp
    if family == "parabola":
        # z = (a u^2 / 2, 0) at x = 1 or elsewhere; by hand a = 1/2.
        a = 0.5 + draw.coin() * draw.uniform(low=-0.25, high=0.25)
        x = 1 + draw.coin()[:, None] * draw.uniform(1, low=-0.5, high=0.5)
        H = xp.stack([a, 0 * a], axis=-1)[:, :, None, None]
        return {"J": H[..., 0] * x[:, None, :], "H": H, "x": x}
    if family == "flat":
        # z = (a u_1^2 / 2, 0) in the plane: every set z_1 = const is a line.
        a = draw.choose((0.5, 1.0, 2.0))
        x = draw.whole(1, 4, 2)
        entry = xp.asarray([[1.0, 0.0], [0.0, 0.0]], dtype=a.dtype, device=a.device)
        H = a[:, None, None, None] * entry[:, 0][None, :, None, None] * entry[None, None, :, :]
        return {"J": xp.sum(H * x[:, None, None, :], axis=-1), "H": H, "x": x}
    x = draw.normal(p.d)
    if family == "one row":
        others = xp.astype(xp.arange(p.K, device=x.device) == 0, x.dtype)
        J = others[None, :, None] * x[:, None, :] * draw.log_uniform(low=0.1, high=10.0)[:, None, None]
        return {"J": J, "H": _symmetric(draw.normal(p.K, p.d, p.d)), "x": x}
    if family == "any derivatives":
        sizes = draw.log_uniform(p.K, low=0.1, high=10.0)
        return {"J": sizes[..., None] * draw.normal(p.K, p.d), "H": _symmetric(draw.normal(p.K, p.d, p.d)), "x": x}
    inner, outer = (draw.log_uniform(1, 1, low=low, high=3.0) for low in (0.1, 0.01))
    return {**tanh_derivatives(inner * draw.normal(p.hidden, p.d), outer * draw.normal(p.K, p.hidden), x), "x": x}


def _symmetric(H: Any) -> Any:
    return (H + namespace(H).matrix_transpose(H)) / 2


def tanh_derivatives(W: Any, V: Any, x: Any) -> dict[str, Any]:
    """Jacobian and Hessians of V tanh(W x) at x: W (B, n, d), V (B, K, n), x (B, d)."""
    xp = namespace(W)
    t = xp.tanh(matvec(W, x))
    slope = 1 - t * t
    J = xp.matmul(V * slope[:, None, :], W)
    bend = V * (-2 * t * slope)[:, None, :]
    return {"J": J, "H": xp.matmul(xp.matrix_transpose(W)[:, None, ...] * bend[:, :, None, :], W[:, None, ...])}


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """q > 0; a gradient across the boundary that is not 0, and two inputs or more. 0 counts as -1."""
    xp = namespace(x["J"])
    q = _form(x["H"], x["x"])
    gradient = norm2(x["J"][:, 0, :] - x["J"][:, 1, :])
    below = -xp.ones_like(q)
    surface = xp.where(gradient > 0, gradient, below) if x["x"].shape[-1] > 1 else below
    return {CONVEX: xp.where(q > 0, q, below), REGULAR: surface}


def _form(H: Any, x: Any) -> Any:
    """x^T (H_1 - H_2) x: (B,)."""
    return dot(x, matvec(H[:, 0, ...] - H[:, 1, ...], x))


def solve(p: Params, x: Any) -> dict[str, Any]:
    """All sums in one stroke; the curvature as the norm of the Hessian between two projections."""
    xp = namespace(x["J"])
    J, H, point = x["J"], x["H"], x["x"]
    normal = J[:, 0, :] - J[:, 1, :]
    gradient = norm2(normal)
    unit = normal / xp.where(gradient > 0, gradient, xp.ones_like(gradient))[:, None]
    along = xp.eye(point.shape[-1], dtype=J.dtype, device=J.device) - unit[:, :, None] * unit[:, None, :]
    bend = xp.matmul(along, xp.matmul(H[:, 0, ...] - H[:, 1, ...], along))
    return _quantities(x, matvec(J, point), spectral_norm(J), spectral_norm(bend), _form(H, point))


def _quantities(x: Any, Jx: Any, norm: Any, bend: Any, q: Any) -> dict[str, Any]:
    """The named quantities from J x, the spectral norm of J, the largest |t^T (H_1 - H_2) t| and q."""
    xp = namespace(x["J"])
    J, H, point = x["J"], x["H"], x["x"]
    K, d = J.shape[1:]
    frobenius = xp.sum(J * J, axis=(-2, -1))
    square = dot(point, point)
    N = frobenius * square
    scale = (q / (2 * xp.where(N > 0, N, xp.ones_like(N))))[:, None, None]
    smaller = scale * J
    sizes = xp.sum(xp.abs(H[:, 0, ...]) + xp.abs(H[:, 1, ...]), axis=(-2, -1)) * square
    return {
        "outer": Jx[:, 0] ** 2 - Jx[:, 1] ** 2,
        "sum": dot(Jx, Jx),
        "spectral": norm**2 * square,
        "N": N,
        "q": q,
        "scaled_q": _form(scale[..., None] * H, point),
        "scaled_N": xp.sum(smaller * smaller, axis=(-2, -1)) * square,
        "along": bend * square,
        "largest_row": xp.max(xp.sum(J * J, axis=-1), axis=-1) * square,
        "squares": frobenius,
        "own": dot(point, matvec(H[:, 0, ...], point)),
        "zero": 0 * q,
        # Every sum has at most K d + d terms, and a singular value the error of a backward stable algorithm.
        "delta": 8 * (K * d + d + 8) * eps(J) * N,
        "delta_h": 8 * (d * d + 8) * eps(J) * sizes,
    }


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same for one instance: sums by math.fsum, norms from eigenvalues, the boundary's directions from a null
    space."""
    import math

    import numpy as np
    from scipy.linalg import null_space

    J, H, point = x["J"][0], x["H"][0], x["x"][0]
    Jx = np.asarray([math.fsum(a * b for a, b in zip(row, point, strict=True)) for row in J])
    difference = H[0] - H[1]
    q = math.fsum(a * h * b for a, row in zip(point, difference, strict=True) for h, b in zip(row, point, strict=True))
    norm = math.sqrt(max(np.linalg.eigvalsh(J @ J.T)[-1], 0.0))
    along = null_space((J[0] - J[1])[None])
    bend = np.abs(np.linalg.eigvalsh(along.T @ difference @ along)).max() if along.shape[1] else 0.0
    return _quantities(x, Jx[None], *(np.asarray([v]) for v in (norm, bend, q)))


def rotate(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The inputs in another order with other signs."""
    xp, d = namespace(x["x"]), x["x"].shape[-1]
    order, signs = draw.shared.subset(d, d)[0, :], draw.shared.sign(d)[0, :]
    H = xp.take(xp.take(x["H"] * signs * signs[:, None], order, axis=-1), order, axis=-2)
    return {"J": xp.take(x["J"] * signs, order, axis=-1), "H": H, "x": xp.take(x["x"] * signs, order, axis=-1)}


def longer(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The point twice as far out, with the same derivatives."""
    return {**x, "x": 2 * x["x"]}


THEOREM = Theorem(
    "curvature_bound",
    "The Jacobian bounds outer products of gradients, not the Hessians they stand for",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    families={
        "any derivatives": "rows of very different lengths, Hessians of their own",
        "one row": "the equality of (a)",
        "tanh networks": "one hidden layer, outputs small and large: Jacobian and Hessians in closed form",
        "parabola": "z = (a u^2/2, 0); by hand a = 1/2 at x = 1",
        "flat": "z = (a u_1^2/2, 0) in the plane: boundaries without curvature",
    },
    shares={"parabola": 0.5, "flat": 0.5},
    instances=8000,
    batch=8192,
    claims=(
        Claim(
            "slide: outer products, the sum",
            Every(),
            "outer",
            Formula("sum + delta"),
            origin="giryes2019",
            source=SLIDE,
        ),
        Claim("slide: the Frobenius norm", Every(), "sum", Formula("N + delta"), origin="giryes2019", source=SLIDE),
        Claim("the spectral norm", Every(), "sum", Formula("spectral + delta")),
        Claim("it is the smaller one", Every(), "spectral", Formula("N + delta")),
        Claim(
            MULTIPLE,
            Every(),
            "scaled_q",
            Formula("1.5 * scaled_N"),
            (CONVEX,),
            relation=">=",
        ),
        misreading(
            "slide: with the Hessians",
            Every(),
            "q",
            Formula("N + delta + delta_h"),
            (),
            source=SLIDE,
            grade="loose",
            reading="H_k is the Hessian of the output z_k, as the curvature of the boundary needs it",
            because="Hessians scale with z and the bound with its square: it fails for small outputs",
            holds_when="H_k is the outer product of the gradient of z_k, the approximation that the slide announces",
        ),
        misreading(
            "slide: the curvature of the boundary",
            Every(),
            "q",
            Formula("along + delta_h"),
            (REGULAR,),
            source=SLIDE,
            grade="loose",
            reading="the form at x is the curvature of the boundary, |x|^2 and the length of the gradient apart",
            because="curvature is seen along the boundary: the lines z_1 = const have none, and the form is not 0",
            holds_when="the form is taken at tangents of the boundary, over the length of the gradient",
        ),
        control(
            "without |x|^2",
            Every(),
            "sum",
            Formula("squares + delta"),
            (),
            "both sides of the inequality are quadratic in x",
        ),
        control(
            "the longest row alone",
            Every(),
            "sum",
            Formula("largest_row + delta"),
            (),
            "rows that point the same way add up",
        ),
        control(
            "Hessians like outer products: never negative",
            Every(),
            "own",
            Formula("zero - delta_h"),
            (),
            "an output may bend either way",
            relation=">=",
        ),
    ),
    sources=(
        Source(JAKUBOVITZ2018, "Section 3", "the curvature of the decision boundary; from memory"),
        SLIDE,
        Source(OURS, "(a) to (c), above"),
    ),
    symbols={
        "outer": ("x^T(G_1-G_2)x", "difference of the outer products at x"),
        "sum": (r"\sum_k(J_kx)^2", "sum over all outputs"),
        "spectral": (r"\lVert J\rVert_2^2\lVert x\rVert^2", "bound by the largest singular value"),
        "N": (r"\lVert J\rVert_F^2\lVert x\rVert^2", "bound by the Frobenius norm"),
        "q": ("x^T(H_1-H_2)x", "difference of the Hessians at x"),
        "scaled_q": ("c\\,x^T(H_1-H_2)x", "the same of c z, c = q/(2N)"),
        "scaled_N": (r"c^2\lVert J\rVert_F^2\lVert x\rVert^2", "the bound of c z"),
        "along": (
            r"\max_t\lvert t^T(H_1-H_2)t\rvert\,\lVert x\rVert^2",
            "the largest value at unit tangents of the boundary, as long as x",
        ),
        "largest_row": (r"\max_k\lVert J_k\rVert^2\lVert x\rVert^2", "bound by the longest row"),
        "squares": (r"\lVert J\rVert_F^2", "squared Frobenius norm"),
        "own": ("x^TH_1x", "Hessian of the first output at x"),
        "zero": ("0", "zero"),
        "delta": (r"\delta", "rounding of sums of squares"),
        "delta_h": (r"\delta'", "rounding of a form of Hessians"),
    },
    figures=(
        Figure(
            "cloud",
            "cloud",
            ("slide: with the Hessians",),
            "The form of the Hessians against the bound by the Jacobian: above the diagonal it is violated, as "
            "by small parabolas and by networks with small outputs.",
            x="bound",
            y="x^T (H_1 - H_2) x",
        ),
        Figure(
            "outer",
            "cloud",
            ("slide: outer products, the sum", "slide: the Frobenius norm"),
            "The chain for the outer products: never above the diagonal, and on it for one row.",
            x="bound",
            y="measured",
        ),
    ),
    sharper=(Sharper(MULTIPLE, "at c = q/(2N) it is twice the bound", Formula("2 * scaled_N")),),
    survivors={
        f"{MULTIPLE}: without {CONVEX!r}": "for q < 0 a negative c does the same, and for q = 0 both sides are 0"
    },
    invariances={"reorder inputs": rotate, "farther out": longer},
    not_tested=("functions that are not differentiable at x",),
)
