"""Digits in two layers: what training makes of them, and what taps can buy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import draw, judge
from pydantic import ValidationError

from theorems.sparse_coding.mlcsc_sparse_filters_demo import DIGITS, ONE_TAP, THEOREM, Params
from verify.kit import dictionary_learning as learning

BUY, NOTHING = "what taps can buy", "one tap buys nothing"


def by_hand(first, second, signal, weight=0.5):
    """All layers the same ``first`` and ``second``, and one signal to represent."""
    first, second = (np.asarray(D, dtype=float)[None] for D in (first, second))
    layers = {
        f"{name}{i}": D for name in ("deep", "sparse", "one", "thin", "raw") for i, D in ((1, first), (2, second))
    }
    x = {**layers, "dense": first, "small": first, "test": np.asarray(signal, dtype=float)[None, :, None]}
    return judge(THEOREM, x | {"lam": np.asarray([weight])})


def test_three_taps_of_orthogonal_atoms_by_hand():
    """The signal is the atom with three taps: one coefficient 1 - lambda; the first layer needs three of 1/sqrt(3)."""
    atom = np.full(3, 1 / 3**0.5)
    judged = by_hand(np.eye(3), np.stack([atom, [1, 0, 0]], axis=1), atom)
    assert judged.best("sparse") == pytest.approx([0.5**2 / 2 + 0.5 * 0.5])
    assert judged.best("first") == pytest.approx([3 * (0.5**2 / 2 + 0.5 * (1 / 3**0.5 - 0.5))])
    # c = sqrt(3): the weights lambda/c on three entries cost what lambda costs on one.
    assert judged.best("floor")[0] == pytest.approx(judged.best("sparse")[0] * np.ones(3))
    assert judged.word("taps buy nothing") == "violated"
    assert judged.word(NOTHING) == ONE_TAP


def test_one_tap_is_the_first_layer_again():
    second = [[1, 0, 0, -1], [0, 1, 0, 0], [0, 0, 1, 0]]
    judged = by_hand(np.eye(3), second, [0.9, 0.3, -0.8])
    assert judged.best("one_first") == pytest.approx(judged.best("one"))
    assert (judged.best("one_first") <= judged.best("one")).all()
    unused = by_hand(np.eye(3), [[1, -1], [0, 0], [0, 0]], [0.9, 0.3, -0.8])
    assert (unused.best("one_first") < 0.95 * unused.best("one")).all()


@given(seed=st.integers(0, 2**32 - 1), taps=st.integers(1, 4), weight=st.floats(0.01, 1))
@settings(max_examples=20, deadline=None)
def test_no_pair_of_layers_beats_its_floor(seed, taps, weight):
    r = np.random.default_rng(seed)
    first = learning.unit_columns(r.normal(size=(1, 6, 4)))[0]
    second = learning.keep_largest(r.normal(size=(1, 4, 10)), taps)[0]
    judged = by_hand(first, second, r.normal(size=6), weight)
    assert judged.word(BUY) == "holds"
    assert judged.word(NOTHING) == (ONE_TAP if taps > 1 else "holds")


def test_the_layers_have_the_taps_and_parameters_that_are_said():
    x = draw(THEOREM, DIGITS, 2, rounds=3).x
    entries = {name: np.count_nonzero(x[name], axis=(1, 2)).max() for name in x if x[name].ndim == 3}
    assert entries["sparse1"] + entries["sparse2"] == 12 * 64 + 3 * 64 == entries["small"]
    assert entries["deep1"] + entries["deep2"] == 12 * 64 + 12 * 64
    assert entries["dense"] == 64 * 64
    assert entries["one2"] == 64
    assert entries["thin1"] == 12 * 12
    assert np.linalg.norm(x["test"], axis=1) == pytest.approx(np.ones((1, 50)))


def test_training_starts_from_images():
    with pytest.raises(ValidationError, match="at most images"):
        Params(atoms=81)
    assert Params(atoms=81, images=81).small == 16


def test_repair_gives_taps_and_lengths_back():
    judged = draw(THEOREM, DIGITS, 2, rounds=1)
    r = np.random.default_rng(0)
    moved = {name: a + 0.1 * r.normal(size=a.shape) if a.ndim == 3 else a for name, a in judged.x.items()}
    again = judge(THEOREM, THEOREM.repair(judged.p, moved), judged.p)
    assert again.word(BUY) == again.word(NOTHING) == "holds"


def test_coordinate_descent_finds_the_same_costs():
    judged = draw(THEOREM, DIGITS, 1, held=10, final=2000)
    for name, value in THEOREM.reference(judged.p, judged.x).items():
        assert value == pytest.approx(judged.best(name), rel=1e-3), name
