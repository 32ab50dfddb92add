"""Hold the environment lock in another process, as uv or another run of ours does.

Purpose: make a command wait, for as long as a test wants.

Calling sequence: ``with held(path): …``.

Guarantees: inside the block the lock is held; afterwards it is free.

Errors: ``AssertionError`` where the lock cannot be had.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
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


@contextmanager
def arrived(gate: Path, process: subprocess.Popen[str]) -> Iterator[None]:
    """Wait until ``process`` stands at the FIFO ``gate`` of a ``pause:``, and hold it there.

    A reader that is not there yet makes a non-blocking open fail; asking again in short
    intervals notices a process that ends without ever coming.
    """
    writer = -1
    while writer < 0:
        assert process.poll() is None, process.communicate()
        try:
            writer = os.open(gate, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            time.sleep(0.01)
    try:
        yield
    finally:
        os.close(writer)


def is_free(path: Path) -> bool:
    """Whether an exclusive ``flock`` on ``path`` could be had right now."""
    import fcntl  # none on Windows, where these tests do not run

    with open(path, "a", encoding="ascii") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
