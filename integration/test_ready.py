"""The interpreter that is kept ready: what it runs is what a fresh one would have run."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from integration.faults import ready
from integration.faults.forking import KillOne
from integration.faults.injection import Inject
from integration.faults.oracle import observe
from integration.faults.runner import provisions
from integration.faults.sandbox import Completed, Sandbox, SetupError
from integration.faults.scenario import Command
from integration.faults.scenarios import RECOVER, scenario
from integration.faults.snapshot import take
from integration.faults.strace import Call, Kill, Point, compare, tracer, unavailable
from tests.support.gates import require

if TYPE_CHECKING:
    from pathlib import Path

UPGRADE = scenario("linkinstall-upgrade-parts-hardlink")


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    """Give the old state of an upgrade."""
    reason = unavailable()
    require(not reason, reason)
    found = Sandbox(str(tmp_path / "sandbox"), provisions(str(tmp_path / "source")))
    found.build(UPGRADE)
    return found


def test_a_command_does_and_says_the_same(sandbox: Sandbox) -> None:
    """Kept ready or fresh, a command leaves the same world, prints the same, ends the same."""
    told, left = [], []
    for fresh in (False, True):
        sandbox.reset()
        told.append([sandbox.run(one, fresh=fresh) for one in (UPGRADE.act, RECOVER)])
        left.append(take(sandbox.area("venv")))
    wrong = replace(UPGRADE.act, arguments=(*UPGRADE.act.arguments, "--no-such-option"))
    refused = [sandbox.run(wrong, fresh=fresh) for fresh in (False, True)]

    assert told[0] == told[1]
    assert left[0] == left[1]
    assert refused[0] == refused[1]
    assert 2 == refused[0].status


def test_variables_and_folder_are_those_of_the_command(sandbox: Sandbox) -> None:
    """A command does not meet the variables of the one before it."""
    other = {**UPGRADE.act.variables, "LINKINSTALL_CACHE_DIR": "{temp}/other"}

    sandbox.run(UPGRADE.act)
    sandbox.run(replace(UPGRADE.act, variables=other))
    sandbox.run(UPGRADE.act)

    assert os.path.isdir(sandbox.area("temp", "other"))


def test_it_is_killed_where_it_is_told_to(sandbox: Sandbox) -> None:
    """A tracer misses no call of it: the first rename is the first, and it is not made."""
    before = take(sandbox.area("venv", "bin"))

    strike = Kill().strike(sandbox, UPGRADE.act, Point("rename", 1))

    assert strike.fired
    assert -signal.SIGKILL == strike.completed.status
    assert before == take(sandbox.area("venv", "bin"))
    assert 0 == sandbox.run(RECOVER).status


def test_other_calls_than_those_of_a_fresh_one_are_refused() -> None:
    """Where the two do not make the same calls that change something, there is no sweep."""
    calls = [
        Call(number, 7, name, 1, f"{name}()", executed=True)
        for number, name in enumerate(("link", "rename"))
    ]

    compare(calls, calls)
    with pytest.raises(SetupError, match="a fresh interpreter makes"):
        compare(calls, calls[1:])


@pytest.mark.parametrize("fault", [Kill(), KillOne(), Inject(["EIO"]), Inject(["EIO"], forks=True)])
def test_no_sweep_begins_with_an_interpreter_that_does_something_else(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, fault: Kill | Inject
) -> None:
    """Kills and errors alike are struck only where one kept ready makes a fresh one's calls."""
    run = sandbox.run

    def other(command: Command, *, fresh: bool = False, **options: Any) -> Completed:
        return run(RECOVER if fresh else command, fresh=fresh, **options)

    monkeypatch.setattr(sandbox, "run", other)

    with pytest.raises(SetupError, match="a fresh interpreter makes"):
        fault.points(sandbox, UPGRADE.act)


def test_where_nothing_may_be_attached_to_a_fresh_one_is_traced(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user who may only trace what they start gets the same sweep, at a higher price."""
    assert ready.can_attach() or os.geteuid()
    monkeypatch.setattr("integration.faults.sandbox.can_attach", lambda: False)

    strike = Kill().strike(sandbox, UPGRADE.act, Point("rename", 1))

    assert strike.fired
    assert not sandbox.keeps_ready(UPGRADE.act, traced=True)
    assert sandbox.keeps_ready(UPGRADE.act)


def test_one_that_cannot_begin_is_told(sandbox: Sandbox) -> None:
    """A build that cannot be imported ends the sweep with the reason, and does not wait."""
    with open(f"{sandbox.provisions['source']}/linkinstall/session.py", "a") as stream:
        stream.write("raise ImportError('not this one')\n")
    broken = Sandbox(sandbox.folder, sandbox.provisions)

    with pytest.raises(SetupError, match="ended by itself"):
        broken.run(RECOVER)


def test_what_is_not_ours_is_run_by_itself(sandbox: Sandbox) -> None:
    """Other programs are started, and so is ours where it is wished."""
    log = os.path.join(sandbox.scratch, "log")
    traced = tracer(log, "-f", "-e", "trace=execve")
    started = []
    for command, fresh in ((RECOVER, False), (RECOVER, True), (Command(("/bin/true",)), False)):
        sandbox.run(command, before=traced, fresh=fresh)
        with open(log, encoding="utf-8") as stream:
            started.append("execve(" in stream.read())

    assert [False, True, True] == started


def test_a_world_is_probed_once(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interpreter is asked again where a file or a mode differs, and only there."""
    asked = []
    run = sandbox.run

    def told(command: Command) -> object:
        asked.append(command)
        return run(command)

    monkeypatch.setattr(sandbox, "run", told)
    first = observe(sandbox, UPGRADE)
    sandbox.restore()
    again = observe(sandbox, UPGRADE)

    assert first == again
    assert 1 == len(asked)
    os.unlink(os.path.join(sandbox.library, "parts", "__init__.py"))
    assert first.probe != observe(sandbox, UPGRADE).probe
    assert 2 == len(asked)
