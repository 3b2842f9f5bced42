"""Conic intrinsic volumes: closed forms, Gauss-Bonnet, ball arithmetic, the Gaussian law of projections."""

from __future__ import annotations

import math

import numpy as np
import pytest

from verify.core.arrays import backend
from verify.kit.cones import L1DescentCone
from verify.kit.conic_volumes import l1_law
from verify.kit.widths import l1_dimension, monte_carlo


def test_a_quarter_of_the_plane():
    law = l1_law(2, 1)
    assert law.volumes == pytest.approx([0.25, 0.5, 0.25], rel=1e-13)
    assert law.fails == pytest.approx([1, 0.5], rel=1e-13)
    assert law.works[1] == pytest.approx(0.5, rel=1e-13)
    assert (law.dimension, law.variance) == pytest.approx((1, 0.5), rel=1e-13)


def test_a_wedge():
    """k = d - 1: two half-spaces whose normals (1, ..., 1, +-1) have the cosine (k - 1)/(k + 1)."""
    for d in (3, 7, 30):
        angle = math.acos((d - 2) / d)
        wedge = (math.pi - angle) / (2 * math.pi)
        assert l1_law(d, d - 1).volumes[-3:] == pytest.approx([0.5 - wedge, 0.5, wedge], rel=1e-12)


@pytest.mark.parametrize(("d", "k"), [(9, 1), (30, 7), (60, 1), (80, 15), (1e16, 1), (1e300, 1)])
def test_gauss_bonnet_and_both_ways_of_summing(d, k):
    law = l1_law(d, k)
    assert law.volumes[::2].sum() == pytest.approx(0.5, abs=1e-10)
    assert law.volumes[1::2].sum() == pytest.approx(0.5, abs=1e-10)
    assert law.fails + law.works == pytest.approx(np.ones(len(law.fails)), abs=1e-9)
    assert np.diff(law.fails).max() <= 1e-10
    known = l1_dimension(int(d), k) if d < 1e6 else None
    assert known is None or known.upper - known.loss <= law.dimension <= known.upper


@pytest.mark.parametrize(("d", "k"), [(12, 1), (14, 4)])
def test_ball_arithmetic_finds_the_same(d, k):
    """The integrals on the real axis, where they cancel, in 200 bits."""
    from flint import acb, arb, ctx

    before, ctx.prec = ctx.prec, 200
    try:
        for j in range(k - 1, d):
            n = j - k + 1
            scale = acb(2 * (j + 1)).sqrt()
            internal = acb.integral(
                lambda t, _, n=n, s=scale: ((1 + acb(0, 1) * (t / s).erfi()) / 2) ** n * (-t * t / 2).exp(),
                acb(0),
                acb(10 * math.sqrt((j + 1) / k)),
            ).real
            external = acb.integral(
                lambda x, _, j=j: (-(j + 1) * x * x).exp() * x.erf() ** (d - 1 - j), acb(0), acb(10)
            ).real
            count = arb(2) ** n * math.comb(d - k, n)
            value = count * internal * 2 / (2 * arb.pi()).sqrt() * external * (arb(j + 1) / arb.pi()).sqrt()
            assert l1_law(d, k).volumes[j] == pytest.approx(float(value.mid()), rel=1e-11)
    finally:
        ctx.prec = before


def test_the_mean_is_that_of_squared_projections():
    signs = np.asarray([[1.0] * 3 + [0.0] * 17])
    width = monte_carlo(L1DescentCone(signs), 20, 4000, backend("numpy"))
    assert abs(width.dimension - l1_law(20, 3).dimension) <= 5 * width.dimension_error


def test_with_one_entry_the_variance_tends_to_the_most_that_there_can_be():
    ratios = [l1_law(d, 1).variance / (2 * l1_law(d, 1).dimension) for d in (1e2, 1e16, 1e300)]
    assert ratios == pytest.approx([0.572, 0.928, 0.996], abs=1e-3)


@pytest.mark.parametrize(("d", "k"), [(3, 3), (3, 0), (2.5, 1)])
def test_no_law(d, k):
    with pytest.raises(ValueError, match="whole numbers"):
        l1_law(d, k)
