"""Placing many files on several processors.

Purpose: the batches of a :class:`~linkinstall.fs.placing.Placing` in parts, which are placed
by whoever is free, from the moment it is made.

Calling sequence: ``SharedPlacing(files, batches)``; ``posix`` makes it where there is enough
to do.

Guarantees: as if one process had placed all: each refusal comes back with its batch, and
an error of any part is raised when all parts have ended.

Errors: ``OSError`` with its path.
"""

from __future__ import annotations

import marshal
from errno import EIO

from linkinstall import limits
from linkinstall.fs.crew import Crew, parts_of
from linkinstall.fs.placing import Placing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from linkinstall.fs.port import Batch, FileSystem, Refusal

    _Error = tuple[int, str, str]
    _Answer = tuple[list[list[tuple[str, _Error]]], _Error | None]

__all__ = ["SharedPlacing"]


class SharedPlacing(Placing):
    """See the module docstring."""

    def __init__(self, files: FileSystem, batches: Sequence[Batch]) -> None:
        super().__init__(files, batches)
        weights = [len(names) for _, _, _, names, _ in batches]
        self._parts = parts_of(weights, limits.PART_OF_LINKS)
        # Whoever only takes a reference to what two processes share gets a copy of its page:
        # of 50,000 names that were several megabytes in each.
        self._packed = [marshal.dumps(list(batches[begin:end])) for begin, end in self._parts]
        self._crew = Crew(self._take_part, len(self._parts))

    def finish(self) -> list[list[Refusal]]:
        """Help with what is left; return what each batch refused."""
        refused: list[list[Refusal]] = []
        for (begin, _), answer in zip(self._parts, self._crew.finish(), strict=True):
            if answer is None:
                lost = self.batches[begin][2]
                raise OSError(EIO, "A process that was placing files has died", lost)
            done, error = answer
            if error is not None:
                raise OSError(*error)
            refused += [[(name, _error(*told)) for name, told in one] for one in done]
        return refused

    def abandon(self) -> None:
        """End after what is being placed just now."""
        self._crew.abandon()

    def _take_part(self, number: int) -> _Answer:
        try:
            answers = [self.place(batch) for batch in marshal.loads(self._packed[number])]  # noqa: S302 - our own
        except OSError as error:
            return [], _told(error)
        return [[(name, _told(one)) for name, one in refused] for refused in answers], None


def _told(error: OSError) -> _Error:
    return error.errno or EIO, error.strerror or str(error), str(error.filename or "")


def _error(number: int, text: str, path: str) -> OSError:
    return OSError(number, text, path)
