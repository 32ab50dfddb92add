"""Random changes, faults and foreign edits leave what a simple model says, exactly.

The sample is the same in every run. The long run is ``make model``: other steps for every
``SEED``, as many as ``STEPS`` says; what fails is shrunk and printed as a program.
"""

from __future__ import annotations

import os
import re
import sys
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import Flaky
from hypothesis.stateful import run_state_machine_as_test

from linkinstall import looking
from linkinstall.application import Application
from linkinstall.entry_check import Inspection
from linkinstall.removal import Removal
from linkinstall.restoration import Restoration
from tests.support.beliefs import done
from tests.support.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS_OF_A_RUN = 40
SAMPLE = settings(
    max_examples=100,
    stateful_step_count=STEPS_OF_A_RUN,
    deadline=None,
    derandomize=True,
    database=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


def steps_asked() -> int:
    """Return how many steps the long run is to have, 0 for the sample."""
    return int(os.environ.get("LINKINSTALL_MODEL_STEPS") or 0)


def profile() -> settings:
    """Return the sample, or the long run where one is asked for."""
    if not steps_asked():
        return SAMPLE
    # Some runs end before their last step.
    runs = steps_asked() * 3 // (STEPS_OF_A_RUN * 2) + 1
    return settings(SAMPLE, derandomize=False, max_examples=runs)


def test_the_environment_equals_the_model(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is done, killed, refused or edited: old or new, and then nothing else."""
    start, before = time.monotonic(), dict(done)
    broken = 1
    try:
        run_state_machine_as_test(Machine, settings=profile())
        broken = 0
    finally:
        count = {name: done[name] - before[name] for name in done}
        with capsys.disabled():
            told = ", ".join(f"{number} {name}" for name, number in count.items())
            sys.stdout.write(f"\nstate machine: {told}\n")
        if steps_asked():
            from integration.faults.figures import Figure, note

            what = "random changes, faults and foreign edits, against a model"
            missed = max(0, steps_asked() - count["steps"])
            seconds = time.monotonic() - start
            note(Figure("R14", what, count["steps"], "steps", broken, missed, seconds))


# -------------------------------------------------------------------- the test of the test


def drop_the_stash_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Delete what was stashed before the commit point instead of after it."""
    commit = Application.commit

    def broken(application: Application) -> None:
        settlement = application._settlement()
        for item in settlement.journal.stash:
            settlement._discard(item)
        commit(application)

    monkeypatch.setattr(Application, "commit", broken)


def restore_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Roll back what came, and forget what went."""
    monkeypatch.setattr(Restoration, "restore", lambda *_: None)


def leave_nothing_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove a file that another distribution lists too."""
    monkeypatch.setattr(Removal, "_leave_to_others", lambda *_: None)


def trust_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Link cache files without a look at them."""
    monkeypatch.setattr(looking, "inspect", lambda *_: Inspection())


@pytest.mark.parametrize(
    "break_it", [drop_the_stash_early, restore_nothing, leave_nothing_to_others, trust_the_cache]
)
def test_a_broken_engine_is_caught(
    break_it: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sample finds an engine that is broken on purpose."""
    break_it(monkeypatch)

    # It ends at the first one found; how long that takes is partly the clock's doing.
    generous = settings(SAMPLE, phases=[Phase.generate], max_examples=6 * SAMPLE.max_examples)
    # A model that was misled before it looks at the disk says so at the next command, or where
    # ``check`` finds what it did not expect.
    told = r"neither old nor new|believed would be refused|not found: .*; found besides: "
    # What hypothesis runs again after that, to be sure, may go otherwise: the clock has moved on.
    with pytest.raises((AssertionError, Flaky)) as caught:
        run_state_machine_as_test(Machine, settings=generous)
    assert isinstance(caught.value, Flaky) or re.search(told, str(caught.value))
