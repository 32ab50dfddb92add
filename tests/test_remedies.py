"""What mends a finding."""

from __future__ import annotations

import pytest

from linkinstall import Cache
from linkinstall.remedies import Remedies, words_of
from linkinstall.shell import joined, moved
from linkinstall.values import replace
from linkinstall.verbs.check import check
from tests.support.platforms import needs_symlinks
from tests.support.sites import Site

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


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


def test_a_folder_in_the_place_of_a_file_is_moved_away_first(site: Site) -> None:
    """What is in a folder is somebody's: it is not taken away with the repair."""
    path = site.library / "app/data.txt"
    path.unlink()
    path.mkdir()

    assert {f"{moved(str(path), f'{path}.aside')} && linkinstall repair app"} == fixes(site)
