"""Read RECORD as the specification has it, and check an installed distribution against it.

Purpose: the outside opinion on whether an installation is whole.

Calling sequence: ``record_problems(library, dist_info)``; ``listed_files(library)`` for
what all distributions of a library folder claim.

Guarantees: no code of the package under test is used.

Errors: ``FileNotFoundError`` where there is no RECORD.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

Row = tuple[str, str, str]


def read_record(dist_info: Path) -> list[Row]:
    """Return the rows of the RECORD in ``dist_info``."""
    with open(dist_info / "RECORD", encoding="utf-8", newline="") as stream:
        return [(row[0], row[1], row[2]) for row in csv.reader(stream)]


def dist_infos(library: Path, project: str = "") -> list[Path]:
    """Return the dist-info folders of ``project``, or of all, sorted."""
    found = sorted(library.glob("*.dist-info"))
    if not project:
        return found
    wanted = canonical(project)
    return [one for one in found if canonical(one.name.split("-")[0]) == wanted]


def canonical(name: str) -> str:
    """Return a project's name in its normal form."""
    return name.lower().replace("_", "-").replace(".", "-")


def dist_info_of(library: Path, project: str) -> Path:
    """Return the one dist-info folder of ``project``."""
    found = dist_infos(library, project)
    assert len(found) == 1, found
    return found[0]


def listed_files(library: Path) -> set[str]:
    """Return the absolute paths that the RECORDs of a library folder list."""
    return {
        os.path.normpath(library / path)
        for dist_info in dist_infos(library)
        if (dist_info / "RECORD").exists()
        for path, _digest, _size in read_record(dist_info)
    }


def record_problems(library: Path, dist_info: Path) -> list[str]:
    """Return what is wrong with one distribution: rows against files, files against rows."""
    rows = read_record(dist_info)
    problems = [f"listed twice: {path}" for path in _repeated([row[0] for row in rows])]
    for path, digest, size in rows:
        # As importlib.metadata joins them; a library folder may itself be a link.
        problems += _row_problems(os.path.normpath(library / path), path, digest, size)
    inside = {f"{dist_info.name}/{name}" for name in os.listdir(dist_info)}
    listed = {row[0] for row in rows}
    problems += [
        f"not listed: {path}" for path in sorted(inside - listed) if not (library / path).is_dir()
    ]
    return problems


def _row_problems(file: str, path: str, digest: str, size: str) -> list[str]:
    if not os.path.lexists(file):
        return [f"missing: {path}"]
    with open(file, "rb") as stream:
        data = stream.read()
    if size and int(size) != len(data):
        return [f"size of {path}: {size} listed, {len(data)} there"]
    if digest and digest != record_hash(data):
        return [f"contents of {path} differ"]
    may_lack_digest = path.endswith((".dist-info/RECORD", ".pyc"))
    return [] if digest or may_lack_digest else [f"no digest: {path}"]


def _repeated(paths: list[str]) -> list[str]:
    return sorted({path for path in paths if paths.count(path) > 1})


def record_hash(data: bytes) -> str:
    """Return the digest column of a RECORD row for some contents."""
    raw = hashlib.sha256(data).digest()
    return "sha256=" + base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")
