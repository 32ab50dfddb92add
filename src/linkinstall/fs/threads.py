"""Placing many files by threads, in a program that may not be forked.

Purpose: what :mod:`linkinstall.fs.parallel` does by processes, for the library: the call that
makes a link lets other threads of the interpreter go on. From a thousand links on two threads
take some six tenths of the time that one takes, as two processes do (``make bench``, the group
``threads``).

Calling sequence: ``ThreadedPlacing(files, batches)``; ``posix`` makes it where there is enough
to do.

Guarantees: as if one thread had placed all: each refusal comes back with its batch, and an
error of any part is raised when all have ended. The threads have ended when
:meth:`ThreadedPlacing.finish` or :meth:`ThreadedPlacing.abandon` returns or raises, whatever
interrupts it: nothing is placed while a rollback takes things away. They run nothing of the
caller's, and end with the process.

Errors: ``OSError`` with its path.
"""

from __future__ import annotations

from collections import deque
from threading import Event, Thread

from linkinstall import limits
from linkinstall.fs.crew import parts_of
from linkinstall.fs.forks import workers
from linkinstall.fs.placing import Placing
from linkinstall.interrupts import deferred

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from linkinstall.fs.port import Batch, FileSystem, Refusal

__all__ = ["ThreadedPlacing"]


class ThreadedPlacing(Placing):
    """See the module docstring."""

    def __init__(self, files: FileSystem, batches: Sequence[Batch]) -> None:
        super().__init__(files, batches)
        self._refused: dict[int, list[Refusal]] = {}
        self._errors: dict[int, BaseException] = {}
        # Taking from it is one step, whatever other threads do.
        self._heap = deque(parts_of([len(one[3]) for one in batches], limits.PART_OF_LINKS))
        self._ends: list[Event] = []
        # The threads inherit the mask: a signal that is held back later, while something is put
        # back, is not handed to one of them.
        with deferred():
            for _ in range(min(workers(), len(self._heap)) - 1):
                end = Event()
                try:
                    Thread(target=self._work, args=(end,), daemon=True).start()
                except RuntimeError:  # no further thread can be started: the others do it
                    break
                self._ends.append(end)

    def finish(self) -> list[list[Refusal]]:
        """Help with what is left; return what each batch refused."""
        try:
            self._take()
        except BaseException:
            self._heap.clear()
            raise
        finally:
            self._join()
        if self._errors:
            raise self._errors[min(self._errors)]
        return [self._refused[number] for number in range(len(self.batches))]

    def abandon(self) -> None:
        """End after what is being placed just now."""
        self._heap.clear()
        self._join()

    def _work(self, end: Event) -> None:
        try:
            self._take()
        finally:
            end.set()

    def _take(self) -> None:
        """Place parts until none is left, or one has failed."""
        while True:
            try:
                begin, end = self._heap.popleft()
            except IndexError:
                return
            for number in range(begin, end):
                try:
                    self._refused[number] = self.place(self.batches[number])
                except Exception as error:  # noqa: BLE001 - raised by finish
                    self._errors[number] = error
                    self._heap.clear()
                    return

    def _join(self) -> None:
        """Wait for the threads; who interrupts that waits for the few files of their last parts."""
        # Not by Thread.join: once interrupted, it takes a thread that runs for one that has ended.
        interruption: BaseException | None = None
        while self._ends:
            try:
                self._ends[-1].wait()
            except BaseException as error:  # noqa: BLE001 - raised when all have ended
                self._heap.clear()
                interruption = error
            else:
                self._ends.pop()
        if interruption is not None:
            raise interruption
