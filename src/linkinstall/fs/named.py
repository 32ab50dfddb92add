"""Errors that name their path, where the operating system's own do not.

Purpose: what fails through a descriptor (``write``, ``read``, ``fstat``, ``fchmod``) or
relative to a folder's handle comes without a path, or with the last part of one. A
message without a path is of no use, so the port adds it here, at the call.

Calling sequence: ``NamedFile(path, "rb")`` instead of ``open(path, "rb", buffering=0)``;
``raise with_path(error, path) from error``.

Guarantees: the type of an error is that of its number, as Python's own.

Errors: ``OSError`` with ``filename`` set.
"""

from __future__ import annotations

import os
from io import FileIO

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["NamedFile", "set_times", "status_of", "with_path"]


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


class NamedFile(FileIO):
    """An unbuffered file, each of whose errors names its path.

    :param path: the file; ``mode`` is that of ``io.FileIO``
    :param permissions: what a file that is made may be used for, less the umask
    """

    def __init__(self, path: str, mode: str, permissions: int = 0o666) -> None:
        self.path = path
        super().__init__(path, mode, opener=lambda name, flags: os.open(name, flags, permissions))

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
