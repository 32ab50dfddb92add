"""Tests of ``linkinstall.venvs.inner_cache``."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from linkinstall.cache import Cache
from linkinstall.errors import CacheError, LockTimeoutError
from linkinstall.fs import local
from linkinstall.paths import forward
from linkinstall.venvs.inner_cache import hold_unused
from linkinstall.verbs.venv import clear_venv, create_venv, remove_venv
from tests.support.platforms import needs_symlinks
from tests.support.sites import Site
from tests.support.venvs import contents, make_venv

if TYPE_CHECKING:
    from linkinstall.fs.lock import FolderLock

FAST: dict[str, Any] = {"sync": "off", "lock_timeout": 2.0}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return an environment that another one's cache lies in."""
    return make_venv(tmp_path / "home")


@pytest.fixture
def site(tmp_path: Path, home: Path) -> Site:
    """Return that other environment."""
    site = Site(tmp_path)
    site.cache = Cache(home / "cache")
    return site


def held(place: Path, cache: Path | str) -> FolderLock | None:
    """Return the lock of a cache that goes with a place, let go again; None for none."""
    lock = hold_unused(local(), forward(str(place)), str(cache), timeout=0.1, notify=None)
    if lock is not None:
        assert lock.held
        lock.release()
    return lock


@needs_symlinks
@pytest.mark.parametrize("command", ["remove", "clear", "create"])
def test_a_cache_that_others_need_stays(home: Path, site: Site, command: str) -> None:
    """No ``venv`` command takes a cache away that other environments have links into.

    ``cache clean`` refuses just that. Where the cache was put below an environment, ``venv
    remove``, ``clear`` and ``create --clear`` took it without a word, and the links dangled.
    """
    site.install(site.wheel("app"), link_mode="symlink")
    calls: dict[str, Any] = {
        "remove": remove_venv,
        "clear": clear_venv,
        "create": lambda *words, **options: create_venv(*words, clear=True, **options),
    }

    with pytest.raises(CacheError, match=r"home has the cache .*home/cache in it") as caught:
        calls[command](home, cache_dir=str(home / "cache"), **FAST)

    assert [("in-use", str(site.root))] == [(one.code, one.path) for one in caught.value.problems]
    assert "refused" == caught.value.status
    assert "--force" in caught.value.next_step
    assert [] == site.check()


@needs_symlinks
@pytest.mark.parametrize("variable", ["LINKINSTALL_CACHE_DIR", ""])
def test_the_cache_in_use_counts_however_it_is_named(
    home: Path, site: Site, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """The cache may be named by an environment variable, and by a link."""
    site.install(site.wheel("app"), link_mode="symlink")
    os.symlink(home / "cache", home.parent / "link")
    if variable:
        monkeypatch.setenv(variable, str(home / "cache"))

    with pytest.raises(CacheError):
        remove_venv(home, cache_dir=None if variable else str(home.parent / "link"), **FAST)


@needs_symlinks
def test_who_forces_it_loses_the_cache(home: Path, site: Site) -> None:
    """What ``cache clean --force`` takes goes here, too."""
    site.install(site.wheel("app"), link_mode="symlink")

    remove_venv(home, force=True, cache_dir=str(home / "cache"), **FAST)

    assert not home.exists()
    assert site.check()


def test_a_cache_that_nobody_needs_goes(home: Path, site: Site) -> None:
    """Hard links lose nothing, and where nothing is left, nobody waits for anything."""
    site.install(site.wheel("app"), link_mode="hardlink")
    before = contents(home)

    assert held(home, home / "cache") is not None
    assert before == contents(home)
    remove_venv(home, cache_dir=str(home / "cache"), **FAST)

    assert not home.exists()
    assert [] == site.check()


@needs_symlinks
def test_what_goes_with_the_cache_does_not_keep_it(home: Path, tmp_path: Path) -> None:
    """An environment may have links into a cache of its own: it goes with that."""
    inner = Site(tmp_path)
    inner.cache = Cache(inner.root / "cache")
    inner.install(inner.wheel("app"), link_mode="symlink")

    assert held(inner.root, inner.root / "cache") is not None
    remove_venv(inner.root, cache_dir=str(inner.root / "cache"), **FAST)

    assert ["home"] == [one.name for one in tmp_path.iterdir() if (one / "pyvenv.cfg").exists()]
    assert home.exists()


@needs_symlinks
def test_a_note_that_cannot_be_read_keeps_the_cache(home: Path, site: Site) -> None:
    """Nobody knows whose note it is, so it counts, though it lies in the place itself."""
    site.install(site.wheel("app"), link_mode="symlink")
    notes = Path(site.cache.root, "dependents")
    (note,) = notes.iterdir()
    note.write_bytes(b"damaged")

    with pytest.raises(CacheError, match=note.name):
        held(home, home / "cache")


@needs_symlinks
def test_a_cache_with_links_for_folders_keeps_the_place(home: Path, site: Site) -> None:
    """Nobody can tell what lies in such a cache."""
    site.install(site.wheel("app"), link_mode="symlink")
    shutil.move(f"{site.cache.root}/entries", home.parent / "elsewhere")
    os.symlink(home.parent / "elsewhere", f"{site.cache.root}/entries")

    with pytest.raises(CacheError) as caught:
        held(home, home / "cache")

    assert ["linked-folder"] == [one.code for one in caught.value.problems]
    assert "--force" in caught.value.next_step


def test_a_cache_elsewhere_is_not_looked_at(home: Path, tmp_path: Path) -> None:
    """What lies beside the place, what is not there, and none at all are no concern of it."""
    Cache(tmp_path / "homely").hold()

    assert [None] * 3 == [held(home, one) for one in (tmp_path / "homely", home / "none", "")]


def test_a_cache_that_somebody_fills_is_waited_for(home: Path, site: Site) -> None:
    """Who makes or links entries is not robbed of them, and of what comes of it is known then."""
    lock = site.cache.hold()
    assert lock is not None

    with pytest.raises(LockTimeoutError, match="the cache"):
        held(home, home / "cache")
    lock.release()

    assert held(home, home / "cache") is not None
