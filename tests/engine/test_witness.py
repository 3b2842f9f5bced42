"""Witnesses: confirmed alone, saved as plain arrays, replayed, and never trusted."""

import dataclasses
import functools
import io
import json
import math
import pickle
import random
import subprocess
import sys
import textwrap
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from verify import Claim, Count, Every, Formula, Identity, Probability
from verify.engine import campaign, catalogue, shrink, witness
from verify.engine.campaign import Settings
from verify.engine.ledger import Ledger
from verify.engine.witness import NotCertified, WitnessError, certify, recheck, replay

from . import toys

HOST = Settings(backend="numpy")


def run(theorem, folder, settings=HOST, **parameters):
    with Ledger(folder / "ledger.sqlite") as ledger:
        return campaign.run(theorem, theorem.parameters(**parameters), settings, ledger, folder)


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """A run of a theorem of the catalogue, and the folder with its witnesses."""
    folder = tmp_path_factory.mktemp("real")
    theorem = catalogue.load("pgd_nonconvex")
    with pytest.MonkeyPatch.context() as patch:
        # However slow the machine is: shrinking again must give the same.
        patch.setattr(shrink, "shrink", functools.partial(shrink.shrink, seconds=60))
        return run(theorem, folder, dataclasses.replace(HOST, instances=300), d=6, m=40, steps=6), folder


@pytest.fixture
def saved(real, tmp_path):
    """A copy of one of its witness files, to be damaged."""
    result, folder = real
    (record,) = (c.witness for c in result.claims if c.name == "factor 3/2")
    copy = tmp_path / record["file"]
    copy.write_bytes((folder / "pgd_nonconvex" / record["file"]).read_bytes())
    return copy


def rewrite(path, change, **arrays):
    """The file with ``change`` done to what it says, and with other arrays."""
    with np.load(path, allow_pickle=False) as data:
        content = dict(data)
    about = json.loads(str(content.pop("about")))
    about = change(about) or about
    content.update(arrays)
    np.savez(path, about=np.asarray(json.dumps(about)), **{k: v for k, v in content.items() if v is not None})


# ------------------------------------------------------------------------------------------------- saved and replayed


def test_every_refuted_claim_has_a_witness_that_replays(real):
    result, folder = real
    theorem = catalogue.load("pgd_nonconvex")
    refuted = [c for c in result.claims if c.verdict.verdict == "violated"]
    assert {c.name for c in refuted} == {c.name for c in theorem.claims if c.expects == "refuted"}
    assert len(list((folder / "pgd_nonconvex").glob("*.npz"))) == len(refuted)
    for claim in refuted:
        found = replay(folder / "pgd_nonconvex" / claim.witness["file"])
        assert found.confirmed
        text = "\n".join(found.lines)
        assert claim.name in text
        assert f"instance {claim.witness['instance']} of family {claim.witness['family']!r}" in text
        assert f"ratio {claim.witness['ratio']:.9g}" in text
        assert "recheck (independent reference): violated" in found.lines
        assert found.lines[-1] == '    assert witness.recheck(theorem, p, claim, x)["confirmed"]'


def test_a_file_is_plain_arrays_and_says_what_it_is(saved):
    with np.load(saved, allow_pickle=False) as data:
        about = json.loads(str(data["about"]))
        arrays = {name: data[name] for name in data.files if name != "about"}
    assert about["format"] == 1
    assert about["theorem"] == "pgd_nonconvex"
    assert about["claim"] == "factor 3/2"
    assert about["params"]["d"] == 6
    assert arrays.keys() >= {"x_A", "x_Z", "x_E", "x_mu", "x_start"}
    assert all(a.dtype.kind in "fi" and a.shape[0] == 1 for a in arrays.values())


def test_the_record_is_of_one_instance(real):
    result, _ = real
    record = next(c.witness for c in result.claims if c.name == "factor 1")
    assert record["method"] == "independent reference"
    assert record["ratio"] > 1
    assert record["step"] >= 1
    assert record["measured"] > record["bound"]
    json.dumps(record)


def test_a_witness_is_made_again_from_its_number(real):
    """The record's family and instance are enough, and shrinking has no chance in it."""
    from verify.core.arrays import Backend
    from verify.engine.trial import draw_for

    result, folder = real
    theorem = catalogue.load("pgd_nonconvex")
    p = theorem.parameters(d=6, m=40, steps=6)
    kept = 0
    for claim in result.claims:
        if claim.witness:
            family, number = claim.witness["family"], claim.witness["instance"]
            x = theorem.sample(draw_for(theorem, p, family, number, number + 1, 0, Backend("numpy")), p, family)
            if claim.witness["shrunk"]:
                x = shrink.shrink(theorem, p, theorem.claim(claim.name), x, family, seconds=60)
            kept += not claim.witness["shrunk"]
            with np.load(folder / "pgd_nonconvex" / claim.witness["file"]) as data:
                assert json.loads(str(data["about"]))["shrunk"] == claim.witness["shrunk"]
                for name, array in x.items():
                    np.testing.assert_array_equal(data[f"x_{name}"], array)
    assert kept < len([c for c in result.claims if c.witness])


def test_a_recheck_says_the_outcome():
    p = toys.Params()
    for u, claim, outcome in (
        (0.9, toys.FALSE, "violated"),
        (0.3, toys.FALSE, "holds"),
        (0.1, toys.LARGE, "set aside: large"),
        (math.nan, toys.FALSE, "undecided"),
        (0.5, toys.NEVER, "set aside: never"),
    ):
        record = recheck(toys.PLAIN, p, claim, {"u": np.asarray([u])})
        assert record["outcome"] == outcome
        assert record["confirmed"] == (outcome == "violated")
        assert record["method"].startswith("the same solver")
    record = recheck(toys.PLAIN, p, toys.LARGE, {"u": np.asarray([0.9])})
    assert record["step"] == 1
    assert record["arrays"] == {"u": 0.9}
    assert record["quantities"] == {"scale": 1.0}
    assert recheck(toys.PLAIN, p, toys.FALSE, {"u": np.asarray([0.9])})["step"] is None


def test_slugs_are_file_names():
    assert witness.slug("slide: f(Z) <= R / 2k - 1") == "slide-f-z-r-2k-1"
    assert len(witness.slug("x" * 500)) <= 60
    assert "/" not in witness.slug("../../etc/passwd")


# ------------------------------------------------------------------------------------------------------- not trusted


def test_numbers_that_were_tampered_with_are_not_repeated(saved):
    """A replay reports what it computes, not what the file says."""
    rewrite(saved, lambda about: about.update(ratio=1e9, measured=1e9, bound=1.0))
    assert "1e+09" not in "\n".join(replay(saved).lines).replace("1000000000", "1e+09")


def test_arrays_that_were_tampered_with_are_decided_anew(saved):
    with np.load(saved) as data:
        start, Z = data["x_start"], data["x_Z"]
    assert not np.array_equal(start, Z)
    rewrite(saved, lambda about: None, x_start=Z)  # a start at the solution: nothing is violated
    found = replay(saved)
    assert not found.confirmed
    assert "violated" not in found.lines[-1]


def damaged(path, content):
    path.write_bytes(content)
    return path


def test_a_truncated_file(saved):
    content = saved.read_bytes()
    for size in (0, 1, 4, 30, len(content) // 2, len(content) - 1):
        with pytest.raises(WitnessError, match="is not a witness file"):
            replay(damaged(saved, content[:size]))


def test_a_file_with_flipped_bytes_is_refused_or_decided(saved):
    content = bytearray(saved.read_bytes())
    rng = random.Random(5)
    refused = 0
    for _ in range(150):
        bad = bytearray(content)
        for _ in range(rng.choice([1, 1, 4, 40])):
            bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
        try:
            replay(damaged(saved, bytes(bad)))
        except WitnessError:
            refused += 1
    assert refused > 75


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"{}", pickle.dumps({"a": 1})])
def test_what_is_no_archive(tmp_path, content):
    with pytest.raises(WitnessError, match="is not a witness file"):
        replay(damaged(tmp_path / "file.npz", content))


def test_no_file_and_a_folder(tmp_path):
    with pytest.raises(WitnessError, match="no such file"):
        replay(tmp_path / "none.npz")
    with pytest.raises(WitnessError, match="is not a witness file"):
        replay(tmp_path)


def test_other_archives(tmp_path):
    path = tmp_path / "other.npz"
    np.savez(path, a=np.ones(3))
    with pytest.raises(WitnessError, match="is not a witness file"):
        replay(path)
    np.save(tmp_path / "array.npy", np.ones(3))
    with pytest.raises(WitnessError, match="is not a witness file"):
        replay(tmp_path / "array.npy")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("about.npy", "text")
    with pytest.raises(WitnessError, match="is not a witness file"):
        replay(path)
    np.savez(path, about=np.asarray("not json"))
    with pytest.raises(WitnessError, match="is not a witness file"):
        replay(path)


class Trap:
    """Unpickling it leaves a mark."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("member", ["about", "x_Z", "x_start"])
def test_a_pickle_in_the_file_is_never_loaded(saved, tmp_path, member):
    mark = tmp_path / "mark"
    trap = np.empty(1, dtype=object)
    trap[0] = Trap(mark)
    with np.load(saved) as data:
        content = {**dict(data), member: trap}
    np.savez(saved, **content)
    with pytest.raises(WitnessError, match="is not a witness file"):
        replay(saved)
    assert not mark.exists()
    buffer = io.BytesIO()
    pickle.dump(Trap(mark), buffer)
    with pytest.raises(WitnessError):
        replay(damaged(saved, buffer.getvalue()))
    assert not mark.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a.update(format=2), "format 2"),
        (lambda a: a.pop("format"), "format None"),
        (lambda a: [1], r"format \[1\]"),
        (lambda a: a.pop("theorem"), "does not say"),
        (lambda a: a.pop("params"), "does not say"),
        (lambda a: a.pop("instance"), "does not say"),
        (lambda a: a.update(theorem=["pgd"]), "does not say"),
        (lambda a: a.update(claim=None), "does not say"),
        (lambda a: a.update(claim="no such claim"), "has no claim 'no such claim'"),
        (lambda a: a.update(params={"d": -5}), "does not fit"),
        (lambda a: a.update(params={"unknown": 1}), "does not fit"),
        (lambda a: a.update(params=7), "does not fit"),
        (lambda a: a.update(theorem="bp_stability", claim="square forgotten", params={}), "does not fit"),
    ],
)
def test_what_the_file_says_is_checked(saved, change, words):
    def edit(about):
        found = change(about)
        return found if isinstance(found, list) else about

    rewrite(saved, edit)
    with pytest.raises(WitnessError, match=words):
        replay(saved)


def test_missing_and_misshapen_arrays(saved):
    content = saved.read_bytes()
    for arrays in (
        {"x_A": None},
        {"x_Z": np.zeros((1, 3))},
        {"x_mu": np.asarray(["a"])},
        {"x_mu": np.asarray([1j])},
        {"x_Z": np.zeros((0, 6))},
    ):
        damaged(saved, content)
        rewrite(saved, lambda about: None, **arrays)
        with pytest.raises(WitnessError, match="does not fit"):
            replay(saved)


# --------------------------------------------------------------------------------------------------- the user's code

MINE = textwrap.dedent('''
    r"""Mine."""

    from pathlib import Path

    from verify import Claim, Every, Formula, Parameters, Theorem

    Path({mark!r}).touch()


    class Params(Parameters):
        pass


    def sample(draw, p, family):
        return {{"u": draw.uniform()}}


    def hypotheses(p, x):
        return {{}}


    def solve(p, x):
        return {{"u": x["u"]}}


    CLAIM = Claim("small", Every(), "u", Formula("1 / 2"))
    THEOREM = Theorem({name!r}, "Mine", Params, sample, hypotheses, solve, {{"all": ""}}, (CLAIM,), (), instances=40)
''')


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """The user's theorem in the working folder, a witness of it, and the mark that its code leaves."""
    monkeypatch.chdir(tmp_path)
    mark = tmp_path / "mark"
    for name in ("mine", "other"):
        (tmp_path / f"{name}.py").write_text(MINE.format(mark=str(mark), name=name))
    result = run(catalogue.load("mine.py"), tmp_path)
    assert mark.exists()
    mark.unlink()
    return tmp_path / "mine" / result.claims[0].witness["file"], mark


def test_a_witness_does_not_choose_what_code_runs(mine):
    path, mark = mine
    with np.load(path) as data:
        assert json.loads(str(data["about"]))["theorem"] == "mine.py"
    with pytest.raises(WitnessError, match=r"say theorem=mine\.py to run that file"):
        replay(path)
    for name in ("./mine.py", str(Path("mine.py").resolve()), "mine", "theorems/../mine.py"):
        rewrite(path, lambda about, name=name: about.update(theorem=name))
        with pytest.raises(WitnessError, match="of the user's theorem"):
            replay(path)
    assert not mark.exists()


def test_a_witness_of_the_user_s_theorem_replays_when_the_user_names_the_file(mine):
    path, mark = mine
    found = replay(path, "mine.py")
    assert found.confirmed
    assert mark.exists()
    assert "recheck (the same solver, alone in float64 on the CPU): violated" in found.lines


def test_a_witness_of_another_theorem_is_refused(mine, saved):
    path, _ = mine
    with pytest.raises(WitnessError, match=r"is of the theorem mine\.py, not of other"):
        replay(path, "other.py")
    with pytest.raises(WitnessError, match="is of the theorem pgd_nonconvex, not of mine"):
        replay(saved, "mine.py")


def test_what_a_replay_prints_last_is_a_test_that_passes(mine, real, tmp_path):
    path, _ = mine
    result, folder = real
    (record,) = (c.witness for c in result.claims if c.name == "slide: f(Z) <= R")
    found = {
        "mine": replay(path, "mine.py"),
        "real": replay(folder / "pgd_nonconvex" / record["file"]),
    }
    for name, replayed in found.items():
        start = replayed.lines.index("as a test:") + 2
        (tmp_path / f"test_{name}.py").write_text("\n".join(replayed.lines[start:]) + "\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py", "test_real.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


# ----------------------------------------------------------------------------------------------- exact arithmetic


def test_floats_count_as_the_short_rationals_that_round_to_them():
    assert witness.rational(0.3) == Fraction(3, 10)
    assert witness.rational(-1 / 3) == Fraction(-1, 3)
    assert witness.rational(0.1 + 0.2) == Fraction(0.1 + 0.2) != Fraction(3, 10)
    assert witness.rational(0.123) == Fraction(0.123)
    assert witness.rational(7) == 7
    for value in (math.nan, math.inf):
        with pytest.raises((ValueError, OverflowError)):
            witness.rational(value)


def test_numbers_are_written_as_python_reads_them():
    import ast

    for value in (0.3, -1 / 3, 97 / 99, 1e300, 0.1 + 0.2, -0.0, 5, 1e-300, 2.0**40):
        text = witness.written(value)
        parts = [float(ast.literal_eval(part)) for part in text.split("/")]
        assert parts[0] / (parts[1] if len(parts) == 2 else 1) == value
    assert witness.written([[0.5, 2.0], [-0.25, 0]]) == "[[1/2, 2], [-1/4, 0]]"


def exactly(**quantities):
    """A toy whose exact function says what is given, or calls it with the instance."""

    def exact(p, x):
        found = {name: value(x) if callable(value) else value for name, value in quantities.items()}
        return {"met": found.pop("met", 1)}, found

    return dataclasses.replace(toys.PLAIN, exact=exact)


def claimed(bound, kind=None, relation="<="):
    return Claim("c", kind or Every(), "a", Formula(bound), ("met",), relation)


def proved(theorem, claim, **arrays):
    x = {name: np.asarray([a]) for name, a in arrays.items()}
    return certify(theorem, toys.Params(scale=0.3), claim, x or {"u": np.asarray([1.0])})


def test_a_certificate_gives_the_excess_that_is_proved():
    theorem = exactly(a=lambda x: sum(x["u"]), b=2, shown=[Fraction(1, 3), 2])
    found = proved(theorem, claimed("sqrt(b)"), u=[0.5, 1.0])
    assert Fraction(0) < found.excess < Fraction(3, 2) - Fraction(14142135, 10**7)
    assert found.text == "measured - bound >= 0.0857864"
    assert found.quantities == ["a = 3/2", "b = 2", "shown = (1/3, 2)"]
    assert found.step is None
    # Parameters count as the short rationals that they are.
    assert abs(proved(exactly(a=1), claimed("scale")).excess - Fraction(7, 10)) < Fraction(1, 10**30)


def test_the_step_with_the_largest_excess_is_named():
    theorem = exactly(a=[1, 5, 3], t=[1, 2, 3])
    found = proved(theorem, claimed("t"))
    assert (found.excess, found.step, found.text) == (3, 2, "measured - bound >= 3 at step 2")
    below = proved(theorem, claimed("2 * t", relation=">="))
    assert (below.excess, below.step) == (3, 3)
    assert below.text.startswith("bound - measured >= 3")
    for kind, relation in ((Identity(), "<="), (Every(), "=="), (Count(), "==")):
        apart = proved(theorem, claimed("2 * t", kind, relation))
        assert (apart.excess, apart.step, apart.difference) == (3, 3, "|measured - bound|")


def test_what_is_not_proved_is_not_certified():
    from flint import arb

    def root(x):
        return arb(2).sqrt()

    def narrow(x):
        return arb(1) + arb(2) ** -200 if x["u"] else arb(0)

    sums = exactly(a=lambda x: sum(x["u"]), b=2)
    tenths = np.asarray([0.1, 0.1, 0.1])
    assert 0.1 + 0.1 + 0.1 > 0.3  # a violation of rounding alone
    cases = [
        (sums, claimed("3 / 10"), {"u": tenths}, "not proved to be positive"),
        (sums, claimed("3"), {"u": tenths}, "not proved to be positive"),
        (exactly(a=root), claimed("2 / a"), {}, "not proved to be positive"),
        (exactly(a=2, b=root), claimed("b * b"), {}, "not proved to be positive"),
        (exactly(a=narrow), claimed("1"), {}, "not proved to be positive"),
        (exactly(a=1, b=lambda x: arb(-1)), claimed("sqrt(b)"), {}, "not proved to be positive"),
        (exactly(a=1, b=0), claimed("-1 / b"), {}, "not proved to be positive"),
        (exactly(a=1, met=Fraction(-1, 10**40)), claimed("0"), {}, "'met' is not met exactly"),
        (exactly(a=1, met=lambda x: arb(2).sqrt() ** 2 - 2), claimed("0"), {}, "'met' is not met exactly"),
        (exactly(b=1), claimed("0"), {}, "does not give a"),
        (exactly(a=lambda x: x["no"]), claimed("0"), {}, "no"),
        (exactly(a=1), claimed("0", Probability(0.1)), {}, "of this kind"),
        (toys.PLAIN, claimed("0"), {}, "no exact arithmetic"),
        (sums, claimed("0"), {"u": [math.nan]}, "NaN"),
        (sums, claimed("0"), {"u": [0.0] * 20_001}, "20,001 numbers is too large"),
        (exactly(a=1), dataclasses.replace(claimed("0"), given=("other",)), {}, "'other' is not decided"),
    ]
    for theorem, claim, arrays, words in cases:
        with pytest.raises(NotCertified, match=words):
            proved(theorem, claim, **arrays)


def test_a_replay_says_what_is_certified_and_what_is_not(tmp_path):
    theorem = catalogue.load("pgd")
    p, claim = theorem.parameters(), theorem.claim("slide: no noise term")
    one = {"A": [[1.0]], "Z": [1.0], "E": [-0.5], "mu": 1.0, "radius": 1.0, "start": [0.0]}
    x = {name: np.asarray([a]) for name, a in one.items()}
    record = {"family": "noise by hand", "instance": 0, **recheck(theorem, p, claim, x)}
    witness.save(tmp_path / "w.npz", theorem, p, claim, x, record, 0)
    lines = replay(tmp_path / "w.npz").lines
    assert "certified in exact arithmetic: measured - bound >= 0.5 at step 1" in lines
    assert "  E = [-1/2]" in lines
    assert "    assert witness.certify(theorem, p, claim, x).excess > 0" in lines
    far = {**x, "radius": np.asarray([1 + 4e-16])}  # met up to rounding, not exactly
    assert recheck(theorem, p, claim, far)["confirmed"]
    witness.save(tmp_path / "w.npz", theorem, p, claim, far, record, 0)
    lines = replay(tmp_path / "w.npz").lines
    assert "not certified in exact arithmetic: the hypothesis 'R = f(Z)' is not met exactly" in lines
    assert not any("certify" in line for line in lines)
