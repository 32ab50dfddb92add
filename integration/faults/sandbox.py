"""The folder one scenario lives in: environment, cache, temp folder and home.

Purpose: everything a command can reasonably write to lies in one *world* folder,
so that a stray file is seen wherever it lands, and the world can be brought back
to a saved state at the same paths (scripts hold absolute ones).

Calling sequence::

    sandbox = Sandbox(folder, provisions)
    sandbox.build(scenario)      # an environment in the old state, saved
    sandbox.reset()              # the old state again
    sandbox.run(command)

Guarantees: what a command sees does not depend on the caller's environment
variables. Commands of ours are run by an interpreter that is kept ready, unless a fresh one
is asked for: see ``ready`` for what that is the same as. What a reset brings back is told in
``kept``.

Errors: ``SetupError`` if a command that prepares the old state fails.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from integration.faults.kept import Kept
from integration.faults.ready import (
    STANDING,
    Ready,
    ReadyError,
    attach,
    can_attach,
    standing_child,
    this_processor,
)
from integration.faults.scenario import Command, Scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

TIMEOUT = 600.0
"""Seconds a command may take; longer counts as a deadlock."""
ORPHANS = 120.0
"""Seconds that processes left behind by a killed command may take to end."""
NEIGHBOUR = "iniconfig-2.1.0"
"""A distribution that is in every environment and that no scenario touches."""
AREAS = ("venv", "cache", "temp", "home")
"""The folders of a world."""
OURS = ("{harness}", "-P", "-s", "-B", "-m", "linkinstall")
"""How each command of ours begins: those can be run by an interpreter that is kept ready."""


class SetupError(RuntimeError):
    """The old state of a scenario could not be made."""


@dataclass(frozen=True)
class Completed:
    """How a command ended.

    :param status: its exit status, negative for a signal
    :param output: standard output and standard error, in this order
    :param timed_out: it was killed because it took longer than ``TIMEOUT``
    """

    status: int
    output: str
    timed_out: bool = False


class Sandbox:
    """A world and the saved copy of its old state."""

    def __init__(self, folder: str, provisions: Mapping[str, str]) -> None:
        """Keep the places; nothing is written yet.

        :param folder: an absolute path, which may exist
        :param provisions: name -> path of what lies outside: wheels by ``name-version``

        ``traces_fresh`` may be set: what is traced is then always run by a fresh interpreter.
        ``probed`` holds what an interpreter said of a world, by the name of that (``oracle``).
        """
        self.folder = folder
        self.scratch = folder
        self.world = os.path.join(folder, "world")
        self._old = Kept(self.world, os.path.join(folder, "saved"))
        self.provisions = dict(provisions)
        self.traces_fresh = False
        self.probed: dict[str, tuple[int, str]] = {}
        self._ready: Ready | None = None
        self._just_before: tuple[Command, ...] = ()
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        self.library = self.area("venv", "lib", version, "site-packages")
        self.python = self.area("venv", "bin", "python")

    def area(self, *parts: str) -> str:
        """Return a path in the world."""
        return os.path.join(self.world, *parts)

    def build(self, scenario: Scenario) -> None:
        """Make the old state of ``scenario`` and save it."""
        self._just_before = ()
        self.probed.clear()
        self.clear()
        for area in AREAS[1:]:
            os.makedirs(self.area(area), exist_ok=True)
        _call([sys.executable, "-m", "venv", "--without-pip", self.area("venv")])
        with zipfile.ZipFile(self.provisions[NEIGHBOUR]) as archive:
            archive.extractall(self.library)
        self._prepare(scenario.prepare)
        for path, text in scenario.extra_files.items():
            with open(os.path.join(self.library, path), "x", encoding="utf-8") as stream:
                stream.write(text)
        self.save()
        self._just_before = scenario.just_before

    def reset(self) -> None:
        """Bring the old state back, and do what comes just before the fault."""
        self.restore()
        self._prepare(self._just_before)

    def clear(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def save(self) -> None:
        """Keep the world as it is now."""
        self._old.keep()

    def restore(self) -> None:
        """Bring the kept world back."""
        self._old.bring_back()

    def _prepare(self, commands: Sequence[Command]) -> None:
        for command in commands:
            completed = self.run(command)
            if completed.status not in command.statuses:
                arguments = " ".join(self.expand(command))
                raise SetupError(f"in preparation: {arguments}\n{completed.output}")

    def expand(self, command: Command) -> list[str]:
        """Return the arguments with this sandbox's paths filled in."""
        names = {
            **self.provisions,
            **{area: self.area(area) for area in AREAS},
            "library": self.library,
            "python": self.python,
            "harness": sys.executable,
        }
        return [
            re.sub(r"\{([^{}]+)\}", lambda match: names[match[1]], text)
            for text in command.arguments
        ]

    def variables(self, command: Command) -> dict[str, str]:
        """Return the complete environment variables of a command."""
        fixed = {
            "HOME": self.area("home"),
            "TMPDIR": self.area("temp"),
            "PATH": "/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            # Ordinals of calls must be the same in each run.
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONNOUSERSITE": "1",
            # In the background virtualenv asks for newer seeds, and notes when.
            "VIRTUALENV_NO_PERIODIC_UPDATE": "1",
        }
        extra = Command(tuple(command.variables.values()))
        return {**fixed, **dict(zip(command.variables, self.expand(extra), strict=True))}

    def run(
        self,
        command: Command,
        *,
        before: Sequence[str] = (),
        worker: int = 0,
        meanwhile: Callable[[int], None] | None = None,
        fresh: bool = False,
    ) -> Completed:
        """Run a command in the world and wait for every process it started.

        :param before: what stands before the command line, such as a tracer
        :param worker: the number of the one that ``before`` traces, alone, among the processes
            that the command forks: see ``forking``. Where it forks fewer nothing is traced
        :param meanwhile: told of the group of these processes once they run; what they print
            waits for it, so they must not print much
        :param fresh: start an interpreter for it, whatever is kept ready
        """
        fresh = fresh or bool(meanwhile)
        if not fresh and self.keeps_ready(command, traced=bool(before)):
            try:
                return self._run_ready(command, before, worker)
            except ReadyError as error:
                raise SetupError(str(error)) from error
        if worker:
            raise SetupError("a worker alone cannot be traced here: see forking.unavailable")
        process = subprocess.Popen(
            [*before, *self.expand(command)],
            cwd=self.area("temp"),
            env=self.variables(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
            errors="replace",
        )
        if meanwhile:
            meanwhile(process.pid)
        try:
            output, _ = process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            return Completed(process.returncode, output, timed_out=True)
        return Completed(process.returncode, output, timed_out=not _ended(process.pid))

    def keeps_ready(self, command: Command, *, traced: bool = False) -> bool:
        """Return whether a command is run by an interpreter that is kept ready."""
        ours = command.arguments[: len(OURS)] == OURS
        return ours and not (traced and (self.traces_fresh or not can_attach()))

    def _run_ready(self, command: Command, before: Sequence[str], worker: int) -> Completed:
        """Run a command of ours in an interpreter that is kept ready."""
        variables = self.variables(command)
        if worker:
            variables[STANDING] = str(worker)
        if self._ready is None:
            self._ready = Ready(sys.executable, variables)
        reader, writer = os.pipe()
        with open(reader, "rb", buffering=0) as output:
            words = self.expand(command)[len(OURS) :]
            try:
                where = (this_processor(),) if before else ()
                process = self._ready.begin(words, variables, self.area("temp"), writer, where)
            finally:
                os.close(writer)
            traced: int | None = process
            if worker:
                os.kill(process, signal.SIGCONT)
                traced = standing_child(process, TIMEOUT)
            tracing = attach(before, traced, TIMEOUT) if before and traced else None
            if traced:
                os.kill(traced, signal.SIGCONT)
            text, timed_out = _all_of(output, process)
        status = self._ready.status(TIMEOUT)
        if tracing:
            tracing.wait(TIMEOUT)
        if status is None:
            raise SetupError(f"{' '.join(words)} printed all, and did not end")
        return Completed(status, text, timed_out or not _ended(process))


def _all_of(output: BinaryIO, group: int) -> tuple[str, bool]:
    """Return all that is printed, and whether it took so long that the processes were killed."""
    end, late = time.monotonic() + TIMEOUT, False
    found: list[bytes] = []
    while True:
        readable, _, _ = select.select([output], [], [], max(0.0, end - time.monotonic()))
        if not readable:
            os.killpg(group, signal.SIGKILL)
            end, late = time.monotonic() + ORPHANS, True
            continue
        data = output.read(1 << 16)
        if not data:
            return b"".join(found).decode(errors="replace"), late
        found.append(data)


def _ended(group: int) -> bool:
    """Wait until no process of a group runs; False if one had to be killed."""
    end = time.monotonic() + ORPHANS
    while _alive(group):
        if time.monotonic() > end:
            os.killpg(group, signal.SIGKILL)
            return False
        time.sleep(0.001)
    return True


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return any(_runs(process, group) for process in filter(str.isdecimal, os.listdir("/proc")))


def _runs(process: str, group: int) -> bool:
    """Tell whether a process is of the group and no zombie whose parent is gone."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as stream:
            fields = stream.read().rpartition(")")[2].split()
    except OSError:
        return False
    return int(fields[2]) == group and fields[0] not in {"Z", "X"}


def _call(arguments: Sequence[str]) -> None:
    subprocess.run(arguments, check=True, stdin=subprocess.DEVNULL)
