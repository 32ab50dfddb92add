"""A sample of ``make kill``: killed in between, the next run makes it old or new."""

from __future__ import annotations

import pytest

from integration.faults import report
from integration.faults.runner import sweep_all
from integration.faults.scenarios import scenario
from integration.faults.strace import Kill, unavailable
from integration.faults.volumes import CLONING
from integration.faults.volumes import unavailable as no_volume
from tests.support.gates import require

EVERY = 4
"""Each how many-th point is struck here; ``make kill`` strikes all of them."""
EVERY_OF_VENVS = 16
"""The same for whole environments, which take more calls."""
SAMPLE = (
    "linkinstall-install-pluggy-hardlink",
    "linkinstall-upgrade-parts-hardlink",
    "linkinstall-uninstall-pluggy-hardlink",
    "linkinstall-install-pluggy-cold-copy",
    "linkinstall-upgrade-pluggy-clone",
    "linkinstall-venv-remove-parts-pluggy-hardlink",
    "linkinstall-venv-clear-parts-pluggy-hardlink",
)


@pytest.mark.parametrize("name", SAMPLE)
def test_killed_run_leaves_old_or_new(name: str) -> None:
    """A run killed before any call that changes the disk is undone or finished by the next."""
    reason = unavailable() or (no_volume((CLONING,)) if name.endswith("clone") else "")
    require(not reason, reason)

    every = EVERY_OF_VENVS if "-venv-" in name else EVERY
    (swept,) = sweep_all([scenario(name)], Kill(), every=every)

    assert "" == swept.error
    assert [] == [str(result.point) for result in swept.unfired]
    complaints = [f"{report.explain(one)}\n{report.reproduce(one)}" for one in swept.broken]
    assert [] == complaints
    assert swept.passed
