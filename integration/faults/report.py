"""Tables for people, and details of what broke with how to see it again.

Purpose: the words of ``make kill`` and ``make rivals``.

Calling sequence: ``print(kill_table(swept))``, ``write_details(path, swept)``.

Guarantees: Markdown that can be put into the docs as it is.

Errors: ``OSError`` if the details cannot be written.
"""

from __future__ import annotations

import platform
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from integration.faults.runner import Swept
    from integration.faults.sweep import Result


def machine() -> str:
    """Return what the figures were measured on, one line."""
    return f"{platform.system()} {platform.release()}, Python {platform.python_version()}"


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def kill_table(swept: Sequence[Swept]) -> str:
    """Return one row for each scenario, and the sum.

    Old, new and broken count results: a point once for each next run.
    """
    heads = ("verb", "of", "mode", "points", "not fired", "old", "new", "broken")
    rows = [(s.scenario.verb, s.scenario.subject, s.scenario.mode, *_figures(s)) for s in swept]
    sums = [sum(row[column] for row in map(_figures, swept)) for column in range(5)]
    return table(heads, [*rows, ("**all**", "", "", *sums)])


def _figures(swept: Swept) -> tuple[int, int, int, int, int]:
    points = {result.point for result in swept.results}
    missed = {result.point for result in swept.unfired}
    sound = [result.judgement.state for result in swept.results if result.sound]
    broken = len(swept.broken) + bool(swept.error)
    return len(points), len(missed), sound.count("old"), sound.count("new"), broken


def write_details(path: Path, swept: Sequence[Swept]) -> None:
    """Write what is wrong with each broken or unfired point to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = [f"# What broke\n\n{machine()}\n"]
    for sweep in swept:
        if sweep.error:
            parts.append(f"## {sweep.scenario.name}\n\n```\n{sweep.error}\n```\n")
        parts += map(_detail, [r for r in sweep.results if not r.sound or not r.strike.fired])
    path.write_text("\n".join(parts), encoding="utf-8")


def reproduce(result: Result) -> str:
    """Return the command that strikes the same point again and keeps what it leaves."""
    return (
        f"{sys.executable} -m integration.faults.kill --scenario {result.scenario.name} "
        f"--point {result.point} --next {result.next_run} --keep FOLDER"
    )


def explain(result: Result) -> str:
    """Return what is wrong with a result, one line for each thing."""
    lines = [] if result.strike.fired else ["the point did not fire"]
    if result.next_run_failed:
        lines.append(f"{result.next_run} ended with {result.completed.status}")
    lines += [*result.judgement.problems, *result.judgement.litter]
    return "\n".join(lines) or f"sound, {result.judgement.state}"


def _detail(result: Result) -> str:
    return (
        f"## {result.scenario.name}, {result.point}, {result.next_run}\n\n"
        f"killed before `{result.strike.call}`\n\n"
        f"```\n{explain(result)}\n```\n\n"
        f"output of the next run:\n\n```\n{result.completed.output.strip()}\n```\n\n"
        f"    {reproduce(result)}\n"
    )
