r"""The generalisation error is test minus training; the other way round, its bounds say nothing.

A *loss table* has $`\ell_h(i)\in\{0,1\}`$ for rules $`h`$ and examples $`i`$; example $`i`$ has the probability
$`w_i/W`$, with whole numbers $`w_i\ge0`$ and $`W=\sum_iw_i`$. A rule errs with probability
$`\ell_{test}(h)=\sum_iw_i\ell_h(i)/W`$, and on a sample of $`L`$ independent examples a share $`\ell_{train}(h)`$ of
the time. *Training* takes the first of the rules with the fewest errors on the sample, $`\hat h`$; write $`e(S)`$ for
their number.

**Theorem.** (a) For every rule and sample, $`\lvert\ell_{train}-\ell_{test}\rvert`$ is the larger of the two
differences, and if there is no error on the sample then $`\ell_{train}-\ell_{test}\le0`$. (b) With the best rule of
all, $`r=\min_h\ell_{test}(h)`$,

```math
\mathbb E\,\ell_{train}(\hat h)\le r\le\mathbb E\,\ell_{test}(\hat h),
```

so that $`\mathbb E(\ell_{train}-\ell_{test})\le0`$. (c) For every sample $`S`$ of $`n+1`$ examples,
$`\sum_ie(S\setminus i)\le n\,e(S)`$. (d) So the mean $`E_L=\mathbb E\,\ell_{train}(\hat h)`$ never decreases with
$`L`$.

*Proof.* (a) $`\ell_{test}\ge0`$. (b) $`\ell_{train}(\hat h)\le\ell_{train}(h)`$ for the best $`h`$, whose mean is
$`r`$; and no rule has a test error below $`r`$. (c) Every error of the rule that is best on $`S`$ is one of its errors
on $`n`$ of the sets $`S\setminus i`$, and on each of them the best rule has no more. (d) Take the mean of (c): each
$`S\setminus i`$ is a sample of $`n`$ examples. $`\square`$

**How it is checked.** In whole numbers. Means over all samples are sums over the multisets of $`L`$ examples, each as
often as it has orders, times the product of its weights; a difference of the two errors is multiplied by $`LW`$.

**Sharp.** All are equalities for a single rule.

**What the slide says.** (i) "GE $`=\ell_{training}-\ell_{test}`$." Every bound $`GE\le\varepsilon`$ with
$`\varepsilon\ge0`$ then holds without any theory where training errors vanish, as the margin bounds of the slides
assume; even $`GE\le0`$ does, which for the right sign would say that nothing is ever lost. The check of this page
cannot refute $`GE\le0`$ in the slide's form, and refutes it in the other. The survey has the absolute value, and that
is what the slides' bounds are about. (ii) That the error on the training data is reduced as $`L`$ increases. The best
possible error on it grows: with the labels of threshold rules flipped with probability 0.3, it is 0 for $`L=1`$, where
any label can be fitted, and tends to 0.3.

Kind: exact counts.

**Not covered.** Losses other than 0 and 1, for which the same proofs hold; how large the difference is, which is what
the bounds of the other pages are for.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

from pydantic import Field

from theorems.bibliography import GIRYES2019, OURS, SHALEV2014, VIDAL2017, XU2012
from verify import Claim, Count, Every, Figure, Formula, Parameters, Source, Theorem, control, misreading
from verify.core.arrays import eps, namespace

DEFINITION = Source(GIRYES2019, "slide 'Generalization error (GE)'")
SURVEY = Source(VIDAL2017, "Section V.B, equations (13) to (15)")
NO_ERROR = "no error on the sample"


class Params(Parameters):
    """The sizes."""

    L: int = Field(4, ge=2, le=6, description="examples of a sample; means are taken for 1, ..., L")
    places: int = Field(4, ge=2, le=5, description="places of the threshold rules and of the labellings")
    rules: int = Field(3, ge=1, le=40, description="rules of a random loss table")
    examples: int = Field(4, ge=1, le=10, description="examples of a random loss table")


def sample(draw: Any, p: Params, family: str) -> dict[str, Any]:
    """table (B, rules, examples) of 0 and 1 and drawn (B, L), the examples of a sample, int64; weights (B, examples),
    floats that hold whole numbers."""
    xp, dev = draw.xp, draw.backend.device
    if family == "thresholds":
        # Example 2 x + y is the place x with the label y; rule t says 1 from the place t on, the true one from half.
        places, half = range(p.places), p.places // 2
        table = [[int((x >= t) != y) for x in places for y in (0, 1)] for t in range(p.places + 1)]
        flipped = 3 + draw.integers(0, 2) * draw.integers(-2, 2)
        true = xp.asarray([table[half]], dtype=xp.int64, device=dev)
        weights = 10 - flipped[:, None] + true * (2 * flipped[:, None] - 10)
    elif family == "labellings":
        # The rule that is wrong wherever it may be comes first.
        table = [list(errors) for errors in itertools.product((1, 0), repeat=p.places)]
        weights = draw.integers(1, 4, p.places)
    else:
        table = None
        weights = draw.integers(1, 6, p.examples)
    ends = xp.astype(xp.cumulative_sum(weights, axis=-1), draw.backend.float)
    passed = ends[:, None, :-1] <= (draw.uniform(p.L) * ends[:, -1:])[..., None]
    return {
        "table": draw.integers(0, 2, p.rules, p.examples)
        if table is None
        else xp.asarray([table], dtype=xp.int64, device=dev),
        "weights": xp.astype(weights, draw.backend.float),
        "drawn": xp.sum(xp.astype(passed, xp.int64), axis=-1),
    }


def hypotheses(p: Params, x: Any) -> dict[str, Any]:
    """Whether training leaves no error, counted."""
    xp = namespace(x["table"])
    left = xp.min(_errors(x["table"], _times(x["drawn"], x["weights"].shape[-1])), axis=-1)
    return {NO_ERROR: -xp.astype(left, x["weights"].dtype)}


def repair(p: Params, x: Any) -> dict[str, Any]:
    """Weights are whole numbers from 1 on."""
    xp = namespace(x["weights"])
    return {**x, "weights": xp.minimum(xp.maximum(xp.round(x["weights"]), 1.0), 1000.0)}


def _times(drawn: Any, examples: int) -> Any:
    """How often each example is drawn: (B, L) -> (B, examples)."""
    xp = namespace(drawn)
    numbers = xp.arange(examples, dtype=drawn.dtype, device=drawn.device)
    return xp.sum(xp.astype(drawn[..., None] == numbers, xp.int64), axis=-2)


def _errors(table: Any, times: Any) -> Any:
    """The errors of every rule where example i counts ``times`` (B, examples): (B, rules)."""
    return namespace(table).sum(table * times[:, None, :], axis=-1)


def _of_the_first_best(values: Any, errors: Any) -> Any:
    """What the first rule with the fewest errors has: values (B, rules), errors (B, ..., rules) -> (B, ...)."""
    xp = namespace(values)
    best = xp.argmin(errors, axis=-1)
    return xp.reshape(xp.take_along_axis(values, xp.reshape(best, (best.shape[0], -1)), axis=-1), best.shape)


def _over_all_samples(table: Any, weights: Any, L: int) -> tuple[Any, Any]:
    """Sums over all samples of L examples, each W^L times its probability: of e(S), and of W times the test error of
    the rule taken; (B,) each."""
    xp = namespace(table)
    examples = weights.shape[-1]
    multisets = list(itertools.combinations_with_replacement(range(examples), L))
    times = [[m.count(i) for i in range(examples)] for m in multisets]
    orders = [math.factorial(L) // math.prod(map(math.factorial, row)) for row in times]
    like = {"dtype": xp.int64, "device": table.device}
    counts = xp.asarray(times, **like)
    chances = xp.prod(weights[:, None, :] ** counts[None, ...], axis=-1) * xp.asarray(orders, **like)
    errors = xp.sum(table[:, None, :, :] * counts[None, :, None, :], axis=-1)
    errors = errors + 0 * chances[..., None]
    test = _of_the_first_best(_errors(table, weights), errors)
    return xp.sum(chances * xp.min(errors, axis=-1), axis=-1), xp.sum(chances * test, axis=-1)


def _quantities(p: Params, x: Any, one: tuple[Any, Any, Any], best: Any, sums: list[tuple[Any, Any]]) -> dict[str, Any]:
    """The named quantities. one: e(S), W times the test error of the rule taken, and the sum of the e(S without i);
    best: W r; sums: those over all samples of 1, ..., L examples. All (B,) int64."""
    xp = namespace(x["table"])
    dtype = x["weights"].dtype
    L, W = p.L, xp.sum(xp.astype(x["weights"], xp.int64), axis=-1)
    e, test, without = one
    training = xp.stack([mean for mean, _ in sums], axis=-1)
    sizes = xp.asarray([list(range(1, L + 1))], dtype=xp.int64, device=W.device)
    expected = xp.astype(training, dtype) / xp.astype(sizes * W[:, None] ** sizes, dtype)
    return {
        "slide": W * e - L * test,
        "corrected": L * test - W * e,
        "absolute": xp.abs(L * test - W * e),
        "larger": xp.maximum(L * test - W * e, W * e - L * test),
        "left_out": without,
        "kept": (L - 1) * e,
        "train_here": W * e,
        "best_here": L * best,
        "mean_train": W * training[:, -1],
        "mean_best": L * W**L * best,
        "mean_test": L * sums[-1][1],
        # E_L and E_(L+1) times L (L + 1) W^(L + 1)
        "now": training[:, :-1] * (sizes[:, :-1] + 1) * W[:, None],
        "later": training[:, 1:] * sizes[:, :-1],
        "expected": expected,
        "risk": xp.astype(best, dtype) / xp.astype(W, dtype),
        "delta": 8 * eps(expected) * xp.max(expected, axis=-1),
    }


def solve(p: Params, x: Any) -> dict[str, Any]:
    """Sums over multisets."""
    xp = namespace(x["table"])
    weights = xp.astype(x["weights"], xp.int64)
    table = x["table"] + 0 * weights[:, None, :]
    examples = weights.shape[-1]
    errors, risks = _errors(table, _times(x["drawn"], examples)), _errors(table, weights)
    without = xp.zeros_like(errors[:, 0])
    for number in range(p.L):
        kept = xp.concat([x["drawn"][:, :number], x["drawn"][:, number + 1 :]], axis=-1)
        without = without + xp.min(_errors(table, _times(kept, examples)), axis=-1)
    one = (xp.min(errors, axis=-1), _of_the_first_best(risks, errors), without)
    sums = [_over_all_samples(table, weights, L) for L in range(1, p.L + 1)]
    return _quantities(p, x, one, xp.min(risks, axis=-1), sums)


def reference(p: Params, x: Any) -> dict[str, Any]:
    """The same for one instance: ordered samples one after another, in Python integers."""
    import numpy as np

    table = [[int(v) for v in row] for row in x["table"][0]]
    weights = [int(w) for w in x["weights"][0]]
    risks = [sum(w for w, wrong in zip(weights, row, strict=True) if wrong) for row in table]

    def train(drawn: tuple[int, ...]) -> tuple[int, int]:
        """The errors that are left, and W times the test error."""
        errors = [sum(row[i] for i in drawn) for row in table]
        return min(errors), risks[errors.index(min(errors))]

    def total(L: int) -> tuple[Any, Any]:
        found = [0, 0]
        for drawn in itertools.product(range(len(weights)), repeat=L):
            chance = math.prod(weights[i] for i in drawn)
            for place, value in enumerate(train(drawn)):
                found[place] += chance * value
        return np.asarray([found[0]]), np.asarray([found[1]])

    drawn = tuple(int(i) for i in x["drawn"][0])
    without = sum(train(drawn[:i] + drawn[i + 1 :])[0] for i in range(len(drawn)))
    one = tuple(np.asarray([v]) for v in (*train(drawn), without))
    return _quantities(p, x, one, np.asarray([min(risks)]), [total(L) for L in range(1, p.L + 1)])


def heavier(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """Every weight three times as large."""
    return {**x, "weights": 3 * x["weights"]}


def reorder(draw: Any, x: dict[str, Any]) -> dict[str, Any]:
    """The sample in another order."""
    L = x["drawn"].shape[-1]
    return {**x, "drawn": namespace(x["drawn"]).take(x["drawn"], draw.shared.subset(L, L)[0, :], axis=-1)}


THEOREM = Theorem(
    "ge_definition",
    "The generalisation error is test minus training; the other way round its bounds say nothing",
    Params,
    sample,
    hypotheses,
    solve,
    reference=reference,
    repair=repair,
    families={
        "thresholds": "threshold rules; labels flipped with probability 0.3, or from 0.1 to 0.4",
        "labellings": "every labelling is a rule: no error is left on the sample, and all else is wrong",
        "random": "a loss table of fair coins",
    },
    instances=3000,
    batch=2048,
    claims=(
        Claim(
            "survey: the absolute value is the larger difference",
            Count(),
            "absolute",
            Formula("larger"),
            relation="==",
            origin="vidal2017",
            source=SURVEY,
        ),
        Claim(
            "slide's sign: GE <= 0 passes without training errors",
            Count(),
            "slide",
            Formula("0"),
            (NO_ERROR,),
            origin="giryes2019",
            source=DEFINITION,
        ),
        Claim("mean training error <= best risk", Count(), "mean_train", Formula("mean_best")),
        Claim("best risk <= mean test error", Count(), "mean_best", Formula("mean_test")),
        Claim("leaving one out", Count(), "left_out", Formula("kept")),
        Claim("the mean training error never decreases", Count(), "now", Formula("later")),
        Claim("and stays below the best risk", Every(), "expected", Formula("risk + delta")),
        misreading(
            "slide: GE = training - test",
            Count(),
            "slide",
            Formula("larger"),
            (),
            source=DEFINITION,
            grade="misprint",
            reading="the difference that is to be small is the training error minus the test error",
            because="where the test error is the larger one, which is what training does, it is negative",
            holds_when="the difference is test minus training, or the absolute value as in the survey",
            relation="==",
        ),
        misreading(
            "slide: training errors fall as L grows",
            Count(),
            "later",
            Formula("now"),
            (),
            source=DEFINITION,
            grade="loose",
            reading="the least error on the training data becomes smaller with more examples",
            because="more examples are harder to fit: the mean of the least training error never decreases",
            holds_when="the test error is meant: where rules can be learned it falls towards the best risk",
        ),
        control(
            "the right sign: GE <= 0 without training errors",
            Count(),
            "corrected",
            Formula("0"),
            (NO_ERROR,),
            "the same false bound: it would say that whoever errs nowhere in training errs nowhere",
        ),
        control(
            "the slide's sign: GE <= 0 for every sample",
            Count(),
            "slide",
            Formula("0"),
            (),
            "an unlucky sample has more errors than the test: only the mean has a sign",
        ),
        control(
            "training error <= best risk for every sample",
            Count(),
            "train_here",
            Formula("best_here"),
            (),
            "true in the mean alone",
        ),
        control(
            "training finds the best rule",
            Count(),
            "mean_test",
            Formula("mean_best"),
            (),
            "the rule that fits the sample best is often not the one that errs least",
        ),
    ),
    sources=(
        DEFINITION,
        SURVEY,
        Source(XU2012, "Theorem 1", "the absolute value; from memory"),
        Source(SHALEV2014, "Chapter 2", "empirical risk minimisation; from memory"),
        Source(OURS, "(a) to (d), above", "folklore; the proofs are given so that the page needs nothing else"),
    ),
    symbols={
        "slide": (r"LW(\ell_{train}-\ell_{test})", "the slide's difference, in whole numbers"),
        "corrected": (r"LW(\ell_{test}-\ell_{train})", "test minus training"),
        "absolute": (r"LW\lvert\ell_{test}-\ell_{train}\rvert", "the survey's generalisation error"),
        "larger": (r"LW\max(\ell_{train}-\ell_{test},\,\ell_{test}-\ell_{train})", "the larger difference"),
        "left_out": (r"\sum_ie(S\setminus i)", "errors left on the samples without one example"),
        "kept": ("(L-1)e(S)", "L - 1 times the errors left on the sample"),
        "train_here": (r"LW\ell_{train}", "training error on this sample"),
        "best_here": ("LWr", "best risk"),
        "mean_train": (r"LW^{L+1}\mathbb E\ell_{train}", "mean training error over all samples"),
        "mean_best": ("LW^{L+1}r", "best risk"),
        "mean_test": (r"LW^{L+1}\mathbb E\ell_{test}", "mean test error over all samples"),
        "now": ("l(l+1)W^{l+1}E_l", "mean training error with l examples, l = 1, ..., L - 1"),
        "later": ("l(l+1)W^{l+1}E_{l+1}", "with one example more"),
        "expected": ("E_l", "mean training error with l examples, l = 1, ..., L"),
        "risk": ("r", "best risk"),
        "delta": (r"\delta", "rounding of the mean"),
    },
    figures=(
        Figure(
            "training",
            "curves",
            ("and stays below the best risk",),
            "The mean training error of the best threshold rule against the number of examples: it grows to the risk "
            "that noise in the labels leaves.",
            x="examples L",
            y="mean training error",
            family="thresholds",
        ),
    ),
    invariances={"heavier examples": heavier, "another order": reorder},
    not_tested=("more than six examples",),
)
