"""Errors while a destination's contents are written: the caller's pass, ours are typed."""

from __future__ import annotations

import errno
import io
import os
from typing import TYPE_CHECKING

import pytest

from linkinstall.cache import Cache
from linkinstall.errors import CacheError, ConflictError, FileSystemError
from linkinstall.unkept import Theirs, typed_writing
from tests.support.faulty import LocalFileSystem
from tests.support.parity import INTERPRETER, finalize, separate_schemes, write

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from linkinstall import LinkDestination
    from linkinstall.fs.port import FileSystem

PLACE = "/env/lib/app/a.py"
WRITTEN = "/cache/v1/tmp/0123456789abcdef/entry/files/purelib/app/a.py"


class Torn(io.BytesIO):
    """A stream that cannot be read."""

    def read(self, _size: int | None = -1, /) -> bytes:
        """Fail."""
        raise BlockingIOError(errno.EAGAIN, "the source is busy")


class Full(LocalFileSystem):
    """A volume without room for files."""

    def create(self, path: str, *, executable: bool = False) -> BinaryIO:  # noqa: ARG002
        """Refuse."""
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


def typed(error: OSError) -> OSError:
    """Return what is raised instead of an error."""
    with pytest.raises(OSError) as raised, typed_writing(PLACE):  # noqa: PT011 - any
        raise error
    return raised.value


def destination(folder: Path, files: FileSystem | None = None) -> LinkDestination:
    """Return a destination with a cache of its own."""
    from linkinstall import LinkDestination

    cache = Cache(folder / "cache", files=files)
    return LinkDestination(separate_schemes(folder / "env"), INTERPRETER, "posix", cache=cache)


def test_an_error_of_the_stream_passes() -> None:
    """What the caller's stream raises is the caller's, an OSError or not."""
    theirs = Theirs(Torn(b""))
    with pytest.raises(BlockingIOError) as raised, typed_writing(PLACE, theirs):
        theirs.read(1)
    assert theirs.error is raised.value


def test_an_error_of_ours_passes() -> None:
    """What is typed already stays as it is."""
    error = ConflictError("both")
    assert error is typed(error)
    with pytest.raises(CacheError), typed_writing(PLACE):
        raise CacheError("damaged")


@pytest.mark.parametrize(
    ("number", "path", "named"),
    [
        (errno.ENOSPC, WRITTEN, "/cache"),
        (errno.ENOENT, WRITTEN, "/cache"),
        (errno.ENAMETOOLONG, WRITTEN, PLACE),
        (errno.EIO, "/cache/v1/entries/ID", "/cache/v1/entries/ID"),
        (errno.ENOSPC, None, PLACE),
    ],
)
def test_no_temporary_folder_is_named(number: int, path: str | None, named: str) -> None:
    """The cache is named, or the file in the environment where its name is the reason."""
    error = typed(OSError(number, os.strerror(number), path))

    assert isinstance(error, FileSystemError)
    assert (named, number) == (error.path, error.errno)
    assert "The environment is as it was" in str(error)


@pytest.mark.parametrize("number", [errno.EEXIST, errno.ENOTDIR, errno.EISDIR])
def test_a_file_that_is_a_folder_is_a_conflict(number: int) -> None:
    """A path that would be both is told as where it would be in the environment."""
    error = typed(OSError(number, os.strerror(number), WRITTEN))

    assert isinstance(error, ConflictError)
    assert [PLACE] == [problem.path for problem in error.problems]


def test_a_full_disk_is_told_by_a_destination(tmp_path: Path) -> None:
    """It raises a FileSystemError that names the cache.

    It raised the system's error, with the path of a temporary folder in the cache.
    """
    ours = destination(tmp_path, Full())
    with pytest.raises(FileSystemError) as raised:
        write(ours, "purelib", "a.py")

    assert (tmp_path / "cache").as_posix() == raised.value.path


def test_a_cache_that_has_gone_is_told_at_the_end(tmp_path: Path) -> None:
    """Removed while a destination was filled, it is a FileSystemError, and nothing is installed."""
    ours = destination(tmp_path)
    row = write(ours, "purelib", "a.py")
    os.rename(tmp_path / "cache", tmp_path / "gone")
    with pytest.raises(FileSystemError):
        finalize(ours, [row])

    assert not (tmp_path / "env").exists()


@pytest.mark.parametrize("names", [("app", "app/a.py"), ("app/a.py", "app")])
def test_a_file_and_a_folder_of_one_name_are_a_conflict(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    """The second one raises a ConflictError with its place in the environment."""
    ours = destination(tmp_path)
    write(ours, "purelib", names[0])
    with pytest.raises(ConflictError) as raised:
        write(ours, "purelib", names[1])

    assert [str(tmp_path / "env" / "purelib" / names[1])] == [
        problem.path for problem in raised.value.problems
    ]
