"""Many commands at the same moment, some of them killed: a program of its own.

Purpose: contention. Processes that are started one after the other come one after the
other; these are forked from one that has loaded everything, and wait at a gate.

Calling sequence: ``crowd.py JOB ANSWER`` with two paths. The job is JSON::

    {"folder": where outputs go, "seconds": until it counts as a deadlock, "seed": 7,
     "commands": [[words], ...], "width": how far ahead of the oldest,
     "kill": null | {"what": "holder" | "compiling" | "forked" | "any", "lock": path,
              "times": 2}}

A command that begins with a path is executed, any other is a call of linkinstall's
command line. ``holder`` is who holds the lock, ``compiling`` who waits for a worker,
``forked`` who holds the lock and has forked.
The answer is a list of ``{"status", "output", "errors"}``, in the order of the commands;
a status is null where the time was over.

Guarantees: no import of this project but of the package on ``PYTHONPATH``. Each
command's streams are files of its own. The gate opens, and the first is killed, when all
stand at it: on a busy machine one was killed before it had opened its streams. They begin in
the order of the job, where not all may run at once.

Errors: whatever the system says.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

PRELOADED = (
    "linkinstall.cli.main linkinstall.cli.commands linkinstall.cli.render linkinstall.cli.target "
    "linkinstall.verbs.install linkinstall.verbs.uninstall linkinstall.verbs.recover "
    "linkinstall.unpack linkinstall.bytecode linkinstall.settle linkinstall.journal "
    "linkinstall.interpreters linkinstall.errors linkinstall.removal linkinstall.staging"
)
LOCKS = "/proc/locks"
"""Where the kernel lists who holds a lock."""
OLDEST = "oldest"
"""A file beside the streams, as long as the number of the first command that has not ended."""
PAUSE = 0.002
"""Seconds between two looks at who has ended and who is to be killed."""
LATEST = 0.03
"""Seconds at most between the moment a victim is chosen and its end."""


def contend(number: int, job: dict[str, Any], gate: int, arrivals: int) -> None:
    """Wait at the gate, then become the command."""
    words, folder = job["commands"][number], job["folder"]
    for stream, name in ((1, "out"), (2, "err")):
        handle = os.open(f"{folder}/{number}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(handle, stream)
        os.close(handle)
    os.write(arrivals, b".")
    os.close(arrivals)
    os.read(gate, 1)
    os.close(gate)
    while number >= job["width"] + os.stat(f"{folder}/{OLDEST}").st_size:
        time.sleep(PAUSE)
    if words[0].startswith("/"):
        os.execv(words[0], words)  # noqa: S606 - words of the harness itself
    from linkinstall.cli import leave, run

    sys.argv = ["linkinstall", *words]
    leave(run())


def start(job: dict[str, Any]) -> dict[int, int]:
    """Fork all contenders, open the gate once all stand at it, return process -> number."""
    with open(f"{job['folder']}/{OLDEST}", "wb"):
        pass
    gate, opening = os.pipe()
    arrived, arrivals = os.pipe()
    running = {}
    for number in range(len(job["commands"])):
        process = os.fork()
        if not process:
            os.close(opening)
            os.close(arrived)
            try:
                contend(number, job, gate, arrivals)
            finally:
                os._exit(70)
        running[process] = number
    os.close(gate)
    os.close(arrivals)
    while os.read(arrived, len(running)):  # nothing more where nobody can write any more
        pass
    os.close(arrived)
    os.close(opening)
    return running


def holders(path: str) -> set[int]:
    """Return the processes that locked a file, as the kernel lists them."""
    try:
        inode = str(os.stat(path).st_ino)
        with open(LOCKS, encoding="ascii") as stream:
            lines = [line.split() for line in stream]
    except OSError:
        return set()
    return {int(line[4]) for line in lines if line[5].rpartition(":")[2] == inode}


def compiling(running: Iterable[int]) -> set[int]:
    """Return those of the processes that have a worker that compiles."""
    return {process for process in running if any(map(_compiles, _children(process)))}


def forked(path: str) -> set[int]:
    """Return the processes that locked a file and have a child that is a copy of them."""
    return {
        process
        for process in holders(path)
        if any(_words(child) == _words(str(process)) for child in _children(process))
    }


def _children(process: int) -> list[str]:
    try:
        with open(f"/proc/{process}/task/{process}/children", encoding="ascii") as stream:
            return stream.read().split()
    except OSError:
        return []


def _compiles(process: str) -> bool:
    return b"compile_worker" in _words(process)


def _words(process: str) -> bytes:
    """Return the command line of a process; nothing of one that is gone."""
    try:
        with open(f"/proc/{process}/cmdline", "rb") as stream:
            return stream.read()
    except OSError:
        return b""


def kill_one(rule: dict[str, Any], running: Iterable[int], chance: random.Random) -> int:
    """Kill one process that the rule names, and return it; 0 if there is none now."""
    what = rule["what"]
    if what == "any":
        victims = set(running)
    elif what == "holder":
        victims = holders(rule["lock"])
    else:
        victims = compiling(running) if what == "compiling" else forked(rule["lock"])
    for process in sorted(victims.intersection(running), key=lambda _: chance.random()):
        time.sleep(chance.random() * LATEST)
        if os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            os.kill(process, signal.SIGKILL)
            return process
    return 0


def wait(job: dict[str, Any], running: dict[int, int]) -> list[int | None]:
    """Wait for all, killing on the way; return each one's status."""
    statuses: list[int | None] = [None] * len(running)
    rule, chance = job["kill"], random.Random(job["seed"])  # noqa: S311 - not a secret
    # A busy machine takes a while to end who was killed: nobody is killed twice.
    killed: set[int] = set()
    end = time.monotonic() + job["seconds"]
    while running and time.monotonic() < end:
        if rule and len(killed) < rule["times"]:
            victim = kill_one(rule, running.keys() - killed, chance)
            killed.update([victim] if victim else [])
        process, status = os.waitpid(-1, os.WNOHANG)
        if process:
            statuses[running.pop(process)] = os.waitstatus_to_exitcode(status)
            os.truncate(f"{job['folder']}/{OLDEST}", min(running.values(), default=0))
        else:
            time.sleep(PAUSE)
    for process in running:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
    return statuses


def main() -> None:
    """Do one job."""
    job_path, answer_path = sys.argv[1:]
    with open(job_path, encoding="utf-8") as stream:
        job = json.load(stream)
    for name in PRELOADED.split():
        __import__(name)
    os.makedirs(job["folder"], exist_ok=True)
    statuses = wait(job, start(job))
    answers = []
    for number, status in enumerate(statuses):
        answer: dict[str, Any] = {"status": status}
        for key, name in (("output", "out"), ("errors", "err")):
            with open(f"{job['folder']}/{number}.{name}", encoding="utf-8") as text:
                answer[key] = text.read()
        answers.append(answer)
    with open(answer_path, "w", encoding="utf-8") as stream:
        json.dump(answers, stream)


if __name__ == "__main__":
    main()
