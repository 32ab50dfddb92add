"""What was aimed at, and whether it is reached.

Purpose: one row for each goal: a run in proportion to another one of the same rounds.

Calling sequence: ``table(results.kept(), best.known())``.

Guarantees: a goal that was not measured says so, and does not pass for one that is met.

Errors: none.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from integration.bench import rows
from integration.bench.gauges import TOGETHER
from integration.bench.results import ratio, ratios
from integration.bench.rows import OFF, OURS, OURS_COMPILED, UV, UV_COMPILED
from integration.faults.report import table as markdown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from integration.bench.best import Best
    from integration.bench.results import Result


@dataclass(frozen=True)
class Goal:
    """A run's figure divided by another's, and the most that it should be.

    :param what: what is done, and what it is compared with
    """

    what: str
    group: str
    corpus: str
    run: str
    base: str
    limit: float

    @property
    def key(self) -> str:
        """What it is called, alone of all."""
        return f"{self.what}: {self.corpus}"


GOALS = (
    Goal("warm install, known environment", "warm", "small", OURS, UV, 1.25),
    Goal("warm install, environment never seen", "new", "small", OURS, UV, 0.35),
    Goal("warm install", "warm", "app", OURS, UV, 0.65),
    Goal("warm install", "warm", "big", OURS, UV, 0.8),
    Goal("warm with bytecode, uv without", "warm", "app", OURS_COMPILED, UV, 0.9),
    Goal("warm with bytecode, uv without", "warm", "big", OURS_COMPILED, UV, 1.2),
    Goal("warm with bytecode", "bytecode", "app", OURS_COMPILED, UV_COMPILED, 1 / 60),
    Goal("warm with bytecode", "bytecode", "big", OURS_COMPILED, UV_COMPILED, 1 / 60),
    Goal("cold with bytecode", "cold-bytecode", "app", OURS_COMPILED, UV_COMPILED, 1.0),
    Goal("cold with bytecode", "cold-bytecode", "big", OURS_COMPILED, UV_COMPILED, 1.0),
    Goal("warm copies", "copy", "app", f"{OURS}, copy", f"{UV}, copy", 0.6),
    Goal("cold, --sync off", "cold", "app", OFF, UV, 0.6),
    Goal("cold, --sync off", "cold", "big", OFF, UV, 0.6),
    Goal("cold", "cold", "app", OURS, UV, 1.0),
    Goal("cold", "cold", "big", OURS, UV, 1.0),
    Goal("upgrade of 20 of 75 wheels", "upgrade", "app", OURS, UV, 0.8),
    Goal("all wheels there already", "unchanged", "app", OURS, UV, 0.8),
    Goal("uninstall everything", "uninstall", "app", OURS, UV, 0.5),
    Goal("uninstall everything", "uninstall", "big", OURS, UV, 0.5),
    Goal("environment removed, `rm -rf`", "remove", "big", OURS, rows.RM, 1.1),
    Goal("peak memory, warm", "memory", "big", OURS + TOGETHER, UV + TOGETHER, 0.6),
    Goal("peak memory, cold", "memory-cold", "big", OURS + TOGETHER, UV + TOGETHER, 0.5),
    Goal(
        "warm with bytecode, `python -m installer` with its own", "peers", "app", OURS_COMPILED,
        rows.INSTALLER_COMPILED, 1 / 100,
    ),
)  # fmt: skip


def table(
    results: Mapping[tuple[str, str], Result],
    bests: Mapping[str, Best],
    goals: Iterable[Goal] = GOALS,
) -> str:
    """Return the Markdown table of all goals.

    :param bests: the best that was ever reached, by the goal's key
    """
    heads = (
        "what, compared with uv unless named", "wheels", "at most", "measured", "met",
        "best so far (commit, day)",
    )  # fmt: skip
    return markdown(heads, [_row(goal, results, bests) for goal in goals]) + "\n"


def measured(goal: Goal, results: Mapping[tuple[str, str], Result]) -> list[float]:
    """Return the ratios of each round, whose median a goal is held to; none if not measured."""
    series = _series(goal, results)
    return [] if series is None else ratios(*series)


def _series(
    goal: Goal, results: Mapping[tuple[str, str], Result]
) -> tuple[list[float], list[float]] | None:
    result = results.get((goal.group, goal.corpus))
    if result is None or not {goal.run, goal.base} <= result.series.keys():
        return None
    return result.series[goal.run], result.series[goal.base]


def _row(
    goal: Goal, results: Mapping[tuple[str, str], Result], bests: Mapping[str, Best]
) -> tuple[str, ...]:
    limit, best = f"{goal.limit:.3g}", str(bests.get(goal.key, "?"))
    series = _series(goal, results)
    if series is None:
        return goal.what, goal.corpus, limit, "not measured", "?", best
    met = "yes" if statistics.median(ratios(*series)) <= goal.limit else "**no**"
    return goal.what, goal.corpus, limit, ratio(*series), met, best
