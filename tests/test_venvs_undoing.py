"""Tests of ``linkinstall.venvs.undoing``; with the verbs, ``test_venvs_place`` tests it."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from linkinstall.errors import FileSystemError, UnsettledError
from linkinstall.fs import local
from linkinstall.venvs.aside import Aside
from linkinstall.venvs.place import Place
from linkinstall.venvs.undoing import Undoing
from tests.support.venvs import contents, make_venv

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("overtaken", [False, True])
def test_what_another_command_has_begun_is_left_alone(tmp_path: Path, *, overtaken: bool) -> None:
    """A failed change is put back, and its state swept; but not the state of another change.

    Its journal was removed, and its stash deleted or put back.
    """
    path = make_venv(tmp_path / "v")
    before = contents(tmp_path)
    place = Place(path, "venv remove", local(), "off", 0, None)
    aside = Aside(local(), str(path), sync="off")

    aside.begin("remove")
    if overtaken:
        other = Aside(local(), str(path), sync="off", state=aside.state)
        other.begin("remove")
        other.take()
        before = contents(tmp_path)

    with pytest.raises(FileSystemError, match="failed"), Undoing(place, aside):
        raise OSError(errno.EIO, "failed", str(path))

    assert before == contents(tmp_path)


def test_what_cannot_be_put_back_yet_is_left_to_the_next_command(tmp_path: Path) -> None:
    """Where something still writes at the place, nothing is put back, and the journal stays."""
    path = make_venv(tmp_path / "v")
    place = Place(path, "venv clear", local(), "off", 0, None)
    aside = Aside(local(), str(path), sync="off")
    aside.begin("clear")
    aside.take()
    taken = contents(tmp_path)

    with pytest.raises(UnsettledError, match="still"), Undoing(place, aside):
        raise UnsettledError("still")

    assert taken == contents(tmp_path)
