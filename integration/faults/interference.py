"""``make interference``: somebody else changes the project between our crash and our recovery.

Purpose: the person whose install was killed goes on with pip or uv, or writes a file of
their own where one was. Our next run then meets a journal that tells of a world that is
no more. At each kill point of our install, upgrade and uninstall each of these acts, and
then our recovery.

Calling sequence::

    python -m integration.faults.interference                   # everything
    python -m integration.faults.interference --tool uv --every 3
    python -m integration.faults.interference --scenario NAME --act ACT --point rename:2

The last form strikes one point and leaves the world in the folder that ``--keep`` names.

Guarantees: a result is sound if our run succeeded, each project has one dist-info or
none, each RECORD holds by hash, journal and stash are gone, the trash too after one more
run, what the other tool has installed is there byte for byte, what is ours is what the old or
the new state has of it, and all that neither had anything to do with is as it was: in the
environment, beside it, and in the folders for temporary files. Exit status 1 otherwise, also
where a person's act failed: nothing was put to the test there.

Errors: none.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import cache_from_source
from typing import TYPE_CHECKING

from integration.faults import figures, peers, report
from integration.faults.runner import provisions
from integration.faults.sandbox import Sandbox
from integration.faults.scenario import Command, Scenario
from integration.faults.scenarios import RECOVER
from integration.faults.scenarios import scenario as named
from integration.faults.snapshot import difference, take
from integration.faults.soundness import (
    Bare,
    around,
    brought,
    installed,
    installer,
    litter,
    unsound,
)
from integration.faults.strace import Kill, Point, unavailable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from integration.faults.snapshot import Node, Snapshot

PROJECT = "pluggy"
OLD, NEW = "pluggy-1.5.0", "pluggy-1.6.0"
SCENARIOS = tuple(
    f"linkinstall-{verb}-pluggy-hardlink" for verb in ("install", "upgrade", "uninstall")
)
OWN = "pluggy/_manager.py"
"""The path at which somebody writes a file of their own, in the place of ours where that stands."""
STATE = ".linkinstall"


@dataclass(frozen=True)
class Act:
    """What somebody else does.

    :param tool: pip, uv, or ``person``, who writes a file
    :param verb: what it does
    :param command: how
    """

    tool: str
    verb: str
    command: Command

    @property
    def name(self) -> str:
        """A unique name, usable on a command line."""
        return f"{self.tool}-{self.verb}"


@dataclass(frozen=True)
class Met:
    """One point, one act, and what was there after our next run.

    :param end: ``theirs`` stands, ``ours`` (old or new), or ``none``
    :param failed: whether the other tool said that it failed
    :param problems: what is wrong; nothing where all is sound
    """

    scenario: str
    act: str
    point: Point
    end: str
    failed: bool
    problems: tuple[str, ...]


def acts() -> list[Act]:
    """Return all that somebody else may do."""
    # As editors do it: written aside, and moved into place.
    write = (
        "import os, sys; path = sys.argv[1]; os.makedirs(os.path.dirname(path), exist_ok=True); "
        "open(path + '~', 'x').write('own = True'); os.replace(path + '~', path)"
    )
    own = Command(("{harness}", "-I", "-S", "-c", write, f"{{library}}/{OWN}"))
    found = [Act("person", "file", own)]
    # Made to act even where the same version seems to be there.
    uv_old, uv_new = (peers.uv_commands(wheel, "--reinstall") for wheel in (OLD, NEW))
    pip_old, pip_new = (peers.pip_commands(wheel, "--force-reinstall") for wheel in (OLD, NEW))
    for tool, older, newer in (("uv", uv_old, uv_new), ("pip", pip_old, pip_new)):
        found += [
            Act(tool, "install", _apart(older["install"])),
            Act(tool, "upgrade", _apart(newer["install"])),
            Act(tool, "uninstall", _apart(older["uninstall"])),
        ]
    return found


def _apart(command: Command) -> Command:
    """Return a command with a cache of its own, which is not judged."""
    apart = {"UV_CACHE_DIR": "{venv}/../uv-cache"} if "UV_CACHE_DIR" in command.variables else {}
    return Command(command.arguments, {**command.variables, **apart}, command.statuses)


class Meeting:
    """One scenario and one act, in a sandbox of its own."""

    def __init__(self, scenario: Scenario, act: Act, sandbox: Sandbox) -> None:
        """Build the old state."""
        self.scenario, self.act, self.sandbox = scenario, act, sandbox
        sandbox.build(Scenario(**{**vars(scenario), "prepare": ()}))
        self._bare = Bare.of(sandbox.area("venv"), sandbox.library)
        self._own = os.path.relpath(os.path.join(sandbox.library, OWN), sandbox.area("venv"))
        sandbox.build(scenario)
        self._known = self._brought()
        sandbox.run(scenario.act)
        self._known |= self._brought()

    def all(self, *, every: int = 1, calls: Collection[str] = ()) -> Iterator[Met]:
        """Strike at each ``every``-th point and let the act and our recovery follow.

        :param calls: only points at these system calls; default all
        """
        self.sandbox.reset()
        points = Kill().points(self.sandbox, self.scenario.act)
        points = [point for point in points if not calls or point.call in calls]
        for point in points[::every]:
            yield self.at(point)

    def at(self, point: Point) -> Met:
        """Strike at one point, let the act and our recovery follow, and judge."""
        box = self.sandbox
        box.reset()
        strike = Kill().strike(box, self.scenario.act, point)
        problems = [] if strike.fired else ["the point did not fire"]
        before = take(box.area("venv"))
        done = box.run(self.act.command)
        theirs = self._theirs()
        # What a tool that fails leaves lying about is its own affair.
        left = take(box.area("venv")).keys() - before.keys() if done.status else set()
        outside = around(box)
        problems += self._run_ours()
        state = os.path.join(box.library, STATE)
        for name in ("journal", "committed", "stash", "new"):
            if os.path.lexists(os.path.join(state, name)):
                problems.append(f"{name} is left after our run")
        problems += self._run_ours()
        person = self.act.tool == "person"
        # What was compiled from the file that stood there may stay, or go.
        own = {self._own, cache_from_source(self._own)} if person else set()
        wrong = unsound(box.area("venv"), box.library, self._bare, self._known, left | own)
        problems += [one for one in wrong if not (person and OWN in one)]
        problems += litter(box, outside)
        problems += [f"theirs: {line}" for line in difference(theirs, self._now(theirs))]
        end = "theirs" if theirs else "ours" if PROJECT in installed(box.library) else "none"
        if person and done.status:
            problems.append(f"nobody acted: {done.output.strip()[-300:]}")
        return Met(
            self.scenario.name, self.act.name, point, end, bool(done.status), tuple(problems)
        )

    def _brought(self) -> dict[str, dict[str, Node]]:
        return brought(self.sandbox.area("venv"), self.sandbox.library)

    def _run_ours(self) -> list[str]:
        completed = self.sandbox.run(RECOVER)
        if completed.status == 0 and "Traceback" not in completed.output:
            return []
        return [f"recover ends with {completed.status}: {completed.output.strip()[-300:]}"]

    def _theirs(self) -> Snapshot:
        """Return all that the act has put in place."""
        if self.act.tool == "person":
            return self._now([self._own])
        for name, paths in self._brought().items():
            tool = installer(self.sandbox.library, name)
            if name.startswith(f"{PROJECT}-") and tool == self.act.tool:
                return paths
        return {}

    def _now(self, paths: Collection[str]) -> Snapshot:
        """Return what stands at paths relative to the environment."""
        there = take(self.sandbox.area("venv"))
        return {path: there[path] for path in paths if path in there}


def meet_all(
    scenarios: Sequence[Scenario],
    chosen: Sequence[Act],
    *,
    every: int = 1,
    calls: Collection[str] = (),
    folder: str | None = None,
    workers: int | None = None,
    spoil: Sequence[tuple[str, str, str]] = (),
) -> list[Met]:
    """Return what came of each scenario with each act.

    :param calls: see ``Meeting.all``
    :param spoil: see ``runner.provisions``: a build that is known to be bad
    """
    with (
        tempfile.TemporaryDirectory(prefix="interference-", dir=folder) as root,
        ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool,
    ):
        paths = provisions(os.path.join(root, "source"), spoil)

        def one(number: int, scenario: Scenario, act: Act) -> list[Met]:
            begun = time.monotonic()
            sandbox = Sandbox(os.path.join(root, str(number)), paths)
            found = list(Meeting(scenario, act, sandbox).all(every=every, calls=calls))
            shutil.rmtree(sandbox.folder)
            broken = sum(bool(met.problems) for met in found)
            told = f"{time.monotonic() - begun:6.1f} s  {scenario.name} {act.name}: "
            print(f"{told}{broken} of {len(found)} broken", file=sys.stderr, flush=True)
            return found

        pairs = [(scenario, act) for scenario in scenarios for act in chosen]
        jobs = [pool.submit(one, number, *pair) for number, pair in enumerate(pairs)]
        return [met for job in jobs for met in job.result()]


def table(found: Sequence[Met]) -> str:
    """Return one row for each scenario and act."""
    heads = ("ours, killed", "theirs", "points", "they failed", "theirs stands", "ours, old or new",
             "none", "broken")  # fmt: skip
    rows = []
    for key in dict.fromkeys((met.scenario, met.act) for met in found):
        mine = [met for met in found if (met.scenario, met.act) == key]
        ends = Counter(met.end for met in mine if not met.problems)
        broken = sum(bool(met.problems) for met in mine)
        failed = sum(met.failed for met in mine)
        ours = " ".join(key[0].split("-")[1:3])
        theirs = key[1].replace("-", " ")
        counts = (ends["theirs"], ends["ours"], ends["none"])
        rows.append((ours, theirs, len(mine), failed, *counts, broken))
    sums = [sum(int(row[column]) for row in rows) for column in range(2, 8)]
    return report.table(heads, [*rows, ("**all**", "", *sums)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Strike, let somebody act, recover, print the table, return the exit status."""
    options = _parser().parse_args(arguments)
    reason = unavailable()
    if reason:
        print(f"SKIPPED interference: {reason}")
        return int(os.environ.get("CI") == "true")
    scenarios = [named(name) for name in options.scenario or SCENARIOS]
    chosen = [one for one in acts() if not options.tool or one.tool in options.tool]
    chosen = [one for one in chosen if not options.act or one.name in options.act]
    if options.point:
        return _one(scenarios[0], chosen[0], options)
    began = time.monotonic()
    found = meet_all(
        scenarios,
        chosen,
        every=options.every,
        calls=options.call or (),
        folder=options.folder,
        workers=options.workers,
    )
    for met in found:
        for problem in met.problems:
            print(f"{met.scenario} --act {met.act} --point {met.point}: {problem}")
    print(table(found))
    what = "pip, uv or a person acts between our crash and our recovery"
    broken, taken = sum(bool(met.problems) for met in found), time.monotonic() - began
    part = f"each {options.every}. point" if options.every > 1 else ""
    whole = not (options.scenario or options.tool or options.act or options.call)
    figure = figures.Figure("R1 others", what, len(found), "runs", broken, 0, taken, part)
    figures.note(figure, whole=whole)
    versions = peers.versions()
    print(f"\n{report.machine()}, pip {versions['pip']}, uv {versions['uv']}")
    return int(any(met.problems for met in found))


def _one(scenario: Scenario, act: Act, options: argparse.Namespace) -> int:
    keep = os.path.abspath(options.keep)
    shutil.rmtree(keep, ignore_errors=True)
    sandbox = Sandbox(os.path.join(keep, "sandbox"), provisions(os.path.join(keep, "source")))
    met = Meeting(scenario, act, sandbox).at(Point.parse(options.point))
    print(*met.problems, f"in the end: {met.end}", f"the world is in {sandbox.world}", sep="\n")
    return int(bool(met.problems))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="integration.faults.interference", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--scenario", action="append", help="of make kill (repeatable)")
    parser.add_argument("--tool", action="append", choices=("person", "uv", "pip"))
    parser.add_argument("--act", action="append", help="TOOL-VERB (repeatable)")
    parser.add_argument("--every", type=int, default=1, help="only each n-th point")
    parser.add_argument("--call", action="append", help="only before this system call (repeatable)")
    parser.add_argument("--workers", type=int, help="at once; default one per processor")
    parser.add_argument("--folder", help="where sandboxes are made; default the temporary folder")
    parser.add_argument("--point", help="strike this point only")
    parser.add_argument("--keep", default="kept", help="the folder --point leaves the world in")
    return parser


if __name__ == "__main__":
    sys.exit(main())
