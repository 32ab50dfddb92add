"""Junctions in virtual environments, and virtual environments that are junctions.

Junctions are told as Windows tells them (:mod:`tests.support.junctions`) and files refuse
as they do there (:mod:`tests.support.sharing`); a build that takes a junction for the
folder it leads to is found out.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from linkinstall.errors import ConflictError, FileSystemError
from linkinstall.fs import port
from linkinstall.fs.windows import WindowsFileSystem
from linkinstall.venvs import place as place_module
from linkinstall.verbs.venv import clear_venv, create_venv, remove_venv
from tests.support.junctions import make_junction, with_junctions
from tests.support.platforms import needs_symlinks
from tests.support.sharing import LOADED, OPEN, Sharing
from tests.support.sites import Site
from tests.support.venvs import LIBRARY, contents, make_venv

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from linkinstall.outcome import Outcome
    from linkinstall.venvs.making import Wanted

pytestmark = needs_symlinks

FAST: dict[str, Any] = {"sync": "off", "lock_timeout": 2.0}
NEW = {"bin/": "", "bin/python": "new", "pyvenv.cfg": "home = /new\n"}


@pytest.fixture(autouse=True)
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """See junctions, wait for nothing, and stand in for virtualenv."""

    def make(path: str, _wanted: Wanted) -> None:
        os.mkdir(f"{path}/bin")
        for name, text in (("bin/python", "new"), ("pyvenv.cfg", "home = /new\n")):
            with open(f"{path}/{name}", "x", encoding="utf-8") as stream:
                stream.write(text)

    with_junctions(monkeypatch)
    monkeypatch.setattr(place_module, "make", make)
    monkeypatch.setattr("linkinstall.fs.windows.time.sleep", lambda _seconds: None)


def clear(place: Path, **more: Any) -> Outcome:
    """Make an environment anew."""
    return clear_venv(place, **FAST, **more)


def remove(place: Path, **more: Any) -> Outcome:
    """Remove an environment."""
    return remove_venv(place, **FAST, **more)


each_change = pytest.mark.parametrize("change", [clear, remove])


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Make a folder of somebody's own."""
    (tmp_path / "outside" / "deep").mkdir(parents=True)
    (tmp_path / "outside" / "deep" / "thesis").write_text("chapter 1\n")
    return tmp_path / "outside"


@pytest.fixture
def venv(tmp_path: Path, outside: Path) -> Path:
    """Make an environment with junctions out of it, at its top and below."""
    place = make_venv(tmp_path / "v")
    make_junction(outside, place / "data")
    make_junction(outside, place / LIBRARY / "pkg" / "data")
    return place


THESIS = {"deep/": "", "deep/thesis": "chapter 1\n"}


# ------------------------------------------------------------------ inside


@each_change
def test_a_junction_inside_goes_alone(
    change: Callable[..., Outcome], venv: Path, outside: Path
) -> None:
    """The junction goes with the environment, and nothing of what it leads to."""
    outcome = change(venv, files=WindowsFileSystem(Sharing()))

    assert ("done", ()) == (outcome.status, outcome.pending)
    assert THESIS == contents(outside)
    assert (NEW if change is clear else {}) == contents(venv)


@each_change
def test_a_junction_inside_goes_alone_file_by_file(
    change: Callable[..., Outcome], venv: Path, outside: Path
) -> None:
    """So it does where no folder can be renamed, because something in it runs."""
    calls = Sharing()
    with calls.held(venv / "bin" / "tool.exe", LOADED):
        outcome = change(venv, files=WindowsFileSystem(calls))

    assert [f"{venv}/bin/tool.exe"] == [one.path for one in outcome.pending]
    assert THESIS == contents(outside)
    assert "data" not in os.listdir(venv.parent)
    change(venv)
    assert THESIS == contents(outside)


def test_a_junction_inside_is_put_back(venv: Path, outside: Path) -> None:
    """Where the removal is refused the junction is one again, and leads where it led."""
    (venv / ".lock").touch()
    before = contents(venv)
    calls = Sharing()
    with (
        calls.held(venv / LIBRARY / "pkg" / "__init__.py", OPEN),
        pytest.raises(FileSystemError, match=r"__init__\.py"),
    ):
        remove(venv, files=WindowsFileSystem(calls))

    assert before == contents(venv)
    assert str(outside) == before["data"].removeprefix("-> ")
    assert THESIS == contents(outside)


def test_a_file_in_use_behind_a_junction_is_nobodys_concern(venv: Path, outside: Path) -> None:
    """What is open where a junction leads keeps the environment from nothing."""
    calls = Sharing()
    with calls.held(outside / "deep" / "thesis", OPEN, folders=False):
        outcome = remove(venv, files=WindowsFileSystem(calls))

    assert ("done", ()) == (outcome.status, outcome.pending)
    assert THESIS == contents(outside)


def test_a_build_that_follows_junctions_is_found_out(
    venv: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a junction counts as the folder that Windows calls it, what it leads to is lost."""
    monkeypatch.setattr(port, "_JUNCTION", None)

    remove(venv, files=WindowsFileSystem(Sharing()))

    assert THESIS != contents(outside)


def test_uninstalling_leads_out_through_no_junction(tmp_path: Path, outside: Path) -> None:
    """A project whose folder was moved away, a junction in its place: that alone goes."""
    site = Site(tmp_path)
    site.install(site.wheel("app", "1.0", {"app/__init__.py": "", "app/data.txt": "1"}))
    (site.library / "app").rename(outside / "app")
    make_junction(outside / "app", site.library / "app")
    moved = contents(outside)

    with site.transaction(WindowsFileSystem(Sharing())) as transaction:
        transaction.uninstall("app")

    assert moved == contents(outside)


def test_nothing_is_written_through_a_junction(tmp_path: Path, outside: Path) -> None:
    """A junction in the place of a project's folder refuses the install, as a link does."""
    site = Site(tmp_path)
    make_junction(outside, site.library / "app")

    with (
        pytest.raises(ConflictError) as caught,
        site.transaction(WindowsFileSystem(Sharing())) as transaction,
    ):
        transaction.install(site.wheel("app", "1.0", {"app/__init__.py": ""}))

    assert [f"{site.library}/app"] == [one.path for one in caught.value.problems]
    assert THESIS == contents(outside)


# ------------------------------------------------------------------ at the place itself


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """Make an environment that a junction to a junction leads to."""
    make_venv(tmp_path / "store" / "real")
    make_junction(tmp_path / "store" / "real", tmp_path / "store" / "current")
    make_junction(tmp_path / "store" / "current", tmp_path / ".venv")
    return tmp_path / ".venv"


def test_an_environment_behind_junctions_stays_there(linked: Path, tmp_path: Path) -> None:
    """Cleared and recreated five times over, both junctions are there (uv issue 14933)."""
    for _ in range(5):
        clear(linked, files=WindowsFileSystem(Sharing()))
        create_venv(linked, clear=True, files=WindowsFileSystem(Sharing()), **FAST)

        assert f"{tmp_path}/store/current" == os.readlink(linked)
        assert f"{tmp_path}/store/real" == os.readlink(tmp_path / "store" / "current")
        assert NEW == contents(tmp_path / "store" / "real")


def test_of_a_junction_the_junction_alone_is_removed(linked: Path, tmp_path: Path) -> None:
    """What it leads to stays, unless it is to be followed."""
    outcome = remove(linked, files=WindowsFileSystem(Sharing()))

    assert ["link"] == [one.code for one in outcome.warnings]
    assert ["store"] == os.listdir(tmp_path)
    assert (tmp_path / "store" / "real" / "pyvenv.cfg").exists()

    remove(tmp_path / "store" / "current", follow=True, files=WindowsFileSystem(Sharing()))

    assert [] == os.listdir(tmp_path / "store")
