"""The members of an archive, checked against every way of reading them.

Purpose: a zip archive says everything twice, once in the central directory and once
in front of each member, and nothing stops it from contradicting itself. Tools differ
in what they believe; an archive is vetted only if they cannot.

Calling sequence::

    members = read_members(directory, problems)
    check_contents(stream, directory, members, problems)

Guarantees: when neither noted a problem, each byte of the file belongs to exactly one
member or to the directory, both headers of a member agree, and each member is a plain
file or folder, stored or deflated, of bounded size. No contents are read.

Errors: :class:`~linkinstall.errors.InvalidWheelError` where the directory itself cannot
be walked; everything else is noted in ``problems``.

References: APPNOTE.TXT 6.3, 4.3.7 to 4.3.12; CVE-2024-0450 (overlapping members),
CVE-2019-9674 (bombs), CVE-2025-54368 (differing headers).
"""

from __future__ import annotations

import stat
from struct import Struct
from typing import NamedTuple

from linkinstall import limits
from linkinstall.archive import (
    HEADER,
    HEADER_SIZE,
    LOCAL,
    LOCAL_SIZE,
    Directory,
    extra_field,
    number,
    read_at,
    real_sizes,
    unusable,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from linkinstall.vetting.problems import Problems

__all__ = ["Member", "check_contents", "read_members"]

_HEADER = Struct("<8xHH4xLLLHHHH2xLL")
_LOCAL = Struct("<4s2xHH4xLLLHH")
_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_PATCHED = 0x0020
_SIZES_FOLLOW = 0x0008
_UTF8 = 0x0800
_STORED, _DEFLATED = 0, 8
_COMPARED = _ENCRYPTED | _PATCHED | _SIZES_FOLLOW | _UTF8
_UNKNOWN = 0xFFFF_FFFF
_DESCRIPTOR = b"PK\x07\x08"
_DESCRIPTOR_SIZE = 24


class Member(NamedTuple):
    """One entry of the central directory.

    :param name: its path; a folder's ends in a slash
    :param raw_name: the same as it stands in the archive
    :param header: where in the directory its header begins
    :param mode: Unix file type and permissions, 0 where it has none
    :param packed: bytes in the archive
    :param size: bytes when unpacked
    :param offset: where in the file its local header begins
    :param is_folder: whether it only says that a folder exists
    """

    name: str
    raw_name: bytes
    header: int
    flags: int
    method: int
    mode: int
    crc: int
    packed: int
    size: int
    offset: int
    is_folder: bool


def read_members(directory: Directory, problems: Problems) -> list[Member]:
    """Walk the central directory, noting what each header says that is refused.

    :raises InvalidWheelError: if the directory does not consist of as many headers as
        the end record promises
    """
    data = directory.data
    members: list[Member] = []
    at = 0
    while at < len(data):
        if not data.startswith(HEADER, at) or at + HEADER_SIZE > len(data):
            raise unusable(f"its central directory is damaged after {len(members)} members")
        member, behind, disk = _read_header(data, at, problems)
        if disk:
            reason = "it is in another part of an archive in several parts"
            problems.add("archive", member.name, reason)
        _check_header(member, problems)
        members.append(member)
        at += HEADER_SIZE + len(member.raw_name) + behind
    if at != len(data) or len(members) != directory.count:
        raise unusable(
            f"its central directory has {len(members)} members, its end says {directory.count}"
        )
    total, packed = sum(member.size for member in members), directory.offset
    if total > limits.WHEEL_SIZE or (
        total >= limits.WHEEL_RATIO_FROM and total > limits.WHEEL_RATIO * packed
    ):
        problems.add("archive-size", "", f"{packed} bytes would unpack to {total}")
    return members


def check_contents(
    stream: BinaryIO, directory: Directory, members: Sequence[Member], problems: Problems
) -> None:
    """Check the local headers, and that the members fill the file without gap or overlap."""
    ordered = sorted(members, key=lambda member: member.offset)
    if not ordered:
        return  # an empty archive; that it is no wheel is found elsewhere
    if ordered[0].offset:
        problems.add("archive-bytes", "", f"{ordered[0].offset} bytes stand before the archive")
    following = [member.offset for member in ordered[1:]] + [directory.offset]
    for member, limit in zip(ordered, following, strict=True):
        found = _check_local(stream, directory, member, problems)
        if found is None:
            return  # where it ends, and the next one begins, is unknown
        end, complete = found
        if limit < end:
            problems.add("member-overlap", member.name, "it overlaps with what follows it")
        elif not _is_descriptor(stream, member, end, limit - end, needed=not complete):
            problems.add(
                "archive-bytes",
                member.name,
                f"the {limit - end} bytes behind it are no part of the archive",
            )


def _read_header(data: bytes, at: int, problems: Problems) -> tuple[Member, int, int]:
    """Return a member, how many bytes follow its name in the directory, and its disk."""
    fields = _HEADER.unpack_from(data, at)
    flags, method, crc, packed, size, name_length, extra, comment, disk, attributes, offset = fields
    if _UNKNOWN in (packed, size, offset):
        packed, size, offset = real_sizes(data, at)
    raw_name = data[at + HEADER_SIZE : at + HEADER_SIZE + name_length]
    name = _decode(raw_name, flags, problems)
    member = Member(
        name, raw_name, at, flags, method, attributes >> 16, crc, packed, size, offset,
        name.endswith("/"),
    )  # fmt: skip
    return member, extra + comment, disk


def _decode(raw_name: bytes, flags: int, problems: Problems) -> str:
    try:
        return raw_name.decode("utf-8" if flags & _UTF8 else "ascii")
    except UnicodeDecodeError:
        name = raw_name.decode("utf-8" if flags & _UTF8 else "cp437", "backslashreplace")
        problems.add(
            "member-name", name, "the name is not UTF-8, or not marked so: tools would differ on it"
        )
        return name


def _check_header(member: Member, problems: Problems) -> None:
    if member.flags & _ENCRYPTED:
        problems.add("member-encrypted", member.name, "it is encrypted")
    if member.method not in (_STORED, _DEFLATED) or member.flags & _PATCHED:
        problems.add(
            "member-compression",
            member.name,
            f"it is compressed by method {member.method}; wheels are stored or deflated",
        )
    elif member.method == _STORED and member.packed != member.size:
        problems.add("member-damaged", member.name, "it is stored, but of two different sizes")
    # A folder is one by the slash of its name; there are writers that give it a file's mode.
    plain = (0, stat.S_IFREG, stat.S_IFDIR) if member.is_folder else (0, stat.S_IFREG)
    if stat.S_IFMT(member.mode) not in plain:
        problems.add(
            "member-type", member.name, "it is a link, a device or of another special kind"
        )
    elif not member.is_folder and member.mode & (stat.S_ISUID | stat.S_ISGID):
        problems.add(
            "member-type", member.name, "it would run with somebody else's rights (setuid)"
        )
    if member.is_folder and member.size:
        problems.add("member-type", member.name, "it is a folder, yet has contents")
    if member.size > limits.WHEEL_MEMBER_SIZE or (
        member.size >= limits.WHEEL_MEMBER_RATIO_FROM
        and member.size > limits.WHEEL_MEMBER_RATIO * member.packed
    ):
        problems.add(
            "archive-size", member.name, f"{member.packed} bytes would unpack to {member.size}"
        )


def _check_local(
    stream: BinaryIO, directory: Directory, member: Member, problems: Problems
) -> tuple[int, bool] | None:
    """Check one local header.

    Return where the contents end, and whether that is all (a writer that cannot seek says
    the sizes behind the contents); None if that cannot be known.
    """
    length = LOCAL_SIZE + len(member.raw_name)
    if member.offset + length + member.packed > directory.offset:
        problems.add("member-damaged", member.name, "it lies outside of the file")
        return None
    local = read_at(stream, member.offset, length)
    mark, flags, method, crc, packed, size, name_length, extra_length = _LOCAL.unpack_from(local)
    if mark != LOCAL:
        problems.add("member-damaged", member.name, "it is not where the central directory says")
        return None
    if local[LOCAL_SIZE:] != member.raw_name or name_length != len(member.raw_name):
        problems.add("member-name", member.name, "it has another name in front of its contents")
        return None
    if _UNKNOWN in (packed, size):
        wide = extra_field(read_at(stream, member.offset + length, extra_length), 1)
        size, packed = number(wide, 0, 8), number(wide, 8, 8)
    says_sizes = (crc, packed, size) == (member.crc, member.packed, member.size)
    agree = flags & _COMPARED == member.flags & _COMPARED and method == member.method
    if not agree or not (says_sizes or flags & _SIZES_FOLLOW):
        problems.add("member-damaged", member.name, "its two headers contradict each other")
    end = member.offset + length + extra_length + member.packed
    return end, says_sizes or not flags & _SIZES_FOLLOW


def _is_descriptor(stream: BinaryIO, member: Member, at: int, length: int, *, needed: bool) -> bool:
    """Tell whether what stands behind a member's contents is its descriptor, or nothing."""
    if not length:
        return not needed
    if not member.flags & _SIZES_FOLLOW or length > _DESCRIPTOR_SIZE:
        return False
    found = read_at(stream, at, length)
    crc = member.crc.to_bytes(4, "little")
    for width in (4, 8):  # bytes of each size
        sizes = b"".join(
            (size & (1 << 8 * width) - 1).to_bytes(width, "little")
            for size in (member.packed, member.size)
        )
        if found in (crc + sizes, _DESCRIPTOR + crc + sizes):
            return True
    return False
