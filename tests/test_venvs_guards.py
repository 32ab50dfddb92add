"""Tests of ``linkinstall.venvs.guards``."""

from __future__ import annotations

import site
import sys
from pathlib import Path

import pytest

import linkinstall
from linkinstall.errors import NotAVenvError
from linkinstall.fs import local
from linkinstall.venvs.guards import (
    refuse_creation,
    refuse_decoupling,
    refuse_removal,
    refuse_unusable_path,
)
from linkinstall.venvs.sight import look
from tests.support.faulty import Wrapper
from tests.support.platforms import WINDOWS
from tests.support.venvs import make_venv


def refusal(path: Path, *, force: bool = False) -> str:
    """Return the code of the refusal to remove what stands at a path, "" for none."""
    try:
        refuse_removal(local(), look(local(), str(path)), force=force)
    except NotAVenvError as error:
        return error.problems[0].code
    return ""


def test_an_empty_path_is_refused() -> None:
    """An empty path is refused: it is an unset variable, and never the current folder."""
    with pytest.raises(NotAVenvError):
        refuse_unusable_path("")


@pytest.mark.windows_real
@pytest.mark.parametrize("path", ["con", "folder\\aux", "NUL.txt"])
def test_a_device_is_no_place_for_an_environment(path: str) -> None:
    """On Windows the refusal names the reason; the system's own words do not."""
    with pytest.raises(NotAVenvError, match=r"takes .* for a device") as caught:
        refuse_unusable_path(path)

    assert ["reserved-name"] == [one.code for one in caught.value.problems]


@pytest.mark.posix("a folder can have such a name")
def test_a_name_of_a_device_is_a_name_elsewhere() -> None:
    """Elsewhere than on Windows a folder may be called so."""
    refuse_unusable_path("con")


def test_a_venv_can_go(tmp_path: Path) -> None:
    """A virtual environment can be removed."""
    assert not refusal(make_venv(tmp_path / "v"))


@pytest.mark.parametrize("force", [False, True])
def test_what_is_never_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, force: bool
) -> None:
    """Roots, homes, installations and our own folder are refused, whatever is forced.

    The home folder has a pyvenv.cfg and an interpreter here, as after ``python -m venv .``.
    """
    home = make_venv(tmp_path / "users" / "me")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    package = Path(linkinstall.__file__).parent

    found = {
        name: refusal(path, force=force)
        for name, path in {
            "root": Path(home.anchor),
            "home": home,
            "above": home.parent,
            "python": Path(sys.base_prefix),
            "own": package.parent,
        }.items()
    }

    assert found == {
        "root": "root-folder",
        "home": "home-folder",
        "above": "home-folder",
        "python": "installation",
        "own": "running",
    }


@pytest.mark.windows_real
def test_a_home_folder_is_one_in_any_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path is compared as it is written on the disk, however it was typed."""
    home = make_venv(tmp_path / "users" / "me")
    monkeypatch.setenv("USERPROFILE", str(home))

    assert "home-folder" == refusal(home.with_name("ME"), force=True)


def test_what_only_force_removes(tmp_path: Path) -> None:
    """What is left of a venv, an empty folder, and a venv around a project need force."""
    broken = make_venv(tmp_path / "broken", settings=False)
    empty = tmp_path / "empty"
    empty.mkdir()
    project = make_venv(tmp_path / "project")
    (project / "pyproject.toml").touch()

    assert ["broken-venv", "empty-folder", "project"] == [
        refusal(one) for one in (broken, empty, project)
    ]
    assert ["", "", ""] == [refusal(one, force=True) for one in (broken, empty, project)]
    for one in (broken, empty, project):
        with pytest.raises(NotAVenvError) as caught:
            refuse_removal(local(), look(local(), str(one)), force=False)
        assert "--force removes it" in caught.value.next_step


def test_what_is_no_venv_is_refused_even_with_force(tmp_path: Path) -> None:
    """A folder that does not look like a venv is not ours to remove."""
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").touch()

    assert "no-venv" == refusal(tmp_path / "thesis", force=True)


@pytest.mark.parametrize("landmark", ["lib/python3.11/os.py", "Lib/os.py"])
@pytest.mark.parametrize("settings", [False, True])
def test_an_installation_is_told_from_what_is_left_of_a_venv(
    tmp_path: Path, landmark: str, *, settings: bool
) -> None:
    """An installation of Python is never removed, whichever Python that is.

    Only the running interpreter's own was known for one. Any other has an interpreter in
    ``bin`` and ``lib/python3.8``, so it passed for a venv without its settings, of which
    the error said that ``--force`` removes it all the same; and so it did.
    """
    place = make_venv(tmp_path / "3.8.18", settings=settings)
    (place / landmark).parent.mkdir(parents=True, exist_ok=True)
    (place / landmark).touch()
    (place / "bin" / "python").unlink()

    assert ["installation"] * 2 == [refusal(place, force=force) for force in (False, True)]


@pytest.mark.parametrize(
    "landmark",
    [
        "lib/python3.12/os.py",
        "Lib/os.py",
        "lib/pypy3.10/os.py",
        pytest.param("lib64/python3.12/os.py", id="Fedora"),
        pytest.param("lib-python/3/os.py", id="PyPy before 3.8"),
    ],
)
@pytest.mark.parametrize("force", [False, True])
def test_an_installation_with_settings_is_an_installation(
    tmp_path: Path, landmark: str, *, force: bool
) -> None:
    """A standard library is never removed, whatever ``pyvenv.cfg`` lies beside it.

    ``python -m venv`` with the path of an installation for a slip makes a virtual environment of
    it by that one file. The installation still works, and ``venv remove`` took all of it, without
    ``--force``.
    """
    place = make_venv(tmp_path / "3.12.1")
    if landmark.startswith("lib64") and not WINDOWS:
        (place / "lib64").unlink()
    (place / landmark).parent.mkdir(parents=True, exist_ok=True)
    (place / landmark).touch()

    with pytest.raises(NotAVenvError, match=f"(?i:{landmark})") as caught:
        refuse_removal(local(), look(local(), str(place)), force=force)

    assert ["installation"] == [one.code for one in caught.value.problems]
    assert "--force does not change that." == caught.value.next_step


@pytest.mark.parametrize("settings", [False, True])
@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_a_link_to_the_standard_library_makes_no_installation(
    tmp_path: Path, *, settings: bool
) -> None:
    """What virtualenv made before PEP 405 has links to the modules that Python starts with."""
    place = make_venv(tmp_path / "old", settings=settings)
    (place / "lib/python3.11/os.py").symlink_to("/usr/lib/python2.7/os.py")

    assert not refusal(place, force=True)


@pytest.mark.parametrize("settings", [False, True])
def test_an_installed_module_is_no_landmark(tmp_path: Path, *, settings: bool) -> None:
    """What somebody installs beside other packages makes no installation of an environment.

    On Windows packages lie one folder below ``Lib``, where every folder was searched.
    """
    place = make_venv(tmp_path / "v", settings=settings)
    for library in ("lib/python3.11", "Lib"):
        (place / library / "site-packages").mkdir(parents=True, exist_ok=True)
        (place / library / "site-packages" / "os.py").touch()

    assert not refusal(place, force=True)


def test_a_library_that_goes_meanwhile_is_no_landmark(tmp_path: Path) -> None:
    """What another process removes while it is looked at is not there."""
    files = Wrapper(local())

    def vanish(folder: str) -> list[tuple[str, str]]:
        if folder.endswith("/lib"):
            raise FileNotFoundError(folder)
        return local().scan(folder)

    sight = look(local(), str(make_venv(tmp_path / "v", settings=False)))
    files.scan = vanish  # type: ignore[method-assign]

    refuse_removal(files, sight, force=True)


def test_packages_of_a_user_are_no_venv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pip --user installs looks like a venv without settings, and is never removed."""
    place = make_venv(tmp_path / ".local", settings=False)
    monkeypatch.setattr(site, "USER_BASE", str(place))

    assert "user-base" == refusal(place, force=True)


def test_mount_points_inside_are_named(tmp_path: Path) -> None:
    """A volume that is mounted inside is not emptied with the environment."""

    class Mounted(Wrapper):
        def __init__(self) -> None:
            super().__init__(local())
            self.mount_points = lambda: {str(tmp_path / "v" / "data"), "/"}  # type: ignore[method-assign]

    make_venv(tmp_path / "v")

    with pytest.raises(NotAVenvError, match=r"mount points in it: .*data") as caught:
        refuse_removal(Mounted(), look(local(), str(tmp_path / "v")), force=True)

    assert "mount-point" == caught.value.problems[0].code


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_a_dangling_link_is_said_to_be_one(tmp_path: Path) -> None:
    """A link that leads nowhere is named with what it leads to."""
    (tmp_path / "link").symlink_to("gone")

    with pytest.raises(NotAVenvError, match=r"link to .*gone, where nothing is"):
        refuse_creation(look(local(), str(tmp_path / "link")))
    assert "dangling-link" == refusal(tmp_path / "link", force=True)


def test_what_cannot_be_decoupled(tmp_path: Path) -> None:
    """Only a whole environment has files to be decoupled; what stands there instead is told.

    What was not there was "no virtual environment", and to be removed by other tools.
    """
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    told = {}
    for place in (
        tmp_path / "none",
        tmp_path / "other",
        make_venv(tmp_path / "broken", settings=False),
    ):
        with pytest.raises(NotAVenvError) as caught:
            refuse_decoupling(look(local(), str(place)))
        told[caught.value.problems[0].code] = caught.value.message

    assert {
        "absent": f"{tmp_path}/none: nothing is there.",
        "no-venv": f"{tmp_path}/other: it is no virtual environment.",
        "broken-venv": f"{tmp_path}/broken: it looks like a virtual environment that is not whole.",
    } == told
    refuse_decoupling(look(local(), str(make_venv(tmp_path / "v"))))


def test_where_a_venv_can_be_made(tmp_path: Path) -> None:
    """A venv is made where nothing is, or an empty folder, and nowhere else."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    places = {
        "none": tmp_path / "none",
        "empty": tmp_path / "empty",
        "full": tmp_path / "full",
        "venv": make_venv(tmp_path / "v"),
        "broken": make_venv(tmp_path / "b", settings=False),
    }
    found = {}
    for name, path in places.items():
        try:
            refuse_creation(look(local(), str(path)))
        except NotAVenvError as error:
            found[name] = error.next_step

    assert found == {
        "full": "Name a place where nothing is, or an empty folder.",
        "venv": "--clear makes it anew.",
        "broken": "--clear --force makes it anew.",
    }
