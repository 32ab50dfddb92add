"""Tables for people, and details of what broke with how to see it again.

Purpose: the words of ``make kill`` and ``make rivals``.

Calling sequence: ``print(kill_table(swept))``, ``write_details(path, swept)``,
``put(page, marks("make proof"), text)``.

Guarantees: Markdown that can be put into the docs as it is.

Errors: ``OSError`` if the details cannot be written; ``ValueError`` where a page lacks marks.
"""

from __future__ import annotations

import os
import platform
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from integration.faults.figures import Figure

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from integration.faults.runner import Swept
    from integration.faults.sweep import Result

DETAILS_VARIABLE = "PROOF_DETAILS"
_ROOT = Path(__file__).parents[2]
PAGE = _ROOT / "docs" / "explanation" / "promises.md"


def machine() -> str:
    """Return what the figures were measured on, one line."""
    return f"{platform.system()} {platform.release()}, Python {platform.python_version()}"


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def marks(writer: str) -> tuple[str, str]:
    """Return the lines between which a command writes into a page."""
    return f"<!-- written by {writer} -->", f"<!-- end of what {writer} writes -->"


def put(page: Path, between: tuple[str, str], text: str) -> None:
    """Replace what stands between two marks of a page.

    :raises ValueError: the page lacks one of them
    """
    begin, end = between
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"{page} lacks the marks {begin} and {end}")
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def kill_table(swept: Sequence[Swept]) -> str:
    """Return one row for each scenario, and the sum.

    Old, new and broken count results: a point once for each next run.
    """
    heads = ("verb", "of", "mode", "points", "not fired", "old", "new", "broken")
    rows = [(s.scenario.verb, s.scenario.subject, s.scenario.mode, *_figures(s)) for s in swept]
    sums = [sum(row[column] for row in map(_figures, swept)) for column in range(5)]
    return table(heads, [*rows, ("**all**", "", "", *sums)])


def grouped_table(swept: Sequence[Swept], heads: Sequence[str]) -> str:
    """Return one row for each ``where``, and the sum.

    What was left out because it led to the same as others has a column where there is any.

    :param heads: the names of what ``where`` is made of, separated by commas
    """
    groups: dict[str, list[Swept]] = {}
    for one in swept:
        groups.setdefault(one.where, []).append(one)
    counted = ["scenarios", "points", "not fired", "old", "new", "broken", "seconds"]
    counted += ["led to the same"] if any(one.same for one in swept) else []
    shown = len(counted)
    rows = [(*where.split(", "), *_sums(group)[:shown]) for where, group in groups.items()]
    total = ("**all**", *[""] * (len(heads) - 1), *_sums(swept)[:shown])
    return table((*heads, *counted), [*rows, total])


def _sums(swept: Sequence[Swept]) -> tuple[int, ...]:
    sums = [sum(row[column] for row in map(_figures, swept)) for column in range(5)]
    seconds, same = sum(one.seconds for one in swept), sum(one.same for one in swept)
    return (len(swept), *sums, round(seconds), same)


def _figures(swept: Swept) -> tuple[int, int, int, int, int]:
    points = {result.point for result in swept.results}
    missed = {result.point for result in swept.unfired}
    sound = [result.judgement.state for result in swept.results if result.sound]
    broken = len(swept.broken) + bool(swept.error)
    return len(points), len(missed), sound.count("old"), sound.count("new"), broken


def details(gate: str) -> Path:
    """Return the file that tells what broke in a gate.

    ``make proof`` runs pieces of one gate at once, and names a file for each of them.
    """
    named = os.environ.get(DETAILS_VARIABLE)
    return Path(named) if named else _ROOT / ".cache" / "faults" / f"{gate}.md"


def write_details(path: Path, swept: Sequence[Swept]) -> None:
    """Write what is wrong with each broken or unfired point to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = [f"# What broke\n\n{machine()}\n"]
    for sweep in swept:
        if sweep.error:
            parts.append(f"## {sweep.scenario.name} {sweep.where}\n\n```\n{sweep.error}\n```\n")
        wrong = [r for r in sweep.results if not r.sound or not r.strike.fired]
        parts += [_detail(one, sweep) for one in wrong]
    path.write_text("\n".join(parts), encoding="utf-8")


def begin_details(path: Path) -> None:
    """Begin the file that ``add_detail`` adds to: a long sweep tells at once what broke."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"# What broke\n\n{machine()}\n\n", encoding="utf-8")


def add_detail(path: Path, result: Result, swept: Swept) -> None:
    """Add what is wrong with one point to a file."""
    with path.open("a", encoding="utf-8") as stream:
        stream.write(_detail(result, swept) + "\n")


def figure(
    gate: str, what: str, swept: Sequence[Swept], seconds: float, parts: Sequence[str]
) -> Figure:
    """Return the sum of a gate.

    :param parts: what was left out, if anything was
    """
    return Figure(
        gate=gate,
        what=what,
        count=sum(len(one.results) for one in swept),
        unit="runs",
        broken=sum(len(one.broken) + bool(one.error) for one in swept),
        missed=sum(len(one.unfired) for one in swept),
        seconds=seconds,
        part=", ".join(parts),
        same=sum(one.same for one in swept),
    )


def conclude(swept: Sequence[Swept], figures: str, details: Path) -> int:
    """Print a gate's table, write the details, and return the exit status."""
    write_details(details, swept)
    print(f"{figures}\n\n{machine()}")
    if all(one.passed for one in swept):
        return 0
    print(f"What broke, and how to see it again: {details}")
    return 1


def reproduce(result: Result, program: str = "integration.faults.kill") -> str:
    """Return the command that strikes the same point again and keeps what it leaves."""
    return (
        f"{sys.executable} -m {program} --scenario {result.scenario.name} "
        f"--point {shlex.quote(str(result.point))} --next {result.next_run} --keep FOLDER"
    )


def explain(result: Result) -> str:
    """Return what is wrong with a result, one line for each thing."""
    lines = [] if result.strike.fired else ["the point did not fire"]
    lines += [result.survivors] if result.survivors else []
    if result.next_run_failed:
        lines.append(f"{result.next_run} ended with {result.completed.status}")
    lines += [*result.judgement.problems, *result.judgement.litter]
    return "\n".join(lines) or f"sound, {result.judgement.state}"


def _detail(result: Result, swept: Swept) -> str:
    where = f", {swept.where}" if swept.where else ""
    return (
        f"## {result.scenario.name}{where}, {result.point}, {result.next_run}\n\n"
        f"killed before `{result.strike.call}`\n\n"
        f"```\n{explain(result)}\n```\n\n"
        f"output of the next run:\n\n```\n{result.completed.output.strip()}\n```\n\n"
        f"    {reproduce(result, swept.program)}\n"
    )
