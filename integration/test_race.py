"""A sample of ``make race``, and the judges of it: they pass what is sound and find what is not."""

from __future__ import annotations

import os
import shutil
import signal
import time
from typing import TYPE_CHECKING

import pytest

from integration.faults import bad_builds, crowd, peers, race
from integration.faults.contests import CONTESTS, Contest
from integration.faults.serial import ANY, Event, explained
from linkinstall.fs.forks import workers
from tests.support.gates import require

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = {"removals": 2}
"""Rounds of each contest here, one where nothing else is said; ``make race`` does 100."""
PATIENCE = 40
"""Rounds of a bad build. The least likely to break in one does so in half of them."""


@pytest.fixture(autouse=True)
def _kernel_lists_locks() -> None:
    require(os.path.exists(crowd.LOCKS), "/proc/locks of Linux tells who holds a lock")


def contest(name: str) -> Contest:
    """Return the contest of this name."""
    return {one.name: one for one in CONTESTS}[name]


@pytest.mark.parametrize("name", [one.name for one in CONTESTS])
def test_what_many_leave_is_what_some_order_of_them_leaves(name: str) -> None:
    """Nothing is torn, nobody hangs, and who loses says so in a typed error."""
    found = race.rounds(contest(name), range(ROUNDS.get(name, 1)))

    assert [] == [f"seed {one.seed}: {problem}" for one in found for problem in one.problems]


def test_whoever_is_slow_meets_what_the_others_do() -> None:
    """Where each call of the file system can wait, the cache is made, linked and cleaned alike."""
    (found,) = race.rounds(contest("cache"), [0], slowed=True)

    assert () == found.problems


@pytest.mark.parametrize(
    ("build", "where"),
    [
        ("no lock", "holder"),
        ("lock not inherited", "linking"),
        ("no second look", "mending"),
        ("cache cleaned by many", "cache"),
        ("neighbour removed", "removals"),
        ("installed in part", "venvs"),
    ],
)
def test_a_build_that_is_known_to_be_bad_is_caught(build: str, where: str) -> None:
    """Within some rounds of a build that lacks what keeps processes apart one is broken.

    One does not lock at all, in one the processes that link let go of the lock, one moves
    an entry of the cache away without looking whether it was mended meanwhile, and one
    cleans the cache while others link from it. Two do harm that no report of a command
    tells, one to what the environment came with, and one to what it installs.

    These two passed: what was there before was compared with nothing, a missing distribution
    counted as one that had never been there, and nobody looked into the environment that
    some make and others remove.
    """
    require(workers() > 1 or where != "linking", "two processors, for processes that link")

    found = race.rounds(
        contest(where), range(PATIENCE), spoil=bad_builds.BAD[build], until_broken=True
    )

    assert found[-1].problems


def test_what_cannot_run_is_skipped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without uv its contest is left out, which is said, and fails in continuous integration only.

    It ended with a traceback.
    """

    def missing() -> str:
        raise FileNotFoundError("uv is missing")

    monkeypatch.setattr(peers, "uv_program", missing)
    monkeypatch.delenv("CI", raising=False)

    assert 0 == race.main(["--contest", "uv"])
    monkeypatch.setenv("CI", "true")
    assert 1 == race.main(["--contest", "uv", "--contest", "removals", "--rounds", "1"])
    told = capsys.readouterr().out
    assert 2 == told.count("SKIPPED race, uv: uv is missing")
    assert "| 8 uninstalls of one distribution | 1 |" in told
    monkeypatch.setattr(crowd, "LOCKS", "/no/such/list")
    assert 1 == race.main([])


def test_nobody_is_killed_on_the_way_to_the_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command has opened its streams when the first of them is killed.

    On a busy machine the last of 32 was killed before, and the race ended with a traceback
    where it looked for what that one had said.
    """
    way = crowd.contend

    def dawdle(number: int, job: dict[str, object], gate: int, arrivals: int) -> None:
        time.sleep(0.1 * number)
        way(number, job, gate, arrivals)

    monkeypatch.setattr(crowd, "contend", dawdle)
    job = four_to_kill(tmp_path)

    assert [-signal.SIGKILL] * 4 == crowd.wait(job, crowd.start(job))
    assert 8 == len(list(tmp_path.glob("*.*")))


def test_nobody_is_killed_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was killed, and has not ended yet, is not chosen again.

    On a busy machine that takes a while: of four that were to be killed one was killed
    twice, and another went on.
    """
    kill = os.kill
    chosen: list[int] = []

    def take_a_while(process: int, number: int) -> None:
        chosen.append(process)
        if len(chosen) >= 4:
            for one in set(chosen):
                kill(one, number)

    monkeypatch.setattr("integration.faults.crowd.os.kill", take_a_while)
    job = four_to_kill(tmp_path)

    assert [-signal.SIGKILL] * 4 == crowd.wait(job, crowd.start(job))
    assert 4 == len(set(chosen))


def four_to_kill(folder: Path) -> dict[str, object]:
    """Return a job of four commands that do nothing until they are killed."""
    kill = {"what": "any", "times": 4}
    commands = [[shutil.which("sleep"), "600"]] * 4
    job = {"folder": str(folder), "seconds": 60, "seed": 0, "kill": kill}
    return {**job, "commands": commands, "width": 4}


# ------------------------------------------------------------------ the judge of orders

INSTALLED = Event({"a": None}, {"a": "1"})
REPLACED = Event({"a": "1"}, {"a": "2"})
REMOVED = Event({"a": "2"}, {"a": None})
SEEN = Event({"a": "2"}, {"a": "2"})
IN_THE_WAY = Event({"a": ANY}, {})


@pytest.mark.parametrize(
    ("end", "events"),
    [
        ({}, []),
        ({"a": "2"}, [SEEN, REPLACED, INSTALLED]),
        ({}, [REMOVED, IN_THE_WAY, SEEN, REPLACED, INSTALLED]),
        ({"a": "1"}, [REMOVED, INSTALLED, REPLACED, INSTALLED]),
        ({}, [Event({}, {"a": "2"}, optional=True), REMOVED]),
        ({}, [Event({}, {"a": "2"}, optional=True)]),
        ({"a": "1", "b": "1"}, [INSTALLED, Event({"b": None}, {"b": "1"})]),
        # One that tells nothing of what it found is not used up where it changes nothing.
        ({"a": "1"}, [Event({}, {"a": "1"})] * 2 + [Event({"a": "1"}, {"a": None})]),
    ],
)
def test_an_order_is_found(end: dict[str, str], events: list[Event]) -> None:
    """Reports that fit together like dominoes are some serial order."""
    assert [] == explained({}, end, events)


@pytest.mark.parametrize(
    ("end", "events"),
    [
        ({"a": "1"}, []),
        ({}, [INSTALLED]),
        ({"a": "1"}, [INSTALLED, INSTALLED]),
        ({"a": "2"}, [REPLACED]),
        ({"a": "1"}, [INSTALLED, SEEN]),
        ({}, [IN_THE_WAY]),
        ({"a": "1"}, [INSTALLED, REMOVED, Event({}, {"a": "3"}, optional=True)]),
        ({"b": "1"}, [INSTALLED, Event({"b": None}, {"b": "1"})]),
    ],
)
def test_no_order_is_found_where_there_is_none(end: dict[str, str], events: list[Event]) -> None:
    """A success that nothing led to, or that nothing undid, is no serial order."""
    assert ["a"] == explained({}, end, events)


def test_environments_that_are_made_anew_are_decided_soon() -> None:
    """Where many projects come and go with their environment, there are few orders to look at.

    One search for all of them together took minutes, and ended with a ``ValueError``.
    """
    anew = Event({}, {"a": None, "b": None, "c": None})
    events = [anew] * 4
    for name in ("a", "b", "c"):
        found: tuple[str | None, ...] = (None, "1", "2")
        events += [Event({name: was}, {name: now}) for was in found for now in ("1", "2")] * 2

    assert ["a", "b", "c"] == sorted(explained({}, dict.fromkeys("abc", "3"), events))
    assert [] == explained({}, dict.fromkeys("abc", "2"), events)
