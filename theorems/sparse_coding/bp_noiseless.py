r"""Without noise basis pursuit recovers every sufficiently sparse vector exactly.

Let $`D`$ have unit columns and mutual coherence $`\mu`$, and let $`\alpha`$ have $`k`$ non-zeros with support $`T`$ and
signs $`s`$. Write $`G_T=D_T^TD_T`$.

**Theorem.** If $`k<\frac12\big(1+\frac1\mu\big)`$, then $`\alpha`$ is the only minimiser of $`\|a\|_1`$ subject to
$`Da=D\alpha`$. More precisely

```math
\big\|D_{T^c}^TD_TG_T^{-1}s\big\|_\infty\le\kappa:=\frac{k\mu}{1-(k-1)\mu}<1 .
```

*Proof.* $`\|G_T^{-1}\|_{1\to1}\le1/(1-(k-1)\mu)`$ by the Neumann series, and $`D_T^Td_j`$ has $`k`$ entries of size at
most $`\mu`$; this is the inequality. If $`G_T\succ0`$ and the left side is below 1, $`\nu=D_TG_T^{-1}s`$ is a dual
certificate: any other feasible $`a`$ has
$`\|a\|_1>\nu^TDa=\nu^TD\alpha=\|\alpha\|_1`$ (strictly, as it has an entry off $`T`$). $`\square`$

**What is checked.** The certificate's value against $`\kappa`$, with the rounding $`\delta`$ of a $`k`$ by $`k`$
solve; and the recovery itself: the solver's point is compared with the bound that `bp_stability_sharp` gives at
$`\varepsilon=0`$ for its measured excess $`\tau`$ of the 1-norm and residual $`\eta`$ (zero for an exact solution),

```math
\|\bar a-\alpha\|\le\sqrt{\frac{\eta^2+\mu(2\sqrt kP+\tau)^2}{1+\mu}},\qquad
P=\frac{\eta\sqrt{1-(k-1)\mu}+\mu\sqrt k\,\tau}{1-(2k-1)\mu} .
```

**Sharp.** $`\kappa`$ is attained on the conference frame and on the simplex, with the support made of the atoms most
correlated with a victim atom and signs to match. At $`k=\frac12(1+\frac1\mu)`$ on a simplex of odd dimension two
different vectors with $`k`$ non-zeros have the same image and the same 1-norm. Kind: inequality for every instance.

**The slide** says $`\hat\alpha=\alpha`$ at $`\varepsilon=0`$ under $`k<\frac14(1+\frac1\mu)`$: true, and half of what
holds.

**Not covered.** Which $`k`$ a particular dictionary really admits (Dirac and Hadamard bases admit more); average-case
recovery.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from theorems.bibliography import DONOHO2003, ELAD2018, FUCHS2004, GRIBONVAL2003
from theorems.sparse_coding import _instances as instances
from verify import Claim, Every, Figure, Formula, Source, Theorem, control
from verify.core.arrays import eps, namespace, to_numpy
from verify.kit import basis_pursuit as bp

HALF = Fraction(1, 2)
SPARSE, SPARSER, UNIT = "k < (1 + 1/mu)/2", "k < (1 + 1/mu)/4", "unit columns"
KAPPA = Formula("k * mu / (1 - (k - 1)*mu) + delta")
_P = "((eta * sqrt(1 - (k - 1)*mu) + mu * sqrt(k) * tau) / (1 - (2*k - 1)*mu))"
RECOVERY = Formula(f"sqrt((eta**2 + mu * (2 * sqrt(k) * {_P} + tau)**2) / (1 + mu))")
SLIDE = Source(ELAD2018, "slide 'Basis-Pursuit Success', comment on epsilon = 0")


class Params(instances.SolverParams):
    """The dictionary, the sparsity and the solver's effort."""


FAMILIES = {
    **{f"{name}, random support": f"{name}, random support and signs" for name in instances.STANDARD},
    **{f"{name}, worst support": f"{name}, the atoms most correlated with a victim" for name in instances.STANDARD},
    "simplex, too many": "more non-zeros than the theorem admits",
}


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """D (1, n, m); mu (1,); alpha (B, m); no noise: v (B, n) = 0 and radius (B,) = 0."""
    D, mu = instances.dictionary(draw, p, family)
    n, m = D.shape[-2:]
    k = instances.sparsity(draw, p, mu, HALF)
    if family.endswith("too many") and not p.k:
        k = draw.integers(m // 2 + 2, m - 1)
    if family.endswith("random support"):
        alpha = instances.sparse_vector(draw, m, k)
    else:
        _, pull = instances.most_correlated(draw, D, k)
        alpha = pull * draw.log_uniform(m, low=0.36787944117144233, high=7.38905609893065)
    zero = draw.full(0.0)
    return {"D": D, "mu": mu, "alpha": alpha, "v": draw.full(0.0, n), "radius": zero}


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """The sparsity conditions multiplied out, with a margin."""
    k = instances.count(x["alpha"])
    return {
        SPARSE: 1 + x["mu"] - 2 * k * x["mu"] - instances.MARGIN,
        SPARSER: 1 + x["mu"] - 4 * k * x["mu"] - instances.MARGIN,
        UNIT: instances.unit_columns(x["D"]),
    }


def _certified(x: Any, measured: dict[str, Any]) -> dict[str, Any]:
    """The certificate's value beside what was measured of a solution; a miss within rounding is none."""
    xp = namespace(x["alpha"])
    signs = xp.sign(x["alpha"])
    support, mask = bp.padded_support(signs)
    found = bp.noiseless_certificate(x["D"], support, mask, xp.take_along_axis(signs, support, axis=-1))
    n = x["D"].shape[-2]
    delta = 16 * (n + support.shape[-1]) * eps(signs) * found.condition
    return {**_missed(measured), "certificate": found.value, "delta": delta}


def _missed(measured: dict[str, Any]) -> dict[str, Any]:
    """``miss``: how far the solution is from alpha, beyond the rounding of a solution that is exactly alpha."""
    xp = namespace(measured["error"])
    beyond = measured["error"] - measured["delta"]
    return {**measured, "miss": xp.where(beyond < 0, xp.zeros_like(beyond), beyond)}


def solve(p: Params, x: Any) -> dict[str, Any]:
    """The certificate by a k by k solve, and the solution by the batched solver."""
    return _certified(x, instances.solve(p, x))


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same from one instance: least squares for the certificate, CVXPY for the solution."""
    import numpy as np

    D, alpha = x["D"][0], x["alpha"][0]
    T = np.flatnonzero(alpha)
    nu = np.linalg.lstsq(D[:, T].T, np.sign(alpha[T]), rcond=None)[0]
    off = np.delete(np.abs(D.T @ nu), T)
    condition = np.linalg.cond(D[:, T]) ** 2
    exact = condition < 1e12  # otherwise the atoms are dependent and there is no such certificate
    return {
        **_missed(instances.reference(p, x)),
        "certificate": np.asarray([off.max(initial=0.0) if exact else np.nan]),
        "delta": np.asarray([16 * D.shape[0] * eps(D) * condition]),
    }


def advise(p: Params, x: Any) -> str:
    """Which k the coherence of the drawn dictionary admits."""
    return instances.admitted_words(p, float(to_numpy(x["mu"])[0]), HALF, SPARSE)


THEOREM = Theorem(
    "bp_noiseless",
    "Without noise basis pursuit recovers sparse vectors exactly",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    advise=advise,
    fixed=instances.EFFORT,
    families=FAMILIES,
    shares={name: 0.25 for name in FAMILIES if name.startswith("affine")} | {"simplex, too many": 0.5},
    instances=6000,
    claims=(
        Claim("certificate at most kappa", Every(), "certificate", KAPPA, (SPARSE, UNIT)),
        Claim("exact recovery", Every(), "miss", RECOVERY, (SPARSE, UNIT)),
        Claim(
            "slide: exact recovery",
            Every(),
            "miss",
            RECOVERY,
            (SPARSER, UNIT),
            origin="elad2018",
            source=SLIDE,
        ),
        control(
            "k - 1 in place of k in kappa",
            Every(),
            "certificate",
            Formula("(k - 1) * mu / (1 - (k - 1)*mu) + delta"),
            (SPARSE, UNIT),
            "kappa is attained on equiangular frames",
        ),
        control(
            "certificate below 1 for every k",
            Every(),
            "certificate",
            Formula("1 + delta"),
            (UNIT,),
            "beyond (1 + 1/mu)/2 the simplex has sparser representations of the same signal",
        ),
    ),
    sources=(
        Source(DONOHO2003, "uniqueness and equivalence", "from memory; proved on this page"),
        Source(GRIBONVAL2003, "equivalence for k < (1 + 1/mu)/2", "from memory; proved on this page"),
        Source(FUCHS2004, "the dual certificate", "from memory; proved on this page"),
        SLIDE,
    ),
    symbols={
        "certificate": (r"\lVert D_{T^c}^TD_TG_T^{-1}s\rVert_\infty", "value of the dual certificate off the support"),
        "miss": (
            r"(\lVert\bar a-\alpha\rVert-\delta)_+",
            "distance of the solution from the true vector, beyond rounding",
        ),
        "mu": (r"\mu", "mutual coherence"),
        "k": ("k", "non-zeros of the true vector"),
        "tau": (r"\tau", "excess of the computed 1-norm, with its rounding"),
        "eta": (r"\eta", "the computed residual, with its rounding"),
        "delta": (r"\delta", "rounding of the certificate"),
    },
    figures=(
        Figure(
            "certificate",
            "ratio",
            ("certificate at most kappa",),
            "The certificate's value over kappa against the sparsity: equiangular frames attain it.",
            x="non-zeros k",
            y="certificate / kappa",
            against="k",
        ),
    ),
    invariances={"negate atoms": instances.flip_signs, "permute atoms": instances.permute_atoms},
    not_tested=("dictionaries larger than 64 by 576 in the default run",),
)
