"""The file-system port: the only part of linkinstall that touches the disk.

Purpose: some twenty verbs (look, make, place, move, drop, flush) behind one
class, so that faults, dry runs and other platforms are a wrapper or a fake away.

Calling sequence::

    from linkinstall.fs import local

    files = local()
    files.make_folder("/tmp/a")

Guarantees: no changing verb ever opens an existing path for writing, replaces
what stands at a new name, or follows a link in the last component of a path.

Errors: ``OSError`` with its path set, as the operating system gave it.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linkinstall.fs.port import FileSystem

__all__ = ["local"]

_chosen: list[FileSystem] = []


def local() -> FileSystem:
    """Return the file system of this machine, the same object at each call."""
    if not _chosen:
        if os.name == "posix":
            from linkinstall.fs.posix import PosixFileSystem

            _chosen.append(PosixFileSystem())
        else:
            from linkinstall.fs.windows import WindowsFileSystem

            _chosen.append(WindowsFileSystem())
    return _chosen[0]
