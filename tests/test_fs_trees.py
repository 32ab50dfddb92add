"""Making missing parents and removing trees, never through a link."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from linkinstall.fs import local, trees
from linkinstall.fs.trees import (
    absolute,
    busy_in_tree,
    files_below,
    is_closed_to_others,
    make_folders,
    make_temporary_folder,
    read_if_readable,
    remove_files,
    remove_folder_if_empty,
    remove_named,
    remove_tree,
    remove_unused_folder,
    temporary_file,
    write_whole,
)
from tests.support.faulty import Closed, Denying, Recording
from tests.support.platforms import needs_modes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.support.faulty import Change

NOBODY = 65534


def test_missing_parents_are_made_and_told(tmp_path: Path) -> None:
    """What was made is told from the outside in, so that it can be taken back."""
    (tmp_path / "there").mkdir()

    made = make_folders(local(), f"{tmp_path}/there/a/b")

    assert [f"{tmp_path}/there/a", f"{tmp_path}/there/a/b"] == made
    assert (tmp_path / "there" / "a" / "b").is_dir()
    assert [] == make_folders(local(), f"{tmp_path}/there/a/b")


def test_on_a_drive_that_is_not_there_nothing_is_made() -> None:
    """Where not even a root stands, it is an error of the system, and no search without end."""

    class NoDrive(Denying):
        def __init__(self) -> None:
            super().__init__(local(), "make_folder", errno.ENOENT)
            vars(self)["status"] = lambda _path: None

    with pytest.raises(FileNotFoundError):
        make_folders(NoDrive(), "/a/b")


def test_a_folder_that_somebody_else_makes_meanwhile_is_taken(tmp_path: Path) -> None:
    """Whoever is faster, the folder is there, and only ours are told."""

    class Racing(Recording):
        def before(self, change: Change) -> None:
            super().before(change)
            if change.path.endswith("/first"):
                os.mkdir(change.path)

    made = make_folders(Racing(local()), f"{tmp_path}/first/second")

    assert [f"{tmp_path}/first/second"] == made
    assert (tmp_path / "first" / "second").is_dir()


def test_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    """Below a file no folder can be made, and nothing is made elsewhere."""
    (tmp_path / "file").touch()

    with pytest.raises(NotADirectoryError):
        make_folders(local(), f"{tmp_path}/file/a")


def test_a_tree_is_removed_and_links_are_not_followed(tmp_path: Path) -> None:
    """Everything below goes; what links point to stays."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    tree = tmp_path / "tree"
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "a" / "file").touch()
    (tree / "a" / "link").symlink_to(tmp_path / "kept")
    (tree / "dangling").symlink_to("absent")

    assert [] == remove_tree(local(), str(tree))

    assert ["kept"] == os.listdir(tmp_path)
    assert ["file"] == os.listdir(tmp_path / "kept")
    assert [] == remove_tree(local(), str(tree))


@pytest.mark.parametrize("kind", ["file", "link", "dangling"])
def test_what_is_no_folder_is_removed_itself(tmp_path: Path, kind: str) -> None:
    """A link that took the place of a folder goes alone: its target is somebody's."""
    (tmp_path / "kept" / "sub").mkdir(parents=True)
    (tmp_path / "kept" / "sub" / "precious").touch()
    path = tmp_path / kind
    if kind == "file":
        path.touch()
    else:
        path.symlink_to("kept" if kind == "link" else "absent")

    assert [] == remove_tree(local(), str(path))

    assert ["kept"] == os.listdir(tmp_path)
    assert (tmp_path / "kept" / "sub" / "precious").exists()


def test_what_cannot_be_removed_is_left_and_told(tmp_path: Path) -> None:
    """A busy file stays with the folders above it, and the rest goes."""
    (tmp_path / "tree" / "a").mkdir(parents=True)
    (tmp_path / "tree" / "b").mkdir()
    for path in ("a/busy", "a/idle", "b/idle"):
        (tmp_path / "tree" / path).touch()

    class Busy(Denying):
        def denies(self, change: Change) -> bool:
            return change.path.endswith("/busy")

    refused = remove_tree(Busy(local(), "unlink", errno.EBUSY), f"{tmp_path}/tree")

    expected = [(f"{tmp_path}/tree/a/busy", errno.EBUSY)]
    assert expected == [(path, error.errno) for path, error in refused]
    assert [("a", ["busy"])] == [
        (name, os.listdir(tmp_path / "tree" / name)) for name in os.listdir(tmp_path / "tree")
    ]


@pytest.fixture
def closed() -> Iterator[Path]:
    """Yield a tree with folders that their owner closed, as a user whom modes stop.

    A package of a build that marks what it installed as read-only looks like that.
    """
    with tempfile.TemporaryDirectory() as base:
        tree = Path(base, "tree")
        root = os.geteuid() == 0
        if root:
            os.chown(base, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        modes = {"read-only/inner": 0o555, "unseen": 0, "open/read-only": 0o500}
        for folder in modes:
            (tree / folder).mkdir(parents=True)
            (tree / folder / "file").touch()
        for folder, mode in (*modes.items(), ("read-only", 0o555)):
            (tree / folder).chmod(mode)
        try:
            yield tree
        finally:
            if root:
                os.seteuid(0)


@needs_modes
def test_folders_that_are_closed_to_their_owner_go_too(closed: Path) -> None:
    """What is to go goes, though its owner took the right to change it from himself.

    The entries of a read-only folder cannot be deleted, so after ``venv remove`` they
    waited in the trash for good, and each run called them busy.
    """
    assert [] == remove_tree(local(), str(closed))

    assert not closed.exists()


@needs_modes
def test_files_of_a_folder_that_is_closed_to_its_owner_go(closed: Path) -> None:
    """The files of a read-only folder go, and the folder is not made more than writable."""
    folder = closed / "open" / "read-only"

    assert [] == remove_files(local(), str(folder), ["file"])

    assert [] == os.listdir(folder)
    assert 0o700 == stat.S_IMODE(folder.stat().st_mode)


def test_a_file_that_is_protected_opens_no_folder(tmp_path: Path) -> None:
    """Where rights to the file itself are missing, it is told once, and nothing is opened."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file").touch()
    files = Denying(local(), "unlink", errno.EACCES)

    assert [errno.EACCES] == [error.errno for _, error in remove_tree(files, f"{tmp_path}/tree")]
    assert [("file", errno.EACCES)] == [
        (name, error.errno) for name, error in remove_files(files, f"{tmp_path}/tree", ["file"])
    ]


def test_a_folder_goes_only_if_it_is_empty(tmp_path: Path) -> None:
    """The answer is whether it is gone; a missing one is."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()

    assert remove_folder_if_empty(local(), f"{tmp_path}/empty")
    assert remove_folder_if_empty(local(), f"{tmp_path}/absent")
    assert not remove_folder_if_empty(local(), f"{tmp_path}/full")
    assert ["full"] == os.listdir(tmp_path)


def test_files_go_by_their_names_or_it_is_an_error(tmp_path: Path) -> None:
    """A file that is not there is no error; one that is refused is told by its path."""
    for name in ("one", "two"):
        (tmp_path / name).touch()

    remove_named(local(), str(tmp_path), ["one", "absent"])
    remove_named(local(), f"{tmp_path}/absent", ["one"])
    with pytest.raises(PermissionError) as caught:
        remove_named(Denying(local(), "unlink", errno.EACCES), str(tmp_path), ["two"])

    assert f"{tmp_path}/two" == caught.value.filename
    assert ["two"] == os.listdir(tmp_path)


def test_a_folder_that_nobody_uses_goes_or_is_an_error(tmp_path: Path) -> None:
    """What is in a folder, or in its place, is no error; an empty one that is refused is."""
    for name in ("empty", "refused", "full"):
        (tmp_path / name).mkdir()
    (tmp_path / "full" / "file").touch()
    (tmp_path / "file").touch()
    refusing = Denying(local(), "remove_folder", errno.EACCES)

    assert remove_unused_folder(local(), f"{tmp_path}/empty")
    assert remove_unused_folder(local(), f"{tmp_path}/absent")
    assert not remove_unused_folder(local(), f"{tmp_path}/full")
    assert not remove_unused_folder(refusing, f"{tmp_path}/full")
    assert not remove_unused_folder(local(), f"{tmp_path}/file")
    with pytest.raises(PermissionError):
        remove_unused_folder(refusing, f"{tmp_path}/refused")
    assert ["file", "full", "refused"] == sorted(os.listdir(tmp_path))


def test_what_is_open_in_a_tree_is_told_by_its_path_below(tmp_path: Path) -> None:
    """Each folder's files are asked for together, folders and links never."""
    (tmp_path / "tree" / "a" / "b").mkdir(parents=True)
    for path in ("tree/one", "tree/a/open", "tree/a/b/open"):
        (tmp_path / path).touch()
    asked = []

    def busy(folder: str, names: Sequence[str]) -> list[tuple[str, OSError]]:
        asked.append((folder.removeprefix(f"{tmp_path}/tree"), names))
        return [(name, OSError(name)) for name in names if name == "open"]

    files = Recording(local())
    setattr(files, "busy", busy)  # noqa: B010 - a fake

    assert ["a/open", "a/b/open"] == [path for path, _ in busy_in_tree(files, f"{tmp_path}/tree")]
    assert [("", ["one"]), ("/a", ["open"]), ("/a/b", ["open"])] == asked


@pytest.mark.posix("modes of folders")
def test_a_temporary_folder_is_ours_alone() -> None:
    """Each call makes another folder, which nobody else may enter."""
    first, second = make_temporary_folder(), make_temporary_folder()
    try:
        assert first != second
        assert 0o700 == os.stat(first).st_mode & 0o777
    finally:
        os.rmdir(first)
        os.rmdir(second)


def test_the_files_of_a_folder_are_named_with_what_leads_to_them(tmp_path: Path) -> None:
    """Every file below a folder is told by its path from there."""
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/one").touch()
    (tmp_path / "two").touch()

    assert ["/a/b/one", "/two"] == sorted(files_below(local(), str(tmp_path)))


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_a_link_is_one_of_the_files_of_a_folder(tmp_path: Path) -> None:
    """A link to a folder is told itself, and what it leads to is not."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a/one").touch()
    (tmp_path / "link").symlink_to("a")

    assert ["/a/one", "/link"] == sorted(files_below(local(), str(tmp_path)))


def test_a_folder_in_the_place_of_a_small_file_goes(tmp_path: Path) -> None:
    """What is written whole stands there afterwards, whatever stood there before.

    A folder in the place of a wheel's alias stopped each install of the wheel.
    """
    path = tmp_path / "alias"
    (path / "inner").mkdir(parents=True)

    write_whole(local(), str(path), b"data", str(tmp_path / "tmp"))

    assert b"data" == path.read_bytes()
    assert [] == os.listdir(tmp_path / "tmp")


def test_a_file_that_cannot_be_read_is_empty(tmp_path: Path) -> None:
    """What is no file says nothing; an error of the disk does not say that it is none."""

    def read(path: str) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO), path)

    (tmp_path / "file").write_bytes(b"data")

    assert b"data" == read_if_readable(local(), f"{tmp_path}/file")
    assert b"" == read_if_readable(local(), str(tmp_path))
    assert b"" == read_if_readable(local(), f"{tmp_path}/nothing")
    files = Recording(local())
    vars(files)["read"] = read
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        read_if_readable(files, f"{tmp_path}/file")


@needs_modes
def test_a_folder_that_cannot_be_looked_at_is_not_closed_to_others(tmp_path: Path) -> None:
    """Nothing is known of it: whoever asks has to look closer."""
    assert is_closed_to_others(local(), str(tmp_path), ["inner"])
    assert not is_closed_to_others(Closed(str(tmp_path)), str(tmp_path), ["inner"])


def test_a_temporary_file_is_had_where_one_can_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no name in its folder, and that there is no such folder is no error."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with_one = temporary_file()
    assert with_one is not None
    with with_one:
        assert 4 == with_one.write(b"said")

    assert [] == list(tmp_path.iterdir())
    monkeypatch.setattr(trees, "temporary_folder", lambda: str(tmp_path / "gone"))
    assert temporary_file() is None


@pytest.mark.posix("Windows drops a part with the `..` after it before it looks")
def test_a_path_with_a_parent_is_made_absolute_as_the_system_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder above a link is that above its target; a link at the end stays one.

    ``venv remove link/../env`` removed another environment than the one that ``ls`` shows there.
    """
    (tmp_path / "far" / "sub").mkdir(parents=True)
    (tmp_path / "far" / "last").symlink_to("sub")
    (tmp_path / "s").symlink_to("far/sub")
    monkeypatch.chdir(tmp_path)
    far = os.path.realpath(tmp_path / "far")

    expected = {
        "s/../env": f"{far}/env",
        "s/../last": f"{far}/last",
        "s/..//last/": f"{far}/last",
        "s/..": far,
        "s/.": f"{far}/sub",
        "s": str(tmp_path / "s"),
        "./s/": str(tmp_path / "s"),
        "": str(tmp_path),
        "/../x": "/x",
    }
    assert expected == {path: absolute(local(), path) for path in expected}


def test_a_temporary_file_is_made_without_a_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written into the folder for temporary files to find out whether that can be.

    ``tempfile`` does so where it has to choose the folder, and removes the file again: a cold
    install that was killed in between left it there, as the kill sweep found.
    """

    def asked() -> str:
        raise AssertionError

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.gettempdir", asked)

    stream = temporary_file()
    assert stream is not None
    with stream:
        assert 4 == stream.write(b"said")
