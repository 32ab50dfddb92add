"""An unfinished transaction as those see it who change nothing."""

from __future__ import annotations

from errno import ENOENT
from typing import TYPE_CHECKING

import pytest

from linkinstall.errors import ConflictError, JournalError
from linkinstall.fs import local
from linkinstall.unfinished import look
from tests.support.faulty import Wrapper
from tests.support.sites import Site, differences, snapshot
from tests.support.watched import killed

if TYPE_CHECKING:
    from pathlib import Path

    from linkinstall.outcome import Outcome


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an environment with version 1.0 of a project."""
    site = Site(tmp_path)
    site.install(site.wheel(), compile_levels=())
    return site


def foretold(site: Site, wheel: Path) -> Outcome:
    """Return what a dry run tells."""
    transaction = site.transaction(compile_levels=())
    transaction.install(wheel)
    return transaction.dry_run()


def test_a_dry_run_says_that_the_plan_may_differ(site: Site) -> None:
    """An unfinished transaction is a warning of a dry run, which settles nothing.

    Story: the plan was made against the torn state without a word: "would install" of what
    was to be put back, and a refusal because of files that the killed run had placed.
    """
    assert () == foretold(site, site.wheel(version="3.0")).warnings
    killed(site, "rename", "/committed")
    before = snapshot(site.root, exact=True)
    (warning,) = foretold(site, site.wheel(version="3.0")).warnings

    assert "unfinished-transaction" == warning.code
    assert "rolled back first" in warning.message
    assert [] == differences(before, snapshot(site.root, exact=True))
    (site.home / "journal").rename(site.home / "committed")
    assert "finished first" in foretold(site, site.wheel(version="3.0")).warnings[0].message


def test_what_the_transaction_has_placed_is_no_refusal(site: Site) -> None:
    """What a killed run has put into the way is named, and taken for replaced; the rest is not."""
    killed(site, "rename_new", "app-2.0.dist-info")
    outcome = foretold(site, site.wheel("other", files={"app/data.txt": "other"}))

    assert ("done", 0) == (outcome.status, outcome.exit)
    assert ["unfinished-transaction"] * 2 == [one.code for one in outcome.warnings]
    assert "app/data.txt" in outcome.warnings[1].message
    (site.library / "mine.py").write_text("mine")
    with pytest.raises(ConflictError, match="mine"):
        foretold(site, site.wheel("other", files={"app/data.txt": "other", "mine.py": "1"}))


def test_a_journal_that_cannot_be_read_ends_a_dry_run_too(site: Site) -> None:
    """A dry run ends with the error of the run: a torn journal, or a stash without one."""
    killed(site, "rename", "/committed")
    (site.home / "journal").write_bytes(b"garbage")
    for _ in range(2):
        with pytest.raises(JournalError) as foreseen:
            foretold(site, site.wheel(version="3.0"))
        with pytest.raises(JournalError) as run:
            site.install(site.wheel(version="3.0"))

        assert str(run.value) == str(foreseen.value)
        assert (3, "unsettled") == (foreseen.value.exit_status, foreseen.value.state)
        (site.home / "journal").unlink(missing_ok=True)


def test_a_transaction_that_ends_meanwhile_is_none(site: Site) -> None:
    """Whoever looks without the lock takes a journal that goes meanwhile for none."""
    killed(site, "rename", "/committed")
    world = site.world()
    files = Wrapper(local())

    def read(path: str, _limit: int) -> bytes:
        raise FileNotFoundError(ENOENT, "another process has removed it", path)

    files.read = read  # type: ignore[assignment]
    world.files = files

    assert look(world) is None
