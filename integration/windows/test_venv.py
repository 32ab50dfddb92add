"""Removing and decoupling virtual environments that are in use, with real processes.

The scenarios are those that people report of other tools: an editor that runs the
environment's interpreter, a file that is open without delete sharing, and binaries that
are hard-linked out of one cache.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
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


def test_a_folder_that_a_process_stands_in_waits(env: WindowsVenv, linkinstall: Command) -> None:
    """Of the environment no more than the empty folder is left, and that goes with the next run."""
    with running(sys.executable, "-c", READY, cwd=env.library):
        outcome = linkinstall.json("venv", "remove", env.root)

        assert ["site-packages"] == waiting(outcome)
        assert not env.root.exists()
        assert [] == [path for path in beside(env).rglob("*") if path.suffix in {".py", ".exe"}]

    again = linkinstall.json("venv", "remove", env.root)

    assert ([], False) == (again["pending"], beside(env).exists())


def test_an_environment_with_paths_beyond_260_characters(
    env: WindowsVenv, linkinstall: Command
) -> None:
    """Uv 11134: what lies deeper than the plain interface reaches is taken aside and deleted."""
    deep = "\\\\?\\" + str(env.library).replace("/", "\\")
    for name in ("d" * 100, "e" * 100, "f" * 50):
        deep += f"\\{name}"
        os.mkdir(deep)
    for name in ("note.txt", "fast.pyd"):
        with open(f"{deep}\\{name}", "x", encoding="ascii") as stream:
            stream.write(name)

    outcome = linkinstall.json("venv", "clear", env.root)

    assert ("cleared", []) == (outcome["venv"]["action"], outcome["pending"])
    assert not (env.library / ("d" * 100)).exists()
    assert not beside(env).exists()
    assert "ok" == env.run("print('ok')")


VICTIM = """
import os, signal, sys
from linkinstall.fs import local
from linkinstall.verbs.venv import clear_venv, remove_venv
from tests.support.faulty import Wrapper

verb, place, moment = sys.argv[1:]

class Mortal(Wrapper):
    committed = False

    def before(self, change):
        commits = change.path.endswith("/committed")
        moments = {
            "taking": change.verb == "rename_new", "commit": commits, "deletion": self.committed
        }
        if moments[moment]:
            os.kill(os.getpid(), signal.SIGTERM)  # TerminateProcess: nothing is cleaned up
        self.committed |= commits

{"remove": remove_venv, "clear": clear_venv}[verb](place, sync="off", files=Mortal(local()))
print("survived")
"""


@pytest.mark.parametrize("verb", ["remove", "clear"])
@pytest.mark.parametrize(
    ("moment", "following", "settled"),
    [
        ("taking", ["create", "--clear"], "rolled-back"),
        ("commit", ["remove"], "rolled-back"),
        ("deletion", ["clear"], "finished"),
    ],
)
def test_a_terminated_process_is_settled_by_the_next(
    verb: str, moment: str, following: list[str], settled: str,
    env: WindowsVenv, linkinstall: Command,
) -> None:  # fmt: skip
    """The next remove, clear or create puts back or finishes, while the interpreter runs."""
    with running(env.python, "-c", READY):
        done = subprocess.run(
            [sys.executable, "-c", VICTIM, verb, str(env.root), moment],
            env=linkinstall.environ(),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert (signal.SIGTERM, "") == (done.returncode, done.stdout), done.stderr
        outcome = linkinstall.json("venv", *following, env.root)
        assert [settled] == [one["action"] for one in outcome["recovered"]]

    assert [] == linkinstall.json("venv", *following, env.root)["pending"]
    assert not beside(env).exists()
    assert (following == ["remove"]) == (not env.root.exists())
    if env.root.exists():
        assert "ok" == env.run("print('ok')")


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
