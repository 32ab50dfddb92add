"""The cache: unpacked, verified wheels and what is known of them.

Purpose: find the entry of a wheel without reading its payload, make it where it is
missing, and say where its files are.

Calling sequence::

    cache = Cache()                       # or Cache("/path"), or Cache.none()
    entry = cache.add("a.whl").entry      # from the cache, or unpacked and verified now

Guarantees: an entry appears by one rename after its files were verified completely;
a crash leaves a temporary folder that is never used and is swept by a later run.
Two processes that unpack the same wheel end with one entry. Nothing in an entry is
ever opened for writing again. While one process makes or links entries, which it says by
:meth:`Cache.hold`, no other takes any away.

On disk, under a versioned root: ``entries/ID/{manifest,record,files/SCHEME/…}``,
``aliases/ALIAS`` (a wheel file's identity -> ID), ``bytecode/ID/TAG.MAGIC-LEVEL/…``,
``dependents/ID.…`` (environments that hold symbolic links into an entry),
``environments/…`` (those that hold links of any kind), ``interpreters/…``, ``tmp/``,
``lock``. The caches of ``tiers`` are laid out alike and only read.

Errors: :class:`~linkinstall.errors.InvalidWheelError`,
:class:`~linkinstall.errors.CacheError`, :class:`~linkinstall.errors.LockTimeoutError`,
``OSError``.
"""

from __future__ import annotations

import errno
import os

from linkinstall import limits
from linkinstall.entry_check import is_whole
from linkinstall.fs import local, trees
from linkinstall.fs.lock import FolderLock
from linkinstall.fs.named import UNWRITABLE
from linkinstall.manifest import decode
from linkinstall.paths import normal
from linkinstall.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from linkinstall.fs.port import FileSystem
    from linkinstall.manifest import Manifest
    from linkinstall.outcome import Warn
    from linkinstall.wheel import WheelIdentity, WheelName

__all__ = ["Added", "Cache", "Entry"]

VERSION = "v1"
"""Version of the layout; another layout gets another folder."""
PARTS = (VERSION, f"{VERSION}/entries", f"{VERSION}/aliases", f"{VERSION}/bytecode")
"""Folders of a cache: whoever can write to one decides what is linked."""
_ID_LENGTH = 64  # digits
UNFLUSHED = "unflushed"
"""Marks an entry whose files may not be on the disk yet; random bytes tell whose mark it is."""
QUARANTINED = "manifest.damaged"
"""What the manifest of a damaged entry is called: without a manifest it is never linked."""


@value
class Entry:
    """One unpacked, verified wheel (or one set of compiled files).

    :param folder: its folder in the cache
    :param flushed: False while its files may not have reached the disk yet
    :param mark: what the note of that held when it was read: it tells which writer's it is
    :param text: the manifest as it was read
    """

    folder: str
    manifest: Manifest
    flushed: bool = True
    mark: bytes = b""
    text: bytes = b""

    def files(self, scheme: str, path: str) -> str:
        """Return the folder that holds the files of one directory of a scheme."""
        base = f"{self.folder}/files/{scheme}"
        return f"{base}/{path}" if path else base


@value
class Added:
    """What :meth:`Cache.add` found or made.

    :param hash: SHA-256 of the wheel file in hexadecimal, where it is known
    :param unpacked: whether the wheel had to be unpacked now
    """

    entry: Entry
    name: WheelName
    hash: str | None
    unpacked: bool
    warnings: tuple[Warn, ...] = ()


class Cache:
    """The shared store. See the module docstring.

    :param path: its folder; default ``LINKINSTALL_CACHE_DIR``, else the user's cache folder
    :param tiers: further caches that entries are taken from where they lie, and that are
        never written; default the folders of ``LINKINSTALL_CACHE_TIERS``
    :param ours: whether it was made for this run, and who can write to it is no question
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        tiers: Iterable[str | os.PathLike[str]] | None = None,
        files: FileSystem | None = None,
        ours: bool = False,
    ) -> None:
        self._named = path is not None or bool(os.environ.get("LINKINSTALL_CACHE_DIR"))
        if path is None:
            from linkinstall.cache_folder import default_folder

            path = default_folder()
        if tiers is None:
            tiers = filter(None, os.environ.get("LINKINSTALL_CACHE_TIERS", "").split(os.pathsep))
        self._distrust: str | None = "" if ours else None
        self.file_system = files or local()
        self.path = normal(trees.absolute(self.file_system, os.fsdecode(path)))
        self.root = f"{self.path}/{VERSION}"
        self.tiers = tuple(
            normal(trees.absolute(self.file_system, os.fsdecode(one))) for one in tiers
        )
        self._passed_over: dict[str, str] | None = None
        self.temporary = False

    @classmethod
    def none(cls) -> Cache:
        """Return a stand-in that asks for unpacking next to the target (``--no-cache``)."""
        cache = cls(os.devnull, tiers=())  # replaced by a folder of the target before it is used
        cache.temporary, cache._distrust = True, "it is no folder"
        return cache

    def remove(self) -> None:
        """Delete a temporary cache; any other stays."""

    def __repr__(self) -> str:
        """Name the folder."""
        return f"Cache({self.path!r})"

    @property
    def distrust(self) -> str:
        """Why nothing is taken from it, or put into it; "" where it may be used."""
        if self._distrust is None:
            self._distrust = self._distrusts(self.path, named=self._named)
        return self._distrust

    @property
    def roots(self) -> tuple[str, ...]:
        """The versioned roots that entries may be taken from, its own one first."""
        tiers = (f"{tier}/{VERSION}" for tier in self.tiers if tier not in self.passed_over)
        return (*(() if self.distrust else (self.root,)), *tiers)

    @property
    def passed_over(self) -> dict[str, str]:
        """Tiers that are not to be used, and why."""
        if self._passed_over is None:
            told = {tier: self._distrusts(tier, named=True) for tier in self.tiers}
            self._passed_over = {tier: reason for tier, reason in told.items() if reason}
        return self._passed_over

    def _distrusts(self, path: str, *, named: bool) -> str:
        # Mostly nobody else can write there, and then nothing needs to be imported.
        if named and trees.is_closed_to_others(self.file_system, path, PARTS):
            return ""
        from linkinstall.trust import distrust

        return distrust(self.file_system, path, PARTS, named=named)

    # ------------------------------------------------------------------ finding

    def open(self, entry_id: str) -> Entry | None:
        """Return the entry with this id, or None where it is missing or damaged."""
        if len(entry_id) != _ID_LENGTH or not entry_id.isalnum():
            return None  # an alias that was edited must not lead to another folder
        for root in self.roots:
            entry = self.open_folder(f"{root}/entries/{entry_id}")
            if entry is not None:
                return entry
        return None

    def entry_folder(self, entry_id: str) -> str:
        """Return where an entry is kept."""
        return f"{self.root}/entries/{entry_id}"

    @property
    def temporary_folder(self) -> str:
        """Where temporary folders are: what is written is renamed out of one of them."""
        return f"{self.root}/tmp"  # noqa: S108 - ours

    def bytecode_folder(self, entry_id: str, kind: str, level: int) -> str:
        """Return where the compiled files of an entry are kept, by tag and magic number."""
        return f"{self.root}/bytecode/{entry_id}/{kind}-{level}"

    def open_folder(self, folder: str) -> Entry | None:
        """Return the entry or the set of compiled files in a folder of the cache."""
        if self.distrust and folder.startswith(f"{self.root}/"):
            return None
        try:
            manifest = decode(text := self.file_system.read(folder + "/manifest"))
        except (OSError, ValueError):
            return None
        # A tier was complete when it was handed out, and its marks are not ours to remove.
        own = folder.startswith(f"{self.root}/")
        if not own or self.file_system.status(f"{folder}/{UNFLUSHED}") is None:
            return Entry(folder, manifest, text=text)
        try:
            mark = self.file_system.read(f"{folder}/{UNFLUSHED}")
        except OSError:  # gone by now, or not ours to read: then it is not ours to remove
            mark = b""
        return Entry(folder, manifest, flushed=False, mark=mark, text=text)

    def identify(self, path: str) -> tuple[WheelName, WheelIdentity]:
        """Return name and identity of a wheel file, reading its directory and RECORD only.

        :raises InvalidWheelError: it is no wheel, or cannot be read
        """
        from linkinstall.wheel import identify_file

        return identify_file(self.file_system, path)

    def find(self, path: str) -> Added | None:
        """Return the entry of a wheel file if the cache has it."""
        name, identity = self.identify(path)
        for root in self.roots:
            alias = f"{root}/aliases/{identity.alias}"
            try:
                text = self.file_system.read(alias, limits.ALIAS_SIZE).decode("ascii")
                entry_id, hash_, _end = text.split("\n")
            except (OSError, ValueError):
                continue
            entry = self.open(entry_id)
            if entry and name.means(entry.manifest.distribution, entry.manifest.version):
                return Added(entry, name, hash_ or None, unpacked=False)
        return None

    # ------------------------------------------------------------------ making

    def add(
        self,
        path: str | os.PathLike[str],
        *,
        validate_record: str = "all",
        timeout: float | None = None,
        notify: Callable[[str], None] | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Added:
        """Return the entry of a wheel file, unpacking and verifying it if need be.

        :param timeout: and ``notify``: as :meth:`hold` takes them
        :param progress: called again and again with the part that is unpacked, 0 to 1
        :raises InvalidWheelError: the wheel is refused; nothing was kept
        :raises LockTimeoutError: something was being taken away for too long
        :raises OSError: the cache cannot be written
        """
        found = self.find(path := os.fsdecode(path))
        if found is not None and is_whole(self.file_system, found.entry):
            return found
        from linkinstall.unpack import rebuild

        what = self, path, validate_record
        return rebuild(*what, timeout=timeout, notify=notify, progress=progress)

    def remember(self, alias: str, entry_id: str, hash_: str) -> None:
        """Note which entry a wheel file unpacks to."""
        self.write(f"{self.root}/aliases/{alias}", f"{entry_id}\n{hash_}\n".encode("ascii"))

    def mark_flushed(self, entry: Entry) -> None:
        """Note that an entry's files have reached the disk.

        A mark that was written since the entry was opened is about files that came later: it stays.
        """
        path = f"{entry.folder}/{UNFLUSHED}"
        try:
            if self.file_system.read(path) == entry.mark:
                self.file_system.unlink(path)
        except OSError:  # another process did it first, or the cache is read-only
            pass

    def write(self, path: str, data: bytes) -> None:
        """Put a small file of the cache into place, whole, instead of the one that stands there."""
        trees.write_whole(self.file_system, path, data, self.temporary_folder)

    # ------------------------------------------------------------------ the lock

    def hold(
        self,
        *,
        alone: bool = False,
        timeout: float | None = None,
        notify: Callable[[str], None] | None = None,
    ) -> FolderLock | None:
        """Take the cache's lock, and return it for the caller to release.

        Shared: entries are being made or linked. Alone: something is being taken away.

        :return: None where there is nothing to be locked: a cache that goes with the run,
            and, shared, one that is not used, or cannot be written (nobody takes from it)
        :raises LockTimeoutError: other processes did not let go of it in time
        """
        unused = self.file_system.status(self.root) is None if alone else self.distrust
        if self.temporary or unused:
            return None
        lock = FolderLock(f"{self.root}/lock", what=f"the cache {self.path}", shared=not alone)
        try:
            lock.acquire(
                timeout=limits.LOCK_WAIT if timeout is None else timeout,
                notify=notify,
                make_folder=lambda: trees.make_folders(self.file_system, self.root, trees.CLOSED),
            )
        except OSError as error:
            if alone or error.errno not in (*UNWRITABLE, errno.ENOLCK, errno.ENOSYS):
                raise
            return None
        return lock

    # ------------------------------------------------------------------ keeping

    def sweep(self) -> None:
        """Remove temporary folders whose makers are gone."""
        try:
            if self.temporary or self.distrust or not self.file_system.scan(self.temporary_folder):
                return  # mostly so: and then nothing needs to be imported
        except (FileNotFoundError, NotADirectoryError):  # none yet, or it is just taken away
            return
        from linkinstall.temporary import sweep

        sweep(self.file_system, self.temporary_folder)

    def info(self) -> dict[str, Any]:
        """Return what the cache holds; see :mod:`linkinstall.upkeep.facts`."""
        from linkinstall.upkeep.facts import facts

        return facts(self)
