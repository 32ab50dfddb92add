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

SAMPLE = {
    "linkinstall-install-pluggy-hardlink": 4,
    "linkinstall-upgrade-parts-hardlink": 8,
    "linkinstall-uninstall-pluggy-hardlink": 6,
    "linkinstall-install-pluggy-cold-copy": 24,
    "linkinstall-upgrade-pluggy-clone": 12,
    "linkinstall-venv-remove-parts-pluggy-hardlink": 16,
    "linkinstall-venv-clear-parts-pluggy-hardlink": 32,
}
"""Scenario -> each how-many-th point is struck here; ``make kill`` strikes all of them."""


@pytest.mark.parametrize("name", list(SAMPLE))
def test_killed_run_leaves_old_or_new(name: str) -> None:
    """A run killed before any call that changes the disk is undone or finished by the next."""
    reason = unavailable() or (no_volume((CLONING,)) if name.endswith("clone") else "")
    require(not reason, reason)

    (swept,) = sweep_all([scenario(name)], Kill(), every=SAMPLE[name])

    assert "" == swept.error
    assert [] == [str(result.point) for result in swept.unfired]
    complaints = [f"{report.explain(one)}\n{report.reproduce(one)}" for one in swept.broken]
    assert [] == complaints
    assert swept.passed
