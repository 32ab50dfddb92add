"""A sandbox whose world lies on volumes of its own, which can lose their power.

Purpose: what ``Sandbox`` is, on one file system or on several.

Calling sequence::

    with MountedSandbox(folder, provisions, "ext4", LAYOUTS["one volume"]) as sandbox:
        sandbox.build(scenario)
        sandbox.reset()                   # the old state, completely on the disk
        ...
        sandbox.cut("log-flushed")
        sandbox.keep_as_old()             # what is there now is what ``reset`` brings back

Guarantees: a reset brings back the volumes byte for byte, so inode numbers are the
same each time. Nothing stays mounted after the block.

Errors: those of ``Sandbox`` and ``volumes``.
"""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from typing import TYPE_CHECKING

from integration.faults.sandbox import Sandbox
from integration.faults.volumes import Contents, Volume, cut

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

LAYOUTS: Mapping[str, tuple[str, ...]] = {
    "one volume": (),
    "cache apart": ("cache",),
    "data apart": ("venv/share",),
    "scripts apart": ("venv/bin",),
    "library apart": ("venv/lib",),
}
"""Name -> the folders of the world that are volumes of their own."""


class MountedSandbox(Sandbox):
    """See the module docstring.

    :param folder: where images, mounts and notes go; it may exist
    :param kind: the file system
    :param apart: folders of the world that get volumes of their own
    """

    def __init__(
        self, folder: str, provisions: Mapping[str, str], kind: str, apart: Sequence[str] = ()
    ) -> None:
        super().__init__(os.path.join(folder, "volume"), provisions)
        self.scratch = os.path.join(folder, "scratch")
        mountpoints = [self.folder, *(self.area(*path.split("/")) for path in apart)]
        self.volumes = [
            Volume(kind, os.path.join(folder, f"{number}.img"), mountpoint)
            for number, mountpoint in enumerate(mountpoints)
        ]
        self._kept: list[Contents] = []

    def __enter__(self) -> Self:
        """Make the folder; volumes are made by ``build``."""
        os.makedirs(self.scratch, exist_ok=True)
        return self

    def __exit__(self, *_error: object) -> None:
        """Unmount and remove everything."""
        with ExitStack() as stack:
            for volume in self.volumes:
                stack.callback(volume.close)
        shutil.rmtree(os.path.dirname(self.folder), ignore_errors=True)

    def clear(self) -> None:
        """Make empty file systems."""
        self._unmount()
        for volume in self.volumes:
            volume.format()
            volume.mount()

    def save(self) -> None:
        """Bring everything to the disk, and keep it."""
        self._kept = self.contents()

    def restore(self) -> None:
        """Bring back what was kept."""
        self.fill(self._kept)

    def contents(self) -> list[Contents]:
        """Return what is on all volumes, everything flushed."""
        self._unmount()
        found = [volume.contents() for volume in self.volumes]
        self._mount()
        return found

    def fill(self, contents: Sequence[Contents]) -> None:
        """Replace what is on all volumes."""
        self._unmount()
        for volume, data in zip(self.volumes, contents, strict=True):
            volume.fill(data)
        self._mount()

    def keep_as_old(self) -> None:
        """Let ``reset`` bring back what is there now, with nothing before it."""
        self._just_before = ()
        self.save()

    def devices(self) -> tuple[str, ...]:
        """Return the numbers of the devices that the volumes are on at the moment."""
        return tuple(str(os.stat(volume.mountpoint).st_dev) for volume in self.volumes)

    def cut(self, how: str) -> None:
        """Let all volumes lose their power, and mount them again."""
        cut(self.volumes, how)

    def _mount(self) -> None:
        for volume in self.volumes:
            volume.mount()

    def _unmount(self) -> None:
        for volume in reversed(self.volumes):
            volume.unmount()
