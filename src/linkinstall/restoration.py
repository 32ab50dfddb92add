"""Putting back what was stashed.

Purpose: the part of a rollback that gives old files their names again. Loaded only when
something is rolled back: a change that goes well does not need it.

Calling sequence::

    restoration = Restoration(files, journal, identity)
    restoration.restore(item)             # a stash item, to the last file
    restoration.to_trash(item, reason)    # one that is not to go back
    restoration.kept                      # what could not go back, and why

Guarantees: nothing that stands at an old name is overwritten, and nothing is sent through
a link to another place. Can be interrupted at any point and repeated.

Errors: ``OSError`` where the disk refuses.
"""

from __future__ import annotations

import os
from stat import S_ISDIR, S_ISREG

from linkinstall.fs.trees import make_folders, remove_unused_folder, rename_folder
from linkinstall.outcome import Kept
from linkinstall.plan import WHOLE
from linkinstall.trash import in_trash, to_trash

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linkinstall.fs.port import FileSystem
    from linkinstall.identity import Identity
    from linkinstall.journal import Journal
    from linkinstall.plan import StashItem

__all__ = ["Restoration", "has_room", "put_back"]


class Restoration:
    """See the module docstring.

    :param identity: whose what is; of the same journal
    """

    def __init__(self, files: FileSystem, journal: Journal, identity: Identity) -> None:
        self.files = files
        self.journal = journal
        self.kept: list[Kept] = []
        self._identity = identity

    def restore(self, item: StashItem) -> None:
        """Put a stash item back, never over what stands there now."""
        stashed = self._identity.stashed(item)
        if self.files.status(stashed) is None:
            self._tell_again(item)
            return
        if not self._identity.is_real(os.path.dirname(item.path)):
            self.to_trash(item, "its folder has become a link")
            return
        if not has_room(self.files, os.path.dirname(item.path)):
            self.to_trash(item, "something else stands where its folder was")
            return
        free = item.kind == WHOLE and self.files.status(item.path) is None
        if free and rename_folder(self.files, stashed, item.path):
            return
        self._merge(stashed, item.path)
        if self.files.status(stashed) is not None:
            self.to_trash(item, "something else stands in its place")

    def _merge(self, stashed: str, place: str) -> None:
        status = self.files.status(place)
        if status is None:
            self.files.make_folder(place)
        elif not S_ISDIR(status.st_mode):
            return
        for name, kind in self.files.scan(stashed):
            source, target = f"{stashed}/{name}", f"{place}/{name}"
            if kind == "folder":
                self._merge(source, target)
            elif put_back(self.files, source, target):
                self.files.unlink(source)
        remove_unused_folder(self.files, stashed)

    def to_trash(self, item: StashItem, reason: str) -> None:
        """Move what is left of a stash item to the trash, and tell where that waits."""
        stashed = self._identity.stashed(item)
        if self.files.status(stashed) is None:
            self._tell_again(item)
            return
        moved = to_trash(self.files, self.journal.states[item.state], stashed, self._name(item))
        self._tell(item, reason, moved)

    def _tell_again(self, item: StashItem) -> None:
        """Tell of what an attempt at this rollback has put aside that did not come to its end."""
        moved = in_trash(self.files, self.journal.states[item.state], self._name(item))
        if moved is not None:
            self._tell(item, "it could not be put back", moved)

    def _tell(self, item: StashItem, reason: str, moved: str) -> None:
        self.kept.append(Kept(item.path, f"{reason}; the old files wait in {moved}"))

    def _name(self, item: StashItem) -> str:
        return f"{self.journal.id}-{item.number}"


def has_room(files: FileSystem, folder: str) -> bool:
    """Make a folder and its parents; return whether it stands there then."""
    try:
        make_folders(files, folder)
    except (FileExistsError, NotADirectoryError):
        return False
    status = files.status(folder)
    return status is not None and S_ISDIR(status.st_mode)


def put_back(files: FileSystem, source: str, target: str) -> bool:
    """Give ``source`` its old name; return whether the stashed name may go."""
    there, kept = files.status(target), files.status(source)
    if there is None and files.renames_safely:
        # What runs can be renamed there, and none of its names removed.
        files.rename_new(source, target)
        return False
    if there is None:
        files.link_new(source, target)
        return files.status(source) is not None
    # Restored before, in a run that was killed right after.
    same = kept is not None and (there.st_dev, there.st_ino) == (kept.st_dev, kept.st_ino)
    # Or compiled anew since, of a source that was restored then.
    compiled = target.endswith(".pyc") and "/__pycache__/" in target
    return same or (compiled and S_ISREG(there.st_mode))
