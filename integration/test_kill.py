"""A sample of ``make kill``: killed in between, the next run makes it old or new."""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from integration.faults import bad_builds, report
from integration.faults.forking import FORKED, KillOne
from integration.faults.forking import unavailable as no_forks
from integration.faults.runner import provisions, sweep_all
from integration.faults.sandbox import Completed, Sandbox, SetupError
from integration.faults.scenarios import RECOVER, scenario
from integration.faults.strace import Kill, Point, Strike, unavailable
from integration.faults.sweep import Sweep
from integration.faults.volumes import CLONING
from integration.faults.volumes import unavailable as no_volume
from tests.support.gates import require

if TYPE_CHECKING:
    from pathlib import Path

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
FORKS = {"linkinstall-upgrade-parts-hardlink": 13, "linkinstall-install-set-cold-hardlink": 43}
"""The same where one process of several is killed."""
UPGRADE = replace(scenario("linkinstall-upgrade-parts-hardlink"), next_runs={"recover": RECOVER})


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


@pytest.mark.parametrize("name", list(FORKS))
def test_one_killed_process_of_several_leaves_old_or_new(name: str) -> None:
    """Where a worker is killed its parent answers for it, and where the parent is, the next run."""
    require(not no_forks(), no_forks())

    (swept,) = sweep_all([scenario(name)], KillOne(), every=FORKS[name], changes=FORKED)

    assert "" == swept.error
    assert [] == [str(result.point) for result in swept.unfired]
    complaints = [f"{report.explain(one)}\n{report.reproduce(one)}" for one in swept.broken]
    assert [] == complaints
    killed = {(result.point.worker > 0, result.strike.completed.status) for result in swept.results}
    assert {(False, -signal.SIGKILL), (True, -signal.SIGKILL), (True, 0), (True, 1)} >= killed
    assert {True, False} == {result.strike.completed.status < 0 for result in swept.results}


def test_a_parent_that_cannot_do_without_its_helper_is_found_out() -> None:
    """A build that takes the death of a helper for a mistake of its own is reported broken.

    It passed at each of 309 points: strace counts calls for each process by itself, so that the
    parent died of the same kill, at the same call, when it made up for its helper; and how it
    ended was not looked at.
    """
    require(not no_forks(), no_forks())
    changes = (*FORKED, *bad_builds.BAD["helper may not die"])

    (swept,) = sweep_all([UPGRADE], KillOne(), every=9, changes=changes)

    assert ("", []) == (swept.error, swept.unfired)
    assert swept.broken
    assert {True} == {"a helper has died" in result.survivors for result in swept.broken}


def test_exactly_one_process_is_killed(tmp_path: Path) -> None:
    """A worker dies and its parent makes the change, or the other way round; or it has not fired.

    Half of the kills of a worker killed its parent, too, which made the same calls after it.
    """
    require(not no_forks(), no_forks())
    sandbox = Sandbox(str(tmp_path / "sandbox"), provisions(str(tmp_path / "source"), FORKED))
    sandbox.build(UPGRADE)
    sandbox.reset()
    deleting = max(point.worker for point in KillOne().points(sandbox, UPGRADE.act))

    def strike(point: Point) -> tuple[bool, int]:
        sandbox.reset()
        found = KillOne().strike(sandbox, UPGRADE.act, point)
        assert found.alone
        return found.fired, found.completed.status

    assert (True, 0) == strike(Point("unlinkat", 1, worker=deleting))
    assert (True, -signal.SIGKILL) == strike(Point("unlinkat", 1))
    assert (True, -signal.SIGKILL) == strike(Point("part", 1, worker=deleting))
    assert (False, 0) == strike(Point("unlinkat", 99, worker=deleting))
    assert (False, 0) == strike(Point("unlinkat", 1, worker=deleting + 1))
    assert (False, 0) == strike(Point("part", 99, worker=deleting))


def test_one_process_alone_is_no_proof(tmp_path: Path) -> None:
    """Where a build does not fork there is nothing to be swept, and that is told."""
    require(not no_forks(), no_forks())
    sandbox = Sandbox(str(tmp_path / "sandbox"), provisions(str(tmp_path / "source")))
    sandbox.build(UPGRADE)
    sandbox.reset()

    with pytest.raises(SetupError, match="no worker"):
        KillOne().points(sandbox, UPGRADE.act)


def test_what_lived_on_is_judged(tmp_path: Path) -> None:
    """In an environment that is old a survivor has to say that nothing was changed."""
    require(not unavailable(), unavailable())
    sandbox = Sandbox(str(tmp_path / "sandbox"), provisions(str(tmp_path / "source")))
    sweep = Sweep(UPGRADE, KillOne(), sandbox)
    sandbox.reset()

    def complaint(status: int, output: str = "", *, alone: bool = True) -> str:
        strike = Strike(fired=True, call="", completed=Completed(status, output), alone=alone)
        result = sweep.result_after(strike, Point("unlink", 1), "recover")
        assert result.sound == (not result.survivors)
        return result.survivors.partition(":")[0]

    assert "" == complaint(1, "error: a process has died")
    assert "what lived on ended with 0" == complaint(0, "replaced parts")
    assert "what lived on ended with 3" == complaint(3, "error: it is unsettled")
    traceback = "a traceback of what lived on"
    assert traceback == complaint(1, "Traceback (most recent call last):")
    assert traceback == complaint(-signal.SIGKILL, "This is a mistake in linkinstall.")
    assert "" == complaint(-signal.SIGKILL)
    assert "" == complaint(0, alone=False)
