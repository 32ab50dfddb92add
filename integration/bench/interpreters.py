"""The environments that what is measured is run in, each made once and kept.

Purpose: a command carries nothing along that its users do not have. The developers' ``.venv``
has ``.pth`` files that run at each start, and the extra that inflates faster; a user's has
neither unless it was asked for.

Calling sequence: ``ours()``, ``fast()`` (with that extra) and ``pdm()`` return interpreters;
``version_in("ours", "installer")`` tells what is there.

Guarantees: what is installed is what the lock files beside this module pin, and linkinstall
from a wheel of this checkout, compiled by pip as for everybody. Where a lock file or the
sources have changed since, it is installed again.

Errors: ``CalledProcessError`` where pip cannot fetch or build, and where the lock files do not
have what ``pyproject.toml`` asks for.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from functools import cache
from importlib.metadata import distributions
from typing import TYPE_CHECKING

from integration.bench.corpora import HERE, KEPT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

ROOT = HERE.parents[1]


@cache
def ours() -> Path:
    """Return the interpreter of an environment with linkinstall and what it needs."""
    return _with_ours(_made("ours", "ours.lock"))


@cache
def fast() -> Path:
    """Return the same with the extra ``fast``, which inflates by ``isal``."""
    return _with_ours(_made("fast", "ours.lock", "fast.lock"))


@cache
def pdm() -> Path:
    """Return the interpreter of an environment with PDM."""
    return _made("pdm", "pdm.lock")


def version_in(name: str, distribution: str) -> str | None:
    """Return a distribution's version in one of these environments; None where it is not."""
    paths = [str(path) for path in folder_of(name).glob("lib/python*/site-packages")]
    return next((one.version for one in distributions(name=distribution, path=paths)), None)


def folder_of(name: str) -> Path:
    """Return where an environment is kept: one for each interpreter."""
    return KEPT / f"{name}-{sys.implementation.cache_tag}"


def digest(paths: Iterable[Path]) -> str:
    """Return what tells the names and contents of files from any others."""
    found = hashlib.sha256()
    for path in sorted(paths):
        found.update(f"{path.name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return found.hexdigest()


def _made(name: str, *locks: str) -> Path:
    """Return the interpreter of an environment with what lock files pin; make it once."""
    folder = folder_of(name)
    python, note = folder / "bin" / "python", folder / "made"
    wanted = digest(HERE / lock for lock in locks)
    if not _says(note, wanted):
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
        for lock in locks:
            _pip(python, "install", "--only-binary", ":all:", "--require-hashes",
                 "--requirement", str(HERE / lock))  # fmt: skip
        note.write_text(wanted, encoding="ascii")
    return python


def _with_ours(python: Path) -> Path:
    """Return the interpreter when linkinstall of this checkout is there: not editable."""
    note = python.parents[1] / "ours"
    sources = (path for path in (ROOT / "src").rglob("*") if path.suffix in {".py", ".typed"})
    wanted = digest([ROOT / "pyproject.toml", *sources])
    if not _says(note, wanted):
        note.unlink(missing_ok=True)
        _pip(python, "install", "--no-deps", "--force-reinstall", str(ROOT))
        _pip(python, "check")
        note.write_text(wanted, encoding="ascii")
    return python


def _says(note: Path, wanted: str) -> bool:
    return note.exists() and note.read_text(encoding="ascii") == wanted


def _pip(python: Path, *words: str) -> None:
    command = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    subprocess.run([*command, "--python", str(python), *words], check=True)
