"""The commands that ``make bench`` measures: ours, uv's, pip's and ``installer``'s.

Purpose: one install of wheel files by each tool, as alike as their options allow: no index,
no dependencies, hard links where a tool links, nothing of the machine's configuration.

Calling sequence: ``Tool("uv", uv())``, then ``tool.command(environment, cache)``, to which
the paths of the wheels are added.

Guarantees: what a command needs besides the environment and its cache is installed with
this repository's tools.

Errors: ``ModuleNotFoundError`` where pip is missing.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable

WARM, COLD = "warm", "cold"
EITHER = "either"  # of a tool that keeps no unpacked wheels

# installer's API, for many wheels in one process: FOLDER LEVELS WHEEL…
INSTALLER_API = """
import sys, sysconfig
from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.sources import WheelFile
folder, levels, *wheels = sys.argv[1:]
schemes = sysconfig.get_paths("venv", {"base": folder, "platbase": folder})
schemes["headers"] = folder + "/include/site"
place = SchemeDictionaryDestination(
    schemes, folder + "/bin/python", "posix", bytecode_optimization_levels=tuple(map(int, levels))
)
for wheel in wheels:
    with WheelFile.open(wheel) as source:
        install(source, place, {"INSTALLER": b"installer"})
"""


@dataclass(frozen=True)
class Tool:
    """One row of the table: a name, the command of one install, what it is measured with."""

    name: str
    command: Callable[[Path, Path], list[str]]  # (environment, cache) -> the words
    states: tuple[str, ...] = (WARM, COLD)
    bytecode: ClassVar[bool] = False

    @property
    def cache(self) -> str:
        """The program's name, which its cache folder bears: one for all its rows."""
        return self.name.split()[0].strip(",")


class Compiling(Tool):
    """A row of a tool that also compiles what it installs."""

    bytecode = True


def uv(*options: str) -> Callable[[Path, Path], list[str]]:
    """Return uv's command for wheels that are files, hard links asked for."""
    program = Path(sys.executable).with_name("uv")
    fixed = ["pip", "install", "-q", "--no-config", "--no-deps", "--offline", "--no-index"]
    fixed += ["--link-mode", "hardlink", *options]
    return lambda environment, cache: [
        *(str(program), *fixed, "--cache-dir", str(cache), "-p", f"{environment}/bin/python")
    ]


def linkinstall(*options: str) -> Callable[[Path, Path], list[str]]:
    """Return our command, hard links asked for."""
    fixed = [sys.executable, "-m", "linkinstall", "-q", "--link-mode", "hardlink", *options]
    return lambda environment, cache: [
        *(*fixed, "--cache-dir", str(cache), "--python", f"{environment}/bin/python")
    ]


def pip(*options: str) -> Callable[[Path, Path], list[str]]:
    """Return pip's command, run by the environment's interpreter as if it stood there."""
    import pip as package

    # What `pip --python` starts, without the process before it.
    runner = Path(package.__file__ or "").with_name("__pip-runner__.py")
    fixed = ["install", "-q", "--isolated", "--disable-pip-version-check", "--no-index"]
    fixed += ["--no-deps", "--no-cache-dir", *options]
    return lambda environment, _: [f"{environment}/bin/python", str(runner), *fixed]


def installer(*options: str) -> Callable[[Path, Path], list[str]]:
    """Return the command line of ``installer``, which takes one wheel."""
    fixed = [sys.executable, "-m", "installer", *options, "--prefix"]
    return lambda environment, _: [*fixed, str(environment)]


def installer_api(levels: str) -> Callable[[Path, Path], list[str]]:
    """Return a program that gives all wheels to ``installer.install``."""
    return lambda environment, _: [sys.executable, "-c", INSTALLER_API, str(environment), levels]
