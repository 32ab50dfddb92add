"""Errors that name their path, where the operating system's own do not.

Purpose: what fails through a descriptor (``write``, ``read``, ``fstat``, ``fchmod``) or
relative to a folder's handle comes without a path, or with the last part of one. A
message without a path is of no use, so the port adds it here, at the call.

Calling sequence: ``NamedFile(path, "xb")`` instead of ``open(path, "xb", buffering=0)``,
``open_plain(path)`` to read; ``raise with_path(error, path) from error``.

Guarantees: the type of an error is that of its number, as Python's own. Only plain files
are opened for reading: a FIFO would wait for ever, and a device may have no end.

Errors: ``OSError`` with ``filename`` set.
"""

from __future__ import annotations

import errno
import os
from io import FileIO
from stat import S_IMODE, S_IRWXU, S_ISREG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "UNREADABLE",
    "UNWRITABLE",
    "NamedFile",
    "can_pass_on",
    "close_to_others",
    "open_plain",
    "pass_on_rights",
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
_AT_ONCE: int = getattr(os, "O_NONBLOCK", 0)
"""Opens a FIFO without waiting for somebody who writes; plain files do not mind."""


def with_path(error: OSError, path: str) -> OSError:
    """Return an error of the same type that names the whole path."""
    return OSError(error.errno, error.strerror, path)


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


def can_pass_on(status: os.stat_result) -> bool:
    """Return whether a copy that this user makes can have the owner and the group of a file."""
    if not hasattr(os, "geteuid") or os.geteuid() == 0:
        return True
    return status.st_uid == os.geteuid() and status.st_gid in {os.getegid(), *os.getgroups()}


def pass_on_rights(path: str, status: os.stat_result) -> None:
    """Give a file that was just made the owner, the group and the mode of another."""
    if not hasattr(os, "chown"):
        return
    try:
        made = os.lstat(path)
        if (made.st_uid, made.st_gid) != (status.st_uid, status.st_gid):
            os.chown(path, status.st_uid, status.st_gid, follow_symlinks=False)
            made = os.lstat(path)  # it takes set-user-ID away
        if S_IMODE(made.st_mode) != S_IMODE(status.st_mode):
            os.chmod(path, S_IMODE(status.st_mode))
    except OSError as error:
        raise with_path(error, path) from error


def close_to_others(folder: str) -> None:
    """Let nobody but its owner into a folder that was just made."""
    try:
        os.chmod(folder, S_IRWXU)
    except OSError as error:
        raise with_path(error, folder) from error


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
            raise with_path(error, self.path) from error
