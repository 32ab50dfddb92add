"""Staging: everything a transaction brings is made in the state folder first.

Purpose: write what is generated, copy and clone before the journal; link after it.
What is written has to reach the disk before the first change, links need not: they
are ordered metadata.

Calling sequence::

    staging = Staging(files, plan, preferences)
    staging.write()              # folders, generated files, copies, clones
    ... journal, flush ...
    refused = staging.link()     # hard and symbolic links
    if refused: staging.discard(); staging.avoid(refused); begin again

Guarantees: nothing outside the state folders is touched, so an error here costs
nothing. A file that refuses one link mode gets the next of its chain; a volume that
refuses one is not asked again.

Errors: ``OSError`` for what no other link mode can mend (no space, I/O errors).
"""

from __future__ import annotations

import os
from errno import EMLINK, ENOENT

from linkinstall.digest import hash_data, hash_file
from linkinstall.fs.port import VOLUME_REFUSALS, with_path
from linkinstall.fs.trees import (
    make_folders,
    remove_folder_if_empty,
    remove_tree,
    rename_folder,
)
from linkinstall.journal import Staged
from linkinstall.linking import Refused
from linkinstall.outcome import FileCount
from linkinstall.plan import LOOSE
from linkinstall.policy import chain
from linkinstall.trash import loose_ends, point, sides_of, sweep_side
from linkinstall.values import as_dict, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from linkinstall.fs.port import FileSystem, Refusal
    from linkinstall.linking import Preferences
    from linkinstall.plan import Fresh, Group, Placement, Plan

__all__ = ["Staging"]

_WRITING = ("copy", "clone")


class Staging:
    """See the module docstring."""

    def __init__(
        self, files: FileSystem, plan: Plan, preferences: Preferences, *, flush: bool = True
    ) -> None:
        self.files = files
        self.flush = flush
        self.plan = plan
        self.preferences = preferences
        self.staged: list[Staged] = []
        self.counts: dict[str, int] = {}
        self.made: list[str] = []
        self.refusals: list[Refused] = []
        self._groups = {group.number: group for group in plan.groups}
        self._no_volume: set[tuple[int, str]] = set()
        self._no_file: dict[str, set[str]] = {}
        self._worked: set[tuple[int, str]] = set()
        self._links: list[tuple[str, Placement, tuple[str, ...]]] = []

    def folder(self, group: Group, sub: str = "") -> str:
        """Return where a folder of a group is staged."""
        base = f"{self.plan.states[group.state]}/new/{group.number}"
        return f"{base}/{sub}" if sub else base

    # ---------------------------------------------------------------- before the journal

    def write(self) -> None:
        """Make the staging folders and everything in them that has to be written."""
        self.counts = dict.fromkeys(as_dict(FileCount()), 0)
        self.staged, self._links = [], []
        for state in self.plan.states:
            self._make_state(state)
        for group in self.plan.groups:
            folder = self.folder(group)
            self.files.make_folder(folder)
            self.files.inherit_group(folder, self._standing(group))
        for number, sub in sorted(self.plan.folders):
            self.files.make_folder(self.folder(self._groups[number], sub))
        for one in self.plan.fresh:
            self._write_fresh(one)
        for place in self.plan.placements:
            for names, modes in self._split(place):
                self._stage(place, names, modes)

    def _make_state(self, state: str) -> None:
        """Make one state folder; with several, the first names the others and they name it."""
        home, *sides = self.plan.states
        if state in sides:
            sweep_side(self.files, state)  # of a run that its home could not tell of
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

    def _flush_volume(self, path: str) -> None:
        if self.flush and self.files.status(path) is not None:
            self.files.flush_volume(path)

    def _standing(self, group: Group) -> str:
        """Return the folder whose group a staged folder's contents will have."""
        folder = group.target if group.kind == LOOSE else os.path.dirname(group.target)
        while self.files.status(folder) is None:
            folder = os.path.dirname(folder)
        return folder

    def _write_fresh(self, one: Fresh) -> None:
        if one.source:
            self._copy_fresh(one)
            return
        path = f"{self.folder(self._groups[one.group], one.sub)}/{one.name}"
        status = self.files.write_new(path, one.data, executable=one.executable)
        self.staged.append(
            Staged(one.group, one.sub, one.name, status.st_size, status.st_mtime_ns,
                   hash_data(one.data), one.change)
        )  # fmt: skip
        self.counts["written"] += 1

    def _copy_fresh(self, one: Fresh) -> None:
        """Copy a file of the environment itself; its time stays, so compiled files stay valid."""
        folder = self.folder(self._groups[one.group], one.sub)
        source, name = os.path.split(one.source)
        for _, error in self.files.place("copy", source, folder, [name]):
            raise with_path(error, one.source)
        path = f"{folder}/{name}"
        status = self.files.status(path)
        if status is None:
            raise FileNotFoundError(ENOENT, os.strerror(ENOENT), path)
        digest = hash_file(self.files, path)
        self.staged.append(
            Staged(one.group, one.sub, name, status.st_size, status.st_mtime_ns, digest, one.change)
        )
        self.counts["copy"] += 1

    def _split(self, place: Placement) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
        """Yield names of a placement with the chain of link modes that holds for them."""
        state = self._groups[place.group].state
        plain, private = (self._chain(state, place.tree, binary=binary) for binary in (False, True))
        manifest = self.plan.trees[place.tree].manifest
        if plain == private or not manifest.binaries:
            yield place.names, plain
            return
        folder = manifest.folders[place.folder]
        binaries = tuple(
            name
            for name in place.names
            if f"{folder.scheme}/{folder.join(name)}" in manifest.binaries
        )
        yield tuple(name for name in place.names if name not in binaries), plain
        yield binaries, private

    def _chain(self, state: int, tree: int, *, binary: bool) -> tuple[str, ...]:
        capabilities = self.preferences.capabilities[state]
        if tree in self.preferences.private_trees:
            capabilities = replace(capabilities, hardlink=False)
        modes = chain(
            self.preferences.link_mode,
            capabilities,
            binary=binary,
            private_binaries=self.preferences.private_binaries,
        )
        usable = tuple(mode for mode in modes if (state, mode) not in self._no_volume)
        return usable or ("copy",)

    def _stage(self, place: Placement, names: tuple[str, ...], modes: tuple[str, ...]) -> None:
        """Stage names in the first mode that works; links are only noted for later."""
        self._try(place, self._stage_odd(place, names, modes), modes)

    def _try(self, place: Placement, names: tuple[str, ...], modes: tuple[str, ...]) -> None:
        for mode in modes:
            if not names:
                return
            if mode not in _WRITING:
                self._links.append((mode, place, names))
                return
            names = self._place(mode, place, names)
        if names:
            raise self._last_error(names)

    def _stage_odd(
        self, place: Placement, names: tuple[str, ...], modes: tuple[str, ...]
    ) -> tuple[str, ...]:
        """Stage the names that refused a mode before; return the others."""
        if not self._no_file:
            return names
        source = self.source(place)
        odd = [name for name in names if f"{source}/{name}" in self._no_file]
        for name in odd:
            refused = self._no_file[f"{source}/{name}"]
            left = tuple(mode for mode in modes if mode not in refused) or ("copy",)
            self._try(place, (name,), left)
        return tuple(name for name in names if name not in odd)

    def source(self, place: Placement) -> str:
        """Return the folder of the cache that a placement takes its files from."""
        tree = self.plan.trees[place.tree]
        return tree.files(tree.manifest.folders[place.folder])

    def _place(self, mode: str, place: Placement, names: tuple[str, ...]) -> tuple[str, ...]:
        """Place names and return those that refused."""
        group = self._groups[place.group]
        refused = self.files.place(mode, self.source(place), self.folder(group, place.sub), names)
        return self._note(mode, place, names, refused)

    def _note(
        self, mode: str, place: Placement, names: tuple[str, ...], refused: list[Refusal]
    ) -> tuple[str, ...]:
        """Count what was placed and note what refused; return the names of these."""
        group, source = self._groups[place.group], self.source(place)
        self.counts[mode] += len(names) - len(refused)
        if len(refused) < len(names):
            self._worked.add((group.state, mode))
        for name, error in refused:
            path = str(error.filename or "")
            self._refuse(Refused(group.state, mode, source, name, error.errno or 0, path))
        return tuple(name for name, _ in refused)

    def _refuse(self, one: Refused) -> None:
        self.refusals.append(one)
        # Once one file could be linked, a refusal is that of the file, whatever it says.
        if one.number in VOLUME_REFUSALS and (one.state, one.mode) not in self._worked:
            self._no_volume.add((one.state, one.mode))
        self._no_file.setdefault(f"{one.source}/{one.name}", set()).add(one.mode)

    def _last_error(self, names: tuple[str, ...]) -> OSError:
        return next(one for one in reversed(self.refusals) if one.name in names).to_error()

    # ---------------------------------------------------------------- after the journal

    def link(self) -> bool:
        """Make the links; return whether all could be made."""
        before = len(self.refusals)
        # The first ones tell whether the volume takes links at all.
        self._link(self._links[:1])
        self._link(self._links[1:])
        return len(self.refusals) == before

    def _link(self, links: list[tuple[str, Placement, tuple[str, ...]]]) -> None:
        if self._no_volume:  # refused a moment ago: the next round copies
            links = [one for one in links if not self._is_refused(one[1].group, one[0])]
        batches = [
            (mode, self.source(place), self.folder(self._groups[place.group], place.sub), names)
            for mode, place, names in links
        ]
        answers = self.files.place_all(batches, processes=self.preferences.processes)
        for (mode, place, names), refused in zip(links, answers, strict=True):
            self._note(mode, place, names, refused)

    def _is_refused(self, group: int, mode: str) -> bool:
        return (self._groups[group].state, mode) in self._no_volume

    def crowded(self) -> Iterator[Refused]:
        """Yield the cache files that have as many links as their volume allows."""
        return (one for one in self.refusals if one.number == EMLINK)

    def last_refusal(self) -> OSError:
        """Return the last refusal as an error, for when nothing helped."""
        return self.refusals[-1].to_error()

    def discard(self) -> None:
        """Remove what was staged; the state folders stay where something else is in them."""
        home, *sides = self.plan.states
        for state in (*sides, home):
            for inner in ("new", "stash"):
                remove_tree(self.files, f"{state}/{inner}")
            names = loose_ends(self.files, home) if state == home else ("pointer",)
            self.files.unlink_all(state, names)
            if state != home:
                remove_folder_if_empty(self.files, state)
                # The pointer at home goes after it, on the disk too.
                self._flush_volume(os.path.dirname(state))

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
