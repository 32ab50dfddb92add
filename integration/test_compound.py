"""A sample of ``make compound``: the recovery is struck too, and the next run settles it."""

from __future__ import annotations

import pytest

from integration.faults import bad_builds, report, scenarios
from integration.faults.compound import Compound
from integration.faults.runner import run_all
from integration.faults.strace import unavailable as no_strace
from integration.faults.volumes import quick_folder, unavailable
from tests.support.gates import require

UPGRADE = scenarios.scenario("linkinstall-upgrade-pluggy-hardlink")


def sample(depth: int, cut: str) -> Compound:
    """Return a few pairs of points, or triples."""
    return Compound(UPGRADE, "one volume", "ext4", (cut,), 30, 25, second=5, depth=depth)


@pytest.mark.parametrize(("depth", "cut"), [(2, ""), (2, "log-flushed"), (3, "log-lost")])
def test_struck_recovery_leaves_old_or_new(depth: int, cut: str) -> None:
    """A recovery that is killed, or loses its power, is taken up by the next run."""
    reason = no_strace() or unavailable(("ext4",))
    require(not reason, reason)

    (swept,) = run_all([sample(depth, cut)], folder=quick_folder(), workers=1)

    assert "" == swept.error
    assert [] == [str(result.point) for result in swept.unfired]
    assert [] == [f"{one.point}: {report.explain(one)}" for one in swept.broken]
    assert swept.passed
    assert {depth - 1} == {str(result.point).count(" then ") for result in swept.results}


def test_build_that_never_recovers_is_found_out() -> None:
    """A recovery that does nothing leaves states that are neither old nor new."""
    reason = no_strace() or unavailable(("ext4",))
    require(not reason, reason)
    build = bad_builds.BAD["no recovery"]

    (swept,) = run_all([sample(2, "")], folder=quick_folder(), workers=1, spoil=build)

    assert [] != swept.broken
