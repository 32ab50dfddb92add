"""Tests of ``linkinstall.venvs.sight``."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from linkinstall.fs import local
from linkinstall.fs.port import FileSystem
from linkinstall.venvs.sight import (
    ABSENT,
    BROKEN,
    DANGLING,
    EMPTY,
    INNER,
    MAKING,
    OTHER,
    VENV,
    look,
)
from tests.support.venvs import make_venv


def kind(path: Path) -> str:
    """Return what stands at a path."""
    return look(local(), str(path)).kind


def test_a_venv_is_known_by_its_settings_and_an_interpreter(tmp_path: Path) -> None:
    """A folder with pyvenv.cfg and an interpreter is a virtual environment."""
    assert VENV == kind(make_venv(tmp_path / "v"))


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_an_interpreter_may_be_a_link_to_one_that_is_gone(tmp_path: Path) -> None:
    """An environment whose base was upgraded away is still one, and can be removed."""
    place = make_venv(tmp_path / "v")

    assert not (place / "bin" / "python").exists()
    assert VENV == kind(place)


@pytest.mark.parametrize("folder", ["bin", "Scripts"])
def test_both_layouts_are_known(tmp_path: Path, folder: str) -> None:
    """The layouts of POSIX and of Windows are both known, on each of them."""
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "python.exe").touch()
    (tmp_path / "pyvenv.cfg").touch()

    assert VENV == kind(tmp_path)


def test_nothing_an_empty_folder_and_a_file(tmp_path: Path) -> None:
    """Nothing, an empty folder and a file are told apart."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()

    assert [ABSENT, EMPTY, OTHER] == [kind(tmp_path / n) for n in ("none", "folder", "file")]


def test_settings_without_an_interpreter_are_no_whole_venv(tmp_path: Path) -> None:
    """A folder that has pyvenv.cfg but no interpreter is what is left of an environment."""
    (tmp_path / "pyvenv.cfg").touch()

    assert BROKEN == kind(tmp_path)


def test_half_removed_venv_is_recognised(tmp_path: Path) -> None:
    """What uv leaves of a venv whose python.exe runs: Scripts, and no pyvenv.cfg any more.

    It was refused ever after, because only pyvenv.cfg makes a folder a venv (uv issue 13986).
    """
    (tmp_path / "Scripts").mkdir()
    (tmp_path / "Scripts" / "python.exe").touch()

    assert BROKEN == kind(tmp_path)


def test_a_library_alone_is_recognised(tmp_path: Path) -> None:
    """A library folder of site-packages is enough, where nothing else stands beside it."""
    (tmp_path / "Lib" / "site-packages").mkdir(parents=True)

    assert BROKEN == kind(tmp_path)


@pytest.mark.parametrize("own", ["notes.txt", "thesis", ".git"])
def test_what_no_venv_has_makes_a_folder_somebodys_own(tmp_path: Path, own: str) -> None:
    """A folder that looks like half a venv but holds something else is no venv."""
    make_venv(tmp_path / "v", settings=False)
    (tmp_path / "v" / own).mkdir()

    assert OTHER == kind(tmp_path / "v")


def test_a_folder_of_projects_is_no_venv(tmp_path: Path) -> None:
    """Bin and lib alone, without an interpreter or site-packages, are no venv."""
    for name in ("bin", "lib", "src"):
        (tmp_path / name).mkdir()
    (tmp_path / "bin" / "run").touch()

    assert OTHER == kind(tmp_path)


class Vanishing(FileSystem):
    """A file system on which another process removes a folder, the moment it is listed."""

    def __init__(self, gone: Path) -> None:
        self.gone = gone

    def scan(self, folder: str) -> list[tuple[str, str]]:
        """List what may be there no more."""
        if Path(folder) == self.gone:
            shutil.rmtree(folder)
        return super().scan(folder)


@pytest.mark.parametrize(("gone", "expected"), [("", ABSENT), ("bin", BROKEN)])
def test_what_goes_while_it_is_looked_at_is_gone(tmp_path: Path, gone: str, expected: str) -> None:
    """Who looks while another process removes an environment sees what is left, and no error."""
    place = make_venv(tmp_path / "v")

    assert expected == look(Vanishing(place / gone), str(place)).kind


def test_a_project_around_a_venv_is_noted(tmp_path: Path) -> None:
    """A venv made in the folder of a project is one, and what else is there is told."""
    make_venv(tmp_path / "v")
    (tmp_path / "v" / "pyproject.toml").touch()

    sight = look(local(), str(tmp_path / "v"))

    assert (VENV, ("pyproject.toml",)) == (sight.kind, sight.own)


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_links_are_followed_and_noted(tmp_path: Path) -> None:
    """Each link that a path leads through is known, the one that was named first."""
    place = make_venv(tmp_path / "real")
    (tmp_path / "one").symlink_to("real")
    (tmp_path / "two").symlink_to(tmp_path / "one")

    sight = look(local(), str(tmp_path / "two"))

    assert (str(tmp_path / "two"), str(tmp_path / "one")) == sight.links
    assert (str(place), VENV) == (sight.place, sight.kind)


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_a_link_among_the_folders_above_is_no_link_of_the_venv(tmp_path: Path) -> None:
    """A linked parent folder is resolved, and is not taken for the environment's link."""
    make_venv(tmp_path / "real" / "v")
    (tmp_path / "work").symlink_to("real")

    sight = look(local(), str(tmp_path / "work" / "v"))

    assert ((), str(tmp_path / "real" / "v")) == (sight.links, sight.place)


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_dangling_links_and_loops(tmp_path: Path) -> None:
    """A link to nothing is said to be one, and so is one that leads back to itself."""
    (tmp_path / "link").symlink_to("nothing")
    (tmp_path / "loop").symlink_to("loop")

    assert [DANGLING, DANGLING] == [kind(tmp_path / "link"), kind(tmp_path / "loop")]
    assert str(tmp_path / "nothing") == look(local(), str(tmp_path / "link")).place


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
@pytest.mark.parametrize("name", ["s/../v", "link", "s/../link"])
def test_a_parent_after_a_link_is_that_of_its_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """What is done is done to the environment that every other program finds at the path.

    ``venv remove s/../v`` removed ``v``, where ``s`` is a link to ``far/sub``, and so it was
    where a link to an environment was written like that.
    """
    (tmp_path / "far" / "sub").mkdir(parents=True)
    (tmp_path / "s").symlink_to("far/sub")
    for folder in (tmp_path, tmp_path / "far"):
        make_venv(folder / "v")
        (folder / "link").symlink_to(tmp_path / "s" / ".." / "v")
    monkeypatch.chdir(tmp_path)

    sight = look(local(), name)

    assert (str(tmp_path / "far" / "v"), VENV) == (sight.place, sight.kind)
    assert ".." not in sight.path


def test_our_own_names_say_nothing_of_what_is_there(tmp_path: Path) -> None:
    """What waits or is kept in the state folder inside makes no folder somebody's own.

    Where it could not lie beside the environment, each command refused the place as no virtual
    environment, even with force.
    """
    (tmp_path / "v" / INNER / "kept-1").mkdir(parents=True)
    (tmp_path / "v" / MAKING).touch()
    assert EMPTY == kind(tmp_path / "v")

    make_venv(tmp_path / "v", settings=False)
    assert BROKEN == kind(tmp_path / "v")
