"""Other volumes than the one the tests run on, and what this one can do.

Purpose: tests of links between volumes, and of clones where the file system has them.

Calling sequence: ``other_volume(near)`` gives a fresh folder or skips the test, which is
a failure in continuous integration; ``clone_volume(near)`` gives one or nothing;
``clones(folder)`` says what a file system can do.

Guarantees: folders are removed by the caller (the fixtures of ``conftest.py`` do).

Errors: none.

``LINKINSTALL_TEST_OTHER_FOLDER`` and ``LINKINSTALL_TEST_CLONE_FOLDER`` name folders on
another volume and on one that clones (btrfs, xfs); without them ``/dev/shm`` and the
temporary folder itself are tried.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tests.support.gates import require

FICLONE = 0x40049409
OTHER = "LINKINSTALL_TEST_OTHER_FOLDER"
CLONE = "LINKINSTALL_TEST_CLONE_FOLDER"


def clones(folder: Path) -> bool:
    """Whether the file system of ``folder`` can clone a file."""
    import fcntl  # none on Windows, where these tests do not run

    with (
        tempfile.NamedTemporaryFile(dir=folder) as source,
        tempfile.NamedTemporaryFile(dir=folder) as target,
    ):
        source.write(b"x" * 8192)
        source.flush()
        try:
            fcntl.ioctl(target.fileno(), FICLONE, source.fileno())
        except OSError:
            return False
    return True


def other_volume(near: Path) -> Path:
    """Return a fresh folder on another volume than ``near``."""
    for candidate in (os.environ.get(OTHER), "/dev/shm"):  # noqa: S108 a volume, not a file name
        if candidate and os.access(candidate, os.W_OK) and _device(candidate) != _device(near):
            return Path(tempfile.mkdtemp(dir=candidate))
    require(available=False, what=f"a second volume; {OTHER} can name a folder on one")
    raise AssertionError


def clone_volume(near: Path) -> Path | None:
    """Return a fresh folder on a volume that clones, if there is one."""
    for candidate in (os.environ.get(CLONE), str(near)):
        if candidate and clones(Path(candidate)):
            return Path(tempfile.mkdtemp(dir=candidate))
    return None


def _device(folder: str | Path) -> int:
    return os.stat(folder).st_dev
