"""Tests of the calls to Windows: each once, on a Windows CPython."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from linkinstall.fs.windows_calls import Calls

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.posix("this module is what must not be loaded there")
def test_nothing_of_windows_is_loaded_on_posix() -> None:
    """On POSIX neither these modules nor ctypes cost an import."""
    code = (
        "import sys; from linkinstall.fs import local; local();"
        "import linkinstall.transaction, linkinstall.environment, linkinstall.fs.lock;"
        "print(*sorted({'ctypes', 'linkinstall.fs.windows', 'linkinstall.fs.windows_calls'}"
        " & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)

    assert b"" == done.stdout.strip()


def test_a_flush_changes_nothing(tmp_path: Path) -> None:
    """A file is flushed as it is."""
    (tmp_path / "file").write_bytes(b"contents")

    Calls().flush(str(tmp_path / "file"))

    assert b"contents" == (tmp_path / "file").read_bytes()


@pytest.mark.windows_real
def test_a_copy_is_a_file_of_its_own_with_the_times(tmp_path: Path) -> None:
    """A copy has contents and modification time, and a file number of its own."""
    (tmp_path / "one").write_bytes(b"1")
    os.utime(tmp_path / "one", ns=(10**18, 10**18))

    Calls().copy(str(tmp_path / "one"), str(tmp_path / "two"))

    one, two = (os.stat(tmp_path / name) for name in ("one", "two"))
    assert b"1" == (tmp_path / "two").read_bytes()
    assert one.st_mtime_ns == two.st_mtime_ns
    assert one.st_ino != two.st_ino


@pytest.mark.windows_real
def test_a_copy_never_replaces(tmp_path: Path) -> None:
    """What stands at the new name stays."""
    (tmp_path / "one").write_bytes(b"1")
    (tmp_path / "two").write_bytes(b"2")

    with pytest.raises(FileExistsError):
        Calls().copy(str(tmp_path / "one"), str(tmp_path / "two"))

    assert b"2" == (tmp_path / "two").read_bytes()


@pytest.mark.windows_real
def test_a_read_only_file_goes_and_its_other_names_stay_read_only(tmp_path: Path) -> None:
    """The attribute belongs to the file: after the deletion its other names have it again."""
    (tmp_path / "one").write_bytes(b"1")
    os.link(tmp_path / "one", tmp_path / "peer")
    os.chmod(tmp_path / "one", stat.S_IREAD)
    with pytest.raises(PermissionError):
        os.unlink(tmp_path / "one")

    Calls().delete_read_only(str(tmp_path / "one"))

    assert ["peer"] == os.listdir(tmp_path)
    assert not os.stat(tmp_path / "peer").st_mode & stat.S_IWRITE


@pytest.mark.windows_real
def test_an_open_file_and_its_other_names_cannot_be_deleted(tmp_path: Path) -> None:
    """What is open without delete sharing refuses under each name, and only while it is open."""
    (tmp_path / "one").write_bytes(b"1")
    os.link(tmp_path / "one", tmp_path / "peer")
    with open(tmp_path / "one", "rb"):
        for name in ("one", "peer"):
            with pytest.raises(PermissionError) as caught:
                Calls().open_to_delete(str(tmp_path / name))
            assert 32 == caught.value.winerror  # type: ignore[attr-defined,unused-ignore]

    Calls().open_to_delete(str(tmp_path / "peer"))


@pytest.mark.windows_real
def test_a_lock_excludes_the_second_and_lets_everybody_read(tmp_path: Path) -> None:
    """A file can be locked once, and read by all meanwhile."""
    (tmp_path / "lock").write_bytes(b"ours")
    first, second = (os.open(tmp_path / "lock", os.O_RDWR) for _ in range(2))

    try:
        assert Calls().lock(first)
        assert not Calls().lock(second)
        assert b"ours" == os.read(second, 10)
        os.close(first)
        first = os.open(tmp_path / "lock", os.O_RDWR)
        assert Calls().lock(second)
    finally:
        os.close(first)
        os.close(second)


@pytest.mark.windows_real
def test_the_restart_manager_is_asked_without_harm(tmp_path: Path) -> None:
    """Asked who uses a file that nobody uses, it names nobody."""
    (tmp_path / "free").write_bytes(b"")

    assert [] == Calls().holders(str(tmp_path / "free"))


@pytest.mark.windows_real
@pytest.mark.not_wine
def test_the_restart_manager_names_who_holds_a_file(tmp_path: Path) -> None:
    """A file that this process has open is held by this process."""
    (tmp_path / "held").write_bytes(b"")

    with open(tmp_path / "held", "rb"):
        holders = Calls().holders(str(tmp_path / "held"))

    assert os.getpid() in [pid for pid, _ in holders]


@pytest.mark.windows_real
def test_a_volume_is_asked_whether_it_shares_blocks(tmp_path: Path) -> None:
    """The answer is a plain yes or no; NTFS, and Wine's volumes, say no."""
    assert Calls().shares_blocks(str(tmp_path)) in {True, False}
