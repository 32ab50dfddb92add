"""What the POSIX calls add: directory handles, clones, kernel copies, groups, flushes."""

from __future__ import annotations

import errno
import fcntl
import io
import os
import stat
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from linkinstall.fs import posix
from linkinstall.fs.port import FileSystem
from linkinstall.fs.posix import FICLONE, PosixFileSystem
from tests.support.descriptors import open_descriptors
from tests.support.gates import require

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CONTENTS = b"0123456789" * 1000
MOMENT = 1_600_000_000_123_456_789

as_root = pytest.mark.usefixtures("root")  # changes the group of a folder


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """Return a folder with one file in it, beside an empty folder ``target``."""
    made = tmp_path / "origin"
    made.mkdir()
    (made / "file").write_bytes(CONTENTS)
    os.utime(made / "file", ns=(MOMENT, MOMENT))
    (tmp_path / "target").mkdir()
    return made


def refusing(number: int) -> Any:
    """Return a system call that fails."""

    def call(*_arguments: object, **_options: object) -> None:
        raise OSError(number, os.strerror(number))

    return call


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the umask")
def test_the_umask_is_read_and_never_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other threads of the caller's process may be making files meanwhile."""
    expected = FileSystem().umask()
    monkeypatch.setattr(os, "umask", refusing(errno.EPERM))

    assert expected == PosixFileSystem().umask()


@pytest.mark.parametrize("contents", [None, b"Name:\tpython\nState:\tR\n"])
def test_where_the_status_does_not_tell_the_umask_it_is_set_and_put_back(
    monkeypatch: pytest.MonkeyPatch, contents: bytes | None
) -> None:
    """No ``/proc``, or one of a kernel before 4.7: the plain way does it."""
    expected = FileSystem().umask()

    def opened(path: str, *_arguments: object, **_options: object) -> io.BytesIO:
        if contents is None:
            raise FileNotFoundError(path)
        return io.BytesIO(contents)

    monkeypatch.setattr("builtins.open", opened)

    assert expected == PosixFileSystem().umask()


def test_a_copy_gets_the_rights_of_its_source(tmp_path: Path) -> None:
    """The mode and the owner of another file are passed on, set-user-ID with them."""
    (tmp_path / "source").write_text("1")
    (tmp_path / "copy").write_text("1")
    user = 12345 if os.geteuid() == 0 else os.geteuid()
    os.chown(tmp_path / "source", user, -1)
    (tmp_path / "source").chmod(0o4750)
    wanted = (tmp_path / "source").stat()
    files = PosixFileSystem()
    files.pass_on_rights(f"{tmp_path}/copy", wanted)
    made = (tmp_path / "copy").stat()

    assert files.can_pass_on(wanted)
    assert (user, wanted.st_gid, 0o104750) == (made.st_uid, made.st_gid, made.st_mode)


def test_who_is_not_root_passes_on_only_what_is_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of another user, or of a group that one is not in, is told beforehand."""
    files, (user, group) = PosixFileSystem(), (5, 6)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(os, "getegid", lambda: group)
    monkeypatch.setattr(os, "getgroups", lambda: [7])

    def can(user: int, group: int) -> bool:
        return files.can_pass_on(os.stat_result((0o100644, 1, 1, 1, user, group, 0, 0, 0, 0)))

    assert (True, True) == (can(5, 6), can(5, 7))
    assert (False, False) == (can(4, 6), can(5, 8))


def test_a_folder_is_closed_to_others(tmp_path: Path) -> None:
    """Nobody but the owner gets into a folder that was closed."""
    (tmp_path / "folder").mkdir(mode=0o755)
    PosixFileSystem().close_to_others(f"{tmp_path}/folder")

    assert 0o40700 == (tmp_path / "folder").stat().st_mode


@pytest.mark.parametrize("side", ["origin", "target"])
def test_hard_links_are_not_made_through_a_linked_folder(
    origin: Path, tmp_path: Path, side: str
) -> None:
    """A folder that became a link in the meantime is refused, not followed."""
    (tmp_path / "link").symlink_to(side)
    folders = {"origin": str(origin), "target": f"{tmp_path}/target", side: f"{tmp_path}/link"}

    with pytest.raises(NotADirectoryError):
        PosixFileSystem().place("hardlink", folders["origin"], folders["target"], ["file"])

    assert [] == os.listdir(tmp_path / "target")


def test_nothing_is_removed_or_looked_at_through_a_linked_folder(
    origin: Path, tmp_path: Path
) -> None:
    """A folder that became a link holds nothing, whatever its target holds."""
    (tmp_path / "link").symlink_to("origin")
    files = PosixFileSystem()

    assert [] == files.unlink_all(f"{tmp_path}/link", ["file"])
    assert [None] == files.statuses(f"{tmp_path}/link", ["file"])
    assert ["file"] == os.listdir(origin)


@pytest.mark.parametrize("mode", ["hardlink", "copy", "clone"])
def test_no_descriptor_stays_open(origin: Path, tmp_path: Path, mode: str) -> None:
    """Neither success nor refusal nor an error leaks a descriptor."""
    files, target = PosixFileSystem(), f"{tmp_path}/target"
    before = open_descriptors()

    files.place(mode, str(origin), target, ["file"])
    files.place("symlink", str(origin), target, ["absent"])
    for name in ("absent", "missing"):
        with pytest.raises((FileExistsError, FileNotFoundError)):
            files.place(mode, str(origin), target, [name])
    files.statuses(target, ["file"])
    files.unlink_all(target, ["file", "absent"])

    assert before == open_descriptors()


def test_one_hard_link_is_one_system_call(
    origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hot loop links each name once, relative to the two folders' handles."""
    calls = []
    link = os.link

    def counted(source: str, target: str, **options: Any) -> None:
        calls.append((source, target))
        link(source, target, **options)

    monkeypatch.setattr(os, "link", counted)
    (origin / "second").touch()

    PosixFileSystem().place("hardlink", str(origin), f"{tmp_path}/target", ["file", "second"])

    assert [("file", "file"), ("second", "second")] == calls


def test_a_file_beyond_the_link_limit_is_refused_alone(
    origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EMLINK of one file is told with its whole path, and the next file is linked."""
    (origin / "second").touch()
    link = os.link

    def limited(source: str, target: str, **options: Any) -> None:
        if source == "file":
            raise OSError(errno.EMLINK, os.strerror(errno.EMLINK))
        link(source, target, **options)

    monkeypatch.setattr(os, "link", limited)
    target = tmp_path / "target"

    refused = PosixFileSystem().place("hardlink", str(origin), str(target), ["file", "second"])

    assert [("file", errno.EMLINK)] == [(name, error.errno) for name, error in refused]
    assert ["second"] == os.listdir(target)


def test_a_clone_shares_extents_and_keeps_the_time(
    origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clone is asked of the kernel by FICLONE, and gets the time of its source."""
    asked = []

    def ioctl(target: int, request: int, source: int) -> int:
        # What the kernel does, on the volumes of this machine that cannot.
        asked.append(request)
        os.write(target, os.pread(source, len(CONTENTS), 0))
        return 0

    monkeypatch.setattr(fcntl, "ioctl", ioctl)

    assert [] == PosixFileSystem().place("clone", str(origin), f"{tmp_path}/target", ["file"])

    placed = tmp_path / "target" / "file"
    assert [FICLONE] == asked
    assert (CONTENTS, MOMENT) == (placed.read_bytes(), placed.stat().st_mtime_ns)


def test_a_refused_clone_leaves_nothing(
    origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the volume cannot clone, the name is free for the next link mode."""
    monkeypatch.setattr(fcntl, "ioctl", refusing(errno.EOPNOTSUPP))

    refused = PosixFileSystem().place("clone", str(origin), f"{tmp_path}/target", ["file"])

    assert [("file", errno.EOPNOTSUPP)] == [(name, error.errno) for name, error in refused]
    assert [] == os.listdir(tmp_path / "target")


@pytest.mark.parametrize("number", [errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP])
def test_a_kernel_that_does_not_copy_is_no_obstacle(
    origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Where copy_file_range(2) cannot be had, the contents are copied by hand."""
    monkeypatch.setattr(os, "copy_file_range", refusing(number), raising=False)

    assert [] == PosixFileSystem().place("copy", str(origin), f"{tmp_path}/target", ["file"])
    assert CONTENTS == (tmp_path / "target" / "file").read_bytes()


def test_a_copy_is_whole_however_the_kernel_divides_it(
    origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel may copy less than it is asked to, and nothing at all in the end."""
    amounts = iter([7, 100, 0])

    def copy(source: int, target: int, count: int) -> int:
        amount = min(next(amounts), count)
        os.write(target, os.read(source, amount))
        return amount

    monkeypatch.setattr(os, "copy_file_range", copy, raising=False)

    assert [] == PosixFileSystem().place("copy", str(origin), f"{tmp_path}/target", ["file"])
    assert CONTENTS == (tmp_path / "target" / "file").read_bytes()


def test_a_full_disk_is_not_taken_for_a_kernel_that_cannot(
    origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ENOSPC while copying is raised, and not tried again by hand."""
    monkeypatch.setattr(os, "copy_file_range", refusing(errno.ENOSPC), raising=False)

    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        PosixFileSystem().place("copy", str(origin), f"{tmp_path}/target", ["file"])


@pytest.mark.parametrize(
    ("told", "limit"), [(65_000, 65_000), (127, sys.maxsize), (8, sys.maxsize)]
)
def test_the_link_limit_is_that_of_the_volume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: int, limit: int
) -> None:
    """pathconf(3) tells it, but gives a small number where the C library does not know the volume.

    That was believed: in memory, and with musl anywhere, cached files were copied again and again.
    """
    monkeypatch.setattr(os, "pathconf", lambda _path, name: {"PC_LINK_MAX": told}[name])

    assert limit == PosixFileSystem().link_limit(str(tmp_path))


@pytest.mark.parametrize("above", [0o755, 0o2755])
@pytest.mark.parametrize("before", [0o755, 0o2750])
def test_a_moved_folder_inherits_the_group_bit(tmp_path: Path, above: int, before: int) -> None:
    """A folder made elsewhere gets the set-group-ID bit it would have got here, no other bit."""
    parent, folder = tmp_path / "parent", tmp_path / "folder"
    parent.mkdir()
    folder.mkdir()
    parent.chmod(above)
    folder.chmod(before)

    PosixFileSystem().inherit_group(str(folder), str(parent))

    expected = before & ~stat.S_ISGID | above & stat.S_ISGID
    assert oct(expected) == oct(stat.S_IMODE(folder.stat().st_mode))


@as_root
def test_a_moved_folder_inherits_the_group(tmp_path: Path) -> None:
    """Below a set-group-ID folder the group is the folder's, elsewhere the process's."""
    shared, plain, folder = (tmp_path / name for name in ("shared", "plain", "folder"))
    for path in (shared, plain, folder):
        path.mkdir()
    os.chown(shared, -1, 12345)
    shared.chmod(0o2775)

    PosixFileSystem().inherit_group(str(folder), str(shared))
    assert (12345, stat.S_ISGID) == (folder.stat().st_gid, folder.stat().st_mode & stat.S_ISGID)

    PosixFileSystem().inherit_group(str(folder), str(plain))
    assert (os.getegid(), 0) == (folder.stat().st_gid, folder.stat().st_mode & stat.S_ISGID)


def test_a_flush_asks_for_the_volume_of_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """syncfs(2) is called with a handle on the path, which is closed afterwards."""
    flushed = []

    def syncfs(handle: int, path: str) -> None:
        flushed.append((os.fstat(handle).st_ino, path))

    monkeypatch.setattr(posix, "_syncfs", syncfs)
    before = open_descriptors()

    PosixFileSystem().flush_volume(str(tmp_path))

    assert [(tmp_path.stat().st_ino, str(tmp_path))] == flushed
    assert before == open_descriptors()


def test_a_flush_by_an_open_volume_opens_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """syncfs(2) gets the descriptor that was there before, which tells what it has missed."""
    flushed: list[tuple[int, str]] = []
    monkeypatch.setattr(posix, "_syncfs", lambda handle, path: flushed.append((handle, path)))
    files = PosixFileSystem()
    handle = files.open_volume(str(tmp_path))
    assert handle is not None
    before = open_descriptors()

    for number in (handle, 0):
        files.flush_volume(str(tmp_path / "gone"), number)

    assert [(handle, str(tmp_path / "gone")), (0, str(tmp_path / "gone"))] == flushed
    assert before == open_descriptors()
    assert tmp_path.stat().st_ino == os.fstat(handle).st_ino
    os.close(handle)


def test_nothing_but_a_folder_stands_for_a_volume(tmp_path: Path) -> None:
    """A pipe that somebody has put there would be waited for, and a link may lead anywhere."""
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)

    for name in ("file", "link"):
        with pytest.raises(OSError, match=name):
            PosixFileSystem().open_volume(str(tmp_path / name))


def ctypes_core() -> Any:
    """Return the module that calls syncfs(2); an interpreter can be built without it."""
    require(find_spec("_ctypes") is not None, "the interpreter has _ctypes")
    return import_module("_ctypes")


def test_a_flush_that_fails_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write-back that the disk refuses is EIO with the path."""
    _ctypes = ctypes_core()
    monkeypatch.setattr(_ctypes, "call_function", lambda _function, _arguments: -1)

    with pytest.raises(OSError, match=os.strerror(errno.EIO)) as caught:
        PosixFileSystem().flush_volume(str(tmp_path))
    assert (errno.EIO, str(tmp_path)) == (caught.value.errno, caught.value.filename)


def test_a_flush_without_syncfs_is_a_coarser_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the C library has no syncfs, sync(2) is called."""
    _ctypes = ctypes_core()
    called = []
    monkeypatch.setattr(_ctypes, "dlsym", refusing(errno.ENOENT))
    monkeypatch.setattr(os, "sync", lambda: called.append("sync"))

    PosixFileSystem().flush_volume(str(tmp_path))

    assert ["sync"] == called


def place(files: PosixFileSystem, mode: str, folder: str) -> None:
    """Place one file in a folder."""
    files.place(mode, f"{folder}/from", folder, ["file"])


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return what lets a function of ``os`` fail as the system does: with no path."""

    def refuse(name: str) -> None:
        def fail(*_given: object, **_named: object) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        monkeypatch.setattr(os, name, fail)

    return refuse


@pytest.mark.parametrize(
    ("function", "verb"),
    [
        ("stat", lambda files, folder: files.statuses(folder, ["file"])),
        ("utime", lambda files, folder: files.set_time(f"{folder}/file", 0)),
        ("utime", lambda files, folder: place(files, "copy", folder)),
        ("copy_file_range", lambda files, folder: place(files, "copy", folder)),
        ("link", lambda files, folder: place(files, "hardlink", folder)),
        ("symlink", lambda files, folder: place(files, "symlink", folder)),
    ],
    ids=["statuses", "set_time", "copied-time", "copied-data", "hardlink", "symlink"],
)
def test_every_error_names_its_path(
    tmp_path: Path,
    refused: Callable[[str], None],
    function: str,
    verb: Callable[[PosixFileSystem, str], object],
) -> None:
    """What the system refuses without a path, or with half of one, is told with the whole.

    Messages named the environment's root, or a bare file name, instead of what was refused.
    """
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "file").write_bytes(b"contents")
    refused(function)

    with pytest.raises(OSError, match="Input/output error") as caught:
        verb(PosixFileSystem(), str(tmp_path))

    assert str(tmp_path / "file") == caught.value.filename


def test_a_path_that_cannot_be_resolved_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk error while a link is looked at is raised, and not taken for no link.

    Python's own answer was a path that leads elsewhere, and scripts got another
    interpreter in their first line, with success reported.
    """
    (tmp_path / "link").symlink_to(tmp_path / "there")
    look = os.lstat

    def fail(path: str) -> os.stat_result:
        if str(path).endswith("/link"):
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        return look(path)

    monkeypatch.setattr(os, "lstat", fail)

    with pytest.raises(OSError, match="Input/output error"):
        PosixFileSystem().real_path(str(tmp_path / "link"))


@pytest.mark.parametrize("kind", ["missing", "below-a-file", "loop", "too-long"])
def test_what_is_not_there_is_resolved_as_far_as_it_goes(tmp_path: Path, kind: str) -> None:
    """Parts that are missing, below a file, in circles, or too long for a name stay."""
    (tmp_path / "file").touch()
    (tmp_path / "round").symlink_to(tmp_path / "round")
    path = {"missing": "no/where", "below-a-file": "file/there", "loop": "round"}.get(
        kind, "x" * 300
    )

    assert f"{tmp_path}/{path}" == PosixFileSystem().real_path(f"{tmp_path}/{path}")
