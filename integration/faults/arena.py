"""Where a contest is held: one world, many commands at once, and the judge of what they leave.

Purpose: a round of ``make race``. All commands of a contest are let loose at the same moment, in
a sandbox; then what they said and what is there is compared with what some order of them would
have left.

Calling sequence::

    arena = Arena(contest, folder, paths)
    assert () == arena.round(seed).problems

Guarantees: see ``race``. What a command brings where nothing disturbs it is found out by running
it alone, once, before the first round that has it.

Errors: ``SetupError`` where it does not do its work even alone.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from integration.faults import crowd
from integration.faults.answers import KILLED, judge
from integration.faults.contests import ENVIRONMENT, THERE, VENV
from integration.faults.sandbox import NEIGHBOUR, Sandbox, SetupError
from integration.faults.scenario import Command, Scenario
from integration.faults.scenarios import RECOVER, run
from integration.faults.serial import explained
from integration.faults.soundness import Bare, around, brought, installed, litter, unsound

if TYPE_CHECKING:
    from integration.faults.contests import Contender, Contest
    from integration.faults.serial import Event
    from integration.faults.snapshot import Node

SECONDS = 240.0
"""A round that takes longer is a deadlock; on two processors one takes about a second. Below
``limits.LOCK_WAIT``, after which those that wait for each other would end by themselves."""
UV_CACHE = "uv-cache"
"""The folder of the world that uv has for its cache."""


@dataclass(frozen=True)
class Round:
    """One contest, once.

    :param seed: draws the same commands and the same victims again
    :param problems: what is wrong; nothing in a sound round
    :param ends: how the commands ended, counted
    :param seconds: how long they took
    """

    contest: Contest
    seed: int
    problems: tuple[str, ...]
    ends: Counter[str]
    seconds: float


class Arena:
    """One contest in a sandbox of its own.

    :param folder: an absolute path
    :param paths: see ``runner.provisions``
    :param right: the build that tells what a command does alone; default the same
    """

    def __init__(
        self, contest: Contest, folder: str, paths: dict[str, str], right: str = ""
    ) -> None:
        self.contest = contest
        self.folder = folder
        self.sandbox = Sandbox(os.path.join(folder, "sandbox"), paths)
        self._right = right or paths["source"]
        # The state before, without what the contest starts from.
        self.sandbox.build(_world(contest, ()))
        self._bare = [Bare.of(self.sandbox.area(VENV), self.sandbox.library)]
        self._alone: set[tuple[str, ...]] = set()
        self._known: dict[str, dict[str, dict[str, Node]]] = {VENV: self._brought(VENV)}
        if contest.prepare:
            self.sandbox.build(_world(contest, contest.prepare))
        self._outside = around(self.sandbox)
        self._base = _in_base()

    def round(self, seed: int) -> Round:
        """Let all commands loose at once, and judge."""
        contenders = self.contest.draw(random.Random(seed))  # noqa: S311 - not a secret
        for contender in contenders:
            self._learn(contender)
        self.sandbox.reset()
        begun = time.monotonic()
        answers, problems = self._crowd(contenders, seed)
        seconds = time.monotonic() - begun
        problems += self._recover(contenders, answers)
        events: dict[str, list[Event]] = {}
        ends: Counter[str] = Counter()
        for contender, answer in zip(contenders, answers, strict=True):
            end, event, wrong = judge(contender, answer, self.contest.losers | contender.losers)
            ends[end] += 1
            problems += [f"{' '.join(contender.command.arguments[-6:])}: {one}" for one in wrong]
            if event is not None and contender.where:
                events.setdefault(contender.where, []).append(event)
        places = dict.fromkeys((VENV, *(one.where for one in contenders if one.where)))
        for place in places:
            problems += [f"{place}: {one}" for one in self._wrong(place, events.get(place, []))]
        problems += litter(self.sandbox, self._outside, UV_CACHE, *places)
        if self._base != _in_base():
            problems.append(f"{_base_library()}, which no command names, was changed")
        return Round(self.contest, seed, tuple(problems), ends, seconds)

    def _crowd(
        self, contenders: list[Contender], seed: int
    ) -> tuple[list[dict[str, Any]], list[str]]:
        rule = self.contest.kill
        lock = self.sandbox.area("venv", ".lock")
        job = {
            "folder": os.path.join(self.folder, "streams"),
            "seconds": SECONDS,
            "seed": seed,
            "commands": [self._words(one) for one in contenders],
            "width": self.contest.width,
            "kill": {"what": rule[0], "times": rule[1], "lock": lock} if rule else None,
        }
        asked, answer = (os.path.join(self.folder, name) for name in ("job", "answer"))
        Path(asked).write_text(json.dumps(job), encoding="utf-8")
        program = ("{harness}", "-P", "-s", "-B", crowd.__file__, asked, answer)
        variables: dict[str, str] = {}
        for one in contenders:
            variables |= one.command.variables
        if any(not one.ours for one in contenders):
            variables["UV_CACHE_DIR"] = f"{{venv}}/../{UV_CACHE}"
        completed = self.sandbox.run(Command(program, variables))
        if completed.status:
            raise RuntimeError(completed.output)
        problems = ["processes were left behind that did not end"] if completed.timed_out else []
        return json.loads(Path(answer).read_text(encoding="utf-8")), problems

    def _words(self, contender: Contender) -> list[str]:
        words = self.sandbox.expand(contender.command)
        return words[words.index("linkinstall") + 1 :] if contender.ours else words

    def _recover(self, contenders: list[Contender], answers: list[dict[str, Any]]) -> list[str]:
        """Run what the next person would, where somebody was killed."""
        places = {
            contender.where or VENV
            for contender, answer in zip(contenders, answers, strict=True)
            if answer["status"] == KILLED
        }
        problems = []
        for place in sorted(places):
            target = run("recover", "--target", f"{{venv}}/../{place}")
            completed = self.sandbox.run(RECOVER if place == VENV else target)
            if completed.status or "Traceback" in completed.output:
                problems.append(f"recover of {place} ends with {completed.status}")
        return problems

    def _learn(self, contender: Contender) -> None:
        """Find out what a command leaves that nothing disturbs, unless that is known."""
        effect, where = contender.effect, contender.where
        brings = {f"{n}-{version}" for n, version in effect.items() if version and n != ENVIRONMENT}
        known = self._known.setdefault(where, {})
        words = contender.command.arguments
        if not contender.ours or words in self._alone:
            return
        if brings <= known.keys() and ENVIRONMENT not in effect:
            return
        self._alone.add(words)
        self.sandbox.reset()
        command = contender.command
        alone = replace(command, variables={**command.variables, "PYTHONPATH": self._right})
        # An interpreter that is kept ready has imported the build that is put to the test.
        completed = self.sandbox.run(alone, fresh=True)
        found = self._brought(where)
        if not brings <= found.keys():
            raise SetupError(f"alone, a command does not do its work:\n{completed.output}")
        known |= {name: paths for name, paths in found.items() if name not in known}
        if ENVIRONMENT in effect:
            self._bare.append(Bare.of(self.sandbox.area(where), self._library(where)))

    def _brought(self, place: str) -> dict[str, dict[str, Node]]:
        return brought(self.sandbox.area(place), self._library(place))

    def _library(self, place: str) -> str:
        return self.sandbox.library if place == VENV else self.sandbox.area(place)

    def _wrong(self, place: str, events: list[Event]) -> list[str]:
        """Return what is wrong with an environment."""
        root, library = self.sandbox.area(place), self._library(place)
        end = installed(library)
        start: dict[str, str] = {}
        if place == VENV:
            name, _, version = NEIGHBOUR.partition("-")
            start = {name: version, ENVIRONMENT: THERE, **self.contest.start}
            end |= {ENVIRONMENT: THERE} if os.path.isdir(root) else {}
            # What virtualenv brings is there with the environment.
            seeds = {name for one in self._bare[1:] for name in one.projects.keys() - start.keys()}
            end = {name: version for name, version in end.items() if name not in seeds}
        found = [f"{name}: no serial order" for name in explained(start, end, events)]
        bare = self._bare if place == VENV else [Bare()]
        wrong = [unsound(root, library, one, self._known[place]) for one in bare]
        return [*found, *min(wrong, key=len)]


@cache
def _base_library() -> str:
    """Return where the installation that the environments are made from installs to."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    command = [os.path.realpath(sys.executable), "-I", "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _in_base() -> set[str]:
    """Return the names there; none where, as on a bare Debian, there is no such folder yet."""
    return set(os.listdir(_base_library())) if os.path.isdir(_base_library()) else set()


def _world(contest: Contest, prepare: tuple[Command, ...]) -> Scenario:
    return Scenario(
        tool="linkinstall",
        verb="race",
        subject=contest.name,
        mode="any",
        prepare=prepare,
        act=RECOVER,
        next_runs={},
        probe="",
        works_in=(),
    )
