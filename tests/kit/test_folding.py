"""Folds, piece by piece in rationals; the last layer's position; counts by the counter for one network."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, pairwise, product

import numpy as np
import pytest

from verify.core.arrays import backend, to_numpy
from verify.core.streams import Draw
from verify.kit import folding
from verify.kit.region_bounds import folding_count, refolding_count, zaslavsky
from verify.kit.regions import cells, count_activation, count_linear
from verify.kit.relu import Network, integer_network

CUBE = (Fraction(0), Fraction(1))
MAKERS = {folding.folding: folding_count, folding.refolding: refolding_count}


def last(n: int, inputs: int, seed: int = 0, keep_awake: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """The forms of a drawn last layer."""
    rng, top = np.random.default_rng(seed), folding.reach(n)
    t = rng.permutation([v for v in range(-top, top + 1) if v])[None, :n].astype(float)
    signs = rng.choice([-1.0, 1.0], (1, n))
    if keep_awake:
        signs[:, : inputs + 1] = folding.awake(t, inputs)
    return folding.moment_hyperplanes(t, rng.choice([-1.0, 1.0], (1, inputs)), signs)


def made(inputs: int, widths: tuple[int, ...], maker: folding.Maker, seed: int = 0, keep_awake: bool = True) -> Network:
    a, c = last(widths[-1], inputs, seed, keep_awake)
    return folding.folding_network(widths, maker, a, c, folding.readout(widths[-1], inputs, a))


def value(fold: folding.Fold, x: Fraction) -> Fraction:
    neurons = (max(w * x + b, Fraction(0)) for w, b in zip(fold.weights, fold.biases, strict=True))
    return sum((c * h for c, h in zip(fold.readout, neurons, strict=True)), Fraction(fold.constant))


def pieces(fold: folding.Fold) -> list[Fraction]:
    """0, the breakpoints inside (0, 1) and 1."""
    breaks = {Fraction(-b, w) for w, b in zip(fold.weights, fold.biases, strict=True)}
    return sorted({Fraction(0), Fraction(1), *(x for x in breaks if 0 < x < 1)})


@pytest.mark.parametrize(
    ("fold", "count"),
    [
        *((folding.folding(p), p) for p in range(1, 9)),
        *((folding.refolding(p), p + 1) for p in range(3, 9)),
    ],
)
def test_a_fold_maps_each_piece_onto_the_same_interval(fold, count):
    ends = pieces(fold)
    assert len(ends) - 1 == count
    assert [value(fold, x) for x in ends] == [fold.growth * (k % 2) for k in range(count + 1)]
    for a, b in pairwise(ends):
        assert value(fold, (a + b) / 2) == Fraction(fold.growth, 2)
    assert all(isinstance(v, int) for v in (*fold.weights, *fold.biases, *fold.readout, fold.constant))


@pytest.mark.parametrize(("maker", "p"), [(folding.folding, 0), (folding.refolding, 2)])
def test_too_few_neurons(maker, p):
    with pytest.raises(ValueError, match=f"there are {p}"):
        maker(p)


@pytest.mark.parametrize(
    ("inputs", "widths", "maker", "count"),
    [
        (1, (2, 2), folding.folding, 6),
        (1, (4, 3, 5), folding.folding, 72),
        (1, (1, 1, 3), folding.folding, 4),
        (2, (4, 4), folding.folding, 44),
        (2, (5, 7, 3), folding.folding, 252),  # spare neurons
        (2, (2, 3, 4), folding.folding, 11),  # one neuron for each coordinate does not fold
        (2, (6, 4), folding.folding, 99),
        (3, (6, 6, 4), folding.folding, 960),
        (4, (8, 5), folding.folding, 496),
        (1, (3, 3), folding.refolding, 16),
        (1, (5, 4, 2), folding.refolding, 90),
        (2, (6, 4), folding.refolding, 176),
        (2, (7, 8, 3), folding.refolding, 2800),  # a spare neuron, folds of 4 and 5 pieces
        (3, (9, 4), folding.refolding, 960),
    ],
)
def test_the_count_is_the_formula(inputs, widths, maker, count):
    assert count == MAKERS[maker](inputs, widths)
    for seed in range(2):
        network = integer_network(made(inputs, widths, maker, seed, widths[-1] > inputs))
        found = cells(network, CUBE)
        assert count_activation(found) == count
        if widths[-1] > inputs:
            assert count_linear(network, found) == count


@pytest.mark.slow
@pytest.mark.parametrize(
    ("inputs", "widths", "count"), [(2, (6, 6, 5), 4096), (2, (8, 6, 6), 8800), (3, (9, 5), 1664), (1, (3,) * 8, 65536)]
)
def test_the_large_refoldings(inputs, widths, count):
    network = integer_network(made(inputs, widths, folding.refolding))
    found = cells(network, CUBE)
    assert count_activation(found) == count_linear(network, found) == count


def test_the_network_is_the_fold_of_each_coordinate():
    """Random points through both layers, and through the two folds and the forms."""
    a, c = last(5, 2)
    network = folding.folding_network((7, 9, 5), folding.refolding, a, c)
    points = np.random.default_rng(1).integers(0, 97, (20, 2))
    z = network.pre_activations(points[None] / 97)[0, :, -5:]
    for u, row in zip(points, z, strict=True):
        image = [Fraction(int(v), 97) for v in u]
        side = 1
        for p in (3, 4):
            fold = folding.refolding(p)
            image = [value(fold, v) / fold.growth for v in image]
            side *= fold.growth
        exact = [
            side * (sum(w * v for w, v in zip(map(int, form), image, strict=True)) + int(k))
            for form, k in zip(a[0], c[0], strict=True)
        ]
        assert row.tolist() == pytest.approx([float(v) for v in exact], rel=1e-12, abs=1e-9)


@pytest.mark.parametrize(
    ("inputs", "widths", "maker"), [(2, (5, 9, 4), folding.folding), (3, (9, 10, 5), folding.refolding)]
)
def test_small_whole_weights(inputs, widths, maker):
    network = made(inputs, widths, maker)
    for array in (*network.weights, *network.biases, *network.readout):
        assert (array == np.round(array)).all()
        assert (array == array.astype(np.float32)).all()
    spare = widths[0] % inputs
    if spare:
        assert (network.weights[0][0, -spare:] == 0).all()
        assert (network.biases[0][0, -spare:] == -1).all()


@pytest.mark.parametrize(("inputs", "n"), [(1, 2), (1, 6), (2, 2), (2, 5), (3, 4), (3, 6), (4, 5)])
def test_all_cells_of_the_last_layer_meet_the_cube(inputs, n):
    from flint import fmpq_mat

    for seed in range(5):
        a, c = last(n, inputs, seed, False)
        forms = [[int(v) for v in (*row, k)] for row, k in zip(a[0], c[0], strict=True)]
        for chosen in combinations(forms, inputs):
            flat = fmpq_mat([row[:-1] for row in chosen])
            assert flat.det() != 0
            point = flat.solve(fmpq_mat([[-row[-1]] for row in chosen]))
            assert all(0 < point[k, 0] < 1 for k in range(inputs))
        for chosen in combinations(forms, inputs + 1):
            assert fmpq_mat(list(chosen)).det() != 0
        network = integer_network(Network((a,), (c,)))
        assert count_activation(cells(network, CUBE)) == count_activation(cells(network)) == zaslavsky(n, inputs)


@pytest.mark.parametrize(("inputs", "n"), [(1, 2), (1, 3), (2, 3), (2, 4), (3, 4)])
def test_awake_is_never_all_inactive_and_the_margin_knows(inputs, n):
    a, c = last(n, inputs, 3)
    assert folding.awake_margin(a, c).tolist() == [1]
    seen = set()
    for signs in product((-1.0, 1.0), repeat=n):
        s = np.asarray([signs])
        network = integer_network(Network((s[..., None] * a,), (s * c,)))
        asleep = any(not any(cell.pattern) for cell in cells(network))
        assert (folding.awake_margin(s[..., None] * a, s * c)[0] > 0) == (not asleep)
        seen.add(asleep)
    assert seen == {True, False}


def test_too_few_forms_always_leave_an_inactive_cell():
    a, c = last(2, 2, 0, False)
    assert folding.awake_margin(a, c).tolist() == [-1]
    with pytest.raises(ValueError, match="3 forms are needed, and there are 2"):
        folding.awake(np.asarray([[1.0, 2.0]]), 2)


@pytest.mark.parametrize(("sign", "linear"), [(1.0, 6), (-1.0, 5)])
def test_mirror_images_of_the_inactive_cell_merge_where_they_touch(sign, linear):
    """(1; 2, 2): the fold maps 1/2 to 1 and both ends to 0. With sign -1 the last layer is inactive near 1, on both
    sides of 1/2; with sign 1 it is inactive near 0, at the two ends."""
    one = np.ones((1, 1))
    a, c = folding.moment_hyperplanes(np.asarray([[1.0, -1.0]]), one, sign * np.ones((1, 2)))
    network = integer_network(folding.folding_network((2, 2), folding.folding, a, c, folding.readout(2, 1, a)))
    found = cells(network, CUBE)
    assert (count_activation(found), count_linear(network, found)) == (6, linear)


@pytest.mark.parametrize(("inputs", "n"), [(1, 6), (2, 6), (3, 5)])
def test_no_sum_of_the_gradients_has_a_zero(inputs, n):
    a, _ = last(n, inputs, 1, False)
    V, zero = folding.readout(n, inputs, a)
    assert (zero == 0).all()
    for bits in product((0.0, 1.0), repeat=n):
        if any(bits):
            assert ((np.asarray(bits)[:, None] * V[0].T * a[0]).sum(axis=0) != 0).all()


@pytest.mark.parametrize("maker", list(MAKERS))
def test_the_last_layer_is_read_off_and_other_networks_are_told(maker):
    a, c = last(4, 2)
    network = folding.folding_network((7, 6, 4), maker, a, c)
    own_a, own_c, difference = folding.last_layer(network, maker)
    assert (own_a == a).all()
    assert (own_c == c).all()
    assert difference.tolist() == [0]
    for layer, place in ((0, (0, 6, 1)), (1, (0, 2, 3)), (2, (0, 3, 5))):
        weights = [W.copy() for W in network.weights]
        weights[layer][place] += 1
        assert folding.last_layer(Network(tuple(weights), network.biases), maker)[2][0] > 0
    other = next(m for m in MAKERS if m is not maker)
    assert folding.last_layer(network, other)[2][0] > 0


def test_other_libraries_and_single_precision_make_the_same():
    t, flips, signs = [[1, -2, 3, -1]], [[1, -1]], [[1, 1, -1, 1]]
    results = []
    for chosen in (backend("numpy"), backend("strict"), backend("numpy", "float32")):
        arrays = [chosen.asarray(np.asarray(v, dtype=float)) for v in (t, flips, signs)]
        a, c = folding.moment_hyperplanes(*arrays)
        network = folding.folding_network((7, 4), folding.refolding, a, c, folding.readout(4, 2, a))
        read = folding.last_layer(network, folding.refolding)
        results.append([to_numpy(v) for v in (*network.weights, *network.biases, *network.readout, *read)])
        results[-1].append(to_numpy(folding.awake(arrays[0], 2)))
        results[-1].append(to_numpy(folding.awake_margin(a, c)))
    for other in results[1:]:
        assert all((ours == theirs).all() for ours, theirs in zip(results[0], other, strict=True))


def test_drawn_networks_are_folds_and_half_of_them_surely_awake():
    for chosen in (backend("numpy"), backend("strict")):
        network = folding.random_folding_network(Draw(chosen, 0, 7, 0, 64), 2, (7, 5, 3), folding.folding)
        a, c, difference = folding.last_layer(network, folding.folding)
        assert (to_numpy(difference) == 0).all()
        awake = (to_numpy(folding.awake_margin(a, c)) > 0).sum()
        assert 32 - 12 <= awake <= 40 + 12  # 1/2, and 1/8 of the others: one of the 8 signs is never seen
        network_of = Network((to_numpy(a),), (to_numpy(c),))
        assert {count_activation(cells(integer_network(network_of, i), CUBE)) for i in range(8)} == {7}
