"""Tests of ``linkinstall.venvs.aside``."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from linkinstall.fs import local
from linkinstall.venvs.aside import Aside
from linkinstall.venvs.settling import settle
from linkinstall.venvs.sight import INNER, MAKING, state_folders
from tests.support.faulty import Denying, Faulty, Killed, LocalFileSystem, Recording
from tests.support.platforms import needs_names
from tests.support.venvs import LIBRARY, Held, contents, make_venv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from linkinstall.fs.port import FileSystem
    from tests.support.faulty import Change

    Act = Callable[[Path, FileSystem], object]
    Disk = Callable[[Path], FileSystem]


class NoWhole(Denying):
    """The folder of the environment cannot be renamed, nor those of libraries and scripts."""

    def __init__(self, inner: FileSystem, place: Path) -> None:
        super().__init__(inner, "rename_new", errno.EACCES)
        self.folders = {str(place / name) for name in ("", "lib", "bin")}

    def denies(self, change: Change) -> bool:
        """Return whether one of these folders would be moved."""
        return super().denies(change) and change.source in self.folders


class Narrow(Denying):
    """One folder cannot be made."""

    def __init__(self, inner: FileSystem, folder: str) -> None:
        super().__init__(inner, "make_folder", errno.EACCES)
        self.folder = folder

    def denies(self, change: Change) -> bool:
        """Return whether it is this folder."""
        return super().denies(change) and change.path == self.folder


class Staying(Denying):
    """A file of one name cannot be removed."""

    def __init__(self, name: str) -> None:
        super().__init__(local(), "unlink", errno.EIO)
        self.name = name

    def denies(self, change: Change) -> bool:
        """Return whether it is this file."""
        return super().denies(change) and os.path.basename(change.path) == self.name


def aside_of(place: Path, files: FileSystem | None = None) -> Aside:
    """Return what takes a place aside."""
    return Aside(files or local(), str(place), sync="normal")


def remove(place: Path, files: FileSystem | None = None) -> Aside:
    """Take a place aside, commit and finish."""
    aside = aside_of(place, files)
    aside.begin("remove")
    aside.take()
    aside.commit()
    aside.finish()
    return aside


def make_anew(place: Path, files: FileSystem | None = None) -> Aside:
    """Take a place aside and make something new there, up to the commit point."""
    aside = aside_of(place, files)
    aside.begin("clear")
    aside.take()
    aside.mark()
    fill(aside.files, place)
    return aside


def fill(files: FileSystem, place: Path) -> None:
    """Make a new environment at a place, through the port."""
    files.make_folder(f"{place}/bin")
    files.write_new(f"{place}/bin/python", b"new\n")
    files.write_new(f"{place}/pyvenv.cfg", b"home = /new\n")
    files.make_folder(f"{place}/include")


NEW = {"bin/": "", "bin/python": "new\n", "pyvenv.cfg": "home = /new\n", "include/": ""}


def test_the_whole_folder_goes_in_one_rename(tmp_path: Path) -> None:
    """Where the system lets it, a removal is one rename before the commit point."""
    files = Recording(local())
    place = make_venv(tmp_path / ".venv")

    remove(place, files)

    moved = [change.source for change in files.changes if change.verb == "rename_new"]
    assert [str(place)] == moved
    assert {} == contents(tmp_path)


def test_what_is_taken_aside_can_be_put_back(tmp_path: Path) -> None:
    """Before the commit point everything is where it was again."""
    place = make_venv(tmp_path / ".venv")
    before = contents(tmp_path)
    aside = aside_of(place)
    aside.begin("remove")
    aside.take()
    assert not place.exists()

    aside.put_back()
    aside.sweep()

    assert before == contents(tmp_path)


def test_scripts_go_first_and_the_settings_last(tmp_path: Path) -> None:
    """What may be busy goes first, so that a refusal comes early; pyvenv.cfg goes last."""
    place = make_venv(tmp_path / ".venv")
    files = Recording(NoWhole(local(), place))
    aside = aside_of(place, files)
    aside.begin("remove")

    aside.take()

    moved = [
        os.path.relpath(change.source, place)
        for change in files.changes
        if change.verb == "rename_new" and os.path.dirname(change.source) == str(place)
    ]
    assert ["bin", "include", "pyvenv.cfg"] == [one for one in moved if not one.startswith("lib")]


def test_a_running_image_is_moved_out_of_its_folder(tmp_path: Path) -> None:
    """A folder with a running image in it cannot be renamed on Windows; the image can.

    It is still busy after the commit point, is told with its old path, and goes with the
    next run (uv issue 13986).
    """
    place = make_venv(tmp_path / ".venv")
    files = Held(local(), place / "bin" / "tool.exe", running=True)
    aside = aside_of(place, files)
    aside.begin("remove")
    aside.take()
    aside.commit()

    pending = aside.finish()

    assert not place.exists()
    assert [str(place / "bin" / "tool.exe")] == [one.path for one in pending]
    assert b"MZ tool" == local().read(pending[0].moved_to)
    assert "*" in (tmp_path / ".linkinstall-.venv" / ".gitignore").read_text().splitlines()

    again = settle(local(), str(place))

    assert ((), {}) == (again.pending, contents(tmp_path))


def test_a_file_that_cannot_be_moved_puts_everything_back(tmp_path: Path) -> None:
    """A file that is open without delete sharing refuses the whole removal."""
    place = make_venv(tmp_path / ".venv")
    before = contents(tmp_path)
    files = Held(local(), place / LIBRARY / "pkg" / "__init__.py")
    aside = aside_of(place, files)
    aside.begin("remove")

    with pytest.raises(PermissionError, match="__init__"):
        aside.take()
    aside.put_back()
    aside.sweep()

    assert before == contents(tmp_path)


def test_what_was_kept_inside_stays(tmp_path: Path) -> None:
    """Where a state folder is inside already, so is the next one: what is kept there stays.

    It was taken along with the environment, and deleted with that.
    """
    place = make_venv(tmp_path / "v")
    kept = place / INNER / "kept-0"
    kept.mkdir(parents=True)
    (kept / "mine.txt").write_text("mine")
    remove(place)

    assert "mine" == (kept / "mine.txt").read_text()
    assert [INNER] == os.listdir(place)


def test_where_no_folder_can_be_made_beside_it_the_state_is_inside(tmp_path: Path) -> None:
    """A place whose parent cannot be written is emptied from inside."""
    place = make_venv(tmp_path / ".venv")
    files = Narrow(local(), state_folders(str(place))[0])
    aside = aside_of(place, files)
    aside.begin("remove")
    assert str(place / INNER) == aside.state
    aside.take()
    assert [INNER] == os.listdir(place)
    aside.commit()

    assert [] == aside.finish()
    assert not place.exists()


@pytest.mark.parametrize("verb", ["create", "write"])
def test_a_state_folder_that_cannot_be_written_is_none(tmp_path: Path, verb: str) -> None:
    """Nothing lies beside an environment of which it is said that it is as it was.

    An empty folder of ours stayed (found by ``make faults``).
    """
    place = make_venv(tmp_path / ".venv")
    before = contents(tmp_path)

    with pytest.raises(OSError, match="gitignore"):
        aside_of(place, Denying(local(), verb, errno.EIO)).begin("remove")

    assert before == contents(tmp_path)


def test_a_mount_of_the_same_volume_is_emptied_from_inside(tmp_path: Path) -> None:
    """Nothing can be renamed out of a bind mount, though the volume is the same.

    ``venv clear`` and ``venv remove`` ended with "Invalid cross-device link", each time.
    """

    class Mounted(LocalFileSystem):
        def mount_points(self) -> set[str]:
            return {"/", str(place)}

    place = make_venv(tmp_path / ".venv")
    aside = aside_of(place, Mounted())
    aside.begin("remove")

    assert str(place / INNER) == aside.state


def test_the_folders_on_the_way_go_with_what_was_made_there(tmp_path: Path) -> None:
    """Where nothing comes of it, nothing stays, but what somebody has put there meanwhile.

    A ``venv create a/b/c`` that failed left ``a/b``, and said that nothing was changed.
    """
    (tmp_path / "a").mkdir()
    place = tmp_path / "a" / "b" / "c" / "v"
    aside = aside_of(place)
    aside.begin("create")
    aside.mark()
    (tmp_path / "a" / "b" / "theirs").touch()

    aside.put_back()
    aside.sweep()
    aside.drop_made()

    assert ["b"] == os.listdir(tmp_path / "a")
    assert ["theirs"] == os.listdir(tmp_path / "a" / "b")


LONG = "n" * 245
"""A name that a folder may have, and that nothing as long as our prefix fits before."""


def create(place: Path, files: FileSystem | None = None) -> Aside:
    """Make something new where nothing is, up to the commit point."""
    aside = aside_of(place, files)
    aside.begin("create")
    aside.mark()
    fill(aside.files, place)
    return aside


@needs_names
def test_where_the_name_is_too_long_for_a_state_beside_it_the_place_is_made_first(
    tmp_path: Path,
) -> None:
    """What can be made by mkdir can be made by us; the state lies in it, and goes.

    The command ended with "File name too long" for a path that nobody had typed.
    """
    aside = create(tmp_path / LONG)

    assert str(tmp_path / LONG / INNER) == aside.state
    aside.commit()
    aside.finish()
    assert [LONG] == os.listdir(tmp_path)
    assert NEW == contents(tmp_path / LONG)
    remove(tmp_path / LONG)
    assert [] == os.listdir(tmp_path)


@needs_names
def test_a_name_that_no_folder_can_have_is_the_one_that_is_told(tmp_path: Path) -> None:
    """The error is about the path that was typed; folders made on the way go again."""
    place = tmp_path / "a" / ("n" * 256)
    aside = aside_of(place)

    with pytest.raises(OSError, match="too long") as caught:
        aside.begin("create")
    aside.drop_made()

    assert str(place) == caught.value.filename
    assert [] == os.listdir(tmp_path)


@needs_names
def test_a_place_that_was_made_for_its_state_goes_with_it(tmp_path: Path) -> None:
    """Whichever change fails, nothing stays of what was absent before."""
    for number in range(1_000):
        root = tmp_path / f"{number}"
        root.mkdir()
        files = Faulty(local(), number, errno.EIO)
        aside = aside_of(root / "a" / LONG, files)
        try:
            aside.begin("create")
            aside.mark()
            fill(files, root / "a" / LONG)
            aside.commit()
        except OSError:
            if aside.state:
                aside.put_back()
                aside.sweep(others=False)
            aside.drop_made()
            assert {} == contents(root), number
        if not files.fired:
            assert number > 10, "too few changes to be true"
            return


@pytest.mark.parametrize("older", [False, True])
def test_the_error_that_decides_where_the_state_goes_is_not_hidden(
    tmp_path: Path, *, older: bool
) -> None:
    """A folder beside the place that takes no file is left, whatever tidying it up meets.

    An error of the tidying took the place of the first one, and the verb failed; and in an older
    state folder the .gitignore went.
    """
    place = make_venv(tmp_path / ".venv")
    beside = state_folders(str(place))[0]
    removed: list[str] = []

    class Refusing(LocalFileSystem):
        def write_new(self, path: str, data: bytes, *, executable: bool = False) -> os.stat_result:
            if path.startswith(beside):
                raise OSError(errno.EACCES, os.strerror(errno.EACCES), path)
            return super().write_new(path, data, executable=executable)

        def unlink_all(self, folder: str, names: Iterable[str]) -> list[tuple[str, OSError]]:
            if folder == beside:
                removed.append(folder)
                raise OSError(errno.EIO, os.strerror(errno.EIO), folder)
            return super().unlink_all(folder, names)

    if older:
        os.makedirs(f"{beside}/1")
    aside = aside_of(place, Refusing())
    aside.begin("remove")

    assert str(place / INNER) == aside.state
    assert older == os.path.exists(f"{beside}/1")
    assert [beside] * (not older) == removed


def test_what_says_that_it_is_being_made_goes_before_what_says_that_it_is_made(
    tmp_path: Path,
) -> None:
    """A new environment in which the mark stays is not finished: the next run takes it off.

    It counted as finished, and the next change that was put back took the environment away.
    """
    place = make_venv(tmp_path / ".venv")
    aside = make_anew(place, Staying(MAKING))
    aside.commit()

    with pytest.raises(OSError, match=MAKING):
        aside.finish()
    assert ["finished"] == [one.action for one in settle(local(), str(place)).recovered]

    assert NEW == contents(place)
    assert [".venv"] == os.listdir(tmp_path)


@pytest.mark.parametrize("name", [MAKING, "journal"])
def test_what_cannot_be_put_back_whole_is_an_error(tmp_path: Path, name: str) -> None:
    """It is unsettled as long as its journal or its mark stays; the next run puts it back."""
    place = make_venv(tmp_path / ".venv")
    before = contents(tmp_path)
    aside = make_anew(place, Staying(name))

    with pytest.raises(OSError, match=name):
        aside.put_back()
    assert ["rolled-back"] == [one.action for one in settle(local(), str(place)).recovered]

    assert before == contents(tmp_path)


def test_a_commit_that_stays_is_finished_again(tmp_path: Path) -> None:
    """What is deleted already is deleted again without harm, and then the commit goes."""
    place = make_venv(tmp_path / ".venv")

    with pytest.raises(OSError, match="committed"):
        remove(place, Staying("committed"))
    assert ["finished"] == [one.action for one in settle(local(), str(place)).recovered]

    assert [] == os.listdir(tmp_path)


def test_what_was_made_anew_stays(tmp_path: Path) -> None:
    """After the commit point the new environment stands there whole, its empty folders too."""
    place = make_venv(tmp_path / ".venv")
    aside = make_anew(place)
    assert MAKING in os.listdir(place)

    aside.commit()
    aside.finish()

    assert NEW == contents(place)
    assert [".venv"] == os.listdir(tmp_path)


# ------------------------------------------------------------------ killed at every moment


def whole(_place: Path) -> FileSystem:
    """Return a disk that moves whole folders."""
    return local()


def by_files(place: Path) -> FileSystem:
    """Return a disk on which the environment is moved file by file."""
    return NoWhole(local(), place)


def kills(folder: Path, act: Act, disk: Disk, new: dict[str, str]) -> list[str]:
    """Kill before each change, settle, kill the settling, settle; return what went wrong."""
    wrong: list[str] = []
    for number in range(1_000):
        for second in (None, number % 11):
            root = folder / f"{number}-{second}"
            place = make_venv(root / ".venv")
            old = contents(root)
            files = Faulty(disk(place), number)
            try:
                act(place, files)
            except Killed:
                pass
            else:
                assert number > 10, "too few changes to be true"
                return wrong
            if second is not None:
                try:
                    settle(Faulty(disk(place), second), str(place))
                except Killed:
                    pass
            settle(disk(place), str(place))
            if contents(root) not in (old, new):
                wrong.append(f"killed before {number}, then {second}: {sorted(contents(root))}")
    return wrong


@pytest.mark.parametrize("disk", [whole, by_files])
def test_a_removal_killed_anywhere_is_old_or_new(tmp_path: Path, disk: Disk) -> None:
    """Killed before any change of a removal, and again in settling it: whole, or gone."""
    assert [] == kills(tmp_path, remove, disk, {})


@pytest.mark.parametrize("disk", [whole, by_files])
def test_clearing_killed_anywhere_is_old_or_new(tmp_path: Path, disk: Disk) -> None:
    """Killed before any change while an environment is made anew: the old or the new one."""

    def act(place: Path, files: FileSystem) -> None:
        aside = make_anew(place, files)
        aside.commit()
        aside.finish()

    new = {".venv/": "", **{f".venv/{path}": text for path, text in NEW.items()}}
    assert [] == kills(tmp_path, act, disk, new)


@needs_names
def test_creating_a_long_name_killed_anywhere_is_old_or_new(tmp_path: Path) -> None:
    """Killed before any change: the new one, nothing, or at most the folder, empty.

    That is left where no journal tells that it was made for nothing but the state.
    """
    found = []
    for number in range(1_000):
        root = tmp_path / f"{number}"
        root.mkdir()
        try:
            aside = create(root / LONG, Faulty(local(), number))
            aside.commit()
            aside.finish()
        except Killed:
            settle(local(), str(root / LONG))
            found.append(contents(root))
        else:
            break
    whole = {f"{LONG}/": "", **{f"{LONG}/{path}": text for path, text in NEW.items()}}

    assert len(found) > 10
    assert all(one in ({}, {f"{LONG}/": ""}, whole) for one in found)
    assert whole == found[-1]
    # Once there is a journal, and as long as there is one, nothing is left.
    assert [{}] * 7 == [one for one in found if one == {}][:7]


def test_a_build_that_commits_before_it_is_aside_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep fails where half of an environment counts as removed."""
    take = Aside.take

    def hasty(aside: Aside, between: object = None) -> None:
        aside.files.rename(f"{aside.state}/journal", f"{aside.state}/committed")
        take(aside, between)  # type: ignore[arg-type]

    monkeypatch.setattr(Aside, "take", hasty)
    monkeypatch.setattr(Aside, "commit", lambda _aside: None)

    assert [] != kills(tmp_path, remove, by_files, {})


@pytest.mark.parametrize(
    ("what", "sync", "flushed"),
    [
        ("create", "normal", True),
        ("clear", "normal", True),
        ("clear", "full", True),
        ("clear", "off", False),
        ("remove", "normal", False),  # renames only: nothing was written since the journal
    ],
)
def test_what_was_made_is_flushed_before_the_commit_point(
    tmp_path: Path, what: str, sync: str, *, flushed: bool
) -> None:
    """A power cut after the commit finds the new environment whole: the old one is gone then.

    It was not flushed, and a power cut right after a ``venv clear`` left empty files
    (found by ``make power``).
    """
    place = make_venv(tmp_path / "env")
    files = Recording(local())
    aside = Aside(files, str(place), sync=sync)
    aside.begin(what)
    aside.take()
    aside.mark()
    begun = len(files.changes)
    aside.commit()

    assert ["flush_volume"] * flushed + ["rename"] == [one.verb for one in files.changes[begun:]]


@pytest.mark.parametrize("what", ["clear", "remove"])
def test_the_mark_of_another_change_is_not_believed(tmp_path: Path, what: str) -> None:
    """A mark that an earlier change could not remove costs nothing when a later one is put back.

    Whatever stood at the place of a mark was deleted, whoever had left that: the environment
    itself, where the later change could not take it away from there.
    """
    place = make_venv(tmp_path / "v")
    (place / MAKING).write_text("ffffffffffff")
    before = contents(place)

    aside = aside_of(place)
    aside.begin(what)
    aside.put_back()

    assert before == contents(place)


def test_the_mark_names_the_change_that_makes_what_is_there(tmp_path: Path) -> None:
    """A mark that an earlier change has left is replaced: by it nothing could be put back.

    It stayed, and what a killed run had made was taken for somebody's.
    """
    place = tmp_path / ".venv"
    place.mkdir()
    (place / MAKING).write_text("0123456789ab")
    aside = aside_of(place)
    aside.begin("create")
    aside.mark()
    fill(local(), place)

    settle(local(), str(place))

    assert {".venv/": ""} == contents(tmp_path)
