"""The one flush, and the marks that it takes off entries."""

from __future__ import annotations

import errno
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from linkinstall.cache import UNFLUSHED, Cache
from linkinstall.flushing import flush
from linkinstall.fs import local
from linkinstall.fs.volumes import Volumes
from tests.support.entries import made_entry
from tests.support.faulty import LocalFileSystem

if TYPE_CHECKING:
    from pathlib import Path

    from linkinstall.cache import Entry


class TwoVolumes(LocalFileSystem):
    """What has ``other`` in its path lies on another volume; each flush is noted."""

    def __init__(self, marks: list[str]) -> None:
        self.flushed: list[str] = []
        self._marks = marks

    def status(self, path: str) -> os.stat_result | None:
        """Give a status, with another number of the device below ``other``."""
        status = super().status(path)
        if status is None or "/other" not in path:
            return status
        return os.stat_result((*status[:2], status.st_dev + 1, *status[3:]))

    def flush_volume(self, path: str, _handle: int | None = None) -> None:
        """Note a flush; no mark is off by then."""
        assert all(map(os.path.exists, self._marks))
        self.flushed.append(path)


def entries_in(folder: Path) -> tuple[Cache, list[Entry], list[str]]:
    """Return a cache with two entries, and their marks."""
    cache = Cache(folder / "cache")
    entries = [made_entry(cache, {f"purelib/{name}.py": name.encode()}) for name in "ab"]
    return cache, entries, [f"{entry.folder}/{UNFLUSHED}" for entry in entries]


def test_each_volume_is_flushed_once_before_any_mark_goes(tmp_path: Path) -> None:
    """However many folders and entries lie on it; then all marks go."""
    cache, entries, marks = entries_in(tmp_path)
    files = TwoVolumes(marks)
    (tmp_path / "other").mkdir()
    folders = [str(tmp_path), str(tmp_path / "other"), str(tmp_path / "gone")]

    flush(files, cache, Volumes(files, "normal"), folders, entries)

    assert folders[:2] == files.flushed
    assert [] == list(filter(os.path.exists, marks))


def test_without_flushes_no_mark_goes(tmp_path: Path) -> None:
    """With ``off`` nothing is flushed, so nothing counts as flushed."""
    cache, entries, marks = entries_in(tmp_path)
    files = TwoVolumes(marks)

    flush(files, cache, Volumes(files, "off"), [str(tmp_path)], entries)

    assert [] == files.flushed
    assert marks == list(filter(os.path.exists, marks))


def test_an_entry_that_was_given_up_meanwhile_is_an_error(tmp_path: Path) -> None:
    """Another process was told what the disk has refused: no mark goes, not even of others."""
    cache, entries, marks = entries_in(tmp_path)
    files = TwoVolumes(marks)
    os.unlink(f"{entries[1].folder}/manifest")

    with pytest.raises(OSError, match="manifest") as caught:
        flush(files, cache, Volumes(files, "normal"), (), entries)

    assert errno.EIO == caught.value.errno
    assert marks == list(filter(os.path.exists, marks))


def test_an_entry_that_was_deleted_meanwhile_is_told_as_missing(tmp_path: Path) -> None:
    """Where somebody deletes the cache, or moves it away, the disk is not to blame.

    The message was "Input/output error".
    """
    cache, entries, _ = entries_in(tmp_path)
    shutil.rmtree(cache.path)

    with pytest.raises(FileNotFoundError, match="manifest"):
        flush(local(), cache, Volumes(local(), "normal"), (), entries)
