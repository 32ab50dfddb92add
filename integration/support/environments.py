"""Virtual environments to install into, made in milliseconds.

Purpose: a fresh environment for each test.

Calling sequence: ``make_venv(folder)``; the fields of :class:`Venv` name its parts.

Guarantees: a venv has no distribution in it. ``snapshot`` leaves out only the lock file
``.lock`` in the root, which is allowed to stay there.

Errors: ``CalledProcessError`` where the interpreter cannot make a venv.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from integration.support.records import listed_files
from integration.support.trees import Tree, files_of, snapshot

ASK = (
    "import sys, sysconfig, json; p = sysconfig.get_paths();"
    "print(json.dumps([p['purelib'], p['scripts'], p['data'], sys.base_prefix]))"
)


@dataclass(frozen=True)
class Venv:
    """A virtual environment, or another prefix with an interpreter in it."""

    root: Path
    python: Path
    library: Path
    scripts: Path

    def snapshot(self, *, inodes: bool = False, modes: bool = True) -> Tree:
        """Return what stands in it, the lock file aside."""
        return snapshot(self.root, ignore=is_lock, inodes=inodes, modes=modes)

    def strays(self, bare: Tree) -> list[str]:
        """Return the files that neither ``bare`` (an empty venv) nor a RECORD accounts for."""
        listed = {os.path.relpath(path, self.root) for path in listed_files(self.library)}
        return sorted(
            path
            for path in files_of(self.root) - listed - bare.keys()
            if not is_lock(path) and not is_alias(path)
        )

    def run(self, code: str, *, isolated: bool = True) -> str:
        """Run Python code with the environment's interpreter and return what it prints."""
        flags = ["-I", "-B"] if isolated else ["-B"]
        done = subprocess.run(
            [str(self.python), *flags, "-c", code],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            cwd=self.root,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def is_lock(path: str) -> bool:
    """Whether a path relative to a venv's root is the lock file."""
    return path == ".lock"


def is_alias(path: str) -> bool:
    """Whether a path relative to a venv's root is the link that 64-bit venvs carry."""
    return path == "lib64"


@cache
def template(python: str, home: str) -> Path:
    """Return a bare venv of ``python`` to copy from, made once per process."""
    folder = Path(home) / f"template-{abs(hash(python))}"
    subprocess.run(
        [python, "-I", "-m", "venv", "--without-pip", "--symlinks", str(folder)],
        check=True,
        capture_output=True,
    )
    return folder


def make_venv(folder: Path, templates: Path, python: str = sys.executable) -> Venv:
    """Make a bare venv at ``folder`` out of the template in ``templates``."""
    subprocess.run(["cp", "-a", f"{template(python, str(templates))}/.", make(folder)], check=True)
    return describe(folder)


def make(folder: Path) -> Path:
    """Make a folder with its parents and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def describe(folder: Path) -> Venv:
    """Return the parts of the venv at ``folder``."""
    libraries = sorted(folder.glob("lib/python*/site-packages"))
    assert len(libraries) == 1, libraries
    return Venv(folder, folder / "bin" / "python", libraries[0], folder / "bin")


@cache
def base_interpreter() -> str:
    """Return the interpreter outside any venv that runs these tests."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", "import sys; print(sys._base_executable)"],
        check=True,
        capture_output=True,
        text=True,
    )
    return os.path.realpath(done.stdout.strip())


def make_installation(folder: Path) -> Venv | None:
    """Make an installation of Python (not a venv) whose library folder is ours to change.

    The standard library is linked in, entry by entry. Returns None where this interpreter
    does not find its library that way.
    """
    python = base_interpreter()
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    source = Path(sys.base_prefix) / "lib" / version
    library = make(folder / "lib" / version)
    for entry in source.iterdir():
        if entry.name not in {"site-packages", "dist-packages", "EXTERNALLY-MANAGED"}:
            (library / entry.name).symlink_to(entry)
    make(library / "site-packages")
    program = make(folder / "bin") / version
    subprocess.run(["cp", python, str(program)], check=True)
    (folder / "bin" / "python3").symlink_to(version)
    done = subprocess.run(
        [str(program), "-I", "-c", ASK], check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        return None
    purelib, scripts, data, base = json.loads(done.stdout)
    if data != str(folder) or base != str(folder):
        return None
    return Venv(folder, program, Path(purelib), Path(scripts))
