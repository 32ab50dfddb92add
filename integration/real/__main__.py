"""``make real``: hundreds of real wheels, each compared with what pip makes of it.

Purpose: the wheels of ``wheels.lock`` beside this module, popular, large and odd ones, pass
every check, install as with pip, and are removed to the last file, by ours, pip and uv.

Calling sequence::

    python -m integration.real                     # all of them
    python -m integration.real --only numpy --only ansible
    python -m integration.real --every 10          # each tenth

Wheels without a common file share an environment; where something is wrong, each of them is
tried alone.

Guarantees: exit status 1 if anything differs, or nothing was compared. Wheels that are not
for the running interpreter are counted as missed. What may differ is told at the end, with
the reason.

Errors: without a network a wheel that was not fetched before is missed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from _pytest.outcomes import OutcomeException

from integration.faults import figures
from integration.faults.report import machine
from integration.real.likeness import TOLERATED
from integration.real.trial import Trial, batches, is_compiled, members_of, trial
from integration.support.real_wheels import pinned, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LOCK = Path(__file__).with_name("wheels.lock")


def main(arguments: Sequence[str] | None = None) -> int:
    """Put the wheels to the test, tell what differs, return the exit status."""
    parser = argparse.ArgumentParser(prog="integration.real", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", action="append", help="only this project; repeatable")
    parser.add_argument("--every", type=int, default=1, help="each n-th wheel")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="at once")
    options = parser.parse_args(arguments)
    wanted = chosen(options.only, options.every)
    began = time.monotonic()
    found = had(wanted)
    done: list[Trial] = []
    for one in results(batches(found), options.processes):
        done.append(one)
        tell(one)
    missed = len(wanted) - len(found)
    broken = sum(bool(one.problems) for one in done)
    members = [members_of(wheel) for one in done for wheel in one.wheels]
    files, compiled = sum(map(len, members)), sum(map(is_compiled, members))
    print(f"\n{len(members)} wheels, {files:,} files, {compiled} wheels with compiled modules;")
    print(f"{broken} not as with pip, {missed} not to be had here. {machine()}")
    print("May differ from pip's:")
    for what, why in TOLERATED.items():
        print(f"  {what}: {why}")
    figures.note(
        figures.Figure(
            "R13",
            "real wheels as with pip, removed by ours, pip and uv",
            len(members), "wheels", broken, missed, time.monotonic() - began,
            "" if len(wanted) == len(pinned(LOCK)) else f"{len(wanted)} of {len(pinned(LOCK))}",
        )
    )  # fmt: skip
    return int(bool(broken or missed or not members))


def chosen(only: Sequence[str] | None, every: int = 1) -> list[str]:
    """Return the requirements of the lock that are asked for."""
    rows = [requirement for requirement, _, _ in pinned(LOCK)]
    if only:
        rows = [one for one in rows if one.partition("==")[0] in only]
    return rows[::every]


def had(wanted: Sequence[str]) -> list[Path]:
    """Return the wheels of some requirements, without those that cannot be had here."""
    found = []
    for requirement in wanted:
        try:
            found.append(wheel(requirement, LOCK))
        except OutcomeException as reason:
            print(f"missed: {requirement}: {reason}", flush=True)
    return found


def results(groups: Sequence[tuple[Path, ...]], processes: int) -> Iterator[Trial]:
    """Yield what became of the wheels, in any order; those of a group that failed, one by one."""
    with get_context("fork").Pool(processes) as pool:
        alone: list[tuple[Path, ...]] = []
        for one in pool.imap_unordered(_result, groups):
            if one.problems and len(one.wheels) > 1:
                print(f"each alone, because: {one.problems[0]}", flush=True)
                alone += [(wheel,) for wheel in one.wheels]
            else:
                yield one
        yield from pool.imap_unordered(_result, alone)


def tell(one: Trial) -> None:
    """Print what became of some wheels."""
    names = ", ".join("-".join(wheel.name.split("-")[:2]) for wheel in one.wheels)
    print(f"{'FAILED' if one.problems else 'as with pip'}: {names}", flush=True)
    for problem in one.problems:
        print(f"    {problem}", flush=True)


def _result(group: tuple[Path, ...]) -> Trial:
    # A folder that outlives the trial: the template of the environments lies there.
    with tempfile.TemporaryDirectory(prefix="real-") as folder:
        return trial(group, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
