"""A disk that writes down what is written to it, and when it is told to flush.

Purpose: a power cut at any moment, with any of the writes that were under way. One file is
served through FUSE, a loop device stands on it, and the file system on that: so each
write of a block and each flush passes here, in order, for any file system.

Calling sequence::

    with BlockLog(volume, folder) as log:      # the volume is mounted, on the logging disk
        ...                                    # something writes
    blocks = log.read()                        # unmounted by now
    blocks.crash(random.Random(0))             # the writes that one power cut has let through

Guarantees: what is logged before a flush had reached the disk when the flush returned. Of
the writes since, a power cut lets through any, in any order. The volume's image is
untouched. Nothing stays mounted, and the program ends, after the block.

Errors: ``RuntimeError`` where FUSE does not serve the file; those of ``Volume``.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import struct
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from integration.faults.namespace import enter

if TYPE_CHECKING:
    import random
    from typing import Self

    from integration.faults.volumes import Contents, Volume

NAME = "disk"
READY = 120.0
"""Seconds that FUSE may take to serve the file, or to let go of it."""
_HEAD = struct.Struct("<qq")
_FLUSH = -1


@dataclass(frozen=True)
class Blocks:
    """What was written, in order.

    :param events: offset and bytes of each write; nothing for a flush
    """

    events: tuple[tuple[int, bytes] | None, ...]

    @property
    def flushes(self) -> int:
        """How many times the disk was told to flush."""
        return self.events.count(None)

    def durable(self) -> Contents:
        """Return all writes before the last flush."""
        last = max((n for n, event in enumerate(self.events) if event is None), default=0)
        return tuple(event for event in self.events[:last] if event is not None)

    def crash(self, chance: random.Random) -> Contents:
        """Return the writes that a power cut at some moment has let through.

        All before the last flush, and any of the later ones, in any order. The time between
        any two flushes is as likely, however much was written in it.
        """
        flushes = [number for number, event in enumerate(self.events) if event is None]
        epoch = chance.randint(0, len(flushes))
        done = flushes[epoch - 1] + 1 if epoch else 0
        end = flushes[epoch] if epoch < len(flushes) else len(self.events)
        moment = chance.randint(done, end)
        durable = [event for event in self.events[:done] if event is not None]
        pending = [event for event in self.events[done:moment] if event is not None]
        share = chance.random()
        let_through = [event for event in pending if chance.random() < share]
        chance.shuffle(let_through)
        return (*durable, *let_through)


class BlockLog:
    """A volume mounted on a disk that logs; see the module docstring.

    :param volume: one that is not mounted
    :param folder: where the served file, its log and the disk as it becomes are kept
    """

    def __init__(self, volume: Volume, folder: str) -> None:
        self.volume = volume
        self._image = volume.image
        self._served = os.path.join(folder, "served")
        self._copy = os.path.join(folder, "copy.img")
        self._log = os.path.join(folder, "blocks.log")
        self._program: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Serve a copy of the image, and mount it in the volume's place."""
        enter()
        os.makedirs(self._served, exist_ok=True)
        subprocess.run(["cp", "--sparse=always", self._image, self._copy], check=True)
        words = (sys.executable, "-P", "-m", __name__, self._copy, self._log, self._served)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._program = subprocess.Popen(words, env=environment)
        served = os.path.join(self._served, NAME)
        try:
            self._wait(lambda: os.path.exists(served), "does not serve the disk")
            self.volume.image = served
            self.volume.mount()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        """Unmount everything, and wait for the program."""
        self.volume.unmount()
        self._end()

    def read(self) -> Blocks:
        """Return what was logged."""
        events: list[tuple[int, bytes] | None] = []
        with open(self._log, "rb") as stream:
            while head := stream.read(_HEAD.size):
                offset, length = _HEAD.unpack(head)
                events.append(None if offset == _FLUSH else (offset, stream.read(length)))
        return Blocks(tuple(events))

    def _end(self) -> None:
        self.volume.image = self._image
        words = ("umount", "--lazy", self._served)
        subprocess.run(words, check=False, stderr=subprocess.DEVNULL)
        if self._program is not None:
            # Ends by itself once the loop device has let go of the file.
            self._program.wait(READY)
        os.unlink(self._copy)

    def _wait(self, holds: Any, complaint: str) -> None:
        end = time.monotonic() + READY
        while not holds():
            ended = self._program is None or self._program.poll() is not None
            if ended or time.monotonic() > end:
                raise RuntimeError(f"FUSE {complaint}")
            time.sleep(0.005)


def unavailable() -> str:
    """Return why no file can be served through FUSE here, or nothing."""
    if importlib.util.find_spec("mfusepy") is None:
        return "mfusepy is missing (make setup)"
    if shutil.which("fusermount3") is None:
        return "missing: fuse3 (apt-get install fuse3)"
    return "" if os.path.exists("/dev/fuse") else "the kernel has no /dev/fuse"


# ---------------------------------------------------------------- the program


class Disk:
    """The file system that FUSE serves: one file, each write and flush of which is logged."""

    use_ns = True

    def __init__(self, image: str, log: str) -> None:
        self._image = os.open(image, os.O_RDWR)
        self._log = open(log, "wb", buffering=0)  # noqa: SIM115 open as long as the program runs

    def init(self, _path: str) -> None:
        """Begin."""

    def getattr(self, path: str, _handle: int | None = None) -> dict[str, int]:
        """Return what ``stat`` tells of the folder or of the file."""
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o700, "st_nlink": 2}
        if path != f"/{NAME}":
            raise FileNotFoundError(2, "no such file", path)
        size = os.fstat(self._image).st_size
        return {"st_mode": stat.S_IFREG | 0o600, "st_nlink": 1, "st_size": size}

    def readdir(self, _path: str, _handle: int) -> list[str]:
        """Name the one file."""
        return [".", "..", NAME]

    def open(self, _path: str, _flags: int) -> int:
        """Return a handle; there is one file."""
        return 0

    def read(self, _path: str, size: int, offset: int, _handle: int) -> bytes:
        """Read from the disk as it is by now."""
        return os.pread(self._image, size, offset)

    def write(self, _path: str, data: bytes, offset: int, _handle: int) -> int:
        """Write, and log it."""
        self._log.write(_HEAD.pack(offset, len(data)) + data)
        return os.pwrite(self._image, data, offset)

    def fsync(self, _path: str, _only_data: int, _handle: int) -> int:
        """Log a flush."""
        self._log.write(_HEAD.pack(_FLUSH, 0))
        return 0


def main(image: str, log: str, served: str) -> None:
    """Serve until unmounted."""
    import mfusepy

    # One thread: the order of the log is the order of what is written.
    mfusepy.FUSE(Disk(image, log), served, foreground=True, nothreads=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
