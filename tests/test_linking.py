"""Preferences for staging, and the warning where a link mode could not be had."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linkinstall.cache import Cache
from linkinstall.errors import UsageError
from linkinstall.fs import local
from linkinstall.linking import Linking
from linkinstall.outcome import Warn
from linkinstall.plan import Plan, Tree
from linkinstall.values import replace
from tests.support.faulty import OtherVolume
from tests.support.sites import Site

if TYPE_CHECKING:
    from pathlib import Path

    from linkinstall.fs.port import FileSystem
    from linkinstall.linking import Preferences


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an environment, and a cache with one file to probe with."""
    site = Site(tmp_path)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "manifest").write_text("what a probe tries to clone\n")
    return site


def preferences(
    site: Site, files: FileSystem, mode: str = "hardlink", *, private: bool = False
) -> tuple[Linking, Preferences]:
    """Return how a plan without trees links from the site's cache to its state folder."""
    linking = Linking(files, mode, "never")
    return linking, linking.preferences(plan_of(site), site.cache, private=private)


def plan_of(site: Site) -> Plan:
    """Return a plan that names nothing but the state folder."""
    return Plan((), (), (), (), (), (), (), states=(str(site.home),))


def apart(site: Site) -> FileSystem:
    """Return a file system on which the environment lies on a volume of its own."""
    return OtherVolume(local(), str(site.root))


@pytest.mark.parametrize(("mode", "binaries"), [("sideways", "auto"), ("auto", "sometimes")])
def test_unknown_choices_are_refused_at_once(mode: str, binaries: str) -> None:
    """An unknown link mode or treatment of binaries is refused before any plan."""
    with pytest.raises(UsageError, match="unknown"):
        Linking(local(), mode, binaries)


@pytest.mark.parametrize(
    ("mode", "private", "hardlink"),
    [
        ("auto", False, True),
        ("auto", True, False),
        ("clone", True, False),
        ("hardlink", True, True),
    ],
)
def test_what_is_private_shares_no_inode_unasked(
    site: Site, mode: str, *, private: bool, hardlink: bool
) -> None:
    """A private target gets hard links only where they were asked for by name.

    Story: where clones could not be had, ``--destdir --link-mode clone`` made hard links, and
    what strips a staged tree in place stripped the cache.
    """
    _, found = preferences(site, local(), mode, private=private)

    assert [hardlink] == [one.hardlink for one in found.capabilities]


def test_nothing_links_to_another_volume(site: Site) -> None:
    """Between volumes there is neither clone nor hard link."""
    _, found = preferences(site, apart(site), "auto")

    assert [(False, False)] == [(one.clone, one.hardlink) for one in found.capabilities]


@pytest.mark.parametrize("first", [True, False])
def test_a_tier_on_another_volume_is_copied_alone(site: Site, *, first: bool) -> None:
    """The other wheels are linked, in whatever order they come, and the tier is told.

    The first wheel decided for all, and the cache was told to lie on another volume.
    """
    tier = Cache(site.folder / "tier")
    far, near = tier.add(site.wheel("far")).entry, site.cache.add(site.wheel("near")).entry
    entries = (far, near) if first else (near, far)
    trees = tuple(Tree(one.manifest, one.folder, 0) for one in entries)
    linking = Linking(OtherVolume(local(), tier.path), "auto", "never")
    found = linking.preferences(replace(plan_of(site), trees=trees), site.cache, private=False)

    assert [not first, first] == [found.between(0, tree).hardlink for tree in (0, 1)]
    (warning,) = linking.warnings({"copy": 3, "hardlink": 1}, [], site.cache)
    assert far.folder in warning.message


def test_looking_leaves_no_name(site: Site) -> None:
    """A probe for clones leaves environment and cache as they were."""
    before = sorted(site.folder.rglob("*"))
    preferences(site, local(), "clone")

    assert before == sorted(site.folder.rglob("*"))


def test_automatic_copies_warn_only_between_volumes(site: Site) -> None:
    """Copies made by auto are told of with the remedy between volumes, else not at all."""
    beside, _ = preferences(site, local(), "auto")
    across, _ = preferences(site, apart(site), "auto")

    assert () == beside.warnings({"copy": 3}, [], site.cache)
    assert () == across.warnings({"clone": 3}, [], site.cache)
    (warning,) = across.warnings({"copy": 3}, [], site.cache)
    assert "link-mode" == warning.code
    assert site.cache.path in warning.message
    assert "LINKINSTALL_CACHE_DIR" in warning.message
    assert warning.message.startswith("every file had to be copied: ")
    (warning,) = across.warnings({"copy": 3, "hardlink": 1}, [], site.cache)
    assert warning.message.startswith("what lies on another volume had to be copied: ")


def test_a_mode_that_could_not_be_had_is_told_with_its_counts(site: Site) -> None:
    """Where the mode asked for was had for no file, one warning counts what was done."""
    linking, _ = preferences(site, local())
    message = (
        "link mode hardlink could not be had for every file (3 copy): "
        "the volume or a file refused it"
    )

    assert (Warn("link-mode", message),) == linking.warnings({"copy": 3}, [], site.cache)
    assert () == linking.warnings({"hardlink": 3}, [], site.cache)


def test_binaries_that_are_copied_on_request_are_no_fault(site: Site) -> None:
    """Copies beside hard links are as asked where binaries are to be private."""
    linking = Linking(local(), "hardlink", "always")
    linking.preferences(plan_of(site), site.cache, private=False)

    assert () == linking.warnings({"hardlink": 2, "copy": 1}, [], site.cache)


def test_copies_because_of_another_umask_are_told_so(site: Site) -> None:
    """What was unpacked under another umask is copied, and no volume is blamed for that."""
    wheel = site.cache.add(site.wheel("app")).entry
    other = replace(wheel.manifest, umask=wheel.manifest.umask ^ 0o077)
    plan = replace(plan_of(site), trees=(Tree(other, wheel.folder, 0),))
    linking = Linking(local(), "hardlink", "never")
    linking.preferences(plan, site.cache, private=False)

    (warning,) = linking.warnings({"copy": 3}, [], site.cache)
    assert "another umask" in warning.message
    (mixed,) = linking.warnings({"copy": 3, "hardlink": 1}, [], site.cache)
    assert "(1 hardlink, 3 copy)" in mixed.message
