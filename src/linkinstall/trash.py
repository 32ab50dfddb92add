"""The trash and the sweeping of state folders.

Purpose: what could not be deleted after a commit, or what somebody else's change made
obsolete, waits in ``trash/`` of a state folder until a later run deletes it.

Calling sequence: :func:`to_trash` while settling; :func:`sweep_trash` and
:func:`sweep_state` at the beginning of the next run.

Guarantees: moving is a rename on the same volume. A state folder goes with the last
thing in it.

Errors: ``OSError`` where something cannot even be moved.
"""

from __future__ import annotations

from linkinstall.fs.trees import make_folders, remove_folder_if_empty, remove_tree
from linkinstall.outcome import Pending

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linkinstall.fs.port import FileSystem

__all__ = ["sweep_state", "sweep_trash", "to_trash"]

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


def sweep_trash(files: FileSystem, state: str) -> list[Pending]:
    """Delete what waits in the trash; return what is still busy."""
    folder = f"{state}/trash"
    if files.status(folder) is None:
        return []
    refused = remove_tree(files, folder)
    if not refused:
        remove_folder_if_empty(files, state)
    return [Pending(path, path) for path, _ in refused]


def sweep_state(files: FileSystem, state: str) -> list[str]:
    """Remove what was only staged, and the state folder itself if nothing is left.

    :return: what could not be removed
    """
    left = []
    for inner in STAGED:
        left += [path for path, _ in remove_tree(files, f"{state}/{inner}")]
    left += [f"{state}/{name}" for name, _ in files.unlink_all(state, ["pointer"])]
    remove_folder_if_empty(files, state)
    return left
