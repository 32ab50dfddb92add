"""The verb ``uninstall``: all or none, and names that are not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linkinstall.errors import DistributionError
from tests.support.sites import Site, differences

if TYPE_CHECKING:
    from pathlib import Path


def test_install_and_uninstall_leave_nothing(tmp_path: Path) -> None:
    """Scripts, data and metadata go with the rest, by any spelling of the name."""
    site = Site(tmp_path)
    bare = site.tree()
    points = "[console_scripts]\nmy-app = my_app:main\n"
    files = {"my_app/__init__.py": "def main(): pass\n", "my_app-1.0.data/data/share/x": "x"}
    site.install(site.wheel("my-app", files=files, entry_points=points))
    outcome = site.uninstall("My.App")

    assert ["removed"] == [change.action for change in outcome.changes]
    assert [] == differences(bare, site.tree())


def test_a_dry_run_tells_what_stays(tmp_path: Path) -> None:
    """What the run would keep is kept in the dry run's outcome, too; it was told as nothing."""
    site = Site(tmp_path)
    site.install(site.wheel("app", files={"app-1.0.data/data/etc/app.conf": "a"}), link_mode="copy")
    (site.root / "etc/app.conf").write_text("edited")
    dry = site.uninstall("app", dry_run=True)

    assert 1 == len(dry.kept)
    assert dry.kept == site.uninstall("app").kept


def test_a_name_that_is_not_installed_is_skipped(tmp_path: Path) -> None:
    """It is a warning and no failure, and the others are removed."""
    site = Site(tmp_path)
    site.install(site.wheel("app"))
    outcome = site.uninstall("nothing", "app")

    assert [("nothing", "skipped"), ("app", "removed")] == [
        (change.name, change.action) for change in outcome.changes
    ]
    assert ["not-installed"] == [warn.code for warn in outcome.warnings]
    assert 0 == outcome.exit


def test_without_record_everything_is_refused(tmp_path: Path) -> None:
    """U7: no RECORD, no removal, of none of them; INSTALLER and the way out are named."""
    site = Site(tmp_path)
    site.install(site.wheel("app"), site.wheel("other"))
    (site.library / "app-1.0.dist-info/RECORD").unlink()
    before = site.tree()

    with pytest.raises(DistributionError, match="installed by linkinstall") as caught:
        site.uninstall("other", "app")
    assert "Install a wheel" in caught.value.next_step
    assert [] == differences(before, site.tree())
