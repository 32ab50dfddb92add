"""Bringing to the disk what was written, and the cache's entries with it.

Purpose: the one flush before an entry's files count as being there: of a change, of which it is
the last step before anything is moved, and of what ``cache add`` has unpacked.

Calling sequence::

    flush(files, cache, volumes, [state_folder], [entry])

Guarantees: a volume is flushed once, however many folders lie on it. Only after all of them
are marks taken off entries, and only those marks that were read before; an entry that somebody
has given up meanwhile is an error: another process may have met one of the disk's.

Errors: ``OSError``, with EIO where something was not written, and ENOENT where an entry is gone.
"""

from __future__ import annotations

import os
from errno import EIO, ENOENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from linkinstall.cache import Cache, Entry
    from linkinstall.fs.port import FileSystem
    from linkinstall.fs.volumes import Volumes

__all__ = ["flush"]


def flush(
    files: FileSystem,
    cache: Cache,
    volumes: Volumes,
    folders: Iterable[str],
    unflushed: Sequence[Entry],
) -> None:
    """Flush the volumes of folders and entries, and take the marks off these entries.

    :param volumes: those that are held; with ``off`` nothing is flushed, nor taken off
    :param unflushed: entries that nobody takes away meanwhile: the cache is held
    :raises OSError: a volume was not flushed, or an entry has been given up by another process
    """
    if not volumes.wanted:
        return
    devices = set()
    for path in (*folders, *(entry.folder for entry in unflushed)):
        status = files.status(path)
        if status is not None and status.st_dev not in devices:
            devices.add(status.st_dev)
            volumes.flush(path)
    for entry in unflushed:
        # Another process may have met an error of the disk, which is told once.
        path = f"{entry.folder}/manifest"
        if files.status(path) is None:
            # Or somebody has deleted the cache, or moved it away.
            number = EIO if files.status(entry.folder) is not None else ENOENT
            raise OSError(number, os.strerror(number), path)
    for entry in unflushed:
        cache.mark_flushed(entry)
