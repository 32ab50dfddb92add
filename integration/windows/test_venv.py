"""Removing and decoupling virtual environments that are in use, with real processes.

The scenarios are those that people report of other tools: an editor that runs the
environment's interpreter, a file that is open without delete sharing, and binaries that
are hard-linked out of one cache.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from integration.windows.held import READY, busy, loaded, opened, running, waiting

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from integration.support.command import Command
    from integration.windows.conftest import WindowsVenv


def beside(env: WindowsVenv) -> Path:
    """Return the state folder beside an environment, there or not."""
    return env.root.with_name(f".linkinstall-{env.root.name}")


def test_an_environment_is_made_anew_while_its_interpreter_runs(
    env: WindowsVenv, linkinstall: Command
) -> None:
    """Uv 13986: clearing succeeds, the image waits in an ignored folder, and goes later."""
    with running(env.python, "-c", READY):
        outcome = linkinstall.json("venv", "create", "--clear", env.root)

        assert "python.exe" in waiting(outcome)
        assert "cleared" == outcome["venv"]["action"]
        assert str(env.root).lower() == env.run("import sys; print(sys.prefix)").lower()
        assert "*" in (beside(env) / ".gitignore").read_text().splitlines()

    outcome = linkinstall.json("venv", "remove", env.root)

    assert [] == outcome["pending"]
    assert not env.root.exists()
    assert not beside(env).exists()


def test_what_another_tool_left_half_removed_is_taken_over(
    env: WindowsVenv, linkinstall: Command
) -> None:
    """Uv 13986: Scripts without pyvenv.cfg is named, and made anew with force while it runs."""
    with running(env.python, "-c", READY):
        (env.root / "pyvenv.cfg").unlink()
        shutil.rmtree(env.root / "Lib")
        result = linkinstall.run("--json", "venv", "create", "--clear", env.root, status=1)
        assert ["broken-venv"] == [one["code"] for one in result.form["error"]["problems"]]
        assert not (env.root / "pyvenv.cfg").exists()

        outcome = linkinstall.json("venv", "create", "--clear", "--force", env.root)

        assert "python.exe" in waiting(outcome)
        assert "ok" == env.run("print('ok')")


@pytest.mark.parametrize("inside", ["Lib/site-packages/notes.txt", ".lock"])
def test_an_open_file_refuses_the_removal(
    env: WindowsVenv, linkinstall: Command, inside: str
) -> None:
    """Exit 1, all as it was, the file named; and it goes once the file is closed."""
    held = env.root / inside
    held.write_text("mine")
    (env.root / ".lock").touch()  # a change leaves it there, as uv does
    before = sorted(path.as_posix() for path in env.root.rglob("*"))
    with opened(held):
        result = linkinstall.run("--json", "venv", "remove", env.root, status=1)

        assert held.name in result.form["error"]["message"]
        assert "has it open" in result.form["error"]["message"]
        assert before == sorted(path.as_posix() for path in env.root.rglob("*"))
        assert "ok" == env.run("print('ok')")
        assert not beside(env).exists()

    outcome = linkinstall.json("venv", "remove", env.root)

    assert ([], False) == (outcome["pending"], env.root.exists())


def test_a_process_in_another_environment_keeps_none_from_being_removed(
    env: WindowsVenv, other: WindowsVenv, linkinstall: Command, fill: Callable[..., None]
) -> None:
    """Uv 13836: what runs in one environment does not wait in the trash of another."""
    for venv in (env, other):
        fill(venv)
    with busy(env):
        outcome = linkinstall.json("venv", "remove", other.root)

    assert ([], False) == (outcome["pending"], other.root.exists())


@pytest.mark.parametrize("decoupled", [False, True])
def test_decoupled_binaries_are_nobody_elses(
    env: WindowsVenv,
    other: WindowsVenv,
    linkinstall: Command,
    fill: Callable[..., None],
    *,
    decoupled: bool,
) -> None:
    """Environments whose binaries are hard-linked, as uv links them, are cured by decoupling.

    Uv 7918 and 13836: as they are, plain ``shutil.rmtree`` fails in one environment while
    a binary is loaded in another; decoupled, it works.
    """
    for venv in (env, other):
        fill(venv, "--link-mode", "hardlink", "--copy-binaries", "never")
    (pyd,) = (env.library / "markupsafe").glob("*.pyd")
    assert pyd.stat().st_nlink > 1
    if decoupled:
        outcome = linkinstall.json("venv", "decouple", env.root)
        assert [1, 1] == [path.stat().st_nlink for path in (pyd, env.scripts / "server.exe")]
        assert (2, []) == (outcome["files"]["copy"], outcome["pending"])

    with busy(other):
        if decoupled:
            assert "ok" == env.run("import markupsafe._speedups; print('ok')")
            shutil.rmtree(env.root)
        else:
            with pytest.raises(PermissionError, match="WinError 5"):
                shutil.rmtree(env.root)

    assert decoupled != env.root.exists()


def test_decoupling_while_a_binary_is_loaded(
    env: WindowsVenv, linkinstall: Command, markupsafe: Path
) -> None:
    """The loaded image waits in the trash, the private copy is in its place at once."""
    options = ["--link-mode", "hardlink", "--copy-binaries", "never"]
    linkinstall.run("install", "--python", env.root, *options, markupsafe)
    (pyd,) = (env.library / "markupsafe").glob("*.pyd")
    with loaded(env.python, "markupsafe._speedups"):
        outcome = linkinstall.json("venv", "decouple", env.root)

        assert [pyd.name] == waiting(outcome)
        assert 1 == pyd.stat().st_nlink
        assert "ok" == env.run("import markupsafe._speedups; print('ok')")

    assert [] == linkinstall.json("recover", "--python", env.root)["pending"]
    assert [] == linkinstall.json("check", "--python", env.root)["findings"]
