"""Junctions as Windows tells of them, on the disk of any machine that has symbolic links.

Purpose: no system that the tests run on can make a junction, so links to folders are told
as Windows tells junctions: ``lstat`` and a listing take them for folders, and only the
reparse tag says what they are; what ``os.readlink`` returns has the extended prefix.

Calling sequence::

    with_junctions(monkeypatch)
    files = WindowsFileSystem(Sharing())
    make_junction(tmp_path / "outside", place / "inside")

Guarantees: only :mod:`linkinstall.fs.port` sees the disk so; a test looks at it as it is.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

TAG = 0xA000_0003
"""IO_REPARSE_TAG_MOUNT_POINT."""


def make_junction(target: Path, path: Path) -> None:
    """Make what is told as a junction; its target is a whole path, as a junction's is."""
    assert target.is_absolute()
    os.symlink(target, path)


def with_junctions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the port see links to folders as Windows tells of junctions."""
    monkeypatch.setattr("linkinstall.fs.port.os", _Os())
    monkeypatch.setattr("linkinstall.fs.port._JUNCTION", TAG)


class _Os:
    """The module ``os``, as the port would find it on Windows."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def lstat(self, path: str) -> Any:
        """Return the status of what stands at a path."""
        status = os.lstat(path)
        return _Status(status) if _is_junction(path) else status

    def readlink(self, path: str) -> str:
        """Return where a junction leads to."""
        return f"\\\\?\\{os.readlink(path)}" if _is_junction(path) else os.readlink(path)

    @contextmanager
    def scandir(self, folder: str) -> Iterator[Iterator[Any]]:
        """List a folder."""
        with os.scandir(folder) as entries:
            yield (_Entry(one) if _is_junction(one.path) else one for one in entries)


class _Status:
    """The status of a folder that has a tag."""

    def __init__(self, status: os.stat_result) -> None:
        self._status = status
        self.st_mode = stat.S_IFDIR | 0o777
        self.st_reparse_tag = TAG

    def __getattr__(self, name: str) -> Any:
        return getattr(self._status, name)

    def __dir__(self) -> list[str]:
        return dir(self._status)

    def __iter__(self) -> Iterator[Any]:
        return iter((self.st_mode, *tuple(self._status)[1:]))


class _Entry:
    """A junction in a listing: a folder, followed or not, and no symbolic link."""

    def __init__(self, entry: os.DirEntry[str]) -> None:
        self.name, self.path = entry.name, entry.path

    def is_file(self, *, follow_symlinks: bool) -> bool:  # noqa: ARG002 - as DirEntry's
        """Return that it is none."""
        return False

    def is_symlink(self) -> bool:
        """Return that it is none."""
        return False

    def is_dir(self, *, follow_symlinks: bool) -> bool:  # noqa: ARG002 - as DirEntry's
        """Return that it is one."""
        return True

    def stat(self, *, follow_symlinks: bool) -> Any:
        """Return its status, or that of where it leads."""
        return os.stat(self.path) if follow_symlinks else _Status(os.lstat(self.path))


def _is_junction(path: str) -> bool:
    return os.path.islink(path) and os.path.isdir(path)
