"""A sample of the gate R7: a drive lies about flushing, and what was lost is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integration.faults import bad_builds, scenarios
from integration.faults.lying import LyingCut, chosen, told_of
from integration.faults.mounted import MountedSandbox
from integration.faults.runner import provisions
from integration.faults.strace import unavailable as no_strace
from integration.faults.volumes import unavailable
from tests.support.gates import require

if TYPE_CHECKING:
    from pathlib import Path

    from integration.faults.lying import Told
    from integration.faults.scenario import Scenario

INSTALL = scenarios.scenario("linkinstall-install-pluggy-copy")


def told(
    folder: Path, scenario: Scenario, every: int, spoil: list[tuple[str, str, str]] | None = None
) -> Told:
    """Return what comes of lies on ext4, where names reach the disk and contents do not."""
    reason = no_strace() or unavailable(("ext4",))
    require(not reason, reason)
    paths = provisions(str(folder / "source"), spoil or ())
    with MountedSandbox(str(folder / "made"), paths, "ext4") as sandbox:
        return told_of(sandbox, LyingCut("log-flushed"), scenario, every)


def test_what_a_lying_drive_lost_is_found(tmp_path: Path) -> None:
    """After success, and at points before it: whatever is not whole is told, by typed answers."""
    found = told(tmp_path, INSTALL, 12)

    assert [] == found.wrong
    assert [] == found.missed
    assert 0 < found.damaged < found.points


def test_a_check_that_compares_nothing_is_found_out(tmp_path: Path) -> None:
    """Without the comparison with RECORD, what was lost is reported as verified."""
    spoil = list(bad_builds.BAD["check that compares nothing"])
    found = told(tmp_path, INSTALL, 0, spoil)

    assert 1 == found.damaged
    assert any("check --full finds nothing" in line for line in found.wrong), found.wrong


def test_installs_replacements_removals_and_the_cache_are_put_to_it() -> None:
    """The gate strikes each kind of change, and one with ``--sync full``."""
    verbs = {one.verb for one in chosen()}

    assert {"install", "upgrade", "uninstall", "cache-add"} <= verbs
    assert any("--sync" in one.act.arguments for one in chosen())
