"""Tests of ``linkinstall.verbs.venv``."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from linkinstall.errors import (
    FileSystemError,
    LockTimeoutError,
    NotAVenvError,
    UnsettledError,
    UsageError,
    VenvError,
)
from linkinstall.fs import local
from linkinstall.fs.lock import FolderLock
from linkinstall.paths import forward
from linkinstall.shell import joined
from linkinstall.venvs import place as place_module
from linkinstall.venvs.sight import INNER
from linkinstall.verbs.venv import clear_venv, create_venv, decouple_venv, remove_venv
from tests.support.faulty import Denying, Faulty, Killed, Recording
from tests.support.platforms import WINDOWS
from tests.support.venvs import LIBRARY, Held, contents, make_venv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from linkinstall.venvs.making import Wanted

FAST: dict[str, Any] = {"sync": "off", "lock_timeout": 2.0}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Wanted]:
    """Stand in for virtualenv, which takes seconds; return what it was asked for."""
    asked: list[Wanted] = []

    def make(path: str, wanted: Wanted) -> None:
        asked.append(wanted)
        os.mkdir(f"{path}/bin")
        for name, text in (("bin/python", "new"), ("pyvenv.cfg", SETTINGS)):
            with open(f"{path}/{name}", "x", encoding="utf-8") as stream:
                stream.write(text)

    monkeypatch.setattr(place_module, "make", make)
    return asked


SETTINGS = "home = /new\nversion = 3.9.2\n"
NEW = {"bin/": "", "bin/python": "new", "pyvenv.cfg": SETTINGS}


def visible(folder: Path) -> list[str]:
    """Return what is in a folder."""
    return sorted(os.listdir(folder))


# ------------------------------------------------------------------ create


@pytest.mark.parametrize("there", [False, True])
def test_create_makes_an_environment(tmp_path: Path, made: list[Wanted], *, there: bool) -> None:
    """An environment is made where nothing is, or an empty folder; nothing else is left."""
    if there:
        (tmp_path / "v").mkdir()

    outcome = create_venv(tmp_path / "v", python="3.12", prompt="p", **FAST)

    assert NEW == contents(tmp_path / "v")
    assert ["v"] == visible(tmp_path)
    assert {
        "path": str(tmp_path / "v"),
        "place": str(tmp_path / "v"),
        "action": "created",
    } == outcome.venv
    assert [("3.12", "p", False)] == [(w.python, w.prompt, w.system_site_packages) for w in made]


def test_the_interpreter_may_be_a_path(tmp_path: Path, made: list[Wanted]) -> None:
    """A path object names the interpreter as its text does; virtualenv could not take it apart."""
    create_venv(tmp_path / "v", python=tmp_path / "python3", **FAST)
    clear_venv(tmp_path / "v", python=tmp_path / "python4", **FAST)

    assert [str(tmp_path / "python3"), str(tmp_path / "python4")] == [one.python for one in made]


def test_create_refuses_what_is_there_and_clear_replaces_it(
    tmp_path: Path, made: list[Wanted]
) -> None:
    """An environment that stands there is refused, and with ``clear`` made anew."""
    place = make_venv(tmp_path / "v")
    with pytest.raises(NotAVenvError, match="already") as caught:
        create_venv(place, **FAST)
    assert caught.value.outcome is not None
    assert ("refused", 1) == (caught.value.outcome.status, caught.value.outcome.exit)

    outcome = create_venv(place, clear=True, **FAST)

    assert outcome.venv is not None
    assert "cleared" == outcome.venv["action"]
    assert [""] == [one.python for one in made]
    assert NEW == contents(place)


def test_create_takes_over_what_another_tool_left_half_removed(
    tmp_path: Path, made: list[Wanted]
) -> None:
    """A folder with Scripts and no pyvenv.cfg is made anew with force (uv issue 13986)."""
    place = make_venv(tmp_path / "v", settings=False)
    with pytest.raises(NotAVenvError, match="not whole"):
        create_venv(place, clear=True, **FAST)
    assert not made

    create_venv(place, clear=True, force=True, **FAST)

    assert NEW == contents(place)


def test_what_fails_to_be_made_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where virtualenv fails, the old environment stands there again, whole."""

    def fail(path: str, _wanted: Wanted) -> None:
        os.mkdir(f"{path}/bin")
        raise VenvError("no such Python")

    monkeypatch.setattr(place_module, "make", fail)
    place = make_venv(tmp_path / "v")
    before = contents(tmp_path)

    for more in ({}, {"clear": True}):
        act: Callable[..., Any] = create_venv if more else clear_venv
        with pytest.raises(VenvError):
            act(place, **FAST, **more)
        # The lock's file is what a change leaves in an environment, as uv does.
        (place / ".lock").unlink()
        assert before == contents(tmp_path)
    with pytest.raises(VenvError):
        create_venv(tmp_path / "other", **FAST)
    assert before == contents(tmp_path)


# ------------------------------------------------------------------ clear


def test_clear_keeps_what_the_environment_was_made_with(tmp_path: Path, made: list[Wanted]) -> None:
    """Emptying keeps interpreter, prompt and sight of the system's distributions."""
    place = make_venv(tmp_path / "v")
    python = tmp_path / "python3.11"
    python.touch()
    (place / "pyvenv.cfg").write_text(
        f"home = {tmp_path}\nversion = 3.11.2\nprompt = red\ninclude-system-site-packages = true\n"
    )

    clear_venv(place, **FAST)

    assert [(forward(str(python)), "red", True)] == [
        (forward(one.python), one.prompt, one.system_site_packages) for one in made
    ]


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_a_linked_environment_stays_linked(tmp_path: Path, made: list[Wanted]) -> None:
    """Links, nested ones too, stay links, however often the environment is made anew.

    ``uv venv --clear`` replaced a symlinked .venv by a folder (uv issue 14933).
    """
    make_venv(tmp_path / "store" / "real")
    (tmp_path / "store" / "current").symlink_to("real")
    (tmp_path / ".venv").symlink_to("store/current")

    for _ in range(5):
        clear_venv(tmp_path / ".venv", **FAST)
        create_venv(tmp_path / ".venv", clear=True, **FAST)

    assert "store/current" == os.readlink(tmp_path / ".venv")
    assert "real" == os.readlink(tmp_path / "store" / "current")
    assert NEW == contents(tmp_path / "store" / "real")
    assert 10 == len(made)


@pytest.mark.parametrize("given", [False, True])
def test_clear_says_that_the_interpreter_is_gone(
    tmp_path: Path, made: list[Wanted], *, given: bool
) -> None:
    """Where the interpreter of an environment is gone, and none is named, a warning says so.

    The environment came to have another version without a word.
    """
    place = make_venv(tmp_path / "v")
    (place / "pyvenv.cfg").write_text(f"home = {tmp_path / 'gone'}\nversion = 3.11.9\n")

    outcome = clear_venv(place, python=sys.executable if given else "", **FAST)

    assert [sys.executable if given else ""] == [wanted.python for wanted in made]
    assert ([] if given else ["interpreter-gone"]) == [one.code for one in outcome.warnings]
    assert given or str(tmp_path / "gone") in outcome.warnings[0].message


def test_clear_says_that_another_version_stands_in_the_interpreters_place(
    tmp_path: Path, made: list[Wanted]
) -> None:
    """The warning names the version that an environment had, and the one that stands there now.

    An environment whose Python was upgraded in place was told to be cleared, and had another
    Python then.
    """
    place = make_venv(tmp_path / "v")
    settings = f"home = {tmp_path}\nversion = 3.2.1\nexecutable = {sys.executable}\n"
    (place / "pyvenv.cfg").write_text(settings)

    outcome = clear_venv(place, cache_dir=str(tmp_path / "cache"), **FAST)

    assert [""] == [wanted.python for wanted in made]
    assert ["interpreter-gone"] == [one.code for one in outcome.warnings]
    now = ".".join(map(str, sys.version_info[:3]))
    told = f"it was Python 3.2.1, and {sys.executable} is CPython {now} by now"
    assert told in outcome.warnings[0].message
    assert "the default one, Python 3.9.2; --python" in outcome.warnings[0].message


def test_a_foreign_folder_is_not_cleared(tmp_path: Path, made: list[Wanted]) -> None:
    """What is no environment is refused before anything is moved."""
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter").touch()

    with pytest.raises(NotAVenvError):
        clear_venv(tmp_path / "thesis", force=True, **FAST)

    assert ["chapter"] == visible(tmp_path / "thesis")
    assert not made


# ------------------------------------------------------------------ remove


def test_remove_leaves_nothing(tmp_path: Path) -> None:
    """Nothing of an environment is left, and nothing beside it is touched."""
    place = make_venv(tmp_path / "v")
    (tmp_path / "notes").touch()

    outcome = remove_venv(place, **FAST)

    assert ["notes"] == visible(tmp_path)
    assert ("done", 0, ()) == (outcome.status, outcome.exit, outcome.warnings)


def test_remove_where_nothing_is(tmp_path: Path) -> None:
    """Nothing to remove is a warning, as a name that is not installed is."""
    outcome = remove_venv(tmp_path / "v", **FAST)

    assert ("unchanged", 0, ["absent"]) == (
        outcome.status,
        outcome.exit,
        [one.code for one in outcome.warnings],
    )


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_remove_drops_a_link_alone(tmp_path: Path) -> None:
    """Of a link only the link goes, the environment stays, and what removes that is told.

    ``--follow`` was said to, which the same command could not do any more: the link was gone.
    """
    place = make_venv(tmp_path / "a real one")
    before = contents(place)
    (tmp_path / "v").symlink_to(place.name)

    outcome = remove_venv(tmp_path / "v", **FAST)

    assert [place.name] == visible(tmp_path)
    assert before == contents(place)
    assert ["link"] == [one.code for one in outcome.warnings]
    command = joined(["linkinstall", "venv", "remove", str(place)])
    assert f"which stays; `{command}` removes it too." in outcome.warnings[0].message


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_of_what_is_no_environment_no_removal_is_offered(tmp_path: Path) -> None:
    """Where a link leads to somebody's own folder, it goes, and nothing more is said to."""
    (tmp_path / "own" / "work").mkdir(parents=True)
    (tmp_path / "v").symlink_to("own")

    outcome = remove_venv(tmp_path / "v", **FAST)

    assert outcome.warnings[0].message.endswith("/own, which stays.")


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_a_link_that_leads_round_in_a_circle_is_a_dangling_one(tmp_path: Path) -> None:
    """A link to itself can be removed, and is said to lead nowhere.

    Every verb looked for a state folder below it first, and failed with the path of that:
    ``loop/.linkinstall-venv: Too many levels of symbolic links``.
    """
    loop = tmp_path / "loop"
    loop.symlink_to("loop")

    for refused in (create_venv, clear_venv, decouple_venv):
        with pytest.raises(NotAVenvError, match=r"loop is a link to .*, where nothing is"):
            refused(loop)
    outcome = remove_venv(loop)

    assert ["dangling-link"] == [one.code for one in outcome.warnings]
    assert not loop.is_symlink()


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_remove_of_a_dangling_link_says_that_it_was_one(tmp_path: Path) -> None:
    """A link to nothing goes, and is said to have been one."""
    (tmp_path / "v").symlink_to("gone")

    outcome = remove_venv(tmp_path / "v", **FAST)

    assert [] == visible(tmp_path)
    assert ["dangling-link"] == [one.code for one in outcome.warnings]


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_remove_follows_where_it_is_told_to(tmp_path: Path) -> None:
    """With follow the environment goes, and the links that led to it; links in it do not."""
    place = make_venv(tmp_path / "real")
    (tmp_path / "one").symlink_to("real")
    (tmp_path / "two").symlink_to("one")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").touch()
    (place / "linked").symlink_to(tmp_path / "outside")

    remove_venv(tmp_path / "two", follow=True, **FAST)

    assert ["outside"] == visible(tmp_path)
    assert ["file"] == visible(tmp_path / "outside")


def test_from_inside_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment can be removed by a relative path from a folder inside it.

    On Windows the folder that somebody is in waits until they have left.
    """
    place = make_venv(tmp_path / "v")
    monkeypatch.chdir(place / "bin")

    outcome = remove_venv("..", **FAST)

    assert not place.exists()
    monkeypatch.chdir(tmp_path)
    assert ([f"{place}/bin"] if WINDOWS else []) == [one.path for one in outcome.pending]
    remove_venv(place, **FAST)
    assert [] == visible(tmp_path)


def test_what_cannot_be_moved_refuses_the_removal(tmp_path: Path) -> None:
    """A file that is held open puts everything back; the error names it."""
    place = make_venv(tmp_path / "v")
    (place / ".lock").touch()
    before = contents(tmp_path)
    held = place / LIBRARY / "pkg" / "__init__.py"

    with pytest.raises(FileSystemError) as caught:
        remove_venv(place, files=Held(local(), held), **FAST)

    assert str(held) == caught.value.path
    assert ("unchanged", 1) == (caught.value.state, caught.value.exit_status)
    assert before == contents(tmp_path)
    assert "done" == remove_venv(place, **FAST).status


def test_a_folder_that_goes_with_an_open_file_comes_back(tmp_path: Path) -> None:
    """Where a folder can be renamed with an open file in it, that file is asked for, and refuses.

    After the commit it could not be deleted, and the command would have succeeded while
    a file of the environment is left. Our own lock is let go before: it is an open file too.
    """
    place = make_venv(tmp_path / "v")
    (place / ".lock").touch()
    before = contents(tmp_path)
    held: list[bool] = []

    class Sharing(Recording):
        """Moves folders with what is open in them, and has one file open."""

        def busy(self, folder: str, names: Iterable[str]) -> list[tuple[str, OSError]]:
            if ".lock" in names:
                lock = FolderLock(f"{folder}/.lock", what="it")
                held.append(not lock.try_acquire())
                lock.release()
            error = OSError(errno.EBUSY, "It is open")
            return [(name, error) for name in names if name == "__init__.py"]

        def holders(self, path: str) -> tuple[tuple[int, str], ...]:
            return ((7, "more"),) if path == f"{place}/{LIBRARY}/pkg/__init__.py" else ()

    files = Sharing(local())
    files.open_files_refuse = True
    for name in ("busy", "holders"):
        del vars(files)[name]

    with pytest.raises(FileSystemError, match=r"more \(process 7\) has it open") as caught:
        remove_venv(place, files=files, **FAST)

    assert f"{place}/{LIBRARY}/pkg/__init__.py" == caught.value.path
    assert [False] == held
    assert before == contents(tmp_path)


def test_a_running_image_waits_in_the_trash_and_goes_later(
    tmp_path: Path, made: list[Wanted]
) -> None:
    """While an image runs the environment is made anew, and the image goes with a later run.

    ``uv venv --clear`` with an editor that runs python.exe left Scripts without a
    pyvenv.cfg, and refused that ever after (uv issue 13986).
    """
    place = make_venv(tmp_path / "v")
    running = place / "bin" / "tool.exe"

    outcome = create_venv(place, clear=True, files=Held(local(), running, running=True), **FAST)

    assert NEW == contents(place)
    assert [str(running)] == [one.path for one in outcome.pending]
    assert 0 == outcome.exit
    assert made
    assert (tmp_path / ".linkinstall-v").exists()
    clear_venv(place, **FAST)
    assert ["v"] == visible(tmp_path)


def test_removing_waits_for_whoever_changes_the_environment(tmp_path: Path) -> None:
    """An environment that somebody is changing is waited for, within bounds."""
    place = make_venv(tmp_path / "v")
    lock = FolderLock(str(place / ".lock"), what="it")
    lock.acquire()
    try:
        with pytest.raises(LockTimeoutError):
            remove_venv(place, sync="off", lock_timeout=0.05)
    finally:
        lock.release()

    assert (place / "pyvenv.cfg").exists()


@pytest.mark.parametrize("path", ["", "/"])
def test_slips_are_refused(path: str) -> None:
    """An empty path and a root are refused by every verb."""
    for verb in (create_venv, clear_venv, remove_venv, decouple_venv):
        with pytest.raises(NotAVenvError):
            verb(path, **FAST)


def test_an_unknown_sync_is_a_mistake_of_the_call(tmp_path: Path) -> None:
    """A level of flushing that there is not is refused before anything is done."""
    with pytest.raises(UsageError):
        remove_venv(make_venv(tmp_path / "v"), sync="sometimes")


# ------------------------------------------------------------------ settled by the next run


def test_a_killed_change_is_settled_by_the_next_of_any_verb(
    tmp_path: Path, made: list[Wanted]
) -> None:
    """Killed at any call, the next remove, clear or create at that place settles it."""
    acts: list[Callable[..., Any]] = [
        lambda place, **more: remove_venv(place, **FAST, **more),
        lambda place, **more: clear_venv(place, **FAST, **more),
    ]
    nexts: list[Callable[..., Any]] = [
        lambda place: remove_venv(place, **FAST),
        lambda place: create_venv(place, clear=True, **FAST),
        lambda place: clear_venv(place, **FAST),
    ]
    deaths = 0
    for number in range(60):
        root = tmp_path / str(number)
        place = make_venv(root / "v")
        try:
            acts[number % 2](place, files=Faulty(local(), number))
        except Killed:
            deaths += 1
        chosen = nexts[number % 3]
        outcome = chosen(place)
        assert [] == [one for one in visible(root) if one != "v"], number
        assert (NEW if chosen is not nexts[0] else {}) == without_lock(place), number
        assert "failed" != outcome.status
    assert deaths > 20
    assert made


def without_lock(place: Path) -> dict[str, str]:
    """Return what is at a place but the file of the lock."""
    return {path: text for path, text in contents(place).items() if path != ".lock"}


def test_what_cannot_be_put_back_is_told_and_put_back_later(tmp_path: Path) -> None:
    """Where putting back fails too, the error says that the next run does it; it does.

    Story: errors name ``venv create`` as what settles it. It did, and then ended with status 1, as
    an environment was there.
    """
    place = make_venv(tmp_path / "v")
    (place / ".lock").touch()
    before = contents(tmp_path)

    class Breaking(Denying):
        """Takes scripts aside, and then nothing can be renamed any more."""

        moved = False

        def denies(self, change: Any) -> bool:
            if change.verb != "rename_new":
                return False
            if change.source == str(place):
                return True
            self.error = errno.EIO
            denied, self.moved = self.moved, True
            return denied

    with pytest.raises(UnsettledError):
        remove_venv(place, files=Breaking(local(), "rename_new", errno.EACCES), **FAST)
    assert not (place / "bin").exists()

    outcome = create_venv(place, **FAST)
    assert before == contents(tmp_path)
    assert ("done", 0, ["rolled-back"]) == (
        outcome.status,
        outcome.exit,
        [one.action for one in outcome.recovered],
    )
    assert ("unchanged", ["exists"]) == (
        outcome.venv and outcome.venv["action"],
        [one.code for one in outcome.warnings],
    )
    with pytest.raises(NotAVenvError, match="already"):
        create_venv(place, **FAST)


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_links_to_what_is_gone_go_with_it_after_all(tmp_path: Path) -> None:
    """Killed between its commit and its end, ``--follow`` is brought to its end when repeated.

    The environment was gone, the links stayed, and the same command refused them for ever.
    """
    (tmp_path / "one").symlink_to("real")
    (tmp_path / "two").symlink_to("one")

    outcome = remove_venv(tmp_path / "two", follow=True)

    assert [] == os.listdir(tmp_path)
    assert outcome.venv is not None
    assert "unlinked" == outcome.venv["action"]
    assert ["dangling-link"] == [one.code for one in outcome.warnings]


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_links_that_lead_round_in_a_circle_are_removed_each_once(tmp_path: Path) -> None:
    """With ``--follow`` all links of a circle go, and each is there once."""
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")

    remove_venv(tmp_path / "two", follow=True)

    assert [] == os.listdir(tmp_path)


def test_what_is_kept_inside_refuses_no_environment(tmp_path: Path, made: list[Wanted]) -> None:
    """An environment is made beside what is kept in an otherwise empty place, which stays.

    It was refused: the place was "in the way, and no virtual environment".
    """
    kept = tmp_path / "v" / INNER / "kept-1"
    kept.mkdir(parents=True)
    (kept / "notes").write_text("somebody's")

    outcome = create_venv(tmp_path / "v", **FAST)

    assert 1 == len(made)
    assert [str(kept)] == [one.path for one in outcome.kept]
    assert "somebody's" == (kept / "notes").read_text()


@pytest.mark.posix("the layout is that of POSIX")
@pytest.mark.parametrize("clear", [False, True])
def test_the_interpreter_is_looked_up_before_the_place_is_aside(
    tmp_path: Path, made: list[Wanted], *, clear: bool
) -> None:
    """An environment can be made anew by its own interpreter: that of its base is meant.

    It ended with "failed to find interpreter".
    """
    base = tmp_path / "base" / "python3"
    base.parent.mkdir()
    base.touch(mode=0o755)
    place = make_venv(tmp_path / "v")
    (place / "bin" / "python").unlink()
    (place / "bin" / "python").symlink_to(base)
    (place / "pyvenv.cfg").write_text(f"home = {base.parent}\n")

    if clear:
        clear_venv(place, python=place / "bin" / "python", **FAST)
    else:
        create_venv(place, python=place / "bin" / "python", clear=True, **FAST)

    assert [str(base)] == [wanted.python for wanted in made]
