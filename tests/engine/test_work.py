"""One batch on a worker: within its memory, in pieces, past what LAPACK refuses; what NaN and float32 may not do."""

import dataclasses
import subprocess
import sys
import tracemalloc
import types
from pathlib import Path

import numpy as np
import pytest

from verify import Claim, Formula, Mean
from verify.core.arrays import Backend
from verify.engine import campaign, trial, work
from verify.engine.campaign import Settings
from verify.engine.ledger import Ledger
from verify.engine.trial import TrialError
from verify.engine.work import Subject, Task

from . import toys

ROOT = Path(__file__).resolve().parents[2]
P = toys.Params()
COUNTS = (
    "drawn",
    "holds",
    "violated",
    "undecided",
    "suspects",
    "nonfinite",
    "set_aside",
    "worst",
    "plainest",
    "sketch",
)


def run(theorem, folder, **settings):
    with Ledger(folder / "ledger.sqlite") as ledger:
        return campaign.run(theorem, P, Settings(**{"backend": "numpy", **settings}), ledger, folder)


def task(theorem, stop=64, **more):
    subject = Subject(theorem, work.code_digest(theorem), "{}", 0, "numpy", "float64")
    return Task(subject, "plain", 0, stop, **more)


def batch(theorem, stop=64, **more):
    return work.Evidence.from_json(work.solve(task(theorem, stop, **more)))


def same(found, told):
    """Every bit is the same, of the sums too; wall times are not."""
    assert found.tallies == told.tallies
    assert found.figures == told.figures


@pytest.fixture(autouse=True)
def nothing_remembered():
    work._fits.clear()
    work._bytes.clear()


# ----------------------------------------------------------------------------------------------------------- memory


@pytest.mark.parametrize("piece", [1, 7, 63, 64, 1000])
def test_pieces_are_the_same_evidence(piece):
    same(batch(toys.PLAIN, piece=piece), batch(toys.PLAIN))


def test_what_does_not_fit_is_halved_until_it_does(tmp_path):
    """More than ten instances do not fit: 64 are solved as eight times eight, and the ledger has its rows of 64."""
    plain = dataclasses.replace(toys.GREEDY, solve=toys.solve)
    same(batch(toys.GREEDY), batch(plain))
    assert work._fits == {("greedy", "{}", "plain"): 8}
    result, told = run(toys.GREEDY, tmp_path / "greedy"), run(plain, tmp_path / "plain")
    same(result.evidence, told.evidence)
    assert result.evidence.failed == []
    for folder in ("greedy", "plain"):
        with Ledger(tmp_path / folder / "ledger.sqlite") as ledger:
            ((key, _),) = ledger.results()
            assert sorted(ledger.done(key)) == sorted(campaign.plan(toys.GREEDY, Settings()))


def test_one_instance_that_does_not_fit_is_said():
    def never(p, x):
        raise np._core._exceptions._ArrayMemoryError((2**60,), np.dtype(float))

    with pytest.raises(TrialError, match=r"Unable to allocate .*; the memory is too small for one instance"):
        work.solve(task(dataclasses.replace(toys.PLAIN, solve=never)))


def test_cupy_s_own_error_is_one_of_memory():
    class OutOfMemoryError(MemoryError):
        pass

    assert work.out_of_memory(OutOfMemoryError())
    assert work.out_of_memory(type("OutOfMemoryError", (Exception,), {})())
    assert not work.out_of_memory(ValueError())


def test_the_bytes_of_an_instance_are_measured():
    fixed, each = work._measured(toys.HEAVY, P, Backend("numpy"), "plain", 0)
    assert each == pytest.approx(4 * 2**20, rel=0.01)
    assert fixed < 2**20


def test_the_traced_peak_of_a_batch_is_within_its_share():
    """The bytes that arrays take, as Python counts them, on top of what the process had."""
    share = work.resident() + 100 * 2**20
    work.solve(task(toys.HEAVY, stop=8, memory=share))  # measures
    tracemalloc.start()
    try:
        work.solve(task(toys.HEAVY, memory=share))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 30 * 2**20 < peak < 100 * 2**20


def test_what_a_batch_needs_once_does_not_hide_what_its_instances_need():
    sizes = []

    def solve(p, x):
        sizes.append(len(x["u"]))
        once = np.ones(2**20)  # 8 MiB
        del once
        each = np.ones((len(x["u"]), 2**13))  # 64 KiB
        return {**toys.solve(p, x), "unused": each[:, 0]}

    theorem = dataclasses.replace(toys.PLAIN, solve=solve)
    share = work.resident() + 64 * 2**20
    found = batch(theorem, 2000, memory=share)
    assert max(sizes) <= work.SAFETY * 64 * 16 < 2000
    assert found.total("true").drawn == 2000


def test_a_memory_smaller_than_the_program_is_said(tmp_path):
    with pytest.raises(TrialError, match=r"memory: heavy, family 'plain', needs about [0-9,]+M in this process"):
        run(toys.HEAVY, tmp_path, memory=2**20)


MEMORY = """
import sys
from pathlib import Path
from tests.engine import toys
from tests.engine.test_work import run
def most():  # kilobytes; what resource says counts the process that began this one, too
    return next(int(line.split()[1]) for line in Path("/proc/self/status").open() if line.startswith("VmHWM"))
own = most()
result = run(toys.HEAVY, Path(sys.argv[1]), **({"memory": int(sys.argv[2])} if len(sys.argv) > 2 else {}))
print(own, most(), result.evidence.total("true").holds)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_peak_of_a_process_is_within_the_memory_of_the_run(tmp_path):
    def peak(*memory):
        command = [sys.executable, "-c", MEMORY, str(tmp_path / "-".join(("run", *memory))), *memory]
        return [int(n) for n in subprocess.check_output(command, cwd=ROOT, text=True).split()]

    own, without, told = peak()
    assert without > own + 200 * 2**10  # a batch of 150 touches 300 megabytes
    for megabytes in (190, 250):
        _, most, holds = peak(str(megabytes * 2**20))
        assert most < megabytes * 2**10
        assert holds == told == 300


class Pool:
    """What is asked of CuPy's memory pool: blocks that are kept until they are freed."""

    def __init__(self):
        self.kept, self.freed, self.unused = 0, 0, 0

    def total_bytes(self):
        return self.kept

    def free_bytes(self):
        return self.unused

    def free_all_blocks(self):
        self.kept, self.freed = 0, self.freed + 1


def test_a_device_is_measured_by_its_pool_and_filled_up_to_what_is_free(monkeypatch):
    """CuPy is not here: this says what is asked of it."""
    pool = Pool()
    runtime = types.SimpleNamespace(memGetInfo=lambda: (100 * 2**20, 200 * 2**20))
    cupy = types.SimpleNamespace(get_default_memory_pool=lambda: pool, cuda=types.SimpleNamespace(runtime=runtime))
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    device = Backend("cupy")
    monkeypatch.setattr(trial, "run_batch", lambda t, p, f, start, stop, *_: setattr(pool, "kept", 2**20 * stop))
    fixed, each = work._measured(toys.PLAIN, P, device, "plain", 0)
    assert (fixed, each) == (0, 2**20)
    assert work._fitting(toys.PLAIN, device, "plain", 2**40, fixed, each) == int(work.SAFETY * 100)
    assert work._fitting(toys.PLAIN, device, "plain", 50 * 2**20, fixed, each) == int(work.SAFETY * 50)
    assert work._fitting(toys.PLAIN, device, "plain", None, fixed, each) == int(work.SAFETY * 100)
    with pytest.raises(work.TrialError, match=r"needs about 1,463M .* its share is 100M"):
        work._fitting(toys.PLAIN, device, "plain", None, fixed, 2.0**30)
    pool.unused = 30 * 2**20  # kept by the pool for the next batch
    assert work._fitting(toys.PLAIN, device, "plain", None, fixed, each) == int(work.SAFETY * 130)
    freed = pool.freed
    work._release(device)
    assert pool.freed == freed + 1


# ---------------------------------------------------------------------------------------- LAPACK, NaN, single precision


def numbers(theorem, below, stop=64):
    """The numbers of the instances of ``plain`` that are below, as the sampler draws them."""
    x = theorem.sample(trial.draw_for(theorem, P, "plain", 0, stop, 0, Backend("numpy")), P, "plain")
    return np.flatnonzero(x["u"] < below).tolist()


def test_a_matrix_that_lapack_refuses_costs_its_instance_and_no_other(tmp_path):
    singular = numbers(toys.FACTORED, 1 / 64, 200)
    assert len(singular) == 3
    whole = dataclasses.replace(toys.FACTORED, solve=toys.solve)
    result, told = run(toys.FACTORED, tmp_path / "singular"), run(whole, tmp_path / "whole")
    assert result.evidence.failed == [["plain", n, n + 1, "Singular matrix"] for n in singular]
    for claim in ("true", "false", "given"):
        found, other = result.evidence.total(claim), told.evidence.total(claim)
        assert found.undecided == 3
        assert found.drawn == other.drawn == 300
        assert found.violated == other.violated
        assert found.holds == other.holds - (3 if claim != "given" else 0)  # there they are set aside
        assert found.ratio_max == other.ratio_max
    assert [c.verdict.verdict for c in result.claims] == [c.verdict.verdict for c in told.claims]


def test_nan_is_undecided_and_counted_and_poisons_no_other(tmp_path):
    undefined = numbers(toys.UNDEFINED, 1 / 64, 200)
    assert len(undefined) == 2
    mean = Claim("mean", Mean(), "value", Formula("scale"))
    result = run(dataclasses.replace(toys.UNDEFINED, claims=(*toys.UNDEFINED.claims, mean)), tmp_path)
    for claim in ("true", "false", "mean"):
        tally = result.evidence.total(claim)
        assert (tally.undecided, tally.nonfinite) == (2, 2)
        assert tally.holds + tally.violated == 298
    assert np.isfinite(tally.measured.total)
    assert tally.measured.n == 298
    assert result.claims[0].verdict.undecided == 2


def test_a_run_of_nan_alone_passes_nothing(tmp_path):
    def nothing(p, x):
        return {**toys.solve(p, x), "value": np.nan * x["u"]}

    result = run(dataclasses.replace(toys.PLAIN, solve=nothing), tmp_path)
    assert [c.verdict.verdict for c in result.claims] == ["undecided", "undecided", "no violation"]
    assert result.claims[0].verdict.decided == 0
    assert not result.as_expected


@pytest.mark.parametrize("name", ["inv", "cholesky", "svd", "eigvalsh"])
def test_a_factorisation_of_nan_decides_nothing_of_it(name, tmp_path):
    """Some factorisations refuse a batch with NaN in it, others give NaN; neither is a pass."""

    def solve(p, x):
        u = x["u"]
        A = np.where(u < 1 / 64, np.nan, 1 + u)[:, None, None] * np.eye(2)
        found = getattr(np.linalg, name)(A)
        found = found.S if name == "svd" else found
        return {**toys.solve(p, x), "value": p.scale * (u + 0 * found.reshape(len(u), -1)[:, 0])}

    theorem = dataclasses.replace(toys.UNDEFINED, solve=solve)
    result = run(theorem, tmp_path)
    assert result.claims[0].verdict.undecided == 2
    assert result.claims[0].verdict.decided == 298
    assert result.claims[0].verdict.verdict == "no violation"


def test_a_violation_in_single_precision_counts_when_double_precision_confirms_it(tmp_path):
    """ROUGH is a tenth too large in float32 alone: what it violates there is rechecked in float64, and is not violated.
    A claim that is false is violated in both."""
    rough = run(toys.ROUGH, tmp_path / "rough", dtype="float32")
    true, false, _ = rough.claims
    seen = rough.evidence.total("true").violated
    assert seen > 50
    assert true.verdict.verdict == "undecided"
    assert true.verdict.violated == 0
    assert f"{seen} violations seen in batches, none confirmed when rechecked alone" in true.verdict.summary
    assert true.witness is None
    assert false.verdict.verdict == "violated"
    with np.load(tmp_path / "rough" / "rough" / false.witness["file"]) as data:
        assert data["x_u"].dtype == np.float64
    assert run(toys.ROUGH, tmp_path / "fine", dtype="float64").claims[0].verdict.verdict == "no violation"


def test_an_error_that_is_no_property_of_an_instance_ends_the_run():
    def broken(p, x):
        raise np.linalg.LinAlgError("Last 2 dimensions of the array must be square")

    with pytest.raises(TrialError, match=r"LinAlgError in plain, family 'plain', instances 0\.\.63"):
        work.solve(task(dataclasses.replace(toys.PLAIN, solve=broken)))
