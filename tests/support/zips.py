"""The package in a zip file, as a zipapp has it.

Purpose: tests that run linkinstall from there: it has no file of its own on the disk then.

Calling sequence: ``archive = zipped(folder)``, and put that first on ``sys.path``.

Guarantees: the sources as they are, and nothing else.

Errors: ``OSError``.
"""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import linkinstall


def zipped(folder: Path) -> str:
    """Pack the package into a zip file in a folder; return its path."""
    package = Path(linkinstall.__file__).parent
    with ZipFile(folder / "linkinstall.zip", "w") as archive:
        for path in package.rglob("*.py"):
            archive.write(path, path.relative_to(package.parent))
    return str(folder / "linkinstall.zip")
