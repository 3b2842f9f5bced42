"""Input margins: closed forms, all patterns enumerated, samples that never contradict, the other norms."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

from verify.core.arrays import to_numpy
from verify.kit.attacks import smallest_margin
from verify.kit.margins import input_margins, integer_margins
from verify.kit.region_walk import Projections, Rows
from verify.kit.relu import Network


def network(*layers) -> Network:
    """One network of layers (W, b); the last one is the read-out."""
    pairs = [(np.asarray([W], dtype=float), np.asarray([b], dtype=float)) for W, b in layers]
    return Network(tuple(W for W, _ in pairs[:-1]), tuple(b for _, b in pairs[:-1]), pairs[-1])


def linear(W, b) -> Network:
    """f(x) = W x + b, with the hidden layer (x, -x)."""
    W = np.asarray(W, dtype=float)
    one = np.eye(W.shape[1])
    return network((np.concatenate([one, -one]), np.zeros(2 * W.shape[1])), (np.concatenate([W, -W], axis=1), b))


def he(rng, batch: int, sizes, sigma: float) -> Network:
    layers = [
        (rng.standard_normal((batch, n, m)) * np.sqrt(2 / m), sigma * rng.standard_normal((batch, n)))
        for m, n in pairwise(sizes)
    ]
    return Network(tuple(W for W, _ in layers[:-1]), tuple(b for _, b in layers[:-1]), layers[-1])


def degenerate(rng, kind: str, batch: int, sizes) -> Network:
    """Networks with units that are dead, duplicated, opposite, through the origin, or of small integer weights."""
    net = he(rng, batch, sizes, 0.0 if kind == "no biases" else 0.5)
    pairs = [*zip(net.weights, net.biases, strict=True), net.readout]
    for number, (W, b) in enumerate(pairs):
        hidden = number < len(pairs) - 1
        if kind == "integers":
            W[:], b[:] = rng.integers(-2, 3, W.shape), rng.integers(-1, 2, b.shape)
        elif kind == "dead" and hidden:
            W[:, 0], b[:, 0] = 0.0, rng.choice([-1.0, 0.0])
            b[:, 1] = -100.0
        elif kind == "duplicated" and hidden:
            W[:, 1], b[:, 1] = W[:, 0], b[:, 0]
        elif kind == "opposite" and hidden:
            W[:, 1], b[:, 1] = -W[:, 0], -b[:, 0]
    return net


KINDS = ("generic", "no biases", "integers", "dead", "duplicated", "opposite")


def forms(net: Network, number: int, pattern):
    """Affine forms (N, d + 1) and outputs (C, d + 1) of one pattern, by dense products."""
    A = np.eye(net.inputs + 1)
    found, first = [], 0
    for weights, biases in zip(net.weights, net.biases, strict=True):
        W, b = weights[number], biases[number]
        z = np.concatenate([W, b[:, None]], axis=1) @ A
        found.append(z)
        s = np.asarray(pattern[first : first + len(b)], dtype=float)
        first += len(b)
        A = np.concatenate([s[:, None] * z, np.eye(net.inputs + 1)[-1:]])
    V, c = net.readout
    return np.concatenate(found), np.concatenate([V[number], c[number][:, None]], axis=1) @ A


def least_distance(G, h) -> float:
    """min |u| with G u >= h by non-negative least squares, inf where that is empty; tolerant of 1e-7."""
    from scipy.optimize import nnls

    E = np.concatenate([G.T, h[None]])
    target = np.zeros(len(E))
    target[-1] = 1.0
    y, _ = nnls(E, target, maxiter=300)
    r = E @ y - target
    if np.linalg.norm(r) < 1e-9 or r[-1] > -1e-14:
        return np.inf
    u = -r[:-1] / r[-1]
    return float(np.linalg.norm(u)) if np.all(G @ u >= h - 1e-7 * (1 + np.abs(h))) else np.inf


def enumerated(net: Network, number: int, x, y: int, norm: float = 2) -> float:
    """The margin over all 2^N patterns."""
    best = np.inf
    for pattern in product((0, 1), repeat=net.neurons):
        hidden, out = forms(net, number, pattern)
        sign = np.where(np.asarray(pattern) > 0, 1.0, -1.0)
        region = sign[:, None] * hidden
        size = np.linalg.norm(region[:, :-1], axis=1)
        values = region[:, :-1] @ x + region[:, -1]
        flat = size < 1e-12
        if np.any(values[flat] < -1e-9):
            continue
        region, values = region[~flat] / size[~flat, None], values[~flat] / size[~flat]
        if norm == 2 and best < np.max(-values, initial=0.0):
            continue
        for j in range(len(out)):
            if j == y:
                continue
            m = out[y] - out[j]
            length = np.linalg.norm(m[:-1])
            at = m[:-1] @ x + m[-1]
            if length < 1e-12:
                if at > 1e-9:
                    continue
                row, value = np.zeros((0, net.inputs)), np.zeros(0)
            else:
                row, value = -m[None, :-1] / length, np.asarray([at / length])
            G, h = np.concatenate([region[:, :-1], row]), np.concatenate([-values, value])
            best = min(best, least_distance(G, h) if norm == 2 else least_box_distance(G, h, norm))
    return best


def check(net: Network, x, found) -> None:
    """The ends, the witness and its residual, as the record promises."""
    lower, upper = found.lower, found.upper
    assert np.all(lower <= upper)
    some = np.isfinite(upper)
    distance = np.linalg.norm(found.witness - x, axis=-1)
    assert np.allclose(distance[some], upper[some], rtol=1e-14, atol=0)
    y = np.argmax(net.outputs(np.broadcast_to(x, found.witness.shape)), axis=-1)
    at = smallest_margin(net, found.witness, y)
    assert np.all(at[some] < 1e-10)
    assert np.all(found.residual[some] < 1e-10)
    f = net.outputs(found.witness)
    rival = np.take_along_axis(f, np.maximum(found.rival, 0)[..., None], axis=-1)[..., 0]
    own = np.take_along_axis(f, y[..., None], axis=-1)[..., 0]
    assert np.all((own - rival)[some] < 1e-10)


@pytest.mark.parametrize(("d", "M"), [(1, 3), (2, 6), (3, 12), (8, 12), (12, 5)])
def test_certified_distances(d, M):
    """Never above the distance, seldom below it by more than rounding; immense where the rows contradict each other."""
    rng = np.random.default_rng(d)
    G, h = rng.standard_normal((200, M, d)), rng.standard_normal((200, M))
    G[::3, 1] = G[::3, 0]
    G[::5, 2] = -G[::5, 0]
    forms = np.concatenate([G, -h[..., None]], axis=-1)
    program = Projections.start(Rows.of(forms, np.abs(forms), np.ones((200, M)), 1e-15))
    bound = program.solve(np.full(200, 1e6))
    size = np.linalg.norm(G, axis=-1)
    expected = np.asarray([least_distance(g, v) for g, v in zip(G / size[..., None], h / size, strict=True)])
    some = np.isfinite(expected)
    assert np.all(bound[some] <= expected[some] * (1 + 1e-9) + 1e-9)
    assert np.all(bound[some] >= expected[some] * (1 - 1e-9) - 1e-9)
    assert np.all(bound[~some] > 1e6)
    assert np.all(program.feasible == some)
    assert np.allclose(np.linalg.norm(program.u[some], axis=1), expected[some], rtol=1e-9, atol=1e-9)


def test_linear_classifier():
    W, b, x = [[1.0, 2.0], [-1.0, 0.5], [0.0, -3.0]], [0.1, 0.2, -0.3], np.asarray([[[1.0, 0.5]]])
    found = input_margins(linear(W, b), x)
    f = np.asarray(W) @ x[0, 0] + b
    expected, rival = min(((f[0] - f[j]) / np.linalg.norm(np.subtract(W[0], W[j])), j) for j in (1, 2))
    assert found.status == (("exact",),)
    assert found.lower[0, 0] == pytest.approx(expected, rel=1e-14)
    assert found.upper[0, 0] == pytest.approx(expected, rel=1e-14)
    assert found.rival[0, 0] == rival


@pytest.mark.parametrize("M", [1.0, 10.0, 30.0])
@pytest.mark.parametrize("slack", [0.0, 1e-7])
def test_radial_family(M, slack):
    c = 1 / np.sqrt(M * M + 1)
    net = network(([[M, 1], [M, -1], [-M, -1]], np.zeros(3)), ([[1, -1, 0], [0, 0, c]], np.zeros(2)))
    found = input_margins(net, np.asarray([[[0.0, 1.0]]]), slack=slack)
    assert found.upper[0, 0] == pytest.approx(c + slack, rel=1e-12)  # f_2 - f_1 has slope 1 beyond the boundary
    assert c + 0.75 * slack - 1e-14 <= found.lower[0, 0] <= found.upper[0, 0]
    assert found.status == (("exact",),)


def test_a_tie_is_no_strict_boundary():
    """Without the third unit the boundary is a region where both outputs are 0; beyond it lies nothing of class 2."""
    M = 10.0
    net = network(([[M, 1], [M, -1]], np.zeros(2)), ([[1, -1], [0, 0]], np.zeros(2)))
    x = np.asarray([[[0.0, 1.0]]])
    assert input_margins(net, x).upper[0, 0] == pytest.approx(1 / np.sqrt(M * M + 1), rel=1e-13)
    # m = (relu(Mx + y) - relu(Mx - y)) < 0 needs y < 0
    assert input_margins(net, x, slack=1e-9).upper[0, 0] == pytest.approx(1.0, rel=1e-7)


def test_two_points():
    """f_1 = relu(5x + 1) - relu(5x - 1) - 1 at x = 2 and -2: both are 2 from the boundary at 0."""
    net = network(([[5.0], [5.0]], [1.0, -1.0]), ([[1.0, -1.0], [0.0, 0.0]], [-1.0, 0.0]))
    found = input_margins(net, np.asarray([[[2.0], [-2.0]]]))
    assert found.upper[0].tolist() == pytest.approx([2.0, 2.0], rel=1e-14)
    assert found.lower[0].tolist() == pytest.approx([2.0, 2.0], rel=1e-13)


def test_no_boundary_and_misclassified():
    net = network(([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]), ([[1.0, 1.0], [0.0, 0.0]], [1.0, 0.0]))
    x = np.asarray([[[0.3, -0.2], [-1.0, -1.0]]])
    found = input_margins(net, x)
    assert found.status == (("no boundary", "no boundary"),)
    assert np.all(np.isinf(found.upper))
    assert np.all(found.lower >= 999)
    assert found.rival.tolist() == [[-1, -1]]
    wrong = input_margins(net, x, np.ones((1, 2), dtype=int))
    assert wrong.status == (("misclassified", "misclassified"),)
    assert wrong.upper.tolist() == wrong.lower.tolist() == [[0.0, 0.0]]


def test_domain():
    net = linear([[1.0, 0.0], [-1.0, 0.0]], [0.0, 0.0])
    x = np.asarray([[[1.0, 0.0]]])
    slanted = (np.asarray([[-1.0, -1.0]]), np.asarray([-1.0]))  # z_1 + z_2 >= 1
    assert input_margins(net, x, domain=slanted).upper[0, 0] == pytest.approx(np.sqrt(2), rel=1e-13)
    assert input_margins(net, x, domain=slanted).status == (("exact",),)
    away = (np.asarray([[-1.0, 0.0]]), np.asarray([-0.5]))  # z_1 >= 1/2
    assert input_margins(net, x, domain=away).status == (("no boundary",),)
    with pytest.raises(ValueError, match="outside"):
        input_margins(net, -x, domain=away)


def test_budget_leaves_bounds_that_hold():
    rng = np.random.default_rng(3)
    net = he(rng, 30, (3, 7, 7, 3), 0.3)
    x = rng.standard_normal((30, 1, 3))
    whole, part = input_margins(net, x), input_margins(net, x, budget=3)
    assert "budget" in {s for row in part.status for s in row}
    assert np.all(part.lower <= whole.upper)
    assert np.all(part.upper >= whole.lower)


def test_what_is_not_a_classifier_is_refused():
    x = np.zeros((1, 1, 2))
    one = network((np.eye(2), np.zeros(2)), ([[1.0, 1.0]], [0.0]))
    with pytest.raises(ValueError, match="two outputs"):
        input_margins(one, x)
    with pytest.raises(ValueError, match="slack"):
        input_margins(linear(np.eye(2), np.zeros(2)), x, slack=-1.0)
    with pytest.raises(ValueError, match="infinite"):
        input_margins(linear([[np.nan, 0.0], [0.0, 1.0]], np.zeros(2)), x)


@pytest.mark.parametrize("kind", KINDS)
def test_all_patterns_enumerated(kind):
    rng = np.random.default_rng(11)
    for sizes in ((2, 5, 3), (3, 4, 3, 2), (2, 3, 2, 3, 2)):
        net = degenerate(rng, kind, 4, sizes)
        x = rng.standard_normal((4, 1, sizes[0]))
        found = input_margins(net, x)
        check(net, x, found)
        for b in range(4):
            y = int(np.argmax(net.outputs(x)[b, 0]))
            if found.status[b][0] == "misclassified":
                continue
            expected = enumerated(net, b, x[b, 0], y)
            if np.isinf(expected):
                assert found.status[b][0] == "no boundary"
            else:
                assert found.status[b][0] == "exact"
                assert found.upper[b, 0] == pytest.approx(expected, rel=1e-6)
                assert found.lower[b, 0] == pytest.approx(expected, rel=1e-6)


def test_samples_never_contradict():
    """A million points within 0.999 of the lower end, in the balls and on their spheres: all of the class of x."""
    rng = np.random.default_rng(5)
    each, count, points, networks = 12, 4640, 0, 0
    for kind in KINDS:
        for sizes in ((2, 7, 5, 3), (4, 6, 4), (3, 3, 4, 5, 2)):
            net = degenerate(rng, kind, each, sizes)
            x = rng.standard_normal((each, 1, sizes[0]))
            found = input_margins(net, x)
            check(net, x, found)
            u = rng.standard_normal((each, count, sizes[0]))
            u /= np.linalg.norm(u, axis=-1, keepdims=True)
            u[:, ::2] *= rng.random((each, count // 2, 1)) ** (1 / sizes[0])
            z = x + 0.999 * np.minimum(found.lower, 10.0)[..., None] * u
            y = np.broadcast_to(np.argmax(net.outputs(x), axis=-1), z.shape[:2])
            wrong = smallest_margin(net, z, y) <= 0
            assert not np.any(wrong & (found.lower > 0))
            networks, points = networks + each, points + z.shape[0] * count
    assert networks >= 200
    assert points >= 1_000_000


def test_other_arrays(backend):
    rng = np.random.default_rng(1)
    net = he(rng, 3, (2, 4, 3), 0.3)
    x = rng.standard_normal((3, 2, 2))
    moved = Network(
        tuple(map(backend.asarray, net.weights)),
        tuple(map(backend.asarray, net.biases)),
        (backend.asarray(net.readout[0]), backend.asarray(net.readout[1])),
    )
    found = input_margins(moved, backend.asarray(x))
    assert to_numpy(found.upper).tolist() == input_margins(net, x).upper.tolist()
    assert found.upper.device == backend.device


# --------------------------------------------------------------------------------------------------------- other norms


def least_box_distance(G, h, norm) -> float:
    """min |u| with G u >= h in the 1-norm or the maximum norm, by a linear program."""
    from scipy.optimize import linprog

    d = G.shape[1]
    count = d if norm == 1 else 1
    sizes = np.eye(d) if norm == 1 else np.ones((d, 1))
    A = np.concatenate([np.concatenate([s * np.eye(d), -sizes], axis=1) for s in (1, -1)])
    A = np.concatenate([A, np.concatenate([-G, np.zeros((len(G), count))], axis=1)])
    b = np.concatenate([np.zeros(2 * d), -h])
    found = linprog(np.r_[np.zeros(d), np.ones(count)], A, b, bounds=[(None, None)] * d + [(0, None)] * count)
    return found.fun if found.status == 0 else np.inf


@pytest.mark.parametrize("norm", [1, np.inf])
def test_other_norms_by_all_patterns(norm):
    rng = np.random.default_rng(4)
    for kind in ("generic", "integers", "opposite"):
        net = degenerate(rng, kind, 1, (2, 4, 3))
        x = rng.standard_normal((1, 1, 2))
        found = integer_margins(net, x, norm=norm)
        y = int(np.argmax(net.outputs(x)[0, 0]))
        expected = enumerated(net, 0, x[0, 0], y, norm)
        if np.isfinite(expected):
            assert found.status == (("exact",),)
            assert found.upper[0, 0] == pytest.approx(expected, rel=1e-6)
            assert found.lower[0, 0] <= expected * (1 + 1e-7)


def test_norms_in_order():
    """gamma_inf <= gamma_2 <= sqrt(d) gamma_inf and gamma_2 <= gamma_1 <= sqrt(d) gamma_2."""
    rng = np.random.default_rng(8)
    finite = 0
    for kind in KINDS:
        for sizes in ((2, 5, 3), (4, 7, 7, 2)):
            net = degenerate(rng, kind, 2, sizes)
            x = rng.standard_normal((2, 1, sizes[0]))
            two = input_margins(net, x)
            top, one = integer_margins(net, x, norm=np.inf), integer_margins(net, x, norm=1)
            root = np.sqrt(sizes[0])
            for a, b in ((top, two), (two, one)):
                assert np.all(a.lower <= b.upper)
                some = np.isfinite(a.upper)
                assert np.all(b.lower[some] <= root * a.upper[some])
            for found, norm in ((top, np.inf), (one, 1)):
                some = np.isfinite(found.upper)
                assert np.all(found.lower <= found.upper)
                distance = np.linalg.norm(found.witness - x, norm, axis=-1)
                assert np.allclose(distance[some], found.upper[some], rtol=1e-14, atol=0)
                y = np.argmax(net.outputs(x), axis=-1)
                assert np.all(smallest_margin(net, found.witness, y)[some] < 1e-10)
                finite += int(some.sum())
    assert finite > 30


def test_other_norms_of_a_linear_classifier():
    net, x = linear([[1.0, 2.0], [0.0, 0.0]], [0.0, 0.0]), np.asarray([[[1.0, 1.0]]])
    assert integer_margins(net, x, norm=np.inf).upper[0, 0] == pytest.approx(1.0, rel=1e-9)
    assert integer_margins(net, x, norm=1).upper[0, 0] == pytest.approx(1.5, rel=1e-9)
    with pytest.raises(ValueError, match="norm"):
        integer_margins(net, x, norm=2)


def test_margins_with_slack_are_the_same_alone_and_in_a_batch():
    random = np.random.default_rng(5)
    pairs = [(random.standard_normal((6, n, m)), np.zeros((6, n))) for m, n in ((2, 5), (5, 4), (4, 2))]
    weights, biases = zip(*pairs, strict=True)
    x = random.standard_normal((6, 1, 2))
    whole = input_margins(Network(weights[:2], biases[:2], pairs[2]), x, slack=1e-3)
    for i in range(6):
        one = Network(*(tuple(a[i : i + 1] for a in part) for part in (weights[:2], biases[:2], pairs[2])))
        alone = input_margins(one, x[i : i + 1], slack=1e-3)
        assert alone.upper[0, 0] == whole.upper[i, 0]
        assert alone.lower[0, 0] == pytest.approx(whole.lower[i, 0], rel=1e-12)
