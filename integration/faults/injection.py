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
- Forked workers (``forks=True``) are struck instead of the main thread: their calls are told
  by a path that two runs share, as in ``strace``. It takes a build whose temporary folders
  have the same names in each run (``FORKED``). The interpreters that compile are left alone:
  what they cannot read counts as a source that does not compile.
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
from typing import TYPE_CHECKING

from integration.faults.calls import MUTATING, WAITING
from integration.faults.forking import FORKING, HELPING
from integration.faults.meanings import CLOSING, ERRORS, READING, reason_to_skip
from integration.faults.strace import Call, compare, read_calls, tracer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from integration.faults.sandbox import Completed, Sandbox
    from integration.faults.scenario import Command

SHARED = READING | CLOSING | {"open", "openat", "write", "ioctl"}
"""Calls that the interpreter makes for itself as well."""
STRUCK = (frozenset(MUTATING) | READING | CLOSING) - {"exit_group", *WAITING}
FORKED = (
    *FORKING,
    *HELPING,
    ("limits.py", "WORKERS = 8", "WORKERS = 2"),
    (
        "temporary.py",
        """{os.urandom(8).hex()}")""",
        """{os.getppid() == os.getsid(0):d}{cls.made}")\n            cls.made += 1""",
    ),
    (
        "temporary.py",
        "    def __init__(self, files",
        "    made = 1\n\n    def __init__(self, files",
    ),
)
"""Changes after which the smallest command has one worker do all that workers can do, and paths
are the same each time."""
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
    :param path: only calls with this path in the world count, in whichever process
    """

    call: str
    ordinal: int
    error: str
    lasting: bool = False
    path: str = ""

    def __str__(self) -> str:
        """Return the form that ``parse`` reads."""
        return f"{self.call}:{self.ordinal}{'+' * self.lasting}:{self.error}{self.path}"

    @classmethod
    def parse(cls, text: str) -> ErrorPoint:
        """Return the point that ``str`` wrote."""
        match = re.fullmatch(r"(\w+):(\d+)(\+?):(\w+)(/.*)?", text)
        if match is None or match[4] not in ERRORS:
            raise ValueError(f"{text} is no point, such as rename:2:EIO or link:3+:ENOSPC")
        return cls(match[1], int(match[2]), match[4], bool(match[3]), match[5] or "")

    @property
    def narrowed(self) -> bool:
        """Whether only calls on known paths of the world count."""
        return self.lasting and self.call in SHARED and not self.path


@dataclass(frozen=True)
class Injected:
    """What a fault did.

    :param fired: a call of the command itself met the error
    :param calls: the calls that met it, as strace printed them
    :param paths: the paths of those calls
    :param completed: how the command ended
    """

    fired: bool
    calls: tuple[str, ...]
    paths: tuple[str, ...]
    completed: Completed = field(repr=False)


class Inject:
    """The fault of ``make faults``."""

    name = "errors"

    def __init__(self, errors: Sequence[str] = ERRORS, *, forks: bool = False) -> None:
        """Keep the names of the errors.

        :param forks: strike forked workers, not the main thread
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
            told = told_by_path(sandbox, command, own)
            return self._of(told, lasting=False) + self._of(told, lasting=True)
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

    def _of(self, told: Mapping[Call, str], *, lasting: bool) -> list[ErrorPoint]:
        """Return the points of calls, each with the path that tells it, or nothing."""
        return [
            ErrorPoint(call.name, call.ordinal, error, lasting, told[call])
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
        options += ["-f", "-P", sandbox.world + point.path] if point.path else []
        completed = sandbox.run(command, before=tracer(log, *options))
        struck = _struck(log)
        own = Own(sandbox)
        paths = dict.fromkeys(path for text in struck for path in paths_of(text))
        first = paths_of(struck[0]) if struck else []
        return Injected(any(map(own.has, first)), struck, tuple(paths), completed)


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


def told_by_path(sandbox: Sandbox, command: Command, own: Own) -> dict[Call, str]:
    """Return the calls of forked workers that can be struck, each with the path that tells it.

    A call's ordinal is its number among those of its process on this path.
    """
    first = _of_workers(sandbox, command, own)
    sandbox.reset()
    shared = {one.path(sandbox.world) for one in _of_workers(sandbox, command, own)}
    ordinals: Counter[tuple[int, str, str]] = Counter()
    told = {}
    for call in first:
        path = call.path(sandbox.world)
        ordinals[call.thread, call.name, path] += 1
        # A source is also read by the interpreter that compiles it.
        compiled = path.endswith(".py") and not call.mutating
        # Where a file has no name, its inode stands for one, and is another each time.
        if path in shared - {""} and not compiled and not _NAMELESS.search(path):
            told[replace(call, ordinal=ordinals[call.thread, call.name, path])] = path
    return told


def _of_workers(sandbox: Sandbox, command: Command, own: Own) -> list[Call]:
    calls = _record(sandbox, command, options=("-f",))
    programs = {call.thread for call in calls if call.name == "execve"}
    return [call for call in own.calls(calls) if call.thread not in programs]


def _record(
    sandbox: Sandbox,
    command: Command,
    known: Sequence[str] = (),
    options: Sequence[str] = (),
    *,
    fresh: bool = False,
) -> list[Call]:
    log = os.path.join(sandbox.folder, "strace.log")
    names = ",".join(f"?{name}" for name in sorted({*STRUCK, "execve"}))
    words = (*options, "-e", f"trace={names}", *_narrowed(known))
    sandbox.run(command, before=tracer(log, *words), fresh=fresh)
    return read_calls(log)


def _struck(log: str) -> tuple[str, ...]:
    """Return the calls that met an error, as strace printed them, each on one line."""
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
