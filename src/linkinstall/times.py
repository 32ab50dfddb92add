"""Times of files, as volumes and archives keep them.

Purpose: tell a time that was cut down from another time. A volume may keep whole seconds
(ext4 with small inodes), and so do most archives of ``tar``.

Calling sequence::

    is_cut_down(status.st_mtime_ns, written)
    same_time(one, other)

Guarantees: pure.

Errors: none.
"""

from __future__ import annotations

__all__ = ["is_cut_down", "same_time"]

_UNITS = (100, 1_000, 10_000_000, 1_000_000_000, 2_000_000_000)
"""Nanoseconds that are kept: by NTFS, by what counts microseconds, exFAT, tar, and FAT.

Each is a multiple of the one before: what was cut down twice was cut down once.
"""


def is_cut_down(seen: int, written: int) -> bool:
    """Return whether a file's time is what a coarser volume or archive keeps of another one."""
    return any(seen == written - written % unit for unit in _UNITS)


def same_time(one: int, other: int) -> bool:
    """Return whether two file times are equal, as far as the coarser volume tells."""
    return one == other or is_cut_down(min(one, other), max(one, other))
