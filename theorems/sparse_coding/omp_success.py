r"""Orthogonal matching pursuit finds the support in as many steps as it has atoms, whatever the contrast.

Let $`D`$ have unit columns and mutual coherence $`\mu`$, $`y=D\alpha+v`$, $`k=\|\alpha\|_0`$, $`T`$ the support,
$`a`$ the smallest magnitude of the non-zeros of $`\alpha`$, and $`\varepsilon=\max_j|d_j^Tv|\le\|v\|_2`$. Orthogonal
matching pursuit (OMP) adds the atom most correlated with the residual, fits by least squares on the atoms chosen, and
goes on.

**Theorem.** If $`2\varepsilon<(1-(2k-1)\mu)\,a`$, that is
$`k<\frac12\big(1+\frac1\mu\big)-\frac\varepsilon{\mu a}`$, the first $`k`$ atoms chosen are those of $`T`$, in whatever
way ties within $`T`$ are broken, and then

```math
\|\hat\alpha-\alpha\|_2\le\frac{\|v\|_2}{\sqrt{1-(k-1)\mu}} .
```

More precisely, for $`k<\frac12(1+\frac1\mu)`$ and as long as only atoms of $`T`$ have been chosen, the best correlation
on $`T`$ leads the best one off $`T`$ by at least $`(1-(2k-1)\mu)M-2\varepsilon`$, with $`M`$ the largest magnitude of
$`\alpha`$ on the atoms not chosen yet: it lacks at most $`(2k-1)\mu M+2\varepsilon`$ of $`M`$. If $`\|v\|_2\le r`$ and
$`2r<(1-(2k-1)\mu)\,a`$, OMP stopped at the first residual of length at most $`r`$ takes exactly $`k`$ steps.

*Proof.* With atoms of $`T`$ alone chosen, the residual is $`D_Tc+v`$ with $`c_j=\alpha_j`$ for the atoms not chosen.
Let $`m=\max|c|\ge M\ge a`$. As for thresholding (`thr_success`) the best correlation on $`T`$ is at least
$`m(1-(k-1)\mu)-\varepsilon`$ and all those off $`T`$ are at most $`k\mu m+\varepsilon`$: this is the lead, and it is
positive. The correlations with the chosen atoms are 0, so the next one is new. Before step $`k`$ the residual is at
least as long as its largest correlation, which exceeds $`k\mu m+r\ge r`$; after it the residual is $`(I-P_T)v`$. The
error of least squares on $`T`$ is $`D_T^+v`$, and the eigenvalues of $`D_T^TD_T`$ are at least $`1-(k-1)\mu`$.
$`\square`$

**What is checked.** The pursuit itself, batched (`verify.kit.greedy`), with bounds for the errors of its residuals. A
lead within these errors is a tie: whatever depends on it is undecided, never passed. Within $`T`$ the run takes one
order of the many that the theorem allows. A residual within its error of $`r`$ leaves the number of steps open, so
without noise, where it ends at exactly 0, the stopping rule with $`r=0`$ is undecided.

**Sharp.** The lead is attained at the first step for every $`k`$ on a simplex, with equal entries and the noise
$`-\sum_{j\in T}d_j-d_o`$ that raises one atom $`o`$ off $`T`$; so neither $`2k-1`$ nor the 2 of the noise can be
lowered. On a simplex of odd dimension with $`k=\frac12(1+\frac1\mu)`$ all correlations are equal. The error is
attained for every $`k`$ on a simplex by $`v\propto\sum_{j\in T}d_j`$. The stopping rule has room: what the proof
compares with $`r`$ is one correlation, not the length of the residual.

**The slide** names thresholding and OMP among the pursuits and says that similar theorems exist for other pursuits:
this is one. Contrast does not enter, as it does in `thr_success`. Kind: inequality for every instance, exact support
and number of steps.

**Not covered.** More steps than $`k`$; conditions finer than the coherence.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from theorems.bibliography import DONOHO2006, ELAD2018, OURS, TROPP2004
from theorems.sparse_coding import _instances as instances
from theorems.sparse_coding import _omp as omp
from verify import Claim, Every, Figure, Formula, Source, Theorem, control
from verify.core.arrays import matvec, namespace, norm2, norm_inf, rmatvec, to_numpy
from verify.kit import dictionaries

HALF = Fraction(1, 2)
UNIT, BALL = "unit columns", "|v| <= r"
SPARSE, LOCAL, WHOLE = "k < (1 + 1/mu)/2", "2 epsilon < (1 - (2k - 1) mu) low", "2 r < (1 - (2k - 1) mu) low"
WIDER = "2 epsilon < (1 - (2k - 3) mu) low"
LOST = Formula("(2 * k - 1) * mu * left + 2 * epsilon + delta")
NONE = Formula("0")
ERROR = Formula("size / sqrt(1 - (k - 1) * mu)")


class Params(instances.DictionaryParams):
    """The dictionary and the sparsity."""


FAMILIES = {
    **{f"{name}, random": f"{name}, random support, signs and noise" for name in instances.STANDARD},
    **{f"{name}, victim off": f"{name}, equal entries that lean towards an atom off T" for name in instances.STANDARD},
    **{f"{name}, along T": f"{name}, T leans against one of its atoms, noise along all" for name in instances.STANDARD},
    "simplex, one too many": "one non-zero more than is admitted, equal entries",
    "three atoms": "unit vectors of the space with rational entries, mu = 7/25, often too much noise",
}


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """D (1, n, m); mu (1,); alpha (B, m); v (B, n); radius (B,) = r, where OMP stops."""
    xp = draw.xp
    if family == "three atoms":
        return _three_atoms(draw)
    D, mu = instances.dictionary(draw, p, family)
    n, m = D.shape[-2:]
    k = instances.sparsity(draw, p, mu, HALF)
    if family.endswith("one too many") and not p.k:
        beyond = dictionaries.admitted(float(to_numpy(mu)[0]), HALF) + 1
        k = draw.integers(beyond, beyond + 1)
    if family.endswith("random"):
        alpha, direction = instances.sparse_vector(draw, m, k), draw.sphere(n)
    elif family.endswith("along T"):
        victim, pull = instances.most_correlated(draw, D, k - 1)
        alpha = (victim - pull) * draw.log_uniform(m, low=0.36787944117144233, high=7.38905609893065)
        direction = draw.sign()[:, None] * matvec(D, xp.sign(alpha))
    else:
        victim, pull = instances.most_correlated(draw, D, k)
        alpha = pull * draw.log_uniform(low=0.36787944117144233, high=7.38905609893065)[:, None]
        direction = matvec(D, victim - pull)
    room = (1 - (2 * instances.count(alpha) - 1) * mu) * omp.smallest(alpha) / 2
    allowed = draw.choose((1e-3, 0.5, 0.9, 0.999)) * xp.maximum(room, xp.zeros_like(room))
    # Either the correlations of the noise are what is allowed, or its length is, or r is and the noise is shorter.
    way = draw.choose((0.0, 1.0, 2.0))
    reach = xp.where(way == 0, norm_inf(rmatvec(D, direction)), norm2(direction))
    v = direction * (xp.where(way == 2, 0.1 * allowed, allowed) / reach)[:, None]
    return {"D": D, "mu": mu, "alpha": alpha, "v": v, "radius": xp.where(way == 2, allowed, norm2(v))}


def _three_atoms(draw: Any) -> dict[str, Any]:
    """alpha = (1, 0, 0) or (1, 1, 0) and v = t (-3, -4, 4)/10, whose correlations are -0.3 t, -0.3 t and 0.3 t."""
    free, b, t = draw.coin(), draw.coin(), draw.choose((0.1, 0.2, 1.0, 1.5))
    one, zero = draw.full(1.0), draw.full(0.0)
    v = draw.backend.asarray([[-0.3, -0.4, 0.4]]) * (t * (1 - free * draw.uniform(high=0.1)))[:, None]
    return {
        "D": draw.backend.asarray([[[1.0, -0.28, 0.28], [0.0, 0.96, 0.0], [0.0, 0.0, 0.96]]]),
        "mu": draw.backend.asarray([0.28]),
        "alpha": draw.xp.stack([one, b, zero], axis=-1),
        "v": v,
        "radius": norm2(v) * draw.choose((1.0, 1.0, 0.1)),
    }


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """The conditions multiplied out, beyond rounding and with a margin: k sits on lattice values of 1/mu."""
    xp = namespace(x["alpha"])
    k, mu, low = instances.count(x["alpha"]), x["mu"], omp.smallest(x["alpha"])
    epsilon = norm_inf(rmatvec(x["D"], x["v"]))
    slack = instances.MARGIN * low + 2 * omp.rounding(x)

    def room(less: int, noise: Any) -> Any:
        """Of a vector without non-zeros nothing is said."""
        return xp.where(k > 0, (1 - (2 * k - less) * mu) * low - 2 * noise - slack, -xp.ones_like(k))

    return {
        UNIT: instances.unit_columns(x["D"]),
        SPARSE: 1 + mu - 2 * k * mu - instances.MARGIN,
        LOCAL: room(1, epsilon),
        WHOLE: room(1, x["radius"]),
        WIDER: room(3, epsilon),
        BALL: instances.within(x["v"], x["radius"]),
    }


def solve(p: Params, x: Any) -> dict[str, Any]:
    """The batched pursuit, over as many steps as the longest support of the batch."""
    return omp.measure(x, omp.pursue(x))


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same from one instance: least squares by a factorisation at every step, in a plain loop."""
    return omp.measure(x, omp.plain_path(x))


def exact(p: Params, x: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The pursuit in rationals, for at most eight atoms and no tie between T and the others."""
    from flint import fmpq, fmpq_mat

    from verify.kit import exact as q

    D, alpha, v, mu, radius = (x[name] for name in ("D", "alpha", "v", "mu", "radius"))
    if len(alpha) > 8:
        raise ValueError(f"only for at most eight atoms, not {len(alpha)}")
    atoms = q.transpose(D)
    gram, noise = q.product(atoms, D), q.apply(atoms, v)
    T = [j for j, a in enumerate(alpha) if a]
    k, low = len(T), min((abs(a) for a in alpha if a), default=Fraction(0))
    y = q.plus(q.apply(D, alpha), v)
    chosen: list[int] = []
    fit: dict[int, Fraction] = {}
    rest, leads, left = y, [], []
    for _ in range(k):
        size = [abs(c) for c in q.apply(atoms, rest)]
        on, off = (max((size[j] for j in group), default=Fraction(0)) for group in (T, set(range(len(alpha))) - set(T)))
        if on == off:
            raise ValueError("a tie of an atom of the support with one off it")
        if all(lead > 0 for lead in leads):  # what follows a wrong atom repeats its step
            leads.append(on - off)
            left.append(max((abs(alpha[j]) for j in T if j not in chosen), default=Fraction(0)))
        chosen.append(size.index(max(on, off)))
        G = fmpq_mat([[fmpq(gram[i][j].numerator, gram[i][j].denominator) for j in chosen] for i in chosen])
        right = [q.dot(atoms[i], y) for i in chosen]
        solved = G.solve(fmpq_mat([[fmpq(b.numerator, b.denominator)] for b in right]))
        fit = {j: Fraction(int(solved[i, 0].p), int(solved[i, 0].q)) for i, j in enumerate(chosen)}
        rest = q.plus(y, q.apply(D, [fit.get(j, Fraction(0)) for j in range(len(alpha))]), -1)
    epsilon, square = max(map(abs, noise)), q.dot(v, v)
    coherence = max(abs(gram[i][j]) for i in range(len(alpha)) for j in range(i))
    error = q.plus([fit.get(j, Fraction(0)) for j in range(len(alpha))], alpha, -1)

    def room(less: int, noise: Fraction) -> Fraction | int:
        beyond = (1 - (2 * k - less) * mu) * low - 2 * noise
        return beyond if beyond > 0 and k else -1

    return {
        UNIT: -max(*(abs(gram[j][j] - 1) for j in range(len(alpha))), coherence - mu),
        SPARSE: 1 + mu - 2 * k * mu if 1 + mu > 2 * k * mu else -1,
        LOCAL: room(1, epsilon),
        WHOLE: room(1, radius),
        WIDER: room(3, epsilon),
        BALL: radius**2 - square,
    }, {
        "lost": q.plus(left, leads, -1),
        "left": left,
        "missed": k - len(set(chosen) & set(T)),
        "error": q.norm2(error),
        "k": k,
        "mu": mu,
        "epsilon": epsilon,
        "size": q.norm2(v),
        "delta": 0,
    }


def advise(p: Params, x: Any) -> str:
    """Which k the coherence of the drawn dictionary admits."""
    return instances.admitted_words(p, float(to_numpy(x["mu"])[0]), HALF, f"{SPARSE}, the condition without noise,")


GIVEN = (UNIT, LOCAL)


THEOREM = Theorem(
    "omp_success",
    "Orthogonal matching pursuit finds the support, whatever the contrast",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    exact=exact,
    advise=advise,
    families=FAMILIES,
    shares={name: 0.25 for name in FAMILIES if name.startswith("affine") or name.endswith("too many")},
    instances=8000,
    batch=1024,
    claims=(
        Claim("lead at every step", Every(), "lost", LOST, (UNIT, SPARSE)),
        Claim("the support", Every(), "missed", NONE, GIVEN),
        Claim("number of steps", Every(), "steps", Formula("k"), (UNIT, WHOLE, BALL), relation="=="),
        Claim("error", Every(), "error", ERROR, GIVEN),
        control(
            "noise not in the condition",
            Every(),
            "missed",
            NONE,
            (UNIT, SPARSE),
            "noise that raises an atom off the support and lowers the others",
        ),
        control(
            "one non-zero more",
            Every(),
            "missed",
            NONE,
            (UNIT, WIDER),
            "on the simplex all correlations are equal at the limit and change sides beyond it",
        ),
        control(
            "epsilon for 2 epsilon in the lead",
            Every(),
            "lost",
            LOST.where(epsilon="epsilon / 2"),
            (UNIT, SPARSE),
            "noise moves both correlations of the comparison",
        ),
        control(
            "1 + (k - 1) mu in the error",
            Every(),
            "error",
            Formula("size / sqrt(1 + (k - 1) * mu)"),
            GIVEN,
            "atoms that lean against each other have a small singular value, not a large one",
        ),
    ),
    sources=(
        Source(TROPP2004, "recovery under the coherence", "from memory; proved on this page"),
        Source(DONOHO2006, "Theorem 5.1, OMP with noise", "from memory; proved on this page"),
        Source(ELAD2018, "slides 'Pursuit Algorithms', 'Basis-Pursuit Success'", "OMP named, without a theorem"),
        Source(OURS, "the lead with the noise measured by correlations, above"),
    ),
    symbols={
        "lost": (
            r"M-\max_{j\in T}|d_j^Tr|+\max_{j\notin T}|d_j^Tr|",
            "what the lead of the support lacks of M before a step; behind a wrong atom, that of its step",
        ),
        "left": ("M", "largest magnitude of the true vector on the atoms not chosen yet"),
        "missed": (r"\lvert T\setminus\hat T\rvert", "atoms of the support not among the first k chosen"),
        "steps": (r"\#\mathrm{steps}", "steps until the residual is at most r"),
        "error": (r"\lVert\hat\alpha-\alpha\rVert", "error after k steps, beyond rounding"),
        "k": ("k", "non-zeros of the true vector"),
        "mu": (r"\mu", "mutual coherence"),
        "epsilon": (r"\varepsilon", "largest correlation of the noise with an atom"),
        "size": (r"\lVert v\rVert", "length of the noise"),
        "delta": (r"\delta", "rounding of two correlations"),
    },
    figures=(
        Figure(
            "lead",
            "ratio",
            ("lead at every step", "error"),
            "What the lead lacks, and the error, over their bounds against the sparsity: both are attained at every k.",
            x="non-zeros k",
            y="measured / bound",
            against="k",
        ),
        Figure(
            "error",
            "cloud",
            ("error",),
            "Error after k steps against its bound: noise along T attains it.",
            x="bound",
            y="error",
        ),
    ),
    invariances={
        "negate atoms": instances.flip_signs,
        "permute atoms": instances.permute_atoms,
        "rescale": instances.rescale,
    },
    repair=instances.repair,
    survivors={
        "the support: the relation turned round": "a number of missed atoms is never negative",
        "error: mu dropped from (k - 1) * mu": "the claim for k = 1, and no number beyond",
    },
    not_tested=("dictionaries larger than 64 by 576 in the default run",),
)
