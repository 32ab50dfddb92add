"""Write zip archives byte by byte, so that they can lie.

``zipfile`` refuses to write what hostile archives hold. Here every field of every
header can be set; what is not set is right::

    raw_archive([Raw("a.txt", b"text"), Raw("b.txt", b"text", local={"name": b"c.txt"})])

:func:`raw_wheel` puts a whole wheel together and gives it a RECORD.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tests.support.wheels import make_record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REGULAR = 0o100644
DEFLATED = 8
WIDE = 0xFFFF_FFFF


@dataclass
class Raw:
    """One member.

    :param name: its name; ``bytes`` are written as they are
    :param data: its contents, unpacked
    :param central: fields of its central header that differ from the truth
    :param local: the same for its local header
    :param payload: what stands between the headers instead of the packed contents
    :param behind: bytes behind its contents (a descriptor, or junk)
    :param at: the offset to claim, instead of the true one
    """

    name: str | bytes
    data: bytes = b""
    method: int = DEFLATED
    flags: int = 0
    mode: int = REGULAR
    central: Mapping[str, Any] = field(default_factory=dict)
    local: Mapping[str, Any] = field(default_factory=dict)
    payload: bytes | None = None
    behind: bytes = b""
    at: int | None = None

    @property
    def raw_name(self) -> bytes:
        """The name as it stands in the archive."""
        return self.name if isinstance(self.name, bytes) else self.name.encode()

    @cached_property
    def packed(self) -> bytes:
        """The contents as they stand in the archive."""
        if self.payload is not None:
            return self.payload
        if self.method != DEFLATED:
            return self.data
        deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
        return deflater.compress(self.data) + deflater.flush()

    def fields(self) -> dict[str, Any]:
        """Return the true values of all fields."""
        ascii_name = all(byte < 0x80 for byte in self.raw_name)
        return {
            "name": self.raw_name,
            "method": self.method,
            "flags": self.flags | (0 if ascii_name or isinstance(self.name, bytes) else 0x800),
            "crc": zlib.crc32(self.data),
            "packed": len(self.packed),
            "size": len(self.data),
            "extra": b"",
            "comment": b"",
            "disk": 0,
            "attributes": self.mode << 16,
        }


def raw_archive(
    members: Sequence[Raw],
    *,
    before: bytes = b"",
    before_directory: bytes = b"",
    before_end: bytes = b"",
    comment: bytes = b"",
    after: bytes = b"",
    end: Mapping[str, int] | None = None,
    zip64: Mapping[str, int] | None = None,
    shift: bool = True,
) -> bytes:
    """Return an archive.

    :param end: fields of the end record that differ from the truth
    :param zip64: fields of the 64-bit end record that differ; ``None`` for no such record
    :param shift: whether offsets count ``before``
    """
    body = bytearray(before)
    base = 0 if shift else len(before)
    directory = bytearray()
    for member in members:
        offset = (len(body) - base) if member.at is None else member.at
        body += _local_header(member) + member.packed + member.behind
        directory += _central_header(member, offset)
    body += before_directory
    start = len(body) - base
    body += directory + before_end
    truth = {
        "disk": 0,
        "directory_disk": 0,
        "here": len(members),
        "count": len(members),
        "length": len(directory),
        "offset": start,
    }
    if zip64 is not None:
        body += _end64({**truth, **zip64}, len(body) - base)
    values = {**truth, **(end or {})}
    body += struct.pack("<4s4H2LH", b"PK\5\6", *values.values(), len(comment))
    return bytes(body) + comment + after


def raw_wheel(
    files: Mapping[str, bytes] | Sequence[Raw],
    *,
    name: str = "sample",
    version: str = "1.0",
    extra: Sequence[Raw] = (),
    replaced: Mapping[str, bytes | None] | None = None,
    record: bytes | None = None,
    **archive: Any,
) -> bytes:
    """Return a wheel with RECORD, METADATA and WHEEL.

    :param files: its members besides the metadata
    :param extra: further members, which RECORD does not list
    :param replaced: contents of metadata files by their name in the dist-info folder;
        ``None`` leaves one out
    """
    dist_info = f"{name}-{version}.dist-info"
    raws = (
        list(files)
        if not hasattr(files, "items")
        else [Raw(path, data) for path, data in files.items()]
    )
    own: dict[str, bytes | None] = {
        "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        "WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **(replaced or {}),
    }
    raws += [Raw(f"{dist_info}/{path}", data) for path, data in own.items() if data is not None]
    if record is None:
        listed = {
            raw.raw_name.decode("utf-8", "replace"): raw.data
            for raw in raws
            if not raw.raw_name.endswith(b"/")
        }
        record = make_record(listed, dist_info).encode()
    return raw_archive([*raws, *extra, Raw(f"{dist_info}/RECORD", record)], **archive)


def _local_header(member: Raw) -> bytes:
    said = {**member.fields(), "extra": b"", **member.local}
    header = struct.pack(
        "<4s5H3L2H", b"PK\3\4", 20, said["flags"], said["method"], 0, 0x21, said["crc"],
        said["packed"], said["size"], len(said["name"]), len(said["extra"]),
    )  # fmt: skip
    return b"".join((header, said["name"], said["extra"]))


def _central_header(member: Raw, offset: int) -> bytes:
    said = {**member.fields(), "offset": offset, **member.central}
    header = struct.pack(
        "<4s6H3L5H2L", b"PK\1\2", 0x0314, 20, said["flags"], said["method"], 0, 0x21,
        said["crc"], said["packed"], said["size"], len(said["name"]), len(said["extra"]),
        len(said["comment"]), said["disk"], 0, said["attributes"], said["offset"],
    )  # fmt: skip
    return b"".join((header, said["name"], said["extra"], said["comment"]))


def _end64(values: Mapping[str, int], position: int) -> bytes:
    order = ("disk", "directory_disk", "here", "count", "length", "offset")
    record = struct.pack(
        "<4sQ2H2L4Q", b"PK\6\6", values.get("record_size", 44), 45, 45,
        *(values[name] for name in order),
    )  # fmt: skip
    return record + struct.pack(
        "<4sLQL", b"PK\6\7", values.get("locator_disk", 0),
        values.get("position", position), values.get("disks", 1),
    )  # fmt: skip
