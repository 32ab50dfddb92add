"""The verb ``install``: outcomes, unchanged wheels, dry runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from linkinstall import entry_check, limits, looking
from linkinstall.fs import crew
from tests.support.sites import Site, differences, snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from linkinstall.cache import Entry
    from linkinstall.entry_check import Inspection
    from linkinstall.fs.port import FileSystem


@pytest.fixture
def read_whole(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what was read whole before it was linked: names, and tags of compiled files."""
    found: list[str] = []

    def inspect(files: FileSystem, entry: Entry, level: str) -> Inspection:
        if level == "full":
            found.append(entry.manifest.distribution)
        return entry_check.inspect(files, entry, level)

    monkeypatch.setattr(looking, "inspect", inspect)
    return found


@pytest.mark.parametrize("processes", [False, True])
def test_only_what_may_not_have_reached_the_disk_is_read_whole(
    tmp_path: Path, read_whole: list[str], monkeypatch: pytest.MonkeyPatch, *, processes: bool
) -> None:
    """Not what this install has unpacked and compiled itself, nor what a flush has brought there.

    What ``cache add`` has unpacked is, once, and so is what an install without flushes has left,
    by those that flush.
    """
    if processes and not hasattr(os, "fork"):
        pytest.skip("only POSIX has fork")
    monkeypatch.setattr(crew, "workers", lambda: 2)
    monkeypatch.setattr(limits, "FORK_FROM_BYTES", 0)
    first, second = Site(tmp_path / "first", compiler=True), Site(tmp_path / "second")
    wheels = [first.wheel("app"), first.wheel("other")]

    def install(site: Site, sync: str = "normal") -> list[str]:
        read_whole.clear()
        site.install(
            *wheels, sync=sync, cache=first.cache, compile_levels=(0,), processes=processes
        )
        site.uninstall("app", "other")
        return sorted(read_whole)

    assert [] == install(first)
    assert [] == install(first)
    assert [] == install(second)
    wheels[:] = [first.wheel("app", "2.0"), first.wheel("other", "2.0")]
    first.cache.add(wheels[0])
    assert ["app"] == install(first)
    assert [] == install(first)
    wheels[:] = [first.wheel("app", "3.0"), first.wheel("other", "3.0")]
    assert [[], []] == [install(first, sync="off"), install(first, sync="off")]
    tag = first.environment.cache_tag
    assert sorted(["app", "other", tag, tag]) == install(first)


def test_what_is_there_already_is_unchanged(tmp_path: Path) -> None:
    """The same wheel again changes nothing, down to inodes; ``reinstall`` does it anyway."""
    site = Site(tmp_path)
    wheel = site.wheel("app")
    site.install(wheel)
    before = snapshot(site.root, exact=True)
    again = site.install(wheel)

    assert ("unchanged", "unchanged") == (again.status, again.changes[0].action)
    assert [] == differences(before, snapshot(site.root, exact=True))
    assert "reinstalled" == site.install(wheel, reinstall=True).changes[0].action


def test_the_outcome_counts_how_files_went(tmp_path: Path) -> None:
    """Linked files are counted by mode, generated ones as written."""
    site = Site(tmp_path)
    outcome = site.install(site.wheel("app"), link_mode="hardlink")

    assert (4, 4) == (outcome.files.hardlink, outcome.files.written)
    assert 0 == outcome.files.copy


def test_a_dry_run_writes_nothing_and_tells_all(tmp_path: Path) -> None:
    """``dry_run`` says what would come and go; neither environment nor cache changes."""
    site = Site(tmp_path)
    site.install(site.wheel("app", "1.0"))
    new = site.wheel("app", "2.0")
    before = snapshot(tmp_path)
    outcome = site.install(new, dry_run=True)

    assert outcome.plan is not None
    (planned,) = outcome.plan
    assert ("replace", "1.0", "2.0") == (planned.action, planned.previous, planned.version)
    assert str(site.library / "app-2.0.dist-info/METADATA") in planned.added
    assert str(site.library / "app-1.0.dist-info/METADATA") in planned.removed
    assert [] == differences(before, snapshot(tmp_path))


def test_who_asked_is_written_down(tmp_path: Path) -> None:
    """INSTALLER, REQUESTED and ``direct_url.json`` are written, or not, as asked."""
    site = Site(tmp_path)
    site.install(site.wheel("one"), metadata={"INSTALLER": b"pdm"}, requested=False)
    site.install(site.wheel("two"), direct_url="none")
    one, two = (site.library / f"{name}-1.0.dist-info" for name in ("one", "two"))

    assert b"pdm" == (one / "INSTALLER").read_bytes()
    assert (False, True) == tuple((info / "REQUESTED").exists() for info in (one, two))
    assert (True, False) == tuple((info / "direct_url.json").exists() for info in (one, two))
