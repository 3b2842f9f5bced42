r"""Evidence -> verdict: all the statistics of the engine.

:func:`decide` turns the tallies of one claim into a :class:`~verify.engine.result.Verdict`; each kind of claim has one
rule. A statistical kind (probability, mean, rate, comparison) says ``violated`` wrongly with probability at most
``alpha``. Probability, mean and comparison rest on *confidence sequences*: the bound on the error holds at all sample
sizes at once, so a run may be looked at, stopped or prolonged at any time (Darling and Robbins 1967; Howard, Ramdas,
McAuliffe and Sekhon 2021). A family is one law, and these three are claims about every law: each family is decided by
itself at level ``alpha / number of families``, and the claim takes the worst of them, because pooling laws would let
an excess in one be paid by slack in another. A rate has a t interval, for one look at a ladder fixed in advance.

What could not be computed is never counted to anyone's advantage: a rule says ``violated`` or ``no violation`` only
where it would say so however the undecided instances had come out, as far as the kind allows (see each rule).

What ``power`` names, by kind (probability, mean, comparison: in the family that speaks for the claim):

=============  =======================================================================================================
every          ``constant``: the bound times any constant below it (``>=``: above it) would have been refuted
count          the same, and ``cases``: the number of cases decided
identity       ``defect``: the largest relative defect; so for every claim with relation ``==``
witness        ``built``: the number of instances that have the property
probability    ``rate``: the smallest failure rate that would have been refuted at least half of the time; ``upper``:
               the upper end of the sequence; in a pass no family's is larger
mean           ``half_width`` of the confidence sequence; without an interval also ``rare_rate`` and ``rare_size``: an
               event of a smaller rate that moves the difference by more could hide
rate           ``slope``, ``low``, ``high``: the fitted exponent and its interval; an exponent outside would have been
               noticed
comparison     ``win_rate``, ``low``, ``high``; ``effect`` (mean of measured - bound) and ``effect_half_width``
=============  =======================================================================================================
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from typing import Any

from verify.core.theorem import Claim, Comparison, Count, Every, Existence, Identity, Mean, Probability, Rate
from verify.engine.evidence import Sums, Tally
from verify.engine.result import Verdict, Word

STATISTICAL = (Probability, Mean, Rate, Comparison)
TUNED_FOR = 1000  # the number of draws at which the confidence sequence of a mean is about as narrow as it can be
ASYMPTOTIC_FROM = 100  # below so many draws an asymptotic confidence sequence decides nothing
_ROUNDING = 2.0**-52


def budget(claims: Iterable[Claim], alpha: float = 0.01) -> float:
    """The error budget of each statistical claim when all of them together may err with probability ``alpha``.
    The other kinds spend none."""
    return alpha / max(1, sum(isinstance(c.kind, STATISTICAL) for c in claims))


def decide(claim: Claim, tallies: Mapping[str, Tally], alpha: float = 0.01) -> Verdict:
    """The verdict on ``claim`` from its tallies by family (empty ones included: they share the error budget)."""
    total = _pooled(tallies)
    found = _RULES[type(claim.kind)](claim, tallies, alpha) if total.eligible else _nothing(total)
    one_by_one = not isinstance(
        claim.kind, Existence | Mean | Rate | Comparison
    )  # of these no single instance is a violation
    return Verdict(
        verdict=found.word,
        decided=total.decided,
        violated=total.violated if one_by_one else 0,
        undecided=total.undecided,
        set_aside=total.set_aside,
        ratio_max=_largest_ratio(tallies) if one_by_one else math.nan,
        power=found.power,
        summary=found.summary,
    )


@dataclass(frozen=True)
class _Finding:
    """What a rule found. ``severity`` orders the findings with the same word on several families."""

    word: Word
    summary: str
    power: dict[str, float]
    severity: float = 0.0


# ------------------------------------------------------------------------------------------- deterministic kinds


def _every(claim: Claim, tallies: Mapping[str, Tally], alpha: float) -> _Finding:
    """One violated instance refutes. A pass needs at least half of the eligible instances decided."""
    total, ratio = _pooled(tallies), _largest_ratio(tallies)
    power, seen, noticed = _sharpness(claim, ratio, total.violated > 0)
    if total.violated:
        return _Finding("violated", f"violated in {total.violated:,} of {total.eligible:,}{seen}", power)
    if 2 * total.decided < total.eligible:
        return _Finding("undecided", _not_decided(total), power)
    rest = f"; {total.undecided:,} undecided" if total.undecided else ""
    return _Finding("no violation", f"no violation in {total.decided:,}{rest}{seen}{noticed}", power)


def _count(claim: Claim, tallies: Mapping[str, Tally], alpha: float) -> _Finding:
    found = _every(claim, tallies, alpha)
    return replace(found, power={**found.power, "cases": float(_pooled(tallies).decided)})


def _sharpness(claim: Claim, ratio: float, violated: bool) -> tuple[dict[str, float], str, str]:
    """The power of a claim on every instance; the largest ratio in words; what would have been noticed in words."""
    if math.isnan(ratio):
        return {"defect" if claim.is_equality else "constant": ratio}, "", ""
    if claim.is_equality:
        return {"defect": ratio}, f"; largest relative defect {_up(ratio)}", ""
    seen = f"; largest ratio {_down(ratio)}"
    # A ratio on the other side of 1 than the outcome, or below 0, comes from negative values: no constant follows.
    if not (ratio > 1 if violated else 0 < ratio <= 1):
        return {"constant": math.nan}, seen, ""
    if claim.relation == ">=":
        return {"constant": 1 / ratio}, seen, f"; a constant above {_up(1 / ratio)} would have been noticed"
    return {"constant": ratio}, seen, f"; a constant below {_down(ratio)} would have been noticed"


def _existence(claim: Claim, tallies: Mapping[str, Tally], alpha: float) -> _Finding:
    """One instance with the property confirms; violated only when every instance built was decided to lack it."""
    total = _pooled(tallies)
    power = {"built": float(total.holds)}
    if total.holds:
        return _Finding("no violation", f"built: {total.holds:,} of {total.eligible:,} have the property", power)
    if total.undecided:
        return _Finding("undecided", _not_decided(total), power)
    return _Finding("violated", f"violated: none of the {total.eligible:,} built has the property", power)


# --------------------------------------------------------------------------------------------- statistical kinds


def _in_every_family(
    rule: Callable[[Claim, Tally, float], _Finding],
) -> Callable[[Claim, Mapping[str, Tally], float], _Finding]:
    """The rule on each family by itself at its share of ``alpha``; the worst finding speaks for the claim."""

    def decide_all(claim: Claim, tallies: Mapping[str, Tally], alpha: float) -> _Finding:
        found = {f: rule(claim, t, alpha / len(tallies)) for f, t in tallies.items() if t.eligible}
        words: tuple[Word, ...] = ("no violation", "undecided", "violated")
        worst = max(found, key=lambda f: (words.index(found[f].word), found[f].severity))
        if len(tallies) == 1:
            return found[worst]
        return replace(found[worst], summary=f"{found[worst].summary} (family {worst!r}, the worst of {len(found)})")

    return decide_all


@_in_every_family
def _probability(claim: Claim, tally: Tally, alpha: float) -> _Finding:
    r"""P(fails) <= delta is violated when the confidence sequence of the failure rate lies above delta even if every
    undecided instance passed; there is no violation when it does not even if every undecided instance failed.

    A number of draws so small that not even failing always would have been refuted decides nothing.
    """
    assert isinstance(claim.kind, Probability)
    delta, n = claim.kind.delta, tally.eligible
    fails, may_fail = tally.violated, tally.violated + tally.undecided
    refuting = _refuting_count(n, delta, alpha)
    low, high = proportion_interval([fails, may_fail], n, alpha)
    upper = float(high[1])
    power = {"rate": refuting / n if refuting <= n else math.nan, "upper": upper}
    if fails >= refuting:
        text = f"violated: {fails:,} of {n:,} fail, a rate above {_down(float(low[0]))} where {delta:g} is allowed"
        return _Finding("violated", text, power, float(low[0]))
    if may_fail >= refuting:
        text = f"undecided: {fails:,} of {n:,} fail, {tally.undecided:,} undecided; {refuting:,} would refute"
        return _Finding("undecided", text, power, upper)
    if refuting > n:
        return _Finding("undecided", f"undecided: {n:,} draws are too few to refute any failure rate", power, upper)
    unknown = f", {tally.undecided:,} undecided" if tally.undecided else ""
    text = f"no violation: {fails:,} of {n:,} fail{unknown}, a rate of at most {_up(upper)}"
    return _Finding("no violation", f"{text}; {_up(power['rate'])} would have been noticed", power, upper)


@_in_every_family
def _mean(claim: Claim, tally: Tally, alpha: float) -> _Finding:
    r"""E[measured - bound] against 0 by the sequence of :func:`mean_half_width`: violated when it lies strictly on
    the wrong side (relation ``==``: when it misses 0).

    ``interval = (a, b)`` makes the difference sub-Gaussian with sigma = (b - a) / 2; without it sigma is the sample's
    standard deviation and the sequence is asymptotic: it errs at most alpha for moderate tails, more for heavy ones
    (2.6 alpha for a lognormal law of skewness 6, alpha = 0.01), and it refutes nothing on draws that never differed,
    because an event too rare to have been seen looks like that. Without an interval nothing does better (Bahadur and
    Savage 1956): one instance in a million may be a disaster that turns the sign of the mean. So the finding says what
    could hide. An event of rate ``rare_rate`` = 1 - alpha^(1/n) or more is seen with probability 1 - alpha; a rarer one
    undoes a violation only if it moves the difference by more than ``rare_size``, the excess of the sequence over 0
    divided by the rate. In a pass the mean, or the half-width if it is larger, stands for the excess.

    Instances without a finite difference could lie
    anywhere in (a, b), or anywhere at all: they must not be needed for a violation, nor be more than half of a pass.
    Values known only within enclosures violate by the ends that speak for the claim; where best values alone would
    violate it, nothing is decided.
    """
    assert isinstance(claim.kind, Mean)
    s, n = tally.difference, tally.eligible
    missing = n - s.n
    a, b = claim.kind.interval or (-math.inf, math.inf)
    exact = claim.kind.interval is not None
    nothing = {"half_width": math.nan}
    if 2 * missing > n or not math.isfinite(s.square):
        return _Finding("undecided", f"undecided: {missing:,} of {n:,} without a finite difference", nothing)
    if not exact and s.n < ASYMPTOTIC_FROM:
        text = f"undecided: {s.n:,} draws, and an asymptotic sequence needs {ASYMPTOTIC_FROM}"
        return _Finding("undecided", text, nothing)
    # In [a, b] the variance is at most (mean - a)(b - mean) (Bhatia and Davis 2000).
    if exact and s.square / s.n - s.mean**2 > (s.mean - a) * (b - s.mean) + _ROUNDING * s.square:
        return _Finding("undecided", f"undecided: the differences leave the stated interval [{a:g}, {b:g}]", nothing)

    half = float(mean_half_width((b - a) / 2 if exact else math.sqrt(s.variance), s.n, alpha)) + _rounding(tally)
    low, high = s.mean - half, s.mean + half
    if missing:
        low, high = (s.total + missing * a) / n - half, (s.total + missing * b) / n + half
    # How far the enclosures let the mean lie below and above that of the best values.
    lowest = tally.measured_low.mean - tally.bound_high.mean - s.mean
    highest = tally.measured_high.mean - tally.bound_low.mean - s.mean
    above, below = low > 0, high < 0
    wrong = {"<=": above, ">=": below, "==": above or below}[claim.relation]
    surely_above, surely_below = low + min(0.0, lowest) > 0, high + max(0.0, highest) < 0
    if wrong and not {"<=": surely_above, ">=": surely_below, "==": surely_above or surely_below}[claim.relation]:
        text = (
            f"undecided: mean difference {s.mean:.4g} ± {_up(half)}, and enclosures allow {_up(highest - lowest)} more"
        )
        return _Finding("undecided", text, nothing)
    if wrong and not exact and s.variance <= _ROUNDING * s.square:
        text = f"undecided: {s.n:,} draws of the one difference {s.mean:.4g}; state the interval it can lie in"
        return _Finding("undecided", text, nothing)
    word: Word = "violated" if wrong else "no violation"
    count = "" if wrong else f" in {s.n:,}"
    left_out = f"; {missing:,} not finite, left out" if missing else ""
    text = f"{word}{count}: mean difference {s.mean:.4g} ± {_up(half)}"
    power, excess = {"half_width": half}, {"<=": low, ">=": -high, "==": max(low, -high)}[claim.relation]
    if not exact:
        rate = -math.expm1(math.log(alpha) / s.n)
        size = (excess if wrong else max(abs(s.mean), half)) / rate
        text += f", asymptotic; an event of rate below {_up(rate)} and size above {_down(size)} could hide"
        power |= {"rare_rate": rate, "rare_size": size}
    return _Finding(word, text + left_out, power, excess)


@_in_every_family
def _comparison(claim: Claim, tally: Tally, alpha: float) -> _Finding:
    """A beats B when the confidence sequence of P(A wins) lies above 1/2, and does not when that of P(B does not win)
    lies below 1/2. A tie, like an instance whose sign is not known, helps neither.

    The interval of the effect is the asymptotic sequence of the mean difference; it decides nothing.
    """
    n, s = tally.eligible, tally.difference
    lows, highs = proportion_interval([tally.wins, n - tally.losses], n, alpha)
    low, high = float(lows[0]), float(highs[1])
    known = s.n >= ASYMPTOTIC_FROM and math.isfinite(s.square)
    half = float(mean_half_width(math.sqrt(s.variance), s.n, alpha)) if known else math.nan
    power = {"win_rate": tally.wins / n, "low": low, "high": high, "effect": s.mean, "effect_half_width": half}
    word: Word = "no violation" if low > 0.5 else "violated" if high < 0.5 else "undecided"
    effect = f"mean difference {s.mean:.4g}" + (f" ± {_up(half)}" if known else "")
    text = f"{word}: wins {tally.wins:,} of {n:,}, a rate in [{_down(low)}, {_up(high)}]; {effect}"
    return _Finding(word, text, power, -low)


def _rate(claim: Claim, tallies: Mapping[str, Tally], alpha: float) -> _Finding:
    r"""The families are the rungs of a ladder of sizes: least squares of log E[measured] on log E[bound], and the
    interval of :func:`slope_interval` for the exponent. It needs three rungs.

    The scatter about the line stands for all error: of the means, and of the power law itself. Where values are known
    only within enclosures, an exponent that these would allow is not violated but undecided.
    """
    assert isinstance(claim.kind, Rate)
    rungs = [t for t in tallies.values() if t.eligible]
    nothing = dict.fromkeys(("slope", "low", "high"), math.nan)
    if len(rungs) < 3:
        return _Finding("undecided", f"undecided: {len(rungs)} sizes, and a slope needs three", nothing)
    means = [(t.bound.mean, t.measured.mean) for t in rungs]
    if any(2 * t.measured.n < t.eligible for t in rungs) or not all(0 < v < math.inf for pair in means for v in pair):
        return _Finding("undecided", "undecided: a mean is not a positive number, or rests on too few", nothing)
    x, y = ([math.log(v) for v in side] for side in zip(*means, strict=True))
    slope, half = (float(v) for v in slope_interval(x, y, alpha))
    spread = sum((v - sum(x) / len(x)) ** 2 for v in x)
    # A mean of n positive numbers is wrong by at most n roundings; a logarithm adds one of its own size.
    unit = _ROUNDING * (max(t.measured.n for t in rungs) + max(map(abs, x + y)))
    half += unit * math.sqrt(len(x) / spread) * (1 + abs(slope)) if spread else math.nan
    if not math.isfinite(half):
        return _Finding("undecided", "undecided: the sizes of the ladder do not differ", nothing)
    low, high = slope - half, slope + half
    e, w = claim.kind.exponent, claim.kind.within
    most, least = e + w, e - w
    word: Word = "no violation"
    if (claim.relation != ">=" and low > most) or (claim.relation != "<=" and high < least):
        room = _slope_room(rungs, x, y, slope)
        sure = (claim.relation != ">=" and low - room > most) or (claim.relation != "<=" and high + room < least)
        word = "violated" if sure else "undecided"
    sizes = f"{len(rungs)} sizes, mean bound {min(means)[0]:.4g} to {max(means)[0]:.4g}"
    stated = f"{'' if claim.relation == '==' else claim.relation + ' '}{e:g}{f' ± {w:g}' if w else ''} stated"
    text = f"{word}: exponent {slope:.4g} in [{_down(low)}, {_up(high)}], {stated}; {sizes}"
    return _Finding(word, text, {"slope": slope, "low": low, "high": high})


_RULES: dict[type, Callable[[Claim, Mapping[str, Tally], float], _Finding]] = {
    Every: _every,
    Count: _count,
    Identity: _every,
    Existence: _existence,
    Probability: _probability,
    Mean: _mean,
    Rate: _rate,
    Comparison: _comparison,
}


# ------------------------------------------------------------------------------------ intervals, on arrays at once


def _log_mixture(k: Any, n: Any, p: Any) -> Any:
    r"""log of the likelihood of ``k`` of ``n``, mixed over Jeffreys' prior, over the likelihood at ``p``:
    log B(1/2 + k, 1/2 + n - k) / B(1/2, 1/2) - k log p - (n - k) log(1 - p).

    Its exponential is a martingale under ``p`` with mean 1, so by Ville's inequality it ever reaches 1/alpha with
    probability at most alpha."""
    from scipy.special import betaln, xlog1py, xlogy

    return betaln(0.5 + k, 0.5 + n - k) - betaln(0.5, 0.5) - xlogy(k, p) - xlog1py(n - k, -p)


def proportion_interval(k: Any, n: Any, alpha: float) -> tuple[Any, Any]:
    r"""The beta-binomial confidence sequence of a proportion: the ends of {p : mixture(k, n, p) < 1/alpha}.

    ``k`` successes in ``n >= 1`` draws; arrays of any shapes that broadcast. Over all n at once, the truth ever
    leaves it with probability at most ``alpha``. The ends are rounded outwards, to 2**-60. (Robbins 1970.)
    """
    import numpy as np

    k, n = np.broadcast_arrays(np.asarray(k, float), np.asarray(n, float))

    def end(outside: Any) -> Any:
        inside = k / n  # the mixture is least, and below 1, at the observed proportion
        for _ in range(60):
            middle = (outside + inside) / 2
            excluded = _log_mixture(k, n, middle) >= -math.log(alpha)
            outside, inside = np.where(excluded, middle, outside), np.where(excluded, inside, middle)
        return outside

    return end(np.zeros(k.shape)), end(np.ones(k.shape))


def _refuting_count(n: int, delta: float, alpha: float) -> int:
    """The smallest k of n for which the sequence of the proportion lies above ``delta``; above n when there is none."""
    above = range(math.floor(n * delta) + 1, n + 1)
    return above.start + bisect_right(above, -math.log(alpha), key=lambda k: float(_log_mixture(k, n, delta)))


def mean_half_width(sigma: Any, n: Any, alpha: float) -> Any:
    r"""Half-width of the normal-mixture confidence sequence of a mean of ``n`` draws (Robbins 1970):

        sigma sqrt( (n r + 1) / (n^2 r) log((n r + 1) / alpha^2) ),   r = (-2 log alpha + log(1 - 2 log alpha)) / N,

    ``N`` = :data:`TUNED_FOR` the number of draws at which it is to be narrow. Over all n at once it misses the
    (running) mean with probability at most ``alpha`` when the draws are sub-Gaussian with ``sigma``; with the sample's
    standard deviation for ``sigma`` this is so asymptotically (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024).
    """
    import numpy as np

    log = -2 * math.log(alpha)
    nr = n * ((log + math.log1p(log)) / TUNED_FOR)
    return sigma * np.sqrt((nr + 1) / (n * nr) * (np.log(nr + 1) + log))


def slope_interval(x: Any, y: Any, alpha: float) -> tuple[Any, Any]:
    """Slope of least squares of ``y`` (..., R) on ``x`` (R,), R >= 3, and the half-width of its t interval at level
    ``alpha`` with R - 2 degrees of freedom, exact for normal errors of one size. NaN when all ``x`` are equal."""
    import numpy as np
    from scipy.special import stdtrit

    x, y = np.asarray(x, float), np.asarray(y, float)
    dx, dy = x - x.mean(), y - y.mean(axis=-1, keepdims=True)
    spread = float(dx @ dx)
    if spread == 0:
        return np.full(y.shape[:-1], math.nan), np.full(y.shape[:-1], math.nan)
    slope = dy @ dx / spread
    scatter = np.sum((dy - slope[..., None] * dx) ** 2, axis=-1) / (len(x) - 2)
    return slope, stdtrit(len(x) - 2, 1 - alpha / 2) * np.sqrt(scatter / spread)


# ---------------------------------------------------------------------------------------------------- small parts


def _pooled(tallies: Mapping[str, Tally]) -> Tally:
    total = Tally()
    for tally in tallies.values():
        total.merge(tally)
    return total


def _largest_ratio(tallies: Mapping[str, Tally]) -> float:
    """The largest ratio over decided instances that have one; NaN without any."""
    ratios = [e.ratio for t in tallies.values() for e in t.worst if e.outcome != "suspect"]
    return max((r for r in ratios if not math.isnan(r)), default=math.nan)


def _nothing(total: Tally) -> _Finding:
    reasons = ", ".join(f"{count:,} by {name!r}" for name, count in total.set_aside.items())
    why = f"all {total.drawn:,} set aside: {reasons}" if total.drawn else "nothing was drawn"
    return _Finding("vacuous", f"vacuous: {why}", {})


def _not_decided(total: Tally) -> str:
    parts = ((total.suspects, "suspect"), (total.nonfinite, "not finite"))
    detail = "".join(f", {count:,} {what}" for count, what in parts if count)
    return f"undecided: {total.undecided:,} of {total.eligible:,} could not be decided{detail}"


def _slope_room(rungs: list[Tally], x: list[float], y: list[float], slope: float) -> float:
    """How far the enclosures of the measured values and bounds let the slope move, to first order."""
    centre = sum(x) / len(x)
    spread = sum((v - centre) ** 2 for v in x)
    room = 0.0
    for tally, at, height in zip(rungs, x, y, strict=True):
        ends = ((tally.bound_low, tally.bound_high, at), (tally.measured_low, tally.measured_high, height))
        (dx, dy) = (
            max(abs(math.log(end.mean) - value) if end.mean > 0 else math.inf for end in (low, high))
            for low, high, value in ends
        )
        room += abs(at - centre) / spread * (dy + abs(slope) * dx)
    return room


def _rounding(tally: Tally) -> float:
    """How far float64 can put the mean of measured - bound off: one rounding of each term, n of their sum."""

    def rms(s: Sums) -> float:
        return math.sqrt(s.square / s.n) if s.n else 0.0

    terms = rms(tally.measured) + rms(tally.bound)
    return _ROUNDING * (terms + tally.difference.n * rms(tally.difference))


def _up(x: float) -> str:
    """Four significant digits, rounded up."""
    return f"{float(Context(prec=4, rounding=ROUND_CEILING).create_decimal_from_float(x)):.4g}"


def _down(x: float) -> str:
    """Four significant digits, rounded down; just below 1 the distance from 1, rounded up."""
    if 0.9999 < x < 1:
        return f"1 - {float(Context(prec=2, rounding=ROUND_CEILING).create_decimal_from_float(1 - x)):.2g}"
    return f"{float(Context(prec=4, rounding=ROUND_FLOOR).create_decimal_from_float(x)):.4g}"
