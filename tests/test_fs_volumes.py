"""Tests of ``linkinstall.fs.volumes``."""

from __future__ import annotations

import errno
import os
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from linkinstall.fs.volumes import Volumes
from tests.support.descriptors import open_descriptors
from tests.support.faulty import LocalFileSystem

if TYPE_CHECKING:
    from pathlib import Path


class Volumed(LocalFileSystem):
    """Notes which volumes are opened and flushed; ``other`` is on a volume of its own."""

    def __init__(self, other: Path) -> None:
        super().__init__()
        self.other = str(other)
        self.opened: list[str] = []
        self.handles: list[int] = []
        self.flushed: list[tuple[str, int | None]] = []

    def status(self, path: str) -> os.stat_result | None:
        """Tell another device of what is on the other volume."""
        status = super().status(path)
        if status is None or not path.startswith(self.other):
            return status
        return os.stat_result((*status[:2], status.st_dev + 1, *status[3:10]))

    def open_volume(self, folder: str) -> int | None:
        """Open something that the test can see closed."""
        self.opened.append(folder)
        self.handles.append(os.open(os.devnull, os.O_RDONLY))
        return self.handles[-1]

    def flush_volume(self, path: str, handle: int | None = None) -> None:
        """Note a flush."""
        self.flushed.append((path, handle))


def is_open(handle: int) -> bool:
    """Return whether a descriptor can be used."""
    try:
        os.fstat(handle)
    except OSError:
        return False
    return True


def test_a_volume_is_flushed_by_what_was_opened_first(tmp_path: Path) -> None:
    """Whatever was not written since then is an error of that flush, whoever heard of it."""
    files = Volumed(tmp_path / "other")
    volumes = Volumes(files, "normal")
    volumes.hold(str(tmp_path))

    volumes.flush(str(tmp_path))

    assert [str(tmp_path)] == files.opened
    assert [(str(tmp_path), files.handles[0])] == files.flushed
    volumes.close()


def test_each_volume_is_held_once(tmp_path: Path) -> None:
    """Several folders of a volume share a handle; each volume has its own."""
    other = tmp_path / "other"
    for folder in (tmp_path / "a", tmp_path / "b", other):
        folder.mkdir()
    files = Volumed(other)
    volumes = Volumes(files, "normal")

    for folder in (tmp_path / "a", tmp_path / "b", other):
        volumes.hold(str(folder))
    for folder in (other, tmp_path / "b"):
        volumes.flush(str(folder))

    assert [str(tmp_path / "a"), str(other)] == files.opened
    first, second = files.handles
    assert [(str(other), second), (str(tmp_path / "b"), first)] == files.flushed
    volumes.close()


def test_a_folder_that_is_not_there_yet_stands_for_the_one_above(tmp_path: Path) -> None:
    """A cache is made by the first install; its volume is that of what stands."""
    files = Volumed(tmp_path / "other")
    volumes = Volumes(files, "normal")

    volumes.hold(str(tmp_path / "cache" / "v1"))

    assert [str(tmp_path)] == files.opened
    volumes.close()


@pytest.mark.posix("links can be made")
def test_a_link_stands_for_where_it_leads(tmp_path: Path) -> None:
    """A cache that is a link to another disk is held there, also before there is anything in it."""
    other = tmp_path / "other"
    other.mkdir()
    (tmp_path / "cache").symlink_to(other)
    files = Volumed(other)
    volumes = Volumes(files, "normal")

    volumes.hold(str(tmp_path / "cache" / "v1"))
    volumes.flush(str(other))

    assert [str(other)] == files.opened
    assert [(str(other), files.handles[0])] == files.flushed
    volumes.close()


@pytest.mark.posix("volumes can be opened")
def test_what_is_no_folder_is_not_held(tmp_path: Path) -> None:
    """Where no cache is wanted it is called after the null device."""
    volumes = Volumes(LocalFileSystem(), "normal")
    (tmp_path / "file").touch()

    for path in ("/dev/null/v1", str(tmp_path / "file" / "v1")):
        volumes.hold(path)
    volumes.flush(str(tmp_path))
    volumes.close()


def test_a_volume_that_is_not_held_is_flushed_all_the_same(tmp_path: Path) -> None:
    """Volumes that turn up late, and paths that are gone, are left to the port."""
    files = Volumed(tmp_path / "other")

    Volumes(files, "normal").flush(str(tmp_path))
    Volumes(files, "normal").flush(str(tmp_path / "gone"))

    assert [(str(tmp_path), None), (str(tmp_path / "gone"), None)] == files.flushed


def test_where_nothing_is_to_be_flushed_nothing_is_held(tmp_path: Path) -> None:
    """With ``--sync off`` no volume is opened, and none is flushed."""
    files = Volumed(tmp_path / "other")
    volumes = Volumes(files, "off")

    volumes.hold(str(tmp_path))
    volumes.flush(str(tmp_path))

    assert ([], []) == (files.opened, files.flushed)
    assert [False, True, True] == [
        Volumes(files, sync).wanted for sync in ("off", "normal", "full")
    ]


@pytest.mark.parametrize(("sync", "flushes"), [("off", 0), ("normal", 0), ("full", 1)])
def test_what_is_reported_is_made_durable_on_request_only(
    tmp_path: Path, sync: str, flushes: int
) -> None:
    """``full`` alone promises that success means new."""
    files = Volumed(tmp_path / "other")

    Volumes(files, sync).make_durable(str(tmp_path))

    assert flushes == len(files.flushed)


def test_a_folder_that_cannot_be_read_is_not_held(tmp_path: Path) -> None:
    """A library that one may only enter and write to is no reason to fail."""

    class Closed(Volumed):
        def open_volume(self, folder: str) -> int | None:
            raise PermissionError(13, "Permission denied", folder)

    files = Closed(tmp_path / "other")
    volumes = Volumes(files, "normal")

    volumes.hold(str(tmp_path))
    volumes.flush(str(tmp_path))

    assert [(str(tmp_path), None)] == files.flushed


def test_all_is_let_go_in_the_end(tmp_path: Path) -> None:
    """A volume that is held cannot be unmounted: nothing is kept open."""
    files = Volumed(tmp_path / "other")
    volumes = Volumes(files, "normal")
    volumes.hold(str(tmp_path))
    assert is_open(files.handles[0])

    volumes.close()
    volumes.close()

    assert not is_open(files.handles[0])


def test_one_that_cannot_be_closed_keeps_no_other_open(tmp_path: Path) -> None:
    """Whichever descriptor is lost, all others are closed, and that is no error."""
    for lost in (0, 1):
        files = Volumed(tmp_path / "other")
        (tmp_path / "other").mkdir(exist_ok=True)
        volumes = Volumes(files, "normal")
        volumes.hold(str(tmp_path))
        volumes.hold(str(tmp_path / "other"))
        os.close(files.handles[lost])

        volumes.close()

        assert not is_open(files.handles[1 - lost])


def test_all_is_let_go_where_nobody_says_so(tmp_path: Path) -> None:
    """A transaction that nobody ends has its volumes until it is forgotten, and no longer."""
    files = Volumed(tmp_path / "other")
    volumes = Volumes(files, "normal")
    volumes.hold(str(tmp_path))

    del volumes

    assert not is_open(files.handles[0])


def test_the_first_descriptor_is_one_like_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where standard input is closed, the volume that is opened first has the number 0."""

    class First(Volumed):
        def open_volume(self, folder: str) -> int | None:
            self.opened.append(folder)
            return 0

    closed: list[int] = []
    files = First(tmp_path / "other")
    volumes = Volumes(files, "normal")
    volumes.hold(str(tmp_path))
    volumes.flush(str(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(os, "close", closed.append)
        volumes.close()

    assert [(str(tmp_path), 0)] == files.flushed
    assert [0] == closed


def test_a_system_without_open_volumes_has_nothing_to_hold(tmp_path: Path) -> None:
    """On Windows a flush is one of files: there is nothing to be opened, and nothing to close."""

    class Filewise(Volumed):
        def open_volume(self, folder: str) -> int | None:
            self.opened.append(folder)
            return None

    files = Filewise(tmp_path / "other")
    volumes = Volumes(files, "normal")

    volumes.hold(str(tmp_path))
    volumes.flush(str(tmp_path))
    volumes.close()

    assert [(str(tmp_path), None)] == files.flushed


def test_a_path_of_which_nothing_is_there_is_not_held(tmp_path: Path) -> None:
    """Not even the root stands where a drive of Windows is gone: then there is no volume."""

    class Gone(Volumed):
        looks = 0

        def status(self, path: str) -> os.stat_result | None:
            self.looks += 1
            assert self.looks < 100, f"it goes on for ever: {path}"
            return None

    files = Gone(tmp_path / "other")
    volumes = Volumes(files, "normal")

    volumes.hold(str(tmp_path))

    assert [] == files.opened


def test_an_error_of_the_disk_stays_known(tmp_path: Path) -> None:
    """The system tells it once: neither a later flush nor a later error takes it back."""

    class Failing(Volumed):
        number = 0

        def flush_volume(self, path: str, handle: int | None = None) -> None:
            super().flush_volume(path, handle)
            if self.number:
                raise OSError(self.number, os.strerror(self.number), path)

    files = Failing(tmp_path / "other")
    volumes = Volumes(files, "normal")
    told = []
    for files.number in (0, errno.EACCES, errno.EIO, errno.EACCES, 0):
        with pytest.raises(OSError, match="other") if files.number else nullcontext():
            volumes.flush(str(tmp_path / "other"))
        told.append(volumes.lost)

    assert [False, False, True, True, True] == told


@pytest.mark.posix("volumes can be opened, and descriptors counted")
def test_a_real_volume_can_be_held_and_flushed(tmp_path: Path) -> None:
    """The local file system opens each volume once, has it for each flush, and lets it go."""
    before = open_descriptors()
    volumes = Volumes(LocalFileSystem(), "normal")

    for _ in range(2):
        volumes.hold(str(tmp_path))
        assert before + 1 == open_descriptors()
    for _ in range(2):
        volumes.flush(str(tmp_path))
        assert before + 1 == open_descriptors()
    volumes.close()

    assert before == open_descriptors()
