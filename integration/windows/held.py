"""Processes that hold a file of an environment, for as long as a test wants them to.

Calling sequence::

    with running(venv.scripts / "tool.exe", "-c", READY):
        ...                     # the process has said that it is ready
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from integration.windows.conftest import WindowsVenv

READY = "print('ready', flush=True); __import__('sys').stdin.read()"
"""What a process runs to say that it has begun, and to end when its input does."""


@contextmanager
def running(
    program: Path | str, *arguments: str, cwd: Path | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run a program that says ``ready`` until the block is left."""
    process = subprocess.Popen(
        [str(program), *arguments],
        cwd=cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert "ready" == line.strip(), line + process.stdout.read()
        yield process
    finally:
        process.communicate(timeout=120)


@contextmanager
def loaded(python: Path, module: str) -> Iterator[None]:
    """Have another process import a module, which loads its ``.pyd``."""
    with running(python, "-c", f"import {module}; {READY}"):
        yield


@contextmanager
def busy(venv: WindowsVenv) -> Iterator[None]:
    """Have a program of an environment run, and one of its modules loaded.

    The wheels of the fixtures ``tool`` and ``markupsafe`` are installed there.
    """
    program = running(venv.scripts / "server.exe", "-c", READY)
    with program, loaded(venv.python, "markupsafe._speedups"):
        yield


@contextmanager
def opened(path: Path) -> Iterator[None]:
    """Have another process hold a file open without delete sharing, as ``more`` does."""
    with running(sys.executable, "-c", f"f = open({str(path)!r}, 'rb'); {READY}"):
        yield


def waiting(outcome: dict[str, Any]) -> list[str]:
    """Return the names of the files that an outcome tells to be busy."""
    return sorted(os.path.basename(one["path"]) for one in outcome["pending"])
