"""Sizes of effective atoms by hand and by dense products; the numbers of the slide go together for no strides."""

from __future__ import annotations

import numpy as np
import pytest
from judge import draw, judge

from theorems.sparse_coding.mlcsc_mnist_counts import (
    ANY,
    COUNTS,
    DRAWN,
    FIFTEEN,
    FULL,
    IN_PAPER,
    KINDS,
    ON_SLIDE,
    PAPER,
    POSITIVE,
    SINGLE,
    SIZES,
    SLIDE,
    THEOREM,
    WINDOW,
    ZEROS,
)

TWO, THREE, MOST, TAPS = "two layers", "three layers", "never more", "a filter has a tap"
SHARES, LARGEST, NEVER = "slide: shares of zeros", "slide: 28 by 28", "no strides make 15 and 28"


def layers(n, strides, kind=POSITIVE, **more) -> dict[str, np.ndarray]:
    """Filters of ones."""
    on = [np.broadcast_to(np.arange(WINDOW) < size, (1, 2 if i else 1, 2, WINDOW)) for i, size in enumerate(n)]
    x = {f"k{i + 1}": k.astype(float) for i, k in enumerate(on)}
    entries = [size * (2 if i else 1) for i, size in enumerate(n)]
    rows = {"n": n, "strides": (*strides, 1), "filters": (2, 2, 2), "entries": entries, "zeros": (0, 0, 0), **more}
    kinds = {"kind": np.asarray([float(KINDS.index(kind))])}
    return {**x, **{name: np.asarray([row], dtype=float) for name, row in rows.items()}, **kinds}


@pytest.mark.parametrize(
    ("n", "strides", "two", "three"),
    [((7, 3, 2), (4, 3), 15, 27), ((7, 5, 7), (2, 1), 15, 27), ((1, 1, 1), (9, 9), 1, 1), ((2, 2, 2), (3, 5), 5, 20)],
)
def test_sizes_by_hand(n, strides, two, three):
    judged = judge(THEOREM, layers(n, strides))
    assert (judged.best("extent2")[0], judged.best("extent3")[0]) == (two, three)
    assert judged.word(TWO) == judged.word(THREE) == judged.word(MOST) == "holds"


def test_the_effective_atom_is_the_product_of_the_matrices():
    """Banded matrices with strided columns, one filter a layer; the column of the product is as long as counted."""

    def matrix(taps: np.ndarray, stride: int, columns: int) -> np.ndarray:
        D = np.zeros((stride * (columns - 1) + len(taps), columns))
        for j in range(columns):
            D[j * stride : j * stride + len(taps), j] = taps
        return D

    D3 = matrix(np.ones(4), 1, 1)
    D2 = matrix(np.ones(3), 3, len(D3))
    D1 = matrix(np.ones(5), 2, len(D2))
    places = np.flatnonzero(D1 @ D2 @ D3)
    judged = judge(THEOREM, layers((5, 3, 4), (2, 3)))
    assert judged.best("extent3")[0] == places.max() - places.min() + 1 == 5 + 2 * 2 + 3 * 6


def test_no_strides_make_the_sizes_of_the_slide():
    """All of them: a larger one than 13 makes more than 28 places, whatever the other."""
    printed = {"filters": COUNTS, "entries": (49, 288, 512), "zeros": ZEROS[SLIDE]}
    fifteen = set()
    for one in range(1, 15):
        for two in range(1, 15):
            judged = judge(THEOREM, layers(SIZES[SLIDE], (one, two), SLIDE, **printed))
            assert judged.word(NEVER) == "holds"
            assert judged.word(SHARES) == "violated"
            if judged.word(LARGEST) != FIFTEEN:
                fifteen.add(one)
                assert judged.word(LARGEST) == "violated"
    assert fifteen == {4}


def test_zeros_of_the_slide_layer_by_layer():
    """1568, 36864 and 524288 entries; 99.99 % leaves none of the first, 99.09 % some 337 of the second."""
    judged = draw(THEOREM, SLIDE, 4)
    assert judged.best("filters")[0].tolist() == list(COUNTS)
    assert judged.best("room")[0].tolist() == [0, 337, 524288]
    paper = draw(THEOREM, PAPER, 4)
    assert paper.best("room")[0].tolist() == [1568, 936, 7385]
    assert paper.word("paper: shares of zeros") == paper.word("paper: 27 places") == "holds"


@pytest.mark.parametrize("taps", [1, 3, 7])
def test_one_tap_a_filter_leaves_no_room(taps):
    judged = draw(THEOREM, SINGLE, 32, taps=taps)
    assert judged.word(TAPS) == "holds"
    assert (judged.best("room") == 2).all()
    assert (judged.best("extent3") == 1).all()


@pytest.mark.parametrize("family", THEOREM.families)
def test_no_family_violates_what_should_hold(family):
    judged = draw(THEOREM, family, 64, seed=1)
    for claim in (c.name for c in THEOREM.claims if c.expects == "holds"):
        assert set(judged.words(claim)) <= {"holds", FULL, DRAWN, ON_SLIDE, IN_PAPER}


def test_cancellation_shortens_an_atom():
    x = layers((2, 2, 1), (1, 1))
    x["k2"][..., 1] = -1
    x["k1"][...] = np.where(np.arange(WINDOW) < 2, [1, 1, 0, 0, 0, 0, 0], 0)
    x["k2"][0, 1] = 0
    judged = judge(THEOREM, x)
    assert judged.word(TWO) == FULL
    assert judged.word(MOST) == "holds"
    assert judged.best("extent2")[0] == 3  # (1, 1) * (1, -1) = (1, 0, -1)
    x["k2"][0, 1] = -x["k2"][0, 0]
    assert judge(THEOREM, x).best("extent2")[0] == 0


def test_taps_outside_their_window_do_not_count():
    x = layers((3, 2, 2), (2, 2))
    wide = {**x, "k2": np.ones_like(x["k2"])}
    assert judge(THEOREM, wide).best("extent3")[0] == judge(THEOREM, x).best("extent3")[0]


def test_an_empty_filter_is_set_aside():
    x = layers((3, 2, 2), (1, 1))
    x["k3"][0, :, 1] = 0
    judged = judge(THEOREM, x)
    assert judged.word(TAPS) == DRAWN
    assert judged.word(TWO) == FULL


@pytest.mark.parametrize("family", [ANY, POSITIVE, SLIDE])
def test_the_reference_counts_the_same(family):
    judged = draw(THEOREM, family, 6)
    for i in range(6):
        theirs = THEOREM.reference(judged.p, {name: a[i : i + 1] for name, a in judged.x.items()})
        for name in ("extent2", "extent3", "miss"):
            assert theirs[name][0] == judged.best(name)[i]
