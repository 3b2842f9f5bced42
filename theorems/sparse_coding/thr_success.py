r"""Thresholding the correlations with the atoms finds the support, for a whole interval of thresholds.

Let $`D`$ have unit columns and mutual coherence $`\mu`$, $`y=D\alpha+v`$, $`k=\|\alpha\|_0`$, and write $`M`$ and
$`a`$ for the largest and the smallest magnitude of the non-zeros of $`\alpha`$, $`T`$ for their places, and
$`\varepsilon=\max_j|d_j^Tv|\le\|v\|_2`$. Thresholding returns $`H_\beta(D^Ty)`$ (hard: entries of magnitude at most
$`\beta`$ become 0) or $`S_\beta(D^Ty)`$ (soft: the others shrink by $`\beta`$ as well).

**Theorem.** For every $`j`$

```math
|d_j^Ty|\le k\mu M+\varepsilon\quad(j\notin T),\qquad
\mathrm{sign}(\alpha_j)\,d_j^Ty\ge a-(k-1)\mu M-\varepsilon\quad(j\in T).
```

So if $`2\varepsilon<a-(2k-1)\mu M`$, that is $`k<\frac12\big(1+\frac1\mu\frac aM\big)-\frac1\mu\frac\varepsilon M`$,
every $`\beta`$ with

```math
k\mu M+\varepsilon\le\beta<a-(k-1)\mu M-\varepsilon
```

makes both return the support and the signs of $`\alpha`$, with

```math
\|H_\beta(D^Ty)-\alpha\|_\infty\le\varepsilon+(k-1)\mu M,\qquad
\|S_\beta(D^Ty)-\alpha\|_\infty\le\beta+\varepsilon+(k-1)\mu M,
```

and least squares on the support found is off by at most $`\|v\|_2/\sqrt{1-(k-1)\mu}`$.

*Proof.* $`d_j^Ty=\alpha_j+\sum_{l\in T,\,l\ne j}\alpha_ld_j^Td_l+d_j^Tv`$, where the sum has $`k`$ terms of size at
most $`\mu M`$ for $`j\notin T`$ and $`k-1`$ for $`j\in T`$: the first two bounds, and the errors. A $`\beta`$ of the
interval is exceeded by nothing off $`T`$ and by everything on it; the lower end belongs to the interval because the
threshold keeps only what exceeds it. Least squares on $`T`$ is off by $`D_T^+v`$, and the eigenvalues of
$`D_T^TD_T`$ are at least $`1-(k-1)\mu`$ (Gershgorin). $`\square`$

**What is checked.** The threshold is given by its `place` in the interval, 0 at the lower end and 1 at the upper one.
An entry that is within rounding of the threshold may be in or out: what depends on it is undecided. All families but
the noise-free ones have a noise of up to 0.999 times what is admitted.

**Sharp.** All of it, for every $`k`$, on every dictionary here in which some atom has $`k`$ others of correlation
$`\pm\mu`$: a victim off $`T`$ towards which all of $`T`$ leans, with the noise along it, attains the first bound; a
smallest entry against which the rest of $`T`$ leans attains the second and the error. On a simplex with equal signs the
noise $`-\sum_{j\in T}d_j`$ attains the error of least squares. So neither end of the interval can be moved.

**The slide** gives the algorithm, without a theorem; the contrast $`a/M`$ and the noise inside the condition are what
its later slides count against thresholding, and rightly: with $`M=3a`$ three atoms of the space suffice (see the
controls), while `omp_success` needs no contrast. Kind: inequality for every instance, and exact support.

**Not covered.** Thresholds chosen from the data; the average case, where signs cancel.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from theorems.bibliography import DONOHO2006, ELAD2018, OURS
from theorems.sparse_coding import _instances as instances
from verify import Claim, Enclosure, Every, Figure, Formula, Source, Theorem, control
from verify.core.arrays import eps, matvec, namespace, norm1, norm2, norm_inf, rmatvec, to_numpy
from verify.kit import basis_pursuit as bp

HALF = Fraction(1, 2)
UNIT, INSIDE = "unit columns", "beta in the interval"
SPARSE, NO_CONTRAST = "2 epsilon < low - (2k - 1) mu high", "2 epsilon < (1 - (2k - 1) mu) high"
OFF = Formula("k * mu * high + epsilon + delta")
ON = Formula("low - (k - 1) * mu * high - epsilon - delta")
HARD = Formula("epsilon + (k - 1) * mu * high")
SOFT = Formula("beta + epsilon + (k - 1) * mu * high")
FIT = Formula("size / sqrt(1 - (k - 1) * mu)")
NONE = Formula("0")
BESIDE = 1e-3  # how far beside the interval the controls put the threshold, relative to its end


class Params(instances.DictionaryParams):
    """The dictionary and the sparsity."""


FAMILIES = {
    **{f"{name}, random": f"{name}, random support, signs and noise" for name in instances.STANDARD},
    **{f"{name}, victim off": f"{name}, everything leans towards an atom off T" for name in instances.STANDARD},
    **{f"{name}, victim on": f"{name}, everything leans against the smallest entry" for name in instances.STANDARD},
    "three atoms": "unit vectors of the space with rational entries, mu = 7/25; thresholds beside the interval",
}


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """D (1, n, m); mu (1,); alpha (B, m); v (B, n); place (B,) of the threshold."""
    xp = draw.xp
    place = draw.choose((0.0, 1e-6, 0.5, 1 - 1e-6))
    if family == "three atoms":
        return {**_three_atoms(draw), "place": place + draw.choose((0.0, 0.0, -10.0, 2.0))}
    D, mu = instances.dictionary(draw, p, family)
    n, m = D.shape[-2:]
    k = instances.sparsity(draw, p, mu, HALF)
    free = (2 * xp.astype(k, D.dtype) - 1) * mu  # the contrast must exceed this
    contrast = free + (1 - free) * xp.maximum(draw.uniform(low=0.01), draw.coin())
    high = draw.log_uniform(low=0.36787944117144233, high=7.38905609893065)[:, None]
    low = contrast[:, None] * high
    if family.endswith("random"):
        alpha = instances.sparse_vector(draw, m, k)
        alpha = xp.sign(alpha) * (low + (high - low) * draw.uniform(m))
        direction = draw.sphere(n)
    elif family.endswith("victim off"):
        victim, pull = instances.most_correlated(draw, D, k)
        alpha, direction = high * pull, matvec(D, victim)
    else:
        victim, pull = instances.most_correlated(draw, D, k - 1)
        alpha = low * victim - high * pull
        direction = -matvec(D, xp.where(draw.coin()[:, None] > 0, victim, xp.sign(alpha)))
    least, most = _magnitudes(alpha)
    room = least - (2 * instances.count(alpha) - 1) * mu * most
    noise = draw.choose((0.0, 0.5, 0.9, 0.999)) * xp.maximum(room, xp.zeros_like(room)) / 2
    return {
        "D": D,
        "mu": mu,
        "alpha": alpha,
        "v": direction * (noise / norm_inf(rmatvec(D, direction)))[:, None],
        "place": place,
    }


def _three_atoms(draw: Any) -> dict[str, Any]:
    """alpha = (1, b, 0), where b = 1/3 and 1/4 are too small. By hand there is no noise; else it is random, or along
    the third atom."""
    free = draw.coin()[:, None]
    D = draw.backend.asarray([[[1.0, -0.28, 0.28], [0.0, 0.96, 0.0], [0.0, 0.0, 0.96]]])
    b = draw.choose((0.0, 1 / 3, 1 / 4, -1 / 4, 0.9, 0.9))
    along = draw.xp.where(draw.coin()[:, None] > 0, D[:, :, 2], draw.sphere(3))
    return {
        "D": D,
        "mu": draw.backend.asarray([0.28]),
        "alpha": draw.xp.stack([draw.full(1.0), b, draw.full(0.0)], axis=-1),
        "v": free * 0.02 * draw.uniform(1) * along,
    }


def _magnitudes(alpha: Any) -> tuple[Any, Any]:
    """The smallest and the largest magnitude of the non-zeros (B,); 0 and 0 where there are none."""
    xp = namespace(alpha)
    size = xp.abs(alpha)
    high = xp.max(size, axis=-1)
    return xp.min(xp.where(size > 0, size, high[:, None]), axis=-1), high


def _rounding(x: Any) -> Any:
    """A bound on the error of every computed correlation, of the ends of the interval and of epsilon, (B,)."""
    n, m = x["D"].shape[-2:]
    return (m + 34 * n + 32) * eps(x["v"]) * (norm1(x["alpha"]) + norm2(x["v"]))


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """The condition in its multiplied-out form, beyond rounding and with a margin: it sits on lattice values."""
    alpha = x["alpha"]
    low, high = _magnitudes(alpha)
    epsilon = norm_inf(rmatvec(x["D"], x["v"]))
    k = instances.count(alpha)
    lean = (2 * k - 1) * x["mu"] * high + 2 * epsilon + instances.MARGIN * high + _rounding(x)
    xp = namespace(alpha)
    return {
        UNIT: instances.unit_columns(x["D"]),
        SPARSE: xp.where(k > 0, low - lean, -xp.ones_like(k)),
        NO_CONTRAST: xp.where(k > 0, high - lean, -xp.ones_like(k)),
        INSIDE: xp.where(x["place"] < 1, x["place"], -xp.ones_like(x["place"])),
    }


def _measure(x: Any, z: Any, fit: Any, off_by: Any) -> dict[str, Any]:
    """The quantities from the correlations z (B, m), and least squares on T whose error is known to ``off_by``."""
    xp = namespace(z)
    alpha, unit = x["alpha"], _rounding(x)
    on, signs = alpha != 0, xp.sign(alpha)
    infinite = xp.full_like(z, xp.inf)
    low, high = _magnitudes(alpha)
    k, mu = instances.count(alpha), x["mu"]
    epsilon = norm_inf(rmatvec(x["D"], x["v"]))
    bottom, top = k * mu * high + epsilon, low - (k - 1) * mu * high - epsilon
    beta = xp.maximum(bottom + x["place"] * (top - bottom), xp.zeros_like(bottom))
    delta = 4 * unit

    def positive(u: Any) -> Any:
        return xp.maximum(u, xp.zeros_like(u))

    def mistakes(threshold: Any) -> Enclosure:
        """How many entries have a wrong sign or a wrong zero."""
        beyond = xp.abs(z) - threshold[:, None]
        kept, killed = beyond > 2 * unit[:, None], beyond < -2 * unit[:, None]
        right = xp.where(on, kept & (xp.sign(z) == signs), killed)
        wrong = xp.where(on, killed | (kept & (xp.sign(z) != signs)), kept)
        surely, possibly = (xp.sum(xp.astype(mask, z.dtype), axis=-1) for mask in (wrong, ~right))
        return Enclosure(surely, surely, possibly)

    def largest(hard: Any) -> Any:
        """The largest error over the entries, of hard (where ``hard``) or soft thresholding."""
        cut = xp.minimum(xp.maximum(z, -beta[:, None]), beta[:, None])
        kept = xp.abs(z - alpha) if hard else xp.abs(z - cut - alpha)
        gone = xp.abs(alpha) if hard else kept
        beyond = xp.abs(z) - beta[:, None]
        out, into = (xp.where(beyond > s * unit[:, None], kept, gone) for s in (2, -2))  # a tie is left out, or let in
        return Enclosure(*(positive(norm_inf(e) - delta) for e in (out, xp.minimum(out, into), xp.maximum(out, into))))

    wrong = mistakes(beta)
    return {
        "off": norm_inf(xp.where(on, xp.zeros_like(z), z)),
        "on": xp.min(xp.where(on, signs * z, infinite), axis=-1),
        "wrong": wrong,
        "wrong_below": mistakes((1 - BESIDE) * bottom),
        "wrong_above": mistakes((1 + BESIDE) * top),
        "error": largest(hard=True),
        "soft_error": largest(hard=False),
        "fit_error": xp.where(wrong.upper == 0, positive(fit - off_by - unit), xp.full_like(fit, xp.nan)),
        "low": low,
        "high": high,
        "k": k,
        "mu": mu,
        "epsilon": epsilon,
        "beta": beta,
        "size": norm2(x["v"]),
        "delta": delta,
    }


def solve(p: Params, x: Any) -> dict[str, Any]:
    """The correlations by two products, least squares by the Gram of the support with the residual it leaves."""
    xp, D, alpha = namespace(x["v"]), x["D"], x["alpha"]
    y = matvec(D, alpha) + x["v"]
    support, mask = bp.padded_support(xp.sign(alpha))
    atoms, gram = bp.support_gram(D, support, mask)
    fit = bp.solve_gram(gram, matvec(atoms, y)[..., None])[..., 0]
    true = xp.where(mask, xp.take_along_axis(alpha, support, axis=-1), xp.zeros_like(fit))
    # D_T^T (y - D_T fit) is 0 for the exact fit, and the eigenvalues of the Gram are at least 1 - (k - 1) mu.
    k = instances.count(alpha)
    rest = norm2(matvec(atoms, y - rmatvec(atoms, fit))) + 2 * xp.sqrt(k) * _rounding(x)
    off_by = rest / xp.maximum(1 - (k - 1) * x["mu"], xp.zeros_like(k)) + _rounding(x)
    return _measure(x, rmatvec(D, y), norm2(fit - true), off_by)


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same from one instance: correlations by the Gram, least squares by a factorisation of the atoms."""
    import numpy as np

    D, alpha, v = x["D"][0], x["alpha"][0], x["v"][0]
    T = np.flatnonzero(alpha)
    z = (D.T @ D)[:, T] @ alpha[T] + D.T @ v
    fit = np.linalg.lstsq(D[:, T], D @ alpha + v, rcond=None)[0]
    off_by = 64 * _rounding(x) * np.linalg.cond(D[:, T]) ** 2
    return _measure(x, z[None], np.asarray([np.linalg.norm(fit - alpha[T])]), off_by)


def exact(p: Params, x: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Everything but least squares, in rationals, of at most eight atoms; that mu is the coherence is checked with the
    columns."""
    from verify.kit import exact as q

    D, alpha, v, mu, place = (x[name] for name in ("D", "alpha", "v", "mu", "place"))
    if len(alpha) > 8:
        raise ValueError(f"only for at most eight atoms, not {len(alpha)}")
    atoms = q.transpose(D)
    gram = q.product(atoms, D)
    noise = q.apply(atoms, v)
    z = q.plus(q.apply(gram, alpha), noise)
    T = [j for j, a in enumerate(alpha) if a]
    low, high = min((abs(alpha[j]) for j in T), default=Fraction(0)), max(map(abs, alpha))
    k, epsilon = len(T), max(map(abs, noise))
    bottom, top = k * mu * high + epsilon, low - (k - 1) * mu * high - epsilon
    beta = max(bottom + place * (top - bottom), Fraction(0))

    def threshold(beta: Fraction, shrink: int) -> list[Fraction]:
        return [u - shrink * beta * _sign(u) if abs(u) > beta else Fraction(0) for u in z]

    def mistakes(beta: Fraction) -> int:
        return sum(_sign(u) != _sign(a) for u, a in zip(threshold(beta, 0), alpha, strict=True))

    hard, soft = (q.plus(threshold(beta, shrink), alpha, -1) for shrink in (0, 1))
    defects = [abs(gram[j][j] - 1) for j in range(len(alpha))]
    coherence = max(abs(gram[i][j]) for i in range(len(alpha)) for j in range(i))
    lean = (2 * k - 1) * mu * high + 2 * epsilon
    return {
        UNIT: -max(*defects, coherence - mu),
        SPARSE: low - lean if low > lean else -1,
        NO_CONTRAST: high - lean if high > lean else -1,
        INSIDE: place if place < 1 else -1,
    }, {
        "off": max((abs(u) for j, u in enumerate(z) if j not in T), default=Fraction(0)),
        "on": min((_sign(alpha[j]) * z[j] for j in T), default=Fraction(0)),
        "wrong": mistakes(beta),
        "wrong_below": mistakes((1 - Fraction(BESIDE)) * bottom),
        "wrong_above": mistakes((1 + Fraction(BESIDE)) * top),
        "error": max(map(abs, hard)),
        "soft_error": max(map(abs, soft)),
        "low": low,
        "high": high,
        "k": k,
        "mu": mu,
        "epsilon": epsilon,
        "beta": beta,
        "delta": 0,
    }


def _sign(u: Fraction) -> int:
    return (u > 0) - (u < 0)


def advise(p: Params, x: Any) -> str:
    """Which k the coherence of the drawn dictionary admits."""
    text = "k < (1 + 1/mu)/2, the condition without contrast and noise,"
    return instances.admitted_words(p, float(to_numpy(x["mu"])[0]), HALF, text)


GIVEN = (UNIT, SPARSE, INSIDE)


THEOREM = Theorem(
    "thr_success",
    "Thresholding finds the support, for a whole interval of thresholds",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    exact=exact,
    advise=advise,
    families=FAMILIES,
    shares={name: 0.25 for name in FAMILIES if name.startswith("affine")},
    instances=8000,
    batch=2048,
    claims=(
        Claim("correlations off the support", Every(), "off", OFF, (UNIT,)),
        Claim("correlations on the support", Every(), "on", ON, (UNIT,), relation=">="),
        Claim("support and signs", Every(), "wrong", NONE, GIVEN),
        Claim("error, hard", Every(), "error", HARD, GIVEN),
        Claim("error, soft", Every(), "soft_error", SOFT, GIVEN),
        Claim("least squares on the support found", Every(), "fit_error", FIT, GIVEN),
        control(
            "contrast forgotten",
            Every(),
            "off",
            Formula("on"),
            (UNIT, NO_CONTRAST),
            "an atom off the support leans on the large entry more than the small entry has left",
        ),
        control(
            "hard error for soft",
            Every(),
            "soft_error",
            HARD,
            GIVEN,
            "soft thresholding shrinks what it keeps by beta",
        ),
        control(
            "threshold 0.1 % below the interval",
            Every(),
            "wrong_below",
            NONE,
            GIVEN,
            "the lower end is attained by an atom off the support",
        ),
        control(
            "threshold 0.1 % above the interval",
            Every(),
            "wrong_above",
            NONE,
            GIVEN,
            "the upper end is attained by an entry on the support",
        ),
        control("no coherence", Every(), "error", Formula("epsilon"), GIVEN, "the other entries of T lean on each one"),
    ),
    sources=(
        Source(ELAD2018, "slide 'Pursuit Algorithms'", "the algorithm, without a theorem"),
        Source(DONOHO2006, "thresholding under coherence", "from memory; proved on this page"),
        Source(OURS, "the interval with both ends, above"),
    ),
    symbols={
        "off": (r"\max_{j\notin T}|d_j^Ty|", "largest correlation off the support"),
        "on": (r"\min_{j\in T}s_jd_j^Ty", "smallest correlation on the support, in the direction of its sign"),
        "wrong": (r"\#\{j:\mathrm{sign}\,\hat\alpha_j\ne\mathrm{sign}\,\alpha_j\}", "wrong signs and wrong zeros"),
        "wrong_below": (r"\#_-", "wrong signs and wrong zeros at a threshold 0.1 % below the interval"),
        "wrong_above": (r"\#_+", "wrong signs and wrong zeros at a threshold 0.1 % above the interval"),
        "error": (r"\lVert H_\beta(D^Ty)-\alpha\rVert_\infty", "error of hard thresholding, beyond rounding"),
        "soft_error": (r"\lVert S_\beta(D^Ty)-\alpha\rVert_\infty", "error of soft thresholding, beyond rounding"),
        "fit_error": (
            r"\lVert D_T^+y-\alpha_T\rVert",
            "error of least squares on the support found, beyond its rounding by the residual that it leaves",
        ),
        "low": ("a", "smallest magnitude of the non-zeros"),
        "high": ("M", "largest magnitude of the non-zeros"),
        "k": ("k", "non-zeros of the true vector"),
        "mu": (r"\mu", "mutual coherence"),
        "epsilon": (r"\varepsilon", "largest correlation of the noise with an atom"),
        "beta": (r"\beta", "threshold"),
        "size": (r"\lVert v\rVert", "length of the noise"),
        "delta": (r"\delta", "rounding of the correlations"),
    },
    figures=(
        Figure(
            "error",
            "cloud",
            ("error, hard",),
            "Error of hard thresholding against its bound: a victim on the support attains it.",
            x="bound",
            y="largest error of an entry",
        ),
        Figure(
            "ratio",
            "ratio",
            ("correlations off the support", "error, hard", "error, soft", "least squares on the support found"),
            "Measured over bound against the sparsity: every bound is attained at every k.",
            x="non-zeros k",
            y="measured / bound",
            against="k",
        ),
    ),
    invariances={
        "negate atoms": instances.flip_signs,
        "permute atoms": instances.permute_atoms,
        "rescale": instances.rescale,
    },
    survivors={
        "support and signs: the relation turned round": "a number of mistakes is never negative",
        **{
            f"least squares on the support found: without {name!r}": "given the support, (k - 1) mu < 1 is enough"
            for name in (SPARSE, INSIDE)
        },
        "least squares on the support found: mu dropped from (k - 1) * mu": "the claim for k = 1, and no number beyond",
    },
    not_tested=("dictionaries larger than 64 by 576 in the default run",),
)
