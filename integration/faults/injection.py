"""Errors of the operating system, handed to a command at one of its calls by strace.

Purpose: the fault "the N-th call fails with this error number", once or from then on,
without a line of code in the program that meets it.

Calling sequence::

    fault = Inject(("EIO", "ENOSPC"))
    for point in fault.points(sandbox, command):
        injected = fault.strike(sandbox, command, point)

Guarantees, and the traps behind them:

- Only the command's own calls are struck: those with a path in the world, or with the
  path of a wheel. What an interpreter needs to start, and to import a module, is not.
- *Once* is told by name and ordinal in the main thread, as in ``strace``.
- *From then on* would hit the interpreter too (each import opens files, each message
  is a ``write``). So for the calls in ``SHARED`` only those on paths of the world that
  two runs share are counted and struck (``-P``); others, such as ``rename``, are the
  command's own in any case.
- Of several processes (``forks=True``) one meets it *once*, alone, be it a worker or its
  parent, which is traced as in ``forking``; *from then on* all meet it, as a full disk is full
  for all. Their calls are told by a path that two runs share, as in ``strace``. It takes a
  build whose temporary folders have the same names in each run (``FORKED``). The interpreters
  that compile are left alone: what they cannot read counts as a source that does not compile.
- What an interpreter that is kept ready calls is what a fresh one would: the calls of the two
  that change something are compared first, and where they differ there is no sweep.
- A call is not made where it is struck; strace marks it ``(INJECTED)``. A point at which
  no call was marked, or one on a path outside the world, did not fire.

Errors: ``ValueError`` for a text that is no point; ``SetupError`` where the two differ.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from integration.faults.calls import MUTATING, WAITING
from integration.faults.forking import workers
from integration.faults.meanings import CLOSING, ERRORS, READING, reason_to_skip
from integration.faults.strace import Call, compare, record, tracer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from integration.faults.sandbox import Completed, Sandbox
    from integration.faults.scenario import Command

SHARED = READING | CLOSING | {"open", "openat", "write", "ioctl"}
"""Calls that the interpreter makes for itself as well."""
STRUCK = (frozenset(MUTATING) | READING | CLOSING) - {"exit_group", *WAITING}
READ_SAMPLE = 6
"""Of the calls that only read, or close what was read, each how-manieth path and call is struck."""

_TOKEN = re.compile(r'(?P<cwd>AT_FDCWD)(?:<[^>]*>)?|\d+<(?P<open>/[^>]*)>|"(?P<text>[^"]*)"')
_RESUMED = re.compile(r"\d+ +<\.\.\. \w+ resumed>")
_NAMELESS = re.compile(r"/#\d+( \(deleted\))?$")


@dataclass(frozen=True)
class ErrorPoint:
    """Where a command meets which error.

    :param call: name of the system call
    :param ordinal: 1 for the first call of that name that counts
    :param error: the error number's name
    :param lasting: it meets it at each further call of that name too
    :param path: only calls with this path in the world count, in whichever process where it
        is lasting
    :param worker: the number of the forked process that meets it, alone; 0 for the command itself
    """

    call: str
    ordinal: int
    error: str
    lasting: bool = False
    path: str = ""
    worker: int = 0

    def __str__(self) -> str:
        """Return the form that ``parse`` reads."""
        who = f"@{self.worker}" if self.worker else "+" * self.lasting
        return f"{self.call}:{self.ordinal}{who}:{self.error}{self.path}"

    @classmethod
    def parse(cls, text: str) -> ErrorPoint:
        """Return the point that ``str`` wrote."""
        match = re.fullmatch(r"(\w+):(\d+)(?:(\+)|@(\d+))?:(\w+)(/.*)?", text)
        if match is None or match[5] not in ERRORS:
            raise ValueError(f"{text} is no point, such as rename:2:EIO or link:3+:ENOSPC")
        lasting, worker = bool(match[3]), int(match[4] or 0)
        return cls(match[1], int(match[2]), match[5], lasting, match[6] or "", worker)

    @property
    def narrowed(self) -> bool:
        """Whether only calls on known paths of the world count."""
        return self.lasting and self.call in SHARED and not self.path


@dataclass(frozen=True)
class Injected:
    """What a fault did.

    :param fired: a call of the command itself met the error, one alone where it comes once
    :param calls: the calls that met it, as strace printed them
    :param paths: the paths of those calls
    :param completed: how the command ended
    :param moved: where a folder that was closed stands by now
    """

    fired: bool
    calls: tuple[str, ...]
    paths: tuple[str, ...]
    completed: Completed = field(repr=False)
    moved: tuple[str, ...] = ()


class Inject:
    """The fault of ``make faults``."""

    name = "errors"

    def __init__(self, errors: Sequence[str] = ERRORS, *, forks: bool = False) -> None:
        """Keep the names of the errors.

        :param forks: strike one of several processes, in a build that is ``FORKED``
        """
        self.errors = tuple(errors)
        self.forks = forks
        self.known: tuple[str, ...] = ()

    def points(self, sandbox: Sandbox, command: Command) -> list[ErrorPoint]:
        """Run a command some times without a fault; return where it can be struck.

        All errors of one call stand together, so that a sample of every n-th point takes
        each call and, in turn, each error.

        :raises SetupError: an interpreter kept ready makes other calls than a fresh one
        """
        own = Own(sandbox)
        calls = _record(sandbox, command)
        sandbox.reset()
        if sandbox.keeps_ready(command, traced=True):
            compare(calls, _record(sandbox, command, fresh=True))
            sandbox.reset()
        if self.forks:
            return self._of_several(sandbox, command, calls)
        first = own.calls(calls)
        again = own.calls(_record(sandbox, command))
        shared = own.paths(first) & own.paths(again)
        # strace looks through a link, and would strike what it leads to: an interpreter.
        self.known = tuple(sorted(path for path in shared if os.path.realpath(path) == path))
        sandbox.reset()
        narrow = own.calls(_record(sandbox, command, self.known))
        points = self._of(dict.fromkeys(first, ""), lasting=False)
        lasting = [call for call in first if call.name not in SHARED]
        lasting += [call for call in narrow if call.name in SHARED]
        return points + self._of(dict.fromkeys(lasting, ""), lasting=True)

    def _of_several(
        self, sandbox: Sandbox, command: Command, calls: list[Call]
    ) -> list[ErrorPoint]:
        """Return the points of a command and its workers.

        :param calls: those of the command itself
        """
        own = Own(sandbox)
        once: list[ErrorPoint] = []
        lasting: list[ErrorPoint] = []
        itself = (0, calls, _record(sandbox, command))
        for worker, first, again in (itself, *workers(sandbox, command, sorted(STRUCK))):
            told = told_by_path(own.calls(first), own.calls(again), sandbox.world)
            once += self._of(told, lasting=False, worker=worker)
            lasting += self._of(told, lasting=True)
        return [*once, *dict.fromkeys(lasting)]

    def _of(self, told: Mapping[Call, str], *, lasting: bool, worker: int = 0) -> list[ErrorPoint]:
        """Return the points of calls, each with the path that tells it, or nothing."""
        return [
            ErrorPoint(call.name, call.ordinal, error, lasting, told[call], worker)
            for call in _sampled(told)
            for error in self.errors
            if not reason_to_skip(error, call.name, lasting=lasting, looks=_looks(call))
        ]

    def strike(self, sandbox: Sandbox, command: Command, point: ErrorPoint) -> Injected:
        """Run a command and let it meet an error at a point."""
        log = os.path.join(sandbox.folder, "strace.log")
        when = f"{point.ordinal}{'+' * point.lasting}"
        options = ["-e", f"trace={point.call}"]
        options += ["-e", f"inject={point.call}:error={point.error}:when={when}"]
        options += _narrowed(self.known) if point.narrowed else []
        options += ["-P", sandbox.world + point.path] if point.path else []
        options += ["-f"] if point.path and point.lasting else []
        Path(log).unlink(missing_ok=True)
        completed = sandbox.run(command, before=tracer(log, *options), worker=point.worker)
        struck = _struck(log)
        own = Own(sandbox)
        paths = dict.fromkeys(path for text in struck for path in paths_of(text))
        first = paths_of(struck[0]) if struck else []
        fired = any(map(own.has, first)) and (point.lasting or len(struck) == 1)
        return Injected(fired, struck, tuple(paths), completed)


class Own:
    """Tells the command's own calls from those of the interpreter that runs it."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Keep where the command's own paths lie."""
        wheels = {path for path in sandbox.provisions.values() if path.endswith(".whl")}
        self._exactly = frozenset({sandbox.world, *wheels})
        self._below = sandbox.world + "/"

    def has(self, path: str) -> bool:
        """Tell whether a path is in the world, or that of a wheel."""
        return path in self._exactly or path.startswith(self._below)

    def calls(self, calls: Sequence[Call]) -> list[Call]:
        """Return the calls that can be struck."""
        return [
            call for call in calls if _touches(call) and any(map(self.has, paths_of(call.text)))
        ]

    def paths(self, calls: Sequence[Call]) -> set[str]:
        """Return the command's own paths in some calls."""
        return {path for call in calls for path in paths_of(call.text) if self.has(path)}


def paths_of(text: str) -> list[str]:
    """Return the absolute paths of a call; a name is joined to its folder's descriptor."""
    found: list[str] = []
    base = ""
    for token in _TOKEN.finditer(text.partition(" = ")[0]):
        name = token["text"]
        if token["cwd"]:
            base = ""
        elif token["open"]:
            base = _NAMELESS.sub("", token["open"])
            found.append(base)
        elif name.startswith("/"):
            found.append(name)
        elif name and base:
            # The folder was only the way to the name.
            found = [path for path in found if path != base]
            found.append(f"{base}/{name}")
    return found


def _touches(call: Call) -> bool:
    return call.name in READING | CLOSING or call.mutating or call.name in {"open", "openat"}


def _looks(call: Call) -> bool:
    """Return whether a call only reads; what was written may only fail when it is closed."""
    return not call.mutating and call.name not in CLOSING


def _sampled(calls: Iterable[Call]) -> list[Call]:
    """Return the calls that change something, and a sample of those that only look, or close.

    What was written, or locked, may only fail when it is closed: each of these closes counts.
    """
    calls = list(calls)
    changed = {_last_path(call) for call in calls if call.mutating}
    chosen: list[Call] = []
    seen: set[tuple[str, str]] = set()
    for call in calls:
        path = _last_path(call)
        if call.mutating or (call.name in CLOSING and path in changed):
            chosen.append(call)
        elif (call.name, path) not in seen:
            seen.add((call.name, path))
            if len(seen) % READ_SAMPLE == 1:
                chosen.append(call)
    return chosen


def _last_path(call: Call) -> str:
    return "".join(paths_of(call.text)[-1:])


def told_by_path(first: Sequence[Call], again: Sequence[Call], world: str) -> dict[Call, str]:
    """Return the calls of a process that can be struck, each with the path that tells it.

    A call's ordinal is its number among those on this path.

    :param again: the calls of the process, when it ran once more
    """
    shared = {one.path(world) for one in again}
    ordinals: Counter[tuple[str, str]] = Counter()
    told = {}
    for call in first:
        path = call.path(world)
        ordinals[call.name, path] += 1
        # A source is also read by the interpreter that compiles it.
        compiled = path.endswith(".py") and not call.mutating
        # Where a file has no name, its inode stands for one, and is another each time.
        if path in shared - {""} and not compiled and not _NAMELESS.search(path):
            told[replace(call, ordinal=ordinals[call.name, path])] = path
    return told


def _record(
    sandbox: Sandbox, command: Command, known: Sequence[str] = (), *, fresh: bool = False
) -> list[Call]:
    return record(sandbox, command, *_narrowed(known), names=sorted(STRUCK), fresh=fresh)


def _struck(log: str) -> tuple[str, ...]:
    """Return the calls that met an error, as strace printed them, each on one line."""
    if not os.path.exists(log):  # the worker was not forked
        return ()
    begun: dict[str, str] = {}
    struck = []
    with open(log, encoding="utf-8", errors="replace") as stream:
        for line in map(str.strip, stream):
            process = line.partition(" ")[0]
            if line.endswith("<unfinished ...>"):
                begun[process] = line.removesuffix("<unfinished ...>")
            elif "(INJECTED)" in line:
                resumed = _RESUMED.match(line)
                struck.append(begun[process] + line[resumed.end() :] if resumed else line)
    return tuple(struck)


def _narrowed(paths: Sequence[str]) -> list[str]:
    return [word for path in paths for word in ("-P", path)]
