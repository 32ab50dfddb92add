"""Giving up what may never have reached the disk.

Purpose: when the disk refuses what was written, the system tells that once and then takes the
files for clean. They read well until they leave memory, and the next flush, which has no
error to tell, would have them pass for flushed. So nobody may link them any more.

Calling sequence: ``give_up_unflushed(cache)`` after a flush that met an I/O error (``EIO``).

Guarantees: entries and sets of compiled files that are marked as not flushed are quarantined,
whoever made them; the next install makes them anew. Environments that have them keep them.

Errors: none; what a disk that takes nothing any more does not let go of stays.
"""

from __future__ import annotations

from linkinstall.cache import QUARANTINED, UNFLUSHED
from linkinstall.fs.port import FOLDER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from linkinstall.cache import Cache

__all__ = ["give_up_unflushed"]


def give_up_unflushed(cache: Cache) -> None:
    """Keep what is marked as not flushed from being linked again."""
    files = cache.file_system
    if cache.distrust:
        return
    for folder in _stored(cache):
        try:
            if files.status(f"{folder}/{UNFLUSHED}") is not None:
                files.rename(f"{folder}/manifest", f"{folder}/{QUARANTINED}")
        except OSError:  # another process was faster, or the disk takes nothing any more
            continue


def _stored(cache: Cache) -> Iterator[str]:
    """Yield the folders of entries, and of sets of compiled files."""
    yield from _folders(cache, f"{cache.root}/entries")
    for one in _folders(cache, f"{cache.root}/bytecode"):
        yield from _folders(cache, one)


def _folders(cache: Cache, folder: str) -> Iterator[str]:
    try:
        entries = cache.file_system.scan(folder)
    except OSError:  # none yet, or it cannot be read
        return
    yield from (f"{folder}/{name}" for name, kind in entries if kind == FOLDER)
