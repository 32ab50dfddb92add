"""Looking at an entry before it is linked: is every file still what was verified.

Purpose: notice a cache file that was edited through a link, truncated or removed,
before it spreads; and a file that has as many links as its volume allows.

Calling sequence: ``inspect(files, entry, "stat")`` -> :class:`Inspection`.

Guarantees: reads only. ``stat`` compares size, time and what a mode has to allow, or
must not (a careful edit that puts size and time back is found by ``full`` alone, which
reads every file); ``off`` looks for nothing. Of the rows that are kept for ``RECORD`` the
checksum is compared, and where they have none, or with ``full``, each is compared with the
manifest, as always with an entry that may not have reached the disk, which is looked at in
any case.

Errors: ``OSError`` where the disk cannot be read; a folder that is closed to this user, or
stands where a file was, is damage.
"""

from __future__ import annotations

from stat import S_IRGRP, S_IROTH, S_IRUSR, S_ISGID, S_ISREG, S_ISUID, S_IWOTH, S_IXUSR

from linkinstall.digest import hash_file
from linkinstall.fs.named import UNREADABLE
from linkinstall.manifest import column
from linkinstall.record import is_sealed, row, unsealed
from linkinstall.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from linkinstall.cache import Entry
    from linkinstall.fs.port import FileSystem
    from linkinstall.manifest import Folder, Manifest

__all__ = ["LEVELS", "Inspection", "in_words", "inspect", "is_whole", "rows_of"]

LEVELS = ("off", "stat", "full")
_MODE = "has another mode"
_UNREADABLE = "cannot be read"
_NAMED = 5
"""So many damaged files are named in a message."""


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
    look = _Look(files, entry, full=level == "full")
    for folder in entry.manifest.folders:
        look.at(folder)
    exact = level == "full" or not entry.flushed
    damaged = (*look.damaged, *_record_damage(files, entry, exact=exact))
    return Inspection(damaged, tuple(look.crowded))


def is_whole(files: FileSystem, entry: Entry) -> bool:
    """Return whether an entry is what was written: as its files' statuses tell, or to the byte.

    To the byte where it was not flushed: a power cut may have left its files with their size
    and their time, and zeros for contents: ext4 gives a file its size when its blocks are
    allocated.
    """
    try:
        return not inspect(files, entry, "stat" if entry.flushed else "full").damaged
    except OSError:  # not to be read, or just taken away
        return False


def in_words(damaged: tuple[tuple[str, str], ...]) -> str:
    """Return what is damaged, and how, as messages have it."""
    text = "; ".join(f"{where} {reason}" for where, reason in damaged[:_NAMED])
    return f"{text} and {len(damaged) - _NAMED} more" if len(damaged) > _NAMED else text


class _Look:
    """A look at the files of an entry, folder by folder."""

    def __init__(self, files: FileSystem, entry: Entry, *, full: bool) -> None:
        self.damaged: list[tuple[str, str]] = []
        self.crowded: list[str] = []
        self._files = files
        self._entry = entry
        self._full = full
        try:
            self._limit: float = files.link_limit(entry.folder)
        except FileNotFoundError:  # another process is making it anew: every file is missing
            self._limit = float("inf")
        manifest = entry.manifest
        self._mtime = manifest.mtime
        self._executables = manifest.executables if files.marks_executables else frozenset()
        self._with_executables = {one.rpartition("/")[0] for one in self._executables}
        self._bits = S_IRUSR
        """Bits of the mode, of which only the owner's right to read may be set."""
        if files.marks_executables:
            self._bits |= S_ISUID | S_ISGID | (S_IWOTH & manifest.umask)
        # Nothing is linked to the manifest: it has the mode that the files were made with. What
        # they gave others to read must not have been taken away through a link.
        own = files.status(f"{entry.folder}/manifest") if files.marks_executables else None
        self._readable = S_IRUSR | ((S_IRGRP | S_IROTH) & own.st_mode if own else 0)
        self._bits |= self._readable

    def at(self, folder: Folder) -> None:
        """Look at the files of one folder."""
        place = self._entry.files(folder.scheme, folder.path)
        try:
            statuses = self._files.statuses(place, folder.names)
        except OSError as error:
            if error.errno not in UNREADABLE:
                raise
            self.damaged += [(f"{place}/{name}", _UNREADABLE) for name in folder.names]
            return
        # Mostly all is well: then there is no need to say of which file what is wrong.
        if self._full or not self._is_sound(folder, statuses):
            self._at_each(folder, place, statuses)

    def _is_sound(self, folder: Folder, statuses: Iterable[os.stat_result | None]) -> bool:
        """Return whether all files of a folder have no fault, and take further links."""
        if (f"{folder.scheme}/{folder.path}" if folder.path else folder.scheme) in (
            self._with_executables
        ):
            return False
        mtime, bits, limit = self._mtime, self._bits, self._limit
        for status, size in zip(statuses, column(folder.sizes), strict=True):
            if (
                status is None
                or status.st_size != int(size)
                or (status.st_mtime_ns != mtime and _was_written_to(status, mtime))
                or status.st_mode & bits != self._readable
                or status.st_nlink >= limit
                or not S_ISREG(status.st_mode)
            ):
                return False
        return True

    def _at_each(
        self, folder: Folder, place: str, statuses: Iterable[os.stat_result | None]
    ) -> None:
        for (name, size, digest), status in zip(folder.rows(), statuses, strict=True):
            path = f"{place}/{name}"
            executable = f"{folder.scheme}/{folder.join(name)}" in self._executables
            fault = self._fault(status, int(size), executable=executable)
            if fault == _MODE and self._bits & S_IWOTH and _has_no_modes(self._files, place):
                self._bits &= ~S_IWOTH
                fault = self._fault(status, int(size), executable=executable)
            if fault is None and self._full:
                fault = self._fault_of_contents(path, digest)
            if fault is not None:
                self.damaged.append((path, fault))
            elif status is not None and status.st_nlink >= self._limit:
                self.crowded.append(path)

    def _fault(self, status: os.stat_result | None, size: int, *, executable: bool) -> str | None:
        """Return what is wrong with a cache file as far as its status tells."""
        if status is None:
            return "is missing"
        if not S_ISREG(status.st_mode):
            return "is no plain file"
        if status.st_size != size:
            return "has another size"
        if status.st_mtime_ns != self._mtime and _was_written_to(status, self._mtime):
            return "was written to"
        # A chmod through a hard link reaches the cache's file too.
        if status.st_mode & self._bits != self._readable:
            return _MODE
        return _MODE if executable and not status.st_mode & S_IXUSR else None

    def _fault_of_contents(self, path: str, digest: str) -> str | None:
        try:
            return "has other contents" if hash_file(self._files, path) != digest else None
        except FileNotFoundError:  # another process is making the entry anew
            return "is missing"


def _record_damage(files: FileSystem, entry: Entry, *, exact: bool) -> list[tuple[str, str]]:
    """Return what is wrong with the rows that an entry keeps for RECORD.

    :param exact: each row is compared, and not only their checksum
    """
    path = f"{entry.folder}/record"
    try:
        data = files.read(path)
    except FileNotFoundError:
        return [(path, "is missing")]
    except OSError as error:
        if error.errno not in UNREADABLE:
            raise
        return [(path, _UNREADABLE)]
    manifest = entry.manifest
    if is_sealed(data, manifest.id):
        if not exact:
            return []
        data = unsealed(data)
    # Entries that were made before rows were sealed have them without a seal.
    same = sorted(data.split(b"\n")) == sorted(rows_of(manifest))
    return [] if same else [(path, "has other rows")]


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


def _was_written_to(status: os.stat_result, mtime: int) -> bool:
    """Return whether a file's time, which is another one, is not the same cut down.

    Where times are kept to the nanosecond an edit practically never leaves such a time: it
    would have to come before the file was made. On a coarser volume one that comes within
    the unit and keeps the size is found by ``full`` alone.
    """
    from linkinstall.times import is_cut_down

    return not is_cut_down(status.st_mtime_ns, mtime)
