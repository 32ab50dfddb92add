"""Tests of ``linkinstall.fs.early_flush``."""

from __future__ import annotations

import errno
import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from linkinstall import limits
from linkinstall.fs.early_flush import EarlyFlush
from tests.support.events import until
from tests.support.faulty import LocalFileSystem

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX has fork")


class Counting(LocalFileSystem):
    """Writes a letter into a file at each flush, then fails as it is told."""

    def __init__(self, sign: Path, number: int = 0) -> None:
        self.sign = sign
        self.number = number

    @property
    def flushes(self) -> int:
        """How many there were, in whichever process."""
        return self.sign.stat().st_size if self.sign.exists() else 0

    def flush_volume(self, path: str) -> None:
        """Count a flush."""
        with self.sign.open("a") as stream:
            stream.write("x")
        if self.number:
            raise OSError(self.number, os.strerror(self.number), path)


def test_a_volume_is_flushed_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every so often, and not any more once it has been told to end."""
    monkeypatch.setattr(limits, "EARLY_FLUSH", 0.01)
    files = Counting(tmp_path / "sign")
    early = EarlyFlush(files, str(tmp_path))
    until(lambda: files.flushes >= 3)

    early.finish()

    ended = files.flushes
    time.sleep(0.05)
    assert ended == files.flushes


def test_what_is_over_soon_is_not_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends when it is told to, and not when its time has come."""
    monkeypatch.setattr(limits, "EARLY_FLUSH", 60.0)
    files = Counting(tmp_path / "sign")
    begun = time.monotonic()

    EarlyFlush(files, str(tmp_path)).finish()

    assert files.flushes == 0
    assert time.monotonic() - begun < 30.0


def test_an_error_of_the_disk_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel tells each once: the flush at the end would not hear of it any more."""
    monkeypatch.setattr(limits, "EARLY_FLUSH", 0.01)
    files = Counting(tmp_path / "sign", errno.EIO)
    early = EarlyFlush(files, str(tmp_path))
    until(lambda: files.flushes == 1)

    with pytest.raises(OSError, match="Input/output") as caught:
        early.finish()

    assert errno.EIO == caught.value.errno
    assert str(tmp_path) == caught.value.filename


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES])
def test_a_folder_that_cannot_be_opened_is_left_to_the_flush_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Nothing was lost by it, and it may be there a moment later."""
    monkeypatch.setattr(limits, "EARLY_FLUSH", 0.01)
    files = Counting(tmp_path / "sign", number)
    early = EarlyFlush(files, str(tmp_path))
    until(lambda: files.flushes >= 2)

    early.finish()


def test_it_ends_with_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that is killed leaves no process behind that goes on flushing."""
    monkeypatch.setattr(limits, "EARLY_FLUSH", 0.01)
    files = Counting(tmp_path / "sign")
    parent = os.fork()
    if not parent:
        EarlyFlush(files, str(tmp_path))
        signal.pause()
    until(lambda: files.flushes >= 2)

    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)

    def over() -> bool:
        before = files.flushes
        time.sleep(0.1)
        return before == files.flushes

    until(over)
