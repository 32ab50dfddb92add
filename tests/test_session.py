"""Holding an environment for one change: the lock, what was left, and no trace."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from linkinstall import session as session_module
from linkinstall.environment import Environment
from linkinstall.errors import (
    EnvironmentNotFoundError,
    JournalError,
    LockTimeoutError,
    UnsettledError,
)
from linkinstall.fs import local
from linkinstall.fs.port import FileSystem
from linkinstall.outcome import Recovered
from linkinstall.recovery import Report
from linkinstall.session import Session
from linkinstall.venvs.aside import Aside
from linkinstall.venvs.holding import hold_for_change
from linkinstall.venvs.settling import settle
from tests.support.applications import OFF
from tests.support.sites import Site, snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an environment of its own."""
    return Site(tmp_path)


@pytest.fixture
def session(site: Site) -> Iterator[Session]:
    """Return a session on the site, ended whatever happens."""
    session = on(site.environment)
    yield session
    session.end()


def on(environment: Environment) -> Session:
    """Return a session that flushes nothing."""
    return Session(local(), environment, OFF)


def test_an_environment_that_is_in_order_is_left_so(site: Site, session: Session) -> None:
    """Begun and ended, a session leaves every file as it was, a venv's lock file too."""
    before = snapshot(site.root, exact=True)
    world = session.begin(timeout=0, notify=None)
    session.end()

    assert [str(site.library)] == world.libraries
    assert (str(site.home), ()) == (session.home, session.report.recovered)
    assert before == snapshot(site.root, exact=True)


def test_one_session_at_a_time(site: Site, session: Session) -> None:
    """Until a session ends another one waits, and is refused when its time is up."""
    session.begin(timeout=0, notify=None)
    other = on(site.environment)
    with pytest.raises(LockTimeoutError):
        other.begin(timeout=0, notify=None)
    other.end()
    with pytest.raises(LockTimeoutError):  # the end of the one refused let nothing go
        on(site.environment).begin(timeout=0, notify=None)

    session.end()
    other.begin(timeout=0, notify=None)
    other.end()


def test_what_an_earlier_run_left_is_settled_first(site: Site, session: Session) -> None:
    """What was only staged by a run that was killed is gone when the session has begun."""
    (site.home / "new" / "0").mkdir(parents=True)
    (site.home / "new" / "0" / "a.py").touch()
    session.begin(timeout=0, notify=None)

    assert not site.home.exists()


def test_a_state_folder_that_is_not_ours_is_refused(site: Site, session: Session) -> None:
    """With something unknown in the state folder nothing begins, and nothing stays locked."""
    site.home.mkdir()
    (site.home / "diary").touch()
    before = snapshot(site.root)
    with pytest.raises(JournalError):
        session.begin(timeout=0, notify=None)
    session.end()

    assert before == snapshot(site.root)
    (site.home / "diary").unlink()
    session.begin(timeout=0, notify=None)


def test_folders_made_on_the_way_go_again(site: Site) -> None:
    """Where the target was not there and nothing came into it, nothing is left of it."""
    target = site.folder / "new" / "target"
    before = snapshot(site.folder)
    session = on(Environment.for_target(target, base=site.environment))
    session.begin(timeout=0, notify=None)
    assert target.is_dir()
    session.end()

    assert before == snapshot(site.folder)


def test_a_stage_that_nothing_came_into_goes_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library below a stage is made for the session, and goes with all above it."""
    monkeypatch.setenv("TMPDIR", str(site.folder))  # where the lock of a stage is
    before = snapshot(site.folder)
    session = on(site.environment.with_destdir(site.folder / "stage"))
    world = session.begin(timeout=0, notify=None)
    library = os.path.splitdrive(str(site.library))[1]
    assert f"{site.folder}/stage{library}" == world.libraries[0]
    assert "folder" == snapshot(site.folder)[f"stage{library}"][0]
    session.end()

    assert before == snapshot(site.folder)


def test_a_venv_keeps_the_lock_file_that_was_made(site: Site, session: Session) -> None:
    """In a virtual environment the lock file stays, for uv and for the next run."""
    (site.root / ".lock").unlink()
    session.begin(timeout=0, notify=None)
    session.end()

    assert (site.root / ".lock").exists()


def test_settings_may_stand_beside_the_interpreter(site: Site, session: Session) -> None:
    """A venv may have its ``pyvenv.cfg`` beside the interpreter (PEP 405), and is one then."""
    beside = os.path.dirname(site.environment.python or "")
    os.makedirs(beside, exist_ok=True)
    (site.root / "pyvenv.cfg").rename(os.path.join(beside, "pyvenv.cfg"))

    libraries = session.begin(timeout=0, notify=None).libraries

    assert os.path.normpath(site.library) == os.path.normpath(libraries[0])


@pytest.mark.parametrize("left", ["nothing", "a folder", "a folder and a lock"])
def test_a_venv_that_was_removed_since_it_was_found_is_not_made_again(
    site: Site, session: Session, left: str
) -> None:
    """Who waited for the lock of a venv that then went leaves nothing in its place.

    Installs went on in the folder that they had made for the lock: packages without an
    interpreter, which nobody recognised as an environment.
    """
    kept = site.root / ".lock"
    content = kept.read_bytes() if kept.exists() else b""
    shutil.rmtree(site.root)
    if left != "nothing":
        site.root.mkdir()
    if left == "a folder and a lock":
        kept.write_bytes(content)
    before = snapshot(site.folder)

    with pytest.raises(EnvironmentNotFoundError, match="not there any more"):
        session.begin(timeout=0, notify=None)
    session.end()

    assert before == snapshot(site.folder)


def test_a_target_that_goes_while_another_waits_for_it_is_made_again(site: Site) -> None:
    """Who comes next makes the folder that the first one made and took away again.

    Of several runs on a new ``--target`` those that waited ended with "No such file or
    directory": the one before had found nothing to do and removed the folder of the lock.
    """
    target = Environment.for_target(site.folder / "new" / "target", base=site.environment)
    first, second = on(target), on(target)
    first.begin(timeout=0, notify=None)
    waited: list[str] = []

    def waiting(message: str) -> None:
        waited.append(message)
        first.end()

    second.begin(timeout=120, notify=waiting)

    assert 1 == len(waited)
    assert os.path.isdir(target.root)
    second.end()
    assert not os.path.exists(target.root)


def test_folders_go_while_the_lock_is_held(site: Site) -> None:
    """The next one who has the lock finds no folder that is about to be removed."""
    prefix = Environment.for_prefix(site.folder / "new", base=Environment.current())
    free: dict[str, bool] = {}

    class Watched(FileSystem):
        def remove_folder(self, path: str) -> None:
            other = prefix.lock()
            free[os.path.relpath(path, prefix.root)] = other.try_acquire()
            other.release(remove=True)
            super().remove_folder(path)

    session = Session(Watched(), prefix, OFF)
    session.begin(timeout=0, notify=None)
    free.clear()
    session.end()

    assert not os.path.exists(prefix.root)
    assert {".", "lib"} < {path.lower() for path in free}
    assert [] == [path for path, unlocked in free.items() if unlocked and path != "."]


def test_folders_that_were_used_stay(site: Site) -> None:
    """Where something came into the target it stays, without the lock file."""
    target = site.folder / "new" / "target"
    session = on(Environment.for_target(target, base=site.environment))
    session.begin(timeout=0, notify=None)
    (target / "a.py").touch()
    session.end()

    assert ["a.py"] == list(snapshot(target))


def test_a_temporary_cache_goes_with_the_session(site: Site, session: Session) -> None:
    """What was unpacked next to the target is removed, with the state folder."""
    before = snapshot(site.root)
    session.begin(timeout=0, notify=None)
    (site.home / "cache" / "v1").mkdir(parents=True)
    session.end()

    assert before == snapshot(site.root)


@pytest.mark.parametrize("journal", ["journal", "committed"])
def test_an_unfinished_transaction_keeps_what_it_needs(
    site: Site, session: Session, journal: str
) -> None:
    """While a journal is there, before its commit or after it, its state folder stays whole."""
    session.begin(timeout=0, notify=None)
    (site.home / "cache" / "v1").mkdir(parents=True)
    (site.home / journal).touch()
    session.end()

    assert ["cache", "cache/v1", journal] == sorted(snapshot(site.home))


def test_ending_twice_is_ending_once(site: Site, session: Session) -> None:
    """A session that has ended, or never began, takes nothing from one that is on."""
    on(site.environment).end()
    session.begin(timeout=0, notify=None)
    session.end()
    other = on(site.environment)
    other.begin(timeout=0, notify=None)
    (site.home / "cache").mkdir(parents=True)
    session.end()

    assert site.home.exists()
    other.end()
    assert not site.home.exists()


class Forgetful(FileSystem):
    """A disk that stops answering what is asked of the state folder."""

    def status(self, path: str) -> os.stat_result | None:
        """Refuse to look at a journal."""
        if path.endswith("/.linkinstall/journal"):
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        return super().status(path)


@pytest.mark.parametrize("what", ["clear", "remove"])
def test_what_a_venv_command_has_begun_is_not_installed_into(site: Site, what: str) -> None:
    """An environment that is half made, emptied or removed is refused until that is settled.

    An install into what a killed ``venv clear`` had made ended with success, and the next ``venv``
    command put the old environment back and deleted what was installed; so did one beside a
    ``venv clear`` that failed later.
    """
    aside = Aside(local(), str(site.root), sync="off")
    aside.begin(what)
    if what == "clear":
        aside.take()
        aside.mark()
        shutil.copytree(aside.stash, site.root, symlinks=True, dirs_exist_ok=True)
    before = snapshot(site.root)

    session = on(site.environment)
    with pytest.raises(UnsettledError, match="was killed") as caught:
        session.begin(timeout=0, notify=None)
    session.end()

    assert before == snapshot(site.root)
    assert str(site.root) in caught.value.next_step
    settle(local(), str(site.root))
    session.begin(timeout=0, notify=None)
    session.end()


def test_a_venv_command_that_is_under_way_leaves_nothing_unsettled(site: Site) -> None:
    """Beside a ``venv`` command that still runs, an install says that the environment is not there.

    It said that a transaction was unfinished, status 3, where nothing was to be settled; the race
    found that now and then.
    """
    files = local()
    aside = Aside(files, str(site.root), sync="off", hold=partial(hold_for_change, files))
    aside.begin("clear")

    within = Environment.for_target(site.root / "vendor", base=site.environment)
    for environment in (site.environment, within):
        session = on(environment)
        with pytest.raises(EnvironmentNotFoundError, match="making it anew") as caught:
            session.begin(timeout=0, notify=None)
        session.end()
        assert f"The virtual environment {site.root} is" in caught.value.message
    aside.put_back()


def test_what_lies_in_an_unfinished_environment_is_not_installed_into(site: Site) -> None:
    """A folder in an environment goes with it, when that is settled.

    ``install --target e/vendor`` ended with success where a ``venv clear e`` had been killed, and
    the next ``venv`` command deleted what it had installed.
    """
    aside = Aside(local(), str(site.root), sync="off")
    aside.begin("clear")
    before = snapshot(site.root)

    session = on(Environment.for_target(site.root / "vendor", base=site.environment))
    with pytest.raises(UnsettledError, match="was killed") as caught:
        session.begin(timeout=0, notify=None)
    session.end()

    assert before == snapshot(site.root)
    assert f"create {site.root}`" in caught.value.next_step


@pytest.mark.usefixtures("root")
@pytest.mark.posix("files have owners")
def test_the_state_of_a_stranger_refuses_nothing(site: Site, session: Session) -> None:
    """Beside an environment in a folder of everybody, anybody can make a state folder.

    Each install into it was refused for good.
    """
    state = site.root.parent / f".linkinstall-{site.root.name}"
    state.mkdir()
    (state / "journal").write_text("anything")
    os.chown(state, 65534, 65534)

    session.begin(timeout=0, notify=None)


@pytest.mark.posix("a signal can be sent")
def test_an_interruption_waits_until_what_was_left_is_settled(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while something is put back is not "unchanged": it is put back, and told.

    The command ended with 130 and "The environment is unchanged.", half-way through.
    """
    recovered = Report((Recovered("0123456789ab", "rolled-back"),))

    def interrupted(*_words: object) -> Report:
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        return recovered

    monkeypatch.setattr(session_module, "recover_environment", interrupted)

    with pytest.raises(KeyboardInterrupt):
        session.begin(timeout=0, notify=None)

    assert recovered == session.report


def test_letting_go_hides_no_reason(site: Site) -> None:
    """What came of a change is told, not what went wrong with sweeping after it.

    An error that came from the end of a session replaced the reason of a failed change,
    and a change that could not be put back ended with status 1, as if nothing was left.
    """
    session = Session(Forgetful(), site.environment, OFF)
    session.begin(timeout=0, notify=None)

    session.end()

    other = on(site.environment)
    other.begin(timeout=0, notify=None)
    other.end()
