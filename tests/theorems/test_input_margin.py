"""Input margins: the counterexamples by hand, the chain where it is sharp, and what a user may bring."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from judge import draw, judge, one

from theorems.expressivity import _networks as networks
from theorems.generalization import _classifiers as classifiers
from theorems.generalization.input_margin import (
    ALIGNED,
    CLEAR,
    INTERVALS,
    ONE,
    PLANE,
    RADIAL,
    SIZES,
    THEOREM,
    THREE,
    TRAINED,
    Params,
)
from verify.kit.relu import Network

PAIR, ANY, SPECTRAL, FROBENIUS = (c.name for c in THEOREM.claims[:4])
VARIABLE = "slides: one variable in direction and Jacobian"
DATA = "slides: supremum over the data"
SCORE = "slide: the output margin is the score sqrt(2) m"
AT_X, NO_ROOT, HIDDEN = "the Jacobian at x alone", "the output margin is m", "the product without the output layer"

STEEP = one(
    W1=[[24, 7], [24, -7], [-24, -7]], b1=[0, 0, 0], V=[[1, -1, 0], [0, 0, 0.25]], c=[0, 0], x=[0, 1], data=[[0, 1]]
)
APART = one(W1=[[5], [5]], b1=[1, -1], V=[[1, -1], [0, 0]], c=[-1, 0], x=[2], data=[[2], [-2]])


def test_one_variable_by_hand():
    """f = (7, 0) at (0, 1); the line 24 x_1 + 7 x_2 = 0 is at 7/25; the gain along rays is 24 * 14 / 25."""
    judged = judge(THEOREM, STEEP)
    assert judged.best("m").tolist() == [7]
    assert judged.best("gamma") == pytest.approx(7 / 25, rel=1e-12)
    assert judged.best("radial") == pytest.approx(13.44, rel=1e-12)
    assert judged.ratio(VARIABLE) == pytest.approx(7 / 2**0.5 / 13.44 / judged.best("strict"), rel=1e-9)
    assert judged.word(VARIABLE) == "violated"
    assert {judged.word(name) for name in (PAIR, ANY, SPECTRAL, FROBENIUS)} == {"holds"}


def test_one_variable_is_strictly_misclassified():
    """A thousandth beyond the boundary the other class wins, so no tie is at work."""
    net = networks.network(STEEP)
    beyond = np.asarray([[[0.0, 1.0]]]) - 0.281 * np.asarray([24.0, 7.0]) / 25
    f = net.outputs(beyond)[0, 0]
    assert f[0] <= 0
    assert f[1] > 1e-3
    strict = judge(THEOREM, STEEP, Params(tau=0.5))
    assert strict.word(VARIABLE) == "violated"


def test_without_the_third_unit_nothing_is_violated():
    """Then the boundary is a tie on a dead region; the nearest strictly misclassified point is far away."""
    dead = {name: a.copy() for name, a in STEEP.items()}
    dead["V"][0, 1, 2] = 0.0
    judged = judge(THEOREM, dead)
    assert judged.best("gamma") == pytest.approx(7 / 25, rel=1e-12)
    assert judged.best("strict")[0] >= 1
    assert judged.word(VARIABLE) == "holds"


def test_the_supremum_over_the_data_by_hand():
    judged = judge(THEOREM, APART)
    assert judged.best("gamma") == pytest.approx(2, rel=1e-12)
    assert judged.best("at_data").tolist() == judged.best("at_x").tolist() == [0]
    assert judged.word(DATA) == judged.word(AT_X) == "violated"
    assert judged.word(VARIABLE) == PLANE
    assert judged.best("pair") == pytest.approx(5, rel=1e-12)
    between = {**APART, "data": np.asarray([[[2.0], [0.1], [-2.0]]])}
    assert judge(THEOREM, between).word(DATA) == "holds"


def test_the_score_by_hand():
    """f(x) = x in the plane, x = (1, 0): the margin is 1/sqrt(2), and the chain with the score claims sqrt(2)."""
    eye = [[1, 0], [0, 1]]
    identity = one(W1=eye, b1=[10, 10], V=eye, c=[-10, -10], x=[1, 0], data=[[1, 0]])
    judged = judge(THEOREM, identity)
    assert judged.best("gamma") == pytest.approx(0.5**0.5, rel=1e-12)
    assert judged.ratio(ANY) == pytest.approx(1, abs=1e-9)
    assert judged.word(SCORE) == "violated"
    assert judged.ratio(SCORE) == pytest.approx(2, rel=3e-3)


def test_the_whole_chain_is_sharp_where_weights_fit_together():
    judged = draw(THEOREM, ALIGNED, 40)
    for name in (PAIR, ANY, SPECTRAL, FROBENIUS):
        assert judged.word(name) == "holds"
        assert judged.ratio(name) == pytest.approx(1, abs=1e-9)
    assert judged.word(NO_ROOT) == judged.word(HIDDEN) == "violated"


@pytest.mark.parametrize("family", [ONE, SIZES, THREE, TRAINED])
def test_random_and_trained_networks(family):
    judged = draw(THEOREM, family, 60, seed=5)
    for claim in THEOREM.claims:
        if claim.expects == "holds":
            assert set(judged.words(claim.name)) <= {"holds", CLEAR}
    assert max(judged.ratio(PAIR)) == pytest.approx(1, abs=1e-8)
    assert "violated" in judged.words(SCORE)


def test_no_point_of_the_ball_is_misclassified():
    judged = draw(THEOREM, TRAINED, 20)
    net = networks.network(judged.x)
    rng = np.random.default_rng(0)
    u = rng.standard_normal((20, 2000, 2))
    u *= (rng.uniform(size=(20, 2000)) ** 0.5 / np.linalg.norm(u, axis=-1))[..., None]
    gamma = judged.quantities["gamma"]
    f = net.outputs(judged.x["x"][:, None, :] + 0.999 * gamma.lower[:, None, None] * u)
    assert (np.argmax(f, axis=-1) == np.argmax(net.outputs(judged.x["x"][:, None, :]), axis=-1)).all()


def test_the_reference_finds_the_same_margins():
    for family in THEOREM.families:
        judged = draw(THEOREM, family, 4, seed=1)
        for i in range(4):
            theirs = THEOREM.reference(judged.p, {name: a[i : i + 1] for name, a in judged.x.items()})
            if judged.best("m")[i] > judged.p.tau:
                assert theirs["gamma"].value == pytest.approx(judged.best("gamma")[i : i + 1], rel=1e-6)
                assert theirs["pair"] == pytest.approx(judged.best("pair")[i : i + 1], rel=1e-6)


def test_the_radial_gain_against_a_grid():
    rng = np.random.default_rng(3)
    net = Network(
        tuple(rng.standard_normal(shape) for shape in ((5, 6, 2), (5, 4, 6))),
        (np.zeros((5, 6)), np.zeros((5, 4))),
        (rng.standard_normal((5, 3, 4)), np.zeros((5, 3))),
    )
    angle = np.linspace(0, 2 * np.pi, 20_001)
    f = net.outputs(np.stack([np.cos(angle), np.sin(angle)], axis=-1)[None].repeat(5, axis=0))
    grid = np.max(np.linalg.norm(f, axis=-1), axis=-1)
    found = classifiers.radial_gain(net)
    assert (found >= grid * (1 - 1e-12)).all()
    layers = (*net.weights, net.readout[0])
    lipschitz = np.prod([np.linalg.norm(W, 2, axis=(1, 2)) for W in layers], axis=0)
    assert (found <= grid + lipschitz * np.pi / 20_000).all()


def test_the_opposed_point_is_in_another_class():
    judged = draw(THEOREM, SIZES, 50)
    f = networks.network(judged.x).outputs(judged.x["data"])
    assert f[:, 0] == pytest.approx(-f[:, 1], abs=1e-12)
    distance = np.linalg.norm(judged.x["data"][:, 0] - judged.x["data"][:, 1], axis=-1)
    assert (judged.best("gamma") <= distance).all()


def test_families_by_hand_in_half_of_the_draws():
    steep, apart = draw(THEOREM, RADIAL, 40).x, draw(THEOREM, INTERVALS, 40).x
    assert 10 <= int((steep["W1"][:, 0] == [24, 7]).all(axis=1).sum()) <= 30
    assert 10 <= int((apart["W1"][:, 0, 0] == 5).sum()) <= 30


# ------------------------------------------------------------------------------------------- the user's network


@pytest.fixture
def files(tmp_path):
    """The network by hand and three points of it, as files."""
    network = tmp_path / "net.npz"
    np.savez(network, W1=STEEP["W1"][0], b1=np.zeros(3), W2=STEEP["V"][0], b2=np.zeros(2))
    data = tmp_path / "points.npz"
    np.savez(data, x=np.asarray([[0, 1], [0, 2], [0, -1]]), y=np.asarray([0, 0, 1]))
    return tmp_path, str(network), str(data)


def test_the_answer(files):
    folder, network, data = files
    says = THEOREM.answer(Params(network=network, data=data, nearest=str(folder / "nearest.npy")))
    assert says["points"] == says["margin known exactly"] == 3
    assert says["margins, at most"][:2] == pytest.approx([0.28, 0.56], rel=1e-12)
    assert says["margins, at least"][:2] == pytest.approx([0.28, 0.56], rel=1e-9)
    assert says["classes"] == [0, 0, 1]
    assert says["nearest classes"] == [1, 1, 0]
    assert says["point 0"].startswith("class 0, margin 0.28; bounds |J_y - J_j|: ")
    assert says["point 0"].endswith("nearest is class 1 at (-0.2688, 0.9216)")
    bounds = [says[f"bounds by {name}"][0] for name in ("|J_y - J_j|", "|J|", "prod |W|", "prod |W|_F")]
    assert [0.28, *bounds] == sorted([0.28, *bounds], reverse=True)
    assert np.load(folder / "nearest.npy") == pytest.approx(
        np.asarray([[-0.2688, 0.9216], [-0.5376, 1.8432], np.load(folder / "nearest.npy")[2]])
    )
    without = THEOREM.answer(Params(network=network, data=data))
    assert "nearest points" not in without
    assert THEOREM.answer(Params()) == {}


def test_points_without_classes(files):
    folder, network, _ = files
    path = folder / "x.npy"
    np.save(path, np.asarray([[0.0, 1.0]], dtype=np.float32))
    assert THEOREM.answer(Params(network=network, data=str(path)))["smallest margin"] == "0.28"


def test_a_network_too_large_to_be_searched(files):
    folder, _, _ = files
    rng = np.random.default_rng(0)
    sizes, arrays = (60, 200, 100, 4), {}
    for layer, (m, n) in enumerate(pairwise(sizes), 1):
        arrays |= {f"W{layer}": rng.standard_normal((n, m)) * (2 / m) ** 0.5, f"b{layer}": rng.standard_normal(n)}
    np.savez(folder / "large.npz", **arrays)
    np.save(folder / "many.npy", rng.standard_normal((400, 60)))
    says = THEOREM.answer(Params(network=str(folder / "large.npz"), data=str(folder / "many.npy")))
    assert says["points"] == 400
    assert says["margin known exactly"] == 0
    assert says["point 0"].split("; ")[0].startswith("class ")
    assert "between" in says["point 0"]
    assert "|J|: unknown" in says["point 0"]
    low, high = np.asarray(says["margins, at least"]), np.asarray(says["margins, at most"], dtype=float)
    assert (low > 0).all()
    assert (low <= high).all()


def test_a_search_that_is_stopped_keeps_both_ends(files):
    _, network, data = files
    full = THEOREM.answer(Params(network=network, data=data))
    cut = THEOREM.answer(Params(network=network, data=data, regions=1))
    for name, sign in (("margins, at least", 1), ("margins, at most", -1)):
        assert (sign * np.asarray(cut[name]) <= sign * np.asarray(full[name]) * (1 + sign * 1e-9)).all()


@pytest.mark.parametrize(
    ("arrays", "why"),
    [
        ({"x": np.ones((2, 3))}, r"x has shape \(2, 3\), and the network needs \(points, 2\)"),
        ({"x": np.ones(2)}, r"x has shape \(2,\)"),
        ({"x": np.ones((0, 2))}, r"x has shape \(0, 2\)"),
        ({"x": np.asarray([[0, 1], [np.nan, 1]])}, r"NaN or infinite numbers in point 1 \(counted from 0\)"),
        ({"x": np.asarray([["a", "b"]])}, "x has dtype <U1"),
        ({"z": np.ones((2, 2))}, "found arrays named 'z'"),
        ({"x": np.ones((2, 2)), "y": np.zeros(3, dtype=int)}, r"y has shape \(3,\)"),
        ({"x": np.ones((2, 2)), "y": np.zeros(2)}, "y has shape .* dtype float64"),
        ({"x": np.asarray([[0, 1], [0, 1]]), "y": np.asarray([0, 2])}, r"y must be 0, ..., 1.* point 1"),
        ({"x": np.asarray([[0, 1], [0, 1]]), "y": np.asarray([1, 0])}, r"the network misclassifies point 0"),
        ({"x": np.asarray([[None, 1]])}, "cannot be read"),
    ],
)
def test_data_that_cannot_be_used(files, arrays, why):
    folder, network, _ = files
    path = folder / "bad.npz"
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=why):
        THEOREM.answer(Params(network=network, data=str(path)))


def test_files_that_cannot_be_used(files):
    folder, network, data = files
    broken = folder / "broken.npz"
    broken.write_bytes(b"PK not an archive")
    text = folder / "points.csv"
    text.write_text("0,1\n")
    for bad, why in ((broken, "cannot be read"), (text, "suffix '.csv'"), (folder / "none.npy", "no such file")):
        with pytest.raises(ValueError, match=why):
            THEOREM.answer(Params(network=network, data=str(bad)))
    with pytest.raises(ValueError, match="network= needs data="):
        THEOREM.answer(Params(network=network))
    with pytest.raises(ValueError, match="data= needs network="):
        THEOREM.answer(Params(data=data))
    with pytest.raises(ValueError, match="nearest= needs"):
        THEOREM.answer(Params(nearest="z.npy"))
    with pytest.raises(ValueError, match=r"must end in \.npy"):
        THEOREM.answer(Params(network=network, data=data, nearest="z.txt"))
    with pytest.raises(ValueError, match="cannot be written"):
        THEOREM.answer(Params(network=network, data=data, nearest=str(folder / "none" / "z.npy")))
    single = folder / "single.npz"
    np.savez(single, W1=np.ones((1, 2)), b1=np.zeros(1), W2=np.ones((1, 1)), b2=np.zeros(1))
    with pytest.raises(ValueError, match="one output"):
        THEOREM.answer(Params(network=str(single), data=data))


def test_the_maps(files):
    _, network, data = files
    drawn = THEOREM.maps(Params())
    (radial,) = drawn["radial"].values()
    assert {label for label, _ in radial["lines"]} >= {"decision boundary", "input margin", "x"}
    circles = {label: np.reshape(curve, (-1, 2)) for label, curve in radial["lines"] if len(curve) > 4}
    radius = {label: np.linalg.norm(c - [0, 1], axis=1).max() for label, c in circles.items()}
    assert radius["input margin"] == pytest.approx(0.28, abs=1e-3)
    assert radius["what the printed bound claims"] == pytest.approx(0.368, abs=1e-3)
    assert "a network after training" in drawn["balls"]
    (own,) = THEOREM.maps(Params(network=network, data=data))["balls"].values()
    assert sum(label == "input margin" for label, _ in own["lines"]) == 3


def test_the_cells_of_a_map_cover_the_square_and_have_one_class_each():
    net = networks.network(STEEP)
    record = classifiers.class_map(net, -0.5, 1.5, [])
    area = 0.0
    for value, flat in record["cells"]:
        polygon = np.reshape(flat, (-1, 2))
        x, y = polygon.T
        area += abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
        inner = 0.9 * polygon + 0.1 * polygon.mean(axis=0)
        assert set(np.argmax(net.outputs(inner[None])[0], axis=-1).tolist()) == {value}
    assert area == pytest.approx(4, rel=1e-3)
