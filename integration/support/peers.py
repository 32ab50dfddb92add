"""pip and uv, run on an environment of the tests.

Purpose: what other tools make of our environments, and environments made by them.

Calling sequence: ``pip(venv, "install", …)``, ``uv(venv, "list")``.

Guarantees: nothing is fetched from an index; configuration of the machine is ignored.

Errors: ``AssertionError`` with the streams where a tool fails unexpectedly.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.gates import require

if TYPE_CHECKING:
    from collections.abc import Iterable

    from integration.support.environments import Venv


def pip(venv: Venv, *arguments: str | Path, status: int | None = 0) -> str:
    """Run pip for an environment and return its standard output."""
    command = [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check"]
    command += ["--python", str(venv.python)]
    return _run([*command, *[str(one) for one in arguments]], status)


def pip_install(venv: Venv, wheels: Iterable[Path], *options: str) -> None:
    """Install wheel files with pip, dependencies aside."""
    pip(venv, "install", "--quiet", "--no-index", "--no-deps", *options, *wheels)


def uv(venv: Venv, *arguments: str | Path, status: int | None = 0) -> str:
    """Run ``uv pip …`` for an environment and return its standard output."""
    command = [uv_program(), "pip", arguments[0], "--python", venv.python, "--no-config"]
    return _run([str(one) for one in [*command, *arguments[1:]]], status)


def uv_install(venv: Venv, wheels: Iterable[Path], *options: str) -> None:
    """Install wheel files with uv, dependencies aside."""
    uv(venv, "install", "--quiet", "--no-index", "--no-deps", *options, *wheels)


def uv_program() -> str:
    """Return the path of uv, or skip the test where there is none."""
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    require(found is not None, "uv is installed")
    assert found is not None
    return found


def _run(command: list[str], status: int | None) -> str:
    environ = {name: text for name, text in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=300, env=environ
    )
    told = f"{' '.join(command)}\nexit status {done.returncode}\n{done.stdout}{done.stderr}"
    assert status is None or done.returncode == status, told
    return done.stdout
