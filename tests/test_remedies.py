"""What mends a finding."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from linkinstall import Cache
from linkinstall.paths import forward
from linkinstall.remedies import Remedies, words_of
from linkinstall.shell import joined, moved
from linkinstall.values import replace
from linkinstall.verbs.check import check
from tests.support.platforms import needs_symlinks
from tests.support.sites import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Make an environment with one distribution."""
    site = Site(tmp_path)
    site.install(site.wheel("app"), link_mode="copy", direct_url="none")
    return site


def fixes(site: Site, cache: Cache | None = None) -> set[str]:
    """Return what is said to mend what is found, without the environment's words."""
    found = check(environment=site.environment, cache=cache or site.cache, words=())
    assert found
    return {one.fix for one in found}


def test_words_name_the_environment(site: Site) -> None:
    """Each kind of environment is named by the options that lead to it."""
    venv = site.environment
    folders = {"purelib": "/p", "data": "/d"}

    assert ["--python", venv.root] == words_of(venv)
    assert ["--python", venv.python] == words_of(replace(venv, kind="base"))
    assert ["--target", venv.root] == words_of(replace(venv, kind="target"))
    assert ["--prefix", venv.root] == words_of(replace(venv, kind="prefix"))
    given = replace(venv, kind="schemes", schemes=folders)
    assert ["--data", "/d", "--purelib", "/p"] == words_of(given)
    assert words_of(given) == words_of(replace(given, kind="destdir", destdir="/stage"))


def test_a_command_is_quoted_for_a_shell(site: Site) -> None:
    """A path with a space in it is one word."""
    remedies = Remedies(site.world(), site.cache, ["--python", "/my env"])

    name = joined(["/my env"])
    assert f"linkinstall recover --python {name}" == remedies.recover
    assert f"linkinstall repair --python {name} --leftovers" == remedies.leftovers


def test_what_the_cache_has_is_repaired_by_name(site: Site) -> None:
    """The name is enough where the cache can give what was installed."""
    (site.library / "app/data.txt").unlink()

    assert {"linkinstall repair app"} == fixes(site)


def test_what_the_cache_lacks_needs_a_wheel(site: Site) -> None:
    """Otherwise the command has a place for the wheel, and says which one it is."""
    (site.library / "app/data.txt").unlink()

    assert {
        "linkinstall repair app --from WHEEL  # WHEEL: the wheel file of app 1.0"
    } == fixes(site, Cache(site.folder / "empty"))  # fmt: skip


@pytest.mark.parametrize("whole", [False, True])
def test_a_stray_dist_info_is_moved_aside(site: Site, *, whole: bool) -> None:
    """One with nothing but somebody's file goes to a name that no tool takes for a version."""
    if not whole:
        (site.library / "app/data.txt").unlink()
    stray = os.path.realpath(site.library / "app-0.9.dist-info")
    os.mkdir(stray)
    Path(stray, "NOTES").write_text("mine\n")
    path = forward(stray)

    assert {moved(path, f"{path}.aside"), *(() if whole else ("linkinstall repair app",))} == fixes(
        site
    )


@pytest.mark.parametrize("lacking", [False, True])
def test_of_two_versions_the_foremost_is_what_is_to_be_had(site: Site, *, lacking: bool) -> None:
    """What mends twins is about the one that is installed, and names no wheel of the other.

    Story: the findings of an empty folder of an old version named the repair that replaced the
    new version by it.
    """
    cache = Cache(site.folder / "other") if lacking else site.cache
    site.install(site.wheel("app", "2.0"), cache=cache, link_mode="copy", direct_url="none")
    old = site.library / "app-1.0.dist-info"
    old.mkdir()
    (old / "METADATA").write_text("Name: app\nVersion: 1.0\n")
    (site.library / "app/data.txt").unlink()
    wheel = " --from WHEEL  # WHEEL: the wheel file of app 2.0" if lacking else ""

    assert {f"linkinstall repair app{wheel}"} == fixes(site)


def test_an_editable_install_is_said_to_be_one(site: Site) -> None:
    """What would freeze it is not told without a word of that."""
    told = '{"url": "file:///src/app", "dir_info": {"editable": true}}'
    site.install(site.wheel("app"), metadata={"direct_url.json": told.encode()}, reinstall=True)
    (site.library / "app-1.0.dist-info/RECORD").unlink()

    (fix,) = fixes(site)
    place = "\\src\\app" if os.name == "nt" else "/src/app"
    assert fix == (
        "linkinstall repair app --from WHEEL  # WHEEL: the wheel file of app 1.0, "
        f"an editable install of {place}: better install it anew from there"
    )


def test_an_empty_dist_info_is_a_leftover_where_nothing_is_known(site: Site) -> None:
    """An empty dist-info whose wheel nobody has can only go."""
    (site.library / "gone-2.0.dist-info").mkdir()

    assert {"linkinstall repair --leftovers"} == fixes(site)


def test_a_file_that_two_list_can_be_only_one_of_theirs(site: Site) -> None:
    """Where another distribution has overwritten a file, one of the two has to go first."""
    files = {"app/data.txt": "theirs\n", "beside/__init__.py": ""}
    site.install(site.wheel("beside", files=files), overwrite_existing=True, link_mode="copy")

    assert {"linkinstall uninstall beside && linkinstall repair app"} == fixes(site)


@pytest.mark.parametrize("link", [False, pytest.param(True, marks=needs_symlinks)])
def test_what_stands_where_a_folder_was_is_moved_away_first(site: Site, *, link: bool) -> None:
    """Neither a file nor a link out of the environment is taken for the distribution's folder."""
    package = site.library / "app"
    package.rename(site.folder / "aside")
    if link:
        package.symlink_to(site.folder / "aside")
        (package / "data.txt").unlink()
    else:
        package.write_text("mine\n")

    move = moved(str(package), f"{package}.aside")
    assert {f"{move} && linkinstall repair app"} == fixes(site)


def test_nothing_is_moved_over_what_was_moved_before(site: Site) -> None:
    """Where the name to move to is taken, the command has the next one that is free.

    Story: who followed the same fix a second time lost what the first had moved aside.
    """
    package = site.library / "app"
    for folder in (package, site.library / "app.aside"):
        if folder.exists():
            folder.rename(site.folder / "away")
        folder.write_text("mine\n")

    move = moved(str(package), f"{package}.aside-2")
    assert {f"{move} && linkinstall repair app"} == fixes(site)


def test_a_folder_in_the_place_of_a_file_is_moved_away_first(site: Site) -> None:
    """What is in a folder is somebody's: it is not taken away with the repair."""
    path = site.library / "app/data.txt"
    path.unlink()
    path.mkdir()

    assert {f"{moved(str(path), f'{path}.aside')} && linkinstall repair app"} == fixes(site)


def put_folder(site: Site, *names: str) -> list[str]:
    """Put folders where files of the library were, and return their paths."""
    paths = [site.library / name for name in names]
    for path in paths:
        path.unlink()
        path.mkdir()
    return [str(path) for path in paths]


@pytest.mark.parametrize("way", ["folder", "rival"])
def test_nothing_else_is_done_first_while_there_is_no_wheel(site: Site, way: str) -> None:
    """Where nothing is at hand to repair from, the command is that of the repair alone.

    Story: ``uninstall beside && repair app`` was told without a wheel of app anywhere, so that
    doing as told lost the other project and mended nothing.
    """
    if way == "folder":
        put_folder(site, "app/data.txt")
    else:
        wheel = site.wheel("beside", files={"app/data.txt": "theirs\n", "beside.py": ""})
        site.install(wheel, overwrite_existing=True, link_mode="copy")

    assert {
        "linkinstall repair app --from WHEEL  # WHEEL: the wheel file of app 1.0"
    } == fixes(site, Cache(site.folder / "empty"))  # fmt: skip


def test_each_finding_takes_all_that_is_in_the_way(site: Site) -> None:
    """A distribution is repaired as a whole, so every finding of it has the whole command.

    Story: each had its own ``mv`` alone, and the repair behind it was refused for the other.
    """
    one, two = put_folder(site, "app/__init__.py", "app/data.txt")
    site.library.joinpath("app-1.0.dist-info/INSTALLER").unlink()

    moves = " && ".join(moved(path, f"{path}.aside") for path in (one, two))
    assert {f"{moves} && linkinstall repair app"} == fixes(site)


@pytest.mark.parametrize("name", ["METADATA", "RECORD"])
def test_what_is_in_the_way_in_a_dist_info_goes_beside_it(site: Site, name: str) -> None:
    """What is moved out of a dist-info folder lies beside it: what is in it is the tools'."""
    (path,) = put_folder(site, f"app-1.0.dist-info/{name}")
    aside = f"{site.library}/app-1.0.dist-info.{name}.aside"
    expected = f"{moved(path, aside)} && linkinstall repair app"

    assert {expected} == fixes(site)
