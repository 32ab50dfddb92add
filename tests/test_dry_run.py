"""Dry runs: what is foretold is what then happens, and nothing is written for it."""

from __future__ import annotations

import os
import shutil
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from linkinstall import Cache
from linkinstall.dry_run import foresee, planned_changes
from linkinstall.errors import InvalidWheelError, UsageError
from linkinstall.fs import local
from linkinstall.values import as_dict, replace
from tests.support.applications import planned
from tests.support.faulty import Recording
from tests.support.platforms import needs_symlinks
from tests.support.sites import Site, differences, snapshot
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from linkinstall.outcome import PlannedChange

POINTS = "[console_scripts]\napp = app.core:main\n[gui_scripts]\napp-gui = app.core:main\n"
FILES: dict[str, bytes | str] = {
    "app/__init__.py": "",
    "app/core.py": "def main(): ...\n",
    "app/engine.dll": b"MZ\x90",
    "app-1.0.data/scripts/app-tool": "#!python\nprint()\n",
    "app-1.0.data/data/share/app.txt": "data\n",
}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an empty environment with a cache of its own."""
    return Site(tmp_path)


@pytest.fixture
def wheel(site: Site) -> Path:
    """Make a wheel with one of everything."""
    return site.wheel(files=FILES, entry_points=POINTS, executable=["app/core.py"])


def foretold(
    site: Site, *wheels: Path, out: Sequence[str] = (), **options: Any
) -> tuple[PlannedChange, ...]:
    """Return what a dry run tells."""
    plan, preparation = planned(site, *wheels, out=out, dry=True, **options)
    return planned_changes(plan, preparation.preferences(plan))


def files_of(site: Site) -> set[str]:
    """Return the paths of all files of the environment."""
    nodes = snapshot(site.root)
    return {f"{site.root}/{path}" for path, node in nodes.items() if node[0] != "folder"}


# ------------------------------------------------------------------ the entry


def test_the_entry_is_foreseen_as_it_will_be(site: Site, wheel: Path) -> None:
    """Folders, sizes, digests and scripts are those of the entry that unpacking makes."""
    entry, name, digest = foresee(site.cache, str(wheel), "all")
    made = site.cache.add(wheel).entry.manifest
    told = entry.manifest

    assert ("app", None) == (name, digest)
    for part in ("distribution", "version", "dist_info", "root", "umask", "entry_points"):
        assert getattr(made, part) == getattr(told, part), part
    assert sorted(made.files()) == sorted(told.files())
    assert made.collisions == told.collisions
    for part in ("executables", "binaries", "rewritten"):
        assert getattr(made, part) == getattr(told, part) != frozenset(), part


@pytest.mark.parametrize("algorithm", ["sha384", "sha512"])
def test_the_entry_is_foreseen_whatever_algorithm_record_uses(site: Site, algorithm: str) -> None:
    """What is installed from a wheel whose RECORD has other digests than SHA-256 is unchanged.

    Story: such a digest was taken for the SHA-256, and "would replace" was told of what was
    installed identically, once the cache had lost the wheel.
    """
    wheel = site.wheel(algorithm=algorithm)
    entry, _, _ = foresee(site.cache, str(wheel), "all")
    site.install(wheel, compile_levels=())
    shutil.move(site.cache.path, site.folder / "lost")

    assert sorted(Cache(site.folder / "lost").add(wheel).entry.manifest.files()) == sorted(
        entry.manifest.files()
    )
    assert () == foretold(site, wheel)


@pytest.mark.parametrize("listed", ["", "app/data.txt,,\n", "app/data.txt,sha256=ab cd,4\n"])
def test_what_record_does_not_tell_of_is_foreseen_too(site: Site, listed: str) -> None:
    """Where RECORD is not looked at, a file may have no row, no digest, or none that is one.

    The only file of a folder ended a dry run with a traceback then.
    """
    info = "app-1.0.dist-info"
    record = f"{listed}{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n"
    wheel = site.wheel(files={"app/data.txt": "data"}, record=record)

    entry, _, _ = foresee(site.cache, str(wheel), "none")
    told = [(path, size) for _, path, size, _ in entry.manifest.files()]
    made = site.cache.add(wheel, validate_record="none").entry.manifest

    assert [(path, size) for _, path, size, _ in made.files()] == told


@pytest.mark.posix("a wheel with such names is refused there, dry run or not")
def test_names_that_differ_by_case_are_foreseen(site: Site) -> None:
    """Where upper and lower case are one, such names collide, and a dry run has to say so too."""
    wheel = site.wheel(files={"app/Core.py": "1", "app/core.py": "2"})
    entry, _, _ = foresee(site.cache, str(wheel), "all")

    assert entry.manifest.collisions
    assert site.cache.add(wheel).entry.manifest.collisions == entry.manifest.collisions


def test_foreseeing_writes_nothing(site: Site, wheel: Path) -> None:
    """Neither the cache nor the folder of the wheel is touched, and no port verb changes any."""
    before = snapshot(site.folder, exact=True)
    files = Recording(local())
    foresee(Cache(site.cache.path, files=files), str(wheel), "all")

    assert [] == files.changes
    assert [] == differences(before, snapshot(site.folder, exact=True))


def test_an_entry_that_is_there_is_taken(site: Site, wheel: Path) -> None:
    """What the cache knows needs no look into the wheel, and has its hash."""
    added = site.cache.add(wheel)
    entry, name, digest = foresee(site.cache, str(wheel), "all")

    assert (added.entry, "app", added.hash) == (entry, name, digest)


def test_without_a_cache_none_is_asked(site: Site, wheel: Path) -> None:
    """``--no-cache`` foresees from the wheel, whatever the shared cache holds."""
    site.cache.add(wheel)
    cache = Cache(site.cache.path)
    cache.temporary = True
    entry, _, digest = foresee(cache, str(wheel), "all")

    assert ("", None) == (entry.folder, digest)


def test_a_wheel_that_would_be_refused_is_refused(tmp_path: Path, site: Site) -> None:
    """A dry run says no where the run would, for what its names and paths are."""
    bad = make_wheel(tmp_path / "bad", files={"../outside.py": "x"})
    before = snapshot(site.folder, exact=True)
    with pytest.raises(InvalidWheelError, match="outside"):
        foresee(site.cache, str(bad), "all")

    assert [] == differences(before, snapshot(site.folder, exact=True))


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_wheel_that_is_not_what_record_says_is_refused(site: Site, algorithm: str) -> None:
    """A dry run refuses with the error and the problems of the run, and "none" accepts both.

    Story: RECORD's digests were taken on trust, so that "would install" and status 0 were
    told of a damaged wheel, which the run then refused.
    """
    files = ("app/core.py", "app/data.txt")
    listed = make_wheel(
        site.folder / "other", "app", files=dict.fromkeys(files, "?"), algorithm=algorithm
    )
    with zipfile.ZipFile(listed) as archive:
        record = archive.read("app-1.0.dist-info/RECORD").decode()
    wheel = site.wheel(files=dict.fromkeys(files, "!"), record=record)
    foresee(site.cache, str(wheel), "none")
    with pytest.raises(InvalidWheelError) as foretold:
        foresee(site.cache, str(wheel), "all")
    with pytest.raises(InvalidWheelError) as run:
        site.cache.add(wheel)

    assert sorted(files) == sorted(one.path for one in foretold.value.problems)
    assert (str(run.value), run.value.problems, run.value.path) == (
        str(foretold.value), foretold.value.problems, foretold.value.path,
    )  # fmt: skip


# ------------------------------------------------------------------ the changes


def test_every_added_path_is_foretold(site: Site, wheel: Path) -> None:
    """The paths of the dry run are the files that stand there after the run, no more, no less."""
    before = files_of(site)
    (told,) = foretold(site, wheel)
    site.install(wheel, compile_levels=(), link_mode="hardlink")

    assert (files_of(site) - before, set()) == (set(told.added), set(told.removed))
    assert ("app", "1.0", None, "install") == (
        told.name, told.version, told.previous, told.action,
    )  # fmt: skip


def test_every_removed_path_is_foretold(site: Site, wheel: Path) -> None:
    """The same holds for what goes."""
    before = files_of(site)
    site.install(wheel, compile_levels=())
    (told,) = foretold(site, out=["app"])
    gone = files_of(site) - before
    site.uninstall("app")

    assert (before, gone, ()) == (files_of(site), set(told.removed), told.added)
    assert ("app", "1.0", "remove") == (told.name, told.previous, told.action)


def test_a_set_is_told_change_by_change(site: Site, wheel: Path) -> None:
    """Each change has its own paths: an upgrade, a new project and a removal beside each other."""
    site.install(wheel, site.wheel("old"), compile_levels=())
    told = foretold(site, site.wheel(version="2.0"), site.wheel("new"), out=["old"])

    assert {("app", "replace"), ("new", "install"), ("old", "remove")} == {
        (one.name, one.action) for one in told
    }
    for one in told:
        stem = {"app": "app", "new": "new", "old": "old"}[one.name]
        library = f"{site.library}/{stem}"
        scripts = (f"{site.scripts}/app", f"{site.root}/share/app")
        assert all(path.startswith((library, *scripts)) for path in (*one.added, *one.removed))


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"link_mode": "hardlink"}, id="hardlink"),
        pytest.param({"link_mode": "symlink"}, id="symlink", marks=needs_symlinks),
        pytest.param({"link_mode": "copy"}, id="copy"),
        pytest.param({"link_mode": "hardlink", "copy_binaries": "always"}, id="hardlink-always"),
    ],
)
@pytest.mark.parametrize("cached", [True, False])
def test_the_counts_are_those_of_the_run(
    site: Site, wheel: Path, options: dict[str, str], *, cached: bool
) -> None:
    """How many files are linked in which way, and how many are written, is as it will be.

    Of a wheel that was not in the cache, scripts and binaries were told as any other file.
    """
    if cached:
        site.cache.add(wheel)
    (told,) = foretold(site, wheel, **options)
    outcome = site.install(wheel, compile_levels=(), **options)

    assert as_dict(outcome.files) == dict(told.files)


def test_a_link_mode_that_cannot_be_had_is_not_told(site: Site, wheel: Path) -> None:
    """On a volume that cannot link, the dry run says that files will be copied."""
    plan, preparation = planned(site, wheel, dry=True)
    preferences = preparation.preferences(plan)
    unable = tuple(replace(one, hardlink=False) for one in preferences.capabilities)
    (told,) = planned_changes(plan, replace(preferences, capabilities=unable))

    assert 0 == told.files["hardlink"]
    assert sum(told.files.values()) == len(told.added)
    assert told.files["copy"] + told.files["written"] == len(told.added)


def test_links_into_a_cache_that_goes_are_refused(site: Site, wheel: Path) -> None:
    """What the run refuses for its link mode, the dry run refuses, too.

    With ``--no-cache --link-mode symlink`` it told "would install", and the run ended with a
    usage error.
    """
    asked: dict[str, Any] = {"cache": Cache.none(), "link_mode": "symlink"}

    for dry_run in (True, False):
        with pytest.raises(UsageError, match="needs a cache that stays"):
            site.install(wheel, dry_run=dry_run, **asked)


@pytest.mark.parametrize("cached", [True, False])
def test_nothing_to_do_is_told_as_nothing(site: Site, wheel: Path, *, cached: bool) -> None:
    """What is installed unchanged has no line.

    A wheel with scripts that was not in the cache any more was told to replace itself.
    """
    site.install(wheel, compile_levels=())
    if not cached:
        shutil.rmtree(site.cache.path)

    assert () == foretold(site, wheel)
    assert os.path.isdir(site.library / "app")
