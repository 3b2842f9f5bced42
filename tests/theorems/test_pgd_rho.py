"""The bracket of the rate: the 5-cycle, subspaces, sparse vectors, and a user's own matrix."""

from __future__ import annotations

import math

import numpy as np
import pytest
from judge import draw

from theorems.inverse_problems.pgd_rho import THEOREM, Params, answer

SANDWICH = ("attained <= exact", "exact <= certified", "attained <= certified")


@pytest.mark.parametrize("family", list(THEOREM.families))
def test_attained_exact_certified_in_every_family(family):
    judged = draw(THEOREM, family, 24)
    for claim in SANDWICH:
        assert judged.word(claim) == "holds"
    exact = judged.quantities["exact"]
    assert (exact.upper - exact.lower).max() <= 1e-10


def test_the_five_cycle_is_the_witness_of_the_gap():
    judged = draw(THEOREM, "five-cycle", 24)
    whole = judged.x["closed"] <= 1 / math.sqrt(5) + 1e-12  # the draws with mu = 1
    assert 0 < whole.sum() < 24
    assert judged.best("exact")[whole] == pytest.approx(1 / math.sqrt(5), abs=1e-11)
    gap = judged.best("certified")[whole] / judged.best("exact")[whole] - 1
    assert gap == pytest.approx(0.0225, abs=1e-4)
    assert judged.word("Motzkin-Straus") == "holds"
    assert judged.words("the certificate is within 0.004 of rho")[int(np.argmax(whole))] == "violated"


def test_random_forms_are_certified_to_solver_accuracy():
    judged = draw(THEOREM, "positive semidefinite", 24)
    assert (judged.best("certified") - judged.best("exact")).max() <= 1e-7


def test_on_a_subspace_the_norm_is_the_bound_and_sparse_vectors_use_half_spaces():
    plane, sparse = draw(THEOREM, "subspace", 24), draw(THEOREM, "k-sparse", 24)
    for judged in (plane, sparse):
        assert judged.word("slide, as a bound on each step") == "l1 descent cone"
    assert (sparse.best("certified") >= sparse.best("exact_high") - 1e-12).all()
    assert plane.best("attained") == pytest.approx(plane.best("exact"), abs=1e-6)


def test_the_factor_is_below_rho_and_not_rho():
    judged = draw(THEOREM, "positive semidefinite", 48)
    words = judged.words("slide, as a bound on each step")
    assert set(words) <= {"holds", "undecided"}
    assert words.count("holds") > 36
    assert judged.words("slide: rho is the convergence rate").count("violated") > 24


def save(path, array):
    np.save(path, array)
    return str(path)


def test_a_users_matrix(tmp_path):
    """A = (1, 1/2) and the first coordinate: rho = 9/10 (by hand)."""
    A = save(tmp_path / "A.npy", np.asarray([[1.0, 0.5]]))
    by_index = answer(Params(A=A, support=save(tmp_path / "i.npy", np.asarray([0])), mu=0.8))
    by_sign = answer(Params(A=A, support=save(tmp_path / "s.npy", np.asarray([-1, 0])), mu=0))
    for found in (by_index, by_sign):
        assert found["rho_lower"] <= 0.9 <= found["rho_upper"]
        assert found["rho_upper"] - found["rho_lower"] <= 1e-9
        assert found["mu"] == pytest.approx(0.8)
        assert (found["m"], found["d"], found["k"]) == (1, 2, 1)
        assert found["iterations_per_digit_at_most"] == 22
    assert answer(Params()) == {}


def test_a_users_matrix_of_fifteen_columns_and_a_large_step(tmp_path):
    random = np.random.default_rng(0)
    A = save(tmp_path / "A.npy", random.normal(size=(12, 15)))
    support = save(tmp_path / "s.npy", np.asarray([3, 7]))
    small = answer(Params(A=A, support=support))
    assert small["method"].endswith("semidefinite certificate")
    assert 0 <= small["rho_upper"] - small["rho_lower"] <= 1e-6
    large = answer(Params(A=A, support=support, mu=1.0))
    assert large["rho_lower"] > 1
    assert large["rho_lower"] <= large["rho_upper"]
    assert "iterations_per_digit_at_most" not in large


def test_data_that_cannot_be_used_is_named(tmp_path):
    A, s = save(tmp_path / "A.npy", np.eye(3)), save(tmp_path / "s.npy", np.asarray([0]))
    (tmp_path / "text.npy").write_text("not an array")
    np.savez(tmp_path / "many.npz", A=np.eye(2))
    np.save(tmp_path / "objects.npy", np.asarray([{}], dtype=object), allow_pickle=True)
    text, many, objects = (str(tmp_path / name) for name in ("text.npy", "many.npz", "objects.npy"))
    cases = [
        ({"A": A}, "A is given without support"),
        ({"support": s}, "support is given without A"),
        ({"A": str(tmp_path / "none.npy"), "support": s}, "A=.*none.npy: no such file"),
        ({"A": text, "support": s}, "A=.*text.npy: not a .npy file"),
        ({"A": many, "support": s}, "archive"),
        ({"A": objects, "support": s}, "A=.*objects.npy: not a .npy file of plain numbers"),
        ({"A": s, "support": s}, "a matrix"),
        ({"A": save(tmp_path / "nan.npy", np.full((2, 3), np.nan)), "support": s}, "NaN"),
        ({"A": save(tmp_path / "c.npy", np.eye(3) * 1j), "support": s}, "dtype complex128"),
        ({"A": save(tmp_path / "zero.npy", np.zeros((2, 3))), "support": s}, "all entries are 0"),
        ({"A": A, "support": A}, "support=.*A.npy: a vector"),
        ({"A": A, "support": save(tmp_path / "far.npy", np.asarray([3]))}, "indices 0..2"),
        ({"A": A, "support": save(tmp_path / "half.npy", np.asarray([0.5]))}, "indices 0..2"),
        ({"A": A, "support": save(tmp_path / "twice.npy", np.asarray([1, 1]))}, "repeated"),
        ({"A": A, "support": save(tmp_path / "none_on.npy", np.zeros(3))}, "support is empty"),
    ]
    for given, message in cases:
        with pytest.raises(ValueError, match=message):
            answer(Params(**given))
