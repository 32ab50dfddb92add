"""A drive that says that it has flushed and has not, and then the power goes.

Purpose: the gate R7. Nobody survives that, and linkinstall does not promise to. What it
promises is not to say that all is well: after the power cut ``check --full`` and ``cache
verify --full`` find each file that is not what it was to be, and no command ends with a
traceback. Every system call that flushes is answered with success and not made.

Calling sequence::

    python -m integration.faults.lying                  # a part of ``make power``
    python -m integration.faults.lying --every 40 --file-system ext4

Guarantees: beside the points of ``Kill`` in the main thread, the power goes after the
command has ended with success. What is not whole is told by ``records`` and
``cache_check``, which share no code with what is tested. Exit status 1 if anything was
not found, or where ``CI=true`` the sweep cannot run. Nothing stays mounted.

Errors: none.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from integration.faults import cache_check, figures, records, report, scenarios
from integration.faults.mounted import MountedSandbox
from integration.faults.power import fully_synced, unpacked_just_before
from integration.faults.power_cut import END, PowerCut
from integration.faults.runner import Swept, run_all
from integration.faults.strace import Kill, Strike, lying, tracer
from integration.faults.strace import unavailable as no_strace
from integration.faults.sweep import BUG, TRACEBACK, sampled
from integration.faults.volumes import CUTS, MountError, quick_folder, unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from integration.faults.sandbox import Completed, Sandbox
    from integration.faults.scenario import Command, Scenario
    from integration.faults.strace import Point

FLUSHES = ("?fsync", "?fdatasync", "?syncfs", "?sync_file_range", "?sync", "?msync")
"""The calls that flush, each where the system has it."""
CHECK = scenarios.run("check", "--full", "--python", "{venv}")
VERIFY = scenarios.run("cache", "verify", "--full")
AFTER = (
    scenarios.RECOVER, scenarios.run("repair", "--all", "--python", "{venv}"),
    scenarios.run("cache", "verify", "--full", "--repair"),
)  # fmt: skip
"""What a person does then, one after the other; they may fail, and say so."""
STATUSES = {0, 1, 3}
NAMES = (
    "linkinstall-install-pluggy-hardlink", "linkinstall-install-pluggy-copy",
    "linkinstall-upgrade-parts-hardlink", "linkinstall-upgrade-parts-copy",
    "linkinstall-install-set-cold-hardlink",
    "linkinstall-uninstall-parts-hardlink", "linkinstall-cache-add-pluggy-hardlink",
)  # fmt: skip


class LyingCut(PowerCut):
    """A power cut on a drive that lies about flushing."""

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self._kill = Kill(FLUSHES)

    def points(self, sandbox: Sandbox, command: Command) -> list[Point]:
        """Return the points of the main thread, and the end first."""
        found = super().points(sandbox, command)
        return [END, *(one for one in found if one != END and not one.everywhere)]

    def strike(self, sandbox: Sandbox, command: Command, point: Point) -> Strike:
        """Run a command, kill it at a point or let it end, and let the power go."""
        if point != END:
            return super().strike(sandbox, command, point)
        log = os.path.join(sandbox.scratch, "strace.log")
        options = ["-f", "-e", f"trace={','.join(FLUSHES)}", *lying(FLUSHES)]
        completed = sandbox.run(command, before=tracer(log, *options))
        assert isinstance(sandbox, MountedSandbox)
        sandbox.cut(self.how)
        return Strike(completed.status in command.statuses, "nothing, it had ended", completed)


@dataclass
class Told:
    """What came of one scenario and one kind of cut.

    :param points: how many were struck
    :param damaged: how often something was not whole afterwards
    :param missed: points that did not come about
    :param wrong: what was not found, or ended otherwise than it may
    """

    points: int = 0
    damaged: int = 0
    missed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def told_of(sandbox: MountedSandbox, fault: LyingCut, scenario: Scenario, every: int) -> Told:
    """Strike a scenario at each ``every``-th point and at its end, and ask what is whole."""
    sandbox.build(scenario)
    sandbox.reset()
    end, *others = fault.points(sandbox, scenario.act)
    told = Told()
    for point in (end, *(sampled(others, every, 0) if every else ())):
        sandbox.reset()
        told.points += 1
        try:
            strike = fault.strike(sandbox, scenario.act, point)
        except MountError as error:  # a file system, too, may be beyond repair then
            told.damaged += 1
            print(f"{scenario.name} {point}: {error}", file=sys.stderr)
            continue
        if not strike.fired:
            told.missed.append(str(point))
        found = list(unfound(sandbox))
        told.damaged += bool(_broken(sandbox))
        for command in AFTER:
            found += misbehaved(sandbox, command)
        found += unfound(sandbox)
        told.wrong += [f"{scenario.name} {fault.how} {point}: {line}" for line in found]
    return told


def unfound(sandbox: Sandbox) -> Iterator[str]:
    """Yield what is not whole and is not told of, and commands that end as none may."""
    for command, wrong in ((CHECK, _environment(sandbox)), (VERIFY, _cache(sandbox))):
        completed = sandbox.run(command)
        yield from _misbehaved(command, completed)
        if wrong and completed.status == 0:
            yield f"{_name(command)} finds nothing, and {'; '.join(wrong)}"


def misbehaved(sandbox: Sandbox, command: Command) -> list[str]:
    """Run a command and return what is wrong with how it ends."""
    return _misbehaved(command, sandbox.run(command))


def _misbehaved(command: Command, completed: Completed) -> list[str]:
    bad = TRACEBACK in completed.output or BUG in completed.output
    if not bad and completed.status in STATUSES and not completed.timed_out:
        return []
    return [f"{_name(command)} ends with {completed.status}: {completed.output}"]


def _name(command: Command) -> str:
    words = command.arguments[command.arguments.index("linkinstall") + 1 :]
    return " ".join(word for word in words if not word.startswith(("--python", "{")))


def _environment(sandbox: Sandbox) -> list[str]:
    return records.problems(sandbox.library)


def _cache(sandbox: Sandbox) -> list[str]:
    return cache_check.problems(sandbox.area("cache"))


def _broken(sandbox: Sandbox) -> list[str]:
    return [*_environment(sandbox), *_cache(sandbox)]


# ---------------------------------------------------------------- the command


@dataclass(frozen=True)
class Job:
    """A scenario on a file system, with one kind of cut, and what came of it."""

    scenario: Scenario
    kind: str
    how: str
    every: int
    told: list[tuple[str, str, Told]]

    def __call__(self, folder: str, paths: Mapping[str, str]) -> list[Swept]:
        """Strike it in a folder of its own; the answer goes into ``told``."""
        began = time.monotonic()
        with MountedSandbox(folder, paths, self.kind) as sandbox:
            found = told_of(sandbox, LyingCut(self.how), self.scenario, self.every)
        self.told.append((self.kind, self.how, found))
        where = f"{self.kind}, {self.how}, {found.damaged} of {found.points} damaged"
        error = "\n".join(found.wrong)
        return [Swept(self.scenario, (), error, time.monotonic() - began, where)]


def chosen() -> list[Scenario]:
    """Return the scenarios: warm ones, one of a cache filled just before, and fully synced."""
    known = {one.name: one for one in scenarios.scenarios()}
    found = [known[name] for name in NAMES]
    return [*found, unpacked_just_before("hardlink"), fully_synced(found[0])]


def main(arguments: Sequence[str] | None = None) -> int:
    """Strike, print the table, return the exit status."""
    parser = argparse.ArgumentParser(prog="integration.faults.lying", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--file-system", action="append", choices=CUTS, help="only this one")
    parser.add_argument("--every", type=int, default=4, help="only each n-th point; 0: the end")
    parser.add_argument("--workers", type=int, help="at once; default one per processor")
    parser.add_argument("--folder", help="where images are made; default in memory")
    options = parser.parse_args(arguments)
    kinds = tuple(options.file_system or CUTS)
    reason = no_strace() or unavailable(kinds)
    if reason:
        print(f"SKIPPED lying: {reason}")
        return int(os.environ.get("CI") == "true")
    began = time.monotonic()
    told: list[tuple[str, str, Told]] = []
    jobs = [
        Job(scenario, kind, how, options.every, told)
        for kind in kinds
        for how in CUTS[kind]
        for scenario in chosen()
    ]
    run_all(jobs, folder=options.folder or quick_folder(), workers=options.workers)
    return conclude(told, time.monotonic() - began, options)


def conclude(
    told: Sequence[tuple[str, str, Told]], seconds: float, options: argparse.Namespace
) -> int:
    """Print the table and what was not found, note the figure, return the exit status."""
    sums: dict[tuple[str, str], Counter[str]] = {}
    for kind, how, one in told:
        row = sums.setdefault((kind, how), Counter())
        row.update(points=one.points, damaged=one.damaged, missed=len(one.missed))
        row.update(wrong=len(one.wrong))
    heads = ("points", "damaged", "missed", "wrong")
    rows = [(*key, *(row[name] for name in heads)) for key, row in sums.items()]
    names = ("points", "not whole then", "not fired", "not found, or a traceback")
    print(report.table(("file system", "cut", *names), rows))
    print(*(line for *_, one in told for line in one.wrong), sep="\n")
    total = {name: sum(row[name] for row in sums.values()) for name in heads}
    parts = [f"each {options.every}. point"] if options.every else ["the ends"]
    parts += [f"only {', '.join(options.file_system)}"] if options.file_system else []
    what = "power cut on a drive that lies about flushing: what is not whole is found"
    figure = figures.Figure(
        "R7", what, total["points"], "points", total["wrong"], total["missed"], seconds,
        "; ".join(parts),
    )  # fmt: skip
    figures.note(figure)
    return int(not figure.passed or not total["damaged"])


if __name__ == "__main__":
    sys.exit(main())
