"""Volumes that a change writes to, held open from before its first write until it is flushed.

Purpose: to be told when something could not be written. The system writes in the background,
and an error there is told once to each that has the volume open at that time, and otherwise
to the first that opens and flushes it later (``syncfs(2)``, since Linux 5.8). That may be any
other process; whoever flushes after it would hear nothing.

Calling sequence::

    volumes = Volumes(files, "normal")
    volumes.hold("/cache/v1")            # before anything is written there
    ... write ...
    volumes.flush("/cache/v1/entries")   # any path of the volume
    volumes.make_durable("/cache/v1/entries")  # the same once more, for "full" alone
    volumes.close()

Guarantees: :meth:`Volumes.flush` flushes a volume that is not held, too, as the port does. A
volume is held once, whatever the paths are. With ``off`` nothing is done at all.

Errors: ``OSError`` from :meth:`Volumes.flush` and :meth:`Volumes.make_durable`. What cannot be held
is not.
"""

from __future__ import annotations

import os
from errno import EIO

from linkinstall.fs.named import let_go

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linkinstall.fs.port import FileSystem

__all__ = ["Volumes"]


class Volumes:
    """See the module docstring.

    :param sync: off, normal or full (``--sync``); with off nothing is flushed, nor held
    :ivar lost: whether a flush has met an error of the disk: something was not written
    """

    def __init__(self, files: FileSystem, sync: str) -> None:
        self.sync = sync
        self.lost = False
        self._files = files
        self._held: dict[int, int] = {}

    @property
    def wanted(self) -> bool:
        """Whether anything is flushed at all."""
        return self.sync != "off"

    def hold(self, folder: str) -> None:
        """Hold the volume of a folder, or of the nearest one above that is there."""
        if not self.wanted:
            return
        try:
            folder = self._files.real_path(folder)  # a link may lie on another volume
            status = self._files.status(folder)
            while status is None and folder != os.path.dirname(folder):
                folder = os.path.dirname(folder)
                status = self._files.status(folder)
            if status is None or status.st_dev in self._held:
                return
            handle = self._files.open_volume(folder)
        except OSError:  # whoever writes there will meet it
            return
        if handle is not None:
            self._held[status.st_dev] = handle

    def flush(self, path: str) -> None:
        """Flush the volume of a path; what could not be written since it is held is an error."""
        if not self.wanted:
            return
        status = self._files.status(path)
        handle = self._held.get(status.st_dev) if status is not None else None
        try:
            self._files.flush_volume(path, handle)
        except OSError as error:
            self.lost |= error.errno == EIO
            raise

    def make_durable(self, path: str) -> None:
        """Flush the volume once more where what is reported now has to stay (``full``)."""
        if self.sync == "full":
            self.flush(path)

    def close(self) -> None:
        """Let all go."""
        while self._held:
            let_go(self._held.popitem()[1])

    def __del__(self) -> None:
        """Let all go where nobody did."""
        self.close()
