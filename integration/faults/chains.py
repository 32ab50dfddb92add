"""Faults in a row: the recovery is struck, and the recovery after that, and so on.

Purpose: what ``make compound`` does to one scenario on one file system. All chains of two
would be some hundred thousand, those of three cannot be counted; the worlds that they lead
to are a few hundred. So each world is judged once, and each recovery from it struck once.

Calling sequence::

    sweep = ChainSweep(scenario, fault, sandbox)
    for result in sweep.chains(every=1, second=1, depth=inf, turn=0): ...
    sweep.same                        # chains that led to a world that was seen before

Guarantees: a chain is left out only where a chain of the same fault has led to the same world
(``states``), and what follows from there has been struck. Often that is known without the
strike. A kill leaves what one run of the recovery has shown (``steps``), and so does a power cut
after a flush of the log where that run has written into no file; where power cuts lose more,
each chain is struck. One that led elsewhere than was foreseen is judged like any other.

What was judged after one fault holds after the others: the next run is not struck.

The recovery is the command that settles what the scenario leaves (``Scenario.settling``).

Errors: those of ``PowerSweep``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from integration.faults.power_cut import END, PowerSweep
from integration.faults.states import Worlds
from integration.faults.steps import steps
from integration.faults.strace import Point
from integration.faults.sweep import sampled
from integration.faults.volumes import MountError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration.faults.mounted import MountedSandbox
    from integration.faults.scenario import Scenario
    from integration.faults.steps import Steps
    from integration.faults.strace import Strike
    from integration.faults.sweep import Fault, Result
    from integration.faults.volumes import Contents

THEN = " then "
"""Between the points of a chain."""
KILL = "kill"
FORESEEN = (KILL, "log-flushed")
"""The faults that leave what the interrupted command itself has seen."""


@dataclass(frozen=True)
class Chain(Point):
    """A point of a command, and those of the recoveries after it."""

    then: tuple[Point, ...] = ()

    def __str__(self) -> str:
        """Name all of them, in order."""
        return THEN.join((super().__str__(), *map(str, self.then)))


def chain_of(points: tuple[Point, ...]) -> Chain:
    """Return points as a chain."""
    first, *then = points
    return Chain(first.call, first.ordinal, first.everywhere, first.path, then=tuple(then))


@dataclass
class _Place:
    """Where a chain has led to.

    :param world: the name of the world there
    :param left: how many more faults may follow
    :param before: where the chain was before its last point
    :param disk: what is on the volumes, once it is known
    """

    chain: tuple[Point, ...]
    world: str
    left: float
    before: _Place | None = None
    disk: list[Contents] = field(default_factory=list)


class ChainSweep(PowerSweep):
    """See the module docstring."""

    def __init__(self, scenario: Scenario, fault: Fault, sandbox: MountedSandbox) -> None:
        self._worlds = Worlds()
        self._judged: set[str] = set()
        self._seen: dict[str, Steps | None] = {}
        # World -> how many more faults have followed there, and how many points that were.
        self._struck: dict[str, tuple[float, int]] = {}
        self._second = 1
        self._turn = 0
        # The points of a recovery are found in one that is stopped again and again (``steps``),
        # which takes a fresh interpreter; those are struck in one, too.
        sandbox.traces_fresh = True
        super().__init__(scenario, fault, sandbox)

    def chains(self, *, every: int, second: int, depth: float, turn: int) -> Iterator[Result]:
        """Strike, strike the recovery, and so on; judge each world that this leads to.

        :param every: only each so-manieth point of the command
        :param second: only each so-manieth point of each recovery
        :param depth: how many faults follow on each other at most
        :param turn: with which point and which next run to begin
        """
        self.same, self._struck = 0, {}
        self._second, self._turn = second, turn
        for point in sampled(self.points(), every, turn):
            try:
                self.volumes.reset()
                self.fault.strike(self.volumes, self.scenario.act, point)
            except MountError as error:
                yield self.unmountable(error, chain_of((point,)), self._next_run())
                continue
            place = _Place((point,), self._world(), depth - 1)
            place.disk = self.volumes.contents()
            yield from self._recoveries(place)

    def chain(self, points: tuple[Point, ...], next_run: str) -> Result:
        """Strike one chain, let a next run follow, and judge."""
        first, *then = points

        def strike() -> Strike:
            self.volumes.reset()
            struck = self.fault.strike(self.volumes, self.scenario.act, first)
            for point in then:
                self.volumes.fill(self.volumes.contents())
                struck = self.fault.strike(self.volumes, self.scenario.settling, point)
            return struck

        return self.after(strike, chain_of(points), next_run)

    def _recoveries(self, place: _Place) -> Iterator[Result]:
        """Strike the recovery from a place at each of its points."""
        left, count = self._struck.get(place.world, (0, 0))
        if left >= place.left:
            # What begins with equal faults is counted like that, what goes on equally is not.
            self.same += count if len(place.chain) == 1 else 0
            return
        found = self._points_from(place)
        self._struck[place.world] = place.left, len(found)
        # From the end: what begins late is done with when what begins early comes to it.
        for point in reversed(sampled(list(found), self._second, self._turn)):
            world = found[point]
            there = _Place((*place.chain, point), world, place.left - 1, place)
            if world not in self._judged:
                yield from self._strike(there)
            elif world in self._seen or self._is_done_with(there):
                self.same += 1
                yield from self._recoveries(there) if there.left > 0 else ()
            else:
                yield from self._strike(there)

    def _points_from(self, place: _Place) -> dict[Point, str]:
        """Return each point of the recovery, and the world that a fault there leads to if known."""
        if place.world not in self._seen:
            self.volumes.fill(self._disk(place))
            self._seen[place.world] = steps(self.volumes, self.scenario.settling, self._world)
        found, cuts = self._seen[place.world], self.fault.name != KILL
        if found is None:
            self.volumes.fill(self._disk(place))
            return dict.fromkeys(self.fault.points(self.volumes, self.scenario.settling), "")
        known = self.fault.name in FORESEEN
        points = {
            step.point: step.seen if known and not (cuts and step.written) else ""
            for step in found.before
        }
        if cuts:
            points[END] = found.end if known and not found.written else ""
        return points

    def _disk(self, place: _Place) -> list[Contents]:
        """Return what is on the volumes at a place, going there if nobody has been."""
        if not place.disk and place.before:
            self.volumes.fill(self._disk(place.before))
            self.fault.strike(self.volumes, self.scenario.settling, place.chain[-1])
            place.disk = self.volumes.contents()
        return place.disk

    def _strike(self, place: _Place) -> Iterator[Result]:
        """Strike the last point of a chain, judge what is new, and go on from there."""
        assert place.before
        try:
            self.volumes.fill(self._disk(place.before))
            strike = self.fault.strike(self.volumes, self.scenario.settling, place.chain[-1])
        except MountError as error:
            yield self.unmountable(error, chain_of(place.chain), self._next_run())
            return
        place.world = self._world()
        deeper = place.left > 0 and not self._is_done_with(place)
        if deeper:
            place.disk = self.volumes.contents()
        if place.world in self._judged and strike.fired:
            self.same += 1
        else:
            self._judged.add(place.world)
            yield self.result_after(strike, chain_of(place.chain), self._next_run())
        if deeper:
            yield from self._recoveries(place)

    def _is_done_with(self, place: _Place) -> bool:
        """Return whether its world was judged, and struck as deep as it would be now."""
        deep = self._struck.get(place.world, (0, 0))[0]
        return place.world in self._judged and deep >= place.left

    def _world(self) -> str:
        return self._worlds.name_of(self.volumes.world)

    def _next_run(self) -> str:
        self._turn += 1
        names = tuple(self.scenario.next_runs)
        return names[self._turn % len(names)]
