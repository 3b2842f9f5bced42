"""Orthogonal matching pursuit: by hand, ties, the limit on the simplex, attained bounds, the stopping rule."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import draw, judge, one

from theorems.sparse_coding import _instances as instances
from theorems.sparse_coding.omp_success import BALL, HALF, LOCAL, SPARSE, THEOREM, UNIT, WHOLE, WIDER
from verify.kit import dictionaries

LEAD, SUPPORT, STEPS, ERROR = "lead at every step", "the support", "number of steps", "error"
ATOMS = [[1.0, -0.28, 0.28], [0.0, 0.96, 0.0], [0.0, 0.0, 0.96]]


def three(alpha, v=(0, 0, 0), radius=0.0):
    """The three atoms by hand."""
    x = one(alpha=alpha, v=v, radius=radius)
    return judge(THEOREM, x | {"D": np.asarray([ATOMS]), "mu": np.asarray([0.28])})


def on_simplex(n, k, v=None):
    """k equal entries on the simplex of n + 1 atoms."""
    D = dictionaries.simplex(n).D[None]
    alpha = (np.arange(n + 1) < k).astype(float)
    x = one(alpha=alpha, v=np.zeros(n) if v is None else v, radius=0.0)
    return judge(THEOREM, x | {"D": D, "mu": np.asarray([1 / n])})


def test_three_atoms_by_hand():
    """alpha = (1, 1, 0): correlations 0.72, 0.72 and 0.2016."""
    judged = three((1, 1, 0), radius=0.01)
    assert judged.best("lost")[0, 0] == pytest.approx(1 - 0.72 + 0.2016)
    assert all(judged.word(claim) == "holds" for claim in (LEAD, SUPPORT, STEPS, ERROR))
    assert judged.best("steps")[0] == 2
    assert judged.best("error")[0] == 0


def test_noise_that_raises_the_third_atom():
    """v = t (-3, -4, 4)/10 has the correlations -0.3 t, -0.3 t, 0.3 t: 0.72 - 0.3 t against 0.2016 + 0.3 t."""
    for t, word in ((0.86, "holds"), (0.87, "violated")):
        judged = three((1, 1, 0), v=t * np.asarray([-0.3, -0.4, 0.4]))
        assert judged.word("noise not in the condition") == word
        assert judged.word(SUPPORT) == LOCAL
    assert judged.best("missed")[0] == 1
    assert three((1, 1, 0), v=0.26 * np.asarray([-0.3, -0.4, 0.4])).word(SUPPORT) == "holds"


def test_a_tie_with_an_atom_off_the_support_is_undecided():
    """k = (n + 1)/2 equal entries on a simplex of odd dimension: all correlations are equal, and OMP may go wrong."""
    for n in (3, 7, 39):
        judged = on_simplex(n, (n + 1) // 2)
        quantity = judged.quantities["missed"]
        assert (quantity.lower[0], quantity.upper[0]) == (0, (n + 1) // 2)
        assert judged.word("one non-zero more") == "undecided"
        assert judged.word(SUPPORT) == LOCAL
        assert np.isnan(judged.best("error")[0])
    assert on_simplex(39, 21).best("missed")[0] > 0
    assert on_simplex(39, 19).word(SUPPORT) == "holds"


def test_a_tie_within_the_support_is_none():
    assert on_simplex(40, 20).word(SUPPORT) == on_simplex(40, 20).word(ERROR) == "holds"


def test_one_more_than_the_limit_is_wrong():
    judged = on_simplex(40, 21)
    assert judged.word("one non-zero more") == "violated"
    assert judged.word(SUPPORT) == LOCAL
    assert judged.word(LEAD) == SPARSE


@pytest.mark.parametrize("k", [1, 2, 10, 19])
def test_the_lead_is_attained_on_the_simplex(k):
    D = dictionaries.simplex(40).D
    v = -1e-3 * D[:, : k + 1].sum(axis=1)
    judged = on_simplex(40, k, v)
    noise = D.T @ v
    assert noise[: k + 1] == pytest.approx(np.full(k + 1, -np.abs(noise).max()))
    assert judged.word(LEAD) == "holds"
    assert judged.ratio(LEAD)[0] == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("k", [1, 2, 10, 20])
def test_the_error_is_attained_along_the_support(k):
    judged = draw(THEOREM, "simplex, along T", 32, k=k)
    decided = np.asarray(judged.words(ERROR)) == "holds"
    assert decided.mean() > 0.7
    assert judged.ratio(ERROR)[decided].max() == pytest.approx(1, abs=1e-6)
    assert "violated" not in judged.words(ERROR)


@pytest.mark.parametrize("name", instances.STANDARD)
def test_every_admitted_k_is_found(name):
    top = dictionaries.admitted(draw(THEOREM, f"{name}, random", 1).x["mu"][0], HALF)
    for k in {1, top}:
        for family in ("random", "victim off", "along T"):
            judged = draw(THEOREM, f"{name}, {family}", 12, k=k)
            assert judged.word(SUPPORT) == judged.word(LEAD) == "holds"
            assert set(judged.words(STEPS)) <= {"holds", WHOLE}


def test_contrast_does_not_matter():
    D = dictionaries.simplex(40).D[None]
    alpha = np.r_[10.0 ** -np.arange(8), np.zeros(33)][None]
    judged = judge(THEOREM, {"D": D, "mu": np.asarray([1 / 40]), "alpha": alpha, **one(v=np.zeros(40), radius=1e-8)})
    assert judged.word(SUPPORT) == judged.word(STEPS) == "holds"
    assert judged.best("steps")[0] == 8


def test_without_noise_the_rule_for_zero_residual_is_undecided():
    judged = three((1, 1, 0), radius=0.0)
    assert judged.word(STEPS) == "undecided"
    assert judged.quantities["steps"].lower[0] == 2
    assert np.isinf(judged.quantities["steps"].upper[0])


def test_noise_longer_than_r_is_set_aside():
    for radius, word in ((0.02, "holds"), (0.0199, BALL), (0.08 + 1e-12, WHOLE)):
        assert three((1, 1, 0), v=(0, 0.02, 0), radius=radius).word(STEPS) == word


def test_the_edges_of_the_conditions():
    """For alpha = (1, 0, 0) the noise may have correlations below 0.36."""
    for size, word in ((0.36 - 1e-8, "holds"), (0.36, LOCAL)):
        assert three((1, 0, 0), v=(-size, 0, 0)).word(SUPPORT) == word
    assert three((0, 0, 0)).word(SUPPORT) == LOCAL
    assert three((0, 0, 0)).word("one non-zero more") == WIDER
    x = draw(THEOREM, "simplex, random", 4).x
    assert judge(THEOREM, x | {"D": x["D"] * (1 + 1e-9)}).word(LEAD) == UNIT


def test_more_non_zeros_than_rows():
    judged = three((1, 1, 1))
    assert judged.word(SUPPORT) == LOCAL
    assert on_simplex(4, 5).word(SUPPORT) == LOCAL


@given(
    alpha=st.tuples(st.sampled_from([1, 2]), *[st.sampled_from([0, 1, -1, 3, 0.5])] * 2),
    v=st.tuples(*[st.floats(-0.5, 0.5, width=32)] * 3),
)
@settings(max_examples=100)
def test_floats_never_contradict_rationals(alpha, v):
    judged = three(alpha, v, radius=1.0)
    x = {name: np.vectorize(Fraction, otypes=[object])(a[0]).tolist() for name, a in judged.x.items()}
    try:
        _, found = THEOREM.exact(judged.p, x)
    except ValueError:
        assert judged.quantities["missed"].upper[0] > 0
        return
    missed, delta = judged.quantities["missed"], judged.best("delta")[0]
    assert missed.lower[0] <= found["missed"] <= missed.upper[0]
    steps = len(found["lost"])
    assert np.abs(judged.best("lost")[0, :steps] - [float(v) for v in found["lost"]]).max() <= delta.max()
    if missed.upper[0] == 0:
        assert judged.best("error")[0] == pytest.approx(float(found["error"]), abs=1e-10)
