"""Layered soft thresholding and the forward pass: closed forms with one non-zero, what the printed bounds leave out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import draw, judge

from theorems.sparse_coding import _layered_thr as instances
from theorems.sparse_coding.layered_thr_soft import FAMILIES, NONNEGATIVE, PRINTED, SOFT, THEOREM, Params
from verify.kit import shrinkage

ERROR, SUPPORTS = "soft: error", "soft: supports"
FORWARD, FORWARD_SUPPORTS = "forward pass: error", "forward pass: supports"
SLIDE = "slide: the printed bound for the forward pass"


@pytest.mark.parametrize(
    ("layers", "b", "c", "k", "limit"), [(2, 64, 6, 1, 0.0595), (3, 256, 9, 1, 0.0058), (3, 64, 6, 1, 0.0)]
)
def test_the_largest_noise(layers, b, c, k, limit):
    found = float(instances.admitted("local", b, np.full((1, layers - 1), c), k, SOFT.error)[0])
    assert found == pytest.approx(limit, abs=6e-5)


@pytest.mark.parametrize(
    "family",
    [
        "two layers, aligned noise",
        "three layers, aligned noise",
        "stride 1, aligned noise",
        "forward pass, aligned noise",
    ],
)
def test_noise_against_one_nonzero_attains_the_bound_at_every_layer(family):
    judged = draw(THEOREM, family, 8, k=1)
    bound = SOFT.error({name: q.value for name, q in judged.quantities.items()})
    assert judged.best("error") / bound == pytest.approx(np.ones(bound.shape), abs=1e-4)
    assert judged.word(SUPPORTS) == judged.word(ERROR) == "holds"


def test_random_noise_comes_near_the_bound():
    assert (draw(THEOREM, "two layers, random noise", 32, k=1).ratio(ERROR) > 0.5).all()


def test_without_noise_the_printed_bound_is_zero_and_the_error_is_the_threshold():
    """Identity and Hadamard, 64 rows, one spike of magnitude 1, threshold 1/5."""
    x = draw(THEOREM, "one layer, aligned noise", 8, k=1, contrast=1).x
    clean = x | {"E": 0 * x["E"], "radius": 0 * x["radius"], "thresholds": np.full((8, 1), 0.2)}
    judged = judge(THEOREM, clean)
    assert judged.word(SUPPORTS) == "holds"
    assert judged.best("error") == pytest.approx(np.full((8, 1), 0.2))
    assert (PRINTED({name: q.value for name, q in judged.quantities.items()}) == 0).all()
    assert set(judged.words(SLIDE)) <= {"violated", NONNEGATIVE}
    assert "violated" in judged.words(SLIDE)


def test_the_simplex_attains_the_coherence_term():
    judged = draw(THEOREM, "simplex, no noise", 16)
    k, tau = judged.best("k")[:, 0], judged.x["thresholds"][:, 0]
    assert judged.best("forward_error")[:, 0] == pytest.approx(np.sqrt(k) * ((k - 1) / 40 + tau), rel=1e-5)
    assert judged.word(FORWARD) == "holds"
    assert (judged.ratio(FORWARD) > 0.99999).all()


def test_the_smallest_magnitude_by_hand():
    """Simplex of 40 rows, magnitudes 1, 1, 1, .7 and threshold .2: the errors are .2 + 2.7/40 three times and
    .2 + 3/40."""
    x = draw(THEOREM, "simplex, no noise", 1).x
    code = np.zeros((1, 41))
    code[0, :4] = 1, 1, 1, 0.7
    judged = judge(THEOREM, x | {"code": code, "thresholds": np.full((1, 1), 0.2)})
    error = np.sqrt(3 * 0.2675**2 + 0.275**2)
    claim = "the smallest magnitude in place of the largest"
    assert judged.best("error") == pytest.approx(error)
    assert judged.word(ERROR) == "holds"
    assert judged.ratio(claim) == pytest.approx(error / (2 * (3 * 0.7 / 40 + 0.2)))
    assert judged.word(claim) == "violated"


def test_signed_codes_are_not_of_the_forward_pass():
    judged = draw(THEOREM, "two layers, random noise", 8)
    assert judged.word(FORWARD) == NONNEGATIVE
    assert judged.word("one-sided thresholds for signed codes") == "violated"
    assert draw(THEOREM, "forward pass, random noise", 8).word(FORWARD_SUPPORTS) == "holds"


def test_one_sided_thresholds_are_the_layers_of_a_network():
    """ReLU(W Y + b) with W = D^T and b = -beta, layer by layer on the dense matrices."""
    judged = draw(THEOREM, "global norms, random noise", 4)
    x = judged.x
    have = instances.facts(x, SOFT.error)
    at = have.gammas[0] @ x["D1"][0].T + x["E"]
    for D, beta, estimate in zip(
        (x["D1"][0], x["D2"][0]),
        x["thresholds"].T,
        instances.pursue(x, have, shrinkage.one_sided_threshold),
        strict=True,
    ):
        at = np.maximum(at @ D - beta[:, None], 0)
        assert estimate.code == pytest.approx(at, abs=1e-14)


@pytest.mark.parametrize(
    "family", [f for f, own in FAMILIES.items() if own.inside and own.size < 1 and "contr" not in f]
)
def test_the_hypotheses_are_met_by_construction(family):
    assert draw(THEOREM, family, 16).word(ERROR) == "holds"


@pytest.mark.parametrize("family", ["global norms, aligned noise", "too much noise", "simplex, contrast"])
def test_every_quantity_agrees_with_the_matrices(family):
    judged = draw(THEOREM, family, 2)
    for i in range(2):
        alone = judged.alone(i)
        for name, value in THEOREM.reference(judged.p, alone).items():
            if name in judged.quantities:
                rows = judged.best(name)
                assert value.value[0] == pytest.approx(rows[i if rows.shape[0] > 1 else 0], rel=1e-9, abs=1e-11), name


@given(
    seed=st.integers(0, 2**32 - 1),
    layers=st.sampled_from([1, 2]),
    b=st.sampled_from([16, 64]),
    c=st.integers(2, 5),
    k=st.integers(1, 3),
    contrast=st.floats(0.3, 1),
    family=st.sampled_from(list(FAMILIES)),
)
@settings(max_examples=20, deadline=None)
def test_no_choice_of_the_parameters_violates(seed, layers, b, c, k, contrast, family):
    judged = draw(THEOREM, family, 4, seed, layers=layers, b=b, c=c, k=k, contrast=contrast)
    for claim in (ERROR, SUPPORTS, FORWARD, FORWARD_SUPPORTS):
        assert "violated" not in judged.words(claim)


def test_repair_and_advice():
    x = draw(THEOREM, "forward pass, random noise", 4).x
    back = THEOREM.repair(Params(), x | {"E": 3 * x["E"], "radius": 5 * x["radius"]})
    assert judge(THEOREM, back).word(FORWARD) == "holds"
    judged = draw(THEOREM, "two layers, random noise", 1, b=64, c=6, k=2)
    assert "b=128 and c=12" in THEOREM.advise(judged.p, judged.x)
