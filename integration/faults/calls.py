"""Which system calls can change what is on disk.

Purpose: tell, from one line of strace's output, whether a fault before that call
could leave a different state than a fault before the next one.

Calling sequence: ``MUTATING[name](text)`` with the call as strace printed it
(file descriptors with paths, ``-y``).

Guarantees: generous. Flushes and locks are among them, since they separate states
that differ after a power cut or for another process.

Errors: ``KeyError`` for a call that never changes anything.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_WRITING = re.compile(r"\bO_(?:WRONLY|RDWR|CREAT|TRUNC|APPEND|TMPFILE)\b")
_FILE = re.compile(r"^\w+\((?:\d+)<(?!/dev/(?!shm/)|/proc/|/memfd:)/")
_DEVICE = re.compile(r'"/dev/(?!shm/)')
_CLONING = re.compile(r"\b(?:FICLONE|BTRFS_IOC_CLONE|FICLONERANGE)")


def _always(_text: str) -> bool:
    return True


def _opens_for_writing(text: str) -> bool:
    return bool(_WRITING.search(text)) and not _DEVICE.search(text)


def _on_file(text: str) -> bool:
    return bool(_FILE.match(text))


def _clones(text: str) -> bool:
    return bool(_CLONING.search(text))


_NAMED = """
    rename renameat renameat2 link linkat symlink symlinkat unlink unlinkat rmdir
    mkdir mkdirat mknod mknodat truncate chmod fchmodat fchmodat2 chown lchown fchownat
    utime utimes utimensat futimesat setxattr lsetxattr removexattr lremovexattr sync
"""
_ON_DESCRIPTOR = """
    write pwrite64 writev pwritev pwritev2 ftruncate fallocate fchmod fchown fsetxattr
    fremovexattr fsync fdatasync syncfs sync_file_range flock copy_file_range sendfile splice
"""
WAITING = ("wait4", "waitid", "poll", "ppoll")
"""Calls that wait for a child. How often a process waits is chance, so only the first counts."""
BY_NAME = frozenset(_NAMED.split())
"""Calls that always count, whatever their arguments are."""

MUTATING: dict[str, Callable[[str], bool]] = {
    **dict.fromkeys(BY_NAME, _always),
    **dict.fromkeys(_ON_DESCRIPTOR.split(), _on_file),
    **dict.fromkeys(("open", "openat", "openat2", "creat"), _opens_for_writing),
    "creat": _always,
    "ioctl": _clones,
    # Not a change itself: a fault here comes after the last one.
    "exit_group": _always,
    # Nor these: a fault here leaves a child at work without its parent.
    **dict.fromkeys(WAITING, _always),
}
"""Name of a system call -> whether a call that strace printed counts."""
