"""Sampled patterns: a lower bound on the exact count, whatever the rounding."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verify.core.arrays import Backend, to_numpy
from verify.core.streams import Draw, tag
from verify.kit.region_sampling import BITS, certain_patterns, distinct_patterns, sampled_regions
from verify.kit.regions import cells, count_activation
from verify.kit.relu import Network, integer_network


def drawn(backend: Backend, seed: int, B: int, inputs: int, *widths: int, integers: bool = False) -> Network:
    rng = np.random.default_rng(seed)
    sizes = [inputs, *widths]
    number = (lambda *s: rng.integers(-3, 4, size=s) * 1.0) if integers else (lambda *s: rng.normal(size=s))
    return Network(
        tuple(backend.asarray(number(B, n, m)) for m, n in zip(sizes, widths, strict=False)),
        tuple(backend.asarray(number(B, n)) for n in widths),
    )


def exact(network: Network, low: float, high: float) -> list[int]:
    box = (Fraction(low), Fraction(high))
    return [count_activation(cells(integer_network(network, i), box)) for i in range(len(network))]


def draw(backend: Backend, B: int, seed: int = 0) -> Draw:
    return Draw(backend, seed, tag("region sampling"), 0, B)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("integers", [False, True])
@pytest.mark.parametrize("shape", [(1, 6), (1, 4, 4), (2, 8), (2, 5, 5), (2, 3, 3, 3), (3, 5, 4)])
def test_never_above_the_exact_count(shape, integers, dtype):
    chosen = Backend("numpy", dtype)
    network = drawn(chosen, 1, 6, *shape, integers=integers)
    found = sampled_regions(network, draw(chosen, 6), 20_000, -2.0, 3.0)
    assert found.shape == (6,)
    assert found.dtype == np.int64
    counts = exact(network, -2, 3)
    assert (found <= counts).all()
    assert integers or found.sum() > 0.75 * sum(counts)  # the rest are slivers


def test_reaches_the_count_of_a_grid(backend):
    """Lines x_i = 0 and x_i = 1/2 in the square: 9 regions; shared points serve a batch."""
    W = backend.asarray([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]] * 2)
    b = backend.asarray([[0.0, -0.5, 0.0, -0.5], [0.0, -0.5, 5.0, 5.0]])
    network = Network((W,), (b,))
    own = sampled_regions(network, draw(backend, 2), 400, -1.0, 1.0)
    shared = distinct_patterns(network, draw(backend, 1).uniform(400, 2, low=-1.0, high=1.0))
    assert to_numpy(own).tolist() == to_numpy(shared).tolist() == [9, 3]
    assert own.device == W.device


def test_the_strict_library_finds_what_numpy_finds(backend):
    found = sampled_regions(drawn(backend, 2, 3, 2, 70, 5), draw(backend, 3), 500, -1.0, 1.0)
    host = Backend("numpy")
    assert (
        to_numpy(found).tolist() == sampled_regions(drawn(host, 2, 3, 2, 70, 5), draw(host, 3), 500, -1.0, 1.0).tolist()
    )


def test_distinct_patterns_are_counted_bit_by_bit(backend):
    """Layers wider than a word, against a set of tuples."""
    network = drawn(backend, 3, 2, 3, BITS + 1, 2 * BITS, 3)
    x = draw(backend, 2).uniform(300, 3, low=-1.0, high=1.0)
    x = backend.xp.concat([x, x[:, :150, :]], axis=1)
    words, kept = certain_patterns(network, x)
    assert words.shape == (2, 450, 5)
    signs, kept = to_numpy(network.pre_activations(x)) > 0, to_numpy(kept)
    expected = [len({row.tobytes() for row in signs[i][kept[i]]}) for i in range(2)]
    assert to_numpy(distinct_patterns(network, x)).tolist() == expected
    assert min(expected) > 100


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_rounding_makes_no_pattern(dtype):
    """3 rho(w x) - rho(3 w x) is 0; in floats it has either sign. Two more neurons only tell the sign of x."""
    chosen = Backend("numpy", dtype)
    w = 1 + 2.0 ** (-51 if dtype == "float64" else -22)  # 3 w is exact
    network = Network(
        tuple(chosen.asarray(W) for W in ([[[w], [3 * w]]], [[[3.0, -1.0], [0.0, 1.0]]])),
        (chosen.asarray([[0.0, 0.0]]), chosen.asarray([[0.0, -1.0]])),
    )
    x = draw(chosen, 1).uniform(1000, 1, low=-1.0, high=1.0)
    naive = {tuple(row) for row in (network.pre_activations(x) > 0)[0].tolist()}
    assert len(naive) > exact(network, -1, 1)[0] == 3
    assert distinct_patterns(network, x)[0] <= 3


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_rounding_of_the_layer_before_counts(dtype):
    """The same with w x - 1, near its zero: what layer 2 gets of it is no larger than a few of its rounding errors."""
    chosen = Backend("numpy", dtype)
    eps = 2.0 ** (-52 if dtype == "float64" else -23)
    w = 1 + 2 * eps
    network = Network(
        tuple(chosen.asarray(W) for W in ([[[w], [3 * w]]], [[[3.0, -1.0]]])),
        (chosen.asarray([[-1.0, -3.0]]), chosen.asarray([[0.0]])),
    )
    x = 1 + draw(chosen, 1).uniform(1000, 1, low=0.0, high=200 * eps)
    assert (network.pre_activations(x)[..., 2] < 0).any()
    first = Network(network.weights[:1], network.biases[:1])
    assert certain_patterns(first, x)[1].any()
    assert not certain_patterns(network, x)[1].any()


@pytest.mark.parametrize(("dtype", "smallest"), [("float64", -1074), ("float32", -149)])
def test_products_that_underflow_make_no_pattern(dtype, smallest):
    """0.6 + 0.6 - 1.4 of the smallest number is negative, and 1 + 1 - 1 of it as computed."""
    chosen = Backend("numpy", dtype)
    W = np.asarray([[[0.6, 0.6, -1.4]]]) * 2.0 ** (smallest // 2)
    network = Network((chosen.asarray(W),), (chosen.asarray([[0.0]]),))
    x = chosen.asarray(np.full((1, 1, 3), 2.0 ** (smallest - smallest // 2)))
    assert network.pre_activations(x)[0, 0, 0] > 0
    assert integer_network(network).pattern([Fraction(float(v)) for v in x[0, 0]]) == (0,)
    assert not certain_patterns(network, x)[1].any()


@given(
    seed=st.integers(0, 2**32 - 1),
    widths=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    inputs=st.integers(1, 3),
    dtype=st.sampled_from(["float64", "float32"]),
    scale=st.sampled_from([1.0, 1e-3, 1e4, 1e-30]),
)
def test_certain_signs_are_those_of_exact_arithmetic(seed, widths, inputs, dtype, scale):
    """Also where biases cancel the rest at the first point."""
    chosen = Backend("numpy", dtype)
    network = drawn(chosen, seed, 1, inputs, *widths)
    x = chosen.asarray(scale * np.random.default_rng(seed).normal(size=(1, 8, inputs)))
    biases, h = [], x[:, :1, :]
    for W in network.weights:
        b = -(h @ np.swapaxes(W, 1, 2))[:, 0, :]
        biases.append(b)
        h = np.abs(h @ np.swapaxes(W, 1, 2))
    for cancelled in (network, Network(network.weights, tuple(biases))):
        integers = integer_network(cancelled)
        words, kept = certain_patterns(cancelled, x)
        for point, row, certain in zip(x[0].tolist(), words[0].tolist(), kept[0].tolist(), strict=True):
            bits = [word >> i & 1 for word, n in zip(row, widths, strict=True) for i in range(n)]
            pattern = integers.pattern([Fraction(v) for v in point])
            assert not certain or tuple(bits) == pattern
    assert not kept[0, 0]  # of the cancelled one: its first layer is 0 there up to rounding


def test_what_is_not_finite_is_dropped():
    W, b = np.asarray([[[1e300, 1e300], [1.0, 0.0]]]), np.asarray([[0.0, 0.0]])
    network = Network((W,), (b,))
    x = np.asarray([[[1e10, 1e10], [1.0, np.nan], [1.0, np.inf], [1.0, 1.0]]])
    with np.errstate(all="ignore"):
        _, kept = certain_patterns(network, x)
        assert kept.tolist() == [[False, False, False, True]]
        assert distinct_patterns(network, x).tolist() == [1]


def test_a_layer_too_wide_for_its_dtype():
    n = 2**20
    wide = Network((np.ones((1, 1, n), dtype=np.float32),), (np.ones((1, 1), dtype=np.float32),))
    with pytest.raises(ValueError, match="too wide for float32"):
        certain_patterns(wide, np.ones((1, 1, n), dtype=np.float32))
