"""The reports that this project answers, with the tool they were written about as it is today.

Each fails with uv, and ours goes on with what uv has left. The fifth, 14933, is mended in
uv and open in other tools; it takes symbolic links: integration/test_venvs.py.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from integration.windows.conftest import WindowsVenv
from integration.windows.held import READY, loaded, running, waiting
from integration.windows.todays_uv import TodaysUv

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from integration.support.command import Command


@pytest.fixture
def uv(tmp_path: Path) -> TodaysUv:
    """Give uv, with a cache of its own."""
    return TodaysUv(tmp_path)


@pytest.fixture
def make_by_uv(uv: TodaysUv, tmp_path: Path) -> Callable[..., WindowsVenv]:
    """Make environments with uv: ``make_by_uv("a", wheel)``."""

    def make(name: str, *wheels: Path) -> WindowsVenv:
        venv = WindowsVenv(tmp_path / name)
        uv.make(venv.root, *wheels)
        return venv

    return make


def test_7918_environments_of_uv_are_one(
    make_by_uv: Callable[..., WindowsVenv], linkinstall: Command, markupsafe: Path
) -> None:
    """What is loaded in A keeps B from being deleted, until B is decoupled."""
    here, there = (make_by_uv(name, markupsafe) for name in ("a", "b"))
    with loaded(here.python, "markupsafe._speedups"):
        with pytest.raises(PermissionError, match="WinError 5"):
            shutil.rmtree(there.root)
        assert there.library.exists()

    there = make_by_uv("c", markupsafe)
    (pyd,) = (there.library / "markupsafe").glob("*.pyd")
    assert pyd.stat().st_nlink > 1
    linkinstall.run("venv", "decouple", there.root)
    with loaded(here.python, "markupsafe._speedups"):
        shutil.rmtree(there.root)
    assert not there.root.exists()


def test_11134_a_tool_that_runs_is_not_uninstalled(
    uv: TodaysUv,
    make_by_uv: Callable[..., WindowsVenv],
    linkinstall: Command,
    tool: Callable[[str], Path],
) -> None:
    """Uv fails half-way; ours uninstalls from the same environment, and what runs waits."""
    env = make_by_uv("a", tool("1.0"))
    with running(env.scripts / "server.exe", "-c", READY):
        said = uv.run("pip", "uninstall", "--python", env.root, "tool", status=2)
        assert "os error 5" in said
        assert (env.library / "tool-1.0.dist-info").exists()

        outcome = linkinstall.json("uninstall", "--python", env.root, "tool")

        assert ["server.exe"] == waiting(outcome)
        assert [] == [path for path in env.names() if "tool" in path or "server" in path]


def test_13836_what_is_loaded_is_busy_everywhere(
    uv: TodaysUv, make_by_uv: Callable[..., WindowsVenv], linkinstall: Command, markupsafe: Path
) -> None:
    """A module is loaded in A: uv cannot uninstall its project from B, ours can from C.

    The report is of a program, ``ruff.exe``; those uv copies by now. B is half-removed
    then: a wheel that ours installs over it brings it back.
    """
    here, there, third = (make_by_uv(name, markupsafe) for name in ("a", "b", "c"))
    with loaded(here.python, "markupsafe._speedups"):
        said = uv.run("pip", "uninstall", "--python", there.root, "markupsafe", status=2)
        assert "os error 5" in said
        assert (there.library / "markupsafe").exists()

        linkinstall.run("uninstall", "--python", third.root, "markupsafe")
        assert not (third.library / "markupsafe").exists()
        linkinstall.run("install", "--python", there.root, markupsafe)
        assert "ok" == there.run("import markupsafe._speedups; print('ok')")


def test_13986_a_cleared_environment_is_left_half_removed(
    uv: TodaysUv, make_by_uv: Callable[..., WindowsVenv], linkinstall: Command, markupsafe: Path
) -> None:
    """While its interpreter runs, uv leaves one without a library; ours makes it anew."""
    env = make_by_uv("a", markupsafe)
    with running(env.python, "-c", READY):
        said = uv.run("venv", "--python", sys.executable, "--clear", env.root, status=2)
        assert "os error 5" in said
        done = subprocess.run(
            [env.python, "-c", "import markupsafe"], capture_output=True, check=False, timeout=120
        )
        assert done.returncode != 0
        left = {path.name for path in env.root.iterdir()}
        assert "Scripts" in left

        outcome = linkinstall.json("venv", "create", "--clear", "--force", env.root)

        assert "python.exe" in waiting(outcome)
        assert "ok" == env.run("print('ok')")
