"""Placements: every file out of the cache gets the first link mode that works."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from linkinstall import limits
from linkinstall.fs import local
from linkinstall.linking import Preferences
from linkinstall.plan import PAYLOAD
from linkinstall.policy import Capabilities
from linkinstall.staging import Staging
from tests.support.applications import OFF, planned
from tests.support.faulty import Change, Denying, NoHardLinks, OtherVolume, Recording
from tests.support.sites import Site
from tests.support.staged import links, package, staged

if TYPE_CHECKING:
    from pathlib import Path


def contents(path: str) -> bytes:
    """Return what a file holds."""
    with open(path, "rb") as stream:
        return stream.read()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an empty environment with a cache of its own."""
    return Site(tmp_path)


def test_a_binary_gets_a_copy_where_it_is_to_be_private(site: Site) -> None:
    """Only the binary is copied, and what it holds is the same."""
    staging = staged(site, private_binaries=True)
    staging.write()
    staging.placements.link()

    assert {"__init__.py": 2, "data.txt": 2, "engine.dll": 1} == links(package(staging))
    with open(f"{package(staging)}/engine.dll", "rb") as stream:
        assert b"MZ\x90" == stream.read()


def test_a_tree_of_another_umask_is_copied(site: Site) -> None:
    """A hard link would bring the modes of another umask along."""
    staging = staged(site, private_trees=frozenset({0}))
    staging.write()
    assert staging.placements.link()

    assert {"__init__.py": 1, "data.txt": 1, "engine.dll": 1} == links(package(staging))


def test_a_tree_of_another_umask_is_copied_beside_others(site: Site) -> None:
    """Which link mode a file gets is that of its own tree, whichever was placed first."""
    wheels = [site.wheel(name, files={f"{name}/one.txt": name}) for name in ("one", "two")]
    plan, _ = planned(site, *wheels)
    wanted = Preferences(
        "hardlink",
        private_binaries=False,
        capabilities=(Capabilities(clone=False),),
        private_trees=frozenset({1}),
    )
    staging = Staging(local(), plan, wanted, OFF)
    staging.write()
    assert staging.placements.link()

    assert "two" == plan.trees[1].manifest.distribution
    found = {
        os.path.basename(group.target): links(staging.folder(group))
        for group in plan.groups
        if group.phase == PAYLOAD
    }
    assert {"one": {"one.txt": 2}, "two": {"one.txt": 1}} == found


def test_each_volume_has_its_own_link_modes(site: Site) -> None:
    """Where one volume takes hard links and another does not, no link is tried there."""
    wheel = site.wheel("one", files={"one/a.txt": "a", "one-1.0.data/scripts/tool": "plain"})
    files = OtherVolume(local(), str(site.scripts))
    able = (Capabilities(clone=False), Capabilities(clone=False, hardlink=False))
    staging = staged(site, files, wheel, capabilities=able)
    staging.write()

    assert staging.placements.link()

    assert [] == staging.placements.refusals
    (scripts,) = (one for one in staging.plan.groups if one.target == str(site.scripts))
    (package,) = (one for one in staging.plan.groups if one.target.endswith("/one"))
    assert (0, 1) == (package.state, scripts.state)
    assert {"a.txt": 2} == links(staging.folder(package))
    assert {"tool": 1} == links(staging.folder(scripts))


def test_a_volume_that_refuses_is_asked_once(site: Site) -> None:
    """EXDEV speaks for the volume: the first folder is refused, the others are not tried."""
    wheel = site.wheel(files={f"{name}/one.py": name for name in "abcde"})
    files = Recording(Denying(local(), "hardlink", errno.EXDEV))
    staging = staged(site, files, wheel)
    staging.write()
    assert not staging.placements.link()
    asked = [one for one in files.changes if one.verb == "hardlink"]
    staging.discard()
    staging.write()
    assert staging.placements.link()

    assert 1 == len(asked)
    assert asked == [one for one in files.changes if one.verb == "hardlink"]
    assert 0 == staging.placements.counts["hardlink"]


class OddFile(Denying):
    """One file cannot be linked: it is immutable, or another user's."""

    def denies(self, change: Change) -> bool:
        """Return whether it is that file's turn."""
        return super().denies(change) and change.path.endswith("/data.txt")


@pytest.mark.parametrize("number", [errno.EPERM, errno.EMLINK, errno.ETXTBSY])
def test_one_odd_file_is_copied_alone(site: Site, number: int) -> None:
    """A refusal that is about a file costs that file its link, and no other."""
    staging = staged(site, OddFile(local(), "hardlink", number))
    staging.write()
    assert not staging.placements.link()
    staging.discard()
    staging.write()
    assert staging.placements.link()

    assert {"__init__.py": 2, "data.txt": 1, "engine.dll": 2} == links(package(staging))
    crowded = ["data.txt"] if number == errno.EMLINK else []
    assert crowded == [one.name for one in staging.placements.crowded()]


def test_a_refusal_after_a_success_is_the_files_own(site: Site) -> None:
    """Where one link was made, EXDEV of a later one (a bind mount) is not the volume's."""
    wheel = site.wheel(files={"app/a.txt": "a", "app/data.txt": "b", "app/z.txt": "z"})
    staging = staged(site, OddFile(local(), "hardlink", errno.EXDEV), wheel)
    staging.write()
    assert not staging.placements.link()
    staging.discard()
    staging.write()
    assert staging.placements.link()

    assert {"a.txt": 2, "data.txt": 1, "z.txt": 2} == links(package(staging))


class Uncopyable(Denying):
    """Files that come from the cache cannot be made, generated ones can."""

    def denies(self, change: Change) -> bool:
        """Return whether a file of the package would be made."""
        return super().denies(change) and change.path.endswith(("data.txt", "engine.dll"))


def test_the_last_refusal_names_the_file(site: Site) -> None:
    """Where not even a copy can be made, the error has the reason and names the file."""
    staging = staged(site, Uncopyable(NoHardLinks(local()), "create", errno.EACCES))
    staging.write()
    assert not staging.placements.link()
    assert errno.EPERM == staging.placements.last_refusal().errno
    assert staging.placements.last_refusal().filename
    staging.discard()
    with pytest.raises(PermissionError) as caught:
        staging.write()

    assert errno.EACCES == caught.value.errno
    assert caught.value.filename


def test_an_error_that_no_link_mode_mends_is_raised(site: Site) -> None:
    """A full disk is no refusal of a link mode: it ends the staging at once."""
    staging = staged(site, Denying(local(), "hardlink", errno.ENOSPC))
    staging.write()
    with pytest.raises(OSError, match="No space") as caught:
        staging.placements.link()

    assert str(caught.value.filename).startswith(str(site.home))


def test_a_volume_that_refuses_clones_is_asked_once(site: Site) -> None:
    """The first clone speaks for the volume; everything is linked instead."""
    wheel = site.wheel(files={f"{name}/one.py": name for name in "abcde"})
    files = Recording(Denying(local(), "clone", errno.EOPNOTSUPP))
    able = (Capabilities(),)
    staging = staged(site, files, wheel, link_mode="auto", capabilities=able)
    staging.write()
    assert staging.placements.link()

    assert 1 == len([one for one in files.changes if one.verb == "clone"])
    counts = staging.placements.counts
    assert (0, 0) == (counts["clone"], counts["copy"])
    assert counts["hardlink"] >= 5


def test_copies_are_shared_out_where_they_may_be(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several processes copy while this one writes what is generated; it counts the same."""
    monkeypatch.setattr(limits, "FORK_FROM_LINKS", 1)
    alone = staged(site, link_mode="copy")
    alone.write()
    expected = {name: contents(f"{package(alone)}/{name}") for name in links(package(alone))}
    alone.discard()
    shared = staged(site, link_mode="copy", processes=True)
    shared.write()

    assert expected == {n: contents(f"{package(shared)}/{n}") for n in links(package(shared))}
    assert alone.placements.counts == shared.placements.counts
    assert alone.placements.counts["copy"] >= 3


def test_an_error_while_others_copy_leaves_nobody_at_work(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was being copied is at an end before what is staged is dropped."""
    monkeypatch.setattr(limits, "FORK_FROM_LINKS", 1)
    staging = staged(site, link_mode="copy", processes=True)

    def fail() -> None:
        raise OSError(errno.ENOSPC, "No space")

    monkeypatch.setattr(staging, "_write_all_fresh", fail)
    with pytest.raises(OSError, match="No space"):
        staging.write()
    staging.discard()

    assert [] == os.listdir(site.home)
    if hasattr(os, "fork"):
        with pytest.raises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
