"""Oracle errors in two layers: by hand, orthonormal and cheap directions, Monte Carlo, ranks."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from judge import draw, judge, one
from scipy.linalg import null_space

from theorems.sparse_coding.holistic_oracle import FULL, KERNEL, LAYER1, LAYER2, MANY, THEOREM, Params

DEEPEST, INNER = (
    ("holistic <= projection, deepest", "holistic <= layered, deepest"),
    (
        "holistic <= projection, inner",
        "holistic <= layered, inner",
    ),
)
BOUNDS = ("projection, deepest layer", "holistic, deepest layer")
DENSE = ("many zeros", "few zeros", "few inner atoms", "dependent rows")


def by_hand(half=0.5, sigma=1.0):
    """D1 = diag(1, 1/2), D2 = I, the second inner atom off the support."""
    x = one(
        D1=np.diag([1.0, half]), B=[[1.0, 0.0]], base=[[0.0, 1.0]], mix=[[1.0]], gamma=[1.0, 1.0], E=[[0.0, 0.0]],
        sigma=sigma,
    )  # fmt: skip
    return judge(THEOREM, x)


def test_by_hand():
    """The projection estimates a second entry with variance 4, the others know that it is 0."""
    judged = by_hand(sigma=3.0)
    for name, value in (("holistic", 1), ("layered_inner", 1), ("projection", 5), ("projection_inner", 5)):
        assert judged.best(name)[0] == pytest.approx(9 * value)
    assert judged.best("least")[0] == pytest.approx(0.25)
    assert judged.word("projection <= layered, inner") == "violated"
    assert judged.word("holistic <= layered, deepest") == LAYER2  # one row for two columns
    assert judged.word("mean squared error") == MANY
    assert all(judged.word(claim) == "holds" for claim in (*BOUNDS, DEEPEST[0], *INNER))


def test_dependent_rows_forbid_nothing_new():
    judged = draw(THEOREM, "by hand, dependent", 4)
    assert judged.best("holistic") == pytest.approx(np.full(4, 2))
    assert judged.word("all rows counted, not the independent ones") == "violated"
    assert judged.ratio("all rows counted, not the independent ones") == pytest.approx(np.full(4, 2))
    assert judged.word("holistic, deepest layer") == "holds"


@pytest.mark.parametrize("family", DENSE)
def test_traces_against_inverses(family):
    judged = draw(THEOREM, family, 6)
    for i in range(6):
        D1, B, base, mix = (judged.x[name][i] for name in ("D1", "B", "base", "mix"))
        sigma2 = judged.x["sigma"][i] ** 2
        D2 = np.concatenate([B, mix @ base])
        M = (D1 @ D2).T @ (D1 @ D2)
        Z = null_space(mix @ base)
        C = Z @ np.linalg.inv(Z.T @ M @ Z) @ Z.T
        A = D1[:, : len(B)]
        for name, value in (
            ("holistic", np.trace(C)),
            ("holistic_inner", np.trace(D2 @ C @ D2.T)),
            ("projection", np.trace(np.linalg.inv(M))),
            ("projection_inner", np.trace(D2 @ np.linalg.inv(M) @ D2.T)),
            ("layered_inner", np.trace(np.linalg.inv(A.T @ A))),
        ):
            assert judged.best(name)[i] == pytest.approx(sigma2 * value, rel=1e-7)
        assert judged.best("rank")[i] == np.linalg.matrix_rank(mix @ base) == 12 - Z.shape[1]
    assert all(judged.word(claim) == "holds" for claim in (*BOUNDS, DEEPEST[0], *INNER))


def test_the_bounds_are_attained_with_orthonormal_columns():
    judged = draw(THEOREM, "orthonormal", 8)
    for claim in BOUNDS:
        assert judged.word(claim) == "holds"
        assert judged.ratio(claim) == pytest.approx(np.ones(8), abs=1e-9)


def test_cheap_directions_cost_all_three_the_same():
    judged = draw(THEOREM, "cheap directions", 8)
    for claim in (*DEEPEST, *INNER):
        assert judged.word(claim) == "holds"
        assert judged.ratio(claim) == pytest.approx(np.ones(8), abs=1e-6)


def test_without_a_full_b_the_layered_estimate_is_biased_and_may_be_shorter():
    judged = draw(THEOREM, "few inner atoms", 32)
    assert judged.word("holistic <= layered, deepest") == LAYER2
    assert (judged.best("layered") < judged.best("holistic")).all()


def test_monte_carlo_of_all_three():
    """Ten thousand draws of noise for one instance."""
    x = draw(THEOREM, "few zeros", 1).x
    D1, B, base, mix, sigma = (x[name][0] for name in ("D1", "B", "base", "mix", "sigma"))
    D2 = np.concatenate([B, mix @ base])
    D, Z = D1 @ D2, null_space(base)
    gamma = Z @ (Z.T @ x["gamma"][0])
    y = D @ gamma + sigma * np.random.default_rng(0).normal(size=(10000, len(D1)))
    inner = np.linalg.lstsq(D1[:, : len(B)], y.T, rcond=None)[0]
    found = {
        "holistic": Z @ np.linalg.lstsq(D @ Z, y.T, rcond=None)[0],
        "projection": np.linalg.lstsq(D, y.T, rcond=None)[0],
        "layered": np.linalg.lstsq(B, inner, rcond=None)[0],
    }
    judged = judge(THEOREM, x)
    for name, estimate in found.items():
        squares = np.sum((estimate.T - gamma) ** 2, axis=1)
        assert abs(squares.mean() - judged.best(name)[0]) < 5 * squares.std() / 100


def test_ranks():
    x = draw(THEOREM, "few zeros", 2).x
    same = x["base"].copy()
    same[:, 1] = same[:, 0]
    assert judge(THEOREM, x | {"base": same}).word(BOUNDS[0]) == KERNEL
    B = x["B"].copy()
    B[..., 1] = B[..., 0]
    flat = x["base"].copy()
    flat[..., 1] = flat[..., 0]
    assert judge(THEOREM, x | {"B": B, "base": flat}).word(BOUNDS[0]) == FULL
    D1 = x["D1"].copy()
    D1[:, :, 1] = D1[:, :, 0]
    judged = judge(THEOREM, x | {"D1": D1})
    assert judged.word(INNER[1]) == LAYER1
    assert draw(THEOREM, "few zeros", 2, n=14, m=20, s=12).word(INNER[1]) == LAYER1  # 17 atoms for 14 entries


def test_rationals_agree():
    for family in ("by hand", "by hand, dependent"):
        judged = draw(THEOREM, family, 3)
        for i in range(3):
            x = {
                name: np.vectorize(Fraction, otypes=[object])(a[0 if len(a) == 1 else i]).tolist()
                for name, a in judged.x.items()
            }
            margins, found = THEOREM.exact(Params(), x)
            assert margins[KERNEL] >= 0
            for name in ("holistic", "holistic_inner", "projection", "projection_inner", "layered_inner"):
                assert float(found[name]) == pytest.approx(judged.best(name)[i], rel=1e-12)
            assert float(found["least"]) == pytest.approx(judged.best("least")[i], rel=2e-2)
