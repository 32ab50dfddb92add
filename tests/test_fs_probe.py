"""What a volume can do is found by trying, and leaves nothing behind."""

from __future__ import annotations

import errno
import fcntl
import os
from typing import TYPE_CHECKING

import pytest

from linkinstall.fs import local
from linkinstall.fs.posix import FICLONE
from linkinstall.fs.probe import can_clone, ignores_case
from tests.support.faulty import Wrapper

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    not hasattr(os, "O_TMPFILE"), reason="files without a name are of Linux"
)


def descriptors() -> int:
    """Return how many descriptors are open."""
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("answer", [True, False])
def test_the_kernel_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, answer: bool
) -> None:
    """A clone is tried into a file without a name: the answer is the kernel's."""
    (tmp_path / "source").write_bytes(b"abc")
    asked = []

    def ioctl(target: int, request: int, origin: int) -> int:
        asked.append((request, os.fstat(target).st_nlink, os.fstat(origin).st_size))
        if not answer:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        return 0

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    before = descriptors()

    assert answer == can_clone(f"{tmp_path}/source", str(tmp_path))

    assert [(FICLONE, 0, 3)] == asked
    assert ["source"] == os.listdir(tmp_path)
    assert before == descriptors()


@pytest.mark.parametrize(("source", "folder"), [("absent", ""), ("source", "absent")])
def test_a_probe_that_cannot_be_made_answers_no(tmp_path: Path, source: str, folder: str) -> None:
    """Without a source, or where nothing can be made, nothing can be cloned."""
    (tmp_path / "source").touch()
    before = descriptors()

    assert not can_clone(f"{tmp_path}/{source}", f"{tmp_path}/{folder}")
    assert before == descriptors()


def test_this_machine_answers(tmp_path: Path) -> None:
    """The real call neither fails nor leaves a name."""
    (tmp_path / "source").write_bytes(b"abc")

    assert can_clone(f"{tmp_path}/source", str(tmp_path)) in {True, False}
    assert ["source"] == os.listdir(tmp_path)


class IgnoringCase(Wrapper):
    """A volume on which names that differ only by case are one name."""

    def __init__(self, folder: str) -> None:
        super().__init__(local())
        vars(self)["status"] = lambda path: self.inner.status(
            folder if path.lower() == folder.lower() else path
        )


def test_a_volume_that_ignores_case_is_found(tmp_path: Path) -> None:
    """Two spellings that are one folder tell it; two folders do not."""
    folder = tmp_path / "Library"
    folder.mkdir()

    assert ignores_case(IgnoringCase(str(folder)), str(folder))
    assert not ignores_case(local(), str(folder))
    (tmp_path / "lIBRARY").mkdir()
    assert not ignores_case(local(), str(folder))


def test_a_name_without_case_tells_nothing(tmp_path: Path) -> None:
    """Where there are no letters there is nothing to compare."""
    (tmp_path / "3.11").mkdir()

    assert not ignores_case(IgnoringCase(f"{tmp_path}/3.11"), f"{tmp_path}/3.11")
    assert not ignores_case(local(), f"{tmp_path}/Absent")
