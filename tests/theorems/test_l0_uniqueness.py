"""The sparsest representation: ties exactly at the limit, brute force, eigenvalues that attain the bound."""

from __future__ import annotations

import numpy as np
import pytest
from judge import draw, judge, one

from theorems.sparse_coding import _instances as instances
from theorems.sparse_coding import _whole as whole
from theorems.sparse_coding.l0_uniqueness import FAMILIES, NONZERO, PAIR, RANDOM, SPARSE, THEOREM, WHOLE
from verify.engine import witness
from verify.kit import dictionaries

UNIQUE, TWO, NEAR = "the only one so sparse", "two representations", "few atoms are nearly orthogonal"
LIMIT, BEYOND = "at the limit", "as many as are independent"


def simplex(n: int, k: int) -> dict:
    """The first k of the n + 1 atoms, in whole numbers."""
    alpha = np.repeat([1.0, 0.0], [k, n + 1 - k])
    return one(A=(n + 1) * np.eye(n + 1) - 1, alpha=alpha, union=np.ones(n + 1))


@pytest.mark.parametrize("n", [2, 3, 5, 6, 7])
def test_on_the_simplex_the_other_atoms_negated_are_the_other_representation(n):
    for k in range(1, n + 1):
        judged = judge(THEOREM, simplex(n, k))
        assert judged.best("others")[0] == n + 1 - k
        assert judged.word(TWO) == "holds"
        assert judged.ratio(TWO)[0] == 1
        assert judged.word(UNIQUE) == ("holds" if 2 * k < n + 1 else SPARSE)


@pytest.mark.parametrize("n", [3, 5, 7])
def test_at_the_limit_there_is_a_tie(n):
    judged = judge(THEOREM, simplex(n, (n + 1) // 2))
    assert judged.word(UNIQUE) == SPARSE
    assert judged.word(LIMIT) == judged.word(BEYOND) == "violated"
    certificate = witness.certify(THEOREM, judged.p, THEOREM.claim(LIMIT), judged.x)
    assert certificate.excess == 1


def test_identity_and_hadamard_admit_one_and_bear_two():
    """Spark 4: two sparsest representations of two non-zeros; the coherence 1/2 admits one non-zero."""
    A = np.concatenate([np.eye(4), whole._SYLVESTER], axis=1)
    judged = judge(THEOREM, one(A=A, alpha=[1, 0, 1, 0, 0, 0, 0, 0], union=np.ones(8)))
    assert judged.best("others")[0] == judged.best("k")[0] == 2
    assert judged.best("least")[0] == 3
    alone = judge(THEOREM, one(A=A, alpha=[1, 0, 0, 0, 0, 0, 0, 0], union=np.ones(8)))
    assert alone.best("others")[0] == 3
    assert alone.word(UNIQUE) == "holds"


def test_a_double_of_an_atom():
    judged = judge(THEOREM, one(A=[[1, 2, 0], [1, 2, 1]], alpha=[1, 0, 0], union=[1, 1, 0]))
    assert judged.best("others")[0] == 1
    assert judged.word(UNIQUE) == SPARSE
    assert judged.word("whatever the coherence") == "violated"


def test_nothing_represents_0_but_0_and_the_kernel():
    judged = judge(THEOREM, simplex(3, 0))
    assert judged.best("others")[0] == 4
    assert judged.word(UNIQUE) == judged.word(TWO) == "holds"


@pytest.mark.parametrize("family", FAMILIES)
def test_no_family_violates_what_should_hold(family):
    judged = draw(THEOREM, family, 48, seed=2)
    for claim in (UNIQUE, TWO, NEAR):
        assert set(judged.words(claim)) <= {"holds", WHOLE, NONZERO, SPARSE, PAIR}
    if family in whole.PLANTING:
        assert "holds" in judged.words(TWO)


@pytest.mark.parametrize("name", instances.STANDARD)
def test_chosen_atoms_attain_the_bound_of_gershgorin(name):
    """Two atoms always do; on the simplex any number, on the conference frame and among lines four."""
    chosen = draw(THEOREM, f"{name}, chosen atoms", 64)
    u, ratios = chosen.best("u"), chosen.ratio(NEAR)
    assert ratios[u == 2] == pytest.approx(np.ones((u == 2).sum()), abs=1e-9)
    attained = {int(v) for v, ratio in zip(u, ratios, strict=True) if ratio > 1 - 1e-9}
    if name == "simplex":
        assert attained == set(u.astype(int).tolist())
    assert max(attained) >= {"simplex": 30, "identity and Hadamard": 2}.get(name, 4)
    if name in RANDOM:
        random = draw(THEOREM, f"{name}, random atoms", 64)
        assert np.median(random.ratio(NEAR)[random.best("u") > 3]) < np.median(ratios[u > 3])


def test_the_whole_simplex_is_dependent():
    judged = judge(THEOREM, {"D": dictionaries.simplex(6).D[None], "mu": np.asarray([1 / 6]), "union": np.ones((1, 7))})
    assert judged.best("dip")[0] == pytest.approx(1, abs=1e-13)
    assert judged.ratio(NEAR)[0] == pytest.approx(1, abs=1e-12)


def test_fractions_and_unequal_columns_are_set_aside():
    x = simplex(3, 1)
    assert judge(THEOREM, {**x, "alpha": x["alpha"] / 2}).word(UNIQUE) == WHOLE
    x["A"][0, :, 0] = 0
    assert judge(THEOREM, x).word(UNIQUE) == NONZERO
    D = dictionaries.simplex(6).D[None] * (1 + 1e-9)
    assert judge(THEOREM, {"D": D, "mu": np.asarray([1 / 6]), "union": np.ones((1, 7))}).word(NEAR) == NONZERO


@pytest.mark.parametrize("family", [*whole.FAMILIES, "conference, chosen atoms"])
def test_the_reference_finds_the_same(family):
    judged = draw(THEOREM, family, 3, m=6)
    for i in range(3):
        alone = judged.alone(i)
        theirs = THEOREM.reference(judged.p, alone)
        for name in ("others", "least", "k"):
            assert theirs[name][0] == judged.best(name)[i]
        assert theirs["dip"][0] == pytest.approx(judged.best("dip")[i], abs=1e-12)
