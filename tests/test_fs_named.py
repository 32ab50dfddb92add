"""Errors that name their path, where the operating system's own do not."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from linkinstall.fs.named import (
    FILE_REFUSALS,
    VOLUME_REFUSALS,
    NamedFile,
    let_go,
    refusal_or_raise,
    set_times,
    status_of,
    with_path,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FULL = "/dev/full"
needs_full = pytest.mark.skipif(not os.path.exists(FULL), reason="needs /dev/full")


def test_an_error_keeps_its_number_and_gets_its_path() -> None:
    """The type of the new error is that of the number, as Python's own are."""
    named = with_path(OSError(errno.EACCES, "no"), "/a/b")

    assert PermissionError is type(named)
    assert (errno.EACCES, "no", "/a/b") == (named.errno, named.strerror, named.filename)


def test_a_descriptor_that_is_refused_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Python asks of a file that it has just opened fails with the path, as all else does.

    The error was told of the environment (found by ``make faults``).
    """
    handle = 999_999
    monkeypatch.setattr("os.open", lambda *_: handle)

    with pytest.raises(OSError, match="file") as caught:
        NamedFile(f"{tmp_path}/file", "xb")

    assert (errno.EBADF, f"{tmp_path}/file") == (caught.value.errno, caught.value.filename)


@needs_full
def test_a_write_that_is_refused_names_the_file() -> None:
    """A disk that fills up while a file is written is told with the file's path."""
    with (
        pytest.raises(OSError, match="No space") as caught,
        NamedFile(FULL, "wb") as stream,
    ):
        stream.write(b"x")

    assert (errno.ENOSPC, FULL) == (caught.value.errno, caught.value.filename)


@pytest.mark.parametrize(
    "use",
    [
        lambda stream: stream.read(),
        lambda stream: stream.read(4),
        lambda stream: stream.read(None),
        lambda stream: stream.readall(),
        lambda stream: stream.readinto(bytearray(4)),
    ],
    ids=["read", "read-some", "read-none", "readall", "readinto"],
)
def test_a_read_that_is_refused_names_the_file(
    tmp_path: Path, use: Callable[[NamedFile], object]
) -> None:
    """Reading from what turns out to be no file is told with its path."""
    path = tmp_path / "there"
    path.write_bytes(b"contents")
    folder = os.open(tmp_path, os.O_RDONLY)
    with NamedFile(str(path), "rb") as stream:
        os.dup2(folder, stream.fileno())
        os.close(folder)

        with pytest.raises(IsADirectoryError) as caught:
            use(stream)

    assert str(path) == caught.value.filename


def test_a_file_is_read_and_written_like_any_other(tmp_path: Path) -> None:
    """Contents, permissions less the umask, and the refusal to replace are those of open."""
    path = str(tmp_path / "new")
    with NamedFile(path, "xb", 0o640) as stream:
        assert 3 == stream.write(b"abc")
    with NamedFile(path, "rb") as stream:
        assert b"ab" == stream.read(2)
        assert b"c" == stream.read()

    assert 0o640 & ~_umask() == os.stat(path).st_mode & 0o777
    with pytest.raises(FileExistsError) as caught:
        NamedFile(path, "xb")
    assert path == caught.value.filename


@pytest.mark.parametrize(
    "use",
    [
        status_of,
        lambda descriptor, path: set_times(descriptor, path, os.stat("/")),
    ],
    ids=["status", "times"],
)
def test_what_is_asked_of_a_descriptor_names_the_file(
    tmp_path: Path, use: Callable[[int, str], object]
) -> None:
    """A descriptor that is no good any more is told with the path it stood for."""
    handle = os.open(tmp_path, os.O_RDONLY)
    os.close(handle)

    with pytest.raises(OSError, match="Bad file descriptor") as caught:
        use(handle, "/the/path")

    assert "/the/path" == caught.value.filename


def test_a_close_that_is_refused_names_the_file(tmp_path: Path) -> None:
    """Network file systems say only on closing that a write has failed."""
    path = str(tmp_path / "new")
    stream = NamedFile(path, "xb")
    os.close(stream.fileno())

    with pytest.raises(OSError, match="Bad file descriptor") as caught:
        stream.close()

    assert path == caught.value.filename


def test_a_close_after_reading_never_fails(tmp_path: Path) -> None:
    """What was read is there, whatever the system says when the file is closed.

    A recovery that compares files ended unsettled for it.
    """
    (tmp_path / "old").write_bytes(b"x")
    stream = NamedFile(str(tmp_path / "old"), "rb")
    os.close(stream.fileno())

    stream.close()

    assert stream.closed


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_what_nothing_was_written_through_is_let_go(tmp_path: Path) -> None:
    """That a folder or a lock cannot be closed is no error: nothing could be lost by it.

    It was one of the environment, without the path of the folder.
    """
    handle = os.open(tmp_path / "file", os.O_CREAT | os.O_RDWR)

    let_go(handle)
    let_go(handle)

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(handle)


def test_an_unforeseen_error_is_raised_with_the_whole_path() -> None:
    """Only errors that another link mode may help against are returned."""
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "name")

    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)) as caught:
        refusal_or_raise(full, "/whole/name")
    assert "/whole/name" == caught.value.filename
    for number in VOLUME_REFUSALS | FILE_REFUSALS:
        returned = refusal_or_raise(OSError(number, "refused", "name"), "/whole/name")
        assert (number, "/whole/name") == (returned.errno, returned.filename)
    of_a_source = OSError(errno.EACCES, "refused", "/the/source")
    assert of_a_source is refusal_or_raise(of_a_source, "/whole/name")
    assert isinstance(with_path(OSError(errno.EEXIST, "taken"), "/a"), FileExistsError)
