"""Settling a transaction: roll it back, or finish it, whatever state it is in.

Purpose: the one piece of code that undoes and cleans up, used in the same process
after an error and by a later run after a kill or a power cut.

Calling sequence::

    Settlement(files, journal, volumes).roll_back()     # before the commit point
    Settlement(files, journal, volumes).finish()        # after it

Guarantees: what has happened is read from the disk, so it can be interrupted and
repeated at any point. Nothing that somebody else put in place is overwritten or
removed (:mod:`linkinstall.identity` tells whose it is). Where another tool has
settled the matter for a distribution, only our files that no RECORD lists are removed,
and what was stashed of it becomes trash; what the change had overwritten goes back.

Errors: ``OSError`` where the disk refuses; the journal is still there then, and the
next run tries again.
"""

from __future__ import annotations

import os
from stat import S_ISDIR

from linkinstall.fs.trees import (
    files_below,
    remove_files,
    remove_folder_if_empty,
    remove_named,
    remove_unused_folder,
)
from linkinstall.identity import Expected, Identity
from linkinstall.outcome import Kept, Pending
from linkinstall.plan import LOOSE, WHOLE
from linkinstall.record import is_compiled_of
from linkinstall.trash import (
    loose_ends,
    require_volumes,
    sides_of,
    sweep_state,
    to_trash,
    waiting,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from linkinstall.fs.port import FileSystem
    from linkinstall.fs.volumes import Volumes
    from linkinstall.journal import Journal
    from linkinstall.plan import Group, StashItem

    Names = dict[str, Expected]

__all__ = ["Settlement"]


class Settlement:
    """See the module docstring.

    :param volumes: to flush them by, in between
    :param roots: folders to look for distributions in, besides those that the journal names
    :param processes: whether this process may be forked: it has no threads
    """

    def __init__(
        self,
        files: FileSystem,
        journal: Journal,
        volumes: Volumes,
        roots: Iterable[str] = (),
        *,
        processes: bool = False,
    ) -> None:
        self.files = files
        self.journal = journal
        self.volumes = volumes
        self.processes = processes
        self.kept: list[Kept] = []
        self.pending: list[Pending] = []
        self._identity = Identity(files, journal, roots)
        # What a group is placed into stood before, even if it was empty.
        self._stood = {one.target for one in journal.groups if one.kind == LOOSE}
        replaced = (item for item in journal.stash if item.overwritten)
        self._overwritten = {path for item in replaced for path, _ in item.paths()}
        self._taken = {folder for item in journal.stash for folder in item.folders()}

    # ---------------------------------------------------------------- rolling back

    def roll_back(self, *, reported: bool = False) -> None:
        """Bring the environment back to what it was before the transaction.

        :param reported: it is told as a success: with ``full`` it is on the disk before the
            journal goes
        """
        from linkinstall.restoration import Restoration

        restoration = Restoration(self.files, self.journal, self._identity)
        require_volumes(self.files, self.journal)
        changes = range(len(self.journal.changes))
        foreign = {index for index in changes if self._identity.settled_by_others(index)}
        for group in sorted(self.journal.groups, key=lambda one: -one.phase):
            self._take_back(group, foreign)
        for item in self._in_order_of_return():
            if item.change in foreign and not item.overwritten:
                restoration.to_trash(item, "another tool has changed this project since")
            else:
                restoration.restore(item)
        self.kept += restoration.kept
        if reported:
            self.volumes.make_durable(self.journal.home)
        self._clear_states("journal")

    def _in_order_of_return(self) -> list[StashItem]:
        """Return what is stashed, the last first: a folder before what was taken out of it.

        Else that would be put into a new folder, and the old one's mode be lost. The
        dist-infos come last, as they went last: by them a project is there again.
        """
        infos = {old.path for change in self.journal.changes for old in change.olds}
        return sorted(self.journal.stash, key=lambda one: (one.path in infos, -one.number))

    def _take_back(self, group: Group, foreign: set[int]) -> None:
        """Remove what this transaction put in place for a group, and its empty folders."""
        if self.files.status(group.target) is None:
            return
        sources: dict[str, set[str]] = {}
        for folder, names in self._identity.planned(group):
            present = self._present(folder)
            if present is None:
                continue
            ours = [
                name
                for name, expected in names.items()
                if name in present and self._is_ours(f"{folder}/{name}", expected, foreign)
            ]
            remove_named(self.files, folder, ours)
            sources[folder] = self._lost_modules(folder, names)
        for folder, modules in sources.items():
            self._drop_compiled(folder, modules)
        for folder in self._planned_folders(group):
            if self._identity.counts(folder) and self._identity.is_real(folder):
                # One that stood before may refuse: its old files go back into it.
                remove = remove_folder_if_empty if folder in self._taken else remove_unused_folder
                remove(self.files, folder)

    def _is_ours(self, path: str, expected: Expected, foreign: set[int]) -> bool:
        return (
            self._identity.counts(path)
            and self._identity.matches(path, expected)
            and not (expected.change in foreign and self._is_theirs(path, expected.change))
        )

    def _is_theirs(self, path: str, change: int) -> bool:
        """Return whether another tool may have put there what stands at a path.

        A RECORD that lists it says so. That of the project whose file ours replaces does
        not: it has listed that before.
        """
        return self._identity.listed(path, change if path in self._overwritten else None)

    def _lost_modules(self, folder: str, names: Names) -> set[str]:
        """Return the modules of a folder that were planned and are not there (any more)."""
        return {
            name[:-3]
            for name in names
            if name.endswith(".py")
            and self._identity.counts(f"{folder}/{name}")
            and self.files.status(f"{folder}/{name}") is None
        }

    def _planned_folders(self, group: Group) -> list[str]:
        subs = {sub for number, sub in self.journal.folders if number == group.number}
        if group.kind == WHOLE:
            subs.add("")
        folders = {f"{group.target}/{sub}" if sub else group.target for sub in subs}
        # An interpreter may have made these in between.
        caches = {f"{folder}/__pycache__" for folder in (*folders, group.target)}
        return sorted((folders | caches) - self._stood, reverse=True)

    def _drop_compiled(self, folder: str, modules: set[str]) -> None:
        """Drop what an interpreter compiled of our sources in between."""
        inner = f"{folder}/__pycache__"
        present = self._present(inner) if modules else None
        if not present:
            return
        stale = [
            name
            for name in present
            if is_compiled_of(name, modules) and self._identity.counts(f"{inner}/{name}")
        ]
        remove_named(self.files, inner, stale)

    def _present(self, folder: str) -> set[str] | None:
        status = self.files.status(folder)
        if status is None or not S_ISDIR(status.st_mode) or not self._identity.is_real(folder):
            return None
        return {name for name, _ in self.files.scan(folder)}

    # ---------------------------------------------------------------- finishing

    def finish(self) -> None:
        """Clean up after the commit point: drop the stash, the staged names, the journal."""
        require_volumes(self.files, self.journal)
        if len(self.journal.states) > 1:
            self.volumes.flush(self.journal.home)
        if self.processes and self.journal.stash:
            from linkinstall.deletion import delete_together

            delete_together(self.files, self._identity, self.journal.stash)
        for item in self.journal.stash:
            self._discard(item)
        for folder in sorted({*self.journal.emptied, *self._left_standing()}, reverse=True):
            if not remove_folder_if_empty(self.files, folder) and self._present(folder) == set():
                self.pending.append(waiting(self.files, folder, folder))
        self._clear_states("committed")

    def _left_standing(self) -> Iterator[str]:
        """Yield folders that were emptied file by file and could not be removed then."""
        filled = {group.target for group in self.journal.groups}
        paths = {item.path for item in self.journal.stash if item.kind == WHOLE}
        yield from (path for path in sorted(paths - filled) if self._present(path) == set())

    def _discard(self, item: StashItem) -> None:
        stashed = self._identity.stashed(item)
        if self.files.status(stashed) is None:
            return
        stuck: set[str] = set()
        for sub, names in sorted(item.names, reverse=True):
            inner = f"/{sub}" if sub else ""
            if not self._identity.is_ours_below(stashed, sub):
                continue  # a link leads away from there now, and nothing is deleted through it
            for name, _ in remove_files(self.files, stashed + inner, names):
                busy = f"{stashed}{inner}/{name}"
                try:
                    self._keep_busy(item, busy, f"{item.path}{inner}/{name}")
                except PermissionError:  # immutable: it moves with its folder only
                    stuck.add(busy)
            if not remove_folder_if_empty(self.files, stashed + inner):
                # Deleted while it was open, a name may stay on Windows until it is closed.
                stuck |= {f"{stashed}{inner}/{name}" for name in names}
        if self.files.status(stashed) is not None:
            self._drop_late_compiled(item, stashed)
            self._give_back(stashed, item.path, stuck)
            if self.files.status(stashed) is not None:
                self._keep_rest(item, stashed)

    def _give_back(self, stashed: str, place: str, stuck: set[str]) -> None:
        """Put back what nobody planned: written while the folder was on its way out."""
        from linkinstall.restoration import has_room, put_back

        for name, kind in self.files.scan(stashed):
            source, target = f"{stashed}/{name}", f"{place}/{name}"
            if source in stuck:
                continue
            if kind == "folder":
                self._give_back(source, target, stuck)
            elif has_room(self.files, place) and put_back(self.files, source, target):
                self.files.unlink(source)
        remove_folder_if_empty(self.files, stashed)

    def _drop_late_compiled(self, item: StashItem, stashed: str) -> None:
        for sub, names in item.names:
            inner = f"{stashed}/{sub}/__pycache__" if sub else f"{stashed}/__pycache__"
            ours = self._identity.is_ours_below(stashed, inner[len(stashed) + 1 :])
            if self.files.status(inner) is None or not ours:
                continue
            modules = {name[:-3] for name in names if name.endswith(".py")}
            late = [name for name, _ in self.files.scan(inner) if is_compiled_of(name, modules)]
            self.files.unlink_all(inner, late)
            remove_folder_if_empty(self.files, inner)

    def _keep_busy(self, item: StashItem, stashed: str, path: str) -> None:
        """Move what cannot be deleted now to the trash, and name it by its old path."""
        state = self.journal.states[item.state]
        moved = to_trash(self.files, state, stashed, self.journal.id)
        self.pending.append(waiting(self.files, path, moved))

    def _keep_rest(self, item: StashItem, stashed: str) -> None:
        """Move what is left of a stashed folder to the trash; name each file of it."""
        inner = list(files_below(self.files, stashed)) or [""]
        moved = to_trash(self.files, self.journal.states[item.state], stashed, self.journal.id)
        self.pending += [Pending(item.path + path, moved + path) for path in inner]

    # ---------------------------------------------------------------- the state folders

    def _clear_states(self, name: str) -> None:
        """Empty the state folders; the journal under ``name`` goes last of all."""
        left: list[str] = []
        for state in self.journal.states[1:]:
            left += sweep_state(self.files, state)
            if self.files.status(os.path.dirname(state)) is not None:
                self.volumes.flush(os.path.dirname(state))
        home = self.journal.home
        told = (*left, *(one.moved_to for one in self.pending))
        left += [
            side
            for side in sides_of(self.files, home)
            if not any(path.startswith(f"{side}/") for path in told)
            and self.files.status(f"{side}/trash") is None  # that is kept, and told of
        ]
        left += sweep_state(self.files, home, loose_ends(self.files, home, name))
        self.pending += [Pending(path, path) for path in left]
        # Made for the state folder alone, where nothing was placed there.
        for folder in reversed(self.journal.made):
            remove_folder_if_empty(self.files, folder)
