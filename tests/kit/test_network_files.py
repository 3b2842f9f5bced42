"""Networks in files: what is read is exact, and every malformed file is refused with a clear reason."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from verify.kit.network_files import load
from verify.kit.relu import Network

W1, b1 = np.asarray([[1.0, -2.0], [0.5, 3.0], [0.1, 0.0]]), np.asarray([0.0, -1.0, 0.25])
W2, b2 = np.asarray([[1.0, 1.0, -1.0]]), np.asarray([0.5])
PAIRS = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}


def agrees(net: Network, *pairs: tuple) -> None:
    """The network is a batch of one of exactly these pairs, in float64."""
    found = [*zip(net.weights, net.biases, strict=True), net.readout]
    assert len(found) == len(pairs)
    for (W, b), (V, c) in zip(found, pairs, strict=True):
        assert W.dtype == b.dtype == np.float64
        np.testing.assert_array_equal(W, np.asarray(V, dtype=float)[None], strict=True)
        np.testing.assert_array_equal(b, np.asarray(c, dtype=float)[None], strict=True)


def refused(path: Path, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        load(path)
    assert str(path) in str(caught.value)


def attempt(path: Path) -> tuple[Network | None, str]:
    """The network, or the reason of the refusal. Another exception than ValueError passes through."""
    try:
        return load(path), ""
    except ValueError as error:
        return None, str(error)


# ------------------------------------------------------------------------------------------------- NumPy archives


def saved(folder: Path, **arrays) -> Path:
    np.savez(folder / "net.npz", **arrays)
    return folder / "net.npz"


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_archive(tmp_path, save):
    save(tmp_path / "net.npz", **PAIRS)
    agrees(load(tmp_path / "net.npz"), (W1, b1), (W2, b2))
    agrees(load(str(tmp_path / "net.npz")), (W1, b1), (W2, b2))


def test_a_deep_archive_in_any_order_of_names(tmp_path):
    pairs = [(np.ones((n + 1, n)) * n, np.zeros(n + 1) + n) for n in range(1, 12)]
    arrays = {f"{letter}{i}": a for i, pair in enumerate(pairs, 1) for letter, a in zip("Wb", pair, strict=True)}
    net = load(saved(tmp_path, **dict(reversed(arrays.items()))))
    assert (net.inputs, net.widths) == (1, tuple(range(2, 12)))
    agrees(net, *pairs)


@pytest.mark.parametrize("dtype", ["float16", "float32", ">f8", "int8", "uint64", "int64"])
def test_other_numbers_are_taken_exactly(tmp_path, dtype):
    W = np.asarray([[3, 1], [7, 2]]).astype(dtype) / (1 if "int" in dtype else np.asarray(10, dtype=dtype))
    W = W.astype(dtype)
    b = np.asarray([2**53 - 1, 1]).astype(dtype) if dtype in ("uint64", "int64") else W[0]
    agrees(load(saved(tmp_path, W1=W, b1=b, W2=W, b2=b)), (W, b), (W, b))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"W2": None}, "W2 missing beside W1, b1, b2"),
        ({"b1": None}, "b1 missing beside W1, W2, b2"),
        ({"W4": W2}, "W3, b3, b4 missing"),
        ({"W2": None, "b2": None}, "W1 and b1 alone are an affine map, without a ReLU"),
        ({"bias": b1}, "found arrays named 'bias'"),
        ({"W0": W1, "w1": W1, "W01": W1}, "found arrays named 'W0', 'W01', 'w1'"),
        ({"W2": W2.T}, r"W2 has shape \(3, 1\) and b2 \(1,\) where \(n, 3\) and \(n,\) are needed"),
        ({"W2": np.ones((1, 4))}, r"W2 has shape \(1, 4\) .* where \(n, 3\)"),
        ({"b1": b1[:2]}, r"W1 has shape \(3, 2\) and b1 \(2,\)"),
        ({"b1": b1[:, None]}, r"W1 has shape \(3, 2\) and b1 \(3, 1\)"),
        ({"W1": W1[0]}, r"W1 has shape \(2,\)"),
        ({"b2": np.asarray(1.0)}, r"W2 has shape \(1, 3\) and b2 \(\)"),
        ({"W1": W1[None]}, r"W1 has shape \(1, 3, 2\)"),
        ({"W1": W1 + 0j}, "W1 has dtype complex128"),
        ({"W1": W1 > 0}, "W1 has dtype bool"),
        ({"b2": np.asarray(["1"])}, "b2 has dtype <U1"),
        ({"b2": np.asarray(["2020-01-01"], dtype="M8[D]")}, "b2 has dtype datetime64"),
        ({"b2": np.zeros(1, dtype=[("x", float)])}, "b2 has dtype"),
        *([({"W1": W1.astype(np.longdouble)}, "W1 has dtype")] if np.dtype(np.longdouble).itemsize > 8 else []),
        ({"W1": np.where(W1 == 3, np.nan, W1)}, "W1 holds NaN or an infinite number"),
        ({"b1": np.asarray([0, 0, -np.inf], dtype=np.float16)}, "b1 holds NaN or an infinite number"),
        ({"b1": np.asarray([0, 0, 2**53 + 1])}, r"b1 holds an integer beyond 2\^53"),
        ({"b1": np.asarray([0, 0, -(2**63)])}, r"b1 holds an integer beyond 2\^53"),
        ({"b1": np.asarray([0, 0, 2**64 - 1], dtype=np.uint64)}, r"b1 holds an integer beyond 2\^53"),
        ({"W1": np.ones((0, 2)), "b1": np.ones(0), "W2": np.ones((1, 0))}, r"W1 has shape \(0, 2\)"),
        ({"W1": np.ones((3, 0))}, r"W1 has shape \(3, 0\)"),
        ({"W1": np.asarray([[1.0, None]])}, "W1 cannot be read .* Python objects, which are never loaded"),
    ],
)
def test_a_malformed_archive(tmp_path, change, message):
    refused(saved(tmp_path, **{k: v for k, v in {**PAIRS, **change}.items() if v is not None}), message)


class Evil:
    """Would write a file when unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_nothing_in_a_file_is_run(tmp_path):
    mark = tmp_path / "mark"
    evil = np.asarray([Evil(mark)], dtype=object)
    refused(saved(tmp_path, **{**PAIRS, "b2": evil}), "Python objects, which are never loaded")
    np.save(tmp_path / "bare.npy", evil)
    (tmp_path / "bare.npy").rename(tmp_path / "bare.npz")
    refused(tmp_path / "bare.npz", "not a NumPy archive")
    (tmp_path / "pickle.npz").write_bytes(evil.dumps())
    refused(tmp_path / "pickle.npz", "not a NumPy archive")
    assert not mark.exists()


def test_a_file_that_is_no_archive(tmp_path):
    refused(tmp_path / "missing.npz", "there is no such file")
    (tmp_path / "folder.npz").mkdir()
    refused(tmp_path / "folder.npz", "there is no such file")
    refused(tmp_path / "net.pt", r"the suffix '.pt' is not known; allowed are .npz \(a NumPy archive\), .onnx")
    refused(tmp_path / "net", "the suffix '' is not known")
    path = tmp_path / "net.npz"
    for content in (b"", b"P", b"text, not an archive", b"PK\x03\x04 cut off"):
        path.write_bytes(content)
        refused(path, "not a NumPy archive, or one that was cut off")
    np.save(tmp_path / "array.npy", W1)
    (tmp_path / "array.npy").rename(path)
    refused(path, "not a NumPy archive")
    with zipfile.ZipFile(path, "w") as archive:
        pass
    refused(path, "found arrays named nothing")
    with zipfile.ZipFile(path, "w") as archive:
        for name in PAIRS:
            archive.writestr(name, "1.0")
    refused(path, r"W1 cannot be read \(not an array\)")
    with zipfile.ZipFile(path, "w") as archive:
        for name in PAIRS:
            archive.writestr(f"{name}.npy", np.lib.format.magic(1, 0) + b"\x10\x00" + b"{'shape': boom()")
    refused(path, "W1 cannot be read")


def test_an_archive_cut_off_anywhere(tmp_path):
    whole = saved(tmp_path, **PAIRS).read_bytes()
    path = tmp_path / "cut.npz"
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        refused(path, "not a NumPy archive, or one that was cut off")


@given(place=st.integers(0, 1100), value=st.integers(0, 255), compress=st.booleans())
def test_a_damaged_archive_is_refused_or_read(tmp_path_factory, place, value, compress):
    """One byte changed: no other exception than ValueError."""
    path = tmp_path_factory.mktemp("npz") / "net.npz"
    (np.savez_compressed if compress else np.savez)(path, **PAIRS)
    content = bytearray(path.read_bytes())
    content[place % len(content)] = value
    path.write_bytes(content)
    net, _ = attempt(path)
    assert net is None or net.inputs == 2


# ------------------------------------------------------------------------------------------------- ONNX models


def tensor(name: str, values) -> TensorProto:
    return numpy_helper.from_array(np.asarray(values), name)


def model(folder: Path, nodes: list, weights: dict, inputs=("x",), output: str | None = None) -> Path:
    """A model of nodes (operator, inputs, output, attributes); the last output is the model's."""
    made = [
        helper.make_node(kind, ins, [out], name=f"{kind}_{out}", **attributes) for kind, ins, out, attributes in nodes
    ]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 2]) for n in inputs]
    last = helper.make_tensor_value_info(output or nodes[-1][2], TensorProto.FLOAT, ["N", None])
    graph = helper.make_graph(made, "net", ends, [last], [tensor(k, v) for k, v in weights.items()])
    onnx.save(helper.make_model(graph), folder / "net.onnx")
    return folder / "net.onnx"


F32 = {k: v.astype(np.float32) for k, v in PAIRS.items()}
GEMM = ("Gemm", ["x", "W1", "b1"], "z", {"transB": 1})
RELU = ("Relu", ["z"], "h", {})
OUT = ("Gemm", ["h", "W2", "b2"], "y", {"transB": 1})


@pytest.mark.parametrize("weights", [F32, PAIRS, {k: v.astype(np.float16) for k, v in PAIRS.items()}])
def test_a_model_of_gemm(tmp_path, weights):
    expected = (weights["W1"], weights["b1"]), (weights["W2"], weights["b2"])
    agrees(load(model(tmp_path, [GEMM, RELU, OUT], weights)), *expected)
    turned = weights | {"W1": weights["W1"].T, "W2": weights["W2"].T}
    nodes = [("Gemm", ["x", "W1", "b1"], "z", {}), RELU, ("Gemm", ["h", "W2", "b2"], "y", {"transB": 0, "alpha": 1.0})]
    agrees(load(model(tmp_path, nodes, turned)), *expected)


def test_the_function_is_that_of_the_runtime(tmp_path):
    """The reference evaluator of the onnx package gives the outputs of the network read."""
    from onnx.reference import ReferenceEvaluator

    x = np.random.default_rng(0).normal(size=(50, 2))
    nodes = [("Flatten", ["x"], "f", {}), ("MatMul", ["f", "V"], "m", {}), ("Add", ["m", "b1"], "z", {}), RELU, OUT]
    path = model(tmp_path, nodes, {"V": W1.T, **PAIRS})
    expected = ReferenceEvaluator(str(path)).run(None, {"x": x})[0]
    assert load(path).outputs(x[None])[0] == pytest.approx(expected, rel=1e-12)


def test_a_model_of_matmul_and_add_with_flatten_identity_and_constants(tmp_path):
    nodes = [
        ("Flatten", ["x"], "x1", {"axis": 1}),
        ("Identity", ["x1"], "x2", {}),
        ("Constant", [], "V", {"value": tensor("V", F32["W1"].T)}),
        ("MatMul", ["x2", "V"], "m", {}),
        ("Add", ["b1", "m"], "z", {}),
        ("Relu", ["z"], "h", {}),
        ("Identity", ["h"], "h1", {}),
        ("MatMul", ["h1", "U"], "y", {}),
    ]
    net = load(model(tmp_path, nodes, {"b1": F32["b1"][None], "U": F32["W2"].T}))
    agrees(net, (F32["W1"], F32["b1"]), (F32["W2"], [0.0]))


def test_biases_that_are_shared_or_left_out(tmp_path):
    nodes = [("Gemm", ["x", "W1", "c"], "z", {"transB": 1}), RELU, ("Gemm", ["h", "W2", ""], "y", {"transB": 1})]
    for shared in (np.float32(0.5), np.ones(1, dtype=np.float32) / 2, np.ones((1, 1), dtype=np.float32) / 2):
        net = load(model(tmp_path, nodes, F32 | {"c": shared}))
        agrees(net, (F32["W1"], [0.5] * 3), (F32["W2"], [0.0]))
    nodes[2:] = [("Gemm", ["h", "W2"], "g", {"transB": 1}), ("Add", ["g", "b2"], "y", {})]
    agrees(load(model(tmp_path, nodes, F32 | {"c": F32["b1"]})), (F32["W1"], F32["b1"]), (F32["W2"], F32["b2"]))


def test_a_model_that_ends_in_a_relu_has_the_identity_for_its_read_out(tmp_path):
    agrees(load(model(tmp_path, [GEMM, RELU], F32)), (F32["W1"], F32["b1"]), (np.eye(3), np.zeros(3)))
    nodes = [GEMM, RELU, OUT, ("Relu", ["y"], "r", {}), ("Identity", ["r"], "s", {})]
    net = load(model(tmp_path, nodes, F32))
    agrees(net, (F32["W1"], F32["b1"]), (F32["W2"], F32["b2"]), (np.eye(1), np.zeros(1)))


def test_weights_that_are_listed_among_the_inputs(tmp_path):
    """As models of the first versions have them."""
    agrees(
        load(model(tmp_path, [GEMM, RELU], F32, inputs=("x", "W1", "b1"))), (W1.astype("f4"), b1), (np.eye(3), [0] * 3)
    )


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (
            [("Conv", ["x", "W1"], "z", {}), RELU, OUT],
            "found the operators Conv; supported are Gemm, MatMul, Add, Relu",
        ),
        ([GEMM, ("Sigmoid", ["z"], "h", {}), ("Tanh", ["h"], "y", {})], "found the operators Sigmoid, Tanh"),
        ([GEMM, ("Relu", ["z"], "h", {"domain": "my.own"}), OUT], "found the operators my.own.Relu"),
        ([GEMM], "no Relu after an affine map"),
        ([("Relu", ["x"], "r", {})], "no affine map comes before it"),
        ([GEMM, RELU, ("Relu", ["h"], "r", {})], "no affine map comes before it"),
        ([("Identity", ["x"], "r", {})], "no Relu after an affine map"),
        ([GEMM, ("Gemm", ["z", "W2", "b2"], "h", {"transB": 1})], "second affine map in a row"),
        ([("Add", ["x", "b2"], "z", {}), GEMM], "2 nodes use 'x': the graph branches"),
        ([("Add", ["x", "b2"], "a", {}), ("Relu", ["a"], "y", {})], "one addition of biases after a MatMul"),
        ([GEMM, ("Add", ["z", "b1"], "a", {}), ("Relu", ["a"], "y", {})], "one addition of biases after a MatMul"),
        ([GEMM, RELU, ("Add", ["h", "b1"], "y", {})], "one addition of biases after a MatMul"),
        ([GEMM, RELU, ("Add", ["h", "z"], "y", {})], "2 nodes use 'z': the graph branches"),
        ([GEMM, RELU, OUT, ("Relu", ["z"], "y2", {}), ("Add", ["y", "y2"], "s", {})], "2 nodes use 'z'"),
        ([GEMM, RELU, ("Add", ["h", "h"], "y", {})], "has the inputs"),
        ([GEMM, RELU, ("MatMul", ["h", "h"], "y", {})], "has the inputs"),
        ([GEMM, RELU, ("Relu", ["b1"], "k", {}), OUT], "Relu node 'Relu_k' is not on the way"),
        (
            [GEMM, RELU, ("Gemm", ["h", "v", "b2"], "y", {})],
            "'v' is not stored in the model; weights must be constants",
        ),
        ([GEMM, RELU, ("Gemm", ["h", "W2", "v"], "y", {"transB": 1})], "'v' is not stored in the model"),
        ([GEMM, RELU, ("Identity", ["W2"], "v", {}), ("Gemm", ["h", "v"], "y", {})], "'v' is not stored in the model"),
        ([("Gemm", ["x", "W1", "b1"], "z", {"transB": 1, "alpha": 0.5}), RELU], "alpha = 0.5 is not supported"),
        ([("Gemm", ["x", "W1", "b1"], "z", {"transB": 1, "beta": 2.0}), RELU], "beta = 2.0 is not supported"),
        ([("Gemm", ["x", "W1", "b1"], "z", {"transB": 1, "transA": 1}), RELU], "transA = 1 is not supported"),
        ([("Flatten", ["x"], "f", {"axis": 0})], "axis = 0 is not supported; allowed are axis = 1"),
        ([GEMM, ("Relu", ["z"], "h", {"slope": 1.0})], "slope = 1.0 is not supported; allowed are none"),
        ([("Constant", [], "c", {"value_float": 1.0}), GEMM, RELU], "value_float = 1.0 is not supported"),
        ([("Constant", [], "c", {}), GEMM, RELU], "Constant node 'Constant_c' holds no array"),
        ([("Constant", [], "c", {"value": 1.0}), GEMM, RELU], "Constant node 'Constant_c' holds no array"),
        ([("Gemm", ["x", "W1", "b1"], "z", {}), RELU, OUT], "biases|weights"),
        ([GEMM, RELU, ("Gemm", ["h", "W2", "b2"], "y", {})], "weights for 1 activations where there are 3"),
        ([GEMM, RELU, ("MatMul", ["h", "b1"], "y", {})], "weights"),
        ([("Gemm", ["x", "W1", "b2"], "z", {"transB": 1}), RELU, ("MatMul", ["U", "h"], "y", {})], "must come first"),
        ([("Gemm", ["x"], "z", {}), RELU], "must come first"),
        ([("Gemm", ["x", "", "W1"], "z", {"transB": 1}), RELU], "must come first"),
        ([("Gemm", ["x", "W1", "W2"], "z", {"transB": 1}), ("Relu", ["z"], "y", {})], None),
        ([("Gemm", ["x", "W1", "c2"], "z", {"transB": 1}), RELU], r"biases \(2,\) for 3 neurons"),
    ],
)
def test_a_model_that_is_no_chain_of_affine_maps_and_relus(tmp_path, nodes, message):
    weights = F32 | {"U": np.ones((1, 3), dtype=np.float32), "c2": np.ones(2, dtype=np.float32)}
    path = model(tmp_path, nodes, weights)
    if message is None:  # biases (1, n) broadcast
        agrees(load(path), (F32["W1"], F32["W2"][0]), (np.eye(3), np.zeros(3)))
    else:
        refused(path, message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"W1": np.full((3, 2), np.nan)}, "W1 holds NaN"),
        ({"b1": np.full(3, np.inf, dtype=np.float32)}, "b1 holds NaN or an infinite"),
        ({"W1": np.ones((3, 2)) + 1j}, "W1 has dtype complex128"),
        ({"W1": np.ones((3, 2), dtype=bool)}, "W1 has dtype bool"),
        ({"b1": np.asarray(["a", "b", "c"])}, "b1 has dtype|b1 cannot be read"),
        ({"b1": np.asarray([0, 0, 2**53 + 1])}, r"b1 holds an integer beyond 2\^53"),
        ({"W1": np.ones((0, 2), dtype=np.float32)}, r"W1 has shape \(0, 2\)"),
    ],
)
def test_weights_that_are_no_exact_finite_numbers(tmp_path, change, message):
    refused(model(tmp_path, [GEMM, RELU, OUT], F32 | change), message)


def edited(path: Path, edit) -> Path:
    """The model after a change to its message."""
    message = onnx.load(path)
    edit(message)
    path.write_bytes(message.SerializeToString())
    return path


def test_a_model_with_weights_elsewhere_or_of_another_form(tmp_path):
    def elsewhere(message):
        onnx.external_data_helper.set_external_data(message.graph.initializer[0], location="/etc/passwd")

    def sparse(message):
        message.graph.sparse_initializer.add().values.CopyFrom(tensor("W9", F32["b1"]))

    def short(message):
        message.graph.initializer[0].raw_data = message.graph.initializer[0].raw_data[:-4]

    def untyped(message):
        message.graph.initializer[0].data_type = 99

    def function(message):
        message.functions.add().name = "Relu"

    def outputs(message):
        message.graph.node[0].output.append("more")

    def two_outputs(message):
        message.graph.output.add().name = "z"

    for edit, reason in (
        (elsewhere, "W1 is stored in another file"),
        (sparse, "sparse weights"),
        (short, "W1 cannot be read"),
        (untyped, "W1 cannot be read"),
        (function, "defines operators of its own"),
        (outputs, "more outputs than one"),
        (two_outputs, r"outputs \['y', 'z'\]; allowed is one of each"),
        (lambda message: message.graph.output.pop(), r"outputs \[\]; allowed is one of each"),
        (lambda message: message.graph.input.add(name="u"), r"inputs \['x', 'u'\]"),
        (lambda message: message.graph.ClearField("node"), "no nodes"),
    ):
        refused(edited(model(tmp_path, [GEMM, RELU, OUT], F32), edit), reason)
    onnx.save(
        onnx.load(model(tmp_path, [GEMM, RELU, OUT], F32)),
        tmp_path / "out.onnx",
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )
    refused(tmp_path / "out.onnx", "stored in another file; save the model with its weights inside")


def test_a_file_that_is_no_model(tmp_path):
    refused(tmp_path / "missing.onnx", "there is no such file")
    path = tmp_path / "text.onnx"
    path.write_bytes(b"")
    refused(path, "no nodes: it is empty, or was cut off")
    path.write_bytes(b"text, not a model")
    refused(path, "not an ONNX model, or one that was cut off")


def test_a_model_cut_off_anywhere(tmp_path):
    """Is refused, or, where only the fields after the graph are lost, read as it was."""
    whole = model(tmp_path, [GEMM, RELU, OUT], F32).read_bytes()
    path, read = tmp_path / "cut.onnx", 0
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        net, reason = attempt(path)
        if net is None:
            assert "cut off" in reason
        else:
            agrees(net, (F32["W1"], F32["b1"]), (F32["W2"], F32["b2"]))
            read += 1
    assert read <= 8


@given(place=st.integers(0, 2000), value=st.integers(0, 255))
def test_a_damaged_model_is_refused_or_read(tmp_path_factory, place, value):
    """One byte changed: no other exception than ValueError."""
    path = model(tmp_path_factory.mktemp("onnx"), [GEMM, RELU, OUT], F32)
    content = bytearray(path.read_bytes())
    content[place % len(content)] = value
    path.write_bytes(content)
    net, _ = attempt(path)
    assert net is None or net.inputs == 2


def test_without_the_package_the_message_says_what_to_install(tmp_path, monkeypatch):
    path = model(tmp_path, [GEMM, RELU, OUT], F32)
    monkeypatch.setitem(sys.modules, "onnx", None)
    refused(path, r"pip install 'dl-theory-verify\[onnx\]'")
