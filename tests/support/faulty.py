"""Wrappers of the file-system port that note, break or deny what goes through them.

Each stands before another file system, so they can be put into one another. Batch verbs
are taken apart: whatever changes the disk comes one by one, each as a ``Change``.

Calling sequence::

    files = Faulty(local(), at=17, error=errno.ENOSPC)       # or LowLinks(local(), 2), ...
    with pytest.raises(OSError):
        Cache(folder, files=files).add(wheel)
    assert files.fired

Guarantees: looks go through as they are. A flush is noted and not carried out: no power
is cut here, and a real one waits for everybody's data.
"""

from __future__ import annotations

import errno
import io
import os
import signal
import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from linkinstall.fs import local
from linkinstall.fs.port import FileSystem

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

    LocalFileSystem = FileSystem
else:
    LocalFileSystem = type(local())
    """The class of this system's own file system, for one that differs in a verb."""

# Verbs that change nothing, and those that change something, with where their path and
# their source stand among the arguments. The other verbs of the port are made of these.
LOOKS = frozenset(
    "status statuses scan read open_read read_link real_path umask link_limit mount_points"
    " holders busy open_volume can_pass_on".split()
)
CHANGES = {
    "make_folder": (0, None),
    "set_time": (0, None),
    "inherit_group": (0, None),
    "close_to_others": (0, None),
    "pass_on_rights": (0, None),
    "unlink": (0, None),
    "remove_folder": (0, None),
    "open_to_owner": (0, None),
    "rename": (1, 0),
    "rename_new": (1, 0),
    "_hardlink": (1, 0),
    "_symlink": (1, 0),
    "_clone": (1, 0),
}
MADE_OF_THESE = frozenset("write_new place placing link_new unlink_all".split())


class Killed(BaseException):
    """The process is dead: from here on it changes nothing any more."""


@dataclass(frozen=True)
class Change:
    """One call that changes the disk.

    :param verb: of the port; ``hardlink`` and its like for one placed file, ``write``
        for one write to a file that ``create`` has made
    :param source: what is linked or renamed
    """

    verb: str
    path: str
    source: str = ""


class Wrapper(FileSystem):
    """Passes everything on to ``inner``, each change after a call of ``before``."""

    def __init__(self, inner: FileSystem) -> None:
        self.inner = inner
        self.renames_safely = inner.renames_safely
        self.open_files_refuse = inner.open_files_refuse
        self.folder_rename_refusals = inner.folder_rename_refusals
        self.marks_executables = inner.marks_executables
        for verb in LOOKS:
            setattr(self, verb, getattr(inner, verb))
        for verb in CHANGES:
            setattr(self, verb, partial(self._change, verb))

    def before(self, change: Change) -> None:
        """Look at a change that is about to happen; raise to prevent it."""

    def _change(self, verb: str, *arguments: Any) -> Any:
        path, source = CHANGES[verb]
        origin = "" if source is None else arguments[source]
        self.before(Change(verb.lstrip("_"), arguments[path], origin))
        return getattr(self.inner, verb)(*arguments)

    def create(self, path: str, *, executable: bool = False) -> BinaryIO:
        """Make a new file; each write to it is a change too."""
        self.before(Change("create", path))
        with self.inner.create(path, executable=executable) as stream:
            return _Stream(os.dup(stream.fileno()), partial(self.before, Change("write", path)))

    def flush_volume(self, path: str, _handle: int | None = None) -> None:
        """Note a flush."""
        self.before(Change("flush_volume", path))


class _Stream(io.FileIO):
    """A new file whose writes are announced."""

    def __init__(self, descriptor: int, before: partial[None]) -> None:
        super().__init__(descriptor, "wb")
        self.before = before

    def write(self, data: Any) -> int:
        """Write after having said so."""
        self.before()
        return super().write(data)


class Recording(Wrapper):
    """Notes every change, in their order."""

    def __init__(self, inner: FileSystem) -> None:
        super().__init__(inner)
        self.changes: list[Change] = []

    def before(self, change: Change) -> None:
        """Note a change."""
        self.changes.append(change)


class Faulty(Recording):
    """Lets one change fail, or kills the process at it.

    :param at: the number of the change, from 0
    :param error: its error number; None kills
    :param lasting: whether every later change fails in the same way
    """

    def __init__(
        self, inner: FileSystem, at: int, error: int | None = None, *, lasting: bool = False
    ) -> None:
        super().__init__(inner)
        self.at, self.error = at, error
        # The dead put nothing back.
        self.lasting = lasting or error is None

    @property
    def fired(self) -> bool:
        """Whether the change was reached."""
        return len(self.changes) > self.at

    def before(self, change: Change) -> None:
        """Note a change, and let it fail if it is its turn."""
        super().before(change)
        number = len(self.changes) - 1
        if number == self.at or (self.lasting and number > self.at):
            if self.error is None:
                raise Killed(change)
            raise OSError(self.error, os.strerror(self.error), change.path)


class Denying(Wrapper):
    """Refuses every change of one verb with one error number."""

    def __init__(self, inner: FileSystem, verb: str, error: int) -> None:
        super().__init__(inner)
        self.verb, self.error = verb, error

    def denies(self, change: Change) -> bool:
        """Return whether a change is refused."""
        return change.verb == self.verb

    def before(self, change: Change) -> None:
        """Refuse what is to be refused."""
        if self.denies(change):
            raise OSError(self.error, os.strerror(self.error), change.path)


class NoHardLinks(Denying):
    """A volume without hard links, as FAT (``EPERM``)."""

    def __init__(self, inner: FileSystem, error: int = errno.EPERM) -> None:
        super().__init__(inner, "hardlink", error)


class NoClone(Denying):
    """A volume that cannot share extents, as ext4."""

    def __init__(self, inner: FileSystem, error: int = errno.ENOTSUP) -> None:
        super().__init__(inner, "clone", error)


class LowLinks(Denying):
    """A volume on which a file can have no more than ``limit`` links."""

    def __init__(self, inner: FileSystem, limit: int) -> None:
        super().__init__(inner, "hardlink", errno.EMLINK)
        self.limit = limit
        vars(self)["link_limit"] = lambda _path: limit

    def denies(self, change: Change) -> bool:
        """Return whether a link would be one too many."""
        return super().denies(change) and os.lstat(change.source).st_nlink >= self.limit


class OtherVolume(Denying):
    """Makes one folder a volume of its own: ``EXDEV`` to and from it.

    :param hidden: as a bind mount, of which no device number tells
    """

    def __init__(self, inner: FileSystem, folder: str, *, hidden: bool = False) -> None:
        super().__init__(inner, "", errno.EXDEV)
        self.folder, self.hidden = folder, hidden
        vars(self)["status"] = self._status
        vars(self)["statuses"] = self._statuses

    def denies(self, change: Change) -> bool:
        """Return whether a change would lead from one volume to another."""
        across = self._inside(change.source) != self._inside(change.path)
        return across and change.verb in {"hardlink", "clone", "rename", "rename_new"}

    def _inside(self, path: str) -> bool:
        return path == self.folder or path.startswith(self.folder + "/")

    def _status(self, path: str) -> os.stat_result | None:
        status = self.inner.status(path)
        return self._moved(status) if self._inside(path) else status

    def _statuses(self, folder: str, names: list[str]) -> list[os.stat_result | None]:
        found = self.inner.statuses(folder, names)
        return [self._moved(status) for status in found] if self._inside(folder) else found

    def _moved(self, status: os.stat_result | None) -> os.stat_result | None:
        if status is None or self.hidden:
            return status
        # A status holds more than its first fields (times in nanoseconds, among others):
        # those go by name, and from Python 3.13 on no other may.
        plain = {"st_mode", "st_ino", "st_dev", "st_nlink", "st_uid", "st_gid", "st_size"}
        names = {name for name in dir(status) if name.startswith("st_")} - plain
        others = {name: getattr(status, name) for name in names}
        fields = (*status[:2], status.st_dev + 1_000_000, *status[3:])
        return os.stat_result(fields, others)


class Undurable(LocalFileSystem):
    """A disk that refuses what a flush after the commit would bring to it."""

    def flush_volume(self, path: str, handle: int | None = None) -> None:
        """Fail where a state folder has its commit."""
        if os.path.exists(f"{path}/committed"):
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        super().flush_volume(path, handle)


class Interrupted(LocalFileSystem):
    """Ctrl-C arrives right after the commit."""

    def rename(self, source: str, target: str) -> None:
        """Send SIGINT to this thread once a state folder has its commit."""
        super().rename(source, target)
        if target.endswith("/committed"):
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)


class InterruptedUndurable(Interrupted, Undurable):
    """Both at once."""


def noting_volumes(files: FileSystem, calls: list[str]) -> FileSystem:
    """Note volumes that are opened, and flushes: ``flush`` by what was opened, else ``anew``."""

    def open_volume(_folder: str) -> int:
        calls.append("open")
        return os.open(os.devnull, os.O_RDONLY)

    def flush_volume(_path: str, handle: int | None = None) -> None:
        calls.append("anew" if handle is None else "flush")

    vars(files).update(open_volume=open_volume, flush_volume=flush_volume)
    return files


class Closed(LocalFileSystem):
    """The disk, with a folder that this user may not look into; root may look into any.

    :param folder: the folder
    :param error: the number of the error
    """

    def __init__(self, folder: str, error: int = errno.EACCES) -> None:
        super().__init__()
        self.folder = folder
        self.error = error

    def status(self, path: str) -> os.stat_result | None:
        """Refuse it below the folder."""
        self._refuse_below(path)
        return super().status(path)

    def statuses(self, folder: str, names: Iterable[str]) -> list[os.stat_result | None]:
        """Refuse it below the folder."""
        names = list(names)
        for name in names:
            self._refuse_below(f"{folder}/{name}")
        return super().statuses(folder, names)

    def _refuse_below(self, path: str) -> None:
        if path.startswith(f"{self.folder}/"):
            raise OSError(self.error, os.strerror(self.error), path)
