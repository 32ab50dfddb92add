"""What a journal may name: nothing but this environment's own folders.

Purpose: recovery renames and deletes what a journal names. A journal is found on the
disk, and its checksum proves no more than that it was written whole: it may have been
edited, or have come with a copied environment. So it is held to the folders of the
environment that is recovered, before anything is done.

Calling sequence::

    check_journal(journal, roots)

Guarantees: pure. A journal that passes names only paths below the roots, without ``..``;
what it renames as a whole is never a root or above one; every name is one name, and
every index leads to something. So settling it changes nothing else, whatever it says.

Errors: :class:`ValueError` with the first thing that is wrong; :class:`OutsideError` where that
is a path elsewhere, as in what was begun with the folders of other schemes.
"""

from __future__ import annotations

from linkinstall.paths import normal
from linkinstall.plan import LOOSE, WHOLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from linkinstall.journal import Journal

__all__ = ["OutsideError", "check_journal"]

_STATE = "/.linkinstall"
_KINDS = (WHOLE, LOOSE)


class OutsideError(ValueError):
    """A path in a journal lies below none of the roots.

    :param path: the path
    """

    def __init__(self, path: str) -> None:
        super().__init__(f"it names {path!r}, which is no path of this environment")
        self.path = path


def check_journal(journal: Journal, roots: Iterable[str]) -> None:
    """Hold a journal to the folders of an environment.

    :param journal: as :func:`linkinstall.journal.relocate` returns it
    :param roots: the folders of all schemes, resolved
    :raises ValueError: it names anything else
    :raises OutsideError: a path elsewhere
    """
    check = _Check(journal, tuple(roots))
    check.states()
    check.changes()
    check.stash()
    check.groups()
    for path in journal.emptied:
        check.inside(path)
    for path in journal.made:
        check.on_the_way(path)


class _Check:
    """One journal, and the folders it is held to."""

    def __init__(self, journal: Journal, roots: tuple[str, ...]) -> None:
        self.journal = journal
        self.roots = roots
        self._below = tuple(root.rstrip("/") + "/" for root in roots)
        self._above = tuple(f"{path}/" for path in (*roots, *journal.states))

    # ---------------------------------------------------------------- the parts

    def states(self) -> None:
        self.name(self.journal.id)
        states = self.journal.states
        if not states or states[0] != self.journal.home or len(set(states)) != len(states):
            raise ValueError("its state folders are not those of one transaction")
        for path in states:
            self.inside(path)
            if not path.endswith(_STATE):
                raise ValueError(f"{path} is no state folder")

    def changes(self) -> None:
        for change in self.journal.changes:
            if change.new:
                self.inside(change.new)
            for old in change.olds:
                self.inside(old.path)
                if old.mark:
                    self.name(old.mark)

    def stash(self) -> None:
        _distinct([item.number for item in self.journal.stash])
        for item in self.journal.stash:
            self.place(item.kind, item.path)
            self.index(item.change, self.journal.changes)
            self.index(item.state, self.journal.states)
            for sub, names in item.names:
                self.sub(sub)
                self.names(names)

    def groups(self) -> None:
        journal = self.journal
        numbers = _distinct([group.number for group in journal.groups])
        for group in journal.groups:
            self.place(group.kind, group.target, new=True)
            self.index(group.state, journal.states)
        for tree in journal.trees:
            self.index(tree.change, journal.changes)
        for place in journal.placements:
            self.sub(place.sub)
            self.names(place.names)
            self.index(place.tree, journal.trees)
            folders = journal.trees[place.tree].manifest.folders
            self.index(place.folder, folders)
            if place.group not in numbers or not set(place.names) <= set(
                folders[place.folder].names
            ):
                raise ValueError("it places what it does not have")
        for one in journal.staged:
            self.sub(one.sub)
            self.name(one.name)
            self.index(one.change, journal.changes)
            if one.group not in numbers:
                raise ValueError("it places what it does not have")
        for number, sub in journal.folders:
            self.sub(sub)
            if number not in numbers:
                raise ValueError("it places what it does not have")

    # ---------------------------------------------------------------- single things

    def inside(self, path: str) -> None:
        """Hold a path to the roots."""
        if "\0" in path or normal(path) != path:
            raise ValueError(f"it names {path!r}, which is no path")
        if path not in self.roots and not path.startswith(self._below):
            raise OutsideError(path)

    def place(self, kind: str, path: str, *, new: bool = False) -> None:
        """Hold what is stashed or placed to the roots; a root itself is no such thing."""
        self.inside(path)
        if kind not in _KINDS:
            raise ValueError(f"it has a step of the unknown kind {kind!r}")
        # A root that is absent comes with what is placed; undoing that takes known files only.
        if kind == WHOLE and not new and any(above.startswith(f"{path}/") for above in self._above):
            raise ValueError(f"it would move {path!r}, a folder of the environment itself")

    def on_the_way(self, path: str) -> None:
        """Hold a folder that was made to the roots, and to what leads to them."""
        if not path or not any(root.startswith(f"{path}/") for root in self.roots):
            self.inside(path)

    def sub(self, path: str) -> None:
        """Hold a path below a folder to that folder."""
        if path:
            self.names(path.split("/"))

    def names(self, names: Iterable[str]) -> None:
        for name in names:
            self.name(name)

    def name(self, name: str) -> None:
        if name in ("", ".", "..") or "/" in name or "\0" in name or normal(name) != name:
            raise ValueError(f"{name!r} is no name of a file")

    def index(self, index: int, of: tuple[object, ...]) -> None:
        if not 0 <= index < len(of):
            raise ValueError("it counts what it does not have")


def _distinct(numbers: list[int]) -> set[int]:
    if len(set(numbers)) != len(numbers) or min(numbers, default=0) < 0:
        raise ValueError("it numbers two things alike")
    return set(numbers)
