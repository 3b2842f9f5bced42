"""Stability for convex losses: the extremal case, the limit of the step, kinks, and one dimension."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from judge import draw, judge, one

from theorems.generalization import _stability as stability
from theorems.generalization.sgd_stability_convex import ALONE, EVERY, STEP, THEOREM

HOLDS = tuple(c.name for c in THEOREM.claims if c.expects == "holds")
WEIGHTS, LOSSES = "weights move by 2 L sum(alpha) / n", "losses move by 2 L^2 sum(alpha) / n"
SLIDES = "slides: for networks of ReLUs"
PLAIN = {"mu": 0, "radius": math.inf, "q": 0.5, "kind": stability.HUBER}
LINEAR = one(x=[[1], [1], [1]], y=[64, -64, -64], h=8, copies=[1], alpha=[0.5, 0.25], start=[0], **PLAIN)
PLANE = one(
    x=[[0.96, 0.28], [0, 1], [0.96, 0.28]],
    y=[64, 0, -64],
    h=0.25,
    copies=[1],
    alpha=[1, 1],
    start=[0, 0],
    **PLAIN,
)


def test_linear_losses_and_an_example_turned_round():
    judged = judge(THEOREM, LINEAR)
    assert judged.quantities["params"][0] == judged.quantities["losses"][0] == 0.75  # 2/2 (1/2 + 1/4)
    assert judged.quantities["gap"][0] == 0.375
    assert {judged.word(c) for c in HOLDS} == {"holds"}
    assert judged.word("half as far") == judged.word("n squared") == "violated"


def test_a_sample_of_one_example_attains_all_bounds_at_every_length():
    """n = 1: delta is 2 L sum(alpha), beside which the term of a kink is L sum(alpha) / sqrt(32)."""
    judged = draw(THEOREM, ALONE, 64)
    L, total, q = (judged.best(name) for name in ("L", "total", "q"))
    assert judged.best("params") == pytest.approx(2 * L * total, rel=1e-12)
    assert judged.best("losses") == pytest.approx(2 * L**2 * total, rel=1e-12)
    assert judged.best("gap") == pytest.approx(4 * q * (1 - q) * L**2 * total, rel=1e-12)
    assert judged.ratio(EVERY).max() == pytest.approx(1 / (1 + 128**-0.5), rel=1e-6)


@pytest.mark.parametrize("copies", [0, 99, 9999])
def test_some_of_the_sequences_are_nearly_all_where_n_is_large(copies, monkeypatch):
    """What is left out meets the first example twice, but not always: a share of T/n at most, and nothing for n = 1."""
    judged = draw(THEOREM, "Huber", 16)
    x = {**judged.x, "x": judged.x["x"][:, [0, 1, 3]], "y": judged.x["y"][:, [0, 1, 3]]}
    x["copies"] = np.full((16, 1), float(copies))
    followed = stability.measure(x)
    monkeypatch.setattr(stability, "FOLLOWED", 2)
    some = stability.measure(x)
    for i in range(2):
        alone = stability.measure_reference({name: a[i : i + 1] for name, a in x.items()})
        for name, value in alone.items():
            assert some[name][i] == pytest.approx(value[0], rel=1e-12, nan_ok=True)
    for name in ("params", "losses"):
        assert (some[name] <= followed[name] * (1 + 1e-12)).all()
        assert (some[name] >= followed[name] * (1 - 12 * bool(copies) / (copies + 1) - 1e-12)).all()
    if copies:
        assert np.isnan(some["gap"]).all()
    else:
        assert some["gap"] == pytest.approx(followed["gap"], rel=1e-12)


def test_the_constant_of_the_gap_cannot_be_less_than_the_root_of_two():
    """n = 1 and Huber losses of the distance from 2^20 orthogonal targets: the paths of two of them, in their plane."""
    K, h, L, steps = 2.0**20, 1.0, 3.0, 200
    alpha = 2 * h / L
    rho = h + L * alpha * steps

    def f(w, target):
        r = np.linalg.norm(w - target)
        return L * (r - h / 2 if r >= h else r * r / (2 * h))

    one_, other, w = np.asarray([rho, 0.0]), np.asarray([0.0, rho]), np.zeros(2)
    for _ in range(steps):
        r = np.linalg.norm(w - one_)
        w = w - alpha * L * min(1.0, r / h) * (w - one_) / r
    gap = (1 - 1 / K) * (f(w, other) - f(w, one_))
    s = L * alpha * steps
    assert gap == pytest.approx((1 - 1 / K) * L * (math.hypot(rho, s) - rho + s), rel=1e-12)
    assert 0.998 * math.sqrt(2) < gap / (L**2 * alpha * steps) < math.sqrt(2)


def test_fresh_directions_drive_two_paths_apart_by_the_root_of_two():
    """f = max_k (w_k)_+ and two starts a little apart along sum_(k <= T) e_k - sum_(k > T) e_k."""
    T, alpha, little = 50, 0.5, 1e-6
    start = little * np.repeat([1.0, -1.0], T)
    w, v = start.copy(), -start
    for _ in range(T):
        for point in (w, v):
            k = int(np.argmax(point))
            point[k] -= alpha * (point[k] > 0)
    assert np.linalg.norm(w - v) == pytest.approx(math.sqrt(2 * T) * alpha, rel=1e-4)


def test_a_step_of_four_over_beta_in_the_plane():
    """The four sequences end 4, 2.4, 2 and 0 apart."""
    judged = judge(THEOREM, PLANE)
    assert judged.quantities["params"][0] == pytest.approx(2.1, rel=1e-15)
    assert judged.word("steps of any size") == "violated"
    assert judged.word(WEIGHTS) == STEP
    assert judge(THEOREM, PLANE | one(alpha=[0.5, 0.5])).word(WEIGHTS) == "holds"


@pytest.mark.parametrize("excess", [1e-3, 0.1, 1.0])
def test_every_step_above_two_over_beta_can_fail(excess):
    """h = 1/4, so 2/beta = 1/2; a push of sine 1/100 stays where the other loss is a square."""
    alpha, push = (1 + excess) / 2, [math.cos(0.01), math.sin(0.01)]
    judged = judge(THEOREM, PLANE | one(x=[push, [0, 1], push], alpha=[alpha, alpha]))
    parted = 2 * alpha * math.hypot(push[0], push[1] * (4 * alpha - 1))
    assert judged.quantities["params"][0] == pytest.approx((4 * alpha + 2 * alpha + parted) / 4, rel=1e-12)
    assert judged.word("steps of any size") == "violated"


def test_a_kink_moves_the_losses_too():
    test = [[0.99, 0.1], [0, 1], [0.99, 0.1], [0.94, -0.32]]
    x = PLANE | one(x=test, y=[64, 0, -64, 64], h=0, copies=[7])
    judged = judge(THEOREM, x)
    moved = np.asarray([3.96, 0.4]) + 7 * np.asarray([1.98, -1.8]) + 7 * np.asarray([1.98, 0.2])
    assert judged.quantities["losses"][0] == pytest.approx(moved @ [0.94, -0.32] / 64, rel=1e-12)
    assert judged.word(SLIDES) == "violated"
    assert judged.word("every convex Lipschitz loss, every step") == "holds"
    assert judged.word(LOSSES) == STEP


@pytest.mark.parametrize("h", [0.0, 0.01, 0.3])
def test_in_one_dimension_equal_steps_of_any_size_are_stable(h):
    rng = np.random.default_rng(0)
    B, T = 300, 6
    x = {
        "x": rng.choice([-1.0, 1.0], (B, 4, 1)) * rng.uniform(0.2, 1, (B, 4, 1)),
        "y": rng.normal(size=(B, 4)) * rng.choice([0.1, 1, 10], (B, 1)),
        "copies": rng.integers(1, 4, (B, 2)).astype(float),
        "alpha": np.broadcast_to(rng.uniform(0.1, 3, (B, 1)), (B, T)).copy(),
        "start": rng.normal(size=(B, 1)),
        **{name: np.full(B, float(v)) for name, v in (PLAIN | {"h": h}).items()},
    }
    judged = judge(THEOREM, x)
    assert set(judged.words("steps of any size")) == {"holds"}
    assert judged.ratio("steps of any size").max() > 0.9


def test_all_sequences_of_all_examples():
    """n = 4 with two equal examples: 4^3 sequences of indices, one after the other."""
    judged = draw(THEOREM, "logistic", 1, steps=3)
    x = {name: a[0] for name, a in judged.x.items()}
    sample = [0, 1, *[2] * int(x["copies"][1])] if x["copies"][0] == 1 else None
    rows = sample or [0, *[1] * int(x["copies"][0]), *[2] * int(x["copies"][1])]

    def run(indices, first):
        w = x["start"]
        for a, i in zip(x["alpha"], indices, strict=True):
            z = x["x"][first if rows[i] == 0 else rows[i]]
            w = w + a * z / (1 + np.exp(w @ z))
        return w

    every = list(product(range(len(rows)), repeat=3))
    apart = [np.linalg.norm(run(i, 0) - run(i, 3)) for i in every]
    assert judged.quantities["params"][0] == pytest.approx(np.mean(apart), rel=1e-12)


def test_the_gap_is_the_mean_over_all_samples():
    """n = 2 of a law of two examples: four samples, four sequences of two indices each."""
    x = one(x=[[0.8, 0.1], [0, 1], [-0.3, 0.9]], y=[0.5, 0, -0.2], h=0.5, copies=[1], alpha=[0.7, 0.3], start=[0, 0])
    x |= one(**PLAIN | {"q": 0.25})
    z, y = x["x"][0][[0, 2]], x["y"][0][[0, 2]]

    def f(w, k):
        return float(stability.loss(x, np.asarray([w @ z[k] - y[k]]))[0])

    gap = 0.0
    for S in product((0, 1), repeat=2):
        chance = np.prod([(0.25, 0.75)[k] for k in S])
        for i in product((0, 1), repeat=2):
            w = np.zeros(2)
            for a, j in zip((0.7, 0.3), i, strict=True):
                k = S[j]
                w = w - a * np.clip((w @ z[k] - y[k]) / 0.5, -1, 1) * z[k]
            risk = 0.25 * f(w, 0) + 0.75 * f(w, 1)
            gap += chance / 4 * (risk - np.mean([f(w, k) for k in S]))
    assert judge(THEOREM, x).quantities["gap"][0] == pytest.approx(abs(gap), rel=1e-12)
