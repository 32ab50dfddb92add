"""A folder that every user can reach.

Purpose: caches that are judged by who can write to them. None of pytest's folders will do: each
session closes the folder that all sessions share as it begins, and a test that ran meanwhile
found its cache out of everybody's reach.

Calling sequence: ``with reachable() as folder: ...``.

Guarantees: the folder is a path without links, of mode 755, and gone afterwards.

Errors: ``OSError``.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def reachable() -> Iterator[Path]:
    """Give a folder that every user can reach, and nobody else can write to."""
    with tempfile.TemporaryDirectory() as closed:
        top = Path(os.path.realpath(closed))
        top.chmod(0o755)
        for above in top.parents:
            if above.stat().st_uid == os.geteuid():
                above.chmod(above.stat().st_mode | 0o001)
        folder = top / "shared"
        folder.mkdir(mode=0o755)
        yield folder
