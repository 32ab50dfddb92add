"""Whose is it: the identity of what stands at a planned path.

Purpose: after a crash, tell what a transaction put into place from what somebody else
did, and tell whether another tool has settled the matter for a whole distribution.

Calling sequence::

    identity = Identity(files, journal)
    identity.counts(path)                  # may this path be ours at all
    identity.planned(group)                # the files that were planned
    identity.matches(path, expected)       # is it the file that was planned
    identity.settled_by_others(index)      # for a change of the journal
    identity.copied                        # the environment itself was copied

Guarantees: reads only. The inode comes first, where the cache still has it; else
size, time and digest together: a digest alone would take another tool's identical
reinstall for ours, an inode alone fails for copies. In an environment that was copied
itself (its state folder has another inode) times do not count; nothing is taken for ours
in the place of something old that is not in the stash.

Errors: ``OSError`` where something cannot be read.
"""

from __future__ import annotations

import os
from stat import S_ISDIR, S_ISLNK, S_ISREG

from linkinstall.digest import hash_file
from linkinstall.distribution import find_distributions, listed_paths
from linkinstall.plan import WHOLE
from linkinstall.values import value
from linkinstall.wheel import canonicalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from linkinstall.fs.port import FileSystem
    from linkinstall.journal import Journal
    from linkinstall.plan import Group, OldDistInfo, Placement, StashItem

__all__ = ["Expected", "Identity"]


@value
class Expected:
    """The file that was planned for a path.

    :param change: index of the change it belongs to
    :param mtime: modification time, nanoseconds
    :param source: the cache's file that it is a link or a copy of; "" if generated
    """

    change: int
    size: int
    mtime: int
    digest: str
    source: str = ""


class Identity:
    """See the module docstring.

    :param roots: folders to look for distributions in, besides those that the journal names
    """

    def __init__(self, files: FileSystem, journal: Journal, roots: Iterable[str] = ()) -> None:
        self.files = files
        self.journal = journal
        self._roots = frozenset(roots)
        self._real: dict[str, bool] = {}
        self._covers: dict[str, str] | None = None
        self._listed: dict[str, list[str]] | None = None
        self._by_group: dict[int, list[Placement]] | None = None
        status = files.status(journal.home)
        # The number of the device tells nothing: after a reboot it may be another one.
        self.copied = status is not None and status.st_ino != journal.inode

    def stashed(self, item: StashItem) -> str:
        """Return where a stash item is kept."""
        return f"{self.journal.states[item.state]}/stash/{item.number}"

    def _cover_of(self, path: str) -> str | None:
        """Return where in the stash the old file of a path is kept, or was."""
        # Asked for when something is brought back: a change that goes well need not know.
        if self._covers is None:
            self._covers = self._find_covers()
        return self._covers.get(path)

    def _find_covers(self) -> dict[str, str]:
        covers: dict[str, str] = {}
        for item in self.journal.stash:
            place = self.stashed(item)
            covers.update((path, f"{place}/{inner}") for path, inner in item.paths())
            if item.kind == WHOLE:
                for sub, _ in item.names:
                    path = f"{item.path}/{sub}" if sub else item.path
                    covers[path] = f"{place}/{sub}" if sub else place
        return covers

    # ---------------------------------------------------------------- a path

    def counts(self, path: str) -> bool:
        """Return whether a planned path may be ours: its cover is in the stash, or it had none.

        Without this rule a second rollback would remove what the first one restored,
        where the old file and the new one are one inode.
        """
        cover = self._cover_of(path)
        return cover is None or self.files.status(cover) is not None

    def is_real(self, folder: str) -> bool:
        """Return whether no part of ``folder`` is a link now.

        Through a folder that became a link, another environment's hard links would
        pass for ours.
        """
        answer = self._real.get(folder)
        if answer is None:
            answer = self._real[folder] = self.files.real_path(folder) == folder
        return answer

    def is_ours_below(self, top: str, sub: str) -> bool:
        """Return whether no part of ``sub`` below the folder ``top`` is a link now, or a file."""
        path = f"{top}/{sub}" if sub else top
        answer = self._real.get(path)
        if answer is None:
            above = not sub or self.is_ours_below(top, sub.rpartition("/")[0])
            status = self.files.status(path) if above else None
            answer = above and (status is None or S_ISDIR(status.st_mode))
            self._real[path] = answer
        return answer

    def matches(self, path: str, expected: Expected) -> bool:
        """Return whether the file that was planned for ``path`` stands there."""
        status = self.files.status(path)
        if status is None:
            return False
        if S_ISLNK(status.st_mode):
            return bool(expected.source) and self.files.read_link(path) == expected.source
        if expected.source and self._is_link_of(status, expected):
            return True
        return self._is_file(path, status, expected)

    def _is_link_of(self, status: os.stat_result, expected: Expected) -> bool:
        # It may have been edited in place since, so size and time count too.
        origin = self.files.status(expected.source)
        return (
            origin is not None
            and (origin.st_dev, origin.st_ino) == (status.st_dev, status.st_ino)
            and (status.st_size, status.st_mtime_ns) == (expected.size, expected.mtime)
        )

    def _is_file(self, path: str, status: os.stat_result, expected: Expected) -> bool:
        if not S_ISREG(status.st_mode) or status.st_size != expected.size:
            return False
        if not self._has_time(status, expected.mtime):
            return False
        return hash_file(self.files, path) == expected.digest

    def _has_time(self, status: os.stat_result, expected: int) -> bool:
        from linkinstall.times import same_time

        return self.copied or same_time(status.st_mtime_ns, expected)

    def planned(self, group: Group) -> Iterator[tuple[str, dict[str, Expected]]]:
        """Yield each folder of a group with the files planned for it."""
        if self._by_group is None:
            self._by_group = {}
            for place in self.journal.placements:
                self._by_group.setdefault(place.group, []).append(place)
        folders: dict[str, dict[str, Expected]] = {}
        for place in self._by_group.get(group.number, ()):
            tree = self.journal.trees[place.tree]
            folder = tree.manifest.folders[place.folder]
            measured = {name: (size, digest) for name, size, digest in folder.rows()}
            source = tree.files(folder)
            names = folders.setdefault(place.sub, {})
            for name in place.names:
                size, digest = measured[name]
                names[name] = Expected(
                    tree.change, int(size), tree.manifest.mtime, digest, f"{source}/{name}"
                )
        for one in self.journal.staged:
            if one.group == group.number:
                expected = Expected(one.change, one.size, one.mtime, one.digest)
                folders.setdefault(one.sub, {})[one.name] = expected
        for sub, names in sorted(folders.items()):
            yield (f"{group.target}/{sub}" if sub else group.target), names

    # ---------------------------------------------------------------- a distribution

    def settled_by_others(self, index: int) -> bool:
        """Decide by the dist-info folders whether another tool changed the project since."""
        change = self.journal.changes[index]
        for old in change.olds:
            cover = self._cover_of(f"{old.path}/{old.mark}" if old.mark else old.path)
            in_stash = cover is not None and self.files.status(cover) is not None
            # Nothing of ours takes an old one's place before that is in the stash. A new RECORD
            # may be the old one to the byte, and in a copy times do not count.
            is_new = in_stash and (
                self._is_new(old.path, index) or self._is_partly_new(old.path, index)
            )
            in_place = self._has(old.path, old.mark) and not is_new
            if in_stash and in_place and self._is_being_restored(old, cover):
                continue
            if in_stash == in_place or (in_place and not self._is_old(old)):
                return True
        known = {old.path for old in change.olds}
        for one in find_distributions(self.files, self._libraries(index)):
            if one.name != self._name(index) or one.path in known:
                continue
            if one.path != change.new or not self._is_new(one.path, index):
                return True
        return False

    def _libraries(self, index: int) -> set[str]:
        change = self.journal.changes[index]
        paths = [old.path for old in change.olds] + [change.new]
        # Another tool may have put another version into the other library.
        return {os.path.dirname(path) for path in paths if path} | self._roots

    def _name(self, index: int) -> str:
        return canonicalize(self.journal.changes[index].name)

    def _has(self, folder: str, mark: str) -> bool:
        return self.files.status(f"{folder}/{mark}" if mark else folder) is not None

    def _is_being_restored(self, old: OldDistInfo, cover: str | None) -> bool:
        """Return whether a recovery was killed after it had linked the mark into place."""
        if not old.mark or cover is None:
            return False
        place, kept = self.files.status(f"{old.path}/{old.mark}"), self.files.status(cover)
        if place is None or kept is None:
            return False
        same = (place.st_dev, place.st_ino) == (kept.st_dev, kept.st_ino)
        return same or (self.copied and self._is_old(old))

    def _is_old(self, old: OldDistInfo) -> bool:
        if not old.mark:
            return True
        status = self.files.status(f"{old.path}/{old.mark}")
        if status is None or status.st_size != old.size:
            return False
        return self._has_time(status, old.mtime)

    def _is_new(self, folder: str, index: int) -> bool:
        """Return whether a dist-info in place is the one this transaction staged."""
        change = self.journal.changes[index]
        if folder != change.new:
            return False
        status = self.files.status(folder + "/RECORD")
        if status is None:
            # Partly placed, unless it is the old one.
            return not any(old.path == folder for old in change.olds)
        for one in self.journal.staged:
            if one.change == index and one.name == "RECORD":
                expected = Expected(index, one.size, one.mtime, one.digest)
                return self._is_file(folder + "/RECORD", status, expected)
        return False

    def _is_partly_new(self, folder: str, index: int) -> bool:
        """Return whether a dist-info is what a recovery left of ours, at an old one's place.

        RECORD goes with the rest of it, in any order, where the recovery is interrupted;
        so it is nobody else's while nobody else's RECORD or METADATA stands there.
        """
        if folder != self.journal.changes[index].new or self._has(folder, "RECORD"):
            return False
        metadata = f"{folder}/METADATA"
        if self.files.status(metadata) is None:
            return True
        planned = (
            names["METADATA"]
            for group in self.journal.groups
            for place, names in self.planned(group)
            if place == folder and "METADATA" in names
        )
        return any(self.matches(metadata, expected) for expected in planned)

    def listed(self, path: str, index: int | None = None) -> bool:
        """Return whether a standing RECORD, that is not of this transaction, lists ``path``.

        :param index: only that of the project of this change counts
        """
        if self._listed is None:
            self._listed = {}
            indices = range(len(self.journal.changes))
            libraries = {folder for index in indices for folder in self._libraries(index)}
            for one in find_distributions(self.files, libraries):
                if any(self._is_new(one.path, change) for change in indices):
                    continue
                for nominal in listed_paths(self.files, one):
                    folder = self.files.real_path(os.path.dirname(nominal))
                    path_there = f"{folder}/{os.path.basename(nominal)}"
                    self._listed.setdefault(path_there, []).append(one.name)
        owners = self._listed.get(path, ())
        return bool(owners) if index is None else self._name(index) in owners
