"""Exact arithmetic of tiny instances, against floating point and against bounds found elsewhere."""

from fractions import Fraction

import numpy as np
import pytest
from flint import arb, ctx, fmpq

from verify.core.formula import as_ball
from verify.kit import exact, rho
from verify.kit.projections import l1_ball_reference


def fractions(a, denominator=1):
    return [fractions(v, denominator) if np.ndim(v) else Fraction(int(v), denominator) for v in a]


@pytest.fixture(autouse=True)
def precision():
    with ctx.workprec(128):
        yield


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_products_and_norms(rng):
    for _ in range(20):
        M, N, v = rng.integers(-5, 6, (2, 3)), rng.integers(-5, 6, (3, 4)), rng.integers(-5, 6, 3)
        assert exact.product(fractions(M), fractions(N)) == fractions(M @ N)
        assert exact.apply(fractions(M), fractions(v)) == fractions(M @ v)
        assert exact.transpose(fractions(M)) == fractions(M.T)
        assert exact.plus(fractions(v), fractions(v), Fraction(1, 2)) == fractions(3 * v, 2)
        assert exact.norm1(fractions(v)) == np.abs(v).sum()
        assert exact.norm2(fractions(v)).contains(arb(int(v @ v)).sqrt().mid())
    assert exact.identity(2) == [[1, 0], [0, 1]]
    assert as_ball(Fraction(1, 3)).overlaps(arb(fmpq(1, 3)))
    assert as_ball(7) == 7


def test_projection_onto_the_l1_ball(rng):
    for _ in range(300):
        y, radius = rng.integers(-9, 10, rng.integers(1, 6)), int(rng.integers(0, 9))
        found = exact.l1_ball(fractions(y, 4), Fraction(radius, 3))
        np.testing.assert_allclose([float(v) for v in found], l1_ball_reference(y / 4, radius / 3), atol=1e-9)
        assert exact.norm1(found) == min(exact.norm1(fractions(y, 4)), Fraction(radius, 3))


def test_spectral_norms(rng):
    for shape in ((1, 1), (1, 3), (3, 1), (2, 2), (3, 2), (3, 3), (4, 5)):
        for _ in range(10):
            M = rng.integers(-9, 10, shape)
            found, norm = exact.spectral(fractions(M)), np.linalg.norm(M, 2)
            assert float(found.lower()) <= norm * (1 + 1e-12)
            assert float(found.upper()) >= norm * (1 - 1e-12)
            assert found.upper() <= found.lower() * 1.013
    assert exact.spectral(fractions([[0, 0], [0, 0]])) == 0


def test_principal_minors_tell_semidefinite_matrices(rng):
    seen = set()
    for _ in range(200):
        G = rng.integers(-2, 3, (3, 3))
        M = G @ G.T - int(rng.integers(0, 3)) * np.eye(3, dtype=int)
        semidefinite = np.linalg.eigvalsh(M)[0] >= -1e-9
        assert (exact.smallest_minor(fractions(M)) >= 0) == semidefinite
        seen.add(bool(semidefinite))
    assert seen == {True, False}


@pytest.mark.parametrize("d", [1, 2, 3])
def test_the_cones_make_up_the_descent_cone(d, rng):
    for _ in range(20):
        z = rng.integers(-1, 2, d)
        cones = exact.descent_cones(fractions(z))
        assert bool(cones) == bool(z.any())

        def inside(h, z=z):
            return z @ h + np.abs(h[z == 0]).sum() <= 1e-12

        for rays in cones:
            assert np.linalg.matrix_rank(np.asarray(rays)) == len(rays)
            assert all(inside(np.asarray(ray)) for ray in rays)
        for h in rng.integers(-4, 5, (100, d)):
            coordinates = (np.linalg.lstsq(np.asarray(rays, dtype=float).T, h, rcond=None) for rays in cones)
            covered = any(
                (a >= -1e-9).all() and np.allclose(np.asarray(rays).T @ a, h)
                for rays, (a, *_) in zip(cones, coordinates, strict=True)
            )
            assert covered == (inside(h) if z.any() else False) or not h.any()
    with pytest.raises(ValueError, match="at most 3"):
        exact.descent_cones(fractions([1, 0, 0, 0]))


@pytest.mark.parametrize(("d", "wide"), [(1, 1.001), (2, 1.01), (3, 1.05)])
def test_the_rate_on_the_cone_lies_in_its_ball(d, wide, rng):
    """Against the sandwich of verify.kit.rho; tight where the form is semidefinite or d is small."""
    for k in range(1, d + 1):
        for number in range(4):
            G = rng.integers(-5, 6, (d, d))
            M = G @ G.T if number % 2 else G + G.T
            z = np.zeros(d)
            z[:k] = rng.choice([-1, 1], k)
            cones = exact.descent_cones(fractions(z))
            found, ends = exact.largest_form(fractions(M), cones, cones), rho.sandwich(M.astype(float), z)
            assert float(found.lower()) <= ends.upper + 1e-9
            assert float(found.upper()) >= ends.lower - 1e-9
            assert number % 2 == 0 or float(found.upper()) <= wide * ends.upper + 1e-9


def test_a_linear_form_on_the_cone_is_the_length_of_the_projection(rng):
    from verify.kit.cones import L1DescentCone

    for _ in range(10):
        z, y = rng.integers(-1, 2, 2), rng.integers(-5, 6, 2)
        found = exact.largest_form([[v] for v in fractions(y)], exact.descent_cones(fractions(z)), [[(1,)]])
        length = np.linalg.norm(L1DescentCone(np.sign(z)[None].astype(float)).project(y[None].astype(float)))
        assert float(found.lower()) - 1e-9 <= length <= float(found.upper()) + 1e-9
        assert float(found.upper()) <= 1.002 * length + 1e-9
