"""Quarantine: what nobody may link any more, until it is made anew.

Purpose: a quarantined entry, or set of compiled files, has its manifest under another name.
So nobody finds it; its files stay, since symbolic links may lead there. Two kinds get there:
what was damaged and cannot be made anew now, and what may never have reached the disk. When
the disk refuses what was written, the system tells that once and then takes the files for
clean: they read well until they leave memory, and the next flush, which has no error to tell,
would have them pass for flushed.

Calling sequence::

    quarantine(cache, entry)        # what was found damaged
    set_aside(cache, folder)        # what cannot be opened at all
    give_up_unflushed(cache)        # after a flush that met an I/O error (EIO)

Guarantees: one rename each. What stands by then in the place of a damaged entry is left alone.
Giving up takes whatever is marked as not flushed, whoever made it; the next install makes it
anew, and environments that have it keep it.

Errors: ``OSError`` where the cache cannot be written; none from :func:`give_up_unflushed`:
what a disk that takes nothing any more does not let go of stays.
"""

from __future__ import annotations

from linkinstall.cache import QUARANTINED, UNFLUSHED
from linkinstall.upkeep.inventory import folders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from linkinstall.cache import Cache, Entry

__all__ = ["give_up_unflushed", "quarantine", "set_aside"]


def quarantine(cache: Cache, entry: Entry) -> bool:
    """Keep a damaged entry from being linked again, until its wheel makes it anew.

    :return: whether it was still the one that stands there; one of a tier is left alone
    :raises OSError: the cache cannot be written
    """
    if not entry.folder.startswith(f"{cache.root}/"):
        return False
    standing = cache.open_folder(entry.folder)
    if standing is None or standing.manifest.mtime != entry.manifest.mtime:
        return False
    set_aside(cache, entry.folder)
    return True


def set_aside(cache: Cache, folder: str) -> None:
    """Quarantine what stands in a folder of the cache, whatever it is.

    :raises OSError: the cache cannot be written
    """
    cache.file_system.rename(f"{folder}/manifest", f"{folder}/{QUARANTINED}")


def give_up_unflushed(cache: Cache) -> None:
    """Quarantine whatever is marked as not flushed."""
    try:
        if cache.distrust:
            return
    except OSError:  # then nobody can use it, either
        return
    for folder in _stored(cache):
        try:
            if cache.file_system.status(f"{folder}/{UNFLUSHED}") is not None:
                set_aside(cache, folder)
        except OSError:  # another process was faster, or the disk takes nothing any more
            continue


def _stored(cache: Cache) -> Iterator[str]:
    """Yield the folders of entries, and of sets of compiled files."""
    yield from _folders(cache, f"{cache.root}/entries")
    for folder in _folders(cache, f"{cache.root}/bytecode"):
        yield from _folders(cache, folder)


def _folders(cache: Cache, folder: str) -> list[str]:
    try:
        return [f"{folder}/{name}" for name in folders(cache.file_system, folder)]
    except OSError:  # the others are given up all the same
        return []
