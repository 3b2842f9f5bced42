r"""Planted statements: true ones must stand, false ones must fall, and what cannot be known must be left open.

Each has a known truth and one thing that makes it hard: equality attained, cancellation, an error of one per cent on
one instance of two hundred, an error in the ninth digit, a failure rate a little larger than allowed. A run of the
whole engine (plan, ledger, recheck, statistics) must say the right word for every seed, and a violated instance must be
one when its file is read again.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from verify import Comparison, Count, Every, Existence, Identity, Mean, Probability, Rate
from verify.engine import campaign, witness
from verify.engine.campaign import Settings
from verify.engine.ledger import Ledger
from verify.engine.result import ClaimResult

from . import by_chance, exact, for_every, left_open
from .planted import FALSE, TRUE, Statement

AREAS = {s.name: area for area in (for_every, exact, by_chance, left_open) for s in area.STATEMENTS}
STATEMENTS = [s for area in (for_every, exact, by_chance, left_open) for s in area.STATEMENTS]
RUNS = 20
WITNESSED = (Every, Identity, Count)  # one instance is a violation


def decide(statement: Statement, seed: int, out: Path, **how: Any) -> ClaimResult:
    """What a run of the whole engine says of the statement; a witness is saved below ``out``."""
    theorem = statement.theorem
    with Ledger(out / "ledger.sqlite") as ledger:
        settings = Settings(seed=seed, backend="numpy", **how)
        return campaign.run(theorem, theorem.parameters(), settings, ledger, out).claims[0]


def wrong(statement: Statement, found: ClaimResult) -> str:
    """Why what a run found is not the truth; empty where it is."""
    if found.verdict.verdict != statement.word:
        return f"{statement.name}: not {statement.word!r} but {found.verdict.summary} ({statement.claim.because})"
    witnessed = isinstance(statement.claim.kind, WITNESSED)
    if statement.word != FALSE and witnessed and found.verdict.violated:
        return f"{statement.name}: {found.verdict.violated} instances called violated"
    if (found.witness is not None) != (statement.word == FALSE and witnessed):
        return f"{statement.name}: witness {found.witness}"
    return ""


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda s: s.name)
def test_the_truth_is_found(statement, tmp_path):
    found = decide(statement, 0, tmp_path)
    assert not (why := wrong(statement, found)), why
    if found.witness is not None:
        file = tmp_path / f"{statement.name}.py"
        file.write_text(
            f"from {AREAS[statement.name].__name__} import STATEMENTS\n"
            f"THEOREM = next(s.theorem for s in STATEMENTS if s.name == {statement.name!r})\n"
        )
        replay = witness.replay(tmp_path / statement.name / found.witness["file"], str(file))
        assert replay.confirmed, replay.lines


@pytest.mark.parametrize("statement", by_chance.HIDDEN, ids=lambda s: s.name)
def test_a_mean_says_of_which_events_it_knows_nothing(statement, tmp_path):
    """The word is not the truth, and the event that makes it so is one of those that the finding names."""
    found = decide(statement, 0, tmp_path)
    assert not (why := wrong(statement, found)), why
    rate, size = by_chance.UNSEEN
    assert rate < found.verdict.power["rare_rate"] < 1e-3
    assert size > found.verdict.power["rare_size"]
    assert "could hide" in found.verdict.summary


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, RUNS + 1))
def test_the_truth_is_found_in_every_run(seed, tmp_path):
    found = [why for s in STATEMENTS if (why := wrong(s, decide(s, seed, tmp_path)))]
    assert not found, "\n".join(found)


def test_a_wrong_word_would_be_bad_luck_that_no_run_has():
    """No statement is decided wrongly with probability above 1e-4, nor any in all runs together above 0.01."""
    chances = {s.name: s.chance() for s in STATEMENTS}
    assert max(chances.values()) <= 1e-4, max(chances, key=chances.get)
    assert (RUNS + 1) * sum(chances.values()) <= 0.01


@pytest.mark.parametrize(
    "statement",
    [s for s in STATEMENTS if s.word != FALSE and isinstance(s.claim.kind, WITNESSED)],
    ids=lambda s: s.name,
)
def test_single_precision_refutes_nothing_true(statement, tmp_path):
    """Seven digits decide less than sixteen do; what they cannot decide they must leave open."""
    assert decide(statement, 0, tmp_path, dtype="float32").verdict.violated == 0


def test_every_kind_is_planted_true_and_false():
    words = Counter((type(s.claim.kind), s.word) for s in STATEMENTS)
    kinds = (Every, Probability, Mean, Rate, Identity, Count, Existence, Comparison)
    assert all(words[kind, TRUE] >= 3 and words[kind, FALSE] >= 3 for kind in kinds)
    said = Counter(s.word for s in STATEMENTS)
    assert said[TRUE] >= 40
    assert said[TRUE] == said[FALSE]
    assert len(AREAS) == len(STATEMENTS)
