"""Counts of stripes: uniqueness, stability and recovery by hand, attained on every block at once and by shifts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import draw, judge

from theorems.sparse_coding.csc_uniqueness_stability import (
    NOISE,
    PAIR,
    SAME,
    SINGLE,
    SPARSE,
    THEOREM,
    UNIT,
    _differences,
)
from verify.kit import dictionaries

HOLDS = tuple(c.name for c in THEOREM.claims if c.expects == "holds")
STABLE, CERTIFICATE, REACH, ENTRIES = (
    "stability of codes",
    "certificate of recovery",
    "reach of the pursuit",
    "entries of the pursuit",
)
TRIANGLE = [[1, -0.5, -0.5], [0, 0.75**0.5, -(0.75**0.5)]]  # three atoms of the plane, inner products -1/2


def triangles(code, second, E=(0, 0, 0, 0), radius=1.0, xi=1.0):
    """Two blocks of the three atoms."""
    floats = {"A": TRIANGLE, "code": code, "second": second, "E": E, "radius": radius, "xi": xi}
    arrays = {k: np.asarray([v], dtype=float) for k, v in floats.items()}
    return arrays | {"inverse": np.asarray([2])}


def test_two_codes_of_one_signal_by_hand():
    """d_1 = -(d_2 + d_3): one non-zero or two, three together, and 1 + 1/mu = 3."""
    judged = judge(THEOREM, triangles([1, 0, 0, 1, 0, 0], [0, -1, -1, 0, -1, -1]))
    assert judged.best("total")[0] == 3
    assert judged.word("codes of one signal") == "holds"
    assert judged.word("codes of one signal, one more") == "violated"
    assert judged.word(STABLE) == PAIR
    assert judged.ratio("differences of codes")[0] == pytest.approx(1, abs=1e-12)
    assert judged.best("nonzeros")[0] == 2


def test_the_stability_of_one_and_one_by_hand():
    """|d_1 + d_2| = 1, twice: epsilon = 1/sqrt 2 and 2 epsilon / sqrt(1 - 1/2) = 2, the distance of the codes."""
    judged = judge(THEOREM, triangles([1, 0, 0, 1, 0, 0], [0, -1, 0, 0, -1, 0]))
    assert judged.best("radius")[0] == pytest.approx(0.5**0.5)
    assert judged.best("distance")[0] == pytest.approx(2)
    assert judged.word(STABLE) == "holds"
    assert judged.ratio(STABLE)[0] == pytest.approx(1, abs=1e-12)
    assert judged.word("codes of one signal") == SAME
    # k = 1: the certificate is |<d_1, d_j>| = 1/2 = kappa
    assert judged.best("certificate")[0] == pytest.approx(0.5)
    assert judged.ratio(CERTIFICATE)[0] == pytest.approx(1, abs=1e-12)


def test_the_pursuit_of_one_atom_by_hand():
    """E = -d_1/2 and xi = 1 take 3/2 from the entry 4; the residual d_1 has the correlation 1/2 with the others."""
    judged = judge(THEOREM, triangles([4, 0, 0, 0, 0, 0], [0] * 6, E=[-0.5, 0, 0, 0], radius=0.5))
    assert judged.best("entry")[0] == pytest.approx(1.5)
    assert judged.ratio(ENTRIES)[0] == pytest.approx(1, abs=1e-12)
    assert judged.best("reach")[0] == pytest.approx(0.5)
    assert judged.best("seen")[0] == judged.best("patch")[0] == 0.5
    assert judge(THEOREM, triangles([4, 0, 0, 0, 0, 0], [0] * 6, E=[0.51, 0, 0, 0], radius=0.5)).word(REACH) == NOISE


def test_blocks_attain_what_one_simplex_attains_whatever_their_number():
    for blocks in (1, 7):
        judged = draw(THEOREM, "simplex blocks, error attained", 40, blocks=blocks, n=12)
        mine = np.asarray(judged.words(ENTRIES)) == "holds"
        assert 0.5 < mine.mean() < 1  # a quarter has too much noise
        assert judged.ratio(ENTRIES)[mine & (judged.best("k") < 6)] == pytest.approx(1, rel=1e-8)
        assert judged.ratio(STABLE) == pytest.approx(1, rel=1e-11)
        assert judged.ratio(CERTIFICATE) == pytest.approx(1, rel=1e-11)
        assert (judged.best("nonzeros") == blocks * judged.best("k")).all()
        reach = draw(THEOREM, "simplex blocks, reach attained", 40, blocks=blocks, n=12)
        mine = (np.asarray(reach.words(REACH)) == "holds") & (reach.best("k") < 6)
        assert reach.ratio(REACH)[mine] == pytest.approx(1, rel=1e-8)


def test_shifts_that_meet_pairwise_attain_the_stability():
    judged = draw(THEOREM, "shifts, triples", 30)
    assert set(judged.best("k")) == {2}
    assert set(judged.best("other")) == {1}
    assert judged.ratio(STABLE) == pytest.approx(1, rel=1e-11)
    assert judged.ratio("noise seen by an atom") == pytest.approx(1, rel=1e-11)


def test_chains_are_not_seen_by_windows_of_n_positions():
    judged = draw(THEOREM, "shifts, chains", 30)
    assert set(judged.best("narrow")) == {2}
    mu = 1 / 4
    assert judged.best("distance") == pytest.approx(2 * judged.best("radius") / (1 - 2**0.5 * mu) ** 0.5, rel=1e-11)
    assert judged.word("stability, windows of n positions") == "violated"
    assert judged.word(STABLE) == "holds"


@pytest.mark.parametrize("taps", [3, 4, 5, 6])
def test_there_are_triples_and_chains_for_every_number_of_taps(taps):
    size = dictionaries.golomb(2, taps).size
    for kind in ("triples", "chains"):
        h, first = _differences(taps, 2, kind)
        assert len(h) > 0
        assert (np.count_nonzero(h, axis=1) == 6).all()
        assert (first.sum(axis=1) == 4).all()
        assert h.shape[1] == 2 * 8 * size


def test_commuting_filters_are_two_codes_of_one_signal():
    judged = draw(THEOREM, "shifts, commuting filters", 8)
    assert set(judged.best("total")) == {8}
    assert judged.word("codes of one signal") == "holds"


def test_atoms_of_another_length_are_set_aside():
    for family in ("simplex blocks, shorter atoms", "shifts, longer atoms"):
        judged = draw(THEOREM, family, 4)
        for claim in HOLDS[:-1]:
            assert judged.word(claim) == UNIT
        assert judged.word(HOLDS[-1]) == "holds"


def test_edges_of_the_sparsity():
    """n = 12: k = 6 < 13/2 is admitted and 7 not; every k <= 12 has (k - 1) mu < 1."""
    judged = draw(THEOREM, "simplex blocks, one signal", 60, n=12)
    k = judged.best("k")
    words = np.asarray(judged.words("recovery by basis pursuit"))
    assert set(words[k <= 6]) == {"holds"}
    assert set(words[k >= 7]) == {SPARSE}
    assert set(judged.words(CERTIFICATE)) == {"holds"}
    assert SINGLE not in judged.words(ENTRIES)


@given(
    n=st.integers(3, 15),
    blocks=st.integers(1, 4),
    taps=st.integers(3, 5),
    places=st.integers(1, 2),
    family=st.sampled_from(sorted(THEOREM.families)),
    seed=st.integers(0, 999),
)
@settings(max_examples=30, deadline=None)
def test_any_sizes(n, blocks, taps, places, family, seed):
    judged = draw(THEOREM, family, 3, seed, n=n, blocks=blocks, taps=taps, places=places)
    for claim in HOLDS:
        assert "violated" not in judged.words(claim)


def test_the_reference_measures_the_same():
    for family in set(THEOREM.families) - {"simplex blocks, shorter atoms", "shifts, longer atoms"}:
        judged = draw(THEOREM, family, 1)
        theirs = THEOREM.reference(judged.p, judged.x)
        for name in ("certificate", "height", "radius", "seen", "patch"):
            assert theirs[name] == pytest.approx(judged.best(name), rel=1e-8, abs=1e-9)
        for name in ("reach", "entry"):
            assert theirs[name].value == pytest.approx(judged.best(name), rel=1e-7, abs=1e-9)
