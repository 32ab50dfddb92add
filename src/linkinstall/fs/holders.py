"""Who holds a file, as Linux tells in ``/proc`` (proc(5)).

Purpose: name the processes that run, map or have open a file which is busy, so that a
person knows what to close.

Calling sequence: ``holders("/env/bin/tool")``.

Guarantees: reads only. Processes of other users are seen as far as the system lets;
one that ends meanwhile is passed over. Where there is no ``/proc``, nobody is named.

Errors: none.
"""

from __future__ import annotations

import os

__all__ = ["holders"]


def holders(path: str) -> tuple[tuple[int, str], ...]:
    """Return (pid, name) of the processes that hold a file, by pid."""
    try:
        wanted = os.stat(path, follow_symlinks=False)
        numbers = sorted(int(name) for name in os.listdir("/proc") if name.isdecimal())
    except OSError:
        return ()
    return tuple((pid, _name(pid)) for pid in numbers if _holds(pid, wanted))


def _holds(pid: int, wanted: os.stat_result) -> bool:
    base = f"/proc/{pid}"
    paths = [f"{base}/exe", f"{base}/cwd"]
    try:
        paths += [f"{base}/fd/{name}" for name in os.listdir(f"{base}/fd")]
    except OSError:  # another user's, or it has ended
        pass
    for path in paths:
        try:
            if os.path.samestat(os.stat(path), wanted):
                return True
        except OSError:
            continue
    return _maps(base, wanted)


def _maps(base: str, wanted: os.stat_result) -> bool:
    device = f"{os.major(wanted.st_dev):02x}:{os.minor(wanted.st_dev):02x}"
    mark = f" {device} {wanted.st_ino} ".encode()
    try:
        with open(f"{base}/maps", "rb") as stream:
            return any(mark in line for line in stream)
    except OSError:
        return False


def _name(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm", "rb") as stream:
            return stream.read().strip().decode("utf-8", "replace")
    except OSError:
        return ""
