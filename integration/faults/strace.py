"""Recording a command's system calls, and killing it before one of them.

Purpose: the fault "SIGKILL before the N-th call" without a line of code in the
program that is killed, by the injection of strace.

Calling sequence::

    reason = unavailable()                  # "" or why it cannot be used
    fault = Kill()
    for point in fault.points(sandbox, command):
        strike = fault.strike(sandbox, command, point)

Guarantees, and the traps behind them:

- strace counts each call's name by itself and for each thread by itself, so a
  point is a name and an ordinal, and the main thread's points are struck with that
  thread alone traced.
- The call that is killed is not executed. A kill before ``exit_group`` comes after
  the last change.
- A point counts as fired only if the process died of the signal at a call of that
  name which can change something (an ``openat`` that only reads would show that the
  ordinals have shifted).
- ``--seccomp-bpf`` is never used: with it the signal is silently not sent.

Errors: none; what did not happen is in ``Strike.fired``.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from integration.faults.calls import BY_NAME, MUTATING, WAITING
from integration.faults.sandbox import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from integration.faults.sandbox import Completed, Sandbox
    from integration.faults.scenario import Command

_BEGUN = re.compile(r"^(?:(?P<thread>\d+) +)?(?P<text>(?P<name>\w+)\(.*)$")
_RESUMED = re.compile(r"^(?P<thread>\d+) +<\.\.\. \w+ resumed>")
_CURRENT = re.compile(r"AT_FDCWD<[^>]*>")
_PATH = re.compile(r'["<](/[^">]*)[">]')


@dataclass(frozen=True)
class Point:
    """Where a process is killed: before the call of this name and ordinal.

    :param call: name of the system call
    :param ordinal: 1 for the first call of that name in its thread
    :param everywhere: all threads and children are traced, not the main thread alone
    :param path: only calls with this path in the world count; a pool gives the same
        work to another thread each time, and its paths tell it again
    :param worker: the number of the forked process that makes it, which is traced alone; 0 for
        the command itself (``forking``)
    """

    call: str
    ordinal: int
    everywhere: bool = False
    path: str = ""
    worker: int = 0

    def __str__(self) -> str:
        """Return the form that ``parse`` reads."""
        where = f"@{self.worker}" if self.worker else "+" if self.everywhere else ""
        return f"{self.call}:{self.ordinal}{where}{self.path}"

    @classmethod
    def parse(cls, text: str) -> Point:
        """Return the point that ``str`` wrote."""
        match = re.fullmatch(r"(\w+):(\d+)(?:(\+)|@(\d+))?(/.*)?", text)
        if match is None:
            raise ValueError(f"{text} is no point, such as rename:2")
        worker = int(match[4] or 0)
        return cls(match[1], int(match[2]), bool(match[3]), match[5] or "", worker)


@dataclass(frozen=True)
class Call:
    """One call as strace printed it.

    :param number: its place among all calls of a recording
    :param thread: which thread made it; 0 where only one is traced
    :param name: name of the system call
    :param ordinal: 1 for the first call of that name in its thread
    :param text: name and arguments
    :param executed: whether it came back; one that is killed never does
    """

    number: int
    thread: int
    name: str
    ordinal: int
    text: str
    executed: bool

    @property
    def mutating(self) -> bool:
        """Whether it can change what is on disk."""
        if self.name in WAITING:
            return self.ordinal == 1
        return self.name in MUTATING and MUTATING[self.name](self.text)

    def path(self, world: str) -> str:
        """Return the path in the world that tells it, without the world's own."""
        found = _PATH.findall(_CURRENT.sub("", self.text))
        paths = [path for path in found if path.startswith(world + "/")]
        # Of a rename, strace's -P looks at the first path only.
        number = 0 if self.name == "rename" else -1
        return paths[number].removeprefix(world) if paths else ""


@dataclass(frozen=True)
class Strike:
    """What a fault did.

    :param fired: the process was killed at the point asked for
    :param call: the call that was not executed any more, as strace printed it
    :param completed: how the command ended
    :param alone: nobody but one of several processes was killed: what lived on is judged, too
    """

    fired: bool
    call: str
    completed: Completed = field(repr=False)
    alone: bool = False


def unavailable() -> str:
    """Return why processes cannot be killed here, or nothing."""
    if shutil.which("strace") is None:
        return "strace is missing: apt-get install strace, dnf install strace"
    inject = ["-e", "trace=exit_group", "-e", "inject=exit_group:signal=KILL:when=1"]
    probe = subprocess.run(
        ["strace", "-qq", "-o", os.devnull, *inject, "true"],
        check=False,
        capture_output=True,
        text=True,
    )
    if probe.returncode == -signal.SIGKILL:
        return ""
    detail = probe.stderr.strip() or f"status {probe.returncode}"
    return f"strace may not trace here (in a container: --cap-add SYS_PTRACE): {detail}"


class Kill:
    """The fault of ``make kill``: SIGKILL before each call that can change something.

    :param lies: calls that are answered with success and not made, as strace names them
    """

    name = "kill"

    def __init__(self, lies: Sequence[str] = ()) -> None:
        self._lies = tuple(lies)

    def points(self, sandbox: Sandbox, command: Command) -> list[Point]:
        """Run a command without a fault and return each point worth a kill, in order."""
        calls = record(sandbox, command, "-f")
        main = calls[0].thread
        if sandbox.keeps_ready(command, traced=True):
            sandbox.reset()
            compare(calls, record(sandbox, command, "-f", fresh=True))
        points = [(call, Point(call.name, call.ordinal)) for call in calls if call.thread == main]
        if any(call.thread != main for call in calls):
            sandbox.reset()
            again = record(sandbox, command, "-f")
            points += _told_by_path(calls, again, main, sandbox.world)
        points.sort(key=lambda pair: pair[0].number)
        return list(dict.fromkeys(point for call, point in points if call.mutating))

    def strike(self, sandbox: Sandbox, command: Command, point: Point) -> Strike:
        """Run a command and kill it at a point."""
        options = ["-f"] if point.everywhere else []
        options += ["-P", sandbox.world + point.path] if point.path else []
        # A second set of calls would take the place of the first one.
        options += ["-e", f"trace={','.join((point.call, *self._lies))}", *lying(self._lies)]
        options += ["-e", f"inject={point.call}:signal=KILL:when={point.ordinal}"]
        completed, calls = traced(sandbox, command, *options)
        called = [call for call in calls if call.name == point.call]
        struck = [c for c in called if c.ordinal == point.ordinal and not c.executed]
        # A killed child leaves its parent to end as it can.
        died = completed.status == -signal.SIGKILL or (point.everywhere and struck)
        # A path tells the call by itself, even one that only reads.
        fired = bool(died) and any(call.mutating or point.path for call in struck)
        return Strike(fired, struck[0].text if struck else "", completed)


def compare(calls: Sequence[Call], fresh: Sequence[Call]) -> None:
    """Make sure that an interpreter that was kept ready does what a fresh one does.

    :raises SetupError: its main thread makes other calls that change something
    """
    ready, started = (
        [one.name for one in found if one.mutating and one.thread == found[0].thread]
        for found in (calls, fresh)
    )
    if ready != started:
        raise SetupError(f"a fresh interpreter makes {started}, and one kept ready {ready}")


def lying(calls: Sequence[str]) -> list[str]:
    """Return the options of strace that answer calls with success and do not make them."""
    return ["-e", f"inject={','.join(calls)}:retval=0"] if calls else []


def traced(
    sandbox: Sandbox, command: Command, *options: str, worker: int = 0, fresh: bool = False
) -> tuple[Completed, list[Call]]:
    """Run a command with a tracer; return how it ended, and its calls, or those of a worker."""
    log = os.path.join(sandbox.scratch, "strace.log")
    Path(log).unlink(missing_ok=True)
    before = tracer(log, *options)
    completed = sandbox.run(command, before=before, worker=worker, fresh=fresh)
    return completed, read_calls(log) if os.path.exists(log) else []


def record(
    sandbox: Sandbox,
    command: Command,
    *options: str,
    names: Iterable[str] = MUTATING,
    worker: int = 0,
    fresh: bool = False,
) -> list[Call]:
    """Return the calls that a command makes, or one of its workers, as strace names them."""
    trace = f"trace={','.join(f'?{name}' for name in names)}"
    return traced(sandbox, command, *options, "-e", trace, worker=worker, fresh=fresh)[1]


def _told_by_path(
    calls: list[Call], again: list[Call], main: int, world: str
) -> list[tuple[Call, Point]]:
    """Return the points of all threads and processes but the main thread.

    A call without a path that two runs share (temporary names, descriptors that are no
    files) is told by its ordinal if no other thread makes as many calls of that name.
    Otherwise it is replaced by the next one of its thread that can be told: the kill
    then comes a little later.

    :raises SetupError: a thread ends with a change that cannot be told, and would not be struck
    """
    shared = {call.path(world) for call in calls} & {call.path(world) for call in again} - {""}
    totals = Counter((call.thread, call.name) for call in calls)
    ordinals: Counter[tuple[int, str, str]] = Counter()
    waiting: dict[int, list[Call]] = {}
    found: list[tuple[Call, Point]] = []
    for call in calls:
        if call.thread == main or call.name == "exit_group":
            continue
        path = call.path(world)
        ordinals[call.thread, call.name, path] += 1
        if path in shared:
            ordinal = ordinals[call.thread, call.name, path]
            point = Point(call.name, ordinal, everywhere=True, path=path)
        elif not call.mutating:
            continue
        elif call.name in BY_NAME.union(WAITING) and _alone(call, totals):
            point = Point(call.name, call.ordinal, everywhere=True)
        else:
            waiting.setdefault(call.thread, []).append(call)
            continue
        found += [(one, point) for one in (*waiting.pop(call.thread, ()), call)]
    # Where a thread ends with a wait for a lock, the disk stays as it is.
    lost = [one.text for rest in waiting.values() for one in rest if one.name not in WAITING]
    if lost:
        raise SetupError(f"nothing tells these calls of a thread from others: {lost}")
    return found


def _alone(call: Call, totals: Mapping[tuple[int, str], int]) -> bool:
    return all(
        total < call.ordinal
        for (thread, name), total in totals.items()
        if name == call.name and thread != call.thread
    )


def tracer(log: str, *options: str) -> list[str]:
    """Return the words that stand before a command line to have its calls written to ``log``."""
    # By its path: a command's own PATH need not lead to it. -y: paths of descriptors;
    # -s 0: no contents.
    program = shutil.which("strace") or "strace"
    return [program, "-qq", "-y", "-s", "0", "-e", "signal=none", "-o", log, *options]


def read_calls(log: str) -> list[Call]:
    """Return the calls of a log in the order in which they began."""
    calls: list[Call] = []
    latest: dict[int, int] = {}
    ordinals: Counter[tuple[int, str]] = Counter()
    with open(log, encoding="utf-8", errors="replace") as stream:
        lines = [line.rstrip() for line in stream]
    for line in lines:
        call, resumed = begun(line, ordinals), _RESUMED.match(line)
        if call:
            latest[call.thread] = len(calls)
            calls.append(replace(call, number=len(calls)))
        elif resumed and not line.endswith("= ?"):
            number = latest[int(resumed["thread"])]
            calls[number] = replace(calls[number], executed=True)
    return calls


def begun(line: str, ordinals: Counter[tuple[int, str]]) -> Call | None:
    """Return the call that begins with a line of a log, if one does.

    :param ordinals: thread and name -> how many such calls have begun; one more is counted
    """
    match = _BEGUN.match(line.rstrip())
    if match is None:
        return None
    thread, name, text = int(match["thread"] or 0), match["name"], match["text"]
    ordinals[thread, name] += 1
    executed = not text.endswith(("= ?", "<unfinished ...>"))
    return Call(0, thread, name, ordinals[thread, name], text, executed)
