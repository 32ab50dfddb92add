"""The interpreters of this machine, for tests that start real ones.

``interpreter((3, 12))`` skips the test where the machine has none; ``make_venv`` makes an
empty venv of one. They are looked for on ``PATH``, where pyenv, asdf, mise and uv keep
theirs, and first among those that ``LINKINSTALL_TEST_PYTHONS`` names.

A version that a machine does not have is SKIPPED in continuous integration too: each test
is about one version by itself, the running one is always there, and nothing that these
tests hold for one version is held for another by them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

from tests.support.gates import suited

VERSIONS = [(3, minor) for minor in range(8, 15)]
# Python 2 has to understand it too: tests of refusals look for one.
_SAY = """
import sys
name = sys.implementation.name if sys.version_info >= (3, 3) else "cpython"
sys.stdout.write("%s %d %d %s" % ((name,) + sys.version_info[:2] + (sys.executable,)))
"""


PYTHONS = "LINKINSTALL_TEST_PYTHONS"
# Where version managers keep their interpreters: a variable, its default below the home
# folder, and where in it.
_MANAGERS = (
    ("PYENV_ROOT", ".pyenv", "versions/{}*"),
    ("ASDF_DATA_DIR", ".asdf", "installs/python/{}*"),
    ("MISE_DATA_DIR", ".local/share/mise", "installs/python/{}*"),
    ("UV_PYTHON_INSTALL_DIR", ".local/share/uv/python", "cpython-{}*"),
)


def _candidates(version: tuple[int, int]) -> list[Path]:
    """Return where an interpreter may be: named, on ``PATH``, and at version managers'."""
    dotted = "{}.{}".format(*version)
    found = [Path(path) for path in os.environ.get(PYTHONS, "").split(os.pathsep) if path]
    if version == sys.version_info[:2]:
        found.append(Path(sys.base_prefix, "bin", f"python{dotted}"))
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    found += [Path(folder, f"python{dotted}") for folder in folders if folder]
    for variable, default, inner in _MANAGERS:
        root = Path(os.environ.get(variable) or Path.home() / default)
        for path in sorted(root.glob(inner.format(f"{dotted}.")), reverse=True):
            found.append(path / "bin" / f"python{dotted}")
    return [path for path in found if path.is_file()]


@cache
def _find(version: tuple[int, int]) -> str | None:
    for path in _candidates(version):
        done = subprocess.run(
            [path, "-E", "-s", "-c", _SAY], capture_output=True, text=True, check=False, timeout=120
        )
        words = done.stdout.strip().split(" ", 3)
        if done.returncode == 0 and ["cpython", *map(str, version)] == words[:3]:
            return words[3]
    return None


def interpreter(version: tuple[int, int]) -> str:
    """Return the path of a CPython of this version, or skip the test."""
    found = _find(version)
    suited(found is not None, "it has a CPython {}.{}; {} can name one".format(*version, PYTHONS))
    assert found is not None
    return found


def say(python: str | Path, code: str) -> str:
    """Return what an interpreter prints, isolated from the caller's variables."""
    done = subprocess.run(
        [python, "-I", "-c", code], capture_output=True, text=True, check=False, timeout=120
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
        timeout=120,
    )
    bare = done.returncode != 0 and "No module named" in done.stderr
    suited(not bare, f"{python} comes with the venv module")
    assert 0 == done.returncode, done.stderr
    return folder
