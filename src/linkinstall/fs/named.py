"""Errors that name their path, where the operating system's own do not.

Purpose: what fails through a descriptor (``write``, ``read``, ``fstat``, ``fchmod``) or
relative to a folder's handle comes without a path, or with the last part of one. A
message without a path is of no use, so the port adds it here, at the call.

Calling sequence: ``NamedFile(path, "xb")`` instead of ``open(path, "xb", buffering=0)``,
``open_plain(path)`` to read; ``raise with_path(error, path) from error``. What has no path
because it does not matter is no error at all: ``let_go(descriptor)``.

Guarantees: the type of an error is that of its number, as Python's own. Only plain files
are opened for reading: a FIFO would wait for ever, and a device may have no end.

Errors: ``OSError`` with ``filename`` set.
"""

from __future__ import annotations

import errno
import os
from io import FileIO
from stat import S_ISREG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "FILE_REFUSALS",
    "UNREADABLE",
    "UNWRITABLE",
    "VOLUME_REFUSALS",
    "NamedFile",
    "let_go",
    "open_plain",
    "refusal_or_raise",
    "set_times",
    "status_of",
    "with_path",
]

UNWRITABLE = frozenset(
    (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENOENT)
)
"""Error numbers that say: nothing can be made in this folder, or on the way to it."""
UNREADABLE = frozenset(
    (errno.EACCES, errno.EPERM, errno.EISDIR, errno.EINVAL, errno.ENOTDIR, errno.ELOOP)
)
"""Error numbers that say: what stands there is no plain file, or not for this user to read."""
VOLUME_REFUSALS = frozenset(
    (errno.EXDEV, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOTTY, errno.EINVAL)
)
"""Error numbers that say: this volume (or pair of volumes) cannot link this way."""
FILE_REFUSALS = frozenset(
    (errno.EMLINK, errno.EPERM, errno.EACCES, errno.ENAMETOOLONG, errno.ETXTBSY, errno.ELOOP)
)
"""Error numbers that say: this one file cannot be linked this way."""
_AT_ONCE: int = getattr(os, "O_NONBLOCK", 0)
"""Opens a FIFO without waiting for somebody who writes; plain files do not mind."""


def with_path(error: OSError, path: str) -> OSError:
    """Return an error of the same type that names the whole path."""
    return OSError(error.errno, error.strerror, path)


def refusal_or_raise(error: OSError, path: str) -> OSError:
    """Return ``error`` if another link mode may help, else raise it with its path."""
    known = error.filename
    # A copy names the one of its two files that it is about; a link only half of one.
    whole = error.filename2 is None and isinstance(known, str) and os.path.isabs(known)
    named = error if whole else with_path(error, path)
    if error.errno in VOLUME_REFUSALS or error.errno in FILE_REFUSALS:
        return named
    raise named from error


def let_go(descriptor: int) -> None:
    """Close what nothing was written through: a folder, or a lock.

    The descriptor is gone whatever close(2) says, and there is nothing that could be lost.
    """
    try:
        os.close(descriptor)
    except OSError:
        pass


def status_of(descriptor: int, path: str) -> os.stat_result:
    """Return the status of an open file."""
    try:
        return os.fstat(descriptor)
    except OSError as error:
        raise with_path(error, path) from error


def set_times(descriptor: int, path: str, status: os.stat_result) -> None:
    """Give an open file the times of another."""
    try:
        os.utime(descriptor, ns=(status.st_atime_ns, status.st_mtime_ns))
    except OSError as error:
        raise with_path(error, path) from error


def open_plain(path: str) -> NamedFile:
    """Open a plain file for reading, without waiting for it.

    :raises OSError: ``EINVAL`` for what is neither a plain file nor a folder
    """
    stream = NamedFile(path, "rb")
    try:
        plain = S_ISREG(status_of(stream.fileno(), path).st_mode)
    except OSError:
        stream.close()
        raise
    if not plain:
        stream.close()
        raise OSError(errno.EINVAL, "It is no plain file", path)
    return stream


class NamedFile(FileIO):
    """An unbuffered file, each of whose errors names its path.

    :param path: the file; ``mode`` is that of ``io.FileIO``
    :param permissions: what a file that is made may be used for, less the umask
    """

    def __init__(self, path: str, mode: str, permissions: int = 0o666) -> None:
        self.path = path
        more = _AT_ONCE if mode == "rb" else 0
        try:
            super().__init__(
                path, mode, opener=lambda name, flags: os.open(name, flags | more, permissions)
            )
        except OSError as error:
            # Python names no path where the descriptor that an opener has given is refused.
            if error.filename:
                raise
            raise with_path(error, path) from error

    def read(self, size: int | None = -1, /) -> bytes:
        """Read at most ``size`` bytes, all by default."""
        try:
            return super().read(-1 if size is None else size)
        except OSError as error:
            raise with_path(error, self.path) from error

    def readall(self) -> bytes:
        """Read all bytes up to the end."""
        try:
            return super().readall()
        except OSError as error:
            raise with_path(error, self.path) from error

    def readinto(self, buffer: Any, /) -> int:
        """Read into a buffer and return how many bytes came."""
        try:
            return super().readinto(buffer)
        except OSError as error:
            raise with_path(error, self.path) from error

    def write(self, data: Any, /) -> int:
        """Write bytes and return how many were taken."""
        try:
            return super().write(data)
        except OSError as error:
            raise with_path(error, self.path) from error

    def close(self) -> None:
        """Close the file; what was written may only now prove impossible."""
        try:
            super().close()
        except OSError as error:
            if self.mode == "rb":
                return  # what was read is there
            raise with_path(error, self.path) from error
