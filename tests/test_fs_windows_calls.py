"""Tests of the calls to Windows: each once, on a Windows CPython."""

from __future__ import annotations

import ctypes
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from linkinstall import limits
from linkinstall.fs import windows_calls
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


# ------------------------------------------------------------------ the Restart Manager's protocol

# As the manual of RmGetList has it. Wine answers nobody, so here the library itself is stood
# in for, and what is shown is what we do with each of its answers.


class Manager:
    """Stands for ``rstrtmgr.dll``.

    :param using: who uses the file at each call of ``RmGetList``; the last one stays
    :param failing: the function that fails, and how
    """

    def __init__(self, *using: list[tuple[int, str]], failing: tuple[str, int] = ("", 0)) -> None:
        self.using = list(using)
        self.failing = failing
        self.calls: list[str] = []
        self.sizes: list[int] = []
        self.asked: list[str] = []

    def _answer(self, name: str) -> int:
        self.calls.append(name)
        return self.failing[1] if self.failing[0] == name else 0

    def RmStartSession(self, session: Any, flags: int, key: Any) -> int:  # noqa: N802 - the library's
        """Begin a session; its key has 32 characters."""
        assert (0, 33) == (flags, len(key))
        session._obj.value = 7
        return self._answer("RmStartSession")

    def RmRegisterResources(self, session: Any, files: int, paths: Any, *rest: object) -> int:  # noqa: N802
        """Take the paths that are asked about."""
        assert (7, (0, None, 0, None)) == (session.value, rest)
        self.asked = list(paths)[:files]
        return self._answer("RmRegisterResources")

    def RmGetList(self, session: Any, needed: Any, count: Any, found: Any, reason: Any) -> int:  # noqa: N802
        """Fill the array, or say how large it has to be (``ERROR_MORE_DATA``)."""
        assert (7, 0) == (session.value, reason._obj.value)
        using = self.using.pop(0) if len(self.using) > 1 else self.using[0]
        self.sizes.append(len(found))
        assert len(found) == count._obj.value
        needed._obj.value = len(using)
        if answer := self._answer("RmGetList"):
            return answer
        if len(using) > len(found):
            return 234
        for one, (pid, name) in zip(found, using, strict=False):
            one.pid, one.name = pid, name
        count._obj.value = len(using)
        return 0

    def RmEndSession(self, session: Any) -> int:  # noqa: N802
        """End the session."""
        assert 7 == session.value
        return self._answer("RmEndSession")


EDITOR, INDEXER, SCANNER = (11, "editor.exe"), (12, "indexer"), (13, "scanner.exe")


def ask(monkeypatch: pytest.MonkeyPatch, manager: Manager) -> list[tuple[int, str]]:
    """Ask who uses a file."""
    loaded: list[str] = []

    def load(name: str) -> Manager:
        loaded.append(name)
        return manager

    monkeypatch.setattr("linkinstall.fs.windows_calls._windll", load)
    found = Calls().holders("C:\\env\\file.txt")
    assert ["rstrtmgr"] == loaded
    return found


@pytest.mark.parametrize("using", [[], [EDITOR]])
def test_the_restart_manager_answers_at_once(
    monkeypatch: pytest.MonkeyPatch, using: list[tuple[int, str]]
) -> None:
    """Nobody or one process fits into the first array; the session is ended."""
    manager = Manager(using)

    assert using == ask(monkeypatch, manager)

    assert ["C:\\env\\file.txt"] == manager.asked
    assert ["RmStartSession", "RmRegisterResources", "RmGetList", "RmEndSession"] == manager.calls


def test_the_restart_manager_needs_more_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """With ERROR_MORE_DATA the array grows to what is needed, and by one for who comes."""
    manager = Manager([EDITOR, INDEXER], [EDITOR, INDEXER, SCANNER])

    assert [EDITOR, INDEXER, SCANNER] == ask(monkeypatch, manager)

    assert [1, 3] == manager.sizes
    assert "RmEndSession" == manager.calls[-1]


def test_processes_that_end_meanwhile_are_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read of a larger array is as much as the last answer fills."""
    manager = Manager([EDITOR, INDEXER, SCANNER], [INDEXER])

    assert [INDEXER] == ask(monkeypatch, manager)
    assert [1, 4] == manager.sizes


def test_a_list_that_never_fits_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A manager that always asks for more room is asked a bounded number of times."""
    manager = Manager([EDITOR], failing=("RmGetList", 234))

    assert [] == ask(monkeypatch, manager)

    assert limits.RETRIES == len(manager.sizes)
    assert "RmEndSession" == manager.calls[-1]


@pytest.mark.parametrize(
    ("failing", "ended"),
    [("RmStartSession", False), ("RmRegisterResources", True), ("RmGetList", True)],
)
def test_a_restart_manager_that_fails_names_nobody(
    monkeypatch: pytest.MonkeyPatch, failing: str, *, ended: bool
) -> None:
    """Whatever fails (here ERROR_SEM_TIMEOUT), nobody is named; a session that began is ended."""
    manager = Manager([EDITOR], failing=(failing, 121))

    assert [] == ask(monkeypatch, manager)

    assert ended == ("RmEndSession" in manager.calls)


@pytest.mark.windows_real
def test_what_the_restart_manager_fills_has_its_size() -> None:
    """RM_PROCESS_INFO takes 668 bytes, in 32 and in 64 bits."""
    assert 668 == ctypes.sizeof(windows_calls._process_info())


# ------------------------------------------------------------------ the volume


@pytest.mark.windows_real
def test_a_volume_is_asked_whether_it_shares_blocks(tmp_path: Path) -> None:
    """The answer is a plain yes or no; NTFS, and Wine's volumes, say no."""
    assert Calls().shares_blocks(str(tmp_path)) in {True, False}
