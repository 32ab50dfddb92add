"""The verbs of the port, asked of the plain implementation and of this platform's alike."""

from __future__ import annotations

import errno
import os
import stat
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from linkinstall.fs import local
from linkinstall.fs.named import VOLUME_REFUSALS
from linkinstall.fs.port import (
    FILE,
    FOLDER,
    LINK,
    OTHER,
    FileSystem,
)
from linkinstall.fs.posix import PosixFileSystem
from tests.support.faulty import Denying, NoHardLinks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOMENT = 1_600_000_000_123_456_789


@pytest.fixture(params=[FileSystem, PosixFileSystem])
def files(request: pytest.FixtureRequest) -> FileSystem:
    """Return each implementation in turn."""
    made = request.param()
    assert isinstance(made, FileSystem)
    return made


@pytest.fixture
def umask() -> Iterator[int]:
    """Set a umask that takes execution from others."""
    before = os.umask(0o027)
    yield 0o027
    os.umask(before)


def mode_of(path: Path) -> int:
    """Return a file's permissions."""
    return stat.S_IMODE(path.lstat().st_mode)


def names(folder: Path) -> list[str]:
    """Return what is in a folder."""
    return sorted(os.listdir(folder))


# -------------------------------------------------------------------- look


def test_status_tells_of_the_link_and_not_of_its_target(files: FileSystem, tmp_path: Path) -> None:
    """What stands at a path is told without following it; nothing there is None."""
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "file").write_bytes(b"abc")

    link, file = files.status(f"{tmp_path}/link"), files.status(f"{tmp_path}/file")

    assert link is not None
    assert stat.S_ISLNK(link.st_mode)
    assert file is not None
    assert 3 == file.st_size
    assert files.status(f"{tmp_path}/absent") is None
    assert files.status(f"{tmp_path}/file/below") is None


def test_statuses_come_in_the_order_of_the_names(files: FileSystem, tmp_path: Path) -> None:
    """One status for each name, None for what is missing."""
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"22")

    found = files.statuses(str(tmp_path), ["b", "absent", "a"])

    assert [2, None, 1] == [status and status.st_size for status in found]


def test_statuses_of_names_that_no_volume_has_are_none(files: FileSystem, tmp_path: Path) -> None:
    """What a manifest names may be longer than any name: nothing is there.

    `cache verify` of a manifest that had been tampered with ended with "File name too long".
    """
    (tmp_path / "a").touch()
    long = "x" * 5_000

    found = files.statuses(str(tmp_path), [long, "a"])

    assert [True, False] == [one is None for one in found]
    assert [None] == files.statuses(f"{tmp_path}/{long}", ["a"])


@pytest.mark.parametrize("folder", ["absent", "file"])
def test_statuses_in_no_folder_are_none(files: FileSystem, tmp_path: Path, folder: str) -> None:
    """Where there is no folder there is nothing in it."""
    (tmp_path / "file").touch()

    assert [None, None] == files.statuses(f"{tmp_path}/{folder}", iter(["a", "b"]))


def test_a_name_too_long_for_the_volume_is_not_there(files: FileSystem, tmp_path: Path) -> None:
    """What a volume can have no name for is absent; it was an error, whoever had written it."""
    assert files.status(f"{tmp_path}/{'x' * 300}") is None


def test_scan_tells_the_kinds_sorted(files: FileSystem, tmp_path: Path) -> None:
    """Folders, files, links (to folders too) and everything else are told apart."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "a link").symlink_to("folder")
    os.mkfifo(tmp_path / "pipe")

    expected = [("a link", LINK), ("file", FILE), ("folder", FOLDER), ("pipe", OTHER)]
    assert expected == files.scan(str(tmp_path))


def test_read_has_a_bound(files: FileSystem, tmp_path: Path) -> None:
    """A file larger than the bound is refused by EFBIG and its name, one as large is read."""
    path = tmp_path / "file"
    path.write_bytes(b"12345")

    assert b"12345" == files.read(str(path), 5)
    with pytest.raises(OSError, match=os.strerror(errno.EFBIG)) as caught:
        files.read(str(path), 4)
    assert (errno.EFBIG, str(path)) == (caught.value.errno, caught.value.filename)


def test_links_are_read_as_written(files: FileSystem, tmp_path: Path) -> None:
    """The target of a link is told as it stands there; the real path has no link left."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")

    assert "folder" == files.read_link(f"{tmp_path}/link")
    assert f"{tmp_path}/folder/absent" == files.real_path(f"{tmp_path}/link/absent")


def test_open_read_gives_the_contents(files: FileSystem, tmp_path: Path) -> None:
    """A file is opened for reading from its beginning."""
    (tmp_path / "file").write_bytes(b"abc")

    with files.open_read(f"{tmp_path}/file") as stream:
        assert b"abc" == stream.read()
        assert not stream.writable()


def test_the_umask_is_told_and_left(files: FileSystem, umask: int) -> None:
    """Asking for the umask does not change it."""
    assert umask == files.umask()
    assert umask == files.umask()


def test_asking_for_the_umask_in_many_threads_leaves_it(files: FileSystem, umask: int) -> None:
    """However many threads ask, each is told the umask, and it stays.

    Two threads that set and put it back at the same time left the umask of the one's
    asking behind: from then on the caller's whole process made files with other modes.
    """
    told: set[int] = set()
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def ask() -> None:
        told.update(files.umask() for _ in range(2_000))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    try:
        for thread in threads:
            thread.start()
    finally:
        for thread in threads:
            thread.join()
        sys.setswitchinterval(before)

    assert {umask} == told
    assert umask == files.umask()


def test_a_file_may_have_many_links(files: FileSystem, tmp_path: Path) -> None:
    """The bound of links is known, and leaves room for some."""
    assert files.link_limit(str(tmp_path)) > 1


# -------------------------------------------------------------------- make


def test_new_files_have_the_modes_that_installer_gives(
    files: FileSystem, tmp_path: Path, umask: int
) -> None:
    """A plain file has 0o666 less the umask; an executable has every execute bit besides."""
    files.write_new(f"{tmp_path}/plain", b"")
    files.write_new(f"{tmp_path}/program", b"", executable=True)

    assert 0o666 & ~umask == mode_of(tmp_path / "plain")
    assert 0o777 & ~umask | 0o111 == mode_of(tmp_path / "program")


def test_write_new_returns_the_status_of_what_it_wrote(files: FileSystem, tmp_path: Path) -> None:
    """The status is that of the finished file."""
    status = files.write_new(f"{tmp_path}/file", b"contents")

    assert b"contents" == (tmp_path / "file").read_bytes()
    there = (tmp_path / "file").stat()
    assert (8, there.st_ino, there.st_mtime_ns) == (
        status.st_size,
        status.st_ino,
        status.st_mtime_ns,
    )


@pytest.mark.parametrize("standing", ["file", "folder", "link", "dangling"])
def test_making_replaces_nothing(files: FileSystem, tmp_path: Path, standing: str) -> None:
    """A name that is taken, if only by a dangling link, is refused and left as it is."""
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("absent")
    path = f"{tmp_path}/{standing}"

    with pytest.raises(FileExistsError):
        files.write_new(path, b"new")
    with pytest.raises(FileExistsError):
        files.make_folder(path)
    with pytest.raises(FileExistsError):
        files.rename_new(f"{tmp_path}/file", path)

    assert b"old" == (tmp_path / "file").read_bytes()
    assert ["dangling", "file", "folder", "link"] == names(tmp_path)


def test_set_time_sets_nanoseconds(files: FileSystem, tmp_path: Path) -> None:
    """The time of a file is exact, so that it can tell one unpacking from another."""
    (tmp_path / "file").touch()

    files.set_time(f"{tmp_path}/file", MOMENT)

    assert MOMENT == (tmp_path / "file").stat().st_mtime_ns


# -------------------------------------------------------------------- place


def make_origin(folder: Path) -> Path:
    """Make a folder with a file and a program to place."""
    origin = folder / "origin"
    origin.mkdir()
    (origin / "plain").write_bytes(b"plain\n" * 1000)
    (origin / "program").write_bytes(b"program\n")
    (origin / "program").chmod(0o755)
    for path in origin.iterdir():
        os.utime(path, ns=(MOMENT, MOMENT))
    (folder / "target").mkdir()
    return origin


@pytest.mark.parametrize("mode", ["hardlink", "symlink", "copy"])
def test_place_puts_files_there(files: FileSystem, tmp_path: Path, mode: str) -> None:
    """Each way of linking gives the contents, the time and the execute bits of the source."""
    origin = make_origin(tmp_path)

    refused = files.place(mode, str(origin), f"{tmp_path}/target", ["plain", "program"])

    assert [] == refused
    for name in ("plain", "program"):
        placed = tmp_path / "target" / name
        assert (origin / name).read_bytes() == placed.read_bytes()
        assert MOMENT == placed.stat().st_mtime_ns
        assert os.access(placed, os.X_OK) == (name == "program")
        assert (mode == "symlink") == placed.is_symlink()
        assert (mode == "copy") != placed.samefile(origin / name)


@pytest.mark.parametrize("mode", ["hardlink", "symlink", "copy"])
def test_place_never_replaces(files: FileSystem, tmp_path: Path, mode: str) -> None:
    """A name that is taken is an error with the whole path, and nothing is overwritten."""
    origin = make_origin(tmp_path)
    taken = tmp_path / "target" / "program"
    taken.write_bytes(b"somebody's")

    with pytest.raises(FileExistsError) as caught:
        files.place(mode, str(origin), f"{tmp_path}/target", ["plain", "program"])

    assert str(taken) == caught.value.filename
    assert b"somebody's" == taken.read_bytes()


@pytest.mark.parametrize("mode", ["hardlink", "copy"])
def test_place_reports_a_missing_source(files: FileSystem, tmp_path: Path, mode: str) -> None:
    """A file that the cache has lost is an error, not something to link in another way."""
    origin = make_origin(tmp_path)

    with pytest.raises(FileNotFoundError):
        files.place(mode, str(origin), f"{tmp_path}/target", ["absent"])


def test_a_hard_link_to_a_link_is_one_to_the_link(files: FileSystem, tmp_path: Path) -> None:
    """A source that is a link is not followed."""
    origin = make_origin(tmp_path)
    (origin / "link").symlink_to("plain")

    assert [] == files.place("hardlink", str(origin), f"{tmp_path}/target", ["link"])
    assert "plain" == os.readlink(tmp_path / "target" / "link")


def test_refusals_come_item_by_item(tmp_path: Path) -> None:
    """What one file is refused for does not keep the others from being placed."""
    origin = make_origin(tmp_path)
    (origin / "third").touch()

    class OneFile(Denying):
        def denies(self, change: object) -> bool:
            return str(getattr(change, "path", "")).endswith("/program")

    files = OneFile(local(), "hardlink", errno.EMLINK)
    refused = files.place("hardlink", str(origin), f"{tmp_path}/target", sorted(os.listdir(origin)))

    assert [("program", errno.EMLINK)] == [(name, error.errno) for name, error in refused]
    assert ["plain", "third"] == names(tmp_path / "target")


def test_a_volume_without_clones_refuses_each(tmp_path: Path) -> None:
    """The plain implementation cannot clone, and says so in a way that steps down the chain."""
    origin = make_origin(tmp_path)

    refused = FileSystem().place("clone", str(origin), f"{tmp_path}/target", ["plain", "program"])

    assert ["plain", "program"] == [name for name, _ in refused]
    assert {errno.ENOTSUP} == {error.errno for _, error in refused} & VOLUME_REFUSALS
    assert [] == names(tmp_path / "target")


def test_link_new_gives_a_second_name(files: FileSystem, tmp_path: Path) -> None:
    """A file gets a second name and keeps its first; a name that is taken is refused."""
    (tmp_path / "file").write_bytes(b"abc")
    (tmp_path / "taken").write_bytes(b"somebody's")

    files.link_new(f"{tmp_path}/file", f"{tmp_path}/second")

    assert (tmp_path / "second").samefile(tmp_path / "file")
    with pytest.raises(FileExistsError):
        files.link_new(f"{tmp_path}/file", f"{tmp_path}/taken")
    assert b"somebody's" == (tmp_path / "taken").read_bytes()


def test_link_new_moves_where_there_are_no_links(tmp_path: Path) -> None:
    """On a volume without hard links the file is moved, and still nothing is replaced."""
    (tmp_path / "file").write_bytes(b"abc")
    (tmp_path / "taken").write_bytes(b"somebody's")
    files = NoHardLinks(local())

    with pytest.raises(FileExistsError):
        files.link_new(f"{tmp_path}/file", f"{tmp_path}/taken")
    files.link_new(f"{tmp_path}/file", f"{tmp_path}/second")

    assert ["second", "taken"] == names(tmp_path)
    assert b"abc" == (tmp_path / "second").read_bytes()
    assert b"somebody's" == (tmp_path / "taken").read_bytes()


@pytest.mark.parametrize("number", [errno.EXDEV, errno.ENOSPC])
def test_link_new_raises_what_a_move_would_not_mend(tmp_path: Path, number: int) -> None:
    """From one volume to another, or on a full disk, the file stays where it is."""
    (tmp_path / "file").touch()

    with pytest.raises(OSError, match=os.strerror(number)):
        NoHardLinks(local(), number).link_new(f"{tmp_path}/file", f"{tmp_path}/second")
    assert ["file"] == names(tmp_path)


# -------------------------------------------------------------------- move and drop


def test_rename_replaces_a_file_in_one_step(files: FileSystem, tmp_path: Path) -> None:
    """A file that is renamed over another takes its place."""
    (tmp_path / "new").write_bytes(b"new")
    (tmp_path / "old").write_bytes(b"old")

    files.rename(f"{tmp_path}/new", f"{tmp_path}/old")

    assert ["old"] == names(tmp_path)
    assert b"new" == (tmp_path / "old").read_bytes()


def test_a_folder_does_not_replace_an_empty_one(files: FileSystem, tmp_path: Path) -> None:
    """Somebody's empty folder, which rename(2) would replace silently, is left."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    (tmp_path / "somebody's").mkdir()

    with pytest.raises(FileExistsError):
        files.rename_new(f"{tmp_path}/mine", f"{tmp_path}/somebody's")
    files.rename_new(f"{tmp_path}/mine", f"{tmp_path}/free")

    assert ["free", "somebody's"] == names(tmp_path)


def test_unlink_removes_the_link_and_not_its_target(files: FileSystem, tmp_path: Path) -> None:
    """What a link points to stays, whether it is removed alone or with others."""
    (tmp_path / "kept").write_bytes(b"kept")
    (tmp_path / "first").symlink_to("kept")
    (tmp_path / "second").symlink_to("kept")

    files.unlink(f"{tmp_path}/first")
    assert [] == files.unlink_all(str(tmp_path), ["second"])

    assert ["kept"] == names(tmp_path)


def test_unlink_all_takes_what_is_there(files: FileSystem, tmp_path: Path) -> None:
    """A missing name is no error, a folder is a refusal, and the others go."""
    for name in ("a", "b"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()

    refused = files.unlink_all(str(tmp_path), ["a", "absent", "folder", "b"])

    assert ["folder"] == [name for name, _ in refused]
    assert ["folder"] == names(tmp_path)


@pytest.mark.parametrize("folder", ["absent", "file"])
def test_unlink_all_in_no_folder_does_nothing(
    files: FileSystem, tmp_path: Path, folder: str
) -> None:
    """Where there is no folder there is nothing to remove."""
    (tmp_path / "file").touch()

    assert [] == files.unlink_all(f"{tmp_path}/{folder}", ["a"])


def test_only_an_empty_folder_is_removed(files: FileSystem, tmp_path: Path) -> None:
    """A folder that holds something stays with what it holds."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    (tmp_path / "empty").mkdir()

    files.remove_folder(f"{tmp_path}/empty")
    with pytest.raises(OSError, match=os.strerror(errno.ENOTEMPTY)):
        files.remove_folder(f"{tmp_path}/full")

    assert ["full"] == names(tmp_path)


def test_the_file_system_of_this_machine_is_one_object() -> None:
    """The port is chosen once, by the platform."""
    assert local() is local()
    assert isinstance(local(), PosixFileSystem) == (os.name == "posix")
