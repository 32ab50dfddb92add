"""Staging: what a transaction brings is made aside, in the first link mode that works."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from linkinstall.digest import hash_data
from linkinstall.fs import local
from linkinstall.linking import Preferences
from linkinstall.plan import LOOSE
from linkinstall.policy import Capabilities
from linkinstall.staging import Staging
from linkinstall.values import replace
from tests.support.applications import planned
from tests.support.faulty import Change, Denying, NoHardLinks, OtherVolume, Recording
from tests.support.sites import Site, differences, of_state, snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from linkinstall.fs.port import FileSystem

SCRIPT = "[console_scripts]\ntool = app:main\n"
FILES: dict[str, bytes | str] = {
    "app/__init__.py": "",
    "app/engine.dll": b"MZ\x90",
    "app/data.txt": "data\n",
}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an empty environment with a cache of its own."""
    return Site(tmp_path)


def staged(
    site: Site, files: FileSystem | None = None, wheel: Path | None = None, **preferences: object
) -> Staging:
    """Return the staging of a wheel with a script, a binary and data; nothing is written yet."""
    port = files or local()
    wheel = wheel or site.wheel(files=FILES, entry_points=SCRIPT)
    plan, preparation = planned(site, wheel, files=port)
    usable = Capabilities(clone=False)
    wanted = Preferences("hardlink", private_binaries=False, capabilities=(usable,) * 2)
    assert wanted.link_mode == preparation.preferences(plan).link_mode
    return Staging(port, plan, replace(wanted, **preferences))


def links(folder: str) -> dict[str, int]:
    """Return name -> number of links of the files in a folder."""
    return {name: os.stat(f"{folder}/{name}").st_nlink for name in sorted(os.listdir(folder))}


def package(staging: Staging) -> str:
    """Return the folder in which the package is staged."""
    return next(
        staging.folder(group) for group in staging.plan.groups if group.target.endswith("/app")
    )


# ------------------------------------------------------------------ what is written


def test_nothing_outside_the_state_folder_is_touched(site: Site) -> None:
    """Staging writes, copies and links below the state folder only; it costs nothing to drop."""
    before = snapshot(site.root, exact=True)
    files = Recording(local())
    staging = staged(site, files)
    files.changes.clear()
    staging.write()
    assert staging.link()

    assert [] == [one for one in files.changes if not one.path.startswith(str(site.home))]
    assert [] == differences(before, snapshot(site.root, exact=True, skipping=of_state))
    staging.discard()
    assert [] == os.listdir(site.home)


def test_links_wait_until_the_journal_is_written(site: Site) -> None:
    """Hard links are made by ``link`` alone: until then the cache's files have one name."""
    staging = staged(site)
    staging.write()
    assert [] == os.listdir(package(staging))
    staging.link()

    assert {"__init__.py": 2, "data.txt": 2, "engine.dll": 2} == links(package(staging))


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
    assert len(staging.staged) == staging.counts["written"]


def test_a_script_is_executable_when_it_is_staged(site: Site) -> None:
    """The bits are set before anything is in place: no half-made script is ever there."""
    staging = staged(site)
    staging.write()
    (group,) = (group for group in staging.plan.groups if group.target == str(site.scripts))

    assert os.access(f"{staging.folder(group)}/tool", os.X_OK)


# ------------------------------------------------------------------ link modes


def test_a_binary_gets_a_copy_where_it_is_to_be_private(site: Site) -> None:
    """Only the binary is copied, and what it holds is the same."""
    staging = staged(site, private_binaries=True)
    staging.write()
    staging.link()

    assert {"__init__.py": 2, "data.txt": 2, "engine.dll": 1} == links(package(staging))
    with open(f"{package(staging)}/engine.dll", "rb") as stream:
        assert b"MZ\x90" == stream.read()


def test_a_tree_of_another_umask_is_copied(site: Site) -> None:
    """A hard link would bring the modes of another umask along."""
    staging = staged(site, private_trees=frozenset({0}))
    staging.write()
    assert staging.link()

    assert {"__init__.py": 1, "data.txt": 1, "engine.dll": 1} == links(package(staging))


def test_a_volume_that_refuses_is_asked_once(site: Site) -> None:
    """EXDEV speaks for the volume: the first folder is refused, the others are not tried."""
    wheel = site.wheel(files={f"{name}/one.py": name for name in "abcde"})
    files = Recording(Denying(local(), "hardlink", errno.EXDEV))
    staging = staged(site, files, wheel)
    staging.write()
    assert not staging.link()
    asked = [one for one in files.changes if one.verb == "hardlink"]
    staging.discard()
    staging.write()
    assert staging.link()

    assert 1 == len(asked)
    assert asked == [one for one in files.changes if one.verb == "hardlink"]
    assert 0 == staging.counts["hardlink"]


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
    assert not staging.link()
    staging.discard()
    staging.write()
    assert staging.link()

    assert {"__init__.py": 2, "data.txt": 1, "engine.dll": 2} == links(package(staging))
    crowded = ["data.txt"] if number == errno.EMLINK else []
    assert crowded == [one.name for one in staging.crowded()]


def test_a_refusal_after_a_success_is_the_files_own(site: Site) -> None:
    """Where one link was made, EXDEV of a later one (a bind mount) is not the volume's."""
    wheel = site.wheel(files={"app/a.txt": "a", "app/data.txt": "b", "app/z.txt": "z"})
    staging = staged(site, OddFile(local(), "hardlink", errno.EXDEV), wheel)
    staging.write()
    assert not staging.link()
    staging.discard()
    staging.write()
    assert staging.link()

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
    assert not staging.link()
    assert errno.EPERM == staging.last_refusal().errno
    assert staging.last_refusal().filename
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
        staging.link()

    assert str(caught.value.filename).startswith(str(site.home))


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
    staging.link()
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
    staging.link()
    place = site.root / taken if "/" in taken else site.library / taken
    place.write_text("theirs\n")
    with pytest.raises(FileExistsError):
        staging.switch()

    assert "theirs\n" == place.read_text()
