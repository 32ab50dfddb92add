"""Commands of ours for an environment that is not tidy: chosen by chance, and their answers.

Purpose: what is asked of linkinstall, and what it says to that, as values that can be judged.

Calling sequence::

    asked = choose(place, wheels, chance)
    answer = ask(place, asked)
    points, _ = ask_counting(place, asked); ask_killed(place, asked, point)

Guarantees: with the same state and the same chance the same is chosen. A command that is killed
is so by ``integration/support/faulty_run.py``, before one of its calls that change the disk.

Errors: ``NoAnswerError`` where a command prints no JSON object, or a traceback.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from integration.faults.ownership import distributions
from integration.faults.scenario import Command
from integration.faults.scenarios import run
from integration.faults.untidy_places import LINKED
from integration.faults.untidy_wheels import MOVING
from integration.support.command import FAULTY_RUN, Fault

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

    from integration.faults.untidy_places import Place
    from integration.faults.untidy_wheels import Wheel

MODES = ("auto", "hardlink", "symlink", "copy", "clone")
OVERWRITE = "--overwrite-existing"
BUG = "bug"
"""The code of an error that calls itself a mistake in linkinstall."""
VERBS = {"install": 24, "uninstall": 10, "repair": 6, "repair --remove": 2, "repair --leftovers": 2,
         "repair --all": 2, "recover": 1, "decouple": 1}  # fmt: skip
"""What is asked -> how often."""
_HOW_MANY = (1, 1, 1, 2, 3)
_BOTH_MOVE = 0.1
_FLAGS = {
    OVERWRITE: 0.2,
    "--reinstall": 0.2,
    "--no-compile-bytecode": 0.3,
    "--compile-bytecode=1": 0.15,
    "--verify-cache=full": 0.1,
}
_WITHOUT_CACHE = 0.15
_FROM, _FULL, _ALL = 0.4, 0.3, 0.7


class NoAnswerError(Exception):
    """A command printed a traceback, or nothing that can be read."""


@dataclass(frozen=True)
class Asked:
    """A command.

    :param verb: one of ``VERBS``, or another command
    :param words: its words, without the environment
    :param projects: whom it is about
    """

    verb: str
    words: tuple[str, ...]
    projects: frozenset[str] = frozenset()

    @property
    def overwrites(self) -> bool:
        """Whether it may replace what stands in its way."""
        return OVERWRITE in self.words

    @property
    def removes(self) -> bool:
        """Whether its projects are to be gone."""
        return self.verb in {"uninstall", "repair --remove"}

    @property
    def repairs(self) -> bool:
        """Whether it is a form of ``repair``."""
        return self.verb.startswith("repair")

    def __str__(self) -> str:
        """Return its words, with wheels by their names."""
        return " ".join(os.path.basename(word) for word in self.words)


@dataclass(frozen=True)
class Answer:
    """What came of a command.

    :param status: its exit status, negative for a signal
    :param form: the JSON object that it printed; empty where it was killed
    """

    status: int
    form: Mapping[str, Any]

    @property
    def error(self) -> Mapping[str, Any]:
        """Its error; empty where there is none."""
        return self.form.get("error") or {}

    @property
    def actions(self) -> dict[str, str]:
        """What was done to each project."""
        return {one["name"]: one["action"] for one in self.form.get("changes", ())}

    @property
    def kept(self) -> set[str]:
        """The paths that it tells as kept."""
        return {one["path"] for one in self.form.get("kept", ())}

    def warns_of(self, path: str) -> bool:
        """Return whether a warning names a path itself, and not only one below it."""
        told = re.compile(re.escape(path) + r"(?![\w/.+-])")
        return any(told.search(one["message"]) for one in self.form.get("warnings", ()))

    def __str__(self) -> str:
        """Return the status, and the error where there is one."""
        return f"{self.status} {self.error.get('message', '')}".strip()


# ---------------------------------------------------------------- which


def choose(place: Place, wheels: Sequence[Wheel], chance: random.Random) -> Asked:
    """Return a command that somebody may give in this state."""
    (verb,) = chance.choices(list(VERBS), list(VERBS.values()))
    there = [one.project for one in distributions(place.libraries())]
    known = there or sorted({one.project for one in wheels})
    if verb == "install":
        return _install(wheels, chance)
    if verb == "uninstall":
        projects = chance.choices(known, k=chance.choice((1, 1, 2)))
        return Asked(verb, (verb, *projects), frozenset(projects))
    if verb in {"repair", "repair --remove"}:
        return _repair(verb, chance.choice(known), wheels, chance)
    if verb == "decouple" and place.kind in {"venv", LINKED}:
        more = ("--all",) if chance.random() < _ALL else ()
        return Asked(verb, ("venv", "decouple", place.environment, *more))
    about = frozenset(there) if verb == "repair --all" else frozenset[str]()
    words = ("recover",) if verb == "decouple" else tuple(verb.split())
    return Asked(" ".join(words), words, about)


def _install(wheels: Sequence[Wheel], chance: random.Random) -> Asked:
    chosen: dict[str, Wheel] = {}
    for _ in range(chance.choice(_HOW_MANY)):
        one = chance.choice(wheels)
        chosen.setdefault(one.project, one)
    moving = [[one for one in wheels if one.project == name] for name in MOVING]
    if all(moving) and chance.random() < _BOTH_MOVE:
        chosen = {name: chance.choice(of) for name, of in zip(MOVING, moving, strict=True)}
    mode = chance.choice(MODES)
    flags = [flag for flag, often in _FLAGS.items() if chance.random() < often]
    # Without a cache there is nothing that a symbolic link could lead to: refused as usage.
    flags += ["--no-cache"] if mode != "symlink" and chance.random() < _WITHOUT_CACHE else []
    if {"--no-compile-bytecode", "--compile-bytecode=1"} <= set(flags):
        flags.remove("--compile-bytecode=1")
    return install(chosen.values(), "--link-mode", mode, *flags)


def install(wheels: Sequence[Wheel] | Any, *options: str) -> Asked:
    """Return the installation of some wheels."""
    chosen = list(wheels)
    words = ("install", *(one.path for one in chosen), *options)
    return Asked("install", words, frozenset(one.project for one in chosen))


def _repair(verb: str, project: str, wheels: Sequence[Wheel], chance: random.Random) -> Asked:
    own = [one for one in wheels if one.project == project]
    words = ["repair", project, *verb.split()[1:]]
    words += ["--from", chance.choice(own).path] if own and chance.random() < _FROM else []
    words += ["--full"] if chance.random() < _FULL else []
    return Asked(verb, tuple(words), frozenset({project}))


# ---------------------------------------------------------------- asking


def ask(place: Place, asked: Asked, *more: str) -> Answer:
    """Let a command run to its end.

    :param more: further options, such as ``--dry-run``
    """
    done = place.sandbox.run(_command(place, asked, more))
    return _answer(done.status, done.output)


def ask_counting(place: Place, asked: Asked) -> tuple[int, Answer]:
    """Let a command run to its end, and return how many calls changed the disk."""
    answer = _watched(place, asked, ())
    with open(_log(place), encoding="utf-8") as stream:
        return sum(1 for _ in stream), answer


def ask_killed(place: Place, asked: Asked, point: int) -> Answer:
    """Kill a command before a call that changes the disk.

    :param point: the number of the call, from 1
    """
    return _watched(place, asked, (Fault(point, "kill"),))


def _command(place: Place, asked: Asked, more: Sequence[str] = ()) -> Command:
    # A command of the cache has no environment, and ``venv`` names its own.
    options = () if asked.words[0] in {"cache", "venv"} else place.options
    base = run(*asked.words, *options, *more, "--json")
    # No power is cut here.
    return Command(base.arguments, {**base.variables, "LINKINSTALL_SYNC": "off"})


def _watched(place: Place, asked: Asked, faults: Sequence[Fault]) -> Answer:
    base = _command(place, asked)
    told = f"[{','.join(one.to_text() for one in faults)}]"
    # Braces stand for names in a sandbox.
    place.sandbox.provisions["faults"] = told
    # Not -P: it takes the folder of its own off the path by itself.
    program = ("{harness}", "-s", "-B", str(FAULTY_RUN), _log(place), "{faults}")
    ours = base.arguments[base.arguments.index("linkinstall") + 1 :]
    done = place.sandbox.run(Command((*program, *ours), base.variables))
    return _answer(done.status, done.output)


def _log(place: Place) -> str:
    return os.path.join(place.sandbox.scratch, "calls.log")


def _answer(status: int, output: str) -> Answer:
    if status < 0:
        return Answer(status, {})
    if "Traceback (most recent call last)" in output:
        raise NoAnswerError(output)
    try:
        form, _ = json.JSONDecoder().raw_decode(output, max(output.find("{"), 0))
    except ValueError as error:
        raise NoAnswerError(f"status {status}, {output!r}") from error
    return Answer(status, form)
