"""Staging: everything a transaction brings is made in the state folder first.

Purpose: generated files and copies before the journal; links, and the folders that only
links go into, after it. What is written has to reach the disk before the first change,
links and folders need not: they are ordered metadata.

Calling sequence::

    staging = Staging(files, plan, preferences, volumes)
    staging.write()              # generated files, copies, clones
    ... journal, flush ...
    if not staging.placements.link(): staging.discard(); begin again

Guarantees: nothing outside the state folders is touched, so an error here costs
nothing. Which link mode a file gets is found by :mod:`linkinstall.placements`.

Errors: ``OSError`` for what no other link mode can mend (no space, I/O errors).
"""

from __future__ import annotations

import os
from errno import ENOENT

from linkinstall.digest import hash_data, hash_file
from linkinstall.fs.placing import make_below
from linkinstall.fs.trees import (
    make_folders,
    remove_folder_if_empty,
    remove_tree,
    rename_folder,
)
from linkinstall.journal import Staged
from linkinstall.placements import Placements
from linkinstall.plan import LOOSE
from linkinstall.trash import holds_stash, loose_ends, point, pointed, sides_of, sweep_side

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from linkinstall.fs.port import FileSystem
    from linkinstall.fs.volumes import Volumes
    from linkinstall.linking import Preferences
    from linkinstall.plan import Fresh, Group, Plan

__all__ = ["Staging"]


class Staging:
    """See the module docstring.

    :param volumes: to flush them by
    """

    def __init__(
        self,
        files: FileSystem,
        plan: Plan,
        preferences: Preferences,
        volumes: Volumes,
    ) -> None:
        self.files = files
        self.volumes = volumes
        self.plan = plan
        self.staged: list[Staged] = []
        self.made: list[str] = []
        self._folders: set[str] = set()
        self._states: list[str] = []
        self._groups = {group.number: group for group in plan.groups}
        self.placements = Placements(files, plan, preferences, self._folder_of)

    def folder(self, group: Group, sub: str = "") -> str:
        """Return where a folder of a group is staged."""
        base = f"{self.plan.states[group.state]}/new/{group.number}"
        return f"{base}/{sub}" if sub else base

    def _folder_of(self, number: int, sub: str) -> str:
        return self.folder(self._groups[number], sub)

    # ---------------------------------------------------------------- before the journal

    def write(self) -> None:
        """Make the folders of the groups, and everything in them that has to be written."""
        self.staged = []
        self._folders.clear()
        for state in self.plan.states:
            self._make_state(state)
        for group in self.plan.groups:
            folder = self.folder(group)
            self.files.make_folder(folder)
            self.files.inherit_group(folder, self._standing(group))
        self.placements.write(meanwhile=self._write_all_fresh)

    def _write_all_fresh(self) -> None:
        for one in self.plan.fresh:
            self._write_fresh(one)

    def _make_state(self, state: str) -> None:
        """Make one state folder; with several, the first names the others and they name it."""
        home, *sides = self.plan.states
        if state in sides:
            sweep_side(self.files, state)  # of a run that its home could not tell of
            self._refuse_others(state, home)
        self._states.append(state)
        if self.files.status(state) is None:
            self.made += make_folders(self.files, os.path.dirname(state))
            self.files.make_folder(state)
        if sides:
            others = [home] if state != home else [*sides, *sides_of(self.files, home)]
            self.files.unlink_all(state, ["pointer"])
            point(self.files, state, dict.fromkeys(others))
        if sides and state == home:
            # Only this pointer tells where the other state folders are, and until the
            # journal is written nothing else has it flushed.
            self._flush_volume(state)
        for inner in ("new", "stash"):
            self.files.make_folder(f"{state}/{inner}")

    def _refuse_others(self, state: str, home: str) -> None:
        """Refuse a state folder that the transaction of another environment needs still.

        :raises JournalError: it holds what that has taken out of place, or that is under way
        """
        others = [one for one in pointed(self.files, state) if one != home]
        if not others and not holds_stash(self.files, state):
            return
        from linkinstall.errors import JournalError, Problem

        whose = f" of the environment at {others[0]}" if others else ""
        raise JournalError(
            f"{state} belongs to an unfinished transaction{whose}.",
            problems=[Problem("journal", state)],
            next_step="Nothing was changed. Settle that first, with `linkinstall recover` for that "
            "environment, and run this again.",
        )

    def _flush_volume(self, path: str) -> None:
        if self.files.status(path) is not None:
            self.volumes.flush(path)

    def _standing(self, group: Group) -> str:
        """Return the folder whose group a staged folder's contents will have."""
        folder = group.target if group.kind == LOOSE else os.path.dirname(group.target)
        while self.files.status(folder) is None and folder != os.path.dirname(folder):
            folder = os.path.dirname(folder)
        return folder

    def _write_fresh(self, one: Fresh) -> None:
        if one.source:
            self._copy_fresh(one)
            return
        path = f"{self._made_for(one)}/{one.name}"
        status = self.files.write_new(path, one.data, executable=one.executable)
        self.staged.append(
            Staged(one.group, one.sub, one.name, status.st_size, status.st_mtime_ns,
                   hash_data(one.data), one.change)
        )  # fmt: skip
        self.placements.counts["written"] += 1

    def _made_for(self, one: Fresh) -> str:
        """Return the folder that a generated file goes to, made where it is missing."""
        folder = self._folder_of(one.group, one.sub)
        make_below(self.files, folder, self._folder_of(one.group, ""), self._folders)
        return folder

    def _copy_fresh(self, one: Fresh) -> None:
        """Copy a file of the environment itself; its time stays, so compiled files stay valid.

        So do its owner and its mode, and until it has them nobody else can look at it: the folder
        itself never comes into the environment.
        """
        folder = self._made_for(one)
        self.files.close_to_others(folder)
        source, name = os.path.split(one.source)
        origin = self.files.status(one.source)
        for _, error in self.files.place("copy", source, folder, [name]):
            raise error
        path = f"{folder}/{name}"
        if origin is not None:
            self.files.pass_on_rights(path, origin)
        status = self.files.status(path)
        if status is None:
            raise FileNotFoundError(ENOENT, os.strerror(ENOENT), path)
        digest = hash_file(self.files, path)
        self.staged.append(
            Staged(one.group, one.sub, name, status.st_size, status.st_mtime_ns, digest, one.change)
        )
        self.placements.counts["copy"] += 1

    # ---------------------------------------------------------------- dropping it again

    def discard(self) -> None:
        """Remove what was staged; the state folders stay where something else is in them."""
        self.placements.abandon()
        home = self.plan.states[0]
        for state in sorted(self._states, key=lambda one: one == home):
            for inner in ("new", "stash"):
                remove_tree(self.files, f"{state}/{inner}")
            names = loose_ends(self.files, home) if state == home else ("pointer",)
            self.files.unlink_all(state, names)
            if state != home:
                remove_folder_if_empty(self.files, state)
                # The pointer at home goes after it, on the disk too.
                self._flush_volume(os.path.dirname(state))
        self._states = []

    # ---------------------------------------------------------------- putting into place

    def switch(self) -> None:
        """Put everything into place, group by group, dist-info last.

        :raises OSError: something stands there by now, or the disk refuses
        """
        for group in self.plan.groups:
            if group.kind == "whole":
                make_folders(self.files, os.path.dirname(group.target))
                self._switch_whole(group)
                continue
            for _, name in self._names(group):
                self.files.link_new(f"{self.folder(group)}/{name}", f"{group.target}/{name}")

    def _switch_whole(self, group: Group) -> None:
        """Put a new folder into place by one rename, or, where a scanner forbids it, by files."""
        staged = self.folder(group)
        if rename_folder(self.files, staged, group.target):
            return
        self.files.make_folder(group.target)
        for sub in sorted(sub for number, sub in self.plan.folders if number == group.number):
            self.files.make_folder(f"{group.target}/{sub}")
        for sub, name in self._names(group):
            inner = f"{sub}/{name}" if sub else name
            self.files.link_new(f"{staged}/{inner}", f"{group.target}/{inner}")

    def _names(self, group: Group) -> Iterator[tuple[str, str]]:
        """Yield folder below the target and name of each file of a group, RECORD last."""
        names = [
            (place.sub, name)
            for place in self.plan.placements
            if place.group == group.number
            for name in place.names
        ]
        names += [(one.sub, one.name) for one in self.plan.fresh if one.group == group.number]
        yield from sorted(names, key=lambda one: one[1] == "RECORD")
