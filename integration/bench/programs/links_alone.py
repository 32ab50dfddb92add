"""Make the links and folders of an install and nothing else: HOW STORE ENVIRONMENT LIST NOTED.

What a Python program cannot do without: the folders and links that LIST names are made after
one flush, by two processes, by two threads or alone, as HOW says. There is no lock, no plan,
no journal, no look at what is linked, and nothing is written but NOTED afterwards: the
seconds that the folders and links took, from before a second process or thread is begun
until all are there. STORE and LIST are of ``note_links.py``; run it with ``-I -S``.
"""

from __future__ import annotations

import _ctypes
import _thread
import os
import sys
import time

_FOLDER = os.O_RDONLY | os.O_DIRECTORY


def _flush(folder: str) -> None:
    handle = os.open(folder, _FOLDER)
    function = _ctypes.dlsym(_ctypes.dlopen(None, 0), "syncfs")  # type: ignore[arg-type]
    _ctypes.call_function(function, (handle,))
    os.close(handle)


def _make(lines: list[str]) -> None:
    link = os.link
    for line in lines:
        folder, *names = line.split("\0")
        target = f"{environment}/{folder}"
        try:
            os.mkdir(target)
        except FileExistsError:  # the other's, or the environment's
            pass
        except FileNotFoundError:
            os.makedirs(target, exist_ok=True)
        source, place = os.open(f"{store}/{folder}", _FOLDER), os.open(target, _FOLDER)
        for name in names:
            link(name, name, src_dir_fd=source, dst_dir_fd=place)
        os.close(source)
        os.close(place)


def _half(lines: list[str]) -> int:
    """Return up to where half of the names stand."""
    total, half, seen = sum(line.count("\0") for line in lines), 0, 0
    while seen * 2 < total:
        seen += lines[half].count("\0")
        half += 1
    return half


def _by_processes(lines: list[str], half: int) -> int:
    child = os.fork()
    if not child:
        _make(lines[half:])
        os._exit(0)
    _make(lines[:half])
    return os.waitpid(child, 0)[1]


def _by_threads(lines: list[str], half: int) -> int:
    # By the module below threading: importing that is no part of what is measured.
    ended, done = _thread.allocate_lock(), []
    ended.acquire()

    def work() -> None:
        try:
            _make(lines[half:])
            done.append(half)
        finally:
            ended.release()

    _thread.start_new_thread(work, ())
    _make(lines[:half])
    ended.acquire()
    return 0 if done else 1


how, store, environment, path, noted = sys.argv[1:]
with open(path, encoding="utf-8") as stream:
    lines = stream.read().split("\n")
_flush(environment)
begun, status = time.monotonic(), 0
if how == "alone":
    _make(lines)
else:
    status = {"processes": _by_processes, "threads": _by_threads}[how](lines, _half(lines))
taken = time.monotonic() - begun
with open(noted, "w", encoding="ascii") as file:
    file.write(repr(taken))
sys.exit(status)
