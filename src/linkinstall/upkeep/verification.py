"""Is everything in a cache still what was verified when it was unpacked.

Purpose: ``cache verify``. An edit through a link, a truncation, a changed mode, a file that
was replaced: what is noticed here is what an install notices before it links, and, read in
full, what it cannot notice by looking at size, time and mode alone.

Calling sequence::

    verified = verify(cache, full=True, repair=True, wheels=["a.whl"])
    verified.findings          # what is wrong still
    verified.mended            # what was, and has been made anew

Guarantees: without ``repair`` nothing is written but the lock. With it, an entry is made anew
from its wheel where that is among ``wheels``; else it is quarantined: its manifest gets
another name, so that it is never linked again, and its files stay, since symbolic links may
lead there. Sets of compiled files are quarantined too, and compiled anew when they are
needed. A kill at any moment leaves either.

Errors: :class:`~linkinstall.errors.InvalidWheelError` for one of the wheels,
:class:`~linkinstall.errors.CacheError`, :class:`~linkinstall.errors.LockTimeoutError`,
``OSError``.
"""

from __future__ import annotations

import os

from linkinstall.cache import QUARANTINED, UNFLUSHED, Entry
from linkinstall.distribution import HALF_REMOVED, MODIFIED
from linkinstall.entry_check import inspect
from linkinstall.fs.port import FILE, FOLDER
from linkinstall.fs.trees import read_if_readable
from linkinstall.manifest import entry_id
from linkinstall.outcome import Finding
from linkinstall.registry import read
from linkinstall.trust import refuse_distrusted
from linkinstall.upkeep.advice import Advice
from linkinstall.upkeep.inventory import (
    environments,
    leads_into,
    refuse_links,
    take_stock,
)
from linkinstall.upkeep.quarantine import quarantine, set_aside
from linkinstall.values import replace, value
from linkinstall.wheel import canonicalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from linkinstall.cache import Cache
    from linkinstall.fs.port import FileSystem
    from linkinstall.upkeep.inventory import Stored

__all__ = ["Verified", "sharing", "verify"]

MISSING, CHANGED, FOREIGN = "missing", "changed", "foreign-leftover"
_LOOKED_AT = 50
"""So many damaged files of an entry are looked for in environments."""


@value
class Verified:
    """What was found.

    :param entries: how many entries and sets of compiled files were looked at
    :param findings: what is wrong, one for each file
    :param mended: what was wrong and is not any more
    :param quarantined: folders of what will not be linked again until it is made anew
    """

    entries: int
    findings: tuple[Finding, ...]
    mended: tuple[Finding, ...] = ()
    quarantined: tuple[str, ...] = ()


def verify(
    cache: Cache,
    *,
    full: bool = False,
    repair: bool = False,
    wheels: Iterable[str] = (),
    timeout: float | None = None,
    notify: Callable[[str], None] | None = None,
) -> Verified:
    """Compare what is in a cache with its manifests.

    :param full: by hash, not only by size, time and mode
    :param repair: make what is damaged anew, or quarantine it
    :param wheels: wheel files to make entries anew from
    :param timeout: seconds to wait for the cache's lock
    :param notify: told what is waited for
    :raises CacheError: the cache's folders are links, or everybody can write to it
    """
    refuse_distrusted(cache)
    refuse_links(cache)
    if cache.file_system.status(cache.root) is None:
        return Verified(0, ())
    held = cache.hold(timeout=timeout, notify=notify)
    try:
        if repair:
            cache.sweep()  # what a killed run set aside goes back first, and is looked at
        verification = _Verification(cache, "full" if full else "stat")
        found = verification.look()
        return verification.repair(found, list(wheels)) if repair else found
    finally:
        if held is not None:
            held.release()


def sharing(cache: Cache, entry: Entry, paths: Iterable[str]) -> str:
    """Return in words who shares files of an entry, "" where nobody does.

    The environments that were noted are named; of hard links beyond those the number, and the
    environments that may have them, but cannot be looked into.

    :param paths: files of the cache, as :func:`~linkinstall.entry_check.inspect` names them
    """
    files, distribution = cache.file_system, entry.manifest.distribution
    known = [one for _, one in environments(cache) if one is not None]
    roots, closed, unknown = set(), set(), 0
    for path in list(paths)[:_LOOKED_AT]:
        ours = _status(files, path)
        key = path.removeprefix(f"{entry.folder}/files/").split("/", 1)
        hard = 0
        for one in known:
            if (place := one.path(distribution, *key)) is None:
                continue
            try:
                there = files.status(place)
            except OSError:  # another user's home folder, say
                closed.add(one.root)
                continue
            if there is None:
                continue
            same = ours is not None and there.st_ino == ours.st_ino and there.st_dev == ours.st_dev
            hard += same
            if same or leads_into(files, place, entry.folder):
                roots.add(one.root)
        unknown = max(unknown, ours.st_nlink - 1 - hard if ours is not None else 0)
    names = sorted(roots)
    if unknown:
        where = f"in {' or '.join(sorted(closed))}, or " if closed else ""
        names.append(f"{unknown} link{'s' if unknown > 1 else ''} {where}that nobody has noted")
    return ", ".join(names)


def _status(files: FileSystem, path: str) -> os.stat_result | None:
    """Return the status of a damaged file; None where its folder is closed to this user."""
    try:
        return files.status(path)
    except PermissionError:
        return None


class _Verification:
    """One look at a whole cache."""

    def __init__(self, cache: Cache, level: str) -> None:
        self.cache = cache
        self.files = cache.file_system
        self.level = level
        self.advice = Advice(cache, full=level == "full")
        self.damaged: dict[str, Entry] = {}
        self.unreadable: list[str] = []

    def look(self) -> Verified:
        """Look at every entry and every set of compiled files."""
        findings: list[Finding] = []
        stock = take_stock(self.cache)
        for stored in stock.entries:
            findings += self._named(stored, self._entry(stored))
        for stored in (*stock.entries, *stock.orphans):
            for tree in stored.sets:
                findings += self._named(stored, self._compiled(tree.folder))
        count = len(stock.entries)
        count += sum(len(one.sets) for one in (*stock.entries, *stock.orphans))
        findings += self._notes()
        return Verified(count, tuple(findings))

    def _named(self, stored: Stored, found: Iterable[Finding]) -> list[Finding]:
        manifest = stored.manifest
        name = canonicalize(manifest.distribution) if manifest is not None else ""
        return [replace(one, distribution=name) for one in found]

    def _entry(self, stored: Stored) -> Iterator[Finding]:
        folder = stored.tree.folder
        if stored.damaged:
            yield self._unusable(stored)
            return
        entry = self._opened(folder)
        if entry is None:  # gone since it was looked at
            return
        manifest = entry.manifest
        fix = self.advice.anew(manifest.distribution, manifest.version)
        made = entry_id(manifest)
        if not stored.id == manifest.id == made:
            path = f"{folder}/manifest"
            self.damaged[folder] = entry
            yield Finding("", MODIFIED, CHANGED, path, stored.id, made, fix)
        yield from self._files(entry, fix)
        yield from self._others(entry, fix)

    def _unusable(self, stored: Stored) -> Finding:
        """Return the finding of an entry that is not linked any more."""
        folder, fix = stored.tree.folder, self.advice.unusable(stored)
        path = f"{folder}/{QUARANTINED}"
        if self.files.status(path) is not None:
            actual = "quarantined: it was damaged, or may not have reached the disk"
            return Finding("", MODIFIED, CHANGED, path, None, actual, fix)
        path = f"{folder}/manifest"
        there = self.files.status(path) is not None
        code, actual = (CHANGED, "cannot be read") if there else (MISSING, "is missing")
        return Finding("", HALF_REMOVED, code, path, None, actual, fix)

    def _compiled(self, folder: str) -> Iterator[Finding]:
        """Look at a set of compiled files; one without a manifest is made anew when needed."""
        entry = self._opened(folder)
        if entry is not None:
            yield from self._files(entry, self.advice.repair())
            yield from self._others(entry, self.advice.repair())
            return
        path = f"{folder}/manifest"
        if self.files.status(path) is not None:
            self.unreadable.append(folder)
            fix = self.advice.repair()
            yield Finding("", HALF_REMOVED, CHANGED, path, None, "cannot be read", fix)

    def _opened(self, folder: str) -> Entry | None:
        """Return what stands in a folder, or None where its manifest is missing or damaged.

        :raises OSError: the disk cannot read it, which says nothing about what is in it
        """
        entry = self.cache.open_folder(folder)
        if entry is not None or self.files.status(f"{folder}/manifest") is None:
            return entry
        readable = read_if_readable(self.files, f"{folder}/manifest")
        return self.cache.open_folder(folder) if readable else None

    def _files(self, entry: Entry, fix: str) -> Iterator[Finding]:
        level = self.level if entry.flushed else "full"  # see entry_check.is_whole
        damaged = inspect(self.files, replace(entry, flushed=False), level).damaged
        if not damaged:
            return
        self.damaged[entry.folder] = entry
        shared = sharing(self.cache, entry, [path for path, _ in damaged])
        also = f"; shared with {shared}" if shared else ""
        for path, reason in damaged:
            missing = reason == "is missing"
            code = MISSING if missing else CHANGED
            yield Finding("", MODIFIED, code, path, None, reason + also, fix)

    def _others(self, entry: Entry, fix: str) -> Iterator[Finding]:
        """Yield the other files in an entry that its manifest does not name."""
        known = {"manifest", "record", UNFLUSHED, "files"}
        known |= {f"files/{scheme}/{inner}" for scheme, inner, _, _ in entry.manifest.files()}
        for inner in sorted(set(self._walk(entry.folder)) - known):
            path, fix = f"{entry.folder}/{inner}", self.advice.repair()
            yield Finding("", MODIFIED, FOREIGN, path, None, "no manifest names it", fix)

    def _walk(self, folder: str, inner: str = "") -> Iterator[str]:
        for name, kind in self.files.scan(f"{folder}/{inner}" if inner else folder):
            path = f"{inner}/{name}" if inner else name
            if kind == FOLDER:
                yield from self._walk(folder, path)
            else:
                yield path

    def _notes(self) -> Iterator[Finding]:
        """Yield the notes of environments that nobody can read."""
        candidates = (f"{self.cache.root}/{part}" for part in ("dependents", "environments"))
        places = [place for place in candidates if self.files.status(place) is not None]
        for place in places:
            for name, kind in self.files.scan(place):
                try:
                    if kind == FILE:
                        read(self.files, f"{place}/{name}")
                except ValueError:
                    path, fix = f"{place}/{name}", self.advice.repair()
                    yield Finding("", MODIFIED, CHANGED, path, None, "cannot be read", fix)

    # ---------------------------------------------------------------- mending

    def repair(self, found: Verified, wheels: list[str]) -> Verified:
        """Make anew what can be, and quarantine the rest; return what is wrong still."""
        anew = self._rebuild(wheels)
        quarantined = [
            folder
            for folder, entry in self.damaged.items()
            if folder not in anew and quarantine(self.cache, entry)
        ]
        for folder in self.unreadable:
            set_aside(self.cache, folder)
        for one in found.findings:
            parent, name = os.path.split(one.path)
            if one.code == FOREIGN:
                self.files.unlink_all(parent, [name])
            elif parent == f"{self.cache.root}/dependents":
                self._restore_note(one.path, name.partition(".")[2])
            elif parent == f"{self.cache.root}/environments":
                self.files.unlink_all(parent, [name])  # made anew at its next install
        after = _Verification(self.cache, self.level).look()
        wrong = {(one.path, one.code) for one in after.findings}
        places = tuple(f"{folder}/" for folder in quarantined)
        mended = tuple(
            one
            for one in found.findings
            if (one.path, one.code) not in wrong and not one.path.startswith(places)
        )
        return Verified(after.entries, after.findings, mended, tuple(quarantined))

    def _restore_note(self, path: str, name: str) -> None:
        """Note again which environment depends on an entry, where that was noted twice."""
        other = f"{self.cache.root}/environments/{name}"
        try:
            if read(self.files, other) is not None:
                self.cache.write(path, self.files.read(other))
        except ValueError:  # both are damaged: the entry is kept
            pass

    def _rebuild(self, wheels: list[str]) -> set[str]:
        """Make the entries of wheels anew where they are damaged; return their folders."""
        from linkinstall.unpack import unpack

        done = set()
        for path in wheels:
            entry = self._damaged_of(path)
            if entry is not None or self.cache.find(path) is None:
                made = unpack(self.cache, path, damaged=entry).entry
                standing = self.damaged.get(made.folder)
                if standing is not None and standing.manifest.mtime == made.manifest.mtime:
                    # It was not known to be the wheel's, and its files' statuses tell nothing.
                    unpack(self.cache, path, damaged=standing)
                done.add(made.folder)
        return done

    def _damaged_of(self, path: str) -> Entry | None:
        found = self.cache.find(path)
        return self.damaged.get(found.entry.folder) if found is not None else None
