"""Temporary folders of the cache: locked while somebody works in one, swept afterwards.

Purpose: what is being unpacked is nowhere that anything is ever linked from, and what
a killed process left of it goes with the next one that unpacks.

Calling sequence::

    sweep(files, "/cache/v1/tmp")
    folder = TemporaryFolder.claim(files, "/cache/v1/tmp")
    ...                                     # write below folder.path
    folder.set_aside("/cache/v1/entries/ID")   # to put something else there
    folder.remove()

Guarantees: the lock is there before the folder, and goes after it, so a folder without
a held lock is nobody's. Locks are those of ``filelock``: they end with the process, which
is the only one that writes into the folder.
What was set aside goes back before the folder goes, unless something stands in its place
by then: symbolic links may lead there. Its name in the folder tells where it belongs, so a
sweep puts back what a killed process has left. From the kill until then it is missing, since
no portable call exchanges two folders in one step.

Errors: ``OSError`` where the folder cannot be made, or something cannot be set aside.
"""

from __future__ import annotations

import errno
import os
from stat import S_ISDIR

from filelock import FileLock, Timeout

from linkinstall import limits
from linkinstall.fs.lock import REMOVABLE_WHILE_HELD
from linkinstall.fs.named import with_path
from linkinstall.fs.port import FOLDER
from linkinstall.fs.trees import CLOSED, PART, remove_tree
from linkinstall.paths import normal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linkinstall.fs.port import FileSystem

__all__ = ["LOCK_SUFFIX", "TemporaryFolder", "sweep"]

LOCK_SUFFIX = ".lock"
"""What the name of a lock's file ends with; the folder it is for has the name without."""
_ASIDE = "aside "
"""What the name of something set aside begins with; a number and its old path follow."""
_TAKEN = frozenset((errno.EEXIST, errno.ENOTEMPTY, errno.ENOENT, errno.ENOTDIR))
"""Error numbers that say: the place is taken, or is no more."""


class TemporaryFolder:
    """One temporary folder, ours until it is removed. Made by :meth:`claim`."""

    def __init__(self, files: FileSystem, path: str) -> None:
        self.files = files
        self.path = path
        self._moved = 0
        # Streams may come from one thread and the finalization from another.
        self._lock = FileLock(path + LOCK_SUFFIX, timeout=0, thread_local=False)

    @classmethod
    def claim(cls, files: FileSystem, parent: str) -> TemporaryFolder:
        """Make a folder of a free name in ``parent`` and lock it."""
        for _ in range(limits.RETRIES):
            folder = cls(files, f"{parent}/{os.urandom(8).hex()}")
            # A sweep may take the lock between its making and its locking.
            if folder.try_lock():
                try:
                    files.make_folder(folder.path, CLOSED)
                except OSError:
                    folder.remove()  # its lock: this process may live on for long
                    raise
                return folder
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN), parent)

    def try_lock(self) -> bool:
        """Take the lock unless another process, or another object, holds it."""
        try:
            self._lock.acquire()
        except Timeout:
            return False
        except OSError as error:  # filelock's own names no path
            raise with_path(error, self.path + LOCK_SUFFIX) from error
        return True

    @property
    def _root(self) -> str:
        return os.path.dirname(os.path.dirname(self.path))

    def set_aside(self, path: str) -> None:
        """Move what stands at ``path`` in the cache into the folder.

        It goes back with :meth:`remove` unless its place is taken by then.
        """
        inner = path.removeprefix(f"{self._root}/").replace("%", "%25").replace("/", "%2F")
        self.files.rename(path, f"{self.path}/{_ASIDE}{self._moved} {inner}")
        self._moved += 1

    def _put_back(self) -> bool:
        """Put back what was set aside, never over what stands there; return False if refused."""
        status = self.files.status(self.path)
        if status is None or not S_ISDIR(status.st_mode):
            return True
        try:
            for name, _ in self.files.scan(self.path):
                if name.startswith(_ASIDE):
                    inner = name[len(_ASIDE) :].partition(" ")[2]
                    inner = inner.replace("%2F", "/").replace("%25", "%")
                    if normal(f"/{inner}") != f"/{inner}":
                        continue  # nothing that we set aside: it would leave the cache
                    self._move_back(f"{self.path}/{name}", f"{self._root}/{inner}")
        except OSError:
            return False
        return True

    def _move_back(self, moved: str, path: str) -> None:
        try:
            self.files.rename_new(moved, path)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise

    def remove(self) -> None:
        """Remove the folder with all it holds, then its lock, which is held until then.

        Where something of it cannot be put back, or removed, the lock's file stays, for a
        later sweep.
        """
        removed = self._put_back() and not remove_tree(self.files, self.path)
        if not REMOVABLE_WHILE_HELD:
            self._release()
        if removed:
            parent, name = os.path.split(self.path)
            self.files.unlink_all(parent, [name + LOCK_SUFFIX])
        if REMOVABLE_WHILE_HELD:
            self._release()

    def _release(self) -> None:
        try:
            self._lock.release()
        except OSError:  # what it was held for has ended, and so does it with the process
            pass


def sweep(files: FileSystem, parent: str) -> None:
    """Remove the temporary folders in ``parent`` that nobody holds a lock on.

    So goes what :func:`~linkinstall.fs.trees.write_whole` has not put into place: whoever
    is about to do it will write it again.
    Of one that could not be removed the lock's file may be gone: on Windows filelock
    deletes it when the lock is let go. Where ``parent`` is a link nothing goes: what it
    leads to may be anybody's.
    """
    status = files.status(parent)
    if status is not None and not S_ISDIR(status.st_mode):
        return
    try:
        found = files.scan(parent)
    except FileNotFoundError:  # whoever cleans the cache up has taken it away
        return
    files.unlink_all(parent, [name for name, kind in found if name.endswith(PART)])
    names = {
        name.removesuffix(LOCK_SUFFIX)
        for name, kind in found
        if (kind == FOLDER) != name.endswith(LOCK_SUFFIX) and not name.endswith(PART)
    }
    for name in sorted(names):
        folder = TemporaryFolder(files, f"{parent}/{name}")
        try:
            if folder.try_lock():
                folder.remove()
        except OSError:  # another user's, or the cache cannot be written
            continue
