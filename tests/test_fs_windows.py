"""Tests of the file system of Windows, with another system behind its thin edge.

They run everywhere: :class:`Refusing` stands for the calls and refuses as Windows does,
with the numbers that it gives. What the numbers come from is shown by the tests of
``integration/windows``, with a Windows CPython.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import time
from typing import TYPE_CHECKING, Any, Never

import pytest

from linkinstall import limits
from linkinstall.fs import windows
from linkinstall.fs.named import FILE_REFUSALS, VOLUME_REFUSALS
from linkinstall.fs.windows import WindowsFileSystem, extended, translated
from linkinstall.fs.windows_calls import Calls
from linkinstall.results import told

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def refusal(number: int) -> OSError:
    """Return the error that Python raises for a refusal of Windows."""
    error = OSError(errno.EINVAL, "refused")
    error.winerror = number  # type: ignore[attr-defined,unused-ignore]
    return error


class Refusing(Calls):
    """The calls of this machine, some of which are refused.

    :param number: the refusal
    :param calls: the names of the calls that are refused
    :param times: how often; then they work
    """

    def __init__(self, number: int, *calls: str, times: int = 10_000) -> None:
        self.number = number
        self.refused = calls
        self.times = times
        self.made: list[tuple[str, tuple[str, ...]]] = []
        for name in ("link", "symlink", "rename", "replace", "unlink", "remove_folder", "copy"):
            setattr(self, name, self._wrapped(name, getattr(super(), name)))

    def _wrapped(self, name: str, call: Callable[..., None]) -> Callable[..., None]:
        def made(*paths: str) -> None:
            self.made.append((name, paths))
            if name in self.refused and self.times > 0:
                self.times -= 1
                raise refusal(self.number)
            call(*paths)

        return made

    def delete_read_only(self, path: str) -> None:
        """Delete a read-only file."""
        self.made.append(("delete_read_only", (path,)))
        os.chmod(path, stat.S_IWRITE)
        os.unlink(path)

    def holders(self, path: str) -> list[tuple[int, str]]:
        """Return nobody."""
        self.made.append(("holders", (path,)))
        raise OSError(errno.EIO, "the Restart Manager does not answer")


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Collect the pauses instead of making them."""
    made: list[float] = []
    monkeypatch.setattr("linkinstall.fs.windows.time.sleep", made.append)
    return made


@pytest.fixture
def one(tmp_path: Path) -> str:
    """Make one file and return its path."""
    path = tmp_path / "one"
    path.write_bytes(b"1")
    return str(path)


def caught(call: Callable[..., Any], *arguments: Any) -> OSError:
    """Return the error that a call raises."""
    with pytest.raises(OSError) as raised:  # noqa: PT011 - its number is compared
        call(*arguments)
    return raised.value


def test_a_file_has_no_entries(one: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands there and cannot be listed is no folder, whatever the system calls it."""

    def refused(path: str) -> Never:
        error = OSError(errno.EINVAL, "Invalid name", path)
        error.winerror = windows.INVALID_NAME  # type: ignore[attr-defined,unused-ignore]
        raise error

    files = WindowsFileSystem()
    monkeypatch.setattr(os, "scandir", refused)

    assert errno.ENOTDIR == caught(files.scan, one).errno
    assert errno.EINVAL == caught(files.scan, f"{one}?").errno


@pytest.mark.parametrize(
    ("number", "expected", "group"),
    [
        (5, errno.EACCES, FILE_REFUSALS),
        (17, errno.EXDEV, VOLUME_REFUSALS),
        (32, errno.EACCES, FILE_REFUSALS),
        (206, errno.ENAMETOOLONG, FILE_REFUSALS),
        (396, errno.ENOTSUP, VOLUME_REFUSALS),
        (1142, errno.EMLINK, FILE_REFUSALS),
        (1314, errno.ENOTSUP, VOLUME_REFUSALS),
    ],
)
@pytest.mark.parametrize("mode", ["hardlink", "copy", "symlink"])
def test_a_refused_link_lets_the_next_mode_try(
    number: int,
    expected: int,
    group: frozenset[int],
    mode: str,
    one: str,
    pauses: list[float],  # noqa: ARG001 - none is waited for
) -> None:
    """Each refusal of Windows is one of the file or of the volume, and no other error."""
    call = {"hardlink": "link", "copy": "copy", "symlink": "symlink"}[mode]
    files = WindowsFileSystem(Refusing(number, call))
    folder, name = os.path.split(one)
    os.mkdir(f"{folder}/target")

    refused = files.place(mode, folder, f"{folder}/target", [name])

    assert [(name, expected)] == [(name, error.errno) for name, error in refused]
    assert expected in group


@pytest.mark.parametrize("number", [32, 33])
def test_a_sharing_violation_that_passes_is_not_noticed(
    number: int, one: str, pauses: list[float]
) -> None:
    """What a scanner holds for a moment is tried again until it is free."""
    files = WindowsFileSystem(Refusing(number, "unlink", times=3))

    files.unlink(one)

    assert not os.path.exists(one)
    assert list(limits.SHARING_PAUSES[:3]) == pauses


def test_a_sharing_violation_that_stays_is_an_error_with_path(
    one: str, pauses: list[float]
) -> None:
    """After the bounded retries the error names the file and what Windows said."""
    files = WindowsFileSystem(Refusing(32, "rename"))

    error = caught(files.rename_new, one, one + "-new")

    assert isinstance(error, PermissionError)
    assert (one, 32) == (error.filename, error.winerror)  # type: ignore[attr-defined,unused-ignore]
    assert list(limits.SHARING_PAUSES) == pauses


def test_all_retries_of_a_while_have_one_bound(one: str, pauses: list[float]) -> None:
    """However many files refuse, the pauses take well under two seconds."""
    files = WindowsFileSystem(Refusing(32, "unlink"))

    for _ in range(20):
        caught(files.unlink, one)

    assert 1.0 < sum(pauses) <= limits.SHARING_WAIT < 2.0


def test_retries_are_granted_anew_later(
    one: str, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long-lived process does not run out of patience for ever."""
    files = WindowsFileSystem(Refusing(32, "unlink"))
    for _ in range(20):
        caught(files.unlink, one)
    pauses.clear()
    now = time.monotonic() + limits.SHARING_WINDOW
    monkeypatch.setattr("linkinstall.fs.windows.time.monotonic", lambda: now)

    caught(files.unlink, one)

    assert list(limits.SHARING_PAUSES) == pauses


def test_access_denied_to_a_file_is_not_waited_for(one: str, pauses: list[float]) -> None:
    """A loaded image stays loaded: it goes to the trash at once."""
    files = WindowsFileSystem(Refusing(5, "unlink"))

    error = caught(files.unlink, one)

    assert errno.EACCES == error.errno
    assert [] == pauses


def test_a_refused_folder_rename_is_tried_again_and_then_done_by_file(
    tmp_path: Path, pauses: list[float]
) -> None:
    """A folder with something open in it says 5: a scanner's goes, a program's stays."""
    (tmp_path / "folder").mkdir()
    passing, staying = Refusing(5, "rename", times=2), Refusing(5, "rename")

    WindowsFileSystem(passing).rename_new(f"{tmp_path}/folder", f"{tmp_path}/moved")
    error = caught(WindowsFileSystem(staying).rename_new, f"{tmp_path}/moved", f"{tmp_path}/folder")

    assert error.errno in WindowsFileSystem.folder_rename_refusals
    assert [*limits.SHARING_PAUSES[:2], *limits.SHARING_PAUSES] == pauses


def test_a_read_only_file_is_deleted_by_its_own_call(one: str, pauses: list[float]) -> None:
    """The read-only attribute is cleared for the moment, where it is what refuses."""
    os.chmod(one, stat.S_IREAD)
    calls = Refusing(5, "unlink")

    WindowsFileSystem(calls).unlink(one)

    assert not os.path.exists(one)
    assert ["unlink", "delete_read_only"] == [name for name, _ in calls.made]
    assert [] == pauses


def test_a_symbolic_link_that_was_not_made_is_a_refusal(one: str, tmp_path: Path) -> None:
    """A call that reports success without making a link (Wine's) is not believed."""
    calls = Refusing(0)
    setattr(calls, "symlink", lambda _source, _target: None)  # noqa: B010 - a fake
    folder, name = os.path.split(one)
    (tmp_path / "target").mkdir()

    refused = WindowsFileSystem(calls).place("symlink", folder, f"{tmp_path}/target", [name])

    assert [(name, errno.ENOTSUP)] == [(name, error.errno) for name, error in refused]


@pytest.mark.parametrize("mode", ["hardlink", "clone", "copy", "symlink"])
def test_what_was_not_made_is_a_refusal(mode: str, tmp_path: Path) -> None:
    """A call that reports success without having made anything is not believed, for any mode."""
    calls = Refusing(0)
    call = {"hardlink": "link", "symlink": "symlink"}.get(mode, "copy")
    (tmp_path / "source").mkdir()
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "a").touch()

    def make(_source: str, target: str) -> None:
        if target.endswith("b"):
            os.link(tmp_path / "target" / "a", target)

    setattr(calls, call, make)
    files = WindowsFileSystem(calls)
    names = ["c"] if mode == "symlink" else ["b", "c"]

    refused = files.place(mode, f"{tmp_path}/source", f"{tmp_path}/target", names)

    assert [("c", errno.ENOTSUP, f"{tmp_path}/target/c")] == [
        (name, error.errno, error.filename) for name, error in refused
    ]


def test_a_clone_is_the_systems_own_copy(one: str, tmp_path: Path) -> None:
    """Where a volume shares blocks the system's copy shares them; there is no other call."""
    calls = Refusing(0)
    made: list[tuple[str, ...]] = []

    def copy(*paths: str) -> None:
        made.append(paths)
        shutil.copy2(*paths)

    setattr(calls, "copy", copy)  # noqa: B010 - a fake
    folder, name = os.path.split(one)
    (tmp_path / "target").mkdir()

    assert [] == WindowsFileSystem(calls).place("clone", folder, f"{tmp_path}/target", [name])
    assert [(f"{folder}/{name}", f"{tmp_path}/target/{name}")] == made


def test_what_was_written_is_flushed_once(tmp_path: Path) -> None:
    """A flush takes the files written since the last one, but for those that are gone."""
    calls = Refusing(0)
    flushed: list[str] = []
    setattr(calls, "flush", flushed.append)  # noqa: B010 - a fake
    files = WindowsFileSystem(calls)
    files.write_new(f"{tmp_path}/journal", b"j")

    files.flush_volume(str(tmp_path))
    files.flush_volume(str(tmp_path))

    assert [f"{tmp_path}/journal"] == flushed


def test_a_file_that_cannot_be_flushed_holds_nothing_up(tmp_path: Path) -> None:
    """A file that is gone, or that a scanner has open, is passed over."""
    files = WindowsFileSystem()
    files.write_new(f"{tmp_path}/gone", b"")
    os.unlink(f"{tmp_path}/gone")

    files.flush_volume(str(tmp_path))


def test_nobody_holds_where_the_system_does_not_tell(one: str) -> None:
    """Where the Restart Manager fails, the holders are unknown and that is no error."""
    assert () == WindowsFileSystem(Refusing(0)).holders(one)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("C:/short", "C:/short"),
        ("C:/" + "d" * 250 + "/a/../b", "\\\\?\\C:\\" + "d" * 250 + "\\b"),
        ("//server/share/" + "d" * 250, "\\\\?\\UNC\\server\\share\\" + "d" * 250),
        ("\\\\?\\C:\\" + "d" * 250, "\\\\?\\C:\\" + "d" * 250),
        ("relative/" + "d" * 250, "relative\\" + "d" * 250),
    ],
)
def test_long_paths_are_extended(path: str, expected: str) -> None:
    """A path beyond what the plain interface takes goes by the extended one."""
    assert expected == extended(path)


def test_an_unknown_refusal_keeps_its_number() -> None:
    """What is not in the table stays what Python made of it."""
    error = translated(refusal(1234), "C:/a")

    assert (errno.EINVAL, "C:/a") == (error.errno, error.filename)


@pytest.mark.parametrize(("verb", "call"), [("rename", "replace"), ("rename_new", "rename")])
def test_a_refused_rename_names_both_paths(verb: str, call: str, one: str) -> None:
    """The error of a rename has the path that was to be moved, and where to, as Python's own has.

    The second one was dropped: what a folder refused to take was told of by a path in the state
    folder, where nobody can mend anything.
    """
    files = WindowsFileSystem(Refusing(5, call))
    staged = f"{os.path.dirname(one)}/.linkinstall/new/0/tool.exe"

    error = caught(getattr(files, verb), staged, one)

    assert (staged, one) == (error.filename, error.filename2)
    assert (errno.EACCES, 5) == (error.errno, getattr(error, "winerror", None))
    assert one == told(error, "", None)[0]


def test_a_junction_has_the_status_of_a_link(one: str) -> None:
    """What leads elsewhere is never taken for a folder: it would be followed."""
    status = windows._as_link(os.lstat(os.path.dirname(one)))

    assert stat.S_ISLNK(status.st_mode)
    assert os.lstat(os.path.dirname(one)).st_mtime_ns == status.st_mtime_ns


def test_a_file_where_a_folder_must_go_is_told_as_such(one: str) -> None:
    """Windows says "not found" of a folder below a file; the code above wants to know why."""
    files = WindowsFileSystem(Refusing(0))

    with pytest.raises(NotADirectoryError):
        files.make_folder(f"{one}/folder")
    with pytest.raises(FileNotFoundError):
        files.make_folder(f"{one}-gone/folder")
