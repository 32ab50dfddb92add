"""Environments and wheels for the tests with a Windows CPython."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integration.support.real_wheels import wheel
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from integration.support.command import Command


LAUNCHERS = ("python.exe", "venvlauncher.exe")


@dataclass(frozen=True)
class WindowsVenv:
    """A venv as Windows lays it out."""

    root: Path

    @property
    def scripts(self) -> Path:
        """The folder of its programs."""
        return self.root / "Scripts"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.scripts / "python.exe"

    @property
    def library(self) -> Path:
        """Its library folder."""
        return self.root / "Lib" / "site-packages"

    def names(self) -> set[str]:
        """Return what is in its library and scripts, but for the state folder."""
        return {
            path.relative_to(self.root).as_posix()
            for folder in (self.library, self.scripts)
            for path in folder.rglob("*")
            if ".linkinstall" not in path.parts
        }

    def run(self, code: str) -> str:
        """Run code in its interpreter and return what it prints."""
        done = subprocess.run(
            [self.python, "-c", code], capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture
def make_windows_venv(tmp_path: Path) -> Callable[..., WindowsVenv]:
    """Make venvs: ``make_windows_venv("a")``."""

    def make(name: str, *options: str) -> WindowsVenv:
        root = tmp_path / name
        command = [sys.executable, "-m", "venv", "--without-pip", *options, str(root)]
        subprocess.run(command, check=True, timeout=120)
        return WindowsVenv(root)

    return make


@pytest.fixture
def env(make_windows_venv: Callable[..., WindowsVenv]) -> WindowsVenv:
    """Give one venv."""
    return make_windows_venv("env")


@pytest.fixture
def other(make_windows_venv: Callable[..., WindowsVenv]) -> WindowsVenv:
    """Give another venv on the same volume."""
    return make_windows_venv("other")


@pytest.fixture
def markupsafe() -> Path:
    """Give a real wheel with a ``.pyd``."""
    return wheel("markupsafe==3.0.3")


@pytest.fixture
def tool(tmp_path: Path) -> Callable[[str], Path]:
    """Make versions of a wheel with a program of its own and one from an entry point."""
    launchers = Path(sys.base_prefix) / "Lib" / "venv" / "scripts" / "nt"
    # From 3.13 on venv keeps it by another name.
    launcher = next(launchers / one for one in LAUNCHERS if (launchers / one).exists())

    def make(version: str) -> Path:
        main = (
            f"def main():\n    print('ready', flush=True)\n    input()\n\nVERSION = {version!r}\n"
        )
        return make_wheel(
            tmp_path / "wheels",
            "tool",
            version,
            {
                "tool/__init__.py": main,
                "tool/data.txt": f"data of {version}\n",
                f"tool-{version}.data/scripts/server.exe": launcher.read_bytes(),
            },
            entry_points="[console_scripts]\ntool = tool:main\n",
        )

    return make


@pytest.fixture
def fill(
    linkinstall: Command, markupsafe: Path, tool: Callable[[str], Path]
) -> Callable[..., None]:
    """Install both wheels into a venv: ``fill(env, "--link-mode", "copy")``."""

    def fill(venv: WindowsVenv, *options: str) -> None:
        linkinstall.run("install", "--python", venv.root, *options, markupsafe, tool("1.0"))

    return fill
