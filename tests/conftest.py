"""Settings of the unit tests."""

from __future__ import annotations

import os
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from integration.faults.figures import Figure, note
from tests.support.gates import require
from tests.support.parity import Twins, stand_apart
from tests.support.platforms import listen_to_interrupts, skip_foreign, slashed

if TYPE_CHECKING:
    from pathlib import Path

# A shared machine is slow at times, and a failure has to be reproducible from its text. In
# continuous integration the examples are the same in each run: it judges the change, and
# what chance finds is found at home.
settings.register_profile(
    "linkinstall",
    deadline=None,
    print_blob=True,
    derandomize=os.environ.get("CI") == "true",
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("linkinstall")
listen_to_interrupts()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is for another platform."""
    skip_foreign(items)


BEGAN = time.monotonic()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many moments the sweeps have struck, and how many were broken then."""
    struck: Counter[str] = Counter()
    broken: Counter[str] = Counter()
    reports = [one for several in terminalreporter.stats.values() for one in several]
    for report in reports:
        if getattr(report, "when", None) != "call":
            continue
        for name, value in report.user_properties:
            if name == "swept":
                kind, points, failures = value
                struck[kind] += points
                broken[kind] += failures
    if struck:
        terminalreporter.section("sweeps: moments struck, and neither old nor new after them")
        for kind in struck:
            terminalreporter.line(f"{kind:<40} {struck[kind]:>8} {broken[kind]:>8}")
        terminalreporter.line(f"{'all':<40} {struck.total():>8} {broken.total():>8}")
        if os.environ.get("LINKINSTALL_SWEEP") == "full":
            taken = time.monotonic() - BEGAN
            what = "the same and errors in one process, each batch struck at each item"
            note(Figure("R2", what, struck.total(), "moments", broken.total(), 0, taken))


@pytest.fixture
def root() -> None:
    """Need the rights of root, as continuous integration has them."""
    require(hasattr(os, "geteuid") and os.geteuid() == 0, "the tests are run by root")


@pytest.fixture
def tmp_path(tmp_path: Path) -> Path:
    """Give the test's folder as linkinstall writes paths."""
    return slashed(tmp_path)


@pytest.fixture
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a test of parity from what other tests and the time of day would change in it."""
    stand_apart(tmp_path, monkeypatch)


@pytest.fixture
def twins(tmp_path: Path) -> Twins:
    """Give the same installation twice: by ``installer``'s destination, and by ours."""
    return Twins(tmp_path)
