"""Several dist-infos of one project: which of them is what is installed."""

from __future__ import annotations

import os

import pytest

from linkinstall.distribution import find_distributions
from linkinstall.health import examine
from linkinstall.twins import foremost, proves_nothing
from tests.support.sites import Site
from tests.support.wheels import record_hash

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

FILES = {"app/__init__.py": "two = 2\n", "app/same.py": "same\n", "app/more.py": "more\n"}
SAME = record_hash(b"same\n")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Make an environment with version 2.0, of which a file is lost."""
    site = Site(tmp_path)
    site.install(site.wheel("app", "2.0", FILES), link_mode="copy", direct_url="none")
    (site.library / "app/more.py").unlink()
    return site


def add(site: Site, version: str, **files: str) -> Path:
    """Put another dist-info beside it, newer than the first."""
    info = site.library / f"app-{version}.dist-info"
    info.mkdir()
    for name, text in files.items():
        (info / name).write_text(text)
        os.utime(info / name, (2**32, 2**32))
    os.utime(info, (2**32, 2**32))
    return info


def first(site: Site) -> str:
    """Return the version that is foremost, whatever the order."""
    world = site.world()
    found = find_distributions(world.files, world.libraries, world.bases)
    seen = [examine(world.files, one, full=True) for one in found]
    (version,) = {
        foremost(world.files, ones).distribution.version for ones in (seen, reversed(seen))
    }
    return version


def test_one_alone_is_foremost(site: Site) -> None:
    """Nothing is compared where there is no twin."""
    assert "2.0" == first(site)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"METADATA": "Name: app\nVersion: 1.0\n"},
        {"RECORD": "app/__init__.py,sha256=x,1\napp/gone.py,sha256=y,1\n"},
        {"RECORD": f"app/__init__.py,sha256=x,1\napp/same.py,{SAME},5\n"},
        {"METADATA": "Name: app\n", "RECORD": "app/gone.py,sha256=y,1\n"},
    ],
    ids=["empty", "no RECORD", "belied", "belied in part", "all gone"],
)
@pytest.mark.parametrize("version", ["1.0", "3.0"])
def test_whose_record_is_borne_out_comes_first(
    site: Site, version: str, files: dict[str, str]
) -> None:
    """What most files speak for is what is installed, whichever folder was changed last.

    Story: the folder's time decided, so that an empty folder of an old version was renewed.
    """
    add(site, version, **files)

    assert "2.0" == first(site)


def test_a_record_that_files_belie_is_no_better_than_none(site: Site) -> None:
    """Where the one with the files has lost its RECORD, the old one's tells nothing of them."""
    (site.library / "app-2.0.dist-info/RECORD").unlink()
    old = add(site, "1.0", METADATA="Name: app\n", RECORD="app/__init__.py,sha256=x,1\n")
    os.utime(old / "RECORD", (1, 1))

    assert "2.0" == first(site)


def test_between_equals_the_one_written_last(site: Site) -> None:
    """Where both have lost all their files, the RECORD that was written last decides."""
    for path in (site.library / "app").iterdir():
        path.unlink()
    add(site, "1.0", METADATA="Name: app\n", RECORD="app/gone.py,sha256=x,1\n")

    assert "1.0" == first(site)


def test_a_twin_without_telling_files_proves_nothing(site: Site) -> None:
    """Beside another of the project, one with neither METADATA nor WHEEL nor RECORD is mute."""
    info = add(site, "1.0", RECORD="", notes="mine\n")
    world = site.world()
    old, new = find_distributions(world.files, world.libraries, world.bases)

    assert (True, False) == (proves_nothing(world, old), proves_nothing(world, new))
    (info / "WHEEL").write_text("Wheel-Version: 1.0\n")
    assert not proves_nothing(world, old)


def test_one_alone_may_be_told_by_its_files(site: Site) -> None:
    """Without a twin the files that are left are its own."""
    for path in (site.library / "app-2.0.dist-info").iterdir():
        path.unlink()
    world = site.world()
    (one,) = find_distributions(world.files, world.libraries, world.bases)

    assert not proves_nothing(world, one)
