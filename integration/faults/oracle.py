"""Old, new or broken: the judge of every fault.

Purpose: after a fault and one next run, the environment must be what that next run
makes of the exact old state, or of the exact new one; nothing may lie about in
the cache, the temp folder or the home; each RECORD must hold; the interpreter must
find what it should.

Calling sequence::

    references = {"old": observe(...), "new": observe(...)}   # without a fault
    judgement = judge(references, observe(...), rule)         # after one

An interpreter is asked once about each world: what it answers comes of the paths, the modes and
the bytes that are there, compiled files that fit their sources or not included, and these were
compared already. Times of unpacking and inode numbers, which differ each time, are nothing
that an import looks at.

Guarantees: exact; no difference is forgiven but uv's and our lock file ``.lock`` in
the root of the environment, and what ``CacheRule`` names.

Errors: ``OSError`` if something cannot be read.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from integration.faults import records
from integration.faults.sandbox import AREAS, Sandbox
from integration.faults.scenario import CacheRule, Command, Scenario, State
from integration.faults.snapshot import Node, Snapshot, difference, take

if TYPE_CHECKING:
    from collections.abc import Mapping

LOCK = frozenset({".lock"})
"""What a command may leave in the root of an environment, as uv does."""
STATES: tuple[State, ...] = ("new", "old")
"""The first of them counts where the two are the same."""


@dataclass(frozen=True)
class Observation:
    """A world as it is.

    :param areas: area -> what is in it
    :param records: what is wrong with the distributions
    :param probe: exit status and output of the scenario's probe
    :param cache: what is wrong with the cache
    :param strays: what lies beside the areas
    """

    areas: Mapping[str, Snapshot]
    records: tuple[str, ...]
    probe: tuple[int, str]
    cache: tuple[str, ...]
    strays: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judgement:
    """What the oracle says.

    :param state: ``old``, ``new`` (also where the two are the same), or nothing
    :param problems: what is wrong with the environment
    :param litter: what lies about outside it
    """

    state: State | None
    problems: tuple[str, ...] = field(default=())
    litter: tuple[str, ...] = field(default=())

    @property
    def sound(self) -> bool:
        """Whether nothing at all is wrong."""
        return self.state is not None and not self.problems and not self.litter


def observe(sandbox: Sandbox, scenario: Scenario) -> Observation:
    """Look at everything in the world of ``sandbox``."""
    areas: dict[str, Snapshot] = {area: take(sandbox.area(area)) for area in AREAS[1:]}
    areas["venv"] = environment(sandbox)
    told = _told(areas, scenario)
    if told not in sandbox.probed:
        sandbox.probed[told] = _probe(sandbox, scenario)
    wrong = tuple(records.problems(sandbox.library))
    cache = tuple(scenario.cache.check(sandbox.area("cache")))
    strays = tuple(sorted(set(os.listdir(sandbox.world)) - set(AREAS)))
    return Observation(areas, wrong, sandbox.probed[told], cache, strays)


def _told(areas: Mapping[str, Snapshot], scenario: Scenario) -> str:
    """Return a name for all that a probe can see."""
    volatile = re.compile(scenario.cache.volatile)
    name = hashlib.sha256(scenario.probe.encode())
    for area in ("venv", "cache"):
        for path, node in sorted(areas[area].items()):
            content = "" if area == "cache" and volatile.fullmatch(path) else node.content
            told = (area, path, node.kind, node.mode, content, node.owner)
            name.update(repr(told).encode())
    return name.hexdigest()


def _probe(sandbox: Sandbox, scenario: Scenario) -> tuple[int, str]:
    """Return exit status and output of a scenario's probe, 127 where there is no interpreter."""
    if not os.path.exists(sandbox.python):
        return 127, ""
    probe = sandbox.run(Command(("{python}", "-I", "-B", "-c", scenario.probe)))
    return probe.status, probe.output if probe.status == 0 else ""


def environment(sandbox: Sandbox) -> Snapshot:
    """Look at the environment alone."""
    return take(sandbox.area("venv"), ignore=LOCK)


def state_of(references: Mapping[State, Observation], actual: Snapshot) -> State | None:
    """Return which of two environments this is: new where they are the same."""
    for state in STATES:
        if references[state].areas["venv"] == actual:
            return state
    return None


def judge(
    references: Mapping[State, Observation], actual: Observation, rule: CacheRule
) -> Judgement:
    """Compare a world with the two that are right."""
    differences: dict[State, list[str]] = {
        state: difference(reference.areas["venv"], actual.areas["venv"])
        for state, reference in references.items()
    }
    state: State = "new" if len(differences["new"]) <= len(differences["old"]) else "old"
    nearest = references[state]
    others = re.compile(rule.temporary)
    temporary = {
        path: node for path, node in actual.areas["temp"].items() if not others.fullmatch(path)
    }
    litter = [
        f"{area}: {line}"
        for area, found in (("temp", temporary), ("home", actual.areas["home"]))
        for line in difference(nearest.areas[area], found)
    ]
    litter += [f"beside: {name}" for name in actual.strays if name not in nearest.strays]
    if not rule.ignore:
        caches = [reference.areas["cache"] for reference in references.values()]
        lines = [*_cache(caches, actual.areas["cache"], rule), *actual.cache]
        litter += [f"cache: {line}" for line in lines]
    problems = [f"not {state}: {line}" for line in differences[state]]
    problems += [line for line in actual.records if line not in nearest.records]
    if actual.probe != nearest.probe:
        problems.append(f"the probe says {actual.probe} instead of {nearest.probe}")
    return Judgement(None if differences[state] else state, tuple(problems), tuple(litter))


def _cache(references: list[Snapshot], actual: Snapshot, rule: CacheRule) -> list[str]:
    """Return what is wrong with a cache.

    Entry by entry it must be as in one of the references: a fault may come after
    some entries of a set were published and before the others were.
    """
    groups = [_entries(snapshot, rule) for snapshot in references]
    now = _entries(actual, rule)
    lines: list[str] = []
    for entry in sorted({*now, *groups[0], *groups[1]}):
        wrong = [difference(group.get(entry, {}), now.get(entry, {})) for group in groups]
        if all(wrong):
            nearest = min(wrong, key=len)
            lines += nearest
    return lines


def _entries(snapshot: Snapshot, rule: CacheRule) -> dict[str, Snapshot]:
    unit, optional = re.compile(rule.unit), re.compile(rule.optional)
    volatile = re.compile(rule.volatile)
    entries: dict[str, dict[str, Node]] = {}
    for path, node in snapshot.items():
        if optional.fullmatch(path):
            continue
        match = unit.match(path)
        kept = replace(node, content="") if volatile.fullmatch(path) else node
        entries.setdefault(match[0] if match else path, {})[path] = kept
    return dict(entries)
