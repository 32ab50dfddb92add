"""What a wheel may share with another project that is installed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from linkinstall.fs import local
from linkinstall.requests import Wanted, make_request
from linkinstall.sharing import Sharing
from linkinstall.world import World
from tests.support.sites import Site

if TYPE_CHECKING:
    from linkinstall.requests import Request

FILES = {
    "space/__init__.py": "shared = 1\n",
    "space/app.py": "app = 1\n",
    "app-1.0.data/data/share/space.txt": "shared\n",
}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an environment in which another project has all that ``app`` brings."""
    site = Site(tmp_path)
    files = {path.replace("app-1.0", "bee-1.0"): text for path, text in FILES.items()}
    site.install(site.wheel("bee", files=files), link_mode="copy")
    return site


def request(
    site: Site, name: str = "app", files: dict[str, str] | None = None, *, mends: bool = True
) -> Request:
    """Return what is asked of a wheel with these files."""
    brought = {path.replace("app-1.0", f"{name}-1.0"): text for path, text in FILES.items()}
    brought = brought if files is None else files
    entry = site.cache.add(site.wheel(name, files=brought)).entry
    wanted = Wanted(name, entry, {}, mends=mends)
    return make_request(local(), site.environment, wanted, 0, bool)


def sharing(site: Site) -> Sharing:
    """Return what is decided where ``app`` comes."""
    return Sharing(World(local(), site.environment), {"app"})


def shares(site: Site, path: str, *, mends: bool = True, owner: str = "bee") -> bool:
    """Return whether ``app`` may share a path below the environment with its owner."""
    return sharing(site).may_stay(request(site, mends=mends), path, owner)


def paths(site: Site) -> list[str]:
    """Return a module and a data file that both bring."""
    return [str(site.library / "space/__init__.py"), str(site.root / "share/space.txt")]


def test_a_repair_shares_what_is_as_both_have_brought_it(site: Site) -> None:
    """A module and a data file of another project, which are as the wheel has them, may stay."""
    assert [True, True] == [shares(site, path) for path in paths(site)]


def test_a_repair_shares_nothing_that_is_otherwise(site: Site) -> None:
    """What another project has otherwise, or what cannot be read, is no file of both."""
    module, data = paths(site)
    (site.library / "space/__init__.py").write_text("edited = 1\n")
    (site.root / "share/space.txt").unlink()

    assert [False, False] == [shares(site, module), shares(site, data)]


def test_a_name_counts_in_its_own_folder_alone(site: Site) -> None:
    """A file that is alike, and lies where the wheel has none, is not the wheel's."""
    elsewhere = site.library / "bee" / "__init__.py"
    elsewhere.parent.mkdir(exist_ok=True)
    elsewhere.write_text(FILES["space/__init__.py"])

    assert not shares(site, str(elsewhere))


def test_an_install_shares_no_file_that_can_be_edited(site: Site) -> None:
    """Which of two projects is edited next would be an accident: an install is refused."""
    assert [False, False] == [shares(site, path, mends=False) for path in paths(site)]


def test_what_a_project_has_itself_is_not_shared(site: Site) -> None:
    """A repair replaces its own project's file, alike or not."""
    assert [False, False] == [shares(site, path, owner="app") for path in paths(site)]


@pytest.mark.parametrize("mends", [False, True])
def test_compiled_files_follow_their_source(site: Site, *, mends: bool) -> None:
    """A compiled file is no conflict of its own: of two sources in conflict those are named."""
    path = str(site.library / "space/__pycache__/app.cpython-311.pyc")

    assert shares(site, path, mends=mends)


def test_a_repair_replaces_what_its_other_owners_want_alike(site: Site) -> None:
    """Where every other project's RECORD has the digest of what comes, edited files go."""
    for path in paths(site):
        Path(path).write_text("edited\n")

    assert [True, True] == [sharing(site).may_replace(request(site), one) for one in paths(site)]
    asked = request(site, mends=False)
    assert not any(sharing(site).may_replace(asked, path) for path in paths(site))


def test_a_repair_replaces_nothing_that_anybody_wants_otherwise(site: Site) -> None:
    """One project that lists another file there is enough; so is a path that nobody else lists."""
    module, data = paths(site)
    files = {"space/__init__.py": "otherwise = 1\n", "cat.py": ""}
    site.install(site.wheel("cat", files=files), overwrite_existing=True, link_mode="copy")

    assert not sharing(site).may_replace(request(site), module)
    assert sharing(site).may_replace(request(site), data)
    assert not sharing(site).may_replace(request(site), str(site.library / "mine.py"))


def test_a_launcher_is_shared_like_a_file(site: Site) -> None:
    """What is generated counts by its contents."""
    command = {"entry_points": "[console_scripts]\ntool = space.app:main\n"}
    site.install(site.wheel("cat", files={"cat.py": ""}, **command), link_mode="copy")
    entry = site.cache.add(site.wheel("app", files=FILES, **command)).entry
    wanted = Wanted("app", entry, {}, mends=True)
    asked = make_request(local(), site.environment, wanted, 0, bool)
    launcher = site.scripts / "tool"

    assert sharing(site).may_stay(asked, str(launcher), "cat")
    launcher.write_text("edited\n")
    assert not sharing(site).may_stay(asked, str(launcher), "cat")
    assert sharing(site).may_replace(asked, str(launcher))


def test_two_repairs_share_what_both_bring(site: Site) -> None:
    """Of two wheels that are repaired in one call, one brings the file of both."""
    app, bee = request(site), request(site, "bee")
    other = request(site, "bee", {"space/__init__.py": "otherwise = 1\n"})
    (module, _), both = paths(site), sharing(site)

    assert both.brings_alike(app, bee, module)
    assert not both.brings_alike(app, other, module)
    assert not both.brings_alike(app, app, module)
    assert not both.brings_alike(app, request(site, "bee", mends=False), module)
