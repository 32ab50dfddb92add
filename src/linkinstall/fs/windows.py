r"""The file system of Windows, where a file that is open or loaded refuses.

Purpose: the verbs of :mod:`linkinstall.fs.port` with the refusals of Windows:

- A sharing violation (32, 33) is mostly a scanner's that is gone in a moment. It is
  tried again, with pauses, within a bound for all of a run (``limits.SHARING_*``). So
  is access denied (5) for a folder that is to be renamed: something in it is open.
- A read-only file cannot be deleted: the attribute is cleared for the moment, and the
  other names of the file keep it.
- Paths too long for the plain interface go by the extended one (``\\?\``).
- A junction is a link: removed, never followed.
- What was linked or copied is looked at: not everything that reports success has made it.

A loaded image cannot be deleted, yet can be renamed: what refuses to be deleted goes to
the trash (:mod:`linkinstall.trash`). No privilege is assumed.

Calling sequence: as the port's. :class:`WindowsFileSystem` takes another
:class:`~linkinstall.fs.windows_calls.Calls` in tests, and then runs anywhere.

Guarantees: those of the port, but for power cuts: there is no call for a whole volume,
so a flush writes what was generated and copied since the last one, file by file.

Errors: those of the port. ``winerror`` is kept; ``errno`` is what the code above the
port decides by (:func:`translated`).
"""

from __future__ import annotations

import errno
import ntpath
import os
import stat
import time
from collections import deque

from linkinstall import limits
from linkinstall.fs.port import FileSystem, is_junction
from linkinstall.fs.windows_calls import Calls
from linkinstall.paths import plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from io import BufferedReader
    from typing import BinaryIO

    from linkinstall.fs.port import Refusal

__all__ = ["WindowsFileSystem", "extended", "translated"]

ACCESS_DENIED = 5
SHARING = (32, 33)
"""ERROR_SHARING_VIOLATION and ERROR_LOCK_VIOLATION."""

_NUMBERS = {
    1: errno.ENOTSUP,  # ERROR_INVALID_FUNCTION: the file system has no such call
    4: errno.EMFILE,  # ERROR_TOO_MANY_OPEN_FILES
    5: errno.EACCES,  # ERROR_ACCESS_DENIED
    17: errno.EXDEV,  # ERROR_NOT_SAME_DEVICE
    32: errno.EACCES,
    33: errno.EACCES,
    50: errno.ENOTSUP,  # ERROR_NOT_SUPPORTED
    80: errno.EEXIST,  # ERROR_FILE_EXISTS
    112: errno.ENOSPC,  # ERROR_DISK_FULL
    183: errno.EEXIST,  # ERROR_ALREADY_EXISTS
    206: errno.ENAMETOOLONG,  # ERROR_FILENAME_EXCED_RANGE, for Python "not found"
    396: errno.ENOTSUP,  # ERROR_CLOUD_FILE_INCOMPATIBLE_HARDLINKS: the whole folder
    1142: errno.EMLINK,  # ERROR_TOO_MANY_LINKS: 1,024 on NTFS
    1314: errno.ENOTSUP,  # ERROR_PRIVILEGE_NOT_HELD: no symbolic link for this process
}
INVALID_NAME = 123
"""ERROR_INVALID_NAME, also what a name of more than 255 characters gives."""
_LONGEST = 247
"""Characters of a path that the plain interface takes for a folder too."""
_REMEMBERED = 20_000
"""Files that were written and not flushed yet; more would be a leak in a long run."""


class WindowsFileSystem(FileSystem):
    """See the module docstring."""

    renames_safely = True
    open_files_refuse = True
    # A folder with something open inside. Elsewhere the folder above may not be written then,
    # and the emptied folder could neither go nor be replaced.
    folder_rename_refusals = FileSystem.folder_rename_refusals | {errno.EACCES}
    marks_executables = False

    def __init__(self, calls: Calls | None = None) -> None:
        self._calls = calls or Calls()
        self._waited = 0.0
        self._window = 0.0
        self._written: deque[str] = deque(maxlen=_REMEMBERED)

    # ---------------------------------------------------------------- look

    def status(self, path: str) -> os.stat_result | None:
        """Return ``lstat`` of ``path``; a junction is a link."""
        try:
            status = super().status(extended(path))
        except OSError as error:
            if getattr(error, "winerror", None) != INVALID_NAME:
                raise
            return None  # no volume can have such a name
        if status is not None and stat.S_ISDIR(status.st_mode) and is_junction(status):
            return _as_link(status)
        return status

    def scan(self, folder: str) -> list[tuple[str, str]]:
        """Return (name, kind) of each entry, sorted."""
        try:
            return super().scan(extended(folder))
        except OSError as error:
            # So Wine answers where a file stands; Windows itself says that it is no directory.
            if getattr(error, "winerror", None) != INVALID_NAME or self.status(folder) is None:
                raise
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), folder) from error

    def read(self, path: str, limit: int = limits.METADATA_SIZE) -> bytes:
        """Return the contents of a file; see the port."""
        return super().read(extended(path), limit)

    def open_read(self, path: str) -> BufferedReader:
        """Open a file for reading."""
        return super().open_read(extended(path))

    def read_link(self, path: str) -> str:
        """Return the target of a link, in the form of :mod:`linkinstall.paths`."""
        return plain(super().read_link(extended(path)))

    def real_path(self, path: str) -> str:
        """Return ``path`` with every link resolved, in the form of :mod:`linkinstall.paths`."""
        try:
            return plain(super().real_path(path))
        except OSError:
            # Wine cannot name the file of a handle beyond 260 characters: folder by folder.
            parent, name = ntpath.split(path)
            status = self.status(path)
            if not name or (status is not None and stat.S_ISLNK(status.st_mode)):
                raise
            return f"{self.real_path(parent)}/{name}"

    def holders(self, path: str) -> tuple[tuple[int, str], ...]:
        """Return (pid, name) of the processes that keep a file busy, where Windows tells."""
        try:
            return tuple(self._calls.holders(ntpath.normpath(path)))
        except (OSError, AttributeError, ImportError):
            return ()

    def busy(self, folder: str, names: Iterable[str]) -> list[Refusal]:
        """Return which names of a folder somebody has open without sharing deletion."""
        refused = []
        for name in names:
            try:
                self._call(self._calls.open_to_delete, f"{folder}/{name}")
            except FileNotFoundError:
                continue
            except OSError as error:
                if getattr(error, "winerror", 0) in SHARING:
                    refused.append((name, error))
        return refused

    # ---------------------------------------------------------------- make

    def make_folder(self, path: str, mode: int = 0o777) -> None:
        """Make one folder; its parent must be there."""
        try:
            super().make_folder(extended(path), mode)
        except FileNotFoundError:
            parent = self.status(os.path.dirname(path))
            if parent is None or stat.S_ISDIR(parent.st_mode):
                raise
            # Windows does not tell this from a missing parent.
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path) from None

    def create(self, path: str, *, executable: bool = False) -> BinaryIO:
        """Make a new file and open it for writing; see the port."""
        return super().create(extended(path), executable=executable)

    def write_new(self, path: str, data: bytes, *, executable: bool = False) -> os.stat_result:
        """Make a new file with ``data`` and return its status."""
        super().write_new(path, data, executable=executable)
        self._written.append(path)
        # The times settle when the file is closed.
        return os.lstat(extended(path))

    def set_time(self, path: str, nanoseconds: int) -> None:
        """Set access and modification time of a file that was just made."""
        super().set_time(extended(path), nanoseconds)

    # ---------------------------------------------------------------- place

    def place(self, mode: str, source: str, target: str, names: Sequence[str]) -> list[Refusal]:
        """Do what the port does; what is not there afterwards counts as refused."""
        refused = super().place(mode, source, target, names)
        # One listing for all: a driver may report success and have made nothing.
        there = {name for name, _ in self.scan(target)} | {name for name, _ in refused}
        return refused + [
            (name, OSError(errno.ENOTSUP, f"no {mode} was made", f"{target}/{name}"))
            for name in names
            if name not in there
        ]

    def _hardlink(self, source: str, target: str) -> None:
        self._call(self._calls.link, source, target)

    def _symlink(self, source: str, target: str) -> None:
        self._call(self._calls.symlink, ntpath.normpath(source), target)
        made = self.status(target)
        if made is None or not stat.S_ISLNK(made.st_mode):
            raise OSError(errno.ENOTSUP, "no symbolic link was made", target)

    def _clone(self, source: str, target: str) -> None:
        # Asked for only where the volume shares blocks (see probe.can_clone).
        self._copy(source, target)

    def _copy(self, source: str, target: str) -> None:
        self._call(self._calls.copy, source, target)
        self._written.append(target)

    # ---------------------------------------------------------------- move and drop

    def rename(self, source: str, target: str) -> None:
        """Rename within a volume; a file at ``target`` is replaced in one step."""
        self._call(self._calls.replace, source, target, moves=True)

    def rename_new(self, source: str, target: str) -> None:
        """Rename a file or a folder to a name that must be free: here the system's own rule."""
        self._call(self._calls.rename, source, target, moves=True, folder_too=True)

    def unlink(self, path: str) -> None:
        """Remove a file, a link or a junction, never what it points to."""
        try:
            self._call(self._calls.unlink, path)
        except PermissionError as error:
            if getattr(error, "winerror", 0) != ACCESS_DENIED or not self._is_read_only(path):
                raise
            self._call(self._calls.delete_read_only, path)

    def remove_folder(self, path: str) -> None:
        """Remove an empty folder."""
        self._call(self._calls.remove_folder, path)

    def _is_read_only(self, path: str) -> bool:
        status = self.status(path)
        return status is not None and not status.st_mode & stat.S_IWRITE

    # ---------------------------------------------------------------- flush

    def flush_volume(self, path: str, handle: int | None = None) -> None:  # noqa: ARG002 - see the module docstring
        """Write to the disk what was generated and copied since the last flush."""
        while self._written:
            written = extended(self._written.popleft())
            try:
                self._calls.flush(written)
            except FileNotFoundError:  # renamed or dropped since
                continue
            except PermissionError:  # a scanner's, or read-only: the system writes it later
                continue

    # ---------------------------------------------------------------- calling

    def _call(
        self,
        call: Callable[..., None],
        *paths: str,
        moves: bool = False,
        folder_too: bool = False,
    ) -> None:
        """Call, and call again after a pause while somebody else has the file open.

        :param moves: whether an error names both paths, as those of Python do
        :param folder_too: whether access denied may end by itself, too, for a folder
        """
        native = [extended(path) for path in paths]
        pauses = iter(limits.SHARING_PAUSES)
        while True:
            try:
                call(*native)
            except OSError as error:
                number = getattr(error, "winerror", None)
                passing = number in SHARING or (
                    folder_too and number == ACCESS_DENIED and self._is_folder(paths[0])
                )
                pause = next(pauses, None) if passing else None
                if pause is None or not self._may_wait(pause):
                    raise translated(error, paths[0], paths[1] if moves else None) from error
                time.sleep(pause)
            else:
                return

    def _may_wait(self, pause: float) -> bool:
        """Return whether the bound for all pauses of this while leaves room for another."""
        now = time.monotonic()
        if now >= self._window:
            self._window, self._waited = now + limits.SHARING_WINDOW, 0.0
        self._waited += pause
        return self._waited <= limits.SHARING_WAIT

    def _is_folder(self, path: str) -> bool:
        status = self.status(path)
        return status is not None and stat.S_ISDIR(status.st_mode)


def translated(error: OSError, path: str, target: str | None = None) -> OSError:
    """Return an error that names ``path`` and has the ``errno`` that callers decide by.

    Python's own translation takes "too many links" for an invalid argument and "name
    too long" for "not found".

    :param target: where it was to be moved: of a staged file that is the path that people know
    """
    winerror = getattr(error, "winerror", None)
    number = _NUMBERS.get(winerror or 0, error.errno or errno.EIO)
    # With a number of Windows the constructor would pick errno itself, on Windows.
    result = OSError(number, error.strerror or str(error), path, None, target)
    if winerror is not None:
        result.winerror = winerror  # type: ignore[attr-defined,unused-ignore]
    return result


def extended(path: str) -> str:
    """Return ``path`` as it is where it is short, else in the extended form."""
    if len(path) <= _LONGEST or path.startswith("\\\\?\\"):
        return path
    path = ntpath.normpath(path)
    if path.startswith("\\\\"):
        return "\\\\?\\UNC" + path[1:]
    return "\\\\?\\" + path if ntpath.isabs(path) else path


_IN_SEQUENCE = {"st_mode", "st_ino", "st_dev", "st_nlink", "st_uid", "st_gid", "st_size"}


def _as_link(status: os.stat_result) -> os.stat_result:
    """Return the status with the kind of a link."""
    mode = stat.S_IFLNK | stat.S_IMODE(status.st_mode)
    # From Python 3.13 on what stands in the sequence must not be named as well.
    names = {name for name in dir(status) if name.startswith("st_")} - _IN_SEQUENCE
    rest = {name: getattr(status, name) for name in names}
    return os.stat_result((mode, *tuple(status)[1:]), rest)
