"""Run ``python -m linkinstall`` with something going wrong at a chosen call.

Purpose: a process that dies, is interrupted, is held up, or is refused by the file
system exactly at one of its mutating calls, without a word of its source being known:
an audit hook sees each call before it is made (PEP 578).

Calling sequence: ``python faulty_run.py LOG FAULTS argument…``; ``FAULTS`` is a JSON
list of the fields of ``command.Fault``. Each mutating call is written to LOG as
``event<TAB>path[<TAB>path]``.

Guarantees: the call that a fault meets is not made. What an interpreter does on its own
behalf (compiled files of modules) is switched off with ``-B``.

Errors: none of its own; the exit status is that of the command. Calls that bypass the
``os`` module (ctypes) are not seen.
"""

from __future__ import annotations

import errno
import json
import os
import runpy
import signal
import sys

MUTATING = {
    "os.link",
    "os.symlink",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
    "os.remove",
    "os.chmod",
    "os.utime",
    "os.truncate",
    "open",
}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Where an event keeps its paths and the folder descriptors they are relative to.
FOLDERS: dict[str, dict[int, int | None]] = {
    "os.link": {0: 2, 1: 3},
    "os.rename": {0: 2, 1: 3},
    "os.symlink": {1: 2},
    "os.mkdir": {0: 2},
    "os.rmdir": {0: 1},
    "os.remove": {0: 1},
    "os.chmod": {0: 2},
    "os.utime": {0: 3},
    "os.truncate": {},
    "open": {0: None},
}


def paths_of(event: str, arguments: tuple[object, ...]) -> list[str]:
    """Return the absolute paths of a call, as far as they can be known."""
    found = []
    for index, folder_index in FOLDERS[event].items():
        path = arguments[index]
        if isinstance(path, int):
            continue
        assert isinstance(path, (str, bytes, os.PathLike))
        text = os.fsdecode(path)
        if not os.path.isabs(text):
            folder = arguments[folder_index] if folder_index is not None else -1
            if isinstance(folder, int) and folder >= 0:
                text = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), text)
            else:
                text = os.path.join(os.getcwd(), text)
        found.append(text)
    return found


def is_mutating(event: str, arguments: tuple[object, ...]) -> bool:
    """Whether a call would change the disk."""
    if event not in MUTATING:
        return False
    if event != "open":
        return True
    _path, mode, flags = arguments
    if isinstance(arguments[0], int) or arguments[0] == os.devnull:
        return False
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return isinstance(flags, int) and bool(flags & WRITING)


class Watch:
    """Counts the mutating calls and lets the faults happen."""

    def __init__(self, log: str, faults: list[dict[str, object]]) -> None:
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self.faults = faults
        self.counts = [0] * len(faults)
        self.busy = False

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        """Look at one audit event; the hook itself opens files, so it never nests."""
        if self.busy or event not in MUTATING or not is_mutating(event, arguments):
            return
        self.busy = True
        try:
            paths = paths_of(event, arguments)
            os.write(
                self.log, "\t".join([event, *paths]).encode("utf-8", "backslashreplace") + b"\n"
            )
            for index, fault in enumerate(self.faults):
                if self.meets(index, fault, event, paths):
                    happen(str(fault["action"]), paths)
        finally:
            self.busy = False

    def meets(self, index: int, fault: dict[str, object], event: str, paths: list[str]) -> bool:
        """Whether this call is the one, or one of those, that the fault is for."""
        if fault["event"] and fault["event"] != event:
            return False
        if fault["name"] and fault["name"] not in [os.path.basename(path) for path in paths]:
            return False
        if fault["inside"] and not any(str(fault["inside"]) in path for path in paths):
            return False
        self.counts[index] += 1
        point = fault["point"]
        assert isinstance(point, int)
        if point == 0:
            return True
        return self.counts[index] >= point if fault["lasting"] else self.counts[index] == point


def happen(action: str, paths: list[str]) -> None:
    """Let one fault happen."""
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action.startswith("SIG"):
        os.kill(os.getpid(), getattr(signal, action))
    elif action.startswith("pause:"):
        # Opening the FIFO tells the test that we are here; the test's closing lets us go on.
        with open(action.removeprefix("pause:"), "rb") as gate:
            gate.read()
    elif action != "none":
        number = getattr(errno, action)
        raise OSError(number, os.strerror(number), *paths[:1])


def main() -> None:
    """Set the watch and become the command."""
    _script, log, faults, *arguments = sys.argv
    sys.argv = ["linkinstall", *arguments]
    # The script's folder must not shadow modules of the package under test.
    sys.path.pop(0)
    sys.addaudithook(Watch(log, json.loads(faults)))
    runpy.run_module("linkinstall", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
