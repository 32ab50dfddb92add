"""Make the links and folders of an install and nothing else: STORE ENVIRONMENT LIST.

What a Python program cannot do without: two processes make the folders and links that LIST
names, after one flush. There is no lock, no plan, no journal, no look at what is linked, and
nothing is written. STORE and LIST are of ``note_links.py``; run it with ``-I -S``.
"""

from __future__ import annotations

import _ctypes
import os
import sys

_FOLDER = os.O_RDONLY | os.O_DIRECTORY


def _flush(folder: str) -> None:
    handle = os.open(folder, _FOLDER)
    function = _ctypes.dlsym(_ctypes.dlopen(None, 0), "syncfs")  # type: ignore[arg-type]
    _ctypes.call_function(function, (handle,))
    os.close(handle)


def _make(store: str, environment: str, lines: list[str]) -> None:
    link = os.link
    for line in lines:
        folder, *names = line.split("\0")
        target = f"{environment}/{folder}"
        try:
            os.mkdir(target)
        except FileExistsError:  # the other process's, or the environment's
            pass
        except FileNotFoundError:
            os.makedirs(target, exist_ok=True)
        source, place = os.open(f"{store}/{folder}", _FOLDER), os.open(target, _FOLDER)
        for name in names:
            link(name, name, src_dir_fd=source, dst_dir_fd=place)
        os.close(source)
        os.close(place)


store, environment, path = sys.argv[1:]
with open(path, encoding="utf-8") as stream:
    lines = stream.read().split("\n")
_flush(environment)
total, half, seen = sum(line.count("\0") for line in lines), 0, 0
while seen * 2 < total:
    seen += lines[half].count("\0")
    half += 1
child = os.fork()
if not child:
    _make(store, environment, lines[half:])
    os._exit(0)
_make(store, environment, lines[:half])
sys.exit(os.waitpid(child, 0)[1])
