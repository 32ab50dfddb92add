"""Tests of ``linkinstall.venvs.decoupling``."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from linkinstall import Environment
from linkinstall.errors import FileSystemError, RecoveryRefusedError, UnsettledError
from linkinstall.fs import local
from linkinstall.paths import forward
from linkinstall.venvs.aside import Aside
from linkinstall.venvs.decoupling import decouple
from linkinstall.venvs.sight import look
from linkinstall.verbs.venv import decouple_venv
from tests.support.descriptors import open_descriptors
from tests.support.faulty import (
    Denying,
    Faulty,
    Interrupted,
    InterruptedUndurable,
    Killed,
    Undurable,
)
from tests.support.sites import Site, snapshot
from tests.support.watched import Fault, Moment, Watched, process

if TYPE_CHECKING:
    from pathlib import Path

    from linkinstall.fs.port import FileSystem
    from linkinstall.outcome import Outcome

FILES: dict[str, bytes | str] = {
    "pkg/__init__.py": "value = 1\n",
    "pkg/fast.pyd": b"MZ fast",
    "pkg/quick.so": b"\x7fELF quick",
    "pkg/sub/TOOL.EXE": b"MZ tool",
    "pkg/data.bin": b"data",
}
BINARIES = {"fast.pyd", "quick.so", "TOOL.EXE"}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Make an environment that another tool has hard-linked, binaries and all."""
    return make_site(tmp_path)


def make_site(folder: Path) -> Site:
    """Make it in a folder."""
    site = Site(folder)
    site.install(site.wheel(files=FILES), link_mode="hardlink", copy_binaries="never")
    return site


def act(site: Site, files: FileSystem | None = None, **options: Any) -> Outcome:
    """Decouple the environment."""
    chosen = {"every": False, "sync": "off", "lock_timeout": 2.0, "notify": None, **options}
    return decouple(files or local(), look(local(), str(site.root)), site.environment, **chosen)


def coupled(site: Site) -> set[str]:
    """Return the names of the files that have further links."""
    return {
        name
        for folder, _, names in os.walk(site.root)
        for name in names
        if os.lstat(os.path.join(folder, name)).st_nlink > 1
    }


def test_binaries_get_private_copies(site: Site) -> None:
    """Each binary gets an inode of its own, by suffix and by header; the others stay linked."""
    before = coupled(site)
    assert before > BINARIES
    plain = site.tree()

    outcome = act(site)

    assert before - BINARIES == coupled(site)
    assert plain == site.tree()
    assert len(BINARIES) == outcome.files.copy
    assert outcome.venv is not None
    assert "decoupled" == outcome.venv["action"]


def test_all_files_get_private_copies_where_that_is_asked_for(site: Site) -> None:
    """With ``every`` no file shares its inode with another place."""
    act(site, every=True)

    assert set() == coupled(site)
    assert [] == site.check()


def test_the_lock_that_is_held_stays_the_same_file(site: Site, tmp_path: Path) -> None:
    """The lock of the environment is not replaced, in an environment that was linked whole either.

    Who waited for the old file and who came for the new one worked at the same time.
    """
    lock = site.root / ".lock"
    lock.touch()
    (tmp_path / "other.lock").hardlink_to(lock)
    before = lock.stat().st_ino

    act(site, every=True)

    assert before == lock.stat().st_ino
    assert {".lock"} == coupled(site)


def test_times_and_modes_stay(site: Site) -> None:
    """A copy has the time of what it replaces, so that compiled files stay valid."""
    tool = site.library / "pkg" / "sub" / "TOOL.EXE"
    before = tool.stat()

    act(site)

    after = tool.stat()
    assert (before.st_mtime_ns, before.st_mode) == (after.st_mtime_ns, after.st_mode)
    assert before.st_ino != after.st_ino


def test_a_second_time_there_is_nothing_to_do(site: Site) -> None:
    """Where nothing is coupled nothing is changed."""
    act(site)
    before = snapshot(site.root, exact=True)

    outcome = act(site)

    assert before == snapshot(site.root, exact=True)
    assert "unchanged" == outcome.status


def test_a_file_that_cannot_be_moved_leaves_all_as_it_was(site: Site) -> None:
    """All files are decoupled or none."""
    before = snapshot(site.root, exact=True)

    class Stuck(Denying):
        """One file cannot be taken out of its place."""

        def denies(self, change: Any) -> bool:
            return super().denies(change) and change.source.endswith("TOOL.EXE")

    with pytest.raises(FileSystemError):
        act(site, Stuck(local(), "rename_new", 13))

    assert before == snapshot(site.root, exact=True)


def test_a_copy_that_cannot_be_made_is_named_by_its_own_path(site: Site) -> None:
    """What is refused is told of the file that it was refused for, which is not the original.

    It was told of the original (found by ``make faults``).
    """

    class Full(Denying):
        """No copy can be made."""

        def denies(self, change: Any) -> bool:
            return super().denies(change) and change.path.endswith("TOOL.EXE")

    with pytest.raises(FileSystemError, match=r"TOOL\.EXE") as caught:
        act(site, Full(local(), "create", errno.EACCES))

    assert "/.linkinstall/new/" in forward(caught.value.path)


@pytest.mark.posix("volumes can be opened, and descriptors counted")
def test_no_volume_is_kept_after_an_error(site: Site) -> None:
    """Whoever keeps the exception does not keep the volume: it could not be unmounted."""
    before = open_descriptors()

    with pytest.raises(FileSystemError) as caught:
        act(site, Denying(local(), "rename_new", errno.EACCES), sync="normal")

    assert before == open_descriptors(), caught.value


def test_killed_anywhere_it_is_old_or_new_after_recovery(site: Site, tmp_path: Path) -> None:
    """A kill at any call is settled by the next run, as with every transaction."""
    plain = site.tree()
    for number in range(200):
        other = make_site(tmp_path / str(number))
        before = coupled(other)
        try:
            with process():
                act(other, Faulty(local(), number))
        except Killed:
            other.recover()
        else:
            assert number > 20
            return
        assert coupled(other) in (before, before - BINARIES), number
        assert [] == other.check(), number
        assert plain == site.tree()
        assert not other.home.exists()
    pytest.fail("it never ended")


@pytest.mark.skipif(sys.platform == "win32", reason="asks the running interpreter's layout")
def test_the_verb_finds_the_environment_itself(tmp_path: Path) -> None:
    """The verb takes a real environment's path."""
    import venv

    place = tmp_path / "v"
    venv.create(place, with_pip=False)
    library = place / os.path.relpath(Environment.of(str(place)).library, place)
    (tmp_path / "cached.so").write_bytes(b"\x7fELF")
    os.link(tmp_path / "cached.so", library / "fast.so")

    outcome = decouple_venv(place, sync="off")

    assert 1 == outcome.files.copy
    assert 1 == (library / "fast.so").stat().st_nlink


def test_copies_that_are_in_place_and_not_on_the_disk_are_no_success(site: Site) -> None:
    """With ``full`` success means decoupled for good; the next run finishes it."""
    with pytest.raises(UnsettledError, match="a power cut could take it back") as caught:
        act(site, Undurable(), sync="full")

    assert caught.value.outcome is not None
    assert {"action": "decoupled"}.items() <= (caught.value.outcome.venv or {}).items()
    assert ["finished"] == [one.action for one in site.recover().recovered]
    assert set() == coupled(site) & BINARIES


@pytest.mark.posix("a signal can be sent")
def test_an_interruption_after_the_commit_comes_too_late(site: Site, tmp_path: Path) -> None:
    """Asked to stop once the copies are final, the verb says that they are.

    It ended with 130 and "The environment is unchanged.", with every file decoupled.
    """
    outcome = act(site, Interrupted())

    assert 3 == outcome.files.copy
    assert set() == coupled(site) & BINARIES
    assert not site.home.exists()
    with pytest.raises(UnsettledError, match="a power cut could take it back"):
        act(make_site(tmp_path / "other"), InterruptedUndurable(), sync="full")


@pytest.mark.skipif(sys.platform == "win32", reason="asks the running interpreter's layout")
@pytest.mark.parametrize("taken", [False, True])
def test_what_an_earlier_command_left_is_settled_and_told(tmp_path: Path, *, taken: bool) -> None:
    """The verb settles what a killed one has left at the place, as the others do.

    It was refused, and told that any ``venv`` command settles that; it is one.
    """
    place = tmp_path / "v"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    aside = Aside(local(), str(place), sync="off")
    aside.begin("remove")
    if taken:
        aside.take()

    outcome = decouple_venv(place, sync="off")

    assert ["rolled-back"] == [one.action for one in outcome.recovered]
    assert (place / "pyvenv.cfg").exists()
    assert {"v"} == set(os.listdir(tmp_path))


@pytest.mark.posix("files have modes and owners")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o750, 0o666])
def test_a_copy_is_for_those_whom_its_original_was_for(site: Site, mode: int) -> None:
    """A file keeps its mode, whatever the umask is.

    A key that was for its owner alone could be read by everybody.
    """
    path = site.library / "pkg" / "data.bin"
    path.chmod(mode)

    act(site, every=True)

    status = path.stat()
    assert (1, mode) == (status.st_nlink, status.st_mode & 0o7777)


@pytest.mark.usefixtures("root")
@pytest.mark.posix("files have modes and owners")
def test_a_copy_belongs_to_the_owner_of_its_original(site: Site) -> None:
    """Another user's file stays that user's, and keeps the bits that a change of owner takes."""
    path = site.library / "pkg" / "quick.so"
    os.chown(path, 65534, 65533)
    path.chmod(0o6750)

    act(site)

    status = path.stat()
    assert (1, 65534, 65533) == (status.st_nlink, status.st_uid, status.st_gid)
    assert 0o6750 == status.st_mode & 0o7777


@pytest.mark.posix("files have modes and owners")
def test_what_a_copy_could_not_belong_to_is_left_alone(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file whose owner this user cannot give stays linked, and is named."""
    monkeypatch.setattr(os, "geteuid", lambda: 65534)

    kept = act(site).kept

    assert BINARIES == {os.path.basename(one.path) for one in kept}
    assert coupled(site) >= BINARIES


def test_a_killed_one_that_cannot_be_finished_is_not_called_finished(site: Site) -> None:
    """``recover --finish`` rolls it back, and says so.

    Story: it said "finished", with status 0, and all files were as coupled as before.
    """
    before = coupled(site)
    with process(), pytest.raises(Killed):
        act(site, Watched(local(), Fault(is_placed)))
    with pytest.raises(RecoveryRefusedError, match="it was rolled back") as caught:
        site.recover("finish")

    assert caught.value.outcome is not None
    assert ["rolled-back"] == [one.action for one in caught.value.outcome.recovered]
    assert before == coupled(site)


def is_placed(moment: Moment) -> bool:
    """Pick the first copy that is put in its place."""
    return moment.change.path.endswith("fast.pyd") and "/.linkinstall/" not in moment.change.path
