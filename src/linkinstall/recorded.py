"""What a destination was told, until it is finalized.

Purpose: the files, scripts and contents that ``installer`` hands to a
:class:`~linkinstall.destination.LinkDestination`, and the entry they become.

Calling sequence: ``write``, ``take`` and ``generate`` for each file, ``begin_with`` where it
is known which of them are one wheel, then ``entry``, then ``let_go``.

Guarantees: nothing but the cache is written. Contents that come from the cache are not
read. A cache that cannot be written is replaced by a temporary one.

Errors: those of :class:`~linkinstall.entry_writer.EntryWriter`;
:class:`~linkinstall.errors.UsageError` where links would lead into a cache that goes.
"""

from __future__ import annotations

from linkinstall.entry_writer import EntryWriter
from linkinstall.requests import Generated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from collections.abc import Set as AbstractSet

    from linkinstall.cache import Cache, Entry
    from linkinstall.entry_writer import Readable, Written
    from linkinstall.fs.lock import FolderLock
    from linkinstall.source import CachedStream

    Key = tuple[str, str]

__all__ = ["Recorded"]

_ADDED_BY_INSTALLERS = frozenset(("INSTALLER", "REQUESTED", "direct_url.json"))


class Recorded:
    """See the module docstring. Keys are (scheme, path inside the scheme).

    :param cache: the cache to fill; None for a temporary one
    :param symlinks: whether files are to be linked symbolically
    """

    def __init__(self, cache: Cache | None, *, symlinks: bool) -> None:
        self.generated: dict[Key, Generated] = {}
        self.entry_points: list[tuple[Key, tuple[str, str, str, str]]] = []
        self._chosen = cache
        self._symlinks = symlinks
        self._store: Cache | None = None
        self._writer: EntryWriter | None = None
        self._held: FolderLock | None = None
        self._taken: dict[Key, CachedStream] = {}
        self._executables: set[Key] = set()
        self._stay_executable: set[Key] = set()
        self._order: dict[Key, None] = {}

    # ---------------------------------------------------------------- noting

    def knows(self, key: Key) -> bool:
        """Return whether something was noted for this path."""
        return key in self.generated or key in self.contents()

    def contents(self) -> Collection[Key]:
        """Return the paths whose contents are in the cache."""
        written: Collection[Key] = self._writer.written if self._writer is not None else ()
        return self._taken.keys() | written if self._taken else written

    def is_added(self, key: Key) -> bool:
        """Return whether the caller adds this to dist-info: it is not part of the wheel."""
        scheme, path = key
        folder, _, name = path.rpartition("/")
        return (
            folder.endswith(".dist-info")
            and "/" not in folder
            and (name in _ADDED_BY_INSTALLERS or (scheme, f"{folder}/WHEEL") in self.contents())
        )

    def generate(self, key: Key, data: bytes, *, executable: bool) -> None:
        """Note contents that are made for this environment."""
        executable = executable or key in self._stay_executable
        self.generated[key] = Generated(*key, data, executable)
        self._order[key] = None

    def take(self, key: Key, stream: CachedStream, *, executable: bool) -> None:
        """Note contents that are in the cache already."""
        self._taken[key] = stream
        self._order[key] = None
        if executable or key in self._stay_executable:
            self._executables.add(key)

    def write(
        self, key: Key, stream: Readable, *, executable: bool, algorithms: Iterable[str]
    ) -> Written:
        """Write contents into the cache."""
        executable = executable or key in self._stay_executable
        one = self._writing().add(*key, stream, executable=executable, algorithms=algorithms)
        self._order[key] = None
        return one

    def forget(self, key: Key) -> None:
        """Drop what was noted for a path that comes again: the last contents count."""
        # The mode of a file that is written over stays executable, there as here.
        self._order.pop(key, None)
        before = self.generated.pop(key, None)
        executable = (before is not None and before.executable) or key in self._executables
        self._taken.pop(key, None)
        self._executables.discard(key)
        if self._writer is not None:
            written = self._writer.forget(*key)
            executable = executable or (written is not None and written.executable)
        if executable:
            self._stay_executable.add(key)

    def begin_with(self, listed: AbstractSet[Key]) -> None:
        """Drop what was noted before the first of these: it is of a wheel that was given up.

        :param listed: the paths of a wheel that was noted whole
        """
        if listed.isdisjoint(self._order):
            return
        for key in list(self._order):
            if key in listed:
                break
            self.forget(key)
            self.entry_points = [one for one in self.entry_points if one[0] != key]
        if self._writer is not None and not self._writer.written:
            self._writer.discard()
            self._writer = None

    # ---------------------------------------------------------------- the cache

    @property
    def store(self) -> Cache:
        """The cache in use."""
        if self._store is None:
            chosen = self._chosen
            if chosen is None or chosen.temporary:
                chosen = self._temporary()
            self._store = chosen
        return self._store

    def _temporary(self) -> Cache:
        if self._symlinks:
            from linkinstall.errors import UsageError

            raise UsageError(
                "Link mode symlink needs a cache that stays.",
                next_step="Nothing was changed. Pass a cache, or take another link mode.",
            )
        from linkinstall.passing import PassingCache

        return PassingCache()

    def _writing(self) -> EntryWriter:
        if self._writer is None:
            self._writer = EntryWriter(self.store)
            try:
                # What is published is linked later: nobody takes it away until then.
                self._held = self.store.hold()
                self._writer.begin()
            except OSError:
                if self.store.temporary:
                    raise
                self._store = self._temporary()
                self._writer = EntryWriter(self._store)
                self._writer.begin()
        return self._writer

    # ---------------------------------------------------------------- the entry

    @property
    def written(self) -> bool:
        """Whether an entry was written for it, and does not come from the cache as it is."""
        return self._writer is not None

    @property
    def wheel(self) -> str | None:
        """The wheel file that all contents come from, where they are in the cache already."""
        wheels = {stream.wheel for stream in self._taken.values()}
        return wheels.pop() if len(wheels) == 1 and not self.written else None

    def entry(self, scheme: str, dist_info: str) -> tuple[Entry, frozenset[str]]:
        """Return the entry with the files, and those of its files that are not wanted."""
        found = self._same_entry()
        if found is not None:
            return found
        writer = self._writing()
        for key, stream in self._taken.items():
            with self.store.file_system.open_read(stream.name) as contents:
                writer.add(*key, contents, executable=key in self._executables)
        for _, point in self.entry_points:
            writer.add_entry_point(*point)
        project, _, version = dist_info.removesuffix(".dist-info").rpartition("-")
        manifest = writer.manifest(project or dist_info, version, dist_info, scheme)
        return writer.publish(manifest, self.store.entry_folder(manifest.id)), frozenset()

    def _same_entry(self) -> tuple[Entry, frozenset[str]] | None:
        """Return the one entry that everything comes from, where that is so and will do."""
        origins = {id(stream.entry): stream.entry for stream in self._taken.values()}
        moved = any(key != (one.scheme, one.path) for key, one in self._taken.items())
        if self._writer is not None or len(origins) != 1 or moved:
            return None
        (entry,) = origins.values()
        if self._symlinks and not entry.folder.startswith(
            tuple(f"{one}/" for one in self.store.roots)
        ):
            return None  # of a cache that may go, and in which nobody notes who links into it
        manifest = entry.manifest
        keys = frozenset("/".join(key) for key in self._taken)
        if manifest.executables & keys != {"/".join(key) for key in self._executables}:
            return None
        return entry, frozenset(f"{one}/{path}" for one, path, _, _ in manifest.files()) - keys

    def let_go(self) -> None:
        """Drop what was not published, and let go of the cache."""
        if self._writer is not None:
            self._writer.discard()

    def end(self) -> None:
        """Let the cache be changed by others again; a temporary one goes."""
        if self._held is not None:
            self._held.release()
            self._held = None
        if self._store is not None:
            self._store.remove()
