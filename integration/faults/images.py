"""``make images``: a power cut at any moment, with any of the writes that were under way.

Purpose: the gate R6. Each scenario runs three times on a disk that logs (``blocklog``):
alone, while somebody else flushes a file of their own all the time, which brings names to
the disk and leaves contents, and while somebody else flushes the whole volume all the time.
Each image is the old state, all writes up to a flush, and a random part
of those since, in random order. It is mounted, one next run follows, and the oracle judges.
In each fourth, a part of the cached files that are marked as not flushed, and that nothing
links to, get zeros for contents: ext4 gives a file its size when its blocks are allocated,
and only at some moments, which chance seldom finds, are they not written yet.
One table at the end, and the details of what broke in a file.

Calling sequence::

    python -m integration.faults.images                  # 1,000 images of each file system
    python -m integration.faults.images --images 50 --file-system xfs --seed 7

Guarantees: exit status 1 if anything was broken, or where ``CI=true`` the gate cannot run.
The seed is printed, but two recordings of a command differ; so the images that break
are kept in a folder beside the details, to be mounted and looked at.

Errors: none.
"""

from __future__ import annotations

import argparse
import glob
import os
import random
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from integration.faults import figures, report, scenarios
from integration.faults.blocklog import BlockLog
from integration.faults.blocklog import unavailable as no_log
from integration.faults.power import Case
from integration.faults.runner import run_all
from integration.faults.sandbox import SetupError
from integration.faults.states import Worlds
from integration.faults.strace import Point, Strike
from integration.faults.volumes import SIZES, quick_folder, unavailable
from linkinstall.cache import UNFLUSHED
from linkinstall.fs import local

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from integration.faults.blocklog import Blocks
    from integration.faults.power_cut import PowerSweep
    from integration.faults.sandbox import Completed
    from integration.faults.sweep import Result
    from integration.faults.volumes import Contents

DETAILS = report.details("images")
KINDS = ("ext4", "xfs")
REORDERED = ("reordered",)
"""How the power goes here: no cut of ``volumes``, ``Images`` makes it."""
HEADS = ("file system", "fault", "layout", "cache")
KEPT = 10
"""How many broken images are kept of a case."""
LOSING = 4
"""Each how-manieth image has lost contents, unless it is said otherwise."""
PAUSES = (0.0, 0.002)
"""Seconds between two flushes of the one who flushes all the time: any between these."""


@dataclass(frozen=True)
class Images(Case):
    """A scenario on a disk that logs.

    :param images: how many power cuts
    :param seed: what chance begins with
    :param losing: each how-manieth image has lost contents
    """

    images: int = 20
    seed: int = 0
    losing: int = LOSING

    def results(self, sweep: PowerSweep, turn: int) -> Iterator[Result]:
        """Make images, let one next run follow each, and judge."""
        names = tuple(self.scenario.next_runs)
        chance = random.Random(f"{self.seed} {self.kind} {self.scenario.name}")  # noqa: S311
        sandbox = sweep.volumes
        sandbox.reset()
        old = sandbox.contents()[0]
        recorded = [record(sweep, chance, others) for others in (None, _flush_a_file, _flush)]
        kept = 0
        for number in range(self.images):
            run = recorded[number % len(recorded)]
            # The first image of each: the command has just ended.
            ended = number < len(recorded)
            crashed = (*old, *(run.at_end if ended else run.blocks.crash(chance)))

            losing = number % self.losing == self.losing - 1

            def strike(
                crashed: Contents = crashed, run: Recorded = run, *, losing: bool = losing
            ) -> Strike:
                # Those of one recording share numbers and times, and differ in bytes.
                sweep.worlds = Worlds()
                sandbox.fill([crashed])
                if losing:
                    lose(sandbox.area("cache"), chance)
                return Strike(fired=True, call="any write", completed=run.completed)

            next_run = names[(number // len(recorded) + turn) % len(names)]
            result = sweep.after(strike, Point("image", number + 1), next_run)
            yield result
            if not result.sound and kept < KEPT:
                kept += 1
                self._keep(crashed, number + 1)

    def program(self, how: str) -> str:
        """Return the module and the options that make such images."""
        del how
        return f"integration.faults.images --file-system {self.kind} --seed {self.seed}"

    def _keep(self, crashed: Contents, number: int) -> None:
        if self.details is None:
            return
        folder = self.details.with_suffix("")
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.kind}-{self.scenario.name}-{number}.img"
        with path.open("wb", buffering=0) as stream:
            stream.truncate(SIZES[self.kind])
            for offset, data in crashed:
                os.pwrite(stream.fileno(), data, offset)


@dataclass(frozen=True)
class Recorded:
    """One run on a disk that logs.

    :param blocks: all that was written
    :param at_end: what had reached the disk when the command had just ended, and somebody
        else had flushed a file of their own
    :param completed: how the command ended
    """

    blocks: Blocks
    at_end: Contents
    completed: Completed


def record(
    sweep: PowerSweep, chance: random.Random, others: Callable[[str], None] | None
) -> Recorded:
    """Run the command of a scenario in the old state on a disk that logs.

    :param others: what somebody else does on the volume all the time
    """
    sandbox = sweep.volumes
    sandbox.reset()
    (volume,) = sandbox.volumes
    volume.unmount()
    disk = BlockLog(volume, sandbox.scratch)
    with disk as log, _meanwhile(volume.mountpoint, chance.random(), others):
        completed = sandbox.run(sweep.scenario.act)
        _flush_a_file(volume.mountpoint)
        end = log.read()
    volume.mount()
    blocks = log.read()
    if completed.status not in sweep.scenario.act.statuses or not blocks.flushes:
        raise SetupError(f"on a disk that logs: {completed.output}")
    return Recorded(blocks, end.durable(), completed)


@contextmanager
def _meanwhile(
    mountpoint: str, seed: float, others: Callable[[str], None] | None
) -> Iterator[None]:
    def act() -> None:
        chance = random.Random(seed)  # noqa: S311 nothing secret
        while others and not ended.wait(chance.uniform(*PAUSES)):
            others(mountpoint)

    ended = threading.Event()
    other = threading.Thread(target=act)
    other.start()
    try:
        yield
    finally:
        ended.set()
        other.join()


def lose(cache: str, chance: random.Random) -> None:
    """Leave zeros in a part of the files that are marked as not flushed, each with its times."""
    marks = glob.glob(f"{cache}/v*/entries/*/{UNFLUSHED}")
    marks += glob.glob(f"{cache}/v*/bytecode/*/*/{UNFLUSHED}")
    for mark in sorted(marks):
        files = glob.glob(f"{os.path.dirname(mark)}/files/**", recursive=True, include_hidden=True)
        for path in sorted(filter(os.path.isfile, files)):
            status = os.stat(path)
            # What is linked was flushed before, whether or not that has taken the mark away.
            if status.st_nlink == 1 and chance.random() < 0.5:
                with open(path, "r+b") as stream:
                    stream.write(bytes(status.st_size))
                os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _flush_a_file(mountpoint: str) -> None:
    # Beside the world, where the oracle does not look.
    with open(os.path.join(mountpoint, "others"), "ab", buffering=0) as stream:
        stream.write(b"x")
        os.fsync(stream.fileno())


def _flush(mountpoint: str) -> None:
    local().flush_volume(mountpoint)


def cases(kinds: Sequence[str], images: int, options: argparse.Namespace) -> list[Case]:
    """Return the scenarios on these file systems, each with its share of the images."""
    able = [
        one
        for one in scenarios.scenarios(tuple(options.mode or ("hardlink",)))
        if not options.scenario or one.name in options.scenario
    ]
    found: list[Case] = []
    for kind in kinds:
        for turn, one in enumerate(able):
            share = images // len(able) + (turn < images % len(able))
            case = Images(
                one,
                "one volume",
                kind,
                REORDERED,
                1,
                turn,
                DETAILS,
                images=share,
                seed=options.seed,
            )
            found += [case] if share else []
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Make images, print the table, return the exit status."""
    options = _parser().parse_args(arguments)
    kinds = tuple(options.file_system or KINDS)
    reason = unavailable(kinds) or no_log()
    if reason:
        print(f"SKIPPED images: {reason}")
        return int(os.environ.get("CI") == "true")
    chosen = cases(kinds, options.images, options)
    began = time.monotonic()
    report.begin_details(DETAILS)
    swept = run_all(chosen, folder=options.folder or quick_folder(), workers=options.workers)
    only = [*(options.mode or ()), *(options.file_system or ()), *(options.scenario or ())]
    what = "power cut at any moment, with any of the writes under way, in any order"
    figure = report.figure(
        "R6", what, swept, time.monotonic() - began, [f"only {', '.join(only)}"] if only else []
    )
    figures.note(replace(figure, unit="images"), whole=not options.scenario)
    print(f"seed {options.seed}, {options.images} images of each file system\n")
    return report.conclude(swept, report.grouped_table(swept, HEADS), DETAILS)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="integration.faults.images", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    for name in ("file-system", "mode", "scenario"):
        parser.add_argument(f"--{name}", action="append", help="only this one (repeatable)")
    parser.add_argument("--images", type=int, default=1000, help="of each file system")
    parser.add_argument("--seed", type=int, default=0, help="what chance begins with")
    parser.add_argument("--workers", type=int, help="sweeps at once; default one per processor")
    parser.add_argument("--folder", help="where images are made; default in memory")
    return parser


if __name__ == "__main__":
    sys.exit(main())
