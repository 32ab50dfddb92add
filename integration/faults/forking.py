"""Several processes at work on one change, and a kill for exactly one of them.

Purpose: what is shared out from some thousand links on is put to kills and errors in scenarios
of a few files. A worker dies and its parent lives, or the other way round: the rule of a kernel
that runs out of memory, and nothing that striking whoever makes a call can show, since a parent
makes the calls again that its worker did not live to make.

Calling sequence::

    sandbox = Sandbox(folder, provisions(source, FORKED))
    fault = KillOne()
    for point in fault.points(sandbox, command):
        strike = fault.strike(sandbox, command, point)

Guarantees: a change that no longer fits the source is an error when the build is made. One
process is killed, whatever the others do:

- the parent alone, as ``strace.Kill`` strikes a main thread;
- a worker alone: it stands still before it begins, until it is traced, and it alone is. So its
  calls are told by name and ordinal, as those of a main thread are. What it tells its parent
  counts, too;
- the parent alone while a worker has a part of the work in hand, which it then ends, or not:
  once for each part. The worker itself kills it, and goes on when it is gone.

Errors: ``SetupError`` where a worker makes other calls each time, or where ``unavailable`` says
why no worker can be struck.
"""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

from integration.faults import strace
from integration.faults.calls import MUTATING
from integration.faults.ready import STANDING, can_attach
from integration.faults.sandbox import SetupError
from integration.faults.strace import Point, Strike, compare, record, traced

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from integration.faults.sandbox import Sandbox
    from integration.faults.scenario import Command
    from integration.faults.strace import Call

FORKING = (
    ("limits.py", "FORK_FROM_LINKS = 2_000", "FORK_FROM_LINKS = 1"),
    ("limits.py", "FORK_FROM_BYTES = 1 << 20", "FORK_FROM_BYTES = 1"),
)
"""Changes after which several processes link and unpack."""
ORPHANING = "FAULTS_ORPHANING"
"""Variable that names a worker and one of its parts: with it in hand it kills its parent."""
PART = "part"
"""What stands in the place of a call where a part of the work tells the point."""
FORKED = (
    *FORKING,
    ("limits.py", "FORK_FROM_LOOKS = 2_000", "FORK_FROM_LOOKS = 1"),
    ("limits.py", "PART_OF_LINKS = 64", "PART_OF_LINKS = 1"),
    ("limits.py", "PART_OF_LOOKS = 128", "PART_OF_LOOKS = 1"),
    ("limits.py", "FORK_FROM_BRANCHES = 32", "FORK_FROM_BRANCHES = 1"),
    ("limits.py", "WORKERS = 8", "WORKERS = 2"),
    # Who does what is chance otherwise, so that a point of a sweep would not be met again.
    ("fs/crew.py", "answers = dict(self._take())", "answers: dict[int, Any] = {}"),
    (
        "fs/crew.py",
        '            number = int.from_bytes(token, "big")\n',
        f"""\
            number = int.from_bytes(token, "big")
            if f"{{Child.made}} {{number + 1}}" == os.environ.get("{ORPHANING}"):
                os.kill(self._parent, {signal.SIGKILL:d})
                while os.getppid() == self._parent:
                    continue
""",
    ),
    (
        "fs/forks.py",
        "    def __init__(self, work: Work) -> None:\n",
        "    made = 0\n\n    def __init__(self, work: Work) -> None:\n        Child.made += 1\n",
    ),
    (
        "fs/forks.py",
        "        told = work()\n",
        f"""\
        if str(Child.made) == os.environ.get("{STANDING}"):
            os.kill(os.getpid(), {signal.SIGSTOP:d})
        told = work()
""",
    ),
    # Paths are the same each time.
    (
        "temporary.py",
        '{os.urandom(8).hex()}")',
        '{os.getppid() == os.getsid(0):d}{cls.made}")\n            cls.made += 1',
    ),
    (
        "temporary.py",
        "    def __init__(self, files",
        "    made = 1\n\n    def __init__(self, files",
    ),
)
"""Changes after which the smallest command shares out all that can be, in parts that are as small
as they can be, and one worker at a time does all of it."""


def unavailable() -> str:
    """Return why one process of several cannot be struck here, or nothing."""
    if len(os.sched_getaffinity(0)) == 1:
        return "there is one processor, so that nothing is shared out"
    reason = strace.unavailable()
    return reason or ("" if can_attach() else "only root may trace here what runs already")


class KillOne:
    """SIGKILL for one of several processes; see the module docstring."""

    name = "kill one"

    def points(self, sandbox: Sandbox, command: Command) -> list[Point]:
        """Run a command without a fault and return each point worth a kill."""
        calls = record(sandbox, command)
        sandbox.reset()
        compare(calls, record(sandbox, command, fresh=True))
        points = [Point(call.name, call.ordinal) for call in calls if call.mutating]
        for worker, calls, again in workers(sandbox, command):
            found, same = (
                [Point(one.name, one.ordinal, worker=worker) for one in made if _counts(one)]
                for made in (calls, again)
            )
            if found != same:
                raise SetupError(f"worker {worker} makes {calls}, and another time {again}")
            points += [*found, *self._parts(sandbox, command, worker)]
        if not any(point.worker for point in points):
            raise SetupError("one process does all: there is no worker to be killed")
        return points

    def strike(self, sandbox: Sandbox, command: Command, point: Point) -> Strike:
        """Run a command and kill one of its processes at a point."""
        if point.call == PART:
            there = {**command.variables, ORPHANING: f"{point.worker} {point.ordinal}"}
            completed = sandbox.run(replace(command, variables=there))
            fired = completed.status == -signal.SIGKILL
            call = f"part {point.ordinal} of worker {point.worker}"
            return Strike(fired, call, completed, alone=True)
        kill = f"inject={point.call}:signal=KILL:when={point.ordinal}"
        options = ("-e", f"trace={point.call}", "-e", kill)
        completed, calls = traced(sandbox, command, *options, worker=point.worker)
        struck = [one for one in calls if not one.executed and one.ordinal == point.ordinal]
        itself = completed.status == -signal.SIGKILL
        fired = any(map(_counts, struck)) and itself == (not point.worker)
        return Strike(fired, struck[0].text if struck else "", completed, alone=True)

    def _parts(self, sandbox: Sandbox, command: Command, worker: int) -> Iterator[Point]:
        for number in count(1):
            point = Point(PART, number, worker=worker)
            sandbox.reset()
            if not self.strike(sandbox, command, point).fired:
                return
            yield point


def workers(
    sandbox: Sandbox, command: Command, names: Iterable[str] = MUTATING
) -> Iterator[tuple[int, list[Call], list[Call]]]:
    """Yield the number of each worker of a command, and the calls that it makes, two times.

    :param names: of the calls that are recorded
    """
    for worker in count(1):
        found = []
        for _ in range(2):
            sandbox.reset()
            found.append(record(sandbox, command, names=names, worker=worker))
        first, again = found
        if not first:
            return
        yield worker, first, again


def _counts(call: Call) -> bool:
    """Tell whether a call changes something, or hands over to the parent what was done."""
    return call.mutating or (call.name == "write" and "<pipe:" in call.text)
