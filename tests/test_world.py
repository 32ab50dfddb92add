"""The read-only view of an environment that a plan is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linkinstall.environment import Environment
from linkinstall.fs import local
from linkinstall.world import STATE, World, is_interpreter_name
from tests.support.platforms import needs_symlinks
from tests.support.sites import Site

if TYPE_CHECKING:
    from pathlib import Path


def test_a_library_under_two_names_counts_once(tmp_path: Path) -> None:
    """Where ``lib64`` leads to ``lib`` there is one library, and one home in it."""
    site = Site(tmp_path)
    library = site.library.resolve().as_posix()

    assert [library] == site.world().libraries
    assert site.world().home == f"{library}/{STATE}"


def test_two_libraries_are_two(tmp_path: Path) -> None:
    """Where purelib and platlib differ both are libraries, purelib the home."""
    schemes = {name: str(tmp_path / name) for name in ("purelib", "platlib", "scripts", "data")}
    world = World(local(), Environment.from_schemes(schemes, interpreter="/usr/bin/python3"))

    assert [world.roots["purelib"], world.roots["platlib"]] == world.libraries
    assert world.home == f"{world.roots['purelib']}/{STATE}"


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_a_listing_is_read_once(tmp_path: Path) -> None:
    """A folder's entries are remembered with their kinds; a folder not there has none."""
    site = Site(tmp_path)
    (site.library / "link").symlink_to("nowhere")
    world = site.world()

    assert world.entries(str(site.library)) == {"link": "link"}
    (site.library / "later").touch()
    assert world.entries(str(site.library)) == {"link": "link"}
    assert world.entries(str(site.library / "absent")) == {}
    assert world.entries(str(site.library / "later")) == {}


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_kinds_are_told_without_following_links(tmp_path: Path) -> None:
    """What stands at a path is a file, a folder, a link or nothing, roots included."""
    site = Site(tmp_path)
    world = site.world()
    library = world.libraries[0]
    (site.library / "module.py").touch()
    (site.library / "package").mkdir()
    (site.library / "link").symlink_to("package")

    names = ("module.py", "package", "link", "absent")
    kinds = [world.kind(f"{library}/{name}") for name in names]

    assert kinds == ["file", "folder", "link", None]
    assert world.kind(library) == "folder"
    assert world.kind(world.roots["headers"]) is None


def test_what_lies_in_a_scheme_root_is_inside(tmp_path: Path) -> None:
    """Libraries and scripts are owned, the data root is only inside, the rest is neither."""
    world = Site(tmp_path).world()
    data = world.roots["data"]
    paths = [f"{world.libraries[0]}/a.py", f"{data}/bin/tool", f"{data}/share/a", f"{data}x/a"]

    assert [world.owned(path) for path in paths] == [True, True, False, False]
    assert [world.inside(path) for path in paths] == [True, True, True, False]


def test_a_library_outside_the_data_root_is_inside(tmp_path: Path) -> None:
    """The schemes of a system's interpreter need not lie below one another."""
    schemes = {name: str(tmp_path / name) for name in ("purelib", "platlib", "scripts", "data")}
    world = World(local(), Environment.from_schemes(schemes, interpreter="/usr/bin/python3"))

    assert {True} == {world.inside(f"{world.roots[name]}/a") for name in schemes}
    assert not world.inside(str(tmp_path / "other" / "a"))


def test_the_environment_itself_is_never_removed(tmp_path: Path) -> None:
    """Interpreters, ``pyvenv.cfg`` and a dist-info outside the libraries may not go."""
    world = Site(tmp_path).world()
    data, library = world.roots["data"], world.libraries[0]
    kept = ["bin/python", "bin/python3.11", "pyvenv.cfg", "share/x-1.dist-info/RECORD"]

    assert [path for path in kept if world.may_remove(f"{data}/{path}")] == []
    for path in (f"{library}/python", f"{library}/a.dist-info/RECORD", f"{data}/bin/pythonic"):
        assert world.may_remove(path), path


def test_roots_and_what_is_above_stay(tmp_path: Path) -> None:
    """A scheme root, its parents and anything outside stay when empty; folders below go."""
    world = Site(tmp_path).world()
    library = world.libraries[0]

    for path in (*world.roots.values(), str(tmp_path), str(tmp_path / "elsewhere")):
        assert world.keeps_folder(path), path
    assert not world.keeps_folder(f"{library}/package")
    assert not world.keeps_folder(f"{world.roots['data']}/share")


def test_a_device_is_that_of_the_nearest_folder(tmp_path: Path) -> None:
    """The device of a path not there yet is that of the folder it would be made in."""
    world = Site(tmp_path).world()

    assert world.device(str(tmp_path / "not" / "yet")) == tmp_path.stat().st_dev


@pytest.mark.parametrize(
    ("name", "expected"),
    [("python", True), ("Python3.13t.exe", True), ("pypy3", True), ("pythonw.exe", True),
     ("python-config", False), ("pythonize", False), ("ipython", False)],
)  # fmt: skip
def test_interpreters_are_known_by_name(name: str, *, expected: bool) -> None:
    """A name of an interpreter is its stem and a version, in any case of letters."""
    assert is_interpreter_name(name) is expected


@needs_symlinks
def test_a_link_on_the_way_from_a_root_is_told(tmp_path: Path) -> None:
    """Links up to a root are none, whichever name the root goes by; those below it are."""
    site = Site(tmp_path)
    (site.library / "pkg/sub").mkdir(parents=True)
    for name, target in (("alias", "pkg"), ("pkg/up", ".."), ("sub", "pkg/sub")):
        (site.library / name).symlink_to(target)
    (site.root / "share").mkdir()
    (site.root / "share/man").symlink_to(site.library / "pkg")
    (site.root / "doc").symlink_to("share")
    (tmp_path / "other").symlink_to("env")
    world = site.world()
    library = site.library.relative_to(site.root)

    def through(root: Path | str) -> list[str]:
        inner = ("", "pkg", "pkg/sub", "alias", "alias/sub", "pkg/up", "pkg/up/pkg", "sub")
        return [one for one in inner if world.through_link(f"{root}/{one}".rstrip("/"))]

    links = ["alias", "alias/sub", "pkg/up", "pkg/up/pkg", "sub"]
    roots = site.library, world.environment.schemes["platlib"], tmp_path / "other" / library
    assert [links, links, links] == [through(root) for root in roots]
    assert world.through_link(f"{site.root}/share/man")
    assert not world.through_link(f"{site.root}/doc")
    assert not world.through_link(str(tmp_path))


def test_what_lies_below_a_library_is_in_it(tmp_path: Path) -> None:
    """The library itself and the data folder are not in it."""
    site = Site(tmp_path)
    world = site.world()
    paths = (f"{site.library}/a", f"{site.library}/a/b", str(site.library), f"{site.root}/share")

    assert [True, True, False, False] == [world.in_library(path) for path in paths]
