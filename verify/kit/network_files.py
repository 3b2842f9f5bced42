r"""Reading a network from a file: NumPy archives (``.npz``) and ONNX models of plain fully connected ReLU networks.

What is read is data: nothing in the file is run, and pickled objects are refused. Numbers are taken exactly to float64,
or refused. The network is the function that the weights define in exact arithmetic; a program that evaluates it in
float32 computes that up to rounding.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from verify.kit.relu import Network

SUFFIXES = {".npz": "a NumPy archive", ".onnx": "an ONNX model"}
NPZ_HELP = (
    "an archive holds W1, b1, W2, b2, ..., the last pair being the affine read-out: np.savez(path, W1=W1, b1=b1, ...)"
)
ONNX_HELP = "supported are Gemm, MatMul, Add, Relu, Flatten, Identity and Constant, in one chain"
WHOLE = 2**53  # integers up to it are exact in float64

Pair = tuple[Any, Any]  # weights (outputs, inputs) and biases (outputs,), float64


def load(path: str | Path) -> Network:
    """The network in a file, a batch of one in float64 NumPy arrays.

    ``.npz``: arrays W1 (n_1, n_0), b1 (n_1,), W2 (n_2, n_1), b2, ...; the last pair is the affine read-out, so there
    are two pairs or more. ``.onnx``: a chain of Gemm or MatMul and Add, with Relu between two of them; where the model
    ends in a Relu, the read-out is the identity.

    Raises ValueError, which says what was found, what is allowed and what to try, for a file that cannot be read, is
    damaged, is no such network, or holds numbers that are not finite or not exact in float64.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        kinds = ", ".join(f"{known} ({what})" for known, what in SUFFIXES.items())
        raise ValueError(f"{path}: the suffix {path.suffix!r} is not known; allowed are {kinds}")
    if not path.is_file():
        raise ValueError(f"{path}: there is no such file")
    try:
        *hidden, (V, c) = _npz(path) if suffix == ".npz" else _onnx(path)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error})") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return Network(tuple(W[None] for W, _ in hidden), tuple(b[None] for _, b in hidden), (V[None], c[None]))


def _exact(name: str, values: Any) -> Any:
    """The array in float64, without rounding."""
    import numpy as np

    if values.dtype.kind not in "fiu" or values.dtype.itemsize > 8:
        raise ValueError(f"{name} has dtype {values.dtype}; allowed are integers and floats of at most 64 bits")
    if values.size == 0:
        raise ValueError(f"{name} has shape {values.shape}; a layer needs an input and a neuron at least")
    if values.dtype.kind in "iu" and (int(values.max()) > WHOLE or int(values.min()) < -WHOLE):
        raise ValueError(f"{name} holds an integer beyond 2^53; float64 would round it")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} holds NaN or an infinite number; every weight and bias must be finite")
    return values.astype(np.float64)


# ------------------------------------------------------------------------------------------------- NumPy archives


def _npz(path: Path) -> list[Pair]:
    import numpy as np

    with path.open("rb") as file:
        try:
            archive = np.load(file, allow_pickle=False)
        except Exception:  # NumPy raises errors of many types for what is no archive
            archive = None
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError(f"not a NumPy archive, or one that was cut off; write it again: {NPZ_HELP}")
        names = set(archive.files)
        stray = sorted(name for name in names if not re.fullmatch(r"[Wb][1-9][0-9]{0,3}", name))
        if stray or not names:
            raise ValueError(f"found arrays named {', '.join(map(repr, stray)) or 'nothing'}; {NPZ_HELP}")
        layers = max(int(name[1:]) for name in names)
        wanted = [f"{letter}{number}" for number in range(1, layers + 1) for letter in "Wb"]
        if missing := [name for name in wanted if name not in names]:
            raise ValueError(f"{', '.join(missing[:6])} missing beside {', '.join(sorted(names))}; {NPZ_HELP}")
        arrays = {name: _exact(name, _member(archive, name)) for name in wanted}
    if layers == 1:
        raise ValueError(f"W1 and b1 alone are an affine map, without a ReLU; {NPZ_HELP}")
    columns = None
    for number in range(1, layers + 1):
        W, b = arrays[f"W{number}"], arrays[f"b{number}"]
        if W.ndim != 2 or b.ndim != 1 or len(W) != len(b) or columns not in (None, W.shape[1]):
            raise ValueError(
                f"W{number} has shape {W.shape} and b{number} {b.shape} where (n, {columns or 'inputs'}) and (n,) are "
                f"needed; W{number} maps columns, W @ h + b: a matrix for h @ W must be transposed"
            )
        columns = len(W)
    return [(arrays[f"W{number}"], arrays[f"b{number}"]) for number in range(1, layers + 1)]


def _member(archive: Any, name: str) -> Any:
    try:
        values, error = archive[name], None
    except Exception as caught:  # of many types: of NumPy, of zip and deflate, of the parser of the header
        values, error = None, caught
    if not hasattr(values, "dtype"):  # NumPy hands out a member that is no array as bytes
        raise ValueError(
            f"{name} cannot be read ({error or 'not an array'}); it is damaged, or holds Python objects, which are "
            "never loaded: save plain arrays of numbers"
        )
    return values


# ------------------------------------------------------------------------------------------------- ONNX models


@dataclass
class _Chain:
    """The layers read so far: ``pairs``, of which the last is ``open`` while a Relu has not closed it; ``biased``
    tells whether the open one has its biases already."""

    pairs: list[Pair] = field(default_factory=list)
    open: bool = False
    biased: bool = False


def _onnx(path: Path) -> list[Pair]:
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError:
        raise ValueError(
            "reading ONNX needs the package onnx: pip install 'dl-theory-verify[onnx]', or save the weights as .npz"
        ) from None

    try:
        model = onnx.load(path, format="protobuf", load_external_data=False)
    except DecodeError as error:
        raise ValueError(f"not an ONNX model, or one that was cut off ({error}); export it again") from None
    graph = model.graph
    if not graph.node:
        raise ValueError("the model has no nodes: it is empty, or was cut off; export it again")
    foreign = sorted({f"{n.domain}.{n.op_type}".lstrip(".") for n in graph.node if not _supported(n)})
    if foreign:
        raise ValueError(f"found the operators {', '.join(foreign)}; {ONNX_HELP}")
    if model.functions:
        raise ValueError(f"the model defines operators of its own ({model.functions[0].name}); export it without")
    if any(len(node.output) != 1 for node in graph.node):
        raise ValueError("a node has more outputs than one, or none")
    constants = _constants(graph)
    inputs = [value.name for value in graph.input if value.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise ValueError(
            f"the graph has inputs {inputs} and outputs {[v.name for v in graph.output]}; allowed is one of each, the "
            "weights being stored in the model"
        )
    chain, current, left = _Chain(), inputs[0], [n for n in graph.node if n.op_type != "Constant"]
    while current != graph.output[0].name:
        users = [node for node in left if current in node.input]
        if len(users) != 1:
            raise ValueError(f"{len(users)} nodes use {current!r}: the graph branches or stops; {ONNX_HELP}")
        _step(chain, users[0], current, constants)
        left.remove(users[0])
        current = users[0].output[0]
    if left:
        raise ValueError(f"{_label(left[0])} is not on the way from the input to the output; {ONNX_HELP}")
    relus = len(chain.pairs) - chain.open
    if not relus:
        raise ValueError("the model has no Relu after an affine map: it is no ReLU network")
    return chain.pairs if chain.open else [*chain.pairs, _identity(len(chain.pairs[-1][1]))]


def _identity(size: int) -> Pair:
    import numpy as np

    return np.eye(size), np.zeros(size)


SUPPORTED: dict[str, dict[str, Any]] = {  # the attributes of each operator, with the one value that is allowed
    "Gemm": {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": None},
    "MatMul": {},
    "Add": {},
    "Relu": {},
    "Flatten": {"axis": 1},
    "Identity": {},
    "Constant": {"value": None},
}


def _supported(node: Any) -> bool:
    return node.domain in ("", "ai.onnx") and node.op_type in SUPPORTED


def _label(node: Any) -> str:
    return f"{node.op_type} node {node.name or node.output[0]!r}"


def _attributes(node: Any) -> dict[str, Any]:
    """The attributes of a node; ValueError for one that is not supported."""
    import onnx

    allowed = SUPPORTED[node.op_type]
    found = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    for name, value in found.items():
        if name not in allowed or (allowed[name] is not None and value != allowed[name]):
            known = "; ".join(f"{k} = {v if v is not None else 'any'}" for k, v in allowed.items()) or "none"
            raise ValueError(f"{_label(node)}: {name} = {value!r} is not supported; allowed are {known}")
    return found


def _constants(graph: Any) -> dict[str, Any]:
    """The arrays stored in the model, in float64, by name."""
    import onnx

    if graph.sparse_initializer:
        raise ValueError("the model has sparse weights; store them dense")
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            value = _attributes(node).get("value")
            if not isinstance(value, onnx.TensorProto):
                raise ValueError(f"{_label(node)} holds no array")
            tensors[node.output[0]] = value
    return {name: _array(name, tensor) for name, tensor in tensors.items()}


def _array(name: str, tensor: Any) -> Any:
    import onnx

    if onnx.external_data_helper.uses_external_data(tensor):
        raise ValueError(f"{name} is stored in another file; save the model with its weights inside")
    try:
        values = onnx.numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{name} cannot be read ({error})") from None
    return _exact(name, values)


def _step(chain: _Chain, node: Any, current: str, constants: dict[str, Any]) -> None:
    """Follow one node of the chain, from the tensor ``current``."""
    import numpy as np

    label, kind, attributes = _label(node), node.op_type, _attributes(node)
    others = [name for name in node.input if name not in (current, "")]
    if unknown := [name for name in others if name not in constants]:
        raise ValueError(f"{label}: {unknown[0]!r} is not stored in the model; weights must be constants")
    if list(node.input).count(current) != 1 or len(others) > {"Gemm": 2, "MatMul": 1, "Add": 1}.get(kind, 0):
        raise ValueError(f"{label} has the inputs {list(node.input)}; {ONNX_HELP}")
    if kind == "Relu":
        if not chain.open:
            raise ValueError(f"{label}: no affine map comes before it")
        chain.open = False
    elif kind == "Add":
        if not chain.open or chain.biased or not others:
            raise ValueError(f"{label}: allowed is one addition of biases after a MatMul, or a Gemm without biases")
        W, _ = chain.pairs[-1]
        chain.pairs[-1] = (W, _biases(label, constants[others[0]], len(W)))
        chain.biased = True
    elif kind in ("Gemm", "MatMul"):
        if chain.open:
            raise ValueError(f"{label}: a second affine map in a row; multiply the two together, or put a Relu between")
        operand, *rest = node.input[1:] or [""]
        if node.input[0] != current or not operand:
            raise ValueError(f"{label}: the activations must come first and the weights second")
        W = constants[operand]
        W = W if attributes.get("transB") else W.T
        columns = len(chain.pairs[-1][1]) if chain.pairs else W.shape[-1]
        if W.ndim != 2 or W.shape[1] != columns:
            raise ValueError(f"{label}: weights for {W.shape[-1]} activations where there are {columns}")
        chain.biased = any(rest)
        chain.pairs.append((W, _biases(label, constants[rest[0]] if any(rest) else np.zeros(1), len(W))))
        chain.open = True


def _biases(label: str, values: Any, size: int) -> Any:
    """Biases (size,) from an array that broadcasts to (1, size)."""
    import numpy as np

    if values.shape not in ((), (1,), (1, 1), (size,), (1, size)):
        raise ValueError(f"{label}: biases {values.shape} for {size} neurons")
    return np.broadcast_to(values, (1, size))[0].copy()
