"""Verify, prune and clean as verbs: what was found and done becomes an outcome."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from linkinstall import Cache
from linkinstall.cache import UNFLUSHED
from linkinstall.errors import CacheError, LockTimeoutError
from linkinstall.upkeep.quarantine import give_up_unflushed
from linkinstall.verbs.cache import add_wheels, clean_cache, prune_cache, verify_cache
from tests.support.faulty import LocalFileSystem
from tests.support.platforms import needs_symlinks
from tests.support.sites import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an environment with one wheel in its cache."""
    site = Site(tmp_path)
    site.cache.add(site.wheel())
    return site


class Refusing(LocalFileSystem):
    """A disk that has refused what was written."""

    def flush_volume(self, path: str, _handle: int | None = None) -> None:
        """Fail, as ``syncfs`` does once."""
        raise OSError(errno.EIO, os.strerror(errno.EIO), path)


def marks(cache: Cache) -> list[str]:
    """Return the marks of what has not reached the disk."""
    return sorted(path.as_posix() for path in Path(cache.root).rglob(UNFLUSHED))


def test_what_is_added_has_reached_the_disk(site: Site) -> None:
    """Also what was there already and had not; so the next install need not read it.

    An install read every file of what ``cache add`` had just unpacked, since a power cut in
    between could have left zeros in it.
    """
    wheels = [str(site.wheel()), str(site.wheel("other"))]
    assert 1 == len(marks(site.cache))

    outcome = add_wheels(site.cache, wheels)

    added = (outcome.cache or {})["added"]
    assert [False, True] == [one["unpacked"] for one in added]
    assert [] == marks(site.cache)


def test_progress_is_told_of_each_wheel(site: Site) -> None:
    """What takes long says which wheel it is at, and how far: large ones take minutes."""
    wheels = [str(site.wheel(name)) for name in ("one", "two")]
    seen: list[tuple[str, int, int]] = []

    add_wheels(site.cache, wheels, progress=lambda *told: seen.append(told[:3]))

    names = [os.path.basename(wheel) for wheel in wheels]
    assert [(names[0], 1, 2), (names[1], 2, 2)] == sorted(set(seen))


def test_sync_off_leaves_it_to_the_system(site: Site) -> None:
    """What was not flushed stays marked."""
    before = marks(site.cache)

    add_wheels(site.cache, [str(site.wheel())], sync="off")

    assert before == marks(site.cache) != []


def test_what_the_disk_refuses_is_not_there(site: Site) -> None:
    """The error is told, and the entries are made anew by whoever needs them."""
    wheel = str(site.wheel())

    with pytest.raises(OSError, match=r".") as caught:
        add_wheels(Cache(site.cache.path, files=Refusing()), [wheel])

    assert errno.EIO == caught.value.errno
    assert site.cache.find(wheel) is None
    again = add_wheels(site.cache, [wheel]).cache or {}
    assert again["added"][0]["unpacked"]
    assert site.cache.find(wheel) is not None


def test_what_is_cleaned_away_meanwhile_is_no_error(site: Site) -> None:
    """Between its unpacking and its flush others may take an entry away, and no longer.

    ``cache add`` ended with "Input/output error": that the entry was gone passed for an error of
    the disk that another process was told of.
    """
    wheel = str(site.wheel("other"))

    def clean(_told: str) -> None:
        clean_cache(site.cache)

    outcome = add_wheels(site.cache, [wheel], notify=clean)

    assert "done" == outcome.status
    assert site.cache.find(wheel) is None

    class Watching(LocalFileSystem):
        def flush_volume(self, path: str, _handle: int | None = None) -> None:
            flushed.append(path)
            with pytest.raises(LockTimeoutError):
                clean_cache(site.cache, lock_timeout=0.05)

    flushed: list[str] = []
    add_wheels(Cache(site.cache.path, files=Watching()), [wheel])
    assert 1 == len(flushed)
    assert site.cache.find(wheel) is not None


def test_what_is_given_up_meanwhile_is_an_error(site: Site) -> None:
    """Another process was told what the disk has refused: it is not said to be there."""
    with pytest.raises(OSError, match="manifest") as caught:
        add_wheels(
            site.cache, [str(site.wheel())], notify=lambda _told: give_up_unflushed(site.cache)
        )

    assert errno.EIO == caught.value.errno


def a_file(site: Site) -> str:
    """Return a file of the only entry."""
    (name,) = os.listdir(f"{site.cache.root}/entries")
    return f"{site.cache.root}/entries/{name}/files/purelib/app/__init__.py"


def test_findings_are_status_1(site: Site) -> None:
    """A sound cache is status 0; with findings it is 1, mended ones are none."""
    assert (0, ()) == (verify_cache(site.cache).exit, verify_cache(site.cache).findings)
    os.truncate(a_file(site), 0)
    found = verify_cache(site.cache)

    assert (1, ["changed"]) == (found.exit, [one.code for one in found.findings or ()])
    mended = verify_cache(site.cache, [str(site.wheel())], repair=True)
    assert (0, ["cache-mended"]) == (mended.exit, [one.code for one in mended.warnings])
    assert [a_file(site)] == (mended.cache or {})["mended"]
    assert 0 == verify_cache(site.cache, full=True).exit


def test_what_cannot_be_mended_is_quarantined(site: Site) -> None:
    """Without a wheel the entry stays damaged, status 1, and is not found any more."""
    os.truncate(a_file(site), 0)
    found = verify_cache(site.cache, repair=True)

    assert 1 == found.exit
    assert ["cache-quarantined"] == [one.code for one in found.warnings]
    assert site.cache.find(str(site.wheel())) is None


def test_a_prune_tells_what_went(site: Site) -> None:
    """Name, version and bytes of what went; done once, there is nothing to do."""
    dry = prune_cache(site.cache, dry_run=True).cache or {}
    pruned = prune_cache(site.cache)
    facts = pruned.cache or {}

    assert ["app"] == [one["name"] for one in facts["removed"]]
    assert dry["removed"] == facts["removed"]
    assert (True, False) == (dry["dry_run"], facts["dry_run"])
    assert ("done", "unchanged") == (pruned.status, prune_cache(site.cache).status)


def test_a_size_that_cannot_be_had_is_told(site: Site) -> None:
    """Where what is used is larger than allowed, it stays, with a warning."""
    site.install(site.wheel())

    assert ["cache-size"] == [one.code for one in prune_cache(site.cache, max_size=0).warnings]


@needs_symlinks
def test_a_clean_refuses_to_break_environments(site: Site) -> None:
    """Environments with symbolic links are named; forced, everything goes."""
    site.install(site.wheel(), link_mode="symlink")
    with pytest.raises(CacheError) as caught:
        clean_cache(site.cache)

    assert [str(site.root)] == [one.path for one in caught.value.problems]
    assert ("refused", 1) == (caught.value.status, caught.value.exit_status)
    assert os.path.exists(a_file(site))
    assert "done" == clean_cache(site.cache, force=True).status
    assert not os.path.exists(f"{site.cache.root}/entries")
