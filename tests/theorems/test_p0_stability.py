"""Two sparse vectors with near images: aligned pairs attain the bounds, and which of them are true solutions."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from judge import draw, judge

from theorems.sparse_coding import _instances as instances
from theorems.sparse_coding.p0_stability import (
    AS_SPARSE,
    DENSE,
    FAMILIES,
    FEW,
    LOUD,
    NOISE,
    SHORT,
    SPARSE,
    THEOREM,
    UNIT,
)
from verify.kit import dictionaries

STABLE, UNION = "stability", "stability by the union"


def exchange(n: int, k: int) -> dict[str, np.ndarray]:
    """On the simplex: alpha is -1 on k atoms, the other vector 1 on k others; the noise is half of the way."""
    D = dictionaries.simplex(n).D[None]
    places = np.arange(n + 1)[None]
    alpha, point = np.where(places < k, -1.0, 0.0), np.where((places >= k) & (places < 2 * k), 1.0, 0.0)
    v = (point - alpha) @ D[0].T / 2
    return {
        "D": D,
        "mu": np.asarray([1 / n]),
        "alpha": alpha,
        "v": v,
        "radius": np.linalg.norm(v, axis=1),
        "point": point,
    }


def sparsest(x: dict[str, np.ndarray]) -> int:
    """The fewest non-zeros of a feasible vector, by least squares on every set of atoms."""
    D, radius = x["D"][0], x["radius"][0]
    y = D @ x["alpha"][0] + x["v"][0]
    for size in range(D.shape[1] + 1):
        for S in combinations(range(D.shape[1]), size):
            atoms = D[:, list(S)]
            left = y - atoms @ np.linalg.lstsq(atoms, y, rcond=None)[0] if S else y
            if np.linalg.norm(left) <= radius * (1 + 1e-12):
                return size
    raise AssertionError("alpha is feasible")


@pytest.mark.parametrize(
    ("n", "k", "solves"), [(2, 1, True), (9, 1, True), (4, 2, True), (13, 2, True), (14, 2, False), (6, 3, True)]
)
def test_pairs_that_attain_the_bound_are_solutions_as_the_page_says(n, k, solves):
    x = exchange(n, k)
    judged = judge(THEOREM, x)
    mu = 1 / n
    assert solves == (4 * k**2 * mu * (1 - (k - 2) * mu) > (k - 1) * (1 + mu) ** 2)
    assert (sparsest(x) == k) == solves
    assert judged.word(STABLE) == judged.word(UNION) == "holds"
    assert judged.ratio(STABLE)[0] == judged.ratio(UNION)[0] == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("k", [1, 2, 7, 20])
def test_every_k_is_attained_on_the_simplex(k):
    judged = draw(THEOREM, "simplex, aligned pairs", 64, k=k)
    assert judged.word(STABLE) == "holds"
    assert judged.best("k") == pytest.approx(np.full(64, k))
    assert judged.ratio(UNION) == pytest.approx(np.ones(64), abs=1e-10)
    full = judged.best("u") == 2 * k
    assert full.any()
    assert judged.ratio(STABLE)[full] == pytest.approx(np.ones(full.sum()), abs=1e-10)


@pytest.mark.parametrize("name", ["conference", "affine Hadamard"])
def test_two_atoms_each_attain_the_bound_elsewhere(name):
    judged = draw(THEOREM, f"{name}, aligned pairs", 64, k=2)
    apart = judged.best("u") == 4
    assert judged.ratio(STABLE)[apart].max() == pytest.approx(1, abs=1e-10)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_family_violates_what_should_hold(family):
    judged = draw(THEOREM, family, 64, seed=4)
    for claim in (STABLE, UNION):
        assert set(judged.words(claim)) <= {"holds", AS_SPARSE, NOISE, FEW, UNIT}


def test_a_dense_vector_may_be_anywhere():
    judged = draw(THEOREM, DENSE, 32)
    assert judged.word(STABLE) == AS_SPARSE
    assert judged.word(UNION) == FEW
    assert judged.words("any feasible point").count("violated") > 8


def test_noise_beyond_epsilon():
    judged = draw(THEOREM, LOUD, 32)
    assert judged.word(STABLE) == NOISE
    assert judged.words("noise of any length").count("violated") > 8
    x = exchange(5, 1)
    for factor, word in ((1 - 1e-9, NOISE), (1 + 1e-9, "holds")):
        assert judge(THEOREM, {**x, "radius": factor * x["radius"]}).word(STABLE) == word


@pytest.mark.parametrize(("n", "k"), [(5, 3), (7, 4), (39, 20)])
def test_k_exactly_at_the_limit_is_set_aside(n, k):
    """2 k = 1 + 1/mu: all atoms of the simplex together have no image."""
    at = draw(THEOREM, "simplex, aligned pairs", 8, dictionary="simplex", n=n, k=k)
    assert at.word(STABLE) == SPARSE
    assert draw(THEOREM, "simplex, aligned pairs", 8, dictionary="simplex", n=n, k=k - 1).word(STABLE) == "holds"


def test_the_residual_is_inside_the_bound():
    """Points beyond the ball: the excess of the residual allows for them."""
    x = exchange(6, 2)
    for factor in (1.5, 3.0, 100.0):
        point = x["alpha"] + factor * (x["point"] - x["alpha"])
        point[:, :2] = 0.0
        judged = judge(THEOREM, {**x, "point": point})
        assert judged.word(STABLE) == judged.word(UNION) == "holds"
        assert judged.best("eta")[0] > 0.1


def test_columns_that_are_not_unit_are_set_aside():
    short = draw(THEOREM, SHORT, 16)
    assert short.word(STABLE) == UNIT
    assert "violated" in short.words("atoms of any length")
    x = exchange(6, 2)
    assert judge(THEOREM, {**x, "D": x["D"] * (1 + 1e-9)}).word(STABLE) == UNIT


def test_advice_names_what_is_admitted():
    p = THEOREM.parameters(dictionary="simplex", n=40, k=21)
    assert "k <= 20; k=21 was asked for" in THEOREM.advise(p, {"mu": np.asarray([1 / 40])})


@pytest.mark.parametrize("family", ["transversal, aligned pairs", "conference, random pairs"])
def test_the_reference_finds_the_same(family):
    judged = draw(THEOREM, family, 3)
    for i in range(3):
        alone = judged.alone(i)
        theirs = THEOREM.reference(judged.p, alone)
        for name in ("error", "k", "u"):
            assert theirs[name][0] == pytest.approx(judged.best(name)[i], rel=1e-12)
        assert theirs["eta"][0] == pytest.approx(judged.best("eta")[i], abs=1e-10)


@pytest.mark.parametrize("name", instances.STANDARD)
def test_the_difference_of_an_aligned_pair_has_the_smallest_image(name):
    """No longer than that of random signs on the same atoms."""
    judged = draw(THEOREM, f"{name}, aligned pairs", 16)
    D = judged.x["D"][0]
    for h in judged.x["point"] - judged.x["alpha"]:
        other = h * np.where(np.arange(len(h)) % 2, 1.0, -1.0)
        assert np.linalg.norm(D @ h) <= np.linalg.norm(D @ other) * (1 + 1e-12) or np.count_nonzero(h) > 4
