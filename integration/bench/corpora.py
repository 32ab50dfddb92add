"""The wheels that are installed: sets of real ones, and synthetic ones of any size.

Purpose: ``small`` is one wheel, ``app`` what a web service with a data frame needs, ``big``
that and much more; the lock files beside this module say which. The synthetic ones tell how
cost grows with the number of files and of wheels.

Calling sequence::

    found = real(names, folder)        # fetched once, then copied into ``folder``
    corpus = of_files(1000, folder)    # one wheel
    corpus = of_wheels(60, folder)

Guarantees: a real wheel has a digest of its lock file. What was fetched stays in
``.cache/bench``; the index is asked only for what is not there.

Errors: ``CalledProcessError`` where pip cannot fetch.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from zipfile import ZipInfo

HERE = Path(__file__).parent
KEPT = HERE.parents[1] / ".cache" / "bench"
REAL = ("small", "app", "big")
SMALL = "six"
FILE_COUNTS = (100, 300, 1000, 3000, 10_000, 50_000)
WHEEL_COUNTS = (1, 5, 20, 60, 180)
FILES_OF_A_WHEEL = 30
FILES_OF_A_FOLDER = 25
# About the size of the median file of real wheels.
SOURCE = b"# A module of a wheel made by the bench.\n" + b"value = 1\n" * 200


@dataclass(frozen=True)
class Corpus:
    """Wheels that are installed together.

    :param name: what it is called in the tables
    :param earlier: what an environment has before an upgrade to ``wheels``
    """

    name: str
    wheels: tuple[Path, ...]
    earlier: tuple[Path, ...] = ()

    @cached_property
    def dist_infos(self) -> frozenset[str]:
        """The dist-info folders that an install of ``wheels`` leaves."""
        return frozenset(_dist_info(wheel) for wheel in self.wheels)

    @property
    def names(self) -> tuple[str, ...]:
        """The distributions."""
        return tuple(name_of(wheel) for wheel in self.wheels)

    @cached_property
    def size(self) -> tuple[int, int]:
        """How many files there are, and how many bytes they have."""
        sizes = [one.file_size for wheel in self.wheels for one in _members(wheel)]
        return len(sizes), sum(sizes)


def name_of(wheel: Path) -> str:
    """Return the distribution's name as the wheel's file name has it."""
    return wheel.name.partition("-")[0]


def _members(wheel: Path) -> list[ZipInfo]:
    with ZipFile(wheel) as archive:
        return [one for one in archive.infolist() if not one.is_dir()]


def _dist_info(wheel: Path) -> str:
    # Deeper ones are of what a wheel brings along for itself, as setuptools does.
    parts = (one.filename.split("/") for one in _members(wheel))
    (found,) = (
        folder for folder, *rest in parts if rest == ["RECORD"] and folder.endswith(".dist-info")
    )
    return found


# ------------------------------------------------------------------ real ones


def real(names: tuple[str, ...], folder: Path) -> dict[str, Corpus]:
    """Return sets of real wheels, copied into ``folder``."""
    app = locked("app.lock", folder)
    found = {"small": Corpus("small", tuple(one for one in app if name_of(one) == SMALL))}
    if "app" in names:
        found["app"] = Corpus("app", app, upgraded_from(app, locked("older.lock", folder)))
    if "big" in names:
        found["big"] = Corpus("big", (*app, *locked("big.lock", folder)))
    return {name: found[name] for name in names}


def upgraded_from(wheels: tuple[Path, ...], older: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return ``wheels`` with older versions in place of those that there are older ones of."""
    instead = {name_of(wheel): wheel for wheel in older}
    return tuple(instead.get(name_of(wheel), wheel) for wheel in wheels)


def locked(lock: str, folder: Path) -> tuple[Path, ...]:
    """Return the wheels of a lock file, copied into ``folder``; fetch those not here yet."""
    # A folder for each interpreter: some wheels are made for one only.
    kept = KEPT / f"wheels-{sys.implementation.cache_tag}"
    text = (HERE / lock).read_text(encoding="utf-8")
    if len(pinned(kept, text)) != text.count("=="):
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--require-hashes"]
        command += ["--only-binary", ":all:", "--disable-pip-version-check"]
        command += ["--dest", str(kept), "--requirement", str(HERE / lock)]
        subprocess.run(command, check=True)
    return tuple(Path(shutil.copy(wheel, folder)) for wheel in pinned(kept, text))


def pinned(folder: Path, lock: str) -> tuple[Path, ...]:
    """Return the wheels in a folder whose digest is in a lock file's text."""
    found = sorted(folder.glob("*.whl"))
    return tuple(one for one in found if hashlib.sha256(one.read_bytes()).hexdigest() in lock)


# ------------------------------------------------------------------ synthetic ones


def of_files(count: int, folder: Path) -> Corpus:
    """Return one wheel of ``count`` files, without those of its dist-info folder."""
    return Corpus(f"{count:,} files", (_synthetic(f"files{count}", count, folder),))


def of_wheels(count: int, folder: Path) -> Corpus:
    """Return ``count`` wheels of 30 files each; sets of different sizes share wheels."""
    wheels = (_synthetic(f"wheel{number}", FILES_OF_A_WHEEL, folder) for number in range(count))
    return Corpus(f"{count:,} wheels", tuple(wheels))


def _synthetic(name: str, count: int, folder: Path) -> Path:
    made = folder / f"{name}-1.0-py3-none-any.whl"
    if made.exists():
        return made
    paths = (
        f"{name}/part{number // FILES_OF_A_FOLDER}/module{number}.py" for number in range(count)
    )
    # No two files alike: a cache might notice.
    return make_wheel(folder, name, files={path: SOURCE + path.encode() for path in paths})
