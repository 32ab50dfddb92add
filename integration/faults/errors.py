"""``make faults``: errors at every call that touches the disk, once and from then on.

Purpose: the gate R3. Each error number at each call of a command, for each verb and link
mode; one table at the end, and the details of what was wrong in a file.

Calling sequence::

    python -m integration.faults.errors                              # everything
    python -m integration.faults.errors --every 20 --errno ENOSPC    # a part
    python -m integration.faults.errors --forks                      # of several processes
    python -m integration.faults.errors --scenario NAME --point rename:2+:EIO

The last form strikes one point and prints what came of it.

Guarantees: exit status 1 if anything was wrong, or where ``CI=true`` the sweep cannot
run.

Errors: none.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from integration.faults import report, scenarios
from integration.faults.aftermath import ENDS, KINDS
from integration.faults.figures import Figure, note
from integration.faults.forking import FORKED
from integration.faults.forking import unavailable as no_forks
from integration.faults.injection import ErrorPoint, Inject
from integration.faults.meanings import ERRORS
from integration.faults.power import INTERRUPTED, fully_synced, interrupted
from integration.faults.runner import RECOVERING, possible, provisions, sandbox_of
from integration.faults.sandbox import SetupError
from integration.faults.strace import unavailable
from integration.faults.verdicts import ErrorSweep, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from integration.faults.scenario import Scenario

DETAILS = report.details("errors")
MODES = ("hardlink", "copy", "symlink")
CLONE = "clone"
LINKING = (
    "install-pluggy",
    "install-set",
    "install-namespace",
    "install-over-damage",
    "repair-pluggy",
    "reinstall-pluggy",
    "upgrade-parts",
    "upgrade-namespace",
    "downgrade-pluggy",
    "uninstall-parts",
)
"""The scenarios of the gate that each mode changes, without tool and mode."""
ALIKE = (
    "install-pluggy-cold",
    "cache-add-pluggy",
    "cache-prune-unused",
    "cache-clean-all",
    "cache-verify-mended",
    "cache-verify-quarantined",
    "venv-remove-parts-pluggy",
    "venv-clear-parts-pluggy",
    "venv-create-parts-pluggy",
    "venv-decouple-parts-pluggy",
)
"""What fills the cache, what is done to it, and what is done to a whole environment: the same in
each mode, so they are swept in the first."""
CLONED = ("install-pluggy", "upgrade-parts", "uninstall-parts")
"""What is swept with clones, which need a volume of their own: a clone differs from a copy by
the one call that makes it, and by the file system below it."""
OTHERS = {
    one.name: one
    for one in (
        *map(interrupted, INTERRUPTED),
        fully_synced(scenarios.scenario("linkinstall-upgrade-parts-hardlink")),
    )
}
"""Name -> a recovery of what was killed right before or after its commit, and a change of which
success means that the disk has it. They have the first mode."""
WITH_WORKERS: tuple[str, ...] = ("install-set", "install-set-cold", "upgrade-parts")
"""Those that are swept with workers: linking, unpacking and both."""


@dataclass(frozen=True)
class ErrorSwept:
    """A scenario and what came of it.

    :param error: why the sweep could not begin, or nothing
    """

    scenario: Scenario
    verdicts: tuple[Verdict, ...]
    error: str = ""

    @property
    def wrong(self) -> list[Verdict]:
        """The verdicts in which something is wrong."""
        return [verdict for verdict in self.verdicts if verdict.wrong]

    @property
    def passed(self) -> bool:
        """Whether each error was delivered, and answered as it should be."""
        return bool(self.verdicts) and not self.wrong


def names(modes: Iterable[str] = (), *, forks: bool = False) -> list[str]:
    """Return the names of the gate's scenarios.

    :param modes: only those of these link modes; default all that are swept
    """
    swept = tuple(modes) or (MODES if forks else (*MODES, CLONE))
    changes = {mode: WITH_WORKERS if forks else _changes(mode) for mode in swept}
    if not forks:
        changes[swept[0]] += ALIKE
    found = [f"linkinstall-{change}-{mode}" for mode in changes for change in changes[mode]]
    return [*found, *([] if forks or MODES[0] not in swept else OTHERS)]


def scenario_of(name: str) -> Scenario:
    """Return the scenario of the gate of this name."""
    return OTHERS.get(name) or scenarios.scenario(name)


def _changes(mode: str) -> tuple[str, ...]:
    return CLONED if mode == CLONE else LINKING


def sweep_errors(
    chosen: Sequence[Scenario],
    errors: Sequence[str] = ERRORS,
    *,
    every: int = 1,
    folder: str | None = None,
    workers: int | None = None,
    spoil: Sequence[tuple[str, str, str]] = (),
    forks: bool = False,
) -> list[ErrorSwept]:
    """Sweep scenarios and return what came of each, in their order.

    :param every: strike only each ``every``-th point, beginning elsewhere in each scenario
    :param spoil: changes to the program that make it one that is known to be bad
    :param forks: let the smallest change fork, and strike one of its processes
    """
    with (
        tempfile.TemporaryDirectory(prefix="errors-", dir=folder) as root,
        ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool,
    ):
        changes = (*FORKED, *spoil) if forks else spoil
        paths = provisions(os.path.join(root, "source"), changes)

        def sweep(number: int, scenario: Scenario) -> ErrorSwept:
            start = time.monotonic()
            place = os.path.join(root, str(number))
            with sandbox_of(scenario, place, paths, quick=not folder) as sandbox:
                try:
                    fault = Inject(errors_of(scenario, errors), forks=forks)
                    one = ErrorSweep(scenario, fault, sandbox)
                except SetupError as refused:
                    return ErrorSwept(scenario, (), str(refused))
                found = tuple(map(told, one.verdicts(every=every, offset=number % every)))
            swept = ErrorSwept(scenario, found)
            figures = f"{len(swept.wrong)} of {len(swept.verdicts)} wrong"
            seconds = time.monotonic() - start
            print(f"{seconds:6.1f} s  {scenario.name}: {figures}", file=sys.stderr, flush=True)
            return swept

        return [job.result() for job in [pool.submit(sweep, *one) for one in enumerate(chosen)]]


def errors_of(scenario: Scenario, errors: Sequence[str]) -> tuple[str, ...]:
    """Return those of these errors that a scenario can be put to.

    That a folder is not empty a rollback has to believe: what is in it is somebody's, and it stays.
    """
    recovers = scenario.verb == RECOVERING
    return tuple(one for one in errors if not (recovers and one == "ENOTEMPTY"))


def told(verdict: Verdict) -> Verdict:
    """Say at once what is wrong: a long sweep may be interrupted."""
    if verdict.wrong:
        wrong = "; ".join(f"{kind}: {text}" for kind, text in verdict.wrong.items())
        print(f"{verdict.scenario.name} {verdict.point}: {wrong}", file=sys.stderr, flush=True)
    return verdict


def table(swept: Sequence[ErrorSwept]) -> str:
    """Return one row for each error number, and the sum; what is wrong, then how it ended."""
    verdicts = [verdict for sweep in swept for verdict in sweep.verdicts]
    counted: dict[str, Counter[str]] = {}
    for verdict in verdicts:
        row = counted.setdefault(verdict.point.error, Counter())
        row["runs"] += 1
        row.update(verdict.wrong.keys() or [verdict.end])
    columns = ("runs", *KINDS, *ENDS)
    rows = [(error, *(counted[error][c] for c in columns)) for error in ERRORS if error in counted]
    sums = [sum(row[column] for row in counted.values()) for column in columns]
    return report.table(("error", *columns), [*rows, ("**all**", *sums)])


def explain(verdict: Verdict, program: str = "integration.faults.errors") -> str:
    """Return what is wrong with a verdict, and how to see it again."""
    injected = verdict.injected
    wrong = "\n".join(f"{kind}: {text}" for kind, text in verdict.wrong.items())
    return (
        f"## {verdict.scenario.name}, {verdict.point}\n\n"
        f"{injected.calls[0] if injected.calls else 'no call was struck'}\n\n"
        f"{wrong or verdict.end}\n\n"
        f"status {injected.completed.status}:\n{injected.completed.output.strip()}\n\n"
        f"next run ({verdict.next_run or 'none needed'}):\n{verdict.output.strip()}\n\n"
        f"    {sys.executable} -m {program} "
        f"--scenario {verdict.scenario.name} --point {verdict.point}\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Sweep, print the table, return the exit status."""
    options = _parser().parse_args(arguments)
    reason = no_forks() if options.forks else unavailable()
    if reason:
        print(f"SKIPPED errors: {reason}")
        return int(os.environ.get("CI") == "true")
    wanted = options.scenario or names(options.mode or (), forks=options.forks)
    chosen, skipped = possible("errors", [scenario_of(name) for name in wanted])
    if options.point and chosen:
        return _one(chosen[0], ErrorPoint.parse(options.point), options.folder)
    began = time.monotonic()
    swept = sweep_errors(
        chosen,
        tuple(options.errno or ERRORS),
        every=options.every,
        folder=options.folder,
        workers=options.workers,
        forks=options.forks,
    )
    parts = [f"# What was wrong\n\n{report.machine()}\n"]
    parts += [f"## {one.scenario.name}\n\n{one.error}\n" for one in swept if one.error]
    parts += [explain(verdict) for one in swept for verdict in one.wrong]
    DETAILS.parent.mkdir(parents=True, exist_ok=True)
    DETAILS.write_text("\n".join(parts), encoding="utf-8")
    print(table(swept))
    whole = not (options.scenario or options.errno or skipped)
    note(_figure(swept, options, time.monotonic() - began), whole=whole)
    print(f"\n{report.machine()}; each {options.every}th point of {len(chosen)} scenarios")
    if all(one.passed for one in swept):
        return int(skipped and os.environ.get("CI") == "true")
    print(f"What was wrong, and how to see it again: {DETAILS}")
    return 1


def _figure(swept: Sequence[ErrorSwept], options: argparse.Namespace, seconds: float) -> Figure:
    where = "every call of one process of several" if options.forks else "every call"
    return Figure(
        "R3 forks" if options.forks else "R3",
        f"{len(ERRORS)} errors at {where}, once and from then on",
        sum(len(one.verdicts) for one in swept),
        "runs",
        sum(len(one.wrong) + bool(one.error) for one in swept),
        0,
        seconds,
        f"each {options.every}. point" if options.every > 1 else "",
    )


def _one(scenario: Scenario, point: ErrorPoint, folder: str | None) -> int:
    with tempfile.TemporaryDirectory(prefix="errors-", dir=folder) as root:
        forks = bool(point.path)
        paths = provisions(os.path.join(root, "source"), FORKED if forks else ())
        with sandbox_of(scenario, os.path.join(root, "0"), paths, quick=not folder) as sandbox:
            sweep = ErrorSweep(scenario, Inject([point.error], forks=forks), sandbox)
            verdict = sweep.verdict(point, next(iter(scenario.next_runs)))
    print(explain(verdict))
    return int(bool(verdict.wrong))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="integration.faults.errors", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--mode", action="append", help="only this link mode (repeatable)")
    parser.add_argument("--scenario", action="append", help="only this one (repeatable)")
    parser.add_argument(
        "--errno", action="append", choices=ERRORS, help="only this error (repeatable)"
    )
    parser.add_argument("--forks", action="store_true", help="strike one process of several")
    parser.add_argument("--every", type=int, default=1, help="only each n-th point")
    parser.add_argument("--workers", type=int, help="sweeps at once; default one per processor")
    parser.add_argument("--folder", help="where sandboxes are made; default in memory, on ext4")
    parser.add_argument("--point", help="strike this point only, such as link:3+:ENOSPC")
    return parser


if __name__ == "__main__":
    sys.exit(main())
