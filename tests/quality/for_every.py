r"""Statements about every instance: a true inequality and a false neighbour on the same instances.

``n`` draws of a family are independent; a statement that is false on a share ``r`` of them is missed with probability
``(1 - r)^n``. The true ones have no chance of being refuted: the inequality is proved and the enclosures contain what
they enclose.
"""

from __future__ import annotations

from typing import Any

from verify import Enclosure, Every, Formula
from verify.core.arrays import Array, eps, namespace, norm1, norm2, norm_inf

from .planted import Params, Setting, between, false, rounded, true, unseen


def exactly(x: Array) -> Enclosure:
    return Enclosure.exact(x)


def root(x: Enclosure) -> Enclosure:
    return x.monotone(namespace(x.value).sqrt)


# ------------------------------------------------------- |x|_1 <= sqrt(n) |x|_2, an equality where magnitudes are equal


def vectors(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """Gaussian; of magnitude 3 throughout in half of ``flat`` and in one of 200 of ``rare``."""
    share = {"random": 0.0, "rare": 1 / 200, "flat": 0.5}[family]
    return {"x": between(draw, share, 3 * draw.sign(p.n), draw.normal(p.n))}


def norms(p: Params, x: Any) -> dict[str, Any]:
    v = x["x"]
    return {"one": rounded(norm1(v), p.n), "two": rounded(norm2(v), p.n), "top": norm_inf(v)}


FLAT = Setting(vectors, norms, families=("random", "flat"))
RARE = Setting(vectors, norms, families=("random", "rare"), instances=8000)
NORMS = [
    true("norms", FLAT, Every(), "one", "sqrt(n) * two", "Cauchy and Schwarz; attained, where rounding leaves it open"),
    false("norms_off_by_1e_9", FLAT, Every(), "one", "0.999999999 * sqrt(n) * two", "attained in 1,000 of 4,000"),
    true("exponent_of_n", FLAT, Every(), "one", "n**0.51 * two", "n^0.51 > n^0.5"),
    false("exponent_of_n_too_small", FLAT, Every(), "one", "n**0.49 * two", "6^0.49 is 1.8 % below 6^0.5"),
    true("top", FLAT, Every(), "two", "top * sqrt(n)", "each of n squares is at most the largest"),
    false("top_without_root", FLAT, Every(), "two", "top * n**0.45", "equal magnitudes: sqrt(n) is attained"),
    true("one_in_200", RARE, Every(), "two", "one / (1.01 * sqrt(n))", "the true constant is 1", relation=">="),
    false(
        "one_in_200_off_by_1_per_cent",
        RARE,
        Every(),
        "two",
        "one / (0.99 * sqrt(n))",
        "false where magnitudes are equal: one instance of 200 of one family",
        relation=">=",
        chance=lambda: unseen(1 / 200, 4000),
    ),
]

# ----------------------------------------------------------------------------- a missing square: <x,y>^2 <= |x|^2 |y|^2


def nearly_parallel(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """x Gaussian in R^3; y of a length uniform on [0.5, 1.01), parallel to x in a quarter of the draws."""
    x = draw.normal(3)
    y = x + 0.5 * between(draw, 1 / 4, 0 * x, draw.normal(3))
    return {"x": x, "y": y * (draw.uniform(low=0.5, high=1.01) / norm2(y))[:, None]}


def inner_products(p: Params, x: Any) -> dict[str, Any]:
    xp = namespace(x["x"])
    products = x["x"] * x["y"]
    slack = 3 * eps(products) * xp.sum(xp.abs(products), axis=-1)
    inner = Enclosure.around(xp.sum(products, axis=-1), slack)
    return {"inner": inner.square(), "x": rounded(norm2(x["x"]), 3), "y": rounded(norm2(x["y"]), 3)}


PARALLEL = Setting(nearly_parallel, inner_products, instances=8000)
SQUARES = [
    true("schwarz", PARALLEL, Every(), "inner", "x**2 * y**2", "Cauchy and Schwarz; attained in a quarter, left open"),
    false(
        "schwarz_without_a_square",
        PARALLEL,
        Every(),
        "inner",
        "x**2 * y",
        "false for parallel x and y where |y| > 1, by at most 1 per cent, in 1/4 * 0.01/0.51 of the draws",
        chance=lambda: unseen(0.25 * 0.01 / 0.51, 8000),
    ),
]

# ---------------------------------------------------------------------------------------------------------- min for max


def ordered(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """a on [1, 2) and b above it; in one draw of 200 b is below it by less than 0.1 per cent."""
    a, u = draw.uniform(low=1.0, high=2.0), draw.uniform()
    return {"a": a, "b": between(draw, 1 / 200, a * (1 - u / 1000), a * (1 + u))}


ORDERED = Setting(ordered, lambda p, x: dict(x))
ORDER = [
    true("largest", ORDERED, Every(), "a", "max(a, b)", "by definition; an equality, exactly, in one of 200"),
    false(
        "largest_min_for_max",
        ORDERED,
        Every(),
        "a",
        "min(a, b)",
        "false where b < a, in one of 200",
        chance=lambda: unseen(1 / 200, 4000),
    ),
]

# ---------------------------------------------------------------------------------------- a hypothesis, met at its edge


def near_one(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """x = 1 in a quarter of the draws, else uniform on [0.99, 3)."""
    x = draw.uniform(low=0.99, high=3.0)
    return {"x": between(draw, 1 / 4, 0 * x + 1, x)}


EDGE = Setting(near_one, lambda p, x: dict(x), hypotheses=lambda p, x: {"x >= 1": x["x"] - 1}, instances=8000)
HYPOTHESES = [
    true("edge", EDGE, Every(), "x", "x**2", "x^2 - x = x (x - 1); an equality at the edge", given=("x >= 1",)),
    false(
        "edge_dropped",
        EDGE,
        Every(),
        "x",
        "x**2",
        "false for 0.99 <= x < 1, by at most 1 per cent, in 3/4 * 0.01/2.01 of the draws",
        chance=lambda: unseen(0.75 * 0.01 / 2.01, 8000),
    ),
]

# ---------------------------------------------------------------------------- ratios within 1e-9 of 1, and cancellation


def close(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """b is a but for a relative 1e-4 (``close``) or 1e-8 (``closest``) times a uniform."""
    a, u = draw.uniform(low=0.1, high=1.0), draw.uniform()
    return {"a": a, "b": a * (1 + {"close": 1e-4, "closest": 1e-8}[family] * u)}


def geometric(p: Params, x: Any) -> dict[str, Any]:
    a, b = exactly(x["a"]), exactly(x["b"])
    return {**x, "mean": root(a * b), "gap": a.square() + b.square() - 2 * (a * b)}


CLOSE = Setting(close, geometric, families=("close", "closest"), shares={"closest": 0.25})
MEANS = [
    true("geometric_mean", CLOSE, Every(), "mean", "(a + b) / 2", "(sqrt a - sqrt b)^2 >= 0; ratio above 1 - 1.3e-9"),
    false(
        "geometric_mean_off_by_1e_9",
        CLOSE,
        Every(),
        "mean",
        "(1 - 1e-9) * (a + b) / 2",
        "with b = (1 + h) a the ratio is 1 - h^2/8 + O(h^3), above 1 - 1e-9 for h < 8.9e-5: in more than half",
    ),
    true(
        "cancellation", CLOSE, Every(), "gap", "0", "gap = (a - b)^2; rounding leaves the closest open", relation=">="
    ),
    false(
        "cancellation_off",
        CLOSE,
        Every(),
        "gap",
        "2e-4 * a * abs(b - a)",
        "(b - a)^2 >= 2e-4 a |b - a| asks for b - a >= 2e-4 a, and it is below 1e-4 a",
        relation=">=",
    ),
]

# --------------------------------------------------------------------------------------------- nearly singular matrices


def singular(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """[[1, 1], [1, 1 + e]] with e on [1e-5, 1) (``mild``) or [1e-15, 1e-5)."""
    xp = draw.xp
    e = draw.log_uniform(low=1e-5, high=1.0) if family == "mild" else draw.log_uniform(low=1e-15, high=1e-5)
    one = xp.ones_like(e)
    return {"A": xp.stack([xp.stack([one, one], axis=-1), xp.stack([one, 1 + e], axis=-1)], axis=-2)}


def singular_values(p: Params, x: Any) -> dict[str, Any]:
    """The determinant is the float (1 + e) - 1, exactly (Sterbenz); the singular values are known to 8 eps |A|."""
    xp = namespace(x["A"])
    s = xp.linalg.svdvals(x["A"])
    d = exactly(x["A"][:, 1, 1])
    error = 8 * eps(s) * s[:, 0]
    return {
        "largest": Enclosure.around(s[:, 0], error),
        "smallest": Enclosure.around(s[:, 1], error),
        "frobenius": root(d.square() + 3),
        "det": x["A"][:, 1, 1] - 1,
    }


SINGULAR = Setting(singular, singular_values, families=("mild", "singular"), shares={"singular": 0.3})
MATRICES = [
    true(
        "smallest_singular_value",
        SINGULAR,
        Every(),
        "smallest",
        "det / frobenius",
        "det = s1 s2 and s1 <= frobenius; condition numbers up to 4e15, where it is left open",
        relation=">=",
    ),
    false(
        "smallest_singular_value_off_by_2_per_cent",
        SINGULAR,
        Every(),
        "smallest",
        "det / (0.98 * largest)",
        "s2 = det / s1",
        relation=">=",
    ),
]

# ----------------------------------------------------------------------------------- underflow, and values that are NaN


def tiny(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """Around 1, or so small that the square is a denormal number or 0."""
    small = family == "tiny"
    return {"a": draw.log_uniform(low=1e-175, high=1e-155) if small else draw.log_uniform(low=0.1, high=10.0)}


UNDERFLOW = Setting(tiny, lambda p, x: dict(x), families=("plain", "tiny"), shares={"tiny": 0.5})


def seldom_nan(p: Params, x: Any) -> dict[str, Any]:
    """u, and a path of u/2 and u; one in ten has NaN at its first step."""
    xp = namespace(x["u"])
    nan = xp.full_like(x["u"], xp.nan)
    return {"path": xp.stack([xp.where(x["v"] < 0.1, nan, x["u"] / 2), x["u"]], axis=-1)}


def two_uniforms(draw: Any, p: Params, family: str) -> dict[str, Any]:
    return {"u": draw.uniform(), "v": draw.uniform()}


NANS = Setting(two_uniforms, seldom_nan)
FAILURES = [
    true("underflow", UNDERFLOW, Every(), "a", "1.01 * sqrt(a**2)", "sqrt(a^2) = a, also where a^2 has underflowed"),
    false("underflow_off_by_1_per_cent", UNDERFLOW, Every(), "a", "0.99 * sqrt(a**2)", "sqrt(a^2) = a"),
    true("seldom_nan", NANS, Every(), "path", "1", "u < 1; one in ten is not a number and left open"),
    false(
        "seldom_nan_off_by_1_per_cent",
        NANS,
        Every(),
        "path",
        "0.99",
        "u > 0.99 in one of 100, at the second step",
        chance=lambda: unseen(0.01, 4000),
    ),
]

# --------------------------------------------------------------------------------------------- false in one family only


def pairs_of_vectors(draw: Any, p: Params, family: str) -> dict[str, Any]:
    return {"x": draw.normal(2), "y": draw.normal(2), "p": draw.full(float(family))}


P_NORM = Formula("(abs(first)**p + abs(second)**p)**(1/p)")


def p_norms(p: Params, x: Any) -> dict[str, Any]:
    """|x + y|_p and |x|_p + |y|_p."""

    def norm(v: Enclosure) -> Enclosure:
        parts = {"first": v.each(lambda a: a[:, 0]), "second": v.each(lambda a: a[:, 1])}
        return P_NORM.enclosure({**parts, "p": x["p"]}, x["p"])

    a, b = exactly(x["x"]), exactly(x["y"])
    return {"sum": norm(a + b), "parts": norm(a) + norm(b)}


MINKOWSKI = [
    true(
        "triangle",
        Setting(pairs_of_vectors, p_norms, families=("1", "1.5", "2", "3")),
        Every(),
        "sum",
        "parts",
        "Minkowski: |.|_p is a norm for p >= 1; an equality for p = 1 and equal signs",
    ),
    false(
        "triangle_p_below_1",
        Setting(pairs_of_vectors, p_norms, families=("0.97", "1", "1.5", "2"), shares={"0.97": 0.1}),
        Every(),
        "sum",
        "parts",
        "for p < 1 the inequality is reversed where all signs agree: in an eighth of one family of 4, by 2 per cent",
        chance=lambda: unseen(1 / 8, 129),
    ),
]

# ---------------------------------------------------------------------- a path that touches its bound at one step of 40


def eigenvalues(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """An eigenvalue on [0, 1), in a quarter of the draws 1/(2k + 1) for a k of 1, ..., 40."""
    k = draw.xp.astype(draw.integers(1, 41), draw.backend.float)
    return {"q": between(draw, 1 / 4, 1 / (2 * k + 1), draw.uniform())}


def descent(p: Params, x: Any) -> dict[str, Any]:
    """f(x_t) of gradient descent with step 1 on q x^2 / 2 from x = 1: q (1 - q)^(2 t) / 2 at t = 1, ..., 40."""
    xp = namespace(x["q"])
    t = xp.arange(1, 41, dtype=x["q"].dtype, device=x["q"].device)[None, :]
    q = exactly(x["q"][:, None])
    return {"f": q * (1 - q) ** exactly(2 * t) * 0.5, "t": t}


PATH = Setting(eigenvalues, descent)
BEST = "(2*t / (2*t + 1))**(2*t) / (2 * (2*t + 1))"
STEPS = [
    true("descent", PATH, Every(), "f", BEST, "the largest q (1 - q)^(2 t) / 2 over q is at q = 1/(2 t + 1)"),
    false(
        "descent_off_by_1_per_cent",
        PATH,
        Every(),
        "f",
        f"0.99 * {BEST}",
        "attained at step k for q = 1/(2 k + 1), and nearly so elsewhere",
    ),
]

# ------------------------------------------------------------- a solver that stops early, with a certificate of its gap


def quadratics(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """b of length 1, in [0, pi/2) by its angle, and the number of steps the solver may take."""
    xp = draw.xp
    angle = draw.uniform(high=1.5707)
    steps = draw.full({"stopped": 5.0, "finished": 120.0}[family])
    return {"b": xp.stack([xp.cos(angle), xp.sin(angle)], axis=-1), "steps": steps}


def stopped(p: Params, x: Any) -> dict[str, Any]:
    r"""The least value of $`f(w) = w^\top Q w/2 - b^\top w`$, Q = diag(1, 1/10), by gradient descent from (0, 30).

    f(w) is above it, and f(w) - |f'(w)|^2 / (2 * 1/10) below it, because f is 1/10-strongly convex. The value that the
    solver gives back is f(w): too large by up to 16 where it stopped early.
    """
    xp = namespace(x["b"])
    b = x["b"]
    q = xp.asarray([1.0, 0.1], dtype=b.dtype, device=b.device)[None, :]
    w = xp.zeros_like(b) + xp.asarray([0.0, 30.0], dtype=b.dtype, device=b.device)[None, :]
    for step in range(120):
        w = xp.where((step < x["steps"])[:, None], w - (q * w - b), w)
    w, b, q = exactly(w), exactly(b), exactly(q)

    def total(terms: Enclosure) -> Enclosure:
        return terms.each(lambda a: a[:, 0]) + terms.each(lambda a: a[:, 1])

    value = total(w * w * q * 0.5 - b * w)
    below = value - total((w * q - b).square()) / 0.2
    size = total(b.square())
    return {"least": Enclosure(value.value, below.lower, value.upper), "size": size}


FINISHED = Setting(quadratics, stopped, families=("stopped", "finished"), shares={"stopped": 0.5})
SOLVERS = [
    true(
        "stopped_solver",
        FINISHED,
        Every(),
        "least",
        "-0.5 * size",
        "the least value is -(b1^2 + 10 b2^2)/2; the value given back is above the bound in every stopped run",
    ),
    false(
        "stopped_solver_off_by_5_per_cent",
        FINISHED,
        Every(),
        "least",
        "-0.525 * size",
        "false for 9 b2^2 < 0.05, an angle below 0.0746: in a share 0.0475 of the draws",
        chance=lambda: unseen(0.0474, 4000),
    ),
]

# -------------------------------------------------------------------- what the batch leaves open, the reference decides


def vague(p: Params, x: Any) -> dict[str, Any]:
    return {"u": Enclosure.around(x["u"], 0 * x["u"] + 0.1)}


VAGUE = Setting(two_uniforms, vague, reference=lambda p, x: {"u": x["u"]})
REFERENCES = [
    true("vague", VAGUE, Every(), "u", "1", "u < 1; known to 0.1, so one in ten is left open"),
    false(
        "vague_decided_by_the_reference",
        VAGUE,
        Every(),
        "u",
        "0.99",
        "u > 0.99 in one of 100, which only the exact reference can tell",
        chance=lambda: unseen(0.01, 4000),
    ),
]

STATEMENTS = [
    *NORMS,
    *SQUARES,
    *ORDER,
    *HYPOTHESES,
    *MEANS,
    *MATRICES,
    *FAILURES,
    *MINKOWSKI,
    *STEPS,
    *SOLVERS,
    *REFERENCES,
]
