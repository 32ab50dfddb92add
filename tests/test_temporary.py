"""Temporary folders of the cache: whose they are, and who removes them."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from linkinstall import limits
from linkinstall.fs import local
from linkinstall.fs.lock import REMOVABLE_WHILE_HELD
from linkinstall.fs.trees import PART
from linkinstall.temporary import TemporaryFolder, sweep
from tests.support.faulty import Denying, Recording

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.faulty import Change

WORKER = """
import sys
from linkinstall.fs import local
from linkinstall.fs.lock import REMOVABLE_WHILE_HELD
from linkinstall.temporary import TemporaryFolder
folder = TemporaryFolder.claim(local(), sys.argv[1])
open(folder.path + "/work", "w").close()
print(folder.path, flush=True)
sys.stdin.read()
"""


def test_a_folder_is_claimed_and_removed(tmp_path: Path) -> None:
    """It is there with its lock until it is removed, and then both are gone."""
    folder = TemporaryFolder.claim(local(), str(tmp_path))
    (tmp_path / os.path.basename(folder.path) / "file").touch()

    assert [os.path.basename(folder.path), os.path.basename(folder.path) + ".lock"] == sorted(
        os.listdir(tmp_path)
    )
    folder.remove()
    assert [] == os.listdir(tmp_path)


def test_the_lock_comes_first_and_goes_last(tmp_path: Path) -> None:
    """At no moment is there a folder that a sweep would overlook."""
    files = Recording(local())
    seen = []

    def before(change: Change) -> None:
        seen.append((change.verb, sorted(name[16:] for name in os.listdir(tmp_path))))

    files.before = before  # type: ignore[method-assign]
    TemporaryFolder.claim(files, str(tmp_path)).remove()

    expected = [("make_folder", [".lock"]), ("remove_folder", ["", ".lock"])]
    assert expected == seen[:2]
    # On Windows filelock has deleted it by then.
    assert ("unlink", [".lock"] if REMOVABLE_WHILE_HELD else []) == seen[2]


def test_a_living_workers_folder_is_left_and_a_dead_ones_swept(tmp_path: Path) -> None:
    """The lock ends with its process, however that ends."""
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as worker:
        assert worker.stdout is not None
        path = worker.stdout.readline().strip()

        sweep(local(), str(tmp_path))
        assert ["work"] == os.listdir(path)

        worker.kill()
        worker.wait()
        sweep(local(), str(tmp_path))
    assert [] == os.listdir(tmp_path)


def test_a_folder_without_its_lock_is_swept(tmp_path: Path) -> None:
    """A folder that could not be removed when its lock went is swept all the same.

    On Windows filelock deletes the lock's file when the lock is let go, also where the
    folder could not be removed: no sweep ever looked at it again.
    """
    (tmp_path / "left" / "pkg").mkdir(parents=True)

    sweep(local(), str(tmp_path))

    assert [] == os.listdir(tmp_path)


def test_one_process_does_not_sweep_itself(tmp_path: Path) -> None:
    """Two unpackings of one process leave each other's folders alone."""
    first = TemporaryFolder.claim(local(), str(tmp_path))

    sweep(local(), str(tmp_path))

    assert os.path.isdir(first.path)
    first.remove()


def test_a_lock_taken_by_a_sweep_costs_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep may find the lock before it is locked: then the next name is taken."""
    names = iter([b"a" * 8, b"b" * 8])
    monkeypatch.setattr(os, "urandom", lambda _size: next(names))
    other = TemporaryFolder(local(), f"{tmp_path}/{(b'a' * 8).hex()}")
    assert other.try_lock()

    folder = TemporaryFolder.claim(local(), str(tmp_path))

    assert f"{tmp_path}/{(b'b' * 8).hex()}" == folder.path
    folder.remove()
    other.remove()


def test_a_claim_that_fails_leaves_no_lock(tmp_path: Path) -> None:
    """Where the folder cannot be made, its lock is neither left lying nor held any longer.

    On a full disk the lock's file was left, and this process held it: no sweep of its own
    could remove it while it lived.
    """
    with pytest.raises(OSError, match="No space"):
        TemporaryFolder.claim(Denying(local(), "make_folder", errno.ENOSPC), str(tmp_path))

    assert [] == os.listdir(tmp_path)


def test_claiming_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every name is taken the claim is given up after a bounded number."""
    tried = []

    def taken(_folder: TemporaryFolder) -> bool:
        tried.append(1)
        return False

    monkeypatch.setattr(TemporaryFolder, "try_lock", taken)

    with pytest.raises(OSError, match=os.strerror(errno.EAGAIN)):
        TemporaryFolder.claim(local(), str(tmp_path))
    assert limits.RETRIES == len(tried)


def test_a_sweep_leaves_what_is_none(tmp_path: Path) -> None:
    """Folders, whatever they are called, and files without a lock's name stay."""
    (tmp_path / "folder.lock").mkdir()
    (tmp_path / "file").touch()

    sweep(local(), str(tmp_path))

    assert ["file", "folder.lock"] == sorted(os.listdir(tmp_path))


def test_what_is_not_there_any_more_needs_no_sweep(tmp_path: Path) -> None:
    """Another process may have taken the folder away since it was seen."""
    sweep(local(), str(tmp_path / "gone"))

    assert [] == os.listdir(tmp_path)


def test_a_linked_folder_is_swept_without_its_target(tmp_path: Path) -> None:
    """A link that was put in the place of a folder is removed, its target is not."""
    (tmp_path / "precious" / "sub").mkdir(parents=True)
    (tmp_path / "precious" / "sub" / "file").touch()
    parent = tmp_path / "parent"
    parent.mkdir()
    (parent / "x").symlink_to("../precious")
    (parent / "x.lock").touch()

    sweep(local(), str(parent))

    assert [] == os.listdir(parent)
    assert (tmp_path / "precious" / "sub" / "file").exists()


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_nothing_is_swept_through_a_link(tmp_path: Path) -> None:
    """A link in the place of the cache's folder for temporary folders once led the sweep out.

    Every folder that stood where it led to was taken for one that a killed run had left,
    and deleted: nobody held its lock.
    """
    (tmp_path / "home" / "letters").mkdir(parents=True)
    (tmp_path / "home" / f"x{PART}").touch()
    (tmp_path / "tmp").symlink_to("home")

    sweep(local(), str(tmp_path / "tmp"))

    assert ["letters", f"x{PART}"] == sorted(os.listdir(tmp_path / "home"))


def test_what_cannot_be_removed_is_tried_again(tmp_path: Path) -> None:
    """While something of a folder stays the next sweep finds it, by its lock's file or itself."""
    folder = TemporaryFolder.claim(local(), str(tmp_path))
    (tmp_path / os.path.basename(folder.path) / "busy").touch()

    class Busy(Denying):
        def denies(self, change: Change) -> bool:
            return change.path.endswith("/busy")

    folder.files = Busy(local(), "unlink", errno.EBUSY)
    folder.remove()
    assert (2 if REMOVABLE_WHILE_HELD else 1) == len(os.listdir(tmp_path))

    sweep(local(), str(tmp_path))
    assert [] == os.listdir(tmp_path)


# -------------------------------------------------------------------- set aside


def entry_in(cache: Path) -> str:
    """Make something that stands in a cache and return its path."""
    entry = cache / "bytecode" / "50%2F" / "tag-0"
    entry.mkdir(parents=True)
    (entry / "file").write_text("old")
    (cache / "work").mkdir()
    return str(entry)


def test_what_was_set_aside_goes_back(tmp_path: Path) -> None:
    """Where nothing has taken its place, removing the folder puts back what came from there."""
    entry = entry_in(tmp_path)
    folder = TemporaryFolder.claim(local(), f"{tmp_path}/work")

    folder.set_aside(entry)
    assert not os.path.exists(entry)
    folder.remove()

    assert ["file"] == os.listdir(entry)
    assert [] == os.listdir(tmp_path / "work")


@pytest.mark.parametrize("times", [1, 2])
def test_what_was_set_aside_goes_where_its_place_is_taken(tmp_path: Path, times: int) -> None:
    """What stands in the place by then is never replaced; what was there goes."""
    entry = entry_in(tmp_path)
    folder = TemporaryFolder.claim(local(), f"{tmp_path}/work")

    for number in range(times):
        folder.set_aside(entry)
        os.mkdir(entry)
        open(f"{entry}/{number}", "w").close()
    folder.remove()

    assert [str(times - 1)] == os.listdir(entry)
    assert [] == os.listdir(tmp_path / "work")


def test_a_lock_that_cannot_be_let_go_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was unpacked is published by then: an error of closing the lock's file is none of it."""
    folder = TemporaryFolder.claim(local(), f"{tmp_path}/work")
    release = folder._lock.release

    def refuse(*_arguments: object) -> None:
        release()
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(folder._lock, "release", refuse)
    folder.remove()

    assert [] == os.listdir(tmp_path / "work")


def test_a_sweep_puts_back_what_a_killed_process_had_set_aside(tmp_path: Path) -> None:
    """What a process has set aside before it was killed is back after the next sweep.

    A process that was killed between its two renames left symbolic links into the entry
    dangling, and the sweep deleted what they led to.
    """
    entry = entry_in(tmp_path)
    folder = TemporaryFolder.claim(local(), f"{tmp_path}/work")
    folder.set_aside(entry)
    folder._lock.release()  # as when its process dies

    sweep(local(), f"{tmp_path}/work")

    assert ["file"] == os.listdir(entry)
    assert [] == os.listdir(tmp_path / "work")


def test_what_cannot_be_put_back_waits_for_the_next_sweep(tmp_path: Path) -> None:
    """Where putting back is refused nothing is deleted, and the lock is let go."""
    entry = entry_in(tmp_path)
    folder = TemporaryFolder.claim(local(), f"{tmp_path}/work")
    folder.set_aside(entry)
    folder.files = Denying(local(), "rename_new", errno.EPERM)

    folder.remove()
    assert (2 if REMOVABLE_WHILE_HELD else 1) == len(os.listdir(tmp_path / "work"))

    sweep(local(), f"{tmp_path}/work")
    assert ["file"] == os.listdir(entry)
    assert [] == os.listdir(tmp_path / "work")
