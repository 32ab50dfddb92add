"""Verify, prune and clean as verbs: what was found and done becomes an outcome."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from linkinstall.errors import CacheError
from linkinstall.verbs.cache import clean_cache, prune_cache, verify_cache
from tests.support.platforms import needs_symlinks
from tests.support.sites import Site

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an environment with one wheel in its cache."""
    site = Site(tmp_path)
    site.cache.add(site.wheel())
    return site


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
