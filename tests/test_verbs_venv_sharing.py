"""Each file of a virtual environment in use while it is removed or made anew (gate R9).

The rules are Windows' own, kept by :mod:`tests.support.sharing` behind the thin edge of
``fs/windows.py``: the environment goes, what is loaded waiting beside it, or it is refused
and stays exactly as it was; another environment is never affected.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from linkinstall.venvs import aside
from linkinstall.venvs import place as place_module
from linkinstall.verbs.venv import clear_venv, remove_venv
from tests.support.held_files import LINKED, HeldFiles, each_link, each_use
from tests.support.sharing import LOADED, OPEN
from tests.support.sweep import quick_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from linkinstall.fs.port import FileSystem
    from linkinstall.outcome import Outcome
    from linkinstall.venvs.making import Wanted
    from tests.support.sites import Site

pytestmark = pytest.mark.posix("Windows keeps these rules itself: integration/windows")


def remove(site: Site, files: FileSystem) -> Outcome:
    """Remove the environment."""
    return remove_venv(site.root, sync="off", lock_timeout=5.0, files=files)


def clear(site: Site, files: FileSystem) -> Outcome:
    """Make the environment anew."""
    return clear_venv(site.root, sync="off", lock_timeout=5.0, files=files)


each_change = pytest.mark.parametrize("change", [remove, clear])


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make a folder in memory; no pause is waited for, and virtualenv stood in for."""

    def make(path: str, _wanted: Wanted) -> None:
        os.mkdir(f"{path}/bin")
        for name, text in (("bin/python", "new"), ("pyvenv.cfg", "home = /new\n")):
            with open(f"{path}/{name}", "x", encoding="utf-8") as stream:
                stream.write(text)

    monkeypatch.setattr(place_module, "make", make)
    monkeypatch.setattr("linkinstall.fs.windows.time.sleep", lambda _seconds: None)
    with quick_folder() as path:
        yield path


@each_change
@each_use
def test_each_file_in_use(
    folder: Path, change: Callable[..., Outcome], kind: str, *, folders: bool
) -> None:
    """It goes, or it stays whole, whichever file is in use; and it goes once that is free."""
    sweep = HeldFiles(folder, change)

    assert [] == list(sweep.here(kind, folders=folders))

    assert (sweep.refused > 20) == (kind == OPEN)
    assert (sweep.done > 20) == (kind != OPEN)
    assert (sweep.waited > 20) == (kind != OPEN)


@each_change
@each_link
def test_each_file_in_use_in_another_environment(
    folder: Path, change: Callable[..., Outcome], link_mode: str, binaries: str, kind: str
) -> None:
    """Copies do not notice; links are refused whole, and what is loaded waits at most."""
    sweep = HeldFiles(folder, change, link_mode=link_mode, copy_binaries=binaries)

    assert [] == list(sweep.elsewhere(kind, folders=True))

    assert LINKED[binaries] == sweep.linked


def test_a_build_that_takes_a_whole_folder_only_is_found_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the folder cannot be renamed, what is in it has to be."""
    monkeypatch.setattr(aside, "take_entries", lambda *_arguments: None)

    assert [] != list(HeldFiles(folder, clear).here(LOADED, folders=True))
