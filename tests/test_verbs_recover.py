"""The verb ``recover``: both ways, before and after the commit point."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from linkinstall.errors import RecoveryRefusedError, UnsettledError
from linkinstall.fs.lock import private_path
from linkinstall.mending import Mending
from linkinstall.requests import Generated
from linkinstall.verbs.recover import recover
from linkinstall.wishes import Exactly
from tests.support.faulty import Undurable
from tests.support.sites import Site, differences
from tests.support.wheels import record_hash

if TYPE_CHECKING:
    from linkinstall.transaction import Transaction


def leave_open(site: Site, *, committed: bool = False) -> None:
    """Upgrade ``app`` up to the commit point, or past it, and go away."""
    transaction = site.transaction()
    transaction.install(site.wheel("app", "2.0"))
    leave(transaction, committed=committed)


def leave(transaction: Transaction, *, committed: bool = False) -> None:
    """Prepare a transaction, or commit it as well, and go away."""
    transaction.prepare()
    application = transaction._application
    assert application is not None
    if committed:
        application.commit()
    lock = transaction._session._lock
    assert lock is not None
    lock.release()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Make an environment with version 1 of ``app``."""
    site = Site(tmp_path)
    site.install(site.wheel("app", "1.0"))
    return site


@pytest.mark.parametrize("policy", ["auto", "rollback"])
def test_before_the_commit_point_it_is_rolled_back(site: Site, policy: str) -> None:
    """The environment is what it was, and the outcome says so."""
    before = site.tree()
    leave_open(site)
    outcome = site.recover(policy)

    assert ["rolled-back"] == [one.action for one in outcome.recovered]
    assert [] == differences(before, site.tree())
    assert () == site.recover().recovered


def test_an_install_can_be_finished_from_its_entry(site: Site) -> None:
    """``finish`` brings the new version in while the cache has it."""
    leave_open(site)
    outcome = site.recover("finish")

    assert ["finished"] == [one.action for one in outcome.recovered]
    assert (site.library / "app-2.0.dist-info/RECORD").is_file()
    assert [] == site.check()


def test_what_was_finished_and_is_not_on_the_disk_was_not_rolled_back(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ``full``, a change that is made again is made, whether or not it is durable.

    It was told as rolled back, with the new files in place.
    """
    leave_open(site)
    monkeypatch.setattr("linkinstall.transaction.local", Undurable)
    with pytest.raises(UnsettledError, match="a power cut could take it back"):
        recover(site.environment, policy="finish", cache=site.cache, sync="full")
    monkeypatch.undo()

    assert ["finished"] == [one.action for one in site.recover().recovered]
    assert (site.library / "app-2.0.dist-info/RECORD").is_file()


def test_without_its_entry_finish_rolls_back_and_says_so(site: Site) -> None:
    """The entry is gone: rolled back, exit status 1."""
    before = site.tree()
    leave_open(site)
    entries = site.folder / "cache/v1/entries"
    for entry in entries.iterdir():
        (entry / "manifest").unlink()

    with pytest.raises(RecoveryRefusedError, match="rolled back") as caught:
        site.recover("finish")
    assert 1 == caught.value.exit_status
    assert [] == differences(before, site.tree())


def test_after_the_commit_point_it_is_finished(site: Site) -> None:
    """``rollback`` is refused then, and the change is finished."""
    leave_open(site, committed=True)

    with pytest.raises(RecoveryRefusedError, match="already committed"):
        site.recover("rollback")
    assert (site.library / "app-2.0.dist-info/RECORD").is_file()
    assert not site.home.exists()
    assert [] == site.check()


def test_what_somebody_has_put_there_since_is_not_replaced(site: Site) -> None:
    """``finish`` does what was asked for, by the same rules: the file of another is in the way.

    It was overwritten, since a change that is made again replaced whatever it found.
    """
    transaction = site.transaction()
    transaction.install(site.wheel("app", "2.0", files={"app_settings.py": "theirs"}))
    leave(transaction)
    (site.library / "app_settings.py").unlink()
    (site.library / "app_settings.py").write_text("mine")

    with pytest.raises(RecoveryRefusedError, match="in the way"):
        site.recover("finish")

    assert "mine" == (site.library / "app_settings.py").read_text()
    assert (site.library / "app-1.0.dist-info/RECORD").is_file()


def test_what_stood_in_the_way_of_what_was_put_back_is_not_replaced(site: Site) -> None:
    """``finish`` replaces nothing that somebody has put there since, asked to overwrite or not.

    It replaced that, and its own rollback's trash was swept by what it did next: a person's
    file was lost, and the one that had come in its place as well.
    """
    (site.library / "app_settings.py").write_text("a person's")
    transaction = site.transaction(overwrite_existing=True)
    transaction.install(site.wheel("app", "2.0", files={"app_settings.py": "app's"}))
    leave(transaction)
    (site.library / "app_settings.py").unlink()
    (site.library / "app_settings.py").write_text("somebody's")

    with pytest.raises(RecoveryRefusedError, match="in the way") as caught:
        site.recover("finish")

    assert "somebody's" == (site.library / "app_settings.py").read_text()
    assert caught.value.outcome is not None
    (kept,) = caught.value.outcome.kept
    (waiting,) = Path(kept.reason.rpartition(" ")[2]).iterdir()
    assert "a person's" == waiting.read_text()


def test_what_another_tool_has_installed_since_is_not_replaced(site: Site) -> None:
    """``finish`` leaves a project alone that somebody has changed after the kill.

    A later version that another tool had installed was replaced by the one of the killed run.
    """
    leave_open(site)
    for path in site.library.glob("app-*.dist-info"):
        shutil.rmtree(path)
    foreign = site.library / "app-3.0.dist-info"
    foreign.mkdir()
    (foreign / "METADATA").write_text("Metadata-Version: 2.1\nName: app\nVersion: 3.0\n")
    (foreign / "RECORD").write_text("app-3.0.dist-info/METADATA,,\napp-3.0.dist-info/RECORD,,\n")

    with pytest.raises(RecoveryRefusedError, match="another tool has changed app since"):
        site.recover("finish")

    assert ["app-3.0.dist-info"] == [path.name for path in site.library.glob("*.dist-info")]


def test_what_was_finished_is_what_was_asked_for(site: Site) -> None:
    """The interpreter of scripts and what is to be replaced are as in the run that was killed.

    Scripts began with the environment's own interpreter.
    """
    (site.library / "theirs.py").write_text("replaced, as it was asked for")
    own = site.environment
    site.environment = own.with_interpreter("/usr/bin/env python3")
    transaction = site.transaction(overwrite_existing=True, compile_levels=())
    tool = "[console_scripts]\ntool = app:main\n"
    transaction.install(site.wheel("app", "2.0", files={"theirs.py": "new"}, entry_points=tool))
    leave(transaction)
    site.environment = own

    assert ["finished"] == [one.action for one in site.recover("finish").recovered]
    assert "new" == (site.library / "theirs.py").read_text()
    assert "#!/usr/bin/env python3" == (site.scripts / "tool").read_text().splitlines()[0]


def test_the_lock_of_the_place_goes_too(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed ``venv decouple`` leaves the lock of its place; recovery is what follows it.

    The kill sweep found the file in the folder for temporary files.
    """
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    path = Path(private_path(f"venv {site.root.resolve()}"))
    path.touch()

    recover(site.environment)

    assert not path.exists()


def test_what_a_destination_has_begun_is_rolled_back(site: Site) -> None:
    """What another program generated is gone with it: ``finish`` says so.

    It installed the wheel as the command line does: another INSTALLER, and other scripts.
    """
    before = site.tree()
    transaction = site.transaction(compile_levels=())
    wheel = site.wheel("other")
    entry = site.cache.add(wheel).entry
    schemes = site.environment.schemes
    record = Generated("purelib", "other-1.0.dist-info/INSTALLER", b"frontend")
    transaction.install_exactly(entry, Exactly((record,)), schemes)
    leave(transaction)

    with pytest.raises(RecoveryRefusedError, match="the command that began it"):
        site.recover("finish")

    assert [] == differences(before, site.tree())


def test_a_repair_can_be_finished_as_one(site: Site) -> None:
    """What a repair keeps beside a project's own files is kept where ``finish`` repairs again.

    That it was a repair, and what another installer has listed in dist-info, comes from the
    journal; a name there may have spaces in it.
    """
    info = site.library / "app-1.0.dist-info"
    added = info / "a note.txt"
    added.write_text("mine\n")
    listed = info / "build notes.txt"
    listed.write_bytes(b"theirs\n")
    with (info / "RECORD").open("a") as record:
        record.write(f"{info.name}/{listed.name},{record_hash(listed.read_bytes())},7\n")
    module = next(site.library.glob("app/*.py"))
    whole = module.read_text()
    module.write_text("edited\n")
    transaction = site.transaction(compile_levels=(), verify_cache="full", link_mode="copy")
    transaction.look(Mending(["app"]))
    leave(transaction)

    assert ["finished"] == [one.action for one in site.recover("finish").recovered]
    assert whole == module.read_text()
    assert ("mine\n", "theirs\n") == (added.read_text(), listed.read_text())
    record_now = (info / "RECORD").read_text()
    assert (False, True) == (added.name in record_now, listed.name in record_now)
    assert [] == site.check(full=True)
