"""Tests of ``linkinstall.venvs.settling``; killed at every moment, ``test_venvs_aside`` has it."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from linkinstall.errors import NotAVenvError, UnsettledError, VenvError
from linkinstall.fs import local
from linkinstall.shell import joined
from linkinstall.venvs.aside import Aside
from linkinstall.venvs.settling import Settled, settle
from linkinstall.venvs.sight import INNER, MAKING, state_folders
from linkinstall.verbs.venv import clear_venv, create_venv, remove_venv
from tests.support.faulty import Change, Denying, Faulty, Killed, LocalFileSystem, Recording
from tests.support.venvs import LIBRARY, contents, make_venv


def begun(place: Path, what: str) -> Aside:
    """Leave a change at a place as a killed run does, with what stood there taken aside."""
    aside = Aside(local(), str(place), sync="off")
    aside.begin(what)
    aside.take()
    return aside


def test_nothing_is_done_where_nothing_was_begun(tmp_path: Path) -> None:
    """A place that nobody worked at is left alone."""
    place = make_venv(tmp_path / ".venv")
    before = contents(tmp_path)

    assert Settled() == settle(local(), str(place))
    assert before == contents(tmp_path)


def kept_in(folder: Path) -> Path:
    """Return the folder in which something is kept that could not be put back."""
    (kept,) = folder.glob(".linkinstall-*/kept-*")
    return kept


def test_an_environment_that_somebody_made_in_between_stays_theirs(tmp_path: Path) -> None:
    """Killed after the rename, and another tool makes one there: both are kept, and told.

    The old one was deleted in the run that said that it could not be put back.
    """
    place = make_venv(tmp_path / ".venv")
    before = contents(place)
    begun(place, "clear")
    make_venv(place)
    (place / "theirs").write_text("theirs")
    theirs = contents(place)

    settled = settle(local(), str(place))

    assert theirs == contents(place)
    kept = kept_in(tmp_path)
    assert [str(place), str(kept)] == [one.path for one in settled.kept]
    assert before == contents(kept)
    for _ in range(2):
        again = settle(local(), str(place))
        assert ((), [str(kept)]) == (again.recovered, [one.path for one in again.kept])
    remove_venv(place)
    assert before == contents(kept)
    shutil.rmtree(kept)
    assert Settled() == settle(local(), str(place))
    assert [] == os.listdir(tmp_path)


@pytest.mark.parametrize("name", ["notes", "conda-meta/history", "lib/python3.11/mine.py"])
def test_what_somebody_made_in_between_stays_theirs(tmp_path: Path, name: str) -> None:
    """Where the environment went whole, nothing is put into what stands in its place by now.

    Whatever had no pyvenv.cfg, as an environment of conda, had the old one mixed into it.
    """
    place = make_venv(tmp_path / ".venv")
    before = contents(place)
    begun(place, "remove")
    (place / name).parent.mkdir(parents=True)
    (place / name).write_text("theirs")
    theirs = contents(place)

    settled = settle(local(), str(place))

    assert theirs == contents(place)
    assert [str(place), str(kept_in(tmp_path))] == [one.path for one in settled.kept]
    assert before == contents(kept_in(tmp_path))


def test_what_could_not_go_is_put_back_beside_what_somebody_made(tmp_path: Path) -> None:
    """What can be put back is, where not all had gone; the old file waits, and both are told."""
    place = make_venv(tmp_path / ".venv")
    before = contents(place)
    (place / "notes").write_text("old")
    aside = Aside(local(), str(place), sync="off")
    aside.begin("remove")
    (tmp_path / ".linkinstall-.venv" / "1").mkdir()
    for one in ("bin", "notes"):
        (place / one).rename(f"{aside.stash}/{one}")
    (place / "notes").write_text("theirs")

    settled = settle(local(), str(place))

    assert {**before, "notes": "theirs"} == contents(place)
    assert [f"{place}/notes", str(kept_in(tmp_path))] == [one.path for one in settled.kept]
    assert "old" == (kept_in(tmp_path) / "notes").read_text()


@pytest.mark.parametrize("name", [".lock", MAKING])
def test_what_is_nobodys_environment_keeps_nothing_from_coming_back(
    tmp_path: Path, name: str
) -> None:
    """The lock of who waited for the environment, or a mark that was to go next, is nobody's work.

    Where the folder could not be renamed, as one of an image's layer, the environment was kept
    aside for good then, and nothing stood at its place.
    """
    place = make_venv(tmp_path / ".venv")
    (place / ".lock").write_text("")
    before = contents(place)
    aside = begun(place, "remove")
    place.mkdir()
    (place / name).write_text("")
    after = before if name == ".lock" else {**before, name: ""}

    settled = settle(local(), str(place))

    assert () == settled.kept
    assert after == contents(place)
    assert not os.path.exists(aside.state)


def test_a_file_at_the_place_of_what_is_gone_is_left(tmp_path: Path) -> None:
    """A removal that was committed is finished, whatever somebody has put there since.

    A plain file there made each later ``venv`` command end with status 3, for good.
    """
    place = make_venv(tmp_path / ".venv")
    begun(place, "remove").commit()
    place.write_text("theirs")

    settled = settle(local(), str(place))

    assert ["finished"] == [one.action for one in settled.recovered]
    assert {".venv": "theirs"} == contents(tmp_path)


def test_a_verb_that_fails_deletes_nothing_that_was_told_to_wait(tmp_path: Path) -> None:
    """What settling has just named is there after the command that named it.

    ``venv clear`` named the folder where the old environment waits, failed, and put back nothing,
    since nothing of its own was there; and it swept that folder.
    """
    place = make_venv(tmp_path / ".venv")
    begun(place, "clear")
    make_venv(place)

    with pytest.raises(VenvError) as caught:
        clear_venv(place, python="no-such-python")

    assert caught.value.outcome is not None
    kept = kept_in(tmp_path)
    assert [str(place), str(kept)] == [one.path for one in caught.value.outcome.kept]
    assert (kept / "pyvenv.cfg").exists()


def test_what_another_tool_made_of_a_half_made_one_stays_theirs(tmp_path: Path) -> None:
    """Killed while an environment was made, and another tool makes one of it: it is not ours.

    The next ``venv`` command deleted it, with all that had been installed into it.
    """
    place = make_venv(tmp_path / ".venv")
    aside = begun(place, "clear")
    aside.mark()
    (place / "bin").mkdir()
    (place / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
    theirs = {"bin/": "", "pyvenv.cfg": (place / "pyvenv.cfg").read_text()}

    settled = settle(local(), str(place))

    assert theirs == contents(place)
    assert [str(place), str(kept_in(tmp_path))] == [one.path for one in settled.kept]


def test_what_another_tool_made_where_nothing_was_is_told(tmp_path: Path) -> None:
    """Nothing waits then, and nothing else is said."""
    place = tmp_path / ".venv"
    aside = Aside(local(), str(place), sync="off")
    aside.begin("create")
    aside.mark()
    (place / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")

    settled = settle(local(), str(place))

    assert ["pyvenv.cfg"] == os.listdir(place)
    assert ["somebody else has put it there since"] == [one.reason for one in settled.kept]
    assert [".venv"] == os.listdir(tmp_path)


def test_the_state_of_an_environment_says_nothing_of_the_folder_above_it(tmp_path: Path) -> None:
    """An environment called ``venv`` in a folder that is named by a slip: the folder stays.

    The state beside the one and that inside the other had one name. What ``venv clear work/venv``
    had left was put into ``work``, which looked like an environment then, and was removed.
    """
    work = tmp_path / "work"
    work.mkdir()
    place = make_venv(work / "venv")
    (work / "thesis.txt").write_text("all of it")
    begun(place, "clear")
    before = contents(tmp_path)

    with pytest.raises(NotAVenvError, match="no virtual environment"):
        remove_venv(work)

    assert before == contents(tmp_path)


@pytest.mark.parametrize("what", ["remove", "clear"])
def test_folders_that_somebody_made_in_between_stay(tmp_path: Path, what: str) -> None:
    """Where an environment is gone, empty folders are somebody's own.

    Finishing a removal took all empty folders away that it found at the place.
    """
    place = make_venv(tmp_path / "work")
    begun(place, what).commit()
    for name in ("data", "results/run1"):
        (place / name).mkdir(parents=True)
    (place / "notes.txt").write_text("theirs")
    theirs = contents(place)

    settle(local(), str(place))

    assert theirs == contents(place)


def test_what_is_busy_is_told_once(tmp_path: Path) -> None:
    """What cannot be deleted now is one entry of the list, and goes with a later run.

    It was two: what finishing had left was tried again in the same run.
    """

    class Busy(Denying):
        def denies(self, change: Change) -> bool:
            return super().denies(change) and change.path.endswith("tool.exe")

    place = make_venv(tmp_path / ".venv")
    begun(place, "remove").commit()

    settled = settle(Busy(local(), "unlink", errno.EACCES), str(place))

    assert [f"{place}/bin/tool.exe"] == [one.path for one in settled.pending]
    assert Settled() == settle(local(), str(place))
    assert [] == os.listdir(tmp_path)


@pytest.mark.parametrize(("sync", "flushed"), [("full", True), ("normal", False)])
def test_what_is_put_back_is_on_the_disk_before_its_journal_goes(
    tmp_path: Path, sync: str, *, flushed: bool
) -> None:
    """With ``full`` what is told as rolled back stays so; its journal can do it again till then.

    It was flushed after the journal had gone, and only where the verb had nothing else to do: a
    ``venv create`` that kept what it had put back flushed nothing.
    """
    place = make_venv(tmp_path / "v")
    begun(place, "clear")
    files = Recording(local())
    state = state_folders(str(place))[0]

    outcome = create_venv(place, sync=sync, files=files)

    assert ["rolled-back"] == [one.action for one in outcome.recovered]
    gone = files.changes.index(Change("unlink", f"{state}/journal"))
    assert flushed == (Change("flush_volume", state) in files.changes[:gone])
    assert Change("flush_volume", state) not in files.changes[gone:]


def test_what_this_very_run_has_begun_is_no_other_tool_s(tmp_path: Path) -> None:
    """A failure while the standard library makes an environment for virtualenv is put back.

    Its settings looked like another tool's, and the old environment was not put back, and deleted
    two commands later.
    """
    place = make_venv(tmp_path / ".venv")
    before = contents(tmp_path)
    aside = begun(place, "clear")
    aside.mark()
    (place / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")

    aside.put_back()
    aside.sweep(others=False)

    assert before == contents(tmp_path)


def test_what_does_not_reach_the_disk_is_not_settled(tmp_path: Path) -> None:
    """Where the disk refuses the flush, the journal stays, and the next run settles."""
    place = make_venv(tmp_path / "v")
    before = contents(tmp_path)
    begun(place, "clear")

    with pytest.raises(UnsettledError, match="could not be settled") as caught:
        remove_venv(place, sync="full", files=Denying(local(), "flush_volume", errno.EIO))

    assert 3 == caught.value.exit_status
    assert ["rolled-back"] == [one.action for one in settle(local(), str(place)).recovered]
    assert before == contents(tmp_path)


def half_made(place: Path, what: str) -> Aside:
    """Leave what virtualenv makes, as a run does that is killed right before its commit."""
    aside = begun(place, what)
    aside.mark()
    make_venv(place)
    shutil.rmtree(place / LIBRARY / "pkg")
    (place / "bin" / "tool.exe").unlink()
    for name in ("pip", "pip-26.3.dist-info", "__pycache__"):
        (place / LIBRARY / name).mkdir()
        (place / LIBRARY / name / "any").write_text("a seed")
    return aside


@pytest.mark.parametrize("what", ["create", "clear"])
@pytest.mark.parametrize("theirs", ["notes.txt", f"{LIBRARY}/rich/__init__.py", "bin/rich"])
def test_what_somebody_put_into_a_half_made_environment_is_kept(
    tmp_path: Path, what: str, theirs: str
) -> None:
    """A killed run leaves what looks like a whole environment: what is put into it is not ours.

    The next ``venv`` command deleted it with all that a person or pip had put there.
    """
    place = tmp_path / ".venv"
    if what == "clear":
        make_venv(place)
    before = contents(tmp_path)
    half_made(place, what)
    (place / theirs).parent.mkdir(exist_ok=True)
    (place / theirs).write_text("theirs")
    made = contents(place)
    del made[MAKING]

    settled = settle(local(), str(place))

    kept = kept_in(tmp_path)
    assert [str(kept)] == [one.path for one in settled.kept]
    assert made == contents(kept)
    shutil.rmtree(tmp_path / ".linkinstall-.venv")
    assert before == contents(tmp_path)


@pytest.mark.parametrize("what", ["create", "clear"])
def test_what_virtualenv_made_alone_is_not_kept(tmp_path: Path, what: str) -> None:
    """A killed run that nobody has touched since leaves nothing."""
    place = tmp_path / ".venv"
    if what == "clear":
        make_venv(place)
    before = contents(tmp_path)
    half_made(place, what)

    assert () == settle(local(), str(place)).kept
    assert before == contents(tmp_path)


def test_the_folder_that_stood_there_empty_stays_in_its_place(tmp_path: Path) -> None:
    """Where an environment was begun in an empty folder, what is in it goes, and not the folder."""
    place = tmp_path / "v"
    place.mkdir()
    aside = Aside(local(), str(place), sync="off")
    aside.begin("create")
    aside.mark()
    (place / "notes").write_text("theirs")
    inode = place.stat().st_ino

    settle(local(), str(place))

    assert (inode, []) == (place.stat().st_ino, os.listdir(place))
    assert {"notes": "theirs"} == contents(kept_in(tmp_path))


@pytest.mark.parametrize("at", [".venv/data", ".linkinstall-.venv/1"])
def test_where_a_volume_is_mounted_since_nothing_is_settled(tmp_path: Path, at: str) -> None:
    """What is mounted in the place, or in what was taken from it, keeps its contents.

    They were deleted with what had been half made.
    """

    class Mounted(LocalFileSystem):
        def mount_points(self) -> set[str]:
            return {"/", str(tmp_path / at)}

    place = make_venv(tmp_path / ".venv")
    half_made(place, "clear")
    (tmp_path / at).mkdir(exist_ok=True)
    before = contents(tmp_path)

    with pytest.raises(UnsettledError, match="mounted"):
        create_venv(place, files=Mounted())

    assert before == contents(tmp_path)


def test_in_what_is_unfinished_nothing_is_made(tmp_path: Path) -> None:
    """A place in an environment that is half made goes with that, and is refused until then.

    ``venv create e/inner`` ended with success, and the next ``venv`` command at ``e`` deleted it.
    What is said to settle it was not quoted for a shell.
    """
    place = make_venv(tmp_path / "my venv")
    half_made(place, "clear")
    before = contents(tmp_path)

    with pytest.raises(UnsettledError, match="lies in") as caught:
        create_venv(place / "inner")

    assert before == contents(tmp_path)
    assert f"`{joined(['linkinstall', 'venv', 'create', str(place)])}`" in caught.value.next_step


class Inside(Aside):
    """What keeps its state inside the environment, as where no folder can be made beside it."""

    def _make_state(self) -> str:
        return self._make(f"{self.place}/{INNER}")


@pytest.mark.parametrize("inside", [False, True])
def test_what_is_kept_is_kept_whenever_that_is_killed(tmp_path: Path, *, inside: bool) -> None:
    """Killed before any change while it is kept, and settled then: nobody has lost anything."""
    for number in range(1_000):
        root = tmp_path / str(number)
        place = make_venv(root / ".venv")
        before = contents(place)
        if inside:
            aside: Aside = Inside(local(), str(place), sync="off")
            aside.begin("clear")
            aside.take()
        else:
            aside = begun(place, "clear")
        aside.mark()
        make_venv(place)
        files = Faulty(local(), number)
        try:
            settle(files, str(place))
        except Killed:
            settle(local(), str(place))
        kept = {path: text for path, text in contents(root).items() if "/kept-" in path}
        now = contents(place)
        assert before == {path: now[path] for path in now if not path.startswith(INNER)}, number
        assert any(path.endswith("pkg/fast.pyd") for path in kept), number
        if not files.fired:
            assert number > 4, "too few changes to be true"
            return


def test_what_is_kept_beside_what_was_kept_has_a_name_of_its_own(tmp_path: Path) -> None:
    """Whatever is kept already under a name, what could not be put back is kept beside it.

    Where two journals were torn, each ``venv`` command ended with "kept-0: File exists".
    """
    place = make_venv(tmp_path / ".venv")
    for _ in range(3):
        aside = begun(place, "clear")
        make_venv(place)
        Path(aside.state, "journal").write_text("torn")
        settle(local(), str(place))

    names = {one.name for one in tmp_path.glob(".linkinstall-*/kept-*")}
    assert {"kept-0", "kept-0-1", "kept-0-2"} == names


def test_a_folder_that_was_made_and_not_marked_goes(tmp_path: Path) -> None:
    """Killed between making the folder and saying so in it, a creation leaves nothing.

    The empty folder stayed, and ``venv remove`` refused it.
    """
    place = tmp_path / ".venv"
    Aside(local(), str(place), sync="off").begin("create")
    place.mkdir()

    settled = settle(local(), str(place))

    assert ["rolled-back"] == [one.action for one in settled.recovered]
    assert [] == os.listdir(tmp_path)


@pytest.mark.posix("a folder has a mode")
@pytest.mark.parametrize("killed", [False, True])
def test_a_folder_comes_back_as_it_was(tmp_path: Path, *, killed: bool) -> None:
    """What stood there comes back whole, with its mode, over a folder that was not marked yet.

    Its entries were put into the new folder, which anybody could read.
    """
    place = make_venv(tmp_path / ".venv")
    place.chmod(0o700)
    before = contents(tmp_path)
    aside = begun(place, "clear")
    place.mkdir(mode=0o755)

    if killed:
        settle(local(), str(place))
    else:
        aside.put_back()
        aside.sweep(others=False)

    assert before == contents(tmp_path)
    assert 0o700 == place.stat().st_mode & 0o777
