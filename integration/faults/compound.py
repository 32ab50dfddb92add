"""``make compound``: the recovery is struck as well, at each of its calls.

Purpose: the gate R5. A command is killed, or loses its power, at one of its points; the
recovery that follows is struck in the same way at one of its own; so is the recovery after
that, and so on. One next run follows, and everything has to be old or new. One table at the
end, and the details of what broke in a file. Parts of an environment are on volumes of their
own, too, two faults in a row: a recovery over several flushes them in an order.

Calling sequence::

    python -m integration.faults.compound                               # everything
    python -m integration.faults.compound --every 10 --every-second 3   # a part
    python -m integration.faults.compound --depth 2                     # no third fault
    python -m integration.faults.compound --file-system ext4 --fault kill \
        --layout "one volume" --scenario NAME --point 'link:2 then unlink:3' \
        --next recover --keep DIR

The last form strikes one chain of points and copies what is there afterwards to DIR.

Guarantees: those of ``make power``. Each fault starts from the volume as the one before
has left it, to the inode number. Most chains lead to a world that another one has led to;
each world is put to one next run, and what it follows from is counted: see ``chains``.

Errors: none.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING

from integration.faults import figures, report, scenarios
from integration.faults.chains import THEN, ChainSweep
from integration.faults.power import DIVIDED, Case, is_chosen, strike_one, telling
from integration.faults.power_cut import PowerCut
from integration.faults.runner import run_all
from integration.faults.states import STEADY
from integration.faults.strace import Point
from integration.faults.strace import unavailable as no_strace
from integration.faults.volumes import quick_folder, unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from integration.faults.mounted import MountedSandbox
    from integration.faults.power_cut import PowerSweep
    from integration.faults.runner import Swept
    from integration.faults.scenario import Scenario
    from integration.faults.sweep import Result

DETAILS = report.details("compound")
ONE = "one volume"
APART_DEPTH = 2
"""How many faults follow on each other where an environment is on several volumes."""
KINDS = ("ext4", "xfs")
FAULTS = ("kill", "log-flushed", "log-lost")
HEADS = ("file system", "fault", "layout", "cache")


@dataclass(frozen=True)
class Compound(Case):
    """A scenario whose recovery is struck too.

    :param second: each so-manieth point of a recovery is struck
    :param depth: how many faults follow on each other at most
    """

    second: int = 1
    depth: float = inf

    def sweep(self, sandbox: MountedSandbox) -> ChainSweep:
        """Return the sweep, which begins with the first kind of fault."""
        return ChainSweep(self.scenario, PowerCut(self.cuts[0]), sandbox)

    def results(self, sweep: PowerSweep, turn: int) -> Iterator[Result]:
        """Strike again and again, let one next run follow each new world, and judge."""
        assert isinstance(sweep, ChainSweep)
        return sweep.chains(every=self.every, second=self.second, depth=self.depth, turn=turn)

    def again(self, sweep: PowerSweep, points: str, next_run: str) -> Result:
        """Strike the chain that is written in ``points``."""
        assert isinstance(sweep, ChainSweep)
        return sweep.chain(tuple(map(Point.parse, points.split(THEN))), next_run)

    def program(self, how: str) -> str:
        """Return the module and the options that strike a chain again."""
        options = f"--file-system {self.kind} --fault {how or 'kill'} --layout '{self.layout}'"
        return f"integration.faults.compound {options}"


def able(modes: tuple[str, ...]) -> dict[str, list[Scenario]]:
    """Return the scenarios in these modes, by layout."""
    # A change of whole environments may write times that no two runs share: see ``telling``.
    known = [telling(one) for one in scenarios.scenarios(modes)]
    parts = [one for one in known if one.subject == "parts"]
    return {ONE: known, **dict.fromkeys(DIVIDED, parts)}


def cases(
    kinds: Sequence[str] = KINDS,
    faults: Sequence[str] = FAULTS,
    *,
    modes: tuple[str, ...] = ("hardlink",),
    every: int = 1,
    second: int = 1,
    depth: float = inf,
) -> list[Case]:
    """Return every scenario on these file systems."""
    cuts = tuple("" if fault == "kill" else fault for fault in faults)
    found = able(modes)
    return [
        Compound(
            one,
            layout,
            kind,
            cuts,
            every,
            turn,
            DETAILS,
            second,
            depth if layout == ONE else min(depth, APART_DEPTH),
        )
        for kind in kinds
        for layout in found
        for turn, one in enumerate(found[layout])
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Sweep, print the table, return the exit status."""
    options = _parser().parse_args(arguments)
    kinds = tuple(options.file_system or KINDS)
    reason = no_strace() or unavailable(kinds)
    if reason:
        print(f"SKIPPED compound: {reason}")
        return int(os.environ.get("CI") == "true")
    found = cases(
        kinds,
        options.fault or FAULTS,
        modes=tuple(options.mode or ("hardlink",)),
        every=options.every,
        second=options.every_second,
        depth=options.depth,
    )
    chosen = [one for one in found if is_chosen(one, options)]
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
    parts = [f"each {options.every}. point"] if options.every > 1 else []
    parts += [f"each {options.every_second}. of a recovery"] if options.every_second > 1 else []
    parts += [f"at most {options.depth} faults in a row"] if options.depth < inf else []
    names = ("file_system", "fault", "layout", "mode")
    parts += [", ".join(chosen) for name in names if (chosen := getattr(options, name))]
    what = "the recovery struck as well, and the recovery of that, and so on"
    found = report.figure("R5", what, swept, seconds, parts)
    return replace(found, unit="chains")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="integration.faults.compound", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    for name in ("file-system", "fault", "layout", "mode", "verb", "scenario"):
        parser.add_argument(f"--{name}", action="append", help="only this one (repeatable)")
    parser.add_argument("--every", type=int, default=1, help="only each n-th point")
    parser.add_argument("--every-second", type=int, default=1, help="and of each recovery's")
    parser.add_argument("--depth", type=int, default=inf, help="faults in a row, at most")
    parser.add_argument("--workers", type=int, help="sweeps at once; default one per processor")
    parser.add_argument("--folder", help="where images are made; default in memory")
    parser.add_argument("--point", help="strike this chain of points only")
    parser.add_argument("--next", default="recover", help="the next run that follows --point")
    parser.add_argument("--keep", default="kept", help="the folder --point leaves the world in")
    return parser


if __name__ == "__main__":
    sys.exit(main())
