"""Recovery: an earlier run's state folder is told, settled, or refused."""

from __future__ import annotations

import errno
import os
import shutil
from binascii import crc32
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from linkinstall.errors import FileSystemError, JournalError, UnsettledError
from linkinstall.fs import local
from linkinstall.fs.volumes import Volumes
from linkinstall.journal import ABSENT, COMMITTED, OPEN, STAGING
from linkinstall.recovery import Report, read_journal, recover_environment
from linkinstall.values import replace
from tests.support.applications import OFF
from tests.support.faulty import Change, Denying, Killed, LocalFileSystem, OtherVolume, Undurable
from tests.support.sites import Site, differences, of_state, snapshot
from tests.support.watched import Fault, Watched, before, killed, process

if TYPE_CHECKING:
    from tests.support.sites import Snapshot


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an environment with version 1.0 of a project."""
    site = Site(tmp_path)
    site.install(site.wheel(), compile_levels=())
    return site


def settle(site: Site) -> Report:
    """Recover the site."""
    return recover_environment(local(), site.world().bounds, OFF)


def payload(site: Site) -> Snapshot:
    """Return the environment without linkinstall's own state."""
    return snapshot(site.root, skipping=of_state)


def test_without_a_state_folder_nothing_is_touched(site: Site) -> None:
    """An environment with nothing left behind is reported so and stays the same."""
    old = snapshot(site.root, exact=True)

    assert (ABSENT, None) == read_journal(local(), str(site.home), site.world().bounds)
    assert Report() == settle(site)
    assert old == snapshot(site.root, exact=True)


def test_before_the_commit_point_it_rolls_back(site: Site) -> None:
    """Killed with everything in place but not committed, the old version comes back."""
    old = payload(site)
    killed(site, "rename", "/committed")
    state, journal = read_journal(local(), str(site.home), site.world().bounds)
    assert journal is not None
    assert [] != differences(old, payload(site))
    report = settle(site)

    assert OPEN == state
    assert [(journal.id, "rolled-back")] == [(one.id, one.action) for one in report.recovered]
    assert [] == differences(old, payload(site))


def test_after_the_commit_point_it_finishes(site: Site) -> None:
    """Killed after the commit's rename, the new version stays and the journal goes."""
    transaction = site.transaction(compile_levels=())
    transaction.install(site.wheel(version="2.0"))
    transaction.prepare()
    journal = (site.home / "journal").read_bytes()
    transaction.commit()
    new = payload(site)
    site.home.mkdir(exist_ok=True)
    (site.home / "committed").write_bytes(journal)  # as if the cleaning up had not been done
    state, _ = read_journal(local(), str(site.home), site.world().bounds)
    report = settle(site)

    assert COMMITTED == state
    assert ["finished"] == [one.action for one in report.recovered]
    assert [] == differences(new, payload(site))
    assert not (site.home / "committed").exists()


def test_a_torn_journal_had_begun_nothing(site: Site) -> None:
    """A journal cut short, with no stash, is swept: it is flushed before any change."""
    site.home.mkdir()
    (site.home / "journal").write_bytes(b"linkinstall")

    assert (STAGING, None) == read_journal(local(), str(site.home), site.world().bounds)
    assert () == settle(site).recovered
    assert not (site.home / "journal").exists()


def test_a_journal_that_is_whole_is_never_taken_for_torn(site: Site) -> None:
    """One that says what this version does not know is refused, and nothing is swept.

    A fresh install has no stash: its journal of another form counted as torn, the state
    folder was swept, and the package stayed without a dist-info.
    """
    killed(site, "rename", "/committed")
    path = site.home / "journal"
    magic, _, body = path.read_bytes().split(b"\n", 2)
    body = body.replace(b"linkinstall manifest 1", b"linkinstall manifest 0")
    path.write_bytes(b"%s\n%08x %d\n%s" % (magic, crc32(body), len(body), body))
    shutil.rmtree(site.home / "stash")
    old = snapshot(site.root)

    with pytest.raises(JournalError, match="cannot be understood"):
        settle(site)

    assert [] == differences(old, snapshot(site.root))


@pytest.mark.parametrize("journal", [b"linkinstall", None])
def test_a_stash_without_a_journal_that_tells_of_it_is_refused(
    site: Site, journal: bytes | None
) -> None:
    """Where files are stashed and no journal says whose, nothing is swept."""
    (site.home / "stash" / "0").mkdir(parents=True)
    (site.home / "stash" / "0" / "precious.py").write_text("keep = True\n")
    if journal is not None:
        (site.home / "journal").write_bytes(journal)
    with pytest.raises(JournalError, match="cannot be understood"):
        settle(site)

    assert "keep = True\n" == (site.home / "stash" / "0" / "precious.py").read_text()


def test_what_gave_way_on_another_volume_waits_for_the_next_run(site: Site) -> None:
    """An old file that cannot be put back is kept where the report says, on any volume.

    The recovery that moved it to the trash of a volume of its own swept that trash in the
    same run: the old file was lost, and the report named a path where nothing was.
    """
    wheel = site.wheel("tool", entry_points="[console_scripts]\ntool = tool:main\n")
    files = OtherVolume(local(), str(site.scripts))
    with site.transaction(files, compile_levels=()) as transaction:
        transaction.install(wheel)
    old = (site.scripts / "tool").read_bytes()
    watched = Watched(files, Fault(before("rename", "/committed")))
    transaction = site.transaction(watched, compile_levels=())
    transaction.uninstall("tool")
    with process(), pytest.raises(Killed):
        transaction.run()
    (site.scripts / "tool").write_text("theirs\n")
    report = recover_environment(files, [str(site.library), str(site.scripts)], OFF)

    assert "theirs\n" == (site.scripts / "tool").read_text()
    assert [str(site.scripts)] == [one.path for one in report.kept]
    (kept,) = (path for path in (site.scripts / ".linkinstall" / "trash").rglob("tool"))
    assert old == kept.read_bytes()
    assert str(kept.parent) in report.kept[0].reason


def test_what_a_recovery_put_aside_waits_until_one_has_told_of_it(site: Site) -> None:
    """The next attempt swept the trash first: a person's only copy was gone, and nobody told.

    What lies there of an earlier transaction is swept all the same.
    """
    data = site.library / "app" / "data.txt"
    killed(site, "rename", "/committed")
    (journal,) = (one.id for one in [read_journal(local(), str(site.home), site.world().bounds)[1]]
                  if one is not None)  # fmt: skip
    trash = site.home / "trash"
    (trash / "0123456789ab-0").mkdir(parents=True)
    data.unlink()
    data.write_text("somebody's")
    files = Denying(local(), "flush_volume", errno.EIO)
    with pytest.raises(UnsettledError):
        recover_environment(files, site.world().bounds, Volumes(files, "full"))
    (aside,) = trash.iterdir()
    report = settle(site)

    assert aside.name.startswith(f"{journal}-")
    assert [str(aside)] == [one.reason.rpartition(" ")[2] for one in report.kept]
    assert aside.is_dir()
    assert () == settle(site).kept
    assert not site.home.exists()


@pytest.mark.parametrize("action", ["rolled-back", "finished"])
def test_nothing_is_settled_while_a_volume_is_not_mounted(
    site: Site, tmp_path: Path, action: str
) -> None:
    """What lies on a volume that is not there is no more settled than it is lost: status 3.

    After a reboot ``recover`` took the stash on it for restored already, said that it had rolled
    back, and removed the journal: the library was old and the scripts new, for ever.
    """
    files = OtherVolume(local(), str(site.scripts))
    tool = "[console_scripts]\ntool = app:main\n"
    with site.transaction(files, compile_levels=()) as first:
        first.install(site.wheel("app", "1.0", entry_points=tool))
    old = site.tree()
    second = site.transaction(files, compile_levels=())
    second.install(site.wheel("app", "2.0", entry_points=tool.replace("main", "new")))
    second.prepare()
    assert second._application is not None
    if action == "finished":
        second._application.commit()
    second._session.end()
    roots = [str(site.library), str(site.scripts)]
    site.scripts.rename(tmp_path / "unmounted")
    site.scripts.mkdir()

    with pytest.raises(UnsettledError, match="not mounted") as caught:
        recover_environment(local(), roots, OFF)

    assert f"{site.scripts}/.linkinstall" in caught.value.message
    site.scripts.rmdir()
    (tmp_path / "unmounted").rename(site.scripts)
    report = recover_environment(files, roots, OFF)
    assert [action] == [one.action for one in report.recovered]
    assert [] == list(site.root.rglob(".linkinstall"))
    assert (old == site.tree()) == (action == "rolled-back")


class Flushed(Watched):
    """Two volumes, which tell what stands on the other one whenever one is flushed."""

    def __init__(self, site: Site, fault: Fault | None = None) -> None:
        super().__init__(OtherVolume(local(), str(site.scripts)), fault)
        self.site = site
        self.told: list[tuple[str, bool, bool]] = []

    def before(self, change: Change) -> None:
        """Note which volume it is, whether home has its pointer, and whether the side stands."""
        super().before(change)
        if change.verb == "flush_volume":
            volume = "side" if change.path.startswith(str(self.site.scripts)) else "home"
            pointer, side = self.site.home / "pointer", self.site.scripts / ".linkinstall"
            self.told.append((volume, pointer.exists(), side.exists()))


def test_the_pointer_is_on_the_disk_while_another_volume_has_a_state_folder(site: Site) -> None:
    """Home's pointer is flushed before a side is made, and goes after its end was flushed.

    It was written and not flushed, like the journal after it. A power cut before the one
    flush left it empty, and the state folder on the other volume for ever.
    """
    wheel = site.wheel("tool", entry_points="[console_scripts]\ntool = tool:main\n")
    files = Flushed(site, Fault(before("create", "/journal")))
    transaction = site.transaction(files, compile_levels=(), sync="normal")
    transaction.install(wheel)
    with process(), pytest.raises(Killed):
        transaction.run()

    assert [("home", True, False)] == files.told

    files = Flushed(site)
    volumes = Volumes(files, "normal")
    recover_environment(files, [str(site.library), str(site.scripts)], volumes)

    assert ("side", True, False) == files.told[-1]
    assert not site.home.exists()


def test_what_is_finished_for_good_is_on_the_disk(site: Site) -> None:
    """A run that reports with ``full`` what an earlier one had committed reports what stays."""
    killed(site, "unlink", "/committed")
    files = Undurable()
    with pytest.raises(UnsettledError):
        recover_environment(files, site.world().bounds, Volumes(files, "full"))

    report = recover_environment(files, site.world().bounds, Volumes(files, "normal"))

    assert ["finished"] == [one.action for one in report.recovered]


def test_what_is_put_back_for_good_is_on_the_disk(site: Site) -> None:
    """A run that reports with ``full`` that all is as before reports what stays.

    After a power cut the environment was as the killed run had left it, although ``recover
    --sync full`` had ended with success. What cannot be brought to the disk is not settled.
    """
    old = payload(site)
    killed(site, "rename", "/committed")
    files = Watched(local(), Fault(before("flush_volume", ""), error=errno.EIO))
    with pytest.raises(UnsettledError, match="could not be settled"):
        recover_environment(files, site.world().bounds, Volumes(files, "full"))
    assert [] == differences(old, payload(site))

    report = recover_environment(files, site.world().bounds, Volumes(files, "normal"))

    assert ["rolled-back"] == [one.action for one in report.recovered]
    assert [] == differences(old, payload(site))
    assert not site.home.exists()


def test_a_change_that_is_given_up_flushes_a_side_before_its_pointer_goes(site: Site) -> None:
    """Undone before there was a journal, too, the side's end is on the disk before the pointer's.

    Otherwise a power cut could take back the removal of the one and not that of the other.
    """
    wheel = site.wheel("tool", entry_points="[console_scripts]\ntool = tool:main\n")
    files = Flushed(site, Fault(before("create", "/journal"), error=errno.ENOSPC))
    transaction = site.transaction(files, compile_levels=(), sync="normal")
    transaction.install(wheel)
    with pytest.raises(FileSystemError, match="No space"):
        transaction.run()

    assert [("home", True, False), ("side", True, False)] == files.told


def test_what_is_not_ours_is_refused_by_name(site: Site) -> None:
    """A file in the state folder that linkinstall did not put there is named and kept."""
    site.home.mkdir()
    (site.home / "notes.txt").write_text("mine\n")
    with pytest.raises(JournalError, match=r"notes\.txt"):
        settle(site)

    assert "mine\n" == (site.home / "notes.txt").read_text()


def test_what_cannot_be_settled_now_is_settled_by_a_later_run(site: Site) -> None:
    """An error of the disk is told with its path, the journal stays, and the next run does it."""
    old = payload(site)
    killed(site, "rename", "/committed")
    with pytest.raises(UnsettledError) as caught:
        recover_environment(Denying(local(), "unlink", errno.EIO), site.world().bounds, OFF)

    assert str(site.root) in str(caught.value)
    assert (site.home / "journal").exists()
    assert ["rolled-back"] == [one.action for one in settle(site).recovered]
    assert [] == differences(old, payload(site))


def test_what_is_put_back_but_not_cleared_away_is_unsettled(site: Site) -> None:
    """Nothing is begun beside the journal of a change that was put back, whatever keeps it there.

    ``recover`` ended with success beside it, with a warning alone, and so an install began that
    could not write a journal of its own.
    """

    class Keeping(Denying):
        def denies(self, change: Change) -> bool:
            return super().denies(change) and change.path == f"{site.home}/journal"

    old = payload(site)
    killed(site, "rename", "/committed")

    with pytest.raises(UnsettledError, match="all is put back") as caught:
        recover_environment(Keeping(local(), "unlink", errno.EIO), site.world().bounds, OFF)

    assert str(site.home / "journal") in str(caught.value)
    assert [] == differences(old, payload(site))
    assert ["rolled-back"] == [one.action for one in settle(site).recovered]
    assert not site.home.exists()


def test_a_place_that_cannot_be_swept_hides_nothing(site: Site) -> None:
    """What was settled is told, also where another scheme's folder cannot be looked at then.

    The error told nothing of it, and said that the environment was as it was.
    """

    class Unseeing(LocalFileSystem):
        def status(self, path: str) -> os.stat_result | None:
            if path == f"{site.scripts}/.linkinstall":
                raise OSError(errno.EIO, os.strerror(errno.EIO), path)
            return super().status(path)

    killed(site, "rename", "/committed")

    report = recover_environment(Unseeing(), [str(site.library), str(site.scripts)], OFF)

    assert ["rolled-back"] == [one.action for one in report.recovered]


def test_a_state_that_is_no_folder_is_refused(site: Site) -> None:
    """A file in the state folder's place is refused, not removed."""
    site.home.write_text("mine\n")
    with pytest.raises(JournalError, match="no folder"):
        settle(site)

    assert "mine\n" == site.home.read_text()


def test_an_empty_cache_folder_that_stood_stays(tmp_path: Path) -> None:
    """An empty ``__pycache__`` that compiled files were to come into is there after a rollback.

    Somebody had deleted the compiled files and RECORD; the rollback of the install over
    the remains took the folder for one that an interpreter had made in the meantime.
    """
    site = Site(tmp_path, compiler=True)
    wheel = site.wheel("app", files={"app/core.py": ""})
    site.install(wheel, compile_levels=(0,))
    for path in (site.library / "app" / "__pycache__").iterdir():
        path.unlink()
    (site.library / "app-1.0.dist-info" / "RECORD").unlink()
    old = snapshot(site.root)
    files = Watched(local(), Fault(before("rename", "/committed")))
    transaction = site.transaction(files, compile_levels=(0,))
    transaction.install(wheel)
    with process(), pytest.raises(Killed):
        transaction.run()
    site.recover()

    assert [] == differences(old, snapshot(site.root))


def test_another_version_in_the_other_library_is_seen(tmp_path: Path) -> None:
    """What another tool has installed since stands alone, whichever library it is in.

    Only the libraries of the change itself were looked into: the old version was put back, and
    stood in purelib beside the new one in platlib.
    """
    site = Site(tmp_path)
    platlib = tmp_path / "plat"
    platlib.mkdir()
    schemes = {**site.environment.schemes, "platlib": str(platlib)}
    site.environment = replace(site.environment, schemes=schemes, runtime=schemes)
    site.install(site.wheel("app", "1.0"), compile_levels=())
    killed(site, "rename", "/committed")
    for path in site.library.glob("app-*.dist-info"):
        shutil.rmtree(path)
    theirs = platlib / "app-3.0.dist-info"
    theirs.mkdir()
    (theirs / "METADATA").write_text("Metadata-Version: 2.1\nName: app\nVersion: 3.0\n")
    (theirs / "RECORD").write_text("app-3.0.dist-info/METADATA,,\napp-3.0.dist-info/RECORD,,\n")

    recover_environment(local(), site.world().bounds, OFF)

    assert [] == list(site.library.glob("*.dist-info"))
    assert ["app-3.0.dist-info"] == [path.name for path in platlib.iterdir()]


@pytest.mark.parametrize("scheme", ["headers", "scripts"])
def test_a_file_where_a_scheme_s_folder_was_stops_nothing(site: Site, scheme: str) -> None:
    """What no change needs is no obstacle: a folder of a scheme that has become a file.

    Distributions were looked for in each scheme's folder. Where somebody had put a file at the
    place of that for headers, a removal that was killed could not be put back by any command.
    """
    place = Path(site.environment.schemes[scheme])
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("mine")
    old = payload(site)
    killed(site, "rename", "/committed", out="app")

    settle(site)

    assert [] == differences(old, payload(site))
