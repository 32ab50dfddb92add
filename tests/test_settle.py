"""Settling: rolling back and finishing, repeated, interrupted, and beside other tools."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from linkinstall import deletion
from linkinstall.fs import local
from linkinstall.fs.port import FileSystem
from linkinstall.fs.volumes import Volumes
from linkinstall.settle import Settlement
from tests.support.applications import OFF, applied, journal_of
from tests.support.faulty import Change, Denying, Faulty, OtherVolume, Recording, Wrapper
from tests.support.settlements import SCRIPT, come, old_site, removed, settlement
from tests.support.sites import Site, differences, of_state, snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from linkinstall.application import Application
    from tests.support.sites import Snapshot


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an environment with version 1.0 of a project."""
    return old_site(tmp_path)


@pytest.fixture
def old(site: Site) -> Snapshot:
    """Return what is there before, down to the inodes."""
    return snapshot(site.root, exact=True)


@pytest.fixture
def upgrade(site: Site, old: Snapshot) -> Application:
    """Return an upgrade to 2.0, everything in place, not committed."""
    assert old
    files = {"app/__init__.py": "", "app/core.py": "value = 2\n", "app/new/inner.txt": "new\n"}
    application = applied(site, site.wheel(version="2.0", files=files, entry_points=SCRIPT))
    application.prepare()
    return application


@pytest.fixture
def removal(site: Site, old: Snapshot) -> Application:
    """Return a removal, everything stashed, not committed."""
    assert old
    return removed(site)


def payload(site: Site) -> Snapshot:
    """Return everything but our own state, down to the inodes."""
    return snapshot(site.root, exact=True, skipping=of_state)


def moved_or_removed(site: Site, files: Recording) -> list[Change]:
    """Return the changes beside the state folder; an attempt on a folder that is full is none."""
    return [
        one
        for one in files.changes
        if one.verb != "remove_folder" and not one.path.startswith(f"{site.home}/")
    ]


class Refusing(Denying):
    """Refuses one verb for the paths that end so."""

    def __init__(self, verb: str, ending: str, error: int) -> None:
        super().__init__(local(), verb, error)
        self.ending = ending

    def denies(self, change: Change) -> bool:
        """Return whether a change is refused."""
        return super().denies(change) and change.path.endswith(self.ending)


# ------------------------------------------------------------------ rolling back


def test_rolling_back_brings_the_very_same_files(
    site: Site, old: Snapshot, upgrade: Application
) -> None:
    """Old files come back under their inodes, new ones go, and the state folder with them."""
    assert [] != differences(old, payload(site))
    settlement(upgrade).roll_back()

    assert [] == differences(old, snapshot(site.root, exact=True))


def test_rolling_back_again_changes_nothing(
    site: Site, old: Snapshot, upgrade: Application
) -> None:
    """Old and new share inodes, and still the second rollback takes nothing that is back."""
    settlement(upgrade).roll_back()
    files = Recording(local())
    settlement(upgrade, files).roll_back()

    assert [] == moved_or_removed(site, files)
    assert [] == differences(old, snapshot(site.root, exact=True))


def test_a_foreign_file_in_a_new_folder_stays(
    site: Site, old: Snapshot, upgrade: Application
) -> None:
    """What somebody added to a folder of ours is left there when ours goes."""
    note = site.library / "app" / "new" / "notes.txt"
    note.write_text("mine\n")
    settlement(upgrade).roll_back()

    assert "mine\n" == note.read_text()
    note.unlink()
    note.parent.rmdir()
    assert [] == differences(old, payload(site))


def test_new_folders_go_from_the_inside_out(site: Site, old: Snapshot) -> None:
    """Of a package that was not there before nothing is left, however deep its folders are."""
    files = {"fresh/__init__.py": "", "fresh/deep/er/inner.txt": "new\n"}
    application = applied(site, site.wheel("fresh", files=files))
    application.prepare()
    assert (site.library / "fresh" / "deep" / "er" / "inner.txt").is_file()
    settlement(application).roll_back()

    assert [] == differences(old, snapshot(site.root, exact=True))


def test_compiled_files_of_planned_sources_go(
    site: Site, old: Snapshot, upgrade: Application
) -> None:
    """An interpreter that ran in between compiled our sources: these files go with them."""
    folder = site.library / "app" / "__pycache__"
    folder.mkdir()
    (folder / "core.cpython-311.pyc").write_bytes(b"compiled of 2.0")
    settlement(upgrade).roll_back()

    assert [] == differences(old, snapshot(site.root, exact=True))


def test_compiled_files_of_a_module_in_the_library_itself_go(site: Site, old: Snapshot) -> None:
    """Beside a module without a package, too, nothing is left that an interpreter has made."""
    application = applied(site, site.wheel("single", files={"single.py": "value = 1\n"}))
    application.prepare()
    folder = site.library / "__pycache__"
    folder.mkdir()
    (folder / "single.cpython-311.pyc").write_bytes(b"compiled of single")
    settlement(application).roll_back()

    assert [] == differences(old, snapshot(site.root, exact=True))


def test_compiled_files_of_a_foreign_module_stay(site: Site, upgrade: Application) -> None:
    """What was compiled of a module that is not planned is not ours to take."""
    folder = site.library / "app" / "__pycache__"
    folder.mkdir()
    (site.library / "app" / "mine.py").write_text("value = 3\n")
    (folder / "mine.cpython-311.pyc").write_bytes(b"compiled of mine")
    settlement(upgrade).roll_back()

    assert b"compiled of mine" == (folder / "mine.cpython-311.pyc").read_bytes()


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_nothing_is_done_through_a_folder_that_became_a_link(
    site: Site, upgrade: Application, tmp_path: Path
) -> None:
    """Our hard links in another environment, seen through a link, are not taken for ours."""
    elsewhere = tmp_path / "elsewhere"
    (site.library / "app").rename(elsewhere)
    (site.library / "app").symlink_to(elsewhere)
    before = snapshot(elsewhere, exact=True)
    settled = settlement(upgrade)
    settled.roll_back()

    assert [] == differences(before, snapshot(elsewhere, exact=True))
    assert str(site.library / "app") in [one.path for one in settled.kept]


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_no_folder_is_removed_through_a_link(
    site: Site, upgrade: Application, tmp_path: Path
) -> None:
    """An empty folder outside that has the name of a new one stays."""
    app, outside = site.library / "app", tmp_path / "outside"
    shutil.rmtree(app)
    (outside / "new").mkdir(parents=True)
    app.symlink_to(outside)
    settlement(upgrade).roll_back()

    assert ["new"] == os.listdir(outside)


def test_a_new_dist_info_goes_first(site: Site, upgrade: Application) -> None:
    """A rollback takes the RECORD away before the files it lists: none stands without them."""
    files = Recording(local())
    settlement(upgrade, files).roll_back()
    paths = [one.path for one in files.changes if one.verb == "unlink"]

    assert paths.index(f"{site.library}/app-2.0.dist-info/RECORD") < paths.index(
        f"{site.library}/app/core.py"
    )


def test_what_another_tool_has_settled_is_left_to_it(site: Site, upgrade: Application) -> None:
    """A third version came meanwhile: what it lists stays, ours that nobody lists goes."""
    shutil.rmtree(site.library / "app-2.0.dist-info")
    come(site, "app-3.0", "app/core.py")
    settled = settlement(upgrade)
    settled.roll_back()

    names = sorted(path.relative_to(site.library).as_posix() for path in site.library.rglob("*.*"))
    assert "app/core.py" in names
    assert "app/new/inner.txt" not in names
    assert "app-1.0.dist-info" not in names
    assert {"another tool has changed this project since"} == {
        one.reason.partition(";")[0] for one in settled.kept
    }


def test_a_file_that_cannot_be_removed_ends_the_rollback(
    site: Site, old: Snapshot, upgrade: Application
) -> None:
    """The error names it, the journal stays, and once it is free the next run succeeds."""
    busy = Refusing("unlink", "/app/core.py", errno.EBUSY)
    with pytest.raises(OSError, match="busy") as caught:
        settlement(upgrade, busy).roll_back()

    assert str(site.library / "app" / "core.py") == caught.value.filename
    assert (site.home / "journal").exists()
    settlement(upgrade).roll_back()
    assert [] == differences(old, snapshot(site.root, exact=True))


def test_an_error_at_any_call_of_a_rollback_costs_another_run_at_most(tmp_path: Path) -> None:
    """Whatever call of a rollback is refused once, after the next run everything is as it was.

    A reinstall was killed before its commit. The next run could not remove the new, empty
    dist-info folder, took no notice and dropped the journal: the folder stood there for
    ever, as a distribution without METADATA.
    """
    at, fired = 0, True
    while fired:
        files = Faulty(local(), at, errno.EACCES)
        site = Site(tmp_path / str(at))
        site.install(site.wheel(files={"app/__init__.py": ""}), compile_levels=())
        old = snapshot(site.root, exact=True)
        new = {"app/__init__.py": "", "app/new/inner.txt": "new\n"}
        application = applied(site, site.wheel(version="2.0", files=new))
        application.prepare()
        compiled = site.library / "app" / "__pycache__" / "__init__.cpython-311.pyc"
        compiled.parent.mkdir()
        compiled.write_bytes(b"")

        with contextlib.suppress(OSError):
            settlement(application, files).roll_back()
        site.recover()

        assert [] == differences(old, payload(site)), files.changes[-1]
        at, fired = at + 1, files.fired


def test_a_folder_that_somebody_uses_does_not_hold_a_rollback_up(
    site: Site, upgrade: Application
) -> None:
    """Where a refusal hides that a folder is in use, the rollback still ends."""
    (site.library / "app" / "new" / "mine.txt").write_text("mine\n")

    settlement(upgrade, Refusing("remove_folder", "/app/new", errno.EACCES)).roll_back()

    assert ["mine.txt"] == os.listdir(site.library / "app" / "new")
    assert not site.home.exists()


def test_a_library_that_was_made_goes_again(tmp_path: Path) -> None:
    """Folders that were made for the state folder alone are removed with it."""
    site = Site(tmp_path)
    shutil.rmtree(site.library)
    before = site.tree()
    application = applied(site, site.wheel())
    application.prepare()
    settlement(application).roll_back()

    assert [] == differences(before, site.tree())


def test_the_journal_goes_last(upgrade: Application) -> None:
    """As long as anything is left to do, the journal that tells of it is there."""
    files = Recording(local())
    settlement(upgrade, files).roll_back()
    home = journal_of(upgrade).home

    assert [Change("unlink", f"{home}/journal"), Change("remove_folder", home)] == [
        one for one in files.changes if one.path in {f"{home}/journal", home}
    ]
    assert Change("remove_folder", home) == files.changes[-1]


def test_other_volumes_are_flushed_before_the_journal_goes(site: Site) -> None:
    """With flushing, what was put back on another volume is safe before home forgets it."""
    files = Recording(OtherVolume(local(), str(site.scripts)))
    application = applied(site, out=["app"], files=files)
    application.prepare()
    files.changes.clear()
    Settlement(files, journal_of(application), Volumes(files, "normal")).roll_back()
    ends = [
        one.verb
        for one in files.changes
        if one.verb == "flush_volume" or one.path == f"{site.home}/journal"
    ]

    assert ["flush_volume", "unlink"] == ends


# ------------------------------------------------------------------ finishing


def committed(application: Application) -> Application:
    """Commit an application."""
    application.commit()
    return application


def test_finishing_leaves_only_what_is_new(site: Site, removal: Application) -> None:
    """The stash, the journal and the state folder are gone, and nothing of the old is there."""
    settlement(committed(removal)).finish()

    assert [] == sorted(path.name for path in site.library.iterdir())


def test_finishing_again_changes_nothing(site: Site, upgrade: Application) -> None:
    """A run that was killed while it finished is finished by the next, in any state."""
    settlement(committed(upgrade)).finish()
    new = snapshot(site.root, exact=True)
    files = Recording(local())
    settlement(upgrade, files).finish()

    assert [] == moved_or_removed(site, files)
    assert [] == differences(new, snapshot(site.root, exact=True))


def test_what_was_written_into_a_stashed_folder_comes_back(
    site: Site, removal: Application
) -> None:
    """A program that held the folder open wrote a file of its own: it is put where it was."""
    stashed = next(path for path in (site.home / "stash").iterdir() if (path / "core.py").exists())
    (stashed / "session.txt").write_text("mine\n")
    settlement(committed(removal)).finish()

    assert ["session.txt"] == os.listdir(site.library / "app")
    assert "mine\n" == (site.library / "app" / "session.txt").read_text()


def test_what_was_written_below_a_stashed_folder_comes_back(
    site: Site, removal: Application
) -> None:
    """It comes back from every depth: what a program wrote is not what was removed."""
    stashed = next(path for path in (site.home / "stash").iterdir() if (path / "core.py").exists())
    (stashed / "old" / "logs").mkdir()
    (stashed / "old" / "logs" / "session.txt").write_text("mine\n")
    settlement(committed(removal)).finish()

    assert "mine\n" == (site.library / "app" / "old" / "logs" / "session.txt").read_text()
    assert not (site.home / "trash").exists()


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_nothing_is_deleted_through_a_link(
    site: Site, removal: Application, tmp_path: Path
) -> None:
    """A folder of the stash that became a link is not emptied where the link leads."""
    stashed = next(path for path in (site.home / "stash").iterdir() if (path / "core.py").exists())
    elsewhere = tmp_path / "elsewhere"
    (stashed / "old").rename(elsewhere)
    (stashed / "old").symlink_to(elsewhere)
    # The plain port follows links where POSIX can be told not to.
    settlement(committed(removal), FileSystem()).finish()

    assert ["inner.txt"] == os.listdir(elsewhere)


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_no_late_compiled_file_is_deleted_through_a_link(
    site: Site, removal: Application, tmp_path: Path
) -> None:
    """What was compiled elsewhere stays, where a folder of the stash leads there by now."""
    stashed = next(path for path in (site.home / "stash").iterdir() if (path / "core.py").exists())
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "core.cpython-311.pyc").write_bytes(b"theirs")
    (stashed / "__pycache__").symlink_to(tmp_path / "elsewhere")
    settlement(committed(removal), FileSystem()).finish()

    assert ["core.cpython-311.pyc"] == os.listdir(tmp_path / "elsewhere")


def test_late_compiled_files_in_the_stash_go(site: Site, removal: Application) -> None:
    """What an interpreter compiled of the old sources on their way out goes with them."""
    stashed = next(path for path in (site.home / "stash").iterdir() if (path / "core.py").exists())
    (stashed / "__pycache__").mkdir()
    (stashed / "__pycache__" / "core.cpython-311.pyc").write_bytes(b"late")
    settlement(committed(removal)).finish()

    assert not (site.library / "app").exists()


def test_a_busy_file_waits_in_the_trash_under_its_old_name(
    site: Site, removal: Application
) -> None:
    """What cannot be deleted is moved aside, and told by the path that it had."""
    settled = settlement(committed(removal), Refusing("unlink", "/core.py", errno.EBUSY))
    settled.finish()
    (pending,) = settled.pending

    assert str(site.library / "app" / "core.py") == pending.path
    with open(pending.moved_to) as stream:
        assert "value = 1\n" == stream.read()
    assert not (site.home / "committed").exists()
    assert ["trash"] == os.listdir(site.home)


class Lingering(Wrapper):
    """Files that are deleted while they are open: on Windows their names stay until then."""

    def __init__(self, ending: str) -> None:
        super().__init__(local())
        delete = self.unlink
        vars(self)["unlink"] = lambda path: None if path.endswith(ending) else delete(path)


def test_a_file_that_is_deleted_while_it_is_open_never_comes_back(
    site: Site, removal: Application
) -> None:
    """Its name is no file that somebody has written in the meantime: it goes to the trash."""
    settled = settlement(committed(removal), Lingering("/core.py"))
    settled.finish()

    assert not (site.library / "app").exists()
    assert [str(site.library / "app" / "core.py")] == [one.path for one in settled.pending]


class Immutable(Refusing):
    """Files that can neither be removed nor moved by themselves (``chattr +i``)."""

    def denies(self, change: Change) -> bool:
        """Return whether a change is refused."""
        frozen = change.verb in {"unlink", "rename_new", "hardlink"}
        return frozen and (change.source or change.path).endswith(self.ending)


def test_an_immutable_file_waits_in_the_trash_with_its_folder(
    site: Site, removal: Application
) -> None:
    """What can be moved only with the folder it is in goes along, and is told by its own path.

    The change was made, and no later run could clean up behind it: each ended with
    status 3 at the same file.
    """
    settled = settlement(committed(removal), Immutable("unlink", "/core.py", errno.EPERM))
    settled.finish()
    (pending,) = settled.pending

    assert str(site.library / "app" / "core.py") == pending.path
    with open(pending.moved_to) as stream:
        assert "value = 1\n" == stream.read()
    assert not (site.library / "app").exists()
    assert ["trash"] == os.listdir(site.home)


def test_folders_that_a_removal_empties_go(site: Site) -> None:
    """A namespace folder goes with its last file; with another project's file it stays."""
    for name in ("one", "two"):
        wheel = site.wheel(name, files={f"family/{name}_part.py": ""})
        site.install(wheel, compile_levels=())
    application = applied(site, out=["one"])
    application.prepare()
    settlement(committed(application)).finish()
    assert ["two_part.py"] == os.listdir(site.library / "family")

    application = applied(site, out=["two"])
    application.prepare()
    settled = settlement(committed(application))
    settled.finish()
    assert not (site.library / "family").exists()
    assert [] == settled.pending


def test_a_folder_that_somebody_uses_is_told(site: Site) -> None:
    """A folder that is empty and cannot be removed is pending; one that is full just stays."""
    site.install(site.wheel("one", files={"family/deep/part.py": ""}), compile_levels=())
    (site.library / "family" / "notes.txt").write_text("mine\n")
    application = applied(site, out=["one"])
    application.prepare()
    refusing = Refusing("remove_folder", "/family", errno.EBUSY)
    settled = settlement(committed(application), refusing)
    settled.finish()
    assert [] == settled.pending

    (site.library / "family" / "notes.txt").unlink()
    settled = settlement(application, refusing)
    settled.finish()
    assert [str(site.library / "family")] == [one.path for one in settled.pending]


def test_a_stashed_folder_goes_from_the_inside_out(site: Site, removal: Application) -> None:
    """Each folder is asked to go once, when there is nothing in it any more."""
    assert (site.home / "stash").is_dir()
    files = Recording(local())
    settlement(committed(removal), files).finish()
    folders = [one.path for one in files.changes if one.verb == "remove_folder"]

    assert any(path.endswith("/old") for path in folders)
    assert len(set(folders)) == len(folders)


def test_a_folder_that_is_empty_by_now_goes(site: Site) -> None:
    """What kept a folder when it was planned, and is gone by now, keeps it no longer."""
    wheel = site.wheel("deep", files={"family/deep/part.py": ""})
    site.install(wheel, compile_levels=())
    (site.library / "family" / "notes.txt").write_text("mine\n")
    application = applied(site, out=["deep"])
    application.prepare()
    assert ["notes.txt"] == os.listdir(site.library / "family")
    (site.library / "family" / "notes.txt").unlink()
    settlement(committed(application)).finish()

    assert not (site.library / "family").exists()


def test_a_folder_that_was_emptied_in_place_goes(site: Site, removal: Application) -> None:
    """Where a folder was emptied file by file, and could not be removed then, it goes now."""
    (site.library / "app").mkdir()
    settlement(committed(removal)).finish()

    assert not (site.library / "app").exists()


def test_a_scheme_folder_stays_though_it_is_empty(site: Site) -> None:
    """The last script that goes does not take the folder of scripts with it."""
    for path in site.scripts.glob("python*"):
        path.unlink()
    application = removed(site)
    assert [] == os.listdir(site.scripts)
    settlement(committed(application)).finish()

    assert site.scripts.is_dir()


def test_folders_that_are_empty_by_now_go_from_the_inside_out(site: Site) -> None:
    """Where a folder and one inside it were kept for what is gone by now, both go."""
    wheel = site.wheel("deep", files={"family/one.py": "", "family/deep/two.py": ""})
    site.install(wheel, compile_levels=())
    notes = [site.library / "family" / "notes.txt", site.library / "family" / "deep" / "notes.txt"]
    for path in notes:
        path.write_text("mine\n")
    application = applied(site, out=["deep"])
    application.prepare()
    for path in notes:
        path.unlink()
    settlement(committed(application)).finish()

    assert not (site.library / "family").exists()


@pytest.mark.parametrize("processes", [True, False])
def test_a_stash_is_deleted_by_many_where_there_are_no_threads(
    removal: Application, monkeypatch: pytest.MonkeyPatch, *, processes: bool
) -> None:
    """Help of other processes is asked for by whoever may be forked, for the whole stash."""
    asked: list[object] = []
    monkeypatch.setattr(deletion, "delete_together", lambda *given: asked.append(given[2]))
    journal = journal_of(committed(removal))
    if processes:
        Settlement(local(), journal, OFF, processes=True).finish()
    else:  # threads are what has to be expected
        Settlement(local(), journal, OFF).finish()

    assert [journal.stash] * processes == asked


@pytest.mark.parametrize(("sync", "several"), [("normal", False), ("off", True)])
def test_no_volume_is_flushed_without_need(site: Site, sync: str, *, several: bool) -> None:
    """One volume keeps the order of renames by itself; without flushing there is none."""
    files = Recording(OtherVolume(local(), str(site.scripts)) if several else local())
    application = applied(site, out=["app"], files=files)
    application.prepare()
    application.commit()
    files.changes.clear()
    Settlement(files, journal_of(application), Volumes(files, sync)).finish()

    assert "flush_volume" not in [one.verb for one in files.changes]


def test_several_volumes_make_the_commit_durable_first(site: Site) -> None:
    """Before any stash is dropped the commit is on the disk: else old and new could both go."""
    files = Recording(OtherVolume(local(), str(site.scripts)))
    application = applied(site, out=["app"], files=files)
    application.prepare()
    application.commit()
    files.changes.clear()
    Settlement(files, journal_of(application), Volumes(files, "normal")).finish()

    assert Change("flush_volume", str(site.home)) == files.changes[0]
    assert not (site.scripts / ".linkinstall").exists()


def test_a_folder_that_two_projects_leave_together_keeps_its_mode(site: Site) -> None:
    """What was taken out of a folder was put back first: into a new one, that others can read."""
    site.install(site.wheel("one", files={"ns/one.py": "1", "ns/sub/a.py": "1"}), compile_levels=())
    site.install(site.wheel("two", files={"ns/two.py": "1"}), compile_levels=())
    (site.library / "ns").chmod(0o700)
    old = snapshot(site.root, exact=True)
    application = applied(site, out=["one", "two"])
    application.prepare()
    assert 1 < sum(item.path.startswith(f"{site.library}/ns") for item in application.plan.stash)
    settlement(application).roll_back()

    assert [] == differences(old, snapshot(site.root, exact=True))


def test_what_is_kept_on_another_volume_is_not_told_as_busy(site: Site) -> None:
    """A state folder that holds kept files alone was told as pending, besides."""
    files = OtherVolume(local(), str(site.scripts))
    application = applied(site, out=["app"], files=files)
    application.prepare()
    (site.scripts / "tool").write_text("theirs\n")
    settled = settlement(application, files)
    settled.roll_back()

    assert [str(site.scripts)] == [one.path for one in settled.kept]
    assert [] == settled.pending
    assert (site.scripts / ".linkinstall" / "trash").is_dir()


@pytest.mark.parametrize("asked", [{"reported": True}, {"reported": False}, {}])
def test_what_is_put_back_is_flushed_for_good_where_it_is_reported(
    removal: Application, asked: dict[str, bool]
) -> None:
    """With ``full``, a success stays; a change that has failed, and is undone, promises nothing."""
    files = Recording(local())
    journal = journal_of(removal)
    Settlement(files, journal, Volumes(files, "full")).roll_back(**asked)

    flushed = [one for one in files.changes if one.verb == "flush_volume"]
    assert [Change("flush_volume", journal.home)] * asked.get("reported", False) == flushed
