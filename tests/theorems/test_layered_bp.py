"""Layered basis pursuit: closed forms at one non-zero, both norms, the edges of the hypotheses, the full solver."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import draw, judge

from theorems.sparse_coding import _layered as layered
from theorems.sparse_coding.layered_bp import (
    AUDITED,
    FAMILIES,
    GLOBAL,
    NOISE,
    OF_SLIDE,
    ONE_DEEP,
    ONE_DENSE,
    ONE_ENTRY,
    ONE_NONZERO,
    ONE_PATCH,
    ONE_WEIGHT,
    SETTINGS,
    SPARSE,
    THEOREM,
    WEIGHTS,
)
from verify.kit import multilayer

SUPPORT, ERROR, ENTRIES = "no wrong atom, unique minimiser", "error", "entries"
SMALL = [name for name in SETTINGS if name != "stride 1"]


@pytest.mark.parametrize("model", ["local", "global"])
def test_one_nonzero_against_the_noise_has_two_thirds_at_the_first_layer(model):
    """E = -eps s d: the error of an entry is eps + xi = 5 eps."""
    name = "two layers" if model == "local" else "global norms"
    sizes = {"b": 64, "c": 6} if model == "local" else {"b": 128, "c": 3}
    judged = draw(THEOREM, f"{name}, against", 16, model=model, k=1, noise=1e-5, **sizes)
    assert judged.word(SUPPORT) == judged.word(ERROR) == "holds"
    first = judged.best("entry")[:, 0] / (7.5 * judged.x["radius"])
    if model == "local":
        assert first == pytest.approx(5 / 7.5, abs=1e-8)
    else:
        assert (first < 1).all()


def test_every_condition_holds_at_every_layer_by_construction():
    for name in SMALL:
        judged = draw(THEOREM, f"{name}, random", 8)
        assert judged.word(SUPPORT) == "holds", name
        assert judged.quantities["reach"].upper.shape == (8, SETTINGS[name].layers)


def test_the_local_sparsity_is_what_makes_three_layers_possible():
    """The same instances in the global norms miss the condition of the first layer."""
    x = draw(THEOREM, "three layers, random", 4).x
    assert judge(THEOREM, x).word(SUPPORT) == "holds"
    wide = [[layer.rows, layer.columns, 1] for layer in layered.layers(x)]
    assert judge(THEOREM, {**x, "windows": np.asarray([wide])}).word(SUPPORT) == SPARSE


def test_a_model_that_admits_nothing_says_what_each_layer_admits():
    judged = draw(THEOREM, "two layers, random", 4, model="local", b=16, c=3, k=2)
    assert judged.word(SUPPORT) == SPARSE
    told = THEOREM.advise(judged.p, judged.x)
    assert "layer 1: coherence 0.2500 admits 1 in a stripe, the code has" in told
    assert "layer 2: coherence 0.3333 admits 1 in a stripe, the code has 2" in told


def test_the_edges_of_the_hypotheses():
    x = draw(THEOREM, "two layers, against", 8).x
    assert judge(THEOREM, {**x, "E": x["E"] * (1 + 1e-8)}).word(SUPPORT) == NOISE
    assert judge(THEOREM, {**x, "xi": x["xi"] * (1 + 1e-8)}).word(SUPPORT) == WEIGHTS
    assert set(judge(THEOREM, x).words("the full solver agrees")) <= {"holds", AUDITED}
    assert judge(THEOREM, x).word("slide: error in the global norms, weights as above") == GLOBAL


def test_weights_of_the_size_of_the_noise_let_a_wrong_atom_in():
    judged = draw(THEOREM, ONE_WEIGHT, 64, k=2)
    reading = "slide: supports whatever the weights"
    assert "violated" in judged.words(reading)
    assert judged.ratio(reading).max() == pytest.approx(1.2, abs=0.06)
    assert judged.word(SUPPORT) == WEIGHTS


def test_the_simplex_brings_entries_near_the_bound():
    """(4/q + sqrt g) / 7.5 with q = 1 - (k - 1) mu and g the diagonal of the inverse Gram."""
    mu, k = 1 / 100, 33
    judged = draw(THEOREM, ONE_ENTRY, 16, k=k)
    q = 1 - (k - 1) * mu
    exact = (4 / q + ((1 + mu / q) / (1 + mu)) ** 0.5) / 7.5
    assert judged.ratio(ENTRIES).max() == pytest.approx(exact, rel=1e-8)
    assert judged.ratio("large entries are found").max() == pytest.approx(exact, rel=2e-3)
    assert judged.ratio(ERROR).max() < 0.825


def test_where_a_patch_is_an_entry_so_is_the_error():
    judged = draw(THEOREM, ONE_PATCH, 16, k=33)
    assert judged.best("error")[:, 0] == pytest.approx(judged.best("entry")[:, 0])
    assert judged.best("patch")[:, 0] == pytest.approx(np.ones(16))
    assert judged.ratio(ERROR).max() == pytest.approx(draw(THEOREM, ONE_ENTRY, 16, k=33).ratio(ENTRIES).max(), abs=1e-3)


def test_one_nonzero_passes_on_the_weights_of_both_layers():
    """4 + 30 epsilon, as the noise against one atom leaves the others alone; the entry itself where it is put out."""
    judged = draw(THEOREM, ONE_NONZERO, 16)
    second = judged.best("error")[:, 1] / judged.x["radius"]
    assert judged.word(OF_SLIDE) == "holds"
    assert set(np.round(second, 6)) == {34.0, 29.97}


def test_three_layers_keep_the_length_of_the_error():
    """4/(7.5 q) of the bound for the weight alone; the noise moves less than sqrt(q/k)/4 of that."""
    judged = draw(THEOREM, ONE_DEEP, 16, k=33)
    exact = 4 / (7.5 * (1 - 32 / 100))
    third = judged.best("error")[:, 2] / (7.5**3 * judged.x["radius"] * judged.best("roots")[:, 2])
    assert judged.word(ERROR) == "holds"
    assert third == pytest.approx(np.full(16, exact), rel=(0.68 / 33) ** 0.5 / 4)
    assert (third > 0.9**3).all()


def test_beyond_one_third():
    judged = draw(THEOREM, ONE_DENSE, 64, k=20)
    assert judged.word(ERROR) == SPARSE
    assert "violated" in judged.words("one half in place of one third")


def test_the_full_solver_finds_the_same_codes():
    judged = draw(THEOREM, "two layers, random", 8)
    stacked = layered.layers(judged.x)
    everyone = layered.pursue(judged.x, np.ones(8), 1e-10)
    assert (everyone["dispute"] == 0).all()
    gammas = multilayer.codes(stacked, judged.x["code"])
    y = layered.signal(stacked, gammas) + judged.x["E"]
    found = multilayer.layered_basis_pursuit(stacked, y, judged.x["xi"], gammas)
    wrong = [
        s if i else multilayer.LayerSolution(1.01 * s.code, s.error, s.reach, s.is_minimiser, s.is_not)
        for i, s in enumerate(found)
    ]
    disputes = layered._disputes(stacked, y, judged.x["xi"], gammas, wrong, np.ones(8), 1e-10)
    assert (disputes[np.abs(found[0].code).max(axis=1) > 0, 0] > 0).all()


def test_the_reference_agrees():
    judged = draw(THEOREM, "two layers, against", 2)
    for i in range(2):
        alone = judged.alone(i)
        theirs = THEOREM.reference(judged.p, alone)
        for name in ("reach", "error", "entry", "lost"):
            mine, other = judged.quantities[name], theirs[name]
            assert (mine.lower[i] <= other.upper[0]).all()
            assert (other.lower[0] <= mine.upper[i]).all()


@given(seed=st.integers(0, 2**31), family=st.sampled_from(sorted(FAMILIES)), contrast=st.floats(0.01, 1))
@settings(max_examples=12)
def test_nothing_that_should_hold_is_violated(seed, family, contrast):
    judged = draw(THEOREM, family, 2, seed, contrast=contrast)
    for claim in THEOREM.claims:
        if claim.expects == "holds":
            assert "violated" not in judged.words(claim.name)
