"""Where the interpreter is that a word names: paths, venvs, installations, names."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from linkinstall import interpreter_search
from linkinstall.errors import EnvironmentNotFoundError
from linkinstall.fs import local
from linkinstall.fs.port import FileSystem
from linkinstall.interpreter_search import is_name, locate
from tests.support.faulty import Wrapper


def program(path: Path) -> Path:
    """Make a program; nothing here starts it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def venv(folder: Path, *names: str) -> Path:
    """Make what looks like a venv."""
    for name in names:
        program(folder / "bin" / name)
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    (folder / "pyvenv.cfg").write_text("home = /usr/bin\n")
    return folder


def refusal(spec: str | Path) -> str:
    """Return the message with which ``spec`` is refused."""
    with pytest.raises(EnvironmentNotFoundError) as caught:
        locate(str(spec))
    assert caught.value.next_step
    return caught.value.message


@pytest.fixture(autouse=True)
def _nothing_on_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def test_a_path_is_the_interpreter(tmp_path: Path) -> None:
    """The path of a program is taken as it is, made absolute."""
    path = program(tmp_path / "here" / "bin" / "python3.12")

    assert str(path) == locate(str(path)) == locate("bin/python3.12")


def test_the_link_of_a_venv_is_not_resolved(tmp_path: Path) -> None:
    """A venv's interpreter is a link; what it leads to is another environment."""
    base = program(tmp_path / "base" / "python3.12")
    link = tmp_path / "env" / "bin" / "python"
    link.parent.mkdir(parents=True)
    link.symlink_to(base)

    assert str(link) == locate(str(link)) == locate(str(tmp_path / "env"))


def test_a_venv_is_named_by_its_folder(tmp_path: Path) -> None:
    """A venv's folder stands for the ``python`` in it, however the folder is written."""
    folder = venv(tmp_path / "here" / ".venv", "python", "python3")

    expected = str(folder / "bin" / "python")
    assert [expected] * 4 == [locate(s) for s in (str(folder), ".venv", "./.venv/", ".venv/.")]


def test_a_venv_is_named_by_a_link_to_it(tmp_path: Path) -> None:
    """A venv reached through a link keeps the path it was named by."""
    venv(tmp_path / "env", "python")
    link = tmp_path / "link"
    link.symlink_to("env")

    assert str(link / "bin" / "python") == locate(str(link))


def test_a_venv_may_have_python3_only(tmp_path: Path) -> None:
    """Where a venv has no ``python``, its ``python3`` is taken."""
    folder = venv(tmp_path / "env", "python3")

    assert str(folder / "bin" / "python3") == locate(str(folder))


def test_an_installation_is_named_by_its_root(tmp_path: Path) -> None:
    """In an installation ``python3`` comes first: a plain ``python`` may be Python 2."""
    program(tmp_path / "opt" / "bin" / "python")
    python3 = program(tmp_path / "opt" / "bin" / "python3")

    assert str(python3) == locate(str(tmp_path / "opt"))


def test_the_folder_one_stands_in_is_named_by_a_dot(tmp_path: Path) -> None:
    """``--python .`` is the venv that one stands in."""
    folder = venv(tmp_path / "here", "python")

    assert str(folder / "bin" / "python") == locate(".")


def test_a_name_is_looked_for_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is what a shell would start: the first program of that name on PATH."""
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "python3.12").write_text("no program")
    second, third = (program(tmp_path / folder / "python3.12") for folder in ("second", "third"))
    folders = [str(tmp_path / "first"), "", str(second.parent), str(third.parent)]
    monkeypatch.setenv("PATH", os.pathsep.join(folders))

    assert str(second) == locate("python3.12")


def test_a_folder_that_may_not_be_looked_into_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of somebody else's on PATH hides no interpreter behind it.

    Under ``sudo -u`` and ``su`` PATH often names folders in root's home; the search ended
    with "Permission denied" for one of these.
    """
    python3 = program(tmp_path / "bin" / "python3")
    closed = str(tmp_path / "closed")
    monkeypatch.setenv("PATH", os.pathsep.join([closed, str(python3.parent)]))

    class Closed(Wrapper):
        def __init__(self) -> None:
            super().__init__(local())
            self.real_path = self.look  # type: ignore[method-assign]

        def look(self, path: str) -> str:
            if Path(path).parent == Path(closed):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), closed)
            return local().real_path(path)

    monkeypatch.setattr(interpreter_search, "local", Closed)

    assert str(python3) == locate("python3")


def test_a_folder_without_interpreter_does_not_hide_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that happens to be called ``python3`` is not what the name means."""
    (tmp_path / "here" / "python3").mkdir()
    python3 = program(tmp_path / "bin" / "python3")
    monkeypatch.setenv("PATH", str(python3.parent))

    assert str(python3) == locate("python3")


@pytest.mark.parametrize("spec", ["3.12", ">=3.11", "cpython3.12", "python3.99"])
def test_a_version_is_left_to_discovery(spec: str) -> None:
    """What is neither a path nor on PATH may be a version."""
    assert locate(spec) is None


def test_names_are_told_from_paths() -> None:
    """A word with a folder in it is a path, and so are the dots."""
    words = ["python3", "3.12", ".venv", ".", "..", "a/b", "/a"]

    assert ["python3", "3.12", ".venv"] == [word for word in words if is_name(word)]


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    """The message names the whole path, also of a relative one."""
    expected = f"There is no interpreter, venv or installation at {tmp_path}/here/no/such."

    assert [expected] * 2 == [refusal("no/such"), refusal(tmp_path / "here" / "no" / "such")]


def test_an_empty_text_names_nothing() -> None:
    """An empty --python is refused, not taken for the folder one stands in."""
    assert "An empty text names no interpreter." == refusal("")


class Vanishing(FileSystem):
    """A file system on which another process removes a link once its target was looked for."""

    def real_path(self, path: str) -> str:
        """Tell where a link leads that is no more, afterwards."""
        found = super().real_path(path)
        if os.path.islink(path):
            os.unlink(path)
        return found


def test_what_goes_while_it_is_looked_for_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process removes what ``--python`` names: that is told, and no error of the system."""
    link = tmp_path / "link"
    link.symlink_to("gone")
    monkeypatch.setattr("linkinstall.interpreter_search.local", Vanishing)

    assert f"{link} is not there any more." == refusal(link)


def test_a_dangling_link_is_said_to_be_one(tmp_path: Path) -> None:
    """A link to a venv that is gone is not just missing."""
    link = tmp_path / "link"
    link.symlink_to("gone")

    assert f"{link} is a dangling link to gone." == refusal(link)


def test_a_venv_that_lost_its_interpreter_is_said_to_have(tmp_path: Path) -> None:
    """A venv whose interpreter was removed names the link and where it led."""
    folder = venv(tmp_path / "env")
    (folder / "bin" / "python").symlink_to("/opt/gone/bin/python3.12")
    (folder / "bin" / "python3").symlink_to("python")

    expected = f"{folder}/bin/python is a dangling link to /opt/gone/bin/python3.12."
    assert expected == refusal(folder)


def test_a_folder_without_interpreter_is_refused(tmp_path: Path) -> None:
    """A folder that is no environment says what was looked for."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").write_text("no program")

    assert refusal(tmp_path) == (
        f"The folder {tmp_path} holds no interpreter: neither bin/python3 nor bin/python "
        "is a program."
    )


def test_a_file_that_is_no_program_is_refused(tmp_path: Path) -> None:
    """A wheel given to --python by mistake, say, is called what it is."""
    path = tmp_path / "a.whl"
    path.write_text("")

    assert f"{path} is no program that can be run, nor a folder." == refusal(path)


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_a_parent_after_a_link_is_that_of_its_target(tmp_path: Path) -> None:
    """A venv is the one that every other program finds at the path.

    ``install --python link/../env`` installed into ``./env``.
    """
    (tmp_path / "far" / "sub").mkdir(parents=True)
    (tmp_path / "here" / "s").symlink_to(tmp_path / "far" / "sub")
    for folder in ("far", "here"):
        venv(tmp_path / folder / "env", "python")

    assert str(tmp_path / "far" / "env" / "bin" / "python") == locate("s/../env")
