"""PDM and Poetry in ``make rivals``: tools that install what a project asks for.

Purpose: what a person types there is no wheel but ``pdm sync``. So each scenario has two
projects beside the environment, one that asks for the wheel and one that does not, both
locked beforehand. Installing is a sync with the one, removing is a sync with the other;
neither changes a file of a project, so that the same command can be given again.

Calling sequence::

    tool = PDM                    # or POETRY
    reason = tool.unavailable()   # "" or why it cannot be installed here
    tool.commands()["install"]

Guarantees: each tool lives in an environment of its own in ``.cache/rivals``, made with
``uv`` from pinned versions and kept. Nothing is asked of the network once it is there.

Errors: ``FileNotFoundError`` if uv is missing.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from integration.faults.sandbox import NEIGHBOUR
from integration.faults.scenario import Command

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).parents[2] / ".cache" / "rivals"
WITH, WITHOUT = "{venv}/../with", "{venv}/../without"
"""The projects: the second one asks for the neighbour alone."""

_PROJECT = """
[project]
name = "app"
version = "1"
requires-python = ">=3.11"
dependencies = [{wheels}]

[tool.poetry]
package-mode = false

[tool.pdm]
distribution = false
"""
_WRITE = (
    "import os, sys; os.mkdir(sys.argv[1]); "
    "open(sys.argv[1] + '/pyproject.toml', 'w').write(sys.argv[2])"
)


def uv_program() -> str:
    """Return the path of uv.

    :raises FileNotFoundError: it is missing
    """
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        raise FileNotFoundError("uv is missing: it is in the test group of pyproject.toml")
    return found


def no_uv() -> str:
    """Return that uv is missing, or nothing."""
    try:
        uv_program()
    except FileNotFoundError as missing:
        return str(missing)
    return ""


@dataclass(frozen=True)
class ProjectTool:
    """A tool that brings an environment to what a project has locked.

    :param name: of its package and of its module
    :param pins: what is installed: itself, and what it would otherwise break with
    :param lock: the words that lock the project in a folder
    :param install: the words that install what is missing
    :param uninstall: the words that also remove what is not asked for
    :param variables: what keeps it from the network, from threads and from settings
    """

    name: str
    pins: tuple[str, ...]
    lock: tuple[str, ...]
    install: tuple[str, ...]
    uninstall: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """Its version, which is pinned."""
        return self.pins[0].partition("==")[2]

    @property
    def python(self) -> Path:
        """The interpreter that runs it."""
        return FOLDER / "-".join(self.pins) / "bin" / "python"

    def unavailable(self) -> str:
        """Install it where it is not there yet; return why that cannot be, or nothing."""
        if self.python.exists():
            return ""
        home = self.python.parents[1]
        making = home.with_name(home.name + ".new")
        shutil.rmtree(making, ignore_errors=True)
        python = str(making / "bin" / "python")
        for words in (
            ("venv", "--quiet", "--python", sys.executable, str(making)),
            ("pip", "install", "--quiet", "--python", python, *self.pins),
        ):
            done = subprocess.run(
                (uv_program(), *words), check=False, capture_output=True, text=True, timeout=600
            )
            if done.returncode:
                return f"{self.name} cannot be installed: {done.stderr.strip()[-300:]}"
        making.rename(home)
        return ""

    def commands(self) -> dict[str, Command]:
        """Return what it does, by verb."""
        return {
            "install": self._run(*self.install, WITH),
            "uninstall": self._run(*self.uninstall, WITHOUT),
        }

    def projects(self, wheel: str) -> tuple[Command, ...]:
        """Return the commands that make both projects, and install the second one."""
        asked = {WITH: (NEIGHBOUR, wheel), WITHOUT: (NEIGHBOUR,)}
        written = [self._project(where, wheels) for where, wheels in asked.items()]
        locked = [self._run(*self.lock, where) for where in asked]
        return (*written, *locked, self._run(*self.install, WITHOUT))

    def _project(self, where: str, wheels: tuple[str, ...]) -> Command:
        urls = [f'"{wheel.partition("-")[0]} @ file://{{{wheel}}}"' for wheel in wheels]
        text = _PROJECT.replace("{wheels}", ", ".join(urls))
        return Command(("{harness}", "-I", "-c", _WRITE, where, text))

    def _run(self, *words: str) -> Command:
        fixed = {
            "VIRTUAL_ENV": "{venv}",
            # No interpreters and no compilers but the environment's: they are asked for both.
            "PATH": "{venv}/bin",
        }
        return Command(
            (str(self.python), "-P", "-s", "-B", "-m", self.name, *words),
            {**fixed, **self.variables},
        )


PDM = ProjectTool(
    "pdm",
    # With later ones of these, which it would be given, it does not start.
    ("pdm==2.29.3", "hishel==1.1.10", "unearth==0.18.2"),
    ("lock", "--quiet", "--project"),
    ("sync", "--no-self", "--project"),
    ("sync", "--no-self", "--clean", "--project"),
    {
        "PDM_CHECK_UPDATE": "0",
        "PDM_INSTALL_PARALLEL": "0",
        # Not judged: it keeps its log where it was killed, as it should.
        "PDM_CACHE_DIR": "{cache}",
        "PDM_LOG_DIR": "{cache}/log",
    },
)
POETRY = ProjectTool(
    "poetry",
    ("poetry==2.5.1",),
    ("lock", "--quiet", "--directory"),
    ("sync", "--no-interaction", "--directory"),
    ("sync", "--no-interaction", "--directory"),
    {
        "POETRY_CACHE_DIR": "{cache}",
        "POETRY_INSTALLER_PARALLEL": "false",
        # Its own uninstaller; without this it runs pip's.
        "POETRY_INSTALLER_BUILTIN_UNINSTALL": "true",
        "POETRY_KEYRING_ENABLED": "false",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    },
)
PROJECT_TOOLS = (PDM, POETRY)
