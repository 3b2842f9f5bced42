"""Outcomes of hand-made quantities: each relation and kind, what is not finite, what is missing."""

import dataclasses
import math

import numpy as np
import pytest

from verify import Claim, Comparison, Count, Enclosure, Every, Existence, Figure, Formula, Identity, Mean, Parameters
from verify.core.arrays import Backend, to_numpy
from verify.engine import trial
from verify.engine.evidence import SUMS, Sums
from verify.engine.trial import TrialError, outcomes, tally

from . import toys

NAN, INF = math.nan, math.inf
HOST = Backend("numpy")
P = Parameters()


def claim(kind=None, relation="<=", given=(), measured="a", bound="b"):
    return Claim("claim", kind or Every(), measured, Formula(bound), given, relation=relation)


def on(backend, values):
    """Hand-made quantities on a library; tuples of three are enclosures (value, lower, upper)."""
    found = {}
    for name, value in values.items():
        if isinstance(value, tuple):
            found[name] = Enclosure(*(backend.asarray(v) for v in value))
        else:
            found[name] = backend.asarray(value) if isinstance(value, list) else value
    return found


def decide(a, b, kind=None, relation="<=", margins=None, given=(), backend=HOST):
    margins = on(backend, margins or {})
    with np.errstate(all="ignore"):
        return outcomes(claim(kind, relation, given), P, margins, on(backend, {"a": a, "b": b}))


def words(out):
    """holds | violated | undecided | the index of what is missed, for each instance."""
    rows = zip(out.missed, out.holds, out.violated, strict=True)
    return [int(m) if m >= 0 else "violated" if v else "holds" if h else "undecided" for m, h, v in rows]


# -------------------------------------------------------------------------------------------------------- relations


def test_at_most(backend):
    out = decide([1.0, 2.0, 3.0], [2.0, 2.0, 2.0], backend=backend)
    assert words(out) == ["holds", "holds", "violated"]
    np.testing.assert_array_equal(out.ratio, [0.5, 1.0, 1.5])
    np.testing.assert_array_equal(out.measured, [1, 2, 3])
    np.testing.assert_array_equal(out.bound, [2, 2, 2])
    assert out.finite.all()


def test_at_least_turns_the_ratio_over(backend):
    out = decide([1.0, 2.0, 4.0], [2.0, 2.0, 2.0], relation=">=", backend=backend)
    assert words(out) == ["violated", "holds", "holds"]
    np.testing.assert_array_equal(out.ratio, [2.0, 1.0, 0.5])


def test_equal_needs_the_resolution(backend):
    exact = decide([2.0, 2.0], [2.0, 2.0 + 1e-12], relation="==", backend=backend)
    assert words(exact) == ["holds", "violated"]
    assert exact.ratio[1] == pytest.approx(5e-13, rel=1e-3)
    value, low, high = [2.0, 2.0, 2.0, 2.0], [1.9, 2 - 1e-8, 2 - 1e-8, 2 - 2e-6], [2.1, 2 + 1e-8, 2 + 1e-8, 2 + 2e-6]
    out = decide((value, low, high), [2.0, 2.0, 2.1, 2.0], Identity(1e-6), "==", backend=backend)
    assert words(out) == ["undecided", "holds", "violated", "undecided"]


@pytest.mark.parametrize(("width", "word"), [(0.5e-6, "holds"), (2e-6, "undecided")])
@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_the_resolution_is_relative(width, word, scale):
    a = ([scale], [scale * (1 - width / 2)], [scale * (1 + width / 2)])
    assert words(decide(a, [scale], Identity(1e-6), "==")) == [word]


def test_an_identity_between_zeros():
    assert words(decide([0.0], [0.0], Identity(), "==")) == ["holds"]
    assert words(decide([0.0], [1e-300], Identity(), "==")) == ["violated"]


def test_enclosures_decide_by_their_ends(backend):
    a = ([1.0, 1.0, 1.0, 3.0, 3.0], [0.9, 0.9, 0.9, 2.5, 1.9], [1.1, 2.0, 2.1, 3.5, 3.5])
    out = decide(a, [2.0] * 5, backend=backend)
    assert words(out) == ["holds", "holds", "undecided", "violated", "undecided"]
    b = ([2.0, 2.0], [1.0, 0.9], [3.0, 3.0])
    assert words(decide([1.0, 3.0], b, backend=backend)) == ["holds", "undecided"]
    found = tally(claim(), out, 0)
    assert (found.holds, found.violated, found.undecided, found.suspects) == (2, 1, 2, 1)
    assert [e.instance for e in found.worst if e.outcome == "suspect"] == [4]


def test_a_formula_cannot_make_a_violation_by_rounding():
    """0.1 + 0.2 is not 0.3 in doubles, and 3 * 0.1 is above it."""
    margins, values = {}, {"a": np.asarray([0.1 + 0.2]), "x": np.asarray([0.1])}
    out = outcomes(claim(bound="3 * x"), P, margins, values)
    assert words(out) == ["undecided"]
    close = outcomes(claim(bound="3 * x"), P, margins, {**values, "a": np.asarray([0.3 * (1 + 1e-14)])})
    assert words(close) == ["violated"]


def test_ratios_at_zero():
    out = decide([0.0, 1.0, NAN], [0.0, 0.0, 0.0])
    assert words(out) == ["holds", "violated", "undecided"]
    np.testing.assert_array_equal(out.ratio[:2], [0, INF])


def test_negative_values_are_decided_too():
    assert words(decide([-2.0, -1.0, 1.0], [-1.0, -2.0, -2.0])) == ["holds", "violated", "violated"]


# ------------------------------------------------------------------------------------------------ hypotheses, finite


def test_what_misses_a_hypothesis_is_set_aside_under_its_name(backend):
    margins = {"h": [0.0, -1e-300, NAN, 1.0, -1.0], "g": [1.0, 1.0, 1.0, NAN, -1.0], "unused": [-1.0] * 5}
    out = decide([3.0] * 5, [2.0] * 5, margins=margins, given=("h", "g"), backend=backend)
    assert words(out) == ["violated", 0, 0, 1, 0]
    found = tally(claim(Mean(), given=("h", "g")), out, 0)
    assert found.set_aside == {"h": 3, "g": 1}
    assert (found.drawn, found.violated, found.eligible) == (5, 1, 1)
    assert found.measured.n == 1


def test_a_margin_shared_by_the_batch(backend):
    out = decide([3.0, 1.0], [2.0, 2.0], margins={"h": [-1.0]}, given=("h",), backend=backend)
    assert words(out) == [0, 0]


@pytest.mark.parametrize("a", [NAN, INF, -INF])
def test_what_is_not_finite_is_undecided_and_counted(backend, a):
    for measured, bound in (([a, 1.0], [2.0, 2.0]), ([1.0, 1.0], [a, 2.0])):
        for relation in ("<=", ">=", "=="):
            out = decide(measured, bound, relation=relation, backend=backend)
            assert words(out)[0] == "undecided"
            found = tally(claim(Mean(), relation=relation), out, 0)
            assert (found.nonfinite, found.suspects, found.measured.n) == (1, 0, 1)


def test_an_end_that_is_nan_is_undecided():
    assert words(decide(([1.0, 3.0], [NAN, NAN], [NAN, NAN]), [2.0, 2.0])) == ["undecided", "undecided"]
    assert words(decide(([1.0, 3.0], [NAN, 2.5], [1.5, NAN]), [2.0, 2.0])) == ["holds", "violated"]


def test_a_bound_outside_its_domain_is_undecided():
    with np.errstate(all="ignore"):
        out = outcomes(claim(bound="sqrt(b)"), P, {}, on(HOST, {"a": [1.0, 1.0], "b": [-1.0, 4.0]}))
    assert words(out) == ["undecided", "holds"]


@pytest.mark.parametrize(
    "bound", ["sqrt(b)", "2 * sqrt(b)", "b * sqrt(b)", "sqrt(b) + 1", "log(b)", "b**0.5", "geom(b, 2)"]
)
def test_a_bound_that_may_be_outside_its_domain_decides_nothing(bound):
    """Its upper end would be violated, if there were a bound at all."""
    values = on(HOST, {"a": [9.0, 9.0], "b": ([0.1, 0.1], [-0.1, 0.05], [0.2, 0.2])})
    with np.errstate(all="ignore"):
        assert words(outcomes(claim(bound=bound), P, {}, values)) == ["undecided", "violated"]


# ------------------------------------------------------------------------------------------------------------ steps


def test_steps_count_from_one(backend):
    a = [[1.0, 2.0, 1.0], [1.0, 1.0, 5.0], [NAN, 1.0, 1.0], [0.5, 0.5, 0.5]]
    out = decide(a, [[2.0, 2.0, 2.0]] * 4, backend=backend)
    assert words(out) == ["holds", "violated", "undecided", "holds"]
    np.testing.assert_array_equal(out.step, [2, 3, 2, 1])
    np.testing.assert_array_equal(out.ratio, [1.0, 2.5, 0.5, 0.25])
    np.testing.assert_array_equal(out.measured, [2, 5, 1, 0.5])


def test_a_violation_at_a_step_counts_beside_a_nan_at_another(backend):
    out = decide([[3.0, NAN]], [[2.0, 2.0]], backend=backend)
    assert words(out) == ["violated"]
    assert not out.finite[0]


def test_one_undecided_step_is_undecided():
    assert words(decide(([[1.0, 1.0]], [[0.0, 0.9]], [[9.0, 1.1]]), [[2.0, 2.0]])) == ["undecided"]


def test_a_bound_for_the_instance_meets_a_measured_path(backend):
    """(B, T) against (B,), also where B = T, and against a number shared by the batch."""
    a = [[1.0, 3.0], [5.0, 5.0]]
    assert words(decide(a, [2.0, 6.0], backend=backend)) == ["violated", "holds"]
    assert words(decide(a, [4.0], backend=backend)) == ["holds", "violated"]


def test_parameters_are_names_of_the_bound():
    found = outcomes(claim(bound="scale * 2"), toys.Params(scale=0.75), {}, {"a": np.asarray([1.0, 2.0])})
    assert words(found) == ["holds", "violated"]


# ------------------------------------------------------------------------------------------------------------ kinds


def test_counts_are_exact_integers(backend):
    assert words(decide([5, 6, 7], [6, 6, 6], Count(), backend=backend)) == ["holds", "holds", "violated"]
    assert words(decide([5, 6, 7], [6, 6, 6], Count(), "==", backend=backend)) == ["violated", "holds", "violated"]
    assert words(decide([2**52 + 1], [2**52], Count(), backend=backend)) == ["violated"]


def test_counts_keep_integers_through_the_formula(backend):
    values = on(backend, {"a": [20, 21], "n": [5, 5]})
    assert words(outcomes(claim(Count(), bound="n * (n - 1)"), P, {}, values)) == ["holds", "violated"]
    number = outcomes(claim(Count(), bound="2**4 + 4"), P, {}, values)
    assert words(number) == ["holds", "violated"]


@pytest.mark.parametrize("b", ["b / 1", "b * 1.0", "b**0.5"])
def test_a_count_that_is_not_in_integers_decides_nothing(b):
    out = outcomes(claim(Count(), bound=b), P, {}, {"a": np.asarray([1, 9]), "b": np.asarray([4, 4])})
    assert words(out) == ["undecided", "undecided"]
    assert words(decide([1.0], [4], Count())) == ["undecided"]
    assert words(decide(([1], [1], [1]), [4], Count())) == ["undecided"]


def test_counts_too_large_for_a_double_are_compared_as_integers():
    for relation, found in (("<=", "violated"), (">=", "holds"), ("==", "violated")):
        assert words(decide([2**53 + 1], [2**53], Count(), relation)) == [found]
    assert words(decide([2**53], [2**53], Count(), "==")) == ["holds"]


def test_counts_that_wrap_round_decide_nothing():
    values = {"a": np.asarray([1, 1]), "b": np.asarray([3, 26])}
    assert words(outcomes(claim(Count(), bound="10**b"), P, {}, values)) == ["holds", "undecided"]


def test_ends_that_have_crossed_decide_nothing():
    assert words(decide(([1.0, 3.0], [1.5, 3.5], [0.5, 2.5]), [2.0, 2.0])) == ["undecided", "undecided"]


@pytest.mark.parametrize("bound", ["b", "2 * b", "b * b", "b**2", "b / 4", "1 / b", "sqrt(b)", "max(b, 1)", "b + 1"])
def test_arithmetic_does_not_mend_ends_that_have_crossed(bound):
    values = on(HOST, {"a": [0.1, 0.1, 9.0], "b": ([2.0, 2.0, 2.0], [1.0, 3.0, 3.0], [3.0, 1.0, 1.0])})
    assert words(outcomes(claim(bound=bound), P, {}, values)) == ["holds", "undecided", "undecided"]


def test_comparisons_count_decided_signs():
    out = decide([1.0, 3.0, 2.0, NAN, 1.0], [2.0] * 5, Comparison(), margins={"h": [1, 1, 1, 1, -1]}, given=("h",))
    found = tally(claim(Comparison(), given=("h",)), out, 0)
    assert (found.wins, found.losses, found.nonfinite) == (1, 1, 1)
    assert (found.difference.n, found.difference.total, found.difference.square) == (3, 0.0, 2.0)
    wide = decide(([1.0, 3.0], [0.0, 0.0], [9.0, 9.0]), [2.0, 2.0], Comparison())
    assert (tally(claim(Comparison()), wide, 0).wins, tally(claim(Comparison()), wide, 0).losses) == (0, 0)
    assert tally(claim(Mean(), given=("h",)), out, 0).wins == 0


def test_an_existence_claim_counts_what_has_the_property():
    found = tally(claim(Existence()), decide([1.0, 3.0], [2.0, 2.0], Existence()), 0)
    assert (found.holds, found.violated) == (1, 1)


# ---------------------------------------------------------------------------------------------------------- tallies


def test_a_tally_adds_up_and_remembers_where():
    a = [0.5, 1.0, 3.0, 2.5, NAN, 2.2, 4.0, 0.1]
    found = tally(claim(Mean()), decide(a, [2.0] * 8), 100)
    assert (found.drawn, found.holds, found.violated, found.undecided, found.nonfinite) == (8, 3, 4, 1, 1)
    assert [(e.outcome, e.instance, e.ratio) for e in found.worst] == [
        ("violated", 106, 2.0), ("violated", 102, 1.5), ("violated", 103, 1.25),
        ("holds", 101, 0.5), ("holds", 100, 0.25), ("holds", 107, 0.05),
    ]  # fmt: skip
    assert found.ratio_max == 2.0
    assert sum(found.sketch.values()) == found.decided
    assert found.measured.n == found.difference.n == 7
    assert found.measured.total == pytest.approx(13.3)
    assert found.difference.total == pytest.approx(13.3 - 14)
    assert found.measured_low == found.measured
    plain = tally(claim(), decide(a, [2.0] * 8), 100)
    assert plain == dataclasses.replace(found, **dict.fromkeys(SUMS, Sums())), "means decide nothing of this kind"


def test_ties_go_to_the_smaller_number():
    found = tally(claim(), decide([3.0] * 5, [2.0] * 5), 10)
    assert [e.instance for e in found.worst] == [10, 11, 12]


def test_the_plainest_violation_is_the_shortest_to_write_down():
    out = decide([3.0, 1.0, 9.0], [2.0] * 3)
    written = trial.written_length({"x": np.asarray([[0.125, 0.2], [1.0, 1.0], [2.0, 3.0]]), "y": np.asarray([[1.0]])})
    found = tally(claim(), out, 4, written)
    assert found.plainest[1] == 6
    assert tally(claim(), out, 4).plainest == []
    assert trial.written_length({"x": np.zeros((2, 41))}) is None


# ------------------------------------------------------------------------------------------------- missing, raising


def test_errors_name_what_is_missing():
    values = {"a": np.ones(2), "size": np.ones(2)}
    with pytest.raises(TrialError, match=r"'claim' uses b; there are a, size"):
        outcomes(claim(), P, {}, values)
    with pytest.raises(TrialError, match=r"uses error; there are scale, a"):
        outcomes(claim(measured="error", bound="a"), toys.Params(), {}, values)
    with pytest.raises(TrialError, match=r"'claim' uses sparse; there are bounded"):
        outcomes(claim(given=("sparse",), bound="a"), P, {"bounded": np.ones(2)}, values)


def run(theorem, start=0, stop=8, seed=1, family="plain", backend=HOST, **parameters):
    return trial.run_batch(theorem, toys.Params(**parameters), family, start, stop, seed, backend)


@pytest.mark.parametrize("part", ["sample", "hypotheses", "solve"])
def test_an_exception_names_the_batch(part):
    def broken(*_):
        raise ZeroDivisionError("no inverse")

    theorem = dataclasses.replace(toys.PLAIN, **{part: broken})
    words = r"ZeroDivisionError in plain, family 'hard', instances 16..23, seed 9, Params\(scale=2.0\): no inverse"
    with pytest.raises(TrialError, match=words):
        run(theorem, 16, 24, 9, "hard", scale=2.0)


def test_a_trial_error_is_not_wrapped():
    theorem = dataclasses.replace(toys.PLAIN, claims=(claim(),))
    with pytest.raises(TrialError, match=r"^claim 'claim' uses a, b; there are scale, value, path, t$"):
        run(theorem)


def test_warnings_of_numpy_are_counted_and_not_raised():
    def solve(p, x):
        return {"a": np.log(-x["u"]), "b": x["u"]}

    found = run(dataclasses.replace(toys.PLAIN, solve=solve, claims=(claim(),), figures=()))
    assert found.tallies["claim"]["plain"].nonfinite == 8


# ------------------------------------------------------------------------------------------------ streams and figures


def test_the_stream_depends_on_theorem_point_family_and_seed():
    def first(theorem=toys.PLAIN, p=None, family="plain", seed=0):
        p = p or toys.Params()
        return float(trial.draw_for(theorem, p, family, 0, 1, seed, HOST).uniform()[0])

    others = [first(toys.DIARY), first(p=toys.Params(scale=2)), first(family="hard"), first(seed=1)]
    assert len({first(), *others}) == 5
    assert first() == first(p=toys.Params(scale=1))


def test_a_batch_is_the_same_on_every_library(backend):
    wanted, found = run(toys.PLAIN, stop=40), run(toys.PLAIN, stop=40, backend=backend)
    assert found.tallies == wanted.tallies
    assert found.figures == wanted.figures


def test_the_first_of_equal_ratios_are_remembered():
    a = np.asarray([2.0, 4.0, 1.0, 4.0, 3.0, 4.0, 4.0, 4.0])
    found = tally(claim(), outcomes(claim(), P, {}, {"a": a, "b": np.full(8, 8.0)}), 10)
    assert [(e.ratio, e.instance) for e in found.worst] == [(0.5, 11), (0.5, 13), (0.5, 15)]
    found = tally(claim(), outcomes(claim(), P, {}, {"a": a[:5], "b": np.full(5, 8.0)}), 10)
    assert [(e.ratio, e.instance) for e in found.worst] == [(0.5, 11), (0.5, 13), (0.375, 14)]


def test_an_axis_with_steps_is_taken_at_the_step_of_the_ratio():
    figure = Figure("f", "ratio", ("claim",), "", "", "", against="s")
    a, s = np.asarray([[1.0, 3.0], [4.0, 2.0], [9.0, 1.0]]), np.asarray([[10.0, 11.0], [20.0, 21.0], [30.0, 31.0]])
    out = outcomes(claim(), P, {}, {"a": a, "b": np.full(3, 8.0)})
    rows = trial._rows(figure, 5, {"claim": out}, {"s": s})
    assert rows == [[5, 0, 11.0, 0.375], [6, 0, 20.0, 0.5], [7, 0, 30.0, 1.125]]
    for shared, at in ((s[:1], [11.0, 10.0, 10.0]), (np.asarray([2.0]), [2.0] * 3), (7, [7.0] * 3)):
        assert [row[2] for row in trial._rows(figure, 0, {"claim": out}, {"s": shared})] == at


def test_figures_of_a_batch():
    found = run(toys.PLAIN, 4, 20, scale=2.0)
    u = to_numpy(trial.draw_for(toys.PLAIN, toys.Params(scale=2.0), "plain", 4, 20, 1, HOST).uniform())
    cloud = found.figures["cloud"]["plain"]
    assert cloud == sorted(cloud)
    assert len(cloud) == 32
    assert cloud[0] == pytest.approx([4, 0, 2 * u[0], 2.0])
    assert cloud[1] == pytest.approx([4, 1, 2 * u[0], 1.2])
    assert found.figures["ratio"]["plain"][3] == pytest.approx([7, 0, 2 * u[3], u[3]])
    curves = found.figures["curves"]["plain"]
    assert curves["instance"] in range(4, 20)
    assert u[curves["instance"] - 4] >= 0.25
    assert curves["steps"] == [1, 2, 3, 4]
    assert curves["bound"]["given"] == pytest.approx([2, 1, 2 / 3, 0.5])
    assert "curves" not in run(toys.PLAIN, family="hard").figures


def test_a_cloud_has_the_first_instances_only():
    assert "cloud" not in run(toys.PLAIN, 400, 420).figures
    assert len(run(toys.PLAIN, 390, 420).figures["ratio"]["plain"]) == 10


def test_an_instance_set_aside_is_not_drawn():
    never = dataclasses.replace(
        toys.PLAIN, claims=(toys.NEVER,), figures=(Figure("c", "cloud", ("never",), "", "", ""),)
    )
    assert run(never).figures == {}
