"""A mount namespace of our own: nobody else holds what we mount.

Purpose: whoever makes a mount namespace (``unshare``, a container) copies every mount that
it sees, and each copy keeps a file system alive after it was unmounted here. Mounting its
image again then gives that living file system, not what is in the image by now: a volume
that was filled anew still held what it had held before, and sound points counted as
broken. What is mounted in a namespace of our own nobody copies, and it is gone with us.

Calling sequence: ``enter()`` in the thread that mounts, before it does; again is harmless.

Guarantees: each thread, and what it starts, has one namespace. What others have mounted
in folders for temporary files is let go in it, so that we hold nothing of theirs either.

Errors: none. Where a namespace cannot be made, nothing can be mounted: ``mount`` says so.
"""

from __future__ import annotations

import ctypes
import re
import tempfile
import threading
from pathlib import Path

from integration.faults.mounts import MNT_DETACH

CLONE_NEWNS = 0x00020000
MS_REC, MS_PRIVATE = 0x4000, 1 << 18
_QUICK = "/dev/shm"  # noqa: S108 a volume, not a file name
_entered = threading.local()


def enter() -> None:
    """Give this thread a mount namespace, once."""
    if getattr(_entered, "already", False):
        return
    _entered.already = True
    # Python has os.unshare since 3.12.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS):
        return
    libc.mount(None, b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None)
    for place in reversed(_of_others()):
        libc.umount2(place, MNT_DETACH)


def _of_others() -> list[bytes]:
    """Return what is mounted below folders for temporary files, in the order of mounting."""
    text = Path("/proc/thread-self/mountinfo").read_bytes()
    places = [_plain(line.split()[4]) for line in text.splitlines()]
    folders = tuple(f"{folder}/".encode() for folder in (tempfile.gettempdir(), _QUICK))
    return [place for place in places if place.startswith(folders)]


def _plain(place: bytes) -> bytes:
    """Undo the octal escapes of ``mountinfo``."""
    return re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), place)
