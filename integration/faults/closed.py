"""``make faults``, its third part: folders that may not be written, one after the other.

Purpose: what an injected error cannot be: the system's own answer to each call below a folder
that may not be written, for as long as the command runs. Each folder of the environment, of the
cache and above them is closed in turn, by its mode or by the flag that makes it immutable; the
command has to leave old or new at once, and after it is open again one next run has to find
nothing to complain of.

Calling sequence::

    python -m integration.faults.closed                                 # everything
    python -m integration.faults.closed --every 10                      # a part
    python -m integration.faults.closed --scenario NAME --point chmod:7:EACCES/venv/lib

The last form strikes one point and prints what came of it.

Guarantees: the user is root without any capability, for whom modes count as for everybody;
where a folder is immutable, root. Exit status 1 if anything was wrong, or where ``CI=true`` the
sweep cannot run.

Errors: none.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import stat
import struct
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from integration.faults import errors, report, scenarios
from integration.faults.errors import ErrorSwept, explain, told
from integration.faults.figures import Figure, note
from integration.faults.injection import ErrorPoint, Injected
from integration.faults.runner import possible, provisions, sandbox_of
from integration.faults.sandbox import SetupError
from integration.faults.verdicts import ErrorSweep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from integration.faults.sandbox import Sandbox
    from integration.faults.scenario import Command, Scenario

DETAILS = report.details("closed")
PROGRAM = "integration.faults.closed"
WITHOUT_RIGHTS = ("setpriv", "--inh-caps=-all", "--bounding-set=-all")
"""Root, for whom the modes of folders count."""
WAYS = {"chmod": "EACCES", "chattr": "EPERM"}
"""How a folder is closed -> what the system answers then."""
FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, FS_IMMUTABLE_FL = 0x80086601, 0x40086602, 0x10
_FLAGS = struct.Struct("l")
_REMOVAL = "remove"
"""``venv remove``: the one verb after which the empty top folder may be left."""
LEFT_OUT = ("temp", "home")
"""Below these nothing of the world is closed: what is in them is nobody's."""


def unavailable() -> str:
    """Return why it cannot run here, or nothing."""
    if os.geteuid() != 0:
        return "needs root, to take its rights away and to make folders immutable"
    return "" if shutil.which(WITHOUT_RIGHTS[0]) else "needs setpriv (util-linux)"


class Close:
    """The fault: one folder may not be written while the command runs."""

    name = "closed"

    def points(self, sandbox: Sandbox, command: Command) -> list[ErrorPoint]:
        """Return each folder of the world, once for each way to close it."""
        found = [""]
        for area in sorted(set(os.listdir(sandbox.world)) - set(LEFT_OUT)):
            for path, folders, _ in os.walk(sandbox.area(area)):
                folders.sort()
                found.append(path.removeprefix(sandbox.world))
        # Where the folder above a venv is closed, the empty folder stays, and a warning says so.
        found = found[1:] if _REMOVAL in command.arguments else found
        return [
            ErrorPoint(way, number, error, path=path)
            for number, path in enumerate(found, 1)
            for way, error in WAYS.items()
        ]

    def strike(self, sandbox: Sandbox, command: Command, point: ErrorPoint) -> Injected:
        """Close a folder, run the command, and open the folder again, wherever it is by then."""
        folder = sandbox.world + point.path
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        mode = stat.S_IMODE(os.fstat(handle).st_mode)
        immutable = point.call == "chattr"
        try:
            if immutable:
                _set_immutable(handle, 1)
            else:
                os.fchmod(handle, mode & ~0o222)
            before = () if immutable else WITHOUT_RIGHTS
            completed = sandbox.run(command, before=before, fresh=True)
            now = os.readlink(f"/proc/self/fd/{handle}")  # has " (deleted)" if it is gone
        finally:
            if immutable:
                _set_immutable(handle, 0)
            else:
                os.fchmod(handle, mode)
            os.close(handle)
        struck = f"closed {folder}, {point.call}"
        moved = (now,) if now != folder and os.path.isdir(now) else ()
        return Injected(
            fired=True, calls=(struck,), paths=(folder,), completed=completed, moved=moved
        )


def _set_immutable(handle: int, on: int) -> None:
    """Set or clear the flag of ``chattr +i``, see ``ioctl_iflags(2)``."""
    (flags,) = _FLAGS.unpack(fcntl.ioctl(handle, FS_IOC_GETFLAGS, bytes(_FLAGS.size)))
    flags = flags | FS_IMMUTABLE_FL if on else flags & ~FS_IMMUTABLE_FL
    fcntl.ioctl(handle, FS_IOC_SETFLAGS, _FLAGS.pack(flags))


def sweep_closed(
    chosen: Sequence[Scenario],
    *,
    every: int = 1,
    workers: int | None = None,
    spoil: Sequence[tuple[str, str, str]] = (),
    point: ErrorPoint | None = None,
) -> list[ErrorSwept]:
    """Sweep scenarios and return what came of each, in their order.

    :param every: close only each ``every``-th folder, beginning elsewhere in each scenario
    :param spoil: changes to the program that make it one that is known to be bad
    :param point: close this folder only
    """
    with (
        tempfile.TemporaryDirectory(prefix="closed-") as root,
        ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool,
    ):
        paths = provisions(os.path.join(root, "source"), spoil)

        def sweep(number: int, scenario: Scenario) -> ErrorSwept:
            place = os.path.join(root, str(number))
            with sandbox_of(scenario, place, paths, quick=True) as sandbox:
                try:
                    one = ErrorSweep(scenario, Close(), sandbox)
                except SetupError as refused:
                    return ErrorSwept(scenario, (), str(refused))
                if point is not None:
                    verdicts = [one.verdict(point, next(iter(scenario.next_runs)))]
                else:
                    verdicts = list(one.verdicts(every=every, offset=number % every))
            return ErrorSwept(scenario, tuple(map(told, verdicts)))

        return [job.result() for job in [pool.submit(sweep, *one) for one in enumerate(chosen)]]


def names() -> list[str]:
    """Return the names of the scenarios: those of ``make faults`` with hard links."""
    return [one for one in errors.names((errors.MODES[0],)) if one not in errors.OTHERS]


def main(arguments: Sequence[str] | None = None) -> int:
    """Sweep, print the table, return the exit status."""
    options = _parser().parse_args(arguments)
    reason = unavailable()
    if reason:
        print(f"SKIPPED closed: {reason}")
        return int(os.environ.get("CI") == "true")
    wanted = options.scenario or names()
    chosen, _ = possible("closed", [scenarios.scenario(name) for name in wanted])
    began = time.monotonic()
    point = ErrorPoint.parse(options.point) if options.point else None
    swept = sweep_closed(chosen, every=options.every, workers=options.workers, point=point)
    if point is not None:
        print(*(explain(one, PROGRAM) for sweep in swept for one in sweep.verdicts), sep="\n")
        return int(not all(one.passed for one in swept))
    parts = [f"# What was wrong\n\n{report.machine()}\n"]
    parts += [f"## {one.scenario.name}\n\n{one.error}\n" for one in swept if one.error]
    parts += [explain(verdict, PROGRAM) for one in swept for verdict in one.wrong]
    DETAILS.parent.mkdir(parents=True, exist_ok=True)
    DETAILS.write_text("\n".join(parts), encoding="utf-8")
    print(errors.table(swept))
    figure = Figure(
        "R3 closed",
        "each folder closed in turn, by its mode and by its flag",
        sum(len(one.verdicts) for one in swept),
        "runs",
        sum(len(one.wrong) + bool(one.error) for one in swept),
        0,
        time.monotonic() - began,
        f"each {options.every}. folder" if options.every > 1 else "",
    )
    note(figure, whole=not options.scenario)
    print(f"\n{report.machine()}; each {options.every}th folder of {len(chosen)} scenarios")
    if all(one.passed for one in swept):
        return 0
    print(f"What was wrong, and how to see it again: {DETAILS}")
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=PROGRAM, description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--scenario", action="append", help="only this one (repeatable)")
    parser.add_argument("--every", type=int, default=1, help="only each n-th folder")
    parser.add_argument("--workers", type=int, help="sweeps at once; default one per processor")
    parser.add_argument("--point", help="close this folder only: chmod:1:EACCES/venv/lib")
    return parser


if __name__ == "__main__":
    sys.exit(main())
