"""Random numbers: NumPy's own words, whatever the batch, the number of words and the array library."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verify.core import streams
from verify.core.arrays import Backend, to_numpy
from verify.core.streams import Draw, tag

WORD = st.integers(0, 2**64 - 1)
SEEDS = (0, 1, 2**53 + 1, 2**63 + 12345, 2**64 - 1)
HOST = streams._HOST_WORDS  # words of an instance from which NumPy's generator itself is used


def philox(seed, stream, number, call):
    """NumPy's generator at the first word of a draw; the key as 64-bit words, because a list of large integers becomes
    an array of floats, which loses their last bits."""
    counter = np.array([0, 0, number, call], dtype=np.uint64)
    return np.random.Philox(key=np.array([seed, stream], dtype=np.uint64), counter=counter)


def words(draw, n):
    return to_numpy(draw.words(n))


@pytest.mark.parametrize("n", [1, 3, 4, 5, HOST - 1, HOST, HOST + 1, 1001])
@pytest.mark.parametrize("seed", SEEDS)
def test_words_are_those_of_numpy(backend, seed, n):
    for stream in (0, tag("pgd", "{}", "random"), 2**64 - 1):
        draw = Draw(backend, seed, stream, 5, 8)
        for call in range(2):
            wanted = [philox(seed, stream, number, call).random_raw(n) for number in range(5, 8)]
            np.testing.assert_array_equal(words(draw, n), np.stack(wanted))


@given(seed=WORD, stream=WORD, number=st.integers(0, 2**63), call=st.integers(0, 3), n=st.integers(1, 9))
def test_the_array_form_is_philox_for_any_key_and_counter(seed, stream, number, call, n):
    instances = np.array([number], dtype=np.uint64)
    got = streams.philox_words(instances, seed, stream, call, n)
    np.testing.assert_array_equal(got[0], philox(seed, stream, number, call).random_raw(n))


@pytest.mark.parametrize("n", [7, HOST + 8])
def test_neighbouring_large_keys_differ(backend, n):
    """Keys that would be equal as floats."""
    draws = [Draw(backend, 2**63 + i, 2**63 + j, 0, 1) for i in range(2) for j in range(2)]
    assert len({words(draw, n).tobytes() for draw in draws}) == 4


def test_a_negative_seed_is_its_64_bit_word(backend):
    np.testing.assert_array_equal(words(Draw(backend, -1, 3, 0, 2), 5), words(Draw(backend, 2**64 - 1, 3, 0, 2), 5))


@pytest.mark.parametrize("n", [10, HOST])
def test_uniforms_are_those_of_a_generator(backend, n):
    got = to_numpy(Draw(backend, 11, 2**64 - 9, 3, 5).uniform(n))
    wanted = [np.random.Generator(philox(11, 2**64 - 9, number, 0)).random(n) for number in (3, 4)]
    np.testing.assert_array_equal(got, np.stack(wanted))


# --------------------------------------------------------------------------------------- batches, order, libraries


def everything(draw):
    """One of each kind of draw, shared ones between them."""
    return [
        draw.uniform(3),
        draw.shared.normal(4, 2),
        draw.normal(2, 3),
        draw.integers(-2, 5, 4),
        draw.shared.subset(6, 3),
        draw.sign(),
        draw.choose((0.5, 2.0), 2),
        draw.subset(7, 3),
        draw.sphere(5),
        draw.log_uniform(2, low=0.1, high=9),
        draw.normal(HOST),
        draw.full(3.0, 2),
    ]


@given(cuts=st.lists(st.integers(1, 19), max_size=4), seed=WORD)
def test_any_split_into_batches_gives_the_same_instances(cuts, seed):
    host = Backend("numpy")
    whole = everything(Draw(host, seed, 99, 0, 20))
    ends = [0, *sorted(set(cuts)), 20]
    parts = [everything(Draw(host, seed, 99, a, b)) for a, b in pairwise(ends)]
    for index, wanted in enumerate(whole):
        pieces = [part[index] for part in parts]
        if wanted.shape[0] == 1:
            for piece in pieces:
                np.testing.assert_array_equal(piece, wanted)
        else:
            np.testing.assert_array_equal(np.concatenate(pieces), wanted)


def test_one_instance_alone(backend):
    whole = everything(Draw(backend, 4, 5, 0, 6))
    alone = everything(Draw(backend, 4, 5, 3, 4))
    for many, one in zip(whole, alone, strict=True):
        row = to_numpy(many)[3:4] if many.shape[0] > 1 else to_numpy(many)
        np.testing.assert_array_equal(to_numpy(one), row)


def test_libraries_agree():
    """Bit for bit, and normals and logarithms to the last bits."""
    one, other = (everything(Draw(Backend(name), 2**63 + 5, 2**64 - 3, 10, 14)) for name in ("numpy", "strict"))
    for index, (a, b) in enumerate(zip(one, other, strict=True)):
        if index in (1, 2, 8, 9, 10):
            np.testing.assert_allclose(to_numpy(b), a, rtol=8 * 2.0**-52, atol=8 * 2.0**-52)
        else:
            np.testing.assert_array_equal(to_numpy(b), a)


def test_shared_draws_do_not_move_the_others(backend):
    plain, mixed = Draw(backend, 1, 2, 0, 3), Draw(backend, 1, 2, 0, 3)
    mixed.shared.normal(5)
    assert mixed.shared.uniform(4).shape == (1, 4)
    assert mixed.shared is mixed.shared
    np.testing.assert_array_equal(words(mixed, 4), words(plain, 4))
    assert not np.array_equal(words(mixed, 4), words(Draw(backend, 1, 2, 0, 3), 4))  # the next draw is another one


def test_tags_tell_their_parts_apart():
    assert tag("ab", "c") != tag("a", "bc")
    assert tag("pgd", "{}", "random") == tag("pgd", "{}", "random") < 2**64


# ------------------------------------------------------------------------------------------------------------- laws


def draw(size, dtype="float64"):
    return Draw(Backend("numpy", dtype), 12, tag("laws"), 0, size)


def chi_square(counts):
    """The standardised chi-square distance of counts from equal ones."""
    counts = np.asarray(counts, float)
    wanted = counts.sum() / counts.size
    degrees = counts.size - 1
    return (((counts - wanted) ** 2 / wanted).sum() - degrees) / math.sqrt(2 * degrees)


def test_normals_have_normal_moments():
    """Within four standard errors: E g^2 = 1, E g^4 = 3, E g^6 = 15, odd ones 0; var g^k = E g^2k - (E g^k)^2."""
    g = draw(4000).normal(501)  # an odd number uses one of the last pair only
    moment = (1, 0, 1, 0, 3, 0, 15, 0, 105, 0, 945)
    for k in range(1, 6):
        error = math.sqrt((moment[2 * k] - moment[k] ** 2) / g.size)
        assert abs((g**k).mean() - moment[k]) < 4 * error, k


def test_normals_are_those_of_box_and_muller(backend):
    """An odd number of them, from the uniforms of the same words."""
    got = to_numpy(Draw(backend, 8, 9, 2, 4).normal(5))
    for row, number in zip(got, (2, 3), strict=True):
        u = np.random.Generator(philox(8, 9, number, 0)).random(6)
        radius, angle = [math.sqrt(-2 * math.log1p(-v)) for v in u[:3]], [2 * math.pi * v for v in u[3:]]
        both = [r * f(a) for f in (math.cos, math.sin) for r, a in zip(radius, angle, strict=True)]
        np.testing.assert_allclose(row, both[:5], rtol=1e-14, atol=1e-15)


def test_normals_have_the_normal_distribution_and_are_not_correlated():
    from scipy.stats import kstest

    g = draw(100).normal(1000)
    assert kstest(g.reshape(-1), "norm").pvalue > 1e-3
    for a, b in ((g[:, :500], g[:, 500:]), (g[:-1], g[1:]), (g[:, :-1], g[:, 1:])):
        assert abs((a * b).mean()) < 4 / math.sqrt(a.size)
        assert abs((a**2 * b**2).mean() - 1) < 4 * math.sqrt(8 / a.size)


def test_integers_signs_and_choices_are_even():
    i = draw(300).integers(-3, 8, 100)
    assert i.dtype == np.int64
    assert (i.min(), i.max()) == (-3, 7)
    assert abs(chi_square(np.bincount((i + 3).reshape(-1)))) < 4
    s = draw(300).sign(100)
    assert set(np.unique(s)) == {-1.0, 1.0}
    assert abs(s.sum()) < 4 * math.sqrt(s.size)
    c = draw(300).choose((0.25, 4.0, -1.0), 100)
    assert abs(chi_square(np.unique(c, return_counts=True)[1])) < 4


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_whole_numbers_are_the_integers_as_floats(dtype):
    whole, integers = draw(50, dtype).whole(-3, 8, 7), draw(50, dtype).integers(-3, 8, 7)
    assert whole.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(whole, integers)


@given(m=st.integers(1, 12), k=st.integers(1, 12), seed=WORD)
def test_a_subset_is_the_beginning_of_a_permutation(m, k, seed):
    k = min(k, m)
    host = Backend("numpy")
    permutation = Draw(host, seed, 1, 0, 3).subset(m, m)
    np.testing.assert_array_equal(np.sort(permutation, axis=-1), np.tile(np.arange(m), (3, 1)))
    subset = Draw(host, seed, 1, 0, 3).subset(m, k)
    assert subset.dtype == np.int64
    np.testing.assert_array_equal(subset, permutation[:, :k])


def test_subsets_are_uniform():
    pairs = draw(20000).subset(5, 2)
    counts = np.bincount(5 * pairs[:, 0] + pairs[:, 1], minlength=25).reshape(5, 5)
    assert not np.diag(counts).any()
    assert abs(chi_square(counts[~np.eye(5, dtype=bool)])) < 4


def test_spheres_and_logarithms():
    u = draw(5000).sphere(3)
    np.testing.assert_allclose(np.linalg.norm(u, axis=-1), 1, rtol=4 * 2.0**-52)
    assert np.abs(u.mean(axis=0)).max() < 4 / math.sqrt(3 * 5000)
    x = draw(5000).log_uniform(low=1e-3, high=10.0)
    assert x.min() >= 1e-3 * (1 - 1e-14)
    assert x.max() <= 10
    share = np.log(x / 1e-3) / math.log(1e4)
    assert abs(share.mean() - 0.5) < 4 / math.sqrt(12 * 5000)


def test_float32_is_the_rounded_float64(backend):
    single = Backend(backend.name, "float32")
    one, other = everything(Draw(single, 3, 2**64 - 1, 0, 4)), everything(Draw(backend, 3, 2**64 - 1, 0, 4))
    for index, (a, b) in enumerate(zip(map(to_numpy, one), map(to_numpy, other), strict=True)):
        if index in (3, 4, 7):
            assert a.dtype == np.int64
            np.testing.assert_array_equal(a, b)
        else:
            assert a.dtype == np.float32
            np.testing.assert_allclose(a, b, rtol=16 * 2.0**-23)  # sphere and log_uniform compute in float32


def test_single_numbers_have_no_shape_but_the_batch(backend):
    draw = Draw(backend, 0, 0, 0, 4)
    assert draw.size == 4
    for x in (draw.uniform(), draw.normal(), draw.integers(0, 3), draw.sign(), draw.choose((1, 2)), draw.full(2.0)):
        assert x.shape == (4,)
        assert x.device == backend.device
    assert to_numpy(draw.uniform(3, low=-2.0, high=-1.0)).max() < -1
