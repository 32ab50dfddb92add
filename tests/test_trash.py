"""The trash of a state folder: what waits there, and what goes with the next run."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from linkinstall.fs import local
from linkinstall.journal import Journal
from linkinstall.outcome import Pending
from linkinstall.trash import require_volumes, sweep_state, sweep_trash, to_trash
from tests.support.faulty import Change, Denying, LocalFileSystem, OtherVolume
from tests.support.platforms import needs_symlinks

if TYPE_CHECKING:
    import os


class Busy(Denying):
    """A file system on which some files cannot be removed, as running images on Windows."""

    def __init__(self, *names: str) -> None:
        super().__init__(local(), "unlink", errno.EBUSY)
        self.names = names

    def denies(self, change: Change) -> bool:
        """Return whether a file is in use."""
        return super().denies(change) and change.path.endswith(self.names)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Return a state folder."""
    folder = tmp_path / ".linkinstall"
    folder.mkdir()
    return folder


def journal_of(home: Path, inode: int, side: Path) -> Journal:
    """Return the journal of a transaction on two volumes."""
    states = (str(home), str(side))
    return Journal("t1", str(home), inode, str(home.parent), (), states, (), (), (), (), (), (), ())


def names_below(folder: Path) -> list[str]:
    """Return the paths of all that is in a folder, relative to it."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_what_moves_to_the_trash_keeps_its_contents(tmp_path: Path, state: Path) -> None:
    """A file is renamed into the trash: the same inode, no longer where it was."""
    path = tmp_path / "app.exe"
    path.write_text("running")
    inode = path.stat().st_ino
    target = to_trash(local(), str(state), str(path), "7")

    assert f"{state}/trash/7-0" == target
    assert (inode, "running") == (
        (state / "trash" / "7-0").stat().st_ino,
        (state / "trash" / "7-0").read_text(),
    )
    assert not path.exists()


def test_the_trash_replaces_nothing(tmp_path: Path, state: Path) -> None:
    """What comes under a name that waits there already gets the next number."""
    for text in ("first", "second"):
        (tmp_path / "app").write_text(text)
        to_trash(local(), str(state), str(tmp_path / "app"), "app")

    trash = state / "trash"
    assert ["first", "second"] == [(trash / f"app-{n}").read_text() for n in (0, 1)]


@needs_symlinks
def test_a_folder_moves_to_the_trash_whole(tmp_path: Path, state: Path) -> None:
    """A folder goes with all it holds, and links in it are not followed when it is swept."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "link").symlink_to(outside)
    to_trash(local(), str(state), str(tmp_path / "app"), "0")

    assert ["trash", "trash/0-0", "trash/0-0/link"] == names_below(state)
    assert [] == sweep_trash(local(), str(state))
    assert ["kept"] == names_below(outside)


def test_sweeping_takes_the_trash_and_an_empty_state_folder(state: Path) -> None:
    """When everything could be deleted, the state folder goes with it."""
    (state / "trash").mkdir()
    (state / "trash" / "a-0").touch()

    assert [] == sweep_trash(local(), str(state))
    assert not state.exists()


def test_sweeping_leaves_a_state_folder_in_use(state: Path) -> None:
    """A state folder that holds more than trash stays with what it holds."""
    (state / "trash").mkdir()
    (state / "journal").touch()
    sweep_trash(local(), str(state))

    assert ["journal"] == names_below(state)


def test_what_is_still_busy_is_told_and_waits_on(state: Path) -> None:
    """What refuses to be deleted is reported where it lies; the rest goes."""
    (state / "trash").mkdir()
    for name in ("busy-0", "free-0"):
        (state / "trash" / name).touch()
    path = f"{state}/trash/busy-0"

    assert [Pending(path, path)] == sweep_trash(Busy("busy-0"), str(state))
    assert ["trash", "trash/busy-0"] == names_below(state)


def test_without_trash_nothing_is_swept(state: Path) -> None:
    """Where there is no trash nothing is pending, and nothing else is touched."""
    assert [] == sweep_trash(local(), str(state))
    assert [] == sweep_trash(local(), f"{state}/missing")
    assert state.exists()


def test_what_was_only_staged_is_swept(state: Path) -> None:
    """New files, the stash, a temporary cache and the pointer go, and then the folder."""
    for name in ("new", "stash", "cache"):
        (state / name / "0").mkdir(parents=True)
        (state / name / "0" / "file").touch()
    (state / "pointer").touch()

    assert [] == sweep_state(local(), str(state))
    assert not state.exists()


def test_sweeping_staged_files_spares_the_trash(state: Path) -> None:
    """The trash of earlier runs, and a journal, are no staged files."""
    (state / "trash").mkdir()
    (state / "journal").touch()
    (state / "new").mkdir()
    sweep_state(local(), str(state))

    assert ["journal", "trash"] == names_below(state)


def test_staged_files_that_refuse_are_told(state: Path) -> None:
    """What of the staged files cannot be removed is named, and the folder stays for it."""
    (state / "new").mkdir()
    (state / "new" / "busy").touch()
    (state / "pointer").touch()

    assert [f"{state}/new/busy", f"{state}/pointer"] == sweep_state(
        Busy("busy", "pointer"), str(state)
    )
    assert ["new", "new/busy", "pointer"] == names_below(state)


class Sticky(Denying):
    """A file system on which a folder cannot be removed."""

    def __init__(self) -> None:
        super().__init__(local(), "remove_folder", errno.EBUSY)


def test_a_state_folder_that_stays_behind_is_told(state: Path) -> None:
    """An empty state folder that refuses to go is reported, as the next run has to sweep it.

    It stayed without a word: success was reported, and a stray folder was there.
    """
    assert [str(state)] == sweep_state(Sticky(), str(state))


@pytest.mark.parametrize(
    ("stands", "copied", "refused"),
    [(False, False, True), (True, False, False), (False, True, False)],
    ids=["not mounted", "mounted", "a copy on one volume"],
)
def test_a_volume_that_is_not_there_is_told(
    tmp_path: Path, state: Path, *, stands: bool, copied: bool, refused: bool
) -> None:
    """It is known by a state folder that is gone, where home's own volume is found instead."""
    side = tmp_path / "side" / "bin" / ".linkinstall"
    if stands:
        side.mkdir(parents=True)
    inode = state.stat().st_ino + copied
    journal = journal_of(state, inode, side)

    if not refused:
        require_volumes(local(), journal)
        return
    with pytest.raises(OSError, match="not mounted") as caught:
        require_volumes(local(), journal)
    assert str(side) == caught.value.filename


def test_a_drive_of_which_there_is_nothing_is_told(tmp_path: Path, state: Path) -> None:
    """Where not even the root of a drive stands, the search ends, and it is not mounted.

    It went on at the root for ever, with the environment locked.
    """

    class NoDrive(LocalFileSystem):
        def status(self, path: str) -> os.stat_result | None:
            return super().status(path) if path.startswith(str(tmp_path)) else None

    journal = journal_of(state, state.stat().st_ino, Path("/elsewhere/bin/.linkinstall"))

    with pytest.raises(OSError, match="not mounted"):
        require_volumes(NoDrive(), journal)


def test_a_folder_that_is_gone_from_its_volume_was_settled(tmp_path: Path, state: Path) -> None:
    """Where the volume itself is there, a state folder of it went with what was settled."""
    side = tmp_path / "side" / "bin" / ".linkinstall"
    (tmp_path / "side").mkdir()
    files = OtherVolume(local(), str(tmp_path / "side"))
    inode = state.stat().st_ino
    journal = journal_of(state, inode, side)

    require_volumes(files, journal)
