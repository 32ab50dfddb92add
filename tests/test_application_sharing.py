"""Each file of an environment in use while the environment is changed (gate R9).

The rules are Windows' own, kept by :mod:`tests.support.sharing` behind the thin edge of
``fs/windows.py``. A change is done, what is loaded waiting in the trash, or it is refused
with the environment exactly as it was; another environment is never affected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linkinstall.application import Application
from linkinstall.fs.trees import rename_folder
from tests.support.held_files import LINKED, HeldFiles, each_link, each_use, quick
from tests.support.scenarios import app
from tests.support.sharing import LOADED, OPEN
from tests.support.sweep import quick_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from linkinstall.fs.port import FileSystem
    from linkinstall.outcome import Outcome
    from tests.support.sites import Site

pytestmark = pytest.mark.posix("Windows keeps these rules itself: integration/windows")


def uninstall(site: Site, files: FileSystem) -> Outcome:
    """Uninstall two projects, beside which a third stays."""
    transaction = site.transaction(files)
    transaction.uninstall("app")
    transaction.uninstall("quick")
    return transaction.run()


def upgrade(site: Site, files: FileSystem) -> Outcome:
    """Replace them by version 2.0."""
    transaction = site.transaction(files, copy_binaries="always")
    transaction.install(app(site, "2.0"))
    transaction.install(quick(site, "2.0"))
    return transaction.run()


each_change = pytest.mark.parametrize("change", [uninstall, upgrade])


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make a folder in memory; no pause is waited for."""
    monkeypatch.setattr("linkinstall.fs.windows.time.sleep", lambda _seconds: None)
    with quick_folder() as path:
        yield path


@each_change
@each_use
def test_each_file_in_use(
    folder: Path, change: Callable[..., Outcome], kind: str, *, folders: bool
) -> None:
    """Done or refused whole, whichever file is in use, and done once it is free."""
    sweep = HeldFiles(folder, change)

    assert [] == list(sweep.here(kind, folders=folders))

    assert sweep.done > 5  # the environment's own files are in nobody's way
    assert (sweep.refused > 10) == (kind == OPEN)
    assert (sweep.waited > 10) == (kind == LOADED)


@each_change
@each_link
def test_each_file_in_use_in_another_environment(
    folder: Path,
    change: Callable[..., Outcome],
    link_mode: str,
    binaries: str,
    kind: str,
) -> None:
    """Copies do not notice; links are refused whole, and what is loaded waits at most.

    Neither environment is ever left changed in part, and the one that was not asked for
    stays as it is. What is not linked is in nobody's way: no call is refused for it.
    """
    sweep = HeldFiles(folder, change, link_mode=link_mode, copy_binaries=binaries)

    assert [] == list(sweep.elsewhere(kind, folders=True))

    assert LINKED[binaries] == sweep.linked


def test_a_build_that_asks_no_file_is_found_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where folders go with what is open in them, the sweep fails if nobody asks the files."""
    monkeypatch.setattr(Application, "_refuse_busy", lambda *_arguments: None)

    assert [] != list(HeldFiles(folder, uninstall).here(OPEN, folders=False))


def test_a_build_that_moves_whole_folders_only_is_found_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the folder above a loaded image cannot be renamed, its files have to be."""
    monkeypatch.setattr(rename_folder, "__defaults__", (frozenset(),))

    assert [] != list(HeldFiles(folder, uninstall).here(LOADED, folders=True))


def test_a_build_that_links_binaries_is_found_out(folder: Path) -> None:
    """What is loaded elsewhere makes our copy wait, where it is the same file."""
    sweep = HeldFiles(folder, uninstall, link_mode="hardlink", copy_binaries="never")

    assert [] == list(sweep.elsewhere(LOADED, folders=True))

    assert sweep.waited > 0
