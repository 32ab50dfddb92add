"""Tests of ``linkinstall.upkeep.quarantine``."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from linkinstall import Cache
from linkinstall.unpack import rebuild
from linkinstall.upkeep.quarantine import give_up_unflushed, quarantine
from tests.support.faulty import LocalFileSystem
from tests.support.sites import Site

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an environment that can compile."""
    return Site(tmp_path, compiler=True)


def test_an_entry_that_was_made_anew_is_not_quarantined(site: Site) -> None:
    """Another process may have mended it in between."""
    wheel = str(site.wheel())
    entry = site.cache.add(wheel).entry
    rebuild(site.cache, wheel, damaged=entry)

    assert not quarantine(site.cache, entry)
    assert site.cache.find(wheel) is not None


def test_an_entry_that_is_gone_is_not_quarantined(site: Site) -> None:
    """Another process may have taken it away in between: that is no error."""
    entry = site.cache.add(site.wheel()).entry
    os.rename(entry.folder, f"{entry.folder}.aside")

    assert not quarantine(site.cache, entry)


def test_an_entry_of_a_tier_is_left_alone(site: Site) -> None:
    """Another's cache is only read."""
    entry = site.cache.add(site.wheel()).entry
    cache = Cache(site.folder / "mine", tiers=[site.cache.path])

    assert not quarantine(cache, entry)
    assert entry == site.cache.open(entry.manifest.id)


def test_what_is_marked_is_given_up_whoever_made_it(site: Site) -> None:
    """Entries and compiled files that no flush has reached; what was flushed stays."""
    flushed = site.wheel("app")
    site.install(flushed, compile_levels=(0,), sync="normal")
    site.install(site.wheel("new"), compile_levels=(0,), sync="off")
    added = site.cache.add(site.wheel("added")).entry
    entry = site.cache.add(flushed).entry
    assert entry.flushed
    new = [one.parent for one in site.folder.rglob("unflushed")]

    give_up_unflushed(site.cache)

    assert 3 == len(new)
    assert f"{added.folder}" in {one.as_posix() for one in new}
    assert [None] * 3 == [site.cache.open_folder(one.as_posix()) for one in new]
    assert entry == site.cache.open(entry.manifest.id)
    assert [] == site.check()


def test_it_is_made_anew(site: Site) -> None:
    """The next install unpacks and compiles again, and links that."""
    wheel = site.wheel("app")
    site.install(wheel, compile_levels=(0,))
    give_up_unflushed(site.cache)

    outcome = site.install(wheel, reinstall=True, compile_levels=(0,), sync="normal")

    assert (0, 1) == (outcome.bytecode.linked, outcome.bytecode.compiled)
    assert site.cache.add(wheel).entry.flushed
    assert [] == list(site.folder.rglob("manifest.damaged"))


def test_where_nothing_is_there_nothing_is_done(tmp_path: Path) -> None:
    """A cache that was never written to is not made for this."""
    give_up_unflushed(Cache(tmp_path / "cache"))

    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("part", ["bytecode", "entries"])
def test_a_folder_that_cannot_be_read_spares_no_other(site: Site, part: str) -> None:
    """The error before is the one to tell; whatever can be given up is.

    One folder of compiled files that could not be read had everything stay.
    """

    class Unreadable(LocalFileSystem):
        def scan(self, folder: str) -> list[tuple[str, str]]:
            if f"/{part}/" in folder:
                raise OSError(errno.EIO, os.strerror(errno.EIO), folder)
            return super().scan(folder)

    site.install(site.wheel("app"), compile_levels=(0,))
    marked = [one.parent for one in site.folder.rglob("unflushed")]

    give_up_unflushed(Cache(site.cache.path, files=Unreadable()))

    kept = [one for one in marked if site.cache.open_folder(one.as_posix()) is not None]
    assert [one for one in marked if part == one.parent.parent.name] == kept


@pytest.mark.posix("whose a folder is counts there alone")
def test_a_cache_of_which_nothing_can_be_told_ends_nothing(site: Site) -> None:
    """Nobody can say whether it may be trusted: then nobody links out of it, either."""

    class Closed(LocalFileSystem):
        def status(self, path: str) -> os.stat_result | None:
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)

    site.cache.add(site.wheel("app"))

    give_up_unflushed(Cache(site.cache.path, files=Closed()))


@pytest.mark.parametrize("number", [0, 1])
def test_one_that_cannot_be_given_up_spares_no_other(site: Site, number: int) -> None:
    """Another process may be faster with one of them; the others are given up all the same."""
    entries = [site.cache.add(site.wheel(name)).entry for name in ("one", "two")]
    kept = entries[number]

    class Faster(LocalFileSystem):
        def rename(self, source: str, target: str) -> None:
            if source == f"{kept.folder}/manifest":
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), source)
            super().rename(source, target)

    give_up_unflushed(Cache(site.cache.path, files=Faster()))

    assert [kept] == [one for one in entries if site.cache.open(one.manifest.id) is not None]


def test_nothing_is_changed_in_a_cache_that_is_not_trusted(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever can write there could have this process rename what they like."""
    entry = site.cache.add(site.wheel("app")).entry

    with monkeypatch.context() as patch:
        patch.setattr(Cache, "distrust", "every user can write to it")
        give_up_unflushed(site.cache)

    assert entry == site.cache.open(entry.manifest.id)


def test_a_disk_that_takes_nothing_ends_nothing(site: Site) -> None:
    """The error that led to this is what is told, not that its consequence failed, too."""

    class Dead(LocalFileSystem):
        def rename(self, _source: str, target: str) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO), target)

    entry = site.cache.add(site.wheel("app")).entry

    give_up_unflushed(Cache(site.cache.path, files=Dead()))

    assert entry == site.cache.open(entry.manifest.id)
