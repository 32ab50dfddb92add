"""``linkinstall.vetting.members``: both headers of each member, and every byte of the file."""

from __future__ import annotations

import io
import struct
import zlib

import pytest

from linkinstall import limits
from linkinstall.archive import read_directory
from linkinstall.errors import InvalidWheelError
from linkinstall.vetting.members import Member, check_contents, read_members
from linkinstall.vetting.problems import Problems
from tests.support.archives import WIDE, Raw, raw_archive

TEXT = b"some text " * 50
FOLDER = 0o040755
FOLLOW = 0x0008


def vetted(data: bytes) -> tuple[list[Member], list[tuple[str, str]]]:
    """Return the members of an archive, and (code, path) of its problems."""
    stream = io.BytesIO(data)
    problems = Problems()
    directory = read_directory(stream, len(data))
    members = read_members(directory, problems)
    check_contents(stream, directory, members, problems)
    return members, [(problem.code, problem.path) for problem in problems.found]


def descriptor(data: bytes, packed: int, *, mark: bool = True, wide: bool = False) -> bytes:
    """Return what a writer that cannot seek puts behind the contents."""
    fields = struct.pack("<LQQ" if wide else "<LLL", zlib.crc32(data), packed, len(data))
    return (b"PK\7\x08" if mark else b"") + fields


def streamed(*, mark: bool = True, wide: bool = False, behind: bytes | None = None) -> Raw:
    """Return a member as a writer makes it that cannot seek."""
    packed = len(Raw("a", TEXT).packed)
    if behind is None:
        behind = descriptor(TEXT, packed, mark=mark, wide=wide)
    zeros = {"crc": 0, "packed": 0, "size": 0}
    return Raw("a", TEXT, flags=FOLLOW, local=zeros, behind=behind)


def test_ordinary_members() -> None:
    """Files and folders are read with their sizes, modes and places."""
    members, problems = vetted(
        raw_archive([Raw("p/", mode=FOLDER), Raw("p/a", TEXT), Raw("p/b", TEXT, method=0)])
    )

    assert [] == problems
    assert [("p/", 0, True), ("p/a", 500, False), ("p/b", 500, False)] == [
        (member.name, member.size, member.is_folder) for member in members
    ]
    assert 0o100644 == members[1].mode
    assert members[2].offset == members[1].offset + 33 + members[1].packed


@pytest.mark.parametrize(
    "member",
    [
        streamed(),
        streamed(mark=False),
        streamed(wide=True),
        streamed(mark=False, wide=True),
        Raw("a", TEXT, flags=FOLLOW),
        Raw("a", b"", method=0),
        Raw("a", b"", payload=b"", method=0),
        Raw("a", TEXT, mode=0),
        Raw("a/", mode=0),
        Raw("a/", mode=0o100644),
        Raw("a", TEXT, mode=0o101755),
        Raw("d/", mode=0o042755),
        Raw("a", TEXT, central={"comment": b"a comment"}),
        Raw("a", TEXT, local={"extra": b"UT\5\0\3abcd"}),
        Raw("\u00e9", TEXT),
        Raw("a", TEXT, flags=0x0006),
    ],
)
def test_unusual_but_legal(member: Raw) -> None:
    """Descriptors, extra fields, comments, missing modes and UTF-8 names are read."""
    assert [] == vetted(raw_archive([member, Raw("z", b"last")]))[1]
    assert [] == vetted(raw_archive([Raw("0", b"first"), member]))[1]


def test_wide_local_sizes() -> None:
    """A local header may say its sizes in the extra field."""
    packed = len(Raw("a", TEXT).packed)
    extra = struct.pack("<HHQQ", 1, 16, len(TEXT), packed)
    member = Raw("a", TEXT, local={"packed": WIDE, "size": WIDE, "extra": extra})
    short = Raw("a", TEXT, local={"packed": WIDE, "size": WIDE, "extra": extra[:8]})

    assert [] == vetted(raw_archive([member]))[1]
    assert [("member-damaged", "a")] == vetted(raw_archive([short]))[1]


def test_the_order_of_the_directory_is_free() -> None:
    """The directory may list members in another order than they stand in the file."""
    first, second = Raw("a", b"1"), Raw("b", b"2")
    length = len(raw_archive([first])) - len(raw_archive([])) - 47
    swapped = raw_archive(
        [
            Raw("b", b"2", local={"name": b"a", "crc": zlib.crc32(b"1")}, payload=first.packed,
                at=length),
            Raw("a", b"1", local={"name": b"b", "crc": zlib.crc32(b"2")}, payload=second.packed,
                at=0),
        ]
    )  # fmt: skip

    assert [] == vetted(swapped)[1]


@pytest.mark.parametrize(
    ("member", "code"),
    [
        (Raw("a", TEXT, flags=0x0001), "member-encrypted"),
        (Raw("a", TEXT, flags=0x0040), "member-encrypted"),
        (Raw("a", TEXT, flags=0x2000), "member-encrypted"),
        (Raw("a", TEXT, flags=0x0020), "member-compression"),
        (Raw("a", TEXT, method=9), "member-compression"),
        (Raw("a", TEXT, method=12), "member-compression"),
        (Raw("a", TEXT, method=14), "member-compression"),
        (Raw("a", TEXT, method=93), "member-compression"),
        (Raw("a", TEXT, method=0, payload=TEXT[:-1]), "member-damaged"),
        (Raw("a", b"/etc/passwd", mode=0o120777), "member-type"),
        (Raw("a/", mode=0o120777), "member-type"),
        (Raw("a", mode=0o020666), "member-type"),
        (Raw("a", mode=0o060666), "member-type"),
        (Raw("a", mode=0o010666), "member-type"),
        (Raw("a", mode=0o140666), "member-type"),
        (Raw("a", mode=0o040755), "member-type"),
        (Raw("a", TEXT, mode=0o104755), "member-type"),
        (Raw("a", TEXT, mode=0o102755), "member-type"),
        (Raw("a", TEXT, mode=0o4755), "member-type"),
        (Raw("a/", TEXT, mode=FOLDER), "member-type"),
        (Raw(b"\xff\xfe", TEXT), "member-name"),
        (Raw(b"caf\xe9", TEXT), "member-name"),
        (Raw(b"caf\xe9", TEXT, flags=0x0800), "member-name"),
        (Raw("a", TEXT, local={"name": b"b"}), "member-name"),
        (Raw("a", TEXT, local={"name": b"ab"}), "member-name"),
        (Raw("a", TEXT, local={"method": 0}), "member-damaged"),
        (Raw("a", TEXT, local={"flags": 1}), "member-damaged"),
        (Raw("a", TEXT, local={"flags": FOLLOW}), "member-damaged"),
        (Raw("a", TEXT, local={"flags": 0x0800}), "member-damaged"),
        (Raw("a", TEXT, local={"crc": 7}), "member-damaged"),
        (Raw("a", TEXT, local={"size": 7}), "member-damaged"),
        (Raw("a", TEXT, local={"packed": 7}), "member-damaged"),
        (Raw("a", TEXT, central={"crc": 7}), "member-damaged"),
        (Raw("a", TEXT, central={"size": 7}), "member-damaged"),
        (Raw("a", TEXT, central={"disk": 1}), "archive"),
        (Raw("a", TEXT, at=10**6), "member-damaged"),
        (Raw("a", TEXT, central={"packed": 10**6}), "member-damaged"),
        (Raw("a", TEXT, behind=b"junk"), "archive-bytes"),
        (Raw("a", TEXT, behind=b"PK\3\4" + b"\0" * 26), "archive-bytes"),
        (Raw("a", TEXT, behind=descriptor(TEXT, 20)), "archive-bytes"),
        (streamed(behind=b""), "archive-bytes"),
        (streamed(behind=b"PK\7\x08" + b"\0" * 12), "archive-bytes"),
        (streamed(behind=b"\0" * 30), "archive-bytes"),
    ],
)
def test_members_that_are_refused(member: Raw, code: str) -> None:
    """What tools read differently, cannot read or should not make is refused."""
    assert code in [found for found, _ in vetted(raw_archive([member, Raw("z", b"last")]))[1]]


def test_overlapping_members() -> None:
    """Members that share bytes are refused, also when one is quoted by another."""
    inner = Raw("b", b"x" * 100, method=0)
    quoted = raw_archive([inner])[: 31 + 100]
    archive = raw_archive(
        [Raw("a", quoted, method=0), Raw("b", b"x" * 100, method=0, payload=b"", at=31)]
    )

    assert "member-overlap" in [code for code, _ in vetted(archive)[1]]


@pytest.mark.parametrize(
    "options",
    [{"before": b"#!/bin/sh\n"}, {"before_directory": b"hidden"}, {"before": b"PK\3\4" * 20}],
)
def test_bytes_of_nobody(options: dict[str, bytes]) -> None:
    """Bytes before the first member or behind the last are refused."""
    assert ["archive-bytes"] == [code for code, _ in vetted(raw_archive([Raw("a")], **options))[1]]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            raw_archive(
                [Raw("a", TEXT, method=0, central={"comment": b"x" * 99})],
                end={"here": 2, "count": 2},
            ),
            "has 1 members",
        ),
        (raw_archive([Raw("a"), Raw("b")], end={"here": 1, "count": 1}), "has 2 members"),
        (raw_archive([Raw("a")]).replace(b"PK\1\2", b"PK\1\3"), "damaged after 0"),
    ],
)
def test_the_directory_itself(data: bytes, words: str) -> None:
    """A directory that is not made of its headers, as many as promised, is refused at once."""
    with pytest.raises(InvalidWheelError, match=words):
        vetted(data)


def test_a_header_that_claims_more_than_there_is() -> None:
    """The last header may not run over the end of the directory."""
    data = bytearray(raw_archive([Raw("a")]))
    at = data.index(b"PK\1\2")
    data[at + 30 : at + 32] = b"\xff\0"  # the length of its extra field

    with pytest.raises(InvalidWheelError, match="has 1 members"):
        vetted(bytes(data))


@pytest.mark.parametrize(
    ("bound", "value"),
    [
        ("WHEEL_MEMBER_SIZE", 499),
        ("WHEEL_SIZE", 499),
        ("WHEEL_MEMBER_RATIO_FROM", 500),
        ("WHEEL_RATIO_FROM", 500),
    ],
)
def test_bounds(bound: str, value: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contents beyond the bounds on sizes and ratios are refused before they are unpacked."""
    data = raw_archive([Raw("a", TEXT)])
    monkeypatch.setattr(limits, "WHEEL_MEMBER_RATIO", 5)
    monkeypatch.setattr(limits, "WHEEL_RATIO", 3)
    assert [] == vetted(data)[1]

    monkeypatch.setattr(limits, bound, value)

    assert ["archive-size"] == [code for code, _ in vetted(data)[1]]
    monkeypatch.setattr(limits, bound, value + 1)
    assert [] == vetted(data)[1]


def test_a_bomb() -> None:
    """Sixty-four MiB out of sixty-four KiB are refused, in one member or in many."""
    one = Raw("a", b"\0" * (16 << 20))
    small = Raw("b", b"\0" * ((16 << 20) - 1))

    assert [("archive-size", "a")] == vetted(raw_archive([one]))[1]
    assert [("archive-size", "")] == vetted(raw_archive([small] * 5))[1]
