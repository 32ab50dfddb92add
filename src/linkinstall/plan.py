"""A plan: everything a transaction will do, decided before the first write.

Purpose: plain values that say which folders and files are stashed, which are
placed from where, what is generated. One step covers one folder, not one file.

Calling sequence: :class:`linkinstall.planner.Planner` makes a :class:`Plan`; the
transaction stages, journals and applies it; ``--dry-run`` prints it.

Guarantees: immutable and pure. A *stash item* and a *group* are mirror images: both
map a folder in the state folder (``stash/N`` or ``new/N``) to a folder of the
environment, as a whole (one rename) or name by name.

Errors: none.
"""

from __future__ import annotations

from linkinstall.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from linkinstall.manifest import Folder, Manifest
    from linkinstall.outcome import Kept, Warn

__all__ = [
    "DIST_INFO",
    "LATE",
    "LOOSE",
    "NOTHING",
    "PAYLOAD",
    "WHOLE",
    "Fresh",
    "Group",
    "OldDistInfo",
    "Placement",
    "Plan",
    "PlanChange",
    "StashItem",
    "Tree",
]

WHOLE, LOOSE = "whole", "loose"
"""A folder that is renamed as a whole, or names inside a folder that stays."""

PAYLOAD, LATE, DIST_INFO = 0, 1, 2
"""Phases of placing: payload, then ``.pth`` files, then dist-info."""


@value
class OldDistInfo:
    """A dist-info folder that goes, and what tells it from another tool's later one.

    :param mark: the file that is looked at, RECORD where there is one; "" for none
    :param size: bytes of that file
    :param mtime: its modification time, nanoseconds
    """

    path: str
    mark: str = ""
    size: int = 0
    mtime: int = 0


@value
class PlanChange:
    """What happens to one project.

    :param action: installed, replaced, reinstalled or removed
    :param olds: the dist-info folders that go
    :param new: the dist-info folder that comes, or ""
    :param entry: id of the cache entry that comes, or ""
    """

    name: str
    version: str | None
    previous: str | None
    action: str
    olds: tuple[OldDistInfo, ...] = ()
    new: str = ""
    entry: str = ""


@value
class StashItem:
    """What is taken out of place, kept as ``stash/NUMBER`` until the commit point.

    :param kind: WHOLE: the folder ``path`` itself is renamed; LOOSE: names in it
    :param names: for each folder below (relative path, "" for itself) its file names
    :param change: index of the change it belongs to
    :param state: index of the state folder, on the volume it lies on
    :param overwritten: it is not the project's, but another one's or a person's: a rollback
        puts it back also where another tool has changed the project since
    """

    number: int
    kind: str
    path: str
    names: tuple[tuple[str, tuple[str, ...]], ...]
    change: int
    state: int = 0
    overwritten: bool = False

    def paths(self) -> Iterator[tuple[str, str]]:
        """Yield (path in place, path relative to ``stash/NUMBER``) of every file."""
        for sub, names in self.names:
            prefix = f"{self.path}/{sub}" if sub else self.path
            inner = f"{sub}/" if sub else ""
            for name in names:
                yield f"{prefix}/{name}", inner + name

    def folders(self) -> Iterator[str]:
        """Yield the folders that go: none, where names in one that stays do."""
        for sub, _ in self.names if self.kind == WHOLE else ():
            yield f"{self.path}/{sub}" if sub else self.path


@value
class Tree:
    """Files to place from one entry: a wheel's, or a set of its compiled files.

    :param source: the entry's folder
    """

    manifest: Manifest
    source: str
    change: int

    def files(self, folder: Folder) -> str:
        """Return where the files of one of the manifest's folders are in the cache."""
        base = f"{self.source}/files/{folder.scheme}"
        return f"{base}/{folder.path}" if folder.path else base


@value
class Group:
    """What is put into place together, staged as ``new/NUMBER``.

    :param kind: WHOLE: one rename to ``target``, which is absent; LOOSE: a link for
        each name into ``target``, which is there
    """

    number: int
    kind: str
    target: str
    phase: int
    state: int = 0


@value
class Placement:
    """Files of one folder of a tree, for one folder of a group.

    :param group: number of the group
    :param sub: folder below the group's target, "" for itself
    :param tree: index of the tree
    :param folder: index of the folder in the tree's manifest
    :param names: those of its names that are placed
    """

    group: int
    sub: str
    tree: int
    folder: int
    names: tuple[str, ...]


@value
class Fresh:
    """A file that is generated for this environment.

    :param source: a file it is a copy of, in place of ``data`` and ``executable``
    """

    group: int
    sub: str
    name: str
    data: bytes
    executable: bool
    change: int
    source: str = ""


@value
class Plan:
    """See the module docstring.

    :param folders: (group, sub) of every folder below a WHOLE group's target
    :param states: state folders, one per volume; the first is home
    :param emptied: folders that may be empty afterwards, and go then
    :param texts: the manifest of each tree as it is encoded, b"" where that is not at hand
    """

    changes: tuple[PlanChange, ...]
    stash: tuple[StashItem, ...]
    groups: tuple[Group, ...]
    folders: tuple[tuple[int, str], ...]
    trees: tuple[Tree, ...]
    placements: tuple[Placement, ...]
    fresh: tuple[Fresh, ...]
    states: tuple[str, ...]
    emptied: tuple[str, ...] = ()
    warnings: tuple[Warn, ...] = ()
    kept: tuple[Kept, ...] = ()
    texts: tuple[bytes, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.stash or self.groups)


NOTHING = Plan((), (), (), (), (), (), (), ())
"""The plan where nothing is to be done."""
