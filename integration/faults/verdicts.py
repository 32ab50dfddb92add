"""What a command made of an error: judged in the same process, and after one next run.

Purpose: the oracle says old, new or broken. An error that a command can answer asks
more of it: it puts everything back at once, says which path it was about, and ends with
the status that is documented.

Calling sequence: ``for verdict in ErrorSweep(scenario, fault, sandbox).verdicts(): ...``

Guarantees: each verdict starts from the old state (``kept``), and each error is
followed by a next run, also where all is well at once. Most errors are: what is there then is
the same after very many of them, and each next run follows it once. That it is the same is
told by ``states``, and only where there is no state folder, whose journal would name inodes.

Errors: ``SetupError`` if the scenario does not work without a fault.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from integration.faults import lost, virtualenvs
from integration.faults.aftermath import (
    DONE,
    LOST,
    MIXED,
    UNNAMED,
    Aftermath,
    end_of,
    wrong_right_after,
)
from integration.faults.meanings import FLUSHING
from integration.faults.oracle import STATES, Observation, environment, judge, observe, state_of
from integration.faults.sandbox import AREAS
from integration.faults.snapshot import Node, Snapshot, take
from integration.faults.states import Worlds
from integration.faults.sweep import TRACEBACK, References
from linkinstall.cache import QUARANTINED
from linkinstall.venvs.sight import MAKING, state_folders

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from integration.faults.injection import ErrorPoint, Injected
    from integration.faults.sandbox import Completed, Sandbox
    from integration.faults.scenario import Command, Scenario, State

FULLY = "fully-synced"
"""How the subject of a change ends whose success means that the disk has it."""
TRIES = 3
"""How often a point is struck that no call of the command itself meets."""
JOURNALS = ("journal", "committed")
"""The first of these says that what it tells of is to be undone."""
_ENTRY = re.compile(
    r"cache: (?:(?:stray|missing) +)?(v1/(?:entries/[^/:]+|bytecode/[^/:]+/[^/:]+))[/:]"
)
"""What the oracle says of an entry of the cache, or of a set of compiled files."""
_MISSING = re.compile(r"cache: missing +(.+) \(")
"""What it says of a path that is not in the cache."""
TEMPORARY = (("cache", "v1/tmp"), ("temp", ""), ("home", ""))
"""Area and folder of it: what a command puts there goes with it, whatever becomes of its change."""
OF_CACHES = ("cache-add", "cache-prune", "cache-clean", "cache-verify")
"""The verbs whose change is one of the cache."""


@dataclass(frozen=True)
class Verdict:
    """One point and what came of it.

    :param scenario: what was struck
    :param point: where, and with which error
    :param injected: what the fault did
    :param wrong: kind (of ``aftermath.KINDS``) -> what is wrong, in words
    :param end: how it ended (of ``aftermath.ENDS``), where nothing is wrong
    :param next_run: name of the command that followed, or nothing
    :param output: what that command printed
    """

    scenario: Scenario
    point: ErrorPoint
    injected: Injected
    wrong: Mapping[str, str]
    end: str
    next_run: str = ""
    output: str = field(default="", repr=False)


class ErrorFault(Protocol):
    """Something that a command can meet, and has to answer."""

    def points(self, sandbox: Sandbox, command: Command) -> Sequence[ErrorPoint]:
        """Return where a command can meet it."""

    def strike(self, sandbox: Sandbox, command: Command, point: ErrorPoint) -> Injected:
        """Run a command in the old state and let it meet it."""


class ErrorSweep(References):
    """One scenario under one fault of errors.

    ``linked`` and ``copied`` are what is right where virtualenv links the interpreter, and where
    it found out that it cannot; for verbs that do not ask it, they are the same.
    """

    def __init__(self, scenario: Scenario, fault: ErrorFault, sandbox: Sandbox) -> None:
        """Build the old state, and find out what is right and where it can be struck."""
        super().__init__(scenario, sandbox)
        self.fault = fault
        self.linked = self.copied = self._followed_all()
        if scenario.verb in virtualenvs.MAKING:
            act = virtualenvs.copying(scenario.act)
            super().__init__(replace(scenario, act=act), sandbox)
            self.copied, self.scenario = self._followed_all(), scenario
        # Finding the points also finds the paths that a lasting error is narrowed to.
        sandbox.reset()
        self.points = fault.points(sandbox, scenario.act)
        self._worlds = Worlds(copied=True)
        # World and next run -> what that printed, and what was wrong after it.
        self._followed_by: dict[tuple[str, str], tuple[str, str]] = {}

    def verdicts(self, *, every: int = 1, offset: int = 0) -> Iterator[Verdict]:
        """Strike at each ``every``-th point, beginning at ``offset``."""
        names = list(self.scenario.next_runs)
        for number, point in enumerate(self.points[offset::every]):
            yield self.verdict(point, names[number % len(names)])

    def verdict(self, point: ErrorPoint, next_run: str) -> Verdict:
        """Strike at one point, let the next run follow, and judge."""
        injected = self._strike(point)
        probed = virtualenvs.is_probe(injected, self.sandbox.area("temp"))
        self._plain, self._references = self.copied if probed else self.linked
        there = self._look()
        told = injected.completed
        if self.scenario.verb in virtualenvs.MAKING:
            told = replace(told, output=virtualenvs.without_finalizer(told.output))
        if there.new and told.status in self.scenario.act.statuses:
            # Success may have another status: what cannot be mended stays a finding.
            told = replace(told, status=DONE)
        wrong = wrong_right_after(
            point, replace(injected, completed=told), there, settles=self._settles(point)
        )
        if self.scenario.verb in virtualenvs.MAKING and virtualenvs.is_told(
            told.output, self.sandbox.area("venv")
        ):
            wrong.pop(UNNAMED, None)
        if lost.is_owed(self.scenario.verb, point, injected):
            left = lost.still_linked(self.sandbox.area("cache"))
            wrong.update({LOST: "\n".join(left)} if left else {})
        end = end_of(told, there)
        output, mixed = self._next(next_run, there, flushed=point.call != "syncfs")
        if mixed:
            wrong = {**wrong, MIXED: "\n".join(filter(None, (wrong.get(MIXED, ""), mixed)))}
        return Verdict(self.scenario, point, injected, wrong, end, next_run, output)

    def _next(self, next_run: str, there: Aftermath, *, flushed: bool) -> tuple[str, str]:
        """Let the next run follow; return what it printed, and what is wrong after it."""
        world = "" if there.unfinished else self._worlds.name_of(self.sandbox.world)
        key = (f"{next_run} {flushed}", world)
        known = self._followed_by.get(key)
        if known is None or there.unfinished:
            completed = self.sandbox.run(self.scenario.next_runs[next_run])
            known = completed.output, self._mixed(next_run, completed, flushed=flushed)
            self._followed_by[key] = known
        return known

    def _settles(self, point: ErrorPoint) -> bool:
        """Return whether docs/reference/exit-status.md has one error end unsettled.

        It does where settling fails, and where what is done cannot be flushed with ``full``.
        """
        full = self.scenario.subject.endswith(FULLY)
        return self.scenario.verb == "recover" or (full and point.call in FLUSHING)

    def _strike(self, point: ErrorPoint) -> Injected:
        """Strike at one point; again where it missed: a pipe is read in more or fewer calls."""
        tries = (self._once(point) for _ in range(TRIES - 1))
        return next((one for one in tries if one.fired), None) or self._once(point)

    def _once(self, point: ErrorPoint) -> Injected:
        self.sandbox.reset()
        return self.fault.strike(self.sandbox, self.scenario.act, point)

    # ---------------------------------------------------------------- right after

    def _look(self) -> Aftermath:
        """Compare the world with old and new, without asking an interpreter."""
        areas: dict[str, Snapshot] = {area: take(self.sandbox.area(area)) for area in AREAS[1:]}
        areas["venv"] = self._followed(environment(self.sandbox), areas["cache"])
        state = state_of(self._plain, areas["venv"]) or "old"
        cache = tuple(self.scenario.cache.check(self.sandbox.area("cache")))
        there = Observation(areas, (), self._plain[state].probe, cache)
        new, old = (self._plain[one].areas["venv"] == areas["venv"] for one in STATES)
        if self.scenario.verb in OF_CACHES:
            only_new: dict[State, Observation] = {
                "old": self._plain["new"],
                "new": self._plain["new"],
            }
            # What was unpacked and could not be removed is the next run's to sweep.
            rest = {
                path: node
                for path, node in areas["cache"].items()
                if path in self._plain["new"].areas["cache"] or not f"{path}/".startswith("v1/tmp/")
            }
            kept = replace(there, areas={**areas, "cache": rest})
            new = judge(only_new, kept, self.scenario.cache).sound
        beside, *inside = self._state_folders()
        states = [one for one in (beside, *inside) if os.path.lexists(one)]
        if beside in states:
            # What was taken aside stands there: the environment alone does not tell.
            old = new = False
        unfinished = bool(states)
        begun = any(os.path.lexists(f"{one}/{name}") for one in states for name in JOURNALS)
        # The mark of what is being made goes with the state folder, right before it.
        names = [os.path.relpath(one, self.sandbox.area("venv")) for one in inside]
        below = (*names, MAKING)
        tree = {path: node for path, node in areas["venv"].items() if not path.startswith(below)}
        only_staged = not begun and tree == self._plain["old"].areas["venv"]
        undone = any(os.path.lexists(f"{one}/{JOURNALS[0]}") for one in states)
        only_trash = not undone and tree == self._plain["new"].areas["venv"]
        litter = self._litter(areas)
        return Aftermath(old, new, unfinished, only_staged, only_trash, litter)

    def _litter(self, areas: Mapping[str, Snapshot]) -> dict[str, str]:
        """Return folder -> what there is as in neither state, where nothing may be left."""
        others = re.compile(self.scenario.cache.temporary)
        known = [self._plain[state].areas for state in STATES]
        found: dict[str, str] = {}
        for area, folder in TEMPORARY:
            start = f"{folder}/" if folder else ""
            paths = {
                path for one in (*known, areas) for path in one[area] if path.startswith(start)
            }
            strange = [
                path
                for path in sorted(paths)
                if not (area == "temp" and others.fullmatch(path))
                and areas[area].get(path) not in [one[area].get(path) for one in known]
            ]
            if strange:
                found[self.sandbox.area(area, folder).rstrip("/")] = ", ".join(strange)
        return found

    def _state_folders(self) -> tuple[str, ...]:
        """Return where a change leaves what the next run settles, the one beside it first."""
        venv = self.sandbox.area("venv")
        return (*state_folders(venv), f"{self.sandbox.library}/.linkinstall")

    def _followed_all(
        self,
    ) -> tuple[dict[State, Observation], dict[str, dict[State, Observation]]]:
        """Return what is right, and what is after each next run, with each link followed."""
        pairs = {
            name: {state: self._plainly(one) for state, one in pair.items()}
            for name, pair in self._references.items()
        }
        return {state: self._plainly(one) for state, one in self._plain.items()}, pairs

    def _plainly(self, observed: Observation) -> Observation:
        venv = self._followed(observed.areas["venv"], observed.areas["cache"])
        return replace(observed, areas={**observed.areas, "venv": venv})

    def _followed(self, venv: Snapshot, cache: Snapshot) -> Snapshot:
        """Return an environment with each link into the cache as the file that it leads to.

        A file that cannot be linked is copied, with a warning: the same environment.
        """
        start = self.sandbox.area("cache") + "/"
        return {path: _target(node, start, cache) for path, node in venv.items()}

    def _mixed(self, next_run: str, completed: Completed, *, flushed: bool) -> str:
        """Return what is wrong after the next run, or nothing.

        :param flushed: False where a flush failed: what it may have lost is given up
        """
        actual = self._plainly(observe(self.sandbox, self.scenario))
        judgement = judge(self._references[next_run], actual, self.scenario.cache)
        lines = [*judgement.problems, *judgement.litter]
        lines = [line for line in lines if not self._is_lacking(line)]
        if not flushed:
            lines = [line for line in lines if not self._is_given_up(line)]
        statuses = self.scenario.next_runs[next_run].statuses
        if completed.status not in statuses or completed.timed_out or TRACEBACK in completed.output:
            lines.insert(0, f"{next_run} ended with {completed.status}")
        return "\n".join(lines)

    def _is_lacking(self, line: str) -> bool:
        """Return whether a line is about what a cache would have by now, had it been written.

        What it had before is no such thing.
        """
        told = _MISSING.match(line)
        return told is not None and told[1] not in self._plain["old"].areas["cache"]

    def _is_given_up(self, line: str) -> bool:
        """Return whether a line is about an entry of the cache that is not linked again."""
        told = _ENTRY.match(line)
        area = self.sandbox.area("cache")
        return told is not None and os.path.lexists(f"{area}/{told[1]}/{QUARANTINED}")


def _target(node: Node, start: str, cache: Snapshot) -> Node:
    """Return what a link into the cache leads to; anything else as it is."""
    if not node.content.startswith(start):
        return node
    found = cache.get(node.content.removeprefix(start), node)
    # In the cache a compiled file has no source beside it; here it has.
    return replace(found, content=found.content.replace(" without source", " fresh"))
