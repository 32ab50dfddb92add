"""Bringing to the disk what is being written, while processors are busy with more of it.

Purpose: compiling takes seconds in which the disk has nothing to do. What it takes then, the
flush before the journal need not wait for.

Calling sequence::

    early = EarlyFlush(files, "/cache/v1")
    ... write ...
    early.finish()         # raises what a flush has met

Guarantees: nothing depends on it: whoever needs a flush calls for one himself. An I/O error
is passed on all the same, because the kernel tells it to one of those that flush and not
again (``syncfs(2)``: since Linux 5.8, once for each open file description). The process ends
when all that were forked after it have, at the latest.

Errors: ``OSError`` from :meth:`EarlyFlush.finish`.
"""

from __future__ import annotations

import os
from errno import EIO

from linkinstall import limits
from linkinstall.fs.forks import Child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linkinstall.fs.port import FileSystem

__all__ = ["EarlyFlush"]

_FAILED = b"failed"


class EarlyFlush:
    """A process that flushes a volume every ``limits.EARLY_FLUSH`` seconds.

    :param path: a folder on the volume; nothing is flushed while it is not there
    """

    def __init__(self, files: FileSystem, path: str) -> None:
        self._files = files
        self._path = path
        self._reader, self._writer = os.pipe()
        try:
            self._child = Child(self._flush)
        except BaseException:
            os.close(self._writer)
            raise
        finally:
            os.close(self._reader)

    def finish(self) -> None:
        """Let it end, and wait for that.

        :raises OSError: a flush failed
        """
        os.close(self._writer)
        if self._child.result() == _FAILED:
            raise OSError(EIO, os.strerror(EIO), self._path)

    def _flush(self) -> bytes:
        from select import select

        os.close(self._writer)
        # Nothing is ever written: what can be read is the end, when no writer is left.
        while not select([self._reader], [], [], limits.EARLY_FLUSH)[0]:
            try:
                self._files.flush_volume(self._path)
            except OSError as error:
                if error.errno == EIO:
                    return _FAILED
        return b""
