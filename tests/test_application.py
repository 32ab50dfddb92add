"""The protocol: what is done in which order, where it can stop, and what undoing leaves."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from linkinstall import limits, manifest
from linkinstall.fs import local
from linkinstall.fs.port import FileSystem
from linkinstall.fs.windows import WindowsFileSystem
from linkinstall.journal import ABSENT, COMMITTED, OPEN, decode
from tests.support.applications import applied, journal_of
from tests.support.faulty import (
    Change,
    Denying,
    LocalFileSystem,
    LowLinks,
    NoHardLinks,
    OtherVolume,
    Recording,
    noting_volumes,
)
from tests.support.scenarios import StubbornFolders
from tests.support.sites import Site, differences, of_state, snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.support.sites import Snapshot

SCRIPT = "[console_scripts]\ntool = app:main\n"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an environment with version 1.0 of a project."""
    site = Site(tmp_path)
    site.install(site.wheel(entry_points=SCRIPT), compile_levels=())
    return site


def upgrade(site: Site) -> Path:
    """Return the wheel of version 2.0."""
    return site.wheel(version="2.0", entry_points=SCRIPT)


class Refusing(Denying):
    """Refuses one verb for the paths with this in them."""

    def __init__(self, inner: FileSystem, verb: str, part: str, error: int) -> None:
        super().__init__(inner, verb, error)
        self.part = part

    def denies(self, change: Change) -> bool:
        """Return whether a change is refused."""
        return super().denies(change) and self.part in change.path


def assert_unchanged(site: Site, old: Snapshot) -> None:
    """Hold that the very same files are there, and that home holds nothing of ours."""
    assert [] == differences(old, snapshot(site.root, exact=True, skipping=of_state))
    assert [] == (os.listdir(site.home) if site.home.exists() else [])


# ------------------------------------------------------------------ the order


def test_what_is_written_is_written_before_the_one_flush(site: Site) -> None:
    """Files are made and written before the flush; after it there are only names."""
    files = Recording(local())
    applied(site, upgrade(site), files=files, sync="normal", link_mode="copy").prepare()
    verbs = [change.verb for change in files.changes]
    flush = verbs.index("flush_volume")

    assert 1 == verbs.count("flush_volume")
    assert Change("write", f"{site.home}/journal") == files.changes[flush - 1]
    made = {"make_folder", "inherit_group", "create", "write", "set_time"}
    assert made == set(verbs[:flush])
    assert {"make_folder", "rename_new", "hardlink"} == set(verbs[flush + 1 :])


def test_before_the_journal_only_the_state_folder_is_touched(site: Site) -> None:
    """Whatever is done before the journal is complete lies in the state folder."""
    files = Recording(local())
    applied(site, upgrade(site), files=files).prepare()
    paths = [change.path for change in files.changes]
    journal = paths.index(f"{site.home}/journal")

    assert [] == [path for path in paths[:journal] if not path.startswith(str(site.home))]


def test_payload_goes_and_comes_before_dist_info(site: Site) -> None:
    """Old files leave before the old dist-info, new ones come before the new one."""
    files = Recording(local())
    applied(site, upgrade(site), files=files).prepare()
    ends = [one for one in files.changes if one.verb in {"rename_new", "hardlink"}]
    moves = [
        path.removeprefix(f"{site.root}/")
        for one in ends
        for path in (one.source, one.path)
        if path.startswith(str(site.root)) and not path.startswith(str(site.home))
    ]

    library = "lib/python3.11/site-packages"
    goes = [f"{library}/app", "bin/tool", f"{library}/app-1.0.dist-info"]
    comes = [f"{library}/app", "bin/tool", f"{library}/app-2.0.dist-info"]
    assert sorted(goes[:2]) == sorted(moves[:2])
    assert sorted(comes[:2]) == sorted(moves[3:5])
    assert [goes[2], comes[2]] == [moves[2], moves[5]]


def test_the_commit_is_one_rename(site: Site) -> None:
    """Once everything is in place, the journal gets another name, and nothing else happens."""
    files = Recording(local())
    application = applied(site, upgrade(site), files=files, sync="full")
    application.prepare()
    files.changes.clear()
    application.commit()

    assert [Change("rename", f"{site.home}/committed", f"{site.home}/journal")] == files.changes
    assert COMMITTED == application.state


def test_what_another_process_gave_up_is_not_linked(site: Site) -> None:
    """It met an error of the disk, which nobody else is told, while this one was flushing."""
    wheel = upgrade(site)
    entry = site.cache.add(wheel).entry

    class GivenUp(LocalFileSystem):
        def flush_volume(self, _path: str, _handle: int | None = None) -> None:
            os.rename(f"{entry.folder}/manifest", f"{entry.folder}/manifest.damaged")

    old = snapshot(site.root, exact=True)
    application = applied(site, wheel, files=GivenUp(), sync="normal")
    with pytest.raises(OSError, match=os.strerror(errno.EIO)) as caught:
        application.prepare()
    application.undo()

    assert f"{entry.folder}/manifest" == caught.value.filename
    assert_unchanged(site, old)


def test_where_one_was_given_up_none_is_marked_as_flushed(site: Site) -> None:
    """The same error of the disk may have met any of them."""
    wheels = [site.wheel("early"), site.wheel("late")]
    early, late = (site.cache.add(wheel).entry for wheel in wheels)

    class GivenUp(LocalFileSystem):
        def flush_volume(self, _path: str, _handle: int | None = None) -> None:
            os.rename(f"{late.folder}/manifest", f"{late.folder}/manifest.damaged")

    application = applied(site, *wheels, files=GivenUp(), sync="normal")
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        application.prepare()
    application.undo()

    assert os.path.exists(f"{early.folder}/unflushed")


def test_side_volumes_are_held_before_anything_is_written_there(site: Site) -> None:
    """Each state folder's volume is opened once, before the first file, and flushed by that."""
    calls: list[str] = []
    files = noting_volumes(OtherVolume(local(), str(site.scripts)), calls)
    application = applied(site, upgrade(site), files=files, sync="normal")
    application.prepare()
    application.origin.volumes.close()

    assert ["open", "open"] == calls[:2]
    assert 2 == calls.count("open")
    assert ["flush", "flush"] == calls[-2:]


def test_every_flush_is_by_what_was_held(site: Site) -> None:
    """Also that of the pointer at home, and that after the commit: no error is told to another."""
    calls: list[str] = []
    files = noting_volumes(OtherVolume(local(), str(site.scripts)), calls)
    application = applied(site, upgrade(site), files=files, sync="full")
    application.prepare()
    application.commit()
    application.clean_up()
    application.origin.volumes.close()

    assert ["open", "open"] == calls[:2]
    assert {"flush"} == set(calls[2:])


def test_the_journal_takes_manifests_as_they_were_read(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies in the cache as text is not encoded once more, whether it was flushed or not."""
    wheels = [upgrade(site), site.wheel("other")]
    site.cache.mark_flushed(site.cache.add(wheels[1]).entry)
    application = applied(site, *wheels)
    monkeypatch.setattr(manifest, "encode", lambda one: pytest.fail(f"{one.id} is encoded again"))

    application.prepare()

    assert 2 == len(journal_of(application).trees)


@pytest.mark.parametrize(("sync", "flushes"), [("off", 0), ("normal", 1), ("full", 2)])
def test_a_level_of_flushing_says_how_often(site: Site, sync: str, flushes: int) -> None:
    """Off flushes never, normal once before the changes, full once more after the commit."""
    files = Recording(local())
    application = applied(site, upgrade(site), files=files, sync=sync)
    application.prepare()
    application.commit()
    application.volumes.make_durable(application.home)
    application.clean_up()

    assert flushes == [change.verb for change in files.changes].count("flush_volume")


def test_another_volume_is_flushed_before_the_commit(site: Site) -> None:
    """What lies on another volume has reached it before the journal at home says done."""
    files = Recording(OtherVolume(local(), str(site.scripts)))
    application = applied(site, upgrade(site), files=files, sync="normal")
    application.prepare()

    assert Change("flush_volume", f"{site.scripts}/.linkinstall") == files.changes[-1]


@pytest.mark.parametrize(("sync", "flushed"), [("off", False), ("normal", True)])
def test_an_entry_counts_as_flushed_once_its_volume_was(
    site: Site, sync: str, *, flushed: bool
) -> None:
    """A fresh entry is flushed along with the first change that links it, and marked so."""
    wheel = upgrade(site)
    site.cache.add(wheel)
    applied(site, wheel, sync=sync).prepare()

    assert flushed == site.cache.add(wheel).entry.flushed


# ------------------------------------------------------------------ links that are refused


def test_where_links_are_refused_the_journal_is_written_anew(site: Site) -> None:
    """A volume without hard links is found out when linking; the second journal is the one."""
    application = applied(site, upgrade(site), files=NoHardLinks(local()))
    application.prepare()
    written = decode((site.home / "journal").read_bytes())

    assert written == application.journal
    assert (0, 5) == (
        application.staging.placements.counts["hardlink"],
        application.staging.placements.counts["copy"],
    )
    assert 1 == (site.library / "app" / "data.txt").stat().st_nlink


def test_a_cache_file_with_too_many_links_gets_a_fresh_inode(site: Site) -> None:
    """EMLINK of one file: its cache file is renewed, and linked in the second round."""
    wheel = upgrade(site)
    entry = site.cache.add(wheel).entry
    crowded = f"{entry.files('purelib', 'app')}/data.txt"
    for number in range(3):
        os.link(crowded, site.folder / f"link-{number}")
    before = os.stat(crowded).st_ino
    application = applied(site, wheel, files=LowLinks(local(), 4), verify_cache="off")
    application.prepare()

    assert before != os.stat(crowded).st_ino
    assert (site.library / "app" / "data.txt").read_text() == "data\n"
    assert [] == [one for one in application.staging.placements.crowded() if one.name != "data.txt"]


def test_a_file_that_no_link_mode_brings_ends_the_attempts(site: Site) -> None:
    """Where linking and copying are refused, the reason is raised and nothing was touched."""
    old = snapshot(site.root, exact=True)
    files = Refusing(NoHardLinks(local()), "create", "/new/", errno.EPERM)
    application = applied(site, upgrade(site), files=files)
    with pytest.raises(PermissionError) as caught:
        application.prepare()
    application.undo()

    assert caught.value.filename is not None
    assert_unchanged(site, old)


def test_attempts_are_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """When every round of linking is refused anew, there is an end, and it is undone."""
    old = snapshot(site.root, exact=True)
    monkeypatch.setattr(limits, "RETRIES", 1)
    application = applied(site, upgrade(site), files=NoHardLinks(local()))
    with pytest.raises(PermissionError):
        application.prepare()
    application.undo()

    assert ABSENT == application.state
    assert_unchanged(site, old)


# ------------------------------------------------------------------ stashing


def test_a_folder_that_cannot_be_moved_is_stashed_by_files(site: Site) -> None:
    """Where a folder refuses to be renamed, its files go one by one, and come back on undo."""
    old = snapshot(site.root, exact=True)
    application = applied(site, upgrade(site), files=StubbornFolders(local()))
    application.prepare()
    stashed = sorted(path.name for path in (site.home / "stash").rglob("*") if path.is_file())

    assert {"__init__.py", "data.txt", "METADATA", "RECORD", "tool"} <= set(stashed)
    application.undo()
    assert_unchanged(site, old)


def test_of_a_dist_info_record_goes_last(site: Site) -> None:
    """Stashed file by file, a dist-info keeps its RECORD until nothing else is left of it.

    The files went by their names, so a run killed in between left a dist-info without its
    RECORD and with other files: other tools then could not remove the project.
    """
    licenses = site.library / "app-1.0.dist-info" / "licenses"
    licenses.mkdir()
    (licenses / "LICENSE").write_text("free\n")
    files = Recording(StubbornFolders(local()))
    applied(site, files=files, out=["app"]).prepare()
    info = f"{site.library}/app-1.0.dist-info/"
    moved = [one.source for one in files.changes if one.source.startswith(info)]

    assert f"{info}RECORD" == moved[-1]
    assert f"{info}licenses/LICENSE" in moved


class RigidFolders(Denying):
    """No folder can be renamed at all, as on Windows where something in it is open."""

    def __init__(self, inner: FileSystem) -> None:
        super().__init__(inner, "rename_new", errno.EACCES)
        self.folder_rename_refusals = WindowsFileSystem.folder_rename_refusals

    def denies(self, change: Change) -> bool:
        """Return whether a folder would be renamed."""
        return super().denies(change) and os.path.isdir(change.source)


class ClosedAbove(RigidFolders):
    """The folder above refuses, as a POSIX system does where it may not be written."""

    def __init__(self, inner: FileSystem) -> None:
        super().__init__(inner)
        self.folder_rename_refusals = FileSystem.folder_rename_refusals


class CurrentFolder(Denying):
    """A folder is the current one of a process on Windows: it can be neither renamed nor removed.

    Nor can the folders above it be renamed.
    """

    def __init__(self, inner: FileSystem, folder: str) -> None:
        super().__init__(inner, "rename_new", errno.EACCES)
        self.folder_rename_refusals = WindowsFileSystem.folder_rename_refusals
        self.folder = folder

    def denies(self, change: Change) -> bool:
        """Return whether the folder would go."""
        moves = change.verb == "rename_new" and os.path.isdir(change.source)
        if moves and f"{self.folder}/".startswith(f"{change.source}/"):
            return True
        gone = change.source if moves else change.path
        return (moves or change.verb == "remove_folder") and gone == self.folder


@pytest.mark.parametrize("upgrading", [True, False])
@pytest.mark.parametrize("inner", ["app", "app/sub", "app-1.0.dist-info"])
def test_the_current_folder_of_a_process_is_refused(
    tmp_path: Path, inner: str, *, upgrading: bool
) -> None:
    """Where a folder that is to go is in use itself, everything is put back, and it is named.

    Its files went one by one, and the folder stood in the way of the new one and of the
    rollback: an upgrade left neither old nor new, and every later command ended with status 3
    until the process had gone. An old dist-info stayed, empty, beside the new one for good.
    """
    site = Site(tmp_path)
    files = {"app/__init__.py": "", "app/sub/data.txt": "one"}
    site.install(site.wheel(files=files, entry_points=SCRIPT), compile_levels=())
    new = site.wheel(version="2.0", files={**files, "app/sub/data.txt": "two"})
    old = snapshot(site.root, exact=True)
    wheels, out = ((new,), ()) if upgrading else ((), ("app",))
    stubborn = CurrentFolder(local(), f"{site.library}/{inner}")
    application = applied(site, *wheels, out=out, files=stubborn)

    with pytest.raises(PermissionError) as caught:
        application.prepare()

    assert f"{site.library}/{inner}" == caught.value.filename
    application.undo()
    assert_unchanged(site, old)


@pytest.mark.parametrize("upgrading", [True, False])
def test_a_folder_in_one_that_may_not_be_written_is_refused(site: Site, *, upgrading: bool) -> None:
    """Where a folder cannot be renamed because of the one above, nothing of it is moved.

    In a namespace folder of somebody else's, its files went one by one, and the emptied folder
    could neither be replaced nor removed: the upgrade left neither old nor new, no later command
    put that back, and an uninstall said that something waited for its removal.
    """
    old = snapshot(site.root, exact=True)
    wheels, out = ((upgrade(site),), ()) if upgrading else ((), ("app",))
    application = applied(site, *wheels, out=out, files=ClosedAbove(local()))

    with pytest.raises(PermissionError):
        application.prepare()
    application.undo()
    assert_unchanged(site, old)


def test_a_new_folder_that_cannot_be_moved_comes_by_its_files(site: Site) -> None:
    """Where a new folder refuses to be renamed, its files come one by one, and go on undo.

    On Windows a scanner opens what was just written, and the folder's rename was refused.
    """
    old = snapshot(site.root, exact=True)
    application = applied(site, upgrade(site), files=RigidFolders(local()))
    application.prepare()

    assert "__version__ = '2.0'\n" == (site.library / "app" / "__init__.py").read_text()
    assert (site.library / "app-2.0.dist-info" / "RECORD").exists()
    application.undo()
    assert_unchanged(site, old)


def test_folders_inside_a_new_folder_come_too(site: Site) -> None:
    """Placed file by file, a change leaves what it leaves by renames."""
    files = {"deep/er/module.py": "1\n", "deep/__init__.py": "", "deep/er/est/x.txt": "x"}
    wheel = site.wheel("deep", files=files)
    rigid = applied(site, wheel, files=RigidFolders(local()))
    rigid.prepare()
    by_files = snapshot(site.root, skipping=of_state)
    rigid.undo()
    applied(site, wheel).prepare()

    assert [] == differences(snapshot(site.root, skipping=of_state), by_files)


def test_what_somebody_has_open_is_refused_while_it_can_be_undone(site: Site) -> None:
    """A folder may go with an open file in it, which could not be deleted later: refused."""
    old = snapshot(site.root, exact=True)
    files = Recording(local())
    asked = []

    def busy(folder: str, names: Sequence[str]) -> list[tuple[str, OSError]]:
        asked.append(folder)
        return [(name, OSError(errno.EACCES, "open")) for name in names if name == "data.txt"]

    setattr(files, "busy", busy)  # noqa: B010 - a fake
    application = applied(site, upgrade(site), files=files)
    with pytest.raises(PermissionError) as caught:
        application.prepare()

    assert f"{site.library}/app/data.txt" == caught.value.filename
    assert asked
    application.undo()
    assert_unchanged(site, old)


def test_another_error_of_a_rename_is_raised(site: Site) -> None:
    """Only what another way can mend is tried another way: an I/O error ends it, undone."""
    old = snapshot(site.root, exact=True)
    files = StubbornFolders(local(), errno.EIO)
    application = applied(site, upgrade(site), files=files)
    with pytest.raises(OSError, match="Input/output"):
        application.prepare()

    assert OPEN == application.state
    application.undo()
    assert_unchanged(site, old)


# ------------------------------------------------------------------ undoing


def test_undoing_nothing_does_nothing(site: Site) -> None:
    """Before prepare there is nothing to undo, and nothing is touched."""
    old = snapshot(site.root, exact=True)
    application = applied(site, upgrade(site))
    application.undo()

    assert ABSENT == application.state
    assert_unchanged(site, old)


def test_undoing_an_unfinished_journal_leaves_nothing(site: Site) -> None:
    """A disk that is full while the journal is written is left as it was, no journal on it."""
    old = snapshot(site.root, exact=True)
    files = Refusing(local(), "write", "/journal", errno.ENOSPC)
    application = applied(site, upgrade(site), files=files)
    with pytest.raises(OSError, match="No space"):
        application.prepare()
    application.undo()

    assert application.journal is None
    assert_unchanged(site, old)


def test_what_is_committed_cannot_be_undone(site: Site) -> None:
    """After the commit, undoing changes nothing: the new version stays."""
    application = applied(site, upgrade(site))
    application.prepare()
    application.commit()
    new = snapshot(site.library / "app", exact=True)
    application.undo()

    assert COMMITTED == application.state
    assert [] == differences(new, snapshot(site.library / "app", exact=True))


def test_the_journal_names_home_by_its_inode(site: Site) -> None:
    """The journal holds the inode of its folder: a copy of the environment is known."""
    application = applied(site, upgrade(site))
    application.prepare()
    journal = journal_of(application)

    assert site.home.stat().st_ino == journal.inode
    assert (str(site.home), str(site.root)) == (journal.home, journal.root)
