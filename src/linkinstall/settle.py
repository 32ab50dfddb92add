"""Settling a transaction: roll it back, or finish it, whatever state it is in.

Purpose: the one piece of code that undoes and cleans up, used in the same process
after an error and by a later run after a kill or a power cut.

Calling sequence::

    Settlement(files, journal).roll_back()     # before the commit point
    Settlement(files, journal).finish()        # after it

Guarantees: everything is read from the disk, so it can be interrupted and repeated
at any point. Nothing that somebody else put in place is overwritten or removed:

* A planned path counts as ours only while the stash still holds what it replaced
  (or nothing stood there), and only if its size, time and digest are those of the
  file that was planned. (Without the first half a second rollback would remove what
  the first one restored, since old and new may be one inode.)
* Whether another tool has settled the matter since is decided for a distribution as
  a whole, by its dist-info: then only our files that no RECORD lists are removed,
  and what was stashed becomes trash.

Errors: ``OSError`` where the disk refuses; the journal is still there then, and the
next run tries again.
"""

from __future__ import annotations

import os
from stat import S_ISDIR, S_ISLNK, S_ISREG

from linkinstall.digest import hash_file
from linkinstall.distribution import find_distributions, library_path, read_rows
from linkinstall.fs.trees import make_folders, remove_folder_if_empty, remove_tree
from linkinstall.outcome import Kept, Pending
from linkinstall.plan import LOOSE, WHOLE
from linkinstall.removal import is_compiled_of
from linkinstall.wheel import canonicalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from linkinstall.fs.port import FileSystem
    from linkinstall.journal import Journal

    Names = dict[str, tuple[int, "_Check"]]
    from linkinstall.plan import Group, OldDistInfo, Placement, PlanChange, StashItem

__all__ = ["Settlement", "sweep_state", "sweep_trash"]


class Settlement:
    """See the module docstring.

    :param flush: whether the volumes are flushed in between (``--sync`` is not off)
    """

    def __init__(self, files: FileSystem, journal: Journal, *, flush: bool = True) -> None:
        self.files = files
        self.journal = journal
        self.flush = flush
        self.kept: list[Kept] = []
        self.pending: list[Pending] = []
        self._copied = self._is_copy()
        self._real: dict[str, bool] = {}
        self._covers = self._find_covers()
        self._listed: set[str] | None = None
        self._by_group: dict[int, list[Placement]] = {}
        for place in journal.placements:
            self._by_group.setdefault(place.group, []).append(place)

    def _is_copy(self) -> bool:
        # A copied environment has other inodes and maybe other times: its files
        # are known by their digests alone.
        status = self.files.status(self.journal.home)
        return status is not None and (status.st_dev, status.st_ino) != (
            self.journal.device,
            self.journal.inode,
        )

    def _find_covers(self) -> dict[str, str]:
        covers = {}
        for item in self.journal.stash:
            place = self._stashed(item)
            covers.update((path, f"{place}/{inner}") for path, inner in item.paths())
            if item.kind == WHOLE:
                for sub, _ in item.names:
                    path = f"{item.path}/{sub}" if sub else item.path
                    covers[path] = f"{place}/{sub}" if sub else place
        return covers

    def _stashed(self, item: StashItem) -> str:
        return f"{self.journal.states[item.state]}/stash/{item.number}"

    def _staged(self, group: Group) -> str:
        return f"{self.journal.states[group.state]}/new/{group.number}"

    # ---------------------------------------------------------------- rolling back

    def roll_back(self) -> None:
        """Bring the environment back to what it was before the transaction."""
        foreign = {
            index
            for index, change in enumerate(self.journal.changes)
            if self._settled_by_others(index, change)
        }
        for group in sorted(self.journal.groups, key=lambda one: -one.phase):
            self._take_back(group, foreign)
        for item in self.journal.stash:
            if item.change in foreign:
                self._to_trash(item, "another tool has changed this project since")
            else:
                self._restore(item)
        self._clear_states("journal")
        for folder in reversed(self.journal.made):
            remove_folder_if_empty(self.files, folder)

    def _settled_by_others(self, index: int, change: PlanChange) -> bool:
        """Decide by the dist-info folders whether another tool changed the project since."""
        for old in change.olds:
            cover = self._covers.get(f"{old.path}/{old.mark}" if old.mark else old.path)
            in_stash = cover is not None and self.files.status(cover) is not None
            in_place = self._has(old.path, old.mark) and not self._is_new(old.path, index)
            if in_stash == in_place or (in_place and not self._is_old(old)):
                return True
        libraries = {os.path.dirname(old.path) for old in change.olds}
        if change.new:
            libraries.add(os.path.dirname(change.new))
        known = {old.path for old in change.olds}
        for one in find_distributions(self.files, libraries):
            if one.name != canonicalize(change.name) or one.path in known:
                continue
            if one.path != change.new or not self._is_new(one.path, index):
                return True
        return False

    def _has(self, folder: str, mark: str) -> bool:
        return self.files.status(f"{folder}/{mark}" if mark else folder) is not None

    def _is_old(self, old: OldDistInfo) -> bool:
        if not old.mark:
            return True
        status = self.files.status(f"{old.path}/{old.mark}")
        if status is None or status.st_size != old.size:
            return False
        return self._copied or same_time(status.st_mtime_ns, old.mtime)

    def _is_new(self, folder: str, index: int) -> bool:
        """Return whether a dist-info in place is the one this transaction staged."""
        change = self.journal.changes[index]
        if folder != change.new:
            return False
        status = self.files.status(folder + "/RECORD")
        if status is None:
            # Partly placed: ours unless somebody else's METADATA stands there.
            return not any(old.path == folder for old in change.olds)
        for one in self.journal.staged:
            if one.change == index and one.name == "RECORD":
                return self._is_file(folder + "/RECORD", status, one.size, one.mtime, one.digest)
        return False

    def _take_back(self, group: Group, foreign: set[int]) -> None:
        """Remove what this transaction put in place for a group, and its empty folders."""
        if self.files.status(group.target) is None:
            return
        sources: dict[str, set[str]] = {}
        for folder, names in self._planned(group):
            present = self._present(folder)
            if present is None:
                continue
            ours = [
                name
                for name, (change, check) in names.items()
                if name in present
                and self._counts(f"{folder}/{name}")
                and check(f"{folder}/{name}")
                and not (change in foreign and f"{folder}/{name}" in self._all_listed())
            ]
            for name, error in self.files.unlink_all(folder, ours):
                raise OSError(error.errno, error.strerror, f"{folder}/{name}")
            modules = {
                name[:-3]
                for name in names
                if name.endswith(".py")
                and self._counts(f"{folder}/{name}")
                and self.files.status(f"{folder}/{name}") is None
            }
            if modules:
                sources[folder] = modules
        for folder, modules in sources.items():
            self._drop_compiled(folder, modules)
        for folder in self._planned_folders(group):
            if self._counts(folder) and self._is_real(folder):
                remove_folder_if_empty(self.files, folder)

    def _planned(self, group: Group) -> Iterator[tuple[str, Names]]:
        """Yield each folder of a group with its names, their change, and their check."""
        folders: dict[str, Names] = {}
        for place in self._by_group.get(group.number, ()):
            tree = self.journal.trees[place.tree]
            folder = tree.manifest.folders[place.folder]
            rows = dict(
                zip(folder.names, zip(folder.sizes, folder.digests, strict=True), strict=True)
            )
            source = f"{tree.source}/files/{folder.scheme}"
            source = f"{source}/{folder.path}" if folder.path else source
            names = folders.setdefault(place.sub, {})
            for name in place.names:
                size, digest = rows[name]
                names[name] = (
                    tree.change,
                    _Check(self, int(size), tree.manifest.mtime, digest, f"{source}/{name}"),
                )
        for one in self.journal.staged:
            if one.group == group.number:
                folders.setdefault(one.sub, {})[one.name] = (
                    one.change,
                    _Check(self, one.size, one.mtime, one.digest, ""),
                )
        for sub, names in sorted(folders.items()):
            yield (f"{group.target}/{sub}" if sub else group.target), names

    def _planned_folders(self, group: Group) -> list[str]:
        subs = {sub for number, sub in self.journal.folders if number == group.number}
        if group.kind == WHOLE:
            subs.add("")
        folders = {f"{group.target}/{sub}" if sub else group.target for sub in subs}
        # An interpreter may have made these in between.
        caches = {f"{folder}/__pycache__" for folder in folders}
        if group.kind == LOOSE:
            caches.add(f"{group.target}/__pycache__")
        return sorted(folders | caches, reverse=True)

    def _drop_compiled(self, folder: str, modules: set[str]) -> None:
        inner = f"{folder}/__pycache__"
        present = self._present(inner)
        if present is None:
            return
        stale = [
            name
            for name in present
            if is_compiled_of(name, modules) and self._counts(f"{inner}/{name}")
        ]
        self.files.unlink_all(inner, stale)
        if stale:
            remove_folder_if_empty(self.files, inner)

    # ---------------------------------------------------------------- whose is it

    def _counts(self, path: str) -> bool:
        """Return whether a planned path may be ours: its cover is in the stash, or it had none."""
        cover = self._covers.get(path)
        return cover is None or self.files.status(cover) is not None

    def _present(self, folder: str) -> set[str] | None:
        status = self.files.status(folder)
        if status is None or not S_ISDIR(status.st_mode) or not self._is_real(folder):
            return None
        return {name for name, _ in self.files.scan(folder)}

    def _is_real(self, folder: str) -> bool:
        """Return whether no part of ``folder`` is a link now.

        Through a folder that became a link, another environment's hard links would
        pass for ours.
        """
        answer = self._real.get(folder)
        if answer is None:
            answer = self._real[folder] = self.files.real_path(folder) == folder
        return answer

    def _is_file(
        self, path: str, status: os.stat_result, size: int, mtime: int, digest: str
    ) -> bool:
        if not S_ISREG(status.st_mode) or status.st_size != size:
            return False
        if not self._copied and not same_time(status.st_mtime_ns, mtime):
            return False
        return hash_file(self.files, path) == digest

    def _all_listed(self) -> set[str]:
        """Return every path that a standing RECORD lists."""
        if self._listed is None:
            libraries = {os.path.dirname(change.new) for change in self.journal.changes}
            libraries |= {
                os.path.dirname(old.path)
                for change in self.journal.changes
                for old in change.olds
            }
            self._listed = set()
            for one in find_distributions(self.files, libraries - {""}):
                for row in read_rows(self.files, one) or ():
                    path = library_path(one.base, row.path)
                    folder = self.files.real_path(os.path.dirname(path))
                    self._listed.add(f"{folder}/{os.path.basename(path)}")
        return self._listed

    # ---------------------------------------------------------------- the stash

    def _restore(self, item: StashItem) -> None:
        """Put a stash item back, never over what stands there now."""
        stashed = self._stashed(item)
        if self.files.status(stashed) is None:
            return
        if not self._is_real(os.path.dirname(item.path)):
            self._to_trash(item, "its folder has become a link")
            return
        make_folders(self.files, os.path.dirname(item.path))
        if item.kind == WHOLE and self.files.status(item.path) is None:
            self.files.rename_new(stashed, item.path)
            return
        self._merge(stashed, item.path)
        if self.files.status(stashed) is not None:
            self._to_trash(item, "something else stands in its place")

    def _merge(self, stashed: str, place: str) -> None:
        status = self.files.status(place)
        if status is None:
            self.files.make_folder(place)
        elif not S_ISDIR(status.st_mode):
            return
        for name, kind in self.files.scan(stashed):
            source, target = f"{stashed}/{name}", f"{place}/{name}"
            if kind == "folder":
                self._merge(source, target)
            elif self._put_back(source, target):
                self.files.unlink(source)
        remove_folder_if_empty(self.files, stashed)

    def _put_back(self, source: str, target: str) -> bool:
        """Give ``source`` its old name; return whether the stashed name may go."""
        there, kept = self.files.status(target), self.files.status(source)
        if there is None:
            self.files.link_new(source, target)
            return self.files.status(source) is not None
        # Restored before, in a run that was killed right after.
        return kept is not None and (there.st_dev, there.st_ino) == (kept.st_dev, kept.st_ino)

    def _to_trash(self, item: StashItem, reason: str) -> None:
        stashed = self._stashed(item)
        if self.files.status(stashed) is None:
            return
        moved = to_trash(self.files, self.journal.states[item.state], stashed, self.journal.id)
        self.kept.append(Kept(item.path, f"{reason}; the old files wait in {moved}"))

    # ---------------------------------------------------------------- finishing

    def finish(self) -> None:
        """Clean up after the commit point: drop the stash, the staged names, the journal."""
        if self.flush and len(self.journal.states) > 1:
            self.files.flush_volume(self.journal.home)
        for item in self.journal.stash:
            self._discard(item)
        for folder in sorted(self.journal.emptied, reverse=True):
            remove_folder_if_empty(self.files, folder)
        self._clear_states("committed")
        for folder in reversed(self.journal.made):
            remove_folder_if_empty(self.files, folder)

    def _discard(self, item: StashItem) -> None:
        stashed = self._stashed(item)
        if self.files.status(stashed) is None:
            return
        for sub, names in sorted(item.names, reverse=True):
            folder = f"{stashed}/{sub}" if sub else stashed
            refused = self.files.unlink_all(folder, names)
            if refused:
                self._keep_busy(item, stashed)
                return
            remove_folder_if_empty(self.files, folder)
        if self.files.status(stashed) is not None:
            # Names that nobody planned: written while the folder was on its way out.
            self._drop_late_compiled(item, stashed)
            make_folders(self.files, os.path.dirname(item.path))
            self._merge(stashed, item.path)
            if self.files.status(stashed) is not None:
                self._keep_busy(item, stashed)

    def _drop_late_compiled(self, item: StashItem, stashed: str) -> None:
        for sub, names in item.names:
            inner = f"{stashed}/{sub}/__pycache__" if sub else f"{stashed}/__pycache__"
            if self.files.status(inner) is None:
                continue
            modules = {name[:-3] for name in names if name.endswith(".py")}
            late = [name for name, _ in self.files.scan(inner) if is_compiled_of(name, modules)]
            self.files.unlink_all(inner, late)
            remove_folder_if_empty(self.files, inner)

    def _keep_busy(self, item: StashItem, stashed: str) -> None:
        state = self.journal.states[item.state]
        moved = to_trash(self.files, state, stashed, self.journal.id)
        self.pending.append(Pending(item.path, moved))

    # ---------------------------------------------------------------- the state folders

    def _clear_states(self, name: str) -> None:
        """Empty the state folders; the journal under ``name`` goes last of all."""
        for state in self.journal.states[1:]:
            sweep_state(self.files, state)
            if self.flush and self.files.status(os.path.dirname(state)) is not None:
                self.files.flush_volume(os.path.dirname(state))
        for inner in ("new", "stash", "cache"):
            remove_tree(self.files, f"{self.journal.home}/{inner}")
        try:
            self.files.unlink(f"{self.journal.home}/{name}")
        except FileNotFoundError:
            pass
        remove_folder_if_empty(self.files, self.journal.home)


class _Check:
    """Whether the file at a path is the one that was planned there."""

    __slots__ = ("digest", "mtime", "owner", "size", "source")

    def __init__(
        self, owner: Settlement, size: int, mtime: int, digest: str, source: str
    ) -> None:
        self.owner, self.size, self.mtime = owner, size, mtime
        self.digest, self.source = digest, source

    def __call__(self, path: str) -> bool:
        files = self.owner.files
        status = files.status(path)
        if status is None:
            return False
        if S_ISLNK(status.st_mode):
            return bool(self.source) and files.read_link(path) == self.source
        if self.source:
            # The inode first: a link to the cache's file needs no hashing. It may
            # have been edited in place since, so size and time count too.
            origin = files.status(self.source)
            if (
                origin is not None
                and (origin.st_dev, origin.st_ino) == (status.st_dev, status.st_ino)
                and status.st_size == self.size
                and status.st_mtime_ns == self.mtime
            ):
                return True
        return self.owner._is_file(path, status, self.size, self.mtime, self.digest)  # noqa: SLF001


def same_time(one: int, other: int) -> bool:
    """Return whether two file times are equal, as far as the coarser volume tells.

    FAT keeps two seconds, NTFS 100 ns; a copy on such a volume is cut off.
    """
    if one == other:
        return True
    low = min(one, other)
    if low % 1_000_000_000 == 0:
        return abs(one - other) < 2_000_000_000
    return low % 100 == 0 and abs(one - other) < 100


def to_trash(files: FileSystem, state: str, path: str, name: str) -> str:
    """Move something into the trash of a state folder and return where it is now."""
    make_folders(files, f"{state}/trash")
    number = 0
    while files.status(target := f"{state}/trash/{name}-{number}") is not None:
        number += 1
    files.rename_new(path, target)
    return target


def sweep_trash(files: FileSystem, state: str) -> list[Pending]:
    """Delete what waits in the trash; return what is still busy."""
    folder = f"{state}/trash"
    if files.status(folder) is None:
        return []
    refused = remove_tree(files, folder)
    if not refused:
        remove_folder_if_empty(files, state)
    return [Pending(path, path) for path, _ in refused]


def sweep_state(files: FileSystem, state: str) -> None:
    """Remove what was only staged, and the state folder itself if nothing is left."""
    for inner in ("new", "stash", "cache"):
        remove_tree(files, f"{state}/{inner}")
    try:
        files.unlink(f"{state}/pointer")
    except (FileNotFoundError, NotADirectoryError):
        pass
    remove_folder_if_empty(files, state)
