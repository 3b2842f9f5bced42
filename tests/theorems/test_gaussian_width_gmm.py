"""Unions of subspaces: planes by hand, the numbers of the page, the tangent cone, the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from judge import draw, judge

from theorems.inverse_problems.gaussian_width_gmm import CHOSEN, COMPLETE, SINGLE, SIZES, THEOREM, Params
from verify.kit.widths import gaussian_length


def axes(g):
    """The two axes of the plane, Z = (1, 0)."""
    bases = np.eye(2).reshape(1, 2, 2, 1)
    return {"bases": bases, "g": np.asarray(g, dtype=float), "Z": np.asarray([[1.0, 0.0]])}


def test_two_lines_of_the_plane():
    """The cone at Z = (1, 0) is the half-plane x <= 0 and the first axis."""
    judged = judge(THEOREM, axes([[3, 4], [-3, 4], [3, -2], [-1, 0]]))
    assert judged.best("length").tolist() == [4, 4, 3, 1]
    assert judged.best("tangent").tolist() == [4, 5, 3, 1]
    assert judged.word("Pythagoras") == "holds"
    assert judged.word("one Gaussian: omega^2 grows like its dimension") == SINGLE
    assert judged.best("b")[0] == pytest.approx(math.sqrt(2 / math.pi))
    assert judged.best("b_next")[0] == pytest.approx(math.sqrt(math.pi / 2))


@pytest.mark.parametrize("family", SIZES)
def test_draws_of_every_size(family):
    L, r, d = SIZES[family]
    judged = draw(THEOREM, family, 400)
    assert judged.x["bases"].shape == (1, L, d, r)
    gram = np.swapaxes(judged.x["bases"], -1, -2) @ judged.x["bases"]
    assert np.abs(gram - np.eye(r)).max() <= 1e-12
    length, tangent = judged.best("length"), judged.best("tangent")
    error = length.std() / math.sqrt(400)
    assert gaussian_length(r) - 5 * error <= length.mean()
    assert length.mean() <= gaussian_length(r) + math.sqrt(2 * math.log(L)) + 5 * error
    assert (tangent >= length).all()
    assert judged.word("Pythagoras") == ("holds" if L * r == d else COMPLETE)
    assert set(judged.words("one Gaussian: omega^2 grows like its dimension")) <= (
        {"holds", "violated", "undecided"} if L == 1 and r == d else {SINGLE}
    )


@pytest.mark.parametrize(
    ("L", "r", "d", "square"),
    [(1, 50, 50, 49.6), (1, 20, 100, 19.6), (10, 5, 100, 10.2), (100, 5, 100, 15.5), (1000, 1, 100, 11.1)],
)
def test_squared_widths(L, r, d, square):
    judged = draw(THEOREM, CHOSEN, 1500, L=L, r=r, d=d)
    length = judged.best("length")
    assert length.mean() ** 2 == pytest.approx(square, abs=0.1 + 10 * length.mean() * length.std() / math.sqrt(1500))


def test_the_tangent_cone_of_one_half_space_has_the_mean_of_two_dimensions():
    """Z in one line of R^100, another line: the half-plane alone has the mean (b_1 + b_2)/2 of the proof."""
    judged = draw(THEOREM, CHOSEN, 4000, L=2, r=1, d=100)
    x = judged.x
    line, Z = x["bases"][0, 1, :, 0], x["Z"][0]
    normal = line * (line @ Z) - Z
    normal /= np.linalg.norm(normal)
    half = np.hypot(x["g"] @ line, np.maximum(x["g"] @ normal, 0))
    assert np.abs(np.maximum(half, np.abs(x["g"] @ x["bases"][0, 0, :, 0])) - judged.best("tangent")).max() <= 1e-12
    mean = (gaussian_length(1) + gaussian_length(2)) / 2
    assert abs(half.mean() - mean) <= 5 * half.std() / math.sqrt(4000)


def test_a_point_of_every_subspace_adds_nothing():
    """All components equal: Z lies in each of them, and the half-spaces are the component itself."""
    bases = np.broadcast_to(np.eye(3)[:, :2], (1, 4, 3, 2)).copy()
    x = {"bases": bases, "g": np.asarray([[1.0, 2.0, 3.0]]), "Z": np.asarray([[0.6, 0.8, 0.0]])}
    judged = judge(THEOREM, x)
    assert judged.best("tangent")[0] == judged.best("length")[0] == pytest.approx(math.sqrt(5))


def test_a_dimension_above_that_of_the_space_is_that_of_the_space():
    judged = draw(THEOREM, CHOSEN, 3, L=1, r=9, d=4)
    assert judged.x["bases"].shape == (1, 1, 4, 4)
    assert judged.word("Pythagoras") == "holds"


def test_the_reference_finds_the_same():
    judged = draw(THEOREM, "L = 10, r = 5", 2)
    for i in range(2):
        theirs = THEOREM.reference(Params(), {**judged.x, "g": judged.x["g"][i : i + 1]})
        for name in ("length", "tangent", "square"):
            assert theirs[name][0] == pytest.approx(judged.best(name)[i], rel=1e-10)
