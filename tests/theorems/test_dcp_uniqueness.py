"""Deep sparse representations: two of one signal at the limits, by hand, and all others by exact enumeration."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import draw, judge

from theorems.sparse_coding import _whole as whole
from theorems.sparse_coding._whole import WHOLE
from theorems.sparse_coding.dcp_uniqueness import FAMILIES, FIRST, FIRST_AT, SECOND, THEOREM

ONLY, PRODUCT, ALONE = "the only solution", "the only code, by the product", "the deepest code alone"


def instance(A1, A2, code) -> dict[str, np.ndarray]:
    return {"A1": np.asarray([A1], float), "A2": np.asarray([A2], float), "code": np.asarray([code], float)}


def halves(size: int, part: int) -> dict[str, np.ndarray]:
    """A simplex of so many atoms, under the sum of ``part`` of them and the negated sum of the others."""
    A1 = size * np.eye(size) - 1
    first = np.arange(size) < part
    return instance(A1, np.stack([1.0 * first, -1.0 * ~first], axis=1), [1, 0])


@pytest.mark.parametrize("size", [4, 6])
def test_half_of_a_simplex_and_the_other_half_negated(size):
    """2 lambda_1 = 1 + 1/mu_1 = size: two solutions."""
    at = judge(THEOREM, halves(size, size // 2))
    assert at.word(ONLY) == FIRST
    assert at.word("the first layer at the limit") == "violated"
    assert at.best("others")[0] == 1
    below = judge(THEOREM, halves(size, size // 2 - 1))
    assert below.word(ONLY) == "holds"
    assert below.best("others")[0] == 3
    assert below.word(ALONE) == "violated"
    assert below.best("free")[0] == 1


def test_the_limit_of_an_even_dimension_admits_half():
    """Five atoms: 2 lambda_1 = 4 < 5 = 1 + 1/mu_1."""
    assert judge(THEOREM, halves(5, 2)).word(ONLY) == "holds"
    beyond = judge(THEOREM, halves(5, 3))
    assert beyond.word("the first layer at the limit") == FIRST_AT
    assert beyond.best("others")[0] == 1


def test_parallel_atoms_of_the_second_layer():
    judged = judge(THEOREM, instance(5 * np.eye(5) - 1, [[1, -1], [0, 0], [0, 0], [0, 0], [0, 0]], [1, 0]))
    assert judged.word(ONLY) == SECOND
    assert judged.word("the second layer at the limit") == "violated"


def test_the_product_decides_where_the_layers_do_not():
    """k_1 = 3 of 5 atoms of a simplex is too many, yet the products of disjoint taps are far apart."""
    A2 = [[1, 0], [1, 0], [1, 0], [0, 1], [0, -1]]
    judged = judge(THEOREM, instance(5 * np.eye(5) - 1, A2, [1, 0]))
    assert judged.word(ONLY) == FIRST
    assert judged.word(PRODUCT) == "holds"


def test_lengths_of_the_columns_do_not_matter():
    x = halves(6, 2)
    scaled = {**x, "A1": x["A1"] * np.asarray([1, 2, 3, 1, 2, 1])}
    scaled["A2"] = x["A2"] * 2
    for claim in (ONLY, ALONE):
        assert judge(THEOREM, scaled).word(claim) == judge(THEOREM, {**x, "A1": scaled["A1"]}).word(claim)


def brute(x: dict[str, np.ndarray], i: int, most: int) -> int:
    """Fewest non-zeros of another code with entries up to 3, the code above with ``most`` non-zeros at most."""
    A1, A2, code = (x[name][min(i, len(x[name]) - 1)] for name in ("A1", "A2", "code"))
    signal, best = A1 @ A2 @ code, len(code) + 1
    for other in product(range(-3, 4), repeat=len(code)):
        above = A2 @ np.asarray(other, float)
        if np.array_equal(A1 @ above, signal) and np.count_nonzero(above) <= most and any(other != code):
            best = min(best, np.count_nonzero(other))
    return best


@pytest.mark.parametrize("family", FAMILIES)
def test_no_code_with_small_entries_is_sparser_than_the_enumeration_says(family):
    judged = draw(THEOREM, family, 4, seed=2, atoms=3)
    for i in range(4):
        most = np.count_nonzero(judged.x["A2"][i] @ judged.x["code"][i])
        assert brute(judged.x, i, most) >= judged.best("others")[i]
        assert brute(judged.x, i, 7) >= judged.best("free")[i]


def test_the_enumeration_finds_exactly_what_there_is():
    for size, part, others, free in ((4, 2, 1, 1), (6, 2, 3, 1), (5, 3, 1, 1)):
        columns = [[[int(v) for v in column] for column in halves(size, part)[name][0].T] for name in ("A1", "A2")]
        assert whole.fewest_deep_others(*columns, [1, 0], part) == others
        assert whole.fewest_deep_others(*columns, [1, 0], size) == free


@pytest.mark.parametrize("family", FAMILIES)
def test_the_reference_and_exact_arithmetic_find_the_same(family):
    judged = draw(THEOREM, family, 2, seed=1)
    for i in range(2):
        alone = judged.alone(i)
        theirs = THEOREM.reference(judged.p, alone)
        margins, found = THEOREM.exact(
            judged.p, {name: np.vectorize(lambda v: Fraction(int(v)))(a[0]).tolist() for name, a in alone.items()}
        )
        for name in ("others", "free", "k2"):
            assert theirs[name][0] == found[name] == judged.best(name)[i]
        mine = THEOREM.hypotheses(judged.p, alone)
        for name, margin in margins.items():
            assert (margin >= 0) == (mine[name][0] >= 0)


def test_entries_that_are_not_whole_are_set_aside():
    x = halves(6, 2)
    assert judge(THEOREM, {**x, "A1": x["A1"] / 3}).word(ONLY) == WHOLE
    with pytest.raises(ValueError, match="whole numbers"):
        THEOREM.exact(THEOREM.parameters(), {"A1": [[Fraction(1, 2)]], "A2": [[Fraction(1)]], "code": [Fraction(1)]})


@given(seed=st.integers(0, 2**31), family=st.sampled_from(sorted(FAMILIES)), m=st.integers(4, 6))
@settings(max_examples=12)
def test_nothing_that_should_hold_is_violated(seed, family, m):
    judged = draw(THEOREM, family, 4, seed, m=m, atoms=3)
    for claim in (ONLY, PRODUCT):
        assert not {"violated", "undecided"} & set(judged.words(claim))
    assert set(judged.words("the first layer at the limit")) <= {"holds", "violated", FIRST_AT, SECOND}
