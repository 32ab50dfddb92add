"""The lock between processes: who excludes whom, for how long, and what is left behind."""

from __future__ import annotations

import errno
import gc
import os
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from linkinstall import limits
from linkinstall.errors import LockTimeoutError
from linkinstall.fs import lock as lock_module
from linkinstall.fs.lock import MARK, FolderLock, temporary_folder
from tests.support.platforms import WINDOWS, needs_modes, needs_symlinks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOBODY = 65534
# What uv does: flock(2) on the file, LockFileEx on all of it, by a program that is not ours.
TAKING = (
    """
import ctypes, msvcrt
handle = ctypes.c_void_p(msvcrt.get_osfhandle(stream.fileno()))
assert ctypes.windll.kernel32.LockFileEx(handle, 2, 0, -1, -1, ctypes.create_string_buffer(32))
"""
    if WINDOWS
    else """
import fcntl
fcntl.flock(stream, fcntl.LOCK_EX)
"""
)
HOLDER = f"""
import sys
stream = open(sys.argv[1], "a")
{TAKING}
print("held", flush=True)
sys.stdin.read()
"""

flock = pytest.mark.posix("locks are those of LockFileEx there")
goes_while_open = pytest.mark.posix("a file that is open can neither go nor be renamed there")
as_root = pytest.mark.usefixtures("root")  # gives files to another user


@contextmanager
def held_by_another(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Hold a plain lock of the system on ``path`` in another process."""
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        try:
            assert "held\n" == holder.stdout.readline()
            yield holder
        finally:
            holder.stdin.close()
            holder.wait()


def lock_at(path: Path, *, private: bool = False) -> FolderLock:
    """Return a lock on ``path`` that nobody holds yet."""
    return FolderLock(str(path), what="the environment", private=private)


def test_two_locks_exclude_each_other(tmp_path: Path) -> None:
    """While one object holds the lock another cannot have it; afterwards it can."""
    first, second = lock_at(tmp_path / ".lock"), lock_at(tmp_path / ".lock")

    first.acquire(timeout=0)

    assert not second.try_acquire()
    assert (True, False) == (first.held, second.held)
    first.release()
    assert second.try_acquire()
    assert (False, True) == (first.held, second.held)
    second.release()


def test_letting_go_never_fails(tmp_path: Path) -> None:
    """An error of closing the lock's file is told to nobody: the change is made by then.

    It ended an upgrade that was made with "The environment is unchanged", and without a path.
    """
    lock = lock_at(tmp_path / ".lock")
    lock.acquire()
    assert lock._handle is not None
    os.close(lock._handle)  # so that close(2) refuses the next one

    lock.release(remove=True)

    assert not lock.held
    assert [] == os.listdir(tmp_path)


def test_a_plain_lock_of_another_program_excludes(tmp_path: Path) -> None:
    """The system's lock on the same file, as uv takes it, keeps our runs out while it is held."""
    lock = lock_at(tmp_path / ".lock")

    with held_by_another(tmp_path / ".lock"):
        assert not lock.try_acquire()

    assert lock.try_acquire()
    lock.release()


@flock
def test_ours_keeps_a_plain_flock_out(tmp_path: Path) -> None:
    """A ``flock`` on the same file, as uv takes it, fails while a run of ours has it."""
    import fcntl

    path = tmp_path / ".lock"
    lock = lock_at(path)
    lock.acquire()

    with path.open("a") as stream, pytest.raises(BlockingIOError):
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    lock.release()


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    """A holder that is killed leaves nothing that must be waited for."""
    lock = lock_at(tmp_path / ".lock")

    with held_by_another(tmp_path / ".lock") as holder:
        holder.kill()
        holder.wait()

        assert lock.try_acquire()
    lock.release()


def test_the_wait_is_bounded(tmp_path: Path) -> None:
    """After the time-out a typed error names the lock, the wait and what was to be locked."""
    path = tmp_path / ".lock"

    with held_by_another(path), pytest.raises(LockTimeoutError) as caught:
        lock_at(path).acquire(timeout=0.02)

    assert (str(path), 0.02) == (caught.value.path, caught.value.seconds)
    assert f"Could not lock the environment within 0.02 s: another process holds {path}." == (
        caught.value.message
    )


def test_what_is_waited_for_is_told_once(tmp_path: Path) -> None:
    """A wait that takes a while tells the person once what it waits for."""
    path = tmp_path / ".lock"
    told: list[str] = []

    with held_by_another(path), pytest.raises(LockTimeoutError):
        lock_at(path).acquire(timeout=0.5, notify=told.append)

    assert [f"waiting for another process to release the environment (lock: {path})"] == told


def test_who_waits_for_nothing_tells_nothing(tmp_path: Path) -> None:
    """Without a time to wait nothing is told of a wait."""
    path = tmp_path / ".lock"
    told: list[str] = []

    with held_by_another(path), pytest.raises(LockTimeoutError):
        lock_at(path).acquire(timeout=0, notify=told.append)

    assert [] == told


def test_a_pause_that_takes_all_of_the_time_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine, too, a person learns what was waited for.

    Where one pause took as long as the rest of the wait, the wait ended without a word.
    """
    path = tmp_path / ".lock"
    told: list[str] = []
    pause = time.sleep
    monkeypatch.setattr("linkinstall.fs.lock.time.sleep", lambda _: pause(0.2))

    with held_by_another(path), pytest.raises(LockTimeoutError):
        lock_at(path).acquire(timeout=0.1, notify=told.append)

    assert 1 == len(told)


def test_waiting_ends_when_the_lock_is_released(tmp_path: Path) -> None:
    """Who waits gets the lock as soon as it is free."""
    path = tmp_path / ".lock"
    first, second = lock_at(path), lock_at(path)
    first.acquire()

    def release(_message: str) -> None:
        first.release()

    second.acquire(timeout=120, notify=release)

    assert second.held
    second.release()


def test_a_folder_that_cannot_be_made_is_no_endless_wait(tmp_path: Path) -> None:
    """After some tries the error comes out, long before the time is up."""
    (tmp_path / "link").symlink_to("nowhere")
    tries: list[int] = []

    with pytest.raises(FileNotFoundError):
        lock_at(tmp_path / "link" / ".lock").acquire(make_folder=lambda: tries.append(1))
    with pytest.raises(FileNotFoundError):
        lock_at(tmp_path / "link" / ".lock").acquire()

    assert limits.RETRIES == len(tries)


@goes_while_open
def test_a_deleted_file_is_not_the_lock(tmp_path: Path) -> None:
    """A lock on a file that ``uv venv --clear`` deleted meanwhile does not count."""
    path = tmp_path / ".lock"
    path.touch()

    class Cleared(FolderLock):
        def _open(self) -> int | None:
            handle = super()._open()
            path.unlink(missing_ok=True)
            return handle

    assert not Cleared(str(path), what="the environment").try_acquire()


@goes_while_open
def test_a_replaced_file_is_not_the_lock(tmp_path: Path) -> None:
    """The file that was opened has to be the one that stands at the path."""
    path = tmp_path / ".lock"
    path.touch()

    class Replaced(FolderLock):
        def _open(self) -> int | None:
            handle = super()._open()
            path.rename(tmp_path / "before")
            path.touch()
            return handle

    assert not Replaced(str(path), what="the environment").try_acquire()


def test_a_file_that_appears_meanwhile_is_not_an_error(tmp_path: Path) -> None:
    """Where another process makes the file first, the next try takes that one."""
    path = tmp_path / ".lock"
    real_open = os.open
    lock = lock_at(path)

    def slow_open(name: str, flags: int, mode: int = 0o777) -> int:
        try:
            return real_open(name, flags, mode)
        except FileNotFoundError:
            path.touch()
            raise

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", slow_open)
        assert not lock.try_acquire()

    assert lock.try_acquire()
    assert not lock.made
    lock.release()


def test_a_lock_is_not_taken_twice_by_one_object(tmp_path: Path) -> None:
    """Acquiring what is held is a mistake of the program, not a wait for itself."""
    lock = lock_at(tmp_path / ".lock")
    lock.acquire()

    with pytest.raises(RuntimeError, match="already"):
        lock.acquire()

    lock.release()


def test_releasing_twice_is_harmless(tmp_path: Path) -> None:
    """Release may be called again, as a ``finally`` does."""
    lock = lock_at(tmp_path / ".lock")
    lock.acquire()

    lock.release()
    lock.release()

    assert not lock.held


def test_a_lock_whose_object_is_given_up_is_free(tmp_path: Path) -> None:
    """Who drops the object without releasing does not hold others off for ever."""
    first = lock_at(tmp_path / ".lock")
    first.acquire(timeout=0)

    del first
    gc.collect()

    second = lock_at(tmp_path / ".lock")
    assert second.try_acquire()
    second.release()


@pytest.mark.posix("a process that is started is given no descriptors there")
def test_a_worker_that_inherited_the_lock_keeps_it(tmp_path: Path) -> None:
    """The lock ends with the last process that inherited it, not with its maker."""
    path = tmp_path / ".lock"
    lock, other = lock_at(path), lock_at(path)
    lock.acquire()
    assert lock._handle is not None
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", "import sys; sys.stdin.read()"],
        stdin=subprocess.PIPE,
        pass_fds=(lock._handle,),
    ) as worker:
        lock.release()

        assert not other.try_acquire()

        assert worker.stdin is not None
        worker.stdin.close()
        worker.wait()
        assert other.try_acquire()
        other.release()


def test_a_program_that_is_started_does_not_inherit_the_lock(tmp_path: Path) -> None:
    """A compiling interpreter, say, does not keep the environment locked."""
    lock = lock_at(tmp_path / ".lock")
    lock.acquire()

    assert lock._handle is not None
    assert not os.get_inheritable(lock._handle)
    lock.release()


@pytest.mark.parametrize("way", ["linked", "plain"])
def test_our_file_says_so_and_is_for_everybody(
    tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that we make has our mark, and lets other users lock it whatever the umask is."""
    if way == "plain":  # as where the system has no unnamed files
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    path = tmp_path / ".lock"
    before = os.umask(0o077)
    try:
        lock = lock_at(path)
        lock.acquire()
    finally:
        os.umask(before)

    assert lock.made
    assert MARK == path.read_bytes()
    assert 0o666 == stat.S_IMODE(path.stat().st_mode)
    lock.release()
    assert path.exists()


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="the system has no unnamed files")
def test_a_lock_file_appears_with_its_contents(tmp_path: Path) -> None:
    """At no moment is there a file of ours without the mark, so a kill leaves none."""
    path = tmp_path / ".lock"
    seen: list[bytes | None] = []
    real_write = os.write

    def watched(handle: int, data: bytes) -> int:
        seen.append(path.read_bytes() if path.exists() else None)
        return real_write(handle, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", watched)
        lock = lock_at(path)
        lock.acquire()

    assert [None] == seen
    lock.release()


def test_the_file_we_made_is_removed_when_asked(tmp_path: Path) -> None:
    """Outside venvs nothing of ours stays: a file that we made goes with the lock."""
    path = tmp_path / ".lock"
    lock = lock_at(path)
    lock.acquire()

    lock.release(remove=True)

    assert [] == list(tmp_path.iterdir())


def test_the_file_of_a_killed_run_is_removed_when_asked(tmp_path: Path) -> None:
    """What a killed run of ours left goes with the next one's lock."""
    path = tmp_path / ".lock"
    path.write_bytes(MARK)
    lock = lock_at(path)
    lock.acquire()

    lock.release(remove=True)

    assert not path.exists()


@pytest.mark.parametrize("contents", [b"", b"somebody else's\n", MARK + b"and more"])
def test_the_file_of_another_program_stays(tmp_path: Path, contents: bytes) -> None:
    """A lock file that uv or somebody else made is locked, not removed."""
    path = tmp_path / ".lock"
    path.write_bytes(contents)
    lock = lock_at(path)
    lock.acquire()

    assert not lock.made
    lock.release(remove=True)

    assert contents == path.read_bytes()


@needs_symlinks
@pytest.mark.parametrize("told", [True, False], ids=["told", "looked at"])
def test_a_link_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, told: bool
) -> None:
    """A symbolic link in the lock's place is an error; nothing is made where it points.

    So it is where the system cannot be told to follow none, as Windows.
    """
    if not told:
        monkeypatch.setattr(lock_module, "_FLAGS", lock_module._FLAGS & ~lock_module._NO_FOLLOW)
        monkeypatch.setattr(lock_module, "_NO_FOLLOW", 0)
    path = tmp_path / ".lock"
    path.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match="symbolic link"):
        lock_at(path).try_acquire()

    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.posix("there are no such files")
@pytest.mark.parametrize("shared", [False, True])
def test_a_fifo_is_refused(tmp_path: Path, *, shared: bool) -> None:
    """What is no plain file is named at once, and not read from.

    Story: with a FIFO in the place of an environment's or the cache's lock, every command
    that takes the lock waited for ever, whatever ``--lock-timeout`` said.
    """
    os.mkfifo(tmp_path / ".lock")
    program = f"""
import sys
from linkinstall.fs.lock import FolderLock
lock = FolderLock(sys.argv[1], what="it", shared={shared})
try:
    lock.acquire(timeout=1.0)
except OSError as error:
    print(error.errno, error.filename, error.strerror)
"""
    told = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / ".lock")],
        stdout=subprocess.PIPE, text=True, timeout=20, check=True,
    ).stdout  # fmt: skip

    assert told.startswith(f"{errno.EINVAL} {tmp_path / '.lock'} The lock is no plain file")
    assert stat.S_ISFIFO(os.lstat(tmp_path / ".lock").st_mode)


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    """The folder of the lock file is the caller's to make."""
    with pytest.raises(FileNotFoundError):
        lock_at(tmp_path / "missing" / ".lock").acquire()


@as_root
def test_a_file_that_can_only_be_read_is_locked() -> None:
    """Another user's lock file, which cannot be written, excludes all the same."""
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, NOBODY, NOBODY)  # tmp_path lies in a folder of root's alone
        path = os.path.join(folder, ".lock")
        with open(path, "w", encoding="ascii"):
            os.chmod(path, 0o644)
        first, second = FolderLock(path, what="it"), FolderLock(path, what="it")
        os.seteuid(NOBODY)
        try:
            assert first.try_acquire()
            assert not second.try_acquire()
        finally:
            os.seteuid(0)
            first.release()


@needs_modes
def test_a_private_lock_is_for_one_user(tmp_path: Path) -> None:
    """In a folder open to everybody nobody else can open our file and hold it."""
    path = tmp_path / "name.lock"
    lock = lock_at(path, private=True)
    lock.acquire()

    assert str(path) == lock.path
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    lock.release(remove=True)
    assert not path.exists()


def test_a_private_lock_is_ours_whatever_it_contains(tmp_path: Path) -> None:
    """The lock that a power cut has emptied goes with the next run's.

    A power cut in ``venv remove`` left the private lock of the place empty in the folder for
    temporary files: its name had reached the disk, its contents had not. The next run took
    the empty file for uv's, and it stayed for ever. Nobody else uses such a name.
    """
    path = tmp_path / "linkinstall-0-0123456789abcdef.lock"
    path.touch()
    lock = lock_at(path, private=True)
    lock.acquire()

    assert lock.made
    lock.release(remove=True)
    assert [] == list(tmp_path.iterdir())


@as_root
def test_a_private_lock_passes_over_another_users_file(tmp_path: Path) -> None:
    """A file that another user put at our name, and holds, does not make us wait."""
    path = tmp_path / "name.lock"
    path.touch()
    os.chown(path, NOBODY, NOBODY)
    lock, second = lock_at(path, private=True), lock_at(path, private=True)

    with held_by_another(path):
        assert lock.try_acquire()
        assert not second.try_acquire()

    assert f"{path}.1" == lock.path == second.path
    lock.release(remove=True)
    assert [path] == list(tmp_path.iterdir())


@needs_symlinks
def test_a_private_lock_passes_over_links(tmp_path: Path) -> None:
    """A link that was planted at our name is neither followed nor an obstacle."""
    path = tmp_path / "name.lock"
    path.symlink_to(tmp_path / "elsewhere")
    lock = lock_at(path, private=True)

    assert lock.try_acquire()

    assert f"{path}.1" == lock.path
    lock.release(remove=True)
    assert not (tmp_path / "elsewhere").exists()


@as_root
def test_a_private_lock_gives_up_where_every_name_is_taken(tmp_path: Path) -> None:
    """The number of names is bounded, and the error says what is wrong."""
    for number in range(limits.LOCK_NAMES):
        taken = tmp_path / (f"name.lock.{number}" if number else "name.lock")
        taken.touch()
        os.chown(taken, NOBODY, NOBODY)

    with pytest.raises(PermissionError, match="taken every name"):
        lock_at(tmp_path / "name.lock", private=True).try_acquire()


@as_root
def test_a_private_lock_refuses_a_file_swapped_in(tmp_path: Path) -> None:
    """A file that another user puts there between the look and the lock does not count."""
    path = tmp_path / "name.lock"

    class Swapped(FolderLock):
        def _open(self) -> int | None:
            path.touch()
            os.chown(path, NOBODY, NOBODY)
            return super()._open()

    lock = Swapped(str(path), what="it", private=True)

    assert not lock.try_acquire()
    assert FolderLock(str(path), what="it", private=True).try_acquire()


@pytest.mark.parametrize("name", ["TMPDIR", "TEMP", "TMP"])
def test_the_temporary_folder_is_that_of_tempfile(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All programs of a user agree on the folder, whichever variable names it."""
    for other in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(other, str(tmp_path / "missing"))
    monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)

    assert os.path.abspath(tmp_path) == tempfile.gettempdir() == temporary_folder()


def test_without_variables_the_systems_temporary_folder_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where no variable names a folder, the system's own is taken."""
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(tempfile, "tempdir", None)

    assert tempfile.gettempdir() == temporary_folder()


@flock
def test_a_file_that_goes_between_two_looks_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused for writing, and gone when it is opened for reading: that is a free lock.

    It was taken for a missing folder, and the message said that the virtual environment was
    not there any more.
    """
    opened: list[int] = []
    real = os.open

    def refuse_once(path: str, flags: int, mode: int = 0o777) -> int:
        opened.append(flags)
        if len(opened) == 1:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), path)
        return real(path, flags, mode)

    monkeypatch.setattr(os, "open", refuse_once)
    lock = FolderLock(str(tmp_path / ".lock"), what="the environment")

    assert lock.try_acquire()
    assert lock.made
    lock.release(remove=True)
    assert [] == list(tmp_path.iterdir())


@flock
def test_a_lock_that_the_disk_refuses_names_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of flock comes without a path; it is told with that of the lock.

    The message named the environment's root, which is not what was refused.
    """
    import fcntl

    def refuse(_handle: int, _what: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", refuse)
    lock = FolderLock(str(tmp_path / ".lock"), what="the environment")

    with pytest.raises(OSError, match="Input/output error") as caught:
        lock.try_acquire()

    assert str(tmp_path / ".lock") == caught.value.filename
