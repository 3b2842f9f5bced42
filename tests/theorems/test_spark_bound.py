"""The spark: by hand and by brute force, where the bound is attained, and where the false neighbours fail."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from flint import fmpz_mat
from judge import draw, judge, one

from theorems.sparse_coding import _whole as whole
from theorems.sparse_coding.spark_bound import DEPENDENT, FAMILIES, NONZERO, THEOREM, WHOLE
from verify.core.arrays import backend
from verify.core.enclosure import Enclosure
from verify.engine import witness
from verify.engine.trial import draw_for
from verify.kit import dictionaries

EXACT, CERTIFIED, RANK = "at least 1 + 1/mu, exactly", "at least 1 + 1/mu", "at most one more than the rank"
HOLDS = (EXACT, CERTIFIED, RANK)
HADAMARD = one(A=np.concatenate([np.eye(4), [[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]], axis=1))


def by_hand(A: np.ndarray) -> int:
    m = A.shape[1]
    sizes = (k for k in range(1, m + 1) for s in combinations(range(m), k) if exact_rank(A[:, list(s)]) < k)
    return next(sizes, m + 1)


def exact_rank(A: np.ndarray) -> int:
    return fmpz_mat(A.astype(int).tolist()).rank()


@pytest.mark.parametrize("n", range(2, 8))
def test_the_simplex_attains_both_bounds(n):
    judged = judge(THEOREM, one(A=(n + 1) * np.eye(n + 1) - 1))
    values = [int(judged.best(name)[0]) for name in ("spark", "least", "rank")]
    assert values == [n + 1, n + 1, n]
    assert {judged.word(claim) for claim in HOLDS} == {"holds"}
    assert judged.word("one more") == "violated"


def test_identity_and_hadamard_of_order_four():
    judged = judge(THEOREM, HADAMARD)
    assert [int(judged.best(name)[0]) for name in ("spark", "least", "rank")] == [4, 3, 4]
    assert judged.word("twice 1/mu") == judged.word("general position") == "violated"
    assert judged.word("one more") == "holds"


@pytest.mark.parametrize(("q", "found", "bound"), [(5, 4, 3.236), (13, 8, 4.606)])
def test_conference_frames_are_in_general_position(q, found, bound):
    judged = judge(THEOREM, {"D": dictionaries.conference(q).D[None]})
    certified = judged.quantities["certified"]
    assert isinstance(certified, Enclosure)
    assert certified.lower[0] == certified.upper[0] == found
    assert 1 + 1 / judged.best("mu")[0] == pytest.approx(bound, abs=1e-3)
    assert judged.word(CERTIFIED) == "holds"
    assert judged.word(EXACT) == WHOLE


def test_parallel_atoms_have_spark_two_and_coherence_one():
    judged = judge(THEOREM, one(A=[[1, 2, 0], [2, 4, 1]]))
    assert [int(judged.best(name)[0]) for name in ("spark", "least")] == [2, 2]
    assert judged.word(EXACT) == judged.word(CERTIFIED) == "holds"


def test_independent_atoms_count_as_one_more_than_all():
    judged = judge(THEOREM, one(A=[[1, 0, 0], [0, 1, 3], [1, 1, 9]]))
    assert [int(judged.best(name)[0]) for name in ("spark", "rank")] == [4, 3]
    assert judged.word(EXACT) == judged.word(RANK) == "holds"
    assert judged.word(CERTIFIED) == DEPENDENT


def test_what_is_not_whole_or_0_is_set_aside():
    assert judge(THEOREM, one(A=[[1, 0, 1], [0, 0.5, 1]])).word(EXACT) == WHOLE
    assert judge(THEOREM, one(A=[[1, 0, 1], [0, 0, 1]])).word(EXACT) == NONZERO
    assert judge(THEOREM, one(A=[[2**31 - 1, 1, 0], [0, 1, 1]])).word(EXACT) == WHOLE  # minors beyond the prime
    assert judge(THEOREM, {"D": np.ones((1, 2, 3))}).word(CERTIFIED) == NONZERO


def test_dependence_within_rounding_is_not_decided():
    """Three atoms of a plane that are dependent but for the last bits: the spark is 3 or 4."""
    D = np.asarray([[[1.0, 0.6, 0.0, 0.0], [0.0, 0.8, 1.0, 0.6], [0.0, 0.0, 0.0, 0.8]]])
    D[0, 2, 1] = 1e-12
    found = judge(THEOREM, {"D": D}).quantities["certified"]
    assert (found.lower[0], found.upper[0]) == (3, 4)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_family_violates_what_should_hold(family):
    judged = draw(THEOREM, family, 48, seed=1)
    for claim in HOLDS:
        assert set(judged.words(claim)) <= {"holds", WHOLE, NONZERO}


@pytest.mark.parametrize("family", whole.FAMILIES)
def test_the_sparks_of_every_family_by_hand(family):
    judged = draw(THEOREM, family, 6)
    assert judged.best("spark").tolist() == [by_hand(A) for A in judged.x["A"]]
    for i in range(6):
        theirs = THEOREM.reference(judged.p, {"A": judged.x["A"][i : i + 1]})
        for name in ("spark", "least", "rank"):
            assert theirs[name][0] == judged.best(name)[i]


@pytest.mark.parametrize("family", whole.FAMILIES)
def test_the_vector_of_the_kernel_is_one(family):
    p = THEOREM.parameters()
    A, h = whole.atoms(draw_for(THEOREM, p, family, 0, 32, 5, backend("numpy")), p, family)
    assert np.all(np.einsum("bnm,bm->bn", np.broadcast_to(A, (32, *A.shape[1:])), h) == 0)
    assert (np.count_nonzero(h, axis=1) >= 2).all() == (family not in (whole.RANDOM, whole.TERNARY))


def test_exact_arithmetic_certifies_the_violations():
    p = THEOREM.parameters()
    for claim in ("twice 1/mu", "general position"):
        assert witness.certify(THEOREM, p, THEOREM.claim(claim), HADAMARD).excess > 0
    with pytest.raises(witness.NotCertified):
        witness.certify(THEOREM, p, THEOREM.claim(EXACT), HADAMARD)
    columns = [[Fraction(int(v)) for v in column] for column in HADAMARD["A"][0].T]
    assert (whole.spark(columns), whole.least_spark(columns), whole.coherence_squared(columns)) == (
        4,
        3,
        Fraction(1, 4),
    )
