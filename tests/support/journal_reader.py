"""A reader of journals that knows nothing but ``docs/reference/journal-format.md``.

It is written from the page alone and shares no code with the engine: where the page is
wrong or lacks something, it reads something else than the engine wrote.

Calling sequence::

    journal = read_journal(data)      # JournalError for what is no whole journal
    journal["stash"][0].fields
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from typing import Any

MAGIC = b"linkinstall journal 1\n"
SEAL = re.compile(rb"([0-9a-f]{8}) (0|[1-9][0-9]*)\n")
PLACES = {b"t": b"\t", b"n": b"\n", b"\\": b"\\"}
FOLLOWERS = {b"old": b"change", b"names": b"stash"}
ORDER = (
    b"id home root made state emptied intent change stash group folder tree place staged"
).split()
ONCE = {b"id", b"home", b"root"}


class JournalError(ValueError):
    """The bytes are no whole journal of version 1."""


@dataclass
class Line:
    """A line: its fields after the kind, and the lines that follow and belong to it."""

    fields: list[bytes]
    following: list[list[bytes]] = field(default_factory=list)


def read_journal(data: bytes) -> dict[str, Any]:
    """Return kind -> lines, and the manifests under ``manifests``.

    :raises JournalError: see there
    """
    seal = SEAL.match(data, len(MAGIC))
    if not data.startswith(MAGIC) or seal is None:
        raise JournalError("no magic, or no seal")
    body = data[seal.end() :]
    if len(body) != int(seal[2]) or zlib.crc32(body) != int(seal[1], 16):
        raise JournalError("the seal does not fit")
    found: dict[str, Any] = {kind.decode(): [] for kind in ORDER}
    last = 0
    while True:
        line, end, body = body.partition(b"\n")
        if not end:
            raise JournalError("no line of sizes")
        kind, *fields = line.split(b"\t")
        if kind == b"blobs":
            found["manifests"] = _manifests(body, [int(size) for size in fields])
            return found
        values = [unescaped(one) for one in fields]
        if kind in FOLLOWERS:
            found[FOLLOWERS[kind].decode()][-1].following.append(values)
            continue
        if ORDER.index(kind) < last or (kind in ONCE and found[kind.decode()]):
            raise JournalError(f"{kind!r} is out of order")
        last = ORDER.index(kind)
        found[kind.decode()].append(Line(values))


def unescaped(text: bytes) -> bytes:
    """Return what a field stands for."""
    return re.sub(rb"\\(.)", lambda match: PLACES[match[1]], text)


def _manifests(data: bytes, sizes: list[int]) -> list[dict[str, Any]]:
    if len(data) != sum(sizes):
        raise JournalError("the manifests are not as long as they should be")
    found = []
    for size in sizes:
        found.append(read_manifest(data[:size]))
        data = data[size:]
    return found


def read_manifest(data: bytes) -> dict[str, Any]:
    """Return the fields of a manifest.

    :raises JournalError: it is no whole manifest of version 1
    """
    *lines, end, nothing = data.split(b"\n")
    if nothing or end != b"end %08x" % zlib.crc32(b"\n".join(lines)):
        raise JournalError("the manifest's last line does not fit")
    rest = iter(lines)

    def take(number: int) -> list[bytes]:
        return [next(rest) for _ in range(number)]

    names = "magic id distribution version dist_info root mtime umask".split()
    found: dict[str, Any] = dict(zip(names, take(8), strict=True))
    if found["magic"] != b"linkinstall manifest 1":
        raise JournalError("a manifest of another version")
    for name in ("executables", "binaries", "rewritten", "collisions"):
        found[name] = take(int(next(rest)))
    found["entry_points"] = [take(5) for _ in range(int(next(rest)))]
    for point in found["entry_points"]:
        point[4] = unescaped(point[4])
    found["folders"] = []
    for _ in range(int(next(rest))):
        number, scheme, path = next(rest).split(b" ", 2)
        files = take(int(number))
        sizes, digests = (line.split(b" ") if line else [] for line in take(2))
        if not len(files) == len(sizes) == len(digests):
            raise JournalError("a folder has other numbers of names and sizes")
        found["folders"].append((scheme, path, files, sizes, digests))
    if any(True for _ in rest):
        raise JournalError("the manifest has more lines than it says")
    return found
