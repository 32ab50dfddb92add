"""The verbs of the file-system port, in terms every platform has.

Purpose: :class:`FileSystem` is both the contract and the plain implementation by
full paths; ``posix`` overrides what the platform can do better. Tests wrap or
fake this class rather than the code above it.

Calling sequence: verbs are independent of each other. Paths are absolute strings
whose folders hold no symbolic link (the caller resolved them); the last component
is never followed.

Guarantees: *make* and *place* verbs create new names only and fail with
``FileExistsError`` otherwise; *look* verbs change nothing. Batch verbs loop over
one system call and report refusals item by item.

Errors: ``OSError`` with ``filename`` set.
"""

from __future__ import annotations

import errno
import os
import stat
from _thread import allocate_lock  # threading is costly to import
from io import BufferedReader

from linkinstall import limits
from linkinstall.fs.named import (
    FILE_REFUSALS,
    VOLUME_REFUSALS,
    NamedFile,
    open_plain,
    refusal_or_raise,
    status_of,
    with_path,
)
from linkinstall.fs.placing import Placing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import BinaryIO

    Refusal = tuple[str, OSError]
    Batch = tuple[str, str, str, Sequence[str], str]

__all__ = [
    "FILE",
    "FOLDER",
    "LINK",
    "OTHER",
    "FileSystem",
    "is_junction",
    "with_path",
]

FOLDER, FILE, LINK, OTHER = "folder", "file", "link", "other"

_UMASK = allocate_lock()


class FileSystem:
    """What linkinstall asks of a file system. See the module docstring."""

    renames_safely = False
    """Whether the system itself sees to it that :meth:`rename_new` replaces nothing."""
    open_files_refuse = False
    """Whether a file that is open can refuse to go, so that :meth:`busy` has to be asked."""
    folder_rename_refusals = frozenset((errno.EXDEV, errno.EBUSY))
    """Error numbers after which a folder is moved file by file: overlayfs refuses to rename what
    lies in a lower layer (EXDEV)."""
    marks_executables = True
    """Whether the mode of a file says that it may be run; its suffix does so elsewhere."""

    # ---------------------------------------------------------------- look

    def status(self, path: str) -> os.stat_result | None:
        """Return ``lstat`` of ``path``, or None where nothing is there."""
        try:
            return os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            return None  # the volume can have no such name, whatever a RECORD says

    def statuses(self, folder: str, names: Iterable[str]) -> list[os.stat_result | None]:
        """Return :meth:`status` of each of ``names`` in ``folder``, in their order."""
        return [self.status(f"{folder}/{name}") for name in names]

    def scan(self, folder: str) -> list[tuple[str, str]]:
        """Return (name, kind) of each entry, sorted; kinds are FOLDER, FILE, LINK, OTHER."""
        with os.scandir(folder) as entries:
            return sorted((entry.name, _kind(entry)) for entry in entries)

    def read(self, path: str, limit: int = limits.METADATA_SIZE) -> bytes:
        """Return the contents of a file of at most ``limit`` bytes (``EFBIG`` beyond)."""
        with open_plain(path) as stream:
            if status_of(stream.fileno(), path).st_size > limit:
                raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)
            return stream.read()

    def open_read(self, path: str) -> BufferedReader:
        """Open a plain file for reading."""
        return BufferedReader(open_plain(path))

    def read_link(self, path: str) -> str:
        """Return the target of a symbolic link as it is written."""
        return os.readlink(path)

    def real_path(self, path: str) -> str:
        """Return ``path`` with every symbolic link resolved; missing parts stay as they are."""
        return os.path.realpath(path)

    def mount_points(self) -> set[str]:
        """Return where other volumes are mounted, as far as the system tells."""
        return set()

    def umask(self) -> int:
        """Return the process's umask.

        No call reads it: it is set and put back, by one thread at a time, because two
        would put back what the other has set. What other threads make meanwhile is
        closed to other users rather than open to them.
        """
        with _UMASK:
            mask = os.umask(0o077)
            os.umask(mask)
        return mask

    def link_limit(self, path: str) -> int:  # noqa: ARG002 - where a volume can be asked
        """Return how many hard links one file may have on the volume of ``path``."""
        return 1023

    def holders(self, path: str) -> tuple[tuple[int, str], ...]:  # noqa: ARG002 - see windows
        """Return (pid, name) of the processes that keep a file busy, where the system tells."""
        return ()

    def busy(self, folder: str, names: Iterable[str]) -> list[Refusal]:  # noqa: ARG002 - see windows
        """Return which names of a folder could neither be renamed nor removed now, and why.

        Where a folder can be renamed with what is open in it, nothing else tells.
        """
        return []

    # ---------------------------------------------------------------- make

    def make_folder(self, path: str, mode: int = 0o777) -> None:
        """Make one folder, with a mode less the umask; its parent must be there."""
        os.mkdir(path, mode)

    def create(self, path: str, *, executable: bool = False) -> BinaryIO:
        """Make a new file and open it for writing, unbuffered.

        The mode is what ``installer`` gives: 0o666 less the umask, and for an
        executable 0o777 less the umask, with every execute bit.
        """
        stream = NamedFile(path, "xb", 0o777 if executable else 0o666)
        if executable:
            try:
                self._allow_execution(stream.fileno())
            except OSError as error:
                stream.close()
                raise with_path(error, path) from error
        return stream

    def write_new(self, path: str, data: bytes, *, executable: bool = False) -> os.stat_result:
        """Make a new file with ``data`` and return its status."""
        with self.create(path, executable=executable) as stream:
            view = memoryview(data)
            while view:
                view = view[stream.write(view) :]
            return status_of(stream.fileno(), path)

    def set_time(self, path: str, nanoseconds: int) -> None:
        """Set access and modification time of a file that was just made."""
        try:
            os.utime(path, ns=(nanoseconds, nanoseconds))
        except OSError as error:
            raise with_path(error, path) from error  # Python leaves it out here

    def inherit_group(self, folder: str, parent: str) -> None:
        """Give a folder that was just made the group that one made in ``parent`` would have."""

    def close_to_others(self, folder: str) -> None:
        """Let nobody but its owner into a folder that was just made."""

    def can_pass_on(self, status: os.stat_result) -> bool:  # noqa: ARG002 - see posix
        """Return whether a copy that this user makes can have the owner and group of a file."""
        return True

    def pass_on_rights(self, path: str, status: os.stat_result) -> None:
        """Give a file that was just made the owner, the group and the mode of another."""

    # ---------------------------------------------------------------- place

    def place(self, mode: str, source: str, target: str, names: Sequence[str]) -> list[Refusal]:
        """Put ``names`` of the folder ``source`` into the folder ``target``, all in one way.

        :param mode: clone, hardlink, symlink or copy
        :return: the names that were refused for a reason in VOLUME_REFUSALS or
            FILE_REFUSALS, each with its error; any other error is raised
        """
        one = getattr(self, "_" + mode)
        refused: list[Refusal] = []
        pending = iter(names)
        while True:
            name = ""
            try:
                for name in pending:
                    one(f"{source}/{name}", f"{target}/{name}")
            except OSError as error:
                refused.append((name, refusal_or_raise(error, f"{target}/{name}")))
            else:
                return refused

    def placing(
        self,
        batches: Sequence[Batch],
        *,
        processes: bool = False,  # noqa: ARG002 - where the platform can
    ) -> Placing:
        """Begin to do :meth:`place` for each batch; what is returned brings it to an end.

        :param batches: (mode, source, target, names, root); targets are made below their roots
        :param processes: whether this process may be forked: it has no threads
        """
        return Placing(self, batches)

    def link_new(self, source: str, target: str) -> None:
        """Give a file a second name; where the volume has no hard links, move it there.

        Never replaces: ``FileExistsError`` where ``target`` is taken.
        """
        try:
            self._hardlink(source, target)
        except OSError as error:
            known = error.errno in VOLUME_REFUSALS or error.errno in FILE_REFUSALS
            if not known or error.errno == errno.EXDEV:
                raise
            self.rename_new(source, target)

    # ---------------------------------------------------------------- move and drop

    def rename(self, source: str, target: str) -> None:
        """Rename within a volume; a file at ``target`` is replaced in one step."""
        os.replace(source, target)

    def rename_new(self, source: str, target: str) -> None:
        """Rename a file or a folder to a name that must be free."""
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
        os.rename(source, target)

    def unlink(self, path: str) -> None:
        """Remove a file or a link, never what it points to."""
        os.unlink(path)

    def unlink_all(self, folder: str, names: Iterable[str]) -> list[Refusal]:
        """Remove files of one folder; a missing one is no error. Return the refusals."""
        refused: list[Refusal] = []
        for name in names:
            try:
                self.unlink(f"{folder}/{name}")
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                refused.append((name, error))
        return refused

    def remove_folder(self, path: str) -> None:
        """Remove an empty folder."""
        os.rmdir(path)

    def open_to_owner(self, folder: str) -> bool:  # noqa: ARG002 - see posix
        """Let its owner change a folder; return whether that was not so, and is now.

        For a folder that is to go: no folder shares its inode with another.
        """
        return False

    # ---------------------------------------------------------------- flush

    def open_volume(self, folder: str) -> int | None:  # noqa: ARG002 - see posix
        """Return a descriptor for :meth:`flush_volume`; see :mod:`linkinstall.fs.volumes`."""
        return None

    def flush_volume(self, path: str, handle: int | None = None) -> None:  # noqa: ARG002 - see posix
        """Write all of a volume to the disk, or fail; ``handle`` is from :meth:`open_volume`."""
        if hasattr(os, "sync"):
            os.sync()

    # ---------------------------------------------------------------- one file each

    def _hardlink(self, source: str, target: str) -> None:
        os.link(source, target, follow_symlinks=False)

    def _symlink(self, source: str, target: str) -> None:
        os.symlink(source, target)

    def _clone(self, source: str, target: str) -> None:  # noqa: ARG002 - see posix
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), target)

    def _copy(self, source: str, target: str) -> None:
        with open_plain(source) as origin:
            status = status_of(origin.fileno(), source)
            with self.create(target, executable=bool(status.st_mode & 0o111)) as stream:
                self._copy_data(origin, stream, status.st_size)
            self.set_time(target, status.st_mtime_ns)

    def _copy_data(self, origin: BinaryIO, stream: BinaryIO, _size: int) -> None:
        while chunk := origin.read(limits.COPY_CHUNK):
            view = memoryview(chunk)
            while view:
                view = view[stream.write(view) :]

    def _allow_execution(self, descriptor: int) -> None:
        # installer makes scripts executable for everybody whatever the umask is.
        if hasattr(os, "fchmod") and (mode := stat.S_IMODE(os.fstat(descriptor).st_mode)) != (
            wanted := mode | 0o111
        ):
            os.fchmod(descriptor, wanted)


def _kind(entry: os.DirEntry[str]) -> str:
    if entry.is_file(follow_symlinks=False):  # mostly: one question in place of three
        return FILE
    if entry.is_symlink():
        return LINK
    if _JUNCTION is not None and is_junction(entry.stat(follow_symlinks=False)):
        return LINK
    return FOLDER if entry.is_dir(follow_symlinks=False) else OTHER


def is_junction(status: os.stat_result) -> bool:
    """Return whether a status is that of a junction, which Windows takes for a folder."""
    # DirEntry.is_junction came with Python 3.12; the tag is known from the listing.
    return _JUNCTION is not None and getattr(status, "st_reparse_tag", 0) == _JUNCTION


_JUNCTION: int | None = (
    getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", None) if os.name == "nt" else None
)
