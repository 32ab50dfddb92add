"""A sample of ``make real``: real wheels are installed as pip installs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration.real.__main__ import LOCK, chosen
from integration.real.likeness import unlike
from integration.real.trial import trial
from integration.support.real_wheels import pinned, wheel
from integration.support.samples import make_sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from integration.support.command import Command
    from integration.support.environments import Venv

SAMPLE = ["jsonpointer", "markupsafe", "jupyterlab-pygments"]
"""A script with ``#!python``, an extension module, files below the data folder."""


@pytest.mark.parametrize("project", SAMPLE)
def test_a_real_wheel_is_as_with_pip(project: str, tmp_path: Path) -> None:
    """A wheel passes every check, installs as with pip, and goes again with each tool."""
    (requirement,) = chosen([project])

    assert () == trial([wheel(requirement, LOCK)], tmp_path).problems


def test_the_lock_holds_hundreds_of_wheels() -> None:
    """There are at least 200 wheels, each of another project."""
    projects = [requirement.partition("==")[0] for requirement, _, _ in pinned(LOCK)]

    assert len(projects) >= 200
    assert sorted(set(projects)) == sorted(projects)


def edit(venv: Venv) -> None:
    """Edit a module."""
    path = venv.library / "sample/__init__.py"
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data + b"# edited\n")


def add(venv: Venv) -> None:
    """Add a file."""
    (venv.library / "sample/more.txt").touch()


def unset_a_bit(venv: Venv) -> None:
    """Take the executable bits of a script."""
    (venv.scripts / "sample-run").chmod(0o644)


def add_a_row(venv: Venv) -> None:
    """Add a row to RECORD."""
    with next(venv.library.glob("*.dist-info/RECORD")).open("a") as stream:
        stream.write("sample/nothing.py,,\n")


def call_another(venv: Venv) -> None:
    """Let a launcher call something else."""
    path = venv.scripts / "sample"
    path.write_text(path.read_text().replace("import ", "import not_"))


def drop_compiled(venv: Venv) -> None:
    """Delete a compiled file."""
    next(venv.library.glob("sample/__pycache__/*.pyc")).unlink()


@pytest.mark.parametrize("change", [edit, add, unset_a_bit, add_a_row, call_another, drop_compiled])
def test_what_is_not_as_with_pip_is_found(
    change: Callable[[Venv], None],
    linkinstall: Command,
    wheelhouse: Path,
    make_environment: Callable[..., Venv],
) -> None:
    """One difference in contents, files, modes, rows, launchers or compiled files is named."""
    sample = make_sample(wheelhouse)
    ours, theirs = make_environment("venv"), make_environment("theirs")
    bare = theirs.snapshot()
    for one in (ours, theirs):
        linkinstall.run("install", "--python", one.root, "--link-mode", "copy", sample)
    # The paths of their environments aside, two installations of one tool are alike.
    alike = unlike(theirs, ours, bare)
    change(ours)

    found = set(unlike(theirs, ours, bare)) - set(alike)
    assert found, change.__name__
