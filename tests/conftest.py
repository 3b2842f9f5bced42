"""Profiles of hypothesis, chosen by HYPOTHESIS_PROFILE, and the array libraries that every machine has."""

import os

import pytest
from hypothesis import settings

from verify.core.arrays import Backend

# Two test processes whose BLAS has a thread for each core wait for one another. NumPy, which reads this, comes later.
for library in ("OPENBLAS", "MKL", "OMP"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

settings.register_profile("dev", derandomize=True, deadline=None, database=None, max_examples=60)
settings.register_profile("ci", derandomize=True, deadline=None, database=None, max_examples=500, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture(params=["numpy", "strict"])
def backend(request):
    """NumPy, and the strict array library on its fake device."""
    return Backend(request.param)
