"""Where the members of a zip archive are listed, read without ``zipfile``.

Purpose: the lowest layer under :mod:`linkinstall.wheel` and
:mod:`linkinstall.vetting`: the end record of an archive, its raw central directory,
and the few numbers in it that both need.

Calling sequence::

    directory = read_directory(stream, size)
    packed, unpacked, offset = real_sizes(directory.data, header)

Guarantees: two reads for an ordinary archive, of bounded size; nothing is imported.
An archive that is accepted has one central directory, which begins where its end
record says and ends directly before that record, which ends the file. So no reader,
however it searches, finds another one. An archive comment is legal and accepted.

Errors: :class:`~linkinstall.errors.InvalidWheelError`. ``OSError`` from the stream
passes through.

Specification: APPNOTE.TXT 6.3, 4.3.12 to 4.3.16 and 4.5.3.
"""

from __future__ import annotations

from linkinstall import limits
from linkinstall.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from linkinstall.errors import InvalidWheelError

__all__ = [
    "HEADER",
    "HEADER_SIZE",
    "LOCAL",
    "LOCAL_SIZE",
    "Directory",
    "extra_field",
    "number",
    "read_at",
    "read_directory",
    "real_sizes",
    "unusable",
]

HEADER = b"PK\x01\x02"
"""What a header of the central directory begins with."""
HEADER_SIZE = 46
"""Bytes of such a header before the member's name."""
LOCAL = b"PK\x03\x04"
"""What the header in front of a member's contents begins with."""
LOCAL_SIZE = 30
"""Bytes of such a header before the member's name."""

_END = b"PK\x05\x06"
_END_SIZE = 22
_LOCATOR = b"PK\x06\x07"
_LOCATOR_SIZE = 20
_END64 = b"PK\x06\x06"
_END64_SIZE = 56
_ENDS_SIZE = _END64_SIZE + _LOCATOR_SIZE + _END_SIZE
_COMMENT_LIMIT = 0xFFFF
_UNKNOWN16 = 0xFFFF
_UNKNOWN32 = 0xFFFF_FFFF
_WIDE = 8
_FIELD_HEAD = 4


@value
class Directory:
    """The central directory of an archive.

    :param offset: where it begins in the file, in bytes
    :param count: how many members the end record promises
    :param data: its raw bytes
    """

    offset: int
    count: int
    data: bytes


def read_directory(stream: BinaryIO, size: int) -> Directory:
    """Read the raw central directory of the archive in an open file.

    :param stream: seekable; its position is moved
    :param size: the file's size in bytes
    :raises InvalidWheelError: if there is none, there may be several, or bytes stand
        before or behind it that belong to nothing
    """
    wanted = min(size, _ENDS_SIZE)
    tail = read_at(stream, size - wanted, wanted)
    end = len(tail) - _END_SIZE
    if end < 0 or tail[end : end + 4] != _END or tail[-2:] != b"\0\0":
        tail, end = _find_end_before_comment(stream, size)
    disk, its_disk, here, count = (number(tail, end + at, 2) for at in (4, 6, 8, 10))
    length, offset = number(tail, end + 12, 4), number(tail, end + 16, 4)
    limit = size - len(tail) + end
    if tail[max(0, end - _LOCATOR_SIZE) : end].startswith(_LOCATOR):
        limit -= _LOCATOR_SIZE + _END64_SIZE
        narrow = (disk, its_disk, here, count, length, offset)
        disk, its_disk, here, count, length, offset = _read_end64(tail, end, limit, narrow)
    if disk or its_disk or here != count:
        raise unusable("it is one part of an archive in several parts")
    if offset + length > limit:
        raise unusable("its central directory lies outside of the file: the file is cut or damaged")
    if offset + length < limit:
        raise unusable(
            f"{limit - offset - length} bytes belong to no part of the archive: something was "
            "put before or into it, and different tools would read different files"
        )
    if length > limits.CENTRAL_DIRECTORY_SIZE or count > limits.WHEEL_MEMBERS:
        raise unusable(
            f"it has {count} members in {length} bytes of directory, more than any real one"
        )
    if count * HEADER_SIZE > length or count * LOCAL_SIZE > offset:
        raise unusable(f"it promises {count} members, and has no room for them")
    return Directory(offset, count, read_at(stream, offset, length))


def real_sizes(data: bytes, header: int) -> tuple[int, int, int]:
    """Return a member's packed size, unpacked size and offset from its central header.

    Numbers that need more than 32 bits stand in the extra field.

    :param data: the central directory
    :param header: where in it the member's header begins
    :raises InvalidWheelError: if the extra field should have them and does not
    """
    packed, unpacked = number(data, header + 20, 4), number(data, header + 24, 4)
    offset = number(data, header + 42, 4)
    if _UNKNOWN32 not in (packed, unpacked, offset):
        return packed, unpacked, offset
    at = header + HEADER_SIZE + number(data, header + 28, 2)
    wide = extra_field(data[at : at + number(data, header + 30, 2)], 1)
    numbers = []
    for narrow in (unpacked, packed, offset):  # the order they have in the field
        if narrow != _UNKNOWN32:
            numbers.append(narrow)
        elif len(wide) >= _WIDE:
            numbers.append(number(wide, 0, _WIDE))
            wide = wide[_WIDE:]
        else:
            raise unusable("the size of a member is missing from its header")
    return numbers[1], numbers[0], numbers[2]


def extra_field(extra: bytes, kind: int) -> bytes:
    """Return the contents of one kind of extra field, or nothing."""
    while len(extra) >= _FIELD_HEAD:
        length = number(extra, 2, 2)
        if number(extra, 0, 2) == kind:
            return extra[_FIELD_HEAD : _FIELD_HEAD + length]
        extra = extra[_FIELD_HEAD + length :]
    return b""


def read_at(stream: BinaryIO, offset: int, length: int) -> bytes:
    """Read exactly so many bytes; a raw stream may give fewer at a time.

    :raises InvalidWheelError: if the file ends before
    """
    stream.seek(offset)
    data = stream.read(length)
    while len(data) < length:
        more = stream.read(length - len(data))
        if not more:
            raise unusable("the file became shorter while it was read")
        data += more
    return data


def number(data: bytes, at: int, size: int) -> int:
    """Return the unsigned number of ``size`` bytes at ``at``, lowest byte first."""
    return int.from_bytes(data[at : at + size], "little")


def unusable(reason: str) -> InvalidWheelError:
    """Return the error for an archive that cannot be read, or not in one way only."""
    from linkinstall.errors import InvalidWheelError, Problem

    message = f"This wheel cannot be used: {reason}."
    next_step = "Nothing was changed. Get the wheel again from where it came from, or rebuild it."
    problems = [Problem("archive", "", None, reason)]
    return InvalidWheelError(message, problems=problems, next_step=next_step)


def _find_end_before_comment(stream: BinaryIO, size: int) -> tuple[bytes, int]:
    """Find the end record of an archive that has a comment, or refuse what is none."""
    wanted = min(size, _ENDS_SIZE + _COMMENT_LIMIT)
    tail = read_at(stream, size - wanted, wanted)
    end = tail.rfind(_END)
    behind = len(tail) - end - _END_SIZE
    if end >= 0 and behind >= 0:
        if number(tail, end + 20, 2) == behind:
            return tail, end
        raise unusable(f"{behind} bytes stand behind the end of the archive, and are no part of it")
    if read_at(stream, 0, min(size, 4)) == LOCAL:
        raise unusable("its end is missing: the file is cut, as after an interrupted download")
    raise unusable("it is not a zip archive" if size else "the file is empty")


def _read_end64(tail: bytes, end: int, start: int, narrow: tuple[int, ...]) -> tuple[int, ...]:
    """Return the six numbers of the end record from its 64-bit form at ``start``.

    Readers differ in when they believe the 64-bit form (CVE-2025-8291), so it must
    stand directly before its locator, which must say so, and agree with the narrow form.
    """
    locator = end - _LOCATOR_SIZE
    record = locator - _END64_SIZE
    sound = (
        record >= 0
        and tail[record : record + 4] == _END64
        and number(tail, record + 4, 8) == _END64_SIZE - 12
        and number(tail, locator + 4, 4) == 0
        and number(tail, locator + 8, 8) == start
        and number(tail, locator + 16, 4) == 1
    )
    if not sound:
        raise unusable("its 64-bit end record is not where it must be")
    wide = (
        *(number(tail, record + at, 4) for at in (16, 20)),
        *(number(tail, record + at, 8) for at in (24, 32, 40, 48)),
    )
    unknown = (_UNKNOWN16,) * 4 + (_UNKNOWN32,) * 2
    if any(few not in (many, mark) for few, many, mark in zip(narrow, wide, unknown, strict=True)):
        raise unusable("its two end records contradict each other")
    return wide
