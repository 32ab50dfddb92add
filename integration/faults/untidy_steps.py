"""The steps of a seed: planned, done up to the first that goes wrong, and made fewer.

Purpose: a fault that chance has found can be repeated, and told in as few steps as it takes.

Calling sequence::

    ended = execute(bench, wheels, seed, plan(seed, 30))
    ended.problem, ended.told
    short = shrink(bench, wheels, ended)

Guarantees: the same seed and steps do the same. Each step has a chance of its own, whichever
steps were left out before it. Where another tool has removed the environment itself, a seed
ends.

Errors: none of its own.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from integration.faults.untidy_places import KINDS
from integration.faults.untidy_session import Session, WrongError
from integration.faults.untidy_wheels import few

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from integration.faults.untidy_judge import Problem
    from integration.faults.untidy_places import Bench
    from integration.faults.untidy_session import Tally
    from integration.faults.untidy_wheels import Wheel

_OURS = 0.5
_FIRST = 2
"""So many steps are ours in any case: there is nothing yet that others could act on."""
_SHRINKING = 60.0
"""Seconds for making one of them short."""


@dataclass(frozen=True)
class Step:
    """One of them.

    :param number: its place in the plan, by which it is named
    :param ours: a command of ours, or an act of others
    :param seed: of its own chance
    """

    number: int
    ours: bool
    seed: int


@dataclass(frozen=True)
class Ended:
    """What came of a seed.

    :param kind: of the environment
    :param steps: those that were done, the one that went wrong the last of them
    :param told: a line for each thing that was done
    :param problem: what is wrong, or nothing
    :param tally: how often each thing was done
    """

    seed: int
    kind: str
    steps: tuple[Step, ...]
    told: tuple[str, ...]
    problem: Problem | None
    tally: Tally


def plan(seed: int, count: int) -> list[Step]:
    """Return the steps of a seed."""
    chance = random.Random(f"plan {seed}")  # noqa: S311 nothing secret
    return [
        Step(number, number < _FIRST or chance.random() < _OURS, chance.getrandbits(32))
        for number in range(count)
    ]


def execute(bench: Bench, wheels: Sequence[Wheel], seed: int, steps: Iterable[Step]) -> Ended:
    """Do some steps of a seed, up to the first that goes wrong."""
    chance = random.Random(f"place {seed}")  # noqa: S311 nothing secret
    (kind,) = chance.choices(list(KINDS), list(KINDS.values()))
    session = Session(bench, kind, few(wheels, chance))
    done: list[Step] = []
    problem = None
    try:
        for step in steps:
            if not session.place.stands:
                break
            done.append(step)
            own = random.Random(step.seed)  # noqa: S311 nothing secret
            session.ours(own) if step.ours else session.theirs(own)
    except WrongError as wrong:
        problem = wrong.problem
    return Ended(seed, kind, tuple(done), tuple(session.told), problem, session.tally)


def shrink(bench: Bench, wheels: Sequence[Wheel], ended: Ended) -> Ended:
    """Return the same with as few steps as still go wrong in the same way."""
    best, end = ended, time.monotonic() + _SHRINKING
    number = len(best.steps) - 1
    while number > 0 and time.monotonic() < end:
        number -= 1
        steps = (*best.steps[:number], *best.steps[number + 1 :])
        again = execute(bench, wheels, ended.seed, steps)
        if again.problem and ended.problem and again.problem.kind == ended.problem.kind:
            best = again
            number = min(number, len(best.steps) - 1)
    return best
