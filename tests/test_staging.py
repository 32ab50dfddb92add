"""Staging: what a transaction brings is made aside, in the first link mode that works."""

from __future__ import annotations

import errno
import os
import re
import shutil
from typing import TYPE_CHECKING

import pytest

from linkinstall.digest import hash_data
from linkinstall.errors import JournalError
from linkinstall.fs import local
from linkinstall.fs.volumes import Volumes
from linkinstall.plan import LOOSE
from linkinstall.values import replace
from tests.support.faulty import Change, Denying, OtherVolume, Recording
from tests.support.sites import Site, differences, of_state, snapshot
from tests.support.staged import links, package, staged

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an empty environment with a cache of its own."""
    return Site(tmp_path)


# ------------------------------------------------------------------ what is written


def test_nothing_outside_the_state_folder_is_touched(site: Site) -> None:
    """Staging writes, copies and links below the state folder only; it costs nothing to drop."""
    before = snapshot(site.root, exact=True)
    files = Recording(local())
    staging = staged(site, files)
    files.changes.clear()
    staging.write()
    assert staging.placements.link()

    assert [] == [one for one in files.changes if not one.path.startswith(str(site.home))]
    assert [] == differences(before, snapshot(site.root, exact=True, skipping=of_state))
    staging.discard()
    assert [] == os.listdir(site.home)


def test_links_wait_until_the_journal_is_written(site: Site) -> None:
    """Hard links are made by ``link`` alone: until then the cache's files have one name."""
    staging = staged(site)
    staging.write()
    assert [] == os.listdir(package(staging))
    staging.placements.link()

    assert {"__init__.py": 2, "data.txt": 2, "engine.dll": 2} == links(package(staging))


def test_folders_that_only_links_go_into_are_made_with_them(site: Site) -> None:
    """The flush before need not write thousands of folders; in the end every one is there."""
    names = ["a/b/c/d.py", "a/b/e.py", "a/f/g.txt", "one-1.0.data/data/share/x/y.txt"]
    wheel = site.wheel("one", "1.0", {**dict.fromkeys(names, "text"), "one.py": ""})
    staging = staged(site, wheel=wheel)
    staging.write()
    groups = {group.number: group for group in staging.plan.groups}
    folders = [staging.folder(groups[number], sub) for number, sub in staging.plan.folders]
    assert {False} == {os.path.isdir(folder) for folder in folders}

    assert staging.placements.link()

    assert len(folders) >= 3
    assert {True} == {os.path.isdir(folder) for folder in folders}


def test_folders_of_generated_files_are_made_before_the_journal(site: Site) -> None:
    """A file that is generated deep in a new folder is written before the flush, too."""
    wheel = site.wheel("one", "1.0", {"one-1.0.data/scripts/in/deep/run": "#!python\n"})
    staging = staged(site, wheel=wheel)
    staging.write()

    for one in staging.staged:
        group = next(group for group in staging.plan.groups if group.number == one.group)
        assert os.path.isfile(f"{staging.folder(group, one.sub)}/{one.name}")
    assert "run" in {one.name for one in staging.staged}


def test_folders_of_generated_files_are_made_once(site: Site) -> None:
    """What two files need is made for the first, and not tried for the second."""
    names = ["in/deep/run", "in/deep/walk", "in/stand"]
    files = Recording(local())
    wheel = site.wheel("one", "1.0", {f"one-1.0.data/scripts/{name}": "#!python" for name in names})
    staging = staged(site, files, wheel)
    files.changes.clear()
    staging.write()

    made = [one.path for one in files.changes if one.verb == "make_folder"]
    assert sorted(set(made)) == sorted(made)
    assert {"run", "walk", "stand"} <= {one.name for one in staging.staged}


def test_a_second_round_makes_its_folders_anew(site: Site) -> None:
    """Where links are refused everything staged is dropped, and staged once more."""
    wheel = site.wheel("one", "1.0", {"one-1.0.data/scripts/in/deep/run": "#!python\n"})
    staging = staged(site, wheel=wheel)
    staging.write()
    first = list(staging.staged)
    staging.discard()

    staging.write()

    assert [one.name for one in first] == [one.name for one in staging.staged]
    assert staging.placements.link()


def test_generated_files_are_noted_as_they_lie_there(site: Site) -> None:
    """Size, time and digest of each generated file are those of the file on the disk."""
    staging = staged(site)
    staging.write()
    groups = {group.number: group for group in staging.plan.groups}

    assert {"INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "tool"} == {
        one.name for one in staging.staged
    }
    for one in staging.staged:
        path = f"{staging.folder(groups[one.group], one.sub)}/{one.name}"
        status = os.stat(path)
        with open(path, "rb") as stream:
            digest = hash_data(stream.read())
        assert (status.st_size, status.st_mtime_ns, digest) == (one.size, one.mtime, one.digest)
    assert len(staging.staged) == staging.placements.counts["written"]


def test_a_script_is_executable_when_it_is_staged(site: Site) -> None:
    """The bits are set before anything is in place: no half-made script is ever there."""
    staging = staged(site)
    staging.write()
    (group,) = (group for group in staging.plan.groups if group.target == str(site.scripts))

    assert os.access(f"{staging.folder(group)}/tool", os.X_OK)


# ------------------------------------------------------------------ several volumes


def test_state_folders_of_several_volumes_point_at_each_other(site: Site) -> None:
    """Each is made with a pointer: home names the other, the other names home."""
    staging = staged(site, OtherVolume(local(), str(site.scripts)))
    staging.write()
    side = site.scripts / ".linkinstall"

    assert f"{side}\0" == (site.home / "pointer").read_text()
    assert f"{site.home}\0" == (side / "pointer").read_text()
    staging.discard()
    assert not side.exists()
    assert [] == os.listdir(site.home)


def test_pointers_reach_the_disk_in_their_order(site: Site) -> None:
    """Home names another state folder before that is made, and until it is gone for good."""
    files = Recording(OtherVolume(local(), str(site.scripts)))
    staging = staged(site, files)
    staging.volumes = Volumes(files, "normal")
    side, pointer = f"{site.scripts}/.linkinstall", f"{site.home}/pointer"

    files.changes.clear()
    staging.write()
    written = [files.changes.index(Change("write", pointer))]
    written.append(files.changes.index(Change("flush_volume", str(site.home))))
    written.append(files.changes.index(Change("make_folder", side)))
    files.changes.clear()
    staging.discard()
    gone = [files.changes.index(Change("remove_folder", side))]
    gone.append(files.changes.index(Change("flush_volume", str(site.scripts))))
    gone.append(files.changes.index(Change("unlink", pointer)))

    assert sorted(written) == written
    assert sorted(gone) == gone


def test_dropping_what_was_never_begun_flushes_nothing_that_is_not_there(site: Site) -> None:
    """A folder of another volume may be gone again when the first step fails."""
    inner = Recording(OtherVolume(local(), str(site.scripts)))
    staging = staged(site, Denying(inner, "create", errno.ENOSPC))
    staging.volumes = Volumes(inner, "normal")
    assert 2 == len(staging.plan.states)
    shutil.rmtree(site.scripts)
    with pytest.raises(OSError, match="No space"):
        staging.write()

    staging.discard()

    assert "flush_volume" not in {one.verb for one in inner.changes}


def test_discarding_leaves_what_is_not_staged(site: Site) -> None:
    """The trash of an earlier run stays when what was staged goes."""
    staging = staged(site)
    staging.write()
    (site.home / "trash").mkdir()
    staging.discard()

    assert ["trash"] == os.listdir(site.home)


# ------------------------------------------------------------------ putting into place


def test_everything_comes_in_its_order_and_record_last(site: Site) -> None:
    """Payload, then ``.pth`` files, then the dist-info; of loose names RECORD is the last."""
    wheel = site.wheel(files={"app/__init__.py": "", "app.pth": "# a path\n"})
    files = Recording(local())
    staging = staged(site, files, wheel)
    info = site.library / "app-1.0.dist-info"
    info.mkdir()
    groups = tuple(
        replace(group, kind=LOOSE) if group.target == str(info) else group
        for group in staging.plan.groups
    )
    staging.plan = replace(staging.plan, groups=groups)
    staging.write()
    staging.placements.link()
    files.changes.clear()
    staging.switch()
    placed = [one.path.removeprefix(f"{site.library}/") for one in files.changes]

    assert ["app", "app.pth"] == placed[:2]
    assert {"app-1.0.dist-info"} == {os.path.dirname(path) for path in placed[2:]}
    assert "app-1.0.dist-info/RECORD" == placed[-1]


@pytest.mark.parametrize("taken", ["app", "bin/tool"])
def test_nothing_is_replaced(site: Site, taken: str) -> None:
    """What has come to stand in a place meanwhile is left, and the switch fails."""
    staging = staged(site)
    staging.write()
    staging.placements.link()
    place = site.root / taken if "/" in taken else site.library / taken
    place.write_text("theirs\n")
    with pytest.raises(FileExistsError):
        staging.switch()

    assert "theirs\n" == place.read_text()


def test_a_state_folder_that_another_environment_needs_is_left(tmp_path: Path) -> None:
    """Two libraries that share a folder on another volume: the one waits for the other.

    An install into the one removed the stash that the killed upgrade of the other had put there,
    and was refused for it; the other was neither old nor new then.
    """
    one, two = Site(tmp_path / "one"), Site(tmp_path / "two")
    schemes = {**two.environment.schemes, "scripts": str(one.scripts)}
    two.environment = replace(two.environment, schemes=schemes, runtime=schemes)
    files = OtherVolume(local(), str(one.scripts))
    tool = "[console_scripts]\n{} = app:main\n"
    with one.transaction(files, compile_levels=()) as first:
        first.install(one.wheel("app", "1.0", entry_points=tool.format("tool")))
    before = one.tree()
    upgrade = one.transaction(files, compile_levels=())
    upgrade.install(one.wheel("app", "2.0", entry_points=tool.format("tool")))
    upgrade.prepare()  # and no further: nobody else knows whether it was killed
    held = snapshot(one.scripts)
    other = two.transaction(files, compile_levels=())
    other.install(two.wheel("other", entry_points=tool.format("other")))

    with pytest.raises(JournalError, match=re.escape(f"environment at {one.home}")):
        other.run()

    assert held == snapshot(one.scripts)
    assert [] == list(two.library.iterdir())
    upgrade.roll_back()
    assert before == one.tree()
    two.install(two.wheel("other", entry_points=tool.format("other")))
    assert (one.scripts / "other").is_file()


def test_a_stash_of_nobody_is_left(tmp_path: Path) -> None:
    """What was taken out of place and lost its home is not removed with what is staged."""
    site = Site(tmp_path)
    stash = site.scripts / ".linkinstall" / "stash" / "0"
    stash.mkdir(parents=True)
    (stash / "tool").write_text("the only one")
    transaction = site.transaction(OtherVolume(local(), str(site.scripts)), compile_levels=())
    transaction.install(site.wheel("app", entry_points="[console_scripts]\ntool = app:main\n"))

    with pytest.raises(JournalError, match="unfinished transaction"):
        transaction.run()

    assert "the only one" == (stash / "tool").read_text()
