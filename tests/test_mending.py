"""What a repair does about each distribution."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from linkinstall import Cache
from linkinstall.errors import DistributionError, InvalidWheelError, UsageError
from linkinstall.mending import Mending
from linkinstall.paths import forward
from linkinstall.wishes import Wishes
from tests.support.sites import Site

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Make an environment with two distributions."""
    site = Site(tmp_path)
    site.install(site.wheel("app"), site.wheel("lib"), link_mode="copy", direct_url="none")
    return site


def wishes(site: Site, *names: str, cache: Cache | None = None, **options: Any) -> Wishes:
    """Return what a repair wishes for."""
    found = Wishes()
    Mending(names, **options)(site.world(), cache or site.cache, found)
    return found


def break_(site: Site, name: str) -> None:
    """Delete a file of a distribution."""
    (site.library / name / "data.txt").unlink()


def info(site: Site, name: str, version: str = "1.0") -> Path:
    """Return a dist-info folder."""
    return site.library / f"{name}-{version}.dist-info"


def mended(found: Wishes) -> list[str]:
    """Return the projects that come again."""
    return [wish.entry.manifest.distribution for wish in found.incoming if wish.entry]


def gone(found: Wishes) -> list[tuple[str, str]]:
    """Return name and version of each dist-info that goes."""
    return [(part.distribution.name, part.distribution.version) for part in found.partings]


def test_what_is_damaged_comes_again(site: Site) -> None:
    """A name that is damaged is wished for from its entry, as it was asked for."""
    break_(site, "app")
    found = wishes(site, "App")

    assert ["app"] == mended(found)
    assert {"INSTALLER": b"linkinstall\n", "REQUESTED": b""} == found.incoming[0].metadata
    assert found.incoming[0].mends


def test_what_is_whole_is_left_alone(site: Site) -> None:
    """A name that is whole is told as unchanged."""
    found = wishes(site, "app")

    assert [] == mended(found)
    assert [("app", "1.0", "unchanged")] == [
        (one.name, one.version, one.action) for one in found.idle
    ]


def test_every_one_that_is_not_whole(site: Site) -> None:
    """With ``every``, all that is damaged is mended, and nothing is said of the rest."""
    break_(site, "lib")
    found = wishes(site, every=True)

    assert (["lib"], []) == (mended(found), found.idle)


@pytest.mark.parametrize("full", [False, True])
def test_every_one_by_status_or_in_full(site: Site, *, full: bool) -> None:
    """With ``every``, a forged edit is seen only where every file is read; by name, always."""
    path = site.library / "app/data.txt"
    before = path.stat()
    path.write_bytes(b"atad\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert (["app"] if full else []) == mended(wishes(site, every=True, full=full))
    assert ["app"] == mended(wishes(site, "app"))


@pytest.mark.parametrize("kind", [str, os.fsencode])
def test_a_wheel_that_is_named_is_taken(site: Site, kind: Callable[[Path], str]) -> None:
    """``--from`` comes before the cache, and names the project if nothing else does."""
    break_(site, "app")
    wheel = str(site.wheel("app"))
    (wish,) = wishes(site, wheels=[kind(Path(wheel))]).incoming

    assert wish.path is not None
    assert (wheel, None, "none", False) == (
        forward(wish.path), wish.entry, wish.direct_url, wish.requested
    )  # fmt: skip


@pytest.mark.parametrize(
    ("names", "wheel", "error", "text"),
    [
        (["app"], "lib-1.0-py3-none-any.whl", UsageError, "No project that is to be repaired"),
        (["app"], "app.whl", InvalidWheelError, "not the name of a wheel"),
    ],
)
def test_a_wheel_of_nothing_is_refused(
    names: list[str], wheel: str, error: type[Exception], text: str
) -> None:
    """A wheel has to be one, of a project that is repaired."""
    with pytest.raises(error, match=text):
        Mending(names, wheels=[wheel])


def test_a_wheel_of_another_version_is_refused(site: Site) -> None:
    """A repair brings what was there, and no other version."""
    break_(site, "app")

    with pytest.raises(DistributionError, match=r"is of version 2\.0; 1\.0 is installed"):
        wishes(site, "app", wheels=[site.wheel("app", "2.0")])


def test_what_cannot_be_had_again_is_told_together(site: Site) -> None:
    """Everything that has no source is one refusal, which names what could be mended."""
    for name in ("app", "lib"):
        break_(site, name)
    empty = Cache(site.folder / "empty")
    with pytest.raises(DistributionError) as caught:
        wishes(site, every=True, cache=empty)
    assert ["app", "lib"] == [problem.owner for problem in caught.value.problems]

    site.wheel("app")
    with pytest.raises(DistributionError) as caught:
        wishes(site, every=True, cache=empty, wheels=[site.wheel("app")])
    assert ["lib"] == [problem.owner for problem in caught.value.problems]
    assert caught.value.next_step.endswith("repaired by name: app.")


def test_an_editable_install_is_to_be_made_anew(site: Site) -> None:
    """What to do next is not to name a wheel, which would be a frozen copy."""
    told = b'{"url": "file:///src/app", "dir_info": {"editable": true}}'
    site.install(site.wheel("app"), metadata={"direct_url.json": told}, reinstall=True)
    (info(site, "app") / "RECORD").unlink()

    with pytest.raises(DistributionError, match="editable install of") as caught:
        wishes(site, "app")
    assert ["no-source"] == [problem.code for problem in caught.value.problems]
    assert "--from" not in caught.value.next_step
    break_(site, "lib")
    with pytest.raises(DistributionError, match="editable install of") as caught:
        wishes(site, every=True, cache=Cache(site.folder / "empty"))
    assert "--from" in caught.value.next_step


def test_a_name_that_is_not_installed(site: Site) -> None:
    """It cannot be repaired; to be removed it need not be there."""
    with pytest.raises(DistributionError, match="Not installed: nothing"):
        wishes(site, "nothing")
    assert ["nothing"] == wishes(site, "nothing", remove=True).outgoing


def add_twin(site: Site) -> None:
    """Put a second dist-info of ``app`` beside the first, as a killed upgrade leaves it."""
    twin = info(site, "app", "0.9")
    twin.mkdir()
    (twin / "METADATA").write_text("Name: app\nVersion: 0.9\n")


def test_of_two_the_whole_one_stays(site: Site) -> None:
    """A second dist-info beside a whole one goes; nothing needs to come for that."""
    add_twin(site)
    found = wishes(site, "app", cache=Cache(site.folder / "empty"))

    assert ([], [("app", "0.9")]) == (mended(found), gone(found))


def test_a_stray_folder_is_no_twin(site: Site) -> None:
    """A dist-info with nothing in it but somebody's file is left out beside another one."""
    info(site, "app", "0.9").mkdir()
    (info(site, "app", "0.9") / "NOTES").write_text("mine\n")

    assert ["unchanged"] == [one.action for one in wishes(site, "app").idle]
    assert [("app", "1.0")] == gone(wishes(site, "app", remove=True))


def test_of_two_damaged_ones_one_comes_again(site: Site) -> None:
    """Where none is whole, the one that can be had again replaces both."""
    add_twin(site)
    break_(site, "app")
    found = wishes(site, "app")

    assert (["app"], []) == (mended(found), gone(found))
    assert "1.0" == getattr(found.incoming[0].entry, "manifest").version  # noqa: B009


@pytest.mark.parametrize("options", [{}, {"every": True, "leftovers": True}])
def test_another_version_is_never_taken_in_its_place(site: Site, options: dict[str, Any]) -> None:
    """Where the foremost cannot be had again, that is the refusal, and no twin is renewed.

    Story: beside 2.0, which had lost a file, stood an empty folder of 1.0. The cache had 1.0
    alone, some files were the same, and the repair replaced 2.0 by 1.0 with status 0.
    """
    site.install(site.wheel("app", "2.0"), cache=Cache(site.folder / "other"), link_mode="copy")
    site.wheel("app", "2.0").unlink()
    info(site, "app").mkdir()
    break_(site, "app")

    with pytest.raises(DistributionError, match=r"no wheel of app 2\.0") as caught:
        wishes(site, *(() if options else ("app",)), **options)
    assert [forward(os.path.realpath(info(site, "app", "2.0")))] == [
        problem.path for problem in caught.value.problems
    ]


def test_a_twin_is_read_to_the_end(site: Site) -> None:
    """With ``every``, too, a twin is whole only if every file is as its RECORD has it.

    Story: by size and time alone the files of 2.0 could pass for those of 1.0, whose dist-info
    then stayed, and what told of 2.0 went.
    """
    new = site.wheel("app", "2.0", {"app/__init__.py": "__version__ = '2.0'\n", "app/new.py": "\n"})
    old = info(site, "app")
    saved = {path.name: path.read_bytes() for path in old.iterdir()}
    site.install(new, link_mode="copy")
    (site.library / "app/new.py").unlink()
    old.mkdir()
    for name, data in saved.items():
        (old / name).write_bytes(data)
    (site.library / "app/data.txt").write_bytes(b"data\n")
    for name in ("app/__init__.py", "app/data.txt"):
        os.utime(site.library / name, (1, 1))
    found = wishes(site, every=True)

    assert (["app"], []) == (mended(found), gone(found))
    assert "2.0" == getattr(found.incoming[0].entry, "manifest").version  # noqa: B009


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_a_wheel_that_is_named_says_which_twin(site: Site, version: str) -> None:
    """Of two versions that stand the wheel file that is named may be either."""
    site.install(site.wheel("app", "2.0"), link_mode="copy")
    info(site, "app").mkdir()
    break_(site, "app")
    (wish,) = wishes(site, "app", wheels=[site.wheel("app", version)]).incoming

    assert f"app-{version}-py3-none-any.whl" == os.path.basename(wish.path or "")


def test_removal_goes_by_record(site: Site) -> None:
    """With RECORD, a removal is what uninstalling is."""
    break_(site, "app")
    (part,) = wishes(site, "app", remove=True).partings

    assert part.rows is None


@pytest.mark.parametrize("named", [False, True])
def test_removal_without_record_goes_by_the_manifest(site: Site, *, named: bool) -> None:
    """Without it, what the wheel's manifest proves goes: of an entry, or of a wheel file."""
    info(site, "app").joinpath("RECORD").unlink()
    wheels = [site.wheel("app")] if named else []
    cache = Cache(site.folder / "empty") if named else site.cache
    (part,) = wishes(site, "app", remove=True, wheels=wheels, cache=cache).partings

    assert {"app/__init__.py", "app/data.txt"} <= {row.path for row in part.rows or ()}
    assert not (site.folder / "empty").exists()


def test_removal_without_proof_is_refused(site: Site) -> None:
    """Where nothing tells what belongs to it, nothing goes."""
    info(site, "app").joinpath("RECORD").unlink()

    with pytest.raises(DistributionError, match=r"no wheel of app 1\.0"):
        wishes(site, "app", remove=True, cache=Cache(site.folder / "empty"))


def test_removal_that_would_leave_the_whole_payload_is_refused(site: Site) -> None:
    """A dist-info stays where no file that the wheel would have put there is the wheel's.

    Story: with a RECORD of sha512 nothing but dist-info could be proven, and "removed" was
    told while every module stayed, and nothing was left that told whose they were.
    """
    info(site, "app").joinpath("RECORD").unlink()
    files = {"app/__init__.py": "another = 1\n", "app/data.txt": "another\n"}
    wheels = [site.wheel("app", files=files)]

    with pytest.raises(DistributionError, match="no file of it is as the wheel has it"):
        wishes(site, "app", remove=True, wheels=wheels, cache=Cache(site.folder / "empty"))

    shutil.rmtree(site.library / "app")  # nothing is left that could be anybody's
    assert [("app", "1.0")] == gone(
        wishes(site, "app", remove=True, wheels=wheels, cache=Cache(site.folder / "empty"))
    )


def test_every_damaged_one_can_be_removed(site: Site) -> None:
    """``every`` with ``remove`` takes what is damaged, and leaves what is whole."""
    break_(site, "lib")

    assert [("lib", "1.0")] == gone(wishes(site, every=True, remove=True))


def test_leftovers_are_taken_when_asked_for(site: Site) -> None:
    """``~`` folders and empty dist-infos go; distributions are not looked at for that."""
    (site.library / "~pp").mkdir()
    info(site, "gone").mkdir()
    break_(site, "app")
    found = wishes(site, leftovers=True)

    assert ([], [("gone", "1.0")]) == (mended(found), gone(found))
    assert [forward(os.path.realpath(site.library / "~pp"))] == found.leftovers


def test_an_empty_dist_info_without_a_wheel_is_a_leftover(site: Site) -> None:
    """With ``every`` it is a refusal, unless leftovers are taken."""
    info(site, "gone").mkdir()

    with pytest.raises(DistributionError, match="Cannot repair gone"):
        wishes(site, every=True)
    assert [("gone", "1.0")] == gone(wishes(site, every=True, leftovers=True))


def test_an_empty_dist_info_that_is_mended_is_none(site: Site) -> None:
    """What comes again is not taken away."""
    for path in info(site, "app").iterdir():
        path.unlink()
    found = wishes(site, "app", leftovers=True)

    assert (["app"], []) == (mended(found), gone(found))
