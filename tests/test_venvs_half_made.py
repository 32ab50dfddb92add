"""Tests of ``linkinstall.venvs.half_made``."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from virtualenv import cli_run

from linkinstall.fs import local
from linkinstall.venvs.half_made import first_foreign
from linkinstall.venvs.sight import INNER, MAKING
from tests.support.venvs import LIBRARY

if TYPE_CHECKING:
    from pathlib import Path


def test_what_virtualenv_makes_is_known(tmp_path: Path) -> None:
    """A whole environment with its seeds has nothing in it that is somebody's own."""
    place = tmp_path / "v"
    seeds = ["--pip", "bundle", "--setuptools", "bundle"]
    cli_run([str(place), "--python", sys.executable, *seeds], setup_logging=False)
    (place / MAKING).touch()
    (place / INNER).mkdir()
    (place / INNER / "journal").touch()

    assert first_foreign(local(), str(place)) is None


@pytest.mark.parametrize(
    "path",
    [".Python", "lib/libpython3.11.so.1.0", "lib/libpython3.dylib", "bin/libpypy3.10-c.so"],
)
def test_the_library_of_an_interpreter_is_known(tmp_path: Path, path: str) -> None:
    """Virtualenv brings it where it copies the interpreter, with PyPy and on macOS.

    What a killed run had half made was kept aside for good there, each time.
    """
    found = tmp_path / path
    found.parent.mkdir(parents=True, exist_ok=True)
    found.touch()

    assert first_foreign(local(), os.fspath(tmp_path)) is None


@pytest.mark.parametrize(
    "path",
    [
        "LICENSE",
        "lib",
        "bin/pytest",
        "bin/python",
        "bin/python-config",
        "include/mine.h",
        "include/python3.11/mine.h",
        "lib/mine",
        "lib/libpq.so.5",
        "lib/python3.11/mine.py",
        f"{LIBRARY}/mine.pth",
        f"{LIBRARY}/pip_tools-7.dist-info",
        f"{LIBRARY}/setuptools_scm",
        f"{LIBRARY}/.linkinstall",
    ],
)
def test_what_virtualenv_does_not_make_is_somebodys(tmp_path: Path, path: str) -> None:
    """What is not known is named, at each level; so is a folder that has the name of a file."""
    found = tmp_path / path
    found.parent.mkdir(parents=True, exist_ok=True)
    if path == "bin/python":
        found.mkdir()
    else:
        found.touch()

    assert f"{tmp_path}/{path}" == first_foreign(local(), os.fspath(tmp_path))


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_no_link_is_followed(tmp_path: Path) -> None:
    """What a link leads to is not looked into: a link to a library folder is somebody's own."""
    (tmp_path / "far").mkdir()
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "lib").symlink_to("../far")

    assert f"{tmp_path}/v/lib" == first_foreign(local(), str(tmp_path / "v"))
