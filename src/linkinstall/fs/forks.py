"""Work for several processes, forked from this one and gone when it is done.

Purpose: use every processor where threads would wait for each other (a system call that
makes a link holds Python's lock for as long as it holds the kernel's).

Calling sequence::

    if workers() > 1:
        results = forked([work_on(part) for part in parts])    # bytes, None for a failure

Guarantees: a child inherits the locks of its parent and holds them until it ends, so
nobody takes over while it still works; it ends by ``os._exit`` and runs nothing of its
parent's. Whatever ends the parent's own part ends the children, and they are waited for.
Only where the calling process has no threads of its own: the caller knows.

Errors: what the first work raises, which this process does itself.
"""

from __future__ import annotations

import os

from linkinstall import limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as signal_module
    from collections.abc import Callable, Sequence

    Work = Callable[[], bytes]
else:
    import _signal as signal_module  # `signal` wraps it in enumerations, which cost 1.5 ms

__all__ = ["Child", "forked", "workers"]


def workers() -> int:
    """Return how many processes can work at once here, this one among them."""
    if not hasattr(os, "fork"):
        return 1
    usable = getattr(os, "sched_getaffinity", None)
    count = len(usable(0)) if usable is not None else os.cpu_count() or 1
    return min(count, limits.WORKERS)


def forked(works: Sequence[Work]) -> list[bytes | None]:
    """Do the first work in this process and each other in a child; return what came of them.

    A child whose work raised, or that was killed, gives None.
    """
    children: list[Child] = []
    try:
        children += [Child(work) for work in works[1:]]
        results: list[bytes | None] = [works[0]()]
        while children:
            results.append(children[0].result())
            del children[0]
        return results
    finally:
        for child in children:
            child.stop()


class Child:
    """A process that does one work, and nothing else.

    :ivar pid: its number
    """

    def __init__(self, work: Work) -> None:
        reader, writer = os.pipe()
        self.pid = os.fork()
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
        _, status = os.waitpid(self.pid, 0)
        return None if status else data

    def stop(self) -> None:
        """End it, and wait until it has ended."""
        os.kill(self.pid, signal_module.SIGTERM)
        self.result()


def _do(work: Work, reader: int, writer: int) -> None:
    """Do the work of a child, and end it."""
    status = 1
    try:
        os.close(reader)
        view = memoryview(work())
        while view:
            view = view[os.write(writer, view) :]
        status = 0
    except BaseException:  # noqa: BLE001, S110 - the parent sees the status, and does it again
        pass
    finally:
        os._exit(status)
