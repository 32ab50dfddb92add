"""``linkinstall.archive``: one directory, directly before the end, or no archive."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkinstall import limits
from linkinstall.archive import extra_field, number, read_at, read_directory, real_sizes
from linkinstall.errors import InvalidWheelError
from tests.support.archives import WIDE, Raw, raw_archive

if TYPE_CHECKING:
    from collections.abc import Sequence

MEMBERS = [Raw("a.txt", b"first" * 20), Raw("b/c.txt", b"second")]


class ShortReads(io.RawIOBase):
    """A stream that never gives more than seven bytes at a time."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._stream = io.BytesIO(data)

    def seekable(self) -> bool:
        """Say that positions can be set."""
        return True

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """Set the position."""
        return self._stream.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        """Return a few bytes."""
        return self._stream.read(min(size, 7))


def refusal(data: bytes) -> str:
    """Return the sentence with which an archive is refused."""
    with pytest.raises(InvalidWheelError) as caught:
        read_directory(io.BytesIO(data), len(data))
    return caught.value.message


def test_reads_what_zipfile_writes() -> None:
    """An ordinary archive's directory is found, with offset, count and raw bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a", "1")
        archive.writestr("b", "2")
    data = stream.getvalue()

    directory = read_directory(stream, len(data))

    assert archive.start_dir == directory.offset
    assert 2 == directory.count
    assert data[archive.start_dir : -22] == directory.data


def test_the_writer_of_these_tests_is_sound() -> None:
    """What ``raw_archive`` writes without lies is an archive for ``zipfile``."""
    with zipfile.ZipFile(io.BytesIO(raw_archive(MEMBERS))) as archive:
        assert archive.testzip() is None
        assert ["a.txt", "b/c.txt"] == archive.namelist()


@pytest.mark.parametrize(
    "options",
    [
        {"comment": b"a comment"},
        {"comment": b"x" * 0xFFFF},
        {"zip64": {}},
        {"zip64": {}, "comment": b"both"},
        {"zip64": {}, "end": {"here": 0xFFFF, "count": 0xFFFF, "length": WIDE, "offset": WIDE}},
        {"zip64": {}, "end": {"disk": 0xFFFF, "directory_disk": 0xFFFF}},
    ],
)
def test_unusual_but_legal(options: dict[str, object]) -> None:
    """Comments and 64-bit end records are read."""
    data = raw_archive(MEMBERS, **options)  # type: ignore[arg-type]

    directory = read_directory(io.BytesIO(data), len(data))

    assert 2 == directory.count
    assert directory.data.startswith(b"PK\1\2")
    assert directory.data.endswith(b"b/c.txt")


def test_short_reads() -> None:
    """A raw stream may give fewer bytes than it is asked for."""
    data = raw_archive(MEMBERS)

    directory = read_directory(ShortReads(data), len(data))  # type: ignore[arg-type]

    assert read_directory(io.BytesIO(data), len(data)) == directory


def test_an_empty_archive_has_an_empty_directory() -> None:
    """Twenty-two bytes are an archive without members."""
    data = raw_archive([])

    assert b"" == read_directory(io.BytesIO(data), len(data)).data


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"<html>not found</html>", "is not a zip archive"),
        (b"P", "is not a zip archive"),
        (b"PK\5\6", "is not a zip archive"),
        (raw_archive(MEMBERS)[:-30], "interrupted download"),
        (raw_archive(MEMBERS)[:-1], "interrupted download"),
        (raw_archive(MEMBERS)[:100], "interrupted download"),
    ],
)
def test_no_archive(data: bytes, words: str) -> None:
    """What is no archive, or only the beginning of one, is told apart."""
    assert words in refusal(data)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"after": b"\n"}, "1 bytes stand behind the end"),
        ({"after": raw_archive(MEMBERS)}, "belong to no part"),
        ({"before": b"#!/bin/sh\n", "shift": False}, "10 bytes belong to no part"),
        ({"before_end": b"hidden"}, "6 bytes belong to no part"),
        ({"end": {"disk": 1}}, "several parts"),
        ({"end": {"directory_disk": 1}}, "several parts"),
        ({"end": {"here": 1}}, "several parts"),
        ({"end": {"offset": 10**6}}, "outside of the file"),
        ({"end": {"length": 10**6}}, "outside of the file"),
        ({"end": {"length": 0}}, "belong to no part"),
        ({"end": {"offset": WIDE}}, "outside of the file"),
        ({"zip64": {"offset": 0}}, "contradict"),
        ({"zip64": {"count": 1}}, "contradict"),
        ({"zip64": {"disk": 1}}, "contradict"),
        ({"zip64": {"here": 7, "count": 7}, "end": {"here": 0xFFFF, "count": 7}}, "no room"),
        ({"end": {"here": 3, "count": 3}}, "no room"),
        ({"zip64": {"position": 0}}, "not where it must be"),
        ({"zip64": {"record_size": 60}}, "not where it must be"),
        ({"zip64": {"disks": 2}}, "not where it must be"),
        ({"zip64": {"locator_disk": 1}}, "not where it must be"),
    ],
)
def test_other_readers_could_find_something_else(options: dict[str, object], words: str) -> None:
    """Bytes that belong to nothing, and end records that contradict, are refused."""
    data = raw_archive(MEMBERS, **options)  # type: ignore[arg-type]

    assert words in refusal(data)


def test_a_locator_without_room_for_its_record() -> None:
    """A file that begins with a locator has no 64-bit end record in front of it."""
    data = struct.pack("<4sLQL", b"PK\6\7", 0, 0, 1) + raw_archive([])

    assert "not where it must be" in refusal(data)


def test_a_second_end_record_in_the_comment() -> None:
    """An archive hidden in a comment does not get to speak, nor does the one around it."""
    inner = raw_archive([Raw("evil.txt", b"x")])
    data = raw_archive(MEMBERS, comment=inner)

    assert "belong to no part" in refusal(data)


def test_headers_without_members() -> None:
    """A directory of many headers, and a file without room for the members, is refused at once."""
    header = read_directory(io.BytesIO(raw_archive(MEMBERS)), len(raw_archive(MEMBERS))).data
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 2000, 2000, 1000 * len(header), 0, 0)

    assert "no room" in refusal(header * 1000 + end)


def test_size_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory or a count beyond the bounds is refused before it is read."""
    data = raw_archive(MEMBERS)

    monkeypatch.setattr(limits, "WHEEL_MEMBERS", 1)
    assert "more than any real one" in refusal(data)
    monkeypatch.setattr(limits, "WHEEL_MEMBERS", 2)
    monkeypatch.setattr(limits, "CENTRAL_DIRECTORY_SIZE", 50)
    assert "more than any real one" in refusal(data)


def test_a_file_that_shrinks() -> None:
    """A stream that ends before the size it was said to have is refused, not waited for."""
    with pytest.raises(InvalidWheelError, match="became shorter"):
        read_at(io.BytesIO(b"abc"), 1, 3)


def _header(packed: int, size: int, offset: int, extra: bytes) -> bytes:
    said = {"packed": packed, "size": size, "offset": offset, "extra": extra}
    data = raw_archive([Raw("a", b"", central=said)])
    return read_directory(io.BytesIO(data), len(data)).data


@pytest.mark.parametrize(
    ("narrow", "wide", "expected"),
    [
        ((1, 2, 3), (), (1, 2, 3)),
        ((WIDE, 2, 3), (2**40,), (2**40, 2, 3)),
        ((1, WIDE, 3), (2**41,), (1, 2**41, 3)),
        ((1, 2, WIDE), (2**42,), (1, 2, 2**42)),
        # The field has the unpacked size first.
        ((WIDE, WIDE, WIDE), (2**41, 2**40, 2**42), (2**40, 2**41, 2**42)),
    ],
)
def test_numbers_beyond_32_bits(
    narrow: tuple[int, int, int], wide: Sequence[int], expected: tuple[int, int, int]
) -> None:
    """Sizes and offsets that need 64 bits are taken from the extra field."""
    content = b"".join(value.to_bytes(8, "little") for value in wide)
    extra = struct.pack("<HH", 0x5455, 1) + b"t" + struct.pack("<HH", 1, len(content)) + content

    assert expected == real_sizes(_header(*narrow, extra), 0)


@pytest.mark.parametrize("extra", [b"", b"\1\0", b"\1\0\4\0abcd", b"\1\0\xff\xff"])
def test_a_size_that_is_nowhere(extra: bytes) -> None:
    """A number that the extra field should have and does not is refused."""
    with pytest.raises(InvalidWheelError, match="size of a member is missing"):
        real_sizes(_header(WIDE, 1, 1, extra), 0)


@given(st.binary(max_size=60), st.integers(0, 3))
def test_any_extra_field_can_be_read(extra: bytes, kind: int) -> None:
    """No bytes make the reader of extra fields fail or run on."""
    assert len(extra_field(extra, kind)) <= len(extra)


@given(st.integers(0, 2**64 - 1))
def test_numbers_are_little_endian(value: int) -> None:
    """Numbers are read lowest byte first."""
    assert value == number(b"xx" + struct.pack("<Q", value), 2, 8)


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail_otherwise(data: bytes) -> None:
    """Whatever a file holds, it is an archive or it is refused."""
    for whole in (data, b"PK\3\4" + data + raw_archive([]), raw_archive(MEMBERS)[:-9] + data):
        try:
            read_directory(io.BytesIO(whole), len(whole))
        except InvalidWheelError:
            continue
