"""Capabilities of volumes, found by trying and not by the platform's name.

Purpose: can files of the cache be cloned to this folder, and does the folder tell
upper from lower case. Nothing visible is written: ``O_TMPFILE`` makes a file
without a name.

Calling sequence: ``can_clone(source_file, folder)``, ``ignores_case(files, folder)``.

Guarantees: no name is made; a probe that cannot be carried out answers no.

Errors: none; an operating system's refusal is the answer.
"""

from __future__ import annotations

import os

from linkinstall.fs.named import let_go

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linkinstall.fs.port import FileSystem

__all__ = ["can_clone", "ignores_case"]


def can_clone(source: str, folder: str) -> bool:
    """Return whether the file ``source`` can share its extents with one in ``folder``."""
    nameless = getattr(os, "O_TMPFILE", 0)
    if not nameless:
        return _clones_by_itself(folder)
    try:
        origin = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        target = os.open(folder, nameless | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError:
        return False
    else:
        return _clone(origin, target)
    finally:
        let_go(origin)


if os.name == "posix":

    def _clones_by_itself(folder: str) -> bool:  # noqa: ARG001 - it is not asked
        return True  # tried at the first file, where it may still be refused

else:

    def _clones_by_itself(folder: str) -> bool:
        from linkinstall.fs.windows_calls import Calls

        return Calls().shares_blocks(folder)


def _clone(origin: int, target: int) -> bool:
    import fcntl

    from linkinstall.fs.posix import FICLONE

    try:
        fcntl.ioctl(target, FICLONE, origin)
    except OSError:
        return False
    else:
        return True
    finally:
        let_go(target)


def ignores_case(files: FileSystem, folder: str) -> bool:
    """Return whether names in ``folder`` that differ only by case are the same name."""
    parent, name = os.path.split(folder)
    swapped = name.swapcase()
    if swapped == name or not parent:
        return False
    there, other = files.status(folder), files.status(os.path.join(parent, swapped))
    return (
        there is not None
        and other is not None
        and (there.st_dev, there.st_ino) == (other.st_dev, other.st_ino)
    )
