"""Hold the environment lock in another process, as uv or another run of ours does.

Purpose: make a command wait, for as long as a test wants.

Calling sequence: ``with held(path): …``.

Guarantees: inside the block the lock is held; afterwards it is free.

Errors: ``AssertionError`` where the lock cannot be had.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOLDER = """
import fcntl, sys
stream = open(sys.argv[1], "a")
fcntl.flock(stream, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held(path: Path) -> Iterator[int]:
    """Hold an exclusive ``flock`` on ``path`` and give the holder's process id."""
    holder = subprocess.Popen(
        [sys.executable, "-I", "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    try:
        assert "held\n" == holder.stdout.readline()
        yield holder.pid
    finally:
        holder.stdin.close()
        holder.wait()
        holder.stdout.close()


def is_free(path: Path) -> bool:
    """Whether an exclusive ``flock`` on ``path`` could be had right now."""
    import fcntl  # none on Windows, where these tests do not run

    with open(path, "a", encoding="ascii") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
