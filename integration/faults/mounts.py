"""Mounting an image, and unmounting it, by the system calls themselves.

Purpose: a sweep of power cuts mounts and unmounts four times for each cut; where ``mount`` and
``umount`` are started for that, they take a fifth of its time.

Calling sequence::

    mount_image("ext4", image, folder)
    unmount(folder)

Guarantees: as of ``mount -o loop``: the loop device goes with the mount, whatever becomes of
this process. The mount is made in the namespace of the calling thread.

Errors: ``OSError``.

Specification: mount(2), umount(2), loop(4); ``linux/loop.h`` for the structures.
"""

from __future__ import annotations

import ctypes
import os
import struct
from errno import EBUSY
from functools import cache

MNT_DETACH = 2
_LOOP_CTL_GET_FREE, _LOOP_CONFIGURE = 0x4C82, 0x4C0A
_LO_FLAGS_AUTOCLEAR = 4
_CONFIG = struct.Struct("=2I5Q4I64s64s32s2Q8Q")
"""``loop_config``: the file, the size of a block, ``loop_info64``, and 64 bytes for later."""
_TRIES = 100
"""How often others may take the loop device that was free."""


def mount_image(kind: str, image: str, folder: str) -> None:
    """Mount the file system in an image."""
    backing = os.open(image, os.O_RDWR)
    try:
        device = _attach(backing, image)
        try:
            path = os.readlink(f"/proc/self/fd/{device}")
            if _libc().mount(os.fsencode(path), os.fsencode(folder), kind.encode(), 0, None):
                raise _error(folder)
        finally:
            os.close(device)  # where nothing was mounted, it goes now
    finally:
        os.close(backing)


def unmount(folder: str, flags: int = 0) -> None:
    """Unmount what is mounted on a folder."""
    if _libc().umount2(os.fsencode(folder), flags):
        raise _error(folder)


def _attach(backing: int, image: str) -> int:
    """Return an open loop device for a file."""
    import fcntl  # Windows, which reads this module too, has none

    name = os.fsencode(image)[:63]
    flags = (0, 0, 0, _LO_FLAGS_AUTOCLEAR)
    config = _CONFIG.pack(backing, 0, *[0] * 5, *flags, name, b"", b"", *[0] * 10)
    control = os.open("/dev/loop-control", os.O_RDWR)
    try:
        for left in reversed(range(_TRIES)):
            number = fcntl.ioctl(control, _LOOP_CTL_GET_FREE)
            device = os.open(f"/dev/loop{number}", os.O_RDWR)
            try:
                fcntl.ioctl(device, _LOOP_CONFIGURE, config)
            except OSError as error:
                os.close(device)
                if error.errno != EBUSY or not left:
                    raise
            else:
                return device
    finally:
        os.close(control)
    raise AssertionError


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _error(folder: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), folder)
