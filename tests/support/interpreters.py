"""The interpreters of this machine, for tests that start real ones.

``interpreter((3, 12))`` skips the test where the machine has none; ``make_venv`` makes an
empty venv of one.
"""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path

import pytest

VERSIONS = [(3, minor) for minor in range(8, 15)]
# Python 2 has to understand it too: tests of refusals look for one.
_SAY = """
import sys
name = sys.implementation.name if sys.version_info >= (3, 3) else "cpython"
sys.stdout.write("%s %d %d %s" % ((name,) + sys.version_info[:2] + (sys.executable,)))
"""


def _candidates(version: tuple[int, int]) -> list[Path]:
    """Return where an interpreter may be: on ``PATH``, and where version managers keep them."""
    dotted = "{}.{}".format(*version)
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    found = [Path(folder, f"python{dotted}") for folder in folders if folder]
    for pattern in (f".pyenv/versions/{dotted}.*", f".local/share/uv/python/cpython-{dotted}.*"):
        found += [path / "bin" / f"python{dotted}" for path in sorted(Path.home().glob(pattern))]
    return [path for path in found if path.is_file()]


@cache
def _find(version: tuple[int, int]) -> str | None:
    for path in _candidates(version):
        done = subprocess.run(
            [path, "-E", "-s", "-c", _SAY], capture_output=True, text=True, check=False, timeout=60
        )
        words = done.stdout.strip().split(" ", 3)
        if done.returncode == 0 and ["cpython", *map(str, version)] == words[:3]:
            return words[3]
    return None


def interpreter(version: tuple[int, int]) -> str:
    """Return the path of a CPython of this version, or skip the test."""
    found = _find(version)
    if found is None:
        pytest.skip("this machine has no CPython {}.{}".format(*version))
    return found


def say(python: str | Path, code: str) -> str:
    """Return what an interpreter prints, isolated from the caller's variables."""
    done = subprocess.run(
        [python, "-I", "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout.strip()


def make_venv(folder: Path, python: str, *options: str) -> Path:
    """Make an empty venv of ``python`` at ``folder``, or skip where it cannot make one."""
    done = subprocess.run(
        [python, "-I", "-m", "venv", "--without-pip", *options, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode != 0 and "No module named" in done.stderr:
        pytest.skip(f"{python} comes without the venv module")
    assert 0 == done.returncode, done.stderr
    return folder
