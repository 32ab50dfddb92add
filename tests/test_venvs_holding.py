"""Tests of ``linkinstall.venvs.holding``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from linkinstall.errors import LockTimeoutError
from linkinstall.fs import local
from linkinstall.fs.lock import FolderLock, private_path
from linkinstall.venvs.aside import Aside
from linkinstall.venvs.holding import drop_lock_of_place, hold_for_change, hold_states, is_at_work
from linkinstall.venvs.sight import state_folders
from linkinstall.verbs.venv import create_venv, remove_venv
from tests.support.faulty import LocalFileSystem
from tests.support.venvs import contents, make_venv

if TYPE_CHECKING:
    from pathlib import Path


def begun(place: Path) -> tuple[Aside, FolderLock]:
    """Begin a change at a place, and hold its state as a live command does."""
    aside = Aside(
        local(), str(place), sync="off", hold=lambda state: hold_for_change(local(), state)
    )
    aside.begin("clear")
    assert aside.lock is not None
    return aside, aside.lock


@pytest.mark.parametrize("verb", [create_venv, remove_venv])
def test_a_change_that_is_under_way_is_not_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: object
) -> None:
    """Who has another folder for temporary files waits for the command that works at the place.

    The second command took the first for a killed one and put back what that was making, and the
    first then committed the second one's journal, and said that it had made an environment.
    """
    place = make_venv(tmp_path / "v")
    aside, lock = begun(place)
    aside.take()
    before = contents(tmp_path)
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "other"))

    with pytest.raises(LockTimeoutError, match="state"):
        verb(place, lock_timeout=0.05)  # type: ignore[operator]
    os.rmdir(tmp_path / "other")
    assert before == contents(tmp_path)

    lock.release()
    remove_venv(place)
    assert [] == os.listdir(tmp_path)


def test_what_has_come_to_an_end_is_waited_for_no_more(tmp_path: Path) -> None:
    """Where nothing is left of a state folder, or nothing to lock in it, nobody is waited for."""
    place = make_venv(tmp_path / "v")
    assert {} == hold_states(local(), str(place), timeout=0, notify=None)
    state = state_folders(str(place))[0]
    os.mkdir(state)
    assert {state: None} == hold_states(local(), str(place), timeout=0, notify=None)


def test_a_change_begins_only_where_none_is_begun(tmp_path: Path) -> None:
    """What another command has begun since the place was settled is not written over.

    Its journal was replaced.
    """
    place = make_venv(tmp_path / "v")
    begun(place)[1].release()
    before = contents(tmp_path)

    with pytest.raises(FileExistsError, match="Another command"):
        begun(place)

    assert before == contents(tmp_path)


def test_who_comes_in_between_keeps_the_lock(tmp_path: Path) -> None:
    """Who was faster while the state folder was made does not lose what is locked in it.

    A third command found nothing to wait for then, and settled what was still under way.
    """
    place = make_venv(tmp_path / "v")
    first: list[Aside] = []

    class Slow(LocalFileSystem):
        def make_folder(self, path: str, mode: int = 0o777) -> None:
            if not first:
                first.append(begun(place)[0])
            super().make_folder(path, mode)

    with pytest.raises((LockTimeoutError, FileExistsError)):
        Aside(Slow(), str(place), hold=lambda state: hold_for_change(local(), state)).begin("clear")

    assert {".gitignore", "journal"} == set(os.listdir(first[0].state))


def test_a_change_that_somebody_has_settled_is_not_committed(tmp_path: Path) -> None:
    """The journal of another command is not made final, where locks do not help.

    The command ended with success, and the other one's change was half done.
    """
    place = make_venv(tmp_path / "v")
    aside, _ = begun(place)
    other = Aside(local(), str(place), sync="off", state=aside.state)
    other.begin("remove")

    with pytest.raises(FileExistsError, match="settled"):
        aside.commit()

    assert aside.is_overtaken()
    assert not other.is_overtaken()


def test_who_is_at_work_is_told_from_who_was_killed(tmp_path: Path) -> None:
    """A journal whose state is locked is that of a live command; one that is gone has ended."""
    place = make_venv(tmp_path / "v")
    aside, lock = begun(place)
    state = aside.state

    assert is_at_work(local(), state)
    lock.release()
    assert not is_at_work(local(), state)
    os.unlink(f"{state}/.gitignore")
    assert not is_at_work(local(), state)
    assert not os.path.exists(f"{state}/.gitignore")
    os.unlink(f"{state}/journal")
    assert is_at_work(local(), state)


def test_the_lock_of_a_place_is_dropped_where_nobody_holds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a killed run has left goes; what is held stays, and nothing is made."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    drop_lock_of_place(local(), "/a/place")
    assert [] == os.listdir(tmp_path)

    lock = FolderLock(private_path("venv /a/place"), what="the place", private=True)
    lock.acquire()
    drop_lock_of_place(local(), "/a/place")
    assert [os.path.basename(lock.path)] == os.listdir(tmp_path)
    lock.release()
    drop_lock_of_place(local(), "/a/place")
    assert [] == os.listdir(tmp_path)


def test_the_lock_of_a_place_that_cannot_be_looked_at_is_in_nobody_s_way() -> None:
    """An error of looking for it is none of the recovery that has ended by then.

    ``recover`` ended with status 1, and did not tell what it had recovered.
    """

    class Unseeing(LocalFileSystem):
        def status(self, path: str) -> os.stat_result | None:
            raise OSError(5, "Input/output error", path)

    drop_lock_of_place(Unseeing(), "/a/place")
