"""Looking at an entry before it is linked: is every file still what was verified.

Purpose: notice a cache file that was edited through a link, truncated or removed,
before it spreads; and a file that has as many links as its volume allows.

Calling sequence: ``inspect(files, entry, "stat")`` -> :class:`Inspection`.

Guarantees: reads only. ``stat`` compares size, time and what a mode has to allow, or
must not (a careful edit that puts size and time back is found by ``full`` alone, which
reads every file); ``off`` looks for nothing. The rows that are kept for ``RECORD`` are
counted, and with ``full`` compared with the manifest one by one, as always with an entry
that may not have reached the disk, which is looked at in any case.

Errors: ``OSError`` where the cache cannot be read.
"""

from __future__ import annotations

from stat import S_IRUSR, S_ISGID, S_ISREG, S_ISUID, S_IWOTH, S_IXUSR

from linkinstall.digest import hash_file
from linkinstall.record import row
from linkinstall.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os

    from linkinstall.cache import Entry
    from linkinstall.fs.port import FileSystem
    from linkinstall.manifest import Manifest

__all__ = ["LEVELS", "Inspection", "inspect", "rows_of"]

LEVELS = ("off", "stat", "full")
_MODE = "has another mode"


@value
class Inspection:
    """What was found.

    :param damaged: (path, what is wrong) of cache files that are not what they were
    :param crowded: cache files that take no further hard link
    """

    damaged: tuple[tuple[str, str], ...] = ()
    crowded: tuple[str, ...] = ()


def inspect(files: FileSystem, entry: Entry, level: str) -> Inspection:
    """Inspect every file of an entry.

    :param level: off, stat or full; an entry that may not have reached the disk is
        looked at even with ``off``
    """
    if level == "off" and entry.flushed:
        return Inspection()
    damaged: list[tuple[str, str]] = []
    crowded: list[str] = []
    try:
        limit: float = files.link_limit(entry.folder)
    except FileNotFoundError:  # another process is making it anew: every file is missing
        limit = float("inf")
    mtime = entry.manifest.mtime
    executables = entry.manifest.executables if files.marks_executables else ()
    looked_at = S_IRUSR
    if files.marks_executables:
        looked_at |= S_ISUID | S_ISGID | (S_IWOTH & entry.manifest.umask)
    for folder in entry.manifest.folders:
        place = entry.files(folder.scheme, folder.path)
        statuses = files.statuses(place, folder.names)
        for name, size, digest, status in zip(
            folder.names, folder.sizes, folder.digests, statuses, strict=True
        ):
            path = f"{place}/{name}"
            executable = bool(executables) and f"{folder.scheme}/{folder.join(name)}" in executables
            fault = _fault(status, int(size), mtime, looked_at, executable=executable)
            if fault == _MODE and looked_at & S_IWOTH and _has_no_modes(files, place):
                looked_at &= ~S_IWOTH
                fault = _fault(status, int(size), mtime, looked_at, executable=executable)
            if fault is None and level == "full" and hash_file(files, path) != digest:
                fault = "has other contents"
            if fault is not None:
                damaged.append((path, fault))
            elif status is not None and status.st_nlink >= limit:
                crowded.append(path)
    exact = level == "full" or not entry.flushed
    return Inspection((*damaged, *_record_damage(files, entry, exact=exact)), tuple(crowded))


def _record_damage(files: FileSystem, entry: Entry, *, exact: bool) -> list[tuple[str, str]]:
    """Return what is wrong with the rows that an entry keeps for RECORD.

    :param exact: each row is compared, and not only their number
    """
    path = f"{entry.folder}/record"
    try:
        data = files.read(path)
    except FileNotFoundError:
        return [(path, "is missing")]
    found, manifest = data.split(b"\n"), entry.manifest
    if not exact and len(found) == max(1, manifest.count - len(manifest.rewritten)):
        return []  # a name with a line end in it is counted twice: then all are compared
    return [] if sorted(found) == sorted(rows_of(manifest)) else [(path, "has other rows")]


def rows_of(manifest: Manifest) -> list[bytes]:
    """Return the rows of RECORD that an entry keeps, as they were written."""
    rows = []
    for scheme, path, size, digest in manifest.files():
        if f"{scheme}/{path}" not in manifest.rewritten:
            line = row(path, f"sha256={digest}", int(size))
            rows.append(line if scheme == manifest.root else f"\t{scheme}\t{line}")
    return "\n".join(rows).encode("utf-8", "surrogateescape").split(b"\n")


def _has_no_modes(files: FileSystem, folder: str) -> bool:
    """Return whether everybody may write to a folder of an entry: on FAT all modes are alike."""
    status = files.status(folder)
    return status is not None and bool(status.st_mode & S_IWOTH)


def _fault(
    status: os.stat_result | None, size: int, mtime: int, looked_at: int, *, executable: bool
) -> str | None:
    """Return what is wrong with a cache file as far as its status tells.

    :param looked_at: bits of the mode, of which only the owner's right to read may be set
    """
    if status is None:
        return "is missing"
    if not S_ISREG(status.st_mode):
        return "is no plain file"
    if status.st_size != size:
        return "has another size"
    if status.st_mtime_ns != mtime:
        return "was written to"
    # A chmod through a hard link reaches the cache's file too.
    if status.st_mode & looked_at != S_IRUSR or (executable and not status.st_mode & S_IXUSR):
        return _MODE
    return None
