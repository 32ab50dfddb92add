"""An interpreter kept ready: what a command costs without starting Python for it.

Purpose: of a small install, two thirds are the start of an interpreter and its imports, and
under strace more. ``Ready`` keeps one that has imported linkinstall, and forks it for each
command. What the command then does is what it would have done: the same code, on the same
arguments, variables, folder and descriptors, as the leader of a session of its own.

Calling sequence::

    ready = Ready(python, variables)                     # in the thread that has mounted
    completed = ready.run(words, variables, folder, before=tracer(log), limit=120.0)

A tracer is attached to the child while it stands still: the child stops itself, the kernel
keeps it where it is from the moment at which it is traced, and it is let go on after that.
So no call is missed, and ordinals are the same each time. Both run on one processor: from one to
another each stop at a call takes so long that a traced install took 80 ms and takes 19. The
child answers itself that it may use all of them, so that it forks as it would.

Guarantees, and where it is not the same thing: what an interpreter does before it begins with
the command is not there, nor are imports. None of this changes anything in a world, which
``Kill.points`` makes sure of: a fresh interpreter must make the same calls that change
something, or there is no sweep. What is tested there is therefore where our own calls are
interrupted; that a fresh process starts at all is tested by each run of ``sweep.References``,
which are run that way. A process that is executed by the command is a new one either way.

Where processes that run already may not be traced (``can_attach``), commands that are traced are
started anew each time.

Errors: ``ReadyError`` where the interpreter or the tracer ends before its time.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import weakref
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

_SERVER = str(Path(__file__).with_name("ready_server.py"))
_MESSAGE = 1 << 10
_PAUSE = 0.0005
_ATTACHING = 30.0
_STATE, _PROCESSOR = 0, 36
"""The fields of ``/proc/PID/stat`` that tell them, counted from that behind the name."""
STANDING = "FAULTS_STANDING"
"""Variable that names a worker of the command: before it begins it stands still, to be traced."""


class ReadyError(RuntimeError):
    """The interpreter that was kept ready, or a tracer, ended before its time."""


class Ready:
    """See the module docstring.

    :param python: the interpreter
    :param variables: its environment variables, with the module path
    """

    def __init__(self, python: str, variables: Mapping[str, str]) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            server = subprocess.Popen(
                [python, "-P", "-s", "-B", _SERVER, str(theirs.fileno())],
                env=dict(variables),
                # It must hold no folder of a volume that is unmounted while it waits.
                cwd="/",
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )
        self._channel = ours
        self._end = weakref.finalize(self, _end, ours, server)

    def begin(
        self,
        words: Sequence[str],
        variables: Mapping[str, str],
        folder: str,
        output: int,
        processors: Collection[int] = (),
    ) -> int:
        """Return the process that will be the command, stopped before it begins.

        :param output: what it prints to
        :param processors: where it runs; default all
        """
        command = {
            "words": list(words),
            "variables": dict(variables),
            "folder": folder,
            "processors": list(processors),
        }
        try:
            socket.send_fds(self._channel, [json.dumps(command).encode()], [output])
        except BrokenPipeError as error:
            raise ReadyError("it ended by itself") from error
        return self._answer()

    def status(self, limit: float) -> int | None:
        """Return how the last one ended, negative for a signal; nothing if it has not yet."""
        self._channel.settimeout(limit)
        try:
            return self._answer()
        except TimeoutError:
            return None
        finally:
            self._channel.settimeout(None)

    def close(self) -> None:
        """End it."""
        self._end()

    def _answer(self) -> int:
        try:
            answer = self._channel.recv(_MESSAGE)
        except ConnectionResetError:  # it had not even read what it was asked
            answer = b""
        if not answer:
            raise ReadyError("it ended by itself")
        return int(answer)


def this_processor() -> int:
    """Return the processor that this thread runs on: it is free while the thread waits."""
    return int(_status("thread-self")[_PROCESSOR])


def standing_child(process: int, limit: float) -> int | None:
    """Return the child of a process that stands still; None where the process ends without one."""
    end = time.monotonic() + limit
    children = Path(f"/proc/{process}/task/{process}/children")
    while time.monotonic() < end:
        try:
            for child in children.read_text(encoding="ascii").split():
                if _status(child)[_STATE] == "T":
                    return int(child)
        except (FileNotFoundError, ProcessLookupError):
            if not children.exists():
                return None
        time.sleep(_PAUSE)
    return None


def attach(tracer: Sequence[str], process: int, limit: float) -> subprocess.Popen[bytes]:
    """Let a tracer trace a process that stands still; return once it does.

    :raises ReadyError: the tracer ended instead
    """
    # What it complains about is of no use beside what the command prints.
    words = [*tracer, "-p", str(process)]
    tracing = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with suppress(ProcessLookupError):  # it may have ended already
        os.sched_setaffinity(tracing.pid, os.sched_getaffinity(process))
    end = time.monotonic() + limit
    while not _is_traced(process):
        if tracing.poll() is not None or time.monotonic() > end:
            raise ReadyError(f"it could not be traced: {' '.join(tracer)}")
        time.sleep(_PAUSE)
    return tracing


@cache
def can_attach() -> bool:
    """Whether a process that is no child of the tracer may be traced here.

    For users other than root most systems say no (``kernel.yama.ptrace_scope``).
    """
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as other:
        try:
            tracing = attach(["strace", "-qq", "-o", os.devnull], other.pid, _ATTACHING)
        except (ReadyError, FileNotFoundError):
            return False
        finally:
            other.kill()
    tracing.wait()
    return True


def _status(process: str) -> list[str]:
    told = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    return told.rpartition(")")[2].split()


def _is_traced(process: int) -> bool:
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8", errors="replace")
    return "\nTracerPid:\t0\n" not in status


def _end(channel: socket.socket, server: subprocess.Popen[bytes]) -> None:
    channel.close()
    server.wait()
