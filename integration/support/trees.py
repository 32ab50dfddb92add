"""What a folder holds, and how two such states differ.

Purpose: "nothing changed" and "the same tree" as one comparison.

Calling sequence: ``snapshot(folder)`` before and after, then
``assert [] == differences(before, after)``.

Guarantees: links are noted, never followed; times are not compared.

Errors: ``OSError`` where the folder cannot be read.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Tree = dict[str, "Node"]


@dataclass(frozen=True)
class Node:
    """One path: its kind, permission bits, and contents (digest, or where a link leads)."""

    kind: str
    mode: int = 0
    contents: str = ""
    inode: tuple[int, int] = (0, 0)


def walk(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield each path below ``folder``, relative and with forward slashes, and its lstat.

    Where there is no such folder, nothing.
    """
    if not os.path.isdir(folder):
        return
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda one: one.name):
            status = entry.stat(follow_symlinks=False)
            yield entry.name, status
            if stat.S_ISDIR(status.st_mode):
                for path, inner in walk(folder / entry.name):
                    yield f"{entry.name}/{path}", inner


def snapshot(
    folder: Path,
    *,
    ignore: Callable[[str], bool] | None = None,
    inodes: bool = False,
    modes: bool = True,
) -> Tree:
    """Return what stands below ``folder``; empty where there is no such folder.

    :param ignore: tells of a relative path whether it is left out
    :param inodes: whether a file that was made anew counts as a difference
    :param modes: whether permission bits are part of it
    """
    tree: Tree = {}
    for path, status in walk(folder):
        if ignore is not None and ignore(path):
            continue
        tree[path] = _node(folder / path, status, inodes=inodes, modes=modes)
    return tree


def _node(path: Path, status: os.stat_result, *, inodes: bool, modes: bool) -> Node:
    inode = (status.st_dev, status.st_ino) if inodes else (0, 0)
    mode = stat.S_IMODE(status.st_mode) if modes else 0
    if stat.S_ISLNK(status.st_mode):
        return Node("link", 0, os.readlink(path), inode)
    if stat.S_ISDIR(status.st_mode):
        return Node("folder", mode)
    if stat.S_ISREG(status.st_mode):
        return Node("file", mode, digest_of(path), inode)
    return Node("other", mode)


def digest_of(path: Path) -> str:
    """Return the sha256 of a file's contents."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def differences(before: Tree, after: Tree) -> list[str]:
    """Return one line for each path that differs; [] means the same tree."""
    lines = [f"- {path}" for path in sorted(before.keys() - after.keys())]
    lines += [f"+ {path}" for path in sorted(after.keys() - before.keys())]
    lines += [
        f"! {path}: {before[path]} -> {after[path]}"
        for path in sorted(before.keys() & after.keys())
        if before[path] != after[path]
    ]
    return lines


def files_of(folder: Path) -> set[str]:
    """Return the relative paths of all files and links below ``folder``."""
    return {path for path, status in walk(folder) if not stat.S_ISDIR(status.st_mode)}


def inodes_of(folder: Path) -> dict[tuple[int, int], str]:
    """Return device and inode of each regular file below ``folder``, and one path of it."""
    return {
        (status.st_dev, status.st_ino): path
        for path, status in walk(folder)
        if stat.S_ISREG(status.st_mode)
    }


def find_contents(folder: Path, contents: bytes) -> list[Path]:
    """Return all regular files below ``folder`` with exactly these contents."""
    return [
        folder / path
        for path, status in walk(folder)
        if stat.S_ISREG(status.st_mode)
        and status.st_size == len(contents)
        and (folder / path).read_bytes() == contents
    ]
