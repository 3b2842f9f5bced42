"""Lower bounds stay below rho, upper bounds above, and known values are met."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verify.core.arrays import backend, to_numpy
from verify.kit.cones import L1DescentCone, Subspace
from verify.kit.rho import (
    ascent_lower,
    enumerated,
    enumerated_upper,
    lifted_certificate,
    lifted_upper,
    norm_upper,
    rounding,
    sandwich,
    seeded_lower,
)
from verify.kit.sparse_cone import SparseCone


def ends(M, signs):
    """The two numbers of the sandwich."""
    found = sandwich(M, signs)
    return found.lower, found.upper


def gradient_step(seed: int, d: int, m: int, k: int, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """M = I - mu A^T A with Gaussian A (m, d) and mu = scale/|A|^2 (scale <= 1: M >= 0), and k signs anywhere."""
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(m, d))
    signs = np.zeros(d)
    signs[rng.permutation(d)[:k]] = rng.choice([-1.0, 1.0], size=k)
    return np.eye(d) - scale / np.linalg.norm(A, 2) ** 2 * A.T @ A, signs


def pentagon() -> tuple[np.ndarray, np.ndarray]:
    """A form of rho = 1/sqrt(5) (the clique number of the 5-cycle is 2) whose relaxation is not exact."""
    T = np.zeros((6, 6))
    T[0, 0] = 1.0
    for i in range(5):
        T[1 + i, 1 + (i + 1) % 5] = T[1 + (i + 1) % 5, 1 + i] = -2.0
    signs = np.zeros(6)
    signs[0] = 1.0
    return np.eye(6) - (4 * np.eye(6) + T) / (5 + math.sqrt(5)), signs


def starts(seed: int, B: int, d: int, S: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(B, S, d))


def bilinear_by_faces(M: np.ndarray, signs: np.ndarray) -> float:
    """rho for any symmetric M by the singular pairs of all pairs of faces: every value found is attained, and for
    generic M the largest is rho. An independent path, for tiny d."""
    d = signs.size
    cone = L1DescentCone(signs[None])
    bases = []
    for pattern in itertools.product(*[(s,) if s else (-1.0, 0.0, 1.0) for s in signs]):
        n = np.asarray(pattern)
        span = np.eye(d)[:, n != 0]
        bases.append(span)
        active = np.linalg.svd(n[None, n != 0])[2][1:].T
        if active.size:
            bases.append(span @ active)
    best = 0.0
    for P, Q in itertools.product(bases, repeat=2):
        left, values, right = np.linalg.svd(P.T @ M @ Q)
        for i, value in enumerate(values):
            for sign in (1.0, -1.0):
                pair = np.stack([sign * P @ left[:, i], sign * Q @ right[i]])
                if value > best and (cone.margin(pair) >= -1e-12).all():
                    best = value
    return best


def test_the_line_in_the_plane_has_rho_nine_tenths():
    M = np.eye(2) - 0.8 * np.asarray([[1.0, 0.5], [0.5, 0.25]])
    signs = np.asarray([1.0, 0.0])
    lower, upper = ends(M, signs)
    assert lower <= 0.9 <= upper
    assert upper - lower <= 1e-10
    assert 0.9 <= lifted_upper(M, signs) <= 0.9 + 1e-7
    assert norm_upper(M[None])[0] >= 0.9


def test_the_pentagon_separates_the_relaxation_from_rho():
    """The faces give rho in spite of its double eigenvalues; the relaxation is 2.3 % above."""
    M, signs = pentagon()
    rho = 1 / math.sqrt(5)
    lower, upper = ends(M, signs)
    assert lower <= rho <= upper
    assert upper - lower <= 1e-10
    assert lifted_upper(M, signs) == pytest.approx(0.457295, abs=1e-6)


@given(seed=st.integers(0, 2**32 - 1), d=st.integers(2, 6), m=st.integers(1, 8), size=st.integers(1, 6))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_three_bounds_agree_on_positive_semidefinite_forms(seed, d, m, size):
    M, signs = gradient_step(seed, d, m, min(size, d))
    cone = L1DescentCone(signs[None])
    lower = float(ascent_lower(M[None], cone, starts(seed, 1, d), 400)[0][0])
    exact = float(enumerated_upper(M[None], signs[None])[0])
    relaxed = lifted_upper(M, signs)
    assert lower <= exact
    assert lower <= relaxed
    assert exact - lower <= 1e-5
    assert abs(relaxed - exact) <= 1e-5


def test_whole_number_forms_with_repeated_eigenvalues():
    """Projectors onto small whole-number rows have many equal eigenvalues: the faces must still bracket rho."""
    rng = np.random.default_rng(0)
    for _ in range(40):
        d, m = int(rng.integers(2, 6)), int(rng.integers(1, 4))
        A = rng.integers(-1, 2, size=(m, d)).astype(float)
        M = np.eye(d) - np.linalg.pinv(A) @ A
        M = (M + M.T) / 2
        signs = np.zeros(d)
        signs[: int(rng.integers(1, d + 1))] = 1.0
        lower = float(ascent_lower(M[None], L1DescentCone(signs[None]), starts(1, 1, d), 200)[0][0])
        upper = min(float(enumerated_upper(M[None], signs[None])[0]), float(norm_upper(M[None])[0]))
        assert lower <= upper
        assert upper - lower <= 1e-5


@pytest.mark.parametrize("seed", range(4))
def test_bilinear_forms(seed):
    """mu |A|^2 = 4: M is indefinite, and u and v differ."""
    M, signs = gradient_step(seed, 4, 3, 1 + seed % 2, scale=4.0)
    lower, upper = ends(M, signs)
    exact = bilinear_by_faces(M, signs)
    assert lower <= exact * (1 + 1e-12)
    assert exact <= upper
    assert upper - lower <= 1e-5
    assert math.isinf(enumerated_upper(M[None], signs[None])[0])


@pytest.mark.parametrize("seed", range(4))
def test_pairs_of_faces_give_the_bilinear_value(seed):
    M, signs = gradient_step(seed, 4, 3, 1 + seed % 2, scale=4.0)
    upper, v = enumerated(M[None], signs[None])
    cone = L1DescentCone(signs[None])
    attained, _ = ascent_lower(M[None], cone, v[:, None, :], 8)
    exact = bilinear_by_faces(M, signs)
    assert attained[0] <= upper[0]
    assert upper[0] - attained[0] <= 1e-10
    assert attained[0] - 1e-10 <= exact <= upper[0]


def test_the_relaxation_may_be_loose_on_a_gaussian_bilinear_form():
    """A Gaussian draw with mu |A|^2 = 2, d = 4: 0.08 % above rho, which pairs of faces and an independent path give."""
    A = np.random.default_rng(229).normal(size=(4, 4))
    M = np.eye(4) - 2 / np.linalg.norm(A, 2) ** 2 * A.T @ A
    signs = np.asarray([1.0, 0.0, 0.0, 0.0])
    exact = float(enumerated(M[None], signs[None])[0][0])
    assert bilinear_by_faces(M, signs) == pytest.approx(exact, abs=1e-9)
    assert exact * 1.0008 <= lifted_upper(M, signs) <= exact * 1.001


def test_the_sandwich_names_its_method():
    small, big = gradient_step(0, 4, 3, 1), gradient_step(0, 12, 9, 1)
    assert sandwich(*small).method in ("enumeration of faces", "semidefinite certificate")
    assert sandwich(*big).method == "semidefinite certificate"
    assert sandwich(*big, lifted=(0, 0)).method == "spectral norm"
    for form in (small, big):
        found = sandwich(*form)
        assert sandwich(*form) == found


def test_sparse_vectors_by_half_spaces():
    """The exact rate over k-sparse vectors: above every ascent, met by the best, below the bound by spans, and 1 for
    the identity. Dropping the sign of the half-spaces loses up to a quarter."""
    rng = np.random.default_rng(7)
    B, d = 40, 5
    A = rng.normal(size=(B, 3, d))
    mu = rng.choice([1.0, 2.0, 4.0], B) / np.linalg.norm(A, 2, axis=(1, 2)) ** 2
    M = np.eye(d) - mu[:, None, None] * np.swapaxes(A, 1, 2) @ A
    Z = np.zeros((B, d))
    Z[:, :2] = rng.normal(size=(B, 2))
    cone = SparseCone(Z, 2)
    low, high = cone.rho(M)
    assert (low <= high).all()
    assert (high - low).max() <= 1e-11
    attained, _ = ascent_lower(M, cone, starts(1, B, d, S=60), 60)
    assert (attained <= high).all()
    assert np.median(high - attained) <= 1e-9
    assert (high <= cone.rho_upper(M) + 1e-12).all()
    assert (cone.rho_upper(M) > 1.05 * high).any()
    low, high = cone.rho(np.broadcast_to(np.eye(d), (B, d, d)))
    assert np.abs(low - 1).max() <= 1e-12
    v = rng.normal(size=(B, 4, d))
    nearest = cone.project(v)
    assert np.abs(np.linalg.norm(nearest, axis=-1) - cone.support_function(v)).max() <= 1e-13
    assert np.abs((nearest * v).sum(-1) - (nearest**2).sum(-1)).max() <= 1e-13


def test_bilinear_rho_may_exceed_the_quadratic_form():
    """M = -I on a half-space: v^T M v <= 0 everywhere, while rho = 1 by u = -v on its edge."""
    signs = np.ones(3)
    lower, upper = ends(-np.eye(3), signs)
    assert lower <= 1 <= upper
    assert upper - lower <= 1e-7


def test_the_certificate_holds_for_any_multipliers():
    """Garbage is loose, never wrong: on the pentagon, and on an indefinite form."""
    rng = np.random.default_rng(1)
    M, signs = pentagon()
    indefinite, few = gradient_step(0, 4, 3, 1, scale=4.0)
    cases = [(M, signs, 1, 1 / math.sqrt(5)), (indefinite, few, 2, bilinear_by_faces(indefinite, few))]
    for form, s, forms, rho in cases:
        q = int((s == 0).sum())
        r = 2 * q + 1
        for scale in (0.0, 0.1, 1.0, 1e3, 1e9):
            Y = scale * rng.normal(size=(forms, r, r))
            assert lifted_certificate(form, s, Y, scale * rng.normal(size=q)) >= rho
        Y = np.abs(Y)
        mean = (Y + np.swapaxes(Y, 1, 2)) / 2
        assert lifted_certificate(form, s, Y, np.zeros(q)) == lifted_certificate(form, s, mean, np.zeros(q))
        Y[0, 0, 0], delta = np.nan, np.full(q, np.inf)
        assert lifted_certificate(form, s, Y, delta) >= rho
    # One multiplier on an indefinite form: the shift that makes it semidefinite is paid for twice.
    least = np.linalg.eigvalsh(indefinite)[0]
    loose = lifted_certificate(indefinite, few, np.zeros((1, 7, 7)), np.zeros(3))
    assert loose >= cases[1][3] - 2 * least - 1e-12 > cases[1][3]
    assert math.isinf(lifted_certificate(np.full((4, 4), np.nan), few, np.zeros((1, 7, 7)), np.zeros(3)))
    assert math.isinf(lifted_certificate(M, signs, np.full((1, 11, 11), 1e308), np.zeros(5)))


def test_a_certificate_is_a_true_bound_of_an_eigenvalue_known_exactly():
    """Full support, no multiplier: the bound is the largest eigenvalue, here a double that is met to a few of its
    neighbours from above; a sloppy 1e-9 less in the evaluation would show."""
    for top in (0.1, 1 / 3, 5.0, 1e-8, 1e8):
        M = top * np.diag([1.0, 0.5, 1.0])
        bound = lifted_certificate(M, np.ones(3), np.zeros((1, 1, 1)), np.zeros(0))
        assert top <= bound <= top * (1 + 1e-13)


def test_the_certificate_against_exact_rational_arithmetic():
    """With multipliers of doubles the block is a rational matrix: bound I - K is positive definite by exact pivots."""
    from fractions import Fraction

    rng = np.random.default_rng(3)
    M, signs = gradient_step(2, 4, 3, 1)
    Y, delta = rng.uniform(0, 0.1, size=(7, 7)), rng.normal(size=3) / 10
    Y = (Y + Y.T) / 2
    bound = lifted_certificate(M, signs, Y[None], delta)
    lift = np.zeros((4, 7))
    on = int(np.flatnonzero(signs)[0])
    off = [j for j in range(4) if j != on]
    lift[on, 0] = 1.0
    for i, j in enumerate(off):
        lift[j, 1 + i], lift[j, 4 + i] = 1.0, -1.0
    G = np.eye(7, 7, 1)
    G[-1] = -np.concatenate([signs[on : on + 1], np.ones(6)])
    exact = np.vectorize(Fraction)
    form = exact((M + M.T) / 2)
    K = exact(lift.T) @ form @ exact(lift) + exact(G.T) @ exact(Y) @ exact(G)
    for i in range(3):
        K[1 + i, 4 + i] += Fraction(delta[i])
        K[4 + i, 1 + i] += Fraction(delta[i])
    pivots = exact(np.eye(7)) * Fraction(bound) - K
    for i in range(7):
        assert pivots[i, i] > 0
        for j in range(i + 1, 7):
            pivots[j] = pivots[j] - pivots[i] * (pivots[j, i] / pivots[i, i])
    assert bound <= np.linalg.eigvalsh(K.astype(float))[-1] + 1e-12


def test_unclipped_multipliers_would_fall_below():
    """The clipping is what makes it a bound: with Y = -10 I the eigenvalue itself is far below rho."""
    M, signs = pentagon()
    lift = np.hstack([np.eye(6), -np.eye(6)[:, 1:]])
    G = np.vstack([np.eye(11)[1:], -np.ones(11)])
    Y = -10.0 * np.eye(11)
    assert np.linalg.eigvalsh(lift.T @ M @ lift + G.T @ Y @ G)[-1] < 0
    assert lifted_certificate(M, signs, Y[None], np.zeros(5)) >= 1 / math.sqrt(5)


def test_ascent_never_falls_below_its_seeds():
    M, signs = zip(*[gradient_step(seed, 12, 9, 2, scale=2.0) for seed in range(6)], strict=True)
    M, cone = np.stack(M), L1DescentCone(np.stack(signs))
    seeds = starts(3, 6, 12, S=3)
    seeds[:, 0] = 0.0
    seeded, best = seeded_lower(M, cone, seeds)
    from_best = seeded_lower(M, cone, best[:, None, :])[0]
    assert np.abs(from_best - seeded).max() <= 2 * rounding(M).max()
    values = [seeded]
    for steps in (0, 1, 5, 50):
        value, v = ascent_lower(M, cone, seeds, steps)
        assert (value >= values[-1] - 2 * rounding(M)).all()
        values.append(value)
        assert (np.linalg.norm(v, axis=1) <= 1 + 1e-12).all()
        assert (cone.margin(v) >= -1e-12).all()
        attained = np.linalg.norm(cone.project((M @ v[:, :, None])[:, :, 0]), axis=1)
        assert np.abs(attained - value).max() <= 2 * rounding(M).max()
    assert (values[-1] > seeded).any()
    assert (values[-1] <= norm_upper(M)).all()
    zeros, v = ascent_lower(M, cone, np.zeros((6, 2, 12)), 3)
    assert (zeros == 0).all()
    assert (v == 0).all()


def test_a_seed_outside_the_cone_claims_nothing():
    """The top eigenvector of M is outside C; taken as it is, it would put the lower bound above rho."""
    M = np.diag([1.0, 0.1])
    signs = np.asarray([[1.0, 0.0]])
    rho = float(enumerated_upper(M[None], signs)[0])
    outside = np.asarray([[[1.0, 0.0]]])
    assert seeded_lower(M[None], L1DescentCone(signs), outside)[0][0] <= rho
    polar = np.asarray([[[1e-17, 1e-18]]])
    assert seeded_lower(M[None], L1DescentCone(signs), polar)[0][0] <= 1e-12


def test_a_seed_in_the_polar_cone_is_not_scaled_up():
    """Its projection is rounding noise, which may point anywhere: scaled to length 1 it would leave the cone."""
    rng = np.random.default_rng(12)
    signs = np.asarray([[1.0, -1.0, 1.0, 0.0, 0.0, 0.0]])
    polar = rng.uniform(0.1, 1.0, size=(200, 1, 1)) * np.where(signs == 0, rng.uniform(-1, 1, size=(200, 1, 6)), signs)
    cone = L1DescentCone(signs)
    value, v = seeded_lower(np.eye(6)[None], cone, polar)
    assert (cone.margin(v) >= -1e-13).all()
    assert (value <= 1e-13).all()


def test_one_matrix_shared_by_the_batch():
    M, signs = gradient_step(5, 8, 6, 2)
    rows = np.stack([signs, -signs, np.roll(signs, 1)])
    cone, seeds = L1DescentCone(rows), starts(2, 3, 8, S=5)
    shared, own = M[None], np.repeat(M[None], 3, axis=0)
    assert np.abs(seeded_lower(shared, cone, seeds)[0] - seeded_lower(own, cone, seeds)[0]).max() <= 1e-13
    assert np.abs(ascent_lower(shared, cone, seeds, 20)[0] - ascent_lower(own, cone, seeds, 20)[0]).max() <= 1e-12
    small, row = gradient_step(6, 4, 3, 2)
    rows = np.stack([row, -row])
    assert (enumerated_upper(small[None], rows) == enumerated_upper(np.stack([small, small]), rows)).all()


def test_an_unsymmetric_form_is_ascended_with_its_transpose():
    """u^T M v with M = e1 e2^T on a subspace that holds both: rho = 1, and forgetting the transpose gives 0."""
    M = np.zeros((1, 3, 3))
    M[0, 0, 1] = 1.0
    cone = Subspace(np.eye(3)[None, :, :2])
    value, v = ascent_lower(M, cone, np.asarray([[[1.0, 0.1, 0.0]]]), 20)
    assert value[0] == pytest.approx(1.0, abs=1e-12)
    assert abs(v[0, 1]) == pytest.approx(1.0)


@pytest.mark.parametrize("shared", [False, True])
def test_on_a_subspace_rho_is_a_norm(shared):
    rng = np.random.default_rng(8)
    M = np.stack([gradient_step(seed, 10, 7, 1, scale=3.0)[0] for seed in range(5)])
    Q = np.linalg.qr(rng.normal(size=(1 if shared else 5, 10, 3)))[0]
    rho = np.linalg.norm(np.swapaxes(Q, 1, 2) @ M @ Q, 2, axis=(1, 2))
    lower, _ = ascent_lower(M, Subspace(Q), starts(4, 5, 10, S=10), 500)
    assert (lower <= rho * (1 + 1e-14)).all()
    assert np.abs(lower - rho).max() <= 1e-9


def test_edges():
    M, _ = gradient_step(9, 3, 2, 1)
    none, full = np.zeros(3), np.ones(3)
    assert ends(M, none) == (0.0, 0.0)
    lower, upper = ends(M, full)
    assert lower <= upper <= lower + 1e-5
    assert ends(np.zeros((3, 3)), full) == (0.0, 0.0)
    one = np.asarray([[2.0]])
    assert ends(one, np.ones(1)) == pytest.approx((2.0, 2.0))
    broken = np.stack([M, np.full((3, 3), np.nan)])
    signs = np.asarray([[1.0, 0.0, 0.0]])
    for upper in (norm_upper(broken), enumerated_upper(broken, signs)):
        assert np.isfinite(upper[0])
        assert math.isinf(upper[1])
    assert math.isinf(lifted_upper(broken[1], signs[0]))
    assert ends(broken[1], signs[0]) == (0.0, math.inf)


def test_a_skew_part_is_paid_for():
    """I + K with K the quarter turn: its form v^T M v is 1, but u^T M v reaches sqrt(2), on a half-plane too."""
    M = np.asarray([[1.0, 1.0], [-1.0, 1.0]])
    signs = np.ones(2)
    lower = float(ascent_lower(M[None], L1DescentCone(signs[None]), starts(5, 1, 2), 50)[0][0])
    assert lower == pytest.approx(math.sqrt(2))
    for upper in (norm_upper(M[None])[0], enumerated_upper(M[None], signs[None])[0], lifted_upper(M, signs)):
        assert upper >= math.sqrt(2)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_strict_backend_agrees(dtype):
    strict, host = backend("strict", dtype), backend("numpy", dtype)
    M, signs = zip(*[gradient_step(seed, 5, 4, 1 + seed % 3) for seed in range(4)], strict=True)
    M, signs, seeds = np.stack(M), np.stack(signs), starts(6, 4, 5, S=4)
    calls = [
        lambda b: seeded_lower(b.asarray(M), L1DescentCone(b.asarray(signs)), b.asarray(seeds))[0],
        lambda b: seeded_lower(b.asarray(M[:1]), L1DescentCone(b.asarray(signs[:1])), b.asarray(seeds))[0],
        lambda b: ascent_lower(b.asarray(M), L1DescentCone(b.asarray(signs)), b.asarray(seeds), 5)[0],
        lambda b: ascent_lower(b.asarray(M), L1DescentCone(b.asarray(signs)), b.asarray(seeds), 5)[1],
        lambda b: norm_upper(b.asarray(M)),
        lambda b: enumerated_upper(b.asarray(M), b.asarray(signs)),
    ]
    for call in calls:
        got, expected = call(strict), call(host)
        assert got.device == strict.device
        assert got.dtype == strict.float
        assert np.abs(to_numpy(got) - expected).max() <= 1e4 * np.finfo(dtype).eps
