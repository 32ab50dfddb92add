"""What is in the members of a vetted wheel: read once, inflated, digested on the way.

Purpose: the cold path's reader. ``zipfile`` costs more per file than writing it does;
of an archive that was vetted, each byte belongs to exactly one member or to the
directory, so a member is one read, and the archive's own digest comes of the same reads.

Calling sequence::

    contents = Contents(stream, wheel.members, wheel.directory)
    for member in wheel.members:
        stream = contents.open(member)      # read(n), to its end
    digest = contents.sha256()              # of the whole file; reads what is left of it

Guarantees: no more bytes come out of a member than its header promises, fewer or others
are an error at its end at the latest: size and CRC-32 are compared. Memory is bounded,
whatever the sizes. Where ``isal`` is installed (the extra ``fast``) it inflates, else
``zlib`` does; what comes out is the same.

Errors: :class:`~linkinstall.errors.InvalidWheelError` for contents that are damaged.
``OSError`` from the stream passes through.

Specification: APPNOTE.TXT 6.3, 4.3.7 to 4.3.9; RFC 1951.
"""

from __future__ import annotations

import hashlib
from io import BytesIO

from linkinstall import limits
from linkinstall.archive import LOCAL_SIZE, number, read_at, unusable
from linkinstall.vetting.problems import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, BinaryIO

    from linkinstall.errors import InvalidWheelError
    from linkinstall.vetting.members import Member

__all__ = ["Contents"]

_DEFLATED = 8
_RAW = -15  # zlib's name for RFC 1951 as it is, without a header of its own
_PACKED_CHUNK = 1 << 16


class Contents:
    """See the module docstring.

    :param stream: the archive, seekable; its position is moved
    :param members: every member of it
    :param directory: where its central directory begins
    :param progress: called at each read with the part of the archive that lies before it, 0 to 1
    """

    def __init__(
        self,
        stream: BinaryIO,
        members: Sequence[Member],
        directory: int,
        progress: Callable[[float], None] | None = None,
    ) -> None:
        self._stream = stream
        self._progress = progress
        self._total = max(1, directory)
        self._library = _inflating_library()
        offsets = sorted(member.offset for member in members)
        self._ends = dict(zip(offsets, [*offsets[1:], directory], strict=True))
        self._state = hashlib.sha256()
        self._digested = 0

    def open(self, member: Member) -> BinaryIO | LargeMember:
        """Return the contents of one member, as a stream.

        Small ones are whole and compared at once. A large one is read as it is asked for:
        read it to its end before the next is opened.
        """
        end = self._ends[member.offset]
        if max(end - member.offset, member.size) > limits.COPY_CHUNK:
            return LargeMember(self, member, end)
        segment = self.read(member.offset, end - member.offset)
        start = LOCAL_SIZE + number(segment, 26, 2) + number(segment, 28, 2)
        data = segment[start : start + member.packed]
        if member.method == _DEFLATED:
            # One byte more than promised: whether there is one tells whether it lies.
            data = self.inflate(self.inflater(), member, data, member.size + 1)
        self.compare(member, len(data), self.crc(data))
        return BytesIO(data)

    def inflater(self) -> Any:
        """Return a fresh stream that inflates one member."""
        return self._library.decompressobj(_RAW)

    def crc(self, data: bytes, before: int = 0) -> int:
        """Return the CRC-32 of what comes behind bytes of another one."""
        value: int = self._library.crc32(data, before)
        return value

    def sha256(self) -> str:
        """Return the digest of the whole file, in hexadecimal; read what was not read yet."""
        self._stream.seek(self._digested)
        while chunk := self._stream.read(limits.COPY_CHUNK):
            self._state.update(chunk)
        return self._state.hexdigest()

    def read(self, offset: int, length: int) -> bytes:
        """Read from the archive, and digest what is read for the first time."""
        if self._progress is not None:
            self._progress(min(1.0, offset / self._total))
        data = read_at(self._stream, offset, length)
        known = self._digested - offset
        # What lies further on has to wait: sha256 takes the bytes in their order.
        if 0 <= known < length:
            self._state.update(memoryview(data)[known:] if known else data)
            self._digested = offset + length
        return data

    def inflate(self, stream: Any, member: Member, data: bytes, most: int) -> bytes:
        """Return up to ``most`` bytes of what ``data`` inflates to."""
        try:
            inflated: bytes = stream.decompress(data, most)
        except self._library.error as error:
            raise _damaged(member, f"it cannot be inflated ({error})") from error
        return inflated

    def compare(self, member: Member, size: int, crc: int) -> None:
        """Compare what came out of a member with what its header promises."""
        if size != member.size:
            more = "more" if size > member.size else "less"
            raise _damaged(member, f"there is {more} in it than the {member.size} bytes promised")
        if crc != member.crc:
            raise _damaged(member, "its checksum (CRC-32) is another one")


class LargeMember:
    """The contents of a member that is too large to be held in memory.

    :param contents: what it is a part of
    :param end: where the next member begins, or the directory
    """

    def __init__(self, contents: Contents, member: Member, end: int) -> None:
        self._contents = contents
        self._member = member
        head = contents.read(member.offset, LOCAL_SIZE)
        names = number(head, 26, 2) + number(head, 28, 2)
        contents.read(member.offset + LOCAL_SIZE, names)
        self._at = member.offset + LOCAL_SIZE + names
        self._limit = self._at + member.packed
        self._end = end
        self._stream = contents.inflater() if member.method == _DEFLATED else None
        self._size = self._crc = 0

    def read(self, size: int) -> bytes:
        """Return at most so many bytes of the contents; nothing at their end."""
        # At the end one byte more is asked for: it is there only if the header lies.
        most = max(1, min(size, self._member.size - self._size))
        data = self._packed(most) if self._stream is None else self._inflated(self._stream, most)
        self._size += len(data)
        self._crc = self._contents.crc(data, self._crc)
        if not data or self._size > self._member.size:
            self._contents.compare(self._member, self._size, self._crc)
            if self._limit < self._end:  # its sizes may stand behind it
                self._contents.read(self._limit, self._end - self._limit)
        return data

    def _packed(self, most: int) -> bytes:
        length = min(most, self._limit - self._at)
        data = self._contents.read(self._at, length) if length else b""
        self._at += length
        return data

    def _inflated(self, stream: Any, most: int) -> bytes:
        while True:
            packed = stream.unconsumed_tail or self._packed(_PACKED_CHUNK)
            data = self._contents.inflate(stream, self._member, packed, most)
            if data or stream.eof or not packed:
                return data


def _inflating_library() -> Any:
    """Return the fastest module that does what ``zlib`` does."""
    try:
        from isal import isal_zlib
    except ImportError:
        import zlib

        return zlib
    return isal_zlib


def _damaged(member: Member, reason: str) -> InvalidWheelError:
    return unusable(f"its contents are damaged: {shown(member.name)}: {reason}")
