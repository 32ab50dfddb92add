"""Small file systems of their own, mounted for one test.

Purpose: a disk that is full, has no inodes left, is read-only, has a quota or files that
cannot be changed: the real thing, not an error that a test pretends.

Calling sequence::

    with mounted(folder, "ext4", 16) as volume:
        ...

Guarantees: unmounted afterwards, whatever the test did; the image is removed.

Errors: the test is skipped (with ``CI=true`` it fails) where this is not root, a program
is missing, or the kernel does not mount it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from integration.faults.namespace import enter
from integration.faults.volumes import FORMATS, PACKAGES
from tests.support.gates import require

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOTHING_RESERVED = {"ext4": ("-m", "0")}
"""Space that root could use beyond what others see as full would be no full volume."""


@contextmanager
def mounted(folder: Path, kind: str, mebibytes: int, options: str = "") -> Iterator[Path]:
    """Mount a new file system of ``kind`` (ext4, btrfs or tmpfs) and give its folder.

    :param options: further mount options, joined by commas
    """
    require(os.geteuid() == 0, "root, to mount a small file system")
    enter()
    place = folder / f"{kind}-volume"
    place.mkdir(parents=True)
    image = folder / f"{kind}.image"
    if kind == "tmpfs":
        given = ",".join(filter(None, (f"size={mebibytes}m", options)))
        words = ["mount", "-t", "tmpfs", "-o", given, "tmpfs", str(place)]
    else:
        maker = (*FORMATS[kind], *NOTHING_RESERVED.get(kind, ()))
        require(shutil.which(maker[0]) is not None, f"{maker[0]} (package {PACKAGES[kind]})")
        with image.open("wb") as stream:
            stream.truncate(mebibytes << 20)
        call(*maker, str(image))
        words = ["mount", "-o", ",".join(filter(None, ("loop", options))), str(image), str(place)]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    require(done.returncode == 0, f"that {kind} can be mounted: {done.stderr.strip()}")
    try:
        yield place
    finally:
        _unmount(place)
        image.unlink(missing_ok=True)


def _unmount(place: Path) -> None:
    done = subprocess.run(["umount", str(place)], check=False, capture_output=True)
    if done.returncode:  # something of the test's still has a file open there
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def call(*words: str) -> None:
    """Run a program of the system that must succeed."""
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"


def fill(folder: Path, left: int) -> Path:
    """Fill the volume of ``folder`` until ``left`` bytes are free; return the file that does."""
    path = folder / "filling"
    with path.open("wb", buffering=0) as stream:
        while (free := _free(folder)) > left:
            try:
                stream.write(b"\xa5" * min(free - left, 1 << 20))
                os.fsync(stream.fileno())
            except OSError:  # full, a little earlier than was told
                break
    return path


def _free(folder: Path) -> int:
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize
