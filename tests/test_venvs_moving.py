"""Tests of ``linkinstall.venvs.moving``; killed at every moment, ``test_venvs_aside`` has it."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from linkinstall.fs import local
from linkinstall.venvs.moving import drop_emptied, merge, take_entries, take_whole
from linkinstall.venvs.sight import INNER
from tests.support.faulty import Change, Denying
from tests.support.venvs import contents, make_venv

if TYPE_CHECKING:
    from pathlib import Path


class Fixed(Denying):
    """Folders cannot be renamed, and one cannot be removed while it is emptied."""

    def __init__(self, stays: str = "") -> None:
        super().__init__(local(), "rename_new", errno.EACCES)
        self.stays = stays

    def denies(self, change: Change) -> bool:
        """Return whether a folder would be renamed, or that one removed."""
        if change.verb == "remove_folder":
            return bool(self.stays) and change.path.endswith(self.stays)
        is_folder = os.path.isdir(change.source) and not os.path.islink(change.source)
        return super().denies(change) and is_folder


def test_a_place_goes_whole_where_the_system_lets_it(tmp_path: Path) -> None:
    """One rename, or False and nothing is done."""
    place = make_venv(tmp_path / "v")
    before = contents(place)

    assert not take_whole(Fixed(), str(place), f"{tmp_path}/stash")
    assert before == contents(place)
    assert take_whole(local(), str(place), f"{tmp_path}/stash")
    assert {"stash"} == set(os.listdir(tmp_path))
    assert before == contents(tmp_path / "stash")


def test_another_error_of_a_rename_is_no_refusal(tmp_path: Path) -> None:
    """A disk that fails is not asked for each entry."""
    place = make_venv(tmp_path / "v")

    with pytest.raises(OSError, match="Input/output"):
        take_whole(Denying(local(), "rename_new", errno.EIO), str(place), f"{tmp_path}/stash")


def test_entries_go_file_by_file_and_come_back(tmp_path: Path) -> None:
    """Where no folder can be renamed, each file is, and the state inside stays."""
    place = make_venv(tmp_path / "v")
    before = contents(place)
    (place / INNER).mkdir()

    take_entries(Fixed(), str(place), f"{tmp_path}/stash")

    assert [INNER] == os.listdir(place)
    assert before == contents(tmp_path / "stash")
    (place / INNER).rmdir()
    assert [] == list(merge(local(), f"{tmp_path}/stash", str(place)))
    assert before == contents(place)
    assert ["v"] == os.listdir(tmp_path)


def test_nothing_is_put_over_what_stands_there(tmp_path: Path) -> None:
    """What is in the way is named, and what waits for its place stays where it is."""
    place = make_venv(tmp_path / "v")
    take_whole(local(), str(place), f"{tmp_path}/stash")
    (place / "bin").mkdir(parents=True)
    (place / "bin" / "activate").write_text("theirs")
    (place / "lib").write_text("theirs, and no folder")

    in_the_way = list(merge(local(), f"{tmp_path}/stash", str(place)))

    assert [f"{place}/bin/activate", f"{place}/lib"] == sorted(in_the_way)
    assert ("theirs", "theirs, and no folder") == (
        (place / "bin" / "activate").read_text(),
        (place / "lib").read_text(),
    )
    assert (place / "pyvenv.cfg").exists()
    assert {"bin/", "bin/activate", "lib/"} <= contents(tmp_path / "stash").keys()


def test_folders_that_could_not_go_while_they_were_emptied_go_afterwards(tmp_path: Path) -> None:
    """Those alone: what somebody has made there is left, and the folders it lies in."""
    place = make_venv(tmp_path / "v")
    take_entries(Fixed(stays="/lib"), str(place), f"{tmp_path}/stash")
    assert ["lib"] == os.listdir(place)

    (place / "theirs").mkdir()
    drop_emptied(local(), str(place), f"{tmp_path}/stash")
    assert ["theirs"] == os.listdir(place)

    (place / "theirs").rmdir()
    drop_emptied(local(), str(place), f"{tmp_path}/stash")
    drop_emptied(local(), str(place), f"{tmp_path}/stash")
    assert not place.exists()
