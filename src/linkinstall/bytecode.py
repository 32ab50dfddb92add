"""Compiled files: made once per interpreter tag and level, kept beside the entry.

Purpose: find or make the set of ``.pyc`` files of an entry. They are placed by links
beside their sources; since a link keeps the source's time, they validate, and the
import system puts the right file name in (:pep:`3147`).

Calling sequence::

    found = compiled_sets(cache, entry, compilers=Compilers("/usr/bin/python3"),
                          tag="cpython-312", levels=(0,), look=look)

Guarantees: a set belongs to the entry's sources as they were unpacked: it is made
again when the entry was. It is published by one rename, and looked at before it is
linked, like an entry. A source that does not compile is left out and counted.

Errors: :class:`~linkinstall.errors.CacheError` where the compiling interpreter
cannot be run.
"""

from __future__ import annotations

import os
import sys

from linkinstall import limits
from linkinstall.digest import sha256
from linkinstall.entry_check import Inspection
from linkinstall.outcome import BytecodeCount
from linkinstall.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from linkinstall.cache import Cache, Entry
    from linkinstall.compilers import Compilers

__all__ = ["Compiled", "compiled_sets", "normal_level"]

_SCHEMES = ("purelib", "platlib")


@value
class Compiled:
    """The sets that were found or made, and how many files of each kind.

    :param damaged: (path, what is wrong) of files of sets that were made anew
    :param crowded: files that take no further hard link
    :param marks: folder and mark of the sets that were made
    """

    entries: tuple[Entry, ...] = ()
    count: BytecodeCount = BytecodeCount()
    damaged: tuple[tuple[str, str], ...] = ()
    crowded: tuple[str, ...] = ()
    marks: tuple[tuple[str, bytes], ...] = ()


def normal_level(level: int) -> int:
    """Return the level that -1, the running interpreter's own, stands for."""
    return sys.flags.optimize if level < 0 else level


def compiled_sets(
    cache: Cache,
    entry: Entry,
    *,
    compilers: Compilers,
    tag: str,
    magic: str = "",
    levels: Iterable[int],
    embedded: Mapping[str, str] | None = None,
    look: Callable[[Entry], Inspection],
) -> Compiled:
    """Return the compiled files of an entry, one set for each level.

    :param tag: names the compiled files, as in ``cpython-311``
    :param magic: what they begin with: under one tag, pre-releases have different ones
    :param embedded: scheme -> folder whose paths are written into the files; then
        they are made for one place only, in the form SOURCE_DATE_EPOCH asks for
    :param look: tells what is wrong with a set that was found
    :raises CacheError: the interpreter cannot be run
    """
    sets = _Sets(cache, entry, compilers, tag, magic, embedded or {})
    sources = sum(1 for _ in _sources(entry))
    entries: list[Entry] = []
    linked = compiled = 0
    damaged: tuple[tuple[str, str], ...] = ()
    crowded: tuple[str, ...] = ()
    marks: list[tuple[str, bytes]] = []
    for level in sorted({normal_level(level) for level in levels}):
        found = sets.find(level)
        seen = Inspection() if found is None else look(found)
        made = False
        if found is None or seen.damaged:
            found, made = sets.make(level, unfit=found)
        if made:
            compiled += found.manifest.count
            marks.append((found.folder, found.mark))
        else:
            linked += found.manifest.count
        entries.append(found)
        damaged += seen.damaged
        crowded += seen.crowded
    failed = sources * len(entries) - linked - compiled
    count = BytecodeCount(linked, compiled, failed)
    return Compiled(tuple(entries), count, damaged, crowded, tuple(marks))


def _sources(entry: Entry) -> Iterator[tuple[str, str, str]]:
    """Yield (scheme, folder, name) of every source."""
    for folder in entry.manifest.folders:
        if folder.scheme in _SCHEMES:
            for name in folder.names:
                if name.endswith(".py"):
                    yield folder.scheme, folder.path, name


class _Sets:
    """Finds and makes the sets of one entry for one interpreter."""

    def __init__(
        self,
        cache: Cache,
        entry: Entry,
        compilers: Compilers,
        tag: str,
        magic: str,
        embedded: Mapping[str, str],
    ) -> None:
        self.cache = cache
        self.entry = entry
        self.compilers = compilers
        self.tag = tag
        self.kind = f"{tag}.{magic}" if magic else tag
        self.embedded = embedded

    def _folder(self, level: int) -> str:
        folder = self.cache.bytecode_folder(self.entry.manifest.id, self.kind, level)
        if not self.embedded:
            return folder
        # Made for one place and in one form: no other may find them.
        parts = ["epoch" if os.environ.get("SOURCE_DATE_EPOCH") else ""]
        parts += [f"{scheme}={self.embedded[scheme]}" for scheme in sorted(self.embedded)]
        place = "\0".join(parts).encode("utf-8", "surrogateescape")
        return f"{folder}-{sha256(place).hexdigest()[:16]}"

    def find(self, level: int) -> Entry | None:
        """Return the set that was made from the entry's files as they are now, if there is one."""
        inner = self._folder(level).removeprefix(self.cache.root)
        for root in self.cache.roots:
            found = self.cache.open_folder(root + inner)
            if found is not None and self._is_current(found):
                return found
        return None

    def _is_current(self, found: Entry) -> bool:
        return found.manifest.version == str(self.entry.manifest.mtime)

    def make(self, level: int, unfit: Entry | None) -> tuple[Entry, bool]:
        """Compile, and publish instead of what is there.

        :param unfit: what was found, and is damaged
        :return: the set, and whether it was made here: what another process has put there
            since it was looked for stays, for it is linked from by now
        """
        from io import BytesIO

        from linkinstall.entry_writer import EntryWriter, is_same

        folder = self._folder(level)
        standing = self.cache.open_folder(folder)
        if standing is not None and self._is_current(standing) and not is_same(standing, unfit):
            return standing, False
        suffix = f".{self.tag}.opt-{level}.pyc" if level else f".{self.tag}.pyc"
        mode = "default" if self.embedded else "timestamp"
        jobs, targets = [], []
        for scheme, path, name in _sources(self.entry):
            if len(os.fsencode(name[:-3] + suffix)) > limits.NAME_LENGTH:
                continue  # no volume has such a name
            inner = f"{path}/__pycache__" if path else "__pycache__"
            source = f"{self.entry.files(scheme, path)}/{name}"
            shown = os.path.join(self.embedded.get(scheme, ""), path, name)
            jobs.append((source, shown, str(level), mode))
            targets.append((scheme, f"{inner}/{name[:-3]}{suffix}"))
        writer = EntryWriter(self.cache)
        try:
            results = self.compilers.compile(jobs)
            for (scheme, target), data in zip(targets, results, strict=True):
                if data is not None:
                    writer.add(scheme, target, BytesIO(data), executable=False)
            origin = self.entry.manifest
            manifest = writer.manifest(self.tag, str(origin.mtime), "", origin.root)
            return writer.publish(manifest, folder, damaged=standing), True
        finally:
            writer.discard()
