r"""Large input margins generalise: the margin bound, with its constant, its classes and its confidence.

Points $`(x,y)`$ with labels in a set of $`N_{\mathcal Y}`$ classes are drawn from a law whose $`x`$ lie in a metric
space $`\Upsilon`$. From $`L`$ independent points, the training set, any algorithm makes a classifier $`g`$. The
*margin* of a training point $`(x_i,y_i)`$ is the distance from $`x_i`$ to the nearest point, of $`\Upsilon`$ or of a
space around it, that $`g`$ does not put into $`y_i`$. Let $`\gamma>0`$ be *fixed before the data*,
$`N=N_{\gamma/2}(\Upsilon)`$ the smallest number of balls of radius $`\gamma/2`$ that cover $`\Upsilon`$,
$`K=N_{\mathcal Y}N`$, and $`H`$ the event that every training margin is larger than $`\gamma`$.
$`\mathrm{GE}=\lvert\ell_{test}-\ell_{train}\rvert`$, with the share of errors for $`\ell`$.

**Theorem.** Cut $`\Upsilon`$ into $`N`$ cells, each in a ball; a *pair* is a cell with a label, and $`\mu_p`$ its
probability. On $`H`$ there is no training error, and $`\mathrm{GE}`$ is at most the probability of the pairs that no
training point visited. Hence

```math
\begin{aligned}
(1)\quad&P\bigl(H\text{ and }\mathrm{GE}\ge t\bigr)\le2^Ke^{-2Lt^2}\ \text{ for every }t,\qquad\text{so}\quad
\mathrm{GE}\le\tfrac12\sqrt{\tfrac{2K\ln2+2\ln(1/\delta)}L}\ \text{ on }H\text{, with probability}\ge1-\delta;\\
(2)\quad&P\bigl(H\text{ and }\mathrm{GE}>\sqrt{K/L}\bigr)\le(2e^{-2})^K;\\
(3)\quad&E[\mathrm{GE};H]\le\tfrac12\sqrt{(K-1)/L};\\
(4)\quad&E[\mathrm{GE};H]\le\textstyle\sum_p\mu_p(1-\mu_p)^L\le\frac K{eL}.
\end{aligned}
```

*Proof.* Two points of a cell are at most $`\gamma`$ apart. On $`H`$ the cell of a training point $`(x_i,y_i)`$ lies
within its margin, so $`g=y_i`$ on all of it, and no point of its pair is an error. What is left is the missing mass
$`\sum_p\mu_p[n_p=0]\le\sum_p(\mu_p-\frac{n_p}L)_+=\frac12S`$, $`S=\sum_p\lvert\mu_p-\frac{n_p}L\rvert`$. (1) is the
inequality of Bretagnolle, Huber and Carol (page `bhc_multinomial`) at $`\lambda=2t`$, (2) is (1) at $`t^2=K/L`$. (3)
$`E\lvert\mu_p-\frac{n_p}L\rvert\le\sqrt{\mu_p(1-\mu_p)/L}`$, and $`\sum_p\sqrt{\mu_p(1-\mu_p)}\le\sqrt{K-1}`$. (4) The
mean of $`[n_p=0]`$ is $`(1-\mu_p)^L`$, and $`\mu(1-\mu)^L\le\frac1{L+1}(\frac L{L+1})^L\le\frac1{eL}`$. $`\square`$

The paper has $`\sqrt{2K\ln2/L}+\sqrt{2\ln(1/\delta)/L}`$, more than twice (1). Where $`\gamma`$ is chosen after the
data from a grid of $`G`$ values that was fixed before, $`\delta/G`$ takes the place of $`\delta`$. The smallest margin
seen must not be used for $`\gamma`$ without that.

**What the slides say.** If every training margin is larger than $`\gamma`$, then $`\mathrm{GE}\le\sqrt{N/L}`$ (Theorem
6). The constant $`2\ln2`$, the number of classes and the confidence are left out, as slides do; read as "up to a
constant, the classes and a confidence term" it is the theorem. As printed:

- With $`\mathrm{GE}=\ell_{training}-\ell_{test}`$, the slides' own sign, it has no content: on $`H`$ this is
  $`-\ell_{test}\le0`$.
- With $`\lvert\mathrm{GE}\rvert`$ it is false. Four equally likely points in one ball, with four labels, and $`L=2`$:
  with probability $`\frac14`$ both training points are the same, a constant classifier has infinite margins, and
  $`\mathrm{GE}=\frac34>\sqrt{1/2}`$. Given $`H`$ this is what *always* happens.
- With two classes it is right as printed, up to the certainty: $`K=2N`$, so by (1) it fails on $`H`$ with probability
  at most $`(2/e)^{2N}`$, which is below 0.05 from $`N=5`$ on; one ball, $`L=4`$ and the masses 0.51 and 0.49 have
  0.058. From three classes on, (1) says nothing at $`t=\sqrt{N/L}`$.

"The bound is independent of the depth": there is no depth in the formula, and networks of any depth obey it. But
$`\gamma`$ has to be known. Where it is bounded from below by the output margin over a product of the norms of all
layers (`input_margin`), the depth comes back through the product.

**How it is checked.** *Finite spaces*: six points or fewer on a line, where balls are intervals of length $`\gamma`$,
with whole coordinates and weights, and a learner that depends on the set of the training points only. The probability
of every such set is a whole number over $`W^L`$, by inclusion and exclusion, so all probabilities and means are
*exact*: one instance is one law, and a violation is one that can be checked by hand. Learners: the nearest neighbour;
the label seen in the cell; the *worst* one, which is wrong wherever $`H`$ lets it be. *Draws*: ReLU networks trained on
points of every second side of the regular polygon with 12 corners on the unit circle, with labels that alternate; their
margins, in the plane, are certified by walks over their linear regions (`input_margin`). And the nearest neighbour on
the same six sides, laid along a line with gaps of the same length. The error is the length of what is classified
wrongly, which is exact because networks are piecewise affine along sides; a ball covers a piece of length $`\gamma`$ of
one side at most, so $`N`$ is exact as well.

**Sharp.** In (4) the first inequality is attained, by the worst learner on cells that are more than $`\gamma`$ apart.
(1) to (3) are not: of the order $`1/\sqrt L`$ nothing is left in (4), which decays like $`1/L`$. Let $`U`$ be the
missing mass, which bounds $`\mathrm{GE}`$ on $`H`$. Whoever misses a set $`A`$ of pairs, of $`2^K-2`$, misses it with
probability $`(1-\mu(A))^L`$; so, and by the constant $`\sqrt e`$ of `bhc_multinomial`,

```math
P(U\ge t)\le(2^K-2)(1-t)^L,\qquad P(U\ge t)\le\sqrt e\,(2^{K-1}-1)\,e^{-2Lt^2} ,
```

the first of which is below $`2^Ke^{-2Lt^2}`$ for every $`t`$, as $`(1-t)e^{2t^2}`$ falls from 1. Of a set and its
complement one at most has a mass above $`\frac12`$, so for $`t>\frac12`$ there are $`2^{K-1}`$ sets at most; for
$`t\le\frac12`$ the first bound is below $`2^{K-1}e^{-2Lt^2}`$, or that is at least 1. McAllester and Ortiz have
$`P(U\ge EU+t)\le e^{-Lt^2}`$. And $`EU\le(1-\frac1k)^L`$ for $`k=\max(K,L+1)`$, since $`\mu(1-\mu)^L`$ lies below its
tangent at $`\frac1k\le\frac1{L+1}`$. What says no more than these is true.

Kind: exact probabilities and means for finite spaces; probabilities and means over the training set for the draws.

**Not covered.** Covering numbers of manifolds, $`N_{\gamma/2}\le(2C/\gamma)^k`$: see `covering_manifold`; data of many
dimensions, where $`N`$ is astronomical and the bound is larger than 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import combinations_with_replacement
from typing import Any

from pydantic import Field

from theorems.bibliography import GIRYES2019, MCALLESTER2003, OURS, SOKOLIC2017, XU2012
from theorems.expressivity import _networks as networks
from theorems.generalization import _classifiers as classifiers
from verify import (
    Claim,
    Count,
    Enclosure,
    Every,
    Figure,
    Formula,
    Mean,
    Parameters,
    Probability,
    Sharper,
    Source,
    Theorem,
    control,
    misreading,
)
from verify.core.arrays import device, eps, namespace, to_numpy
from verify.kit.relu import Network

SLIDE = Source(GIRYES2019, "slide 'DNN input margin', Theorem 6")
PAPER = Source(SOKOLIC2017, "the margin bound by covering numbers", "from memory; proved on this page")
SPACE, DRAWN, TRAINED = "finite space", "drawn training set", "a network"
FOUR, TWO = "four labels in one ball, L = 2", "two classes"
ENOUGH = "N >= 5, where (2/e)^(2N) <= 0.05"
NEAREST, CELLS, WORST = 0, 1, 2  # the learners of the finite spaces
FAR = 10**6  # stands for an infinite margin in a finite space

DELTA = 0.05
GRID = (0.05, 0.1, 0.2)  # the values of gamma, and the one that is used alone
GAMMA = 1
PARTS = 6  # intervals, or sides of the polygon
SIDE = 2 * math.sin(math.pi / (2 * PARTS))
SIZES = (8, 16, 32, 64, 128, 256, 512, 1024)
TRAINING_SIZES = (8, 16, 32)
WIDTHS = {"trained, one hidden layer": (16,), "trained, three hidden layers": (8, 8, 8)}
INTERVALS = "nearest neighbour on intervals"
FAR_CELLS = 400
FAR_DRAWS = {"far cells, 400 draws": 400, "far cells, 100 draws": 100}
LABELS = "eight labels in a ball"


class Params(Parameters):
    """The sizes of the random finite spaces, and how networks are trained."""

    points: int = Field(6, ge=2, le=8, description="points of a random finite space")
    most: int = Field(6, ge=1, le=8, description="largest training set of a finite space")
    steps: int = Field(200, ge=1, le=10_000, description="steps of training")


# ------------------------------------------------------------------------------------------------- instances


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """Finite spaces: places (B, P) rising, labels (B, P), gamma, size L, classes and learner (B,), all int64, and
    weights (B, P), floats that hold whole numbers. Draws: side (B, M) int64 and u (B, M) in [0, 1), the places on
    the sides, of which the first L are drawn and the rest repeat them, and size; for networks also W1, b1, ..., V,
    c. Far cells: cells (B, L) int64, their number far (B,), and size."""
    if family in FAR_DRAWS:
        L = FAR_DRAWS[family]
        far = draw.full(float(FAR_CELLS))
        return {"cells": draw.integers(0, FAR_CELLS, L), "far": far, "size": draw.xp.astype(0 * far + L, draw.xp.int64)}
    if family in WIDTHS:
        return _trained(draw, p, WIDTHS[family])
    if family == INTERVALS:
        size = draw.xp.astype(draw.choose(tuple(map(float, SIZES))), draw.xp.int64)
        return _places(draw, size, max(SIZES))
    if family == "four labels in a ball":
        return _four(draw)
    if family == LABELS:
        return _labels(draw)
    if family == "crowd and hermit":
        return _crowd(draw)
    learner = {"nearest neighbour": NEAREST, "label of the cell": CELLS, "worst learner": WORST}[family]
    classes = draw.integers(2, 5)
    gaps = draw.integers(0 if family == "nearest neighbour" else 1, 5, p.points)
    labels = draw.integers(0, 840, p.points) % classes[:, None]  # 840 is a multiple of 2, 3 and 4
    weights = draw.whole(1, 6, p.points)
    return _space(draw, gaps, labels, weights, draw.integers(1, 7), draw.integers(1, p.most + 1), classes, learner)


def _space(
    draw: Any, gaps: Any, labels: Any, weights: Any, gamma: Any, size: Any, classes: Any, learner: int
) -> dict[str, Any]:
    """A finite space whose neighbouring points are ``gaps`` (B, P) apart, the first one from 0."""
    xp = draw.xp
    return {
        "places": xp.cumulative_sum(gaps, axis=-1) - gaps[:, :1],
        "labels": labels,
        "weights": weights,
        "gamma": gamma,
        "size": size,
        "classes": classes,
        "learner": xp.full_like(gamma, learner),
    }


def _four(draw: Any) -> dict[str, Any]:
    """Four points 1 apart with four labels, equally likely, gamma = 3 and L = 2; or other weights and another L."""
    xp, coin = draw.xp, draw.integers(0, 2)
    one = xp.ones_like(coin)
    labels = one[:, None] * xp.arange(4, dtype=one.dtype, device=one.device)
    weights = 1 + coin[:, None] * draw.integers(9, 30, 4)
    gaps = xp.ones_like(labels)
    size = 2 + coin * draw.integers(0, 2)
    return _space(draw, gaps, labels, xp.astype(weights, draw.backend.float), 3 * one, size, 4 * one, NEAREST)


def _labels(draw: Any) -> dict[str, Any]:
    """Eight points in a ball with eight labels: equally likely and L = 7, where all are missed most; or three that are
    likely and L = 2, where GE is large whenever one of these is drawn twice."""
    xp, coin = draw.xp, draw.integers(0, 2)
    one = xp.ones_like(coin)
    labels = one[:, None] * xp.arange(8, dtype=one.dtype, device=one.device)
    likely = xp.astype(labels < 3, one.dtype)
    weights = xp.astype(1 + coin[:, None] * (1 + 27 * likely + draw.integers(0, 2, 8)), draw.backend.float)
    return _space(draw, xp.ones_like(labels), labels, weights, 7 * one, 7 - 5 * coin, 8 * one, NEAREST)


def _crowd(draw: Any) -> dict[str, Any]:
    """Five points 1 apart whose two labels alternate, and one far away: its margin is large enough for a mean."""
    xp, coin = draw.xp, draw.integers(0, 2)
    one = xp.ones_like(coin)
    number = one[:, None] * xp.arange(6, dtype=one.dtype, device=one.device)
    far = 96 + coin * draw.integers(0, 50)
    gaps = xp.where(number == 5, far[:, None], xp.ones_like(number))
    weights = xp.astype(1 + coin[:, None] * draw.integers(0, 3, 6), draw.backend.float)
    return _space(draw, gaps, number % 2, weights, 4 * one, 5 * one, 2 * one, NEAREST)


def _places(draw: Any, size: Any, most: int) -> dict[str, Any]:
    """``size`` (B,) independent uniform points of the sides, repeated in turn up to ``most``."""
    xp = draw.xp
    index = xp.arange(most, dtype=size.dtype, device=size.device)[None, :] % size[:, None]

    def repeated(a: Any) -> Any:
        return xp.take_along_axis(a, index, axis=-1)

    return {"side": repeated(draw.integers(0, PARTS, most)), "u": repeated(draw.uniform(most)), "size": size}


def _trained(draw: Any, p: Params, widths: tuple[int, ...]) -> dict[str, Any]:
    """A network trained on the points of the polygon. It starts from uniform numbers and is trained on the host, so
    that all backends get the same network."""
    from itertools import pairwise

    import numpy as np

    from verify.kit.learners import Training, train

    xp = draw.xp
    size = xp.astype(draw.choose(tuple(map(float, TRAINING_SIZES))), xp.int64)
    x = _places(draw, size, max(TRAINING_SIZES))
    layers = [
        (to_numpy(draw.uniform(n, m, low=-1.0, high=1.0)).astype(float) * (6 / m) ** 0.5,
         to_numpy(draw.uniform(n, low=-0.5, high=0.5)).astype(float))
        for m, n in pairwise((2, *widths, 2))
    ]  # fmt: skip
    weights, biases = zip(*layers, strict=True)
    points, labels = to_numpy(polygon_points(x["side"], x["u"])).astype(float), to_numpy(x["side"] % 2)
    how = Training(p.steps, 0.02, batch=None, optimiser="adam")
    start = Network(weights[:-1], biases[:-1], layers[-1])
    found = networks.named(train(start, points, labels.astype(np.int64), draw, how))
    like = draw.full(0.0)
    return {**x, **{name: xp.asarray(a, dtype=like.dtype, device=like.device) for name, a in found.items()}}


def polygon_points(side: Any, u: Any) -> Any:
    """The points at the share u of side number 2 side of the regular polygon on the unit circle: (..., 2)."""
    xp = namespace(u)
    turn = math.pi / PARTS

    def corner(number: Any) -> Any:
        angle = turn * xp.astype(number, u.dtype)
        return xp.stack([xp.cos(angle), xp.sin(angle)], axis=-1)

    begin, end = corner(2 * side), corner(2 * side + 1)
    return begin + u[..., None] * (end - begin)


# ------------------------------------------------------------------------------------------------- hypotheses


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """Which kind of instance it is; 1 or -1."""
    like = x["weights"][:, 0] if "places" in x else _like(x)
    xp = namespace(like)
    yes = xp.ones_like(like)
    if "places" not in x:
        network = -yes if "u" in x and "W1" not in x else yes
        return {SPACE: -yes, DRAWN: yes, TRAINED: network, FOUR: -yes, TWO: yes, ENOUGH: _balls(x) - 5 + 0 * yes}
    span = x["places"][:, -1] - x["places"][:, 0]
    equal = xp.all(x["weights"] == x["weights"][:, :1], axis=-1)
    distinct = xp.all(x["labels"] == xp.arange(x["labels"].shape[-1], device=device(like)), axis=-1)
    four = equal & distinct & (span <= x["gamma"]) & (x["size"] == 2) & (x["classes"] == 4)
    four = four & (x["labels"].shape[-1] == 4)
    return {
        SPACE: yes,
        DRAWN: -yes,
        TRAINED: -yes,
        FOUR: xp.where(four, yes, -yes),
        TWO: xp.where(x["classes"] == 2, yes, -yes),
        ENOUGH: -yes,
    }


def solve(p: Params, x: Any) -> dict[str, Any]:
    """Finite spaces: all sets of training points. Draws: the error, and which margins are certified to exceed gamma."""
    if "places" in x:
        return _finite(x, *_all_sets(x))
    if "far" in x:
        return _far(x)
    xp = namespace(x["u"])
    if "W1" not in x:
        error, smallest = _nearest_on_intervals(x)
    else:
        from verify.kit.margins import input_margins

        network = networks.network(x)
        points = polygon_points(x["side"], x["u"])
        margins = input_margins(network, points, x["side"] % 2, radius=1.01 * max(GRID))
        smallest = classifiers.in_dtype_of(x["u"], Enclosure.exact(xp.min(margins.lower, axis=-1))).lower
        error = _network_error(network)
    return _drawn(x, error, smallest)


# ------------------------------------------------------------------------------------------------- finite spaces


def _cells(places: Any, gamma: Any) -> Any:
    """The number of the cell of each place: from the left, intervals of length gamma that start at a place: (B, P)."""
    xp = namespace(places)
    start, found = places[:, 0], [xp.zeros_like(places[:, 0])]
    for k in range(1, places.shape[-1]):
        new = places[:, k] - start > gamma
        start = xp.where(new, places[:, k], start)
        found.append(found[-1] + xp.astype(new, places.dtype))
    return xp.stack(found, axis=-1)


def _all_sets(x: Any) -> tuple[Any, Any, Any, Any]:
    """Of each non-empty set of points (B, 2^P - 1): how much of W^L its probability is, the weight of the errors of
    the classifier that is learned from it, and the smallest and the mean margin of its points, the latter less gamma
    and times their number; a margin is FAR where there is no boundary."""
    xp = namespace(x["places"])
    P, where = x["places"].shape[-1], device(x["places"])
    numbers = xp.arange(1, 2**P, dtype=xp.int64, device=where)
    bits = xp.arange(P, dtype=xp.int64, device=where)
    seen = (numbers[:, None] // 2**bits) % 2 == 1
    members = xp.astype(seen, xp.int64)
    weights = xp.astype(x["weights"], xp.int64)
    powers = xp.matmul(weights, xp.matrix_transpose(members)) ** x["size"][:, None]
    inside = xp.matmul(members, xp.matrix_transpose(1 - members)) == 0  # [U, V]: U is a subset of V
    parity = 1 - 2 * ((xp.sum(members, axis=-1)[:, None] + xp.sum(members, axis=-1)[None, :]) % 2)
    counts = xp.matmul(powers, xp.where(inside, parity, xp.zeros_like(parity)))

    guess = _learned(x, seen)
    wrong = guess != x["labels"][:, None, :]
    distances = xp.abs(x["places"][:, :, None] - x["places"][:, None, :])
    other = guess[:, :, None, :] != x["labels"][:, None, :, None]
    margins = xp.min(xp.where(other, distances[:, None, ...], xp.full_like(distances, FAR)[:, None, ...]), axis=-1)
    smallest = xp.min(xp.where(seen, margins, xp.full_like(margins, FAR)), axis=-1)
    mean = xp.sum(xp.where(seen, margins - x["gamma"][:, None, None], xp.zeros_like(margins)), axis=-1)
    errors = xp.sum(xp.where(wrong, weights[:, None, :], xp.zeros_like(weights)[:, None, :]), axis=-1)
    # Where a training point is an error itself, GE is not the test error: such sets are left out of the mean.
    slips = xp.any(wrong & seen, axis=-1)
    return counts, errors, smallest, xp.where(slips, xp.full_like(mean, -FAR), mean)


def _learned(x: Any, seen: Any) -> Any:
    """The label that each learner gives to each point after the sets ``seen`` (S, P) of training points: (B, S, P)."""
    xp = namespace(x["places"])
    places, labels, gamma = x["places"], x["labels"], x["gamma"][:, None, None]
    B = places.shape[0]
    distances = xp.abs(places[:, :, None] - places[:, None, :])[:, None, ...]
    to_seen = xp.where(seen[None, :, None, :], distances, xp.full_like(distances, FAR))

    def label_at(index: Any) -> Any:
        return xp.reshape(xp.take_along_axis(labels, xp.reshape(index, (B, -1)), axis=-1), index.shape)

    nearest = label_at(xp.argmin(to_seen, axis=-1))
    cell = _cells(places, x["gamma"])
    together = (cell[:, None, :, None] == cell[:, None, None, :]) & seen[None, :, None, :]
    first = label_at(xp.argmax(xp.astype(together, xp.int64), axis=-1))
    of_cell = xp.where(xp.any(together, axis=-1), first, xp.zeros_like(first))
    here = label_at(xp.argmax(xp.astype(distances[:, 0, ...] == 0, xp.int64), axis=-1))[:, None, :]
    false = (here + 1) % x["classes"][:, None, None]
    worst = xp.where(xp.min(to_seen, axis=-1) <= gamma, nearest, false)
    learner = x["learner"][:, None, None]
    return xp.where(learner == NEAREST, nearest, xp.where(learner == CELLS, of_cell, worst))


def _missing(x: Any, gamma: Any) -> Any:
    """The mean missing mass of the pairs, times W^(L+1), with cells of length gamma: the sum of w (W - w)^L."""
    xp = namespace(x["places"])
    weights = xp.astype(x["weights"], xp.int64)
    cell = _cells(x["places"], gamma)
    same = (cell[:, :, None] == cell[:, None, :]) & (x["labels"][:, :, None] == x["labels"][:, None, :])
    mass = xp.sum(xp.where(same, weights[:, None, :], xp.zeros_like(weights)[:, None, :]), axis=-1)
    earlier = xp.sum(xp.astype(xp.tril(xp.astype(same, xp.int64), k=-1) > 0, xp.int64), axis=-1)
    W = xp.sum(weights, axis=-1, keepdims=True)
    terms = mass * (W - mass) ** x["size"][:, None]
    return xp.sum(xp.where(earlier == 0, terms, xp.zeros_like(terms)), axis=-1)


def _finite(x: Any, counts: Any, errors: Any, smallest: Any, mean: Any) -> dict[str, Any]:
    """The quantities of a finite space, whole numbers, from those of :func:`_all_sets`."""
    xp = namespace(x["places"])
    L, gamma = x["size"], x["gamma"]
    W = xp.sum(xp.astype(x["weights"], xp.int64), axis=-1)
    balls = _cells(x["places"], gamma)[:, -1] + 1
    pairs = balls * x["classes"]
    met, zero = (smallest > gamma[:, None]) & (counts > 0), xp.zeros_like(errors)
    squares = errors**2 * L[:, None]

    def total(which: Any, values: Any) -> Any:
        return xp.sum(xp.where(which, values, zero), axis=-1)

    level = xp.where(met, errors, zero)
    reached = met[:, None, :] & (errors[:, None, :] >= level[:, :, None])
    tail = xp.sum(xp.where(reached, counts[:, None, :], zero[:, None, :]), axis=-1)
    dtype = x["weights"].dtype
    shares = xp.astype(level, dtype) / xp.astype(W, dtype)[:, None]
    largest = xp.max(shares, axis=-1)
    return _others(x, met=False) | {
        "L": L,
        "W": W,
        "balls": balls,
        "pairs": pairs,
        "total": W**L,
        "certain": total(met, counts),
        "failing": total(met & (squares > (pairs * W**2)[:, None]), counts),
        "failing_slide": total(met & (squares > (balls * W**2)[:, None]), counts),
        "loss": total(met, counts * errors),
        "loss_average": total(mean > 0, counts * errors),
        "missing": _missing(x, gamma),
        "missing_wide": _missing(x, 2 * gamma),
        "tail": tail,
        "level": Enclosure.around(shares, eps(shares) * shares),
        "largest": Enclosure.around(largest, eps(largest) * largest),
        "signed": -xp.min(xp.where(met, errors, W[:, None] + zero), axis=-1),
    }


def _others(x: Any, met: bool) -> dict[str, Any]:
    """The quantities that an instance of the other kind does not have: they are used by no claim about it."""
    if met:
        like = _like(x)
        xp = namespace(like)
        none = xp.zeros(like.shape, dtype=xp.int64, device=device(like))
        whole = ("W", "total", "certain", "failing", "failing_slide", "loss", "loss_average", "missing")
        nothing = xp.full_like(like, xp.nan)
        return {
            **dict.fromkeys((*whole, "missing_wide", "signed"), none),
            **dict.fromkeys(("tail", "level", "largest"), nothing),
        }
    like = x["weights"][:, 0]
    return dict.fromkeys(
        ("error", "errors", "unseen", "pairs_grid", "load"), namespace(like).full_like(like, float("nan"))
    )


# ------------------------------------------------------------------------------------------------- draws


def _nearest_on_intervals(x: Any) -> tuple[Enclosure, Any]:
    """The error of the nearest neighbour on the sides laid along a line, with gaps of the same length between them, and
    the smallest margin of its points.

    In units of a side they are [2 j, 2 j + 1]. Between neighbours of different labels the boundary is in the middle,
    and of all training points these two are the nearest to it. What a training point gets wrong is the length of the
    other class between the two middles beside it.
    """
    u = x["u"]
    xp = namespace(u)
    places = xp.sort(2 * xp.astype(x["side"], u.dtype) + u, axis=-1)
    label = xp.floor(places / 2) % 2
    middle = (places[:, 1:] + places[:, :-1]) / 2
    limit = xp.full_like(places[:, :1], 4.0 * PARTS)
    begins = 2 * xp.arange(PARTS, dtype=u.dtype, device=device(u))
    odd = xp.arange(PARTS, device=device(u)) % 2 == 1

    def length(t: Any) -> Any:
        """The lengths of the two classes to the left of t: even and odd intervals."""
        each = xp.clip(t[..., None] - begins, 0.0, 1.0)
        ones = xp.sum(xp.where(odd, each, xp.zeros_like(each)), axis=-1)
        return xp.sum(each, axis=-1) - ones, ones

    even, ones = length(xp.concat([-limit, middle, limit], axis=-1))
    wrong = xp.where(label > 0, even[:, 1:] - even[:, :-1], ones[:, 1:] - ones[:, :-1])
    error = xp.sum(wrong, axis=-1) / PARTS
    terms = xp.sum(xp.astype(wrong != 0, u.dtype), axis=-1)
    half = xp.where(label[:, 1:] != label[:, :-1], (places[:, 1:] - places[:, :-1]) / 2, limit)
    return Enclosure.around(error, 16 * PARTS * eps(u) * terms), SIDE * xp.min(half, axis=-1)


def _network_error(network: Network) -> Enclosure:
    """The share of the sides of the polygon that the network puts into the wrong class. Between two breakpoints of a
    side the difference of the outputs is affine; its zero is known up to its rounding error over its slope."""
    from verify.kit.jacobians import breakpoints

    W = network.weights[0]
    xp, where = namespace(W), device(W)
    side = xp.arange(PARTS, dtype=xp.int64, device=where)
    zero = xp.zeros((PARTS,), dtype=W.dtype, device=where)
    shape = (len(network), PARTS, 2)
    start, end = (xp.broadcast_to(polygon_points(side, zero + u)[None, ...], shape) for u in (0.0, 1.0))
    t = breakpoints(network, start, end)
    points = start[..., None, :] + t[..., None] * (end - start)[..., None, :]
    flat = xp.reshape(points, (len(network), -1, 2))
    f = network.outputs(flat)
    sign = 1 - 2 * xp.astype(side % 2, W.dtype)
    m = xp.reshape(f[..., 0] - f[..., 1], t.shape) * sign[:, None]  # > 0 where the class is right
    e = 4 * xp.max(classifiers.output_rounding(network, flat), axis=-1)[:, None, None]
    left, right, length = m[..., :-1], m[..., 1:], t[..., 1:] - t[..., :-1]
    spread = xp.abs(left) + xp.abs(right)
    negative = xp.maximum(-left, xp.zeros_like(left)) + xp.maximum(-right, xp.zeros_like(right))
    share = negative / xp.where(spread > 0, spread, xp.ones_like(spread))
    crosses = left * right < 0
    unclear = xp.where(crosses, e / xp.where(crosses, spread, xp.ones_like(spread)), xp.zeros_like(spread))
    unclear = xp.where(xp.minimum(xp.abs(left), xp.abs(right)) <= e, xp.ones_like(spread), unclear)
    error = xp.sum(length * share, axis=(-2, -1)) / PARTS
    radius = xp.sum(length * xp.minimum(unclear, xp.ones_like(unclear)), axis=(-2, -1)) / PARTS
    return Enclosure.around(error, radius + 4 * t.shape[-1] * PARTS * eps(error) * error)


def _balls(x: Any) -> int:
    """The covering number of a drawn training set's space for the gamma that is used alone."""
    return FAR_CELLS if "far" in x else PARTS * cells_of_a_side()[GAMMA]


def _like(x: Any) -> Any:
    """A float for each drawn training set."""
    return x["far"] if "far" in x else x["u"][:, 0]


def _far(x: Any) -> dict[str, Any]:
    """The quantities of the worst network on cells more than the largest gamma apart: right where it has been."""
    cells, far = x["cells"], x["far"]
    xp = namespace(far)
    ranked = xp.sort(cells, axis=-1)
    distinct = 1 + xp.sum(xp.astype(ranked[:, 1:] > ranked[:, :-1], xp.int64), axis=-1)
    return _far_quantities(x, 1 - xp.astype(distinct, far.dtype) / far)


def _far_quantities(x: Any, missed: Any) -> dict[str, Any]:
    """The named quantities from the mass of the cells without a training point, which is the error."""
    xp = namespace(missed)
    balls = xp.astype(x["far"], xp.int64)
    each = xp.stack([missed] * len(GRID), axis=-1)
    return _others(x, met=True) | {
        "L": x["size"],
        "balls": balls,
        "pairs": 2 * balls,
        "pairs_grid": xp.stack([2 * balls] * len(GRID), axis=-1),
        "load": 2 * x["far"] / xp.astype(x["size"], missed.dtype),
        "error": missed,
        "errors": each,
        "unseen": each,
    }


def cells_of_a_side() -> tuple[int, ...]:
    """How many pieces of length at most gamma a side has, for the values of the grid."""
    return tuple(math.ceil(SIDE / gamma) for gamma in GRID)


def _drawn(x: Any, error: Enclosure, smallest: Any) -> dict[str, Any]:
    """The quantities of a drawn training set, from the error and the smallest margin, for all gamma of the grid."""
    u = x["u"]
    xp, where = namespace(u), device(u)
    unseen, met = [], []
    numbers = cells_of_a_side()
    for gamma, cells in zip(GRID, numbers, strict=True):
        inside = xp.minimum(xp.astype(xp.floor(u * cells), xp.int64), xp.asarray(cells - 1, device=where))
        visited = xp.sort(x["side"] * cells + inside, axis=-1)
        distinct = 1 + xp.sum(xp.astype(visited[:, 1:] > visited[:, :-1], xp.int64), axis=-1)
        unseen.append(1 - xp.astype(distinct, u.dtype) / (PARTS * cells))
        met.append(smallest > gamma)
    event = xp.astype(xp.stack(met, axis=-1), u.dtype)
    none = xp.zeros_like(smallest)
    errors = Enclosure(
        error.value[:, None] * event,
        xp.maximum(error.lower, none)[:, None] * event,
        error.upper[:, None] * event,
    )
    missed = xp.stack(unseen, axis=-1)
    balls = xp.asarray([[PARTS * cells for cells in numbers]], dtype=xp.int64, device=where)
    return _others(x, met=True) | {
        "L": x["size"],
        "balls": balls[:, GAMMA],
        "pairs": 2 * balls[:, GAMMA],
        "pairs_grid": 2 * balls,
        "load": 2 * xp.astype(balls[:, GAMMA], u.dtype) / xp.astype(x["size"], u.dtype),
        "error": errors.each(lambda a: a[:, GAMMA]),
        "errors": errors,
        "unseen": Enclosure.around(missed, 2 * eps(missed) * xp.ones_like(missed) * xp.astype(missed > 0, u.dtype)),
    }


# ------------------------------------------------------------------------------------------------- reference


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same for one instance. Finite spaces: every multiset of training points, as often as it has orders. Draws:
    the classifier at many places of each side, and for networks the margins by Dijkstra's algorithm."""
    import numpy as np

    if "places" in x:
        sets = {}
        places, labels = x["places"][0].tolist(), x["labels"][0].tolist()
        weights = [int(w) for w in x["weights"][0]]
        L = int(x["size"][0])
        for drawn in combinations_with_replacement(range(len(places)), L):
            times = [drawn.count(k) for k in range(len(places))]
            count = math.factorial(L)
            for w, n in zip(weights, times, strict=True):
                count = count // math.factorial(n) * w**n
            key = tuple(n > 0 for n in times)
            sets[key] = sets.get(key, 0) + count
        found = [_one_set(x, key, count) for key, count in sets.items()]
        columns = (np.asarray([column], dtype=np.int64) for column in zip(*found, strict=True))
        return _finite(x, *columns)
    if "far" in x:
        return _far_quantities(x, np.asarray([1 - len(set(x["cells"][0].tolist())) / FAR_CELLS]))
    t = (np.arange(4096) + 0.5) / 4096
    sides, labels = np.arange(PARTS), x["side"][0] % 2
    if "W1" in x:
        network, points = networks.network(x), polygon_points(x["side"], x["u"])[0]
        there = polygon_points(sides[:, None] + np.zeros(len(t), dtype=np.int64), np.zeros((PARTS, 1)) + t)
        guess = np.argmax(network.outputs(there.reshape(1, -1, 2)), axis=-1).reshape(PARTS, -1)
        right = np.argmax(network.outputs(points[None])[0], axis=-1) == labels
        some = range(int(x["size"][0])) if right.all() else ()
        margins = [classifiers.walk_reference(network, points[i], int(labels[i]))[0] for i in some]
        smallest = min(margins, default=0.0)
    else:
        places = 2 * x["side"][0] + x["u"][0]
        there = 2 * sides[:, None] + t
        guess = labels[np.argmin(np.abs(there[..., None] - places), axis=-1)]
        apart = np.abs(places[:, None] - places)[labels[:, None] != labels]
        smallest = SIDE * float(apart.min() / 2) if apart.size else 4.0 * PARTS
    wrong = guess != (sides % 2)[:, None]
    changes = np.sum(wrong[:, 1:] != wrong[:, :-1]) + 2 * PARTS * wrong.any()
    error = Enclosure.around(np.asarray([wrong.mean()]), np.asarray([changes / wrong.size]))
    return _drawn(x, error, np.asarray([smallest]))


def _one_set(x: Any, seen: tuple[bool, ...], count: int) -> tuple[int, int, int, int]:
    """What :func:`_all_sets` says about one set."""
    places, labels = x["places"][0].tolist(), x["labels"][0].tolist()
    weights, gamma, classes = x["weights"][0].tolist(), int(x["gamma"][0]), int(x["classes"][0])
    learner, cell = int(x["learner"][0]), _cells(x["places"], x["gamma"])[0].tolist()
    training = [k for k, there in enumerate(seen) if there]
    guess = _guess(places, labels, cell, seen, gamma, classes, learner)
    margins = [
        min((abs(places[i] - place) for place, g in zip(places, guess, strict=True) if g != labels[i]), default=FAR)
        for i in training
    ]
    wrong = [k for k in range(len(places)) if guess[k] != labels[k]]
    slips = any(seen[k] for k in wrong)
    mean = -FAR if slips else sum(m - gamma for m in margins)
    return count, int(sum(weights[k] for k in wrong)), min(margins), mean


def _guess(
    places: list[int], labels: list[int], cell: list[int], seen: Sequence[bool], gamma: int, classes: int, learner: int
) -> list[int]:
    """The label that the learner gives to each place after a set of training points."""
    training, guess = [k for k, there in enumerate(seen) if there], []
    for k, place in enumerate(places):
        near = min(training, key=lambda i: abs(places[i] - place))
        mates = [i for i in training if cell[i] == cell[k]]
        if learner == NEAREST or (learner == WORST and abs(places[near] - place) <= gamma):
            guess.append(labels[near])
        elif learner == CELLS:
            guess.append(labels[mates[0]] if mates else 0)
        else:
            guess.append((labels[places.index(place)] + 1) % classes)
    return guess


def exact(p: Params, x: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A finite space in Python's integers, of any size: every multiset of training points, with all its orders."""
    if "places" not in x:
        raise ValueError("only for finite spaces")
    flat = [v for a in x.values() for v in (a if isinstance(a, list) else [a])]
    if any(v.denominator > 1 for v in flat) or min(x["weights"]) < 0 or min(x["size"], x["gamma"], x["classes"]) < 1:
        raise ValueError("only for whole numbers, with weights that are not negative, and L, gamma, classes at least 1")
    places, labels, weights = ([int(v) for v in x[name]] for name in ("places", "labels", "weights"))
    gamma, L, classes, learner = (int(x[name]) for name in ("gamma", "size", "classes", "learner"))
    if places != sorted(places) or not all(0 <= label < classes for label in labels):
        raise ValueError("only for rising places, and labels below the number of classes")
    narrow, wide = (_cells_of_list(places, reach) for reach in (gamma, 2 * gamma))
    W, balls = sum(weights), narrow[-1] + 1
    sets: dict[frozenset[int], int] = {}
    for drawn in combinations_with_replacement(range(len(places)), L):
        orders = math.factorial(L)
        for k in set(drawn):
            orders = orders // math.factorial(drawn.count(k)) * weights[k] ** drawn.count(k)
        sets[frozenset(drawn)] = sets.get(frozenset(drawn), 0) + orders
    found = []  # weight, weight of the errors and margins of each set that can be drawn, and whether it has errors
    for training, count in sets.items():
        if count:
            seen = [k in training for k in range(len(places))]
            guess = _guess(places, labels, narrow, seen, gamma, classes, learner)
            wrong = [k for k in range(len(places)) if guess[k] != labels[k]]
            reach = [
                min(
                    (abs(places[i] - place) for place, g in zip(places, guess, strict=True) if g != labels[i]),
                    default=FAR,
                )
                for i in sorted(training)
            ]
            found.append((count, sum(weights[k] for k in wrong), reach, any(seen[k] for k in wrong)))
    met = [(count, errors) for count, errors, reach, _ in found if min(reach) > gamma]
    averaged = [(n, e) for n, e, reach, slips in found if not slips and sum(reach) > gamma * len(reach)]
    levels = sorted({errors for _, errors in met} | {0})

    def missing(cell: list[int]) -> int:
        mass: dict[tuple[int, int], int] = {}
        for pair, weight in zip(zip(cell, labels, strict=True), weights, strict=True):
            mass[pair] = mass.get(pair, 0) + weight
        return sum(w * (W - w) ** L for w in mass.values())

    return {SPACE: 1}, {
        "L": L,
        "W": W,
        "balls": balls,
        "pairs": balls * classes,
        "total": W**L,
        "certain": sum(count for count, _ in met),
        "failing": sum(n for n, errors in met if errors**2 * L > balls * classes * W**2),
        "failing_slide": sum(n for n, errors in met if errors**2 * L > balls * W**2),
        "loss": sum(n * errors for n, errors in met),
        "loss_average": sum(n * errors for n, errors in averaged),
        "missing": missing(narrow),
        "missing_wide": missing(wide),
        "tail": [sum(n for n, errors in met if errors >= level) for level in levels],
        "level": [Fraction(level, W) for level in levels],
        "largest": Fraction(levels[-1], W),
        "signed": -min((errors for _, errors in met), default=W),
    }


def _cells_of_list(places: list[int], reach: int) -> list[int]:
    """The number of the cell of each place, as in :func:`_cells`."""
    start, found = places[0], [0]
    for place in places[1:]:
        new = place - start > reach
        start = place if new else start
        found.append(found[-1] + int(new))
    return found


# ------------------------------------------------------------------------------------------------- invariances


def stretch(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Everything twice as far apart, with twice the gamma; draws stay as they are."""
    if "places" not in x:
        return x
    return {**x, "places": 2 * x["places"], "gamma": 2 * x["gamma"]}


HALVED = Formula(f"sqrt((2 * pairs * log(2) + 2 * log(1 / {DELTA})) / L) / 2")
SETS = "a set A of the 2^K - 2 is missed with probability (1 - mu(A))^L, see Sharp"
TAIL = "see Sharp: the sets that are missed, the constant sqrt(e), McAllester and Ortiz"
TANGENT = "the mean missing mass is largest for equal pairs, see Sharp"
MEAN_MASS = "min(pairs / (exp(1) * L), (1 - 1 / max(pairs, L + 1))**L)"
MEET = "of a set and its complement one has a mass above 1/2, so there are 2^(K-1); for t <= 1/2 see Sharp"
CERTAIN = Formula("total")
REST = "draws have no exact probabilities: 0 stands in their place"


def missed(pairs: str, delta: float) -> Formula:
    """What the missing mass exceeds with a probability of at most delta, by the smallest of three bounds."""
    chance = f"log(1 / {delta})"
    sets = f"1 - exp(-({pairs} * log(2) + {chance}) / L)"
    root = f"sqrt((0.5 + log(2**({pairs} - 1) - 1) + {chance}) / (2 * L))"
    deviation = f"{MEAN_MASS.replace('pairs', pairs)} + sqrt({chance} / L)"
    return Formula(f"min({sets}, min({root}, {deviation}))")


THEOREM = Theorem(
    "ge_margin",
    "Large input margins generalise: the margin bound with its classes and its confidence",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    exact=exact,
    families={
        "four labels in a ball": "four points, four labels, one ball, L = 2; by hand all are equally likely",
        "nearest neighbour": "six points of a line, some in the same place, up to four labels",
        "label of the cell": "the learner that knows the cells",
        "worst learner": "the learner that is wrong wherever the margins let it be",
        LABELS: "eight labels in one ball, equally likely or not",
        "crowd and hermit": "labels alternate among five near points; a sixth is far away",
        INTERVALS: "training sets of 8 to 1024 points on six intervals",
        **{
            name: f"{FAR_CELLS} equally likely cells far apart, two classes: the network that is wrong wherever it has "
            f"not been, after {L} draws"
            for name, L in FAR_DRAWS.items()
        },
        **{name: f"networks of widths {w} on sides of a polygon, up to 32 points" for name, w in WIDTHS.items()},
    },
    shares={
        "four labels in a ball": 0.25,
        "crowd and hermit": 0.25,
        LABELS: 0.05,
        INTERVALS: 1.0,
        **dict.fromkeys(FAR_DRAWS, 0.35),
        **dict.fromkeys(WIDTHS, 0.3),
    },
    instances=3000,
    batch=256,
    claims=(
        # -- finite spaces, exact
        Claim(
            "(1) at every level t",
            Every(),
            "tail",
            Formula("total * 2**pairs * exp(-2 * L * level**2)"),
            (SPACE,),
        ),
        Claim("(2) repaired", Every(), "failing", Formula("total * (2 * exp(-2))**pairs"), (SPACE,)),
        Claim("(3) in the mean", Every(), "loss", Formula("total * W * sqrt((pairs - 1) / L) / 2"), (SPACE,)),
        Claim("(4) mean missing mass", Count(), "loss", Formula("missing"), (SPACE,)),
        Claim("(4) which is at most K/(eL)", Every(), "missing", Formula("total * W * pairs / (exp(1) * L)"), (SPACE,)),
        Claim("four labels: probability 1/4", Count(), "total", Formula("4 * failing_slide"), (FOUR,), "=="),
        Claim("four labels: always, given H", Count(), "failing_slide", Formula("certain"), (FOUR,), "=="),
        Claim(
            "slide with its own sign of GE",
            Every(),
            "signed",
            Formula("W * sqrt(balls / L)"),
            (SPACE,),
            origin="giryes2019",
            source=SLIDE,
        ),
        Claim("which is never positive: no content", Count(), "signed", Formula("0"), (SPACE,)),
        Claim(
            "slide, two classes: up to (2/e)^(2N)",
            Every(),
            "failing_slide",
            Formula("total * (2 / exp(1))**pairs"),
            (SPACE, TWO),
            origin="giryes2019",
            source=SLIDE,
        ),
        misreading(
            "slide: |GE| <= sqrt(N/L), always",
            Every(),
            "largest",
            Formula("sqrt(balls / L)"),
            (SPACE,),
            source=SLIDE,
            grade="incomplete",
            reading="whenever all training margins exceed gamma, |test error - training error| <= sqrt(N / L), for "
            "any number of classes",
            because="a training set of one point has infinite margins, and says nothing about the other labels",
            holds_when="K = N times the number of classes stands for N, with probability at least 1 - (2 exp(-2))^K; "
            "with two classes as printed, with probability at least 1 - (2/e)^(2N); in the mean, with "
            "sqrt((K - 1) / L) / 2",
        ),
        # -- draws; with L >= 8 and K = 72 the bounds in the mean are below 1.5 and 3.4
        Claim("error at most the mass not visited", Every(), "errors", Formula("unseen"), (DRAWN,)),
        Claim("(1) with probability 1 - delta", Probability(DELTA), "error", HALVED, (DRAWN,)),
        Claim(
            "(1) with gamma chosen from the grid",
            Probability(DELTA),
            "errors",
            Formula(f"sqrt((2 * pairs_grid * log(2) + 2 * log({len(GRID)} / {DELTA})) / L) / 2"),
            (DRAWN,),
        ),
        Claim(
            "the paper's form",
            Probability(DELTA),
            "error",
            Formula(f"sqrt(2 * pairs * log(2) / L) + sqrt(2 * log(1 / {DELTA}) / L)"),
            (DRAWN,),
            source=PAPER,
        ),
        Claim("(3) over the draws", Mean((-1.5, 1.0)), "error", Formula("sqrt((pairs - 1) / L) / 2"), (DRAWN,)),
        Claim("(4) over the draws", Mean((-3.4, 1.0)), "error", Formula("pairs / (exp(1) * L)"), (DRAWN,)),
        Claim(
            "slide: independent of the depth",
            Probability(DELTA),
            "error",
            HALVED,
            (TRAINED,),
            origin="giryes2019",
            source=SLIDE,
        ),
        Claim(
            "slide's bound, two classes",
            Probability(DELTA),
            "error",
            Formula("sqrt(balls / L)"),
            (DRAWN, ENOUGH),
            origin="giryes2019",
            source=SLIDE,
        ),
        # -- false neighbours
        control(
            "classes dropped: N for K",
            Every(),
            "tail",
            Formula("total * 2**balls * exp(-2 * L * level**2)"),
            (SPACE,),
            "one ball with four labels has four pairs: with L = 2, GE is 3/4 with probability 1/4, and 2 exp(-9/4) is "
            "less",
        ),
        control(
            "balls of radius gamma",
            Count(),
            "loss",
            Formula("missing_wide"),
            (SPACE,),
            "two points of such a ball may be farther apart than the margins reach",
        ),
        control(
            "the average margin",
            Count(),
            "loss_average",
            Formula("missing"),
            (SPACE,),
            "one point far away makes up for all the others, in whose cells anything may be wrong",
        ),
        control(
            "1/(eL) without K",
            Every(),
            "loss",
            Formula("total * W / (exp(1) * L)"),
            (SPACE,),
            "each of the pairs may be missed",
        ),
    ),
    sources=(
        PAPER,
        Source(XU2012, "Theorem 1", "page xu_mannor; halved there"),
        Source(MCALLESTER2003, "the upper tail of the missing mass", "from memory; for the sharper bounds"),
        SLIDE,
        Source(OURS, "(1) to (4) and the exact probabilities, above"),
    ),
    symbols={
        "L": ("L", "size of the training set"),
        "W": ("W", "sum of the weights of the points"),
        "total": ("W^L", "weight of all training sets"),
        "balls": ("N", r"covering number of $`\Upsilon`$ by balls of radius $`\gamma/2`$"),
        "pairs": ("K", "number of pairs of a cell and a label"),
        "certain": ("W^LP(H)", "weight of the training sets whose margins all exceed gamma"),
        "failing": (r"W^LP(H,\mathrm{GE}>\sqrt{K/L})", "weight of the training sets that break (2)"),
        "failing_slide": (
            r"W^LP(H,\mathrm{GE}>\sqrt{N/L})",
            "weight of the training sets that break the slide's bound",
        ),
        "loss": (r"W^{L+1}E[\mathrm{GE};H]", "mean of GE on H, as a whole number"),
        "loss_average": (
            r"W^{L+1}E[\mathrm{GE};\bar H]",
            "the same where the mean of the margins of the distinct training points exceeds gamma, and none is wrong",
        ),
        "missing": (r"W^{L+1}\textstyle\sum_p\mu_p(1-\mu_p)^L", "mean missing mass of the pairs, as a whole number"),
        "missing_wide": (r"W^{L+1}\textstyle\sum_q\mu_q(1-\mu_q)^L", "the same with balls of radius gamma"),
        "tail": (r"W^LP(H,\mathrm{GE}\ge t)", "weight of the training sets with GE at least t, for each t that occurs"),
        "level": ("t", "the values that GE takes on H"),
        "largest": (r"\max_H\mathrm{GE}", "largest GE on H"),
        "signed": (r"\max_H W(\ell_{train}-\ell_{test})", "the slide's GE at its largest, times W"),
        "error": (r"\mathrm{GE}_\gamma", rf"GE on H, 0 off it, for $`\gamma={GRID[GAMMA]}`$"),
        "errors": (r"\mathrm{GE}_{\gamma_j}", r"the same for all $`\gamma_j`$ of the grid"),
        "unseen": (
            r"\textstyle\sum_p\mu_p[n_p=0]",
            "mass of the pairs that no training point visited, for each of them",
        ),
        "pairs_grid": ("K_j", "number of pairs, for each of them"),
        "load": ("K/L", "pairs for each training point"),
        "places": ("x", "coordinates of the points"),
        "labels": ("y", "their labels"),
        "weights": ("w", "their weights"),
        "gamma": (r"\gamma", "what the margins have to exceed"),
        "size": ("L", "size of the training set"),
        "classes": (r"N_{\mathcal Y}", "number of classes"),
        "learner": ("g", "0 nearest neighbour, 1 label of the cell, 2 worst"),
        "cells": ("q_i", "the far cells of the training points"),
        "far": ("N", "number of the far cells"),
        "side": ("s", "the number of the side that a training point lies on, of every second one"),
        "u": ("u", "where on the side, from 0 to 1"),
        **networks.symbols(3),
        "V": ("V", "weights of the read-out"),
        "c": ("c", "biases of the read-out"),
    },
    figures=(
        Figure(
            "sizes",
            "ladder",
            (
                "the paper's form",
                "(1) with probability 1 - delta",
                "slide's bound, two classes",
                "(3) over the draws",
                "(4) over the draws",
            ),
            "The error on H of nearest neighbours and trained networks against the bounds, over the pairs for each "
            "training point, for one gamma. Bounds of order 1/sqrt(L) go on paying for all K pairs when each has been "
            "visited. At 2 and 8 pairs a point: the worst network on far cells.",
            x="pairs for each training point, K / L",
            y="GE on H, and bounds",
            against="load",
        ),
        Figure(
            "unseen",
            "cloud",
            ("error at most the mass not visited",),
            "The error of each drawn classifier against the mass of the cells that its training points did not visit.",
            x="mass not visited",
            y="GE on H",
        ),
        Figure(
            "exact",
            "cloud",
            ("(4) mean missing mass", "(3) in the mean"),
            "Finite spaces: the exact mean of GE on H against the missing mass, which the worst learner attains, and "
            "against the bound of order 1/sqrt(L). All are multiplied by the power of W that makes them whole.",
            x="bound",
            y="mean of GE on H, times a power of W",
        ),
    ),
    sharper=(
        Sharper("(1) at every level t", "a probability is at most 1", CERTAIN),
        Sharper("(1) at every level t", SETS, Formula("total * min(1, (2**pairs - 2) * (1 - level)**L)")),
        Sharper(
            "(1) at every level t",
            TAIL,
            Formula("total * sqrt(exp(1)) * (2**(pairs - 1) - 1) * exp(-2 * L * level**2)"),
        ),
        Sharper("(1) at every level t", MEET, Formula("total * 2**(pairs - 1) * exp(-2 * L * level**2)")),
        Sharper("(2) repaired", SETS, Formula("total * (2**pairs - 2) * max(0, 1 - sqrt(pairs / L))**L")),
        Sharper("slide, two classes: up to*", SETS, Formula("total * (2**pairs - 2) * max(0, 1 - sqrt(balls / L))**L")),
        *(
            Sharper(claim, TAIL, missed(pairs, delta / share), delta)
            for claim, pairs, share in (
                ("(1) with probability*", "pairs", 1),
                ("(1) with gamma chosen*", "pairs_grid", len(GRID)),
                ("the paper's form", "pairs", 1),
                ("slide: independent of the depth", "pairs", 1),
                ("slide's bound, two classes", "pairs", 1),
            )
            for delta in (DELTA, DELTA / 10)
        ),
        Sharper("(3) over the draws", TANGENT, Formula(MEAN_MASS)),
    ),
    survivors={
        f"*: without {SPACE!r}": REST,
        f"*: without {TRAINED!r}": "(1) holds for every classifier, network or not",
        "(3) in the mean: the root of sqrt((pairs - 1) / L) forgotten": "the mean missing mass is at most "
        "(K - 1) / (2 L): for K > L by the tangent, for 4 <= K <= L by (4), and for 2 or 3 pairs by calculus",
    },
    invariances={"stretch": stretch},
    not_tested=("data of many dimensions, where the covering number makes the bound larger than 1",),
)
