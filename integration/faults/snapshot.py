"""Everything that is in a folder, as values that can be compared.

Purpose: two folders are equal here when they hold the same paths with the same
types, permissions, owners, contents (by digest), link targets and extended attributes. Times and
inode numbers are left out: a restored file may be a copy.

Calling sequence: ``difference(take(before), take(after))``; an empty list means
equal.

Guarantees: links are never followed; nothing is changed. A compiled file's header
holds its source's time, which no two runs share: it is replaced by whether it fits
the source beside it, so a stale compiled file still counts as a difference.

Errors: ``OSError`` if something cannot be read.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

COMPILED_HEADER = 16
"""Bytes before the code of a ``.pyc`` file (:pep:`552`)."""
_MAGIC = 4
"""The first of these say which Python it is for."""


@dataclass(frozen=True)
class Node:
    """One file, folder or link.

    :param kind: ``file``, ``folder``, ``link`` or ``other``
    :param mode: the permission bits; 0 for links, which have none of their own
    :param content: a digest, a link target, or nothing
    :param owner: the numbers of user and group
    :param attributes: the extended ones, by name
    """

    kind: str
    mode: int
    content: str
    owner: tuple[int, int] = (0, 0)
    attributes: tuple[tuple[str, bytes], ...] = ()


Snapshot = Mapping[str, Node]
"""Path relative to the folder, with ``/``  -> what is there. ``.`` is the folder itself."""


def take(folder: str, *, ignore: frozenset[str] = frozenset()) -> dict[str, Node]:
    """Return what is in ``folder``; paths in ``ignore`` are left out."""
    if not os.path.lexists(folder):
        return {}
    return {path: node for path, node in _walk(folder, "") if path not in ignore}


def difference(expected: Snapshot, actual: Snapshot) -> list[str]:
    """Return one line for each path that differs, in path order."""
    lines = []
    for path in sorted({*expected, *actual}):
        before, after = expected.get(path), actual.get(path)
        if before == after:
            continue
        if before is None:
            lines.append(f"stray    {path} ({_describe(after)})")
        elif after is None:
            lines.append(f"missing  {path} ({_describe(before)})")
        else:
            lines.append(f"changed  {path} ({_describe(before)} -> {_describe(after)})")
    return lines


def _describe(node: Node | None) -> str:
    if node is None:
        return "nothing"
    digest, _, rest = node.content.partition(" ")
    detail = f"{digest[:12]} {rest}" if node.kind == "file" else node.content
    owner = "" if node.owner == (0, 0) else "of {}:{}".format(*node.owner)
    attributes = " ".join(name for name, _ in node.attributes)
    words = (node.kind, f"{node.mode:o}", detail, owner, attributes)
    return " ".join(word for word in words if word)


def _walk(folder: str, relative: str) -> Iterator[tuple[str, Node]]:
    path = os.path.join(folder, relative) if relative else folder
    status = os.lstat(path)
    mode = stat.S_IMODE(status.st_mode)
    name = relative or "."
    more = (status.st_uid, status.st_gid), _attributes(path)
    if stat.S_ISLNK(status.st_mode):
        yield name, Node("link", 0, os.readlink(path), *more)
    elif stat.S_ISREG(status.st_mode):
        yield name, Node("file", mode, _digest(path), *more)
    elif stat.S_ISDIR(status.st_mode):
        yield name, Node("folder", mode, "", *more)
        for child in sorted(os.listdir(path)):
            yield from _walk(folder, f"{relative}/{child}" if relative else child)
    else:
        yield name, Node("other", mode, "", *more)


def _attributes(path: str) -> tuple[tuple[str, bytes], ...]:
    names = os.listxattr(path, follow_symlinks=False)
    return tuple((name, os.getxattr(path, name, follow_symlinks=False)) for name in sorted(names))


def _digest(path: str) -> str:
    with open(path, "rb") as stream:
        data = stream.read()
    if path.endswith(".pyc") and len(data) > COMPILED_HEADER:
        code = hashlib.sha256(data[:_MAGIC] + data[COMPILED_HEADER:]).hexdigest()
        return code + _freshness(path, data)
    return hashlib.sha256(data).hexdigest()


def _freshness(path: str, data: bytes) -> str:
    """Tell whether a compiled file would be used for the source beside it."""
    flags = int.from_bytes(data[4:8], "little")
    if flags:
        return " by hash " + data[8:16].hex()
    try:
        status = os.stat(importlib.util.source_from_cache(path))
    except (OSError, ValueError):
        return " without source"
    mtime = int.from_bytes(data[8:12], "little")
    size = int.from_bytes(data[12:16], "little")
    fits = (mtime, size) == (int(status.st_mtime) & 0xFFFFFFFF, status.st_size & 0xFFFFFFFF)
    return " fresh" if fits else " stale"
