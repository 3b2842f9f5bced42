"""What needs CuPy and a device: `make test-gpu`. Everything else runs on the strict library's fake device instead."""

import numpy as np
import pytest

from verify import checks
from verify.core.arrays import backend, cupy_missing, to_numpy
from verify.core.streams import Draw, tag
from verify.engine import campaign, catalogue
from verify.engine.ledger import Ledger
from verify.kit import basis_pursuit as bp
from verify.kit.dictionaries import identity_hadamard

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(cupy_missing() is not None, reason=str(cupy_missing()))]


@pytest.mark.parametrize("name", catalogue.names())
def test_the_device_decides_as_numpy_does(name, tmp_path):
    record = checks.apply("gpu backend", catalogue.load(name), tmp_path)
    assert record.status == "passed", record


@pytest.mark.parametrize("name", catalogue.names())
def test_a_run_on_the_device_is_as_expected(name, tmp_path):
    theorem = catalogue.load(name)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        result = campaign.run(theorem, theorem.parameters(), campaign.Settings(backend="cupy"), ledger, tmp_path)
    assert result.as_expected, [(c.name, c.verdict.summary) for c in result.claims if not c.as_expected]


def test_words_and_uniforms_are_the_same_bits():
    host, device = (Draw(backend(name), 5, tag("gpu"), 0, 7) for name in ("numpy", "cupy"))
    assert np.array_equal(host.words(300), to_numpy(device.words(300)))
    assert np.array_equal(host.uniform(33), to_numpy(device.uniform(33)))
    assert np.allclose(host.normal(50), to_numpy(device.normal(50)), rtol=1e-14, atol=1e-14)


def test_products_in_single_precision_are_not_rounded_to_eleven_bits():
    """With TF32 these are off by about 5e-3, in float32 by 1e-5."""
    device = backend("cupy", "float32")
    A = np.random.default_rng(0).standard_normal((256, 256)).astype(np.float32)
    product = to_numpy(device.xp.matmul(device.asarray(A), device.asarray(A)))
    exact = A.astype(float) @ A.astype(float)
    assert np.abs(product - exact).max() < 1e-3


def test_basis_pursuit_on_the_device_carries_its_certificate():
    D = identity_hadamard(64).D[None]
    draw = Draw(backend("numpy"), 1, tag("gpu"), 0, 32)
    y, radius = draw.normal(64), draw.uniform(low=0.1, high=0.5)
    cupy = backend("cupy")
    ours = bp.basis_pursuit(D, y, radius)
    theirs = bp.basis_pursuit(*(cupy.asarray(a) for a in (D, y, radius)))
    assert bool(to_numpy(theirs.converged).all())
    assert np.allclose(to_numpy(theirs.x), ours.x, atol=1e-7)
