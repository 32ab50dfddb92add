"""The best that was ever reached of each goal.

Purpose: what is missed today on a busy machine may have been nearer before; the table of goals
tells both.

Calling sequence: ``known()``; ``improve(results)`` when figures are published.

Guarantees: :data:`FILE` has a line for each goal that was measured, in their order: the median
of the ratios of one run, the commit that was measured, and the day. A better one replaces it,
unless its rounds are wide apart, which tells of a busy machine, or it was measured of sources
that are in no commit. What is older than this file names the
commit that published it, and was taken from runs at the machine's usual speed only.

Errors: ``OSError`` where the file cannot be written, ``ValueError`` where it is damaged.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from integration.bench.goals import GOALS, measured

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from integration.bench.goals import Goal
    from integration.bench.results import Result

FILE = Path(__file__).with_name("best.json")
STEADY = 2.0
"""The highest ratio of a run over the lowest, up to which it counts."""


@dataclass(frozen=True)
class Best:
    """How near a goal was come, by which commit, when."""

    ratio: float
    commit: str
    day: str

    def __str__(self) -> str:
        return f"{self.ratio:.3g} ({self.commit}, {self.day})"


def known() -> dict[str, Best]:
    """Return what is written down, by :attr:`Goal.key`."""
    if not FILE.exists():
        return {}
    found = json.loads(FILE.read_text(encoding="utf-8"))
    return {key: Best(**one) for key, one in found.items()}


def improved(
    bests: Mapping[str, Best],
    results: Mapping[tuple[str, str], Result],
    goals: Iterable[Goal] = GOALS,
) -> dict[str, Best]:
    """Return the best of each goal, with what was measured now where that is better."""
    found = dict(bests)
    for goal in goals:
        of_rounds = measured(goal, results)
        if not of_rounds or max(of_rounds) > STEADY * min(of_rounds):
            continue
        result, ratio = results[goal.group, goal.corpus], statistics.median(of_rounds)
        if result.commit.endswith("-dirty"):
            continue
        if goal.key not in found or ratio < found[goal.key].ratio:
            found[goal.key] = Best(float(f"{ratio:.3g}"), result.commit, result.day)
    return {goal.key: found[goal.key] for goal in goals if goal.key in found}


def improve(results: Mapping[tuple[str, str], Result]) -> None:
    """Write down what is better now."""
    found = improved(known(), results)
    lines = (f"{json.dumps(key)}: {json.dumps(asdict(one))}" for key, one in found.items())
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
