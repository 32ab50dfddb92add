"""Deleting what was stashed, by several processes where there is much of it.

Purpose: after the commit point nothing is left to do but to delete; a second processor halves
that. Only what goes without a question is deleted here; all that is odd is left to
:class:`~linkinstall.settle.Settlement`, which deals with every item afterwards.

Calling sequence: ``delete_together(files, identity, items)``, then item by item as always.

Guarantees: nothing is deleted through a link, and nothing that is not named in the journal.
It can be interrupted and repeated at any point. Nobody is left at work when it returns.

Errors: none; what cannot be deleted is met again.
"""

from __future__ import annotations

from linkinstall import limits
from linkinstall.fs.trees import remove_folder_if_empty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from linkinstall.fs.port import FileSystem
    from linkinstall.identity import Identity
    from linkinstall.plan import StashItem

__all__ = ["delete_plain", "delete_together"]


def delete_together(files: FileSystem, identity: Identity, items: Sequence[StashItem]) -> None:
    """Delete the plain part of stash items, with the help of other processes.

    Where there is little, nothing is done. The caller says by calling that this process may
    be forked.
    """
    weights = [sum(len(names) for _, names in item.names) for item in items]
    if sum(weights) < limits.FORK_FROM_LINKS:
        return
    from linkinstall.fs.crew import Crew, parts_of

    parts = parts_of(weights, limits.PART_OF_LINKS)

    def delete(number: int) -> None:
        begin, end = parts[number]
        for item in items[begin:end]:
            delete_plain(files, identity, item)

    Crew(delete, len(parts)).finish()


def delete_plain(files: FileSystem, identity: Identity, item: StashItem) -> None:
    """Delete the files of a stash item and their folders, as far as nothing is in the way."""
    stashed = identity.stashed(item)
    try:
        for sub, names in sorted(item.names, reverse=True):
            if identity.is_ours_below(stashed, sub):
                folder = f"{stashed}/{sub}" if sub else stashed
                files.unlink_all(folder, names)
                remove_folder_if_empty(files, folder)
    except OSError:
        return
