"""Preparing a transaction: what each change is, before the first write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from linkinstall import limits
from linkinstall.errors import CacheError, ConflictError, DistributionError
from linkinstall.fs import local
from linkinstall.outcome import Change
from linkinstall.preparation import Preparation
from linkinstall.wishes import Exactly, Options, Wish, Wishes
from tests.support.entries import lose
from tests.support.sites import Site, snapshot


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an environment of its own."""
    return Site(tmp_path)


def prepared(site: Site, *wheels: Path, out: tuple[str, ...] = (), **chosen: Any) -> Preparation:
    """Return the preparation of wheels in and projects out, planned."""
    wishes = Wishes()
    for name in out:
        wishes.want_removal(name)
    for wheel in wheels:
        wishes.want(Wish(str(wheel), None))
    options = Options(**{"compile_levels": (), **chosen})
    preparation = Preparation(site.environment, site.cache, local(), options, wishes)
    preparation.plan(site.world())
    return preparation


@pytest.mark.parametrize(
    ("version", "reinstall", "action"),
    [("1.0", False, "unchanged"), ("1.0", True, "reinstalled"), ("2.0", False, "replaced")],
)
def test_what_is_installed_decides_the_change(
    site: Site, version: str, action: str, *, reinstall: bool
) -> None:
    """The same again is unchanged or reinstalled, another version is replaced."""
    site.install(site.wheel(), compile_levels=())
    preparation = prepared(site, site.wheel(version=version), reinstall=reinstall)

    assert (Change("app", version, "1.0", action),) == preparation.changes


def test_planning_only_reads_the_environment(site: Site) -> None:
    """A plan that changes everything leaves the very same files."""
    site.install(site.wheel(), compile_levels=())
    before = snapshot(site.root, exact=True)
    prepared(site, site.wheel(version="2.0"), site.wheel("new"))

    assert before == snapshot(site.root, exact=True)


def test_what_comes_in_is_not_taken_out(site: Site) -> None:
    """A project that is both asked for and to go is replaced, in one change."""
    site.install(site.wheel(), compile_levels=())
    preparation = prepared(site, site.wheel(version="2.0"), out=("app",))

    assert (Change("app", "2.0", "1.0", "replaced"),) == preparation.changes


def test_removing_what_is_not_there_is_skipped_with_a_warning(site: Site) -> None:
    """An absent project is skipped, and said to be."""
    preparation = prepared(site, out=("absent",))

    assert (Change("absent", None, None, "skipped"),) == preparation.changes
    assert ["not-installed"] == [warning.code for warning in preparation.warnings]


def test_a_project_without_record_cannot_be_removed(site: Site) -> None:
    """An egg-link is refused with its path, since nothing lists its files."""
    (site.library / "legacy.egg-link").write_text("/elsewhere\n")

    with pytest.raises(DistributionError, match=r"legacy\.egg-link"):
        prepared(site, out=("legacy",))


def test_what_pip_left_is_taken_along(site: Site) -> None:
    """The ~ folder of a project that is replaced is named in a warning."""
    site.install(site.wheel(), compile_levels=())
    (site.library / "~pp").mkdir()
    preparation = prepared(site, site.wheel(version="2.0"))

    found = [one.message for one in preparation.warnings if one.code == "leftover-replaced"]
    assert [f"took away {site.library}/~pp, left behind by another tool"] == found


def test_the_intent_tells_how_to_ask_again(site: Site) -> None:
    """Cache, mode, what goes and which entry comes are noted for a later recovery."""
    site.install(site.wheel("old"), compile_levels=())
    wheel = site.wheel()
    intent = prepared(site, wheel, out=("old",)).intent()
    entry = site.cache.add(wheel).entry.manifest.id

    expected = {
        ("cache", site.cache.path),
        ("link-mode", "auto"),
        ("levels", ""),
        ("uninstall", "old"),
        ("install", f"app {entry}"),
        ("metadata", f"app INSTALLER {b'linkinstall'.hex()}0a"),
    }
    assert set() == expected - set(intent)


@pytest.mark.parametrize("spoilt", [b"", b"\0\0\0", b"no,row\nsha,,,,\n"])
def test_rows_that_are_none_are_of_a_damaged_entry(
    site: Site, monkeypatch: pytest.MonkeyPatch, spoilt: bytes
) -> None:
    """Where entries are looked at beside the planning, what it stumbles over is mended as well.

    An install of many files was refused, with the wheel at hand, where a power cut had left
    zeros in the rows that its entry keeps for RECORD; so was the next one.
    """
    monkeypatch.setattr(limits, "FORK_FROM_LOOKS", 1)
    wheel = site.wheel()
    damaged = Path(site.cache.add(wheel).entry.folder, "record")
    rows = damaged.read_bytes()
    damaged.write_bytes(spoilt)

    preparation = prepared(site, wheel, processes=True)

    assert ["cache-damaged"] == [one.code for one in preparation.warnings]
    assert rows == damaged.read_bytes()


def test_an_entry_that_a_destination_has_not_written_is_read_whole(site: Site) -> None:
    """Whoever asks for exactly an entry of the cache gets it only if it is what was unpacked."""
    entry = site.cache.add(site.wheel()).entry
    lose(Path(entry.folder, "files", "purelib", "app", "__init__.py"))

    def plan(*, written: bool) -> None:
        wishes = Wishes()
        wishes.want(Wish(None, entry, exactly=Exactly((), written=written)))
        options = Options(compile_levels=())
        Preparation(site.environment, site.cache, local(), options, wishes).plan(site.world())

    plan(written=True)
    with pytest.raises(CacheError, match="has other contents"):
        plan(written=False)


def test_what_is_wrong_otherwise_is_told_where_entries_are_looked_at_beside(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A conflict is a conflict, whatever the look finds."""
    monkeypatch.setattr(limits, "FORK_FROM_LOOKS", 1)
    (site.library / "app").mkdir()
    (site.library / "app" / "__init__.py").write_text("mine = True\n")
    wheel = site.wheel()

    with pytest.raises(ConflictError):
        prepared(site, wheel, processes=True)
    file = Path(site.cache.add(wheel).entry.folder, "files", "purelib", "app", "__init__.py")
    file.write_bytes(b"edited")
    with pytest.raises(ConflictError):
        prepared(site, wheel, processes=True)

    assert b"edited" != file.read_bytes()


@pytest.mark.parametrize("processes", [False, True])
def test_a_file_that_was_edited_is_mended_before_it_is_planned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, processes: bool
) -> None:
    """Found at once or beside the planning: the plan has the entry that was made anew, once."""
    site = Site(tmp_path / "compiling", compiler=True)
    monkeypatch.setattr(limits, "FORK_FROM_LOOKS", 1)
    site.install(site.wheel("old"), compile_levels=(0,))
    wheel, other = site.wheel(), site.wheel("other")
    for one in (wheel, other):
        site.install(one, compile_levels=(0,))
    site.uninstall("app", "other")
    damaged = site.cache.add(wheel).entry
    (edited,) = (one for one in Path(damaged.folder).rglob("app/__init__.py"))
    sound = edited.read_bytes()
    edited.write_bytes(b"edited = True\n")

    preparation = prepared(
        site, wheel, other, out=("old",), processes=processes, compile_levels=(0,)
    )

    assert sound == edited.read_bytes()
    assert ["cache-damaged"] == [one.code for one in preparation.warnings]
    names = [name for name, _ in preparation.intent()]
    assert 2 == names.count("install")
    assert 1 == names.count("uninstall")
    assert ["app", "old", "other"] == sorted(one.name for one in preparation.changes)
    used = [one.manifest.distribution for one in preparation._entries.used]
    assert 4 == len(used)
