r"""The command line: verbs, ``key=value`` runs, exit codes.

Exit codes: 0 as expected; 1 not as expected; 2 could not run; 130 interrupted. Whatever can be refused is refused
before the work starts: the grammar, the theorems, the backend, the directory of the output.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from verify.core.theorem import Claim, Parameters, Theorem
    from verify.engine.campaign import Progress
    from verify.engine.result import Result
    from verify.grammar import RunOptions

AS_EXPECTED, NOT_AS_EXPECTED, COULD_NOT_RUN, INTERRUPTED = 0, 1, 2, 130
MISTAKES_SHOWN = 20
PLAIN_EVERY = 5.0  # seconds between progress lines that are not drawn on a terminal

HELP = """\
Checks theorems with numbers: samples instances, solves them, decides every claim, and says what was seen.

  python -m verify theorem=NAME                  one theorem at its default point
  python -m verify theorem=NAME m=100,200 k=5..20  sweeps: the product of lists and ranges; [1,2] is one value, a list
  python -m verify theorem=all budget=10m        the catalogue
  python -m verify theorem=my_bound.py           your own theorem (the file is run as your own code)

  python -m verify new NAME                      writes NAME.py, a theorem that runs, for you to change
  python -m verify list                          all theorems, a line each
  python -m verify show NAME                     a theorem: mathematics, parameters with ranges, claims
  python -m verify replay FILE                   rechecks a saved witness alone (theorem=PATH if it is of your own),
                                                 or the .json certificate of a count of regions
  python -m verify report [out=DIR] [theorem=..] makes the pages again from the ledger, without a run
  python -m verify doctor [out=DIR]              what works on this machine

Beside a theorem's own parameters:
  seed=0              key of the random streams; same seed, same instances
  instances=N         instances for each point           batch=N             instances solved together
  budget=30s|10m|2h   time, shared by all points         backend=auto        auto | numpy | cupy | strict
  dtype=float64       float64 | float32                  out=reports         pages, witnesses and ledger
  format=table        table | json | junit               limit=60s           time of a batch, then it is undecided
  executor=auto       auto | serial | processes:N | dask:local:N | dask:ADDRESS; the evidence is the same
  memory=2G           what the sampling may take, all processes together
  search=worst        after the sampling, climb to the worst instances    effort=60s  for so long
  mutate=yes          which slips of the pen in each claim the run would notice

Exit codes: 0 as expected, 1 not as expected, 2 could not run, 130 interrupted (the same command goes on)."""


def main(argv: list[str]) -> int:
    """Runs the command ``argv`` and returns its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a mark the terminal cannot show must not end a run
    try:
        code = _dispatch(argv)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        _err("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of the output left (`| head`): nothing more can be said, and Python must not try at exit.
        sys.stdout = None
        return COULD_NOT_RUN
    except Exception as error:
        return _refuse(_lines(error))


def _dispatch(argv: list[str]) -> int:
    if not argv or any(token in ("-h", "--help", "help") for token in argv):
        print(HELP)
        return AS_EXPECTED
    verbs: dict[str, Callable[[list[str]], int]] = {
        "new": _new,
        "list": _list,
        "show": _show,
        "replay": _replay,
        "report": _report,
        "doctor": _doctor,
    }
    verb = next((token for token in argv if "=" not in token), None)
    if verb is None:
        return _run(argv)
    if verb in verbs:
        rest = list(argv)
        rest.remove(verb)
        return verbs[verb](rest)
    from verify import grammar
    from verify.engine import catalogue

    names = catalogue.names()
    known = {**{v: v for v in verbs}, **{n: f"theorem={n}" for n in names}}
    near = [known[word] for word in grammar.suggest(verb, known)]
    if verb.endswith(".py"):
        near = [f"theorem={verb}"]
    tail = f"did you mean {' or '.join(near)}?" if near else f"verbs are {', '.join(verbs)}; a run is theorem=NAME"
    raise grammar.UsageError([f"{verb!r} is not a verb; {tail}"])


# The errors that are an answer to the user. By name, since their modules cost start-up time and may be what is broken.
ANSWERS = {
    "verify.grammar.UsageError",
    "verify.core.arrays.BackendUnavailable",
    "verify.engine.catalogue.CatalogueError",
    "verify.engine.executors.ExecutorError",
    "verify.engine.ledger.LedgerError",
    "verify.engine.trial.TrialError",
    "verify.engine.witness.WitnessError",
    "verify.engine.work.OtherCode",
}


def _lines(error: Exception) -> list[str]:
    """What to print for an error; the traceback goes before it where the error is a surprise."""
    if any(f"{kind.__module__}.{kind.__qualname__}" in ANSWERS for kind in type(error).__mro__):
        return getattr(error, "mistakes", [str(error)])
    import traceback

    traceback.print_exception(error)
    return [f"{type(error).__name__}: {error}"]


def _refuse(mistakes: list[str]) -> int:
    _err(f"could not run: {mistakes[0]}" if len(mistakes) == 1 else f"could not run: {len(mistakes)} mistakes")
    if len(mistakes) > 1:
        for mistake in mistakes[:MISTAKES_SHOWN]:
            _err(f"  {mistake}")
        if len(mistakes) > MISTAKES_SHOWN:
            _err(f"  and {len(mistakes) - MISTAKES_SHOWN:,} more")
    return COULD_NOT_RUN


def _err(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


# ---------------------------------------------------------------------------------------------------------- verbs


def _new(rest: list[str]) -> int:
    from verify import new
    from verify.grammar import UsageError

    if len(rest) != 1 or "=" in rest[0]:
        raise UsageError(["new takes one name: python -m verify new my_bound"])
    path = new.write(rest[0], Path())
    print(f"wrote {path}: a theorem that runs; its comments say what to replace\n  python -m verify theorem={path}")
    return AS_EXPECTED


def _list(rest: list[str]) -> int:
    from verify.engine import catalogue

    if rest:
        _only("list", rest, ())
    names = catalogue.names()
    width = max(map(len, names), default=0)
    for name in names:
        print(f"{name:{width}}  {catalogue.title(name)}")
    return AS_EXPECTED


def _show(rest: list[str]) -> int:
    from verify import grammar
    from verify.engine import catalogue

    if len(rest) != 1 or "=" in rest[0]:
        raise grammar.UsageError(["show takes one theorem: python -m verify show NAME"])
    theorem = catalogue.load(rest[0])
    print(f"{theorem.name}: {theorem.title}\n\n{theorem.docstring}\n")
    print("Parameters")
    for name, field in theorem.parameters.model_fields.items():
        default = "required" if field.is_required() else f"= {field.get_default(call_default_factory=True)}"
        print(f"  {name} {default}  {grammar.allowed(field)}; {field.description or 'no description'}")
    print("\nFamilies of instances")
    for name, aim in theorem.families.items():
        print(f"  {name}: {aim}")
    print("\nClaims")
    for claim in theorem.claims:
        print(f"  {claim.name} [{claim.origin}, {claim.kind.label}]")
        print(f"    {_statement(claim)}")
        print(f"    expected: {claim.expects}" + (f", because {claim.because}" if claim.because else ""))
    print("\nSources")
    for source in theorem.sources:
        reference = source.reference
        place = ", ".join(filter(None, (reference.where, str(reference.year), source.locator)))
        print(f"  {reference.authors}: {reference.title.rstrip('.')}. {place}")
    return AS_EXPECTED


def _statement(claim: Claim) -> str:
    given = f"given {', '.join(claim.given)}: " if claim.given else ""
    return f"{given}{claim.measured} {claim.relation} {claim.bound.text}"


def _replay(rest: list[str]) -> int:
    from verify.engine import witness
    from verify.grammar import UsageError

    if len(rest) not in (1, 2) or not all(word.startswith("theorem=") for word in rest[1:]):
        raise UsageError(["replay takes one file, and theorem=PATH for a witness of your own theorem"])
    if rest[0].endswith(".json"):
        return _check_certificate(rest[0])
    found = witness.replay(rest[0], *(word.removeprefix("theorem=") for word in rest[1:]))
    print("\n".join(found.lines))
    return AS_EXPECTED if found.confirmed else NOT_AS_EXPECTED


def _check_certificate(path: str) -> int:
    """Checks the certificate of a count of regions."""
    from verify.grammar import UsageError
    from verify.kit import region_certificate

    if not Path(path).is_file():
        raise UsageError([f"no such file: {path}"])
    try:
        print("\n".join(region_certificate.check(path).lines))
    except region_certificate.CertificateError as error:
        print(f"the certificate does not show what it claims: {error}")
        return NOT_AS_EXPECTED
    return AS_EXPECTED


def _report(rest: list[str]) -> int:
    from verify.engine import campaign, catalogue
    from verify.engine.ledger import Ledger
    from verify.grammar import UsageError
    from verify.report import pages

    options = _only("report", rest, ("out", "theorem"))
    out = Path(options.out)
    if not (out / "ledger.sqlite").is_file():
        raise UsageError([f"out={out}: it holds no ledger.sqlite; a run with this out= makes one"])
    with Ledger(out / "ledger.sqlite") as ledger:
        results = campaign.stored(ledger)
        known = dict.fromkeys([*results, *(about["theorem"] for _, about in ledger.begun())])
        names = options.theorem
        if names == ("all",):
            names = tuple(name for name in known if name in catalogue.names())
            for name in known:
                if name not in names:
                    _err(f"{name} is not in the catalogue; `report theorem=PATH` makes the page of your own file")
        theorems = [catalogue.load(name) for name in names]
        for theorem in theorems:
            ended = results.setdefault(theorem.name, [])
            points = [(r.params, r.seed, r.backend, r.dtype) for r in ended]
            for r in campaign.unfinished(ledger, theorem):
                if (r.params, r.seed, r.backend, r.dtype) not in points:  # what ended says more
                    ended.append(r)
    if options.theorem != ("all",) and (absent := [t.name for t in theorems if not results[t.name]]):
        raise UsageError([f"the ledger in {out} holds no result of {name}" for name in absent])
    theorems = [t for t in theorems if results[t.name]]
    for theorem in theorems:
        print(pages.write_page(theorem, results[theorem.name], out))
    print(pages.write_index(out))
    return AS_EXPECTED


def _doctor(rest: list[str]) -> int:
    from verify import doctor

    options = _only("doctor", rest, ("out",))
    lines, ok = doctor.examine(Path(options.out))
    print("\n".join(lines))
    return AS_EXPECTED if ok else COULD_NOT_RUN


def _only(verb: str, rest: list[str], keys: tuple[str, ...]) -> RunOptions:
    """The run options of a verb that takes ``keys`` alone."""
    from verify import grammar

    given, mistakes = grammar.split(rest)
    takes = f"{verb} takes {', '.join(f'{key}=' for key in keys) or 'nothing'}"
    mistakes += [f"{grammar.shown(f'{key}={text}')}: {takes}" for key, text in given.items() if key not in keys]
    if mistakes:
        raise grammar.UsageError(mistakes)
    return grammar.run_options({"theorem": "all", **given})


# ------------------------------------------------------------------------------------------------------------ run

Job = tuple["Theorem", list["Parameters"]]


def _run(tokens: list[str]) -> int:
    """A run of every theorem at every point of the command."""
    options, jobs, swept = _read(tokens)
    out = Path(options.out)
    _prepare(options, out)
    from verify.engine.campaign import Settings

    for name in options.theorem:
        if name.endswith(".py"):
            _err(f"{name} is run as your own code")
    settings = Settings.of(options)
    try:
        return _work(jobs, settings, out, options.format, swept)
    except KeyboardInterrupt:
        import shlex

        _err(
            f"\ninterrupted: finished batches are kept in {out / 'ledger.sqlite'}; the same command goes on from there:"
        )
        _err(f"  python -m verify {shlex.join(tokens)}")
        return INTERRUPTED


_T = TypeVar("_T")


def _read(tokens: list[str]) -> tuple[RunOptions, list[Job], list[str]]:
    """The run options, the theorems with their points, and the parameters given; every mistake in one UsageError."""
    from verify import grammar
    from verify.engine import catalogue

    given, mistakes = grammar.split(tokens)

    def attempt(work: Callable[..., _T], *args: Any) -> _T | None:
        try:
            return work(*args)
        except grammar.UsageError as error:
            mistakes.extend(error.mistakes)
        except catalogue.CatalogueError as error:
            mistakes.append(str(error))
        return None

    options = attempt(grammar.run_options, given)
    # A bad seed must not hide a bad k: with other options wrong, the theorem is looked at all the same.
    named = options or attempt(grammar.run_options, {k: v for k, v in given.items() if k == "theorem"})
    jobs: list[Job] = []
    names = dict.fromkeys(named.theorem) if named else {}
    for name in (attempt(catalogue.names) or []) if "all" in names else names:
        theorem = attempt(catalogue.load, name)
        points = theorem and attempt(grammar.points, theorem.parameters, given, theorem.name)
        if theorem and points:
            jobs.append((theorem, points))
    if not (jobs or mistakes):
        mistakes.append("theorem=all: the catalogue is empty")
    if mistakes or options is None:
        raise grammar.UsageError(mistakes)
    return options, jobs, [key for key in given if key not in grammar.RunOptions.model_fields]


def _prepare(options: RunOptions, out: Path) -> None:
    """The backend answers and ``out`` can be written, or :class:`UsageError`."""
    import tempfile

    from verify.core.arrays import BackendUnavailable, backend
    from verify.grammar import UsageError

    mistakes = []
    try:
        if not options.executor.startswith("dask"):  # there the workers need it, and this process does not
            backend(options.backend, options.dtype)
    except BackendUnavailable as error:
        mistakes.append(str(error))
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        why = "it is a file" if out.is_file() else error.strerror
        mistakes.append(f"out={out}: no directory that can be written ({why})")
    if mistakes:
        raise UsageError(mistakes)


def _work(jobs: list[Job], settings: Any, out: Path, form: str, swept: list[str]) -> int:
    """Runs, prints and writes the pages; returns the exit code."""
    import json
    from concurrent.futures import ThreadPoolExecutor
    from contextlib import closing

    from verify.engine import campaign
    from verify.engine.ledger import Ledger
    from verify.report import pages, terminal

    # Where machines read the output, people read stderr.
    say = print if form == "table" else _err
    points = [(theorem, p) for theorem, ps in jobs for p in ps]
    labels = [" ".join([t.name, *(f"{key}={getattr(p, key)}" for key in swept)]) for t, p in points]
    found: dict[int, Result] = {}
    failures: dict[int, list[str]] = {}

    def page(theorem: Theorem, results: list[Result]) -> None:
        try:
            say(f"page: {pages.write_page(theorem, results, out)}")
        except Exception as error:
            failures[len(points) + len(failures)] = [f"page of {theorem.name}: {line}" for line in _lines(error)]

    # Pages are drawn beside the run, which waits for workers most of the time.
    with (
        Ledger(out / "ledger.sqlite") as ledger,
        ThreadPoolExecutor(1) as aside,
        _watch(labels[0] if len(labels) == 1 else f"{len(labels)} points") as progress,
        closing(campaign.run_all(points, settings, ledger, out, progress)) as ended,
    ):
        for number, result in ended:
            theorem, label = points[number][0], labels[number]
            if isinstance(result, Exception):
                failures[number] = [f"{label}: {line}" for line in _lines(result)]
            else:
                found[number] = result
                if form == "json":
                    print(json.dumps(result.to_json()), flush=True)
                elif form == "table":
                    print(f"{label}: {theorem.title}\n{terminal.table(result)}", flush=True)
                for line in _notes(result):
                    say(line)
            mine = [n for n, (other, _) in enumerate(points) if other is theorem]
            if all(n in found or n in failures for n in mine) and (results := [found[n] for n in mine if n in found]):
                aside.submit(page, theorem, results)
    if found:
        pages.write_index(out)
    results = [found[n] for n in sorted(found)]
    if form == "junit":
        print(terminal.junit(results))
    unexpected = [reason for result in results for reason in _reasons(result, swept)]
    if not failures:
        say(f"NOT as expected: {'; '.join(unexpected)}" if unexpected else "as expected")
        return NOT_AS_EXPECTED if unexpected else AS_EXPECTED
    if unexpected:
        say(f"NOT as expected: {'; '.join(unexpected)}")
    return _refuse([line for n in sorted(failures) for line in failures[n]])


def _notes(result: Result) -> Iterator[str]:
    """What could not be computed; what set everything aside where a claim is vacuous, and what would be admitted."""
    for family, start, stop, why in result.evidence.failed[:MISTAKES_SHOWN]:
        yield f"undecided: {family} {start}..{stop - 1}: {why}"
    if (more := len(result.evidence.failed) - MISTAKES_SHOWN) > 0:
        yield f"undecided: and {more:,} more"
    vacuous = [c for c in result.claims if c.verdict.verdict == "vacuous"]
    for claim in vacuous:
        counts = ", ".join(f"{count:,} miss {name!r}" for name, count in claim.verdict.set_aside.items() if count)
        yield f"vacuous: {claim.name}: no instance was eligible" + (f": {counts}" if counts else "")
    if vacuous and result.advice:
        yield f"advice: {result.advice}"


def _reasons(result: Result, swept: Iterable[str]) -> Iterator[str]:
    """Why a result is not as expected, a claim each."""
    label = " ".join([result.theorem, *(f"{key}={result.params[key]}" for key in swept)])
    if not result.finished:
        yield f"{label}: not finished"
    for claim in result.claims:
        if not claim.as_expected:
            expected = "no violation" if claim.expects == "holds" else "refuted"
            yield f"{label}: {claim.name} ({claim.verdict.verdict}, expected {expected})"


# ------------------------------------------------------------------------------------------------------- progress


@contextmanager
def _watch(label: str) -> Iterator[Callable[[Progress], None]]:
    """Shows progress on stderr: drawn on a terminal, now and then a line elsewhere."""
    if not sys.stderr.isatty():
        yield _plain(label)
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[facts]}")
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None, facts="")

        def show(progress: Progress) -> None:
            bar.update(task, completed=progress.done, total=progress.total, facts=_facts(progress))

        yield show


def _plain(label: str) -> Callable[[Progress], None]:
    from time import monotonic

    last = monotonic()

    def show(progress: Progress) -> None:
        nonlocal last
        if monotonic() - last >= PLAIN_EVERY:
            last = monotonic()
            _err(f"{label}: {_facts(progress)}")

    return show


def _facts(progress: Progress) -> str:
    from math import isfinite

    total = f" of {progress.total:,}" if progress.total is not None else ""
    facts = [f"{progress.done:,}{total} instances", f"{progress.rate:,.0f} decided/s"]
    if isfinite(progress.ratio_max):
        facts.append(f"largest ratio {progress.ratio_max:.6g}")
    if isfinite(progress.seconds_left):
        facts.append(f"{progress.seconds_left:,.0f} s left")
    return ", ".join(facts)
