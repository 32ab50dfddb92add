"""Tests of ``linkinstall.venvs.place``; what the verbs do there, ``test_verbs_venv`` tests."""

from __future__ import annotations

import errno
import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from linkinstall.errors import (
    FileSystemError,
    LinkInstallError,
    LockTimeoutError,
    UnsettledError,
)
from linkinstall.fs import local
from linkinstall.fs.lock import FolderLock
from linkinstall.venvs.aside import Aside
from linkinstall.venvs.place import Place
from linkinstall.venvs.sight import ABSENT, VENV, state_folders
from tests.support.faulty import (
    Change,
    Denying,
    Interrupted,
    InterruptedUndurable,
    LocalFileSystem,
    Recording,
    Undurable,
)
from tests.support.venvs import contents, make_venv

if TYPE_CHECKING:
    from linkinstall.fs.port import FileSystem


def place_of(path: Path, files: FileSystem | None = None) -> Place:
    """Return a place that waits for nobody."""
    return Place(path, "venv remove", files, "off", 0.05, None)


def test_one_at_a_time(tmp_path: Path) -> None:
    """Two runs at one place exclude each other, also where nothing is there yet."""
    with place_of(tmp_path / "v"), pytest.raises(LockTimeoutError, match="the place"):
        place_of(tmp_path / "v").__enter__()

    with place_of(tmp_path / "v") as place:
        assert ABSENT == place.sight.kind


def test_no_lock_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock of a place lies in the folder for temporary files, and goes with the block.

    On Windows it stayed: there were as many files as places that a command had worked at.
    """
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))

    with place_of(tmp_path / "v"):
        assert 1 == len(list(temporary.iterdir()))

    assert [] == list(temporary.iterdir())


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_links_lead_to_one_place(tmp_path: Path) -> None:
    """Runs that name one environment by two paths exclude each other."""
    make_venv(tmp_path / "v")
    (tmp_path / "link").symlink_to("v")

    with place_of(tmp_path / "v"), pytest.raises(LockTimeoutError):
        place_of(tmp_path / "link").__enter__()


def test_what_was_left_is_settled_before_anything_is_looked_at(tmp_path: Path) -> None:
    """An environment that a killed run took aside stands there again in the block."""
    make_venv(tmp_path / "v")
    before = contents(tmp_path)
    aside = Aside(local(), str(tmp_path / "v"), sync="off")
    aside.begin("remove")
    aside.take()

    with place_of(tmp_path / "v") as place:
        assert VENV == place.sight.kind

    assert ["rolled-back"] == [one.action for one in place.settled.recovered]
    assert before == contents(tmp_path)


@pytest.mark.parametrize("verb", ["unlink", "remove_folder"])
def test_a_state_folder_that_cannot_go_is_told(tmp_path: Path, verb: str) -> None:
    """What is left beside a place after success is a warning; the next run sweeps it.

    It was not told at all (found by ``make faults``).
    """

    class Refusing(Denying):
        def denies(self, change: Change) -> bool:
            state = state_folders(str(tmp_path / "v"))[0]
            return super().denies(change) and change.path in (state, f"{state}/.gitignore")

    make_venv(tmp_path / "v")

    with place_of(tmp_path / "v", Refusing(local(), verb, 5)) as place:
        outcome = place.remove(force=False)
    assert ["cleanup"] == [warning.code for warning in outcome.warnings]
    assert ".linkinstall-v" in outcome.warnings[0].message
    with place_of(tmp_path / "v") as place:
        place.nothing_there()

    assert [] == list(tmp_path.iterdir())


@pytest.mark.posix("a signal can be sent")
def test_an_interruption_waits_until_what_was_left_is_settled(tmp_path: Path) -> None:
    """Ctrl-C while an environment is put back comes when it is, and carries that it was.

    It ended with 130 and "Nothing was changed.", with the environment half at its place.
    """

    class Interrupting(LocalFileSystem):
        def rename_new(self, source: str, target: str) -> None:
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)
            super().rename_new(source, target)

    make_venv(tmp_path / "v")
    before = contents(tmp_path)
    aside = Aside(local(), str(tmp_path / "v"), sync="off")
    aside.begin("remove")
    aside.take()

    with pytest.raises(KeyboardInterrupt) as caught:
        place_of(tmp_path / "v", Interrupting()).__enter__()

    assert before == contents(tmp_path)
    outcome = caught.value.outcome  # type: ignore[attr-defined]
    assert ["rolled-back"] == [one.action for one in outcome.recovered]
    with place_of(tmp_path / "v"):
        pass


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_a_link_that_is_set_elsewhere_meanwhile_is_followed_anew(tmp_path: Path) -> None:
    """What a link leads to when its place is held counts, and is locked and settled itself.

    The place it had led to was locked and settled, and work was done at the new one.
    """
    link = tmp_path / "link"
    make_venv(tmp_path / "first")
    make_venv(tmp_path / "second")
    aside = Aside(local(), str(tmp_path / "second"), sync="off")
    aside.begin("remove")
    aside.take()
    link.symlink_to("first")
    place = place_of(link)
    link.unlink()
    link.symlink_to("second")

    with place:
        assert str(tmp_path / "second") == place.sight.place
        assert ["rolled-back"] == [one.action for one in place.settled.recovered]
        with pytest.raises(LockTimeoutError):
            place_of(tmp_path / "second").__enter__()
        with place_of(tmp_path / "first"):
            pass


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_a_link_that_never_stays_is_an_error(tmp_path: Path) -> None:
    """A link that is set anew each time is not followed for ever."""
    make_venv(tmp_path / "a")
    make_venv(tmp_path / "b")
    link = tmp_path / "link"
    turns: list[str] = []

    class Turning(LocalFileSystem):
        def read_link(self, path: str) -> str:
            turns.append(path)
            return "ab"[len(turns) % 2]

    link.symlink_to("a")
    with pytest.raises(OSError, match="symbolic links") as caught:
        place_of(link, Turning()).__enter__()

    assert errno.ELOOP == caught.value.errno
    with place_of(tmp_path / "a"), place_of(tmp_path / "b"):
        pass


def test_what_somebody_puts_there_meanwhile_is_an_error(tmp_path: Path) -> None:
    """A place that cannot be put back is not "as it was": the journal stays for the next run.

    The error said that it was as it was, and what had stood there was deleted.
    """
    place = make_venv(tmp_path / "v")

    class Meddling(Uncommitted):
        def rename(self, source: str, target: str) -> None:
            if target.endswith("/committed"):
                make_venv(place)
            super().rename(source, target)

    with (
        pytest.raises(UnsettledError, match="somebody else") as caught,
        place_of(place, Meddling()) as one,
    ):
        one.remove(force=False)

    assert caught.value.outcome is not None
    assert [str(place)] == [kept.path for kept in caught.value.outcome.kept]
    with place_of(place) as one:
        found, stash = (kept.path for kept in one.settled.kept)
        assert str(place) == found
        assert os.path.exists(f"{stash}/pyvenv.cfg")


def test_nothing_is_begun_where_settling_fails(tmp_path: Path) -> None:
    """What cannot be settled now ends with status 3, and the place is let go."""
    make_venv(tmp_path / "v")
    aside = Aside(local(), str(tmp_path / "v"), sync="off")
    aside.begin("remove")
    aside.take()

    with pytest.raises(LinkInstallError) as caught:
        place_of(tmp_path / "v", Denying(local(), "rename_new", 5)).__enter__()

    assert 3 == caught.value.exit_status
    assert state_folders(str(tmp_path / "v"))[0] in caught.value.message
    with place_of(tmp_path / "v") as place:
        assert VENV == place.sight.kind


@pytest.mark.parametrize("left", [False, True], ids=["nothing-left", "left"])
def test_what_cannot_be_looked_for_is_unsettled_only_where_it_is(
    tmp_path: Path, *, left: bool
) -> None:
    """An error of looking for a state folder is one of settling only where one stands.

    ``venv remove`` told of an unfinished transaction that there was not.
    """

    class Unseeing(LocalFileSystem):
        def status(self, path: str) -> os.stat_result | None:
            if path.endswith("/.gitignore"):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
            return super().status(path)

    make_venv(tmp_path / "v")
    state = Path(state_folders(str(tmp_path / "v"))[0])
    if left:
        state.mkdir()

    with pytest.raises(UnsettledError if left else PermissionError) as caught:
        place_of(tmp_path / "v", Unseeing()).__enter__()

    assert f"{state.as_posix()}/.gitignore" in str(caught.value)
    assert "v" in os.listdir(tmp_path)


def test_a_removal_that_does_not_reach_the_disk_is_no_success(tmp_path: Path) -> None:
    """With ``full`` success means gone for good; the next run finishes what was committed."""
    place = make_venv(tmp_path / "v")

    def removing(files: FileSystem) -> Place:
        return Place(place, "venv remove", files, "full", 0.05, None)

    with (
        pytest.raises(UnsettledError, match="a power cut could take it back") as caught,
        removing(Undurable()) as one,
    ):
        one.remove(force=False)
    assert caught.value.outcome is not None
    assert {"action": "removed"}.items() <= (caught.value.outcome.venv or {}).items()
    with pytest.raises(LinkInstallError), removing(Undurable()):
        pass
    with removing(local()) as one:
        assert ["finished"] == [done.action for done in one.settled.recovered]


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
@pytest.mark.parametrize("follow", [False, True])
def test_links_that_are_gone_stay_gone(tmp_path: Path, *, follow: bool) -> None:
    """With ``full``, a link that was told as removed is not back after a power cut.

    Nothing was flushed after the links, and ``venv remove LINK --sync full`` did not flush at all.
    """
    make_venv(tmp_path / "v")
    (tmp_path / "link").symlink_to("v")
    files = Recording(local())

    with Place(tmp_path / "link", "venv remove", files, "full", 0.05, None) as one:
        _ = one.remove(force=False) if follow else one.drop_links(one.sight.links)

    assert ["unlink", "flush_volume"] == [change.verb for change in files.changes[-2:]]
    assert str(tmp_path) == files.changes[-1].path


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
@pytest.mark.parametrize("follow", [False, True])
def test_links_whose_removal_does_not_reach_the_disk_are_no_success(
    tmp_path: Path, *, follow: bool
) -> None:
    """The error carries what was done, and names the command that does it again."""

    class Forgetful(LocalFileSystem):
        def flush_volume(self, path: str, handle: int | None = None) -> None:
            if path == str(tmp_path):
                raise OSError(errno.EIO, os.strerror(errno.EIO), path)
            super().flush_volume(path, handle)

    make_venv(tmp_path / "v")
    (tmp_path / "link").symlink_to("v")

    with (
        pytest.raises(UnsettledError, match="a power cut could take it back") as caught,
        Place(tmp_path / "link", "venv remove", Forgetful(), "full", 0.05, None) as one,
    ):
        _ = one.remove(force=False) if follow else one.drop_links(one.sight.links)

    assert caught.value.outcome is not None
    assert caught.value.outcome.venv is not None
    assert ("removed" if follow else "unlinked") == caught.value.outcome.venv["action"]
    assert "the same command finishes it" in caught.value.next_step


@pytest.mark.posix("a signal can be sent")
def test_an_interruption_after_the_commit_comes_too_late(tmp_path: Path) -> None:
    """Asked to stop once nothing can be put back any more, the verb says what it has done.

    `venv remove` ended with 130 and "The environment is unchanged.", with nothing there; so it
    did where ``--sync full`` had failed, and nobody was told that either.
    """
    first, second = make_venv(tmp_path / "v"), make_venv(tmp_path / "w")

    with Place(first, "venv remove", Interrupted(), "off", 0.05, None) as one:
        outcome = one.remove(force=False)

    assert outcome.venv is not None
    assert "removed" == outcome.venv["action"]
    assert not (tmp_path / "v").exists()
    with (
        pytest.raises(UnsettledError, match="a power cut could take it back"),
        Place(second, "venv remove", InterruptedUndurable(), "full", 0.05, None) as one,
    ):
        one.remove(force=False)


@pytest.mark.posix("symbolic links take a privilege on Windows, and a signal can be sent")
@pytest.mark.parametrize("follow", [False, True])
def test_an_interruption_after_links_are_gone_comes_too_late(
    tmp_path: Path, *, follow: bool
) -> None:
    """The links go with the environment, or alone: whatever is done by then is told."""

    class Interrupting(LocalFileSystem):
        def unlink(self, path: str) -> None:
            super().unlink(path)
            if path.endswith("/link"):
                signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    make_venv(tmp_path / "v")
    (tmp_path / "link").symlink_to("v")

    with Place(tmp_path / "link", "venv remove", Interrupting(), "off", 0.05, None) as one:
        outcome = one.remove(force=False) if follow else one.drop_links(one.sight.links)

    assert outcome.venv is not None
    assert ("removed" if follow else "unlinked") == outcome.venv["action"]
    assert ([] if follow else ["v"]) == [path.name for path in tmp_path.iterdir()]


@pytest.mark.posix("a signal can be sent")
def test_an_interruption_while_the_locks_are_let_go_comes_too_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are let go before the verb can be interrupted again."""
    release = FolderLock.release

    def interrupted(lock: FolderLock, *, remove: bool = False) -> None:
        release(lock, remove=remove)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    monkeypatch.setattr(FolderLock, "release", interrupted)

    with place_of(make_venv(tmp_path / "v")) as one:
        outcome = one.remove(force=False)

    assert outcome.venv is not None
    assert "removed" == outcome.venv["action"]
    assert not (tmp_path / "v").exists()


class Uncommitted(LocalFileSystem):
    """A disk that refuses the commit."""

    def rename(self, source: str, target: str) -> None:
        """Fail where a state folder would get its commit."""
        if target.endswith("/committed"):
            raise OSError(errno.EIO, os.strerror(errno.EIO), target)
        super().rename(source, target)


def test_a_commit_that_fails_is_put_back_and_swept(tmp_path: Path) -> None:
    """The environment stands as it was, nothing lies beside it, and the error is ours.

    The library got an OSError, and an empty folder of ours stayed.
    """
    place = make_venv(tmp_path / "v")
    before = contents(tmp_path)

    with (
        pytest.raises(FileSystemError, match="is as it was"),
        place_of(place, Uncommitted()) as one,
    ):
        one.remove(force=False)

    assert {**before, "v/.lock": "linkinstall\n"} == contents(tmp_path)


def test_a_commit_that_fails_and_cannot_be_put_back_is_unsettled(tmp_path: Path) -> None:
    """An environment that is gone from its place is not "as it was": the next run brings it back.

    It ended with status 1 and "Nothing was changed.".
    """

    class Worse(Uncommitted):
        def rename_new(self, source: str, target: str) -> None:
            if "/.linkinstall-" in source:
                raise OSError(errno.EIO, os.strerror(errno.EIO), source)
            super().rename_new(source, target)

    place = make_venv(tmp_path / "v")
    before = contents(tmp_path)

    with pytest.raises(UnsettledError) as caught, place_of(place, Worse()) as one:
        one.remove(force=False)

    assert 3 == caught.value.exit_status
    with place_of(place) as one:
        assert ["rolled-back"] == [done.action for done in one.settled.recovered]
    assert {**before, "v/.lock": "linkinstall\n"} == contents(tmp_path)


@pytest.mark.posix("a folder can be renamed while a file of it is open")
def test_a_disk_that_is_gone_does_not_hide_what_was_done(tmp_path: Path) -> None:
    """Where even a look fails after the flush, it is told that the change may be lost.

    It ended with status 1 and "Nothing was changed.", with the environment removed.
    """

    class Gone(Undurable):
        gone = False

        def flush_volume(self, path: str, handle: int | None = None) -> None:
            try:
                super().flush_volume(path, handle)
            except OSError:
                self.gone = True
                raise

        def status(self, path: str) -> os.stat_result | None:
            if self.gone:
                raise OSError(errno.EIO, os.strerror(errno.EIO), path)
            return super().status(path)

    place = make_venv(tmp_path / "v")

    with (
        pytest.raises(UnsettledError, match="a power cut could take it back") as caught,
        Place(place, "venv remove", Gone(), "full", 0.05, None) as one,
    ):
        one.remove(force=False)

    assert caught.value.outcome is not None
    assert () == caught.value.outcome.warnings


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_a_link_that_cannot_go_is_told_and_undoes_nothing(tmp_path: Path) -> None:
    """The environment is gone for good by then: the link that stays is a warning."""

    class Denied(LocalFileSystem):
        def unlink(self, path: str) -> None:
            if path.endswith("/link"):
                raise OSError(errno.EACCES, os.strerror(errno.EACCES), path)
            super().unlink(path)

    make_venv(tmp_path / "v")
    (tmp_path / "link").symlink_to("v")

    with Place(tmp_path / "link", "venv remove", Denied(), "off", 0.05, None) as one:
        with pytest.raises(FileSystemError, match="is as it was"):
            one.drop_links(one.sight.links)
        outcome = one.remove(force=False)

    assert ["link-stays"] == [warning.code for warning in outcome.warnings]
    assert ["link"] == [path.name for path in tmp_path.iterdir()]
