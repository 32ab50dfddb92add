"""Placing many files on several processors.

Purpose: a part of the batches for each processor, of about as many files.

Calling sequence: ``place_all(files, batches, total)``; ``posix`` calls it where there is
enough to do.

Guarantees: as if one process had placed all: each refusal comes back with its batch, and
an error of any part is raised when all parts have ended.

Errors: ``OSError`` with its path.
"""

from __future__ import annotations

import marshal
from functools import partial

from linkinstall.fs.forks import forked, workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from linkinstall.fs.port import Batch, FileSystem, Refusal

__all__ = ["place_all"]

_Error = tuple[int, str, str]


def place_all(files: FileSystem, batches: Sequence[Batch], total: int) -> list[list[Refusal]]:
    """Place all batches; see the port.

    :param total: how many names they have together
    """
    parts = list(_parts(batches, total, workers()))
    answers = forked([partial(_place, files, part) for part in parts])
    refused: list[list[Refusal]] = []
    for part, answer in zip(parts, answers, strict=True):
        if answer is None:
            first = part[0]
            raise OSError(5, "A process that was placing files has died", first[2])
        done, error = marshal.loads(answer)  # noqa: S302 - written by our own child
        if error is not None:
            raise OSError(*error)
        refused += [[(name, OSError(*told)) for name, told in one] for one in done]
    return refused


def _parts(batches: Sequence[Batch], total: int, count: int) -> Iterator[Sequence[Batch]]:
    """Yield the batches in ``count`` parts, in their order, of about as many names each."""
    begin = placed = 0
    for number, (_, _, _, names) in enumerate(batches, 1):
        placed += len(names)
        if placed * count >= total or number == len(batches):
            yield batches[begin:number]
            begin, placed = number, 0


def _place(files: FileSystem, batches: Sequence[Batch]) -> bytes:
    try:
        answers = [files.place(*batch) for batch in batches]
    except OSError as error:
        return marshal.dumps(([], _told(error)))
    told = [[(name, _told(one)) for name, one in refused] for refused in answers]
    return marshal.dumps((told, None))


def _told(error: OSError) -> _Error:
    return error.errno or 5, error.strerror or str(error), str(error.filename or "")
