"""Networks in floats and in integers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verify.kit.relu import Network, integer_network


def network(seed, widths, scale=1.0, size=2):
    random = np.random.default_rng(seed)
    pairs = [
        (scale * random.standard_normal((size, n, m)), scale * random.standard_normal((size, n))) for m, n in widths
    ]
    weights, biases = zip(*pairs[:-1], strict=True)
    return Network(weights, biases, pairs[-1])


@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([1e-3, 1.0, 1e5]))
def test_the_integers_have_the_signs_and_up_to_their_scales_the_values_of_the_floats(seed, scale):
    net = network(seed, [(2, 4), (4, 3), (3, 2)], scale)
    x = np.random.default_rng(seed).standard_normal((1, 5, 2))
    z, y = net.pre_activations(x), net.outputs(x)
    for number in range(2):
        exact = integer_network(net, number)
        assert exact.widths == net.widths == (4, 3)
        for point in range(5):
            at = [Fraction(v) for v in x[0, point]]
            assert exact.pattern(at) == tuple((z[number, point] > 0).astype(int))
            forms, pattern = exact.start(), exact.pattern(at)
            for layer, bits in enumerate((pattern[:4], pattern[4:])):
                forms = exact.active(exact.layer(layer, forms), bits)
            for form, value in zip(exact.layer(2, forms), y[number, point], strict=True):
                found = sum(a * b for a, b in zip(form, (*at, 1), strict=True)) / exact.scales[-1]
                assert float(found) == pytest.approx(value, rel=1e-9, abs=1e-9 * scale**3)


def test_whole_weights_stay_as_they_are_and_scales_are_as_small_as_they_can_be():
    whole = Network((np.asarray([[[2.0, -3.0]]]),), (np.asarray([[5.0]]),))
    assert integer_network(whole).weights == (((2, -3),),)
    assert integer_network(whole).scales == (1,)
    halves = Network((np.asarray([[[0.5]]]), np.asarray([[[0.25]]])), (np.asarray([[0.125]]), np.asarray([[0.5]])))
    assert integer_network(halves).scales == (8, 32)


def test_what_does_not_fit_is_refused():
    W, b = np.ones((1, 3, 2)), np.ones((1, 3))
    with pytest.raises(ValueError, match="layer 2: weights"):
        Network((W, W), (b, b))
    with pytest.raises(ValueError, match="needs a hidden layer"):
        Network((), ())
    with pytest.raises(ValueError, match="no read-out"):
        Network((W,), (b,)).outputs(np.ones((1, 1, 2)))
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="NaN or infinite"):
            integer_network(Network((W * bad,), (b,)))
        with pytest.raises(ValueError, match="NaN or infinite"):
            integer_network(Network((W,), (b * bad,)))


@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([1e-3, 1.0, 1e5]))
def test_the_error_bounds_contain_the_rounding_of_single_precision(seed, scale):
    net = network(seed, [(2, 4), (4, 3), (3, 2)], scale)
    single = [np.asarray(a, np.float32) for a in (*net.weights, *net.biases, *net.readout)]
    small = Network(tuple(single[:2]), tuple(single[2:4]), tuple(single[4:]))
    double = [a.astype(float) for a in single]
    large = Network(tuple(double[:2]), tuple(double[2:4]), tuple(double[4:]))
    x = np.random.default_rng(seed).standard_normal((2, 5, 2)).astype(np.float32)
    for values, errors in (("pre_activations", "pre_activation_errors"), ("outputs", "output_errors")):
        exact = getattr(large, values)(x.astype(float))
        bound = getattr(small, errors)(np.abs(x))
        assert bound.shape == exact.shape
        assert (np.abs(getattr(small, values)(x) - exact) <= bound).all()


def test_outputs_need_a_read_out():
    net = network(0, [(2, 4), (4, 3)])
    bare = Network(net.weights, net.biases)
    with pytest.raises(ValueError, match="no read-out"):
        bare.output_errors(np.ones((1, 1, 2)))
