"""Certificates of exact region counts: genuine ones pass, and a certificate with one entry altered does not."""

from __future__ import annotations

import ast
import json
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verify.kit import region_certificate
from verify.kit.region_certificate import CertificateError, check, write
from verify.kit.regions import cells
from verify.kit.relu import Network, integer_network

BOX = (Fraction(-3, 2), Fraction(2))


def network(*layers: tuple[list, list]) -> Network:
    """A batch of one of the hidden layers (weights, biases)."""
    return Network(
        tuple(np.asarray([W], dtype=float) for W, _ in layers), tuple(np.asarray([b], dtype=float) for _, b in layers)
    )


def drawn(seed: int, inputs: int, *widths: int, integers: bool = False) -> Network:
    rng = np.random.default_rng(seed)
    sizes = [inputs, *widths]
    number = (lambda *s: rng.integers(-3, 4, size=s)) if integers else (lambda *s: rng.normal(size=s))
    return network(*((number(n, m), number(n)) for m, n in zip(sizes, widths, strict=False)))


def certificate(folder: Path, net: Network, box: tuple[Fraction, Fraction] = BOX) -> dict:
    """The genuine certificate of a network, as JSON."""
    path = folder / "genuine.json"
    write(path, net, box, cells(integer_network(net), box))
    return json.loads(path.read_text())


def checked(folder: Path, data: dict) -> region_certificate.Checked:
    path = folder / "altered.json"
    path.write_text(json.dumps(data))
    return check(path)


def cell(pattern: str, *vertices: tuple[int, ...]) -> dict:
    return {"pattern": pattern, "vertices": [list(v) for v in vertices]}


def listed(net: Network, box: tuple[int, int], *found: dict) -> dict:
    """A certificate made by hand."""
    layers = [
        {"weights": [[str(int(v)) for v in row] for row in W[0]], "biases": [str(int(v)) for v in b[0]]}
        for W, b in zip(net.weights, net.biases, strict=True)
    ]
    ends = [str(v) for v in box]
    values = (region_certificate.FORMAT, layers, ends, len(found), [*found])
    return dict(zip(region_certificate.KEYS, values, strict=True))


# ------------------------------------------------------------------------------------------------- genuine ones


@pytest.mark.parametrize("integers", [False, True])
@pytest.mark.parametrize("shape", [(1, 5), (1, 4, 4), (2, 1), (2, 5, 5), (2, 3, 3, 3), (3, 4, 3), (4, 3)])
def test_a_genuine_certificate_passes(tmp_path, shape, integers):
    for seed in range(3):
        net = drawn(seed, *shape, integers=integers)
        found = cells(integer_network(net), BOX)
        write(tmp_path / "c.json", net, BOX, found)
        result = check(tmp_path / "c.json")
        assert result.regions == len({c.pattern for c in found})
        assert result.lines[-1] == f"activation regions in the box: {len(found)}"


def test_the_network_asked_for_and_its_exact_weights_are_written(tmp_path):
    W = np.asarray([[[1.0]], [[0.1]]])
    net = Network((W,), (np.asarray([[0.0], [5e-324]]),))
    write(tmp_path / "c.json", net, BOX, cells(integer_network(net, 1), BOX), number=1)
    layer = json.loads((tmp_path / "c.json").read_text())["layers"][0]
    assert layer == {"weights": [[str(Fraction(0.1))]], "biases": [f"1/{2**1074}"]}
    assert check(tmp_path / "c.json").regions == 2


def folding(pieces: int) -> Network:
    """Two inputs; two layers fold each axis of the unit square so many times; six lines then cross near the centre of
    every piece, each two of them there, so that there are 22 regions in each piece."""
    slopes = [1, *((-1) ** i * 2 for i in range(1, pieces))]
    rows = [[pieces, 0]] * pieces + [[0, pieces]] * pieces
    offsets = [-i for i in range(pieces)] * 2
    fold = np.asarray([slopes + [0] * pieces, [0] * pieces + slopes])
    lines = np.asarray([[1, 0], [0, 1], [1, 1], [1, -1], [2, 1], [1, 2]])
    shifts = np.asarray([-4, -3, -2, 0, 1, -1]) / 64 - lines.sum(axis=1) / 2
    return network((rows, offsets), (np.asarray(rows) @ fold, offsets), (lines @ fold, shifts))


def test_a_certificate_of_thousands_of_regions_passes(tmp_path):
    """And has the closed form's count: 4^2 4^2 pieces of 22 regions."""
    net, box = folding(4), (Fraction(0), Fraction(1))
    data = certificate(tmp_path, net, box)
    assert checked(tmp_path, data).regions == 22 * 4**4
    data["cells"].pop(2500)
    data["regions"] -= 1
    with pytest.raises(CertificateError, match="less than the volume of the box"):
        checked(tmp_path, data)


@pytest.mark.slow
def test_a_certificate_of_a_random_wide_network_passes(tmp_path):
    net, box = drawn(0, 2, 64, 64), (Fraction(-8), Fraction(8))
    data = certificate(tmp_path, net, box)
    assert checked(tmp_path, data).regions == len(data["cells"]) > 5000


# --------------------------------------------------------------------------------------------- one entry altered


@pytest.fixture
def genuine(tmp_path):
    """A certificate in two dimensions of a network whose every weight some region depends on; its first cell has four
    vertices or more."""
    data = certificate(tmp_path, drawn(11, 2, 4, 3))
    data["cells"].sort(key=lambda c: -len(c["vertices"]))
    assert len(data["cells"][0]["vertices"]) >= 4
    checked(tmp_path, data)
    return data


def refused(tmp_path, data: dict, message: str) -> None:
    with pytest.raises(CertificateError, match=message):
        checked(tmp_path, data)


def test_a_cell_deleted(tmp_path, genuine):
    for number in range(len(genuine["cells"])):
        kept = genuine["cells"][:number] + genuine["cells"][number + 1 :]
        refused(tmp_path, genuine | {"cells": kept}, "less than the volume of the box")
        refused(tmp_path, genuine | {"cells": kept, "regions": len(kept)}, "less than the volume of the box")


def test_a_cell_duplicated(tmp_path, genuine):
    genuine["cells"].append(genuine["cells"][0])
    refused(tmp_path, genuine, r"cell \d+ \(pattern [01]{7}\): another cell has the same pattern")


def test_a_bit_flipped(tmp_path, genuine):
    for number, found in enumerate(genuine["cells"]):
        for i, bit in enumerate(found["pattern"]):
            flipped = found["pattern"][:i] + str(1 - int(bit)) + found["pattern"][i + 1 :]
            altered = [*genuine["cells"]]
            altered[number] = found | {"pattern": flipped}
            refused(tmp_path, genuine | {"cells": altered}, "cell .* (same pattern|wrong sign|another pattern|rank)")


def test_patterns_exchanged(tmp_path, genuine):
    a, b = genuine["cells"][:2]
    genuine["cells"][:2] = [a | {"pattern": b["pattern"]}, b | {"pattern": a["pattern"]}]
    refused(tmp_path, genuine, "cell 1 .* wrong sign")


@pytest.mark.parametrize("shift", [1, -1, 10**6])
def test_a_coordinate_of_a_vertex_moved(tmp_path, genuine, shift):
    for i in range(len(genuine["cells"][0]["vertices"])):
        for j in range(3):
            altered = json.loads(json.dumps(genuine))
            altered["cells"][0]["vertices"][i][j] += shift
            refused(tmp_path, altered, "cell 1 .* (vertex|vertices)")


def test_a_vertex_deleted(tmp_path, genuine):
    for i in range(len(genuine["cells"][0]["vertices"])):
        altered = json.loads(json.dumps(genuine))
        del altered["cells"][0]["vertices"][i]
        refused(tmp_path, altered, "less than the volume of the box")


def between(p: list[int], q: list[int]) -> list[int]:
    """A point strictly between p and q."""
    total = np.asarray(p, dtype=object) + q
    return (total // np.gcd.reduce(total)).tolist()


def test_a_vertex_added(tmp_path, genuine):
    p, q, r, *_ = genuine["cells"][0]["vertices"]
    for new, message in (
        (between(p, q), "rank < 2"),  # on an edge
        (between(between(p, q), r), "rank < 2"),  # inside
        ([3, 0, 1], "outside the box"),
        (genuine["cells"][0]["vertices"][-1], "listed twice"),
        ([2 * v for v in p], "lowest terms"),
        ([*p[:2], 0], "not positive"),
        ([-v for v in p], "not positive"),
    ):
        altered = json.loads(json.dumps(genuine))
        altered["cells"][0]["vertices"].insert(1, new)
        refused(tmp_path, altered, f"cell 1 .*{message}")
    other = next(v for c in genuine["cells"] for v in c["vertices"] if v not in genuine["cells"][0]["vertices"])
    genuine["cells"][0]["vertices"].insert(1, other)
    refused(tmp_path, genuine, "cell 1 .*(wrong sign|counterclockwise)")


def test_the_order_of_vertices_changed(tmp_path, genuine):
    for number, found in enumerate(genuine["cells"]):
        for i in range(1, len(found["vertices"])):
            altered = json.loads(json.dumps(genuine))
            vertices = altered["cells"][number]["vertices"]
            vertices[0], vertices[i] = vertices[i], vertices[0]
            refused(tmp_path, altered, f"cell {number + 1} .*counterclockwise")


def test_the_box_changed(tmp_path, genuine):
    refused(tmp_path, genuine | {"box": ["-3/2", "1999/1000"]}, "outside the box")
    refused(tmp_path, genuine | {"box": ["-3/2", "2001/1000"]}, "rank < 2|less than the volume of the box")
    refused(tmp_path, genuine | {"box": ["2", "-3/2"]}, "low < high")


def test_the_claim_changed(tmp_path, genuine):
    n = len(genuine["cells"])
    for claim in (n - 1, n + 1):
        refused(tmp_path, genuine | {"regions": claim}, f"{claim} regions are claimed and {n} cells are listed")


def test_a_weight_changed(tmp_path, genuine):
    for number, layer in enumerate(genuine["layers"]):
        for i, row in enumerate([*layer["weights"], layer["biases"]]):
            for j in range(len(row)):
                altered = json.loads(json.dumps(genuine))
                target = [*altered["layers"][number]["weights"], altered["layers"][number]["biases"]][i]
                target[j] = str(Fraction(target[j]) + Fraction(1, 2**20))
                refused(tmp_path, altered, "cell")


def as_network(data: dict) -> Network:
    return network(
        *(
            (
                [[float(Fraction(v)) for v in row] for row in layer["weights"]],
                [float(Fraction(v)) for v in layer["biases"]],
            )
            for layer in data["layers"]
        )
    )


def as_set(data: dict) -> set:
    return {(c["pattern"], frozenset(map(tuple, c["vertices"]))) for c in data["cells"]}


SHAPES = ((1, 4, 3), (2, 4, 3), (2, 3, 2, 2), (3, 3, 2))


@given(seed=st.integers(0, 20), shape=st.sampled_from(SHAPES), integers=st.booleans(), data=st.data())
def test_no_single_random_alteration_passes(tmp_path_factory, seed, shape, integers, data):
    """But for a weight that no region depends on: then the altered certificate is a genuine one."""
    folder = tmp_path_factory.mktemp("c")
    altered = certificate(folder, drawn(seed, *shape, integers=integers))
    regions = altered["cells"]
    chosen = regions[data.draw(st.integers(0, len(regions) - 1), label="cell")]
    vertices = chosen["vertices"]
    place = data.draw(st.integers(0, len(vertices) - 1), label="vertex")
    kind = data.draw(st.sampled_from(["delete", "twice", "bit", "move", "drop", "add", "weight", "box", "claim"]))
    if kind == "delete":
        regions.remove(chosen)
    elif kind == "twice":
        regions.append(chosen)
    elif kind == "bit":
        i = data.draw(st.integers(0, len(chosen["pattern"]) - 1), label="neuron")
        chosen["pattern"] = chosen["pattern"][:i] + str(1 - int(chosen["pattern"][i])) + chosen["pattern"][i + 1 :]
    elif kind == "move":
        i = data.draw(st.integers(0, shape[0]), label="coordinate")
        vertices[place][i] += data.draw(st.integers(-9, 9).filter(bool), label="shift")
    elif kind == "drop":
        del vertices[place]
    elif kind == "add":
        new = data.draw(st.lists(st.integers(-4, 4), min_size=shape[0], max_size=shape[0]), label="point")
        vertices.insert(place, [*new, data.draw(st.integers(1, 3), label="w")])
    elif kind == "weight":
        layer = data.draw(st.sampled_from(altered["layers"]), label="layer")
        row = data.draw(st.sampled_from([*layer["weights"], layer["biases"]]), label="row")
        i = data.draw(st.integers(0, len(row) - 1), label="weight")
        row[i] = str(Fraction(row[i]) + data.draw(st.sampled_from([Fraction(1), Fraction(-1, 1024)]), label="shift"))
    elif kind == "box":
        i = data.draw(st.integers(0, 1), label="end")
        altered["box"][i] = str(Fraction(altered["box"][i]) + Fraction(data.draw(st.sampled_from([-1, 1])), 64))
    else:
        altered["regions"] += data.draw(st.sampled_from([-1, 1]), label="claim")
    if kind == "weight" and as_set(certificate(folder, as_network(altered))) == as_set(altered):
        assert checked(folder, altered).regions == len(regions)
    else:
        with pytest.raises(CertificateError):
            checked(folder, altered)


# ------------------------------------------------------------------------------------------------------- cheats


def test_a_neuron_that_is_zero_on_a_cell_listed_twice(tmp_path):
    """rho(x), then rho(h): on x < 0 the second neuron is 0, hence inactive. There are two regions, not three."""
    net = network(([[1]], [0]), ([[1]], [0]))
    left, right = cell("00", (-1, 1), (0, 1)), cell("11", (0, 1), (1, 1))
    assert checked(tmp_path, listed(net, (-1, 1), left, right)).regions == 2
    again = cell("01", (-1, 1), (0, 1))
    refused(tmp_path, listed(net, (-1, 1), left, right, again), "cell 3 .* a mean of the vertices has another pattern")
    halves = cell("00", (-1, 1), (-1, 2)), cell("01", (-1, 2), (0, 1))
    refused(tmp_path, listed(net, (-1, 1), *halves, right), "cell 1 .* rank < 1")


def test_halves_of_a_cell_on_which_a_neuron_is_zero(tmp_path):
    """Cut by x + 1/2, of the same layer as x: all volumes fit, and three regions are listed as four."""
    net = network(([[1], [2]], [0, 1]), ([[1, 0]], [0]))
    true = cell("000", (-1, 1), (-1, 2)), cell("010", (-1, 2), (0, 1)), cell("111", (0, 1), (1, 1))
    assert checked(tmp_path, listed(net, (-1, 1), *true)).regions == 3
    false = cell("001", (-1, 1), (-1, 2)), *true[1:]
    refused(tmp_path, listed(net, (-1, 1), *false), "cell 1 .* a mean of the vertices has another pattern")


@pytest.mark.parametrize(("bias", "bit"), [(1, "1"), (-1, "0")])
def test_two_regions_listed_as_one(tmp_path, bias, bit):
    """2 x + 1 changes sign in the box, away from its middle; so does 2 x - 1."""
    net = network(([[2]], [bias]))
    refused(tmp_path, listed(net, (-1, 1), cell(bit, (-1, 1), (1, 1))), "cell 1 .*: neuron 1 has the wrong sign")


@pytest.mark.parametrize("inputs", [1, 2, 3])
def test_a_cell_without_volume(tmp_path, inputs):
    """x and -x are both inactive on x = 0 alone."""
    zeros = [0] * (inputs - 1)
    net = network(([[1, *zeros], [-1, *zeros]], [0, 0]))
    data = certificate(tmp_path, net, (Fraction(-1), Fraction(1)))
    assert checked(tmp_path, data).regions == 2
    wall = [(0, *corner, 1) for corner in ([()], [(-1,), (1,)], [(-1, -1), (-1, 1), (1, 1), (1, -1)])[inputs - 1]]
    data["cells"].append(cell("00", *wall))
    data["regions"] += 1
    refused(tmp_path, data, r"cell 3 \(pattern 00\): the volume is 0")


def area(vertices: list[tuple[int, ...]]) -> Fraction:
    """Of a polygon by its order, what a checker that trusts the order would add up."""
    pairs = zip(vertices, vertices[1:] + vertices[:1], strict=True)
    return sum(Fraction(a * d - b * c, w * v) for (a, b, w), (c, d, v) in pairs) / 2


def test_a_polygon_that_winds_twice(tmp_path):
    """x cuts the square into halves; the right one, wound twice, has the area of both."""
    net = network(([[1, 0]], [0]))
    square = [(0, -1, 1), (1, -1, 1), (1, 1, 1), (0, 1, 1)]
    middles = [tuple(between([*p], [*q])) for p, q in zip(square, square[1:] + square[:1], strict=True)]
    for twice, message in (
        (square + square, "listed twice"),
        ([*square, *(tuple(2 * v for v in p) for p in square)], "lowest terms"),
        (square + middles, "rank < 2"),
    ):
        assert message == "rank < 2" or area(twice) == 4
        refused(tmp_path, listed(net, (-1, 1), cell("1", *twice)), message)


def test_a_star_polygon(tmp_path):
    """The five vertices of a cell, every other one in turn, wind twice and are all turned the same way."""
    rows = [[4, 1], [1, -4], [-4, -1], [-1, 4], [1, 1]]
    net = network((rows, [4, 4, 4, 4, 1]))
    data = certificate(tmp_path, net, (Fraction(-2), Fraction(2)))
    found = next(c for c in data["cells"] if c["pattern"] == "11111")
    assert len(found["vertices"]) == 5
    found["vertices"] = [found["vertices"][2 * i % 5] for i in range(5)]
    refused(tmp_path, data, "counterclockwise")


def test_half_of_a_cube_is_not_the_cube_in_any_order(tmp_path):
    """With three inputs the order of the vertices has no meaning, and cannot raise a volume."""
    net = network(([[1, 0, 0]], [0]))
    data = certificate(tmp_path, net, (Fraction(-1), Fraction(1)))
    del data["cells"][0]
    data["cells"][0]["vertices"].reverse()
    refused(tmp_path, data | {"regions": 1}, "less than the volume of the box, by 0.5 of it")


# ------------------------------------------------------------------------------------------------ volumes, format


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 4), count=st.integers(2, 12))
def test_volumes_agree_with_qhull(seed, n, count):
    """Of the hull of random points, inner and coplanar ones among them."""
    from scipy.spatial import ConvexHull, QhullError

    rng = np.random.default_rng(seed)
    points = {(*map(int, rng.integers(-3, 4, size=n)), int(rng.integers(1, 3))) for _ in range(count)}
    found = region_certificate._volume([*points])
    x = np.asarray([[v / p[-1] for v in p[:-1]] for p in points])
    if n == 1:
        expected = float(x.max() - x.min())
    else:
        try:
            expected = ConvexHull(x).volume if len(points) > n else 0.0
        except QhullError:
            expected = 0.0
    assert float(found) == pytest.approx(expected * np.prod(range(1, n + 1)), abs=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "version 0"}, "the format is 'version 0'"),
        ({"regions": True}, "not an integer"),
        ({"regions": 8.0}, "not an integer"),
        ({"layers": []}, "layers: a list is missing or empty"),
        ({"layers": [{"weights": [["1", "0"]]}]}, "layer 1: not weights and biases"),
        ({"layers": [{"weights": [["1", "0"], ["1"]], "biases": ["0", "0"]}]}, "layer 1: the shapes"),
        ({"layers": [{"weights": [["1", "0"]], "biases": ["0", "0"]}]}, "layer 1: the shapes"),
        ({"layers": [{"weights": [["nan", "0"]], "biases": ["0"]}]}, "layer 1: 'nan' is not a rational number"),
        ({"layers": [{"weights": [["1", "1/0"]], "biases": ["0"]}]}, "layer 1: '1/0' is not a rational number"),
        ({"layers": [{"weights": [[1, 0]], "biases": ["0"]}]}, "layer 1: 1 is not a rational number"),
        ({"box": ["-1", "1", "1"]}, "the box is not"),
        ({"cells": []}, "cells: a list is missing or empty"),
        ({"cells": [["1", [[0, 0, 1]]]]}, "cell 1: not a pattern and vertices"),
        ({"cells": [cell("11", (0, 0, 1))]}, "cell 1: the pattern '11' is not 1 bits"),
        ({"cells": [cell("2", (0, 0, 1))]}, "cell 1: the pattern '2' is not 1 bits"),
        ({"cells": [cell("1", (0, 1))]}, "cell 1 .*: a vertex is not 3 integers"),
        ({"cells": [cell("1", (0, 0.0, 1))]}, "cell 1 .*: a vertex is not 3 integers"),
        ({"cells": [cell("1")]}, "cell 1: a list is missing or empty"),
        ({"extra": 1}, "not an object with the keys"),
    ],
)
def test_a_file_of_another_form(tmp_path, change, message):
    data = certificate(tmp_path, network(([[1, 0]], [0])))
    assert checked(tmp_path, data).regions == 2
    refused(tmp_path, data | change, message)


def test_a_file_that_is_no_certificate(tmp_path):
    with pytest.raises(CertificateError, match="cannot be read"):
        check(tmp_path / "missing.json")
    path = tmp_path / "c.json"
    write(path, network(([[1]], [0])), BOX, [SimpleNamespace(pattern=(1,), vertices=((0, 1), (1, 1)))])
    for text in (path.read_text()[:-9], "", "[" * 100_000, '{"regions": ' + "9" * 5000 + "}"):
        path.write_text(text)
        with pytest.raises(CertificateError, match="not JSON, or cut off"):
            check(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CertificateError, match="not JSON, or cut off"):
        check(path)


def test_the_checker_needs_the_standard_library_alone():
    """At module level; only the writer asks for more, and that for arrays alone."""
    tree = ast.parse(Path(region_certificate.__file__).read_text())
    top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in top}
    assert not [name for name in names if name.split(".")[0] in ("verify", "theorems", "numpy", "flint")]
    inner = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)} - names
    assert inner == {"verify.core.arrays", "verify.kit.relu"}  # the second for the type checker
