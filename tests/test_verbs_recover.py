"""The verb ``recover``: both ways, before and after the commit point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linkinstall.errors import RecoveryRefusedError, UnsettledError
from linkinstall.verbs.recover import recover
from tests.support.faulty import Undurable
from tests.support.sites import Site, differences

if TYPE_CHECKING:
    from pathlib import Path


def leave_open(site: Site, *, committed: bool = False) -> None:
    """Upgrade ``app`` up to the commit point, or past it, and go away."""
    transaction = site.transaction()
    transaction.install(site.wheel("app", "2.0"))
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
