"""The fault "killed, and then the power goes", and how it is judged.

Purpose: strike as ``Kill`` does, then let the volumes of the sandbox lose their power.

Calling sequence::

    with MountedSandbox(folder, provisions, "ext4") as sandbox:
        sweep = PowerSweep(scenario, PowerCut("log-flushed"), sandbox)
        for result in sweep.results(turn=0): ...

Guarantees: beside the points of ``Kill`` there is ``end:1``, a power cut after the
command has ended by itself. A volume that cannot be mounted any more counts as broken.

One thing is judged otherwise than after a kill. Entries of the cache that had not been
flushed may be lost, or hold anything: the promise is that they are marked so, never get
into an environment, and are made anew when they are needed. So where nothing but such
entries differ, the same wheels are installed anew, and then everything has to be right.
What had been flushed before the command began, and what the command does not make, is judged
as after a kill.

Very many cuts lead to a world that another one has led to: all that come before anything is
flushed lead to the old one. A world that is the same to the inode number (``states``), on
devices of the same numbers, is put to a next run once; what was judged then stands for
each point that leads there.

With ``--sync full`` in its arguments, what a command that has ended has made must be there right
after the cut, and settled; what a ``cache add`` that has ended says is there must be there.

Errors: those of ``Sweep``.
"""

from __future__ import annotations

import glob
import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from integration.faults import cache_check
from integration.faults.mounted import MountedSandbox
from integration.faults.oracle import Judgement, Observation, environment, judge, observe
from integration.faults.sandbox import Completed, Sandbox
from integration.faults.snapshot import difference, take
from integration.faults.states import Worlds
from integration.faults.strace import Kill, Point, Strike
from integration.faults.sweep import Fault, Result, Sweep
from integration.faults.volumes import MountError
from linkinstall.cache import UNFLUSHED
from linkinstall.world import STATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from integration.faults.scenario import Command, Scenario, State
    from integration.faults.snapshot import Node

END = Point("end", 1)
"""After the command has ended by itself."""
FULL = ("--sync", "full")
"""The arguments with which success means that the disk has it."""


class PowerCut:
    """See the module docstring.

    :param how: one of ``volumes.CUTS``, or nothing: killed only, the power stays
    """

    def __init__(self, how: str) -> None:
        self.how = how
        self.name = how or "kill"
        self._kill = Kill()

    def points(self, sandbox: Sandbox, command: Command) -> list[Point]:
        """Return the points of ``Kill``, and the end."""
        points = self._kill.points(sandbox, command)
        return [*points, END] if self.how else points

    def strike(self, sandbox: Sandbox, command: Command, point: Point) -> Strike:
        """Run a command, kill it at a point, and let the power go."""
        if point == END:
            completed = sandbox.run(command)
            ended = completed.status in command.statuses
            strike = Strike(ended, "nothing, it had ended", completed)
        else:
            strike = self._kill.strike(sandbox, command, point)
        if self.how and isinstance(sandbox, MountedSandbox):
            sandbox.cut(self.how)
        return strike


class PowerSweep(Sweep):
    """A sweep on volumes; see the module docstring.

    :ivar same: how many points of the last fault led to what was there before; the sweep of
        ``chains`` has no results for these
    :ivar worlds: names the worlds that the fault leads to
    """

    def __init__(self, scenario: Scenario, fault: Fault, sandbox: MountedSandbox) -> None:
        self.same = 0
        self.volumes = sandbox
        self.worlds = Worlds()
        self._known: dict[tuple[str, ...], Result] = {}
        self._anew: dict[str, dict[State, Observation]] = {}
        super().__init__(scenario, fault, sandbox)
        sandbox.restore()  # without what comes just before the fault, and is not flushed
        self._flushed = take(sandbox.area("cache"))

    def result(self, point: Point, next_run: str) -> Result:
        """Strike at one point, let one next run follow, and judge."""
        lost: list[str] = []

        def strike() -> Strike:
            self.sandbox.reset()
            struck = self.fault.strike(self.sandbox, self.scenario.act, point)
            if point == END:
                lost.extend(self._lost())
            return struck

        result = self.after(strike, point, next_run)
        full = point == END and FULL[1] in self.scenario.act.arguments
        if lost or (full and result.judgement.state == "old"):
            problems = ("success was reported, and the change is lost", *lost)
            return replace(result, judgement=Judgement(None, problems))
        return result

    def _lost(self) -> list[str]:
        """Return what a command that has ended by itself had promised, and the cut has taken.

        Not all of it is seen after a next run, which may make up for it.
        """
        verb, new = self.scenario.verb, self._plain["new"]
        if verb == "cache-add":
            cache = take(self.sandbox.area("cache"))
            actual = replace(new, areas={**new.areas, "cache": cache})
            return list(judge({"old": new, "new": new}, actual, self.scenario.cache).litter)
        if FULL[1] not in self.scenario.act.arguments:
            return []
        right, now = new.areas["venv"], environment(self.sandbox)
        # What is cleaned up after the commit point, or when all is put back, may be there again.
        kept = {path: node for path, node in now.items() if path in right or _stays(path, node)}
        # What was put back is on the disk before its journal goes, and can be put back again.
        unsettled = [] if verb == "recover" else _unsettled(self.sandbox.world)
        return [*difference(right, kept), *unsettled]

    def after(self, strike: Callable[[], Strike], point: Point, next_run: str) -> Result:
        """Strike, let one next run follow, and judge; a volume may not mount any more.

        What is the same as after another strike is not judged again.
        """
        try:
            struck = strike()
            key = (next_run, *self.volumes.devices(), self.worlds.name_of(self.volumes.world))
            known = self._known.get(key)
            if known:
                self.same += 1
                return replace(known, point=point, strike=struck, same=True)
            result = self.result_after(struck, point, next_run)
        except MountError as error:
            return self.unmountable(error, point, next_run)
        self._known[key] = result
        return result

    def unmountable(self, error: MountError, point: Point, next_run: str) -> Result:
        """Return the result of a point after which a volume cannot be mounted."""
        nothing = Completed(1, str(error))
        struck = Strike(fired=True, call="", completed=nothing)
        judgement = Judgement(None, (str(error),))
        return Result(self.scenario, point, struck, None, next_run, nothing, judgement)

    def judge(self, next_run: str) -> Judgement:
        """Judge what a next run has left; cache entries may have to be made anew."""
        first = super().judge(next_run)
        of_cache = all(line.startswith("cache: ") for line in first.litter)
        removing = self.scenario.verb == "uninstall"
        if first.sound or first.problems or not of_cache or removing:
            return first
        unmarked = _unmarked(self.sandbox.area("cache"))
        if unmarked or not all(map(self._may_be_lost, first.litter)):
            return replace(first, litter=(*unmarked, *first.litter))
        completed = self.sandbox.run(again_anew(self.scenario))
        actual = observe(self.sandbox, self.scenario)
        second = judge(self._made_anew(next_run), actual, self.scenario.cache)
        if second.sound and completed.status == 0:
            return replace(first, litter=())
        told = (*second.problems, *second.litter, completed.output)
        return Judgement(None, tuple(f"after installing anew: {line}" for line in told))

    def _may_be_lost(self, line: str) -> bool:
        """Return whether a line of litter is about what had not been flushed.

        The note of which entry a wheel has is written anew with the entry, and has no mark.
        """
        found = re.match(r"cache: (?:missing|changed|stray) +(\S+)", line)
        if not found:  # what is wrong by itself with an entry, which is marked
            return True
        named = re.match(self.scenario.cache.unit, found[1])
        unit = named[0] if named else found[1]
        path = self.sandbox.area("cache", unit)
        if os.path.exists(os.path.join(path, UNFLUSHED)) or _is_blank(path):
            return True
        made = any(unit in one.areas["cache"] for one in self._plain.values())
        return made and unit not in self._flushed

    def _made_anew(self, next_run: str) -> dict[State, Observation]:
        if next_run not in self._anew:
            command = self.scenario.next_runs[next_run]
            self._anew[next_run] = self.references(command, again_anew(self.scenario))
        return self._anew[next_run]


def again_anew(scenario: Scenario) -> Command:
    """Return the command that needs each cache entry that the scenario needs."""
    arguments = scenario.act.arguments
    whole = scenario.verb.startswith("cache-") or "--reinstall" in arguments
    return replace(scenario.act, arguments=arguments if whole else (*arguments, "--reinstall"))


def _stays(path: str, node: Node) -> bool:
    """Return whether something is neither ours alone nor a folder that a change has emptied."""
    return STATE not in path and node.kind != "folder"


def _is_blank(path: str) -> bool:
    """Return whether a file is there and its contents are not."""
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as stream:
        return not stream.read().strip(b"\0")


def _unsettled(world: str) -> list[str]:
    """Return the journals by which the next run would take a change back."""
    return [
        f"unsettled {folder}"
        for folder, _, files in os.walk(world)
        if os.path.basename(folder).startswith(STATE) and "journal" in files
    ]


def _unmarked(cache: str) -> list[str]:
    """Return what is wrong with entries that count as flushed."""
    entries = glob.glob(f"{cache}/v*/entries/*") + glob.glob(f"{cache}/v*/bytecode/*/*")
    marked = [
        os.path.relpath(entry, cache)
        for entry in entries
        if os.path.exists(os.path.join(entry, "unflushed"))
    ]
    return [
        f"cache: counts as flushed: {line}"
        for line in cache_check.problems(cache)
        if not any(line.startswith(f"{entry}:") for entry in marked)
    ]
