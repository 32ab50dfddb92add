"""Moving an environment from its place to a stash by renames, and back.

Purpose: the steps of :mod:`linkinstall.venvs.aside` that go through folders.

Calling sequence::

    take_whole(files, place, stash) or take_entries(files, place, stash)
    in_the_way = list(merge(files, stash, place))   # back again
    drop_emptied(files, place, stash)               # or, after the commit, what was emptied

Guarantees: each step can be repeated, and by :func:`merge` nothing is put over what stands at the
place. No link is followed.

Errors: ``OSError`` with its path, where not all could be moved.
"""

from __future__ import annotations

import errno
from stat import S_ISDIR

from linkinstall.fs.port import FOLDER
from linkinstall.fs.trees import busy_in_tree, remove_folder_if_empty, rename_folder
from linkinstall.venvs.sight import FOLDERS_OF_SCRIPTS, INNER, MAKING, SETTINGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from linkinstall.fs.port import FileSystem

__all__ = ["RENAME_REFUSALS", "drop_emptied", "merge", "take_entries", "take_whole"]

RENAME_REFUSALS = frozenset((errno.EXDEV, errno.EACCES, errno.EBUSY, errno.EPERM))
"""The errors by which a system says that a folder cannot be renamed, and its entries may be."""


def take_whole(files: FileSystem, place: str, stash: str) -> bool:
    """Take a place aside in one rename; return whether the system lets it.

    :raises OSError: something in it is in use; it is aside by then
    """
    if not rename_folder(files, place, stash, RENAME_REFUSALS):
        return False
    if files.open_files_refuse:
        # Refused while it can be undone: after the commit it could not be deleted.
        for inner, refusal in busy_in_tree(files, stash):
            refusal.filename = f"{place}/{inner}"
            raise refusal
    return True


def take_entries(files: FileSystem, place: str, stash: str) -> None:
    """Take the entries of a place aside, folders file by file where they cannot be renamed."""
    _take(files, place, stash, "")


def _take(files: FileSystem, place: str, stash: str, sub: str) -> None:
    """Move the entries of one folder, and remove it where that is possible now."""
    source, target = place + sub, stash + sub
    files.make_folder(target)
    for name, kind in sorted(files.scan(source), key=_busy_first):
        if not sub and name == INNER:
            continue
        try:
            files.rename_new(f"{source}/{name}", f"{target}/{name}")
        except OSError as error:
            if kind != FOLDER or error.errno not in RENAME_REFUSALS:
                raise
            _take(files, place, stash, f"{sub}/{name}")
    if sub:
        remove_folder_if_empty(files, source)


def _busy_first(entry: tuple[str, str]) -> tuple[int, str]:
    """Order entries: scripts and binaries, then the rest, ``pyvenv.cfg`` last, and our mark."""
    name, _ = entry
    if name in FOLDERS_OF_SCRIPTS or name.lower().endswith((".exe", ".dll", ".pyd")):
        return 0, name
    return {SETTINGS: 2, MAKING: 3}.get(name, 1), name


def merge(files: FileSystem, stashed: str, place: str) -> Iterator[str]:
    """Put a folder back; yield the paths at which something else stands, which is left."""
    status = files.status(place)
    if status is None:
        files.rename_new(stashed, place)
        return
    if not S_ISDIR(status.st_mode):
        yield place
        return
    entries = files.scan(stashed)
    # The settings first: where they are at the place, what else is there may be ours.
    for name, kind in sorted(entries, key=lambda entry: entry[0] != SETTINGS):
        source, target = f"{stashed}/{name}", f"{place}/{name}"
        if files.status(target) is None:
            files.rename_new(source, target)
        elif kind == FOLDER:
            yield from merge(files, source, target)
        else:
            yield target
    remove_folder_if_empty(files, stashed)


def drop_emptied(files: FileSystem, place: str, stash: str) -> None:
    """Remove the folders that :func:`take_entries` has emptied and could not remove, no others."""
    status = files.status(place)
    if status is None or not S_ISDIR(status.st_mode) or files.status(stash) is None:
        return
    for name, kind in files.scan(stash):
        if kind == FOLDER:
            drop_emptied(files, f"{place}/{name}", f"{stash}/{name}")
    remove_folder_if_empty(files, place)
