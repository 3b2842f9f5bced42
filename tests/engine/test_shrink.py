"""Shrinking: down to the smallest instance where that is known, and never out of the theorem's domain."""

import flint
import numpy as np
import pytest
from pydantic import Field

from verify import Claim, Enclosure, Every, Formula, Parameters, Theorem
from verify.core.arrays import namespace, norm1, norm2
from verify.core.formula import as_ball
from verify.engine import campaign, catalogue, shrink, trial, witness
from verify.engine.campaign import Settings
from verify.engine.ledger import Ledger

# ------------------------------------------------------------------------------------------------- toys

CLAIM = Claim("no bent ones", Every(), "one", Formula("two"), ("enough",), expects="refuted", because="")


class Params(Parameters):
    """How large the sum must be."""

    least: float = Field(0.0, description="the sum of the entries is at least this")


def toy(sample, claims=(CLAIM,), hypotheses=None, solve=None, **more):
    """Claims that the l1 norm of x is at most its l2 norm: two entries refute it."""

    def enough(p, x):
        return {"enough": namespace(x["x"]).sum(x["x"], axis=-1) - p.least}

    def sizes(p, x):
        return {"one": norm1(x["x"]), "two": norm2(x["x"])}

    return Theorem("toy", "Toy", Params, sample, hypotheses or enough, solve or sizes, {"all": ""}, claims, (), **more)


def near_one(draw, p, family):
    return {"x": draw.uniform(6, low=0.6, high=1.4)}


def first(theorem, p, number=0):
    draw = trial.draw_for(theorem, p, "all", number, number + 1, 0, campaign.backend("numpy"))
    return theorem.sample(draw, p, "all")


@pytest.mark.parametrize(("least", "smallest"), [(0, [1, 1]), (3, [1, 1, 1])])
def test_the_smallest_instance_that_meets_the_hypotheses(least, smallest):
    theorem, p = toy(near_one), Params(least=least)
    for number in range(6):
        x = first(theorem, p, number)
        found = shrink.shrink(theorem, p, CLAIM, x, "all")
        np.testing.assert_array_equal(found["x"], [smallest])


def test_negative_entries_become_positive_and_others_zero():
    def sample(draw, p, family):
        return {"x": draw.sign(4) * draw.uniform(4, low=0.6, high=1.4), "y": draw.normal(5)}

    theorem = toy(sample)
    x = first(theorem, Params(least=-9))
    found = shrink.shrink(theorem, Params(least=-9), CLAIM, x, "all")
    np.testing.assert_array_equal(found["x"], [[1, 1]])
    np.testing.assert_array_equal(found["y"], [[0]])
    assert shrink.cost(found) == 2 + 2 + 1


@pytest.mark.parametrize("seed", range(4))
def test_every_result_is_shorter_confirmed_and_eligible_and_the_same_twice(seed):
    def sample(draw, p, family):
        return {"x": draw.normal(5), "y": draw.normal(5, 3)}

    theorem, p = toy(sample), Params(least=0.3)
    tried = 0
    for number in range(40 * seed, 40 * seed + 40):
        x = first(theorem, p, number)
        before = {name: a.copy() for name, a in x.items()}
        if not witness.recheck(theorem, p, CLAIM, x)["confirmed"]:
            unchanged = shrink.shrink(theorem, p, CLAIM, x)
            assert all((unchanged[name] == x[name]).all() for name in x)
            continue
        tried += 1
        found, again = (shrink.shrink(theorem, p, CLAIM, x, "all") for _ in range(2))
        assert shrink.cost(found) < shrink.cost(x)
        assert witness.recheck(theorem, p, CLAIM, found)["confirmed"]
        assert found["x"].sum() >= 0.3
        for name in x:
            np.testing.assert_array_equal(found[name], again[name])
            np.testing.assert_array_equal(x[name], before[name])
    assert tried > 10


def test_what_is_fixed_or_shared_is_left_alone_and_integers_keep_their_entries():
    def sample(draw, p, family):
        return {
            **near_one(draw, p, family),
            "table": draw.normal(3),
            "shared": draw.backend.asarray([[0.3, 0.7]]),
            "labels": draw.integers(2, 9, 6),
        }

    theorem = toy(sample, fixed=("table",))
    x = first(theorem, Params())
    found = shrink.shrink(theorem, Params(), CLAIM, x, "all")
    for name in ("table", "shared"):
        np.testing.assert_array_equal(found[name], x[name])
    assert found["labels"].shape == found["x"].shape == (1, 2)
    assert set(found["labels"].ravel()) <= set(x["labels"].ravel())


def test_repair_ties_the_arrays_together_again():
    def sample(draw, p, family):
        x = draw.uniform(4, low=0.6, high=1.4)
        return {"x": x, "radius": norm1(x)}

    def tied(p, x):
        return {"enough": 1e-12 - namespace(x["x"]).abs(x["radius"] - norm1(x["x"]))}

    def repair(p, x):
        return {**x, "radius": norm1(x["x"])}

    x = first(toy(sample), Params())
    alone = shrink.shrink(toy(sample, hypotheses=tied), Params(), CLAIM, x, "all")
    assert alone["x"].shape == (1, 4)
    found = shrink.shrink(toy(sample, hypotheses=tied, repair=repair), Params(), CLAIM, x, "all")
    np.testing.assert_array_equal(found["x"], [[1, 1]])
    assert found["radius"] == [2]
    # The tie counts where no hypothesis names it, and not for an instance that breaks it.
    free = toy(sample, repair=repair)
    assert shrink.shrink(free, Params(), CLAIM, x, "all")["radius"] == [2]
    assert shrink.shrink(free, Params(), CLAIM, {**x, "radius": 1.5 * x["radius"]}, "all")["radius"] != [2]


def test_what_all_draws_have_in_common_stays():
    def sample(draw, p, family):
        G, w = draw.normal(3, 3), draw.uniform(3, low=0.2, high=1.0)
        xp = draw.xp
        return {
            "x": draw.uniform(3, low=0.6, high=1.4),
            "symmetric": G + xp.matrix_transpose(G),
            "law": w / xp.sum(w, axis=-1, keepdims=True),
            "step": draw.uniform(low=0.1, high=0.2),
            "points": draw.normal(3, 2),
        }

    theorem = toy(sample)
    found = shrink.shrink(theorem, Params(), CLAIM, first(theorem, Params()), "all", work=10**6, seconds=20)
    np.testing.assert_array_equal(found["symmetric"], found["symmetric"].swapaxes(-1, -2))
    assert found["law"].sum() == pytest.approx(1, abs=1e-9)
    assert found["step"] > 0
    rows = found["points"][0]
    assert len({tuple(row) for row in rows}) == len(rows)


def test_a_claim_that_should_hold_is_not_given_up():
    """Entries are at least 2, which no hypothesis says; the claim that holds knows it."""

    def sample(draw, p, family):
        return {"x": draw.uniform(4, low=2.0, high=3.0), "base": draw.uniform(low=2.2, high=3.0)}

    def solve(p, x):
        return {"one": norm1(x["x"]), "two": norm2(x["x"]), "base": x["base"]}

    holds = Claim("base", Every(), "base", Formula("2"), relation=">=")
    for claims, smallest in (((CLAIM,), 1), ((CLAIM, holds), 2)):
        theorem = toy(sample, claims, solve=solve)
        found = shrink.shrink(theorem, Params(), CLAIM, first(theorem, Params()), "all")
        assert found["base"] == pytest.approx(3 if smallest == 2 else found["base"])
        assert (found["base"] >= 2) == (smallest == 2) or smallest == 1


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_entries_of_another_scale_are_brought_back(scale):
    """A search drifts to them where the ratio does not see the scale; rounding finds no short numbers there."""

    def some(draw, p, family):
        return {"x": scale * draw.uniform(4, low=0.6, high=1.4)}

    claim = Claim("far from bent", Every(), "one", Formula("1.35 * two"), expects="refuted", because="")
    theorem = toy(some, (claim,))
    found = shrink.shrink(theorem, Params(), claim, first(theorem, Params()), "all")
    np.testing.assert_array_equal(found["x"], [[1, 1]])


def test_functions_that_refuse_a_shape_are_no_obstacle():
    def picky(p, x):
        if x["x"].shape[-1] < 4:
            raise ValueError("four at least")
        return {"one": norm1(x["x"]), "two": norm2(x["x"])}

    theorem = toy(near_one, solve=picky)
    found = shrink.shrink(theorem, Params(), CLAIM, first(theorem, Params()), "all")
    np.testing.assert_array_equal(found["x"], [[1, 1, 1, 1]])  # no draw has a zero


def test_work_and_seconds_are_bounded(monkeypatch):
    theorem, calls = toy(near_one), []
    monkeypatch.setattr(shrink.witness, "solved_alone", lambda t, p, x: calls.append(1) or t.solve(p, x))
    x = first(theorem, Params())
    shrink.shrink(theorem, Params(), CLAIM, x, "all", work=3 * shrink.SMALLEST)
    assert len(calls) == 1 + 3
    large = {"x": np.ones((1, shrink.LARGEST + 1))}
    for instance, seconds in ((x, 0), (large, 60)):
        unchanged = shrink.shrink(theorem, Params(), CLAIM, instance, "all", seconds=seconds)
        np.testing.assert_array_equal(unchanged["x"], instance["x"])


def test_the_cost_is_the_length_of_what_is_written():
    rng = np.random.default_rng(0)
    values = [0.0, -0.0, 1, -1, 0.5, -0.3, 1 / 3, 2 / 7, 1e300, 1e9, 0.1234, -5e-324, 97 / 99, 0.15000000000000002]
    for value in [*values, *rng.normal(size=50).tolist()]:
        length = 1 if value == 0 else 1 + len(witness.written(float(value)))
        assert shrink.cost({"a": np.asarray([value])}) == length
        assert shrink.cost({"a": np.full(shrink.ENTRIES + 1, value)}) == length * (shrink.ENTRIES + 1)


# ---------------------------------------------------------------------------------------- theorems of the catalogue


@pytest.mark.parametrize("name", ["pgd", "ipgd", "ge_margin", "input_margin"])
def test_the_wordings_of_the_documents_have_small_certified_witnesses(name, tmp_path):
    theorem = catalogue.load(name)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        settings = Settings(backend="numpy", instances=500)
        result = campaign.run(theorem, theorem.parameters(), settings, ledger, tmp_path)
    refuted = [c for c in result.claims if c.witness and theorem.claim(c.name).grade]
    assert {c.name for c in refuted} == {c.name for c in theorem.claims if c.grade}
    for claim in refuted:
        record, file = claim.witness, tmp_path / name / claim.witness["file"]
        found = witness.replay(file)
        assert found.confirmed
        certified = [line for line in found.lines if line.startswith("certified in exact arithmetic: ")]
        assert certified == [f"certified in exact arithmetic: {record['certified']}"]
        _, x = witness._read(file)
        lengths = {"pgd": "Z", "ipgd": "Z", "input_margin": "x"}
        if name in lengths:
            assert x[lengths[name]].shape[-1] <= 3
        entries = [value for a in x.values() for value in a.ravel().tolist()]
        assert all(witness.rational(value).denominator <= 100 for value in entries)


SMALL = {
    "pgd": ("noise by hand", "loose radius", "start outside"),
    "ipgd": ("noise by hand", "small signal", "loose radius", "large step", "exact set", "reflected plane"),
    "ge_margin": (
        "four labels in a ball",
        "nearest neighbour",
        "label of the cell",
        "worst learner",
        "crowd and hermit",
    ),
    "input_margin": ("one variable", "two intervals", "aligned"),
}


@pytest.mark.parametrize(("name", "family"), [(name, family) for name in SMALL for family in SMALL[name]])
def test_exact_arithmetic_agrees_with_the_reference(name, family):
    """Wherever both give a quantity, their enclosures overlap up to 1e-6; whole numbers are the same."""
    theorem, p = catalogue.load(name), catalogue.load(name).parameters()
    compared = set()
    for number in range(3):
        draw = trial.draw_for(theorem, p, family, number, number + 1, 0, campaign.backend("numpy"))
        x = theorem.sample(draw, p, family)
        with flint.ctx.workprec(witness.BITS):
            margins, found = theorem.exact(p, {n: witness._rationals(a[0].tolist()) for n, a in x.items()})
        rounded = theorem.hypotheses(p, x)
        for given in margins:  # what is met exactly is met in floats
            assert rounded[given][0] >= 0 or not margins[given] >= 0
        wanted = theorem.reference(p, x)
        for quantity in set(found) & set(wanted) - {"delta", "tail", "level"}:
            compared.add(quantity)
            ends = wanted[quantity]
            low, high = (ends.lower, ends.upper) if isinstance(ends, Enclosure) else (ends, ends)
            given = found[quantity] if isinstance(found[quantity], list) else [found[quantity]]
            for a, b, value in zip(np.ravel(low), np.ravel(high), given, strict=True):
                if isinstance(value, int):
                    assert a == value == b
                else:
                    ball = as_ball(value)
                    slack = 1e-6 * (1 + abs(b))
                    assert float(ball.lower()) - slack <= b, (quantity, value, a, b)
                    assert float(ball.upper()) + slack >= a, (quantity, value, a, b)
    assert len(compared) >= 5
