"""The contents of members: whole, compared with what the archive promises, read once."""

from __future__ import annotations

import hashlib
import io
import random
import sys
import zipfile
import zlib
from importlib.util import find_spec
from typing import TYPE_CHECKING, BinaryIO

import pytest

from linkinstall import limits
from linkinstall.archive import LOCAL_SIZE, read_directory
from linkinstall.contents import Contents
from linkinstall.errors import InvalidWheelError
from linkinstall.vetting.members import Member, read_members
from linkinstall.vetting.problems import Problems
from tests.support.gates import require

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK = limits.COPY_CHUNK
SIZES = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7)
METHODS = {"stored": zipfile.ZIP_STORED, "deflated": zipfile.ZIP_DEFLATED}


class Counting(io.BytesIO):
    """A file that knows how many bytes were read from it, and how many at once."""

    count = 0
    most = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, and count."""
        data = super().read(size)
        self.count += len(data)
        self.most = max(self.most, len(data))
        return data


class Unseekable(io.BytesIO):
    """A file on which ``zipfile`` writes sizes and checksums behind the contents."""

    def seekable(self) -> bool:
        """Say that it cannot be moved in."""
        return False

    def seek(self, *_: int) -> int:
        """Fail, as a pipe does."""
        raise io.UnsupportedOperation

    def tell(self) -> int:
        """Fail, as a pipe does."""
        raise io.UnsupportedOperation


@pytest.fixture(autouse=True, params=["zlib", "isal"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Inflate by the one library and by the other."""
    name: str = request.param
    if name == "zlib":
        monkeypatch.setitem(sys.modules, "isal", None)
    else:
        require(find_spec("isal") is not None, "isal, the extra `fast`")
    return name


def some_bytes(size: int) -> bytes:
    """Return bytes, half of which deflate well."""
    chance = random.Random(size)  # noqa: S311 - no secret
    return (chance.randbytes(size // 2) + b"def f(x):\n    return x\n" * (size // 20 + 1))[:size]


def packed(files: dict[str, bytes], method: int, target: io.BytesIO | None = None) -> bytes:
    """Return an archive."""
    stream = io.BytesIO() if target is None else target
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


def opened(
    stream: BinaryIO, progress: Callable[[float], None] | None = None
) -> tuple[Contents, list[Member]]:
    """Return the contents of an archive, and its members."""
    directory = read_directory(stream, stream.seek(0, 2))
    members = read_members(directory, Problems())
    return Contents(stream, members, directory.offset, progress), members


def whole(contents: Contents, member: Member, size: int = CHUNK) -> bytes:
    """Return all of a member, read as an entry's writer reads it."""
    stream = contents.open(member)
    data = b""
    while chunk := stream.read(size):
        assert len(chunk) <= size
        data += chunk
    return data


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("target", [io.BytesIO, Unseekable])
def test_what_was_packed_comes_out(
    size: int, method: str, target: Callable[[], io.BytesIO]
) -> None:
    """Each member, of whatever size and wherever its sizes are written, comes out as it was."""
    files = {"first": b"1", "second": some_bytes(size), "third": b"3"}
    contents, members = opened(io.BytesIO(packed(files, METHODS[method], target())))

    found = {member.name: whole(contents, member) for member in members}

    assert files == found


def test_it_says_how_far_it_is_within_a_large_file() -> None:
    """One file of a wheel may take minutes: the part that is read rises while it is."""
    data = some_bytes(5 * CHUNK)
    seen: list[float] = []
    packed_data = packed({"one": data}, zipfile.ZIP_STORED)
    contents, (member,) = opened(io.BytesIO(packed_data), seen.append)

    whole(contents, member)

    assert sorted(seen) == seen
    assert seen[0] < 0.1
    assert 0.7 < seen[-1] <= 1
    assert len(seen) > 5


@pytest.mark.parametrize("method", METHODS)
def test_a_reader_may_ask_for_little_at_a_time(method: str) -> None:
    """The sizes that a reader asks for are nothing to the contents."""
    data = some_bytes(CHUNK + 99)
    contents, (member,) = opened(io.BytesIO(packed({"one": data}, METHODS[method])))

    assert data == whole(contents, member, 70_001)


def test_the_archive_is_digested_while_it_is_read_once() -> None:
    """In the order of the archive no byte is read twice, and the digest is that of the file."""
    files = {f"{size}": some_bytes(size) for size in SIZES}
    data = packed(files, zipfile.ZIP_DEFLATED)
    stream = Counting(data)
    contents, members = opened(stream)
    before = stream.count

    for member in members:
        whole(contents, member)

    assert hashlib.sha256(data).hexdigest() == contents.sha256()
    assert len(data) == stream.count - before


@pytest.mark.parametrize("opened_ones", [(), (1,), (2, 0), (3, 2, 1, 0), (0, 0, 1)])
def test_the_digest_does_not_depend_on_what_was_opened(opened_ones: tuple[int, ...]) -> None:
    """What was opened out of order, twice or not at all is read for the digest by itself."""
    files = {f"{size}": some_bytes(size) for size in (5, CHUNK + 1, 70_000, 3)}
    data = packed(files, zipfile.ZIP_DEFLATED)
    contents, members = opened(io.BytesIO(data))

    for number in opened_ones:
        whole(contents, members[number])

    assert hashlib.sha256(data).hexdigest() == contents.sha256()


def test_memory_is_bounded_whatever_comes_out() -> None:
    """Of 64 MiB in a few kB no more is held than is asked for."""
    data = packed({"zeros": bytes(64 * CHUNK)}, zipfile.ZIP_DEFLATED)
    contents, (member,) = opened(io.BytesIO(data))
    stream = contents.open(member)

    size = 0
    while chunk := stream.read(CHUNK):
        assert len(chunk) <= CHUNK
        size += len(chunk)

    assert 64 * CHUNK == size


def test_memory_is_bounded_whatever_goes_in() -> None:
    """Of 8 MiB that do not deflate no more is read at once than a chunk."""
    noise = random.Random(1).randbytes(8 * CHUNK)  # noqa: S311 - no secret
    stream = Counting(packed({"noise": noise}, 0))
    contents, (member,) = opened(stream)
    stream.most = 0

    whole(contents, member)

    assert stream.most <= CHUNK


def lie_about_size(member: Member, more: int) -> Member:
    """Return a member whose header promises more bytes than there are."""
    return member._replace(size=member.size + more)


@pytest.mark.parametrize("size", [100, 3 * CHUNK])
@pytest.mark.parametrize(
    ("more", "word"), [(-1, "more"), (-90, "more"), (1, "less"), (5000, "less")]
)
def test_another_size_than_promised_is_refused(size: int, more: int, word: str) -> None:
    """More is not handed over, less is not taken for the whole."""
    contents, (member,) = opened(io.BytesIO(packed({"one": some_bytes(size)}, 8)))
    liar = lie_about_size(member, more)

    with pytest.raises(InvalidWheelError, match=f"damaged: 'one': there is {word} in it"):
        whole(contents, liar)


@pytest.mark.parametrize("size", [100, 3 * CHUNK])
@pytest.mark.parametrize("method", METHODS)
def test_another_checksum_is_refused(size: int, method: str) -> None:
    """Contents whose CRC-32 is not the promised one are an error at their end."""
    contents, (member,) = opened(io.BytesIO(packed({"one": some_bytes(size)}, METHODS[method])))

    with pytest.raises(InvalidWheelError, match="checksum"):
        whole(contents, member._replace(crc=member.crc ^ 1))


@pytest.mark.parametrize("size", [100, 3 * CHUNK])
@pytest.mark.parametrize("spoilt", ["cut", "noise"])
def test_what_cannot_be_inflated_is_refused(size: int, spoilt: str) -> None:
    """A stream that ends too early, or is none, is a damaged member, and no other error."""
    data = some_bytes(size)
    deflated = zlib.compress(data, wbits=-15)
    inside = deflated[: len(deflated) // 2] if spoilt == "cut" else b"\xff" * len(deflated)
    start = LOCAL_SIZE + len("one")
    archive = bytearray(packed({"one": inside}, zipfile.ZIP_STORED))
    contents, (member,) = opened(io.BytesIO(bytes(archive)))
    assert inside == archive[start : start + len(inside)]
    liar = member._replace(method=8, size=size, crc=zlib.crc32(data))

    with pytest.raises(InvalidWheelError, match=r"its contents are damaged: 'one': "):
        whole(contents, liar)
