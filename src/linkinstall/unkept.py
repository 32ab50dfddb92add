"""Where contents cannot be put into the cache: what a destination's caller is told.

Purpose: tell the errors of the caller's stream, which are the caller's, from those of
writing an entry, which are told as all others are and name no temporary folder.

Calling sequence::

    with typed_writing(path, theirs := Theirs(stream)):
        writer.add(..., theirs, ...)

Guarantees: pure. An error of the stream passes as it is.

Errors: :class:`~linkinstall.errors.ConflictError` where a path would be a file and a
folder at once; :class:`~linkinstall.errors.FileSystemError` for all else.
"""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager

from linkinstall.cache import VERSION
from linkinstall.errors import ConflictError, FileSystemError, LinkInstallError, Problem
from linkinstall.paths import forward
from linkinstall.results import AS_IT_WAS, told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

__all__ = ["Theirs", "typed_writing"]

_OF_THE_NAME = frozenset((errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL))
_TEMPORARY = f"/{VERSION}/tmp/"  # noqa: S108 - the cache's


class Theirs:
    """The caller's stream, and the error that it has raised.

    :param stream: what is read
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.error: BaseException | None = None

    def read(self, size: int = -1, /) -> bytes:
        """Read, and note who it is that fails."""
        try:
            return self._stream.read(size)
        except BaseException as error:
            self.error = error
            raise


@contextmanager
def typed_writing(path: str, theirs: Theirs | None = None) -> Iterator[None]:
    """Type the errors of writing an entry.

    :param path: what it is written for, in the environment
    :param theirs: where the contents come from
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, LinkInstallError) or (theirs is not None and error is theirs.error):
            raise
        raise _typed(error, path) from error


def _typed(error: OSError, path: str) -> LinkInstallError:
    path = forward(path)
    # The folder in which an entry is written says nothing to anybody.
    cache, temporary, _ = forward(os.fsdecode(error.filename or "")).partition(_TEMPORARY)
    if temporary and isinstance(error, (FileExistsError, NotADirectoryError, IsADirectoryError)):
        problem = Problem("file-in-the-way", path, None, f"{path} would be in or at one of them")
        return ConflictError(
            "A path would be a file and a folder at once.",
            problems=[problem],
            next_step="Nothing was changed. The wheel cannot be installed as it is.",
        )
    where, reason, next_step = told(error, path, None)
    if temporary:
        where = path if error.errno in _OF_THE_NAME else cache
    return FileSystemError(
        f"{where}: {reason}. {AS_IT_WAS}",
        path=where,
        cause=error,
        next_step=next_step,
    )
