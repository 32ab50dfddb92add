"""Where an installed distribution says that it came from: its ``direct_url.json``.

Purpose: the wheel file, or the folder of an editable install, that the file names.

Calling sequence::

    path, digest = archive_of(files, distribution)     # of a local wheel file
    place = editable_place(files, distribution)

Guarantees: reads only. A file of any contents does no harm: what it does not say, or
says in another form than the specification has, is "".

Errors: none.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from linkinstall.distribution import Distribution
    from linkinstall.fs.port import FileSystem

__all__ = ["archive_of", "editable_place"]

_SIZE = 1 << 16
"""Bytes of a ``direct_url.json`` that is looked at."""


def archive_of(files: FileSystem, one: Distribution) -> tuple[str, str]:
    """Return the path of the local file that it was installed from, and its SHA-256."""
    told = _told(files, one)
    info = _part(told, "archive_info")
    digest = str(_part(info, "hashes").get("sha256", ""))
    digest = digest or str(info.get("hash", "")).removeprefix("sha256=")
    return _local_path(told), digest


def editable_place(files: FileSystem, one: Distribution) -> str:
    """Return the folder, or the URL, that an editable install is of; "" for another one."""
    told = _told(files, one)
    if not _part(told, "dir_info").get("editable"):
        return ""
    return _local_path(told) or str(told.get("url") or "a folder")


def _told(files: FileSystem, one: Distribution) -> dict[str, Any]:
    import json

    try:
        told = json.loads(files.read(f"{one.path}/direct_url.json", _SIZE))
    except (OSError, ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _part(told: dict[str, Any], name: str) -> dict[str, Any]:
    part = told.get(name)
    return part if isinstance(part, dict) else {}


def _local_path(told: dict[str, Any]) -> str:
    """Return the path that a ``file`` URL names, or ""."""
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    try:
        parts = urlsplit(str(told.get("url", "")))
        if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
            return ""
        return url2pathname(parts.path)
    except (OSError, ValueError):
        return ""
