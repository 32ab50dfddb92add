"""The trash and the sweeping of state folders.

Purpose: what could not be deleted after a commit, or what somebody else's change made
obsolete, waits in ``trash/`` of a state folder until a later run deletes it.

Where schemes lie on several volumes, the state folder at home has a *pointer* that
names those on the other volumes, and each of those one that names home.

Calling sequence: :func:`to_trash` while settling; :func:`sweep_trash`,
:func:`sweep_state` and :func:`sweep_side` at the beginning of the next run.

Guarantees: moving is a rename on the same volume. A state folder goes with the last
thing in it.

Errors: ``OSError`` where something cannot even be moved.
"""

from __future__ import annotations

import os
from errno import ENODEV
from stat import S_ISDIR

from linkinstall.fs.trees import make_folders, remove_folder_if_empty, remove_tree
from linkinstall.outcome import Holder, Pending
from linkinstall.world import STATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from linkinstall.fs.port import FileSystem
    from linkinstall.journal import Journal

__all__ = [
    "holds_stash",
    "in_trash",
    "loose_ends",
    "point",
    "pointed",
    "require_volumes",
    "sides_of",
    "sweep_side",
    "sweep_state",
    "sweep_trash",
    "to_trash",
    "waiting",
]

STAGED = ("new", "stash", "cache")
"""Folders of a state folder that hold nothing anybody needs once there is no journal."""


def to_trash(files: FileSystem, state: str, path: str, name: str) -> str:
    """Move something into the trash of a state folder and return where it is now."""
    make_folders(files, f"{state}/trash")
    number = 0
    while files.status(target := f"{state}/trash/{name}-{number}") is not None:
        number += 1
    files.rename_new(path, target)
    return target


def waiting(files: FileSystem, path: str, moved_to: str) -> Pending:
    """Return what is told of a busy file: its path, where it waits, and who holds it."""
    holders = tuple(Holder(pid, name) for pid, name in files.holders(moved_to))
    return Pending(path, moved_to, holders)


def in_trash(files: FileSystem, state: str, name: str) -> str | None:
    """Return where :func:`to_trash` has moved what it was given this name for, if it has."""
    path = f"{state}/trash/{name}-0"
    return path if files.status(path) is not None else None


def sweep_trash(files: FileSystem, state: str, but: str = "") -> list[Pending]:
    """Delete what waits in the trash; return what is still busy.

    :param but: the names that begin so stay
    """
    folder = f"{state}/trash"
    if files.status(folder) is None:
        return []
    if but:
        names = [name for name, _ in files.scan(folder) if not name.startswith(but)]
        refused = [one for name in names for one in remove_tree(files, f"{folder}/{name}")]
        remove_folder_if_empty(files, folder)
    else:
        refused = remove_tree(files, folder)
    if not refused:
        remove_folder_if_empty(files, state)
    return [waiting(files, path, path) for path, _ in refused]


def sweep_state(files: FileSystem, state: str, names: Iterable[str] = ("pointer",)) -> list[str]:
    """Remove what was only staged, and the state folder itself if nothing is left.

    :param names: the files that go too, after the folders, unless something is stashed still
    :return: what could not be removed
    """
    left = []
    for inner in STAGED:
        left += [path for path, _ in remove_tree(files, f"{state}/{inner}")]
    if not holds_stash(files, state):  # else the next run needs them to know what it is
        left += [f"{state}/{name}" for name, _ in files.unlink_all(state, names)]
    if not remove_folder_if_empty(files, state) and not files.scan(state):
        left.append(state)
    return left


# ------------------------------------------------------------------ several volumes


def point(files: FileSystem, state: str, others: Iterable[str]) -> None:
    """Write which other state folders belong to the same transaction."""
    text = "".join(f"{other}\0" for other in others)
    files.write_new(f"{state}/pointer", text.encode("utf-8", "surrogateescape"))


def pointed(files: FileSystem, state: str) -> list[str]:
    """Return the state folders that the pointer in this one names.

    What is swept is found here, so a path that was cut off must never pass: each ends
    with a NUL and is that of a state folder.
    """
    if not _is_folder(files, state):
        return []
    try:
        text = files.read(f"{state}/pointer").decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return []
    return [path for path in text.split("\0")[:-1] if path.endswith(f"/{STATE}")]


def require_volumes(files: FileSystem, journal: Journal) -> None:
    """Refuse to settle a transaction while a volume of it is not there.

    What lies on it would pass for settled already, and the journal would go.

    :raises OSError: one is not mounted
    """
    home = files.status(journal.home)
    if home is None or home.st_ino != journal.inode:
        return  # a copy of the environment may lie on one volume
    for state in journal.states[1:]:
        folder = state
        while (status := files.status(folder)) is None and folder != os.path.dirname(folder):
            folder = os.path.dirname(folder)
        # Each of these was made on another volume than home. Of a drive there is nothing at all.
        if status is None or (folder != state and status.st_dev == home.st_dev):
            raise OSError(ENODEV, "the volume that it lies on is not mounted", state)


def sides_of(files: FileSystem, home: str, roots: Iterable[str] = ()) -> list[str]:
    """Return the state folders on other volumes that stand and belong to ``home``.

    In a copied environment the pointer still names the original's, and an edited one may
    name anybody's: so each must point back, or, where its pointer is lost, lie below the
    roots.
    """
    below = tuple(f"{root}/" for root in roots)
    found = []
    for side in pointed(files, home):
        back = pointed(files, side)
        if back == [home] or (
            not back and _is_folder(files, side) and (not below or side.startswith(below))
        ):
            found.append(side)
    return found


def _is_folder(files: FileSystem, state: str) -> bool:
    """Return whether a state folder stands, and no link leads to it."""
    status = files.status(state)
    return status is not None and S_ISDIR(status.st_mode) and files.real_path(state) == state


def loose_ends(files: FileSystem, home: str, *names: str) -> tuple[str, ...]:
    """Return the files of a home folder that can go: the pointer while it points nowhere."""
    return names if sides_of(files, home) else ("pointer", *names)


def holds_stash(files: FileSystem, state: str) -> bool:
    """Return whether something was taken out of place and lies in this state folder."""
    try:
        # Not by its status: a lookup that fails for good can pass for a name that is not there.
        return bool(files.scan(f"{state}/stash"))
    except FileNotFoundError:
        return False


def sweep_side(files: FileSystem, state: str) -> list[Pending]:
    """Clear a state folder of another volume, unless a transaction at its home needs it.

    A link in the place of the folder, or of one in it, leads elsewhere and is left alone.

    :return: what is still busy
    """
    if not _is_folder(files, state):
        return []
    for home in (state, *pointed(files, state)):
        if any(files.status(f"{home}/{name}") for name in ("journal", "committed")):
            return []
    if not holds_stash(files, state):
        sweep_state(files, state)
    pending = sweep_trash(files, state)
    remove_folder_if_empty(files, state)
    return pending
