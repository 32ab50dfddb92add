"""Folders of files to place, and a file system that refuses some of them.

Calling sequence::

    made = batches(tmp_path, 3, 5)     # two folders, of three and of five files
    refused = files.placing(made).finish()
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from tests.support.faulty import LocalFileSystem

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from linkinstall.fs.port import Batch, Refusal


def batches(folder: Path, *counts: int) -> list[Batch]:
    """Make a folder of files for each count; return what places them elsewhere."""
    made: list[Batch] = []
    for number, count in enumerate(counts):
        source, target = folder / f"from{number}", folder / f"to{number}"
        source.mkdir()
        target.mkdir()
        names = [f"f{index}" for index in range(count)]
        for name in names:
            (source / name).write_text(name)
        made.append(("hardlink", str(source), str(target), names, str(target)))
    return made


class Odd(LocalFileSystem):
    """Refuses some names, or fails at one."""

    def __init__(self, fatal: str = "") -> None:
        self.fatal = fatal

    def place(self, mode: str, source: str, target: str, names: Sequence[str]) -> list[Refusal]:
        """Place what is not odd."""
        if self.fatal in names:
            raise OSError(errno.ENOSPC, "No space", f"{target}/{self.fatal}")
        odd = [name for name in names if name in {"f1", "f4"}]
        super().place(mode, source, target, [name for name in names if name not in odd])
        return [(name, OSError(errno.EMLINK, "Too many", f"{target}/{name}")) for name in odd]
