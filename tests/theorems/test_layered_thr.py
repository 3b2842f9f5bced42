"""Layered hard thresholding: closed forms of the noise and of extremal instances, the edges of the hypotheses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import draw, judge
from pydantic import ValidationError

from theorems.sparse_coding import _layered_thr as instances
from theorems.sparse_coding.layered_thr import FAMILIES, HARD, THEOREM, Params
from verify.engine import witness
from verify.kit import multilayer
from verify.kit.multilayer import Profile

SUPPORTS, ERROR, OFF, ON = "supports", "error", "off the support", "on the support"
CONTRAST = "contrast dropped: some threshold separates"


def profile(x):
    stacked = instances.layered.layers(x)
    return multilayer.profile(stacked, multilayer.codes(stacked, x["code"]))


@pytest.mark.parametrize(
    ("layers", "norms", "b", "c", "k", "limit"),
    [
        (2, "local", 64, 6, 1, 0.170),
        (2, "local", 64, 6, 2, 0.0211),
        (2, "local", 256, 9, 3, 0.0011),
        (3, "local", 64, 6, 1, 0.0694),
        (3, "local", 256, 9, 1, 0.0494),
        (3, "local", 256, 16, 2, 0.0060),
        (2, "global", 32, 2, 1, 0.0518),
        (2, "global", 128, 4, 1, 0.055),
        (2, "global", 4096, 6, 2, 0.0020),
    ],
)
def test_the_largest_noise(layers, norms, b, c, k, limit):
    """Numbers found by bisection elsewhere, printed to the digits given."""
    found = float(instances.admitted(norms, b, np.full((1, layers - 1), c), k, HARD.error)[0])
    assert found == pytest.approx(limit, abs=0.6 * 10.0 ** -len(str(limit).split(".")[1]))


@pytest.mark.parametrize(("layers", "norms", "b", "c", "k"), [(3, "local", 64, 6, 2), (2, "global", 64, 6, 1)])
def test_nothing_is_admitted(layers, norms, b, c, k):
    assert instances.admitted(norms, b, np.full((1, layers - 1), c), k, HARD.error)[0] < 0


def test_the_largest_noise_of_one_layer_by_hand():
    """2 epsilon < smallest - (2k - 1) mu largest."""
    one = Profile(*(np.asarray([[v]]) for v in (3.0, 3.0, 0.8, 1.0)))
    found = instances.largest_noise(np.asarray([[0.1]]), one, np.asarray([[0.5]]), HARD.error)
    assert found == pytest.approx([(0.8 - 5 * 0.1) / 2])


@pytest.mark.parametrize(
    "family", ["two layers, aligned noise", "three layers, aligned noise", "stride 1, aligned noise"]
)
def test_one_nonzero_attains_the_bound_at_every_layer(family):
    judged = draw(THEOREM, family, 16, k=1)
    bound = HARD.error({name: q.value for name, q in judged.quantities.items()})
    assert judged.word(SUPPORTS) == judged.word(ERROR) == "holds"
    assert judged.best("error") / bound == pytest.approx(np.ones(bound.shape), abs=1e-4)
    assert judged.best("least")[:, 0] == pytest.approx(  # a sign decides whether the noise adds or takes away
        judged.best("smallest")[:, 0] + np.where(judged.ratio(ON) < 0.999, 1, -1) * judged.x["radius"], rel=1e-4
    )


def test_the_simplex_attains_the_coherence_terms():
    judged = draw(THEOREM, "simplex, no noise", 32)
    k = judged.best("k")[:, 0]
    assert set(k) <= set(range(3, 21))
    assert judged.best("error")[:, 0] == pytest.approx(np.sqrt(k) * (k - 1) / 40, rel=1e-5)
    assert judged.best("reach")[:, 0] == pytest.approx(k / 40, rel=1e-5)
    assert judged.best("least")[:, 0] == pytest.approx(1 - (k - 1) / 40, rel=1e-5)
    for claim in (ERROR, OFF, ON, "slide: error"):
        assert judged.word(claim) == "holds"
        assert (judged.ratio(claim) > 0.99999).all()


def test_noise_along_a_wrong_atom_attains_the_lower_end():
    judged = draw(THEOREM, "two layers, noise off the support", 32, k=1)
    assert judged.best("reach")[:, 0] == pytest.approx(judged.best("largest")[:, 0] / 8 + judged.x["radius"], rel=1e-4)
    assert (judged.ratio(OFF) > 0.9999).all()


def test_contrast_by_hand():
    """One entry 1 and nineteen 10 on the simplex of 40 rows: 191/40 off the support, |1 - 190/40| on it."""
    judged = draw(THEOREM, "simplex, contrast", 64)
    made = judged.best("largest")[:, 0] == 10
    assert 16 < made.sum() < 48
    assert judged.best("reach")[made, 0] == pytest.approx(4.775)
    assert judged.best("least")[made, 0] == pytest.approx(3.75)
    assert {w for w, m in zip(judged.words(CONTRAST), made, strict=True) if m} == {"violated"}
    assert {w for w, m in zip(judged.words(SUPPORTS), made, strict=True) if m} == {instances.CONDITION}


@pytest.mark.parametrize(
    "family", [f for f, own in FAMILIES.items() if own.inside and own.size < 1 and "contr" not in f]
)
def test_the_hypotheses_are_met_by_construction(family):
    assert draw(THEOREM, family, 32).word(SUPPORTS) == "holds"


def test_local_sparsity_does_not_meet_the_global_conditions():
    """Six taps of one atom: k = 6 and mu = 1/8 at the first layer."""
    judged = draw(THEOREM, "two layers, random noise", 16, k=1)
    windows = np.asarray([[[384, 768, 1], [768, 49, 1]]])
    everything = judge(THEOREM, judged.x | {"windows": windows, "E": 0 * judged.x["E"]}, judged.p)
    assert judged.word(ERROR) == "holds"
    assert everything.word(ERROR) == instances.CONDITION
    assert everything.best("k")[:, 0] == pytest.approx(6)


@pytest.mark.parametrize(("b", "word"), [(16, "holds"), (8, instances.CONDITION)])
def test_k_exactly_at_the_limit_is_set_aside(b, word):
    """Equal magnitudes and no noise on a simplex: (a) is k < (1 + b)/2."""
    x = draw(THEOREM, "simplex, no noise", 4, b=16, k=8).x
    one = np.sign(x["code"])
    if b == 8:  # mu = 1/15 in place of 1/16: k = 8 is exactly the limit
        x = x | {"mu": np.asarray([[1 / 15]])}
    assert judge(THEOREM, x | {"code": one, "thresholds": np.full((4, 1), 0.5312)}).word(SUPPORTS) == word


@pytest.mark.parametrize("family", ["two layers, random noise", "three layers, random noise", "stride 1, random noise"])
def test_noise_at_the_largest_value(family):
    x = draw(THEOREM, family, 8).x
    half = np.full_like(x["thresholds"], 0.5)
    limit = instances.largest_noise(x["mu"], profile(x), half, HARD.error)
    for factor, word in ((1 - 1e-9, "holds"), (1 + 1e-9, instances.CONDITION)):
        radius = factor * limit
        tau, width = instances.recursion(x["mu"], profile(x), radius, HARD.error, lambda i, low, high: (low + high) / 2)
        assert judge(THEOREM, x | {"radius": radius, "thresholds": tau}).word(SUPPORTS) == word
        assert (width.min(axis=1) > 0).all() == (factor < 1)


def test_noise_just_above_its_bound_is_set_aside():
    x = draw(THEOREM, "two layers, random noise", 8).x
    for factor, word in ((1 + 1e-8, instances.NOISE), (1 - 1e-8, "holds"), (np.nan, instances.NOISE)):
        assert judge(THEOREM, x | {"E": factor * x["E"] / instances.INSIDE}).word(ERROR) == word


def test_thresholds_just_outside_are_set_aside():
    x = draw(THEOREM, "two layers, random noise", 8).x
    for share, word in ((0, instances.THRESHOLDS), (1e-7, "holds"), (1 - 1e-7, "holds"), (1, instances.THRESHOLDS)):
        place = {"mu": x["mu"], "found": profile(x), "radius": x["radius"], "error": HARD.error}
        tau, _ = instances.recursion(**place, choose=lambda i, low, high, s=share: low + s * (high - low))
        assert judge(THEOREM, x | {"thresholds": tau}).word(SUPPORTS) == word


def test_a_correlation_at_its_threshold_is_undecided():
    """Nothing of that layer's error and of the layers after it is known then."""
    judged = draw(THEOREM, "thresholds outside", 8)
    tau = np.concatenate([judged.best("reach")[:, :1], judged.x["thresholds"][:, 1:]], axis=1)
    at = judge(THEOREM, judged.x | {"thresholds": tau})
    assert at.word("thresholds anywhere") == "undecided"
    assert np.isinf(at.quantities["error"].upper).all()
    above = judge(THEOREM, judged.x | {"thresholds": tau * (1 + 1e-9)})
    assert (above.quantities["wrong"].upper[:, 0] == 0).all()


def test_columns_that_are_not_unit_are_set_aside():
    x = draw(THEOREM, "two layers, random noise", 4).x
    D = x["D2"].copy()
    D[..., 3] *= 1 + 1e-9
    assert judge(THEOREM, x | {"D2": D}).word(ERROR) == instances.UNIT


@pytest.mark.parametrize("family", FAMILIES)
def test_every_quantity_agrees_with_the_matrices(family):
    judged = draw(THEOREM, family, 3)
    for i in range(3):
        alone = judged.alone(i)
        theirs = THEOREM.reference(judged.p, alone)
        assert set(theirs) == set(judged.quantities)
        for name, value in theirs.items():
            rows = judged.best(name)
            ours = rows[i if rows.shape[0] > 1 else 0]
            assert value.value[0] == pytest.approx(ours, rel=1e-9, abs=1e-11), name


@given(
    seed=st.integers(0, 2**32 - 1),
    layers=st.sampled_from([1, 2, 3]),
    b=st.sampled_from([16, 32, 64]),
    c=st.integers(2, 5),
    k=st.integers(1, 3),
    contrast=st.floats(0.05, 1),
    family=st.sampled_from(list(FAMILIES)),
)
@settings(max_examples=25, deadline=None)
def test_no_choice_of_the_parameters_violates(seed, layers, b, c, k, contrast, family):
    judged = draw(THEOREM, family, 4, seed, layers=layers, b=b, c=c, k=k, contrast=contrast)
    for claim in (SUPPORTS, ERROR, OFF, ON):
        assert "violated" not in judged.words(claim)


def test_repair_brings_instances_back():
    x = draw(THEOREM, "two layers, random noise", 8).x
    out = x | {"E": 3 * x["E"], "radius": 5 * x["radius"], "thresholds": 2 * x["thresholds"]}
    back = THEOREM.repair(Params(), out)
    assert judge(THEOREM, back).word(ERROR) == "holds"


@pytest.mark.parametrize("family", ["three layers, aligned noise", "thresholds outside", "simplex, contrast"])
def test_exact_arithmetic_agrees(family):
    judged = draw(THEOREM, family, 1)
    inside = {name: witness._rationals(a[0].tolist()) for name, a in judged.x.items()}
    margins, found = THEOREM.exact(judged.p, inside)
    for name, met in THEOREM.hypotheses(judged.p, judged.x).items():
        assert name == instances.GLOBAL or (margins[name] >= 0) == (met[0] >= 0), name
    for name, values in found.items():
        ours = np.broadcast_to(judged.best(name), (1, len(values)))[0]
        assert [float(v) for v in values] == pytest.approx(ours, rel=1e-12, abs=1e-14), name


def test_exact_arithmetic_takes_small_matrices_and_certifies_a_control():
    big, small = (draw(THEOREM, f"{n} layers, aligned noise", 1) for n in ("two", "three"))
    control = THEOREM.claim("the root of the patch dropped")
    with pytest.raises(witness.NotCertified, match=r"46,\d{3} numbers is too large"):
        witness.certify(THEOREM, big.p, control, big.x)
    assert witness.certify(THEOREM, small.p, control, small.x).excess > 0.1


def test_parameters():
    with pytest.raises(ValidationError, match="no power of 2"):
        Params(b=63)
    with pytest.raises(ValidationError, match="at most 1024; more only with layers=2 norms=global"):
        Params(b=2048)
    assert Params(b=2048, layers=2, norms="global").b == 2048
    assert instances.setting(Params(), HARD.two, HARD) == HARD.two
    assert instances.setting(Params(), None, HARD) is None
    assert instances.setting(Params(layers=3), None, HARD) == HARD.three
    assert instances.setting(Params(norms="global"), HARD.two, HARD) == HARD.whole
    assert not instances.setting(Params(c=4), HARD.stride_one, HARD).stride_one
    chosen = instances.setting(Params(c=5, k=6), HARD.two, HARD)
    assert (chosen.c, chosen.g, chosen.k) == (5, 7, 6)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"layers": 3, "k": 2}, "k=2 in 3 layers with local norms: b=32 and c=20"),
        ({"layers": 2, "norms": "global", "b": 64}, "k=1 in 2 layers with global norms: b=32 and c=2"),
        ({"layers": 3, "k": 10}, "no b and c at all"),
        ({"norms": "local"}, "norms=global"),
    ],
)
def test_advice_says_what_would_be_admitted(params, words):
    judged = draw(THEOREM, "two layers, random noise", 1, **params)
    assert words in THEOREM.advise(judged.p, judged.x)


def test_the_map_of_the_hypotheses():
    two, three = THEOREM.maps(Params())["hypotheses"].values()
    value = {(outline[0] + 0.5, outline[1] + 0.5): n for n, outline in two["cells"]}
    assert [value[j, 1] for j in (1, 2, 3, 4)] == [1, 1, 2, 2]  # global norms: k = 1 takes b >= 32
    assert [value[j, 2] for j in (1, 2, 5, 6)] == [0, 1, 1, 2]
    assert sum(n for n, _ in three["cells"]) < sum(n for n, _ in two["cells"])
