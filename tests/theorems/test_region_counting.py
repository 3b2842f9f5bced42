"""Counting regions: networks made by hand, and a user's own network from a file to a checked certificate."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from judge import draw, judge, one

from theorems.expressivity.region_counting import BY_HAND, POINTS, THEOREM, Params, answer, maps
from verify.cli import main

METHODS = [c.name for c in THEOREM.claims if c.expects == "holds"]


def by_hand(number):
    (one_, two), (V, c) = BY_HAND[number]
    return judge(THEOREM, one(W1=one_[0], b1=one_[1], W2=two[0], b2=two[1], V=V, c=c))


@pytest.mark.parametrize(("number", "box", "space", "linear"), [(0, 3, 3, 2), (1, 2, 2, 2), (2, 3, 4, 3), (3, 3, 3, 3)])
def test_networks_made_by_hand(number, box, space, linear):
    judged = by_hand(number)
    assert (int(judged.best("box")[0]), int(judged.best("space")[0])) == (box, space)
    assert int(judged.best("linear_box")[0]) == linear
    for claim in METHODS:
        assert judged.word(claim) == "holds"


def test_each_control_has_its_network_made_by_hand():
    assert by_hand(0).word("linear = activation") == "violated"
    assert by_hand(2).word("the box shows all regions") == "violated"
    assert by_hand(3).word("points see all") == "violated"


@pytest.mark.parametrize("family", list(THEOREM.families))
def test_all_methods_agree_in_every_family(family):
    judged = draw(THEOREM, family, 12, seed=5)
    for claim in METHODS:
        assert set(judged.words(claim)) <= {"holds", "at most three neurons in the first layer"}


def test_points_lie_in_the_box_and_do_not_repeat():
    from theorems.expressivity import region_counting

    judged = by_hand(0)
    network = region_counting.networks.network(judged.x)
    points = region_counting._points(Params(half=2.0), network)[0]
    assert points.shape == (POINTS, 2)
    assert np.abs(points).max() < 2
    assert len(np.unique(points, axis=0)) == POINTS


# ------------------------------------------------------------------------------- a user's network


def save(path, widths, seed=3):
    random = np.random.default_rng(seed)
    arrays = {}
    for i, (m, n) in enumerate(pairwise(widths), 1):
        arrays |= {f"W{i}": random.standard_normal((n, m)), f"b{i}": random.standard_normal(n)}
    np.savez(path, **arrays)
    return str(path)


def test_a_users_network_gets_four_counts_a_certificate_and_a_map(tmp_path, capsys):
    file, cells = save(tmp_path / "net.npz", (2, 6, 5, 1)), tmp_path / "cells.json"
    words = ["theorem=region_counting", f"network={file}", "half=8", f"certificate={cells}"]
    assert main([*words, "instances=70", f"out={tmp_path / 'out'}", "format=json"]) == 0
    says = json.loads(capsys.readouterr().out.splitlines()[0])["answer"]
    assert says["neurons"] == 11
    assert says["linear_box"] <= says["box"] <= says["space"] <= says["at_most"]
    assert says["linear_space"] <= says["space"]
    assert (tmp_path / "out" / "region_counting" / "map.svg").is_file()

    assert main(["replay", str(cells)]) == 0
    assert f"activation regions in the box: {says['box']}" in capsys.readouterr().out
    broken = json.loads(cells.read_text())
    del broken["cells"][0]
    cells.write_text(json.dumps(broken))
    assert main(["replay", str(cells)]) == 1
    assert "does not show what it claims" in capsys.readouterr().out
    assert main(["replay", str(tmp_path / "none.json")]) == 2


def test_the_maps_show_every_layer(tmp_path):
    assert [title.split(":")[0] for title in maps(Params())["map"]] == [f"after layer {i}" for i in (1, 2, 3)]
    file = save(tmp_path / "net.npz", (2, 5, 4, 1))
    shown = maps(Params(network=file))["map"]
    box = answer(Params(network=file))["box"]
    record = shown[f"after layer 2: {box} regions"]
    assert len(record["cells"]) == box
    area = 0.0
    for _, flat in record["cells"]:
        x, y = np.asarray(flat[::2]), np.asarray(flat[1::2])
        area += float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2
    assert area == pytest.approx(16.0**2, rel=1e-3)
    assert maps(Params(network=save(tmp_path / "three.npz", (3, 4, 1))))["map"] == {}


def test_a_network_with_many_inputs_is_enumerated_and_a_huge_one_gets_two_bounds(tmp_path):
    many = answer(Params(network=save(tmp_path / "many.npz", (6, 7, 1)), half=1.0))
    assert many["box"] <= 2**7
    assert "certificates of emptiness" in many["method"]
    huge = answer(Params(network=save(tmp_path / "huge.npz", (8, 40, 40, 1))))
    assert 0 < huge["at_least"] < huge["at_most"]


def test_what_cannot_be_done_is_said(tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        answer(Params(network=str(tmp_path / "none.npz")))
    with pytest.raises(ValueError, match="needs network="):
        answer(Params(certificate="cells.json"))
    many = save(tmp_path / "many.npz", (6, 7, 1))
    with pytest.raises(ValueError, match="up to 5 inputs"):
        answer(Params(network=many, certificate=str(tmp_path / "cells.json")))
    two = save(tmp_path / "two.npz", (2, 3, 1))
    with pytest.raises(ValueError, match="cannot be written"):
        answer(Params(network=two, certificate=str(tmp_path / "no" / "cells.json")))
