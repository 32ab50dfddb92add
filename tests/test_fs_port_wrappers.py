"""The wrappers of the port that tests use: they see every change and deny what they say."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from linkinstall.fs import local
from linkinstall.fs.port import FileSystem
from linkinstall.fs.posix import PosixFileSystem
from tests.support.faulty import (
    CHANGES,
    LOOKS,
    MADE_OF_THESE,
    Change,
    Faulty,
    Killed,
    LowLinks,
    NoClone,
    NoHardLinks,
    OtherVolume,
    Recording,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """Return a folder with files to place and a place for them."""
    (tmp_path / "from").mkdir()
    for name in ("a", "b", "c"):
        (tmp_path / "from" / name).write_bytes(b"contents of " + name.encode())
    (tmp_path / "to").mkdir()
    return str(tmp_path)


def errors(refused: list[tuple[str, OSError]]) -> list[tuple[str, int | None]]:
    """Return names and error numbers of refusals."""
    return [(name, error.errno) for name, error in refused]


def test_every_verb_of_the_port_is_known() -> None:
    """A verb that is added to the port has to be let through, or counted, by the wrappers."""
    verbs = {
        name
        for kind in (FileSystem, PosixFileSystem)
        for name, member in vars(kind).items()
        if callable(member) and not name.startswith("_")
    }
    counted = {verb for verb in CHANGES if not verb.startswith("_")}

    assert verbs == LOOKS | counted | MADE_OF_THESE | {"create", "flush_volume"}


def test_batches_are_taken_apart(folder: str) -> None:
    """Each placed and each removed file is a change of its own."""
    files = Recording(local())

    files.place("hardlink", f"{folder}/from", f"{folder}/to", ["a", "b"])
    files.unlink_all(f"{folder}/to", ["a", "b"])

    expected = [
        Change("hardlink", f"{folder}/to/a", f"{folder}/from/a"),
        Change("hardlink", f"{folder}/to/b", f"{folder}/from/b"),
        Change("unlink", f"{folder}/to/a"),
        Change("unlink", f"{folder}/to/b"),
    ]
    assert expected == files.changes


def test_a_copy_is_taken_apart(folder: str) -> None:
    """A copy is made, written and dated, and is the same in the end."""
    files = Recording(local())

    files.place("copy", f"{folder}/from", f"{folder}/to", ["a"])

    assert ["create", "write", "set_time"] == [change.verb for change in files.changes]
    with open(f"{folder}/to/a", "rb") as stream:
        assert b"contents of a" == stream.read()


@pytest.mark.parametrize(
    "call",
    [
        lambda files, folder: files.make_folder(f"{folder}/new"),
        lambda files, folder: files.write_new(f"{folder}/new", b"x"),
        lambda files, folder: files.set_time(f"{folder}/from/a", 1),
        lambda files, folder: files.inherit_group(f"{folder}/to", folder),
        lambda files, folder: files.place("symlink", f"{folder}/from", f"{folder}/to", ["a"]),
        lambda files, folder: files.link_new(f"{folder}/from/a", f"{folder}/new"),
        lambda files, folder: files.rename(f"{folder}/from/a", f"{folder}/new"),
        lambda files, folder: files.rename_new(f"{folder}/from/a", f"{folder}/new"),
        lambda files, folder: files.unlink(f"{folder}/from/a"),
        lambda files, folder: files.unlink_all(f"{folder}/from", ["a"]),
        lambda files, folder: files.remove_folder(f"{folder}/to"),
        lambda files, folder: files.flush_volume(folder),
    ],
)
def test_a_kill_comes_before_each_change(
    folder: str, call: Callable[[FileSystem, str], object]
) -> None:
    """Whatever the verb, the killed call has changed nothing, and no later one does."""
    before = {path: os.listdir(f"{folder}/{path}") for path in ("", "from", "to")}
    files = Faulty(local(), at=0)

    with pytest.raises(Killed):
        call(files, folder)
    with pytest.raises(Killed):
        files.make_folder(f"{folder}/late")

    assert files.fired
    assert before == {path: os.listdir(f"{folder}/{path}") for path in ("", "from", "to")}


def test_an_error_comes_once_or_from_then_on(folder: str) -> None:
    """The N-th change fails, the others do not; with ``lasting`` the later ones do too."""
    once = Faulty(local(), at=1, error=errno.EMLINK)
    lasting = Faulty(local(), at=1, error=errno.EMLINK, lasting=True)
    os.mkdir(f"{folder}/to2")

    first = once.place("hardlink", f"{folder}/from", f"{folder}/to", ["a", "b", "c"])
    second = lasting.place("hardlink", f"{folder}/from", f"{folder}/to2", ["a", "b", "c"])

    assert [("b", errno.EMLINK)] == errors(first)
    assert [("b", errno.EMLINK), ("c", errno.EMLINK)] == errors(second)


def test_an_error_in_a_write_leaves_an_unfinished_file(folder: str) -> None:
    """The disk can be full when a file has been made and is not written yet."""
    files = Faulty(local(), at=1, error=errno.ENOSPC)

    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        files.write_new(f"{folder}/new", b"contents")

    assert 0 == os.stat(f"{folder}/new").st_size


def test_a_fault_that_was_not_reached_says_so(folder: str) -> None:
    """A sweep notices that it went past the last change."""
    files = Faulty(local(), at=1, error=errno.EIO)

    files.make_folder(f"{folder}/new")

    assert not files.fired


def test_low_links_allows_so_many(folder: str) -> None:
    """A file takes links up to the limit and is refused by EMLINK beyond it."""
    files = LowLinks(local(), 2)

    assert [] == files.place("hardlink", f"{folder}/from", f"{folder}/to", ["a"])
    with pytest.raises(FileExistsError):
        files.rename_new(f"{folder}/to/a", f"{folder}/from/a")
    os.mkdir(f"{folder}/more")
    refused = files.place("hardlink", f"{folder}/from", f"{folder}/more", ["a", "b"])

    assert [("a", errno.EMLINK)] == errors(refused)
    assert 2 == files.link_limit(folder)


def test_other_volume_is_seen_and_refuses(folder: str) -> None:
    """From one volume to the other nothing is linked or renamed, within each everything."""
    files = OtherVolume(local(), f"{folder}/to")

    refused = files.place("hardlink", f"{folder}/from", f"{folder}/to", ["a"])
    with pytest.raises(OSError, match=os.strerror(errno.EXDEV)):
        files.rename(f"{folder}/from/a", f"{folder}/to/a")
    assert [] == files.place("copy", f"{folder}/from", f"{folder}/to", ["a"])
    files.rename(f"{folder}/to/a", f"{folder}/to/b")
    here, there = files.status(f"{folder}/from"), files.status(f"{folder}/to")

    assert [("a", errno.EXDEV)] == errors(refused)
    assert here is not None
    assert there is not None
    assert here.st_dev != there.st_dev
    real = os.lstat(f"{folder}/to")
    assert (real.st_ino, real.st_mtime_ns) == (there.st_ino, there.st_mtime_ns)
    assert [there.st_dev] == [one and one.st_dev for one in files.statuses(f"{folder}/to", ["b"])]


def test_a_hidden_volume_has_the_same_device(folder: str) -> None:
    """A bind mount refuses links as well, but no device number tells it."""
    files = OtherVolume(local(), f"{folder}/to", hidden=True)
    here, there = files.status(f"{folder}/from"), files.status(f"{folder}/to")

    assert here is not None
    assert there is not None
    assert here.st_dev == there.st_dev
    refused = files.place("hardlink", f"{folder}/from", f"{folder}/to", ["a"])
    assert [("a", errno.EXDEV)] == errors(refused)


def test_wrappers_can_be_put_into_one_another(folder: str) -> None:
    """What one denies the other has noted, and a third way is open."""
    files = Recording(NoClone(NoHardLinks(local())))

    for mode, number in (("clone", errno.ENOTSUP), ("hardlink", errno.EPERM)):
        refused = files.place(mode, f"{folder}/from", f"{folder}/to", ["a"])
        assert [("a", number)] == errors(refused)
    assert [] == files.place("copy", f"{folder}/from", f"{folder}/to", ["a"])

    verbs = ["clone", "hardlink", "create", "write", "set_time"]
    assert verbs == [change.verb for change in files.changes]
