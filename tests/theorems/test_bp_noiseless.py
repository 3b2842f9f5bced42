"""Recovery without noise: the certificate where it is attained, ties at the limit, recovery itself."""

from __future__ import annotations

import numpy as np
import pytest
from judge import draw, judge

from theorems.sparse_coding import _instances as instances
from theorems.sparse_coding.bp_noiseless import HALF, SPARSE, SPARSER, THEOREM, UNIT
from theorems.sparse_coding.bp_noiseless import RECOVERY as RECOVERED
from theorems.sparse_coding.bp_stability_sharp import FEASIBLE
from verify.kit import dictionaries

CERTIFICATE, RECOVERY, SLIDE = "certificate at most kappa", "exact recovery", "slide: exact recovery"


def kappa(k: int, mu: float) -> float:
    return k * mu / (1 - (k - 1) * mu)


@pytest.mark.parametrize(("name", "k", "digits"), [("conference", 4, 0.9346), ("simplex", 20, 0.9524)])
def test_kappa_is_attained(name, k, digits):
    judged = draw(THEOREM, f"{name}, worst support", 64, k=k)
    mu = judged.x["mu"][0]
    assert judged.word(CERTIFICATE) == "holds"
    assert judged.best("certificate").max() == pytest.approx(kappa(k, mu), abs=1e-12)
    assert round(kappa(k, mu), 4) == digits
    assert "violated" in judged.words("k - 1 in place of k in kappa")


@pytest.mark.parametrize("k", range(1, 21))
def test_kappa_is_attained_on_the_simplex_for_every_k(k):
    judged = draw(THEOREM, "simplex, worst support", 2, k=k)
    assert judged.best("certificate") == pytest.approx(np.full(2, kappa(k, 1 / 40)), abs=1e-12)
    assert judged.ratio(CERTIFICATE) == pytest.approx(np.ones(2), abs=1e-9)
    assert judged.word(CERTIFICATE) == judged.word(RECOVERY) == "holds"


@pytest.mark.parametrize("n", [5, 11, 39])
def test_at_the_limit_two_vectors_tie_on_a_simplex_of_odd_dimension(n):
    """The atoms sum to 0, so k = (n + 1)/2 of them and the others negated have one image and one 1-norm."""
    k = (n + 1) // 2
    judged = draw(THEOREM, "simplex, random support", 4, dictionary="simplex", n=n, k=k)
    assert judged.word(CERTIFICATE) == judged.word(RECOVERY) == SPARSE
    D = judged.x["D"][0]
    ones = np.repeat([1.0, 0.0], k)
    assert D @ ones == pytest.approx(D @ (ones - 1), abs=1e-13)
    x = {name: a[:1] for name, a in judged.x.items()} | {"alpha": ones[None]}
    assert judge(THEOREM, x).best("certificate")[0] == pytest.approx(1, abs=1e-12)


def test_beyond_the_limit_the_certificate_exceeds_one():
    judged = draw(THEOREM, "simplex, too many", 32)
    assert judged.word(CERTIFICATE) == SPARSE
    assert "violated" in judged.words("certificate below 1 for every k")


@pytest.mark.parametrize("name", instances.STANDARD)
@pytest.mark.parametrize("support", ["random", "worst"])
def test_every_admitted_k_is_recovered(name, support):
    judged = draw(THEOREM, f"{name}, {support} support", 16)
    top = dictionaries.admitted(judged.x["mu"][0], HALF)
    assert judged.best("k").max() <= top
    assert judged.word(CERTIFICATE) == judged.word(RECOVERY) == "holds"
    assert (judged.best("error") <= judged.best("delta") + 1e-9).all()
    largest = draw(THEOREM, f"{name}, {support} support", 8, k=top)
    assert set(largest.words(RECOVERY)) <= {"holds", SPARSE}  # a victim may have fewer correlated atoms than k


@pytest.mark.parametrize(("n", "k"), [(7, 2), (11, 3), (19, 5)])
def test_the_slide_ends_where_the_theorem_goes_on(n, k):
    judged = draw(THEOREM, "simplex, random support", 4, dictionary="simplex", n=n, k=k)
    assert judged.word(SLIDE) == SPARSER
    assert judged.word(RECOVERY) == "holds"


def test_columns_that_are_not_unit_are_set_aside():
    x = draw(THEOREM, "simplex, random support", 4).x
    assert judge(THEOREM, x | {"D": x["D"] * (1 + 1e-9)}).word(RECOVERY) == UNIT


def test_a_wrong_point_is_no_recovery():
    """The bound allows what the excess of the 1-norm and the residual explain, and nothing else: the tie at the limit,
    judged as if the coherence were smaller, is a violation."""
    n = 11
    D = dictionaries.simplex(n).D[None]
    ones = np.repeat([1.0, 0.0], (n + 1) // 2)
    x = {"D": D, "mu": np.asarray([1 / 12]), "alpha": ones[None], "v": np.zeros((1, n)), "radius": np.zeros(1)}
    judged = judge(THEOREM, x | {"point": ones[None] - 1})
    assert judged.best("miss")[0] == pytest.approx(12**0.5)
    assert judged.word(RECOVERY) == "violated"
    assert judge(THEOREM, x | {"point": ones[None]}).word(RECOVERY) == "holds"


def test_the_bound_of_recovery_is_theorem_a_without_noise():
    values = {"mu": 0.1, "k": 3, "tau": 0.7, "eta": 0.2}
    assert RECOVERED(values) == pytest.approx(FEASIBLE({**values, "epsilon": 0.0}), rel=1e-14)


def test_dependent_atoms_have_no_certificate():
    """All n + 1 atoms of a simplex are dependent: the certificate is undecided, and never counted as below 1."""
    n = 6
    x = draw(THEOREM, "simplex, random support", 2, dictionary="simplex", n=n, k=n + 1).x
    judged = judge(THEOREM, x)
    assert np.isnan(judged.best("certificate")).all()
    assert judged.word("certificate below 1 for every k") == "undecided"


def test_the_certificate_agrees_with_the_reference():
    judged = draw(THEOREM, "conference, worst support", 3)
    for i in range(3):
        alone = judged.alone(i)
        theirs = THEOREM.reference(judged.p, alone)
        assert theirs["certificate"][0] == pytest.approx(judged.best("certificate")[i], abs=1e-12)
        assert theirs["error"][0] <= 1e-4
