"""Several processes that take the parts of one work from a common heap.

Purpose: let other processors begin with what is known to be needed while this process is
still busy with something else, and help them with the rest when it is through.

Calling sequence::

    crew = Crew(do, count)          # do(0) .. do(count - 1) are being done from here on
    ... anything else ...
    answers = crew.finish()         # this process takes parts too, until none is left
    crew.abandon()                  # instead: the others end after what they are at

Guarantees: those of :mod:`linkinstall.fs.forks`, which it is made of. Each part is taken
once, and where no helper can be forked, here. A helper whose parent is gone takes no further
part. Nothing is done any more after :meth:`Crew.finish` or :meth:`Crew.abandon`.

Errors: what ``do`` raises in this process; a part that a helper did not live to answer
for has None for an answer.
"""

from __future__ import annotations

import marshal
import os

from linkinstall import limits
from linkinstall.fs.forks import Child, workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

__all__ = ["Crew", "parts_of"]

_TOKEN = 2  # bytes; pipe(7): what is written at once is read in its order


class Crew:
    """See the module docstring.

    :param do: does the part of a number; what it returns is made of what ``marshal`` takes
    :param count: how many parts there are, at most ``limits.CREW_PARTS``
    """

    def __init__(self, do: Callable[[int], Any], count: int) -> None:
        self._do = do
        self._count = count
        self._parent = os.getpid()
        self._heap, writer = os.pipe()
        tokens = b"".join(number.to_bytes(_TOKEN, "big") for number in range(count))
        # No reader is there yet: the bound of the parts keeps it below a pipe's capacity.
        os.write(writer, tokens)
        os.close(writer)
        self._children: list[Child] = []
        try:
            for _ in range(min(workers() - 1, count)):
                self._children.append(Child(self._help))
        except OSError:  # no further process can be forked: those that are there do it
            pass
        except BaseException:
            self.abandon()
            raise

    def finish(self) -> list[Any]:
        """Do what is left, wait for the others, and return the answer of each part."""
        try:
            answers = dict(self._take())
            while self._children:
                told = self._children[0].result()
                del self._children[0]
                answers.update(marshal.loads(told) if told else ())  # noqa: S302 - our own child
        finally:
            self.abandon()
        return [answers.get(number) for number in range(self._count)]

    def abandon(self) -> None:
        """Leave what nobody has begun undone, and wait for the rest to end."""
        if self._heap < 0:
            return
        while os.read(self._heap, limits.CREW_PARTS * _TOKEN):
            continue
        os.close(self._heap)
        self._heap = -1
        while self._children:
            self._children.pop().result()

    def _help(self) -> bytes:
        return marshal.dumps(list(self._take()))

    def _take(self) -> Iterator[tuple[int, Any]]:
        while os.getpid() == self._parent or os.getppid() == self._parent:
            token = os.read(self._heap, _TOKEN)
            if not token:
                return
            number = int.from_bytes(token, "big")
            yield number, self._do(number)


def parts_of(weights: Sequence[int], least: int) -> list[tuple[int, int]]:
    """Return (begin, end) of parts, in their order, that are worth being taken one by one.

    :param weights: how much there is to do for each item
    :param least: the weight that a part has at least, but for the last
    """
    parts = []
    begin = weight = 0
    least = max(least, sum(weights) * 2 // limits.CREW_PARTS)
    for number, one in enumerate(weights, 1):
        weight += one
        if weight >= least or number == len(weights):
            parts.append((begin, number))
            begin, weight = number, 0
    return parts
