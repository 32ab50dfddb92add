"""Processes that are forked from this one for one work, and gone when it is done.

Purpose: use every processor where threads would wait for each other: most of what is done
between two system calls holds Python's lock.

Calling sequence::

    children = [Child(work) for _ in range(workers() - 1)]
    ... this process's own part ...
    results = [child.result() for child in children]    # bytes, None for a failure

Guarantees: a child inherits the locks of its parent and holds them until it ends, so
nobody takes over while it still works; it ends by ``os._exit`` and runs nothing of its
parent's. Its result counts by its length, not by its exit status: where SIGCHLD is ignored,
or somebody else waits for all children, there is none. Only where the calling process has
no threads of its own: the caller knows.

Errors: ``OSError`` where no further process can be forked.
"""

from __future__ import annotations

import os

from linkinstall import limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Work = Callable[[], bytes]
else:
    pass  # `signal` wraps it in enumerations, which cost 1.5 ms

__all__ = ["Child", "workers"]

_HEAD = 8
"""Bytes that tell the length of a result, before it."""


def workers() -> int:
    """Return how many processes can work at once here, this one among them."""
    if not hasattr(os, "fork"):
        return 1
    usable = getattr(os, "sched_getaffinity", None)
    count = len(usable(0)) if usable is not None else os.cpu_count() or 1
    return min(count, limits.WORKERS)


class Child:
    """A process that does one work, and nothing else.

    :ivar pid: its number
    """

    def __init__(self, work: Work) -> None:
        reader, writer = os.pipe()
        try:
            self.pid = os.fork()
        except OSError:
            for end in (reader, writer):
                os.close(end)
            raise
        if not self.pid:
            _do(work, reader, writer)
        os.close(writer)
        self._pipe = reader

    def result(self) -> bytes | None:
        """Wait for the end; return the result, None where the work failed."""
        data = b""
        while chunk := os.read(self._pipe, 1 << 16):
            data += chunk
        os.close(self._pipe)
        try:
            os.waitpid(self.pid, 0)
        except ChildProcessError:  # it has ended, and its status is lost
            pass
        head, body = data[:_HEAD], data[_HEAD:]
        return body if len(head) == _HEAD and int.from_bytes(head, "big") == len(body) else None


def _do(work: Work, reader: int, writer: int) -> None:
    """Do the work of a child, and end it."""
    status = 1
    try:
        os.close(reader)
        told = work()
        view = memoryview(len(told).to_bytes(_HEAD, "big") + told)
        while view:
            view = view[os.write(writer, view) :]
        status = 0
    except BaseException:  # noqa: BLE001, S110 - the parent sees the status, and does it again
        pass
    finally:
        os._exit(status)
