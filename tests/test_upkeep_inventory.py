"""What a cache holds, what of it is used, and by whom."""

from __future__ import annotations

import errno
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from linkinstall.cache import Cache
from linkinstall.errors import CacheError
from linkinstall.upkeep.inventory import Stored, environments, take_stock, users_of
from tests.support.entries import made_entry
from tests.support.faulty import Closed, LocalFileSystem
from tests.support.platforms import needs_symlinks
from tests.support.sites import Site

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an environment."""
    return Site(tmp_path)


def only(cache: Cache) -> Stored:
    """Return the only entry of a cache."""
    (one,) = take_stock(cache).entries
    return one


def test_an_entry_that_nobody_links_to_is_unused(site: Site) -> None:
    """Its bytes are those of its files, and what the disk gets back is counted in blocks."""
    site.cache.add(site.wheel())
    one = only(site.cache)

    assert not one.used
    assert one.size == sum(
        os.stat(f"{one.tree.folder}/files/{key}").st_size for key in one.tree.files
    )
    assert one.freed >= one.size


def test_a_hard_link_is_a_use_and_its_file_frees_nothing(site: Site) -> None:
    """A second name keeps the bytes on the disk, whatever happens to the first."""
    site.cache.add(site.wheel())
    before = only(site.cache)
    site.install(site.wheel(), link_mode="hardlink")
    after = only(site.cache)

    assert after.used
    assert after.freed < before.freed
    assert () == after.dependents


@needs_symlinks
def test_a_symbolic_link_is_a_use(site: Site) -> None:
    """The environment is noted, and its links lead there."""
    site.install(site.wheel(), link_mode="symlink")

    assert (str(site.root),) == only(site.cache).dependents


def test_a_note_without_links_is_stale(site: Site) -> None:
    """What was noted and not linked, as after a kill, or was uninstalled since, is no use."""
    site.install(site.wheel(), link_mode="symlink")
    site.uninstall("app")
    stock = take_stock(site.cache)

    assert () == stock.entries[0].dependents
    assert 1 == len([path for path in stock.stale if "/dependents/" in path])


def test_an_unfinished_transaction_keeps_what_it_may_bring_back(site: Site) -> None:
    """The links of an environment may be in a stash: while it is unsettled the note holds."""
    site.install(site.wheel(), link_mode="symlink")
    site.uninstall("app")
    (site.library / ".linkinstall").mkdir()

    assert (str(site.root),) == only(site.cache).dependents


def test_an_environment_that_is_gone_uses_nothing(site: Site) -> None:
    """A removed environment has no links, and its notes are stale."""
    site.install(site.wheel(), link_mode="symlink")
    shutil.rmtree(site.root)
    stock = take_stock(site.cache)

    assert not stock.entries[0].used
    assert 2 == len(stock.stale)


def test_a_note_that_nobody_can_read_keeps_its_entry(site: Site) -> None:
    """Whose it is cannot be told, so the entry counts as used."""
    site.install(site.wheel(), link_mode="symlink")
    (name,) = os.listdir(f"{site.cache.root}/dependents")
    path = f"{site.cache.root}/dependents/{name}"
    with open(path, "r+b") as stream:
        stream.write(b"x")
    site.uninstall("app")

    assert (path,) == only(site.cache).dependents


def test_compiled_files_count_with_their_entry(tmp_path: Path) -> None:
    """A link to a compiled file alone is a use of the entry."""
    site = Site(tmp_path, compiler=True)
    site.install(site.wheel(), link_mode="hardlink", compile_levels=(0,))
    one = only(site.cache)

    assert 1 == len(one.sets)
    assert one.sets[0].links
    assert one.size == one.tree.size + one.sets[0].size


@needs_symlinks
@pytest.mark.parametrize("part", ["", "/entries", "/bytecode", "/tmp", "/aliases"])  # noqa: S108
def test_a_cache_with_links_for_folders_is_refused(tmp_path: Path, part: str) -> None:
    """What is done behind a link is done elsewhere."""
    cache = Cache(tmp_path / "cache")
    made_entry(cache)
    path = f"{cache.root}{part}"
    if os.path.exists(path):
        os.rename(path, tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", path)

    with pytest.raises(CacheError) as caught:
        take_stock(cache)
    assert [path] == [one.path for one in caught.value.problems]


@needs_symlinks
def test_links_among_entries_are_none(tmp_path: Path) -> None:
    """A link beside the entries is not followed, and named as foreign."""
    cache = Cache(tmp_path / "cache")
    entry = made_entry(cache)
    os.rename(entry.folder, tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", entry.folder)
    stock = take_stock(cache)

    assert ((), (entry.folder,)) == (stock.entries, stock.foreign)


@pytest.mark.parametrize("kind", ["folder", pytest.param("link", marks=needs_symlinks)])
def test_a_manifest_that_is_no_file_is_damaged(site: Site, kind: str) -> None:
    """A folder, or a link that leads nowhere, in the place of a manifest, or an alias, is told.

    Nothing could be told of such a cache, and nothing taken out of it.
    """
    manifest = f"{site.cache.add(site.wheel()).entry.folder}/manifest"
    os.unlink(manifest)
    os.mkdir(manifest) if kind == "folder" else os.symlink("nowhere", manifest)

    assert only(site.cache).damaged
    assert only(site.cache).manifest is None


class NoLinks(LocalFileSystem):
    """The disk of a user who may not look at links."""

    def read_link(self, path: str) -> str:
        """Refuse it."""
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)


@needs_symlinks
@pytest.mark.parametrize("error", [errno.EACCES, errno.ENOTCONN])
def test_an_environment_that_cannot_be_looked_into_keeps_its_entry(site: Site, error: int) -> None:
    """What another user has in a closed home folder, or a dead mount hides, may lead there.

    Where two users shared a cache, the environment that one of them had in a closed folder
    ended each ``cache`` command of the other with an error.
    """
    site.install(site.wheel(), link_mode="symlink")
    cache = Cache(site.cache.path, files=Closed(site.root.as_posix(), error))
    stock = take_stock(cache)
    (entry,) = stock.entries

    assert (str(site.root),) == entry.dependents
    assert () == stock.stale
    assert [str(site.root)] == users_of(cache, entry, environments(cache))


@needs_symlinks
def test_a_link_that_cannot_be_looked_at_keeps_its_entry(site: Site) -> None:
    """A link that this user may not look at may lead into any entry.

    It counted as none, and its entry was pruned.
    """
    site.install(site.wheel(), link_mode="symlink")

    assert (str(site.root),) == only(Cache(site.cache.path, files=NoLinks())).dependents
