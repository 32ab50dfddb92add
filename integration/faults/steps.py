"""What the world is like before each call of a command, from one run of it.

Purpose: the world that a kill before the N-th call leaves, for each N, without a run for each.
The command is stopped after each call that can change something, and looked at.

Calling sequence::

    found = steps(sandbox, command, look)     # None: it is not one thread that does all
    found.before[3].point, found.before[3].seen
    found.end                                 # what is there after it has ended

Guarantees: the points are those that ``Kill`` strikes. The stop comes with the end of a call
(strace delivers a signal on the way out), so what is seen before a call is what was seen after
the one before it. Calls that open files are not stopped: an interpreter makes hundreds of
them. What is there right after one that may make a file is not seen.

Errors: ``FileNotFoundError`` where somebody else changes what is looked at. A command that
takes too long is killed, which ends the list.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Timer
from typing import TYPE_CHECKING

from integration.faults.calls import MUTATING
from integration.faults.sandbox import TIMEOUT
from integration.faults.strace import Point, begun, tracer

if TYPE_CHECKING:
    from collections.abc import Callable

    from integration.faults.sandbox import Sandbox
    from integration.faults.scenario import Command

_WRITING = """
    write pwrite64 writev pwritev pwritev2 ftruncate truncate fallocate copy_file_range sendfile
    splice ioctl
"""
WRITING = frozenset(_WRITING.split())
"""Calls that change what is in a file: all that a power cut takes although the log is flushed."""
OPENING = frozenset({"open", "openat", "openat2"})


@dataclass(frozen=True)
class Step:
    """One call before it is made.

    :param seen: what ``look`` said right before it, or nothing
    :param written: whether the command has written into any file by then
    """

    point: Point
    seen: str
    written: bool


@dataclass
class Steps:
    """All calls of a command that can change something, in order."""

    before: list[Step] = field(default_factory=list)
    end: str = ""
    written: bool = False


def steps(sandbox: Sandbox, command: Command, look: Callable[[], str]) -> Steps | None:
    """Run a command to its end and return what was seen on the way.

    :param look: says what the world is like; it is asked while the command stands still
    :return: nothing where several threads or processes change something: what is there
        before a call of one of them is chance
    """
    log = os.path.join(sandbox.scratch, "steps")
    with suppress(FileExistsError):
        os.mkfifo(log)
    names, stops = (
        ",".join(f"?{name}" for name in MUTATING if name not in without)
        for without in ((), OPENING)
    )
    stopping = ("-e", "signal=STOP", "-e", f"trace={names}", "-e", f"inject={stops}:signal=STOP")
    watch = _Watch(log, look)
    sandbox.run(command, before=tracer(log, "-f", *stopping), meanwhile=watch)
    watch.found.end = look()
    if len(watch.threads) > 1:
        return None
    if watch.moved:  # one thread alone, and it stood still
        raise watch.moved
    return watch.found


class _Watch:
    """Reads what strace writes, looks at each stop, and lets the command go on."""

    def __init__(self, log: str, look: Callable[[], str]) -> None:
        self.found = Steps()
        self.threads: set[int] = set()
        self.moved: FileNotFoundError | None = None
        self._log = log
        self._look = look
        self._ordinals: Counter[tuple[int, str]] = Counter()

    def __call__(self, group: int) -> None:
        """Watch the processes of a group until strace ends."""
        limit = Timer(TIMEOUT, _end, (group,))
        limit.start()
        seen = self._look()
        with open(self._log, encoding="utf-8", errors="replace") as stream:
            for line in stream:
                if "--- stopped by" in line:
                    seen = seen or self._seen()
                    with suppress(ProcessLookupError):
                        os.killpg(group, signal.SIGCONT)
                elif self._is_change(line, seen):
                    seen = ""
        limit.cancel()

    def _seen(self) -> str:
        try:
            return self._look()
        except FileNotFoundError as error:  # while this thread stands still, others go on
            self.moved = error
            return ""

    def _is_change(self, line: str, seen: str) -> bool:
        call = begun(line, self._ordinals)
        if call is None or not call.mutating:
            return False
        self.threads.add(call.thread)
        self.found.before.append(Step(Point(call.name, call.ordinal), seen, self.found.written))
        self.found.written |= call.name in WRITING
        return True


def _end(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
