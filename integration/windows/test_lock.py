"""The lock of an environment between processes of Windows."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from integration.windows.held import running
from linkinstall.fs.lock import FolderLock

if TYPE_CHECKING:
    from pathlib import Path

HOLD = """
import sys
from linkinstall.fs.lock import FolderLock
lock = FolderLock(sys.argv[1], what="a folder")
lock.acquire()
print("ready", flush=True)
sys.stdin.read()
lock.release(remove=True)
"""


def test_a_lock_excludes_other_processes_until_it_is_released(tmp_path: Path) -> None:
    """While one process holds the lock no other gets it; released and removed, it is free."""
    path = str(tmp_path / ".lock")
    lock = FolderLock(path, what="a folder")
    with running(sys.executable, "-c", HOLD, path):
        assert not lock.try_acquire()
    assert [] == list(tmp_path.iterdir())

    assert lock.try_acquire()
    assert lock.made
    lock.release(remove=True)
    assert [] == list(tmp_path.iterdir())


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    """A holder that is killed leaves a file, and nothing that must be waited for."""
    path = str(tmp_path / ".lock")
    lock = FolderLock(path, what="a folder")
    with running(sys.executable, "-c", HOLD, path) as holder:
        holder.kill()
        holder.wait()

        lock.acquire(timeout=5.0)
    lock.release(remove=True)
    assert [] == list(tmp_path.iterdir())
