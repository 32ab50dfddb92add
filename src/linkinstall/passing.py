"""A cache in the folder for temporary files, which goes with whoever has made it.

Purpose: for a wheel that is to be kept nowhere, and has no target yet in which it
could be unpacked.

Calling sequence::

    cache = PassingCache()
    cache.add("a.whl")
    cache.remove()

Guarantees: it is its user's alone. It goes with ``remove``, else with the object, else at
the end of the process that made it, and never by the hand of a forked one. What a killed
process has left goes when the next one is made: its folder is locked as long as it is used
(:mod:`linkinstall.temporary`).

Errors: ``OSError`` where no folder can be made.
"""

from __future__ import annotations

import errno
import os
import weakref

from linkinstall import limits
from linkinstall.cache import Cache
from linkinstall.fs import local
from linkinstall.fs.trees import (
    make_temporary_folder,
    own_temporary_folders,
    remove_folder_if_empty,
)
from linkinstall.temporary import TemporaryFolder, sweep

__all__ = ["PassingCache"]


class PassingCache(Cache):
    """See the module docstring."""

    def __init__(self) -> None:
        _sweep()
        folder = _claim()
        super().__init__(folder.path, tiers=(), ours=True)
        self.temporary = True
        self._end = weakref.finalize(self, _remove, folder, os.getpid())

    def remove(self) -> None:
        """Delete it with all it holds, once."""
        self._end()


def _claim() -> TemporaryFolder:
    files = local()
    parent = ""
    for _ in range(limits.RETRIES):
        parent = make_temporary_folder()
        try:
            return TemporaryFolder.claim(files, parent)
        except FileNotFoundError:  # another process has swept it while it was empty
            continue
        except BaseException:
            remove_folder_if_empty(files, parent)
            raise
    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN), os.path.dirname(parent))


def _remove(folder: TemporaryFolder, process: int) -> None:
    if os.getpid() == process:
        folder.remove()
        remove_folder_if_empty(folder.files, os.path.dirname(folder.path))


def _sweep() -> None:
    files = local()
    try:
        for folder in own_temporary_folders(files):
            sweep(files, folder)
            remove_folder_if_empty(files, folder)
    except OSError:  # another process has swept it, or the folder cannot be listed
        return
