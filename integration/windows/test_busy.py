"""Uninstalling and upgrading what is in use, with real processes on a Windows CPython.

The scenarios are those that people report of other tools: a language server that runs
out of one environment, an interpreter with a ``.pyd`` loaded, an editor with a file open.
"""

from __future__ import annotations

import os
import shutil
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


def trash(env: WindowsVenv) -> list[str]:
    """Return the files in the trash of an environment."""
    state = env.library / ".linkinstall"
    return sorted(path.name for path in state.rglob("*") if path.is_file())


def test_a_tool_is_uninstalled_while_it_runs(
    env: WindowsVenv, linkinstall: Command, tool: Callable[[str], Path]
) -> None:
    """Uv 11134: the command succeeds, the running file waits, the next run sweeps it."""
    before = env.names()
    linkinstall.run("install", "--python", env.root, tool("1.0"))
    with running(env.scripts / "server.exe", "-c", READY), running(env.scripts / "tool.exe"):
        outcome = linkinstall.json("uninstall", "--python", env.root, "tool")

        assert ["server.exe", "tool.exe"] == waiting(outcome)
        assert before == env.names()
        assert 2 == len(trash(env))
        again = linkinstall.json("recover", "--python", env.root)
        assert 2 == len(again["pending"])

    outcome = linkinstall.json("recover", "--python", env.root)

    assert [] == outcome["pending"]
    assert not (env.library / ".linkinstall").exists()


def test_a_tool_is_upgraded_while_it_runs(
    env: WindowsVenv, linkinstall: Command, tool: Callable[[str], Path]
) -> None:
    """The new version is in place at once; the old one goes on running."""
    linkinstall.run("install", "--python", env.root, tool("1.0"))
    with running(env.scripts / "server.exe", "-c", READY):
        outcome = linkinstall.json("install", "--python", env.root, tool("2.0"))

        assert ["server.exe"] == waiting(outcome)
        assert "2.0" == env.run("import tool; print(tool.VERSION)")

    linkinstall.run("recover", "--python", env.root)
    assert [] == trash(env)


def test_a_loaded_module_is_uninstalled(
    env: WindowsVenv, linkinstall: Command, markupsafe: Path
) -> None:
    """Uv 11134: all of the project goes while its ``.pyd`` is loaded, and it can come again."""
    before = env.names()
    linkinstall.run("install", "--python", env.root, markupsafe)
    with loaded(env.python, "markupsafe._speedups"):
        outcome = linkinstall.json("uninstall", "--python", env.root, "markupsafe")

        assert [".pyd"] == [os.path.splitext(name)[1] for name in waiting(outcome)]
        assert before == env.names()
        linkinstall.run("install", "--python", env.root, markupsafe)
        assert "ok" == env.run("import markupsafe._speedups; print('ok')")

    linkinstall.run("uninstall", "--python", env.root, "markupsafe")
    assert before == env.names()
    assert [] == trash(env)


def test_what_runs_in_one_environment_keeps_no_other_from_changing(
    env: WindowsVenv,
    other: WindowsVenv,
    linkinstall: Command,
    tool: Callable[[str], Path],
    fill: Callable[..., None],
) -> None:
    """Uv 13836: another environment removes and upgrades what runs here, nothing waits."""
    for venv in (env, other):
        fill(venv)
    with busy(env):
        upgraded = linkinstall.json("install", "--python", other.root, tool("2.0"))
        removed = linkinstall.json("uninstall", "--python", other.root, "tool", "markupsafe")

    assert [] == upgraded["pending"]
    assert [] == removed["pending"]


SCRIPT = """
import os, shutil, subprocess, sys
import markupsafe._speedups
root, wheel, option = sys.argv[1:]
base = os.environ["BASE"]
subprocess.run([base, "-m", "venv", "--without-pip", root], check=True)
subprocess.run([base, "-m", "linkinstall", "install", "--python", root,
                "--copy-binaries", option, wheel], check=True)
subprocess.run([root + "/Scripts/python.exe", "-c", "import markupsafe._speedups"], check=True)
shutil.rmtree(root)
print("removed")
"""


@pytest.mark.parametrize(("option", "works"), [("auto", True), ("never", False)])
def test_an_environment_made_by_a_script_can_be_deleted_by_it(
    option: str, *, works: bool, env: WindowsVenv, linkinstall: Command, markupsafe: Path
) -> None:
    """Uv 7918: plain ``shutil.rmtree`` works, unless binaries are hard-linked on request."""
    root = env.root.parent / "made"
    copied = ["--copy-binaries", option]
    linkinstall.run("install", "--python", env.root, *copied, markupsafe)

    done = subprocess.run(
        [env.python, "-c", SCRIPT, str(root), str(markupsafe), option],
        env=linkinstall.environ({"BASE": sys.executable}),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    if works:
        assert (0, False) == (done.returncode, root.exists()), done.stderr
        assert done.stdout.rstrip().endswith("removed")
    else:
        assert "PermissionError: [WinError 5]" in done.stderr
        shutil.rmtree(root)  # nobody has it loaded any more


def test_an_open_file_rolls_the_whole_change_back(
    env: WindowsVenv, linkinstall: Command, tool: Callable[[str], Path]
) -> None:
    """An editor's file: exit 1, all as it was, the file named; and it works once closed."""
    linkinstall.run("install", "--python", env.root, tool("1.0"))
    before = env.names()
    held = env.library / "tool" / "data.txt"
    with opened(held):
        result = linkinstall.run("--json", "uninstall", "--python", env.root, "tool", status=1)

        assert "data.txt" in result.form["error"]["message"]
        assert before == env.names()
        assert b"data of 1.0\n" == held.read_bytes()
        assert "1.0" == env.run("import tool; print(tool.VERSION)")

    linkinstall.run("uninstall", "--python", env.root, "tool")
    assert not held.exists()


@pytest.mark.parametrize(("mode", "status"), [("auto", 1), ("copy", 0)])
def test_a_file_open_in_another_environment(
    mode: str,
    status: int,
    env: WindowsVenv,
    other: WindowsVenv,
    linkinstall: Command,
    tool: Callable[[str], Path],
) -> None:
    """Uv 11134 (CI jobs): links are coupled and rolled back whole, copies do not notice."""
    for venv in (env, other):
        linkinstall.run("install", "--python", venv.root, "--link-mode", mode, tool("1.0"))
    before = other.names()
    with opened(env.library / "tool" / "data.txt"):
        linkinstall.run("uninstall", "--python", other.root, "tool", status=status)
        if status:
            assert before == other.names()

    if status:
        linkinstall.run("uninstall", "--python", other.root, "tool")
    assert not (other.library / "tool").exists()


def test_paths_beyond_260_characters(
    env: WindowsVenv, linkinstall: Command, tmp_path: Path, tool: Callable[[str], Path]
) -> None:
    """Uv 11134: what is deeper than the plain interface reaches is installed, upgraded, removed."""
    target = tmp_path / ("d" * 100) / ("e" * 100)
    linkinstall.run("install", "--python", env.root, "--target", target, tool("1.0"))
    names = sorted(os.listdir("\\\\?\\" + str(target)))

    assert "tool" in names
    deep = "\\\\?\\" + str(target / "tool" / "data.txt")
    with open(deep, encoding="ascii") as stream:
        assert "data of 1.0\n" == stream.read()

    linkinstall.run("install", "--python", env.root, "--target", target, tool("2.0"))
    with open(deep, encoding="ascii") as stream:
        assert "data of 2.0\n" == stream.read()
    assert [] == linkinstall.json("check", "--python", env.root, "--target", target)["findings"]
    linkinstall.run("uninstall", "--python", env.root, "--target", target, "tool")
    assert ["Scripts"] == os.listdir("\\\\?\\" + str(target))
    assert [] == os.listdir("\\\\?\\" + str(target / "Scripts"))


def test_the_current_folder_of_a_process_is_refused(
    env: WindowsVenv, linkinstall: Command, tool: Callable[[str], Path]
) -> None:
    """A console that stands in a package's folder: refused with the folder named, and as it was.

    The upgrade left neither old nor new, and each later command ended with status 3.
    """
    linkinstall.run("install", "--python", env.root, tool("1.0"))
    before = env.names()
    for name in ("tool", "tool-1.0.dist-info"):
        with running(sys.executable, "-c", READY, cwd=env.library / name):
            result = linkinstall.run("install", "--python", env.root, tool("2.0"), status=1)

        assert f"site-packages/{name}: " in result.err
        assert before == env.names()
    assert "tool 1.0 whole\n" == linkinstall.run("list", "--python", env.root).out

    linkinstall.run("install", "--python", env.root, tool("2.0"))
    assert [] == trash(env)
