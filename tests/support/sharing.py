"""Windows' rules for files that are in use, kept by the disk of any machine.

Purpose: :class:`Sharing` stands behind the thin edge of ``fs/windows.py`` and refuses as
NTFS does, with its numbers, by the *file* and not by its name, so that the hard links of
a file in use refuse as well.

Calling sequence::

    calls = Sharing()
    files = WindowsFileSystem(calls)
    with calls.held(path, OPEN, folders=True):
        ...             # 32 for the file, under each of its names; 5 for the folders above it

Guarantees: nothing is waited for here; pauses are ``linkinstall.fs.windows``' own.
"""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from linkinstall.fs.windows_calls import Calls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OPEN = "open without delete sharing"
"""An editor's file, or a scanner's: it can be neither deleted nor renamed (32)."""
LOADED = "loaded image"
"""A program that runs, or a module that is loaded: it can be renamed, not deleted (5)."""
SHARED = "open with delete sharing"
"""It can be renamed and deleted, and its name stays until it is closed, as before POSIX
deletion: whoever asks for it then is denied (5), and its folder is not empty (145)."""

HOLDER = (4711, "editor.exe")

_ACCESS_DENIED, _SHARING, _EXISTS, _NOT_EMPTY = 5, 32, 183, 145
_NUMBERS = {_EXISTS: errno.EEXIST, _NOT_EMPTY: errno.ENOTEMPTY}


class Sharing(Calls):
    """See the module docstring."""

    def __init__(self) -> None:
        self.kind = ""
        self.folders = False
        self._held: tuple[int, int] | None = None
        self._going: set[str] = set()
        self.refused = 0

    @contextmanager
    def held(self, path: Path | str, kind: str, *, folders: bool = True) -> Iterator[None]:
        """Let somebody use a file while the block lasts.

        :param folders: whether the folders above it refuse to be renamed (5), as on
            Windows; Wine, and some file systems, let them go
        """
        self._held, self.kind, self.folders = _identity(path), kind, folders
        try:
            yield
        finally:
            self._held = None
            for name in self._going:
                os.unlink(name)
            self._going.clear()

    # ---------------------------------------------------------------- the calls

    def link(self, source: str, target: str) -> None:
        """Give a file a second name: a file that is in use gets one as well."""
        self._must_be_free(target)
        os.link(source, target, follow_symlinks=False)

    def symlink(self, source: str, target: str) -> None:
        """Make a symbolic link."""
        self._must_be_free(target)
        os.symlink(source, target)

    def copy(self, source: str, target: str) -> None:
        """Copy a file with its times to a new name."""
        self._must_be_free(target)
        shutil.copy2(source, target)

    def rename(self, source: str, target: str) -> None:
        """Rename to a name that must be free."""
        self._refuse_rename(source)
        self._must_be_free(target)
        os.rename(source, target)
        moved = {name for name in self._going if name.startswith(f"{source}/")}
        self._going = self._going - moved | {target + name[len(source) :] for name in moved}

    def replace(self, source: str, target: str) -> None:
        """Rename over a file."""
        self._refuse_rename(source)
        if os.path.lexists(target) and self._is_held(target):
            raise self._refusal(_ACCESS_DENIED, target)
        os.replace(source, target)

    def unlink(self, path: str) -> None:
        """Remove a file or a link."""
        if path in self._going:
            raise self._refusal(_ACCESS_DENIED, path)
        if self._is_held(path):
            if self.kind == SHARED:
                self._going.add(path)
                return
            raise self._refusal(_SHARING if self.kind == OPEN else _ACCESS_DENIED, path)
        os.unlink(path)

    def remove_folder(self, path: str) -> None:
        """Remove an empty folder."""
        if any(name.startswith(f"{path}/") for name in self._going):
            raise self._refusal(_NOT_EMPTY, path)
        os.rmdir(path)

    def open_to_delete(self, path: str) -> None:
        """Open a file so that it could be deleted or renamed."""
        if self._is_held(path) and self.kind == OPEN:
            raise self._refusal(_SHARING, path)
        os.lstat(path)

    def delete_read_only(self, path: str) -> None:
        """Remove a file that is read-only, which POSIX does not mind."""
        self.unlink(path)

    def shares_blocks(self, folder: str) -> bool:  # noqa: ARG002 - as the calls of Windows
        """Return whether the volume can clone, as ReFS can."""
        return False

    def flush(self, path: str) -> None:
        """Write nothing: no power is cut here."""

    def holders(self, path: str) -> list[tuple[int, str]]:
        """Return who uses a file, as the Restart Manager tells."""
        return [HOLDER] if self._is_held(path.replace("\\", "/")) else []

    # ---------------------------------------------------------------- the rules

    def _is_held(self, path: str) -> bool:
        try:
            return self._held is not None and _identity(path) == self._held
        except FileNotFoundError:
            return False

    def _refuse_rename(self, source: str) -> None:
        if source in self._going:
            raise self._refusal(_ACCESS_DENIED, source)
        if self._is_held(source) and self.kind == OPEN:
            raise self._refusal(_SHARING, source)
        if self.folders and os.path.isdir(source) and not os.path.islink(source):
            for base, _, names in os.walk(source):
                if any(self._is_held(f"{base}/{name}") for name in names):
                    raise self._refusal(_ACCESS_DENIED, source)

    def _must_be_free(self, target: str) -> None:
        if os.path.lexists(target):
            raise _error(_EXISTS, target)

    def _refusal(self, number: int, path: str) -> OSError:
        self.refused += 1
        return _error(number, path)


def _identity(path: Path | str) -> tuple[int, int]:
    status = os.lstat(path)
    return status.st_dev, status.st_ino


def _error(number: int, path: str) -> OSError:
    error = OSError(_NUMBERS.get(number, errno.EACCES), f"refused with {number}", path)
    error.winerror = number  # type: ignore[attr-defined,unused-ignore]
    return error
