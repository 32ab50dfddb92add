"""Where folders are in the planned world: real paths, and what has to be made for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linkinstall.environment import Environment
from linkinstall.errors import ConflictError
from linkinstall.fs import local
from linkinstall.places import Places
from linkinstall.removal import Removal
from linkinstall.world import World
from tests.support.sites import Site, snapshot

if TYPE_CHECKING:
    from pathlib import Path


class Planned:
    """The places of a site, with what was refused of them: (code, path)."""

    def __init__(self, site: Site, *, overwrite: bool = False) -> None:
        world = site.world()
        self.overwrite = overwrite
        self.refused: list[tuple[str, str]] = []
        self.removal = Removal(world, [])
        self.places = Places(
            world, self.removal, lambda code, path, _reason: self.refused.append((code, path))
        )
        self.places.begin(site.environment.schemes.values(), self.give_way)

    def give_way(self, folder: str, name: str) -> bool:
        """Take what may be overwritten, as the planner does."""
        taken = self.overwrite and self.removal.world.may_remove(f"{folder}/{name}")
        if taken:
            self.removal.take_files(folder, [name], 0)
        return taken


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an environment of its own."""
    return Site(tmp_path)


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_a_folder_of_the_second_library_is_the_first_ones(site: Site) -> None:
    """``lib64 -> lib`` is one folder under two names: both resolve to the real path."""
    planned = Planned(site)
    named = site.environment.schemes["platlib"]

    assert str(site.library) != named
    assert [str(site.library), f"{site.library}/pkg/sub"] == [
        planned.places.resolve(named),
        planned.places.resolve(f"{named}/pkg/sub"),
    ]
    assert [] == planned.refused


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_where_a_root_leads_is_the_users_choice(site: Site) -> None:
    """A scheme folder that is a link itself is followed wherever it leads."""
    outside = site.folder / "scripts"
    site.scripts.rename(outside)
    site.scripts.symlink_to(outside)
    planned = Planned(site)

    assert f"{outside}/run" == planned.places.resolve(f"{site.scripts}/run")
    assert [] == planned.refused


@pytest.mark.parametrize("above", ["include", "include/site/python3.11"])
@pytest.mark.parametrize("asked", [{}, {"dry_run": True}, {"overwrite_existing": True}])
def test_a_file_where_a_root_must_be_is_refused(
    site: Site, above: str, asked: dict[str, bool]
) -> None:
    """A file at the place of a scheme's folder, or above it, is in the way, and told as such.

    The dry run told what would be installed, and the run ended with "File exists".
    """
    place = site.root / above
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("mine")
    wheel = site.wheel("app", files={"app.py": "", "app-1.0.data/headers/app.h": "h"})

    with pytest.raises(ConflictError) as caught:
        site.install(wheel, **asked)

    assert [("no-folder", str(place))] == [(one.code, one.path) for one in caught.value.problems]
    assert "mine" == place.read_text()
    assert 0 == site.install(site.wheel("other")).exit


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_a_link_that_stays_inside_is_followed(site: Site) -> None:
    """A link of the data folder that leads to another folder of the environment stands for it."""
    (site.root / "real").mkdir()
    (site.root / "share").symlink_to("real")
    planned = Planned(site)

    assert f"{site.root}/real/sub" == planned.places.resolve(f"{site.root}/share/sub")
    assert [] == planned.refused


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
@pytest.mark.parametrize("target", ["mylib", "../../../src"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_link_below_a_library_is_refused(site: Site, target: str, *, overwrite: bool) -> None:
    """Where a package's folder is a link, its files are not written to where that leads.

    A person had put his own folder of the environment into a package's place by a link, and an
    upgrade or a repair replaced his files by the wheel's; ``check`` then told these as missing.
    """
    (site.library / target).mkdir()
    (site.library / "pkg").symlink_to(target)
    planned = Planned(site, overwrite=overwrite)

    assert planned.places.resolve(f"{site.library}/pkg/sub") is None
    assert [("link-in-the-way", f"{site.library}/pkg")] == planned.refused


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_data_follows_a_link_where_library_and_data_are_one_folder(tmp_path: Path) -> None:
    """With ``--target`` a linked ``share/man`` is data's, and a linked package is nobody's."""
    root = tmp_path / "target"
    for name in ("man", "real", "share"):
        (root / name).mkdir(parents=True)
    (root / "share" / "man").symlink_to("../man")
    (root / "pkg").symlink_to("real")
    folders = {name: str(root) for name in ("purelib", "platlib", "data")}
    environment = Environment.from_schemes({**folders, "scripts": f"{root}/bin"})
    refused: list[str] = []
    world = World(local(), environment)
    places = Places(world, Removal(world, []), lambda _code, path, _reason: refused.append(path))
    places.begin(environment.schemes.values(), lambda _folder, _name: False)

    assert f"{root}/man/man1" == places.resolve(f"{root}/share/man/man1", data=True)
    assert [] == refused
    assert places.resolve(f"{root}/pkg/sub") is None
    assert [f"{root}/pkg"] == refused


def test_a_link_to_a_file_is_a_file(site: Site) -> None:
    """A file that another project has through link mode symlink can be overwritten, as others.

    It was taken for a folder's link that leads out of the environment, into the cache:
    with ``--overwrite-existing`` the wheel was refused, and the reason was wrong.
    """
    site.install(site.wheel("blunt", files={"pkg/turned": "x"}), link_mode="symlink")
    taken = f"{site.library}/pkg/turned"

    refusing, taking = Planned(site), Planned(site, overwrite=True)
    assert refusing.places.resolve(taken) is None
    assert [("file-in-the-way", taken)] == refusing.refused
    assert taken == taking.places.resolve(taken)
    assert [] == taking.refused


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
@pytest.mark.parametrize("target", ["../../../../outside", "missing"])
def test_other_links_are_refused(site: Site, target: str) -> None:
    """A link out of the environment, or to nothing, is refused once, with all below it."""
    (site.folder / "outside").mkdir()
    link = site.library / "pkg"
    link.symlink_to(target)
    planned = Planned(site)

    assert [None, None, None] == [
        planned.places.resolve(f"{link}{below}") for below in ("/sub/deep", "", "/sub")
    ]
    assert [("leads-out", str(link))] == planned.refused


def test_a_file_in_the_way_is_refused(site: Site) -> None:
    """A file where a folder must go is refused, and taken by nothing."""
    (site.library / "pkg").touch()
    planned = Planned(site)

    assert planned.places.resolve(f"{site.library}/pkg/sub") is None
    assert [("file-in-the-way", f"{site.library}/pkg")] == planned.refused
    assert () == planned.removal.ordered()


def test_a_file_in_the_way_may_be_overwritten(site: Site) -> None:
    """Asked to overwrite, the file is stashed and the folder goes where it was."""
    (site.library / "pkg").touch()
    planned = Planned(site, overwrite=True)

    assert f"{site.library}/pkg/sub" == planned.places.resolve(f"{site.library}/pkg/sub")
    assert [] == planned.refused
    assert [f"{site.library}/pkg"] == [
        path for item in planned.removal.ordered() for path, _ in item.paths()
    ]


def test_what_the_environment_needs_is_not_overwritten(site: Site) -> None:
    """Asked to overwrite, ``pyvenv.cfg`` is refused all the same."""
    planned = Planned(site, overwrite=True)

    assert planned.places.resolve(f"{site.root}/pyvenv.cfg/sub") is None
    assert [("file-in-the-way", f"{site.root}/pyvenv.cfg")] == planned.refused


def test_what_goes_is_in_nobodys_way(site: Site) -> None:
    """A file or a link that the same plan removes does not stand any more."""
    (site.library / "file").touch()
    (site.library / "link").symlink_to(site.folder)
    planned = Planned(site)
    planned.removal.take_files(str(site.library), ["file", "link"], 0)

    assert [f"{site.library}/file/sub", f"{site.library}/link/sub"] == [
        planned.places.resolve(f"{site.library}/{name}/sub") for name in ("file", "link")
    ]
    assert [] == planned.refused


def test_the_topmost_missing_folder_is_told(site: Site) -> None:
    """Of nested folders that are missing, the outermost is the one to make."""
    (site.library / "there").mkdir()
    planned = Planned(site)

    assert [None, None, f"{site.library}/pkg", f"{site.library}/there/new"] == [
        planned.places.top_absent(f"{site.library}{below}")
        for below in ("", "/there", "/pkg/sub/deep", "/there/new/deep")
    ]


def test_a_folder_that_goes_has_to_be_made_again(site: Site) -> None:
    """A folder that the plan removes as a whole counts as missing, with all below it."""
    (site.library / "pkg" / "sub").mkdir(parents=True)
    (site.library / "pkg" / "sub" / "a.py").touch()
    planned = Planned(site)
    planned.removal.take_folder(f"{site.library}/pkg", 0)

    assert f"{site.library}/pkg" == planned.places.top_absent(f"{site.library}/pkg/sub")
    assert f"{site.library}/pkg/sub" == planned.places.resolve(f"{site.library}/pkg/sub")


def test_the_library_is_never_missing(tmp_path: Path) -> None:
    """The home library is made for the state folder before anything is put into place."""
    site = Site(tmp_path)
    site.library.rmdir()
    planned = Planned(site)

    assert planned.places.top_absent(str(site.library)) is None
    assert f"{site.library}/pkg" == planned.places.top_absent(f"{site.library}/pkg")


def test_looking_changes_nothing(site: Site) -> None:
    """Resolving and asking leave the disk as it is, overwriting or not."""
    (site.library / "pkg").touch()
    before = snapshot(site.folder)
    planned = Planned(site, overwrite=True)
    planned.places.resolve(f"{site.library}/pkg/sub")
    planned.places.top_absent(f"{site.library}/other/sub")

    assert before == snapshot(site.folder)
