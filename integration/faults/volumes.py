"""File systems of our own on loop devices, which can lose their power.

Purpose: a power cut, without a machine that is switched off. ``Volume.cut`` leaves what
a disk would hold afterwards, and mounts it again, which replays the file system's log.

===============  =================================================================
``log-flushed``  shutdown after a flush of the log: names and sizes are there, what
                 was written and not flushed is lost; a renamed file may be empty
``log-lost``     shutdown at once: all since the last flush is lost
``image``        a copy of the loop device's image while it is in use, as a disk
                 without power would be; for file systems that know no shutdown
===============  =================================================================

Both kinds of shutdown are needed: without any flush, ``log-lost`` leaves the old state
and finds nothing.

Calling sequence::

    reason = unavailable(("ext4",))          # "" or what is missing
    with Volume("ext4", image, mountpoint) as volume:     # formatted and mounted
        ...
        kept = volume.checkpoint()           # everything on it, from now on at hand
        volume.cut("log-flushed")            # mounted again, on a device of another number
        volume.restore(kept)                 # as it was, to the inode number

Guarantees: nothing stays mounted after the block, nor when this process is killed: mounts
are made in a namespace of the thread's own (``namespace``). A volume starts empty: there is no
``lost+found``.

Errors: ``MountError`` where a volume cannot be mounted: after a power cut that is a
finding. ``subprocess.CalledProcessError`` where it cannot be formatted, ``OSError`` where it
cannot be unmounted.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from errno import EBUSY
from typing import TYPE_CHECKING

from integration.faults.mounts import MNT_DETACH, mount_image, unmount
from integration.faults.namespace import enter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Self

Contents = tuple[tuple[int, bytes], ...]
"""What is on an image: offset and bytes; what is not named is zero."""

FORMATS = {
    # Nothing is left to be initialised in the background, as that writes at any time.
    # Inodes that have times to the nanosecond; small ones were the default for small volumes.
    "ext4": ("mkfs.ext4", "-q", "-F", "-I", "256", "-E", "lazy_itable_init=0,lazy_journal_init=0"),
    "xfs": ("mkfs.xfs", "-q", "-f"),
    "btrfs": ("mkfs.btrfs", "-q", "-f"),
}
SIZES = {"ext4": 64 << 20, "xfs": 320 << 20, "btrfs": 256 << 20}
"""About the smallest that each can be; images are sparse."""
PACKAGES = {"ext4": "e2fsprogs", "xfs": "xfsprogs", "btrfs": "btrfs-progs"}
CUTS = {
    "ext4": ("log-flushed", "log-lost"),
    "xfs": ("log-flushed", "log-lost"),
    "btrfs": ("image",),
}
"""The ways in which each file system can lose its power here."""
QUICK_VARIABLE = "PROOF_FOLDER"
CLONING = "xfs"
"""The file system that is made where one is needed that can clone files."""
QUICK = "ext4"
"""The one that is made in memory where any will do: it gives inode numbers out again at once."""

SHUTDOWN = 0x8004587D
"""``EXT4_IOC_SHUTDOWN`` and ``XFS_IOC_GOINGDOWN``, as the tests of those file systems use it."""
_LOOP = 7
"""The major number of loop devices, as of ``/dev/loop0``."""
_LOOP_SET_FD, _LOOP_CLR_FD = 0x4C00, 0x4C01
_FLAGS = {"log-flushed": 1, "log-lost": 2}
BUSY = 120.0
"""Seconds that a killed process may take to let go of a volume."""
_CHUNK = 1 << 16
_ZEROS = bytes(_CHUNK)


class MountError(RuntimeError):
    """A volume cannot be mounted."""


class Volume:
    """One file system; see the module docstring.

    :param kind: ``ext4``, ``xfs`` or ``btrfs``
    :param image: where its image is made; a quick place is ``/dev/shm``
    :param mountpoint: a folder, which is made where it is missing
    """

    def __init__(self, kind: str, image: str, mountpoint: str) -> None:
        self.kind = kind
        self.image = image
        self.mountpoint = mountpoint
        self.mounted = False

    def __enter__(self) -> Self:
        """Format and mount it."""
        self.format()
        self.mount()
        return self

    def __exit__(self, *_error: object) -> None:
        """Unmount it and remove its image."""
        self.close()

    def format(self) -> None:
        """Make an empty file system; it must not be mounted."""
        with open(self.image, "wb") as stream:
            stream.truncate(SIZES[self.kind])
        _call(*FORMATS[self.kind], self.image)
        self.mount()
        shutil.rmtree(os.path.join(self.mountpoint, "lost+found"), ignore_errors=True)
        self.unmount()

    def mount(self) -> None:
        """Mount it, which replays its log where there is something to replay."""
        enter()
        os.makedirs(self.mountpoint, exist_ok=True)
        try:
            mount_image(self.kind, self.image, self.mountpoint)
        except OSError as error:
            raise MountError(f"{self.kind} cannot be mounted: {error}") from error
        self.mounted = True

    def unmount(self) -> None:
        """Unmount it if it is mounted."""
        end = time.monotonic() + BUSY
        while self.mounted:
            try:
                unmount(self.mountpoint)
            except OSError as error:
                # The threads of a killed process end after it has become a zombie, and
                # nothing tells when.
                if error.errno != EBUSY or time.monotonic() > end:
                    raise
                time.sleep(0.005)
            else:
                self.mounted = False

    def close(self) -> None:
        """Unmount it whatever still uses it, and remove its image."""
        if self.mounted:
            unmount(self.mountpoint, MNT_DETACH)
            self.mounted = False
        if os.path.exists(self.image):
            os.unlink(self.image)

    # ------------------------------------------------------------------ power

    def shut_down(self, how: str) -> None:
        """Let nothing that is not on the disk by now get there any more."""
        import fcntl  # Windows, which reads this module too, has none

        handle = os.open(self.mountpoint, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, SHUTDOWN, struct.pack("I", _FLAGS[how]))
        finally:
            os.close(handle)

    def cut(self, how: str) -> None:
        """Lose the power, and mount again."""
        cut([self], how)

    # ------------------------------------------------------------------ the image

    def contents(self) -> Contents:
        """Return what is on the disk at this moment."""
        with open(self.image, "rb", buffering=0) as stream:
            return tuple(_data(stream.fileno()))

    def fill(self, contents: Contents) -> None:
        """Replace what is on the disk; it must not be mounted."""
        with open(self.image, "r+b", buffering=0) as stream:
            stream.truncate(0)
            stream.truncate(SIZES[self.kind])
            for offset, data in contents:
                os.pwrite(stream.fileno(), data, offset)

    def checkpoint(self) -> Contents:
        """Return everything that is on the volume, after it was unmounted cleanly."""
        self.unmount()
        contents = self.contents()
        self.mount()
        return contents

    def restore(self, contents: Contents) -> None:
        """Bring a checkpoint back."""
        self.unmount()
        self.fill(contents)
        self.mount()


def cut(volumes: Sequence[Volume], how: str) -> None:
    """Let several volumes lose their power at once; the first one holds the others' folders.

    Afterwards their devices have other numbers, as they may have after any start of a machine.
    """
    crashed = [volume.contents() for volume in volumes] if how == "image" else []
    numbers = [os.stat(volume.mountpoint).st_dev for volume in volumes]
    for volume in () if crashed else volumes:
        volume.shut_down(how)
    for volume in reversed(volumes):
        volume.unmount()
    for volume, contents in zip(volumes, crashed, strict=bool(crashed)):
        volume.fill(contents)
    with _withheld(numbers):
        for volume in volumes:
            volume.mount()


@contextmanager
def _withheld(numbers: Sequence[int]) -> Iterator[None]:
    """Keep the numbers of devices from being given out again, as far as they are free."""
    import fcntl  # Windows, which reads this module too, has none

    with ExitStack() as stack:
        file = stack.enter_context(tempfile.TemporaryFile(dir=quick_folder()))
        file.truncate(_CHUNK)
        for number in numbers:
            if os.major(number) == _LOOP:
                handle = os.open(f"/dev/loop{os.minor(number)}", os.O_RDWR)
                stack.callback(os.close, handle)
                with suppress(OSError):  # it may be another process's by now
                    fcntl.ioctl(handle, _LOOP_SET_FD, file.fileno())
                    stack.callback(fcntl.ioctl, handle, _LOOP_CLR_FD)
            else:  # btrfs takes the first number that is free, as each file system in memory does
                folder = stack.enter_context(tempfile.TemporaryDirectory(dir=quick_folder()))
                _call("mount", "-t", "tmpfs", "none", folder)
                stack.callback(_call, "umount", folder)
        yield


def quick_folder() -> str:
    """Return where images are made: in memory where that is possible.

    ``make proof`` names a folder for each piece, and removes it whatever became of that.
    """
    if os.environ.get(QUICK_VARIABLE):
        return os.environ[QUICK_VARIABLE]
    memory = "/dev/shm"  # noqa: S108 a volume, not a file name
    return memory if os.access(memory, os.W_OK) else tempfile.gettempdir()


def unavailable(kinds: Sequence[str]) -> str:
    """Return why volumes of these kinds cannot be made here, or nothing."""
    if os.geteuid() != 0:
        return "root is needed to mount volumes"
    missing = sorted({PACKAGES[kind] for kind in kinds if shutil.which(FORMATS[kind][0]) is None})
    if missing:
        return f"missing: {', '.join(missing)} (apt-get install {' '.join(missing)})"
    for kind in kinds:
        with tempfile.TemporaryDirectory(dir=quick_folder()) as folder:
            try:
                with Volume(kind, f"{folder}/image", f"{folder}/mounted"):
                    pass
            except MountError as error:
                return f"loop devices are needed: {error}"
    return ""


def _data(handle: int) -> list[tuple[int, bytes]]:
    """Return the chunks of a sparse file that are not zero, runs of them in one."""
    runs: list[tuple[int, list[bytes]]] = []
    end, size, expected = 0, os.fstat(handle).st_size, -1
    while end < size:
        try:
            start = os.lseek(handle, end, os.SEEK_DATA)
        except OSError:  # ENXIO: only a hole is left
            break
        end = os.lseek(handle, start, os.SEEK_HOLE)
        for offset in range(start, end, _CHUNK):
            chunk = os.pread(handle, min(_CHUNK, end - offset), offset)
            if chunk == _ZEROS[: len(chunk)]:
                continue
            if offset != expected:
                runs.append((offset, []))
            runs[-1][1].append(chunk)
            expected = offset + len(chunk)
    return [(offset, b"".join(chunks)) for offset, chunks in runs]


def _call(*arguments: str) -> None:
    subprocess.run(arguments, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True)
