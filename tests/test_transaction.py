"""The transaction's two phases, its block, and what it refuses out of order."""

from __future__ import annotations

import errno
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest

from linkinstall import Cache, Environment, Transaction
from linkinstall.errors import (
    ConflictError,
    FileSystemError,
    LockTimeoutError,
    TransactionError,
    UnsettledError,
    UsageError,
)
from linkinstall.fs import local
from linkinstall.placements import Placements
from linkinstall.wishes import Wish
from tests.support.descriptors import open_descriptors
from tests.support.faulty import (
    Denying,
    InterruptedUndurable,
    Killed,
    LocalFileSystem,
    OtherVolume,
    Undurable,
    noting_volumes,
)
from tests.support.sites import Site, differences, snapshot
from tests.support.watched import Fault, Watched, before, process
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import FrameType
    from typing import BinaryIO

    from linkinstall.fs.port import Refusal
    from tests.support.faulty import Change


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Make an empty environment with a cache of its own."""
    return Site(tmp_path)


@pytest.mark.parametrize("failed", [True, False])
def test_a_forked_process_leaves_the_block_to_its_parent(
    site: Site, monkeypatch: pytest.MonkeyPatch, *, failed: bool
) -> None:
    """What a child of the caller does on its way out changes nothing; the parent commits.

    A child that ended by ``sys.exit`` left the block, too, and rolled back under its parent.
    """
    with site.transaction() as transaction:
        transaction.install(site.wheel("app"))
        transaction.prepare()
        prepared = site.tree()
        with monkeypatch.context() as child:
            child.setattr(os, "getpid", lambda: -1)
            error = SystemExit() if failed else None
            transaction.__exit__(type(error) if error else None, error, None)
        assert prepared == site.tree()

    assert (site.library / "app/__init__.py").is_file()
    assert not site.home.exists()


def test_a_wheel_is_where_it_was_when_it_was_asked_for(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative path is one of the folder that was the current one then.

    It was looked for in the folder that the caller had gone to by the time of the commit.
    """
    wheel = site.wheel("app")
    monkeypatch.chdir(wheel.parent)
    with site.transaction() as transaction:
        transaction.install(wheel.name)
        monkeypatch.chdir(site.folder)

    assert (site.library / "app/__init__.py").is_file()


@pytest.mark.parametrize(
    ("files", "scheme"), [({"app-1.0.data/data/x": ""}, "data"), ({"app/a.py": ""}, "scripts")]
)
def test_a_scheme_without_a_folder_is_refused(
    site: Site, files: dict[str, str], scheme: str
) -> None:
    """Where folders are given one by one, a wheel that needs another one is a usage error.

    It ended with a bare ``KeyError``.
    """
    points = "[console_scripts]\napp = app.a:main\n" if scheme == "scripts" else ""
    wheel = site.wheel("app", files=files, entry_points=points)
    environment = Environment.from_schemes({"purelib": site.library})
    before = site.tree()
    transaction = Transaction(environment, cache=site.cache, sync="off", compile_levels=())
    transaction.install(wheel)
    with pytest.raises(UsageError, match=f"has files for {scheme}"):
        transaction.run()

    assert before == site.tree()


def test_leaving_the_block_commits(site: Site) -> None:
    """A block that ends well leaves the wheel installed and nothing of the state folder."""
    with site.transaction() as transaction:
        transaction.install(site.wheel("app"))

    assert (site.library / "app/__init__.py").is_file()
    assert not site.home.exists()
    assert transaction.outcome is not None
    assert ["installed"] == [change.action for change in transaction.outcome.changes]


def test_a_callers_step_that_fails_rolls_everything_back(site: Site) -> None:
    """An exception between prepare and commit leaves the environment as it was."""
    site.install(site.wheel("old"))
    before = site.tree()

    def step() -> None:
        with site.transaction() as transaction:
            transaction.uninstall("old")
            transaction.install(site.wheel("new"))
            transaction.prepare()
            assert (site.library / "new").is_dir()
            assert not (site.library / "old").exists()
            raise RuntimeError("the lock file cannot be written")

    with pytest.raises(RuntimeError, match="lock file"):
        step()
    assert [] == differences(before, site.tree())


def test_a_callers_step_that_fails_tells_what_could_not_be_put_back(site: Site) -> None:
    """An old file whose place the step has taken waits in the trash, and its error says where.

    Nobody was told, and the next command deleted it.
    """
    mine = site.library / "settings.py"
    mine.write_text("mine\n")

    def step() -> None:
        with site.transaction(overwrite_existing=True) as transaction:
            transaction.install(site.wheel("app", files={"settings.py": "app's\n"}))
            transaction.prepare()
            mine.unlink()
            mine.write_text("the step's\n")
            raise RuntimeError("the lock file cannot be written")

    with pytest.raises(RuntimeError) as caught:
        step()

    (note,) = caught.value.__notes__
    assert note.startswith(str(site.library))
    folder = note.partition("wait in ")[2].partition(",")[0]
    with open(f"{folder}/settings.py") as stream:
        assert "mine\n" == stream.read()


def test_nothing_is_touched_before_prepare(site: Site) -> None:
    """Asking changes nothing, and leaving by an exception then has nothing to undo."""
    before = site.tree()
    transaction = site.transaction()
    transaction.install(site.wheel("app"))

    assert [] == differences(before, site.tree())
    transaction.roll_back()
    assert [] == differences(before, site.tree())


def test_nothing_can_be_added_once_it_is_prepared(site: Site) -> None:
    """A wish after prepare is refused, and the prepared change stays what it is."""
    with site.transaction() as transaction:
        transaction.install(site.wheel("app"))
        transaction.prepare()
        with pytest.raises(TransactionError):
            transaction.uninstall("app")
    assert (site.library / "app").is_dir()


def test_a_rollback_after_the_commit_is_an_error_not_damage(site: Site) -> None:
    """U17: rolling back what is committed raises and changes nothing."""
    transaction = site.transaction()
    transaction.install(site.wheel("app"))
    transaction.run()
    after = site.tree()

    with pytest.raises(TransactionError, match="committed"):
        transaction.roll_back()
    assert [] == differences(after, site.tree())


def test_a_commit_without_a_prepare_is_refused(site: Site) -> None:
    """There is nothing to commit before prepare."""
    with pytest.raises(TransactionError):
        site.transaction().commit()


def test_a_set_stands_and_falls_together(site: Site, tmp_path: Path) -> None:
    """U18: one damaged wheel of several, and nothing of the others is installed."""
    good = site.wheel("good")
    bad = make_wheel(tmp_path / "bad", "bad", record="bad/__init__.py,sha256=AAAA,1\n")
    before = site.tree()

    with pytest.raises(ValueError, match="bad"):
        site.install(good, bad)
    assert [] == differences(before, site.tree())


def test_the_lock_of_another_run_is_waited_for_and_named(site: Site) -> None:
    """While another run holds the environment, the wait is bounded and the error names it."""
    lock = site.environment.lock()
    lock.acquire()
    try:
        transaction = site.transaction(lock_timeout=0.05)
        transaction.install(site.wheel("app"))
        with pytest.raises(LockTimeoutError) as caught:
            transaction.run()
    finally:
        lock.release()
    assert lock.path == caught.value.path
    assert not (site.library / "app").exists()


def test_calls_run_after_the_commit_and_at_the_end(site: Site) -> None:
    """``on_commit`` is called once all is in place, and only if it is."""
    seen: list[bool] = []
    with site.transaction() as transaction:
        transaction.on_commit(lambda: seen.append((site.library / "app").is_dir()))
        transaction.install(site.wheel("app"))
    assert [True] == seen

    failed = site.transaction()
    failed.on_commit(lambda: seen.append(False))
    failed.install(site.folder / "none-1.0-py3-none-any.whl")
    with pytest.raises(ValueError, match="none"):
        failed.run()
    assert [True] == seen


def test_an_unknown_sync_is_a_usage_error(site: Site) -> None:
    """A word that is no level of flushing is refused at once."""
    with pytest.raises(UsageError, match="sometimes"):
        site.transaction(sync="sometimes")


def test_a_failure_says_what_it_is_about(site: Site) -> None:
    """An error of the operating system is typed, names the path, and carries an outcome."""
    site.library.chmod(0o755)
    (site.library / "app").mkdir()
    (site.library / "app/data.txt").mkdir()
    (site.library / "app/data.txt/x").write_text("x")
    transaction = site.transaction()
    transaction.install(site.wheel("app"))
    with pytest.raises(FileExistsError) as caught:
        transaction.run()
    assert not isinstance(caught.value, FileSystemError)
    assert "app/data.txt" in str(caught.value)


class Volumed(LocalFileSystem):
    """Tells when volumes are opened and flushed, and when files are made."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def open_volume(self, _folder: str) -> int | None:
        """Note it; the descriptor is one that can be closed."""
        self.calls.append("open")
        return os.open(os.devnull, os.O_RDONLY)

    def flush_volume(self, _path: str, handle: int | None = None) -> None:
        """Note whether it is by what was opened."""
        self.calls.append("flush" if handle is not None else "flush anew")

    def create(self, path: str, *, executable: bool = False) -> BinaryIO:
        """Note it."""
        self.calls.append("create")
        return super().create(path, executable=executable)


@pytest.mark.parametrize(("sync", "held"), [("normal", True), ("off", False)])
def test_volumes_are_held_from_before_the_first_write(site: Site, sync: str, *, held: bool) -> None:
    """An error of the disk while a wheel is unpacked is told to the flush, to no other process."""
    files = Volumed()
    cache = Cache(site.cache.path, files=files)

    with Transaction(site.environment, cache=cache, sync=sync, files=files) as transaction:
        transaction.install(site.wheel("app"))

    calls = [one for one in dict.fromkeys(files.calls) if one != "flush anew"]
    assert (["open", "create", "flush"] if held else ["create"]) == calls


@pytest.mark.posix("volumes can be opened, and descriptors counted")
def test_volumes_are_let_go(site: Site) -> None:
    """After a change, and after one that is refused, no descriptor is left."""
    wheel = site.wheel("app")
    site.install(wheel)
    before = open_descriptors()

    site.install(site.wheel("app", "2.0"), sync="normal")
    with pytest.raises(ConflictError):
        site.install(site.wheel("other", files={"app/__init__.py": "x = 1\n"}), sync="normal")

    assert before == open_descriptors()


class Failing(LocalFileSystem):
    """Cannot be flushed, for one reason or another."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def flush_volume(self, path: str, _handle: int | None = None) -> None:
        """Fail as a disk does."""
        raise OSError(self.number, os.strerror(self.number), path)


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES])
def test_what_a_failed_flush_may_have_lost_is_not_linked_again(site: Site, number: int) -> None:
    """Files that could not be written read well, and the next flush has nothing to tell.

    A disk took 12 of 20 MB; with more room the same command said "installed", took the
    mark off the entry, and what was read after the next mount had another digest. So did
    the entries that ``cache add`` or a killed run had left there.
    """
    wheels = [site.wheel("app"), site.wheel("beside")]
    entries = [site.cache.add(wheel).entry for wheel in wheels]
    old = site.tree()

    transaction = Transaction(site.environment, cache=site.cache, files=Failing(number))
    transaction.install(wheels[0])
    with pytest.raises(FileSystemError):
        transaction.run()

    lost = number == errno.EIO
    assert [] == differences(old, site.tree())
    assert [lost] * 2 == [site.cache.open(one.manifest.id) is None for one in entries]
    site.install(*wheels)
    again = [site.cache.add(wheel).entry for wheel in wheels]
    assert [lost] * 2 == [
        one.manifest.mtime != before.manifest.mtime
        for one, before in zip(again, entries, strict=True)
    ]


def test_what_a_flush_of_the_recovery_may_have_lost_is_not_linked_again(site: Site) -> None:
    """The system tells an error to one flush, whoever asked for it.

    A journal of two volumes is settled with flushes in between; their errors were told and
    given no heed, so that the next run took the mark off entries that had been lost.
    """
    wheel = site.wheel("tool", entry_points="[console_scripts]\ntool = tool:main\n")
    files = Watched(OtherVolume(local(), str(site.scripts)), Fault(before("rename", "/committed")))
    killed = site.transaction(files, compile_levels=())
    killed.install(wheel)
    with process(), pytest.raises(Killed):
        killed.run()
    entry = site.cache.add(site.wheel("app")).entry

    failing = Denying(OtherVolume(local(), str(site.scripts)), "flush_volume", errno.EIO)
    with pytest.raises(UnsettledError):
        site.transaction(failing, sync="normal").run()

    assert site.cache.open(entry.manifest.id) is None


def test_what_failed_and_could_not_be_put_back_is_told_as_such(site: Site) -> None:
    """A change that fails, and its rollback after it, is told with both reasons.

    It was told as an unfinished transaction that was found, with the sentence that nothing new
    was begun, and what had gone wrong first was not told at all.
    """
    site.install(site.wheel("app"), compile_levels=())
    files = Denying(local(), "rename_new", errno.EIO)
    denies = files.denies
    undoing = []

    def from_then_on(change: Change) -> bool:
        undoing.append(denies(change) and change.source.endswith("/new/0"))
        return denies(change) and any(undoing)

    setattr(files, "denies", from_then_on)  # noqa: B010 - a fake
    transaction = site.transaction(files, compile_levels=())
    transaction.install(site.wheel("app", "2.0"))

    with pytest.raises(UnsettledError, match="The change failed") as caught:
        transaction.run()

    assert f"{site.library}/app" in str(caught.value)
    assert "could not be put back yet" in str(caught.value)
    assert "Nothing new was begun" not in caught.value.next_step
    assert ["rolled-back"] == [one.action for one in site.recover().recovered]


def test_a_commit_that_does_not_reach_the_disk_is_no_success(site: Site) -> None:
    """With ``full`` success means new; the flush that is to make it so had an error.

    It was a warning that cleaning up is left to the next run, and the command ended with 0.
    """
    entry = site.cache.add(site.wheel("beside")).entry
    transaction = site.transaction(Undurable(), sync="full")
    transaction.install(site.wheel("app"))

    told: list[str] = []
    transaction.on_commit(lambda: told.append("commit"))
    transaction.on_end(lambda: told.append("end"))

    with pytest.raises(UnsettledError, match="a power cut could take it back") as caught:
        transaction.run()
    with pytest.raises(TransactionError, match="is committed"):
        transaction.roll_back()

    assert ["end", "commit"] == told
    assert caught.value.outcome is not None
    assert ("unsettled", 3) == (caught.value.outcome.status, caught.value.outcome.exit)
    assert (site.home / "committed").exists()
    assert site.cache.open(entry.manifest.id) is None
    assert ["finished"] == [one.action for one in site.recover().recovered]
    assert [] == site.check()


@pytest.mark.posix("a signal can be sent")
def test_a_signal_does_not_hide_that_a_commit_is_not_durable(site: Site) -> None:
    """Asked to stop in between, the transaction says what has come of it.

    It ended with 130 and "The environment is unchanged.", with the change made.
    """
    transaction = site.transaction(InterruptedUndurable(), sync="full")
    transaction.install(site.wheel("app"))

    with pytest.raises(UnsettledError, match="a power cut could take it back"):
        transaction.run()


def test_what_may_be_lost_is_given_up_before_anything_is_put_back(site: Site) -> None:
    """Another process that flushes meanwhile would hear of no error, and take the mark off."""
    entry = site.cache.add(site.wheel("app")).entry
    standing: list[bool] = []

    class Slow(Failing):
        def unlink_all(self, folder: str, names: Iterable[str]) -> list[Refusal]:
            standing.append(os.path.exists(f"{entry.folder}/manifest"))
            return super().unlink_all(folder, names)

    transaction = site.transaction(Slow(errno.EIO), sync="normal")
    transaction.install(site.wheel("app"))
    with pytest.raises(FileSystemError):
        transaction.run()

    assert standing
    assert not any(standing)


@pytest.mark.parametrize("later", [False, True])
def test_the_volume_of_a_cache_elsewhere_is_held_too(
    site: Site, tmp_path: Path, *, later: bool
) -> None:
    """Contents are written to the cache's volume alone, mostly another disk then.

    So it is for what is found out later: what a repair wants, it knows once it has the lock.
    """
    wheel = site.wheel("app")
    calls: list[str] = []
    files = noting_volumes(OtherVolume(local(), str(tmp_path / "elsewhere")), calls)
    (tmp_path / "elsewhere").mkdir()
    cache = Cache(tmp_path / "elsewhere" / "cache", files=files)
    options: dict[str, Any] = {"sync": "normal", "files": files, "compile_levels": ()}

    with Transaction(site.environment, cache=cache, link_mode="copy", **options) as transaction:
        if later:
            transaction.look(lambda _world, _cache, wishes: wishes.want(Wish(str(wheel), None)))
        else:
            transaction.install(wheel)

    assert 2 == calls.count("open")
    assert ["flush", "flush"] == calls[-2:]


def test_the_volume_of_a_cache_that_is_not_written_is_left_alone(
    site: Site, tmp_path: Path
) -> None:
    """What only takes something out of an environment has nothing to do with the cache's disk."""
    site.install(site.wheel("app"))
    calls: list[str] = []
    files = noting_volumes(OtherVolume(local(), str(tmp_path / "elsewhere")), calls)
    (tmp_path / "elsewhere").mkdir()
    cache = Cache(tmp_path / "elsewhere" / "cache", files=files)

    with Transaction(site.environment, cache=cache, sync="normal", files=files) as transaction:
        transaction.uninstall("app")

    assert 1 == calls.count("open")


def test_the_volume_of_a_cache_that_is_not_trusted_is_left_alone(
    site: Site, tmp_path: Path
) -> None:
    """Another cache stands in for it, at home: nothing is written to the first one's volume."""

    class Untrusted(Cache):
        @property
        def distrust(self) -> str:
            return "every user can write to it"

    wheel = site.wheel("app")
    calls: list[str] = []
    files = noting_volumes(OtherVolume(local(), str(tmp_path / "elsewhere")), calls)
    (tmp_path / "elsewhere").mkdir()
    cache = Untrusted(tmp_path / "elsewhere" / "cache", files=files)

    with Transaction(site.environment, cache=cache, sync="normal", files=files) as transaction:
        transaction.install(wheel)

    assert 1 == calls.count("open")
    assert [] == list((tmp_path / "elsewhere").iterdir())


def test_an_interruption_while_it_is_put_back_keeps_no_lock(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Ctrl-C comes through while threads are waited for, all is back and the lock is free.

    What had been placed stayed, and the next install of the same process said that another
    one held the lock (found by a second reading).
    """

    def refuse(_self: Placements) -> bool:
        raise OSError(errno.ENOSPC, "No space left", "/full")

    def interrupt(_self: Placements) -> None:
        raise KeyboardInterrupt

    before = snapshot(site.root)
    with monkeypatch.context() as patched:
        patched.setattr(Placements, "link", refuse)
        patched.setattr(Placements, "abandon", interrupt)
        with pytest.raises(KeyboardInterrupt) as caught:
            site.install(site.wheel())

    assert before == snapshot(site.root)
    site.install(site.wheel(), lock_timeout=0)
    assert caught.value is not None  # what it refers to is there as long


class Interrupting:
    """Raises ``KeyboardInterrupt`` at one line of some modules, where a signal could come.

    :param at: the how-manieth line, from 1
    """

    MODULES = ("/transaction.py", "/session.py", "/application.py", "/staging.py")

    def __init__(self, at: int) -> None:
        self.at, self.lines, self.where = at, 0, ""

    def call(self, frame: FrameType, _event: str, _argument: object) -> object:
        """Trace the lines of these modules, from the first transaction on."""
        path = frame.f_code.co_filename
        return self.line if path.endswith(self.MODULES) and "/linkinstall/" in path else None

    def line(self, frame: FrameType, event: str, _argument: object) -> object:
        """Count a line, and interrupt at the one."""
        if event != "line" or signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ()):
            return self.line
        self.lines += 1
        if self.lines == self.at:
            self.where = f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
            sys.settrace(None)
            raise KeyboardInterrupt
        return self.line


@pytest.mark.posix("signals can be held back")
def test_interrupted_at_any_line_it_is_put_back(site: Site) -> None:
    """Ctrl-C between any two steps leaves the environment as it was, and nobody holds it.

    Between the end of ``prepare`` and the commit, and right after the journal was written, the
    new version stayed with its journal, and the status said that the environment was unchanged.
    """
    first, wheel = site.wheel("app", "1.0"), site.wheel("app", "2.0")
    site.install(first, compile_levels=())
    old, wrong = site.tree(), []
    site.cache.add(wheel)
    at, more = 0, True
    while more:
        at += 1
        transaction = site.transaction(compile_levels=())
        transaction.install(wheel)
        interrupting = Interrupting(at)
        done = None
        sys.settrace(interrupting.call)  # type: ignore[arg-type]
        try:
            done = transaction.run()
        except KeyboardInterrupt:
            pass
        except Exception as error:  # noqa: BLE001 - told below
            wrong.append(f"{interrupting.where}: {error!r}")
        finally:
            sys.settrace(None)
        more = bool(interrupting.where)
        if more and done is not None:  # it came too late
            assert (site.library / "app-2.0.dist-info").is_dir()
            site.install(first, compile_levels=())
        if more and (site.home.exists() or old != site.tree()):
            wrong.append(f"{interrupting.where}: neither old nor new")
            site.recover()
        again = site.environment.lock()
        again.acquire(timeout=0)
        again.release()

    assert [] == wrong
    assert at > 100
    assert (site.library / "app-2.0.dist-info").is_dir()
