"""``make compound``: the recovery is struck as well, at each of its calls.

Purpose: the gate R5. A command is killed, or loses its power, at one of its points; the
recovery that follows is struck in the same way at one of its own; with a depth of three,
so is the recovery after that. Then one next run follows, and everything has to be old
or new. One table at the end, and the details of what broke in a file.

Calling sequence::

    python -m integration.faults.compound                               # everything
    python -m integration.faults.compound --every 10 --every-second 3   # a part
    python -m integration.faults.compound --depth 3 --every 20 --every-second 5
    python -m integration.faults.compound --file-system ext4 --fault kill \
        --scenario NAME --point 'link:2 then unlink:3' --next recover --keep DIR

The last form strikes one chain of points and copies what is there afterwards to DIR.

Guarantees: those of ``make power``. Each fault starts from the volume as the one before
has left it, to the inode number. In the third place one point is struck for each pair,
another one each time.

Errors: none.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from integration.faults import figures, report, scenarios
from integration.faults.power import Case, strike_one
from integration.faults.power_cut import END
from integration.faults.runner import run_all
from integration.faults.scenarios import RECOVER
from integration.faults.strace import Point
from integration.faults.strace import unavailable as no_strace
from integration.faults.sweep import sampled
from integration.faults.volumes import quick_folder, unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from integration.faults.power_cut import PowerSweep
    from integration.faults.strace import Strike
    from integration.faults.sweep import Result
    from integration.faults.volumes import Contents

DETAILS = Path(__file__).parents[2] / ".cache" / "faults" / "compound.md"
KINDS = ("ext4", "xfs")
FAULTS = ("kill", "log-flushed", "log-lost")
HEADS = ("file system", "fault", "layout", "cache")
THEN = " then "
"""Between the points of a chain."""


@dataclass(frozen=True)
class Chain(Point):
    """A point of a command, and those of the recoveries after it."""

    then: tuple[Point, ...] = ()

    def __str__(self) -> str:
        """Name all of them, in order."""
        return THEN.join((super().__str__(), *map(str, self.then)))


@dataclass(frozen=True)
class Compound(Case):
    """A scenario whose recovery is struck too.

    :param second: each so-manieth point of the recovery is struck
    :param depth: how many faults follow on each other, 2 or 3
    """

    second: int = 1
    depth: int = 2

    def results(self, sweep: PowerSweep, turn: int) -> Iterator[Result]:
        """Strike twice or three times, let one next run follow, and judge."""
        names = tuple(self.scenario.next_runs)
        sandbox, number = sweep.volumes, turn
        for first in sampled(sweep.points(), self.every, turn):
            crashed = self._crash(sweep, first)
            points = sweep.fault.points(sandbox, RECOVER)
            for second in sampled(points, self.second, number):
                number += 1
                chain = [first, second]
                yield self._chain(sweep, crashed, chain, names[number % len(names)])

    def again(self, sweep: PowerSweep, points: str, next_run: str) -> Result:
        """Strike the chain that is written in ``points``."""
        first, *then = map(Point.parse, points.split(THEN))
        return self._chain(sweep, self._crash(sweep, first), [first, *then], next_run)

    def program(self, how: str) -> str:
        """Return the module and the options that strike a chain again."""
        return f"integration.faults.compound --file-system {self.kind} --fault {how or 'kill'}"

    def _crash(self, sweep: PowerSweep, first: Point) -> list[Contents]:
        sweep.volumes.reset()
        sweep.fault.strike(sweep.volumes, self.scenario.act, first)
        return sweep.volumes.contents()

    def _chain(
        self, sweep: PowerSweep, crashed: list[Contents], points: list[Point], next_run: str
    ) -> Result:
        def strike() -> Strike:
            sweep.volumes.fill(crashed)
            struck = sweep.fault.strike(sweep.volumes, RECOVER, points[1])
            if max(self.depth, len(points)) == 3 and struck.fired:
                return self._third(sweep, points)
            return struck

        first = points[0]
        result = sweep.after(strike, first, next_run)
        chain = Chain(first.call, first.ordinal, first.everywhere, first.path, tuple(points[1:]))
        return replace(result, point=chain)

    def _third(self, sweep: PowerSweep, points: list[Point]) -> Strike:
        sandbox = sweep.volumes
        left = sandbox.contents()
        if len(points) == 2:
            known = sweep.fault.points(sandbox, RECOVER) or [END]
            points.append(known[(points[1].ordinal * 7 + self.turn) % len(known)])
        sandbox.fill(left)
        return sweep.fault.strike(sandbox, RECOVER, points[2])


def cases(kinds: Sequence[str], faults: Sequence[str], options: argparse.Namespace) -> list[Case]:
    """Return every scenario on these file systems."""
    known = scenarios.scenarios(tuple(options.mode or ("hardlink",)))
    cuts = tuple("" if fault == "kill" else fault for fault in faults)
    able = [one for one in known if "recover" in one.next_runs and one.verb != "cache-add"]
    return [
        Compound(
            one,
            "one volume",
            kind,
            cuts,
            options.every,
            turn,
            DETAILS,
            options.every_second,
            options.depth,
        )
        for kind in kinds
        for turn, one in enumerate(able)
        if not options.scenario or one.name in options.scenario
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Sweep, print the table, return the exit status."""
    options = _parser().parse_args(arguments)
    kinds = tuple(options.file_system or KINDS)
    reason = no_strace() or unavailable(kinds)
    if reason:
        print(f"SKIPPED compound: {reason}")
        return int(os.environ.get("CI") == "true")
    chosen = cases(kinds, options.fault or FAULTS, options)
    if options.point:
        return strike_one(chosen[0], options)
    began = time.monotonic()
    report.begin_details(DETAILS)
    swept = run_all(chosen, folder=options.folder or quick_folder(), workers=options.workers)
    parts = [f"each {options.every}. point, each {options.every_second}. of its recovery"]
    what = f"the recovery struck as well, {options.depth} faults in a row"
    if not options.scenario:
        left_out = parts if max(options.every, options.every_second) > 1 else []
        gate = "R5" if options.depth == 2 else "R5 three"
        figure = report.figure(gate, what, swept, time.monotonic() - began, left_out)
        figures.note(figure)
    return report.conclude(swept, report.grouped_table(swept, HEADS), DETAILS)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="integration.faults.compound", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    for name in ("file-system", "fault", "mode", "scenario"):
        parser.add_argument(f"--{name}", action="append", help="only this one (repeatable)")
    parser.add_argument("--every", type=int, default=1, help="only each n-th point")
    parser.add_argument("--every-second", type=int, default=1, help="and of its recovery's")
    parser.add_argument("--depth", type=int, default=2, choices=(2, 3), help="faults in a row")
    parser.add_argument("--workers", type=int, help="sweeps at once; default one per processor")
    parser.add_argument("--folder", help="where images are made; default in memory")
    parser.add_argument("--point", help="strike this chain of points only")
    parser.add_argument("--next", default="recover", help="the next run that follows --point")
    parser.add_argument("--keep", default="kept", help="the folder --point leaves the world in")
    return parser


if __name__ == "__main__":
    sys.exit(main())
