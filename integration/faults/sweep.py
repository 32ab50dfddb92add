"""Scenario and fault -> results.

Purpose: strike a scenario at each point of a fault, let each of its next runs
follow, and judge.

Calling sequence: ``for result in Sweep(scenario, fault, sandbox).results(): ...``;
``Sweep.result(point, name)`` for a single one.

Guarantees: each result starts from the old state (``kept``). What is right is
established first, by running the scenario without a fault: the next run from
exactly old, and from exactly new. A scenario whose probe does not tell these as
``works_in`` says is refused, so that no sweep passes for want of a change. So is one that
leaves something behind without any fault: what is right would be wrong from the beginning.

Errors: ``SetupError`` if the scenario does not work without a fault.
"""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from integration.faults.oracle import (
    Judgement,
    Observation,
    environment,
    judge,
    observe,
    state_of,
)
from integration.faults.sandbox import Completed, Sandbox, SetupError
from integration.faults.soundness import around, brought, litter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from integration.faults.scenario import Command, Scenario, State
    from integration.faults.snapshot import Snapshot
    from integration.faults.strace import Point, Strike


TRACEBACK = "Traceback (most recent call last)"
BUG = "This is a mistake in linkinstall"


class Fault(Protocol):
    """Something that can go wrong at certain points of a command."""

    name: str

    def points(self, sandbox: Sandbox, command: Command) -> Sequence[Point]:
        """Run a command in the old state without a fault; return where it can be struck."""

    def strike(self, sandbox: Sandbox, command: Command, point: Point) -> Strike:
        """Run a command in the old state and strike it at a point."""


@dataclass(frozen=True)
class Result:
    """One point and one next run.

    :param scenario: what was struck
    :param point: where
    :param strike: what the fault did
    :param between: the state right after the fault, before the next run
    :param next_run: name of the command that followed
    :param completed: how that command ended
    :param judgement: what the oracle says in the end
    :param same: the fault led to what another one had led to, and this is what came of that
    :param survivors: what is wrong with how those ended that were not struck, or nothing
    """

    scenario: Scenario
    point: Point
    strike: Strike
    between: State | None
    next_run: str
    completed: Completed
    judgement: Judgement
    same: bool = False
    survivors: str = ""

    @property
    def next_run_failed(self) -> bool:
        """Whether the next run says that it failed, took too long, or shows a traceback."""
        statuses = self.scenario.next_runs[self.next_run].statuses
        ended = self.completed.status in statuses and not self.completed.timed_out
        return not ended or TRACEBACK in self.completed.output

    @property
    def sound(self) -> bool:
        """Whether the fault was survived without any trace."""
        return self.judgement.sound and not self.next_run_failed and not self.survivors


def sampled(points: Sequence[Point], every: int, turn: int) -> Sequence[Point]:
    """Return each ``every``-th point, beginning with another one for each turn.

    There is always one, however few points there are: a sweep without any proves nothing.
    """
    return points[turn % every :: every] or points[turn % max(len(points), 1) :][:1]


class References:
    """One scenario in its sandbox, and what is right for it: without a fault."""

    def __init__(self, scenario: Scenario, sandbox: Sandbox) -> None:
        """Build the old state, and find out what is right."""
        self.scenario = scenario
        self.sandbox = sandbox
        sandbox.build(scenario)
        self._bare = environment(sandbox).keys()
        # Nothing is in the temporary folder, and nothing may ever stay there.
        self._around = {
            path: node
            for path, node in around(sandbox).items()
            if path == "temp/." or not path.startswith("temp/")
        }
        self._plain = self.references()
        self._check_probe()
        self._references: dict[str, dict[State, Observation]] = {
            name: self.references(command) for name, command in scenario.next_runs.items()
        }

    def references(self, *next_runs: Command) -> dict[State, Observation]:
        """Return what these commands make of exactly old and of exactly new."""
        return {
            "old": self._reference("old", *next_runs),
            "new": self._reference("new", *next_runs),
        }

    def judge(self, next_run: str) -> Judgement:
        """Judge what a next run has left."""
        actual = observe(self.sandbox, self.scenario)
        return judge(self._references[next_run], actual, self.scenario.cache)

    def _reference(self, state: State, *next_runs: Command) -> Observation:
        self.sandbox.reset()
        for command in (self.scenario.act, *next_runs) if state == "new" else next_runs:
            completed = self.sandbox.run(command, fresh=True)
            if completed.status not in command.statuses or completed.timed_out:
                arguments = " ".join(self.sandbox.expand(command))
                message = f"{self.scenario.name}: without a fault, {arguments} ends with "
                raise SetupError(f"{message}{completed.status}\n{completed.output}")
        self._check_litter()
        return observe(self.sandbox, self.scenario)

    def _check_litter(self) -> None:
        """Refuse what lies about now, without a fault; what other tools leave is theirs.

        What the commands leave that make the old state is seen where there are none: in what is
        installed into a cold cache.
        """
        if self.scenario.tool != "linkinstall":
            return
        left = self._beside()
        if not self.scenario.verb.startswith("venv-"):  # else virtualenv makes what is there
            brings = brought(self.sandbox.area("venv"), self.sandbox.library)
            listed = {path for paths in brings.values() for path in paths}
            left += sorted(environment(self.sandbox).keys() - self._bare - listed)
        if left:
            raise SetupError(f"{self.scenario.name}: without a fault, it leaves {'; '.join(left)}")

    def _beside(self) -> list[str]:
        """Return what lies in the cache and outside that belongs to nobody."""
        # virtualenv remembers interpreters in the home.
        apart = ("home",) if self.scenario.verb.startswith("venv-") else ()
        before = {
            path: node for path, node in self._around.items() if path.partition("/")[0] not in apart
        }
        others = re.compile(f"temp/(?:{self.scenario.cache.temporary})")
        return [
            line
            for line in litter(self.sandbox, before, *apart)
            if "stray " in line and not others.fullmatch(line.split()[2])
        ]

    def _check_probe(self) -> None:
        for state, observation in self._plain.items():
            works = observation.probe[0] == 0
            if works != (state in self.scenario.works_in):
                message = f"{self.scenario.name}: when {state}, the probe"
                raise SetupError(f"{message} {'works' if works else 'fails'}")
            # The old state may be a damaged one.
            if state == "new" and observation.records:
                raise SetupError(f"{self.scenario.name}: {state}: {observation.records}")


class Sweep(References):
    """One scenario under one fault."""

    def __init__(self, scenario: Scenario, fault: Fault, sandbox: Sandbox) -> None:
        """Build the old state, and find out what is right."""
        super().__init__(scenario, sandbox)
        self.fault = fault
        self._points: dict[str, Sequence[Point]] = {}

    def points(self) -> Sequence[Point]:
        """Return each point at which the fault can strike; they are found once for each fault."""
        name = self.fault.name
        if name not in self._points:
            self.sandbox.reset()
            self._points[name] = self.fault.points(self.sandbox, self.scenario.act)
        return self._points[name]

    def results(self, *, every: int = 1, turn: int | None = None) -> Iterator[Result]:
        """Strike at each ``every``-th point, once for each next run.

        :param turn: strike each point once instead, the next runs taking turns, beginning
            with the one of this number; and begin with another point for each number
        """
        names = tuple(self.scenario.next_runs)
        for number, point in enumerate(sampled(self.points(), every, turn or 0)):
            if turn is not None:
                yield self.result(point, names[(number + turn) % len(names)])
            else:
                for name in names:
                    yield self.result(point, name)

    def result(self, point: Point, next_run: str) -> Result:
        """Strike at one point, let one next run follow, and judge."""
        self.sandbox.reset()
        strike = self.fault.strike(self.sandbox, self.scenario.act, point)
        return self.result_after(strike, point, next_run)

    def result_after(self, strike: Strike, point: Point, next_run: str) -> Result:
        """Let one next run follow what is there now, and judge."""
        there = environment(self.sandbox)
        between = state_of(self._plain, there)
        survivors = self._survivors(strike.completed, there) if strike.alone else ""
        completed = self.sandbox.run(self.scenario.next_runs[next_run])
        judgement = self.judge(next_run)
        return Result(
            self.scenario,
            point,
            strike,
            between,
            next_run,
            completed,
            judgement,
            survivors=survivors,
        )

    def _survivors(self, told: Completed, there: Snapshot) -> str:
        """Return what is wrong with how a command ended of which one process was killed.

        One that lived on while a worker died has met one error: it makes the change all the
        same, or it puts everything back at once.
        """
        if TRACEBACK in told.output or BUG in told.output:
            return f"a traceback of what lived on:\n{told.output}"
        if told.timed_out:
            return "what lived on did not end"
        ends: dict[int, State] = {0: "new", 1: "old"}
        state = ends.get(told.status)
        if told.status == -signal.SIGKILL or (state and self._plain[state].areas["venv"] == there):
            return ""
        return f"what lived on ended with {told.status}:\n{told.output}"
