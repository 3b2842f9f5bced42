r"""The norm-based bound of Neyshabur, Tomioka and Srebro, its exponent, and which norm it takes.

Networks $`f(x)=W_d\sigma(W_{d-1}\cdots\sigma(W_1x))`$ have $`d`$ weight layers, no biases, any widths, one output, and
$`\sigma(t)=\max(t,0)`$. Let $`\lVert\cdot\rVert_F`$ be the Frobenius norm, $`\xi_i`$ independent signs, and
$`\lVert x_i\rVert\le B`$.

**Theorem.** Over all networks with $`\prod_l\lVert W_l\rVert_F\le\gamma`$,

```math
\hat{\mathcal R}=\mathbb E_\xi\sup_f\frac1m\Bigl|\sum_i\xi_if(x_i)\Bigr|
\le\frac{2^{d-1}\gamma}m\Bigl(\sum_i\lVert x_i\rVert^2\Bigr)^{1/2}\le\frac{2^{d-1}\gamma B}{\sqrt m}.
```

*Proof.* $`\lVert\sum_i\xi_i\sigma(W\phi_i)\rVert^2=\sum_k\lVert w_k\rVert^2(\sum_i\xi_i\sigma(\hat w_k\cdot\phi_i))^2
\le\lVert W\rVert_F^2\sup_{\hat w}(\sum_i\xi_i\sigma(\hat w\cdot\phi_i))^2`$ with unit vectors $`\hat w`$, because
$`\sigma`$ is positively homogeneous. By the contraction principle of Ledoux and Talagrand, with magnitudes inside and
so with a factor 2, $`\mathbb E\sup|\sum\xi_i\sigma(\hat w\cdot\phi_i)|\le
2\,\mathbb E\sup|\sum\xi_i\hat w\cdot\phi_i|\le2\,\mathbb E\sup\lVert\sum\xi_i\phi_i\rVert`$. There are $`d-1`$
activations; last, $`\mathbb E\lVert\sum\xi_ix_i\rVert\le(\sum\lVert x_i\rVert^2)^{1/2}`$. $`\square`$

*From there to the generalisation error.* For a loss with values in $`[0,1]`$ that is $`\rho`$-Lipschitz in $`f`$, with
probability $`1-\delta`$ over a sample of size $`m`$, for all $`f`$ at once the expected loss exceeds the mean loss by
at most $`2\rho\,\mathbb E\hat{\mathcal R}+\sqrt{\ln(1/\delta)/2m}`$.

**Two layers, exactly.** For $`d=2`$ the supremum is $`\sup_{\lVert w\rVert=1}|\sum_i\xi_i\sigma(w\cdot x_i)|`$. In the
plane it is found among finitely many directions, in more dimensions enclosed by minimax (`verify.kit.rademacher`). For
more layers it lies between what a search finds and the larger of $`\sum\lVert x_i\rVert`$ over the signs 1 and over the
signs -1. The mean of that is at most $`(m+\sqrt m)B/2`$: while $`\sqrt m\le2^d-1`$ the theorem says nothing that is not
obvious, and for six layers that is as long as $`m<4000`$.

**Sharp?** For one point the complexity is $`\gamma\lVert x\rVert`$ at every depth. Nothing larger than
$`\gamma(\sum\lVert x_i\rVert^2)^{1/2}`$ was found, so the exponential factor may be due to the proof alone. A
smaller one is proved on the page `ge_size_free`: $`\min\{1.21^{d-1},1+\sqrt{\ln2\,(d-1)}\}`$. The mean of
the square does exceed $`\gamma^2\sum\lVert x_i\rVert^2`$: for the points $`(1,0)`$, $`(0,1)`$, $`(1,1)`$, two layers
and $`\gamma=1`$ it is 4.125, and the sum of squares is 4.

**What the slides say.** Twice under the same title: $`\mathrm{GE}\le\frac1{\sqrt L}2^K\lVert w\rVert_2\prod_i\lVert X^i
\rVert_{2,2}`$, and the same with $`2^{K-1}`$ and $`\lVert X^i\rVert_F`$; $`L`$ is the size of the sample.

(a) In the paper $`\lVert\cdot\rVert_{2,2}`$ is the Frobenius norm, and the norms are the same. With $`K`$ hidden layers
$`X^1,\dots,X^K`$ and then $`w`$ the theorem, $`d=K+1`$, gives $`2^K`$, the first slide; $`2^{K-1}`$ is right when $`w`$
is the $`K`$-th layer. Whether $`2^{K-1}`$ can fail with $`K`$ hidden layers is open; at $`K=1`$ it was never seen to.

(b) Read as the operator norm, $`\lVert X\rVert_{2\to2}`$, the first form fails. For 600 points of signs in 80
dimensions a matrix made for the signs $`\xi`$ has $`\lVert W\rVert_2\le1`$, checked in whole numbers, and
$`\lVert\sum\xi_i\sigma(Wx_i)\rVert`$ beyond $`2(\sum\lVert x_i\rVert^2)^{1/2}`$, on average over $`\xi`$. What was
found grows like $`\sqrt D`$: $`D`$ orthogonal directions can each follow the signs about as well as one.

(c) The slides define GE by the classification error. For that the formula is false: $`w\to cw`$ changes no prediction
and sends the right side to 0. What is missing is a loss that is Lipschitz in $`f`$, such as a margin loss, besides
$`B`$, a factor 2, and the probability.

Kind: expectations over the signs, by going through all of them, or as means over drawn ones.

**Not covered.** Other group norms; biases (add a coordinate 1 to the data); vector outputs.
"""

from __future__ import annotations

from typing import Any

from theorems.bibliography import GIRYES2019, LEDOUX1991, NEYSHABUR2015, OURS
from theorems.generalization import _rademacher as instances
from theorems.generalization._rademacher import Params
from verify import Claim, Every, Figure, Formula, Mean, Sharper, Source, Theorem, control, misreading
from verify.core.arrays import dot, namespace, norm2

NETWORK, GIVEN = "a scaled network", "a classifier is given"
ALL, DRAWN, TWO, SHORT_NORM = instances.ALL, instances.DRAWN, instances.TWO, instances.SHORT_NORM
BOUND = Formula("2**(d - 1) * S + tau")
BY_RADIUS = "at most 2^(d-1) B sqrt(m)"
LEAST = Formula(f"{instances.LEAST} * S")
THEOREM_1 = Source(NEYSHABUR2015, "Theorem 1", "from memory; proved on this page")
FIRST = Source(GIRYES2019, "the first of two slides with a norm-based GE bound, with 2^K and |X|_{2,2}")
SECOND = Source(GIRYES2019, "the second of two slides with a norm-based GE bound, with 2^{K-1} and |X|_F")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """Points x (B, m, D), signs or labels xi (B, m), depth d and width (B,), a network W (B, h, D) and w (B, h), all 0
    where there is none, and counts (B, m) of the points in a sample."""
    if family == NETWORK:
        return _network(draw)
    return instances.points(draw, p, family)


def _network(draw: Any) -> dict[str, Any]:
    """Four equally likely points e_k with labels, a sample of three, and c times a network that knows its labels and
    says 1 elsewhere. By hand: labels 1, 1, -1, -1 and the sample e_1, e_2, e_1."""
    xp, by_hand = draw.xp, draw.coin()[:, None]
    labels = by_hand * draw.backend.asarray([[1.0, 1.0, -1.0, -1.0]]) + (1 - by_hand) * draw.sign(4)
    picked = draw.integers(0, 4, 3)
    hits = picked[:, :, None] == xp.arange(4, device=draw.backend.device)[None, None, :]
    count = xp.sum(xp.astype(hits, draw.backend.float), axis=1)
    count = by_hand * draw.backend.asarray([[2.0, 1.0, 0.0, 0.0]]) + (1 - by_hand) * count
    known = xp.where(count > 0, labels, xp.ones_like(labels))
    c = draw.choose((0.125, 0.0625))
    x = xp.eye(4, dtype=draw.backend.float, device=draw.backend.device)[None, :, :] + draw.full(0.0, 4, 4)
    W = c[:, None, None] * x
    return instances.instance(draw, x, 2.0, xi=labels, W=W, w=c[:, None] * known, count=count)


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """What the complexity needs, and whether there is a classifier."""
    xp = namespace(x["d"])
    yes = xp.ones_like(x["d"])
    return {**instances.hypotheses(x), GIVEN: xp.where(dot(x["w"], x["w"]) > 0, yes, -yes)}


def _quantities(x: Any, measured: dict[str, Any], outputs: Any) -> dict[str, Any]:
    """The named quantities from the measured ones and the outputs of the network at the points, (B, m)."""
    xp = namespace(x["d"])
    wrong = xp.astype(x["xi"] * outputs <= 0, x["d"].dtype)
    L = xp.sum(x["count"], axis=-1)
    error, training = xp.mean(wrong, axis=-1), dot(x["count"], wrong) / L
    return {
        **instances.sizes(x),
        **measured,
        "gap": xp.abs(error - training),
        "L": L,
        "w_norm": norm2(x["w"]),
        "X_norm": xp.sqrt(xp.sum(x["W"] ** 2, axis=(-2, -1))),
    }


def solve(p: Params, x: Any) -> dict[str, Any]:
    """All signs at once."""
    xp = namespace(x["d"])
    z = xp.matmul(x["x"], xp.matrix_transpose(x["W"]))
    outputs = xp.matmul(xp.maximum(z, xp.zeros_like(z)), x["w"][..., None])[..., 0]
    return _quantities(x, instances.measure(x), outputs)


def reference(p: Params, x: Any) -> dict[str, Any]:
    """One sign vector after the other."""
    import numpy as np

    outputs = [[float(x["w"][0] @ np.maximum(x["W"][0] @ point, 0)) for point in x["x"][0]]]
    return _quantities(x, instances.measure_reference(x), np.asarray(outputs))


THEOREM = Theorem(
    "ge_norm",
    "Norm-based capacity of ReLU networks: 2^(d-1) times the product of Frobenius norms",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    families={
        **instances.FAMILIES,
        instances.TRIPLE: "(1,0), (0,1) and (1,1), or near: where the mean square exceeds the sum of squares",
        NETWORK: "classifiers that know the labels of a sample, and are scaled down",
    },
    shares=instances.SHARES,
    instances=1200,
    batch=64,
    claims=(
        Claim("at most 2^(d-1) S", Every(), "complexity", BOUND, (ALL,)),
        Claim(BY_RADIUS, Every(), "complexity", Formula("2**(d - 1) * B * sqrt(m) + tau"), (ALL,)),
        Claim("two layers, many points", Mean(), "drawn", BOUND, (DRAWN,)),
        Claim(
            "slide 1: 2^K for K hidden layers and w",
            Every(),
            "complexity",
            BOUND,
            (ALL,),
            origin="giryes2019",
            source=FIRST,
        ),
        Claim(
            "slide 2: 2^(K-1) for one hidden layer and w (open)",
            Every(),
            "complexity",
            Formula("S + tau"),
            (ALL, TWO),
            origin="giryes2019",
            source=SECOND,
        ),
        Claim(
            "slide 2: many points (open)",
            Mean(),
            "drawn",
            Formula("S + tau"),
            (DRAWN,),
            origin="giryes2019",
            source=SECOND,
        ),
        misreading(
            "slide 1: the operator norm",
            Mean(),
            "followed",
            Formula("2 * S + tau"),
            (SHORT_NORM,),
            source=FIRST,
            grade="loose",
            reading="|X|_{2,2} is the operator norm of X as a map from l2 to l2; here K = 1, both norms are 1",
            because="D orthogonal rows can each follow the signs as well as one unit row: the sum grows like sqrt(D)",
            holds_when="|X|_{2,2} is the group norm of the paper, which is the Frobenius norm",
        ),
        misreading(
            "slides: the classification error",
            Every(),
            "gap",
            Formula("2 * w_norm * X_norm / sqrt(L)"),
            (GIVEN,),
            source=FIRST,
            grade="incomplete",
            reading="the difference of the two classification errors is at most 2^K |w| prod |X| / sqrt(L)",
            because="scaling the weights down changes no prediction, and sends the right side to 0",
            holds_when="GE is that of a loss which is Lipschitz in f, such as a margin loss, with twice its Lipschitz "
            "constant, the radius of the data and a term for the confidence",
        ),
        control(
            "0.9 in place of 2^(d-1)",
            Every(),
            "complexity",
            Formula("0.9 * S + tau"),
            (ALL,),
            "for one point the complexity is its length",
        ),
        control(
            "rate 1/m",
            Every(),
            "complexity",
            Formula("2**(d - 1) * B + tau"),
            (ALL,),
            "the sum of m signs is of size sqrt(m)",
        ),
        control(
            "Frobenius norm over sqrt(width)",
            Every(),
            "complexity",
            Formula("2**(d - 1) * S / sqrt(width) + tau"),
            (ALL,),
            "one neuron of a layer can have all its norm",
        ),
        control(
            "the mean square at most S^2",
            Every(),
            "rms",
            Formula("S + tau"),
            (ALL, TWO),
            "three points of the plane suffice; the conjecture for the mean does not come from its square",
        ),
        control(
            "many points: half of S",
            Mean(),
            "drawn",
            Formula("S / 2"),
            (DRAWN,),
            "about 0.8 S is found",
        ),
    ),
    sources=(
        THEOREM_1,
        FIRST,
        SECOND,
        Source(LEDOUX1991, "Theorem 4.12", "the contraction principle; from memory"),
        Source(OURS, "exact suprema, and the counterexamples, above"),
    ),
    symbols={
        **instances.SYMBOLS,
        "gap": (r"\lvert\mathrm{GE}\rvert", "difference of the classification errors on all points and on the sample"),
        "L": ("L", "size of the sample"),
        "w_norm": (r"\lVert w\rVert", "norm of the last layer"),
        "X_norm": (r"\lVert X\rVert_F", "Frobenius norm of the first layer"),
    },
    figures=(
        Figure(
            "complexity",
            "cloud",
            ("slide 2: 2^(K-1) for one hidden layer and w (open)", "at most 2^(d-1) S"),
            "Complexity against the bound and, for two layers, against the conjectured one: a single point is on the "
            "diagonal, a dominating one near it.",
            x="bound",
            y="complexity",
        ),
        Figure(
            "depth",
            "ratio",
            ("at most 2^(d-1) S",),
            "Complexity, as far as it was found, over the bound: it halves with each layer.",
            x="weight layers d",
            y="measured / bound",
            against="d",
        ),
    ),
    sharper=(
        *(Sharper(c, instances.BOTH, LEAST) for c in ("at most 2^(d-1) S", "two layers*", "slide 1: 2^K for*")),
        Sharper(BY_RADIUS, instances.BOTH, Formula(f"{instances.LEAST} * B * sqrt(m)")),
        Sharper(BY_RADIUS, "no network exceeds |x| at x, so that the complexity is at most m B", Formula("m * B")),
    ),
    unsettled={
        **{
            f"{claim}: 2 ** (d - 1) dropped from*": instances.OPEN
            for claim in ("at most 2^(d-1) S", BY_RADIUS, "slide 1: 2^K for*")
        },
        f"slide 2: 2^(K-1) for one hidden layer*: without {TWO!r}": instances.OPEN,
    },
    fixed=instances.FIXED,
    invariances={"reflect": instances.rotate},
    not_tested=("more than two layers, beyond what a search finds", "more than 40 points"),
)
