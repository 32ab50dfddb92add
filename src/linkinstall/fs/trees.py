"""Small routines over the port's verbs: make parents, write a file whole, remove a tree of ours.

Guarantees: no link is followed; what cannot be removed is left and reported.

Errors: ``OSError`` from making folders; removal returns what was left.
"""

from __future__ import annotations

import errno
import os
from stat import S_IFDIR, S_IFMT, S_IMODE, S_ISDIR, S_ISVTX, S_IWOTH

from linkinstall import limits
from linkinstall.fs.lock import temporary_folder
from linkinstall.fs.named import UNREADABLE
from linkinstall.fs.port import FILE, FOLDER
from linkinstall.paths import forward

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import IO

    from linkinstall.fs.port import FileSystem, Refusal

__all__ = [
    "CLOSED",
    "absolute",
    "busy_in_tree",
    "files_below",
    "is_closed_to_others",
    "keeps_names",
    "make_folders",
    "make_temporary_folder",
    "own_temporary_folders",
    "read_if_readable",
    "remove_files",
    "remove_folder_if_empty",
    "remove_named",
    "remove_tree",
    "remove_unused_folder",
    "rename_folder",
    "temporary_file",
    "write_whole",
]

CLOSED = 0o775
"""The mode of a cache's folders, less the umask: one that others can write to is not used."""
PART = ".part"
"""What the name of a file ends with that :func:`write_whole` has not put into place yet."""

_TEMPORARY = "linkinstall-cache-"
"""What the name of a folder of ours in the folder for temporary files begins with."""
_KIND_AND_OPEN = S_IFMT(0xFFFF) | S_IWOTH
"""Of a mode: what kind of file it is, and whether everybody can write to it."""
_USED = frozenset((errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR))
"""Error numbers that say: there is something in the folder, or something else in its place."""


def absolute(files: FileSystem, path: str) -> str:
    """Return a path absolute and normalised, without changing where it leads.

    What stands before a ``..`` is resolved, and all of a path that ends in one or in a dot: the
    folder above a link is that above its target. Windows drops a part with the ``..`` after it
    before it looks, and so that is done there.
    """
    parts = path.split("/") if os.sep == "/" else []
    if ".." in parts or parts[-1:] == ["."]:
        end = len(parts) if parts[-1] == "." else len(parts) - parts[::-1].index("..")
        path = os.path.join(files.real_path("/".join(parts[:end])), *parts[end:])
    return os.path.abspath(path)


def make_folders(files: FileSystem, path: str, mode: int = 0o777) -> list[str]:
    """Make a folder and its missing parents; return what was made, outermost first.

    :param mode: of all of them, less the umask
    """
    made: list[str] = []
    missing: list[str] = []
    while files.status(path) is None:
        missing.append(path)
        if path == os.path.dirname(path):  # a drive that is not there
            break
        path = os.path.dirname(path)
    for folder in reversed(missing):
        try:
            files.make_folder(folder, mode)
        except FileExistsError:  # somebody else was faster
            continue
        made.append(folder)
    return made


def make_temporary_folder() -> str:
    """Make a folder of our own in the folder for temporary files."""
    import tempfile

    return tempfile.mkdtemp(prefix=_TEMPORARY, dir=temporary_folder())


def own_temporary_folders(files: FileSystem) -> Iterator[str]:
    """Yield the folders that :func:`make_temporary_folder` has made for this user.

    Others may make folders of such names, too: one that is not closed to them is passed over.
    """
    parent = forward(temporary_folder())
    for name, kind in files.scan(parent):
        if kind == FOLDER and name.startswith(_TEMPORARY):
            status = files.status(f"{parent}/{name}")
            if status is not None and _is_own(status):
                yield f"{parent}/{name}"


def _is_own(status: os.stat_result) -> bool:
    # Windows tells no owner; there the folder for temporary files is the user's own.
    if not hasattr(os, "geteuid"):
        return True
    return status.st_uid == os.geteuid() and not S_IMODE(status.st_mode) & 0o077


def temporary_file() -> IO[bytes] | None:
    """Open a new file that goes when it is closed, or None where none can be made."""
    import tempfile

    try:
        # Asked for its folder, tempfile writes a file there and removes it again: a kill in
        # between leaves it.
        return tempfile.TemporaryFile(dir=temporary_folder())
    except OSError:
        return None


def is_closed_to_others(files: FileSystem, folder: str, inner: Iterable[str]) -> bool:
    """Return whether only its owner, and a group, can change or replace a folder.

    A quick look at modes: where a link is on the way it says no, whatever that leads to, and
    where this user may not look.

    :param inner: folders inside it that count, too
    """
    try:
        for place in (folder, *(f"{folder}/{name}" for name in inner)):
            status = files.status(place)
            if status is not None and status.st_mode & _KIND_AND_OPEN != S_IFDIR:
                return False
        while (parent := os.path.dirname(folder)) != folder:
            folder, status = parent, files.status(parent)
            if status is not None and not (S_ISDIR(status.st_mode) and keeps_names(status.st_mode)):
                return False
    except PermissionError:
        return False
    return True


def keeps_names(mode: int) -> bool:
    """Return whether nobody can rename what others have in a folder of this mode, as in /tmp."""
    return mode & (S_IWOTH | S_ISVTX) != S_IWOTH


def write_whole(files: FileSystem, path: str, data: bytes, temporary: str) -> None:
    """Put a small file of a cache into place in one step, instead of what stands there.

    :param temporary: a folder of the same volume for what is not whole yet; what a killed
        process leaves there, :func:`linkinstall.temporary.sweep` removes
    """
    for attempt in range(limits.RETRIES):
        name = os.urandom(8).hex() + PART
        try:
            for folder in (os.path.dirname(path), temporary):
                make_folders(files, folder, CLOSED)
            files.write_new(f"{temporary}/{name}", data)
            files.rename(f"{temporary}/{name}", path)
        except OSError as error:
            files.unlink_all(temporary, [name])
            # A sweep cannot tell a living writer's file from a dead one's.
            swept = isinstance(error, FileNotFoundError)
            if not (swept or _is_cleared(files, path)) or attempt == limits.RETRIES - 1:
                raise
        else:
            return


def read_if_readable(files: FileSystem, path: str) -> bytes:
    """Return the contents of a file; none where it is gone, no file, or not for this user to read.

    :raises OSError: the disk cannot read it, which says nothing about what is in it
    """
    try:
        return files.read(path)
    except OSError as error:
        if error.errno in UNREADABLE or isinstance(error, FileNotFoundError):
            return b""
        raise


def _is_cleared(files: FileSystem, path: str) -> bool:
    """Return whether a folder stood where a file is to go, and has been removed."""
    status = files.status(path)
    return status is not None and S_ISDIR(status.st_mode) and not remove_tree(files, path)


def remove_tree(files: FileSystem, folder: str) -> list[Refusal]:
    """Remove a folder with all it holds, following no link; return what refused.

    A folder in it that is closed to its owner is opened first.

    A file, or a link that stands where the folder was, is removed itself.
    """
    status = files.status(folder)
    if status is None:
        return []
    if not S_ISDIR(status.st_mode):
        parent, name = os.path.split(folder)
        return [(folder, error) for _, error in files.unlink_all(parent, [name])]
    refused = _empty(files, folder)
    if _closed(refused) and files.open_to_owner(folder):
        refused = _empty(files, folder)
    if not refused:
        try:
            files.remove_folder(folder)
        except OSError as error:
            refused.append((folder, error))
    return refused


def remove_files(files: FileSystem, folder: str, names: Sequence[str]) -> list[Refusal]:
    """Remove files of a folder that is to go, though it may be closed to its owner."""
    refused = files.unlink_all(folder, names)
    if _closed(refused) and files.open_to_owner(folder):
        refused = files.unlink_all(folder, names)
    return refused


def _empty(files: FileSystem, folder: str) -> list[Refusal]:
    try:
        entries = files.scan(folder)
    except OSError as error:
        return [(folder, error)]
    refused: list[Refusal] = []
    for name, kind in entries:
        if kind == FOLDER:
            refused += remove_tree(files, f"{folder}/{name}")
    names = [name for name, kind in entries if kind != FOLDER]
    refused += [(f"{folder}/{name}", error) for name, error in files.unlink_all(folder, names)]
    return refused


def _closed(refused: Iterable[Refusal]) -> bool:
    """Return whether rights were missing, which may be the folder's."""
    return any(error.errno == errno.EACCES for _, error in refused)


def rename_folder(
    files: FileSystem,
    source: str,
    target: str,
    refusals: frozenset[int] | None = None,
) -> bool:
    """Rename a folder to a name that must be free; return False where only its files can move.

    :param refusals: error numbers that say so; default those of the file system
    :raises OSError: for any other reason
    """
    try:
        files.rename_new(source, target)
    except OSError as error:
        if error.errno not in (files.folder_rename_refusals if refusals is None else refusals):
            raise
        return False
    return True


def remove_named(files: FileSystem, folder: str, names: Iterable[str]) -> None:
    """Remove files of one folder; a missing one is no error.

    :raises OSError: what refused first, with its path
    """
    for name, error in files.unlink_all(folder, names):
        raise OSError(error.errno, error.strerror, f"{folder}/{name}")


def remove_folder_if_empty(files: FileSystem, path: str) -> bool:
    """Remove a folder where it is empty; return whether it is gone."""
    try:
        files.remove_folder(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def remove_unused_folder(files: FileSystem, path: str) -> bool:
    """Remove a folder where nobody uses it; return whether it is gone.

    :raises OSError: it is empty, and the system refuses all the same
    """
    try:
        files.remove_folder(path)
    except FileNotFoundError:
        return True
    except OSError as error:
        # Where even its parent cannot be written, that comes before what is in it.
        if error.errno in _USED or files.scan(path):
            return False
        raise
    return True


def busy_in_tree(files: FileSystem, folder: str) -> Iterator[Refusal]:
    """Yield the path below ``folder`` of each file that :meth:`FileSystem.busy` names, and why."""
    entries = files.scan(folder)
    yield from files.busy(folder, [name for name, kind in entries if kind == FILE])
    for name, kind in entries:
        if kind == FOLDER:
            for inner, error in busy_in_tree(files, f"{folder}/{name}"):
                yield f"{name}/{inner}", error


def files_below(files: FileSystem, folder: str, inner: str = "") -> Iterator[str]:
    """Yield the paths of all files in a folder, each with a slash before it."""
    for name, kind in files.scan(folder + inner):
        if kind == FOLDER:
            yield from files_below(files, folder, f"{inner}/{name}")
        else:
            yield f"{inner}/{name}"
