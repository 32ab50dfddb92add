"""Deleting what was stashed, by several processes where there is much of it."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from linkinstall import deletion, limits
from linkinstall.deletion import delete_plain, delete_together
from linkinstall.fs import crew, local
from linkinstall.identity import Identity
from tests.support.applications import applied, journal_of
from tests.support.faulty import Change, Denying
from tests.support.sites import Site

if TYPE_CHECKING:
    from pathlib import Path

    from linkinstall.fs.port import FileSystem
    from linkinstall.plan import StashItem

FILES = {"app/__init__.py": "", "app/sub/a.py": "", "app/sub/b.py": ""}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an environment with a distribution in it."""
    site = Site(tmp_path)
    site.install(site.wheel(files=FILES), compile_levels=())
    return site


@pytest.fixture
def stashed(site: Site) -> tuple[Identity, tuple[StashItem, ...]]:
    """Remove the distribution up to the commit point; return its stash."""
    application = applied(site, out=["app"])
    application.prepare()
    application.commit()
    journal = journal_of(application)
    return Identity(local(), journal), journal.stash


def left(site: Site) -> list[str]:
    """Return every file that is in the stash."""
    stash = site.home / "stash"
    return sorted(path.name for path in stash.rglob("*") if not path.is_dir())


def refusing(name: str) -> FileSystem:
    """Return a file system on which one name cannot be removed."""

    class Busy(Denying):
        def denies(self, change: Change) -> bool:
            return super().denies(change) and change.path.endswith(f"/{name}")

    return Busy(local(), "unlink", errno.EBUSY)


def test_plain_items_are_deleted_with_their_folders(
    site: Site, stashed: tuple[Identity, tuple[StashItem, ...]]
) -> None:
    """What the journal names is gone, and the folders that are empty then."""
    identity, items = stashed
    assert "a.py" in left(site)
    for item in items:
        delete_plain(local(), identity, item)

    assert [] == os.listdir(site.home / "stash")


def test_what_nobody_planned_stays(
    site: Site, stashed: tuple[Identity, tuple[StashItem, ...]]
) -> None:
    """A file that was written while its folder was on its way out is left for the settlement."""
    identity, items = stashed
    (sub,) = (site.home / "stash").rglob("sub")
    (sub / "notes.txt").write_text("mine\n")
    for item in items:
        delete_plain(local(), identity, item)

    assert ["notes.txt"] == left(site)


def test_what_refuses_is_left(site: Site, stashed: tuple[Identity, tuple[StashItem, ...]]) -> None:
    """A busy file is no error here: whoever comes afterwards deals with it."""
    identity, items = stashed
    for item in items:
        delete_plain(refusing("a.py"), identity, item)

    assert ["a.py"] == left(site)


@pytest.mark.posix("symbolic links without privilege")
def test_nothing_is_deleted_through_a_link(
    site: Site, stashed: tuple[Identity, tuple[StashItem, ...]], tmp_path: Path
) -> None:
    """A folder of the stash that has become a link leads nobody out of it."""
    identity, items = stashed
    (sub,) = (site.home / "stash").rglob("sub")
    outside = tmp_path / "outside"
    sub.rename(outside)
    sub.symlink_to(outside)
    for item in items:
        delete_plain(local(), identity, item)

    assert ["a.py", "b.py"] == sorted(os.listdir(outside))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX has fork")
@pytest.mark.parametrize(("least", "expected"), [(1, False), (1_000, True)])
def test_others_help_where_there_is_much(
    site: Site,
    stashed: tuple[Identity, tuple[StashItem, ...]],
    monkeypatch: pytest.MonkeyPatch,
    least: int,
    *,
    expected: bool,
) -> None:
    """From some thousand files on everything plain is gone afterwards; below, nothing is."""
    monkeypatch.setattr(limits, "FORK_FROM_LINKS", least)
    monkeypatch.setattr(limits, "PART_OF_LINKS", 1)
    monkeypatch.setattr(crew, "workers", lambda: 3)
    identity, items = stashed
    delete_together(local(), identity, items)

    assert expected == bool(left(site))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX has fork")
@pytest.mark.parametrize("processes", [False, True])
def test_an_uninstall_ends_the_same_however_many_delete(
    site: Site, monkeypatch: pytest.MonkeyPatch, *, processes: bool
) -> None:
    """Files, folders and state are those of one process, with what nobody planned put back."""
    monkeypatch.setattr(limits, "FORK_FROM_LINKS", 1)
    asked: list[int] = []
    together = deletion.delete_together

    def noted(*arguments: object) -> None:
        asked.append(1)
        together(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(deletion, "delete_together", noted)
    (site.library / "app" / "mine.txt").write_text("mine\n")
    site.uninstall("app", processes=processes)

    assert processes == bool(asked)
    assert ["mine.txt"] == os.listdir(site.library / "app")
    assert [] == site.check()
    assert not site.home.exists()
