"""Removing large folders on several processors.

Purpose: the branches of a tree, each removed by whoever is free; most of what a removal
takes is the file system's work, and folders are independent of each other.

Calling sequence: ``refused = remove_large_tree(files, folder, processes=True)``.

Guarantees: those of :func:`linkinstall.fs.trees.remove_tree`, which does all that is odd.
A helper whose parent is gone begins with no further branch.

Errors: none; what refuses is returned.
"""

from __future__ import annotations

from stat import S_ISDIR

from linkinstall import limits
from linkinstall.fs.port import FOLDER
from linkinstall.fs.trees import remove_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linkinstall.fs.port import FileSystem

__all__ = ["remove_large_tree"]


def remove_large_tree(
    files: FileSystem, folder: str, *, processes: bool
) -> list[tuple[str, OSError]]:
    """Remove a folder with all it holds, following no link; return what refused.

    :param processes: whether this process may be forked: it has no threads
    """
    branches = _branches(files, folder) if processes else []
    if branches:
        from linkinstall.fs.crew import Crew

        def remove(number: int) -> None:
            remove_tree(files, branches[number])

        Crew(remove, len(branches)).finish()
    # What refused there refuses again, and this time it is told.
    return remove_tree(files, folder)


def _branches(files: FileSystem, folder: str) -> list[str]:
    """Return the folders of the first level that has many; none where there is no such level."""
    status = files.status(folder)
    if status is None or not S_ISDIR(status.st_mode):
        return []  # a link in its place is removed, and never looked into
    level = [folder]
    for _ in range(limits.BRANCH_DEPTH):
        try:
            level = [
                f"{path}/{name}"
                for path in level
                for name, kind in files.scan(path)
                if kind == FOLDER
            ]
        except OSError:
            return []
        if len(level) >= limits.FORK_FROM_BRANCHES:
            return level[: limits.CREW_PARTS]
    return []
