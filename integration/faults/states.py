"""Which worlds are the same to a recovery: one name for each.

Purpose: of the very many chains of faults most lead to a world that another one has led to.
What follows from one follows from the other, so it is looked at once (``chains``).

Calling sequence::

    worlds = Worlds()
    name = worlds.name_of(sandbox.world)      # equal worlds have equal names

Guarantees: worlds have one name only if they hold the same paths with the same inode numbers,
types, permissions, contents and link targets. What no two runs share is replaced, and nothing
else: a time by its rank among all times there, in files as in what our journals and manifests
say of them; the id of a transaction; a journal's checksum by whether it is right; names and
marks that are chance. So two worlds that are told apart may be the same to a recovery, never
the other way round. What is unpacked should have a fixed time (``STEADY``): compiled files
hold it, and their digests hang on it.

A world that was copied has other inode numbers. Where no file of it names any, it is enough that
the same names share one: ``Worlds(copied=True)`` tells inodes by the first path that has each.

Errors: ``OSError`` if something cannot be read.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from binascii import crc32
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_TIME = re.compile(rb"(?<![0-9])[1-9][0-9]{18}(?![0-9])")
"""Nanoseconds since 1970, as decimal text."""
_JOURNAL = re.compile(rb"(linkinstall journal \d+\n)([0-9a-f]{8}) (\d+)\n(id\t)[0-9a-f]{12}\n")
_VENV_JOURNAL = re.compile(rb"(linkinstall venv \d+\n)[0-9a-f]{12}\n")
_ID = re.compile(rb"[0-9a-f]{12}")
"""The same id alone: of what is being made at the place of an environment."""
_CHANCE = re.compile(r"(?<![0-9a-f])[0-9a-f]{16}(?![0-9a-f])")
STEADY = (("entry_writer.py", "self.mtime = time.time_ns()", "self.mtime = 1_700_000_000 * 10**9"),)
"""A change to the program under which two runs fill a cache with the same."""
_SMALL = 1 << 20
"""Bytes; files that hold times are smaller."""


@dataclass(frozen=True)
class _Seen:
    """One file, folder or link, and what tells its content."""

    path: str
    status: os.stat_result
    content: bytes

    @property
    def times(self) -> list[int]:
        """All times that it has or names; a folder's own say nothing to anybody."""
        own = [self.status.st_mtime_ns] if stat.S_ISREG(self.status.st_mode) else []
        return [*own, *map(int, _TIME.findall(self.content))]


class Worlds:
    """Names worlds; a file that did not change since the last one is not read again.

    That is told by its number, size and times. Images of one recording may share these and differ
    in bytes: each needs a namer of its own.

    :param copied: worlds are the same although their inodes have other numbers; the caller
        makes sure that no file names one
    """

    def __init__(self, *, copied: bool = False) -> None:
        self._copied = copied
        self._contents: dict[tuple[int, ...], bytes] = {}

    def name_of(self, folder: str) -> str:
        """Return the name of the world in ``folder``."""
        seen = list(self._walk(folder, ""))
        times = sorted({time for one in seen for time in one.times})
        ranks = {time: rank for rank, time in enumerate(times)}
        inodes: dict[int, int] = {}
        name = hashlib.sha256()
        for one in seen:
            status = one.status
            path = _CHANCE.sub("chance", one.path)
            rank = inodes.setdefault(status.st_ino, len(inodes))
            told = (
                path,
                rank if self._copied else status.st_ino,
                status.st_mode,
                [ranks[time] for time in one.times],
            )
            name.update(repr((told, _TIME.sub(b"time", one.content))).encode())
        return name.hexdigest()

    def _walk(self, folder: str, relative: str) -> Iterator[_Seen]:
        path = os.path.join(folder, relative)
        status = os.lstat(path)
        yield _Seen(relative, status, self._content(path, status))
        if stat.S_ISDIR(status.st_mode):
            for name in sorted(os.listdir(path)):
                yield from self._walk(folder, os.path.join(relative, name))

    def _content(self, path: str, status: os.stat_result) -> bytes:
        if stat.S_ISLNK(status.st_mode):
            return os.fsencode(os.readlink(path))
        if not stat.S_ISREG(status.st_mode):
            return b""
        key = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if key not in self._contents:
            with open(path, "rb") as stream:
                self._contents[key] = _told(stream.read())
        return self._contents[key]


def _told(data: bytes) -> bytes:
    """Return what tells a content: its digest, or all of it where it holds times."""
    journal = _JOURNAL.match(data)
    if journal:
        body = data[journal.end(3) + 1 :]
        right = journal[2] == b"%08x" % crc32(body) and int(journal[3]) == len(body)
        return b"%swhole %d\n%s" % (journal[1], right, data[journal.end() :])
    of_venv = _VENV_JOURNAL.match(data)
    if of_venv:
        return of_venv[1] + data[of_venv.end() :]
    if _ID.fullmatch(data):
        return b"id"
    if len(data) == 16 and _CHANCE.fullmatch(data.decode("latin-1")):
        return b"chance"
    if len(data) > _SMALL or not _TIME.search(data):
        return hashlib.sha256(data).digest()
    return data
