"""What an error number can mean for a system call, and what it cannot.

Purpose: thirteen error numbers at each call would be many runs that prove nothing:
no file system answers ``rename`` with EMFILE. What is left out is left out here, with
the reason, and nowhere else.

Calling sequence: ``reason_to_skip("EMFILE", "rename", lasting=False)`` is "" or why.

Guarantees: generous. An error that some file system gives is kept, even where the
manual page does not list it (FUSE hands on whatever its server says).

Errors: ``KeyError`` for an error number that is not in ``ERRORS``.
"""

from __future__ import annotations

ERRORS = (
    "EIO",
    "ENOSPC",
    "EDQUOT",
    "EACCES",
    "EPERM",
    "EROFS",
    "EXDEV",
    "EMLINK",
    "EMFILE",
    "ENAMETOOLONG",
    "EBUSY",
    "ENOTEMPTY",
    "EINTR",
)
"""The error numbers of the gate."""

OPENING = frozenset(("open", "openat", "openat2", "creat"))
_LOOKING = "stat lstat newfstatat statx readlink readlinkat access faccessat faccessat2"
LOOKING = frozenset(_LOOKING.split())
"""Calls that look at a path and change nothing."""
_BY_DESCRIPTOR = """
    read pread64 fstat getdents64 write pwrite64 writev pwritev ftruncate fallocate fchmod fchown
    fsync fdatasync syncfs sync_file_range flock copy_file_range sendfile ioctl close
"""
BY_DESCRIPTOR = frozenset(_BY_DESCRIPTOR.split())
"""Calls that take no path: what is wrong with a path cannot be wrong here."""
READING = LOOKING | {"read", "pread64", "fstat", "getdents64"}
CLOSING = frozenset(("close",))
"""The call by which a network file system may tell that something was not written after all."""
FLUSHING = frozenset(("fsync", "fdatasync", "syncfs", "sync_file_range"))
_REPEATED = """
    read pread64 write pwrite64 writev fstat newfstatat ftruncate fchmod fsync fdatasync flock
    copy_file_range
"""
REPEATED = OPENING | frozenset(_REPEATED.split())
"""Calls that Python makes again where a signal interrupted them (PEP 475)."""

_RENAMING = frozenset(("rename", "renameat", "renameat2"))
_REMOVING = _RENAMING | {"unlink", "unlinkat", "rmdir"}
_LINKING = _RENAMING | {"link", "linkat"}

UNDOING = READING | OPENING | _LINKING | _REMOVING | FLUSHING
"""The calls that putting a change back takes: what was moved away is linked or renamed to its
place, and what was made is removed. Nothing new is made."""

_ONLY: dict[str, tuple[frozenset[str], str]] = {
    "EXDEV": (
        _LINKING | {"copy_file_range", "ioctl"},
        "it says that two paths are on different volumes",
    ),
    "EMLINK": (
        _LINKING | {"mkdir", "mkdirat"},
        "it says that an inode has as many names as it can",
    ),
    "EMFILE": (OPENING, "it says that a process has as many descriptors as it may"),
    "ENOTEMPTY": (
        _RENAMING | {"rmdir", "unlinkat"},
        "it says that a folder that should go or be replaced holds something",
    ),
    "EBUSY": (
        _REMOVING | OPENING | {"link", "linkat", "mkdir", "mkdirat"},
        "it says that a name is in use",
    ),
}
"""Error number -> the calls that can give it, and the reason in words."""

_NEVER: dict[str, tuple[frozenset[str], str]] = {
    "ENAMETOOLONG": (
        BY_DESCRIPTOR | LOOKING,
        "no path is given; or what has this name was made under it, and what has not is not there",
    ),
    "EACCES": (BY_DESCRIPTOR, "access was granted when the descriptor was opened"),
    "EPERM": (
        (BY_DESCRIPTOR - {"fchmod", "fchown", "ioctl", "write"}) | LOOKING,
        "nothing is asked for that takes a right of its own",
    ),
    "EROFS": (
        READING | FLUSHING | CLOSING | {"flock"},
        "a read-only volume can be read, and has nothing to flush",
    ),
    "ENOSPC": (READING | {"flock"}, "no space is needed"),
    "EDQUOT": (READING | {"flock"}, "no space is needed"),
}
"""Error number -> the calls that cannot give it, and the reason in words."""


def reason_to_skip(error: str, call: str, *, lasting: bool, looks: bool = False) -> str:
    """Return why a call cannot fail this way, or nothing.

    :param lasting: each such call fails from there on, not this one alone
    :param looks: it opens a file only to read it
    """
    if error not in ERRORS:
        raise KeyError(error)
    only, reason = _ONLY.get(error, (frozenset((call,)), ""))
    if call not in only:
        return reason
    never, reason = _NEVER.get(error, (frozenset(), ""))
    if call in never or (looks and not LOOKING.isdisjoint(never)):
        return reason
    if error == "EINTR" and lasting and call in REPEATED:
        return "Python would repeat it for ever (PEP 475), and so would every program"
    return ""
