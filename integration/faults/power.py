"""``make power``: a power cut before every call that changes the disk.

Purpose: the gate R4. Each point of each scenario, on ext4 and xfs with both kinds of
shutdown and on btrfs by a copy of its image, on one volume and on several, from a warm
cache, from one that the command fills itself, and from one that was filled just before
and never flushed. Then the volume is mounted, and one next run follows; the next runs
take turns. One table at the end, and the details of what broke in a file.

Calling sequence::

    python -m integration.faults.power                                # everything
    python -m integration.faults.power --every 10 --file-system xfs   # a part
    python -m integration.faults.power --file-system ext4 --cut log-flushed \
        --layout "one volume" --scenario NAME --point rename:2 --next recover --keep DIR

The last form strikes one point and copies what is there afterwards to DIR/world.

Guarantees: exit status 1 if anything was broken, or a point did not fire, or where
``CI=true`` the sweep cannot run. Nothing stays mounted.

Errors: none.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from integration.faults import figures, report, scenarios
from integration.faults.mounted import LAYOUTS, MountedSandbox
from integration.faults.power_cut import FULL, PowerCut, PowerSweep
from integration.faults.runner import Swept, provisions, run_all
from integration.faults.sandbox import SetupError
from integration.faults.states import STEADY
from integration.faults.strace import Point
from integration.faults.strace import unavailable as no_strace
from integration.faults.volumes import CUTS, quick_folder, unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from integration.faults.scenario import Scenario
    from integration.faults.sweep import Result

DETAILS = report.details("power")
HEADS = ("file system", "cut", "layout", "cache")
MODES = ("hardlink", "copy", "symlink")
"""The modes that each file system has; clone is added where it can."""
CLONES = ("xfs", "btrfs")
SYNCED = ("install", "reinstall", "upgrade", "downgrade", "uninstall", "recover", "repair",
          "venv-create", "venv-clear", "venv-remove", "venv-decouple", "cache-add")  # fmt: skip
"""The verbs that take ``--sync``."""
DIVIDED = ("data apart", "scripts apart", "library apart")


@dataclass(frozen=True)
class Case:
    """A scenario on a certain kind of disk.

    :param layout: one of ``LAYOUTS``
    :param kind: the file system
    :param cuts: how the power goes
    :param every: only each so-manieth point is struck
    :param turn: with which point and which next run to begin
    :param details: a file that is told of each broken point at once
    """

    scenario: Scenario
    layout: str
    kind: str
    cuts: tuple[str, ...]
    every: int = 1
    turn: int = 0
    details: Path | None = None

    def __call__(self, folder: str, paths: Mapping[str, str]) -> list[Swept]:
        """Sweep it in a folder of its own, once for each kind of cut."""
        with self.sandbox(folder, paths) as sandbox:
            try:
                sweep = self.sweep(sandbox)
            except SetupError as error:
                return [self._swept(self.cuts[0], error=str(error))]
            return [self._cut(sweep, number) for number in range(len(self.cuts))]

    def sweep(self, sandbox: MountedSandbox) -> PowerSweep:
        """Return the sweep, which begins with the first kind of cut."""
        return PowerSweep(self.scenario, PowerCut(self.cuts[0]), sandbox)

    def sandbox(self, folder: str, paths: Mapping[str, str]) -> MountedSandbox:
        """Return the sandbox on its volumes."""
        return MountedSandbox(folder, paths, self.kind, LAYOUTS[self.layout])

    def _cut(self, sweep: PowerSweep, number: int) -> Swept:
        how = self.cuts[number]
        sweep.fault = PowerCut(how)
        sweep.same = 0
        start = time.monotonic()
        found = []
        for result in self.results(sweep, self.turn + number):
            right = result.sound and result.strike.fired
            if result.same and right:  # nothing was put to the test
                continue
            found.append(result)
            if self.details and not right:
                report.add_detail(self.details, result, self._swept(how))
        swept = self._swept(how, tuple(found), seconds=time.monotonic() - start)
        return replace(swept, same=sweep.same)

    def results(self, sweep: PowerSweep, turn: int) -> Iterable[Result]:
        """Return what comes of one kind of cut."""
        return sweep.results(every=self.every, turn=turn)

    def again(self, sweep: PowerSweep, points: str, next_run: str) -> Result:
        """Strike the point that is written in ``points``."""
        return sweep.result(Point.parse(points), next_run)

    def program(self, how: str) -> str:
        """Return the module and the options that strike a point again."""
        options = f"--file-system {self.kind} --cut {how} --layout '{self.layout}'"
        return f"integration.faults.power {options}"

    def _swept(
        self, how: str, found: tuple[Result, ...] = (), error: str = "", seconds: float = 0.0
    ) -> Swept:
        where = ", ".join((self.kind, how or "kill", self.layout, _cache_of(self.scenario)))
        return Swept(self.scenario, found, error, seconds, where, self.program(how))


def cases(kinds: Sequence[str] = tuple(CUTS), *, every: int = 1) -> list[Case]:
    """Return every case on these file systems."""
    found = [
        Case(scenario, layout, kind, CUTS[kind], every, details=DETAILS)
        for kind in kinds
        for layout, chosen in _by_layout(kind).items()
        for scenario in chosen
    ]
    return [replace(case, turn=number) for number, case in enumerate(found)]


def _by_layout(kind: str) -> dict[str, list[Scenario]]:
    modes = (*MODES, "clone") if kind in CLONES else MODES
    found = [one for mode in modes for one in scenarios.scenarios((mode,)) if _wanted(one, mode)]
    known = [telling(one) for one in found]
    cold = [unpacked_just_before(mode) for mode in modes]
    first = [one for one in known if one.mode == "hardlink"]
    parts = [one for one in known if one.subject in {"parts", "set"} and one.mode in MODES[:2]]
    pluggy = [one for one in known if one.subject in {"pluggy", "pluggy cold"}]
    begun = [interrupted(what) for what in INTERRUPTED]
    full = [fully_synced(one) for one in (*first, *begun, *cold[:1]) if one.verb in SYNCED]
    return {
        "one volume": [*known, *cold, *full],
        "cache apart": [*pluggy, *cold, *filter(_of_caches, full)],
        **{layout: [*parts, *filter(_of_parts, full)] for layout in DIVIDED},
    }


def _wanted(scenario: Scenario, mode: str) -> bool:
    # What is done to a whole cache, or to a whole environment, is the same in each mode.
    return mode == "hardlink" or not scenario.verb.startswith(("cache-", "venv-"))


def telling(scenario: Scenario) -> Scenario:
    """Return the scenario with the next runs of which two leave the same."""
    # ``venv clear`` lets virtualenv write times into files of its own.
    runs = {name: run for name, run in scenario.next_runs.items() if name != "clear"}
    return replace(scenario, next_runs=runs)


def _of_parts(scenario: Scenario) -> bool:
    # A whole environment is taken away where its folders are no mount points.
    return scenario.subject.startswith("parts ") and not scenario.verb.startswith("venv-")


def _of_caches(scenario: Scenario) -> bool:
    return "cold" in scenario.subject or scenario.verb == "repair"


def unpacked_just_before(mode: str) -> Scenario:
    """Return an install from an entry that was unpacked just before and never flushed."""
    warm = scenarios.scenario(f"linkinstall-install-pluggy-{mode}")
    add = scenarios.run("cache", "add", "--sync", "off", "{pluggy-1.5.0}")
    return replace(warm, subject="pluggy unpacked-before cold", prepare=(), just_before=(add,))


INTERRUPTED = ("undone", "finished")
"""What a recovery does with a change that was killed right before its commit, or right after."""
_DYING = """
import os, signal, sys
from linkinstall.cli import leave, run

def look(event, arguments):
    global committed
    if event == "os.rename" and os.fspath(arguments[1]).endswith("/committed"):
        committed = True
        if before:
            os.kill(os.getpid(), signal.SIGKILL)
    elif committed and event in ("os.remove", "os.rmdir"):
        os.kill(os.getpid(), signal.SIGKILL)

committed, before = False, sys.argv.pop(1) == "undone"
sys.addaudithook(look)
leave(run())
"""


def interrupted(what: str) -> Scenario:
    """Return the recovery from an upgrade that was killed right before or after its commit.

    :param what: one of ``INTERRUPTED``
    """
    upgrade = scenarios.scenario("linkinstall-upgrade-parts-hardlink")
    program, words = upgrade.act.arguments[:4], upgrade.act.arguments[6:]
    dying = replace(
        upgrade.act,
        arguments=(*program, "-c", _DYING, what, *words),
        statuses=(-signal.SIGKILL,),
    )
    recover = scenarios.RECOVER
    return replace(
        upgrade,
        verb="recover",
        subject=f"parts {what}",
        prepare=(*upgrade.prepare, dying),
        act=recover,
        next_runs={**upgrade.next_runs, "again": recover},
    )


def fully_synced(scenario: Scenario) -> Scenario:
    """Return the scenario with the setting under which success means that the disk has it."""
    act = replace(scenario.act, arguments=(*scenario.act.arguments, *FULL))
    runs = {name: act if name == "again" else run for name, run in scenario.next_runs.items()}
    return replace(scenario, subject=f"{scenario.subject} fully-synced", act=act, next_runs=runs)


def _cache_of(scenario: Scenario) -> str:
    words = scenario.subject.split()
    filled = "unpacked just before" if scenario.just_before else "filled by the command"
    cold = scenario.verb == "cache-add" or "cold" in words
    return (filled if cold else "warm") + (" and sync full" if "fully-synced" in words else "")


# ---------------------------------------------------------------- the command


def main(arguments: Sequence[str] | None = None) -> int:
    """Sweep, print the table, return the exit status."""
    options = _parser().parse_args(arguments)
    kinds = tuple(options.file_system or CUTS)
    reason = no_strace() or unavailable(kinds)
    if reason:
        print(f"SKIPPED power: {reason}")
        return int(os.environ.get("CI") == "true")
    chosen = [
        replace(case, cuts=tuple(how for how in case.cuts if how in (options.cut or case.cuts)))
        for case in cases(kinds, every=options.every)
        if is_chosen(case, options)
    ]
    if options.list:
        print(*(f"{one.scenario.name}, {one.kind}, {one.layout}" for one in chosen), sep="\n")
        return 0
    if options.point:
        return strike_one(chosen[0], options)
    began = time.monotonic()
    report.begin_details(DETAILS)
    folder = options.folder or quick_folder()
    swept = run_all(chosen, folder=folder, workers=options.workers, spoil=STEADY)
    figure = _figure(swept, options, time.monotonic() - began)
    figures.note(figure, whole=not options.scenario)
    return report.conclude(swept, report.grouped_table(swept, HEADS), DETAILS)


def _figure(swept: Sequence[Swept], options: argparse.Namespace, seconds: float) -> figures.Figure:
    names = ("file_system", "cut", "layout", "mode", "verb")
    only = [", ".join(chosen) for name in names if (chosen := getattr(options, name))]
    parts = [f"each {options.every}. point"] if options.every > 1 else []
    parts += [f"only {'; '.join(only)}"] if only else []
    return report.figure(
        "R4", "power cut at each call that changes the disk", swept, seconds, parts
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="integration.faults.power", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    for name in ("file-system", "cut", "layout", "mode", "verb", "scenario"):
        parser.add_argument(f"--{name}", action="append", help="only this one (repeatable)")
    parser.add_argument("--every", type=int, default=1, help="only each n-th point")
    parser.add_argument("--workers", type=int, help="sweeps at once; default one per processor")
    parser.add_argument("--folder", help="where images are made; default in memory")
    parser.add_argument("--list", action="store_true", help="name the scenarios and end")
    parser.add_argument("--point", help="strike this point only")
    parser.add_argument("--next", default="recover", help="the next run that follows --point")
    parser.add_argument("--keep", default="kept", help="the folder --point leaves the world in")
    return parser


def is_chosen(case: Case, options: argparse.Namespace) -> bool:
    """Return whether a case is among those that were asked for."""
    scenario = case.scenario
    wanted = (
        (case.layout, options.layout),
        (scenario.mode, options.mode),
        (scenario.verb, options.verb),
        (scenario.name, options.scenario),
    )
    return all(not names or value in names for value, names in wanted)


def strike_one(case: Case, options: argparse.Namespace) -> int:
    """Strike one point, show what came of it, and copy what is there afterwards."""
    keep = os.path.abspath(options.keep)
    shutil.rmtree(keep, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=options.folder or quick_folder()) as folder:
        paths = provisions(os.path.join(folder, "source"), STEADY)
        with case.sandbox(os.path.join(folder, "sandbox"), paths) as sandbox:
            sweep = case.sweep(sandbox)
            result = case.again(sweep, options.point, options.next)
            subprocess.run(["cp", "-a", sandbox.world, keep], check=True)
    print(f"killed before {result.strike.call}\n{result.completed.output}")
    print(f"{report.explain(result)}\nthe world is in {keep}")
    return int(not result.sound or not result.strike.fired)


if __name__ == "__main__":
    sys.exit(main())
