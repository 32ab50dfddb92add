"""Taking out of a cache what nobody uses, or everything.

Purpose: ``cache prune`` and ``cache clean``.

Calling sequence::

    pruning = Pruning(cache, dry_run=False)
    pruned = pruning.prune(older_than=30 * 86_400)
    pruned = pruning.clean(force=False)

Guarantees: the cache's lock is held alone, so that nobody is about to link what goes; the
wait for it is bounded. What is used by a hard link, or by a symbolic link of an environment
that was noted, stays (``clean`` refuses then, unless forced; hard links lose nothing by it,
so what is damaged goes in spite of them).
Each entry goes by one rename into a temporary folder: a kill at any moment leaves it there
whole, or for the next sweep to delete. No link is followed, and what linkinstall did not put
there stays.

Errors: :class:`~linkinstall.errors.CacheError` where ``clean`` would break environments, or
the cache's folders are links; :class:`~linkinstall.errors.LockTimeoutError`; ``OSError``.
"""

from __future__ import annotations

import os
import time

from linkinstall.fs.named import with_path
from linkinstall.fs.trees import CLOSED, make_folders, remove_folder_if_empty
from linkinstall.temporary import LOCK_SUFFIX, TemporaryFolder, sweep
from linkinstall.upkeep.inventory import environments, refuse_links, take_stock, users_of
from linkinstall.values import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from linkinstall.cache import Cache
    from linkinstall.errors import Problem
    from linkinstall.upkeep.inventory import Stock, Stored

__all__ = ["Pruned", "Pruning", "dependents", "uses"]

HARDLINK, SYMLINK, RECENT, SMALL, FOREIGN = "hardlink", "symlink", "recent", "fits", "not-ours"


@value
class Pruned:
    """What went and what stayed.

    :param removed: id, name, version and bytes of each entry
    :param freed: bytes that the volume has more now
    :param kept: id, name, version, why, and the environments, of each that stayed
    :param left: bytes of what stayed
    :param over: bytes by which that is more than was asked for
    :param waiting: paths that the system would not remove; the next prune tries again
    """

    removed: tuple[dict[str, Any], ...] = ()
    freed: int = 0
    kept: tuple[dict[str, Any], ...] = ()
    left: int = 0
    over: int = 0
    waiting: tuple[str, ...] = ()


class Pruning:
    """See the module docstring.

    :param dry_run: only tell what would go
    :param timeout: seconds to wait for the cache's lock
    :param notify: told what is waited for
    """

    def __init__(
        self,
        cache: Cache,
        *,
        dry_run: bool = False,
        timeout: float | None = None,
        notify: Callable[[str], None] | None = None,
    ) -> None:
        self.cache = cache
        self.files = cache.file_system
        self.dry_run = dry_run
        self._timeout = timeout
        self._notify = notify
        self._left: list[str] = []

    def prune(self, older_than: float | None = None, max_size: int | None = None) -> Pruned:
        """Remove entries that nobody uses.

        :param older_than: seconds: only those that were not used for so long
        :param max_size: bytes: only as many as have to go, the longest unused first
        """
        return self._locked(lambda: self._prune(older_than, max_size))

    def clean(self, *, force: bool = False) -> Pruned:
        """Remove everything.

        :param force: also where environments hold symbolic links into the cache
        :raises CacheError: some do; it names them
        """
        return self._locked(lambda: self._clean(force=force))

    def _locked(self, work: Callable[[], Pruned]) -> Pruned:
        refuse_links(self.cache)
        held = self.cache.hold(alone=True, timeout=self._timeout, notify=self._notify)
        if held is None:  # there is no cache
            return Pruned()
        cleared = False
        try:
            pruned = work()
            cleared = not self.dry_run and self._is_empty()
        finally:
            held.release(remove=cleared)
        if cleared and not remove_folder_if_empty(self.files, self.cache.root):
            self._left.append(self.cache.root)
        return replace(pruned, waiting=tuple(self._left))

    def _is_empty(self) -> bool:
        """Return whether nothing is left but the lock; empty folders go."""
        for name, kind in self.files.scan(self.cache.root):
            if kind == "folder":
                self._clear_away(f"{self.cache.root}/{name}")
        return self.files.scan(self.cache.root) == [("lock", "file")]

    # ---------------------------------------------------------------- prune

    def _prune(self, older_than: float | None, max_size: int | None) -> Pruned:
        self._sweep()
        stock = take_stock(self.cache)
        going, kept = self._choose(stock, older_than, max_size)
        since = time.time() - (older_than or 0)
        unused = (one for one in stock.orphans if one.sets and not one.used)
        orphans = [one for one in unused if one.last_used <= since]
        freed = sum(one.freed for one in (*going, *orphans))
        left = sum(one.size for one in stock.entries) - sum(one.size for one in going)
        if not self.dry_run:
            bytecode = f"{self.cache.root}/bytecode"
            paths = []
            for one in (*going, *orphans):
                # The entry first: without it nothing finds the rest.
                paths += [one.tree.folder, f"{bytecode}/{one.id}"]
            # Notes first: once the entry is gone, nobody can tell any more what they are about.
            self._forget(stock, {one.id for one in going})
            self._remove(paths)
        over = max(left - max_size, 0) if max_size is not None else 0
        return Pruned(tuple(_told(one) for one in going), freed, tuple(kept), left, over)

    def _choose(
        self, stock: Stock, older_than: float | None, max_size: int | None
    ) -> tuple[list[Stored], list[dict[str, Any]]]:
        """Return the entries that go, and what is told of those that stay."""
        now = time.time()
        size = sum(one.size for one in stock.entries)
        known = list(environments(self.cache))
        going, kept = [], []
        for one in sorted(stock.entries, key=lambda one: (not one.damaged, one.last_used, one.id)):
            reason = ""
            if one.dependents:
                reason = SYMLINK
            elif not one.idle:
                reason = HARDLINK
            elif one.damaged:
                pass
            elif older_than is not None and now - one.last_used < older_than:
                reason = RECENT
            elif max_size is not None and size <= max_size:
                reason = SMALL
            if reason:
                users = users_of(self.cache, one, known) if one.used else []
                kept.append({**_told(one), "reason": reason, "environments": users})
            else:
                going.append(one)
                size -= one.size
        return going, kept

    def _sweep(self) -> None:
        if not self.dry_run and self.files.status(self.cache.temporary_folder) is not None:
            sweep(self.files, self.cache.temporary_folder)

    def _remove(self, paths: Iterable[str]) -> None:
        """Take folders out of the cache, each by one rename, and delete them."""
        standing = [path for path in paths if self.files.status(path) is not None]
        if not standing:
            return
        parent = self.cache.temporary_folder
        make_folders(self.files, parent, CLOSED)
        temporary = TemporaryFolder.claim(self.files, parent)
        try:
            for number, path in enumerate(standing):
                self.files.rename(path, f"{temporary.path}/{number}")
        finally:
            temporary.remove()
            places = (temporary.path, temporary.path + LOCK_SUFFIX)
            self._left += [path for path in places if self.files.status(path) is not None]

    def _clear_away(self, folder: str) -> None:
        """Remove a folder if it is empty, and note where it is and will not go."""
        if not remove_folder_if_empty(self.files, folder) and not self.files.scan(folder):
            self._left.append(folder)

    def _forget(self, stock: Stock, gone: set[str]) -> None:
        """Drop the notes about what is no longer so, and the folders that this leaves empty."""
        root = self.cache.root
        # What the notes of an entry that went were about, was found to be so no more.
        stale = [*stock.stale, *self._aliases_of(gone)]
        for path in stale:
            parent, name = os.path.split(path)
            for _, error in self.files.unlink_all(parent, [name]):
                raise with_path(error, path)  # what it is about has to stay, too
        bytecode = f"{root}/bytecode"
        if self.files.status(bytecode) is not None:
            for name, kind in self.files.scan(bytecode):
                if kind == "folder":
                    self._clear_away(f"{bytecode}/{name}")

    def _aliases_of(self, gone: set[str]) -> list[str]:
        folder = f"{self.cache.root}/aliases"
        if not gone or self.files.status(folder) is None:
            return []
        return [
            f"{folder}/{name}"
            for name, kind in self.files.scan(folder)
            if kind == "file" and self.files.read(f"{folder}/{name}")[:64].decode("latin-1") in gone
        ]

    # ---------------------------------------------------------------- clean

    def _clean(self, *, force: bool) -> Pruned:
        self._sweep()
        stock = take_stock(self.cache)
        everything = _everything(stock)
        live = dependents(stock)
        if live and not force:
            raise _in_use(self.cache, live)
        kept = [{"path": path, "reason": FOREIGN} for path in stock.foreign]
        freed = sum(one.freed for one in everything)
        if not self.dry_run:
            root = self.cache.root
            parts = ["entries", "bytecode", "aliases", "environments", "interpreters"]
            # Made anew at its place, an entry has its dependents again.
            parts += [] if live else ["dependents"]
            shared = {os.path.dirname(path) for path in stock.foreign}
            stays = shared.union(stock.foreign)  # such a folder, or what stands in its place
            paths = [f"{root}/{part}" for part in parts if f"{root}/{part}" not in stays]
            for part in ("entries", "bytecode"):
                if f"{root}/{part}" in shared:
                    names = self.files.scan(f"{root}/{part}")
                    paths += [f"{root}/{part}/{name}" for name, kind in names if kind == "folder"]
            self._remove(paths)
            self._forget(stock, set())
        return Pruned(tuple(_told(one) for one in stock.entries), freed, tuple(kept))


def dependents(stock: Stock) -> list[str]:
    """Return the roots of the environments that would stop working without the cache.

    Of a damaged note, that is the path of the note itself: nobody knows whose it is.
    """
    return sorted({root for one in _everything(stock) for root in one.dependents})


def uses(roots: Iterable[str]) -> list[Problem]:
    """Return what such environments are told as."""
    from linkinstall.errors import Problem

    return [Problem("in-use", root, None, f"{root} has symbolic links into it") for root in roots]


def _everything(stock: Stock) -> tuple[Stored, ...]:
    return (*stock.entries, *(one for one in stock.orphans if one.sets))


def _told(one: Stored) -> dict[str, Any]:
    manifest = one.manifest
    return {
        "id": one.id,
        "name": manifest.distribution if manifest is not None else None,
        "version": manifest.version if manifest is not None else None,
        "bytes": one.size,
    }


def _in_use(cache: Cache, live: list[str]) -> Exception:
    from linkinstall.errors import CacheError

    error = CacheError(
        f"Environments would stop working without the cache {cache.path}.",
        problems=uses(live),
        next_step="Nothing was removed. Install what they have with another --link-mode first, "
        "or remove it all the same with --force. `linkinstall cache prune` keeps what is used.",
    )
    error.status = "refused"
    return error
