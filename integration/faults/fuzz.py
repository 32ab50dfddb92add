"""``make fuzz``: spoilt files of every kind, thousands a second, in this process.

Purpose: whatever stands in a wheel, a ``RECORD``, a journal, a manifest or a
``pyvenv.cfg``, its reader answers or raises an error that its docstring names, in
bounded time and memory.

Calling sequence::

    python -m integration.faults.fuzz --cases 1000000 --seed 7
    python -m integration.faults.fuzz --target RECORD --case 4711    # one of them again

Guarantees: the same seed and number make the same case. A case ends after ``SECONDS`` of
processor time, at the machine's pace (``tests/support/pace.py``), and the process gets no
more than ``MEMORY`` beyond what it has; a case that needs more is one that went wrong. What
went wrong is kept, the first of each kind.

Errors: none; exit status 1 if anything went wrong.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from integration.faults import figures, report
from integration.faults.fuzz_targets import TARGETS
from integration.faults.mutations import chance_of
from tests.support.pace import slowness

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import FrameType

    from integration.faults.fuzz_targets import Target

SECONDS = 2.0
"""Processor time of one case."""
MEMORY = 1 << 30
"""Bytes of address space for all cases, beyond what the process has before the first."""
FOLDER = Path(__file__).parents[2] / ".cache" / "faults" / "fuzz"
_SHOWN = 300


class TooSlowError(BaseException):
    """A case took longer than it may; no reader's ``except Exception`` takes it for its own."""


@dataclass
class Finding:
    """One way in which something went wrong, and the first case of it."""

    target: str
    case: int
    what: str
    where: str
    data: bytes
    count: int = 1


@dataclass
class Run:
    """What came of the cases."""

    cases: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    slowest: dict[str, float] = field(default_factory=dict)
    findings: dict[tuple[str, str, str], Finding] = field(default_factory=dict)

    @property
    def broken(self) -> int:
        """How many cases went wrong."""
        return sum(one.count for one in self.findings.values())


def run(
    cases: int, seed: int, targets: Mapping[str, Target] = TARGETS, *, only: int | None = None
) -> Run:
    """Put ``cases`` spoilt inputs to the readers.

    :param only: the number of the one case of each target that is made
    """
    done = Run()
    round_ = [name for name, target in targets.items() for _ in range(target.share)]
    with _bounded(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's, over two members of a name
        if only is not None:
            for name in targets:
                _one(done, name, targets[name], only, seed)
        else:
            for number in range(cases):
                name = round_[number % len(round_)]
                _one(done, name, targets[name], number, seed)
    return done


def _one(done: Run, name: str, target: Target, number: int, seed: int) -> None:
    data = target.make(chance_of(seed, name, number))
    done.cases[name] += 1
    began = time.process_time()
    try:
        try:
            _read(target, data, SECONDS)
        except TooSlowError:
            # The bound is that of a quiet machine: again, at the pace of this one.
            slow, began = slowness(), time.process_time()
            _read(target, data, SECONDS * slow)
    except target.allowed:
        done.refused[name] += 1
    except (Exception, TooSlowError) as error:  # noqa: BLE001 - whatever it is, it is the finding
        _note(done, name, number, data, error)
    taken = time.process_time() - began
    if taken > done.slowest.get(name, -1.0):
        done.slowest[name] = taken


def _read(target: Target, data: bytes, seconds: float) -> None:
    _arm(seconds)
    try:
        target.read(data)
    finally:
        _arm(0)


def _note(done: Run, name: str, number: int, data: bytes, error: BaseException) -> None:
    frames = traceback.extract_tb(error.__traceback__)
    inside = [one for one in frames if f"{os.sep}linkinstall{os.sep}" in one.filename] or frames
    where = f"{Path(inside[-1].filename).name}:{inside[-1].lineno}"
    if isinstance(error, TooSlowError):
        where = Path(inside[-1].filename).name  # it can be stopped at any line of a loop
    what = f"{type(error).__name__}: {error}"[:_SHOWN]
    key = (name, type(error).__name__, where)
    if key in done.findings:
        done.findings[key].count += 1
    else:
        done.findings[key] = Finding(name, number, what, where, data)


# ---------------------------------------------------------------- bounds


def _arm(seconds: float) -> None:
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


@contextmanager
def _bounded() -> Iterator[None]:
    """Bound the time of each case, and the memory of all, until the end of the block."""
    if os.name != "posix":  # neither bound can be had there
        yield
        return
    import resource

    def stop(_number: int, _frame: FrameType | None) -> None:
        message = f"more than {SECONDS:g} s of processor time"
        raise TooSlowError(message)

    before = resource.getrlimit(resource.RLIMIT_AS)
    handler = signal.signal(signal.SIGPROF, stop)
    limit = _address_space() + MEMORY
    hard = before[1] if before[1] != resource.RLIM_INFINITY else resource.RLIM_INFINITY
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
        signal.signal(signal.SIGPROF, handler)


def _address_space() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:  # no Linux
        return 8 << 30
    return pages * os.sysconf("SC_PAGE_SIZE")


# ---------------------------------------------------------------- the command


def main(arguments: Sequence[str] | None = None) -> int:
    """Make cases, print the table, return the exit status."""
    options = _parser().parse_args(arguments)
    targets = {name: TARGETS[name] for name in options.target or TARGETS}
    began = time.monotonic()
    done = run(options.cases, options.seed, targets, only=options.case)
    taken = time.monotonic() - began
    total = sum(done.cases.values())
    if options.case is None:
        what = "spoilt wheels, RECORDs, journals, manifests and settings, put to their readers"
        part = f"only {', '.join(options.target)}" if options.target else ""
        figure = figures.Figure(
            "R11 fuzz", what, total, "cases", done.broken, options.cases - total, taken, part
        )
        if not options.target:
            figures.note(figure)
    print(table(done))
    print(f"\nseed {options.seed}, {total:,} cases in {taken:.0f} s, {done.broken} went wrong")
    for one in done.findings.values():
        print(f"\n{_described(one, options.seed)}")
    return int(bool(done.findings) or not total)


def table(done: Run) -> str:
    """Return the table of a run, one row for each target."""
    heads = ("target", "cases", "refused", "accepted", "went wrong", "slowest, ms")
    wrong = Counter[str]()
    for one in done.findings.values():
        wrong[one.target] += one.count
    rows = (
        (
            name,
            f"{count:,}",
            f"{done.refused[name]:,}",
            f"{count - done.refused[name] - wrong[name]:,}",
            wrong[name],
            f"{1000 * done.slowest[name]:.0f}",
        )
        for name, count in done.cases.items()
    )
    return report.table(heads, rows)


def _described(one: Finding, seed: int) -> str:
    FOLDER.mkdir(parents=True, exist_ok=True)
    kind = re.sub(r"\W+", "-", one.target)
    path = FOLDER / f"{kind}-{seed}-{one.case}"
    path.write_bytes(one.data)
    command = f"--target {one.target!r} --seed {seed} --case {one.case}"
    return (
        f"{one.target}, {one.count} cases, at {one.where}: {one.what}\n"
        f"  input: {path} ({len(one.data)} bytes)\n"
        f"  again: python -m integration.faults.fuzz {command}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="integration.faults.fuzz", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--cases", type=int, default=1_000_000, help="how many in all")
    parser.add_argument("--seed", type=int, default=0, help="what chance begins with")
    parser.add_argument("--target", action="append", choices=TARGETS, help="only this one")
    parser.add_argument("--case", type=int, help="only the case of this number")
    return parser


if __name__ == "__main__":
    sys.exit(main())
