"""Putting back: by which call, over nobody, and what is of others where another tool acted."""

from __future__ import annotations

import errno
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from linkinstall.fs import local
from tests.support.applications import applied, journal_of
from tests.support.faulty import Change, Recording, Wrapper
from tests.support.settlements import SCRIPT, come, old_site, removed, settlement
from tests.support.sites import Site, differences, snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from linkinstall.application import Application


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an environment with version 1.0 of a project."""
    return old_site(tmp_path)


def test_missing_parents_are_made_again(site: Site) -> None:
    """Somebody swept the empty library above: what was stashed still finds its way back."""
    old = snapshot(site.root, exact=True)
    removal = removed(site)
    (site.scripts / "tool").unlink(missing_ok=True)
    kept = site.folder / "bin"
    site.scripts.rename(kept)
    settlement(removal).roll_back()

    assert (site.scripts / "tool").is_file()
    (site.scripts / "tool").rename(kept / "tool")
    site.scripts.rmdir()
    kept.rename(site.scripts)
    assert [] == differences(old, snapshot(site.root, exact=True))


def test_a_restore_that_was_killed_between_its_calls_goes_on(site: Site) -> None:
    """A file that has both names, its old place and the stash, only loses the second."""
    old = snapshot(site.root, exact=True)
    removal = removed(site)
    (item,) = (item for item in journal_of(removal).stash if item.path == str(site.scripts))
    os.link(site.home / "stash" / str(item.number) / "tool", site.scripts / "tool")
    settled = settlement(removal)
    settled.roll_back()

    assert [] == settled.kept
    assert [] == differences(old, snapshot(site.root, exact=True))


@pytest.mark.parametrize("safely", [True, False])
def test_old_files_come_back_by_the_safest_call(site: Site, *, safely: bool) -> None:
    """Name by name, old files are renamed back where that is safe, and linked back elsewhere."""
    (site.library / "app" / "mine.txt").write_text("mine\n")  # so that files go one by one
    before = snapshot(site.root, exact=True)
    application = removed(site)
    files = Recording(local())
    files.renames_safely = safely

    settlement(application, files).roll_back()

    back = [one for one in files.changes if one.path == str(site.library / "app" / "core.py")]
    assert ["rename_new"] * safely == [one.verb for one in back if one.verb == "rename_new"]
    assert [] == differences(before, snapshot(site.root, exact=True))


def test_a_file_that_was_exchanged_meanwhile_stays_and_the_old_one_is_kept(site: Site) -> None:
    """Somebody else's file in the place of an old one: theirs stays, the old one is told of."""
    wheel = site.wheel(version="2.0", files={"app/core.py": "value = 2\n"}, entry_points=SCRIPT)
    upgrade = applied(site, wheel)
    upgrade.prepare()
    core = site.library / "app" / "core.py"
    core.unlink()
    core.write_text("value = 'theirs'\n")
    settled = settlement(upgrade)
    settled.roll_back()
    (kept,) = settled.kept
    where = kept.reason.rpartition(" ")[2]

    assert "value = 'theirs'\n" == core.read_text()
    assert str(site.library / "app") == kept.path
    with open(f"{where}/core.py") as stream:
        assert "value = 1\n" == stream.read()


def test_what_a_rollback_put_aside_is_told_by_the_one_that_repeats_it(
    site: Site, overwriting: Application
) -> None:
    """A rollback that did not come to its end has told nobody what it has moved to the trash."""
    theirs = site.library / "shared" / "theirs.py"
    theirs.unlink()
    theirs.write_text("somebody's\n")
    for _ in range(2):
        with pytest.raises(OSError, match="no space left"):
            settlement(overwriting, NoSpaceFor("/app-1.0.dist-info")).roll_back()
    settled = settlement(overwriting)
    settled.roll_back()

    (kept,) = settled.kept
    assert str(theirs.parent) == kept.path
    with open(kept.reason.rpartition(" ")[2] + "/theirs.py") as stream:
        assert "other\n" == stream.read()


class NoSpaceFor(Wrapper):
    """A disk on which nothing can be put at a path that ends so."""

    def __init__(self, end: str) -> None:
        super().__init__(local())
        self.end = end

    def before(self, change: Change) -> None:
        """Refuse it."""
        if change.path.endswith(self.end):
            raise OSError(errno.ENOSPC, "no space left", change.path)


@pytest.mark.parametrize("place", ["app/core.pyc", "app/__pycache__/core.txt"])
def test_only_compiled_files_give_way_to_others(site: Site, place: str) -> None:
    """Both the folder and the suffix make a compiled file: any other old one waits in the trash."""
    path = site.library / place
    path.parent.mkdir(exist_ok=True)
    path.write_text("old")
    (path.parent / "mine.txt").write_text("mine")  # so that files go one by one
    record = site.library / "app-1.0.dist-info" / "RECORD"
    rows = record.read_text()
    record.unlink()
    record.write_text(f"{rows}{place},,\n")
    application = removed(site)
    path.write_text("theirs")

    settling = settlement(application)
    settling.roll_back()

    assert "theirs" == path.read_text()
    assert ["something else stands in its place"] == [
        one.reason.partition(";")[0] for one in settling.kept
    ]


def test_what_was_compiled_between_two_restores_stays(site: Site) -> None:
    """A compiled file of a source that is back already stays, and the old one has no use.

    The old one was moved to the trash as if somebody else had taken its place, and the
    state folder stayed until one more run (found by ``make model``, SEED=1).
    """
    inner = site.library / "app" / "__pycache__"
    inner.mkdir()
    compiled = inner / "core.cpython-311.pyc"
    compiled.write_text("compiled")
    (site.library / "app" / "mine.txt").write_text("mine")  # so that files go one by one
    before = snapshot(site.root)
    application = removed(site)
    inner.mkdir(exist_ok=True)
    compiled.write_text("compiled")

    settling = settlement(application)
    settling.roll_back()

    assert [] == settling.kept
    assert [] == differences(before, snapshot(site.root))


def test_a_file_where_the_folder_was_stays_and_the_old_files_are_kept(site: Site) -> None:
    """Where a file stands in the place of a folder above, what was in it waits in the trash."""
    mine = site.library / "app" / "mine.txt"
    mine.write_text("mine\n")  # so that the folder is emptied name by name
    application = removed(site)
    shutil.rmtree(mine.parent)
    mine.parent.write_text("theirs\n")
    settled = settlement(application)
    settled.roll_back()
    kept = {os.path.basename(one.path): one.reason for one in settled.kept}

    assert "theirs\n" == mine.parent.read_text()
    assert {"app", "old"} == kept.keys()
    with open(kept["old"].rpartition(" ")[2] + "/inner.txt") as stream:
        assert "old\n" == stream.read()


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_nothing_is_put_back_through_a_link(site: Site, tmp_path: Path) -> None:
    """Where the folder above old files became a link, they are kept, not sent elsewhere."""
    wheel = site.wheel("deep", files={"deep-1.0.data/data/share/deep/x.txt": "x"})
    (site.root / "share").mkdir()
    (site.root / "share" / "mine.txt").write_text("mine\n")
    site.install(wheel, compile_levels=())
    application = applied(site, out=["deep"])
    application.prepare()
    elsewhere = tmp_path / "elsewhere"
    (site.root / "share").rename(elsewhere)
    (site.root / "share").symlink_to(elsewhere)
    settled = settlement(application)
    settled.roll_back()
    (kept,) = settled.kept

    assert ["mine.txt"] == os.listdir(elsewhere)
    assert (str(site.root / "share" / "deep"), "its folder has become a link") == (
        kept.path,
        kept.reason.partition(";")[0],
    )
    assert ["x.txt"] == os.listdir(kept.reason.rpartition(" ")[2])


# ------------------------------------------------------------------ what is of others


# What the change of ``overwriting`` takes, and its rollback must give back.
OF_OTHERS = {
    "app/mine.txt": "mine\n",
    "other/__init__.py": "",
    "shared/theirs.py": "other\n",
    "shared/__pycache__/theirs.cpython-311.pyc": "compiled of theirs",
    "shared/mine.txt": "mine\n",
}


@pytest.fixture
def overwriting(site: Site) -> Application:
    """Return an upgrade over files of ``other``, of nobody, and their compiled ones."""
    there = {"shared/theirs.py": "other\n", "other/__init__.py": ""}
    site.install(site.wheel("other", files=there), compile_levels=())
    own = site.library / "shared" / "__pycache__"
    own.mkdir()
    (own / "theirs.cpython-311.pyc").write_text("compiled of theirs")
    (site.library / "app" / "__pycache__").mkdir()
    (site.library / "app" / "__pycache__" / "core.cpython-311.pyc").write_text("compiled of core")
    (site.library / "shared" / "mine.txt").write_text("mine\n")
    (site.library / "app" / "mine.txt").write_text("mine\n")
    files = {
        "app/core.py": "value = 2\n",
        "app/mine.txt": "app\n",
        "shared/theirs.py": "app\n",
        "shared/mine.txt": "app\n",
    }
    wheel = site.wheel(version="2.0", files=files, entry_points=SCRIPT)
    application = applied(site, wheel, overwrite=True)
    application.prepare()
    assert "app\n" == (site.library / "shared" / "theirs.py").read_text()
    return application


def contents(site: Site) -> dict[str, str]:
    """Return what files beside those of dist-info folders hold."""
    return {
        path.relative_to(site.library).as_posix(): path.read_text()
        for path in site.library.rglob("*")
        if path.is_file() and ".dist-info" not in str(path) and not is_state(site, path)
    }


def is_state(site: Site, path: Path) -> bool:
    """Return whether a path is in our state folder."""
    return path.is_relative_to(site.home)


def test_what_was_overwritten_of_others_goes_back_where_another_tool_has_acted(
    site: Site, overwriting: Application
) -> None:
    """An upgrade over somebody's files was killed, and another tool then took the project.

    The files of the other project, and a person's, became trash with those of the project,
    and the next run deleted them (found by ``make untidy``, seed 126). The first mend asked the
    old RECORD what is whose, which pip had removed where we had not yet stashed it.
    """
    shutil.rmtree(site.library / "app-2.0.dist-info")
    come(site, "app-3.0", "app/core.py")
    settled = settlement(overwriting)
    settled.roll_back()

    assert {"app/core.py": "value = 2\n", **OF_OTHERS} == contents(site)
    (waiting,) = (one.reason.rpartition(" ")[2] for one in settled.kept if one.path.endswith("app"))
    assert ["__init__.py", "core.py"] == sorted(os.listdir(waiting))


def test_what_was_overwritten_goes_back_where_ours_still_stands(
    site: Site, overwriting: Application
) -> None:
    """Another tool has installed the project beside ours, as ``pip install -I`` does.

    Our own RECORD was taken for its, so that our files stayed, and those of others became trash.
    """
    come(site, "app-3.0", "app/third.py")
    (site.library / "app" / "third.py").write_text("value = 3\n")
    settlement(overwriting).roll_back()

    assert {"app/third.py": "value = 3\n", **OF_OTHERS} == contents(site)
    assert not (site.library / "app-2.0.dist-info").exists()


def test_what_the_other_tool_has_put_there_stays_over_what_was_overwritten(
    site: Site, overwriting: Application
) -> None:
    """Where another tool has replaced the file once more, that stands, and the old one waits."""
    shutil.rmtree(site.library / "app-2.0.dist-info")
    come(site, "app-3.0", "shared/theirs.py")
    theirs = site.library / "shared" / "theirs.py"
    theirs.unlink()
    theirs.write_text("app 3\n")
    settled = settlement(overwriting)
    settled.roll_back()

    assert "app 3\n" == theirs.read_text()
    waiting = [one.reason.rpartition(" ")[2] for one in settled.kept]
    assert 1 == sum(os.path.exists(f"{folder}/theirs.py") for folder in waiting)


def test_the_same_file_of_the_other_tool_stays_over_what_was_overwritten(
    site: Site, overwriting: Application
) -> None:
    """Where another tool has put just the same file there, its RECORD tells that it is theirs."""
    shutil.rmtree(site.library / "app-2.0.dist-info")
    come(site, "app-3.0", "shared/theirs.py", "app/mine.txt")
    settlement(overwriting).roll_back()

    found = contents(site)
    assert ("app\n", "app\n") == (found["shared/theirs.py"], found["app/mine.txt"])
    assert "mine\n" == found["shared/mine.txt"]


def test_what_was_overwritten_goes_back_where_the_old_record_is_gone(
    site: Site, overwriting: Application
) -> None:
    """Killed before the old dist-info was stashed, which pip removed: no RECORD tells any more."""
    shutil.rmtree(site.library / "app-2.0.dist-info")
    come(site, "app-3.0", "app/core.py")
    (item,) = (
        one for one in journal_of(overwriting).stash if one.path.endswith("app-1.0.dist-info")
    )
    shutil.rmtree(site.home / "stash" / str(item.number))
    settlement(overwriting).roll_back()

    assert "other\n" == (site.library / "shared" / "theirs.py").read_text()
    assert "mine\n" == (site.library / "app" / "mine.txt").read_text()


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_nothing_of_others_is_put_back_through_a_link(
    site: Site, overwriting: Application, tmp_path: Path
) -> None:
    """Where the folder of what was overwritten became a link, it waits in the trash."""
    shutil.rmtree(site.library / "app-2.0.dist-info")
    come(site, "app-3.0", "app/core.py")
    shutil.rmtree(site.library / "shared")
    (tmp_path / "elsewhere").mkdir()
    (site.library / "shared").symlink_to(tmp_path / "elsewhere")
    settled = settlement(overwriting)
    settled.roll_back()

    assert [] == os.listdir(tmp_path / "elsewhere")
    waiting = [one.reason.rpartition(" ")[2] for one in settled.kept]
    assert 1 == sum(os.path.exists(f"{folder}/theirs.py") for folder in waiting)
